//! What is asked of a year of history, ten thousand openings a day, in a real Postgres: nothing may take 50 ms.
//!
//! `cargo bench -p heat --bench history`. Filling the database takes some minutes and 4 GB beneath the temporary directory;
//! both go with the bench. Most of the time that is measured Postgres takes, whatever profile this is built with.

#![expect(clippy::expect_used, reason = "a bench may panic")]

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use diesel_async::SimpleAsyncConnection;
use divan::Bencher;
use heat::cache::Fence;
use heat::config::Secret;
use heat::db::changes::After;
use heat::db::history::{Behind, Whose};
use heat::db::openings::Opening;
use heat::db::{Db, DbError};
use heat::severity::Severity;
use heat::time::Timestamp;
use heat_devkit::backends::Postgres;
use tokio::runtime::Runtime;

const DAYS: u32 = 365;
const PER_DAY: u32 = 10_000;
const ON_SCREEN: usize = 2000;

/// One of the fifty keys that a tenth of all openings are of.
const FLAPPING: &str = "zabbix:0:srv-7";

/// The rack where that one stands.
const RACK: u64 = 8;

static YEAR: OnceLock<Year> = OnceLock::new();

struct Year {
    runtime: Runtime,
    db: Db,
    /// Of what is open.
    keys: Vec<String>,
    ids: Vec<String>,
}

fn main() {
    // Else cargo only asks whether it runs at all.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let runtime = Runtime::new().expect("threads");
    let (year, _postgres) = {
        let (db, keys, ids, postgres) = runtime.block_on(fill());
        (Year { runtime, db, keys, ids }, postgres)
    };
    let _ = YEAR.set(year);
    divan::main();
}

async fn fill() -> (Db, Vec<String>, Vec<String>, Postgres) {
    let postgres = Postgres::start().await.expect("a private Postgres");
    let url = postgres.fresh_database().await.expect("a database");
    let db = Db::new(&Secret::new(url), 4).expect("its URL");
    db.migrate().await.expect("the schema");
    let year = include_str!("../tests/it/year.sql");
    let year = year.replace("{days}", &DAYS.to_string()).replace("{per_day}", &PER_DAY.to_string());
    let mut connection = db.connection().await.expect("a connection");
    connection.batch_execute(&year).await.expect("a year");
    connection.batch_execute("vacuum analyze").await.expect("statistics");
    connection.batch_execute("checkpoint").await.expect("a checkpoint");
    // The connection has settings of its own now.
    drop(diesel_async::pooled_connection::deadpool::Object::take(connection));
    let open = db.open_openings().await.expect("what is open");
    let (keys, ids) = open.into_iter().map(|open| (open.event_key, open.id)).unzip();
    (db, keys, ids, postgres)
}

