//! Listening to people: the join from Postgres that every snapshot carries.
//!
//! A Postgres that is slow or away must not hold up events: a reading is waited for briefly, and goes on in the background
//! while snapshots carry what was read last.

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
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::cadence::Ages;

/// How long a snapshot waits for Postgres.
const WAIT: Duration = Duration::from_millis(700);

/// Postgres is read whole at least at every beat.
const AGES: Ages = Ages { late_after_s: 60, stale_after_s: 120 };

/// `heat:said`: what people said, as last read, so that an outage of Postgres takes nothing off the screen.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
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
    whole: bool,
    counter: u64,
    at: Timestamp,
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
    reading: Option<JoinHandle<Result<Heard, String>>>,
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
            reading: None,
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

    /// Reads what people said about `keys`: all of them if `whole`, else only those never asked for. Returns once it is
    /// read, or has failed, or takes too long.
    pub async fn listen(
        &mut self,
        keys: impl Iterator<Item = &str>,
        whole: bool,
        now: Timestamp,
    ) -> Result<(), CacheError> {
        if let Some(reading) = self.reading.take() {
            if !reading.is_finished() {
                self.reading = Some(reading);
                return Ok(());
            }
            self.take_in(reading.await).await?;
        }
        // While Postgres is away only the beat and people's writes ask again.
        if self.error.is_some() && !whole {
            return Ok(());
        }
        let wanted: HashSet<&str> = keys.filter(|key| whole || !self.asked.contains(*key)).collect();
        if wanted.is_empty() && !whole {
            return Ok(());
        }
        let wanted = wanted.into_iter().map(str::to_owned).collect();
        let mut reading = tokio::spawn(read(self.cache.clone(), self.db.clone(), wanted, whole, now));
        if let Ok(ended) = timeout(WAIT, &mut reading).await {
            return self.take_in(ended).await;
        }
        self.error = Some("Postgres is slow; comments shown are those read last".to_owned());
        let finished = Arc::clone(&self.finished);
        self.reading = Some(tokio::spawn(async move {
            let ended = reading.await;
            finished.notify_one();
            ended.unwrap_or_else(|error| Err(error.to_string()))
        }));
        Ok(())
    }

    async fn take_in(
        &mut self,
        ended: Result<Result<Heard, String>, tokio::task::JoinError>,
    ) -> Result<(), CacheError> {
        let heard = match ended.map_err(|error| error.to_string()).and_then(|heard| heard) {
            Ok(heard) => heard,
            Err(error) => {
                tracing::warn!(%error, "comments could not be read; the last ones are shown");
                self.error = Some(format!("{error}; comments shown are those read last"));
                return Ok(());
            }
        };
        self.error = None;
        let changed = if heard.whole {
            self.read_at = Some(heard.at);
            self.counter = Some(heard.counter);
            self.asked = heard.keys.into_iter().collect();
            let changed = self.said != heard.said;
            self.said = heard.said;
            changed
        } else {
            let changed = heard.said != Said::default();
            self.asked.extend(heard.keys);
            self.said.threads.extend(heard.said.threads);
            self.said.covers.extend(heard.said.covers);
            self.said.acknowledgements.extend(heard.said.acknowledgements);
            self.said.pasts.extend(heard.said.pasts);
            changed
        };
        if changed {
            let body = serde_json::to_vec(&self.said).map_err(|error| CacheError::Form {
                key: self.cache.keys().said(),
                problem: error.to_string(),
            })?;
            self.cache.write_said(self.fence, heard.at, body).await?;
        }
        Ok(())
    }
}

/// The counter goes before the query, so that what is committed in between is read once more rather than missed.
async fn read(cache: Cache, db: Db, keys: Vec<String>, whole: bool, at: Timestamp) -> Result<Heard, String> {
    let counter = cache.changed().await.map_err(|error| error.to_string())?;
    let wanted: Vec<&str> = keys.iter().map(String::as_str).collect();
    let said = async {
        Ok::<_, DbError>(Said {
            threads: db.threads(&wanted).await?,
            covers: db.covers(&wanted).await?,
            acknowledgements: db.acknowledgements(&wanted).await?,
            // They hang on no key: those read last are good until everything is read again.
            notes: if whole {
                db.notes(None, None, usize::MAX).await?.into_iter().map(Into::into).collect()
            } else {
                Vec::new()
            },
            pasts: Pasts::new(),
        })
    };
    // History is the longest reading, and goes beside the others.
    let (said, pasts) = tokio::try_join!(said, db.pasts(&wanted)).map_err(|error| error.to_string())?;
    let said = Said { pasts, ..said };
    Ok(Heard { said, keys, whole, counter, at })
}
