//! Finding racks and devices by what people call them: name, FQDN, label, asset number, serial. The index is made once
//! per inventory version. The page's search box does the same in `static/src/core/search.ts`.

use std::cmp::Ordering;
use std::collections::HashMap;

use serde::Serialize;

use crate::floor::Floor;
use crate::inventory::{Inventory, RackId};
use crate::placement::standing;

/// What can be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A rack.
    Rack,
    /// A device.
    Device,
}

/// A rack or a device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Found {
    /// What it is.
    pub kind: Kind,
    /// Its id among its kind.
    pub id: u64,
    /// Its name; a device without one goes by its label.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Where it stands, `SAS / SAS-A / A01`; empty when nowhere.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub place: String,
    /// The rack that it is, or stands in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rack_id: Option<RackId>,
    /// Asset number.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub asset_no: String,
    /// The maker's serial number.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub serial: String,
}

/// How well a text fits; the better, the less.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    Whole,
    Beginning,
    Part,
}

/// Everything that can be found.
#[derive(Debug, Default)]
pub struct Index(Vec<Entry>);

#[derive(Debug)]
struct Entry {
    found: Found,
    /// What it may be asked for by, in lower case.
    terms: Vec<String>,
}

impl Index {
    /// Indexes an inventory.
    pub fn new(inventory: &Inventory) -> Self {
        let floor = Floor::new(inventory);
        let rows: HashMap<_, _> = inventory.rows.iter().map(|row| (row.id, row.name.as_str())).collect();
        let racks = inventory.racks.iter().map(|rack| {
            let path = floor.path(rack.id).unwrap_or_default();
            let around = path.strip_suffix(rack.name.as_str()).unwrap_or(path).trim_end_matches(" / ");
            let row = rack.row_id.and_then(|id| rows.get(&id).copied()).unwrap_or_default();
            let found = Found {
                kind: Kind::Rack,
                id: rack.id,
                name: rack.name.clone(),
                place: around.to_owned(),
                rack_id: Some(rack.id),
                asset_no: rack.asset_no.clone(),
                serial: String::new(),
            };
            let names = [format!("{row} {}", rack.name), format!("{row}/{}", rack.name)];
            Entry { terms: terms([&rack.name, &names[0], &names[1], &rack.asset_no]), found }
        });
        let stands = standing(&inventory.devices);
        let devices = inventory.devices.iter().map(|device| {
            let rack_id = stands.get(&device.id).copied();
            let found = Found {
                kind: Kind::Device,
                id: device.id,
                name: floor.device(device.id).unwrap_or_default().to_owned(),
                place: rack_id.and_then(|id| floor.path(id)).unwrap_or_default().to_owned(),
                rack_id,
                asset_no: device.asset_no.clone(),
                serial: device.serial.clone(),
            };
            let known_by = [&device.name, &device.fqdn, &device.label, &device.asset_no, &device.serial];
            Entry { terms: terms(known_by), found }
        });
        Self(racks.chain(devices).collect())
    }

    /// How many there are by this name, and the `limit` best of them: the whole name, then its beginning, then any part of
    /// it; racks before devices.
    pub fn find(&self, text: &str, limit: usize) -> (usize, Vec<&Found>) {
        let wanted = text.trim().to_lowercase();
        let fits = |entry: &Entry| entry.terms.iter().filter_map(|term| fit(term, &wanted)).min();
        let mut ranked: Vec<_> =
            self.0.iter().filter_map(|entry| Some((fits(entry)?, &entry.found))).collect();
        let count = ranked.len();
        ranked.sort_by(|(fit, found), (other_fit, other)| {
            (fit, found.kind)
                .cmp(&(other_fit, other.kind))
                .then_with(|| by_name(&found.name, &other.name))
                .then_with(|| found.id.cmp(&other.id))
        });
        ranked.truncate(limit);
        (count, ranked.into_iter().map(|(_, found)| found).collect())
    }
}

fn terms<'a>(texts: impl IntoIterator<Item = &'a String>) -> Vec<String> {
    texts.into_iter().filter(|text| !text.is_empty()).map(|text| text.to_lowercase()).collect()
}

