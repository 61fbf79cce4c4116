//! Juggler, as far as it is known from outside.
//!
//! Juggler is closed. That raw events exist, their statuses and the path they are read by are known; the shapes of request
//! and answer are **assumed**. Everything assumed stands in this one file, and in it in [`Profile`]: when somebody shows
//! a real answer, the profile in the configuration changes and no code.
//!
//! # What counts as complete
//! Pages are read until as many distinct events have come as the answer calls its `total`. If `total` moves meanwhile, or
//! the numbers disagree, everything is read once more; if that pass is no better but `total` moved again, the union of
//! both is taken: on a busy Juggler it never stands still, and what lasts was in one of them.
//!
//! Only a pass that is complete by itself is known again: a union is of two.

use std::borrow::Cow;
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::{Duration, Instant};

use backon::{ExponentialBuilder, Retryable};
use heat::config::Secret;
use heat::event::{Event, Tag, event_key, opening_id};
use heat::severity::Severity;
use heat::time::Timestamp;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value};
use url::Url;

use super::heard::{Heard, Listening, Words};
use super::http::{self, BodyError, FetchError, Http};
use super::{Sweep, SweepError, Watched};

/// The longest description that is kept, in bytes.
const LONGEST_TEXT: usize = 4096;

/// Repeated requests within one sweep, all pages together.
const RETRIES: usize = 3;

/// A longer `Retry-After` is not waited for within a sweep.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long to leave a Juggler alone that refused the token.
const REFUSED: Duration = Duration::from_mins(1);

/// How often the watched hosts are read, how long one sweep may spend on it, and when to go on after a failure.
const WATCH_EVERY: Duration = Duration::from_mins(10);
const WATCH_SLICE: Duration = Duration::from_secs(2);
const WATCH_AGAIN: Duration = Duration::from_mins(1);

/// So many statuses beyond the configured ones are asked for; more are a sign that the field is not the status.
const UNKNOWN_STATUSES: usize = 16;

/// Where a Juggler is and how to read it.
#[derive(Clone, Debug)]
pub struct Options {
    /// The source's configured name, the first part of ids and keys.
    pub name: String,
    /// What the profile's path is appended to.
    pub url: Url,
    /// Sent as `Authorization`; not sent if empty.
    pub token: Secret,
    /// The template of an event's page for people, with `{host}`, `{service}`, `{instance}` and `{namespace}`.
    pub link: Option<String>,
    /// Which hosts it watches.
    pub watches: Watches,
    /// The limit of one request.
    pub timeout: Duration,
    /// The limit of a whole sweep; what was read until then counts as seen.
    pub budget: Duration,
    /// The largest answer, in bytes after decompression.
    pub max_body: usize,
    /// The first pause before a failed request is repeated; doubled each time.
    pub pause: Duration,
    /// Shapes and names.
    pub profile: Profile,
}

impl Options {
    /// Everything at its default: 10 s a request, 60 s a sweep, 64 MiB an answer, pauses of 1, 2 and 4 s.
    pub fn new(name: impl Into<String>, url: Url, token: Secret) -> Self {
        Self {
            name: name.into(),
            url,
            token,
            link: None,
            watches: Watches::default(),
            timeout: Duration::from_secs(10),
            budget: Duration::from_mins(1),
            max_body: 64 << 20,
            pause: Duration::from_secs(1),
            profile: Profile::default(),
        }
    }
}

/// How Heat learns which hosts Juggler watches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Watches {
    /// From the events of all statuses, read every 10 minutes in slices.
    #[default]
    Swept,
    /// It is taken to watch every device.
    All,
}

