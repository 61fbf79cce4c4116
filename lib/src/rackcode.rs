//! RackCode, the language in which RackTables picks racks and objects by their tags. Views are written in it.
//!
//! ```text
//! {dc1} and ({role switch} or [core]) and not {$unmounted}
//! ```
//!
//! [`Expression::parse`] reads one, [`TagIndex::members`] tells for which racks and devices of an inventory it holds. It
//! is RackTables' language, as RackTables 0.20.11 to 0.22 reads it:
//!
//! - `{name}` holds for what has the tag. An inventory's tags include those above them in RackTables' tree. Names are
//!   compared byte by byte, and a tag that nobody has is no error.
//! - `{$name}` holds for what has the automatic tag: `$any_rack`, `$rackid_N` on racks; `$any_object`, `$id_N`,
//!   `$cn_NAME` (its name, where that can be written so), `$nameless`, `$unmounted`, `$no_asset_tag` on devices;
//!   `$untagged` on both. Those that Heat cannot know of itself come with the inventory
//!   ([`Device::automatic_tags`](crate::inventory::Device::automatic_tags)): `$typeid_N`, `$attr_A_K`, `$portless`,
//!   `$runs_8021Q`, `$8021Q_domain_N`, `$8021Q_tpl_N`. There is none for rows and locations.
//! - `[name]` stands for a predicate, an expression that a script defines ([`Predicates`]). One that is not defined has
//!   no value: neither it nor its negation holds for anything, and `and` and `or` take it for false.
//! - `not`, `and`, `or`, in falling tightness; `true`, `false`; parentheses, at most [`MAX_NESTING`] inside each other.
//!   A word ends at a blank, a line's end or a `)` and nowhere else: `not({a})` is an error. `#` begins a comment.
//!
//! RackTables' own parser has accidents that Heat answers with an error instead: it overlooks a single letter, a `{` or
//! a `[` at the very end, takes `{0}` and `[0]` for nothing, and `LEX_TAG` and `LEX_PREDICATE` for names without their
//! brackets.
//!
//! Nothing here calls itself: no text is deep enough to overflow a stack.
//!
//! # What views cost
//!
//! `cargo bench -p heat`, a release build on two cores, fastest of 100, with 200 views of eight names each over 100,000
//! devices of eight tags; as a ratio to plain Rust in the same run, which asks each device for each view by a set of its
//! tags' names:
//!
//! | | | beside plain |
//! |---|--:|--:|
//! | asking each device in plain Rust | 2.3 s | 1 |
//! | all of the below, once per inventory version | 220 ms | 0.10 |
//! | index the devices by their tags | 144 ms | 0.06 |
//! | parse the views | 0.2 ms | 0.0001 |
//! | for whom the views hold | 27 ms | 0.012 |

mod automatic;
mod error;
mod expression;
mod index;
mod name;
mod parse;
mod predicates;
mod scan;
#[cfg(test)]
mod tests;

pub use self::error::{Expected, MAX_NESTING, Position, Problem, SyntaxError};
pub use self::expression::Expression;
pub use self::index::{Members, TagIndex};
pub use self::predicates::Predicates;
