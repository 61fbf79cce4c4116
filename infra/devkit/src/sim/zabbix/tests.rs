//! The simulator against answers captured from the real 6.0.14, and against the rules measured on both versions.

use std::path::PathBuf;
use std::time::Duration;

use reqwest::Client;
use serde_json::{Value, json};

use super::*;

async fn start(version: Version) -> Zabbix {
    Zabbix::start(Options { version, ..Options::default() }).await.unwrap()
}

/// A call as a client of that version makes it.
async fn call(zabbix: &Zabbix, method: &str, params: Value) -> Value {
    let body = json!({"jsonrpc": "2.0", "method": method, "params": params, "id": 1});
    let (status, text) = post(zabbix, &body, Some(zabbix.token())).await;
    assert_eq!(status, 200);
    serde_json::from_str(&text).unwrap()
}

async fn result(zabbix: &Zabbix, method: &str, params: Value) -> Value {
    let answer = call(zabbix, method, params).await;
    assert!(answer.get("error").is_none(), "{answer}");
    answer["result"].clone()
}

async fn refusal(zabbix: &Zabbix, method: &str, params: Value) -> (i64, String) {
    let answer = call(zabbix, method, params).await;
    let error = &answer["error"];
    (error["code"].as_i64().unwrap_or(0), error["data"].as_str().unwrap_or_default().to_owned())
}

/// Posts a body, the token in the member or the header by version.
async fn post(zabbix: &Zabbix, body: &Value, token: Option<&str>) -> (u16, String) {
    let mut body = body.clone();
    let mut request = Client::new().post(zabbix.api_url()).header("content-type", "application/json-rpc");
    if let Some(token) = token {
        if zabbix.with(|state| state.version) == Version::V6_0 {
            body["auth"] = token.into();
        } else {
            request = request.header("authorization", format!("Bearer {token}"));
        }
    }
    let answer = request.body(body.to_string()).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

fn ids(rows: &Value, field: &str) -> Vec<String> {
    rows.as_array().unwrap().iter().map(|row| row[field].as_str().unwrap().to_owned()).collect()
}

// --- captures ----------------------------------------------------------------

/// The real answers live beside the repository, not in it.
fn captures() -> Option<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/real/captures/zabbix");
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("NOTE: no captures of a real Zabbix at {}: nothing compared", folder.display());
    None
}

