//! `heat-updater`: arguments, signals, and nothing else.

use clap::Parser;
use heat_jobs::commands;
use heat_jobs::config::Arguments;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    arguments.telemetry.start()?;
    let stop = heat::signals::stop_token()?;
    commands::run(&arguments, stop).await
}
