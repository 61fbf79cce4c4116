//! Coverage: which sources watch which devices. What nobody watches is drawn hollow, for it can never look ill.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::event::is_false;
use crate::inventory::{DeviceId, FORMAT, short_hex};
use crate::placement::Places;

/// Which hosts a source watches, by the names it uses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Watched {
    /// Every device of the inventory.
    All,
    /// These hosts.
    Hosts(BTreeSet<String>),
}

/// The JSON of `GET /api/v1/coverage`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coverage {
    /// Version of the document's form.
    pub format: u32,
    /// Hash of the content.
    pub version: String,
    /// Each source, by name.
    pub sources: Vec<Covered>,
}

/// The devices one source watches.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Covered {
    /// The source's name.
    pub name: String,
    /// It watches every device.
    #[serde(default, skip_serializing_if = "is_false")]
    pub all: bool,
    /// The devices it watches, sorted; hosts that are no device are left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub devices: Vec<DeviceId>,
}

impl Coverage {
    /// Places what each source watches. Sources that have not told yet are left out.
    pub fn new<'a>(watched: impl IntoIterator<Item = (&'a str, &'a Watched)>, places: &Places) -> Self {
        let mut sources: Vec<_> = watched
            .into_iter()
            .map(|(name, watched)| match watched {
                Watched::All => Covered { name: name.to_owned(), all: true, devices: vec![] },
                Watched::Hosts(hosts) => {
                    let devices: BTreeSet<_> =
                        hosts.iter().filter_map(|host| places.find(host).device()).collect();
                    Covered { name: name.to_owned(), all: false, devices: devices.into_iter().collect() }
                }
            })
            .collect();
        sources.sort_by(|a, b| a.name.cmp(&b.name));
        // Serialising these types to memory cannot fail: no map keys, no floats, no I/O.
        let version = short_hex(&Sha256::digest(serde_json::to_vec(&sources).unwrap_or_default()));
        Self { format: FORMAT, version, sources }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::{Device, Inventory};

    #[test]
    fn hosts_become_devices_and_the_same_hosts_give_the_same_version() {
        let mut inventory = Inventory {
            devices: vec![
                Device { id: 5, name: "a".into(), ..Device::default() },
                Device { id: 3, name: "b".into(), ..Device::default() },
            ],
            ..Inventory::default()
        };
        inventory.normalise();
        let places = Places::new(&inventory);
        let hosts = Watched::Hosts(["A", "b", "b.", "stranger"].map(String::from).into());
        let one = Coverage::new([("z", &hosts), ("j", &Watched::All)], &places);
        assert_eq!(one.sources[0], Covered { name: "j".into(), all: true, devices: vec![] });
        assert_eq!(one.sources[1].devices, vec![3, 5]);
        assert_eq!(Coverage::new([("j", &Watched::All), ("z", &hosts)], &places), one);
    }

    #[test]
    fn the_example_reads_as_coverage() {
        let coverage: Coverage = serde_json::from_str(include_str!("../examples/coverage.json")).unwrap();
        assert!(coverage.sources[1].all);
    }
}
