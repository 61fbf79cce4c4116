//! What the updater knows at the moment, in memory: every source's last good answer, the inventory, and which templates
//! are active.
//!
//! A job stores its result in Redis first and posts it here afterwards; the publisher and the openings job are told that
//! the board has changed and look at it whole. It is a cache of Redis, not a second way of the data: a new updater reads
//! it back from there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use heat::cache::{Cache, CacheError, CachedSource, SourceHealth};
use heat::coverage::Watched;
use heat::event::Event;
use heat::floor::Floor;
use heat::inventory::Inventory;
use heat::placement::Places;
use heat::snapshot::Status;
use heat::time::Timestamp;
use tokio::sync::watch;

/// One source.
#[derive(Clone, Debug, Default)]
pub struct SourceState {
    /// How it is doing.
    pub health: SourceHealth,
    /// Its active events, sorted by key and id.
    pub events: Arc<Vec<Event>>,
    /// What it watches, once it has told.
    pub watched: Option<Arc<Watched>>,
    /// Hosts behind a dead proxy.
    pub silent: Arc<BTreeSet<String>>,
    /// It has answered or failed at least once since Redis was last empty.
    pub asked: bool,
}

/// The inventory.
#[derive(Clone, Debug, Default)]
pub struct InventoryState {
    /// The inventory that is on screen.
    pub inventory: Arc<Inventory>,
    /// Its index.
    pub places: Arc<Places>,
    /// What stands where in it.
    pub floor: Arc<Floor>,
    /// Its last complete reading.
    pub fetched_at: Option<Timestamp>,
    /// Why the last reading failed.
    pub error: Option<String>,
    /// Age from which it is late, in seconds.
    pub late_after_s: u64,
    /// Age from which it is stale, in seconds.
    pub stale_after_s: u64,
    /// It was read, or reading failed, at least once.
    pub asked: bool,
}

/// Everything.
#[derive(Clone, Debug, Default)]
pub struct Board {
    /// Every configured source, by name.
    pub sources: BTreeMap<String, SourceState>,
    /// The inventory.
    pub inventory: InventoryState,
    /// Id of the active commit of the templates; empty while there is none. A snapshot does not wait for one.
    pub templates_version: String,
}

impl Board {
    /// Reads back from Redis what an updater before this one knew of the configured sources, given as name and kind.
    pub async fn read(cache: &Cache, sources: &[(String, &'static str)]) -> Result<Self, CacheError> {
        let mut board = Self::default();
        for (name, kind) in sources {
            let state = match cache.source(name).await {
                Ok(Some(cached)) => SourceState::from(cached),
                Ok(None) => SourceState::unknown(kind),
                Err(error @ CacheError::Form { .. }) => {
                    tracing::warn!(%error, source = %name, "starting without the last answer");
                    SourceState::unknown(kind)
                }
                Err(error) => return Err(error),
            };
            board.sources.insert(name.clone(), state);
        }
        match cache.document(&cache.keys().inventory()).await {
            Ok(Some(document)) => match document.body.json().map(|json| serde_json::from_slice(&json)) {
                Ok(Ok(inventory)) => {
                    board.inventory = InventoryState {
                        fetched_at: document.fetched_at,
                        error: document.error,
                        ..InventoryState::of(inventory)
                    }
                }
                unreadable => tracing::warn!(?unreadable, "starting without the last inventory"),
            },
            Ok(None) => {}
            Err(error @ CacheError::Form { .. }) => {
                tracing::warn!(%error, "starting without the last inventory");
            }
            Err(error) => return Err(error),
        }
        match cache.templates_record().await {
            Ok(record) => board.templates_version = record.unwrap_or_default().version,
            Err(error @ CacheError::Form { .. }) => {
                tracing::warn!(%error, "starting without the last templates");
            }
            Err(error) => return Err(error),
        }
        Ok(board)
    }

    /// Whether a snapshot would tell the truth: everything has been asked at least once.
    pub fn is_complete(&self) -> bool {
        self.inventory.asked && self.sources.values().all(|source| source.asked)
    }
}

impl SourceState {
    fn unknown(kind: &str) -> Self {
        let health = SourceHealth { kind: kind.to_owned(), ..SourceHealth::default() };
        Self { health, ..Self::default() }
    }
}

impl From<CachedSource> for SourceState {
    fn from(cached: CachedSource) -> Self {
        Self {
            asked: cached.health.status != Status::Unknown,
            health: cached.health,
            events: Arc::new(cached.events),
            watched: cached.watched.map(Arc::new),
            silent: Arc::new(cached.silent),
        }
    }
}

impl InventoryState {
    /// How its last reading went.
    pub fn status(&self) -> Status {
        match (self.fetched_at, &self.error) {
            (_, Some(_)) => Status::Failed,
            (Some(_), None) => Status::Ok,
            (None, None) => Status::Unknown,
        }
    }

    /// An inventory in canonical form, with its indexes made.
    pub fn of(inventory: Inventory) -> Self {
        let places = Arc::new(Places::new(&inventory));
        let floor = Arc::new(Floor::new(&inventory));
        Self { inventory: Arc::new(inventory), places, floor, asked: true, ..Self::default() }
    }
}

/// Where jobs post.
pub type Post = watch::Sender<Board>;
