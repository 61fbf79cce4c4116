//! Events as CSV (RFC 4180), for spreadsheets.

use std::borrow::Cow;

use anyhow::Context;
use heat::event::Tag;
use hyper::StatusCode;
use hyper::header::{CONTENT_DISPOSITION, HeaderValue};

use crate::event_list::Shown;
use crate::problem::Problem;
use crate::reply::{self, Reply};

const HEADINGS: [&str; 18] = [
    "severity",
    "since",
    "source",
    "host",
    "place",
    "device",
    "name",
    "text",
    "opdata",
    "tags",
    "handled",
    "acknowledged_by",
    "ticket",
    "comment_count",
    "last_comment",
    "link",
    "id",
    "key",
];

/// All of the events, one a line, under a line of headings.
pub(crate) fn reply<'a>(events: impl Iterator<Item = Shown<'a>>) -> Result<Reply, Problem> {
    let body = written(events).context("cannot write the answer as CSV")?;
    let mut reply = reply::text(StatusCode::OK, "text/csv; charset=utf-8; header=present", body);
    let attached = HeaderValue::from_static("attachment; filename=\"heat-events.csv\"");
    reply.headers_mut().insert(CONTENT_DISPOSITION, attached);
    Ok(reply)
}

fn written<'a>(events: impl Iterator<Item = Shown<'a>>) -> anyhow::Result<Vec<u8>> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    writer.write_record(HEADINGS)?;
    for shown in events {
        let cells = cells(&shown);
        writer.write_record(cells.iter().map(|cell| harmless(cell).into_owned()))?;
    }
    Ok(writer.into_inner().map_err(csv::IntoInnerError::into_error)?)
}

/// In the order of [`HEADINGS`].
fn cells<'a>(shown: &'a Shown<'_>) -> [Cow<'a, str>; HEADINGS.len()] {
    let event = shown.event;
    let borrowed = |text: &'a str| Cow::Borrowed(text);
    [
        event.severity.name().into(),
        event.since.to_string().into(),
        borrowed(&event.source),
        borrowed(&event.host),
        borrowed(shown.place.unwrap_or_default()),
        borrowed(shown.device.unwrap_or_default()),
        borrowed(&event.name),
        borrowed(&event.text),
        borrowed(&event.opdata),
        event.tags.iter().map(tag).collect::<Vec<_>>().join(", ").into(),
        borrowed(event.handled.map_or("", heat::handled::Handled::name)),
        borrowed(event.acknowledged.as_ref().map_or("", |acknowledged| &acknowledged.by)),
        borrowed(event.ticket.as_ref().map_or("", |ticket| &ticket.key)),
        event.comment_count.to_string().into(),
        borrowed(event.comments.last().map_or("", |comment| &comment.text)),
        borrowed(shown.link.as_deref().unwrap_or_default()),
        borrowed(&event.id),
        borrowed(&event.key),
    ]
}

fn tag(Tag { tag, value }: &Tag) -> String {
    if value.is_empty() { tag.to_string() } else { format!("{tag}={value}") }
}

/// A cell that a spreadsheet takes for text. What begins like a formula would be one: names of problems come from
/// monitored hosts, and a comment from anybody.
fn harmless(cell: &str) -> Cow<'_, str> {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{cell}").into() } else { cell.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use heat::snapshot::ActiveEvent;

    #[test]
    fn a_line_has_a_cell_for_each_heading_and_the_text_as_it_is() {
        let event = ActiveEvent {
            host: "a,b".into(),
            name: "disk \"/\" is full".into(),
            text: "two\nlines".into(),
            ..ActiveEvent::default()
        };
        let shown = Shown { event: &event, place: Some("SAS / A01"), device: None, link: None };
        let text = written([shown].into_iter()).unwrap();
        let mut reader = csv::Reader::from_reader(text.as_slice());
        assert_eq!(reader.headers().unwrap().iter().collect::<Vec<_>>(), HEADINGS);
        let line = reader.records().next().unwrap().unwrap();
        let cell = |heading| &line[HEADINGS.iter().position(|name| *name == heading).unwrap()];
        assert_eq!(cell("host"), "a,b");
        assert_eq!(cell("name"), "disk \"/\" is full");
        assert_eq!(cell("text"), "two\nlines");
        assert_eq!(cell("place"), "SAS / A01");
        assert_eq!(cell("severity"), "not_classified");
        assert_eq!(cell("comment_count"), "0");
    }

    #[test]
    fn no_cell_begins_like_a_formula() {
        for evil in ["=1+1", "+1", "-1", "@SUM(1)", "\t=1", "\r=1"] {
            let event = ActiveEvent {
                name: evil.into(),
                host: evil.into(),
                tags: vec![Tag { tag: evil.into(), ..Tag::default() }].into(),
                ..ActiveEvent::default()
            };
            let shown = Shown { event: &event, place: None, device: Some(evil), link: Some(evil.into()) };
            let text = written([shown].into_iter()).unwrap();
            let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_slice());
            for cell in
                reader.records().flat_map(|line| line.unwrap().iter().map(str::to_owned).collect::<Vec<_>>())
            {
                assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r']), "{cell:?}");
            }
        }
        assert_eq!(harmless("5 = 5"), "5 = 5");
    }
}
