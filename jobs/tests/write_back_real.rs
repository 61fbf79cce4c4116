//! The write-back against a real Zabbix: `infra/test --real`.

#![expect(clippy::unwrap_used, reason = "a test may panic, and so may what it is made of")]

use std::collections::BTreeMap;
use std::env;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use heat::cache::Fence;
use heat::config::Secret;
use heat::db::Db;
use heat::db::acknowledgements::{Of, Terms};
use heat::db::audit::Actor;
use heat::db::openings::Opening;
use heat::event::{event_key, opening_id};
use heat::severity::Severity;
use heat::time::Timestamp;
use heat_devkit::backends::Postgres;
use heat_devkit::eventually;
use heat_devkit::proxy::Proxy;
use heat_jobs::schedule::Work;
use heat_jobs::upstream::zabbix::{Acknowledger, Options};
use heat_jobs::write_back::WriteBack;
use serde_json::{Value, json};
use url::Url;

const PATIENCE: Duration = Duration::from_mins(1);
const HOST: &str = "srv-00002";

/// `infra/real/zabbix fire`, or `resolve`; returns when Zabbix has it.
fn zabbix(verb: &str) {
    let tool = Path::new(env!("CARGO_MANIFEST_DIR")).join("../infra/real/zabbix");
    let done = Command::new(tool).args([verb, &format!("{HOST}:svc.state")]).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

struct Real {
    url: Url,
    token: String,
}

impl Real {
    async fn call(&self, method: &str, params: Value) -> Value {
        let request =
            json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params, "auth": self.token});
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let sent = client.post(self.url.clone()).json(&request).send().await.unwrap();
        let mut answer: Value = sent.json().await.unwrap();
        assert!(answer.get("error").is_none(), "{answer}");
        answer["result"].take()
    }

    /// The number of the problem that burns on the host.
    async fn problem(&self) -> Option<String> {
        let hosts = self.call("host.get", json!({"filter": {"host": [HOST]}, "output": ["hostid"]})).await;
        let params = json!({"hostids": [hosts[0]["hostid"]], "search": {"name": "Service is down"}});
        Some(self.call("problem.get", params).await.as_array()?.first()?["eventid"].as_str()?.to_owned())
    }

    /// Whether the problem is acknowledged, and what was said of it.
    async fn said(&self, event: &str) -> (bool, Vec<String>) {
        let params =
            json!({"eventids": [event], "output": ["acknowledged"], "select_acknowledges": "extend"});
        let events = self.call("event.get", params).await;
        let said = events[0]["acknowledges"].as_array().unwrap().iter();
        let messages = said.map(|said| said["message"].as_str().unwrap().to_owned()).collect();
        (events[0]["acknowledged"] == "1", messages)
    }
}

fn ann() -> Actor {
    Actor { name: "ann".into(), via: "off", request_id: "r".into() }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real Zabbix: infra/test --real"]
async fn an_acknowledgement_and_its_end_appear_once_even_if_their_sender_dies_before_it_notes_them() {
    let base: Url = env::var("HEAT_ZABBIX_URL").unwrap().parse().unwrap();
    let mut url = base.clone();
    if !url.path().ends_with("api_jsonrpc.php") {
        url.set_path(&format!("{}/api_jsonrpc.php", url.path().trim_end_matches('/')));
    }
    let real = Real { url, token: env::var("HEAT_ZABBIX_TOKEN").unwrap() };
    zabbix("resolve");
    zabbix("fire");
    let event = eventually("the problem", PATIENCE, async || real.problem().await).await.unwrap();

    let postgres = Postgres::shared().await.unwrap();
    let db = Db::new(&Secret::new(postgres.fresh_database().await.unwrap()), 4).unwrap();
    db.migrate().await.unwrap();
    let of = Of {
        event_id: opening_id("zabbix", &event, HOST),
        event_key: event_key("zabbix", "1", HOST),
        since: Timestamp::now(),
        severity: Severity::High,
    };
    let opening = Opening {
        id: of.event_id.clone(),
        key: of.event_key.clone(),
        source: "zabbix".into(),
        host: HOST.into(),
        name: "Service is down".into(),
        device_id: None,
        rack_id: None,
        severity: of.severity,
        since: of.since,
    };
    db.record_openings(Fence::from_number(1), &[opening], &[], Timestamp::now()).await.unwrap();

    // A wire so slow that the sender can be killed after its words have arrived and before their answer has.
    let target = format!("{}:{}", base.host_str().unwrap(), base.port_or_known_default().unwrap());
    let wire = Proxy::start(target).await.unwrap();
    wire.delay(Duration::from_secs(2));
    let mut slow = base.clone();
    slow.set_ip_host(wire.addr().ip()).unwrap();
    slow.set_port(Some(wire.addr().port())).unwrap();
    let job = |url: &Url, fence: i64| {
        let options = Options::new("zabbix", url.clone(), Secret::new(&real.token));
        let sources = BTreeMap::from([("zabbix".to_owned(), Acknowledger::new(&options).unwrap())]);
        WriteBack::new(db.clone(), Fence::from_number(fence), sources, Duration::ZERO)
    };
    for (fence, given) in [(2, true), (4, false)] {
        if given {
            let terms = Terms { text: "on it".into(), ..Terms::default() };
            db.acknowledge(&ann(), std::slice::from_ref(&of), &terms).await.unwrap();
        } else {
            db.withdraw_acknowledgements(&ann(), std::slice::from_ref(&of)).await.unwrap();
        }
        let before = real.said(&event).await.1.len();
        let mut doomed = job(&slow, fence);
        let sending = tokio::spawn(async move { doomed.run().await.map(drop) });
        eventually("the words in Zabbix", PATIENCE, async || {
            (real.said(&event).await.1.len() > before).then_some(())
        })
        .await
        .unwrap();
        sending.abort();
        assert!(sending.await.unwrap_err().is_cancelled(), "it has noted them already; the wire is too fast");
        for _ in 0..2 {
            job(&base, fence + 1).run().await.unwrap();
        }
        let (acknowledged, said) = real.said(&event).await;
        assert_eq!((acknowledged, said.len()), (given, before + 1), "{said:?}");
        assert!(said.iter().all(|words| words.contains("heat:")), "{said:?}");
    }
    zabbix("resolve");
}
