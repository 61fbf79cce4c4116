//! Tickets as people ask for them: made, edited, given events; and the join that the snapshot shows.
//!
//! Nothing here talks to the tracker. What is written is found by the delivery job, which has [`super::outbox`] for itself.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, Double, Jsonb, Nullable, SmallInt, Text, Timestamptz};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use serde_json::{Value, json};

use super::audit::{self, Actor, Deed};
use super::changes::{self, Kind, NewChange};
use super::locks::Lock;
use super::openings::{OF_NOW, for_followers};
use super::schema::{ticket_events, ticket_posts, tickets};
use super::{Db, DbError, fence, severity_of};
use crate::cache::Fence;
use crate::severity::Severity;
use crate::ticket::{Cover, Covers, Draft, State};
use crate::time::Timestamp;

/// How many earlier tickets of the same events a new one is linked to.
const LINKS: i64 = 3;

/// A ticket as it is kept.
#[derive(Clone, Debug, PartialEq, Queryable, Selectable)]
#[diesel(table_name = tickets, check_for_backend(diesel::pg::Pg))]
pub struct StoredTicket {
    /// Its id; they grow with time.
    pub id: i64,
    /// What has become of it; see [`StoredTicket::state`].
    state: String,
    /// Opened elsewhere, and only looked up.
    pub attached: bool,
    /// The template it was made from.
    pub template: Option<String>,
    /// The commit of that template.
    pub templates_version: Option<String>,
    draft: Value,
    severity: i16,
    /// The incident it was opened on.
    pub incident: Option<String>,
    /// Who asked for it.
    pub author: String,
    request_digest: Option<String>,
    /// The tracker's key.
    pub key: Option<String>,
    /// Its page, or nothing yet.
    pub url: String,
    /// The tracker's word for its state.
    pub status: String,
    /// How often it was sent.
    pub attempts: i32,
    /// When it is sent next, while it is pending.
    pub next_attempt_at: DateTime<Utc>,
    /// An attempt ended without an answer, so that the tracker may have it.
    pub maybe_sent: bool,
    /// Why the last attempt did not succeed.
    pub last_error: String,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// When the tracker took it.
    pub sent_at: Option<DateTime<Utc>>,
    /// When it got its resolution.
    pub closed_at: Option<DateTime<Utc>>,
}

impl StoredTicket {
    /// What has become of it.
    pub fn state(&self) -> State {
        self.state.parse().unwrap_or_default()
    }

    /// What is or was sent.
    pub fn draft(&self) -> Draft {
        serde_json::from_value(self.draft.clone()).unwrap_or_default()
    }

    /// The worst of its events when it was made.
    pub fn severity(&self) -> Severity {
        severity_of(self.severity)
    }
}

/// An opening under a ticket, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = ticket_events, check_for_backend(diesel::pg::Pg))]
pub struct StoredMember {
    /// The ticket.
    pub ticket_id: i64,
    /// The opening.
    pub event_id: String,
    /// Its key.
    pub event_key: String,
    /// Who added it; `heat` where it came by itself.
    pub added_by: String,
    /// When.
    pub added_at: DateTime<Utc>,
    /// This ticket covers it.
    pub active: bool,
    /// When it was taken out.
    pub removed_at: Option<DateTime<Utc>>,
}

/// Something the robot adds to a ticket, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = ticket_posts, check_for_backend(diesel::pg::Pg))]
pub struct StoredPost {
    /// `more`, `clear`, `operator` or `link`.
    pub kind: String,
    /// Its words, once they are found.
    pub body: Option<String>,
    /// Who caused it.
    pub author: String,
    /// `pending`, `sent` or `failed`.
    pub state: String,
    /// Why the last attempt did not succeed.
    pub last_error: String,
    /// Since when it waits.
    pub created_at: DateTime<Utc>,
    /// When the tracker took it.
    pub sent_at: Option<DateTime<Utc>>,
}

/// An opening that a ticket is to cover.
#[derive(Clone, Debug, PartialEq)]
pub struct NewMember {
    /// The opening.
    pub event_id: String,
    /// Its key.
    pub event_key: String,
    /// When it began.
    pub since: Timestamp,
    /// The event as templates see it.
    pub member: Value,
}