/// What Heat assumes about Juggler's HTTP interface. Everything has a default; the pointers are JSON pointers (RFC 6901).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Profile {
    /// Appended to the URL.
    pub path: String,
    /// How the request's keys are sent.
    pub method: RequestStyle,
    /// The word before the token.
    pub authorization: String,
    /// Which events: objects that are sent as they stand, alternatives; empty for all the token may see.
    pub select: Vec<Map<String, Value>>,
    /// The names of the request's keys.
    pub keys: Keys,
    /// How further pages are asked for.
    pub pages: PageStyle,
    /// Events per page.
    pub limit: u64,
    /// Pointer to the list of events in an answer.
    pub list: String,
    /// Pointer to the number of all matching events; where there is none, a short page is the last.
    pub total: String,
    /// Pointers into an event.
    pub fields: Fields,
    /// What its times count.
    pub time_scale: TimeScale,
    /// Which status means which severity; any other one not in `ok` is kept as not classified.
    pub severities: BTreeMap<String, Severity>,
    /// The statuses that are no event.
    pub ok: Vec<String>,
}

impl Default for Profile {
    fn default() -> Self {
        let severities =
            [("CRIT", Severity::High), ("WARN", Severity::Warning), ("INFO", Severity::Information)];
        Self {
            path: "/v2/events/get_raw_events".to_owned(),
            method: RequestStyle::Post,
            authorization: "OAuth".to_owned(),
            select: Vec::new(),
            keys: Keys::default(),
            pages: PageStyle::Offset,
            limit: 1_000,
            list: "/events".to_owned(),
            total: "/total".to_owned(),
            fields: Fields::default(),
            time_scale: TimeScale::Seconds,
            severities: severities.map(|(status, severity)| (status.to_owned(), severity)).into(),
            ok: vec!["OK".to_owned()],
        }
    }
}

/// How a request is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RequestStyle {
    /// POST with a JSON object.
    #[default]
    Post,
    /// GET with a query: lists of words joined by commas, the selection as JSON.
    Get,
}

/// How pages are asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PageStyle {
    /// By the number of events to skip.
    #[default]
    Offset,
    /// By the page's number, from 1.
    Page,
    /// There is one page.
    None,
}

/// What times count, from the Unix epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum TimeScale {
    /// Seconds, fractions allowed.
    #[default]
    #[serde(rename = "s")]
    Seconds,
    /// Milliseconds.
    #[serde(rename = "ms")]
    Milliseconds,
}

/// The names of a request's keys.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Keys {
    /// The selection.
    pub select: String,
    /// The wanted statuses.
    pub statuses: String,
    /// Events per page.
    pub limit: String,
    /// The events to skip, or the page's number.
    pub offset: String,
}

impl Default for Keys {
    fn default() -> Self {
        Self {
            select: "match".into(),
            statuses: "statuses".into(),
            limit: "limit".into(),
            offset: "offset".into(),
        }
    }
}

/// Pointers into one event.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "they are named for what they point to; the contract explains each")]
pub struct Fields {
    pub host: String,
    pub service: String,
    pub instance: String,
    pub namespace: String,
    pub status: String,
    pub description: String,
    pub tags: String,
    pub status_since: String,
    pub received_at: String,
    pub downtimes: String,
}

impl Default for Fields {
    fn default() -> Self {
        Self {
            host: "/host".into(),
            service: "/service".into(),
            instance: "/instance".into(),
            namespace: "/namespace".into(),
            status: "/status".into(),
            description: "/description".into(),
            tags: "/tags".into(),
            status_since: "/status_since".into(),
            received_at: "/received_at".into(),
            downtimes: "/downtimes".into(),
        }
    }
}

/// When the openings among `events` began, by key, as [`Client::sweep`] wants to know it of the events it left last time.
#[must_use]
pub fn openings(events: &[Event]) -> HashMap<String, Timestamp> {
    let start = |event: &Event| {
        let (_, start) = event.id.split(':').nth(1)?.rsplit_once('@')?;
        Some((event.key.clone(), Timestamp::from_unix(start.parse().ok()?)))
    };
    events.iter().filter_map(start).collect()
}

/// Reads one Juggler. One sweep at a time.
#[derive(Debug)]
pub struct Client {
    options: Options,
    http: Http,
    endpoint: Url,
    /// Statuses that came and are not configured; asked for from then on, so that their events stay.
    unknown: BTreeSet<String>,
    watching: Watching,
    heard: Heard<Map<String, Value>, Counts>,
}

