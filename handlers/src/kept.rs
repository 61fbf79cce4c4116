//! Documents kept by their version, so that Redis sends each body once and it is parsed once: caches, not state.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use heat::cache::{Cache, CachedDocument};
use heat::coverage::Coverage;
use heat::floor::Floor;
use heat::inventory::Inventory;
use heat::packed::Packed;
use heat::search::Index;
use heat::snapshot::{ActiveEvent, Snapshot};
use heat::template::Set;
use serde::de::DeserializeOwned;
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::feed::Frame;
use crate::problem::Problem;

/// For so long Redis is asked what is current; then the last that was seen is good enough.
pub(crate) const ASK_WITHIN: Duration = Duration::from_millis(500);

/// The latest version of something made of a document. Whoever comes while it is being made waits for it.
#[derive(Debug)]
struct Latest<V, T>(Mutex<Option<(V, Arc<T>)>>);

impl<V, T> Default for Latest<V, T> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<V: PartialEq, T> Latest<V, T> {
    async fn get<E>(&self, version: V, making: impl Future<Output = Result<T, E>>) -> Result<Arc<T>, E> {
        let mut latest = self.0.lock().await;
        if let Some((of, made)) = &*latest
            && *of == version
        {
            return Ok(Arc::clone(made));
        }
        let made = Arc::new(making.await?);
        *latest = Some((version, Arc::clone(&made)));
        Ok(made)
    }

    async fn last(&self) -> Option<Arc<T>> {
        self.0.lock().await.as_ref().map(|(_, made)| Arc::clone(made))
    }
}

/// Parses a document away from the threads that serve sockets.
async fn parsed<T: DeserializeOwned + Send + 'static>(packed: Packed) -> anyhow::Result<T> {
    let parse = move || anyhow::Ok(serde_json::from_slice(&packed.json()?)?);
    tokio::task::spawn_blocking(parse).await?.context("a document in Redis is damaged")
}

/// What is looked up in an inventory, made away from the threads that serve sockets.
async fn made_of<T: Send + 'static>(
    inventory: Arc<Inventory>,
    make: impl FnOnce(&Inventory) -> T + Send + 'static,
) -> anyhow::Result<T> {
    Ok(tokio::task::spawn_blocking(move || make(&inventory)).await?)
}

/// The latest snapshot, parsed.
#[derive(Debug, Default)]
pub(crate) struct Pictures(Latest<u64, Picture>);

