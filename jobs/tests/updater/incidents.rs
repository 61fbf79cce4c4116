//! Racks whose devices fall together, and the tickets opened on them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use heat::db::audit::Actor;
use heat::db::tickets::{Asked, NewMember, NewTicket};
use heat::handled::Handled;
use heat::snapshot::Status;
use heat::ticket::Draft;
use heat_devkit::eventually;
use heat_devkit::scenario;
use heat_devkit::sim::{Raise, Startrek, StartrekOptions};
use heat_devkit::world::World;
use serde_json::json;

use crate::PATIENCE;
use crate::stage::{Stage, event, source};

const UNREACHABLE: &str = "Unavailable by ICMP ping";

impl Stage {
    fn lose(&self, host: &str) {
        self.zabbix.raise(&Raise::new(host, UNREACHABLE).severity(4).tag("scope", "availability"));
    }

    /// A rack of five hosts.
    fn fill_a_rack(&self) -> [&'static str; 5] {
        let hosts = ["web-1", "web-2", "web-3", "web-4", "web-5"];
        let devices: Vec<_> = (11..)
            .zip(hosts)
            .map(|(id, host)| json!({"id": id, "name": host, "mounts": [{"rack_id": 1, "unit": id}]}))
            .collect();
        let rack = json!({"id": 1, "name": "R1", "height": 42});
        self.write_inventory(&json!({"racks": [rack], "devices": devices}).to_string());
        for host in hosts {
            self.zabbix.add_host(host);
        }
        hosts
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rack_that_loses_power_on_an_ordinary_day_is_one_incident_and_no_event_is_lost() {
    let stage = Stage::set().await;
    let demo = scenario::Stage {
        world: Arc::new(World::demo()),
        zabbix: Arc::clone(&stage.zabbix),
        juggler: Arc::clone(&stage.juggler),
        startrek: Arc::new(Startrek::start(StartrekOptions::default()).await.unwrap()),
        power_loss_after: None,
    };
    stage.zabbix.load(&demo.world);
    stage.write_inventory(&demo.world.inventory_json());
    demo.open();
    let _updater = stage.updater();
    let ordinary = stage.snapshot_where(|s| source(s, "zabbix").status == Status::Ok).await;
    assert!(ordinary.incidents.is_empty(), "{:?}", ordinary.incidents);

    demo.play(scenario::Scenario::RackPowerLoss).await;
    let problems = stage.zabbix.open_problems();
    let open: BTreeSet<_> = problems
        .iter()
        .flat_map(|p| p.hosts.iter().map(|host| (p.event_id.to_string(), host.clone())))
        .collect();
    let dark = stage.snapshot_where(|s| s.events.len() >= open.len()).await;
    let shown: BTreeSet<_> = dark
        .events
        .iter()
        .map(|e| (e.reference.get("eventid").unwrap().to_owned(), e.host.to_string()))
        .collect();
    assert_eq!(shown, open);
    assert_eq!(dark.events.len(), open.len());
    assert_eq!(dark.incidents.len(), 1, "{:?}", dark.incidents);
    let incident = &dark.incidents[0];
    let monitored = demo.world.devices_of_rack(incident.rack_id).filter(|d| !d.fqdn.is_empty()).count();
    assert_eq!(incident.reason, format!("{monitored} of {monitored} devices unreachable"));
    let members = dark.events.iter().filter(|e| e.incident.as_deref() == Some(&*incident.key));
    assert_eq!(members.count(), usize::try_from(incident.members).unwrap());
    assert!(usize::try_from(incident.members).unwrap() >= monitored);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_incident_keeps_its_key_when_another_updater_takes_over_though_its_first_device_is_back() {
    let stage = Stage::set().await;
    let hosts = stage.fill_a_rack();
    for (host, ago) in hosts.into_iter().zip([90, 0, 0, 0]) {
        let since = chrono::Utc::now().timestamp() - ago;
        let raise = Raise::new(host, UNREACHABLE).severity(4).tag("scope", "availability");
        stage.zabbix.raise(&raise.at(since));
    }
    let mut first = stage.updater();
    let before = stage.snapshot_where(|s| !s.incidents.is_empty()).await;
    first.kill9().unwrap();
    stage.zabbix.resolve(hosts[0], UNREACHABLE);
    let _second = stage.updater();
    let after = stage.snapshot_where(|s| event(s, hosts[0]).is_none()).await;
    assert_eq!(after.incidents.len(), 1);
    assert_eq!(after.incidents[0].key, before.incidents[0].key);
    assert_eq!(after.incidents[0].reason, "3 of 5 devices unreachable");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_joins_an_incident_comes_under_the_ticket_that_was_opened_on_it() {
    let stage = Stage::set().await;
    let hosts = stage.fill_a_rack();
    for host in &hosts[..4] {
        stage.lose(host);
    }
    let _updater = stage.updater_with_tickets();
    let shown = stage.snapshot_where(|s| !s.incidents.is_empty()).await;
    let member = |host| {
        let event = event(&shown, host).unwrap();
        NewMember {
            event_id: event.id.to_string(),
            event_key: event.key.to_string(),
            since: event.since,
            member: json!({ "host": host }),
        }
    };
    let new = NewTicket {
        draft: Draft { queue: "NOC".into(), summary: "R1 is dark".into(), ..Draft::default() },
        existing: Some("NOC-7".into()),
        template: None,
        comment_on_more: None,
        comment_on_clear: None,
        severity: heat::severity::Severity::High,
        incident: Some(shown.incidents[0].key.to_string()),
        members: hosts[..4].iter().map(|host| member(*host)).collect(),
        force: false,
        idempotency_key: "r".into(),
        request_digest: "d".into(),
        quiet: Duration::from_mins(10),
    };
    let actor = Actor { name: "ann".into(), via: "off", request_id: "r".into() };
    let Asked::Made(ticket) = stage.db.ask_for_ticket(&actor, &new).await.unwrap() else {
        panic!("no ticket was made");
    };
    stage.cache.tell_changed().await.unwrap();

    stage.lose(hosts[4]);
    stage.zabbix.fire("srv-1", "Disk is full", 3);
    let joined =
        stage.snapshot_where(|s| event(s, hosts[4]).is_some_and(|event| event.ticket.is_some())).await;
    let last = event(&joined, hosts[4]).unwrap();
    assert_eq!(last.incident.as_deref(), new.incident.as_deref());
    assert_eq!((last.ticket.as_ref().unwrap().id, last.handled), (ticket.id, Some(Handled::Ticketed)));
    let (members, _) = stage.db.ticket_contents(ticket.id).await.unwrap();
    let added: Vec<_> = members.iter().filter(|member| member.added_by == "heat").collect();
    assert_eq!(added.iter().map(|member| member.event_id.as_str()).collect::<Vec<_>>(), [&*last.id]);
    // What joins no incident joins no ticket.
    let other = eventually("the other event", PATIENCE, async || {
        event(&stage.snapshot().await?, "srv-1").map(|event| event.ticket.is_none())
    });
    assert!(other.await.unwrap());
}
