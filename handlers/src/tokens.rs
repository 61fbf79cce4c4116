//! The tokens of programs and screens, as Postgres knows them, remembered for seconds.
//!
//! Who was in stays in while Postgres is away: nobody can be let in or thrown out then. Nobody waits for the note that a
//! token was used.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use heat::db::tokens::StoredToken;
use heat::db::{Db, DbError};
use heat::role::Role;
use heat::time::Timestamp;
use heat::token::Digest;
use tokio::time::{Instant, timeout};
use tokio_util::task::TaskTracker;

use crate::problem::Problem;

/// For so long an answer of Postgres is good; a token that is revoked lives on for as long.
const GOOD_FOR: Duration = Duration::from_secs(15);

/// Postgres has so long to answer before the last answer has to do.
const ASK_WITHIN: Duration = Duration::from_secs(3);

/// The use of a token is noted this often.
const NOTE_EVERY: Duration = Duration::from_mins(1);

/// Of those there are, and as many of those there are not: whoever tries out tokens must not fill the memory.
const MOST: usize = 10_000;

/// A token that is worth something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pass {
    id: i64,
    /// Its name.
    pub(crate) name: String,
    /// What it allows.
    pub(crate) role: Role,
    /// Of a screen: where it is sent.
    pub(crate) screen_path: Option<String>,
    /// From then on it is worth nothing.
    pub(crate) expires_at: Timestamp,
}

impl From<StoredToken> for Pass {
    fn from(token: StoredToken) -> Self {
        let role = if token.screen_path.is_some() { Role::Viewer } else { token.role() };
        Self {
            id: token.id,
            role,
            name: token.name,
            screen_path: token.screen_path,
            expires_at: token.expires_at.into(),
        }
    }
}

#[derive(Debug)]
struct Known {
    pass: Arc<Pass>,
    good_until: Instant,
    note_after: Option<Instant>,
}

#[derive(Debug, Default)]
struct Remembered {
    known: HashMap<Digest, Known>,
    /// Until when each is known to be none.
    unknown: HashMap<Digest, Instant>,
}

enum Memory {
    Good(Arc<Pass>),
    Unknown,
    /// Nothing, or what was so.
    Ask(Option<Arc<Pass>>),
}

impl Remembered {
    fn recall(&self, digest: &Digest, now: Instant) -> Memory {
        if let Some(known) = self.known.get(digest) {
            let pass = Arc::clone(&known.pass);
            return if now < known.good_until { Memory::Good(pass) } else { Memory::Ask(Some(pass)) };
        }
        match self.unknown.get(digest) {
            Some(until) if now < *until => Memory::Unknown,
            _ => Memory::Ask(None),
        }
    }

    fn learn(&mut self, digest: Digest, pass: Option<Arc<Pass>>, now: Instant) {
        let until = now + GOOD_FOR;
        if let Some(pass) = pass {
            self.unknown.remove(&digest);
            let note_after = self.known.get(&digest).and_then(|known| known.note_after);
            make_room(&mut self.known, &digest, |known| known.good_until > now);
            self.known.insert(digest, Known { pass, good_until: until, note_after });
        } else {
            self.known.remove(&digest);
            make_room(&mut self.unknown, &digest, |until| *until > now);
            self.unknown.insert(digest, until);
        }
    }

    /// Whether its use is to be noted now.
    fn is_to_be_noted(&mut self, digest: &Digest, now: Instant) -> bool {
        let Some(known) = self.known.get_mut(digest) else { return false };
        let due = known.note_after.is_none_or(|after| after <= now);
        if due {
            known.note_after = Some(now + NOTE_EVERY);
        }
        due
    }
}

/// Forgets what is no longer good if there is no room for one more, and everything if that does not help.
fn make_room<T>(of: &mut HashMap<Digest, T>, digest: &Digest, is_good: impl Fn(&T) -> bool) {
    if of.len() < MOST || of.contains_key(digest) {
        return;
    }
    of.retain(|_, value| is_good(value));
    if of.len() >= MOST {
        of.clear();
    }
}

/// What a replica remembers of tokens.
pub(crate) struct Tokens {
    db: Db,
    /// Notes of use that are under way.
    tasks: TaskTracker,
    remembered: Mutex<Remembered>,
}

impl Tokens {
    /// Remembers nothing yet.
    pub(crate) fn new(db: Db, tasks: TaskTracker) -> Self {
        Self { db, tasks, remembered: Mutex::default() }
    }

    /// What this token allows; none if there is none, or it is revoked or over.
    ///
    /// # Errors
    /// [`Problem::Unavailable`] if Postgres does not answer and this replica has not seen the token before.
    pub(crate) async fn find(&self, digest: Digest) -> Result<Option<Arc<Pass>>, Problem> {
        let recalled = self.remembered().recall(&digest, Instant::now());
        let found = match recalled {
            Memory::Good(pass) => Some(pass),
            Memory::Unknown => None,
            Memory::Ask(before) => self.ask(digest, before).await?,
        };
        let found = found.filter(|pass| pass.expires_at > Timestamp::now());
        if let Some(pass) = &found {
            self.note_use(digest, pass.id);
        }
        Ok(found)
    }

