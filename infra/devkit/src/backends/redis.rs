//! A private Redis.

use std::{net::Ipv4Addr, path::Path, time::Duration};

use anyhow::{Context, bail};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::{Home, TEST_REDIS_URL, on_a_port, shared_url, unique};
use crate::{
    eventually,
    process::{Process, Program, START_PATIENCE, own_dir},
};

/// A running Redis that keeps nothing on disk, as Heat's needs to: all of it comes back with one refresh.
///
/// It starts as a stock Redis does, without keyspace notifications; setting them is the binaries' duty.
#[derive(Debug)]
pub struct Redis {
    url: String,
    prefix: String,
    /// None for a server that belongs to somebody else.
    own: Option<Own>,
}

#[derive(Debug)]
struct Own {
    port: u16,
    // Before the home, so that the server has ended when its directory is removed.
    process: Process,
    home: Home,
    args: Vec<String>,
}

impl Redis {
    /// Starts a throw-away server.
    ///
    /// # Errors
    /// If it does not start; the message ends with its log.
    pub async fn start() -> anyhow::Result<Self> {
        Self::with_args(&[]).await
    }

    /// Starts a throw-away server with additional arguments, as `["--rename-command", "CONFIG", ""]` for one
    /// that lets nobody set notifications.
    ///
    /// # Errors
    /// As [`Redis::start`].
    pub async fn with_args(args: &[&str]) -> anyhow::Result<Self> {
        Self::launch(Home::temporary("redis", "redis")?, None, args).await
    }

    /// Starts a server for the local stack in `dir`, on `port` or on a free one.
    ///
    /// # Errors
    /// As [`Redis::start`].
    pub async fn start_in(dir: &Path, port: Option<u16>) -> anyhow::Result<Self> {
        Self::launch(Home::kept(dir, "redis")?, port, &[]).await
    }

    /// The tests' common server if there is one, else a throw-away one.
    ///
    /// # Errors
    /// As [`Redis::start`].
    pub async fn shared() -> anyhow::Result<Self> {
        match shared_url(TEST_REDIS_URL) {
            Some(url) => Ok(Self { url, prefix: unique_prefix(), own: None }),
            None => Self::start().await,
        }
    }

    /// `redis://127.0.0.1:<port>`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A key prefix nobody else uses, in braces as Redis' hash tags are: `{heat-5f0c…}`.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Its port on 127.0.0.1.
    ///
    /// # Errors
    /// If it is shared.
    pub fn port(&self) -> anyhow::Result<u16> {
        Ok(self.own.as_ref().context(SHARED)?.port)
    }

    /// Its process, to freeze it, or to watch it.
    ///
    /// # Errors
    /// If it is shared.
    pub fn process(&mut self) -> anyhow::Result<&mut Process> {
        Ok(&mut self.own.as_mut().context(SHARED)?.process)
    }

    /// `kill -9`. Everything in it is lost.
    ///
    /// # Errors
    /// If it is shared.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.process()?.kill9()
    }

    /// Starts it again on the same port after [`Redis::kill`], empty and with its settings of the first start.
    ///
    /// # Errors
    /// If it is shared, or does not start.
    pub async fn start_again_empty(&mut self) -> anyhow::Result<()> {
        let own = self.own.as_mut().context(SHARED)?;
        own.process = spawn(&own.home, own.port, &own.args).await?;
        Ok(())
    }

    /// One command in its inline form, such as `CONFIG SET maxmemory 1`, and the answer as Redis writes it.
    ///
    /// # Errors
    /// If it is shared, does not answer, or answers with an error.
    pub async fn command(&self, command: &str) -> anyhow::Result<String> {
        let ask = async {
            let mut wire = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port()?)).await?;
            wire.write_all(format!("{command}\r\nQUIT\r\n").as_bytes()).await?;
            let mut answer = String::new();
            wire.read_to_string(&mut answer).await?;
            anyhow::Ok(answer)
        };
        let answer = timeout(Duration::from_secs(5), ask).await??;
        if answer.starts_with('-') {
            bail!("{command}: {}", answer.trim_end());
        }
        Ok(answer)
    }

    async fn launch(home: Home, port: Option<u16>, args: &[&str]) -> anyhow::Result<Self> {
        let args: Vec<String> = args.iter().map(ToString::to_string).collect();
        let (port, process) = on_a_port(port, async |port| spawn(&home, port, &args).await).await?;
        Ok(Self {
            url: format!("redis://127.0.0.1:{port}"),
            prefix: unique_prefix(),
            own: Some(Own { port, process, home, args }),
        })
    }
}

