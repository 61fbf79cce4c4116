//! Repositories of real git, over the file system, real ssh, and HTTP.

#![expect(clippy::unwrap_used, reason = "a test may panic, and so may what it is made of")]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use heat::config::Secret;
use heat::time::Timestamp;
use heat_devkit::backends::Sshd;
use heat_devkit::eventually;
use heat_devkit::git::{self, Entry, GitHttp};
use heat_devkit::proxy::Proxy;
use heat_jobs::upstream::git::{Access, Commit, GitError, Head, Remote, Repository};
use tempfile::TempDir;

const TOKEN: &str = "glpat-hunter2-hunter2";

/// A repository, and how it is read.
struct Stand {
    origin: git::Repository,
    dir: TempDir,
}

impl Stand {
    fn new() -> Self {
        Self::with(&[])
    }

    fn with(options: &[&str]) -> Self {
        let dir = TempDir::new().unwrap();
        let origin = git::Repository::init(&dir.path().join("templates.git"), options).unwrap();
        Self { origin, dir }
    }

    fn commit(&self, subject: &str, entries: &[Entry]) -> String {
        self.origin.commit("master", subject, entries).unwrap()
    }

    async fn read(&self, known: &[&str]) -> Result<Head, GitError> {
        self.branch("master").pull(known).await
    }

    fn branch(&self, branch: &str) -> Repository {
        repository(&self.origin.url(), Access::default(), branch)
    }

