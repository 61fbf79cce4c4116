//! What must hold of any bytes that come from outside: for the fuzzer, and for the test that replays its corpus.
//!
//! On top of "no panic": what was understood can be written and understood again, and what was not is told in few words,
//! with a place that is in the text.

#![allow(dead_code, unreachable_pub, clippy::allow_attributes, reason = "each fuzz target uses one of them")]

use std::collections::BTreeMap;

use heat::event::{Event, source_of};
use heat::inventory::Inventory;
use heat::rackcode::{Expression, Predicates, SyntaxError, TagIndex};
use heat::template::{Files, Set};
use heat_jobs::upstream::zabbix::{event_of, parse_problems};

/// An error never repeats a whole body.
const LONGEST_MESSAGE: usize = 1_000;

/// A template's path.
const TEMPLATE: &str = "tickets/one.md.j2";

/// A body that Zabbix may have sent in answer to `problem.get`.
pub fn zabbix(body: &[u8]) {
    let problems = match parse_problems(body) {
        Ok(problems) => problems,
        Err(error) => return brief(&error.to_string()),
    };
    for problem in &problems {
        let event = event_of("a:b", problem, "Host:1");
        assert_eq!(source_of(&event.id).as_deref(), Some("a:b"));
        let json = serde_json::to_vec(&event).expect("an event is JSON");
        let read: Event = serde_json::from_slice(&json).expect("and is read back");
        assert_eq!(read, event);
    }
}

/// An expression or a script that somebody wrote into a view, or that RackTables has.
pub fn rackcode(text: &[u8]) {
    let Ok(text) = std::str::from_utf8(text) else { return };
    match Predicates::parse(text) {
        Ok(predicates) => assert!(predicates.names().all(|name| !name.is_empty())),
        Err(error) => is_in(text, &error),
    }
    let expression = match Expression::parse(text) {
        Ok(expression) => expression,
        Err(error) => return is_in(text, &error),
    };
    let written = expression.to_string();
    assert_eq!(Expression::parse(&written).expect("what Heat writes is RackCode"), expression, "{written}");
    let members = TagIndex::new(&Inventory::default(), &Predicates::default()).members(&expression);
    assert!(members.racks.is_empty() && members.devices.is_empty(), "nothing is nowhere");
}

fn is_in(text: &str, error: &SyntaxError) {
    brief(&error.to_string());
    let lines: Vec<&str> = text.split('\n').collect();
    let line = lines.get(error.at.line - 1).expect("a line of the text");
    assert!(error.at.column >= 1 && error.at.column <= line.chars().count() + 1, "{error}");
}

/// A template as a commit may bring it: front matter and body.
pub fn front_matter(text: &[u8]) {
    let Ok(text) = std::str::from_utf8(text) else { return };
    let files = Files(BTreeMap::from([(TEMPLATE.to_owned(), text.to_owned())]));
    match Set::parse(&files) {
        Ok(set) => assert_eq!(set.tickets().count(), 1),
        Err(findings) => {
            assert!(!findings.is_empty(), "what is refused is refused for a reason");
            // A carriage return alone ends a line too.
            let lines = text.replace("\r\n", "\n").split(['\n', '\r']).count() + 1;
            for finding in &findings {
                brief(&finding.message);
                assert_eq!(finding.file, TEMPLATE);
                assert!(
                    finding.line.is_none_or(|line| line >= 1 && line as usize <= lines),
                    "{finding}, of {lines}"
                );
            }
        }
    }
}

fn brief(message: &str) {
    assert!(!message.is_empty() && message.chars().count() <= LONGEST_MESSAGE, "{message:?}");
}
