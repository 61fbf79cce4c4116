//! Stores, replicas, and a stand-in for the updater that publishes what a test says.

use std::hash::{BuildHasher, RandomState};
use std::net::SocketAddr;
use std::time::Duration;

use clap::Parser;
use heat::cache::{Cache, CachedDocument, CachedSnapshot, Fence};
use heat::config::Secret;
use heat::coverage::Coverage;
use heat::db::Db;
use heat::db::audit::Actor;
use heat::db::roles::Roles;
use heat::db::tokens::NewToken;
use heat::event::{event_key, opening_id};
use heat::inventory::Inventory;
use heat::packed::Packed;
use heat::severity::Severity;
use heat::snapshot::{ActiveEvent, NotNews, Snapshot};
use heat::time::Timestamp;
use heat::token::Digest;
use heat_devkit::backends::{Postgres, Redis};
use heat_devkit::eventually;
use heat_handlers::{Args, Config};
use reqwest::redirect::Policy;
use reqwest::{Method, Response, StatusCode};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The first revision a stage publishes.
pub(crate) const FIRST: u64 = 1_795_468_075_123;

/// Stores of its own, and the lease on them.
pub(crate) struct Stage {
    pub(crate) redis: Redis,
    pub(crate) postgres: Option<Postgres>,
    /// As the replica comes in: it may do what a replica must, and no more.
    pub(crate) database_url: String,
    /// As the owner of the tables, who stands in for the updater too.
    owner_url: String,
    pub(crate) cache: Cache,
    pub(crate) fence: Fence,
}

impl Stage {
    /// Redis alone; nobody listens where Postgres should be.
    pub(crate) async fn without_postgres() -> Self {
        Self::on_redis(Redis::shared().await.unwrap()).await
    }

    /// This Redis alone.
    pub(crate) async fn on_redis(redis: Redis) -> Self {
        // None of the ports that tests beside this one are given.
        let nobody = "postgres://heat@127.0.0.1:1/heat".to_owned();
        Self::on(redis, None, nobody.clone(), nobody).await
    }

    /// Redis and a migrated Postgres.
    pub(crate) async fn whole() -> Self {
        let (redis, postgres) = tokio::join!(Redis::shared(), Postgres::shared());
        Self::with(redis.unwrap(), postgres.unwrap()).await
    }

    /// Servers that this test may kill.
    pub(crate) async fn to_be_killed() -> Self {
        let (redis, postgres) = tokio::join!(Redis::start(), Postgres::start());
        Self::with(redis.unwrap(), postgres.unwrap()).await
    }

    async fn with(redis: Redis, postgres: Postgres) -> Self {
        let url = postgres.fresh_database().await.unwrap();
        let owner = Db::new(&Secret::new(&url), 1).unwrap();
        owner.migrate().await.unwrap();
        let roles = Roles::default();
        owner.grant_roles(&roles).await.unwrap();
        let api = Postgres::url_as(&url, &roles.api.name).unwrap();
        Self::on(redis, Some(postgres), api, url).await
    }

    async fn on(redis: Redis, postgres: Option<Postgres>, database_url: String, owner_url: String) -> Self {
        let cache = Cache::new(&Secret::new(redis.url()), redis.prefix()).unwrap();
        let fence =
            cache.take_lease("test").await.unwrap().expect("nobody else has the lease of this prefix");
        Self { redis, postgres, database_url, owner_url, cache, fence }
    }

    /// After Redis has come back empty.
    pub(crate) async fn take_lease_again(&mut self) {
        self.fence = self.cache.take_lease("test").await.unwrap().expect("an empty Redis has no lease");
    }

    /// Postgres, of which everything may be asked.
    pub(crate) fn db(&self) -> Db {
        Db::new(&Secret::new(&self.owner_url), 2).unwrap()
    }

    /// A token that is worth something until 2096; of a screen if there is a path.
    pub(crate) async fn token(&self, name: &str, role: heat::role::Role, screen: Option<&str>) -> String {
        let mut random = [0; 32];
        random[..8].copy_from_slice(&RandomState::new().hash_one(name).to_be_bytes());
        let token = heat::token::token(random);
        let new = NewToken {
            name: name.to_owned(),
            role,
            screen_path: screen.map(str::to_owned),
            expires_at: "2096-01-01T00:00:00Z".parse().unwrap(),
        };
        let digest = Digest::of(token.reveal()).unwrap();
        self.db().create_token(&in_the_shell(), &new, &digest).await.unwrap();
        token.reveal().to_owned()
    }

    /// Publishes a document under a revision, whatever it says itself.
    pub(crate) async fn publish_bytes(&self, revision: u64, json: &[u8]) -> Packed {
        let packed = Packed::new(json).unwrap();
        self.publish_packed(revision, packed.clone()).await;
        packed
    }

    /// Publishes what was compressed before.
    pub(crate) async fn publish_packed(&self, revision: u64, body: Packed) {
        let snapshot = CachedSnapshot { revision, body };
        self.cache.write_snapshot(self.fence, Timestamp::now(), &snapshot).await.unwrap();
    }

