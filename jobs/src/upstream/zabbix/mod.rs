//! Zabbix 6.0 and 7.0 by its JSON-RPC API.
//!
//! A sweep reads every active problem in pages, maps triggers to hosts through a cache, and counts afterwards. It costs
//! Zabbix a second or two for 100,000 problems as long as nobody asks for `opdata` in bulk, which it computes row by row.
//!
//! # What counts as complete
//! Only a complete sweep may remove events, so its end is checked: when the pages are read, Zabbix counts the same filter.
//! Problems that closed meanwhile make the count smaller, which is harmless: they go with the next sweep. Problems that
//! opened meanwhile make it larger; they have larger ids, so reading on from the last id brings them in. A count that
//! stays above what was read after that means rows that Zabbix left out (a limit or a cache in between, or a
//! transaction that committed an older id late), and the sweep is not complete. Nor is it while the host of any problem
//! is unknown: the event under its host's name would seem to have gone.

mod acknowledge;
mod api;
mod hosts;
mod triggers;
mod wire;

use std::collections::{BTreeMap, HashSet};
use std::time::{Duration, Instant};

use heat::config::Secret;
use heat::event::{self, Event, event_key, opening_id};
use heat::severity::Severity;
use heat::time::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

pub use self::acknowledge::{Acknowledger, LONGEST_MESSAGE, NotTold, Step};
pub use self::api::{Api, CallError};
pub use self::wire::{AnswerError, Problem, Tag, parse_problems};

pub(crate) use self::api::Version;
use self::hosts::Hosts;
use self::triggers::{Belongs, Triggers};
use super::heard::{Heard, Listening, Words};
use super::http::{Answer, FetchError};
use super::{Early, Sweep, SweepError, Watched};

/// How many event ids one request for `opdata` may name: Zabbix needs 0.6 ms for each.
pub const OPDATA_BATCH: usize = 500;

/// Pages are not made smaller than this.
const SMALLEST_PAGE: u32 = 500;

/// After so many complete sweeps a page that had to be made smaller is tried larger again.
const SWEEPS_TO_GROW: u32 = 500;

/// How often the pages are read on when the count is still larger.
const ROUNDS: u32 = 3;

/// How long it is believed that the token's user sees hosts, where there are no problems to show it.
const SIGHT: Duration = Duration::from_mins(1);

/// Where a Zabbix is and what to ask of it.
#[derive(Clone, Debug)]
pub struct Options {
    /// The source's configured name, the first part of ids and keys.
    pub name: String,
    /// The frontend or its `api_jsonrpc.php`.
    pub url: Url,
    /// An API token.
    pub token: Secret,
    /// The frontend as people reach it, where it differs from `url`.
    pub web_url: Option<Url>,
    /// Problems per request; made smaller by itself where Zabbix fails.
    pub page_size: u32,
    /// The limit of one request.
    pub timeout: Duration,
    /// The limit of a whole sweep; what was read until then counts as seen.
    pub budget: Duration,
    /// After a sweep that took longer, the next begins with the worst severities.
    pub slow: Duration,
    /// How long it takes to read all triggers anew, slice by slice: so late a host that was disabled, enabled or renamed
    /// shows.
    pub trigger_round: Duration,
    /// The largest answer, in bytes after decompression.
    pub max_body: usize,
    /// It is told what is acknowledged in Heat.
    pub acknowledge: bool,
    /// Only problems of these severities; empty for all.
    pub severities: Vec<Severity>,
    /// Only hosts of these groups and the groups below; empty for all.
    pub group_ids: Vec<String>,
    /// Only problems with these tags; empty for all.
    pub tags: Vec<TagFilter>,
}

