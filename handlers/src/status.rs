//! `GET /status`: sources, templates, tickets, jobs, replicas and their ages, for whoever is asked why the picture is not right.

use std::time::Duration;

use heat::cache::{
    CacheError, JobRecord, Notifications, ReplicaRecord, SourceHealth, TemplatesRecord, TrackerRecord,
};
use heat::snapshot::Status;
use heat::time::Timestamp;
use sailfish::TemplateSimple;
use tokio::time::timeout;

use crate::app::App;
use crate::kept::Picture;
use crate::machine::Stores;
use crate::page::{self, STYLE};
use crate::plain::not_live;
use crate::problem::Problem;
use crate::reply::Reply;

/// A page about what is slow must not be slow itself.
const REDIS_WITHIN: Duration = Duration::from_secs(2);

struct SourceRow {
    name: String,
    kind: String,
    status: &'static str,
    class: &'static str,
    age: String,
    late: String,
    stale: String,
    problems: u64,
    error: String,
}

/// A name and a value, with what is wrong.
struct Row {
    name: &'static str,
    class: &'static str,
    value: String,
    /// What is wrong, a line each.
    errors: Vec<String>,
}

struct JobRow {
    name: String,
    outcome: String,
    class: &'static str,
    ended: String,
    took: String,
    next: String,
}

#[derive(TemplateSimple)]
#[template(path = "status.stpl")]
struct Page<'a> {
    bands: Vec<(&'static str, String)>,
    picture: Vec<(&'static str, &'static str, String)>,
    sources: Vec<SourceRow>,
    templates: Vec<Row>,
    tickets: Vec<Row>,
    jobs: Vec<JobRow>,
    replicas: Vec<ReplicaRecord>,
    own: &'a str,
    revision: u64,
    version: &'static str,
    now: String,
}

/// What stands in Redis about the updater and the replicas.
#[derive(Default)]
struct Running {
    sources: Vec<(String, SourceHealth)>,
    templates: Option<TemplatesRecord>,
    tracker: Option<TrackerRecord>,
    jobs: Vec<JobRecord>,
    replicas: Vec<ReplicaRecord>,
    lease: Option<String>,
}

impl Running {
    async fn read(app: &App) -> Result<Self, CacheError> {
        let mut sources = Vec::new();
        for name in app.cache.source_names().await? {
            sources.extend(app.cache.source_health(&name).await?.map(|health| (name, health)));
        }
        Ok(Self {
            sources,
            templates: app.cache.templates_record().await?,
            tracker: app.cache.tracker().await?,
            jobs: app.cache.jobs().await?,
            replicas: app.cache.replicas().await?,
            lease: app.cache.lease_owner().await?,
        })
    }
}

/// Shows what it can; a store that is away is what the page is for.
pub(crate) async fn show(app: &App) -> Result<Reply, Problem> {
    let now = Timestamp::now();
    let stores = Stores::ask(app).await;
    let running = match timeout(REDIS_WITHIN, Running::read(app)).await {
        Ok(Ok(running)) => running,
        Ok(Err(error)) => {
            tracing::warn!(%error, "the status page lacks what stands in Redis");
            Running::default()
        }
        Err(_) => Running::default(),
    };
    let frame = app.feed.latest();
    let picture = match &frame {
        None => None,
        Some(frame) => match app.pictures.of(frame).await {
            Ok(picture) => Some(picture),
            Err(error) => {
                tracing::error!(error = format!("{error:#}"), "the status page cannot read the snapshot");
                None
            }
        },
    };
    let page = Page {
        bands: bands(app, stores, picture.as_deref(), &running, now),
        picture: about_picture(app, stores, picture.as_deref(), &running, now),
        sources: sources(picture.as_deref(), &running, now),
        templates: running.templates.as_ref().map_or_else(Vec::new, |record| templates(record, now)),
        tickets: running.tracker.as_ref().map_or_else(Vec::new, |record| tickets(record, now)),
        jobs: running.jobs.iter().map(|job| job_row(job, now)).collect(),
        replicas: running.replicas,
        own: &app.id,
        revision: frame.map_or(0, |frame| frame.revision),
        version: env!("CARGO_PKG_VERSION"),
        now: page::at(now),
    };
    Ok(page::html(page.render_once().map_err(anyhow::Error::from)?))
}

