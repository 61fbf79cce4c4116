//! What is wrong with an inventory, as seen from what burns: hosts it does not know, devices that stand nowhere or that
//! nobody watches, entries that cannot be as they say.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::{Deserialize, Serialize};

use super::{Damage, Device, DeviceId, Inventory, RackId};
use crate::coverage::Coverage;
use crate::placement::{self, Places, Unplaced};
use crate::snapshot::{COMMENTS, INVENTORY, Snapshot};

/// What kind of problem it is, the most pressing first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A host with active events that no device is called after.
    UnknownHost,
    /// A host with active events after which several devices are called.
    AmbiguousHost,
    /// Something in the inventory cannot be as it says.
    Damaged,
    /// A device that is mounted nowhere, nor is what contains it.
    NoRack,
    /// A device in a rack that no source watches: whatever happens to it, nobody will see.
    Unwatched,
}

/// One problem.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct InventoryProblem {
    /// What kind.
    pub kind: Kind,
    /// Of a host: its name, as the source spells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Of a host: the source that names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Of a location, row, rack or device: what it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub what: Option<String>,
    /// Its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<u64>,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The rack a device stands in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rack_id: Option<RackId>,
    /// Of a host: how many events are not placed for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events: Option<u32>,
    /// Of an ambiguous host: the devices it may be.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub devices: Vec<DeviceId>,
    /// What is wrong, and what would mend it.
    pub text: String,
}

impl InventoryProblem {
    fn of_damage(inventory: &Inventory, damage: &Damage, racks: &HashMap<DeviceId, RackId>) -> Self {
        let name = match &*damage.what {
            "location" => of_id(&inventory.locations, damage.id, |one| one.id).map(|one| one.name.clone()),
            "row" => of_id(&inventory.rows, damage.id, |one| one.id).map(|one| one.name.clone()),
            "rack" => of_id(&inventory.racks, damage.id, |one| one.id).map(|one| one.name.clone()),
            _ => of_id(&inventory.devices, damage.id, |one| one.id).map(|one| called(one).to_owned()),
        };
        Self {
            kind: Kind::Damaged,
            host: None,
            source: None,
            what: Some(damage.what.clone()),
            id: Some(damage.id),
            name: name.filter(|name| !name.is_empty()),
            rack_id: racks.get(&damage.id).filter(|_| damage.what == "device").copied(),
            events: None,
            devices: Vec::new(),
            text: damage.problem.clone(),
        }
    }

    fn of_device(kind: Kind, device: &Device, rack_id: Option<RackId>, text: &str) -> Self {
        let name = called(device).to_owned();
        Self {
            kind,
            host: None,
            source: None,
            what: Some("device".to_owned()),
            id: Some(device.id),
            name: Some(name).filter(|name| !name.is_empty()),
            rack_id,
            events: None,
            devices: Vec::new(),
            text: text.to_owned(),
        }
    }
}

/// What people call a device: one without a name has a label.
fn called(device: &Device) -> &str {
    if device.name.is_empty() { &device.label } else { &device.name }
}

/// One of a list that is sorted by id, as an [`Inventory`] has them.
fn of_id<T>(all: &[T], id: u64, id_of: impl Fn(&T) -> u64) -> Option<&T> {
    all.binary_search_by_key(&id, id_of).ok().and_then(|at| all.get(at))
}

/// Everything that is wrong, sorted by kind, then host or id.
///
/// Who watches what is judged only once every source of the snapshot has told; until then no device counts as unwatched.
pub fn problems(
    inventory: &Inventory,
    damage: &[Damage],
    coverage: Option<&Coverage>,
    snapshot: &Snapshot<'_>,
) -> Vec<InventoryProblem> {
    let places = Places::new(inventory);
    let racks: HashMap<_, _> = places.standing().collect();
    let mut found = hosts(inventory, snapshot);
    found.extend(damage.iter().map(|damage| InventoryProblem::of_damage(inventory, damage, &racks)));
    for device in inventory.devices.iter().filter(|device| !racks.contains_key(&device.id)) {
        let text = "stands in no rack; mount it, or what contains it";
        found.push(InventoryProblem::of_device(Kind::NoRack, device, None, text));
    }
    if let Some(watched) = coverage.and_then(|coverage| watched(coverage, snapshot)) {
        let alone = |device: &&Device| racks.contains_key(&device.id) && !watched.contains(&device.id);
        for device in inventory.devices.iter().filter(alone) {
            let text =
                "no source watches it; add it to the monitoring, under a name that the inventory knows";
            let rack_id = racks.get(&device.id).copied();
            found.push(InventoryProblem::of_device(Kind::Unwatched, device, rack_id, text));
        }
    }
    found.sort();
    found
}

/// The devices that any source watches; none if somebody watches all of them, or has not told.
fn watched(coverage: &Coverage, snapshot: &Snapshot<'_>) -> Option<BTreeSet<DeviceId>> {
    let has_told = |name: &str| coverage.sources.iter().any(|source| source.name == name);
    let mut sources = snapshot.sources.iter().filter(|s| s.kind != COMMENTS && s.kind != INVENTORY);
    let is_known = sources.all(|source| has_told(&source.name)) && !coverage.sources.is_empty();
    let is_whole = coverage.sources.iter().any(|source| source.all);
    (is_known && !is_whole)
        .then(|| coverage.sources.iter().flat_map(|source| source.devices.iter().copied()).collect())
}

