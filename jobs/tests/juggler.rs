//! The Juggler client against the simulated Juggler of the devkit, and every way it can fail.

#![expect(clippy::unwrap_used, reason = "a test may panic, and so may what it is made of")]

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use heat::config::Secret;
use heat::event::Event;
use heat::severity::Severity;
use heat::time::Timestamp;
use heat_devkit::sim::{Fault, Juggler, JugglerOptions, RawEvent, Rule};
use heat_devkit::world::{Size, World};
use heat_jobs::upstream::juggler::{Client, Options, Profile, Watches, openings};
use heat_jobs::upstream::{Sweep, SweepError, Watched};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

async fn juggler() -> Juggler {
    Juggler::start(JugglerOptions::default()).await.unwrap()
}

/// Quick retries, small pages, and no reading of watched hosts unless a test is about them.
fn options(juggler: &Juggler) -> Options {
    let mut options = Options::new("juggler", juggler.url().parse().unwrap(), Secret::new(juggler.token()));
    options.pause = Duration::from_millis(1);
    options.watches = Watches::All;
    options
}

fn paged(juggler: &Juggler, limit: u64) -> Options {
    let mut options = options(juggler);
    options.profile.limit = limit;
    options
}

async fn sweep(options: Options) -> Result<Sweep, SweepError> {
    Client::new(options).unwrap().sweep(HashMap::new).await
}

fn by_what(events: &[Event]) -> BTreeMap<String, &Event> {
    events
        .iter()
        .map(|event| {
            let (host, key) = (&event.host, &event.key);
            (format!("{host} {}", key.split(':').nth(1).unwrap_or_default()), event)
        })
        .collect()
}

fn ids(events: &[Event]) -> BTreeSet<&str> {
    events.iter().map(|event| &*event.id).collect()
}

fn bad(number: usize) -> RawEvent {
    RawEvent::new(&format!("host-{number:04}"), "ssh", "CRIT")
}

#[tokio::test]
async fn every_event_that_is_not_ok_arrives_mapped_by_the_default_profile() {
    let juggler = juggler().await;
    let long = "Отказ контроллера. ".repeat(600);
    juggler.set_all([
        RawEvent::new("R1.example.net.", "bgp:sessions", "CRIT")
            .description("2 of 8 down\nпик")
            .since(1_767_193_201.5)
            .tags(Some(&["network", "dc2"])),
        RawEvent::new("r1.example.net", "disk", "WARN").instance("sda").tags(None),
        RawEvent::new("r1.example.net", "disk", "INFO").instance("sdb").downtime("5f1d"),
        RawEvent::new("r2", "ntp", "OK"),
        RawEvent::new("r2", "ssh", "GONE").description(&long),
    ]);
    let sweep = sweep(options(&juggler)).await.unwrap();
    assert!(sweep.complete && sweep.remark.is_none(), "{sweep:?}");
    assert_eq!(sweep.problems, 4);
    assert_eq!(sweep.watched, Some(Watched::All));
    let events = by_what(&sweep.events);
    let bgp = events["R1.example.net bgp%3Asessions"];
    assert_eq!(bgp.id, "juggler:bgp%3Asessions@1767193201:r1.example.net");
    assert_eq!((bgp.severity, &*bgp.name, &*bgp.text), (Severity::High, "bgp:sessions", "2 of 8 down\nпик"));
    assert_eq!(bgp.since, Timestamp::from_unix(1_767_193_201));
    assert_eq!(bgp.tags.iter().map(|tag| &*tag.tag).collect::<Vec<_>>(), ["network", "dc2"]);
    assert_eq!(
        (bgp.reference.get("host"), bgp.reference.get("namespace")),
        (Some("R1.example.net."), Some("netops"))
    );
    assert_eq!(events["r1.example.net disk/sda"].severity, Severity::Warning);
    let sdb = events["r1.example.net disk/sdb"];
    assert_eq!((sdb.severity, sdb.suppressed), (Severity::Information, true));
    let unknown = events["r2 ssh"];
    assert_eq!(unknown.severity, Severity::NotClassified);
    assert!(unknown.text.len() <= 4096 && unknown.text.len() > 4000 && long.starts_with(&unknown.text));
}

