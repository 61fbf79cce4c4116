//! A private PostgreSQL.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use tokio_postgres::NoTls;
use url::Url;

use super::{Home, TEST_DATABASE_URL, on_a_port, shared_url, unique};
use crate::process::{Process, Program, START_PATIENCE, Signal};

/// The version Heat is developed and tested with; Debian 12's.
const VERSION: &str = "15";
/// The superuser of a private server. Whoever reaches the loopback interface may be it, without a password.
const USER: &str = "heat";

/// A running PostgreSQL.
#[derive(Debug)]
pub struct Postgres {
    /// Of the maintenance database `postgres`.
    url: Url,
    /// None for a server that belongs to somebody else.
    own: Option<Own>,
}

#[derive(Debug)]
struct Own {
    port: u16,
    // Before the home, so that the server has ended when its directory is removed.
    process: Process,
    home: Home,
}

impl Postgres {
    /// Starts a throw-away server, which takes a second or two: a new cluster is made for it.
    ///
    /// # Errors
    /// If it does not start; the message ends with its log.
    pub async fn start() -> anyhow::Result<Self> {
        Self::launch(Home::temporary("postgres", "postgres")?, None).await
    }

    /// Starts a server for the local stack with its cluster in `dir`, on `port` or on a free one.
    ///
    /// # Errors
    /// As [`Postgres::start`].
    pub async fn start_in(dir: &Path, port: Option<u16>) -> anyhow::Result<Self> {
        Self::launch(Home::kept(dir, "postgres")?, port).await
    }

    /// The tests' common server if there is one, else a throw-away one.
    ///
    /// # Errors
    /// As [`Postgres::start`], or if the variable holds no URL.
    pub async fn shared() -> anyhow::Result<Self> {
        match shared_url(TEST_DATABASE_URL) {
            Some(url) => {
                let url = url.parse().with_context(|| format!("{TEST_DATABASE_URL} is no URL: {url}"))?;
                Ok(Self { url, own: None })
            }
            None => Self::start().await,
        }
    }

    /// `postgres://heat@127.0.0.1:<port>/<database>`, whether or not that database exists.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        let mut url = self.url.clone();
        url.set_path(database);
        url.into()
    }

    /// Creates an empty database and returns its URL. It goes with the server; on a shared one it stays.
    ///
    /// # Errors
    /// If the server refuses.
    pub async fn fresh_database(&self) -> anyhow::Result<String> {
        self.create_database("template1").await
    }

    /// Creates a copy of a database to which nobody is connected, and returns its URL: the quick way to a
    /// migrated schema.
    ///
    /// # Errors
    /// If the server refuses, as while somebody is connected to `template`.
    pub async fn fresh_database_like(&self, template: &str) -> anyhow::Result<String> {
        self.create_database(template).await
    }

    /// Creates a database of this name unless there is one, and returns its URL.
    ///
    /// # Errors
    /// If the server refuses.
    pub async fn database(&self, name: &str) -> anyhow::Result<String> {
        let known =
            self.query(&format!("select datname from pg_database where datname = {}", literal(name))).await?;
        if known.is_empty() {
            self.execute(&format!("create database {}", identifier(name))).await?;
        }
        Ok(self.url(name))
    }

    /// The same database as another role, which needs no password here either.
    ///
    /// # Errors
    /// If `url` is none.
    pub fn url_as(url: &str, role: &str) -> anyhow::Result<String> {
        let mut url: Url = url.parse().with_context(|| format!("no URL: {url}"))?;
        if url.set_username(role).is_err() {
            bail!("no role can be named in {url}");
        }
        Ok(url.into())
    }

    /// Its port on 127.0.0.1.
    ///
    /// # Errors
    /// If it is shared.
    pub fn port(&self) -> anyhow::Result<u16> {
        Ok(self.own.as_ref().context(SHARED)?.port)
    }

    /// Its first process, to freeze it, or to watch it.
    ///
    /// # Errors
    /// If it is shared.
    pub fn process(&mut self) -> anyhow::Result<&mut Process> {
        Ok(&mut self.own.as_mut().context(SHARED)?.process)
    }

    /// `kill -9`; the other processes of the server notice and end too. Committed data is kept.
    ///
    /// # Errors
    /// If it is shared.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.process()?.kill9()
    }

    /// Starts it again with the same port and data after [`Postgres::kill`].
    ///
    /// # Errors
    /// If it is shared, or does not start.
    pub async fn start_again(&mut self) -> anyhow::Result<()> {
        let own = self.own.as_mut().context(SHARED)?;
        let start = Instant::now();
        own.process = loop {
            match spawn(&own.home, own.port).await {
                Ok(process) => break process,
                // The killed server's last backends still hold its shared memory for a moment.
                Err(_) if start.elapsed() < START_PATIENCE => {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                Err(error) => return Err(error),
            }
        };
        Ok(())
    }

    /// Runs statements on the maintenance database.
    ///
    /// # Errors
    /// If the server refuses one.
    pub async fn execute(&self, sql: &str) -> anyhow::Result<()> {
        self.query(sql).await.map(drop)
    }

    async fn create_database(&self, template: &str) -> anyhow::Result<String> {
        let name = unique("heat_test_");
        // Copying files beats writing a whole template to the log, and nobody replicates this server.
        let sql = format!(
            "create database {} template {} strategy file_copy",
            identifier(&name),
            identifier(template)
        );
        self.execute(&sql).await?;
        Ok(self.url(&name))
    }

    /// The first column of a query's rows, as text.
    async fn query(&self, sql: &str) -> anyhow::Result<Vec<String>> {
        let (client, connection) = tokio_postgres::connect(self.url.as_str(), NoTls)
            .await
            .with_context(|| format!("cannot connect to {}", self.url))?;
        let connection = tokio::spawn(connection);
        let answer = client.simple_query(sql).await.with_context(|| sql.to_owned());
        drop(client);
        connection.await??;
        Ok(answer?
            .iter()
            .filter_map(|message| match message {
                tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
                _ => None,
            })
            .collect())
    }

    async fn launch(home: Home, port: Option<u16>) -> anyhow::Result<Self> {
        if !home.data().join("PG_VERSION").exists() {
            make_cluster(&home).await?;
        }
        let (port, process) = on_a_port(port, async |port| spawn(&home, port).await).await?;
        let url = format!("postgres://{USER}@127.0.0.1:{port}/postgres").parse()?;
        Ok(Self { url, own: Some(Own { port, process, home }) })
    }
}

