//! A Zabbix frontend's JSON-RPC API, 6.0 or 7.0, without a Zabbix.
//!
//! What it answers, and how it refuses, is measured on the real ones (6.0.14, 7.0.22): credentials in the body or
//! the header by version, every scalar a string, an arbitrary order where none was asked for, errors with HTTP 200,
//! an empty body for a call without an id, and 7.0's refusal of what 6.0 ignores. A test drives it from the same
//! process:
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
//! use heat_devkit::sim::{Fault, Rule, Zabbix, ZabbixOptions};
//!
//! let zabbix = Zabbix::start(ZabbixOptions::default()).await?;
//! zabbix.fire("srv-00001", "{HOST.NAME} is unreachable", 5);
//! zabbix.inject(Rule::new(Fault::Status(502)).on("problem.get").times(1));
//! // … point a client at zabbix.url() with zabbix.token() …
//! assert_eq!(zabbix.asked_for("problem.get").len(), 0);
//! # Ok(()) }
//! ```

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::fault::{Asked, Fault, Faults, Record, Rule, lock};
use super::http::{self, Answer, Instead, Request, Server, Site};
use crate::world::{Kind, Rng, World};
use rpc::{Bearer, Twist, TwistError};
use state::State;
pub use state::{Access, Raise};

mod methods;
mod rpc;
mod state;
#[cfg(test)]
mod tests;

/// The trigger that every host of a [`World`] has.
pub const UNREACHABLE: &str = "{HOST.NAME} is unreachable";

/// Which Zabbix it plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
pub enum Version {
    /// 6.0.14: the credential in the body, lenient parameters.
    #[serde(rename = "6.0")]
    V6_0,
    /// 7.0.22: the credential in the header or the body, strict parameters.
    #[default]
    #[serde(rename = "7.0")]
    V7_0,
}

impl Version {
    /// What `apiinfo.version` says.
    #[must_use]
    pub fn number(self) -> &'static str {
        match self {
            Self::V6_0 => "6.0.14",
            Self::V7_0 => "7.0.22",
        }
    }
}

/// How a simulated Zabbix starts.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where it listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Which one it plays.
    pub version: Version,
    /// The id of its first event; ids above 2^53 show who reads them into a float.
    pub first_event_id: u64,
    /// How long after `event.acknowledge` closed a problem the server gets to it.
    pub close_delay: Duration,
    /// The API token that opens everything: 64 characters.
    pub token: String,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            version: Version::default(),
            first_event_id: 81_000,
            close_delay: Duration::from_secs(1),
            token: "5ca1ab1e".repeat(8),
        }
    }
}

/// An open problem, as a test asks about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenProblem {
    /// The event.
    pub event_id: u64,
    /// The trigger.
    pub trigger_id: u64,
    /// The technical names of the trigger's hosts.
    pub hosts: Vec<String>,
    /// The event's name.
    pub name: String,
    /// 0 to 5.
    pub severity: u8,
    /// Under a maintenance or suppressed by hand.
    pub suppressed: bool,
    /// Acknowledged.
    pub acknowledged: bool,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    faults: Faults,
    record: Record,
}

/// A running simulated Zabbix; it stops when it is dropped.
///
/// Hosts are named by their technical name. Methods that name a host or a trigger make it if it is not there.
#[derive(Debug)]
pub struct Zabbix {
    shared: Arc<Shared>,
    server: Server,
    token: String,
}

