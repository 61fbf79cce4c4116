//! `GET /api/v1/audit`: who did what to what, for admins.

use heat::db::audit::{Asked as Filter, Entry};
use heat::time::Timestamp;
use hyper::StatusCode;
use serde::Serialize;

use crate::app::App;
use crate::parameters::{self, Parameters};
use crate::problem::Problem;
use crate::reply::{self, Reply};

/// Entries on a page unless asked otherwise.
const PAGE: usize = 100;

/// Entries on a page at most.
const LONGEST_PAGE: usize = 1000;

/// The longest name or target asked for, in bytes.
const LONGEST_VALUE: usize = 1000;

#[derive(Serialize)]
struct Shown {
    id: i64,
    at: Timestamp,
    actor: String,
    action: String,
    target: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<serde_json::Value>,
    via: String,
    request_id: String,
}

impl From<Entry> for Shown {
    fn from(entry: Entry) -> Self {
        Self {
            id: entry.id,
            at: entry.at.into(),
            actor: entry.actor,
            action: entry.action,
            target: entry.target,
            before: entry.before,
            after: entry.after,
            via: entry.via,
            request_id: entry.request_id,
        }
    }
}

#[derive(Serialize)]
struct Page {
    entries: Vec<Shown>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// Latest first.
pub(crate) async fn list(app: &App, query: &str) -> Result<Reply, Problem> {
    let (filter, limit) = asked(query)?;
    let mut entries = app.db.audit(&filter, limit + 1).await?;
    let next = parameters::cut(&mut entries, limit, |last| last.id)?;
    reply::json(StatusCode::OK, &Page { entries: entries.into_iter().map(Into::into).collect(), next })
}

fn asked(query: &str) -> Result<(Filter, usize), Problem> {
    let parameters = Parameters::once(query, &["target", "actor", "cursor", "limit"])?;
    let whole = |name| {
        let fits = |value: &str| (1..=LONGEST_VALUE).contains(&value.len()) && !value.contains('\0');
        match parameters.get(name) {
            Some(value) if !fits(value) => {
                Err(Problem::Invalid(format!("{name} has 1 to {LONGEST_VALUE} bytes, none of them NUL")))
            }
            value => Ok(value.map(str::to_owned)),
        }
    };
    let before = parameters.id_cursor()?;
    let filter = Filter { target: whole("target")?, actor: whole("actor")?, before };
    Ok((filter, parameters.limit(PAGE, LONGEST_PAGE)?))
}
