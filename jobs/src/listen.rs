//! Listening to people: the join from Postgres that every snapshot carries.
//!
//! A Postgres that is slow or away must not hold up events: a reading is waited for briefly, and goes on in the background
//! while snapshots carry what was read last.
//!
//! Reading all that was said of 20,000 events takes a second or two. So what people say now is found in the feed of changes
//! and read at once, for its keys alone ([`Listener::listen`]); everything is read whole behind that, which brings what
//! the feed does not tell (edits, deletions, notes), and at every beat. History, which people do not write, comes with it
//! now and then. What nobody waits for is read in portions, with as much time between them as they took: whoever says
//! something meanwhile finds a processor free.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use heat::acknowledgement::{Acknowledgement, Acknowledgements};
use heat::cache::{Cache, CacheError, Fence};
use heat::comment::Threads;
use heat::db::{Db, DbError};
use heat::note::PlaceNote;
use heat::past::Pasts;
use heat::snapshot::{COMMENTS, NotNews, Source, Status};
use heat::ticket::Covers;
use heat::time::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use crate::cadence::Ages;

/// How long a snapshot waits for Postgres.
const WAIT: Duration = Duration::from_millis(700);

/// How long a beat waits for it: what people say meanwhile must not wait for the beat.
const BEAT_WAITS: Duration = Duration::from_millis(100);

/// A reading in the background that stands still for longer is told of.
const SLOW: Duration = Duration::from_secs(5);

/// What is told then.
const TOO_SLOW: &str = "Postgres is slow; comments shown are those read last";

/// So many keys are a portion of what nobody waits for.
const PORTION: usize = 1_000;

/// History is read again when it is older: at each beat, and as often while people write all the time.
const HISTORY_AGE: Duration = Duration::from_secs(15);

/// So many changes by people are read at once; where there are more, everything is.
const SAID_AT_ONCE: usize = 1_000;

/// Postgres is read whole at least at every beat.
const AGES: Ages = Ages { late_after_s: 60, stale_after_s: 120 };

/// `heat:said`: what people said, as last read, so that an outage of Postgres takes nothing off the screen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Said {
    threads: Threads,
    #[serde(default)]
    covers: Covers,
    #[serde(default)]
    acknowledgements: Acknowledgements,
    #[serde(default)]
    notes: Vec<PlaceNote>,
    #[serde(default)]
    pasts: Pasts,
}

/// One reading of Postgres.
#[derive(Debug)]
struct Heard {
    said: Said,
    keys: Vec<String>,
    /// All that people wrote, as of this counter of it; none: of these keys alone.
    whole: Option<u64>,
    /// The history too.
    pasts: bool,
    /// The feed of changes is read up to here.
    place: i64,
    at: Timestamp,
}

/// A reading that nobody waits for.
#[derive(Debug)]
struct Reading {
    task: JoinHandle<Result<Heard, String>>,
    /// When its last portion came, or it began.
    moved: watch::Receiver<Instant>,
}

/// Keeps what people said.
pub struct Listener {
    cache: Cache,
    db: Db,
    fence: Fence,
    said: Said,
    read_at: Option<Timestamp>,
    error: Option<String>,
    /// Every key that has been asked for: an event must not be shown without its old comments.
    asked: HashSet<String>,
    /// The counter of what people wrote, as of the last whole reading.
    counter: Option<u64>,
    /// What people said behind this place in the feed of changes has not been read.
    place: i64,
    /// The whole reading that is under way.
    reading: Option<Reading>,
    /// What was read of single keys since that one began: it is newer.
    newer: Vec<(Vec<String>, Said)>,
    /// `heat:said` lacks some of it.
    unkept: bool,
    /// People wrote something since that one began.
    again: bool,
    /// When history was last read whole.
    history: Option<Instant>,
    finished: Arc<Notify>,
}

impl Listener {
    /// Takes up what the updater before heard last.
    pub async fn new(cache: Cache, db: Db, fence: Fence) -> Result<Self, CacheError> {
        let (read_at, said) = match cache.said::<Said>().await {
            Ok(Some((read_at, said))) => (Some(read_at), said),
            Ok(None) => (None, Said::default()),
            Err(error @ CacheError::Form { .. }) => {
                tracing::warn!(%error, "starting without the last comments");
                (None, Said::default())
            }
            Err(error) => return Err(error),
        };
        Ok(Self {
            cache,
            db,
            fence,
            said,
            read_at,
            error: None,
            asked: HashSet::new(),
            counter: None,
            place: 0,
            reading: None,
            newer: Vec::new(),
            unkept: false,
            again: false,
            history: None,
            finished: Arc::new(Notify::new()),
        })
    }

    /// Comments by event key.
    pub fn threads(&self) -> &Threads {
        &self.said.threads
    }

    /// Tickets by event key.
    pub fn covers(&self) -> &Covers {
        &self.said.covers
    }

