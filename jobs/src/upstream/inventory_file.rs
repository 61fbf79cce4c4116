//! An inventory in a file: Heat's own JSON, or a table that a spreadsheet can save.
//!
//! JSON is the document of `GET /api/v1/inventory` and of `heat-updater inventory export`; `version` may be left out.
//! A key it does not know is refused, because a misspelt one would silently lose what it says.
//!
//! CSV is UTF-8, separated by commas or semicolons, and begins with the names of its columns in any order:
//!
//! | column | meaning |
//! |---|---|
//! | `location` | path from the top: `SAS/floor 2` |
//! | `row` | the row in it |
//! | `rack` | the rack in that; empty for a device that stands nowhere |
//! | `height` | the rack's units; 42 where no line of the rack says it |
//! | `unit` | the device's lowest unit, counted from 1 at the bottom; empty for zero-U |
//! | `device` | its name; empty on the line of a rack that has no devices |
//! | `units` | optional: how many units it takes upwards from `unit`; 1 where empty |
//! | `fqdn`, `type` | optional |
//!
//! Lines of the same device add up. Ids are made from the paths and the devices' names, so that they stay the same when
//! lines are moved, added or removed, and only a renamed thing becomes another.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use heat::inventory::{ALL_ATOMS, Device, FORMAT, Inventory, MAX_HEIGHT, Mount};
use serde::Deserialize;
use url::Url;

use super::inventory::{InventoryUrlError, Reading, ranges};
use super::layout::{Layout, USUAL_HEIGHT, id};

/// Larger files are not read: 50,000 devices are some 15 MB.
const MAX_BYTES: u64 = 256 << 20;

/// A file with an inventory, read anew each time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InventoryFile {
    path: PathBuf,
    form: Form,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Json,
    Csv,
}

/// An inventory file that could not be read.
#[derive(Debug, thiserror::Error)]
pub enum InventoryFileError {
    /// The system does not give it.
    #[error("cannot read the inventory {}: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's words.
        reason: std::io::Error,
    },
    /// A file that cannot be meant.
    #[error("the inventory {} has {bytes} bytes, and {MAX_BYTES} are the most that is read", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
    },
    /// The document is not what it should be; `reason` ends with line and column.
    #[error("the inventory {} is not as it should be: {reason}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// What is wrong where.
        reason: serde_json::Error,
    },
    /// A document of another version of Heat.
    #[error("the inventory {} has format {found}, and this version of Heat reads {FORMAT}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What it says.
        found: u32,
    },
    /// The table is not what it should be.
    #[error("the inventory {}, line {line}: {reason}", path.display())]
    Csv {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What is wrong and what would be right.
        reason: String,
    },
}

impl InventoryFile {
    /// Understands a `file:` URL; opens nothing yet.
    pub(super) fn from_url(url: &Url) -> Result<Self, InventoryUrlError> {
        let path = url.to_file_path().map_err(|()| {
            InventoryUrlError(format!(
                "{url} is no file on this machine; an example: file:///etc/heat/inventory.json"
            ))
        })?;
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        let form = match extension.to_ascii_lowercase().as_str() {
            "json" => Form::Json,
            "csv" => Form::Csv,
            _ => {
                let reason =
                    format!("{} ends in neither .json nor .csv, so its form is unknown", path.display());
                return Err(InventoryUrlError(reason));
            }
        };
        Ok(Self { path, form })
    }

    /// Reads the whole file.
    pub async fn read(&self) -> Result<Reading, InventoryFileError> {
        let path = || self.path.clone();
        let unreadable = |reason| InventoryFileError::Unreadable { path: path(), reason };
        let bytes = tokio::fs::metadata(&self.path).await.map_err(unreadable)?.len();
        if bytes > MAX_BYTES {
            return Err(InventoryFileError::TooLarge { path: path(), bytes });
        }
        let content = tokio::fs::read(&self.path).await.map_err(unreadable)?;
        // Spreadsheets put a byte order mark in front.
        let content = content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&content);
        let inventory = match self.form {
            Form::Json => json(content, &self.path)?,
            Form::Csv => csv(content).map_err(|(line, reason)| InventoryFileError::Csv {
                path: path(),
                line,
                reason,
            })?,
        };
        Ok(Reading::new(inventory, Vec::new(), format!("file {}", self.path.display())))
    }
}

