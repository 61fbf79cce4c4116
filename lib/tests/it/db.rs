use std::time::Duration;

use heat::cache::Fence;
use heat::config::Secret;
use heat::db::audit;
use heat::db::comments::{Change, NewComment};
use heat::db::openings::Opening;
use heat::db::{Db, DbError};
use heat::severity::Severity;
use heat::time::Timestamp;
use heat_devkit::backends::Postgres;

use crate::desk::{actor, migrated};

const NOW: Timestamp = Timestamp::from_unix(1_795_468_075);

fn comment(key: &str, author: &str, text: &str) -> NewComment {
    NewComment { event_key: key.into(), event_id: None, author: author.into(), text: text.into() }
}

fn opening(id: &str, severity: Severity) -> Opening {
    Opening {
        id: id.into(),
        key: format!("key of {id}"),
        source: "zabbix".into(),
        host: "srv-1".into(),
        name: "down".into(),
        device_id: Some(5),
        rack_id: None,
        severity,
        since: NOW,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn several_migrators_at_once_leave_one_schema_and_it_can_be_taken_back() {
    let postgres = Postgres::shared().await.unwrap();
    let url = Secret::new(postgres.fresh_database().await.unwrap());
    let migrators: Vec<_> = (0..3)
        .map(|_| {
            let db = Db::new(&url, 1).unwrap();
            tokio::spawn(async move { db.migrate().await.unwrap().len() })
        })
        .collect();
    let mut applied = 0;
    for migrator in migrators {
        applied += migrator.await.unwrap();
    }
    let all = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../migrations")).unwrap().count();
    assert_eq!(applied, all);
    let db = Db::new(&url, 1).unwrap();
    db.revert().await.unwrap();
    assert_eq!(db.migrate().await.unwrap().len(), all);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thread_has_its_count_and_its_last_three_comments_oldest_first() {
    let postgres = Postgres::shared().await.unwrap();
    let db = migrated(&postgres).await;
    let texts = ["one", "two", "three", "four"];
    for text in texts {
        db.create_comments(&actor("ann"), vec![comment("z:1:a", "ann", text)]).await.unwrap();
    }
    db.create_comments(&actor("ann"), vec![comment("z:2:b", "ann", &"ж".repeat(4000))]).await.unwrap();
    let threads = db.threads(&["z:1:a", "z:2:b", "z:3:c"]).await.unwrap();
    assert_eq!(threads.len(), 2);
    let thread = &threads["z:1:a"];
    assert_eq!(thread.count, 4);
    assert_eq!(thread.last.iter().map(|c| c.text.as_str()).collect::<Vec<_>>(), &texts[1..]);
    assert_eq!(threads["z:2:b"].last[0].text.chars().count(), 500);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_author_changes_a_comment_and_every_deed_is_audited() {
    let postgres = Postgres::shared().await.unwrap();
    let db = migrated(&postgres).await;
    let new = vec![comment("z:1:a", "ann", "first"), comment("z:2:a", "ann", "second")];
    let created = db.create_comments(&actor("ann"), new).await.unwrap();
    let id = created[0].id;
    assert_eq!(db.edit_comment(&actor("bob"), id, "hacked").await.unwrap(), Change::NotOwn);
    assert_eq!(db.edit_comment(&actor("ann"), 99, "x").await.unwrap(), Change::Gone);
    let Change::Done(edited) = db.edit_comment(&actor("ann"), id, "better").await.unwrap() else { panic!() };
    assert_eq!(edited.text, "better");
    assert!(edited.edited_at.is_some());
    assert!(matches!(db.delete_comment(&actor("ann"), id).await.unwrap(), Change::Done(_)));
    assert_eq!(db.delete_comment(&actor("ann"), id).await.unwrap(), Change::Gone);
    assert_eq!(db.comments("z:1:a", None, 10).await.unwrap(), vec![]);
    assert!(db.knows_key("z:1:a").await.unwrap(), "a deleted comment's key stays known");
    assert!(!db.knows_key("z:9:a").await.unwrap());
    let log = audit::latest(&mut db.connection().await.unwrap(), 10).await.unwrap();
    let actions: Vec<_> = log.iter().map(|(_, action, _)| action.as_str()).collect();
    assert_eq!(actions, ["comment.delete", "comment.edit", "comment.create", "comment.create"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn comments_are_listed_latest_first_page_by_page() {
    let postgres = Postgres::shared().await.unwrap();
    let db = migrated(&postgres).await;
    let new = (0..5).map(|n| comment("k:1:a", "ann", &n.to_string())).collect();
    db.create_comments(&actor("ann"), new).await.unwrap();
    let first = db.comments("k:1:a", None, 3).await.unwrap();
    let second = db.comments("k:1:a", Some(first[2].id), 3).await.unwrap();
    let texts: Vec<_> = first.iter().chain(&second).map(|c| c.text.as_str()).collect();
    assert_eq!(texts, ["4", "3", "2", "1", "0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn recording_openings_again_changes_nothing_and_a_peak_only_grows() {
    let postgres = Postgres::shared().await.unwrap();
    let db = migrated(&postgres).await;
    let fence = Fence::from_number(10);
    let record = async |severity, closed: &[&str]| {
        db.record_openings(fence, &[opening("z:1:a", severity), opening("z:2:a", severity)], closed, NOW)
            .await
            .unwrap();
    };
    let peaks = async || {
        let mut open = db.open_openings().await.unwrap();
        open.sort_by(|a, b| a.id.cmp(&b.id));
        open.into_iter().map(|o| (o.id, o.severity_peak)).collect::<Vec<_>>()
    };
    record(Severity::Average, &[]).await;
    record(Severity::Average, &[]).await;
    record(Severity::High, &[]).await;
    record(Severity::Warning, &[]).await;
    assert_eq!(peaks().await, [("z:1:a".to_owned(), 4), ("z:2:a".to_owned(), 4)]);
    db.record_openings(fence, &[], &["z:1:a", "z:1:a", "unknown"], NOW).await.unwrap();
    assert_eq!(peaks().await, [("z:2:a".to_owned(), 4)]);
    record(Severity::Warning, &[]).await;
    assert_eq!(peaks().await.len(), 2, "what was closed by mistake is open again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deposed_updater_records_nothing() {
    let postgres = Postgres::shared().await.unwrap();
    let db = migrated(&postgres).await;
    let openings = [opening("z:1:a", Severity::High)];
    db.record_openings(Fence::from_number(11), &[], &[], NOW).await.unwrap();
    let late = db.record_openings(Fence::from_number(10), &openings, &[], NOW).await;
    assert!(matches!(late, Err(DbError::Deposed)));
    assert_eq!(db.open_openings().await.unwrap(), vec![]);
}

#[tokio::test(flavor = "multi_thread")]
async fn old_openings_are_forgotten_and_open_ones_are_not() {
    let postgres = Postgres::shared().await.unwrap();
    let db = migrated(&postgres).await;
    let fence = Fence::from_number(1);
    let openings = [opening("z:1:a", Severity::High), opening("z:2:a", Severity::High)];
    db.record_openings(fence, &openings, &["z:1:a"], NOW).await.unwrap();
    assert_eq!(db.forget_openings(fence, NOW).await.unwrap(), 0);
    assert_eq!(db.forget_openings(fence, NOW + Duration::from_secs(1)).await.unwrap(), 1);
    assert_eq!(db.open_openings().await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_database_is_an_outage_and_a_new_one_is_found_without_a_hand() {
    let mut postgres = Postgres::start().await.unwrap();
    let db = migrated(&postgres).await;
    db.ping().await.unwrap();
    postgres.kill().unwrap();
    // A session outlives its killed server by a moment.
    let seen = async || db.ping().await.err();
    let error = heat_devkit::eventually("the outage to be seen", Duration::from_mins(1), seen).await.unwrap();
    assert!(error.is_outage(), "{error}");
    postgres.start_again().await.unwrap();
    db.ping().await.unwrap();
}

#[test]
fn a_url_that_is_none_of_postgres_is_refused_without_being_quoted() {
    let Err(error) = Db::new(&Secret::new("mysql://u:hunter2@h/d"), 1) else { panic!("taken") };
    let error = error.to_string();
    assert!(error.contains("HEAT_DATABASE_URL") && !error.contains("hunter2"), "{error}");
}
