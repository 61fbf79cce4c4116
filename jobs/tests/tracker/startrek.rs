//! The Startrek client on the simulated Startrek of the devkit.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use heat::config::Secret;
use heat::ticket::Draft;
use heat_devkit::eventually;
use heat_devkit::sim::{Fault, Rule, Startrek, StartrekOptions};
use heat_jobs::upstream::startrek::{ApiVersion, Client, Options};
use heat_jobs::upstream::tracker::{Issue, Tracker, TrackerError};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use crate::door::Door;

const RACK: &str = "65f0c0ffee65f0c0ffee65f1--rackName";

async fn startrek() -> Startrek {
    Startrek::start(StartrekOptions::default()).await.unwrap()
}

fn options(startrek: &Startrek) -> Options {
    Options {
        url: startrek.url().parse().unwrap(),
        version: ApiVersion::V2,
        token: Secret::new(startrek.token()),
        org: Some(startrek.org().to_owned()),
        cloud_org: None,
        web_url: None,
    }
}

fn client(startrek: &Startrek) -> Client {
    Client::new(options(startrek)).unwrap()
}

/// One whose patience ends quickly.
fn hasty(startrek: &Startrek) -> Client {
    Client::with_timeout(options(startrek), Duration::from_millis(300)).unwrap()
}

fn draft(summary: &str) -> Draft {
    Draft { queue: "NETOPS".to_owned(), summary: summary.to_owned(), ..Draft::default() }
}

