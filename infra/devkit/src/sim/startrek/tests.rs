//! The simulated Startrek, asked as a client asks it.

use proptest::prelude::*;
use reqwest::{Client, Method, Response};
use serde_json::{Value, json};

use super::*;
use crate::eventually;

async fn start() -> Startrek {
    Startrek::start(Options::default()).await.unwrap()
}

async fn respond(startrek: &Startrek, method: Method, path: &str, body: Value) -> reqwest::Result<Response> {
    let request = Client::new()
        .request(method, format!("{}/{path}", startrek.url()))
        .header("authorization", format!("OAuth {}", startrek.token()))
        .header("x-org-id", startrek.org());
    if body.is_null() { request.send().await } else { request.json(&body).send().await }
}

/// The status and the JSON of an answer; null where there is none.
async fn ask(startrek: &Startrek, method: Method, path: &str, body: Value) -> (u16, Value) {
    let answer = respond(startrek, method, path, body).await.unwrap();
    let status = answer.status().as_u16();
    (status, answer.json().await.unwrap_or_default())
}

async fn get(startrek: &Startrek, path: &str) -> (u16, Value) {
    ask(startrek, Method::GET, path, Value::Null).await
}

async fn post(startrek: &Startrek, path: &str, body: Value) -> (u16, Value) {
    ask(startrek, Method::POST, path, body).await
}

async fn patch(startrek: &Startrek, path: &str, body: Value) -> (u16, Value) {
    ask(startrek, Method::PATCH, path, body).await
}

fn keys(answer: &Value) -> Vec<&str> {
    answer.as_array().unwrap().iter().map(|issue| issue["key"].as_str().unwrap()).collect()
}

fn issue(summary: &str, unique: &str) -> Value {
    json!({"queue": "NETOPS", "summary": summary, "unique": unique})
}

#[tokio::test]
async fn an_issue_comes_back_as_it_was_created_in_both_versions_and_both_forms_of_the_path() {
    let startrek = start().await;
    let body = json!({
        "queue": {"key": "NETOPS"}, "summary": "Стойка", "description": "**Rack**", "markupType": "md", "type": "incident",
        "priority": {"name": "Critical"}, "assignee": "petrov", "followers": ["sidorova"], "tags": ["heat", "dc2"],
        "components": [12], "unique": "heat-1", "deadline": "2026-02-03", "65f0c0ffee65f0c0ffee65f1--rackName": "A-07",
        "parent": null,
    });
    let (status, created) = post(&startrek, "v2/issues/", body).await;
    assert_eq!((status, &created["key"], &created["version"]), (201, &json!("NETOPS-1"), &json!(1)));
    assert_eq!(created["self"], json!(format!("{}/v2/issues/NETOPS-1", startrek.url())));
    for (pointer, expected) in [
        ("/queue/key", "NETOPS"),
        ("/type/key", "incident"),
        ("/priority/key", "critical"),
        ("/status/key", "open"),
        ("/assignee/display", "Пётр Петров"),
        ("/followers/0/display", "Anna Sidorova"),
        ("/tags/1", "dc2"),
        ("/components/0", "12"),
        ("/unique", "heat-1"),
        ("/deadline", "2026-02-03"),
        ("/65f0c0ffee65f0c0ffee65f1--rackName", "A-07"),
        ("/createdBy/display", "Heat robot"),
    ] {
        assert_eq!(created.pointer(pointer).unwrap(), expected, "{pointer}");
    }
    assert!(created["createdAt"].as_str().unwrap().ends_with("+0000"));
    // What is unset is absent.
    assert!(created.get("resolution").is_none() && created.get("parent").is_none());
    for path in ["v3/issues/NETOPS-1", "v3/issues/NETOPS-1/"] {
        let (status, read) = get(&startrek, path).await;
        assert_eq!((status, &read["summary"]), (200, &created["summary"]));
        assert_eq!(read["self"], json!(format!("{}/v3/issues/NETOPS-1", startrek.url())));
    }
    let (_, by_id) = get(&startrek, &format!("v2/issues/{}", created["id"].as_str().unwrap())).await;
    assert_eq!(by_id, created);
    let (_, few) = get(&startrek, "v2/issues/NETOPS-1?fields=summary,tags").await;
    let members: Vec<&String> = few.as_object().unwrap().keys().collect();
    assert_eq!(members, ["id", "key", "self", "summary", "tags", "version"]);
}

