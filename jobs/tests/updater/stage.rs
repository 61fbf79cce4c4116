//! What an updater needs around it.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use heat::cache::Cache;
use heat::config::Secret;
use heat::db::Db;
use heat::db::roles::Roles;
use heat::snapshot::{ActiveEvent, Snapshot, Source};
use heat_devkit::backends::{Postgres, Redis};
use heat_devkit::git::Repository;
use heat_devkit::process::{Process, Program, free_port};
use heat_devkit::sim::{Juggler, JugglerOptions, Zabbix, ZabbixOptions};
use tempfile::TempDir;

pub(crate) const INVENTORY: &str = r#"{
    "racks": [{"id": 1, "name": "R1", "height": 42}],
    "devices": [
        {"id": 11, "name": "srv-1", "mounts": [{"rack_id": 1, "unit": 1}]},
        {"id": 12, "name": "srv-2", "mounts": [{"rack_id": 1, "unit": 2}]},
        {"id": 13, "name": "srv-3"}
    ]
}"#;

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_heat-updater");

pub(crate) struct Stage {
    pub(crate) redis: Redis,
    pub(crate) postgres: Postgres,
    pub(crate) zabbix: Arc<Zabbix>,
    pub(crate) juggler: Arc<Juggler>,
    pub(crate) cache: Cache,
    pub(crate) db: Db,
    database_url: String,
    metrics_port: std::cell::Cell<u16>,
    files: TempDir,
}

impl Stage {
    pub(crate) async fn set() -> Self {
        Self::with(Redis::shared().await.unwrap(), Postgres::shared().await.unwrap()).await
    }

    /// Stores that a test may kill.
    pub(crate) async fn set_with_own_stores() -> Self {
        Self::with(Redis::start().await.unwrap(), Postgres::start().await.unwrap()).await
    }

    async fn with(redis: Redis, postgres: Postgres) -> Self {
        let database_url = postgres.fresh_database().await.unwrap();
        let db = Db::new(&Secret::new(&database_url), 2).unwrap();
        db.migrate().await.unwrap();
        db.grant_roles(&Roles::default()).await.unwrap();
        let stage = Self {
            cache: Cache::new(&Secret::new(redis.url()), redis.prefix()).unwrap(),
            db,
            // It may do what an updater must, and no more.
            database_url: Postgres::url_as(&database_url, "heat_updater").unwrap(),
            redis,
            postgres,
            zabbix: Arc::new(Zabbix::start(ZabbixOptions::default()).await.unwrap()),
            juggler: Arc::new(Juggler::start(JugglerOptions::default()).await.unwrap()),
            metrics_port: 0.into(),
            files: TempDir::new().unwrap(),
        };
        stage.write_inventory(INVENTORY);
        for host in ["srv-1", "srv-2", "srv-3", "stranger"] {
            stage.zabbix.add_host(host);
        }
        stage
    }

    fn inventory(&self) -> PathBuf {
        self.files.path().join("inventory.json")
    }

    pub(crate) fn write_inventory(&self, text: &str) {
        std::fs::write(self.inventory(), text).unwrap();
    }

    pub(crate) fn program(&self) -> Program {
        let port = free_port().unwrap();
        self.metrics_port.set(port);
        Program::new("heat-updater", BINARY)
            .log(self.files.path().join(format!("updater-{port}.log")))
            .env("HEAT_REDIS_URL", self.redis.url())
            .env("HEAT_REDIS_PREFIX", self.redis.prefix())
            .env("HEAT_DATABASE_URL", &self.database_url)
            .env("HEAT_METRICS_LISTEN", format!("127.0.0.1:{port}"))
            .env("HEAT_ZABBIX_URL", self.zabbix.url())
            .env("HEAT_ZABBIX_TOKEN", self.zabbix.token())
            .env("HEAT_INVENTORY_URL", format!("file://{}", self.inventory().display()))
            .env("HEAT_EVENTS_CRON", "* * * * * *")
            .env("HEAT_INVENTORY_CRON", "* * * * * *")
    }

    pub(crate) fn updater(&self) -> Process {
        self.program().spawn().unwrap()
    }

