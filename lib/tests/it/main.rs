//! The caches and the database against a real Redis and a real Postgres.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod cache;
mod db;
mod tickets;
