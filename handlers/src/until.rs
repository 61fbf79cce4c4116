//! Until when something holds: a moment, or the end of the shift.

use heat::shift::end_of_shift;
use heat::time::Timestamp;
use serde::{Deserialize, Deserializer, de};

use crate::app::App;
use crate::problem::Problem;

const END_OF_SHIFT: &str = "end_of_shift";

/// As a caller writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Until {
    /// When the next shift begins.
    EndOfShift,
    /// This moment.
    At(Timestamp),
}

impl<'de> Deserialize<'de> for Until {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text == END_OF_SHIFT {
            return Ok(Self::EndOfShift);
        }
        let expected = "an RFC 3339 time such as 2026-11-23T21:07:55Z, or \"end_of_shift\"";
        let unusable = |_| de::Error::invalid_value(de::Unexpected::Str(&text), &expected);
        text.parse().map(Self::At).map_err(unusable)
    }
}

impl Until {
    /// The moment, which is yet to come.
    pub(crate) fn moment(self, app: &App, now: Timestamp) -> Result<Timestamp, Problem> {
        match self {
            Self::At(at) if at > now => Ok(at),
            Self::At(at) => Err(Problem::Invalid(format!(
                "until = {at}: that is over; it is {now} now, name a later time or leave it out"
            ))),
            Self::EndOfShift => end_of_shift(&app.shifts, app.settings.zone(), now).ok_or_else(|| {
                let detail = "this site has no shifts ([[shift]] in HEAT_CONFIG); name a time instead";
                Problem::Invalid(detail.to_owned())
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_time_or_the_end_of_the_shift_and_nothing_else() {
        let read = |text: &str| serde_json::from_str::<Until>(text).map_err(|error| error.to_string());
        assert_eq!(read("\"end_of_shift\""), Ok(Until::EndOfShift));
        assert_eq!(read("\"1970-01-01T00:00:07Z\""), Ok(Until::At(Timestamp::from_unix(7))));
        for wrong in ["\"tomorrow\"", "\"\""] {
            let error = read(wrong).unwrap_err();
            assert!(error.contains("end_of_shift"), "{error}");
        }
        assert!(read("7").is_err());
    }
}