#[tokio::test]
async fn a_status_means_what_the_configuration_says() {
    let juggler = juggler().await;
    juggler.set_all([
        RawEvent::new("a", "x", "CRIT"),
        RawEvent::new("b", "x", "WARN"),
        RawEvent::new("c", "x", "INFO"),
    ]);
    let mut options = options(&juggler);
    options.profile.severities =
        [("CRIT".to_owned(), Severity::Disaster), ("WARN".to_owned(), Severity::Average)].into();
    let sweep = sweep(options).await.unwrap();
    let severities: Vec<_> = sweep.events.iter().map(|event| (&*event.host, event.severity)).collect();
    assert_eq!(severities, [("a", Severity::Disaster), ("b", Severity::Average)], "INFO is not asked for");
}

#[tokio::test]
async fn the_selection_is_sent_as_it_is_configured() {
    let juggler = juggler().await;
    juggler.set_all([bad(1).namespace("search"), bad(2), bad(3).tags(Some(&["core"]))]);
    let mut options = options(&juggler);
    let profile = r#"{"select":[{"namespace":"search"},{"tags":["core"]}]}"#;
    options.profile = serde_json::from_str::<Profile>(profile).unwrap();
    let sweep = sweep(options).await.unwrap();
    let hosts: Vec<&str> = sweep.events.iter().map(|event| &*event.host).collect();
    assert_eq!(hosts, ["host-0001", "host-0003"]);
}

#[tokio::test]
async fn the_worst_of_several_namespaces_is_one_event() {
    let juggler = juggler().await;
    juggler.set_all([
        RawEvent::new("a", "ssh", "WARN").namespace("infra"),
        RawEvent::new("A", "ssh", "CRIT").namespace("netops"),
        RawEvent::new("a", "ssh", "OK").namespace("search"),
    ]);
    let sweep = sweep(options(&juggler)).await.unwrap();
    assert!(sweep.complete);
    assert_eq!(sweep.events.len(), 1);
    assert_eq!(sweep.events[0].severity, Severity::High);
}

#[tokio::test]
async fn one_of_two_that_differ_in_nothing_that_counts_is_always_the_same_one() {
    let juggler = juggler().await;
    juggler.set_all(["a", "A", "a."].map(|host| RawEvent::new(host, "ssh", "CRIT").description(host)));
    for _ in 0..20 {
        let sweep = sweep(options(&juggler)).await.unwrap();
        assert_eq!(sweep.events.iter().map(|event| &*event.text).collect::<Vec<_>>(), ["A"]);
    }
}

#[tokio::test]
async fn what_juggler_says_again_word_by_word_is_not_told_again() {
    let juggler = juggler().await;
    juggler.set_all((0..50).map(|number| bad(number).since(1000.0)));
    let mut client = Client::new(paged(&juggler, 20)).unwrap();
    let first = client.sweep(HashMap::new).await.unwrap();
    let unsaid = client.sweep(HashMap::new).await.unwrap();
    assert!(!unsaid.unchanged, "nobody said that the first was kept");
    assert_eq!(unsaid.events, first.events);
    client.kept();
    juggler.forget_asked();
    let same = client.sweep(|| panic!("no event is made")).await.unwrap();
    assert!(same.complete && same.unchanged && same.events.is_empty() && same.remark.is_none());
    assert_eq!((same.problems, same.watched), (50, Some(Watched::All)));
    assert_eq!(juggler.asked().len(), 3, "all pages are asked for");
    client.kept();
    let again = client.sweep(|| panic!("no event is made")).await.unwrap();
    assert!(again.unchanged);
}

