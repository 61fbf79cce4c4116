//! Delivery against a real Postgres, a real Redis and the simulated Startrek: each ticket and each comment once.

#![expect(clippy::unwrap_used, reason = "a test may panic, and so may what it is made of")]

use std::collections::BTreeSet;
use std::time::Duration;

use diesel_async::SimpleAsyncConnection;
use heat::cache::{Cache, TrackerRecord};
use heat::config::Secret;
use heat::db::Db;
use heat::db::audit::Actor;
use heat::db::comments::NewComment;
use heat::db::roles::Roles;
use heat::db::tickets::{Asked, Changed, NewMember, NewTicket, StoredTicket};
use heat::severity::Severity;
use heat::ticket::{Draft, State};
use heat::time::Timestamp;
use heat_devkit::backends::{Postgres, Redis};
use heat_devkit::eventually;
use heat_devkit::sim::{Fault, Rule, Startrek, StartrekOptions};
use heat_jobs::cadence::Schedule;
use heat_jobs::delivery::{Delivery, Target};
use heat_jobs::metrics::DeliveryMetrics;
use heat_jobs::upstream::startrek::{ApiVersion, Client, Options};
use heat_jobs::upstream::tracker::Tracker;
use serde_json::json;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

const PATIENCE: Duration = Duration::from_mins(1);

/// Comments are looked for so soon, that a test need not wait a minute.
const READ_BACK_AFTER: Duration = Duration::from_millis(500);

struct Desk {
    startrek: Startrek,
    /// As the owner of the tables, who stands in for the API too.
    db: Db,
    /// As the delivery comes in.
    updater: Db,
    cache: Cache,
    quiet: Duration,
    _postgres: Postgres,
    _redis: Redis,
}

