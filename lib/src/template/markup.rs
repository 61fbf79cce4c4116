//! The tracker's markup (YFM, a Markdown), and how text from elsewhere gets into it without becoming markup.
//!
//! What an alert says is hostile input: anybody who can name a host or write a log line can choose it. A template's
//! author puts values into headings, cells, quotes, list items and code alike, so what is safe must be safe wherever it
//! lands. Hence the rules of [`escaped`]:
//!
//! - A value is one line. Whatever needs a line of its own (headings, lists, fences, rules) then needs its beginning,
//!   and what could begin it there is escaped at the beginning.
//! - What would be markup within a line is escaped with a backslash, as in every Markdown.
//! - What would end the thing *around* the value, a cell or a code span, is written as a character reference: those
//!   never count as structure, while a backslash means nothing to code and to some tables.
//! - What the tracker looks for in the raw text before any markup is read, code or not, is taken apart by a character
//!   without width: `@login`, which summons a person, and `{{` and `{%`, which begin variables and directives.
//!
//! What looks like the key of an issue (`NETOPS-42`) or a bare domain still becomes a link to just that; hosts are often
//! called so, and it harms nobody.

use std::fmt::Write;

/// Keeps two characters from being read together: no width, no line break, part of no word.
const APART: char = '\u{2060}';

/// The text in one line, without control characters and without what turns the direction of writing.
pub(super) fn one_line(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut gap = false;
    for c in text.chars() {
        if c.is_whitespace() && c != '\u{a0}' && c != '\u{202f}' {
            gap = !out.is_empty();
        } else if !is_noise(c) {
            if std::mem::take(&mut gap) {
                out.push(' ');
            }
            out.push(c);
        }
    }
    out
}

/// Control characters that are no white space, those that change the direction of the text around them, and the one
/// that only this module writes.
fn is_noise(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' | APART)
}

/// The text as nothing but text, wherever in a line of the tracker's markup it is put.
pub fn escaped(text: &str) -> String {
    let line = one_line(text);
    let mut out = String::with_capacity(line.len() + line.len() / 4);
    let mut before = None;
    let mut only_digits = true;
    let mut rest = line.chars();
    while let Some(c) = rest.next() {
        let next = rest.clone().next();
        match c {
            '|' | '`' => _ = write!(out, "&#{};", u32::from(c)),
            '@' => out.extend([APART, '@', APART]),
            '{' => out.extend(['\\', '{', APART]),
            '/' if next == Some('/') => out.extend(['/', APART]),
            _ => {
                if is_markup(c, before, next, only_digits) {
                    out.push('\\');
                }
                out.push(c);
            }
        }
        only_digits &= c.is_ascii_digit();
        before = Some(c);
    }
    out
}

/// Whether a character needs a backslash between these two; at either end of a value anything may stand beside it.
fn is_markup(c: char, before: Option<char>, next: Option<char>, only_digits: bool) -> bool {
    let in_a_word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    let beside_its_like = || before.is_none_or(|b| b == c) || next.is_none_or(|n| n == c);
    match c {
        '\\' | '*' | '~' | '#' | '[' | ']' | '<' | '>' | '^' | '$' | '&' => true,
        '_' => !(in_a_word(before) && in_a_word(next)),
        '=' | '+' => beside_its_like(),
        '-' | ':' | '%' => before.is_none(),
        '.' | ')' => only_digits && next.is_none_or(char::is_whitespace),
        _ => false,
    }
}

/// The text as code within a line, to be read and copied as it is.
///
/// Backquotes and pipes stand outside of the code spans, as character references. So a span never holds what could end it
/// or the cell around it, and all delimiters are single, so that spans which happen to touch do not fall apart.
pub(super) fn code(text: &str) -> String {
    let line = apart(&one_line(text));
    let mut out = String::with_capacity(line.len() + 2);
    for part in line.split_inclusive(['`', '|']) {
        let end = part.chars().next_back().filter(|c| matches!(c, '`' | '|'));
        let inside = end.map_or(part, |end| &part[..part.len() - end.len_utf8()]);
        if !inside.is_empty() {
            _ = write!(out, "`{inside}`");
        }
        if let Some(end) = end {
            _ = write!(out, "&#{};", u32::from(end));
        }
    }
    out
}

