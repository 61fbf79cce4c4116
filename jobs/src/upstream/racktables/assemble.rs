//! From RackTables' tables to an inventory, without I/O. Damaged data is tolerated, and every tolerance is reported.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use heat::inventory::{ALL_ATOMS, Damage, Device, Inventory, Location, Mount, Rack, Row};

use super::super::inventory::ranges;
use super::super::layout::USUAL_HEIGHT;
use super::markup::cleaned;
use super::rows::{
    AttributeRow, LinkRow, ObjectRow, Tables, TagRow, TaggedRow, UnitRow, VlanSwitchRow, WordRow, attribute,
    object_type, text,
};

/// The inventory the tables describe, not yet normalised, and what is wrong with them.
pub(super) fn assemble(tables: Tables) -> (Inventory, Vec<Damage>) {
    let mut site = Site::default();
    let attributes = Attributes::new(tables.attributes, tables.dictionary, tables.dictionary_attributes);
    let network = Network::new(tables.with_ports, tables.vlan_switches);
    site.add_objects(tables.objects, &attributes, &network, &tables.units);
    site.link(tables.links);
    site.mount(tables.units);
    site.tag(tables.tagged, &Tags::new(tables.tags));
    let inventory = Inventory {
        locations: site.locations.into_values().collect(),
        rows: site.rows.into_values().collect(),
        racks: site.racks.into_values().collect(),
        devices: site.devices.into_values().collect(),
        ..Inventory::default()
    };
    (inventory, site.damage)
}

/// The inventory while it is put together.
#[derive(Default)]
struct Site {
    locations: BTreeMap<u64, Location>,
    rows: BTreeMap<u64, Row>,
    racks: BTreeMap<u64, Rack>,
    devices: BTreeMap<u64, Device>,
    damage: Vec<Damage>,
}

impl Site {
    fn add_objects(
        &mut self,
        objects: Vec<ObjectRow>,
        attributes: &Attributes,
        network: &Network,
        units: &[UnitRow],
    ) {
        let mut highest: HashMap<u32, u32> = HashMap::new();
        for unit in units {
            let highest = highest.entry(unit.rack_id).or_default();
            *highest = unit.unit_no.max(*highest);
        }
        for object in objects {
            let id = u64::from(object.id);
            match object.objtype_id {
                object_type::LOCATION => {
                    let location = Location { id, name: text(object.name), ..Location::default() };
                    self.locations.insert(id, location);
                }
                object_type::ROW => {
                    self.rows.insert(id, Row { id, name: text(object.name), location_id: None });
                }
                object_type::RACK => {
                    let stored = attributes.number(object.id, attribute::HEIGHT);
                    let height = self.height(id, stored, highest.get(&object.id).copied());
                    let rack = Rack {
                        id,
                        name: text(object.name),
                        height,
                        position: attributes.number(object.id, attribute::ORDER),
                        asset_no: text(object.asset_no),
                        comment: text(object.comment),
                        has_problems: text(object.has_problems) == "yes",
                        ..Rack::default()
                    };
                    self.racks.insert(id, rack);
                }
                _ => {
                    self.devices.insert(id, device(object, attributes, network));
                }
            }
        }
    }

    fn height(&mut self, rack_id: u64, stored: Option<u32>, highest: Option<u32>) -> u32 {
        if let Some(height) = stored {
            return height;
        }
        let (height, why) = match highest.filter(|&highest| highest > 0) {
            Some(highest) => (highest, "its highest used unit"),
            None => (USUAL_HEIGHT, "the usual height"),
        };
        self.report("rack", rack_id, format!("has no height; {height}, {why}, is assumed"));
        height
    }

    fn report(&mut self, what: &str, id: u64, problem: impl Into<String>) {
        self.damage.push(Damage::new(what, id, problem));
    }