/// How far the watched hosts are read.
#[derive(Debug, Default)]
struct Watching {
    hosts: BTreeSet<String>,
    received: u64,
    page: u64,
    next: Option<Instant>,
    remark: Option<String>,
}

/// What went wrong.
#[derive(Debug, thiserror::Error)]
enum ReadError {
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error(transparent)]
    Body(#[from] BodyError),
    /// An error object with status 200.
    #[error("says: {0}")]
    Said(String),
    #[error("is too slow: not all events could be read within {} s", .0.as_secs_f32())]
    Overdue(Duration),
}

/// A statement about a service of a host, as Juggler keeps it.
#[derive(Clone, Debug, PartialEq)]
struct Row {
    host: String,
    service: String,
    instance: String,
    namespace: String,
    status: String,
    description: String,
    tags: Vec<String>,
    status_since: Option<Timestamp>,
    received_at: Option<Timestamp>,
    downtime: bool,
}

/// By what Juggler itself tells events apart.
type Identity = (String, String, String, String);

/// One page.
struct Page {
    rows: Vec<Row>,
    total: Option<u64>,
}

/// What decides how to go on behind a page.
#[derive(Clone, Copy, Debug)]
struct Counts {
    /// Its rows.
    rows: u64,
    /// Distinct events until then.
    read: u64,
    total: Option<u64>,
}

/// One reading of all pages.
#[derive(Debug, Default)]
struct Pass {
    listening: Listening<Map<String, Value>, Counts>,
    /// Of the pages that have been looked into.
    rows: HashMap<Identity, Row>,
    read: u64,
    total: Option<u64>,
    moved: bool,
}

impl Pass {
    fn is_consistent(&self) -> bool {
        !self.moved && self.total.is_none_or(|total| total == self.read)
    }
}

impl Client {
    /// Prepares a client; nothing is sent yet.
    pub fn new(options: Options) -> Result<Self, FetchError> {
        let http = Http::new(&options.url, options.timeout, options.max_body)?;
        let mut endpoint = options.url.clone();
        let path = format!(
            "{}/{}",
            endpoint.path().trim_end_matches('/'),
            options.profile.path.trim_start_matches('/')
        );
        endpoint.set_path(&path);
        Ok(Self {
            options,
            http,
            endpoint,
            unknown: BTreeSet::new(),
            watching: Watching::default(),
            heard: Heard::default(),
        })
    }

    /// The template of an event's page for people, filled from an event's `ref`.
    #[must_use]
    pub fn link(&self) -> Option<&str> {
        self.options.link.as_deref()
    }

    /// Says that the events of the last sweep were kept: the next one need not make them again if nothing has changed.
    ///
    /// Whoever cannot keep them, or is cut off before, says nothing and gets all of them again.
    pub fn kept(&mut self) {
        self.heard.kept();
    }

