//! The webhook's client on a door that answers what it is told to.

use std::time::Duration;

use heat::config::Secret;
use heat::ticket::Draft;
use heat_jobs::upstream::tracker::{Issue, Tracker, TrackerError};
use heat_jobs::upstream::webhook::{Client, Options};
use serde_json::{Value, json};

use crate::door::Door;

const PATH: &str = "/services/T0000/hooksecret";
const TOKEN: &str = "webhook-token-1";
const TICKET: &str = r#"{"key":"OPS-7","url":"https://desk.example.net/OPS-7","state":"new"}"#;

fn client(door: &Door) -> Client {
    Client::new(Options { url: door.url(PATH), token: Some(Secret::new(TOKEN)) }).unwrap()
}

fn draft() -> Draft {
    Draft {
        queue: "NETOPS".to_owned(),
        summary: "Стойка A-07".to_owned(),
        kind: Some("incident".to_owned()),
        fields: [("rack".to_owned(), json!("A-07"))].into(),
        ..Draft::default()
    }
}

/// A request's header and its body.
fn parts(request: &str, header: &str) -> (String, Value) {
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let value = head.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case(header).then(|| value.to_owned())
    });
    (value.unwrap(), serde_json::from_str(body).unwrap())
}

#[tokio::test]
async fn a_draft_is_posted_with_its_key_and_a_ticket_comes_back() {
    let door = Door::open(&[("201 Created", TICKET)]).await;
    let made = client(&door).create(&draft(), "heat-1").await.unwrap();
    let expected = Issue {
        key: "OPS-7".to_owned(),
        url: "https://desk.example.net/OPS-7".to_owned(),
        status: "new".to_owned(),
        status_key: "new".to_owned(),
        resolved: false,
        aliases: Vec::new(),
    };
    assert_eq!(made, expected);
    let asked = &door.asked()[0];
    assert!(asked.starts_with(&format!("POST {PATH} ")), "{asked}");
    let (key, body) = parts(asked, "idempotency-key");
    assert_eq!(key, "heat-1");
    let expected =
        json!({"queue": "NETOPS", "summary": "Стойка A-07", "type": "incident", "fields": {"rack": "A-07"}});
    assert_eq!(body, expected);
    assert_eq!(parts(asked, "authorization").0, format!("Bearer {TOKEN}"));
    assert_eq!(parts(asked, "content-type").0, "application/json");
}

#[tokio::test]
async fn a_ticket_that_exists_is_told_or_at_least_said() {
    let door = Door::open(&[("409 Conflict", TICKET), ("409 Conflict", "exists")]).await;
    let client = client(&door);
    assert_eq!(client.create(&draft(), "heat-1").await.unwrap().key, "OPS-7");
    assert_eq!(client.create(&draft(), "heat-1").await, Err(TrackerError::Exists));
}

#[tokio::test]
async fn the_same_comment_has_the_same_key_and_another_has_another() {
    let door = Door::open(&[("200 OK", "ok"), ("204 No Content", ""), ("202 Accepted", "{}")]).await;
    let client = client(&door);
    for (key, text) in [("OPS-7", "x"), ("OPS-7", "x"), ("OPS-7", "y"), ("OPS-8", "x")] {
        client.comment(key, text).await.unwrap();
    }
    let asked: Vec<(String, Value)> =
        door.asked().iter().map(|request| parts(request, "idempotency-key")).collect();
    assert_eq!(asked[0].1, json!({"key": "OPS-7", "comment": "x"}));
    assert_eq!(asked[0], asked[1]);
    assert!(asked[0].0.starts_with("heat-") && asked[0].0.len() == 37, "{}", asked[0].0);
    assert!(asked[0].0 != asked[2].0 && asked[0].0 != asked[3].0);
}

