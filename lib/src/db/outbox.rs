//! The outbox: tickets and robot comments that are to be sent, for the one delivery job that sends them.
//!
//! Whoever holds an [`Outbox`] is alone: it is a session lock of Postgres, which falls free the moment its holder dies.
//! Every attempt is committed before it is made, so that a successor knows what may have arrived.

use std::time::Duration;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, Double, Integer, Jsonb, Nullable, Text, Timestamptz};
use diesel_async::pooled_connection::deadpool::Object;
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use serde_json::Value;

use super::locks::Lock;
use super::tickets::{lock_covers, set_state};
use super::{Db, DbError};
use crate::ticket::{Draft, State};

/// Attempts go on for so long; then somebody has to look.
pub const GIVE_UP_AFTER: Duration = Duration::from_hours(24);

/// The least time between two calls of the tracker: five a second, the least its documentation promises to any group.
const BETWEEN_CALLS: Duration = Duration::from_millis(200);

/// The least time between two searches.
const BETWEEN_SEARCHES: Duration = Duration::from_millis(500);

/// The few calls under way at once have reserved no moment that is further off.
const RESERVED_WITHIN: Duration = Duration::from_mins(1);

/// How often the state of a ticket is asked for.
const REFRESH_EVERY: Duration = Duration::from_mins(1);

/// A closed ticket may be opened again; so long after it was closed nobody expects that on the screen.
const REFRESH_CLOSED_FOR: Duration = Duration::from_hours(7 * 24);

/// The exclusive right to send.
pub struct Outbox {
    // Closed on being dropped, and with it the lock falls free.
    connection: AsyncPgConnection,
}

/// A ticket that is about to be sent.
#[derive(Clone, Debug, QueryableByName)]
pub struct DueTicket {
    /// Its id.
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    /// Names it to the tracker.
    #[diesel(sql_type = Text)]
    pub uuid: String,
    /// Opened elsewhere: to be looked up.
    #[diesel(sql_type = Bool)]
    pub attached: bool,
    /// The key, of an attached one.
    #[diesel(sql_type = Nullable<Text>)]
    pub key: Option<String>,
    #[diesel(sql_type = Jsonb)]
    draft: Value,
    /// How many attempts there were, this one among them.
    #[diesel(sql_type = Integer)]
    pub attempts: i32,
    /// An attempt before this one ended without an answer.
    #[diesel(sql_type = Bool)]
    pub maybe_sent: bool,
}

impl DueTicket {
    /// What is sent.
    ///
    /// # Errors
    /// If another version of Heat wrote something this one does not read.
    pub fn draft(&self) -> Result<Draft, serde_json::Error> {
        serde_json::from_value(self.draft.clone())
    }
}

/// Something the robot is about to add to a ticket.
#[derive(Clone, Debug, QueryableByName)]
pub struct DuePost {
    /// Its id.
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    /// Marks the comment.
    #[diesel(sql_type = Text)]
    pub uuid: String,
    /// `more`, `clear`, `operator` or `link`.
    #[diesel(sql_type = Text)]
    pub kind: String,
    /// Its words, once they are found.
    #[diesel(sql_type = Nullable<Text>)]
    pub body: Option<String>,
    /// Who caused it.
    #[diesel(sql_type = Text)]
    pub author: String,
    /// How many attempts there were.
    #[diesel(sql_type = Integer)]
    pub attempts: i32,
    /// An attempt before ended without an answer.
    #[diesel(sql_type = Bool)]
    pub maybe_sent: bool,
    /// Its ticket.
    #[diesel(sql_type = BigInt)]
    pub ticket_id: i64,
    /// The tracker's key.
    #[diesel(sql_type = Text)]
    pub key: String,
    /// The ticket's page.
    #[diesel(sql_type = Text)]
    pub url: String,
    /// The template of comments about what came.
    #[diesel(sql_type = Nullable<Text>)]
    pub comment_on_more: Option<String>,
    /// The template of the comment that all is over.
    #[diesel(sql_type = Nullable<Text>)]
    pub comment_on_clear: Option<String>,
}

/// An opening of a ticket, for the words of a comment.
#[derive(Clone, Debug, QueryableByName)]
pub struct MemberOf {
    /// The opening.
    #[diesel(sql_type = Text)]
    pub event_id: String,
    /// The event as templates see it.
    #[diesel(sql_type = Jsonb)]
    pub member: Value,
    /// It was taken out.
    #[diesel(sql_type = Bool)]
    pub removed: bool,
    /// The ticket speaks of its coming, or of its going if it was taken out.
    #[diesel(sql_type = Bool)]
    pub announced: bool,
}

