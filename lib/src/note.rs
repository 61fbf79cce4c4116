//! Notes on places: what is to be known of a rack, a row, a location or a device.
//!
//! A quiet note also handles what opens beneath its place while it stands: works are going on there, and people know.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::inventory::{Inventory, MAX_ID};
use crate::time::Timestamp;

/// What kind of place a note hangs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A rack.
    Rack,
    /// A row of racks.
    Row,
    /// A location, with those inside it.
    Location,
    /// A device.
    Device,
}

impl Kind {
    /// As JSON and Postgres write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rack => "rack",
            Self::Row => "row",
            Self::Location => "location",
            Self::Device => "device",
        }
    }
}

/// A place as notes name it: `rack:7`, `row:3`, `location:1`, `device:513`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// What it is.
    pub kind: Kind,
    /// Its id in the inventory.
    pub id: u64,
}

/// A text that names no [`Place`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "place = {0:?} is no place; one is written rack:7, row:3, location:1 or device:513, with the inventory's id"
)]
pub struct NoPlace(String);

impl Place {
    /// Whether the inventory has it.
    pub fn is_in(self, inventory: &Inventory) -> bool {
        match self.kind {
            Kind::Rack => inventory.racks.iter().any(|rack| rack.id == self.id),
            Kind::Row => inventory.rows.iter().any(|row| row.id == self.id),
            Kind::Location => inventory.locations.iter().any(|location| location.id == self.id),
            Kind::Device => inventory.devices.iter().any(|device| device.id == self.id),
        }
    }
}

impl FromStr for Place {
    type Err = NoPlace;
    fn from_str(text: &str) -> Result<Self, NoPlace> {
        let place = text.split_once(':').and_then(|(kind, id)| {
            let kinds = [Kind::Rack, Kind::Row, Kind::Location, Kind::Device];
            let kind = kinds.into_iter().find(|known| known.name() == kind)?;
            let id = id.parse().ok().filter(|id| (1..=MAX_ID).contains(id))?;
            Some(Self { kind, id })
        });
        place.ok_or_else(|| NoPlace(text.to_owned()))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind.name(), self.id)
    }
}

/// A note, as the publisher joins it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlaceNote {
    /// Its id; they grow with time.
    pub id: i64,
    /// [`Place`], as it is written.
    pub place: String,
    /// Who wrote it.
    pub author: String,
    /// When.
    pub at: Timestamp,
    /// The words.
    pub text: String,
    /// It ends by itself then; never, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Since when it is quiet, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quiet_since: Option<Timestamp>,
}

impl PlaceNote {
    /// Whether it has not ended at `now`.
    pub fn stands(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|end| now < end)
    }

    /// Whether it handles what opened beneath its place at `since`. What burned before somebody asked for quiet goes on
    /// being seen.
    pub fn quiets(&self, since: Timestamp) -> bool {
        self.quiet_since.is_some_and(|from| from <= since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_place_reads_back_as_it_is_written(kind in 0_usize..4, id in 1..=MAX_ID) {
            let kind = [Kind::Rack, Kind::Row, Kind::Location, Kind::Device][kind];
            let place = Place { kind, id };
            prop_assert_eq!(place.to_string().parse::<Place>(), Ok(place));
        }
    }

    #[test]
    fn what_names_no_place_is_told_how_one_is_written() {
        for wrong in ["", "rack", "rack:", "rack:0", "rack:-1", "shelf:7", "Rack:7", "rack:7:1", "7"] {
            let error = wrong.parse::<Place>().unwrap_err().to_string();
            assert!(error.contains("rack:7"), "{error}");
        }
    }

    #[test]
    fn a_quiet_note_handles_what_opens_from_then_on_and_nothing_that_burned_before() {
        let at = Timestamp::from_unix;
        let note = PlaceNote { quiet_since: Some(at(100)), until: Some(at(200)), ..PlaceNote::default() };
        assert!(!note.quiets(at(99)) && note.quiets(at(100)));
        assert!(note.stands(at(199)) && !note.stands(at(200)));
        assert!(!PlaceNote::default().quiets(at(100)), "a note is not quiet by itself");
    }
}
