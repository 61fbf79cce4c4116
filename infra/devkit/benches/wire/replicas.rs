//! Several replicas on one Redis.

use std::time::Instant;

use heat::packed::Packed;
use heat_devkit::backends::{Nginx, Site};
use tempfile::TempDir;

use crate::clients::{Crowd, Talk, on_one_thread};
use crate::heat::{Desk, document};
use crate::report::{Report, Spread};

/// 250 kB on the wire, about.
const DOCUMENT: usize = 1_650_000;
const LIVE: Talk = Talk::WebSocket { path: "/api/v1/live", deflate: true };

pub(crate) async fn agree(report: &mut Report) -> anyhow::Result<()> {
    const REPLICAS: usize = 8;
    const WRITES: usize = 100;
    on_one_thread(async {
        let mut desk = Desk::open().await?;
        let packed = Packed::new(&document(DOCUMENT))?;
        desk.publish(&packed).await?;
        let (mut replicas, mut screens) = (Vec::new(), Vec::new());
        for _ in 0..REPLICAS {
            let replica = desk.replica().await?;
            let screen = Crowd::connect(replica.address, LIVE, 1, 0).await?;
            screen.had_one_each().await?;
            replicas.push(replica);
            screens.push(screen);
        }
        let mut times = Vec::new();
        for _ in 0..WRITES {
            screens.iter().for_each(Crowd::expect_one_each);
            desk.publish(&packed).await?;
            let written = Instant::now();
            let shown = futures_util::future::try_join_all(screens.iter().map(Crowd::last)).await?;
            let last = shown.into_iter().max().unwrap_or(written);
            times.push(last.saturating_duration_since(written).as_secs_f64() * 1000.0);
        }
        let p99 = format!("p99 {:.1}; <= 100", Spread::quantile(times.clone(), 0.99));
        report.add("8 replicas show what is written", "heat", "ms after the write", Spread::of(times), &p99);
        drop(replicas);
        Ok(())
    })
    .await
}

pub(crate) async fn behind_nginx(report: &mut Report, rounds: usize) -> anyhow::Result<()> {
    const CLIENTS: usize = 1000;
    on_one_thread(async {
        let mut desk = Desk::open().await?;
        let packed = Packed::new(&document(DOCUMENT))?;
        desk.publish(&packed).await?;
        let alone = desk.replica().await?;
        let mut behind = Vec::new();
        for _ in 0..3 {
            behind.push(desk.replica().await?);
        }
        let page = TempDir::new()?;
        let site = Site {
            replicas: behind.iter().map(|replica| replica.address).collect(),
            page: page.path().to_owned(),
            demo: None,
        };
        let nginx = Nginx::start(&site).await?;
        let through = nginx.url().trim_start_matches("http://").parse()?;
        let (mut direct, mut proxied) = (Vec::new(), Vec::new());
        for (address, times) in [(alone.address, &mut direct), (through, &mut proxied)] {
            let crowd = Crowd::connect(address, LIVE, CLIENTS, 0).await?;
            crowd.had_one_each().await?;
            for _ in 0..rounds {
                crowd.expect_one_each();
                let start = Instant::now();
                desk.publish(&packed).await?;
                times.push(crowd.last().await?.duration_since(start).as_secs_f64() * 1000.0);
            }
        }
        let what = "250 kB x 1000, 3 replicas, nginx";
        report.add(what, "one, direct", "ms to the last client", Spread::of(direct.clone()), "");
        report.add(what, "3, nginx", "ms to the last client", Spread::of(proxied.clone()), "");
        report.ratio(what, &proxied, &direct, "direct", "<= 3");
        Ok(())
    })
    .await
}
