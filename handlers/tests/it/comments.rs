//! Comments, from the request to the audit log.

use heat::placement::Unplaced;
use heat::snapshot::ActiveEvent;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::stage::{FIRST, Replica, Stage, answer, event, segment};

fn of(key: &str) -> String {
    format!("/api/v1/events/{}/comments", segment(key))
}

async fn on_stage(events: Vec<ActiveEvent<'static>>) -> (Stage, Replica) {
    let stage = Stage::whole().await;
    stage.publish(FIRST, events).await;
    let replica = stage.replica().await;
    replica.shows(FIRST).await;
    (stage, replica)
}

async fn audit(stage: &Stage) -> Vec<(String, String, String)> {
    let mut connection = stage.db().connection().await.unwrap();
    heat::db::audit::latest(&mut connection, 20).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_comment_is_written_read_changed_and_deleted_and_each_deed_is_audited() {
    let (stage, replica) = on_stage(vec![event(1, "srv-1")]).await;
    let key = "zabbix:t1:srv-1";
    let told = stage.cache.changed().await.unwrap();

    let response = replica
        .request(Method::POST, &of(key))
        .json(&json!({"text": " on my way \r\n"}))
        .send()
        .await
        .unwrap();
    let location = response.headers()["location"].to_str().unwrap().to_owned();
    let created = answer(response, StatusCode::CREATED).await;
    assert_eq!(created["text"], "on my way");
    assert_eq!(created["event_key"], key);
    assert_eq!(created["event_id"], "zabbix:1:srv-1");
    assert_eq!((&created["author"], &created["own"]), (&json!("operator"), &json!(true)));
    assert_eq!(location, format!("/api/v1/comments/{}", created["id"]));
    assert_eq!(stage.cache.changed().await.unwrap(), told + 1, "the publisher was told");

    let edited = replica.send(Method::PATCH, &location, &json!({"text": "here"}), StatusCode::OK).await;
    assert_eq!(edited["text"], "here");
    assert!(edited["edited_at"].is_string());
    let page = replica.json(&of(key), StatusCode::OK).await;
    assert_eq!(page, json!({ "comments": [edited] }));

    let delete =
        async |status| answer(replica.request(Method::DELETE, &location).send().await.unwrap(), status).await;
    delete(StatusCode::NO_CONTENT).await;
    delete(StatusCode::NOT_FOUND).await;
    replica.send(Method::PATCH, &location, &json!({"text": "x"}), StatusCode::NOT_FOUND).await;
    assert_eq!(replica.json(&of(key), StatusCode::OK).await, json!({}));
    assert_eq!(stage.cache.changed().await.unwrap(), told + 3, "what failed is not told");

    let target = format!("comment:{}", created["id"]);
    let deeds = ["comment.delete", "comment.edit", "comment.create"];
    let expected = deeds.map(|deed| ("operator".to_owned(), deed.to_owned(), target.clone()));
    assert_eq!(audit(&stage).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_comment_hangs_on_a_key_that_is_or_was_and_on_no_other() {
    let pending = ActiveEvent { unplaced: Some(Unplaced::HostPending), ..event(3, "") };
    let pending_key = pending.key.to_string();
    let (stage, replica) = on_stage(vec![event(1, "a"), pending]).await;
    let text = json!({"text": "x"});
    replica.send(Method::POST, &of("zabbix:t9:a"), &text, StatusCode::NOT_FOUND).await;
    let refused = replica.send(Method::POST, &of(&pending_key), &text, StatusCode::NOT_FOUND).await;
    assert!(refused["detail"].as_str().unwrap().contains("host"));

    replica.send(Method::POST, &of("zabbix:t1:a"), &text, StatusCode::CREATED).await;
    stage.publish(FIRST + 1, vec![]).await;
    replica.shows(FIRST + 1).await;
    let later = replica.send(Method::POST, &of("zabbix:t1:a"), &text, StatusCode::CREATED).await;
    assert!(later.get("event_id").is_none(), "it is over, but remembered");
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_with_slashes_percents_and_cyrillic_letters_survive_the_path() {
    let keys = ["j:http%3A8080/p100%25?x=1&y:sas-sw1", "z:диск полон/#1:сервер-1", "z:a b+c;d%2F:h"];
    let events = keys.iter().zip(1..).map(|(key, n)| ActiveEvent { key: (*key).into(), ..event(n, "h") });
    let (_stage, replica) = on_stage(events.collect()).await;
    for key in keys {
        let created = replica.send(Method::POST, &of(key), &json!({"text": key}), StatusCode::CREATED).await;
        assert_eq!(created["event_key"], key);
        let shown = replica.json(&format!("/api/v1/events/{}", segment(key)), StatusCode::OK).await;
        assert_eq!(shown["key"], key);
        assert_eq!(shown["comments"][0]["text"], key);
        assert_eq!(shown["events"][0]["key"], key);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_comment_reaches_the_key_of_every_opening_and_gone_ones_are_listed() {
    let twin = ActiveEvent { id: "zabbix:11:a".into(), ..event(1, "a") };
    let (stage, replica) = on_stage(vec![event(1, "a"), twin, event(2, "b")]).await;
    let ids = ["zabbix:1:a", "zabbix:11:a", "zabbix:2:b", "zabbix:2:b", "zabbix:7:gone"];
    let done = replica
        .send(Method::POST, "/api/v1/comments", &json!({"ids": ids, "text": "power"}), StatusCode::CREATED)
        .await;
    assert_eq!(done["unknown"], json!(["zabbix:7:gone"]));
    let keys: Vec<_> =
        done["comments"].as_array().unwrap().iter().map(|comment| &comment["event_key"]).collect();
    assert_eq!(keys, ["zabbix:t1:a", "zabbix:t2:b"]);
    assert_eq!(audit(&stage).await.len(), 2);

    let gone = json!({"ids": ["zabbix:7:gone", "zabbix:8:gone"], "text": "x"});
    replica.send(Method::POST, "/api/v1/comments", &gone, StatusCode::NOT_FOUND).await;
    assert_eq!(audit(&stage).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_thread_comes_in_pages_that_neither_repeat_nor_lose_a_comment() {
    let (_stage, replica) = on_stage(vec![event(1, "a")]).await;
    for number in 0..7 {
        replica
            .send(Method::POST, &of("zabbix:t1:a"), &json!({"text": number.to_string()}), StatusCode::CREATED)
            .await;
    }
    let (mut texts, mut path) = (Vec::new(), format!("{}?limit=3", of("zabbix:t1:a")));
    loop {
        let page = replica.json(&path, StatusCode::OK).await;
        texts.extend(
            page["comments"].as_array().unwrap().iter().map(|c| c["text"].as_str().unwrap().to_owned()),
        );
        let Some(next) = page["next"].as_str() else { break };
        path = format!("{}?limit=3&cursor={next}", of("zabbix:t1:a"));
    }
    assert_eq!(texts, ["6", "5", "4", "3", "2", "1", "0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_its_author_changes_a_comment() {
    let stage = Stage::whole().await;
    stage.publish(FIRST, vec![event(1, "a")]).await;
    let groups = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(groups.path(), "[groups]\n\"*\" = \"operator\"\n").unwrap();
    let file = groups.path().to_str().unwrap();
    let replica =
        stage.replica_with(&["--auth", "proxy", "--public-url", "https://h.example", "--config", file]).await;
    replica.shows(FIRST).await;
    let ask = async |user: &str, method: Method, path: &str, body: Value, status: StatusCode| {
        let request = replica.request(method, path).header("x-forwarded-user", user);
        answer(request.header("origin", "https://h.example").json(&body).send().await.unwrap(), status).await
    };
    let text = json!({"text": "mine"});
    let comment = ask("anna", Method::POST, &of("zabbix:t1:a"), text.clone(), StatusCode::CREATED).await;
    let path = format!("/api/v1/comments/{}", comment["id"]);
    ask("boris", Method::PATCH, &path, text.clone(), StatusCode::FORBIDDEN).await;
    ask("boris", Method::DELETE, &path, Value::Null, StatusCode::FORBIDDEN).await;
    let seen = ask("boris", Method::GET, &of("zabbix:t1:a"), Value::Null, StatusCode::OK).await;
    assert!(seen["comments"][0].get("own").is_none());
    ask("anna", Method::PATCH, &path, text, StatusCode::OK).await;
}
