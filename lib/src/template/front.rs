//! What stands before a template: its front matter, between two lines of `---`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_saphyr::Spanned;

use super::language::Language;
use super::matching::Match;
use super::{Finding, yaml};

/// A template of tickets: what its front matter says, as it is written there.
///
/// All texts but `title` and the names of comments may be templates themselves; they are rendered as plain text in one
/// line. What comes out empty is left out.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct TicketTemplate {
    /// The file's name in `tickets/`, without `.md.j2`.
    pub name: String,
    /// What people choose it by.
    pub title: String,
    /// The key of the queue.
    pub queue: String,
    /// The ticket's one line.
    pub summary: String,
    /// The type's key.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The priority's key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<String>,
    /// Labels.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Components of the queue.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub components: Vec<String>,
    /// Logins of those who are told of changes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub followers: Vec<String>,
    /// The login of whoever shall do it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assignee: Option<String>,
    /// Other fields of the tracker by key, or local ones by full id.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, Value>,
    /// The language of what Heat writes itself; the operator's if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<Language>,
    /// The events it is for; none for one that is always on offer, but last.
    #[serde(rename = "match", skip_serializing_if = "Option::is_none")]
    pub matches: Option<Match>,
    /// The comment that is written when events join the ticket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comment_on_more: Option<String>,
    /// The comment that is written when all events of the ticket have cleared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comment_on_clear: Option<String>,
    /// Where each text stands, by the path to it.
    #[serde(skip)]
    pub(super) lines: Lines,
}

/// A template of comments.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct CommentTemplate {
    /// The file's name in `comments/`, without `.md.j2`.
    pub name: String,
    /// What people choose it by.
    pub title: String,
    /// The language of what Heat writes itself; the operator's if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<Language>,
}

/// The lines of texts in a file, by the path to them: `summary`, `tags.0`, `fields.rackName`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Lines(BTreeMap<String, u32>);

impl Lines {
    /// The line of a text; that of the front matter's beginning for what has none.
    pub(super) fn of(&self, path: &str) -> u32 {
        self.0.get(path).copied().unwrap_or(1)
    }

    fn note<T>(&mut self, path: &str, value: Spanned<T>) -> T {
        self.0.insert(path.to_owned(), yaml::line_of(&value, FIRST));
        value.value
    }

    fn note_all(&mut self, path: &str, values: Vec<Spanned<String>>) -> Vec<String> {
        let values = values.into_iter().enumerate();
        values.map(|(index, value)| self.note(&format!("{path}.{index}"), value)).collect()
    }
}

