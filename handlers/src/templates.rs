//! The templates of tickets and comments: which there are, which fits best, and what one would say.

use std::collections::BTreeSet;
use std::sync::Arc;

use heat::cache::{TemplatesRecord, TrackerRecord};
use heat::inventory::Inventory;
use heat::snapshot::ActiveEvent;
use heat::template::{CommentTemplate, IncidentView, Member, Set, Subject, TicketTemplate};
use heat::ticket::Draft;
use heat::time::Timestamp;
use hyper::StatusCode;
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::comments::has_host;
use crate::kept::Picture;
use crate::parameters::Parameters;
use crate::problem::Problem;
use crate::reply::{self, Reply};
use crate::service::Asked;

/// Openings that one ticket may be asked for, and one preview be made of.
pub(crate) const MOST_IDS: usize = 1000;

/// Openings by which the best template is found; they stand in the URL.
const MOST_IDS_IN_QUERY: usize = 50;

#[derive(Serialize)]
struct Answer<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    committed_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pulled_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rejected: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pull_error: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tracker: Option<Tracker<'a>>,
    tickets: Vec<&'a TicketTemplate>,
    comments: Vec<&'a CommentTemplate>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    best: Vec<&'a str>,
}

#[derive(Serialize)]
struct Tracker<'a> {
    kind: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    link: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    answered_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "str::is_empty")]
    error: &'a str,
    pending: u64,
    failed: u64,
}

impl<'a> From<&'a TrackerRecord> for Tracker<'a> {
    fn from(record: &'a TrackerRecord) -> Self {
        Self {
            kind: &record.kind,
            link: &record.link,
            answered_at: record.answered_at,
            error: &record.error,
            pending: record.pending,
            failed: record.failed,
        }
    }
}

/// `GET /api/v1/templates`, with `?id=…&id=…` the best for these openings first in `best`.
pub(crate) async fn list(app: &App, query: &str) -> Result<Reply, Problem> {
    let ids = ids_of(query)?;
    let record = app.cache.templates_record().await?.unwrap_or_default();
    let tracker = app.cache.tracker().await?;
    let active = app.templates.active(&app.cache).await?;
    let subject = match (&active, ids.is_empty()) {
        (Some(_), false) => Some(Chosen::of(app, &ids).await?.subject(app, None)),
        _ => None,
    };
    let set = active.as_ref().map(|(_, set)| &**set);
    reply::json(StatusCode::OK, &answer(&record, tracker.as_ref(), set, subject.as_ref()))
}

fn answer<'a>(
    record: &'a TemplatesRecord,
    tracker: Option<&'a TrackerRecord>,
    set: Option<&'a Set>,
    subject: Option<&Subject>,
) -> Answer<'a> {
    Answer {
        version: Some(record.version.as_str()).filter(|version| !version.is_empty()),
        subject: Some(record.subject.as_str()).filter(|subject| !subject.is_empty()),
        committed_at: record.committed_at,
        pulled_at: record.pulled_at,
        rejected: record.rejected.as_deref(),
        error: record.error.as_deref(),
        pull_error: record.pull_error.as_deref(),
        tracker: tracker.map(Into::into),
        tickets: set.map(|set| set.tickets().collect()).unwrap_or_default(),
        comments: set.map(|set| set.comments().collect()).unwrap_or_default(),
        best: set.zip(subject).map(|(set, subject)| set.ranked(subject)).unwrap_or_default(),
    }
}

fn ids_of(query: &str) -> Result<Vec<String>, Problem> {
    let parameters = Parameters::many(query, &["id"])?;
    let ids: Vec<_> = parameters.all("id").map(str::to_owned).collect();
    if ids.len() > MOST_IDS_IN_QUERY {
        let detail = format!("{} ids are too many; {MOST_IDS_IN_QUERY} are enough to tell", ids.len());
        return Err(Problem::Invalid(detail));
    }
    Ok(ids)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Render {
    ids: Vec<String>,
}

#[derive(Serialize)]
#[serde(untagged)]
#[expect(clippy::large_enum_variant, reason = "there is one, and it is written at once")]
enum Rendered {
    Ticket {
        draft: Draft,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        warnings: Vec<String>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        unknown: Vec<String>,
    },
    Comment {
        text: String,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        unknown: Vec<String>,
    },
}

/// `POST /api/v1/templates/{name}/render`: what the ticket would be, by the same renderer as the ticket itself.
pub(crate) async fn render(app: &App, asked: Asked, name: &str) -> Result<Reply, Problem> {
    let operator = asked.caller()?.name.clone();
    let (parts, body) = asked.request.into_parts();
    let Render { ids } = reply::body(&parts.headers, body).await?;
    let chosen = Chosen::of(app, &ids).await?;
    let (_, set) = active(app).await?;
    let subject = chosen.subject(app, Some(operator));
    let unknown = chosen.unknown;
    if set.comments().any(|template| template.name == name) {
        let (set, name) = (Arc::clone(&set), name.to_owned());
        let text = away(move || set.comment(&name, &subject)).await?;
        return reply::json(StatusCode::OK, &Rendered::Comment { text, unknown });
    }
    let draft = rendered(&set, name, subject).await?;
    let mut warnings: Vec<_> = unknown.iter().map(|id| format!("{id} is over, and is left out")).collect();
    warnings.extend(unknown_fields(app, &draft).await?);
    reply::json(StatusCode::OK, &Rendered::Ticket { draft, warnings, unknown })
}

/// The active set, where a template is asked for by name.
pub(crate) async fn active(app: &App) -> Result<(String, Arc<Set>), Problem> {
    let missing = || {
        Problem::NotFound(
            "there are no templates; set HEAT_TEMPLATES_URL for the updater, or look at /status for why the newest \
             commit is not active"
                .to_owned(),
        )
    };
    app.templates.active(&app.cache).await?.ok_or_else(missing)
}

/// A ticket by its template.
pub(crate) async fn rendered(set: &Arc<Set>, name: &str, subject: Subject) -> Result<Draft, Problem> {
    if !set.tickets().any(|template| template.name == name) {
        let names: Vec<_> = set.tickets().map(|template| template.name.as_str()).collect();
        return Err(Problem::NotFound(format!("no template {name}; there are {}", names.join(", "))));
    }
    let (set, name) = (Arc::clone(set), name.to_owned());
    away(move || set.ticket(&name, &subject)).await
}

/// Rendering is bounded, but not so tightly that sockets should wait for it.
async fn away<T: Send + 'static>(
    render: impl FnOnce() -> Result<T, heat::template::RenderError> + Send + 'static,
) -> Result<T, Problem> {
    let rendered = tokio::task::spawn_blocking(render).await.map_err(anyhow::Error::from)?;
    rendered.map_err(|error| {
        let detail = format!("the template cannot say it for these events: {error}");
        Problem::Conflict { detail, more: serde_json::Value::Null }
    })
}

