//! A database of a test's own, and who comes to it.

use heat::config::Secret;
use heat::db::Db;
use heat::db::audit::Actor;
use heat_devkit::backends::Postgres;

/// An empty database with the schema of today. Connections are made as they are needed.
pub(crate) async fn migrated(postgres: &Postgres) -> Db {
    let url = postgres.fresh_database().await.unwrap();
    let db = Db::new(&Secret::new(url), 16).unwrap();
    db.migrate().await.unwrap();
    db
}

/// Somebody of this name.
pub(crate) fn actor(name: &str) -> Actor {
    Actor { name: name.into(), via: "off", request_id: "r-1".into() }
}
