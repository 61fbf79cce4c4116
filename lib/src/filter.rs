//! Filters: which events are meant, in one line that people type.
//!
//! ```text
//! dc:sas row:12 sev>=high age>15m -ticket (host:srv-* or "power supply")
//! ```
//!
//! Conditions beside each other must all hold; `and` may stand between them. `or` binds weaker, `not` and `-` stronger,
//! parentheses group. Case never matters. A condition is one of these:
//!
//! | written | holds for |
//! |---|---|
//! | `word`, `"some words"` | what has it in its host, device, name, text or ticket key |
//! | `dc:sas` | what stands in that location, or in one inside it |
//! | `row:12` `rack:07` `device:web-1` | what stands there |
//! | `u:40` `u>40` | what is mounted in such a unit of its rack, itself or by what contains it |
//! | `host:web-1` `src:zabbix` | that host, that source |
//! | `name:ping` | what has it in its name |
//! | `sev:high` `sev>=high` `sev<3` | severities by name, by its beginning, or 0 to 5 |
//! | `age>15m` `age<=1w` | what began longer ago, or not: `s`, `m`, `h`, `d` or `w` |
//! | `tag:env` `tag:env=prod` | what carries the tag, with that value |
//! | `ticket:NOC-7` | what that ticket covers |
//! | `ack` `comment` `ticket` | what somebody acknowledged, commented on, or opened a ticket for |
//! | `note` | what stands in a place with a note |
//! | `incident` | what is part of a rack incident |
//! | `handled` `suppressed` `dependent` `unplaced` | what the event says of itself |
//! | `new` | what opened within two minutes ([`crate::snapshot::NEW_FOR_S`]) |
//!
//! `*` in a text stands for anything. `name` and words are looked for anywhere in the text, the others must be the whole.
//! Quotes keep spaces and signs together; in them `\"`, `\\` and `\*` are the characters themselves. `:` and `=` are one.
//!
//! The page has the same grammar in `static/src/core/filter.ts`; the cases of `lib/examples/filter.json` hold both to it.

mod error;
mod matching;
mod parse;
mod pattern;

use std::fmt;
use std::str::FromStr;

pub use error::{FilterError, Mistake};
pub use matching::Scene;
use pattern::Pattern;

use crate::severity::Severity;

/// The longest filter taken, in characters.
pub const LONGEST: usize = 1000;

/// So many parentheses and negations may stand around each other: what is read, judged and printed by recursion.
pub const DEEPEST: usize = 32;

/// Which events are meant. The empty filter means all.
///
/// Printed, it is in its shortest form, which reads back as the same filter; only a printed severity may be longer than
/// it was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter(Option<Node>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Node {
    /// At least two.
    All(Vec<Self>),
    /// At least two.
    Any(Vec<Self>),
    Not(Box<Self>),
    Is(Condition),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Condition {
    Word(Pattern),
    Text(Text, Pattern),
    Tag(Pattern, Option<Pattern>),
    Severity(Comparison, Severity),
    Unit(Comparison, u32),
    /// In seconds.
    Age(Comparison, u64),
    Flag(Flag),
}

/// Fields that are texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Text {
    Dc,
    Device,
    Host,
    Name,
    Rack,
    Row,
    Src,
    Ticket,
}

/// What stands before a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the module's table says what each is")]
pub enum Field {
    Age,
    Dc,
    Device,
    Host,
    Name,
    Rack,
    Row,
    Sev,
    Src,
    Tag,
    Ticket,
    U,
}

/// A word that holds or does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the module's table says what each is")]
pub enum Flag {
    Ack,
    Comment,
    Dependent,
    Handled,
    Incident,
    New,
    Note,
    Suppressed,
    Ticket,
    Unplaced,
}

/// How a field's value is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    /// `:` or `=`
    Is,
    /// `<`
    Below,
    /// `<=`
    AtMost,
    /// `>`
    Above,
    /// `>=`
    AtLeast,
}

