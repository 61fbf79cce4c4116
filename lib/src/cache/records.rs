//! The hashes in Redis as types. An empty field means absent, so that writing a hash also takes away what is over.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::str::FromStr;

use bytes::Bytes;
use deadpool_redis::redis::{AsyncCommands, RedisError, cmd, from_redis_value};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{Cache, CacheError, FORMAT, Fence};
use crate::coverage::Watched;
use crate::event::Event;
use crate::inventory::Damage;
use crate::packed::Packed;
use crate::snapshot::Status;
use crate::template::Files;
use crate::time::Timestamp;

type Hash = HashMap<String, Vec<u8>>;

/// How a source is doing, as its refresh job writes it after every sweep.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceHealth {
    /// `zabbix`, `juggler`, …
    pub kind: String,
    /// How the last sweep went.
    pub status: Status,
    /// The last complete answer.
    pub fetched_at: Option<Timestamp>,
    /// What went wrong, for an operator.
    pub error: Option<String>,
    /// URL template of an event's page.
    pub link: String,
    /// Distinct problems as the source counts them.
    pub problems: u64,
    /// Age from which it is late, in seconds.
    pub late_after_s: u64,
    /// Age from which it is stale, in seconds.
    pub stale_after_s: u64,
}

/// `heat:source:<name>`: the last good answer of a source.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CachedSource {
    /// How it is doing.
    pub health: SourceHealth,
    /// Its active events, sorted by key and id.
    pub events: Vec<Event>,
    /// What it watches, once it has told.
    pub watched: Option<Watched>,
    /// Hosts behind a dead proxy.
    pub silent: BTreeSet<String>,
}

/// `heat:inventory`, `heat:coverage`, `heat:view:<id>`: a compressed document with its version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CachedDocument {
    /// Content hash; the ETag.
    pub version: String,
    /// When it was last read in full.
    pub fetched_at: Option<Timestamp>,
    /// Why the last reading failed.
    pub error: Option<String>,
    /// The JSON, compressed.
    pub body: Packed,
}

/// `heat:templates`: which commit of the templates is active, and why a newer one is not. The active files themselves are
/// read by [`Cache::templates`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TemplatesRecord {
    /// Id of the active commit; empty while there is none.
    pub version: String,
    /// The first line of its message.
    pub subject: String,
    /// When it was committed.
    pub committed_at: Option<Timestamp>,
    /// When the repository was last looked at with success.
    pub pulled_at: Option<Timestamp>,
    /// Id of the newest commit, if it was not activated.
    pub rejected: Option<String>,
    /// Why it was not: findings, `file:line: message`, a line each.
    pub error: Option<String>,
    /// Why the last look at the repository failed, for an operator; it says nothing about any commit.
    pub pull_error: Option<String>,
}

/// `heat:snapshot`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CachedSnapshot {
    /// Its revision; the ETag.
    pub revision: u64,
    /// The JSON, compressed.
    pub body: Packed,
}

/// `heat:job:<name>`: a job's last run, for `/status`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobRecord {
    /// The job.
    pub name: String,
    /// When it last ended.
    pub ended_at: Option<Timestamp>,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// `ok` or what went wrong.
    pub outcome: String,
    /// When it runs next, as far as the schedule knows.
    pub next_at: Option<Timestamp>,
}

/// `heat:tracker`: how the tracker is doing, as the delivery job writes it whenever that changes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TrackerRecord {
    /// `startrek`, `webhook` or `link`.
    pub kind: String,
    /// Of `link`: the page that opens a ticket, with `{queue}`, `{summary}` and `{description}` in it.
    pub link: String,
    /// How long the robot waits for more before it comments, in seconds.
    pub quiet_s: u64,
    /// When it last answered.
    pub answered_at: Option<Timestamp>,
    /// Why it does not let Heat in, or does not answer.
    pub error: String,
    /// Tickets and comments that are to be sent.
    pub pending: u64,
    /// Those that wait for somebody.
    pub failed: u64,
    /// Since when the oldest pending one waits.
    pub waiting_since: Option<Timestamp>,
    /// Of each queue that is used, the fields its tickets may have, by key or full id, and their names.
    pub fields: BTreeMap<String, BTreeMap<String, String>>,
}