#[tokio::test]
async fn a_change_on_the_last_page_alone_is_told_with_all_that_is_on_those_before() {
    let juggler = juggler().await;
    juggler.set_all((0..50).map(bad));
    let mut client = Client::new(paged(&juggler, 20)).unwrap();
    let mut events = client.sweep(HashMap::new).await.unwrap().events;
    for (change, count) in [
        (bad(49).description("worse"), 50),
        (RawEvent::new("host-0049", "ssh", "OK"), 49),
        (RawEvent::new("host-0049", "ssh", "WARN"), 50),
        (bad(50), 51),
    ] {
        client.kept();
        juggler.set(change);
        juggler.forget_asked();
        let changed = client.sweep(|| openings(&events)).await.unwrap();
        assert!(changed.complete && !changed.unchanged);
        assert_eq!(juggler.asked().len(), 3, "no page is read twice");
        assert_eq!((changed.events.len(), changed.problems), (count, count as u64));
        assert_eq!(changed.events, sweep_knowing(&juggler, &events).await);
        events = changed.events;
    }
}

/// What one who has kept nothing makes of the answers.
async fn sweep_knowing(juggler: &Juggler, known: &[Event]) -> Vec<Event> {
    let mut client = Client::new(paged(juggler, 20)).unwrap();
    client.sweep(|| openings(known)).await.unwrap().events
}

#[tokio::test]
async fn what_was_kept_is_what_the_same_answers_would_make_again() {
    let juggler = juggler().await;
    juggler.seed(&World::generate(Size::SMALL, 1), 2_000);
    // Without these an opening begins when Heat first hears of it.
    let mut options = paged(&juggler, 20);
    options.profile.fields.status_since = "/nowhere".into();
    options.profile.fields.received_at = "/nowhere".into();
    let (mut client, mut other) = (Client::new(options.clone()).unwrap(), Client::new(options).unwrap());
    let early = sweep_knowing(&juggler, &[]).await;
    client.sweep(|| openings(&early)).await.unwrap();
    // The first answers taught it another status to ask for.
    let kept = client.sweep(|| openings(&early)).await.unwrap().events;
    client.kept();
    assert!(client.sweep(|| openings(&kept)).await.unwrap().unchanged);
    assert_eq!(other.sweep(|| openings(&kept)).await.unwrap().events, kept);
    assert_eq!(ids(&kept), ids(&early));
}

#[tokio::test]
async fn the_same_answer_to_another_question_is_looked_into() {
    let juggler = juggler().await;
    juggler.set_all([bad(1), RawEvent::new("a", "ssh", "GONE")]);
    let mut client = Client::new(options(&juggler)).unwrap();
    for unchanged in [false, false, true] {
        let sweep = client.sweep(HashMap::new).await.unwrap();
        assert_eq!(
            (sweep.complete, sweep.unchanged),
            (true, unchanged),
            "GONE is asked for by name once heard of"
        );
        client.kept();
    }
}

#[tokio::test]
async fn after_a_sweep_that_broke_off_the_same_answers_are_looked_into_again() {
    for fault in [Fault::CutJson, Fault::Status(404), Fault::WrongTypes] {
        let juggler = juggler().await;
        juggler.set_all((0..30).map(bad));
        let mut client = Client::new(paged(&juggler, 10)).unwrap();
        let events = client.sweep(HashMap::new).await.unwrap().events;
        client.kept();
        juggler.inject(Rule::new(fault).after(1));
        let error = client.sweep(|| openings(&events)).await.unwrap_err();
        assert_eq!(error.seen.len(), 10, "the first page said what it said before");
        assert!(error.seen.iter().all(|event| event.partial));
        // Whoever says so although nothing came is not believed either.
        client.kept();
        juggler.clear_faults();
        let whole = client.sweep(|| openings(&events)).await.unwrap();
        assert!(whole.complete && !whole.unchanged);
        assert_eq!(whole.events, events);
        client.kept();
        assert!(client.sweep(|| openings(&events)).await.unwrap().unchanged);
    }
}

#[tokio::test]
async fn a_union_of_two_readings_is_never_taken_for_what_was_said() {
    let juggler = juggler().await;
    juggler.set_all((0..30).map(bad));
    let mut client = Client::new(paged(&juggler, 10)).unwrap();
    juggler.inject(Rule::new(Fault::DriftingTotal).times(3));
    let calm = client.sweep(HashMap::new).await.unwrap();
    client.kept();
    let same = client.sweep(HashMap::new).await.unwrap();
    assert!(calm.complete && same.unchanged, "the second reading alone made the events");
    client.kept();
    juggler.inject(Fault::DriftingTotal);
    let moving = client.sweep(HashMap::new).await.unwrap();
    assert!(!moving.complete && !moving.unchanged);
    assert_eq!(ids(&moving.events), ids(&calm.events));
    client.kept();
    juggler.clear_faults();
    let after = client.sweep(HashMap::new).await.unwrap();
    assert!(after.complete && !after.unchanged);
    assert_eq!(after.events, calm.events);
}

