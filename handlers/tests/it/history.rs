//! History, the feed of changes, and the handover.

use std::time::Duration;

use heat::db::openings::Opening;
use heat::severity::Severity;
use heat::snapshot::{Incident, Snapshot};
use heat::time::Timestamp;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::stage::{FIRST, Replica, Stage, event, segment};

const KEY: &str = "zabbix:t1:srv-00001";

fn ago(minutes: u64) -> Timestamp {
    Timestamp::now() - Duration::from_mins(minutes)
}

async fn record(stage: &Stage, id: &str, since: Timestamp, closed: Option<Timestamp>) {
    let opening = Opening {
        id: id.into(),
        key: KEY.into(),
        source: "zabbix".into(),
        host: "srv-00001".into(),
        name: "problem 1".into(),
        device_id: Some(513),
        rack_id: Some(3),
        severity: Severity::High,
        since,
    };
    stage.db().record_openings(stage.fence, &[opening], &[], since).await.unwrap();
    if let Some(closed) = closed {
        stage.db().record_openings(stage.fence, &[], &[id], closed).await.unwrap();
    }
}

async fn comment(replica: &Replica, text: &str) {
    let path = format!("/api/v1/events/{}/comments", segment(KEY));
    replica.send(Method::POST, &path, &json!({ "text": text }), StatusCode::CREATED).await;
}