fn json(content: &[u8], path: &Path) -> Result<Inventory, InventoryFileError> {
    let inventory: Inventory = serde_json::from_slice(content)
        .map_err(|reason| InventoryFileError::Json { path: path.to_owned(), reason })?;
    // 0 is a document without the field.
    if inventory.format != 0 && inventory.format != FORMAT {
        return Err(InventoryFileError::Format { path: path.to_owned(), found: inventory.format });
    }
    Ok(inventory)
}

/// One line of the table, as text: an empty number is an absent one.
#[derive(Deserialize)]
struct Line<'a> {
    location: &'a str,
    row: &'a str,
    rack: &'a str,
    height: &'a str,
    unit: &'a str,
    device: &'a str,
    #[serde(default)]
    units: &'a str,
    #[serde(default)]
    fqdn: &'a str,
    #[serde(default, rename = "type")]
    kind: &'a str,
}

const COLUMNS: [&str; 9] = ["location", "row", "rack", "height", "unit", "device", "units", "fqdn", "type"];
const REQUIRED: usize = 6;

/// The table's inventory, or the line that is wrong and why.
fn csv(content: &[u8]) -> Result<Inventory, (u64, String)> {
    let first_line = content.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let delimiter = if first_line.contains(&b';') { b';' } else { b',' };
    let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).trim(csv::Trim::All).from_reader(content);
    let headers = reader.headers().map_err(|error| (1, error.to_string()))?.clone();
    check_headers(&headers)?;

    let mut table = Table::default();
    let mut record = csv::StringRecord::new();
    while reader.read_record(&mut record).map_err(|error| csv_reason(content, &error))? {
        let number = line_number(content, record.position());
        if record.iter().all(str::is_empty) {
            continue;
        }
        let line: Line<'_> =
            record.deserialize(Some(&headers)).map_err(|error| (number, error.to_string()))?;
        table.add(number, &line).map_err(|reason| (number, reason))?;
    }
    Ok(table.finish())
}

fn check_headers(headers: &csv::StringRecord) -> Result<(), (u64, String)> {
    let wanted = COLUMNS[..REQUIRED].join(",");
    for required in &COLUMNS[..REQUIRED] {
        if !headers.iter().any(|header| header == *required) {
            return Err((1, format!("the column {required} is missing; the first line should be {wanted}")));
        }
    }
    let mut seen = BTreeSet::new();
    for header in headers {
        if !COLUMNS.contains(&header) {
            return Err((1, format!("the column {header:?} is unknown; known are {}", COLUMNS.join(", "))));
        }
        if !seen.insert(header) {
            return Err((1, format!("the column {header} stands there twice")));
        }
    }
    Ok(())
}

/// The reader's positions are before the line ends and empty lines that it skips.
fn line_number(content: &[u8], position: Option<&csv::Position>) -> u64 {
    let Some(position) = position else { return 1 };
    let from = usize::try_from(position.byte()).unwrap_or(usize::MAX);
    let skipped =
        content.get(from..).unwrap_or_default().iter().take_while(|byte| matches!(byte, b'\r' | b'\n'));
    position.line() + skipped.map(|byte| u64::from(*byte == b'\n')).sum::<u64>()
}

fn csv_reason(content: &[u8], error: &csv::Error) -> (u64, String) {
    let line = line_number(content, error.position());
    let reason = match error.kind() {
        csv::ErrorKind::Utf8 { .. } => "the text is not UTF-8; save the table as \"CSV UTF-8\"".to_owned(),
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!(
                "it has {len} fields where the first line has {expected_len}; text with a comma needs quotes"
            )
        }
        _ => error.to_string(),
    };
    (line, reason)
}

/// What the lines have said so far.
#[derive(Default)]
struct Table {
    layout: Layout,
    /// The line on which a rack's height was said.
    heights: BTreeMap<u64, (u32, u64)>,
    devices: BTreeMap<u64, Device>,
    /// Units by device and rack.
    units: BTreeMap<(u64, u64), BTreeSet<u32>>,
}

