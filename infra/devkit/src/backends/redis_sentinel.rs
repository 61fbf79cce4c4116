//! A master of Redis, two replicas of it, and three Sentinels that choose another master when it dies.

use std::{fs, os::unix::fs::PermissionsExt as _};

use anyhow::{Context, bail};

use super::{
    Home,
    redis::{USER, USER_IN_URL, ask, ready, replicated, spawn_one, unique_prefix},
};
use crate::{
    eventually,
    process::{Process, Program, START_PATIENCE, free_port, own_dir},
};

const NAME: &str = "heat";

/// Three servers and three Sentinels, throw-away.
///
/// A server is dead to the Sentinels after a second of silence, where a site would wait for some seconds.
#[derive(Debug)]
pub struct RedisSentinel {
    // Before the home, so that all have ended when its directory is removed.
    servers: Vec<Server>,
    sentinels: Vec<Server>,
    home: Home,
    url: String,
    prefix: String,
}

#[derive(Debug)]
struct Server {
    port: u16,
    process: Process,
}

impl RedisSentinel {
    /// Starts all six, and returns when the replicas follow the master and the Sentinels know of all.
    ///
    /// # Errors
    /// If one does not start; the message ends with its log.
    pub async fn start() -> anyhow::Result<Self> {
        let home = Home::temporary("sentinel", "redis")?;
        let mut servers: Vec<Server> = Vec::new();
        for _ in 0..3 {
            let port = free_port()?;
            let process = server(&home, port, servers.first().map(|master| master.port)).await?;
            servers.push(Server { port, process });
        }
        let mut sentinels = Vec::new();
        for _ in 0..3 {
            let port = free_port()?;
            let process = sentinel(&home, port, servers[0].port).await?;
            sentinels.push(Server { port, process });
        }
        let hosts: Vec<_> = sentinels.iter().map(|sentinel| format!("127.0.0.1:{}", sentinel.port)).collect();
        let url = format!(
            "redis+sentinel://{USER_IN_URL}{}/{NAME}/0?sentinel_username=watch&sentinel_password=w%26w",
            hosts.join(",")
        );
        let started = Self { servers, sentinels, home, url, prefix: unique_prefix() };
        started.whole().await?;
        Ok(started)
    }

    /// `redis+sentinel://…@127.0.0.1:<port>,…/heat/0?…`, with a user of the servers and another of the Sentinels.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A key prefix in braces.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The port of the master, by the word of the first Sentinel that answers.
    ///
    /// # Errors
    /// If none does.
    pub async fn master(&self) -> anyhow::Result<u16> {
        for sentinel in &self.sentinels {
            let Ok(answer) = ask(sentinel.port, &format!("SENTINEL GET-MASTER-ADDR-BY-NAME {NAME}")).await
            else {
                continue;
            };
            // *2, $9, 127.0.0.1, $5, 26379
            return answer.lines().nth(4).and_then(|port| port.parse().ok()).context(answer);
        }
        bail!("no Sentinel answers")
    }

    /// Waits until the Sentinels have agreed on another master than that on `port`, and returns its port.
    ///
    /// # Errors
    /// If they do not.
    pub async fn master_other_than(&self, port: u16) -> anyhow::Result<u16> {
        eventually("another master", START_PATIENCE, async || {
            let now = self.master().await.ok().filter(|now| *now != port)?;
            // It is named before it has been told.
            let role = ask(now, "ROLE").await.ok()?;
            role.contains("master").then_some(now)
        })
        .await
    }

    /// Tells the Sentinels to choose another master although this one is well.
    ///
    /// # Errors
    /// If they cannot.
    pub async fn fail_over(&self) -> anyhow::Result<()> {
        let answer = ask(self.sentinels[0].port, &format!("SENTINEL FAILOVER {NAME}")).await?;
        if answer.starts_with("+OK") { Ok(()) } else { bail!("no failover: {answer}") }
    }

