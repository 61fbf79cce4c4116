//! `GET /handover`: what the next shift has to know, as a page to print or, for who would rather have it, as text.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use heat::db::history::CameAndWent;
use heat::floor::Floor;
use heat::inventory::{Inventory, RackId};
use heat::note::{Kind, Place};
use heat::severity::Severity;
use heat::shift::{beginning_of_shift, end_of_shift};
use heat::snapshot::{ActiveEvent, HEAT, Note, Ticket};
use heat::template::Tz;
use heat::time::Timestamp;
use hyper::header::{ACCEPT, HeaderValue, VARY};
use hyper::{HeaderMap, StatusCode};
use sailfish::TemplateSimple;

use crate::accept::weight;
use crate::app::App;
use crate::history::moment;
use crate::kept::Picture;
use crate::page::{self, STYLE};
use crate::parameters::Parameters;
use crate::plain::{bands, is_page, place, ticket, words};
use crate::problem::Problem;
use crate::reply::{self, Reply};
use crate::service::Asked;

/// How long a shift is where the configuration has none.
const SHIFT: Duration = Duration::from_hours(12);

/// A report of more than a month is none, and costs Postgres a look at every row.
const LONGEST: Duration = Duration::from_hours(24 * 31);

/// More rows of one kind nobody reads.
const MOST_ROWS: usize = 200;

/// From when to when, and until when the next shift lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    since: Timestamp,
    now: Timestamp,
    next_ends: Timestamp,
    /// When the shift before began.
    before: Timestamp,
    zone: Tz,
}

/// The worst severity of something, as a page shows it.
#[derive(Debug, PartialEq, Eq)]
struct Level {
    number: u8,
    name: &'static str,
}

struct IncidentRow {
    worst: Level,
    rack: String,
    reason: String,
    since: String,
    age: String,
    members: u32,
    /// Problems of it that nobody handles.
    unhandled: usize,
}

struct EventRow {
    severity: Level,
    name: String,
    opdata: String,
    place: String,
    host: String,
    since: String,
    age: String,
    comment: String,
}

struct TicketRow {
    worst: Level,
    key: String,
    page: Option<String>,
    standing: String,
    /// The worst of its problems.
    name: String,
    place: String,
    /// How many there are besides.
    more: usize,
}

struct EndingRow {
    until: String,
    by: String,
    text: String,
    /// The worst of the problems that are acknowledged in these words until then.
    severity: Level,
    name: String,
    place: String,
    /// How many there are besides.
    more: usize,
}

struct NoteRow {
    place: String,
    text: String,
    author: String,
    until: String,
    quiet: bool,
}

struct RackRow {
    rack: String,
    openings: u64,
    keys: u64,
}

/// What is handed over.
struct Report {
    since: String,
    now: String,
    /// The address of the report from the beginning of the shift before.
    before: String,
    /// From which severity on problems are listed one by one.
    from: &'static str,
    bands: Vec<(&'static str, String)>,
    incidents: Vec<IncidentRow>,
    unhandled: Vec<EventRow>,
    /// New and unhandled too, but not shown.
    left_out: usize,
    /// New and unhandled, and milder than what is listed.
    milder: usize,
    /// Unhandled too, but older than the shift.
    older: usize,
    tickets: Vec<TicketRow>,
    ending: Vec<EndingRow>,
    notes: Vec<NoteRow>,
    /// Absent while Postgres is away.
    came_and_went: Option<Vec<RackRow>>,
}

#[derive(TemplateSimple)]
#[template(path = "handover.stpl")]
struct Page<'a> {
    report: &'a Report,
}

#[derive(TemplateSimple)]
#[template(path = "handover.text.stpl", escape = false)]
struct Text<'a> {
    report: &'a Report,
}

/// Shows the last picture this replica saw, and what it lacks when a store is away.
pub(crate) async fn show(app: &App, asked: &Asked) -> Result<Reply, Problem> {
    let since = since(asked.request.uri().query().unwrap_or_default())?;
    let span = span(app, since, Timestamp::now())?;
    let as_text = wants_text(asked.headers());
    let picture = app.pictures.of(&*app.feed.required()?).await?;
    let came_and_went = match app.db.came_and_went(span.since, MOST_ROWS).await {
        Ok(counts) => Some(counts),
        Err(error) => {
            tracing::warn!(%error, request_id = asked.request_id, "the handover lacks what came and went");
            None
        }
    };
    let floor = app.documents.floor().await.unwrap_or_else(|problem| {
        tracing::debug!(?problem, "places are shown by their numbers");
        Arc::default()
    });
    let inventory = app.documents.places().await.unwrap_or_default();
    let from = app.settings.map_severity;
    let make = move || {
        let report = report(&picture, &floor, &inventory, came_and_went, span, from);
        if as_text {
            let text = Text { report: &report }.render_once()?;
            return Ok(reply::text(StatusCode::OK, "text/plain; charset=utf-8", text));
        }
        Ok(page::html(Page { report: &report }.render_once()?))
    };
    let rendered: Result<Reply, sailfish::RenderError> =
        tokio::task::spawn_blocking(make).await.map_err(anyhow::Error::from)?;
    let mut reply = rendered.map_err(anyhow::Error::from)?;
    reply.headers_mut().insert(VARY, HeaderValue::from_static("Accept"));
    Ok(reply)
}

