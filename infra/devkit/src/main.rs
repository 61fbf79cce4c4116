//! `heat-dev`: the local stack, and stores for tests.

use std::{
    io::{IsTerminal as _, stdout},
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use heat_devkit::{
    backends::{MariaDb, Postgres, Redis, TEST_DATABASE_URL, TEST_MARIADB_URL, TEST_REDIS_URL},
    faults,
    scenario::Scenario,
    sim::{JugglerOptions, Simulation, SimulationOptions, StartrekOptions, ZabbixOptions},
    stack::{Options, Stack},
};
use tokio::{
    signal::unix::{SignalKind, signal},
    try_join,
};
use tracing_subscriber::EnvFilter;

/// Heat's workbench: everything it needs, on loopback and for this moment only
#[derive(Debug, Parser)]
#[command(name = "heat-dev", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
#[expect(clippy::doc_markdown, reason = "the words of --help, where backticks would be printed")]
enum Command {
    /// Start the whole stack, and keep it until Ctrl-C
    ///
    /// PostgreSQL, Redis, MariaDB, the simulated upstreams, one updater, API replicas and nginx. Given
    /// HEAT_ZABBIX_URL, HEAT_JUGGLER_URL, HEAT_INVENTORY_URL or HEAT_TRACKER, that system is used instead of its
    /// simulator; given HEAT_ZABBIX_URL and HEAT_ZABBIX_TOKEN alone, the map shows that Zabbix' own hosts.
    Up(Options),
    /// Play a scenario in the simulated systems of the running stack; without a name, list them
    Scenario {
        /// Its name, such as rack-power-loss
        #[arg(value_parser = scenario_named)]
        name: Option<Scenario>,
        /// Where the running stack is
        #[arg(long, default_value = "http://127.0.0.1:8080")]
        url: String,
    },
    /// Run the simulated systems alone, on fixed ports, for a Heat that runs elsewhere, until Ctrl-C
    Simulate(Simulate),
    /// Print the table of the faults that Heat is tried against, as the operators' manual has it
    Faults {
        /// With the times that the tests of the last runs measured
        #[arg(long)]
        measured: bool,
        /// Write it into the manual instead
        #[arg(long, value_name = "FILE", conflicts_with = "measured")]
        write: Option<PathBuf>,
    },
    /// Run a command with throw-away stores: HEAT_TEST_REDIS_URL, HEAT_TEST_DATABASE_URL, HEAT_TEST_MARIADB_URL
    TestStores {
        /// The command and its arguments
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
        command: Vec<String>,
    },
}

/// The ports are one after the other: the page that plays scenarios, Zabbix, Juggler, Startrek.
#[derive(Debug, clap::Args)]
struct Simulate {
    /// The address where they listen
    #[arg(long, default_value = "127.0.0.1")]
    listen: IpAddr,
    /// The first of four ports
    #[arg(long, default_value_t = 18080)]
    port: u16,
    /// Where the page's link to the map leads
    #[arg(long, default_value = "http://127.0.0.1:8080/")]
    map_url: String,
}

#[tokio::main]
async fn main() -> ExitCode {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let outcome = match Cli::parse().command {
        Command::Up(options) => up(&options).await.map(|()| ExitCode::SUCCESS),
        Command::Scenario { name: None, .. } => {
            for scenario in Scenario::ALL {
                println!("{:20}{}", scenario.name(), scenario.what());
            }
            Ok(ExitCode::SUCCESS)
        }
        Command::Scenario { name: Some(scenario), url } => {
            play(scenario, &url).await.map(|()| ExitCode::SUCCESS)
        }
        Command::Simulate(options) => simulate(options).await.map(|()| ExitCode::SUCCESS),
        Command::Faults { measured, write } => {
            tell_faults(measured, write.as_deref()).map(|()| ExitCode::SUCCESS)
        }
        Command::TestStores { command } => with_stores(&command).await,
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("heat-dev: {error:#}");
        ExitCode::FAILURE
    })
}

/// Returns when the user, or whoever runs us, wants an end.
async fn told_to_stop() -> anyhow::Result<()> {
    let mut signals = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()]
        .into_iter()
        .map(signal)
        .collect::<Result<Vec<_>, _>>()
        .context("cannot listen for signals")?;
    let any = signals.iter_mut().map(|signal| Box::pin(signal.recv()));
    futures_util::future::select_all(any).await;
    Ok(())
}

async fn up(options: &Options) -> anyhow::Result<()> {
    let start = Instant::now();
    let report = |step: &str| println!("[{:5.1} s] {step}", start.elapsed().as_secs_f32());
    report("starting the stores");
    let mut stack = tokio::select! {
        stack = Stack::up(options, &report) => stack?,
        stop = told_to_stop() => return stop,
    };
    invite(&stack);
    tokio::select! {
        stop = told_to_stop() => stop?,
        () = mourn(&mut stack) => {}
    }
    println!("\nstopping");
    tokio::select! {
        // Whoever asks a second time does not want to wait.
        stop = told_to_stop() => stop?,
        down = stack.down() => down?,
    }
    println!("stopped, after {:.0} s", start.elapsed().as_secs_f32());
    Ok(())
}

