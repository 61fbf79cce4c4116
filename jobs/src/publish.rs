//! The publisher: turns the board and what people said into snapshots, as soon as there is news and no oftener than the
//! pace allows.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use heat::cache::{Cache, CacheError, CachedDocument, CachedSnapshot, Fence};
use heat::coverage::{Coverage, Watched};
use heat::event::Event;
use heat::incident::{self, Availability, Open, WatchedRacks};
use heat::packed::Packed;
use heat::snapshot::{Cleared, INVENTORY, NotNews, Parts, Reported, Snapshot, Source, build, gone, prune};
use heat::ticket::TicketTag;
use heat::time::Timestamp;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::board::{Board, SourceState};
use crate::listen::Listener;
use crate::metrics::SnapshotMetrics;

/// Silence longer than this always means trouble, so a snapshot is sent even without news.
const BEAT: Duration = Duration::from_secs(20);

/// Operators see what they wrote no later than this after the write before.
const OPERATORS: Duration = Duration::from_millis(200);

/// After a failed write.
const AGAIN: Duration = Duration::from_secs(1);

/// The least time between two snapshots of so many compressed bytes.
fn pace(bytes: usize) -> Duration {
    match bytes {
        0..100_000 => Duration::from_millis(200),
        100_000..1_000_000 => Duration::from_secs(1),
        _ => Duration::from_secs(2),
    }
}

/// What is due.
#[derive(Clone, Copy, Debug, Default)]
struct Due {
    /// The board has changed.
    board: bool,
    /// People wrote something.
    operators: bool,
}

/// What the coverage was last made from, and the version that gave.
#[derive(Default)]
struct Covered {
    version: String,
    inventory: String,
    watched: Vec<(String, Option<Arc<Watched>>)>,
    racks: WatchedRacks,
}

/// Publishes snapshots for as long as a lease lasts.
pub struct Publisher {
    cache: Cache,
    fence: Fence,
    listener: Listener,
    board: watch::Receiver<Board>,
    metrics: SnapshotMetrics,
    ticket_tags: Vec<TicketTag>,
    /// As of the last look at the board, to see what has gone since.
    before: Board,
    cleared: Vec<Cleared<'static>>,
    covered: Covered,
    availability: Availability,
    /// The rack incidents of the last snapshot.
    open: Open,
    revision: u64,
    /// Digest of the last snapshot's news.
    news: Option<u64>,
    /// Compressed size of the last snapshot.
    bytes: usize,
    published: Option<Instant>,
    /// When Postgres was last asked for everything: often published is not often heard.
    listened: Option<Instant>,
    /// When the next acknowledgement or note ends, which is news.
    next_end: Option<Timestamp>,
}

impl Publisher {
    /// Takes up where the updater before left off.
    pub async fn new(
        cache: Cache,
        fence: Fence,
        listener: Listener,
        board: watch::Receiver<Board>,
        availability: Availability,
        metrics: SnapshotMetrics,
        ticket_tags: Vec<TicketTag>,
    ) -> Result<Self, CacheError> {
        let before = board.borrow().clone();
        let mut publisher = Self {
            cache,
            fence,
            listener,
            board,
            metrics,
            ticket_tags,
            before,
            cleared: Vec::new(),
            covered: Covered::default(),
            availability,
            open: Open::new(),
            revision: 0,
            news: None,
            bytes: 0,
            published: None,
            listened: None,
            next_end: None,
        };
        publisher.take_up().await?;
        Ok(publisher)
    }

    /// The last snapshot says which revision was last, what has just cleared, and which racks have incidents.
    async fn take_up(&mut self) -> Result<(), CacheError> {
        let last = match self.cache.snapshot().await {
            Ok(Some(last)) => last,
            Ok(None) => return Ok(()),
            Err(error @ CacheError::Form { .. }) => {
                tracing::warn!(%error, "starting without the last snapshot");
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        self.revision = last.revision;
        self.bytes = last.body.gzip().len();
        let json = match last.body.json() {
            Ok(json) => json,
            Err(error) => {
                tracing::warn!(%error, "the last snapshot cannot be read; what has just cleared and rack incidents are forgotten");
                return Ok(());
            }
        };
        match serde_json::from_slice::<Snapshot<'static>>(&json) {
            Ok(snapshot) => {
                self.open = incident::open(&snapshot.incidents);
                self.cleared = snapshot.cleared.0;
            }
            Err(error) => tracing::warn!(%error, "the last snapshot cannot be read"),
        }
        Ok(())
    }

    /// Publishes until `stop`.
    ///
    /// # Errors
    /// Only if it was deposed; everything else is tried again.
    pub async fn run(mut self, stop: CancellationToken) -> anyhow::Result<()> {
        let mut follow = self.cache.follow(self.cache.keys().changed());
        let heard = self.listener.finished();
        let mut due = Due { board: true, operators: false };
        let mut not_before = Instant::now();
        loop {
            let at = self.next_at(due).max(not_before);
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                changed = self.board.changed() => {
                    changed.context("the board is gone")?;
                    due.board = true;
                    continue;
                }
                _ = follow.next() => {
                    match self.listener.has_news().await {
                        Ok(news) => due.operators |= news,
                        Err(error) => tracing::warn!(%error, "cannot see whether people wrote something"),
                    }
                    continue;
                }
                () = heard.notified() => {
                    due.board = true;
                    continue;
                }
                () = tokio::time::sleep_until(at) => {}
            }
            match self.publish(due).await {
                Ok(()) => due = Due::default(),
                Err(error) if error.is::<Deposed>() => return Err(error),
                Err(error) => {
                    tracing::warn!(error = format!("{error:#}"), "no snapshot was published; trying again");
                    not_before = Instant::now() + AGAIN;
                }
            }
        }
    }

