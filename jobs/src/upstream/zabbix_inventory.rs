//! An inventory for those who have Zabbix alone: its hosts, and where they say they stand.
//!
//! For each host the first of these that names a rack decides:
//! 1. tags of the host: `rack`, and with it `location` (or `site`, `dc`), `row` and `unit`;
//! 2. its inventory: `site_rack`, and `location`;
//! 3. a host group of at least three levels: `DC/Row/Rack`, of which everything before the row is the location.
//!
//! Where a rack's value is a path (`A/A01`), what is before the last slash is the row; a rack with a location and no row
//! stands in a row that is called like the location. A host without a unit hangs on the rack.
//!
//! A host of which none of this tells a rack becomes a cell of its own: a rack one unit high, in a row that is called
//! like its most special host group: of those that not all hosts are in, the deepest, else the first by name. So a Zabbix of which nobody has ever said where anything stands is a map by
//! groups, never one page of unplaced problems.
//!
//! The names of tags and fields can be changed: [`Rules`].

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashSet};
use std::time::Duration;

use heat::inventory::{ALL_ATOMS, Device, MAX_HEIGHT, Mount};
use serde::Deserialize;
use serde_json::{Value, json};

use super::http::FetchError;
use super::inventory::Reading;
use super::layout::Layout;
use super::zabbix::{Api, CallError, Options, Version};

/// Hosts come in one answer; 50,000 with tags and groups are some 30 MB.
const MAX_BYTES: usize = 128 << 20;
const PATIENCE: Duration = Duration::from_mins(1);

/// The name of a row for hosts that are in no group the token's user may see.
const NO_GROUP: &str = "no group";

/// Where hosts say that they stand. All names can be changed; an empty list turns a rule off.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rules {
    /// Tags that hold the location, a path from the top; the first that a host has counts.
    pub location_tags: Vec<String>,
    /// Tags that hold the row.
    pub row_tags: Vec<String>,
    /// Tags that hold the rack.
    pub rack_tags: Vec<String>,
    /// Tags that hold the lowest unit, from 1 at the bottom.
    pub unit_tags: Vec<String>,
    /// Inventory fields that hold the location.
    pub location_fields: Vec<String>,
    /// Inventory fields that hold the rack.
    pub rack_fields: Vec<String>,
    /// Whether host groups of three levels and more name racks.
    pub groups: bool,
    /// Only groups below this one count, and its name is left out: `Data centre` makes `Data centre/SAS/A/A01` rack A01 in
    /// row A of SAS. Empty for all groups.
    pub groups_below: String,
    /// The height of racks in units, where no host stands higher.
    pub rack_height: u32,
}

impl Default for Rules {
    fn default() -> Self {
        let names = |names: &[&str]| names.iter().map(ToString::to_string).collect();
        Self {
            location_tags: names(&["location", "site", "dc"]),
            row_tags: names(&["row"]),
            rack_tags: names(&["rack"]),
            unit_tags: names(&["unit"]),
            location_fields: names(&["location"]),
            rack_fields: names(&["site_rack"]),
            groups: true,
            groups_below: String::new(),
            rack_height: super::layout::USUAL_HEIGHT,
        }
    }
}

/// A Zabbix as an inventory.
#[derive(Debug)]
pub struct ZabbixInventory {
    api: Api,
    rules: Rules,
    group_ids: Vec<String>,
}

/// A reading that failed.
#[derive(Debug, thiserror::Error)]
#[error("the inventory cannot be read from Zabbix: {reason}")]
pub struct ZabbixInventoryError {
    /// What happened and what to do about it; without the token.
    pub reason: String,
}

impl ZabbixInventory {
    /// Prepares a client; nothing is sent yet. Of the options, those that say where Zabbix is and which host groups count
    /// are used.
    pub(super) fn new(options: Options, rules: Rules) -> Result<Self, FetchError> {
        let api = Api::new(&options.url, options.token, PATIENCE, MAX_BYTES)?;
        Ok(Self { api, rules, group_ids: options.group_ids })
    }

