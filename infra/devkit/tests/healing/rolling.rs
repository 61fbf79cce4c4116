//! A new version is rolled out: replicas one after the other, then the updater, while browsers watch and people write.
//!
//! Few browsers each time; `HEAT_TEST_BROWSERS=1000` for the large form.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use heat_devkit::eventually;
use heat_devkit::faults::Repair;
use reqwest::StatusCode;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;

use crate::stand::{PATIENCE, Stand, number};

/// Well below what nginx lets one address write.
const WRITE_EVERY: Duration = Duration::from_millis(100);

/// A browser tries again so soon; at least as long as the page does.
const AGAIN_AFTER: Duration = Duration::from_millis(200);

/// When a browser had which revision.
type Seen = Arc<Mutex<Vec<(Instant, u64)>>>;

/// A browser, as far as this matters: it takes each picture and connects again when the socket ends.
async fn browse(url: String, seen: Seen, connected: Arc<AtomicUsize>) {
    loop {
        if let Ok((mut socket, _)) = connect_async(&url).await {
            connected.fetch_add(1, Ordering::Relaxed);
            while let Some(Ok(message)) = socket.next().await {
                let Message::Text(text) = message else { continue };
                let revision = text.split_once("\"revision\":").map(|(_, rest)| {
                    rest.split(|c: char| !c.is_ascii_digit()).next().and_then(|digits| digits.parse().ok())
                });
                if let Some(Some(revision)) = revision {
                    seen.lock().unwrap_or_else(PoisonError::into_inner).push((Instant::now(), revision));
                }
            }
        }
        sleep(AGAIN_AFTER).await;
    }
}

/// For each picture and each browser, how much later than the first browser it had that picture or a newer one. The last
/// pictures may still be under way; they are left out.
fn delays(seen: &[Seen], until: Instant) -> Vec<Duration> {
    let all: Vec<Vec<(Instant, u64)>> =
        seen.iter().map(|one| one.lock().unwrap_or_else(PoisonError::into_inner).clone()).collect();
    let mut first: BTreeMap<u64, Instant> = BTreeMap::new();
    for &(at, revision) in all.iter().flatten().filter(|(at, _)| *at < until) {
        let known = first.entry(revision).or_insert(at);
        *known = at.min(*known);
    }
    let mut delays = Vec::new();
    for one in &all {
        let mut next = one.iter().peekable();
        for (&revision, &at) in &first {
            while next.peek().is_some_and(|(_, has)| *has < revision) {
                next.next();
            }
            // Whoever never had it would have failed before.
            delays.extend(next.peek().map(|(had, _)| had.saturating_duration_since(at)));
        }
    }
    delays.sort();
    delays
}

/// Whether a replica has something to show again.
async fn ready(stand: &Stand, replica: usize) -> anyhow::Result<()> {
    let url = format!("http://{}/readyz", stand.stack.replicas[replica].addr());
    eventually("a replica to be ready", PATIENCE, async || {
        let answer = stand.http.get(&url).send().await.ok()?;
        answer.status().is_success().then_some(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_restart_loses_no_write_and_no_screen() -> anyhow::Result<()> {
    let mut stand = Stand::with_replicas(3).await?;
    let (kept, screen) = stand.screen_that_keeps().await?;
    let browsers = number("HEAT_TEST_BROWSERS", 100_usize);
    let url = format!("{}/api/v1/live", stand.stack.url().replacen("http", "ws", 1));
    let seen: Vec<Seen> = (0..browsers).map(|_| Seen::default()).collect();
    let mut browsing = JoinSet::new();
    let connected: Vec<Arc<AtomicUsize>> = seen.iter().map(|_| Arc::default()).collect();
    for (one, connected) in seen.iter().zip(&connected) {
        browsing.spawn(browse(url.clone(), Arc::clone(one), Arc::clone(connected)));
    }
    let have = |revision: u64| {
        let has = |one: &Seen| {
            one.lock().unwrap_or_else(PoisonError::into_inner).last().is_some_and(|(_, has)| *has >= revision)
        };
        seen.iter().all(has).then_some(())
    };
    eventually("every browser to have a picture", PATIENCE, async || have(1)).await?;

    let (go_on, begun) = (AtomicBool::new(true), Instant::now());
    let (http, mut to): (_, url::Url) = (stand.http.clone(), stand.stack.url().parse()?);
    to.path_segments_mut().expect("an http URL").extend(["api", "v1", "events", &kept.key, "comments"]);
    let writing = async {
        let (mut taken, mut refused) = (Vec::new(), Vec::new());
        while go_on.load(Ordering::Relaxed) {
            let text = format!("rolling {}", taken.len() + refused.len());
            let body = serde_json::json!({ "text": text }).to_string();
            let answer =
                http.post(to.clone()).header("content-type", "application/json").body(body).send().await;
            let was_taken = answer.is_ok_and(|answer| answer.status() == StatusCode::CREATED);
            if was_taken { &mut taken } else { &mut refused }.push(text);
            sleep(WRITE_EVERY).await;
        }
        (taken, refused)
    };
    let rolling = async {
        for number in 0..stand.stack.replicas.len() {
            let replica = &mut stand.stack.replicas[number];
            replica.process.stop().await?;
            replica.start_again()?;
            ready(&stand, number).await?;
            let fallen = stand.let_something_fall();
            let shown = screen.shows("what is new", |picture| picture.burning(&fallen).is_some()).await?;
            eventually("every browser to have it", PATIENCE, async || have(shown.revision())).await?;
        }
        stand.stack.updater.process.stop().await?;
        stand.stack.updater.start_again()?;
        Repair::begins("a new version is rolled out, under load")
    };
    let stopping = async {
        let rolled = rolling.await;
        go_on.store(false, Ordering::Relaxed);
        rolled
    };
    let ((taken, refused), repair) = tokio::join!(writing, stopping);
    let repair = repair?;
    stand.is_well(&kept, &screen).await?;
    let newest = screen.now().revision();
    eventually("every browser to have the newest picture", PATIENCE, async || have(newest)).await?;
    repair.done()?;

    let most = connected.iter().map(|count| count.load(Ordering::Relaxed)).max().unwrap_or(0);
    assert!(most <= 1 + stand.stack.replicas.len(), "a browser connected {most} times");
    let delays = delays(&seen, Instant::now());
    let at = |share: usize| delays.get(delays.len() * share / 1000).copied().unwrap_or_default();
    println!(
        "{browsers} browsers, {} pictures each or newer ones: p50 {:?}, p99 {:?}, p99.9 {:?}, the worst {:?}; {} comments taken, {} \
         refused, in {:?}",
        delays.len() / browsers,
        at(500),
        at(990),
        at(999),
        delays.last(),
        taken.len(),
        refused.len(),
        begun.elapsed()
    );
    let database = stand.database().await?;
    let mut counts = BTreeMap::new();
    for row in database
        .query("select text, count(*) from comments where text like 'rolling %' group by text", &[])
        .await?
    {
        counts.insert(row.get::<_, String>(0), row.get::<_, i64>(1));
    }
    for text in &taken {
        assert_eq!(counts.get(text), Some(&1), "{text} was taken");
    }
    assert!(counts.values().all(|count| *count == 1), "{counts:?}");
    assert!(!taken.is_empty() && delays.len() > browsers);
    Ok(())
}
