//! Heat on the wire, beside the limit and the best peer: `./infra/bench`.
//!
//! Every pair is measured in turn in the same run, several rounds, with the load generator on the same machine; figures of
//! different runs or machines are not to be compared, the ratios inside one are.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "what is counted here is small"
)]
#![expect(clippy::large_futures, reason = "there is one of each")]

mod clients;
mod fan_out;
mod heat;
mod http;
mod load;
mod peers;
mod replicas;
mod report;
mod whole;

use std::path::PathBuf;

use anyhow::{Context, ensure};
use clap::{Parser, ValueEnum};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::report::Report;

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Name {
    /// One full snapshot to every client: beside plain TCP and nchan
    FanOut,
    /// Memory of 5,000 clients that wait
    Idle,
    /// 300 of 1,000 clients read nothing
    Stalled,
    /// 1,000 browsers come at once
    Storm,
    /// `GET /api/v1/snapshot`, whole and unchanged: beside nginx serving the same bytes as a file
    Rest,
    /// 8 replicas on one Redis: how long until each shows what was written
    Replicas,
    /// Redis to the last of 1,000 clients through nginx and 3 replicas: beside one replica alone
    Nginx,
    /// `heat-api` to its first byte with a warm Redis
    Start,
    /// A comment to the last of 100 screens, on a whole stack with 20,000 problems
    Comment,
    /// 100,000 devices from RackTables and from a file to Redis
    Inventory,
}

/// Measures Heat on the wire
#[derive(Debug, Parser)]
struct Args {
    /// What to measure; everything, unless named
    #[arg(value_enum)]
    names: Vec<Name>,
    /// Rounds of each pair
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// Also write the figures here, for keeping
    #[arg(long)]
    json: Option<PathBuf>,
    /// What cargo gives to every bench
    #[arg(long, hide = true)]
    bench: bool,
    /// Serve plain TCP: the yardstick's own process
    #[arg(long, hide = true)]
    plain_tcp: bool,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    if args.plain_tcp {
        return runtime.block_on(peers::serve_plain_tcp());
    }
    // Clients, and the servers' ends of them, which inherit it.
    let limit = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: limit, maximum: limit })?;
    ensure!(
        limit.is_none_or(|limit| limit >= 16_000),
        "16,000 open files are needed; ulimit -Hn says {limit:?}"
    );
    runtime.block_on(measure(&args))
}

async fn measure(args: &Args) -> anyhow::Result<()> {
    let is_asked = |name| args.names.is_empty() || args.names.contains(&name);
    let mut report = Report::new();
    if is_asked(Name::FanOut) {
        fan_out::compare(&mut report, args.rounds).await.context("fan-out")?;
    }
    if is_asked(Name::Idle) {
        fan_out::idle(&mut report).await.context("idle")?;
    }
    if is_asked(Name::Stalled) {
        fan_out::stalled(&mut report, args.rounds).await.context("stalled")?;
    }
    if is_asked(Name::Storm) {
        fan_out::storm(&mut report, args.rounds).await.context("storm")?;
    }
    if is_asked(Name::Rest) {
        http::rest(&mut report, args.rounds).await.context("rest")?;
    }
    if is_asked(Name::Replicas) {
        replicas::agree(&mut report).await.context("replicas")?;
    }
    if is_asked(Name::Nginx) {
        replicas::behind_nginx(&mut report, args.rounds).await.context("nginx")?;
    }
    if is_asked(Name::Start) {
        http::start(&mut report, args.rounds).await.context("start")?;
    }
    if is_asked(Name::Comment) {
        whole::comment(&mut report).await.context("comment")?;
    }
    if is_asked(Name::Inventory) {
        whole::inventory(&mut report).await.context("inventory")?;
    }
    report.end(args.json.as_deref())
}
