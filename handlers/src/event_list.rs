//! `GET /api/v1/events`: the active events that a filter means, page by page as JSON or whole as CSV.
//!
//! A page begins behind a place in the order, not at a number: what comes or goes between two requests neither repeats
//! an event nor skips one that stayed where it was.

use std::sync::Arc;

use heat::event::at_most;
use heat::filter::{Filter, Scene};
use heat::floor::{Floor, Spot};
use heat::snapshot::ActiveEvent;
use heat::time::Timestamp;
use hyper::header::{ACCEPT, HeaderValue, VARY};
use hyper::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};

use crate::accept::weight;
use crate::app::App;
use crate::event_csv;
use crate::events;
use crate::kept::Picture;
use crate::parameters::{self, Parameters};
use crate::problem::Problem;
use crate::reply::{self, Reply};
use crate::service::Asked;

/// Events on a page unless asked otherwise.
const PAGE: usize = 100;

/// Events on a page at most.
const LONGEST_PAGE: usize = 1000;

/// Texts are ordered by so many characters, and then by id, so that a cursor fits into an address.
const ORDERED_BY: usize = 100;

/// What the order is made by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Severity,
    Since,
    Host,
    Place,
    Name,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Sort {
    by: By,
    backwards: bool,
}

/// The worst first, of equals the newest.
const DEFAULT_SORT: &str = "-severity";

impl Sort {
    fn read(text: &str) -> Option<Self> {
        let (backwards, name) = text.strip_prefix('-').map_or((false, text), |name| (true, name));
        let by = match name {
            "severity" => By::Severity,
            "since" => By::Since,
            "host" => By::Host,
            "place" => By::Place,
            "name" => By::Name,
            _ => return None,
        };
        Some(Self { by, backwards })
    }

    fn rank(self, event: &ActiveEvent<'_>, spot: &Spot<'_>) -> Rank {
        let text = |text: &str| at_most(text, ORDERED_BY).to_lowercase();
        let id = event.id.to_string();
        let nothing = Rank { level: 0, since: 0, text: String::new(), id };
        match self.by {
            By::Severity => Rank { level: event.severity.level(), since: event.since.unix(), ..nothing },
            By::Since => Rank { since: event.since.unix(), ..nothing },
            By::Host => Rank { text: text(&event.host), ..nothing },
            By::Place => Rank { text: text(spot.path().unwrap_or_default()), ..nothing },
            By::Name => Rank { text: text(&event.name), ..nothing },
        }
    }
}

/// An event's place in an order. What the order does not look at is the same for all.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Rank {
    level: u8,
    since: i64,
    text: String,
    id: String,
}

/// Where a page begins: behind this place, in this order.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Cursor(String, Rank);

/// What is asked for.
#[derive(Debug)]
struct Query {
    filter: Filter,
    /// As it was asked for.
    order: String,
    sort: Sort,
    after: Option<Rank>,
    limit: usize,
    /// A page was asked for, not everything.
    is_paged: bool,
}

impl Query {
    fn read(query: &str) -> Result<Self, Problem> {
        let parameters = Parameters::once(query, &["filter", "sort", "cursor", "limit"])?;
        let filter = parameters.get("filter").unwrap_or_default().parse()?;
        let order = parameters.get("sort").unwrap_or(DEFAULT_SORT).to_owned();
        let limit = parameters.number("limit", LONGEST_PAGE)?;
        let cursor: Option<Cursor> = parameters.cursor()?;
        let sort = Sort::read(&order).ok_or_else(|| {
            let expected = "it is severity, since, host, place or name, backwards with - before it";
            Problem::Invalid(format!("sort = {order}: {expected}"))
        })?;
        let is_paged = cursor.is_some() || limit.is_some();
        let after = match cursor {
            Some(Cursor(of, _)) if of != order => {
                let detail = format!("the cursor is of sort = {of}; begin anew without it");
                return Err(Problem::Invalid(detail));
            }
            cursor => cursor.map(|Cursor(_, rank)| rank),
        };
        Ok(Self { filter, order, sort, after, limit: limit.unwrap_or(PAGE), is_paged })
    }
}

#[derive(Serialize)]
struct Page<'a> {
    revision: u64,
    generated_at: Timestamp,
    count: usize,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    events: Vec<Shown<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// An event with what a reader without the inventory would have to look up.
