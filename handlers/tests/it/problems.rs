//! Requests that are wrong, and what their senders are told.

use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::stage::{FIRST, Replica, Stage, answer, event};

const COMMENTS: &str = "/api/v1/comments";

async fn told(
    replica: &Replica,
    headers: &HeaderMap,
    body: impl Into<reqwest::Body>,
    status: StatusCode,
) -> String {
    let request = replica.request(Method::POST, COMMENTS).headers(headers.clone()).body(body);
    let response = request.send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
    let problem = answer(response, status).await;
    assert_eq!(problem["status"], status.as_u16());
    assert_eq!(problem["type"], "about:blank");
    assert_eq!(problem["request_id"], *id);
    problem["detail"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_body_that_is_wrong_is_told_what_is_wrong_with_it() {
    let stage = Stage::without_postgres().await;
    stage.publish(FIRST, vec![event(1, "a")]).await;
    let replica = stage.replica().await;
    replica.shows(FIRST).await;
    let as_json =
        HeaderMap::from_iter([("content-type".parse().unwrap(), "application/json".parse().unwrap())]);
    let bad = StatusCode::BAD_REQUEST;
    for (body, words) in [
        (r#"{"ids":["x"],"txt":"y"}"#, "unknown field `txt`"),
        (r#"{"ids":["x"]}"#, "missing field `text`"),
        (r#"{"ids":"x","text":"y"}"#, "expected a sequence"),
        (r#"{"ids":["x"],"text":"y"} {}"#, "trailing characters"),
        (r#"{"ids":["#, "EOF"),
        ("", "EOF"),
        (r#"{"ids":[],"text":"y"}"#, "1 to 1000"),
        (r#"{"ids":["x"],"text":" \n"}"#, "empty"),
        (r#"{"ids":["x"],"text":"a\u0000b"}"#, "NUL"),
    ] {
        let detail = told(&replica, &as_json, body, bad).await;
        assert!(detail.contains(words), "{body}: {detail}");
    }
    let long = json!({ "ids": ["x"], "text": "ж".repeat(4001) }).to_string();
    assert!(told(&replica, &as_json, long, bad).await.contains("4001 characters"));
    let many = json!({ "ids": vec!["x"; 1001], "text": "y" }).to_string();
    assert!(told(&replica, &as_json, many, bad).await.contains("1001 elements"));
    assert!(told(&replica, &as_json, b"{\"text\":\"\xff\"}".to_vec(), bad).await.contains("UTF-8"));
    let huge = vec![b' '; 65_537];
    told(&replica, &as_json, huge, StatusCode::PAYLOAD_TOO_LARGE).await;
    told(&replica, &HeaderMap::new(), "{}", StatusCode::UNSUPPORTED_MEDIA_TYPE).await;
}

#[tokio::test]
async fn a_body_without_a_length_is_cut_off_at_the_same_limit() {
    let stage = Stage::without_postgres().await;
    let replica = stage.replica().await;
    let mut wire = TcpStream::connect(replica.addr).await.unwrap();
    let head = "POST /api/v1/comments HTTP/1.1\r\nhost: h\r\ncontent-type: application/json\r\n\
                transfer-encoding: chunked\r\nconnection: close\r\n\r\n";
    wire.write_all(head.as_bytes()).await.unwrap();
    let chunk = format!("{:x}\r\n{}\r\n", 70_000, " ".repeat(70_000));
    wire.write_all(chunk.as_bytes()).await.unwrap();
    let mut start = [0; 12];
    wire.read_exact(&mut start).await.unwrap();
    assert_eq!(&start, b"HTTP/1.1 413");
}

#[tokio::test]
async fn a_wrong_path_method_cursor_or_key_is_told_what_is_right() {
    let stage = Stage::without_postgres().await;
    let replica = stage.replica().await;
    let missing = replica.json("/api/v1/snapshots", StatusCode::NOT_FOUND).await;
    assert!(missing["detail"].as_str().unwrap().contains("/openapi.json"));
    let response = replica.request(Method::DELETE, "/api/v1/snapshot").send().await.unwrap();
    assert_eq!(response.headers()["allow"], "GET, HEAD");
    answer(response, StatusCode::METHOD_NOT_ALLOWED).await;
    for path in [
        "/api/v1/events/k/comments?cursor=42",
        "/api/v1/events/k/comments?limit=0",
        "/api/v1/events/k/comments?offset=3",
        "/api/v1/events/%FF",
        "/plain?severity=catastrophic",
    ] {
        let problem = replica.json(path, StatusCode::BAD_REQUEST).await;
        assert!(problem["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{path}");
    }
    replica.send(Method::PATCH, "/api/v1/comments/abc", &json!({"text": "x"}), StatusCode::BAD_REQUEST).await;
}

#[tokio::test]
async fn a_request_id_of_the_proxy_is_kept_and_a_strange_one_replaced() {
    let stage = Stage::without_postgres().await;
    let replica = stage.replica().await;
    let given = async |id: &str| {
        let response =
            replica.request(Method::GET, "/healthz").header("x-request-id", id).send().await.unwrap();
        response.headers()["x-request-id"].to_str().unwrap().to_owned()
    };
    assert_eq!(given("abc-1.2_X").await, "abc-1.2_X");
    assert_ne!(given("<b>").await, "<b>");
    assert_ne!(given(&"x".repeat(200)).await, "x".repeat(200));
}

#[tokio::test]
async fn a_write_that_another_sites_page_caused_is_refused() {
    let stage = Stage::without_postgres().await;
    let replica = stage.replica().await;
    for path in ["/api/v1/events/k/comments", COMMENTS] {
        let request = replica.request(Method::POST, path).header("origin", "https://evil.example");
        let problem =
            answer(request.json(&json!({"text": "x"})).send().await.unwrap(), StatusCode::FORBIDDEN).await;
        assert!(problem["detail"].as_str().unwrap().contains("https://evil.example"));
    }
}

#[tokio::test]
async fn behind_a_proxy_the_login_decides_who_may_do_what() {
    let stage = Stage::without_postgres().await;
    stage.publish(FIRST, vec![event(1, "a")]).await;
    let groups = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(groups.path(), "[groups]\nnoc = \"operator\"\n").unwrap();
    let file = groups.path().to_str().unwrap();
    let args = ["--auth", "proxy", "--public-url", "https://heat.example.net", "--config", file];
    let replica = stage.replica_with(&args).await;
    replica.shows(FIRST).await;
    let ask = |method: Method, path: &str, user: &str, member: &str| {
        let request = replica.request(method, path).header("origin", "https://heat.example.net");
        request.header("x-forwarded-user", user).header("x-forwarded-groups", member)
    };
    let status = async |request: reqwest::RequestBuilder| request.send().await.unwrap().status();

    for path in ["/api/v1/me", "/api/v1/snapshot", "/status", "/plain"] {
        assert_eq!(status(replica.request(Method::GET, path)).await, StatusCode::UNAUTHORIZED, "{path}");
    }
    for path in ["/healthz", "/openapi.json"] {
        assert_eq!(status(replica.request(Method::GET, path)).await, StatusCode::OK, "{path}");
    }
    let me: Value =
        ask(Method::GET, "/api/v1/me", "Анна", "staff,noc").send().await.unwrap().json().await.unwrap();
    assert_eq!(
        (&me["name"], &me["role"], &me["auth"]),
        (&json!("Анна"), &json!("operator"), &json!("proxy"))
    );

    let body = json!({ "ids": ["gone"], "text": "x" });
    let write = |member| ask(Method::POST, COMMENTS, "anna", member).json(&body);
    assert_eq!(status(write("staff")).await, StatusCode::FORBIDDEN);
    assert_eq!(status(write("noc")).await, StatusCode::NOT_FOUND, "allowed, though the opening is gone");
    let without_origin = replica.request(Method::POST, COMMENTS).header("x-forwarded-user", "anna");
    let without_origin = without_origin.header("x-forwarded-groups", "noc").json(&body);
    assert_eq!(status(without_origin).await, StatusCode::FORBIDDEN);

    let wall = stage.replica_with(&[&args[..], &["--anonymous", "viewer"]].concat()).await;
    assert_eq!(status(wall.request(Method::GET, "/api/v1/snapshot")).await, StatusCode::OK);
    let write = wall.request(Method::POST, COMMENTS).header("origin", "https://heat.example.net").json(&body);
    assert_eq!(status(write).await, StatusCode::FORBIDDEN);
    let stranger = stage.replica_with(&[&args[..], &["--trusted-proxies", "10.0.0.0/8"]].concat()).await;
    let claims = stranger.request(Method::GET, "/api/v1/me").header("x-forwarded-user", "anna");
    assert_eq!(status(claims).await, StatusCode::UNAUTHORIZED, "who is no trusted proxy is not believed");
}
