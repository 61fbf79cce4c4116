//! The audit log: who did what to what. Each entry is written in the transaction of the deed itself.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::schema::audit_log;
use super::{Db, DbError};

/// Who does something, and by what way; the part of an entry that is the same for everything one request does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// The person's or robot's name.
    pub name: String,
    /// How they were recognised: `off`, `proxy`, `token`; `shell` for who runs a command.
    pub via: &'static str,
    /// The request.
    pub request_id: String,
}

/// A deed.
#[derive(Debug)]
pub struct Deed<'a> {
    /// `comment.create`, `comment.edit`, …
    pub action: &'a str,
    /// `comment:17`, …
    pub target: String,
    /// What was.
    pub before: Option<serde_json::Value>,
    /// What is.
    pub after: Option<serde_json::Value>,
}

#[derive(Insertable)]
#[diesel(table_name = audit_log)]
struct Row<'a> {
    actor: &'a str,
    action: &'a str,
    target: String,
    before: Option<serde_json::Value>,
    after: Option<serde_json::Value>,
    via: &'a str,
    request_id: &'a str,
}

/// Enters deeds of one actor.
pub async fn enter(
    connection: &mut AsyncPgConnection,
    actor: &Actor,
    deeds: Vec<Deed<'_>>,
) -> QueryResult<()> {
    let rows: Vec<_> = deeds
        .into_iter()
        .map(|deed| Row {
            actor: &actor.name,
            action: deed.action,
            target: deed.target,
            before: deed.before,
            after: deed.after,
            via: actor.via,
            request_id: &actor.request_id,
        })
        .collect();
    diesel::insert_into(audit_log::table).values(rows).execute(connection).await.map(|_| ())
}

/// The targets and actions entered last, latest first; for tests and for reading by hand.
pub async fn latest(
    connection: &mut AsyncPgConnection,
    limit: i64,
) -> QueryResult<Vec<(String, String, String)>> {
    audit_log::table
        .order(audit_log::id.desc())
        .limit(limit)
        .select((audit_log::actor, audit_log::action, audit_log::target))
        .load(connection)
        .await
}

/// An entry as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = audit_log, check_for_backend(diesel::pg::Pg))]
pub struct Entry {
    /// They grow with time.
    pub id: i64,
    /// When.
    pub at: DateTime<Utc>,
    /// Who.
    pub actor: String,
    /// Did what.
    pub action: String,
    /// To what.
    pub target: String,
    /// What was.
    pub before: Option<serde_json::Value>,
    /// What is.
    pub after: Option<serde_json::Value>,
    /// How they were recognised.
    pub via: String,
    /// The request.
    pub request_id: String,
}

/// Which entries are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// Only those to this.
    pub target: Option<String>,
    /// Only those of this one.
    pub actor: Option<String>,
    /// Only those older than this.
    pub before: Option<i64>,
}

impl Db {
    /// At most so many entries, latest first.
    pub async fn audit(&self, asked: &Asked, limit: usize) -> Result<Vec<Entry>, DbError> {
        let mut connection = self.connection().await?;
        let mut query = audit_log::table
            .order(audit_log::id.desc())
            .limit(i64::try_from(limit).unwrap_or(i64::MAX))
            .select(Entry::as_select())
            .into_boxed();
        if let Some(target) = &asked.target {
            query = query.filter(audit_log::target.eq(target));
        }
        if let Some(actor) = &asked.actor {
            query = query.filter(audit_log::actor.eq(actor));
        }
        if let Some(before) = asked.before {
            query = query.filter(audit_log::id.lt(before));
        }
        Ok(query.load(&mut connection).await?)
    }
}
