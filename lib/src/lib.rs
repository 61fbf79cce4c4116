//! What Heat is made of: the domain, its caches in Redis and its tables in Postgres.
//!
//! The domain ([`event`], [`severity`], [`inventory`], [`placement`], [`handled`], [`comment`], [`snapshot`], [`packed`])
//! is pure: it does no I/O and imports neither [`cache`] nor [`db`].

pub mod event;
pub mod inventory;
pub mod placement;
pub mod severity;
pub mod time;
