//! The templates job between real git, real ssh and a real Redis.

#![expect(clippy::unwrap_used, reason = "a test may panic, and so may what it is made of")]

use std::path::PathBuf;

use heat::cache::{Cache, Fence, TemplatesRecord};
use heat::config::Secret;
use heat::template::Set;
use heat_devkit::backends::{Redis, Sshd};
use heat_devkit::git::{self, Entry};
use heat_jobs::board::Board;
use heat_jobs::metrics::Metrics;
use heat_jobs::schedule::{Done, Work};
use heat_jobs::templates::PullTemplates;
use heat_jobs::upstream::git::{Access, Remote, Repository};
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use tempfile::TempDir;
use tokio::sync::watch;

const GOOD: &str = "---
title: Anything
queue: NOC
summary: \"{{ event.host }} is on fire\"
---
{{ event.name }}
";

const TEST: &str = "template: tickets/anything
now: 2026-11-23T21:07:55Z
events:
  - {source: zabbix, host: srv-1, name: Fire, severity: high, since: 2026-11-23T21:00:00Z}
expect:
  summary: srv-1 is on fire
";

/// A repository, the updater's Redis, and what the job posts and counts.
struct Stage {
    origin: git::Repository,
    files: TempDir,
    _redis: Redis,
    cache: Cache,
    fence: Fence,
    board: watch::Sender<Board>,
    registry: Registry,
    metrics: Metrics,
}

impl Stage {
    async fn set() -> Self {
        let files = TempDir::new().unwrap();
        let redis = Redis::shared().await.unwrap();
        let cache = Cache::new(&Secret::new(redis.url()), redis.prefix()).unwrap();
        let mut registry = Registry::default();
        Self {
            origin: git::Repository::init(&files.path().join("templates.git"), &[]).unwrap(),
            files,
            fence: cache.take_lease("test").await.unwrap().unwrap(),
            cache,
            _redis: redis,
            board: watch::Sender::new(Board::default()),
            metrics: Metrics::new(&mut registry),
            registry,
        }
    }

    fn commit(&self, subject: &str, template: &str, more: &[Entry]) -> String {
        let usual =
            [Entry::file("tickets/anything.md.j2", template), Entry::file("tests/anything.yaml", TEST)];
        self.origin.commit("master", subject, &[&usual, more].concat()).unwrap()
    }

    /// The job as an updater begins with it.
    fn job(&self, url: &str, access: Access) -> PullTemplates {
        PullTemplates {
            repository: Repository::new(Remote::new(url, access).unwrap(), "master").unwrap(),
            cache: self.cache.clone(),
            fence: self.fence,
            board: self.board.clone(),
            metrics: self.metrics.templates.clone(),
            checked: None,
        }
    }

    fn local(&self) -> PullTemplates {
        self.job(&self.origin.url(), Access::default())
    }

    async fn record(&self) -> TemplatesRecord {
        self.cache.templates_record().await.unwrap().unwrap()
    }

    /// The active template's text, with the commit that it is of.
    async fn active(&self) -> (String, String) {
        let (version, files) = self.cache.templates().await.unwrap().unwrap();
        Set::parse(&files).unwrap();
        (version, files.0["tickets/anything.md.j2"].clone())
    }

    fn on_board(&self) -> String {
        self.board.borrow().templates_version.clone()
    }

