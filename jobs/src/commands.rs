//! What `heat-updater` can be told to do.

use std::io::Write;
use std::sync::Arc;

use anyhow::Context;
use heat::db::Db;
use heat::telemetry::serve_metrics;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::config::{Arguments, Command, InventoryCommand, MigrateArgs};
use crate::metrics::Metrics;
use crate::upstream::inventory::InventorySource;
use crate::{doctor, filter, rackcode, tokens, updater};

/// Does it.
pub async fn run(arguments: &Arguments, stop: CancellationToken) -> anyhow::Result<()> {
    match arguments.command.as_ref().unwrap_or(&Command::Run) {
        Command::Run => Box::pin(update(arguments, stop)).await,
        Command::Migrate(args) => migrate(arguments, args).await,
        Command::Token(command) => {
            let db = Db::new(&arguments.stores.database_url()?, 1)?;
            tokens::run(&db, command, &mut std::io::stdout(), &mut std::io::stderr()).await
        }
        Command::Doctor => Box::pin(doctor::run(arguments)).await,
        Command::Inventory(InventoryCommand::Export) => export(arguments.inventory_source()?).await,
        Command::RackCode(asked) => rackcode::run(arguments, asked).await,
        Command::Filter(args) => filter::run(args, &mut std::io::stdout().lock()),
    }
}

async fn update(arguments: &Arguments, stop: CancellationToken) -> anyhow::Result<()> {
    let config = arguments.config()?;
    let mut registry = Registry::default();
    let metrics = Metrics::new(&mut registry);
    let serving = match arguments.telemetry.metrics_listen {
        Some(address) => {
            let listener = TcpListener::bind(address)
                .await
                .with_context(|| format!("HEAT_METRICS_LISTEN = {address} cannot be listened on"))?;
            Some(tokio::spawn(serve_metrics(listener, Arc::new(registry), stop.clone())))
        }
        None => None,
    };
    let names: Vec<_> = config.sources.iter().map(|source| source.name.as_str()).collect();
    tracing::info!(version = env!("CARGO_PKG_VERSION"), sources = names.join(" "), "heat-updater");
    if names.is_empty() {
        tracing::warn!(
            "no source is configured; set HEAT_ZABBIX_URL or HEAT_JUGGLER_URL, or [[source]] in HEAT_CONFIG"
        );
    }
    let ended = updater::run(config, metrics, stop.clone()).await;
    stop.cancel();
    if let Some(serving) = serving {
        serving.await?;
    }
    ended
}

async fn migrate(arguments: &Arguments, args: &MigrateArgs) -> anyhow::Result<()> {
    let roles = args.roles()?;
    let db = Db::new(&arguments.stores.database_url()?, 1)?;
    let applied = db.migrate().await?;
    match applied.len() {
        0 => println!("The schema is up to date."),
        _ => println!("Applied: {}", applied.join(", ")),
    }
    if let Some(roles) = roles {
        db.grant_roles(&roles).await?;
        println!("heat-api may come in as {}, heat-updater as {}.", roles.api.name, roles.updater.name);
    }
    Ok(())
}

async fn export(mut source: InventorySource) -> anyhow::Result<()> {
    let reading = source.read().await?;
    let mut out = std::io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, &reading.inventory)?;
    writeln!(out)?;
    for remark in &reading.remarks {
        eprintln!("{remark}");
    }
    for damage in &reading.damage {
        eprintln!("{} {} {}", damage.what, damage.id, damage.problem);
    }
    Ok(())
}
