//! A replica that stands still, and clients that do.
//!
//! Few clients each time; `HEAT_TEST_SOCKETS=1000` for the large form.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use chrono::Utc;
use futures_util::StreamExt as _;
use futures_util::future::join_all;
use heat_devkit::eventually;
use heat_devkit::faults::Repair;
use reqwest::StatusCode;
use serde_json::Value;
use tokio::net::TcpSocket;
use tokio::task::JoinSet;
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::Message;

use crate::stand::{PATIENCE, Screen, Stand, number};

/// So many problems make a snapshot that does not fit into what the kernel keeps for a client that does not read.
const PROBLEMS: usize = 1_000;

/// Of ten clients so many read nothing.
const SILENT_IN_TEN: usize = 3;

/// A client that reads nothing is found out by a ping that is not answered, if not before.
const DROPPED_WITHIN: Duration = Duration::from_secs(90);

/// In kB: what a replica may take more for each client, and in all for what it shares between them.
const MEMORY_OF_A_CLIENT: usize = 100;
const MEMORY_SHARED: usize = 150_000;

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_replica_that_thaws_catches_up_and_shows_nothing_old() -> anyhow::Result<()> {
    let mut stand = Stand::start().await?;
    let (kept, screen) = stand.screen_that_keeps().await?;
    // Some of them are at each replica.
    let screens = [stand.screen(), stand.screen(), stand.screen(), stand.screen()];
    for screen in &screens {
        screen.shows("a first picture", |picture| picture.live).await?;
    }
    stand.stack.replicas[0].process.freeze()?;
    let frozen_at = Utc::now();
    let fallen = stand.let_something_fall();
    // Some of these are sent to the frozen replica too.
    let opened = [stand.screen(), stand.screen(), stand.screen(), stand.screen()];
    for screen in &opened {
        screen
            .shows("the new problem, on a page opened meanwhile", |picture| {
                picture.burning(&fallen).is_some()
            })
            .await?;
    }
    let mut still = screens.iter().map(Screen::now).filter(|picture| picture.burning(&fallen).is_none());
    let still = still.next().context("the sockets of the frozen replica stand still")?;
    assert!(
        still.made_at().is_some_and(|at| at <= frozen_at),
        "and nothing makes their picture look younger"
    );
    let newest = opened.iter().map(|screen| screen.now().revision()).max().unwrap_or(0);

    let repair = Repair::begins("a replica is frozen, and thaws")?;
    stand.stack.replicas[0].process.thaw()?;
    for screen in &screens {
        screen.shows("the new problem", |picture| picture.live && picture.burning(&fallen).is_some()).await?;
    }
    let of_it = format!("http://{}/api/v1/snapshot", stand.stack.replicas[0].addr());
    eventually("the newest picture from the replica itself", PATIENCE, async || {
        let answer =
            stand.http.get(&of_it).send().await.ok().filter(|answer| answer.status() == StatusCode::OK)?;
        let snapshot: Value = serde_json::from_str(&answer.text().await.ok()?).ok()?;
        (snapshot["revision"].as_u64()? >= newest).then_some(())
    })
    .await?;
    stand.is_well(&kept, &screen).await?;
    for screen in &screens {
        screen.kept()?;
    }
    repair.done()
}

/// The resident memory of a process, in kB.
fn memory_of(pid: u32) -> anyhow::Result<usize> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

/// How many sockets a process has open.
fn sockets_of(pid: u32) -> anyhow::Result<usize> {
    let fds = fs::read_dir(format!("/proc/{pid}/fd"))?;
    let links = fds.filter_map(|fd| fs::read_link(fd.ok()?.path()).ok());
    Ok(links.filter(|link| link.to_string_lossy().starts_with("socket:")).count())
}

#[tokio::test(flavor = "multi_thread")]
async fn sockets_that_read_nothing_cost_the_others_nothing() -> anyhow::Result<()> {
    let stand = Stand::with_replicas(1).await?;
    let clients = number("HEAT_TEST_SOCKETS", 100_usize);
    let silent = clients * SILENT_IN_TEN / 10;
    stand.stack.simulation.as_ref().context("simulated")?.zabbix().storm(PROBLEMS);
    let screen = stand.screen();
    screen.shows("all problems", |picture| picture.events().len() >= PROBLEMS).await?;
    let replica = &stand.stack.replicas[0];
    let before = memory_of(replica.process.pid())?;
    let sockets_before = sockets_of(replica.process.pid())?;

    let addr = replica.addr();
    let connect = async || {
        let socket = TcpSocket::new_v4()?;
        // What a client's own kernel takes for it says nothing about the replica.
        socket.set_recv_buffer_size(4096)?;
        let stream = socket.connect(addr).await?;
        anyhow::Ok(client_async(format!("ws://{addr}/api/v1/live"), stream).await?.0)
    };
    let (mut idle, mut readers) = (Vec::new(), Vec::new());
    for number in 0..clients {
        let socket = connect().await?;
        if number < silent { idle.push(socket) } else { readers.push(socket) }
    }
    let repair = Repair::begins("three browsers in ten read nothing")?;
    let wanted: Arc<str> = stand.let_something_fall().into();
    let (have_it, mut reading) = (Arc::new(AtomicUsize::new(0)), JoinSet::new());
    let readers_count = readers.len();
    for mut socket in readers {
        let (wanted, have_it) = (Arc::clone(&wanted), Arc::clone(&have_it));
        reading.spawn(async move {
            let mut has = false;
            while let Some(Ok(message)) = socket.next().await {
                if !has && matches!(&message, Message::Text(text) if text.contains(&*wanted)) {
                    has = true;
                    have_it.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
    }
    eventually("everybody who reads to have the new problem", PATIENCE, async || {
        (have_it.load(Ordering::Relaxed) == readers_count).then_some(())
    })
    .await?;
    let grown = memory_of(replica.process.pid())?.saturating_sub(before);
    let bound = MEMORY_SHARED + clients * MEMORY_OF_A_CLIENT;
    println!("{clients} sockets, {silent} of which read nothing: {grown} kB more, of {bound} kB");
    assert!(grown < bound, "the replica took {grown} kB for {clients} clients");

    eventually("those who read nothing to be dropped", DROPPED_WITHIN, async || {
        // Whoever reads is still there: none of their tasks has ended.
        let others = sockets_of(replica.process.pid()).ok()?.saturating_sub(sockets_before + readers_count);
        // The replica's own, to Redis and Postgres, come and go.
        (others <= silent / 10 && reading.len() == readers_count).then_some(())
    })
    .await?;
    repair.done()?;
    assert!(reading.try_join_next().is_none(), "who reads stays");
    // They find out when they look.
    join_all(idle.into_iter().map(|socket| async move { socket.for_each(|_| async {}).await })).await;
    Ok(())
}
