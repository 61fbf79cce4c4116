//! Every route, and who comes through it.

use std::fmt::Write;

use heat::role::Role;
use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::{Method, StatusCode};

use crate::stage::{FIRST, Replica, Stage};

const OURS: &str = "https://heat.example.net";

/// Somebody who asks: what they are called in the table, whom they ask, and what comes with their requests.
struct Visitor<'a> {
    name: &'static str,
    replica: &'a Replica,
    headers: HeaderMap,
}

fn headers<'a>(pairs: impl IntoIterator<Item = (&'static str, &'a str)>) -> HeaderMap {
    pairs.into_iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
}

fn member<'a>(group: &'a str, origin: &'a str) -> HeaderMap {
    headers([("x-forwarded-user", group), ("x-forwarded-groups", group), ("origin", origin)])
}

/// `yes` for whoever is let in, whatever becomes of the request then.
fn verdict(status: StatusCode) -> String {
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => status.as_str().to_owned(),
        StatusCode::TOO_MANY_REQUESTS => panic!("the test itself is too fast"),
        _ => "yes".to_owned(),
    }
}

/// The document has exactly the routes of the table: the route table's own tests see to that.
#[tokio::test(flavor = "multi_thread")]
async fn every_route_lets_in_whom_the_table_says() {
    let stage = Stage::whole().await;
    stage.publish(FIRST, vec![]).await;
    let file = tempfile::NamedTempFile::new().unwrap();
    let groups = "[groups]\noperator = \"operator\"\nadmin = \"admin\"\n";
    std::fs::write(file.path(), groups).unwrap();
    let args = ["--auth", "proxy", "--public-url", OURS, "--config", file.path().to_str().unwrap()];
    let login = stage.replica_with(&args).await;
    let open = stage.replica_with(&[&args[..], &["--anonymous", "viewer"]].concat()).await;
    let off = stage.replica().await;
    for replica in [&login, &open, &off] {
        replica.shows(FIRST).await;
    }
    let bearer = async |role: Role| {
        let token = stage.token(role.name(), role, None).await;
        headers([("authorization", format!("Bearer {token}").as_str())])
    };
    let screen = stage.token("wall", Role::Viewer, Some("/?kiosk=1")).await;
    let screen = format!("heat_screen={screen}");
    let wrong = format!("Bearer {}", heat::token::token([1; 32]).reveal());
    let visitors = [
        Visitor { name: "nobody", replica: &login, headers: headers([("origin", OURS)]) },
        Visitor {
            name: "wrong token",
            replica: &login,
            headers: headers([("authorization", wrong.as_str())]),
        },
        Visitor { name: "anonymous", replica: &open, headers: headers([("origin", OURS)]) },
        Visitor {
            name: "screen",
            replica: &login,
            headers: headers([("cookie", screen.as_str()), ("origin", OURS)]),
        },
        Visitor { name: "viewer", replica: &login, headers: member("viewer", OURS) },
        Visitor { name: "operator", replica: &login, headers: member("operator", OURS) },
        Visitor { name: "admin", replica: &login, headers: member("admin", OURS) },
        Visitor {
            name: "admin, sent by another site",
            replica: &login,
            headers: member("admin", "https://evil.example"),
        },
        Visitor { name: "viewer token", replica: &login, headers: bearer(Role::Viewer).await },
        Visitor { name: "operator token", replica: &login, headers: bearer(Role::Operator).await },
        Visitor { name: "admin token", replica: &login, headers: bearer(Role::Admin).await },
        Visitor { name: "HEAT_AUTH=off", replica: &off, headers: headers([("origin", "http://127.0.0.1")]) },
    ];

    let mut table = String::new();
    for (number, visitor) in (1..).zip(&visitors) {
        writeln!(table, "{number:>2} {}", visitor.name).unwrap();
    }
    write!(table, "\n{:50}", "").unwrap();
    for number in 1..=visitors.len() {
        write!(table, "{number:>5}").unwrap();
    }
    table.push('\n');
    let document = login.json("/openapi.json", StatusCode::OK).await;
    let mut client = 0_u32;
    for (template, item) in document["paths"].as_object().unwrap() {
        let path = template
            .replace("{key}", "zabbix:t9:gone")
            .replace("{id}", "999999")
            .replace("{name}", "gone")
            .replace("{token}", "gone");
        for method in [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            if item.get(method.as_str().to_lowercase()).is_none() {
                continue;
            }
            let mut row = format!("{:7}{template:43}", method.as_str());
            for visitor in &visitors {
                // Each from an address of its own, so that those who come with a wrong token are not slowed.
                client += 1;
                let address = std::net::Ipv4Addr::from(0x0a00_0000 + client).to_string();
                let mut headers = visitor.headers.clone();
                headers.insert("x-forwarded-for", HeaderValue::try_from(address).unwrap());
                let request = visitor.replica.request(method.clone(), &path).headers(headers);
                let status = request.send().await.unwrap().status();
                write!(row, "{:>5}", verdict(status)).unwrap();
            }
            writeln!(table, "{}", row.trim_end()).unwrap();
        }
    }
    insta::assert_snapshot!("routes_by_roles", table);
}

#[tokio::test]
async fn every_answer_says_what_a_browser_may_do_with_it() {
    let stage = Stage::without_postgres().await;
    stage.publish(FIRST, vec![]).await;
    let replica = stage.replica().await;
    replica.shows(FIRST).await;
    for path in ["/api/v1/snapshot", "/api/v1/me", "/status", "/healthz", "/nowhere", "/api/v1/live"] {
        let answer = replica.get(path).await;
        let of = |name: &str| {
            let values: Vec<_> = answer.headers().get_all(name).iter().collect();
            assert_eq!(values.len(), 1, "{path}: {name}");
            values[0].to_str().unwrap().to_owned()
        };
        let policy = of("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; "), "{path}: {policy}");
        assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(of("x-content-type-options"), "nosniff");
        assert_eq!(of("referrer-policy"), "same-origin");
        assert_eq!(of("cross-origin-resource-policy"), "same-origin");
    }
}
