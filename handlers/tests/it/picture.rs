//! The snapshot, the inventory and the coverage over HTTP.

use reqwest::{Method, StatusCode};

use crate::stage::{FIRST, Stage, answer, event};

#[tokio::test]
async fn the_stored_gzip_arrives_untouched_and_a_known_revision_is_not_sent_again() {
    let stage = Stage::without_postgres().await;
    let packed = stage.publish_bytes(FIRST, br#"{"revision":1795468075123}"#).await;
    let replica = stage.replica().await;
    let path = "/api/v1/snapshot";
    let ask = || replica.request(Method::GET, path).header("accept-encoding", "gzip");

    let first = ask().send().await.unwrap();
    assert_eq!(first.status(), StatusCode::OK);
    for (name, value) in [
        ("etag", "\"1795468075123\""),
        ("content-encoding", "gzip"),
        ("content-type", "application/json"),
        ("vary", "Accept-Encoding"),
        ("cache-control", "no-cache"),
    ] {
        assert_eq!(first.headers()[name], value, "{name}");
    }
    let etag = first.headers()["etag"].clone();
    assert_eq!(first.bytes().await.unwrap(), packed.gzip());

    let again = ask().header("if-none-match", &etag).send().await.unwrap();
    assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
    assert_eq!(again.headers()["etag"], etag);
    assert!(again.bytes().await.unwrap().is_empty());

    stage.publish_bytes(FIRST + 1, b"{}").await;
    let changed = ask().header("if-none-match", &etag).send().await.unwrap();
    assert_eq!(changed.status(), StatusCode::OK, "an answer is never older than what Redis holds");
    assert_eq!(changed.headers()["etag"], "\"1795468075124\"");

    let head = replica.request(Method::HEAD, path).header("accept-encoding", "gzip").send().await.unwrap();
    assert_eq!(head.status(), StatusCode::OK);
    assert!(head.bytes().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_client_that_refuses_gzip_gets_the_same_document_inflated() {
    let stage = Stage::without_postgres().await;
    let json = stage.publish(FIRST, (0..500).map(|n| event(n, "srv-1")).collect()).await;
    let version = stage.publish_places().await;
    let replica = stage.replica().await;
    for encoding in ["identity", "gzip;q=0, br"] {
        let path = "/api/v1/snapshot";
        let response =
            replica.request(Method::GET, path).header("accept-encoding", encoding).send().await.unwrap();
        assert!(response.headers().get("content-encoding").is_none());
        assert_eq!(response.headers()["etag"], format!("W/\"{FIRST}\""), "other bytes are no strong match");
        assert_eq!(response.bytes().await.unwrap(), json);
    }
    let inventory = replica.json("/api/v1/inventory", StatusCode::OK).await;
    assert_eq!(inventory["version"], *version);
}

#[tokio::test]
async fn the_inventory_and_the_coverage_carry_their_versions() {
    let stage = Stage::without_postgres().await;
    let replica = stage.replica().await;
    for path in ["/api/v1/inventory", "/api/v1/coverage", "/api/v1/snapshot"] {
        let early = replica.get(path).await;
        assert_eq!(early.headers()["retry-after"], "5");
        answer(early, StatusCode::SERVICE_UNAVAILABLE).await;
    }
    let version = stage.publish_places().await;
    for path in ["/api/v1/inventory", "/api/v1/coverage"] {
        let ask = || replica.request(Method::GET, path).header("accept-encoding", "gzip");
        let response = ask().send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-encoding"], "gzip");
        let etag = response.headers()["etag"].clone();
        if path.ends_with("inventory") {
            assert_eq!(etag, format!("\"{version}\""));
        }
        let again = ask().header("if-none-match", etag).send().await.unwrap();
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
    }
}
