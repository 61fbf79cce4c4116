//! Of several updaters one works. The others wait, and one of them takes over within the lease's time.

use std::time::Duration;

use heat::cache::{Cache, Fence, LEASE_FOR, RENEW_EVERY};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

/// How often a waiting updater looks whether the lease is free.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Work must have stopped before another may begin, so one that cannot renew its lease gives up some time before the end.
const GIVE_UP_AFTER: Duration = Duration::from_secs(8);
const _: () = assert!(GIVE_UP_AFTER.as_secs() < LEASE_FOR.as_secs());

/// How long work may take to end once it is told to. Its writes are refused by then in any case.
const END_WITHIN: Duration = Duration::from_secs(10);

/// Holds the lease whenever it can be had, and runs `work` while it is held, until `stop`.
///
/// `work` gets the fence its writes must carry and a token that is cancelled when it must end; it may end early, when a
/// write told it that it was deposed, and is then begun again under a new lease.
pub async fn hold<W, F>(cache: &Cache, owner: &str, stop: &CancellationToken, work: W)
where
    W: Fn(Fence, CancellationToken) -> F,
    F: Future<Output = ()> + Send + 'static,
{
    let mut waiting = None;
    while !stop.is_cancelled() {
        let why = match cache.take_lease(owner).await {
            Ok(Some(fence)) => {
                waiting = None;
                tracing::info!(fence = fence.number(), "working: this updater holds the lease");
                let over = stop.child_token();
                let mut working = tokio::spawn(work(fence, over.clone()));
                let why = tokio::select! {
                    why = until_lost(cache, owner, fence) => why,
                    () = stop.cancelled() => "asked to stop",
                    _ = &mut working => "the work ended",
                };
                tracing::info!(why, "no longer working");
                over.cancel();
                if !working.is_finished() && timeout(END_WITHIN, &mut working).await.is_err() {
                    tracing::warn!("the work did not end in time; it is cut off");
                    working.abort();
                }
                if let Err(error) = cache.release_lease(owner).await {
                    tracing::debug!(%error, "the lease was not given back; it ends by itself");
                }
                continue;
            }
            Ok(None) => "another updater holds the lease".to_owned(),
            Err(error) => error.to_string(),
        };
        if waiting.as_ref() != Some(&why) {
            tracing::info!(%why, "waiting for the lease");
            waiting = Some(why);
        }
        tokio::select! {
            () = sleep(LOOK_EVERY) => {}
            () = stop.cancelled() => {}
        }
    }
}

/// Renews the lease until that is no longer possible.
async fn until_lost(cache: &Cache, owner: &str, fence: Fence) -> &'static str {
    let mut renewed = Instant::now();
    loop {
        sleep(RENEW_EVERY).await;
        let asked = Instant::now();
        match cache.renew_lease(owner, fence).await {
            Ok(true) => renewed = asked,
            Ok(false) => return "the lease is lost",
            Err(error) => {
                tracing::warn!(%error, "the lease could not be renewed");
                if renewed.elapsed() + RENEW_EVERY > GIVE_UP_AFTER {
                    return "the lease could not be renewed in time";
                }
            }
        }
    }
}
