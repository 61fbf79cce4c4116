//! A whole stack, and the screens in front of it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::StreamExt as _;
use heat_devkit::eventually;
use heat_devkit::stack::{Options, Stack};
use reqwest::{Client, Response, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;
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
    falls: AtomicUsize,
    _dir: TempDir,
}

/// An event that somebody has taken on and spoken of. No fault may change that.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    pub(crate) key: String,
    id: String,
}

/// What somebody says of the event that is kept.
const WORD: &str = "somebody is on it";

impl Kept {
    /// What is wrong with it in a picture, if anything.
    fn lost_in(&self, picture: &Picture) -> Option<String> {
        let event = picture.events().iter().find(|event| event["id"] == *self.id);
        let Some(event) = event else { return Some("what is kept is not there".to_owned()) };
        if event["handled"] != "acknowledged" {
            return Some(format!("what is handled is not: {event}"));
        }
        (self.count_in(picture) == 0).then(|| format!("what was said is gone: {event}"))
    }

    /// How much was said of it.
    fn count_in(&self, picture: &Picture) -> u64 {
        let mut events = picture.events().iter().filter(|event| event["id"] == *self.id);
        events.next().and_then(|event| event["comment_count"].as_u64()).unwrap_or(0)
    }
}

/// The environment's choice for the large form of a test, or the small one.
pub(crate) fn number<N: std::str::FromStr>(name: &str, default: N) -> N {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

impl Stand {
    pub(crate) async fn start() -> anyhow::Result<Self> {
        Self::with_replicas(2).await
    }

    pub(crate) async fn with_replicas(replicas: u16) -> anyhow::Result<Self> {
        Self::begin(replicas, None, |_| Ok(())).await
    }

    /// With what else a stack can have.
    pub(crate) async fn with(
        choose: impl FnOnce(&mut Options) -> anyhow::Result<()>,
    ) -> anyhow::Result<Self> {
        Self::begin(2, None, choose).await
    }

    /// On a Redis of the test's own.
    pub(crate) async fn on_redis(url: &str) -> anyhow::Result<Self> {
        Self::begin(2, Some(url), |_| Ok(())).await
    }

    async fn begin(
        replicas: u16,
        redis_url: Option<&str>,
        choose: impl FnOnce(&mut Options) -> anyhow::Result<()>,
    ) -> anyhow::Result<Self> {
        let dir = tempfile::Builder::new().permissions(fs::Permissions::from_mode(0o755)).tempdir()?;
        let mut options = Options { eager: true, ..Options::in_folder(dir.path(), replicas)? };
        if let Some(programs) = std::env::var_os("HEAT_TEST_PROGRAMS") {
            // Those of an earlier version, on the schema of this one.
            options.schema = options.bin.replace(programs.into());
        }
        choose(&mut options)?;
        let stack = Stack::up_on(redis_url, &options, &|_| ()).await?;
        let host = stack.simulation.as_ref().expect("simulated").world().hosts().next().expect("a host").host;
        let http = Client::builder().no_proxy().timeout(Duration::from_secs(20)).build()?;
        Ok(Self { stack, http, host, falls: AtomicUsize::new(0), _dir: dir })
    }

    /// A new problem begins, as Zabbix sees it.
    pub(crate) fn let_fall(&self) {
        self.let_host_fall(&self.host);
    }

    /// Another problem begins, as Zabbix sees it, and its name is returned.
    pub(crate) fn let_something_fall(&self) -> String {
        let name = format!("{TRIGGER}, {}", self.falls.fetch_add(1, Ordering::Relaxed));
        self.stack.simulation.as_ref().expect("simulated").zabbix().fire(&self.host, &name, 4);
        name
    }

    /// A problem of this name is over, as Zabbix sees it.
    pub(crate) fn let_it_end(&self, name: &str) {
        self.stack.simulation.as_ref().expect("simulated").zabbix().resolve(&self.host, name);
    }

    /// A screen on which an event is handled and spoken of, from its first picture to its last.
    pub(crate) async fn screen_that_keeps(&self) -> anyhow::Result<(Kept, Screen)> {
        let name = self.let_something_fall();
        let first = self.screen();
        let picture = first.shows("a problem", |picture| picture.burning(&name).is_some()).await?;
        let event = picture.burning(&name).expect("it was there");
        let text = |name: &str| event[name].as_str().expect("text").to_owned();
        let kept = Kept { key: text("key"), id: text("id") };
        assert_eq!(self.comment(&kept.key, WORD).await?.status(), StatusCode::CREATED);
        let taken = self
            .http
            .post(format!("{}/api/v1/events/acknowledge", self.stack.url()))
            .header("content-type", "application/json")
            .body(json!({ "ids": [kept.id], "text": "mine" }).to_string())
            .send()
            .await?;
        assert!(taken.status().is_success(), "{}", taken.text().await?);
        first.shows("that it is handled", |picture| kept.lost_in(picture).is_none()).await?;
        let screen = self.screen_where(Some(kept.clone()));
        screen.shows("a first picture", |picture| picture.live).await?;
        Ok((kept, screen))
    }

    /// Something new is on the screen, and what people say is taken and shown: all is well.
    pub(crate) async fn is_well(&self, kept: &Kept, screen: &Screen) -> anyhow::Result<()> {
        let fallen = self.let_something_fall();
        let said = format!("all is well after {fallen}");
        eventually("a comment to be taken", PATIENCE, async || {
            let answer = self.comment(&kept.key, &said).await.ok()?;
            (answer.status() == StatusCode::CREATED).then_some(())
        })
        .await?;
        screen
            .shows("what is new", |picture| {
                picture.live && picture.burning(&fallen).is_some() && picture.says(&kept.key, &said)
            })
            .await?;
        screen.kept()
    }

    /// The database, as its owner.
    pub(crate) async fn database(&self) -> anyhow::Result<tokio_postgres::Client> {
        let url = self.stack.postgres.url("heat");
        let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await?;
        tokio::spawn(connection);
        Ok(client)
    }

    /// How often an event of this name began, by history, and how often it ended.
    pub(crate) async fn entered(&self, name: &str) -> anyhow::Result<(i64, i64)> {
        let sql = "select count(*), count(closed_at) from openings where name = $1";
        let row = self.database().await?.query_one(sql, &[&name]).await?;
        Ok((row.get(0), row.get(1)))
    }

    /// Fails if an event is in history twice, of those that the test let fall.
    pub(crate) async fn has_each_opening_once(&self) -> anyhow::Result<()> {
        let sql = "select count(*), count(distinct event_key) from openings where name like 'Fell while%'";
        let row = self.database().await?.query_one(sql, &[]).await?;
        let (all, distinct): (i64, i64) = (row.get(0), row.get(1));
        anyhow::ensure!(all == distinct, "{all} openings of {distinct} events");
        Ok(())
    }

    /// How often these words are in the database.
    pub(crate) async fn written(&self, text: &str) -> anyhow::Result<i64> {
        let sql = "select count(*) from comments where text = $1";
        Ok(self.database().await?.query_one(sql, &[&text]).await?.get(0))
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
        self.screen_where(None)
    }

    fn screen_where(&self, kept: Option<Kept>) -> Screen {
        Screen::open(format!("{}/api/v1/live", self.stack.url().replacen("http", "ws", 1)), kept)
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

    /// The event of this name.
    pub(crate) fn burning(&self, name: &str) -> Option<&Value> {
        self.events().iter().find(|event| event["name"] == name)
    }

    /// When it was made, by the clock of who made it.
    pub(crate) fn made_at(&self) -> Option<DateTime<Utc>> {
        self.snapshot["generated_at"].as_str()?.parse().ok()
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

/// What of a picture cannot be after the one before it on the same socket, if anything.
fn wrong(kept: Option<&Kept>, before: &Picture, picture: &Picture) -> Option<String> {
    if picture.revision() < before.revision() {
        return Some(format!("revision {} after {}", picture.revision(), before.revision()));
    }
    let kept = kept?;
    let (said, now) = (kept.count_in(before), kept.count_in(picture));
    kept.lost_in(picture).or_else(|| (now < said).then(|| format!("{now} comments after {said}")))
}

/// A socket that is not up by then hangs, and the picture is fetched instead.
const HANDSHAKE: Duration = Duration::from_secs(4);

async fn fetched(url: &str) -> Option<Value> {
    let answer = reqwest::get(url).await.ok()?.error_for_status().ok()?;
    serde_json::from_str(&answer.text().await.ok()?).ok()
}

/// A page in front of it, which connects and fetches as the real one does.
pub(crate) struct Screen {
    picture: watch::Receiver<Picture>,
    lost: Arc<Mutex<Option<String>>>,
    task: JoinHandle<()>,
}

impl Screen {
    fn open(url: String, kept: Option<Kept>) -> Self {
        let (sender, picture) = watch::channel(Picture::default());
        let lost = Arc::new(Mutex::new(None));
        let tell = Arc::clone(&lost);
        let by_http = format!("{}snapshot", url.replacen("ws", "http", 1).trim_end_matches("live"));
        let task = tokio::spawn(async move {
            loop {
                let connected = timeout(HANDSHAKE, connect_async(&url)).await;
                if connected.is_err()
                    && let Some(snapshot) = fetched(&by_http).await
                {
                    sender.send_replace(Picture { live: false, snapshot: Arc::new(snapshot) });
                }
                if let Ok(Ok((mut socket, _))) = connected {
                    let mut before = Picture::default();
                    while let Some(Ok(message)) = socket.next().await {
                        if let Message::Text(text) = message {
                            let snapshot = serde_json::from_str(&text).expect("a snapshot");
                            let picture = Picture { live: true, snapshot: Arc::new(snapshot) };
                            if let Some(wrong) = wrong(kept.as_ref(), &before, &picture) {
                                tell.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(wrong);
                            }
                            before = picture.clone();
                            sender.send_replace(picture);
                        }
                    }
                }
                sender.send_modify(|picture| picture.live = false);
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        });
        Self { picture, lost, task }
    }

    pub(crate) fn now(&self) -> Picture {
        self.picture.borrow().clone()
    }

    /// Fails if in any of its pictures so far that was not as it was which no fault may change, or if one was older than
    /// the one before it on the same socket.
    pub(crate) fn kept(&self) -> anyhow::Result<()> {
        match &*self.lost.lock().unwrap_or_else(PoisonError::into_inner) {
            None => Ok(()),
            Some(wrong) => anyhow::bail!("{wrong}"),
        }
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
