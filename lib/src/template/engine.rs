//! The template engine with Heat's rules: values are escaped, nothing may be left undefined, and work is limited.

use std::collections::HashSet;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Value, ValueKind};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, Output, State, UndefinedBehavior};

use super::language::Language;
use super::subject::Subject;
use super::values::{Link, variables};
use super::{Finding, filters, markup};

/// The work a template may make: an instruction costs one, and so do 64 bytes. A few loops over a thousand events need
/// less than a tenth of it.
pub(super) const FUEL: u64 = 1_000_000;

/// What a template makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Makes {
    /// The tracker's markup: values are escaped.
    Markup,
    /// Plain text: a summary, a field.
    Text,
}

/// An environment without templates.
pub(super) fn environment() -> Environment<'static> {
    // Empty, so that a filter of a later version, such as one that trusts text, is not simply there.
    let mut env = Environment::empty();
    env.set_undefined_behavior(UndefinedBehavior::Strict);
    env.set_fuel(Some(FUEL));
    // For errors that name what is undefined.
    env.set_debug(true);
    // What blocks and macros have written is finished markup. The name means nothing: `print` escapes in any case.
    env.set_auto_escape_callback(|_| AutoEscape::Custom("markup".into()));
    env.set_formatter(print_escaped);
    // Without custom delimiters there is nothing that could be refused.
    if let Ok(syntax) = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build() {
        env.set_syntax(syntax);
    }
    filters::add(&mut env);
    env
}

fn print_escaped(out: &mut Output<'_>, _: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    print(out, value, Makes::Markup)
}

fn print_plain(out: &mut Output<'_>, _: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    print(out, value, Makes::Text)
}

/// Writes a value; the one place where that happens.
fn print(out: &mut Output<'_>, value: &Value, makes: Makes) -> Result<(), Error> {
    if let Some(Link(url)) = value.downcast_object_ref() {
        match makes {
            Makes::Markup => out.write_str(&markup::link(url, url))?,
            Makes::Text => out.write_str(url)?,
        }
        return Ok(());
    }
    match (value.kind(), value.as_str()) {
        // What is left of `a if b` where b is not true; all else that is undefined never gets here.
        (ValueKind::Undefined, _) => {}
        (_, Some(text)) if value.is_safe() || makes == Makes::Text => out.write_str(text)?,
        (_, Some(text)) => out.write_str(&markup::escaped(text))?,
        (ValueKind::Number | ValueKind::Bool, _) => write!(out, "{value}")?,
        (ValueKind::None, _) => {
            return Err(filters::wrong(
                "there is none here; ask with {% if … %} whether there is, or use |default(\"…\")",
            ));
        }
        (kind, _) => {
            return Err(filters::wrong(format!(
                "this is a {kind} and no text; print a part of it, or a list with |join(\", \")"
            )));
        }
    }
    Ok(())
}

/// Renders things for one subject.
pub(super) struct Renderer {
    env: Environment<'static>,
}

impl Renderer {
    /// The variables are global, so that macros know them too.
    pub(super) fn new(env: &Environment<'static>, subject: &Subject, language: Language) -> Self {
        let mut env = env.clone();
        for (name, value) in variables(subject, language) {
            env.add_global(name, value);
        }
        Self { env }
    }

    /// A file's body, in the tracker's markup.
    pub(super) fn file(&mut self, file: &str) -> Result<String, Finding> {
        self.env.set_formatter(print_escaped);
        let rendered = self.env.get_template(file).and_then(|template| template.render(()));
        rendered.map(|text| markup::tidied(&text)).map_err(|error| finding(&error, file, None))
    }

    /// A text of a file's front matter, as plain text in one line.
    pub(super) fn text(&mut self, file: &str, line: u32, text: &str) -> Result<String, Finding> {
        self.env.set_formatter(print_plain);
        let rendered =
            self.env.template_from_named_str(INLINE, text).and_then(|template| template.render(()));
        rendered.map(|text| markup::one_line(&text)).map_err(|error| finding(&error, file, Some(line)))
    }
}

/// The name under which the engine knows a text of a front matter.
const INLINE: &str = "<front matter>";

/// What a text of a front matter takes from outside, if it can be read as a template.
pub(super) fn undeclared(
    env: &Environment<'_>,
    file: &str,
    line: u32,
    text: &str,
) -> Result<HashSet<String>, Finding> {
    let template = env.template_from_named_str(INLINE, text);
    template
        .map(|template| template.undeclared_variables(true))
        .map_err(|error| finding(&error, file, Some(line)))
}

/// An error of the engine where it arose: in `file`, whose front matter has the text in question at `line`, or in what
/// that includes.
pub(super) fn finding(error: &Error, file: &str, line: Option<u32>) -> Finding {
    let mut root = error;
    while let Some(cause) = std::error::Error::source(root).and_then(|cause| cause.downcast_ref::<Error>()) {
        root = cause;
    }
    let within = root.line().and_then(|line| u32::try_from(line).ok());
    let message = match root.kind() {
        ErrorKind::OutOfFuel => format!(
            "does too much: its loops and texts used up what a template may do ({FUEL} steps or 64 bytes each)"
        ),
        kind => root.detail().map_or_else(|| kind.to_string(), |detail| format!("{kind}: {detail}")),
    };
    match root.name() {
        Some(INLINE) | None => {
            let line = line.map(|first| first + within.unwrap_or(1).saturating_sub(1));
            Finding { file: file.to_owned(), line, message }
        }
        Some(name) => Finding { file: name.to_owned(), line: within, message },
    }
}
