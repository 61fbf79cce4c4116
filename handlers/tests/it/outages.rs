//! Stores that die, and what their users see until they are back.

use futures_util::StreamExt;
use heat_devkit::eventually;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::time::timeout;
use tokio_tungstenite::connect_async;

use crate::stage::{FIRST, PATIENCE, Replica, Stage, answer, event};

async fn first_message(replica: &Replica) -> Vec<u8> {
    let (mut socket, _) = connect_async(format!("ws://{}/api/v1/live", replica.addr)).await.unwrap();
    let message = timeout(PATIENCE, socket.next()).await.expect("in time").expect("a message").unwrap();
    message.into_data().to_vec()
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_the_last_picture_is_shown_and_a_redis_that_comes_back_empty_heals() {
    let mut stage = Stage::to_be_killed().await;
    let json = stage.publish(FIRST, vec![event(1, "a")]).await;
    let version = stage.publish_places().await;
    let replica = stage.replica().await;
    replica.shows(FIRST).await;
    assert_eq!(replica.json("/api/v1/inventory", StatusCode::OK).await["version"], *version);
    let (mut open, _) = connect_async(format!("ws://{}/api/v1/live", replica.addr)).await.unwrap();
    open.next().await.unwrap().unwrap();

    stage.redis.kill().unwrap();
    let snapshot = replica.get("/api/v1/snapshot").await;
    assert_eq!(snapshot.status(), StatusCode::OK);
    assert_eq!(snapshot.bytes().await.unwrap(), json);
    assert_eq!(first_message(&replica).await, json, "a new socket gets the last frame");
    let kept = replica.json("/api/v1/inventory", StatusCode::OK).await;
    assert_eq!(kept["version"], *version, "and the map it stands on");
    let readiness = replica.json("/readyz", StatusCode::OK).await;
    assert_eq!(readiness["status"], "degraded");
    assert!(readiness["degraded"][0].to_string().contains("Redis"), "{readiness}");
    let status = replica.get("/status").await;
    assert_eq!(status.status(), StatusCode::OK);
    assert!(status.text().await.unwrap().contains("Redis does not answer"));
    // A comment is committed though the publisher cannot be told.
    let path = "/api/v1/events/zabbix:t1:a/comments";
    replica.send(Method::POST, path, &json!({"text": "x"}), StatusCode::CREATED).await;

    stage.redis.start_again_empty().await.unwrap();
    assert_eq!(
        replica.get("/api/v1/snapshot").await.bytes().await.unwrap(),
        json,
        "an empty Redis hides nothing"
    );
    stage.take_lease_again().await;
    let newer = stage.publish(FIRST + 1, vec![]).await;
    let message = timeout(PATIENCE, open.next()).await.expect("in time").unwrap().unwrap();
    assert_eq!(message.into_data(), newer, "the socket that was open all the time goes on");
    replica.shows(FIRST + 1).await;
    eventually("health", PATIENCE, async || {
        (replica.json("/readyz", StatusCode::OK).await["status"] == "ok").then_some(())
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn without_postgres_nothing_is_written_and_everything_else_is_shown() {
    let mut stage = Stage::to_be_killed().await;
    stage.publish(FIRST, vec![event(1, "a")]).await;
    let replica = stage.replica().await;
    replica.shows(FIRST).await;
    let path = "/api/v1/events/zabbix:t1:a/comments";
    let write =
        async || replica.request(Method::POST, path).json(&json!({"text": "x"})).send().await.unwrap();
    answer(write().await, StatusCode::CREATED).await;

    stage.postgres.as_mut().unwrap().kill().unwrap();
    // A connection's own process may live a moment longer than the server.
    let refused = eventually("a refusal", PATIENCE, async || {
        Some(write().await).filter(|answer| answer.status() != StatusCode::CREATED)
    })
    .await
    .unwrap();
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.headers()["retry-after"], "5");
    let problem = answer(refused, StatusCode::SERVICE_UNAVAILABLE).await;
    assert!(problem["detail"].as_str().unwrap().contains("comments database"), "{problem}");
    let event: Value = replica.json("/api/v1/events/zabbix:t1:a", StatusCode::OK).await;
    assert_eq!(event["events"][0]["name"], "problem 1", "an event is shown without its thread");
    assert_eq!(replica.get("/api/v1/snapshot").await.status(), StatusCode::OK);
    let readiness = replica.json("/readyz", StatusCode::OK).await;
    assert!(readiness["degraded"][0].to_string().contains("comments database"), "{readiness}");

    stage.postgres.as_mut().unwrap().start_again().await.unwrap();
    eventually("a write to succeed", PATIENCE, async || {
        (write().await.status() == StatusCode::CREATED).then_some(())
    })
    .await
    .unwrap();
    let page = replica.json(path, StatusCode::OK).await;
    assert_eq!(page["comments"].as_array().unwrap().len(), 2, "what was refused was not half done");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_hangs_does_not_hang_the_picture() {
    let mut stage = Stage::to_be_killed().await;
    let json = stage.publish(FIRST, vec![event(1, "a")]).await;
    let replica = stage.replica().await;
    replica.shows(FIRST).await;
    stage.redis.process().unwrap().freeze().unwrap();
    assert_eq!(replica.get("/api/v1/snapshot").await.bytes().await.unwrap(), json);
    assert_eq!(replica.get("/status").await.status(), StatusCode::OK);
    stage.redis.process().unwrap().thaw().unwrap();
    let newer = stage.publish(FIRST + 1, vec![]).await;
    replica.shows(FIRST + 1).await;
    assert_eq!(replica.get("/api/v1/snapshot").await.bytes().await.unwrap(), newer);
}