    /// When the next snapshot is due.
    fn next_at(&self, due: Due) -> Instant {
        let Some(published) = self.published else { return Instant::now() };
        if due.operators {
            published + OPERATORS
        } else if due.board {
            published + pace(self.bytes)
        } else {
            // No sooner than the pace allows, for its moment may have come while a snapshot was being made.
            let end =
                self.next_end.map(|end| (Instant::now() + until(end)).max(published + pace(self.bytes)));
            (published + BEAT).min(end.unwrap_or(published + BEAT))
        }
    }

    async fn publish(&mut self, due: Due) -> anyhow::Result<()> {
        let board = self.board.borrow_and_update().clone();
        if !board.is_complete() {
            // Nothing yet is better than a calm picture that is not true. The board's next change asks again.
            self.published = Some(Instant::now());
            self.next_end = None;
            return Ok(());
        }
        let beat = self.published.is_none_or(|published| published.elapsed() >= BEAT) || self.news.is_none();
        let now = Timestamp::now();
        let keys =
            board.sources.values().flat_map(|source| source.events.iter()).map(|event| event.key.as_str());
        let whole = due.operators || beat || self.listened.is_none_or(|listened| listened.elapsed() >= BEAT);
        self.listener.listen(keys, due.operators, whole, now).await;
        if whole {
            self.listened = Some(Instant::now());
        }
        self.next_end = self.listener.next_end(now);
        self.note_what_cleared(&board, now);
        self.cover(&board).await?;

        let mut snapshot = build(self.parts(&board, now));
        let news = snapshot.news();
        if self.news == Some(news) && !beat {
            return self.listener.keep().await.map_err(deposed_or);
        }
        let revision = (self.revision + 1).max(unix_milliseconds());
        snapshot.revision = NotNews(revision);
        snapshot.generated_at = NotNews(now);
        snapshot.cleared = NotNews(self.cleared.clone());
        let open = incident::open(&snapshot.incidents);
        let events = snapshot.events.len();
        let unplaced = snapshot.events.iter().filter(|event| event.unplaced.is_some()).count();
        let json = snapshot.to_json()?;
        let body = Packed::new(&json)?;
        let bytes = body.gzip().len();
        self.cache
            .write_snapshot(self.fence, now, &CachedSnapshot { revision, body })
            .await
            .map_err(deposed_or)?;
        self.open = open;
        self.revision = revision;
        self.news = Some(news);
        self.bytes = bytes;
        self.published = Some(Instant::now());
        self.metrics.published.inc();
        self.metrics.revision.set(i64::try_from(revision).unwrap_or(i64::MAX));
        self.metrics.bytes.set(i64::try_from(bytes).unwrap_or(i64::MAX));
        self.metrics.events.set(i64::try_from(events).unwrap_or(i64::MAX));
        self.metrics.unplaced.set(i64::try_from(unplaced).unwrap_or(i64::MAX));
        tracing::debug!(revision, events, bytes, beat, "published");
        self.listener.keep().await.map_err(deposed_or)
    }

    /// Compares with the board as it was at the last look.
    fn note_what_cleared(&mut self, board: &Board, now: Timestamp) {
        for (name, before) in &self.before.sources {
            let none = SourceState::default();
            let after = board.sources.get(name).unwrap_or(&none);
            if Arc::ptr_eq(&before.events, &after.events) {
                continue;
            }
            for event in gone(&before.events, &after.events) {
                let place = board.inventory.places.find(&event.host);
                self.cleared.extend(Cleared::of(event, name, place, now));
            }
        }
        self.before = board.clone();
        if !self.cleared.is_empty() {
            let active: HashSet<&str> =
                board.sources.values().flat_map(|s| s.events.iter()).map(|e: &Event| e.id.as_str()).collect();
            prune(&mut self.cleared, |id| active.contains(id), now);
        }
    }

