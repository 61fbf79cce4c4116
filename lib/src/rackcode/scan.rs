//! From text to tokens.

use super::error::{Expected, Position, Problem, SyntaxError};
use super::name::{is_automatic, is_letter, is_name};

/// What RackCode is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lexeme<'a> {
    /// `(`
    Open,
    /// `)`
    Close,
    /// `{name}` or `{$name}`
    Tag(&'a str),
    /// `[name]`
    Predicate(&'a str),
    /// A keyword, or something that is none.
    Word(&'a str),
    /// There is no more text. It stands right behind the last token.
    End,
}

/// A lexeme, where it stands and how it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) lexeme: Lexeme<'a>,
    pub(super) at: Position,
    pub(super) written: &'a str,
}

/// Reads a text from its beginning to its end.
#[derive(Debug)]
pub(super) struct Scanner<'a> {
    rest: &'a str,
    at: Position,
}

impl<'a> Scanner<'a> {
    /// Reads a text that begins at this place of a greater one.
    pub(super) fn new(text: &'a str, at: Position) -> Self {
        Self { rest: text, at }
    }

    /// How far it has read.
    pub(super) fn at(&self) -> Position {
        self.at
    }

    /// The next token; the end again and again.
    pub(super) fn next(&mut self) -> Result<Token<'a>, SyntaxError> {
        let behind = self.at;
        self.skip();
        let (at, begun) = (self.at, self.rest);
        let lexeme = match begun.chars().next() {
            None => return Ok(Token { lexeme: Lexeme::End, at: behind, written: "" }),
            Some('(') => {
                self.take(1);
                Lexeme::Open
            }
            Some(')') => {
                self.take(1);
                Lexeme::Close
            }
            Some('{') => Lexeme::Tag(self.name('{', '}', |name| is_name(name) || is_automatic(name))?),
            Some('[') => Lexeme::Predicate(self.name('[', ']', is_name)?),
            // A word takes along whatever stands beside it: `not({a}` is one.
            Some(first) if is_letter(first) => {
                Lexeme::Word(self.take_to(|c| matches!(c, ' ' | '\t' | '\n' | ')')))
            }
            Some(other) => {
                return Err(SyntaxError::new(Problem::Character(other), Expected::Token, at));
            }
        };
        let written = begun.get(..begun.len() - self.rest.len()).unwrap_or_default();
        Ok(Token { lexeme, at, written })
    }

    /// Blanks, tabs, line ends and comments. Nothing else is white space.
    fn skip(&mut self) {
        loop {
            if let Some(rest) = self.rest.strip_prefix('\n') {
                self.rest = rest;
                self.at = Position { line: self.at.line + 1, column: 1 };
            } else if self.rest.starts_with([' ', '\t']) {
                self.take_to(|c| !matches!(c, ' ' | '\t'));
            } else if self.rest.starts_with('#') {
                self.take_to(|c| c == '\n');
            } else {
                return;
            }
        }
    }

    /// The name in a pair of braces or brackets, which stand on one line.
    fn name(
        &mut self,
        open: char,
        close: char,
        allowed: impl Fn(&str) -> bool,
    ) -> Result<&'a str, SyntaxError> {
        let at = self.at;
        self.take(open.len_utf8());
        let inside = self.take_to(|c| c == close || c == '\n');
        if !self.rest.starts_with(close) {
            return Err(SyntaxError::new(Problem::Unclosed(open), Expected::Closing(close), at));
        }
        self.take(close.len_utf8());
        let name = inside.trim_matches([' ', '\t']);
        if !allowed(name) {
            return Err(SyntaxError::new(Problem::name(name), Expected::Name, at));
        }
        Ok(name)
    }

    fn take_to(&mut self, stop: impl Fn(char) -> bool) -> &'a str {
        self.take(self.rest.find(stop).unwrap_or(self.rest.len()))
    }

    /// What is taken holds no line end.
    fn take(&mut self, bytes: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at_checked(bytes).unwrap_or((self.rest, ""));
        self.rest = rest;
        self.at.column += taken.chars().count();
        taken
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tokens(text: &str) -> Result<Vec<Token<'_>>, SyntaxError> {
        let mut scanner = Scanner::new(text, Position::START);
        let mut tokens = Vec::new();
        loop {
            let token = scanner.next()?;
            if token.lexeme == Lexeme::End {
                return Ok(tokens);
            }
            tokens.push(token);
        }
    }

    #[test]
    fn a_word_ends_at_a_blank_or_a_closing_parenthesis_alone() {
        let lexemes = |text| tokens(text).unwrap().iter().map(|token| token.lexeme).collect::<Vec<_>>();
        assert_eq!(lexemes("not({a})"), [Lexeme::Word("not({a}"), Lexeme::Close]);
        assert_eq!(
            lexemes("{a}and [b]or#c"),
            [Lexeme::Tag("a"), Lexeme::Word("and"), Lexeme::Predicate("b"), Lexeme::Word("or#c"),]
        );
        assert_eq!(lexemes("(# a {comment\n\t{ $a b\t}"), [Lexeme::Open, Lexeme::Tag("$a b")]);
    }

    #[test]
    fn columns_count_characters_and_lines_begin_anew() {
        let places = |text| tokens(text).unwrap().iter().map(|token| token.at).collect::<Vec<_>>();
        let at = |line, column| Position { line, column };
        assert_eq!(places("{ВЛА} or\n\n\t{b}"), [at(1, 1), at(1, 7), at(3, 2)]);
        let error = tokens("{a}\n and\u{a0}{b} é !").unwrap_err();
        assert_eq!((error.problem, error.at), (Problem::Character('!'), at(2, 12)));
    }

    proptest! {
        #[test]
        fn tokens_stand_where_they_say_one_behind_the_other(text in "[ab{}\\[\\]()#$é\u{301} \n\t]{0,40}") {
            let mut free = Position::START;
            for Token { at, written, .. } in tokens(&text).unwrap_or_default() {
                let line = text.split('\n').nth(at.line - 1).unwrap();
                let rest: String = line.chars().skip(at.column - 1).collect();
                prop_assert!(at >= free && !written.is_empty() && rest.starts_with(written), "{} {}", at, written);
                free = Position { column: at.column + written.chars().count(), ..at };
            }
        }

        #[test]
        fn no_text_makes_it_panic(text in any::<String>()) {
            if let Err(error) = tokens(&text) {
                let line = text.split('\n').nth(error.at.line - 1).unwrap();
                prop_assert!(error.at.column <= line.chars().count());
            }
        }
    }
}
