//! Acknowledgements: taking events on, for a while or until they worsen, and giving them back.
//!
//! Written to Postgres alone; where it is configured, the updater tells the source.

use std::borrow::Cow;
use std::collections::BTreeSet;

use heat::comment::accepted_text;
use heat::db::acknowledgements::{Of, StoredAcknowledgement, Terms};
use heat::filter::{Filter, Scene};
use heat::severity::Severity;
use heat::snapshot::ActiveEvent;
use heat::time::Timestamp;
use hyper::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::app::App;
use crate::comments::has_host;
use crate::event_list;
use crate::problem::Problem;
use crate::reply::{self, Reply};
use crate::service::Asked;
use crate::until::Until;

/// Openings that one request may name; what a filter means may be more.
const MOST_IDS: usize = 1000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AskedFor {
    ids: Option<Vec<String>>,
    filter: Option<String>,
    count: Option<usize>,
    #[serde(default)]
    text: String,
    until: Option<Until>,
    #[serde(default)]
    until_worsens: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Openings {
    ids: Option<Vec<String>>,
    filter: Option<String>,
    count: Option<usize>,
}

/// An acknowledgement as the API shows it.
#[derive(Serialize)]
struct Shown {
    id: i64,
    event_id: String,
    event_key: String,
    by: String,
    at: Timestamp,
    #[serde(skip_serializing_if = "String::is_empty")]
    text: String,
    severity: Severity,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<Timestamp>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    until_worsens: bool,
}

impl From<StoredAcknowledgement> for Shown {
    fn from(stored: StoredAcknowledgement) -> Self {
        Self {
            id: stored.id,
            severity: stored.severity(),
            event_id: stored.event_id,
            event_key: stored.event_key,
            by: stored.author,
            at: stored.created_at.into(),
            text: stored.text,
            until: stored.until.map(Into::into),
            until_worsens: stored.until_worsens,
        }
    }
}

#[derive(Serialize)]
struct Given {
    acknowledgements: Vec<Shown>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unknown: Vec<String>,
}

#[derive(Serialize)]
struct Withdrawn {
    withdrawn: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unknown: Vec<String>,
}

/// Openings that a request means.
struct Meant {
    openings: Vec<Of>,
    /// Those that are not active any more, or whose host is yet to come.
    unknown: Vec<String>,
}

/// `POST /api/v1/events/acknowledge`
pub(crate) async fn acknowledge(app: &App, asked: Asked) -> Result<Reply, Problem> {
    let actor = asked.actor()?;
    let (parts, body) = asked.request.into_parts();
    let asked_for: AskedFor = reply::body(&parts.headers, body).await?;
    let text = match asked_for.text.trim() {
        "" => Cow::default(),
        text => accepted_text(text)?,
    };
    let until = asked_for.until.map(|until| until.moment(app, Timestamp::now())).transpose()?;
    let terms = Terms { text: text.into_owned(), until, until_worsens: asked_for.until_worsens };
    let AskedFor { ids, filter, count, .. } = asked_for;
    let meant = meant(app, Openings { ids, filter, count }).await?;
    let given = app.db.acknowledge(&actor, &meant.openings, &terms).await?;
    app.tell_changed(&actor).await;
    let acknowledgements = given.into_iter().map(Into::into).collect();
    reply::json(StatusCode::CREATED, &Given { acknowledgements, unknown: meant.unknown })
}

/// `DELETE /api/v1/events/acknowledge`
pub(crate) async fn withdraw(app: &App, asked: Asked) -> Result<Reply, Problem> {
    let actor = asked.actor()?;
    let (parts, body) = asked.request.into_parts();
    let meant = meant(app, reply::body(&parts.headers, body).await?).await?;
    let withdrawn = app.db.withdraw_acknowledgements(&actor, &meant.openings).await?;
    let withdrawn: Vec<_> = withdrawn.into_iter().map(|ended| ended.event_id).collect();
    if withdrawn.is_empty() {
        let detail = "none of these openings is acknowledged in Heat; one that its source calls acknowledged is taken back \
                      there";
        return Err(Problem::NotFound(detail.to_owned()));
    }
    app.tell_changed(&actor).await;
    let done: BTreeSet<&str> = withdrawn.iter().map(String::as_str).collect();
    let without = meant.openings.into_iter().map(|of| of.event_id).filter(|id| !done.contains(&**id));
    let unknown = meant.unknown.into_iter().chain(without).collect();
    reply::json(StatusCode::OK, &Withdrawn { withdrawn, unknown })
}

async fn meant(app: &App, openings: Openings) -> Result<Meant, Problem> {
    match (openings.ids, openings.filter, openings.count) {
        (Some(ids), None, None) => named(app, &ids).await,
        (None, Some(filter), Some(count)) => filtered(app, &filter, count).await,
        _ => {
            let detail = "name what is meant by ids, or by a filter and the count of events you saw it mean";
            Err(Problem::Invalid(detail.to_owned()))
        }
    }
}

async fn named(app: &App, ids: &[String]) -> Result<Meant, Problem> {
    if ids.is_empty() || ids.len() > MOST_IDS {
        let detail = format!("ids has {} elements; it must have 1 to {MOST_IDS}", ids.len());
        return Err(Problem::Invalid(detail));
    }
    let picture = app.pictures.of(&*app.feed.required()?).await?;
    let mut wanted: BTreeSet<&str> = ids.iter().map(String::as_str).collect();
    let is_meant = |event: &&ActiveEvent<'_>| has_host(event) && wanted.remove(&*event.id);
    let openings = picture.0.events.iter().filter(is_meant).map(of).collect();
    let unknown = wanted.into_iter().map(str::to_owned).collect();
    some(Meant { openings, unknown })
}

async fn filtered(app: &App, filter: &str, count: usize) -> Result<Meant, Problem> {
    let filter: Filter = filter.parse()?;
    let picture = app.pictures.of(&*app.feed.required()?).await?;
    let floor = event_list::floor(app, &filter).await?;
    let find = move || {
        let scene = Scene::new(&picture.0, &floor, Timestamp::now());
        let (found, pending): (Vec<_>, Vec<_>) =
            picture.0.events.iter().filter(|event| filter.matches(event, &scene)).partition(|e| has_host(e));
        let unknown = pending.into_iter().map(|event| event.id.to_string()).collect();
        Meant { openings: found.into_iter().map(of).collect(), unknown }
    };
    let meant = tokio::task::spawn_blocking(find).await.map_err(anyhow::Error::from)?;
    let now = meant.openings.len() + meant.unknown.len();
    if now != count {
        let detail = format!("the filter meant {count} events and means {now} now; look at them again");
        return Err(Problem::Conflict { detail, more: json!({ "count": now }) });
    }
    some(meant)
}

fn some(meant: Meant) -> Result<Meant, Problem> {
    if meant.openings.is_empty() {
        let detail =
            "none of these openings is active, or their hosts are yet to come; look at the picture again";
        return Err(Problem::NotFound(detail.to_owned()));
    }
    Ok(meant)
}

fn of(event: &ActiveEvent<'_>) -> Of {
    Of {
        event_id: event.id.to_string(),
        event_key: event.key.to_string(),
        since: event.since,
        severity: event.severity,
    }
}
