//! How Postgres finds what is asked of history: by an index, however much there is.

use std::time::Duration;

use diesel_async::SimpleAsyncConnection;
use heat::cache::Fence;
use heat::config::Secret;
use heat::db::changes::After;
use heat::db::history::{Behind, Whose};
use heat::db::openings::Opening;
use heat::db::{Db, DbError};
use heat::severity::Severity;
use heat::time::Timestamp;
use heat_devkit::backends::Postgres;

const FLAPPING: &str = "zabbix:0:srv-7";

/// A server of its own that writes the plan of every statement into its log.
struct Explained {
    postgres: Postgres,
    db: Db,
    told: usize,
    /// What did not go by an index.
    slow: Vec<String>,
}

impl Explained {
    async fn with(days: u32, per_day: u32) -> Self {
        let postgres = Postgres::start().await.unwrap();
        let url = Secret::new(postgres.fresh_database().await.unwrap());
        let db = Db::new(&url, 1).unwrap();
        db.migrate().await.unwrap();
        let year = include_str!("year.sql");
        let year = year.replace("{days}", &days.to_string()).replace("{per_day}", &per_day.to_string());
        let mut connection = db.connection().await.unwrap();
        connection.batch_execute(&year).await.unwrap();
        connection.batch_execute("vacuum analyze").await.unwrap();
        let settings = ["session_preload_libraries = 'auto_explain'", "auto_explain.log_min_duration = 0"];
        for setting in settings {
            // Known once the library is loaded; until then anything with a dot in its name is taken.
            let sql = format!(
                "do $$ begin execute format('alter database %I set {}', current_database()); end $$",
                setting.replace('\'', "''")
            );
            connection.batch_execute(&sql).await.unwrap();
        }
        drop(connection);
        Self { postgres, db: Db::new(&url, 4).unwrap(), told: 0, slow: Vec::new() }
    }

    /// The plans since the last call.
    fn plans(&mut self) -> String {
        let log = self.postgres.process().unwrap().log_tail(usize::MAX);
        let new = log.get(self.told..).unwrap_or_default().to_owned();
        self.told = log.len();
        new
    }

    /// Notes it if what was asked since the last call reads a table of history from its beginning to its end, or asked
    /// nothing.
    fn expect_indexes<T>(&mut self, what: &str, answer: Result<T, DbError>) -> T {
        let answer = answer.unwrap();
        let plans = self.plans();
        let tables = ["openings", "comments", "changes", "acknowledgements", "ticket_events"];
        let reads_whole = tables.iter().any(|table| plans.contains(&format!("Seq Scan on {table}")));
        if reads_whole || !plans.contains("Index") {
            self.slow.push(format!("{what}: {plans}"));
        }
        answer
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_asked_of_history_is_found_by_an_index() {
    let mut explained = Explained::with(20, 5000).await;
    let db = explained.db.clone();
    let now = Timestamp::now();
    let ago = |days: u64| now - Duration::from_hours(24 * days);
    explained.plans();

    let page = db.history(Whose::Key(FLAPPING), ago(10), None, 51).await;
    let page = explained.expect_indexes("the history of a key", page);
    assert!(page.len() > 10);
    let behind = page.last().map(|past| Behind::opening(&past.opening));
    let next = db.history(Whose::Key(FLAPPING), ago(10), behind.as_ref(), 51).await;
    assert_ne!(explained.expect_indexes("its next page", next), page);
    let rack = db.history(Whose::Rack(8), ago(19), None, 101).await;
    assert!(!explained.expect_indexes("the history of a rack", rack).is_empty());

    let open = explained.expect_indexes("what is open", db.open_openings().await);
    let keys: Vec<_> = open.iter().take(100).map(|opening| opening.event_key.as_str()).collect();
    let pasts = explained.expect_indexes("the last times", db.pasts(&keys).await);
    assert!(!pasts.is_empty());
    explained.expect_indexes("the threads", db.threads(&keys).await);
    explained.expect_indexes("the acknowledgements", db.acknowledgements(&keys).await);
    explained.expect_indexes("the tickets", db.covers(&keys).await);

    for after in [After::Latest, After::Id(1000), After::Time(ago(5))] {
        let (changes, _) = explained.expect_indexes("the changes", db.changes(after, 100).await);
        assert_eq!(changes.len(), 100, "{after:?}");
    }
    let counts = db.came_and_went(now - Duration::from_hours(12), 200).await;
    assert!(!explained.expect_indexes("what came and went", counts).is_empty());

    let fence = Fence::from_number(1);
    let opened: Vec<_> = open.iter().take(50).map(|open| again(&open.id, &open.event_key, now)).collect();
    let closed: Vec<_> = open.iter().take(50).map(|open| open.id.as_str()).collect();
    explained.expect_indexes("the openings job", db.record_openings(fence, &opened, &closed, now).await);
    let forgotten = db.forget_openings(fence, ago(19)).await;
    assert!(explained.expect_indexes("forgetting openings", forgotten) > 0);
    let forgotten = db.forget_changes(fence, ago(19)).await;
    assert!(explained.expect_indexes("forgetting changes", forgotten) > 0);
    assert!(explained.slow.is_empty(), "{}", explained.slow.join("\n\n"));
}

fn again(id: &str, key: &str, since: Timestamp) -> Opening {
    Opening {
        id: format!("again:{id}"),
        key: key.into(),
        source: "zabbix".into(),
        host: "srv".into(),
        name: "down".into(),
        device_id: None,
        rack_id: Some(8),
        severity: Severity::High,
        since,
    }
}