    /// The process of the server on a port, to kill it, or to freeze it.
    ///
    /// # Errors
    /// If there is none.
    pub fn server(&mut self, port: u16) -> anyhow::Result<&mut Process> {
        let server = self.servers.iter_mut().find(|server| server.port == port);
        Ok(&mut server.context("no server has this port")?.process)
    }

    /// Starts the server on a port again, empty and as a master, which is how a machine comes back: the Sentinels make it
    /// a replica.
    ///
    /// # Errors
    /// If there is none, or it does not start.
    pub async fn start_again_empty(&mut self, port: u16) -> anyhow::Result<()> {
        let process = server(&self.home, port, None).await?;
        *self.server(port)? = process;
        Ok(())
    }

    /// Sends one command to the server on a port, in Redis' inline form, and returns the raw answer.
    ///
    /// # Errors
    /// If it does not answer.
    pub async fn ask(&self, port: u16, command: &str) -> anyhow::Result<String> {
        ask(port, command).await
    }

    /// Waits until the replicas have all that the master holds now.
    ///
    /// # Errors
    /// If they do not get it.
    pub async fn replicated(&self) -> anyhow::Result<()> {
        replicated(self.master().await?).await
    }

    /// Waits until every server but the master follows it, and every Sentinel knows of all.
    ///
    /// # Errors
    /// If that does not happen.
    pub async fn whole(&self) -> anyhow::Result<()> {
        eventually("replicas and Sentinels to find each other", START_PATIENCE, async || {
            let replicas = self.servers.len() - 1;
            let master = ask(self.master().await.ok()?, "INFO replication").await.ok()?;
            if master.matches("state=online").count() != replicas {
                return None;
            }
            for sentinel in &self.sentinels {
                let known = ask(sentinel.port, &format!("SENTINEL MASTER {NAME}")).await.ok()?;
                let field = |name: &str| {
                    known.lines().skip_while(|line| *line != name).nth(2).and_then(|n| n.parse().ok())
                };
                let flags = known.lines().skip_while(|line| *line != "flags").nth(2);
                if field("num-slaves") != Some(replicas)
                    || field("num-other-sentinels") != Some(self.sentinels.len() - 1)
                    || flags != Some("master")
                {
                    return None;
                }
            }
            Some(())
        })
        .await
    }
}

async fn server(home: &Home, port: u16, master: Option<u16>) -> anyhow::Result<Process> {
    let mut args: Vec<String> = ["--repl-diskless-sync-delay", "0"].map(str::to_owned).into();
    args.extend(USER.map(str::to_owned));
    if let Some(master) = master {
        args.extend(["--replicaof".to_owned(), "127.0.0.1".to_owned(), master.to_string()]);
    }
    spawn_one(home, &format!("server-{port}"), port, &args).await
}

async fn sentinel(home: &Home, port: u16, master: u16) -> anyhow::Result<Process> {
    let name = format!("sentinel-{port}");
    let dir = home.data().join(&name);
    own_dir(&dir, home.user)?;
    let file = dir.join("sentinel.conf");
    let settings = format!(
        "port {port}\nbind 127.0.0.1\ndir {}\nsentinel monitor {NAME} 127.0.0.1 {master} 2\n\
         sentinel down-after-milliseconds {NAME} 1000\nsentinel failover-timeout {NAME} 3000\n\
         sentinel parallel-syncs {NAME} 2\nuser watch on >w&w ~* &* +@all\n",
        dir.display()
    );
    fs::write(&file, settings)?;
    // It writes what it learns into its configuration.
    fs::set_permissions(&file, fs::Permissions::from_mode(0o666))?;
    let process = Program::new(format!("redis-sentinel ({port})"), "redis-server")
        .arg(file)
        .arg("--sentinel")
        .unprivileged(home.user)
        .log(home.log(&name))
        .spawn()?;
    ready(process, port).await
}