/// A snapshot to look things up in.
#[derive(Debug)]
pub(crate) struct Picture(pub(crate) Snapshot<'static>);

impl Pictures {
    /// What a frame shows.
    pub(crate) async fn of(&self, frame: &Frame) -> anyhow::Result<Arc<Picture>> {
        let packed = frame.packed.clone();
        self.0.get(frame.revision, async { parsed(packed).await.map(Picture) }).await
    }
}

impl Picture {
    /// The active openings of a key. They lie together, for events are sorted by key.
    pub(crate) fn openings(&self, key: &str) -> &[ActiveEvent<'static>] {
        let events = &self.0.events;
        let start = events.partition_point(|event| *event.key < *key);
        let end = start + events[start..].partition_point(|event| event.key == key);
        &events[start..end]
    }
}

/// The documents beside the snapshot.
pub(crate) struct Documents {
    /// What stands where.
    pub(crate) inventory: Document,
    /// Which sources watch each device.
    pub(crate) coverage: Document,
    floors: Latest<String, Floor>,
    inventories: Latest<String, Inventory>,
    indexes: Latest<String, Index>,
    coverages: Latest<String, Coverage>,
}

/// The active templates, parsed.
#[derive(Default)]
pub(crate) struct Templates(Latest<String, Set>);

impl Templates {
    /// The set that is active now, with the id of its commit; none where there are none.
    pub(crate) async fn active(&self, cache: &Cache) -> Result<Option<(String, Arc<Set>)>, Problem> {
        let record = timeout(ASK_WITHIN, cache.templates_record()).await;
        let record = record.map_err(|_| Problem::not_now("Redis does not answer; try again"))??;
        let Some(version) = record.map(|record| record.version).filter(|version| !version.is_empty()) else {
            return Ok(None);
        };
        let make = async {
            let missing = || Problem::not_now("the templates are being written; try again");
            let (_, files) = cache.templates().await?.ok_or_else(missing)?;
            let parse = move || Set::parse(&files);
            // What is active was checked; an updater of another version may have checked otherwise.
            let parsed = tokio::task::spawn_blocking(parse).await.context("the templates cannot be read")?;
            parsed.map_err(|findings| {
                let first = findings.first().map(ToString::to_string).unwrap_or_default();
                Problem::Internal(anyhow::anyhow!("the active templates are not readable here: {first}"))
            })
        };
        let set = self.0.get(version.clone(), make).await?;
        Ok(Some((version, set)))
    }
}

/// A document that changes now and then and is large.
pub(crate) struct Document {
    cache: Cache,
    key: String,
    latest: Latest<String, CachedDocument>,
}

impl Documents {
    /// Nothing is read yet.
    pub(crate) fn new(cache: &Cache) -> Self {
        let of = |key| Document { cache: cache.clone(), key, latest: Latest::default() };
        Self {
            inventory: of(cache.keys().inventory()),
            coverage: of(cache.keys().coverage()),
            floors: Latest::default(),
            inventories: Latest::default(),
            indexes: Latest::default(),
            coverages: Latest::default(),
        }
    }

    /// The inventory, parsed.
    pub(crate) async fn places(&self) -> Result<Arc<Inventory>, Problem> {
        Ok(self.parsed(&*self.inventory.read().await?).await?)
    }

    /// Who watches what, parsed; none until anybody has told.
    pub(crate) async fn watched(&self) -> Result<Option<Arc<Coverage>>, Problem> {
        let coverage = match self.coverage.read().await {
            Ok(coverage) => coverage,
            Err(Problem::Unavailable { cause: None, .. }) => return Ok(None),
            Err(problem) => return Err(problem),
        };
        Ok(Some(self.coverages.get(coverage.version.clone(), parsed(coverage.body.clone())).await?))
    }

    /// Each version is parsed once, whatever is made of it.
    async fn parsed(&self, inventory: &CachedDocument) -> anyhow::Result<Arc<Inventory>> {
        self.inventories.get(inventory.version.clone(), parsed(inventory.body.clone())).await
    }

    /// Where everything stands, for lists and filters.
    pub(crate) async fn floor(&self) -> Result<Arc<Floor>, Problem> {
        let inventory = self.inventory.read().await?;
        let make = async { made_of(self.parsed(&inventory).await?, Floor::new).await };
        Ok(self.floors.get(inventory.version.clone(), make).await?)
    }

    /// Everything by what people call it, and the version of the inventory it is of.
    pub(crate) async fn index(&self) -> Result<(String, Arc<Index>), Problem> {
        let inventory = self.inventory.read().await?;
        let make = async { made_of(self.parsed(&inventory).await?, Index::new).await };
        let index = self.indexes.get(inventory.version.clone(), make).await?;
        Ok((inventory.version.clone(), index))
    }
}

impl Document {
    /// The document Redis holds now; the last one seen while Redis is away or empty.
    pub(crate) async fn read(&self) -> Result<Arc<CachedDocument>, Problem> {
        let problem = match self.current().await {
            Ok(Some(document)) => return Ok(document),
            Ok(None) => Problem::not_now("it has not been read yet; is the updater running?"),
            Err(problem) => problem,
        };
        self.latest.last().await.ok_or(problem)
    }

    async fn current(&self) -> Result<Option<Arc<CachedDocument>>, Problem> {
        let version = timeout(ASK_WITHIN, self.cache.document_version(&self.key)).await;
        let version = version.map_err(|_| Problem::not_now("Redis does not answer; try again"))??;
        let Some(version) = version else { return Ok(None) };
        let whole = async {
            let missing = || Problem::not_now("it is being written; try again");
            self.cache.document(&self.key).await?.ok_or_else(missing)
        };
        self.latest.get(version, whole).await.map(Some)
    }
}