/// Which members and which JSON types, without the values.
fn shape(value: &Value) -> Value {
    match value {
        Value::Null => "null".into(),
        Value::Bool(_) => "bool".into(),
        Value::Number(_) => "number".into(),
        Value::String(_) => "string".into(),
        Value::Array(items) => {
            let mut shapes: Vec<Value> = items.iter().map(shape).collect();
            shapes.sort_by_key(ToString::to_string);
            shapes.dedup();
            // Whether a list has something in it is not a question of shape.
            shapes.retain(|shape| !(shape.is_array() && shapes_empty(shape)));
            shapes.into_iter().next_back().map_or(json!([]), |shape| json!([shape]))
        }
        Value::Object(members) => members
            .iter()
            .map(|(key, value)| (key.clone(), shape(value)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
    }
}

fn shapes_empty(shape: &Value) -> bool {
    shape.as_array().is_some_and(Vec::is_empty)
}

/// The same shape, where an empty list stands for any.
fn agrees(ours: &Value, real: &Value) -> bool {
    match (ours, real) {
        (Value::Array(ours), Value::Array(real)) => match (ours.first(), real.first()) {
            (Some(ours), Some(real)) => agrees(ours, real),
            _ => true,
        },
        (Value::Object(ours), Value::Object(real)) => {
            ours.keys().eq(real.keys()) && ours.iter().all(|(key, value)| agrees(value, &real[key]))
        }
        (ours, real) => ours == real,
    }
}

/// The installation that the captures were taken from, as far as they show it.
async fn captured_installation() -> Zabbix {
    let options = Options { version: Version::V6_0, first_event_id: 8, ..Options::default() };
    let zabbix = Zabbix::start(options).await.unwrap();
    let hosts: Vec<String> = (1..=150).map(|number| format!("srv-{number:05}")).collect();
    for host in &hosts {
        zabbix.group_host(host, "Data centre");
        zabbix.group_host(host, "Data centre/dc1");
        zabbix.tag_host(host, "site", "dc1");
        zabbix.with(|state| {
            let id = state.host(host);
            let inventory = vec![("asset_tag", "AT-000000".to_owned()), ("location", "dc1".to_owned())];
            state.hosts.get_mut(&id).unwrap().inventory = inventory;
        });
    }
    zabbix.begin_maintenance("Real window", &hosts[..10], i64::from(u32::MAX));
    for host in &hosts[..120] {
        let raise = Raise::new(host, UNREACHABLE).severity(5).tag("scope", "availability").opdata("now 0");
        zabbix.raise(&raise);
    }
    zabbix
}

#[tokio::test]
async fn answers_have_the_shape_of_the_captured_ones_and_errors_their_very_words() {
    let Some(folder) = captures() else { return };
    let zabbix = captured_installation().await;
    let nothing = zabbix.add_token(Access { groups: Some(Vec::new()), ..Access::default() });
    let expired = zabbix.add_token(Access { expired: true, ..Access::default() });
    let mut captures: Vec<(String, Value)> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap();
            (path.file_stem().unwrap().to_string_lossy().into_owned(), serde_json::from_str(&text).unwrap())
        })
        .collect();
    // In the order in which they were taken: some change what the next ones see.
    captures.sort_by_key(|(name, capture)| (capture["request"]["body"]["id"].as_u64(), name.clone()));
    let mut compared = 0;
    for (name, capture) in captures {
        zabbix.clear_faults();
        let secret = match name.as_str() {
            "error-token-expired" => expired.as_str(),
            "error-session-ended" => "0123456789abcdef0123456789abcdef",
            _ => nothing.as_str(),
        };
        if name == "error-database-down" {
            zabbix.inject(Fault::DatabaseDown);
        }
        let told = |text: &str| text.replace("TOKEN", zabbix.token()).replace("SECRET", secret);
        let request = &capture["request"];
        let body = match &request["body"] {
            Value::String(text) => text.clone(),
            Value::Null => String::new(),
            body => told(&body.to_string()),
        };
        let method: Method = request["method"].as_str().unwrap().parse().unwrap();
        let mut sending = Client::new().request(method, zabbix.api_url()).body(body);
        for (header, value) in request["headers"].as_object().unwrap() {
            sending = sending.header(header, told(value.as_str().unwrap()));
        }
        let answer = sending.send().await.unwrap();
        let real = &capture["response"];
        assert_eq!(u64::from(answer.status().as_u16()), real["status"].as_u64().unwrap(), "{name}");
        let headers = real["headers"].as_object().unwrap();
        for (header, value) in headers.iter().filter(|(header, _)| *header != "Connection") {
            assert_eq!(answer.headers()[header.as_str()], value.as_str().unwrap(), "{name}: {header}");
        }
        let text = answer.text().await.unwrap();
        if let Some(real) = real["body"].as_str() {
            assert_eq!(text, real, "{name}");
        } else {
            let ours: Value = serde_json::from_str(&text).unwrap();
            let real = &real["body"];
            if real.get("error").is_some() {
                assert_eq!(&ours, real, "{name}");
            } else {
                let (ours, real) = (shape(&ours), shape(real));
                assert!(agrees(&ours, &real), "{name}\nours {ours}\nreal {real}");
            }
        }
        compared += 1;
    }
    assert!(compared > 30, "only {compared} captures");
}

// --- transport and envelope --------------------------------------------------

#[tokio::test]
async fn a_call_without_an_id_is_carried_out_and_answered_with_an_empty_body() {
    let zabbix = start(Version::V7_0).await;
    let event = zabbix.fire("srv-1", "down", 4);
    let body =
        json!({"jsonrpc": "2.0", "method": "event.acknowledge", "params": {"eventids": event, "action": 2}});
    assert_eq!(post(&zabbix, &body, Some(zabbix.token())).await, (200, String::new()));
    assert!(zabbix.open_problems()[0].acknowledged);
}