/// A delivery that runs until it is dropped, as if its process were killed.
struct Running(JoinHandle<()>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Desk {
    async fn open() -> Self {
        let (postgres, redis) = tokio::join!(Postgres::shared(), Redis::shared());
        let (postgres, redis) = (postgres.unwrap(), redis.unwrap());
        let url = postgres.fresh_database().await.unwrap();
        let db = Db::new(&Secret::new(&url), 8).unwrap();
        db.migrate().await.unwrap();
        db.grant_roles(&Roles::default()).await.unwrap();
        let updater = Postgres::url_as(&url, "heat_updater").unwrap();
        let updater = Db::new(&Secret::new(updater), 8).unwrap();
        let cache = Cache::new(&Secret::new(redis.url()), redis.prefix()).unwrap();
        let startrek = Startrek::start(StartrekOptions::default()).await.unwrap();
        Self { startrek, db, updater, cache, quiet: Duration::ZERO, _postgres: postgres, _redis: redis }
    }

    fn deliver(&self) -> Running {
        let options = Options {
            url: self.startrek.url().parse().unwrap(),
            version: ApiVersion::V2,
            token: Secret::new(self.startrek.token()),
            org: Some(self.startrek.org().to_owned()),
            cloud_org: None,
            web_url: None,
        };
        let client = Client::with_timeout(options, Duration::from_secs(2)).unwrap();
        let delivery = Delivery {
            cache: self.cache.clone(),
            db: self.updater.clone(),
            target: Target::Tracker(Box::new(Tracker::Startrek(client))),
            schedule: Schedule::parse("HEAT_TICKETS_CRON", "* * * * * *").unwrap(),
            quiet: self.quiet,
            read_back_after: READ_BACK_AFTER,
            metrics: DeliveryMetrics::default(),
        };
        Running(tokio::spawn(delivery.run(CancellationToken::new())))
    }

    async fn ask(&self, name: &str, ids: &[&str]) -> StoredTicket {
        match self.db.ask_for_ticket(&ann(), &new(name, ids)).await.unwrap() {
            Asked::Made(ticket) => {
                self.cache.tell_changed().await.unwrap();
                ticket
            }
            other => panic!("{other:?}"),
        }
    }

    async fn ticket_where(&self, id: i64, fits: impl Fn(&StoredTicket) -> bool) -> StoredTicket {
        let mut last = None;
        let found = eventually("the ticket", PATIENCE, async || {
            let ticket = self.db.ticket(id).await.unwrap().unwrap();
            last = Some(ticket.clone());
            fits(&ticket).then_some(ticket)
        });
        found.await.unwrap_or_else(|_| panic!("it stays {last:?}"))
    }

    async fn created(&self, id: i64) -> StoredTicket {
        self.ticket_where(id, |ticket| ticket.state() == State::Created).await
    }

    async fn tracker_where(&self, fits: impl Fn(&TrackerRecord) -> bool) -> TrackerRecord {
        eventually("the tracker's record", PATIENCE, async || {
            self.cache.tracker().await.unwrap().filter(|record| fits(record))
        })
        .await
        .unwrap()
    }

    async fn comments(&self, key: &str, count: usize) -> Vec<String> {
        eventually("comments", PATIENCE, async || {
            let comments = self.startrek.issue(key).unwrap().comments;
            (comments.len() >= count).then(|| comments.into_iter().map(|c| c.text).collect())
        })
        .await
        .unwrap()
    }
}

fn ann() -> Actor {
    Actor { name: "ann".into(), via: "off", request_id: "r-1".into() }
}

fn member(id: &str) -> NewMember {
    NewMember {
        event_id: format!("z:{id}:a"),
        event_key: format!("z:t{id}:a"),
        since: Timestamp::now(),
        member: json!({ "host": format!("srv-{id}"), "name": "ICMP: unreachable" }),
    }
}

fn new(name: &str, ids: &[&str]) -> NewTicket {
    NewTicket {
        draft: Draft { queue: "NETOPS".into(), summary: format!("{name} is down"), ..Draft::default() },
        existing: None,
        template: None,
        comment_on_more: None,
        comment_on_clear: None,
        severity: Severity::High,
        incident: None,
        members: ids.iter().map(|id| member(id)).collect(),
        force: false,
        idempotency_key: name.into(),
        request_digest: name.into(),
        quiet: Duration::ZERO,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_is_in_the_tracker_at_once_and_what_becomes_of_it_there_is_seen() {
    let desk = Desk::open().await;
    let _delivery = desk.deliver();
    let asked = desk.ask("rack 7", &["1"]).await;
    let ticket = desk.created(asked.id).await;
    let key = ticket.key.unwrap();
    assert_eq!(desk.startrek.issue(&key).unwrap().summary, "rack 7 is down");
    assert!(ticket.url.ends_with(&key), "{}", ticket.url);
    let record = desk.tracker_where(|record| record.fields.contains_key("NETOPS")).await;
    assert_eq!((record.kind.as_str(), record.error.as_str()), ("startrek", ""));
    assert!(record.fields["NETOPS"].contains_key("priority"), "{:?}", record.fields);

    let look_again = async || {
        let mut connection = desk.db.connection().await.unwrap();
        connection.batch_execute("update tickets set refreshed_at = null").await.unwrap();
        desk.cache.tell_changed().await.unwrap();
    };
    desk.startrek.close(&key, "fixed").unwrap();
    look_again().await;
    desk.ticket_where(asked.id, |ticket| ticket.state() == State::Closed).await;
    let covers = desk.db.covers(&["z:t1:a"]).await.unwrap();
    assert!(!covers["z:t1:a"][0].ticketed().open, "closed, still burning");
    desk.startrek.reopen(&key).unwrap();
    let moved = desk.startrek.move_to(&key, "SRE").unwrap();
    look_again().await;
    let again = desk.created(asked.id).await;
    assert_eq!(again.key, Some(moved));
    assert!(desk.db.covers(&["z:t1:a"]).await.unwrap()["z:t1:a"][0].ticketed().open);
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_happens_to_an_answer_one_ticket_is_made() {
    let desk = Desk::open().await;
    let _delivery = desk.deliver();
    for (name, rules) in [
        ("lost", vec![Rule::new(Fault::CommitThenDrop).on("create").times(2)]),
        (
            "lagging",
            vec![
                Rule::new(Fault::CommitThenDrop).on("create").times(1),
                Rule::new(Fault::UniqueLag(2000)).on("create").times(3),
            ],
        ),
        ("broken", vec![Rule::new(Fault::Status(502)).on("create").times(2)]),
        ("html", vec![Rule::new(Fault::Html).on("create").times(1)]),
        ("busy", vec![Rule::new(Fault::TooMany(1)).on("create").times(1)]),
        ("busy, says no more", vec![Rule::new(Fault::TooMany(0)).on("create").times(2)]),
        ("locked", vec![Rule::new(Fault::Status(423)).on("create").times(2)]),
        ("slow", vec![Rule::new(Fault::Slow(2500)).on("create").times(1)]),
        (
            "refused after it was lost",
            vec![
                Rule::new(Fault::CommitThenDrop).on("create").times(1),
                Rule::new(Fault::Status(422)).on("create").times(1),
            ],
        ),
    ] {
        for rule in rules {
            desk.startrek.inject(rule);
        }
        let asked = desk.ask(name, &[name]).await;
        let ticket = desk.created(asked.id).await;
        desk.startrek.clear_faults();
        let wanted = format!("{name} is down");
        let made: Vec<_> = desk.startrek.issues().into_iter().filter(|i| i.summary == wanted).collect();
        assert_eq!(made.len(), 1, "{name}");
        assert_eq!(Some(&made[0].key), ticket.key.as_ref(), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_tracker_refuses_fails_in_its_words_and_is_edited_and_sent_again() {
    let desk = Desk::open().await;
    let _delivery = desk.deliver();
    let mut wrong = new("typo", &["1"]);
    wrong.draft.kind = Some("incidnet".into());
    let Asked::Made(asked) = desk.db.ask_for_ticket(&ann(), &wrong).await.unwrap() else { panic!() };
    desk.cache.tell_changed().await.unwrap();
    let failed = desk.ticket_where(asked.id, |ticket| ticket.state() == State::Failed).await;
    assert!(failed.last_error.contains("422") && failed.last_error.contains("type"), "{}", failed.last_error);
    let better = Draft { kind: Some("incident".into()), ..failed.draft() };
    let edited = desk.db.edit_ticket(&ann(), asked.id, &better).await.unwrap();
    assert!(matches!(edited, Changed::Done(_)), "{edited:?}");
    assert!(matches!(desk.db.retry_ticket(&ann(), asked.id).await.unwrap(), Changed::Done(_)));
    desk.cache.tell_changed().await.unwrap();
    desk.created(asked.id).await;
    assert_eq!(desk.startrek.issues().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_out_robot_raises_an_alarm_and_stops_sending() {
    let desk = Desk::open().await;
    desk.startrek.inject(Rule::new(Fault::TokenRefused));
    let _delivery = desk.deliver();
    let first = desk.ask("one", &["1"]).await;
    let record = desk.tracker_where(|record| !record.error.is_empty()).await;
    assert!(record.error.contains("token"), "{}", record.error);
    assert_eq!(record.pending, 1);
    let waiting = desk.ticket_where(first.id, |ticket| !ticket.last_error.is_empty()).await;
    assert_eq!(waiting.state(), State::Pending);
    assert!(!waiting.maybe_sent, "it certainly is not there");
    let before = desk.startrek.asked().len();
    desk.ask("two", &["2"]).await;
    // Whatever could be sent now would be sent before this is written.
    desk.tracker_where(|record| record.pending == 2).await;
    assert_eq!(desk.startrek.asked().len(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_added_is_said_once_though_the_answer_is_lost() {
    let desk = Desk::open().await;
    let delivery = desk.deliver();
    let ticket = desk.ask("rack 7", &["1"]).await;
    let key = desk.created(ticket.id).await.key.unwrap();
    desk.startrek.inject(Rule::new(Fault::CommitThenDrop).on("comment").times(1));
    let added =
        desk.db.add_to_ticket(&ann(), ticket.id, &[member("2")], false, Duration::ZERO).await.unwrap();
    assert!(matches!(added, Changed::Done(_)));
    desk.cache.tell_changed().await.unwrap();
    let sent = async || {
        let (_, posts) = desk.db.ticket_contents(ticket.id).await.unwrap();
        posts.iter().all(|post| post.state == "sent").then_some(posts.len())
    };
    assert_eq!(eventually("the comment is settled", PATIENCE, sent).await.unwrap(), 1);
    let comments = desk.comments(&key, 1).await;
    assert_eq!(comments.len(), 1, "{comments:?}");
    assert!(comments[0].contains("srv-2") && comments[0].contains("\n\nheat:"), "{}", comments[0]);
    // Its sender is killed with the comment on its way.
    desk.startrek.inject(Rule::new(Fault::Slow(1500)).on("comment").times(1));
    let words = NewComment {
        event_key: "z:t1:a".into(),
        event_id: None,
        author: "ann".into(),
        text: "PSU on its way".into(),
    };
    desk.db
        .create_comments_on_tickets(&ann(), vec![words], "**ann**:\n\nPSU on its way")
        .await
        .unwrap()
        .unwrap();
    desk.cache.tell_changed().await.unwrap();
    desk.comments(&key, 2).await;
    drop(delivery);
    let _next = desk.deliver();
    assert_eq!(eventually("the second is settled", PATIENCE, sent).await.unwrap(), 2);
    let comments = desk.comments(&key, 2).await;
    assert_eq!(comments.len(), 2, "{comments:?}");
    assert!(comments[1].starts_with("**ann**:"), "{}", comments[1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_opened_elsewhere_is_looked_up_and_told_of_its_events() {
    let desk = Desk::open().await;
    let key = desk.startrek.open("DCOPS", "Somebody saw smoke").unwrap();
    let _delivery = desk.deliver();
    let attach = NewTicket { existing: Some(key.clone()), ..new("smoke", &["1"]) };
    let Asked::Made(asked) = desk.db.ask_for_ticket(&ann(), &attach).await.unwrap() else { panic!() };
    desk.cache.tell_changed().await.unwrap();
    let ticket = desk.created(asked.id).await;
    assert_eq!(ticket.key.as_deref(), Some(key.as_str()));
    assert!(desk.comments(&key, 1).await[0].contains("srv-1"));
    let nowhere = NewTicket { existing: Some("DCOPS-999".into()), ..new("nothing", &["2"]) };
    let Asked::Made(asked) = desk.db.ask_for_ticket(&ann(), &nowhere).await.unwrap() else { panic!() };
    desk.cache.tell_changed().await.unwrap();
    let failed = desk.ticket_where(asked.id, |ticket| ticket.state() == State::Failed).await;
    assert!(failed.last_error.contains("DCOPS-999"), "{}", failed.last_error);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_deliveries_one_sends_and_the_other_takes_over_when_it_dies() {
    let desk = Desk::open().await;
    let (mut first, second) = (Some(desk.deliver()), desk.deliver());
    let mut made = BTreeSet::new();
    for number in 0..6 {
        let name = format!("n{number}");
        let asked = desk.ask(&name, &[&name]).await;
        if number == 3 {
            first.take();
        }
        made.insert(desk.created(asked.id).await.key.unwrap());
    }
    drop(second);
    assert_eq!(made.len(), 6);
    assert_eq!(desk.startrek.issues().len(), 6);
}
