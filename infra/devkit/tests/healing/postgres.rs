//! Postgres is there, and cannot do what it is asked.

use std::time::Duration;

use heat_devkit::eventually;
use heat_devkit::faults::Repair;
use reqwest::StatusCode;

use crate::stand::{Kept, PATIENCE, Screen, Stand};

/// How long each way takes to a Postgres that is far too slow.
const SLOW: Duration = Duration::from_secs(3);

const ROLES: &str = "('heat_api', 'heat_updater')";

#[tokio::test(flavor = "multi_thread")]
async fn whatever_postgres_cannot_do_is_refused_whole_and_nothing_handled_changes() -> anyhow::Result<()> {
    let mut stand = Stand::with(|options| {
        options.wired = true;
        Ok(())
    })
    .await?;
    let (kept, screen) = stand.screen_that_keeps().await?;
    restarted(&mut stand, &kept, &screen).await?;
    read_only(&stand, &kept, &screen).await?;
    without_connections(&stand, &kept, &screen).await?;
    hanging(&stand, &kept, &screen).await?;
    slow(&stand, &kept, &screen).await?;
    // Whatever befell it.
    stand.has_each_opening_once().await
}

/// Something happens, and is shown, while a comment is refused whole.
async fn goes_on_without_writes(stand: &Stand, kept: &Kept, screen: &Screen) -> anyhow::Result<()> {
    let fallen = stand.let_something_fall();
    let said = format!("said during {fallen}");
    let refused = stand.comment(&kept.key, &said).await?;
    let (status, again) = (refused.status(), refused.headers().contains_key("retry-after"));
    assert_eq!((status, again), (StatusCode::SERVICE_UNAVAILABLE, true), "{}", refused.text().await?);
    screen.shows("the new problem", |picture| picture.live && picture.burning(&fallen).is_some()).await?;
    assert_eq!(stand.get("/api/v1/snapshot").await?.status(), StatusCode::OK);
    screen.kept()
}

/// What was refused is not there, what is said now is, and comments count as current again.
async fn heals(stand: &Stand, kept: &Kept, screen: &Screen, repair: Repair) -> anyhow::Result<()> {
    stand.is_well(kept, screen).await?;
    screen.shows("that comments are current", |picture| picture.source("comments")["status"] == "ok").await?;
    repair.done()?;
    let sql = "select count(*) from comments where text like 'said during %'";
    let written: i64 = stand.database().await?.query_one(sql, &[]).await?.get(0);
    assert_eq!(written, 0, "what was refused was not half done");
    Ok(())
}

async fn restarted(stand: &mut Stand, kept: &Kept, screen: &Screen) -> anyhow::Result<()> {
    let said = "said before the restart";
    assert_eq!(stand.comment(&kept.key, said).await?.status(), StatusCode::CREATED);
    stand.stack.postgres.process()?.stop().await?;
    let repair = Repair::begins("Postgres is restarted")?;
    stand.stack.postgres.start_again().await?;
    heals(stand, kept, screen, repair).await?;
    assert_eq!(stand.written(said).await?, 1);
    Ok(())
}

async fn read_only(stand: &Stand, kept: &Kept, screen: &Screen) -> anyhow::Result<()> {
    let postgres = &stand.stack.postgres;
    postgres.execute("alter system set default_transaction_read_only = on").await?;
    postgres.execute("select pg_reload_conf()").await?;
    // A connection hears of it in its own time.
    eventually("writing to be refused", PATIENCE, async || {
        let answer = stand.comment(&kept.key, "said about when it became read-only").await.ok()?;
        (answer.status() == StatusCode::SERVICE_UNAVAILABLE).then_some(())
    })
    .await?;
    eventually("writing to be refused by each connection", PATIENCE, async || {
        let answer = stand.comment(&kept.key, "said about when it became read-only").await.ok()?;
        (answer.status() == StatusCode::SERVICE_UNAVAILABLE).then_some(())
    })
    .await?;
    goes_on_without_writes(stand, kept, screen).await?;
    let mut url: url::Url = stand.stack.url().parse()?;
    url.path_segments_mut().expect("an http URL").extend(["api", "v1", "events", &kept.key, "comments"]);
    assert_eq!(stand.http.get(url).send().await?.status(), StatusCode::OK, "what was said can be read");

    postgres.execute("alter system reset default_transaction_read_only").await?;
    let repair = Repair::begins("Postgres is read-only")?;
    postgres.execute("select pg_reload_conf()").await?;
    heals(stand, kept, screen, repair).await
}

async fn without_connections(stand: &Stand, kept: &Kept, screen: &Screen) -> anyhow::Result<()> {
    let postgres = &stand.stack.postgres;
    for role in ["heat_api", "heat_updater"] {
        postgres.execute(&format!("alter role {role} connection limit 0")).await?;
    }
    let all = format!("select pg_terminate_backend(pid) from pg_stat_activity where usename in {ROLES}");
    postgres.execute(&all).await?;
    goes_on_without_writes(stand, kept, screen).await?;
    screen
        .shows("that comments are not current", |picture| picture.source("comments")["status"] != "ok")
        .await?;

    let repair = Repair::begins("Postgres takes no more connections")?;
    for role in ["heat_api", "heat_updater"] {
        postgres.execute(&format!("alter role {role} connection limit -1")).await?;
    }
    heals(stand, kept, screen, repair).await
}

async fn hanging(stand: &Stand, kept: &Kept, screen: &Screen) -> anyhow::Result<()> {
    let mut other = stand.database().await?;
    let lock = other.transaction().await?;
    lock.batch_execute("lock table comments, acknowledgements, openings in access exclusive mode").await?;
    goes_on_without_writes(stand, kept, screen).await?;
    let repair = Repair::begins("Postgres hangs on a lock")?;
    lock.rollback().await?;
    heals(stand, kept, screen, repair).await
}

/// Each question takes seconds, and each write several.
async fn slow(stand: &Stand, kept: &Kept, screen: &Screen) -> anyhow::Result<()> {
    let wire = stand.stack.wire.as_ref().expect("it was chosen");
    wire.delay(SLOW);
    goes_on_without_writes(stand, kept, screen).await?;
    screen
        .shows("that comments are not current", |picture| picture.source("comments")["status"] != "ok")
        .await?;
    let repair = Repair::begins("Postgres is far too slow: each question takes six seconds")?;
    wire.delay(Duration::ZERO);
    heals(stand, kept, screen, repair).await
}
