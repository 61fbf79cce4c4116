//! Redis works, and not as Heat needs it.

use chrono::Utc;
use heat_devkit::eventually;
use heat_devkit::faults::Repair;
use reqwest::StatusCode;

use crate::stand::{Kept, PATIENCE, Screen, Stand};

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_without_memory_or_notifications_or_config_loses_nothing() -> anyhow::Result<()> {
    let mut stand = Stand::start().await?;
    let (kept, screen) = stand.screen_that_keeps().await?;
    without_memory(&stand, &kept, &screen).await?;
    without_notifications(&stand, &kept, &screen).await?;
    without_config(&mut stand, &kept, &screen).await
}

async fn without_memory(stand: &Stand, kept: &Kept, screen: &Screen) -> anyhow::Result<()> {
    let redis = &stand.stack.redis;
    redis.command("CONFIG SET maxmemory 1").await?;
    let full_at = Utc::now();
    let fallen = stand.let_something_fall();
    let said = "said while Redis took nothing";
    assert_eq!(stand.comment(&kept.key, said).await?.status(), StatusCode::CREATED);
    eventually("the updater to be refused", PATIENCE, async || {
        stand.stack.updater.process.log_tail(400).contains("OOM").then_some(())
    })
    .await?;
    // Readers and newly opened pages have the last picture.
    assert_eq!(stand.get("/api/v1/snapshot").await?.status(), StatusCode::OK);
    let late = stand.screen();
    let meanwhile = late.shows("the last picture", |picture| picture.live).await?;
    assert!(meanwhile.burning(&fallen).is_none() && screen.now().live);
    assert!(meanwhile.made_at().is_some_and(|at| at <= full_at), "nothing makes it look younger");

    let repair = Repair::begins("Redis is out of memory")?;
    redis.command("CONFIG SET maxmemory 0").await?;
    screen
        .shows("what happened meanwhile", |picture| {
            picture.burning(&fallen).is_some() && picture.says(&kept.key, said)
        })
        .await?;
    stand.is_well(kept, screen).await?;
    repair.done()?;
    assert_eq!(stand.written(said).await?, 1);
    Ok(())
}

async fn without_notifications(stand: &Stand, kept: &Kept, screen: &Screen) -> anyhow::Result<()> {
    let redis = &stand.stack.redis;
    let repair = Repair::begins("Redis' notifications are switched off")?;
    redis.command("CONFIG SET notify-keyspace-events \"\"").await?;
    stand.is_well(kept, screen).await?;
    eventually("the notifications to be on again", PATIENCE, async || {
        let flags = redis.command("CONFIG GET notify-keyspace-events").await.ok()?;
        flags.lines().last().is_some_and(|flags| flags.contains('K')).then_some(())
    })
    .await?;
    stand.is_well(kept, screen).await?;
    repair.done()
}

/// As at many who rent out a Redis. The programs are started anew, since they ask for it once.
async fn without_config(stand: &mut Stand, kept: &Kept, screen: &Screen) -> anyhow::Result<()> {
    stand.stack.redis.command("CONFIG SET notify-keyspace-events \"\"").await?;
    stand.stack.redis.command("ACL SETUSER default -config").await?;
    let repair = Repair::begins("Redis forbids CONFIG, and sends no notifications")?;
    let stack = &mut stand.stack;
    for service in stack.replicas.iter_mut().chain([&mut stack.updater]) {
        service.process.stop().await?;
        service.start_again()?;
    }
    stand.is_well(kept, screen).await?;
    repair.done()?;
    let polls = |log: String| log.contains("polling each second");
    assert!(polls(stand.stack.replicas[0].process.log_tail(400)));
    let status = stand.get("/status").await?.text().await?;
    assert!(status.contains("polled each second"), "{status}");
    Ok(())
}