fn strings(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[tokio::test]
async fn a_draft_arrives_whole() {
    let startrek = startrek().await;
    let whole = Draft {
        queue: "NETOPS".to_owned(),
        summary: "Стойка A-07 без питания".to_owned(),
        description: "**Rack** A-07\n\n`2 of 8 down`".to_owned(),
        kind: Some("incident".to_owned()),
        priority: Some("critical".to_owned()),
        tags: strings(&["heat", "dc2"]),
        components: strings(&["12", "Network"]),
        followers: strings(&["petrov", "sidorova"]),
        assignee: Some("noc-duty".to_owned()),
        fields: [(RACK.to_owned(), json!("A-07")), ("storyPoints".to_owned(), json!(3))].into(),
    };
    let made = client(&startrek).create(&whole, "heat-1").await.unwrap();
    let expected = Issue {
        key: "NETOPS-1".to_owned(),
        url: format!("{}/NETOPS-1", startrek.url()),
        status: "Open".to_owned(),
        status_key: "open".to_owned(),
        resolved: false,
        aliases: Vec::new(),
    };
    assert_eq!(made, expected);
    let kept = startrek.issue("NETOPS-1").unwrap();
    assert_eq!(
        (&kept.summary, &kept.description, kept.unique.as_deref()),
        (&whole.summary, &whole.description, Some("heat-1"))
    );
    assert_eq!(
        (&*kept.kind, &*kept.priority, kept.assignee.as_deref()),
        ("incident", "critical", Some("noc-duty"))
    );
    assert_eq!(
        (&kept.tags, &kept.components, &kept.followers),
        (&whole.tags, &whole.components, &whole.followers)
    );
    assert_eq!(kept.fields.into_iter().collect::<BTreeMap<_, _>>(), whole.fields);
    let asked = &startrek.asked_for("create")[0].params;
    assert_eq!((&asked["markupType"], &asked["components"]), (&json!("md"), &json!([12, "Network"])));
}

#[tokio::test]
async fn both_versions_both_kinds_of_tokens_and_both_kinds_of_organisations_are_spoken() {
    let startrek = startrek().await;
    let org = startrek.org().to_owned();
    let bearer = Secret::new(format!("Bearer {}", startrek.token()));
    let oauth = Secret::new(format!("OAuth {}", startrek.token()));
    for (version, token, org, cloud_org) in
        [(ApiVersion::V2, oauth, Some(org.clone()), None), (ApiVersion::V3, bearer, None, Some(org))]
    {
        let client = Client::new(Options { version, token, org, cloud_org, ..options(&startrek) }).unwrap();
        assert_eq!(client.myself().await.unwrap(), "heat-robot", "{version:?}");
    }
    let internal =
        Startrek::start(StartrekOptions { org: None, ..StartrekOptions::default() }).await.unwrap();
    let client = Client::new(Options { org: None, ..options(&internal) }).unwrap();
    assert_eq!(client.myself().await.unwrap(), "heat-robot");
}

#[tokio::test]
async fn a_stranger_is_told_so() {
    let startrek = startrek().await;
    let wrong = [
        Options { token: Secret::new("y0_somebody-elses"), ..options(&startrek) },
        Options { org: Some("1".to_owned()), ..options(&startrek) },
        Options { org: None, ..options(&startrek) },
    ];
    for options in wrong {
        let error = Client::new(options).unwrap().myself().await.unwrap_err();
        assert!(matches!(error, TrackerError::Unauthorized(_)), "{error:?}");
    }
}

#[tokio::test]
async fn the_same_unique_is_one_issue_that_can_be_found() {
    let startrek = startrek().await;
    let client = client(&startrek);
    let unique = "heat-6f1c2b9e &?=ü";
    assert_eq!(client.find_by_unique(unique).await.unwrap(), None);
    let made = client.create(&draft("x"), unique).await.unwrap();
    assert_eq!(client.create(&draft("x"), unique).await, Err(TrackerError::Exists));
    assert_eq!(client.find_by_unique(unique).await.unwrap(), Some(made));
    assert_eq!(startrek.issues().len(), 1);
}

/// Whatever becomes of the answer: an `Outage` may hide an issue, and asking again shows it.
#[tokio::test]
async fn an_issue_behind_a_lost_answer_is_found_by_asking_again() {
    let lost = [
        Fault::CommitThenDrop,
        Fault::Slow(60_000),
        Fault::CutJson,
        Fault::CutBody,
        Fault::Empty,
        Fault::WrongTypes,
    ];
    for fault in lost {
        let startrek = startrek().await;
        let client = hasty(&startrek);
        startrek.inject(Rule::new(fault.clone()).on("create").times(1));
        let lost = client.create(&draft("x"), "heat-1").await;
        assert!(matches!(lost, Err(TrackerError::Outage(_))), "{fault:?}: {lost:?}");
        assert_eq!(client.create(&draft("x"), "heat-1").await, Err(TrackerError::Exists), "{fault:?}");
        let found = client.find_by_unique("heat-1").await.unwrap();
        assert_eq!(found.unwrap().key, "NETOPS-1");
        assert_eq!(startrek.issues().len(), 1);
    }
}

#[tokio::test]
async fn an_issue_that_exists_may_be_found_only_later() {
    let startrek = startrek().await;
    let client = client(&startrek);
    client.create(&draft("x"), "heat-1").await.unwrap();
    startrek.inject(Rule::new(Fault::UniqueLag(300)).on("create"));
    assert_eq!(client.create(&draft("x"), "heat-1").await, Err(TrackerError::Exists));
    assert_eq!(client.find_by_unique("heat-1").await, Ok(None));
    let found = eventually("the issue to be found", Duration::from_secs(10), async || {
        client.find_by_unique("heat-1").await.unwrap()
    });
    assert_eq!(found.await.unwrap().key, "NETOPS-1");
}

/// What an operator reads, for every way in which the tracker fails, and what Heat makes of it.
#[tokio::test]
async fn every_failure_is_told_from_the_others_and_says_what_to_do() {
    const OUTAGE: &str = "may have arrived all the same";
    let table = [
        (Fault::TokenRefused, "does not let Heat in (HTTP 401", "check the token"),
        (Fault::Forbidden, "does not let Heat in (HTTP 403: You may not do this.)", "may write in the queue"),
        (Fault::Status(400), "refused it (HTTP 400: This is not to be.)", "correct what it names"),
        (Fault::Status(404), "knows no such thing (HTTP 404", "check the key"),
        (Fault::Status(412), "refused it (HTTP 412", "correct what it names"),
        (Fault::Status(422), "refused it (HTTP 422", "correct what it names"),
        (Fault::Status(423), "locked the issue (HTTP 423", "open another ticket"),
        (Fault::TooMany(0), "wants fewer requests", "Heat waits"),
        (Fault::TooMany(7), "wants fewer requests", "Heat waits"),
        (Fault::Status(500), "answered HTTP 500: a web page, \"500 Internal Server Error\"", OUTAGE),
        (Fault::Status(503), "answered HTTP 503: a web page, \"503 Service Unavailable\"", OUTAGE),
        (Fault::Html, "a web page instead of JSON (\"Sign in\")", OUTAGE),
        (Fault::CutJson, "ends in the middle", OUTAGE),
        (Fault::CutBody, "broke off in the middle", OUTAGE),
        (Fault::Reset, "broke off in the middle", OUTAGE),
        (Fault::CommitThenDrop, "broke off in the middle", OUTAGE),
        (Fault::WrongTypes, "another shape than expected", OUTAGE),
        (Fault::Empty, "another shape than expected", OUTAGE),
        (Fault::Huge(40 << 20), "more than 32 MiB", OUTAGE),
        (Fault::Slow(60_000), "did not answer within 0.3 s", OUTAGE),
    ];
    for (fault, words, help) in table {
        let startrek = startrek().await;
        let hurry = matches!(fault, Fault::Slow(_));
        let client = if hurry { hasty(&startrek) } else { client(&startrek) };
        startrek.inject(fault.clone());
        let error = client.create(&draft("x"), "heat-1").await.expect_err("nothing can be created");
        let sentence = error.to_string();
        assert!(sentence.starts_with("the tracker ") && sentence.contains(words), "{fault:?}: {sentence}");
        assert!(sentence.contains(help), "{fault:?}: {sentence}");
        assert!(!format!("{sentence}{error:?}").contains(startrek.token()), "{error:?}");
        let wait = if let Fault::TooMany(7) = fault { Some(Duration::from_secs(7)) } else { None };
        if let Fault::TooMany(_) = fault {
            assert_eq!(error, TrackerError::Limited { retry_after: wait });
        }
        assert_eq!(startrek.asked_count(), 1, "{fault:?}: a client repeats nothing");
        startrek.clear_faults();
        let after = client.create(&draft("x"), "heat-2").await;
        assert!(after.is_ok(), "after {fault:?}: {after:?}");
    }
}

#[tokio::test]
async fn every_call_fails_in_the_same_way() {
    let startrek = startrek().await;
    startrek.open("NETOPS", "x").unwrap();
    let client = client(&startrek);
    startrek.inject(Fault::Status(502));
    let outcomes = [
        client.myself().await.map(drop),
        client.create(&draft("x"), "heat-1").await.map(drop),
        client.find_by_unique("heat-1").await.map(drop),
        client.comment("NETOPS-1", "x").await,
        client.has_comment("NETOPS-1", "x").await.map(drop),
        client.issues(&["NETOPS-1"]).await.map(drop),
        client.issue("NETOPS-1").await.map(drop),
        client.link("NETOPS-1", "relates", "NETOPS-2").await,
        client.fields("NETOPS").await.map(drop),
    ];
    for outcome in outcomes {
        assert!(matches!(outcome, Err(TrackerError::Outage(_))), "{outcome:?}");
    }
}

#[tokio::test]
async fn the_trackers_own_words_on_each_field_are_handed_on() {
    let startrek = startrek().await;
    let draft = Draft {
        priority: Some("urgent".to_owned()),
        fields: [("rackName".to_owned(), json!("A-07"))].into(),
        ..draft("x")
    };
    let error = client(&startrek).create(&draft, "heat-1").await.unwrap_err();
    let text = "priority: This value is not allowed.; rackName: There is no such field.".to_owned();
    assert_eq!(error, TrackerError::Refused { status: 422, text });
}

#[tokio::test]
async fn another_server_at_the_address_is_no_word_of_the_tracker() {
    let startrek = startrek().await;
    let url = format!("{}/wrong", startrek.url()).parse().unwrap();
    let client = Client::new(Options { url, ..options(&startrek) }).unwrap();
    for outcome in [client.issue("NETOPS-1").await, client.find_by_unique("heat-1").await] {
        let error = outcome.expect_err("nobody said that it is not there").to_string();
        assert!(error.contains("check its URL"), "{error}");
    }
    let door = Door::open(&[("302 Found\r\nLocation: https://sso.example.net/", "")]).await;
    let client = Client::new(Options { url: door.url("/"), ..options(&startrek) }).unwrap();
    let error = client.myself().await.unwrap_err().to_string();
    assert!(error.contains("redirects to https://sso.example.net/"), "{error}");
}

#[tokio::test]
async fn a_token_that_the_tracker_repeats_is_not_repeated_by_heat() {
    let startrek = startrek().await;
    let words = json!({"errors": {}, "errorMessages": [format!("token {} is unknown", startrek.token())]})
        .to_string();
    let door = Door::open(&[("401 Unauthorized", &words)]).await;
    let error = Client::new(Options { url: door.url("/"), ..options(&startrek) })
        .unwrap()
        .myself()
        .await
        .unwrap_err();
    assert_eq!(error, TrackerError::Unauthorized("HTTP 401: token *** is unknown".to_owned()));
}

#[tokio::test]
async fn a_comment_is_markdown_and_makes_heat_no_follower() {
    let startrek = startrek().await;
    startrek.open("NETOPS", "x").unwrap();
    let client = client(&startrek);
    client.comment("NETOPS-1", "**3** more\n\nheat:1").await.unwrap();
    let issue = startrek.issue("NETOPS-1").unwrap();
    assert_eq!(
        (&*issue.comments[0].author, &*issue.comments[0].text),
        ("heat-robot", "**3** more\n\nheat:1")
    );
    assert_eq!(issue.followers, strings(&[]));
    assert_eq!(startrek.asked_for("comment")[0].params["markupType"], "md");
    for key in ["NETOPS-9", "../NETOPS-1", "NETOPS-1/comments?x=", ""] {
        let error = client.comment(key, "x").await.unwrap_err();
        assert!(matches!(error, TrackerError::NotFound(_)), "{key}: {error:?}");
    }
    assert_eq!(startrek.issue("NETOPS-1").unwrap().comments.len(), 1);
}

#[tokio::test]
async fn a_marker_is_found_on_whatever_page_of_the_comments_it_is() {
    let startrek = startrek().await;
    startrek.open("NETOPS", "x").unwrap();
    for number in 0..250 {
        startrek.comment("NETOPS-1", &format!("comment\nheat:{number}.")).unwrap();
    }
    let client = client(&startrek);
    for (marker, is_there, requests) in
        [("heat:0.", true, 1), ("heat:199.", true, 2), ("heat:249.", true, 3), ("heat:250.", false, 4)]
    {
        startrek.forget_asked();
        assert_eq!(client.has_comment("NETOPS-1", marker).await, Ok(is_there), "{marker}");
        assert_eq!(startrek.asked_for("comments").len(), requests, "{marker}");
    }
    assert!(matches!(client.has_comment("NETOPS-9", "x").await, Err(TrackerError::NotFound(_))));
}

#[tokio::test]
async fn a_tracker_that_repeats_its_page_of_comments_is_not_asked_for_ever() {
    let startrek = startrek().await;
    let page = json!([{"id": 7, "text": "x"}, {"id": "8", "text": null}]).to_string();
    let door = Door::open(&[("200 OK", &page)]).await;
    let client = Client::new(Options { url: door.url("/"), ..options(&startrek) }).unwrap();
    assert_eq!(client.has_comment("NETOPS-1", "heat:1").await, Ok(false));
    let asked = door.asked();
    assert_eq!(asked.len(), 2);
    assert!(asked[1].starts_with("GET /v2/issues/NETOPS-1/comments/?perPage=100&id=8 "), "{}", asked[1]);
}

#[tokio::test]
async fn a_comment_behind_a_lost_answer_is_found_by_its_marker() {
    let startrek = startrek().await;
    startrek.open("NETOPS", "x").unwrap();
    let client = client(&startrek);
    for (fault, is_there) in
        [(Fault::CommitThenDrop, true), (Fault::Reset, false), (Fault::Status(500), false)]
    {
        let marker = format!("heat:{fault:?}");
        startrek.inject(Rule::new(fault).on("comment").times(1));
        assert!(matches!(client.comment("NETOPS-1", &marker).await, Err(TrackerError::Outage(_))));
        assert_eq!(client.has_comment("NETOPS-1", &marker).await, Ok(is_there), "{marker}");
    }
    assert_eq!(
        startrek.asked_for("comment").len(),
        3,
        "nothing is repeated on a connection that was used before"
    );
}

#[tokio::test]
async fn issues_come_with_their_state_and_unknown_ones_not_at_all() {
    let startrek = startrek().await;
    for _ in 0..4 {
        startrek.open("NETOPS", "x").unwrap();
    }
    startrek.transition("NETOPS-2", "start_progress", None).unwrap();
    startrek.close("NETOPS-3", "fixed").unwrap();
    startrek.move_to("NETOPS-4", "DCOPS").unwrap();
    let client = client(&startrek);
    let asked = ["NETOPS-1", "NETOPS-2", "NETOPS-3", "NETOPS-4", "NETOPS-9", "no key", "../x"];
    let issues = client.issues(&asked).await.unwrap();
    let seen: Vec<_> = issues
        .iter()
        .map(|issue| (&*issue.key, &*issue.status, &*issue.status_key, issue.resolved))
        .collect();
    let expected = [
        ("NETOPS-1", "Open", "open", false),
        ("NETOPS-2", "In progress", "inProgress", false),
        ("NETOPS-3", "Closed", "closed", true),
        ("DCOPS-1", "Open", "open", false),
    ];
    assert_eq!(seen, expected);
    assert_eq!(issues[3].aliases, ["NETOPS-4"]);
    assert_eq!(startrek.asked_for("search")[0].params, json!({"keys": &asked[..5]}));
    startrek.reopen("NETOPS-3").unwrap();
    assert!(!client.issue("NETOPS-3").await.unwrap().unwrap().resolved);
    assert_eq!(client.issue("NETOPS-4").await.unwrap().as_ref(), Some(&issues[3]));
    assert_eq!((client.issue("NETOPS-9").await, client.issue("../myself").await), (Ok(None), Ok(None)));
}

#[tokio::test]
async fn nothing_is_asked_for_no_keys_and_a_hundred_at_a_time_for_many() {
    let startrek = startrek().await;
    let keys: Vec<String> = (0..120).map(|_| startrek.open("NETOPS", "x").unwrap()).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let client = client(&startrek);
    assert_eq!(client.issues(&[]).await, Ok(Vec::new()));
    assert_eq!(client.issues(&["no key"]).await, Ok(Vec::new()));
    assert_eq!(startrek.asked_count(), 0, "a search without keys would find everything");
    let found = client.issues(&keys).await.unwrap();
    assert_eq!(found.iter().map(|issue| &*issue.key).collect::<Vec<_>>(), keys);
    assert_eq!(startrek.asked_for("search").len(), 2);
}

#[tokio::test]
async fn a_link_that_is_there_is_as_good_as_made_and_a_wrong_one_is_refused() {
    let startrek = startrek().await;
    let (one, other) = (startrek.open("NETOPS", "x").unwrap(), startrek.open("DCOPS", "y").unwrap());
    let client = client(&startrek);
    for _ in 0..2 {
        client.link(&one, "relates", &other).await.unwrap();
    }
    assert_eq!(startrek.issue(&one).unwrap().links, [("relates".to_owned(), other.clone())]);
    for (relationship, issue) in [("likes", &*other), ("relates", "NETOPS-9"), ("relates", &*one)] {
        let error = client.link(&one, relationship, issue).await.unwrap_err();
        assert!(
            matches!(error, TrackerError::Refused { status: 422, .. }),
            "{relationship} {issue}: {error:?}"
        );
    }
}

#[tokio::test]
async fn the_fields_of_a_queue_are_the_global_ones_and_its_own() {
    let startrek = startrek().await;
    let client = client(&startrek);
    let fields = client.fields("NETOPS").await.unwrap();
    assert_eq!((&*fields["deadline"], &*fields[RACK]), ("Deadline", "Стойка"));
    assert!(!fields.contains_key("rackName"));
    for queue in ["NOWHERE", "../myself", ""] {
        assert!(matches!(client.fields(queue).await, Err(TrackerError::NotFound(_))), "{queue}");
    }
}

#[tokio::test]
async fn the_configured_tracker_does_what_its_client_does() {
    let startrek = startrek().await;
    let tracker = Tracker::Startrek(client(&startrek));
    assert_eq!((tracker.kind(), tracker.reads_back()), ("startrek", true));
    assert_eq!(tracker.myself().await.unwrap(), "heat-robot");
    let made = tracker.create(&draft("x"), "heat-1").await.unwrap();
    let other = startrek.open("NETOPS", "y").unwrap();
    tracker.comment(&made.key, "heat:1").await.unwrap();
    tracker.link(&made.key, "relates", &other).await.unwrap();
    assert!(tracker.has_comment(&made.key, "heat:1").await.unwrap());
    assert_eq!(tracker.find_by_unique("heat-1").await.unwrap().as_ref(), Some(&made));
    assert_eq!(tracker.issue(&made.key).await.unwrap().as_ref(), Some(&made));
    assert_eq!(tracker.issues(&[&made.key]).await.unwrap(), [made]);
    assert!(tracker.fields("NETOPS").await.unwrap().contains_key(RACK));
}

/// Whatever a template calls its fields, and whatever they hold: the request stays what it is, and the tracker is asked
/// about the field itself.
#[test]
fn no_name_of_a_field_breaks_the_request() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let startrek = runtime.block_on(startrek());
    let client = client(&startrek);
    let name = prop_oneof![
        "[\"\\\\{}:,\\[\\]\u{0}\n a-z]{1,12}",
        prop::sample::select(vec!["queue", "unique", "summary", "markupType", "__proto__", RACK])
            .prop_map(str::to_owned),
        ".{1,12}",
    ];
    let value = prop_oneof![
        ".{0,20}".prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        Just(json!({"a": ["b"]}))
    ];
    let config = ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() };
    TestRunner::new(config)
        .run(&prop::collection::btree_map(name, value, 1..4), |fields| {
            startrek.clear();
            startrek.forget_asked();
            let draft = Draft { fields, ..draft("x") };
            let outcome = runtime.block_on(client.create(&draft, "heat-1"));
            let sent = &startrek.asked_for("create")[0].params;
            prop_assert_eq!(
                (&sent["queue"], &sent["summary"], &sent["unique"], &sent["markupType"]),
                (&json!("NETOPS"), &json!("x"), &json!("heat-1"), &json!("md"))
            );
            match outcome {
                Ok(issue) => prop_assert_eq!(startrek.issue(&issue.key).unwrap().unique.unwrap(), "heat-1"),
                Err(TrackerError::Refused { status: 422, .. }) => prop_assert!(startrek.issues().is_empty()),
                Err(error) => prop_assert!(false, "{error:?}"),
            }
            Ok(())
        })
        .unwrap();
}

