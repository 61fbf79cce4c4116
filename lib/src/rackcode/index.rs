//! Who has which tag, and for whom an expression holds.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

use roaring::RoaringBitmap;
use serde::{Deserialize, Serialize};

use super::automatic;
use super::expression::{Expression, Step};
use super::predicates::Predicates;
use crate::inventory::{DeviceId, Inventory, RackId};

/// Racks and devices, by their places in the inventory: racks from 0, then devices.
type Set = RoaringBitmap;

/// An inventory's racks and devices by their tags, made once per inventory version.
///
/// For each tag there is the set of those that have it, and an expression is worked out on whole sets, 64 racks or
/// devices a machine word: that is quicker by far than asking each of them, and a set costs what it holds, so that
/// tags of a single device (`$id_7`, `$cn_web 1`) are cheap.
#[derive(Clone, Debug)]
pub struct TagIndex {
    /// All ids, racks before devices.
    ids: Vec<u64>,
    /// How many of them are racks'.
    racks: usize,
    everything: Set,
    tagged: HashMap<Box<str>, Set>,
    /// The value of each predicate.
    predicates: HashMap<Box<str>, Set>,
}

/// For whom an expression holds, in the inventory's order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Members {
    /// Racks.
    pub racks: Vec<RackId>,
    /// Devices.
    pub devices: Vec<DeviceId>,
}

impl TagIndex {
    /// Indexes a normalised inventory and works out the predicates.
    pub fn new(inventory: &Inventory, predicates: &Predicates) -> Self {
        let ids: Vec<u64> = inventory
            .racks
            .iter()
            .map(|rack| rack.id)
            .chain(inventory.devices.iter().map(|device| device.id))
            .collect();
        let mut index = Self {
            racks: inventory.racks.len(),
            everything: (0_u32..).zip(&ids).map(|(place, _)| place).collect(),
            ids,
            tagged: HashMap::new(),
            predicates: HashMap::new(),
        };
        let racks = inventory.racks.iter().map(|rack| (&rack.tags, automatic::of_rack(rack)));
        let devices = inventory.devices.iter().map(|device| (&device.tags, automatic::of_device(device)));
        for (place, (tags, automatic)) in (0_u32..).zip(racks.chain(devices)) {
            for tag in tags.iter().map(String::as_str).chain(automatic.iter().map(|tag| &**tag)) {
                index.tag(place, tag);
            }
        }
        for (name, expression) in &predicates.definitions {
            // A predicate uses only those before it, so none is without a value.
            let value = index.value(expression).map(Cow::into_owned).unwrap_or_default();
            index.predicates.insert(name.clone(), value);
        }
        index
    }

    fn tag(&mut self, place: u32, tag: &str) {
        if let Some(set) = self.tagged.get_mut(tag) {
            set.insert(place);
        } else {
            self.tagged.insert(tag.into(), Set::from([place]));
        }
    }

    /// For whom the expression holds.
    pub fn members(&self, expression: &Expression) -> Members {
        let mut members = Members::default();
        let Some(set) = self.value(expression) else { return members };
        for place in set.iter().map(|place| place as usize) {
            let list = if place < self.racks { &mut members.racks } else { &mut members.devices };
            list.extend(self.ids.get(place));
        }
        members
    }

    /// The tags of the expression that nobody has and the predicates that are not defined, as they are written. They
    /// are no errors: tags come and go.
    pub fn unknown(&self, expression: &Expression) -> BTreeSet<String> {
        let unknown = expression.steps.iter().filter_map(|step| match step {
            Step::Tag(name) if !self.tagged.contains_key(name) => Some(format!("{{{name}}}")),
            Step::Predicate(name) if !self.predicates.contains_key(name) => Some(format!("[{name}]")),
            _ => None,
        });
        unknown.collect()
    }

    /// The set for which an expression holds; none where it has no value.
    ///
    /// A predicate that is not defined has no value, and neither has its negation, so that both hold for nobody. But
    /// `and` and `or` always have one: they take what has none for false.
    fn value(&self, expression: &Expression) -> Option<Cow<'_, Set>> {
        let mut values: Vec<Option<Cow<'_, Set>>> = Vec::new();
        for step in &expression.steps {
            let value = match step {
                Step::Tag(name) => Some(self.tagged.get(name).map_or_else(nobody, Cow::Borrowed)),
                Step::Predicate(name) => self.predicates.get(name).map(Cow::Borrowed),
                Step::Constant(true) => Some(Cow::Borrowed(&self.everything)),
                Step::Constant(false) => Some(nobody()),
                Step::Not => values.pop().flatten().map(|set| Cow::Owned(&self.everything - &*set)),
                Step::And | Step::Or => {
                    let right = values.pop().flatten().unwrap_or_else(nobody);
                    let left = values.pop().flatten().unwrap_or_else(nobody);
                    Some(Cow::Owned(if *step == Step::And { &*left & &*right } else { &*left | &*right }))
                }
            };
            values.push(value);
        }
        values.pop().flatten()
    }
}

fn nobody<'a>() -> Cow<'a, Set> {
    Cow::Owned(Set::new())
}
