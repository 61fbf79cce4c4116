//! Reads a template's source as far as the lints need it: what is text, what is code, and the words of the code.

/// A stretch of a source, and the line on which it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// Text that is written as it is.
    Text(&'a str, u32),
    /// `{{ … }}`
    Print(Vec<Token<'a>>, u32),
    /// `{% … %}`
    Tag(Vec<Token<'a>>, u32),
}

/// A word of code, and its line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind<'a>,
    pub(super) line: u32,
}

/// What a word of code is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind<'a> {
    /// A name or a number.
    Name(&'a str),
    /// What stands in quotes, without them.
    Quoted(&'a str),
    /// Anything else.
    Sign(char),
}

/// Takes a source apart. One that the engine refuses gives whatever it gives.
pub(super) fn pieces(source: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut scan = Scan { rest: source, line: 1 };
    while !scan.rest.is_empty() {
        let (begin, opening) = scan.next_opening();
        if begin > 0 {
            let line = scan.line;
            pieces.push(Piece::Text(scan.take(begin), line));
        }
        let line = scan.line;
        match opening {
            Some("{#") => _ = scan.take_through("#}"),
            Some("{{") => pieces.push(Piece::Print(scan.code("}}"), line)),
            Some(_) => {
                let tokens = scan.code("%}");
                if tokens.first().is_some_and(|token| token.kind == Kind::Name("raw")) {
                    pieces.push(scan.raw());
                } else {
                    pieces.push(Piece::Tag(tokens, line));
                }
            }
            None => {}
        }
    }
    pieces
}

struct Scan<'a> {
    rest: &'a str,
    line: u32,
}

impl<'a> Scan<'a> {
    fn take(&mut self, length: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(length);
        self.rest = rest;
        self.line += u32::try_from(taken.matches('\n').count()).unwrap_or(0);
        taken
    }

    fn take_through(&mut self, end: &str) -> &'a str {
        let length = self.rest.find(end).map_or(self.rest.len(), |at| at + end.len());
        self.take(length)
    }

    fn next_opening(&self) -> (usize, Option<&'static str>) {
        let openings = ["{{", "{%", "{#"];
        let mark = |at: usize| openings.into_iter().find(|opening| self.rest[at..].starts_with(opening));
        let found = self.rest.match_indices('{').find_map(|(at, _)| Some((at, Some(mark(at)?))));
        found.unwrap_or((self.rest.len(), None))
    }

    fn raw(&mut self) -> Piece<'a> {
        let line = self.line;
        let mut length = 0;
        // The first tag whose only word is `endraw`.
        while let Some(at) = self.rest[length..].find("{%") {
            let word = self.rest[length + at + 2..].trim_start_matches(['-', '+']).trim_start();
            if word.starts_with("endraw") {
                let text = self.take(length + at);
                self.take_through("%}");
                return Piece::Text(text, line);
            }
            length += at + 2;
        }
        Piece::Text(self.take(self.rest.len()), line)
    }

    fn code(&mut self, end: &str) -> Vec<Token<'a>> {
        let mut tokens = Vec::new();
        self.take(2);
        while let Some(c) = self.rest.chars().next() {
            let line = self.line;
            if self.rest.starts_with(end) {
                self.take(end.len());
                break;
            }
            let kind = if c == '"' || c == '\'' {
                let inside = quoted_length(&self.rest[1..], c);
                self.take(1);
                let text = self.take(inside);
                self.take(self.rest.len().min(1));
                Kind::Quoted(text)
            } else if is_word(c) {
                let length = self.rest.find(|c| !is_word(c)).unwrap_or(self.rest.len());
                Kind::Name(self.take(length))
            } else {
                self.take(c.len_utf8());
                if c.is_whitespace() {
                    continue;
                }
                Kind::Sign(c)
            };
            tokens.push(Token { kind, line });
        }
        // `{%-` and `-%}` are no part of the code.
        if matches!(tokens.first(), Some(token) if matches!(token.kind, Kind::Sign('-' | '+'))) {
            tokens.remove(0);
        }
        if matches!(tokens.last(), Some(token) if matches!(token.kind, Kind::Sign('-' | '+'))) {
            tokens.pop();
        }
        tokens
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// How long a text in quotes is, whose opening quote stands before it.
fn quoted_length(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return at,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Kind::{Name, Quoted, Sign};
    use super::*;

    fn kinds<'a>(piece: &Piece<'a>) -> Vec<Kind<'a>> {
        let (Piece::Print(tokens, _) | Piece::Tag(tokens, _)) = piece else { panic!("{piece:?} is no code") };
        tokens.iter().map(|token| token.kind).collect()
    }

    #[test]
    fn code_is_told_from_text_and_knows_its_lines() {
        let pieces = pieces(
            "a\n{{ b|c(\"}}\", 'it\\'s') }}\n{# {{ no }} #}{%- if d\n is e -%}{% raw %}{{ f }}{%{% endraw %}g",
        );
        let [
            Piece::Text("a\n", 1),
            print,
            Piece::Text("\n", 2),
            tag,
            Piece::Text("{{ f }}{%", 4),
            Piece::Text("g", 4),
        ] = pieces.as_slice()
        else {
            panic!("{pieces:?}")
        };
        let printed = [
            Name("b"),
            Sign('|'),
            Name("c"),
            Sign('('),
            Quoted("}}"),
            Sign(','),
            Quoted("it\\'s"),
            Sign(')'),
        ];
        assert_eq!(kinds(print), printed);
        assert_eq!(kinds(tag), [Name("if"), Name("d"), Name("is"), Name("e")]);
        assert!(matches!(tag, Piece::Tag(tokens, 3) if tokens[2].line == 4));
    }

    proptest! {
        #[test]
        fn no_source_hangs_or_breaks_the_scan(source in "([{%#}\"'\\\\\n a-я|-]|raw|endraw){0,40}") {
            let text: usize = pieces(&source).iter().map(|piece| match piece {
                Piece::Text(text, _) => text.len(),
                Piece::Print(..) | Piece::Tag(..) => 0,
            }).sum();
            prop_assert!(text <= source.len());
        }
    }
}