    fn knows(&self, kind: &str, id: u64) -> bool {
        match kind {
            "location" => self.locations.contains_key(&id),
            "row" => self.rows.contains_key(&id),
            "rack" => self.racks.contains_key(&id),
            _ => self.devices.contains_key(&id),
        }
    }

    /// Puts everything into what contains it. Of several containers the one with the smallest id is kept.
    fn link(&mut self, mut links: Vec<LinkRow>) {
        links.sort_unstable_by_key(|link| (link.child_entity_id, link.parent_entity_id));
        let mut parents: BTreeMap<(&str, u64, &str), BTreeSet<u64>> = BTreeMap::new();
        for link in &links {
            let (child, id) = (kind(&link.child_entity_type.0), u64::from(link.child_entity_id));
            let (parent, parent_id) = (kind(&link.parent_entity_type.0), u64::from(link.parent_entity_id));
            if !self.knows(child, id) {
                self.report(parent, parent_id, format!("holds {child} {id}, which does not exist; ignored"));
            } else if !self.knows(parent, parent_id) {
                self.report(child, id, format!("is in {parent} {parent_id}, which does not exist; ignored"));
            } else if let ("rack", Some(device)) = (parent, self.devices.get_mut(&id)) {
                let mount = Mount { rack_id: parent_id, unit: None, height: 1, atoms: ALL_ATOMS };
                device.mounts.push(mount);
            } else {
                parents.entry((child, id, parent)).or_default().insert(parent_id);
            }
        }
        for ((child, id, parent), among) in parents {
            if among.len() > 1 {
                let all: Vec<_> = among.iter().map(u64::to_string).collect();
                self.report(
                    child,
                    id,
                    format!("is in more than one {parent}: {}; the first is kept", all.join(", ")),
                );
            }
            let first = among.into_iter().next();
            match (child, parent) {
                ("location", "location") => set(self.locations.get_mut(&id).map(|l| &mut l.parent_id), first),
                ("row", "location") => set(self.rows.get_mut(&id).map(|r| &mut r.location_id), first),
                ("rack", "row") => set(self.racks.get_mut(&id).map(|r| &mut r.row_id), first),
                ("device", "device") => set(self.devices.get_mut(&id).map(|d| &mut d.container_id), first),
                _ => self.report(
                    child,
                    id,
                    format!("is in a {parent}, which RackTables does not allow; ignored"),
                ),
            }
        }
    }

    /// Puts devices into units.
    fn mount(&mut self, mut units: Vec<UnitRow>) {
        units.sort_unstable_by_key(|unit| (unit.object_id, unit.rack_id, unit.unit_no));
        for taken in units.chunk_by(|a, b| (a.object_id, a.rack_id) == (b.object_id, b.rack_id)) {
            let (id, rack_id) = (u64::from(taken[0].object_id), u64::from(taken[0].rack_id));
            let Some(device) = self.devices.get_mut(&id) else {
                let problem = format!("holds device {id}, which does not exist; its units are shown free");
                self.report("rack", rack_id, problem);
                continue;
            };
            let Some(rack) = self.racks.get(&rack_id) else {
                self.report("device", id, format!("is in rack {rack_id}, which does not exist; ignored"));
                continue;
            };
            // RackTables leaves such rows behind when somebody makes a rack lower.
            let (inside, outside): (Vec<_>, Vec<_>) =
                taken.iter().partition(|unit| (1..=rack.height).contains(&unit.unit_no));
            let inside = inside.into_iter().map(|unit| (unit.unit_no, atoms(unit.atom_mask)));
            device.mounts.extend(ranges(rack_id, inside));
            if !outside.is_empty() {
                let numbers: Vec<_> = outside.iter().map(|unit| unit.unit_no.to_string()).collect();
                let (numbers, height) = (numbers.join(", "), rack.height);
                let problem =
                    format!("takes unit {numbers} of rack {rack_id}, which has units 1 to {height}; ignored");
                self.report("device", id, problem);
            }
        }
    }

