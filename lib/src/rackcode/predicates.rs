//! Predicates: expressions with a name, from a script's `define` statements.

use std::collections::HashSet;
use std::fmt;

use super::error::{Expected, Position, Problem, SyntaxError};
use super::expression::Expression;
use super::parse::Parser;
use super::scan::{Lexeme, Scanner};
use crate::inventory::Inventory;

/// The predicates that expressions may use.
///
/// [`Display`](fmt::Display) writes them as a script, one `define` a line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Predicates {
    /// In their order: each uses only those before it.
    pub(super) definitions: Vec<(Box<str>, Expression)>,
}

impl Predicates {
    /// Reads a script as RackTables keeps it. Permissions (`allow`, `deny`, `context`) must be right, and mean nothing
    /// here. Anything that is wrong anywhere makes the whole script void, as it does for RackTables.
    pub fn parse(script: &str) -> Result<Self, SyntaxError> {
        // As RackTables does before it reads one.
        let text = script.replace('\r', "") + "\n";
        let mut parser = Parser::new(Scanner::new(&text, Position::START), Some(HashSet::new()))?;
        if parser.token.lexeme == Lexeme::End {
            return Err(SyntaxError::new(Problem::NoStatement, Expected::Statement, Position::START));
        }
        let mut definitions = Vec::new();
        let mut expected = Expected::Statement;
        while parser.token.lexeme != Lexeme::End {
            definitions.extend(statement(&mut parser, expected)?);
            expected = Expected::NextStatement;
        }
        Ok(Self { definitions })
    }

    /// Those that come with an inventory; none if none do.
    pub fn of(inventory: &Inventory) -> Result<Self, SyntaxError> {
        if inventory.rackcode.is_empty() { Ok(Self::default()) } else { Self::parse(&inventory.rackcode) }
    }

    /// Their names, in their order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.definitions.iter().map(|(name, _)| &**name)
    }
}

impl fmt::Display for Predicates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, expression) in &self.definitions {
            writeln!(f, "define [{name}] {expression}")?;
        }
        Ok(())
    }
}

/// The next statement; the predicate, if it defines one.
fn statement(
    parser: &mut Parser<'_>,
    expected: Expected,
) -> Result<Option<(Box<str>, Expression)>, SyntaxError> {
    match parser.token.lexeme {
        Lexeme::Word("allow" | "deny") => {
            parser.advance()?;
        }
        Lexeme::Word("context") => {
            parser.advance()?;
            context(parser)?;
        }
        Lexeme::Word("define") => {
            parser.advance()?;
            let name = new_name(parser)?;
            let expression = parser.expression()?;
            parser.defined.get_or_insert_default().insert(name);
            return Ok(Some((name.into(), expression)));
        }
        _ => return Err(parser.unexpected(expected)),
    }
    parser.expression()?;
    Ok(None)
}

fn new_name<'a>(parser: &mut Parser<'a>) -> Result<&'a str, SyntaxError> {
    let Lexeme::Predicate(name) = parser.token.lexeme else {
        return Err(parser.unexpected(Expected::Predicate));
    };
    let token = parser.advance()?;
    if parser.defined.as_ref().is_some_and(|defined| defined.contains(name)) {
        return Err(parser.wrong(Problem::Duplicate(name.to_owned()), Expected::NewName, token.at));
    }
    Ok(name)
}

/// What a `context` statement does, up to its expression.
fn context(parser: &mut Parser<'_>) -> Result<(), SyntaxError> {
    let mut expected = Expected::Modifier;
    loop {
        match parser.token.lexeme {
            Lexeme::Word("clear") => {
                parser.advance()?;
            }
            Lexeme::Word("insert" | "remove") => {
                parser.advance()?;
                let Lexeme::Tag(_) = parser.token.lexeme else {
                    return Err(parser.unexpected(Expected::Tag));
                };
                parser.advance()?;
            }
            Lexeme::Word("on") if expected == Expected::On => {
                parser.advance()?;
                return Ok(());
            }
            _ => return Err(parser.unexpected(expected)),
        }
        expected = Expected::On;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_kept_as_its_definitions() {
        let script = "# who may do what\r\nallow {$userid_1} define [a] ({x})\ncontext clear insert {y} on [a]\n\
                      define [b 2] not ([a] or {y}) deny true";
        let predicates = Predicates::parse(script).unwrap();
        assert_eq!(predicates.to_string(), "define [a] {x}\ndefine [b 2] not ([a] or {y})\n");
        assert_eq!(predicates.names().collect::<Vec<_>>(), ["a", "b 2"]);
        assert_eq!(Predicates::parse(&predicates.to_string()), Ok(predicates));
    }

    #[test]
    fn an_inventory_without_a_script_has_no_predicates_and_a_wrong_one_says_so() {
        let of =
            |rackcode: &str| Predicates::of(&Inventory { rackcode: rackcode.into(), ..Inventory::default() });
        assert_eq!(of(""), Ok(Predicates::default()));
        assert_eq!(of("define [a] true").unwrap().names().count(), 1);
        assert_eq!(of("define [a] [b]").unwrap_err().problem, Problem::Undefined("b".into()));
    }
}
