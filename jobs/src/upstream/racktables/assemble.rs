//! From RackTables' tables to an inventory, without I/O. Damaged data is tolerated, and every tolerance is reported.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use heat::inventory::{ALL_ATOMS, Damage, Device, Inventory, Location, Mount, Rack, Row};

use super::super::inventory::ranges;
use super::markup::cleaned;
use super::rows::{LinkRow, LocationRow, ObjectRow, RackRow, Tables, TagRow, TaggedRow, UnitRow, text};

/// The height of a rack of which neither the height nor any used unit is known: the most common one.
const USUAL_HEIGHT: u32 = 42;

/// Which racks are numbered from top to bottom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reversed {
    All,
    These(HashSet<u64>),
}

impl Reversed {
    fn holds(&self, rack_id: u64) -> bool {
        match self {
            Self::All => true,
            Self::These(racks) => racks.contains(&rack_id),
        }
    }
}

/// The inventory the tables describe, not yet normalised, and what is wrong with them.
pub(super) fn assemble(tables: Tables, reversed: &Reversed) -> (Inventory, Vec<Damage>) {
    let mut damage = Vec::new();
    let mut locations = locations(tables.locations, &mut damage);
    let (mut racks, rows) = racks_and_rows(tables.racks, &tables.units, reversed, &mut damage);
    let mut devices: BTreeMap<u64, Device> =
        tables.objects.into_iter().map(|object| (object.object_id.into(), device(object))).collect();
    mount(&mut devices, tables.units, &racks, &mut damage);
    link(&mut devices, &tables.links, &mut damage);
    let tags = Tags::new(tables.tags);
    let mut tagged: BTreeMap<(String, u64), Vec<String>> = BTreeMap::new();
    for TaggedRow { entity_realm, entity_id, tag_id } in tables.tagged {
        tagged.entry((entity_realm.0, entity_id.into())).or_default().extend(tags.with_implicit(tag_id));
    }
    for ((realm, id), tags) in tagged {
        let (what, place) = match realm.as_str() {
            "rack" => ("rack", racks.get_mut(&id).map(|rack| &mut rack.tags)),
            "location" => ("location", locations.get_mut(&id).map(|location| &mut location.tags)),
            _ => ("device", devices.get_mut(&id).map(|device| &mut device.tags)),
        };
        match place {
            Some(place) => *place = tags,
            None => damage.push(Damage::new(what, id, "has tags, but does not exist; they are ignored")),
        }
    }
    let inventory = Inventory {
        locations: locations.into_values().collect(),
        rows,
        racks: racks.into_values().collect(),
        devices: devices.into_values().collect(),
        ..Inventory::default()
    };
    (inventory, damage)
}

fn locations(lines: Vec<LocationRow>, damage: &mut Vec<Damage>) -> BTreeMap<u64, Location> {
    let mut parents = Parents::default();
    let mut locations = BTreeMap::new();
    for line in lines {
        let id = line.id.into();
        parents.add(id, line.parent_id);
        locations.entry(id).or_insert_with(|| Location { id, name: text(line.name), ..Location::default() });
    }
    for location in locations.values_mut() {
        location.parent_id = parents.first("location", location.id, "location", damage);
    }
    locations
}

fn racks_and_rows(
    lines: Vec<RackRow>,
    units: &[UnitRow],
    reversed: &Reversed,
    damage: &mut Vec<Damage>,
) -> (BTreeMap<u64, Rack>, Vec<Row>) {
    let mut highest: HashMap<u32, u32> = HashMap::new();
    for unit in units {
        let highest = highest.entry(unit.rack_id).or_default();
        *highest = unit.unit_no.max(*highest);
    }
    let (mut rows_of_racks, mut locations_of_rows) = (Parents::default(), Parents::default());
    let mut dangling = BTreeSet::new();
    let mut rows = BTreeMap::new();
    let mut racks = BTreeMap::new();
    for line in lines {
        let id = line.rack_id.into();
        rows_of_racks.add(id, line.row_id);
        if let (Some(row), None) = (line.row_link, line.row_id) {
            dangling.insert(("rack", id, "row", row));
        }
        if let Some(row_id) = line.row_id.map(u64::from) {
            locations_of_rows.add(row_id, line.location_id);
            if let (Some(location), None) = (line.location_link, line.location_id) {
                dangling.insert(("row", row_id, "location", location));
            }
            rows.entry(row_id).or_insert_with(|| Row {
                id: row_id,
                name: text(line.row_name),
                location_id: None,
            });
        }
        racks.entry(id).or_insert_with(|| Rack {
            id,
            name: text(line.rack_name),
            row_id: None,
            height: height(id, line.height_units, highest.get(&line.rack_id).copied(), damage),
            position: line.sort_order.filter(|&position| position > 0),
            reversed: reversed.holds(id),
            asset_no: text(line.asset_no),
            comment: text(line.comment),
            has_problems: text(line.has_problems) == "yes",
            tags: Vec::new(),
        });
    }
    for rack in racks.values_mut() {
        rack.row_id = rows_of_racks.first("rack", rack.id, "row", damage);
    }
    for row in rows.values_mut() {
        row.location_id = locations_of_rows.first("row", row.id, "location", damage);
    }
    for (what, id, role, parent) in dangling {
        damage.push(Damage::new(
            what,
            id,
            format!("is linked to {role} {parent}, which does not exist; ignored"),
        ));
    }
    (racks, rows.into_values().collect())
}