fn bands(
    app: &App,
    stores: Stores,
    picture: Option<&Picture>,
    running: &Running,
    now: Timestamp,
) -> Vec<(&'static str, String)> {
    let mut bands = Vec::new();
    if !stores.redis {
        bands.push(("bad", "Redis does not answer: every screen keeps its last picture.".to_owned()));
    }
    if !stores.postgres {
        bands.push((
            "bad",
            "Postgres does not answer: nothing can be written, and screens keep the comments they have."
                .to_owned(),
        ));
    }
    if stores.redis && running.lease.is_none() {
        bands.push((
            "bad",
            "No updater holds the lease: nothing is refreshed. Is heat-updater running?".to_owned(),
        ));
    }
    match picture {
        None => bands.push(("bad", "There is no snapshot that can be read.".to_owned())),
        Some(picture) => {
            if let Some(age) = not_live(picture, now) {
                bands.push(("bad", format!("NOT LIVE: the picture {age}.")));
            }
        }
    }
    if let Some(tracker) = running.tracker.as_ref().filter(|tracker| !tracker.error.is_empty()) {
        let text = format!("Tickets are not sent, {} wait: {}", tracker.pending, tracker.error);
        bands.push(("poor", text));
    }
    if app.feed.notifications() == Notifications::Polled {
        let text = "Redis sends no keyspace notifications and does not let itself be told to; changes are polled each \
                    second. Set notify-keyspace-events to Kh$ in its configuration.";
        bands.push(("poor", text.to_owned()));
    }
    if bands.is_empty() {
        bands.push(("good", "Everything that Heat itself needs works.".to_owned()));
    }
    bands
}

fn about_picture(
    app: &App,
    stores: Stores,
    picture: Option<&Picture>,
    running: &Running,
    now: Timestamp,
) -> Vec<(&'static str, &'static str, String)> {
    let answers = |well: bool| {
        if well { ("good", "answers".to_owned()) } else { ("bad", "does not answer".to_owned()) }
    };
    let mut rows = Vec::new();
    if let Some(Picture(snapshot)) = picture {
        let age = page::age(now.since(snapshot.generated_at.0));
        rows.push(("Revision", "", snapshot.revision.0.to_string()));
        rows.push(("Made", "", format!("{} ({age} ago)", page::at(snapshot.generated_at.0))));
        rows.push(("Problems", "", snapshot.events.len().to_string()));
        rows.push(("Inventory", "soft", snapshot.inventory_version.to_string()));
    }
    let (class, text) = answers(stores.redis);
    rows.push(("Redis", class, text));
    let (class, text) = match app.feed.notifications() {
        Notifications::On => ("good", "by keyspace notifications"),
        Notifications::Polled => ("poor", "polled each second"),
        Notifications::Away => ("bad", "not connected"),
    };
    rows.push(("Changes become known", class, text.to_owned()));
    let (class, text) = answers(stores.postgres);
    rows.push(("Postgres", class, text));
    let (class, text) = match &running.lease {
        Some(owner) => ("good", owner.clone()),
        None => ("bad", "none".to_owned()),
    };
    rows.push(("Working updater", class, text));
    rows.push(("Browsers on this replica", "", app.metrics.sockets.get().to_string()));
    rows
}

/// The snapshot names every source; Redis knows the ages of those that are monitoring systems up to the second.
fn sources(picture: Option<&Picture>, running: &Running, now: Timestamp) -> Vec<SourceRow> {
    let mut all: Vec<(String, SourceHealth)> = running.sources.clone();
    for source in picture.map(|picture| picture.0.sources.as_slice()).unwrap_or_default() {
        if all.iter().all(|(name, _)| *name != source.name) {
            let health = SourceHealth {
                kind: source.kind.to_string(),
                status: source.status,
                fetched_at: source.fetched_at.0,
                error: source.error.as_deref().map(str::to_owned),
                link: source.link.to_string(),
                problems: source.problems,
                late_after_s: source.late_after_s.0,
                stale_after_s: source.stale_after_s.0,
            };
            all.push((source.name.to_string(), health));
        }
    }
    all.sort_by(|a, b| a.0.cmp(&b.0));
    all.into_iter().map(|(name, health)| source_row(name, health, now)).collect()
}