    /// Reads all monitored hosts.
    pub async fn read(&mut self) -> Result<Reading, ZabbixInventoryError> {
        let hosts = match self.hosts().await {
            Ok(hosts) => hosts,
            Err(error) => return Err(ZabbixInventoryError { reason: self.api.explain("host.get", &error) }),
        };
        if hosts.is_empty() {
            let reason =
                "it shows no hosts: give the token's user's group the right to read host groups".to_owned();
            return Err(ZabbixInventoryError { reason });
        }
        Ok(arrange(&hosts, &self.rules))
    }

    async fn hosts(&mut self) -> Result<Vec<Host>, CallError> {
        let groups = if self.api.version().await? >= Version::HOST_GROUPS {
            "selectHostGroups"
        } else {
            "selectGroups"
        };
        let mut fields: BTreeSet<&str> = ["asset_tag", "hardware", "model", "serialno_a", "type"].into();
        fields.extend(self.rules.location_fields.iter().chain(&self.rules.rack_fields).map(String::as_str));
        let mut params = json!({
            "output": ["hostid", "host", "name"],
            "filter": {"status": "0"},
            "selectTags": ["tag", "value"],
            "selectInventory": fields,
            "selectInterfaces": ["dns"],
            groups: ["name"],
        });
        if !self.group_ids.is_empty() {
            params["groupids"] = json!(self.group_ids);
        }
        self.api.get("host.get", &params).await
    }
}

#[derive(Debug, Default, Deserialize)]
struct Host {
    hostid: String,
    /// The technical name.
    #[serde(rename = "host")]
    technical: String,
    /// The visible name.
    #[serde(default)]
    name: String,
    #[serde(default)]
    tags: Vec<Tag>,
    /// An object of texts, or an empty list where the host has none.
    #[serde(default)]
    inventory: Value,
    #[serde(default, alias = "hostgroups")]
    groups: Vec<Group>,
    #[serde(default)]
    interfaces: Vec<Interface>,
}

#[derive(Debug, Deserialize)]
struct Tag {
    tag: String,
    #[serde(default)]
    value: String,
}

#[derive(Debug, Deserialize)]
struct Group {
    name: String,
}

#[derive(Debug, Deserialize)]
struct Interface {
    #[serde(default)]
    dns: String,
}

/// Where a host says it stands; the rack is never empty.
#[derive(Debug, PartialEq, Eq)]
struct Spot<'a> {
    location: &'a str,
    row: &'a str,
    rack: &'a str,
    unit: Option<u32>,
}

impl<'a> Spot<'a> {
    fn new(location: &'a str, row: &'a str, rack: &'a str) -> Option<Self> {
        let (row, rack) = match split(rack) {
            (Some(before), rack) if row.is_empty() => (before, rack),
            _ => (row, rack),
        };
        let row = if row.is_empty() { split(location).1 } else { row };
        (!rack.is_empty()).then_some(Self { location, row, rack, unit: None })
    }

    fn of_group(group: &'a str) -> Option<Self> {
        let (before, rack) = split(group);
        let (location, row) = split(before?);
        (!rack.is_empty()).then_some(Self { location: location?, row, rack, unit: None })
    }
}

impl Host {
    /// The value of the first of these tags that has one.
    fn tag(&self, names: &[String]) -> &str {
        let value = |name: &String| {
            let tags = self.tags.iter().filter(|tag| tag.tag == *name);
            tags.map(|tag| tag.value.trim()).find(|value| !value.is_empty())
        };
        names.iter().find_map(value).unwrap_or("")
    }

    /// The text of the first of these inventory fields that has one.
    fn field(&self, names: &[impl AsRef<str>]) -> &str {
        let text =
            |name: &str| self.inventory.get(name)?.as_str().map(str::trim).filter(|text| !text.is_empty());
        names.iter().find_map(|name| text(name.as_ref())).unwrap_or("")
    }

