//! The caches and the database against a real Redis and a real Postgres.

mod cache;
mod db;