    fn tag(&mut self, lines: Vec<TaggedRow>, tags: &Tags) {
        let mut tagged: BTreeMap<(String, u64), Vec<String>> = BTreeMap::new();
        for TaggedRow { entity_realm, entity_id, tag_id } in lines {
            tagged.entry((entity_realm.0, entity_id.into())).or_default().extend(tags.with_implicit(tag_id));
        }
        for ((realm, id), tags) in tagged {
            let what = kind(&realm);
            let place = match what {
                "location" => self.locations.get_mut(&id).map(|location| &mut location.tags),
                "rack" => self.racks.get_mut(&id).map(|rack| &mut rack.tags),
                _ => self.devices.get_mut(&id).map(|device| &mut device.tags),
            };
            match place {
                Some(place) => *place = tags,
                None => self.report(what, id, "has tags, but does not exist; they are ignored"),
            }
        }
    }
}

/// Heat's word for one of RackTables' realms.
fn kind(realm: &str) -> &'static str {
    match realm {
        "location" => "location",
        "row" => "row",
        "rack" => "rack",
        _ => "device",
    }
}

fn set(place: Option<&mut Option<u64>>, parent: Option<u64>) {
    if let Some(place) = place {
        *place = parent;
    }
}

fn device(object: ObjectRow, attributes: &Attributes, network: &Network) -> Device {
    let mut automatic_tags = vec![format!("$typeid_{}", object.objtype_id)];
    automatic_tags.extend(attributes.automatic_tags(object.id));
    automatic_tags.extend(network.automatic_tags(object.id));
    Device {
        id: object.id.into(),
        automatic_tags,
        // Nameless objects stay so: a made-up name could match a host.
        name: text(object.name),
        label: text(object.label),
        kind: attributes.word(object.objtype_id),
        hw: attributes
            .number(object.id, attribute::HARDWARE)
            .map(|key| attributes.word(key))
            .unwrap_or_default(),
        fqdn: attributes.text(object.id, attribute::FQDN),
        asset_no: text(object.asset_no),
        serial: attributes.text(object.id, attribute::SERIAL),
        has_problems: text(object.has_problems) == "yes",
        ..Device::default()
    }
}

/// The attributes of objects, and the dictionary that some of them point into.
struct Attributes {
    values: HashMap<(u32, u32), AttributeRow>,
    /// Without markup.
    words: HashMap<u32, String>,
    /// Those that point into it.
    of_dictionary: Vec<u32>,
}

impl Attributes {
    fn new(values: Vec<AttributeRow>, dictionary: Vec<WordRow>, of_dictionary: Vec<u32>) -> Self {
        Self {
            values: values.into_iter().map(|value| ((value.object_id, value.attr_id), value)).collect(),
            words: dictionary
                .into_iter()
                .map(|word| (word.dict_key, cleaned(&text(word.dict_value))))
                .collect(),
            of_dictionary,
        }
    }

    /// A number of which 0 means nothing, as all that are read.
    fn number(&self, object_id: u32, attribute: u32) -> Option<u32> {
        self.values.get(&(object_id, attribute))?.uint_value.filter(|&number| number > 0)
    }

    fn text(&self, object_id: u32, attribute: u32) -> String {
        text(self.values.get(&(object_id, attribute)).and_then(|value| value.string_value.clone()))
    }

    fn word(&self, key: u32) -> String {
        self.words.get(&key).cloned().unwrap_or_default()
    }

    /// One for each attribute that points into the dictionary, also where the object's type has it no more.
    fn automatic_tags(&self, object_id: u32) -> impl Iterator<Item = String> {
        let keys = self.of_dictionary.iter().filter_map(move |id| Some((id, self.number(object_id, *id)?)));
        keys.map(|(id, key)| format!("$attr_{id}_{key}"))
    }
}

/// What objects are connected by.
struct Network {
    with_ports: Option<HashSet<u32>>,
    vlan_switches: HashMap<u32, VlanSwitchRow>,
}