    /// Reads all events that are not OK. `known` tells when the openings began that the last sweeps have left
    /// ([`openings`]): a change between INFO, WARN and CRIT is the same opening. Where the last sweep's events were
    /// [`kept`](Self::kept), it must tell of all of them; then the same answers make the same events.
    pub async fn sweep(
        &mut self,
        known: impl FnOnce() -> HashMap<String, Timestamp>,
    ) -> Result<Sweep, SweepError> {
        let started = Instant::now();
        let mut retries = RETRIES;
        let (mut first, mut second) =
            (Pass { listening: self.heard.begin(), ..Pass::default() }, Pass::default());
        let mut outcome = self.pass(started, &mut retries, &mut first).await;
        let same = first.listening.same().filter(|_| outcome.is_ok());
        if same.is_none()
            && let Err(error) = self.take_apart(&mut first)
        {
            outcome = outcome.and(Err(error));
        }
        let mut complete = outcome.is_ok() && first.is_consistent();
        if outcome.is_ok() && !complete {
            outcome = self.pass(started, &mut retries, &mut second).await;
            if outcome.is_ok() && second.is_consistent() {
                complete = true;
                std::mem::swap(&mut first, &mut second);
            } else {
                first.rows.extend(second.rows);
                complete = outcome.is_ok()
                    && second.moved
                    && second.total.is_none_or(|total| first.rows.len() as u64 >= total);
            }
        }
        let listed = first.rows.len();
        let by_itself = complete && first.is_consistent();
        let mut events = match same {
            Some(_) => Vec::new(),
            None => self.events(first.rows.into_values(), &known()),
        };
        if !complete {
            for event in &mut events {
                event.partial = true;
            }
        }
        if let Err(error) = outcome {
            return Err(SweepError {
                reason: self.explain(&error),
                retry_after: retry_after(&error),
                seen: events,
            });
        }
        let mut remarks = Vec::new();
        if !complete {
            let total = second.total.unwrap_or_default();
            remarks.push(format!(
                "Juggler counts {total} events but lists {listed}: check the profile's total, limit and paging"
            ));
        }
        let watched = self.watched(&mut retries).await;
        remarks.extend(self.watching.remark.clone());
        let problems = same.unwrap_or(events.len() as u64);
        if by_itself {
            self.heard.complete(first.listening, problems);
        }
        Ok(Sweep {
            unchanged: same.is_some(),
            problems,
            events,
            complete,
            watched,
            silent: None,
            remark: (!remarks.is_empty()).then(|| remarks.join("; ")),
        })
    }

    /// Reads all pages of what is not OK into `pass`.
    async fn pass(
        &mut self,
        started: Instant,
        retries: &mut usize,
        pass: &mut Pass,
    ) -> Result<(), ReadError> {
        let statuses: Vec<String> =
            self.options.profile.severities.keys().chain(&self.unknown).cloned().collect();
        for number in 1.. {
            if started.elapsed() > self.options.budget {
                return Err(ReadError::Overdue(self.options.budget));
            }
            // What has come is what is skipped: events repeated across pages must not push others out.
            let before = pass.read;
            let asked = self.request_keys(Some(&statuses), before, number);
            let answer = self.fetch(&asked, retries).await?;
            let counts = match pass.listening.hear(asked, answer) {
                Words::Same(counts) => counts,
                Words::Other(page, answer) => {
                    self.take_apart(pass)?;
                    let counts = self.take(pass, &answer)?;
                    pass.listening.note(page, counts);
                    counts
                }
            };
            pass.moved |= number > 1 && counts.total != pass.total;
            pass.total = counts.total;
            pass.read = counts.read;
            let all = pass.total.is_none_or(|total| pass.read >= total);
            let short = counts.rows < self.options.profile.limit;
            if self.options.profile.pages == PageStyle::None
                || pass.read == before
                || (all && (short || (pass.total.is_some() && !pass.moved)))
                || (short && pass.moved)
            {
                break;
            }
        }
        Ok(())
    }

    /// Takes the rows of the pages that said the same as before and so have not been looked into.
    fn take_apart(&mut self, pass: &mut Pass) -> Result<(), ReadError> {
        for answer in pass.listening.take_held() {
            self.take(pass, &answer)?;
        }
        Ok(())
    }

    /// Takes the rows of a page.
    fn take(&mut self, pass: &mut Pass, answer: &[u8]) -> Result<Counts, ReadError> {
        let page = self.parse(answer)?;
        let rows = page.rows.len() as u64;
        for row in page.rows {
            self.notice(&row.status);
            let (namespace, host, service, instance) = identity(&row);
            let identity = (namespace.to_owned(), host.to_owned(), service.to_owned(), instance.to_owned());
            pass.rows.insert(identity, row);
        }
        Ok(Counts { rows, read: pass.rows.len() as u64, total: page.total })
    }