/// The line on which the YAML of a front matter begins, below its `---`.
const FIRST: u32 = 2;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TicketFront {
    title: String,
    queue: Spanned<String>,
    summary: Spanned<String>,
    #[serde(default, rename = "type")]
    kind: Option<Spanned<String>>,
    #[serde(default)]
    priority: Option<Spanned<String>>,
    #[serde(default)]
    tags: Vec<Spanned<String>>,
    #[serde(default)]
    components: Vec<Spanned<String>>,
    #[serde(default)]
    followers: Vec<Spanned<String>>,
    #[serde(default)]
    assignee: Option<Spanned<String>>,
    #[serde(default)]
    fields: BTreeMap<String, Spanned<Value>>,
    #[serde(default)]
    language: Option<Language>,
    #[serde(default, rename = "match")]
    matches: Option<Match>,
    #[serde(default)]
    comment_on_more: Option<Spanned<String>>,
    #[serde(default)]
    comment_on_clear: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CommentFront {
    title: String,
    #[serde(default)]
    language: Option<Language>,
}

impl TicketTemplate {
    /// Reads a file; the second part is the source of the body.
    pub(super) fn read(file: &str, name: &str, text: &str) -> Result<(Self, String), Finding> {
        let (yaml, body) = split(file, text)?;
        let front: TicketFront = yaml::read(file, FIRST, yaml)?;
        let mut lines = Lines::default();
        let mut optional =
            |path: &str, value: Option<Spanned<String>>| value.map(|value| lines.note(path, value));
        let kind = optional("type", front.kind);
        let priority = optional("priority", front.priority);
        let assignee = optional("assignee", front.assignee);
        let comment_on_more = optional("comment_on_more", front.comment_on_more);
        let comment_on_clear = optional("comment_on_clear", front.comment_on_clear);
        let fields = front.fields.into_iter();
        let template = Self {
            name: name.to_owned(),
            title: front.title,
            queue: lines.note("queue", front.queue),
            summary: lines.note("summary", front.summary),
            kind,
            priority,
            tags: lines.note_all("tags", front.tags),
            components: lines.note_all("components", front.components),
            followers: lines.note_all("followers", front.followers),
            assignee,
            fields: fields
                .map(|(key, value)| {
                    let value = lines.note(&format!("fields.{key}"), value);
                    (key, value)
                })
                .collect(),
            language: front.language,
            matches: front.matches,
            comment_on_more,
            comment_on_clear,
            lines,
        };
        Ok((template, body))
    }

    /// Every text that may be a template, with the path to it.
    pub(super) fn texts(&self) -> Vec<(String, &str)> {
        let mut texts =
            vec![("queue".to_owned(), self.queue.as_str()), ("summary".to_owned(), &self.summary)];
        let optional = [("type", &self.kind), ("priority", &self.priority), ("assignee", &self.assignee)];
        texts.extend(
            optional.into_iter().filter_map(|(path, text)| Some((path.to_owned(), text.as_deref()?))),
        );
        for (path, list) in
            [("tags", &self.tags), ("components", &self.components), ("followers", &self.followers)]
        {
            texts.extend(
                list.iter().enumerate().map(|(index, text)| (format!("{path}.{index}"), text.as_str())),
            );
        }
        for (key, value) in &self.fields {
            let path = format!("fields.{key}");
            each_text(value, &mut |text| texts.push((path.clone(), text)));
        }
        texts
    }
}

impl CommentTemplate {
    /// Reads a file; the second part is the source of the body.
    pub(super) fn read(file: &str, name: &str, text: &str) -> Result<(Self, String), Finding> {
        let (yaml, body) = split(file, text)?;
        let front: CommentFront = yaml::read(file, FIRST, yaml)?;
        Ok((Self { name: name.to_owned(), title: front.title, language: front.language }, body))
    }
}

fn each_text<'a>(value: &'a Value, found: &mut impl FnMut(&'a str)) {
    match value {
        Value::String(text) => found(text),
        Value::Array(list) => list.iter().for_each(|value| each_text(value, found)),
        Value::Object(map) => map.values().for_each(|value| each_text(value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The front matter, and the body as a source whose lines are numbered as in the file.
fn split<'a>(file: &str, text: &'a str) -> Result<(&'a str, String), Finding> {
    let missing =
        |message: &str| Finding { file: file.to_owned(), line: Some(1), message: message.to_owned() };
    let Some(rest) = text.strip_prefix("---\n") else {
        return Err(missing("begins without front matter; the first line must be ---"));
    };
    let end = rest.match_indices("---").map(|(at, _)| at).find(|&at| {
        let begins = at == 0 || rest[..at].ends_with('\n');
        begins && (rest[at + 3..].is_empty() || rest[at + 3..].starts_with('\n'))
    });
    let Some(end) = end else {
        return Err(missing("the front matter has no end; a line of --- must follow it"));
    };
    let (yaml, body) = (&rest[..end], &rest[end + 3..]);
    // A comment takes the front matter's place. It also takes the line break after it and blank lines.
    let lines = "\n".repeat(yaml.matches('\n').count() + 1);
    Ok((yaml, format!("{{#{lines}-#}}{body}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_keeps_the_numbers_of_its_lines() {
        let (yaml, body) = split("f", "---\na: 1\nb: 2\n---\n\nbody\n").unwrap();
        assert_eq!(yaml, "a: 1\nb: 2\n");
        assert_eq!(body, "{#\n\n\n-#}\n\nbody\n");
        assert_eq!(body.lines().position(|line| line == "body"), Some(5));
        assert_eq!(split("f", "---\n---").unwrap(), ("", "{#\n-#}".to_owned()));
    }

    #[test]
    fn front_matter_that_is_missing_or_does_not_end_is_refused() {
        assert!(split("f", "title: x\n").unwrap_err().message.contains("first line"));
        assert!(split("f", "---\ntitle: x\n----\n").unwrap_err().message.contains("no end"));
    }
}