    fn metric(&self, line: &str) -> bool {
        let mut text = String::new();
        encode(&mut text, &self.registry).unwrap();
        text.lines().any(|have| have == line)
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.files.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

async fn pulled(job: &mut PullTemplates) {
    assert_eq!(job.run().await.unwrap(), Done::Ran);
}

#[tokio::test]
async fn a_good_commit_is_activated_and_told_to_everybody() {
    let stage = Stage::set().await;
    let id = stage.commit("Add one for anything", GOOD, &[]);
    pulled(&mut stage.local()).await;
    assert_eq!(stage.active().await, (id.clone(), GOOD.to_owned()));
    let record = stage.record().await;
    assert_eq!((record.version.as_str(), record.subject.as_str()), (id.as_str(), "Add one for anything"));
    assert!(record.pulled_at.unwrap() >= record.committed_at.unwrap());
    assert_eq!((record.error, record.rejected, record.pull_error), (None, None, None));
    assert_eq!(stage.on_board(), id);
    assert!(stage.metric("heat_templates_rejected 0") && stage.metric("heat_templates_failing 0"));
}

#[tokio::test]
async fn a_broken_commit_pushed_over_ssh_leaves_the_old_set_and_the_next_good_one_takes_over_in_one_pull() {
    let (stage, sshd) = (Stage::set().await, Sshd::start().await.unwrap());
    let author = git::Repository::init(&stage.files.path().join("author.git"), &[]).unwrap();
    let url = sshd.url(stage.origin.path());
    let push = |subject: &str, template: &str, test: &str| {
        let entries =
            [Entry::file("tickets/anything.md.j2", template), Entry::file("tests/anything.yaml", test)];
        let id = author.commit("master", subject, &entries).unwrap();
        author.push("master", &url, &sshd.command()).unwrap();
        id
    };
    let access = Access { token: None, ssh_key: Some(sshd.key()), known_hosts: Some(sshd.known_hosts()) };
    let mut job = stage.job(&url, access);
    let good = push("good", GOOD, TEST);
    pulled(&mut job).await;
    assert_eq!(stage.on_board(), good);

    let broken = push("broken", &GOOD.replace("event.name }}", "event.name | fenced }}"), TEST);
    pulled(&mut job).await;
    assert_eq!(stage.active().await, (good.clone(), GOOD.to_owned()));
    let record = stage.record().await;
    assert_eq!((&record.version, record.rejected.as_ref()), (&good, Some(&broken)));
    let error = record.error.unwrap();
    assert!(error.starts_with("tickets/anything.md.j2:6: ") && error.contains("fenced"), "{error}");
    let (_, reason) = error.split_once(":6: ").unwrap();
    let reason = reason.replace('\\', "\\\\").replace('"', "\\\"");
    let finding = format!(
        "heat_templates_finding{{file=\"tickets/anything.md.j2\",line=\"6\",message=\"{reason}\"}} 1"
    );
    assert!(stage.metric("heat_templates_rejected 1") && stage.metric(&finding), "{finding}");
    assert_eq!(stage.on_board(), good);

    let failing = push("fails its test", GOOD, &TEST.replace("on fire\n", "afire\n"));
    pulled(&mut job).await;
    let record = stage.record().await;
    assert_eq!((&record.version, record.rejected.as_ref()), (&good, Some(&failing)));
    let error = record.error.unwrap();
    assert!(error.starts_with("tests/anything.yaml:6: "), "{error}");

    let better = GOOD.replace("name", "host");
    let next = push("good again", &better, TEST);
    pulled(&mut job).await;
    assert_eq!(stage.active().await, (next.clone(), better));
    let record = stage.record().await;
    assert_eq!((&record.version, record.error, record.rejected), (&next, None, None));
    assert_eq!(stage.on_board(), next);
    assert!(stage.metric("heat_templates_rejected 0") && !stage.metric(&finding));
}

#[tokio::test]
async fn a_link_out_of_the_repository_is_rejected_by_its_path() {
    let stage = Stage::set().await;
    let (good, mut job) = (stage.commit("good", GOOD, &[]), stage.local());
    pulled(&mut job).await;
    let link = stage.commit("link", GOOD, &[Entry::link("macros/passwd.j2", "/etc/passwd")]);
    pulled(&mut job).await;
    let record = stage.record().await;
    assert_eq!((&record.version, record.rejected.as_ref()), (&good, Some(&link)));
    assert!(record.error.unwrap().starts_with("macros/passwd.j2: a symbolic link"));
}

#[tokio::test]
async fn a_failing_look_says_why_beside_what_is_known_of_the_commits() {
    let stage = Stage::set().await;
    let (good, mut job) = (stage.commit("good", GOOD, &[]), stage.local());
    pulled(&mut job).await;
    let broken = stage.commit("broken", "no front matter", &[]);
    pulled(&mut job).await;
    let before = stage.record().await;

    let away = stage.files.path().join("away.git");
    std::fs::rename(stage.origin.path(), &away).unwrap();
    let told = job.run().await.unwrap_err().to_string();
    let during = stage.record().await;
    assert_eq!(during.pull_error.as_ref(), Some(&told));
    assert!(told.contains(&stage.origin.url()) && told.contains("is not there"), "{told}");
    assert_eq!(TemplatesRecord { pull_error: None, ..during.clone() }, before, "nothing else has changed");
    assert_eq!((&during.version, during.rejected.as_ref()), (&good, Some(&broken)));
    assert!(stage.metric("heat_templates_failing 1") && stage.metric("heat_templates_errors_total 1"));

    std::fs::rename(away, stage.origin.path()).unwrap();
    pulled(&mut job).await;
    let after = stage.record().await;
    assert!(after.pulled_at >= before.pulled_at && after.pull_error.is_none());
    assert_eq!(after.error, before.error, "the commit is still the same, and still wrong");
    assert!(stage.metric("heat_templates_failing 0"));
}

#[tokio::test]
async fn with_the_git_server_down_at_the_start_the_active_set_stays() {
    let (stage, mut sshd) = (Stage::set().await, Sshd::start().await.unwrap());
    let id = stage.commit("good", GOOD, &[]);
    let access = Access { token: None, ssh_key: Some(sshd.key()), known_hosts: Some(sshd.known_hosts()) };
    let url = sshd.url(stage.origin.path());
    pulled(&mut stage.job(&url, access.clone())).await;
    sshd.kill().unwrap();

    let read_back = Board::read(&stage.cache, &[]).await.unwrap();
    assert_eq!(read_back.templates_version, id);
    let mut job = stage.job(&url, access);
    let error = job.run().await.unwrap_err().to_string();
    assert!(error.contains("cannot be reached"), "{error}");
    assert_eq!(stage.active().await, (id.clone(), GOOD.to_owned()));

    sshd.start_again().await.unwrap();
    pulled(&mut job).await;
    assert_eq!(stage.record().await.pull_error, None);
    assert_eq!(stage.active().await.0, id);
}

#[tokio::test]
async fn a_host_that_is_not_pinned_leaves_the_way_to_pin_it_in_the_record() {
    let (stage, sshd) = (Stage::set().await, Sshd::start().await.unwrap());
    stage.commit("good", GOOD, &[]);
    let nothing = Some(stage.file("known_hosts", ""));
    let access = Access { token: None, ssh_key: Some(sshd.key()), known_hosts: nothing };
    let mut job = stage.job(&sshd.url(stage.origin.path()), access);
    job.run().await.unwrap_err();
    let error = stage.record().await.pull_error.unwrap();
    assert!(error.contains("ssh-keyscan -p") && error.contains("HEAT_TEMPLATES_KNOWN_HOSTS"), "{error}");
    assert_eq!(stage.cache.templates().await.unwrap(), None);
}

#[tokio::test]
async fn a_commit_is_checked_once_and_once_more_after_a_start() {
    let stage = Stage::set().await;
    let (broken, mut job) = (stage.commit("broken", "no front matter", &[]), stage.local());
    pulled(&mut job).await;
    let found = stage.record().await;
    assert_eq!(found.rejected.as_ref(), Some(&broken));
    // What another version of Heat found.
    let other = TemplatesRecord { error: Some("of old".into()), ..found.clone() };
    stage.cache.write_templates(stage.fence, &other, None).await.unwrap();
    pulled(&mut job).await;
    assert_eq!(stage.record().await.error.as_deref(), Some("of old"), "it was not looked into again");
    pulled(&mut stage.local()).await;
    assert_eq!(stage.record().await.error, found.error);
}

#[tokio::test]
async fn a_branch_that_goes_back_to_the_active_commit_is_well_again() {
    let stage = Stage::set().await;
    let (good, mut job) = (stage.commit("good", GOOD, &[]), stage.local());
    pulled(&mut job).await;
    stage.commit("broken", "no front matter", &[]);
    pulled(&mut job).await;
    let head = stage.origin.path().join("refs/heads/master");
    std::fs::write(head, format!("{good}\n")).unwrap();
    pulled(&mut job).await;
    let record = stage.record().await;
    assert_eq!((record.version, record.error, record.rejected), (good, None, None));
}

#[tokio::test]
async fn a_deposed_updater_activates_nothing() {
    let stage = Stage::set().await;
    stage.commit("good", GOOD, &[]);
    let mut job = stage.local();
    job.fence = Fence::from_number(1);
    let error = job.run().await.unwrap_err().to_string();
    assert!(error.contains("another updater has taken over"), "{error}");
    assert_eq!((stage.cache.templates().await.unwrap(), stage.on_board()), (None, String::new()));
}

#[tokio::test]
async fn templates_that_are_no_longer_configured_are_taken_away() {
    let stage = Stage::set().await;
    stage.commit("good", GOOD, &[]);
    pulled(&mut stage.local()).await;
    stage.cache.forget_templates(stage.fence).await.unwrap();
    assert_eq!(stage.cache.templates().await.unwrap(), None);
    assert_eq!(stage.cache.templates_record().await.unwrap(), None);
}
