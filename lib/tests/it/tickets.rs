use std::collections::BTreeSet;
use std::time::Duration;

use diesel_async::SimpleAsyncConnection as _;
use heat::cache::Fence;
use heat::db::audit;
use heat::db::openings::Opening;
use heat::db::outbox::{Item, Outbox, Told};
use heat::db::tickets::{Asked, Changed, NewMember, NewTicket, StoredTicket};
use heat::db::{Db, DbError};
use heat::severity::Severity;
use heat::ticket::{Draft, State};
use heat::time::Timestamp;
use heat_devkit::backends::Postgres;
use heat_devkit::eventually;
use serde_json::json;

use crate::desk::{actor, migrated};

const QUIET: Duration = Duration::from_mins(10);
const READ_BACK_AFTER: Duration = Duration::from_mins(1);

struct Desk {
    db: Db,
    _postgres: Postgres,
}

impl Desk {
    async fn open() -> Self {
        let postgres = Postgres::shared().await.unwrap();
        Self { db: migrated(&postgres).await, _postgres: postgres }
    }

    /// The outbox, as soon as its last holder's connection is gone.
    async fn outbox(&self) -> Outbox {
        eventually("the outbox", QUIET, async || self.db.outbox(READ_BACK_AFTER).await.unwrap())
            .await
            .unwrap()
    }

    async fn ask(&self, who: &str, new: &NewTicket) -> Asked {
        self.db.ask_for_ticket(&actor(who), new).await.unwrap()
    }

    async fn made(&self, request: &str, ids: &[&str]) -> StoredTicket {
        self.asked_on(request, ids, None).await
    }

    async fn asked_on(&self, request: &str, ids: &[&str], incident: Option<String>) -> StoredTicket {
        match self.ask("ann", &NewTicket { incident, ..new(request, ids) }).await {
            Asked::Made(ticket) => ticket,
            other => panic!("{other:?}"),
        }
    }

    /// What the working updater does with events, each given with its incident.
    async fn join(&self, fence: i64, joining: &[(&str, &str)]) -> Result<usize, DbError> {
        let joining: Vec<_> =
            joining.iter().map(|(incident, id)| ((*incident).to_owned(), member(id))).collect();
        self.db.join_incidents(Fence::from_number(fence), &joining, QUIET).await
    }

    /// A ticket that the tracker has.
    async fn created(&self, request: &str, ids: &[&str], key: &str) -> StoredTicket {
        let ticket = self.made(request, ids).await;
        let mut outbox = self.outbox().await;
        assert_eq!(outbox.claim_ticket().await.unwrap().unwrap().id, ticket.id);
        outbox.ticket_created(ticket.id, &told(key, false)).await.unwrap();
        self.db.ticket(ticket.id).await.unwrap().unwrap()
    }

    /// Which ticket covers each opening, as the snapshot is told.
    async fn covers(&self, id: &str) -> Vec<(i64, bool)> {
        let covers = self.db.covers(&[&key_of(id)]).await.unwrap();
        let mut covers: Vec<_> = covers
            .into_values()
            .flatten()
            .filter(|cover| cover.event_id == id)
            .map(|cover| (cover.ticket, cover.active))
            .collect();
        covers.sort_unstable();
        covers
    }

    async fn record(&self, opened: &[(&str, &str, Timestamp)], closed: &[&str], now: Timestamp) {
        let opened: Vec<_> = opened
            .iter()
            .map(|(id, key, since)| Opening {
                id: (*id).into(),
                key: (*key).into(),
                source: "z".into(),
                host: "a".into(),
                name: "down".into(),
                device_id: None,
                rack_id: None,
                severity: Severity::High,
                since: *since,
            })
            .collect();
        self.db.record_openings(Fence::from_number(1), &opened, closed, now).await.unwrap();
    }
}

fn key_of(id: &str) -> String {
    format!("key of {id}")
}

fn member(id: &str) -> NewMember {
    NewMember {
        event_id: id.into(),
        event_key: key_of(id),
        since: Timestamp::now(),
        member: json!({ "host": "a" }),
    }
}

