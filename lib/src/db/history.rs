//! What was: the openings of a key or of a rack with all that people did about each, what snapshots tell of the last time,
//! and what came and went.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Double, Nullable, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde::{Deserialize, Serialize};

use super::acknowledgements::StoredAcknowledgement;
use super::comments::StoredComment;
use super::schema::openings;
use super::{Db, DbError, severity_of};
use crate::comment::TEXT_IN_SNAPSHOT;
use crate::inventory::RackId;
use crate::past::{COUNTED_WITHIN, Ended, LastComment, LastTicket, Pasts};
use crate::severity::Severity;
use crate::time::Timestamp;

/// How much of each kind one opening has at most; the latest win.
const OF_AN_OPENING: i64 = 100;

/// How many openings of a key are counted at most.
const COUNTED: i64 = 1000;

/// Whose history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose<'a> {
    /// A key's.
    Key(&'a str),
    /// A rack's: what opened while the device stood there.
    Rack(RackId),
}

/// Where a page of openings, latest first, begins: behind the one that opened then and has this id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Behind(Timestamp, String);

impl Behind {
    /// Behind this opening.
    pub fn opening(opening: &StoredOpening) -> Self {
        Self(opening.opened_at.into(), opening.id.clone())
    }
}

/// An opening with all that was done about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastOpening {
    /// The opening itself.
    pub opening: StoredOpening,
    /// Acknowledgements, oldest first.
    pub acknowledgements: Vec<StoredAcknowledgement>,
    /// What was said at it, or after it and before the next of its key; oldest first.
    pub comments: Vec<StoredComment>,
    /// The tickets that cover or covered it, oldest first.
    pub tickets: Vec<PastTicket>,
}

/// An opening as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = openings, check_for_backend(diesel::pg::Pg))]
pub struct StoredOpening {
    /// Its id.
    pub id: String,
    /// Its key.
    pub event_key: String,
    /// The host.
    pub host: String,
    /// What was wrong.
    pub name: String,
    severity_first: i16,
    severity_peak: i16,
    /// When it began.
    pub opened_at: DateTime<Utc>,
    /// When it was over.
    pub closed_at: Option<DateTime<Utc>>,
}

impl StoredOpening {
    /// How bad it was when it began.
    pub fn severity_first(&self) -> Severity {
        severity_of(self.severity_first)
    }

    /// How bad it was at its worst.
    pub fn severity_peak(&self) -> Severity {
        severity_of(self.severity_peak)
    }
}

/// A ticket that covers or covered an opening.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastTicket {
    /// Heat's id of it.
    pub id: i64,
    /// The tracker's, once it has one.
    pub key: Option<String>,
    /// Its page; empty until there is one.
    pub url: String,
    /// `pending`, `created`, `failed` or `closed`.
    pub state: String,
    /// When the opening came under it.
    pub at: Timestamp,
}

/// How many openings of a rack began and ended within a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CameAndWent {
    /// The rack; absent for what stood in none.
    pub rack_id: Option<RackId>,
    /// Openings.
    pub openings: u64,
    /// Keys: the same thing over and over is one.
    pub keys: u64,
}

#[derive(QueryableByName)]
struct CommentRow {
    #[diesel(sql_type = Text)]
    opening: String,
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Text)]
    event_key: String,
    #[diesel(sql_type = Nullable<Text>)]
    event_id: Option<String>,
    #[diesel(sql_type = Text)]
    author: String,
    #[diesel(sql_type = Text)]
    text: String,
    #[diesel(sql_type = Timestamptz)]
    created_at: DateTime<Utc>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    edited_at: Option<DateTime<Utc>>,
}

#[derive(QueryableByName)]
struct TicketRow {
    #[diesel(sql_type = Text)]
    opening: String,
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Nullable<Text>)]
    key: Option<String>,
    #[diesel(sql_type = Text)]
    url: String,
    #[diesel(sql_type = Text)]
    state: String,
    #[diesel(sql_type = Timestamptz)]
    added_at: DateTime<Utc>,
}