fn fit(term: &str, wanted: &str) -> Option<Fit> {
    if wanted.is_empty() {
        None
    } else if term == wanted {
        Some(Fit::Whole)
    } else if term.starts_with(wanted) {
        Some(Fit::Beginning)
    } else {
        term.contains(wanted).then_some(Fit::Part)
    }
}

/// Names in the order people expect: `rack 2` before `rack 10`, whatever the case.
pub fn by_name(one: &str, other: &str) -> Ordering {
    let (mut left, mut right) = (one, other);
    while let (Some(a), Some(b)) = (left.chars().next(), right.chars().next()) {
        let order = if a.is_ascii_digit() && b.is_ascii_digit() {
            let (number, rest) = digits(left);
            let (other_number, other_rest) = digits(right);
            (left, right) = (rest, other_rest);
            number.len().cmp(&other_number.len()).then_with(|| number.cmp(other_number))
        } else {
            (left, right) = (&left[a.len_utf8()..], &right[b.len_utf8()..]);
            a.to_lowercase().cmp(b.to_lowercase())
        };
        if order.is_ne() {
            return order;
        }
    }
    // Of names that differ in case or zeros alone some must be the first.
    left.len().cmp(&right.len()).then_with(|| one.cmp(other))
}

/// The number that a text begins with, without zeros before it, and what follows.
fn digits(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, rest) = text.split_at(end);
    (number.trim_start_matches('0'), rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn example() -> Index {
        let mut inventory: Inventory =
            serde_json::from_str(include_str!("../examples/inventory.json")).unwrap();
        inventory.normalise();
        Index::new(&inventory)
    }

    fn names(text: &str) -> Vec<String> {
        example().find(text, 10).1.into_iter().map(|found| found.name.clone()).collect()
    }

    #[test]
    fn a_device_is_found_by_name_fqdn_asset_number_and_serial_and_says_where_it_stands() {
        let index = example();
        for text in ["srv-00001", "SRV-00001.sas.example.net", " AT-513 ", "9qw1m73"] {
            let (_, found) = index.find(text, 1);
            assert_eq!((found[0].kind, found[0].id), (Kind::Device, 513), "{text}");
            assert_eq!(found[0].place, "SAS / SAS-A / A01");
        }
        let (_, spare) = index.find("spare-01", 1);
        assert_eq!((spare[0].rack_id, &*spare[0].place), (None, ""));
        let (_, machine) = index.find("vm-0001", 1);
        assert_eq!(machine[0].rack_id, Some(3), "where its container stands");
    }

    #[test]
    fn a_rack_is_found_alone_or_with_its_row() {
        for text in ["a02", "sas-a a02", "SAS-A/A02"] {
            assert_eq!(names(text), ["A02"], "{text}");
        }
        assert_eq!(example().find("A01", 1).1[0].place, "SAS / SAS-A");
    }

    #[test]
    fn the_whole_name_comes_before_its_beginning_and_that_before_any_part() {
        assert_eq!(names("at-1"), ["A01"], "an asset number");
        assert_eq!(names("srv-0000"), ["srv-00001", "srv-00002"]);
        assert_eq!(names("s01").first().unwrap(), "S01");
        let index = example();
        let (count, found) = index.find("000", 2);
        assert_eq!((count, found.len()), (5, 2));
    }

    #[test]
    fn nothing_is_found_by_nothing() {
        assert_eq!(example().find("  ", 10), (0, vec![]));
    }

    #[test]
    fn numbers_in_names_count_as_numbers() {
        let mut names = ["rack 10", "Rack 2", "rack 02", "rack", "rack 2b", "стойка 1"];
        names.sort_by(|a, b| by_name(a, b));
        assert_eq!(names, ["rack", "Rack 2", "rack 02", "rack 2b", "rack 10", "стойка 1"]);
    }

    proptest! {
        #[test]
        fn the_order_of_names_is_an_order(mut names in prop::collection::vec("[aB0-2 ]{0,5}", 3)) {
            names.sort_by(|a, b| by_name(a, b));
            prop_assert!(by_name(&names[0], &names[2]).is_le());
            prop_assert_eq!(by_name(&names[0], &names[1]), by_name(&names[1], &names[0]).reverse());
            prop_assert_eq!(by_name(&names[0], &names[1]).is_eq(), names[0] == names[1]);
        }
    }
}