    /// Publishes a snapshot; returns its JSON.
    pub(crate) async fn publish(&self, revision: u64, events: Vec<ActiveEvent<'static>>) -> Vec<u8> {
        let mut snapshot = Snapshot { events, ..Snapshot::default() };
        snapshot.revision = NotNews(revision);
        snapshot.generated_at = NotNews(Timestamp::now());
        snapshot.events.sort_by(|a, b| (&a.key, &a.id).cmp(&(&b.key, &b.id)));
        let json = snapshot.to_json().unwrap();
        self.publish_bytes(revision, &json).await;
        json
    }

    /// Publishes the example inventory and coverage; returns the inventory's version.
    pub(crate) async fn publish_places(&self) -> String {
        let inventory = inventory();
        let coverage: Coverage =
            serde_json::from_str(include_str!("../../../lib/examples/coverage.json")).unwrap();
        let keys = self.cache.keys();
        for (key, version, json) in [
            (keys.inventory(), &inventory.version, serde_json::to_vec(&inventory).unwrap()),
            (keys.coverage(), &coverage.version, serde_json::to_vec(&coverage).unwrap()),
        ] {
            let document = CachedDocument {
                version: version.clone(),
                fetched_at: Some(Timestamp::now()),
                error: None,
                body: Packed::new(&json).unwrap(),
            };
            self.cache.write_document(self.fence, &key, &document).await.unwrap();
        }
        inventory.version
    }

    /// A replica without login.
    pub(crate) async fn replica(&self) -> Replica {
        self.replica_with(&["--auth", "off"]).await
    }

    /// A replica with these arguments besides the stores'.
    pub(crate) async fn replica_with(&self, args: &[&str]) -> Replica {
        let stores = [
            "heat-api",
            "--redis-url",
            self.redis.url(),
            "--redis-prefix",
            self.redis.prefix(),
            "--database-url",
            &self.database_url,
        ];
        let args = Args::try_parse_from(stores.iter().chain(args)).unwrap();
        let config = Config::try_from(args).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let task = tokio::spawn(heat_handlers::run(config, listener, stop.clone()));
        let client =
            reqwest::Client::builder().no_gzip().no_proxy().redirect(Policy::none()).build().unwrap();
        Replica { addr, stop, task, client }
    }
}

/// A running replica; stops with the test.
pub(crate) struct Replica {
    pub(crate) addr: SocketAddr,
    pub(crate) stop: CancellationToken,
    task: JoinHandle<anyhow::Result<()>>,
    client: reqwest::Client,
}

impl Replica {
    pub(crate) fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method, format!("http://{}{path}", self.addr))
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.request(Method::GET, path).send().await.unwrap()
    }

    /// The JSON of an answer that must have this status.
    pub(crate) async fn json(&self, path: &str, status: StatusCode) -> Value {
        answer(self.get(path).await, status).await
    }

    pub(crate) async fn send(&self, method: Method, path: &str, body: &Value, status: StatusCode) -> Value {
        answer(self.request(method, path).json(body).send().await.unwrap(), status).await
    }

    /// Waits until the broadcaster has this revision.
    pub(crate) async fn shows(&self, revision: u64) {
        eventually(&format!("revision {revision}"), PATIENCE, async || {
            let readiness: Value = self.get("/readyz").await.json().await.ok()?;
            (readiness["revision"] == revision).then_some(())
        })
        .await
        .unwrap();
    }

    /// Stops it and waits for its end.
    pub(crate) async fn stopped(self) {
        self.stop.cancel();
        tokio::time::timeout(PATIENCE, self.task).await.expect("it ends").unwrap().unwrap();
    }
}

/// Whoever runs a command.
pub(crate) fn in_the_shell() -> Actor {
    Actor { name: "root".into(), via: "shell", request_id: "r".into() }
}

/// The JSON of an answer that must have this status.
pub(crate) async fn answer(response: Response, status: StatusCode) -> Value {
    let (is, text) = (response.status(), response.text().await.unwrap());
    assert_eq!(is, status, "{text}");
    if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap() }
}

/// An event of one host.
pub(crate) fn event(number: u32, host: &str) -> ActiveEvent<'static> {
    ActiveEvent {
        id: opening_id("zabbix", &number.to_string(), host).into(),
        key: event_key("zabbix", &format!("t{number}"), host).into(),
        source: "zabbix".into(),
        host: host.to_owned().into(),
        severity: Severity::High,
        name: format!("problem {number}").into(),
        since: Timestamp::from_unix(1_795_468_000),
        ..ActiveEvent::default()
    }
}

/// The example inventory.
pub(crate) fn inventory() -> Inventory {
    let mut inventory: Inventory =
        serde_json::from_str(include_str!("../../../lib/examples/inventory.json")).unwrap();
    inventory.normalise();
    inventory
}

/// A key as one path segment.
pub(crate) fn segment(key: &str) -> String {
    percent_encoding::utf8_percent_encode(key, percent_encoding::NON_ALPHANUMERIC).to_string()
}
