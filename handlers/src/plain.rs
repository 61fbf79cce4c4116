//! `GET /plain`: the events as a table, for a browser without JavaScript, a terminal, a screen reader.

use std::cmp::Reverse;
use std::sync::Arc;
use std::time::Duration;

use heat::comment::Comment;
use heat::floor::Floor;
use heat::handled::Handled;
use heat::placement::Unplaced;
use heat::severity::Severity;
use heat::snapshot::{ActiveEvent, Status, Ticket};
use heat::time::Timestamp;
use sailfish::TemplateSimple;

use crate::app::App;
use crate::events;
use crate::kept::Picture;
use crate::page::{self, STYLE};
use crate::parameters::Parameters;
use crate::problem::Problem;
use crate::reply::Reply;

/// A longer table helps nobody and takes a browser seconds.
const LONGEST_TABLE: usize = 2000;

/// Where an event stands, or why it stands nowhere. What the inventory does not know goes by its number.
pub(crate) fn place(floor: &Floor, event: &ActiveEvent<'_>) -> String {
    let named = |name: Option<&str>, what: &str, id: u64| name.map_or(format!("{what} {id}"), str::to_owned);
    let rack = event.rack_id.map(|id| named(floor.path(id), "rack", id));
    let device = event.device_id.map(|id| named(floor.device(id), "device", id));
    let why = event.unplaced.map(|why| {
        let why = match why {
            Unplaced::UnknownHost => "the inventory knows no such host",
            Unplaced::Ambiguous => "several devices have this name",
            Unplaced::NoRack => "the inventory mounts it nowhere",
            Unplaced::HostPending => "its source has not told the host yet",
        };
        format!("unplaced: {why}")
    });
    [rack, device, why].into_iter().flatten().collect::<Vec<_>>().join(" / ")
}

struct Level {
    number: u8,
    name: &'static str,
    count: usize,
    current: bool,
}

struct Row<'a> {
    level: u8,
    severity: &'static str,
    name: &'a str,
    opdata: &'a str,
    link: Option<String>,
    place: String,
    placed: bool,
    host: &'a str,
    since: String,
    age: String,
    handled: Option<&'static str>,
    ticket: Option<TicketCell<'a>>,
    comment: Option<&'a Comment>,
    more_comments: u32,
    source: &'a str,
}

/// A ticket: its key with its page, and how it stands.
pub(crate) struct TicketCell<'a> {
    pub(crate) key: &'a str,
    pub(crate) page: Option<&'a str>,
    pub(crate) standing: &'a str,
    /// Why it is not created.
    pub(crate) error: &'a str,
}

#[derive(TemplateSimple)]
#[template(path = "plain.stpl")]
struct Page<'a> {
    total: usize,
    as_of: String,
    bands: Vec<(&'static str, String)>,
    levels: Vec<Level>,
    rows: Vec<Row<'a>>,
    left_out: usize,
}

/// Shows the last picture this replica saw, whatever the stores do.
pub(crate) async fn show(app: &App, query: Option<&str>) -> Result<Reply, Problem> {
    let from = severity(query.unwrap_or_default())?;
    let picture = app.pictures.of(&*app.feed.required()?).await?;
    let floor = match app.documents.floor().await {
        Ok(floor) => floor,
        Err(problem) => {
            tracing::debug!(?problem, "places are shown by their numbers");
            Arc::default()
        }
    };
    let page = tokio::task::spawn_blocking(move || rendered(&picture, &floor, from, Timestamp::now()));
    Ok(page::html(page.await.map_err(anyhow::Error::from)?.map_err(anyhow::Error::from)?))
}

fn severity(query: &str) -> Result<Severity, Problem> {
    let parameters = Parameters::once(query, &["severity"])?;
    let Some(value) = parameters.get("severity") else { return Ok(Severity::NotClassified) };
    value.parse().map_err(|error| Problem::Invalid(format!("severity = {value}: {error}")))
}

