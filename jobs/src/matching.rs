//! How well the names in monitoring and in the inventory agree, in words for an operator.

use std::collections::BTreeMap;
use std::fmt;

use heat::inventory::Inventory;
use heat::placement::{MatchedBy, Place, Places, Unplaced};

/// How many unplaced names a report spells out.
const EXAMPLES: usize = 10;

/// Names less alike than this are no help. 1 is the same name.
const LIKENESS: f64 = 0.75;

/// The name or FQDN in the inventory that is most like `host`, if any is at all; of equally like ones the first by id.
///
/// Likeness is the Jaro-Winkler similarity without regard to case, which forgives swapped and missing letters and
/// weighs the beginning of a name most, as names of hosts do. The difference between `web-12` and `web-13` is small
/// too: this is a hint for people, never a match.
#[must_use]
pub fn nearest<'a>(host: &str, inventory: &'a Inventory) -> Option<&'a str> {
    let host = host.trim().trim_end_matches('.').to_lowercase();
    if host.is_empty() {
        return None;
    }
    let mut best = (LIKENESS, None);
    for name in inventory.devices.iter().flat_map(|device| [&device.name, &device.fqdn]) {
        if name.is_empty() {
            continue;
        }
        let likeness = strsim::jaro_winkler(&host, &name.to_lowercase());
        if likeness > best.0 {
            best = (likeness, Some(name.as_str()));
        }
    }
    best.1
}

/// How the problems of a source found their racks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MatchingReport {
    /// Problems by which name of the device their host was found, in a rack.
    pub placed: BTreeMap<MatchedBy, usize>,
    /// Problems by why they stand in no rack.
    pub unplaced: BTreeMap<Unplaced, usize>,
    /// The first unplaced hosts, each once.
    pub examples: Vec<Example>,
}

/// A host that stands in no rack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    /// Its name in monitoring.
    pub host: String,
    /// Why.
    pub why: Unplaced,
    /// The most similar name in the inventory, where the host is unknown.
    pub nearest: Option<String>,
}

/// Looks for the hosts of a source's problems (one entry a problem) in the inventory that `places` indexes.
#[must_use]
pub fn matching_report(hosts: &[&str], places: &Places, inventory: &Inventory) -> MatchingReport {
    let mut report = MatchingReport::default();
    for host in hosts {
        let why = match places.find(host) {
            Place::Rack(_, _, by) => {
                *report.placed.entry(by).or_default() += 1;
                continue;
            }
            Place::NoRack(..) => Unplaced::NoRack,
            Place::Ambiguous => Unplaced::Ambiguous,
            Place::UnknownHost => Unplaced::UnknownHost,
        };
        *report.unplaced.entry(why).or_default() += 1;
        if report.examples.len() < EXAMPLES && report.examples.iter().all(|example| example.host != *host) {
            let nearest = (why == Unplaced::UnknownHost).then(|| nearest(host, inventory)).flatten();
            let nearest = nearest.map(str::to_owned);
            report.examples.push(Example { host: (*host).to_owned(), why, nearest });
        }
    }
    report
}

impl fmt::Display for MatchingReport {
    /// `412 problems: 371 placed by name, 22 by FQDN, 19 unplaced`, and a line for each example.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let placed: usize = self.placed.values().sum();
        let unplaced: usize = self.unplaced.values().sum();
        let total = placed + unplaced;
        write!(f, "{total} {}", if total == 1 { "problem" } else { "problems" })?;
        let mut parts = Vec::new();
        for (by, count) in &self.placed {
            let by = match by {
                MatchedBy::Name => "name",
                MatchedBy::Fqdn => "FQDN",
                MatchedBy::ShortName => "short name",
            };
            parts.push(format!("{count} {}by {by}", if parts.is_empty() { "placed " } else { "" }));
        }
        if unplaced > 0 {
            parts.push(format!("{unplaced} unplaced"));
        }
        if !parts.is_empty() {
            write!(f, ": {}", parts.join(", "))?;
        }
        for Example { host, why, nearest } in &self.examples {
            let host = if host.is_empty() { "(no host)" } else { host };
            let why = match why {
                Unplaced::UnknownHost => "not in the inventory",
                Unplaced::Ambiguous => "several devices have this name",
                Unplaced::NoRack => "in the inventory, but in no rack",
                Unplaced::HostPending => "its host is not known yet",
            };
            write!(f, "\n  {host}: {why}")?;
            if let Some(nearest) = nearest {
                write!(f, "; the nearest name is {nearest}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use heat::inventory::{Device, Mount, Rack};

    use super::*;

    fn inventory() -> Inventory {
        let device = |id, name: &str, fqdn: &str, mounted: bool| Device {
            id,
            name: name.into(),
            fqdn: fqdn.into(),
            mounts: mounted
                .then(|| Mount { rack_id: 1, height: 1, ..Mount::default() })
                .into_iter()
                .collect(),
            ..Device::default()
        };
        let mut inventory = Inventory {
            racks: vec![Rack { id: 1, height: 42, ..Rack::default() }],
            devices: vec![
                device(11, "srv-00001", "srv-00001.sas.example.net", true),
                device(12, "Frontend-12", "", true),
                device(13, "twin", "", true),
                device(14, "twin", "", true),
                device(15, "stock", "", false),
                device(16, "", "", true),
            ],
            ..Inventory::default()
        };
        inventory.normalise();
        inventory
    }

    #[test]
    fn the_report_counts_problems_and_spells_out_the_first_unplaced_hosts_once() {
        let inventory = inventory();
        let hosts = [
            "srv-00001",
            "SRV-00001",
            "srv-00001.sas.example.net",
            "frontend-12.mgmt",
            "fronted-12",
            "fronted-12",
            "twin",
            "stock",
            "",
            "zzz",
        ];
        let report = matching_report(&hosts, &Places::new(&inventory), &inventory);
        assert_eq!(
            report.to_string(),
            "10 problems: 2 placed by name, 1 by FQDN, 1 by short name, 6 unplaced\n  \
             fronted-12: not in the inventory; the nearest name is Frontend-12\n  \
             twin: several devices have this name\n  \
             stock: in the inventory, but in no rack\n  \
             (no host): not in the inventory\n  \
             zzz: not in the inventory"
        );
    }

    #[test]
    fn ten_unplaced_names_are_enough_and_no_problems_are_a_report_too() {
        let inventory = inventory();
        let names: Vec<_> = (0..30).map(|n| format!("unknown-{n}")).collect();
        let hosts: Vec<_> = names.iter().map(String::as_str).collect();
        let report = matching_report(&hosts, &Places::new(&inventory), &inventory);
        assert_eq!((report.examples.len(), report.unplaced[&Unplaced::UnknownHost]), (10, 30));
        assert!(report.to_string().starts_with("30 problems: 30 unplaced\n"));
        let none = matching_report(&[], &Places::new(&inventory), &inventory);
        assert_eq!(none.to_string(), "0 problems");
    }

    #[test]
    fn the_nearest_name_is_a_name_or_an_fqdn_and_never_an_empty_one() {
        let inventory = inventory();
        assert_eq!(nearest("srv-0001", &inventory), Some("srv-00001"));
        assert_eq!(nearest("SRV-00001.sas.exmaple.net.", &inventory), Some("srv-00001.sas.example.net"));
        assert_eq!(nearest("qqqq", &inventory), None);
        assert_eq!(nearest(" ", &inventory), None);
    }
}
