//! From tokens to expressions.

use std::collections::HashSet;

use super::error::{Expected, MAX_NESTING, Position, Problem, SyntaxError};
use super::expression::{Expression, Step};
use super::scan::{Lexeme, Scanner, Token};

/// What RackTables cuts off both ends of a filter.
const BLANK: [char; 6] = [' ', '\t', '\n', '\r', '\0', '\u{b}'];

impl Expression {
    /// Reads a filter. Blank ends are cut off, and nothing at all holds for everything. The tags and predicates need
    /// not exist.
    pub fn parse(text: &str) -> Result<Self, SyntaxError> {
        let meant = text.trim_matches(BLANK);
        if meant.is_empty() {
            return Ok(Self::everything());
        }
        let cut = text.split(|c| !BLANK.contains(&c)).next().unwrap_or_default();
        let lines = cut.matches('\n').count();
        let column = 1 + cut.chars().rev().take_while(|c| *c != '\n').count();
        whole(meant, Position { line: 1 + lines, column }).map_err(|error| {
            // RackTables counts the lines that are left, Heat those that people see.
            SyntaxError { racktables_line: error.racktables_line - lines, ..error }
        })
    }

    /// Reads a setting of RackTables that is an expression, such as `REVERSED_RACKS_LISTSRC`. That is a filter whose
    /// blank ends are not cut off: nothing at all holds for everything, but a blank alone is an error.
    pub fn parse_setting(text: &str) -> Result<Self, SyntaxError> {
        if text.is_empty() { Ok(Self::everything()) } else { whole(text, Position::START) }
    }
}

/// An expression with nothing before or after it.
fn whole(text: &str, at: Position) -> Result<Expression, SyntaxError> {
    let mut parser = Parser::new(Scanner::new(text, at), None)?;
    let expression = parser.expression()?;
    match parser.token.lexeme {
        Lexeme::End => Ok(expression),
        _ => Err(parser.unexpected(Expected::Operator)),
    }
}

/// Reads tokens, always one ahead.
pub(super) struct Parser<'a> {
    scanner: Scanner<'a>,
    /// The first token that is not yet understood.
    pub(super) token: Token<'a>,
    /// In a script, the predicates so far, and no other may be used.
    pub(super) defined: Option<HashSet<&'a str>>,
}

/// An expression of which only the beginning has been read.
#[derive(Default)]
struct Unfinished {
    steps: Vec<Step>,
    /// What waits for its last operand, and parentheses that wait for their end.
    waiting: Vec<Waiting>,
    /// Where those parentheses are.
    open: Vec<Position>,
}

/// From what binds least to what binds most.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Waiting {
    Parenthesis,
    Or,
    And,
    Not,
}

impl Unfinished {
    /// Ends what binds at least so tight.
    fn settle(&mut self, least: Waiting) {
        while let Some(waiting) = self.waiting.pop_if(|waiting| *waiting >= least) {
            self.steps.extend(match waiting {
                Waiting::Parenthesis => None,
                Waiting::Or => Some(Step::Or),
                Waiting::And => Some(Step::And),
                Waiting::Not => Some(Step::Not),
            });
        }
    }
}

impl<'a> Parser<'a> {
    /// Reads the first token.
    pub(super) fn new(
        mut scanner: Scanner<'a>,
        defined: Option<HashSet<&'a str>>,
    ) -> Result<Self, SyntaxError> {
        let token = scanner.next()?;
        Ok(Self { scanner, token, defined })
    }

    /// Reads on; the token that was understood.
    pub(super) fn advance(&mut self) -> Result<Token<'a>, SyntaxError> {
        let next = self.scanner.next()?;
        Ok(std::mem::replace(&mut self.token, next))
    }

    /// An expression, to where it can go on no further.
    pub(super) fn expression(&mut self) -> Result<Expression, SyntaxError> {
        let mut unfinished = Unfinished::default();
        loop {
            self.operand(&mut unfinished)?;
            if !self.operator(&mut unfinished)? {
                return Ok(Expression { steps: unfinished.steps });
            }
        }
    }

    /// A tag, predicate or constant, and whatever stands before it.
    fn operand(&mut self, into: &mut Unfinished) -> Result<(), SyntaxError> {
        let step = loop {
            match self.token.lexeme {
                Lexeme::Open if into.open.len() == MAX_NESTING => {
                    return Err(self.wrong(Problem::TooDeep, Expected::Shallower, self.token.at));
                }
                Lexeme::Open => {
                    into.open.push(self.token.at);
                    into.waiting.push(Waiting::Parenthesis);
                }
                Lexeme::Word("not") => into.waiting.push(Waiting::Not),
                Lexeme::Word("true") => break Step::Constant(true),
                Lexeme::Word("false") => break Step::Constant(false),
                Lexeme::Tag("0") | Lexeme::Predicate("0") => {
                    let problem = Problem::Zero(self.token.written.to_owned());
                    return Err(self.wrong(problem, Expected::Operand, self.token.at));
                }
                Lexeme::Tag(name) => break Step::Tag(name.into()),
                Lexeme::Predicate(name) => break Step::Predicate(name.into()),
                Lexeme::Close | Lexeme::Word(_) | Lexeme::End => {
                    return Err(self.unexpected(Expected::Operand));
                }
            }
            self.advance()?;
        };
        let token = self.advance()?;
        if let Lexeme::Predicate(name) = token.lexeme
            && self.defined.as_ref().is_some_and(|defined| !defined.contains(name))
        {
            return Err(self.wrong(Problem::Undefined(name.to_owned()), Expected::Known, token.at));
        }
        into.steps.push(step);
        Ok(())
    }

    /// What stands behind an operand; false where that ends the expression.
    fn operator(&mut self, into: &mut Unfinished) -> Result<bool, SyntaxError> {
        loop {
            into.settle(Waiting::Not);
            let operator = match self.token.lexeme {
                Lexeme::Word("and") => Waiting::And,
                Lexeme::Word("or") => Waiting::Or,
                Lexeme::Close if into.open.pop().is_some() => {
                    into.settle(Waiting::Or);
                    into.waiting.pop();
                    self.advance()?;
                    continue;
                }
                _ => {
                    if let Some(opened) = into.open.last() {
                        return Err(self.unexpected(Expected::Parenthesis(*opened)));
                    }
                    into.settle(Waiting::Or);
                    return Ok(false);
                }
            };
            into.settle(operator);
            into.waiting.push(operator);
            self.advance()?;
            return Ok(true);
        }
    }

    /// The token cannot stand where it stands.
    pub(super) fn unexpected(&self, expected: Expected) -> SyntaxError {
        let problem = match self.token.lexeme {
            Lexeme::End => Problem::Ended,
            _ => Problem::unexpected(self.token.written),
        };
        self.wrong(problem, expected, self.token.at)
    }

    /// RackTables names the line to which it has read, whatever it is that is wrong.
    pub(super) fn wrong(&self, problem: Problem, expected: Expected, at: Position) -> SyntaxError {
        SyntaxError { racktables_line: self.scanner.at().line, ..SyntaxError::new(problem, expected, at) }
    }
}