#[tokio::test]
async fn an_opening_keeps_its_id_through_worsening_and_easing_and_ends_with_ok() {
    let juggler = juggler().await;
    let mut client = Client::new(options(&juggler)).unwrap();
    let mut known = HashMap::new();
    let mut seen = Vec::new();
    for (status, since) in
        [("WARN", 1000.0), ("CRIT", 2000.0), ("INFO", 3000.0), ("OK", 4000.0), ("CRIT", 5000.0)]
    {
        juggler.set(RawEvent::new("a", "ssh", status).since(since));
        let sweep = client.sweep(|| known.clone()).await.unwrap();
        seen.extend(sweep.events.iter().map(|event| (event.id.clone(), event.since.unix())));
        known = openings(&sweep.events);
    }
    let expected = [("@1000", 1000), ("@1000", 2000), ("@1000", 3000), ("@5000", 5000)];
    assert_eq!(seen, expected.map(|(start, since)| (format!("juggler:ssh{start}:a"), since)));
}

#[tokio::test]
async fn many_pages_make_one_complete_sweep() {
    let juggler = juggler().await;
    juggler.seed(&World::generate(Size::SMALL, 1), 2_000);
    for limit in [7, 100, 1_000] {
        let sweep = sweep(paged(&juggler, limit)).await.unwrap();
        assert!(sweep.complete && sweep.remark.is_none());
        assert_eq!(sweep.events.len(), juggler.bad_count());
        assert_eq!(ids(&sweep.events).len(), sweep.events.len());
    }
    assert_eq!(juggler.peak_concurrency(), 1);
}

#[tokio::test]
async fn events_repeated_across_pages_push_no_others_out() {
    let juggler = juggler().await;
    juggler.set_all((0..95).map(bad));
    juggler.inject(Fault::RepeatedEvents);
    let sweep = sweep(paged(&juggler, 10)).await.unwrap();
    assert!(sweep.complete);
    assert_eq!(sweep.events.len(), 95);
}

#[tokio::test]
async fn a_total_that_moves_is_read_twice_and_then_the_union_is_taken() {
    let juggler = juggler().await;
    juggler.set_all((0..95).map(bad));
    juggler.inject(Rule::new(Fault::DriftingTotal).times(3));
    let once = sweep(paged(&juggler, 10)).await.unwrap();
    assert!(once.complete, "the second reading is at peace");
    assert_eq!(once.events.len(), 95);
    juggler.inject(Fault::DriftingTotal);
    juggler.forget_asked();
    let moving = sweep(paged(&juggler, 10)).await.unwrap();
    assert_eq!(moving.events.len(), 95);
    assert!(!moving.complete, "the total is above what both readings brought");
    assert!(moving.events.iter().all(|event| event.partial));
    assert!(moving.remark.unwrap().contains("lists 95"));
    assert!(juggler.asked().len() <= 24);
}

