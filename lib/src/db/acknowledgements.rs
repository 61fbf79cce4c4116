//! Acknowledgements as people give and withdraw them, and the join that the snapshot shows.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, Nullable, SmallInt, Text, Timestamptz};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use serde_json::json;

use super::audit::{self, Actor, Deed};
use super::changes::{self, Kind, NewChange};
use super::locks::Lock;
use super::openings::{OF_NOW, for_followers};
use super::schema::acknowledgements;
use super::{Db, DbError, fence, severity_of};
use crate::acknowledgement::{Acknowledgement, Acknowledgements};
use crate::cache::Fence;
use crate::comment::TEXT_IN_SNAPSHOT;
use crate::severity::Severity;
use crate::time::Timestamp;

/// An acknowledgement as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, QueryableByName, Selectable)]
#[diesel(table_name = acknowledgements, check_for_backend(diesel::pg::Pg))]
pub struct StoredAcknowledgement {
    /// Its id; they grow with time.
    pub id: i64,
    /// The opening.
    pub event_id: String,
    /// Its key.
    pub event_key: String,
    /// Who gave it.
    pub author: String,
    /// In what words; may be empty.
    pub text: String,
    severity: i16,
    /// It ends by itself then.
    pub until: Option<DateTime<Utc>>,
    /// The first worsening ends it for good.
    pub until_worsens: bool,
    /// When it was given.
    pub created_at: DateTime<Utc>,
    /// When somebody ended it.
    pub ended_at: Option<DateTime<Utc>>,
    /// Who did; `heat` where the event worsened.
    pub ended_by: Option<String>,
}

impl StoredAcknowledgement {
    /// The event's severity when it was given.
    pub fn severity(&self) -> Severity {
        severity_of(self.severity)
    }
}

/// An opening as it is when it is acknowledged, or its acknowledgement withdrawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Of {
    /// The opening.
    pub event_id: String,
    /// Its key.
    pub event_key: String,
    /// When it began.
    pub since: Timestamp,
    /// How bad it is.
    pub severity: Severity,
}

/// What is said of all openings that one request acknowledges.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// In what words; may be empty.
    pub text: String,
    /// It ends by itself then.
    pub until: Option<Timestamp>,
    /// The first worsening ends it for good.
    pub until_worsens: bool,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Text)]
    event_key: String,
    #[diesel(sql_type = Text)]
    event_id: String,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    cleared_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Text)]
    author: String,
    #[diesel(sql_type = Timestamptz)]
    created_at: DateTime<Utc>,
    #[diesel(sql_type = Text)]
    text: String,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    until: Option<DateTime<Utc>>,
    #[diesel(sql_type = Bool)]
    until_worsens: bool,
    #[diesel(sql_type = SmallInt)]
    severity: i16,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    ended_at: Option<DateTime<Utc>>,
}

impl Db {
    /// The latest acknowledgement of each of these keys' openings, as far as an opening of now may have or inherit it.
    ///
    /// Keys without any are absent from the answer.
    pub async fn acknowledgements(&self, keys: &[&str]) -> Result<Acknowledgements, DbError> {
        let mut connection = self.connection().await?;
        // History may not have an opening yet; what people do in that time is not old.
        let rows: Vec<Row> = diesel::sql_query(format!(
            "select distinct on (a.event_id) a.id, k.key as event_key, a.event_id, a.cleared_at, a.author, a.created_at,
                    left(a.text, $2::int) as text, a.until, a.until_worsens, a.severity, a.ended_at
             from unnest($1) as k(key)
             cross join lateral (
                 select a.*, o.closed_at as cleared_at from ({OF_NOW}) as o
                 cross join lateral (
                     select * from acknowledgements where event_id = o.id order by id desc limit 1
                 ) as a
                 union all
                 (select a.*, null from acknowledgements a
                  where a.event_key = k.key and a.created_at > now() - interval '1 day'
                    and not exists (select from openings o where o.id = a.event_id)
                  limit 1000)
             ) as a
             order by a.event_id, a.id desc",
        ))
        .bind::<Array<Text>, _>(keys)
        .bind::<BigInt, _>(i64::try_from(TEXT_IN_SNAPSHOT).unwrap_or(i64::MAX))
        .load(&mut connection)
        .await?;
        let mut found = Acknowledgements::new();
        for row in rows {
            found.entry(row.event_key).or_default().push(Acknowledgement {
                id: row.id,
                event_id: row.event_id,
                cleared_at: row.cleared_at.map(Into::into),
                by: row.author,
                at: row.created_at.into(),
                text: row.text,
                until: row.until.map(Into::into),
                until_worsens: row.until_worsens,
                severity: severity_of(row.severity),
                ended_at: row.ended_at.map(Into::into),
            });
        }
        Ok(found)
    }