impl Network {
    fn new(with_ports: Option<HashSet<u32>>, vlan_switches: Vec<VlanSwitchRow>) -> Self {
        let vlan_switches = vlan_switches.into_iter().map(|switch| (switch.object_id, switch)).collect();
        Self { with_ports, vlan_switches }
    }

    /// Where ports may not be read, nothing is known to have none.
    fn automatic_tags(&self, object_id: u32) -> Vec<String> {
        let mut tags = Vec::new();
        if self.with_ports.as_ref().is_some_and(|with_ports| !with_ports.contains(&object_id)) {
            tags.push("$portless".to_owned());
        }
        if let Some(switch) = self.vlan_switches.get(&object_id) {
            tags.push("$runs_8021Q".to_owned());
            tags.push(format!("$8021Q_domain_{}", switch.domain_id));
            tags.push(format!("$8021Q_tpl_{}", switch.template_id));
        }
        tags
    }
}

fn atoms(mask: u64) -> u8 {
    // A mask of nothing is an atom of a kind this version does not know: the whole depth is the safe reading.
    u8::try_from(mask & u64::from(ALL_ATOMS)).ok().filter(|&atoms| atoms != 0).unwrap_or(ALL_ATOMS)
}

/// The tree of tags.
struct Tags(HashMap<u32, (Option<u32>, String)>);

impl Tags {
    fn new(lines: Vec<TagRow>) -> Self {
        Self(lines.into_iter().map(|line| (line.id, (line.parent_id, text(line.tag)))).collect())
    }

    /// The tag and, as RackTables does, all the tags above it. Those lead to a root, or there are none: what is in a
    /// circle, or below one, has nothing above it.
    fn with_implicit(&self, id: u32) -> Vec<String> {
        let Some((parent, name)) = self.0.get(&id) else { return Vec::new() };
        let mut names = vec![name.clone()];
        let mut seen = HashSet::new();
        let mut at = *parent;
        while let Some(id) = at {
            let Some((parent, above)) = self.0.get(&id).filter(|_| seen.insert(id)) else {
                return vec![name.clone()];
            };
            names.push(above.clone());
            at = *parent;
        }
        names
    }
}

#[cfg(test)]
mod tests {
    use super::super::rows::Text;
    use super::*;

    fn text(value: &str) -> Text {
        Text(value.to_owned())
    }

    fn object(id: u32, objtype_id: u32) -> ObjectRow {
        ObjectRow { id, objtype_id, name: Some(text(&format!("n{id}"))), ..ObjectRow::default() }
    }

    fn rack(id: u32) -> ObjectRow {
        object(id, object_type::RACK)
    }

    fn row(id: u32) -> ObjectRow {
        object(id, object_type::ROW)
    }

    fn location(id: u32) -> ObjectRow {
        object(id, object_type::LOCATION)
    }

    fn server(id: u32) -> ObjectRow {
        object(id, 4)
    }

    fn height(object_id: u32, units: Option<u32>) -> AttributeRow {
        AttributeRow { object_id, attr_id: attribute::HEIGHT, uint_value: units, ..AttributeRow::default() }
    }

    fn unit(rack_id: u32, unit_no: u32, object_id: u32, atom_mask: u64) -> UnitRow {
        UnitRow { rack_id, unit_no, object_id, atom_mask }
    }

    fn held(parent: (&str, u32), child: (&str, u32)) -> LinkRow {
        LinkRow {
            parent_entity_type: Text(parent.0.to_owned()),
            parent_entity_id: parent.1,
            child_entity_type: Text(child.0.to_owned()),
            child_entity_id: child.1,
        }
    }

    fn read(tables: Tables) -> (Inventory, Vec<String>) {
        let (mut inventory, mut damage) = assemble(tables);
        damage.append(&mut inventory.normalise());
        damage.sort();
        let damage = damage.iter().map(|d| format!("{} {} {}", d.what, d.id, d.problem)).collect();
        (inventory, damage)
    }