impl Field {
    /// All, by name.
    pub const ALL: [Self; 12] = [
        Self::Age,
        Self::Dc,
        Self::Device,
        Self::Host,
        Self::Name,
        Self::Rack,
        Self::Row,
        Self::Sev,
        Self::Src,
        Self::Tag,
        Self::Ticket,
        Self::U,
    ];

    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Age => "age",
            Self::Dc => "dc",
            Self::Device => "device",
            Self::Host => "host",
            Self::Name => "name",
            Self::Rack => "rack",
            Self::Row => "row",
            Self::Sev => "sev",
            Self::Src => "src",
            Self::Tag => "tag",
            Self::Ticket => "ticket",
            Self::U => "u",
        }
    }

    /// The comparisons it knows, in words.
    fn takes(self) -> &'static str {
        match self {
            Self::Age => "<, <=, > or >=",
            Self::Sev | Self::U => ":, <, <=, > or >=",
            _ => "only :",
        }
    }

    fn knows(self, comparison: Comparison) -> bool {
        match self {
            Self::Age => comparison != Comparison::Is,
            Self::Sev | Self::U => true,
            _ => comparison == Comparison::Is,
        }
    }
}

impl Flag {
    /// All, by name.
    pub const ALL: [Self; 10] = [
        Self::Ack,
        Self::Comment,
        Self::Dependent,
        Self::Handled,
        Self::Incident,
        Self::New,
        Self::Note,
        Self::Suppressed,
        Self::Ticket,
        Self::Unplaced,
    ];

    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ack => "ack",
            Self::Comment => "comment",
            Self::Dependent => "dependent",
            Self::Handled => "handled",
            Self::Incident => "incident",
            Self::New => "new",
            Self::Note => "note",
            Self::Suppressed => "suppressed",
            Self::Ticket => "ticket",
            Self::Unplaced => "unplaced",
        }
    }

    fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|flag| flag.name().eq_ignore_ascii_case(word))
    }
}

impl Text {
    fn field(self) -> Field {
        match self {
            Self::Dc => Field::Dc,
            Self::Device => Field::Device,
            Self::Host => Field::Host,
            Self::Name => Field::Name,
            Self::Rack => Field::Rack,
            Self::Row => Field::Row,
            Self::Src => Field::Src,
            Self::Ticket => Field::Ticket,
        }
    }
}

impl Comparison {
    fn holds<T: Ord>(self, left: &T, right: &T) -> bool {
        match self {
            Self::Is => left == right,
            Self::Below => left < right,
            Self::AtMost => left <= right,
            Self::Above => left > right,
            Self::AtLeast => left >= right,
        }
    }
}

