//! Templates of tickets and comments: what operators keep in a repository of their own, and how they write it.
//!
//! # A repository
//!
//! | file | what it is |
//! |---|---|
//! | `tickets/NAME.md.j2` | a ticket; NAME has letters, digits, `-` and `_` |
//! | `comments/NAME.md.j2` | a comment on a ticket |
//! | `tests/NAME.yaml` | a test of one of them |
//! | any other `….j2` | what they include or import, `macros/` by custom |
//! | anything else | is left alone; tests may read inventories from it |
//!
//! All of it is checked as a whole ([`Set::parse`]) and tested ([`Set::test`]) before any of it is used: by the updater
//! for each commit, and by `heat-templates check` for the author, who sees the same. A commit with a finding changes
//! nothing; the last good one stays.
//!
//! # A ticket
//!
//! ```text
//! ---
//! title: Host unreachable              # what people choose it by
//! queue: NETOPS
//! summary: "{{ event.host }} is unreachable"
//! type: incident                       # what follows may be left out
//! priority: "{{ 'critical' if event.severity >= 4 else 'normal' }}"
//! tags: [heat, "{{ rack.location if rack }}"]
//! components: [Network]
//! followers: [noc-duty]
//! assignee: ivanova
//! fields:                              # of the tracker by key, of the queue by full id
//!   65f0c0ffee65f0c0ffee65f1--rackName: "{{ rack.name if rack }}"
//! language: en                         # of what Heat writes; the operator's if left out
//! match:                               # the events it is for
//!   severity: high
//!   name: ["*unreachable*", "*ICMP*"]
//! comment_on_more: more                # comments/more.md.j2, when events join the ticket
//! comment_on_clear: cleared            # comments/cleared.md.j2, when all of them have cleared
//! ---
//! **{{ event.severity|severity }}** since {{ event.since|date }}: {{ event.name }}
//!
//! {{ members|table(["host", "place", "name", "age"]) }}
//! ```
//!
//! The front matter is YAML, and an unknown key is an error. `title`, `queue` and `summary` are needed. Every text in it
//! but `title`, `match` and the names of comments is a template too, and gives plain text in one line: a summary of at
//! most 255 characters, others of at most 1,000; longer ones are cut. What comes out empty is left out. A comment has
//! `title`, and may have `language`.
//!
//! `match` says which events the template is suggested for. Its conditions are `source`, `severity` (at least),
//! `name`, `tags` (of the source, `{component: power}`), `location`, `racktables_tags` (of the device or rack) and
//! `incident` (true or false). A text is a pattern with `*` and `?`, a list asks for any of it; all conditions must hold
//! for one and the same event. Templates that ask for more are suggested first, those without `match` last.
//!
//! # The body
//!
//! The body is [Jinja](https://docs.rs/minijinja/latest/minijinja/syntax/) around the tracker's markup (YFM). The line
//! break after a `{% … %}` and the blanks before it are not written, nor is a second blank line in a row. Names of files
//! in `include`, `import`, `from` and `extends` begin at the top of the repository, and are written out in quotes.
//!
//! What is undefined is an error, wherever it is used. What is not known of an event is `none`, and texts that are not
//! known are empty: ask `{% if rack %}`, or say `{{ event.device.serial|default("—") }}`.
//!
//! | variable | what it is |
//! |---|---|
//! | `members` | the events: those of the ticket, or those that joined it, for a comment on more |
//! | `event` | the worst of them; of equally bad ones the oldest |
//! | `rack` | the rack that all of them stand in; none if they do not |
//! | `racks` | every rack that some of them stand in |
//! | `incident` | `key`, `reason`, `since`, `members` (a number) of their rack incident; none without one |
//! | `ticket` | `key`, `url` of the ticket that a comment is for; none in a ticket |
//! | `operator` | the login of whoever asks; none when Heat does |
//! | `now`, `zone`, `language` | a time, `Europe/Moscow`, `en` or `ru` |
//!
//! | of an event | what it is |
//! |---|---|
//! | `host`, `name`, `text`, `opdata`, `source` | texts, as the source gives them |
//! | `severity` | 0 to 5 |
//! | `since` | a time |
//! | `tags.NAME` | the value of a tag; none if the event has no such tag |
//! | `tag_list` | all tags, each with `tag` and `value` |
//! | `url` | its page at the source, for `link`; may be none |
//! | `comments` | the last ones, each with `author`, `at`, `text` |
//! | `device` | `name`, `label`, `type`, `hw`, `fqdn`, `asset_no`, `serial`, `tags`; none if the inventory has no such host |
//! | `rack` | `name`, `row`, `locations` (the widest first), `location` (the nearest), `height`, `asset_no`, `comment`, `tags`; may be none |
//! | `units` | `u40` or `u10-12`, as they are numbered on the rack |
//! | `place` | what `rack_path` gives: all of that in one line, or why it is not known |
//!
//! | filter | what it gives |
//! |---|---|
//! | `event.severity\|severity` | its name; `severity("ru")` in that language |
//! | `event.since\|age` | the time from then to now: `26 min` |
//! | `event.since\|date` | the time in the operator's zone; `date("UTC", "%H:%M")`, `date(format="%d.%m")` |
//! | `event\|rack_path` | `SAS / row 12 / rack 07 / u40`; of a rack without the units |
//! | `3\|plural("problem", "problems")` | the word that goes with a number; three forms are Russian |
//! | `members\|table(["host", "name"])` | a table; see below |
//! | `event.host\|code` | code within a line, to be copied |
//! | `event.text\|fence` | a block of code; nothing if the text is blank |
//! | `event.url\|link("text")` | a link |
//! | `{% filter cut("More") %}…` | a block that is folded up |
//! | `text\|truncate(40)` | at most so many characters, with `…`; `truncate(40, "")` without |
//! | `x\|default("—")` | something instead of what is undefined, none or empty |
//! | `upper`, `lower`, `trim`, `replace`, `split`, `lines` | of texts |
//! | `length`, `first`, `last`, `join`, `sort`, `unique`, `groupby`, `map`, `select`, `reject`, `selectattr`, `rejectattr`, `min`, `max`, `sum` | of lists, as in Jinja |
//! | `round`, `int`, `escape` | |
//!
//! A table has the columns `host`, `device`, `model`, `serial`, `asset_no`, `place`, `rack`, `units`, `severity`, `name`,
//! `opdata`, `since`, `age`, `source` and `link`, in the order in which they are asked for. `["name", "What"]` gives a
//! column another head; `limit=20` shows so many events instead of a hundred, and says how many there are besides.
//!
//! # What is safe
//!
//! What an alert says was perhaps written by somebody hostile. So every value is escaped where it is printed: it stays
//! text, wherever in the markup it stands, summons nobody with an `@`, and is never a link. There is no way around it
//! and no need for one: markup that belongs to the ticket is written into the template itself, and what macros,
//! `{% set %}` blocks and the filters above write is not escaped again. `code` and `fence` say how a value is shown, not
//! whether it is safe. Nothing is read as a template but the repository's own files.
//!
//! A template may do a million steps ([`RenderError`] says when it would do more), has no access to files, to the
//! network or to a clock, and gives at most 50,000 characters.
//!
//! # A test
//!
//! ```text
//! template: tickets/host-unreachable
//! now: 2026-11-23T21:10:00Z
//! zone: Europe/Moscow                  # UTC if left out, as may be all up to `events`
//! language: ru
//! operator: ivanova
//! ticket: {key: NOC-1, url: "https://tracker.example.net/NOC-1"}
//! incident: {key: "rack:7", reason: 3 of 3 devices unreachable, since: 2026-11-23T21:04:10Z, members: 3}
//! inventory: tests/data/site.yaml      # or the inventory itself, in the form of GET /api/v1/inventory
//! links: {zabbix: "https://zabbix.example.net/{eventid}"}
//! events:                              # in the form of a snapshot's; these five are needed
//!   - {source: zabbix, host: srv-1, severity: high, name: Unavailable by ICMP ping, since: 2026-11-23T20:41:07Z}
//! expect:                              # the last key
//!   suggested: tickets/host-unreachable
//!   summary: srv-1 is unreachable
//! ```
//!
//! Where the host stands is found in the inventory as the updater finds it. `expect` may have `suggested` and every key of
//! a [`Draft`]; only what it has is compared. A comment has `text` instead. `heat-templates check --update` writes down
//! what the templates give.