#[expect(
    clippy::must_use_candidate,
    reason = "what changes the state says what came of it to those who care"
)]
impl Zabbix {
    /// Starts one with no hosts and no problems.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub async fn start(options: Options) -> anyhow::Result<Self> {
        let close_delay = i64::try_from(options.close_delay.as_secs()).unwrap_or(i64::MAX);
        let mut state = State::new(options.version, options.first_event_id, close_delay);
        state.tokens.insert(options.token.clone(), Access::default());
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            faults: Faults::default(),
            record: Record::default(),
        });
        let server = Server::start(options.listen, Arc::new(Frontend(Arc::clone(&shared)))).await?;
        Ok(Self { shared, server, token: options.token })
    }

    /// The frontend: `http://127.0.0.1:18081/zabbix`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/zabbix", self.server.addr())
    }

    /// The endpoint: [`Zabbix::url`] and `/api_jsonrpc.php`.
    #[must_use]
    pub fn api_url(&self) -> String {
        format!("{}/api_jsonrpc.php", self.url())
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.server.addr()
    }

    /// The API token that opens everything.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }

    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut lock(&self.shared.state))
    }

    // --- what there is to monitor

    /// Plays another version from the next request on, as after an upgrade.
    pub fn set_version(&self, version: Version) {
        self.with(|state| state.version = version);
    }

    /// Adds the hosts of a world with their tags, groups (`SAS`, `SAS/SAS-1/A/A01`), inventory (`location`
    /// `SAS/SAS-1`, `site_rack` `A/A01`), a proxy for each data centre, and the trigger [`UNREACHABLE`]; a virtual machine's depends on its hypervisor's.
    pub fn load(&self, world: &World) {
        self.with(|state| load(state, world));
    }

    /// Adds a host and returns its id.
    pub fn add_host(&self, host: &str) -> u64 {
        self.with(|state| state.host(host))
    }

    /// Adds a host's tag.
    pub fn tag_host(&self, host: &str, tag: &str, value: &str) {
        self.with(|state| {
            let id = state.host(host);
            if let Some(host) = state.hosts.get_mut(&id) {
                host.tags.push((tag.to_owned(), value.to_owned()));
            }
        });
    }

    /// Puts a host in a host group, which is made if it is not there; returns the group's id.
    pub fn group_host(&self, host: &str, group: &str) -> u64 {
        self.with(|state| {
            let group = state.group(group);
            let id = state.host(host);
            if let Some(host) = state.hosts.get_mut(&id)
                && !host.groups.contains(&group)
            {
                host.groups.push(group);
            }
            group
        })
    }

    /// Enables or disables a host. Its open problems stay in `problem.get` either way.
    pub fn enable_host(&self, host: &str, enabled: bool) {
        self.with(|state| {
            let id = state.host(host);
            if let Some(host) = state.hosts.get_mut(&id) {
                host.enabled = enabled;
            }
        });
    }

    /// Enables or disables a trigger.
    pub fn enable_trigger(&self, host: &str, trigger: &str, enabled: bool) {
        self.with(|state| {
            let id = state.trigger(&[host.to_owned()], trigger, 3);
            if let Some(trigger) = state.triggers.get_mut(&id) {
                trigger.enabled = enabled;
            }
        });
    }

    /// Makes one host's trigger depend on another's.
    pub fn depend(&self, (host, trigger): (&str, &str), (on_host, on_trigger): (&str, &str)) {
        self.with(|state| {
            let upstream = state.trigger(&[on_host.to_owned()], on_trigger, 3);
            let id = state.trigger(&[host.to_owned()], trigger, 3);
            if let Some(trigger) = state.triggers.get_mut(&id) {
                trigger.depends_on.push(upstream);
            }
        });
    }

    /// Monitors a host by a proxy, which is made if it is not there; returns the proxy's id.
    pub fn assign_proxy(&self, host: &str, proxy: &str) -> u64 {
        self.with(|state| {
            let proxy = state.proxy(proxy);
            let id = state.host(host);
            if let Some(host) = state.hosts.get_mut(&id) {
                host.proxy = Some(proxy);
            }
            proxy
        })
    }

    /// Sets when a proxy last talked to the server, in Unix seconds: 0 never, `None` always just now.
    pub fn set_proxy_last_access(&self, proxy: &str, last_access: Option<i64>) {
        self.with(|state| {
            let id = state.proxy(proxy);
            if let Some(proxy) = state.proxies.get_mut(&id) {
                proxy.last_access = last_access;
            }
        });
    }

    /// Puts hosts in a maintenance with data collection until `till` (Unix seconds), and suppresses their problems.
    /// Returns its id.
    pub fn begin_maintenance(&self, name: &str, hosts: &[String], till: i64) -> u64 {
        self.with(|state| state.begin_maintenance(name, hosts, till))
    }

    /// Ends a maintenance.
    pub fn end_maintenance(&self, id: u64) {
        self.with(|state| state.end_maintenance(id));
    }

    // --- problems

    /// Raises a problem of a host's trigger, unless it has one open, and returns its event id.
    pub fn fire(&self, host: &str, trigger: &str, severity: u8) -> u64 {
        self.raise(&Raise::new(host, trigger).severity(severity))
    }

    /// Raises a problem in full detail and returns its event id.
    pub fn raise(&self, raise: &Raise) -> u64 {
        self.with(|state| state.raise(raise))
    }

    /// Raises many problems in one go, so that no sweep sees half of them.
    pub fn raise_all<'a>(&self, raises: impl IntoIterator<Item = &'a Raise>) -> Vec<u64> {
        self.with(|state| raises.into_iter().map(|raise| state.raise(raise)).collect())
    }

    /// Raises problems over all hosts, six kinds of triggers at six severities, until `count` are open. Hosts are
    /// made where there are too few. Returns the events it raised.
    pub fn storm(&self, count: usize) -> Vec<u64> {
        self.with(|state| storm(state, count))
    }

    /// Resolves the open problems of a host's trigger and returns how many there were.
    pub fn resolve(&self, host: &str, trigger: &str) -> usize {
        self.with(|state| {
            let id = state.trigger(&[host.to_owned()], trigger, 3);
            let open = state.triggers.get(&id).map(|trigger| trigger.open.clone()).unwrap_or_default();
            open.into_iter().filter(|event| state.resolve(*event, 0)).count()
        })
    }

    /// Resolves one problem; `false` if it is not open.
    pub fn resolve_event(&self, event: u64) -> bool {
        self.with(|state| state.resolve(event, 0))
    }

    /// Resolves many in one go.
    pub fn resolve_events(&self, events: &[u64]) -> usize {
        self.with(|state| events.iter().filter(|event| state.resolve(**event, 0)).count())
    }

    /// Changes the severity of a problem, as somebody does by hand.
    pub fn set_severity(&self, event: u64, severity: u8) {
        self.change(event, |event| event.severity = severity.min(5));
    }

    /// Acknowledges a problem as one of the users `Admin`, `ivanova`, `petrov` (another is `Admin`).
    pub fn acknowledge(&self, event: u64, by: &str, message: &str) {
        self.with(|state| {
            let user = state.users.iter().find(|user| user.username == by).map_or(1, |user| user.id);
            let (id, clock) = (state.event_id(), State::now());
            let Some(event) = state.events.get_mut(&event) else { return };
            event.acknowledged = true;
            event.acknowledges.push(state::Acknowledge {
                id,
                user,
                clock,
                message: message.to_owned(),
                action: if message.is_empty() { 2 } else { 6 },
                old_severity: 0,
                new_severity: 0,
                suppress_until: 0,
            });
        });
    }

    /// Suppresses a problem by hand until a time in Unix seconds; 0 is for ever.
    pub fn suppress(&self, event: u64, until: i64) {
        self.change(event, |event| {
            event.suppressions.push(state::Suppression { maintenance: 0, until, user: 4 });
        });
    }

    /// Ends every suppression of a problem.
    pub fn unsuppress(&self, event: u64) {
        self.change(event, |event| event.suppressions.clear());
    }

    /// Ranks a problem as a symptom of another (7.0); 0 makes it a cause again.
    pub fn set_cause(&self, event: u64, cause: u64) {
        self.change(event, |event| event.cause = cause);
    }

    fn change(&self, event: u64, change: impl FnOnce(&mut state::Event)) {
        self.with(|state| {
            if let Some(event) = state.events.get_mut(&event) {
                change(event);
            }
        });
    }

    /// The open problems, by event id.
    #[must_use]
    pub fn open_problems(&self) -> Vec<OpenProblem> {
        self.with(|state| {
            let events = state.open.iter().filter_map(|id| state.events.get(id));
            let hosts_of = |trigger: u64| {
                let ids =
                    state.triggers.get(&trigger).map(|trigger| trigger.hosts.clone()).unwrap_or_default();
                ids.iter().filter_map(|id| state.hosts.get(id)).map(|host| host.host.clone()).collect()
            };
            events
                .map(|event| OpenProblem {
                    event_id: event.id,
                    trigger_id: event.trigger,
                    hosts: hosts_of(event.trigger),
                    name: event.name.clone(),
                    severity: event.severity,
                    suppressed: !event.suppressions.is_empty(),
                    acknowledged: event.acknowledged,
                })
                .collect()
        })
    }

    /// How many problems are open, at each severity from 0 to 5.
    #[must_use]
    pub fn counts(&self) -> [usize; 6] {
        self.with(|state| {
            let mut counts = [0; 6];
            for event in state.open.iter().filter_map(|id| state.events.get(id)) {
                counts[usize::from(event.severity.min(5))] += 1;
            }
            counts
        })
    }

    /// How many hosts there are.
    #[must_use]
    pub fn host_count(&self) -> usize {
        self.with(|state| state.hosts.len())
    }

    /// Forgets all problems, history and maintenances, enables everything and lets the proxies talk; hosts and
    /// event numbers stay. Nothing is left of it for `recent` or `event.get` either.
    pub fn clear(&self) {
        self.with(State::clear);
    }

    /// The same, and event ids begin again where they began: an installation that was emptied and rebuilt.
    pub fn rebuild(&self) {
        self.with(|state| {
            state.clear();
            state.renumber();
        });
    }

    // --- credentials

    /// Makes another API token.
    #[must_use]
    pub fn add_token(&self, access: Access) -> String {
        self.with(|state| {
            let mut random = Rng(state.tokens.len() as u64);
            let token = [(); 4].map(|()| format!("{:016x}", random.next())).concat();
            state.tokens.insert(token.clone(), access);
            token
        })
    }

    /// Changes what a token opens; this includes the first one.
    pub fn set_access(&self, token: &str, access: Access) {
        self.with(|state| state.tokens.insert(token.to_owned(), access));
    }

    /// Ends all sessions of `user.login`.
    pub fn end_sessions(&self) {
        self.with(|state| state.sessions.clear());
    }

    // --- faults, and what was asked

    /// Switches a fault on.
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

    /// The latest calls, at most 4,096, oldest first; the calls of a batch one by one.
    #[must_use]
    pub fn asked(&self) -> Vec<Asked> {
        self.shared.record.asked()
    }

    /// The latest calls of one method.
    #[must_use]
    pub fn asked_for(&self, method: &str) -> Vec<Asked> {
        let mut asked = self.asked();
        asked.retain(|asked| asked.method.eq_ignore_ascii_case(method));
        asked
    }

    /// How many requests there have been since the start.
    #[must_use]
    pub fn asked_count(&self) -> u64 {
        self.shared.record.count()
    }

    /// The most requests that were being answered at one time, since the start or the last [`Zabbix::forget_asked`].
    #[must_use]
    pub fn peak_concurrency(&self) -> u64 {
        self.shared.record.peak()
    }

    /// Forgets the calls so far.
    pub fn forget_asked(&self) {
        self.shared.record.forget();
    }
}

