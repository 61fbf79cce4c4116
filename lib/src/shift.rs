//! Shifts: when the people on duty change, so that "until the end of the shift" is a time.

use chrono::{DateTime, Days, LocalResult, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Deserializer, de};

use crate::time::Timestamp;

/// A shift: it begins each day at a time of the clock on the site's wall, and lasts until the next one begins.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shift {
    /// Its name.
    pub name: String,
    /// When it begins, such as `08:00`.
    #[serde(deserialize_with = "clock_time")]
    pub begins: NaiveTime,
}

fn clock_time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<NaiveTime, D::Error> {
    let text = String::deserialize(deserializer)?;
    let read = NaiveTime::parse_from_str(&text, "%H:%M");
    read.map_err(|_| de::Error::custom(format!("begins = {text:?}: a time of the day such as \"08:00\"")))
}

/// No clock is set forward by more, and none comes to a time of the day it left out sooner.
const LONGEST_GAP: TimeDelta = TimeDelta::hours(3);

/// The end of the shift that `now` lies in, which is when the next one begins; none where there are no shifts.
///
/// A beginning that falls into the hour the clocks leave out counts as if they had not been set forward yet; one in the
/// hour they repeat is the first of the two, as calendars have it (RFC 5545, 3.3.5).
pub fn end_of_shift(shifts: &[Shift], zone: Tz, now: Timestamp) -> Option<Timestamp> {
    let today = DateTime::<Utc>::from(now).with_timezone(&zone).date_naive();
    // The day after the next, for the sake of a zone that leaves out a whole day.
    let days = (0..=2).filter_map(|days| today.checked_add_days(Days::new(days)));
    let beginnings = days.flat_map(|day| shifts.iter().map(move |shift| day.and_time(shift.begins)));
    beginnings.filter_map(|at| moment(zone, at)).filter(|at| *at > now).min()
}

/// The beginning of the shift that `now` lies in; none where there are no shifts. Beginnings are found as
/// [`end_of_shift`] finds them, so that each shift begins where the one before ends.
pub fn beginning_of_shift(shifts: &[Shift], zone: Tz, now: Timestamp) -> Option<Timestamp> {
    let today = DateTime::<Utc>::from(now).with_timezone(&zone).date_naive();
    let tomorrow = today.checked_add_days(Days::new(1))?;
    let days = (0..=3).filter_map(|days| tomorrow.checked_sub_days(Days::new(days)));
    let beginnings = days.flat_map(|day| shifts.iter().map(move |shift| day.and_time(shift.begins)));
    beginnings.filter_map(|at| moment(zone, at)).filter(|at| *at <= now).max()
}

