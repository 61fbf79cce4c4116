use std::time::Duration;

use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use heat::cache::Fence;
use heat::db::acknowledgements::{Of, Terms};
use heat::db::audit::Actor;
use heat::db::changes::{After, Change};
use heat::db::comments::NewComment;
use heat::db::openings::Opening;
use heat::db::tickets::{NewMember, NewTicket};
use heat::db::{Connection, Db};
use heat::severity::Severity;
use heat::ticket::Draft;
use heat::time::Timestamp;
use heat_devkit::backends::Postgres;
use heat_devkit::eventually;
use serde_json::json;

use crate::desk::migrated;

const KEY: &str = "z:1:a";

const PATIENCE: Duration = Duration::from_secs(8);

struct Desk {
    db: Db,
    _postgres: Postgres,
}

impl Desk {
    async fn open() -> Self {
        let postgres = Postgres::shared().await.unwrap();
        Self { db: migrated(&postgres).await, _postgres: postgres }
    }

    async fn record(&self, id: &str, severity: Severity, closed: &[&str]) {
        let opened = [Opening {
            id: id.into(),
            key: KEY.into(),
            source: "z".into(),
            host: "a".into(),
            name: "down".into(),
            device_id: Some(11),
            rack_id: Some(1),
            severity,
            since: ago(5),
        }];
        self.db.record_openings(Fence::from_number(1), &opened, closed, Timestamp::now()).await.unwrap();
    }

    async fn comment(&self, key: &str, id: Option<&str>, text: &str) -> i64 {
        comment(&self.db, key, id, text).await
    }

    async fn after(&self, id: i64) -> Vec<Change> {
        self.db.changes(After::Id(id), 1000).await.unwrap().0
    }
}

async fn comment(db: &Db, key: &str, id: Option<&str>, text: &str) -> i64 {
    let new = NewComment {
        event_key: key.into(),
        event_id: id.map(Into::into),
        author: "ann".into(),
        text: text.into(),
    };
    db.create_comments(&ann(), vec![new]).await.unwrap()[0].id
}

fn ann() -> Actor {
    Actor { name: "ann".into(), via: "off", request_id: "r-1".into() }
}

fn ago(minutes: u64) -> Timestamp {
    Timestamp::now() - Duration::from_mins(minutes)
}

fn kinds(changes: &[Change]) -> Vec<&str> {
    changes.iter().map(|change| change.kind.as_str()).collect()
}

