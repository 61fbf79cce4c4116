//! `heat-updater rackcode`: what an expression holds for, for people who write views.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt;
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context, anyhow};
use heat::inventory::{Device, Inventory, Location, LocationId, Rack, Row, RowId};
use heat::placement::Places;
use heat::rackcode::{Expression, Predicates, SyntaxError, TagIndex};
use serde::Serialize;
use url::Url;

use crate::config::{Arguments, Format, RackCodeArgs};
use crate::upstream::inventory::{InventoryOptions, InventorySource};

/// Answers on standard output; what else there is to say goes to standard error.
pub async fn run(arguments: &Arguments, asked: &RackCodeArgs) -> anyhow::Result<()> {
    // What is wrong with the expression is quicker to tell than what it holds for.
    let expression = Expression::parse(&asked.expression)
        .map_err(|error| anyhow!("{error}\n\n{}", pointed_at(&asked.expression, &error)))?;
    let mut source = match &asked.inventory {
        Some(file) => file_source(file)?,
        None => arguments.inventory_source()?,
    };
    let reading = source.read().await?;
    for remark in &reading.remarks {
        eprintln!("{remark}");
    }
    let answer = Answer::new(&expression, &reading.inventory)?;
    for name in &answer.unknown {
        let what = if name.starts_with('[') { "no predicate is called" } else { "nothing has the tag" };
        eprintln!("{what} {name}");
    }
    let mut out = std::io::stdout().lock();
    match asked.format {
        Format::Table => write!(out, "{answer}")?,
        Format::Json => {
            serde_json::to_writer_pretty(&mut out, &answer)?;
            writeln!(out)?;
        }
    }
    Ok(())
}

fn file_source(file: &Path) -> anyhow::Result<InventorySource> {
    let path = std::path::absolute(file).with_context(|| format!("--inventory {}", file.display()))?;
    let url = Url::from_file_path(&path).map_err(|()| anyhow!("{} is no file's path", path.display()))?;
    Ok(InventorySource::from_url(url.as_str(), InventoryOptions::default())?)
}

/// The line that is wrong, and below it a caret where.
fn pointed_at(text: &str, error: &SyntaxError) -> String {
    let line = text.split('\n').nth(error.at.line.saturating_sub(1)).unwrap_or_default();
    // A tab is as wide as it likes, and the caret must not go by it.
    let line = line.replace(char::is_control, " ");
    format!("    {line}\n    {:>1$}", '^', error.at.column)
}

/// What an expression holds for.
#[derive(Debug, Serialize)]
struct Answer<'a> {
    racks: Vec<Found<'a>>,
    devices: Vec<Found<'a>>,
    /// The tags and predicates of the expression that do not exist.
    #[serde(skip)]
    unknown: BTreeSet<String>,
}

/// A rack or a device.
#[derive(Debug, Serialize)]
struct Found<'a> {
    id: u64,
    name: &'a str,
    /// `SAS / Hall 2 / Row A`, and the rack where it is a device's; empty where it stands nowhere.
    place: String,
}

impl<'a> Answer<'a> {
    fn new(expression: &Expression, inventory: &'a Inventory) -> anyhow::Result<Self> {
        let index = TagIndex::new(inventory, &Predicates::of(inventory)?);
        let members = index.members(expression);
        let (racks, devices): (HashSet<_>, HashSet<_>) =
            (members.racks.into_iter().collect(), members.devices.into_iter().collect());
        let (rows, places) = (Rows::new(inventory), Places::new(inventory));
        let racks_by_id: HashMap<_, _> = inventory.racks.iter().map(|rack| (rack.id, rack)).collect();
        let in_rack = |device: &Device| {
            let rack = racks_by_id.get(&places.rack_of(device.id)?)?;
            Some(joined([rows.path(rack), rack.name.clone()]))
        };
        let racks = inventory.racks.iter().filter(|rack| racks.contains(&rack.id));
        let devices = inventory.devices.iter().filter(|device| devices.contains(&device.id));
        Ok(Self {
            racks: racks
                .map(|rack| Found { id: rack.id, name: &rack.name, place: rows.path(rack) })
                .collect(),
            devices: devices
                .map(|device| Found {
                    id: device.id,
                    name: &device.name,
                    place: in_rack(device).unwrap_or_default(),
                })
                .collect(),
            unknown: index.unknown(expression),
        })
    }
}

