//! Openings: the history of events.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, Double, Nullable, SmallInt, Text, Timestamptz};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};

use super::changes::{self, Kind, NewChange};
use super::schema::openings;
use super::{Db, DbError, acknowledgements, fence, tickets};
use crate::cache::Fence;
use crate::inventory::{DeviceId, RackId};
use crate::opening::INHERITED_WITHIN;
use crate::severity::Severity;
use crate::time::Timestamp;

/// How many rows one statement carries.
const BATCH: usize = 5000;

/// An opening that history has as not closed.
#[derive(Clone, Debug, PartialEq, Eq, Queryable)]
pub struct OpenOpening {
    /// Its id.
    pub id: String,
    /// Its key.
    pub event_key: String,
    /// Its source.
    pub source: String,
    /// The worst severity entered so far.
    pub severity_peak: i16,
    /// When it began.
    pub opened_at: DateTime<Utc>,
}

/// An active event as history takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    /// Its id.
    pub id: String,
    /// Its key.
    pub key: String,
    /// Its source.
    pub source: String,
    /// The host.
    pub host: String,
    /// What is wrong.
    pub name: String,
    /// The device.
    pub device_id: Option<DeviceId>,
    /// The rack.
    pub rack_id: Option<RackId>,
    /// Now.
    pub severity: Severity,
    /// When it began.
    pub since: Timestamp,
}

/// What entering an opening was news of.
#[derive(QueryableByName)]
struct Entered {
    #[diesel(sql_type = Text)]
    id: String,
    #[diesel(sql_type = Text)]
    event_key: String,
    #[diesel(sql_type = SmallInt)]
    severity: i16,
    #[diesel(sql_type = Timestamptz)]
    opened_at: DateTime<Utc>,
    /// It was there before, and as closed.
    #[diesel(sql_type = Nullable<Bool>)]
    was_closed: Option<bool>,
}

impl Entered {
    fn change(self, now: Timestamp) -> NewChange {
        let (kind, at) = match self.was_closed {
            None => (Kind::Opened, self.opened_at),
            Some(true) => (Kind::Opened, now.into()),
            Some(false) => (Kind::Worsened, now.into()),
        };
        NewChange {
            kind,
            at,
            event_key: self.event_key,
            event_id: Some(self.id),
            severity: Some(self.severity),
            subject: None,
        }
    }
}

#[derive(QueryableByName)]
struct Over {
    #[diesel(sql_type = Text)]
    id: String,
    #[diesel(sql_type = Text)]
    event_key: String,
    #[diesel(sql_type = SmallInt)]
    severity_peak: i16,
    #[diesel(sql_type = Timestamptz)]
    closed_at: DateTime<Utc>,
}

impl Over {
    fn change(self) -> NewChange {
        NewChange {
            kind: Kind::Cleared,
            at: self.closed_at,
            event_key: self.event_key,
            event_id: Some(self.id),
            severity: Some(self.severity_peak),
            subject: None,
        }
    }
}

impl Db {
    /// Every opening that is not closed.
    pub async fn open_openings(&self) -> Result<Vec<OpenOpening>, DbError> {
        let mut connection = self.connection().await?;
        Ok(openings::table
            .filter(openings::closed_at.is_null())
            .select((
                openings::id,
                openings::event_key,
                openings::source,
                openings::severity_peak,
                openings::opened_at,
            ))
            .load(&mut connection)
            .await?)
    }

    /// Enters what opened or worsened and what is over, in one fenced transaction, and in the feed of changes; what opened
    /// inherits the ticket of the opening before. Doing it again changes nothing.
    ///
    /// # Errors
    /// [`DbError::Deposed`] if another updater has taken over.
    pub async fn record_openings(
        &self,
        ours: Fence,
        opened: &[Opening],
        closed: &[&str],
        now: Timestamp,
    ) -> Result<(), DbError> {
        let mut connection = self.connection().await?;
        connection
            .transaction(async |connection| {
                fence::pass(connection, ours).await?;
                let mut began = Vec::new();
                let mut over = Vec::new();
                for batch in opened.chunks(BATCH) {
                    let entered = enter(connection, batch).await?;
                    began.extend(entered.into_iter().map(|entered| entered.change(now)));
                }
                for batch in closed.chunks(BATCH) {
                    let closed: Vec<Over> = diesel::sql_query(
                        "update openings set closed_at = greatest(opened_at, $2)
                         where id = any($1) and closed_at is null
                         returning id, event_key, severity_peak, closed_at",
                    )
                    .bind::<Array<Text>, _>(batch)
                    .bind::<Timestamptz, _>(DateTime::<Utc>::from(now))
                    .load(connection)
                    .await?;
                    over.extend(closed.into_iter().map(Over::change));
                }
                // After what closed, for the opening before may have closed in this very sweep.
                for batch in opened.chunks(BATCH) {
                    let began: Vec<_> =
                        batch.iter().map(|o| (o.id.as_str(), o.key.as_str(), o.since)).collect();
                    tickets::inherit(connection, &began).await?;
                    acknowledgements::inherit(connection, &began).await?;
                }
                over.append(&mut began);
                Ok(changes::enter(connection, &over).await?)
            })
            .await
    }

