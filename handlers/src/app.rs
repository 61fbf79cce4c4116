//! What every request shares, and what a replica does unasked.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use heat::cache::{Cache, ReplicaRecord};
use heat::db::Db;
use heat::db::audit::Actor;
use heat::shift::Shift;
use prometheus_client::registry::Registry;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::access::Access;
use crate::config::Config;
use crate::feed::Feed;
use crate::kept::{ASK_WITHIN, Documents, Pictures, Templates};
use crate::me::Settings;
use crate::metrics::Metrics;
use crate::pace::Pace;
use crate::tokens::Tokens;

/// A replica is forgotten after three of these.
const HEARTBEAT_EVERY: Duration = Duration::from_secs(5);

/// Writing is rare and short; reading a thread is one index scan.
const DATABASE_CONNECTIONS: usize = 8;

/// One replica.
pub(crate) struct App {
    /// Its name among the replicas.
    pub(crate) id: String,
    /// Redis.
    pub(crate) cache: Cache,
    /// Postgres.
    pub(crate) db: Db,
    /// The latest snapshot, ready to be sent.
    pub(crate) feed: Feed,
    /// The latest snapshot, parsed, for lookups.
    pub(crate) pictures: Pictures,
    /// The inventory and the coverage by their versions.
    pub(crate) documents: Documents,
    /// The active templates, parsed.
    pub(crate) templates: Templates,
    /// Who may do what.
    pub(crate) access: Access,
    /// Tokens, as Postgres knows them.
    pub(crate) tokens: Tokens,
    /// How much one caller may ask for.
    pub(crate) pace: Pace,
    /// How the picture is drawn.
    pub(crate) settings: Settings,
    /// When the people on duty change.
    pub(crate) shifts: Vec<Shift>,
    /// Counters.
    pub(crate) metrics: Arc<Metrics>,
    /// Room for sockets.
    pub(crate) room: Arc<Semaphore>,
    /// How long a socket of somebody who is logged in lasts at most.
    pub(crate) socket_max_age: Duration,
    /// Sockets, and what runs beside the requests; all end after `stop`.
    pub(crate) tasks: TaskTracker,
    /// The replica is to end.
    pub(crate) stop: CancellationToken,
}

impl App {
    /// Connects nothing yet: a store that is away does not keep a replica from starting.
    pub(crate) fn start(
        config: Config,
        address: SocketAddr,
        registry: &mut Registry,
        stop: CancellationToken,
    ) -> anyhow::Result<Arc<Self>> {
        let cache = Cache::new(&config.redis_url, &config.redis_prefix)?;
        let db = Db::new(&config.database_url, DATABASE_CONNECTIONS)?;
        let metrics = Arc::new(Metrics::new(registry));
        let tasks = TaskTracker::new();
        let (feed, carry) = Feed::new(cache.clone(), Arc::clone(&metrics));
        tasks.spawn(stop.clone().run_until_cancelled_owned(carry));
        let app = Arc::new(Self {
            id: replica_id(address),
            documents: Documents::new(&cache),
            templates: Templates::default(),
            cache,
            tokens: Tokens::new(db.clone(), tasks.clone()),
            pace: Pace::new(),
            db,
            feed,
            pictures: Pictures::default(),
            access: config.access,
            settings: config.settings,
            shifts: config.shifts,
            metrics,
            socket_max_age: config.socket_max_age,
            room: Arc::new(Semaphore::new(config.sockets)),
            tasks: tasks.clone(),
            stop: stop.clone(),
        });
        tasks.spawn(stop.run_until_cancelled_owned(heartbeat(Arc::clone(&app))));
        Ok(app)
    }
}

impl App {
    /// Tells the publisher that somebody wrote something the snapshot shows, after the commit. If that fails, the write
    /// stands, and the next beat shows it.
    pub(crate) async fn tell_changed(&self, actor: &Actor) {
        let told = timeout(ASK_WITHIN, self.cache.tell_changed()).await;
        let why = match told {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error.to_string(),
            Err(_) => "Redis did not answer in time".to_owned(),
        };
        let request_id = &actor.request_id;
        tracing::warn!(
            error = why,
            request_id,
            "written, but the publisher was not told; the next beat shows it"
        );
    }
}

/// The machine and the port: the same replica keeps its name over a restart, and two on one machine differ.
fn replica_id(address: SocketAddr) -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match host.trim() {
        "" => address.to_string(),
        host => format!("{host}:{}", address.port()),
    }
}

/// Says every few seconds that this replica lives, for `/status`.
async fn heartbeat(app: Arc<App>) {
    let mut beat = tokio::time::interval(HEARTBEAT_EVERY);
    loop {
        beat.tick().await;
        app.pace.forget();
        let replica = ReplicaRecord {
            id: app.id.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            sockets: u64::try_from(app.metrics.sockets.get()).unwrap_or(0),
            revision: app.feed.latest().map_or(0, |frame| frame.revision),
        };
        if let Err(error) = app.cache.write_replica(&replica).await {
            // The feed tells of an outage; here it costs a line on /status.
            tracing::debug!(%error, "cannot say that this replica lives");
        }
    }
}
