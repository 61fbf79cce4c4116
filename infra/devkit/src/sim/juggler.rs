//! Juggler's push doors and its read door, without a Juggler.
//!
//! What is pushed follows published clients; what is read is the contract Heat assumes, since Juggler's own is not
//! public. Both look at one table of raw events by host, service, instance and namespace.
//!
//! | door | request |
//! |---|---|
//! | push, current | `POST /events` with `{"source", "events": [{host, service, status, description, instance?, tags?}]}` |
//! | push, older | `POST /api/1/batch` with a bare list of them |
//! | push, oldest | `GET /juggler-fcgi.py?host=&service=&instance=&status=&description=` |
//! | read | `POST /v2/events/get_raw_events`, `POST /v2/checks/get_checks_state` with `{match, statuses, limit, offset}` |
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
//! use heat_devkit::sim::{Juggler, JugglerOptions, RawEvent};
//!
//! let juggler = Juggler::start(JugglerOptions::default()).await?;
//! juggler.set(RawEvent::new("r1.example.net", "bgp_sessions", "CRIT").description("2 of 8 down"));
//! // … point a client at juggler.url() with juggler.token() …
//! # Ok(()) }
//! ```

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use hyper::header::{AUTHORIZATION, HeaderValue};
use hyper::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::fault::{Asked, Fault, Faults, Record, Rule, lock};
use super::http::{self, Answer, Instead, Request, Server, Site};
use crate::world::{Rng, World};

/// How long a pushed event is good for without being pushed again: the default of an aggregate's `ttl`.
const TTL: f64 = 900.0;
/// The most events of one page.
const LARGEST_PAGE: u64 = 1_000;
const DEFAULT_PAGE: u64 = 100;

/// How a simulated Juggler starts.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where it listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The token the read doors want.
    pub token: String,
    /// Whether it refuses request members it does not know.
    pub strict: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            token: "AQAD-simulated-juggler".to_owned(),
            strict: true,
        }
    }
}

/// A raw event: what somebody says of a service on a host.
#[derive(Debug, Clone, PartialEq)]
pub struct RawEvent {
    host: String,
    service: String,
    instance: String,
    namespace: String,
    status: String,
    description: String,
    tags: Option<Vec<String>>,
    since: Option<f64>,
    ttl: Option<f64>,
    downtimes: Vec<String>,
}

impl RawEvent {
    /// A statement in the namespace `netops` that does not expire. `status` is `OK`, `INFO`, `WARN`, `CRIT`, or
    /// anything, to see what a reader makes of it.
    #[must_use]
    pub fn new(host: &str, service: &str, status: &str) -> Self {
        Self {
            host: host.to_owned(),
            service: service.to_owned(),
            instance: String::new(),
            namespace: "netops".to_owned(),
            status: status.to_owned(),
            description: String::new(),
            tags: Some(vec!["heat".to_owned()]),
            since: None,
            ttl: None,
            downtimes: Vec::new(),
        }
    }

    /// Which of several of that service.
    #[must_use]
    pub fn instance(mut self, instance: &str) -> Self {
        instance.clone_into(&mut self.instance);
        self
    }

    /// Whose it is.
    #[must_use]
    pub fn namespace(mut self, namespace: &str) -> Self {
        namespace.clone_into(&mut self.namespace);
        self
    }

    /// Free text.
    #[must_use]
    pub fn description(mut self, description: &str) -> Self {
        description.clone_into(&mut self.description);
        self
    }

    /// Its tags; `None` is answered as `null`.
    #[must_use]
    pub fn tags(mut self, tags: Option<&[&str]>) -> Self {
        self.tags = tags.map(|tags| tags.iter().map(|tag| (*tag).to_owned()).collect());
        self
    }

    /// When the status began, in Unix seconds; otherwise when it is first said.
    #[must_use]
    pub fn since(mut self, since: f64) -> Self {
        self.since = Some(since);
        self
    }

    /// For how many seconds it is good.
    #[must_use]
    pub fn ttl(mut self, seconds: f64) -> Self {
        self.ttl = Some(seconds);
        self
    }

    /// A downtime that covers it.
    #[must_use]
    pub fn downtime(mut self, id: &str) -> Self {
        self.downtimes.push(id.to_owned());
        self
    }
}

/// The order of the answers: host, service, instance.
type Key = (String, String, String, String);