/// The hosts of events that have no device.
fn hosts(inventory: &Inventory, snapshot: &Snapshot<'_>) -> Vec<InventoryProblem> {
    let mut counts: BTreeMap<(Kind, &str, &str), u32> = BTreeMap::new();
    for event in &snapshot.events {
        let kind = match event.unplaced {
            Some(Unplaced::UnknownHost) => Kind::UnknownHost,
            Some(Unplaced::Ambiguous) => Kind::AmbiguousHost,
            // A device without a rack is told of as such; a host that is still to come is no problem yet.
            Some(Unplaced::NoRack | Unplaced::HostPending) | None => continue,
        };
        *counts.entry((kind, &event.host, &event.source)).or_default() += 1;
    }
    let ambiguous = counts.keys().filter(|(kind, ..)| *kind == Kind::AmbiguousHost).map(|(_, host, _)| *host);
    let mut candidates = placement::candidates(&inventory.devices, ambiguous);
    let problem = |((kind, host, source), events): ((Kind, &str, &str), u32)| {
        let is_ambiguous = kind == Kind::AmbiguousHost;
        InventoryProblem {
            kind,
            host: Some(host.to_owned()),
            source: Some(source.to_owned()),
            what: None,
            id: None,
            name: None,
            rack_id: None,
            events: Some(events),
            devices: if is_ambiguous { candidates.remove(host).unwrap_or_default() } else { Vec::new() },
            text: if is_ambiguous {
                "several devices have this name; give each one of its own"
            } else {
                "no device has this name, FQDN or short name; enter it, or mend its name"
            }
            .to_owned(),
        }
    };
    counts.into_iter().map(problem).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coverage::Covered;
    use crate::inventory::{Mount, Rack};
    use crate::snapshot::{ActiveEvent, Source};

    fn device(id: DeviceId, name: &str, rack: Option<RackId>) -> Device {
        let mounts = rack.map(|rack_id| Mount { rack_id, unit: Some(1), height: 1, atoms: 7 });
        Device { id, name: name.into(), mounts: mounts.into_iter().collect(), ..Device::default() }
    }

    fn event(host: &'static str, unplaced: Option<Unplaced>) -> ActiveEvent<'static> {
        ActiveEvent { host: host.into(), source: "zabbix".into(), unplaced, ..ActiveEvent::default() }
    }

    fn site() -> (Inventory, Snapshot<'static>) {
        let mut inventory = Inventory {
            racks: vec![Rack { id: 1, name: "07".into(), height: 42, ..Rack::default() }],
            devices: vec![
                device(2, "one", Some(1)),
                device(3, "two", Some(1)),
                device(4, "twin", None),
                device(5, "twin", Some(1)),
            ],
            ..Inventory::default()
        };
        inventory.normalise();
        let source = |name: &'static str, kind: &'static str| Source {
            name: name.into(),
            kind: kind.into(),
            ..Source::default()
        };
        let snapshot = Snapshot {
            sources: vec![source("zabbix", "zabbix"), source(COMMENTS, COMMENTS)],
            events: vec![
                event("stranger", Some(Unplaced::UnknownHost)),
                event("stranger", Some(Unplaced::UnknownHost)),
                event("twin", Some(Unplaced::Ambiguous)),
                event("one", None),
                event("", Some(Unplaced::HostPending)),
            ],
            ..Snapshot::default()
        };
        (inventory, snapshot)
    }

    fn coverage(name: &str, all: bool, devices: Vec<DeviceId>) -> Coverage {
        let sources = vec![Covered { name: name.into(), all, devices }];
        Coverage { sources, ..Coverage::default() }
    }

    fn ids(found: &[InventoryProblem], kind: Kind) -> Vec<u64> {
        found.iter().filter(|problem| problem.kind == kind).filter_map(|problem| problem.id).collect()
    }

    #[test]
    fn hosts_without_a_device_are_told_once_each_with_what_waits_for_them() {
        let (inventory, snapshot) = site();
        let found = problems(&inventory, &[], None, &snapshot);
        assert_eq!((found[0].kind, found[0].host.as_deref()), (Kind::UnknownHost, Some("stranger")));
        assert_eq!(found[0].events, Some(2));
        assert_eq!((found[1].kind, &*found[1].devices), (Kind::AmbiguousHost, &[4, 5][..]));
        assert_eq!(ids(&found, Kind::NoRack), [4]);
    }

    #[test]
    fn a_device_counts_as_unwatched_only_once_everybody_has_told() {
        let (inventory, snapshot) = site();
        let unwatched =
            |coverage: &Coverage| ids(&problems(&inventory, &[], Some(coverage), &snapshot), Kind::Unwatched);
        assert_eq!(unwatched(&coverage("zabbix", false, vec![2])), [3, 5], "4 stands nowhere");
        assert!(unwatched(&coverage("zabbix", true, vec![])).is_empty());
        assert!(unwatched(&coverage("juggler", false, vec![2])).is_empty(), "Zabbix has not told");
        assert!(unwatched(&Coverage::default()).is_empty());
    }

    #[test]
    fn what_is_damaged_is_told_by_its_name_and_place_as_far_as_it_has_them() {
        let (inventory, snapshot) = site();
        let damage = [
            Damage::new("device", 3, "has 2 names; the first is used"),
            Damage::new("rack", 1, "has no height; 42 is assumed"),
            Damage::new("rack", 7, "is 900 units high; 200 are shown"),
        ];
        let found = problems(&inventory, &damage, None, &snapshot);
        let told = found.iter().filter(|problem| problem.kind == Kind::Damaged);
        let told: Vec<_> =
            told.map(|one| (one.what.as_deref(), one.id, one.name.as_deref(), one.rack_id)).collect();
        let named = |what, id, name, rack_id| (Some(what), Some(id), name, rack_id);
        assert_eq!(
            told,
            [
                named("device", 3, Some("two"), Some(1)),
                named("rack", 1, Some("07"), None),
                named("rack", 7, None, None),
            ]
        );
        assert!(found.is_sorted());
    }
}
