//! The methods of the API: which rows, which fields, in which shape.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashSet};

use serde_json::{Map, Value};

use super::super::json::{Json, Object};
use super::Version;
use super::rpc::{Caller, Outcome, Params, RpcError, unsigned};
use super::state::{
    Acknowledge, Event, Host, Maintenance, OK_PERIOD, Proxy, State, Suppression, Tag, Trigger,
};
use crate::world::Rng;

/// The methods that are simulated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    ApiinfoVersion,
    EventAcknowledge,
    EventGet,
    HostGet,
    HostgroupGet,
    MaintenanceGet,
    ProblemGet,
    ProxyGet,
    SettingsGet,
    TriggerGet,
    UserCheckAuthentication,
    UserGet,
    UserLogin,
    UserLogout,
}

const METHODS: [(&str, Method); 14] = [
    ("apiinfo.version", Method::ApiinfoVersion),
    ("event.acknowledge", Method::EventAcknowledge),
    ("event.get", Method::EventGet),
    ("host.get", Method::HostGet),
    ("hostgroup.get", Method::HostgroupGet),
    ("maintenance.get", Method::MaintenanceGet),
    ("problem.get", Method::ProblemGet),
    ("proxy.get", Method::ProxyGet),
    ("settings.get", Method::SettingsGet),
    ("trigger.get", Method::TriggerGet),
    ("user.checkAuthentication", Method::UserCheckAuthentication),
    ("user.get", Method::UserGet),
    ("user.login", Method::UserLogin),
    ("user.logout", Method::UserLogout),
];

/// Whether `name` is an API object at all: an unknown method of a known one has another error.
pub(super) fn knows_api(name: &str) -> bool {
    const ALSO: [&str; 12] = [
        "action",
        "alert",
        "auditlog",
        "configuration",
        "dashboard",
        "history",
        "item",
        "script",
        "service",
        "task",
        "template",
        "token",
    ];
    let named = |known: &str| known.eq_ignore_ascii_case(name);
    ALSO.iter().any(|known| named(known))
        || METHODS.iter().any(|(method, _)| named(method.split('.').next().unwrap_or("")))
}

impl Method {
    /// Names are case-insensitive.
    pub(super) fn named(name: &str) -> Option<Self> {
        METHODS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, method)| *method)
    }

    pub(super) fn name(self) -> &'static str {
        METHODS.iter().find(|(_, method)| *method == self).map_or("", |(name, _)| name)
    }

    /// To be called without credentials.
    pub(super) fn is_public(self) -> bool {
        matches!(self, Self::ApiinfoVersion | Self::UserCheckAuthentication | Self::UserLogin)
    }
}

pub(super) fn run_public(
    state: &mut State,
    method: Method,
    params: &Map<String, Value>,
) -> Result<Outcome, RpcError> {
    match method {
        Method::UserLogin => user_login(state, params),
        Method::UserCheckAuthentication => check_authentication(state, params),
        _ => Ok(Outcome::raw(&format!("\"{}\"", state.version.number()))),
    }
}

pub(super) fn run(
    state: &mut State,
    method: Method,
    params: &Map<String, Value>,
    caller: &Caller,
) -> Result<Outcome, RpcError> {
    let validated =
        matches!(method, Method::ProblemGet | Method::EventGet | Method::EventAcknowledge | Method::ProxyGet);
    let params = Params { map: params, strict: validated && state.version == Version::V7_0 };
    match method {
        Method::EventAcknowledge => acknowledge(state, &params, caller),
        Method::UserLogout => user_logout(state, caller),
        Method::ProblemGet => View::new(state, caller).problems(&params),
        Method::EventGet => View::new(state, caller).events(&params),
        Method::TriggerGet => View::new(state, caller).triggers(&params),
        Method::HostGet => View::new(state, caller).hosts(&params),
        Method::HostgroupGet => View::new(state, caller).groups(&params),
        Method::ProxyGet => View::new(state, caller).proxies(&params),
        Method::MaintenanceGet => View::new(state, caller).maintenances(&params),
        Method::UserGet => View::new(state, caller).users(&params),
        Method::SettingsGet => Ok(settings()),
        Method::ApiinfoVersion | Method::UserCheckAuthentication | Method::UserLogin => {
            Err(RpcError::not_authorized())
        }
    }
}

// --- users -----------------------------------------------------------------

fn user_login(state: &mut State, params: &Map<String, Value>) -> Result<Outcome, RpcError> {
    let strict = state.version == Version::V7_0;
    let params = Params { map: params, strict: true };
    let mut known = vec!["username", "password", "userData"];
    if !strict {
        known.push("user");
    }
    params.only(&known)?;
    let text = |name: &str| params.get(name).and_then(Value::as_str);
    let username = text("username").or_else(|| text("user").filter(|_| !strict));
    let missing = |name: &str| {
        RpcError::params(format!("Invalid parameter \"/\": the parameter \"{name}\" is missing."))
    };
    let username = username.ok_or_else(|| missing("username"))?;
    let password = text("password").ok_or_else(|| missing("password"))?;
    let Some(user) = state.log_in(username, password) else {
        let data = "Incorrect user name or password or account is temporarily blocked.";
        return Err(RpcError::application(data));
    };
    let mut random = Rng(state.event_id() ^ u64::from_le_bytes(*b"sessions"));
    let session = format!("{:016x}{:016x}", random.next(), random.next());
    state.sessions.insert(session.clone(), user);
    if params.flag("userData")? == Some(true) {
        return user_data(state, user, &session);
    }
    Ok(Outcome::raw(&format!("\"{session}\"")))
}

fn user_data(state: &State, user: u64, session: &str) -> Result<Outcome, RpcError> {
    let user = state.users.iter().find(|known| known.id == user).ok_or_else(RpcError::session_terminated)?;
    let mut json = Json::default();
    json.object(|data| {
        data.quoted("userid", user.id);
        data.string("username", user.username);
        data.string("name", user.name);
        data.string("surname", user.surname);
        data.string("url", "");
        data.string("autologin", "0");
        data.string("autologout", "0");
        data.string("lang", "en_US");
        data.string("refresh", "30s");
        data.string("theme", "default");
        data.string("attempt_failed", "0");
        data.string("attempt_ip", "");
        data.string("attempt_clock", "0");
        data.string("rows_per_page", "50");
        data.string("timezone", "default");
        data.string("roleid", "3");
        // These two are the numbers in an answer of strings.
        data.member("type").raw("3");
        data.member("gui_access").raw("0");
        data.member("debug_mode").raw("0");
        data.string("userip", "127.0.0.1");
        data.string("sessionid", session);
        if state.version == Version::V7_0 {
            data.string("secret", "0123456789abcdef0123456789abcdef");
            data.member("mfaid").raw("0");
            data.member("deprovisioned").raw("false");
        }
    });
    Ok(Outcome::new(json, 1))
}

