//! Views: heatmaps with a name. A view says which racks and devices it is about, by a RackCode expression, and which of
//! their events, by a filter.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::filter::{Filter, FilterError};
use crate::inventory::{DeviceId, RackId, short_hex};
use crate::rackcode::{Expression, SyntaxError, TagIndex};

/// A view's id; they grow with time.
pub type ViewId = i64;

/// The longest name, in characters.
pub const LONGEST_NAME: usize = 80;

/// The longest expression, in characters.
pub const LONGEST_EXPRESSION: usize = 4000;

/// Views that one person may have.
pub const MOST_VIEWS: usize = 100;

/// What somebody wants a view to be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ViewWish {
    /// What people call it; nobody has two views of one name.
    pub name: String,
    /// RackCode over racks and devices; empty for all of them.
    #[serde(default)]
    pub expression: String,
    /// The filter grammar; empty for every event.
    #[serde(default)]
    pub filter: String,
    /// Everybody sees it; else its owner alone.
    #[serde(default)]
    pub shared: bool,
}

/// Why a view is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ViewRefused {
    /// Nothing but white space, too long, or with characters that nobody sees.
    #[error("name has 1 to {LONGEST_NAME} characters on one line, all of which one can see")]
    Name,
    /// Longer than [`LONGEST_EXPRESSION`].
    #[error("expression has {0} characters; at most {LONGEST_EXPRESSION} are taken")]
    LongExpression(usize),
    /// No RackCode.
    #[error("expression, {error}")]
    Expression {
        /// The characters (Unicode code points) before the mistake.
        position: usize,
        /// The mistake.
        error: SyntaxError,
    },
    /// No filter.
    #[error("filter, at character {}: {}", .0.position + 1, .0)]
    Filter(FilterError),
}

impl ViewRefused {
    /// The member that is wrong, as a JSON Pointer (RFC 6901).
    pub const fn pointer(&self) -> &'static str {
        match self {
            Self::Name => "/name",
            Self::LongExpression(_) | Self::Expression { .. } => "/expression",
            Self::Filter(_) => "/filter",
        }
    }

    /// The characters (Unicode code points) of that member before the mistake, where it has a place.
    pub const fn position(&self) -> Option<usize> {
        match self {
            Self::Name | Self::LongExpression(_) => None,
            Self::Expression { position, .. } => Some(*position),
            Self::Filter(error) => Some(error.position),
        }
    }
}

impl ViewWish {
    /// The wish as it is kept: without white space around its texts.
    ///
    /// A tag that nobody has and a predicate that is not defined are no mistakes: they come and go with the inventory.
    pub fn accepted(mut self) -> Result<Self, ViewRefused> {
        let name = self.name.trim();
        if !(1..=LONGEST_NAME).contains(&name.chars().count()) || name.contains(is_unseen) {
            return Err(ViewRefused::Name);
        }
        let length = self.expression.chars().count();
        if length > LONGEST_EXPRESSION {
            return Err(ViewRefused::LongExpression(length));
        }
        expression(&self.expression).map_err(|error| ViewRefused::Expression {
            position: position(&self.expression, &error),
            error,
        })?;
        self.filter.parse::<Filter>().map_err(ViewRefused::Filter)?;
        self.name = name.to_owned();
        self.expression = self.expression.trim().to_owned();
        self.filter = self.filter.trim().to_owned();
        Ok(self)
    }
}

/// Characters that nobody sees, or that turn around what stands beside them. Emoji are made with U+200D.
fn is_unseen(character: char) -> bool {
    let is_mark = matches!(
        character,
        '\u{ad}' | '\u{200b}'..='\u{200c}' | '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
    );
    is_mark || character.is_control()
}

/// A view's expression, read. Nothing but white space stands for everything.
pub fn expression(text: &str) -> Result<Expression, SyntaxError> {
    if text.trim().is_empty() { Ok(Expression::everything()) } else { Expression::parse(text) }
}

