//! Points in time as Heat's documents carry them: whole seconds, UTC.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

use chrono::{DateTime, Datelike, Timelike, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Seconds since the Unix epoch; written as RFC 3339 in UTC with a `Z`, `2026-11-23T21:07:55Z`.
///
/// Whole seconds on purpose: the sources' clocks are no finer, and the same content must give the same bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// The first second of the year 0.
const EARLIEST: i64 = -62_167_219_200;

/// The last second RFC 3339 can write, 9999-12-31T23:59:59Z.
const LATEST: i64 = 253_402_300_799;

impl Timestamp {
    /// From Unix seconds. Values outside the years 0 to 9999 are moved to the nearest that RFC 3339 can write.
    pub const fn from_unix(seconds: i64) -> Self {
        if seconds < EARLIEST {
            Self(EARLIEST)
        } else if seconds > LATEST {
            Self(LATEST)
        } else {
            Self(seconds)
        }
    }

    /// The current second of this machine's clock.
    pub fn now() -> Self {
        Self(Utc::now().timestamp())
    }

    /// Unix seconds.
    pub fn unix(self) -> i64 {
        self.0
    }

    /// How long after `earlier` this is; zero if it is before.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_secs(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// To the minute, by the clock of a time zone: `2026-11-24 00:07 MSK`.
    pub fn on_the_wall(self, zone: Tz) -> String {
        self.civil().with_timezone(&zone).format("%Y-%m-%d %H:%M %Z").to_string()
    }

    fn civil(self) -> DateTime<Utc> {
        DateTime::from_timestamp(self.0, 0).unwrap_or_default()
    }

    /// The text form in a fixed buffer, without going through a formatter: a snapshot holds tens of thousands.
    fn text(self) -> [u8; 20] {
        let at = self.civil();
        let mut out = *b"0000-00-00T00:00:00Z";
        let mut put = |from: usize, digits: usize, mut value: u32| {
            for slot in out[from..from + digits].iter_mut().rev() {
                *slot = b'0' + u8::try_from(value % 10).unwrap_or(0);
                value /= 10;
            }
        };
        put(0, 4, u32::try_from(at.year()).unwrap_or(0));
        put(5, 2, at.month());
        put(8, 2, at.day());
        put(11, 2, at.hour());
        put(14, 2, at.minute());
        put(17, 2, at.second());
        out
    }
}

impl From<DateTime<Utc>> for Timestamp {
    fn from(at: DateTime<Utc>) -> Self {
        Self::from_unix(at.timestamp())
    }
}

impl From<Timestamp> for DateTime<Utc> {
    fn from(at: Timestamp) -> Self {
        at.civil()
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;
    fn add(self, by: Duration) -> Self {
        Self::from_unix(self.0.saturating_add(i64::try_from(by.as_secs()).unwrap_or(i64::MAX)))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;
    fn sub(self, by: Duration) -> Self {
        Self::from_unix(self.0.saturating_sub(i64::try_from(by.as_secs()).unwrap_or(i64::MAX)))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.text()).map_err(|_| fmt::Error)?)
    }
}

impl std::str::FromStr for Timestamp {
    type Err = chrono::ParseError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        DateTime::parse_from_rfc3339(text).map(|at| Self::from_unix(at.timestamp()))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = self.text();
        serializer.serialize_str(std::str::from_utf8(&text).unwrap_or_default())
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl de::Visitor<'_> for Text {
            type Value = Timestamp;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an RFC 3339 time such as 2026-11-23T21:07:55Z")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Timestamp, E> {
                text.parse().map_err(|_| E::invalid_value(de::Unexpected::Str(text), &self))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_text_form_is_rfc_3339_and_reads_back(seconds in EARLIEST..=LATEST) {
            let at = Timestamp::from_unix(seconds);
            let text = at.to_string();
            prop_assert_eq!(&text, &at.civil().format("%Y-%m-%dT%H:%M:%SZ").to_string());
            prop_assert_eq!(text.parse::<Timestamp>().unwrap(), at);
        }
    }

    #[test]
    fn on_the_wall_it_is_what_the_clocks_there_show() {
        let at: Timestamp = "2026-11-23T21:07:55Z".parse().unwrap();
        assert_eq!(at.on_the_wall(Tz::Europe__Moscow), "2026-11-24 00:07 MSK");
        assert_eq!(at.on_the_wall(Tz::UTC), "2026-11-23 21:07 UTC");
    }

    #[test]
    fn an_offset_is_turned_into_utc_and_fractions_are_cut() {
        let at: Timestamp = "2026-11-24T00:07:55.9+03:00".parse().unwrap();
        assert_eq!(at.to_string(), "2026-11-23T21:07:55Z");
    }
}
