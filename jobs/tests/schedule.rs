//! What is told of a job between its runs, with a real Redis.

#![expect(clippy::unwrap_used, reason = "a test may panic, and so may what it is made of")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::bail;
use heat::cache::Cache;
use heat::config::Secret;
use heat_devkit::backends::Redis;
use heat_devkit::eventually;
use heat_jobs::cadence::Schedule;
use heat_jobs::metrics::Metrics;
use heat_jobs::schedule::{Done, Running, Work};
use prometheus_client::registry::Registry;
use tokio_util::sync::CancellationToken;

const PATIENCE: Duration = Duration::from_secs(30);

/// Goes through its runs one by one, `None` being a failure, and stays with the last.
struct Script {
    runs: &'static [Option<Done>],
    ended: Arc<AtomicUsize>,
}

impl Work for Script {
    async fn run(&mut self) -> anyhow::Result<Done> {
        let run = self.ended.fetch_add(1, Ordering::SeqCst).min(self.runs.len() - 1);
        let Some(done) = self.runs[run] else { bail!("the source refuses") };
        Ok(done)
    }
}

/// What is recorded of a job after all its runs, each begun by hand.
async fn recorded_after(runs: &'static [Option<Done>]) -> String {
    let redis = Redis::shared().await.unwrap();
    let cache = Cache::new(&Secret::new(redis.url()), redis.prefix()).unwrap();
    let fence = cache.take_lease("test").await.unwrap().unwrap();
    let (metrics, stop) = (Metrics::new(&mut Registry::default()), CancellationToken::new());
    let running = Running::start(cache.clone(), fence, metrics.jobs, stop).await.unwrap();
    // A tick of its own comes once in February alone.
    let schedule = Schedule::parse("HEAT_EVENTS_CRON", "0 0 0 29 2 *").unwrap();
    let ended = Arc::new(AtomicUsize::new(0));
    let work = Script { runs, ended: Arc::clone(&ended) };
    let wake = running.add("job", &schedule, PATIENCE, work).await.unwrap();
    eventually("all runs", PATIENCE, async || {
        wake.wake();
        // One more than asked for: the stop below may cut off the last.
        (ended.load(Ordering::SeqCst) > runs.len()).then_some(())
    })
    .await
    .unwrap();
    running.end().await;
    cache.jobs().await.unwrap().first().map(|job| job.outcome.clone()).unwrap_or_default()
}

#[tokio::test]
async fn a_job_that_waits_after_a_failure_is_still_told_of_as_failing() {
    let recorded = recorded_after(&[None, Some(Done::TooSoon)]).await;
    assert_eq!(recorded, "the source refuses");
}

#[tokio::test]
async fn a_job_that_finds_nothing_to_do_after_a_failure_is_well_again() {
    assert_eq!(recorded_after(&[None, Some(Done::Skipped)]).await, "ok");
}

#[tokio::test]
async fn a_job_that_never_had_anything_to_do_has_no_record() {
    assert_eq!(recorded_after(&[Some(Done::Skipped)]).await, "");
}