/// What an operator reads, for every way in which a Juggler fails.
#[tokio::test]
async fn every_failure_says_what_to_do_and_the_next_sweep_works_again() {
    let minute = Some(Duration::from_mins(1));
    let table = [
        (Fault::TokenRefused, "rejected the token (HTTP 401: OAuth token is missing or unknown)", minute, 1),
        (Fault::Forbidden, "rejected the token (HTTP 403", minute, 1),
        (Fault::Status(404), "nothing at /v2/events/get_raw_events", None, 1),
        (Fault::Status(400), "refused the request (HTTP 400: cannot serve the request)", None, 1),
        (Fault::Status(500), "HTTP 500 Internal Server Error: internal error: backend shard 3", None, 4),
        (Fault::Status(503), "HTTP 503", None, 4),
        (Fault::TooMany(0), "asked too often", None, 4),
        (Fault::TooMany(30), "asked too often", Some(Duration::from_secs(30)), 1),
        (Fault::Html, "a web page instead of JSON (\"Sign in\")", None, 1),
        (Fault::CutJson, "ends in the middle", None, 1),
        (Fault::CutBody, "broke off in the middle", None, 4),
        (Fault::Reset, "broke off in the middle", None, 4),
        (Fault::WrongTypes, "another shape than expected (an event has no text at /service)", None, 1),
        (Fault::Huge(3 << 20), "more than 2 MiB", None, 1),
        (Fault::Slow(60_000), "did not answer within 0.3 s", None, 1),
    ];
    for (fault, words, retry_after, asked) in table {
        let juggler = juggler().await;
        juggler.set_all((0..20).map(bad));
        let mut options = options(&juggler);
        options.max_body = 2 << 20;
        if matches!(fault, Fault::Slow(_)) {
            options.timeout = Duration::from_millis(300);
        }
        let mut client = Client::new(options).unwrap();
        juggler.inject(fault.clone());
        let error = client.sweep(HashMap::new).await.expect_err("no sweep can succeed");
        assert!(
            error.reason.starts_with("Juggler ") && error.reason.contains(words),
            "{fault:?}: {}",
            error.reason
        );
        assert!(!error.reason.contains(juggler.token()));
        assert_eq!((error.retry_after, juggler.asked().len()), (retry_after, asked), "{fault:?}");
        juggler.clear_faults();
        let sweep = client.sweep(HashMap::new).await.unwrap();
        assert_eq!((sweep.complete, sweep.events.len()), (true, 20), "after {fault:?}");
    }
}

#[tokio::test]
async fn an_error_object_with_status_200_is_an_error() {
    let juggler = juggler().await;
    let mut options = options(&juggler);
    options.profile.list = "/data/items".to_owned();
    let error = sweep(options).await.unwrap_err();
    assert!(error.reason.contains("there is no list at /data/items"), "{}", error.reason);
}

#[tokio::test]
async fn a_sweep_that_breaks_after_a_page_still_tells_what_it_saw() {
    let juggler = juggler().await;
    juggler.set_all((0..30).map(bad));
    juggler.inject(Rule::new(Fault::CutJson).after(1));
    let error = sweep(paged(&juggler, 10)).await.unwrap_err();
    assert_eq!(error.seen.len(), 10);
    assert!(error.seen.iter().all(|event| event.partial));
}

#[tokio::test]
async fn passing_trouble_is_retried_three_times_in_all() {
    let juggler = juggler().await;
    juggler.set_all((0..30).map(bad));
    for after in [0, 1, 2] {
        juggler.inject(Rule::new(Fault::Status(500)).after(after).times(1));
    }
    let sweep = sweep(paged(&juggler, 10)).await.unwrap();
    assert_eq!((sweep.complete, sweep.events.len()), (true, 30));
}

#[tokio::test]
async fn watched_hosts_are_those_of_all_statuses_and_read_once_in_a_while() {
    let juggler = juggler().await;
    juggler.set_all((0..25).map(|number| RawEvent::new(&format!("host-{number:04}"), "ssh", "OK")));
    juggler.set(bad(3));
    let mut options = paged(&juggler, 10);
    options.watches = Watches::Swept;
    let mut client = Client::new(options).unwrap();
    let first = client.sweep(HashMap::new).await.unwrap();
    let hosts: BTreeSet<String> = (0..25).map(|number| format!("host-{number:04}")).collect();
    assert_eq!(first.watched, Some(Watched::Hosts(hosts)));
    assert_eq!((first.complete, first.events.len()), (true, 1));
    juggler.forget_asked();
    assert_eq!(client.sweep(HashMap::new).await.unwrap().watched, None);
    assert_eq!(juggler.asked().len(), 1);
}

