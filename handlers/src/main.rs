//! `heat-api`: arguments, signals, and [`heat_handlers::run`].

use anyhow::Context;
use clap::Parser;
use heat_handlers::{Args, Config};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    args.telemetry.start()?;
    let config = Config::try_from(args)?;
    let listen = config.listen;
    let listener = TcpListener::bind(listen)
        .await
        .with_context(|| format!("cannot listen on {listen} (HEAT_LISTEN)"))?;
    heat_handlers::run(config, listener, on_signal()?).await
}

/// A token that SIGTERM or SIGINT cancels.
fn on_signal() -> anyhow::Result<CancellationToken> {
    let stop = CancellationToken::new();
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let token = stop.clone();
    tokio::spawn(async move {
        tokio::select! { _ = terminate.recv() => {} _ = interrupt.recv() => {} }
        tracing::info!("stopping");
        token.cancel();
    });
    Ok(stop)
}