#[tokio::test]
async fn only_json_content_types_are_taken_with_whatever_parameters() {
    let zabbix = start(Version::V7_0).await;
    let body = r#"{"jsonrpc":"2.0","method":"apiinfo.version","params":{},"id":"x"}"#;
    for (content_type, status) in [
        ("application/json; charset=utf-8", 200),
        ("application/jsonrequest", 200),
        ("text/json", 412),
        ("application/x-www-form-urlencoded", 412),
    ] {
        let request = Client::new().post(zabbix.api_url()).header("content-type", content_type).body(body);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status().as_u16(), status, "{content_type}");
        let text = answer.text().await.unwrap();
        assert_eq!(text.is_empty(), status == 412);
        assert!(status == 412 || text.ends_with(r#""id":"x"}"#), "the id keeps its type: {text}");
    }
}

#[tokio::test]
async fn what_is_no_request_is_told_what_is_wrong_with_it() {
    let zabbix = start(Version::V7_0).await;
    for (body, data) in [
        (json!([]), "The received JSON is not a valid JSON-RPC request."),
        (json!(7), "The received JSON is not a valid JSON-RPC request."),
        (
            json!({"jsonrpc": "2.0", "method": "a.b", "id": 1}),
            "Invalid parameter \"/\": the parameter \"params\" is missing.",
        ),
        (
            json!({"jsonrpc": "1.0", "method": "a.b", "params": {}, "id": 1}),
            "Invalid parameter \"/jsonrpc\": value must be \"2.0\".",
        ),
        (
            json!({"jsonrpc": "2.0", "method": "a.b", "params": {}, "id": 1, "x": 1}),
            "Invalid parameter \"/\": unexpected parameter \"x\".",
        ),
        (
            json!({"jsonrpc": "2.0", "method": "a.b", "params": {}, "id": 1, "auth": ""}),
            "Invalid parameter \"/auth\": cannot be empty.",
        ),
    ] {
        let (status, text) = post(&zabbix, &body, None).await;
        let answer: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            (status, &answer["error"]["code"], &answer["error"]["data"]),
            (200, &json!(-32600), &json!(data))
        );
    }
}

// --- credentials ---------------------------------------------------------------

#[tokio::test]
async fn credentials_work_where_each_version_reads_them() {
    for version in [Version::V6_0, Version::V7_0] {
        let zabbix = start(version).await;
        let token = zabbix.token().to_owned();
        let wrong = "0".repeat(64);
        let bearer = format!("Bearer {token}");
        let new = version == Version::V7_0;
        let ok = "";
        let refused = "Not authorized.";
        let cases: [(Option<&str>, Option<String>, &str); 7] = [
            (Some(&token), None, ok),
            (None, Some(bearer.clone()), if new { ok } else { refused }),
            (None, Some(format!("bearer {token}")), refused),
            // 7.0: the header wins; 6.0 does not look at it.
            (Some(&wrong), Some(bearer.clone()), if new { ok } else { refused }),
            (Some(&token), Some(format!("Bearer {wrong}")), if new { refused } else { ok }),
            (None, None, refused),
            // Not 64 characters: a session id.
            (Some("0123456789abcdef0123456789abcdef"), None, "Session terminated, re-login, please."),
        ];
        for (auth, header, data) in cases {
            let mut body = json!({"jsonrpc": "2.0", "method": "host.get", "params": {}, "id": 1});
            if let Some(auth) = auth {
                body["auth"] = auth.into();
            }
            let mut request = Client::new().post(zabbix.api_url()).header("content-type", "application/json");
            if let Some(header) = &header {
                request = request.header("authorization", header);
            }
            let answer: Value = request.body(body.to_string()).send().await.unwrap().json().await.unwrap();
            let told = answer["error"]["data"].as_str().unwrap_or_default();
            assert_eq!(told, data, "{version:?}: auth {auth:?}, header {header:?}");
        }
    }
}