#[derive(Serialize)]
pub(crate) struct Shown<'a> {
    #[serde(flatten)]
    pub(crate) event: &'a ActiveEvent<'static>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) place: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) device: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) link: Option<String>,
}

impl<'a> Shown<'a> {
    /// An event where it stands.
    pub(crate) fn on(picture: &'a Picture, event: &'a ActiveEvent<'static>, floor: &'a Floor) -> Self {
        Self::new(picture, event, &floor.spot(event))
    }

    fn new(picture: &'a Picture, event: &'a ActiveEvent<'static>, spot: &Spot<'a>) -> Self {
        let device = spot.device().filter(|name| !name.is_empty());
        Self { event, place: spot.path(), device, link: events::link(picture, event) }
    }
}

/// Answers from the last picture this replica saw, whatever the stores do.
pub(crate) async fn show(app: &App, asked: &Asked) -> Result<Reply, Problem> {
    let query = Query::read(asked.request.uri().query().unwrap_or_default())?;
    let as_csv = wants_csv(asked.headers());
    if as_csv && query.is_paged {
        return Err(Problem::Invalid("CSV holds all that match; leave cursor and limit out".to_owned()));
    }
    let picture = app.pictures.of(&*app.feed.required()?).await?;
    let floor = floor(app, &query.filter).await?;
    let make = move || {
        let now = Timestamp::now();
        if as_csv {
            let events = ordered(&picture, &floor, &query, now);
            event_csv::reply(events.iter().map(|(_, event, spot)| Shown::new(&picture, event, spot)))
        } else {
            reply::json(StatusCode::OK, &page(&picture, &floor, &query, now)?)
        }
    };
    let mut reply = tokio::task::spawn_blocking(make).await.map_err(anyhow::Error::from)??;
    reply.headers_mut().insert(VARY, HeaderValue::from_static("Accept"));
    Ok(reply)
}

/// Where things stand. Without an inventory a filter that asks for places cannot be judged, and must not pass for one that
/// nothing matches.
pub(crate) async fn floor(app: &App, filter: &Filter) -> Result<Arc<Floor>, Problem> {
    match app.documents.floor().await {
        Err(problem) if filter.needs_places() => Err(problem),
        Err(problem) => {
            tracing::debug!(?problem, "places are left out");
            Ok(Arc::default())
        }
        floor => floor,
    }
}

fn wants_csv(headers: &HeaderMap) -> bool {
    let json = weight(headers, &ACCEPT, "application/json").or_else(|| weight(headers, &ACCEPT, "*/*"));
    weight(headers, &ACCEPT, "text/csv").is_some_and(|csv| csv > json.unwrap_or(0.0))
}

/// The events that match, in order, with where they stand.
fn ordered<'a>(
    picture: &'a Picture,
    floor: &'a Floor,
    query: &Query,
    now: Timestamp,
) -> Vec<(Rank, &'a ActiveEvent<'static>, Spot<'a>)> {
    let scene = Scene::new(&picture.0, floor, now);
    let matching = picture.0.events.iter().filter(|event| query.filter.matches(event, &scene));
    let ranked = matching.map(|event| {
        let spot = floor.spot(event);
        (query.sort.rank(event, &spot), event, spot)
    });
    let mut events: Vec<_> = ranked.collect();
    events.sort_unstable_by(
        |(one, ..), (other, ..)| {
            if query.sort.backwards { other.cmp(one) } else { one.cmp(other) }
        },
    );
    events
}