impl Options {
    /// Everything at its default: pages of 10,000, 30 s a request, 120 s a sweep, slow after 5 s, triggers anew every
    /// 2 minutes, 64 MiB an answer, nothing written back, no filter.
    pub fn new(name: impl Into<String>, url: Url, token: Secret) -> Self {
        Self {
            name: name.into(),
            url,
            token,
            web_url: None,
            page_size: 10_000,
            timeout: Duration::from_secs(30),
            budget: Duration::from_mins(2),
            slow: Duration::from_secs(5),
            trigger_round: Duration::from_mins(2),
            max_body: 64 << 20,
            acknowledge: false,
            severities: Vec::new(),
            group_ids: Vec::new(),
            tags: Vec::new(),
        }
    }
}

/// A condition on a problem's tags, evaluated by Zabbix.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TagFilter {
    /// The tag's name.
    pub tag: String,
    /// What its value is compared with.
    #[serde(default)]
    pub value: String,
    /// How.
    #[serde(default)]
    pub operator: TagOperator,
}

/// How a tag's value is compared. Conditions on the same tag are alternatives, those on different tags must all hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TagOperator {
    /// It contains the value.
    Contains = 0,
    /// It is the value.
    #[default]
    Equals = 1,
    /// It does not contain the value.
    NotContains = 2,
    /// It is not the value.
    NotEquals = 3,
    /// There is such a tag.
    Exists = 4,
    /// There is none.
    NotExists = 5,
}

/// Reads one Zabbix. One sweep at a time; all state is a cache and may be lost.
#[derive(Debug)]
pub struct Client {
    options: Options,
    api: Api,
    triggers: Triggers,
    hosts: Hosts,
    page: u32,
    complete_sweeps: u32,
    took: Duration,
    /// The triggers with a problem in the last complete sweep, and in those since.
    active: HashSet<u64>,
    /// When it was last known that the token's user sees any host.
    sighted: Option<Instant>,
    heard: Heard<Asked, Vec<u64>>,
    /// [`Triggers::version`] by which the problems of the last sweep got their hosts.
    made_by: u64,
}

/// What a page is asked for.
#[derive(Debug, PartialEq, Eq)]
struct Asked {
    /// From which event id on.
    from: Option<u64>,
    /// How many rows at most.
    size: u32,
}

/// What ended a sweep.
#[derive(Debug)]
enum Stop {
    Call(&'static str, CallError),
    Overdue,
    Repeats,
    Blind,
}

/// What a sweep has read so far.
#[derive(Debug, Default)]
struct Found {
    events: Vec<Event>,
    /// The trigger of each of `events`.
    triggers: Vec<u64>,
    active: HashSet<u64>,
    /// Event ids of all rows, shown or not.
    rows: HashSet<u64>,
    last: Option<u64>,
    problems: u64,
    pending: u64,
    /// Why triggers are not asked for any more in this sweep.
    triggers_failed: Option<String>,
    /// The pages so far, with the event ids of their rows.
    listening: Listening<Asked, Vec<u64>>,
}

impl Client {
    /// Prepares a client; nothing is sent yet.
    pub fn new(options: Options) -> Result<Self, FetchError> {
        let api = Api::new(&options.url, options.token.clone(), options.timeout, options.max_body)?;
        Ok(Self {
            page: options.page_size.max(1),
            triggers: Triggers::new(options.trigger_round),
            options,
            api,
            hosts: Hosts::default(),
            complete_sweeps: 0,
            took: Duration::ZERO,
            active: HashSet::new(),
            sighted: None,
            heard: Heard::default(),
            made_by: 0,
        })
    }

    /// Takes over the hosts of events that an earlier run has left, so that they keep their names even if Zabbix lists
    /// problems but fails to name hosts.
    pub fn remember(&mut self, events: &[Event]) {
        self.triggers.remember(events);
    }

    /// Says that the events of the last sweep were kept: the next one need not make them again if nothing has changed.
    ///
    /// Whoever cannot keep them, or is cut off before, says nothing and gets all of them again.
    pub fn kept(&mut self) {
        self.heard.kept();
    }

