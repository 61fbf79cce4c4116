//! What the updater must never say: the passwords and tokens it is given.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use heat_devkit::eventually;
use heat_devkit::process::{Program, free_port};

use crate::stage::{BINARY, Stage};

/// The inventory is tried several times before it counts as failed.
const PATIENCE: Duration = Duration::from_mins(2);

/// Every setting that holds a secret, with one planted in it; `PORT` is one where nobody listens.
const PLANTED: [(&str, &str); 8] = [
    ("HEAT_REDIS_URL", "redis://:planted-redis@127.0.0.1:PORT"),
    ("HEAT_DATABASE_URL", "postgres://heat:planted-postgres@127.0.0.1:PORT/heat"),
    ("HEAT_ZABBIX_TOKEN", "planted-zabbix"),
    ("HEAT_JUGGLER_TOKEN", "planted-juggler"),
    ("HEAT_INVENTORY_URL", "mysql://reader:planted-mysql@127.0.0.1:PORT/racktables_db"),
    ("HEAT_TEMPLATES_TOKEN", "planted-templates"),
    ("HEAT_STARTREK_TOKEN", "planted-startrek"),
    ("HEAT_STARTREK_URL", "http://127.0.0.1:PORT/planted-webhook"),
];

const MARK: &str = "planted-";

fn program(log: &std::path::Path) -> Program {
    // None of the ports that tests beside this one are given.
    let nobody = "1";
    let mut program = Program::new("heat-updater", BINARY)
        .env("HEAT_ZABBIX_URL", format!("http://127.0.0.1:{nobody}"))
        .env("HEAT_JUGGLER_URL", format!("http://127.0.0.1:{nobody}"))
        .env("HEAT_TEMPLATES_URL", format!("https://127.0.0.1:{nobody}/templates.git"))
        .env("HEAT_TRACKER", "webhook")
        .env("HEAT_LOG", "debug")
        .log(log);
    for (name, value) in PLANTED {
        program = program.env(name, value.replace("PORT", nobody));
    }
    program
}

/// The command lines of updaters and of the programs they start, as anybody on the machine sees them.
fn process_list() -> String {
    let entries = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    entries
        .filter_map(|entry| fs::read(entry.path().join("cmdline")).ok())
        .map(|line| String::from_utf8_lossy(&line).replace('\0', " ") + "\n")
        .filter(|line| ["heat-updater", "git"].iter().any(|name| line.contains(name)))
        .collect()
}

fn must_hold_no_secret(place: &str, text: &str) {
    let found: BTreeSet<_> = text.lines().filter(|line| line.contains(MARK)).collect();
    assert!(found.is_empty(), "{place}: {found:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_in_what_the_commands_say() {
    let files = tempfile::tempdir().unwrap();
    for args in
        [&["doctor"][..], &["migrate", "--roles"], &["token", "list"], &["inventory", "export"], &["--help"]]
    {
        let log = files.path().join("log");
        let mut command = program(&log).args(args).spawn().unwrap();
        let ended = async { command.ended(PATIENCE).await.unwrap() };
        let mut seen = String::new();
        let watching = async {
            loop {
                seen.push_str(&process_list());
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::select! { _ = ended => {}, () = watching => {} }
        let said = fs::read_to_string(&log).unwrap();
        assert!(!said.is_empty(), "{args:?}");
        must_hold_no_secret(&format!("{args:?}"), &said);
        must_hold_no_secret("the process list", &seen);
        fs::remove_file(log).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_in_what_a_working_updater_says_or_stores() {
    let stage = Stage::set().await;
    let files = tempfile::tempdir().unwrap();
    let (log, metrics) = (files.path().join("log"), free_port().unwrap());
    // It must get to work to say anything of its upstreams.
    let _updater = program(&log)
        .env("HEAT_REDIS_URL", stage.redis.url())
        .env("HEAT_REDIS_PREFIX", stage.redis.prefix())
        .env("HEAT_METRICS_LISTEN", format!("127.0.0.1:{metrics}"))
        .env("HEAT_EVENTS_CRON", "* * * * * *")
        .env("HEAT_TEMPLATES_CRON", "* * * * * *")
        .spawn()
        .unwrap();
    let mut seen = String::new();
    let stored = eventually("every upstream to have failed", PATIENCE, async || {
        seen.push_str(&process_list());
        let jobs = stage.cache.jobs().await.ok()?;
        let failed = |name: &str| {
            jobs.iter().any(|job| job.name.starts_with(name) && !matches!(&*job.outcome, "" | "ok"))
        };
        let all = ["refresh zabbix", "refresh juggler", "inventory", "templates"].into_iter().all(failed);
        let templates = stage.cache.templates_record().await.ok()?;
        let tracker = stage.cache.tracker().await.ok()?;
        all.then(|| format!("{jobs:?}\n{templates:?}\n{tracker:?}"))
    })
    .await
    .unwrap();
    let snapshot = stage.cache.snapshot().await.unwrap();
    let metrics =
        reqwest::get(format!("http://127.0.0.1:{metrics}/metrics")).await.unwrap().text().await.unwrap();
    must_hold_no_secret("the log", &fs::read_to_string(&log).unwrap());
    must_hold_no_secret("the process list", &seen);
    must_hold_no_secret("Redis", &stored);
    must_hold_no_secret("the metrics", &metrics);
    if let Some(snapshot) = snapshot {
        must_hold_no_secret("the snapshot", &String::from_utf8(snapshot.body.json().unwrap()).unwrap());
    }
}
