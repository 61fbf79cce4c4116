//! The refresh job of one source: fetch, check, store.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use heat::cache::{Cache, Fence, SourceHealth};
use heat::db::Db;
use heat::event::Event;
use heat::severity::Severity;
use heat::snapshot::Status;
use heat::time::Timestamp;
use tokio::sync::mpsc;

use crate::board::{Post, SourceState};
use crate::cadence::{Ages, ages};
use crate::merge;
use crate::metrics::{SourceLabels, SourceMetrics};
use crate::schedule::{Done, Work};
use crate::upstream::{Early, Sweep, SweepError, juggler, zabbix};

/// Heat costs a source at most a quarter of a worker: after a sweep it rests three times as long.
const REST: u32 = 3;

/// How many openings' operational data may be asked for within a minute.
const OPDATA_A_MINUTE: usize = 300;

/// A source's client.
pub enum Client {
    /// Zabbix.
    Zabbix(Box<zabbix::Client>),
    /// Juggler.
    Juggler(Box<juggler::Client>),
}

impl Client {
    /// As configuration and the snapshot call it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Zabbix(_) => "zabbix",
            Self::Juggler(_) => "juggler",
        }
    }

    fn link(&self) -> String {
        match self {
            Self::Zabbix(client) => client.link(),
            Self::Juggler(client) => client.link().unwrap_or_default().to_owned(),
        }
    }

    /// Reads all active events. `began` tells when the known openings began, by key, for a source that does not itself.
    pub async fn sweep(
        &mut self,
        began: impl FnOnce() -> HashMap<String, Timestamp>,
        early: &Early,
    ) -> Result<Sweep, SweepError> {
        match self {
            Self::Zabbix(client) => client.sweep(early).await,
            Self::Juggler(client) => client.sweep(began).await,
        }
    }

    /// Says that the events of the last sweep were kept.
    fn kept(&mut self) {
        match self {
            Self::Zabbix(client) => client.kept(),
            Self::Juggler(client) => client.kept(),
        }
    }
}

/// The job's state for as long as a lease lasts.
pub struct Refresh {
    name: String,
    client: Client,
    interval: Duration,
    map_severity: Severity,
    cache: Cache,
    db: Db,
    fence: Fence,
    board: Post,
    metrics: SourceMetrics,
    not_before: Option<Instant>,
    /// Operational data by the source's own event id; empty where the source has none.
    opdata: HashMap<String, String>,
    /// When operational data was asked for, and for how many.
    asked: Vec<(Instant, usize)>,
    /// When openings began that only history knows; the events' own ids tell it of all others.
    began: HashMap<String, Timestamp>,
    remembers: bool,
}

/// What a refresh job works with.
#[derive(Clone)]
pub struct Env {
    /// Redis.
    pub cache: Cache,
    /// Postgres, where openings are looked up that Redis has lost.
    pub db: Db,
    /// The working updater's fence.
    pub fence: Fence,
    /// Where results are posted.
    pub board: Post,
    /// Where they are counted.
    pub metrics: SourceMetrics,
}

impl Refresh {
    /// A job for the source `name`, which runs every `interval`.
    pub fn new(name: String, client: Client, interval: Duration, map_severity: Severity, env: Env) -> Self {
        Self {
            name,
            client,
            interval,
            map_severity,
            cache: env.cache,
            db: env.db,
            fence: env.fence,
            board: env.board,
            metrics: env.metrics,
            not_before: None,
            opdata: HashMap::new(),
            asked: Vec::new(),
            began: HashMap::new(),
            remembers: false,
        }
    }

    fn state(&self) -> SourceState {
        self.board.borrow().sources.get(&self.name).cloned().unwrap_or_default()
    }

    /// Takes over what an updater before knew.
    async fn remember(&mut self) {
        let state = self.state();
        if let Client::Zabbix(client) = &mut self.client {
            client.remember(&state.events);
            self.opdata = state
                .events
                .iter()
                .filter(|event| !event.opdata.is_empty())
                .filter_map(|event| Some((event.reference.get("eventid")?.to_owned(), event.opdata.clone())))
                .collect();
        }
        // Without Redis' memory a lasting problem would begin a second opening.
        if matches!(self.client, Client::Juggler(_)) && !state.asked {
            match self.db.open_openings().await {
                Ok(open) => {
                    let ours = open.into_iter().filter(|o| o.source == self.name);
                    let events: Vec<_> =
                        ours.map(|o| Event { id: o.id, key: o.event_key, ..Event::default() }).collect();
                    self.began = juggler::openings(&events);
                }
                Err(error) => {
                    tracing::warn!(%error, source = %self.name, "openings before the start are not known");
                }
            }
        }
        self.remembers = true;
    }

