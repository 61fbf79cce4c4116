//! The schedule: jobs run by cron expression, never two runs of one job at once, and what becomes of each run is kept.
//!
//! tokio-cron-scheduler gives the ticks. It has no guard against overlap, swallows panics, does not wait for runs at its end
//! and stands still while the clock is behind where it was, so those four are here.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use heat::cache::{Cache, Fence, JobRecord};
use heat::time::Timestamp;
use tokio::sync::Mutex;
use tokio_cron_scheduler::job::JobId;
use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::cadence::Schedule;
use crate::metrics::{JobLabels, JobMetrics, JobOutcome, Outcome};

/// How often is looked whether the clock went back.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What a job did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    /// Its work.
    Ran,
    /// Nothing, because there was nothing to do: not worth a record, except that it ends a failure.
    Skipped,
    /// Nothing, because it was too soon after the last run: not worth a record, and says nothing of how the job is.
    TooSoon,
}

/// Something that runs again and again. One value lives as long as the lease, so it may keep state between runs.
pub trait Work: Send + 'static {
    /// One run. An error is recorded and the job runs again at its next tick.
    fn run(&mut self) -> impl Future<Output = anyhow::Result<Done>> + Send;
}

/// Begins a run of one job, unless one is under way.
pub struct Wake(Box<dyn Fn() + Send + Sync>);

impl Wake {
    /// Now.
    pub fn wake(&self) {
        (self.0)();
    }
}

/// The running schedule.
pub struct Running {
    scheduler: JobScheduler,
    env: Env,
}

/// What every job's guard needs.
#[derive(Clone)]
struct Env {
    cache: Cache,
    fence: Fence,
    metrics: JobMetrics,
    runs: TaskTracker,
    stop: CancellationToken,
}

impl Running {
    /// Starts an empty schedule. `stop` ends the runs that are under way.
    pub async fn start(
        cache: Cache,
        fence: Fence,
        metrics: JobMetrics,
        stop: CancellationToken,
    ) -> Result<Self, JobSchedulerError> {
        let scheduler = JobScheduler::new().await?;
        scheduler.start().await?;
        Ok(Self { scheduler, env: Env { cache, fence, metrics, runs: TaskTracker::new(), stop } })
    }

    /// Adds a job: it runs at once, then by `schedule` and whenever it is woken; a run that takes longer than `limit` is
    /// cut off.
    pub async fn add<W: Work>(
        &self,
        name: &str,
        schedule: &Schedule,
        limit: Duration,
        work: W,
    ) -> Result<Wake, JobSchedulerError> {
        let guarded = Arc::new(Guarded {
            name: name.to_owned(),
            schedule: schedule.clone(),
            limit,
            work: Arc::new(Mutex::new(work)),
            failing: AtomicBool::new(false),
            env: self.env.clone(),
        });
        let tick = Arc::clone(&guarded);
        let job = Job::new_async(schedule.text(), move |_, _| {
            let guarded = Arc::clone(&tick);
            Box::pin(async move { guarded.begin() })
        })?;
        let id = self.scheduler.add(job).await?;
        let clock =
            Clock { name: name.to_owned(), schedule: schedule.clone(), scheduler: self.scheduler.clone() };
        let stop = self.env.stop.clone();
        self.env.runs.spawn(async move {
            while stop.run_until_cancelled(tokio::time::sleep(LOOK_EVERY)).await.is_some() {
                if let Err(error) = clock.follow(id).await {
                    tracing::warn!(job = %clock.name, %error, "when it runs next is not known");
                }
            }
        });
        guarded.begin();
        Ok(Wake(Box::new(move || guarded.begin())))
    }

    /// Stops the ticks and waits for the runs that are under way to notice `stop`.
    pub async fn end(mut self) {
        self.env.stop.cancel();
        if let Err(error) = self.scheduler.shutdown().await {
            tracing::warn!(%error, "the scheduler did not stop cleanly");
        }
        self.env.runs.close();
        self.env.runs.wait().await;
    }
}

/// The clock by which a job runs: the machine's, which may be set back.
struct Clock {
    name: String,
    schedule: Schedule,
    scheduler: JobScheduler,
}

impl Clock {
    /// Has a job tick sooner if by the clock as it is now it waits too long.
    async fn follow(&self, id: JobId) -> Result<(), JobSchedulerError> {
        let due = self.scheduler.clone().next_tick_for_job(id).await?;
        let Some(tick) = due.and_then(|due| earlier(&self.schedule, due, Utc::now())) else { return Ok(()) };
        tracing::warn!(job = %self.name, %tick, "the clock went back: the next run is set anew");
        // Without a last tick, for a job of which that is later than the next does not run.
        self.scheduler
            .context()
            .metadata_storage
            .write()
            .await
            .set_next_and_last_tick(id, Some(tick), None)
            .await
    }
}

