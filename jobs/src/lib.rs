//! Heat's updater: reads the monitoring systems and the inventory, and publishes what they say.
//!
//! [`lease`] lets one of several updaters work. The working one ([`updater`]) runs the jobs of [`schedule`]: each stores
//! its result in Redis and posts it to the [`board`]; [`publish`] joins the board with what people said ([`listen`]) into
//! snapshots. Beside the lease, [`delivery`] sends tickets and the robot's comments.
//!
//! # What a refresh costs
//!
//! `cargo bench -p heat-jobs`, a release build on two cores, fastest of 100, with 50,000 devices and 5,000 comments; as
//! ratios to the plainest way in the same run: `serde_json` parsing the answer into a `Value`, and flate2 making a gzip of
//! the same snapshot at the same level.
//!
//! | | 20,000 problems | 50,000 problems | beside |
//! |---|--:|--:|---|
//! | parse the answer | 0.48 | 0.49 | plain parse |
//! | place the events | 0.08 | 0.20 | plain parse |
//! | build the snapshot | 0.31 | 0.34 | plain parse |
//! | find out that there is no news | 0.05 | 0.05 | plain parse |
//! | serialise the snapshot | 0.26 | 0.24 | plain parse |
//! | compress it, for HTTP and WebSocket at once | 0.94 | 0.99 | plain gzip |
//! | all of it, from the answer to the bytes in Redis | 1.4 | 1.4 | plain parse and gzip |

pub mod acknowledgements;
pub mod author;
pub mod board;
pub mod cadence;
pub mod commands;
pub mod config;
pub mod delivery;
pub mod doctor;
pub mod filter;
pub mod incidents;
pub mod inventory;
pub mod lease;
pub mod listen;
pub mod matching;
pub mod merge;
pub mod metrics;
pub mod openings;
pub mod publish;
pub mod rackcode;
pub mod refresh;
pub mod schedule;
pub mod templates;
pub mod tokens;
pub mod updater;
pub mod upstream;
pub mod views;
pub mod words;
pub mod write_back;
