//! The openings job: writes the history of events to Postgres, and the housekeeping that forgets what is old.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use heat::cache::Fence;
use heat::db::Db;
use heat::db::openings::Opening;
use heat::event::Event;
use heat::snapshot::Status;
use heat::time::Timestamp;
use tokio::sync::watch;

use crate::board::{Board, SourceState};
use crate::schedule::{Done, Work};

/// Enters what opened, worsened and closed since its last run. Runs after restarts and take-overs find by themselves what
/// is missing, because they begin by reading what history has as open.
pub struct RecordOpenings {
    db: Db,
    fence: Fence,
    board: watch::Receiver<Board>,
    /// What history has as open, by id: its source and the worst severity entered. Absent until read, and after a
    /// failure.
    open: Option<HashMap<String, Entered>>,
    /// The events as of the last successful run, by source; unchanged ones need no look.
    done: HashMap<String, (Arc<Vec<Event>>, Status)>,
}

#[derive(Clone, Debug)]
struct Entered {
    source: String,
    peak: u8,
}

impl RecordOpenings {
    /// A job that follows `board`.
    pub fn new(db: Db, fence: Fence, board: watch::Receiver<Board>) -> Self {
        Self { db, fence, board, open: None, done: HashMap::new() }
    }

    fn is_done(&self, name: &str, source: &SourceState) -> bool {
        self.done.get(name).is_some_and(|(events, status)| {
            Arc::ptr_eq(events, &source.events) && *status == source.health.status
        })
    }
}

impl Work for RecordOpenings {
    async fn run(&mut self) -> anyhow::Result<Done> {
        let board = self.board.borrow_and_update().clone();
        let changed: Vec<_> =
            board.sources.iter().filter(|(name, source)| !self.is_done(name, source)).collect();
        if changed.is_empty() {
            return Ok(Done::Skipped);
        }
        let mut open = match self.open.take() {
            Some(open) => open,
            None => self
                .db
                .open_openings()
                .await?
                .into_iter()
                .map(|o| {
                    (o.id, Entered { source: o.source, peak: u8::try_from(o.severity_peak).unwrap_or(0) })
                })
                .collect(),
        };
        let mut opened = Vec::new();
        let mut closed = BTreeSet::new();
        for (name, source) in &changed {
            let news = source.events.iter().filter(|event| !event.host_pending).filter(|event| {
                open.get(&event.id).is_none_or(|entered| entered.peak < event.severity.level())
            });
            opened.extend(news.map(|event| opening(name, event, &board)));
            // Only a complete answer proves an absence.
            if source.asked && source.health.status == Status::Ok {
                let active: BTreeSet<&str> = source.events.iter().map(|event| event.id.as_str()).collect();
                let over = open.iter().filter(|(id, e)| e.source == **name && !active.contains(id.as_str()));
                closed.extend(over.map(|(id, _)| id.clone()));
            }
        }
        if !opened.is_empty() || !closed.is_empty() {
            let over: Vec<&str> = closed.iter().map(String::as_str).collect();
            // If this fails, what history has as open is read again.
            self.db.record_openings(self.fence, &opened, &over, Timestamp::now()).await?;
        }
        open.retain(|id, _| !closed.contains(id));
        open.extend(
            opened.into_iter().map(|o| (o.id, Entered { source: o.source, peak: o.severity.level() })),
        );
        self.open = Some(open);
        for (name, source) in changed {
            self.done.insert(name.clone(), (Arc::clone(&source.events), source.health.status));
        }
        Ok(Done::Ran)
    }
}

fn opening(source: &str, event: &Event, board: &Board) -> Opening {
    let place = board.inventory.places.find(&event.host);
    Opening {
        id: event.id.clone(),
        key: event.key.clone(),
        source: source.to_owned(),
        host: event.host.clone(),
        name: event.name.clone(),
        device_id: place.device(),
        rack_id: place.rack(),
        severity: event.severity,
        since: event.since,
    }
}

/// Forgets openings that closed long ago, and changes of that age.
pub struct Housekeeping {
    /// Postgres.
    pub db: Db,
    /// The working updater's fence.
    pub fence: Fence,
    /// How long a closed opening, or a change, is kept.
    pub keep: Duration,
}

impl Work for Housekeeping {
    async fn run(&mut self) -> anyhow::Result<Done> {
        let until = Timestamp::now() - self.keep;
        let mut forgotten = 0;
        loop {
            match self.db.forget_openings(self.fence, until).await? {
                0 => break,
                count => forgotten += count,
            }
        }
        let mut changes = 0;
        loop {
            match self.db.forget_changes(self.fence, until).await? {
                0 => break,
                count => changes += count,
            }
        }
        tracing::info!(forgotten, changes, "openings that closed long ago, and changes of that age");
        Ok(Done::Ran)
    }
}
