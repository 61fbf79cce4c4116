//! The generated world that the simulators monitor and the inventories describe.
//!
//! One [`World`] is written as the `file://` inventory in JSON ([`World::inventory_json`]) and CSV
//! ([`World::inventory_csv`]), as a `RackTables` database ([`crate::racktables::sql`]), and as the hosts of the simulated
//! Zabbix ([`World::hosts`]), so that a test can compare what was read with what was there. The same
//! [`Size`] and seed give the same world, byte for byte.
//!
//! The sites are SAS, VLA and IVA with two halls each. Every rack has a top-of-rack switch and two zero-U PDUs;
//! above that a rack computes, stores, routes, holds blade chassis, or virtualises. Some data is damaged in the
//! ways real inventories are: see [`World::damage`].

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt::Write as _;

use serde::Serialize;

use crate::racktables::automatic_tags;

/// How much to generate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Racks over the three data centres, without the damaged extras.
    pub racks: u32,
    /// Devices in those racks (blades and virtual machines count), without the damaged extras.
    pub devices: u32,
}

impl Size {
    /// What the demonstration shows.
    pub const DEMO: Self = Self { racks: 240, devices: 5_000 };
    /// What the benches place events on.
    pub const BENCH: Self = Self { racks: 2_000, devices: 50_000 };
    /// Enough to have every kind of device in a test that must be quick.
    pub const SMALL: Self = Self { racks: 24, devices: 480 };
}

/// What the site's RackCode defines.
pub const PREDICATES: &str = "define [production] {prod} and not {test}\n";

/// A data centre, or a hall in one.
#[derive(Debug, Clone, Serialize)]
pub struct Location {
    /// Unique among all entities of the world.
    pub id: u64,
    /// `SAS`, or `SAS-1` for a hall.
    pub name: String,
    /// The data centre of a hall.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent_id: Option<u64>,
}

/// A row of racks. Names repeat from hall to hall.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// Unique among all entities of the world.
    pub id: u64,
    /// `A`, `B`, …
    pub name: String,
    /// The hall; a damaged row has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location_id: Option<u64>,
}

/// A rack.
#[derive(Debug, Clone, Serialize)]
pub struct Rack {
    /// Unique among all entities of the world.
    pub id: u64,
    /// `A01`; repeats from hall to hall.
    pub name: String,
    /// The row; a damaged rack has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub row_id: Option<u64>,
    /// In units; where nobody filled it in, the highest unit that is used.
    pub height: u32,
    /// Place in its row, from 1; a missing number is a gap.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<u32>,
    /// Whether its units are shown numbered from the top.
    #[serde(skip_serializing_if = "is_false")]
    pub reversed: bool,
    /// The asset tag.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub asset_no: String,
    /// Free text.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub comment: String,
    /// `RackTables`' own mark, set by hand.
    #[serde(skip_serializing_if = "is_false")]
    pub has_problems: bool,
    /// Explicit tags; the inventory adds the tags above them (see [`parent_tag`]).
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "with_ancestors")]
    pub tags: Vec<String>,
}

/// What a device is: a name and a key of `RackTables`' dictionary of types.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A machine, in a rack or in a chassis.
    Server,
    /// A router.
    Router,
    /// A network switch.
    Switch,
    /// A power strip, mounted on the rack beside the units.
    Pdu,
    /// A patch panel: not monitored.
    PatchPanel,
    /// A blade chassis.
    Chassis,
    /// A virtual machine.
    Vm,
    /// A type that the site has added to the stock ones.
    Custom,
}

impl Kind {
    /// Every kind, for writing the dictionary.
    pub const ALL: [Self; 8] = [
        Self::Server,
        Self::Router,
        Self::Switch,
        Self::Pdu,
        Self::PatchPanel,
        Self::Chassis,
        Self::Vm,
        Self::Custom,
    ];

    /// The name as `RackTables` shows it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Server => "Server",
            Self::Router => "Router",
            Self::Switch => "Network switch",
            Self::Pdu => "PDU",
            Self::PatchPanel => "PatchPanel",
            Self::Chassis => "Server chassis",
            Self::Vm => "VM",
            Self::Custom => "Система охлаждения",
        }
    }

    /// The key in chapter 1 of `RackTables`' dictionary; those above 50,000 are a site's own.
    #[must_use]
    pub fn dict_key(self) -> u32 {
        match self {
            Self::Server => 4,
            Self::Router => 7,
            Self::Switch => 8,
            Self::Pdu => 2,
            Self::PatchPanel => 9,
            Self::Chassis => 1502,
            Self::Vm => 1504,
            Self::Custom => 50_017,
        }
    }
}

