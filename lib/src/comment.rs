//! What operators write about events.

use std::borrow::Cow;
use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::event::at_most;
use crate::time::Timestamp;

/// The longest comment, in characters.
pub const MAX_TEXT: usize = 4000;

/// How many of a key's comments a snapshot carries.
pub const IN_SNAPSHOT: usize = 3;

/// The longest comment text a snapshot carries, in characters.
pub const TEXT_IN_SNAPSHOT: usize = 500;

/// One comment, as a snapshot shows it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Comment {
    /// Its id in Postgres.
    pub id: i64,
    /// Who wrote it.
    pub author: String,
    /// When.
    pub at: Timestamp,
    /// When it was last changed, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edited_at: Option<Timestamp>,
    /// The words, at most [`TEXT_IN_SNAPSHOT`] characters of them.
    pub text: String,
}

/// The comments of one event key: how many there are, and the last few, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Thread {
    /// All that were not deleted.
    pub count: u32,
    /// The last [`IN_SNAPSHOT`].
    pub last: Vec<Comment>,
}

/// Threads by event key.
pub type Threads = HashMap<String, Thread>;

/// Why a text is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextRefused {
    /// Nothing but white space.
    #[error("the text is empty; write at least one character")]
    Empty,
    /// Longer than [`MAX_TEXT`].
    #[error("the text has {0} characters; at most {MAX_TEXT} are taken")]
    TooLong(usize),
    /// Postgres' text type holds no NUL.
    #[error("the text contains a NUL character; remove it")]
    Nul,
}

/// The text as it is stored: white space around it removed, line ends as `\n`.
pub fn accepted_text(text: &str) -> Result<Cow<'_, str>, TextRefused> {
    let text = text.trim();
    if text.is_empty() {
        return Err(TextRefused::Empty);
    }
    if text.contains('\0') {
        return Err(TextRefused::Nul);
    }
    let text: Cow<'_, str> =
        if text.contains('\r') { text.replace("\r\n", "\n").replace('\r', "\n").into() } else { text.into() };
    match text.chars().count() {
        length if length > MAX_TEXT => Err(TextRefused::TooLong(length)),
        _ => Ok(text),
    }
}

/// A text cut to what a snapshot carries.
pub fn shown_text(text: &str) -> &str {
    at_most(text, TEXT_IN_SNAPSHOT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_trimmed_and_its_line_ends_are_unix() {
        assert_eq!(accepted_text("  two\r\nlines\r ").unwrap(), "two\nlines");
    }

    #[test]
    fn nothing_too_much_and_nul_are_refused() {
        assert_eq!(accepted_text(" \n"), Err(TextRefused::Empty));
        assert_eq!(accepted_text(&"ж".repeat(4001)), Err(TextRefused::TooLong(4001)));
        assert!(accepted_text(&"ж".repeat(4000)).is_ok());
        assert_eq!(accepted_text("a\0b"), Err(TextRefused::Nul));
    }
}