fn check_authentication(state: &State, params: &Map<String, Value>) -> Result<Outcome, RpcError> {
    let text = |name: &str| params.get(name).and_then(Value::as_str).unwrap_or_default();
    if let Some(access) = state.tokens.get(text("token")) {
        if access.expired {
            return Err(RpcError::token_expired());
        }
        if !access.disabled {
            return user_data(state, 3, "");
        }
        return Err(RpcError::not_authorized());
    }
    let session = text("sessionid");
    let user = state.sessions.get(session).ok_or_else(RpcError::session_terminated)?;
    user_data(state, *user, session)
}

fn user_logout(state: &mut State, caller: &Caller) -> Result<Outcome, RpcError> {
    match &caller.session {
        Some(session) => {
            state.sessions.remove(session);
            Ok(Outcome::raw("true"))
        }
        None => Err(RpcError::application("You cannot log out with an API token.")),
    }
}

fn settings() -> Outcome {
    let mut json = Json::default();
    json.object(|settings| {
        settings.string("default_lang", "en_US");
        settings.string("default_timezone", "system");
        settings.string("default_theme", "blue-theme");
        settings.string("ok_period", "5m");
        settings.string("blink_period", "2m");
        settings.string("login_attempts", "5");
        settings.string("login_block", "30s");
        let names = ["Not classified", "Information", "Warning", "Average", "High", "Disaster"];
        let colors = ["97AAB3", "7499FF", "FFC859", "FFA059", "E97659", "E45959"];
        for (at, (name, color)) in names.iter().zip(colors).enumerate() {
            settings.string(&format!("severity_color_{at}"), color);
            settings.string(&format!("severity_name_{at}"), name);
        }
        settings.string("search_limit", "1000");
        settings.string("max_in_table", "50");
    });
    Outcome::new(json, 1)
}

// --- event.acknowledge -------------------------------------------------------

/// The bits of `action`.
mod action {
    pub(super) const CLOSE: u64 = 1;
    pub(super) const ACKNOWLEDGE: u64 = 2;
    pub(super) const MESSAGE: u64 = 4;
    pub(super) const SEVERITY: u64 = 8;
    pub(super) const UNACKNOWLEDGE: u64 = 16;
    pub(super) const SUPPRESS: u64 = 32;
    pub(super) const UNSUPPRESS: u64 = 64;
    pub(super) const TO_CAUSE: u64 = 128;
    pub(super) const TO_SYMPTOM: u64 = 256;

    /// Which may not stand together.
    pub(super) const EXCLUSIVE: [(u64, u64); 5] = [
        (ACKNOWLEDGE, UNACKNOWLEDGE),
        (SUPPRESS, UNSUPPRESS),
        (CLOSE, SUPPRESS),
        (CLOSE, UNSUPPRESS),
        (TO_CAUSE, TO_SYMPTOM),
    ];
}

fn acknowledge(state: &mut State, params: &Params<'_>, caller: &Caller) -> Result<Outcome, RpcError> {
    params.only(&["eventids", "action", "message", "severity", "suppress_until", "cause_eventid"])?;
    let incorrect =
        |field: &str, what: &str| RpcError::params(format!("Incorrect value for field \"{field}\": {what}."));
    let missing = |name: &str| match state.version {
        Version::V6_0 => RpcError::params("Incorrect arguments passed to function."),
        Version::V7_0 => {
            RpcError::params(format!("Invalid parameter \"/\": the parameter \"{name}\" is missing."))
        }
    };
    let ids = params.ids("eventids")?.ok_or_else(|| missing("eventids"))?;
    let wanted = params.get("action").ok_or_else(|| missing("action"))?;
    let known = if state.version == Version::V7_0 { 511 } else { 31 };
    let unexpected = || incorrect("action", &format!("unexpected value {wanted}").replace("\"\"", "\""));
    let mask = unsigned(wanted).ok_or_else(unexpected)?;
    let clash = action::EXCLUSIVE.iter().any(|(one, other)| mask & one != 0 && mask & other != 0);
    if mask == 0 || mask & !known != 0 || clash {
        return Err(incorrect("action", &format!("unexpected value \"{mask}\"")));
    }
    let message = params.get("message").and_then(Value::as_str).unwrap_or_default().to_owned();
    if mask & action::MESSAGE != 0 && message.is_empty() {
        return Err(incorrect("message", "cannot be empty"));
    }
    if message.chars().count() > 2_048 {
        return Err(incorrect("message", "value is too long"));
    }
    let severity = match params.number("severity")? {
        Some(severity @ 0..=5) => u8::try_from(severity).unwrap_or(0),
        None if mask & action::SEVERITY == 0 => 0,
        _ => return Err(incorrect("severity", "unexpected value")),
    };
    let until = params.number("suppress_until")?.and_then(|until| i64::try_from(until).ok());
    let cause = params.number("cause_eventid")?;
    let view = View::new(state, caller);
    let may =
        |id: &u64| view.state.events.get(id).is_some_and(|event| event.problem && view.sees_event(event));
    if caller.access.read_only || !ids.iter().all(may) || !cause.iter().all(may) {
        return Err(RpcError::no_object());
    }
    if mask & action::CLOSE != 0 {
        let closable = |id: &u64| {
            let event = state.events.get(id);
            let trigger = event.and_then(|event| state.triggers.get(&event.trigger));
            trigger.is_some_and(|trigger| trigger.manual_close)
        };
        if !ids.iter().all(closable) {
            let data = "Cannot close problem: trigger does not allow manual closing.";
            return Err(RpcError::params(data));
        }
    }
    let mut ids: Vec<u64> = ids.into_iter().collect();
    ids.sort_unstable();
    let change = Change { mask, message, severity, until: until.unwrap_or(0), cause: cause.unwrap_or(0) };
    for id in &ids {
        change.apply(state, *id, caller.user);
    }
    // The one answer whose ids are numbers.
    let mut json = Json::default();
    json.object(|result| {
        result.member("eventids").array(&ids, |json, id| json.raw(&id.to_string()));
    });
    Ok(Outcome::new(json, ids.len()))
}

struct Change {
    mask: u64,
    message: String,
    severity: u8,
    until: i64,
    cause: u64,
}