    /// Deletes openings that closed before `until`, at most so many as one statement carries. Returns how many.
    pub async fn forget_openings(&self, ours: Fence, until: Timestamp) -> Result<usize, DbError> {
        let mut connection = self.connection().await?;
        connection
            .transaction(async |connection| {
                fence::pass(connection, ours).await?;
                Ok(diesel::sql_query(
                    "delete from openings where id = any(array(
                         select id from openings where closed_at < $1 order by closed_at limit $2))",
                )
                .bind::<Timestamptz, _>(DateTime::<Utc>::from(until))
                .bind::<BigInt, _>(i64::try_from(BATCH).unwrap_or(i64::MAX))
                .execute(connection)
                .await?)
            })
            .await
    }
}

/// The openings of the key `k.key` that a snapshot of now may need: those that burn, and those that an opening of now may
/// inherit from. In two parts, for each of which there is an index.
pub(super) const OF_NOW: &str = "
    (select id, closed_at from openings where event_key = k.key and closed_at is null)
    union all
    (select id, closed_at from openings where event_key = k.key and closed_at > now() - interval '1 hour')";

/// Runs `statement`, which finds in `followers (id, key, since, before)` the openings that have just begun, given as id, key
/// and beginning, beside each opening of the same key that cleared shortly before: what it inherits from.
pub(super) async fn for_followers(
    connection: &mut AsyncPgConnection,
    began: &[(&str, &str, Timestamp)],
    statement: &str,
) -> QueryResult<()> {
    diesel::sql_query(format!(
        "with followers as (
             select n.id, n.key, n.since, o.id as before
             from unnest($1, $2, $3) as n(id, key, since)
             join openings o on o.event_key = n.key and o.id <> n.id
                 and o.closed_at >= n.since - make_interval(secs => $4)
         )
         {statement}"
    ))
    .bind::<Array<Text>, _>(began.iter().map(|(id, _, _)| *id).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(began.iter().map(|(_, key, _)| *key).collect::<Vec<_>>())
    .bind::<Array<Timestamptz>, _>(
        began.iter().map(|(_, _, since)| DateTime::<Utc>::from(*since)).collect::<Vec<_>>(),
    )
    .bind::<Double, _>(INHERITED_WITHIN.as_secs_f64())
    .execute(connection)
    .await?;
    Ok(())
}

/// An opening that is there already keeps what it first was; its peak grows, and if it was closed by mistake it is open
/// again. Returns what was so.
async fn enter(connection: &mut AsyncPgConnection, batch: &[Opening]) -> QueryResult<Vec<Entered>> {
    let texts = |field: fn(&Opening) -> &str| batch.iter().map(field).collect::<Vec<_>>();
    let ids = |field: fn(&Opening) -> Option<u64>| {
        batch.iter().map(|o| field(o).and_then(|id| i64::try_from(id).ok())).collect::<Vec<_>>()
    };
    diesel::sql_query(
        "with new as (
             select * from unnest($1, $2, $3, $4, $5, $6, $7, $8, $9)
                 as new(id, key, source, host, name, device, rack, severity, opened)
         ), before as (
             select o.id, o.closed_at is not null as was_closed from new join openings o on o.id = new.id
         ), entered as (
             insert into openings as o
                 (id, event_key, source, host, name, device_id, rack_id, severity_first, severity_peak, opened_at)
             select id, key, source, host, name, device, rack, severity, severity, opened from new
             on conflict (id) do update
                 set severity_peak = greatest(o.severity_peak, excluded.severity_peak), closed_at = null
                 where o.severity_peak < excluded.severity_peak or o.closed_at is not null
             returning o.id
         )
         select new.id, new.key as event_key, new.severity, new.opened as opened_at, before.was_closed
         from entered join new on new.id = entered.id left join before on before.id = entered.id
         order by new.opened, new.id",
    )
    .bind::<Array<Text>, _>(texts(|o| &o.id))
    .bind::<Array<Text>, _>(texts(|o| &o.key))
    .bind::<Array<Text>, _>(texts(|o| &o.source))
    .bind::<Array<Text>, _>(texts(|o| &o.host))
    .bind::<Array<Text>, _>(texts(|o| &o.name))
    .bind::<Array<Nullable<BigInt>>, _>(ids(|o| o.device_id))
    .bind::<Array<Nullable<BigInt>>, _>(ids(|o| o.rack_id))
    .bind::<Array<SmallInt>, _>(batch.iter().map(|o| i16::from(o.severity.level())).collect::<Vec<_>>())
    .bind::<Array<Timestamptz>, _>(batch.iter().map(|o| DateTime::<Utc>::from(o.since)).collect::<Vec<_>>())
    .load(connection)
    .await
}