    /// One that looks at this repository every second, in an environment that would lead any git astray.
    pub(crate) fn updater_with_templates(&self, templates: &Repository) -> Process {
        std::fs::write(
            self.files.path().join(".gitconfig"),
            "[url \"file:///nowhere/\"]\n\tinsteadOf = file:///\n",
        )
        .unwrap();
        self.program()
            .env("HOME", self.files.path())
            .env("GIT_DIR", "/nowhere")
            .env("GIT_CONFIG_COUNT", "1")
            .env("GIT_CONFIG_KEY_0", "url.file:///nowhere/.insteadOf")
            .env("GIT_CONFIG_VALUE_0", "file:///")
            .env("HEAT_TEMPLATES_URL", templates.url())
            .env("HEAT_TEMPLATES_CRON", "* * * * * *")
            .spawn()
            .unwrap()
    }

    /// What a command of the updater's program says, which must succeed if so expected: to standard output, and to
    /// standard error.
    pub(crate) fn command(&self, args: &[&str], succeeds: bool) -> (String, String) {
        let output = Command::new(BINARY)
            .args(args)
            .env("HEAT_REDIS_URL", self.redis.url())
            .env("HEAT_DATABASE_URL", &self.database_url)
            .output()
            .unwrap();
        let [said, hints] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
        assert_eq!(output.status.success(), succeeds, "{args:?}: {said}{hints}");
        (said, hints)
    }

    /// An empty one among the files of this stage.
    pub(crate) fn repository(&self) -> Repository {
        Repository::init(&self.files.path().join("templates.git"), &[]).unwrap()
    }

    /// Whether the doctor finds everything well with these templates, and what it says.
    pub(crate) async fn doctor(&self, templates: &Repository) -> (bool, String) {
        let log = self.files.path().join("doctor.log");
        let doctor = self.program().arg("doctor").env("HEAT_TEMPLATES_URL", templates.url()).log(&log);
        let status = doctor.spawn().unwrap().ended(Duration::from_mins(1)).await.unwrap();
        let said = std::fs::read_to_string(&log).unwrap();
        std::fs::remove_file(log).unwrap();
        (status.success(), said)
    }

    pub(crate) fn updater_with_juggler(&self) -> Process {
        self.program()
            .env("HEAT_JUGGLER_URL", self.juggler.url())
            .env("HEAT_JUGGLER_TOKEN", self.juggler.token())
            .spawn()
            .unwrap()
    }

    /// One whose tickets people open by hand.
    pub(crate) fn updater_with_tickets(&self) -> Process {
        self.program()
            .env("HEAT_TRACKER", "link")
            .env("HEAT_TRACKER_LINK", "https://tracker.example.net/new?queue={queue}")
            .spawn()
            .unwrap()
    }

    pub(crate) async fn snapshot(&self) -> Option<Snapshot<'static>> {
        let cached = self.cache.snapshot().await.ok()??;
        Some(serde_json::from_slice(&cached.body.json().unwrap()).unwrap())
    }

    /// A metric of the updater started last; 0 while it cannot be read.
    pub(crate) async fn metric(&self, name: &str) -> u64 {
        let url = format!("http://127.0.0.1:{}/metrics", self.metrics_port.get());
        let Ok(answer) = reqwest::get(url).await else { return 0 };
        let text = answer.text().await.unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.and_then(|value| value.trim().parse().ok()).unwrap_or(0)
    }
}

pub(crate) fn event<'a>(snapshot: &'a Snapshot<'static>, host: &str) -> Option<&'a ActiveEvent<'static>> {
    snapshot.events.iter().find(|event| event.host == host)
}

pub(crate) fn source<'a>(snapshot: &'a Snapshot<'static>, name: &str) -> &'a Source<'static> {
    snapshot.sources.iter().find(|source| source.name == name).unwrap()
}

/// What the updater says when it refuses to start with one setting changed.
pub(crate) fn refused_start(name: &str, value: &str) -> String {
    let output = Command::new(BINARY)
        .env_clear()
        .env("HEAT_REDIS_URL", "redis://127.0.0.1:1")
        .env("HEAT_DATABASE_URL", "postgres://127.0.0.1:1/heat")
        .env("HEAT_ZABBIX_URL", "http://127.0.0.1:1")
        .env("HEAT_ZABBIX_TOKEN", "token")
        .env(name, value)
        .output()
        .unwrap();
    assert!(!output.status.success(), "{name}={value} was taken");
    String::from_utf8(output.stderr).unwrap()
}

pub(crate) fn refused_start_with_file(text: &str) -> String {
    let files = TempDir::new().unwrap();
    let path = files.path().join("heat.toml");
    std::fs::write(&path, text).unwrap();
    refused_start("HEAT_CONFIG", path.to_str().unwrap())
}
