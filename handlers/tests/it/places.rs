//! One rack, one device, and what is wrong with the inventory.

use heat::inventory::Damage;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::stage::{FIRST, Replica, Stage};

async fn example() -> (Stage, Replica) {
    let stage = Stage::without_postgres().await;
    stage.publish_bytes(FIRST, include_bytes!("../../../lib/examples/snapshot.json")).await;
    stage.publish_places().await;
    let replica = stage.replica_with(&["--auth", "off", "--racktables-web-url", "https://r.example"]).await;
    replica.shows(FIRST).await;
    (stage, replica)
}

fn ids<'a>(list: &'a Value, id: &str) -> Vec<&'a Value> {
    list.as_array().into_iter().flatten().map(|entry| &entry[id]).collect()
}

#[tokio::test]
async fn a_rack_is_told_with_what_stands_in_it_what_burns_there_and_what_is_around_it() {
    let (_stage, replica) = example().await;
    let rack = replica.json("/api/v1/racks/3", StatusCode::OK).await;
    assert_eq!(rack["rack"]["name"], "A01");
    assert_eq!(rack["row"], json!({ "id": 2, "name": "SAS-A" }));
    assert_eq!(ids(&rack["locations"], "name"), ["Europe", "SAS"]);
    assert_eq!(rack["link"], "https://r.example/index.php?page=rack&rack_id=3");
    assert!(ids(&rack["devices"], "id").contains(&&json!(513)));
    assert!(!rack["events"].as_array().unwrap().is_empty());
    assert!(ids(&rack["events"], "rack_id").iter().all(|id| **id == json!(3)));
    replica.json("/api/v1/racks/99999", StatusCode::NOT_FOUND).await;
    replica.json("/api/v1/racks/x", StatusCode::BAD_REQUEST).await;
}

#[tokio::test]
async fn a_device_is_told_with_where_it_stands_who_watches_it_and_what_burns_on_it() {
    let (_stage, replica) = example().await;
    let device = replica.json("/api/v1/devices/513", StatusCode::OK).await;
    assert_eq!(device["device"]["serial"], "9QW1M73");
    assert_eq!((&device["racks"][0]["id"], &device["racks"][0]["row"]["name"]), (&json!(3), &json!("SAS-A")));
    assert_eq!(device["link"], "https://r.example/index.php?page=object&object_id=513");
    assert!(device["watched_by"].as_array().unwrap().contains(&json!("juggler")), "it watches all");
    assert!(!device["events"].as_array().unwrap().is_empty());
    let spare = replica.json("/api/v1/devices/520", StatusCode::OK).await;
    assert!(spare.get("racks").is_none());
    replica.json("/api/v1/devices/99999", StatusCode::NOT_FOUND).await;
}

#[tokio::test]
async fn what_is_wrong_with_the_inventory_is_told_page_by_page() {
    let (stage, replica) = example().await;
    let damage = [Damage::new("rack", 31, "is 900 units high; 200 are shown")];
    stage.cache.write_damage(stage.fence, &damage).await.unwrap();
    let all = replica.json("/api/v1/inventory/problems", StatusCode::OK).await;
    let whole = all["problems"].as_array().unwrap();
    assert!(whole.iter().any(|problem| problem["kind"] == "damaged" && problem["id"] == 31), "{all}");
    assert!(whole.iter().any(|problem| problem["kind"] == "no_rack" && problem["id"] == 520), "{all}");
    assert!(all["counts"]["unknown_host"].as_u64().unwrap() > 0, "{all}");
    assert!(all["counts"].get("unwatched").is_none(), "Juggler watches all");

    let (mut paged, mut query) = (Vec::new(), "limit=1".to_owned());
    loop {
        let page = replica.json(&format!("/api/v1/inventory/problems?{query}"), StatusCode::OK).await;
        paged.extend(page["problems"].as_array().unwrap().iter().cloned());
        let Some(next) = page.get("next") else { break };
        query = format!("limit=1&cursor={}", next.as_str().unwrap());
    }
    assert_eq!(&paged, whole);
    let some = replica.json("/api/v1/inventory/problems?kind=damaged", StatusCode::OK).await;
    assert_eq!(ids(&some["problems"], "kind"), ["damaged"]);
    replica.json("/api/v1/inventory/problems?kind=none", StatusCode::BAD_REQUEST).await;
}