/// Measures a question.
fn ask<T>(bencher: Bencher, question: impl AsyncFn(&'static Year) -> Result<T, DbError> + Sync) {
    let year = YEAR.get().expect("it is filled before anything is measured");
    bencher.bench(|| year.runtime.block_on(question(year)).expect("an answer"));
}

fn ago(days: u64) -> Timestamp {
    Timestamp::now() - Duration::from_hours(24 * days)
}

#[divan::bench]
fn history_of_a_flapping_key(bencher: Bencher) {
    ask(bencher, async |year| year.db.history(Whose::Key(FLAPPING), ago(30), None, 51).await);
}

#[divan::bench]
fn history_of_a_flapping_key_a_year_back(bencher: Bencher) {
    let year = YEAR.get().expect("it is filled");
    let page = year.db.history(Whose::Key(FLAPPING), ago(360), None, 101);
    let page = year.runtime.block_on(page).expect("a page");
    let behind = page.last().map(|past| Behind::opening(&past.opening));
    ask(bencher, async |year| year.db.history(Whose::Key(FLAPPING), ago(360), behind.as_ref(), 101).await);
}

#[divan::bench]
fn history_of_a_key(bencher: Bencher) {
    ask(bencher, async |year| year.db.history(Whose::Key(&year.keys[0]), ago(360), None, 51).await);
}

#[divan::bench]
fn history_of_a_rack(bencher: Bencher) {
    ask(bencher, async |year| year.db.history(Whose::Rack(RACK), ago(30), None, 51).await);
}

#[divan::bench]
fn history_of_a_quiet_rack_over_a_year(bencher: Bencher) {
    ask(bencher, async |year| year.db.history(Whose::Rack(2000), ago(360), None, 101).await);
}

#[divan::bench(args = [100, 1000])]
fn changes_from_the_middle(bencher: Bencher, limit: usize) {
    ask(bencher, async |year| year.db.changes(After::Id(3_000_000), limit).await);
}

#[divan::bench]
fn changes_since_yesterday(bencher: Bencher) {
    ask(bencher, async |year| year.db.changes(After::Time(ago(1)), 100).await);
}

#[divan::bench]
fn the_latest_changes(bencher: Bencher) {
    ask(bencher, async |year| year.db.changes(After::Latest, 100).await);
}

#[divan::bench]
fn last_times_of_2000_keys(bencher: Bencher) {
    let year = YEAR.get().expect("it is filled");
    let keys: Vec<&str> = year.keys.iter().map(String::as_str).take(ON_SCREEN).collect();
    ask(bencher, async |year| year.db.pasts(&keys).await);
}

#[divan::bench]
fn threads_of_2000_keys(bencher: Bencher) {
    let year = YEAR.get().expect("it is filled");
    let keys: Vec<&str> = year.keys.iter().map(String::as_str).take(ON_SCREEN).collect();
    ask(bencher, async |year| year.db.threads(&keys).await);
}

#[divan::bench]
fn covers_and_acknowledgements_of_2000_keys(bencher: Bencher) {
    let year = YEAR.get().expect("it is filled");
    let keys: Vec<&str> = year.keys.iter().map(String::as_str).take(ON_SCREEN).collect();
    ask(bencher, async |year| {
        let covers = year.db.covers(&keys).await?;
        Ok((covers, year.db.acknowledgements(&keys).await?))
    });
}

#[divan::bench]
fn what_came_and_went_in_12_hours(bencher: Bencher) {
    ask(bencher, async |year| year.db.came_and_went(Timestamp::now() - Duration::from_hours(12), 200).await);
}

#[divan::bench]
fn the_openings_job_begins(bencher: Bencher) {
    ask(bencher, async |year| year.db.open_openings().await);
}

/// What a usual sweep finds: ten that are new, a flapping one among them, and ten that are over.
#[divan::bench]
fn the_openings_job_records_20(bencher: Bencher) {
    static ROUND: AtomicU64 = AtomicU64::new(0);
    ask(bencher, async |year| {
        let round = ROUND.fetch_add(1, Ordering::Relaxed);
        let now = Timestamp::now();
        let opened: Vec<_> = (0..10)
            .map(|n| Opening {
                id: format!("zabbix:new-{round}:srv-{n}"),
                key: if n == 0 { FLAPPING.into() } else { format!("zabbix:30001:srv-{n}") },
                source: "zabbix".into(),
                host: format!("srv-{n}"),
                name: "down".into(),
                device_id: Some(1),
                rack_id: Some(RACK),
                severity: Severity::High,
                since: now,
            })
            .collect();
        let before: Vec<_> = match round.checked_sub(1) {
            Some(before) => (0..10).map(|n| format!("zabbix:new-{before}:srv-{n}")).collect(),
            None => year.ids.iter().take(10).cloned().collect(),
        };
        let closed: Vec<&str> = before.iter().map(String::as_str).collect();
        year.db.record_openings(Fence::from_number(1), &opened, &closed, now).await
    });
}

/// One step of the nightly job, with next to nothing to forget.
#[divan::bench]
fn housekeeping_looks_for_what_is_old(bencher: Bencher) {
    ask(bencher, async |year| {
        let openings = year.db.forget_openings(Fence::from_number(1), ago(400)).await?;
        Ok(openings + year.db.forget_changes(Fence::from_number(1), ago(400)).await?)
    });
}
