//! What the simulated Zabbix knows: hosts, triggers, events, users. No I/O, and no JSON.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::Version;

/// Seconds for which a resolved problem is `recent`; the stock value of the setting `ok_period`.
pub(super) const OK_PERIOD: i64 = 300;
/// Resolved problems that are remembered; older ones are forgotten, as housekeeping would.
const RESOLVED_KEPT: usize = 100_000;
/// Failed logins until a user is blocked, and for how many seconds: the stock settings.
const LOGIN_ATTEMPTS: u32 = 5;
const LOGIN_BLOCK: i64 = 30;

pub(super) type Tag = (String, String);

#[derive(Debug, Clone)]
#[expect(clippy::struct_field_names, reason = "`host` is what Zabbix calls the technical name")]
pub(super) struct Host {
    pub(super) id: u64,
    pub(super) host: String,
    pub(super) name: String,
    pub(super) enabled: bool,
    pub(super) groups: Vec<u64>,
    pub(super) tags: Vec<Tag>,
    /// Empty: the inventory is disabled.
    pub(super) inventory: Vec<(&'static str, String)>,
    pub(super) dns: String,
    pub(super) ip: String,
    pub(super) proxy: Option<u64>,
    pub(super) maintenance: Option<u64>,
}

#[derive(Debug, Clone)]
pub(super) struct Trigger {
    pub(super) id: u64,
    pub(super) hosts: Vec<u64>,
    pub(super) description: String,
    pub(super) priority: u8,
    pub(super) enabled: bool,
    pub(super) depends_on: Vec<u64>,
    pub(super) tags: Arc<[Tag]>,
    pub(super) opdata: String,
    pub(super) manual_close: bool,
    pub(super) last_change: i64,
    pub(super) last_event: Option<u64>,
    /// Its open problems.
    pub(super) open: Vec<u64>,
}

#[derive(Debug, Clone)]
pub(super) struct Acknowledge {
    pub(super) id: u64,
    pub(super) user: u64,
    pub(super) clock: i64,
    pub(super) message: String,
    pub(super) action: u64,
    pub(super) old_severity: u8,
    pub(super) new_severity: u8,
    pub(super) suppress_until: i64,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Suppression {
    /// 0: by hand.
    pub(super) maintenance: u64,
    /// 0: without an end.
    pub(super) until: i64,
    pub(super) user: u64,
}

#[derive(Debug, Clone)]
pub(super) struct Event {
    pub(super) id: u64,
    pub(super) trigger: u64,
    pub(super) clock: i64,
    pub(super) ns: u32,
    /// A problem, or the recovery from one.
    pub(super) problem: bool,
    pub(super) name: String,
    pub(super) severity: u8,
    pub(super) opdata: String,
    pub(super) tags: Arc<[Tag]>,
    pub(super) acknowledged: bool,
    pub(super) acknowledges: Vec<Acknowledge>,
    pub(super) suppressions: Vec<Suppression>,
    /// The problem that this one is a symptom of.
    pub(super) cause: u64,
    /// The event that resolved it, and when.
    pub(super) recovery: Option<(u64, i64, u32)>,
    /// Who closed it by hand.
    pub(super) closed_by: u64,
    /// A close by hand is a task of the server: it happens then.
    pub(super) closing_at: Option<i64>,
}

#[derive(Debug, Clone)]
pub(super) struct Proxy {
    pub(super) id: u64,
    pub(super) name: String,
    /// `None`: it talks to the server now.
    pub(super) last_access: Option<i64>,
}

#[derive(Debug, Clone)]
pub(super) struct Maintenance {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) since: i64,
    pub(super) till: i64,
    pub(super) hosts: Vec<u64>,
}

#[derive(Debug, Clone)]
pub(super) struct User {
    pub(super) id: u64,
    pub(super) username: &'static str,
    pub(super) password: &'static str,
    pub(super) name: &'static str,
    pub(super) surname: &'static str,
}

/// What a token opens.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Access {
    /// Past its expiry.
    pub expired: bool,
    /// Switched off.
    pub disabled: bool,
    /// Methods that the role forbids.
    pub denied: Vec<String>,
    /// The host groups (by name) it may read; all of them if `None`.
    pub groups: Option<Vec<String>>,
    /// A role that may only read: `event.acknowledge` finds no object.
    pub read_only: bool,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) version: Version,
    pub(super) hosts: BTreeMap<u64, Host>,
    pub(super) host_ids: HashMap<String, u64>,
    pub(super) groups: BTreeMap<u64, String>,
    group_ids: HashMap<String, u64>,
    pub(super) triggers: BTreeMap<u64, Trigger>,
    pub(super) trigger_ids: HashMap<(Vec<u64>, String), u64>,
    pub(super) events: BTreeMap<u64, Event>,
    pub(super) open: BTreeSet<u64>,
    /// In the order of their recovery.
    resolved: std::collections::VecDeque<u64>,
    pub(super) proxies: BTreeMap<u64, Proxy>,
    pub(super) maintenances: BTreeMap<u64, Maintenance>,
    pub(super) users: Vec<User>,
    pub(super) tokens: HashMap<String, Access>,
    /// Session id to user.
    pub(super) sessions: HashMap<String, u64>,
    pub(super) failed_logins: HashMap<String, (u32, i64)>,
    pub(super) close_delay: i64,
    next_event: u64,
    first_event: u64,
    next_id: u64,
}