#[derive(QueryableByName)]
struct EndedRow {
    #[diesel(sql_type = Text)]
    event_key: String,
    #[diesel(sql_type = Text)]
    id: String,
    #[diesel(sql_type = Timestamptz)]
    opened_at: DateTime<Utc>,
    #[diesel(sql_type = Timestamptz)]
    closed_at: DateTime<Utc>,
    #[diesel(sql_type = Nullable<Text>)]
    author: Option<String>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    said_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<Text>)]
    text: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    ticket: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    url: Option<String>,
}

#[derive(QueryableByName)]
struct RecentRow {
    #[diesel(sql_type = Text)]
    event_key: String,
    #[diesel(sql_type = Timestamptz)]
    opened_at: DateTime<Utc>,
}

#[derive(QueryableByName)]
struct CountRow {
    #[diesel(sql_type = Nullable<BigInt>)]
    rack_id: Option<i64>,
    #[diesel(sql_type = BigInt)]
    openings: i64,
    #[diesel(sql_type = BigInt)]
    keys: i64,
}

impl Db {
    /// The openings that began since then, and those before them that still burn, latest first; with all that was done
    /// about each.
    pub async fn history(
        &self,
        whose: Whose<'_>,
        since: Timestamp,
        behind: Option<&Behind>,
        limit: usize,
    ) -> Result<Vec<PastOpening>, DbError> {
        let mut connection = self.connection().await?;
        let mut found = began(&mut connection, whose, Began::Since(since), behind, limit).await?;
        let left = limit.saturating_sub(found.len());
        if left > 0 {
            found.extend(began(&mut connection, whose, Began::Before(since), behind, left).await?);
        }
        let ids: Vec<&str> = found.iter().map(|opening| opening.id.as_str()).collect();
        let mut acknowledged = acknowledgements_of(&mut connection, &ids).await?;
        let mut said = said_at(&mut connection, &found).await?;
        let mut tickets = tickets_of(&mut connection, &ids).await?;
        let with_all = |opening: StoredOpening| PastOpening {
            acknowledgements: acknowledged.remove(&opening.id).unwrap_or_default(),
            comments: said.remove(&opening.id).unwrap_or_default(),
            tickets: tickets.remove(&opening.id).unwrap_or_default(),
            opening,
        };
        Ok(found.into_iter().map(with_all).collect())
    }

