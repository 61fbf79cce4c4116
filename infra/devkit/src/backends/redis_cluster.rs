//! A cluster of Redis: three masters, each with a replica.

use anyhow::{Context, bail};

use super::{
    Home,
    redis::{USER, USER_IN_URL, ask, replicated, spawn_one, unique_prefix},
};
use crate::{
    eventually,
    process::{Process, Program, START_PATIENCE, free_port},
};

/// Six servers, throw-away.
///
/// A node is dead to the others after two seconds of silence, where a site would wait for fifteen.
#[derive(Debug)]
pub struct RedisCluster {
    // Before the home, so that all have ended when its directory is removed.
    nodes: Vec<Node>,
    home: Home,
    url: String,
    prefix: String,
}

#[derive(Debug)]
struct Node {
    port: u16,
    bus: u16,
    process: Process,
}

impl RedisCluster {
    /// Starts the nodes and joins them.
    ///
    /// # Errors
    /// If one does not start, or they do not find each other; the message says why.
    pub async fn start() -> anyhow::Result<Self> {
        let home = Home::temporary("cluster", "redis")?;
        let mut nodes = Vec::new();
        for _ in 0..6 {
            let (port, bus) = (free_port()?, free_port()?);
            let process = node(&home, port, bus).await?;
            nodes.push(Node { port, bus, process });
        }
        let hosts: Vec<_> = nodes.iter().map(|node| format!("127.0.0.1:{}", node.port)).collect();
        let mut join = Program::new("redis-cli --cluster create", "redis-cli")
            .args(["--cluster", "create"])
            .args(&hosts)
            .args(["--cluster-replicas", "1", "--cluster-yes"])
            .log(home.log("create"))
            .spawn()?;
        let ended = join.ended(START_PATIENCE).await?;
        if !ended.success() {
            bail!("redis-cli --cluster create failed ({ended}):\n{}", join.log_tail(12));
        }
        // Half of them: the others are found.
        let url = format!("redis+cluster://{USER_IN_URL}{}", hosts[..3].join(","));
        let started = Self { nodes, home, url, prefix: unique_prefix() };
        started.whole().await?;
        Ok(started)
    }

    /// `redis+cluster://…@127.0.0.1:<port>,…`, with a user, naming three of the six.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A key prefix in braces, as it must be on a cluster.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The port of the node where `key` lives, by the word of the first node that answers.
    ///
    /// # Errors
    /// If none does.
    pub async fn owner(&self, key: &str) -> anyhow::Result<u16> {
        for node in &self.nodes {
            // One that is cut off from the others says CLUSTERDOWN.
            match ask(node.port, &format!("EXISTS {key}")).await {
                Ok(answer) if answer.starts_with(':') => return Ok(node.port),
                Ok(answer) if answer.starts_with("-MOVED ") => {
                    let port = answer.lines().next().and_then(|line| line.rsplit(':').next()?.parse().ok());
                    return port.context(answer);
                }
                _ => {}
            }
        }
        bail!("no node answers")
    }

    /// Waits until `key` lives on another node than that on `port`, and returns that one's port.
    ///
    /// # Errors
    /// If it does not.
    pub async fn owner_other_than(&self, key: &str, port: u16) -> anyhow::Result<u16> {
        eventually("another owner of the slot", START_PATIENCE, async || {
            self.owner(key).await.ok().filter(|now| *now != port)
        })
        .await
    }

    /// The ports of the masters.
    ///
    /// # Errors
    /// If no node answers.
    pub async fn masters(&self) -> anyhow::Result<Vec<u16>> {
        let mut masters = Vec::new();
        for node in &self.nodes {
            if ask(node.port, "ROLE").await.is_ok_and(|role| role.contains("master")) {
                masters.push(node.port);
            }
        }
        Ok(masters)
    }