#[tokio::test]
async fn each_queue_counts_for_itself() {
    let startrek = start().await;
    let mut made = Vec::new();
    for queue in ["NETOPS", "DCOPS", "NETOPS"] {
        let (_, created) = post(&startrek, "v2/issues", json!({"queue": queue, "summary": "x"})).await;
        made.push(created["key"].as_str().unwrap().to_owned());
    }
    assert_eq!(made, ["NETOPS-1", "DCOPS-1", "NETOPS-2"]);
    startrek.clear();
    assert_eq!(startrek.open("NETOPS", "x").unwrap(), "NETOPS-3", "no key ever means another issue");
}

#[tokio::test]
async fn the_same_unique_makes_no_second_issue_and_finds_the_first() {
    let startrek = start().await;
    let (_, created) = post(&startrek, "v2/issues", issue("x", "heat-1 ü&")).await;
    let (status, refused) = post(&startrek, "v2/issues", issue("another", "heat-1 ü&")).await;
    assert_eq!((status, &refused["statusCode"], startrek.issues().len()), (409, &json!(409), 1));
    assert!(refused.get("key").is_none());
    let (status, found) =
        post(&startrek, "v2/issues/_findByUnique?unique=heat-1%20%C3%BC%26", Value::Null).await;
    assert_eq!((status, found), (200, created));
    assert_eq!(post(&startrek, "v2/issues/_findByUnique?unique=heat-2", Value::Null).await.0, 404);
}

#[tokio::test]
async fn strangers_and_broken_bodies_are_refused_with_the_error_object() {
    let startrek = start().await;
    let url = format!("{}/v2/issues", startrek.url());
    let send = async |token: &str, headers: &[(&str, &str)], body: &'static str| {
        let mut request = Client::new().post(&url).header("authorization", token).body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        let body: Value = answer.json().await.unwrap();
        assert!(body["errors"].is_object() && body["errorMessages"].is_array(), "{body}");
        assert_eq!(body["statusCode"], status);
        status
    };
    let (oauth, bearer) = (format!("OAuth {}", startrek.token()), format!("Bearer {}", startrek.token()));
    let org = startrek.org();
    let json = ("content-type", "application/json; charset=utf-8");
    assert_eq!(send("OAuth nobody", &[json, ("x-org-id", org)], "{}").await, 401);
    assert_eq!(send(startrek.token(), &[json, ("x-org-id", org)], "{}").await, 401);
    assert_eq!(send(&oauth, &[json], "{}").await, 403);
    assert_eq!(send(&oauth, &[json, ("X-Org-Id", "1")], "{}").await, 403);
    assert_eq!(send(&oauth, &[json, ("x-org-id", org), ("x-cloud-org-id", org)], "{}").await, 403);
    assert_eq!(
        send(&bearer, &[json, ("x-org-id", "not provided"), ("x-cloud-org-id", org)], "{}").await,
        422
    );
    assert_eq!(send(&oauth, &[("x-org-id", org)], "{}").await, 415);
    assert_eq!(send(&oauth, &[json, ("x-org-id", org)], "{\"queue\":").await, 400);
    assert_eq!(send(&oauth, &[json, ("x-org-id", org)], "[]").await, 400);
    let internal = Startrek::start(Options { org: None, ..Options::default() }).await.unwrap();
    let answer = Client::new().get(format!("{}/v2/myself", internal.url())).header("authorization", oauth);
    let answer: Value = answer.send().await.unwrap().json().await.unwrap();
    assert_eq!((&answer["login"], &answer["display"]), (&json!("heat-robot"), &json!("Heat robot")));
}

#[tokio::test]
async fn what_does_not_fit_a_field_is_refused_by_its_name_and_nothing_is_made() {
    let startrek = start().await;
    for (field, value) in [
        ("queue", json!("NOWHERE")),
        ("summary", json!("")),
        ("type", json!("disaster")),
        ("priority", json!(9)),
        ("assignee", json!("nobody")),
        ("followers", json!(["ivanov", "nobody"])),
        ("tags", json!([1])),
        ("parent", json!("NETOPS-9")),
        ("status", json!("closed")),
        ("deadline", json!("tomorrow")),
        ("createdAt", json!("2026-02-03")),
        ("rackName", json!("A-07")),
        ("\"}],[{\"", json!("A-07")),
    ] {
        let mut body = issue("x", "heat-1");
        body[field] = value;
        let (status, refused) = post(&startrek, "v2/issues", body).await;
        assert_eq!(status, 422, "{field}");
        assert_eq!(refused["errors"].as_object().unwrap().keys().collect::<Vec<_>>(), [field]);
    }
    assert_eq!(startrek.issues(), []);
}

