//! Handled: whether somebody or something already takes care of an event, so that it need not catch the eye.

use serde::{Deserialize, Serialize};

use crate::severity::Severity;
use crate::time::Timestamp;

/// Why an event counts as handled. Handled events keep their place and are counted, but give no colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Handled {
    /// Under maintenance or a downtime of its source.
    Suppressed,
    /// It depends on another active problem.
    Dependent,
    /// Acknowledged, and the acknowledgement has not ended.
    Acknowledged,
    /// Covered by an open ticket.
    Ticketed,
    /// Under a quiet note on its place.
    Note,
}

impl Handled {
    /// As JSON and CSV write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Suppressed => "suppressed",
            Self::Dependent => "dependent",
            Self::Acknowledged => "acknowledged",
            Self::Ticketed => "ticketed",
            Self::Note => "note",
        }
    }
}

/// What is known of an acknowledgement that Heat keeps. It belongs to one opening.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Acknowledged {
    /// It ends then; never, if absent.
    pub until: Option<Timestamp>,
    /// The event's severity when it was acknowledged.
    pub severity: Severity,
}

/// What is known of the ticket that covers an opening.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticketed {
    /// Not failed, and without a resolution in the tracker.
    pub open: bool,
    /// The worst severity the ticket was opened for.
    pub severity: Severity,
}

/// Everything the rule looks at, for one opening.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "facts that do not exclude each other")]
pub struct Facts {
    /// Its severity now.
    pub severity: Severity,
    /// The source's maintenance or downtime covers it.
    pub suppressed: bool,
    /// It depends on an active problem.
    pub dependent: bool,
    /// The source itself calls it acknowledged.
    pub acknowledged_at_source: bool,
    /// Heat has, or had, an acknowledgement of this opening; then the source's own flag says nothing.
    pub acknowledged: Option<Acknowledged>,
    /// A ticket covers it.
    pub ticketed: Option<Ticketed>,
    /// A quiet note covers its place.
    pub quiet_note: bool,
}

/// Applies the rule: the first reason that holds. A comment is no reason.
pub fn handled(facts: &Facts, now: Timestamp) -> Option<Handled> {
    let no_worse_than = |severity| facts.severity <= severity;
    let acknowledged = match facts.acknowledged {
        Some(ours) => ours.until.is_none_or(|end| now < end) && no_worse_than(ours.severity),
        None => facts.acknowledged_at_source,
    };
    let ticketed = facts.ticketed.is_some_and(|ticket| ticket.open && no_worse_than(ticket.severity));
    [
        (facts.suppressed, Handled::Suppressed),
        (facts.dependent, Handled::Dependent),
        (acknowledged, Handled::Acknowledged),
        (ticketed, Handled::Ticketed),
        (facts.quiet_note, Handled::Note),
    ]
    .into_iter()
    .find_map(|(holds, why)| holds.then_some(why))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1000;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix(seconds)
    }

    #[test]
    fn an_acknowledgement_ends_at_its_time_and_when_the_event_worsens() {
        let facts = |severity, until| Facts {
            severity,
            acknowledged: Some(Acknowledged { until, severity: Severity::Average }),
            ..Facts::default()
        };
        assert_eq!(handled(&facts(Severity::Average, None), at(NOW)), Some(Handled::Acknowledged));
        assert_eq!(
            handled(&facts(Severity::Average, Some(at(NOW + 1))), at(NOW)),
            Some(Handled::Acknowledged)
        );
        assert_eq!(handled(&facts(Severity::Average, Some(at(NOW))), at(NOW)), None);
        assert_eq!(handled(&facts(Severity::High, None), at(NOW)), None);
    }

    #[test]
    fn where_heat_has_an_acknowledgement_the_sources_flag_says_nothing() {
        let ended = Some(Acknowledged { until: Some(at(1)), severity: Severity::High });
        let facts = Facts { acknowledged_at_source: true, acknowledged: ended, ..Facts::default() };
        assert_eq!(handled(&facts, at(NOW)), None);
        assert_eq!(handled(&Facts { acknowledged: None, ..facts }, at(NOW)), Some(Handled::Acknowledged));
    }

    #[test]
    fn a_ticket_that_was_closed_while_the_event_burns_handles_nothing() {
        let ticket = |open| Some(Ticketed { open, severity: Severity::High });
        let facts = Facts { severity: Severity::High, ..Facts::default() };
        assert_eq!(handled(&Facts { ticketed: ticket(true), ..facts }, at(NOW)), Some(Handled::Ticketed));
        assert_eq!(handled(&Facts { ticketed: ticket(false), ..facts }, at(NOW)), None);
        let worse = Facts { severity: Severity::Disaster, ticketed: ticket(true), ..facts };
        assert_eq!(handled(&worse, at(NOW)), None);
    }
}
