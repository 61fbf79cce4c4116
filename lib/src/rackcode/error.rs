//! What is wrong with a text, where, and what would have been right.

use std::fmt;

use super::name::is_letter;
use crate::event::at_most;

/// Parentheses inside parentheses are understood so deep. RackTables itself has no limit but its memory.
pub const MAX_NESTING: usize = 256;

/// The longest piece of a wrong text that an error repeats, in characters.
const MAX_QUOTED: usize = 100;

/// A place in a text; both numbers begin with 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The character in it, in Unicode code points.
    pub column: usize,
}

impl Position {
    pub(super) const START: Self = Self { line: 1, column: 1 };
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// A text that is no RackCode. The first thing that is wrong ends the reading.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem}: expected {expected}{} ({at})", hint(.problem))]
pub struct SyntaxError {
    /// What is wrong.
    pub problem: Problem,
    /// What would have been right there.
    pub expected: Expected,
    /// Where it is wrong.
    pub at: Position,
    /// The line that RackTables names for the same error: the one to which it has read. That is further down where it
    /// complains of the token before ([`Problem::Undefined`], [`Problem::Duplicate`]) or has looked for more text
    /// ([`Problem::Ended`]), and it does not count empty lines before a filter.
    pub racktables_line: usize,
}

impl SyntaxError {
    pub(super) fn new(problem: Problem, expected: Expected, at: Position) -> Self {
        Self { problem, expected, at, racktables_line: at.line }
    }
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// A character that nothing begins with.
    Character(char),
    /// A `{` or `[` without its other end on the same line.
    Unclosed(char),
    /// What stands in braces or brackets cannot be a name.
    Name(String),
    /// Something in a wrong place, as it is written.
    Unexpected(String),
    /// The text ends too early.
    Ended,
    /// A predicate that is defined already.
    Duplicate(String),
    /// A predicate that a script uses and does not define before.
    Undefined(String),
    /// `{0}` or `[0]`: RackTables takes the name for none, whatever is tagged with it.
    Zero(String),
    /// Parentheses inside parentheses, too many.
    TooDeep,
    /// A script without a statement.
    NoStatement,
}

/// What would have been right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Anything that RackCode is made of.
    Token,
    /// The other end of braces or brackets.
    Closing(char),
    /// A name.
    Name,
    /// The name of a predicate that is not defined yet.
    NewName,
    /// A predicate that the script defines before.
    Known,
    /// What `and`, `or` and `not` stand beside.
    Operand,
    /// What an expression goes on with, or its end.
    Operator,
    /// What an expression in parentheses goes on with, or the end of those that were opened here.
    Parenthesis(Position),
    /// What a script begins with.
    Statement,
    /// What an expression in a script goes on with, or the next statement.
    NextStatement,
    /// The predicate that `define` defines.
    Predicate,
    /// The tag that `insert` or `remove` is about.
    Tag,
    /// What `context` does.
    Modifier,
    /// More of it, or on what.
    On,
    /// At most [`MAX_NESTING`].
    Shallower,
}

impl Problem {
    pub(super) fn name(name: &str) -> Self {
        Self::Name(quoted(name))
    }

    pub(super) fn unexpected(found: &str) -> Self {
        Self::Unexpected(quoted(found))
    }
}

fn quoted(text: &str) -> String {
    at_most(text, MAX_QUOTED).to_owned()
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Character(character) => write!(f, "invalid character {character:?}"),
            Self::Unclosed(bracket) => write!(f, "{bracket} is not closed on its line"),
            Self::Name(name) => write!(f, "{name:?} cannot be a name"),
            Self::Unexpected(found) => write!(f, "unexpected {found:?}"),
            Self::Ended => f.write_str("the text ends too early"),
            Self::Duplicate(name) => write!(f, "[{name}] is defined twice"),
            Self::Undefined(name) => write!(f, "[{name}] is not defined"),
            Self::Zero(written) => write!(f, "RackTables takes {written} for nothing"),
            Self::TooDeep => f.write_str("too many parentheses inside each other"),
            Self::NoStatement => f.write_str("the script says nothing"),
        }
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Token => "a {tag}, a [predicate], a keyword or a parenthesis",
            Self::Closing(bracket) => return write!(f, "{bracket}"),
            Self::Name => "letters and digits, with single blanks or one of . _ ~ + % - between them",
            Self::NewName => "a name that no predicate has yet",
            Self::Known => "a predicate defined above",
            Self::Operand => "a {tag}, a [predicate], not, true, false or (",
            Self::Operator => "and, or, or the end",
            Self::Parenthesis(opened) => return write!(f, "and, or, or ) for the ( at {opened}"),
            Self::Statement => "a statement: allow, deny, define, context",
            Self::NextStatement => "and, or, or a statement: allow, deny, define, context",
            Self::Predicate => "a [predicate] to define",
            Self::Tag => "a {tag}",
            Self::Modifier => "clear, insert or remove",
            Self::On => "clear, insert, remove or on",
            Self::Shallower => return write!(f, "at most {MAX_NESTING}"),
        })
    }
}

/// What those who know other languages, or forget a blank, probably meant.
fn hint(problem: &Problem) -> String {
    let meant = match problem {
        Problem::Character('&') => Some("and"),
        Problem::Character('|') => Some("or"),
        Problem::Character('!') => Some("not"),
        Problem::Unexpected(word) => {
            let end = word.find(|c| !is_letter(c)).unwrap_or(word.len());
            let (letters, more) = word.split_at(end);
            let lower = letters.to_lowercase();
            let keyword = ["and", "or", "not", "true", "false"].into_iter().find(|keyword| *keyword == lower);
            keyword.filter(|keyword| !more.is_empty() || *keyword != letters)
        }
        _ => None,
    };
    meant
        .map(|keyword| format!("; \"{keyword}\" is written in lower case, with a blank after it"))
        .unwrap_or_default()
}
