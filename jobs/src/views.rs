//! The views job: keeps for whom each view holds in the cache.
//!
//! An inventory is indexed by its tags once per version; a view is worked out when it or the inventory is new. Whoever
//! makes a view waits for it, so that the job is woken by the counter of what people wrote.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use heat::cache::{Cache, CachedDocument, Fence};
use heat::db::Db;
use heat::db::views::StoredView;
use heat::inventory::Inventory;
use heat::packed::Packed;
use heat::rackcode::{Predicates, TagIndex};
use heat::time::Timestamp;
use heat::view::{ViewId, ViewMembers};
use tokio::sync::watch;

use crate::board::Board;
use crate::schedule::{Done, Wake, Work};

/// Postgres is looked at even if nobody told of a change: telling may have failed.
const LOOK_EVERY: Duration = Duration::from_secs(20);

/// The job's state for as long as a lease lasts.
pub struct EvaluateViews {
    cache: Cache,
    db: Db,
    fence: Fence,
    board: watch::Receiver<Board>,
    index: Option<Indexed>,
    /// What is in the cache: each view's version, and that of its members.
    kept: Option<HashMap<ViewId, (i64, String)>>,
    /// The counter of what people wrote, as of the last look.
    counter: Option<u64>,
    looked: Option<Instant>,
}

/// An inventory's tags.
#[derive(Clone)]
struct Indexed {
    of: Arc<Inventory>,
    tags: Arc<TagIndex>,
    /// Why there are no predicates.
    error: Option<String>,
}

impl EvaluateViews {
    /// Knows nothing yet.
    pub fn new(cache: Cache, db: Db, fence: Fence, board: watch::Receiver<Board>) -> Self {
        Self { cache, db, fence, board, index: None, kept: None, counter: None, looked: None }
    }

    async fn look(&mut self, inventory: Arc<Inventory>) -> anyhow::Result<()> {
        let versions = self.db.view_versions().await?;
        let is_new_inventory = self.index.as_ref().is_none_or(|index| index.of.version != inventory.version);
        if is_new_inventory {
            self.index = Some(tokio::task::spawn_blocking(move || Indexed::new(inventory)).await?);
        }
        let index = self.index.clone().context("an inventory without an index")?;
        let mut kept = match self.kept.take() {
            Some(kept) => kept,
            // What an updater before this one left; of no version that this one would keep.
            None => self.cache.view_ids().await?.into_iter().map(|id| (id, (0, String::new()))).collect(),
        };
        let gone: Vec<_> = kept
            .keys()
            .filter(|id| versions.binary_search_by_key(id, |(id, _)| id).is_err())
            .copied()
            .collect();
        for id in gone {
            self.cache.forget_view(self.fence, id).await?;
            kept.remove(&id);
        }
        let is_due = |id: &ViewId, version: i64| {
            is_new_inventory || kept.get(id).is_none_or(|(kept, _)| *kept != version)
        };
        let due: Vec<_> =
            versions.iter().filter(|(id, version)| is_due(id, *version)).map(|(id, _)| *id).collect();
        if !due.is_empty() {
            let views = self.db.views_by_id(&due).await?;
            let made = tokio::task::spawn_blocking(move || {
                views.iter().map(|view| index.evaluate(view)).collect::<Result<Vec<_>, _>>()
            });
            for (id, version, members) in made.await?? {
                if kept.get(&id).is_none_or(|(_, kept)| *kept != members.version) {
                    self.cache.write_view(self.fence, id, &members).await?;
                }
                kept.insert(id, (version, members.version));
            }
        }
        self.kept = Some(kept);
        Ok(())
    }
}

impl Indexed {
    fn new(inventory: Arc<Inventory>) -> Self {
        let (predicates, error) = match Predicates::of(&inventory) {
            Ok(predicates) => (predicates, None),
            Err(error) => {
                (Predicates::default(), Some(format!("the inventory's predicates are void: {error}")))
            }
        };
        Self { tags: Arc::new(TagIndex::new(&inventory, &predicates)), of: inventory, error }
    }

    /// For whom a view holds, ready to be kept.
    fn evaluate(&self, view: &StoredView) -> anyhow::Result<(ViewId, i64, CachedDocument)> {
        let broken = self.error.as_deref();
        let members = ViewMembers::new(view.version, &view.expression, &self.tags, &self.of.version, broken);
        let body = Packed::new(&serde_json::to_vec(&members)?)?;
        let ViewMembers { version, error, .. } = members;
        let document = CachedDocument { version, fetched_at: Some(Timestamp::now()), error, body };
        Ok((view.id, view.version, document))
    }
}

impl Work for EvaluateViews {
    async fn run(&mut self) -> anyhow::Result<Done> {
        let mut done = Done::Skipped;
        loop {
            let counter = self.cache.changed().await?;
            let inventory = Arc::clone(&self.board.borrow_and_update().inventory.inventory);
            let is_current = self.index.as_ref().is_some_and(|index| index.of.version == inventory.version);
            let is_recent = self.looked.is_some_and(|looked| looked.elapsed() < LOOK_EVERY);
            let is_told = self.kept.is_some() && self.counter == Some(counter);
            // Before an inventory was read there is nobody for whom a view could hold.
            if inventory.version.is_empty() || is_current && is_recent && is_told {
                return Ok(done);
            }
            self.look(inventory).await?;
            (self.counter, self.looked) = (Some(counter), Some(Instant::now()));
            done = Done::Ran;
        }
    }
}

/// Wakes the job whenever people wrote something or the board has changed, for as long as it is polled.
pub async fn wake(cache: &Cache, mut board: watch::Receiver<Board>, job: &Wake) {
    let mut follow = cache.follow(cache.keys().changed());
    loop {
        tokio::select! {
            _ = follow.next() => {}
            changed = board.changed() => if changed.is_err() { return },
        }
        job.wake();
    }
}