    /// The watched hosts when all have been read, a slice each sweep. A failure is a remark and never more.
    async fn watched(&mut self, retries: &mut usize) -> Option<Watched> {
        if self.options.watches == Watches::All {
            return Some(Watched::All);
        }
        let started = Instant::now();
        if self.watching.next.is_some_and(|next| started < next) {
            return None;
        }
        while started.elapsed() < WATCH_SLICE {
            let asked = self.request_keys(None, self.watching.received, self.watching.page + 1);
            let answer = self.fetch(&asked, retries).await;
            let page = match answer.and_then(|answer| self.parse(&answer)) {
                Ok(page) => page,
                Err(error) => {
                    let reason = self.explain(&error);
                    self.watching.remark = Some(format!("watched hosts could not be read: {reason}"));
                    self.watching.next = Some(started + WATCH_AGAIN);
                    return None;
                }
            };
            self.watching.remark = None;
            self.watching.page += 1;
            let length = page.rows.len() as u64;
            self.watching.received += length;
            for row in page.rows {
                self.notice(&row.status);
                self.watching.hosts.insert(row.host);
            }
            let all = page.total.is_none_or(|total| self.watching.received >= total);
            let short = length < self.options.profile.limit;
            if length == 0
                || (all && (short || page.total.is_some()))
                || self.options.profile.pages == PageStyle::None
            {
                let watching = std::mem::take(&mut self.watching);
                self.watching.next = Some(Instant::now() + WATCH_EVERY);
                return Some(Watched::Hosts(watching.hosts));
            }
        }
        None
    }

    async fn fetch(&self, asked: &Map<String, Value>, retries: &mut usize) -> Result<Vec<u8>, ReadError> {
        let pauses = ExponentialBuilder::default()
            .with_min_delay(self.options.pause)
            .with_factor(2.0)
            .with_max_times(*retries)
            .with_jitter();
        let answer = (|| self.http.fetch(self.request(asked)))
            .retry(pauses)
            .when(is_worth_repeating)
            .adjust(|error, pause| {
                let asked = error.retry_after();
                pause
                    .map(|pause| asked.unwrap_or(pause))
                    .filter(|_| asked.is_none_or(|asked| asked <= PATIENCE))
            })
            .notify(|_, _| *retries = retries.saturating_sub(1))
            .await?;
        Ok(answer.body)
    }

    fn parse(&self, answer: &[u8]) -> Result<Page, ReadError> {
        let body: Value = http::json(answer)?;
        let list = body.pointer(&self.options.profile.list).and_then(Value::as_array);
        let Some(list) = list else {
            return Err(match said(&body) {
                Some(message) => ReadError::Said(message),
                None => BodyError::Shape(format!("there is no list at {}", self.options.profile.list)).into(),
            });
        };
        let rows = list.iter().map(|row| self.row(row)).collect::<Result<_, _>>()?;
        Ok(Page { rows, total: body.pointer(&self.options.profile.total).and_then(whole) })
    }

    fn request_keys(&self, statuses: Option<&[String]>, skip: u64, number: u64) -> Map<String, Value> {
        let Profile { keys, select, pages, limit, .. } = &self.options.profile;
        let select = select.iter().cloned().map(Value::Object).collect();
        let mut request =
            Map::from_iter([(keys.select.clone(), select), (keys.limit.clone(), (*limit).into())]);
        if let Some(statuses) = statuses {
            request.insert(keys.statuses.clone(), statuses.into());
        }
        match pages {
            PageStyle::Offset => request.insert(keys.offset.clone(), skip.into()),
            PageStyle::Page => request.insert(keys.offset.clone(), number.into()),
            PageStyle::None => request.remove(&keys.limit),
        };
        request
    }