    /// The host's groups as far as the rules let them count, the most special one first.
    fn groups<'a>(&'a self, rules: &Rules) -> Vec<&'a str> {
        let below = rules.groups_below.trim_matches('/');
        let mut groups: Vec<&str> = self
            .groups
            .iter()
            .filter_map(|group| match below {
                "" => Some(group.name.as_str()),
                _ => group.name.strip_prefix(below)?.strip_prefix('/'),
            })
            .collect();
        groups.sort_by_key(|group| (Reverse(group.matches('/').count()), *group));
        groups
    }

    /// The row of a host that is a cell: its most special group, but rather not one that all hosts are in.
    fn group_row<'a>(&'a self, rules: &Rules, everywhere: &HashSet<&str>) -> &'a str {
        let groups = self.groups(rules);
        let telling = groups.iter().find(|group| !everywhere.contains(**group));
        telling.or(groups.first()).copied().unwrap_or(NO_GROUP)
    }

    fn spot<'a>(&'a self, rules: &Rules) -> Option<Spot<'a>> {
        Spot::new(self.tag(&rules.location_tags), self.tag(&rules.row_tags), self.tag(&rules.rack_tags))
            .map(|spot| Spot { unit: unit(self.tag(&rules.unit_tags)), ..spot })
            .or_else(|| Spot::new(self.field(&rules.location_fields), "", self.field(&rules.rack_fields)))
            .or_else(|| Spot::of_group(self.groups(rules).into_iter().next().filter(|_| rules.groups)?))
    }

    fn device(&self) -> Option<Device> {
        let dns = self.interfaces.iter().map(|interface| interface.dns.trim()).find(|dns| dns.contains('.'));
        Some(Device {
            id: self.hostid.parse().ok()?,
            // The technical name: what problems carry. The visible one may be anything.
            name: self.technical.clone(),
            label: if self.name == self.technical { String::new() } else { self.name.clone() },
            kind: self.field(&["type"]).to_owned(),
            hw: self.field(&["model", "hardware"]).to_owned(),
            fqdn: dns.unwrap_or_default().to_owned(),
            asset_no: self.field(&["asset_tag"]).to_owned(),
            serial: self.field(&["serialno_a"]).to_owned(),
            tags: self.tags.iter().map(shown).collect(),
            ..Device::default()
        })
    }
}

/// A unit, if the text is one.
fn unit(text: &str) -> Option<u32> {
    text.parse().ok().filter(|unit| (1..=MAX_HEIGHT).contains(unit))
}

fn shown(Tag { tag, value }: &Tag) -> String {
    if value.is_empty() { tag.clone() } else { format!("{tag}: {value}") }
}

/// What is before the last slash, if there is one, and what follows it.
fn split(path: &str) -> (Option<&str>, &str) {
    match path.rsplit_once('/') {
        Some((before, last)) => (Some(before.trim()), last.trim()),
        None => (None, path.trim()),
    }
}

/// Puts hosts where they say they stand.
fn arrange(hosts: &[Host], rules: &Rules) -> Reading {
    let mut layout = Layout::default();
    let mut devices = Vec::new();
    let mut cells = 0_usize;
    let mut everywhere: HashSet<&str> =
        hosts.first().map(|host| host.groups(rules)).into_iter().flatten().collect();
    for host in hosts {
        let groups = host.groups(rules);
        everywhere.retain(|group| groups.contains(group));
    }
    for host in hosts {
        let Some(mut device) = host.device() else { continue };
        let (rack, unit) = if let Some(Spot { location, row, rack, unit }) = host.spot(rules) {
            (layout.place(location, row, rack, rules.rack_height), unit)
        } else {
            cells += 1;
            (layout.place("", host.group_row(rules, &everywhere), &host.technical, 1), Some(1))
        };
        if let Some(rack) = rack {
            rack.height = rack.height.max(unit.unwrap_or(1));
            device.mounts.push(Mount { rack_id: rack.id, unit, height: 1, atoms: ALL_ATOMS });
        }
        devices.push(device);
    }
    let mut reading = Reading::new(layout.with(devices), Vec::new(), "Zabbix' hosts".to_owned());
    if cells > 0 {
        reading.remarks.push(format!(
            "{cells} of {} hosts say no rack by tag, inventory or host group and are shown as cells by host group",
            hosts.len()
        ));
    }
    reading
}

#[cfg(test)]
mod tests {
    use heat::placement::Places;

    use super::*;

    fn host(text: &str) -> Host {
        serde_json::from_str(text).unwrap()
    }

