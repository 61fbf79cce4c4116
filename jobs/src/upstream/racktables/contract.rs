//! The cases of RackCode's contract, where it lies beside the repository, from RackTables' rows to what an expression
//! holds for: the tags above a tag and the automatic tags are those that RackTables itself has found.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::Path;

use heat::rackcode::{Expression, Predicates, TagIndex};
use serde::Deserialize;

use super::assemble::assemble;
use super::rows::{
    AttributeRow, LinkRow, ObjectRow, Tables, TagRow, TaggedRow, Text, UnitRow, VlanSwitchRow, object_type,
};

const VECTORS: &str = "shared/contracts/rackcode-vectors.json";

#[derive(Deserialize)]
struct Vectors {
    vectors: Vec<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    id: String,
    tags: Vec<Tag>,
    entities: Vec<Entity>,
    definitions: String,
    expression: String,
    quirk: Option<String>,
    matches: Option<BTreeSet<u64>>,
}

#[derive(Deserialize)]
struct Tag {
    id: u32,
    #[serde(rename = "tag")]
    name: String,
    parent_id: Option<u32>,
}

#[derive(Deserialize)]
struct Entity {
    id: u32,
    realm: String,
    explicit: Vec<String>,
    auto: BTreeSet<String>,
    attrs: Attributes,
}

#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
struct Attributes {
    name: Option<String>,
    asset_no: Option<String>,
    objtype_id: u32,
    rack_id: Option<u32>,
    zero_u_rack_id: Option<u32>,
    container_id: Option<u32>,
    nports: u32,
    vlan_domain_id: Option<u32>,
    vlan_template_id: Option<u32>,
    dict_attrs: BTreeMap<u32, u32>,
}

fn vectors() -> Vec<Vector> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().join(VECTORS);
    if !path.exists() {
        println!("skipped: there is no {}", path.display());
        return Vec::new();
    }
    let vectors: Vectors = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    vectors.vectors
}

fn text(value: &str) -> Text {
    Text(value.to_owned())
}

fn held(parent: (&str, u32), child_id: u32) -> LinkRow {
    LinkRow {
        parent_entity_type: text(parent.0),
        parent_entity_id: parent.1,
        child_entity_type: text("object"),
        child_entity_id: child_id,
    }
}

impl Vector {
    /// The database that the case is about.
    fn tables(&self) -> Tables {
        let mut tables = Tables { with_ports: Some(HashSet::new()), ..Tables::default() };
        let tags = self.tags.iter();
        tables.tags =
            tags.map(|t| TagRow { id: t.id, parent_id: t.parent_id, tag: Some(text(&t.name)) }).collect();
        for entity in &self.entities {
            self.add(entity, &mut tables);
        }
        // Some stand in racks that the case does not speak of.
        let known: HashSet<u32> = tables.objects.iter().map(|object| object.id).collect();
        let racks: BTreeSet<u32> = tables.units.iter().map(|unit| unit.rack_id).collect();
        tables.objects.extend(racks.into_iter().filter(|id| !known.contains(id)).map(|id| ObjectRow {
            id,
            objtype_id: object_type::RACK,
            ..ObjectRow::default()
        }));
        tables
    }

    fn add(&self, entity: &Entity, tables: &mut Tables) {
        let (id, attrs) = (entity.id, &entity.attrs);
        let is_rack = entity.realm == "rack";
        tables.objects.push(ObjectRow {
            id,
            objtype_id: if is_rack { object_type::RACK } else { attrs.objtype_id },
            name: attrs.name.as_deref().map(text),
            asset_no: attrs.asset_no.as_deref().map(text),
            ..ObjectRow::default()
        });
        tables.tagged.extend(entity.explicit.iter().map(|name| TaggedRow {
            entity_realm: text(&entity.realm),
            entity_id: id,
            tag_id: self.tags.iter().find(|tag| tag.name == *name).unwrap().id,
        }));
        let units = attrs.rack_id.map(|rack_id| UnitRow { rack_id, unit_no: 1, object_id: id, atom_mask: 7 });
        tables.units.extend(units);
        tables.links.extend(attrs.zero_u_rack_id.map(|rack| held(("rack", rack), id)));
        tables.links.extend(attrs.container_id.map(|container| held(("object", container), id)));
        tables.attributes.extend(attrs.dict_attrs.iter().map(|(&attr_id, &key)| AttributeRow {
            object_id: id,
            attr_id,
            uint_value: Some(key),
            ..AttributeRow::default()
        }));
        tables.dictionary_attributes.extend(attrs.dict_attrs.keys());
        tables.dictionary_attributes.sort_unstable();
        tables.dictionary_attributes.dedup();
        if attrs.nports > 0 {
            tables.with_ports.get_or_insert_default().insert(id);
        }
        if let (Some(domain_id), Some(template_id)) = (attrs.vlan_domain_id, attrs.vlan_template_id) {
            tables.vlan_switches.push(VlanSwitchRow { object_id: id, domain_id, template_id });
        }
    }

    fn index(&self) -> TagIndex {
        let (mut inventory, _) = assemble(self.tables());
        inventory.normalise();
        TagIndex::new(&inventory, &Predicates::parse(&self.definitions).unwrap_or_default())
    }

    /// For which of its own the expression holds.
    fn holds(&self, index: &TagIndex, expression: &str) -> BTreeSet<u64> {
        let members = index.members(&Expression::parse(expression).unwrap());
        let own: BTreeSet<_> = self.entities.iter().map(|entity| u64::from(entity.id)).collect();
        members.racks.into_iter().chain(members.devices).filter(|id| own.contains(id)).collect()
    }
}

#[test]
fn expressions_hold_for_the_rows_for_which_racktables_has_them_hold() {
    for vector in vectors().iter().filter(|vector| vector.quirk.is_none()) {
        if let Some(matches) = &vector.matches {
            assert_eq!(vector.holds(&vector.index(), &vector.expression), *matches, "{}", vector.id);
        }
    }
}

#[test]
fn rows_have_the_automatic_tags_that_racktables_gives_them() {
    for vector in vectors() {
        let index = vector.index();
        let automatic: BTreeSet<_> = vector.entities.iter().flat_map(|entity| &entity.auto).collect();
        for tag in automatic {
            let having = vector.entities.iter().filter(|entity| entity.auto.contains(tag));
            let expected: BTreeSet<_> = having.map(|entity| u64::from(entity.id)).collect();
            assert_eq!(vector.holds(&index, &format!("{{{tag}}}")), expected, "{}: {tag}", vector.id);
        }
    }
}
