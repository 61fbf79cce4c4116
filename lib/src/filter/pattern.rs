//! Texts to look for, with `*` for anything.

use std::fmt;

/// A text with gaps. Case does not matter to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern {
    /// What stands between the gaps, as it was written; at least one. Only the first and the last may be empty.
    pieces: Vec<String>,
    /// The same in lower case.
    lower: Vec<String>,
}

/// A pattern while it is read.
#[derive(Debug)]
pub(super) struct Draft(Vec<String>);

impl Draft {
    pub(super) fn new() -> Self {
        Self(vec![String::new()])
    }

    pub(super) fn push(&mut self, c: char) {
        if let Some(last) = self.0.last_mut() {
            last.push(c);
        }
    }

    /// A gap. Two beside each other are one.
    pub(super) fn gap(&mut self) {
        let follows_a_gap = self.0.len() > 1 && self.0.last().is_some_and(String::is_empty);
        if !follows_a_gap {
            self.0.push(String::new());
        }
    }

    /// A character as it stands without an escape.
    pub(super) fn push_bare(&mut self, c: char) {
        if c == '*' {
            self.gap();
        } else {
            self.push(c);
        }
    }

    pub(super) fn finish(self) -> Pattern {
        let lower = self.0.iter().map(|piece| piece.to_lowercase()).collect();
        Pattern { pieces: self.0, lower }
    }
}

impl Pattern {
    /// Nothing, not even a gap.
    pub(super) fn is_empty(&self) -> bool {
        self.pieces.iter().all(String::is_empty) && self.pieces.len() == 1
    }

    /// The text, if there is no gap in it.
    pub(super) fn exact(&self) -> Option<&str> {
        if let [only] = self.pieces.as_slice() { Some(only) } else { None }
    }

    /// Whether this is all of `text`.
    pub(super) fn is(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        let [first, between @ .., last] = self.lower.as_slice() else {
            return self.lower.first() == Some(&text);
        };
        let inside = text.strip_prefix(first.as_str()).and_then(|rest| rest.strip_suffix(last.as_str()));
        inside.is_some_and(|inside| follow(inside, between))
    }

    /// Whether this is a part of `text`.
    pub(super) fn is_in(&self, text: &str) -> bool {
        follow(&text.to_lowercase(), &self.lower)
    }

    /// As it is written where only `is_plain` texts may go without quotes.
    pub(super) fn written(&self, is_plain: impl Fn(&str) -> bool) -> String {
        let bare = self.pieces.join("*");
        let has_literal_gaps = self.pieces.iter().any(|piece| piece.contains('*'));
        if !has_literal_gaps && is_plain(&bare) {
            return bare;
        }
        let escape = |piece: &String| piece.replace('\\', r"\\").replace('"', r#"\""#).replace('*', r"\*");
        format!("\"{}\"", self.pieces.iter().map(escape).collect::<Vec<_>>().join("*"))
    }
}

/// For messages: without quotes and escapes.
impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.pieces.join("*"))
    }
}

/// Whether the pieces come one after the other in `text`. Taking each as early as it comes loses nothing.
fn follow(text: &str, pieces: &[String]) -> bool {
    let mut rest = Some(text);
    for piece in pieces {
        rest = rest.and_then(|rest| rest.split_once(piece.as_str())).map(|(_, after)| after);
    }
    rest.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pattern(text: &str) -> Pattern {
        let mut draft = Draft::new();
        for c in text.chars() {
            draft.push_bare(c);
        }
        draft.finish()
    }

    /// The definition, character by character: slow, and too short to be wrong.
    fn is(pattern: &[char], text: &[char]) -> bool {
        match pattern.split_first() {
            None => text.is_empty(),
            Some(('*', rest)) => (0..=text.len()).any(|from| is(rest, &text[from..])),
            Some((c, rest)) => text.split_first().is_some_and(|(first, text)| first == c && is(rest, text)),
        }
    }

    proptest! {
        #[test]
        fn a_pattern_matches_what_the_definition_says(written in "[ab*]{0,8}", text in "[ab]{0,8}") {
            let chars = |text: &str| text.chars().collect::<Vec<_>>();
            prop_assert_eq!(pattern(&written).is(&text), is(&chars(&written), &chars(&text)));
            let anywhere = format!("*{written}*");
            prop_assert_eq!(pattern(&written).is_in(&text), is(&chars(&anywhere), &chars(&text)));
        }
    }

    #[test]
    fn case_does_not_matter_in_any_script() {
        assert!(pattern("СТОЙКА-*").is("стойка-7"));
        assert!(pattern("straße").is_in("Hauptstraße 1"));
    }
}