fn moment(zone: Tz, at: NaiveDateTime) -> Option<Timestamp> {
    let moment = match zone.from_local_datetime(&at) {
        LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => at,
        LocalResult::None => zone.from_local_datetime(&(at - LONGEST_GAP)).earliest()? + LONGEST_GAP,
    };
    Some(moment.with_timezone(&Utc).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::Duration;

    fn shifts(begin: &[&str]) -> Vec<Shift> {
        let shift = |text: &&str| Shift { name: (*text).into(), begins: text.parse().unwrap() };
        begin.iter().map(shift).collect()
    }

    fn end(begin: &[&str], zone: Tz, now: &str) -> Option<String> {
        let begin: Vec<_> = begin.iter().map(|time| format!("{time}:00")).collect();
        let begin: Vec<_> = begin.iter().map(String::as_str).collect();
        end_of_shift(&shifts(&begin), zone, now.parse().unwrap()).map(|end| end.to_string())
    }

    #[test]
    fn a_shift_ends_when_the_next_begins_by_the_clock_on_the_wall() {
        let day_and_night = ["08:00", "20:00"];
        let of = |now| end(&day_and_night, Tz::Europe__Moscow, now).unwrap();
        assert_eq!(of("2026-11-25T08:00:00+03:00"), "2026-11-25T17:00:00Z");
        assert_eq!(of("2026-11-25T19:59:59+03:00"), "2026-11-25T17:00:00Z");
        assert_eq!(of("2026-11-25T20:00:00+03:00"), "2026-11-26T05:00:00Z");
        assert_eq!(of("2026-11-26T02:00:00+03:00"), "2026-11-26T05:00:00Z");
        assert_eq!(end(&[], Tz::UTC, "2026-11-25T08:00:00Z"), None);
        assert_eq!(end(&["08:00"], Tz::UTC, "2026-11-25T08:00:00Z").unwrap(), "2026-11-26T08:00:00Z");
    }

    #[test]
    fn a_night_on_which_the_clocks_change_is_an_hour_shorter_or_longer() {
        let of = |now| end(&["08:00", "20:00"], Tz::Europe__Berlin, now).unwrap();
        assert_eq!(of("2026-03-28T20:00:00+01:00"), "2026-03-29T06:00:00Z");
        assert_eq!(of("2026-10-24T20:00:00+02:00"), "2026-10-25T07:00:00Z");
    }

    #[test]
    fn a_shift_that_begins_in_the_hour_left_out_or_repeated_begins_once() {
        let of = |now| end(&["02:30"], Tz::Europe__Berlin, now).unwrap();
        assert_eq!(of("2026-03-28T22:00:00Z"), "2026-03-29T01:30:00Z", "03:30 by the new time");
        assert_eq!(of("2026-10-24T22:00:00Z"), "2026-10-25T00:30:00Z", "the first 02:30");
        assert_eq!(of("2026-10-25T00:30:00Z"), "2026-10-26T01:30:00Z", "not the second");
    }

    #[test]
    fn where_a_whole_day_was_left_out_the_shift_goes_on() {
        let of = |now| end(&["08:00"], Tz::Pacific__Apia, now).unwrap();
        // Samoa had no 30th of December 2011.
        assert_eq!(of("2011-12-29T12:00:00-10:00"), "2011-12-30T18:00:00Z");
    }

    #[test]
    fn a_time_that_is_none_is_refused_with_what_would_be_right() {
        let read = |text: &str| toml::from_str::<Shift>(text).map_err(|error| error.to_string());
        assert!(read("name = \"day\"\nbegins = \"08:00\"").is_ok());
        let wrong = read("name = \"day\"\nbegins = \"8 o'clock\"").unwrap_err();
        assert!(wrong.contains("such as \"08:00\""), "{wrong}");
    }

    proptest! {
        #[test]
        fn a_shift_begins_where_the_one_before_ends(
            seconds in 1_700_000_000_i64..1_900_000_000,
            begin in prop::collection::vec((0_u32..24, 0_u32..60), 1..4),
            zone in prop::sample::select(vec![Tz::UTC, Tz::Europe__Berlin, Tz::America__New_York, Tz::Asia__Kolkata]),
        ) {
            let begin: Vec<_> = begin.iter().map(|(hour, minute)| format!("{hour:02}:{minute:02}:00")).collect();
            let shifts = shifts(&begin.iter().map(String::as_str).collect::<Vec<_>>());
            let now = Timestamp::from_unix(seconds);
            let begun = beginning_of_shift(&shifts, zone, now).unwrap();
            prop_assert!(begun <= now);
            prop_assert_eq!(end_of_shift(&shifts, zone, begun - Duration::from_secs(1)), Some(begun));
            prop_assert_eq!(end_of_shift(&shifts, zone, begun), end_of_shift(&shifts, zone, now));
        }

        #[test]
        fn an_end_is_later_than_now_and_at_most_a_day_and_an_hour_away(
            seconds in 1_700_000_000_i64..1_900_000_000,
            begin in prop::collection::vec((0_u32..24, 0_u32..60), 1..4),
            zone in prop::sample::select(vec![Tz::UTC, Tz::Europe__Berlin, Tz::America__New_York, Tz::Asia__Kolkata]),
        ) {
            let begin: Vec<_> = begin.iter().map(|(hour, minute)| format!("{hour:02}:{minute:02}:00")).collect();
            let begin: Vec<_> = begin.iter().map(String::as_str).collect();
            let now = Timestamp::from_unix(seconds);
            let end = end_of_shift(&shifts(&begin), zone, now).unwrap();
            prop_assert!(end > now);
            prop_assert!(end.since(now).as_secs() <= 25 * 3600);
        }
    }
}
