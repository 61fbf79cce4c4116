use std::collections::BTreeSet;
use std::time::Duration;

use heat::cache::{
    Cache, CacheError, CachedSnapshot, Hint, LEASE_FOR, Notifications, SourceHealth, TemplatesRecord,
};
use heat::config::Secret;
use heat::coverage::Watched;
use heat::event::Event;
use heat::packed::Packed;
use heat::snapshot::Status;
use heat::template::Files;
use heat::time::Timestamp;
use heat_devkit::backends::Redis;

fn cache(redis: &Redis) -> Cache {
    Cache::new(&Secret::new(redis.url()), redis.prefix()).unwrap()
}

fn snapshot(revision: u64) -> CachedSnapshot {
    CachedSnapshot { revision, body: Packed::new(format!("{{\"revision\":{revision}}}").as_bytes()).unwrap() }
}

const NOW: Timestamp = Timestamp::from_unix(1_795_468_075);

#[tokio::test]
async fn of_two_updaters_one_gets_the_lease_and_the_deposed_one_can_write_nothing() {
    let redis = Redis::shared().await.unwrap();
    let cache = cache(&redis);
    let first = cache.take_lease("one").await.unwrap().expect("nobody holds it");
    assert_eq!(cache.take_lease("two").await.unwrap(), None);
    assert!(cache.renew_lease("one", first).await.unwrap());
    assert!(!cache.renew_lease("two", first).await.unwrap());
    cache.write_snapshot(first, NOW, &snapshot(1)).await.unwrap();

    cache.release_lease("two").await.unwrap();
    assert_eq!(cache.lease_owner().await.unwrap().as_deref(), Some("one"), "another's lease is not released");
    cache.release_lease("one").await.unwrap();
    let second = cache.take_lease("two").await.unwrap().expect("it was given back");
    assert!(second > first);
    assert!(matches!(cache.write_snapshot(first, NOW, &snapshot(2)).await, Err(CacheError::Deposed)));
    assert_eq!(cache.snapshot().await.unwrap().unwrap(), snapshot(1), "nothing was written");
    cache.write_snapshot(second, NOW, &snapshot(3)).await.unwrap();
    assert_eq!(cache.revision().await.unwrap(), Some(3));
}

#[tokio::test]
async fn a_lease_from_before_redis_clock_went_back_lasts_no_longer_than_any() {
    let redis = Redis::start().await.unwrap();
    let cache = cache(&redis);
    let first = cache.take_lease("one").await.unwrap().unwrap();
    let lease = cache.keys().lease();
    redis.command(&format!("PEXPIRE {lease} 3600000")).await.unwrap();
    assert_eq!(cache.take_lease("two").await.unwrap(), None, "its holder may live");
    let answer = redis.command(&format!("PTTL {lease}")).await.unwrap();
    let left: u128 = answer.lines().next().unwrap().trim_start_matches(':').parse().unwrap();
    assert!(left <= LEASE_FOR.as_millis(), "{left} ms");
    assert!(cache.renew_lease("one", first).await.unwrap(), "who lives goes on");
}

#[tokio::test]
async fn the_fence_grows_even_when_redis_comes_back_empty() {
    let mut redis = Redis::start().await.unwrap();
    let cache = cache(&redis);
    let before = cache.take_lease("one").await.unwrap().unwrap();
    redis.kill().unwrap();
    redis.start_again_empty().await.unwrap();
    assert!(!cache.renew_lease("one", before).await.unwrap(), "the lease went with the memory");
    assert!(cache.take_lease("one").await.unwrap().unwrap() > before);
}

#[tokio::test]
async fn a_failing_source_keeps_its_last_good_events() {
    let redis = Redis::shared().await.unwrap();
    let cache = cache(&redis);
    let fence = cache.take_lease("one").await.unwrap().unwrap();
    assert_eq!(cache.source("zabbix").await.unwrap(), None);
    let good = SourceHealth {
        kind: "zabbix".into(),
        status: Status::Ok,
        fetched_at: Some(NOW),
        problems: 1,
        ..SourceHealth::default()
    };
    let events = [Event { id: "z:1:a".into(), key: "z:9:a".into(), since: NOW, ..Event::default() }];
    let watched = Watched::Hosts(BTreeSet::from(["a".to_owned()]));
    let silent = BTreeSet::from(["b".to_owned()]);
    cache.write_source(fence, "zabbix", &good, Some(&events), Some(&watched), Some(&silent)).await.unwrap();
    let bad = SourceHealth { status: Status::Failed, error: Some("no route to host".into()), ..good };
    cache.write_source(fence, "zabbix", &bad, None, None, None).await.unwrap();
    let read = cache.source("zabbix").await.unwrap().unwrap();
    assert_eq!(read.health, bad);
    assert_eq!(read.events, events);
    assert_eq!(read.watched, Some(watched));
    assert_eq!(read.silent, silent);
    assert_eq!(cache.source_names().await.unwrap(), ["zabbix"]);
}