    /// The template of a problem's page for people, filled from an event's `ref`.
    #[must_use]
    pub fn link(&self) -> String {
        let mut base = api::frontend(self.options.web_url.as_ref().unwrap_or(&self.options.url));
        // Credentials of a web server in front are for Heat alone. Only a URL that cannot have any refuses this.
        let _ = base.set_username("");
        let _ = base.set_password(None);
        let base = base.as_str().trim_end_matches('/');
        format!("{base}/tr_events.php?triggerid={{triggerid}}&eventid={{eventid}}")
    }

    /// Reads all active problems. When the last sweep was slow, those of the severities high and disaster are read first
    /// and told through `early`.
    pub async fn sweep(&mut self, early: &Early) -> Result<Sweep, SweepError> {
        let started = Instant::now();
        let (mut worst, mut found) =
            (Found::default(), Found { listening: self.heard.begin(), ..Found::default() });
        let outcome = self.read(started, &mut worst, &mut found, early).await;
        self.took = started.elapsed();
        let mut sweep = match outcome {
            Ok(sweep) => sweep,
            Err(stop) => {
                if let Err(defect) = self.take_apart(&mut found) {
                    tracing::debug!(?defect, "what was read before the sweep stopped is not told");
                }
                return Err(self.stopped(&stop, worst, found));
            }
        };
        if !sweep.unchanged {
            self.flag_dependent(&mut found, sweep.complete);
            sweep.problems = found.problems;
        }
        if sweep.complete {
            self.heard.complete(found.listening, sweep.problems);
            if !sweep.unchanged {
                self.active = found.active;
            }
            self.complete_sweeps += 1;
            if self.complete_sweeps >= SWEEPS_TO_GROW && self.page < self.options.page_size {
                self.complete_sweeps = 0;
                self.page = (self.page * 2).min(self.options.page_size);
            }
        } else {
            self.active.extend(found.active);
            for event in &mut found.events {
                event.partial = true;
            }
        }
        sweep.events = found.events;
        Ok(sweep)
    }

    /// `opdata` of these events, for those that have any. Asked for in batches of [`OPDATA_BATCH`], one after the other.
    pub async fn opdata(&mut self, event_ids: &[String]) -> Result<BTreeMap<String, String>, SweepError> {
        let mut all = BTreeMap::new();
        for ids in event_ids.chunks(OPDATA_BATCH) {
            let params = json!({"eventids": ids, "output": ["eventid", "opdata"]});
            let rows = self.api.get::<Vec<wire::OperationalData>>("problem.get", &params).await;
            let rows = rows.map_err(|error| SweepError {
                reason: self.api.explain("problem.get", &error),
                retry_after: error.retry_after(),
                seen: Vec::new(),
            })?;
            let told = rows.into_iter().filter(|row| !row.opdata.is_empty());
            all.extend(told.map(|row| (row.eventid.to_string(), row.opdata)));
        }
        Ok(all)
    }