/// Fields that the tracker does not know in that queue, as far as it has told which it knows.
async fn unknown_fields(app: &App, draft: &Draft) -> Result<Vec<String>, Problem> {
    let tracker = app.cache.tracker().await?.unwrap_or_default();
    let Some(known) = tracker.fields.get(&draft.queue) else { return Ok(Vec::new()) };
    let unknown = draft.fields.keys().filter(|field| !known.contains_key(*field));
    let warn =
        |field| format!("the queue {} has no field {field}: the tracker will refuse the ticket", draft.queue);
    Ok(unknown.map(warn).collect())
}

/// Active openings that a request names, and all that is known about them.
pub(crate) struct Chosen {
    picture: Arc<Picture>,
    inventory: Arc<Inventory>,
    /// Their places in the picture.
    at: Vec<usize>,
    /// Those that are not active any more.
    pub(crate) unknown: Vec<String>,
}

impl Chosen {
    /// # Errors
    /// [`Problem::NotFound`] if none of them is active; [`Problem::Invalid`] if they are none or too many.
    pub(crate) async fn of(app: &App, ids: &[String]) -> Result<Self, Problem> {
        if ids.is_empty() || ids.len() > MOST_IDS {
            let detail = format!("ids has {} elements; it must have 1 to {MOST_IDS}", ids.len());
            return Err(Problem::Invalid(detail));
        }
        let picture = app.pictures.of(&*app.feed.required()?).await?;
        let inventory = app.documents.places().await?;
        let mut wanted: BTreeSet<&str> = ids.iter().map(String::as_str).collect();
        let mut at = Vec::new();
        for (index, event) in picture.0.events.iter().enumerate() {
            if has_host(event) && wanted.remove(&*event.id) {
                at.push(index);
            }
        }
        if at.is_empty() {
            let detail = "none of these openings is active any more; look at the picture again";
            return Err(Problem::NotFound(detail.to_owned()));
        }
        let unknown = wanted.into_iter().map(str::to_owned).collect();
        Ok(Self { picture, inventory, at, unknown })
    }

    /// The events, each once.
    pub(crate) fn events(&self) -> impl Iterator<Item = &ActiveEvent<'static>> {
        self.at.iter().filter_map(|index| self.picture.0.events.get(*index))
    }

    /// The incident that all of them belong to.
    pub(crate) fn incident(&self) -> Option<&str> {
        let mut keys = self.events().map(|event| event.incident.as_deref());
        let first = keys.next()??;
        keys.all(|key| key == Some(first)).then_some(first)
    }

    /// An event as templates see it.
    pub(crate) fn member(&self, event: &ActiveEvent<'_>) -> Member {
        let source = self.picture.0.sources.iter().find(|source| source.name == event.source);
        Member::new(event, source.map(|source| &*source.link).unwrap_or_default(), &self.inventory)
    }

    /// What a template speaks of.
    pub(crate) fn subject(&self, app: &App, operator: Option<String>) -> Subject {
        let members = self.events().map(|event| self.member(event)).collect();
        let incident = self.incident().and_then(|key| self.picture.0.incidents.iter().find(|i| i.key == key));
        Subject {
            zone: app.settings.zone(),
            operator,
            incident: incident.map(|incident| IncidentView {
                key: incident.key.to_string(),
                reason: incident.reason.to_string(),
                since: incident.since,
                members: incident.members,
            }),
            ..Subject::new(members, Timestamp::now())
        }
    }
}