fn rendered(
    picture: &Picture,
    floor: &Floor,
    from: Severity,
    now: Timestamp,
) -> Result<String, sailfish::RenderError> {
    let snapshot = &picture.0;
    let mut events: Vec<_> = snapshot.events.iter().filter(|event| event.severity >= from).collect();
    let matching = events.len();
    events.sort_by_key(|event| (event.handled.is_some(), Reverse(event.severity), Reverse(event.since)));
    events.truncate(LONGEST_TABLE);
    let page = Page {
        total: snapshot.events.len(),
        as_of: page::at(snapshot.generated_at.0),
        bands: bands(picture, now),
        levels: levels(picture, from),
        rows: events.iter().map(|event| row(picture, floor, event, now)).collect(),
        left_out: matching - events.len(),
    };
    page.render_once()
}

/// What one must know before believing the table.
pub(crate) fn bands(picture: &Picture, now: Timestamp) -> Vec<(&'static str, String)> {
    let mut bands = Vec::new();
    if let Some(age) = not_live(picture, now) {
        bands.push(("bad", format!("NOT LIVE: this picture {age}; look at the status page.")));
    }
    for source in picture.0.sources.iter().filter(|source| source.status != Status::Ok) {
        let since = source.fetched_at.0.map_or_else(
            || "nobody knows how old its last complete answer is".to_owned(),
            |at| format!("its last complete answer is {} old", page::age(now.since(at))),
        );
        let error = source.error.as_deref().unwrap_or("no reason given");
        bands.push(("poor", format!("{}: {}; {since}: {error}", source.name, source.status.name())));
    }
    bands
}

/// Three beats of the publisher.
const STALE_PICTURE: Duration = Duration::from_mins(1);

/// Of a picture that cannot be taken for that of now: how old it is. One that is to come was made before a clock went back.
pub(crate) fn not_live(picture: &Picture, now: Timestamp) -> Option<String> {
    let made_at = picture.0.generated_at.0;
    let (age, ahead) = (now.since(made_at), made_at.since(now));
    if ahead > STALE_PICTURE {
        return Some(format!("is of a time {} from now, and of any age", page::age(ahead)));
    }
    (age > STALE_PICTURE).then(|| format!("is {} old", page::age(age)))
}

fn levels(picture: &Picture, from: Severity) -> Vec<Level> {
    let count = |severity| picture.0.events.iter().filter(|event| event.severity >= severity).count();
    let level = |severity: Severity| Level {
        number: severity.level(),
        name: words(severity),
        count: count(severity),
        current: severity == from,
    };
    Severity::ALL.into_iter().rev().map(level).collect()
}

fn row<'a>(picture: &Picture, floor: &Floor, event: &'a ActiveEvent<'static>, now: Timestamp) -> Row<'a> {
    Row {
        level: event.severity.level(),
        severity: words(event.severity),
        name: &event.name,
        opdata: &event.opdata,
        link: events::link(picture, event).filter(|link| is_page(link)),
        place: place(floor, event),
        placed: event.unplaced.is_none(),
        host: &event.host,
        since: page::at(event.since),
        age: page::age(now.since(event.since)),
        handled: event.handled.map(why),
        ticket: event.ticket.as_deref().map(ticket),
        comment: event.comments.last(),
        more_comments: event.comment_count.saturating_sub(1),
        source: &event.source,
    }
}

/// What an address opens must never be a script.
pub(crate) fn is_page(address: &str) -> bool {
    address.starts_with("http://") || address.starts_with("https://")
}

pub(crate) fn ticket<'a>(ticket: &'a Ticket<'_>) -> TicketCell<'a> {
    TicketCell {
        key: &ticket.key,
        page: Some(&*ticket.url).filter(|url| is_page(url)),
        standing: match &*ticket.state {
            "pending" => "creating",
            "failed" => "not created",
            "closed" => "closed, still burning",
            _ => &ticket.status,
        },
        error: &ticket.error,
    }
}

pub(crate) fn words(severity: Severity) -> &'static str {
    match severity {
        Severity::NotClassified => "Not classified",
        Severity::Information => "Information",
        Severity::Warning => "Warning",
        Severity::Average => "Average",
        Severity::High => "High",
        Severity::Disaster => "Disaster",
    }
}