fn since(query: &str) -> Result<Option<Timestamp>, Problem> {
    Parameters::once(query, &["since"])?.get("since").map(moment).transpose()
}

fn span(app: &App, since: Option<Timestamp>, now: Timestamp) -> Result<Span, Problem> {
    let zone = app.settings.zone();
    let begun = |at| beginning_of_shift(&app.shifts, zone, at);
    let ends = |at| end_of_shift(&app.shifts, zone, at);
    let since = since.or_else(|| begun(now)).unwrap_or(now - SHIFT);
    if since > now || now.since(since) > LONGEST {
        let days = LONGEST.as_secs() / 86_400;
        let expected = format!("since = {since}: name a time within the last {days} days; it is {now} now");
        return Err(Problem::Invalid(expected));
    }
    Ok(Span {
        since,
        now,
        next_ends: ends(now).and_then(ends).unwrap_or(now + SHIFT),
        before: begun(since - Duration::from_secs(1)).unwrap_or(since - SHIFT),
        zone,
    })
}

fn wants_text(headers: &HeaderMap) -> bool {
    let page = weight(headers, &ACCEPT, "text/html").or_else(|| weight(headers, &ACCEPT, "*/*"));
    weight(headers, &ACCEPT, "text/plain").is_some_and(|text| text > page.unwrap_or(0.0))
}

fn report(
    picture: &Picture,
    floor: &Floor,
    inventory: &Inventory,
    came_and_went: Option<Vec<CameAndWent>>,
    span: Span,
    from: Severity,
) -> Report {
    let snapshot = &picture.0;
    // The worst first, of equals the newest.
    let mut events: Vec<_> = snapshot.events.iter().collect();
    events.sort_by_key(|event| std::cmp::Reverse((event.severity, event.since)));
    let unowned = || events.iter().filter(|event| event.handled.is_none() && event.incident.is_none());
    let is_new = |event: &ActiveEvent<'_>| event.since >= span.since;
    let fresh = || unowned().filter(|event| is_new(event) && event.severity >= from);
    let unhandled: Vec<_> = fresh().take(MOST_ROWS).map(|event| event_row(event, floor, span)).collect();
    Report {
        since: span.since.on_the_wall(span.zone),
        now: span.now.on_the_wall(span.zone),
        before: format!("/handover?since={}", span.before),
        from: words(from),
        bands: bands(picture, span.now).into_iter().map(|(class, text)| (class, line(&text))).collect(),
        incidents: incidents(picture, floor, span),
        left_out: fresh().count() - unhandled.len(),
        unhandled,
        milder: unowned().filter(|event| is_new(event) && event.severity < from).count(),
        older: unowned().filter(|event| !is_new(event) && event.severity >= from).count(),
        tickets: tickets(&events, floor),
        ending: ending(&events, floor, span),
        notes: snapshot.notes.iter().map(|note| note_row(note, floor, inventory, span.zone)).collect(),
        came_and_went: came_and_went.map(|counts| {
            let row = |count: CameAndWent| RackRow {
                rack: count.rack_id.map_or_else(|| "in no rack".to_owned(), |id| rack(floor, id)),
                openings: count.openings,
                keys: count.keys,
            };
            counts.into_iter().map(row).collect()
        }),
    }
}

fn level(severity: Severity) -> Level {
    Level { number: severity.level(), name: words(severity) }
}

fn rack(floor: &Floor, id: RackId) -> String {
    floor.path(id).map_or_else(|| format!("rack {id}"), line)
}

/// On one line and without what steers a terminal, so that nobody's words look like a line of the report.
fn line(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ")
}

fn incidents(picture: &Picture, floor: &Floor, span: Span) -> Vec<IncidentRow> {
    let row = |incident: &heat::snapshot::Incident<'_>| {
        let members = picture.0.events.iter().filter(|e| e.incident.as_deref() == Some(&*incident.key));
        IncidentRow {
            worst: level(incident.worst),
            rack: rack(floor, incident.rack_id),
            reason: line(&incident.reason),
            since: incident.since.on_the_wall(span.zone),
            age: page::age(span.now.since(incident.since)),
            members: incident.members,
            unhandled: members.filter(|event| event.handled.is_none()).count(),
        }
    };
    picture.0.incidents.iter().map(row).collect()
}

