//! Acknowledgements by HTTP: what may be taken on, on which terms, and how it is given back.

use heat::placement::Unplaced;
use heat::severity::Severity;
use heat::time::Timestamp;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::stage::{FIRST, Replica, Stage, event};

const PATH: &str = "/api/v1/events/acknowledge";

struct Desk {
    stage: Stage,
    replica: Replica,
    ids: Vec<String>,
}

impl Desk {
    /// Three events of one severity, and one whose host is yet to come.
    async fn open() -> Self {
        Self::with(&["--auth", "off"]).await
    }

    async fn with(args: &[&str]) -> Self {
        let stage = Stage::whole().await;
        let mut events: Vec<_> =
            ["srv-1", "srv-2", "srv-3"].iter().zip(1..).map(|(host, number)| event(number, host)).collect();
        let mut pending = event(4, "");
        pending.unplaced = Some(Unplaced::HostPending);
        pending.severity = Severity::Warning;
        events.push(pending);
        let ids = events.iter().map(|event| event.id.to_string()).collect();
        stage.publish(FIRST, events).await;
        let replica = stage.replica_with(args).await;
        replica.shows(FIRST).await;
        Self { stage, replica, ids }
    }

    async fn post(&self, body: Value, status: StatusCode) -> Value {
        self.replica.send(Method::POST, PATH, &body, status).await
    }

    async fn delete(&self, ids: &[String], status: StatusCode) -> Value {
        self.replica.send(Method::DELETE, PATH, &json!({ "ids": ids }), status).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_named_is_taken_on_and_given_back_and_what_is_gone_is_listed() {
    let desk = Desk::open().await;
    let before = desk.stage.cache.changed().await.unwrap();
    let terms = json!({ "ids": [desk.ids[0], "zabbix:9:gone"], "text": " on it ", "until_worsens": true });
    let given = desk.post(terms, StatusCode::CREATED).await;
    let of = &given["acknowledgements"][0];
    assert_eq!((&of["event_id"], &of["text"]), (&json!(desk.ids[0]), &json!("on it")));
    assert_eq!((&of["severity"], &of["until_worsens"]), (&json!(4), &json!(true)));
    assert_eq!(given["unknown"], json!(["zabbix:9:gone"]));
    assert!(desk.stage.cache.changed().await.unwrap() > before, "the publisher is told");
    let withdrawn = desk.delete(&desk.ids[..2], StatusCode::OK).await;
    assert_eq!(withdrawn, json!({ "withdrawn": [desk.ids[0]], "unknown": [desk.ids[1]] }));
    desk.delete(&desk.ids[..2], StatusCode::NOT_FOUND).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_whose_host_is_yet_to_come_cannot_be_taken_on() {
    let desk = Desk::open().await;
    desk.post(json!({ "ids": [desk.ids[3]] }), StatusCode::NOT_FOUND).await;
    let given = desk.post(json!({ "filter": "", "count": 4 }), StatusCode::CREATED).await;
    assert_eq!(given["acknowledgements"].as_array().unwrap().len(), 3);
    assert_eq!(given["unknown"], json!([desk.ids[3]]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_is_taken_only_while_it_means_as_many_as_the_caller_saw() {
    let desk = Desk::open().await;
    let moved = desk.post(json!({ "filter": "sev:high", "count": 2 }), StatusCode::CONFLICT).await;
    assert_eq!(moved["count"], 3);
    let given = desk.post(json!({ "filter": "sev:high", "count": 3 }), StatusCode::CREATED).await;
    assert_eq!(given["acknowledgements"].as_array().unwrap().len(), 3);
    let wrong = desk.post(json!({ "filter": "sev:", "count": 3 }), StatusCode::BAD_REQUEST).await;
    assert_eq!(wrong["pointer"], "/filter");
    for half in [
        json!({ "filter": "a" }),
        json!({ "count": 3 }),
        json!({ "ids": desk.ids, "filter": "a", "count": 3 }),
    ] {
        desk.post(half.clone(), StatusCode::BAD_REQUEST).await;
        desk.replica.send(Method::DELETE, PATH, &half, StatusCode::BAD_REQUEST).await;
    }
    let few = json!({ "filter": "sev:high", "count": 2 });
    desk.replica.send(Method::DELETE, PATH, &few, StatusCode::CONFLICT).await;
    let all = json!({ "filter": "sev:high", "count": 3 });
    let back = desk.replica.send(Method::DELETE, PATH, &all, StatusCode::OK).await;
    assert_eq!(back["withdrawn"].as_array().unwrap().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_the_shift_is_a_time_where_the_site_has_shifts_and_what_is_over_is_refused() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "[[shift]]\nname = \"day\"\nbegins = \"08:00\"\n").unwrap();
    let config = file.path().to_str().unwrap();
    let desk = Desk::with(&["--auth", "off", "--config", config, "--timezone", "Europe/Moscow"]).await;
    let to_end = json!({ "ids": desk.ids[..1], "until": "end_of_shift" });
    let given = desk.post(to_end.clone(), StatusCode::CREATED).await;
    let until: Timestamp = given["acknowledgements"][0]["until"].as_str().unwrap().parse().unwrap();
    assert_eq!(until.unix() % 86_400, 5 * 3_600, "eight o'clock in Moscow");
    let me = desk.replica.json("/api/v1/me", StatusCode::OK).await;
    assert_eq!(me["shift_ends_at"], given["acknowledgements"][0]["until"]);
    let over = json!({ "ids": desk.ids[..1], "until": "2026-01-01T00:00:00Z" });
    desk.post(over, StatusCode::BAD_REQUEST).await;
    let without = desk.stage.replica().await;
    without.shows(FIRST).await;
    let refused = without.send(Method::POST, PATH, &to_end, StatusCode::BAD_REQUEST).await;
    assert!(refused["detail"].as_str().unwrap().contains("[[shift]]"), "{refused}");
}
