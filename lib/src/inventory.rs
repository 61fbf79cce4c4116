//! The inventory: locations, rows, racks and devices, in Heat's own form whatever system it was read from.
//!
//! [`Inventory`] is the JSON of `GET /api/v1/inventory`, of a `file://` inventory, and of the cached body.

pub mod problem;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::event::is_false;

/// The version of the document's form; readers accept this and the previous one.
pub const FORMAT: u32 = 1;

/// The greatest id: what a JavaScript number holds exactly.
pub const MAX_ID: u64 = (1 << 53) - 1;

/// The tallest rack believed; taller ones are cut to it and reported.
pub const MAX_HEIGHT: u32 = 200;

/// A location's id.
pub type LocationId = u64;
/// A row's id.
pub type RowId = u64;
/// A rack's id.
pub type RackId = u64;
/// A device's id.
pub type DeviceId = u64;

/// Everything that is where. Lists are sorted by id after [`Inventory::normalise`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inventory {
    /// Of this form; [`FORMAT`].
    #[serde(default)]
    pub format: u32,
    /// Hash of the content ([`Inventory::normalise`] computes it).
    #[serde(default)]
    pub version: String,
    /// Data centres, floors, rooms: a tree.
    #[serde(default)]
    pub locations: Vec<Location>,
    /// Rows of racks.
    #[serde(default)]
    pub rows: Vec<Row>,
    /// Racks.
    #[serde(default)]
    pub racks: Vec<Rack>,
    /// What stands in them.
    #[serde(default)]
    pub devices: Vec<Device>,
    /// The predicates that RackCode expressions may use, as a script ([`crate::rackcode::Predicates`]). Of a script
    /// that also says who may do what, the definitions alone belong here: everybody may read an inventory.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub rackcode: String,
}

/// A data centre, floor or room.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Location {
    /// Its id.
    pub id: LocationId,
    /// Its name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The location that contains it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_id: Option<LocationId>,
    /// Its tags, implicit ones included.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
}

/// A row of racks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// Its id.
    pub id: RowId,
    /// Its name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location_id: Option<LocationId>,
}

/// A rack.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rack {
    /// Its id.
    pub id: RackId,
    /// Its name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Its row; a rack without one is shown in a row of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row_id: Option<RowId>,
    /// Height in units, at least 1.
    pub height: u32,
    /// Place in the row; a number nobody has is a gap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<u32>,
    /// Its units are shown numbered from top to bottom.
    #[serde(default, skip_serializing_if = "is_false")]
    pub reversed: bool,
    /// Asset number.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub asset_no: String,
    /// Free text from the inventory.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub comment: String,
    /// Marked as having problems in the inventory itself.
    #[serde(default, skip_serializing_if = "is_false")]
    pub has_problems: bool,
    /// Its tags, implicit ones included.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
}

/// A device: a RackTables object that is not a rack, row or location.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Device {
    /// Its id.
    pub id: DeviceId,
    /// Its name; empty where the inventory has none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// What is printed on it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub label: String,
    /// Server, switch, PDU, …
    #[serde(default, rename = "type", skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// Vendor and model.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub hw: String,
    /// Fully qualified domain name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub fqdn: String,
    /// Asset number.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub asset_no: String,
    /// The maker's serial number.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub serial: String,
    /// Marked as having problems in the inventory itself.
    #[serde(default, skip_serializing_if = "is_false")]
    pub has_problems: bool,
    /// Its tags, implicit ones included.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Those of its automatic tags that Heat cannot compute, with their `$`; the others are not listed
    /// ([`crate::rackcode`]).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub automatic_tags: Vec<String>,
    /// The chassis or hypervisor it is in; without mounts of its own it stands where that one stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container_id: Option<DeviceId>,
    /// Where it is mounted itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mounts: Vec<Mount>,
}

/// A device's place in a rack: a range of units, or the rack's side (zero-U) where `unit` is absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mount {
    /// The rack.
    pub rack_id: RackId,
    /// The lowest unit, 1 at the bottom of the rack; absent for zero-U.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<u32>,
    /// Units upwards from `unit`.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub height: u32,
    /// Depth taken: bits 1 front, 2 interior, 4 rear.
    #[serde(default = "all_atoms", skip_serializing_if = "is_all_atoms")]
    pub atoms: u8,
}