/// A ticket somebody asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct NewTicket {
    /// What is sent.
    pub draft: Draft,
    /// The key of a ticket opened elsewhere; then nothing is sent.
    pub existing: Option<String>,
    /// The template it is made from, and its commit.
    pub template: Option<(String, String)>,
    /// The templates of the robot's comments.
    pub comment_on_more: Option<String>,
    /// The template of the robot's last comment.
    pub comment_on_clear: Option<String>,
    /// The worst of the members.
    pub severity: Severity,
    /// The incident it is opened on.
    pub incident: Option<String>,
    /// What it covers.
    pub members: Vec<NewMember>,
    /// Cover also what an open ticket covers, and take it from that one.
    pub force: bool,
    /// The caller's name for this request.
    pub idempotency_key: String,
    /// A digest of the request, to tell a repetition from another request of the same name.
    pub request_digest: String,
    /// How long the robot waits for more before it comments.
    pub quiet: Duration,
}

/// What came of asking for a ticket.
#[derive(Clone, Debug, PartialEq)]
pub enum Asked {
    /// It is made, and to be sent.
    Made(StoredTicket),
    /// It was made by the same request before.
    Again(StoredTicket),
    /// The idempotency key was used for another request.
    OtherRequest,
    /// Open tickets cover some of the events: the openings, each with its ticket.
    Covered(Vec<(String, StoredTicket)>),
}

/// What came of changing a ticket.
#[derive(Clone, Debug, PartialEq)]
pub enum Changed {
    /// Done; the ticket as it is now.
    Done(StoredTicket),
    /// There is no such ticket.
    Gone,
    /// Its state does not allow it.
    NotNow(StoredTicket),
    /// Open tickets cover some of the events: the openings, each with its ticket.
    Covered(Vec<(String, StoredTicket)>),
}

#[derive(QueryableByName)]
struct Joined {
    #[diesel(sql_type = BigInt)]
    ticket_id: i64,
    #[diesel(sql_type = Text)]
    event_id: String,
    #[diesel(sql_type = Text)]
    event_key: String,
    #[diesel(sql_type = Timestamptz)]
    added_at: DateTime<Utc>,
}

#[derive(QueryableByName)]
struct CoverRow {
    #[diesel(sql_type = Text)]
    event_key: String,
    #[diesel(sql_type = Text)]
    event_id: String,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    cleared_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Bool)]
    active: bool,
    #[diesel(sql_type = BigInt)]
    ticket: i64,
    #[diesel(sql_type = Nullable<Text>)]
    key: Option<String>,
    #[diesel(sql_type = Text)]
    url: String,
    #[diesel(sql_type = Text)]
    state: String,
    #[diesel(sql_type = Text)]
    status: String,
    #[diesel(sql_type = Text)]
    error: String,
    #[diesel(sql_type = SmallInt)]
    severity: i16,
}

impl Db {
    /// The tickets of these keys' openings, as far as an opening of now may have or inherit them.
    ///
    /// Keys without tickets are absent from the answer.
    pub async fn covers(&self, keys: &[&str]) -> Result<Covers, DbError> {
        let mut connection = self.connection().await?;
        // History may not have an opening yet; what people do in that time is not old.
        let rows: Vec<CoverRow> = diesel::sql_query(format!(
            "select k.key as event_key, e.event_id, e.cleared_at, e.active, t.id as ticket, t.key, t.url, t.state, t.status,
                    left(t.last_error, 200) as error, t.severity
             from unnest($1) as k(key)
             cross join lateral (
                 select e.*, o.closed_at as cleared_at from ({OF_NOW}) as o
                 cross join lateral (
                     select ticket_id, event_id, active from ticket_events
                     where event_id = o.id and removed_at is null limit 1000
                 ) as e
                 union all
                 (select e.ticket_id, e.event_id, e.active, null from ticket_events e
                  where e.event_key = k.key and e.added_at > now() - interval '1 day' and e.removed_at is null
                    and not exists (select from openings o where o.id = e.event_id)
                  limit 1000)
             ) as e
             join tickets t on t.id = e.ticket_id
             order by t.id",
        ))
        .bind::<Array<Text>, _>(keys)
        .load(&mut connection)
        .await?;
        let mut covers = Covers::new();
        for row in rows {
            let state: State = row.state.parse().unwrap_or_default();
            covers.entry(row.event_key).or_default().push(Cover {
                event_id: row.event_id,
                cleared_at: row.cleared_at.map(Into::into),
                active: row.active,
                ticket: row.ticket,
                key: row.key.unwrap_or_default(),
                url: row.url,
                state,
                status: row.status,
                error: if matches!(state, State::Pending | State::Failed) {
                    row.error
                } else {
                    String::new()
                },
                severity: severity_of(row.severity),
            });
        }
        Ok(covers)
    }

