//! The replica as its clients and its operators meet it: over TCP, with a real Redis and a real Postgres.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "clippy exempts functions marked as tests, and not what they share"
)]

mod acknowledgements;
mod audit;
mod comments;
mod contract;
mod doors;
mod history;
mod lists;
mod live;
mod notes;
mod outages;
mod pages;
mod picture;
mod places;
mod problems;
mod secrets;
mod stage;
mod tickets;
mod tokens;
mod views;