fn height(rack_id: u64, stored: Option<u32>, highest: Option<u32>, damage: &mut Vec<Damage>) -> u32 {
    if let Some(height) = stored.filter(|&height| height > 0) {
        return height;
    }
    let (height, why) = match highest.filter(|&highest| highest > 0) {
        Some(highest) => (highest, "its highest used unit"),
        None => (USUAL_HEIGHT, "the usual height"),
    };
    damage.push(Damage::new("rack", rack_id, format!("has no height; {height}, {why}, is assumed")));
    height
}

fn device(object: ObjectRow) -> Device {
    Device {
        id: object.object_id.into(),
        // Nameless objects stay so: a made-up name could match a host.
        name: text(object.name),
        label: text(object.label),
        kind: cleaned(&text(object.type_name)),
        hw: cleaned(&text(object.hw_type_raw)),
        fqdn: text(object.fqdn),
        asset_no: text(object.asset_no),
        serial: text(object.oem_sn),
        has_problems: text(object.has_problems) == "yes",
        ..Device::default()
    }
}

/// Puts devices into units.
fn mount(
    devices: &mut BTreeMap<u64, Device>,
    mut units: Vec<UnitRow>,
    racks: &BTreeMap<u64, Rack>,
    damage: &mut Vec<Damage>,
) {
    units.sort_unstable_by_key(|unit| (unit.object_id, unit.rack_id, unit.unit_no));
    for taken in units.chunk_by(|a, b| (a.object_id, a.rack_id) == (b.object_id, b.rack_id)) {
        let (device_id, rack_id) = (u64::from(taken[0].object_id), u64::from(taken[0].rack_id));
        let Some(device) = devices.get_mut(&device_id) else {
            let problem = format!("holds device {device_id}, which does not exist; its units are shown free");
            damage.push(Damage::new("rack", rack_id, problem));
            continue;
        };
        let Some(rack) = racks.get(&rack_id) else {
            damage.push(Damage::new(
                "device",
                device_id,
                format!("is in rack {rack_id}, which does not exist"),
            ));
            continue;
        };
        // RackTables leaves such rows behind when somebody makes a rack lower.
        let (inside, outside): (Vec<_>, Vec<_>) =
            taken.iter().partition(|unit| (1..=rack.height).contains(&unit.unit_no));
        if !outside.is_empty() {
            let numbers: Vec<_> = outside.iter().map(|unit| unit.unit_no.to_string()).collect();
            let problem = format!(
                "takes unit {} of rack {rack_id}, which has units 1 to {}; ignored",
                numbers.join(", "),
                rack.height
            );
            damage.push(Damage::new("device", device_id, problem));
        }
        let inside = inside.into_iter().map(|unit| (unit.unit_no, atoms(unit.atom_mask)));
        device.mounts.extend(ranges(rack_id, inside));
    }
}

fn atoms(mask: u64) -> u8 {
    // A mask of nothing is an atom of a kind this version does not know: the whole depth is the safe reading.
    u8::try_from(mask & u64::from(ALL_ATOMS)).ok().filter(|&atoms| atoms != 0).unwrap_or(ALL_ATOMS)
}