mod depth;
pub mod given;

mod engine;
mod filters;
mod front;
mod golden;
mod language;
mod lint;
mod markup;
mod matching;
mod scan;
mod subject;
mod table;
mod values;
mod yaml;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;

use minijinja::Environment;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use chrono_tz::Tz;
pub use front::{CommentTemplate, TicketTemplate};
pub use golden::Failure;
pub use language::{Language, UnknownLanguage};
pub use markup::escaped;
pub use matching::Match;
pub use subject::{IncidentView, Member, Standing, Subject, TicketView};

use crate::ticket::{Draft, LONGEST_DESCRIPTION, LONGEST_SUMMARY};
use engine::{Makes, Renderer};
use golden::Golden;
use lint::Lint;

/// How many files a set may have.
pub const MOST_FILES: usize = 500;

/// How large one of them may be, in bytes.
pub const LARGEST_FILE: u64 = 64 << 10;

/// How large all of them together may be, in bytes.
pub const LARGEST_IN_ALL: u64 = 2 << 20;

/// The longest text of a field, in characters; longer ones are cut.
const LONGEST_FIELD: usize = 1000;

/// The files of one commit: the text of each by its path, parts separated by `/`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Files(pub BTreeMap<String, String>);

/// Something that is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Finding {
    /// Its path.
    pub file: String,
    /// The line, the first is 1; none where it is about the whole file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// What is wrong, and what would be right.
    pub message: String,
}

