//! The feed of changes: what happened to events, in the order in which Heat learnt of it.
//!
//! A change is entered in the transaction that makes it, as the last thing before the commit, under a lock that lasts until
//! then. So ids are in the order of the commits: whoever has read up to one misses nothing that comes later.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Nullable, SmallInt, Text, Timestamptz};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};

use super::locks::Lock;
use super::{Db, DbError, fence, severity_of};
use crate::cache::Fence;
use crate::inventory::{DeviceId, RackId};
use crate::severity::Severity;
use crate::time::Timestamp;

/// How many rows one statement carries.
const BATCH: usize = 5000;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Opened,
    Cleared,
    Worsened,
    Commented,
    Acknowledged,
    Ticketed,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Cleared => "cleared",
            Self::Worsened => "worsened",
            Self::Commented => "commented",
            Self::Acknowledged => "acknowledged",
            Self::Ticketed => "ticketed",
        }
    }
}

/// A change to be entered.
#[derive(Clone, Debug)]
pub(super) struct NewChange {
    /// What happened.
    pub(super) kind: Kind,
    /// When.
    pub(super) at: DateTime<Utc>,
    /// To which key.
    pub(super) event_key: String,
    /// To which of its openings.
    pub(super) event_id: Option<String>,
    /// How bad it was then.
    pub(super) severity: Option<i16>,
    /// The comment, the acknowledgement or the ticket.
    pub(super) subject: Option<i64>,
}

/// A change, with what is known today of the event and of what was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its place in the feed; they grow.
    pub id: i64,
    /// `opened`, `cleared`, `worsened`, `commented`, `acknowledged` or `ticketed`.
    pub kind: String,
    /// When it happened; of an opening by the clock of its source.
    pub at: Timestamp,
    /// The event's key.
    pub event_key: String,
    /// Its opening; absent for a comment that was written while the key did not burn.
    pub event_id: Option<String>,
    /// How bad it was then.
    pub severity: Option<Severity>,
    /// What is or was wrong, while history has it.
    pub name: Option<String>,
    /// Its host.
    pub host: Option<String>,
    /// Its source.
    pub source: Option<String>,
    /// The rack where it opened.
    pub rack_id: Option<RackId>,
    /// The device.
    pub device_id: Option<DeviceId>,
    /// Who commented, acknowledged or ticketed it; `heat` where it came under a ticket by itself.
    pub by: Option<String>,
    /// In what words; absent if they were deleted.
    pub text: Option<String>,
    /// The ticket.
    pub ticket: Option<ChangeTicket>,
}

/// The ticket of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeTicket {
    /// Heat's id of it.
    pub id: i64,
    /// The tracker's, once it has one.
    pub key: Option<String>,
    /// Its page; empty until there is one.
    pub url: String,
}

/// Where a reader of the feed begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// Behind the change with this id.
    Id(i64),
    /// With the first that Heat learnt of at this moment or later.
    Time(Timestamp),
    /// With the latest there are.
    Latest,
}

#[derive(QueryableByName)]
struct Start {
    #[diesel(sql_type = BigInt)]
    id: i64,
}

#[derive(QueryableByName)]
struct SaidRow {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Text)]
    event_key: String,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = Timestamptz)]
    at: DateTime<Utc>,
    #[diesel(sql_type = Text)]
    event_key: String,
    #[diesel(sql_type = Nullable<Text>)]
    event_id: Option<String>,
    #[diesel(sql_type = Nullable<SmallInt>)]
    severity: Option<i16>,
    #[diesel(sql_type = Nullable<Text>)]
    name: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    host: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    source: Option<String>,
    #[diesel(sql_type = Nullable<BigInt>)]
    rack_id: Option<i64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    device_id: Option<i64>,
    #[diesel(sql_type = Nullable<Text>)]
    by: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    text: Option<String>,
    #[diesel(sql_type = Nullable<BigInt>)]
    ticket_id: Option<i64>,
    #[diesel(sql_type = Nullable<Text>)]
    ticket_key: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    ticket_url: Option<String>,
}

impl From<Row> for Change {
    fn from(row: Row) -> Self {
        let id = |id: Option<i64>| id.and_then(|id| u64::try_from(id).ok());
        Self {
            id: row.id,
            kind: row.kind,
            at: row.at.into(),
            event_key: row.event_key,
            event_id: row.event_id,
            severity: row.severity.map(severity_of),
            name: row.name,
            host: row.host,
            source: row.source,
            rack_id: id(row.rack_id),
            device_id: id(row.device_id),
            by: row.by,
            text: row.text.filter(|text| !text.is_empty()),
            ticket: row.ticket_id.map(|id| ChangeTicket {
                id,
                key: row.ticket_key,
                url: row.ticket_url.unwrap_or_default(),
            }),
        }
    }
}

/// An event has at most one opening in a change: its own, or, for what was said while its key did not burn, the last one.
/// The limits keep Postgres from reading whole tables for a page.
const READ: &str = "
    select c.id, c.kind, c.at, c.event_key, c.event_id, c.severity, o.name, o.host, o.source, o.rack_id, o.device_id,
           coalesce(m.author, a.author, t.added_by) as by, coalesce(m.text, a.text) as text,
           t.id as ticket_id, t.key as ticket_key, t.url as ticket_url
    from page c
    left join lateral (
        (select name, host, source, rack_id, device_id from openings where id = c.event_id limit 1)
        union all
        (select name, host, source, rack_id, device_id from openings
         where c.event_id is null and event_key = c.event_key order by opened_at desc limit 1)
    ) o on true
    left join lateral (
        select author, text from comments
        where c.kind = 'commented' and id = c.subject and deleted_at is null limit 1
    ) m on true
    left join lateral (
        select author, text from acknowledgements where c.kind = 'acknowledged' and id = c.subject limit 1
    ) a on true
    left join lateral (
        select t.id, t.key, t.url, e.added_by
        from tickets t left join ticket_events e on e.ticket_id = t.id and e.event_id = c.event_id
        where c.kind = 'ticketed' and t.id = c.subject limit 1
    ) t on true
    order by c.id";