/// `heat:replica:<id>`: a living replica, for `/status`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplicaRecord {
    /// Its id.
    pub id: String,
    /// Its version.
    pub version: String,
    /// Connected browsers.
    pub sockets: u64,
    /// The revision it shows.
    pub revision: u64,
}

impl Cache {
    /// Writes how a source is doing, and with `events` what it said; without, the last good events stay.
    pub async fn write_source(
        &self,
        fence: Fence,
        name: &str,
        health: &SourceHealth,
        events: Option<&[Event]>,
        watched: Option<&Watched>,
        silent: Option<&BTreeSet<String>>,
    ) -> Result<(), CacheError> {
        let key = self.keys.source(name);
        let mut fields = vec![
            ("kind", health.kind.clone().into_bytes()),
            ("status", health.status.name().into()),
            ("fetched_at", text(health.fetched_at.as_ref())),
            ("error", text(health.error.as_ref())),
            ("link", health.link.clone().into_bytes()),
            ("problems", text(Some(&health.problems))),
            ("late_after_s", text(Some(&health.late_after_s))),
            ("stale_after_s", text(Some(&health.stale_after_s))),
        ];
        if let Some(events) = events {
            fields.push(("body", json(&key, &events)?));
        }
        if let Some(watched) = watched {
            fields.push(("watched", json(&key, watched)?));
        }
        if let Some(silent) = silent {
            fields.push(("silent", json(&key, silent)?));
        }
        self.write(fence, &key, fields).await
    }

    /// The last good answer of a source, if it was ever read since Redis was empty.
    pub async fn source(&self, name: &str) -> Result<Option<CachedSource>, CacheError> {
        let key = self.keys.source(name);
        let Some(hash) = self.hash(&key).await? else { return Ok(None) };
        Ok(Some(CachedSource {
            health: health(&key, &hash)?,
            events: from_json(&key, &hash, "body")?.unwrap_or_default(),
            watched: from_json(&key, &hash, "watched")?,
            silent: from_json(&key, &hash, "silent")?.unwrap_or_default(),
        }))
    }

    /// How a source is doing, without what it said, which may be many megabytes.
    pub async fn source_health(&self, name: &str) -> Result<Option<SourceHealth>, CacheError> {
        const FIELDS: [&str; 9] = [
            "format",
            "kind",
            "status",
            "fetched_at",
            "error",
            "link",
            "problems",
            "late_after_s",
            "stale_after_s",
        ];
        let key = self.keys.source(name);
        self.fields(&key, &FIELDS).await?.map(|hash| health(&key, &hash)).transpose()
    }

    /// Writes the inventory or the coverage whole.
    pub async fn write_document(
        &self,
        fence: Fence,
        key: &str,
        document: &CachedDocument,
    ) -> Result<(), CacheError> {
        let fields = vec![
            ("version", document.version.clone().into_bytes()),
            ("fetched_at", text(document.fetched_at.as_ref())),
            ("error", text(document.error.as_ref())),
            ("body", document.body.gzip().to_vec()),
        ];
        self.write(fence, key, fields).await
    }

    /// Writes when the inventory was read and what went wrong, and leaves its content alone.
    pub async fn write_document_times(
        &self,
        fence: Fence,
        key: &str,
        fetched_at: Option<Timestamp>,
        error: Option<&String>,
    ) -> Result<(), CacheError> {
        let fields = vec![("fetched_at", text(fetched_at.as_ref())), ("error", text(error))];
        self.write(fence, key, fields).await
    }

    /// Writes what is damaged in the inventory beside it.
    pub async fn write_damage(&self, fence: Fence, damage: &[Damage]) -> Result<(), CacheError> {
        let key = self.keys.inventory();
        let fields = vec![("damage", json(&key, &damage)?)];
        self.write(fence, &key, fields).await
    }

    /// What is damaged in the inventory, as of its last reading.
    pub async fn damage(&self) -> Result<Vec<Damage>, CacheError> {
        let key = self.keys.inventory();
        let hash = self.fields(&key, &["format", "damage"]).await?;
        Ok(hash.map(|hash| from_json(&key, &hash, "damage")).transpose()?.flatten().unwrap_or_default())
    }

