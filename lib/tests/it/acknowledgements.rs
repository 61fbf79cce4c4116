use std::time::Duration;

use heat::acknowledgement::Acknowledgement;
use heat::cache::Fence;
use heat::db::acknowledgements::{Of, Terms};
use heat::db::audit;
use heat::db::openings::Opening;
use heat::db::{Db, DbError};
use heat::severity::Severity;
use heat::time::Timestamp;
use heat_devkit::backends::Postgres;

use crate::desk::{actor, migrated};

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

    async fn acknowledge(&self, who: &str, id: &str, terms: &Terms) {
        let given = self.db.acknowledge(&actor(who), &[of(id)], terms).await.unwrap();
        assert_eq!(given.len(), 1);
    }

    async fn withdraw(&self, who: &str, id: &str, since: Timestamp) -> Vec<String> {
        let of = Of { since, ..of(id) };
        let ended = self.db.withdraw_acknowledgements(&actor(who), &[of]).await.unwrap();
        ended.into_iter().map(|ended| ended.event_id).collect()
    }

    /// What the snapshot is told of each opening of the key.
    async fn told(&self) -> Vec<Acknowledgement> {
        self.db.acknowledgements(&[KEY, "z:2:none"]).await.unwrap().remove(KEY).unwrap_or_default()
    }

    /// Which openings have an acknowledgement that stands.
    async fn standing(&self) -> Vec<String> {
        let told = self.told().await.into_iter();
        told.filter(|one| one.stands(Timestamp::now())).map(|one| one.event_id).collect()
    }

    async fn record(&self, opened: &[(&str, Timestamp)], closed: &[&str], now: Timestamp) {
        let opened: Vec<_> = opened
            .iter()
            .map(|(id, since)| Opening {
                id: (*id).into(),
                key: KEY.into(),
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

fn of(id: &str) -> Of {
    Of { event_id: id.into(), event_key: KEY.into(), since: Timestamp::now(), severity: Severity::High }
}

fn minutes_ago(minutes: u64) -> Timestamp {
    Timestamp::now() - Duration::from_secs(minutes * 60)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_latest_of_an_opening_is_told_with_all_its_terms() {
    let desk = Desk::open().await;
    let end = Timestamp::now() + Duration::from_hours(1);
    desk.acknowledge("ann", "e1", &Terms::default()).await;
    let terms = Terms { text: "ж".repeat(4000), until: Some(end), until_worsens: true };
    desk.acknowledge("bob", "e1", &terms).await;
    let told = desk.told().await;
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].by.as_str(), told[0].until, told[0].until_worsens), ("bob", Some(end), true));
    assert_eq!((told[0].severity, told[0].ended_at), (Severity::High, None));
    assert_eq!(told[0].text.chars().count(), 500, "so many does a snapshot carry");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_was_withdrawn_is_still_told_for_it_says_that_the_sources_flag_counts_no_more() {
    let desk = Desk::open().await;
    assert_eq!(desk.withdraw("ann", "e1", Timestamp::now()).await, Vec::<String>::new(), "there is none yet");
    desk.acknowledge("ann", "e1", &Terms::default()).await;
    assert_eq!(desk.withdraw("bob", "e1", Timestamp::now()).await, ["e1"]);
    assert_eq!(desk.withdraw("bob", "e1", Timestamp::now()).await, Vec::<String>::new(), "once");
    assert!(desk.told().await[0].ended_at.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_acknowledge_the_same_event_at_once_one_stands() {
    let desk = Desk::open().await;
    let asking: Vec<_> = (0..16)
        .map(|n| {
            let db = desk.db.clone();
            let who = actor(&format!("operator {n}"));
            tokio::spawn(async move { db.acknowledge(&who, &[of("e1"), of("e2")], &Terms::default()).await })
        })
        .collect();
    for asked in asking {
        assert_eq!(asked.await.unwrap().unwrap().len(), 2);
    }
    assert_eq!(desk.standing().await, ["e1", "e2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_opening_that_follows_shortly_inherits_it_and_one_that_follows_later_does_not() {
    let desk = Desk::open().await;
    desk.record(&[("e1", minutes_ago(40))], &[], minutes_ago(40)).await;
    desk.acknowledge("ann", "e1", &Terms { text: "mine".into(), ..Terms::default() }).await;
    desk.record(&[("e2", minutes_ago(28))], &["e1"], minutes_ago(35)).await;
    desk.record(&[("e3", minutes_ago(15))], &["e2"], minutes_ago(24)).await;
    desk.record(&[("e4", minutes_ago(1))], &["e3"], minutes_ago(12)).await;
    assert_eq!(desk.standing().await, ["e1", "e2", "e3"]);
    let told = desk.told().await;
    assert!(told.iter().all(|one| one.by == "ann" && one.text == "mine"), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_had_ended_is_not_inherited() {
    let desk = Desk::open().await;
    desk.record(&[("e1", minutes_ago(40))], &[], minutes_ago(40)).await;
    desk.acknowledge("ann", "e1", &Terms::default()).await;
    desk.withdraw("ann", "e1", minutes_ago(40)).await;
    desk.record(&[("e2", minutes_ago(2))], &["e1"], minutes_ago(3)).await;
    assert_eq!(desk.told().await.len(), 1, "only the withdrawn one");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_inherited_one_can_be_withdrawn_before_history_has_seen_the_opening() {
    let desk = Desk::open().await;
    desk.record(&[("e1", minutes_ago(40))], &[], minutes_ago(40)).await;
    desk.acknowledge("ann", "e1", &Terms::default()).await;
    desk.record(&[], &["e1"], minutes_ago(3)).await;
    assert_eq!(desk.withdraw("bob", "e2", minutes_ago(1)).await, ["e2"]);
    desk.record(&[("e2", minutes_ago(1))], &[], Timestamp::now()).await;
    assert_eq!(desk.standing().await, ["e1"], "it is not inherited once more");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worsening_ends_only_what_holds_until_then_and_only_an_updater_that_works_may_say_so() {
    let desk = Desk::open().await;
    let until_worse = Terms { until_worsens: true, ..Terms::default() };
    desk.acknowledge("ann", "e1", &until_worse).await;
    desk.acknowledge("ann", "e2", &Terms::default()).await;
    assert_eq!(desk.db.acknowledged_until_worse().await.unwrap(), [("e1".to_owned(), Severity::High)]);
    let end =
        async |fence, severity| desk.db.end_worsened(fence, &[("e1", severity), ("e2", severity)]).await;
    assert_eq!(end(Fence::from_number(7), Severity::High).await.unwrap(), 0, "no worse");
    assert!(matches!(end(Fence::from_number(1), Severity::Disaster).await, Err(DbError::Deposed)));
    assert_eq!(end(Fence::from_number(7), Severity::Disaster).await.unwrap(), 1);
    assert_eq!(desk.standing().await, ["e2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_deed_is_audited() -> Result<(), DbError> {
    let desk = Desk::open().await;
    desk.acknowledge("ann", "e1", &Terms::default()).await;
    desk.withdraw("bob", "e1", Timestamp::now()).await;
    let mut connection = desk.db.connection().await?;
    let log = audit::latest(&mut connection, 10).await?;
    let expected = [("bob", "acknowledgement.withdraw"), ("ann", "acknowledgement.create")];
    assert_eq!(log.iter().map(|(who, action, _)| (&**who, &**action)).collect::<Vec<_>>(), expected);
    assert_eq!(log[0].2, log[1].2, "both of one acknowledgement");
    Ok(())
}