#[tokio::test]
async fn a_stale_change_is_refused_and_a_current_one_counted() {
    let startrek = start().await;
    startrek.open("NETOPS", "x").unwrap();
    let (status, changed) = patch(&startrek, "v2/issues/NETOPS-1?version=1", json!({"summary": "y"})).await;
    assert_eq!((status, &changed["version"], &changed["summary"]), (200, &json!(2), &json!("y")));
    assert_eq!(patch(&startrek, "v2/issues/NETOPS-1?version=1", json!({"summary": "z"})).await.0, 409);
    let stale = Client::new()
        .patch(format!("{}/v2/issues/NETOPS-1", startrek.url()))
        .header("authorization", format!("OAuth {}", startrek.token()))
        .header("x-org-id", startrek.org())
        .header("if-match", "\"1\"")
        .json(&json!({"summary": "z"}));
    assert_eq!(stale.send().await.unwrap().status().as_u16(), 412);
    let (status, refused) =
        patch(&startrek, "v2/issues/NETOPS-1", json!({"summary": "z", "status": "closed"})).await;
    assert!(status == 422 && refused["errors"]["status"].is_string());
    assert_eq!(startrek.issue("NETOPS-1").unwrap().summary, "y", "a change is made whole or not at all");
}

#[tokio::test]
async fn lists_are_replaced_added_to_taken_from_and_emptied() {
    let startrek = start().await;
    startrek.open("NETOPS", "x").unwrap();
    for (change, after) in [
        (json!(["a", "b"]), vec!["a", "b"]),
        (json!({"add": ["b", "c"], "remove": ["a"]}), vec!["b", "c"]),
        (json!({"add": "d"}), vec!["b", "c", "d"]),
        (json!({"replace": [{"target": "c", "replacement": "e"}]}), vec!["b", "e", "d"]),
        (json!({"set": ["f"]}), vec!["f"]),
        (json!([]), vec![]),
    ] {
        let (status, changed) = patch(&startrek, "v2/issues/NETOPS-1", json!({ "tags": change })).await;
        assert_eq!((status, &changed["tags"]), (200, &json!(after)));
    }
    assert_eq!(patch(&startrek, "v2/issues/NETOPS-1", json!({"tags": {"append": "x"}})).await.0, 422);
    patch(
        &startrek,
        "v2/issues/NETOPS-1",
        json!({"assignee": {"login": "petrov"}, "deadline": "2026-02-03"}),
    )
    .await;
    let (_, cleared) =
        patch(&startrek, "v2/issues/NETOPS-1", json!({"assignee": null, "deadline": null})).await;
    assert!(cleared.get("assignee").is_none() && cleared.get("deadline").is_none());
}