#[tokio::test]
async fn watched_hosts_that_cannot_be_read_never_cost_the_events() {
    let juggler = juggler().await;
    juggler.set(bad(1));
    let mut options = options(&juggler);
    options.watches = Watches::Swept;
    juggler.inject(Rule::new(Fault::CutJson).after(1));
    let mut client = Client::new(options).unwrap();
    let sweep = client.sweep(HashMap::new).await.unwrap();
    juggler.clear_faults();
    assert_eq!((sweep.complete, sweep.events.len()), (true, 1));
    assert!(sweep.watched.is_none());
    assert!(sweep.remark.unwrap().contains("watched hosts could not be read"));
    client.kept();
    let same = client.sweep(|| openings(&sweep.events)).await.unwrap();
    assert!(
        same.unchanged && same.remark.unwrap().contains("watched"),
        "the remark stays until they are read again"
    );
}

#[test]
fn a_profile_with_an_unknown_key_is_refused_and_an_empty_one_is_the_default() {
    assert!(serde_json::from_str::<Profile>(r#"{"pathh":"/x"}"#).is_err());
    assert_eq!(serde_json::from_str::<Profile>("{}").unwrap(), Profile::default());
    let other = r#"{"time_scale":"ms","pages":"none","method":"get","fields":{"host":"/object/host"},"severities":{"CRIT":"disaster"}}"#;
    let profile: Profile = serde_json::from_str(other).unwrap();
    assert_eq!((&*profile.fields.host, &*profile.fields.service), ("/object/host", "/service"));
}

/// Whatever fails, wherever: no event is invented, and a sweep that calls itself complete has them all.
#[test]
fn a_complete_sweep_has_every_event_and_no_sweep_has_others() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let fault = prop_oneof![
        Just(Fault::Status(500)),
        Just(Fault::Status(404)),
        Just(Fault::Html),
        Just(Fault::CutJson),
        Just(Fault::WrongTypes),
        Just(Fault::DriftingTotal),
        Just(Fault::RepeatedEvents),
    ];
    let rules = prop::collection::vec((fault, 0_u32..8, prop::option::of(1_u32..4)), 0..3);
    let is_kept = any::<[bool; 5]>();
    let strategy = (0_usize..60, 2_u64..25, rules, (0_usize..5, is_kept));
    let mut runner =
        TestRunner::new(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() });
    runner
        .run(&strategy, |(count, limit, rules, (changed, is_kept))| {
            runtime.block_on(async {
                let juggler = juggler().await;
                juggler.set_all((0..count).map(|number| bad(number).since(1000.0)));
                for (fault, after, times) in rules {
                    juggler.inject(Rule { times, ..Rule::new(fault).after(after) });
                }
                let id = |number: usize| format!("juggler:ssh@1000:host-{number:04}");
                let mut now: BTreeMap<_, _> = (0..count).map(|number| (id(number), Severity::High)).collect();
                let mut ever: BTreeSet<_> = now.keys().cloned().collect();
                let mut client = Client::new(paged(&juggler, limit)).unwrap();
                let mut kept = Vec::new();
                for (round, is_kept) in is_kept.into_iter().enumerate() {
                    if round == changed && count > 1 {
                        juggler.set(RawEvent::new("host-0000", "ssh", "OK"));
                        juggler.set(RawEvent::new("host-0001", "ssh", "WARN").since(1000.0));
                        juggler.set(bad(count).since(1000.0));
                        now.remove(&id(0));
                        now.extend([(id(1), Severity::Warning), (id(count), Severity::High)]);
                        ever.insert(id(count));
                    }
                    let (seen, complete) = match client.sweep(|| openings(&kept)).await {
                        Ok(sweep) if sweep.unchanged => (kept.clone(), sweep.complete),
                        Ok(sweep) => (sweep.events, sweep.complete),
                        Err(error) => (error.seen, false),
                    };
                    if complete && is_kept {
                        client.kept();
                        kept.clone_from(&seen);
                    }
                    let found: BTreeMap<_, _> =
                        seen.iter().map(|event| (event.id.clone(), event.severity)).collect();
                    prop_assert!(found.keys().all(|id| ever.contains(id)));
                    prop_assert_eq!(found.len(), seen.len(), "each opening once");
                    prop_assert!(complete || seen.iter().all(|event| event.partial));
                    prop_assert!(!complete || found == now);
                }
                Ok(())
            })
        })
        .unwrap();
}
