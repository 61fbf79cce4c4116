//! The cases of the language's contract, where it lies beside the repository; its section 11 explains them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Deserialize;

use super::super::*;
use crate::inventory::{Device, Inventory, Mount, Rack};

const VECTORS: &str = "shared/contracts/rackcode-vectors.json";

#[derive(Deserialize)]
struct Vectors {
    vectors: Vec<Vector>,
    permission_vectors: Vec<Permission>,
}

#[derive(Deserialize)]
struct Vector {
    id: String,
    entry: String,
    tags: Vec<Tag>,
    entities: Vec<Entity>,
    definitions: String,
    expression: String,
    matches: Option<BTreeSet<u64>>,
    error_in: Option<String>,
    message: Option<String>,
    line: Option<usize>,
    quirk: Option<String>,
}

#[derive(Deserialize)]
struct Permission {
    definitions: String,
}

#[derive(Deserialize)]
struct Tag {
    id: u64,
    #[serde(rename = "tag")]
    name: String,
    parent_id: Option<u64>,
}

#[derive(Deserialize)]
struct Entity {
    id: u64,
    realm: String,
    explicit: Vec<String>,
    auto: BTreeSet<String>,
    attrs: Attributes,
}

#[derive(Deserialize)]
struct Attributes {
    name: Option<String>,
    asset_no: Option<String>,
    rack_id: Option<u64>,
    zero_u_rack_id: Option<u64>,
    container_id: Option<u64>,
}

fn vectors() -> Option<Vectors> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().join(VECTORS);
    if !path.exists() {
        println!("skipped: there is no {}", path.display());
        return None;
    }
    Some(serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap())
}

/// The tags above a tag; none where they lead in a circle.
fn above<'a>(tags: &'a [Tag], name: &str) -> Vec<&'a str> {
    let mut above = Vec::new();
    let mut at = tags.iter().find(|tag| tag.name == name).and_then(|tag| tag.parent_id);
    while let Some(parent) = at.and_then(|id| tags.iter().find(|tag| tag.id == id)) {
        if above.len() > tags.len() {
            return Vec::new();
        }
        above.push(parent.name.as_str());
        at = parent.parent_id;
    }
    above
}

impl Entity {
    fn tags(&self, tree: &[Tag]) -> Vec<String> {
        let above = self.explicit.iter().flat_map(|tag| above(tree, tag)).map(str::to_owned);
        self.explicit.iter().cloned().chain(above).collect()
    }

    fn rack(&self, tree: &[Tag]) -> Rack {
        Rack { id: self.id, height: 42, tags: self.tags(tree), ..Rack::default() }
    }

    fn device(&self, tree: &[Tag]) -> Device {
        let given = ["$typeid_", "$attr_", "$portless", "$runs_8021Q", "$8021Q_"];
        let racks = [self.attrs.rack_id, self.attrs.zero_u_rack_id].into_iter().flatten();
        Device {
            id: self.id,
            name: self.attrs.name.clone().unwrap_or_default(),
            asset_no: self.attrs.asset_no.clone().unwrap_or_default(),
            tags: self.tags(tree),
            automatic_tags: self
                .auto
                .iter()
                .filter(|tag| given.iter().any(|given| tag.starts_with(given)))
                .cloned()
                .collect(),
            container_id: self.attrs.container_id,
            mounts: racks.map(|rack_id| Mount { rack_id, ..Mount::default() }).collect(),
            ..Device::default()
        }
    }
}

impl Vector {
    fn inventory(&self) -> Inventory {
        let of = |realm: &'static str| self.entities.iter().filter(move |entity| entity.realm == realm);
        Inventory {
            racks: of("rack").map(|entity| entity.rack(&self.tags)).collect(),
            devices: of("object").map(|entity| entity.device(&self.tags)).collect(),
            ..Inventory::default()
        }
    }

