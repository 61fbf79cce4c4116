//! Whether an event passes a filter.

use std::borrow::Cow;
use std::collections::HashSet;

use super::pattern::Pattern;
use super::{Comparison, Condition, Field, Filter, Flag, Node, Text};
use crate::floor::{Floor, Spot};
use crate::snapshot::{ActiveEvent, Snapshot};
use crate::time::Timestamp;

/// What events are judged against, beside themselves: where things stand, which places have a note, and what time it is.
#[derive(Debug)]
pub struct Scene<'a> {
    floor: &'a Floor,
    noted: HashSet<&'a str>,
    now: Timestamp,
}

impl<'a> Scene<'a> {
    /// The events of `snapshot`, on `floor`, at `now`.
    pub fn new(snapshot: &'a Snapshot<'_>, floor: &'a Floor, now: Timestamp) -> Self {
        Self { floor, noted: snapshot.notes.iter().map(|note| note.place.as_ref()).collect(), now }
    }

    /// Where an event stands.
    pub fn spot(&self, event: &ActiveEvent<'_>) -> Spot<'a> {
        self.floor.spot(event)
    }
}

impl Filter {
    /// Whether the event is meant.
    pub fn matches(&self, event: &ActiveEvent<'_>, scene: &Scene<'_>) -> bool {
        let judged = Judged { event, spot: scene.spot(event), scene };
        self.0.as_ref().is_none_or(|node| judged.passes(node))
    }

    /// Whether it asks where events stand, and so cannot be judged without an inventory.
    pub fn needs_places(&self) -> bool {
        self.0.as_ref().is_some_and(|node| {
            node.any_condition(&|condition| match condition {
                Condition::Word(_) | Condition::Unit(..) | Condition::Flag(Flag::Note) => true,
                Condition::Text(text, _) => {
                    matches!(text.field(), Field::Dc | Field::Device | Field::Rack | Field::Row)
                }
                Condition::Tag(..) | Condition::Severity(..) | Condition::Age(..) | Condition::Flag(_) => {
                    false
                }
            })
        })
    }
}

impl Node {
    fn any_condition(&self, is: &impl Fn(&Condition) -> bool) -> bool {
        match self {
            Self::All(nodes) | Self::Any(nodes) => nodes.iter().any(|node| node.any_condition(is)),
            Self::Not(node) => node.any_condition(is),
            Self::Is(condition) => is(condition),
        }
    }
}

/// One event and where it stands.
struct Judged<'a> {
    event: &'a ActiveEvent<'a>,
    spot: Spot<'a>,
    scene: &'a Scene<'a>,
}

impl Judged<'_> {
    fn passes(&self, node: &Node) -> bool {
        match node {
            Node::All(nodes) => nodes.iter().all(|node| self.passes(node)),
            Node::Any(nodes) => nodes.iter().any(|node| self.passes(node)),
            Node::Not(node) => !self.passes(node),
            Node::Is(condition) => self.fulfils(condition),
        }
    }

    fn fulfils(&self, condition: &Condition) -> bool {
        let event = self.event;
        match condition {
            Condition::Word(pattern) => {
                let texts = [&event.host, &event.name, &event.text].map(Cow::as_ref);
                texts
                    .into_iter()
                    .chain(self.spot.device())
                    .chain(self.ticket())
                    .any(|text| pattern.is_in(text))
            }
            Condition::Text(text, pattern) => self.names(*text, pattern),
            Condition::Tag(name, value) => event
                .tags
                .iter()
                .any(|tag| name.is(&tag.tag) && value.as_ref().is_none_or(|value| value.is(&tag.value))),
            Condition::Severity(comparison, severity) => comparison.holds(&event.severity, severity),
            Condition::Unit(comparison, unit) => {
                self.spot.units().any(|(lowest, highest)| match comparison {
                    Comparison::Is => (lowest..=highest).contains(unit),
                    Comparison::Below | Comparison::AtMost => comparison.holds(&lowest, unit),
                    Comparison::Above | Comparison::AtLeast => comparison.holds(&highest, unit),
                })
            }
            Condition::Age(comparison, seconds) => {
                comparison.holds(&self.scene.now.since(event.since).as_secs(), seconds)
            }
            Condition::Flag(flag) => self.has(*flag),
        }
    }

    fn names(&self, text: Text, pattern: &Pattern) -> bool {
        let is = |text: Option<&str>| text.is_some_and(|text| pattern.is(text));
        match text {
            Text::Dc => self.spot.locations().any(|name| pattern.is(name)),
            Text::Device => is(self.spot.device()),
            Text::Host => pattern.is(&self.event.host),
            Text::Name => pattern.is_in(&self.event.name),
            Text::Rack => is(self.spot.rack()),
            Text::Row => is(self.spot.row()),
            Text::Src => pattern.is(&self.event.source),
            Text::Ticket => is(self.ticket()),
        }
    }

    fn ticket(&self) -> Option<&str> {
        self.event.ticket.as_ref().map(|ticket| ticket.key.as_ref()).filter(|key| !key.is_empty())
    }

    fn has(&self, flag: Flag) -> bool {
        let event = self.event;
        match flag {
            Flag::Ack => event.acknowledged.is_some(),
            Flag::Comment => event.comment_count > 0,
            Flag::Dependent => event.dependent,
            Flag::Handled => event.handled.is_some(),
            Flag::Incident => event.incident.is_some(),
            Flag::New => event.is_new(self.scene.now),
            Flag::Note => {
                let noted = &self.scene.noted;
                !noted.is_empty() && self.spot.names_for_notes().any(|place| noted.contains(place.as_str()))
            }
            Flag::Suppressed => event.suppressed,
            Flag::Ticket => event.ticket.is_some(),
            Flag::Unplaced => event.unplaced.is_some(),
        }
    }
}
