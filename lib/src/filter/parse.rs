//! From text to conditions, and what may be written without quotes.

use super::error::{FilterError, Mistake};
use super::pattern::{Draft, Pattern};
use super::{Comparison, Condition, DEEPEST, Field, Flag, LONGEST, Node, Text};
use crate::severity::Severity;

/// Units of time: how many seconds, and the letter.
pub(super) const UNITS_OF_TIME: [(u64, char); 5] =
    [(1, 's'), (60, 'm'), (3600, 'h'), (86_400, 'd'), (604_800, 'w')];

/// A field named nearly like this many letters' difference is what was meant.
const NEAR: usize = 2;

type Parsed<T> = Result<T, FilterError>;

pub(super) fn filter(text: &str) -> Parsed<Option<Node>> {
    let text: Vec<char> = text.chars().collect();
    if text.len() > LONGEST {
        return Err(FilterError { position: LONGEST, mistake: Mistake::TooLong(text.len()) });
    }
    let mut parser = Parser { text, at: 0, depth: 0, open: 0 };
    parser.space();
    if parser.peek().is_none() {
        return Ok(None);
    }
    let node = parser.any()?;
    match parser.peek() {
        None => Ok(Some(node)),
        Some(_) => Err(parser.mistake(Mistake::ClosedParenthesis)),
    }
}

struct Parser {
    text: Vec<char>,
    /// Where it is.
    at: usize,
    /// Parentheses and negations around it.
    depth: usize,
    /// Parentheses around it.
    open: usize,
}

/// Both twins skip the same: what a keyboard makes, and the space that comes out of documents.
fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '\u{a0}')
}

fn ends_a_word(c: char) -> bool {
    is_space(c) || matches!(c, '(' | ')' | '"')
}

/// Whether a text is a value when it stands behind a comparison without quotes.
pub(super) fn is_plain_value(text: &str) -> bool {
    !text.is_empty() && !text.contains(ends_a_word)
}

/// Whether a text is a tag's name without quotes.
pub(super) fn is_plain_tag(text: &str) -> bool {
    is_plain_value(text) && !text.contains('=')
}

/// Whether a text is a word to look for without quotes.
pub(super) fn is_plain_word(text: &str) -> bool {
    let word: Vec<char> = text.chars().collect();
    is_plain_value(text)
        && !text.starts_with('-')
        && split_field(&word).is_none()
        && keyword(&word).is_none()
        && Flag::named(text).is_none()
}

/// A word that joins or negates.
fn keyword(word: &[char]) -> Option<&'static str> {
    let is = |keyword: &&str| word.iter().map(char::to_ascii_lowercase).eq(keyword.chars());
    ["and", "not", "or"].into_iter().find(is)
}

/// A word that has a sign of comparison behind nothing but letters.
struct Compared {
    name: String,
    comparison: Comparison,
    /// The comparison as it is written.
    sign: &'static str,
}

fn split_field(word: &[char]) -> Option<Compared> {
    let letters = word.iter().take_while(|c| c.is_ascii_alphabetic()).count();
    let (comparison, sign) = match word.get(letters..)? {
        ['<', '=', ..] => (Comparison::AtMost, "<="),
        ['>', '=', ..] => (Comparison::AtLeast, ">="),
        ['<', ..] => (Comparison::Below, "<"),
        ['>', ..] => (Comparison::Above, ">"),
        [':', ..] => (Comparison::Is, ":"),
        ['=', ..] => (Comparison::Is, "="),
        _ => return None,
    };
    Some(Compared { name: word.iter().take(letters).collect(), comparison, sign })
}

impl Parser {
    fn peek(&self) -> Option<char> {
        self.text.get(self.at).copied()
    }

    fn space(&mut self) {
        while self.peek().is_some_and(is_space) {
            self.at += 1;
        }
    }

    /// The word that begins here; empty before a parenthesis, a quote, a space or the end.
    fn word(&self) -> &[char] {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let length = rest.iter().position(|c| ends_a_word(*c)).unwrap_or(rest.len());
        rest.get(..length).unwrap_or_default()
    }

    fn mistake(&self, mistake: Mistake) -> FilterError {
        FilterError { position: self.at, mistake }
    }

    /// Conditions with `or` between them.
    fn any(&mut self) -> Parsed<Node> {
        let first = self.all()?;
        let mut others = Vec::new();
        while keyword(self.word()) == Some("or") {
            self.at += "or".len();
            others.push(self.all()?);
        }
        Ok(joined(first, others, Node::Any))
    }

