//! A part of the stack is killed with `kill -9`, frozen, cut off, or short of something. What does the operator see meanwhile, and does it heal without a hand?
//!
//! The operator's browser is played by a [`stand::Screen`]: it shows the newest snapshot of its socket, and connects
//! again when that ends. Everything passes through nginx, as in production.

#![expect(clippy::expect_used, reason = "a helper of tests fails as a test does")]

mod clock;
mod nginx;
mod postgres;
mod redis;
mod redis_forms;
mod replicas;
mod rolling;
mod sources;
mod stand;
mod tickets;

use heat_devkit::eventually;
use heat_devkit::faults::Repair;
use reqwest::StatusCode;
use stand::{PATIENCE, Stand, TRIGGER};

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_replica_is_hardly_noticed() -> anyhow::Result<()> {
    let mut stand = Stand::start().await?;
    let screens = [stand.screen(), stand.screen(), stand.screen(), stand.screen()];
    for screen in &screens {
        screen.shows("a first picture", |picture| picture.live).await?;
    }

    let repair = Repair::begins("a replica is killed")?;
    stand.stack.replicas[0].process.kill9()?;
    // Readers do not notice at all: nginx asks the other one.
    for _ in 0..10 {
        assert_eq!(stand.get("/api/v1/snapshot").await?.status(), StatusCode::OK);
    }
    // Whose socket was there has another at once, and all of them learn what happens next.
    stand.let_fall();
    for screen in &screens {
        screen.shows("the new problem", |picture| picture.live && picture.fallen().is_some()).await?;
    }
    repair.done()?;

    stand.stack.replicas[0].start_again()?;
    let ready = format!("http://{}/readyz", stand.stack.replicas[0].addr());
    eventually("the replica to serve again", PATIENCE, async || {
        stand
            .http
            .get(&ready)
            .send()
            .await
            .is_ok_and(|answer| answer.status() == StatusCode::OK)
            .then_some(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_updater_leaves_the_last_picture_and_its_successor_goes_on() -> anyhow::Result<()> {
    let mut stand = Stand::start().await?;
    let (kept, screen) = stand.screen_that_keeps().await?;
    let lasting = stand.let_something_fall();
    screen.shows("a problem that lasts", |picture| picture.burning(&lasting).is_some()).await?;
    eventually("its beginning in history", PATIENCE, async || {
        (stand.entered(&lasting).await.ok()? == (1, 0)).then_some(())
    })
    .await?;

    stand.stack.updater.process.kill9()?;
    let before = screen.now();
    stand.let_fall();
    // The replicas go on with what there is: the old picture, whose time tells its age.
    let late = stand.screen();
    let meanwhile =
        late.shows("the last picture, on a page opened meanwhile", |picture| picture.live).await?;
    assert!(meanwhile.fallen().is_none());
    assert_eq!(meanwhile.made_at(), before.made_at(), "nothing makes it look younger");
    assert!(screen.now().live, "the sockets stand");

    let repair = Repair::begins("the working updater is killed")?;
    stand.stack.updater.start_again()?;
    let after = screen.shows("the problem that nobody polled", |picture| picture.fallen().is_some()).await?;
    stand.is_well(&kept, &screen).await?;
    repair.done()?;
    assert!(after.revision() > before.revision());
    eventually("what nobody polled in history", PATIENCE, async || {
        (stand.entered(TRIGGER).await.ok()? == (1, 0)).then_some(())
    })
    .await?;
    assert_eq!(stand.entered(&lasting).await?, (1, 0), "what lasts has begun once, and not ended");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_comes_back_empty_is_filled_and_nothing_is_forgotten() -> anyhow::Result<()> {
    let mut stand = Stand::start().await?;
    let screen = stand.screen();
    let first =
        screen.shows("a first picture", |picture| picture.live && !picture.events().is_empty()).await?;
    let key = first.events()[0]["key"].as_str().expect("a key").to_owned();
    assert_eq!(stand.comment(&key, "said before").await?.status(), StatusCode::CREATED);
    let before = screen.shows("the comment", |picture| picture.says(&key, "said before")).await?;

    stand.stack.redis.kill()?;
    // The replicas hold the last picture: readers and newly opened pages get it.
    assert_eq!(stand.get("/api/v1/snapshot").await?.status(), StatusCode::OK);
    assert_eq!(stand.get("/readyz").await?.status(), StatusCode::OK);
    let late = stand.screen();
    let meanwhile =
        late.shows("the last picture, on a page opened meanwhile", |picture| picture.live).await?;
    assert_eq!((meanwhile.revision(), meanwhile.made_at()), (before.revision(), before.made_at()));

    let repair = Repair::begins("Redis dies, and comes back empty")?;
    stand.stack.redis.start_again_empty().await?;
    stand.let_fall();
    let after = screen.shows("the new problem", |picture| picture.live && picture.fallen().is_some()).await?;
    repair.done()?;
    assert!(after.revision() > before.revision(), "a revision never goes back");
    assert!(after.says(&key, "said before"), "what people said comes from Postgres");
    assert!(after.events().len() > before.events().len(), "no other problem is lost");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_postgres_events_go_on_and_comments_are_refused_whole() -> anyhow::Result<()> {
    let mut stand = Stand::start().await?;
    let (kept, screen) = stand.screen_that_keeps().await?;
    let key = kept.key.clone();
    assert_eq!(stand.comment(&key, "said before").await?.status(), StatusCode::CREATED);
    screen.shows("the comment", |picture| picture.says(&key, "said before")).await?;

    stand.stack.postgres.kill()?;
    stand.let_fall();
    let meanwhile = screen.shows("the new problem", |picture| picture.fallen().is_some()).await?;
    assert!(meanwhile.says(&key, "said before"), "what people said stays");
    let refused = stand.comment(&key, "said meanwhile").await?;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(refused.headers().contains_key("retry-after"));
    screen
        .shows("that comments are not current", |picture| picture.source("comments")["status"] != "ok")
        .await?;

    let repair = Repair::begins("Postgres is away")?;
    stand.stack.postgres.start_again().await?;
    eventually("a comment to be taken", PATIENCE, async || {
        let answer = stand.comment(&key, "said after").await.ok()?;
        (answer.status() == StatusCode::CREATED).then_some(())
    })
    .await?;
    let after = screen.shows("the comment", |picture| picture.says(&key, "said after")).await?;
    assert!(!after.says(&key, "said meanwhile"));
    screen.shows("that comments are current", |picture| picture.source("comments")["status"] == "ok").await?;
    // What is acknowledged stayed so in every picture.
    screen.kept()?;
    repair.done()
}