fn event_row(event: &ActiveEvent<'_>, floor: &Floor, span: Span) -> EventRow {
    let said = event.comments.last().map(|comment| format!("{}: {}", comment.author, comment.text));
    EventRow {
        severity: level(event.severity),
        name: line(&event.name),
        opdata: line(&event.opdata),
        place: line(&place(floor, event)),
        host: line(&event.host),
        since: event.since.on_the_wall(span.zone),
        age: page::age(span.now.since(event.since)),
        comment: line(&said.unwrap_or_default()),
    }
}

/// A row for each ticket, of events that are sorted by what comes first.
fn tickets(events: &[&ActiveEvent<'static>], floor: &Floor) -> Vec<TicketRow> {
    let mut of: BTreeMap<(i64, &str), usize> = BTreeMap::new();
    let mut rows: Vec<TicketRow> = Vec::new();
    for event in events {
        let Some(covering) = &event.ticket else { continue };
        if let Some(row) = of.get(&(covering.id, &*covering.key)).and_then(|row| rows.get_mut(*row)) {
            row.more += 1;
            continue;
        }
        of.insert((covering.id, &*covering.key), rows.len());
        rows.push(ticket_row(covering, event, floor));
    }
    rows
}

fn ticket_row(covering: &Ticket<'_>, event: &ActiveEvent<'_>, floor: &Floor) -> TicketRow {
    let cell = ticket(covering);
    let error = if cell.error.is_empty() { String::new() } else { format!(": {}", cell.error) };
    TicketRow {
        worst: level(event.severity),
        key: line(cell.key),
        page: cell.page.filter(|page| is_page(page)).map(str::to_owned),
        standing: line(&format!("{}{error}", cell.standing)),
        name: line(&event.name),
        place: line(&place(floor, event)),
        more: 0,
    }
}

/// Acknowledgements that end before the next shift does, a row for all of one person in the same words until the same
/// time.
fn ending(events: &[&ActiveEvent<'static>], floor: &Floor, span: Span) -> Vec<EndingRow> {
    let mut rows: BTreeMap<(Timestamp, &str, &str), EndingRow> = BTreeMap::new();
    for event in events {
        let Some(given) = event.acknowledged.as_ref().filter(|given| given.origin == HEAT) else { continue };
        let Some(until) = given.until.filter(|until| *until <= span.next_ends) else { continue };
        rows.entry((until, &*given.by, &*given.text)).and_modify(|row| row.more += 1).or_insert_with(|| {
            EndingRow {
                until: until.on_the_wall(span.zone),
                by: line(&given.by),
                text: line(&given.text),
                severity: level(event.severity),
                name: line(&event.name),
                place: line(&place(floor, event)),
                more: 0,
            }
        });
    }
    rows.into_values().collect()
}

fn note_row(note: &Note<'_>, floor: &Floor, inventory: &Inventory, zone: Tz) -> NoteRow {
    let named = note.place.parse::<Place>().ok().and_then(|place| match place.kind {
        Kind::Rack => floor.path(place.id).map(str::to_owned),
        Kind::Device => floor.device(place.id).map(str::to_owned),
        Kind::Row => {
            inventory.rows.iter().find(|row| row.id == place.id).map(|row| format!("row {}", row.name))
        }
        Kind::Location => {
            let mut locations = inventory.locations.iter();
            locations.find(|location| location.id == place.id).map(|location| location.name.clone())
        }
    });
    NoteRow {
        place: line(&named.unwrap_or_else(|| note.place.to_string())),
        text: line(&note.text),
        author: line(&note.author),
        until: note.until.map(|until| until.on_the_wall(zone)).unwrap_or_default(),
        quiet: note.quiet,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use heat::snapshot::{Acknowledgement, Snapshot};

    fn example() -> (Picture, Inventory) {
        let snapshot = serde_json::from_str(include_str!("../../lib/examples/snapshot.json")).unwrap();
        let mut inventory: Inventory =
            serde_json::from_str(include_str!("../../lib/examples/inventory.json")).unwrap();
        inventory.normalise();
        (Picture(snapshot), inventory)
    }

    fn span_since(picture: &Picture, since: &str) -> Span {
        let now = picture.0.generated_at.0;
        let since = since.parse().unwrap();
        Span { since, now, next_ends: now + SHIFT, before: since - SHIFT, zone: Tz::Europe__Moscow }
    }

    fn both(picture: &Picture, inventory: &Inventory, counts: Option<Vec<CameAndWent>>) -> (String, String) {
        let span = span_since(picture, "2026-11-23T17:00:00Z");
        let floor = Floor::new(inventory);
        let report = report(picture, &floor, inventory, counts, span, Severity::Warning);
        (Page { report: &report }.render_once().unwrap(), Text { report: &report }.render_once().unwrap())
    }

    #[test]
    fn the_page_and_the_text_say_the_same() {
        let (picture, inventory) = example();
        let counts = vec![
            CameAndWent { rack_id: Some(3), openings: 17, keys: 2 },
            CameAndWent { rack_id: None, openings: 1, keys: 1 },
        ];
        let (page, text) = both(&picture, &inventory, Some(counts));
        for words in [
            "2026-11-23 20:00 MSK",
            "2026-11-24 00:07 MSK",
            "5 of 6 devices unreachable",
            "SAS / SAS-A / A01",
            "http:8080/p100%",
            "PostgreSQL: Service is down",
            "NOC-83",
            "In progress",
            "same feed as srv-00001",
            "2026-11-24 11:00 MSK",
            "Being emptied until Thursday",
            "17",
            "in no rack",
        ] {
            assert!(page.contains(words), "{words}: {page}");
            assert!(text.contains(words), "{words}: {text}");
        }
        assert!(!text.contains('<') && !text.contains("&#"), "{text}");
    }

    #[test]
    fn what_is_handled_older_milder_or_of_an_incident_is_not_listed_as_new_without_owner() {
        let (picture, inventory) = example();
        let span = span_since(&picture, "2026-11-23T20:58:30Z");
        let report = report(&picture, &Floor::new(&inventory), &inventory, None, span, Severity::Warning);
        let names: Vec<_> = report.unhandled.iter().map(|row| row.name.as_str()).collect();
        assert_eq!(names, ["Load average is too high", "PostgreSQL: Service is down"]);
        assert_eq!((report.milder, report.older, report.left_out), (1, 1, 0));
        assert_eq!((report.incidents[0].members, report.incidents[0].unhandled), (2, 1));
    }

    #[test]
    fn what_many_problems_have_in_common_is_one_row() {
        let given = |until, by: &'static str| Acknowledgement {
            by: by.into(),
            text: "feed B".into(),
            until: Some(Timestamp::from_unix(until)),
            origin: HEAT.into(),
            ..Acknowledgement::default()
        };
        let event = |n: u32, given| ActiveEvent {
            id: n.to_string().into(),
            acknowledged: Some(Box::new(given)),
            ticket: Some(Box::new(Ticket { id: 7, key: "NOC-7".into(), ..Ticket::default() })),
            ..ActiveEvent::default()
        };
        let far = i64::from(u32::MAX);
        let events = vec![
            event(1, given(500, "ann")),
            event(2, given(500, "ann")),
            event(3, given(400, "bob")),
            event(4, given(far, "bob")),
        ];
        let picture = Picture(Snapshot { events, ..Snapshot::default() });
        let span =
            Span { next_ends: Timestamp::from_unix(1000), ..span_since(&picture, "1970-01-01T00:00:00Z") };
        let report =
            report(&picture, &Floor::default(), &Inventory::default(), None, span, Severity::Warning);
        let ending: Vec<_> = report.ending.iter().map(|row| (row.by.as_str(), row.more)).collect();
        assert_eq!(ending, [("bob", 0), ("ann", 1)]);
        assert_eq!(report.tickets.iter().map(|row| row.more).collect::<Vec<_>>(), [3]);
    }

    #[test]
    fn what_others_wrote_is_text_on_the_page_and_one_line_in_the_text() {
        let note =
            Note { text: "<b>x</b>\n\nRACK INCIDENTS".into(), place: "rack:1".into(), ..Note::default() };
        let picture = Picture(Snapshot { notes: vec![note], ..Snapshot::default() });
        let (page, text) = both(&picture, &Inventory::default(), None);
        assert!(!page.contains("<b>x</b>"), "{page}");
        assert!(text.contains("<b>x</b> RACK INCIDENTS"), "{text}");
        assert!(page.contains("Postgres does not answer") && text.contains("Postgres does not answer"));
    }

    #[test]
    fn text_is_sent_to_who_would_rather_have_it() {
        let wants = |value| wants_text(&HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(value))]));
        assert!(wants("text/plain") && wants("text/plain, */*;q=0.1"));
        assert!(!wants("*/*") && !wants("text/html, text/plain") && !wants("text/plain;q=0"));
    }

    #[test]
    fn a_parameter_nobody_knows_is_refused() {
        assert_eq!(since("").unwrap(), None);
        assert!(since("since=2026-11-23T17:00:00Z").unwrap().is_some());
        assert!(since("since=today").is_err() && since("from=1").is_err());
    }
}