#[derive(Debug, Clone)]
struct Stored {
    status: String,
    description: String,
    tags: Option<Vec<String>>,
    since: f64,
    received: f64,
    expires: f64,
    downtimes: Vec<String>,
}

#[derive(Debug)]
struct Shared {
    events: Mutex<BTreeMap<Key, Stored>>,
    token: String,
    strict: bool,
    faults: Faults,
    record: Record,
    drift: AtomicU64,
}

/// A running simulated Juggler; it stops when it is dropped.
#[derive(Debug)]
pub struct Juggler {
    shared: Arc<Shared>,
    server: Server,
}

impl Juggler {
    /// Starts one without events.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub async fn start(options: Options) -> anyhow::Result<Self> {
        let shared = Arc::new(Shared {
            events: Mutex::default(),
            token: options.token,
            strict: options.strict,
            faults: Faults::default(),
            record: Record::default(),
            drift: AtomicU64::new(0),
        });
        let server = Server::start(options.listen, Arc::new(Doors(Arc::clone(&shared)))).await?;
        Ok(Self { shared, server })
    }

    /// The base that Heat is given: `http://127.0.0.1:18082`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.server.addr())
    }

    /// The token of the read doors.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.shared.token
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.server.addr()
    }

    /// Says something of a service on a host. The same status as before keeps the time it began.
    pub fn set(&self, event: RawEvent) {
        self.shared.set(event);
    }

    /// Says many things in one go, so that no sweep sees half of them.
    pub fn set_all(&self, events: impl IntoIterator<Item = RawEvent>) {
        for event in events {
            self.shared.set(event);
        }
    }

    /// Forgets what was said of a service on a host, in all instances and namespaces; returns how much there was.
    #[expect(clippy::must_use_candidate, reason = "forgetting is the point, the number a courtesy")]
    pub fn forget(&self, host: &str, service: &str) -> usize {
        let mut events = lock(&self.shared.events);
        let before = events.len();
        events.retain(|(known_host, known_service, ..), _| known_host != host || known_service != service);
        before - events.len()
    }

    /// Covers everything on a host with a downtime.
    pub fn begin_downtime(&self, host: &str, id: &str) {
        for ((known, ..), event) in lock(&self.shared.events).iter_mut() {
            if known == host && !event.downtimes.iter().any(|known| known == id) {
                event.downtimes.push(id.to_owned());
            }
        }
    }

    /// Ends a downtime everywhere.
    pub fn end_downtime(&self, id: &str) {
        for event in lock(&self.shared.events).values_mut() {
            event.downtimes.retain(|known| known != id);
        }
    }

    /// Fills it with `count` raw events on the hosts of a world, one in twenty of them bad, with everything that
    /// readers stumble over: one host in two namespaces, instances, null tags, unknown statuses, downtimes, capital
    /// letters in a host, Cyrillic and 10 kB descriptions.
    pub fn seed(&self, world: &World, count: usize) {
        const SERVICES: [&str; 6] = ["ssh", "bgp_sessions", "disk_space", "ntp", "hw_errors", "meta"];
        let hosts: Vec<String> = world.hosts().map(|host| host.host).collect();
        let mut random = Rng(0x4a47);
        for number in 0..count {
            let Some(host) = hosts.get(number / SERVICES.len() % hosts.len().max(1)) else { return };
            let round = number / SERVICES.len() / hosts.len().max(1);
            let service = SERVICES[number % SERVICES.len()];
            let odd = number / 20;
            let status = match (number % 20, odd % 8) {
                (0, 0) => "INFO",
                (0, 1) => "UNKNOWN",
                (0, 2..=4) => "WARN",
                (0, _) => "CRIT",
                _ => "OK",
            };
            let mut event = RawEvent::new(host, service, status);
            if round > 0 {
                event = event.instance(&format!("{round}"));
            }
            if status != "OK" {
                event = match odd % 11 {
                    0 => event.namespace("search"),
                    1 => event.tags(None),
                    2 => event.downtime("5f1d0c2e7a"),
                    3 => event.description(&"Отказ контроллера. ".repeat(600)),
                    4 => event.description("две строки\nвторая: 100 % – «готово»"),
                    5 => RawEvent { host: host.to_uppercase(), ..event },
                    _ => event.description("2 of 8 down"),
                };
                #[expect(clippy::cast_precision_loss, reason = "a few hours in seconds")]
                let age = random.below(7_200) as f64;
                event = event.since(if odd % 2 == 0 { (now() - age).floor() } else { now() - age });
            }
            self.shared.set(event);
        }
    }

    /// Forgets all events.
    pub fn clear(&self) {
        lock(&self.shared.events).clear();
    }

    /// How many live events are not `OK`.
    #[must_use]
    pub fn bad_count(&self) -> usize {
        let now = now();
        lock(&self.shared.events).values().filter(|event| event.status != "OK" && event.expires > now).count()
    }

    /// Switches a fault on. [`Rule::on`] takes a path or its last segment (`get_raw_events`).
    pub fn inject(&self, rule: impl Into<Rule>) {
        self.shared.faults.add(rule.into());
    }

    /// Switches all faults off.
    pub fn clear_faults(&self) {
        self.shared.faults.clear();
    }

    /// The faults in force.
    #[must_use]
    pub fn faults(&self) -> Vec<Rule> {
        self.shared.faults.rules()
    }

    /// The latest requests, at most 4,096, oldest first: their path and their JSON body.
    #[must_use]
    pub fn asked(&self) -> Vec<Asked> {
        self.shared.record.asked()
    }

    /// How many requests there have been since the start.
    #[must_use]
    pub fn asked_count(&self) -> u64 {
        self.shared.record.count()
    }

    /// The most requests that were being answered at one time.
    #[must_use]
    pub fn peak_concurrency(&self) -> u64 {
        self.shared.record.peak()
    }

    /// Forgets the requests so far.
    pub fn forget_asked(&self) {
        self.shared.record.forget();
    }
}