fn why(handled: Handled) -> &'static str {
    match handled {
        Handled::Suppressed => "in maintenance",
        Handled::Dependent => "depends on another",
        Handled::Acknowledged => "acknowledged",
        Handled::Ticketed => "has a ticket",
        Handled::Note => "under a quiet note",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(from: Severity) -> String {
        let snapshot = serde_json::from_str(include_str!("../../lib/examples/snapshot.json")).unwrap();
        let mut inventory: heat::inventory::Inventory =
            serde_json::from_str(include_str!("../../lib/examples/inventory.json")).unwrap();
        inventory.normalise();
        let picture = Picture(snapshot);
        let now = picture.0.generated_at.0;
        rendered(&picture, &Floor::new(&inventory), from, now).unwrap()
    }

    #[test]
    fn every_event_is_a_row_with_its_place_or_the_reason_it_has_none() {
        let page = page(Severity::NotClassified);
        assert!(page.contains(">SAS / SAS-A / A01 / srv-00001<"), "{page}");
        assert!(page.contains("unplaced: "));
        let snapshot: heat::snapshot::Snapshot<'_> =
            serde_json::from_str(include_str!("../../lib/examples/snapshot.json")).unwrap();
        assert_eq!(page.matches("class=\"severity").count(), snapshot.events.len());
    }

    #[test]
    fn the_worst_that_nobody_handles_stands_first_and_milder_ones_can_be_left_out() {
        let all = page(Severity::NotClassified);
        let first = all.find("class=\"severity").unwrap();
        assert!(all[first..].starts_with("class=\"severity s5"));
        let worst = page(Severity::Disaster);
        assert!(!worst.contains("class=\"severity s4"));
        assert!(worst.contains("aria-current=\"true\">Disaster"));
    }

    #[test]
    fn a_picture_of_a_minute_ago_or_to_come_is_not_live() {
        let picture = Picture(heat::snapshot::Snapshot::default());
        let made_at = picture.0.generated_at.0;
        let minute = Duration::from_mins(1);
        assert_eq!(not_live(&picture, made_at + minute), None);
        assert_eq!(not_live(&picture, made_at - minute), None);
        assert!(not_live(&picture, made_at + 2 * minute).unwrap().ends_with("old"));
        assert!(not_live(&picture, made_at - 2 * minute).unwrap().contains("of any age"));
    }

    #[test]
    fn what_a_source_sends_is_text_and_never_markup() {
        let mut snapshot = heat::snapshot::Snapshot::default();
        let evil = "<script>alert(1)</script>";
        let event = ActiveEvent { name: evil.into(), host: evil.into(), ..ActiveEvent::default() };
        snapshot.events.push(event);
        let page =
            rendered(&Picture(snapshot), &Floor::default(), Severity::NotClassified, Timestamp::default());
        assert!(!page.unwrap().contains("<script>"));
    }

    fn with_ticket(ticket: Ticket<'static>) -> String {
        let mut snapshot = heat::snapshot::Snapshot::default();
        snapshot.events.push(ActiveEvent { ticket: Some(Box::new(ticket)), ..ActiveEvent::default() });
        let none = Severity::NotClassified;
        rendered(&Picture(snapshot), &Floor::default(), none, Timestamp::default()).unwrap()
    }

    #[test]
    fn a_ticket_is_its_key_with_its_page_and_how_it_stands() {
        let url = "https://tracker.example.net/NOC-83";
        let open = Ticket { key: "NOC-83".into(), url: url.into(), ..Ticket::default() };
        let created =
            with_ticket(Ticket { state: "created".into(), status: "In progress".into(), ..open.clone() });
        assert!(created.contains(&format!("<a href=\"{url}\" rel=\"noreferrer\">NOC-83</a>")), "{created}");
        assert!(created.contains("In progress"));
        let closed = with_ticket(Ticket { state: "closed".into(), ..open });
        assert!(closed.contains("closed, still burning"), "{closed}");
    }

    #[test]
    fn a_ticket_that_was_refused_says_why_and_its_address_is_never_a_script() {
        let page = with_ticket(Ticket {
            key: "NOC-1".into(),
            url: "javascript:alert(1)".into(),
            state: "failed".into(),
            error: "no such queue".into(),
            ..Ticket::default()
        });
        assert!(page.contains("not created: no such queue"), "{page}");
        assert!(!page.contains("javascript:"));
    }

    #[test]
    fn a_severity_nobody_knows_is_refused() {
        assert_eq!(severity("severity=high").unwrap(), Severity::High);
        assert_eq!(severity("").unwrap(), Severity::NotClassified);
        assert!(severity("severity=9").is_err() && severity("x=1").is_err());
    }
}
