//! Views by HTTP.

use heat::cache::CachedDocument;
use heat::packed::Packed;
use heat::rackcode::TagIndex;
use heat::view::ViewMembers;
use reqwest::header::{ETAG, IF_MATCH, IF_NONE_MATCH, LOCATION};
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};

use crate::stage::{Replica, Stage, answer, inventory};

const ORIGIN: &str = "https://heat.example.net";

/// A replica behind a proxy, where people have names.
async fn with_people(stage: &Stage) -> Replica {
    let groups = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(groups.path(), "[groups]\nnoc = \"operator\"\nboss = \"admin\"\n").unwrap();
    let file = groups.path().to_str().unwrap();
    let proxy =
        ["--auth", "proxy", "--public-url", ORIGIN, "--trusted-proxies", "127.0.0.1", "--config", file];
    stage.replica_with(&proxy).await
}

/// Of this name and group; nobody by name where there is no login.
struct Person<'a>(&'a Replica, &'static str, &'static str);

impl Person<'_> {
    async fn asks(&self, method: Method, path: &str, tag: Option<&str>, body: &Value) -> Response {
        let mut request = self.0.request(method, path);
        if !self.1.is_empty() {
            request = request.header("Origin", ORIGIN);
            request = request.header("X-Forwarded-User", self.1).header("X-Forwarded-Groups", self.2);
        }
        if let Some(tag) = tag {
            request = request.header(IF_MATCH, tag);
        }
        request.json(body).send().await.unwrap()
    }

    async fn sees(&self) -> Vec<String> {
        let page =
            answer(self.asks(Method::GET, "/api/v1/views", None, &json!({})).await, StatusCode::OK).await;
        page["views"]
            .as_array()
            .unwrap()
            .iter()
            .map(|view| view["name"].as_str().unwrap().to_owned())
            .collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_is_made_changed_under_its_tag_and_deleted() {
    let stage = Stage::whole().await;
    let replica = stage.replica().await;
    let before = stage.cache.changed().await.unwrap();
    let wish = json!({ "name": " Core ", "expression": "{core}", "filter": "sev>=high" });
    let made = replica.request(Method::POST, "/api/v1/views").json(&wish).send().await.unwrap();
    let path = made.headers()[LOCATION].to_str().unwrap().to_owned();
    assert_eq!(made.headers()[ETAG], "\"1\"");
    let made = answer(made, StatusCode::CREATED).await;
    assert_eq!(
        (&made["name"], &made["editable"], &made["shared"]),
        (&json!("Core"), &json!(true), &json!(false))
    );
    assert!(stage.cache.changed().await.unwrap() > before, "the job that works it out is woken");

    let me = Person(&replica, "", "");
    let wish = json!({ "name": "Core", "expression": "", "shared": true });
    answer(me.asks(Method::PUT, &path, None, &wish).await, StatusCode::PRECONDITION_REQUIRED).await;
    let changed = answer(me.asks(Method::PUT, &path, Some("\"1\""), &wish).await, StatusCode::OK).await;
    assert_eq!((&changed["version"], &changed["filter"]), (&json!(2), &json!("")));
    let late = me.asks(Method::PUT, &path, Some("\"1\""), &wish).await;
    assert_eq!(
        (late.status(), &late.headers()[ETAG]),
        (StatusCode::PRECONDITION_FAILED, &"\"2\"".parse().unwrap())
    );
    answer(me.asks(Method::DELETE, &path, Some("\"1\""), &json!({})).await, StatusCode::PRECONDITION_FAILED)
        .await;
    let one = replica.get(&path).await;
    assert_eq!(one.headers()[ETAG], "\"2\"");
    answer(me.asks(Method::DELETE, &path, Some("\"2\""), &json!({})).await, StatusCode::NO_CONTENT).await;
    replica.json(&path, StatusCode::NOT_FOUND).await;
    replica.json(&format!("{path}/members"), StatusCode::NOT_FOUND).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_is_seen_by_its_owner_and_a_shared_one_by_all_and_changed_by_its_owner_and_admins() {
    let stage = Stage::whole().await;
    let replica = with_people(&stage).await;
    let (ann, bob, boss) =
        (Person(&replica, "ann", "noc"), Person(&replica, "bob", "noc"), Person(&replica, "eve", "boss"));
    let mut paths = Vec::new();
    for (name, shared) in [("mine", false), ("ours", true)] {
        let wish = json!({ "name": name, "shared": shared });
        let made = ann.asks(Method::POST, "/api/v1/views", None, &wish).await;
        paths.push(made.headers()[LOCATION].to_str().unwrap().to_owned());
        let again = ann.asks(Method::POST, "/api/v1/views", None, &wish).await;
        answer(again, StatusCode::CONFLICT).await;
        answer(bob.asks(Method::POST, "/api/v1/views", None, &wish).await, StatusCode::CREATED).await;
    }
    assert_eq!(ann.sees().await, ["mine", "ours", "ours"]);
    assert_eq!(boss.sees().await, ["ours", "ours"]);
    let wish = json!({ "name": "theirs" });
    for (path, status) in [(&paths[0], StatusCode::NOT_FOUND), (&paths[1], StatusCode::FORBIDDEN)] {
        answer(bob.asks(Method::PUT, path, Some("\"1\""), &wish).await, status).await;
        answer(bob.asks(Method::DELETE, path, Some("\"1\""), &json!({})).await, status).await;
    }
    answer(boss.asks(Method::DELETE, &paths[1], Some("\"1\""), &json!({})).await, StatusCode::NO_CONTENT)
        .await;
    let reader = Person(&replica, "rob", "guests");
    answer(reader.asks(Method::POST, "/api/v1/views", None, &wish).await, StatusCode::FORBIDDEN).await;
    assert_eq!(reader.sees().await, ["ours"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mistake_in_a_view_is_told_with_its_place() {
    let stage = Stage::whole().await;
    let replica = stage.replica().await;
    for (wish, pointer, position, part) in [
        (
            json!({ "name": "a", "expression": "{a} AND {b}" }),
            "/expression",
            4,
            "expected and, or, or the end",
        ),
        (json!({ "name": "a", "filter": "sev>=loud" }), "/filter", 5, "is no severity"),
    ] {
        let problem = replica.send(Method::POST, "/api/v1/views", &wish, StatusCode::BAD_REQUEST).await;
        assert_eq!((&problem["pointer"], &problem["position"]), (&json!(pointer), &json!(position)));
        assert!(problem["detail"].as_str().unwrap().contains(part), "{problem}");
    }
    let nameless = json!({ "name": " " });
    let problem = replica.send(Method::POST, "/api/v1/views", &nameless, StatusCode::BAD_REQUEST).await;
    assert_eq!((&problem["pointer"], problem.get("position")), (&json!("/name"), None));
    for wrong in ["cursor=42", "limit=0", "q=x"] {
        replica.json(&format!("/api/v1/views?{wrong}"), StatusCode::BAD_REQUEST).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn members_are_those_of_the_view_as_it_is_or_none_yet() {
    let stage = Stage::whole().await;
    let replica = stage.replica().await;
    let wish = json!({ "name": "net", "expression": "{net}" });
    let made = replica.send(Method::POST, "/api/v1/views", &wish, StatusCode::CREATED).await;
    let id = made["id"].as_i64().unwrap();
    let path = format!("/api/v1/views/{id}/members");
    let not_yet = replica.get(&path).await;
    assert_eq!(not_yet.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(not_yet.headers().contains_key("retry-after"));

    let inventory = inventory();
    let tags = TagIndex::new(&inventory, &heat::rackcode::Predicates::default());
    let members = ViewMembers::new(1, "{net}", &tags, &inventory.version, None);
    let document = CachedDocument {
        version: members.version.clone(),
        fetched_at: None,
        error: None,
        body: Packed::new(&serde_json::to_vec(&members).unwrap()).unwrap(),
    };
    stage.cache.write_view(stage.fence, id, &document).await.unwrap();
    let answered = replica.get(&path).await;
    let tag = answered.headers()[ETAG].clone();
    let answered = answer(answered, StatusCode::OK).await;
    assert_eq!((&answered["racks"], &answered["version"]), (&json!([4]), &json!(members.version)));
    let known = replica.request(Method::GET, &path).header(IF_NONE_MATCH, tag).send().await.unwrap();
    assert_eq!(known.status(), StatusCode::NOT_MODIFIED);

    let me = Person(&replica, "", "");
    let wish = json!({ "name": "net", "expression": "{prod}" });
    let changed = me.asks(Method::PUT, &format!("/api/v1/views/{id}"), Some("\"1\""), &wish).await;
    answer(changed, StatusCode::OK).await;
    replica.json(&path, StatusCode::SERVICE_UNAVAILABLE).await;
}