fn new(request: &str, ids: &[&str]) -> NewTicket {
    NewTicket {
        draft: Draft { queue: "NOC".into(), summary: "down".into(), ..Draft::default() },
        existing: None,
        template: None,
        comment_on_more: None,
        comment_on_clear: None,
        severity: Severity::High,
        incident: None,
        members: ids.iter().map(|id| member(id)).collect(),
        force: false,
        idempotency_key: request.into(),
        request_digest: format!("digest of {request}"),
        quiet: QUIET,
    }
}

fn told(key: &str, resolved: bool) -> Told {
    Told {
        key: key.into(),
        url: format!("https://tracker/{key}"),
        status: if resolved { "Closed" } else { "Open" }.into(),
        resolved,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_request_of_the_same_person_makes_one_ticket() {
    let desk = Desk::open().await;
    let first = desk.made("r", &["e1"]).await;
    assert_eq!(desk.ask("ann", &new("r", &["e1"])).await, Asked::Again(first.clone()));
    let other = NewTicket { request_digest: "another".into(), ..new("r", &["e2"]) };
    assert_eq!(desk.ask("ann", &other).await, Asked::OtherRequest);
    let Asked::Made(bobs) = desk.ask("bob", &new("r", &["e3"])).await else { panic!() };
    assert_ne!(bobs.id, first.id, "each person has names of their own");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_under_an_open_ticket_gets_another_only_by_force() {
    let desk = Desk::open().await;
    let first = desk.made("r1", &["e1", "e2"]).await;
    let Asked::Covered(covered) = desk.ask("bob", &new("r2", &["e2", "e3"])).await else { panic!() };
    assert_eq!(covered, [("e2".to_owned(), first.clone())]);
    assert_eq!(desk.covers("e3").await, [], "nothing is half done");
    let forced = NewTicket { force: true, ..new("r2", &["e2", "e3"]) };
    let Asked::Made(second) = desk.ask("bob", &forced).await else { panic!() };
    assert_eq!(desk.covers("e2").await, [(first.id, false), (second.id, true)]);
    assert_eq!(desk.covers("e1").await, [(first.id, true)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_want_the_same_events_at_once_one_gets_each() {
    let desk = Desk::open().await;
    // Every request wants a shared event and one of its own neighbour's.
    let asking: Vec<_> = (0..24)
        .map(|n| {
            let db = desk.db.clone();
            tokio::spawn(async move {
                let ids = [format!("e{}", n % 6), format!("e{}", (n + 1) % 6)];
                let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
                let who = actor(&format!("operator {n}"));
                db.ask_for_ticket(&who, &new("r", &ids)).await.unwrap()
            })
        })
        .collect();
    let mut made = 0;
    for asked in asking {
        match asked.await.unwrap() {
            Asked::Made(_) => made += 1,
            Asked::Covered(covered) => assert!(!covered.is_empty()),
            other => panic!("{other:?}"),
        }
    }
    assert!((2..=3).contains(&made), "{made} tickets of two events each for six events");
    for n in 0..6 {
        let active = desk.covers(&format!("e{n}")).await.into_iter().filter(|(_, active)| *active).count();
        assert!(active <= 1, "e{n} has {active} tickets");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_alone_sends_and_what_it_was_sending_when_it_died_is_due_again() {
    let desk = Desk::open().await;
    let ticket = desk.made("r", &["e1"]).await;
    let mut first = desk.outbox().await;
    assert!(desk.db.outbox(READ_BACK_AFTER).await.unwrap().is_none(), "one at a time");
    let due = first.claim_ticket().await.unwrap().unwrap();
    assert_eq!((due.id, due.attempts, due.maybe_sent), (ticket.id, 1, false));
    assert!(first.claim_ticket().await.unwrap().is_none(), "it is being sent");
    drop(first);
    let mut second = desk.outbox().await;
    let again = second.claim_ticket().await.unwrap().unwrap();
    assert_eq!((again.uuid, again.attempts, again.maybe_sent), (due.uuid, 1, true));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_that_may_have_arrived_is_not_edited_and_a_refused_one_is_edited_and_retried() {
    let desk = Desk::open().await;
    let ticket = desk.made("r", &["e1"]).await;
    let better = Draft { summary: "better".into(), ..ticket.draft() };
    let edit = async || desk.db.edit_ticket(&actor("ann"), ticket.id, &better).await.unwrap();
    let mut outbox = desk.outbox().await;
    outbox.claim_ticket().await.unwrap().unwrap();
    assert!(matches!(edit().await, Changed::NotNow(_)), "it is on its way");
    outbox.again(Item::ticket(ticket.id), Duration::ZERO, "timed out", true).await.unwrap();
    assert!(matches!(edit().await, Changed::NotNow(_)), "it may be there");
    outbox.failed(Item::ticket(ticket.id), "no such type", false).await.unwrap();
    assert_eq!(desk.covers("e1").await, [(ticket.id, true)]);
    let Changed::Done(edited) = edit().await else { panic!() };
    assert_eq!((edited.draft().summary.as_str(), edited.state()), ("better", State::Failed));
    assert!(outbox.claim_ticket().await.unwrap().is_none(), "a failed one waits for somebody");
    let Changed::Done(retried) = desk.db.retry_ticket(&actor("ann"), ticket.id).await.unwrap() else {
        panic!()
    };
    assert_eq!((retried.state(), retried.last_error.as_str()), (State::Pending, ""));
    assert_eq!(outbox.claim_ticket().await.unwrap().unwrap().draft().unwrap(), better);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_ticket_gives_its_events_up_to_another_and_is_then_not_retried() {
    let desk = Desk::open().await;
    let failed = desk.made("r1", &["e1"]).await;
    let mut outbox = desk.outbox().await;
    outbox.claim_ticket().await.unwrap();
    outbox.failed(Item::ticket(failed.id), "refused", false).await.unwrap();
    let second = desk.made("r2", &["e1"]).await;
    assert_eq!(desk.covers("e1").await, [(failed.id, false), (second.id, true)]);
    let Changed::Covered(covered) = desk.db.retry_ticket(&actor("ann"), failed.id).await.unwrap() else {
        panic!()
    };
    assert_eq!(covered[0].1.id, second.id);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_ticket_covers_nothing_and_takes_its_events_back_when_it_is_opened_again() {
    let desk = Desk::open().await;
    let ticket = desk.created("r", &["e1", "e2"], "NOC-1").await;
    assert_eq!((ticket.state(), ticket.key.as_deref()), (State::Created, Some("NOC-1")));
    let mut outbox = desk.outbox().await;
    let known = outbox.to_refresh(100).await.unwrap();
    assert!(known.is_empty(), "it has just been seen");
    let asked = [heat::db::outbox::Known::of(&ticket)];
    assert!(outbox.refreshed(&asked, &[(ticket.id, told("NOC-1", true))]).await.unwrap());
    assert_eq!(desk.covers("e1").await, [(ticket.id, false)]);
    assert_eq!(desk.db.ticket(ticket.id).await.unwrap().unwrap().state(), State::Closed);
    let second = desk.made("r2", &["e2"]).await;
    assert!(outbox.refreshed(&asked, &[(ticket.id, told("OPS-9", false))]).await.unwrap());
    assert_eq!(desk.covers("e1").await, [(ticket.id, true)]);
    assert_eq!(desk.covers("e2").await, [(ticket.id, false), (second.id, true)], "taken meanwhile");
    let moved = desk.db.ticket(ticket.id).await.unwrap().unwrap();
    assert_eq!(moved.key.as_deref(), Some("OPS-9"), "moved to another queue");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_added_within_a_quiet_period_is_one_comment_and_what_comes_and_goes_is_none() {
    let desk = Desk::open().await;
    let ticket = desk.created("r", &["e1"], "NOC-1").await;
    let ann = actor("ann");
    let add = async |id: &str| {
        desk.db.add_to_ticket(&ann, ticket.id, &[member(id)], false, Duration::ZERO).await.unwrap()
    };
    let take = async |id: &str| {
        desk.db.take_from_ticket(&ann, ticket.id, &[id.to_owned()], Duration::ZERO).await.unwrap()
    };
    assert!(matches!(add("e2").await, Changed::Done(_)));
    assert!(matches!(add("e3").await, Changed::Done(_)));
    assert!(matches!(take("e3").await, Changed::Done(_)));
    let mut outbox = desk.outbox().await;
    let post = outbox.due_post().await.unwrap().unwrap();
    assert_eq!((post.kind.as_str(), post.key.as_str()), ("more", "NOC-1"));
    let unsaid = |members: Vec<heat::db::outbox::MemberOf>| {
        members.into_iter().filter(|m| !m.announced).map(|m| (m.event_id, m.removed)).collect::<Vec<_>>()
    };
    assert_eq!(unsaid(outbox.members(ticket.id).await.unwrap()), [("e2".to_owned(), false)]);
    outbox.claim_post(&post, "e2 too", &["e2".to_owned()]).await.unwrap();
    assert!(outbox.due_post().await.unwrap().is_none(), "it is being sent");
    assert!(matches!(take("e2").await, Changed::Done(_)));
    outbox.post_sent(post.id).await.unwrap();
    let next = outbox.due_post().await.unwrap().unwrap();
    assert_ne!(next.uuid, post.uuid);
    assert_eq!(unsaid(outbox.members(ticket.id).await.unwrap()), [("e2".to_owned(), true)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_comment_whose_sender_died_is_not_due_before_the_first_attempt_had_time_to_arrive() {
    let desk = Desk::open().await;
    let ticket = desk.created("r", &["e1"], "NOC-1").await;
    desk.db.add_to_ticket(&actor("ann"), ticket.id, &[member("e2")], false, Duration::ZERO).await.unwrap();
    let mut outbox = desk.outbox().await;
    let post = outbox.due_post().await.unwrap().unwrap();
    outbox.claim_post(&post, "e2 too", &["e2".to_owned()]).await.unwrap();
    drop(outbox);
    let mut outbox = desk.outbox().await;
    assert!(outbox.due_post().await.unwrap().is_none());
    let wait = outbox.next_due().await.unwrap().unwrap();
    assert!(wait > Duration::from_secs(30), "{wait:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_opening_that_follows_shortly_inherits_the_ticket_and_so_does_the_one_after_it() {
    let desk = Desk::open().await;
    let start = Timestamp::now() - Duration::from_mins(40);
    let at = |minutes: u64| start + Duration::from_secs(minutes * 60);
    let key = key_of("e1");
    desk.record(&[("e1", &key, at(0))], &[], at(0)).await;
    let ticket = desk.made("r", &["e1"]).await;
    desk.record(&[("e2", &key, at(12))], &["e1"], at(5)).await;
    desk.record(&[("e3", &key, at(25))], &["e2"], at(16)).await;
    desk.record(&[("e4", &key, at(40))], &["e3"], at(28)).await;
    let covers = desk.db.covers(&[&key]).await.unwrap();
    let under: BTreeSet<_> = covers[&key].iter().map(|c| (c.event_id.as_str(), c.ticket)).collect();
    let expected = ["e1", "e2", "e3"].map(|id| (id, ticket.id));
    assert_eq!(under, expected.into(), "e4 came twelve minutes after e3 had cleared");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_joins_an_incident_comes_under_the_ticket_that_was_opened_on_it_and_is_said_in_one_comment() {
    let desk = Desk::open().await;
    let on = |incident: &str| Some(incident.to_owned());
    let ticket = desk.asked_on("r1", &["e1"], on("rack:1@7")).await;
    desk.asked_on("r2", &["f1"], None).await;
    assert_eq!(desk.db.ticketed_incidents().await.unwrap(), ["rack:1@7".to_owned()].into());
    let joining = [("rack:1@7", "e2"), ("rack:1@7", "e3"), ("rack:2@7", "g1"), ("rack:1@7", "f1")];
    assert_eq!(desk.join(1, &joining).await.unwrap(), 2);
    assert_eq!(desk.join(1, &joining).await.unwrap(), 0, "doing it again changes nothing");
    for id in ["e2", "e3"] {
        assert_eq!(desk.covers(id).await, [(ticket.id, true)]);
    }
    assert_ne!(desk.covers("f1").await, [(ticket.id, true)], "it has a ticket of its own");
    assert!(desk.covers("g1").await.is_empty());
    let (members, posts) = desk.db.ticket_contents(ticket.id).await.unwrap();
    let by: BTreeSet<_> = members.iter().map(|m| (m.event_id.as_str(), m.added_by.as_str())).collect();
    assert_eq!(by, [("e1", "ann"), ("e2", "heat"), ("e3", "heat")].into());
    assert_eq!(posts.iter().map(|post| post.kind.as_str()).collect::<Vec<_>>(), ["more"]);
    let mut outbox = desk.outbox().await;
    let members = outbox.members(ticket.id).await.unwrap();
    let unsaid: BTreeSet<_> =
        members.iter().filter(|member| !member.announced).map(|member| member.event_id.as_str()).collect();
    assert_eq!(unsaid, ["e2", "e3"].into());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_took_out_of_the_incidents_ticket_stays_out_and_a_closed_one_takes_nothing_up() {
    let desk = Desk::open().await;
    let ticket = desk.created("r0", &["e0"], "NOC-1").await;
    assert!(desk.db.ticketed_incidents().await.unwrap().is_empty());
    assert_eq!(desk.join(1, &[("rack:1@7", "e1")]).await.unwrap(), 0, "{ticket:?} is on no incident");
    let ticket = desk.asked_on("r1", &["e1"], Some("rack:1@7".to_owned())).await;
    desk.join(1, &[("rack:1@7", "e2")]).await.unwrap();
    desk.db.take_from_ticket(&actor("ann"), ticket.id, &["e2".to_owned()], QUIET).await.unwrap();
    assert_eq!(desk.join(1, &[("rack:1@7", "e2")]).await.unwrap(), 0);
    assert!(desk.covers("e2").await.is_empty());
    let mut outbox = desk.outbox().await;
    assert_eq!(outbox.claim_ticket().await.unwrap().unwrap().id, ticket.id);
    outbox.ticket_created(ticket.id, &told("NOC-2", false)).await.unwrap();
    desk.db.tell_ticket_state(&actor("ann"), ticket.id, State::Closed, "Closed").await.unwrap();
    assert_eq!(desk.join(1, &[("rack:1@7", "e3")]).await.unwrap(), 0);
    assert!(desk.db.ticketed_incidents().await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_updater_that_was_deposed_puts_nothing_under_a_ticket() {
    let desk = Desk::open().await;
    desk.asked_on("r1", &["e1"], Some("rack:1@7".to_owned())).await;
    assert_eq!(desk.join(2, &[("rack:1@7", "e2")]).await.unwrap(), 1);
    assert!(matches!(desk.join(1, &[("rack:1@7", "e3")]).await, Err(DbError::Deposed)));
    assert!(desk.covers("e3").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn once_all_events_have_been_over_for_a_while_the_robot_says_so_once() {
    let desk = Desk::open().await;
    let now = Timestamp::now();
    let before = now - Duration::from_mins(30);
    desk.record(&[("e1", &key_of("e1"), before), ("e2", &key_of("e2"), before)], &["e1"], before).await;
    let ticket = desk.created("r", &["e1", "e2"], "NOC-1").await;
    let mut outbox = desk.outbox().await;
    outbox.note_cleared(QUIET).await.unwrap();
    assert!(outbox.due_post().await.unwrap().is_none(), "e2 burns");
    desk.record(&[], &["e2"], now - Duration::from_mins(9)).await;
    outbox.note_cleared(QUIET).await.unwrap();
    assert!(outbox.due_post().await.unwrap().is_none(), "it may come back");
    outbox.note_cleared(Duration::from_mins(8)).await.unwrap();
    let post = outbox.due_post().await.unwrap().unwrap();
    assert_eq!((post.kind.as_str(), post.ticket_id), ("clear", ticket.id));
    outbox.claim_post(&post, "all clear", &[]).await.unwrap();
    outbox.post_sent(post.id).await.unwrap();
    outbox.note_cleared(Duration::ZERO).await.unwrap();
    assert!(outbox.due_post().await.unwrap().is_none(), "said once");
    desk.db.add_to_ticket(&actor("ann"), ticket.id, &[member("e3")], false, QUIET).await.unwrap();
    desk.record(&[("e3", &key_of("e3"), before)], &[], before).await;
    outbox.note_cleared(Duration::ZERO).await.unwrap();
    desk.record(&[], &["e3"], now - Duration::from_mins(5)).await;
    outbox.note_cleared(Duration::ZERO).await.unwrap();
    assert_eq!(outbox.due_post().await.unwrap().unwrap().kind, "clear", "it burned again in between");
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_are_spaced_however_many_processes_there_were() {
    let desk = Desk::open().await;
    let mut total = Duration::ZERO;
    for _ in 0..3 {
        let mut outbox = desk.outbox().await;
        total = outbox.pace(false).await.unwrap();
    }
    // Reserved moments only move on: no process begins anew.
    assert!(total <= Duration::from_millis(400), "{total:?}");
    let mut outbox = desk.outbox().await;
    let mut waits = Vec::new();
    for _ in 0..10 {
        waits.push(outbox.pace(true).await.unwrap());
    }
    assert!(waits[9] > Duration::from_secs(3), "ten searches take at least 4.5 s: {waits:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_of_postgres_that_goes_back_holds_up_no_call_and_lengthens_no_pause() {
    let desk = Desk::open().await;
    desk.ask("ann", &new("r1", &["e1"])).await;
    let mut outbox = desk.outbox().await;
    let due = outbox.claim_ticket().await.unwrap().unwrap();
    outbox.again(Item::ticket(due.id), Duration::from_secs(40), "no answer", false).await.unwrap();
    // What stands in the database after an hour back is what would, had all of it been written an hour later.
    let hour = "interval '1 hour'";
    let sql = format!(
        "update tickets set attempted_at = attempted_at + {hour}, next_attempt_at = next_attempt_at + {hour};
         update tracker_pace set next_call_at = next_call_at + {hour}, next_search_at = next_search_at + {hour}"
    );
    desk.db.connection().await.unwrap().batch_execute(&sql).await.unwrap();
    assert!(outbox.pace(true).await.unwrap() < Duration::from_secs(1), "the tracker is called at once");
    let wait = outbox.next_due().await.unwrap().unwrap();
    assert!(wait <= Duration::from_secs(41), "the pause is as long as it was: {wait:?}");
    assert!(wait > Duration::from_secs(30), "and no shorter, for what was sent may still arrive: {wait:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_attached_twice_is_one_and_a_new_one_is_linked_to_those_before() {
    let desk = Desk::open().await;
    let attach =
        |request: &str, id: &str| NewTicket { existing: Some("NOC-77".into()), ..new(request, &[id]) };
    let Asked::Made(first) = desk.ask("ann", &attach("r1", "e1")).await else { panic!() };
    let Asked::Made(second) = desk.ask("bob", &attach("r2", "e2")).await else { panic!() };
    assert_eq!(first.id, second.id);
    let mut outbox = desk.outbox().await;
    let due = outbox.claim_ticket().await.unwrap().unwrap();
    assert_eq!((due.attached, due.key.as_deref()), (true, Some("NOC-77")));
    outbox.ticket_created(due.id, &told("NOC-77", true)).await.unwrap();
    let later = desk.made("r3", &["e1"]).await;
    let (_, posts) = desk.db.ticket_contents(later.id).await.unwrap();
    assert_eq!(
        posts.iter().map(|p| (&*p.kind, p.body.as_deref())).collect::<Vec<_>>(),
        [("link", Some("NOC-77"))]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_deed_on_a_ticket_is_audited() -> Result<(), DbError> {
    let desk = Desk::open().await;
    let ticket = desk.created("r", &["e1"], "NOC-1").await;
    let ann = actor("ann");
    desk.db.add_to_ticket(&ann, ticket.id, &[member("e2")], false, QUIET).await?;
    desk.db.take_from_ticket(&ann, ticket.id, &["e2".into()], QUIET).await?;
    desk.db.tell_ticket_state(&ann, ticket.id, State::Closed, "done").await?;
    let mut connection = desk.db.connection().await?;
    let log = audit::latest(&mut connection, 10).await?;
    let actions: Vec<_> = log.iter().map(|(_, action, target)| (action.as_str(), target.as_str())).collect();
    let target = format!("ticket:{}", ticket.id);
    let expected =
        ["ticket.state", "ticket.remove", "ticket.add", "ticket.create"].map(|a| (a, target.as_str()));
    assert_eq!(actions, expected);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_sends_tickets_holds_up_nobody_who_asks_for_one_or_acknowledges() {
    let desk = Desk::open().await;
    let _sending = desk.outbox().await;
    let at_once = Duration::from_secs(5);
    tokio::time::timeout(at_once, desk.made("r", &["e1"])).await.unwrap();
    let of = heat::db::acknowledgements::Of {
        event_id: "e2".into(),
        event_key: key_of("e2"),
        severity: Severity::High,
        since: Timestamp::now(),
    };
    let who = actor("ann");
    let withdrawing = desk.db.withdraw_acknowledgements(&who, std::slice::from_ref(&of));
    tokio::time::timeout(at_once, withdrawing).await.unwrap().unwrap();
}