    /// Acknowledges openings, all or none, each with its audit entry. One that was acknowledged before is so anew.
    pub async fn acknowledge(
        &self,
        actor: &Actor,
        openings: &[Of],
        terms: &Terms,
    ) -> Result<Vec<StoredAcknowledgement>, DbError> {
        let mut connection = self.connection().await?;
        connection
            .transaction(async |connection| {
                lock(connection).await?;
                end(connection, actor, openings).await?;
                let rows: Vec<_> = openings
                    .iter()
                    .map(|of| {
                        (
                            acknowledgements::event_id.eq(&of.event_id),
                            acknowledgements::event_key.eq(&of.event_key),
                            acknowledgements::severity.eq(i16::from(of.severity.level())),
                            acknowledgements::author.eq(&actor.name),
                            acknowledgements::text.eq(&terms.text),
                            acknowledgements::until.eq(terms.until.map(DateTime::<Utc>::from)),
                            acknowledgements::until_worsens.eq(terms.until_worsens),
                        )
                    })
                    .collect();
                let mut given = Vec::with_capacity(rows.len());
                // Postgres takes 65535 values in a statement.
                for rows in rows.chunks(BATCH) {
                    let batch: Vec<StoredAcknowledgement> = diesel::insert_into(acknowledgements::table)
                        .values(rows)
                        .returning(StoredAcknowledgement::as_returning())
                        .get_results(connection)
                        .await?;
                    audit::enter(connection, actor, batch.iter().map(given_deed).collect()).await?;
                    given.extend(batch);
                }
                let changes: Vec<_> = given.iter().map(change).collect();
                changes::enter(connection, &changes).await?;
                Ok(given)
            })
            .await
    }

    /// Ends the acknowledgements of openings, also those they inherit; returns the ones that it ended.
    pub async fn withdraw_acknowledgements(
        &self,
        actor: &Actor,
        openings: &[Of],
    ) -> Result<Vec<StoredAcknowledgement>, DbError> {
        let mut connection = self.connection().await?;
        connection
            .transaction(async |connection| {
                lock(connection).await?;
                let began: Vec<_> =
                    openings.iter().map(|of| (&*of.event_id, &*of.event_key, of.since)).collect();
                inherit(connection, &began).await?;
                let ended = end(connection, actor, openings).await?;
                for ended in ended.chunks(BATCH) {
                    audit::enter(connection, actor, ended.iter().map(withdrawn_deed).collect()).await?;
                }
                Ok(ended)
            })
            .await
    }

    /// Openings whose acknowledgement the first worsening ends, each with the severity above which that is.
    pub async fn acknowledged_until_worse(&self) -> Result<Vec<(String, Severity)>, DbError> {
        let mut connection = self.connection().await?;
        let rows: Vec<(String, i16)> = acknowledgements::table
            .filter(acknowledgements::ended_at.is_null())
            .filter(acknowledgements::until_worsens)
            .select((acknowledgements::event_id, acknowledgements::severity))
            .load(&mut connection)
            .await?;
        Ok(rows.into_iter().map(|(id, severity)| (id, severity_of(severity))).collect())
    }

