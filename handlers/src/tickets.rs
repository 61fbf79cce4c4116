//! Tickets: asked for, attached, edited, given events. Everything is written to Postgres and sent by the updater; no
//! handler talks to the tracker.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use heat::cache::TrackerRecord;
use heat::db::tickets::{
    Asked as Outcome, Changed, NewMember, NewTicket, StoredMember, StoredPost, StoredTicket,
};
use heat::severity::Severity;
use heat::ticket::{Draft, State};
use heat::time::Timestamp;
use hyper::StatusCode;
use hyper::header::{HeaderMap, HeaderName, HeaderValue, LOCATION};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::app::App;
use crate::parameters::{self, Parameters};
use crate::problem::Problem;
use crate::reply::{self, Reply};
use crate::service::Asked;
use crate::templates::{self, Chosen};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The longest idempotency key, in bytes.
const LONGEST_NAME: usize = 200;

/// The longest key of a ticket, in bytes.
const LONGEST_TICKET_KEY: usize = 100;

/// Tickets on a page unless asked otherwise, and at most.
const PAGE: usize = 50;
const LONGEST_PAGE: usize = 200;

/// What is asked for: a ticket by a template, one in the caller's own words, or one that was opened elsewhere.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AskedFor {
    ids: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    template: Option<String>,
    #[serde(default)]
    edits: Edits,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    existing: Option<String>,
    #[serde(default)]
    force: bool,
}

/// What the caller wants otherwise than the template has it; without a template, all there is.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Edits {
    queue: Option<String>,
    summary: Option<String>,
    description: Option<String>,
    r#type: Option<String>,
    priority: Option<String>,
    tags: Option<Vec<String>>,
    components: Option<Vec<String>>,
    followers: Option<Vec<String>>,
    assignee: Option<String>,
    fields: Option<BTreeMap<String, Value>>,
}