#[tokio::test]
async fn the_active_templates_stay_while_a_newer_commit_is_refused_and_go_when_they_are_forgotten() {
    let redis = Redis::shared().await.unwrap();
    let cache = cache(&redis);
    let fence = cache.take_lease("one").await.unwrap().unwrap();
    assert_eq!(cache.templates_record().await.unwrap(), None);
    assert_eq!(cache.templates().await.unwrap(), None);
    let good = TemplatesRecord {
        version: "c0ffee".into(),
        subject: "Add the disk".into(),
        committed_at: Some(NOW),
        pulled_at: Some(NOW),
        ..TemplatesRecord::default()
    };
    let files = Files([("tickets/disk.md.j2".to_owned(), "{{ event.name }}\n".to_owned())].into());
    cache.write_templates(fence, &good, Some(&files)).await.unwrap();
    let bad = TemplatesRecord {
        rejected: Some("decaf".into()),
        error: Some("tickets/disk.md.j2:1: what?".into()),
        pull_error: Some("no route to host".into()),
        ..good
    };
    cache.write_templates(fence, &bad, None).await.unwrap();
    assert_eq!(cache.templates_record().await.unwrap(), Some(bad));
    assert_eq!(cache.templates().await.unwrap(), Some(("c0ffee".to_owned(), files)));
    cache.forget_templates(fence).await.unwrap();
    assert_eq!(cache.templates_record().await.unwrap(), None);
    assert_eq!(cache.templates().await.unwrap(), None);
}

#[tokio::test]
async fn one_write_is_one_hint_and_the_missing_flags_are_added() {
    let redis = Redis::start().await.unwrap();
    let cache = cache(&redis);
    let mut follow = cache.follow(cache.keys().snapshot());
    assert_eq!(follow.next().await, Hint::Look, "after connecting");
    assert_eq!(*follow.notifications().borrow(), Notifications::On);
    let fence = cache.take_lease("one").await.unwrap().unwrap();
    for revision in 1..=3 {
        cache.write_snapshot(fence, NOW, &snapshot(revision)).await.unwrap();
        assert_eq!(follow.next().await, Hint::Changed);
        assert_eq!(cache.snapshot().await.unwrap().unwrap().revision, revision);
    }
}

#[tokio::test]
async fn following_heals_after_redis_was_killed_and_came_back_empty() {
    let mut redis = Redis::start().await.unwrap();
    let cache = cache(&redis);
    let mut follow = cache.follow(cache.keys().changed());
    follow.next().await;
    redis.kill().unwrap();
    let mut mode = follow.notifications();
    mode.wait_for(|mode| *mode == Notifications::Away).await.unwrap();
    redis.start_again_empty().await.unwrap();
    assert_eq!(follow.next().await, Hint::Look, "after connecting again");
    assert_eq!(*mode.borrow(), Notifications::On, "the flags went with the memory and were set again");
    cache.tell_changed().await.unwrap();
    assert_eq!(follow.next().await, Hint::Changed);
    assert_eq!(cache.changed().await.unwrap(), 1);
}

#[tokio::test]
async fn where_redis_may_not_be_configured_the_key_is_polled() {
    let redis = Redis::with_args(&["--rename-command", "CONFIG", ""]).await.unwrap();
    let cache = cache(&redis);
    let mut follow = cache.follow(cache.keys().changed());
    assert_eq!(follow.next().await, Hint::Look);
    assert_eq!(*follow.notifications().borrow(), Notifications::Polled);
    for _ in 0..2 {
        let hint = tokio::time::timeout(Duration::from_secs(10), follow.next()).await.unwrap();
        assert_eq!(hint, Hint::Look);
    }
}

#[tokio::test]
async fn a_hash_of_an_unknown_form_is_refused_by_its_name() {
    let redis = Redis::shared().await.unwrap();
    let cache = cache(&redis);
    let client = deadpool_redis::redis::Client::open(redis.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let key = cache.keys().source("z");
    let () = deadpool_redis::redis::cmd("HSET")
        .arg(&key)
        .arg("format")
        .arg(99)
        .query_async(&mut connection)
        .await
        .unwrap();
    let error = cache.source("z").await.unwrap_err().to_string();
    assert!(error.contains(&key) && error.contains("99"), "{error}");
}