/// Where rows are.
struct Rows<'a> {
    rows: HashMap<RowId, &'a Row>,
    locations: HashMap<LocationId, &'a Location>,
}

impl<'a> Rows<'a> {
    fn new(inventory: &'a Inventory) -> Self {
        Self {
            rows: inventory.rows.iter().map(|row| (row.id, row)).collect(),
            locations: inventory.locations.iter().map(|location| (location.id, location)).collect(),
        }
    }

    /// The locations and the row of a rack.
    fn path(&self, rack: &Rack) -> String {
        let Some(row) = rack.row_id.and_then(|id| self.rows.get(&id)) else { return String::new() };
        let mut path = vec![row.name.clone()];
        let mut above = row.location_id;
        while let Some(location) = above.and_then(|id| self.locations.get(&id)) {
            path.push(location.name.clone());
            above = location.parent_id;
        }
        path.reverse();
        joined(path)
    }
}

fn joined(path: impl IntoIterator<Item = String>) -> String {
    let named: Vec<_> = path.into_iter().filter(|name| !name.is_empty()).collect();
    named.join(" / ")
}

impl fmt::Display for Answer<'_> {
    /// A line each, in columns, and how many there are.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = || self.racks.iter().chain(&self.devices);
        let id_width = all().map(|found| found.id.to_string().len()).max().unwrap_or_default();
        let name_width = all().map(|found| found.name.chars().count()).max().unwrap_or_default();
        for (what, list) in [("rack", &self.racks), ("device", &self.devices)] {
            for Found { id, name, place } in list {
                let place = if place.is_empty() { "(nowhere)" } else { place };
                writeln!(f, "{what:<6}  {id:>id_width$}  {name:<name_width$}  {place}")?;
            }
        }
        let counted = |list: &[_], what| match list.len() {
            1 => format!("1 {what}"),
            n => format!("{n} {what}s"),
        };
        writeln!(f, "{}, {}", counted(&self.racks, "rack"), counted(&self.devices, "device"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(text: &str) -> String {
        let mut inventory: Inventory =
            serde_json::from_str(include_str!("../../lib/examples/inventory.json")).unwrap();
        inventory.normalise();
        Answer::new(&Expression::parse(text).unwrap(), &inventory).unwrap().to_string()
    }

    #[test]
    fn racks_and_devices_are_listed_with_their_places() {
        assert_eq!(
            answer("{net} or {$typeid_4} or {$cn_vm-0001} or {$rackid_31} or {$id_520}"),
            "rack      4  A02        Europe / SAS / SAS-A\n\
             rack     31  S01        Spare\n\
             device  513  srv-00001  Europe / SAS / SAS-A / A01\n\
             device  518  vm-0001    Europe / SAS / SAS-A / A01\n\
             device  520  spare-01   (nowhere)\n\
             2 racks, 3 devices\n"
        );
        assert_eq!(answer("[idle]"), "device  520  spare-01  (nowhere)\n0 racks, 1 device\n");
    }

    #[test]
    fn a_caret_stands_below_what_is_wrong() {
        for (text, pointed) in [
            ("{a} AND {b}", "    {a} AND {b}\n        ^"),
            ("{Владивосток} and", "    {Владивосток} and\n                     ^"),
            ("{a}\n\tor\r {b", "     or  {b\n     ^"),
            ("{a\n}", "    {a\n    ^"),
            ("#", "    #\n    ^"),
        ] {
            let error = Expression::parse(text).unwrap_err();
            assert_eq!(pointed_at(text, &error), pointed, "{error}");
        }
    }
}