async fn simulate(Simulate { listen, port, map_url }: Simulate) -> anyhow::Result<()> {
    let at = |number: u16| {
        let port = port.checked_add(number).context("--port leaves no room for four ports")?;
        anyhow::Ok(SocketAddr::from((listen, port)))
    };
    let simulation = Simulation::start(SimulationOptions {
        control: at(0)?,
        zabbix: ZabbixOptions { listen: at(1)?, ..ZabbixOptions::default() },
        juggler: JugglerOptions { listen: at(2)?, ..JugglerOptions::default() },
        startrek: StartrekOptions { listen: at(3)?, ..StartrekOptions::default() },
        map_url,
        ..SimulationOptions::default()
    })
    .await?;
    println!(
        "Zabbix {} with the token {}\nJuggler {} with the token {}\nStartrek {} with the token {}\n\
         Make something happen: http://{}/demo/",
        simulation.zabbix_url(),
        simulation.zabbix_token(),
        simulation.juggler_url(),
        simulation.juggler_token(),
        simulation.startrek_url(),
        simulation.startrek().token(),
        simulation.control_addr(),
    );
    told_to_stop().await
}

fn invite(stack: &Stack) {
    let url = stack.url();
    let (bold, plain) = if stdout().is_terminal() { ("\x1b[1m", "\x1b[0m") } else { ("", "") };
    let happen = if stack.simulation.is_some() {
        // By the path it was started by: nothing puts it on PATH.
        let heat_dev = std::env::args().next().unwrap_or_else(|| "heat-dev".to_owned());
        format!("Make something happen: {url}/demo/, or: {heat_dev} scenario rack-power-loss --url {url}")
    } else {
        format!("See what robots see: curl --compressed {url}/api/v1/snapshot")
    };
    println!(
        "
{bold}Heat is up: {url}/{plain}

  Three things to try:
  1. Open the page and click a burning rack; write a comment on a problem, with the page open twice.
  2. {happen}
  3. Kill a replica (kill -9 {replica}) and look: the page stays live.

  Logs and data are in {dir}. Ctrl-C stops everything.
",
        replica = stack.replicas[0].process.pid(),
        dir = stack.dir().display(),
    );
}

/// Says loudly and once of each process that it ended, and never returns: what remains may still serve.
async fn mourn(stack: &mut Stack) {
    let mut known = Vec::new();
    loop {
        for (name, status, log) in stack.casualties() {
            if !known.contains(&name) {
                eprintln!(
                    "\n!!! {name} ended by itself ({status}). Here nothing starts it again, as systemd or Kubernetes would: \
                     press Ctrl-C and start anew. It last said:\n{log}\n"
                );
                known.push(name);
            }
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

fn scenario_named(name: &str) -> Result<Scenario, String> {
    let names = || Scenario::ALL.map(Scenario::name).join(", ");
    Scenario::named(name).ok_or_else(|| format!("there are: {}", names()))
}

async fn play(scenario: Scenario, url: &str) -> anyhow::Result<()> {
    let address = format!("{}/demo/api/scenario/{}", url.trim_end_matches('/'), scenario.name());
    let answer = reqwest::Client::builder().no_proxy().build()?.post(&address).send().await;
    let answer = answer.with_context(|| {
        format!("no stack answers at {url}; start one with infra/run, or name it with --url")
    })?;
    let status = answer.status();
    if !status.is_success() {
        anyhow::bail!("{address} answered {status}: {}", answer.text().await?);
    }
    println!("{}: {}", scenario.title(), scenario.what());
    Ok(())
}

fn tell_faults(measured: bool, write: Option<&Path>) -> anyhow::Result<()> {
    match write {
        Some(manual) => std::fs::write(manual, faults::written_into(&std::fs::read_to_string(manual)?)?)?,
        None if measured => print!("{}", faults::table(Some(&faults::measured(&faults::dir())?))),
        None => print!("{}", faults::table(None)),
    }
    Ok(())
}

async fn with_stores(command: &[String]) -> anyhow::Result<ExitCode> {
    let (redis, postgres, mariadb) = try_join!(Redis::start(), Postgres::start(), MariaDb::start())?;
    let [program, args @ ..] = command else { anyhow::bail!("name a command") };
    let mut child = tokio::process::Command::new(program)
        .args(args)
        .env(TEST_REDIS_URL, redis.url())
        .env(TEST_DATABASE_URL, postgres.url("postgres"))
        .env(TEST_MARIADB_URL, mariadb.url(""))
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("cannot run {program}"))?;
    let status = tokio::select! {
        status = child.wait() => status?,
        stop = told_to_stop() => {
            stop?;
            // Ctrl-C reached the command too. Let it end by itself, and drop it, the stores too, if it does not.
            tokio::time::timeout(Duration::from_secs(10), child.wait()).await.context("the command did not stop")??
        }
    };
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}