fn texts<'a>(list: &'a Value, field: &str) -> Vec<&'a str> {
    list.as_array().unwrap().iter().filter_map(|one| one[field].as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_history_of_an_event_and_of_its_rack_is_read_page_by_page() {
    let stage = Stage::whole().await;
    for n in 0..5 {
        record(&stage, &format!("zabbix:{n}:srv-00001"), ago(100 - n * 10), Some(ago(95 - n * 10))).await;
    }
    let replica = stage.replica().await;
    comment(&replica, "replaced the PSU").await;
    let path = format!("/api/v1/events/{}/history", segment(KEY));
    let first = replica.json(&format!("{path}?limit=3"), StatusCode::OK).await;
    let newest = &first["openings"][0];
    assert_eq!((&newest["severity_first"], &newest["severity_peak"]), (&json!(4), &json!(4)));
    assert_eq!(newest["comments"][0]["text"], "replaced the PSU");
    assert!(newest.get("key").is_none() && newest.get("tickets").is_none());
    let next = first["next"].as_str().unwrap();
    let second = replica.json(&format!("{path}?limit=3&cursor={next}"), StatusCode::OK).await;
    assert!(second.get("next").is_none());
    let ids = [texts(&first["openings"], "id"), texts(&second["openings"], "id")].concat();
    let expected: Vec<_> = (0..5).rev().map(|n| format!("zabbix:{n}:srv-00001")).collect();
    assert_eq!(ids, expected);

    let rack = replica.json("/api/v1/racks/3/history?days=1", StatusCode::OK).await;
    assert_eq!(texts(&rack["openings"], "key"), [KEY; 5]);
    let none = replica.json("/api/v1/racks/4/history", StatusCode::OK).await;
    assert_eq!(none, json!({ "rack_id": 4, "openings": [] }));
    for wrong in
        [format!("{path}?days=0"), "/api/v1/racks/x/history".into(), "/api/v1/racks/0/history".into()]
    {
        replica.json(&wrong, StatusCode::BAD_REQUEST).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_follows_the_changes_is_told_each_once() {
    let stage = Stage::whole().await;
    let replica = stage.replica().await;
    let nothing = replica.json("/api/v1/changes", StatusCode::OK).await;
    assert_eq!(nothing["changes"], json!([]));
    record(&stage, "zabbix:1:srv-00001", ago(5), None).await;
    comment(&replica, "on my way").await;
    let follow = async |next: &Value| {
        let path = format!("/api/v1/changes?since={}&limit=1", next.as_str().unwrap());
        replica.json(&path, StatusCode::OK).await
    };
    let opened = follow(&nothing["next"]).await;
    let change = &opened["changes"][0];
    assert_eq!((&change["kind"], &change["key"]), (&json!("opened"), &json!(KEY)));
    assert_eq!((&change["rack_id"], &change["severity"]), (&json!(3), &json!(4)));
    let commented = follow(&opened["next"]).await;
    assert_eq!(commented["changes"][0]["text"], "on my way");
    let end = follow(&commented["next"]).await;
    assert_eq!((&end["changes"], &end["next"]), (&json!([]), &commented["next"]));
    let since = replica.json(&format!("/api/v1/changes?since={}", ago(1)), StatusCode::OK).await;
    assert_eq!(texts(&since["changes"], "kind"), ["opened", "commented"]);
    replica.json("/api/v1/changes?since=yesterday", StatusCode::BAD_REQUEST).await;
}

async fn handover(replica: &Replica, query: &str, accept: &str) -> String {
    let asked = replica.request(Method::GET, &format!("/handover{query}")).header("accept", accept);
    let answer = asked.send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let kind = answer.headers()["content-type"].to_str().unwrap().to_owned();
    assert_eq!(kind, format!("{}; charset=utf-8", accept.split(',').next().unwrap()));
    assert_eq!(answer.headers()["vary"], "Accept");
    answer.text().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_handover_tells_the_next_shift_what_it_has_to_know_as_a_page_and_as_text() {
    let stage = Stage::whole().await;
    stage.publish_places().await;
    record(&stage, "zabbix:7:srv-00001", ago(30), Some(ago(20))).await;
    let mut snapshot = Snapshot::default();
    let mut fresh = event(1, "srv-00001");
    (fresh.since, fresh.rack_id, fresh.device_id) = (ago(10), Some(3), Some(513));
    snapshot.events.push(fresh);
    snapshot.incidents.push(Incident {
        key: "rack:3@1".into(),
        rack_id: 3,
        reason: "5 of 6 devices unreachable".into(),
        since: ago(10),
        ..Incident::default()
    });
    snapshot.generated_at.0 = Timestamp::now();
    stage.publish_bytes(FIRST, &snapshot.to_json().unwrap()).await;
    let replica = stage.replica().await;
    replica.shows(FIRST).await;
    let page = handover(&replica, "", "text/html").await;
    let text = handover(&replica, "", "text/plain").await;
    for words in ["problem 1", "SAS / SAS-A / A01", "5 of 6 devices unreachable"] {
        assert!(page.contains(words) && text.contains(words), "{words}: {text}");
    }
    assert!(text.contains("SAS / SAS-A / A01: openings 1, problems 1"), "{text}");
    let later = handover(&replica, &format!("?since={}", ago(5)), "text/plain").await;
    assert!(later.contains("Older and without owner: 1"), "{later}");
    for wrong in ["?since=tomorrow", "?since=2096-01-01T00:00:00Z", "?since=2001-01-01T00:00:00Z", "?x=1"] {
        replica.json(&format!("/handover{wrong}"), StatusCode::BAD_REQUEST).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_postgres_the_handover_says_what_it_lacks() {
    let stage = Stage::without_postgres().await;
    stage.publish(FIRST, vec![event(1, "srv-00001")]).await;
    let replica = stage.replica().await;
    replica.shows(FIRST).await;
    let text = handover(&replica, "", "text/plain").await;
    assert!(text.contains("Not known: Postgres does not answer"), "{text}");
    replica.json("/api/v1/changes", StatusCode::SERVICE_UNAVAILABLE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handover_begins_with_the_shift_where_the_site_has_shifts() {
    let stage = Stage::without_postgres().await;
    stage.publish(FIRST, vec![]).await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "[[shift]]\nname = \"day\"\nbegins = \"00:00\"\n").unwrap();
    let path = file.path().to_str().unwrap();
    let replica = stage.replica_with(&["--auth", "off", "--config", path]).await;
    replica.shows(FIRST).await;
    let text = handover(&replica, "", "text/plain").await;
    let from = text.lines().find(|line| line.starts_with("from ")).unwrap();
    assert!(from.contains("00:00 UTC to "), "{from}");
}