impl Table {
    fn add(&mut self, number: u64, line: &Line<'_>) -> Result<(), String> {
        let rack_id = self.place(number, line)?;
        if line.device.is_empty() {
            return if line.unit.is_empty() { Ok(()) } else { Err("it has a unit but no device".to_owned()) };
        }
        let id = id("device", &[line.device]);
        let device = self.devices.entry(id).or_insert_with(|| Device {
            id,
            name: line.device.to_owned(),
            ..Device::default()
        });
        fill(&mut device.fqdn, line.fqdn, "fqdn")?;
        fill(&mut device.kind, line.kind, "type")?;
        let unit = number_of(line.unit, "unit")?;
        let units = number_of(line.units, "units")?;
        match (rack_id, unit) {
            (Some(rack_id), Some(unit)) => {
                // Where the rack ends is not known before its last line; what is above is cut and reported then.
                let top = unit.saturating_add(units.unwrap_or(1) - 1);
                self.units.entry((id, rack_id)).or_default().extend(unit..=top);
            }
            (Some(rack_id), None) if units.is_none() => {
                device.mounts.push(Mount { rack_id, unit: None, height: 1, atoms: ALL_ATOMS });
            }
            (None, None) if units.is_none() => {}
            (Some(_), None) => return Err("it has units but no unit; name the lowest one".to_owned()),
            (None, _) => return Err("it has a unit but no rack".to_owned()),
        }
        Ok(())
    }

    /// Makes what the line's location, row and rack name; the rack's id.
    fn place(&mut self, number: u64, line: &Line<'_>) -> Result<Option<u64>, String> {
        let height = number_of(line.height, "height")?;
        if line.rack.is_empty() && height.is_some() {
            return Err("it has a height but no rack".to_owned());
        }
        if line.row.is_empty() && !line.location.is_empty() && !line.rack.is_empty() {
            return Err("it has a location and a rack but no row; racks stand in rows".to_owned());
        }
        let Some(rack) = self.layout.place(line.location, line.row, line.rack, USUAL_HEIGHT) else {
            return Ok(None);
        };
        if let Some(height) = height {
            let &mut (said, on) = self.heights.entry(rack.id).or_insert((height, number));
            if said != height {
                return Err(format!("rack {} has height {height} here and {said} on line {on}", line.rack));
            }
            rack.height = height;
        }
        Ok(Some(rack.id))
    }

    fn finish(mut self) -> Inventory {
        for ((device_id, rack_id), units) in self.units {
            if let Some(device) = self.devices.get_mut(&device_id) {
                device.mounts.extend(ranges(rack_id, units.into_iter().map(|unit| (unit, ALL_ATOMS))));
            }
        }
        self.layout.with(self.devices.into_values())
    }
}

/// A whole number from 1 to [`MAX_HEIGHT`], which all the numbers of the table are; none where nothing stands.
fn number_of(text: &str, column: &str) -> Result<Option<u32>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    match text.parse() {
        Ok(number @ 1..=MAX_HEIGHT) => Ok(Some(number)),
        _ => Err(format!("{column} is {text:?}; a number from 1 to {MAX_HEIGHT} would be right")),
    }
}

/// Says something about a device that another line may have said before.
fn fill(known: &mut String, said: &str, column: &str) -> Result<(), String> {
    if known.is_empty() {
        said.clone_into(known);
    }
    if said.is_empty() || known == said {
        return Ok(());
    }
    Err(format!("the device's {column} is {said:?} here and {known:?} on an earlier line"))
}

#[cfg(test)]
mod tests {
    use heat::placement::{MatchedBy, Place, Places};
    use proptest::prelude::*;

    use super::*;

    const HEAD: &str = "location,row,rack,height,unit,device\n";

    fn read(text: &str) -> Inventory {
        let mut inventory = csv(text.as_bytes()).unwrap();
        assert_eq!(inventory.normalise(), []);
        inventory
    }