/// Several faults at once, each by chance: whoever follows the rules of the interface makes every ticket and every comment
/// exactly once.
#[test]
fn through_any_weather_every_ticket_and_every_comment_is_made_once() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let config = ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() };
    TestRunner::new(config)
        .run(&any::<u64>(), |seed| {
            runtime.block_on(async {
                let startrek =
                    Startrek::start(StartrekOptions { seed, ..StartrekOptions::default() }).await.unwrap();
                for fault in [
                    Fault::CommitThenDrop,
                    Fault::Reset,
                    Fault::Status(500),
                    Fault::CutJson,
                    Fault::TooMany(0),
                    Fault::UniqueLag(5),
                    Fault::Moved,
                ] {
                    startrek.inject(Rule::new(fault).percent(15));
                }
                let client = client(&startrek);
                for number in 0..10 {
                    let key = deliver(&client, &format!("heat-{number}")).await;
                    say(&client, &key, &format!("heat:{number}")).await;
                }
                let issues = startrek.issues();
                let uniques: BTreeSet<_> = issues.iter().map(|issue| issue.unique.clone().unwrap()).collect();
                prop_assert_eq!((issues.len(), uniques.len()), (10, 10));
                prop_assert!(issues.iter().all(|issue| issue.comments.len() == 1));
                Ok(())
            })
        })
        .unwrap();
}

/// Creates a ticket as often as it takes, and returns its key.
async fn deliver(client: &Client, unique: &str) -> String {
    for _ in 0..1_000 {
        match client.create(&draft("x"), unique).await {
            Ok(issue) => return issue.key,
            Err(TrackerError::Exists) => {
                if let Ok(Some(issue)) = client.find_by_unique(unique).await {
                    return issue.key;
                }
            }
            Err(TrackerError::Outage(_) | TrackerError::Limited { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
    panic!("{unique} is never made");
}

/// Writes a comment as often as it takes.
async fn say(client: &Client, key: &str, marker: &str) {
    let mut is_doubtful = false;
    for _ in 0..1_000 {
        if is_doubtful {
            match client.has_comment(key, marker).await {
                Ok(true) => return,
                Ok(false) => is_doubtful = false,
                Err(_) => {}
            }
            continue;
        }
        match client.comment(key, marker).await {
            Ok(()) => return,
            Err(TrackerError::Outage(_)) => is_doubtful = true,
            Err(TrackerError::Limited { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
    panic!("{marker} is never said");
}