#[tokio::test]
async fn the_version_is_told_to_callers_without_credentials_only() {
    let zabbix = start(Version::V7_0).await;
    let body = json!({"jsonrpc": "2.0", "method": "APIInfo.Version", "params": {}, "id": 1});
    let (_, text) = post(&zabbix, &body, None).await;
    assert_eq!(text, r#"{"jsonrpc":"2.0","result":"7.0.22","id":1}"#);
    let (_, text) = post(&zabbix, &body, Some(zabbix.token())).await;
    assert!(text.contains("must be called without authorization header."), "{text}");
    zabbix.set_version(Version::V6_0);
    let (_, text) = post(&zabbix, &body, Some(zabbix.token())).await;
    assert!(text.contains(r#"must be called without the \"auth\" parameter."#), "{text}");
}

#[tokio::test]
async fn a_session_lives_until_logout_and_a_blocked_user_is_refused_the_right_password() {
    let zabbix = start(Version::V6_0).await;
    let login = async |password: &str| {
        let params = json!({"username": "Admin", "password": password});
        let body = json!({"jsonrpc": "2.0", "method": "user.login", "params": params, "id": 1});
        let (_, text) = post(&zabbix, &body, None).await;
        serde_json::from_str::<Value>(&text).unwrap()
    };
    let session = login("zabbix").await["result"].as_str().unwrap().to_owned();
    assert_eq!(session.len(), 32);
    let as_session = async |method: &str, params: Value| {
        let body = json!({"jsonrpc": "2.0", "method": method, "params": params, "id": 1});
        post(&zabbix, &body, Some(&session)).await.1
    };
    assert!(as_session("host.get", json!({})).await.contains("\"result\":[]"));
    assert!(as_session("user.logout", json!([])).await.contains("\"result\":true"));
    assert!(as_session("host.get", json!({})).await.contains("Session terminated, re-login, please."));
    for _ in 0..5 {
        assert_eq!(login("wrong").await["error"]["code"], -32500);
    }
    assert_eq!(login("zabbix").await["error"]["code"], -32500);
}

// --- strict and lenient --------------------------------------------------------

#[tokio::test]
async fn what_6_0_overlooks_7_0_refuses() {
    let zabbix = start(Version::V6_0).await;
    zabbix.fire("srv-1", "down", 4);
    let typos = [
        (json!({"selectHosts": "extend"}), "Invalid parameter \"/\": unexpected parameter \"selectHosts\"."),
        (json!({"recent": 1}), "Invalid parameter \"/recent\": a boolean is expected."),
        (json!({"limit": 0}), "Invalid parameter \"/limit\": value must be one of 1-2147483647."),
        (json!({"filter": {"clock": "1"}}), "Invalid parameter \"/filter\": unexpected parameter \"clock\"."),
        (json!({"severities": ["high"]}), "Invalid parameter \"/severities/1\": a number is expected."),
    ];
    for (params, _) in &typos {
        assert!(result(&zabbix, "problem.get", params.clone()).await.is_array(), "{params}");
    }
    let shown = result(&zabbix, "problem.get", json!({"output": ["eventid", "nonsense"]})).await;
    assert_eq!(shown[0].as_object().unwrap().len(), 1);
    zabbix.set_version(Version::V7_0);
    for (params, data) in &typos {
        assert_eq!(
            refusal(&zabbix, "problem.get", params.clone()).await,
            (-32602, (*data).to_owned()),
            "{params}"
        );
    }
    let (code, data) = refusal(&zabbix, "problem.get", json!({"output": ["eventid", "nonsense"]})).await;
    assert!(
        code == -32602
            && data.starts_with("Invalid parameter \"/output/2\": value must be one of \"eventid\", ")
    );
    assert_eq!(
        refusal(&zabbix, "problem.get", json!({"sortfield": "clock"})).await,
        (-32602, "Invalid parameter \"/sortfield/1\": value must be \"eventid\".".to_owned())
    );
    // trigger.get and host.get are lenient still.
    for method in ["trigger.get", "host.get"] {
        assert!(result(&zabbix, method, json!({"nonsense": 1, "output": ["nonsense"]})).await.is_array());
    }
}

#[tokio::test]
async fn every_scalar_is_a_string_and_no_list_becomes_an_object_when_empty() {
    let zabbix = start(Version::V7_0).await;
    assert_eq!(result(&zabbix, "problem.get", json!({"preservekeys": true})).await, json!([]));
    assert_eq!(result(&zabbix, "problem.get", json!({"countOutput": true})).await, json!("0"));
    let event = zabbix.fire("srv-1", "down", 4);
    assert_eq!(result(&zabbix, "problem.get", json!({"countOutput": true})).await, json!("1"));
    let keyed = result(&zabbix, "problem.get", json!({"preservekeys": true})).await;
    let row = &keyed[event.to_string()];
    let strings = row.as_object().unwrap().iter().filter(|(key, _)| *key != "urls");
    assert!(strings.clone().all(|(_, value)| value.is_string()), "{row}");
    assert_eq!(
        (&row["severity"], &row["r_eventid"], &row["cause_eventid"]),
        (&json!("4"), &json!("0"), &json!("0"))
    );
    let hosts = result(&zabbix, "host.get", json!({"selectInventory": "extend"})).await;
    assert_eq!(hosts[0]["inventory"], json!([]));
}

// --- sweeps -----------------------------------------------------------------------

#[tokio::test]
async fn a_sweep_by_pages_sees_every_problem_once_in_order() {
    let zabbix = start(Version::V7_0).await;
    let raised = zabbix.storm(250);
    let mut seen = Vec::new();
    let mut from = 0;
    loop {
        let params = json!({
            "output": ["eventid", "objectid", "clock", "ns", "name", "severity", "acknowledged", "suppressed"],
            "selectTags": "extend", "sortfield": "eventid", "sortorder": "ASC", "limit": 100, "eventid_from": from,
        });
        let page = ids(&result(&zabbix, "problem.get", params).await, "eventid");
        let last = page.last().map(|id| id.parse::<u64>().unwrap());
        seen.extend(page.iter().map(|id| id.parse::<u64>().unwrap()));
        match last {
            Some(last) if page.len() == 100 => from = last + 1,
            _ => break,
        }
    }
    assert_eq!(seen, raised);
    let pages = zabbix.asked_for("problem.get");
    assert_eq!(pages.len(), 3);
    assert_eq!(pages[1].params["eventid_from"], json!(raised[99] + 1));
    // Without a sort field the order is nobody's.
    let shuffled = ids(&result(&zabbix, "problem.get", json!({"output": ["eventid"]})).await, "eventid");
    assert_eq!(shuffled.len(), 250);
    assert!(!shuffled.is_sorted());
}

#[tokio::test]
async fn event_ids_above_2_to_the_53_arrive_whole() {
    let first_event_id = (1 << 53) + 1;
    let zabbix = Zabbix::start(Options { first_event_id, ..Options::default() }).await.unwrap();
    zabbix.fire("srv-1", "down", 4);
    let rows = result(&zabbix, "problem.get", json!({})).await;
    assert_eq!(rows[0]["eventid"], "9007199254740993");
}

#[tokio::test]
async fn a_hundred_thousand_problems_are_swept_whole() {
    let zabbix = start(Version::V7_0).await;
    let raised = zabbix.storm(100_000);
    assert_eq!(raised.len(), 100_000);
    let params = json!({"output": ["eventid", "objectid", "name", "severity"], "sortfield": "eventid", "selectTags": "extend"});
    assert_eq!(result(&zabbix, "problem.get", params).await.as_array().unwrap().len(), 100_000);
}

#[tokio::test]
async fn problems_are_chosen_by_severity_tag_host_group_and_state() {
    let zabbix = start(Version::V7_0).await;
    let group = zabbix.group_host("srv-1", "Racks/A01");
    let disk = zabbix.raise(&Raise::new("srv-1", "disk").severity(2).tag("scope", "capacity"));
    let down = zabbix.raise(&Raise::new("srv-2", "down").severity(5).tag("scope", "availability"));
    zabbix.acknowledge(disk, "ivanova", "смотрю");
    zabbix.suppress(down, 0);
    let host = zabbix.add_host("srv-2");
    for (params, chosen) in [
        (json!({"severities": [4, "5"]}), down),
        (json!({"groupids": group}), disk),
        (json!({"hostids": [host.to_string()]}), down),
        (json!({"tags": [{"tag": "scope", "value": "CAPA"}]}), disk),
        (json!({"tags": [{"tag": "scope", "value": "capacity", "operator": 3}]}), down),
        (json!({"acknowledged": true}), disk),
        (json!({"suppressed": false}), disk),
        (json!({"eventids": [down]}), down),
        (json!({"search": {"name": "DISK"}}), disk),
    ] {
        let rows = result(&zabbix, "problem.get", params.clone()).await;
        assert_eq!(ids(&rows, "eventid"), [chosen.to_string()], "{params}");
    }
    let rows = result(
        &zabbix,
        "problem.get",
        json!({"selectAcknowledges": "extend", "selectSuppressionData": "extend"}),
    )
    .await;
    let of = |id: u64| {
        rows.as_array().unwrap().iter().find(|row| row["eventid"].as_str() == Some(&id.to_string())).unwrap()
    };
    assert_eq!(of(disk)["acknowledges"][0]["message"], "смотрю");
    assert_eq!(
        of(down)["suppression_data"],
        json!([{"maintenanceid": "0", "suppress_until": "0", "userid": "4"}])
    );
}

#[tokio::test]
async fn a_resolved_problem_is_recent_for_a_while_and_has_a_recovery_event() {
    let zabbix = start(Version::V6_0).await;
    let event = zabbix.fire("srv-1", "down", 4);
    assert_eq!(zabbix.resolve("srv-1", "down"), 1);
    assert_eq!(result(&zabbix, "problem.get", json!({})).await, json!([]));
    let recent = result(&zabbix, "problem.get", json!({"recent": true})).await;
    let recovery = recent[0]["r_eventid"].as_str().unwrap().to_owned();
    assert_eq!(recent[0]["eventid"], event.to_string());
    let events = result(&zabbix, "event.get", json!({"selectHosts": ["host"], "sortfield": "eventid"})).await;
    assert_eq!(events[1]["eventid"].as_str().unwrap(), recovery);
    assert_eq!((&events[1]["value"], &events[1]["severity"]), (&json!("0"), &json!("0")));
    assert_eq!(events[0]["hosts"][0]["host"], "srv-1");
}

#[tokio::test]
async fn problem_get_shows_what_a_disabled_host_left_behind_and_trigger_get_does_not() {
    let zabbix = start(Version::V7_0).await;
    zabbix.fire("srv-1", "down", 4);
    zabbix.enable_host("srv-1", false);
    assert_eq!(result(&zabbix, "problem.get", json!({})).await.as_array().unwrap().len(), 1);
    // A flag is on whatever its value.
    for on in [json!(true), json!(false), json!(1)] {
        assert_eq!(result(&zabbix, "trigger.get", json!({"monitored": on})).await, json!([]));
    }
    assert_eq!(result(&zabbix, "trigger.get", json!({})).await.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn triggers_tell_their_hosts_and_what_they_depend_on() {
    let zabbix = start(Version::V7_0).await;
    zabbix.depend(("vm-1", UNREACHABLE), ("hv-1", UNREACHABLE));
    zabbix.fire("hv-1", UNREACHABLE, 5);
    let event = zabbix.raise(&Raise::new("vm-1", UNREACHABLE).severity(5));
    let both = zabbix.raise(&Raise::new("hv-1", "pair is split").and_host("vm-1"));
    let second = zabbix.raise(&Raise::new("hv-1", "pair is split").and_host("vm-1").again());
    assert_ne!(both, second);
    let problems = zabbix.open_problems();
    let trigger_of =
        |event: u64| problems.iter().find(|problem| problem.event_id == event).unwrap().trigger_id;
    assert_eq!(trigger_of(both), trigger_of(second));
    let params = json!({
        "triggerids": [trigger_of(event), trigger_of(both)], "output": ["triggerid", "manual_close"],
        "selectHosts": ["hostid", "host", "name"], "selectDependencies": ["triggerid"], "monitored": true,
        "sortfield": "triggerid",
    });
    let triggers = result(&zabbix, "trigger.get", params).await;
    assert_eq!(triggers[0]["hosts"][0]["host"], "vm-1");
    assert_eq!(triggers[0]["dependencies"].as_array().unwrap().len(), 1);
    assert_eq!(ids(&triggers[1]["hosts"], "host"), ["hv-1", "vm-1"]);
    let independent = result(&zabbix, "trigger.get", json!({"skipDependent": true, "only_true": true})).await;
    assert_eq!(independent.as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_proxy_is_named_by_each_version_in_its_own_words() {
    let zabbix = start(Version::V6_0).await;
    let proxy = zabbix.assign_proxy("srv-1", "proxy-sas").to_string();
    zabbix.set_proxy_last_access("proxy-sas", Some(1_700_000_000));
    let proxies = result(&zabbix, "proxy.get", json!({"output": ["proxyid", "host", "lastaccess"]})).await;
    assert_eq!(proxies, json!([{"proxyid": proxy, "host": "proxy-sas", "lastaccess": "1700000000"}]));
    let hosts = result(&zabbix, "host.get", json!({"output": ["proxy_hostid"]})).await;
    assert_eq!(hosts[0]["proxy_hostid"], json!(proxy));
    zabbix.set_version(Version::V7_0);
    let proxies = result(&zabbix, "proxy.get", json!({"output": ["proxyid", "name", "lastaccess"]})).await;
    assert_eq!(proxies[0]["name"], "proxy-sas");
    let hosts = result(&zabbix, "host.get", json!({"output": ["proxyid", "monitored_by"]})).await;
    assert_eq!((&hosts[0]["proxyid"], &hosts[0]["monitored_by"]), (&json!(proxy), &json!("1")));
}

#[tokio::test]
async fn a_maintenance_suppresses_what_is_open_and_what_comes() {
    let zabbix = start(Version::V7_0).await;
    zabbix.fire("srv-1", "before", 3);
    let maintenance = zabbix.begin_maintenance("Работы", &["srv-1".to_owned()], i64::from(u32::MAX));
    zabbix.fire("srv-1", "after", 3);
    assert!(zabbix.open_problems().iter().all(|problem| problem.suppressed));
    let hosts = result(&zabbix, "host.get", json!({"output": ["maintenance_status", "maintenanceid"]})).await;
    assert_eq!(
        (&hosts[0]["maintenance_status"], &hosts[0]["maintenanceid"]),
        (&json!("1"), &json!(maintenance.to_string()))
    );
    zabbix.end_maintenance(maintenance);
    assert!(zabbix.open_problems().iter().all(|problem| !problem.suppressed));
}

// --- event.acknowledge ---------------------------------------------------------

#[tokio::test]
async fn acknowledging_answers_with_numbers_and_refuses_what_does_not_fit() {
    let options = Options { close_delay: Duration::ZERO, ..Options::default() };
    let zabbix = Zabbix::start(options).await.unwrap();
    let event = zabbix.fire("srv-1", "down", 4);
    let acknowledge =
        json!({"eventids": [event.to_string()], "action": 14, "message": "смотрю", "severity": 2});
    assert_eq!(result(&zabbix, "event.acknowledge", acknowledge).await, json!({"eventids": [event]}));
    let problem = &zabbix.open_problems()[0];
    assert!(problem.acknowledged && problem.severity == 2);
    for (params, code, data) in [
        (
            json!({"eventids": event, "action": 4096}),
            -32602,
            "Incorrect value for field \"action\": unexpected value \"4096\".",
        ),
        (
            json!({"eventids": event, "action": 18}),
            -32602,
            "Incorrect value for field \"action\": unexpected value \"18\".",
        ),
        (
            json!({"eventids": event, "action": 4}),
            -32602,
            "Incorrect value for field \"message\": cannot be empty.",
        ),
        (json!({"eventids": event}), -32602, "Invalid parameter \"/\": the parameter \"action\" is missing."),
        (
            json!({"eventids": [event, 1], "action": 2}),
            -32500,
            "No permissions to referred object or it does not exist!",
        ),
    ] {
        assert_eq!(refusal(&zabbix, "event.acknowledge", params).await, (code, data.to_owned()));
    }
    // Closing is a task of the server: here it gets to it before the next call.
    result(&zabbix, "event.acknowledge", json!({"eventids": event, "action": 1})).await;
    assert_eq!(result(&zabbix, "problem.get", json!({})).await, json!([]));
}

#[tokio::test]
async fn symptoms_and_manual_suppression_are_known_to_7_0_alone() {
    let zabbix = start(Version::V7_0).await;
    let cause = zabbix.fire("sw-1", "down", 5);
    let symptom = zabbix.fire("srv-1", "down", 5);
    result(&zabbix, "event.acknowledge", json!({"eventids": symptom, "action": 256, "cause_eventid": cause}))
        .await;
    result(&zabbix, "event.acknowledge", json!({"eventids": symptom, "action": 32, "suppress_until": 0}))
        .await;
    let causes = result(&zabbix, "problem.get", json!({"symptom": false})).await;
    assert_eq!(ids(&causes, "eventid"), [cause.to_string()]);
    let symptoms =
        result(&zabbix, "problem.get", json!({"symptom": true, "output": ["cause_eventid", "suppressed"]}))
            .await;
    assert_eq!(
        (&symptoms[0]["cause_eventid"], &symptoms[0]["suppressed"]),
        (&json!(cause.to_string()), &json!("1"))
    );
    zabbix.set_version(Version::V6_0);
    let (code, data) =
        refusal(&zabbix, "event.acknowledge", json!({"eventids": symptom, "action": 64})).await;
    assert_eq!(
        (code, data.as_str()),
        (-32602, "Incorrect value for field \"action\": unexpected value \"64\".")
    );
}

// --- faults ------------------------------------------------------------------------

#[tokio::test]
async fn every_fault_looks_as_it_does_in_life() {
    let zabbix = start(Version::V7_0).await;
    zabbix.storm(20);
    let body = json!({"jsonrpc": "2.0", "method": "problem.get", "params": {}, "id": 1});
    let token = zabbix.token().to_owned();
    let struck = async |fault: Fault| {
        zabbix.clear_faults();
        zabbix.inject(Rule::new(fault).on("problem.get").times(1));
        post(&zabbix, &body, Some(&token)).await
    };
    assert_eq!(struck(Fault::Status(500)).await, (500, String::new()));
    assert_eq!(struck(Fault::MemoryLimit(10)).await, (500, String::new()));
    assert_eq!(struck(Fault::MemoryLimit(20)).await.0, 200);
    let (status, text) = struck(Fault::Status(502)).await;
    assert!(status == 502 && text.contains("<h1>502 Bad Gateway</h1>"));
    let (status, text) = struck(Fault::Html).await;
    assert!(status == 200 && text.starts_with("<!DOCTYPE html>"));
    let (status, text) = struck(Fault::CutJson).await;
    assert!(status == 200 && serde_json::from_str::<Value>(&text).is_err());
    let (_, text) = struck(Fault::Empty).await;
    assert_eq!(text, r#"{"jsonrpc":"2.0","result":[],"id":1}"#);
    let (_, text) = struck(Fault::WrongTypes).await;
    assert!(serde_json::from_str::<Value>(&text).unwrap()["result"][0]["eventid"].is_object());
    let (_, text) = struck(Fault::Huge(1 << 20)).await;
    assert!(text.len() > 1 << 20 && serde_json::from_str::<Value>(&text).is_ok());
    for (fault, data) in [
        (Fault::SessionDeath, "Session terminated, re-login, please."),
        (Fault::TokenRefused, "Not authorized."),
        (Fault::TokenExpired, "API token expired."),
        (Fault::Forbidden, r#"No permissions to call \"problem.get\"."#),
        (Fault::DatabaseDown, "Error connecting to database."),
    ] {
        let (status, text) = struck(fault).await;
        assert!(status == 200 && text.contains(data), "{text}");
    }
    for fault in [Fault::Reset, Fault::CutBody] {
        zabbix.inject(Rule::new(fault).times(1));
        let request = Client::new().post(zabbix.api_url()).header("content-type", "application/json");
        let read = async { request.body(body.to_string()).send().await?.bytes().await };
        assert!(read.await.is_err());
    }
    assert!(zabbix.faults().is_empty());
}

#[tokio::test]
async fn the_page_that_links_lead_to_shows_the_event() {
    let zabbix = start(Version::V7_0).await;
    let event = zabbix.fire("srv-<1>", "{HOST.NAME} is unreachable", 5);
    let link = format!("{}/tr_events.php?triggerid=1&eventid={event}", zabbix.url());
    let page = reqwest::get(link).await.unwrap().text().await.unwrap();
    assert!(page.contains("srv-&lt;1&gt; is unreachable"), "{page}");
}
