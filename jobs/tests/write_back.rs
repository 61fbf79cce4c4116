//! The write-back against the simulated Zabbix of the devkit, both versions: each thing is told at most once.

#![expect(clippy::unwrap_used, reason = "a test may panic, and so may what it is made of")]

use std::collections::BTreeMap;
use std::time::Duration;

use heat::cache::Fence;
use heat::config::Secret;
use heat::db::Db;
use heat::db::acknowledgements::{Of, Terms};
use heat::db::audit::Actor;
use heat::db::openings::Opening;
use heat::db::roles::Roles;
use heat::event::{event_key, opening_id};
use heat::severity::Severity;
use heat::time::Timestamp;
use heat_devkit::backends::Postgres;
use heat_devkit::eventually;
use heat_devkit::sim::{Fault, Rule, Version, Zabbix, ZabbixOptions};
use heat_jobs::schedule::Work;
use heat_jobs::upstream::zabbix::{Acknowledger, Options};
use heat_jobs::write_back::WriteBack;

const PATIENCE: Duration = Duration::from_secs(30);

struct Desk {
    /// As the owner of the tables, who stands in for the API too.
    db: Db,
    /// As the job comes in.
    updater: Db,
    zabbix: Zabbix,
    number: u64,
    _postgres: Postgres,
}

impl Desk {
    /// A problem that history knows.
    async fn open(version: Version) -> Self {
        let postgres = Postgres::shared().await.unwrap();
        let url = postgres.fresh_database().await.unwrap();
        let db = Db::new(&Secret::new(&url), 4).unwrap();
        db.migrate().await.unwrap();
        db.grant_roles(&Roles::default()).await.unwrap();
        let updater = Postgres::url_as(&url, "heat_updater").unwrap();
        let updater = Db::new(&Secret::new(updater), 4).unwrap();
        let zabbix = Zabbix::start(ZabbixOptions { version, ..ZabbixOptions::default() }).await.unwrap();
        zabbix.add_host("srv-1");
        let number = zabbix.fire("srv-1", "ICMP", 4);
        let desk = Self { db, updater, zabbix, number, _postgres: postgres };
        let Of { event_id: id, event_key: key, since, severity } = desk.of();
        let (source, host, name) = ("zabbix".into(), "srv-1".into(), "ICMP".into());
        let opening =
            Opening { id, key, source, host, name, device_id: None, rack_id: None, severity, since };
        desk.db.record_openings(Fence::from_number(1), &[opening], &[], Timestamp::now()).await.unwrap();
        desk
    }

    fn of(&self) -> Of {
        Of {
            event_id: opening_id("zabbix", &self.number.to_string(), "srv-1"),
            event_key: event_key("zabbix", "1", "srv-1"),
            since: Timestamp::now(),
            severity: Severity::High,
        }
    }

    /// The job of one updater; it looks for what one before it left after this time.
    fn job(&self, fence: i64, read_back_after: Duration) -> WriteBack {
        let url = self.zabbix.url().parse().unwrap();
        let options = Options::new("zabbix", url, Secret::new(self.zabbix.token()));
        let sources = BTreeMap::from([("zabbix".to_owned(), Acknowledger::new(&options).unwrap())]);
        WriteBack::new(self.updater.clone(), Fence::from_number(fence), sources, read_back_after)
    }

    async fn acknowledge(&self, text: &str) {
        let terms = Terms { text: text.into(), ..Terms::default() };
        self.db.acknowledge(&ann(), &[self.of()], &terms).await.unwrap();
    }

    async fn withdraw(&self) {
        let ended = self.db.withdraw_acknowledgements(&ann(), &[self.of()]).await.unwrap();
        assert_eq!(ended.len(), 1);
    }

    fn is_acknowledged(&self) -> bool {
        self.zabbix.open_problems()[0].acknowledged
    }

    /// How often the simulator was asked to change something.
    fn told(&self) -> usize {
        self.zabbix.asked_for("event.acknowledge").len()
    }
}

fn ann() -> Actor {
    Actor { name: "ann".into(), via: "off", request_id: "r".into() }
}

