//! A whole stack, and the screens in front of it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use heat_devkit::eventually;
use heat_devkit::process::free_port;
use heat_devkit::stack::{Options, Stack};
use reqwest::{Client, Response, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;

/// How long healing may take: a lease of ten seconds, a poll, and a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// What happens to the host that the tests let fall.
pub(crate) const TRIGGER: &str = "Fell while something else did";

pub(crate) struct Stand {
    pub(crate) stack: Stack,
    pub(crate) http: Client,
    host: String,
    _dir: TempDir,
}

impl Stand {
    pub(crate) async fn start() -> anyhow::Result<Self> {
        Self::with_replicas(2).await
    }

    pub(crate) async fn with_replicas(replicas: u16) -> anyhow::Result<Self> {
        Self::begin(replicas, None).await
    }

    /// On a Redis of the test's own.
    pub(crate) async fn on_redis(url: &str) -> anyhow::Result<Self> {
        Self::begin(2, Some(url)).await
    }

    async fn begin(replicas: u16, redis_url: Option<&str>) -> anyhow::Result<Self> {
        let dir = tempfile::Builder::new().permissions(fs::Permissions::from_mode(0o755)).tempdir()?;
        let page = dir.path().join("page");
        fs::create_dir(&page)?;
        fs::write(page.join("index.html"), "<!doctype html><title>Heat</title>")?;
        let programs = std::env::current_exe()?.ancestors().nth(2).map(ToOwned::to_owned);
        let options = Options {
            port: free_port()?,
            dir: dir.path().join("heat"),
            page,
            templates: concat!(env!("CARGO_MANIFEST_DIR"), "/templates").into(),
            bin: programs,
            replicas,
            still: true,
        };
        let stack = Stack::up_on(redis_url, &options, &|_| ()).await?;
        let host = stack.simulation.as_ref().expect("simulated").world().hosts().next().expect("a host").host;
        let http = Client::builder().no_proxy().timeout(Duration::from_secs(20)).build()?;
        Ok(Self { stack, http, host, _dir: dir })
    }

    /// A new problem begins, as Zabbix sees it.
    pub(crate) fn let_fall(&self) {
        self.let_host_fall(&self.host);
    }

    /// A problem of a host begins, as Zabbix sees it.
    pub(crate) fn let_host_fall(&self, host: &str) {
        self.stack.simulation.as_ref().expect("simulated").zabbix().fire(host, TRIGGER, 4);
    }

    pub(crate) async fn get(&self, path: &str) -> anyhow::Result<Response> {
        Ok(self.http.get(format!("{}{path}", self.stack.url())).send().await?)
    }

    pub(crate) async fn comment(&self, key: &str, text: &str) -> anyhow::Result<Response> {
        self.say(key, &json!({ "text": text })).await
    }

    /// A comment that the robot shall write on the ticket too.
    pub(crate) async fn say_on_ticket(&self, key: &str, text: &str) -> anyhow::Result<StatusCode> {
        Ok(self.say(key, &json!({ "text": text, "on_ticket": true })).await?.status())
    }

    async fn say(&self, key: &str, body: &Value) -> anyhow::Result<Response> {
        let mut url: url::Url = self.stack.url().parse()?;
        url.path_segments_mut().expect("an http URL").extend(["api", "v1", "events", key, "comments"]);
        let request = self.http.post(url).header("content-type", "application/json");
        Ok(request.body(body.to_string()).send().await?)
    }

    pub(crate) fn screen(&self) -> Screen {
        Screen::open(format!("{}/api/v1/live", self.stack.url().replacen("http", "ws", 1)))
    }
}

/// What a browser shows.
#[derive(Debug, Clone, Default)]
pub(crate) struct Picture {
    /// Whether its socket stands.
    pub(crate) live: bool,
    snapshot: Arc<Value>,
}

impl Picture {
    pub(crate) fn revision(&self) -> u64 {
        self.snapshot["revision"].as_u64().unwrap_or(0)
    }

    pub(crate) fn events(&self) -> &[Value] {
        self.snapshot["events"].as_array().map_or(&[], Vec::as_slice)
    }

    /// The event of the host that fell.
    pub(crate) fn fallen(&self) -> Option<&Value> {
        self.events().iter().find(|event| event["name"] == TRIGGER)
    }

    pub(crate) fn source(&self, name: &str) -> &Value {
        let all = self.snapshot["sources"].as_array().map_or(&[][..], Vec::as_slice);
        all.iter().find(|source| source["name"] == name).unwrap_or(&Value::Null)
    }

    pub(crate) fn says(&self, key: &str, comment: &str) -> bool {
        self.events().iter().filter(|event| event["key"] == key).any(|event| {
            event["comments"].as_array().is_some_and(|all| all.iter().any(|said| said["text"] == comment))
        })
    }
}

pub(crate) struct Screen {
    picture: watch::Receiver<Picture>,
    task: JoinHandle<()>,
}

impl Screen {
    pub(crate) fn open(url: String) -> Self {
        let (sender, picture) = watch::channel(Picture::default());
        let task = tokio::spawn(async move {
            loop {
                if let Ok((mut socket, _)) = connect_async(&url).await {
                    while let Some(Ok(message)) = socket.next().await {
                        if let Message::Text(text) = message {
                            let snapshot = serde_json::from_str(&text).expect("a snapshot");
                            sender.send_replace(Picture { live: true, snapshot: Arc::new(snapshot) });
                        }
                    }
                }
                sender.send_modify(|picture| picture.live = false);
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        });
        Self { picture, task }
    }

    pub(crate) fn now(&self) -> Picture {
        self.picture.borrow().clone()
    }

    /// Waits until the picture is as wanted, and returns it.
    pub(crate) async fn shows(
        &self,
        what: &str,
        mut wanted: impl FnMut(&Picture) -> bool,
    ) -> anyhow::Result<Picture> {
        eventually(what, PATIENCE, async || Some(self.now()).filter(&mut wanted)).await
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.task.abort();
    }
}