    async fn ask(&self, digest: Digest, before: Option<Arc<Pass>>) -> Result<Option<Arc<Pass>>, Problem> {
        let cause = match timeout(ASK_WITHIN, self.db.token(&digest)).await {
            Ok(Ok(token)) => {
                let pass = token.map(|token| Arc::new(Pass::from(token)));
                self.remembered().learn(digest, pass.clone(), Instant::now());
                return Ok(pass);
            }
            Ok(Err(error)) if !error.is_outage() => return Err(error.into()),
            Ok(Err(error)) => error,
            Err(_) => DbError::Unreachable("it did not say in time whether there is such a token".to_owned()),
        };
        let Some(pass) = before else {
            let detail = "the database does not answer, which knows the tokens; try again".to_owned();
            return Err(Problem::Unavailable { detail, cause: Some(cause.into()) });
        };
        tracing::debug!(error = %cause, token = pass.name, "Postgres does not answer; who was in stays in");
        self.remembered().learn(digest, Some(Arc::clone(&pass)), Instant::now());
        Ok(Some(pass))
    }

    fn note_use(&self, digest: Digest, id: i64) {
        if !self.remembered().is_to_be_noted(&digest, Instant::now()) {
            return;
        }
        let db = self.db.clone();
        self.tasks.spawn(async move {
            match timeout(ASK_WITHIN, db.token_used(id)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::debug!(%error, "the use of a token is not noted"),
                Err(_) => tracing::debug!("the use of a token is not noted: Postgres is slow"),
            }
        });
    }

    fn remembered(&self) -> std::sync::MutexGuard<'_, Remembered> {
        // What it holds is whole after every statement.
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(number: usize) -> Digest {
        let mut random = [0; 32];
        random[..8].copy_from_slice(&number.to_be_bytes());
        Digest::of(heat::token::token(random).reveal()).unwrap()
    }

    fn pass() -> Arc<Pass> {
        let (name, expires_at) = ("grafana".to_owned(), Timestamp::from_unix(4_000_000_000));
        Arc::new(Pass { id: 1, name, role: Role::Viewer, screen_path: None, expires_at })
    }

    #[test]
    fn an_answer_is_good_for_seconds_and_then_only_if_nobody_knows_better() {
        let (mut remembered, start) = (Remembered::default(), Instant::now());
        assert!(matches!(remembered.recall(&digest(1), start), Memory::Ask(None)));
        remembered.learn(digest(1), Some(pass()), start);
        remembered.learn(digest(2), None, start);
        let soon = start + GOOD_FOR - Duration::from_millis(1);
        assert!(matches!(remembered.recall(&digest(1), soon), Memory::Good(_)));
        assert!(matches!(remembered.recall(&digest(2), soon), Memory::Unknown));
        let later = start + GOOD_FOR;
        assert!(matches!(remembered.recall(&digest(1), later), Memory::Ask(Some(_))));
        assert!(matches!(remembered.recall(&digest(2), later), Memory::Ask(None)));
        remembered.learn(digest(1), None, later);
        assert!(matches!(remembered.recall(&digest(1), later), Memory::Unknown), "revoked");
        remembered.learn(digest(2), Some(pass()), later);
        assert!(matches!(remembered.recall(&digest(2), later), Memory::Good(_)), "made meanwhile");
    }

    #[tokio::test(start_paused = true)]
    async fn without_postgres_who_was_in_stays_in_and_nobody_else_comes_in() {
        let nobody = heat::config::Secret::new("postgres://heat@127.0.0.1:1/heat");
        let tokens = Tokens::new(Db::new(&nobody, 1).unwrap(), TaskTracker::new());
        tokens.remembered().learn(digest(1), Some(pass()), Instant::now());
        for _ in 0..100 {
            tokio::time::advance(GOOD_FOR).await;
            assert_eq!(tokens.find(digest(1)).await.unwrap().as_deref(), Some(&*pass()));
        }
        assert!(matches!(tokens.find(digest(2)).await, Err(Problem::Unavailable { .. })));
    }

    #[tokio::test]
    async fn what_is_over_lets_nobody_in_whatever_is_remembered() {
        let nobody = heat::config::Secret::new("postgres://heat@127.0.0.1:1/heat");
        let tokens = Tokens::new(Db::new(&nobody, 1).unwrap(), TaskTracker::new());
        let over = Arc::new(Pass { expires_at: Timestamp::from_unix(1), ..(*pass()).clone() });
        tokens.remembered().learn(digest(1), Some(over), Instant::now());
        assert_eq!(tokens.find(digest(1)).await.unwrap(), None);
    }

    #[test]
    fn its_use_is_noted_at_once_and_then_once_a_minute() {
        let (mut remembered, start) = (Remembered::default(), Instant::now());
        remembered.learn(digest(1), Some(pass()), start);
        let noted = |remembered: &mut Remembered, after| {
            let now = start + Duration::from_secs(after);
            remembered.learn(digest(1), Some(pass()), now);
            remembered.is_to_be_noted(&digest(1), now)
        };
        let when: Vec<_> = (0..150).filter(|second| noted(&mut remembered, *second)).collect();
        assert_eq!(when, [0, 60, 120]);
        assert!(!remembered.is_to_be_noted(&digest(2), start));
    }

    #[test]
    fn whoever_tries_out_tokens_fills_no_memory_and_pushes_nobody_out() {
        let (mut remembered, start) = (Remembered::default(), Instant::now());
        remembered.learn(digest(0), Some(pass()), start);
        for number in 1..3 * MOST {
            remembered.learn(digest(number), None, start + Duration::from_millis(number as u64));
            assert!(remembered.unknown.len() <= MOST);
        }
        assert!(matches!(remembered.recall(&digest(0), start), Memory::Good(_)));
    }
}
