//! Acknowledgements: somebody has taken an event on, for a while or until it worsens.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::handled::Acknowledged;
use crate::opening::Belongs;
use crate::severity::Severity;
use crate::time::Timestamp;

/// The latest acknowledgement of one opening that Heat keeps, as the publisher joins it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledgement {
    /// Its id; they grow with time.
    pub id: i64,
    /// The opening.
    pub event_id: String,
    /// When history saw that one clear.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cleared_at: Option<Timestamp>,
    /// Who.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// In what words, at most [`crate::comment::TEXT_IN_SNAPSHOT`] characters of them.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// It ends by itself then; never, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// The first worsening ends it for good.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub until_worsens: bool,
    /// The event's severity at that time.
    pub severity: Severity,
    /// When somebody ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
}

/// Acknowledgements by event key.
pub type Acknowledgements = HashMap<String, Vec<Acknowledgement>>;

impl Acknowledgement {
    /// When it ends or ended; never, if absent.
    pub fn end(&self) -> Option<Timestamp> {
        self.ended_at.into_iter().chain(self.until).min()
    }

    /// Whether it has not ended at `now`.
    pub fn stands(&self, now: Timestamp) -> bool {
        self.end().is_none_or(|end| now < end)
    }

    /// What the rule for [`crate::handled::handled`] asks.
    pub fn acknowledged(&self) -> Acknowledged {
        Acknowledged { until: self.end(), severity: self.severity }
    }
}

impl Belongs for Acknowledgement {
    type Rank = i64;

    fn event_id(&self) -> &str {
        &self.event_id
    }

    fn cleared_at(&self) -> Option<Timestamp> {
        self.cleared_at
    }

    fn rank(&self) -> i64 {
        self.id
    }

    /// One that had ended by then says nothing about the next opening.
    fn is_inherited(&self, since: Timestamp) -> bool {
        self.stands(since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::opening::of_opening;
    use std::time::Duration;

    const NOW: Timestamp = Timestamp::from_unix(1_795_468_075);

    fn minutes(count: u64) -> Duration {
        Duration::from_secs(count * 60)
    }

    fn of(event_id: &str, id: i64) -> Acknowledgement {
        Acknowledgement { id, event_id: event_id.into(), at: NOW - minutes(60), ..Acknowledgement::default() }
    }

    fn found(all: &[Acknowledgement], id: &str, active: &[&str]) -> Option<i64> {
        of_opening(all, id, NOW, |id| active.contains(&id)).map(|one| one.id)
    }

    #[test]
    fn it_ends_at_its_time_or_when_somebody_ends_it_whichever_comes_first() {
        let forever = of("a", 1);
        assert!(forever.stands(NOW));
        let timed = Acknowledgement { until: Some(NOW + minutes(5)), ..forever };
        assert!(timed.stands(NOW + minutes(4)) && !timed.stands(NOW + minutes(5)));
        let withdrawn = Acknowledgement { ended_at: Some(NOW), ..timed };
        assert!(!withdrawn.stands(NOW));
        assert_eq!(withdrawn.end(), Some(NOW));
    }

    #[test]
    fn the_latest_of_an_opening_decides_even_if_it_was_withdrawn() {
        let withdrawn = Acknowledgement { ended_at: Some(NOW - minutes(1)), ..of("a", 2) };
        assert_eq!(found(&[of("a", 1), withdrawn], "a", &["a"]), Some(2));
    }

    #[test]
    fn an_opening_inherits_only_what_had_not_ended_when_it_began() {
        let cleared = |one| Acknowledgement { cleared_at: Some(NOW - minutes(9)), ..one };
        assert_eq!(found(&[cleared(of("a", 1))], "b", &["b"]), Some(1));
        let over = Acknowledgement { until: Some(NOW), ..cleared(of("a", 1)) };
        assert_eq!(found(&[over], "b", &["b"]), None);
        let withdrawn = Acknowledgement { ended_at: Some(NOW - minutes(1)), ..cleared(of("a", 1)) };
        assert_eq!(found(&[withdrawn], "b", &["b"]), None);
        let long_ago = Acknowledgement { cleared_at: Some(NOW - minutes(11)), ..of("a", 1) };
        assert_eq!(found(&[long_ago], "b", &["b"]), None);
    }
}