/// The text as a block of code, line by line as it is; nothing if it is blank.
///
/// The fence is longer than any run of backquotes inside. It has an info string, so that it can only ever open a block,
/// and stands on a line of its own wherever it is put.
pub(super) fn fence(text: &str) -> String {
    let text = text.replace("\r\n", "\n");
    let is_break = |c| matches!(c, '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}');
    let lines: Vec<String> = text
        .split(is_break)
        .map(|line| line.chars().filter(|&c| c == '\t' || !is_noise(c)).collect::<String>())
        .map(|line| apart(line.trim_end()))
        .collect();
    let content = lines.join("\n");
    let content = content.trim_matches('\n');
    if content.trim().is_empty() {
        return String::new();
    }
    let longest = content.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("\n{fence}text\n{content}\n{fence}\n")
}

/// For code, which knows no escapes: takes apart what the tracker reads even there. An `@` within a word, as in
/// `root@srv-1`, summons nobody and can stay.
fn apart(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut before: Option<char> = None;
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        let next = rest.clone().next();
        let in_a_word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        match c {
            '@' if !(in_a_word(before) && in_a_word(next)) => out.extend([APART, '@', APART]),
            '{' if matches!(next, Some('{' | '%')) => out.extend(['{', APART]),
            _ => out.push(c),
        }
        before = Some(c);
    }
    out
}

/// A link that is shown as `text`.
pub(super) fn link(url: &str, text: &str) -> String {
    let mut out = format!("[{}](", escaped(text));
    for c in url.chars() {
        match c {
            // What could end the link, or mean something in a cell, or to the tracker before it reads markup.
            '(' | ')' | '<' | '>' | '[' | ']' | '{' | '}' | '|' | '`' | '\\' | '@' | '"' | '\'' => {
                _ = write!(out, "%{:02X}", u32::from(c));
            }
            c if c.is_whitespace() || is_noise(c) => {}
            _ => out.push(c),
        }
    }
    out.push(')');
    out
}

/// A block that is folded up below its title until somebody opens it.
pub(super) fn cut(title: &str, block: &str) -> String {
    let title = escaped(title).replace('"', "'").replace("%}", "% }");
    format!("\n{{% cut \"{title}\" %}}\n\n{}\n\n{{% endcut %}}\n", block.trim_matches('\n'))
}

/// Tells, line by line, what lies in blocks of code.
#[derive(Debug, Default)]
pub(super) struct Fences(Option<(char, usize)>);

impl Fences {
    /// Takes the next line; true if it belongs to a block, its two ends too.
    pub(super) fn take(&mut self, line: &str) -> bool {
        let line = line.trim();
        let run = |mark: char| line.chars().take_while(|c| *c == mark).count();
        if let Some((mark, length)) = self.0 {
            if run(mark) >= length && run(mark) == line.len() {
                self.0 = None;
            }
            return true;
        }
        self.0 = ['`', '~'].into_iter().map(|mark| (mark, run(mark))).find(|(_, run)| *run >= 3);
        self.is_inside()
    }

    /// Whether the next line belongs to a block.
    pub(super) fn is_inside(&self) -> bool {
        self.0.is_some()
    }
}

