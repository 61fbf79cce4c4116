//! Heat as a whole: from what somebody writes to the last screen, and from a large inventory to Redis.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use heat::cache::Cache;
use heat::config::Secret;
use heat_devkit::backends::{MariaDb, Redis};
use heat_devkit::eventually;
use heat_devkit::process::Program;
use heat_devkit::racktables;
use heat_devkit::stack::{Options, Stack};
use heat_devkit::world::{Size, World};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::clients::{Crowd, Talk, on_one_thread};
use crate::load::memory;
use crate::report::{Report, Spread};

const PATIENCE: Duration = Duration::from_mins(2);
const LIVE: Talk = Talk::WebSocket { path: "/api/v1/live", deflate: true };

/// From the request that brings a comment to the last of 100 screens behind nginx, while 20,000 problems are active.
pub(crate) async fn comment(report: &mut Report) -> anyhow::Result<()> {
    const EVENTS: usize = 20_000;
    const SCREENS: usize = 100;
    const COMMENTS: usize = 100;
    let dir = tempfile::Builder::new().permissions(fs::Permissions::from_mode(0o755)).tempdir()?;
    let options = Options::in_folder(dir.path(), 3)?;
    let stack = Stack::up(&options, &|_| ()).await?;
    let simulation = stack.simulation.as_ref().context("the stack simulates nothing")?;
    simulation.zabbix().storm(EVENTS);
    let http = reqwest::Client::builder().no_proxy().gzip(true).timeout(Duration::from_secs(20)).build()?;
    let snapshot = format!("{}/api/v1/snapshot", stack.url());
    let all = eventually("all problems", PATIENCE, async || {
        let picture: Value = http.get(&snapshot).send().await.ok()?.json().await.ok()?;
        picture["events"].as_array().filter(|events| events.len() >= EVENTS).cloned()
    })
    .await?;
    let address = stack.url().trim_start_matches("http://").trim_end_matches('/').parse()?;
    let (answers, times) = on_one_thread(async {
        let crowd = Crowd::connect(address, LIVE, SCREENS, 0).await?;
        crowd.had_one_each().await?;
        let (mut answers, mut times) = (Vec::new(), Vec::new());
        for (number, event) in all.iter().step_by(all.len() / COMMENTS).take(COMMENTS).enumerate() {
            let key = event["key"].as_str().context("an event without a key")?;
            let mut url: url::Url = stack.url().parse()?;
            url.path_segments_mut()
                .map_err(|()| anyhow::anyhow!("no base"))?
                .extend(["api", "v1", "events", key, "comments"]);
            // Not in step with anything that happens by the second.
            tokio::time::sleep(Duration::from_millis(700 + fastrand::u64(0..500))).await;
            crowd.expect_one_each();
            let start = Instant::now();
            let text = json!({ "text": format!("comment {number}") }).to_string();
            let answer = http.post(url).header("content-type", "application/json").body(text).send().await?;
            ensure!(answer.status().is_success(), "{}", answer.text().await?);
            answers.push(start.elapsed().as_secs_f64() * 1000.0);
            times.push(crowd.last().await?.duration_since(start).as_secs_f64() * 1000.0);
        }
        Ok((answers, times))
    })
    .await?;
    stack.down().await?;
    let answered = format!("p99 {:.0}", Spread::quantile(answers.clone(), 0.99));
    report.add("a comment on 100 screens", "heat", "ms to the answer", Spread::of(answers), &answered);
    let p99 = format!("p99 {:.0}; <= 300", Spread::quantile(times.clone(), 0.99));
    report.add("a comment on 100 screens", "heat", "ms from the request", Spread::of(times), &p99);
    Ok(())
}

/// From the start of an updater to the inventory in Redis, 100,000 devices in 5,000 racks.
pub(crate) async fn inventory(report: &mut Report) -> anyhow::Result<()> {
    let world = World::generate(Size { racks: 5_000, devices: 100_000 }, 1);
    let files = TempDir::new()?;
    let file = files.path().join("inventory.json");
    fs::write(&file, world.inventory_json())?;
    let mariadb = MariaDb::start().await?;
    let database = mariadb.fresh_database().await?;
    mariadb.execute_sql(&database, &racktables::sql(&world, &racktables::Options::default())).await?;
    for (whose, url) in
        [("RackTables", mariadb.url(&database)), ("a file", format!("file://{}", file.display()))]
    {
        let redis = Redis::start().await?;
        let cache = Cache::new(&Secret::new(redis.url()), redis.prefix())?;
        let programs = std::env::current_exe()?;
        let programs = programs.ancestors().nth(2).context("a bench lies in deps of a build")?;
        let start = Instant::now();
        let updater = Program::new("heat-updater", programs.join("heat-updater"))
            .env("HEAT_REDIS_URL", redis.url())
            .env("HEAT_REDIS_PREFIX", redis.prefix())
            .env("HEAT_DATABASE_URL", "postgres://heat@127.0.0.1:1/heat")
            .env("HEAT_ZABBIX_URL", "http://127.0.0.1:1")
            .env("HEAT_ZABBIX_TOKEN", "none")
            .env("HEAT_INVENTORY_URL", &url)
            .env("RUST_LOG", "error")
            .log(files.path().join("log"))
            .spawn()?;
        let key = cache.keys().inventory();
        eventually("the inventory", PATIENCE, async || cache.document_version(&key).await.ok()?).await?;
        let took = start.elapsed().as_secs_f64();
        let (_, most) = memory(&[updater.pid()]);
        let what = "100,000 devices from";
        let mib = format!("<= 4; peak {:.0} MiB, <= 400 MB", most / f64::from(1 << 20));
        report.add(what, whose, "s from the start", Spread::of(vec![took]), &mib);
    }
    Ok(())
}
