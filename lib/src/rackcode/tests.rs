//! RackCode as a whole: the cases of `examples/rackcode.json`, and what must hold for every text.

mod contract;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use proptest::prelude::*;
use serde::Deserialize;

use super::*;
use crate::inventory::{Device, Inventory};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Examples {
    inventories: BTreeMap<String, Inventory>,
    vectors: Vec<Example>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Example {
    about: String,
    #[serde(default)]
    inventory: String,
    /// In place of the inventory's own.
    script: Option<String>,
    /// The value of a setting, not a filter.
    #[serde(default)]
    setting: bool,
    /// None where it is about the script.
    expression: Option<String>,
    #[serde(default)]
    racks: Vec<u64>,
    #[serde(default)]
    devices: Vec<u64>,
    error: Option<ExampleError>,
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExampleError {
    line: usize,
    column: usize,
    problem: String,
    expected: String,
}

impl From<SyntaxError> for ExampleError {
    fn from(error: SyntaxError) -> Self {
        Self {
            line: error.at.line,
            column: error.at.column,
            problem: error.problem.to_string(),
            expected: error.expected.to_string(),
        }
    }
}

impl Example {
    fn outcome(&self, inventories: &BTreeMap<String, Inventory>) -> Result<Members, SyntaxError> {
        let mut inventory = inventories.get(&self.inventory).cloned().unwrap_or_default();
        assert_eq!(inventory.normalise(), []);
        let predicates = match &self.script {
            Some(script) => Predicates::parse(script)?,
            None => Predicates::of(&inventory)?,
        };
        let text = self.expression.as_deref().unwrap_or_default();
        let read = if self.setting { Expression::parse_setting } else { Expression::parse };
        Ok(TagIndex::new(&inventory, &predicates).members(&read(text)?))
    }
}

#[test]
fn the_examples_come_out_as_they_say() {
    let examples: Examples = serde_json::from_str(include_str!("../../examples/rackcode.json")).unwrap();
    assert!(examples.vectors.len() >= 180);
    let mut wrong = Vec::new();
    for example in &examples.vectors {
        let expected = || Members { racks: example.racks.clone(), devices: example.devices.clone() };
        let outcome = example.outcome(&examples.inventories).map_err(ExampleError::from);
        let right = match (&outcome, &example.error) {
            (Ok(members), None) => *members == expected(),
            (Err(error), Some(expected)) => error == expected,
            _ => false,
        };
        if !right {
            wrong.push(format!("{}: {:?} gave {outcome:?}", example.about, example.expression));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The plainest evaluator: the grammar's rules as functions that call each other, for one device at a time. A text is
/// its tokens, with blanks between them.
struct Plain<'a> {
    tokens: std::iter::Peekable<std::str::SplitWhitespace<'a>>,
    tags: &'a BTreeSet<String>,
}

/// Why there is no value: the text is none of the grammar.
#[derive(Debug, PartialEq)]
struct NoSense;

const DEFINED: &str = "{a} or not {b}";

impl<'a> Plain<'a> {
    fn holds(text: &'a str, tags: &'a BTreeSet<String>) -> Result<bool, NoSense> {
        let mut plain = Self { tokens: text.split_whitespace().peekable(), tags };
        let value = plain.expression()?;
        if plain.tokens.next().is_some() { Err(NoSense) } else { Ok(value == Some(true)) }
    }

    fn expression(&mut self) -> Result<Option<bool>, NoSense> {
        let left = self.conjunction()?;
        if self.tokens.next_if_eq(&"or").is_none() {
            return Ok(left);
        }
        let right = self.expression()?;
        Ok(Some(left == Some(true) || right == Some(true)))
    }

    fn conjunction(&mut self) -> Result<Option<bool>, NoSense> {
        let left = self.unary()?;
        if self.tokens.next_if_eq(&"and").is_none() {
            return Ok(left);
        }
        let right = self.conjunction()?;
        Ok(Some(left == Some(true) && right == Some(true)))
    }

    fn unary(&mut self) -> Result<Option<bool>, NoSense> {
        match self.tokens.next() {
            Some("(") => {
                let value = self.expression()?;
                self.tokens.next_if_eq(&")").map(|_| value).ok_or(NoSense)
            }
            Some("not") => Ok(self.unary()?.map(|value| !value)),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some("[p]") => Plain::holds(DEFINED, self.tags).map(Some),
            Some("[q]") => Ok(None),
            Some(tag) if tag.starts_with('{') => Ok(Some(self.tags.contains(tag.trim_matches(['{', '}'])))),
            _ => Err(NoSense),
        }
    }
}

/// Eight devices, with every choice of the tags a, b and c.
fn choices() -> Vec<BTreeSet<String>> {
    let choice = |bits: usize| ["a", "b", "c"].iter().enumerate().filter(move |(n, _)| bits >> n & 1 == 1);
    (0..8).map(|bits| choice(bits).map(|(_, tag)| (*tag).to_owned()).collect()).collect()
}

fn index() -> TagIndex {
    let device = |(id, tags): (u64, BTreeSet<String>)| Device {
        id,
        tags: tags.into_iter().collect(),
        ..Device::default()
    };
    let inventory = Inventory { devices: (0..).zip(choices()).map(device).collect(), ..Inventory::default() };
    let predicates = Predicates::parse(&format!("define [p] {DEFINED}")).unwrap();
    TagIndex::new(&inventory, &predicates)
}

/// Tokens in an order that often makes sense.
fn sentence() -> impl Strategy<Value = String> {
    let operand = prop::sample::select(vec!["{a}", "{b}", "{c}", "{d}", "[p]", "[q]", "true", "false"]);
    let grown = operand.prop_map(str::to_owned).prop_recursive(6, 40, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|x| format!("not {x}")),
            inner.clone().prop_map(|x| format!("( {x} )")),
            (inner.clone(), inner.clone()).prop_map(|(x, y)| format!("{x} and {y}")),
            (inner.clone(), inner).prop_map(|(x, y)| format!("{x} or {y}")),
        ]
    });
    let token = prop::sample::select(vec!["{a}", "[q]", "not", "and", "or", "(", ")", "true", "xor"]);
    let soup = prop::collection::vec(token, 1..8).prop_map(|tokens| tokens.join(" "));
    prop_oneof![4 => grown, 1 => soup]
}

proptest! {
    #[test]
    fn it_holds_for_whom_the_plainest_evaluator_says(text in sentence()) {
        let plain: Result<Vec<u64>, NoSense> = (0..).zip(&choices())
            .filter_map(|(id, tags)| match Plain::holds(&text, tags) {
                Ok(holds) => holds.then_some(Ok(id)),
                Err(error) => Some(Err(error)),
            })
            .collect();
        let ours = Expression::parse(&text).map(|expression| index().members(&expression).devices);
        prop_assert_eq!(ours.map_err(|_| NoSense), plain);
    }

    #[test]
    fn what_is_written_reads_as_what_it_was(text in sentence()) {
        if let Ok(expression) = Expression::parse(&text) {
            let written = expression.to_string();
            prop_assert_eq!(Expression::parse(&written), Ok(expression));
            prop_assert!(written.matches('(').count() <= text.matches('(').count(), "{}", written);
            let predicates = Predicates::parse(&format!("define [p] true define [q] false define [r] {text}")).unwrap();
            prop_assert_eq!(Predicates::parse(&predicates.to_string()), Ok(predicates));
        }
    }

    #[test]
    fn no_text_makes_it_panic_and_every_error_is_in_the_text(
        text in prop_oneof![
            any::<String>(),
            "(allow|define|context|clear|insert|on|not|and|or|true|[{}\\[\\]()#$a0é\r\n\t ]){0,30}",
        ],
    ) {
        let lines: Vec<_> = text.split('\n').map(|line| line.chars().count()).collect();
        let inside = |at: Position| at.column >= 1 && lines.get(at.line - 1).is_some_and(|line| at.column <= line + 1);
        for read in [Expression::parse, Expression::parse_setting] {
            match read(&text) {
                Ok(expression) => drop(index().members(&expression)),
                Err(error) => prop_assert!(inside(error.at), "{}", error),
            }
        }
        if let Err(error) = Predicates::parse(&text) {
            prop_assert!(error.at.line <= lines.len() + 1, "{}", error);
            prop_assert!(error.at <= Position { line: error.racktables_line, column: usize::MAX }, "{}", error);
        }
    }
}

/// Does it where little stack is left, so that what calls itself for each level of a text is found out.
fn with_little_stack(test: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().stack_size(128 << 10).spawn(test).unwrap().join().unwrap();
}

const LEVELS: usize = 100_000;

#[test]
fn a_hundred_thousand_parentheses_are_an_error_at_the_first_that_is_too_many() {
    with_little_stack(|| {
        for text in ["(".repeat(LEVELS), "(not ".repeat(LEVELS) + "{a}" + &")".repeat(LEVELS)] {
            let error = Expression::parse(&text).unwrap_err();
            assert_eq!(error.problem, Problem::TooDeep);
            assert_eq!(text.chars().take(error.at.column).filter(|c| *c == '(').count(), MAX_NESTING + 1);
            let error = Predicates::parse(&format!("allow {text}")).unwrap_err();
            assert_eq!(error.problem, Problem::TooDeep);
        }
    });
}

#[test]
fn as_deep_as_is_allowed_and_chains_of_any_length_are_answered() {
    with_little_stack(|| {
        let index = index();
        for (text, devices) in [
            ("(".repeat(MAX_NESTING) + "{a}" + &")".repeat(MAX_NESTING), vec![1, 3, 5, 7]),
            ("({a} and not ".repeat(MAX_NESTING) + "{b}" + &")".repeat(MAX_NESTING), vec![3, 7]),
            ("not ".repeat(LEVELS) + "{a}", vec![1, 3, 5, 7]),
            ("not ".repeat(LEVELS + 1) + "[q]", vec![]),
            ("{a} and ".repeat(LEVELS) + "{b}", vec![3, 7]),
            ("not {a} or not {b} and ".repeat(LEVELS / 10) + "{c}", vec![0, 2, 4, 5, 6]),
        ] {
            let expression = Expression::parse(&text).unwrap();
            assert_eq!(index.members(&expression).devices, devices, "{text:.40}");
            assert_eq!(Expression::parse(&expression.to_string()), Ok(expression));
        }
        let mut script = "define [p0] {a}".to_owned();
        for n in 1..10_000 {
            let _ = write!(script, " define [p{n}] [p{}] and [p{}]", n - 1, n - 1);
        }
        let index = TagIndex::new(&Inventory::default(), &Predicates::parse(&script).unwrap());
        assert_eq!(index.unknown(&Expression::parse("[p9999]").unwrap()), BTreeSet::new());
    });
}

#[test]
fn names_that_nobody_has_are_told_as_they_are_written() {
    let expression = Expression::parse("{a} or [p] and {d} or not [q] or {$any_rack} or {d}").unwrap();
    let unknown: Vec<_> = index().unknown(&expression).into_iter().collect();
    assert_eq!(unknown, ["[q]", "{$any_rack}", "{d}"]);
}

#[test]
fn an_error_says_what_was_expected_where_and_what_may_have_been_meant() {
    for (text, told) in [
        (
            "{a} AND {b}",
            "unexpected \"AND\": expected and, or, or the end; \"and\" is written in lower case, with a blank after it \
             (line 1, column 5)",
        ),
        ("{a} {b}", "unexpected \"{b}\": expected and, or, or the end (line 1, column 5)"),
        (
            "({a}\n&& {b}",
            "invalid character '&': expected a {tag}, a [predicate], a keyword or a parenthesis; \"and\" is written in \
             lower case, with a blank after it (line 2, column 1)",
        ),
    ] {
        assert_eq!(Expression::parse(text).unwrap_err().to_string(), told);
    }
    let long = "x".repeat(100_000);
    assert!(Expression::parse(&long).unwrap_err().to_string().len() < 300);
}