    /// How the last opening of each of these keys ended, and which began and ended within the hour.
    ///
    /// Keys of which none has ended are absent from the answer.
    pub async fn pasts(&self, keys: &[&str]) -> Result<Pasts, DbError> {
        let mut connection = self.connection().await?;
        let ended: Vec<EndedRow> = diesel::sql_query(
            "select k.key as event_key, o.id, o.opened_at, o.closed_at, c.author, c.created_at as said_at, c.text,
                    t.key as ticket, t.url
             from unnest($1) as k(key)
             cross join lateral (
                 select id, opened_at, closed_at from openings
                 where event_key = k.key and closed_at is not null
                 order by closed_at desc limit 1
             ) as o
             left join lateral (
                 select author, created_at, left(text, $2::int) as text from comments
                 where event_key = k.key and deleted_at is null and created_at <= o.closed_at
                 order by created_at desc limit 1
             ) as c on true
             left join lateral (
                 select t.key, t.url from ticket_events e join tickets t on t.id = e.ticket_id
                 where e.event_id = o.id and e.removed_at is null and t.key is not null
                 order by t.id desc limit 1
             ) as t on true",
        )
        .bind::<Array<Text>, _>(keys)
        .bind::<BigInt, _>(i64::try_from(TEXT_IN_SNAPSHOT).unwrap_or(i64::MAX))
        .load(&mut connection)
        .await?;
        // With a margin for the clocks: Postgres decides.
        let late = Timestamp::now() - 2 * COUNTED_WITHIN;
        let of_late = ended.iter().filter(|row| Timestamp::from(row.closed_at) > late);
        let of_late: Vec<&str> = of_late.map(|row| row.event_key.as_str()).collect();
        let recent: Vec<RecentRow> = diesel::sql_query(
            "select k.key as event_key, o.opened_at
             from unnest($1) as k(key)
             cross join lateral (
                 select opened_at from openings
                 where event_key = k.key and closed_at > now() - make_interval(secs => $2)
                   and opened_at > now() - make_interval(secs => $2)
                 order by closed_at desc limit $3
             ) as o
             order by o.opened_at",
        )
        .bind::<Array<Text>, _>(of_late)
        .bind::<Double, _>(COUNTED_WITHIN.as_secs_f64())
        .bind::<BigInt, _>(COUNTED)
        .load(&mut connection)
        .await?;
        let mut pasts = Pasts::new();
        for row in ended {
            pasts.entry(row.event_key).or_default().last = Some(Ended {
                id: row.id,
                opened_at: row.opened_at.into(),
                cleared_at: row.closed_at.into(),
                comment: row.author.zip(row.said_at).map(|(author, at)| LastComment {
                    author,
                    at: at.into(),
                    text: row.text.unwrap_or_default(),
                }),
                ticket: row.ticket.map(|key| LastTicket { key, url: row.url.unwrap_or_default() }),
            });
        }
        for row in recent {
            pasts.entry(row.event_key).or_default().recent.push(row.opened_at.into());
        }
        Ok(pasts)
    }

    /// What began and ended since then, by rack, the most first.
    pub async fn came_and_went(&self, since: Timestamp, limit: usize) -> Result<Vec<CameAndWent>, DbError> {
        let mut connection = self.connection().await?;
        let rows: Vec<CountRow> = diesel::sql_query(
            "select rack_id, count(*) as openings, count(distinct event_key) as keys from openings
             where closed_at >= $1 and opened_at >= $1
             group by rack_id order by openings desc, rack_id limit $2",
        )
        .bind::<Timestamptz, _>(DateTime::<Utc>::from(since))
        .bind::<BigInt, _>(i64::try_from(limit).unwrap_or(i64::MAX))
        .load(&mut connection)
        .await?;
        let number = |count: i64| u64::try_from(count).unwrap_or(0);
        Ok(rows
            .into_iter()
            .map(|row| CameAndWent {
                rack_id: row.rack_id.map(number),
                openings: number(row.openings),
                keys: number(row.keys),
            })
            .collect())
    }
}

#[derive(Clone, Copy)]
enum Began {
    Since(Timestamp),
    /// And has not ended.
    Before(Timestamp),
}

async fn began(
    connection: &mut AsyncPgConnection,
    whose: Whose<'_>,
    when: Began,
    behind: Option<&Behind>,
    limit: usize,
) -> QueryResult<Vec<StoredOpening>> {
    let mut query = openings::table
        .order((openings::opened_at.desc(), openings::id.desc()))
        .limit(i64::try_from(limit).unwrap_or(i64::MAX))
        .select(StoredOpening::as_select())
        .into_boxed();
    query = match whose {
        Whose::Key(key) => query.filter(openings::event_key.eq(key)),
        Whose::Rack(id) => query.filter(openings::rack_id.eq(i64::try_from(id).unwrap_or(i64::MAX))),
    };
    query = match when {
        Began::Since(since) => query.filter(openings::opened_at.ge(DateTime::<Utc>::from(since))),
        Began::Before(since) => query
            .filter(openings::closed_at.is_null())
            .filter(openings::opened_at.lt(DateTime::<Utc>::from(since))),
    };
    if let Some(Behind(opened_at, id)) = behind {
        let opened_at = DateTime::<Utc>::from(*opened_at);
        // The first condition says less than the second, and an index understands it.
        query = query
            .filter(openings::opened_at.le(opened_at))
            .filter(openings::opened_at.lt(opened_at).or(openings::id.lt(id)));
    }
    query.load(connection).await
}

