//! The working updater, from the moment it gets the lease to the moment it loses it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use backon::{ExponentialBuilder, Retryable};
use heat::cache::{Cache, Fence};
use heat::db::Db;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::acknowledgements::EndWorsened;
use crate::board::Board;
use crate::config::Config;
use crate::delivery::{Delivery, READ_BACK_AFTER};
use crate::incidents::JoinTickets;
use crate::inventory::ReadInventory;
use crate::lease;
use crate::listen::Listener;
use crate::metrics::Metrics;
use crate::openings::{Housekeeping, RecordOpenings};
use crate::publish::Publisher;
use crate::refresh::{Env, Refresh};
use crate::schedule::{Running, Wake};
use crate::templates::PullTemplates;
use crate::views::{self, EvaluateViews};
use crate::write_back::{self, WriteBack};

/// A sweep of a large, slow source may take long; its client has limits of its own.
const REFRESH_LIMIT: Duration = Duration::from_mins(5);
const INVENTORY_LIMIT: Duration = Duration::from_mins(10);
const TEMPLATES_LIMIT: Duration = Duration::from_mins(5);
const POSTGRES_LIMIT: Duration = Duration::from_mins(2);
const WRITE_BACK_LIMIT: Duration = Duration::from_mins(5);

/// The updater's connections to Postgres: the listener, five jobs, the migrations, and two of the delivery's.
const CONNECTIONS: usize = 10;

/// Runs until `stop`: waits for the lease, works while it is held.
///
/// # Errors
/// Only for what makes work impossible from the start: a URL that is none.
pub async fn run(config: Config, metrics: Metrics, stop: CancellationToken) -> anyhow::Result<()> {
    let cache = Cache::new(&config.redis_url, &config.redis_prefix)?;
    let db = Db::new(&config.database_url, CONNECTIONS)?;
    let owner = format!("{}:{:032x}", hostname(), random());
    let delivering = match &config.tickets {
        Some(tickets) => {
            let delivery = Delivery {
                cache: cache.clone(),
                db: db.clone(),
                target: tickets.target()?,
                schedule: tickets.schedule.clone(),
                quiet: tickets.quiet,
                read_back_after: READ_BACK_AFTER,
                metrics: metrics.delivery.clone(),
            };
            Some(tokio::spawn(delivery.run(stop.clone())))
        }
        None => None,
    };
    let config = Arc::new(config);
    lease::hold(&cache, &owner, &stop, |fence, over| {
        let work = Working { config: Arc::clone(&config), cache: cache.clone(), db: db.clone(), fence };
        let metrics = metrics.clone();
        async move {
            metrics.working.set(1);
            if let Err(error) = Box::pin(work.run(&metrics, over)).await {
                tracing::warn!(error = format!("{error:#}"), "the work ended");
            }
            metrics.working.set(0);
        }
    })
    .await;
    if let Some(delivering) = delivering {
        delivering.await?;
    }
    Ok(())
}

struct Working {
    config: Arc<Config>,
    cache: Cache,
    db: Db,
    fence: Fence,
}

impl Working {
    async fn run(self, metrics: &Metrics, over: CancellationToken) -> anyhow::Result<()> {
        let mut migrating = tokio::spawn(migrate(self.db.clone(), over.clone()));
        let sources: Vec<_> =
            self.config.sources.iter().map(|source| (source.name.clone(), source.kind())).collect();
        if self.config.templates.is_none() {
            self.cache.forget_templates(self.fence).await?;
        }
        let board = Board::read(&self.cache, &sources).await.context("Redis could not be read")?;
        let (post, look) = watch::channel(board);
        let listener = Listener::new(self.cache.clone(), self.db.clone(), self.fence).await?;
        let publisher = Publisher::new(
            self.cache.clone(),
            self.fence,
            listener,
            look.clone(),
            self.config.availability.clone(),
            metrics.snapshot.clone(),
            self.config.ticket_tags.clone(),
        )
        .await?;
        let running =
            Running::start(self.cache.clone(), self.fence, metrics.jobs.clone(), over.child_token()).await?;
        self.schedule(&running, &post, metrics).await?;
        let ending = over.child_token();
        let publishing = async {
            let ended = Box::pin(publisher.run(over.clone())).await;
            ending.cancel();
            ended
        };
        let with_postgres = async {
            tokio::select! {
                () = ending.cancelled() => Ok(()),
                _ = &mut migrating => {
                    let views = self.schedule_with_postgres(&running, look.clone()).await?;
                    tokio::select! {
                        () = ending.cancelled() => Ok(()),
                        () = views::wake(&self.cache, look, &views) => Ok(()),
                    }
                }
            }
        };
        let (ended, scheduled) = tokio::join!(publishing, with_postgres);
        running.end().await;
        migrating.abort();
        ended.and(scheduled)
    }

