//! Redis fails over under load, behind Sentinels and as a cluster, and nobody sees more of it than a pause.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use heat_devkit::backends::{RedisCluster, RedisSentinel};
use heat_devkit::faults::Repair;
use reqwest::StatusCode;
use tokio::task::JoinHandle;

use crate::stand::{Picture, Screen, Stand};

/// Where Heat's keys are, by its default prefix.
const SNAPSHOT: &str = "{heat}:snapshot";

/// People who go on writing, and screens that go on showing.
struct Load {
    stand: Arc<Stand>,
    screens: Vec<Screen>,
    key: String,
    said: Arc<AtomicU64>,
    over: Arc<AtomicBool>,
    people: JoinHandle<anyhow::Result<()>>,
}

impl Load {
    async fn on(redis_url: &str) -> anyhow::Result<Self> {
        let stand = Arc::new(Stand::on_redis(redis_url).await?);
        let screens = vec![stand.screen(), stand.screen(), stand.screen(), stand.screen()];
        let mut key = None;
        for screen in &screens {
            let what = "a first picture";
            let first = screen.shows(what, |picture| picture.live && !picture.events().is_empty()).await?;
            key = first.events()[0]["key"].as_str().map(str::to_owned);
        }
        let key = key.expect("a key");
        let (said, over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let people = tokio::spawn({
            let (stand, key, said, over) = (stand.clone(), key.clone(), said.clone(), over.clone());
            async move {
                while !over.load(Ordering::Relaxed) {
                    let answer = stand.comment(&key, "Still at it").await?;
                    anyhow::ensure!(answer.status() == StatusCode::CREATED, "refused: {}", answer.status());
                    said.fetch_add(1, Ordering::Relaxed);
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                Ok(())
            }
        });
        Ok(Self { stand, screens, key, said, over, people })
    }

    fn count(&self, picture: &Picture) -> u64 {
        let ours = picture.events().iter().find(|event| event["key"] == *self.key);
        ours.and_then(|event| event["comment_count"].as_u64()).unwrap_or(0)
    }

    /// Each screen shows something said from now on, and no revision on it goes back.
    async fn goes_on(&self, what: &str) -> anyhow::Result<()> {
        let (start, since) = (Instant::now(), self.said.load(Ordering::Relaxed));
        for screen in &self.screens {
            let mut last = screen.now().revision();
            screen
                .shows("what is said now", |picture| {
                    assert!(picture.revision() >= last, "{} after {last}", picture.revision());
                    last = picture.revision();
                    picture.live && self.count(picture) > since + 1
                })
                .await?;
        }
        println!("{what}: the screens go on after {:.1} s", start.elapsed().as_secs_f32());
        Ok(())
    }

    /// Nothing that was said is missing, and a problem that begins now is shown.
    async fn ends_whole(self) -> anyhow::Result<()> {
        self.over.store(true, Ordering::Relaxed);
        let Self { stand, screens, key, said, people, .. } = self;
        people.await??;
        let said = said.load(Ordering::Relaxed);
        stand.let_fall();
        for screen in &screens {
            screen
                .shows("all that was said, and the new problem", |picture| {
                    let ours = picture.events().iter().find(|event| event["key"] == *key);
                    let shown = ours.and_then(|event| event["comment_count"].as_u64());
                    picture.live && shown == Some(said) && picture.fallen().is_some()
                })
                .await?;
        }
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_master_of_redis_that_dies_under_load_is_followed_by_its_successor() -> anyhow::Result<()> {
    let mut sentinel = RedisSentinel::start().await?;
    let load = Load::on(sentinel.url()).await?;
    load.goes_on("before").await?;

    let old = sentinel.master().await?;
    let repair = Repair::begins("a master behind Sentinels dies or hangs, while people write")?;
    sentinel.server(old)?.kill9()?;
    load.goes_on("a master behind Sentinels killed").await?;
    repair.done()?;
    sentinel.master_other_than(old).await?;

    // It comes back empty, and thinks that it is the master.
    sentinel.start_again_empty(old).await?;
    sentinel.whole().await?;
    load.goes_on("it came back").await?;

    let second = sentinel.master().await?;
    sentinel.server(second)?.freeze()?;
    load.goes_on("the next master frozen").await?;
    sentinel.server(second)?.thaw()?;
    sentinel.whole().await?;
    load.goes_on("it thawed").await?;
    load.ends_whole().await
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_cluster_the_picture_outlives_a_killed_node_and_a_moved_slot() -> anyhow::Result<()> {
    let mut cluster = RedisCluster::start().await?;
    let load = Load::on(cluster.url()).await?;
    load.goes_on("before").await?;

    let old = cluster.owner(SNAPSHOT).await?;
    let to = cluster.masters().await?.into_iter().find(|port| *port != old).expect("another master");
    cluster.move_slot(SNAPSHOT, to).await?;
    load.goes_on("the slot moved to another node").await?;

    let repair = Repair::begins(
        "the node of a cluster that has Heat's slot dies, or the slot moves, while people write",
    )?;
    cluster.node(to)?.kill9()?;
    load.goes_on("the node that owns the slot killed").await?;
    repair.done()?;
    cluster.owner_other_than(SNAPSHOT, to).await?;
    cluster.start_again_empty().await?;
    load.goes_on("it came back").await?;
    load.ends_whole().await
}