fn load(state: &mut State, world: &World) {
    let mut triggers = std::collections::HashMap::new();
    let hosts: Vec<crate::world::Host> = world.hosts().collect();
    for host in &hosts {
        let Some(device) = world.device(host.device_id) else { continue };
        let id = state.host(&host.host);
        let rack = world.rack_of(device.id);
        let path = rack.map(|rack| world.rack_path(rack)).unwrap_or_default();
        let parts: Vec<&str> = path.split('/').collect();
        let centre = parts[0].to_owned();
        let in_centre = matches!(centre.as_str(), "SAS" | "VLA" | "IVA");
        // The path down to the hall, and from the row to the rack.
        let (hall, place) = parts.split_at(parts.len().saturating_sub(2));
        let mut groups = vec![state.group("Data centre")];
        if in_centre {
            groups.push(state.group(&centre));
            groups.push(state.group(&path));
        }
        let proxy = in_centre.then(|| state.proxy(&format!("proxy-{}", centre.to_lowercase())));
        if let Some(known) = state.hosts.get_mut(&id) {
            known.groups = groups;
            known.proxy = proxy;
            known.tags = vec![
                ("site".to_owned(), centre.to_lowercase()),
                ("class".to_owned(), device.kind.name().to_lowercase()),
            ];
            known.tags.extend(device.tags.first().map(|env| ("env".to_owned(), env.clone())));
            known.inventory = vec![
                ("asset_tag", device.asset_no.clone()),
                ("serialno_a", device.serial.clone()),
                ("model", device.hw.map(|hw| hw.shown.to_owned()).unwrap_or_default()),
                ("location", hall.join("/")),
                ("site_rack", place.join("/")),
            ];
        }
        let trigger = state.trigger(std::slice::from_ref(&host.host), UNREACHABLE, 5);
        triggers.insert(device.id, trigger);
    }
    for host in &hosts {
        let container = world.device(host.device_id).and_then(|device| device.container_id);
        let upstream = container.and_then(|id| triggers.get(&id)).copied();
        let trigger = triggers.get(&host.device_id).and_then(|id| state.triggers.get_mut(id));
        if let (Some(upstream), Some(trigger)) = (upstream, trigger)
            && world.device(host.device_id).is_some_and(|device| device.kind == Kind::Vm)
        {
            trigger.depends_on = vec![upstream];
        }
    }
}