    /// Acknowledgements by event key.
    pub fn acknowledgements(&self) -> &Acknowledgements {
        &self.said.acknowledgements
    }

    /// Notes on places.
    pub fn notes(&self) -> &[PlaceNote] {
        &self.said.notes
    }

    /// History by event key.
    pub fn pasts(&self) -> &Pasts {
        &self.said.pasts
    }

    /// When the next acknowledgement or note ends by itself.
    pub fn next_end(&self, now: Timestamp) -> Option<Timestamp> {
        let acknowledged = self.said.acknowledgements.values().flatten().filter_map(Acknowledgement::end);
        let noted = self.said.notes.iter().filter_map(|note| note.until);
        acknowledged.chain(noted).filter(|end| *end > now).min()
    }

    /// Postgres, as a source of the snapshot.
    pub fn source(&self) -> Source<'_> {
        Source {
            name: COMMENTS.into(),
            kind: COMMENTS.into(),
            status: match (self.read_at, &self.error) {
                (_, Some(_)) => Status::Failed,
                (Some(_), None) => Status::Ok,
                (None, None) => Status::Unknown,
            },
            fetched_at: NotNews(self.read_at),
            late_after_s: NotNews(AGES.late_after_s),
            stale_after_s: NotNews(AGES.stale_after_s),
            error: self.error.as_deref().map(Into::into),
            ..Source::default()
        }
    }

    /// Whether people wrote something since the last whole reading.
    pub async fn has_news(&self) -> Result<bool, CacheError> {
        Ok(self.counter != Some(self.cache.changed().await?))
    }

    /// Told when a reading that was not waited for has ended.
    pub fn finished(&self) -> Arc<Notify> {
        Arc::clone(&self.finished)
    }

    /// Reads what people said about `keys`: of those never asked for, and, if `operators` wrote something, of those it was
    /// about. If `whole`, everything is read anew behind that. Returns once the first is read, or has failed, or takes
    /// too long; the very first time everything is waited for so long.
    pub async fn listen(
        &mut self,
        keys: impl Iterator<Item = &str>,
        operators: bool,
        whole: bool,
        now: Timestamp,
    ) {
        let mut whole = whole;
        if let Some(reading) = self.reading.take() {
            if reading.task.is_finished() {
                self.take_in(reading.task.await);
                whole |= std::mem::take(&mut self.again);
            } else {
                if reading.moved.borrow().elapsed() > SLOW {
                    self.error = Some(TOO_SLOW.to_owned());
                }
                self.reading = Some(reading);
            }
        }
        // While Postgres is away only the beat and people's writes ask again.
        if self.error.is_some() && !whole {
            return;
        }
        let keys: Vec<&str> = keys.collect();
        let mut heard_of_some = false;
        if self.counter.is_some() && self.error.is_none() {
            let unknown = keys.iter().filter(|key| !self.asked.contains(**key));
            let unknown: HashSet<String> = unknown.map(|key| (*key).to_owned()).collect();
            if operators || !unknown.is_empty() {
                // A task, so that no query is given up in the middle.
                let reading = tokio::spawn(read_some(self.db.clone(), unknown, self.place, now));
                if let Ok(ended) = timeout(WAIT, reading).await {
                    heard_of_some = matches!(&ended, Ok(Ok(heard)) if !heard.keys.is_empty());
                    self.take_in(ended);
                } else {
                    self.error = Some(TOO_SLOW.to_owned());
                    whole = true;
                }
            }
        }
        if !whole {
            return;
        }
        if self.reading.is_some() {
            self.again |= operators;
            return;
        }
        let wanted: HashSet<String> = keys.into_iter().map(str::to_owned).collect();
        self.newer.clear();
        let (progress, moved) = watch::channel(Instant::now());
        // What the feed did not tell is worth waiting for, as is the first of all; and a beat says how fresh its words are.
        let first = self.counter.is_none();
        let (patience, gently) = match (first, operators) {
            (false, true) if heard_of_some => (Duration::ZERO, true),
            (false, false) => (BEAT_WAITS, true),
            _ => (WAIT, false),
        };
        let pasts = self.history.is_none_or(|read| read.elapsed() > HISTORY_AGE);
        let wish = Wish { keys: wanted, pasts, gently };
        let mut task = tokio::spawn(read(self.cache.clone(), self.db.clone(), wish, progress, now));
        if let Ok(ended) = timeout(patience, &mut task).await {
            self.take_in(ended);
            return;
        }
        if first {
            self.error = Some(TOO_SLOW.to_owned());
        }
        let finished = Arc::clone(&self.finished);
        let task = tokio::spawn(async move {
            let ended = task.await;
            finished.notify_one();
            ended.unwrap_or_else(|error| Err(error.to_string()))
        });
        self.reading = Some(Reading { task, moved });
    }

    fn take_in(&mut self, ended: Result<Result<Heard, String>, tokio::task::JoinError>) {
        let heard = match ended.map_err(|error| error.to_string()).and_then(|heard| heard) {
            Ok(heard) => heard,
            Err(error) => {
                tracing::warn!(%error, "comments could not be read; the last ones are shown");
                self.error = Some(format!("{error}; comments shown are those read last"));
                return;
            }
        };
        self.error = None;
        self.place = self.place.max(heard.place);
        let Some(counter) = heard.whole else {
            if heard.keys.is_empty() {
                return;
            }
            if self.reading.is_some() {
                self.newer.push((heard.keys.clone(), heard.said.clone()));
            }
            self.replace(heard.keys, heard.said);
            self.unkept = true;
            return;
        };
        self.read_at = Some(heard.at);
        self.counter = Some(counter);
        self.asked = heard.keys.into_iter().collect();
        let pasts = (!heard.pasts).then(|| std::mem::take(&mut self.said.pasts));
        self.unkept |= self.said != heard.said;
        self.said = heard.said;
        if let Some(mut pasts) = pasts {
            pasts.retain(|key, _| self.asked.contains(key));
            self.said.pasts = pasts;
        } else {
            self.history = Some(Instant::now());
        }
        for (keys, said) in std::mem::take(&mut self.newer) {
            self.replace(keys, said);
        }
    }

    /// Keeps what is new, for an outage of Postgres that the next updater may begin in. It is some megabytes, which no snapshot
    /// should wait for.
    pub async fn keep(&mut self) -> Result<(), CacheError> {
        let Some(read_at) = self.read_at.filter(|_| self.unkept) else { return Ok(()) };
        let body = serde_json::to_vec(&self.said).map_err(|error| CacheError::Form {
            key: self.cache.keys().said(),
            problem: error.to_string(),
        })?;
        self.cache.write_said(self.fence, read_at, body).await?;
        self.unkept = false;
        Ok(())
    }

    /// What is known of these keys gives way.
    fn replace(&mut self, keys: Vec<String>, said: Said) {
        for key in &keys {
            self.said.threads.remove(key);
            self.said.covers.remove(key);
            self.said.acknowledgements.remove(key);
            self.said.pasts.remove(key);
        }
        self.said.threads.extend(said.threads);
        self.said.covers.extend(said.covers);
        self.said.acknowledgements.extend(said.acknowledgements);
        self.said.pasts.extend(said.pasts);
        self.asked.extend(keys);
    }
}

