//! The floor: what stands where, by name and unit, looked up by id. Made once per inventory version.

use std::collections::HashMap;

use crate::inventory::{Device, DeviceId, Inventory, LocationId, RackId, RowId};
use crate::snapshot::ActiveEvent;

/// Containers inside containers are followed so far. A normalised inventory has no cycles; one of another version's
/// making need not be.
const DEEPEST: usize = 64;

/// The names of an inventory's places.
#[derive(Debug, Default)]
pub struct Floor {
    rows: Vec<RowPlace>,
    racks: HashMap<RackId, RackPlace>,
    devices: HashMap<DeviceId, DevicePlace>,
}

#[derive(Debug)]
struct RowPlace {
    id: RowId,
    name: String,
    /// From the row outwards.
    locations: Vec<(LocationId, String)>,
}

#[derive(Debug)]
struct RackPlace {
    name: String,
    /// Index into the floor's rows.
    row: Option<usize>,
    path: String,
}

#[derive(Debug)]
struct DevicePlace {
    name: String,
    /// Rack, lowest and highest unit of each mount that has units: its own or, without any, its container's.
    units: Vec<(RackId, u32, u32)>,
}

/// Where one event stands. Everything it does not know is absent: in the tray there is no rack, for a host that is no
/// device no name.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spot<'a> {
    device_id: Option<DeviceId>,
    rack_id: Option<RackId>,
    device: Option<&'a DevicePlace>,
    rack: Option<&'a RackPlace>,
    row: Option<&'a RowPlace>,
}

impl Floor {
    /// Indexes an inventory.
    pub fn new(inventory: &Inventory) -> Self {
        let locations: HashMap<LocationId, _> = inventory.locations.iter().map(|l| (l.id, l)).collect();
        let one_root = inventory.locations.iter().filter(|l| l.parent_id.is_none()).count() == 1;
        let row = |row: &crate::inventory::Row| {
            let mut around = Vec::new();
            let mut above = row.location_id;
            for _ in 0..locations.len() {
                let Some(location) = above.and_then(|id| locations.get(&id)) else { break };
                around.push((location.id, location.name.clone()));
                above = location.parent_id;
            }
            RowPlace { id: row.id, name: row.name.clone(), locations: around }
        };
        let rows: Vec<_> = inventory.rows.iter().map(row).collect();
        let index: HashMap<_, _> = rows.iter().enumerate().map(|(index, row)| (row.id, index)).collect();
        let rack = |rack: &crate::inventory::Rack| {
            let row = rack.row_id.and_then(|id| index.get(&id).copied());
            let path = path(&rack.name, row.and_then(|row| rows.get(row)), one_root);
            (rack.id, RackPlace { name: rack.name.clone(), row, path })
        };
        Self { racks: inventory.racks.iter().map(rack).collect(), devices: devices(&inventory.devices), rows }
    }

    /// Where an event stands.
    pub fn spot(&self, event: &ActiveEvent<'_>) -> Spot<'_> {
        let rack = event.rack_id.and_then(|id| self.racks.get(&id));
        Spot {
            device_id: event.device_id,
            rack_id: event.rack_id,
            device: event.device_id.and_then(|id| self.devices.get(&id)),
            rack,
            row: rack.and_then(|rack| self.rows.get(rack.row?)),
        }
    }

    /// `SAS / SAS-A / A01`. A root that all locations share says nothing and is left out, except for what stands in it
    /// directly.
    pub fn path(&self, rack: RackId) -> Option<&str> {
        self.racks.get(&rack).map(|rack| rack.path.as_str())
    }

    /// A device's name, or what is printed on it.
    pub fn device(&self, id: DeviceId) -> Option<&str> {
        self.devices.get(&id).map(|device| device.name.as_str())
    }
}

impl<'a> Spot<'a> {
    /// The names of the locations around the row, from the row outwards.
    pub fn locations(&self) -> impl Iterator<Item = &'a str> {
        self.row.into_iter().flat_map(|row| &row.locations).map(|(_, name)| name.as_str())
    }