impl Db {
    /// The changes behind a place in the feed, oldest first, and the place behind which the next ones will come.
    pub async fn changes(&self, after: After, limit: usize) -> Result<(Vec<Change>, i64), DbError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut connection = self.connection().await?;
        let start = match after {
            After::Id(id) => id,
            After::Time(at) => {
                let start = diesel::sql_query(
                    "select coalesce((select id from changes where recorded_at < $1
                                      order by recorded_at desc, id desc limit 1), 0) as id",
                );
                let start: Start = start
                    .bind::<Timestamptz, _>(DateTime::<Utc>::from(at))
                    .get_result(&mut connection)
                    .await?;
                start.id
            }
            After::Latest => {
                let start = diesel::sql_query(
                    "select coalesce((select id from changes order by id desc offset $1 limit 1), 0) as id",
                );
                let start: Start = start.bind::<BigInt, _>(limit).get_result(&mut connection).await?;
                start.id
            }
        };
        let page = "with page as (select * from changes where id > $1 order by id limit $2)";
        let rows: Vec<Row> = diesel::sql_query(format!("{page} {READ}"))
            .bind::<BigInt, _>(start)
            .bind::<BigInt, _>(limit)
            .load(&mut connection)
            .await?;
        let next = rows.last().map_or(start, |last| last.id);
        Ok((rows.into_iter().map(Into::into).collect(), next))
    }

    /// The place behind the latest change.
    pub async fn latest_change(&self) -> Result<i64, DbError> {
        let mut connection = self.connection().await?;
        let latest: Start = diesel::sql_query("select coalesce(max(id), 0) as id from changes")
            .get_result(&mut connection)
            .await?;
        Ok(latest.id)
    }

    /// The keys of which people said something behind a place in the feed (comments, acknowledgements, tickets), in the
    /// order of it and as often as they did, and the place behind which the next ones will come. At most `limit`.
    pub async fn said_of(&self, after: i64, limit: usize) -> Result<(Vec<String>, i64), DbError> {
        let mut connection = self.connection().await?;
        let rows: Vec<SaidRow> = diesel::sql_query(
            "select id, event_key from changes
             where id > $1 and kind in ('commented', 'acknowledged', 'ticketed') order by id limit $2",
        )
        .bind::<BigInt, _>(after)
        .bind::<BigInt, _>(i64::try_from(limit).unwrap_or(i64::MAX))
        .load(&mut connection)
        .await?;
        let next = rows.last().map_or(after, |last| last.id);
        Ok((rows.into_iter().map(|row| row.event_key).collect(), next))
    }

    /// Deletes changes that Heat learnt of before `until`, at most so many as one statement carries. Returns how many.
    ///
    /// # Errors
    /// [`DbError::Deposed`] if another updater has taken over.
    pub async fn forget_changes(&self, ours: Fence, until: Timestamp) -> Result<usize, DbError> {
        let mut connection = self.connection().await?;
        connection
            .transaction(async |connection| {
                fence::pass(connection, ours).await?;
                Ok(diesel::sql_query(
                    "delete from changes where id = any(array(
                         select id from changes where recorded_at < $1 order by recorded_at limit $2))",
                )
                .bind::<Timestamptz, _>(DateTime::<Utc>::from(until))
                .bind::<BigInt, _>(i64::try_from(BATCH).unwrap_or(i64::MAX))
                .execute(connection)
                .await?)
            })
            .await
    }
}

/// Enters changes. To be the last thing in a transaction: everybody else who enters some waits for its end.
pub(super) async fn enter(connection: &mut AsyncPgConnection, changes: &[NewChange]) -> QueryResult<()> {
    for batch in changes.chunks(BATCH) {
        // In one statement, so that the lock is held no longer than the way to the commit takes.
        diesel::sql_query(
            "with locked as materialized (select pg_advisory_xact_lock($1))
             insert into changes (kind, at, event_key, event_id, severity, subject)
             select kind, at, key, event, severity, subject
             from locked, unnest($2, $3, $4, $5, $6, $7) with ordinality
                 as new(kind, at, key, event, severity, subject, place)
             order by place",
        )
        .bind::<BigInt, _>(Lock::Changes.number())
        .bind::<Array<Text>, _>(batch.iter().map(|c| c.kind.name()).collect::<Vec<_>>())
        .bind::<Array<Timestamptz>, _>(batch.iter().map(|c| c.at).collect::<Vec<_>>())
        .bind::<Array<Text>, _>(batch.iter().map(|c| c.event_key.as_str()).collect::<Vec<_>>())
        .bind::<Array<Nullable<Text>>, _>(batch.iter().map(|c| c.event_id.as_deref()).collect::<Vec<_>>())
        .bind::<Array<Nullable<SmallInt>>, _>(batch.iter().map(|c| c.severity).collect::<Vec<_>>())
        .bind::<Array<Nullable<BigInt>>, _>(batch.iter().map(|c| c.subject).collect::<Vec<_>>())
        .execute(connection)
        .await?;
    }
    Ok(())
}
