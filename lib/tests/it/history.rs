use std::time::Duration;

use diesel_async::SimpleAsyncConnection;
use heat::cache::Fence;
use heat::db::Db;
use heat::db::acknowledgements::{Of, Terms};
use heat::db::audit::Actor;
use heat::db::comments::NewComment;
use heat::db::history::{Behind, CameAndWent, PastOpening, Whose};
use heat::db::openings::Opening;
use heat::db::tickets::{NewMember, NewTicket};
use heat::severity::Severity;
use heat::ticket::Draft;
use heat::time::Timestamp;
use heat_devkit::backends::Postgres;
use serde_json::json;

use crate::desk::migrated;

const KEY: &str = "z:1:a";

struct Desk {
    db: Db,
    _postgres: Postgres,
}

impl Desk {
    async fn open() -> Self {
        let postgres = Postgres::shared().await.unwrap();
        Self { db: migrated(&postgres).await, _postgres: postgres }
    }

    /// An opening that began and ended so many minutes ago.
    async fn opening(&self, id: &str, key: &str, opened: u64, closed: Option<u64>) {
        let fence = Fence::from_number(1);
        let opening = Opening {
            id: id.into(),
            key: key.into(),
            source: "z".into(),
            host: "a".into(),
            name: "down".into(),
            device_id: Some(11),
            rack_id: Some(1),
            severity: Severity::Average,
            since: ago(opened),
        };
        self.db.record_openings(fence, &[opening], &[], ago(opened)).await.unwrap();
        if let Some(closed) = closed {
            self.db.record_openings(fence, &[], &[id], ago(closed)).await.unwrap();
        }
    }

    async fn comment(&self, key: &str, id: Option<&str>, text: &str, minutes: u64) {
        let new = NewComment {
            event_key: key.into(),
            event_id: id.map(Into::into),
            author: "ann".into(),
            text: text.into(),
        };
        let written = self.db.create_comments(&ann(), vec![new]).await.unwrap();
        let mut connection = self.db.connection().await.unwrap();
        let (id, at) = (written[0].id, ago(minutes));
        let earlier = format!("update comments set created_at = '{at}' where id = {id}");
        connection.batch_execute(&earlier).await.unwrap();
    }

    async fn of(&self, whose: Whose<'_>, days: u64) -> Vec<PastOpening> {
        self.db.history(whose, ago(days * 24 * 60), None, 100).await.unwrap()
    }
}

fn ann() -> Actor {
    Actor { name: "ann".into(), via: "off", request_id: "r-1".into() }
}

fn ago(minutes: u64) -> Timestamp {
    Timestamp::now() - Duration::from_mins(minutes)
}