fn source_row(name: String, health: SourceHealth, now: Timestamp) -> SourceRow {
    let age = health.fetched_at.map(|at| now.since(at));
    let older_than = |limit: u64| limit > 0 && age.is_some_and(|age| age.as_secs() > limit);
    let (class, status) = match health.status {
        Status::Ok if older_than(health.stale_after_s) => ("bad", "stale"),
        Status::Ok if older_than(health.late_after_s) => ("poor", "late"),
        Status::Ok => ("good", "ok"),
        Status::Partial => ("poor", "partial"),
        Status::Failed => ("bad", "failed"),
        Status::Unknown => ("poor", "unknown"),
    };
    let limit = |seconds| if seconds == 0 { String::new() } else { page::age(Duration::from_secs(seconds)) };
    SourceRow {
        name,
        kind: health.kind,
        status,
        class,
        age: age.map_or_else(|| "never".to_owned(), |age| format!("{} ago", page::age(age))),
        late: limit(health.late_after_s),
        stale: limit(health.stale_after_s),
        problems: health.problems,
        error: health.error.unwrap_or_default(),
    }
}

fn templates(record: &TemplatesRecord, now: Timestamp) -> Vec<Row> {
    let row = |name, class, value| Row { name, class, value, errors: vec![] };
    let ago = |at: Timestamp| format!("{} ago", page::age(now.since(at)));
    let mut rows = vec![match record.committed_at {
        Some(at) if !record.version.is_empty() => {
            let value = format!("{} {}, committed {}", short(&record.version), record.subject, ago(at));
            row("Active", "good", value)
        }
        _ => row("Active", "poor", "none".to_owned()),
    }];
    if let Some(rejected) = &record.rejected {
        let errors = record.error.iter().flat_map(|error| error.lines()).map(str::to_owned).collect();
        let value = format!("{} is not taken", short(rejected));
        rows.push(Row { errors, ..row("Newest", "bad", value) });
    }
    let pulled = record.pulled_at.map_or_else(|| "never".to_owned(), ago);
    let errors: Vec<_> = record.pull_error.iter().cloned().collect();
    let class = if errors.is_empty() { "" } else { "bad" };
    rows.push(Row { errors, ..row("Last looked at", class, pulled) });
    rows
}

fn tickets(record: &TrackerRecord, now: Timestamp) -> Vec<Row> {
    let row = |name, class, value| Row { name, class, value, errors: vec![] };
    let ago = |at: Timestamp| format!("{} ago", page::age(now.since(at)));
    let answered = match record.answered_at {
        Some(at) => format!("{}, last answered {}", record.kind, ago(at)),
        None => format!("{}, has not answered yet", record.kind),
    };
    let errors: Vec<_> = Some(record.error.clone()).filter(|error| !error.is_empty()).into_iter().collect();
    let class = if errors.is_empty() { "good" } else { "bad" };
    let waiting = match record.waiting_since {
        Some(since) if record.pending > 0 => format!("{}, the oldest since {}", record.pending, ago(since)),
        _ => record.pending.to_string(),
    };
    vec![
        Row { errors, ..row("Tracker", class, answered) },
        row("To be sent", "", waiting),
        row("Wait for somebody", if record.failed > 0 { "poor" } else { "" }, record.failed.to_string()),
    ]
}

/// A commit's id as people write it.
fn short(commit: &str) -> &str {
    commit.get(..12).unwrap_or(commit)
}

fn job_row(job: &JobRecord, now: Timestamp) -> JobRow {
    JobRow {
        name: job.name.clone(),
        outcome: job.outcome.clone(),
        class: if job.outcome == "ok" { "good" } else { "bad" },
        ended: job.ended_at.map_or_else(String::new, |at| format!("{} ago", page::age(now.since(at)))),
        took: format!("{} ms", job.took_ms),
        next: job.next_at.map_or_else(String::new, page::at),
    }
}
