//! How bad an event is, on Zabbix' scale.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Zabbix' six severities, 0 to 5; every other source is mapped onto them by configuration.
/// In JSON the number, in configuration the number or the name (`not_classified`, `information`, `warning`,
/// `average`, `high`, `disaster`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Severity {
    /// 0
    #[default]
    NotClassified,
    /// 1
    Information,
    /// 2
    Warning,
    /// 3
    Average,
    /// 4
    High,
    /// 5
    Disaster,
}

/// A severity nobody knows.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "unknown severity {0:?}: it is 0 to 5, or one of not_classified, information, warning, average, high, disaster"
)]
pub struct UnknownSeverity(String);

impl Severity {
    /// All six, mildest first.
    pub const ALL: [Self; 6] =
        [Self::NotClassified, Self::Information, Self::Warning, Self::Average, Self::High, Self::Disaster];

    /// The name as configuration and metrics write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::NotClassified => "not_classified",
            Self::Information => "information",
            Self::Warning => "warning",
            Self::Average => "average",
            Self::High => "high",
            Self::Disaster => "disaster",
        }
    }

    /// 0 to 5.
    pub fn level(self) -> u8 {
        self as u8
    }
}

impl TryFrom<u64> for Severity {
    type Error = UnknownSeverity;
    fn try_from(level: u64) -> Result<Self, UnknownSeverity> {
        usize::try_from(level)
            .ok()
            .and_then(|level| Self::ALL.get(level).copied())
            .ok_or_else(|| UnknownSeverity(level.to_string()))
    }
}

impl FromStr for Severity {
    type Err = UnknownSeverity;
    fn from_str(text: &str) -> Result<Self, UnknownSeverity> {
        let text = text.trim();
        Self::ALL
            .into_iter()
            .find(|s| s.name().eq_ignore_ascii_case(text) || s.level().to_string() == text)
            .ok_or_else(|| UnknownSeverity(text.to_owned()))
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Severity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(self.level())
    }
}

impl<'de> Deserialize<'de> for Severity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct LevelOrName;
        impl de::Visitor<'_> for LevelOrName {
            type Value = Severity;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a severity, 0 to 5 or its name")
            }
            fn visit_u64<E: de::Error>(self, level: u64) -> Result<Severity, E> {
                Severity::try_from(level).map_err(E::custom)
            }
            fn visit_i64<E: de::Error>(self, level: i64) -> Result<Severity, E> {
                u64::try_from(level).map_err(E::custom).and_then(|level| self.visit_u64(level))
            }
            fn visit_str<E: de::Error>(self, name: &str) -> Result<Severity, E> {
                name.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_any(LevelOrName)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_severity_reads_as_number_or_name_and_writes_as_number() {
        for severity in Severity::ALL {
            assert_eq!(severity.name().parse(), Ok(severity));
            assert_eq!(severity.level().to_string().parse(), Ok(severity));
            assert_eq!(serde_json::to_string(&severity).unwrap(), severity.level().to_string());
        }
        assert!("6".parse::<Severity>().is_err());
        assert!(serde_json::from_str::<Severity>("-1").is_err());
    }
}