impl Shared {
    fn set(&self, event: RawEvent) {
        let now = now();
        let key = (event.host, event.service, event.instance, event.namespace);
        let mut events = lock(&self.events);
        let before = events.get(&key).filter(|before| before.status == event.status && before.expires > now);
        let since = event.since.or(before.map(|before| before.since)).unwrap_or(now);
        let mut downtimes = before.map(|before| before.downtimes.clone()).unwrap_or_default();
        downtimes.extend(event.downtimes);
        downtimes.sort();
        downtimes.dedup();
        let stored = Stored {
            status: event.status,
            description: event.description,
            tags: event.tags,
            since,
            received: now,
            expires: now + event.ttl.unwrap_or(f64::from(u32::MAX)),
            downtimes,
        };
        events.insert(key, stored);
    }
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 are far below 2^53")]
fn now() -> f64 {
    chrono::Utc::now().timestamp_millis() as f64 / 1_000.0
}

/// An error object: its three names are those of the push answer.
#[derive(Debug)]
struct Refusal {
    status: StatusCode,
    label: &'static str,
    message: String,
}

impl Refusal {
    fn bad_request(message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, label: "BAD_REQUEST", message: message.into() }
    }

    fn of(status: StatusCode) -> Self {
        let label = match status.as_u16() {
            401 => "UNAUTHORIZED",
            403 => "FORBIDDEN",
            429 => "TOO_MANY_REQUESTS",
            404 => "NOT_FOUND",
            _ => "ERROR",
        };
        let message = match status.as_u16() {
            401 => "OAuth token is missing or unknown",
            403 => "the token may not read these namespaces",
            429 => "request quota exceeded",
            _ => "cannot serve the request",
        };
        Self { status, label, message: message.to_owned() }
    }

    fn answer(&self) -> Answer {
        let error = json!({"code": self.status.as_u16(), "label": self.label, "message": self.message});
        http::answer(self.status, "application/json", json!({ "error": error }).to_string())
    }
}

/// The HTTP side.
struct Doors(Arc<Shared>);