impl Change {
    fn apply(&self, state: &mut State, id: u64, user: u64) {
        let (now, close_delay) = (State::now(), state.close_delay);
        let record = state.event_id();
        let open = state.open.contains(&id);
        let Some(event) = state.events.get_mut(&id) else { return };
        let mut done = self.mask;
        if event.acknowledged {
            done &= !action::ACKNOWLEDGE;
        } else {
            done &= !action::UNACKNOWLEDGE;
        }
        let old_severity = event.severity;
        if self.severity == old_severity {
            done &= !action::SEVERITY;
        }
        if !open {
            done &= action::MESSAGE;
        }
        if done == 0 {
            return;
        }
        let is = |bit: u64| done & bit != 0;
        if is(action::ACKNOWLEDGE) || is(action::UNACKNOWLEDGE) {
            event.acknowledged = is(action::ACKNOWLEDGE);
        }
        if is(action::SEVERITY) {
            event.severity = self.severity;
        }
        if is(action::SUPPRESS) {
            event.suppressions.retain(|suppression| suppression.maintenance != 0);
            event.suppressions.push(Suppression { maintenance: 0, until: self.until, user });
        }
        if is(action::UNSUPPRESS) {
            event.suppressions.retain(|suppression| suppression.maintenance != 0);
        }
        if is(action::TO_CAUSE) {
            event.cause = 0;
        }
        if is(action::TO_SYMPTOM) && self.cause != id {
            event.cause = self.cause;
        }
        if is(action::CLOSE) {
            event.closed_by = user;
            event.closing_at = Some(now + close_delay);
        }
        event.acknowledges.push(Acknowledge {
            id: record,
            user,
            clock: now,
            message: if is(action::MESSAGE) { self.message.clone() } else { String::new() },
            action: done,
            old_severity: if is(action::SEVERITY) { old_severity } else { 0 },
            new_severity: if is(action::SEVERITY) { self.severity } else { 0 },
            suppress_until: if is(action::SUPPRESS) { self.until } else { 0 },
        });
    }
}

// --- the get methods ---------------------------------------------------------

// The last field of these three is 7.0's.
const PROBLEM: [&str; 18] = [
    "eventid",
    "source",
    "object",
    "objectid",
    "clock",
    "ns",
    "r_eventid",
    "r_clock",
    "r_ns",
    "correlationid",
    "userid",
    "name",
    "acknowledged",
    "severity",
    "opdata",
    "suppressed",
    "urls",
    "cause_eventid",
];
const EVENT: [&str; 18] = [
    "eventid",
    "source",
    "object",
    "objectid",
    "clock",
    "value",
    "acknowledged",
    "ns",
    "name",
    "severity",
    "r_eventid",
    "c_eventid",
    "correlationid",
    "userid",
    "opdata",
    "suppressed",
    "urls",
    "cause_eventid",
];
const TRIGGER: [&str; 24] = [
    "triggerid",
    "expression",
    "description",
    "url",
    "status",
    "value",
    "priority",
    "lastchange",
    "comments",
    "error",
    "templateid",
    "type",
    "state",
    "flags",
    "recovery_mode",
    "recovery_expression",
    "correlation_mode",
    "correlation_tag",
    "manual_close",
    "opdata",
    "discover",
    "event_name",
    "uuid",
    "url_name",
];
const HOST_6_0: [&str; 19] = [
    "hostid",
    "proxy_hostid",
    "host",
    "status",
    "maintenanceid",
    "maintenance_status",
    "maintenance_type",
    "maintenance_from",
    "name",
    "flags",
    "templateid",
    "description",
    "tls_connect",
    "tls_accept",
    "tls_issuer",
    "tls_subject",
    "custom_interfaces",
    "uuid",
    "inventory_mode",
];
const HOST_7_0: [&str; 21] = [
    "hostid",
    "proxyid",
    "host",
    "status",
    "maintenanceid",
    "maintenance_status",
    "maintenance_type",
    "maintenance_from",
    "name",
    "flags",
    "templateid",
    "description",
    "tls_connect",
    "tls_accept",
    "custom_interfaces",
    "uuid",
    "inventory_mode",
    "active_available",
    "monitored_by",
    "proxy_groupid",
    "assigned_proxyid",
];
const TAG: [&str; 2] = ["tag", "value"];
const LISTING: [&str; 12] = [
    "filter",
    "search",
    "searchByAny",
    "startSearch",
    "excludeSearch",
    "searchWildcardsEnabled",
    "output",
    "countOutput",
    "limit",
    "sortfield",
    "sortorder",
    "preservekeys",
];

/// What one caller sees of the state.
struct View<'a> {
    state: &'a State,
    /// `None`: all groups.
    groups: Option<HashSet<u64>>,
    new: bool,
}

/// How the rows of a listing are to be written.
struct Listing<'p> {
    params: &'p Params<'p>,
    id: &'static str,
    count: bool,
    keyed: bool,
    limit: usize,
}

impl<'p> Listing<'p> {
    fn new(params: &'p Params<'p>, id: &'static str) -> Result<Self, RpcError> {
        Ok(Self {
            params,
            id,
            count: params.flag("countOutput")?.unwrap_or(false),
            keyed: params.flag("preservekeys")?.unwrap_or(false),
            limit: params.limit()?.unwrap_or(usize::MAX),
        })
    }

