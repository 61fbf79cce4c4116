//! Heat's updater: reads the monitoring systems and the inventory, and publishes what they say.
//!
//! [`lease`] lets one of several updaters work. The working one ([`updater`]) runs the jobs of [`schedule`]: each stores
//! its result in Redis and posts it to the [`board`]; [`publish`] joins the board with what people said ([`listen`]) into
//! snapshots.

pub mod board;
pub mod cadence;
pub mod commands;
pub mod config;
pub mod doctor;
pub mod inventory;
pub mod lease;
pub mod listen;
pub mod matching;
pub mod merge;
pub mod metrics;
pub mod openings;
pub mod publish;
pub mod refresh;
pub mod schedule;
pub mod updater;
pub mod upstream;
