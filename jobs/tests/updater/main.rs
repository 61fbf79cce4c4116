//! The updater as it runs: real processes, a real Redis and a real Postgres, a simulated Zabbix.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod faults;
mod incidents;
mod secrets;
mod stage;
mod tokens;
mod views;

use std::collections::BTreeSet;
use std::time::Duration;

use heat::db::acknowledgements::{Of, Terms};
use heat::db::audit::Actor;
use heat::db::comments::NewComment;
use heat::db::notes::{Edits, End, Words};
use heat::handled::Handled;
use heat::severity::Severity;
use heat::snapshot::{ActiveEvent, Snapshot, Status};
use heat::time::Timestamp;
use heat_devkit::eventually;
use heat_devkit::faults::Repair;
use heat_devkit::git::Entry;
use heat_devkit::sim::{Fault, Raise, RawEvent, Rule};
use stage::{Stage, event, source};

const PATIENCE: Duration = Duration::from_secs(40);

#[tokio::test(flavor = "multi_thread")]
async fn a_problem_shows_in_its_rack_and_leaves_into_cleared_when_it_is_resolved() {
    let stage = Stage::set().await;
    let _updater = stage.updater();
    stage.snapshot_where(|s| source(s, "zabbix").status == Status::Ok).await;
    stage.zabbix.fire("srv-1", "ICMP", 5);
    let shown = stage.snapshot_where(|s| event(s, "srv-1").is_some()).await;
    let shown = event(&shown, "srv-1").unwrap();
    assert_eq!((shown.device_id, shown.rack_id, shown.unplaced), (Some(11), Some(1), None));
    stage.zabbix.resolve("srv-1", "ICMP");
    let calm = stage.snapshot_where(|s| event(s, "srv-1").is_none()).await;
    assert_eq!(calm.cleared.0[0].host, "srv-1");
    assert_eq!(calm.cleared.0[0].rack_id, Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_news_nothing_but_times_is_written() {
    let stage = Stage::set().await;
    stage.zabbix.fire("srv-1", "ICMP", 5);
    let _updater = stage.updater();
    let first = stage.snapshot_where(|s| event(s, "srv-1").is_some()).await;
    let coverage = stage.snapshot_where(|s| !s.coverage_version.is_empty()).await;
    let before = stage.zabbix.asked_count();
    // Several sweeps later the picture is the same one, unless the beat has come, which changes no event.
    eventually("several sweeps", PATIENCE, async || (stage.zabbix.asked_count() > before + 8).then_some(()))
        .await
        .unwrap();
    let later = stage.snapshot().await.unwrap();
    assert_eq!(later.events, first.events);
    assert_eq!(later.news(), coverage.news());
    let beats = (later.generated_at.0.unix() - coverage.generated_at.0.unix()) / 20 + 1;
    let published = stage.metric("heat_snapshots_published_total").await;
    assert!(published <= 4 + u64::try_from(beats).unwrap(), "{published} snapshots were published");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_says_the_same_again_stays_fresh_and_its_next_change_shows() {
    let stage = Stage::set().await;
    let says = |status| stage.juggler.set(RawEvent::new("srv-1", "disk", status).since(1000.0));
    says("CRIT");
    let _updater = stage.updater_with_juggler();
    let first = stage.snapshot_where(|s| event(s, "srv-1").is_some()).await;
    let fetched = async || stage.cache.source_health("juggler").await.ok()??.fetched_at;
    let before = fetched().await.unwrap();
    eventually("several sweeps", PATIENCE, async || {
        (fetched().await? >= before + Duration::from_secs(3)).then_some(())
    })
    .await
    .unwrap();
    let later = stage.snapshot().await.unwrap();
    assert_eq!(later.events, first.events);
    says("WARN");
    let eased =
        stage.snapshot_where(|s| event(s, "srv-1").is_some_and(|e| e.severity == Severity::Warning)).await;
    assert_eq!(event(&eased, "srv-1").unwrap().id, event(&first, "srv-1").unwrap().id);
    says("OK");
    stage.snapshot_where(|s| event(s, "srv-1").is_none()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_burned_before_redis_was_lost_is_the_same_opening_even_if_the_first_sweep_after_it_fails() {
    let mut stage = Stage::set_with_own_stores().await;
    stage.juggler.set(RawEvent::new("srv-1", "disk", "CRIT").since(1000.0));
    let updater = stage.updater_with_juggler();
    let first = stage.snapshot_where(|s| event(s, "srv-1").is_some()).await;
    let id = event(&first, "srv-1").unwrap().id.to_string();
    stage.open_where(|open| open.contains(&id)).await;
    drop(updater);
    stage.redis.kill().unwrap();
    stage.redis.start_again_empty().await.unwrap();

    stage.juggler.inject(Rule::new(Fault::Html));
    // Its status is of another time now.
    stage.juggler.set(RawEvent::new("srv-1", "disk", "WARN").since(2000.0));
    let _next = stage.updater_with_juggler();
    stage.snapshot_where(|s| source(s, "juggler").error.is_some()).await;
    stage.juggler.clear_faults();
    let back = stage.snapshot_where(|s| event(s, "srv-1").is_some()).await;
    assert_eq!(event(&back, "srv-1").unwrap().id, *id);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_source_keeps_its_events_and_says_why_and_the_other_one_goes_on() {
    let stage = Stage::set().await;
    stage.zabbix.fire("srv-1", "ICMP", 5);
    let _updater = stage.updater_with_juggler();
    stage.snapshot_where(|s| event(s, "srv-1").is_some() && source(s, "juggler").status == Status::Ok).await;
    stage.zabbix.inject(Rule::new(Fault::Html));
    let failing = stage.snapshot_where(|s| source(s, "zabbix").status == Status::Failed).await;
    assert!(event(&failing, "srv-1").is_some(), "the last good events stay");
    let why = source(&failing, "zabbix").error.clone().unwrap();
    assert!(why.len() > 20, "{why}");
    stage.juggler.set(RawEvent::new("srv-2", "disk", "CRIT"));
    let both = stage.snapshot_where(|s| event(s, "srv-2").is_some()).await;
    assert!(event(&both, "srv-1").is_some());
    stage.zabbix.clear_faults();
    stage.snapshot_where(|s| source(s, "zabbix").status == Status::Ok).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_comment_is_in_the_snapshot_without_waiting_for_a_poll_and_stays_while_postgres_is_away() {
    let mut stage = Stage::set_with_own_stores().await;
    stage.zabbix.fire("srv-1", "ICMP", 5);
    let updater = stage.updater();
    let shown = stage.snapshot_where(|s| event(s, "srv-1").is_some()).await;
    let key = event(&shown, "srv-1").unwrap().key.to_string();
    stage.comment(&key, "on my way").await;
    let commented = stage.snapshot_where(|s| event(s, "srv-1").unwrap().comment_count == 1).await;
    assert_eq!(event(&commented, "srv-1").unwrap().comments[0].text, "on my way");

    stage.postgres.kill().unwrap();
    drop(updater);
    let _next = stage.updater();
    stage.zabbix.fire("srv-2", "ICMP", 4);
    let without = stage
        .snapshot_where(|s| event(s, "srv-2").is_some() && source(s, "comments").status == Status::Failed)
        .await;
    assert_eq!(event(&without, "srv-1").unwrap().comment_count, 1, "an outage takes nothing off the screen");
    stage.postgres.start_again().await.unwrap();
    stage.snapshot_where(|s| source(s, "comments").status == Status::Ok).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_acknowledgement_handles_until_it_ends_and_the_sources_flag_does_not_take_its_place() {
    let mut stage = Stage::set_with_own_stores().await;
    let number = stage.zabbix.fire("srv-1", "ICMP", 4);
    stage.zabbix.acknowledge(number, "zoe", "seen");
    let updater = stage.updater();
    let flagged = stage.snapshot_where(|s| handled(s, "srv-1") == Some(Handled::Acknowledged)).await;
    let of = event(&flagged, "srv-1").unwrap();
    assert_eq!(of.acknowledged.as_ref().unwrap().origin, "zabbix");

    stage.acknowledge(of, &Terms { text: "mine".into(), ..Terms::default() }).await;
    let by = |s: &Snapshot<'static>| Some(event(s, "srv-1")?.acknowledged.as_ref()?.by.to_string());
    stage.snapshot_where(|s| by(s).as_deref() == Some("ann")).await;
    stage.postgres.kill().unwrap();
    drop(updater);
    let _next = stage.updater();
    stage.zabbix.fire("srv-2", "ICMP", 4);
    let without = stage
        .snapshot_where(|s| event(s, "srv-2").is_some() && source(s, "comments").status == Status::Failed)
        .await;
    assert_eq!(by(&without).as_deref(), Some("ann"), "an outage turns nothing handled into unhandled");
    stage.postgres.start_again().await.unwrap();
    stage.snapshot_where(|s| source(s, "comments").status == Status::Ok).await;

    let end = Timestamp::now() + Duration::from_secs(3);
    stage.acknowledge(of, &Terms { until: Some(end), ..Terms::default() }).await;
    stage
        .snapshot_where(|s| event(s, "srv-1").unwrap().acknowledged.as_ref().unwrap().until == Some(end))
        .await;
    let over = stage.snapshot_where(|s| handled(s, "srv-1").is_none()).await;
    assert_eq!(event(&over, "srv-1").unwrap().acknowledged, None);
    assert!(stage.zabbix.open_problems().iter().any(|problem| problem.acknowledged), "Zabbix says otherwise");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_acknowledgement_until_it_worsens_does_not_come_back_when_the_event_gets_better() {
    let stage = Stage::set().await;
    let numbers = ["srv-1", "srv-2"].map(|host| stage.zabbix.fire(host, "ICMP", 3));
    let _updater = stage.updater();
    let shown = stage.snapshot_where(|s| event(s, "srv-1").is_some() && event(s, "srv-2").is_some()).await;
    let terms = Terms { until_worsens: true, ..Terms::default() };
    stage.acknowledge(event(&shown, "srv-1").unwrap(), &terms).await;
    stage.acknowledge(event(&shown, "srv-2").unwrap(), &Terms::default()).await;
    let both =
        |s: &Snapshot<'static>, is: Option<Handled>| handled(s, "srv-1") == is && handled(s, "srv-2") == is;
    stage.snapshot_where(|s| both(s, Some(Handled::Acknowledged))).await;
    for number in numbers {
        stage.zabbix.set_severity(number, 4);
    }
    stage.snapshot_where(|s| both(s, None) && event(s, "srv-1").unwrap().acknowledged.is_none()).await;
    for number in numbers {
        stage.zabbix.set_severity(number, 3);
    }
    let better = stage.snapshot_where(|s| handled(s, "srv-2") == Some(Handled::Acknowledged)).await;
    assert_eq!(event(&better, "srv-1").unwrap().severity, Severity::Average);
    assert_eq!(handled(&better, "srv-1"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quiet_note_handles_what_opens_in_its_rack_and_nothing_that_burned_before() {
    let stage = Stage::set().await;
    stage.zabbix.fire("srv-1", "ICMP", 4);
    let _updater = stage.updater();
    let shown = stage.snapshot_where(|s| event(s, "srv-1").is_some()).await;
    let since = event(&shown, "srv-1").unwrap().since;
    // What opens within the second of the note counts as after it.
    eventually("the next second", PATIENCE, async || (Timestamp::now() > since).then_some(())).await.unwrap();
    let words = Words { text: "works on feed B".into(), until: None, quiet: true };
    let note = stage.db.create_note(&ann(), "rack:1".parse().unwrap(), &words).await.unwrap();
    stage.cache.tell_changed().await.unwrap();
    stage.zabbix.fire("srv-2", "ICMP", 4);
    stage.zabbix.fire("stranger", "ICMP", 4);
    let quiet = stage.snapshot_where(|s| handled(s, "srv-2") == Some(Handled::Note)).await;
    assert_eq!(handled(&quiet, "srv-1"), None);
    assert_eq!((&*quiet.notes[0].place, quiet.notes[0].quiet), ("rack:1", true));
    let end = Timestamp::now() + Duration::from_secs(2);
    let edits = Edits { end: End::At(end), ..Edits::default() };
    stage.db.edit_note(&ann(), note.id, &edits).await.unwrap().unwrap();
    stage.cache.tell_changed().await.unwrap();
    stage.snapshot_where(|s| handled(s, "srv-2").is_none() && s.notes.is_empty()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_comment_whose_wake_was_lost_shows_within_a_beat_even_while_snapshots_come_all_the_time() {
    let stage = Stage::set().await;
    stage.zabbix.fire("srv-1", "ICMP", 5);
    let _updater = stage.updater();
    let shown = stage.snapshot_where(|s| event(s, "srv-1").is_some()).await;
    let key = event(&shown, "srv-1").unwrap().key.to_string();
    let repair = Repair::begins("the wake after a comment is lost").unwrap();
    stage.write_comment(&key, "nobody was told").await;
    let mut fire = true;
    eventually("the comment", PATIENCE, async || {
        // News with every sweep, so that no snapshot is ever the beat's.
        if fire {
            stage.zabbix.fire("srv-2", "Link", 3);
        } else {
            stage.zabbix.resolve("srv-2", "Link");
        }
        fire = !fire;
        let snapshot = stage.snapshot().await?;
        (event(&snapshot, "srv-1")?.comment_count == 1).then_some(())
    })
    .await
    .unwrap();
    repair.done().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_killed_and_come_back_empty_is_filled_again_without_a_hand_and_revisions_grow() {
    let mut stage = Stage::set_with_own_stores().await;
    stage.zabbix.fire("srv-1", "ICMP", 5);
    let _updater = stage.updater();
    let before = stage.snapshot_where(|s| event(s, "srv-1").is_some()).await;
    stage.redis.kill().unwrap();
    stage.redis.start_again_empty().await.unwrap();
    let after = stage.snapshot_where(|s| event(s, "srv-1").is_some()).await;
    assert!(after.revision.0 > before.revision.0);
    assert_eq!(after.inventory_version, before.inventory_version);
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_working_updater_is_killed_another_takes_over_and_history_has_each_opening_once() {
    let stage = Stage::set().await;
    stage.zabbix.fire("srv-1", "ICMP", 5);
    let mut first = stage.updater();
    stage.snapshot_where(|s| event(s, "srv-1").is_some()).await;
    stage.open_where(|open| open.len() == 1).await;
    let _second = stage.updater();
    let owner = stage.cache.lease_owner().await.unwrap();
    first.kill9().unwrap();
    stage.zabbix.fire("srv-2", "ICMP", 3);
    let taken_over = stage.snapshot_where(|s| event(s, "srv-2").is_some()).await;
    assert!(event(&taken_over, "srv-1").is_some());
    assert_ne!(stage.cache.lease_owner().await.unwrap(), owner);
    stage.open_where(|open| open.len() == 2).await;
    stage.zabbix.resolve("srv-1", "ICMP");
    stage.open_where(|open| open.len() == 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_problem_that_comes_back_is_not_new_and_tells_how_it_ended_the_last_time() {
    let stage = Stage::set().await;
    stage.zabbix.fire("srv-1", "ICMP", 5);
    let _updater = stage.updater();
    let shown = stage.snapshot_where(|s| event(s, "srv-1").is_some()).await;
    let first = event(&shown, "srv-1").unwrap();
    assert_eq!((first.last_time.as_ref(), first.openings_1h.0), (None, 0));
    let (id, key) = (first.id.to_string(), first.key.to_string());
    stage.comment(&key, "reset the port").await;
    stage.snapshot_where(|s| event(s, "srv-1").unwrap().comment_count == 1).await;
    stage.open_where(|open| open.contains(&id)).await;
    stage.zabbix.resolve("srv-1", "ICMP");
    stage.snapshot_where(|s| event(s, "srv-1").is_none()).await;

    // At once, whether or not history has it yet.
    stage.zabbix.fire("srv-1", "ICMP", 5);
    let back = stage.snapshot_where(|s| event(s, "srv-1").is_some()).await;
    let back = event(&back, "srv-1").unwrap();
    assert_ne!(back.id, id);
    assert!(!back.is_new(Timestamp::now()));
    assert_eq!(back.last_time.as_ref().unwrap().comment.as_ref().unwrap().text, "reset the port");

    // And from history, which is kept for the day Postgres is away.
    stage.open_where(|open| !open.contains(&id)).await;
    stage.comment(&key, "again").await;
    let kept = eventually("what history says", PATIENCE, async || {
        let (_, said) = stage.cache.said::<serde_json::Value>().await.ok()??;
        said["pasts"][&key].get("last").cloned()
    });
    let kept = kept.await.unwrap();
    assert_eq!((&kept["id"], &kept["comment"]["text"]), (&id.into(), &"reset the port".into()));
    let again = stage.snapshot_where(|s| event(s, "srv-1").unwrap().comment_count == 2).await;
    let again = event(&again, "srv-1").unwrap();
    assert_eq!(again.last_time.as_ref().unwrap().comment.as_ref().unwrap().text, "reset the port");
    assert_eq!(again.openings_1h.0, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_updater_that_thaws_after_a_take_over_writes_nothing() {
    let stage = Stage::set().await;
    stage.zabbix.fire("srv-1", "ICMP", 5);
    let mut first = stage.updater();
    stage.snapshot_where(|s| event(s, "srv-1").is_some()).await;
    first.freeze().unwrap();
    let _second = stage.updater();
    eventually("the lease changes hands", PATIENCE, async || {
        (stage.metric("heat_updater_working").await == 1).then_some(())
    })
    .await
    .unwrap();
    stage.zabbix.fire("srv-2", "ICMP", 3);
    let seen = stage.snapshot_where(|s| event(s, "srv-2").is_some()).await;
    let repair = Repair::begins("an updater is frozen, and thaws after another took over").unwrap();
    first.thaw().unwrap();
    // The thawed one finds out, and waits; the revision that others see never goes back and no event goes missing.
    eventually("the thawed updater gives up", PATIENCE, async || {
        first.log_tail(200).contains("no longer working").then_some(())
    })
    .await
    .unwrap();
    let after = stage.snapshot().await.unwrap();
    assert!(after.revision.0 >= seen.revision.0);
    assert!(event(&after, "srv-2").is_some());
    repair.done().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_inventory_file_and_an_empty_one_leave_the_last_good_inventory() {
    let stage = Stage::set().await;
    stage.zabbix.fire("srv-1", "ICMP", 5);
    let _updater = stage.updater();
    let good = stage.snapshot_where(|s| event(s, "srv-1").is_some()).await;
    for bad in ["{\"racks\": [", "{}"] {
        stage.write_inventory(bad);
        let failing = stage.snapshot_where(|s| source(s, "inventory").status == Status::Failed).await;
        assert_eq!(failing.inventory_version, good.inventory_version);
        assert!(source(&failing, "inventory").error.is_some());
        assert_eq!(event(&failing, "srv-1").unwrap().rack_id, Some(1));
        let repair = Repair::begins("the inventory is damaged or empty").unwrap();
        stage.write_inventory(stage::INVENTORY);
        stage.snapshot_where(|s| source(s, "inventory").status == Status::Ok).await;
        repair.done().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn events_nobody_can_place_are_shown_with_the_reason() {
    let stage = Stage::set().await;
    stage.zabbix.fire("stranger", "ICMP", 2);
    stage.zabbix.fire("srv-3", "ICMP", 2);
    stage.zabbix.raise(&Raise::new("srv-1", "Link").and_host("srv-2"));
    let _updater = stage.updater();
    let shown = stage.snapshot_where(|s| s.events.len() == 4).await;
    let why = |host| serde_json::to_value(event(&shown, host).unwrap().unplaced).unwrap();
    assert_eq!(why("stranger"), "unknown_host");
    assert_eq!(why("srv-3"), "no_rack");
    let problems = source(&shown, "zabbix").problems;
    assert_eq!(problems, 3, "a problem of two hosts is one problem and two events");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_of_twenty_thousand_is_in_the_snapshot_whole_and_in_history_once() {
    let stage = Stage::set().await;
    let _updater = stage.updater();
    stage.snapshot_where(|s| source(s, "zabbix").status == Status::Ok).await;
    for host in 0..2_000 {
        stage.zabbix.add_host(&format!("node-{host}"));
    }
    let repair = Repair::begins("20,000 problems at once").unwrap();
    stage.zabbix.storm(20_000);
    let storm = stage.snapshot_where(|s| s.events.len() >= 20_000).await;
    let ids: BTreeSet<_> = storm.events.iter().map(|e| e.id.as_ref()).collect();
    assert_eq!(ids.len(), storm.events.len());
    assert!(storm.events.iter().all(|e| e.rack_id.is_some() != e.unplaced.is_some()));
    stage.open_where(|open| open.len() == ids.len()).await;
    repair.done().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn operational_data_follows_once_an_opening() {
    let stage = Stage::set().await;
    stage.zabbix.raise(&Raise::new("srv-1", "ICMP").severity(5).opdata("0 of 3 answered"));
    stage.zabbix.raise(&Raise::new("srv-2", "Backup").severity(1).opdata("2 days"));
    let _updater = stage.updater();
    let shown = stage.snapshot_where(|s| event(s, "srv-1").is_some_and(|e| !e.opdata.is_empty())).await;
    assert_eq!(event(&shown, "srv-1").unwrap().opdata, "0 of 3 answered");
    assert_eq!(event(&shown, "srv-2").unwrap().opdata, "", "below the map's severity it is not asked for");
}

#[tokio::test(flavor = "multi_thread")]
async fn templates_are_pulled_by_themselves_and_outlive_the_updater_and_their_repository() {
    let (stage, template) = (Stage::set().await, "---\ntitle: A\nqueue: NOC\nsummary: Fire\n---\nFire\n");
    let templates = stage.repository();
    let commit =
        |text: &str| templates.commit("master", "A commit", &[Entry::file("tickets/a.md.j2", text)]).unwrap();
    let first = commit(template);
    let mut updater = stage.updater_with_templates(&templates);
    stage.snapshot_where(|s| s.templates_version == first).await;
    let broken = commit("no front matter");
    eventually("the broken commit to be seen", PATIENCE, async || {
        let record = stage.cache.templates_record().await.ok()??;
        (record.rejected == Some(broken.clone())).then_some(())
    })
    .await
    .unwrap();
    assert_eq!(stage.snapshot().await.unwrap().templates_version, first);
    let said = updater.log_tail(200);
    assert!(said.contains("tickets/a.md.j2:1: "), "{said}");
    let second = commit(&template.replace("Fire", "Smoke"));
    stage.snapshot_where(|s| s.templates_version == second).await;

    updater.stop().await.unwrap();
    std::fs::remove_dir_all(templates.path()).unwrap();
    let mut updater = stage.updater_with_templates(&templates);
    eventually("the repository to be missed", PATIENCE, async || {
        stage.cache.templates_record().await.ok()??.pull_error
    })
    .await
    .unwrap();
    stage.zabbix.fire("srv-1", "ICMP", 5);
    let shown = stage.snapshot_where(|s| event(s, "srv-1").is_some()).await;
    assert_eq!(shown.templates_version, second);
    assert_eq!(stage.cache.templates().await.unwrap().unwrap().0, second);

    updater.stop().await.unwrap();
    let _without = stage.updater();
    stage.snapshot_where(|s| s.templates_version.is_empty()).await;
    assert_eq!(stage.cache.templates().await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_checks_the_templates_as_the_updater_does() {
    let (stage, template) = (Stage::set().await, "---\ntitle: A\nqueue: NOC\nsummary: Fire\n---\nFire\n");
    let templates = stage.repository();
    let commit =
        |text: &str| templates.commit("master", "A commit", &[Entry::file("tickets/a.md.j2", text)]).unwrap();
    let id = commit(template);
    let (well, said) = stage.doctor(&templates).await;
    assert!(well, "{said}");
    for words in [
        "one server, 127.0.0.1:",
        "templates       ok",
        ": 1 for tickets, 0 for comments, 0 tests pass",
        &id[..12],
        "A commit",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    commit(&template.replace("title", "titel"));
    let (well, said) = stage.doctor(&templates).await;
    assert!(!well && said.contains("templates       SICK") && said.contains("tickets/a.md.j2:2: "), "{said}");
    std::fs::remove_dir_all(templates.path()).unwrap();
    let (well, said) = stage.doctor(&templates).await;
    assert!(!well && said.contains("is not there"), "{said}");
}

#[test]
fn a_setting_that_is_wrong_stops_the_start_and_is_named_with_what_would_be_right() {
    for (name, value, expected) in [
        ("HEAT_EVENTS_CRON", "often", "seconds first"),
        ("HEAT_ZABBIX_URL", "zabbix.example.net", "https://"),
        ("HEAT_MAP_SEVERITY", "terrible", "disaster"),
        ("HEAT_INVENTORY_URL", "ftp://x/y", "mysql://"),
        ("HEAT_REDIS_URL", "http://x", "redis://"),
        ("HEAT_DATABASE_URL", "mysql://x", "postgres://"),
        ("HEAT_CONFIG", "/nowhere.toml", "No such file"),
        ("HEAT_TEMPLATES_URL", "git://git.example.net/t.git", "https://"),
        ("HEAT_TEMPLATES_URL", "git@git.example.net:t.git", "HEAT_TEMPLATES_SSH_KEY_FILE"),
        ("HEAT_TEMPLATES_CRON", "nightly", "seconds first"),
    ] {
        let said = stage::refused_start(name, value);
        assert!(said.contains(name) && said.contains(expected), "{name}={value}: {said}");
    }
    let said = stage::refused_start_with_file(
        "[[source]]\nkind = 'zabbix'\nname = 'z'\nurl = 'http://z'\ntokn = 'x'",
    );
    assert!(said.contains("tokn") || said.contains("token"), "{said}");
    let said = stage::refused_start_with_file("[incidents]\ntag = ['down']\n");
    assert!(said.contains("[incidents]") && said.contains("tag"), "{said}");
    let said = stage::refused_start_with_file("[sauce]\n");
    assert!(said.contains("sauce"), "{said}");
}

fn ann() -> Actor {
    Actor { name: "ann".into(), via: "off", request_id: "r".into() }
}

fn handled(snapshot: &Snapshot<'static>, host: &str) -> Option<Handled> {
    event(snapshot, host).and_then(|event| event.handled)
}

impl Stage {
    async fn acknowledge(&self, event: &ActiveEvent<'_>, terms: &Terms) {
        let of = Of {
            event_id: event.id.to_string(),
            event_key: event.key.to_string(),
            since: event.since,
            severity: event.severity,
        };
        self.db.acknowledge(&ann(), &[of], terms).await.unwrap();
        self.cache.tell_changed().await.unwrap();
    }

    async fn comment(&self, key: &str, text: &str) {
        self.write_comment(key, text).await;
        self.cache.tell_changed().await.unwrap();
    }

    async fn write_comment(&self, key: &str, text: &str) {
        let comment =
            NewComment { event_key: key.into(), event_id: None, author: "ann".into(), text: text.into() };
        self.db.create_comments(&ann(), vec![comment]).await.unwrap();
    }

    async fn snapshot_where(&self, is: impl Fn(&Snapshot<'static>) -> bool) -> Snapshot<'static> {
        let last = std::cell::RefCell::new(None);
        let found = eventually("a snapshot that fits", PATIENCE, async || {
            let snapshot = self.snapshot().await?;
            if is(&snapshot) {
                return Some(snapshot);
            }
            last.replace(Some(snapshot));
            None
        })
        .await;
        found.unwrap_or_else(|error| panic!("{error}; the last one was {:#?}", last.borrow()))
    }

    async fn open_where(&self, is: impl Fn(&BTreeSet<String>) -> bool) {
        eventually("history that fits", PATIENCE, async || {
            let open = self.db.open_openings().await.ok()?.into_iter().map(|o| o.id).collect();
            is(&open).then_some(())
        })
        .await
        .unwrap();
    }
}