    /// Moves the slot of `key` with all that is in it to the master on port `to`, as `redis-cli --cluster reshard` does it
    /// with many.
    ///
    /// # Errors
    /// If a node refuses.
    pub async fn move_slot(&self, key: &str, to: u16) -> anyhow::Result<()> {
        let from = self.owner(key).await?;
        let slot = said(from, &format!("CLUSTER KEYSLOT {key}")).await?;
        let slot = slot.trim_start_matches(':');
        let id = async |port| {
            let answer = said(port, "CLUSTER MYID").await?;
            answer.lines().nth(1).map(str::to_owned).context(answer)
        };
        let (source, target) = (id(from).await?, id(to).await?);
        said(to, &format!("CLUSTER SETSLOT {slot} IMPORTING {source}")).await?;
        said(from, &format!("CLUSTER SETSLOT {slot} MIGRATING {target}")).await?;
        loop {
            let keys = said(from, &format!("CLUSTER GETKEYSINSLOT {slot} 100")).await?;
            let keys = keys.lines().filter(|line| !line.starts_with(['*', '$']));
            let keys: Vec<_> = keys.map(|key| format!("\"{key}\"")).collect();
            if keys.is_empty() {
                break;
            }
            said(from, &format!("MIGRATE 127.0.0.1 {to} \"\" 0 5000 KEYS {}", keys.join(" "))).await?;
        }
        // The new owner first: it must not take the slot for lost in between.
        let mut told = vec![to, from];
        told.extend(self.masters().await?.into_iter().filter(|port| ![to, from].contains(port)));
        for port in told {
            said(port, &format!("CLUSTER SETSLOT {slot} NODE {target}")).await?;
        }
        Ok(())
    }

    /// Waits until the replicas of the node on a port have all it holds now.
    ///
    /// # Errors
    /// If they do not get it.
    pub async fn replicated(&self, port: u16) -> anyhow::Result<()> {
        replicated(port).await
    }

    /// The process of the node on a port, to kill it, or to freeze it.
    ///
    /// # Errors
    /// If there is none.
    pub fn node(&mut self, port: u16) -> anyhow::Result<&mut Process> {
        let node = self.nodes.iter_mut().find(|node| node.port == port);
        Ok(&mut node.context("no node has this port")?.process)
    }

    /// Kills all nodes.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub fn kill_all(&mut self) -> anyhow::Result<()> {
        self.nodes.iter_mut().try_for_each(|node| node.process.kill9())
    }

    /// Starts those nodes again that have ended: they know each other still, and have forgotten everything else.
    ///
    /// # Errors
    /// If one does not start.
    pub async fn start_again_empty(&mut self) -> anyhow::Result<()> {
        for one in &mut self.nodes {
            if one.process.exited().is_some() {
                one.process = node(&self.home, one.port, one.bus).await?;
            }
        }
        self.whole().await
    }

    /// Sends one command to the node on a port, in Redis' inline form, and returns the raw answer.
    ///
    /// # Errors
    /// If it does not answer.
    pub async fn ask(&self, port: u16, command: &str) -> anyhow::Result<String> {
        ask(port, command).await
    }

    /// Waits until every slot is served by a node that has a replica, in the eyes of all.
    async fn whole(&self) -> anyhow::Result<()> {
        eventually("the cluster to be whole", START_PATIENCE, async || {
            for node in &self.nodes {
                let info = ask(node.port, "CLUSTER INFO").await.ok()?;
                if !["cluster_state:ok", "cluster_slots_ok:16384", "cluster_known_nodes:6"]
                    .iter()
                    .all(|fact| info.contains(fact))
                {
                    return None;
                }
                let role = ask(node.port, "ROLE").await.ok()?;
                // A master without a replica has an empty list of them; a replica says whether it is connected.
                if role.starts_with("*3") && role.contains("*0")
                    || role.starts_with("*5") && !role.contains("connected")
                {
                    return None;
                }
            }
            Some(())
        })
        .await
    }
}

/// The answer of a node that must not be an error.
async fn said(port: u16, command: &str) -> anyhow::Result<String> {
    let answer = ask(port, command).await?;
    if answer.starts_with('-') {
        bail!("{command}: {answer}");
    }
    Ok(answer.trim_end().to_owned())
}

async fn node(home: &Home, port: u16, bus: u16) -> anyhow::Result<Process> {
    let mut args: Vec<_> = [
        "--cluster-enabled",
        "yes",
        "--cluster-port",
        &bus.to_string(),
        "--cluster-node-timeout",
        "2000",
        "--repl-diskless-sync-delay",
        "0",
    ]
    .map(str::to_owned)
    .into();
    args.extend(USER.map(str::to_owned));
    spawn_one(home, &format!("node-{port}"), port, &args).await
}
