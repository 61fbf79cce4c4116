//! What Heat is made of: the domain, its caches in Redis and its tables in Postgres.
//!
//! The domain ([`event`], [`severity`], [`inventory`], [`rackcode`], [`placement`], [`floor`], [`incident`],
//! [`handled`], [`opening`], [`past`], [`comment`], [`acknowledgement`], [`note`], [`shift`], [`snapshot`], [`filter`],
//! [`search`], [`ticket`], [`template`], [`view`], [`packed`], [`pattern`], [`role`], [`token`]) is pure: it does no I/O
//! and imports neither [`cache`] nor [`db`].

pub mod acknowledgement;
mod ascii;
pub mod cache;
pub mod comment;
pub mod config;
pub mod coverage;
pub mod db;
pub mod event;
pub mod filter;
pub mod floor;
mod halves;
pub mod handled;
pub mod incident;
pub mod inventory;
pub mod note;
pub mod opening;
pub mod packed;
pub mod past;
pub mod pattern;
pub mod placement;
pub mod rackcode;
pub mod reference;
pub mod role;
pub mod search;
pub mod serve;
pub mod severity;
pub mod shift;
pub mod signals;
pub mod snapshot;
pub mod telemetry;
pub mod template;
pub mod ticket;
pub mod time;
pub mod token;
pub mod view;