const SHARED: &str = "this PostgreSQL is shared with other tests; use Postgres::start for one of your own";

async fn make_cluster(home: &Home) -> anyhow::Result<()> {
    let mut initdb = Program::new("initdb", program("initdb")?)
        .args(["--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync", "--no-instructions"])
        .arg(format!("--username={USER}"))
        .arg("--pgdata")
        .arg(home.data())
        .unprivileged(home.user)
        .current_dir("/")
        .log(home.log("initdb"))
        .spawn()?;
    let status = initdb.ended(START_PATIENCE).await?;
    if !status.success() {
        bail!("initdb failed ({status}):\n{}", initdb.log_tail(12));
    }
    Ok(())
}

async fn spawn(home: &Home, port: u16) -> anyhow::Result<Process> {
    let mut postgres = Program::new("postgres", program("postgres")?)
        .arg("-D")
        .arg(home.data())
        .arg("-p")
        .arg(port.to_string())
        // A Unix socket's path may have 107 bytes, which a directory of the user's choice easily exceeds.
        .args(["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="])
        .args(["-c", "max_connections=300", "-c", "timezone=UTC"])
        .unprivileged(home.user)
        .current_dir("/")
        .stop_signal(Signal::INT)
        .last_signal(Signal::QUIT)
        .log(home.log("postgres"));
    if home.is_temporary() {
        // Not `synchronous_commit`: what is committed must reach the kernel, or a kill -9 would lose it.
        postgres = postgres.args(["-c", "fsync=off", "-c", "full_page_writes=off"]);
    }
    let mut process = postgres.spawn()?;
    let pid_file = home.data().join("postmaster.pid");
    let pid = process.pid();
    process
        .ready(&format!("127.0.0.1:{port}"), START_PATIENCE, async || says_ready(&pid_file, pid))
        .await
        .context("cannot start a private PostgreSQL")?;
    Ok(process)
}

/// PostgreSQL writes its pid into the first line of this file and its state into the eighth, so that readiness
/// needs no connection, and neither another server on the port nor a dead server's file is taken for it.
fn says_ready(pid_file: &Path, pid: u32) -> bool {
    let Ok(text) = fs::read_to_string(pid_file) else { return false };
    let mut lines = text.lines();
    lines.next().is_some_and(|line| line.trim() == pid.to_string())
        && lines.nth(6).is_some_and(|line| line.trim() == "ready")
}

/// Debian keeps the server's programs out of `PATH`.
fn program(name: &str) -> anyhow::Result<PathBuf> {
    let debian = PathBuf::from(format!("/usr/lib/postgresql/{VERSION}/bin")).join(name);
    if debian.exists() {
        return Ok(debian);
    }
    let known = Command::new(name).arg("--version").output().is_ok_and(|output| output.status.success());
    if known {
        Ok(name.into())
    } else {
        bail!("{name} is missing: install Debian's package postgresql-{VERSION}")
    }
}

fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