    /// All of a sweep but its events, which are left in `found` whatever happens.
    async fn read(
        &mut self,
        started: Instant,
        worst: &mut Found,
        found: &mut Found,
        early: &Early,
    ) -> Result<Sweep, Stop> {
        let all = self.filter(&self.options.severities);
        if self.took > self.options.slow
            && let Some(severities) = self.worst_severities()
        {
            let filter = self.filter(&severities);
            self.pages(started, &filter, worst).await?;
            self.flag_dependent(worst, false);
            for event in &mut worst.events {
                event.partial = true;
            }
            // Whoever listened may have gone; the sweep's own result still counts.
            let _ = early.send(worst.events.clone());
        }
        if self.triggers.version() != self.made_by {
            found.listening = Listening::default();
        }
        let mut sweep = Sweep::default();
        let mut counted = 0;
        for _ in 0..ROUNDS {
            self.pages(started, &all, found).await?;
            counted = self.count(&all).await?;
            sweep.complete = counted <= found.rows.len() as u64;
            if sweep.complete {
                break;
            }
        }
        let mut remarks = Vec::new();
        if !sweep.complete {
            remarks.push(format!(
                "Zabbix counts {counted} problems but lists {}: something between it and Heat leaves rows out",
                found.rows.len()
            ));
        }
        if found.rows.is_empty() {
            self.check_sight().await?;
        }
        let mut same = found.listening.same();
        if same.is_none() {
            self.take_apart(found)?;
            // What triggers tell from here on comes too late for these events.
            self.made_by = self.triggers.version();
        }
        if found.triggers_failed.is_none() {
            let active = if same.is_some() { &self.active } else { &found.active };
            let refreshed = self.triggers.refresh(&mut self.api, active).await;
            self.tolerate(found, refreshed)?;
        }
        if same.is_some() && self.triggers.version() != self.made_by {
            same = None;
            self.take_apart(found)?;
            self.made_by = self.triggers.version();
        }
        if found.pending > 0 {
            sweep.complete = false;
        }
        if let Some(reason) = &found.triggers_failed {
            remarks.push(match found.pending {
                0 => format!("hosts of triggers could not be read anew: {reason}"),
                pending => format!("the hosts of {pending} problems are not known yet: {reason}"),
            });
        }
        if let Some(problems) = same.filter(|_| sweep.complete) {
            sweep.unchanged = true;
            sweep.problems = problems;
        } else {
            self.take_apart(found)?;
        }
        let read = self.hosts.read(&mut self.api, &self.options.group_ids).await;
        let read = read.map_err(|error| Stop::Call("host.get", error))?;
        sweep.watched = read.watched.map(Watched::Hosts);
        sweep.silent = read.silent;
        remarks.extend(self.hosts.remark().map(str::to_owned));
        sweep.remark = (!remarks.is_empty()).then(|| remarks.join("; "));
        Ok(sweep)
    }

    /// Reads pages from where `found` ends until one is short.
    async fn pages(&mut self, started: Instant, filter: &Value, found: &mut Found) -> Result<(), Stop> {
        loop {
            let from = match found.last {
                None => None,
                Some(u64::MAX) => return Ok(()),
                Some(last) => Some(last + 1),
            };
            let (answer, size) = self.page(started, filter, from).await?;
            let before = found.rows.len();
            let rows = match found.listening.hear(Asked { from, size }, answer.body) {
                Words::Same(rows) => {
                    found.rows.extend(&rows);
                    found.last = found.last.max(rows.iter().max().copied());
                    rows.len()
                }
                Words::Other(page, answer) => {
                    self.take_apart(found)?;
                    let problems = parsed(&answer)?;
                    if found.triggers_failed.is_none() {
                        let triggers = problems.iter().map(|problem| problem.objectid);
                        let learnt = self.triggers.learn(&mut self.api, triggers).await;
                        self.tolerate(found, learnt)?;
                    }
                    for problem in &problems {
                        self.take(found, problem);
                    }
                    found.listening.note(page, problems.iter().map(|problem| problem.eventid).collect());
                    problems.len()
                }
            };
            if rows < size as usize {
                return Ok(());
            }
            if found.rows.len() == before {
                return Err(Stop::Repeats);
            }
        }
    }

    /// Makes events of the pages that were like those before and so have not been looked into.
    fn take_apart(&self, found: &mut Found) -> Result<(), Stop> {
        let answers = found.listening.take_held();
        if !answers.is_empty() {
            found.rows.clear();
        }
        for answer in answers {
            for problem in &parsed(&answer)? {
                self.take(found, problem);
            }
        }
        Ok(())
    }