impl Serialize for Kind {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// A model of hardware: as it is shown, and as `RackTables`' dictionary writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Hw {
    /// `Dell PowerEdge R640`.
    pub shown: &'static str,
    /// The same with `RackTables`' markup: `Dell PowerEdge%GPASS%R640`.
    pub marked_up: &'static str,
}

impl Hw {
    const fn new(shown: &'static str, marked_up: &'static str) -> Self {
        Self { shown, marked_up }
    }
}

impl Serialize for Hw {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.shown)
    }
}

const R640: Hw = Hw::new("Dell PowerEdge R640", "Dell PowerEdge%GPASS%R640");
const DL360: Hw = Hw::new(
    "HP ProLiant DL360 Gen10",
    "[[HP ProLiant%GPASS%DL360 Gen10 | https://support.example.net/dl360]]",
);
const WHITEBOX: Hw = Hw::new("Whitebox 1U", "noname/unknown%GSKIP%Whitebox 1U");
const STORAGE: Hw = Hw::new("Supermicro SSG-6049P", "[[Supermicro%GPASS%SSG-6049P]]");
const C7000: Hw = Hw::new("HP BladeSystem c7000", "HP BladeSystem%GPASS%c7000%L2,8V%");
const BL460: Hw = Hw::new("HP ProLiant BL460c", "HP ProLiant%GPASS%BL460c");
const QFX: Hw =
    Hw::new("Juniper QFX5120-48Y", "[[Juniper%GPASS%QFX5120-48Y | https://www.example.net/qfx?a=1%20b|c]]");
const MX: Hw = Hw::new("Juniper MX480", "Routers%GSKIP%Juniper%GPASS%MX480%L8,1H%");
const PDU: Hw = Hw::new("APC AP8853", "APC%GPASS%AP8853");
const COOLER: Hw = Hw::new("Мороз-2000", "Мороз-2000");

/// Every model of hardware in a world, for writing the dictionary.
pub const HARDWARE: [Hw; 10] = [R640, DL360, WHITEBOX, STORAGE, C7000, BL460, QFX, MX, PDU, COOLER];

/// A run of units of one rack that a device takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mount {
    /// The rack.
    pub rack_id: u64,
    /// The lowest unit, 1 = bottom of the rack; none: mounted on the rack beside the units (zero-U).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<u32>,
    /// How many units.
    #[serde(skip_serializing_if = "is_one")]
    pub height: u32,
    /// Bits: 1 front, 2 interior, 4 rear.
    #[serde(skip_serializing_if = "is_all_atoms")]
    pub atoms: u8,
}

/// A device: anything that is not a rack, a row or a location.
#[derive(Debug, Clone, Serialize)]
pub struct Device {
    /// Unique among all entities of the world.
    pub id: u64,
    /// The common name; a damaged device has none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The visible label.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub label: String,
    /// The type.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// The model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hw: Option<Hw>,
    /// The FQDN attribute.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub fqdn: String,
    /// The asset tag.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub asset_no: String,
    /// The serial number.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub serial: String,
    /// `RackTables`' own mark, set by hand.
    #[serde(skip_serializing_if = "is_false")]
    pub has_problems: bool,
    /// Explicit tags; the inventory adds the tags above them (see [`parent_tag`]).
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "with_ancestors")]
    pub tags: Vec<String>,
    /// What `RackTables` computes of its own tables; see [`crate::racktables::automatic_tags`].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub automatic_tags: Vec<String>,
    /// The chassis of a blade, the hypervisor of a virtual machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container_id: Option<u64>,
    /// Where it is mounted itself.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mounts: Vec<Mount>,
}

/// The tag that a tag implies: tags are a tree, two levels deep here.
#[must_use]
pub fn parent_tag(tag: &str) -> Option<&'static str> {
    let teams: &[&str] = &TEAMS;
    match tag {
        "prod" | "test" => Some("environment"),
        tag if teams.contains(&tag) => Some("team"),
        _ => None,
    }
}