impl Site for Doors {
    async fn answer(&self, request: Request) -> Option<Answer> {
        let path = request.uri().path().to_owned();
        let body: Value = serde_json::from_slice(request.body()).unwrap_or_default();
        let last = path.rsplit('/').next().unwrap_or_default();
        let faults = self.0.faults.striking(&[&path, last]);
        let _in_flight = self.0.record.begin(vec![(path.clone(), body.clone())]);
        for fault in &faults {
            if let Fault::Slow(milliseconds) = fault {
                tokio::time::sleep(Duration::from_millis(*milliseconds)).await;
            }
        }
        if let Some(broken) = faults.iter().find_map(instead) {
            return broken.into_answer();
        }
        let answered = match (request.method(), path.as_str()) {
            (&Method::POST, "/v2/events/get_raw_events") => {
                self.read(&request, &body, &faults, Shared::raw_events)
            }
            (&Method::POST, "/v2/checks/get_checks_state") => {
                self.read(&request, &body, &faults, Shared::checks)
            }
            (&Method::POST, "/events" | "/api/1/batch") => self.0.push(&body),
            (&Method::GET, "/juggler-fcgi.py") => return Some(self.0.push_one(&request)),
            _ => Err(Refusal::of(StatusCode::NOT_FOUND)),
        };
        let answer = match answered {
            Ok(json) => {
                let json = Bytes::from(json.to_string());
                match faults.iter().find(|fault| matches!(fault, Fault::CutJson | Fault::CutBody)) {
                    Some(Fault::CutJson) => {
                        http::answer(StatusCode::OK, "application/json", json.slice(..json.len() / 2))
                    }
                    Some(_) => http::cut_off("application/json", &json),
                    None => http::answer(StatusCode::OK, "application/json", json),
                }
            }
            Err(refusal) => refusal.answer(),
        };
        Some(answer)
    }
}

/// The answer that a fault gives without looking at the events.
fn instead(fault: &Fault) -> Option<Instead> {
    let refuse = |status: StatusCode| Some(Instead::Answer(Refusal::of(status).answer()));
    match fault {
        Fault::Status(code) => match StatusCode::from_u16(*code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
        {
            StatusCode::INTERNAL_SERVER_ERROR => {
                let text = "internal error: backend shard 3 did not answer in time\n";
                Some(Instead::Answer(http::answer(StatusCode::INTERNAL_SERVER_ERROR, "text/plain", text)))
            }
            status if matches!(status.as_u16(), 502..=504) => Some(Instead::Answer(http::proxy_page(status))),
            status => refuse(status),
        },
        Fault::TooMany(seconds) => {
            let mut answer = Refusal::of(StatusCode::TOO_MANY_REQUESTS).answer();
            if *seconds > 0 {
                answer.headers_mut().insert("retry-after", HeaderValue::from(*seconds));
            }
            Some(Instead::Answer(answer))
        }
        Fault::TokenRefused | Fault::TokenExpired | Fault::SessionDeath => refuse(StatusCode::UNAUTHORIZED),
        Fault::Forbidden => refuse(StatusCode::FORBIDDEN),
        Fault::Html => {
            let page = "<!DOCTYPE html><html><title>Sign in</title><h1>Sign in</h1></html>";
            Some(Instead::Answer(http::answer(StatusCode::OK, "text/html; charset=utf-8", page)))
        }
        Fault::Reset => Some(Instead::Nothing),
        Fault::Huge(bytes) => {
            Some(Instead::Answer(http::huge("application/json", "{\"events\":[", *bytes, "],\"total\":0}")))
        }
        _ => None,
    }
}

/// A read request that is in order.
struct Query {
    any_of: Vec<Match>,
    statuses: Option<Vec<String>>,
    limit: usize,
    offset: usize,
}

/// All the members that are there must hold.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Match {
    namespace: Option<String>,
    host: Option<String>,
    service: Option<String>,
    instance: Option<String>,
    tags: Vec<String>,
}

impl Query {
    fn read(body: &Value, strict: bool) -> Result<Self, Refusal> {
        let Value::Object(members) = body else {
            return Err(Refusal::bad_request("the body is not a JSON object"));
        };
        if strict {
            only(members, &["match", "statuses", "limit", "offset"])?;
            for one in members.get("match").and_then(Value::as_array).into_iter().flatten() {
                let one =
                    one.as_object().ok_or_else(|| Refusal::bad_request("match: an object is expected"))?;
                only(one, &["namespace", "host", "service", "instance", "tags"])?;
            }
        }
        let any_of = match members.get("match") {
            None => Vec::new(),
            Some(value) => serde_json::from_value(value.clone())
                .map_err(|error| Refusal::bad_request(format!("match: {error}")))?,
        };
        let statuses = match members.get("statuses") {
            None | Some(Value::Null) => None,
            Some(value) => serde_json::from_value(value.clone())
                .map_err(|error| Refusal::bad_request(format!("statuses: {error}")))?,
        };
        let number = |name: &str, default: u64| match members.get(name) {
            None => Ok(default),
            Some(value) => {
                value.as_u64().ok_or_else(|| Refusal::bad_request(format!("{name}: a number is expected")))
            }
        };
        let limit = number("limit", DEFAULT_PAGE)?;
        if !(1..=LARGEST_PAGE).contains(&limit) {
            return Err(Refusal::bad_request(format!("limit: must be 1 to {LARGEST_PAGE}")));
        }
        let offset = usize::try_from(number("offset", 0)?).unwrap_or(usize::MAX);
        Ok(Self { any_of, statuses, limit: usize::try_from(limit).unwrap_or(0), offset })
    }