    #[test]
    fn a_path_makes_a_tree_of_locations_and_lines_of_one_device_add_up() {
        let inventory = read(
            "device;unit;units;rack;row;location;height;fqdn\n\
             srv-1;1;2;A01;A;SAS/floor 2;42;srv-1.example.net\n\
             srv-1;3;;A01;A;SAS / floor 2;;\n\
             srv-1;7;;A01;A;SAS/floor 2;;\n\
             pdu-1;;;A01;A;SAS/floor 2;;\n\
             ;;;A02;A;SAS/floor 2;48;\n\
             stock-1;;;;;;;\n",
        );
        let floor = inventory.locations.iter().find(|l| l.name == "floor 2").unwrap();
        let parent = inventory.locations.iter().find(|l| Some(l.id) == floor.parent_id).unwrap();
        assert_eq!((inventory.locations.len(), parent.name.as_str()), (2, "SAS"));
        assert_eq!(inventory.rows[0].location_id, Some(floor.id));
        let heights: BTreeMap<_, _> = inventory.racks.iter().map(|r| (r.name.as_str(), r.height)).collect();
        assert_eq!(heights, BTreeMap::from([("A01", 42), ("A02", 48)]));
        let rack_id = inventory.racks.iter().find(|r| r.name == "A01").unwrap().id;
        let mounts = |name| inventory.devices.iter().find(|d| d.name == name).unwrap().mounts.clone();
        let mount = |unit, height| Mount { rack_id, unit, height, atoms: 7 };
        assert_eq!(mounts("srv-1"), [mount(Some(1), 3), mount(Some(7), 1)]);
        assert_eq!(mounts("pdu-1"), [mount(None, 1)]);
        assert_eq!(mounts("stock-1"), []);
        let places = Places::new(&inventory);
        assert!(
            matches!(places.find("srv-1.example.net"), Place::Rack(_, rack, MatchedBy::Fqdn) if rack == rack_id)
        );
    }

    #[test]
    fn the_example_reads_without_damage() {
        let inventory = read(include_str!("../../../lib/examples/inventory.csv"));
        assert!(inventory.racks.len() >= 3 && inventory.devices.len() >= 5);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        for (text, line, complaint) in [
            ("location,row,rack,height,unit\n", 1, "the column device is missing"),
            ("location,row,rack,height,unit,device,colour\n", 1, "\"colour\" is unknown"),
            ("location,row,rack,height,unit,device,device\n", 1, "twice"),
            ("", 1, "the first line should be location,row,rack,height,unit,device"),
            (&format!("{HEAD}SAS,A,A01,42,1\n"), 2, "5 fields where the first line has 6"),
            (&format!("{HEAD}SAS,A,A01,42,1,srv-1\n\nSAS,A,A01,43,2,srv-2\n"), 4, "43 here and 42 on line 2"),
            (&format!("{HEAD}SAS,A,A01,42,1,srv-1\r\n\r\n\r\nSAS,A,A01,42,x,srv-2"), 5, "unit is \"x\""),
            (&format!("{HEAD}SAS,A,A01,42,0,srv-1\n"), 2, "unit is \"0\""),
            (&format!("{HEAD}SAS,A,A01,42,top,srv-1\n"), 2, "unit is \"top\""),
            (&format!("{HEAD}SAS,A,A01,4200,1,srv-1\n"), 2, "height is \"4200\""),
            (&format!("{HEAD}SAS,,A01,42,1,srv-1\n"), 2, "no row"),
            (&format!("{HEAD},,,,1,srv-1\n"), 2, "a unit but no rack"),
            (&format!("{HEAD},,,42,,srv-1\n"), 2, "a height but no rack"),
            (&format!("{HEAD}SAS,A,A01,42,3,\n"), 2, "a unit but no device"),
        ] {
            let (at, reason) = csv(text.as_bytes()).unwrap_err();
            assert_eq!(at, line, "{text}: {reason}");
            assert!(reason.contains(complaint), "{text}: {reason}");
        }
        let (line, reason) = csv(b"location,row,rack,height,unit,device\nSAS,A,A01,42,1,\xd1\n").unwrap_err();
        assert!(line == 2 && reason.contains("CSV UTF-8"), "{line} {reason}");
    }

    proptest! {
        #[test]
        fn the_order_of_the_lines_does_not_matter(
            lines in prop::collection::vec(("[AB]", "[ab]", 1_u32..5, "d[0-9]"), 1..20),
            turn in 0_usize..20,
        ) {
            let mut lines: Vec<_> = lines.iter()
                .map(|(row, rack, unit, device)| format!("SAS,{row},{rack},42,{unit},{device}\n")).collect();
            let one = read(&format!("{HEAD}{}", lines.concat()));
            let turn = turn % lines.len();
            lines.rotate_left(turn);
            prop_assert_eq!(one, read(&format!("{HEAD}{}", lines.concat())));
        }

        #[test]
        fn no_bytes_make_it_panic_and_every_error_has_a_line(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            for head in ["", HEAD] {
                if let Err((line, reason)) = csv(&[head.as_bytes(), &bytes].concat()) {
                    prop_assert!(line > 0, "{}", reason);
                }
            }
        }
    }
}
