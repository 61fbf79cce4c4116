//! The inventory, from whichever system the URL's scheme names.
//!
//! | scheme | what it is |
//! |---|---|
//! | `mysql://reader:password@host:3306/racktables_db` | RackTables' database ([`super::racktables`]) |
//! | `file:///etc/heat/inventory.json`, `….csv` | a file ([`super::inventory_file`]) |
//! | `zabbix:` | the hosts of the Zabbix that is configured anyway ([`super::zabbix_inventory`]) |

use heat::inventory::{Damage, Inventory, Mount, RackId};
use heat::rackcode::Predicates;
use url::Url;

use super::inventory_file::{InventoryFile, InventoryFileError};
use super::racktables::{RackTables, RackTablesError};
use super::zabbix;
use super::zabbix_inventory::{Rules, ZabbixInventory, ZabbixInventoryError};

/// What the URL alone does not say.
#[derive(Clone, Debug, Default)]
pub struct InventoryOptions {
    /// Racks whose units are shown numbered from top to bottom, beside those of which RackTables says so.
    pub reversed_racks: Vec<RackId>,
    /// For `zabbix:`, the Zabbix that is meant.
    pub zabbix: Option<zabbix::Options>,
    /// For `zabbix:`, where hosts say that they stand.
    pub rules: Rules,
}

/// Where the inventory is read from.
#[derive(Debug)]
pub enum InventorySource {
    /// RackTables' database.
    RackTables(RackTables),
    /// A file, read anew each time.
    File(InventoryFile),
    /// Zabbix' hosts.
    Zabbix(Box<ZabbixInventory>),
}

/// An inventory as it was read, and what there is to say about it.
#[derive(Clone, Debug)]
pub struct Reading {
    /// The inventory in its canonical form ([`Inventory::normalise`]).
    pub inventory: Inventory,
    /// What is wrong in the data, mended or ignored; sorted.
    pub damage: Vec<Damage>,
    /// What an operator should know about the source itself, a sentence each.
    pub remarks: Vec<String>,
    /// What was read, for people: `RackTables 0.22.0`.
    pub origin: String,
}

impl Reading {
    /// Brings what a source found into the canonical form.
    pub(super) fn new(mut inventory: Inventory, mut damage: Vec<Damage>, origin: String) -> Self {
        let mut remarks = Vec::new();
        match Predicates::of(&inventory) {
            Ok(predicates) => inventory.rackcode = predicates.to_string(),
            Err(error) => {
                inventory.rackcode.clear();
                remarks.push(format!(
                    "the RackCode of {origin} is broken, and until it is mended it has no predicates: {error}"
                ));
            }
        }
        damage.append(&mut inventory.normalise());
        damage.sort();
        if inventory.racks.is_empty() {
            remarks.push(format!("{origin} holds no racks; is it the right inventory?"));
        }
        Self { inventory, damage, remarks, origin }
    }
}

