//! Notes on places.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncConnection, RunQueryDsl};
use serde_json::{Value, json};

use super::audit::{self, Actor, Deed};
use super::schema::place_notes;
use super::{Db, DbError};
use crate::note::{Place, PlaceNote};
use crate::time::Timestamp;

/// A note as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = place_notes, check_for_backend(diesel::pg::Pg))]
pub struct StoredNote {
    /// Its id; they grow with time.
    pub id: i64,
    kind: String,
    place_id: i64,
    /// Who wrote it.
    pub author: String,
    /// The words.
    pub text: String,
    /// It ends by itself then.
    pub until: Option<DateTime<Utc>>,
    /// Since when it is quiet, if it is.
    pub quiet_since: Option<DateTime<Utc>>,
    /// When it was written.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub edited_at: Option<DateTime<Utc>>,
}

impl StoredNote {
    /// [`Place`], as it is written.
    pub fn place(&self) -> String {
        format!("{}:{}", self.kind, self.place_id)
    }
}

impl From<StoredNote> for PlaceNote {
    fn from(note: StoredNote) -> Self {
        Self {
            id: note.id,
            place: note.place(),
            author: note.author,
            at: note.created_at.into(),
            text: note.text,
            until: note.until.map(Into::into),
            quiet_since: note.quiet_since.map(Into::into),
        }
    }
}

/// What a note says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words {
    /// As [`crate::comment::accepted_text`] gives them.
    pub text: String,
    /// It ends by itself then.
    pub until: Option<Timestamp>,
    /// It handles what opens beneath its place.
    pub quiet: bool,
}

/// When a note is to end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum End {
    /// As before.
    #[default]
    Kept,
    /// Not by itself.
    Never,
    /// Then.
    At(Timestamp),
}

/// What is to be different about a note; what is absent stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edits {
    /// Other words.
    pub text: Option<String>,
    /// Another end.
    pub end: End,
    /// Quiet from now on, or no more.
    pub quiet: Option<bool>,
}

impl Db {
    /// The notes that stand, oldest first, younger than `after` if given; on one place if given.
    pub async fn notes(
        &self,
        place: Option<Place>,
        after: Option<i64>,
        limit: usize,
    ) -> Result<Vec<StoredNote>, DbError> {
        let mut connection = self.connection().await?;
        let mut query = place_notes::table
            .filter(place_notes::deleted_at.is_null())
            .filter(place_notes::until.is_null().or(place_notes::until.gt(diesel::dsl::now)))
            .filter(place_notes::id.gt(after.unwrap_or(0)))
            .order(place_notes::id)
            .limit(i64::try_from(limit).unwrap_or(i64::MAX))
            .select(StoredNote::as_select())
            .into_boxed();
        if let Some(place) = place {
            query = query
                .filter(place_notes::kind.eq(place.kind.name()))
                .filter(place_notes::place_id.eq(i64::try_from(place.id).unwrap_or(i64::MAX)));
        }
        Ok(query.load(&mut connection).await?)
    }

    /// Writes a note.
    pub async fn create_note(
        &self,
        actor: &Actor,
        place: Place,
        words: &Words,
    ) -> Result<StoredNote, DbError> {
        let mut connection = self.connection().await?;
        connection
            .transaction(async |connection| {
                let note: StoredNote = diesel::insert_into(place_notes::table)
                    .values((
                        place_notes::kind.eq(place.kind.name()),
                        place_notes::place_id.eq(i64::try_from(place.id).unwrap_or(i64::MAX)),
                        place_notes::author.eq(&actor.name),
                        place_notes::text.eq(&words.text),
                        place_notes::until.eq(words.until.map(DateTime::<Utc>::from)),
                        place_notes::quiet_since.eq(words.quiet.then(Utc::now)),
                    ))
                    .returning(StoredNote::as_returning())
                    .get_result(connection)
                    .await?;
                audit::enter(connection, actor, vec![deed("note.create", None, Some(&note))]).await?;
                Ok(note)
            })
            .await
    }

    /// Changes a note, whoever wrote it: a place belongs to everybody on duty. None if there is no such note any more.
    pub async fn edit_note(
        &self,
        actor: &Actor,
        id: i64,
        edits: &Edits,
    ) -> Result<Option<StoredNote>, DbError> {
        self.change_note(actor, id, Some(edits)).await
    }

    /// Deletes a note, whoever wrote it. The row stays for the audit.
    pub async fn delete_note(&self, actor: &Actor, id: i64) -> Result<Option<StoredNote>, DbError> {
        self.change_note(actor, id, None).await
    }

    /// Edits, or none to delete.
    async fn change_note(
        &self,
        actor: &Actor,
        id: i64,
        edits: Option<&Edits>,
    ) -> Result<Option<StoredNote>, DbError> {
        let mut connection = self.connection().await?;
        connection
            .transaction(async |connection| {
                let before: Option<StoredNote> = place_notes::table
                    .find(id)
                    .filter(place_notes::deleted_at.is_null())
                    .for_update()
                    .select(StoredNote::as_select())
                    .first(connection)
                    .await
                    .optional()?;
                let Some(before) = before else { return Ok(None) };
                let Some(edits) = edits else {
                    diesel::update(place_notes::table.find(id))
                        .set(place_notes::deleted_at.eq(diesel::dsl::now))
                        .execute(connection)
                        .await?;
                    audit::enter(connection, actor, vec![deed("note.delete", Some(&before), None)]).await?;
                    return Ok(Some(before));
                };
                let quiet_since = match edits.quiet {
                    None => before.quiet_since,
                    Some(true) => before.quiet_since.or_else(|| Some(Utc::now())),
                    Some(false) => None,
                };
                let until = match edits.end {
                    End::Kept => before.until,
                    End::Never => None,
                    End::At(end) => Some(end.into()),
                };
                let after: StoredNote = diesel::update(place_notes::table.find(id))
                    .set((
                        place_notes::text.eq(edits.text.as_ref().unwrap_or(&before.text)),
                        place_notes::until.eq(until),
                        place_notes::quiet_since.eq(quiet_since),
                        place_notes::edited_at.eq(diesel::dsl::now),
                    ))
                    .returning(StoredNote::as_returning())
                    .get_result(connection)
                    .await?;
                let entry = deed("note.edit", Some(&before), Some(&after));
                audit::enter(connection, actor, vec![entry]).await?;
                Ok(Some(after))
            })
            .await
    }
}

fn deed(action: &'static str, before: Option<&StoredNote>, after: Option<&StoredNote>) -> Deed<'static> {
    let shown = |note: &StoredNote| -> Value {
        json!({
            "place": note.place(), "text": note.text, "until": note.until.map(Timestamp::from),
            "quiet": note.quiet_since.is_some(),
        })
    };
    let id = after.or(before).map_or(0, |note| note.id);
    Deed { action, target: format!("note:{id}"), before: before.map(shown), after: after.map(shown) }
}
