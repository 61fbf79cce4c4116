//! The table of events that most tickets have.

#![expect(clippy::needless_pass_by_value, reason = "the engine passes arguments by value")]

use minijinja::value::{Kwargs, Value};
use minijinja::{Error, State};

use super::filters::{age, language, moment, wrong};
use super::markup;
use super::values::Link;
use crate::severity::Severity;

/// So many rows a table has unless the template says otherwise: nobody reads more, and a ticket has an end.
const ROWS: usize = 100;

/// What can be told of an event in one cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Column {
    Host,
    Device,
    Model,
    Serial,
    AssetNo,
    Place,
    Rack,
    Units,
    Severity,
    Name,
    Opdata,
    Since,
    Age,
    Source,
    Link,
}

impl Column {
    const ALL: [(&'static str, Self); 15] = [
        ("host", Self::Host),
        ("device", Self::Device),
        ("model", Self::Model),
        ("serial", Self::Serial),
        ("asset_no", Self::AssetNo),
        ("place", Self::Place),
        ("rack", Self::Rack),
        ("units", Self::Units),
        ("severity", Self::Severity),
        ("name", Self::Name),
        ("opdata", Self::Opdata),
        ("since", Self::Since),
        ("age", Self::Age),
        ("source", Self::Source),
        ("link", Self::Link),
    ];

    fn named(name: &str) -> Result<Self, Error> {
        Self::ALL.into_iter().find(|(known, _)| *known == name).map(|(_, column)| column).ok_or_else(|| {
            let known: Vec<_> = Self::ALL.into_iter().map(|(name, _)| name).collect();
            wrong(format!("there is no column {name:?}; there are {}", known.join(", ")))
        })
    }

    /// The cell's markup.
    fn cell(self, state: &State<'_, '_>, event: &Value) -> Result<String, Error> {
        Ok(match self {
            Self::Host => markup::code(&text(event, "host")?),
            Self::Device => markup::escaped(&part(event, "device", "name")?),
            Self::Model => markup::escaped(&part(event, "device", "hw")?),
            Self::Serial => markup::code(&part(event, "device", "serial")?),
            Self::AssetNo => markup::code(&part(event, "device", "asset_no")?),
            Self::Place => markup::escaped(&text(event, "place")?),
            Self::Rack => markup::escaped(&part(event, "rack", "name")?),
            Self::Units => markup::escaped(&text(event, "units")?),
            Self::Severity => {
                let level = u64::try_from(event.get_attr("severity")?)?;
                let severity = Severity::try_from(level).map_err(|error| wrong(error.to_string()))?;
                language(state, None)?.severity(severity).to_owned()
            }
            Self::Name => markup::escaped(&text(event, "name")?),
            Self::Opdata => markup::escaped(&text(event, "opdata")?),
            Self::Since => moment(state, &text(event, "since")?)?,
            Self::Age => age(state, &text(event, "since")?)?,
            Self::Source => markup::escaped(&text(event, "source")?),
            Self::Link => match event.get_attr("url")?.downcast_object_ref::<Link>() {
                Some(Link(url)) => markup::link(url, language(state, None)?.open()),
                None => String::new(),
            },
        })
    }
}

fn text(event: &Value, name: &str) -> Result<String, Error> {
    let value = event.get_attr(name)?;
    value.as_str().map(str::to_owned).ok_or_else(|| wrong("table is for events, such as members"))
}

/// A part of what an event may not have.
fn part(event: &Value, whole: &str, name: &str) -> Result<String, Error> {
    let whole = event.get_attr(whole)?;
    if whole.is_none() { Ok(String::new()) } else { text(&whole, name) }
}

/// One row an event, the columns in this order; a column may be given as `[name, head]`.
pub(super) fn table(
    state: &State<'_, '_>,
    events: Vec<Value>,
    columns: Vec<Value>,
    named: Kwargs,
) -> Result<Value, Error> {
    let limit = named.get::<Option<usize>>("limit")?.unwrap_or(ROWS);
    named.assert_all_used()?;
    let language = language(state, None)?;
    let mut heads = Vec::new();
    for column in &columns {
        if let Some(name) = column.as_str() {
            let column = Column::named(name)?;
            heads.push((column, language.heading(column).to_owned()));
            continue;
        }
        let pair: Vec<Value> = column.try_iter()?.collect();
        match pair.iter().map(Value::as_str).collect::<Vec<_>>()[..] {
            [Some(name), Some(head)] => heads.push((Column::named(name)?, markup::escaped(head))),
            _ => return Err(wrong("a column is a name, or a pair of a name and a head")),
        }
    }
    if heads.is_empty() {
        return Err(wrong("a table needs columns, as in members|table([\"host\", \"place\", \"name\"])"));
    }
    if events.is_empty() {
        return Ok(Value::from_safe_string(String::new()));
    }
    let mut rows = vec![row(heads.iter().map(|(_, head)| head.as_str())), row(heads.iter().map(|_| "---"))];
    for event in events.iter().take(limit) {
        // A row is as much work as the loop that a template would need for it.
        state.consume_fuel(u64::try_from(heads.len() * 4).unwrap_or(u64::MAX))?;
        let cells = heads.iter().map(|(column, _)| column.cell(state, event));
        let cells = cells.collect::<Result<Vec<_>, _>>()?;
        rows.push(row(cells.iter().map(String::as_str)));
    }
    let mut markup = format!("\n{}\n", rows.join("\n"));
    if let Some(left @ 1..) = events.len().checked_sub(limit) {
        markup.extend(["\n", &language.and_more(left), "\n"]);
    }
    Ok(Value::from_safe_string(markup))
}

fn row<'a>(cells: impl Iterator<Item = &'a str>) -> String {
    cells.fold("|".to_owned(), |row, cell| format!("{row} {cell} |"))
}
