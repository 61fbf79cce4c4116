//! Locations, rows and racks for inventories that name places instead of numbering them.

use std::collections::BTreeMap;

use heat::inventory::{Device, Inventory, Location, Rack, Row};
use sha2::{Digest, Sha256};

/// The height of a rack of which nobody says it: the most common one.
pub(super) const USUAL_HEIGHT: u32 = 42;

/// The places named so far.
///
/// Their ids are made from their paths, so that they are the same in every reading and in every order, and only a
/// renamed place becomes another.
#[derive(Debug, Default)]
pub(super) struct Layout {
    locations: BTreeMap<u64, Location>,
    rows: BTreeMap<u64, Row>,
    racks: BTreeMap<u64, Rack>,
}

impl Layout {
    /// Makes what is new of a location (a path: `SAS/floor 2`), a row in it and a rack in that; each may be empty. The
    /// rack, if one is named; a new one is `height` units high.
    pub(super) fn place(&mut self, location: &str, row: &str, rack: &str, height: u32) -> Option<&mut Rack> {
        let mut path: Vec<&str> = Vec::new();
        let mut location_id = None;
        for name in location.split('/').map(str::trim).filter(|name| !name.is_empty()) {
            path.push(name);
            let id = id("location", &path);
            self.locations.entry(id).or_insert_with(|| Location {
                id,
                name: name.to_owned(),
                parent_id: location_id,
                tags: Vec::new(),
            });
            location_id = Some(id);
        }
        let mut row_id = None;
        if !row.is_empty() {
            path.push(row);
            let id = id("row", &path);
            self.rows.entry(id).or_insert_with(|| Row { id, name: row.to_owned(), location_id });
            row_id = Some(id);
        }
        if rack.is_empty() {
            return None;
        }
        path.push(rack);
        let id = id("rack", &path);
        Some(self.racks.entry(id).or_insert_with(|| Rack {
            id,
            name: rack.to_owned(),
            row_id,
            height,
            ..Rack::default()
        }))
    }

    /// The inventory of these places and `devices`.
    pub(super) fn with(self, devices: impl IntoIterator<Item = Device>) -> Inventory {
        Inventory {
            locations: self.locations.into_values().collect(),
            rows: self.rows.into_values().collect(),
            racks: self.racks.into_values().collect(),
            devices: devices.into_iter().collect(),
            ..Inventory::default()
        }
    }
}

/// 53 bits of the digest of a thing's kind and path: what JavaScript can hold.
pub(super) fn id(kind: &str, path: &[&str]) -> u64 {
    let mut digest = Sha256::new();
    digest.update(kind);
    for name in path {
        digest.update([0]);
        digest.update(name);
    }
    let bytes = digest.finalize();
    bytes.iter().take(8).fold(0_u64, |id, &byte| (id << 8) | u64::from(byte)) >> 11
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_the_same_in_every_run_and_fit_a_javascript_number() {
        assert_eq!(id("rack", &["SAS", "A", "A01"]), 4_714_717_219_104_594);
        assert_ne!(id("rack", &["SAS", "A"]), id("row", &["SAS", "A"]));
        assert_ne!(id("rack", &["SA", "S"]), id("rack", &["S", "AS"]));
    }

    #[test]
    fn a_place_named_twice_is_one_place() {
        let mut layout = Layout::default();
        let first = layout.place("SAS / floor 2", "A", "A01", 42).unwrap().id;
        assert_eq!(layout.place("SAS/floor 2/", "A", "A01", 42).unwrap().id, first);
        assert_ne!(layout.place("VLA/floor 2", "A", "A01", 42).unwrap().id, first);
        assert_eq!(layout.place("VLA", "", "", 42), None);
        let mut inventory = layout.with([]);
        assert_eq!(inventory.normalise(), []);
        assert_eq!((inventory.locations.len(), inventory.rows.len(), inventory.racks.len()), (4, 2, 2));
    }
}
