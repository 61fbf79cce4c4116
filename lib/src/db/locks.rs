//! The advisory locks of Postgres that Heat holds, in one place: two things that shared a number would wait for each other
//! without having anything to do with one another.

/// What is locked. The numbers are any that nothing else in the database locks on; the compiler keeps them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i64)]
pub(super) enum Lock {
    /// Bringing the schema up to date.
    Migrations = 0x0068_6561_7400_0001,
    /// Changing which ticket covers what.
    Covers = 0x0068_6561_7400_0002,
    /// Sending to the tracker; held for as long as a process may send.
    Outbox = 0x0068_6561_7400_0003,
    /// Changing acknowledgements.
    Acknowledgements = 0x0068_6561_7400_0004,
    /// Entering changes; always the last one taken, so that nobody who holds it waits for another.
    Changes = 0x0068_6561_7400_0007,
}

impl Lock {
    /// As Postgres takes it.
    pub(super) const fn number(self) -> i64 {
        self as i64
    }
}
