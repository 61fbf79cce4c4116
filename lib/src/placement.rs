//! Placement: from a host's name in a monitoring system to the device and the rack where it stands.

use std::collections::HashMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::inventory::{Device, DeviceId, Inventory, RackId};

/// Why an event stands in no rack. Such events are shown, never dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unplaced {
    /// No device has this name, FQDN or short name.
    UnknownHost,
    /// Several devices do.
    Ambiguous,
    /// The device is known, but the inventory mounts it nowhere.
    NoRack,
    /// The source has not yet told which host it is.
    HostPending,
}

/// By which of a device's names a host was found; for reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MatchedBy {
    /// The device's name.
    Name,
    /// Its FQDN attribute.
    Fqdn,
    /// The part before the first dot of its name or FQDN.
    ShortName,
}

/// Where a host stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In this rack.
    Rack(DeviceId, RackId, MatchedBy),
    /// A known device that stands nowhere.
    NoRack(DeviceId, MatchedBy),
    /// No device.
    UnknownHost,
    /// More than one device.
    Ambiguous,
}

impl Place {
    /// The device, if it is one.
    pub fn device(self) -> Option<DeviceId> {
        match self {
            Self::Rack(device, ..) | Self::NoRack(device, _) => Some(device),
            Self::UnknownHost | Self::Ambiguous => None,
        }
    }

    /// The rack, if it is in one.
    pub fn rack(self) -> Option<RackId> {
        if let Self::Rack(_, rack, _) = self { Some(rack) } else { None }
    }

    /// Why it is in none, if so.
    pub fn unplaced(self) -> Option<Unplaced> {
        match self {
            Self::Rack(..) => None,
            Self::NoRack(..) => Some(Unplaced::NoRack),
            Self::UnknownHost => Some(Unplaced::UnknownHost),
            Self::Ambiguous => Some(Unplaced::Ambiguous),
        }
    }
}

/// What one name leads to.
#[derive(Clone, Copy, Debug)]
enum Entry {
    One(u32),
    Many,
}

type Names = foldhash::HashMap<Box<str>, Entry>;

/// The index of an inventory by names, made once per inventory version.
///
/// A host is looked for by exact name, then by FQDN, then by short name; at each step one device must have it:
/// several end the search as ambiguous, because guessing would put an event on the wrong rack. Names are compared
/// without regard to case and without a trailing dot.
#[derive(Debug, Default)]
pub struct Places {
    devices: Vec<(DeviceId, Option<RackId>)>,
    by_name: Names,
    by_fqdn: Names,
    by_short: Names,
}

impl Places {
    /// Indexes a normalised inventory.
    pub fn new(inventory: &Inventory) -> Self {
        let racks = standing(&inventory.devices);
        let mut places = Self {
            devices: inventory.devices.iter().map(|d| (d.id, racks.get(&d.id).copied())).collect(),
            ..Self::default()
        };
        for (index, device) in (0_u32..).zip(&inventory.devices) {
            let (name, fqdn) = (normal(&device.name), normal(&device.fqdn));
            enter(&mut places.by_short, short(&name), index);
            enter(&mut places.by_short, short(&fqdn), index);
            enter(&mut places.by_name, Some(&name), index);
            enter(&mut places.by_fqdn, Some(&fqdn), index);
        }
        places
    }

    /// Where `host` stands.
    pub fn find(&self, host: &str) -> Place {
        let host = normal(host);
        let steps = [
            (self.by_name.get(&*host), MatchedBy::Name),
            (self.by_fqdn.get(&*host), MatchedBy::Fqdn),
            (short(&host).and_then(|short| self.by_short.get(short)), MatchedBy::ShortName),
        ];
        for (entry, by) in steps {
            match entry {
                None => {}
                Some(Entry::Many) => return Place::Ambiguous,
                Some(Entry::One(index)) => {
                    return match self.devices[*index as usize] {
                        (device, Some(rack)) => Place::Rack(device, rack, by),
                        (device, None) => Place::NoRack(device, by),
                    };
                }
            }
        }
        Place::UnknownHost
    }

    /// The rack where a device stands.
    pub fn rack_of(&self, device: DeviceId) -> Option<RackId> {
        let index = self.devices.binary_search_by_key(&device, |(id, _)| *id).ok()?;
        self.devices[index].1
    }

    /// Every device that stands in a rack, with that rack.
    pub fn standing(&self) -> impl Iterator<Item = (DeviceId, RackId)> {
        self.devices.iter().filter_map(|&(device, rack)| Some((device, rack?)))
    }
}

/// Where each device stands: the rack with the smallest id of its own mounts, else where its container stands.
pub(crate) fn standing(devices: &[Device]) -> HashMap<DeviceId, RackId> {
    let own: HashMap<_, _> =
        devices.iter().filter_map(|d| Some((d.id, d.mounts.iter().map(|m| m.rack_id).min()?))).collect();
    let containers: HashMap<_, _> = devices.iter().filter_map(|d| Some((d.id, d.container_id?))).collect();
    devices
        .iter()
        .filter_map(|device| {
            let mut at = device.id;
            // A normalised inventory has no cycles; the bound keeps one that has from hanging the updater.
            for _ in 0..64 {
                if let Some(&rack) = own.get(&at) {
                    return Some((device.id, rack));
                }
                at = *containers.get(&at)?;
            }
            None
        })
        .collect()
}