/// A problem to be raised: see [`super::Zabbix::raise`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Raise {
    pub(super) hosts: Vec<String>,
    pub(super) trigger: String,
    pub(super) severity: u8,
    pub(super) name: Option<String>,
    pub(super) opdata: String,
    pub(super) tags: Vec<Tag>,
    pub(super) clock: Option<i64>,
    pub(super) event_id: Option<u64>,
    pub(super) again: bool,
    pub(super) manual_close: bool,
}

impl Raise {
    /// A problem of a trigger of one host, at severity 3 (average), now. Hosts and triggers that are not there yet
    /// are made. `{HOST.NAME}` in the trigger's description is the host.
    #[must_use]
    pub fn new(host: &str, trigger: &str) -> Self {
        Self {
            hosts: vec![host.to_owned()],
            trigger: trigger.to_owned(),
            severity: 3,
            name: None,
            opdata: String::new(),
            tags: Vec::new(),
            clock: None,
            event_id: None,
            again: false,
            manual_close: true,
        }
    }

    /// The trigger involves this host too.
    #[must_use]
    pub fn and_host(mut self, host: &str) -> Self {
        self.hosts.push(host.to_owned());
        self
    }

    /// 0 (not classified) to 5 (disaster).
    #[must_use]
    pub fn severity(mut self, severity: u8) -> Self {
        self.severity = severity.min(5);
        self
    }

    /// The event's name, where it is not the trigger's description.
    #[must_use]
    pub fn name(mut self, name: &str) -> Self {
        self.name = Some(name.to_owned());
        self
    }

    /// The operational data.
    #[must_use]
    pub fn opdata(mut self, opdata: &str) -> Self {
        opdata.clone_into(&mut self.opdata);
        self
    }

    /// A tag of the trigger, beside the host's own.
    #[must_use]
    pub fn tag(mut self, tag: &str, value: &str) -> Self {
        self.tags.push((tag.to_owned(), value.to_owned()));
        self
    }

    /// When it began, in Unix seconds.
    #[must_use]
    pub fn at(mut self, clock: i64) -> Self {
        self.clock = Some(clock);
        self
    }

    /// The event's id, where a test needs a certain one.
    #[must_use]
    pub fn event_id(mut self, id: u64) -> Self {
        self.event_id = Some(id);
        self
    }

    /// Another problem of the trigger, although one is open (Zabbix' "multiple problem events").
    #[must_use]
    pub fn again(mut self) -> Self {
        self.again = true;
        self
    }

    /// The trigger does not allow to close its problems by hand.
    #[must_use]
    pub fn without_manual_close(mut self) -> Self {
        self.manual_close = false;
        self
    }
}

