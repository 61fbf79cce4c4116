//! Redis: what is in it, under which names, and how it is read, written and followed.
//!
//! Every value is whole and self-contained; losing all of Redis costs one refresh and nothing more. All keys share one
//! hash tag, so that scripts may touch several of them on a cluster too. Only the updater that holds the lease writes,
//! and each of its writes is refused once another has taken over ([`Fence`]).

mod address;
mod follow;
mod lease;
mod records;
mod servers;
mod views;

use std::sync::Arc;
use std::time::Duration;

use deadpool_redis::PoolError;
use deadpool_redis::redis::{FromRedisValue, RedisError, ToRedisArgs, cmd};

pub use follow::{Follow, Hint, Notifications};
pub use lease::{Fence, LEASE_FOR, RENEW_EVERY};
pub use records::{
    CachedDocument, CachedSnapshot, CachedSource, JobRecord, ReplicaRecord, SourceHealth, TemplatesRecord,
    TrackerRecord,
};

use self::address::Address;
use self::servers::{Connection, Servers};
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
    #[error(
        "HEAT_REDIS_URL cannot be used: {0}; it looks like redis://:password@host:6379/0, \
         redis+sentinel://:password@sentinel1:26379,sentinel2:26379/mymaster/0 or \
         redis+cluster://:password@node1:6379,node2:6379; rediss for TLS"
    )]
    Url(String),
    /// The keys would be spread over a cluster.
    #[error(
        "HEAT_REDIS_PREFIX = {0:?}: on a cluster all keys must be in one slot, by a hash tag in the prefix; \
         write it without braces, or like {{heat}}"
    )]
    Prefix(String),
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
    servers: Arc<Servers>,
    keys: Keys,
}

impl Cache {
    /// Prepares a handle; the first connection is made when it is needed.
    ///
    /// # Errors
    /// [`CacheError::Url`] if the URL is none of Redis', [`CacheError::Prefix`] if a cluster would spread the keys.
    pub fn new(url: &Secret, prefix: &str) -> Result<Self, CacheError> {
        let address = Address::parse(url).map_err(|refused| CacheError::Url(refused.to_string()))?;
        let servers = Servers::new(address)?;
        let keys = Keys::new(prefix);
        if servers.is_cluster() && !keys.share_a_slot() {
            return Err(CacheError::Prefix(prefix.to_owned()));
        }
        Ok(Self { servers: Arc::new(servers), keys })
    }

    /// The names of the keys.
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    async fn connection(&self) -> Result<Connection, CacheError> {
        self.servers.connection().await
    }

    /// What kind of Redis this is, and which server of it Heat speaks with at the moment, for an operator.
    pub async fn whereabouts(&self) -> Result<String, CacheError> {
        Ok(self.servers.whereabouts(&self.keys.snapshot()).await?)
    }

    /// Whether Redis answers.
    pub async fn ping(&self) -> Result<(), CacheError> {
        let mut connection = self.connection().await?;
        // Where the keys are: what the rest of a cluster does is not Heat's affair.
        connection.at_home_of(&self.keys.snapshot(), &cmd("PING")).await?.extract_error()?;
        Ok(())
    }

    /// Tells the publisher that people wrote something the snapshot shows. To be called after the commit.
    pub async fn tell_changed(&self) -> Result<(), CacheError> {
        let mut connection = self.connection().await?;
        Ok(cmd("INCR").arg(self.keys.changed()).query_async(&mut connection).await?)
    }

    /// How often [`Cache::tell_changed`] was called since Redis was last empty.
    pub async fn changed(&self) -> Result<u64, CacheError> {
        let mut connection = self.connection().await?;
        let count: Option<u64> = cmd("GET").arg(self.keys.changed()).query_async(&mut connection).await?;
        Ok(count.unwrap_or(0))
    }

    /// Writes fields of one hash in one command, so that followers get one notification, if `fence` is still ours.
    async fn write(&self, fence: Fence, key: &str, fields: Vec<(&str, Vec<u8>)>) -> Result<(), CacheError> {
        let mut call = vec![fence.number().to_string().into_bytes()];
        call.extend([b"format".to_vec(), FORMAT.to_string().into_bytes()]);
        for (field, value) in fields {
            call.extend([field.as_bytes().to_vec(), value]);
        }
        match self.eval::<u8>(WRITE_IF_FENCED, &[key, &self.keys.fence()], call).await? {
            1 => Ok(()),
            _ => Err(CacheError::Deposed),
        }
    }

    /// Runs a script, sent whole each time: who has just become the master does not know it by its digest, and to teach a
    /// cluster is to ask every node of it.
    async fn eval<T: FromRedisValue>(
        &self,
        script: &str,
        keys: &[&str],
        arguments: impl ToRedisArgs,
    ) -> Result<T, CacheError> {
        let mut connection = self.connection().await?;
        let mut eval = cmd("EVAL");
        eval.arg(script).arg(keys.len()).arg(keys).arg(arguments);
        Ok(eval.query_async(&mut connection).await?)
    }
}

/// Refuses anything but the current fence.
const WRITE_IF_FENCED: &str = r"
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], unpack(ARGV, 2))
return 1";

/// The names of the keys, all under one hash tag.
#[derive(Clone, Debug)]
pub struct Keys(String);

impl Keys {
    /// Under `prefix`, to which the braces of a hash tag are added where it has none.
    pub fn new(prefix: &str) -> Self {
        Self(if prefix.contains('{') { prefix.to_owned() } else { format!("{{{prefix}}}") })
    }

    /// Whether the prefix holds a hash tag, by which a cluster finds the slot: what is between the first `{` and the next
    /// `}`, if there is something.
    fn share_a_slot(&self) -> bool {
        let tag = self.0.split_once('{').and_then(|(_, rest)| rest.split_once('}'));
        tag.is_some_and(|(tag, _)| !tag.is_empty())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn on_a_cluster_the_prefix_must_keep_all_keys_in_one_slot() {
        let cluster = |prefix: &str| Cache::new(&Secret::new("redis+cluster://n1,n2"), prefix);
        for prefix in ["heat", "{heat}", "noc:{heat}"] {
            assert!(cluster(prefix).is_ok(), "{prefix}");
        }
        for prefix in ["{heat", "{}heat", "", "he{at", "}heat{"] {
            let error = cluster(prefix).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(error.contains("HEAT_REDIS_PREFIX") && error.contains("{heat}"), "{prefix}: {error}");
        }
        assert!(Cache::new(&Secret::new("redis://n1"), "he{at").is_ok());
    }
}
