//! The caches and the database against a real Redis and a real Postgres.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod acknowledgements;
mod cache;
mod db;
mod notes;
mod roles;
mod tickets;
