//! The updater's metrics. Names carry their units, as Prometheus asks.

use heat::time::Timestamp;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use crate::cadence::Ages;

/// Which job.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct JobLabels {
    /// Its name. Not `job`, which Prometheus calls its own targets by.
    pub name: String,
}

/// Which job, and what became of a run.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct JobOutcome {
    /// Its name.
    pub name: String,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum Outcome {
    /// It did its work.
    Ok,
    /// It returned an error.
    Failed,
    /// It took too long.
    TimedOut,
    /// A defect.
    Panicked,
}

/// Which source.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct SourceLabels {
    /// Its name.
    pub source: String,
}

/// Runs of jobs.
#[derive(Clone, Debug)]
pub struct JobMetrics {
    /// Runs by outcome.
    pub runs: Family<JobOutcome, Counter>,
    /// Their length.
    pub seconds: Family<JobLabels, Histogram>,
}

/// What each source brought.
#[derive(Clone, Debug, Default)]
pub struct SourceMetrics {
    /// 1 if its last sweep was complete, else 0.
    pub up: Family<SourceLabels, Gauge>,
    /// Active events.
    pub events: Family<SourceLabels, Gauge>,
    /// When it last answered completely, Unix seconds.
    pub fetched: Family<SourceLabels, Gauge>,
    /// From which age on the screens call it late, in seconds.
    pub late_after: Family<SourceLabels, Gauge>,
    /// From which age on they call it stale, in seconds.
    pub stale_after: Family<SourceLabels, Gauge>,
    /// Sweeps that failed or stayed partial.
    pub errors: Family<SourceLabels, Counter>,
}

impl SourceMetrics {
    /// The inventory, or a source: whether its last answer was complete, and how old it may become.
    pub fn asked(&self, source: &str, complete: bool, fetched_at: Option<Timestamp>, ages: Ages) {
        let labels = SourceLabels { source: source.to_owned() };
        let seconds = |seconds: u64| i64::try_from(seconds).unwrap_or(i64::MAX);
        self.up.get_or_create(&labels).set(i64::from(complete));
        // Never is 1970, and so it is stale.
        self.fetched.get_or_create(&labels).set(fetched_at.map_or(0, Timestamp::unix));
        self.late_after.get_or_create(&labels).set(seconds(ages.late_after_s));
        self.stale_after.get_or_create(&labels).set(seconds(ages.stale_after_s));
        let errors = self.errors.get_or_create(&labels);
        if !complete {
            errors.inc();
        }
    }
}

/// The snapshot.
#[derive(Clone, Debug, Default)]
pub struct SnapshotMetrics {
    /// How many were published.
    pub published: Counter,
    /// The last one's revision.
    pub revision: Gauge,
    /// Its size in Redis.
    pub bytes: Gauge,
    /// Its events.
    pub events: Gauge,
    /// Those of them that stand in no rack.
    pub unplaced: Gauge,
}

/// Which call of the tracker, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct CallLabels {
    /// `create`, `comment`, …
    pub call: &'static str,
    /// `ok`, `outage`, `limited`, `unauthorized` or `refused`.
    pub outcome: &'static str,
}

/// Tickets on their way to the tracker.
#[derive(Clone, Debug, Default)]
pub struct DeliveryMetrics {
    /// Calls by outcome.
    pub calls: Family<CallLabels, Counter>,
    /// 1 while this updater holds the outbox.
    pub delivering: Gauge,
    /// 1 unless the tracker last did not let us in or did not answer.
    pub up: Gauge,
    /// Tickets and comments that are to be sent.
    pub pending: Gauge,
    /// Those that wait for somebody.
    pub failed: Gauge,
    /// Since when the oldest pending one waits, Unix seconds; 0 if none does.
    pub waiting_since: Gauge,
}

/// A finding about the newest templates. What is wrong where, for the text of an alert.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct FindingLabels {
    /// The file's path in the repository.
    pub file: String,
    /// The line; empty where it is about the whole file.
    pub line: String,
    /// What is wrong.
    pub message: String,
}

/// The templates. All of them stay 0 where none are configured.
#[derive(Clone, Debug, Default)]
pub struct TemplateMetrics {
    /// When the repository was last looked at with success, Unix seconds.
    pulled: Gauge,
    /// 1 while looking at it fails.
    failing: Gauge,
    /// Looks that failed.
    errors: Counter,
    /// 1 while the newest commit is not the active one.
    rejected: Gauge,
    /// Why it is not: 1 for each finding.
    findings: Family<FindingLabels, Gauge>,
}

impl TemplateMetrics {
    /// The repository was looked at.
    pub fn pulled(&self) {
        self.pulled.set(Timestamp::now().unix());
        self.failing.set(0);
    }

    /// It could not be looked at.
    pub fn failed(&self) {
        self.errors.inc();
        self.failing.set(1);
    }

    /// The newest commit is active.
    pub fn accepted(&self) {
        self.rejected.set(0);
        self.findings.clear();
    }

    /// It is not, for these reasons.
    pub fn rejected(&self, findings: impl IntoIterator<Item = FindingLabels>) {
        self.rejected.set(1);
        self.findings.clear();
        for finding in findings {
            self.findings.get_or_create(&finding).set(1);
        }
    }
}