async fn acknowledgements_of(
    connection: &mut AsyncPgConnection,
    ids: &[&str],
) -> QueryResult<HashMap<String, Vec<StoredAcknowledgement>>> {
    let given: Vec<StoredAcknowledgement> = diesel::sql_query(
        "select a.* from unnest($1) as o(id)
         cross join lateral (
             select id, event_id, event_key, author, text, severity, until, until_worsens, created_at, ended_at, ended_by
             from acknowledgements where event_id = o.id order by id desc limit $2
         ) as a
         order by a.id",
    )
    .bind::<Array<Text>, _>(ids)
    .bind::<BigInt, _>(OF_AN_OPENING)
    .load(connection)
    .await?;
    let mut found: HashMap<_, Vec<_>> = HashMap::new();
    for one in given {
        found.entry(one.event_id.clone()).or_default().push(one);
    }
    Ok(found)
}

/// What was said at each opening; and what was said while its key did not burn belongs to the opening before.
async fn said_at(
    connection: &mut AsyncPgConnection,
    openings: &[StoredOpening],
) -> QueryResult<HashMap<String, Vec<StoredComment>>> {
    let rows: Vec<CommentRow> = diesel::sql_query(
        "select o.id as opening, c.id, c.event_key, c.event_id, c.author, c.text, c.created_at, c.edited_at
         from unnest($1, $2, $3) as o(id, key, opened_at)
         cross join lateral (
             select min(n.opened_at) as opened_at from openings n
             where n.event_key = o.key and n.opened_at > o.opened_at
         ) as next
         cross join lateral (
             (select at.* from comments at where at.event_id = o.id and at.deleted_at is null
              order by at.id desc limit $4)
             union all
             (select since.* from comments since
              where since.event_key = o.key and since.event_id is null and since.deleted_at is null
                and since.created_at >= o.opened_at
                and since.created_at < coalesce(next.opened_at, 'infinity')
              order by since.created_at desc limit $4)
         ) as c
         order by c.id",
    )
    .bind::<Array<Text>, _>(openings.iter().map(|o| o.id.as_str()).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(openings.iter().map(|o| o.event_key.as_str()).collect::<Vec<_>>())
    .bind::<Array<Timestamptz>, _>(openings.iter().map(|o| o.opened_at).collect::<Vec<_>>())
    .bind::<BigInt, _>(OF_AN_OPENING)
    .load(connection)
    .await?;
    let mut found: HashMap<_, Vec<_>> = HashMap::new();
    for row in rows {
        found.entry(row.opening).or_default().push(StoredComment {
            id: row.id,
            event_key: row.event_key,
            event_id: row.event_id,
            author: row.author,
            text: row.text,
            created_at: row.created_at,
            edited_at: row.edited_at,
        });
    }
    Ok(found)
}

async fn tickets_of(
    connection: &mut AsyncPgConnection,
    ids: &[&str],
) -> QueryResult<HashMap<String, Vec<PastTicket>>> {
    let rows: Vec<TicketRow> = diesel::sql_query(
        "select o.id as opening, t.id, t.key, t.url, t.state, e.added_at
         from unnest($1) as o(id)
         cross join lateral (
             select ticket_id, added_at from ticket_events where event_id = o.id and removed_at is null
             order by ticket_id desc limit $2
         ) as e
         join tickets t on t.id = e.ticket_id
         order by t.id",
    )
    .bind::<Array<Text>, _>(ids)
    .bind::<BigInt, _>(OF_AN_OPENING)
    .load(connection)
    .await?;
    let mut found: HashMap<_, Vec<_>> = HashMap::new();
    for row in rows {
        found.entry(row.opening).or_default().push(PastTicket {
            id: row.id,
            key: row.key,
            url: row.url,
            state: row.state,
            at: row.added_at.into(),
        });
    }
    Ok(found)
}