    /// What does not come out as it says.
    fn complaint(&self) -> Option<String> {
        let (place, error) = match self.outcome() {
            Ok(members) => {
                return (self.matches.as_ref() != Some(&members)).then(|| format!("matches {members:?}"));
            }
            Err(error) => error,
        };
        if self.quirk.is_some() {
            return None;
        }
        let expected = (self.error_in.as_deref(), self.message.as_deref());
        let said = said(&error, &self.definitions);
        let numbered = place == "definitions" || error.racktables_line != 1;
        let said = match self.line {
            Some(_) if numbered => format!("{said}, line {}", error.racktables_line),
            _ => said,
        };
        let right = expected == (Some(place), Some(&said))
            && self.line.is_none_or(|line| line == error.racktables_line);
        (!right).then(|| format!("says {said} in {place}: {error}"))
    }

    fn outcome(&self) -> Result<BTreeSet<u64>, (&'static str, SyntaxError)> {
        let predicates = Predicates::parse(&self.definitions).map_err(|error| ("definitions", error))?;
        let read = if self.entry == "constraint" { Expression::parse_setting } else { Expression::parse };
        let expression = read(&self.expression).map_err(|error| ("expression", error))?;
        let members = TagIndex::new(&self.inventory(), &predicates).members(&expression);
        Ok(members.racks.into_iter().chain(members.devices).collect())
    }
}

/// In RackTables' words.
fn said(error: &SyntaxError, script: &str) -> String {
    let token = match &error.problem {
        Problem::Character(character) => return format!("Invalid char '{character}'"),
        Problem::Name(name) => return format!("Invalid tag name '{name}'"),
        Problem::Duplicate(name) => return format!("Duplicate definition of [{name}]"),
        Problem::Undefined(name) => return format!("Undefined predicate [{name}] referred"),
        Problem::NoStatement if script.is_empty() => {
            return "The RackCode text was found empty in getRackCode".to_owned();
        }
        Problem::NoStatement => return "Empty parse tree found in getRackCode".to_owned(),
        Problem::Unexpected(written) if written.starts_with('{') => "LEX_TAG",
        Problem::Unexpected(written) if written.starts_with('[') => "LEX_PREDICATE",
        Problem::Unexpected(written) => written,
        _ => "",
    };
    match error.expected {
        Expected::Closing(bracket) => format!("Expecting '{bracket}' character"),
        Expected::Operand => format!("Unexpected token {token}"),
        Expected::Parenthesis(_) => "expecting )".to_owned(),
        Expected::Predicate => "expecting LEX_PREDICATE".to_owned(),
        Expected::Tag => "expecting LEX_TAG".to_owned(),
        Expected::Modifier => "expecting CTXMOD".to_owned(),
        Expected::On => "expecting on".to_owned(),
        _ => format!("unexpected {token}"),
    }
}

#[test]
fn every_case_of_the_contract_comes_out_as_it_says() {
    let Some(vectors) = vectors() else { return };
    let mut wrong = Vec::new();
    for vector in &vectors.vectors {
        wrong.extend(vector.complaint().map(|complaint| format!("{}: {complaint}", vector.id)));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for permission in vectors.permission_vectors {
        Predicates::parse(&permission.definitions).unwrap();
    }
}

#[test]
fn automatic_tags_are_those_of_the_contract() {
    let Some(vectors) = vectors() else { return };
    for vector in &vectors.vectors {
        let inventory = vector.inventory();
        let racks = inventory.racks.iter().map(|rack| (rack.id, automatic::of_rack(rack)));
        let devices = inventory.devices.iter().map(|device| (device.id, automatic::of_device(device)));
        let computed: BTreeMap<_, BTreeSet<_>> = racks
            .chain(devices)
            .map(|(id, tags)| (id, tags.into_iter().map(String::from).collect()))
            .collect();
        let expected: BTreeMap<_, _> =
            vector.entities.iter().map(|entity| (entity.id, entity.auto.clone())).collect();
        assert_eq!(computed, expected, "{}", vector.id);
    }
}
