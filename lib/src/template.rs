//! Templates of tickets and comments.

pub mod given;
pub mod subject;

mod engine;
mod filters;
mod front;
mod golden;
mod language;
mod lint;
mod markup;
mod matching;
mod scan;
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
pub use matching::Match;
pub use subject::{IncidentView, Member, Standing, Subject, TicketView};

use crate::ticket::{Draft, LONGEST_DESCRIPTION, LONGEST_SUMMARY};
use engine::Renderer;
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

/// Collects what is found, so that authors see all of it at once.
#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn keep<T>(&mut self, result: Result<T, Finding>) -> Option<T> {
        result.map_err(|finding| self.0.push(finding)).ok()
    }
}

impl Set {
    /// Reads and checks all files: names, front matter, syntax, and what the lints know. The tests are read, not run.
    pub fn parse(files: &Files) -> Result<Self, Vec<Finding>> {
        let files = Files(files.0.iter().map(|(path, text)| (path.clone(), unix(text))).collect());
        let mut found = Findings::default();
        let mut set = Self { env: engine::environment(), tickets: vec![], comments: vec![], tests: vec![] };
        let lint = Lint::new(files.0.keys().filter(|path| path.ends_with(".j2")).cloned());
        for (path, text) in &files.0 {
            set.read(path, text, &files, &lint, &mut found);
        }
        for template in &set.tickets {
            set.check_comments(template, &mut found);
        }
        found.0.sort();
        if found.0.is_empty() { Ok(set) } else { Err(found.0) }
    }

    fn read(&mut self, path: &str, text: &str, files: &Files, lint: &Lint, found: &mut Findings) {
        match path.split_once('/') {
            Some(("tickets", rest)) => {
                let Some(name) = found.keep(name_in(path, rest)) else { return };
                if let Some((template, body)) = found.keep(TicketTemplate::read(path, name, text)) {
                    self.add(path, body, true, lint, found);
                    for (text_path, text) in template.texts() {
                        let line = template.lines.of(&text_path);
                        self.check_text(path, line, text, lint, found);
                    }
                    self.tickets.push(template);
                }
            }
            Some(("comments", rest)) => {
                let Some(name) = found.keep(name_in(path, rest)) else { return };
                if let Some((template, body)) = found.keep(CommentTemplate::read(path, name, text)) {
                    self.add(path, body, true, lint, found);
                    self.comments.push(template);
                }
            }
            Some(("tests", rest)) if !rest.contains('/') && !rest.ends_with(".j2") => {
                if rest.ends_with(".yaml") {
                    self.tests.extend(found.keep(Golden::read(path, text, files)));
                } else {
                    let message =
                        "is no test; tests are called NAME.yaml, and what they read stands in a folder below";
                    found.0.push(Finding { file: path.to_owned(), line: None, message: message.to_owned() });
                }
            }
            _ if path.ends_with(".j2") => self.add(path, text.to_owned(), false, lint, found),
            _ => {}
        }
    }

    /// Compiles a file and lints it. What is included may get variables from there, so `whole` ones alone are asked
    /// where theirs come from.
    fn add(&mut self, path: &str, source: String, whole: bool, lint: &Lint, found: &mut Findings) {
        if let Err(error) = self.env.add_template_owned(path.to_owned(), source.clone()) {
            found.0.push(engine::finding(&error, path, None));
            return;
        }
        let undeclared = match self.env.get_template(path) {
            Ok(template) if whole => template.undeclared_variables(true),
            _ => Default::default(),
        };
        found.0.extend(lint.check(path, 1, &source, undeclared));
    }

    fn check_text(&self, path: &str, line: u32, text: &str, lint: &Lint, found: &mut Findings) {
        if let Some(undeclared) = found.keep(engine::undeclared(&self.env, path, line, text)) {
            found.0.extend(lint.check(path, line, text, undeclared));
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
            if value != Value::from("") {
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

/// The text with line ends as `\n`, as editors elsewhere do not write it.
fn unix(text: &str) -> String {
    text.trim_start_matches('\u{feff}').replace("\r\n", "\n")
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
