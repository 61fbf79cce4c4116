//! What Heat is tried against, on one machine and on loopback only: private stores, simulated upstreams,
//! scenarios, a proxy that cuts and delays, and the local stack that `heat-dev` runs.
//!
//! The tests of every crate and the local stack start their servers through the same code, so a test that
//! passes and a demonstration that works mean the same thing. Nothing here goes into a production image, and
//! this crate depends on none of Heat's own: they use it in their tests.
//!
//! - [`backends`]: Redis, PostgreSQL, MariaDB, nginx and sshd, private to the caller.
//! - [`faults`]: what fails, what is seen, and how long it may take to heal.
//! - [`git`]: repositories, commit by commit.
//! - [`manual`]: what the operators' manual says about metrics.
//! - [`process`]: any program as a child that cannot outlive its parent.
//! - [`proxy`]: a TCP proxy for outages.
//! - [`stack`]: all of Heat on one machine.
//! - [`eventually`]: waiting for a condition instead of sleeping.

pub mod backends;
pub mod clock;
pub mod faults;
pub mod git;
pub mod manual;
pub mod process;
pub mod proxy;
pub mod racktables;
pub mod scenario;
pub mod sim;
pub mod stack;
pub mod world;

mod wait;

pub use wait::eventually;