fn ids(openings: &[PastOpening]) -> Vec<&str> {
    openings.iter().map(|past| past.opening.id.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_has_each_opening_with_what_people_did_about_it() {
    let desk = Desk::open().await;
    desk.opening("e1", KEY, 90, Some(80)).await;
    desk.opening("e2", KEY, 50, None).await;
    desk.opening("other", "z:2:a", 50, None).await;
    desk.comment(KEY, Some("e1"), "at the first", 85).await;
    desk.comment(KEY, None, "between", 60).await;
    desk.comment(KEY, Some("e2"), "at the second", 40).await;
    desk.comment(KEY, None, "since", 30).await;
    let of = Of { event_id: "e1".into(), event_key: KEY.into(), since: ago(90), severity: Severity::High };
    desk.db.acknowledge(&ann(), std::slice::from_ref(&of), &Terms::default()).await.unwrap();
    desk.db.acknowledge(&ann(), &[of], &Terms { text: "anew".into(), ..Terms::default() }).await.unwrap();
    let member = |id: &str| NewMember {
        event_id: id.into(),
        event_key: KEY.into(),
        since: ago(50),
        member: json!({}),
    };
    let new = NewTicket {
        draft: Draft { queue: "NOC".into(), summary: "down".into(), ..Draft::default() },
        existing: Some("NOC-7".into()),
        template: None,
        comment_on_more: None,
        comment_on_clear: None,
        severity: Severity::High,
        incident: None,
        members: vec![member("e2")],
        force: false,
        idempotency_key: "r".into(),
        request_digest: "d".into(),
        quiet: Duration::ZERO,
    };
    desk.db.ask_for_ticket(&ann(), &new).await.unwrap();

    let history = desk.of(Whose::Key(KEY), 30).await;
    assert_eq!(ids(&history), ["e2", "e1"], "latest first");
    let texts = |past: &PastOpening| past.comments.iter().map(|c| c.text.clone()).collect::<Vec<_>>();
    assert_eq!(texts(&history[1]), ["at the first", "between"]);
    assert_eq!(texts(&history[0]), ["at the second", "since"]);
    let given = &history[1].acknowledgements;
    assert_eq!(given.iter().map(|one| one.text.as_str()).collect::<Vec<_>>(), ["", "anew"]);
    assert_eq!((given[0].ended_by.as_deref(), given[1].ended_at), (Some("ann"), None));
    assert_eq!(history[0].tickets[0].key.as_deref(), Some("NOC-7"));
    assert_eq!(history[0].tickets[0].state, "pending");
    assert!(history[1].tickets.is_empty() && history[0].acknowledgements.is_empty());
    assert_eq!(ids(&desk.of(Whose::Rack(1), 30).await), ["other", "e2", "e1"]);
    assert_eq!(desk.of(Whose::Rack(2), 30).await, vec![]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_goes_back_as_far_as_asked_and_has_what_has_burned_all_the_time() {
    let desk = Desk::open().await;
    let day = 24 * 60;
    desk.opening("ancient", KEY, 50 * day, Some(49 * day)).await;
    desk.opening("burning", KEY, 40 * day, None).await;
    desk.opening("recent", KEY, 20 * day, Some(19 * day)).await;
    for whose in [Whose::Key(KEY), Whose::Rack(1)] {
        assert_eq!(ids(&desk.of(whose, 30).await), ["recent", "burning"]);
        assert_eq!(ids(&desk.of(whose, 10).await), ["burning"]);
        assert_eq!(ids(&desk.of(whose, 60).await), ["recent", "burning", "ancient"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_together_are_the_whole_also_of_what_began_in_one_second() {
    let desk = Desk::open().await;
    let together = |n: u64, since| Opening {
        id: format!("e{n}"),
        key: KEY.into(),
        source: "z".into(),
        host: "a".into(),
        name: "down".into(),
        device_id: None,
        rack_id: Some(1),
        severity: Severity::High,
        since,
    };
    let day = 24 * 60;
    let mut openings: Vec<_> = (0..5).map(|n| together(n, ago(10))).collect();
    openings.extend((5..8).map(|n| together(n, ago(40 * day))));
    desk.db.record_openings(Fence::from_number(1), &openings, &[], Timestamp::now()).await.unwrap();
    let whole = desk.of(Whose::Rack(1), 30).await;
    assert_eq!(whole.len(), 8);
    for length in 1..=8 {
        let (mut read, mut behind): (Vec<PastOpening>, Option<Behind>) = (Vec::new(), None);
        loop {
            let rack = Whose::Rack(1);
            let page = desk.db.history(rack, ago(30 * day), behind.as_ref(), length).await.unwrap();
            let Some(last) = page.last() else { break };
            behind = Some(Behind::opening(&last.opening));
            read.extend(page);
        }
        assert_eq!(ids(&read), ids(&whole), "pages of {length}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_time_has_the_last_words_and_the_ticket_until_it_cleared() {
    let desk = Desk::open().await;
    desk.opening("e1", KEY, 90, Some(80)).await;
    desk.opening("e2", KEY, 50, Some(20)).await;
    desk.opening("e3", KEY, 10, Some(5)).await;
    desk.opening("e4", KEY, 2, None).await;
    desk.opening("only", "z:2:a", 50, None).await;
    desk.comment(KEY, Some("e1"), "long ago", 85).await;
    desk.comment(KEY, Some("e3"), "reset the port", 6).await;
    desk.comment(KEY, Some("e4"), "again!", 1).await;
    let pasts = desk.db.pasts(&[KEY, "z:2:a", "z:3:none"]).await.unwrap();
    assert_eq!(pasts.keys().collect::<Vec<_>>(), [KEY], "nothing of the others has ended");
    let past = &pasts[KEY];
    let last = past.last.as_ref().unwrap();
    assert_eq!(last.id, "e3");
    assert_eq!(last.comment.as_ref().unwrap().text, "reset the port");
    assert!(last.ticket.is_none());
    assert_eq!(past.recent.len(), 2, "those that began and ended within the hour");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_and_went_is_counted_by_rack_and_what_burns_or_began_before_is_not() {
    let desk = Desk::open().await;
    desk.opening("e1", KEY, 50, Some(40)).await;
    desk.opening("e2", KEY, 30, Some(20)).await;
    desk.opening("burns", KEY, 10, None).await;
    desk.opening("before", "z:2:a", 90, Some(30)).await;
    desk.opening("once", "z:3:a", 30, Some(20)).await;
    let counted = desk.db.came_and_went(ago(60), 10).await.unwrap();
    assert_eq!(counted, [CameAndWent { rack_id: Some(1), openings: 3, keys: 2 }]);
}
