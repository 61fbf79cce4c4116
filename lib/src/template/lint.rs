//! What can be wrong with a template that the engine would only notice when it gets there, perhaps at night.

use std::collections::{BTreeSet, HashSet};

use minijinja::value::{Value, ValueKind};
use minijinja::{Environment, tests};

use super::engine::{Makes, environment};
use super::markup::Fences;
use super::scan::{Kind, Piece, Token, pieces};
use super::subject::{IncidentView, Member, Standing, Subject, TicketView};
use super::values::variables;
use super::{Finding, language::Language};
use crate::inventory::Device;
use crate::time::Timestamp;

/// The tags that name other files, and must name them in so many words.
const NAMING: [&str; 4] = ["include", "import", "from", "extends"];

/// What every template is checked against.
pub(super) struct Lint {
    /// Knows all filters, tests and functions.
    env: Environment<'static>,
    /// The variables of a subject that has everything.
    known: Vec<(&'static str, Value)>,
    /// The files that may be included.
    files: BTreeSet<String>,
}

impl Lint {
    pub(super) fn new(files: impl Iterator<Item = String>) -> Self {
        let member = Member {
            url: Some("https://monitoring.example.net/".to_owned()),
            device: Some(Device::default()),
            standing: Some(Standing::default()),
            ..Member::default()
        };
        let mut subject = Subject::new(vec![member], Timestamp::default());
        subject.operator = Some(String::new());
        subject.ticket = Some(TicketView::default());
        subject.incident = Some(IncidentView::default());
        Self {
            env: environment(),
            known: variables(&subject, Language::default()).into(),
            files: files.collect(),
        }
    }

    /// The findings in a source, which begins at line `first` of `file` and gives markup or plain text. `undeclared` are
    /// the variables it takes from outside, with what it asks of them, where that is known.
    pub(super) fn check(
        &self,
        file: &str,
        first: u32,
        source: &str,
        makes: Makes,
        undeclared: &HashSet<String>,
    ) -> Vec<Finding> {
        let pieces = pieces(source);
        let mut found = Vec::new();
        let mut around = Around::default();
        for piece in &pieces {
            match piece {
                Piece::Text(text, _) => around.read(text),
                Piece::Print(tokens, line) => {
                    found.extend(around.complain(*line).filter(|_| makes == Makes::Markup));
                    self.check_code(tokens, &mut found);
                }
                Piece::Tag(tokens, line) => {
                    self.check_tag(tokens, *line, &mut found);
                    self.check_code(tokens, &mut found);
                }
            }
        }
        let unknown = undeclared
            .iter()
            .filter_map(|path| Some((place_of(path, &pieces).unwrap_or(1), self.unknown(path)?)));
        found.extend(unknown);
        found.sort();
        let found = found.into_iter().map(|(line, message)| Finding {
            file: file.to_owned(),
            line: Some(first + line - 1),
            message,
        });
        found.collect()
    }

