//! The pages and the metrics.

use heat::cache::{JobRecord, SourceHealth, TemplatesRecord};
use heat::snapshot::Status;
use heat::template::Files;
use heat::time::Timestamp;
use heat_devkit::eventually;
use heat_devkit::process::free_port;
use reqwest::StatusCode;

use crate::stage::{FIRST, PATIENCE, Replica, Stage};

async fn page(replica: &Replica, path: &str) -> String {
    let response = replica.get(path).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["content-type"], "text/html; charset=utf-8");
    let policy = response.headers()["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
    response.text().await.unwrap()
}

#[tokio::test]
async fn the_status_page_tells_of_sources_jobs_replicas_and_the_lease() {
    let stage = Stage::without_postgres().await;
    stage.publish_bytes(FIRST, include_bytes!("../../../lib/examples/snapshot.json")).await;
    let health = SourceHealth {
        kind: "zabbix".into(),
        status: Status::Failed,
        fetched_at: Some(Timestamp::now()),
        error: Some("the token was refused".into()),
        ..SourceHealth::default()
    };
    stage.cache.write_source(stage.fence, "zabbix-2", &health, Some(&[]), None, None).await.unwrap();
    let job =
        JobRecord { name: "refresh zabbix-2".into(), outcome: "timed out".into(), ..JobRecord::default() };
    stage.cache.write_job(stage.fence, &job).await.unwrap();
    let replica = stage.replica().await;
    let own = format!(":{}", replica.addr.port());
    eventually("the replica's heartbeat", PATIENCE, async || {
        page(&replica, "/status").await.contains("(this one)").then_some(())
    })
    .await
    .unwrap();
    replica.shows(FIRST).await;
    let page = page(&replica, "/status").await;
    for words in [
        "zabbix-2",
        "the token was refused",
        "refresh zabbix-2",
        "timed out",
        &own,
        "juggler",
        "Postgres does not answer",
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
    assert!(page.contains("<td class=\"good\">test</td>"), "who holds the lease");
    assert!(page.contains("by keyspace notifications"));
}

#[tokio::test]
async fn the_status_page_tells_which_templates_are_active_and_why_newer_ones_are_not() {
    let stage = Stage::without_postgres().await;
    let replica = stage.replica().await;
    assert!(page(&replica, "/status").await.contains("None have been pulled; HEAT_TEMPLATES_URL"));
    let good = TemplatesRecord {
        version: "c0ffee0123456789c0ffee0123456789c0ffee01".into(),
        subject: "Say <which> rack".into(),
        committed_at: Some(Timestamp::now()),
        pulled_at: Some(Timestamp::now()),
        ..TemplatesRecord::default()
    };
    stage.cache.write_templates(stage.fence, &good, Some(&Files::default())).await.unwrap();
    let well = page(&replica, "/status").await;
    assert!(well.contains("<span class=\"good\">c0ffee012345 Say &lt;which&gt; rack, committed "), "{well}");
    assert!(!well.contains("is not taken"));
    let bad = TemplatesRecord {
        rejected: Some("decaf00000000000000000000000000000000000".into()),
        error: Some("tickets/a.md.j2:3: no filter cod\ntests/a.yaml:9: summary is not as expected".into()),
        pull_error: Some("the templates' repository cannot be reached".into()),
        ..good
    };
    stage.cache.write_templates(stage.fence, &bad, None).await.unwrap();
    let page = page(&replica, "/status").await;
    for words in [
        "c0ffee012345 Say",
        "<span class=\"bad\">decaf0000000 is not taken</span>",
        "<p>tickets/a.md.j2:3: no filter cod</p><p>tests/a.yaml:9: summary is not as expected</p>",
        "<p>the templates&#039; repository cannot be reached</p>",
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
}

#[tokio::test]
async fn the_table_shows_every_event_and_where_it_stands() {
    let stage = Stage::without_postgres().await;
    stage.publish_bytes(FIRST, include_bytes!("../../../lib/examples/snapshot.json")).await;
    let replica = stage.replica().await;
    replica.shows(FIRST).await;
    assert!(page(&replica, "/plain").await.contains("rack 3"), "without an inventory a place is its number");
    stage.publish_places().await;
    let page = page(&replica, "/plain").await;
    assert!(page.contains("SAS / SAS-A / A01 / srv-00001"), "{page}");
    assert!(page.contains("http://zabbix.example.net/tr_events.php?triggerid=30117&amp;eventid=81204"));
    assert!(page.contains("NOT LIVE"), "the example is of another day");
}

#[tokio::test]
async fn what_the_replica_does_is_counted() {
    let stage = Stage::without_postgres().await;
    stage.publish(FIRST, vec![]).await;
    let port = free_port().unwrap();
    let replica =
        stage.replica_with(&["--auth", "off", "--metrics-listen", &format!("127.0.0.1:{port}")]).await;
    replica.shows(FIRST).await;
    replica.get("/nowhere/at/all").await;
    let metrics =
        reqwest::get(format!("http://127.0.0.1:{port}/metrics")).await.unwrap().text().await.unwrap();
    for line in [
        "heat_api_requests_total{route=\"readyz\",status=\"200\"}",
        "heat_api_requests_total{route=\"none\",status=\"404\"} 1",
        &format!("heat_api_revision {FIRST}"),
        "heat_api_sockets 0",
        "heat_api_frames_sent_total 0",
        "heat_api_snapshot_received_timestamp_seconds ",
    ] {
        assert!(metrics.contains(line), "{line}\n{metrics}");
    }
}