/// A description without the blank lines that conditions and blocks leave behind: one is enough, but in code.
pub(super) fn tidied(text: &str) -> String {
    let mut fences = Fences::default();
    let mut out = String::with_capacity(text.len());
    let mut blank = true;
    for line in text.lines() {
        let in_code = fences.take(line);
        let was_blank = std::mem::replace(&mut blank, line.trim().is_empty());
        if in_code || !(blank && was_blank) {
            out.push_str(line);
            out.push('\n');
        }
    }
    out.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use pulldown_cmark::{Event, Options, Parser, Tag};

    use super::*;

    /// Text with everything in it that ever was markup anywhere.
    fn hostile() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            "[-`~#*_+=|\\\\<>\\[\\](){}@!%&$^:;./\"' \t\n0-9a-zа-я]{0,6}",
            proptest::sample::select(vec![
                "\n# head",
                "\n> quote",
                "\n* item",
                "\n1. one",
                "\n```\n",
                "\n~~~\n",
                "\n---\n",
                "\n===\n",
                "\n    code",
                "#|",
                "||",
                "|#",
                "| a | b |\n|---|---|",
                "{{ x }}",
                "{% cut \"x\" %}",
                "{%endcut%}",
                "{#a}",
                "@ivanov",
                "ivanov@",
                "[a](http://b)",
                "![a](b)",
                "<http://a>",
                "<b>",
                "&#64;",
                "&lt;",
                "https://e.net/x",
                "{red}(a)",
                "##mono##",
                "++u++",
                "==m==",
                "~~s~~",
                "\r",
                "\u{2028}",
                "\0",
                "\u{202e}",
                "\u{2060}",
                ":::",
                "\\",
                "``",
                "```",
                "[ ]",
                "[1]: http://a",
                "[^1]",
                "$x$",
                "\t",
                "  \n",
                "1)",
                "+ ",
                "- ",
                "**",
            ])
            .prop_map(str::to_owned),
        ];
        prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
    }

    /// What a reader of the markup sees: the text, and whatever is not text, as tags.
    fn read(markup: &str) -> (String, Vec<String>) {
        let (mut text, mut other) = (String::new(), Vec::new());
        for event in Parser::new_ext(markup, Options::all() - Options::ENABLE_SMART_PUNCTUATION) {
            match event {
                Event::Text(t) => text.push_str(&t),
                Event::Start(Tag::Paragraph) | Event::End(_) => {}
                Event::Start(tag) => other.push(format!("{tag:?}")),
                Event::SoftBreak => text.push('\n'),
                event => other.push(format!("{event:?}")),
            }
        }
        (text, other)
    }

    fn shown(text: &str) -> String {
        text.replace(APART, "")
    }

    fn summons(markup: &str) -> bool {
        let chars: Vec<char> = markup.chars().collect();
        let word = |c: Option<&char>| c.is_some_and(|c| c.is_alphanumeric() || "-_.".contains(*c));
        (0..chars.len()).any(|i| {
            chars[i] == '@' && {
                let (before, after) = (i.checked_sub(1).and_then(|i| chars.get(i)), chars.get(i + 1));
                word(before) != word(after)
            }
        })
    }

    fn directs(markup: &str) -> bool {
        markup.contains("{{") || markup.contains("{%")
    }

    proptest! {
        #[test]
        fn a_value_is_text_and_nothing_else_at_the_beginning_and_within_a_line(text in hostile(), other in hostile()) {
            let plain = shown(&one_line(&text));
            for (before, after) in [("", ""), ("see ", " there"), ("", " x"), ("x ", "")] {
                let markup = format!("{before}{}{after}", escaped(&text));
                let (seen, tags) = read(&markup);
                prop_assert_eq!(tags, Vec::<String>::new(), "{}", markup);
                let expected = format!("{before}{plain}{after}");
                prop_assert_eq!(shown(&seen), expected.trim());
                prop_assert!(!summons(&markup) && !directs(&markup), "{}", markup);
                prop_assert!(!markup.contains("//") && !markup.contains(['|', '`']), "{}", markup);
            }
            let markup = escaped(&text) + &escaped(&other);
            prop_assert_eq!(read(&markup).1, Vec::<String>::new(), "two values side by side: {}", markup);
            prop_assert!(!summons(&markup) && !directs(&markup), "{}", markup);
        }

        #[test]
        fn a_value_breaks_out_of_nothing_that_the_author_put_it_in(text in hostile()) {
            let value = escaped(&text);
            prop_assert_eq!(read(&format!("a `-{value}` b")).1.len(), 1);
            prop_assert_eq!(read(&format!("## {value} .")).1.len(), 1);
            prop_assert_eq!(read(&format!("```\n{value}\n```")).1.len(), 1);
            prop_assert_eq!(read(&format!("> {value}")).1.len(), 1);
            prop_assert_eq!(read(&format!("* {value}")).1.len(), 2);
            prop_assert_eq!(read(&format!("**x {value} x**")).1.len(), 1);
            prop_assert_eq!(read(&format!("[x {value} x](http://e.net)")).1.len(), 1);
            let table = format!("| a | b |\n|---|---|\n| {value} | {value} |\n| 1 | 2 |");
            prop_assert_eq!(read(&table).1.iter().filter(|tag| *tag == "TableCell").count(), 6, "{}", table);
        }

        #[test]
        fn code_shows_the_text_as_it_is_and_holds_all_of_it_but_pipes_and_backquotes(text in hostile(), other in hostile()) {
            let markup = code(&text);
            let mut seen = String::new();
            for event in Parser::new_ext(&markup, Options::all()) {
                match event {
                    Event::Code(code) => seen.push_str(&code),
                    Event::Text(outside) => {
                        prop_assert!(outside.chars().all(|c| matches!(c, '`' | '|')), "{}", markup);
                        seen.push_str(&outside);
                    }
                    Event::Start(Tag::Paragraph) | Event::End(_) => {}
                    event => prop_assert!(false, "{:?} in {}", event, markup),
                }
            }
            // Markdown itself strips one space on either side of a span.
            let solid = |text: &str| shown(text).replace(' ', "");
            prop_assert_eq!(solid(&seen), solid(&one_line(&text)));
            prop_assert!(!summons(&markup) && !directs(&markup), "{}", markup);
            let table = format!("| a | b |\n|---|---|\n| {markup} | x |\n| 1 | 2 |");
            prop_assert_eq!(read(&table).1.iter().filter(|tag| *tag == "TableCell").count(), 6, "{}", table);
            for event in Parser::new_ext(&format!("{markup}{}", code(&other)), Options::all()) {
                let fine = matches!(&event, Event::Code(_) | Event::Start(Tag::Paragraph) | Event::End(_))
                    || matches!(&event, Event::Text(outside) if outside.chars().all(|c| matches!(c, '`' | '|')));
                prop_assert!(fine, "{:?} where two touch: {}{}", event, markup, code(&other));
            }
        }

        #[test]
        fn nothing_gets_out_of_a_fence_wherever_it_stands(text in hostile()) {
            let block = fence(&text);
            for around in ["", "text", "> quote", "* item"] {
                let markup = format!("{around}{block}after");
                let (mut inside, mut blocks, mut outer) = (false, 0, String::new());
                for event in Parser::new_ext(&markup, Options::all()) {
                    match event {
                        Event::Start(Tag::CodeBlock(_)) => (inside, blocks) = (true, blocks + 1),
                        Event::End(pulldown_cmark::TagEnd::CodeBlock) => inside = false,
                        Event::Text(outside) if !inside => outer.push_str(&outside),
                        _ => {}
                    }
                }
                prop_assert_eq!(blocks, usize::from(!block.is_empty()), "{}", markup);
                prop_assert_eq!(outer, format!("{}after", around.trim_start_matches(['>', '*', ' '])));
            }
            prop_assert!(!summons(&block) && !directs(&block), "{}", block);
        }

        #[test]
        fn a_link_leads_where_its_address_says_and_nowhere_else(text in hostile(), path in hostile()) {
            let markup = link(&format!("https://zabbix.example.net/{path}"), &text);
            let tags = read(&markup).1;
            prop_assert_eq!(tags.len(), 1, "{}", markup);
            prop_assert!(tags[0].contains("https://zabbix.example.net/"), "{:?}", tags);
            prop_assert!(!summons(&markup) && !directs(&markup), "{}", markup);
        }
    }

    #[test]
    fn ordinary_alerts_stay_readable_in_the_raw_text() {
        for plain in [
            "Unavailable by ICMP ping",
            "srv-00001.sas.example.net",
            "Interface eth0(uplink): Link down",
            "Free space is less than 20% on /var/log",
            "bgp_sessions, 2 of 8 down; used=95%",
            "10.0.0.1",
            "Не отвечает 5 мин.",
        ] {
            assert_eq!(escaped(plain), plain);
            assert_eq!(code(plain), format!("`{plain}`"));
        }
        assert_eq!(escaped("1. up | 2"), "1\\. up &#124; 2");
        assert_eq!(code("ps | grep x"), "`ps `&#124;` grep x`");
        assert_eq!(code("ssh root@srv-1"), "`ssh root@srv-1`");
        assert_eq!(fence("a\n``` b\n"), "\n````text\na\n``` b\n````\n");
        assert_eq!(fence(" \n\t"), "");
    }

    #[test]
    fn one_blank_line_is_enough_but_code_is_left_as_it_is() {
        let text = "\n\na\n\n \n\nb\n````text\nc\n\n\n```\n\n\n````\n\n\nd\n\n";
        assert_eq!(tidied(text), "a\n\nb\n````text\nc\n\n\n```\n\n\n````\n\nd");
    }

    #[test]
    fn a_folded_block_cannot_be_ended_by_its_title() {
        assert_eq!(cut("a\" %} b", "x"), "\n{% cut \"a' % } b\" %}\n\nx\n\n{% endcut %}\n");
        assert!(cut("*a*\n@b", "x").contains("\"\\*a\\* \u{2060}@\u{2060}b\""));
    }
}