/// What a whole reading is to bring, and how.
struct Wish {
    keys: HashSet<String>,
    /// The history too.
    pasts: bool,
    /// Nobody waits for it.
    gently: bool,
}

/// All that was said of these keys, and the notes. The counter and the place go before the queries, so that what is
/// committed in between is read once more rather than missed.
async fn read(
    cache: Cache,
    db: Db,
    wish: Wish,
    progress: watch::Sender<Instant>,
    at: Timestamp,
) -> Result<Heard, String> {
    let counter = cache.changed().await.map_err(|error| error.to_string())?;
    let keys: Vec<String> = wish.keys.into_iter().collect();
    let reading = async {
        let place = db.latest_change().await?;
        let notes = db.notes(None, None, usize::MAX).await?.into_iter().map(Into::into).collect();
        let mut all = Said { notes, ..Said::default() };
        for keys in keys.chunks(if wish.gently { PORTION } else { usize::MAX }) {
            let began = Instant::now();
            let some = said(&db, keys, wish.pasts).await?;
            all.threads.extend(some.threads);
            all.covers.extend(some.covers);
            all.acknowledgements.extend(some.acknowledgements);
            all.pasts.extend(some.pasts);
            if wish.gently {
                sleep(began.elapsed()).await;
            }
            progress.send_replace(Instant::now());
        }
        Ok::<_, DbError>((place, all))
    };
    let (place, said) = reading.await.map_err(|error| error.to_string())?;
    Ok(Heard { said, keys, whole: Some(counter), pasts: wish.pasts, place, at })
}

/// What was said of these keys, and of those the feed of changes has behind `place`.
async fn read_some(db: Db, keys: HashSet<String>, place: i64, at: Timestamp) -> Result<Heard, String> {
    let reading = async {
        let mut keys = keys;
        let (said_of, place) = db.said_of(place, SAID_AT_ONCE).await?;
        keys.extend(said_of);
        let keys: Vec<String> = keys.into_iter().collect();
        let said = if keys.is_empty() { Said::default() } else { said(&db, &keys, true).await? };
        Ok::<_, DbError>(Heard { said, keys, whole: None, pasts: true, place, at })
    };
    reading.await.map_err(|error| error.to_string())
}

