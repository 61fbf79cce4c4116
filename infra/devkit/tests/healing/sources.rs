//! A source answers, and not as it should.

use std::time::Duration;

use chrono::{DateTime, Utc};
use heat_devkit::faults::Repair;
use heat_devkit::sim::{Fault, RawEvent, Rule};

use crate::stand::{Kept, Picture, Screen, Stand};

/// Longer than a source has before it counts as late, and shorter than the patience of its client.
const SLOW: Duration = Duration::from_secs(6);

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_is_slow_or_answers_garbage_keeps_its_events_and_holds_up_no_other()
-> anyhow::Result<()> {
    let stand = Stand::start().await?;
    let (kept, screen) = stand.screen_that_keeps().await?;
    garbage(&stand, &kept, &screen).await?;
    slow(&stand, &kept, &screen).await
}

/// A new event of Juggler is on the screen, where all of Zabbix' last ones still are.
pub(crate) async fn another_goes_on(stand: &Stand, screen: &Screen, service: &str) -> anyhow::Result<()> {
    let simulation = stand.stack.simulation.as_ref().expect("simulated");
    let host = simulation.world().hosts().next().expect("a host").host;
    simulation.juggler().set(RawEvent::new(&host, service, "CRIT"));
    let of_it =
        |picture: &Picture| picture.events().iter().any(|e| e["source"] == "juggler" && e["name"] == service);
    screen.shows("what the other source says", of_it).await?;
    screen.kept()
}

async fn garbage(stand: &Stand, kept: &Kept, screen: &Screen) -> anyhow::Result<()> {
    let zabbix = stand.stack.simulation.as_ref().expect("simulated").zabbix();
    for (fault, service) in [(Fault::CutJson, "cut"), (Fault::WrongTypes, "types")] {
        zabbix.inject(Rule::new(fault));
        let failing = screen
            .shows("that the source fails", |picture| picture.source("zabbix")["status"] != "ok")
            .await?;
        assert!(failing.source("zabbix")["error"].is_string(), "{}", failing.source("zabbix"));
        another_goes_on(stand, screen, service).await?;
        zabbix.clear_faults();
        screen.shows("that it is well", |picture| picture.source("zabbix")["status"] == "ok").await?;
    }
    zabbix.inject(Rule::new(Fault::Html));
    let failing = |picture: &Picture| picture.source("zabbix")["status"] != "ok";
    let failing = screen.shows("that the source fails", failing).await?;
    assert!(failing.source("zabbix")["error"].is_string(), "{}", failing.source("zabbix"));
    let repair = Repair::begins("a source fails or answers nonsense")?;
    zabbix.clear_faults();
    stand.is_well(kept, screen).await?;
    repair.done()
}

async fn slow(stand: &Stand, kept: &Kept, screen: &Screen) -> anyhow::Result<()> {
    let zabbix = stand.stack.simulation.as_ref().expect("simulated").zabbix();
    zabbix.inject(Rule::new(Fault::slow(SLOW)));
    another_goes_on(stand, screen, "slow").await?;
    screen
        .shows("that the source is late", |picture| {
            let source = picture.source("zabbix");
            let fetched = source["fetched_at"].as_str().and_then(|at| at.parse::<DateTime<Utc>>().ok());
            let age = fetched.map(|at| (Utc::now() - at).num_seconds());
            age.zip(source["late_after_s"].as_i64()).is_some_and(|(age, late)| age >= late)
        })
        .await?;
    screen.kept()?;
    let repair = Repair::begins("a source is slow")?;
    zabbix.clear_faults();
    stand.is_well(kept, screen).await?;
    repair.done()
}