#[tokio::test(flavor = "multi_thread")]
async fn zabbix_is_told_of_an_acknowledgement_and_of_its_end_each_once() {
    for version in [Version::V6_0, Version::V7_0] {
        let desk = Desk::open(version).await;
        let mut job = desk.job(1, PATIENCE);
        job.run().await.unwrap();
        assert_eq!(desk.told(), 0, "there is nothing to tell");
        desk.acknowledge("on it").await;
        job.run().await.unwrap();
        job.run().await.unwrap();
        assert_eq!((desk.told(), desk.is_acknowledged()), (1, true));
        desk.acknowledge("still on it").await;
        job.run().await.unwrap();
        assert_eq!((desk.told(), desk.is_acknowledged()), (2, true), "the end of the one before is not told");
        desk.withdraw().await;
        job.run().await.unwrap();
        job.run().await.unwrap();
        assert_eq!((desk.told(), desk.is_acknowledged()), (3, false));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_updater_sent_and_did_not_live_to_note_is_not_told_twice() {
    for version in [Version::V6_0, Version::V7_0] {
        let desk = Desk::open(version).await;
        for (fence, given) in [(1, true), (3, false)] {
            if given {
                desk.acknowledge("on it").await;
            } else {
                desk.withdraw().await;
            }
            let before = desk.told();
            desk.zabbix.inject(Rule::from(Fault::CommitThenDrop).on("event.acknowledge"));
            assert!(desk.job(fence, Duration::ZERO).run().await.is_err(), "it was perhaps told");
            assert_eq!(desk.is_acknowledged(), given, "it was");
            desk.zabbix.clear_faults();
            desk.job(fence + 1, Duration::ZERO).run().await.unwrap();
            desk.job(fence + 1, Duration::ZERO).run().await.unwrap();
            assert_eq!((desk.told(), desk.is_acknowledged()), (before + 1, given));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_that_was_broken_off_is_not_looked_for_before_it_had_time_to_arrive() {
    let desk = Desk::open(Version::V7_0).await;
    desk.acknowledge("on it").await;
    desk.zabbix.inject(Rule::from(Fault::slow(PATIENCE)).on("event.acknowledge"));
    let mut first = desk.job(1, PATIENCE);
    let sending = tokio::spawn(async move { first.run().await.map(drop) });
    eventually("the request", PATIENCE, async || (desk.told() == 1).then_some(())).await.unwrap();
    sending.abort();
    assert!(sending.await.unwrap_err().is_cancelled());
    desk.zabbix.clear_faults();
    desk.job(2, PATIENCE).run().await.unwrap();
    assert_eq!((desk.told(), desk.zabbix.asked_for("event.get").len()), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_did_not_arrive_is_told_again_and_what_was_refused_is_tried_later() {
    let desk = Desk::open(Version::V7_0).await;
    desk.acknowledge("on it").await;
    desk.zabbix.inject(Rule::from(Fault::Reset).on("event.acknowledge"));
    assert!(desk.job(1, Duration::ZERO).run().await.is_err());
    let tries = desk.told();
    assert_eq!(tries, 1, "no second attempt without having asked");
    desk.zabbix.clear_faults();
    desk.job(1, Duration::ZERO).run().await.unwrap();
    assert!(desk.is_acknowledged());
    assert_eq!(desk.zabbix.asked_for("event.get").len(), 1, "it asked first");

    desk.withdraw().await;
    desk.zabbix.inject(Rule::from(Fault::Forbidden).on("event.acknowledge"));
    let mut job = desk.job(1, PATIENCE);
    job.run().await.unwrap();
    assert!(desk.is_acknowledged());
    job.run().await.unwrap();
    assert_eq!(desk.told(), tries + 2, "not again at once");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_over_needs_no_word_and_a_deposed_updater_says_none() {
    let desk = Desk::open(Version::V7_0).await;
    desk.acknowledge("on it").await;
    desk.job(7, PATIENCE).run().await.unwrap();
    desk.withdraw().await;
    assert!(desk.job(6, PATIENCE).run().await.is_err());
    assert_eq!(desk.told(), 1);
    let id = desk.of().event_id;
    desk.db.record_openings(Fence::from_number(7), &[], &[&id], Timestamp::now()).await.unwrap();
    desk.job(7, PATIENCE).run().await.unwrap();
    assert_eq!(desk.told(), 1);
}