    fn request(&self, keys: &Map<String, Value>) -> reqwest::RequestBuilder {
        let request = match self.options.profile.method {
            RequestStyle::Post => self
                .http
                .request(Method::POST, self.endpoint.clone())
                .header(CONTENT_TYPE, "application/json")
                .body(Value::from(keys.clone()).to_string()),
            RequestStyle::Get => {
                let query: Vec<(&str, String)> =
                    keys.iter().map(|(key, value)| (key.as_str(), in_query(value))).collect();
                self.http.request(Method::GET, self.endpoint.clone()).query(&query)
            }
        };
        let request = request.header(ACCEPT, "application/json");
        let token = self.options.token.reveal();
        if token.is_empty() {
            return request;
        }
        let credential = format!("{} {token}", self.options.profile.authorization);
        match HeaderValue::from_str(credential.trim_start()) {
            Ok(mut value) => {
                value.set_sensitive(true);
                request.header(AUTHORIZATION, value)
            }
            // What does not fit into a header is no token; Juggler says that it misses one.
            Err(_) => request,
        }
    }

    fn row(&self, row: &Value) -> Result<Row, BodyError> {
        let fields = &self.options.profile.fields;
        let text = |pointer: &str| match row.pointer(pointer) {
            Some(Value::String(text)) => Some(text.clone()),
            Some(Value::Number(number)) => Some(number.to_string()),
            _ => None,
        };
        let needed = |pointer: &str| {
            text(pointer).ok_or_else(|| BodyError::Shape(format!("an event has no text at {pointer}")))
        };
        let time = |pointer: &str| row.pointer(pointer).and_then(|time| self.time(time));
        let tags = row.pointer(&fields.tags).and_then(Value::as_array);
        Ok(Row {
            host: needed(&fields.host)?,
            service: needed(&fields.service)?,
            status: needed(&fields.status)?,
            instance: text(&fields.instance).unwrap_or_default(),
            namespace: text(&fields.namespace).unwrap_or_default(),
            description: text(&fields.description).unwrap_or_default(),
            tags: tags.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect(),
            status_since: time(&fields.status_since),
            received_at: time(&fields.received_at),
            downtime: row.pointer(&fields.downtimes).is_some_and(is_something),
        })
    }

    fn time(&self, time: &Value) -> Option<Timestamp> {
        let number = time.as_f64().or_else(|| time.as_str()?.parse().ok())?;
        let seconds = match self.options.profile.time_scale {
            TimeScale::Seconds => number,
            TimeScale::Milliseconds => number / 1000.0,
        };
        // Casts of floats saturate, and a timestamp clamps what no calendar can write.
        #[expect(clippy::cast_possible_truncation, reason = "fractions of a second are cut on purpose")]
        (seconds > 0.0).then(|| Timestamp::from_unix(seconds as i64))
    }

    /// Keeps asking for a status nobody configured, and says so once.
    fn notice(&mut self, status: &str) {
        let profile = &self.options.profile;
        if profile.severities.contains_key(status)
            || profile.ok.iter().any(|ok| ok == status)
            || self.unknown.contains(status)
            || self.unknown.len() >= UNKNOWN_STATUSES
        {
            return;
        }
        let status = http::quoted(status.as_bytes());
        tracing::warn!(source = self.options.name, status, "unknown status, taken for not classified");
        self.unknown.insert(status);
    }

    /// One event for each host, service and instance that is not OK: the worst where several namespaces have it.
    fn events(&self, rows: impl Iterator<Item = Row>, known: &HashMap<String, Timestamp>) -> Vec<Event> {
        let now = Timestamp::now();
        let mut worst: HashMap<(String, String), (Severity, Row)> = HashMap::new();
        for row in rows.filter(|row| !self.options.profile.ok.contains(&row.status)) {
            let severity = self.options.profile.severities.get(&row.status).copied().unwrap_or_default();
            match worst.entry((host_of(&row).to_lowercase(), what(&row).into_owned())) {
                Entry::Vacant(entry) => {
                    entry.insert((severity, row));
                }
                Entry::Occupied(mut entry) => {
                    let (other, against) = entry.get();
                    // What is not under a downtime, then the rest, only so that the choice is always the same.
                    let (mine, theirs) = (identity(&row), identity(against));
                    if (severity, !row.downtime, theirs) > (*other, !against.downtime, mine) {
                        entry.insert((severity, row));
                    }
                }
            }
        }
        let mut events: Vec<Event> =
            worst.into_values().map(|(severity, row)| self.event(severity, row, known, now)).collect();
        events.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        events
    }