    /// Writes the coverage if it is another one than before.
    async fn cover(&mut self, board: &Board) -> anyhow::Result<()> {
        let inventory = &board.inventory.inventory.version;
        let watched: Vec<_> =
            board.sources.iter().map(|(name, s)| (name.clone(), s.watched.clone())).collect();
        if !self.covered.version.is_empty()
            && self.covered.inventory == *inventory
            && self.covered.watched == watched
        {
            return Ok(());
        }
        let told = watched.iter().filter_map(|(name, watched)| Some((name.as_str(), watched.as_deref()?)));
        let coverage = Coverage::new(told, &board.inventory.places);
        if coverage.version != self.covered.version {
            let document = CachedDocument {
                version: coverage.version.clone(),
                fetched_at: Some(Timestamp::now()),
                error: None,
                body: Packed::new(&serde_json::to_vec(&coverage)?)?,
            };
            let key = self.cache.keys().coverage();
            self.cache.write_document(self.fence, &key, &document).await.map_err(deposed_or)?;
        }
        self.covered = Covered {
            racks: WatchedRacks::new(&coverage, &board.inventory.places),
            version: coverage.version,
            inventory: inventory.clone(),
            watched,
        };
        Ok(())
    }

    fn parts<'a>(&'a self, board: &'a Board, now: Timestamp) -> Parts<'a> {
        let reported = |(name, state): (&'a String, &'a SourceState)| Reported {
            source: Source {
                name: name.as_str().into(),
                kind: state.health.kind.as_str().into(),
                status: state.health.status,
                fetched_at: NotNews(known(state.health.fetched_at, state.health.late_after_s, now)),
                late_after_s: NotNews(state.health.late_after_s),
                stale_after_s: NotNews(state.health.stale_after_s),
                error: state.health.error.as_deref().map(Into::into),
                link: state.health.link.as_str().into(),
                problems: state.health.problems,
            },
            events: &state.events,
            silent: &state.silent,
        };
        let inventory = &board.inventory;
        Parts {
            now,
            sources: board.sources.iter().map(reported).collect(),
            pseudo_sources: vec![
                self.listener.source(),
                Source {
                    name: INVENTORY.into(),
                    kind: INVENTORY.into(),
                    status: inventory.status(),
                    fetched_at: NotNews(known(inventory.fetched_at, inventory.late_after_s, now)),
                    late_after_s: NotNews(inventory.late_after_s),
                    stale_after_s: NotNews(inventory.stale_after_s),
                    error: inventory.error.as_deref().map(Into::into),
                    ..Source::default()
                },
            ],
            places: &inventory.places,
            floor: &inventory.floor,
            inventory_version: &inventory.inventory.version,
            coverage_version: &self.covered.version,
            templates_version: &board.templates_version,
            threads: self.listener.threads(),
            covers: self.listener.covers(),
            ticket_tags: &self.ticket_tags,
            availability: &self.availability,
            watched: &self.covered.racks,
            open: &self.open,
            acknowledgements: self.listener.acknowledgements(),
            notes: self.listener.notes(),
            pasts: self.listener.pasts(),
            cleared: &self.cleared,
        }
    }
}

/// When something was read, unless that is to come: then the clock went back since, or it was another machine's, and nobody
/// knows how old the reading is. Nothing is shown as fresh for that.
fn known(fetched_at: Option<Timestamp>, late_after_s: u64, now: Timestamp) -> Option<Timestamp> {
    fetched_at.filter(|at| *at <= now + Duration::from_secs(late_after_s))
}

/// A deposed publisher must stop, where everything else is tried again.
#[derive(Debug, thiserror::Error)]
#[error("another updater has taken over")]
pub struct Deposed;

fn deposed_or(error: CacheError) -> anyhow::Error {
    match error {
        CacheError::Deposed => Deposed.into(),
        other => other.into(),
    }
}

/// From now to the first moment of that second.
fn until(end: Timestamp) -> Duration {
    let end = u64::try_from(end.unix()).unwrap_or(0).saturating_mul(1000);
    Duration::from_millis(end.saturating_sub(unix_milliseconds()))
}

fn unix_milliseconds() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_at_a_time_that_is_to_come_has_no_known_age() {
        let now = Timestamp::from_unix(1_795_468_075);
        let shown = |fetched_at| known(Some(fetched_at), 15, now);
        let before = now - Duration::from_hours(1);
        assert_eq!(shown(before), Some(before));
        assert_eq!(shown(now), Some(now));
        let little = now + Duration::from_secs(15);
        assert_eq!(shown(little), Some(little), "two machines' clocks may differ a little");
        assert_eq!(shown(now + Duration::from_secs(16)), None);
        assert_eq!(known(None, 15, now), None);
    }
}