    /// The inventory, the coverage or for whom a view holds, if there is one.
    pub async fn document(&self, key: &str) -> Result<Option<CachedDocument>, CacheError> {
        let Some(mut hash) = self.hash(key).await? else { return Ok(None) };
        let Some(body) = hash.remove("body").filter(|body| !body.is_empty()) else { return Ok(None) };
        Ok(Some(CachedDocument {
            version: string(&hash, "version"),
            fetched_at: parsed(key, &hash, "fetched_at")?,
            error: some(&hash, "error"),
            body: packed(key, body)?,
        }))
    }

    /// A document's version alone: enough to answer that nothing has changed.
    pub async fn document_version(&self, key: &str) -> Result<Option<String>, CacheError> {
        let mut connection = self.connection().await?;
        Ok(connection.hget(key, "version").await?)
    }

    /// Writes how the templates are doing, and with `files` the active ones; without, those that are there stay.
    pub async fn write_templates(
        &self,
        fence: Fence,
        record: &TemplatesRecord,
        files: Option<&Files>,
    ) -> Result<(), CacheError> {
        let key = self.keys.templates();
        let mut fields = template_fields(record);
        if let Some(files) = files {
            let packed = Packed::new(&json(&key, files)?).map_err(|error| unreadable(&key, error))?;
            fields.push(("body", packed.gzip().to_vec()));
        }
        self.write(fence, &key, fields).await
    }

    /// Takes the templates away, where none are configured any more.
    pub async fn forget_templates(&self, fence: Fence) -> Result<(), CacheError> {
        let mut fields = template_fields(&TemplatesRecord::default());
        fields.push(("body", Vec::new()));
        self.write(fence, &self.keys.templates(), fields).await
    }

    /// How the templates are doing, without their files; none if they were never looked at since Redis was empty.
    pub async fn templates_record(&self) -> Result<Option<TemplatesRecord>, CacheError> {
        const FIELDS: [&str; 8] =
            ["format", "version", "subject", "committed_at", "pulled_at", "rejected", "error", "pull_error"];
        let key = self.keys.templates();
        let hash = self.fields(&key, &FIELDS).await?;
        let record = hash.map(|hash| templates_record(&key, &hash)).transpose()?;
        Ok(record.filter(|record| *record != TemplatesRecord::default()))
    }

    /// The active templates with the id of their commit, if there are any.
    pub async fn templates(&self) -> Result<Option<(String, Files)>, CacheError> {
        let key = self.keys.templates();
        let Some(mut hash) = self.fields(&key, &["format", "version", "body"]).await? else {
            return Ok(None);
        };
        let Some(body) = hash.remove("body").filter(|body| !body.is_empty()) else { return Ok(None) };
        let json = packed(&key, body)?.json().map_err(|error| unreadable(&key, error))?;
        let files = serde_json::from_slice(&json).map_err(|error| unreadable(&key, error))?;
        Ok(Some((string(&hash, "version"), files)))
    }

    /// Writes the snapshot.
    pub async fn write_snapshot(
        &self,
        fence: Fence,
        generated_at: Timestamp,
        snapshot: &CachedSnapshot,
    ) -> Result<(), CacheError> {
        let fields = vec![
            ("revision", text(Some(&snapshot.revision))),
            ("generated_at", text(Some(&generated_at))),
            ("body", snapshot.body.gzip().to_vec()),
        ];
        self.write(fence, &self.keys.snapshot(), fields).await
    }

    /// The snapshot, if one was published since Redis was empty: one command, the same for every replica.
    pub async fn snapshot(&self) -> Result<Option<CachedSnapshot>, CacheError> {
        let key = self.keys.snapshot();
        let mut connection = self.connection().await?;
        let (revision, body): (Option<u64>, Option<Vec<u8>>) =
            cmd("HMGET").arg(&key).arg("revision").arg("body").query_async(&mut connection).await?;
        match (revision, body) {
            (Some(revision), Some(body)) => Ok(Some(CachedSnapshot { revision, body: packed(&key, body)? })),
            _ => Ok(None),
        }
    }

    /// The snapshot's revision alone.
    pub async fn revision(&self) -> Result<Option<u64>, CacheError> {
        let mut connection = self.connection().await?;
        Ok(connection.hget(self.keys.snapshot(), "revision").await?)
    }

    /// Writes the last join from Postgres: a JSON document of the publisher's.
    pub async fn write_said(
        &self,
        fence: Fence,
        read_at: Timestamp,
        body: Vec<u8>,
    ) -> Result<(), CacheError> {
        let fields = vec![("read_at", text(Some(&read_at))), ("body", body)];
        self.write(fence, &self.keys.said(), fields).await
    }

