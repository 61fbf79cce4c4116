//! A part of the stack is killed with `kill -9`. What does the operator see meanwhile, and does it heal without a hand?
//!
//! The operator's browser is played by a [`Screen`]: it shows the newest snapshot of its socket, and connects again
//! when that ends. Everything passes through nginx, as in production.

#![expect(clippy::expect_used, reason = "a helper of tests fails as a test does")]

use std::{fs, os::unix::fs::PermissionsExt as _, sync::Arc, time::Duration};

use futures_util::StreamExt as _;
use heat_devkit::{
    eventually,
    process::free_port,
    stack::{Options, Stack},
};
use reqwest::{Client, Response, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{sync::watch, task::JoinHandle};
use tokio_tungstenite::{connect_async, tungstenite::Message};

/// How long healing may take: a lease of ten seconds, a poll, and a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// What happens to the host that the tests let fall.
const TRIGGER: &str = "Fell while something else did";

struct Stand {
    stack: Stack,
    http: Client,
    host: String,
    _dir: TempDir,
}

impl Stand {
    async fn start() -> anyhow::Result<Self> {
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
            replicas: 2,
            still: true,
        };
        let stack = Stack::up(&options, &|_| ()).await?;
        let host = stack.simulation.as_ref().expect("simulated").world().hosts().next().expect("a host").host;
        let http = Client::builder().no_proxy().timeout(Duration::from_secs(20)).build()?;
        Ok(Self { stack, http, host, _dir: dir })
    }

    /// A new problem begins, as Zabbix sees it.
    fn let_fall(&self) {
        self.stack.simulation.as_ref().expect("simulated").zabbix().fire(&self.host, TRIGGER, 4);
    }

    async fn get(&self, path: &str) -> anyhow::Result<Response> {
        Ok(self.http.get(format!("{}{path}", self.stack.url())).send().await?)
    }

    async fn comment(&self, key: &str, text: &str) -> anyhow::Result<Response> {
        let mut url: url::Url = self.stack.url().parse()?;
        url.path_segments_mut().expect("an http URL").extend(["api", "v1", "events", key, "comments"]);
        Ok(self
            .http
            .post(url)
            .body(json!({ "text": text }).to_string())
            .header("content-type", "application/json")
            .send()
            .await?)
    }

    fn screen(&self) -> Screen {
        Screen::open(format!("{}/api/v1/live", self.stack.url().replacen("http", "ws", 1)))
    }
}

/// What a browser shows.
#[derive(Debug, Clone, Default)]
struct Picture {
    /// Whether its socket stands.
    live: bool,
    snapshot: Arc<Value>,
}

impl Picture {
    fn revision(&self) -> u64 {
        self.snapshot["revision"].as_u64().unwrap_or(0)
    }

    fn events(&self) -> &[Value] {
        self.snapshot["events"].as_array().map_or(&[], Vec::as_slice)
    }

    /// The event of the host that fell.
    fn fallen(&self) -> Option<&Value> {
        self.events().iter().find(|event| event["name"] == TRIGGER)
    }

    fn source(&self, name: &str) -> &Value {
        let all = self.snapshot["sources"].as_array().map_or(&[][..], Vec::as_slice);
        all.iter().find(|source| source["name"] == name).unwrap_or(&Value::Null)
    }

    fn says(&self, key: &str, comment: &str) -> bool {
        self.events().iter().filter(|event| event["key"] == key).any(|event| {
            event["comments"].as_array().is_some_and(|all| all.iter().any(|said| said["text"] == comment))
        })
    }
}

struct Screen {
    picture: watch::Receiver<Picture>,
    task: JoinHandle<()>,
}