impl Edits {
    fn on(self, draft: Draft) -> Draft {
        Draft {
            queue: self.queue.unwrap_or(draft.queue),
            summary: self.summary.unwrap_or(draft.summary),
            description: self.description.unwrap_or(draft.description),
            kind: self.r#type.or(draft.kind),
            priority: self.priority.or(draft.priority),
            tags: self.tags.unwrap_or(draft.tags),
            components: self.components.unwrap_or(draft.components),
            followers: self.followers.unwrap_or(draft.followers),
            assignee: self.assignee.or(draft.assignee),
            fields: self.fields.unwrap_or(draft.fields),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Openings {
    ids: Vec<String>,
    #[serde(default)]
    force: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ToldState {
    state: State,
    #[serde(default)]
    status: String,
}

/// A ticket as the API shows it.
#[derive(Serialize)]
struct Shown {
    id: i64,
    state: State,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    url: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    status: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    attached: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    template: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    templates_version: Option<String>,
    draft: Draft,
    severity: Severity,
    #[serde(skip_serializing_if = "Option::is_none")]
    incident: Option<String>,
    author: String,
    created_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    sent_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    closed_at: Option<Timestamp>,
    attempts: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_attempt_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "String::is_empty")]
    error: String,
    /// It may be edited: the tracker certainly does not have it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    editable: bool,
}

impl From<StoredTicket> for Shown {
    fn from(ticket: StoredTicket) -> Self {
        let state = ticket.state();
        let waits = matches!(state, State::Pending | State::Failed);
        Self {
            id: ticket.id,
            state,
            draft: ticket.draft(),
            severity: ticket.severity(),
            key: ticket.key,
            url: ticket.url,
            status: ticket.status,
            attached: ticket.attached,
            template: ticket.template,
            templates_version: ticket.templates_version,
            incident: ticket.incident,
            author: ticket.author,
            created_at: ticket.created_at.into(),
            sent_at: ticket.sent_at.map(Into::into),
            closed_at: ticket.closed_at.map(Into::into),
            attempts: ticket.attempts,
            next_attempt_at: (state == State::Pending).then(|| ticket.next_attempt_at.into()),
            error: if waits { ticket.last_error } else { String::new() },
            editable: waits && !ticket.maybe_sent && !ticket.attached,
        }
    }
}

#[derive(Serialize)]
struct Made {
    #[serde(flatten)]
    ticket: Shown,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unknown: Vec<String>,
}

#[derive(Serialize)]
struct Whole {
    #[serde(flatten)]
    ticket: Shown,
    events: Vec<MemberRow>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    posts: Vec<PostRow>,
}

#[derive(Serialize)]
struct MemberRow {
    id: String,
    key: String,
    added_by: String,
    added_at: Timestamp,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    covered: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    removed_at: Option<Timestamp>,
}

impl From<StoredMember> for MemberRow {
    fn from(member: StoredMember) -> Self {
        Self {
            id: member.event_id,
            key: member.event_key,
            added_by: member.added_by,
            added_at: member.added_at.into(),
            covered: member.active,
            removed_at: member.removed_at.map(Into::into),
        }
    }
}

#[derive(Serialize)]
struct PostRow {
    kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    author: String,
    state: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    error: String,
    created_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    sent_at: Option<Timestamp>,
}

impl From<StoredPost> for PostRow {
    fn from(post: StoredPost) -> Self {
        Self {
            kind: post.kind,
            text: post.body,
            author: post.author,
            state: post.state,
            error: post.last_error,
            created_at: post.created_at.into(),
            sent_at: post.sent_at.map(Into::into),
        }
    }
}

#[derive(Serialize)]
struct Page {
    tickets: Vec<Shown>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// `POST /api/v1/tickets`
pub(crate) async fn create(app: &App, asked: Asked) -> Result<Reply, Problem> {
    let actor = asked.actor()?;
    let (parts, body) = asked.request.into_parts();
    let idempotency_key = idempotency_key(&parts.headers)?;
    let asked_for: AskedFor = reply::body(&parts.headers, body).await?;
    let digest = Sha256::digest(serde_json::to_vec(&asked_for).map_err(anyhow::Error::from)?);
    let request_digest = URL_SAFE_NO_PAD.encode(digest);
    // A repetition is answered as the first time, though the events may be over by now.
    match app.db.ticket_asked_for(&actor.name, &idempotency_key, &request_digest).await? {
        Some(Outcome::Again(ticket)) => return made(ticket, Vec::new()),
        Some(_) => return Err(Problem::OtherRequest),
        None => {}
    }
    let chosen = Chosen::of(app, &asked_for.ids).await?;
    let new = new_ticket(app, asked_for, &chosen, &actor.name, idempotency_key, request_digest).await?;
    let ids: Vec<&str> = new.members.iter().map(|member| member.event_id.as_str()).collect();
    let ticket = match app.db.ask_for_ticket(&actor, &new).await? {
        Outcome::Made(ticket) => {
            app.tell_changed(&actor).await;
            ticket
        }
        Outcome::Again(ticket) => ticket,
        Outcome::OtherRequest => return Err(Problem::OtherRequest),
        Outcome::Covered(covered) => return Err(covered_by(&covered, &ids)),
    };
    made(ticket, chosen.unknown)
}

fn made(ticket: StoredTicket, unknown: Vec<String>) -> Result<Reply, Problem> {
    let location = format!("/api/v1/tickets/{}", ticket.id);
    let mut reply = reply::json(StatusCode::CREATED, &Made { ticket: ticket.into(), unknown })?;
    reply.headers_mut().insert(LOCATION, HeaderValue::try_from(location).map_err(anyhow::Error::from)?);
    Ok(reply)
}

async fn new_ticket(
    app: &App,
    asked_for: AskedFor,
    chosen: &Chosen,
    operator: &str,
    idempotency_key: String,
    request_digest: String,
) -> Result<NewTicket, Problem> {
    let tracker = tracker(app).await?;
    let existing = asked_for.existing.as_deref().map(ticket_key).transpose()?;
    if existing.is_none() && tracker.kind == "link" {
        let detail = "this site's tickets are opened by hand: open one by the link, and attach it by its key";
        return Err(Problem::Invalid(detail.to_owned()));
    }
    if existing.is_some() && asked_for.template.is_some() {
        let detail = "a ticket is made by a template, or was opened elsewhere (existing): say one of the two";
        return Err(Problem::Invalid(detail.to_owned()));
    }
    let (mut template, mut comment_on_more, mut comment_on_clear) = (None, None, None);
    let mut draft = Draft::default();
    if let Some(name) = asked_for.template {
        let (version, set) = templates::active(app).await?;
        let subject = chosen.subject(app, Some(operator.to_owned()));
        draft = templates::rendered(&set, &name, subject).await?;
        if let Some(used) = set.tickets().find(|template| template.name == name) {
            comment_on_more.clone_from(&used.comment_on_more);
            comment_on_clear.clone_from(&used.comment_on_clear);
        }
        template = Some((name, version));
    }
    let draft = asked_for.edits.on(draft);
    if existing.is_none() {
        draft.check()?;
    }
    let members = new_members(chosen)?;
    Ok(NewTicket {
        draft,
        existing,
        template,
        comment_on_more,
        comment_on_clear,
        severity: chosen.events().map(|event| event.severity).max().unwrap_or_default(),
        incident: chosen.incident().map(str::to_owned),
        members,
        force: asked_for.force,
        idempotency_key,
        request_digest,
        quiet: Duration::from_secs(tracker.quiet_s),
    })
}

async fn tracker(app: &App) -> Result<TrackerRecord, Problem> {
    app.cache.tracker().await?.ok_or_else(|| {
        Problem::not_now(
            "no tracker is configured (HEAT_TRACKER of the updater), or no updater has told of it yet",
        )
    })
}

fn new_members(chosen: &Chosen) -> Result<Vec<NewMember>, Problem> {
    chosen
        .events()
        .map(|event| {
            Ok(NewMember {
                event_id: event.id.to_string(),
                event_key: event.key.to_string(),
                since: event.since,
                member: serde_json::to_value(chosen.member(event)).map_err(anyhow::Error::from)?,
            })
        })
        .collect()
}

fn idempotency_key(headers: &HeaderMap) -> Result<String, Problem> {
    let key = headers.get(IDEMPOTENCY_KEY).and_then(|value| value.to_str().ok()).map(str::trim);
    let key = key.filter(|key| (1..=LONGEST_NAME).contains(&key.len()));
    key.map(str::to_owned).ok_or_else(|| {
        Problem::Invalid(format!(
            "the header Idempotency-Key is missing, too long or not plain ASCII: name the request with 1 to {LONGEST_NAME} \
             characters of your own, such as a UUID, and send it with every repetition, so that it makes one ticket"
        ))
    })
}

fn ticket_key(key: &str) -> Result<String, Problem> {
    let key = key.trim();
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '#' | '/');
    if (1..=LONGEST_TICKET_KEY).contains(&key.len()) && key.chars().all(plain) {
        Ok(key.to_owned())
    } else {
        Err(Problem::Invalid(format!("existing = {key:?} is no ticket's key; one looks like NOC-77")))
    }
}

/// Which events an open ticket covers, and which are free, so that the caller can choose.
fn covered_by(covered: &[(String, StoredTicket)], ids: &[&str]) -> Problem {
    let taken: BTreeSet<&str> = covered.iter().map(|(id, _)| id.as_str()).collect();
    let list: Vec<_> = covered
        .iter()
        .map(|(id, ticket)| {
            let ticket =
                json!({ "id": ticket.id, "key": ticket.key, "url": ticket.url, "state": ticket.state() });
            json!({ "id": id, "ticket": ticket })
        })
        .collect();
    let free: Vec<_> = ids.iter().filter(|id| !taken.contains(*id)).collect();
    let detail = "open tickets cover some of these events: add the free ones to such a ticket \
                  (POST /tickets/{id}/events), ask for the free ones alone, or say \"force\": true";
    Problem::Conflict { detail: detail.to_owned(), more: json!({ "covered": list, "free": free }) }
}

/// `GET /api/v1/tickets`
pub(crate) async fn list(app: &App, query: &str) -> Result<Reply, Problem> {
    let parameters = Parameters::once(query, &["state", "cursor", "limit"])?;
    let state = |text: &str| {
        text.parse::<State>().map_err(|error| Problem::Invalid(format!("state = {text}: {error}")))
    };
    let state = parameters.get("state").map(state).transpose()?;
    let limit = parameters.limit(PAGE, LONGEST_PAGE)?;
    let mut tickets = app.db.tickets(state, parameters.id_cursor()?, limit + 1).await?;
    let next = parameters::cut(&mut tickets, limit, |last| last.id)?;
    reply::json(StatusCode::OK, &Page { tickets: tickets.into_iter().map(Into::into).collect(), next })
}

/// `GET /api/v1/tickets/{id}`
pub(crate) async fn show(app: &App, id: i64) -> Result<Reply, Problem> {
    let ticket = app.db.ticket(id).await?.ok_or_else(none)?;
    whole(app, ticket).await
}

async fn whole(app: &App, ticket: StoredTicket) -> Result<Reply, Problem> {
    let (members, posts) = app.db.ticket_contents(ticket.id).await?;
    let whole = Whole {
        ticket: ticket.into(),
        events: members.into_iter().map(Into::into).collect(),
        posts: posts.into_iter().map(Into::into).collect(),
    };
    reply::json(StatusCode::OK, &whole)
}

/// `PATCH /api/v1/tickets/{id}`
pub(crate) async fn edit(app: &App, asked: Asked, id: i64) -> Result<Reply, Problem> {
    let actor = asked.actor()?;
    let (parts, body) = asked.request.into_parts();
    let edits: Edits = reply::body(&parts.headers, body).await?;
    let before = app.db.ticket(id).await?.ok_or_else(none)?;
    let draft = edits.on(before.draft());
    draft.check()?;
    let changed = app.db.edit_ticket(&actor, id, &draft).await?;
    answer(app, &actor, changed, |ticket| {
        if ticket.maybe_sent && matches!(ticket.state(), State::Pending | State::Failed) {
            "the tracker may have it already; let it be sent again, and edit it there".to_owned()
        } else {
            format!("it is {}; edit it in the tracker", ticket.state().name())
        }
    })
    .await
}

/// `POST /api/v1/tickets/{id}/events`
pub(crate) async fn add(app: &App, asked: Asked, id: i64) -> Result<Reply, Problem> {
    let actor = asked.actor()?;
    let (parts, body) = asked.request.into_parts();
    let Openings { ids, force } = reply::body(&parts.headers, body).await?;
    let chosen = Chosen::of(app, &ids).await?;
    let members = new_members(&chosen)?;
    let quiet = Duration::from_secs(tracker(app).await?.quiet_s);
    let changed = app.db.add_to_ticket(&actor, id, &members, force, quiet).await?;
    if let Changed::Covered(covered) = &changed {
        let ids: Vec<&str> = members.iter().map(|member| member.event_id.as_str()).collect();
        return Err(covered_by(covered, &ids));
    }
    let why = |ticket: &StoredTicket| format!("it is {}; ask for a new one", ticket.state().name());
    answer(app, &actor, changed, why).await
}

/// `DELETE /api/v1/tickets/{id}/events`
pub(crate) async fn take(app: &App, asked: Asked, id: i64) -> Result<Reply, Problem> {
    let actor = asked.actor()?;
    let (parts, body) = asked.request.into_parts();
    let Openings { ids, .. } = reply::body(&parts.headers, body).await?;
    if ids.is_empty() || ids.len() > templates::MOST_IDS {
        let detail = format!("ids has {} elements; it must have 1 to {}", ids.len(), templates::MOST_IDS);
        return Err(Problem::Invalid(detail));
    }
    let quiet = Duration::from_secs(tracker(app).await?.quiet_s);
    let changed = app.db.take_from_ticket(&actor, id, &ids, quiet).await?;
    answer(app, &actor, changed, |_| String::new()).await
}

/// `POST /api/v1/tickets/{id}/retry`
pub(crate) async fn retry(app: &App, asked: &Asked, id: i64) -> Result<Reply, Problem> {
    let actor = asked.actor()?;
    let changed = app.db.retry_ticket(&actor, id).await?;
    let why =
        |ticket: &StoredTicket| format!("it is {}; only a failed one is retried", ticket.state().name());
    answer(app, &actor, changed, why).await
}

/// `POST /api/v1/tickets/{id}/state`
pub(crate) async fn tell_state(app: &App, asked: Asked, id: i64) -> Result<Reply, Problem> {
    let actor = asked.actor()?;
    let (parts, body) = asked.request.into_parts();
    let ToldState { state, status } = reply::body(&parts.headers, body).await?;
    let changed = app.db.tell_ticket_state(&actor, id, state, &status).await?;
    let why = |ticket: &StoredTicket| {
        format!(
            "it is {}; a ticket the tracker has can be told to be created or closed",
            ticket.state().name()
        )
    };
    answer(app, &actor, changed, why).await
}

fn none() -> Problem {
    Problem::NotFound("there is no such ticket".to_owned())
}

/// The ticket as it is now, or why it is not changed.
async fn answer(
    app: &App,
    actor: &heat::db::audit::Actor,
    changed: Changed,
    why: impl FnOnce(&StoredTicket) -> String,
) -> Result<Reply, Problem> {
    match changed {
        Changed::Done(ticket) => {
            app.tell_changed(actor).await;
            whole(app, ticket).await
        }
        Changed::Gone => Err(none()),
        Changed::NotNow(ticket) => {
            let detail = format!("ticket {} cannot be changed so: {}", ticket.id, why(&ticket));
            Err(Problem::Conflict { detail, more: json!({ "ticket": Shown::from(ticket) }) })
        }
        Changed::Covered(covered) => Err(covered_by(&covered, &[])),
    }
}
