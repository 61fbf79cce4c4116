//! The audit log: who did what to what. Each entry is written in the transaction of the deed itself.

use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::schema::audit_log;

/// Who does something, and by what way; the part of an entry that is the same for everything one request does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// The person's or robot's name.
    pub name: String,
    /// How they were recognised: `off`, `proxy`, `token`.
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
