//! A replica from a release build on a Redis of its own, and a stand-in for the updater.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::Context;
use heat::cache::{Cache, CachedSnapshot, Fence};
use heat::config::Secret;
use heat::packed::Packed;
use heat::time::Timestamp;
use heat_devkit::backends::Redis;
use heat_devkit::process::{Process, Program, free_port};

const PATIENCE: Duration = Duration::from_secs(30);

/// Redis and the lease on it.
pub(crate) struct Desk {
    pub(crate) redis: Redis,
    cache: Cache,
    fence: Fence,
    revision: u64,
}

/// A running `heat-api`.
pub(crate) struct Replica {
    pub(crate) process: Process,
    pub(crate) address: SocketAddr,
}

impl Desk {
    pub(crate) async fn open() -> anyhow::Result<Self> {
        let redis = Redis::start().await?;
        let cache = Cache::new(&Secret::new(redis.url()), redis.prefix())?;
        let fence = cache.take_lease("bench").await?.context("somebody has the lease")?;
        Ok(Self { redis, cache, fence, revision: 1_795_468_075_000 })
    }

    /// Writes a snapshot of these bytes; returns once Redis has it.
    pub(crate) async fn publish(&mut self, body: &Packed) -> anyhow::Result<()> {
        self.revision += 1;
        let snapshot = CachedSnapshot { revision: self.revision, body: body.clone() };
        // A bench takes longer than a lease; nobody else wants it.
        Ok(self.cache.write_snapshot(self.fence, Timestamp::now(), &snapshot).await?)
    }

    /// What starts a replica, and where it will listen.
    pub(crate) fn program(&self) -> anyhow::Result<(Program, SocketAddr)> {
        let programs = std::env::current_exe()?;
        let programs = programs.ancestors().nth(2).context("a bench lies in deps of a build")?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?));
        let program = Program::new("heat-api", programs.join("heat-api"))
            .env("HEAT_REDIS_URL", self.redis.url())
            .env("HEAT_REDIS_PREFIX", self.redis.prefix())
            .env("HEAT_DATABASE_URL", "postgres://heat@127.0.0.1:1/heat")
            .env("HEAT_AUTH", "off")
            .env("HEAT_LISTEN", address.to_string())
            .env("RUST_LOG", "error")
            .log(std::env::temp_dir().join(format!("heat-bench-{}.log", address.port())));
        Ok((program, address))
    }

    pub(crate) async fn replica(&self) -> anyhow::Result<Replica> {
        let (program, address) = self.program()?;
        let mut process = program.spawn()?;
        process.ready_http(&format!("http://{address}/readyz"), PATIENCE).await?;
        Ok(Replica { process, address })
    }
}

/// A document of events as monitoring systems have them, of so many bytes of JSON.
pub(crate) fn document(length: usize) -> Vec<u8> {
    let mut json = br#"{"revision":1795468075000,"generated_at":"2026-11-23T21:07:55Z","events":["#.to_vec();
    let mut n = 0_u64;
    loop {
        // A little chance in each, as in life, or it would compress to nothing.
        let noise = (n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23);
        let event = format!(
            r#"{}{{"id":"zabbix:{}:srv-{:05}","key":"zabbix:{}:srv-{:05}","source":"zabbix","host":"srv-{:05}","device_id":{},"rack_id":{},"severity":{},"name":"Unavailable by ICMP ping for {}m","tags":[{{"tag":"scope","value":"availability"}},{{"tag":"component","value":"network"}}],"ref":{{"eventid":"{}","triggerid":"{}"}},"since":"2026-11-{:02}T{:02}:{:02}:{:02}Z"}}"#,
            if n == 0 { "" } else { "," },
            81_000 + noise % 900_000,
            noise % 50_000,
            30_000 + noise % 60_000,
            noise % 50_000,
            noise % 50_000,
            noise % 50_000 + 500,
            noise % 2_000 + 1,
            noise % 6,
            noise % 59,
            81_000 + noise % 900_000,
            30_000 + noise % 60_000,
            noise % 28 + 1,
            noise % 24,
            noise % 60,
            (noise >> 8) % 60,
        );
        if json.len() + event.len() + 2 > length {
            break;
        }
        json.extend_from_slice(event.as_bytes());
        n += 1;
    }
    json.extend_from_slice(b"]}");
    // White space behind it makes the length exact.
    json.resize(length, b' ');
    json
}
