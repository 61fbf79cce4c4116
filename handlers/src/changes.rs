//! `GET /api/v1/changes`: what happened to events, in the order in which Heat learnt of it, for robots that follow along.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use heat::db::changes::{After, Change};
use heat::severity::Severity;
use heat::time::Timestamp;
use hyper::StatusCode;
use serde::Serialize;

use crate::app::App;
use crate::history::moment;
use crate::parameters::Parameters;
use crate::problem::Problem;
use crate::reply::{self, Reply};

/// Changes in an answer unless asked otherwise.
const PAGE: usize = 100;

/// Changes in an answer at most.
const LONGEST_PAGE: usize = 1000;

/// A cursor, before it is encoded, begins with this.
const CURSOR: &str = "change:";

#[derive(Serialize)]
struct Page {
    changes: Vec<Shown>,
    next: String,
}

/// A change as the API shows it.
#[derive(Serialize)]
struct Shown {
    kind: String,
    at: Timestamp,
    key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    event_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rack_id: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    device_id: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    severity: Option<Severity>,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ticket: Option<Ticket>,
}

#[derive(Serialize)]
struct Ticket {
    id: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    url: String,
}

impl From<Change> for Shown {
    fn from(change: Change) -> Self {
        Self {
            kind: change.kind,
            at: change.at,
            key: change.event_key,
            event_id: change.event_id,
            name: change.name,
            host: change.host,
            source: change.source,
            rack_id: change.rack_id,
            device_id: change.device_id,
            severity: change.severity,
            by: change.by,
            text: change.text,
            ticket: change.ticket.map(|ticket| Ticket { id: ticket.id, key: ticket.key, url: ticket.url }),
        }
    }
}

/// `GET /api/v1/changes`
pub(crate) async fn list(app: &App, query: &str) -> Result<Reply, Problem> {
    let (after, limit) = page_of(query)?;
    let (changes, next) = app.db.changes(after, limit).await?;
    let next = URL_SAFE_NO_PAD.encode(format!("{CURSOR}{next}"));
    reply::json(StatusCode::OK, &Page { changes: changes.into_iter().map(Into::into).collect(), next })
}

fn page_of(query: &str) -> Result<(After, usize), Problem> {
    let parameters = Parameters::once(query, &["since", "limit"])?;
    let after = match parameters.get("since") {
        None => After::Latest,
        Some(since) => cursor(since).map_or_else(|| moment(since).map(After::Time), Ok)?,
    };
    Ok((after, parameters.limit(PAGE, LONGEST_PAGE)?))
}

fn cursor(text: &str) -> Option<After> {
    let decoded = URL_SAFE_NO_PAD.decode(text).ok()?;
    let id = std::str::from_utf8(&decoded).ok()?.strip_prefix(CURSOR)?.parse().ok()?;
    (id >= 0).then_some(After::Id(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_begins_at_a_cursor_at_a_time_or_with_the_latest() {
        assert_eq!(page_of("").unwrap(), (After::Latest, PAGE));
        let zero = URL_SAFE_NO_PAD.encode("change:0");
        assert_eq!(page_of(&format!("since={zero}&limit=7")).unwrap(), (After::Id(0), 7));
        let at = page_of("since=1970-01-01T00:00:07Z").unwrap();
        assert_eq!(at.0, After::Time(Timestamp::from_unix(7)));
        let negative = format!("since={}", URL_SAFE_NO_PAD.encode("change:-1"));
        for wrong in ["since=", "since=NDI", &negative, "since=now", "limit=0", "limit=1001", "cursor=x"] {
            assert!(matches!(page_of(wrong), Err(Problem::Invalid(_))), "{wrong}");
        }
    }
}
