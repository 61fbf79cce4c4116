//! `heat-updater doctor`: checks every dependency and says what is wrong and how to mend it.

use std::future::Future;
use std::time::{Duration, Instant};

use anyhow::bail;
use heat::cache::{Cache, Notifications};
use heat::db::Db;
use heat::event::Event;
use heat::inventory::Inventory;
use heat::placement::Places;
use heat::template::Files;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::config::{Arguments, Config, SourceConfig, TicketsConfig};
use crate::delivery::Target;
use crate::matching::matching_report;
use crate::templates::{check, told};
use crate::upstream::git::{Head, Repository, short};

/// A dependency that has not answered by then counts as not answering.
const PATIENCE: Duration = Duration::from_mins(2);

/// How many findings of a kind are spelled out.
const EXAMPLES: usize = 10;

/// Checks and reports on standard output.
///
/// # Errors
/// If anything is wrong, so that scripts see it by the exit code.
pub async fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let config = arguments.config()?;
    println!("configuration   ok    {} sources", config.sources.len());
    let redis = report("Redis", redis(&config)).await;
    let postgres = report("Postgres", postgres(&config)).await;
    let inventory = report("inventory", inventory(&config)).await;
    let templates = match &config.templates {
        Some(repository) => report("templates", templates(repository)).await,
        None => Some(()),
    };
    let tracker = match &config.tickets {
        Some(tickets) => report("tracker", tracker(tickets)).await,
        None => Some(()),
    };
    let stores = [redis.is_none(), postgres.is_none(), inventory.is_none()];
    let mut sick =
        stores.into_iter().chain([templates.is_none(), tracker.is_none()]).filter(|sick| *sick).count();
    for source in &config.sources {
        let events = report(&source.name, sweep(source)).await;
        sick += usize::from(events.is_none());
        if let (Some(events), Some(inventory)) = (events, &inventory) {
            let hosts: Vec<&str> = events.iter().map(|event| event.host.as_str()).collect();
            println!(
                "{}",
                indented(&matching_report(&hosts, &Places::new(inventory), inventory).to_string())
            );
        }
    }
    match sick {
        0 => Ok(()),
        1 => bail!("1 dependency needs mending"),
        _ => bail!("{sick} dependencies need mending"),
    }
}

/// What a healthy dependency gave, with words about it.
type Healthy<T> = (T, Vec<String>);

/// Prints one line about a dependency, and its remarks below.
async fn report<T>(name: &str, check: impl Future<Output = anyhow::Result<Healthy<T>>>) -> Option<T> {
    let started = Instant::now();
    let checked = timeout(PATIENCE, check).await;
    let took = started.elapsed().as_millis();
    match checked {
        Ok(Ok((found, remarks))) => {
            let mut remarks = remarks.into_iter();
            println!("{name:<15} ok    {} ({took} ms)", remarks.next().unwrap_or_default());
            remarks.for_each(|remark| println!("{}", indented(&remark)));
            Some(found)
        }
        Ok(Err(error)) => {
            println!("{name:<15} SICK  {error:#}");
            None
        }
        Err(_) => {
            println!("{name:<15} SICK  did not answer within {} s", PATIENCE.as_secs());
            None
        }
    }
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("{:22}{line}", "")).collect::<Vec<_>>().join("\n")
}

async fn redis(config: &Config) -> anyhow::Result<Healthy<()>> {
    let cache = Cache::new(&config.redis_url, &config.redis_prefix)?;
    cache.ping().await?;
    let follow = cache.follow(cache.keys().changed());
    let mut mode = follow.notifications();
    let mode = *mode.wait_for(|mode| *mode != Notifications::Away).await?;
    let told = match mode {
        Notifications::On => "sends keyspace notifications",
        Notifications::Polled | Notifications::Away => {
            "sends no keyspace notifications and may not be told to, so changes show up to a second later; \
             set notify-keyspace-events to Kh$ in its configuration"
        }
    };
    let whereabouts = cache.whereabouts().await?;
    let owner = match cache.lease_owner().await? {
        Some(owner) => format!("the working updater is {owner}"),
        None => "no updater is working at the moment".to_owned(),
    };
    Ok(((), vec![told.to_owned(), whereabouts, owner]))
}

async fn postgres(config: &Config) -> anyhow::Result<Healthy<()>> {
    let db = Db::new(&config.database_url, 1)?;
    db.ping().await?;
    let pending = db.pending_migrations().await?;
    let told = match pending {
        0 => "the schema is up to date".to_owned(),
        _ => format!(
            "{pending} migrations are due; `heat-updater migrate`, or the updater's next start, applies them"
        ),
    };
    Ok(((), vec![told]))
}

async fn tracker(tickets: &TicketsConfig) -> anyhow::Result<Healthy<()>> {
    let told = match tickets.target()? {
        Target::Tracker(tracker) if tracker.reads_back() => {
            format!("{} lets Heat in as {}", tracker.kind(), tracker.myself().await?)
        }
        Target::Tracker(tracker) => {
            format!("a {} cannot be asked without making a ticket", tracker.kind())
        }
        Target::Link { .. } => "tickets are opened by hand".to_owned(),
    };
    Ok(((), vec![told]))
}

async fn inventory(config: &Config) -> anyhow::Result<Healthy<Inventory>> {
    let reading = config.inventory.source()?.read().await?;
    let inventory = reading.inventory;
    let mut told = vec![format!(
        "{}: {} locations, {} rows, {} racks, {} devices",
        reading.origin,
        inventory.locations.len(),
        inventory.rows.len(),
        inventory.racks.len(),
        inventory.devices.len(),
    )];
    told.extend(reading.remarks);
    if !reading.damage.is_empty() {
        told.push(format!("{} findings of damaged data, mended or ignored:", reading.damage.len()));
        let shown = reading.damage.iter().take(EXAMPLES);
        told.extend(shown.map(|damage| format!("  {} {} {}", damage.what, damage.id, damage.problem)));
    }
    Ok((inventory, told))
}

async fn templates(repository: &Repository) -> anyhow::Result<Healthy<()>> {
    let address = repository.address();
    let commit = match repository.pull(&[]).await {
        Ok(Head::New(commit)) => commit,
        Ok(Head::Known(id)) => bail!("{address} counts {id} as known, which is a defect"),
        Err(error) => bail!("{address} {error}"),
    };
    let (id, subject) = (short(&commit.id), &commit.subject);
    let author = commit.author.as_deref().unwrap_or("nobody");
    let of = format!("{id} of {}, {author}: {subject}", commit.committed_at);
    match check(&Files(commit.files)) {
        Ok(set) => {
            let (tickets, comments, tests) = (set.tickets().count(), set.comments().count(), set.tests());
            let told =
                format!("{address}: {tickets} for tickets, {comments} for comments, {tests} tests pass");
            Ok(((), vec![told, of]))
        }
        Err(findings) => bail!("{address} is not taken at {of}\n{}", indented(&told(&findings))),
    }
}

async fn sweep(source: &SourceConfig) -> anyhow::Result<Healthy<Vec<Event>>> {
    // What comes early comes again in the whole.
    let (early, _) = mpsc::unbounded_channel();
    let sweep = source.client()?.sweep(std::collections::HashMap::new, &early).await?;
    let mut told =
        vec![format!("{}, {} problems, {} events", source.kind(), sweep.problems, sweep.events.len())];
    if !sweep.complete {
        bail!(sweep.remark.unwrap_or_else(|| "the sweep did not get through".to_owned()));
    }
    told.extend(sweep.remark);
    Ok((sweep.events, told))
}
