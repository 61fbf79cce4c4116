//! The tests of a repository: what a template must make of given events, as files in `tests/`.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_saphyr::Spanned;

use super::given::Placing;
use super::language::Language;
use super::subject::{IncidentView, Subject, TicketView};
use super::{Files, Finding, RenderError, Set, yaml};
use crate::inventory::Inventory;
use crate::time::Timestamp;

/// A test that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// Which test, where, and what it is about.
    pub finding: Finding,
    /// What the test expects; empty where it expects nothing, or nothing could be rendered.
    pub expected: String,
    /// What the template gave; empty if it could not be rendered.
    pub got: String,
}

/// What may be expected of a ticket.
const OF_TICKETS: [&str; 11] = [
    "suggested",
    "queue",
    "summary",
    "type",
    "priority",
    "tags",
    "components",
    "followers",
    "assignee",
    "fields",
    "description",
];

/// What may be expected of a comment.
const OF_COMMENTS: [&str; 1] = ["text"];

/// One test: a file of `tests/`.
#[derive(Debug)]
pub(super) struct Golden {
    file: String,
    /// The file up to its `expect`.
    before: String,
    template: Named,
    line: u32,
    subject: Subject,
    /// What is expected, and where that stands.
    expect: Vec<(String, Value, u32)>,
}

/// A template by its path in the repository, without `.md.j2`.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Named {
    Ticket(String),
    Comment(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    template: Spanned<String>,
    now: Timestamp,
    #[serde(default)]
    zone: Option<Spanned<String>>,
    #[serde(default)]
    language: Language,
    #[serde(default)]
    operator: Option<String>,
    #[serde(default)]
    ticket: Option<Ticket>,
    #[serde(default)]
    incident: Option<Incident>,
    #[serde(default)]
    inventory: Option<Spanned<Value>>,
    #[serde(default)]
    links: BTreeMap<String, String>,
    events: Vec<Spanned<Value>>,
    #[serde(default)]
    expect: BTreeMap<String, Spanned<Value>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ticket {
    key: String,
    url: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Incident {
    key: String,
    reason: String,
    since: Timestamp,
    members: u32,
}

impl Golden {
    /// Reads a test; what it names must be among the files.
    pub(super) fn read(file: &str, text: &str, files: &Files) -> Result<Self, Finding> {
        let case: Case = yaml::read(file, 1, text)?;
        let at = |line, message: String| Finding { file: file.to_owned(), line: Some(line), message };
        let line = yaml::line_of(&case.template, 1);
        let (template, keys): (_, &[&str]) = match case.template.value.split_once('/') {
            Some(("tickets", name)) => (Named::Ticket(name.to_owned()), &OF_TICKETS),
            Some(("comments", name)) => (Named::Comment(name.to_owned()), &OF_COMMENTS),
            _ => return Err(at(line, "template must be tickets/NAME or comments/NAME".to_owned())),
        };
        if !files.0.contains_key(&format!("{}.md.j2", case.template.value)) {
            return Err(at(line, format!("there is no template {:?}", case.template.value)));
        }
        let mut expect = Vec::new();
        for (key, value) in case.expect {
            let line = yaml::line_of(&value, 1);
            if !keys.contains(&key.as_str()) {
                return Err(at(line, format!("{key:?} cannot be expected; there are {}", keys.join(", "))));
            }
            expect.push((key, value.value, line));
        }
        expect.sort_by_key(|(.., line)| *line);
        let inventory = inventory(case.inventory, file, files)?;
        let placing = Placing::new(&inventory, &case.links);
        let members = case.events.iter().map(|event| {
            placing.member(&event.value).map_err(|message| at(yaml::line_of(event, 1), message))
        });
        let mut subject = Subject::new(members.collect::<Result<_, _>>()?, case.now);
        if let Some(zone) = case.zone {
            let unknown = |_| at(yaml::line_of(&zone, 1), format!("unknown time zone {:?}", zone.value));
            subject.zone = zone.value.parse().map_err(unknown)?;
        }
        subject.language = case.language;
        subject.operator = case.operator;
        subject.ticket = case.ticket.map(|Ticket { key, url }| TicketView { key, url });
        subject.incident = case.incident.map(|Incident { key, reason, since, members }| IncidentView {
            key,
            reason,
            since,
            members,
        });
        let before = before_expect(text).map_err(|line| {
            at(line, "expect must be the last key, so that what it expects can be renewed".to_owned())
        })?;
        Ok(Self { file: file.to_owned(), before: before.to_owned(), template, line, subject, expect })
    }

    /// Runs it.
    pub(super) fn failures(&self, set: &Set) -> Vec<Failure> {
        let got = match self.rendered(set) {
            Ok(got) => got,
            Err(error) => {
                let mut finding = match error {
                    RenderError::Failed(finding) => finding,
                    RenderError::Unknown(_) => self.finding(self.line, error.to_string()),
                };
                _ = write!(finding.message, " (in {})", self.file);
                return vec![Failure { finding, expected: String::new(), got: String::new() }];
            }
        };
        if self.expect.is_empty() {
            let finding = self.finding(self.line, "expects nothing".to_owned());
            return vec![Failure { finding, expected: String::new(), got: Self::written(&got) }];
        }
        let differing = self.expect.iter().filter_map(|(key, expected, line)| {
            let (expected, got) = (shown(expected), got.get(key).map(shown).unwrap_or_default());
            (expected != got).then(|| Failure {
                finding: self.finding(*line, format!("{key} is not as expected")),
                expected,
                got,
            })
        });
        differing.collect()
    }

    /// The file with what the template gives now, if that is not what it expects.
    pub(super) fn renewed(&self, set: &Set) -> Option<(String, String)> {
        let got = self.rendered(set).ok().filter(|_| !self.failures(set).is_empty())?;
        Some((self.file.clone(), self.before.clone() + &Self::written(&got)))
    }

    fn finding(&self, line: u32, message: String) -> Finding {
        Finding { file: self.file.clone(), line: Some(line), message }
    }

    fn rendered(&self, set: &Set) -> Result<BTreeMap<String, Value>, RenderError> {
        let mut got: BTreeMap<String, Value> = match &self.template {
            Named::Comment(name) => [("text".to_owned(), set.comment(name, &self.subject)?.into())].into(),
            Named::Ticket(name) => {
                let draft = set.ticket(name, &self.subject)?;
                // Texts, lists and numbers by name: nothing that JSON cannot hold.
                let draft = serde_json::to_value(draft).unwrap_or_default();
                draft
                    .as_object()
                    .into_iter()
                    .flatten()
                    .map(|(key, value)| (key.clone(), value.clone()))
                    .collect()
            }
        };
        let asks = |(key, ..): &(String, Value, u32)| key == "suggested";
        if self.expect.iter().any(asks) {
            let best = set.ranked(&self.subject).first().map(|name| format!("tickets/{name}"));
            got.insert("suggested".to_owned(), best.unwrap_or_default().into());
        }
        Ok(got)
    }

    /// `expect` as YAML, in the order of the documentation.
    fn written(got: &BTreeMap<String, Value>) -> String {
        let mut yaml = "expect:\n".to_owned();
        for key in OF_TICKETS.iter().chain(&OF_COMMENTS) {
            let Some(value) = got.get(*key) else { continue };
            match value.as_str() {
                Some(text) if text.contains('\n') && is_plain_block(text) => {
                    _ = writeln!(yaml, "  {key}: |-");
                    for line in text.lines() {
                        _ = writeln!(yaml, "{}", format!("    {line}").trim_end());
                    }
                }
                // What is JSON is YAML.
                _ => _ = writeln!(yaml, "  {key}: {value}"),
            }
        }
        yaml
    }
}

/// Whether a text can stand as it is below `|-`.
fn is_plain_block(text: &str) -> bool {
    !text.starts_with([' ', '\n'])
        && !text.ends_with('\n')
        && text.lines().all(|line| line.trim_end() == line)
        && !text.contains(|c: char| c.is_control() && c != '\n')
}

/// A value as a diff shows it.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.trim_end().to_owned(),
        value => serde_json::to_string_pretty(value).unwrap_or_default(),
    }
}