#[tokio::test]
async fn the_workflow_goes_from_open_to_closed_with_a_resolution_and_back() {
    let startrek = start().await;
    startrek.open("NETOPS", "x").unwrap();
    let offered = async || {
        let (_, offered) = get(&startrek, "v2/issues/NETOPS-1/transitions/").await;
        offered
            .as_array()
            .unwrap()
            .iter()
            .map(|step| step["id"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(offered().await, ["start_progress", "close"]);
    let execute = |id: &str| format!("v2/issues/NETOPS-1/transitions/{id}/_execute");
    let (status, now) = post(&startrek, &execute("start_progress"), json!({})).await;
    assert_eq!((status, now.as_array().unwrap().len()), (200, 2));
    assert_eq!(get(&startrek, "v2/issues/NETOPS-1/transitions/start_progress").await.0, 404);
    let (_, close) = get(&startrek, "v2/issues/NETOPS-1/transitions/close").await;
    assert_eq!((&close["to"]["key"], close["screen"].is_object()), (&json!("closed"), true));
    for resolution in [json!({}), json!({"resolution": "done"})] {
        let (status, refused) = post(&startrek, &execute("close"), resolution).await;
        assert!(status == 422 && refused["errors"]["resolution"].is_string());
    }
    let (status, _) =
        post(&startrek, &execute("close"), json!({"resolution": "fixed", "comment": "готово"})).await;
    assert_eq!(status, 200);
    let (_, closed) = get(&startrek, "v2/issues/NETOPS-1").await;
    assert_eq!((&closed["status"]["key"], &closed["resolution"]["key"]), (&json!("closed"), &json!("fixed")));
    assert!(closed["resolvedAt"].is_string());
    assert_eq!(startrek.issue("NETOPS-1").unwrap().comments[0].text, "готово");
    assert_eq!(post(&startrek, &execute("close"), json!({"resolution": "fixed"})).await.0, 404);
    startrek.reopen("NETOPS-1").unwrap();
    let (_, reopened) = get(&startrek, "v2/issues/NETOPS-1?expand=transitions").await;
    assert!(reopened.get("resolution").is_none() && reopened.get("resolvedAt").is_none());
    assert_eq!(reopened["transitions"][1]["id"], "close");
}

#[tokio::test]
async fn comments_are_written_read_by_pages_changed_and_deleted() {
    let startrek = start().await;
    startrek.open("NETOPS", "x").unwrap();
    for number in 1..=5 {
        let body = json!({"text": format!("comment {number}"), "markupType": "md", "summonees": ["petrov"]});
        let (status, comment) =
            post(&startrek, "v2/issues/NETOPS-1/comments?isAddToFollowers=false", body).await;
        assert_eq!(
            (status, comment["id"].is_u64(), &comment["summonees"][0]["display"]),
            (201, true, &json!("Пётр Петров"))
        );
    }
    assert!(startrek.issue("NETOPS-1").unwrap().followers.is_empty());
    let mut read = Vec::new();
    let mut after = String::new();
    loop {
        let (_, page) = get(&startrek, &format!("v2/issues/NETOPS-1/comments?perPage=2{after}")).await;
        let Some(last) = page.as_array().unwrap().last() else { break };
        after = format!("&id={}", last["id"]);
        read.extend(
            page.as_array().unwrap().iter().map(|comment| comment["text"].as_str().unwrap().to_owned()),
        );
    }
    assert_eq!(read, (1..=5).map(|number| format!("comment {number}")).collect::<Vec<_>>());
    let (_, all) = get(&startrek, "v2/issues/NETOPS-1/comments").await;
    let path = |at: usize| format!("v2/issues/NETOPS-1/comments/{}", all[at]["id"]);
    let (_, changed) = patch(&startrek, &path(0), json!({"text": "changed"})).await;
    assert_eq!((&changed["text"], &changed["version"]), (&json!("changed"), &json!(2)));
    let (status, nothing) = ask(&startrek, Method::DELETE, &path(1), Value::Null).await;
    assert_eq!((status, nothing), (204, Value::Null));
    assert_eq!(get(&startrek, &path(1)).await.0, 404);
    assert_eq!(startrek.issue("NETOPS-1").unwrap().comments.len(), 4);
    assert_eq!(post(&startrek, "v2/issues/NETOPS-1/comments", json!({"text": " "})).await.0, 422);
    post(&startrek, "v2/issues/NETOPS-1/comments", json!({"text": "and follow"})).await;
    assert_eq!(startrek.issue("NETOPS-1").unwrap().followers, ["heat-robot"]);
}

#[tokio::test]
async fn two_issues_are_linked_once_in_either_direction() {
    let startrek = start().await;
    let (parent, child) = (startrek.open("NETOPS", "x").unwrap(), startrek.open("DCOPS", "y").unwrap());
    let link = async |from: &str, relationship: &str, to: Value| {
        post(
            &startrek,
            &format!("v2/issues/{from}/links"),
            json!({"relationship": relationship, "issue": to}),
        )
        .await
    };
    let (status, made) = link(&child, "is subtask for", json!(parent)).await;
    assert_eq!(
        (status, &made["type"]["id"], &made["object"]["key"]),
        (201, &json!("subtask"), &json!(parent))
    );
    assert_eq!(startrek.issue(&parent).unwrap().links, [("is parent task for".to_owned(), child.clone())]);
    let (status, refused) = link(&parent, "is parent task for", json!({"key": child})).await;
    assert!(status == 422 && refused["errors"] == json!({}), "{refused}");
    assert_eq!(link(&parent, "relates", json!(child)).await.0, 201, "another kind of link is another link");
    for (relationship, issue, field) in
        [("likes", &*child, "relationship"), ("relates", "NETOPS-9", "issue"), ("relates", &*parent, "issue")]
    {
        let (status, refused) = link(&parent, relationship, json!(issue)).await;
        assert!(status == 422 && refused["errors"][field].is_string(), "{refused}");
    }
    let path = format!("v2/issues/{child}/links/{}", made["id"]);
    assert_eq!(ask(&startrek, Method::DELETE, &path, Value::Null).await.0, 204);
    assert_eq!(get(&startrek, &format!("v2/issues/{parent}/links")).await.1.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_search_finds_by_keys_by_queue_and_by_filter_and_ignores_null() {
    let startrek = start().await;
    for (queue, summary, priority, tags) in [
        ("NETOPS", "first", "minor", json!(["heat"])),
        ("NETOPS", "second", "blocker", json!(["heat", "dc2"])),
        ("DCOPS", "third", "normal", json!([])),
    ] {
        let body = json!({"queue": queue, "summary": summary, "priority": priority, "tags": tags});
        assert_eq!(post(&startrek, "v2/issues", body).await.0, 201);
    }
    startrek.close("NETOPS-1", "fixed").unwrap();
    let search = async |body: Value| {
        let (status, found) = post(&startrek, "v2/issues/_search", body.clone()).await;
        assert_eq!(status, 200, "{body}: {found}");
        let (_, count) = post(&startrek, "v2/issues/_count", body).await;
        assert_eq!(count, json!(found.as_array().unwrap().len()));
        keys(&found).into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(
        search(json!({"keys": ["DCOPS-1", "NETOPS-9", "NETOPS-1"], "filter": null})).await,
        ["DCOPS-1", "NETOPS-1"]
    );
    assert_eq!(search(json!({"keys": "NETOPS-2"})).await, ["NETOPS-2"]);
    assert_eq!(
        search(json!({"queue": "NETOPS", "keys": null, "query": null})).await,
        ["NETOPS-1", "NETOPS-2"]
    );
    for (filter, found) in [
        (json!({"status": ["open", "inProgress"]}), vec!["NETOPS-2", "DCOPS-1"]),
        (json!({"queue": "NETOPS", "tags": "dc2"}), vec!["NETOPS-2"]),
        (json!({"resolution": "empty()"}), vec!["NETOPS-2", "DCOPS-1"]),
        (json!({"resolution": "notEmpty()"}), vec!["NETOPS-1"]),
        (json!({"createdBy": "me()"}), vec!["NETOPS-1", "NETOPS-2", "DCOPS-1"]),
        (json!({"created": {"from": "2026-01-01T00:00:00Z"}}), vec!["NETOPS-1", "NETOPS-2", "DCOPS-1"]),
        (json!({"updated": {"to": "2001-01-01T00:00:00Z"}}), vec![]),
        (json!({"deadline": "notEmpty()"}), vec![]),
    ] {
        assert_eq!(search(json!({ "filter": filter })).await, found, "{filter}");
    }
    let ordered = json!({"filter": {"resolution": "empty()"}, "order": ["-priority", "+key"]});
    assert_eq!(search(ordered).await, ["NETOPS-2", "DCOPS-1"]);
    assert_eq!(search(json!({"filter": {}, "order": "-key"})).await, ["NETOPS-2", "NETOPS-1", "DCOPS-1"]);
    for refused in [
        json!({}),
        json!({"query": "Queue: NETOPS"}),
        json!({"keys": ["NETOPS-1"], "queue": "NETOPS", "filter": {}}),
        json!({"filter": {"mood": "bad"}}),
        json!({"filter": {}, "order": "mood"}),
        json!({"filter": {}, "sort": "key"}),
    ] {
        assert_eq!(post(&startrek, "v2/issues/_search", refused.clone()).await.0, 400, "{refused}");
    }
}

#[tokio::test]
async fn a_search_is_read_by_pages_along_its_links() {
    let startrek = start().await;
    for _ in 0..7 {
        startrek.open("NETOPS", "x").unwrap();
    }
    let page = async |path: &str| {
        let answer = respond(&startrek, Method::POST, path, json!({"queue": "NETOPS"})).await.unwrap();
        let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
        let headers = (header("x-total-count"), header("x-total-pages"), header("link"));
        let body: Value = answer.json().await.unwrap();
        (headers, keys(&body).into_iter().map(str::to_owned).collect::<Vec<_>>())
    };
    let ((count, pages, links), first) = page("v2/issues/_search?perPage=3").await;
    assert_eq!((&*count, &*pages, first.len()), ("7", "3", 3));
    assert!(
        links.contains("perPage=3&page=2>; rel=\"next\"") && links.contains("{&page}>; rel=\"seek\""),
        "{links}"
    );
    let ((_, _, links), last) = page("v2/issues/_search?perPage=3&page=3").await;
    assert_eq!(last, ["NETOPS-7"]);
    assert!(!links.contains("rel=\"next\""), "{links}");
    assert_eq!(page("v2/issues/_search?perPage=3&page=4").await.1, [""; 0]);
    assert_eq!(post(&startrek, "v2/issues/_search?perPage=0", json!({"queue": "NETOPS"})).await.0, 400);
}

#[tokio::test]
async fn the_dictionaries_know_what_issues_refer_to() {
    let startrek = start().await;
    let (_, fields) = get(&startrek, "v2/fields/").await;
    let summary = fields.as_array().unwrap().iter().find(|field| field["id"] == "summary").unwrap();
    assert_eq!(
        (&summary["schema"]["type"], &summary["schema"]["required"]),
        (&json!("string"), &json!(true))
    );
    let (_, local) = get(&startrek, "v3/queues/NETOPS/localFields").await;
    assert_eq!(
        (&local[0]["id"], &local[0]["name"]),
        (&json!("65f0c0ffee65f0c0ffee65f1--rackName"), &json!("Стойка"))
    );
    assert_eq!(get(&startrek, "v2/queues/NOWHERE/localFields").await.0, 404);
    startrek.add_queue("TEST", "Tests");
    assert_eq!(get(&startrek, "v2/queues/TEST").await.1["name"], "Tests");
    startrek.open("TEST", "x").unwrap();
    let (_, issue) = get(&startrek, "v2/issues/TEST-1").await;
    for reference in ["type", "priority", "status", "queue", "createdBy"] {
        let path =
            issue[reference]["self"].as_str().unwrap().strip_prefix(&startrek.url()).unwrap().to_owned();
        let (status, referred) = get(&startrek, path.trim_start_matches('/')).await;
        assert_eq!(status, 200, "{path}");
        assert_eq!(referred["self"], issue[reference]["self"]);
    }
    for dictionary in ["priorities", "issuetypes", "statuses", "resolutions"] {
        let (_, terms) = get(&startrek, &format!("v2/{dictionary}")).await;
        assert!(terms[0]["key"].is_string() && terms[0]["id"].is_u64(), "{dictionary}");
    }
    assert_eq!(get(&startrek, "v2/nothing").await.0, 404);
}

#[tokio::test]
async fn a_moved_issue_answers_to_its_old_key_with_its_new_one() {
    let startrek = start().await;
    let key = startrek.open("NETOPS", "x").unwrap();
    assert_eq!(startrek.move_to(&key, "DCOPS").unwrap(), "DCOPS-1");
    let (_, moved) = get(&startrek, "v2/issues/NETOPS-1").await;
    assert_eq!((&moved["key"], &moved["aliases"]), (&json!("DCOPS-1"), &json!(["NETOPS-1"])));
    let (_, found) = post(&startrek, "v2/issues/_search", json!({"keys": ["NETOPS-1"]})).await;
    assert_eq!(keys(&found), ["DCOPS-1"]);
    let (status, again) = post(&startrek, "v2/issues/DCOPS-1/_move?queue=SRE", Value::Null).await;
    assert_eq!((status, &again["key"]), (200, &json!("SRE-1")));
    startrek.inject(Rule::new(Fault::Moved).on("comment").times(1));
    assert_eq!(post(&startrek, "v2/issues/NETOPS-1/comments", json!({"text": "still here"})).await.0, 201);
    let issue = startrek.issue("NETOPS-1").unwrap();
    assert_ne!(issue.key, "SRE-1");
    assert_eq!((issue.comments.len(), issue.aliases.len()), (1, 3));
}

#[tokio::test]
async fn the_limits_are_off_until_they_are_switched_on_and_count_searches_apart() {
    let startrek = start().await;
    let http = Client::new();
    // At once, so that a slow machine does not stay below the limit by itself.
    let refused = async |path: &str, times: usize| {
        let ask = |_| {
            let request = if path.ends_with("myself") { http.get(path) } else { http.post(path) };
            let request = request.header("authorization", format!("OAuth {}", startrek.token()));
            request.header("x-org-id", startrek.org()).json(&json!({"queue": "NETOPS"})).send()
        };
        let answers = futures_util::future::join_all((0..times).map(ask)).await;
        answers.into_iter().filter(|answer| answer.as_ref().unwrap().status() == 429).count()
    };
    let [search, count, myself] =
        ["issues/_search", "issues/_count", "myself"].map(|path| format!("{}/v2/{path}", startrek.url()));
    assert_eq!(refused(&search, 40).await, 0);
    startrek.set_limits(true);
    assert!(refused(&search, 40).await > 0);
    assert_eq!(refused(&myself, 1).await, 0, "searches have a limit of their own");
    assert!(refused(&myself, 40).await > 0);
    eventually("the limit to let a search through again", Duration::from_secs(10), async || {
        (refused(&count, 1).await == 0).then_some(())
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn what_was_done_before_the_connection_closed_is_done() {
    let startrek = start().await;
    startrek.inject(Rule::new(Fault::CommitThenDrop).on("create").times(1));
    assert!(respond(&startrek, Method::POST, "v2/issues", issue("x", "heat-1")).await.is_err());
    assert_eq!(startrek.issues().len(), 1);
    startrek.inject(Rule::new(Fault::Reset).on("create").times(1));
    assert!(respond(&startrek, Method::POST, "v2/issues", issue("y", "heat-2")).await.is_err());
    assert_eq!(startrek.issues().len(), 1);
}

#[tokio::test]
async fn a_late_answer_is_to_what_was_done_at_once() {
    let startrek = start().await;
    startrek.inject(Rule::new(Fault::Slow(60_000)).on("create"));
    let late = respond(&startrek, Method::POST, "v2/issues", issue("x", "heat-1"));
    let done = eventually("the issue", Duration::from_secs(10), async || startrek.issue("NETOPS-1"));
    tokio::select! {
        answer = late => panic!("answered: {answer:?}"),
        done = done => assert_eq!(done.unwrap().unique.as_deref(), Some("heat-1")),
    }
}

#[tokio::test]
async fn an_issue_that_exists_may_not_be_found_at_once() {
    let startrek = start().await;
    post(&startrek, "v2/issues", issue("x", "heat-1")).await;
    startrek.inject(Rule::new(Fault::UniqueLag(300)).on("create").times(1));
    assert_eq!(post(&startrek, "v2/issues", issue("x", "heat-1")).await.0, 409);
    let find = async || post(&startrek, "v2/issues/_findByUnique?unique=heat-1", Value::Null).await.0;
    assert_eq!(find().await, 404);
    eventually("the issue to be found", Duration::from_secs(10), async || {
        (find().await == 200).then_some(())
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn every_fault_looks_as_it_does_in_life() {
    let startrek = start().await;
    startrek.open("NETOPS", "x").unwrap();
    let strike = async |fault: Fault| {
        startrek.inject(Rule::new(fault).on("issue").times(1));
        respond(&startrek, Method::GET, "v2/issues/NETOPS-1", Value::Null).await
    };
    let page = strike(Fault::Status(500)).await.unwrap();
    assert_eq!(
        (page.status().as_u16(), &page.headers()["content-type"]),
        (500, &HeaderValue::from_static("text/html"))
    );
    let limited = strike(Fault::TooMany(7)).await.unwrap();
    assert_eq!(
        (limited.status().as_u16(), &limited.headers()["retry-after"]),
        (429, &HeaderValue::from(7_u64))
    );
    let limited = strike(Fault::TooMany(0)).await.unwrap();
    assert!(limited.status() == 429 && limited.headers().get("retry-after").is_none());
    for (fault, status) in [(Fault::Status(423), 423), (Fault::TokenRefused, 401), (Fault::Forbidden, 403)] {
        let refused = strike(fault).await.unwrap();
        assert_eq!(refused.status().as_u16(), status);
        assert_eq!(refused.json::<Value>().await.unwrap()["statusCode"], status);
    }
    let html = strike(Fault::Html).await.unwrap();
    assert!(html.status() == 200 && html.text().await.unwrap().contains("<title>"));
    let cut = strike(Fault::CutJson).await.unwrap().text().await.unwrap();
    assert!(cut.starts_with('{') && serde_json::from_str::<Value>(&cut).is_err());
    // A body so short may be lost with its head.
    assert!(async { strike(Fault::CutBody).await?.text().await }.await.is_err());
    assert_eq!(strike(Fault::Empty).await.unwrap().json::<Value>().await.unwrap(), json!({}));
    assert_eq!(strike(Fault::WrongTypes).await.unwrap().json::<Value>().await.unwrap()["key"], 17);
    assert_eq!(startrek.asked_for("issue").len(), 11);
    assert_eq!(startrek.asked_count(), 11);
}

#[tokio::test]
async fn the_record_has_a_requests_operation_and_its_body_or_its_query() {
    let startrek = start().await;
    post(&startrek, "v2/issues", issue("x", "heat-1")).await;
    get(&startrek, "v2/issues/NETOPS-1/comments?perPage=2&id=7").await;
    let asked = startrek.asked();
    let asked: Vec<(&str, &Value)> = asked.iter().map(|asked| (&*asked.method, &asked.params)).collect();
    assert_eq!(asked, [("create", &issue("x", "heat-1")), ("comments", &json!({"perPage": "2", "id": "7"}))]);
}

#[tokio::test]
async fn issues_outlive_the_run_where_there_is_a_file_and_a_damaged_one_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options { file: Some(dir.path().join("startrek.json")), ..Options::default() };
    let first = Startrek::start(options.clone()).await.unwrap();
    post(&first, "v2/issues", issue("x", "heat-1")).await;
    first.comment("NETOPS-1", "готово").unwrap();
    let before = first.issues();
    drop(first);
    let second = Startrek::start(options.clone()).await.unwrap();
    assert_eq!(second.issues(), before);
    assert_eq!(post(&second, "v2/issues", issue("x", "heat-1")).await.0, 409);
    assert_eq!(second.open("NETOPS", "y").unwrap(), "NETOPS-2");
    drop(second);
    std::fs::write(options.file.as_ref().unwrap(), "{").unwrap();
    let error = Startrek::start(options).await.unwrap_err().to_string();
    assert!(error.contains("startrek.json"), "{error}");
}

#[tokio::test]
async fn a_person_is_told_why_not() {
    let startrek = start().await;
    startrek.open("NETOPS", "x").unwrap();
    for (refused, words) in [
        (startrek.close("NETOPS-9", "fixed"), "NETOPS-9"),
        (startrek.close("NETOPS-1", "gone"), "resolution"),
        (startrek.reopen("NETOPS-1"), "no transition reopen"),
        (startrek.comment("NETOPS-1", ""), "text"),
        (startrek.move_to("NETOPS-1", "NOWHERE").map(drop), "queue"),
        (startrek.open("NOWHERE", "x").map(drop), "queue"),
    ] {
        let error = refused.unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
}

async fn page(startrek: &Startrek, path: &str) -> String {
    reqwest::get(format!("{}{path}", startrek.url())).await.unwrap().text().await.unwrap()
}

#[tokio::test]
async fn people_find_an_issue_its_comments_and_its_buttons_on_its_page() {
    let startrek = start().await;
    let mut body = issue("Rack A-07", "heat-1");
    body["description"] = json!("line 1\nline 2");
    body["65f0c0ffee65f0c0ffee65f1--rackName"] = json!("A-07");
    post(&startrek, "v2/issues", body).await;
    startrek.open("DCOPS", "y").unwrap();
    post(&startrek, "v2/issues/NETOPS-1/links", json!({"relationship": "relates", "issue": "DCOPS-1"})).await;
    startrek.comment("NETOPS-1", "on its way").unwrap();
    let list = page(&startrek, "/").await;
    assert!(list.contains("href=\"NETOPS-1\"") && list.contains("Rack A-07"), "{list}");
    let one = page(&startrek, "/NETOPS-1").await;
    for words in [
        "line 1\nline 2",
        "on its way",
        "relates DCOPS-1",
        "Стойка: A-07",
        "value=\"close\"",
        "value=\"start_progress\"",
    ] {
        assert!(one.contains(words), "{words}: {one}");
    }
    assert!(!one.contains("value=\"reopen\""));
    assert!(page(&startrek, "/startrek.css").await.contains("--ground"));
    let missing = reqwest::get(format!("{}/NETOPS-9", startrek.url())).await.unwrap();
    assert_eq!(missing.status().as_u16(), 404);
}

#[tokio::test]
async fn a_button_that_does_not_work_says_why_on_the_page() {
    let startrek = start().await;
    startrek.open("NETOPS", "x").unwrap();
    let press = async |form: &'static str| {
        let answer =
            Client::new().post(format!("{}/NETOPS-1", startrek.url())).body(form).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let (status, refused) = press("do=close&resolution=gone").await;
    assert!(status == 400 && refused.contains("resolution: This value is not allowed."), "{refused}");
    let (status, commented) = press("do=comment&text=%D0%B3%D0%BE%D1%82%D0%BE%D0%B2%D0%BE+%26+done").await;
    assert!(status == 200 && commented.contains("готово &amp; done"), "{commented}");
    let foreign = Client::new().post(format!("{}/NETOPS-1", startrek.url()));
    let foreign = foreign.header("sec-fetch-site", "cross-site").body("do=close&resolution=fixed");
    assert_eq!(foreign.send().await.unwrap().status().as_u16(), 403);
    assert_eq!(startrek.issue("NETOPS-1").unwrap().status, "open");
}

/// Whatever is written into an issue, its pages hold no element and no attribute of it.
#[test]
fn no_text_becomes_markup_of_a_page() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let hostile =
        prop_oneof!["[<>&\"'/a-z =]{1,40}", Just("\"><script>alert(1)</script>".to_owned()), ".{1,40}"];
    let startrek = runtime.block_on(start());
    let marks = |page: &str| page.matches(['<', '"']).count();
    let harmless = |state: &Startrek, text: &str| {
        runtime.block_on(async {
            let body = json!({
                "queue": "NETOPS", "summary": format!("s{text}"), "description": text, "tags": [format!("t{text}")],
                "65f0c0ffee65f0c0ffee65f1--rackName": text,
            });
            let (status, created) = post(state, "v2/issues", body).await;
            assert_eq!(status, 201, "{created}");
            let key = created["key"].as_str().unwrap();
            state.comment(key, &format!("c{text}")).unwrap();
            let pages = marks(&page(state, &format!("/{key}")).await) + marks(&page(state, "/").await);
            state.clear();
            pages
        })
    };
    let expected = harmless(&startrek, "x");
    proptest!(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() }, |(text in hostile)| {
        prop_assert_eq!(harmless(&startrek, &text), expected);
    });
}