impl fmt::Display for Finding {
    /// `tickets/power.md.j2:3: there is no filter "cod"`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.file, self.message),
            None => write!(f, "{}: {}", self.file, self.message),
        }
    }
}

/// Why nothing could be made of a template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// No template has this name.
    #[error("there is no template {0:?}")]
    Unknown(String),
    /// The template fails on these events.
    #[error("{0}")]
    Failed(Finding),
}

/// A set of templates that has been checked.
#[derive(Debug)]
pub struct Set {
    env: Environment<'static>,
    tickets: Vec<TicketTemplate>,
    comments: Vec<CommentTemplate>,
    tests: Vec<Golden>,
}

/// The longest message of a finding, in characters.
const LONGEST_FINDING: usize = 500;

/// Collects what is found, so that authors see all of it at once.
#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn keep<T>(&mut self, result: Result<T, Finding>) -> Option<T> {
        result.map_err(|finding| self.0.push(finding)).ok()
    }

    /// Whether the engine can read this `source`, which begins on the line `first` of its file, without end of its stack.
    fn is_shallow(&mut self, file: &str, first: u32, source: &str) -> bool {
        let Some((line, message)) = depth::too_deep(source) else { return true };
        self.0.push(Finding { file: file.to_owned(), line: Some(first + line - 1), message });
        false
    }

    /// In order, and none longer than a person reads: a message may repeat what it is about, and that is the author's.
    fn told(mut self) -> Vec<Finding> {
        for Finding { message, .. } in &mut self.0 {
            if let Some((end, _)) = message.char_indices().nth(LONGEST_FINDING) {
                message.truncate(end);
                message.push('…');
            }
        }
        self.0.sort();
        self.0
    }
}

impl Set {
    /// Reads and checks all files: names, front matter, syntax, and what the lints know. The tests are read, not run.
    pub fn parse(files: &Files) -> Result<Self, Vec<Finding>> {
        let files = Files(files.0.iter().map(|(path, text)| (path.clone(), unix(text))).collect());
        let mut found = Findings::default();
        let mut set = Self { env: engine::environment(), tickets: vec![], comments: vec![], tests: vec![] };
        let lint = Lint::new(files.0.keys().filter(|path| is_template(path)).cloned());
        for (path, text) in &files.0 {
            set.read(path, text, &files, &lint, &mut found);
        }
        for template in &set.tickets {
            set.check_comments(template, &mut found);
        }
        if found.0.is_empty() { Ok(set) } else { Err(found.told()) }
    }

    fn read(&mut self, path: &str, text: &str, files: &Files, lint: &Lint, found: &mut Findings) {
        match path.split_once('/') {
            Some(("tickets", rest)) => {
                let Some(name) = found.keep(name_in(path, rest)) else { return };
                if let Some((template, body)) = found.keep(TicketTemplate::read(path, name, text)) {
                    self.add(path, &body, true, lint, found);
                    for (place, text) in template.texts() {
                        self.check_text(path, template.lines.of(&place), text, lint, found);
                    }
                    self.tickets.push(template);
                }
            }
            Some(("comments", rest)) => {
                let Some(name) = found.keep(name_in(path, rest)) else { return };
                if let Some((template, body)) = found.keep(CommentTemplate::read(path, name, text)) {
                    self.add(path, &body, true, lint, found);
                    self.comments.push(template);
                }
            }
            Some(("tests", rest)) if !rest.contains('/') => match extension(rest) {
                Some("yaml") => self.tests.extend(found.keep(Golden::read(path, text, files))),
                _ => found.0.push(Finding {
                    file: path.to_owned(),
                    line: None,
                    message:
                        "is no test; tests are called NAME.yaml, and what they read stands in a folder below"
                            .to_owned(),
                }),
            },
            _ if is_template(path) => self.add(path, text, false, lint, found),
            _ => {}
        }
    }