/// The file up to its key `expect`, or the line of a key that follows that.
fn before_expect(text: &str) -> Result<&str, u32> {
    let is_key = |line: &str| line.starts_with(|c: char| !c.is_whitespace() && c != '#');
    let mut before = None;
    let mut at = 0;
    for (number, line) in (1..).zip(text.split_inclusive('\n')) {
        if line.starts_with("expect:") {
            before = Some(at);
        } else if before.is_some() && is_key(line) {
            return Err(number);
        }
        at += line.len();
    }
    Ok(before.map_or(text, |at| &text[..at]))
}

fn inventory(given: Option<Spanned<Value>>, file: &str, files: &Files) -> Result<Inventory, Finding> {
    let Some(given) = given else { return Ok(Inventory::default()) };
    let at =
        |message: String| Finding { file: file.to_owned(), line: Some(yaml::line_of(&given, 1)), message };
    let mut inventory: Inventory = match &given.value {
        Value::String(path) => {
            let text = files.0.get(path).ok_or_else(|| at(format!("there is no file {path:?}")))?;
            yaml::read(path, 1, text)?
        }
        inline => serde_json::from_value(inline.clone())
            .map_err(|error| at(format!("the inventory cannot be read: {error}")))?,
    };
    match inventory.normalise().first() {
        None => Ok(inventory),
        Some(damage) => Err(at(format!("{} {} {}", damage.what, damage.id, damage.problem))),
    }
}
