//! Redis: what is in it, under which names, and how it is read, written and followed.
//!
//! Every value is whole and self-contained; losing all of Redis costs one refresh and nothing more. All keys share one
//! hash tag, so that scripts may touch several of them on a cluster too. Only the updater that holds the lease writes,
//! and each of its writes is refused once another has taken over ([`Fence`]).

mod follow;
mod lease;
mod records;
mod views;

use std::time::Duration;

use deadpool_redis::redis::{AsyncConnectionConfig, Client, RedisError, Script};
use deadpool_redis::{Connection, Manager, Pool, PoolError, Runtime};

pub use follow::{Follow, Hint, Notifications};
pub use lease::{Fence, LEASE_FOR, RENEW_EVERY};
pub use records::{
    CachedDocument, CachedSnapshot, CachedSource, JobRecord, ReplicaRecord, SourceHealth, TemplatesRecord,
    TrackerRecord,
};

use crate::config::Secret;
use crate::view::ViewId;

/// The form of the hashes this version writes; it reads this one and the previous one.
pub const FORMAT: u32 = 1;

/// How long an answer may take. Redis' own default of half a second is short for a body of many megabytes.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
const CONNECT_WITHIN: Duration = Duration::from_secs(2);

/// What went wrong with Redis.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// The URL cannot be used.
    #[error("HEAT_REDIS_URL cannot be used: {0}; it looks like redis://:password@host:6379/0")]
    Url(String),
    /// Not reached, or it refused the command.
    #[error("Redis: {0}")]
    Redis(#[from] RedisError),
    /// No connection came free.
    #[error("Redis cannot be reached: {0}")]
    Pool(#[from] PoolError),
    /// Another updater has taken over; nothing was written.
    #[error("another updater has taken over; this one may not write any more")]
    Deposed,
    /// A value is not of a form this version reads.
    #[error("{key} in Redis is not readable: {problem}; it is written anew by the next refresh")]
    Form {
        /// The key.
        key: String,
        /// What is wrong with it.
        problem: String,
    },
}

/// A handle on Redis. Cheap to clone.
#[derive(Clone)]
pub struct Cache {
    pool: Pool,
    client: Client,
    keys: Keys,
    write: Script,
}

impl Cache {
    /// Prepares a handle; the first connection is made when it is needed.
    ///
    /// # Errors
    /// [`CacheError::Url`] if the URL is none of Redis'.
    pub fn new(url: &Secret, prefix: &str) -> Result<Self, CacheError> {
        // The client's message may quote the URL, and with it the password.
        let bad_url = |error: &RedisError| CacheError::Url(error.kind().to_string_safe());
        let client = Client::open(url.reveal()).map_err(|e| bad_url(&e))?;
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_WITHIN))
            .set_response_timeout(Some(ANSWER_WITHIN));
        let manager = Manager::new_with_config(url.reveal(), config).map_err(|e| bad_url(&e))?;
        let pool = Pool::builder(manager)
            .max_size(16)
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(CONNECT_WITHIN))
            .create_timeout(Some(CONNECT_WITHIN))
            .recycle_timeout(Some(CONNECT_WITHIN))
            .build()
            .map_err(|e| CacheError::Url(e.to_string()))?;
        Ok(Self { pool, client, keys: Keys::new(prefix), write: Script::new(WRITE_IF_FENCED) })
    }

    /// The names of the keys.
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    async fn connection(&self) -> Result<Connection, CacheError> {
        Ok(self.pool.get().await?)
    }

    /// Whether Redis answers.
    pub async fn ping(&self) -> Result<(), CacheError> {
        let mut connection = self.connection().await?;
        Ok(deadpool_redis::redis::cmd("PING").query_async(&mut connection).await?)
    }

    /// Tells the publisher that people wrote something the snapshot shows. To be called after the commit.
    pub async fn tell_changed(&self) -> Result<(), CacheError> {
        let mut connection = self.connection().await?;
        Ok(deadpool_redis::redis::cmd("INCR").arg(self.keys.changed()).query_async(&mut connection).await?)
    }

    /// How often [`Cache::tell_changed`] was called since Redis was last empty.
    pub async fn changed(&self) -> Result<u64, CacheError> {
        let mut connection = self.connection().await?;
        let count: Option<u64> =
            deadpool_redis::redis::cmd("GET").arg(self.keys.changed()).query_async(&mut connection).await?;
        Ok(count.unwrap_or(0))
    }

    /// Writes fields of one hash in one command, so that followers get one notification, if `fence` is still ours.
    async fn write(&self, fence: Fence, key: &str, fields: Vec<(&str, Vec<u8>)>) -> Result<(), CacheError> {
        let mut connection = self.connection().await?;
        let mut call = self.write.key(key);
        call.key(self.keys.fence()).arg(fence.number());
        call.arg("format").arg(FORMAT);
        for (field, value) in fields {
            call.arg(field).arg(value);
        }
        match call.invoke_async::<u8>(&mut connection).await? {
            1 => Ok(()),
            _ => Err(CacheError::Deposed),
        }
    }
}

/// Refuses anything but the current fence.
const WRITE_IF_FENCED: &str = r"
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], unpack(ARGV, 2))
return 1";

/// What kind of error it was, without the words of the client, which may quote secrets.
trait SafeKind {
    fn to_string_safe(&self) -> String;
}

impl SafeKind for deadpool_redis::redis::ErrorKind {
    fn to_string_safe(&self) -> String {
        format!("{self:?}")
    }
}

/// The names of the keys, all under one hash tag.
#[derive(Clone, Debug)]
pub struct Keys(String);

impl Keys {
    /// Under `prefix`, to which the braces of a hash tag are added where it has none.
    pub fn new(prefix: &str) -> Self {
        Self(if prefix.contains('{') { prefix.to_owned() } else { format!("{{{prefix}}}") })
    }

    fn key(&self, rest: &str) -> String {
        format!("{}:{rest}", self.0)
    }

    /// A source's last good answer.
    pub fn source(&self, name: &str) -> String {
        self.key(&format!("source:{name}"))
    }
    /// The inventory.
    pub fn inventory(&self) -> String {
        self.key("inventory")
    }
    /// Which devices are watched.
    pub fn coverage(&self) -> String {
        self.key("coverage")
    }
    /// The templates of tickets and comments.
    pub fn templates(&self) -> String {
        self.key("templates")
    }
    /// The last join from Postgres.
    pub fn said(&self) -> String {
        self.key("said")
    }
    /// How the tracker is doing.
    pub fn tracker(&self) -> String {
        self.key("tracker")
    }
    /// The snapshot.
    pub fn snapshot(&self) -> String {
        self.key("snapshot")
    }
    /// For whom a view holds.
    pub fn view(&self, id: ViewId) -> String {
        self.key(&format!("view:{id}"))
    }
    fn view_prefix(&self) -> String {
        self.key("view:")
    }
    /// A job's last run.
    pub fn job(&self, name: &str) -> String {
        self.key(&format!("job:{name}"))
    }
    /// The counter of what people wrote.
    pub fn changed(&self) -> String {
        self.key("changed")
    }
    /// A replica that lives.
    pub fn replica(&self, id: &str) -> String {
        self.key(&format!("replica:{id}"))
    }
    /// Who is the working updater.
    pub fn lease(&self) -> String {
        self.key("lease")
    }
    /// The number that every write of the updater must carry.
    pub fn fence(&self) -> String {
        self.key("lease:fence")
    }
}