/// All three of a unit's atoms: front, interior and rear.
pub const ALL_ATOMS: u8 = 7;

fn one() -> u32 {
    1
}
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_one(height: &u32) -> bool {
    *height == 1
}
fn all_atoms() -> u8 {
    ALL_ATOMS
}
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_all_atoms(atoms: &u8) -> bool {
    *atoms == ALL_ATOMS
}

/// Something in the inventory that cannot be as it says. Tolerated, and told to the people who can mend it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Damage {
    /// `rack`, `device`, `row` or `location`.
    pub what: String,
    /// Its id.
    pub id: u64,
    /// What is wrong, and what Heat did about it.
    pub problem: String,
}

impl Damage {
    /// A finding about one thing.
    pub fn new(what: &str, id: u64, problem: impl Into<String>) -> Self {
        Self { what: what.to_owned(), id, problem: problem.into() }
    }
}

impl Inventory {
    /// Brings the inventory into its one canonical form and returns what had to be mended on the way.
    ///
    /// Afterwards: lists are sorted by id, ids are unique and at most [`MAX_ID`], every reference points at something,
    /// heights are 1 to [`MAX_HEIGHT`], mounts stand inside their rack, the trees of locations and containers have no
    /// cycles, and `version` is the hash of all that.
    pub fn normalise(&mut self) -> Vec<Damage> {
        let mut damage = Vec::new();
        keep_unique(&mut self.locations, |l| l.id, "location", &mut damage);
        keep_unique(&mut self.rows, |r| r.id, "row", &mut damage);
        keep_unique(&mut self.racks, |r| r.id, "rack", &mut damage);
        keep_unique(&mut self.devices, |d| d.id, "device", &mut damage);

        let locations: HashSet<_> = self.locations.iter().map(|l| l.id).collect();
        for location in &mut self.locations {
            trim(&mut location.name);
            drop_dangling(
                &mut location.parent_id,
                &locations,
                "location",
                location.id,
                "parent",
                &mut damage,
            );
            sort_tags(&mut location.tags);
        }
        let parents = self.locations.iter().filter_map(|l| Some((l.id, l.parent_id?))).collect();
        for id in closing_a_cycle(&parents) {
            if let Some(location) = self.locations.iter_mut().find(|l| l.id == id) {
                location.parent_id = None;
                damage.push(Damage::new("location", id, "is inside itself; its parent is ignored"));
            }
        }
        for row in &mut self.rows {
            trim(&mut row.name);
            drop_dangling(&mut row.location_id, &locations, "row", row.id, "location", &mut damage);
        }
        let rows: HashSet<_> = self.rows.iter().map(|r| r.id).collect();
        for rack in &mut self.racks {
            trim(&mut rack.name);
            drop_dangling(&mut rack.row_id, &rows, "rack", rack.id, "row", &mut damage);
            sort_tags(&mut rack.tags);
            let believed = rack.height.clamp(1, MAX_HEIGHT);
            if believed != rack.height {
                damage.push(Damage::new(
                    "rack",
                    rack.id,
                    format!("is {} units high; {believed} are shown", rack.height),
                ));
                rack.height = believed;
            }
        }
        self.normalise_devices(&mut damage);
        self.format = FORMAT;
        self.version = self.content_hash();
        damage.sort();
        damage
    }