    /// The last join from Postgres, and when it was read.
    pub async fn said<T: DeserializeOwned>(&self) -> Result<Option<(Timestamp, T)>, CacheError> {
        let key = self.keys.said();
        let Some(hash) = self.hash(&key).await? else { return Ok(None) };
        Ok(parsed(&key, &hash, "read_at")?.zip(from_json(&key, &hash, "body")?))
    }

    /// Writes a job's last run.
    pub async fn write_job(&self, fence: Fence, job: &JobRecord) -> Result<(), CacheError> {
        let key = self.keys.job(&job.name);
        let fields = vec![("run", json(&key, job)?)];
        self.write(fence, &key, fields).await
    }

    /// Every job's last run, by name.
    pub async fn jobs(&self) -> Result<Vec<JobRecord>, CacheError> {
        let mut jobs: Vec<JobRecord> = self.scan(&self.keys.job("*"), "run").await?;
        jobs.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(jobs)
    }

    /// Writes how the tracker is doing. Not fenced: whoever may send holds a lock in Postgres, and need not hold the lease.
    pub async fn write_tracker(&self, tracker: &TrackerRecord) -> Result<(), CacheError> {
        let key = self.keys.tracker();
        let mut connection = self.connection().await?;
        let fields = [("format", FORMAT.to_string().into_bytes()), ("tracker", json(&key, tracker)?)];
        Ok(connection.hset_multiple(&key, &fields).await?)
    }

    /// How the tracker is doing, if there is one.
    pub async fn tracker(&self) -> Result<Option<TrackerRecord>, CacheError> {
        let key = self.keys.tracker();
        match self.hash(&key).await? {
            Some(hash) => from_json(&key, &hash, "tracker"),
            None => Ok(None),
        }
    }

    /// Says that a replica lives; forgotten after 15 s.
    pub async fn write_replica(&self, replica: &ReplicaRecord) -> Result<(), CacheError> {
        let key = self.keys.replica(&replica.id);
        let mut connection = self.connection().await?;
        Ok(deadpool_redis::redis::pipe()
            .atomic()
            .hset_multiple(
                &key,
                &[("format", FORMAT.to_string().into_bytes()), ("replica", json(&key, replica)?)],
            )
            .ignore()
            .pexpire(&key, 15_000)
            .ignore()
            .query_async(&mut connection)
            .await?)
    }

    /// The replicas that live, by id.
    pub async fn replicas(&self) -> Result<Vec<ReplicaRecord>, CacheError> {
        let mut replicas: Vec<ReplicaRecord> = self.scan(&self.keys.replica("*"), "replica").await?;
        replicas.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(replicas)
    }

    /// The names of every source that has a hash.
    pub async fn source_names(&self) -> Result<Vec<String>, CacheError> {
        let prefix = self.keys.source("");
        let mut names: Vec<_> = self
            .matching(&self.keys.source("*"))
            .await?
            .into_iter()
            .filter_map(|key| key.strip_prefix(&prefix).map(str::to_owned))
            .collect();
        names.sort();
        Ok(names)
    }

    pub(super) async fn matching(&self, pattern: &str) -> Result<Vec<String>, CacheError> {
        let mut connection = self.connection().await?;
        let mut cursor = 0_u64;
        let mut keys = BTreeSet::new();
        loop {
            let mut scan = cmd("SCAN");
            scan.arg(cursor).arg("MATCH").arg(pattern).arg("COUNT").arg(1000);
            let answer = connection.at_home_of(pattern, &scan).await?.extract_error()?;
            let (next, found): (u64, Vec<String>) = from_redis_value(answer).map_err(RedisError::from)?;
            keys.extend(found);
            cursor = next;
            if cursor == 0 {
                return Ok(keys.into_iter().collect());
            }
        }
    }

    async fn scan<T: DeserializeOwned>(&self, pattern: &str, field: &str) -> Result<Vec<T>, CacheError> {
        let mut found = Vec::new();
        for key in self.matching(pattern).await? {
            if let Some(hash) = self.hash(&key).await? {
                found.extend(from_json(&key, &hash, field)?);
            }
        }
        Ok(found)
    }

