//! The caches and the database against a real Redis and a real Postgres.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod acknowledgements;
mod cache;
mod changes;
mod db;
mod desk;
mod history;
mod notes;
mod plans;
mod redis_forms;
mod roles;
mod tickets;