    fn spot(text: &str) -> Option<(String, String, String, Option<u32>)> {
        let rules = Rules { groups_below: "Data centre".into(), ..Rules::default() };
        let host = host(&format!(r#"{{"hostid":"1","host":"a",{text}}}"#));
        host.spot(&rules).map(|s| (s.location.to_owned(), s.row.to_owned(), s.rack.to_owned(), s.unit))
    }

    #[test]
    fn tags_go_before_inventory_and_inventory_before_groups() {
        let at = |location: &str, row: &str, rack: &str, unit| {
            Some((location.to_owned(), row.to_owned(), rack.to_owned(), unit))
        };
        let tags = r#""tags":[{"tag":"site","value":"SAS/floor 2"},{"tag":"rack","value":" A01 "},{"tag":"unit","value":"7"}]"#;
        let inventory = r#""inventory":{"location":"VLA","site_rack":"B / B02"}"#;
        let groups = r#""hostgroups":[{"name":"Data centre"},{"name":"Data centre/IVA/C/C03"},{"name":"Linux/a/b/c/d"}]"#;
        assert_eq!(
            spot(&format!("{tags},{inventory},{groups}")),
            at("SAS/floor 2", "floor 2", "A01", Some(7))
        );
        assert_eq!(spot(&format!("{inventory},{groups}")), at("VLA", "B", "B02", None));
        assert_eq!(spot(groups), at("IVA", "C", "C03", None));
        assert_eq!(spot(r#""inventory":[],"hostgroups":[{"name":"Data centre/IVA/C"}]"#), None);
        assert_eq!(spot(r#""tags":[{"tag":"rack","value":""}]"#), None);
        assert_eq!(
            spot(r#""tags":[{"tag":"rack","value":"R1"},{"tag":"unit","value":"9999"}]"#),
            at("", "", "R1", None)
        );
    }

    #[test]
    fn hosts_that_say_nothing_are_cells_in_rows_of_their_groups_and_none_is_unplaced() {
        let hosts = [
            host(
                r#"{"hostid":"10","host":"web-1","name":"Web 1","groups":[{"name":"Linux servers"},{"name":"Web/Shop"}]}"#,
            ),
            host(r#"{"hostid":"11","host":"web-2","groups":[{"name":"Web/Shop"}]}"#),
            host(r#"{"hostid":"12","host":"lost"}"#),
        ];
        let reading = arrange(&hosts, &Rules::default());
        let rows: BTreeSet<_> = reading.inventory.rows.iter().map(|row| row.name.as_str()).collect();
        assert_eq!(rows, ["Web/Shop", NO_GROUP].into());
        assert_eq!(reading.inventory.racks.len(), 3);
        assert!(reading.inventory.racks.iter().all(|rack| rack.height == 1));
        let places = Places::new(&reading.inventory);
        assert!(hosts.iter().all(|host| places.find(&host.technical).rack().is_some()));
        assert_eq!(reading.inventory.devices[0].label, "Web 1");
        assert_eq!(reading.damage, []);
        assert_eq!(
            reading.remarks,
            ["3 of 3 hosts say no rack by tag, inventory or host group and are shown as cells by host group"]
        );
    }

    #[test]
    fn a_rack_is_as_high_as_the_rules_say_or_as_its_highest_host() {
        let at = |id: u32, rack: &str, unit: u32| {
            host(&format!(
                r#"{{"hostid":"{id}","host":"h{id}","tags":[{{"tag":"rack","value":"{rack}"}},{{"tag":"unit","value":"{unit}"}}]}}"#
            ))
        };
        let rules = Rules { rack_height: 10, ..Rules::default() };
        let reading = arrange(&[at(1, "A", 3), at(2, "B", 12), at(3, "B", 2)], &rules);
        let heights: Vec<_> =
            reading.inventory.racks.iter().map(|rack| (rack.name.as_str(), rack.height)).collect();
        assert_eq!(BTreeSet::from_iter(heights), BTreeSet::from([("A", 10), ("B", 12)]));
        assert_eq!((reading.damage, reading.remarks), (vec![], vec![]));
    }
}