fn page<'a>(
    picture: &'a Picture,
    floor: &'a Floor,
    query: &Query,
    now: Timestamp,
) -> Result<Page<'a>, Problem> {
    let events = ordered(picture, floor, query, now);
    let passed = |rank: &Rank| match &query.after {
        None => false,
        Some(after) if query.sort.backwards => rank >= after,
        Some(after) => rank <= after,
    };
    let rest = events.get(events.partition_point(|(rank, ..)| passed(rank))..).unwrap_or_default();
    let here = rest.get(..query.limit).unwrap_or(rest);
    let last = here.last().filter(|_| here.len() < rest.len());
    Ok(Page {
        revision: picture.0.revision.0,
        generated_at: picture.0.generated_at.0,
        count: events.len(),
        events: here.iter().map(|(_, event, spot)| Shown::new(picture, event, spot)).collect(),
        next: last
            .map(|(rank, ..)| parameters::cursor(&Cursor(query.order.clone(), rank.clone())))
            .transpose()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use heat::severity::Severity;
    use heat::snapshot::Snapshot;

    fn invalid(query: &str) -> String {
        match Query::read(query) {
            Err(Problem::Invalid(detail) | Problem::Syntax { detail, .. }) => detail,
            other => panic!("{query}: {other:?}"),
        }
    }

    #[test]
    fn what_cannot_be_asked_is_told_what_can() {
        assert!(invalid("limit=0").contains("1 to 1000"));
        assert!(invalid("limit=1001").contains("1 to 1000"));
        assert!(invalid("sort=age").contains("severity, since"));
        assert!(invalid("sort=--host").contains("severity, since"));
        assert!(invalid("cursor=NDI").contains("cursor"));
        assert!(invalid("q=x").contains("unknown parameter q"));
        assert!(invalid("filter=a+hots:x").contains("character 3: unknown field \"hots\""));
    }

    #[test]
    fn a_cursor_is_of_one_order() {
        let rank = Rank { level: 4, since: 7, text: String::new(), id: "zabbix:1:а".into() };
        let cursor = parameters::cursor(&Cursor("-severity".into(), rank.clone())).unwrap();
        assert_eq!(Query::read(&format!("cursor={cursor}")).unwrap().after, Some(rank));
        assert!(invalid(&format!("cursor={cursor}&sort=host")).contains("begin anew"));
    }

    #[test]
    fn csv_is_sent_to_who_would_rather_have_it() {
        let wants = |value| wants_csv(&HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(value))]));
        for yes in ["text/csv", "text/csv, */*;q=0.1", "application/json;q=0.9, Text/CSV; header=present"] {
            assert!(wants(yes), "{yes}");
        }
        for no in ["*/*", "application/json, text/csv", "text/csv;q=0", "text/csv;q=0.5, */*", "text/html"] {
            assert!(!wants(no), "{no}");
        }
        assert!(!wants_csv(&HeaderMap::new()));
    }

    fn event(id: u32, severity: Severity, since: i64) -> ActiveEvent<'static> {
        ActiveEvent {
            id: format!("{id:03}").into(),
            severity,
            since: Timestamp::from_unix(since),
            host: format!("host-{}", id % 3).into(),
            name: format!("problem {}", id % 5).into(),
            ..ActiveEvent::default()
        }
    }

    /// Ids of a page, and where the next begins.
    fn page_of(events: &[ActiveEvent<'static>], query: &str) -> (Vec<String>, Option<String>) {
        let picture = Picture(Snapshot { events: events.to_vec(), ..Snapshot::default() });
        let query = Query::read(query).unwrap();
        let floor = Floor::default();
        let page = page(&picture, &floor, &query, Timestamp::default()).unwrap();
        assert_eq!(page.count, events.len());
        (page.events.iter().map(|shown| shown.event.id.to_string()).collect(), page.next)
    }

    #[test]
    fn the_worst_come_first_and_of_equals_the_newest() {
        let events = [
            event(1, Severity::High, 10),
            event(2, Severity::Disaster, 5),
            event(3, Severity::High, 20),
            event(4, Severity::Warning, 30),
        ];
        assert_eq!(page_of(&events, "").0, ["002", "003", "001", "004"]);
        assert_eq!(page_of(&events, "sort=severity").0, ["004", "001", "003", "002"]);
        assert_eq!(page_of(&events, "sort=-since").0, ["004", "003", "001", "002"]);
        assert_eq!(page_of(&events, "sort=host").0, ["003", "001", "004", "002"]);
    }

    #[test]
    fn pages_together_are_the_whole_whatever_comes_and_goes_between_them() {
        let events: Vec<_> =
            (0..40).map(|n| event(n, Severity::ALL[n as usize % 6], i64::from(n / 7))).collect();
        for sort in ["severity", "-severity", "since", "-since", "host", "-host", "place", "-name"] {
            let mut now = events.clone();
            let (mut seen, mut cursor) = (Vec::new(), String::new());
            for step in 0_usize.. {
                let (ids, next) = page_of(&now, &format!("sort={sort}&limit=7{cursor}"));
                seen.extend(ids);
                let Some(next) = next else { break };
                cursor = format!("&cursor={next}");
                // One that was shown goes, so that what is left moves forward.
                now.retain(|event| *event.id != *seen[step]);
            }
            let whole = page_of(&events, &format!("sort={sort}&limit=1000")).0;
            assert_eq!(seen, whole, "{sort}");
        }
    }
}