/// All of them.
#[derive(Clone, Debug)]
pub struct Metrics {
    /// Jobs.
    pub jobs: JobMetrics,
    /// Sources.
    pub sources: SourceMetrics,
    /// Snapshots.
    pub snapshot: SnapshotMetrics,
    /// The tracker.
    pub delivery: DeliveryMetrics,
    /// Templates.
    pub templates: TemplateMetrics,
    /// 1 while this updater holds the lease.
    pub working: Gauge,
}

impl Metrics {
    /// Registers them.
    pub fn new(registry: &mut Registry) -> Self {
        let metrics = Self {
            jobs: JobMetrics {
                runs: Family::default(),
                // From 10 ms to some 5 minutes.
                seconds: Family::new_with_constructor(|| Histogram::new(exponential_buckets(0.01, 2.0, 16))),
            },
            sources: SourceMetrics::default(),
            snapshot: SnapshotMetrics::default(),
            delivery: DeliveryMetrics::default(),
            templates: TemplateMetrics::default(),
            working: Gauge::default(),
        };
        let heat = registry.sub_registry_with_prefix("heat");
        heat.register("updater_working", "1 while this updater holds the lease", metrics.working.clone());
        heat.register("job_runs", "Runs of jobs by outcome", metrics.jobs.runs.clone());
        heat.register_with_unit(
            "job_duration",
            "Length of the runs of jobs",
            Unit::Seconds,
            metrics.jobs.seconds.clone(),
        );
        let (sources, snapshot) = (&metrics.sources, &metrics.snapshot);
        heat.register("source_up", "1 if the source's last sweep was complete", sources.up.clone());
        heat.register("source_events", "Active events of the source", sources.events.clone());
        heat.register_with_unit(
            "source_fetched_timestamp",
            "When the source last answered completely, Unix time",
            Unit::Seconds,
            sources.fetched.clone(),
        );
        heat.register_with_unit(
            "source_late_after",
            "The age from which on the screens call the source late",
            Unit::Seconds,
            sources.late_after.clone(),
        );
        heat.register_with_unit(
            "source_stale_after",
            "The age from which on the screens call the source stale",
            Unit::Seconds,
            sources.stale_after.clone(),
        );
        heat.register("source_errors", "Sweeps that failed or stayed partial", sources.errors.clone());
        heat.register("snapshots_published", "Snapshots written", snapshot.published.clone());
        heat.register("snapshot_revision", "Revision of the last snapshot", snapshot.revision.clone());
        heat.register_with_unit(
            "snapshot_size",
            "Compressed size of the last snapshot",
            Unit::Bytes,
            snapshot.bytes.clone(),
        );
        heat.register("snapshot_events", "Active events in the last snapshot", snapshot.events.clone());
        heat.register("snapshot_unplaced", "Those of them in no rack", snapshot.unplaced.clone());
        let delivery = &metrics.delivery;
        heat.register("tracker_calls", "Calls of the tracker by outcome", delivery.calls.clone());
        heat.register(
            "tracker_up",
            "1 unless the tracker did not answer or did not let Heat in",
            delivery.up.clone(),
        );
        heat.register(
            "outbox_delivering",
            "1 while this updater holds the outbox, and so tells of the tracker",
            delivery.delivering.clone(),
        );
        heat.register("outbox_pending", "Tickets and comments that are to be sent", delivery.pending.clone());
        heat.register(
            "outbox_failed",
            "Tickets and comments that wait for somebody",
            delivery.failed.clone(),
        );
        heat.register_with_unit(
            "outbox_waiting_since_timestamp",
            "Since when the oldest of them waits, Unix time; 0 if none does",
            Unit::Seconds,
            delivery.waiting_since.clone(),
        );
        let templates = &metrics.templates;
        heat.register_with_unit(
            "templates_pulled_timestamp",
            "When the templates' repository was last looked at with success, Unix time",
            Unit::Seconds,
            templates.pulled.clone(),
        );
        heat.register(
            "templates_failing",
            "1 while looking at the templates' repository fails",
            templates.failing.clone(),
        );
        heat.register(
            "templates_errors",
            "Looks at the templates' repository that failed",
            templates.errors.clone(),
        );
        heat.register(
            "templates_rejected",
            "1 while the newest commit of the templates is not the active one",
            templates.rejected.clone(),
        );
        heat.register("templates_finding", "Why it is not, 1 for each finding", templates.findings.clone());
        metrics
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use heat_devkit::manual;

    #[test]
    fn the_operators_manual_names_every_metric_of_the_updater_and_no_other() {
        let mut registry = Registry::default();
        let metrics = Metrics::new(&mut registry);
        // A family is exported from its first value on.
        let (name, outcome) = ("inventory".to_owned(), Outcome::Ok);
        metrics.jobs.runs.get_or_create(&JobOutcome { name: name.clone(), outcome }).inc();
        metrics.jobs.seconds.get_or_create(&JobLabels { name }).observe(1.0);
        metrics.sources.asked("zabbix", true, None, Ages { late_after_s: 15, stale_after_s: 120 });
        metrics.sources.events.get_or_create(&SourceLabels { source: "zabbix".to_owned() }).set(1);
        metrics.delivery.calls.get_or_create(&CallLabels { call: "create", outcome: "ok" }).inc();
        let (file, line, message) = ("a".to_owned(), "1".to_owned(), "b".to_owned());
        metrics.templates.rejected([FindingLabels { file, line, message }]);
        let mut scrape = String::new();
        prometheus_client::encoding::text::encode(&mut scrape, &registry).unwrap();
        assert_eq!(manual::documented("heat-updater"), manual::exported(&scrape));
    }
}
