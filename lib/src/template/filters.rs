//! The filters that templates have, beside those of the engine that can do no harm.
//!
//! A filter gives either plain text, which is escaped when it is printed, or finished markup. What changes text
//! (`upper`, `replace`, …) always gives plain text, even of markup: cut or changed, that would no longer be safe. This
//! is why the engine's own filters for text are not used.

#![expect(clippy::needless_pass_by_value, reason = "the engine passes arguments by value")]

use std::borrow::Cow;

use chrono::format::{Item, StrftimeItems};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use minijinja::value::{Kwargs, Rest, Value};
use minijinja::{Environment, Error, ErrorKind, State, filters, tests};

use super::language::{Language, plural};
use super::values::Link;
use super::{markup, table};
use crate::severity::Severity;
use crate::time::Timestamp;

/// Adds all filters, tests and functions there are.
pub(super) fn add(env: &mut Environment<'_>) {
    add_markup(env);
    add_words(env);
    add_text(env);
    add_lists(env);
    add_tests(env);
    env.add_function("range", minijinja::functions::range);
}

fn add_markup(env: &mut Environment<'_>) {
    env.add_filter("escape", |text: Cow<'_, str>| Value::from_safe_string(markup::escaped(&text)));
    env.add_filter("code", |text: Cow<'_, str>| Value::from_safe_string(markup::code(&text)));
    env.add_filter("fence", |text: Cow<'_, str>| Value::from_safe_string(markup::fence(&text)));
    env.add_filter("link", link);
    env.add_filter("cut", cut);
    env.add_filter("table", table::table);
}

fn add_words(env: &mut Environment<'_>) {
    env.add_filter("severity", severity);
    env.add_filter("age", age);
    env.add_filter("date", date);
    env.add_filter("plural", plural_form);
    env.add_filter("rack_path", rack_path);
}

fn add_text(env: &mut Environment<'_>) {
    env.add_filter("default", default);
    env.add_filter("truncate", truncate);
    env.add_filter("upper", |text: Cow<'_, str>| text.to_uppercase());
    env.add_filter("lower", |text: Cow<'_, str>| text.to_lowercase());
    env.add_filter("trim", |text: Cow<'_, str>| text.trim().to_owned());
    env.add_filter("replace", replace);
    env.add_filter("lines", |text: Cow<'_, str>| text.lines().map(str::to_owned).collect::<Vec<_>>());
    env.add_filter("split", |text: Cow<'_, str>, by: Cow<'_, str>| {
        text.split(&*by).map(str::to_owned).collect::<Vec<_>>()
    });
}

fn add_lists(env: &mut Environment<'_>) {
    env.add_filter("length", filters::length);
    env.add_filter("first", |list: Vec<Value>| list.into_iter().next());
    env.add_filter("last", |list: Vec<Value>| list.into_iter().next_back());
    env.add_filter("join", filters::join);
    env.add_filter("sort", filters::sort);
    env.add_filter("unique", filters::unique);
    env.add_filter("groupby", filters::groupby);
    env.add_filter("map", filters::map);
    env.add_filter("select", filters::select);
    env.add_filter("reject", filters::reject);
    env.add_filter("selectattr", filters::selectattr);
    env.add_filter("rejectattr", filters::rejectattr);
    env.add_filter("min", filters::min);
    env.add_filter("max", filters::max);
    env.add_filter("sum", filters::sum);
    env.add_filter("round", filters::round);
    env.add_filter("int", filters::int);
}

fn add_tests(env: &mut Environment<'_>) {
    env.add_test("defined", tests::is_defined);
    env.add_test("undefined", tests::is_undefined);
    env.add_test("none", tests::is_none);
    env.add_test("odd", tests::is_odd);
    env.add_test("even", tests::is_even);
    env.add_test("startingwith", tests::is_startingwith);
    env.add_test("endingwith", tests::is_endingwith);
    env.add_test("in", tests::is_in);
    env.add_test("eq", tests::is_eq);
    env.add_test("ne", tests::is_ne);
    env.add_test("lt", tests::is_lt);
    env.add_test("le", tests::is_le);
    env.add_test("gt", tests::is_gt);
    env.add_test("ge", tests::is_ge);
}

/// What is wrong with a template's call, for its author.
pub(super) fn wrong(what: impl Into<Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::InvalidOperation, what)
}

/// A variable that every template has.
fn variable<T: std::str::FromStr>(state: &State<'_, '_>, name: &'static str) -> Result<T, Error> {
    let value = state.lookup(name);
    let read = value.as_ref().and_then(Value::as_str).and_then(|text| text.parse().ok());
    read.ok_or_else(|| wrong(format!("the variable {name} was set to something it cannot be")))
}

/// The language of what Heat writes itself.
pub(super) fn language(state: &State<'_, '_>, named: Option<&str>) -> Result<Language, Error> {
    match named {
        Some(name) => {
            name.parse().map_err(|error: super::language::UnknownLanguage| wrong(error.to_string()))
        }
        None => variable(state, "language"),
    }
}

fn severity(state: &State<'_, '_>, level: u64, named: Option<&str>) -> Result<&'static str, Error> {
    let severity = Severity::try_from(level).map_err(|error| wrong(error.to_string()))?;
    Ok(language(state, named)?.severity(severity))
}

fn read_moment(text: &str) -> Result<Timestamp, Error> {
    text.parse().map_err(|_| wrong(format!("{text:?} is no time; times are written 2026-11-23T21:07:55Z")))
}

/// From a moment to `now`.
pub(super) fn age(state: &State<'_, '_>, since: &str) -> Result<String, Error> {
    let now: Timestamp = variable(state, "now")?;
    Ok(language(state, None)?.age(now.since(read_moment(since)?)))
}

fn date(
    state: &State<'_, '_>,
    moment: &str,
    zone: Option<&str>,
    format: Option<&str>,
    named: Kwargs,
) -> Result<String, Error> {
    let zone = zone.or(named.get("zone")?);
    let format = format.or(named.get("format")?);
    named.assert_all_used()?;
    let format = match format {
        Some(format) => format,
        None => language(state, None)?.moment(),
    };
    let zone = match zone {
        Some(zone) => zone.parse().map_err(|_| {
            wrong(format!("unknown time zone {zone:?}: give an IANA name such as Europe/Moscow"))
        })?,
        None => variable(state, "zone")?,
    };
    written(moment, zone, format)
}

fn written(moment: &str, zone: Tz, format: &str) -> Result<String, Error> {
    // Formatting would panic on what is no format.
    let items: Vec<_> = StrftimeItems::new(format).collect();
    if items.contains(&Item::Error) {
        return Err(wrong(format!(
            "{format:?} is no format of a time: write it as for strftime, %d.%m.%Y %H:%M"
        )));
    }
    let moment: DateTime<Utc> = read_moment(moment)?.into();
    Ok(moment.with_timezone(&zone).format_with_items(items.into_iter()).to_string())
}

/// A moment as the language writes it, in the zone of the subject.
pub(super) fn moment(state: &State<'_, '_>, moment: &str) -> Result<String, Error> {
    written(moment, variable(state, "zone")?, language(state, None)?.moment())
}

fn plural_form(count: u64, forms: Rest<String>) -> Result<String, Error> {
    plural(count, &forms).map(str::to_owned).ok_or_else(|| {
        wrong("plural takes two forms (problem, problems) or three (проблема, проблемы, проблем)")
    })
}

fn rack_path(of: &Value) -> Result<Value, Error> {
    match of.get_attr("place") {
        Ok(place) if !place.is_undefined() => Ok(place),
        _ => Err(wrong("rack_path is for an event or a rack")),
    }
}

fn link(state: &State<'_, '_>, to: &Value, text: Option<Cow<'_, str>>) -> Result<Value, Error> {
    let Some(Link(url)) = to.downcast_object_ref::<Link>() else {
        return Err(wrong(
            "only event.url and ticket.url can be links, and not where they are none; text never is a link",
        ));
    };
    let text = match text {
        Some(text) => text,
        None => language(state, None)?.open().into(),
    };
    Ok(Value::from_safe_string(markup::link(url, &text)))
}

fn cut(state: &mut State<'_, '_>, block: Value, title: &str) -> Result<Value, Error> {
    let block = state.format(block)?;
    Ok(Value::from_safe_string(markup::cut(title, &block)))
}

fn default(value: Value, instead: Value) -> Value {
    let is_nothing = value.is_undefined() || value.is_none() || value.as_str().is_some_and(str::is_empty);
    if is_nothing { instead } else { value }
}

fn truncate(text: Cow<'_, str>, length: usize, end: Option<Cow<'_, str>>) -> String {
    let end = end.unwrap_or("…".into());
    if text.chars().count() <= length {
        return text.into_owned();
    }
    let room = length.saturating_sub(end.chars().count());
    text.chars().take(room).collect::<String>().trim_end().to_owned() + &end
}

fn replace(text: Cow<'_, str>, from: Cow<'_, str>, to: Cow<'_, str>) -> Result<String, Error> {
    if from.is_empty() {
        return Err(wrong("replace needs something to look for"));
    }
    Ok(text.replace(&*from, &to))
}
