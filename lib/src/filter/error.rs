//! What is wrong with a filter, and where.

use super::{DEEPEST, Field, Flag, LONGEST};

/// Why a text is no filter. Says what was expected; the place is [`FilterError::position`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{mistake}")]
pub struct FilterError {
    /// The characters (Unicode code points) before the mistake.
    pub position: usize,
    /// The mistake.
    pub mistake: Mistake,
}

/// The mistakes one can make.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Mistake {
    /// More than [`LONGEST`] characters, so many.
    #[error("the filter has {0} characters; at most {LONGEST} are taken")]
    TooLong(usize),
    /// More than [`DEEPEST`] parentheses and negations around each other.
    #[error("parentheses and negations are nested more than {DEEPEST} deep")]
    TooDeep,
    /// A word with a comparison behind it that is no field.
    #[error("unknown field \"{name}\"; {}", hint(*meant))]
    UnknownField {
        /// The word.
        name: String,
        /// The field that is spelled nearly so.
        meant: Option<Field>,
    },
    /// A comparison without anything before it.
    #[error("expected a field before {0}; put text that begins so in quotes")]
    NoField(&'static str),
    /// A comparison that the field does not know.
    #[error("{field} takes {}, not {sign}", .field.takes())]
    Comparison {
        /// The field.
        field: Field,
        /// The comparison, as it is written.
        sign: &'static str,
    },
    /// A comparison behind a word that is true or false by itself.
    #[error("{0} takes no value; write {0} or -{0}")]
    NoComparison(Flag),
    /// A field without a value.
    #[error("expected a value right after {0}")]
    NoValue(String),
    /// A value of `sev` that is none.
    #[error(
        "\"{0}\" is no severity; expected 0 to 5, or not_classified, information, warning, average, high or disaster"
    )]
    Severity(String),
    /// A value of `age` that is none.
    #[error("\"{0}\" is no age; expected up to 9 digits and s, m, h, d or w, such as 15m")]
    Age(String),
    /// A value of `u` that is none.
    #[error("\"{0}\" is no unit of a rack; expected up to 9 digits, such as 40")]
    Unit(String),
    /// A quote without its second.
    #[error("this quote is never closed")]
    OpenQuote,
    /// Quotes with nothing between them, where something is looked for.
    #[error("expected something between the quotes")]
    EmptyQuotes,
    /// A backslash before a character that needs none.
    #[error("unknown escape \\{0}; in quotes write \\\" for \", \\\\ for \\ and \\* for *")]
    Escape(char),
    /// A quote in the middle of a word, or a word at the end of a quote.
    #[error("expected a space here")]
    Crowded,
    /// A parenthesis without its second.
    #[error("this parenthesis is never closed")]
    OpenParenthesis,
    /// A parenthesis without its first.
    #[error("this parenthesis was never opened")]
    ClosedParenthesis,
    /// A minus sign before a space or the end.
    #[error("expected a condition right after -")]
    NothingNegated,
    /// `or`, `and` or a closing parenthesis where a condition should begin.
    #[error("expected a condition before {0}")]
    NoCondition(&'static str),
    /// The end where a condition should begin.
    #[error("expected a condition, but the filter ends here")]
    End,
}

fn hint(meant: Option<Field>) -> String {
    if let Some(field) = meant {
        return format!("did you mean {field}?");
    }
    let all: Vec<_> = Field::ALL.iter().map(|field| field.name()).collect();
    format!("put text with a sign of comparison in quotes; the fields are {}", all.join(", "))
}
