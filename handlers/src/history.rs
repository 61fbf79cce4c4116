//! The history of an event and of a rack: openings, latest first, with all that people did about each.

use std::time::Duration;

use heat::db::acknowledgements::StoredAcknowledgement;
use heat::db::comments::StoredComment;
use heat::db::history::{Behind, PastOpening, PastTicket, Whose};
use heat::severity::Severity;
use heat::time::Timestamp;
use hyper::StatusCode;
use serde::Serialize;

use crate::app::App;
use crate::parameters::{self, Parameters};
use crate::problem::Problem;
use crate::reply::{self, Reply};
use crate::service::Asked;

/// Openings on a page unless asked otherwise.
const PAGE: usize = 50;

/// Openings on a page at most.
const LONGEST_PAGE: usize = 100;

/// How far back a history goes unless asked otherwise, in days.
const DAYS: u64 = 30;

/// The most days that may be asked for; history is kept no longer than the updater is told to.
const MOST_DAYS: u64 = 3660;

#[derive(Serialize)]
struct EventHistory<'a> {
    key: &'a str,
    openings: Vec<Shown>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

#[derive(Serialize)]
struct RackHistory {
    rack_id: i64,
    openings: Vec<Shown>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// An opening as the API shows it.
#[derive(Serialize)]
struct Shown {
    id: String,
    /// Where not all are of one key.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    name: String,
    host: String,
    opened_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    closed_at: Option<Timestamp>,
    severity_first: Severity,
    severity_peak: Severity,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    acknowledgements: Vec<Acknowledged>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    comments: Vec<Said>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tickets: Vec<Ticketed>,
}

#[derive(Serialize)]
struct Acknowledged {
    by: String,
    at: Timestamp,
    #[serde(skip_serializing_if = "String::is_empty")]
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<Timestamp>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    until_worsens: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_by: Option<String>,
}

#[derive(Serialize)]
struct Said {
    id: i64,
    author: String,
    at: Timestamp,
    text: String,
}

#[derive(Serialize)]
struct Ticketed {
    id: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    url: String,
    state: String,
    at: Timestamp,
}

impl Shown {
    fn new(past: PastOpening, with_key: bool) -> Self {
        let opening = past.opening;
        Self {
            severity_first: opening.severity_first(),
            severity_peak: opening.severity_peak(),
            key: with_key.then_some(opening.event_key),
            id: opening.id,
            name: opening.name,
            host: opening.host,
            opened_at: opening.opened_at.into(),
            closed_at: opening.closed_at.map(Into::into),
            acknowledgements: past.acknowledgements.into_iter().map(Into::into).collect(),
            comments: past.comments.into_iter().map(Into::into).collect(),
            tickets: past.tickets.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<StoredAcknowledgement> for Acknowledged {
    fn from(given: StoredAcknowledgement) -> Self {
        Self {
            by: given.author,
            at: given.created_at.into(),
            text: given.text,
            until: given.until.map(Into::into),
            until_worsens: given.until_worsens,
            ended_at: given.ended_at.map(Into::into),
            ended_by: given.ended_by,
        }
    }
}

impl From<StoredComment> for Said {
    fn from(comment: StoredComment) -> Self {
        Self { id: comment.id, author: comment.author, at: comment.created_at.into(), text: comment.text }
    }
}

impl From<PastTicket> for Ticketed {
    fn from(ticket: PastTicket) -> Self {
        Self { id: ticket.id, key: ticket.key, url: ticket.url, state: ticket.state, at: ticket.at }
    }
}

/// `GET /api/v1/events/{key}/history`
pub(crate) async fn of_event(app: &App, asked: &Asked, key: &str) -> Result<Reply, Problem> {
    let (openings, next) = page(app, asked, Whose::Key(key), false).await?;
    reply::json(StatusCode::OK, &EventHistory { key, openings, next })
}

/// `GET /api/v1/racks/{id}/history`
pub(crate) async fn of_rack(app: &App, asked: &Asked, id: i64) -> Result<Reply, Problem> {
    let rack = Whose::Rack(u64::try_from(id).unwrap_or(0));
    let (openings, next) = page(app, asked, rack, true).await?;
    reply::json(StatusCode::OK, &RackHistory { rack_id: id, openings, next })
}

async fn page(
    app: &App,
    asked: &Asked,
    whose: Whose<'_>,
    with_key: bool,
) -> Result<(Vec<Shown>, Option<String>), Problem> {
    let query = Query::read(asked.request.uri().query().unwrap_or_default(), Timestamp::now())?;
    let mut openings = app.db.history(whose, query.since, query.behind.as_ref(), query.limit + 1).await?;
    let next = parameters::cut(&mut openings, query.limit, |last| Behind::opening(&last.opening))?;
    Ok((openings.into_iter().map(|past| Shown::new(past, with_key)).collect(), next))
}

#[derive(Debug, PartialEq, Eq)]
struct Query {
    since: Timestamp,
    behind: Option<Behind>,
    limit: usize,
}

impl Query {
    fn read(query: &str, now: Timestamp) -> Result<Self, Problem> {
        let parameters = Parameters::once(query, &["since", "days", "cursor", "limit"])?;
        let since = parameters.get("since").map(moment).transpose()?;
        let days = parameters.number("days", MOST_DAYS)?;
        if since.is_some() && days.is_some() {
            return Err(Problem::Invalid("name since or days, not both".to_owned()));
        }
        let back = Duration::from_hours(24 * days.unwrap_or(DAYS));
        Ok(Self {
            since: since.unwrap_or(now - back),
            behind: parameters.cursor()?,
            limit: parameters.limit(PAGE, LONGEST_PAGE)?,
        })
    }
}

/// A time in a query.
pub(crate) fn moment(text: &str) -> Result<Timestamp, Problem> {
    let expected = "an RFC 3339 time such as 2026-11-23T21:07:55Z; in a query + is written %2B";
    text.parse().map_err(|_| Problem::Invalid(format!("since = {text}: {expected}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_unix(1_795_468_075);

    #[test]
    fn a_history_goes_back_thirty_days_or_as_far_as_asked() {
        let since = |query| Query::read(query, NOW).unwrap().since;
        assert_eq!(since(""), NOW - Duration::from_hours(24 * 30));
        assert_eq!(since("days=365&limit=7"), NOW - Duration::from_hours(24 * 365));
        assert_eq!(since("since=2026-01-01T03:00:00%2B03:00"), "2026-01-01T00:00:00Z".parse().unwrap());
    }

    #[test]
    fn what_cannot_be_asked_is_told_what_can() {
        for (query, words) in [
            ("days=0", "1 to 3660"),
            ("limit=101", "1 to 100"),
            ("since=yesterday", "such as 2026"),
            ("since=2026-01-01T03:00:00+03:00", "%2B"),
            ("cursor=NDI", "cursor"),
            ("days=1&since=2026-01-01T00:00:00Z", "not both"),
            ("page=2", "expected since"),
        ] {
            let Err(Problem::Invalid(detail)) = Query::read(query, NOW) else { panic!("{query} was taken") };
            assert!(detail.contains(words), "{query}: {detail}");
        }
    }
}
