//! Following a key: hints that it may have changed. A hint is never the data, and a lost one costs seconds, not truth.

use std::pin::pin;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use deadpool_redis::redis::{ErrorKind, RedisError, aio::MultiplexedConnection, cmd};
use futures_util::StreamExt;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, interval, timeout};

use super::{ANSWER_WITHIN, CONNECT_WITHIN, Cache};

/// Between two looks at the key that no notification asked for.
const LOOK_EVERY: Duration = Duration::from_secs(15);

/// Where notifications may not be had.
const POLL_EVERY: Duration = Duration::from_secs(1);

/// A half-open connection looks just like silence; after so much of it the subscription is made anew.
const SILENT_FOR: Duration = Duration::from_secs(30);

/// `K` keyspace events, `h` hash writes, `$` string writes such as INCR.
const NEEDED_FLAGS: &str = "Kh$";

/// Why a look is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hint {
    /// A notification came: the value has changed.
    Changed,
    /// A connection was made, or time has passed: the value may have changed.
    Look,
}

/// How changes become known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Notifications {
    /// Not connected.
    #[default]
    Away,
    /// By keyspace notifications.
    On,
    /// Redis does not send them and does not let itself be told to; the key is polled each second.
    Polled,
}

/// A running following. Ends when dropped.
#[derive(Debug)]
pub struct Follow {
    hints: mpsc::Receiver<Hint>,
    notifications: watch::Receiver<Notifications>,
    task: tokio::task::JoinHandle<()>,
}

impl Follow {
    /// Waits for the next hint. Hints that nobody waited for are one.
    pub async fn next(&mut self) -> Hint {
        match self.hints.recv().await {
            Some(hint) => hint,
            // Only if the task was stopped, which its owner does by dropping this.
            None => std::future::pending().await,
        }
    }

    /// How changes become known at the moment.
    pub fn notifications(&self) -> watch::Receiver<Notifications> {
        self.notifications.clone()
    }
}

impl Drop for Follow {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Cache {
    /// Follows one key for as long as the result lives: subscribes before the first look, hints after each (re)connect,
    /// at each notification and every 15 s, and reconnects with back-off.
    pub fn follow(&self, key: String) -> Follow {
        let (hint, hints) = mpsc::channel(1);
        let (mode, notifications) = watch::channel(Notifications::default());
        let cache = self.clone();
        let task = tokio::spawn(async move {
            let mut back_off = back_off();
            loop {
                let started = Instant::now();
                let end = cache.follow_once(&key, &hint, &mode).await;
                mode.send_replace(Notifications::Away);
                match end {
                    Ok(()) => continue,
                    Err(error) => tracing::warn!(%key, %error, "lost the subscription to Redis"),
                }
                if started.elapsed() > SILENT_FOR {
                    back_off = self::back_off();
                }
                tokio::time::sleep(back_off.next().unwrap_or(SILENT_FOR)).await;
            }
        });
        Follow { hints, notifications, task }
    }

    /// One subscription, until it breaks (an error) or has been silent for long.
    async fn follow_once(
        &self,
        key: &str,
        hint: &mpsc::Sender<Hint>,
        mode: &watch::Sender<Notifications>,
    ) -> Result<(), RedisError> {
        let home = within(ANSWER_WITHIN, self.servers.home(key)).await?;
        let mut connection = within(CONNECT_WITHIN, home.client.get_multiplexed_async_connection()).await?;
        let notified = within(ANSWER_WITHIN, ensure_flags(&mut connection)).await?;
        let mut subscription = within(CONNECT_WITHIN, home.client.get_async_pubsub()).await?;
        let channel =
            format!("__keyspace@{}__:{key}", home.client.get_connection_info().redis_settings().db());
        within(ANSWER_WITHIN, subscription.subscribe(channel)).await?;
        drop(connection);
        mode.send_replace(if notified { Notifications::On } else { Notifications::Polled });
        give(hint, Hint::Look);
        let mut messages = subscription.into_on_message();
        let mut look = interval(if notified { LOOK_EVERY } else { POLL_EVERY });
        look.reset();
        let mut heard = Instant::now();
        let mut moved = pin!(self.servers.moved(key, &home));
        loop {
            tokio::select! {
                to = &mut moved => {
                    tracing::info!(%key, from = home.at, %to, "the key lives elsewhere now");
                    return Ok(());
                }
                message = messages.next() => {
                    if message.is_none() {
                        return Err(RedisError::from((ErrorKind::Io, "Redis closed the connection")));
                    }
                    heard = Instant::now();
                    give(hint, Hint::Changed);
                }
                _ = look.tick() => {
                    give(hint, Hint::Look);
                    if heard.elapsed() > SILENT_FOR {
                        return Ok(());
                    }
                }
            }
        }
    }
}

/// A full channel holds a hint already, and a look that follows a change sees that too; a change must not be lost
/// behind a look, though: both lead to reading the key.
fn give(hints: &mpsc::Sender<Hint>, hint: Hint) {
    let _ = hints.try_send(hint);
}

fn back_off() -> impl Iterator<Item = Duration> + Send + use<> {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(100))
        .with_max_delay(Duration::from_secs(1))
        .with_jitter()
        .without_max_times()
        .build()
}

async fn within<T>(
    limit: Duration,
    work: impl Future<Output = Result<T, RedisError>>,
) -> Result<T, RedisError> {
    timeout(limit, work)
        .await
        .unwrap_or_else(|_| Err(RedisError::from((ErrorKind::Io, "Redis did not answer in time"))))
}

/// Adds the flags that are missing to `notify-keyspace-events` and drops none. False where that is not allowed.
async fn ensure_flags(connection: &mut MultiplexedConnection) -> Result<bool, RedisError> {
    let setting = "notify-keyspace-events";
    let read: Result<Vec<String>, _> = cmd("CONFIG").arg("GET").arg(setting).query_async(connection).await;
    let flags = match read {
        Ok(pair) => pair.into_iter().nth(1).unwrap_or_default(),
        Err(error) if error.is_connection_dropped() || error.is_timeout() => return Err(error),
        Err(error) => {
            tracing::warn!(%error, "Redis does not tell whether it sends keyspace notifications; polling each second. \
                 Set notify-keyspace-events to {NEEDED_FLAGS} in its configuration and allow CONFIG GET");
            return Ok(false);
        }
    };
    // `A` stands for all classes of events, though not for `K`.
    let has = |flag| flags.contains(flag) || (flag != 'K' && flags.contains('A'));
    let missing: String = NEEDED_FLAGS.chars().filter(|&flag| !has(flag)).collect();
    if missing.is_empty() {
        return Ok(true);
    }
    let wanted = format!("{flags}{missing}");
    match cmd("CONFIG").arg("SET").arg(setting).arg(&wanted).query_async::<()>(connection).await {
        Ok(()) => Ok(true),
        Err(error) if error.is_connection_dropped() || error.is_timeout() => Err(error),
        Err(error) => {
            tracing::warn!(%error, "Redis may not be told to send keyspace notifications; polling each second. \
                 Set notify-keyspace-events to {wanted} in its configuration");
            Ok(false)
        }
    }
}