    /// Compiles a file and lints it. What is included may get variables from there, so `whole` ones alone are asked
    /// where theirs come from.
    fn add(&mut self, path: &str, source: &str, whole: bool, lint: &Lint, found: &mut Findings) {
        if !found.is_shallow(path, 1, source) {
            return;
        }
        if let Err(error) = self.env.add_template_owned(path.to_owned(), source.to_owned()) {
            found.0.push(engine::finding(&error, path, None));
            return;
        }
        let template = self.env.get_template(path).ok().filter(|_| whole);
        let undeclared = template.map(|template| template.undeclared_variables(true));
        found.0.extend(lint.check(path, 1, source, Makes::Markup, &undeclared.unwrap_or_default()));
    }

    fn check_text(&self, file: &str, first: u32, text: &str, lint: &Lint, found: &mut Findings) {
        if !found.is_shallow(file, first, text) {
            return;
        }
        if let Some(undeclared) = found.keep(engine::undeclared(&self.env, file, first, text)) {
            found.0.extend(lint.check(file, first, text, Makes::Text, &undeclared));
        }
    }

    fn check_comments(&self, template: &TicketTemplate, found: &mut Findings) {
        for (key, name) in
            [("comment_on_more", &template.comment_on_more), ("comment_on_clear", &template.comment_on_clear)]
        {
            if let Some(name) = name
                && self.comments.iter().all(|comment| comment.name != *name)
            {
                let line = Some(template.lines.of(key));
                let message = format!("there is no comment {name:?}; it would be comments/{name}.md.j2");
                found.0.push(Finding { file: file_of("tickets", &template.name), line, message });
            }
        }
    }

    /// Runs the tests; nothing failed if nothing is returned.
    pub fn test(&self) -> Vec<Failure> {
        self.tests.iter().flat_map(|test| test.failures(self)).collect()
    }

    /// How many tests there are.
    pub fn tests(&self) -> usize {
        self.tests.len()
    }

    /// The files of those tests that fail, with what the templates give now as what they expect. Tests whose template
    /// cannot be rendered are left out.
    pub fn renewed_tests(&self) -> Files {
        Files(self.tests.iter().filter_map(|test| test.renewed(self)).collect())
    }

    /// The templates of tickets, by name.
    pub fn tickets(&self) -> impl Iterator<Item = &TicketTemplate> {
        self.tickets.iter()
    }

    /// The templates of comments, by name.
    pub fn comments(&self) -> impl Iterator<Item = &CommentTemplate> {
        self.comments.iter()
    }

    /// The names of the templates of tickets that suit the events: those that match, the most exact first and of equally
    /// exact ones the one that more of the events fit; then those for any events.
    pub fn ranked(&self, subject: &Subject) -> Vec<&str> {
        let fits = self.tickets.iter().filter_map(|template| {
            let fit = match &template.matches {
                Some(matches) => Some(matches.fit(subject)?),
                None => None,
            };
            Some((std::cmp::Reverse(fit), template.name.as_str()))
        });
        let mut fits: Vec<_> = fits.collect();
        fits.sort();
        fits.into_iter().map(|(_, name)| name).collect()
    }

    /// The ticket that a template makes for the events.
    pub fn ticket(&self, name: &str, subject: &Subject) -> Result<Draft, RenderError> {
        let unknown = || RenderError::Unknown(name.to_owned());
        let template = self.tickets.iter().find(|template| template.name == name).ok_or_else(unknown)?;
        self.draft(template, subject).map_err(RenderError::Failed)
    }

    /// The comment that a template makes for the events.
    pub fn comment(&self, name: &str, subject: &Subject) -> Result<String, RenderError> {
        let unknown = || RenderError::Unknown(name.to_owned());
        let template = self.comments.iter().find(|template| template.name == name).ok_or_else(unknown)?;
        let language = template.language.unwrap_or(subject.language);
        let mut renderer = Renderer::new(&self.env, subject, language);
        body(&mut renderer, &file_of("comments", name)).map_err(RenderError::Failed)
    }

