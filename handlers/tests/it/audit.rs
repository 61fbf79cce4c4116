//! The audit log, as an admin reads it.

use heat::role::Role;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::stage::{FIRST, Replica, Stage, answer, event};

async fn read(replica: &Replica, token: &str, query: &str) -> Value {
    let request = replica.request(Method::GET, &format!("/api/v1/audit{query}")).bearer_auth(token);
    answer(request.send().await.unwrap(), StatusCode::OK).await
}

fn of<'a>(page: &'a Value, field: &str) -> Vec<&'a Value> {
    page["entries"].as_array().unwrap().iter().map(|entry| &entry[field]).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_reads_who_did_what_latest_first_page_by_page() {
    let stage = Stage::whole().await;
    stage.publish(FIRST, vec![event(1, "a"), event(2, "b")]).await;
    let replica = stage.replica().await;
    replica.shows(FIRST).await;
    let admin = stage.token("auditor", Role::Admin, None).await;
    let robot = stage.token("robot", Role::Operator, None).await;
    for (host, number, token) in [("a", 1, None), ("b", 2, Some(&robot)), ("a", 1, Some(&robot))] {
        let mut request =
            replica.request(Method::POST, &format!("/api/v1/events/zabbix:t{number}:{host}/comments"));
        request = request.header("x-request-id", format!("r-{number}")).json(&json!({ "text": "on it" }));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        answer(request.send().await.unwrap(), StatusCode::CREATED).await;
    }
    let all = read(&replica, &admin, "").await;
    assert_eq!(of(&all, "actor"), ["token:robot", "token:robot", "operator", "root", "root"]);
    assert_eq!(of(&all, "via"), ["token", "token", "off", "shell", "shell"]);
    assert_eq!(of(&all, "action")[2..], ["comment.create", "token.create", "token.create"]);
    let latest = &all["entries"][0];
    assert_eq!((&latest["request_id"], &latest["after"]["text"]), (&json!("r-1"), &json!("on it")));

    let first = read(&replica, &admin, "?limit=2").await;
    let next = first["next"].as_str().unwrap();
    let second = read(&replica, &admin, &format!("?limit=3&cursor={next}")).await;
    assert_eq!([of(&first, "id"), of(&second, "id")].concat(), of(&all, "id"));
    assert!(second.get("next").is_none(), "{second}");

    assert_eq!(of(&read(&replica, &admin, "?actor=operator").await, "id"), [&all["entries"][2]["id"]]);
    let target = latest["target"].as_str().unwrap();
    let to = read(&replica, &admin, &format!("?target={target}&actor=token:robot")).await;
    assert_eq!(of(&to, "id"), [&latest["id"]]);
    for wrong in ["?limit=0", "?cursor=x", "?since=now", "?actor=", "?target=a%00b"] {
        let request = replica.request(Method::GET, &format!("/api/v1/audit{wrong}")).bearer_auth(&admin);
        answer(request.send().await.unwrap(), StatusCode::BAD_REQUEST).await;
    }
    let document = replica.json("/openapi.json", StatusCode::OK).await;
    crate::contract::check(&document, "AuditPage", &all);
}
