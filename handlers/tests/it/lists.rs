//! The events that a filter means, and racks and devices by name.

use heat::severity::Severity;
use heat::snapshot::{ActiveEvent, Snapshot};
use reqwest::{Method, StatusCode};
use serde_json::Value;

use crate::stage::{FIRST, Replica, Stage, event};

/// A replica that shows the example picture over the example inventory.
async fn example() -> (Stage, Replica) {
    let stage = Stage::without_postgres().await;
    stage.publish_bytes(FIRST, include_bytes!("../../../lib/examples/snapshot.json")).await;
    stage.publish_places().await;
    let replica = stage.replica().await;
    replica.shows(FIRST).await;
    (stage, replica)
}

fn ids(page: &Value) -> Vec<&str> {
    let events = page["events"].as_array().into_iter().flatten();
    events.map(|event| event["id"].as_str().unwrap()).collect()
}

async fn listed(replica: &Replica, query: &[(&str, &str)]) -> Value {
    let request = replica.request(Method::GET, "/api/v1/events").query(query);
    crate::stage::answer(request.send().await.unwrap(), StatusCode::OK).await
}

#[tokio::test]
async fn a_filter_chooses_by_place_and_by_what_the_event_says() {
    let (_stage, replica) = example().await;
    let all = listed(&replica, &[]).await;
    assert_eq!((&all["revision"], &all["count"]), (&FIRST.into(), &10.into()));
    assert_eq!(ids(&all)[0], "zabbix:81204:srv-00001", "the worst is the first");

    let page = listed(&replica, &[("filter", "dc:europe sev>=high -ticket"), ("sort", "host")]).await;
    let expected = ["juggler:http%3A8080/p100%25@2026-11-23T20%3A58%3A11Z:sas-sw1", "zabbix:81204:srv-00001"];
    assert_eq!(ids(&page)[..2], expected);
    assert_eq!(page["count"], 3);
    let event = &page["events"][1];
    assert_eq!((&event["place"], &event["device"]), (&"SAS / SAS-A / A01".into(), &"srv-00001".into()));
    assert!(event["link"].as_str().unwrap().ends_with("eventid=81204"));

    let nothing = listed(&replica, &[("filter", "dc:mars")]).await;
    assert_eq!(nothing["count"], 0);
    assert!(nothing.get("events").is_none());
}

#[tokio::test]
async fn a_wrong_filter_is_told_what_is_wrong_and_where() {
    let (_stage, replica) = example().await;
    let request = replica.request(Method::GET, "/api/v1/events").query(&[("filter", "стойка hots:x")]);
    let problem = crate::stage::answer(request.send().await.unwrap(), StatusCode::BAD_REQUEST).await;
    assert_eq!((&problem["position"], &problem["pointer"]), (&7.into(), &"/filter".into()));
    let detail = problem["detail"].as_str().unwrap();
    assert_eq!(detail, "filter, at character 8: unknown field \"hots\"; did you mean host?");
}

#[tokio::test]
async fn without_an_inventory_a_filter_about_places_is_not_answered_with_nothing() {
    let stage = Stage::without_postgres().await;
    stage.publish(FIRST, vec![event(1, "a"), event(2, "b")]).await;
    let replica = stage.replica().await;
    replica.shows(FIRST).await;
    replica.json("/api/v1/events?filter=dc:sas", StatusCode::SERVICE_UNAVAILABLE).await;
    let page = replica.json("/api/v1/events?filter=host:b", StatusCode::OK).await;
    assert_eq!(ids(&page), ["zabbix:2:b"]);
    replica.json("/api/v1/devices?q=a", StatusCode::SERVICE_UNAVAILABLE).await;
}

#[tokio::test]
async fn pages_go_on_where_they_were_while_the_picture_changes() {
    let stage = Stage::without_postgres().await;
    let events = |from| (from..9).map(|n| event(n, "srv")).collect::<Vec<_>>();
    stage.publish(FIRST, events(1)).await;
    let replica = stage.replica().await;
    replica.shows(FIRST).await;
    let first = listed(&replica, &[("sort", "severity"), ("limit", "3")]).await;
    assert_eq!(ids(&first), ["zabbix:1:srv", "zabbix:2:srv", "zabbix:3:srv"]);

    // Two that were shown are over, and there is a new one before them in the order.
    let mut later = events(3);
    later.push(ActiveEvent { severity: Severity::Warning, ..event(0, "srv") });
    stage.publish(FIRST + 1, later).await;
    replica.shows(FIRST + 1).await;
    let cursor = first["next"].as_str().unwrap();
    let second = listed(&replica, &[("sort", "severity"), ("limit", "3"), ("cursor", cursor)]).await;
    assert_eq!(ids(&second), ["zabbix:4:srv", "zabbix:5:srv", "zabbix:6:srv"]);
    assert_eq!(second["revision"], FIRST + 1);
    let cursor = second["next"].as_str().unwrap();
    let last = listed(&replica, &[("sort", "severity"), ("limit", "3"), ("cursor", cursor)]).await;
    assert_eq!(ids(&last), ["zabbix:7:srv", "zabbix:8:srv"]);
    assert!(last.get("next").is_none());
    let backwards = format!("/api/v1/events?sort=-severity&cursor={cursor}");
    replica.json(&backwards, StatusCode::BAD_REQUEST).await;
}

#[tokio::test]
async fn a_spreadsheet_gets_all_that_match_and_no_formulas() {
    let stage = Stage::without_postgres().await;
    let evil = ActiveEvent { name: "=HYPERLINK(\"http://evil\")".into(), ..event(0, "srv") };
    let events = (1..1500).map(|n| event(n, "srv")).chain([evil]).collect();
    let snapshot = Snapshot { events, ..Snapshot::default() };
    stage.publish_bytes(FIRST, &snapshot.to_json().unwrap()).await;
    let replica = stage.replica().await;
    replica.shows(FIRST).await;
    let csv = |query| {
        let request = replica.request(Method::GET, &format!("/api/v1/events?{query}"));
        request.header("accept", "text/csv").send()
    };
    let response = csv("filter=sev:high").await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/csv; charset=utf-8; header=present");
    assert_eq!(response.headers()["vary"], "Accept");
    let text = response.text().await.unwrap();
    assert_eq!(text.lines().count(), 1501);
    assert!(text.starts_with("severity,since,source,host,"));
    assert!(text.contains(",\"'=HYPERLINK(\"\"http://evil\"\")\","));
    assert_eq!(csv("limit=5").await.unwrap().status(), StatusCode::BAD_REQUEST, "CSV has no pages");
}

#[tokio::test]
async fn racks_and_devices_are_found_by_name_and_number() {
    let (_stage, replica) = example().await;
    let found = replica.json("/api/v1/devices?q=srv-0000", StatusCode::OK).await;
    assert_eq!(found["count"], 2);
    assert_eq!(found["found"][0]["name"], "srv-00001");
    assert_eq!(found["found"][0]["place"], "SAS / SAS-A / A01");
    let one = replica.json("/api/v1/devices?q=0001&limit=1", StatusCode::OK).await;
    assert_eq!((&one["count"], one["found"].as_array().unwrap().len()), (&4.into(), 1));
    let rack = replica.json("/api/v1/devices?q=at-1", StatusCode::OK).await;
    assert_eq!((&rack["found"][0]["kind"], &rack["found"][0]["id"]), (&"rack".into(), &3.into()));
    replica.json("/api/v1/devices", StatusCode::BAD_REQUEST).await;
}