impl State {
    pub(super) fn new(version: Version, first_event: u64, close_delay: i64) -> Self {
        Self {
            version,
            hosts: BTreeMap::new(),
            host_ids: HashMap::new(),
            groups: BTreeMap::new(),
            group_ids: HashMap::new(),
            triggers: BTreeMap::new(),
            trigger_ids: HashMap::new(),
            events: BTreeMap::new(),
            open: BTreeSet::new(),
            resolved: std::collections::VecDeque::new(),
            proxies: BTreeMap::new(),
            maintenances: BTreeMap::new(),
            users: vec![
                User {
                    id: 1,
                    username: "Admin",
                    password: "zabbix",
                    name: "Zabbix",
                    surname: "Administrator",
                },
                User { id: 3, username: "heat", password: "heat", name: "Heat", surname: "" },
                User {
                    id: 4, username: "ivanova", password: "duty", name: "Анна", surname: "Иванова"
                },
                User {
                    id: 5, username: "petrov", password: "duty", name: "Пётр", surname: "Петров"
                },
            ],
            tokens: HashMap::new(),
            sessions: HashMap::new(),
            failed_logins: HashMap::new(),
            close_delay,
            next_event: first_event,
            first_event,
            // Where an installation with Zabbix' own templates begins to number hosts.
            next_id: 10_084,
        }
    }

    pub(super) fn now() -> i64 {
        chrono::Utc::now().timestamp()
    }

    fn id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    pub(super) fn event_id(&mut self) -> u64 {
        let id = self.next_event;
        self.next_event += 1;
        id
    }

    pub(super) fn group(&mut self, name: &str) -> u64 {
        if let Some(id) = self.group_ids.get(name) {
            return *id;
        }
        // Group ids are small: Zabbix' own groups take the first nineteen.
        let id = 20 + self.groups.len() as u64;
        self.groups.insert(id, name.to_owned());
        self.group_ids.insert(name.to_owned(), id);
        id
    }

