//! A whole RackTables database: a dump that may lie beside the repository. RackTables' licence keeps it out of it.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::time::Instant;

use flate2::read::GzDecoder;
use heat::placement::Places;
use heat_devkit::backends::MariaDb;
use heat_jobs::upstream::inventory::{InventoryOptions, InventorySource};

/// 480 racks and 10,000 objects in the schema of 0.22, seen from the directory that holds the repository.
const DUMP: &str = "shared/real/racktables/inventory.sql.gz";

#[tokio::test(flavor = "multi_thread")]
async fn a_real_inventory_of_ten_thousand_objects_is_read_whole() {
    let dump = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().join(DUMP);
    if !dump.exists() {
        println!("skipped: there is no {}", dump.display());
        return;
    }
    let server = MariaDb::shared().await.unwrap();
    let database = server.fresh_database().await.unwrap();
    let mut sql = String::from("SET autocommit=0;\n");
    GzDecoder::new(File::open(dump).unwrap()).read_to_string(&mut sql).unwrap();
    sql.push_str("COMMIT;\n");
    server.execute_sql(&database, &sql).await.unwrap();

    let url = server.url(&database);
    let mut source = InventorySource::from_url(&url, InventoryOptions::default()).unwrap();
    let begun = Instant::now();
    let reading = source.read().await.unwrap();
    let took = begun.elapsed();

    let inventory = &reading.inventory;
    assert_eq!(inventory.locations.len(), 4);
    assert_eq!(inventory.rows.len(), 24);
    assert_eq!(inventory.racks.len(), 480);
    assert_eq!(inventory.devices.len(), 10_000);
    let places = Places::new(inventory);
    let standing = inventory.devices.iter().filter(|device| places.rack_of(device.id).is_some()).count();
    assert_eq!(standing, 9_503, "the others are mounted nowhere");
    assert_eq!(reading.damage, []);
    println!("{} in {took:?}", reading.origin);
    let again = source.read().await.unwrap();
    assert_eq!(again.inventory.version, inventory.version, "the same data is the same version");
}
