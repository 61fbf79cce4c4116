//! Zabbix' hosts as an inventory, from the simulated Zabbix of both versions.

#![expect(clippy::unwrap_used, reason = "a test may panic, and so may what it is made of")]

use std::collections::BTreeSet;

use heat::config::Secret;
use heat::placement::Places;
use heat_devkit::sim::zabbix::{Options as SimOptions, Version, Zabbix};
use heat_devkit::world::{Size, World};
use heat_jobs::upstream::inventory::{InventoryOptions, InventorySource, Reading};
use heat_jobs::upstream::zabbix::Options;
use heat_jobs::upstream::zabbix_inventory::Rules;

async fn zabbix(version: Version) -> Zabbix {
    Zabbix::start(SimOptions { version, ..SimOptions::default() }).await.unwrap()
}

async fn read(zabbix: &Zabbix, token: &str, rules: Rules) -> Result<Reading, String> {
    let options = Options::new("zabbix", zabbix.url().parse().unwrap(), Secret::new(token));
    let options = InventoryOptions { zabbix: Some(options), rules, ..InventoryOptions::default() };
    let mut source = InventorySource::from_url("zabbix:", options).unwrap();
    source.read().await.map_err(|error| error.to_string())
}

/// Only host groups may say where hosts are.
fn by_groups() -> Rules {
    Rules { rack_tags: Vec::new(), rack_fields: Vec::new(), ..Rules::default() }
}

#[tokio::test]
async fn hosts_stand_in_the_racks_that_their_tags_or_groups_name() {
    let world = World::generate(Size::SMALL, 5);
    for version in [Version::V6_0, Version::V7_0] {
        let zabbix = zabbix(version).await;
        zabbix.load(&world);
        for rules in [Rules::default(), by_groups()] {
            let reading = read(&zabbix, zabbix.token(), rules).await.unwrap();
            assert_eq!(reading.damage, []);
            let places = Places::new(&reading.inventory);
            for host in world.hosts() {
                let found =
                    places.find(&host.host).rack().unwrap_or_else(|| panic!("{} is unplaced", host.host));
                let found = reading.inventory.racks.iter().find(|rack| rack.id == found).unwrap();
                let row = reading.inventory.rows.iter().find(|row| Some(row.id) == found.row_id);
                if let Some(rack) = world.rack_of(host.device_id).and_then(|id| world.rack(id))
                    // Elsewhere a group has too few levels to name a rack.
                    && !world.centre_of_rack(rack.id).is_empty()
                {
                    assert_eq!(found.name, rack.name, "{} in {row:?}", host.host);
                }
            }
        }
    }
}

#[tokio::test]
async fn a_zabbix_in_which_nobody_said_where_anything_stands_is_a_map_by_groups() {
    for version in [Version::V6_0, Version::V7_0] {
        let zabbix = zabbix(version).await;
        for (host, group) in
            [("web-1", "Web"), ("web-2", "Web"), ("db-1", "Databases/Shop"), ("db-1", "Linux")]
        {
            zabbix.group_host(host, group);
        }
        let reading = read(&zabbix, zabbix.token(), Rules::default()).await.unwrap();
        let rows: BTreeSet<_> = reading.inventory.rows.iter().map(|row| row.name.as_str()).collect();
        assert_eq!(rows, BTreeSet::from(["Databases/Shop", "Web"]));
        let places = Places::new(&reading.inventory);
        assert!(["web-1", "web-2", "db-1"].iter().all(|host| places.find(host).rack().is_some()));
        assert!(reading.remarks[0].contains("3 of 3 hosts say no rack"), "{:?}", reading.remarks);
        let again = read(&zabbix, zabbix.token(), Rules::default()).await.unwrap();
        assert_eq!(again.inventory.version, reading.inventory.version);
    }
}

#[tokio::test]
async fn a_wrong_token_and_a_zabbix_without_hosts_say_what_to_do() {
    let zabbix = zabbix(Version::V7_0).await;
    let wrong = "f".repeat(64);
    let error = read(&zabbix, &wrong, Rules::default()).await.unwrap_err();
    assert!(error.contains("token") && !error.contains(&wrong), "{error}");
    let error = read(&zabbix, zabbix.token(), Rules::default()).await.unwrap_err();
    assert!(error.contains("shows no hosts"), "{error}");
    let none = InventorySource::from_url("zabbix:", InventoryOptions::default()).unwrap_err();
    assert!(none.to_string().contains("HEAT_ZABBIX_URL"), "{none}");
}
