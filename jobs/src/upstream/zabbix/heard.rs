//! What Zabbix said in the last sweep that counts, so that the same words are not taken apart and made into events again.

use std::hash::BuildHasher;

use foldhash::quality::FixedState;

/// One page of problems.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Page {
    /// From which event id on it was asked for.
    pub(super) from: Option<u64>,
    /// How many rows it was asked for at most.
    pub(super) size: u32,
    /// Digest of the answer.
    pub(super) digest: u64,
    /// Event ids of its rows.
    pub(super) rows: Vec<u64>,
}

impl Page {
    /// A page of which the rows are not known yet.
    pub(super) fn of(from: Option<u64>, size: u32, answer: &[u8]) -> Self {
        Self { from, size, digest: digest(answer), rows: Vec::new() }
    }

    /// Whether both were asked for and answered alike.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        (self.from, self.size, self.digest) == (other.from, other.size, other.digest)
    }
}

/// A digest of an answer, by which it is known again.
pub fn digest(answer: &[u8]) -> u64 {
    FixedState::default().hash_one(answer)
}

/// A whole sweep.
#[derive(Debug)]
pub(super) struct Heard {
    /// Its pages, in order.
    pub(super) pages: Vec<Page>,
    /// [`Triggers::version`](super::triggers::Triggers::version) by which the problems got their hosts.
    pub(super) triggers: u64,
    /// Distinct problems.
    pub(super) problems: u64,
}