/// An inventory that could not be read. The last good one stays.
#[derive(Debug, thiserror::Error)]
pub enum InventoryError {
    /// RackTables' database.
    #[error(transparent)]
    RackTables(#[from] RackTablesError),
    /// A file.
    #[error(transparent)]
    File(#[from] InventoryFileError),
    /// Zabbix' hosts.
    #[error(transparent)]
    Zabbix(#[from] ZabbixInventoryError),
}

/// An inventory URL that Heat cannot use. The URL itself is not repeated: it may hold a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InventoryUrlError(pub(super) String);

impl InventorySource {
    /// Chooses the source by the URL's scheme; connects to nothing yet.
    pub fn from_url(url: &str, options: InventoryOptions) -> Result<Self, InventoryUrlError> {
        let parsed = Url::parse(url).map_err(|error| {
            InventoryUrlError(format!("the inventory's URL is none ({error}); an example: {EXAMPLE}"))
        })?;
        match parsed.scheme() {
            "mysql" => RackTables::from_url(&parsed, options.reversed_racks).map(Self::RackTables),
            "file" => InventoryFile::from_url(&parsed).map(Self::File),
            "zabbix" => {
                let zabbix = options.zabbix.ok_or_else(|| {
                    InventoryUrlError(
                        "the inventory is zabbix:, but no Zabbix is set (HEAT_ZABBIX_URL)".to_owned(),
                    )
                })?;
                ZabbixInventory::new(zabbix, options.rules)
                    .map(|zabbix| Self::Zabbix(Box::new(zabbix)))
                    .map_err(|error| {
                        InventoryUrlError(format!("the inventory is zabbix:, and its client fails: {error}"))
                    })
            }
            other => Err(InventoryUrlError(format!(
                "the inventory's URL begins with {other}: where mysql:, file: and zabbix: are known; \
                 an example: {EXAMPLE}"
            ))),
        }
    }

    /// Reads the whole inventory.
    pub async fn read(&mut self) -> Result<Reading, InventoryError> {
        match self {
            Self::RackTables(racktables) => Ok(racktables.read().await?),
            Self::File(file) => Ok(file.read().await?),
            Self::Zabbix(zabbix) => Ok(zabbix.read().await?),
        }
    }
}

const EXAMPLE: &str = "mysql://reader:password@racktables.example.net:3306/racktables_db";

/// Joins units into as few mounts as say the same: runs of neighbouring units of which the device takes the same
/// atoms. `units` are (unit, atoms), each unit once, from the lowest up.
pub(super) fn ranges(rack_id: RackId, units: impl IntoIterator<Item = (u32, u8)>) -> Vec<Mount> {
    let mut mounts: Vec<Mount> = Vec::new();
    for (unit, atoms) in units {
        match mounts.last_mut() {
            Some(last)
                if last.atoms == atoms && last.unit.map(|lowest| lowest + last.height) == Some(unit) =>
            {
                last.height += 1;
            }
            _ => mounts.push(Mount { rack_id, unit: Some(unit), height: 1, atoms }),
        }
    }
    mounts
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn front_only_beside_full_depth_units_are_two_mounts() {
        let mounts = ranges(3, [(1, 7), (2, 7), (3, 1), (5, 1), (6, 1)]);
        let shown: Vec<_> = mounts.iter().map(|m| (m.rack_id, m.unit, m.height, m.atoms)).collect();
        assert_eq!(shown, vec![(3, Some(1), 2, 7), (3, Some(3), 1, 1), (3, Some(5), 2, 1)]);
    }

    proptest! {
        #[test]
        fn mounts_say_exactly_what_the_units_said_and_no_two_could_be_one(
            units in prop::collection::btree_map(1_u32..60, 1_u8..8, 0..50),
        ) {
            let mounts = ranges(9, units.clone());
            let mut said = BTreeMap::new();
            for mount in &mounts {
                for unit in mount.unit.unwrap()..mount.unit.unwrap() + mount.height {
                    prop_assert_eq!(said.insert(unit, mount.atoms), None);
                }
            }
            prop_assert_eq!(said, units);
            for pair in mounts.windows(2) {
                let neighbours = pair[0].unit.unwrap() + pair[0].height == pair[1].unit.unwrap();
                prop_assert!(!neighbours || pair[0].atoms != pair[1].atoms);
            }
        }
    }

    #[test]
    fn a_url_of_another_scheme_is_refused_with_an_example_and_without_its_password() {
        for url in [
            "postgres://u:geheim@h/db",
            "mysql//u:geheim@h",
            "",
            "mysql://u:geheim@h",
            "mysql://u:geheim@/db",
        ] {
            let error = InventorySource::from_url(url, InventoryOptions::default()).unwrap_err().to_string();
            assert!(!error.contains("geheim"), "{error}");
            assert!(error.contains("mysql://reader:password@"), "{error}");
        }
    }
}
