//! Tickets and templates by HTTP: what a caller may ask for, and what is written for the updater to send.

use std::collections::BTreeMap;

use heat::cache::{TemplatesRecord, TrackerRecord};
use heat::db::openings::Opening;
use heat::db::outbox::Told;
use heat::severity::Severity;
use heat::snapshot::ActiveEvent;
use heat::template::Files;
use heat::time::Timestamp;
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};

use crate::stage::{FIRST, Replica, Stage, answer, event, segment};

const TEMPLATE: &str = "---
title: Host down
queue: NETOPS
type: incident
summary: \"{{ members|length }} down\"
match:
  name: \"problem*\"
comment_on_more: more
---
{% for member in members %}
* {{ member.host }}: {{ member.name }}
{% endfor %}
";

const COMMENT: &str = "---
title: More
---
{{ members|length }} more
";

struct Desk {
    stage: Stage,
    replica: Replica,
    ids: Vec<String>,
}

impl Desk {
    /// Three events, templates and a tracker.
    async fn open() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(change: impl Fn(&mut ActiveEvent<'static>)) -> Self {
        let stage = Stage::whole().await;
        let mut events: Vec<_> =
            ["srv-1", "srv-2", "srv-3"].iter().zip(1..).map(|(host, number)| event(number, host)).collect();
        events.iter_mut().for_each(change);
        let ids = events.iter().map(|event| event.id.to_string()).collect();
        stage.publish(FIRST, events).await;
        stage.publish_places().await;
        let files = Files(BTreeMap::from([
            ("tickets/down.md.j2".to_owned(), TEMPLATE.to_owned()),
            ("comments/more.md.j2".to_owned(), COMMENT.to_owned()),
        ]));
        let record = TemplatesRecord { version: "c0ffee".into(), ..TemplatesRecord::default() };
        stage.cache.write_templates(stage.fence, &record, Some(&files)).await.unwrap();
        let fields = BTreeMap::from([("NETOPS".to_owned(), BTreeMap::new())]);
        let tracker = TrackerRecord { kind: "startrek".into(), fields, ..TrackerRecord::default() };
        stage.cache.write_tracker(&tracker).await.unwrap();
        let replica = stage.replica().await;
        replica.shows(FIRST).await;
        Self { stage, replica, ids }
    }

    async fn ask(&self, name: &str, body: &Value) -> Response {
        let request = self.replica.request(Method::POST, "/api/v1/tickets").header("idempotency-key", name);
        request.json(body).send().await.unwrap()
    }

    async fn made(&self, name: &str, body: &Value) -> Value {
        answer(self.ask(name, body).await, StatusCode::CREATED).await
    }

    /// As if the updater had sent what is due.
    async fn delivered(&self, key: &str) {
        let db = self.stage.db();
        let mut outbox = db.outbox(std::time::Duration::ZERO).await.unwrap().unwrap();
        let due = outbox.claim_ticket().await.unwrap().unwrap();
        let told = Told { key: key.into(), url: String::new(), status: "Open".into(), resolved: false };
        outbox.ticket_created(due.id, &told).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_by_a_template_says_what_its_preview_said_and_a_repetition_makes_no_second() {
    let desk = Desk::open().await;
    let ids = &desk.ids[..2];
    let preview = desk
        .replica
        .send(Method::POST, "/api/v1/templates/down/render", &json!({ "ids": ids }), StatusCode::OK)
        .await;
    let body = json!({ "ids": [ids[0], ids[1], "zabbix:9:gone"], "template": "down", "edits": {"priority": "critical"} });
    let response = desk.ask("r1", &body).await;
    let location = response.headers()["location"].to_str().unwrap().to_owned();
    let made = answer(response, StatusCode::CREATED).await;
    assert_eq!(made["draft"]["summary"], "2 down");
    assert_eq!(made["draft"]["description"], preview["draft"]["description"]);
    assert_eq!(made["draft"]["priority"], "critical");
    assert_eq!((&made["state"], &made["templates_version"]), (&json!("pending"), &json!("c0ffee")));
    assert_eq!(made["unknown"], json!(["zabbix:9:gone"]));
    let again = desk.made("r1", &body).await;
    assert_eq!(again["id"], made["id"]);
    let other = json!({ "ids": [ids[0]], "template": "down" });
    answer(desk.ask("r1", &other).await, StatusCode::UNPROCESSABLE_ENTITY).await;
    let whole = desk.replica.json(&location, StatusCode::OK).await;
    assert_eq!(whole["events"].as_array().unwrap().len(), 2);
    let page = desk.replica.json("/api/v1/tickets?state=pending&limit=1", StatusCode::OK).await;
    assert_eq!(page["tickets"][0]["id"], made["id"]);
    assert!(page.get("next").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repetition_is_answered_though_the_events_are_over() {
    let desk = Desk::open().await;
    let body = json!({ "ids": [desk.ids[0]], "template": "down" });
    let made = desk.made("r1", &body).await;
    desk.stage.publish(FIRST + 1, vec![]).await;
    desk.replica.shows(FIRST + 1).await;
    assert_eq!(desk.made("r1", &body).await["id"], made["id"]);
    answer(desk.ask("r2", &body).await, StatusCode::NOT_FOUND).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_a_ticket_covers_some_events_the_caller_is_told_which_and_chooses() {
    let desk = Desk::open().await;
    let first = desk.made("r1", &json!({ "ids": desk.ids[..1], "template": "down" })).await;
    let both = json!({ "ids": desk.ids[..2], "template": "down" });
    let conflict = answer(desk.ask("r2", &both).await, StatusCode::CONFLICT).await;
    assert_eq!(conflict["covered"][0]["id"], desk.ids[0]);
    assert_eq!(conflict["covered"][0]["ticket"]["id"], first["id"]);
    assert_eq!(conflict["free"], json!([desk.ids[1]]));
    let path = format!("/api/v1/tickets/{}/events", first["id"]);
    let added =
        desk.replica.send(Method::POST, &path, &json!({ "ids": [desk.ids[1]] }), StatusCode::OK).await;
    assert_eq!(added["events"].as_array().unwrap().len(), 2);
    assert_eq!(added["posts"][0]["kind"], "more");
    let forced = json!({ "ids": desk.ids[..2], "template": "down", "force": true });
    let second = desk.made("r3", &forced).await;
    let left = desk.replica.json(&format!("/api/v1/tickets/{}", first["id"]), StatusCode::OK).await;
    assert!(left["events"].as_array().unwrap().iter().all(|event| event.get("covered").is_none()));
    let path = format!("/api/v1/tickets/{}/events", second["id"]);
    let taken =
        desk.replica.send(Method::DELETE, &path, &json!({ "ids": [desk.ids[0]] }), StatusCode::OK).await;
    let removed =
        taken["events"].as_array().unwrap().iter().filter(|event| event.get("removed_at").is_some());
    assert_eq!(removed.count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_can_be_in_ones_own_words_or_opened_elsewhere_but_not_empty_or_nameless() {
    let desk = Desk::open().await;
    let ids = json!(desk.ids[..1]);
    let own = json!({ "ids": ids, "edits": { "queue": "DCOPS", "summary": "Smoke" } });
    let made = desk.made("r1", &own).await;
    assert_eq!(made["draft"], json!({ "queue": "DCOPS", "summary": "Smoke" }));
    let existing = json!({ "ids": [desk.ids[1]], "existing": " NOC-77 " });
    let attached = desk.made("r2", &existing).await;
    assert_eq!((&attached["key"], &attached["attached"]), (&json!("NOC-77"), &json!(true)));
    for (body, says) in [
        (json!({ "ids": ids, "edits": { "queue": "DCOPS" } }), "summary"),
        (json!({ "ids": ids, "edits": { "queue": "D", "summary": "a\nb" } }), "one line"),
        (json!({ "ids": ids, "existing": "no key; at all" }), "NOC-77"),
        (json!({ "ids": [], "template": "down" }), "ids"),
        (json!({ "ids": ids, "template": "down", "tempalte": "x" }), "tempalte"),
    ] {
        let refused = answer(desk.ask("r9", &body).await, StatusCode::BAD_REQUEST).await;
        assert!(refused["detail"].as_str().unwrap().contains(says), "{refused}");
    }
    let nameless = desk.replica.request(Method::POST, "/api/v1/tickets").json(&own).send().await.unwrap();
    let refused = answer(nameless, StatusCode::BAD_REQUEST).await;
    assert!(refused["detail"].as_str().unwrap().contains("Idempotency-Key"), "{refused}");
    let unknown = json!({ "ids": ids, "template": "nothing" });
    let refused = answer(desk.ask("r9", &unknown).await, StatusCode::NOT_FOUND).await;
    assert!(refused["detail"].as_str().unwrap().contains("down"), "it names those there are: {refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_best_template_is_named_and_a_preview_warns_of_what_will_go_wrong() {
    let desk = Desk::open().await;
    let query = desk.ids.iter().map(|id| format!("id={}", segment(id))).collect::<Vec<_>>().join("&");
    let templates = desk.replica.json(&format!("/api/v1/templates?{query}"), StatusCode::OK).await;
    assert_eq!(templates["best"], json!(["down"]));
    assert_eq!(
        (&templates["version"], &templates["tracker"]["kind"]),
        (&json!("c0ffee"), &json!("startrek"))
    );
    let body = json!({ "ids": [desk.ids[0], "zabbix:9:gone"] });
    let path = "/api/v1/templates/down/render";
    let preview = desk.replica.send(Method::POST, path, &body, StatusCode::OK).await;
    assert_eq!(preview["unknown"], json!(["zabbix:9:gone"]));
    assert_eq!(preview["warnings"].as_array().unwrap().len(), 1, "{preview}");
    let path = "/api/v1/templates/more/render";
    let comment = desk.replica.send(Method::POST, path, &body, StatusCode::OK).await;
    assert_eq!(comment["text"], "1 more");
}

#[tokio::test(flavor = "multi_thread")]
async fn alert_text_summons_nobody_by_way_of_a_ticket() {
    let desk = Desk::with(|event| event.name = "@director | {% cut \"x\" %}\n# head".into()).await;
    let made = desk.made("r1", &json!({ "ids": desk.ids[..1], "edits": {}, "template": "down" })).await;
    let description = made["draft"]["description"].as_str().unwrap();
    assert!(!description.contains("@director") && !description.contains("{%"), "{description}");
    assert!(!description.contains("\n# head"), "{description}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_comment_goes_on_the_ticket_only_where_there_is_an_open_one() {
    let desk = Desk::open().await;
    let path = format!("/api/v1/events/{}/comments", segment("zabbix:t1:srv-1"));
    let body = json!({ "text": "PSU on its way", "on_ticket": true });
    desk.replica.send(Method::POST, &path, &body, StatusCode::CONFLICT).await;
    let none = desk.replica.json(&path, StatusCode::OK).await;
    assert!(none.get("comments").is_none(), "nothing is half done");
    let made = desk.made("r1", &json!({ "ids": desk.ids[..1], "template": "down" })).await;
    desk.replica.send(Method::POST, &path, &body, StatusCode::CREATED).await;
    let whole = desk.replica.json(&format!("/api/v1/tickets/{}", made["id"]), StatusCode::OK).await;
    assert_eq!(whole["posts"][0]["kind"], "operator");
    assert!(whole["posts"][0]["text"].as_str().unwrap().contains("operator"), "with the author's name");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_tracker_has_is_neither_edited_nor_retried_and_can_be_told_to_be_closed() {
    let desk = Desk::open().await;
    let made = desk.made("r1", &json!({ "ids": desk.ids[..1], "template": "down" })).await;
    let path = format!("/api/v1/tickets/{}", made["id"]);
    let edited = desk.replica.send(Method::PATCH, &path, &json!({ "type": "bug" }), StatusCode::OK).await;
    assert_eq!(edited["draft"]["type"], "bug");
    desk.delivered("NOC-1").await;
    let refused =
        desk.replica.send(Method::PATCH, &path, &json!({ "type": "bug" }), StatusCode::CONFLICT).await;
    assert!(refused["detail"].as_str().unwrap().contains("tracker"), "{refused}");
    assert_eq!(refused["ticket"]["key"], "NOC-1");
    desk.replica.send(Method::POST, &format!("{path}/retry"), &json!({}), StatusCode::CONFLICT).await;
    let told = json!({ "state": "closed", "status": "Done" });
    let closed = desk.replica.send(Method::POST, &format!("{path}/state"), &told, StatusCode::OK).await;
    assert_eq!((&closed["state"], &closed["status"]), (&json!("closed"), &json!("Done")));
    desk.replica.send(Method::POST, "/api/v1/tickets/99/retry", &json!({}), StatusCode::NOT_FOUND).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_came_back_is_still_under_its_ticket_before_history_has_noticed() {
    let desk = Desk::open().await;
    let now = Timestamp::now();
    let opening = Opening {
        id: "zabbix:7:srv-1".into(),
        key: "zabbix:t1:srv-1".into(),
        source: "zabbix".into(),
        host: "srv-1".into(),
        name: "down".into(),
        device_id: None,
        rack_id: None,
        severity: Severity::High,
        since: now - std::time::Duration::from_mins(10),
    };
    let mut before = event(1, "srv-1");
    before.id = opening.id.clone().into();
    desk.stage.publish(FIRST + 1, vec![before]).await;
    desk.replica.shows(FIRST + 1).await;
    let first = desk.made("r1", &json!({ "ids": [opening.id], "template": "down" })).await;
    let db = desk.stage.db();
    db.record_openings(desk.stage.fence, &[opening], &["zabbix:7:srv-1"], now).await.unwrap();
    let mut again = event(1, "srv-1");
    again.since = now;
    desk.stage.publish(FIRST + 2, vec![again.clone()]).await;
    desk.replica.shows(FIRST + 2).await;
    let conflict =
        answer(desk.ask("r2", &json!({ "ids": [again.id], "template": "down" })).await, StatusCode::CONFLICT)
            .await;
    assert_eq!(conflict["covered"][0]["ticket"]["id"], first["id"]);
}