/// When a job ticks next by the clock of `now`, if that is before the moment for which it waits. As long as the clock goes
/// forward it never is: what comes next after a moment does not come before what came next after an earlier one.
fn earlier(schedule: &Schedule, due: DateTime<Utc>, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    schedule.after(now).filter(|tick| *tick < due)
}

/// A job with its guard.
struct Guarded<W> {
    name: String,
    schedule: Schedule,
    limit: Duration,
    work: Arc<Mutex<W>>,
    /// Its last run that did something failed.
    failing: AtomicBool,
    env: Env,
}

impl<W: Work> Guarded<W> {
    /// Begins a run unless one is under way or the end has come.
    fn begin(self: &Arc<Self>) {
        if self.env.stop.is_cancelled() {
            return;
        }
        // Taken here and not in the task, so that two ticks cannot both find it free.
        let Ok(mut work) = Arc::clone(&self.work).try_lock_owned() else { return };
        let this = Arc::clone(self);
        self.env.runs.spawn(async move {
            let started = Instant::now();
            // A task of its own turns a panic into a value.
            let limit = this.limit;
            let stop = this.env.stop.clone();
            let mut run = tokio::spawn(async move {
                tokio::select! {
                    done = tokio::time::timeout(limit, work.run()) => Some(done),
                    () = stop.cancelled() => None,
                }
            });
            let (outcome, detail) = match (&mut run).await {
                // What failed before and has nothing to do now is well again.
                Ok(Some(Ok(Ok(Done::Skipped)))) if this.failing.load(Ordering::Relaxed) => {
                    (Outcome::Ok, "ok".to_owned())
                }
                Ok(None | Some(Ok(Ok(Done::Skipped | Done::TooSoon)))) => return,
                Ok(Some(Ok(Ok(Done::Ran)))) => (Outcome::Ok, "ok".to_owned()),
                Ok(Some(Ok(Err(error)))) => (Outcome::Failed, format!("{error:#}")),
                Ok(Some(Err(_))) => (Outcome::TimedOut, format!("cut off after {limit:?}")),
                Err(error) => (Outcome::Panicked, format!("a defect in Heat: {error}")),
            };
            this.failing.store(outcome != Outcome::Ok, Ordering::Relaxed);
            this.record(started.elapsed(), outcome, detail).await;
        });
    }

    async fn record(&self, took: Duration, outcome: Outcome, detail: String) {
        let labels = JobLabels { name: self.name.clone() };
        self.env.metrics.seconds.get_or_create(&labels).observe(took.as_secs_f64());
        self.env.metrics.runs.get_or_create(&JobOutcome { name: self.name.clone(), outcome }).inc();
        match outcome {
            Outcome::Ok => tracing::debug!(job = %self.name, ?took, "done"),
            Outcome::Panicked => tracing::error!(job = %self.name, ?took, %detail, "panicked"),
            Outcome::Failed | Outcome::TimedOut => tracing::warn!(job = %self.name, ?took, %detail, "failed"),
        }
        let record = JobRecord {
            name: self.name.clone(),
            ended_at: Some(Timestamp::now()),
            took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            outcome: detail,
            next_at: self.schedule.next(),
        };
        if let Err(error) = self.env.cache.write_job(self.env.fence, &record).await {
            tracing::debug!(%error, job = %self.name, "its record was not written");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_waits_no_longer_than_its_expression_says_by_the_clock_as_it_is() {
        let schedule = Schedule::parse("HEAT_EVENTS_CRON", "*/5 * * * * *").unwrap();
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let due = at("2026-11-23T21:00:05Z");
        for now in [
            "2026-11-23T21:00:00.1Z",
            "2026-11-23T21:00:04.9Z",
            "2026-11-23T21:00:07Z",
            "2026-11-23T22:00:00Z",
        ] {
            assert_eq!(earlier(&schedule, due, at(now)), None, "{now}");
        }
        assert_eq!(earlier(&schedule, due, at("2026-11-23T20:00:02Z")), Some(at("2026-11-23T20:00:05Z")));
        assert_eq!(earlier(&schedule, due, at("2026-11-23T20:59:59.9Z")), Some(at("2026-11-23T21:00:00Z")));
    }
}
