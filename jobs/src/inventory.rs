//! The inventory job: reads the whole inventory and puts it in the cache where it is another than before.

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use backon::{ExponentialBuilder, Retryable};
use heat::cache::{Cache, CachedDocument, Fence};
use heat::inventory::{Damage, Inventory};
use heat::packed::Packed;
use heat::snapshot::INVENTORY;
use heat::time::Timestamp;

use crate::board::{InventoryState, Post};
use crate::cadence::{Ages, ages};
use crate::metrics::SourceMetrics;
use crate::schedule::{Done, Work};
use crate::upstream::inventory::{InventorySource, Reading};

/// Of more damage nobody reads the rest.
const MOST_DAMAGE: usize = 10_000;

/// The job's state for as long as a lease lasts.
pub struct ReadInventory {
    /// Where it is read from.
    pub source: InventorySource,
    /// How often.
    pub interval: Duration,
    /// Redis.
    pub cache: Cache,
    /// The working updater's fence.
    pub fence: Fence,
    /// Where results are posted.
    pub board: Post,
    /// What is told of as damaged.
    pub told: Option<Vec<Damage>>,
    /// Where it is counted, beside the sources.
    pub metrics: SourceMetrics,
}

impl ReadInventory {
    /// Reads, and tries again a few times: between two runs minutes pass.
    async fn read(&mut self) -> anyhow::Result<Reading> {
        let back_off = ExponentialBuilder::default().with_max_times(3).with_jitter();
        let source = tokio::sync::Mutex::new(&mut self.source);
        (|| async { source.lock().await.read().await })
            .retry(back_off)
            .notify(|error, after| tracing::warn!(%error, ?after, "the inventory could not be read; trying again"))
            .await
            .context("the inventory could not be read; the last one is shown")
    }

    async fn store(&mut self, reading: Reading, took: Duration) -> anyhow::Result<()> {
        let state = self.board.borrow().inventory.clone();
        let Reading { inventory, damage, remarks, origin, .. } = reading;
        if inventory.racks.is_empty() && !state.inventory.racks.is_empty() {
            bail!("{origin} holds no racks any more; that is not believed, the last inventory is kept");
        }
        self.tell(damage).await?;
        let now = Timestamp::now();
        let key = self.cache.keys().inventory();
        let same = inventory.version == state.inventory.version;
        if same {
            self.cache.write_document_times(self.fence, &key, Some(now), None).await?;
        } else {
            let document = CachedDocument {
                version: inventory.version.clone(),
                fetched_at: Some(now),
                error: None,
                body: packed(&inventory)?,
            };
            self.cache.write_document(self.fence, &key, &document).await?;
            let (racks, devices) = (inventory.racks.len(), inventory.devices.len());
            let damage = self.told.as_ref().map_or(0, Vec::len);
            tracing::info!(%origin, racks, devices, damage, "a new inventory");
            for remark in remarks {
                tracing::warn!(%remark, "the inventory");
            }
        }
        let ages = ages(self.interval, took);
        let read = if same { state.clone() } else { InventoryState::of(inventory) };
        let read = InventoryState {
            fetched_at: Some(now),
            error: None,
            late_after_s: ages.late_after_s,
            stale_after_s: ages.stale_after_s,
            asked: true,
            ..read
        };
        let news = !same || state.error.is_some() || !state.asked;
        self.board.send_if_modified(|board| {
            board.inventory = read;
            news
        });
        Ok(())
    }
}

impl ReadInventory {
    /// Tells the people who can mend it what is damaged, if that is not what they were told last.
    async fn tell(&mut self, mut damage: Vec<Damage>) -> anyhow::Result<()> {
        damage.truncate(MOST_DAMAGE);
        if self.told.as_ref() != Some(&damage) {
            self.cache.write_damage(self.fence, &damage).await?;
            self.told = Some(damage);
        }
        Ok(())
    }
}

fn packed(inventory: &Inventory) -> anyhow::Result<Packed> {
    Ok(Packed::new(&serde_json::to_vec(inventory)?)?)
}

impl Work for ReadInventory {
    async fn run(&mut self) -> anyhow::Result<Done> {
        let started = Instant::now();
        let read = self.read().await;
        let stored = match read {
            Ok(reading) => self.store(reading, started.elapsed()).await,
            Err(error) => Err(error),
        };
        if let Err(error) = &stored {
            let reason = format!("{error:#}");
            let ages = ages(self.interval, Duration::ZERO);
            self.board.send_if_modified(|board| {
                let inventory = &mut board.inventory;
                let news = inventory.error.as_ref() != Some(&reason) || !inventory.asked;
                inventory.asked = true;
                inventory.late_after_s = inventory.late_after_s.max(ages.late_after_s);
                inventory.stale_after_s = inventory.stale_after_s.max(ages.stale_after_s);
                inventory.error = Some(reason);
                news
            });
        }
        let state = self.board.borrow();
        let inventory = &state.inventory;
        let ages = Ages { late_after_s: inventory.late_after_s, stale_after_s: inventory.stale_after_s };
        self.metrics.asked(INVENTORY, stored.is_ok(), inventory.fetched_at, ages);
        drop(state);
        stored.map(|()| Done::Ran)
    }
}