impl Screen {
    fn open(url: String) -> Self {
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

    fn now(&self) -> Picture {
        self.picture.borrow().clone()
    }

    /// Waits until the picture is as wanted, and returns it.
    async fn shows(&self, what: &str, mut wanted: impl FnMut(&Picture) -> bool) -> anyhow::Result<Picture> {
        eventually(what, PATIENCE, async || Some(self.now()).filter(&mut wanted)).await
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_replica_is_hardly_noticed() -> anyhow::Result<()> {
    let mut stand = Stand::start().await?;
    let screens = [stand.screen(), stand.screen(), stand.screen(), stand.screen()];
    for screen in &screens {
        screen.shows("a first picture", |picture| picture.live).await?;
    }

    stand.stack.replicas[0].process.kill9()?;
    // Readers do not notice at all: nginx asks the other one.
    for _ in 0..10 {
        assert_eq!(stand.get("/api/v1/snapshot").await?.status(), StatusCode::OK);
    }
    // Whose socket was there has another at once, and all of them learn what happens next.
    stand.let_fall();
    for screen in &screens {
        screen.shows("the new problem", |picture| picture.live && picture.fallen().is_some()).await?;
    }

    stand.stack.replicas[0].start_again()?;
    let ready = format!("http://{}/readyz", stand.stack.replicas[0].addr());
    eventually("the replica to serve again", PATIENCE, async || {
        stand
            .http
            .get(&ready)
            .send()
            .await
            .is_ok_and(|answer| answer.status() == StatusCode::OK)
            .then_some(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_updater_leaves_the_last_picture_and_its_successor_goes_on() -> anyhow::Result<()> {
    let mut stand = Stand::start().await?;
    let screen = stand.screen();
    let before = screen.shows("a first picture", |picture| picture.live).await?;

    stand.stack.updater.process.kill9()?;
    stand.let_fall();
    // The replicas go on with what there is: the old picture, whose time tells its age.
    let late = stand.screen();
    let meanwhile =
        late.shows("the last picture, on a page opened meanwhile", |picture| picture.live).await?;
    assert!(meanwhile.fallen().is_none());
    assert!(screen.now().live, "the sockets stand");

    stand.stack.updater.start_again()?;
    let after = screen.shows("the problem that nobody polled", |picture| picture.fallen().is_some()).await?;
    assert!(after.revision() > before.revision());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_comes_back_empty_is_filled_and_nothing_is_forgotten() -> anyhow::Result<()> {
    let mut stand = Stand::start().await?;
    let screen = stand.screen();
    let first =
        screen.shows("a first picture", |picture| picture.live && !picture.events().is_empty()).await?;
    let key = first.events()[0]["key"].as_str().expect("a key").to_owned();
    assert_eq!(stand.comment(&key, "said before").await?.status(), StatusCode::CREATED);
    let before = screen.shows("the comment", |picture| picture.says(&key, "said before")).await?;

    stand.stack.redis.kill()?;
    // The replicas hold the last picture: readers and newly opened pages get it.
    assert_eq!(stand.get("/api/v1/snapshot").await?.status(), StatusCode::OK);
    assert_eq!(stand.get("/readyz").await?.status(), StatusCode::OK);
    let late = stand.screen();
    let meanwhile =
        late.shows("the last picture, on a page opened meanwhile", |picture| picture.live).await?;
    assert_eq!(meanwhile.revision(), before.revision());

    stand.stack.redis.start_again_empty().await?;
    stand.let_fall();
    let after = screen.shows("the new problem", |picture| picture.live && picture.fallen().is_some()).await?;
    assert!(after.revision() > before.revision(), "a revision never goes back");
    assert!(after.says(&key, "said before"), "what people said comes from Postgres");
    assert!(after.events().len() > before.events().len(), "no other problem is lost");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_postgres_events_go_on_and_comments_are_refused_whole() -> anyhow::Result<()> {
    let mut stand = Stand::start().await?;
    let screen = stand.screen();
    let first =
        screen.shows("a first picture", |picture| picture.live && !picture.events().is_empty()).await?;
    let key = first.events()[0]["key"].as_str().expect("a key").to_owned();
    assert_eq!(stand.comment(&key, "said before").await?.status(), StatusCode::CREATED);
    screen.shows("the comment", |picture| picture.says(&key, "said before")).await?;

    stand.stack.postgres.kill()?;
    stand.let_fall();
    let meanwhile = screen.shows("the new problem", |picture| picture.fallen().is_some()).await?;
    assert!(meanwhile.says(&key, "said before"), "what people said stays");
    let refused = stand.comment(&key, "said meanwhile").await?;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(refused.headers().contains_key("retry-after"));
    screen
        .shows("that comments are not current", |picture| picture.source("comments")["status"] != "ok")
        .await?;

    stand.stack.postgres.start_again().await?;
    eventually("a comment to be taken", PATIENCE, async || {
        let answer = stand.comment(&key, "said after").await.ok()?;
        (answer.status() == StatusCode::CREATED).then_some(())
    })
    .await?;
    let after = screen.shows("the comment", |picture| picture.says(&key, "said after")).await?;
    assert!(!after.says(&key, "said meanwhile"));
    screen.shows("that comments are current", |picture| picture.source("comments")["status"] == "ok").await?;
    Ok(())
}