    /// Some fields of a hash, `format` among them.
    async fn fields(&self, key: &str, names: &[&str]) -> Result<Option<Hash>, CacheError> {
        let mut connection = self.connection().await?;
        let values: Vec<Option<Vec<u8>>> =
            cmd("HMGET").arg(key).arg(names).query_async(&mut connection).await?;
        let fields = names.iter().zip(values).filter_map(|(name, value)| Some(((*name).to_owned(), value?)));
        readable(key, fields.collect())
    }

    async fn hash(&self, key: &str) -> Result<Option<Hash>, CacheError> {
        let mut connection = self.connection().await?;
        readable(key, connection.hgetall(key).await?)
    }
}

/// The hash if there is one, of this format or the one before.
fn readable(key: &str, hash: Hash) -> Result<Option<Hash>, CacheError> {
    if hash.is_empty() {
        return Ok(None);
    }
    match parsed::<u32>(key, &hash, "format")? {
        Some(format) if format == FORMAT || format + 1 == FORMAT => Ok(Some(hash)),
        format => Err(unreadable(key, format!("format {format:?}, this version reads {FORMAT}"))),
    }
}

fn health(key: &str, hash: &Hash) -> Result<SourceHealth, CacheError> {
    Ok(SourceHealth {
        kind: string(hash, "kind"),
        status: parsed(key, hash, "status")?.unwrap_or_default(),
        fetched_at: parsed(key, hash, "fetched_at")?,
        error: some(hash, "error"),
        link: string(hash, "link"),
        problems: parsed(key, hash, "problems")?.unwrap_or(0),
        late_after_s: parsed(key, hash, "late_after_s")?.unwrap_or(0),
        stale_after_s: parsed(key, hash, "stale_after_s")?.unwrap_or(0),
    })
}

fn template_fields(record: &TemplatesRecord) -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("version", record.version.clone().into_bytes()),
        ("subject", record.subject.clone().into_bytes()),
        ("committed_at", text(record.committed_at.as_ref())),
        ("pulled_at", text(record.pulled_at.as_ref())),
        ("rejected", text(record.rejected.as_ref())),
        ("error", text(record.error.as_ref())),
        ("pull_error", text(record.pull_error.as_ref())),
    ]
}

fn templates_record(key: &str, hash: &Hash) -> Result<TemplatesRecord, CacheError> {
    Ok(TemplatesRecord {
        version: string(hash, "version"),
        subject: string(hash, "subject"),
        committed_at: parsed(key, hash, "committed_at")?,
        pulled_at: parsed(key, hash, "pulled_at")?,
        rejected: some(hash, "rejected"),
        error: some(hash, "error"),
        pull_error: some(hash, "pull_error"),
    })
}

fn unreadable(key: &str, problem: impl std::fmt::Display) -> CacheError {
    CacheError::Form { key: key.to_owned(), problem: problem.to_string() }
}

fn text<T: ToString>(value: Option<&T>) -> Vec<u8> {
    value.map(|value| value.to_string().into_bytes()).unwrap_or_default()
}

fn string(hash: &Hash, field: &str) -> String {
    hash.get(field).map(|bytes| String::from_utf8_lossy(bytes).into_owned()).unwrap_or_default()
}

fn some(hash: &Hash, field: &str) -> Option<String> {
    Some(string(hash, field)).filter(|text| !text.is_empty())
}

fn parsed<T: FromStr<Err: std::fmt::Display>>(
    key: &str,
    hash: &Hash,
    field: &str,
) -> Result<Option<T>, CacheError> {
    match string(hash, field) {
        empty if empty.is_empty() => Ok(None),
        text => text.parse().map(Some).map_err(|error| unreadable(key, format!("{field}: {error}"))),
    }
}

fn json(key: &str, value: &impl Serialize) -> Result<Vec<u8>, CacheError> {
    serde_json::to_vec(value).map_err(|error| unreadable(key, error))
}

fn from_json<T: DeserializeOwned>(key: &str, hash: &Hash, field: &str) -> Result<Option<T>, CacheError> {
    match hash.get(field).filter(|bytes| !bytes.is_empty()) {
        None => Ok(None),
        Some(bytes) => serde_json::from_slice(bytes)
            .map(Some)
            .map_err(|error| unreadable(key, format!("{field}: {error}"))),
    }
}

fn packed(key: &str, gzip: Vec<u8>) -> Result<Packed, CacheError> {
    Packed::from_gzip(Bytes::from(gzip)).map_err(|error| unreadable(key, error))
}