    /// What came of an earlier request of this name, if there was one: [`Asked::Again`] or [`Asked::OtherRequest`].
    pub async fn ticket_asked_for(
        &self,
        author: &str,
        idempotency_key: &str,
        request_digest: &str,
    ) -> Result<Option<Asked>, DbError> {
        let mut connection = self.connection().await?;
        Ok(asked_before(&mut connection, author, idempotency_key, request_digest).await?)
    }

    /// Makes a ticket: it, what it covers, its links and its audit entry, all or nothing.
    pub async fn ask_for_ticket(&self, actor: &Actor, new: &NewTicket) -> Result<Asked, DbError> {
        let mut connection = self.connection().await?;
        connection
            .transaction(async |connection| {
                lock_covers(connection).await?;
                let (key, digest) = (&new.idempotency_key, &new.request_digest);
                if let Some(before) = asked_before(connection, &actor.name, key, digest).await? {
                    return Ok(before);
                }
                inherit(connection, &beginnings(new.members.iter())).await?;
                let known = match &new.existing {
                    Some(key) => by_key(connection, key).await?,
                    None => None,
                };
                let covered =
                    covered(connection, &new.members, known.as_ref().map(|ticket| ticket.id)).await?;
                if !new.force && !covered.is_empty() {
                    return Ok(Asked::Covered(covered));
                }
                if let Some(known) = known {
                    cover(connection, actor, known.id, &new.members, true).await?;
                    post_more(connection, &actor.name, known.id, new.quiet).await?;
                    audit::enter(
                        connection,
                        actor,
                        vec![deed("ticket.add", known.id, None, &members(&new.members))],
                    )
                    .await?;
                    enter_changes(connection, known.id, &new.members).await?;
                    return Ok(Asked::Made(known));
                }
                let ticket = insert(connection, actor, new).await?;
                cover(connection, actor, ticket.id, &new.members, new.existing.is_some()).await?;
                link(connection, actor, ticket.id, &new.members).await?;
                if new.existing.is_some() {
                    post_more(connection, &actor.name, ticket.id, Duration::ZERO).await?;
                }
                let mut after = members(&new.members);
                after["draft"] = ticket.draft.clone();
                after["existing"] = json!(new.existing);
                audit::enter(connection, actor, vec![deed("ticket.create", ticket.id, None, &after)]).await?;
                enter_changes(connection, ticket.id, &new.members).await?;
                Ok(Asked::Made(ticket))
            })
            .await
    }

    /// A ticket.
    pub async fn ticket(&self, id: i64) -> Result<Option<StoredTicket>, DbError> {
        let mut connection = self.connection().await?;
        Ok(tickets::table
            .find(id)
            .select(StoredTicket::as_select())
            .first(&mut connection)
            .await
            .optional()?)
    }

