//! Inventories in files.

#![expect(clippy::unwrap_used, reason = "a test may panic, and so may what it is made of")]

use heat::placement::Places;
use heat_devkit::world::{Size, World};
use heat_jobs::upstream::inventory::{InventoryOptions, InventorySource, Reading};

struct File(tempfile::NamedTempFile);

impl File {
    fn new(extension: &str, content: impl AsRef<[u8]>) -> Self {
        let file = tempfile::Builder::new().suffix(extension).tempfile().unwrap();
        std::fs::write(&file, content).unwrap();
        Self(file)
    }

    async fn read(&self) -> Result<Reading, String> {
        let url = format!("file://{}", self.0.path().display());
        let mut source = InventorySource::from_url(&url, InventoryOptions::default()).unwrap();
        source.read().await.map_err(|error| error.to_string())
    }
}

#[tokio::test]
async fn the_same_world_as_json_and_as_a_table_places_its_devices_alike() {
    let world = World::generate(Size::SMALL, 3);
    let json = File::new(".json", world.inventory_json()).read().await.unwrap();
    assert_eq!(json.inventory.devices.len(), world.devices.len());
    let csv = File::new(".csv", world.inventory_csv()).read().await.unwrap();
    assert_eq!(csv.inventory.racks.len(), world.racks.len());
    assert_eq!(csv.damage, []);
    let places = Places::new(&csv.inventory);
    let named = world.devices.iter().filter(|device| !world.damage.same_name.contains(&device.id));
    for device in named.filter(|device| device.id != world.damage.in_two_racks) {
        let Some(rack) = world.rack_of(device.id).filter(|_| !device.name.is_empty()) else { continue };
        let found =
            places.find(&device.name).rack().unwrap_or_else(|| panic!("{} is in no rack", device.name));
        let found = csv.inventory.racks.iter().find(|rack| rack.id == found).unwrap();
        assert_eq!(found.name, world.rack(rack).unwrap().name, "{}", device.name);
    }
}

#[tokio::test]
async fn what_was_exported_reads_as_it_was() {
    let first = File::new(".json", World::generate(Size::SMALL, 3).inventory_json()).read().await.unwrap();
    let second = File::new(".json", serde_json::to_vec(&first.inventory).unwrap()).read().await.unwrap();
    assert_eq!(second.inventory, first.inventory);
    assert_eq!(second.damage, [], "everything was mended before");
}

#[tokio::test]
async fn a_file_is_read_anew_each_time() {
    let file = File::new(".JSON", r#"{"racks":[{"id":1,"name":"A01","height":42}]}"#);
    let before = file.read().await.unwrap();
    std::fs::write(&file.0, "\u{feff}{\"format\":1,\"racks\":[{\"id\":1,\"name\":\"A01\",\"height\":48}]}")
        .unwrap();
    let after = file.read().await.unwrap();
    assert_eq!((before.inventory.racks[0].height, after.inventory.racks[0].height), (42, 48));
    assert_ne!(before.inventory.version, after.inventory.version);
}

#[tokio::test]
async fn what_is_wrong_in_a_file_is_named_with_its_place() {
    for (extension, content, complaints) in [
        (
            ".json",
            "{\n \"racks\": [{\"id\":1,\"height\":42,\n  \"hight\":1}]}",
            ["unknown field `hight`", "line 3 column"],
        ),
        (".json", "{\"racks\": [{\"id\":1}]}", ["missing field `height`", "line 1"]),
        (".json", "{\"racks\": [", ["EOF", "line 1"]),
        (".json", "<html>", ["expected", "line 1"]),
        (".json", "{\"format\": 9}", ["format 9", "reads 1"]),
        (".csv", "location,row,rack,height,unit,device\n\"SAS,A,A01,42,1,srv", ["line 2", "fields"]),
    ] {
        let file = File::new(extension, content);
        let error = file.read().await.unwrap_err();
        for complaint in complaints {
            assert!(error.contains(complaint), "{error}");
        }
        assert!(error.contains(&file.0.path().display().to_string()), "{error}");
    }
}

#[tokio::test]
async fn a_file_that_is_not_there_and_one_of_no_known_form_say_so() {
    let url = "file:///nowhere/inventory.json";
    let error =
        InventorySource::from_url(url, InventoryOptions::default()).unwrap().read().await.unwrap_err();
    assert!(error.to_string().contains("/nowhere/inventory.json: No such file"), "{error}");
    for url in ["file:///etc/inventory.xlsx", "file://server/inventory.json"] {
        let error = InventorySource::from_url(url, InventoryOptions::default()).unwrap_err().to_string();
        assert!(error.contains(".json") && error.contains("inventory"), "{error}");
    }
}

#[tokio::test]
async fn an_inventory_without_racks_is_a_remark() {
    let reading = File::new(".json", "{}").read().await.unwrap();
    assert!(reading.remarks[0].contains("holds no racks"), "{:?}", reading.remarks);
}
