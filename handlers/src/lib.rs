//! Heat's API replica: the picture over HTTP and WebSocket, comments, and pages that work without JavaScript.
//!
//! It is stateless: everything it answers stands in Redis or Postgres. What it keeps in memory is the latest frame for
//! its sockets ([`feed`]) and documents by their version ([`kept`]): caches, either of which may be lost at any time.
//!
//! A request passes [`service`]: [`route`] says what it asks for and what that needs, [`access`] and [`door`] who asks,
//! a file per resource answers, and [`problem`] tells what went wrong.

mod accept;
mod access;
mod acknowledgements;
mod app;
mod audit;
mod changes;
mod comments;
mod config;
mod devices;
mod door;
mod event_csv;
mod event_list;
mod events;
mod feed;
mod handover;
mod handshake;
mod history;
mod inventory_problems;
mod kept;
mod live;
mod machine;
mod me;
mod metrics;
mod notes;
mod pace;
mod page;
mod parameters;
mod picture;
mod plain;
mod problem;
mod racks;
mod reply;
mod route;
mod screen;
mod service;
mod status;
mod templates;
mod tenure;
mod tickets;
mod tokens;
mod until;
mod views;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub use config::{Args, Config};

/// How long sockets may take to part after the stop.
const DRAIN_WITHIN: Duration = Duration::from_secs(5);

/// Serves on `listener` until `stop`, then lets requests end and tells every WebSocket to connect elsewhere.
///
/// # Errors
/// If a store's URL cannot be used, or the metrics' address. A store that is away is no error: it is degraded service.
pub async fn run(config: Config, listener: TcpListener, stop: CancellationToken) -> anyhow::Result<()> {
    let metrics_listener = match config.metrics_listen {
        Some(address) => Some(
            TcpListener::bind(address)
                .await
                .with_context(|| format!("cannot listen on {address} (HEAT_METRICS_LISTEN)"))?,
        ),
        None => None,
    };
    let mut registry = Registry::default();
    let address = listener.local_addr()?;
    let app = app::App::start(config, address, &mut registry, stop.clone())?;
    if let Some(listener) = metrics_listener {
        app.tasks.spawn(heat::telemetry::serve_metrics(listener, Arc::new(registry), stop.clone()));
    }
    tracing::info!(%address, version = env!("CARGO_PKG_VERSION"), replica = app.id, "serving");
    let service = Arc::clone(&app);
    heat::serve::serve(listener, stop, move |request| service::answer(Arc::clone(&service), request)).await;
    app.tasks.close();
    if tokio::time::timeout(DRAIN_WITHIN, app.tasks.wait()).await.is_err() {
        tracing::warn!("some WebSockets did not part within {DRAIN_WITHIN:?} of the stop; they are cut off");
    }
    Ok(())
}
