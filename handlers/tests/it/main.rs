//! The replica as its clients and its operators meet it: over TCP, with a real Redis and a real Postgres.

mod comments;
mod contract;
mod live;
mod outages;
mod pages;
mod picture;
mod problems;
mod stage;