fn storm(state: &mut State, count: usize) -> Vec<u64> {
    const KINDS: [(&str, u8, &str, &str); 6] = [
        ("{HOST.NAME} is unreachable", 5, "availability", "network"),
        ("Service is down", 4, "availability", "application"),
        ("High CPU load", 3, "performance", "cpu"),
        ("Disk is nearly full", 2, "capacity", "storage"),
        ("Last backup is older than a day", 1, "notice", "backup"),
        ("Inlet temperature is unusual", 0, "notice", "environment"),
    ];
    let mut hosts: Vec<String> =
        state.hosts.values().filter(|host| host.enabled).map(|host| host.name.clone()).collect();
    while hosts.len() * KINDS.len() < count {
        hosts.push(format!("storm-{:05}", hosts.len() + 1));
    }
    // The hosts in an order of their own, so that the storm covers the map from the start.
    hosts.sort_by_cached_key(|host| {
        Rng(host.bytes().fold(0, |sum: u64, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte)))).next()
    });
    let now = State::now();
    let mut raised = Vec::new();
    'kinds: for (trigger, severity, scope, component) in KINDS {
        for host in &hosts {
            if state.open.len() >= count {
                break 'kinds;
            }
            let raise = Raise::new(host, trigger)
                .severity(severity)
                .tag("scope", scope)
                .tag("component", component)
                .opdata("now 0")
                .at(now);
            let before = state.open.len();
            let event = state.raise(&raise);
            if state.open.len() > before {
                raised.push(event);
            }
        }
    }
    raised
}

