//! What belongs to an opening, and what the next opening of the same key inherits.
//!
//! A flapping problem is one trouble with many openings: what a person did at one of them must not be lost at the next.

use std::time::Duration;

use crate::time::Timestamp;

/// An opening that begins so soon after the one before of its key cleared is the same trouble once more.
pub const INHERITED_WITHIN: Duration = Duration::from_mins(10);

/// Something people attached to one opening.
pub trait Belongs {
    /// What goes before what, the greatest first.
    type Rank: Ord;

    /// The opening.
    fn event_id(&self) -> &str;

    /// When history saw that one clear.
    fn cleared_at(&self) -> Option<Timestamp>;

    /// Its place among all that belongs to one opening, or that one may inherit.
    fn rank(&self) -> Self::Rank;

    /// Whether an opening that begins at `since` takes it over.
    fn is_inherited(&self, since: Timestamp) -> bool;
}

/// What the opening `id` that began at `since` has of `all` that belongs to the openings of its key: its own; else what
/// it inherits from one that cleared shortly before. `is_active` tells which openings burn now.
pub fn of_opening<'a, T: Belongs>(
    all: &'a [T],
    id: &str,
    since: Timestamp,
    is_active: impl Fn(&str) -> bool,
) -> Option<&'a T> {
    let own = all.iter().filter(|one| one.event_id() == id);
    if let Some(own) = own.max_by_key(|one| one.rank()) {
        return Some(own);
    }
    let inherited = all.iter().filter(|one| {
        let soon = |at: Timestamp| since.since(at) <= INHERITED_WITHIN;
        // History may not have seen yet that it cleared.
        !is_active(one.event_id()) && one.cleared_at().is_none_or(soon) && one.is_inherited(since)
    });
    inherited.max_by_key(|one| one.rank())
}