    /// The table of jobs, those that read.
    async fn schedule(
        &self,
        running: &Running,
        post: &watch::Sender<Board>,
        metrics: &Metrics,
    ) -> anyhow::Result<()> {
        let config = &self.config;
        for source in &config.sources {
            let env = Env {
                cache: self.cache.clone(),
                db: self.db.clone(),
                fence: self.fence,
                board: post.clone(),
                metrics: metrics.sources.clone(),
            };
            let name = source.name.clone();
            let interval = config.events.interval();
            let refresh = Refresh::new(name.clone(), source.client()?, interval, config.map_severity, env);
            running.add(&format!("refresh {name}"), &config.events, REFRESH_LIMIT, refresh).await?;
        }
        let inventory = ReadInventory {
            source: config.inventory.source()?,
            interval: config.inventory_schedule.interval(),
            cache: self.cache.clone(),
            fence: self.fence,
            board: post.clone(),
            told: None,
            metrics: metrics.sources.clone(),
        };
        running.add("inventory", &config.inventory_schedule, INVENTORY_LIMIT, inventory).await?;
        if let Some(repository) = &config.templates {
            let templates = PullTemplates {
                repository: repository.clone(),
                cache: self.cache.clone(),
                fence: self.fence,
                board: post.clone(),
                metrics: metrics.templates.clone(),
                checked: None,
            };
            running.add("templates", &config.templates_schedule, TEMPLATES_LIMIT, templates).await?;
        }
        Ok(())
    }

    /// The table of jobs, those that need Postgres: they begin once its schema is up to date. Returns what wakes the one
    /// for which people wait.
    async fn schedule_with_postgres(
        &self,
        running: &Running,
        look: watch::Receiver<Board>,
    ) -> anyhow::Result<Wake> {
        let config = &self.config;
        let views = EvaluateViews::new(self.cache.clone(), self.db.clone(), self.fence, look.clone());
        let views = running.add("views", &config.events, POSTGRES_LIMIT, views).await?;
        if let Some(tickets) = &config.tickets {
            let join = JoinTickets {
                cache: self.cache.clone(),
                db: self.db.clone(),
                fence: self.fence,
                board: look.clone(),
                quiet: tickets.quiet,
                seen: None,
            };
            running.add("incidents", &config.events, POSTGRES_LIMIT, join).await?;
        }
        let worsened = EndWorsened { db: self.db.clone(), fence: self.fence, board: look.clone() };
        running.add("acknowledgements", &config.events, POSTGRES_LIMIT, worsened).await?;
        let mut told = BTreeMap::new();
        for source in &config.sources {
            told.extend(source.acknowledger()?.map(|acknowledger| (source.name.clone(), acknowledger)));
        }
        if !told.is_empty() {
            let write_back = WriteBack::new(self.db.clone(), self.fence, told, write_back::READ_BACK_AFTER);
            running.add("write-back", &config.events, WRITE_BACK_LIMIT, write_back).await?;
        }
        let openings = RecordOpenings::new(self.db.clone(), self.fence, look);
        running.add("openings", &config.events, POSTGRES_LIMIT, openings).await?;
        let housekeeping = Housekeeping { db: self.db.clone(), fence: self.fence, keep: config.keep_history };
        running.add("housekeeping", &config.housekeeping, POSTGRES_LIMIT, housekeeping).await?;
        Ok(views)
    }
}

/// Brings the schema up to date as soon as Postgres can be reached; snapshots do not wait for it.
async fn migrate(db: Db, over: CancellationToken) {
    let back_off = ExponentialBuilder::default()
        .with_max_delay(Duration::from_secs(10))
        .with_jitter()
        .without_max_times();
    let migrated = (|| db.migrate())
        .retry(back_off)
        .when(|_| !over.is_cancelled())
        .notify(|error, after| tracing::warn!(%error, ?after, "the schema is not up to date; trying again"))
        .await;
    match migrated {
        Ok(applied) if applied.is_empty() => {}
        Ok(applied) => tracing::info!(?applied, "migrations"),
        Err(error) => tracing::warn!(%error, "the schema is not up to date"),
    }
}

fn hostname() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .map_or_else(|_| "updater".to_owned(), |name| name.trim().to_owned())
}

/// Differs between processes: the standard library seeds its hash maps anew for each.
fn random() -> u128 {
    use std::hash::{BuildHasher, RandomState};
    let half = || u128::from(RandomState::new().hash_one(std::process::id()));
    half() << 64 | half()
}