    async fn complete(&mut self, mut sweep: Sweep, took: Duration) -> anyhow::Result<()> {
        let events = (!sweep.unchanged).then(|| {
            merge::sort(&mut sweep.events);
            if !self.opdata.is_empty() {
                let active: HashSet<_> =
                    sweep.events.iter().filter_map(|event| event.reference.get("eventid")).collect();
                self.opdata.retain(|event, _| active.contains(event.as_str()));
            }
            self.add_opdata(&mut sweep.events);
            sweep.events
        });
        let ages = ages(self.interval, took);
        let health = SourceHealth {
            kind: self.client.kind().to_owned(),
            status: Status::Ok,
            fetched_at: Some(Timestamp::now()),
            error: sweep.remark,
            link: self.client.link(),
            problems: sweep.problems,
            late_after_s: ages.late_after_s,
            stale_after_s: ages.stale_after_s,
        };
        let told = Told { events, watched: sweep.watched, silent: sweep.silent };
        self.store(health, told).await?;
        self.client.kept();
        self.ask_opdata().await
    }

    /// What a sweep that did not get through leaves: the last good events, and those it saw.
    async fn incomplete(
        &mut self,
        reason: String,
        seen: Vec<Event>,
        told: Told,
        took: Duration,
    ) -> anyhow::Result<()> {
        let state = self.state();
        let ages = ages(self.interval, took);
        let health = SourceHealth {
            kind: self.client.kind().to_owned(),
            status: if seen.is_empty() { Status::Failed } else { Status::Partial },
            error: Some(reason),
            link: self.client.link(),
            late_after_s: ages.late_after_s.max(state.health.late_after_s),
            stale_after_s: ages.stale_after_s.max(state.health.stale_after_s),
            ..state.health
        };
        let events = (!seen.is_empty()).then(|| merge::with_seen(&state.events, seen));
        self.store(health, Told { events, ..told }).await
    }

    /// Writes to Redis what differs, then posts it.
    async fn store(&self, health: SourceHealth, told: Told) -> anyhow::Result<()> {
        let mut state = self.state();
        let events = told.events.filter(|events| *state.events != *events || !state.asked);
        let watched = told.watched.filter(|watched| state.watched.as_deref() != Some(watched));
        let silent = told.silent.filter(|silent| *state.silent != *silent);
        self.cache
            .write_source(
                self.fence,
                &self.name,
                &health,
                events.as_deref(),
                watched.as_ref(),
                silent.as_ref(),
            )
            .await
            .context("the answer could not be stored")?;
        let labels = SourceLabels { source: self.name.clone() };
        let ages = Ages { late_after_s: health.late_after_s, stale_after_s: health.stale_after_s };
        self.metrics.asked(&self.name, health.status == Status::Ok, health.fetched_at, ages);
        let newly_asked = !state.asked;
        let same_picture = state.health.status == health.status && state.health.error == health.error;
        state.health = health;
        state.asked = true;
        let news = events.is_some() || watched.is_some() || silent.is_some() || newly_asked || !same_picture;
        if let Some(events) = events {
            state.events = Arc::new(events);
        }
        if let Some(watched) = watched {
            state.watched = Some(Arc::new(watched));
        }
        if let Some(silent) = silent {
            state.silent = Arc::new(silent);
        }
        self.metrics.events.get_or_create(&labels).set(i64::try_from(state.events.len()).unwrap_or(i64::MAX));
        // Times alone wake nobody; the next beat carries them.
        self.board.send_if_modified(|board| {
            board.sources.insert(self.name.clone(), state);
            news
        });
        Ok(())
    }

    fn add_opdata(&self, events: &mut [Event]) {
        for event in events {
            if let Some(opdata) = event.reference.get("eventid").and_then(|id| self.opdata.get(id)) {
                event.opdata.clone_from(opdata);
            }
        }
    }