fn with_ancestors<S: serde::Serializer>(tags: &[String], serializer: S) -> Result<S::Ok, S::Error> {
    let with_parent = |tag: &'_ String| [Some(tag.clone()), parent_tag(tag).map(str::to_owned)];
    let all: BTreeSet<String> = tags.iter().flat_map(with_parent).flatten().collect();
    serializer.collect_seq(all)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(value: &bool) -> bool {
    !*value
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_one(value: &u32) -> bool {
    *value == 1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_all_atoms(value: &u8) -> bool {
    *value == ALL_ATOMS
}

/// Front, interior and rear.
pub const ALL_ATOMS: u8 = 7;

/// The ids of what is damaged, by the kind of damage; everything else in a world is in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Damage {
    /// A rack that belongs to no row.
    pub rack_without_row: u64,
    /// A row that belongs to no location.
    pub row_without_location: u64,
    /// A rack whose height nobody filled in (its devices reach unit 10; the inventory says 10, the database nothing).
    pub rack_without_height: u64,
    /// Devices without a name.
    pub nameless: Vec<u64>,
    /// Two devices with one and the same name.
    pub same_name: [u64; 2],
    /// A device that is mounted in two racks.
    pub in_two_racks: u64,
    /// A device that takes units that do not touch.
    pub scattered: u64,
    /// One unit, one device in front and another behind it.
    pub front_and_rear: [u64; 2],
    /// Two devices that contain each other.
    pub container_cycle: [u64; 2],
    /// A device that stands nowhere.
    pub unmounted: u64,
    /// A device of a type the site has added.
    pub custom_type: u64,
    /// A device one of whose units is above its rack (only in the database: the inventory leaves that unit out).
    pub above_height: u64,
}

/// A host as the monitoring system knows a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// The technical name: mostly the FQDN, sometimes the short name, or the short name in another domain.
    pub host: String,
    /// The device it runs on.
    pub device_id: u64,
}

/// Three data centres and all that stands in them.
#[derive(Debug, Clone, Serialize)]
pub struct World {
    format: u32,
    /// Data centres, then halls.
    pub locations: Vec<Location>,
    /// By id.
    pub rows: Vec<Row>,
    /// By id.
    pub racks: Vec<Rack>,
    /// By id.
    pub devices: Vec<Device>,
    /// The predicates of its RackCode.
    rackcode: &'static str,
    /// What is wrong with it.
    #[serde(skip)]
    pub damage: Damage,
    #[serde(skip)]
    rack_of: HashMap<u64, u64>,
    #[serde(skip)]
    in_rack: BTreeMap<u64, Vec<u64>>,
}

impl World {
    /// Generates a world of `size`; the same arguments give the same world.
    #[must_use]
    pub fn generate(size: Size, seed: u64) -> Self {
        let mut builder = Builder::new(seed);
        builder.build(size);
        builder.damage();
        builder.finish()
    }

    /// The world of the demonstration.
    #[must_use]
    pub fn demo() -> Self {
        Self::generate(Size::DEMO, 1)
    }

    /// The inventory as the `file://` JSON document.
    ///
    /// # Panics
    /// Never: nothing in a world is beyond JSON.
    #[must_use]
    #[expect(clippy::expect_used, reason = "the document has no map with keys other than strings")]
    pub fn inventory_json(&self) -> String {
        serde_json::to_string(self).expect("an inventory is always JSON")
    }

    /// The inventory as the `file://` CSV table `location,row,rack,height,unit,device`: one line a device and unit,
    /// the location a path (`SAS/SAS-1`), `height` the rack's, the unit empty for zero-U. A rack without devices has
    /// one line with the last two fields empty. The table cannot say more; devices without a name are left out.
    #[must_use]
    pub fn inventory_csv(&self) -> String {
        let mut csv = String::from("location,row,rack,height,unit,device\n");
        let rows: HashMap<u64, &Row> = self.rows.iter().map(|row| (row.id, row)).collect();
        for rack in &self.racks {
            let row = rack.row_id.and_then(|id| rows.get(&id));
            let location = row.map(|row| self.location_path(row)).unwrap_or_default().join("/");
            let row = row.map_or("", |row| row.name.as_str());
            let place =
                format!("{},{},{},{}", quoted(&location), quoted(row), quoted(&rack.name), rack.height);
            let mut empty = true;
            for device in self.devices_of_rack(rack.id).filter(|device| !device.name.is_empty()) {
                for unit in self.units(device, rack.id) {
                    empty = false;
                    let unit = unit.map(|unit| unit.to_string()).unwrap_or_default();
                    let _ = writeln!(csv, "{place},{unit},{}", quoted(&device.name));
                }
            }
            if empty {
                let _ = writeln!(csv, "{place},,");
            }
        }
        csv
    }

    /// The units a device takes in a rack, its container's where it has none itself; one `None` for zero-U.
    fn units(&self, device: &Device, rack_id: u64) -> Vec<Option<u32>> {
        let mut at = device;
        for _ in 0..8 {
            let units: Vec<Option<u32>> = at
                .mounts
                .iter()
                .filter(|mount| mount.rack_id == rack_id)
                .flat_map(|mount| match mount.unit {
                    None => vec![None],
                    Some(unit) => (unit..unit + mount.height).map(Some).collect(),
                })
                .collect();
            if !units.is_empty() {
                return units;
            }
            match at.container_id.and_then(|id| self.device(id)) {
                Some(container) => at = container,
                None => break,
            }
        }
        Vec::new()
    }

    /// The device with that id.
    #[must_use]
    pub fn device(&self, id: u64) -> Option<&Device> {
        self.devices.binary_search_by_key(&id, |device| device.id).ok().and_then(|at| self.devices.get(at))
    }

    /// The rack with that id.
    #[must_use]
    pub fn rack(&self, id: u64) -> Option<&Rack> {
        self.racks.binary_search_by_key(&id, |rack| rack.id).ok().and_then(|at| self.racks.get(at))
    }

    /// The rack a device stands in: its own (the smallest id of several), else its container's; none if unmounted.
    #[must_use]
    pub fn rack_of(&self, device_id: u64) -> Option<u64> {
        self.rack_of.get(&device_id).copied()
    }

    /// Everything that stands in a rack, blades and virtual machines included.
    pub fn devices_of_rack(&self, rack_id: u64) -> impl Iterator<Item = &Device> {
        self.in_rack.get(&rack_id).into_iter().flatten().filter_map(|id| self.device(*id))
    }

    /// `SAS/SAS-1/A/A01`: for people.
    #[must_use]
    pub fn rack_path(&self, rack_id: u64) -> String {
        let Some(rack) = self.rack(rack_id) else { return String::new() };
        let row = rack.row_id.and_then(|id| self.row(id));
        let mut path = row.map(|row| self.location_path(row)).unwrap_or_default();
        path.extend(row.map(|row| row.name.as_str()));
        path.push(&rack.name);
        path.join("/")
    }

    /// The data centre a rack stands in (`SAS`), or an empty string for a rack without one.
    #[must_use]
    pub fn centre_of_rack(&self, rack_id: u64) -> &str {
        let row = self.rack(rack_id).and_then(|rack| rack.row_id).and_then(|id| self.row(id));
        row.and_then(|row| self.location_path(row).first().copied()).unwrap_or_default()
    }

    fn row(&self, id: u64) -> Option<&Row> {
        self.rows.binary_search_by_key(&id, |row| row.id).ok().and_then(|at| self.rows.get(at))
    }

    /// The names from the data centre down to the hall of a row.
    fn location_path(&self, row: &Row) -> Vec<&str> {
        let mut path = Vec::new();
        let mut at = row.location_id;
        while let Some(location) = at.and_then(|id| self.locations.iter().find(|known| known.id == id)) {
            path.push(location.name.as_str());
            at = location.parent_id;
        }
        path.reverse();
        path
    }

    /// The monitored devices under the names the monitoring system knows them by. Patch panels, and devices without
    /// a name, are not monitored.
    pub fn hosts(&self) -> impl Iterator<Item = Host> {
        self.devices
            .iter()
            .filter(|device| device.kind != Kind::PatchPanel && !device.name.is_empty())
            .filter(|device| !self.damage.same_name.contains(&device.id))
            .map(|device| Host { host: monitored_name(device), device_id: device.id })
    }

    /// The name the monitoring system knows a device by; see [`World::hosts`].
    #[must_use]
    pub fn host_of(&self, device_id: u64) -> Option<String> {
        self.device(device_id).map(monitored_name)
    }
}

/// Four ways in which two systems name one machine, so that every step of the matching is needed.
fn monitored_name(device: &Device) -> String {
    if device.fqdn.is_empty() {
        return device.name.clone();
    }
    match Rng(device.id).next() % 20 {
        0..=3 => device.name.clone(),
        4 => device.fqdn.to_uppercase(),
        5 => format!("{}.mgmt.example.net", device.name),
        _ => device.fqdn.clone(),
    }
}

fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

/// `SplitMix64`: small, fast, and the same on every platform and in every version.
#[derive(Debug, Clone)]
pub(crate) struct Rng(pub(crate) u64);

impl Rng {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Less than `bound`, which is not 0.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    pub(crate) fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        let at = self.below(of.len() as u64);
        &of[usize::try_from(at).unwrap_or(0)]
    }
}