    fn wants(&self, (host, service, instance, namespace): &Key, event: &Stored) -> bool {
        let status = self.statuses.as_ref().is_none_or(|wanted| {
            // A status nobody knows is certainly not OK: it is told whenever trouble is asked for.
            let unknown = !matches!(event.status.as_str(), "OK" | "INFO" | "WARN" | "CRIT");
            wanted.contains(&event.status) || unknown && wanted.iter().any(|status| status == "CRIT")
        });
        let holds =
            |wanted: &Option<String>, have: &String| wanted.as_ref().is_none_or(|wanted| wanted == have);
        let matches = |one: &Match| {
            let tags = event.tags.as_deref().unwrap_or_default();
            holds(&one.namespace, namespace)
                && holds(&one.host, host)
                && holds(&one.service, service)
                && holds(&one.instance, instance)
                && one.tags.iter().all(|tag| tags.contains(tag))
        };
        status && (self.any_of.is_empty() || self.any_of.iter().any(matches))
    }
}

fn only(members: &Map<String, Value>, known: &[&str]) -> Result<(), Refusal> {
    match members.keys().find(|key| !known.contains(&key.as_str())) {
        Some(unknown) => Err(Refusal::bad_request(format!("unknown key \"{unknown}\""))),
        None => Ok(()),
    }
}

/// One page of an answer under the name of its list.
struct Page {
    list: &'static str,
    rows: Vec<Value>,
}

impl Doors {
    fn read(
        &self,
        request: &Request,
        body: &Value,
        faults: &[Fault],
        rows: impl Fn(&Shared, &Query) -> Page,
    ) -> Result<Value, Refusal> {
        let header = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        if header.and_then(|header| header.strip_prefix("OAuth ")) != Some(self.0.token.as_str()) {
            return Err(Refusal::of(StatusCode::UNAUTHORIZED));
        }
        let query = Query::read(body, self.0.strict)?;
        let Page { list, rows } = rows(&self.0, &query);
        let mut total = rows.len();
        let mut from = query.offset;
        if faults.contains(&Fault::RepeatedEvents) {
            from = from.saturating_sub(1);
        }
        let mut page: Vec<Value> = rows.into_iter().skip(from).take(query.limit).collect();
        if faults.contains(&Fault::Empty) {
            (page, total) = (Vec::new(), 0);
        }
        if faults.contains(&Fault::WrongTypes) {
            page = vec![
                json!({"host": 17, "service": null, "status": ["CRIT"], "status_since": "yesterday"}),
                json!(5),
            ];
        }
        if faults.contains(&Fault::DriftingTotal) {
            total += usize::try_from(self.0.drift.fetch_add(1, Ordering::Relaxed) + 1).unwrap_or(0);
        }
        Ok(json!({ list: page, "total": total }))
    }
}

impl Shared {
    fn raw_events(&self, query: &Query) -> Page {
        let now = now();
        let mut events = lock(&self.events);
        events.retain(|_, event| event.expires > now);
        let rows = events
            .iter()
            .filter(|(key, event)| query.wants(key, event))
            .map(|((host, service, instance, namespace), event)| {
                json!({
                    "host": host, "service": service, "instance": instance, "status": event.status,
                    "description": event.description, "namespace": namespace, "tags": event.tags,
                    "status_since": seconds(event.since), "received_at": seconds(event.received),
                    "expires_at": seconds(event.expires.floor()), "downtimes": event.downtimes,
                })
            })
            .collect();
        Page { list: "events", rows }
    }