    /// Tickets, latest first, older than `before` if given, in one state if given.
    pub async fn tickets(
        &self,
        state: Option<State>,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<StoredTicket>, DbError> {
        let mut connection = self.connection().await?;
        let mut query = tickets::table
            .order(tickets::id.desc())
            .limit(i64::try_from(limit).unwrap_or(i64::MAX))
            .select(StoredTicket::as_select())
            .into_boxed();
        if let Some(state) = state {
            query = query.filter(tickets::state.eq(state.name()));
        }
        if let Some(before) = before {
            query = query.filter(tickets::id.lt(before));
        }
        Ok(query.load(&mut connection).await?)
    }

    /// What a ticket covers or covered, and what the robot adds to it.
    pub async fn ticket_contents(&self, id: i64) -> Result<(Vec<StoredMember>, Vec<StoredPost>), DbError> {
        let mut connection = self.connection().await?;
        let members = ticket_events::table
            .filter(ticket_events::ticket_id.eq(id))
            .order((ticket_events::added_at, ticket_events::event_id))
            .select(StoredMember::as_select())
            .load(&mut connection)
            .await?;
        let posts = ticket_posts::table
            .filter(ticket_posts::ticket_id.eq(id))
            .order(ticket_posts::id)
            .select(StoredPost::as_select())
            .load(&mut connection)
            .await?;
        Ok((members, posts))
    }

    /// Changes what is sent, of a ticket that the tracker certainly does not have.
    pub async fn edit_ticket(&self, actor: &Actor, id: i64, draft: &Draft) -> Result<Changed, DbError> {
        let mut connection = self.connection().await?;
        connection
            .transaction(async |connection| {
                let Some(before) = locked(connection, id).await? else { return Ok(Changed::Gone) };
                let unsent = matches!(before.state(), State::Pending | State::Failed) && !before.maybe_sent;
                if !unsent || before.attached {
                    return Ok(Changed::NotNow(before));
                }
                let after: StoredTicket = diesel::update(tickets::table.find(id))
                    .set(tickets::draft.eq(value(draft)))
                    .returning(StoredTicket::as_returning())
                    .get_result(connection)
                    .await?;
                let entry = deed("ticket.edit", id, Some(before.draft), &after.draft);
                audit::enter(connection, actor, vec![entry]).await?;
                Ok(Changed::Done(after))
            })
            .await
    }

    /// Has a failed ticket sent again. It takes back those of its events that no other ticket covers.
    pub async fn retry_ticket(&self, actor: &Actor, id: i64) -> Result<Changed, DbError> {
        let mut connection = self.connection().await?;
        connection
            .transaction(async |connection| {
                lock_covers(connection).await?;
                let Some(before) = locked(connection, id).await? else { return Ok(Changed::Gone) };
                if before.state() != State::Failed {
                    return Ok(Changed::NotNow(before));
                }
                take_back(connection, id).await?;
                let lost: Vec<String> = ticket_events::table
                    .filter(ticket_events::ticket_id.eq(id))
                    .filter(ticket_events::removed_at.is_null())
                    .filter(ticket_events::active.eq(false))
                    .select(ticket_events::event_id)
                    .load(connection)
                    .await?;
                let kept: i64 = ticket_events::table
                    .filter(ticket_events::ticket_id.eq(id))
                    .filter(ticket_events::active.eq(true))
                    .count()
                    .get_result(connection)
                    .await?;
                if kept == 0 && !lost.is_empty() {
                    return Ok(Changed::Covered(covering(connection, &lost, Some(id)).await?));
                }
                let after: StoredTicket = diesel::update(tickets::table.find(id))
                    .set((
                        tickets::state.eq(State::Pending.name()),
                        tickets::attempts.eq(0),
                        tickets::next_attempt_at.eq(diesel::dsl::now),
                        tickets::due_since.eq(diesel::dsl::now),
                        tickets::last_error.eq(""),
                    ))
                    .returning(StoredTicket::as_returning())
                    .get_result(connection)
                    .await?;
                audit::enter(connection, actor, vec![deed("ticket.retry", id, None, &Value::Null)]).await?;
                Ok(Changed::Done(after))
            })
            .await
    }

    /// Puts openings under an open ticket; the robot says so there once it has been quiet for a while.
    pub async fn add_to_ticket(
        &self,
        actor: &Actor,
        id: i64,
        new: &[NewMember],
        force: bool,
        quiet: Duration,
    ) -> Result<Changed, DbError> {
        let mut connection = self.connection().await?;
        connection
            .transaction(async |connection| {
                lock_covers(connection).await?;
                let Some(ticket) = locked(connection, id).await? else { return Ok(Changed::Gone) };
                if !ticket.state().is_open() {
                    return Ok(Changed::NotNow(ticket));
                }
                inherit(connection, &beginnings(new.iter())).await?;
                let covered = covered(connection, new, Some(id)).await?;
                if !force && !covered.is_empty() {
                    return Ok(Changed::Covered(covered));
                }
                cover(connection, actor, id, new, true).await?;
                post_more(connection, &actor.name, id, quiet).await?;
                audit::enter(connection, actor, vec![deed("ticket.add", id, None, &members(new))]).await?;
                enter_changes(connection, id, new).await?;
                Ok(Changed::Done(ticket))
            })
            .await
    }

    /// The incidents that open tickets were opened on.
    pub async fn ticketed_incidents(&self) -> Result<BTreeSet<String>, DbError> {
        let mut connection = self.connection().await?;
        let incidents: Vec<Option<String>> = tickets::table
            .filter(tickets::state.eq_any([State::Pending.name(), State::Created.name()]))
            .filter(tickets::incident.is_not_null())
            .select(tickets::incident)
            .load(&mut connection)
            .await?;
        Ok(incidents.into_iter().flatten().collect())
    }

    /// Puts openings, each given with its incident, under the open ticket that was opened on that incident, the latest of
    /// several, in one fenced transaction; the robot says so there once it has been quiet for a while. An opening that is
    /// under a ticket already stays there, and one that somebody has taken out of this one stays out. Returns how many
    /// joined. Doing it again changes nothing.
    ///
    /// # Errors
    /// [`DbError::Deposed`] if another updater has taken over.
    pub async fn join_incidents(
        &self,
        ours: Fence,
        joining: &[(String, NewMember)],
        quiet: Duration,
    ) -> Result<usize, DbError> {
        let mut connection = self.connection().await?;
        let new = || joining.iter().map(|(_, member)| member);
        connection
            .transaction(async |connection| {
                fence::pass(connection, ours).await?;
                lock_covers(connection).await?;
                // A ticket that goes on with the opening before comes first.
                inherit(connection, &beginnings(new())).await?;
                let joined: Vec<Joined> = diesel::sql_query(
                    "insert into ticket_events (ticket_id, event_id, event_key, member, added_by)
                     select distinct on (n.id) t.id, n.id, n.key, n.member, 'heat'
                     from unnest($1, $2, $3, $4) as n(incident, id, key, member)
                     join tickets t on t.incident = n.incident and t.state in ('pending', 'created')
                     where not exists (select from ticket_events own
                                       where own.event_id = n.id and (own.active or own.ticket_id = t.id))
                     order by n.id, t.id desc
                     on conflict do nothing
                     returning ticket_id, event_id, event_key, added_at",
                )
                .bind::<Array<Text>, _>(joining.iter().map(|(incident, _)| incident).collect::<Vec<_>>())
                .bind::<Array<Text>, _>(new().map(|member| &member.event_id).collect::<Vec<_>>())
                .bind::<Array<Text>, _>(new().map(|member| &member.event_key).collect::<Vec<_>>())
                .bind::<Array<Jsonb>, _>(new().map(|member| &member.member).collect::<Vec<_>>())
                .load(connection)
                .await?;
                let grown: BTreeSet<i64> = joined.iter().map(|row| row.ticket_id).collect();
                for id in grown {
                    burns_again(connection, id).await?;
                    post_more(connection, "heat", id, quiet).await?;
                }
                let changes: Vec<_> = joined
                    .iter()
                    .map(|row| change(row.ticket_id, &row.event_id, &row.event_key, row.added_at))
                    .collect();
                changes::enter(connection, &changes).await?;
                Ok(joined.len())
            })
            .await
    }

    /// Takes openings out of a ticket. Those that are not under it are passed over.
    pub async fn take_from_ticket(
        &self,
        actor: &Actor,
        id: i64,
        event_ids: &[String],
        quiet: Duration,
    ) -> Result<Changed, DbError> {
        let mut connection = self.connection().await?;
        connection
            .transaction(async |connection| {
                lock_covers(connection).await?;
                let Some(ticket) = locked(connection, id).await? else { return Ok(Changed::Gone) };
                // What the ticket was never told of need not be taken back there.
                let taken = diesel::sql_query(
                    "update ticket_events set active = false, removed_at = now(), announced = not announced
                     where ticket_id = $1 and event_id = any($2) and removed_at is null",
                )
                .bind::<BigInt, _>(id)
                .bind::<Array<Text>, _>(event_ids)
                .execute(connection)
                .await?;
                if taken > 0 {
                    post_more(connection, &actor.name, id, quiet).await?;
                    let before = json!({ "events": event_ids });
                    let entry = deed("ticket.remove", id, Some(before), &Value::Null);
                    audit::enter(connection, actor, vec![entry]).await?;
                }
                Ok(Changed::Done(ticket))
            })
            .await
    }

    /// Says that a tracker which does not let itself be asked has closed a ticket, or opened it again.
    pub async fn tell_ticket_state(
        &self,
        actor: &Actor,
        id: i64,
        state: State,
        status: &str,
    ) -> Result<Changed, DbError> {
        let mut connection = self.connection().await?;
        connection
            .transaction(async |connection| {
                lock_covers(connection).await?;
                let Some(before) = locked(connection, id).await? else { return Ok(Changed::Gone) };
                let told = matches!(state, State::Created | State::Closed);
                if !told || !matches!(before.state(), State::Created | State::Closed) {
                    return Ok(Changed::NotNow(before));
                }
                let after = set_state(connection, id, state, status).await?;
                let entry = deed("ticket.state", id, Some(json!(before.state)), &json!(after.state));
                audit::enter(connection, actor, vec![entry]).await?;
                Ok(Changed::Done(after))
            })
            .await
    }
}

/// Openings that have just begun, given as id, key and beginning, inherit the open ticket of the opening before of the
/// same key. Doing it again changes nothing.
pub(super) async fn inherit(
    connection: &mut AsyncPgConnection,
    began: &[(&str, &str, Timestamp)],
) -> QueryResult<()> {
    for_followers(
        connection,
        began,
        "insert into ticket_events (ticket_id, event_id, event_key, member, added_by, announced)
         select distinct on (n.id) e.ticket_id, n.id, n.key, e.member, 'heat', true
         from followers n
         join ticket_events e on e.event_id = n.before and e.active
         join tickets t on t.id = e.ticket_id and t.state in ('pending', 'created')
         where not exists (select from ticket_events own where own.event_id = n.id)
         order by n.id, e.ticket_id desc
         on conflict do nothing",
    )
    .await
}

/// Holds off everybody else who changes which ticket covers what, until the transaction ends, so that two who want the same
/// event come one after the other.
pub(super) async fn lock_covers(connection: &mut AsyncPgConnection) -> QueryResult<()> {
    let lock = Lock::Covers.number();
    connection.batch_execute(&format!("select pg_advisory_xact_lock({lock})")).await
}

/// What the tracker says of a ticket it has: closed, it covers nothing any more; opened again, it takes its events back.
pub(super) async fn set_state(
    connection: &mut AsyncPgConnection,
    id: i64,
    state: State,
    status: &str,
) -> QueryResult<StoredTicket> {
    if state == State::Closed {
        diesel::update(ticket_events::table.filter(ticket_events::ticket_id.eq(id)))
            .set(ticket_events::active.eq(false))
            .execute(connection)
            .await?;
    } else {
        take_back(connection, id).await?;
    }
    let closed_at = (state == State::Closed).then(Utc::now);
    diesel::update(tickets::table.find(id))
        .set((
            tickets::state.eq(state.name()),
            tickets::status.eq(status),
            tickets::closed_at.eq(closed_at),
            tickets::refreshed_at.eq(diesel::dsl::now),
        ))
        .returning(StoredTicket::as_returning())
        .get_result(connection)
        .await
}

/// A ticket that is open again covers what no other ticket has taken meanwhile.
async fn take_back(connection: &mut AsyncPgConnection, id: i64) -> QueryResult<()> {
    diesel::sql_query(
        "update ticket_events e set active = true
         where e.ticket_id = $1 and not e.active and e.removed_at is null
           and not exists (select from ticket_events other where other.event_id = e.event_id and other.active)",
    )
    .bind::<BigInt, _>(id)
    .execute(connection)
    .await?;
    Ok(())
}

async fn asked_before(
    connection: &mut AsyncPgConnection,
    author: &str,
    idempotency_key: &str,
    request_digest: &str,
) -> QueryResult<Option<Asked>> {
    let before: Option<StoredTicket> = tickets::table
        .filter(tickets::author.eq(author))
        .filter(tickets::idempotency_key.eq(idempotency_key))
        .select(StoredTicket::as_select())
        .first(connection)
        .await
        .optional()?;
    let same = |before: &StoredTicket| before.request_digest.as_deref() == Some(request_digest);
    Ok(before.map(|before| if same(&before) { Asked::Again(before) } else { Asked::OtherRequest }))
}

async fn locked(connection: &mut AsyncPgConnection, id: i64) -> QueryResult<Option<StoredTicket>> {
    tickets::table.find(id).for_update().select(StoredTicket::as_select()).first(connection).await.optional()
}

async fn by_key(connection: &mut AsyncPgConnection, key: &str) -> QueryResult<Option<StoredTicket>> {
    tickets::table
        .filter(tickets::key.eq(key))
        .filter(tickets::state.ne(State::Failed.name()))
        .for_update()
        .select(StoredTicket::as_select())
        .first(connection)
        .await
        .optional()
}

/// Which of the openings an open ticket other than `except` covers.
async fn covered(
    connection: &mut AsyncPgConnection,
    new: &[NewMember],
    except: Option<i64>,
) -> QueryResult<Vec<(String, StoredTicket)>> {
    let ids: Vec<String> = new.iter().map(|member| member.event_id.clone()).collect();
    covering(connection, &ids, except).await
}

async fn covering(
    connection: &mut AsyncPgConnection,
    ids: &[String],
    except: Option<i64>,
) -> QueryResult<Vec<(String, StoredTicket)>> {
    ticket_events::table
        .inner_join(tickets::table)
        .filter(ticket_events::event_id.eq_any(ids))
        .filter(ticket_events::active.eq(true))
        .filter(tickets::state.eq_any([State::Pending.name(), State::Created.name()]))
        .filter(tickets::id.ne(except.unwrap_or(0)))
        .order(ticket_events::event_id)
        .select((ticket_events::event_id, StoredTicket::as_select()))
        .load(connection)
        .await
}

async fn insert(
    connection: &mut AsyncPgConnection,
    actor: &Actor,
    new: &NewTicket,
) -> QueryResult<StoredTicket> {
    diesel::insert_into(tickets::table)
        .values((
            tickets::attached.eq(new.existing.is_some()),
            tickets::key.eq(&new.existing),
            tickets::template.eq(new.template.as_ref().map(|(name, _)| name)),
            tickets::templates_version.eq(new.template.as_ref().map(|(_, version)| version)),
            tickets::draft.eq(value(&new.draft)),
            tickets::severity.eq(i16::from(new.severity.level())),
            tickets::incident.eq(&new.incident),
            tickets::comment_on_more.eq(&new.comment_on_more),
            tickets::comment_on_clear.eq(&new.comment_on_clear),
            tickets::author.eq(&actor.name),
            tickets::idempotency_key.eq(&new.idempotency_key),
            tickets::request_digest.eq(&new.request_digest),
        ))
        .returning(StoredTicket::as_returning())
        .get_result(connection)
        .await
}

/// Puts openings under a ticket and takes them from whatever ticket had them.
async fn cover(
    connection: &mut AsyncPgConnection,
    actor: &Actor,
    id: i64,
    new: &[NewMember],
    later: bool,
) -> QueryResult<()> {
    let ids: Vec<&str> = new.iter().map(|member| member.event_id.as_str()).collect();
    diesel::update(
        ticket_events::table
            .filter(ticket_events::event_id.eq_any(&ids))
            .filter(ticket_events::active.eq(true))
            .filter(ticket_events::ticket_id.ne(id)),
    )
    .set(ticket_events::active.eq(false))
    .execute(connection)
    .await?;
    // One that was taken out and comes back before the ticket was told of either needs no word.
    diesel::sql_query(
        "insert into ticket_events as e (ticket_id, event_id, event_key, member, added_by, announced)
         select $1, n.id, n.key, n.member, $2, not $3 from unnest($4, $5, $6) as n(id, key, member)
         on conflict (ticket_id, event_id) do update
             set active = true, removed_at = null, member = excluded.member,
                 announced = case when e.removed_at is null then e.announced else not e.announced end",
    )
    .bind::<BigInt, _>(id)
    .bind::<Text, _>(&actor.name)
    .bind::<Bool, _>(later)
    .bind::<Array<Text>, _>(&ids)
    .bind::<Array<Text>, _>(new.iter().map(|member| member.event_key.as_str()).collect::<Vec<_>>())
    .bind::<Array<Jsonb>, _>(new.iter().map(|member| &member.member).collect::<Vec<_>>())
    .execute(connection)
    .await?;
    burns_again(connection, id).await
}

/// Tells that these openings came under a ticket.
async fn enter_changes(connection: &mut AsyncPgConnection, id: i64, new: &[NewMember]) -> QueryResult<()> {
    let now = Utc::now();
    let changes: Vec<_> = new.iter().map(|m| change(id, &m.event_id, &m.event_key, now)).collect();
    changes::enter(connection, &changes).await
}

fn change(ticket: i64, event_id: &str, event_key: &str, at: DateTime<Utc>) -> NewChange {
    NewChange {
        kind: Kind::Ticketed,
        at,
        event_key: event_key.to_owned(),
        event_id: Some(event_id.to_owned()),
        severity: None,
        subject: Some(ticket),
    }
}

/// A ticket that got an event has no all-clear any more.
async fn burns_again(connection: &mut AsyncPgConnection, id: i64) -> QueryResult<()> {
    diesel::update(tickets::table.find(id))
        .set((tickets::cleared_at.eq(None::<DateTime<Utc>>), tickets::clear_said.eq(false)))
        .execute(connection)
        .await?;
    Ok(())
}

/// The earlier tickets of the same keys are linked to the new one.
async fn link(
    connection: &mut AsyncPgConnection,
    actor: &Actor,
    id: i64,
    new: &[NewMember],
) -> QueryResult<()> {
    let keys: Vec<&str> = new.iter().map(|member| member.event_key.as_str()).collect();
    diesel::sql_query(
        "insert into ticket_posts (ticket_id, kind, body, author)
         select $1, 'link', key, $2 from (
             select distinct t.id, t.key from ticket_events e join tickets t on t.id = e.ticket_id
             where e.event_key = any($3) and t.id <> $1 and t.key is not null and t.state in ('created', 'closed')
             order by t.id desc limit $4
         ) as earlier",
    )
    .bind::<BigInt, _>(id)
    .bind::<Text, _>(&actor.name)
    .bind::<Array<Text>, _>(keys)
    .bind::<BigInt, _>(LINKS)
    .execute(connection)
    .await?;
    Ok(())
}

/// The robot is to say what came and went, unless it already is to.
async fn post_more(
    connection: &mut AsyncPgConnection,
    author: &str,
    id: i64,
    quiet: Duration,
) -> QueryResult<()> {
    diesel::sql_query(
        "insert into ticket_posts (ticket_id, kind, author, next_attempt_at)
         values ($1, 'more', $2, now() + make_interval(secs => $3)) on conflict do nothing",
    )
    .bind::<BigInt, _>(id)
    .bind::<Text, _>(author)
    .bind::<Double, _>(quiet.as_secs_f64())
    .execute(connection)
    .await?;
    Ok(())
}

/// The robot is to write an operator's words on the open tickets of these keys; on how many it will.
pub(super) async fn post_words(
    connection: &mut AsyncPgConnection,
    actor: &Actor,
    keys: Vec<&str>,
    words: &str,
) -> QueryResult<usize> {
    diesel::sql_query(
        "insert into ticket_posts (ticket_id, kind, body, author)
         select distinct e.ticket_id, 'operator', $1, $2
         from ticket_events e join tickets t on t.id = e.ticket_id
         where e.event_key = any($3) and e.active and t.state in ('pending', 'created')",
    )
    .bind::<Text, _>(words)
    .bind::<Text, _>(&actor.name)
    .bind::<Array<Text>, _>(keys)
    .execute(connection)
    .await
}

fn beginnings<'a>(new: impl Iterator<Item = &'a NewMember>) -> Vec<(&'a str, &'a str, Timestamp)> {
    new.map(|m| (m.event_id.as_str(), m.event_key.as_str(), m.since)).collect()
}

fn value(draft: &Draft) -> Value {
    serde_json::to_value(draft).unwrap_or_default()
}

fn members(new: &[NewMember]) -> Value {
    json!({ "events": new.iter().map(|member| &member.event_id).collect::<Vec<_>>() })
}

fn deed(action: &'static str, id: i64, before: Option<Value>, after: &Value) -> Deed<'static> {
    let after = (!after.is_null()).then(|| after.clone());
    Deed { action, target: format!("ticket:{id}"), before, after }
}
