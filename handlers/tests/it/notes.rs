//! Notes on places by HTTP.

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::stage::Stage;

#[tokio::test(flavor = "multi_thread")]
async fn a_note_is_written_on_a_place_changed_by_anybody_and_deleted() {
    let stage = Stage::whole().await;
    stage.publish_places().await;
    let replica = stage.replica().await;
    let before = stage.cache.changed().await.unwrap();
    let new = json!({ "place": "rack:3", "text": " works ", "until": "2096-01-01T00:00:00Z", "quiet": true });
    let note = replica.send(Method::POST, "/api/v1/notes", &new, StatusCode::CREATED).await;
    assert_eq!((&note["text"], &note["quiet"]), (&json!("works"), &json!(true)));
    assert!(stage.cache.changed().await.unwrap() > before, "the publisher is told");
    let path = format!("/api/v1/notes/{}", note["id"]);
    let edits = json!({ "until": null, "quiet": false });
    let edited = replica.send(Method::PATCH, &path, &edits, StatusCode::OK).await;
    assert_eq!((edited.get("until"), edited.get("quiet"), &edited["text"]), (None, None, &json!("works")));
    let page = replica.json("/api/v1/notes?place=rack:3&limit=1", StatusCode::OK).await;
    assert_eq!(page["notes"][0]["id"], note["id"]);
    assert_eq!(replica.json("/api/v1/notes?place=rack:4", StatusCode::OK).await, json!({ "notes": [] }));
    replica.send(Method::DELETE, &path, &json!({}), StatusCode::NO_CONTENT).await;
    replica.send(Method::DELETE, &path, &json!({}), StatusCode::NOT_FOUND).await;
    replica.send(Method::PATCH, &path, &edits, StatusCode::NOT_FOUND).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_must_be_one_and_stand_in_the_inventory() {
    let stage = Stage::whole().await;
    stage.publish_places().await;
    let replica = stage.replica().await;
    for (place, status) in [("rack:99999", StatusCode::NOT_FOUND), ("shelf:3", StatusCode::BAD_REQUEST)] {
        let new = json!({ "place": place, "text": "works" });
        replica.send(Method::POST, "/api/v1/notes", &new, status).await;
    }
    for wrong in ["place=rack", "limit=0", "cursor=42", "q=x"] {
        replica.json(&format!("/api/v1/notes?{wrong}"), StatusCode::BAD_REQUEST).await;
    }
}