    /// The message of a reading that fails.
    async fn trouble(&self) -> String {
        self.read(&[]).await.unwrap_err().to_string()
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

fn repository(url: &str, access: Access, branch: &str) -> Repository {
    Repository::new(Remote::new(url, access).unwrap(), branch).unwrap()
}

fn read(head: Head) -> Commit {
    match head {
        Head::New(commit) => commit,
        Head::Known(id) => panic!("{id} was not read"),
    }
}

fn access(sshd: &Sshd) -> Access {
    Access { token: None, ssh_key: Some(sshd.key()), known_hosts: Some(sshd.known_hosts()) }
}

#[tokio::test]
async fn the_newest_commit_is_read_with_its_files_and_what_is_said_of_it() {
    let stand = Stand::new();
    stand.commit("first", &[Entry::file("old.md", "gone")]);
    let before = Timestamp::now();
    let files = [
        Entry::file("README.md", ""),
        Entry::file("tickets/диск.md.j2", "a\r\n{{ b }}\n\n"),
        Entry::file("a file\twith\nall kinds \"of\" things", "no line end"),
    ];
    let id = stand.commit("Add the \u{1b}[31mdisk\n\nWith a body.", &files);
    let commit = read(stand.read(&[]).await.unwrap());
    assert_eq!((&commit.id, commit.subject.as_str()), (&id, "Add the [31mdisk"));
    assert_eq!(commit.author.as_deref(), Some("Heat"));
    assert!(commit.committed_at >= before && commit.committed_at <= Timestamp::now());
    let expected = [
        ("README.md", ""),
        ("a file\twith\nall kinds \"of\" things", "no line end"),
        ("tickets/диск.md.j2", "a\r\n{{ b }}\n\n"),
    ];
    assert_eq!(commit.files, BTreeMap::from(expected.map(|(path, text)| (path.into(), text.into()))));
}

#[tokio::test]
async fn a_commit_that_is_known_is_not_fetched() {
    let stand = Stand::new();
    let first = stand.commit("first", &[Entry::file("a", "1")]);
    assert_eq!(stand.read(&["other", &first]).await.unwrap(), Head::Known(first.clone()));
    let second = stand.commit("second", &[Entry::link("l", "a")]);
    assert_eq!(
        stand.read(&[&second]).await.unwrap(),
        Head::Known(second),
        "not even its files are looked at"
    );
}

#[tokio::test]
async fn a_repository_of_the_newer_kind_of_ids_is_read_too() {
    let stand = Stand::with(&["--object-format=sha256"]);
    let id = stand.commit("first", &[Entry::file("a", "1")]);
    assert_eq!(id.len(), 64);
    let commit = read(stand.read(&[]).await.unwrap());
    assert_eq!((commit.id, commit.files["a"].as_str()), (id, "1"));
}

#[tokio::test]
async fn another_branch_can_be_read_and_a_missing_one_names_those_that_are_there() {
    let stand = Stand::new();
    assert!(stand.trouble().await.contains("has no branch master; it has no branches yet"));
    stand.origin.commit("main", "first", &[Entry::file("a", "1")]).unwrap();
    stand.origin.commit("x/master", "first", &[Entry::file("a", "2")]).unwrap();
    let trouble = stand.trouble().await;
    assert!(
        trouble.contains("has no branch master; it has main, x/master; set HEAT_TEMPLATES_BRANCH"),
        "{trouble}"
    );
    let commit = read(stand.branch("x/master").pull(&[]).await.unwrap());
    assert_eq!(commit.files["a"], "2");
}

#[tokio::test]
async fn what_is_no_plain_text_is_refused_by_commit_and_path() {
    let stand = Stand::new();
    let full = "x".repeat(64 << 10);
    for (entry, path, why) in [
        (Entry::link("tickets/passwd.md.j2", "/etc/passwd"), "tickets/passwd.md.j2", "symbolic link"),
        (Entry::submodule("macros"), "macros", "submodule"),
        (Entry::file("logo.png", b"\x89PNG\xff".as_slice()), "logo.png", "not UTF-8"),
        (Entry::file("dump", format!("{full}x")), "dump", "65537 bytes"),
    ] {
        let id = stand.commit(why, &[Entry::file("a", "1"), entry]);
        match stand.read(&[]).await {
            Err(GitError::Refused { commit, refusal }) => {
                let refusal = refusal.to_string();
                assert!(commit == id && refusal.starts_with(path) && refusal.contains(why), "{refusal}");
            }
            other => panic!("{why}: {other:?}"),
        }
    }
    let all: Vec<_> = (0..33).map(|n| Entry::file(format!("{n:03}"), full.as_str())).collect();
    stand.commit("too much", &all);
    assert!(stand.trouble().await.contains("032: with it the files have more than"));
    let many: Vec<_> = (0..501).map(|n| Entry::file(format!("{n:03}"), "")).collect();
    stand.commit("too many", &many);
    assert!(stand.trouble().await.contains("500: with it there are more than 500 files"));
    stand.commit("just not too many", &many[1..]);
    assert_eq!(read(stand.read(&[]).await.unwrap()).files.len(), 500);
}

#[tokio::test]
async fn a_repository_that_is_not_there_says_so() {
    let url = "file:///nowhere/templates.git";
    let error = repository(url, Access::default(), "master").pull(&[]).await.unwrap_err();
    assert!(matches!(error, GitError::NotFound(_)), "{error}");
    assert!(error.to_string().contains("HEAT_TEMPLATES_URL"), "{error}");
}

#[tokio::test]
async fn over_ssh_a_commit_is_read_by_key_from_a_pinned_host() {
    let (stand, sshd) = (Stand::new(), Sshd::start().await.unwrap());
    let id = stand.commit("first", &[Entry::file("a", "1")]);
    // A path that ssh's configuration would take apart, on purpose.
    let keys = stand.dir.path().join("keys of \"%h\" ${HOME}");
    std::fs::create_dir(&keys).unwrap();
    std::fs::copy(sshd.key(), keys.join("key")).unwrap();
    let access = Access { ssh_key: Some(keys.join("key")), ..access(&sshd) };
    let repository = repository(&sshd.url(stand.origin.path()), access, "master");
    assert_eq!(read(repository.pull(&[]).await.unwrap()).id, id);
    assert_eq!(repository.pull(&[&id]).await.unwrap(), Head::Known(id));
}

#[tokio::test]
async fn a_host_whose_key_is_not_the_pinned_one_is_refused_with_the_way_to_pin_it() {
    let (stand, sshd, other) = (Stand::new(), Sshd::start().await.unwrap(), Sshd::start().await.unwrap());
    stand.commit("first", &[Entry::file("a", "1")]);
    let url = sshd.url(stand.origin.path());
    let at = url.split(['@', '/']).nth(3).unwrap().replace("127.0.0.1:", "-p ") + " 127.0.0.1";

    let nothing = stand.file("nothing", "");
    let unpinned = Access { known_hosts: Some(nothing.clone()), ..access(&sshd) };
    let error = repository(&url, unpinned, "master").pull(&[]).await.unwrap_err();
    assert!(matches!(error, GitError::HostNotPinned { .. }), "{error}");
    for words in [format!("`ssh-keyscan {at}`"), nothing.display().to_string(), "ssh-keygen -lf".into()] {
        assert!(error.to_string().contains(&words), "{words}: {error}");
    }

    let port = at.split(' ').nth(1).unwrap();
    let wrong = std::fs::read_to_string(other.known_hosts()).unwrap();
    let wrong = format!("[127.0.0.1]:{port} {}", wrong.split_once(' ').unwrap().1);
    let changed = Access { known_hosts: Some(stand.file("wrong", &wrong)), ..access(&sshd) };
    let error = repository(&url, changed, "master").pull(&[]).await.unwrap_err();
    assert!(
        matches!(&error, GitError::HostKeyChanged { fingerprint, .. } if fingerprint.len() == 50),
        "{error}"
    );
    assert!(error.to_string().contains("somebody may be in between"), "{error}");
}

#[tokio::test]
async fn who_may_not_log_in_is_told_what_to_do() {
    let (stand, sshd, other) = (Stand::new(), Sshd::start().await.unwrap(), Sshd::start().await.unwrap());
    let url = sshd.url(stand.origin.path());
    let (nonsense, open) = (stand.file("nonsense", "nonsense"), stand.dir.path().join("open"));
    std::fs::set_permissions(&nonsense, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    std::fs::copy(sshd.key(), &open).unwrap();
    std::fs::set_permissions(&open, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    for (key, advice) in [
        (other.key(), "let the public key of HEAT_TEMPLATES_SSH_KEY_FILE".to_owned()),
        (nonsense, "no private key that ssh can use without a passphrase".to_owned()),
        (open.clone(), format!("chmod 600 {}", open.display())),
    ] {
        let access = Access { ssh_key: Some(key), ..access(&sshd) };
        let error = repository(&url, access, "master").pull(&[]).await.unwrap_err();
        assert!(matches!(error, GitError::Denied { .. }), "{error}");
        assert!(error.to_string().contains(&advice), "{error}");
    }
}

#[tokio::test]
async fn a_host_that_is_down_cannot_be_reached_until_it_is_back() {
    let (stand, mut sshd) = (Stand::new(), Sshd::start().await.unwrap());
    stand.commit("first", &[Entry::file("a", "1")]);
    let repository = repository(&sshd.url(stand.origin.path()), access(&sshd), "master");
    sshd.kill().unwrap();
    let error = repository.pull(&[]).await.unwrap_err();
    assert!(matches!(error, GitError::Unreachable(_)), "{error}");
    sshd.start_again().await.unwrap();
    repository.pull(&[]).await.unwrap();
}

#[tokio::test]
async fn a_silent_server_is_given_up_in_time_and_leaves_no_process_behind() {
    // The kernel takes connections for it, and nobody reads from them.
    let silence = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/silence.git", silence.local_addr().unwrap());
    let repository = repository(&url, Access::default(), "master").with_patience(Duration::from_millis(300));
    let error = repository.pull(&[]).await.unwrap_err();
    assert!(matches!(error, GitError::Timeout(_)), "{error}");
    // Git has a helper speak HTTP, with the address among its arguments too. It would give up by itself, but not as soon.
    eventually("both to be gone", Duration::from_secs(10), async || {
        (!running().iter().any(|line| line.contains(&url))).then_some(())
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_token_lets_in_and_is_neither_in_the_process_list_nor_in_an_error() {
    let stand = Stand::new();
    let id = stand.commit("first", &[Entry::file("a", "1")]);
    // deploy:glpat-hunter2-hunter2
    let basic = "Basic ZGVwbG95OmdscGF0LWh1bnRlcjItaHVudGVyMg==";
    let http = GitHttp::start(stand.dir.path(), basic).await.unwrap();
    let wire = Proxy::start(http.url("").trim_start_matches("http://").trim_end_matches('/')).await.unwrap();
    // Slow enough for the process list to be looked at.
    wire.delay(Duration::from_millis(100));
    let at = |user: &str| format!("http://{user}{}/templates.git", wire.addr());
    let token = |token: &str| Access { token: Some(Secret::new(token)), ..Access::default() };
    let repository_of = |user, access| repository(&at(user), access, "master");

    let reading = tokio::spawn({
        let repository = repository_of("deploy@", token(TOKEN));
        async move { repository.pull(&[]).await }
    });
    let lists = eventually("git to speak HTTP", Duration::from_secs(30), async || {
        let list = running();
        list.iter().any(|line| line.contains("remote-http") && line.contains(&at(""))).then_some(list)
    })
    .await
    .unwrap();
    let secrets = [TOKEN, &basic[6..]];
    assert!(!lists.iter().any(|line| secrets.iter().any(|secret| line.contains(secret))), "{lists:?}");
    assert_eq!(read(reading.await.unwrap().unwrap()).id, id);

    let wrong = "glpat-wrong-wrong-wrong";
    for (access, advice) in
        [(token(wrong), "HEAT_TEMPLATES_TOKEN is wrong"), (Access::default(), "set HEAT_TEMPLATES_TOKEN")]
    {
        let error = repository_of("", access).pull(&[]).await.unwrap_err();
        assert!(matches!(error, GitError::Denied { .. }), "{error}");
        let (shown, all) = (error.to_string(), format!("{error:?}"));
        assert!(shown.contains(advice) && !all.contains(wrong), "{all}");
    }
}

/// The arguments of every process, as anybody on the machine can read them.
fn running() -> Vec<String> {
    let processes = std::fs::read_dir("/proc").unwrap();
    processes
        .filter_map(|entry| std::fs::read(entry.ok()?.path().join("cmdline")).ok())
        .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
        .collect()
}