/// The devices that each of these hosts may be: those that [`Places::find`] would choose between. A host that no device
/// is called after is left out.
pub fn candidates<'a>(
    devices: &[Device],
    hosts: impl IntoIterator<Item = &'a str>,
) -> HashMap<&'a str, Vec<DeviceId>> {
    let hosts: Vec<(&str, String)> = hosts.into_iter().map(|host| (host, normal(host))).collect();
    // By name, by FQDN, by short name.
    let mut steps: [HashMap<&str, Vec<DeviceId>>; 3] = Default::default();
    for (_, host) in &hosts {
        for (step, name) in steps.iter_mut().zip([Some(&**host), Some(&**host), short(host)]) {
            step.extend(name.map(|name| (name, Vec::new())));
        }
    }
    for device in devices {
        let (name, fqdn) = (normal(&device.name), normal(&device.fqdn));
        let called = [(0, Some(&*name)), (1, Some(&*fqdn)), (2, short(&name)), (2, short(&fqdn))];
        for (step, name) in called {
            if let Some(ids) = name.and_then(|name| steps[step].get_mut(name))
                && ids.last() != Some(&device.id)
            {
                ids.push(device.id);
            }
        }
    }
    let of = |host: &str| {
        let names = [Some(host), Some(host), short(host)];
        steps
            .iter()
            .zip(names)
            .find_map(|(step, name)| step.get(name?).filter(|ids| !ids.is_empty()).cloned())
    };
    hosts.iter().filter_map(|(host, normal)| Some((*host, of(normal)?))).collect()
}

fn normal(name: &str) -> String {
    let name = name.trim();
    name.strip_suffix('.').unwrap_or(name).to_lowercase()
}

/// The part before the first dot; none for addresses, whose first number means nothing.
fn short(name: &str) -> Option<&str> {
    if name.parse::<IpAddr>().is_ok() {
        return None;
    }
    name.split('.').next()
}

fn enter(map: &mut Names, name: Option<&str>, index: u32) {
    let Some(name) = name.filter(|name| !name.is_empty()) else { return };
    match map.get_mut(name) {
        None => {
            map.insert(name.into(), Entry::One(index));
        }
        Some(Entry::One(known)) if *known == index => {}
        Some(entry) => *entry = Entry::Many,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::{Mount, Rack};

    fn inventory(devices: Vec<Device>) -> Places {
        let mut inventory = Inventory {
            racks: (1..10).map(|id| Rack { id, height: 42, ..Rack::default() }).collect(),
            devices,
            ..Inventory::default()
        };
        inventory.normalise();
        Places::new(&inventory)
    }

    fn device(id: u64, name: &str, fqdn: &str, racks: &[u64]) -> Device {
        Device {
            id,
            name: name.into(),
            fqdn: fqdn.into(),
            mounts: racks.iter().map(|&rack_id| Mount { rack_id, height: 1, ..Mount::default() }).collect(),
            ..Device::default()
        }
    }

    #[test]
    fn a_name_goes_before_an_fqdn_and_an_fqdn_before_a_short_name() {
        let places = inventory(vec![
            device(11, "web-1", "web-1.sas.example.net", &[1]),
            device(12, "web-1.vla.example.net", "", &[2]),
            device(13, "db-1", "db-1.sas.example.net", &[3]),
        ]);
        assert_eq!(places.find("web-1"), Place::Rack(11, 1, MatchedBy::Name));
        assert_eq!(places.find("WEB-1.sas.example.net."), Place::Rack(11, 1, MatchedBy::Fqdn));
        assert_eq!(places.find("web-1.vla.example.net"), Place::Rack(12, 2, MatchedBy::Name));
        assert_eq!(places.find("db-1.mgmt.example.net"), Place::Rack(13, 3, MatchedBy::ShortName));
    }

    #[test]
    fn names_that_several_devices_have_are_ambiguous_and_not_guessed() {
        let places = inventory(vec![
            device(11, "web-1", "", &[1]),
            device(12, "WEB-1", "", &[2]),
            device(13, "a.x", "", &[1]),
            device(14, "a.y", "", &[2]),
        ]);
        assert_eq!(places.find("web-1"), Place::Ambiguous);
        assert_eq!(places.find("a.z"), Place::Ambiguous);
        assert_eq!(places.find("a.x"), Place::Rack(13, 1, MatchedBy::Name));
    }

    #[test]
    fn one_device_whose_name_and_fqdn_share_a_short_name_is_not_ambiguous() {
        let places = inventory(vec![device(11, "web-1", "web-1.sas.example.net", &[1])]);
        assert_eq!(places.find("web-1.elsewhere"), Place::Rack(11, 1, MatchedBy::ShortName));
    }

    #[test]
    fn an_address_has_no_short_name() {
        let places = inventory(vec![device(11, "10", "", &[1])]);
        assert_eq!(places.find("10.0.0.1"), Place::UnknownHost);
        assert_eq!(places.find("10"), Place::Rack(11, 1, MatchedBy::Name));
        assert_eq!(places.find("fe80::1"), Place::UnknownHost);
    }

    #[test]
    fn a_virtual_machine_stands_where_its_hypervisor_stands() {
        let inside = |id, name: &str, container_id| Device {
            container_id: Some(container_id),
            ..device(id, name, "", &[])
        };
        let places = inventory(vec![
            device(1, "chassis", "", &[4, 3]),
            inside(2, "blade", 1),
            inside(3, "vm", 2),
            inside(4, "loop-a", 5),
            inside(5, "loop-b", 4),
        ]);
        assert_eq!(places.find("vm"), Place::Rack(3, 3, MatchedBy::Name));
        assert_eq!(places.rack_of(2), Some(3));
        assert_eq!(places.find("loop-a").unplaced(), Some(Unplaced::NoRack));
    }

    #[test]
    fn nameless_devices_match_nothing() {
        let places = inventory(vec![device(1, "", "", &[1]), device(2, " ", "", &[1])]);
        assert_eq!(places.find(""), Place::UnknownHost);
        assert_eq!(places.find("."), Place::UnknownHost);
    }
}
