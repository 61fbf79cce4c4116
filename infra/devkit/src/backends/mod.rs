//! Private Redis, PostgreSQL, MariaDB, nginx and sshd on loopback, each in a directory of its own.
//!
//! `start` makes a throw-away server: a free port, a temporary directory, durability off. `start_in` keeps its
//! data in the given directory, for the local stack. `shared` is for tests that neither kill their server nor
//! change its settings: if `HEAT_TEST_REDIS_URL`, `HEAT_TEST_DATABASE_URL` or `HEAT_TEST_MARIADB_URL` is set
//! (`heat-dev test-stores` sets all three) they use that server, else one of their own. Either way each caller
//! has a key prefix or databases to itself.
//!
//! The servers are those of Debian 12's packages. As root each runs as its package's user.

mod mariadb;
mod nginx;
mod postgres;
mod redis;
mod redis_cluster;
mod redis_sentinel;
mod sshd;

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};

pub use mariadb::MariaDb;
pub use nginx::{Nginx, Site};
pub use postgres::Postgres;
pub use redis::Redis;
pub use redis_cluster::RedisCluster;
pub use redis_sentinel::RedisSentinel;
pub use sshd::Sshd;

use crate::process::{Process, can_enter, free_port, own_dir};

/// The environment variable with the Redis that [`Redis::shared`] uses: `redis://127.0.0.1:6379`.
pub const TEST_REDIS_URL: &str = "HEAT_TEST_REDIS_URL";
/// The environment variable with the server that [`Postgres::shared`] uses, as a URL with a user who may create
/// databases: `postgres://heat@127.0.0.1:5432/postgres`.
pub const TEST_DATABASE_URL: &str = "HEAT_TEST_DATABASE_URL";
/// The environment variable with the server that [`MariaDb::shared`] uses: `mysql://root@127.0.0.1:3306`.
pub const TEST_MARIADB_URL: &str = "HEAT_TEST_MARIADB_URL";

/// A server's directory: its own user may write in `data`, the log lies beside it.
#[derive(Debug)]
struct Home {
    path: PathBuf,
    user: &'static str,
    /// Removed when the server is dropped.
    temporary: Option<tempfile::TempDir>,
}

impl Home {
    fn temporary(name: &str, user: &'static str) -> anyhow::Result<Self> {
        let temporary = tempfile::Builder::new().prefix(&format!("heat-{name}-")).tempdir()?;
        let path = temporary.path().to_owned();
        Self::prepared(path, user, Some(temporary))
    }

    fn kept(path: &Path, user: &'static str) -> anyhow::Result<Self> {
        fs::create_dir_all(path).with_context(|| format!("cannot create {}", path.display()))?;
        let path = fs::canonicalize(path)?;
        // Logs are appended to, and tell of one run.
        for entry in fs::read_dir(&path)? {
            let file = entry?.path();
            if file.extension().is_some_and(|extension| extension == "log") {
                fs::remove_file(file)?;
            }
        }
        Self::prepared(path, user, None)
    }

    fn prepared(
        path: PathBuf,
        user: &'static str,
        temporary: Option<tempfile::TempDir>,
    ) -> anyhow::Result<Self> {
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
        own_dir(&path.join("data"), user)?;
        own_dir(&path.join("tmp"), user)?;
        if !can_enter(&path.join("data"), user) {
            bail!(
                "the user {user} cannot reach {}: a directory above it keeps others out; choose another place \
                 (--dir, or TMPDIR for tests)",
                path.display()
            );
        }
        Ok(Self { path, user, temporary })
    }

    fn data(&self) -> PathBuf {
        self.path.join("data")
    }

    /// For the server's temporary files: a MariaDB that starts removes those of others from a common directory.
    fn tmp(&self) -> PathBuf {
        self.path.join("tmp")
    }

    /// The file for the output of one of the programs that work in this directory.
    fn log(&self, name: &str) -> PathBuf {
        self.path.join(format!("{name}.log"))
    }

    /// Nothing in it need survive a power cut.
    fn is_temporary(&self) -> bool {
        self.temporary.is_some()
    }
}

/// Starts a server on `port`, or on a free one.
async fn on_a_port(
    port: Option<u16>,
    start: impl AsyncFnOnce(u16) -> anyhow::Result<Process>,
) -> anyhow::Result<(u16, Process)> {
    let port = port.map_or_else(free_port, Ok)?;
    Ok((port, start(port).await?))
}

/// A name no other test uses on a shared server.
fn unique(stem: &str) -> String {
    format!("{stem}{:016x}", fastrand::u64(..))
}

/// A variable of the environment, unless it is empty.
fn shared_url(variable: &str) -> Option<String> {
    std::env::var(variable).ok().filter(|url| !url.is_empty())
}
