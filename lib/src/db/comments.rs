//! Comments.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Nullable, Text, Timestamptz};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use serde_json::json;

use super::audit::{self, Actor, Deed};
use super::changes::{self, Kind, NewChange};
use super::schema::comments;
use super::{Db, DbError, tickets};
use crate::comment::{Comment, IN_SNAPSHOT, TEXT_IN_SNAPSHOT, Threads};

/// A comment as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = comments, check_for_backend(diesel::pg::Pg))]
pub struct StoredComment {
    /// Its id; they grow with time.
    pub id: i64,
    /// What it hangs on.
    pub event_key: String,
    /// The opening it was written at.
    pub event_id: Option<String>,
    /// Who wrote it.
    pub author: String,
    /// The words.
    pub text: String,
    /// When.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub edited_at: Option<DateTime<Utc>>,
}

/// A comment to be written.
#[derive(Clone, Debug, Insertable)]
#[diesel(table_name = comments)]
pub struct NewComment {
    /// What it hangs on.
    pub event_key: String,
    /// The opening it is written at.
    pub event_id: Option<String>,
    /// Who writes it.
    pub author: String,
    /// The words, as [`crate::comment::accepted_text`] gives them.
    pub text: String,
}

/// What came of an attempt to change a comment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Done; the comment as it is now, or was last.
    Done(StoredComment),
    /// No such comment, or it was deleted.
    Gone,
    /// Somebody else's.
    NotOwn,
}

#[derive(QueryableByName)]
struct ThreadRow {
    #[diesel(sql_type = Text)]
    event_key: String,
    #[diesel(sql_type = BigInt)]
    count: i64,
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Text)]
    author: String,
    #[diesel(sql_type = Text)]
    text: String,
    #[diesel(sql_type = Timestamptz)]
    created_at: DateTime<Utc>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    edited_at: Option<DateTime<Utc>>,
}

impl Db {
    /// The threads of these keys: how many comments each has, and the last few, cut to what a snapshot carries.
    ///
    /// Keys without comments are absent from the answer.
    pub async fn threads(&self, keys: &[&str]) -> Result<Threads, DbError> {
        let mut connection = self.connection().await?;
        let rows: Vec<ThreadRow> = diesel::sql_query(
            "select k.key as event_key, c.count, c.id, c.author, left(c.text, $3::int) as text, c.created_at, c.edited_at
             from unnest($1) as k(key)
             cross join lateral (
                 select id, author, text, created_at, edited_at, count(*) over () as count
                 from comments where event_key = k.key and deleted_at is null
                 order by id desc limit $2
             ) as c
             order by c.id",
        )
        .bind::<Array<Text>, _>(keys)
        .bind::<BigInt, _>(as_bigint(IN_SNAPSHOT))
        .bind::<BigInt, _>(as_bigint(TEXT_IN_SNAPSHOT))
        .load(&mut connection)
        .await?;
        let mut threads = Threads::new();
        for row in rows {
            let thread = threads.entry(row.event_key).or_default();
            thread.count = u32::try_from(row.count).unwrap_or(u32::MAX);
            thread.last.push(Comment {
                id: row.id,
                author: row.author,
                at: row.created_at.into(),
                edited_at: row.edited_at.map(Into::into),
                text: row.text,
            });
        }
        Ok(threads)
    }