    fn normalise_devices(&mut self, damage: &mut Vec<Damage>) {
        let heights: HashMap<_, _> = self.racks.iter().map(|r| (r.id, r.height)).collect();
        let devices: HashSet<_> = self.devices.iter().map(|d| d.id).collect();
        for device in &mut self.devices {
            trim(&mut device.name);
            trim(&mut device.fqdn);
            sort_tags(&mut device.tags);
            sort_tags(&mut device.automatic_tags);
            drop_dangling(&mut device.container_id, &devices, "device", device.id, "container", damage);
            let id = device.id;
            device.mounts.retain_mut(|mount| match heights.get(&mount.rack_id) {
                None => {
                    damage.push(Damage::new(
                        "device",
                        id,
                        format!("is in rack {}, which does not exist", mount.rack_id),
                    ));
                    false
                }
                Some(&height) => fits(mount, height, id, damage),
            });
            device.mounts.sort();
            device.mounts.dedup();
        }
        let containers = self.devices.iter().filter_map(|d| Some((d.id, d.container_id?))).collect();
        let cycles: BTreeSet<_> = closing_a_cycle(&containers).into_iter().collect();
        for device in self.devices.iter_mut().filter(|d| cycles.contains(&d.id)) {
            device.container_id = None;
            damage.push(Damage::new("device", device.id, "is inside itself; its container is ignored"));
        }
    }

    /// SHA-256 of the canonical content, the first 16 bytes in hexadecimal.
    fn content_hash(&self) -> String {
        let mut digest = Sha256::new();
        for part in [
            serde_json::to_vec(&self.locations),
            serde_json::to_vec(&self.rows),
            serde_json::to_vec(&self.racks),
            serde_json::to_vec(&self.devices),
            serde_json::to_vec(&self.rackcode),
        ] {
            // Serialising these types to memory cannot fail: no map keys, no floats, no I/O.
            digest.update(part.unwrap_or_default());
            digest.update(b"\n");
        }
        short_hex(&digest.finalize())
    }
}

