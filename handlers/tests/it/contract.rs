//! What is answered is what the OpenAPI document says.

use heat::event::TEXT_IN_SNAPSHOT;
use heat::snapshot::Snapshot;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::stage::{FIRST, Stage, segment};

/// The part of JSON Schema that the document uses: what `value` has against `schema`, if anything.
fn breach(document: &Value, schema: &Value, value: &Value, at: &str) -> Option<String> {
    if let Some(reference) = schema["$ref"].as_str() {
        let schema = document.pointer(reference.trim_start_matches('#')).expect("a schema");
        return breach(document, schema, value, at);
    }
    let fits = match schema["type"].as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("boolean") => value.is_boolean(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("number") => value.is_number(),
        Some(other) => panic!("{other} in the document"),
        None => true,
    };
    let allowed = schema["enum"].as_array().is_none_or(|values| values.contains(value));
    let number = |name: &str| schema[name].as_f64();
    let in_range = value.as_f64().is_none_or(|v| {
        number("minimum").is_none_or(|least| v >= least) && number("maximum").is_none_or(|most| v <= most)
    });
    if !(fits && allowed && in_range) {
        return Some(format!("{at} = {value} is not {schema}"));
    }
    let items = value.as_array().into_iter().flatten().enumerate();
    let mut breaches =
        items.filter_map(|(n, item)| breach(document, &schema["items"], item, &format!("{at}[{n}]")));
    if let Some(found) = breaches.next() {
        return Some(found);
    }
    let members = value.as_object()?;
    let missing = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    if let Some(name) = missing.into_iter().find(|name| !members.contains_key(*name)) {
        return Some(format!("{at} lacks {name}"));
    }
    members.iter().find_map(|(name, member)| {
        let at = format!("{at}.{name}");
        match (schema["properties"].get(name), &schema["additionalProperties"]) {
            (Some(schema), _) => breach(document, schema, member, &at),
            (None, Value::Bool(false)) => Some(format!("{at} is not in the document")),
            (None, other) => breach(document, other, member, &at),
        }
    })
}

pub(crate) fn check(document: &Value, schema: &str, value: &Value) {
    let schema = json!({ "$ref": format!("#/components/schemas/{schema}") });
    let found = breach(document, &schema, value, "$");
    assert_eq!(found, None);
}