    #[test]
    fn of_several_parents_the_first_by_id_is_kept_and_the_rest_are_reported() {
        let (inventory, damage) = read(Tables {
            objects: vec![
                rack(1),
                server(5),
                server(6),
                server(7),
                row(20),
                row(21),
                location(30),
                location(31),
            ],
            attributes: vec![height(1, Some(42))],
            links: vec![
                held(("row", 21), ("rack", 1)),
                held(("row", 20), ("rack", 1)),
                held(("location", 31), ("row", 20)),
                held(("location", 30), ("row", 20)),
                held(("location", 31), ("row", 21)),
                held(("location", 30), ("location", 31)),
                held(("object", 7), ("object", 5)),
                held(("object", 6), ("object", 5)),
            ],
            ..Tables::default()
        });
        assert_eq!(inventory.racks[0].row_id, Some(20));
        let rows: Vec<_> = inventory.rows.iter().map(|row| (row.id, row.location_id)).collect();
        assert_eq!(rows, [(20, Some(30)), (21, Some(31))]);
        assert_eq!(inventory.locations[1].parent_id, Some(30));
        assert_eq!(inventory.devices[0].container_id, Some(6));
        assert_eq!(
            damage,
            [
                "device 5 is in more than one device: 6, 7; the first is kept",
                "rack 1 is in more than one row: 20, 21; the first is kept",
                "row 20 is in more than one location: 30, 31; the first is kept",
            ]
        );
    }

    #[test]
    fn a_rack_without_a_height_is_as_high_as_its_highest_used_unit() {
        let (inventory, damage) = read(Tables {
            objects: vec![rack(1), rack(2), rack(3), rack(4), rack(5), server(9)],
            attributes: vec![
                height(1, None),
                height(2, Some(0)),
                height(3, Some(10)),
                height(4, Some(u32::MAX)),
            ],
            units: vec![unit(1, 47, 9, 7)],
            ..Tables::default()
        });
        let heights: Vec<_> = inventory.racks.iter().map(|rack| rack.height).collect();
        assert_eq!(heights, [47, 42, 10, 200, 42]);
        assert_eq!(
            damage,
            [
                "rack 1 has no height; 47, its highest used unit, is assumed",
                "rack 2 has no height; 42, the usual height, is assumed",
                "rack 4 is 4294967295 units high; 200 are shown",
                "rack 5 has no height; 42, the usual height, is assumed",
            ]
        );
    }

    #[test]
    fn units_outside_the_rack_are_ignored_and_the_rest_of_the_device_stays() {
        let (inventory, damage) = read(Tables {
            objects: vec![rack(1), server(5)],
            attributes: vec![height(1, Some(4))],
            units: [6, 3, 4, 5, 0].map(|unit_no| unit(1, unit_no, 5, 7)).to_vec(),
            ..Tables::default()
        });
        assert_eq!(inventory.devices[0].mounts, [Mount { rack_id: 1, unit: Some(3), height: 2, atoms: 7 }]);
        assert_eq!(damage, ["device 5 takes unit 0, 5, 6 of rack 1, which has units 1 to 4; ignored"]);
    }