    /// An aggregate for each service of a namespace: as bad as the worst of its events.
    fn checks(&self, query: &Query) -> Page {
        let now = now();
        let mut checks: BTreeMap<Key, (Stored, u64)> = BTreeMap::new();
        for ((_, service, _, namespace), event) in
            lock(&self.events).iter().filter(|(_, event)| event.expires > now)
        {
            let key = (format!("{namespace}-all"), service.clone(), String::new(), namespace.clone());
            let (worst, failed) = checks.entry(key).or_insert_with(|| (event.clone(), 0));
            *failed += u64::from(event.status != "OK");
            if rank(&event.status) > rank(&worst.status) {
                *worst = event.clone();
            }
        }
        let rows = checks
            .iter()
            .filter(|(key, (event, _))| query.wants(key, event))
            .map(|((host, service, _, namespace), (event, failed))| {
                json!({
                    "host": host, "service": service, "namespace": namespace, "status": event.status,
                    "description": event.description, "tags": event.tags, "status_since": seconds(event.since),
                    "aggregated_at": seconds(now), "downtimes": event.downtimes, "children_failed": failed,
                })
            })
            .collect();
        Page { list: "checks", rows }
    }

    fn push(&self, body: &Value) -> Result<Value, Refusal> {
        let events = match body {
            Value::Array(events) => events,
            Value::Object(members) => members
                .get("events")
                .and_then(Value::as_array)
                .ok_or_else(|| Refusal::bad_request("events: a list is expected"))?,
            _ => return Err(Refusal::bad_request("the body is neither a list nor an object")),
        };
        let told: Vec<Value> = events
            .iter()
            .map(|event| match pushed(event) {
                Ok(event) => {
                    self.set(event);
                    json!({"code": 200, "message": "OK"})
                }
                Err(message) => json!({"code": 400, "message": message}),
            })
            .collect();
        Ok(json!({ "events": told }))
    }

    fn push_one(&self, request: &Request) -> Answer {
        let text = |name: &str| http::query_value(request.uri(), name).unwrap_or_default();
        let event = json!({
            "host": text("host"), "service": text("service"), "instance": text("instance"),
            "status": text("status"), "description": text("description"),
        });
        match pushed(&event) {
            Ok(event) => {
                self.set(event);
                http::answer(StatusCode::OK, "text/plain", "OK")
            }
            Err(message) => http::answer(StatusCode::BAD_REQUEST, "text/plain", message),
        }
    }
}

/// An event as it is pushed.
fn pushed(event: &Value) -> Result<RawEvent, String> {
    let text = |name: &str| event.get(name).and_then(Value::as_str).unwrap_or_default();
    for required in ["host", "service", "status"] {
        if text(required).is_empty() {
            return Err(format!("{required} is missing"));
        }
    }
    if !matches!(text("status"), "OK" | "INFO" | "WARN" | "CRIT") {
        return Err(format!("status {} is none of OK, INFO, WARN, CRIT", text("status")));
    }
    let tags = event.get("tags").and_then(Value::as_array);
    let tags: Option<Vec<&str>> = tags.map(|tags| tags.iter().filter_map(Value::as_str).collect());
    Ok(RawEvent::new(text("host"), text("service"), text("status"))
        .instance(text("instance"))
        .description(text("description"))
        .tags(tags.as_deref())
        .ttl(TTL))
}

fn rank(status: &str) -> u8 {
    match status {
        "OK" => 0,
        "INFO" => 1,
        "WARN" => 2,
        "CRIT" => 4,
        _ => 3,
    }
}

/// A whole number of seconds as an integer, another as a float.
#[expect(clippy::cast_possible_truncation, reason = "seconds since 1970 in this and the next century")]
fn seconds(time: f64) -> Value {
    if time.fract() == 0.0 { json!(time as i64) } else { json!(time) }
}

#[cfg(test)]
mod tests {
    use reqwest::Client;

    use super::*;
    use crate::world::Size;

    async fn start() -> Juggler {
        Juggler::start(Options::default()).await.unwrap()
    }

    async fn read(juggler: &Juggler, body: Value) -> (u16, Value) {
        let answer = Client::new()
            .post(format!("{}/v2/events/get_raw_events", juggler.url()))
            .header("authorization", format!("OAuth {}", juggler.token()))
            .json(&body)
            .send()
            .await
            .unwrap();
        let status = answer.status().as_u16();
        (status, answer.json().await.unwrap_or_default())
    }