/// A ticket whose state in the tracker is asked for.
#[derive(Clone, Debug, PartialEq, Eq, QueryableByName)]
pub struct Known {
    /// Its id.
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    /// The tracker's key.
    #[diesel(sql_type = Text)]
    pub key: String,
    #[diesel(sql_type = Text)]
    state: String,
    #[diesel(sql_type = Text)]
    status: String,
}

impl Known {
    /// A ticket as it was read; for whoever asks about one out of its turn.
    pub fn of(ticket: &super::tickets::StoredTicket) -> Self {
        Self {
            id: ticket.id,
            key: ticket.key.clone().unwrap_or_default(),
            state: ticket.state().name().to_owned(),
            status: ticket.status.clone(),
        }
    }
}

/// What the tracker says of a ticket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Its key now; a ticket moved to another queue has another one.
    pub key: String,
    /// Its page.
    pub url: String,
    /// The tracker's word for its state.
    pub status: String,
    /// It has a resolution.
    pub resolved: bool,
}

impl Told {
    fn state(&self) -> State {
        if self.resolved { State::Closed } else { State::Created }
    }
}

/// Which of the two outbox tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Table {
    Tickets,
    Posts,
}

/// Something in the outbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Item {
    table: Table,
    id: i64,
}

impl Item {
    /// A ticket.
    pub const fn ticket(id: i64) -> Self {
        Self { table: Table::Tickets, id }
    }

    /// A post.
    pub const fn post(id: i64) -> Self {
        Self { table: Table::Posts, id }
    }

    /// Whether it is a post.
    pub fn is_post(self) -> bool {
        self.table == Table::Posts
    }

    fn table(self) -> &'static str {
        match self.table {
            Table::Tickets => "tickets",
            Table::Posts => "ticket_posts",
        }
    }
}

#[derive(QueryableByName)]
struct Held {
    #[diesel(sql_type = Bool)]
    held: bool,
}

#[derive(QueryableByName)]
struct Wait {
    #[diesel(sql_type = Nullable<Double>)]
    seconds: Option<f64>,
}

impl Wait {
    fn duration(self) -> Option<Duration> {
        self.seconds.map(|seconds| Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or_default())
    }
}

impl Db {
    /// The outbox, unless somebody else has it. What its holder before was sending when it died is due again: a ticket at
    /// once, a comment when `read_back_after` its attempt it must have arrived if it ever does.
    pub async fn outbox(&self, read_back_after: Duration) -> Result<Option<Outbox>, DbError> {
        let mut connection = Object::take(self.connection().await?);
        let held: Held = diesel::sql_query("select pg_try_advisory_lock($1) as held")
            .bind::<BigInt, _>(Lock::Outbox.number())
            .get_result(&mut connection)
            .await?;
        if !held.held {
            return Ok(None);
        }
        // That its sender died says nothing of the tracker, so the attempt does not count when it is told how long to wait.
        diesel::sql_query(
            "update tickets set sending = false, attempts = attempts - 1, next_attempt_at = now() where sending",
        )
        .execute(&mut connection)
        .await?;
        diesel::sql_query(
            "update ticket_posts
             set sending = false, next_attempt_at = attempted_at + make_interval(secs => $1) where sending",
        )
        .bind::<Double, _>(read_back_after.as_secs_f64())
        .execute(&mut connection)
        .await?;
        Ok(Some(Outbox { connection }))
    }
}