const SHARED: &str = "this Redis is shared with other tests; use Redis::start for one of your own";

/// A user of servers and nodes, beside the default one, with a password that must be percent-encoded in a URL.
pub(super) const USER: [&str; 7] = ["--user", "noc", "on", ">ge/heim", "~*", "&*", "+@all"];
pub(super) const USER_IN_URL: &str = "noc:ge%2Fheim@";

pub(super) fn unique_prefix() -> String {
    format!("{{{}}}", unique("heat-"))
}

async fn spawn(home: &Home, port: u16, args: &[String]) -> anyhow::Result<Process> {
    spawn_in(home, &home.data(), "redis", port, args).await
}

/// Starts one of several servers of a home, in a directory of its own.
pub(super) async fn spawn_one(
    home: &Home,
    name: &str,
    port: u16,
    args: &[String],
) -> anyhow::Result<Process> {
    let dir = home.data().join(name);
    own_dir(&dir, home.user)?;
    spawn_in(home, &dir, name, port, args).await
}

async fn spawn_in(
    home: &Home,
    dir: &Path,
    name: &str,
    port: u16,
    args: &[String],
) -> anyhow::Result<Process> {
    let process = Program::new(format!("redis-server ({name})"), "redis-server")
        .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--port"])
        .arg(port.to_string())
        .arg("--dir")
        .arg(dir)
        .args(args)
        .unprivileged(home.user)
        .log(home.log(name))
        .spawn()?;
    ready(process, port).await
}

/// Waits until a server, or a Sentinel, answers on its port.
pub(super) async fn ready(mut process: Process, port: u16) -> anyhow::Result<Process> {
    let pid = process.pid();
    process
        .ready(&format!("127.0.0.1:{port}"), START_PATIENCE, async || answers_as(port, pid).await.is_ok())
        .await
        .context("cannot start a private Redis (Debian's package redis-server)")?;
    Ok(process)
}

/// One exchange with the Redis on a port, in its inline form: the raw answer.
pub(super) async fn ask(port: u16, command: &str) -> anyhow::Result<String> {
    let ask = async {
        let mut wire = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
        wire.write_all(format!("{command}\r\n").as_bytes()).await?;
        // It ends when it has answered; a Sentinel does not know QUIT.
        wire.shutdown().await?;
        let mut answer = String::new();
        wire.read_to_string(&mut answer).await?;
        anyhow::Ok(answer)
    };
    timeout(Duration::from_secs(2), ask).await?
}

/// Waits until the replicas of the master on `port` have all it holds now: what has not reached them dies with it.
pub(super) async fn replicated(port: u16) -> anyhow::Result<()> {
    let number = |line: &str, field: &str| {
        let (_, value) = line.split_once(field)?;
        value.split(',').next()?.trim().parse::<u64>().ok()
    };
    let offset = |info: &str| info.lines().find_map(|line| number(line, "master_repl_offset:"));
    let held = offset(&ask(port, "INFO replication").await?).context("a server without replication")?;
    eventually("the replicas to have everything", START_PATIENCE, async || {
        let info = ask(port, "INFO replication").await.ok()?;
        let mut acknowledged = info.lines().filter_map(|line| number(line, "offset=")).peekable();
        acknowledged.peek()?;
        acknowledged.all(|offset| offset >= held).then_some(())
    })
    .await
}

/// Asks whoever listens for its pid: a Redis that was quicker to take the port is not ours.
async fn answers_as(port: u16, pid: u32) -> anyhow::Result<()> {
    let answer = ask(port, "INFO server").await?;
    if answer.lines().any(|line| line.trim_end() == format!("process_id:{pid}")) {
        return Ok(());
    }
    bail!("another Redis answers on {port}")
}