    /// Conditions beside each other, with or without `and`. Leaves off before `or`, a closing parenthesis or the end.
    fn all(&mut self) -> Parsed<Node> {
        let first = self.one()?;
        let mut others = Vec::new();
        loop {
            self.space();
            match (self.peek(), keyword(self.word())) {
                (None | Some(')'), _) | (_, Some("or")) => break,
                (_, Some("and")) => self.at += "and".len(),
                _ => {}
            }
            others.push(self.one()?);
        }
        Ok(joined(first, others, Node::All))
    }

    /// One condition, with what negates it.
    fn one(&mut self) -> Parsed<Node> {
        self.space();
        match self.peek() {
            None => Err(self.mistake(Mistake::End)),
            Some(')') if self.open == 0 => Err(self.mistake(Mistake::ClosedParenthesis)),
            Some(')') => Err(self.mistake(Mistake::NoCondition(")"))),
            Some('(') => self.group(),
            Some('-') => {
                self.deeper()?;
                self.at += 1;
                if self.peek().is_none_or(|next| is_space(next) || next == ')') {
                    return Err(self.mistake(Mistake::NothingNegated));
                }
                self.negated()
            }
            Some('"') => {
                let pattern = self.quoted()?;
                Ok(Node::Is(Condition::Word(pattern)))
            }
            Some(_) => match keyword(self.word()) {
                Some("not") => {
                    self.deeper()?;
                    self.at += "not".len();
                    self.negated()
                }
                Some(other) => Err(self.mistake(Mistake::NoCondition(other))),
                None => self.condition().map(Node::Is),
            },
        }
    }

    fn deeper(&mut self) -> Parsed<()> {
        if self.depth == DEEPEST {
            return Err(self.mistake(Mistake::TooDeep));
        }
        self.depth += 1;
        Ok(())
    }

    fn negated(&mut self) -> Parsed<Node> {
        let node = self.one()?;
        self.depth -= 1;
        Ok(Node::Not(Box::new(node)))
    }

    fn group(&mut self) -> Parsed<Node> {
        let start = self.at;
        self.deeper()?;
        self.open += 1;
        self.at += 1;
        let node = self.any()?;
        if self.peek().is_none() {
            return Err(FilterError { position: start, mistake: Mistake::OpenParenthesis });
        }
        self.at += 1;
        self.open -= 1;
        self.depth -= 1;
        Ok(node)
    }

    /// A word that is a flag, a field with its value, or just a word.
    fn condition(&mut self) -> Parsed<Condition> {
        let word = self.word();
        if let Some(compared) = split_field(word) {
            return self.compared(&compared);
        }
        let text: String = word.iter().collect();
        let pattern = self.bare(|_| false)?;
        Ok(Flag::named(&text).map_or(Condition::Word(pattern), Condition::Flag))
    }

    /// What stands before and after a comparison.
    fn compared(&mut self, Compared { name, comparison, sign }: &Compared) -> Parsed<Condition> {
        let comparison = *comparison;
        if name.is_empty() {
            return Err(self.mistake(Mistake::NoField(sign)));
        }
        let known = Field::ALL.into_iter().find(|field| field.name().eq_ignore_ascii_case(name));
        let Some(field) = known else {
            let mistake = match Flag::named(name) {
                Some(flag) => Mistake::NoComparison(flag),
                None => Mistake::UnknownField { name: name.clone(), meant: meant(name) },
            };
            return Err(self.mistake(mistake));
        };
        self.at += name.len();
        if !field.knows(comparison) {
            return Err(self.mistake(Mistake::Comparison { field, sign }));
        }
        self.at += sign.len();
        let behind = || format!("{field}{sign}");
        let text = |parser: &mut Self, text| Ok(Condition::Text(text, parser.value(behind(), |_| false)?));
        match field {
            Field::Dc => text(self, Text::Dc),
            Field::Device => text(self, Text::Device),
            Field::Host => text(self, Text::Host),
            Field::Name => text(self, Text::Name),
            Field::Rack => text(self, Text::Rack),
            Field::Row => text(self, Text::Row),
            Field::Src => text(self, Text::Src),
            Field::Ticket => text(self, Text::Ticket),
            Field::Tag => {
                let name = self.value(behind(), |c| c == '=')?;
                if self.peek() != Some('=') {
                    return Ok(Condition::Tag(name, None));
                }
                self.at += 1;
                let value = self.value(format!("tag:{name}="), |_| false)?;
                Ok(Condition::Tag(name, Some(value)))
            }
            Field::Age => self.read(behind(), age, Mistake::Age).map(|age| Condition::Age(comparison, age)),
            Field::Sev => {
                let severity = self.read(behind(), severity, Mistake::Severity)?;
                Ok(Condition::Severity(comparison, severity))
            }
            Field::U => {
                self.read(behind(), number, Mistake::Unit).map(|unit| Condition::Unit(comparison, unit))
            }
        }
    }