    async fn push(juggler: &Juggler, path: &str, body: Value) -> Value {
        let answer = Client::new().post(format!("{}{path}", juggler.url())).json(&body).send().await.unwrap();
        answer.json().await.unwrap()
    }

    fn services(answer: &Value) -> Vec<&str> {
        answer["events"].as_array().unwrap().iter().map(|event| event["service"].as_str().unwrap()).collect()
    }

    #[tokio::test]
    async fn what_is_pushed_at_any_of_the_three_doors_is_read_at_the_fourth() {
        let juggler = start().await;
        let event = |service: &str, status: &str| json!({"host": "r1", "service": service, "status": status, "description": "текст", "tags": ["a"]});
        let batch = json!({"source": "test", "events": [event("new", "CRIT"), event("bad", "PURPLE")]});
        let told = push(&juggler, "/events", batch).await;
        assert_eq!((&told["events"][0]["code"], &told["events"][1]["code"]), (&json!(200), &json!(400)));
        let told = push(&juggler, "/api/1/batch", json!([event("old", "WARN"), event("fine", "OK")])).await;
        assert_eq!(told, json!({"events": [{"code": 200, "message": "OK"}, {"code": 200, "message": "OK"}]}));
        let oldest =
            format!("{}/juggler-fcgi.py?host=r1&service=oldest&status=INFO&description=a%20b", juggler.url());
        assert_eq!(reqwest::get(oldest).await.unwrap().text().await.unwrap(), "OK");
        let (_, answer) = read(&juggler, json!({"statuses": ["INFO", "WARN", "CRIT"]})).await;
        assert_eq!(services(&answer), ["new", "old", "oldest"]);
        assert_eq!(answer["total"], 3);
        assert_eq!(answer["events"][2]["description"], "a b");
    }

    #[tokio::test]
    async fn alternatives_are_any_of_and_their_members_all_of() {
        let juggler = start().await;
        juggler.set(RawEvent::new("r1", "bgp", "CRIT").tags(Some(&["network", "dc2"])));
        juggler.set(RawEvent::new("r1", "ssh", "CRIT").namespace("search").tags(None));
        juggler.set(RawEvent::new("r2", "bgp", "OK"));
        for (any_of, found) in [
            (json!([]), vec!["bgp", "ssh", "bgp"]),
            (json!([{"host": "r1", "service": "bgp"}]), vec!["bgp"]),
            (json!([{"namespace": "search"}, {"host": "r2"}]), vec!["ssh", "bgp"]),
            (json!([{"tags": ["network", "dc2"]}]), vec!["bgp"]),
            (json!([{"tags": ["network", "dc3"]}]), vec![]),
        ] {
            let (_, answer) = read(&juggler, json!({"match": any_of})).await;
            assert_eq!(services(&answer), found, "{any_of}");
        }
    }

    #[tokio::test]
    async fn a_status_keeps_its_beginning_until_it_changes_and_an_event_its_time_to_live() {
        let juggler = start().await;
        juggler.set(RawEvent::new("r1", "ssh", "WARN").since(1_000.0));
        juggler.set(RawEvent::new("r1", "ssh", "WARN"));
        let (_, answer) = read(&juggler, json!({})).await;
        assert_eq!(answer["events"][0]["status_since"], json!(1000));
        juggler.set(RawEvent::new("r1", "ssh", "CRIT"));
        let (_, answer) = read(&juggler, json!({})).await;
        assert!(answer["events"][0]["status_since"].as_f64().unwrap() > 1_000_000.0);
        juggler.set(RawEvent::new("r1", "ssh", "CRIT").ttl(0.0));
        assert_eq!(read(&juggler, json!({})).await.1, json!({"events": [], "total": 0}));
    }