    fn draft(&self, template: &TicketTemplate, subject: &Subject) -> Result<Draft, Finding> {
        let language = template.language.unwrap_or(subject.language);
        let mut renderer = Renderer::new(&self.env, subject, language);
        let file = file_of("tickets", &template.name);
        let description = body(&mut renderer, &file)?;
        let mut text = |path: &str, text: &str, longest: usize| {
            let line = template.lines.of(path);
            renderer.text(&file, line, text).map(|text| cut(&text, longest))
        };
        let summary = text("summary", &template.summary, LONGEST_SUMMARY)?;
        let queue = text("queue", &template.queue, LONGEST_FIELD)?;
        for (path, text) in [("summary", &summary), ("queue", &queue)] {
            if text.is_empty() {
                let line = Some(template.lines.of(path));
                return Err(Finding { file, line, message: format!("the {path} comes out empty") });
            }
        }
        let mut optional = |path: &str, of: &Option<String>| match of {
            Some(of) => text(path, of, LONGEST_FIELD).map(|text| Some(text).filter(|text| !text.is_empty())),
            None => Ok(None),
        };
        let kind = optional("type", &template.kind)?;
        let priority = optional("priority", &template.priority)?;
        let assignee = optional("assignee", &template.assignee)?;
        let mut list = |path: &str, of: &[String]| {
            let texts =
                of.iter().enumerate().map(|(nth, of)| text(&format!("{path}.{nth}"), of, LONGEST_FIELD));
            let texts = texts.collect::<Result<Vec<_>, _>>()?;
            Ok(texts.into_iter().filter(|text| !text.is_empty()).collect())
        };
        let tags = list("tags", &template.tags)?;
        let components = list("components", &template.components)?;
        let followers = list("followers", &template.followers)?;
        let mut fields = BTreeMap::new();
        for (key, value) in &template.fields {
            let path = format!("fields.{key}");
            let value = each(value, &mut |of| text(&path, of, LONGEST_FIELD))?;
            if value != "" {
                fields.insert(key.clone(), value);
            }
        }
        Ok(Draft {
            queue,
            summary,
            description,
            kind,
            priority,
            tags,
            components,
            followers,
            assignee,
            fields,
        })
    }
}

/// A body in markup, if it is not too long.
fn body(renderer: &mut Renderer, file: &str) -> Result<String, Finding> {
    let text = renderer.file(file)?;
    match text.chars().count() {
        0 => Err(Finding { file: file.to_owned(), line: None, message: "comes out empty".to_owned() }),
        length if length > LONGEST_DESCRIPTION => Err(Finding {
            file: file.to_owned(),
            line: None,
            message: format!(
                "comes out {length} characters long, and at most {LONGEST_DESCRIPTION} are taken; show fewer events, \
                 as in table(…, limit=50)"
            ),
        }),
        _ => Ok(text),
    }
}

/// A value whose texts are each put through `render`.
fn each(value: &Value, render: &mut impl FnMut(&str) -> Result<String, Finding>) -> Result<Value, Finding> {
    Ok(match value {
        Value::String(text) => render(text)?.into(),
        Value::Array(list) => list.iter().map(|value| each(value, render)).collect::<Result<_, _>>()?,
        Value::Object(map) => {
            let rendered = map.iter().map(|(key, value)| Ok((key.clone(), each(value, render)?)));
            Value::Object(rendered.collect::<Result<_, _>>()?)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    })
}

/// At most so many characters of a text, with a sign that it goes on.
fn cut(text: &str, longest: usize) -> String {
    if text.chars().count() <= longest {
        return text.to_owned();
    }
    let kept: String = text.chars().take(longest.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

/// The text with line ends as `\n`, as editors elsewhere do not write it. To YAML and to most editors a `\r` alone ends a line
/// too: what is found must be told by the lines that they count.
fn unix(text: &str) -> String {
    text.trim_start_matches('\u{feff}').replace("\r\n", "\n").replace('\r', "\n")
}

fn extension(path: &str) -> Option<&str> {
    path.rsplit_once('.').map(|(_, extension)| extension)
}

/// Whether a file is a template, or a part of some.
fn is_template(path: &str) -> bool {
    extension(path) == Some("j2")
}

fn file_of(folder: &str, name: &str) -> String {
    format!("{folder}/{name}.md.j2")
}

/// The name of the template that the file `rest` of a folder holds.
fn name_in<'a>(path: &str, rest: &'a str) -> Result<&'a str, Finding> {
    let is_name = |name: &&str| {
        !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
    };
    rest.strip_suffix(".md.j2").filter(is_name).ok_or_else(|| Finding {
        file: path.to_owned(),
        line: None,
        message: "is no template; templates here are called NAME.md.j2, with letters, digits, - and _"
            .to_owned(),
    })
}