    /// A value that is more than a text.
    fn read<T>(
        &mut self,
        behind: String,
        meaning: impl Fn(&str) -> Option<T>,
        mistake: impl Fn(String) -> Mistake,
    ) -> Parsed<T> {
        let position = self.at;
        let value = self.value(behind, |_| false)?;
        value
            .exact()
            .and_then(meaning)
            .ok_or_else(|| FilterError { position, mistake: mistake(value.to_string()) })
    }

    fn value(&mut self, behind: String, ends: impl Fn(char) -> bool) -> Parsed<Pattern> {
        if self.peek() == Some('"') {
            return self.quotes(ends);
        }
        let pattern = self.bare(ends)?;
        if pattern.is_empty() { Err(self.mistake(Mistake::NoValue(behind))) } else { Ok(pattern) }
    }

    /// What stands here up to the end of the word, or to a character that ends it before.
    fn bare(&mut self, ends: impl Fn(char) -> bool) -> Parsed<Pattern> {
        let mut draft = Draft::new();
        while let Some(c) = self.peek().filter(|c| !ends_a_word(*c) && !ends(*c)) {
            draft.push_bare(c);
            self.at += 1;
        }
        if self.peek() == Some('"') {
            return Err(self.mistake(Mistake::Crowded));
        }
        Ok(draft.finish())
    }

    /// Words to look for.
    fn quoted(&mut self) -> Parsed<Pattern> {
        let position = self.at;
        let pattern = self.quotes(|_| false)?;
        if pattern.is_empty() {
            return Err(FilterError { position, mistake: Mistake::EmptyQuotes });
        }
        Ok(pattern)
    }

    /// What stands between quotes. Behind them comes a space, a parenthesis, the end, or a character that `ends` knows.
    fn quotes(&mut self, ends: impl Fn(char) -> bool) -> Parsed<Pattern> {
        let start = self.at;
        let mut draft = Draft::new();
        loop {
            self.at += 1;
            match self.peek() {
                None => return Err(FilterError { position: start, mistake: Mistake::OpenQuote }),
                Some('"') => break,
                Some('*') => draft.gap(),
                Some('\\') => match self.text.get(self.at + 1) {
                    Some(c @ ('"' | '\\' | '*')) => {
                        draft.push(*c);
                        self.at += 1;
                    }
                    Some(other) => return Err(self.mistake(Mistake::Escape(*other))),
                    None => return Err(FilterError { position: start, mistake: Mistake::OpenQuote }),
                },
                Some(c) => draft.push(c),
            }
        }
        self.at += 1;
        let fits = |next| is_space(next) || matches!(next, '(' | ')') || ends(next);
        if self.peek().is_some_and(|next| !fits(next)) {
            return Err(self.mistake(Mistake::Crowded));
        }
        Ok(draft.finish())
    }
}

fn joined(first: Node, mut others: Vec<Node>, join: fn(Vec<Node>) -> Node) -> Node {
    if others.is_empty() {
        return first;
    }
    others.insert(0, first);
    join(others)
}

/// By number, or by any beginning of the name: no two have the same first letter.
fn severity(text: &str) -> Option<Severity> {
    let text = text.to_ascii_lowercase();
    let is = |severity: &Severity| severity.name().starts_with(&text) || severity.level().to_string() == text;
    Severity::ALL.into_iter().find(is).filter(|_| !text.is_empty())
}

/// Up to nine digits: more than anybody needs, and what both twins can calculate with.
fn number(text: &str) -> Option<u32> {
    let is_short = text.len() <= 9 && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| is_short)
}

/// In seconds.
fn age(text: &str) -> Option<u64> {
    let letter = text.chars().next_back()?;
    let (length, _) = UNITS_OF_TIME.into_iter().find(|(_, unit)| letter.eq_ignore_ascii_case(unit))?;
    number(text.strip_suffix(letter)?).map(|count| u64::from(count) * length)
}

/// The field that somebody meant who wrote this: one begins with the other, or at most half of the letters are wrong.
fn meant(name: &str) -> Option<Field> {
    let name = name.to_ascii_lowercase();
    let far = |field: &Field| {
        let (short, long) =
            if name.len() < field.name().len() { (&*name, field.name()) } else { (field.name(), &*name) };
        if short.len() > 1 && long.starts_with(short) { 1 } else { strsim::osa_distance(&name, field.name()) }
    };
    let best = Field::ALL.into_iter().map(|field| (far(&field), field)).min_by_key(|(far, _)| *far);
    best.filter(|(far, _)| *far <= NEAR && 2 * far <= name.len()).map(|(_, field)| field)
}