    /// The host of that technical name, made if it is not there. A name with characters that Zabbix does not take
    /// in a technical name becomes the visible name, with `_` for those characters in the technical one.
    pub(super) fn host(&mut self, host: &str) -> u64 {
        if let Some(id) = self.host_ids.get(host) {
            return *id;
        }
        let group = self.group("Data centre");
        let id = self.id();
        let technical: String = host
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() || matches!(c, ' ' | '.' | '-' | '_') { c } else { '_' })
            .collect();
        self.hosts.insert(
            id,
            Host {
                id,
                host: technical,
                name: host.to_owned(),
                enabled: true,
                groups: vec![group],
                tags: Vec::new(),
                inventory: Vec::new(),
                dns: if host.contains('.') { host.to_lowercase() } else { String::new() },
                ip: format!("127.{}.{}.{}", 1 + (id >> 16 & 0x7f), id >> 8 & 0xff, id & 0xff),
                proxy: None,
                maintenance: None,
            },
        );
        self.host_ids.insert(host.to_owned(), id);
        id
    }

    /// The trigger of those hosts with that description, made if it is not there.
    pub(super) fn trigger(&mut self, hosts: &[String], description: &str, priority: u8) -> u64 {
        let mut hosts: Vec<u64> = hosts.iter().map(|host| self.host(host)).collect();
        hosts.dedup();
        let key = (hosts, description.to_owned());
        if let Some(id) = self.trigger_ids.get(&key) {
            return *id;
        }
        let id = 13_000 + self.id();
        self.triggers.insert(
            id,
            Trigger {
                id,
                hosts: key.0.clone(),
                description: description.to_owned(),
                priority,
                enabled: true,
                depends_on: Vec::new(),
                tags: Arc::from([]),
                opdata: String::new(),
                manual_close: true,
                last_change: 0,
                last_event: None,
                open: Vec::new(),
            },
        );
        self.trigger_ids.insert(key, id);
        id
    }

    pub(super) fn proxy(&mut self, name: &str) -> u64 {
        if let Some(proxy) = self.proxies.values().find(|proxy| proxy.name == name) {
            return proxy.id;
        }
        let id = self.id();
        self.proxies.insert(id, Proxy { id, name: name.to_owned(), last_access: None });
        id
    }

    /// Raises a problem and returns its event. A trigger with an open problem gets no second one unless asked.
    pub(super) fn raise(&mut self, raise: &Raise) -> u64 {
        let trigger_id = self.trigger(&raise.hosts, &raise.trigger, raise.severity);
        let open = self.triggers.get(&trigger_id).and_then(|trigger| trigger.open.last().copied());
        if let Some(open) = open.filter(|_| !raise.again && raise.event_id.is_none()) {
            return open;
        }
        let id = match raise.event_id {
            Some(id) => {
                self.next_event = self.next_event.max(id.saturating_add(1));
                id
            }
            None => self.event_id(),
        };
        let clock = raise.clock.unwrap_or_else(Self::now);
        let Some(trigger) = self.triggers.get_mut(&trigger_id) else { return id };
        if trigger.tags.is_empty() && !raise.tags.is_empty() {
            trigger.tags = raise.tags.clone().into();
        }
        trigger.opdata.clone_from(&raise.opdata);
        trigger.manual_close = raise.manual_close;
        trigger.last_change = clock;
        trigger.last_event = Some(id);
        trigger.open.push(id);
        let mut tags: Vec<Tag> =
            if raise.tags.is_empty() { trigger.tags.to_vec() } else { raise.tags.clone() };
        let mut maintenances = Vec::new();
        let mut host_name = "";
        for host in trigger.hosts.iter().filter_map(|host| self.hosts.get(host)) {
            tags.extend(host.tags.iter().cloned());
            maintenances.extend(host.maintenance);
            if host_name.is_empty() {
                host_name = &host.name;
            }
        }
        let suppressions = maintenances
            .iter()
            .filter_map(|id| self.maintenances.get(id))
            .map(|maintenance| Suppression { maintenance: maintenance.id, until: maintenance.till, user: 0 })
            .collect();
        let name = raise.name.as_deref().unwrap_or(&trigger.description).replace("{HOST.NAME}", host_name);
        self.open.insert(id);
        self.events.insert(
            id,
            Event {
                id,
                trigger: trigger_id,
                clock,
                ns: nanoseconds(id),
                problem: true,
                name,
                severity: raise.severity,
                opdata: raise.opdata.clone(),
                tags: tags.into(),
                acknowledged: false,
                acknowledges: Vec::new(),
                suppressions,
                cause: 0,
                recovery: None,
                closed_by: 0,
                closing_at: None,
            },
        );
        id
    }

    /// Resolves an open problem; `false` if it is not open.
    pub(super) fn resolve(&mut self, event: u64, closed_by: u64) -> bool {
        if !self.open.remove(&event) {
            return false;
        }
        let now = Self::now();
        let recovery = self.event_id();
        let Some(problem) = self.events.get_mut(&event) else { return false };
        problem.recovery = Some((recovery, now, nanoseconds(recovery)));
        problem.closed_by = closed_by;
        problem.closing_at = None;
        let ok = Event {
            id: recovery,
            clock: now,
            ns: nanoseconds(recovery),
            problem: false,
            severity: 0,
            acknowledged: false,
            acknowledges: Vec::new(),
            suppressions: Vec::new(),
            cause: 0,
            recovery: None,
            ..problem.clone()
        };
        if let Some(trigger) = self.triggers.get_mut(&ok.trigger) {
            trigger.open.retain(|open| *open != event);
            if trigger.open.is_empty() {
                trigger.last_change = now;
                trigger.last_event = Some(recovery);
            }
        }
        self.events.insert(recovery, ok);
        self.resolved.push_back(event);
        while self.resolved.len() > RESOLVED_KEPT {
            let Some(oldest) = self.resolved.pop_front() else { break };
            let recovery = self.events.remove(&oldest).and_then(|event| event.recovery);
            if let Some((recovery, ..)) = recovery {
                self.events.remove(&recovery);
            }
        }
        true
    }

    /// Does what the server would have done by now: closes what was closed by hand, ends suppressions.
    pub(super) fn catch_up(&mut self) {
        let now = Self::now();
        let due: Vec<(u64, u64)> = self
            .open
            .iter()
            .filter_map(|id| self.events.get(id))
            .filter(|event| event.closing_at.is_some_and(|at| at <= now))
            .map(|event| (event.id, event.closed_by))
            .collect();
        for (event, user) in due {
            self.resolve(event, user);
        }
        let over: Vec<u64> = self.maintenances.values().filter(|m| m.till <= now).map(|m| m.id).collect();
        for id in over {
            self.end_maintenance(id);
        }
        for id in &self.open {
            if let Some(event) = self.events.get_mut(id).filter(|event| !event.suppressions.is_empty()) {
                event.suppressions.retain(|suppression| suppression.until == 0 || suppression.until > now);
            }
        }
    }

    pub(super) fn begin_maintenance(&mut self, name: &str, hosts: &[String], till: i64) -> u64 {
        let hosts: Vec<u64> = hosts.iter().map(|host| self.host(host)).collect();
        let id = self.maintenances.keys().last().copied().unwrap_or(0) + 1;
        for host in &hosts {
            if let Some(host) = self.hosts.get_mut(host) {
                host.maintenance = Some(id);
            }
        }
        for event in &self.open {
            let Some(event) = self.events.get_mut(event) else { continue };
            let trigger = self.triggers.get(&event.trigger);
            if trigger.is_some_and(|trigger| trigger.hosts.iter().any(|host| hosts.contains(host))) {
                event.suppressions.push(Suppression { maintenance: id, until: till, user: 0 });
            }
        }
        let since = Self::now();
        self.maintenances.insert(id, Maintenance { id, name: name.to_owned(), since, till, hosts });
        id
    }

    pub(super) fn end_maintenance(&mut self, id: u64) {
        let Some(maintenance) = self.maintenances.remove(&id) else { return };
        for host in maintenance.hosts {
            if let Some(host) = self.hosts.get_mut(&host).filter(|host| host.maintenance == Some(id)) {
                host.maintenance = None;
            }
        }
        for event in &self.open {
            if let Some(event) = self.events.get_mut(event) {
                event.suppressions.retain(|suppression| suppression.maintenance != id);
            }
        }
    }

    /// Forgets problems, history and maintenances, and lets every host, trigger and proxy live. Event ids go on:
    /// restarting them is another thing, see [`State::renumber`].
    pub(super) fn clear(&mut self) {
        self.events.clear();
        self.open.clear();
        self.resolved.clear();
        self.maintenances.clear();
        for host in self.hosts.values_mut() {
            host.maintenance = None;
            host.enabled = true;
        }
        for trigger in self.triggers.values_mut() {
            trigger.open.clear();
            trigger.enabled = true;
            trigger.last_event = None;
        }
        for proxy in self.proxies.values_mut() {
            proxy.last_access = None;
        }
    }

    /// Event ids begin again, as on an installation that was emptied and rebuilt.
    pub(super) fn renumber(&mut self) {
        self.next_event = self.first_event;
    }

    /// Whether the trigger, its ancestors excluded, is in a problem state.
    pub(super) fn firing(&self, trigger: u64) -> bool {
        self.triggers.get(&trigger).is_some_and(|trigger| !trigger.open.is_empty())
    }

    /// Whether an ancestor of the trigger is in a problem state.
    pub(super) fn depends_on_firing(&self, trigger: u64) -> bool {
        let mut seen = BTreeSet::new();
        let mut next = vec![trigger];
        while let Some(id) = next.pop() {
            for upstream in self.triggers.get(&id).into_iter().flat_map(|trigger| &trigger.depends_on) {
                if seen.insert(*upstream) {
                    if self.firing(*upstream) {
                        return true;
                    }
                    next.push(*upstream);
                }
            }
        }
        false
    }

    /// Whether the trigger and all its hosts are enabled.
    pub(super) fn monitored(&self, trigger: &Trigger) -> bool {
        trigger.enabled
            && trigger.hosts.iter().all(|host| self.hosts.get(host).is_some_and(|host| host.enabled))
    }

    /// A session for the right password. A blocked user's right password is as wrong as any other.
    pub(super) fn log_in(&mut self, username: &str, password: &str) -> Option<u64> {
        let now = Self::now();
        let (failed, last) = self.failed_logins.get(username).copied().unwrap_or_default();
        let blocked = failed >= LOGIN_ATTEMPTS && now < last + LOGIN_BLOCK;
        let user = self.users.iter().find(|user| user.username == username && user.password == password);
        if let Some(user) = user.filter(|_| !blocked) {
            self.failed_logins.remove(username);
            return Some(user.id);
        }
        if !blocked {
            self.failed_logins.insert(username.to_owned(), (failed + 1, now));
        }
        None
    }
}

/// Of an event: any number that is the same each time.
fn nanoseconds(event: u64) -> u32 {
    u32::try_from(crate::world::Rng(event).next() % 1_000_000_000).unwrap_or(0)
}