    /// A key's comments, latest first, older than `before` if given.
    pub async fn comments(
        &self,
        key: &str,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<StoredComment>, DbError> {
        let mut connection = self.connection().await?;
        let mut query = comments::table
            .filter(comments::event_key.eq(key))
            .filter(comments::deleted_at.is_null())
            .order(comments::id.desc())
            .limit(as_bigint(limit))
            .select(StoredComment::as_select())
            .into_boxed();
        if let Some(before) = before {
            query = query.filter(comments::id.lt(before));
        }
        Ok(query.load(&mut connection).await?)
    }

    /// Whether history knows the key: an opening or a comment had it.
    pub async fn knows_key(&self, key: &str) -> Result<bool, DbError> {
        use super::schema::openings;
        let mut connection = self.connection().await?;
        let opened = openings::table.filter(openings::event_key.eq(key));
        let said = comments::table.filter(comments::event_key.eq(key));
        Ok(diesel::select(diesel::dsl::exists(opened).or(diesel::dsl::exists(said)))
            .get_result(&mut connection)
            .await?)
    }

    /// Writes comments, all or none, and the audit entry of each.
    pub async fn create_comments(
        &self,
        actor: &Actor,
        new: Vec<NewComment>,
    ) -> Result<Vec<StoredComment>, DbError> {
        let mut connection = self.connection().await?;
        connection.transaction(async |connection| Ok(create(connection, actor, new).await?)).await
    }

    /// Writes comments, and has the robot write `words` on each open ticket that covers one of their keys. Nothing is
    /// written, and none is returned, if no ticket does.
    pub async fn create_comments_on_tickets(
        &self,
        actor: &Actor,
        new: Vec<NewComment>,
        words: &str,
    ) -> Result<Option<Vec<StoredComment>>, DbError> {
        let mut connection = self.connection().await?;
        connection
            .transaction(async |connection| {
                let keys = new.iter().map(|comment| comment.event_key.as_str()).collect();
                if tickets::post_words(connection, actor, keys, words).await? == 0 {
                    return Ok(None);
                }
                Ok(Some(create(connection, actor, new).await?))
            })
            .await
    }

    /// Changes the words of one's own comment.
    pub async fn edit_comment(&self, actor: &Actor, id: i64, text: &str) -> Result<Change, DbError> {
        self.change_comment(actor, id, Some(text)).await
    }

    /// Deletes one's own comment. The row stays for the audit.
    pub async fn delete_comment(&self, actor: &Actor, id: i64) -> Result<Change, DbError> {
        self.change_comment(actor, id, None).await
    }

    /// New words, or none to delete.
    async fn change_comment(&self, actor: &Actor, id: i64, text: Option<&str>) -> Result<Change, DbError> {
        let mut connection = self.connection().await?;
        connection
            .transaction(async |connection| {
                let before: Option<StoredComment> = comments::table
                    .find(id)
                    .filter(comments::deleted_at.is_null())
                    .for_update()
                    .select(StoredComment::as_select())
                    .first(connection)
                    .await
                    .optional()?;
                let Some(before) = before else { return Ok(Change::Gone) };
                if before.author != actor.name {
                    return Ok(Change::NotOwn);
                }
                let (after, entry) = if let Some(text) = text {
                    let after: StoredComment = diesel::update(comments::table.find(id))
                        .set((comments::text.eq(text), comments::edited_at.eq(diesel::dsl::now)))
                        .returning(StoredComment::as_returning())
                        .get_result(connection)
                        .await?;
                    let entry = deed("comment.edit", id, Some(&before), Some(&after));
                    (after, entry)
                } else {
                    diesel::update(comments::table.find(id))
                        .set(comments::deleted_at.eq(diesel::dsl::now))
                        .execute(connection)
                        .await?;
                    let entry = deed("comment.delete", id, Some(&before), None);
                    (before, entry)
                };
                audit::enter(connection, actor, vec![entry]).await?;
                Ok(Change::Done(after))
            })
            .await
    }
}

/// To be the last thing in its transaction, for it enters changes.
async fn create(
    connection: &mut AsyncPgConnection,
    actor: &Actor,
    new: Vec<NewComment>,
) -> QueryResult<Vec<StoredComment>> {
    let created: Vec<StoredComment> = diesel::insert_into(comments::table)
        .values(new)
        .returning(StoredComment::as_returning())
        .get_results(connection)
        .await?;
    let deeds = created.iter().map(|c| deed("comment.create", c.id, None, Some(c))).collect();
    audit::enter(connection, actor, deeds).await?;
    let changes: Vec<_> = created.iter().map(change).collect();
    changes::enter(connection, &changes).await?;
    Ok(created)
}

fn change(created: &StoredComment) -> NewChange {
    NewChange {
        kind: Kind::Commented,
        at: created.created_at,
        event_key: created.event_key.clone(),
        event_id: created.event_id.clone(),
        severity: None,
        subject: Some(created.id),
    }
}

fn deed(
    action: &'static str,
    id: i64,
    before: Option<&StoredComment>,
    after: Option<&StoredComment>,
) -> Deed<'static> {
    let shown = |c: &StoredComment| json!({ "event_key": c.event_key, "text": c.text });
    Deed { action, target: format!("comment:{id}"), before: before.map(shown), after: after.map(shown) }
}

fn as_bigint(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
