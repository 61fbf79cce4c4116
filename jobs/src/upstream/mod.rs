//! The systems Heat reads from and writes to, one client file each. An upstream's wire shapes stay in its file; what comes
//! out is [`heat::event::Event`]s, a [`heat::inventory::Inventory`], the files of a [`git::Commit`] or a
//! [`tracker::Issue`].

pub mod git;
mod heard;
pub mod http;
pub mod inventory;
pub mod inventory_file;
pub mod juggler;
mod layout;
pub mod racktables;
pub mod startrek;
pub mod tracker;
pub mod webhook;
pub mod zabbix;
pub mod zabbix_inventory;

use std::collections::BTreeSet;

use heat::event::Event;
use tokio::sync::mpsc;

pub use self::heard::digest;
pub use heat::coverage::Watched;

/// What one sweep of a source brought.
#[derive(Clone, Debug, Default)]
pub struct Sweep {
    /// The active events, each opening once.
    pub events: Vec<Event>,
    /// The events are those of the sweep before, to the last letter, and `events` is empty. Only a client that was told
    /// that those were kept says so: [`zabbix::Client::kept`], [`juggler::Client::kept`].
    pub unchanged: bool,
    /// Everything was read: only then does a missing event mean that it is over.
    pub complete: bool,
    /// Distinct active problems as the source itself counts them (a problem of two hosts is one).
    pub problems: u64,
    /// What it watches, where this sweep read it (not every sweep does).
    pub watched: Option<Watched>,
    /// Hosts whose monitoring is silent, behind a dead proxy, where this sweep read it.
    pub silent: Option<BTreeSet<String>>,
    /// What went less than well without making the sweep worthless, in words for an operator.
    pub remark: Option<String>,
}

/// A sweep that did not get to its end.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub struct SweepError {
    /// What happened and what an operator can do about it, one sentence.
    pub reason: String,
    /// How long to leave the source alone, where it said so or retrying at once is useless (a rejected token).
    pub retry_after: Option<std::time::Duration>,
    /// What had been read until then: evidence of presence, not of absence.
    pub seen: Vec<Event>,
}

/// Where a client reports events before its sweep is through: on slow sources the worst severities come first.
pub type Early = mpsc::UnboundedSender<Vec<Event>>;