struct Builder {
    rng: Rng,
    next_id: u64,
    locations: Vec<Location>,
    rows: Vec<Row>,
    racks: Vec<Rack>,
    devices: Vec<Device>,
    damage: Damage,
    numbers: HashMap<String, u32>,
}

/// What the rack under construction offers.
struct Site {
    rack_id: u64,
    /// `sas1`: centre and hall, as the names of its devices begin.
    hall: String,
    /// `sas1-a01`.
    prefix: String,
    domain: String,
    env: &'static str,
    free_from: u32,
    free_to: u32,
    quota: u32,
}

const TEAMS: [&str; 5] = ["search", "mail", "maps", "поиск", "cloud"];

impl Builder {
    fn new(seed: u64) -> Self {
        Self {
            rng: Rng(seed),
            next_id: 1,
            locations: Vec::new(),
            rows: Vec::new(),
            racks: Vec::new(),
            devices: Vec::new(),
            damage: Damage::default(),
            numbers: HashMap::new(),
        }
    }

    fn id(&mut self) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        id
    }

    fn build(&mut self, size: Size) {
        let centres: Vec<u64> = ["SAS", "VLA", "IVA"].map(|name| self.location(name, None)).to_vec();
        let halls: Vec<(u64, String)> = (0..6usize)
            .map(|at| {
                let centre = ["SAS", "VLA", "IVA"][at / 2];
                let name = format!("{centre}-{}", at % 2 + 1);
                (self.location(&name, Some(centres[at / 2])), name)
            })
            .collect();
        let hall_count = 6;
        let per_row = if size.racks <= 600 { 10 } else { 20 };
        let mut placed = 0;
        let mut devices_so_far = 0;
        for (hall_at, (hall, hall_name)) in halls.iter().enumerate() {
            let here = share(size.racks, hall_count, u32::try_from(hall_at).unwrap_or(0));
            let mut row = 0;
            for number in 0..here {
                if number % per_row == 0 {
                    let id = self.id();
                    let name = row_name(number / per_row);
                    self.rows.push(Row { id, name, location_id: Some(*hall) });
                    row = id;
                }
                placed += 1;
                // The n-th rack brings the sum to n/racks of the whole, so that the total is exact; every third
                // rack is filled less and its neighbour more.
                let mean = u64::from(size.devices) * u64::from(placed) / u64::from(size.racks.max(1));
                let lean = if placed % 3 == 1 && placed < size.racks { mean.saturating_sub(6) } else { mean };
                let upto = u32::try_from(lean).unwrap_or(u32::MAX).max(devices_so_far);
                let quota = upto - devices_so_far;
                devices_so_far = upto;
                self.rack(row, hall_name, &row_name(number / per_row), number % per_row + 1, quota);
            }
        }
    }

    fn location(&mut self, name: &str, parent_id: Option<u64>) -> u64 {
        let id = self.id();
        self.locations.push(Location { id, name: name.to_owned(), parent_id });
        id
    }

    fn rack(&mut self, row: u64, hall: &str, row_name: &str, position: u32, quota: u32) {
        let id = self.id();
        let height = *self.rng.pick(&[42, 42, 42, 45, 47, 48]);
        let name = format!("{row_name}{position:02}");
        let env = *self.rng.pick(&["prod", "prod", "prod", "test"]);
        let hall = hall.to_lowercase().replace('-', "");
        let centre: String = hall.chars().take_while(char::is_ascii_alphabetic).collect();
        // Position 5 of a row is sometimes a column of the building: a gap.
        let after_gap = u32::from(position > 4 && row.is_multiple_of(3));
        let rack = Rack {
            id,
            name: name.clone(),
            row_id: Some(row),
            height,
            position: Some(position + after_gap),
            reversed: id.is_multiple_of(16),
            asset_no: format!("RK-{id:06}"),
            comment: if id.is_multiple_of(40) {
                "Ключ у охраны; двери снять".to_owned()
            } else {
                String::new()
            },
            has_problems: id.is_multiple_of(97),
            tags: if id.is_multiple_of(16) {
                vec![env.to_owned(), "reversed".to_owned()]
            } else {
                vec![env.to_owned()]
            },
        };
        self.racks.push(rack);
        let site = Site {
            rack_id: id,
            prefix: format!("{hall}-{}", name.to_lowercase()),
            domain: format!("{centre}.example.net"),
            hall,
            env,
            free_from: 1,
            free_to: height,
            quota,
        };
        self.fill(site);
    }

    fn fill(&mut self, mut site: Site) {
        let (rack_id, prefix) = (site.rack_id, site.prefix.clone());
        if site.quota >= 4 {
            for number in 1..=2 {
                let mounts = vec![Mount { rack_id, unit: None, height: 1, atoms: ALL_ATOMS }];
                self.device(&mut site, Kind::Pdu, &format!("{prefix}-pdu{number}"), PDU, mounts, None);
            }
            let top = site.free_to;
            site.free_to -= 1;
            let mounts = vec![Mount { rack_id, unit: Some(top), height: 1, atoms: ALL_ATOMS }];
            self.device(&mut site, Kind::Switch, &format!("{prefix}-sw1"), QFX, mounts, None);
        }
        match self.rng.below(10) {
            0 => self.fill_with_network(&mut site),
            1 | 2 => self.fill_with_blades(&mut site),
            3 => self.fill_with_storage(&mut site),
            4 | 5 => self.fill_with_hypervisors(&mut site),
            _ => {}
        }
        self.fill_with_servers(&mut site);
        // A rack too small for its quota has the rest as virtual machines of its last machine.
        let last = self.devices.last().map(|device| device.id);
        while site.quota > 0 {
            self.virtual_machine(&mut site, last);
        }
    }

    fn fill_with_network(&mut self, site: &mut Site) {
        for number in 1..=2 {
            if let Some(mounts) = site.take(8, ALL_ATOMS) {
                let name = format!("{}-r{number}", site.prefix);
                self.device(site, Kind::Router, &name, MX, mounts, None);
            }
        }
        for number in 1..=3 {
            // A panel takes the front of its unit only.
            if let Some(mounts) = site.take(1, 1) {
                let name = format!("{}-pp{number}", site.prefix);
                self.device(site, Kind::PatchPanel, &name, COOLER, mounts, None);
            }
        }
    }

    fn fill_with_blades(&mut self, site: &mut Site) {
        for number in 1..=2 {
            if site.quota < 4 {
                return;
            }
            let Some(mounts) = site.take(10, ALL_ATOMS) else { return };
            let name = format!("{}-bc{number}", site.prefix);
            let Some(chassis) = self.device(site, Kind::Chassis, &name, C7000, mounts, None) else { return };
            let mut blade = None;
            for _ in 0..8 {
                let name = self.machine_name(site);
                blade = self.device(site, Kind::Server, &name, BL460, Vec::new(), Some(chassis)).or(blade);
            }
            // Two levels deep: a machine on a blade in a chassis.
            if blade.is_some() {
                self.virtual_machine(site, blade);
            }
        }
    }

    fn fill_with_storage(&mut self, site: &mut Site) {
        while site.quota > 4 {
            let Some(mounts) = site.take(4, ALL_ATOMS) else { return };
            let name = self.machine_name(site);
            self.device(site, Kind::Server, &name, STORAGE, mounts, None);
        }
    }

    fn fill_with_hypervisors(&mut self, site: &mut Site) {
        for _ in 0..3 {
            if site.quota < 5 {
                return;
            }
            let Some(mounts) = site.take(2, ALL_ATOMS) else { return };
            let name = self.machine_name(site);
            let hypervisor = self.device(site, Kind::Server, &name, R640, mounts, None);
            for _ in 0..4 {
                self.virtual_machine(site, hypervisor);
            }
        }
    }

    fn fill_with_servers(&mut self, site: &mut Site) {
        while site.quota > 0 {
            let height = if self.rng.below(4) == 0 { 2 } else { 1 };
            let Some(mounts) = site.take(height, ALL_ATOMS) else { return };
            let hw = *self.rng.pick(&[R640, DL360, WHITEBOX]);
            let name = self.machine_name(site);
            self.device(site, Kind::Server, &name, hw, mounts, None);
        }
    }

    fn machine_name(&mut self, site: &Site) -> String {
        let number = self.numbers.entry(site.hall.clone()).or_default();
        *number += 1;
        format!("{}-{number:04}", site.hall)
    }

    fn virtual_machine(&mut self, site: &mut Site, on: Option<u64>) {
        let number = self.numbers.entry("vm".to_owned()).or_default();
        *number += 1;
        let name = format!("vm-{number:05}");
        self.device(site, Kind::Vm, &name, R640, Vec::new(), on);
    }

    /// Adds a device if the rack's quota allows one more.
    fn device(
        &mut self,
        site: &mut Site,
        kind: Kind,
        name: &str,
        hw: Hw,
        mounts: Vec<Mount>,
        container_id: Option<u64>,
    ) -> Option<u64> {
        if site.quota == 0 {
            return None;
        }
        site.quota -= 1;
        let id = self.id();
        let physical = kind != Kind::Vm;
        let team = *self.rng.pick(&TEAMS);
        self.devices.push(Device {
            id,
            name: name.to_owned(),
            label: if id.is_multiple_of(9) { format!("Полка {}", id % 7 + 1) } else { String::new() },
            kind,
            hw: (physical && kind != Kind::PatchPanel).then_some(hw),
            fqdn: match kind {
                Kind::PatchPanel => String::new(),
                Kind::Vm => format!("{name}.vm.example.net"),
                _ => format!("{name}.{}", site.domain),
            },
            asset_no: if physical { format!("AT-{id:06}") } else { String::new() },
            serial: if physical {
                format!("SN{:010X}", Rng(id).next() & 0xff_ffff_ffff)
            } else {
                String::new()
            },
            has_problems: id.is_multiple_of(211),
            tags: vec![site.env.to_owned(), team.to_owned()],
            automatic_tags: Vec::new(),
            container_id,
            mounts,
        });
        Some(id)
    }

    /// A device beside the quotas, in no rack yet.
    fn odd(&mut self, name: &str, mounts: Vec<Mount>) -> u64 {
        let id = self.id();
        self.devices.push(Device {
            id,
            name: name.to_owned(),
            label: String::new(),
            kind: Kind::Server,
            hw: Some(WHITEBOX),
            fqdn: String::new(),
            asset_no: String::new(),
            serial: String::new(),
            has_problems: false,
            tags: Vec::new(),
            automatic_tags: Vec::new(),
            container_id: None,
            mounts,
        });
        id
    }

    /// One of each thing that is wrong in real inventories, in racks of their own, so that the rest stays in order.
    fn damage(&mut self) {
        let row_without_location = self.id();
        self.rows.push(Row { id: row_without_location, name: "Склад".to_owned(), location_id: None });
        let [orphan, plain, flat] = [
            self.odd_rack("X01", None, 42),
            self.odd_rack("X02", Some(row_without_location), 42),
            self.odd_rack("X03", Some(row_without_location), 10),
        ];
        let mount = |rack_id, unit, height, atoms| Mount { rack_id, unit: Some(unit), height, atoms };
        let nameless = vec![
            self.odd("", vec![mount(orphan, 1, 1, ALL_ATOMS)]),
            self.odd("", vec![mount(orphan, 2, 1, 1)]),
        ];
        let same_name = [
            self.odd("twin-01", vec![mount(orphan, 3, 1, ALL_ATOMS)]),
            self.odd("twin-01", vec![mount(plain, 3, 1, ALL_ATOMS)]),
        ];
        let in_two_racks =
            self.odd("stretched-01", vec![mount(orphan, 10, 2, ALL_ATOMS), mount(plain, 10, 2, ALL_ATOMS)]);
        let scattered =
            self.odd("scattered-01", vec![mount(plain, 20, 2, ALL_ATOMS), mount(plain, 25, 1, ALL_ATOMS)]);
        let front_and_rear = [
            self.odd("front-01", vec![mount(plain, 30, 1, 1)]),
            self.odd("rear-01", vec![mount(plain, 30, 1, 4)]),
        ];
        let cycle = [self.odd("ouroboros-01", Vec::new()), self.odd("ouroboros-02", Vec::new())];
        let unmounted = self.odd("spare-01", Vec::new());
        let custom_type = self.odd("кондиционер-01", vec![mount(plain, 36, 4, 2)]);
        let above_height = self.odd("tall-01", vec![mount(plain, 42, 1, ALL_ATOMS)]);
        let at_ten = self.odd("flat-01", vec![mount(flat, 9, 2, ALL_ATOMS)]);
        for device in &mut self.devices {
            if device.id == unmounted {
                // "Склад" that went through latin1 once.
                "Ð¡ÐºÐ»Ð°Ð´".clone_into(&mut device.label);
            } else if device.id == cycle[0] {
                device.container_id = Some(cycle[1]);
            } else if device.id == cycle[1] {
                device.container_id = Some(cycle[0]);
            } else if device.id == custom_type {
                device.kind = Kind::Custom;
                device.hw = Some(COOLER);
                "cooler-01.sas.example.net".clone_into(&mut device.fqdn);
            } else if device.id == at_ten {
                "flat-01.sas.example.net".clone_into(&mut device.fqdn);
            }
        }
        self.damage = Damage {
            rack_without_row: orphan,
            row_without_location,
            rack_without_height: flat,
            nameless,
            same_name,
            in_two_racks,
            scattered,
            front_and_rear,
            container_cycle: cycle,
            unmounted,
            custom_type,
            above_height,
        };
    }

    fn odd_rack(&mut self, name: &str, row_id: Option<u64>, height: u32) -> u64 {
        let id = self.id();
        self.racks.push(Rack {
            id,
            name: name.to_owned(),
            row_id,
            height,
            position: None,
            reversed: false,
            asset_no: String::new(),
            comment: String::new(),
            has_problems: false,
            tags: Vec::new(),
        });
        id
    }

    fn finish(mut self) -> World {
        for device in &mut self.devices {
            device.automatic_tags = automatic_tags(device);
        }
        let by_id: HashMap<u64, &Device> = self.devices.iter().map(|device| (device.id, device)).collect();
        let mut rack_of = HashMap::new();
        let mut in_rack: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
        for device in &self.devices {
            let mut at = device;
            let mut seen = HashSet::from([device.id]);
            let place = loop {
                let own: HashSet<u64> = at.mounts.iter().map(|mount| mount.rack_id).collect();
                if !own.is_empty() {
                    break own;
                }
                match at.container_id.filter(|id| seen.insert(*id)).and_then(|id| by_id.get(&id)) {
                    Some(container) => at = container,
                    None => break own,
                }
            };
            if let Some(first) = place.iter().min() {
                rack_of.insert(device.id, *first);
            }
            for rack in place {
                in_rack.entry(rack).or_default().push(device.id);
            }
        }
        World {
            format: 1,
            locations: self.locations,
            rows: self.rows,
            racks: self.racks,
            devices: self.devices,
            rackcode: PREDICATES,
            damage: self.damage,
            rack_of,
            in_rack,
        }
    }
}

