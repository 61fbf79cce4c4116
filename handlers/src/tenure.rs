//! How long a socket may stay open, so that rights which are lost end.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use heat::token::Digest;

use crate::access::{Caller, Via};
use crate::app::App;

/// A token is looked at again this often.
const CHECK_EVERY: Duration = Duration::from_secs(30);

/// Why a socket is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Over {
    /// The proxy in front is to say anew who it is.
    Aged,
    /// Its token was revoked or is over.
    Revoked,
}

/// Waits until a socket of this caller is over; for ever where there are no rights to lose.
pub(crate) async fn over(app: &App, caller: &Caller) -> Over {
    // While nobody knows, who is in stays in.
    let is_worthless = |token| async move { matches!(app.tokens.find(token).await, Ok(None)) };
    wait(caller, app.socket_max_age, is_worthless).await
}

async fn wait<F>(caller: &Caller, most: Duration, is_worthless: impl Fn(Digest) -> F) -> Over
where
    F: Future<Output = bool>,
{
    match (caller.via, caller.token) {
        (Via::Proxy, _) => {
            tokio::time::sleep(jittered(most)).await;
            Over::Aged
        }
        (_, Some(token)) => loop {
            tokio::time::sleep(jittered(CHECK_EVERY)).await;
            if is_worthless(token).await {
                return Over::Revoked;
            }
        },
        (Via::Off | Via::Anonymous | Via::Token | Via::Screen, None) => std::future::pending().await,
    }
}

/// At most as long, and up to a fifth less: those who came all at once after a restart must not come back all at once.
fn jittered(most: Duration) -> Duration {
    // The standard library seeds its hashers at random.
    let random = RandomState::new().hash_one(()) % 1000;
    most.mul_f64(1.0 - 0.2 * f64::from(u32::try_from(random).unwrap_or(0)) / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Role;
    use std::cell::Cell;
    use tokio::time::{Instant, timeout};

    const MOST: Duration = Duration::from_mins(15);

    fn caller(via: Via) -> Caller {
        let token = matches!(via, Via::Token | Via::Screen)
            .then(|| Digest::of(heat::token::token([1; 32]).reveal()).unwrap());
        Caller { name: "x".into(), role: Role::Viewer, via, token }
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_is_looked_at_every_half_minute_until_it_is_worth_nothing() {
        for via in [Via::Token, Via::Screen] {
            let (start, looks) = (Instant::now(), Cell::new(0));
            let third_time = |_| {
                looks.set(looks.get() + 1);
                std::future::ready(looks.get() == 3)
            };
            assert_eq!(wait(&caller(via), MOST, third_time).await, Over::Revoked);
            let took = start.elapsed();
            assert!(took <= 3 * CHECK_EVERY && took >= 2 * CHECK_EVERY, "{took:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_login_lasts_its_time_and_who_has_nothing_to_lose_stays() {
        let start = Instant::now();
        assert_eq!(wait(&caller(Via::Proxy), MOST, |_| std::future::ready(true)).await, Over::Aged);
        assert!(start.elapsed() <= MOST);
        for via in [Via::Off, Via::Anonymous] {
            let stays = timeout(10 * MOST, wait(&caller(via), MOST, |_| std::future::ready(true))).await;
            assert!(stays.is_err(), "{via:?}");
        }
    }

    #[test]
    fn those_who_came_at_once_leave_one_after_the_other_and_none_late() {
        let most = Duration::from_mins(15);
        let ages: Vec<_> = (0..200).map(|_| jittered(most)).collect();
        assert!(ages.iter().all(|age| (most.mul_f64(0.8)..=most).contains(age)));
        let distinct: std::collections::HashSet<_> = ages.iter().collect();
        assert!(distinct.len() > 50, "{}", distinct.len());
    }
}