impl Outbox {
    /// The next ticket that is due, its attempt committed.
    pub async fn claim_ticket(&mut self) -> Result<Option<DueTicket>, DbError> {
        Ok(diesel::sql_query(
            "with due as (
                 select id, maybe_sent from tickets
                 where state = 'pending' and not sending and next_attempt_at <= now()
                 order by next_attempt_at, id limit 1 for update skip locked
             )
             update tickets t
             set attempts = t.attempts + 1, attempted_at = now(), sending = true, maybe_sent = true
             from due where t.id = due.id
             returning t.id, t.uuid, t.attached, t.key, t.draft, t.attempts, due.maybe_sent",
        )
        .get_result(&mut self.connection)
        .await
        .optional()?)
    }

    /// The next post that is due: to be worded if it is not, and then claimed. One of a ticket at a time, so that comments
    /// come in their order.
    pub async fn due_post(&mut self) -> Result<Option<DuePost>, DbError> {
        Ok(diesel::sql_query(
            "select p.id, p.uuid, p.kind, p.body, p.author, p.attempts, p.maybe_sent, p.ticket_id,
                    t.key, t.url, t.comment_on_more, t.comment_on_clear
             from ticket_posts p join tickets t on t.id = p.ticket_id
             where p.state = 'pending' and not p.sending and p.next_attempt_at <= now()
               and t.state in ('created', 'closed')
               and not exists (select from ticket_posts other where other.ticket_id = p.ticket_id and other.sending)
             order by p.next_attempt_at, p.id limit 1",
        )
        .get_result(&mut self.connection)
        .await
        .optional()?)
    }

    /// The openings of a ticket.
    pub async fn members(&mut self, ticket: i64) -> Result<Vec<MemberOf>, DbError> {
        Ok(diesel::sql_query(
            "select event_id, member, removed_at is not null as removed, announced from ticket_events
             where ticket_id = $1 order by added_at, event_id",
        )
        .bind::<BigInt, _>(ticket)
        .load(&mut self.connection)
        .await?)
    }

    /// Commits the attempt of a post, with its words, and that the ticket will speak of these openings.
    pub async fn claim_post(
        &mut self,
        post: &DuePost,
        body: &str,
        announced: &[String],
    ) -> Result<(), DbError> {
        self.connection
            .transaction(async |connection| {
                diesel::sql_query(
                    "update ticket_posts
                     set body = $2, attempts = attempts + 1, attempted_at = now(), sending = true, maybe_sent = true
                     where id = $1",
                )
                .bind::<BigInt, _>(post.id)
                .bind::<Text, _>(body)
                .execute(connection)
                .await?;
                diesel::sql_query(
                    "update ticket_events set announced = true where ticket_id = $1 and event_id = any($2)",
                )
                .bind::<BigInt, _>(post.ticket_id)
                .bind::<Array<Text>, _>(announced)
                .execute(connection)
                .await?;
                Ok(())
            })
            .await
    }

    /// A post with nothing to say after all.
    pub async fn drop_post(&mut self, id: i64) -> Result<(), DbError> {
        diesel::sql_query("delete from ticket_posts where id = $1")
            .bind::<BigInt, _>(id)
            .execute(&mut self.connection)
            .await?;
        Ok(())
    }

    /// Reserves the next moment at which the tracker may be called; how long until then. What was reserved before the clock
    /// went back is not waited for.
    pub async fn pace(&mut self, search: bool) -> Result<Duration, DbError> {
        let wait: Wait = diesel::sql_query(
            "with at as (
                 select greatest(
                     now(), case when next_call_at < now() + make_interval(secs => $4) then next_call_at end,
                     case when $1 and next_search_at < now() + make_interval(secs => $4) then next_search_at end
                 ) as at from tracker_pace for update
             )
             update tracker_pace
             set next_call_at = at.at + make_interval(secs => $2),
                 next_search_at = case when $1 then at.at + make_interval(secs => $3) else next_search_at end
             from at
             returning extract(epoch from at.at - now())::float8 as seconds",
        )
        .bind::<Bool, _>(search)
        .bind::<Double, _>(BETWEEN_CALLS.as_secs_f64())
        .bind::<Double, _>(BETWEEN_SEARCHES.as_secs_f64())
        .bind::<Double, _>(RESERVED_WITHIN.as_secs_f64())
        .get_result(&mut self.connection)
        .await?;
        Ok(wait.duration().unwrap_or_default())
    }

    /// The tracker has the ticket.
    pub async fn ticket_created(&mut self, id: i64, told: &Told) -> Result<(), DbError> {
        self.connection
            .transaction(async |connection| {
                lock_covers(connection).await?;
                diesel::sql_query(
                    "update tickets
                     set key = $2, url = $3, sent_at = now(), sending = false, last_error = '' where id = $1",
                )
                .bind::<BigInt, _>(id)
                .bind::<Text, _>(&told.key)
                .bind::<Text, _>(&told.url)
                .execute(connection)
                .await?;
                set_state(connection, id, told.state(), &told.status).await?;
                Ok(())
            })
            .await
    }

    /// The tracker has the post.
    pub async fn post_sent(&mut self, id: i64) -> Result<(), DbError> {
        diesel::sql_query(
            "update ticket_posts set state = 'sent', sending = false, sent_at = now(), last_error = '' where id = $1",
        )
        .bind::<BigInt, _>(id)
        .execute(&mut self.connection)
        .await?;
        Ok(())
    }

    /// The attempt did not succeed; another is due after `delay`, unless attempts have gone on for
    /// [`GIVE_UP_AFTER`]. `maybe_sent` tells whether it, or one before, may have arrived.
    pub async fn again(
        &mut self,
        item: Item,
        delay: Duration,
        error: &str,
        maybe_sent: bool,
    ) -> Result<(), DbError> {
        let since = match item.table {
            Table::Tickets => "due_since",
            Table::Posts => "created_at",
        };
        let table = item.table();
        diesel::sql_query(format!(
            "update {table}
             set sending = false, maybe_sent = $2, last_error = $3,
                 next_attempt_at = now() + make_interval(secs => $4),
                 state = case when {since} < now() - make_interval(secs => $5) then 'failed' else state end
             where id = $1 and state = 'pending'"
        ))
        .bind::<BigInt, _>(item.id)
        .bind::<Bool, _>(maybe_sent)
        .bind::<Text, _>(error)
        .bind::<Double, _>(delay.as_secs_f64())
        .bind::<Double, _>(GIVE_UP_AFTER.as_secs_f64())
        .execute(&mut self.connection)
        .await?;
        Ok(())
    }

    /// The tracker refused it: nothing more is tried until somebody has looked.
    pub async fn failed(&mut self, item: Item, error: &str, maybe_sent: bool) -> Result<(), DbError> {
        diesel::sql_query(format!(
            "update {} set state = 'failed', sending = false, maybe_sent = $2, last_error = $3
             where id = $1 and state = 'pending'",
            item.table()
        ))
        .bind::<BigInt, _>(item.id)
        .bind::<Bool, _>(maybe_sent)
        .bind::<Text, _>(error)
        .execute(&mut self.connection)
        .await?;
        Ok(())
    }

    /// Tickets whose state in the tracker was not asked for lately.
    pub async fn to_refresh(&mut self, limit: usize) -> Result<Vec<Known>, DbError> {
        Ok(diesel::sql_query(
            "select id, key, state, status from tickets
             where state in ('created', 'closed')
               and (refreshed_at is null or refreshed_at < now() - make_interval(secs => $1))
               and (state = 'created' or closed_at > now() - make_interval(secs => $2))
             order by refreshed_at nulls first limit $3",
        )
        .bind::<Double, _>(REFRESH_EVERY.as_secs_f64())
        .bind::<Double, _>(REFRESH_CLOSED_FOR.as_secs_f64())
        .bind::<BigInt, _>(i64::try_from(limit).unwrap_or(i64::MAX))
        .load(&mut self.connection)
        .await?)
    }

    /// Takes in what the tracker said of them; one it did not speak of stays as it is. Whether anything changed.
    pub async fn refreshed(&mut self, asked: &[Known], told: &[(i64, Told)]) -> Result<bool, DbError> {
        let changed: Vec<_> = told
            .iter()
            .filter(|(id, told)| {
                let known = asked.iter().find(|known| known.id == *id);
                known.is_none_or(|known| {
                    known.state != told.state().name() || known.status != told.status || known.key != told.key
                })
            })
            .collect();
        self.connection
            .transaction(async |connection| {
                if !changed.is_empty() {
                    lock_covers(connection).await?;
                }
                for (id, told) in &changed {
                    set_state(connection, *id, told.state(), &told.status).await?;
                    // A moved ticket has another key, unless another row has that one already.
                    diesel::sql_query(
                        "update tickets set key = $2, url = $3 where id = $1
                         and not exists (select from tickets other where other.key = $2 and other.id <> $1)",
                    )
                    .bind::<BigInt, _>(*id)
                    .bind::<Text, _>(&told.key)
                    .bind::<Text, _>(&told.url)
                    .execute(connection)
                    .await?;
                }
                diesel::sql_query("update tickets set refreshed_at = now() where id = any($1)")
                    .bind::<Array<BigInt>, _>(asked.iter().map(|known| known.id).collect::<Vec<_>>())
                    .execute(connection)
                    .await?;
                Ok::<_, DbError>(())
            })
            .await?;
        Ok(!changed.is_empty())
    }

    /// Notes which open tickets' events are all over, and has the robot say so once they have been for `quiet`. An
    /// opening that history never saw counts as over an hour after it was added.
    pub async fn note_cleared(&mut self, quiet: Duration) -> Result<(), DbError> {
        self.connection
            .transaction(async |connection| {
                diesel::sql_query(
                    "with burning as (
                         select e.ticket_id,
                                bool_or(o.closed_at is null and (o.id is not null or e.added_at > now() - interval '1 hour'))
                                    as burns,
                                max(o.closed_at) as cleared_at
                         from ticket_events e
                         join tickets t on t.id = e.ticket_id and t.state = 'created'
                         left join openings o on o.id = e.event_id
                         where e.removed_at is null
                         group by e.ticket_id
                     )
                     update tickets t
                     set cleared_at = case when not burns then coalesce(b.cleared_at, now()) end,
                         clear_said = t.clear_said and not burns
                     from burning b
                     where t.id = b.ticket_id and (t.cleared_at is null) <> burns",
                )
                .execute(connection)
                .await?;
                diesel::sql_query(
                    "with over as (
                         update tickets set clear_said = true
                         where state = 'created' and not clear_said
                           and cleared_at < now() - make_interval(secs => $1)
                         returning id
                     )
                     insert into ticket_posts (ticket_id, kind, author) select id, 'clear', 'heat' from over",
                )
                .bind::<Double, _>(quiet.as_secs_f64())
                .execute(connection)
                .await?;
                Ok(())
            })
            .await
    }

    /// How long until something in the outbox is due; nothing if it is empty. A pause that began before the clock went back
    /// begins anew: it would last longer by as much, and cut short it might send what has just arrived.
    pub async fn next_due(&mut self) -> Result<Option<Duration>, DbError> {
        for table in ["tickets", "ticket_posts"] {
            diesel::sql_query(format!(
                "update {table} set next_attempt_at = now() + (next_attempt_at - attempted_at), attempted_at = now()
                 where state = 'pending' and not sending and attempted_at > now()"
            ))
            .execute(&mut self.connection)
            .await?;
        }
        let wait: Wait = diesel::sql_query(
            "select extract(epoch from least(
                 (select min(next_attempt_at) from tickets where state = 'pending' and not sending),
                 (select min(p.next_attempt_at) from ticket_posts p join tickets t on t.id = p.ticket_id
                  where p.state = 'pending' and t.state in ('created', 'closed')
                    and not exists (select from ticket_posts s where s.ticket_id = p.ticket_id and s.sending))
             ) - now())::float8 as seconds",
        )
        .get_result(&mut self.connection)
        .await?;
        Ok(wait.duration())
    }

    /// The queues that tickets went or shall go to.
    pub async fn queues(&mut self) -> Result<Vec<String>, DbError> {
        #[derive(QueryableByName)]
        struct Queue {
            #[diesel(sql_type = Text)]
            queue: String,
        }
        let rows: Vec<Queue> = diesel::sql_query(
            "select distinct draft ->> 'queue' as queue from tickets
             where not attached and created_at > now() - interval '30 days' and draft ->> 'queue' <> '' limit 50",
        )
        .load(&mut self.connection)
        .await?;
        Ok(rows.into_iter().map(|row| row.queue).collect())
    }
}

/// When the tracker was last seen to have taken a ticket or a post; for the operations page and tests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Tickets and posts that are to be sent.
    pub pending: i64,
    /// Those that failed and wait for somebody.
    pub failed: i64,
    /// Since when the oldest pending one waits.
    pub since: Option<DateTime<Utc>>,
}

impl Db {
    /// What waits in the outbox.
    pub async fn backlog(&self) -> Result<Backlog, DbError> {
        #[derive(QueryableByName)]
        struct Row {
            #[diesel(sql_type = BigInt)]
            pending: i64,
            #[diesel(sql_type = BigInt)]
            failed: i64,
            #[diesel(sql_type = Nullable<Timestamptz>)]
            since: Option<DateTime<Utc>>,
        }
        let mut connection = self.connection().await?;
        let row: Row = diesel::sql_query(
            "select count(*) filter (where state = 'pending') as pending,
                    count(*) filter (where state = 'failed') as failed,
                    min(at) filter (where state = 'pending') as since
             from (select state, due_since as at from tickets
                   union all select state, greatest(created_at, next_attempt_at) from ticket_posts) as waiting",
        )
        .get_result(&mut connection)
        .await?;
        Ok(Backlog { pending: row.pending, failed: row.failed, since: row.since })
    }
}
