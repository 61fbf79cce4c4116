//! RackTables' schema in a real MariaDB, read as a real site's would be.

#![expect(clippy::unwrap_used, reason = "a test may panic, and so may what it is made of")]

use std::time::Duration;

use heat::placement::{Place, Places, Unplaced};
use heat_devkit::backends::MariaDb;
use heat_devkit::eventually;
use heat_devkit::proxy::Proxy;
use heat_devkit::racktables;
use heat_devkit::world::{Size, World};
use heat_jobs::upstream::inventory::{InventoryOptions, InventorySource, Reading};
use heat_jobs::upstream::racktables::GRANTS;
use serde_json::json;

/// A site small enough to be looked at whole; see the file for what is wrong with it.
const SITE: &str = include_str!("inventory_racktables.sql");

struct Site {
    server: MariaDb,
    database: String,
}

impl Site {
    async fn new() -> Self {
        let server = MariaDb::shared().await.unwrap();
        let database = server.fresh_database().await.unwrap();
        let site = Self { server, database };
        site.sql(SITE).await;
        site
    }

    async fn sql(&self, sql: &str) -> String {
        self.server.execute_sql(&self.database, sql).await.unwrap()
    }

    /// Makes a user who may do what Heat's documentation asks for, and nothing else; his URL.
    async fn reader(&self) -> String {
        // The server may be shared with other tests.
        let user = format!("u{:.24}", self.database.trim_start_matches("heat_test_"));
        let password = "p@ss/w:rd %";
        self.sql(&format!("CREATE USER '{user}'@'%' IDENTIFIED BY '{password}'")).await;
        self.sql(&GRANTS.replace("racktables_db", &self.database).replace("'heat'", &format!("'{user}'")))
            .await;
        self.server.url_as(&user, password, &self.database)
    }

    async fn read(&self, options: InventoryOptions) -> Result<Reading, String> {
        read(&self.server.url(&self.database), options).await
    }
}

