//! What sources are to be told of acknowledgements, for the write-back job alone.
//!
//! An attempt is committed before it is made. Whoever finds one that was begun and not noted asks the source before it
//! makes another.

use std::time::Duration;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, Double, Integer, Nullable, Text, Timestamptz};
use diesel_async::{AsyncConnection, RunQueryDsl};

use super::{Db, DbError, fence};
use crate::cache::Fence;

/// So often one thing is tried to be told.
const MOST_ATTEMPTS: i32 = 20;

/// The longest pause between two attempts, in seconds; the first are 10 s, 20 s, 40 s apart.
const LONGEST_PAUSE_S: f64 = 3600.0;

/// An acknowledgement of which a source is to be told.
#[derive(Clone, Debug, PartialEq, Eq, QueryableByName)]
pub struct Due {
    /// Its id.
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    /// Stands in the source as `heat:<uuid>`.
    #[diesel(sql_type = Text)]
    pub uuid: String,
    /// The source's name.
    #[diesel(sql_type = Text)]
    pub source: String,
    /// The event as the source calls it.
    #[diesel(sql_type = Text)]
    pub event: String,
    /// Who gave it.
    #[diesel(sql_type = Text)]
    pub author: String,
    /// In what words; may be empty.
    #[diesel(sql_type = Text)]
    pub text: String,
    /// It ends by itself then.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub until: Option<DateTime<Utc>>,
    /// Who ended it, if somebody did.
    #[diesel(sql_type = Nullable<Text>)]
    pub ended_by: Option<String>,
    /// The source was told that it was given, and is to be told that it has ended.
    #[diesel(sql_type = Bool)]
    pub given: bool,
    /// There is still something to say; if not, there only was an attempt of which nobody knows what came.
    #[diesel(sql_type = Bool)]
    pub wanted: bool,
    /// An attempt before this one was begun, and nobody knows what came of it.
    #[diesel(sql_type = Bool)]
    pub maybe_told: bool,
    /// This attempt is the so-manieth.
    #[diesel(sql_type = Integer)]
    pub attempts: i32,
}

impl Db {
    /// Takes the next thing that one of these sources is to be told, and notes that an attempt begins. Unless it is noted
    /// what came of it, it is due again after `read_back_after`.
    ///
    /// # Errors
    /// [`DbError::Deposed`] if another updater has taken over.
    pub async fn claim_write_back(
        &self,
        ours: Fence,
        sources: &[&str],
        read_back_after: Duration,
    ) -> Result<Option<Due>, DbError> {
        let mut connection = self.connection().await?;
        connection
            .transaction(async |connection| {
                fence::pass(connection, ours).await?;
                // What is over needs no word, unless one may be on its way.
                diesel::sql_query(
                    "update acknowledgements a set told = 'ended'
                     from openings o
                     where o.id = a.event_id and o.closed_at is not null and a.told <> 'ended' and not a.sending",
                )
                .execute(connection)
                .await?;
                // Of an opening that was acknowledged anew the later one speaks.
                Ok(diesel::sql_query(
                    "with wanted as (
                         select a.id, case a.told
                             when 'nothing' then a.ended_at is null and (a.until is null or a.until > now())
                             else (a.ended_at <= now() or a.until <= now()) and not exists (
                                 select from acknowledgements later
                                 where later.event_id = a.event_id and later.id > a.id)
                             end and exists (select from openings o where o.id = a.event_id and o.closed_at is null)
                             as wanted
                         from acknowledgements a
                         where a.told <> 'ended' and a.next_attempt_at <= now() and a.attempts < $3
                           and split_part(a.event_id, ':', 1) = any($1)
                     ), due as (
                         select a.id, a.sending, coalesce(w.wanted, false) as wanted
                         from wanted w join acknowledgements a on a.id = w.id
                         where w.wanted or a.sending
                         order by a.next_attempt_at, a.id limit 1
                     )
                     update acknowledgements a
                     set sending = true, attempts = a.attempts + 1,
                         next_attempt_at = now() + make_interval(secs => $2)
                     from due where a.id = due.id
                     returning a.id, a.uuid, split_part(a.event_id, ':', 1) as source,
                         split_part(a.event_id, ':', 2) as event, a.author, a.text, a.until, a.ended_by,
                         a.told = 'given' as given, due.wanted, due.sending as maybe_told, a.attempts",
                )
                .bind::<Array<Text>, _>(sources)
                .bind::<Double, _>(read_back_after.as_secs_f64())
                .bind::<Integer, _>(MOST_ATTEMPTS)
                .get_result(connection)
                .await
                .optional()?)
            })
            .await
    }

    /// Notes that the source knows.
    pub async fn written_back(&self, ours: Fence, due: &Due) -> Result<(), DbError> {
        let told = if due.given { "ended" } else { "given" };
        self.note_write_back(ours, due.id, told, 0, Duration::ZERO, "").await
    }

    /// Notes that the source certainly does not know, and why; it is tried again after a while.
    pub async fn not_written_back(&self, ours: Fence, due: &Due, error: &str) -> Result<(), DbError> {
        let told = if due.given { "given" } else { "nothing" };
        let pause = (5.0 * 2_f64.powi(due.attempts.clamp(0, MOST_ATTEMPTS))).min(LONGEST_PAUSE_S);
        self.note_write_back(ours, due.id, told, due.attempts, Duration::from_secs_f64(pause), error).await
    }

    async fn note_write_back(
        &self,
        ours: Fence,
        id: i64,
        told: &str,
        attempts: i32,
        pause: Duration,
        error: &str,
    ) -> Result<(), DbError> {
        let mut connection = self.connection().await?;
        connection
            .transaction(async |connection| {
                fence::pass(connection, ours).await?;
                diesel::sql_query(
                    "update acknowledgements set told = $2, sending = false, attempts = $3,
                         next_attempt_at = now() + make_interval(secs => $4), last_error = $5
                     where id = $1",
                )
                .bind::<BigInt, _>(id)
                .bind::<Text, _>(told)
                .bind::<Integer, _>(attempts)
                .bind::<Double, _>(pause.as_secs_f64())
                .bind::<Text, _>(error)
                .execute(connection)
                .await?;
                Ok(())
            })
            .await
    }
}
