//! How much one caller may ask for: what is over it is told to wait a second.

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;

use governor::clock::DefaultClock;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};

use crate::problem::Problem;

/// What a caller may write: so much at once, and then so much a second. Rendering a template counts as much, since it is
/// work.
const WRITES: Quota = Quota::per_second(at_least_one(20)).allow_burst(at_least_one(100));

/// Tokens that are none, from one address.
const WRONG_TOKENS: Quota = Quota::per_second(at_least_one(1)).allow_burst(at_least_one(30));

const fn at_least_one(number: u32) -> NonZeroU32 {
    match NonZeroU32::new(number) {
        Some(number) => number,
        None => NonZeroU32::MIN,
    }
}

type Limiter<K> = RateLimiter<K, HashMapStateStore<K>, DefaultClock>;

/// The limits of a replica. A caller has them on each replica anew.
#[derive(Debug)]
pub(crate) struct Pace {
    writes: Limiter<String>,
    wrong_tokens: Limiter<IpAddr>,
}

impl Pace {
    /// Nobody has asked for anything yet.
    pub(crate) fn new() -> Self {
        Self { writes: RateLimiter::hashmap(WRITES), wrong_tokens: RateLimiter::hashmap(WRONG_TOKENS) }
    }

    /// One more write of this caller.
    ///
    /// # Errors
    /// [`Problem::TooMany`] if it is one too many.
    pub(crate) fn write(&self, name: &str) -> Result<(), Problem> {
        let within = self.writes.check_key(&name.to_owned()).is_ok();
        if within { Ok(()) } else { Err(Problem::TooMany("at most 20 writes a second; try again")) }
    }

    /// One more token from this address that is none.
    ///
    /// # Errors
    /// [`Problem::TooMany`] if it is one too many.
    pub(crate) fn wrong_token(&self, address: IpAddr) -> Result<(), Problem> {
        let within = self.wrong_tokens.check_key(&network(address)).is_ok();
        if within { Ok(()) } else { Err(Problem::TooMany("too many tokens that are none; try again")) }
    }

    /// Forgets who has all of theirs again; called now and then.
    pub(crate) fn forget(&self) {
        self.writes.retain_recent();
        self.wrong_tokens.retain_recent();
        self.writes.shrink_to_fit();
        self.wrong_tokens.shrink_to_fit();
    }
}

/// Whose address it is: one who has any in IPv6 has all of a network of 64 bits.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        IpAddr::V4(address) => address.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_who_writes_too_much_is_slowed_and_another_is_not() {
        let pace = Pace::new();
        let most = (0..10_000).position(|_| pace.write("ann").is_err()).unwrap();
        assert!(most >= 100, "{most}");
        assert!(pace.write("bob").is_ok());
        pace.forget();
        assert!(pace.wrong_token("192.0.2.1".parse().unwrap()).is_ok(), "tokens are counted apart");
    }

    #[test]
    fn a_network_of_ipv6_counts_as_one_address() {
        let pace = Pace::new();
        let try_from = |address: String| pace.wrong_token(address.parse().unwrap());
        assert!((0..10_000).any(|host| try_from(format!("2001:db8::{host:x}")).is_err()));
        assert!(try_from("2001:db8:0:1::1".into()).is_ok());
        assert!((0..10_000).any(|_| try_from("::ffff:192.0.2.1".into()).is_err()));
        assert!(try_from("192.0.2.1".into()).is_err(), "a mapped address is the same");
        assert!(try_from("192.0.2.2".into()).is_ok());
    }
}