/// The HTTP side.
struct Frontend(Arc<Shared>);

impl Site for Frontend {
    async fn answer(&self, request: Request) -> Option<Answer> {
        let path = request.uri().path().to_owned();
        if !path.ends_with("/api_jsonrpc.php") {
            return Some(self.page(&path, &request));
        }
        let accepted = request.headers().get(CONTENT_TYPE).is_some_and(is_accepted);
        if request.method() != Method::POST || !accepted {
            return Some(dressed(empty(StatusCode::PRECONDITION_FAILED)));
        }
        let body: Option<Value> = serde_json::from_slice(request.body()).ok();
        let calls = rpc::calls_of(body.as_ref());
        let methods: Vec<&str> = calls.iter().map(|(method, _)| method.as_str()).collect();
        let faults = self.0.faults.striking(&methods);
        let _in_flight = self.0.record.begin(calls);
        for fault in &faults {
            if let Fault::Slow(milliseconds) = fault {
                tokio::time::sleep(Duration::from_millis(*milliseconds)).await;
            }
        }
        if let Some(broken) = faults.iter().find_map(instead) {
            return broken.into_answer().map(dressed);
        }
        let (json, rows) = {
            let header = request.headers().get(AUTHORIZATION).map(|value| value.to_str().unwrap_or("?"));
            let mut state = lock(&self.0.state);
            state.catch_up();
            rpc::answer(&mut state, body.as_ref(), Bearer(header), &twist(&faults))
        };
        if faults.contains(&Fault::CommitThenDrop) {
            return None;
        }
        let json = Bytes::from(json);
        let mut answer = None;
        for fault in &faults {
            match fault {
                Fault::MemoryLimit(limit) if rows > *limit => {
                    answer = Some(empty(StatusCode::INTERNAL_SERVER_ERROR));
                }
                Fault::CutJson => answer = Some(api_answer(json.slice(..json.len() / 2))),
                Fault::CutBody => answer = Some(http::cut_off("application/json", &json)),
                _ => {}
            }
        }
        Some(dressed(answer.unwrap_or_else(|| api_answer(json))))
    }
}