    /// Sorts (or shuffles, if no order was asked for: the real one's is arbitrary then), cuts and writes.
    fn write<T>(
        &self,
        mut rows: Vec<T>,
        sortable: &[&'static str],
        id: impl Fn(&T) -> u64,
        field: impl Fn(&T, &str) -> String,
        mut each: impl FnMut(&mut Object<'_>, &T),
    ) -> Result<Outcome, RpcError> {
        let sort = self.params.sort(sortable)?;
        if self.count {
            return Ok(Outcome { json: format!("\"{}\"", rows.len()).into_bytes(), rows: 1 });
        }
        match sort.as_slice() {
            [] => rows.sort_by_cached_key(|row| Rng(id(row)).next()),
            [(only, descending)] if *only == self.id => {
                rows.sort_by_key(&id);
                if *descending {
                    rows.reverse();
                }
            }
            _ => rows.sort_by_cached_key(|row| {
                let key =
                    |(name, descending): &(&'static str, bool)| SortKey::of(&field(row, name), *descending);
                sort.iter().map(key).collect::<Vec<_>>()
            }),
        }
        rows.truncate(self.limit);
        let mut json = Json::with_capacity(rows.len() * 128);
        if self.keyed && !rows.is_empty() {
            json.object(|keyed| {
                for row in &rows {
                    keyed.member(&id(row).to_string()).object(|object| each(object, row));
                }
            });
        } else {
            json.array(&rows, |json, row| json.object(|object| each(object, row)));
        }
        Ok(Outcome::new(json, rows.len()))
    }
}

/// A value of a sort field: a number where it is one, turned round where the order is.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum SortKey {
    Number(i128),
    Text(String),
    TextDown(std::cmp::Reverse<String>),
}

impl SortKey {
    fn of(value: &str, descending: bool) -> Self {
        match (value.parse::<i128>(), descending) {
            (Ok(number), false) => Self::Number(number),
            (Ok(number), true) => Self::Number(-number),
            (Err(_), false) => Self::Text(value.to_lowercase()),
            (Err(_), true) => Self::TextDown(std::cmp::Reverse(value.to_lowercase())),
        }
    }
}

/// What may be asked to stand in a problem or an event beside its own fields.
struct EventSelects {
    tags: Option<Vec<&'static str>>,
    suppressions: Option<Vec<&'static str>>,
    acknowledges: Option<Acknowledges>,
}

enum Acknowledges {
    Count,
    Fields(Vec<&'static str>),
}

impl<'a> View<'a> {
    fn new(state: &'a State, caller: &Caller) -> Self {
        let named = |names: &Vec<String>| {
            let visible = state.groups.iter().filter(|(_, name)| names.contains(name));
            visible.map(|(id, _)| *id).collect()
        };
        Self { state, groups: caller.access.groups.as_ref().map(named), new: state.version == Version::V7_0 }
    }

    fn sees(&self, host: &Host) -> bool {
        self.groups.as_ref().is_none_or(|visible| host.groups.iter().any(|group| visible.contains(group)))
    }

    fn hosts_of(&self, trigger: &Trigger) -> impl Iterator<Item = &'a Host> {
        trigger.hosts.iter().filter_map(|host| self.state.hosts.get(host))
    }

    fn trigger_of(&self, event: &Event) -> Option<&'a Trigger> {
        self.state.triggers.get(&event.trigger)
    }

    /// All of a trigger's hosts must be readable.
    fn sees_trigger(&self, trigger: &Trigger) -> bool {
        self.groups.is_none() || self.hosts_of(trigger).all(|host| self.sees(host))
    }

    fn sees_event(&self, event: &Event) -> bool {
        self.trigger_of(event).is_some_and(|trigger| self.sees_trigger(trigger))
    }

    // problem.get and event.get

    fn problems(&self, params: &Params<'_>) -> Result<Outcome, RpcError> {
        let known = if self.new { &PROBLEM[..] } else { &PROBLEM[..17] };
        let mut allowed = vec![
            "eventids",
            "groupids",
            "hostids",
            "objectids",
            "source",
            "object",
            "severities",
            "acknowledged",
            "suppressed",
            "symptom",
            "recent",
            "time_from",
            "time_till",
            "eventid_from",
            "eventid_till",
            "tags",
            "evaltype",
            "selectAcknowledges",
            "selectTags",
            "selectSuppressionData",
            "action",
            "action_userids",
        ];
        allowed.extend(LISTING);
        params.only(&allowed)?;
        self.check_event_filter(params)?;
        let listing = Listing::new(params, "eventid")?;
        let output = params.output("output", known, "eventid")?;
        let selects = self.event_selects(params, false)?;
        let from = params.number("eventid_from")?.unwrap_or(0);
        let till = params.number("eventid_till")?.unwrap_or(u64::MAX);
        let recent = params.flag("recent")?.unwrap_or(false);
        let passes = self.event_filter(params)?;
        let mut ids: BTreeSet<u64> = BTreeSet::new();
        if recent {
            let since = State::now() - OK_PERIOD;
            let lately =
                |event: &&Event| event.problem && event.recovery.is_some_and(|(_, clock, _)| clock >= since);
            ids = self.state.events.values().filter(lately).map(|event| event.id).collect();
        }
        let rows: Vec<&Event> = if from > till {
            Vec::new()
        } else {
            let open = self.state.open.range(from..=till).copied();
            let ids: Box<dyn Iterator<Item = u64>> = if recent {
                ids.extend(open);
                Box::new(ids.range(from..=till).copied().collect::<Vec<_>>().into_iter())
            } else {
                Box::new(open)
            };
            let events = ids.filter_map(|id| self.state.events.get(&id)).filter(|event| passes(event));
            // A page of a sweep: what comes after it need not be looked at.
            let sweep = params.sort(&["eventid"])? == [("eventid", false)];
            events.take(if sweep && !listing.count { listing.limit } else { usize::MAX }).collect()
        };
        listing.write(
            rows,
            &["eventid"],
            |event| event.id,
            |event, name| Self::event_field(event, name).into_owned(),
            |object, event| {
                self.write_event(object, event, &output, &selects, false);
            },
        )
    }

    fn events(&self, params: &Params<'_>) -> Result<Outcome, RpcError> {
        let known = if self.new { &EVENT[..] } else { &EVENT[..17] };
        let mut allowed = vec![
            "eventids",
            "groupids",
            "hostids",
            "objectids",
            "source",
            "object",
            "value",
            "severities",
            "trigger_severities",
            "acknowledged",
            "suppressed",
            "symptom",
            "time_from",
            "time_till",
            "problem_time_from",
            "problem_time_till",
            "eventid_from",
            "eventid_till",
            "tags",
            "evaltype",
            "selectAcknowledges",
            "selectTags",
            "selectSuppressionData",
            "selectHosts",
            "selectRelatedObject",
            "selectAlerts",
            "groupBy",
            "action",
            "action_userids",
        ];
        allowed.extend(LISTING);
        params.only(&allowed)?;
        self.check_event_filter(params)?;
        let listing = Listing::new(params, "eventid")?;
        let output = params.output("output", known, "eventid")?;
        let selects = self.event_selects(params, true)?;
        let hosts = params.select("selectHosts", self.host_fields(), "hostid")?;
        let related = params.select("selectRelatedObject", &TRIGGER[..23], "triggerid")?;
        let values = params.numbers("value", 4)?;
        let from = params.number("eventid_from")?.unwrap_or(0);
        let till = params.number("eventid_till")?.unwrap_or(u64::MAX).max(from);
        let passes = self.event_filter(params)?;
        let value = |event: &Event| u64::from(event.problem);
        let rows: Vec<&Event> = match params.ids("eventids")? {
            Some(ids) => ids.iter().filter_map(|id| self.state.events.get(id)).collect(),
            None => self.state.events.range(from..=till).map(|(_, event)| event).collect(),
        };
        let rows = rows
            .into_iter()
            .filter(|event| (from..=till).contains(&event.id))
            .filter(|event| values.as_ref().is_none_or(|values| values.contains(&value(event))))
            .filter(|event| passes(event))
            .collect();
        listing.write(
            rows,
            &["eventid", "objectid", "clock"],
            |event| event.id,
            |event, name| Self::event_field(event, name).into_owned(),
            |object, event| {
                self.write_event(object, event, &output, &selects, true);
                let trigger = self.trigger_of(event);
                if let Some(fields) = &hosts {
                    let hosts = trigger.into_iter().flat_map(|trigger| self.hosts_of(trigger));
                    object.member("hosts").array(hosts, |json, host| {
                        json.object(|object| self.write_host(object, host, fields));
                    });
                }
                if let (Some(fields), Some(trigger)) = (&related, trigger) {
                    object.member("relatedObject").object(|object| {
                        self.write_trigger(object, trigger, fields, false);
                    });
                }
            },
        )
    }

    /// 7.0 filters by a few fields only.
    fn check_event_filter(&self, params: &Params<'_>) -> Result<(), RpcError> {
        const FILTERS: [&str; 11] = [
            "eventid",
            "source",
            "object",
            "objectid",
            "r_eventid",
            "correlationid",
            "userid",
            "name",
            "acknowledged",
            "severity",
            "suppressed",
        ];
        let Some(Value::Object(filter)) = params.get("filter") else { return Ok(()) };
        match filter.keys().find(|key| params.strict && self.new && !FILTERS.contains(&key.as_str())) {
            Some(unknown) => {
                let data = format!("Invalid parameter \"/filter\": unexpected parameter \"{unknown}\".");
                Err(RpcError::params(data))
            }
            None => Ok(()),
        }
    }

    /// What problem.get and event.get choose by alike.
    fn event_filter(&self, params: &Params<'a>) -> Result<impl Fn(&Event) -> bool, RpcError> {
        let eventids = params.ids("eventids")?;
        let objectids = params.ids("objectids")?;
        let hostids = params.ids("hostids")?;
        let groupids = params.ids("groupids")?;
        let severities = params.numbers("severities", 6)?;
        let acknowledged = params.flag("acknowledged")?;
        let suppressed = params.flag("suppressed")?;
        let symptom = if self.new { params.flag("symptom")? } else { None };
        let clock = |name: &str| -> Result<Option<i64>, RpcError> {
            Ok(params.number(name)?.and_then(|clock| i64::try_from(clock).ok()))
        };
        let (since, until) =
            (clock("time_from")?.unwrap_or(i64::MIN), clock("time_till")?.unwrap_or(i64::MAX));
        let foreign =
            [params.number("source")?, params.number("object")?].iter().flatten().any(|kind| *kind != 0);
        let params = *params;
        let in_set = |set: &Option<HashSet<u64>>, id: u64| set.as_ref().is_none_or(|set| set.contains(&id));
        Ok(move |event: &Event| {
            !foreign
                && in_set(&eventids, event.id)
                && in_set(&objectids, event.trigger)
                && in_set(&severities, u64::from(event.severity))
                && acknowledged.is_none_or(|wanted| event.acknowledged == wanted)
                && suppressed.is_none_or(|wanted| event.suppressions.is_empty() != wanted)
                && symptom.is_none_or(|wanted| (event.cause != 0) == wanted)
                && (since..=until).contains(&event.clock)
                && self.trigger_of(event).is_some_and(|trigger| {
                    self.sees_trigger(trigger) && self.involves(trigger, hostids.as_ref(), groupids.as_ref())
                })
                && params.tags_match(&event.tags)
                && params.matches(|name| EVENT.contains(&name).then(|| Self::event_field(event, name)))
        })
    }

    fn involves(
        &self,
        trigger: &Trigger,
        hosts: Option<&HashSet<u64>>,
        groups: Option<&HashSet<u64>>,
    ) -> bool {
        hosts.is_none_or(|wanted| trigger.hosts.iter().any(|host| wanted.contains(host)))
            && groups.is_none_or(|wanted| {
                self.hosts_of(trigger).any(|host| host.groups.iter().any(|group| wanted.contains(group)))
            })
    }

    fn event_selects(&self, params: &Params<'_>, of_event: bool) -> Result<EventSelects, RpcError> {
        let common =
            ["acknowledgeid", "userid", "clock", "message", "action", "old_severity", "new_severity"];
        let mut fields = common.to_vec();
        fields.extend(match (of_event, self.new) {
            (false, false) => ["eventid"].as_slice(),
            (false, true) => &["suppress_until", "taskid"],
            (true, false) => &["eventid", "username", "name", "surname"],
            (true, true) => &["suppress_until", "taskid", "username", "name", "surname"],
        });
        let old = if of_event && !self.new { "select_acknowledges" } else { "selectAcknowledges" };
        let name = if params.get("selectAcknowledges").is_some() { "selectAcknowledges" } else { old };
        let acknowledges = match params.get(name) {
            Some(Value::String(text)) if text == "count" => Some(Acknowledges::Count),
            _ => params.select(name, &fields, "acknowledgeid")?.map(Acknowledges::Fields),
        };
        let suppression = if self.new {
            &["maintenanceid", "suppress_until", "userid"][..]
        } else {
            &["maintenanceid", "suppress_until"]
        };
        Ok(EventSelects {
            tags: params.select("selectTags", &TAG, "")?,
            suppressions: params.select("selectSuppressionData", suppression, "")?,
            acknowledges,
        })
    }

    fn write_event(
        &self,
        object: &mut Object<'_>,
        event: &Event,
        output: &[&str],
        selects: &EventSelects,
        of_event: bool,
    ) {
        for field in output {
            match *field {
                "urls" => object.member("urls").raw("[]"),
                field => object.string(field, &Self::event_field(event, field)),
            }
        }
        match &selects.acknowledges {
            None => {}
            Some(Acknowledges::Count) => object.quoted("acknowledges", event.acknowledges.len()),
            // event.get gives the newest first, problem.get the oldest.
            Some(Acknowledges::Fields(fields)) => {
                let mut records: Vec<&Acknowledge> = event.acknowledges.iter().collect();
                if of_event {
                    records.reverse();
                }
                object.member("acknowledges").array(records, |json, record| {
                    json.object(|object| self.write_acknowledge(object, record, event.id, fields));
                });
            }
        }
        if let Some(fields) = &selects.suppressions {
            object.member("suppression_data").array(&event.suppressions, |json, suppression| {
                json.object(|object| {
                    for field in fields {
                        match *field {
                            "maintenanceid" => object.quoted(field, suppression.maintenance),
                            "suppress_until" => object.quoted(field, suppression.until),
                            _ => object.quoted(field, suppression.user),
                        }
                    }
                });
            });
        }
        if let Some(fields) = &selects.tags {
            write_tags(object, &event.tags, fields);
        }
    }

    fn write_acknowledge(&self, object: &mut Object<'_>, record: &Acknowledge, event: u64, fields: &[&str]) {
        let user = self.state.users.iter().find(|user| user.id == record.user);
        for field in fields {
            match *field {
                "acknowledgeid" => object.quoted(field, record.id),
                "userid" => object.quoted(field, record.user),
                "eventid" => object.quoted(field, event),
                "clock" => object.quoted(field, record.clock),
                "message" => object.string(field, &record.message),
                "action" => object.quoted(field, record.action),
                "old_severity" => object.quoted(field, record.old_severity),
                "new_severity" => object.quoted(field, record.new_severity),
                "suppress_until" => object.quoted(field, record.suppress_until),
                "username" => object.string(field, user.map_or("", |user| user.username)),
                "name" => object.string(field, user.map_or("", |user| user.name)),
                "surname" => object.string(field, user.map_or("", |user| user.surname)),
                _ => object.string(field, "0"),
            }
        }
    }

    fn event_field<'e>(event: &'e Event, name: &str) -> Cow<'e, str> {
        let (r_eventid, r_clock, r_ns) = event.recovery.unwrap_or_default();
        match name {
            "eventid" => event.id.to_string().into(),
            "objectid" => event.trigger.to_string().into(),
            "clock" => event.clock.to_string().into(),
            "ns" => event.ns.to_string().into(),
            "r_eventid" => r_eventid.to_string().into(),
            "r_clock" => r_clock.to_string().into(),
            "r_ns" => r_ns.to_string().into(),
            "userid" => event.closed_by.to_string().into(),
            "name" => event.name.as_str().into(),
            "acknowledged" => flag(event.acknowledged).into(),
            "severity" => event.severity.to_string().into(),
            "value" => flag(event.problem).into(),
            "opdata" => event.opdata.as_str().into(),
            "suppressed" => flag(!event.suppressions.is_empty()).into(),
            "cause_eventid" => event.cause.to_string().into(),
            // source, object, correlationid, c_eventid
            _ => "0".into(),
        }
    }

    // trigger.get

    fn triggers(&self, params: &Params<'_>) -> Result<Outcome, RpcError> {
        let listing = Listing::new(params, "triggerid")?;
        let known = if self.new { &TRIGGER[..] } else { &TRIGGER[..23] };
        let output = params.output("output", known, "triggerid")?;
        let hosts = params.select("selectHosts", self.host_fields(), "hostid")?;
        let dependencies = params.select("selectDependencies", known, "triggerid")?;
        let tags = params.select("selectTags", &TAG, "")?;
        let last_event = params.select("selectLastEvent", &EVENT[..17], "eventid")?;
        let items =
            params.select("selectItems", &["itemid", "key_", "name", "lastvalue", "units"], "itemid")?;
        let groups = params.select("selectGroups", &["groupid", "name"], "groupid")?;
        let host_groups = params.select("selectHostGroups", &["groupid", "name"], "groupid")?;
        let expand = params.present("expandDescription");
        let rows = self.chosen_triggers(params)?;
        listing.write(
            rows,
            &["triggerid", "description", "status", "priority", "lastchange", "hostname"],
            |trigger| trigger.id,
            |trigger, name| self.trigger_field(trigger, name, expand).into_owned(),
            |object, trigger| {
                self.write_trigger(object, trigger, &output, expand);
                for (name, fields) in [("groups", &groups), ("hostgroups", &host_groups)] {
                    if let Some(fields) = fields {
                        let ids: BTreeSet<u64> =
                            self.hosts_of(trigger).flat_map(|host| host.groups.clone()).collect();
                        self.write_groups(object, name, &ids, fields);
                    }
                }
                if let Some(fields) = &hosts {
                    object.member("hosts").array(self.hosts_of(trigger), |json, host| {
                        json.object(|object| self.write_host(object, host, fields));
                    });
                }
                if let Some(fields) = &dependencies {
                    let upstream = trigger.depends_on.iter().filter_map(|id| self.state.triggers.get(id));
                    object.member("dependencies").array(upstream, |json, trigger| {
                        json.object(|object| self.write_trigger(object, trigger, fields, expand));
                    });
                }
                if let Some(fields) = &tags {
                    write_tags(object, &trigger.tags, fields);
                }
                if let Some(fields) = &items {
                    object.member("items").array([trigger], |json, trigger| {
                        json.object(|object| Self::write_item(object, trigger, fields));
                    });
                }
                if let Some(fields) = &last_event {
                    match trigger.last_event.and_then(|id| self.state.events.get(&id)) {
                        Some(event) => object.member("lastEvent").object(|object| {
                            let selects = EventSelects { tags: None, suppressions: None, acknowledges: None };
                            self.write_event(object, event, fields, &selects, true);
                        }),
                        None => object.member("lastEvent").raw("[]"),
                    }
                }
            },
        )
    }

    fn chosen_triggers(&self, params: &Params<'_>) -> Result<Vec<&'a Trigger>, RpcError> {
        let (hostids, groupids) = (params.ids("hostids")?, params.ids("groupids")?);
        let least = params.number("min_severity")?.unwrap_or(0);
        let clock = |name: &str| -> Result<Option<i64>, RpcError> {
            Ok(params.number(name)?.and_then(|clock| i64::try_from(clock).ok()))
        };
        let since = clock("lastChangeSince")?.unwrap_or(i64::MIN);
        let until = clock("lastChangeTill")?.unwrap_or(i64::MAX);
        let lately = State::now() - OK_PERIOD;
        let triggers: Vec<&Trigger> = match params.ids("triggerids")? {
            Some(ids) => ids.iter().filter_map(|id| self.state.triggers.get(id)).collect(),
            None => self.state.triggers.values().collect(),
        };
        let passes = |trigger: &&Trigger| {
            let firing = !trigger.open.is_empty();
            self.sees_trigger(trigger)
                && self.involves(trigger, hostids.as_ref(), groupids.as_ref())
                && (!params.present("monitored") || self.state.monitored(trigger))
                // "active" looks at the hosts alone.
                && (!params.present("active") || self.hosts_of(trigger).all(|host| host.enabled))
                && (!params.present("only_true") || firing || trigger.last_change >= lately)
                && (!params.present("skipDependent") || !self.state.depends_on_firing(trigger.id))
                && u64::from(trigger.priority) >= least
                && (since..=until).contains(&trigger.last_change)
                && params.tags_match(&trigger.tags)
                && params.matches(|name| {
                    (name == "host" || TRIGGER.contains(&name)).then(|| self.trigger_field(trigger, name, false))
                })
        };
        Ok(triggers.into_iter().filter(passes).collect())
    }

    fn write_trigger(&self, object: &mut Object<'_>, trigger: &Trigger, fields: &[&str], expand: bool) {
        for field in fields {
            object.string(field, &self.trigger_field(trigger, field, expand));
        }
    }

    fn trigger_field<'t>(&self, trigger: &'t Trigger, name: &str, expand: bool) -> Cow<'t, str> {
        match name {
            "triggerid" => trigger.id.to_string().into(),
            "description" if expand && trigger.description.contains('{') => {
                let host = self.hosts_of(trigger).next().map_or("", |host| host.name.as_str());
                trigger.description.replace("{HOST.NAME}", host).into()
            }
            "description" => trigger.description.as_str().into(),
            "expression" => format!("{{{}}}=0", trigger.id + 20_000).into(),
            "status" => flag(!trigger.enabled).into(),
            "value" => flag(!trigger.open.is_empty()).into(),
            "priority" => trigger.priority.to_string().into(),
            "lastchange" => trigger.last_change.to_string().into(),
            "manual_close" => flag(trigger.manual_close).into(),
            "opdata" => trigger.opdata.as_str().into(),
            "host" | "hostname" => {
                self.hosts_of(trigger).next().map_or(String::new(), |host| host.host.clone()).into()
            }
            "url"
            | "comments"
            | "error"
            | "recovery_expression"
            | "correlation_tag"
            | "event_name"
            | "uuid"
            | "url_name" => "".into(),
            // templateid, type, state, flags, recovery_mode, correlation_mode, discover
            _ => "0".into(),
        }
    }

    fn write_item(object: &mut Object<'_>, trigger: &Trigger, fields: &[&str]) {
        for field in fields {
            match *field {
                "itemid" => object.quoted(field, trigger.id + 20_000),
                "key_" => object.string(field, "icmp.up"),
                "name" => object.string(field, "ICMP"),
                "lastvalue" => object.string(field, flag(trigger.open.is_empty())),
                _ => object.string(field, ""),
            }
        }
    }

    // host.get and the small ones

    fn host_fields(&self) -> &'static [&'static str] {
        if self.new { &HOST_7_0 } else { &HOST_6_0 }
    }

    fn hosts(&self, params: &Params<'_>) -> Result<Outcome, RpcError> {
        let listing = Listing::new(params, "hostid")?;
        let output = params.output("output", self.host_fields(), "hostid")?;
        let automatic = ["tag", "value", "automatic"];
        let tags = params.select("selectTags", if self.new { &automatic } else { &TAG }, "")?;
        let inherited = params.select("selectInheritedTags", &TAG, "")?;
        let groups = params.select("selectGroups", &["groupid", "name"], "groupid")?;
        let host_groups = params.select("selectHostGroups", &["groupid", "name"], "groupid")?;
        let interfaces = [
            "interfaceid",
            "hostid",
            "main",
            "type",
            "useip",
            "ip",
            "dns",
            "port",
            "available",
            "error",
            "errors_from",
            "disable_until",
        ];
        // The id stands in an interface only if it is asked for.
        let interfaces = params.select("selectInterfaces", &interfaces, "")?;
        let inventory = params.get("selectInventory");
        let (hostids, groupids) = (params.ids("hostids")?, params.ids("groupids")?);
        let proxyids = params.ids("proxyids")?;
        let triggerids = params.ids("triggerids")?;
        let of_triggers: Option<HashSet<u64>> = triggerids.map(|ids| {
            ids.iter().filter_map(|id| self.state.triggers.get(id)).flat_map(|t| t.hosts.clone()).collect()
        });
        let with_triggers: Option<HashSet<u64>> = ["with_triggers", "with_monitored_triggers"]
            .iter()
            .any(|name| params.present(name))
            .then(|| self.state.triggers.values().flat_map(|trigger| trigger.hosts.clone()).collect());
        let in_set = |set: &Option<HashSet<u64>>, id: u64| set.as_ref().is_none_or(|set| set.contains(&id));
        let passes = |host: &&Host| {
            self.sees(host)
                && in_set(&hostids, host.id)
                && in_set(&of_triggers, host.id)
                && in_set(&with_triggers, host.id)
                && in_set(&proxyids, host.proxy.unwrap_or(0))
                && groupids
                    .as_ref()
                    .is_none_or(|wanted| host.groups.iter().any(|group| wanted.contains(group)))
                && (!(params.present("monitored_hosts") || params.present("monitored")) || host.enabled)
                && params.tags_match(&host.tags)
                && params
                    .matches(|name| self.host_fields().contains(&name).then(|| self.host_field(host, name)))
        };
        listing.write(
            self.state.hosts.values().filter(passes).collect(),
            &["hostid", "host", "name", "status"],
            |host| host.id,
            |host, name| self.host_field(host, name).into_owned(),
            |object, host| {
                self.write_host(object, host, &output);
                let ids: BTreeSet<u64> = host.groups.iter().copied().collect();
                for (name, fields) in [("groups", &groups), ("hostgroups", &host_groups)] {
                    if let Some(fields) = fields {
                        self.write_groups(object, name, &ids, fields);
                    }
                }
                if let Some(fields) = &tags {
                    write_tags(object, &host.tags, fields);
                }
                if let Some(fields) = &interfaces {
                    object.member("interfaces").array([*host], |json, host| {
                        json.object(|object| write_interface(object, host, fields));
                    });
                }
                if let Some(inventory) = inventory {
                    write_inventory(object, host, inventory);
                }
                if inherited.is_some() {
                    object.member("inheritedTags").raw("[{\"tag\":\"class\",\"value\":\"machine\"}]");
                }
            },
        )
    }

    fn write_host(&self, object: &mut Object<'_>, host: &Host, fields: &[&str]) {
        for field in fields {
            object.string(field, &self.host_field(host, field));
        }
    }

    fn host_field<'h>(&self, host: &'h Host, name: &str) -> Cow<'h, str> {
        let maintenance = host.maintenance.and_then(|id| self.state.maintenances.get(&id));
        match name {
            "hostid" => host.id.to_string().into(),
            "host" => host.host.as_str().into(),
            "name" => host.name.as_str().into(),
            "status" => flag(!host.enabled).into(),
            "proxy_hostid" | "proxyid" => host.proxy.unwrap_or(0).to_string().into(),
            "monitored_by" => flag(host.proxy.is_some()).into(),
            "maintenanceid" => maintenance.map_or(0, |maintenance| maintenance.id).to_string().into(),
            "maintenance_status" => flag(maintenance.is_some()).into(),
            "maintenance_from" => maintenance.map_or(0, |maintenance| maintenance.since).to_string().into(),
            "inventory_mode" => if host.inventory.is_empty() { "-1" } else { "0" }.into(),
            "tls_connect" | "tls_accept" => "1".into(),
            "description" | "tls_issuer" | "tls_subject" | "uuid" => "".into(),
            _ => "0".into(),
        }
    }

    fn write_groups(&self, object: &mut Object<'_>, member: &str, ids: &BTreeSet<u64>, fields: &[&str]) {
        let groups = ids.iter().filter_map(|id| self.state.groups.get_key_value(id));
        object.member(member).array(groups, |json, (id, name)| {
            json.object(|object| {
                for field in fields {
                    match *field {
                        "groupid" => object.quoted(field, id),
                        _ => object.string(field, name),
                    }
                }
            });
        });
    }

    fn groups(&self, params: &Params<'_>) -> Result<Outcome, RpcError> {
        let listing = Listing::new(params, "groupid")?;
        let output = params.output("output", &["groupid", "name", "flags", "uuid"], "groupid")?;
        let wanted = params.ids("groupids")?;
        let value = |id: u64, name: &'a str, field: &str| -> Cow<'a, str> {
            match field {
                "groupid" => id.to_string().into(),
                "name" => name.into(),
                "uuid" => "".into(),
                _ => "0".into(),
            }
        };
        let rows = self
            .state
            .groups
            .iter()
            .map(|(id, name)| (*id, name.as_str()))
            .filter(|(id, _)| self.groups.as_ref().is_none_or(|visible| visible.contains(id)))
            .filter(|(id, _)| wanted.as_ref().is_none_or(|wanted| wanted.contains(id)))
            .filter(|(id, name)| params.matches(|field| Some(value(*id, name, field))))
            .collect();
        listing.write(
            rows,
            &["groupid", "name"],
            |(id, _)| *id,
            |(id, name), field| value(*id, name, field).into_owned(),
            |object, (id, name)| {
                for field in &output {
                    object.string(field, &value(*id, name, field));
                }
            },
        )
    }

    fn proxies(&self, params: &Params<'_>) -> Result<Outcome, RpcError> {
        let fields: &[&'static str] = if self.new {
            &[
                "proxyid",
                "name",
                "lastaccess",
                "operating_mode",
                "description",
                "version",
                "compatibility",
                "state",
            ]
        } else {
            &[
                "proxyid",
                "host",
                "status",
                "lastaccess",
                "description",
                "tls_connect",
                "tls_accept",
                "proxy_address",
            ]
        };
        let mut allowed =
            vec!["proxyids", "selectHosts", "selectAssignedHosts", "selectProxyGroup", "proxy_groupids"];
        allowed.extend(LISTING);
        params.only(&allowed)?;
        let listing = Listing::new(params, "proxyid")?;
        let output = params.output("output", fields, "proxyid")?;
        let wanted = params.ids("proxyids")?;
        let value = |proxy: &Proxy, field: &str| -> Cow<'static, str> {
            match field {
                "proxyid" => proxy.id.to_string().into(),
                "host" | "name" => proxy.name.clone().into(),
                "lastaccess" => proxy.last_access.unwrap_or_else(State::now).to_string().into(),
                "status" => "5".into(),
                "version" => "70022".into(),
                "compatibility" | "tls_connect" | "tls_accept" => "1".into(),
                "state" => if proxy.last_access.is_none() { "2" } else { "1" }.into(),
                "description" | "proxy_address" => "".into(),
                _ => "0".into(),
            }
        };
        let rows = self
            .state
            .proxies
            .values()
            .filter(|proxy| wanted.as_ref().is_none_or(|wanted| wanted.contains(&proxy.id)))
            .filter(|proxy| params.matches(|field| Some(value(proxy, field))))
            .collect();
        listing.write(
            rows,
            &["proxyid", "host", "name", "status"],
            |proxy| proxy.id,
            |proxy, field| value(proxy, field).into_owned(),
            |object, proxy| {
                for field in &output {
                    object.string(field, &value(proxy, field));
                }
            },
        )
    }

    fn maintenances(&self, params: &Params<'_>) -> Result<Outcome, RpcError> {
        let listing = Listing::new(params, "maintenanceid")?;
        let fields = [
            "maintenanceid",
            "name",
            "maintenance_type",
            "description",
            "active_since",
            "active_till",
            "tags_evaltype",
        ];
        let output = params.output("output", &fields, "maintenanceid")?;
        let hosts = params.select("selectHosts", self.host_fields(), "hostid")?;
        let value = |maintenance: &Maintenance, field: &str| -> String {
            match field {
                "maintenanceid" => maintenance.id.to_string(),
                "name" => maintenance.name.clone(),
                "active_since" => maintenance.since.to_string(),
                "active_till" => maintenance.till.to_string(),
                "description" => String::new(),
                _ => "0".to_owned(),
            }
        };
        listing.write(
            self.state.maintenances.values().collect(),
            &["maintenanceid", "name"],
            |maintenance| maintenance.id,
            |maintenance, field| value(maintenance, field),
            |object, maintenance| {
                for field in &output {
                    object.string(field, &value(maintenance, field));
                }
                if let Some(fields) = &hosts {
                    let hosts = maintenance.hosts.iter().filter_map(|id| self.state.hosts.get(id));
                    object.member("hosts").array(hosts, |json, host| {
                        json.object(|object| self.write_host(object, host, fields));
                    });
                }
                if params.get("selectTimeperiods").is_some() {
                    object.member("timeperiods").array([*maintenance], |json, maintenance| {
                        json.object(|period| {
                            for zero in ["timeperiod_type", "month", "dayofweek", "day", "start_time"] {
                                period.string(zero, "0");
                            }
                            period.string("every", "1");
                            period.quoted("period", maintenance.till - maintenance.since);
                            period.quoted("start_date", maintenance.since);
                        });
                    });
                }
            },
        )
    }

    fn users(&self, params: &Params<'_>) -> Result<Outcome, RpcError> {
        let listing = Listing::new(params, "userid")?;
        let output =
            params.output("output", &["userid", "username", "name", "surname", "roleid"], "userid")?;
        let wanted = params.ids("userids")?;
        let wanted = |id: u64| wanted.as_ref().is_none_or(|wanted| wanted.contains(&id));
        let rows = self.state.users.iter().filter(|user| wanted(user.id)).collect();
        listing.write(
            rows,
            &["userid", "username"],
            |user| user.id,
            |user, _| user.username.to_owned(),
            |object, user| {
                for field in &output {
                    match *field {
                        "userid" => object.quoted(field, user.id),
                        "username" => object.string(field, user.username),
                        "name" => object.string(field, user.name),
                        "surname" => object.string(field, user.surname),
                        _ => object.string(field, "3"),
                    }
                }
            },
        )
    }
}