    #[test]
    fn links_that_lead_nowhere_are_ignored_and_reported() {
        let (inventory, damage) = read(Tables {
            objects: vec![rack(1), server(5), server(6), row(20)],
            attributes: vec![height(1, Some(42))],
            units: vec![unit(1, 3, 99, 7), unit(98, 3, 5, 7)],
            links: vec![
                held(("row", 77), ("rack", 1)),
                held(("rack", 97), ("object", 5)),
                held(("rack", 1), ("object", 96)),
                held(("object", 95), ("object", 6)),
                held(("rack", 1), ("object", 6)),
                // A row is no object, whatever the link says.
                held(("object", 20), ("object", 6)),
                held(("location", 20), ("row", 20)),
            ],
            tagged: vec![TaggedRow { entity_realm: Text("rack".into()), entity_id: 94, tag_id: 1 }],
            ..Tables::default()
        });
        assert_eq!(inventory.devices[0].mounts, []);
        assert_eq!(inventory.devices[1].mounts, [Mount { rack_id: 1, unit: None, height: 1, atoms: 7 }]);
        assert_eq!(
            damage,
            [
                "device 5 is in rack 97, which does not exist; ignored",
                "device 5 is in rack 98, which does not exist; ignored",
                "device 6 is in device 20, which does not exist; ignored",
                "device 6 is in device 95, which does not exist; ignored",
                "rack 1 holds device 96, which does not exist; ignored",
                "rack 1 holds device 99, which does not exist; its units are shown free",
                "rack 1 is in row 77, which does not exist; ignored",
                "rack 94 has tags, but does not exist; they are ignored",
                "row 20 is in location 20, which does not exist; ignored",
            ]
        );
    }

    #[test]
    fn what_only_racktables_knows_of_a_device_becomes_automatic_tags() {
        let word = |object_id, attr_id, uint_value| AttributeRow {
            object_id,
            attr_id,
            uint_value,
            ..AttributeRow::default()
        };
        let tables = Tables {
            objects: vec![server(5), server(6), object(7, 50_001)],
            attributes: vec![
                word(5, attribute::HARDWARE, Some(700)),
                word(5, 4, Some(252)),
                // A number, a date or a text is none, nor is a word that was taken away.
                word(5, 21, Some(1_795_468_075)),
                word(6, 4, Some(0)),
                word(7, 4, None),
            ],
            dictionary_attributes: vec![attribute::HARDWARE, 4, 30],
            with_ports: Some(HashSet::from([5, 6])),
            vlan_switches: vec![VlanSwitchRow { object_id: 6, domain_id: 1, template_id: 3 }],
            ..Tables::default()
        };
        let tags = |tables| read(tables).0.devices.into_iter().map(|d| d.automatic_tags).collect::<Vec<_>>();
        assert_eq!(
            tags(tables.clone()),
            [
                vec!["$attr_2_700", "$attr_4_252", "$typeid_4"],
                vec!["$8021Q_domain_1", "$8021Q_tpl_3", "$runs_8021Q", "$typeid_4"],
                vec!["$portless", "$typeid_50001"],
            ]
        );
        let without_ports = tags(Tables { with_ports: None, ..tables });
        assert_eq!(without_ports[2], ["$typeid_50001"], "what cannot be read is not said");
    }

    #[test]
    fn a_tag_brings_the_tags_above_it_unless_the_tree_bites_its_tail() {
        let tag = |id, parent_id, tag: &str| TagRow { id, parent_id, tag: Some(text(tag)) };
        let tagged = |realm: &str, entity_id, tag_id| TaggedRow {
            entity_realm: Text(realm.to_owned()),
            entity_id,
            tag_id,
        };
        let (inventory, damage) = read(Tables {
            objects: vec![rack(1), server(5)],
            attributes: vec![height(1, Some(42))],
            tags: vec![
                tag(1, None, "site"),
                tag(2, Some(1), "москва"),
                tag(3, Some(4), "x"),
                tag(4, Some(3), "y"),
                tag(5, Some(4), "below"),
                tag(6, Some(99), "torn off"),
                tag(7, Some(6), "leaf"),
            ],
            tagged: vec![
                tagged("object", 5, 2),
                tagged("object", 5, 1),
                tagged("object", 5, 7),
                tagged("rack", 1, 3),
                tagged("rack", 1, 5),
            ],
            ..Tables::default()
        });
        assert_eq!(inventory.devices[0].tags, ["leaf", "site", "москва"]);
        assert_eq!(inventory.racks[0].tags, ["below", "x"]);
        assert!(damage.is_empty(), "{damage:?}");
    }
}