#[tokio::test]
async fn every_failure_is_told_from_the_others_and_shows_no_secret() {
    let echo = format!("no such hook {PATH}, token {TOKEN}");
    let page = "<html><title>Sign in</title><p>a long page</p></html>";
    let table = [
        ("401 Unauthorized", &*echo, "does not let Heat in (HTTP 401"),
        ("404 Not Found", &*echo, "knows no such thing (HTTP 404: no such hook ***, token ***)"),
        ("404 Not Found", "", "knows no such thing (HTTP 404)"),
        ("422 Unprocessable", r#"{"error":"queue"}"#, r#"refused it (HTTP 422: {"error":"queue"})"#),
        ("400 Bad Request", "", "refused it (HTTP 400: it does not say why)"),
        ("423 Locked", "closed", "locked the issue (HTTP 423: closed)"),
        ("429 Too Many Requests\r\nRetry-After: 7", "", "wants fewer requests"),
        ("502 Bad Gateway", page, "answered HTTP 502: Sign in"),
        ("200 OK", page, "a web page instead of JSON (\"Sign in\")"),
        ("200 OK", r#"{"url":"x"}"#, "another shape than expected"),
        ("200 OK", "", "sent an empty answer"),
        (
            &format!("302 Found\r\nLocation: https://hooks.example.net{PATH}"),
            "",
            "redirects to https://hooks.example.net***",
        ),
        ("", "", "broke off in the middle"),
    ];
    for (head, body, words) in table {
        let door = Door::open(&[(head, body)]).await;
        let error = client(&door).create(&draft(), "heat-1").await.unwrap_err();
        let sentence = error.to_string();
        assert!(sentence.contains(words), "{head}: {sentence}");
        assert!(!sentence.contains("hooksecret") && !sentence.contains(TOKEN), "{sentence}");
        assert!(!sentence.contains("a long page"), "{sentence}");
        assert_eq!(door.asked().len(), 1, "a client repeats nothing");
    }
}

#[tokio::test]
async fn a_login_page_is_no_proof_that_a_comment_was_written() {
    let door = Door::open(&[("200 OK", "<html><title>Sign in</title></html>")]).await;
    let error = client(&door).comment("OPS-7", "x").await.unwrap_err();
    assert!(matches!(&error, TrackerError::Outage(text) if text.contains("Sign in")), "{error:?}");
}

#[tokio::test]
async fn a_webhook_that_does_not_answer_may_have_heard() {
    // Takes connections by the kernel, and never answers.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
    let client = Client::with_timeout(Options { url, token: None }, Duration::from_millis(300)).unwrap();
    let error = client.create(&draft(), "heat-1").await.unwrap_err();
    assert!(
        matches!(&error, TrackerError::Outage(text) if text.contains("did not answer within 0.3 s")),
        "{error:?}"
    );
}

#[tokio::test]
async fn what_a_webhook_cannot_be_asked_is_not_asked() {
    let door = Door::open(&[("200 OK", TICKET)]).await;
    let tracker = Tracker::Webhook(client(&door));
    assert_eq!((tracker.kind(), tracker.reads_back()), ("webhook", false));
    for outcome in [
        tracker.myself().await.map(drop),
        tracker.issues(&["OPS-7"]).await.map(drop),
        tracker.issue("OPS-7").await.map(drop),
        tracker.link("OPS-7", "relates", "OPS-8").await,
        tracker.fields("NETOPS").await.map(drop),
    ] {
        assert!(matches!(outcome, Err(TrackerError::Unsupported(_))), "{outcome:?}");
    }
    assert_eq!(tracker.find_by_unique("heat-1").await, Ok(None));
    assert_eq!(tracker.has_comment("OPS-7", "heat:1").await, Ok(false));
    assert!(door.asked().is_empty());
    assert_eq!(tracker.create(&draft(), "heat-1").await.unwrap().key, "OPS-7");
    tracker.comment("OPS-7", "x").await.unwrap();
    assert_eq!(door.asked().len(), 2);
}