impl Frontend {
    /// The pages that links lead to: enough to see that a link is right.
    fn page(&self, path: &str, request: &Request) -> Answer {
        if !path.ends_with("/tr_events.php") {
            let known = path.starts_with("/zabbix");
            let status = if known { StatusCode::OK } else { StatusCode::NOT_FOUND };
            return http::answer(status, "text/html; charset=UTF-8", page_of("Zabbix (simulated)", ""));
        }
        let id = http::query_value(request.uri(), "eventid").and_then(|id| id.parse().ok()).unwrap_or(0u64);
        let state = lock(&self.0.state);
        let Some(event) = state.events.get(&id) else {
            let body = "<p>No permissions to referred object or it does not exist!</p>";
            return http::answer(StatusCode::OK, "text/html; charset=UTF-8", page_of("Event", body));
        };
        let hosts: Vec<String> = state
            .triggers
            .get(&event.trigger)
            .into_iter()
            .flat_map(|trigger| &trigger.hosts)
            .filter_map(|host| state.hosts.get(host))
            .map(|host| host.name.clone())
            .collect();
        let status = if state.open.contains(&id) { "PROBLEM" } else { "RESOLVED" };
        let mut rows = vec![
            ("Host", hosts.join(", ")),
            ("Severity", event.severity.to_string()),
            ("Status", status.to_owned()),
            ("Operational data", event.opdata.clone()),
            ("Acknowledged", if event.acknowledged { "Yes" } else { "No" }.to_owned()),
        ];
        rows.extend(event.tags.iter().map(|(tag, value)| ("Tag", format!("{tag}: {value}"))));
        rows.extend(event.acknowledges.iter().map(|record| ("Message", record.message.clone())));
        let rows: Vec<String> = rows
            .iter()
            .map(|(name, value)| format!("<tr><th>{name}<td>{}", http::html_escaped(value)))
            .collect();
        let page = page_of(&http::html_escaped(&event.name), &format!("<table>{}</table>", rows.concat()));
        http::answer(StatusCode::OK, "text/html; charset=UTF-8", page)
    }
}

fn page_of(title: &str, body: &str) -> String {
    format!(
        "<!DOCTYPE html><html lang=en><meta charset=utf-8><title>{title}</title><h1>{title}</h1>{body}\
         <p>This is the simulated Zabbix of Heat's devkit.</p></html>"
    )
}

fn is_accepted(content_type: &HeaderValue) -> bool {
    let plain = content_type.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
    matches!(plain, "application/json-rpc" | "application/json" | "application/jsonrequest")
}

/// The answer that a fault gives without asking the API.
fn instead(fault: &Fault) -> Option<Instead> {
    match fault {
        Fault::Status(code) => {
            let status = StatusCode::from_u16(*code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            Some(Instead::Answer(if matches!(code, 502..=504) {
                http::proxy_page(status)
            } else {
                empty(status)
            }))
        }
        Fault::TooMany(seconds) => {
            let mut answer = http::proxy_page(StatusCode::TOO_MANY_REQUESTS);
            if *seconds > 0 {
                answer.headers_mut().insert("retry-after", HeaderValue::from(*seconds));
            }
            Some(Instead::Answer(answer))
        }
        Fault::Html => {
            let page = page_of("Sign in", "<form action=login><input name=user></form>");
            Some(Instead::Answer(http::answer(StatusCode::OK, "text/html; charset=UTF-8", page)))
        }
        Fault::Reset => Some(Instead::Nothing),
        Fault::Huge(bytes) => {
            let head = "{\"jsonrpc\":\"2.0\",\"result\":[";
            Some(Instead::Answer(http::huge("application/json", head, *bytes, "],\"id\":1}")))
        }
        _ => None,
    }
}

fn twist(faults: &[Fault]) -> Twist {
    let mut twist = Twist::default();
    for fault in faults {
        match fault {
            Fault::SessionDeath => twist.error = Some(TwistError::SessionDeath),
            Fault::TokenRefused => twist.error = Some(TwistError::TokenRefused),
            Fault::TokenExpired => twist.error = Some(TwistError::TokenExpired),
            Fault::Forbidden => twist.error = Some(TwistError::Forbidden),
            Fault::DatabaseDown => twist.error = Some(TwistError::DatabaseDown),
            Fault::Empty => twist.empty = true,
            Fault::WrongTypes => twist.wrong_types = true,
            _ => {}
        }
    }
    twist
}

fn api_answer(json: Bytes) -> Answer {
    http::answer(StatusCode::OK, "application/json", json)
}

fn empty(status: StatusCode) -> Answer {
    http::answer(status, "text/html; charset=UTF-8", Bytes::new())
}

/// With the headers of every answer of the frontend.
fn dressed(mut answer: Answer) -> Answer {
    let headers: &mut HeaderMap = answer.headers_mut();
    for (name, value) in [
        ("x-powered-by", "PHP/8.2.36"),
        ("access-control-allow-origin", "*"),
        ("access-control-allow-headers", "Content-Type"),
        ("access-control-allow-methods", "POST"),
        ("access-control-max-age", "1000"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    answer
}
