use std::time::Duration;

use heat::db::audit;
use heat::db::notes::{Edits, End, Words};
use heat::db::{Db, DbError};
use heat::note::Place;
use heat::time::Timestamp;
use heat_devkit::backends::Postgres;

use crate::desk::{actor, migrated};

fn place(text: &str) -> Place {
    text.parse().unwrap()
}

fn words(text: &str) -> Words {
    Words { text: text.into(), ..Words::default() }
}

async fn listed(db: &Db, place: Option<Place>) -> Vec<String> {
    db.notes(place, None, 10).await.unwrap().into_iter().map(|note| note.text).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn notes_of_a_place_are_listed_oldest_first_page_by_page_until_they_are_deleted() {
    let postgres = Postgres::shared().await.unwrap();
    let db = migrated(&postgres).await;
    for (at, text) in [("rack:5", "one"), ("row:5", "two"), ("rack:5", "three")] {
        db.create_note(&actor("ann"), place(at), &words(text)).await.unwrap();
    }
    assert_eq!(listed(&db, None).await, ["one", "two", "three"]);
    assert_eq!(listed(&db, Some(place("rack:5"))).await, ["one", "three"]);
    let first = db.notes(None, None, 1).await.unwrap().remove(0);
    assert_eq!(first.place(), "rack:5");
    assert_eq!(db.notes(None, Some(first.id), 1).await.unwrap()[0].text, "two");
    assert!(db.delete_note(&actor("bob"), first.id).await.unwrap().is_some(), "a place is everybody's");
    assert!(db.delete_note(&actor("bob"), first.id).await.unwrap().is_none());
    assert_eq!(listed(&db, None).await, ["two", "three"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_note_is_quiet_from_the_moment_somebody_says_so() {
    let postgres = Postgres::shared().await.unwrap();
    let db = migrated(&postgres).await;
    let note = db.create_note(&actor("ann"), place("rack:5"), &words("works")).await.unwrap();
    assert_eq!(note.quiet_since, None);
    let edit = async |edits: Edits| db.edit_note(&actor("bob"), note.id, &edits).await.unwrap().unwrap();
    let quiet = edit(Edits { quiet: Some(true), ..Edits::default() }).await;
    assert!(quiet.quiet_since.is_some());
    let end = Timestamp::now() + Duration::from_hours(1);
    let ends = edit(Edits { quiet: Some(true), end: End::At(end), ..Edits::default() }).await;
    assert_eq!((ends.quiet_since, ends.until.map(Timestamp::from)), (quiet.quiet_since, Some(end)));
    let other = edit(Edits { text: Some("more works".into()), ..Edits::default() }).await;
    assert_eq!((other.text.as_str(), other.until), ("more works", ends.until), "what is absent stays");
    let loud = edit(Edits { quiet: Some(false), end: End::Never, ..Edits::default() }).await;
    assert_eq!((loud.quiet_since, loud.until), (None, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_deed_on_a_note_is_audited() -> Result<(), DbError> {
    let postgres = Postgres::shared().await.unwrap();
    let db = migrated(&postgres).await;
    let note = db.create_note(&actor("ann"), place("device:7"), &words("works")).await?;
    db.edit_note(&actor("bob"), note.id, &Edits::default()).await?;
    db.delete_note(&actor("ann"), note.id).await?;
    assert_eq!(db.edit_note(&actor("ann"), note.id, &Edits::default()).await?, None);
    let mut connection = db.connection().await?;
    let log = audit::latest(&mut connection, 10).await?;
    let target = format!("note:{}", note.id);
    let expected = [("ann", "note.delete"), ("bob", "note.edit"), ("ann", "note.create")];
    let expected = expected.map(|(who, action)| (who.to_owned(), action.to_owned(), target.clone()));
    assert_eq!(log, expected);
    Ok(())
}