/// For whom a view holds: the JSON of `GET /api/v1/views/{id}/members`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ViewMembers {
    /// Version of the view, a dot, and a hash of what follows.
    pub version: String,
    /// Of the inventory it was worked out on.
    pub inventory_version: String,
    /// Racks, by id.
    pub racks: Vec<RackId>,
    /// Devices, by id.
    pub devices: Vec<DeviceId>,
    /// The tags and predicates of the expression that do not exist, as they are written.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unknown: Vec<String>,
    /// Why it may hold for fewer than it should.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl ViewMembers {
    /// Works out a view, whose `version` grows with each change, on an inventory of `inventory_version`. With `broken`,
    /// the reason why the inventory's predicates are void, it is told with the members.
    pub fn new(
        version: i64,
        text: &str,
        tags: &TagIndex,
        inventory_version: &str,
        broken: Option<&str>,
    ) -> Self {
        let mut members = Self { error: broken.map(str::to_owned), ..Self::default() };
        match expression(text) {
            Ok(expression) => {
                let found = tags.members(&expression);
                (members.racks, members.devices) = (found.racks, found.devices);
                members.unknown = tags.unknown(&expression).into_iter().collect();
            }
            // It was right when it was written; another version of Heat may read otherwise.
            Err(error) => members.error = Some(format!("the expression cannot be read: {error}")),
        }
        // Serialising this to memory cannot fail: no map keys, no floats, no I/O.
        let digest = Sha256::digest(serde_json::to_vec(&members).unwrap_or_default());
        members.version = format!("{version}.{}", short_hex(&digest));
        inventory_version.clone_into(&mut members.inventory_version);
        members
    }

    /// Whether members of this [`ViewMembers::version`] are those of a view that is at `version`.
    pub fn is_of(members_version: &str, version: i64) -> bool {
        members_version.split_once('.').is_some_and(|(of, _)| of.parse() == Ok(version))
    }
}

/// A line and a column as the characters before them.
fn position(text: &str, error: &SyntaxError) -> usize {
    let before: usize =
        text.split('\n').take(error.at.line.saturating_sub(1)).map(|line| line.chars().count() + 1).sum();
    (before + error.at.column.saturating_sub(1)).min(text.chars().count())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::Inventory;
    use crate::rackcode::Predicates;
    use proptest::prelude::*;

    fn wish(name: &str, expression: &str, filter: &str) -> ViewWish {
        ViewWish { name: name.into(), expression: expression.into(), filter: filter.into(), shared: false }
    }

    #[test]
    fn a_view_is_kept_without_white_space_around_its_texts() {
        let kept = wish(" Core ", "\n{core} and not {lab}\n", " sev>=high ").accepted().unwrap();
        assert_eq!(kept, wish("Core", "{core} and not {lab}", "sev>=high"));
        assert!(wish("All", "", "").accepted().is_ok(), "everything");
        assert!(wish("Some", "{nobody has it} or [not defined]", "").accepted().is_ok());
    }

    #[test]
    fn a_mistake_is_told_with_its_member_and_place() {
        let of = |name: &str, expression: &str, filter: &str| {
            let refused = wish(name, expression, filter).accepted().unwrap_err();
            (refused.pointer(), refused.position(), refused.to_string())
        };
        assert_eq!(of("  ", "", "").0, "/name");
        assert_eq!(of("two\nlines", "", "").0, "/name");
        assert_eq!(of("turned \u{202e} around", "", "").0, "/name");
        assert_eq!(of(&"ж".repeat(81), "", "").0, "/name");
        assert_eq!(of("a", &"{a} or ".repeat(1000), "").0, "/expression");
        let (pointer, position, text) = of("a", "{ж} or\n{b} AND {c}", "");
        assert_eq!((pointer, position), ("/expression", Some(11)));
        assert!(text.contains("line 2, column 5") && text.contains("expected"), "{text}");
        let (pointer, position, text) = of("a", "", "sev>=loud");
        assert_eq!((pointer, position), ("/filter", Some(5)));
        assert!(text.contains("is no severity"), "{text}");
    }

    #[test]
    fn members_are_of_one_version_of_a_view_and_the_same_members_have_the_same_version() {
        let mut inventory: Inventory =
            serde_json::from_str(include_str!("../examples/inventory.json")).unwrap();
        inventory.normalise();
        let tags = TagIndex::new(&inventory, &Predicates::of(&inventory).unwrap());
        let members = ViewMembers::new(3, "{net} or {$id_520} or {nobody}", &tags, "one", None);
        assert_eq!((&*members.racks, &*members.devices), (&[4][..], &[520][..]));
        assert_eq!(members.unknown, ["{nobody}"]);
        assert!(ViewMembers::is_of(&members.version, 3) && !ViewMembers::is_of(&members.version, 4));
        let again = ViewMembers::new(3, "{net} or {$id_520} or {nobody}", &tags, "two", None);
        assert_eq!(again.version, members.version, "the inventory has changed elsewhere");
        let all = ViewMembers::new(1, "", &tags, "one", Some("no predicates"));
        assert_eq!(all.devices.len(), inventory.devices.len());
        assert_eq!(all.error.unwrap(), "no predicates");
        assert!(ViewMembers::new(1, "{", &tags, "one", None).error.unwrap().contains("cannot be read"));
    }

    proptest! {
        #[test]
        fn whatever_is_written_the_mistake_lies_within_the_text(text in "[{}a ж\n()#]{0,30}") {
            match wish("a", &text, "").accepted() {
                Ok(kept) => prop_assert!(expression(&kept.expression).is_ok()),
                Err(refused) => prop_assert!(refused.position().unwrap() <= text.chars().count()),
            }
        }
    }
}
