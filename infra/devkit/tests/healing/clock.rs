//! The clock of the machine on which Heat runs is set, forward and back. That of the stores and of the sources goes right.

use chrono::{TimeDelta, Utc};
use heat_devkit::clock::Clock;
use heat_devkit::eventually;
use heat_devkit::faults::Repair;
use heat_devkit::sim::{Fault, Rule};
use reqwest::StatusCode;

use crate::sources::another_goes_on;
use crate::stand::{Kept, PATIENCE, Picture, Screen, Stand};

/// In seconds.
const HOUR: i64 = 3_600;

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_jumps_forward_and_back_loses_and_doubles_nothing() -> anyhow::Result<()> {
    let mut clock = None;
    let stand = Stand::with(|options| {
        // The folder of the stack is made with it.
        let folder = options.dir.parent().expect("a folder in another");
        options.clock = Some(clock.insert(Clock::start_in(folder)?).clone());
        Ok(())
    })
    .await?;
    let clock = clock.expect("it was made");
    let (kept, screen) = stand.screen_that_keeps().await?;
    let lasting = stand.let_something_fall();
    screen.shows("a problem that lasts", |picture| picture.burning(&lasting).is_some()).await?;

    let repair = Repair::begins("the clock jumps forward")?;
    clock.set(HOUR)?;
    is_well_at(&stand, &kept, &screen, HOUR).await?;
    repair.done()?;

    let repair = Repair::begins("the clock jumps back")?;
    clock.set(0)?;
    is_well_at(&stand, &kept, &screen, 0).await?;
    repair.done()?;

    unknown(&stand, &kept, &screen, &clock).await?;

    assert_eq!(stand.entered(&lasting).await?, (1, 0), "what lasts has begun once, and not ended");
    stand.has_each_opening_once().await
}

/// The clock is believed, and everything goes on by it: what begins is shown and entered in history once, what ends is gone
/// and has ended once, and what people say is kept once.
async fn is_well_at(stand: &Stand, kept: &Kept, screen: &Screen, ahead: i64) -> anyhow::Result<()> {
    let name = stand.let_something_fall();
    let said = format!("said {ahead} s ahead");
    assert_eq!(stand.comment(&kept.key, &said).await?.status(), StatusCode::CREATED);
    let off = |picture: &Picture| {
        let made_at = picture.made_at()?;
        Some((made_at - Utc::now() - TimeDelta::seconds(ahead)).num_seconds().abs())
    };
    screen
        .shows("what is new, by the clock as it is", |picture| {
            picture.live
                && off(picture).is_some_and(|off| off < HOUR / 2)
                && picture.burning(&name).is_some()
                && picture.says(&kept.key, &said)
        })
        .await?;
    let in_history = async |what: &str, wanted| {
        eventually(what, PATIENCE, async || (stand.entered(&name).await.ok()? == wanted).then_some(())).await
    };
    in_history("its beginning in history", (1, 0)).await?;
    stand.let_it_end(&name);
    screen.shows("that it is over", |picture| picture.burning(&name).is_none()).await?;
    in_history("its end in history", (1, 1)).await?;
    assert_eq!(stand.written(&said).await?, 1);
    stand.is_well(kept, screen).await
}

/// While a source does not answer, a clock that goes back makes its last answer one of the future. It must not count as fresh
/// for as long as that takes to come.
async fn unknown(stand: &Stand, kept: &Kept, screen: &Screen, clock: &Clock) -> anyhow::Result<()> {
    let zabbix = stand.stack.simulation.as_ref().expect("simulated").zabbix();
    let before = screen.now().events().len();
    zabbix.inject(Rule::new(Fault::Html));
    screen.shows("that the source fails", |picture| picture.source("zabbix")["status"] != "ok").await?;
    clock.set(-HOUR)?;
    let unknown = screen
        .shows("that nobody knows how old its answer is", |picture| {
            let source = picture.source("zabbix");
            source["status"] == "failed" && source["fetched_at"].is_null()
        })
        .await?;
    assert!(unknown.source("zabbix")["error"].is_string(), "{}", unknown.source("zabbix"));
    assert!(unknown.events().len() >= before, "its problems are still there");
    another_goes_on(stand, screen, "clock").await?;

    let repair = Repair::begins("the clock jumps back while a source fails")?;
    zabbix.clear_faults();
    screen
        .shows("when it was read", |picture| {
            picture.source("zabbix")["status"] == "ok" && picture.source("zabbix")["fetched_at"].is_string()
        })
        .await?;
    is_well_at(stand, kept, screen, -HOUR).await?;
    repair.done()
}