    fn event(
        &self,
        severity: Severity,
        row: Row,
        known: &HashMap<String, Timestamp>,
        now: Timestamp,
    ) -> Event {
        let (host, what) = (host_of(&row).to_owned(), what(&row).into_owned());
        let key = event_key(&self.options.name, &what, &host);
        let told = row.status_since.or(row.received_at);
        let start = known.get(&key).copied().or(told).unwrap_or(now);
        let reference = [
            ("host", row.host),
            ("service", row.service.clone()),
            ("instance", row.instance),
            ("namespace", row.namespace),
        ];
        Event {
            id: opening_id(&self.options.name, &format!("{what}@{}", start.unix()), &host),
            key,
            host,
            severity,
            name: row.service,
            text: cut(row.description),
            tags: row.tags.into_iter().map(|tag| Tag { tag: tag.into(), ..Tag::default() }).collect(),
            reference: reference.into(),
            since: told.unwrap_or(start),
            suppressed: row.downtime,
            ..Event::default()
        }
    }

    /// One sentence for an operator. Never holds the token.
    fn explain(&self, error: &ReadError) -> String {
        let sentence = match error {
            ReadError::Fetch(FetchError::Status { status, text, .. }) => {
                let text =
                    serde_json::from_str(text).ok().and_then(|body| said(&body)).unwrap_or(text.clone());
                let text = if text.is_empty() { String::new() } else { format!(": {text}") };
                match status.as_u16() {
                    401 | 403 => format!(
                        "Juggler rejected the token (HTTP {}{text}): check that it is right and may read raw events",
                        status.as_u16()
                    ),
                    404 => format!(
                        "Juggler has nothing at {}: check the URL and the profile's path",
                        self.endpoint.path()
                    ),
                    429 => format!("Juggler is asked too often (HTTP 429{text}): Heat waits"),
                    400 => {
                        format!("Juggler refused the request (HTTP 400{text}): the profile does not fit it")
                    }
                    _ => format!("Juggler answered HTTP {status}{text}"),
                }
            }
            error => format!("Juggler {error}"),
        };
        http::masked(&sentence, &self.options.token)
    }
}

fn is_worth_repeating(error: &FetchError) -> bool {
    let FetchError::Status { status, .. } = error else { return error.is_passing() };
    *status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error()
}

fn retry_after(error: &ReadError) -> Option<Duration> {
    let ReadError::Fetch(FetchError::Status { status, retry_after, .. }) = error else { return None };
    retry_after.or_else(|| matches!(status.as_u16(), 401 | 403).then_some(REFUSED))
}

/// The message of an error object.
fn said(body: &Value) -> Option<String> {
    let error = body.get("error")?;
    let message = error.get("message").unwrap_or(error).as_str()?;
    Some(http::quoted(message.as_bytes()))
}

/// See [`Identity`].
fn identity(row: &Row) -> (&str, &str, &str, &str) {
    (&row.namespace, &row.host, &row.service, &row.instance)
}

/// The host without a trailing dot, as the inventory's names are compared.
fn host_of(row: &Row) -> &str {
    let host = row.host.trim();
    host.strip_suffix('.').unwrap_or(host)
}

/// The event within its host: the service, and the instance where there is one.
fn what(row: &Row) -> Cow<'_, str> {
    if row.instance.is_empty() {
        Cow::Borrowed(&row.service)
    } else {
        Cow::Owned(format!("{}/{}", row.service, row.instance))
    }
}

fn cut(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(LONGEST_TEXT));
    text
}

fn whole(number: &Value) -> Option<u64> {
    number.as_u64().or_else(|| number.as_str()?.parse().ok())
}

/// Whether a field of unknown type says yes: a list or text that is not empty, a number that is not zero, true.
fn is_something(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(flag) => *flag,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(members) => !members.is_empty(),
    }
}

fn in_query(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(words) if words.iter().all(Value::is_string) => {
            words.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(",")
        }
        other => other.to_string(),
    }
}
