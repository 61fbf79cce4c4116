//! `heat-updater filter`: what a filter means in a given picture, for people who write views.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};
use heat::filter::{Filter, FilterError, Scene};
use heat::floor::Floor;
use heat::inventory::Inventory;
use heat::snapshot::{ActiveEvent, Snapshot};
use serde::de::DeserializeOwned;

/// A filter, and what it is tried on.
#[derive(Clone, Debug, clap::Args)]
pub struct FilterArgs {
    /// The filter, such as 'dc:sas sev>=high age>15m -ticket'
    #[arg(allow_hyphen_values = true)]
    expression: String,
    /// File that holds the answer of GET /api/v1/snapshot; ages are counted up to when it was made
    #[arg(long)]
    snapshot: PathBuf,
    /// File that holds the answer of GET /api/v1/inventory, or what `heat-updater inventory export` wrote
    #[arg(long)]
    inventory: Option<PathBuf>,
    /// Write each event as a line of JSON, instead of a table
    #[arg(long)]
    json: bool,
}

/// Writes the events that match.
pub fn run(args: &FilterArgs, out: &mut impl Write) -> anyhow::Result<()> {
    let filter: Filter = args.expression.parse().map_err(|error| marked(&args.expression, &error))?;
    let floor = match &args.inventory {
        Some(path) => {
            let mut inventory: Inventory = read(path)?;
            inventory.normalise();
            Floor::new(&inventory)
        }
        None if filter.needs_places() => {
            bail!("the filter asks where things stand; name the file of the inventory with --inventory")
        }
        None => Floor::default(),
    };
    let snapshot: Snapshot<'static> = read(&args.snapshot)?;
    let scene = Scene::new(&snapshot, &floor, snapshot.generated_at.0);
    let matching: Vec<_> = snapshot.events.iter().filter(|event| filter.matches(event, &scene)).collect();
    if args.json {
        for event in matching {
            serde_json::to_writer(&mut *out, event)?;
            writeln!(out)?;
        }
        return Ok(());
    }
    table(&matching, &scene, out)?;
    writeln!(out, "{} of {} events", matching.len(), snapshot.events.len())?;
    Ok(())
}

fn read<T: DeserializeOwned>(path: &Path) -> anyhow::Result<T> {
    let json = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_slice(&json).with_context(|| format!("{} is not what it must be", path.display()))
}

/// The mistake with a mark under it.
fn marked(expression: &str, error: &FilterError) -> anyhow::Error {
    // A tab would be wider than its mark.
    let line = expression.replace(['\t', '\n', '\r'], " ");
    anyhow!("{error}\n  {line}\n  {:>1$}", "^", error.position + 1)
}

fn table(events: &[&ActiveEvent<'_>], scene: &Scene<'_>, out: &mut impl Write) -> std::io::Result<()> {
    let row = |event: &&ActiveEvent<'_>| {
        let place = scene.spot(event).path().unwrap_or_default().to_owned();
        [event.severity.to_string(), event.since.to_string(), event.host.to_string(), place]
    };
    let rows: Vec<_> = events.iter().map(row).collect();
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths = [width(0), width(1), width(2), width(3)];
    for (cells, event) in rows.iter().zip(events) {
        for (cell, width) in cells.iter().zip(widths) {
            write!(out, "{cell:<width$}  ")?;
        }
        writeln!(out, "{}", event.name)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SNAPSHOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../lib/examples/snapshot.json");
    const INVENTORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../lib/examples/inventory.json");

    fn printed(expression: &str, inventory: Option<&str>, json: bool) -> anyhow::Result<String> {
        let args = FilterArgs {
            expression: expression.to_owned(),
            snapshot: SNAPSHOT.into(),
            inventory: inventory.map(PathBuf::from),
            json,
        };
        let mut out = Vec::new();
        run(&args, &mut out)?;
        Ok(String::from_utf8(out)?)
    }

    #[test]
    fn the_events_stand_in_a_table_with_their_places() {
        let table = printed("dc:vla or host:sas-sw1", Some(INVENTORY), false).unwrap();
        let expected = "\
            high  2026-11-23T20:58:11Z  sas-sw1  SAS / SAS-A / A02  http:8080/p100%\n\
            high  2026-11-23T11:30:00Z  vla-db1  VLA / VLA-1 / V01  Disk space is critically low (used > 95%)\n\
            2 of 10 events\n";
        assert_eq!(table, expected);
    }

    #[test]
    fn ages_are_counted_up_to_when_the_picture_was_made() {
        assert!(printed("new", None, false).unwrap().ends_with("1 of 10 events\n"));
    }

    #[test]
    fn each_event_is_a_line_of_json_for_programs() {
        let lines = printed("sev:disaster or host:db", None, true).unwrap();
        let events: Vec<ActiveEvent<'_>> =
            lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(events.iter().map(|event| &*event.host).collect::<Vec<_>>(), ["srv-00001", "db"]);
    }

    #[test]
    fn a_mistake_is_marked() {
        let error = printed("стойка\thots:x", None, false).unwrap_err().to_string();
        let expected = "unknown field \"hots\"; did you mean host?\n  стойка hots:x\n         ^";
        assert_eq!(error, expected);
    }

    #[test]
    fn a_filter_about_places_asks_for_the_inventory() {
        let error = printed("dc:sas", None, false).unwrap_err().to_string();
        assert!(error.contains("--inventory"), "{error}");
    }
}