impl FromStr for Filter {
    type Err = FilterError;
    fn from_str(text: &str) -> Result<Self, FilterError> {
        parse::filter(text).map(Self)
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Flag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Is => ":",
            Self::Below => "<",
            Self::AtMost => "<=",
            Self::Above => ">",
            Self::AtLeast => ">=",
        })
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_ref().map_or(Ok(()), |node| node.fmt(f))
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let joined = |f: &mut fmt::Formatter<'_>, nodes: &[Self], between| {
            for (index, node) in nodes.iter().enumerate() {
                f.write_str(if index == 0 { "" } else { between })?;
                let loose = matches!((self, node), (_, Self::Any(_)) | (Self::All(_), Self::All(_)));
                if loose { write!(f, "({node})")? } else { node.fmt(f)? }
            }
            Ok(())
        };
        match self {
            Self::All(nodes) => joined(f, nodes, " "),
            Self::Any(nodes) => joined(f, nodes, " or "),
            Self::Not(node) if matches!(**node, Self::All(_) | Self::Any(_)) => write!(f, "-({node})"),
            Self::Not(node) => write!(f, "-{node}"),
            Self::Is(condition) => condition.fmt(f),
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Word(pattern) => f.write_str(&pattern.written(parse::is_plain_word)),
            Self::Text(text, pattern) => {
                write!(f, "{}:{}", text.field(), pattern.written(parse::is_plain_value))
            }
            Self::Tag(name, None) => write!(f, "tag:{}", name.written(parse::is_plain_tag)),
            Self::Tag(name, Some(value)) => {
                let (name, value) = (name.written(parse::is_plain_tag), value.written(parse::is_plain_value));
                write!(f, "tag:{name}={value}")
            }
            Self::Severity(comparison, severity) => write!(f, "sev{comparison}{severity}"),
            Self::Unit(comparison, unit) => write!(f, "u{comparison}{unit}"),
            Self::Age(comparison, seconds) => {
                let (length, letter) = parse::UNITS_OF_TIME
                    .into_iter()
                    .rev()
                    .find(|(length, _)| seconds >= length && seconds % length == 0)
                    .unwrap_or((1, 's'));
                write!(f, "age{comparison}{}{letter}", seconds / length)
            }
            Self::Flag(flag) => flag.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::pattern::Draft;
    use super::*;
    use crate::floor::Floor;
    use crate::inventory::Inventory;
    use crate::snapshot::{ActiveEvent, Snapshot};
    use crate::time::Timestamp;
    use proptest::prelude::*;
    use serde::Deserialize;

    /// The cases that the page's suite reads too.
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Examples {
        now: Timestamp,
        inventory: Inventory,
        snapshot: Snapshot<'static>,
        cases: Vec<Case>,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields, untagged)]
    enum Case {
        /// `matches`: the ids of the events, one letter each.
        Right {
            filter: String,
            prints: String,
            matches: String,
        },
        Wrong {
            filter: String,
            position: usize,
            message: String,
        },
    }

    fn examples() -> Examples {
        serde_json::from_str(include_str!("../examples/filter.json")).unwrap()
    }

    fn matched(filter: &Filter, snapshot: &Snapshot<'_>, scene: &Scene<'_>) -> String {
        snapshot.events.iter().filter(|event| filter.matches(event, scene)).map(|event| &*event.id).collect()
    }

    #[test]
    fn every_case_that_both_suites_read_holds() {
        let Examples { now, inventory, snapshot, cases } = examples();
        let floor = Floor::new(&inventory);
        let scene = Scene::new(&snapshot, &floor, now);
        assert!(cases.len() > 100, "{}", cases.len());
        for case in cases {
            match case {
                Case::Right { filter, prints, matches } => {
                    let read: Filter = filter.parse().unwrap_or_else(|error| panic!("{filter}: {error:?}"));
                    assert_eq!(read.to_string(), prints, "{filter}");
                    assert_eq!(prints.parse(), Ok(read.clone()), "{filter}");
                    assert_eq!(matched(&read, &snapshot, &scene), matches, "{filter}");
                }
                Case::Wrong { filter, position, message } => {
                    let error = filter.parse::<Filter>().expect_err(&filter);
                    assert_eq!((error.to_string(), error.position), (message, position), "{filter}");
                }
            }
        }
    }

    #[test]
    fn a_filter_about_places_says_that_it_needs_them() {
        for needs in ["dc:sas", "-(ack or row:1)", "rack:1", "device:a", "u>4", "note", "power"] {
            assert!(needs.parse::<Filter>().unwrap().needs_places(), "{needs}");
        }
        for does_not in ["", "host:a name:b src:c ticket:d tag:e=f sev>1 age>1m new -ack or unplaced"] {
            assert!(!does_not.parse::<Filter>().unwrap().needs_places(), "{does_not}");
        }
    }

    fn pattern(pieces: impl IntoIterator<Item = String>) -> Pattern {
        let mut draft = Draft::new();
        for (index, piece) in pieces.into_iter().enumerate() {
            if index > 0 {
                draft.gap();
            }
            piece.chars().for_each(|c| draft.push(c));
        }
        draft.finish()
    }

    fn some_pattern() -> impl Strategy<Value = Pattern> {
        const WORDS: [&str; 14] =
            ["or", "NOT", "new", "host:a", "-x", "=", "a=b", "<", "sas", "Ряд (1)", "\\", "\"", "*", ""];
        let piece = prop_oneof![prop::sample::select(&WORDS[..]).prop_map(String::from), ".{0,3}"];
        prop::collection::vec(piece, 1..4).prop_map(pattern)
    }

    fn some_condition() -> impl Strategy<Value = Condition> {
        use Comparison::{Above, AtLeast, AtMost, Below, Is};
        let text = prop::sample::select(vec![
            Text::Dc,
            Text::Device,
            Text::Host,
            Text::Name,
            Text::Rack,
            Text::Row,
            Text::Src,
            Text::Ticket,
        ]);
        let named = || some_pattern().prop_filter("a word is something", |pattern| !pattern.is_empty());
        let any = || prop::sample::select(vec![Is, Below, AtMost, Above, AtLeast]);
        let length = prop::sample::select(parse::UNITS_OF_TIME.map(|(length, _)| length).to_vec());
        prop_oneof![
            named().prop_map(Condition::Word),
            (text, some_pattern()).prop_map(|(text, pattern)| Condition::Text(text, pattern)),
            (some_pattern(), prop::option::of(some_pattern()))
                .prop_map(|(name, value)| Condition::Tag(name, value)),
            (any(), prop::sample::select(&Severity::ALL[..])).prop_map(|(c, s)| Condition::Severity(c, s)),
            (any(), 0_u32..1_000_000_000).prop_map(|(c, unit)| Condition::Unit(c, unit)),
            (any().prop_filter("ages are not equal", |c| *c != Is), 0_u64..1_000_000_000, length)
                .prop_map(|(c, count, length)| Condition::Age(c, count * length)),
            prop::sample::select(&Flag::ALL[..]).prop_map(Condition::Flag),
        ]
    }

    fn some_node() -> impl Strategy<Value = Node> {
        some_condition().prop_map(Node::Is).prop_recursive(4, 12, 3, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 2..4).prop_map(Node::All),
                prop::collection::vec(inner.clone(), 2..4).prop_map(Node::Any),
                inner.prop_map(|node| Node::Not(Box::new(node))),
            ]
        })
    }

    /// Texts that are nearly filters.
    fn some_text() -> impl Strategy<Value = String> {
        const PARTS: [&str; 16] = [
            "(", ")", "-", "\"", "\\", "*", " ", "or ", "and ", "not ", "host:", "sev>=", "age<", "tag:",
            "=", "new",
        ];
        let part = prop_oneof![prop::sample::select(&PARTS[..]).prop_map(String::from), ".{0,2}"];
        prop::collection::vec(part, 0..24).prop_map(|parts| parts.concat())
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back_the_same(node in prop::option::of(some_node())) {
            let filter = Filter(node);
            let printed = filter.to_string();
            prop_assume!(printed.chars().count() <= LONGEST);
            prop_assert_eq!(printed.parse(), Ok(filter), "{}", printed);
        }

        #[test]
        fn any_text_is_a_filter_or_has_a_mistake_inside_it(text in some_text()) {
            match text.parse::<Filter>() {
                Ok(filter) => prop_assert_eq!(filter.to_string().parse(), Ok(filter)),
                Err(error) => prop_assert!(error.position <= text.chars().count()),
            }
        }

        #[test]
        fn an_event_passes_either_a_filter_or_its_negation(node in some_node()) {
            let Examples { now, inventory, snapshot, .. } = examples();
            let floor = Floor::new(&inventory);
            let scene = Scene::new(&snapshot, &floor, now);
            let (filter, not) = (Filter(Some(node.clone())), Filter(Some(Node::Not(Box::new(node)))));
            for event in &snapshot.events {
                prop_assert_ne!(filter.matches(event, &scene), not.matches(event, &scene), "{}", event.id);
            }
        }
    }

    #[test]
    fn without_a_filter_every_event_is_meant() {
        let snapshot = Snapshot { events: vec![ActiveEvent::default()], ..Snapshot::default() };
        let floor = Floor::default();
        let scene = Scene::new(&snapshot, &floor, Timestamp::default());
        assert!(Filter::default().matches(&snapshot.events[0], &scene));
    }
}