async fn said(db: &Db, keys: &[String], pasts: bool) -> Result<Said, DbError> {
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    Ok(Said {
        threads: db.threads(&keys).await?,
        covers: db.covers(&keys).await?,
        acknowledgements: db.acknowledgements(&keys).await?,
        pasts: if pasts { db.pasts(&keys).await? } else { Pasts::default() },
        // They hang on no key: those read last are good until everything is read again.
        ..Said::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use heat::comment::Thread;
    use heat::config::Secret;
    use heat::db::openings::Opening;
    use heat::severity::Severity;
    use heat_devkit::backends::{Postgres, Redis};
    use heat_devkit::eventually;

    fn heard(count: u32, whole: Option<u64>) -> Heard {
        let thread = Thread { count, ..Thread::default() };
        let said = Said { threads: [("z:1:a".to_owned(), thread)].into(), ..Said::default() };
        Heard {
            said,
            keys: vec!["z:1:a".to_owned()],
            whole,
            pasts: true,
            place: 7,
            at: Timestamp::from_unix(1),
        }
    }

    async fn listener(redis: &Redis) -> Listener {
        let db = Db::new(&Secret::new("postgres://nobody@127.0.0.1:1/heat"), 1).unwrap();
        listener_on(redis, db).await
    }

    async fn listener_on(redis: &Redis, db: Db) -> Listener {
        let cache = Cache::new(&Secret::new(redis.url()), redis.prefix()).unwrap();
        let fence = cache.take_lease("test").await.unwrap().unwrap();
        Listener::new(cache, db, fence).await.unwrap()
    }

    /// Reads everything, as after somebody wrote what the feed does not tell.
    async fn hear_everything(listener: &mut Listener) {
        let counter = listener.counter;
        listener.cache.tell_changed().await.unwrap();
        eventually("the whole reading", Duration::from_secs(20), async || {
            listener.listen(["z:1:a"].into_iter(), true, true, Timestamp::now()).await;
            (listener.counter > counter && listener.reading.is_none()).then_some(())
        })
        .await
        .unwrap();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn history_is_read_now_and_then_however_often_people_write() {
        let (redis, postgres) = (Redis::shared().await.unwrap(), Postgres::shared().await.unwrap());
        let db = Db::new(&Secret::new(postgres.fresh_database().await.unwrap()), 4).unwrap();
        db.migrate().await.unwrap();
        let mut listener = listener_on(&redis, db.clone()).await;
        hear_everything(&mut listener).await;
        let opening = Opening {
            id: "z:1".into(),
            key: "z:1:a".into(),
            source: "z".into(),
            host: "a".into(),
            name: "down".into(),
            device_id: None,
            rack_id: None,
            severity: Severity::Average,
            since: Timestamp::now(),
        };
        let fence = Fence::from_number(1);
        db.record_openings(fence, &[opening], &[], Timestamp::now()).await.unwrap();
        db.record_openings(fence, &[], &["z:1"], Timestamp::now()).await.unwrap();
        hear_everything(&mut listener).await;
        assert!(listener.pasts().is_empty(), "it has just been read");
        listener.history = Instant::now().checked_sub(2 * HISTORY_AGE);
        hear_everything(&mut listener).await;
        assert!(listener.pasts().contains_key("z:1:a"));
        hear_everything(&mut listener).await;
        assert!(listener.pasts().contains_key("z:1:a"), "what is not read anew stays");
    }

    #[tokio::test]
    async fn what_was_read_of_a_key_outlives_the_whole_reading_that_began_before_it() {
        let redis = Redis::shared().await.unwrap();
        let mut listener = listener(&redis).await;
        listener.take_in(Ok(Ok(heard(1, Some(1)))));
        let task = tokio::spawn(std::future::pending());
        listener.reading = Some(Reading { task, moved: watch::channel(Instant::now()).1 });
        listener.take_in(Ok(Ok(heard(2, None))));
        listener.reading = None;
        listener.take_in(Ok(Ok(heard(1, Some(2)))));
        assert_eq!(listener.threads()["z:1:a"].count, 2);
        listener.keep().await.unwrap();
        let (_, kept) = listener.cache.said::<Said>().await.unwrap().unwrap();
        assert_eq!(kept.threads["z:1:a"].count, 2, "for the next updater too");
        listener.take_in(Ok(Ok(heard(3, Some(3)))));
        assert_eq!(listener.threads()["z:1:a"].count, 3, "the next whole reading is newer again");
    }

    #[tokio::test]
    async fn what_is_not_said_of_a_key_any_more_goes() {
        let redis = Redis::shared().await.unwrap();
        let mut listener = listener(&redis).await;
        listener.take_in(Ok(Ok(heard(1, Some(1)))));
        let nothing = Heard { said: Said::default(), ..heard(0, None) };
        listener.take_in(Ok(Ok(nothing)));
        assert!(listener.threads().is_empty());
    }
}
