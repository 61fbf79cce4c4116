//! How much may stand inside something else. The engine reads, compiles and drops nested code by recursion, and a long
//! chain of operators is nested too: without a limit a commit could end the updater by filling its stack.

use super::scan::{Kind, Piece, Token, pieces};

/// Parentheses, brackets and braces inside each other, in one `{{ … }}` or `{% … %}`.
const BRACKETS: usize = 20;

/// Operators, filters and calls in one of them.
const OPERATORS: usize = 200;

/// Blocks inside each other; an `elif` is inside its `if`.
const BLOCKS: usize = 30;

const OPENING: [&str; 8] = ["if", "for", "with", "filter", "macro", "call", "autoescape", "block"];

/// What is too deep, and on which line.
pub(super) fn too_deep(source: &str) -> Option<(u32, String)> {
    let (mut blocks, mut branches) = (0, Vec::new());
    for piece in pieces(source) {
        let (tokens, line) = match &piece {
            Piece::Text(..) => continue,
            Piece::Print(tokens, line) | Piece::Tag(tokens, line) => (tokens, *line),
        };
        if let Some(message) = nested(tokens) {
            return Some((line, message));
        }
        let (Piece::Tag(..), Some(word)) = (&piece, first_word(tokens)) else { continue };
        if OPENING.contains(&word) || (word == "set" && !tokens.iter().any(|t| t.kind == Kind::Sign('='))) {
            blocks += 1;
            branches.push(1);
        } else if word == "elif" {
            blocks += 1;
            if let Some(depth) = branches.last_mut() {
                *depth += 1;
            }
        } else if word.starts_with("end") {
            blocks -= branches.pop().unwrap_or(0);
        }
        if blocks > BLOCKS {
            return Some((
                line,
                format!("more than {BLOCKS} blocks stand inside each other here; use macros"),
            ));
        }
    }
    None
}

fn first_word<'a>(tokens: &[Token<'a>]) -> Option<&'a str> {
    tokens.iter().find_map(|token| if let Kind::Name(name) = token.kind { Some(name) } else { None })
}

fn nested(tokens: &[Token<'_>]) -> Option<String> {
    let (mut open, mut operators) = (0_usize, 0);
    for token in tokens {
        match token.kind {
            Kind::Sign('(' | '[' | '{') => {
                open += 1;
                operators += 1;
            }
            Kind::Sign(')' | ']' | '}') => open = open.saturating_sub(1),
            Kind::Sign(',' | ':') | Kind::Quoted(_) => {}
            Kind::Sign(_) | Kind::Name("and" | "or" | "not" | "in" | "is" | "if" | "else") => operators += 1,
            Kind::Name(_) => {}
        }
        if open > BRACKETS {
            return Some(format!("more than {BRACKETS} brackets stand inside each other here"));
        }
        if operators > OPERATORS {
            return Some(format!(
                "more than {OPERATORS} operators stand here; set variables for parts of it"
            ));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::{Files, Set};
    use super::*;
    use std::collections::BTreeMap;

    fn findings(body: &str) -> Vec<String> {
        let text = format!("---\ntitle: x\nqueue: NOC\nsummary: s\n---\n{body}\n");
        let files = Files(BTreeMap::from([("tickets/one.md.j2".to_owned(), text)]));
        Set::parse(&files).err().unwrap_or_default().iter().map(ToString::to_string).collect()
    }

    /// Something nested so deep, in every way there is.
    fn shapes(depth: usize) -> Vec<String> {
        let around = |open: &str, inside: &str, close: &str| {
            format!("{}{inside}{}", open.repeat(depth), close.repeat(depth))
        };
        let printed = [
            around("(", "1", ")"),
            around("[", "1", "]"),
            around("{'a': ", "1", "}"),
            around("members[", "0", "]"),
            around("range(", "1", ")"),
            around("not ", "1", ""),
            around("-", "1", ""),
            format!("1{}", " + 1".repeat(depth)),
            format!("1{}", " ~ 1".repeat(depth)),
            format!("1{}", " and 1".repeat(depth)),
            format!("1{}", " < 1".repeat(depth)),
            format!("1{}", " if 1 else 1".repeat(depth)),
            format!("1{}", "|abs".repeat(depth)),
            format!("incident{}", ".rack".repeat(depth)),
        ];
        let blocks = [
            around("{% if 1 %}", "x", "{% endif %}"),
            around("{% for a in [] %}", "x", "{% endfor %}"),
            around("{% with a = 1 %}", "x", "{% endwith %}"),
            around("{% filter upper %}", "x", "{% endfilter %}"),
            around("{% set a %}", "x", "{% endset %}"),
            format!("{{% if 1 %}}{}{{% endif %}}", "{% elif 1 %}x".repeat(depth)),
            format!(
                "{{% if 1 %}}{}{}",
                "{% else %}{% if 1 %}".repeat(depth),
                "{% endif %}".repeat(depth + 1)
            ),
        ];
        printed.iter().map(|code| format!("{{{{ {code} }}}}")).chain(blocks).collect()
    }

    #[test]
    fn what_is_nested_without_end_is_refused_and_fills_no_stack() {
        for depth in [BRACKETS, BLOCKS, 100, OPERATORS, 10_000] {
            for shape in shapes(depth) {
                let found = findings(&shape);
                let all = shape.len();
                assert!(depth < 10_000 || !found.is_empty(), "{} … {all}", &shape[..40]);
            }
        }
    }

    #[test]
    fn what_people_write_is_not_too_deep() {
        let table = "'component': 'QUEUE', ".repeat(400);
        for shape in shapes(8).into_iter().chain([format!("{{% set queues = {{{table}}} %}}")]) {
            assert_eq!(too_deep(&shape), None, "{shape}");
        }
        let many = "{% if 1 %}{% for a in [] %}x{% endfor %}{% endif %}".repeat(100);
        assert_eq!(too_deep(&many), None);
    }

    #[test]
    fn it_says_what_and_where() {
        let found = findings(&format!("first\n{{{{ {}1{} }}}}", "(".repeat(99), ")".repeat(99)));
        assert_eq!(found, ["tickets/one.md.j2:7: more than 20 brackets stand inside each other here"]);
    }
}