/// The first 16 bytes of a digest in hexadecimal: what Heat uses as the version of a document.
pub(crate) fn short_hex(digest: &[u8]) -> String {
    use std::fmt::Write;
    digest.iter().take(16).fold(String::with_capacity(32), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

fn trim(text: &mut String) {
    if text.trim().len() != text.len() {
        *text = text.trim().to_owned();
    }
}

fn sort_tags(tags: &mut Vec<String>) {
    tags.sort_unstable();
    tags.dedup();
}

fn keep_unique<T>(list: &mut Vec<T>, id: impl Fn(&T) -> u64, what: &str, damage: &mut Vec<Damage>) {
    list.retain(|item| {
        let believable = id(item) <= MAX_ID;
        if !believable {
            damage.push(Damage::new(what, id(item), "has an id above 2^53 - 1; it is left out"));
        }
        believable
    });
    // Stable, so that of equal ids the first one read stays.
    list.sort_by_key(&id);
    list.dedup_by(|later, first| {
        let same = id(later) == id(first);
        if same {
            damage.push(Damage::new(what, id(later), "is listed twice; the first is kept"));
        }
        same
    });
}

fn drop_dangling(
    reference: &mut Option<u64>,
    known: &HashSet<u64>,
    what: &str,
    id: u64,
    role: &str,
    damage: &mut Vec<Damage>,
) {
    if let Some(to) = *reference
        && !known.contains(&to)
    {
        damage.push(Damage::new(what, id, format!("names {role} {to}, which does not exist; it is ignored")));
        *reference = None;
    }
}

/// Cuts a mount to its rack; false if nothing of it is left.
fn fits(mount: &mut Mount, rack_height: u32, device: DeviceId, damage: &mut Vec<Damage>) -> bool {
    mount.atoms &= ALL_ATOMS;
    if mount.atoms == 0 {
        mount.atoms = ALL_ATOMS;
    }
    let Some(unit) = mount.unit else {
        mount.height = 1;
        return true;
    };
    let top = unit.saturating_add(mount.height.max(1) - 1);
    if unit == 0 || unit > rack_height {
        damage.push(Damage::new(
            "device",
            device,
            format!(
                "is at unit {unit} of rack {}, which has units 1 to {rack_height}; ignored",
                mount.rack_id
            ),
        ));
        return false;
    }
    if top > rack_height {
        damage.push(Damage::new(
            "device",
            device,
            format!("reaches unit {top} of rack {}, which has {rack_height}; cut", mount.rack_id),
        ));
    }
    mount.height = top.min(rack_height) - unit + 1;
    true
}

/// For each cycle in a child-to-parent map, the smallest id on it: cutting there leaves a forest.
fn closing_a_cycle(parents: &BTreeMap<u64, u64>) -> Vec<u64> {
    let mut finished = HashSet::new();
    let mut cuts = Vec::new();
    for &start in parents.keys() {
        let mut path = Vec::new();
        let mut on_path = HashSet::new();
        let mut at = start;
        while finished.insert(at) {
            path.push(at);
            on_path.insert(at);
            match parents.get(&at) {
                Some(&parent) => at = parent,
                None => break,
            }
        }
        if on_path.contains(&at)
            && parents.contains_key(&at)
            && let Some(from) = path.iter().position(|&id| id == at)
            && path.last().and_then(|last| parents.get(last)) == Some(&at)
            && let Some(&smallest) = path[from..].iter().min()
        {
            cuts.push(smallest);
        }
    }
    cuts
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rack(id: u64, height: u32) -> Rack {
        Rack { id, name: format!("R{id}"), height, ..Rack::default() }
    }

    fn device(id: u64, mounts: Vec<Mount>) -> Device {
        Device { id, name: format!("d{id}"), mounts, ..Device::default() }
    }

    #[test]
    fn the_order_of_reading_does_not_change_the_version_but_the_content_does() {
        let mut one = Inventory { racks: vec![rack(1, 42), rack(2, 42)], ..Inventory::default() };
        let mut other = Inventory { racks: vec![rack(2, 42), rack(1, 42)], ..Inventory::default() };
        assert!(one.normalise().is_empty());
        other.normalise();
        assert_eq!(one, other);
        other.racks[0].height = 48;
        other.normalise();
        assert_ne!(one.version, other.version);
        other.racks[0].height = 42;
        other.rackcode = "define [live] {prod}".into();
        other.normalise();
        assert_ne!(one.version, other.version, "whoever uses the predicate has to look again");
    }

    #[test]
    fn a_device_above_its_rack_is_cut_or_left_out_and_reported() {
        let mount = |unit, height| Mount { rack_id: 1, unit: Some(unit), height, atoms: 7 };
        let mut inventory = Inventory {
            racks: vec![rack(1, 10)],
            devices: vec![device(
                5,
                vec![mount(9, 4), mount(11, 1), Mount { rack_id: 2, ..Mount::default() }],
            )],
            ..Inventory::default()
        };
        let damage = inventory.normalise();
        assert_eq!(inventory.devices[0].mounts, vec![mount(9, 2)]);
        assert_eq!(damage.len(), 3, "{damage:?}");
    }

    #[test]
    fn the_example_is_in_canonical_form_and_has_no_damage() {
        let text = include_str!("../examples/inventory.json");
        let mut inventory: Inventory = serde_json::from_str(text).unwrap();
        assert_eq!(inventory.normalise(), vec![]);
        let mut written = serde_json::to_value(&inventory).unwrap();
        let mut read: serde_json::Value = serde_json::from_str(text).unwrap();
        written["version"] = serde_json::Value::Null;
        read["version"] = serde_json::Value::Null;
        assert_eq!(written, read);
    }

    proptest! {
        #[test]
        fn no_tree_has_a_cycle_afterwards_and_doing_it_again_changes_nothing(
            parents in prop::collection::btree_map(0_u64..12, 0_u64..14, 0..12),
        ) {
            let mut inventory = Inventory {
                locations: (0..12).map(|id| Location {
                    id, parent_id: parents.get(&id).copied(), ..Location::default()
                }).collect(),
                devices: (0..12).map(|id| Device {
                    id, container_id: parents.get(&id).copied(), ..Device::default()
                }).collect(),
                ..Inventory::default()
            };
            inventory.normalise();
            for start in &inventory.locations {
                let mut at = Some(start.id);
                for _ in 0..=12 {
                    at = at.and_then(|id| inventory.locations[usize::try_from(id).unwrap()].parent_id);
                }
                prop_assert_eq!(at, None);
            }
            let once = inventory.clone();
            prop_assert_eq!(inventory.normalise(), vec![]);
            prop_assert_eq!(inventory, once);
        }
    }
}
