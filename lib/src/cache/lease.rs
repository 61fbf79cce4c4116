//! The lease: of several updaters exactly one works, and one that was deposed can write nothing.

use std::time::Duration;

use deadpool_redis::redis::cmd;

use super::{Cache, CacheError};

/// How long a lease holds without being renewed.
pub const LEASE_FOR: Duration = Duration::from_secs(10);

/// How often it is renewed.
pub const RENEW_EVERY: Duration = Duration::from_secs(3);

/// The number a working updater got with its lease. It grows with every taking; Redis and Postgres refuse writes that
/// carry an older one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fence(i64);

impl Fence {
    /// The number itself.
    pub fn number(self) -> i64 {
        self.0
    }

    /// A fence by its number; for tests of what a fence protects.
    pub fn from_number(number: i64) -> Self {
        Self(number)
    }
}

/// `TIME` keeps the fence growing even when Redis comes back empty. A lease that lasts longer than any was taken for is one
/// from before Redis' clock went back: it is cut to what it was, and whoever lives renews it.
const TAKE: &str = r"
if redis.call('EXISTS', KEYS[1]) == 1 then
    if redis.call('PTTL', KEYS[1]) > tonumber(ARGV[2]) then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
    return 0
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local stored = tonumber(redis.call('GET', KEYS[2]) or '0') or 0
local fence = math.max(stored + 1, now)
redis.call('SET', KEYS[2], string.format('%.0f', fence))
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return fence";

const RENEW: &str = r"
if redis.call('GET', KEYS[1]) ~= ARGV[1] or redis.call('GET', KEYS[2]) ~= ARGV[3] then return 0 end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1";

const RELEASE: &str = r"
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0";

impl Cache {
    /// Takes the lease for `owner` if nobody holds it.
    pub async fn take_lease(&self, owner: &str) -> Result<Option<Fence>, CacheError> {
        let keys = [&*self.keys.lease(), &*self.keys.fence()];
        let fence: i64 = self.eval(TAKE, &keys, &[owner, &milliseconds(LEASE_FOR)]).await?;
        Ok((fence > 0).then_some(Fence(fence)))
    }

    /// Renews it. False means that it is lost: another has it, or Redis was emptied.
    pub async fn renew_lease(&self, owner: &str, fence: Fence) -> Result<bool, CacheError> {
        let keys = [&*self.keys.lease(), &*self.keys.fence()];
        let fence = fence.number().to_string();
        let renewed: u8 = self.eval(RENEW, &keys, &[owner, &milliseconds(LEASE_FOR), &fence]).await?;
        Ok(renewed == 1)
    }

    /// Gives it back, so that another need not wait for its end.
    pub async fn release_lease(&self, owner: &str) -> Result<(), CacheError> {
        let _: u8 = self.eval(RELEASE, &[&self.keys.lease()], owner).await?;
        Ok(())
    }

    /// Who holds it now.
    pub async fn lease_owner(&self) -> Result<Option<String>, CacheError> {
        let mut connection = self.connection().await?;
        Ok(cmd("GET").arg(self.keys.lease()).query_async(&mut connection).await?)
    }
}

fn milliseconds(duration: Duration) -> String {
    duration.as_millis().to_string()
}