async fn read(url: &str, options: InventoryOptions) -> Result<Reading, String> {
    let mut source = InventorySource::from_url(url, options).map_err(|error| error.to_string())?;
    source.read().await.map_err(|error| error.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_site_is_read_whole_and_its_damage_is_told() {
    let site = Site::new().await;
    let mut reading = site.read(InventoryOptions::default()).await.unwrap();
    assert_eq!(reading.origin, "RackTables 0.22.0");
    assert_eq!(reading.remarks, Vec::<String>::new());
    let predicates = "define [live] {prod} and not {x}\ndefine [twins] {$cn_twin} and [live]\n";
    assert_eq!(reading.inventory.rackcode, predicates, "and who may do what is left where it is");

    let places = Places::new(&reading.inventory);
    assert_eq!(places.find("SRV-1.msk.example.net").rack(), Some(20));
    assert_eq!(places.find("vm").rack(), Some(23), "a machine in a blade in a chassis");
    assert_eq!(places.find("wide").rack(), Some(20), "of two racks the first");
    assert_eq!(places.find("twin"), Place::Ambiguous);
    assert_eq!(places.find("snake-1").unplaced(), Some(Unplaced::NoRack));
    assert_eq!(places.find("[Server] #101"), Place::UnknownHost, "nameless objects match nothing");

    reading.inventory.version.clear();
    insta::assert_json_snapshot!(
        "damaged_site",
        json!({
            "inventory": reading.inventory,
            "damage": reading.damage.iter().map(|d| format!("{} {} {}", d.what, d.id, d.problem)).collect::<Vec<_>>(),
        })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_version_of_the_schema_reads_as_the_file_that_says_the_same() {
    let world = World::generate(Size::SMALL, 7);
    let file = tempfile::Builder::new().suffix(".json").tempfile().unwrap();
    std::fs::write(&file, world.inventory_json()).unwrap();
    let file = read(&format!("file://{}", file.path().display()), InventoryOptions::default()).await.unwrap();

    let server = MariaDb::shared().await.unwrap();
    for version in racktables::VERSIONS {
        let database = server.fresh_database().await.unwrap();
        let options = racktables::Options { version: version.to_owned(), ..racktables::Options::default() };
        server.execute_sql(&database, &racktables::sql(&world, &options)).await.unwrap();
        // RackTables before 0.20.4 knew no reversed racks.
        let reversed_racks = world.racks.iter().filter(|rack| rack.reversed).map(|rack| rack.id).collect();
        let options = InventoryOptions { reversed_racks, ..InventoryOptions::default() };
        let reading = read(&server.url(&database), options).await.unwrap();
        assert_eq!(reading.origin, format!("RackTables {version}"));
        assert_eq!(reading.inventory, file.inventory, "{version}");
        let damaged: Vec<_> = reading.damage.iter().map(|damage| damage.id).collect();
        for id in
            [world.damage.rack_without_height, world.damage.container_cycle[0], world.damage.above_height]
        {
            assert!(damaged.contains(&id), "{id} of {:?}", reading.damage);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_documented_rights_are_enough_and_each_missing_one_is_named_with_its_grant() {
    let site = Site::new().await;
    let url = site.reader().await;
    let whole = read(&url, InventoryOptions::default()).await.unwrap();
    assert_eq!(whole.remarks, Vec::<String>::new());

    let user = url.split(['/', ':']).nth(3).unwrap();
    let on = |table: &str| format!("ON `{}`.`{table}` FROM '{user}'@'%';", site.database);
    site.sql(&format!("REVOKE SELECT {}", on("Script"))).await;
    site.sql(&format!("REVOKE SELECT {} REVOKE SELECT {}", on("Attribute"), on("Port"))).await;
    let without_script = read(&url, InventoryOptions::default()).await.unwrap();
    let tags = |reading: &Reading| reading.inventory.devices[0].automatic_tags.join(" ");
    assert_eq!(tags(&whole), "$attr_2_700 $attr_4_252 $typeid_4");
    assert_eq!(tags(&without_script), "$typeid_4");
    assert_eq!(without_script.inventory.rackcode, "");
    assert_eq!(without_script.inventory.racks, whole.inventory.racks);
    let [remark] = &without_script.remarks[..] else { panic!("{:?}", without_script.remarks) };
    for table in ["Script", "Attribute", "Port"] {
        let grant = format!("GRANT SELECT ON `{}`.`{table}` TO '{user}'@'%';", site.database);
        assert!(remark.contains(&grant), "{remark}");
    }
    assert!(!remark.contains("VLANSwitch"), "{remark}");

    site.sql(&format!("REVOKE SELECT {} REVOKE SELECT {}", on("RackSpace"), on("Config"))).await;
    let error = read(&url, InventoryOptions::default()).await.unwrap_err();
    for table in ["RackSpace", "Config"] {
        let grant = format!("GRANT SELECT ON `{}`.`{table}` TO '{user}'@'%';", site.database);
        assert!(error.contains(&grant), "{error}");
        site.sql(&grant).await;
    }
    assert!(error.contains("command denied") && !error.contains("`Object`"), "{error}");
    read(&url, InventoryOptions::default()).await.unwrap();

    site.sql("DROP TABLE `TagTree`").await;
    let error = read(&url, InventoryOptions::default()).await.unwrap_err();
    assert!(error.contains("TagTree") && !error.contains("Config"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_are_looked_at_before_anything_is_believed() {
    let site = Site::new().await;
    let version = async |version: &str| {
        site.sql(&format!("UPDATE Config SET varvalue = '{version}' WHERE varname = 'DB_VERSION'")).await;
        site.read(InventoryOptions::default()).await
    };
    assert_eq!(version("0.20.0").await.unwrap().origin, "RackTables 0.20.0");
    let newer = version("0.23.1").await.unwrap();
    assert!(newer.remarks[0].contains("0.23.1 is newer than 0.22"), "{:?}", newer.remarks);
    assert!(version("0.19.14").await.unwrap_err().contains("0.19.14 is too old"));
    assert!(version("tomorrow").await.unwrap_err().contains("(tomorrow); is it RackTables'?"));
    site.sql("DELETE FROM Config").await;
    assert!(site.read(InventoryOptions::default()).await.unwrap_err().contains("(nothing)"));
}

#[tokio::test(flavor = "multi_thread")]
async fn racks_are_reversed_as_racktables_says_and_as_configured() {
    let site = Site::new().await;
    let reversed = async |expression: &str, listed: &[u64]| {
        let sql =
            format!("UPDATE Config SET varvalue = '{expression}' WHERE varname = 'REVERSED_RACKS_LISTSRC'");
        site.sql(&sql).await;
        let options = InventoryOptions { reversed_racks: listed.to_vec(), ..InventoryOptions::default() };
        let reading = site.read(options).await.unwrap();
        let racks: Vec<_> = reading.inventory.racks.iter().filter(|r| r.reversed).map(|r| r.id).collect();
        (racks, reading.remarks)
    };
    assert_eq!(reversed("false", &[]).await, (vec![], vec![]));
    assert_eq!(reversed(" true ", &[]).await, (vec![20, 21, 22, 23, 24], vec![]));
    assert_eq!(reversed("{environment}", &[]).await, (vec![20], vec![]), "by the tag above its own");
    assert_eq!(reversed("false", &[21]).await, (vec![21], vec![]));
    assert_eq!(reversed("not [live] and not {$rackid_23}", &[]).await, (vec![21, 22, 24], vec![]));
    assert_eq!(reversed("", &[]).await, (vec![20, 21, 22, 23, 24], vec![]), "as RackTables has it");
    assert_eq!(reversed("{$row_A} and {prod}", &[21, 777]).await, (vec![21], vec![]));
    let (racks, remarks) = reversed("{prod} or", &[22]).await;
    assert_eq!(racks, [22], "a broken one holds for none, and those that are listed stay");
    assert!(remarks[0].contains("REVERSED_RACKS_LISTSRC") && remarks[0].contains("column 10"), "{remarks:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_rackcode_is_told_with_its_place_and_the_rest_is_read() {
    let site = Site::new().await;
    let whole = site.read(InventoryOptions::default()).await.unwrap();
    site.sql(
        "UPDATE Script SET script_text = 'define [live] {prod}\nallow [gone]' WHERE script_name = 'RackCode'",
    )
    .await;
    let broken = site.read(InventoryOptions::default()).await.unwrap();
    let [remark] = &broken.remarks[..] else { panic!("{:?}", broken.remarks) };
    assert!(remark.contains("RackCode of RackTables 0.22.0 is broken"), "{remark}");
    assert!(remark.contains("[gone] is not defined") && remark.contains("line 2, column 7"), "{remark}");
    assert_eq!(broken.inventory.rackcode, "", "one statement that is wrong makes the whole script void");
    assert_eq!(broken.inventory.devices, whole.inventory.devices);
}

#[tokio::test(flavor = "multi_thread")]
async fn text_in_any_encoding_is_passed_through() {
    let site = Site::new().await;
    site.sql(
        "DELETE FROM `Object` WHERE id IN (1, 2, 110);
         ALTER TABLE `Object` MODIFY `name` char(255) CHARACTER SET latin1, MODIFY `label` varbinary(255);
         UPDATE `Object` SET `name` = _latin1 0xD091D0BED180, `label` = 0x20FFC0D0AF WHERE id = 112",
    )
    .await;
    let reading = site.read(InventoryOptions::default()).await.unwrap();
    let device = reading.inventory.devices.last().unwrap();
    assert_eq!(device.name, "Ð‘Ð¾Ñ€", "UTF-8 that went in as latin1");
    assert_eq!(device.label, "\u{fffd}\u{fffd}Я");
}

#[tokio::test(flavor = "multi_thread")]
async fn more_objects_and_racks_than_a_page_holds_are_all_read() {
    let site = Site::new().await;
    site.sql(
        "INSERT INTO `Object` (id, name, objtype_id) SELECT 1000 + seq, CONCAT('rack-', seq), 1560 FROM seq_1_to_1200;
         INSERT INTO `Object` (id, name, objtype_id) SELECT 10000 + seq, CONCAT('srv-', seq), 4 FROM seq_1_to_12000;
         INSERT INTO AttributeValue (object_id, attr_id, uint_value) SELECT 1000 + seq, 27, 42 FROM seq_1_to_1200;
         INSERT INTO AttributeValue (object_id, attr_id, string_value)
           SELECT 10000 + seq, 3, CONCAT('srv-', seq, '.example.net') FROM seq_1_to_12000;
         INSERT INTO RackSpace SELECT 1001 + (seq - 1) DIV 10, 1 + (seq - 1) MOD 10, 'front', 'T', 10000 + seq
           FROM seq_1_to_12000;",
    )
    .await;
    let reading = site.read(InventoryOptions::default()).await.unwrap();
    let many: Vec<_> = reading.inventory.devices.iter().filter(|device| device.id > 10_000).collect();
    assert_eq!((reading.inventory.racks.len(), many.len()), (1_205, 12_000));
    for device in many {
        assert_eq!(device.fqdn, format!("{}.example.net", device.name));
        assert_eq!(device.mounts[0].rack_id, 1_001 + (device.id - 10_001) / 10);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_connection_says_whom_to_mend_and_never_the_password() {
    let site = Site::new().await;
    let options = InventoryOptions::default;
    for (url, reason) in [
        (site.server.url_as("nobody", "geheim", &site.database), "Access denied"),
        (site.server.url("no_such_database"), "Unknown database"),
        ("mysql://heat:geheim@127.0.0.1:1/racktables_db".to_owned(), "127.0.0.1:1 as heat"),
        (format!("{}?ssl-mode=required", site.server.url(&site.database)), "offers no TLS"),
    ] {
        let error = read(&url, options()).await.unwrap_err();
        assert!(error.contains(reason), "{error}");
        assert!(!error.contains("geheim"), "{error}");
        let source = format!("{:?}", InventorySource::from_url(&url, options()).unwrap());
        assert!(!source.contains("geheim"), "{source}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_stands_still_is_left_at_the_deadline() {
    let site = Site::new().await;
    let lock = format!("LOCK TABLES `{}`.`EntityLink` WRITE; SELECT SLEEP(120)", site.database);
    let site = std::sync::Arc::new(site);
    let holder = tokio::spawn({
        let site = site.clone();
        async move { site.server.execute_sql(&site.database, &lock).await }
    });
    let holders = "SELECT id FROM information_schema.processlist WHERE info LIKE 'SELECT SLEEP(120)%'";
    let id = eventually("the lock", Duration::from_secs(10), async || {
        let id = site.sql(&format!("{holders} AND db = '{}'", site.database)).await;
        (!id.is_empty()).then_some(id)
    })
    .await
    .unwrap();
    let url = format!("{}?timeout=1", site.server.url(&site.database));
    let error = read(&url, InventoryOptions::default()).await.unwrap_err();
    assert!(error.contains("more than 1 s") && error.contains("timeout=5"), "{error}");
    site.sql(&format!("KILL {id}")).await;
    let _ = holder.await.unwrap();
    read(&url, InventoryOptions::default()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_breaks_is_an_error_and_the_next_reading_is_whole_again() {
    let site = Site::new().await;
    let direct = site.server.url(&site.database);
    let address = direct.split('@').nth(1).unwrap().split('/').next().unwrap();
    let proxy = Proxy::start(address).await.unwrap();
    let url = direct.replace(address, &proxy.addr().to_string());
    let whole = read(&url, InventoryOptions::default()).await.unwrap();

    // Slow enough that the cut comes between two queries.
    proxy.delay(Duration::from_millis(30));
    let reading = tokio::spawn({
        let url = url.clone();
        async move { read(&url, InventoryOptions::default()).await }
    });
    let connected = format!(
        "SELECT id FROM information_schema.processlist WHERE db = '{}' AND id <> CONNECTION_ID()",
        site.database
    );
    let seen = async || (!site.sql(&connected).await.is_empty()).then_some(());
    eventually("the reader", Duration::from_secs(10), seen).await.unwrap();
    proxy.cut();
    let error = reading.await.unwrap().unwrap_err();
    assert!(error.contains("RackTables"), "{error}");

    proxy.restore();
    proxy.delay(Duration::ZERO);
    let again = read(&url, InventoryOptions::default()).await.unwrap();
    assert_eq!(again.inventory, whole.inventory);
}
