//! The clients of issue trackers, and every way a tracker can fail them.

#![expect(clippy::unwrap_used, reason = "a test may panic, and so may what it is made of")]

mod door;
mod startrek;
mod webhook;