impl Site {
    /// The next `height` units from the bottom, if there are so many left and the quota has room.
    fn take(&mut self, height: u32, atoms: u8) -> Option<Vec<Mount>> {
        if self.quota == 0 || self.free_from + height > self.free_to + 1 {
            return None;
        }
        let unit = self.free_from;
        self.free_from += height;
        Some(vec![Mount { rack_id: self.rack_id, unit: Some(unit), height, atoms }])
    }
}

/// The `at`-th of `parts` nearly equal shares of `whole`.
fn share(whole: u32, parts: u32, at: u32) -> u32 {
    whole * (at + 1) / parts - whole * at / parts
}

/// `A` … `Z`, `AA` …
fn row_name(at: u32) -> String {
    let letter = char::from(b'A' + u8::try_from(at % 26).unwrap_or(0));
    if at < 26 { letter.to_string() } else { format!("A{letter}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_size_and_seed_give_the_same_world() {
        let (one, other) = (World::generate(Size::SMALL, 7), World::generate(Size::SMALL, 7));
        assert_eq!(one.inventory_json(), other.inventory_json());
        assert_ne!(one.inventory_json(), World::generate(Size::SMALL, 8).inventory_json());
    }

    #[test]
    fn a_world_has_the_size_that_was_asked_for_beside_its_damage() {
        for size in [Size::SMALL, Size::DEMO, Size::BENCH] {
            let world = World::generate(size, 1);
            let odd = World::generate(Size { racks: 0, devices: 0 }, 1);
            assert_eq!(world.racks.len() - odd.racks.len(), size.racks as usize);
            assert_eq!(world.devices.len() - odd.devices.len(), size.devices as usize);
        }
    }

    #[test]
    fn no_two_devices_take_one_atom_of_one_unit_and_none_stands_outside_its_rack() {
        let world = World::demo();
        let mut taken = HashSet::new();
        for device in &world.devices {
            for mount in &device.mounts {
                let Some(unit) = mount.unit else { continue };
                for unit in unit..unit + mount.height {
                    let rack = world.rack(mount.rack_id).unwrap();
                    assert!(unit <= rack.height, "{} in {}", device.name, rack.name);
                    for atom in [1, 2, 4].into_iter().filter(|atom| mount.atoms & atom != 0) {
                        assert!(taken.insert((mount.rack_id, unit, atom)), "{} collides", device.name);
                    }
                }
            }
        }
    }

    #[test]
    fn names_and_asset_tags_are_unique_but_for_the_twins() {
        let world = World::demo();
        let mut names = HashSet::new();
        let mut assets = HashSet::new();
        for device in world.devices.iter().filter(|device| !device.name.is_empty()) {
            let fresh = names.insert(&device.name);
            assert_eq!(!fresh, device.id == world.damage.same_name[1], "{}", device.name);
        }
        let tags = world.devices.iter().map(|d| &d.asset_no).chain(world.racks.iter().map(|r| &r.asset_no));
        for asset in tags.filter(|asset| !asset.is_empty()) {
            assert!(assets.insert(asset), "{asset} twice");
        }
    }

    #[test]
    fn blades_and_virtual_machines_stand_where_their_container_stands() {
        let world = World::demo();
        let vm = world
            .devices
            .iter()
            .find(|device| {
                let on = device.container_id.and_then(|id| world.device(id));
                device.kind == Kind::Vm && on.is_some_and(|blade| blade.container_id.is_some())
            })
            .expect("a machine on a blade");
        let blade = vm.container_id.unwrap();
        let chassis = world.device(blade).unwrap().container_id.unwrap();
        assert_eq!(world.rack_of(vm.id), Some(world.device(chassis).unwrap().mounts[0].rack_id));
        assert_eq!(world.rack_of(world.damage.container_cycle[0]), None);
    }

    #[test]
    fn the_csv_table_has_a_line_for_every_unit_of_every_named_device() {
        let world = World::generate(Size::SMALL, 1);
        let csv = world.inventory_csv();
        let tall = world.devices.iter().find(|d| d.mounts.first().is_some_and(|m| m.height == 2)).unwrap();
        let lines = csv.lines().filter(|line| line.ends_with(&format!(",{}", tall.name))).count();
        assert_eq!(lines, 2);
        assert!(csv.lines().all(|line| line.split(',').count() == 6));
    }
}