    /// One page and the size it was asked with: half of the last one each time Zabbix fails over it.
    async fn page(
        &mut self,
        started: Instant,
        filter: &Value,
        from: Option<u64>,
    ) -> Result<(Answer, u32), Stop> {
        loop {
            if started.elapsed() > self.options.budget {
                return Err(Stop::Overdue);
            }
            let params = self.page_params(filter, from).await?;
            match self.api.call("problem.get", &params).await {
                Ok(answer) => return Ok((answer, self.page)),
                Err(error) if error.is_too_much() && self.page > SMALLEST_PAGE => {
                    self.page = (self.page / 2).max(SMALLEST_PAGE);
                    self.complete_sweeps = 0;
                    let reason = self.api.explain("problem.get", &error);
                    tracing::warn!(
                        source = self.options.name,
                        page = self.page,
                        reason,
                        "asking for smaller pages"
                    );
                }
                Err(error) => return Err(Stop::Call("problem.get", error)),
            }
        }
    }

    async fn page_params(&mut self, filter: &Value, from: Option<u64>) -> Result<Value, Stop> {
        let version = self.api.version().await.map_err(|error| Stop::Call("apiinfo.version", error))?;
        let mut output =
            vec!["eventid", "objectid", "clock", "name", "severity", "acknowledged", "suppressed"];
        // Newer versions refuse fields they do not know.
        if version >= Version::BEARER {
            output.push("cause_eventid");
        }
        let mut params = filter.clone();
        params["output"] = output.into();
        params["selectTags"] = "extend".into();
        params["sortfield"] = json!(["eventid"]);
        params["sortorder"] = "ASC".into();
        params["limit"] = self.page.into();
        if let Some(from) = from {
            params["eventid_from"] = from.to_string().into();
        }
        Ok(params)
    }

    async fn count(&mut self, filter: &Value) -> Result<u64, Stop> {
        let mut params = filter.clone();
        params["countOutput"] = true.into();
        let counted = self.api.get::<wire::Count>("problem.get", &params).await;
        counted.map(|count| count.0).map_err(|error| Stop::Call("problem.get", error))
    }

    /// A user who may see no host gets an empty list and no error, which must not look like "all resolved".
    async fn check_sight(&mut self) -> Result<(), Stop> {
        if self.sighted.is_some_and(|at| at.elapsed() < SIGHT && self.active.is_empty()) {
            return Ok(());
        }
        let mut params = json!({"countOutput": true});
        if !self.options.group_ids.is_empty() {
            params["groupids"] = Value::from(self.options.group_ids.as_slice());
        }
        let hosts = self.api.get::<wire::Count>("host.get", &params).await;
        if hosts.map_err(|error| Stop::Call("host.get", error))?.0 == 0 {
            return Err(Stop::Blind);
        }
        self.sighted = Some(Instant::now());
        Ok(())
    }

    fn filter(&self, severities: &[Severity]) -> Value {
        let mut filter = json!({});
        if !severities.is_empty() {
            filter["severities"] = severities.iter().map(|severity| severity.level()).collect();
        }
        if !self.options.group_ids.is_empty() {
            filter["groupids"] = Value::from(self.options.group_ids.as_slice());
        }
        if !self.options.tags.is_empty() {
            let condition =
                |tag: &TagFilter| json!({"tag": tag.tag, "value": tag.value, "operator": tag.operator as u8});
            filter["tags"] = self.options.tags.iter().map(condition).collect();
        }
        filter
    }

    /// High and disaster as far as they are asked for; none if nothing else is.
    fn worst_severities(&self) -> Option<Vec<Severity>> {
        let asked: &[Severity] =
            if self.options.severities.is_empty() { &Severity::ALL } else { &self.options.severities };
        let (worst, rest): (Vec<_>, Vec<_>) = asked.iter().partition(|severity| **severity >= Severity::High);
        (!worst.is_empty() && !rest.is_empty()).then_some(worst)
    }

    /// Failing triggers leave hosts pending but never cost the problems; a rejected token ends the sweep.
    fn tolerate(&self, found: &mut Found, outcome: Result<(), CallError>) -> Result<(), Stop> {
        match outcome {
            Ok(()) => Ok(()),
            Err(error) if error.is_rejected_token() => Err(Stop::Call("trigger.get", error)),
            Err(error) => {
                found.triggers_failed = Some(self.api.explain("trigger.get", &error));
                Ok(())
            }
        }
    }