    /// Ends the acknowledgements of openings that have worsened, given with their severity now.
    ///
    /// # Errors
    /// [`DbError::Deposed`] if another updater has taken over.
    pub async fn end_worsened(&self, ours: Fence, worsened: &[(&str, Severity)]) -> Result<usize, DbError> {
        let mut connection = self.connection().await?;
        connection
            .transaction(async |connection| {
                fence::pass(connection, ours).await?;
                // By the severity once more: somebody may have acknowledged it anew meanwhile.
                Ok(diesel::sql_query(
                    "update acknowledgements a set ended_at = now(), ended_by = 'heat'
                     from unnest($1, $2) as worse(id, severity)
                     where a.event_id = worse.id and a.ended_at is null and a.until_worsens
                       and a.severity < worse.severity",
                )
                .bind::<Array<Text>, _>(worsened.iter().map(|(id, _)| *id).collect::<Vec<_>>())
                .bind::<Array<SmallInt>, _>(
                    worsened.iter().map(|(_, severity)| i16::from(severity.level())).collect::<Vec<_>>(),
                )
                .execute(connection)
                .await?)
            })
            .await
    }
}

/// How many rows one statement carries.
const BATCH: usize = 5000;

/// Openings that have just begun, given as id, key and beginning, inherit the acknowledgement of the opening before of the
/// same key, unless it had ended by then. Doing it again changes nothing.
pub(super) async fn inherit(
    connection: &mut AsyncPgConnection,
    began: &[(&str, &str, Timestamp)],
) -> QueryResult<()> {
    for_followers(
        connection,
        began,
        "insert into acknowledgements
             (event_id, event_key, author, text, severity, until, until_worsens, created_at, inherited)
         select distinct on (n.id) n.id, n.key, a.author, a.text, a.severity, a.until, a.until_worsens, a.created_at, true
         from followers n
         join acknowledgements a on a.event_id = n.before and a.ended_at is null
             and (a.until is null or a.until > n.since)
         where not exists (select from acknowledgements own where own.event_id = n.id)
         order by n.id, a.id desc
         on conflict do nothing",
    )
    .await
}

/// Holds off everybody else who changes acknowledgements, until the transaction ends.
async fn lock(connection: &mut AsyncPgConnection) -> QueryResult<()> {
    let lock = Lock::Acknowledgements.number();
    connection.batch_execute(&format!("select pg_advisory_xact_lock({lock})")).await
}

/// Ends what stands. One whose time has come has ended by itself and is ended again only for the sake of the next.
async fn end(
    connection: &mut AsyncPgConnection,
    actor: &Actor,
    openings: &[Of],
) -> QueryResult<Vec<StoredAcknowledgement>> {
    let ids: Vec<&str> = openings.iter().map(|of| of.event_id.as_str()).collect();
    diesel::update(
        acknowledgements::table
            .filter(acknowledgements::event_id.eq_any(ids))
            .filter(acknowledgements::ended_at.is_null()),
    )
    .set((acknowledgements::ended_at.eq(diesel::dsl::now), acknowledgements::ended_by.eq(&actor.name)))
    .returning(StoredAcknowledgement::as_returning())
    .get_results(connection)
    .await
}

fn change(given: &StoredAcknowledgement) -> NewChange {
    NewChange {
        kind: Kind::Acknowledged,
        at: given.created_at,
        event_key: given.event_key.clone(),
        event_id: Some(given.event_id.clone()),
        severity: Some(given.severity),
        subject: Some(given.id),
    }
}

fn given_deed(given: &StoredAcknowledgement) -> Deed<'static> {
    let after = json!({
        "event_id": given.event_id, "text": given.text, "severity": given.severity,
        "until": given.until.map(Timestamp::from), "until_worsens": given.until_worsens,
    });
    Deed { action: "acknowledgement.create", target: target(given), before: None, after: Some(after) }
}

fn withdrawn_deed(ended: &StoredAcknowledgement) -> Deed<'static> {
    let before = json!({ "event_id": ended.event_id, "author": ended.author, "text": ended.text });
    Deed { action: "acknowledgement.withdraw", target: target(ended), before: Some(before), after: None }
}

fn target(of: &StoredAcknowledgement) -> String {
    format!("acknowledgement:{}", of.id)
}