    /// Filters and tests that nobody knows.
    fn check_code(&self, tokens: &[Token<'_>], found: &mut Vec<(u32, String)>) {
        let state = self.env.empty_state();
        for (index, token) in tokens.iter().enumerate() {
            let after = |distance: usize| match tokens.get(index + distance).map(|token| token.kind) {
                Some(Kind::Name(name)) => Some(name),
                _ => None,
            };
            match token.kind {
                Kind::Sign('|') => {
                    if let Some(name) = after(1)
                        && !tests::is_filter(&state, name)
                    {
                        found.push((token.line, unknown_filter(name)));
                    }
                }
                Kind::Name("is") => {
                    let name = if after(1) == Some("not") { after(2) } else { after(1) };
                    if let Some(name) = name
                        && !tests::is_test(&state, name)
                    {
                        found.push((token.line, format!("there is no test {name:?}")));
                    }
                }
                _ => {}
            }
        }
    }

    fn check_tag(&self, tokens: &[Token<'_>], line: u32, found: &mut Vec<(u32, String)>) {
        let Some((Token { kind: Kind::Name(tag), .. }, rest)) = tokens.split_first() else { return };
        match (*tag, rest.first().map(|token| token.kind)) {
            ("autoescape", _) => found.push((
                line,
                "autoescape has no meaning here: values are always escaped, unless |code or |fence says how"
                    .into(),
            )),
            ("filter", Some(Kind::Name(name))) if !tests::is_filter(&self.env.empty_state(), name) => {
                found.push((line, unknown_filter(name)));
            }
            (tag, name) if NAMING.contains(&tag) => {
                if let Some(Kind::Quoted(name)) = name {
                    if !self.files.contains(name) {
                        found.push((
                            line,
                            format!("there is no file {name:?}; paths begin at the top of the repository"),
                        ));
                    }
                } else {
                    found.push((
                        line,
                        format!("{tag} must name its file in quotes, so that it can be checked"),
                    ));
                }
            }
            _ => {}
        }
    }

    /// What is wrong with a path of names, if the first is a variable that nobody sets or another is no part of it.
    fn unknown(&self, path: &str) -> Option<String> {
        let mut names = path.split('.');
        let variable = names.next()?;
        let state = self.env.empty_state();
        if state.lookup(variable).is_some() {
            return None;
        }
        let Some((_, value)) = self.known.iter().find(|(known, _)| *known == variable) else {
            let known: Vec<_> = self.known.iter().map(|(name, _)| *name).collect();
            return Some(format!("nobody sets {variable:?}; there are {}", known.join(", ")));
        };
        let mut value = value.clone();
        for name in names {
            let part = match value.kind() {
                ValueKind::Map => value.get_attr(name).unwrap_or_default(),
                ValueKind::String | ValueKind::Number => {
                    return Some(format!(
                        "{path:?} is nothing: a text has no {name:?}; filters change texts"
                    ));
                }
                // What tags there are, or what stands in a list, only the event knows.
                _ => return None,
            };
            if part.is_undefined() {
                let parts: Vec<_> =
                    value.try_iter().into_iter().flatten().map(|part| part.to_string()).collect();
                return Some(format!("{path:?} is nothing: {name:?} is none of {}", parts.join(", ")));
            }
            value = part;
        }
        None
    }
}

fn unknown_filter(name: &str) -> String {
    match name {
        "safe" | "raw" => {
            format!("there is no filter {name:?}: no value is trusted; write markup into the template itself")
        }
        _ => format!("there is no filter {name:?}"),
    }
}

/// The line where a path of names is written.
fn place_of(path: &str, pieces: &[Piece<'_>]) -> Option<u32> {
    let names: Vec<&str> = path.split('.').collect();
    let written = |tokens: &[Token<'_>]| {
        tokens.iter().enumerate().find_map(|(index, token)| {
            let attribute = index.checked_sub(1).and_then(|before| tokens.get(before));
            let begins = attribute.is_none_or(|before| before.kind != Kind::Sign('.'));
            let fits = names.iter().enumerate().all(|(nth, name)| {
                tokens.get(index + 2 * nth).is_some_and(|token| token.kind == Kind::Name(name))
            });
            (begins && fits).then_some(token.line)
        })
    };
    pieces.iter().find_map(|piece| match piece {
        Piece::Print(tokens, _) | Piece::Tag(tokens, _) => written(tokens),
        Piece::Text(..) => None,
    })
}

/// In what markup of the author's own a place lies.
#[derive(Debug, Default)]
struct Around {
    fences: Fences,
    line: String,
}

impl Around {
    fn read(&mut self, text: &str) {
        let mut lines = text.split('\n');
        self.line.push_str(lines.next().unwrap_or_default());
        for line in lines {
            self.fences.take(&self.line);
            line.clone_into(&mut self.line);
        }
    }

    /// A value that is printed here shows its escapes; there are filters for code.
    fn complain(&self, line: u32) -> Option<(u32, String)> {
        let message = if self.fences.is_inside() {
            "a value within a block of code shows its escapes; let |fence make the block"
        } else if self.line.matches('`').count() % 2 == 1 {
            "a value between backquotes shows its escapes; leave them to |code"
        } else {
            return None;
        };
        Some((line, message.to_owned()))
    }
}