    /// One event for each host of a problem's trigger.
    fn take(&self, found: &mut Found, problem: &Problem<'_>) {
        found.last = found.last.max(Some(problem.eventid));
        if !found.rows.insert(problem.eventid) {
            return;
        }
        match self.triggers.belongs(problem.objectid) {
            Belongs::Nowhere => return,
            Belongs::Pending => {
                found.pending += 1;
                found.events.push(Event { host_pending: true, ..event_of(&self.options.name, problem, "") });
                found.triggers.push(problem.objectid);
            }
            Belongs::Hosts(hosts) => {
                for host in hosts {
                    found.events.push(event_of(&self.options.name, problem, host));
                    found.triggers.push(problem.objectid);
                }
            }
        }
        found.problems += 1;
        found.active.insert(problem.objectid);
    }

    /// Flags what depends on another active problem. Until a sweep is through, the last one's problems count as active
    /// too, so that nothing seems to stand alone for a moment.
    fn flag_dependent(&self, found: &mut Found, complete: bool) {
        let dependent = if complete {
            self.triggers.dependent(&found.active)
        } else {
            self.triggers.dependent(&found.active.union(&self.active).copied().collect())
        };
        for (event, trigger) in found.events.iter_mut().zip(&found.triggers) {
            event.dependent |= dependent.contains(trigger);
        }
    }

    fn stopped(&mut self, stop: &Stop, mut worst: Found, mut found: Found) -> SweepError {
        self.api.doubt_version();
        self.complete_sweeps = 0;
        let reason = match stop {
            Stop::Call(method, error) => self.api.explain(method, error),
            Stop::Overdue => format!(
                "Zabbix is too slow: not all problems could be read within {} s",
                self.options.budget.as_secs_f32()
            ),
            Stop::Repeats => {
                "Zabbix answers the same page again and again: a cache in between must not keep its answers".to_owned()
            }
            Stop::Blind => "Zabbix shows no host at all to the token's user: give its user group read permission for the \
                            host groups"
                .to_owned(),
        };
        let retry_after = if let Stop::Call(_, error) = stop { error.retry_after() } else { None };
        // The worst severities were read twice; the second reading is newer.
        self.flag_dependent(&mut worst, false);
        self.flag_dependent(&mut found, false);
        let mut seen = found.events;
        seen.extend(worst.events.into_iter().zip(worst.triggers).filter_map(|(event, _)| {
            let row = event.reference.get("eventid")?.parse().ok()?;
            (!found.rows.contains(&row)).then_some(event)
        }));
        for event in &mut seen {
            event.partial = true;
        }
        SweepError { reason, retry_after, seen }
    }
}

fn parsed(answer: &[u8]) -> Result<Vec<Problem<'_>>, Stop> {
    parse_problems(answer).map_err(|error| Stop::Call("problem.get", error.into()))
}

/// A problem as the event of one host of its trigger; `source` is the configured name of its Zabbix.
pub fn event_of(source: &str, problem: &Problem<'_>, host: &str) -> Event {
    let (event, trigger) = (problem.eventid.to_string(), problem.objectid.to_string());
    let tag = |tag: &Tag<'_>| event::Tag { tag: tag.tag.as_ref().into(), value: tag.value.as_ref().into() };
    Event {
        id: opening_id(source, &event, host),
        key: event_key(source, &trigger, host),
        host: host.to_owned(),
        severity: problem.severity,
        name: problem.name.as_ref().into(),
        tags: problem.tags.iter().map(tag).collect(),
        since: Timestamp::from_unix(i64::try_from(problem.clock).unwrap_or(i64::MAX)),
        suppressed: problem.suppressed,
        dependent: problem.cause_eventid != 0,
        acknowledged: problem.acknowledged,
        reference: [("eventid", event), ("triggerid", trigger)].into(),
        ..Event::default()
    }
}
