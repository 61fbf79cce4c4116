//! Programs and screens, which come in by tokens.

use heat::role::Role;
use heat_devkit::eventually;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::stage::{FIRST, PATIENCE, Replica, Stage, answer, event, in_the_shell};

const PROXY: [&str; 4] = ["--auth", "proxy", "--public-url", "https://heat.example.net"];

const COMMENTS: &str = "/api/v1/events/zabbix:t1:a/comments";

async fn stage() -> Stage {
    let stage = Stage::whole().await;
    stage.publish(FIRST, vec![event(1, "a")]).await;
    stage
}

async fn with(replica: &Replica, token: &str, path: &str, status: StatusCode) -> Value {
    answer(replica.request(Method::GET, path).bearer_auth(token).send().await.unwrap(), status).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_writes_by_its_token_without_an_origin_and_under_its_name() {
    let stage = stage().await;
    let replica = stage.replica_with(&PROXY).await;
    replica.shows(FIRST).await;
    let token = stage.token("deploy-bot", Role::Operator, None).await;
    let me = with(&replica, &token, "/api/v1/me", StatusCode::OK).await;
    assert_eq!(
        (&me["name"], &me["role"], &me["auth"]),
        (&json!("token:deploy-bot"), &json!("operator"), &json!("token"))
    );
    let write = replica.request(Method::POST, COMMENTS).bearer_auth(&token).json(&json!({ "text": "x" }));
    let comment = answer(write.send().await.unwrap(), StatusCode::CREATED).await;
    assert_eq!(comment["author"], "token:deploy-bot");
    eventually("its use to be noted", PATIENCE, async || stage.db().tokens().await.unwrap()[0].last_used_at)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_revoked_or_wrong_lets_nobody_in_even_where_everybody_may_read() {
    let stage = stage().await;
    let token = stage.token("old", Role::Admin, None).await;
    stage.db().revoke_token(&in_the_shell(), "old").await.unwrap().unwrap();
    let replica = stage.replica_with(&[&PROXY[..], &["--anonymous", "viewer"]].concat()).await;
    let unknown = heat::token::token([3; 32]).reveal().to_owned();
    for wrong in [token.as_str(), &unknown, "heat_", "heat_0"] {
        let refused = replica.request(Method::GET, "/api/v1/me").bearer_auth(wrong).send().await.unwrap();
        assert_eq!(refused.headers()["www-authenticate"], "Bearer error=\"invalid_token\"");
        let problem = answer(refused, StatusCode::UNAUTHORIZED).await;
        assert!(problem["detail"].as_str().unwrap().contains("heat-updater token list"), "{problem}");
    }
    let me = with(&replica, "eyJhbGciOi", "/api/v1/me", StatusCode::OK).await;
    assert_eq!(me["auth"], "anonymous", "what another system's proxy sends along is not Heat's");
    let again = stage.token("old", Role::Viewer, None).await;
    with(&replica, &again, "/api/v1/me", StatusCode::OK).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_tries_out_tokens_is_slowed_and_others_are_not() {
    let stage = stage().await;
    let replica = stage.replica_with(&PROXY).await;
    let attempt = async |client: &str| {
        let request = replica.request(Method::GET, "/api/v1/me").bearer_auth("heat_0");
        request.header("x-forwarded-for", client).send().await.unwrap()
    };
    let slowed = async {
        loop {
            let refused = attempt("192.0.2.1").await;
            if refused.status() == StatusCode::TOO_MANY_REQUESTS {
                return refused;
            }
            assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
        }
    };
    let slowed = tokio::time::timeout(PATIENCE, slowed).await.expect("in time");
    assert_eq!(slowed.headers()["retry-after"], "1");
    assert_eq!(attempt("192.0.2.2").await.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_postgres_who_was_in_stays_in_and_a_new_one_is_asked_to_wait() {
    let mut stage = Stage::to_be_killed().await;
    stage.publish(FIRST, vec![event(1, "a")]).await;
    let replica = stage.replica_with(&PROXY).await;
    replica.shows(FIRST).await;
    let known = stage.token("known", Role::Viewer, None).await;
    let new = stage.token("new", Role::Viewer, None).await;
    with(&replica, &known, "/api/v1/me", StatusCode::OK).await;
    stage.postgres.as_mut().unwrap().kill().unwrap();
    with(&replica, &known, "/api/v1/snapshot", StatusCode::OK).await;
    let problem = with(&replica, &new, "/api/v1/me", StatusCode::SERVICE_UNAVAILABLE).await;
    assert!(problem["detail"].as_str().unwrap().contains("knows the tokens"), "{problem}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_screen_changes_its_token_for_a_cookie_and_then_reads() {
    let stage = stage().await;
    let replica = stage.replica_with(&PROXY).await;
    replica.shows(FIRST).await;
    let token = stage.token("wall-1", Role::Viewer, Some("/?kiosk=1&view=3")).await;
    let entered = replica.get(&format!("/screen/{token}")).await;
    assert_eq!(entered.status(), StatusCode::SEE_OTHER);
    assert_eq!(entered.headers()["location"], "/?kiosk=1&view=3");
    assert_eq!(entered.headers()["cache-control"], "no-store");
    let cookie = entered.headers()["set-cookie"].to_str().unwrap().to_owned();
    let (pair, attributes) = cookie.split_once("; ").unwrap();
    assert_eq!(pair, format!("heat_screen={token}"));
    for attribute in ["Path=/", "HttpOnly", "SameSite=Strict", "Secure"] {
        assert!(attributes.split("; ").any(|given| given == attribute), "{attribute}: {attributes}");
    }
    assert!(attributes.contains("Max-Age=34560000"), "no browser keeps it longer: {attributes}");

    let by_cookie = |method, path: &str| {
        let request = replica.request(method, path).header("cookie", pair);
        request.header("origin", "https://heat.example.net")
    };
    let me = answer(by_cookie(Method::GET, "/api/v1/me").send().await.unwrap(), StatusCode::OK).await;
    assert_eq!(
        (&me["name"], &me["role"], &me["auth"]),
        (&json!("screen:wall-1"), &json!("viewer"), &json!("screen"))
    );
    let write = by_cookie(Method::POST, COMMENTS).json(&json!({ "text": "x" }));
    answer(write.send().await.unwrap(), StatusCode::FORBIDDEN).await;
    let logged_in = by_cookie(Method::GET, "/api/v1/me").header("x-forwarded-user", "ann");
    assert_eq!(answer(logged_in.send().await.unwrap(), StatusCode::OK).await["name"], "ann");

    let mut socket = format!("ws://{}/api/v1/live", replica.addr).into_client_request().unwrap();
    socket.headers_mut().insert("cookie", pair.parse().unwrap());
    assert!(connect_async(socket.clone()).await.is_err(), "another site's page may not");
    socket.headers_mut().insert("origin", "https://heat.example.net".parse().unwrap());
    connect_async(socket).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_screens_token_is_good_for_a_screen_alone_and_a_programs_for_a_program() {
    let stage = stage().await;
    let replica = stage.replica_with(&PROXY).await;
    let screen = stage.token("wall-1", Role::Viewer, Some("/")).await;
    let program = stage.token("robot", Role::Admin, None).await;
    with(&replica, &screen, "/api/v1/me", StatusCode::UNAUTHORIZED).await;
    let cookie =
        replica.request(Method::GET, "/api/v1/me").header("cookie", format!("heat_screen={program}"));
    answer(cookie.send().await.unwrap(), StatusCode::UNAUTHORIZED).await;
    for wrong in [program.as_str(), "heat_0", "x"] {
        let problem = replica.json(&format!("/screen/{wrong}"), StatusCode::NOT_FOUND).await;
        assert!(!problem.to_string().contains(&program), "{problem}");
    }
    // Over plain HTTP a cookie that is Secure would never come back.
    let plain = stage.replica().await;
    let entered = plain.get(&format!("/screen/{screen}")).await;
    assert!(!entered.headers()["set-cookie"].to_str().unwrap().contains("Secure"));
}