fn new_ticket() -> NewTicket {
    NewTicket {
        draft: Draft { queue: "NOC".into(), summary: "down".into(), ..Draft::default() },
        existing: Some("NOC-7".into()),
        template: None,
        comment_on_more: None,
        comment_on_clear: None,
        severity: Severity::High,
        incident: None,
        members: vec![NewMember {
            event_id: "e1".into(),
            event_key: KEY.into(),
            since: ago(5),
            member: json!({}),
        }],
        force: false,
        idempotency_key: "r".into(),
        request_digest: "d".into(),
        quiet: Duration::ZERO,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_feed_tells_what_happened_to_an_event_once_and_by_whom() {
    let desk = Desk::open().await;
    desk.record("e1", Severity::Average, &[]).await;
    desk.record("e1", Severity::Average, &[]).await;
    desk.record("e1", Severity::High, &[]).await;
    desk.record("e1", Severity::Warning, &[]).await;
    desk.comment(KEY, Some("e1"), "on my way").await;
    let of = Of { event_id: "e1".into(), event_key: KEY.into(), since: ago(5), severity: Severity::High };
    desk.db.acknowledge(&ann(), &[of], &Terms { text: "mine".into(), ..Terms::default() }).await.unwrap();
    desk.db.ask_for_ticket(&ann(), &new_ticket()).await.unwrap();
    desk.record("e2", Severity::High, &["e1"]).await;
    let told = desk.after(0).await;
    assert_eq!(
        kinds(&told),
        ["opened", "worsened", "commented", "acknowledged", "ticketed", "cleared", "opened"],
        "what the next opening inherits is no change of its own"
    );
    let severities: Vec<_> = told.iter().map(|change| change.severity.map(Severity::level)).collect();
    assert_eq!(severities, [Some(3), Some(4), None, Some(4), None, Some(4), Some(4)]);
    for change in &told {
        assert_eq!(change.event_key, KEY);
        assert_eq!((change.name.as_deref(), change.host.as_deref()), (Some("down"), Some("a")));
        assert_eq!((change.rack_id, change.device_id), (Some(1), Some(11)));
    }
    assert!(told[0].at < ago(4), "an opening is told with its beginning: {}", told[0].at);
    assert_eq!(told[2].text.as_deref(), Some("on my way"));
    assert_eq!((told[3].by.as_deref(), told[3].text.as_deref()), (Some("ann"), Some("mine")));
    let ticket = told[4].ticket.as_ref().unwrap();
    assert_eq!((told[4].by.as_deref(), ticket.key.as_deref()), (Some("ann"), Some("NOC-7")));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_closed_by_mistake_is_told_to_have_opened_again() {
    let desk = Desk::open().await;
    desk.record("e1", Severity::High, &[]).await;
    desk.db
        .record_openings(Fence::from_number(1), &[], &["e1", "e1", "none"], Timestamp::now())
        .await
        .unwrap();
    desk.record("e1", Severity::High, &[]).await;
    assert_eq!(kinds(&desk.after(0).await), ["opened", "cleared", "opened"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_comment_takes_its_words_out_of_the_feed() {
    let desk = Desk::open().await;
    desk.record("e1", Severity::High, &[]).await;
    let id = desk.comment(KEY, None, "secret").await;
    assert_eq!(desk.after(1).await[0].text.as_deref(), Some("secret"));
    assert_eq!(desk.after(1).await[0].name.as_deref(), Some("down"), "by the last opening of its key");
    desk.db.delete_comment(&ann(), id).await.unwrap();
    let told = desk.after(1).await;
    assert_eq!((told[0].text.as_deref(), told[0].by.as_deref()), (None, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_begins_at_a_cursor_at_a_time_or_with_the_latest() {
    let desk = Desk::open().await;
    assert_eq!(desk.db.changes(After::Latest, 2).await.unwrap(), (vec![], 0));
    for n in 0..5 {
        desk.comment(KEY, None, &n.to_string()).await;
    }
    let texts = async |after, limit| {
        let (changes, next) = desk.db.changes(after, limit).await.unwrap();
        (changes.into_iter().filter_map(|change| change.text).collect::<Vec<_>>().concat(), next)
    };
    assert_eq!(texts(After::Latest, 2).await, ("34".into(), 5));
    assert_eq!(texts(After::Id(0), 3).await, ("012".into(), 3));
    assert_eq!(texts(After::Id(3), 3).await, ("34".into(), 5));
    assert_eq!(texts(After::Id(5), 3).await, (String::new(), 5));
    assert_eq!(texts(After::Time(ago(1)), 9).await, ("01234".into(), 5));
    let later = Timestamp::now() + Duration::from_mins(1);
    assert_eq!(texts(After::Time(later), 9).await, (String::new(), 5));
}

#[derive(diesel::QueryableByName)]
struct Waiting {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    count: i64,
}

/// How many sessions of this database wait for a lock.
async fn waiting(connection: &mut Connection) -> i64 {
    let count = "select count(*) from pg_locks l join pg_database d on d.oid = l.database
                 where not l.granted and d.datname = current_database()";
    diesel::sql_query(count).get_result::<Waiting>(connection).await.unwrap().count
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_is_committed_late_is_not_skipped_by_who_reads_meanwhile() {
    let desk = Desk::open().await;
    let mut gate = desk.db.connection().await.unwrap();
    // One writer has its place in the feed, and then its transaction goes on for a while.
    gate.batch_execute(
        "create function wait_at_the_gate() returns trigger language plpgsql as $$ begin
             perform pg_advisory_lock_shared(42);
             perform pg_advisory_unlock_shared(42);
             return null;
         end $$;
         create trigger gate after insert on changes for each row when (new.event_key = 'late')
             execute function wait_at_the_gate();
         select pg_advisory_lock(42);",
    )
    .await
    .unwrap();
    let write = |key: &'static str| {
        let db = desk.db.clone();
        tokio::spawn(async move { comment(&db, key, None, key).await })
    };
    let late = write("late");
    let wait = async |gate: &mut Connection, count| {
        while waiting(gate).await < count {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, wait(&mut gate, 1)).await.expect("the late one waits at the gate");
    let early = write("early");
    tokio::time::timeout(PATIENCE, wait(&mut gate, 2)).await.expect("the other one waits for it");
    let (seen, next) = desk.db.changes(After::Id(0), 10).await.unwrap();
    assert_eq!((seen, next), (vec![], 0));
    gate.batch_execute("select pg_advisory_unlock(42)").await.unwrap();
    late.await.unwrap();
    early.await.unwrap();
    let told: Vec<_> = desk.after(next).await.into_iter().map(|change| change.event_key).collect();
    assert_eq!(told, ["late", "early"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_follows_along_while_many_write_reads_each_change_once() {
    let desk = Desk::open().await;
    let writers: Vec<_> = (0..8)
        .map(|writer| {
            let db = desk.db.clone();
            tokio::spawn(async move {
                for n in 0..20 {
                    comment(&db, &format!("z:{writer}:a"), None, &format!("{writer}.{n}")).await;
                }
            })
        })
        .collect();
    let (mut read, mut next) = (Vec::new(), 0);
    eventually("all changes", PATIENCE, async || {
        let (changes, then) = desk.db.changes(After::Id(next), 7).await.unwrap();
        next = then;
        read.extend(changes.into_iter().filter_map(|change| change.text));
        (read.len() >= 160).then_some(())
    })
    .await
    .unwrap();
    for writer in writers {
        writer.await.unwrap();
    }
    assert_eq!(desk.after(next).await, vec![]);
    let mut expected: Vec<_> = (0..8).flat_map(|w| (0..20).map(move |n| format!("{w}.{n}"))).collect();
    expected.sort_unstable();
    read.sort_unstable();
    assert_eq!(read, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn old_changes_are_forgotten_and_cursors_into_them_still_lead_on() {
    let desk = Desk::open().await;
    desk.comment(KEY, None, "old").await;
    let fence = Fence::from_number(1);
    assert_eq!(desk.db.forget_changes(fence, ago(1)).await.unwrap(), 0);
    let later = Timestamp::now() + Duration::from_secs(2);
    assert_eq!(desk.db.forget_changes(fence, later).await.unwrap(), 1);
    desk.comment(KEY, None, "new").await;
    let told: Vec<_> = desk.after(0).await.into_iter().filter_map(|change| change.text).collect();
    assert_eq!(told, ["new"]);
}