/// Hangs devices on racks (zero-U), and puts them into containers.
fn link(devices: &mut BTreeMap<u64, Device>, links: &[LinkRow], damage: &mut Vec<Damage>) {
    let mut containers = Parents::default();
    for link in links {
        let id = u64::from(link.object_id);
        let Some(device) = devices.get_mut(&id) else {
            let parent = if link.parent_entity_type.0 == "rack" { "rack" } else { "device" };
            let problem = format!("holds device {id}, which does not exist; ignored");
            damage.push(Damage::new(parent, link.parent_entity_id.into(), problem));
            continue;
        };
        if link.parent_entity_type.0 == "rack" {
            let rack_id = link.parent_entity_id.into();
            device.mounts.push(Mount { rack_id, unit: None, height: 1, atoms: ALL_ATOMS });
        } else {
            containers.add(id, Some(link.parent_entity_id));
        }
    }
    for device in devices.values_mut() {
        device.container_id = containers.first("device", device.id, "device", damage);
    }
}

/// What contains what, where there should be one container and damaged data has several.
#[derive(Default)]
struct Parents(HashMap<u64, BTreeSet<u64>>);

impl Parents {
    fn add(&mut self, child: u64, parent: Option<u32>) {
        if let Some(parent) = parent {
            self.0.entry(child).or_default().insert(parent.into());
        }
    }

    /// The parent with the smallest id; the others are reported.
    fn first(&self, what: &str, child: u64, role: &str, damage: &mut Vec<Damage>) -> Option<u64> {
        let parents = self.0.get(&child)?;
        let first = *parents.first()?;
        if parents.len() > 1 {
            let all: Vec<_> = parents.iter().map(u64::to_string).collect();
            let problem = format!("is in more than one {role} ({}); {first} is kept", all.join(", "));
            damage.push(Damage::new(what, child, problem));
        }
        Some(first)
    }
}

/// The tree of tags.
struct Tags(HashMap<u32, (Option<u32>, String)>);

impl Tags {
    fn new(lines: Vec<TagRow>) -> Self {
        Self(lines.into_iter().map(|line| (line.id, (line.parent_id, text(line.tag)))).collect())
    }

    /// The tag and, as RackTables does, all the tags above it.
    fn with_implicit(&self, id: u32) -> Vec<String> {
        let mut names = Vec::new();
        let mut seen = HashSet::new();
        let mut at = Some(id);
        while let Some(id) = at
            && seen.insert(id)
            && let Some((parent, name)) = self.0.get(&id)
        {
            names.push(name.clone());
            at = *parent;
        }
        names
    }
}

#[cfg(test)]
mod tests {
    use super::super::rows::Text;
    use super::*;

    fn some(value: &str) -> Option<Text> {
        Some(Text(value.to_owned()))
    }

    fn rack(rack_id: u32, height_units: Option<u32>) -> RackRow {
        RackRow { rack_id, rack_name: some(&format!("R{rack_id}")), height_units, ..RackRow::default() }
    }

    fn object(object_id: u32, name: &str) -> ObjectRow {
        ObjectRow { object_id, name: some(name), ..ObjectRow::default() }
    }

    fn unit(rack_id: u32, unit_no: u32, object_id: u32, atom_mask: u64) -> UnitRow {
        UnitRow { rack_id, unit_no, object_id, atom_mask }
    }

    fn held(parent: &str, parent_entity_id: u32, object_id: u32) -> LinkRow {
        LinkRow { parent_entity_type: Text(parent.to_owned()), parent_entity_id, object_id }
    }

    fn read(tables: Tables) -> (Inventory, Vec<String>) {
        let (mut inventory, mut damage) = assemble(tables, &Reversed::These(HashSet::new()));
        damage.append(&mut inventory.normalise());
        damage.sort();
        let damage = damage.iter().map(|d| format!("{} {} {}", d.what, d.id, d.problem)).collect();
        (inventory, damage)
    }

    #[test]
    fn of_several_parents_the_first_by_id_is_kept_and_the_rest_are_reported() {
        let in_row = |row_id: u32, location_id: u32| RackRow {
            row_link: Some(row_id),
            row_id: Some(row_id),
            location_link: Some(location_id),
            location_id: Some(location_id),
            ..rack(1, Some(42))
        };
        let at = |id, parent_id| LocationRow { id, parent_id, ..LocationRow::default() };
        let (inventory, damage) = read(Tables {
            racks: vec![in_row(21, 31), in_row(20, 31), in_row(20, 30)],
            locations: vec![at(30, None), at(31, Some(30)), at(31, Some(29))],
            objects: vec![object(5, "blade"), object(6, "chassis"), object(7, "other")],
            links: vec![held("object", 7, 5), held("object", 6, 5)],
            ..Tables::default()
        });
        assert_eq!(inventory.racks.len(), 1);
        assert_eq!(inventory.racks[0].row_id, Some(20));
        assert_eq!(
            inventory.rows.iter().map(|r| (r.id, r.location_id)).collect::<Vec<_>>(),
            [(20, Some(30)), (21, Some(31))]
        );
        assert_eq!(inventory.devices[0].container_id, Some(6));
        assert_eq!(
            damage,
            [
                "device 5 is in more than one device (6, 7); 6 is kept",
                "location 31 is in more than one location (29, 30); 29 is kept",
                "location 31 names parent 29, which does not exist; it is ignored",
                "rack 1 is in more than one row (20, 21); 20 is kept",
                "row 20 is in more than one location (30, 31); 30 is kept",
            ]
        );
    }