    #[tokio::test]
    async fn a_stranger_and_a_typo_are_refused_with_an_error_object() {
        let juggler = start().await;
        let url = format!("{}/v2/events/get_raw_events", juggler.url());
        let answer = Client::new().post(&url).json(&json!({})).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 401);
        for body in
            [json!({"limits": 5}), json!({"match": [{"hots": "r1"}]}), json!({"limit": 1001}), json!([])]
        {
            let (status, answer) = read(&juggler, body.clone()).await;
            assert_eq!((status, &answer["error"]["label"]), (400, &json!("BAD_REQUEST")), "{body}");
        }
        let lenient = Juggler::start(Options { strict: false, ..Options::default() }).await.unwrap();
        assert_eq!(read(&lenient, json!({"limits": 5})).await.0, 200);
    }

    #[tokio::test]
    async fn a_seeded_one_is_read_by_pages_and_holds_what_readers_stumble_over() {
        let juggler = start().await;
        juggler.seed(&World::generate(Size::SMALL, 1), 20_000);
        let mut events = Vec::new();
        loop {
            let body = json!({"statuses": ["INFO", "WARN", "CRIT"], "limit": 300, "offset": events.len()});
            let (_, answer) = read(&juggler, body).await;
            let page = answer["events"].as_array().unwrap().clone();
            events.extend(page);
            if events.len() as u64 >= answer["total"].as_u64().unwrap() {
                break;
            }
        }
        assert_eq!(events.len(), 1_000);
        assert_eq!(events.len(), juggler.bad_count());
        let some = |test: &dyn Fn(&Value) -> bool| assert!(events.iter().any(test));
        some(&|event| event["tags"].is_null());
        some(&|event| event["status"] == "UNKNOWN");
        some(&|event| event["downtimes"][0].is_string());
        some(&|event| event["status_since"].is_i64());
        some(&|event| event["status_since"].is_f64());
        some(&|event| event["description"].as_str().unwrap().len() > 10_000);
        some(&|event| event["instance"] != "");
        some(&|event| event["namespace"] == "search");
        some(&|event| event["host"].as_str().unwrap().contains("EXAMPLE"));
    }

    #[tokio::test]
    async fn every_fault_looks_as_it_does_in_life() {
        let juggler = start().await;
        for number in 0..5 {
            juggler.set(RawEvent::new(&format!("r{number}"), "ssh", "CRIT"));
        }
        juggler.inject(Rule::new(Fault::TooMany(7)).on("get_raw_events").times(1));
        let url = format!("{}/v2/events/get_raw_events", juggler.url());
        let ask = || {
            let header = format!("OAuth {}", juggler.token());
            Client::new()
                .post(&url)
                .header("authorization", header)
                .json(&json!({"limit": 2, "offset": 2}))
                .send()
        };
        let answer = ask().await.unwrap();
        assert_eq!(
            (answer.status().as_u16(), &answer.headers()["retry-after"]),
            (429, &HeaderValue::from(7u64))
        );
        juggler.inject(Rule::new(Fault::Status(500)).times(1));
        let answer = ask().await.unwrap();
        assert!(answer.status() == 500 && answer.text().await.unwrap().starts_with("internal error"));
        juggler.inject(Rule::new(Fault::RepeatedEvents).times(1));
        let answer: Value = ask().await.unwrap().json().await.unwrap();
        assert_eq!(answer["events"][0]["host"], "r1");
        juggler.inject(Rule::new(Fault::DriftingTotal).times(2));
        let totals = [ask().await.unwrap(), ask().await.unwrap()];
        let mut seen = Vec::new();
        for answer in totals {
            seen.push(answer.json::<Value>().await.unwrap()["total"].as_u64().unwrap());
        }
        assert_eq!(seen, [6, 7]);
        juggler.inject(Rule::new(Fault::CutJson).times(1));
        assert!(serde_json::from_str::<Value>(&ask().await.unwrap().text().await.unwrap()).is_err());
        juggler.inject(Rule::new(Fault::Reset).times(1));
        assert!(ask().await.is_err());
        assert_eq!(juggler.asked().len(), 7);
    }

    #[tokio::test]
    async fn a_check_is_as_bad_as_the_worst_of_its_events() {
        let juggler = start().await;
        juggler.set(RawEvent::new("r1", "ssh", "WARN"));
        juggler.set(RawEvent::new("r2", "ssh", "CRIT"));
        juggler.set(RawEvent::new("r3", "ssh", "OK"));
        let answer: Value = Client::new()
            .post(format!("{}/v2/checks/get_checks_state", juggler.url()))
            .header("authorization", format!("OAuth {}", juggler.token()))
            .json(&json!({}))
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        assert_eq!(answer["checks"][0]["status"], "CRIT");
        assert_eq!(answer["checks"][0]["children_failed"], 2);
    }
}
