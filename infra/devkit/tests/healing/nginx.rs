//! The shipped nginx under its own hand.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use heat_devkit::faults::Repair;
use heat_devkit::process::Signal;
use reqwest::{Client, StatusCode};

use crate::stand::{PATIENCE, Stand};

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_of_nginx_fails_no_request_and_no_screen_misses_anything() -> anyhow::Result<()> {
    let mut stand = Stand::start().await?;
    let (kept, screen) = stand.screen_that_keeps().await?;
    let screens = [stand.screen(), stand.screen(), stand.screen(), stand.screen()];
    for screen in &screens {
        screen.shows("a first picture", |picture| picture.live).await?;
    }

    let (go_on, asked) = (AtomicBool::new(true), AtomicUsize::new(0));
    let url = format!("{}/api/v1/snapshot", stand.stack.url());
    // A connection that was kept open nginx closes, whether or not a request is under way to it.
    let http = Client::builder().no_proxy().pool_max_idle_per_host(0).timeout(PATIENCE).build()?;
    let reading = async {
        while go_on.load(Ordering::Relaxed) {
            let answer = http.get(&url).send().await?;
            anyhow::ensure!(answer.status() == StatusCode::OK, "{}", answer.status());
            asked.fetch_add(1, Ordering::Relaxed);
        }
        anyhow::Ok(())
    };
    let reloading = async {
        for _ in 0..2 {
            let repair = Repair::begins("nginx reloads its configuration")?;
            stand.stack.nginx.process().signal(Signal::HUP)?;
            let before = asked.load(Ordering::Relaxed);
            let fallen = stand.let_something_fall();
            for screen in &screens {
                screen
                    .shows("the new problem", |picture| picture.live && picture.burning(&fallen).is_some())
                    .await?;
            }
            stand.is_well(&kept, &screen).await?;
            repair.done()?;
            anyhow::ensure!(asked.load(Ordering::Relaxed) > before, "nobody was answered meanwhile");
        }
        anyhow::Ok(())
    };
    let both = async {
        let done = reloading.await;
        go_on.store(false, Ordering::Relaxed);
        done
    };
    let (read, reloaded) = tokio::join!(reading, both);
    reloaded.and(read)
}