    /// Operational data is dear, so it is asked for once an opening, only for what is painted, and so many a minute.
    async fn ask_opdata(&mut self) -> anyhow::Result<()> {
        let Client::Zabbix(client) = &mut self.client else { return Ok(()) };
        let now = Instant::now();
        self.asked.retain(|(at, _)| now.duration_since(*at) < Duration::from_mins(1));
        let room = OPDATA_A_MINUTE.saturating_sub(self.asked.iter().map(|(_, count)| count).sum());
        let state = self.board.borrow().sources.get(&self.name).cloned().unwrap_or_default();
        let mut missing: BTreeMap<&str, Severity> = BTreeMap::new();
        for event in state.events.iter().filter(|event| event.severity >= self.map_severity) {
            if let Some(id) = event.reference.get("eventid").filter(|id| !self.opdata.contains_key(*id)) {
                missing.insert(id, event.severity);
            }
        }
        let mut missing: Vec<_> = missing.into_iter().collect();
        missing.sort_by_key(|(_, severity)| std::cmp::Reverse(*severity));
        let ids: Vec<String> = missing.into_iter().take(room).map(|(id, _)| id.to_owned()).collect();
        if ids.is_empty() {
            return Ok(());
        }
        self.asked.push((now, ids.len()));
        let told = client.opdata(&ids).await.context("operational data could not be read")?;
        for id in ids {
            let opdata = told.get(&id).cloned().unwrap_or_default();
            self.opdata.insert(id, opdata);
        }
        let mut events = (*state.events).clone();
        self.add_opdata(&mut events);
        self.store(state.health, Told { events: Some(events), ..Told::default() }).await
    }
}

/// What a sweep told, besides how it went; absent is what it did not read.
#[derive(Default)]
struct Told {
    events: Option<Vec<Event>>,
    watched: Option<heat::coverage::Watched>,
    silent: Option<BTreeSet<String>>,
}

impl Work for Refresh {
    async fn run(&mut self) -> anyhow::Result<Done> {
        if self.not_before.is_some_and(|at| Instant::now() < at) {
            return Ok(Done::TooSoon);
        }
        if !self.remembers {
            self.remember().await;
        }
        let last = self.state();
        let started = Instant::now();
        let (early, mut told_early) = mpsc::unbounded_channel();
        // The early ones are stored while the sweep goes on, so that the worst is on screen first.
        let sweep = {
            let early_health = SourceHealth { kind: self.client.kind().to_owned(), ..last.health.clone() };
            let store = EarlyStore {
                name: self.name.clone(),
                cache: self.cache.clone(),
                fence: self.fence,
                board: self.board.clone(),
            };
            let storing = async move {
                while let Some(events) = told_early.recv().await {
                    if let Err(error) = store.store(&early_health, events).await {
                        tracing::warn!(%error, "the first part of a sweep could not be stored");
                    }
                }
            };
            let mut began = self.began.clone();
            let began = || {
                began.extend(juggler::openings(&last.events));
                began
            };
            let sweeping = async {
                let swept = self.client.sweep(began, &early).await;
                drop(early);
                swept
            };
            tokio::join!(sweeping, storing).0
        };
        let took = started.elapsed();
        let rest = took * REST;
        match sweep {
            Ok(sweep) if sweep.complete => {
                self.not_before = Some(Instant::now() + rest);
                self.complete(sweep, took).await?;
                // From now on the events tell it.
                self.began.clear();
                Ok(Done::Ran)
            }
            Ok(sweep) => {
                self.not_before = Some(Instant::now() + rest);
                let reason = sweep.remark.unwrap_or_else(|| "the sweep did not get through".to_owned());
                let told = Told { events: None, watched: sweep.watched, silent: sweep.silent };
                self.incomplete(reason.clone(), sweep.events, told, took).await?;
                bail!(reason)
            }
            Err(error) => {
                self.not_before = Some(Instant::now() + rest.max(error.retry_after.unwrap_or_default()));
                self.incomplete(error.reason.clone(), error.seen, Told::default(), took).await?;
                bail!(error.reason)
            }
        }
    }
}

/// Stores what a sweep tells before its end.
struct EarlyStore {
    name: String,
    cache: Cache,
    fence: Fence,
    board: Post,
}

impl EarlyStore {
    async fn store(&self, health: &SourceHealth, seen: Vec<Event>) -> anyhow::Result<()> {
        let state = self.board.borrow().sources.get(&self.name).cloned().unwrap_or_default();
        // Before the first complete sweep nothing may look as if all had been read.
        let health = if state.asked {
            health.clone()
        } else {
            SourceHealth {
                status: Status::Partial,
                error: Some("the first sweep is under way".to_owned()),
                ..health.clone()
            }
        };
        let events = merge::with_seen(&state.events, seen);
        if events == *state.events {
            return Ok(());
        }
        self.cache.write_source(self.fence, &self.name, &health, Some(&events), None, None).await?;
        self.board.send_modify(|board| {
            let state = board.sources.entry(self.name.clone()).or_default();
            state.events = Arc::new(events);
            state.health = health;
            state.asked = true;
        });
        Ok(())
    }
}
