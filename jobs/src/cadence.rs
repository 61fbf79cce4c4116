//! How often something is read, and from what age on it counts as late and as stale.

use std::time::Duration;

use chrono::{DateTime, SubsecRound as _, Utc};
use croner::Cron;
use croner::parser::{CronParser, Seconds};
use heat::config::ConfigError;
use heat::time::Timestamp;

/// Stale comes no sooner than this, however short the interval.
const STALE_AT_LEAST: Duration = Duration::from_mins(2);

/// A cron expression of six fields, seconds first.
#[derive(Clone, Debug)]
pub struct Schedule {
    text: String,
    cron: Cron,
}

impl Schedule {
    /// Reads the expression that `name` is set to.
    pub fn parse(name: &str, text: &str) -> Result<Self, ConfigError> {
        let parser = CronParser::builder().seconds(Seconds::Required).build();
        match parser.parse(text) {
            Ok(cron) => Ok(Self { text: text.to_owned(), cron }),
            Err(error) => Err(ConfigError::invalid(
                name,
                text,
                format!(
                    "{error}; six fields are expected, seconds first, such as */5 * * * * * for every 5 s"
                ),
            )),
        }
    }

    /// The expression.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// When it ticks next; absent if never again.
    pub fn next(&self) -> Option<Timestamp> {
        self.after(Utc::now()).map(Into::into)
    }

    /// When it ticks next after a moment, to the second; absent if never again.
    pub fn after(&self, moment: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.cron.find_next_occurrence(&moment, false).ok().map(|tick| tick.trunc_subsecs(0))
    }

    /// The longest time between two of the next runs.
    pub fn interval(&self) -> Duration {
        let ticks: Vec<_> = self.cron.iter_after(Utc::now()).take(10).collect();
        ticks
            .windows(2)
            .filter_map(|pair| (pair[1] - pair[0]).to_std().ok())
            .max()
            .unwrap_or(Duration::from_secs(1))
    }
}

/// The two ages, from the schedule's interval and how long the last reading took: a reading that takes long may be
/// repeated only rarely, and is not late for that.
pub fn ages(interval: Duration, took: Duration) -> Ages {
    let interval = interval.max(took * 4);
    let seconds = |duration: Duration| duration.as_secs().max(1);
    Ages { late_after_s: seconds(interval * 3), stale_after_s: seconds((interval * 5).max(STALE_AT_LEAST)) }
}

/// From which age on something counts as late and as stale, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ages {
    /// Three intervals.
    pub late_after_s: u64,
    /// Five intervals, at least two minutes.
    pub stale_after_s: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_source_is_given_more_time() {
        let fast = ages(Duration::from_secs(5), Duration::from_millis(100));
        assert_eq!(fast, Ages { late_after_s: 15, stale_after_s: 120 });
        let slow = ages(Duration::from_secs(5), Duration::from_secs(10));
        assert_eq!(slow, Ages { late_after_s: 120, stale_after_s: 200 });
    }

    #[test]
    fn the_interval_is_that_of_the_expression() {
        let interval = |text| Schedule::parse("HEAT_EVENTS_CRON", text).unwrap().interval();
        assert_eq!(interval("*/5 * * * * *"), Duration::from_secs(5));
        assert_eq!(interval("0 */10 * * * *"), Duration::from_mins(10));
    }

    #[test]
    fn five_fields_and_nonsense_are_refused_by_name_and_with_an_example() {
        for text in ["*/5 * * * *", "often"] {
            let error = Schedule::parse("HEAT_EVENTS_CRON", text).unwrap_err().to_string();
            assert!(error.contains("HEAT_EVENTS_CRON") && error.contains("seconds first"), "{error}");
        }
    }
}
