//! Many tickets asked for at once, a tracker that misbehaves in every way it can, and the updater and the replicas killed
//! over and over: each ticket and each comment is made once.
//!
//! A small number each time; `HEAT_TEST_TICKETS=200 HEAT_TEST_CLIENTS=50` for the large one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use futures_util::future::join_all;
use heat_devkit::eventually;
use heat_devkit::faults::Repair;
use heat_devkit::sim::{Fault, Rule};
use heat_devkit::stack::Stack;
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::stand::{PATIENCE, Stand, TRIGGER, number};

/// A comment that may have arrived is looked for a minute later; a few may be unlucky more than once.
const SETTLED_WITHIN: Duration = Duration::from_mins(20);

/// The updater is killed this often, and a replica every third time.
const KILL_EVERY: Duration = Duration::from_secs(1);

/// An operator who does not give up: repeats the same request under the same name until it is answered.
async fn insist(http: &Client, url: &str, name: &str, body: Value) -> anyhow::Result<Value> {
    eventually(name, SETTLED_WITHIN, async || {
        let request =
            http.post(url).header("idempotency-key", name).header("content-type", "application/json");
        let answer = request.body(body.to_string()).send().await.ok()?;
        match answer.status() {
            StatusCode::CREATED => serde_json::from_str(&answer.text().await.ok()?).ok(),
            // A replica was killed, or has just been started.
            _ => None,
        }
    })
    .await
}

/// Kills until told to stop, and starts again what it killed.
async fn kill(stack: &mut Stack, go_on: &AtomicBool) -> anyhow::Result<usize> {
    let (mut kills, replicas) = (0, stack.replicas.len());
    while go_on.load(Ordering::Relaxed) {
        sleep(KILL_EVERY).await;
        stack.updater.process.kill9()?;
        stack.updater.start_again()?;
        kills += 1;
        if kills % 3 == 0 {
            let replica = &mut stack.replicas[kills / 3 % replicas];
            replica.process.kill9()?;
            replica.start_again()?;
        }
    }
    Ok(kills)
}

#[tokio::test(flavor = "multi_thread")]
async fn however_often_processes_die_each_ticket_and_each_comment_is_made_once() -> anyhow::Result<()> {
    let (tickets, clients) = (number("HEAT_TEST_TICKETS", 12), number("HEAT_TEST_CLIENTS", 6));
    let killed_for = number("HEAT_TEST_KILLED_FOR", 5);
    let mut stand = Stand::with_replicas(3).await?;
    let simulation = stand.stack.simulation.as_ref().context("simulated")?;
    let hosts: Vec<_> = simulation.world().hosts().map(|host| host.host).take(tickets).collect();
    for host in &hosts {
        stand.let_host_fall(host);
    }
    let screen = stand.screen();
    let fallen = |event: &&Value| event["name"] == TRIGGER;
    let picture = screen
        .shows("every problem", |picture| picture.events().iter().filter(fallen).count() == tickets)
        .await?;
    let events: Vec<Value> = picture.events().iter().filter(fallen).cloned().collect();
    // Until the delivery has told of the tracker, nothing can be asked for.
    eventually("the tracker", PATIENCE, async || {
        let answer = stand.get("/api/v1/templates").await.ok()?.text().await.ok()?;
        answer.contains("startrek").then_some(())
    })
    .await?;

    for rule in [
        Rule::new(Fault::CommitThenDrop).percent(20),
        Rule::new(Fault::Status(500)).percent(10),
        Rule::new(Fault::TooMany(1)).percent(3),
        Rule::new(Fault::TooMany(0)).percent(3),
        Rule::new(Fault::UniqueLag(2000)).on("create").percent(50),
        Rule::new(Fault::Slow(3000)).percent(5),
        Rule::new(Fault::Status(423)).on("create").percent(5),
    ] {
        simulation.startrek().inject(rule);
    }
    let (http, url) = (stand.http.clone(), format!("{}/api/v1/tickets", stand.stack.url()));
    let go_on = AtomicBool::new(true);
    let asking = async {
        let mut asked = Vec::new();
        for wave in events.chunks(clients) {
            let at_once = wave.iter().map(|event| {
                let id = event["id"].as_str().unwrap_or_default();
                let edits = json!({ "queue": "NETOPS", "summary": format!("about {id}") });
                insist(&http, &url, id, json!({ "ids": [id], "edits": edits }))
            });
            for made in join_all(at_once).await {
                asked.push(made?);
            }
        }
        go_on.store(false, Ordering::Relaxed);
        anyhow::Ok(asked)
    };
    let (kills, asked) = tokio::join!(kill(&mut stand.stack, &go_on), asking);
    let (kills, asked) = (kills?, asked?);
    assert_eq!(asked.len(), tickets);

    // An operator says something on some of them, and the killing goes on for so many seconds.
    let key_of: BTreeMap<&str, &str> =
        events.iter().filter_map(|event| Some((event["id"].as_str()?, event["key"].as_str()?))).collect();
    for key in key_of.values().take(tickets.div_ceil(4)) {
        eventually("the comment to be taken", PATIENCE, async || {
            stand
                .say_on_ticket(key, "PSU on its way")
                .await
                .ok()
                .filter(|status| *status == StatusCode::CREATED)
        })
        .await?;
    }
    let more = AtomicBool::new(true);
    let (killed, ()) = tokio::join!(kill(&mut stand.stack, &more), async {
        sleep(Duration::from_secs(killed_for)).await;
        more.store(false, Ordering::Relaxed);
    });
    let kills = kills + killed?;
    let repair = Repair::begins(
        "the tracker fails in every way it can, and updater and replicas are killed over and over",
    )?;

    let mut unsettled = Vec::new();
    let made = eventually("every ticket and comment to be settled", SETTLED_WITHIN, async || {
        let mut settled = Vec::new();
        unsettled.clear();
        for ticket in &asked {
            let answer =
                stand.get(&format!("/api/v1/tickets/{}", ticket["id"])).await.ok()?.text().await.ok()?;
            let ticket: Value = serde_json::from_str(&answer).ok()?;
            let mut posts = ticket["posts"].as_array().into_iter().flatten();
            let is_settled = ticket["state"] == "created" && posts.all(|post| post["state"] == "sent");
            if is_settled { &mut settled } else { &mut unsettled }.push(ticket);
        }
        unsettled.is_empty().then_some(settled)
    });
    let made = made.await.with_context(|| format!("{unsettled:#?}"))?;
    repair.done()?;
    let startrek = stand.stack.simulation.as_ref().context("simulated")?.startrek();
    let issues = startrek.issues();
    let keys: BTreeSet<_> = made.iter().filter_map(|ticket| ticket["key"].as_str()).collect();
    assert_eq!(keys.len(), tickets, "a ticket each, after {kills} kills");
    let ours: BTreeSet<_> = issues.iter().map(|issue| issue.key.as_str()).collect();
    assert_eq!(ours, keys, "no issue that no ticket knows");
    let comments: Vec<_> = issues.iter().flat_map(|issue| &issue.comments).collect();
    assert_eq!(comments.len(), tickets.div_ceil(4), "{comments:?}");
    println!("{tickets} tickets, {} comments, {kills} kills of the updater", comments.len());
    Ok(())
}