    #[test]
    fn a_rack_without_a_height_is_as_high_as_its_highest_used_unit() {
        let (inventory, damage) = read(Tables {
            racks: vec![rack(1, None), rack(2, Some(0)), rack(3, Some(10)), rack(4, Some(u32::MAX))],
            objects: vec![object(5, "a")],
            units: vec![unit(1, 47, 5, 7)],
            ..Tables::default()
        });
        assert_eq!(inventory.racks.iter().map(|r| r.height).collect::<Vec<_>>(), [47, 42, 10, 200]);
        assert_eq!(
            damage,
            [
                "rack 1 has no height; 47, its highest used unit, is assumed",
                "rack 2 has no height; 42, the usual height, is assumed",
                "rack 4 is 4294967295 units high; 200 are shown",
            ]
        );
    }

    #[test]
    fn units_outside_the_rack_are_ignored_and_the_rest_of_the_device_stays() {
        let (inventory, damage) = read(Tables {
            racks: vec![rack(1, Some(4))],
            objects: vec![object(5, "a")],
            units: vec![
                unit(1, 6, 5, 7),
                unit(1, 3, 5, 7),
                unit(1, 4, 5, 7),
                unit(1, 5, 5, 7),
                unit(1, 0, 5, 7),
            ],
            ..Tables::default()
        });
        assert_eq!(inventory.devices[0].mounts, [Mount { rack_id: 1, unit: Some(3), height: 2, atoms: 7 }]);
        assert_eq!(damage, ["device 5 takes unit 0, 5, 6 of rack 1, which has units 1 to 4; ignored"]);
    }

    #[test]
    fn links_that_lead_nowhere_are_ignored_and_reported() {
        let (inventory, damage) = read(Tables {
            racks: vec![RackRow { row_link: Some(77), ..rack(1, Some(42)) }],
            objects: vec![object(5, "a"), object(6, "b")],
            units: vec![unit(1, 3, 99, 7), unit(98, 3, 5, 7)],
            links: vec![held("rack", 97, 5), held("rack", 1, 96), held("object", 95, 6), held("rack", 1, 6)],
            tagged: vec![TaggedRow { entity_realm: Text("rack".into()), entity_id: 94, tag_id: 1 }],
            ..Tables::default()
        });
        assert_eq!(inventory.devices[0].mounts, []);
        assert_eq!(inventory.devices[1].mounts, [Mount { rack_id: 1, unit: None, height: 1, atoms: 7 }]);
        assert_eq!(
            damage,
            [
                "device 5 is in rack 97, which does not exist",
                "device 5 is in rack 98, which does not exist",
                "device 6 names container 95, which does not exist; it is ignored",
                "rack 1 holds device 96, which does not exist; ignored",
                "rack 1 holds device 99, which does not exist; its units are shown free",
                "rack 1 is linked to row 77, which does not exist; ignored",
                "rack 94 has tags, but does not exist; they are ignored",
            ]
        );
    }

    #[test]
    fn a_tag_brings_the_tags_above_it_even_where_the_tree_bites_its_tail() {
        let tag = |id, parent_id, tag: &str| TagRow { id, parent_id, tag: some(tag) };
        let tagged = |realm: &str, entity_id, tag_id| TaggedRow {
            entity_realm: Text(realm.to_owned()),
            entity_id,
            tag_id,
        };
        let (inventory, damage) = read(Tables {
            racks: vec![rack(1, Some(42))],
            objects: vec![object(5, "a")],
            tags: vec![
                tag(1, None, "site"),
                tag(2, Some(1), "москва"),
                tag(3, Some(4), "x"),
                tag(4, Some(3), "y"),
            ],
            tagged: vec![tagged("object", 5, 2), tagged("object", 5, 1), tagged("rack", 1, 3)],
            ..Tables::default()
        });
        assert_eq!(inventory.devices[0].tags, ["site", "москва"]);
        assert_eq!(inventory.racks[0].tags, ["x", "y"]);
        assert!(damage.is_empty(), "{damage:?}");
    }
}