    /// The row's name.
    pub fn row(&self) -> Option<&'a str> {
        self.row.map(|row| row.name.as_str())
    }

    /// The rack's name.
    pub fn rack(&self) -> Option<&'a str> {
        self.rack.map(|rack| rack.name.as_str())
    }

    /// [`Floor::path`] of the rack.
    pub fn path(&self) -> Option<&'a str> {
        self.rack.map(|rack| rack.path.as_str())
    }

    /// [`Floor::device`] of the device.
    pub fn device(&self) -> Option<&'a str> {
        self.device.map(|device| device.name.as_str())
    }

    /// Lowest and highest unit of each mount of the device, or of what contains it, in the event's rack.
    pub fn units(&self) -> impl Iterator<Item = (u32, u32)> {
        let rack = self.rack_id;
        let units = self.device.into_iter().flat_map(|device| &device.units);
        units.filter(move |(at, ..)| Some(*at) == rack).map(|(_, lowest, highest)| (*lowest, *highest))
    }

    /// The places around the event as notes name them, `device:513`, `rack:7`, `row:3`, `location:1`.
    pub fn names_for_notes(&self) -> impl Iterator<Item = String> {
        let named = |what: &'static str| move |id: u64| format!("{what}:{id}");
        let locations = self.row.into_iter().flat_map(|row| &row.locations).map(|(id, _)| *id);
        self.device_id
            .map(named("device"))
            .into_iter()
            .chain(self.rack_id.map(named("rack")))
            .chain(self.row.map(|row| row.id).map(named("row")))
            .chain(locations.map(named("location")))
    }
}

fn path(rack: &str, row: Option<&RowPlace>, one_root: bool) -> String {
    let mut path = vec![rack];
    if let Some(row) = row {
        path.push(&row.name);
        for (outwards, (_, name)) in row.locations.iter().enumerate() {
            let is_shared = one_root && outwards + 1 == row.locations.len() && path.len() > 2;
            path.extend((!is_shared).then_some(name.as_str()));
        }
    }
    path.reverse();
    path.join(" / ")
}

fn devices(devices: &[Device]) -> HashMap<DeviceId, DevicePlace> {
    let by_id: HashMap<_, _> = devices.iter().map(|device| (device.id, device)).collect();
    let place = |device: &Device| {
        let name = if device.name.is_empty() { &device.label } else { &device.name };
        let mounts = mounted(device, &by_id).into_iter().flat_map(|device| &device.mounts);
        let units = mounts.filter_map(|mount| {
            let lowest = mount.unit?;
            Some((mount.rack_id, lowest, lowest.saturating_add(mount.height.max(1) - 1)))
        });
        DevicePlace { name: name.clone(), units: units.collect() }
    };
    devices.iter().map(|device| (device.id, place(device))).collect()
}

/// The device or, if it is mounted nowhere itself, the nearest around it that is.
fn mounted<'a>(device: &'a Device, by_id: &HashMap<DeviceId, &'a Device>) -> Option<&'a Device> {
    let around = |device: &&Device| by_id.get(&device.container_id?).copied();
    let mut outwards = std::iter::successors(Some(device), around).take(DEEPEST);
    outwards.find(|device| !device.mounts.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Floor {
        let mut inventory: Inventory =
            serde_json::from_str(include_str!("../examples/inventory.json")).unwrap();
        inventory.normalise();
        Floor::new(&inventory)
    }

    fn event(device: DeviceId, rack: RackId) -> ActiveEvent<'static> {
        ActiveEvent { device_id: Some(device), rack_id: Some(rack), ..ActiveEvent::default() }
    }

    #[test]
    fn a_rack_is_named_by_its_way_from_the_outside_without_the_root_all_share() {
        let floor = example();
        assert_eq!(floor.path(3), Some("SAS / SAS-A / A01"));
        assert_eq!(floor.path(31), Some("Spare / S01"));
        assert_eq!(floor.path(999), None);
    }

    #[test]
    fn what_is_inside_another_device_has_the_units_of_that_one() {
        let floor = example();
        let units = |device, rack| floor.spot(&event(device, rack)).units().collect::<Vec<_>>();
        assert_eq!(units(515, 4), [(1, 10)], "a blade in its chassis");
        assert_eq!(units(518, 3), [(12, 12)], "a virtual machine on its hypervisor");
        assert_eq!(units(517, 5), [(42, 42)], "of a device in two racks the unit in this one");
        assert_eq!(units(516, 3), [], "beside the units");
    }

    #[test]
    fn a_spot_names_everything_around_it() {
        let floor = example();
        let spot_of = event(513, 3);
        let spot = floor.spot(&spot_of);
        assert_eq!(spot.locations().collect::<Vec<_>>(), ["SAS", "Europe"]);
        assert_eq!((spot.row(), spot.rack(), spot.device()), (Some("SAS-A"), Some("A01"), Some("srv-00001")));
        let names: Vec<_> = spot.names_for_notes().collect();
        assert_eq!(names, ["device:513", "rack:3", "row:2", "location:1", "location:9"]);
        let nowhere = ActiveEvent::default();
        assert_eq!(floor.spot(&nowhere).names_for_notes().count(), 0);
    }

    #[test]
    fn containers_that_contain_each_other_end_the_search() {
        let inside = |id, container_id| Device { id, container_id: Some(container_id), ..Device::default() };
        let devices = vec![inside(1, 2), inside(2, 1)];
        let floor = Floor::new(&Inventory { devices, ..Inventory::default() });
        assert_eq!(floor.spot(&event(1, 1)).units().count(), 0);
    }
}