fn write_tags(object: &mut Object<'_>, tags: &[Tag], fields: &[&str]) {
    object.member("tags").array(tags, |json, (tag, value)| {
        json.object(|object| {
            for field in fields {
                match *field {
                    "tag" => object.string(field, tag),
                    "value" => object.string(field, value),
                    _ => object.string(field, "0"),
                }
            }
        });
    });
}

fn write_interface(object: &mut Object<'_>, host: &Host, fields: &[&str]) {
    for field in fields {
        match *field {
            "interfaceid" => object.quoted(field, host.id + 5_000),
            "hostid" => object.quoted(field, host.id),
            "main" | "useip" | "type" => object.string(field, "1"),
            "ip" => object.string(field, &host.ip),
            "dns" => object.string(field, &host.dns),
            "port" => object.string(field, "10050"),
            "error" => object.string(field, ""),
            _ => object.string(field, "0"),
        }
    }
}

/// An object of strings, or `[]` where the inventory is disabled.
fn write_inventory(object: &mut Object<'_>, host: &Host, wanted: &Value) {
    let json = object.member("inventory");
    if host.inventory.is_empty() {
        return json.raw("[]");
    }
    let shown = |name: &str| match wanted {
        Value::Array(fields) => fields.iter().any(|field| field.as_str() == Some(name)),
        _ => true,
    };
    json.object(|object| {
        for (name, value) in host.inventory.iter().filter(|(name, _)| shown(name)) {
            object.string(name, value);
        }
    });
}

fn flag(value: bool) -> &'static str {
    if value { "1" } else { "0" }
}