/// As the updater writes history.
async fn record(stage: &Stage, event: &heat::snapshot::ActiveEvent<'_>) {
    let opening = heat::db::openings::Opening {
        id: event.id.to_string(),
        key: event.key.to_string(),
        source: event.source.to_string(),
        host: event.host.to_string(),
        name: event.name.to_string(),
        device_id: event.device_id,
        rack_id: event.rack_id,
        severity: event.severity,
        since: event.since,
    };
    stage.db().record_openings(stage.fence, &[opening], &[], event.since).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_has_the_documented_shape() {
    let stage = Stage::whole().await;
    let snapshot: Snapshot<'_> =
        serde_json::from_str(include_str!("../../../lib/examples/snapshot.json")).unwrap();
    let bytes = snapshot.to_json().unwrap();
    stage.publish_bytes(FIRST, &bytes).await;
    stage.publish_places().await;
    let replica = stage.replica_with(&["--auth", "off", "--location-level", "1"]).await;
    replica.shows(FIRST).await;

    let document = replica.json("/openapi.json", StatusCode::OK).await;
    let event = snapshot.events.iter().find(|event| event.id == "zabbix:81204:srv-00001").unwrap();
    let event_path = format!("/api/v1/events/{}", segment(&event.key));
    let comments = format!("{event_path}/comments");
    record(&stage, event).await;
    let text = json!({ "text": "on my way" });
    let created = replica.send(Method::POST, &comments, &text, StatusCode::CREATED).await;
    check(&document, "Comment", &created);
    let many = json!({ "ids": [event.id, "gone"], "text": "too" });
    let many = replica.send(Method::POST, "/api/v1/comments", &many, StatusCode::CREATED).await;
    check(&document, "CommentedMany", &many);
    let edited = format!("/api/v1/comments/{}", created["id"]);
    check(&document, "Comment", &replica.send(Method::PATCH, &edited, &text, StatusCode::OK).await);

    let acknowledge = "/api/v1/events/acknowledge";
    let terms = json!({ "ids": [event.id, "gone"], "text": "mine", "until": "2096-01-01T00:00:00Z" });
    let given = replica.send(Method::POST, acknowledge, &terms, StatusCode::CREATED).await;
    check(&document, "Acknowledged", &given);
    let ids = json!({ "ids": [event.id, "gone"] });
    let withdrawn = replica.send(Method::DELETE, acknowledge, &ids, StatusCode::OK).await;
    check(&document, "Withdrawn", &withdrawn);
    let note = json!({ "place": "rack:3", "text": "works", "until": "2096-01-01T00:00:00Z", "quiet": true });
    let note = replica.send(Method::POST, "/api/v1/notes", &note, StatusCode::CREATED).await;
    check(&document, "PlaceNote", &note);

    let tracker = heat::cache::TrackerRecord { kind: "startrek".into(), ..Default::default() };
    stage.cache.write_tracker(&tracker).await.unwrap();
    let own_words = json!({ "ids": [event.id], "edits": { "queue": "NOC", "summary": "down" } });
    let asked =
        replica.request(Method::POST, "/api/v1/tickets").header("idempotency-key", "r").json(&own_words);
    let made = crate::stage::answer(asked.send().await.unwrap(), StatusCode::CREATED).await;
    check(&document, "TicketMade", &made);
    let ticket = format!("/api/v1/tickets/{}", made["id"]);
    let edits = json!({ "priority": "critical" });
    check(&document, "WholeTicket", &replica.send(Method::PATCH, &ticket, &edits, StatusCode::OK).await);

    for (path, schema) in [
        (ticket.as_str(), "WholeTicket"),
        ("/api/v1/tickets", "TicketPage"),
        ("/api/v1/templates", "Templates"),
        ("/api/v1/notes?place=rack:3", "NotePage"),
        ("/api/v1/snapshot", "Snapshot"),
        ("/api/v1/inventory", "Inventory"),
        ("/api/v1/coverage", "Coverage"),
        ("/api/v1/me", "Me"),
        ("/readyz", "Readiness"),
        ("/api/v1/events", "EventPage"),
        ("/api/v1/events?filter=dc:europe&limit=2", "EventPage"),
        ("/api/v1/events?filter=dc:mars", "EventPage"),
        ("/api/v1/devices?q=0001", "FoundAnswer"),
        ("/api/v1/devices?q=mars", "FoundAnswer"),
        (&event_path, "EventAnswer"),
        (&format!("{event_path}/history"), "EventHistory"),
        ("/api/v1/racks/3/history", "RackHistory"),
        ("/api/v1/changes", "ChangePage"),
        (&comments, "CommentPage"),
        (&format!("{comments}?limit=1"), "CommentPage"),
    ] {
        check(&document, schema, &replica.json(path, StatusCode::OK).await);
    }
    check(&document, "Problem", &replica.json("/api/v1/events/none", StatusCode::NOT_FOUND).await);
    let wrong = replica.json("/api/v1/events?filter=sev:", StatusCode::BAD_REQUEST).await;
    check(&document, "Problem", &wrong);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_event_is_shown_with_its_whole_text_its_link_and_its_last_comments() {
    let stage = Stage::whole().await;
    let whole = "ж".repeat(TEXT_IN_SNAPSHOT + 700);
    let found = heat::event::Event {
        id: "zabbix:1:a".into(),
        key: "zabbix:t1:a".into(),
        text: whole.clone(),
        ..heat::event::Event::default()
    };
    let health = heat::cache::SourceHealth::default();
    stage.cache.write_source(stage.fence, "zabbix", &health, Some(&[found]), None, None).await.unwrap();
    let mut snapshot = Snapshot::default();
    let mut event = crate::stage::event(1, "a");
    event.text = heat::event::at_most(&whole, TEXT_IN_SNAPSHOT).to_owned().into();
    event.reference.to_mut().set("eventid", "1");
    snapshot.events.push(event);
    snapshot.sources.push(heat::snapshot::Source {
        name: "zabbix".into(),
        link: "http://z/?e={eventid}".into(),
        ..heat::snapshot::Source::default()
    });
    stage.publish_bytes(FIRST, &snapshot.to_json().unwrap()).await;
    let replica = stage.replica().await;
    replica.shows(FIRST).await;
    for number in 0..4 {
        let text = json!({ "text": number.to_string() });
        replica.send(Method::POST, "/api/v1/events/zabbix:t1:a/comments", &text, StatusCode::CREATED).await;
    }
    let shown = replica.json("/api/v1/events/zabbix:t1:a", StatusCode::OK).await;
    assert_eq!(shown["events"][0]["text"], *whole);
    assert_eq!(shown["events"][0]["link"], "http://z/?e=1");
    let texts: Vec<_> =
        shown["comments"].as_array().unwrap().iter().map(|c| c["text"].as_str().unwrap()).collect();
    assert_eq!(texts, ["3", "2", "1"]);

    stage.publish(FIRST + 1, vec![]).await;
    replica.shows(FIRST + 1).await;
    let over = replica.json("/api/v1/events/zabbix:t1:a", StatusCode::OK).await;
    assert!(over.get("events").is_none(), "it is over, and its comments are still there");
    assert_eq!(over["comments"].as_array().unwrap().len(), 3);
}
