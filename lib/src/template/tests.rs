//! The set as a whole: what authors write, on events as they come.

use std::path::Path;
use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::comment::Comment;
use crate::event::Tag;
use crate::inventory::{Device, Rack};
use crate::severity::Severity;
use crate::time::Timestamp;

/// The repository that people start from.
static SAMPLE: LazyLock<Files> = LazyLock::new(|| {
    fn read(dir: &Path, prefix: &str, files: &mut Files) {
        for entry in std::fs::read_dir(dir).unwrap() {
            let (path, name) = entry.map(|e| (e.path(), e.file_name().into_string().unwrap())).unwrap();
            if path.is_dir() {
                read(&path, &format!("{prefix}{name}/"), files);
            } else {
                files.0.insert(format!("{prefix}{name}"), std::fs::read_to_string(path).unwrap());
            }
        }
    }
    let mut files = Files::default();
    read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../infra/devkit/templates"), "", &mut files);
    files
});

const NOW: Timestamp = Timestamp::from_unix(1_795_468_200);

fn event(host: &str) -> Member {
    Member {
        host: host.into(),
        severity: Severity::High,
        name: "Unavailable by ICMP ping".into(),
        source: "zabbix".into(),
        since: NOW - std::time::Duration::from_mins(26),
        tags: vec![Tag { tag: "component".into(), value: "power".into() }],
        ..Member::default()
    }
}

fn subject(members: Vec<Member>) -> Subject {
    Subject { zone: Tz::Europe__Moscow, ..Subject::new(members, NOW) }
}

/// A set with the ticket `t` of this body.
fn set(body: &str) -> Set {
    try_set(body).unwrap_or_else(|found| panic!("{}", told(&found)))
}

fn try_set(body: &str) -> Result<Set, Vec<Finding>> {
    let ticket = format!("---\ntitle: T\nqueue: Q\nsummary: S\n---\n{body}");
    Set::parse(&Files([("tickets/t.md.j2".to_owned(), ticket)].into()))
}

fn told(findings: &[Finding]) -> String {
    findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

fn rendered(body: &str, subject: &Subject) -> String {
    set(body).ticket("t", subject).unwrap_or_else(|error| panic!("{error}")).description
}

fn failing(body: &str, subject: &Subject) -> String {
    set(body).ticket("t", subject).unwrap_err().to_string()
}

#[test]
fn the_sample_repository_passes_its_own_tests() {
    let set = Set::parse(&SAMPLE).unwrap_or_else(|found| panic!("{}", told(&found)));
    assert_eq!(set.test(), []);
    assert!(set.tests() >= set.tickets().count() + set.comments().count(), "each template has one");
    assert_eq!(set.renewed_tests(), Files::default());
}

/// A file of the sample, what is replaced in it and by what, and how the finding begins.
const BROKEN: &[(&str, &str, &str, &str)] = &[
    (
        "tickets/other.md.j2",
        "{{ facts(event) }}",
        "{{ facts(event }}",
        "tickets/other.md.j2:15: syntax error",
    ),
    (
        "tickets/other.md.j2",
        "|severity }}",
        "|severty }}",
        "tickets/other.md.j2:13: there is no filter \"severty\"",
    ),
    (
        "tickets/other.md.j2",
        "event.name }}\n\n",
        "event.nmae }}\n\n",
        "tickets/other.md.j2:13: \"event.nmae\" is nothing",
    ),
    ("tickets/other.md.j2", "queue: NETOPS", "queeu: NETOPS", "tickets/other.md.j2:4: unknown field `queeu`"),
    ("tickets/other.md.j2", "title: Другое\n", "", "tickets/other.md.j2:9: missing field `title`"),
    ("tickets/other.md.j2", "---\ntitle", "title", "tickets/other.md.j2:1: begins without front matter"),
    ("tickets/other.md.j2", "|truncate(120) }}", "|truncate(120 }}", "tickets/other.md.j2:3: syntax error"),
    (
        "tickets/other.md.j2",
        "comment_on_more: more",
        "comment_on_more: mroe",
        "tickets/other.md.j2:9: there is no comment \"mroe\"",
    ),
    (
        "tickets/other.md.j2",
        "macros/events.j2",
        "macros/event.j2",
        "tickets/other.md.j2:12: there is no file \"macros/event.j2\"",
    ),
    (
        "tickets/other.md.j2",
        "{{ from_whom() }}",
        "{{ form_whom() }}",
        "tickets/other.md.j2:22: nobody sets \"form_whom\"",
    ),
    (
        "tickets/other.md.j2",
        "{{ from_whom() }}",
        "{% include ticket.key %}",
        "tickets/other.md.j2:22: include must name its file",
    ),
    (
        "tickets/other.md.j2",
        "{{ from_whom() }}",
        "`{{ now }}`",
        "tickets/other.md.j2:22: a value between backquotes",
    ),
    (
        "tickets/other.md.j2",
        "{{ from_whom() }}",
        "```\n{{ now }}\n```",
        "tickets/other.md.j2:23: a value within a block of code",
    ),
    (
        "tickets/other.md.j2",
        "{{ from_whom() }}",
        "{{ now|safe }}",
        "tickets/other.md.j2:22: there is no filter \"safe\": no value is trusted",
    ),
    (
        "tickets/other.md.j2",
        "{{ from_whom() }}",
        "{% autoescape false %}{% endautoescape %}",
        "tickets/other.md.j2:22: autoescape has no meaning",
    ),
    ("tickets/rack-power.md.j2", "severity: high", "severity: hihg", "tickets/rack-power.md.j2:14: "),
    (
        "tickets/rack-power.md.j2",
        "language: ru",
        "language: de",
        "tickets/rack-power.md.j2:11: unknown variant `de`",
    ),
    (
        "macros/events.j2",
        "{% if event.opdata %}",
        "{% fi event.opdata %}",
        "macros/events.j2:14: syntax error",
    ),
    (
        "macros/events.j2",
        "event.opdata|code }}",
        "event.opdata|cdoe }}",
        "macros/events.j2:15: there is no filter \"cdoe\"",
    ),
    (
        "tests/other.yaml",
        "severity: warning",
        "severity: wraning",
        "tests/other.yaml:5: the event cannot be read: unknown severity",
    ),
    (
        "tests/other.yaml",
        "tickets/other\nnow",
        "tickets/ohter\nnow",
        "tests/other.yaml:2: there is no template \"tickets/ohter\"",
    ),
    ("tests/other.yaml", "  queue:", "  queeu:", "tests/other.yaml:8: \"queeu\" cannot be expected"),
    ("tests/other.yaml", "expect:", "expect: {}\nnow2: 1\n#", "tests/other.yaml:7: unknown field `now2`"),
    (
        "tests/on-site.yaml",
        "inventory: tests/data/site.yaml",
        "inventory: tests/data/stie.yaml",
        "tests/on-site.yaml:4: there is no file",
    ),
    ("tests/on-site.yaml", "now:", "zone: Europe/Moskva\nnow:", "tests/on-site.yaml:2: unknown time zone"),
    (
        "tests/data/site.yaml",
        "height: 42, asset_no",
        "heihgt: 42, asset_no",
        "tests/data/site.yaml:8: unknown field `heihgt`",
    ),
];

#[test]
fn what_is_broken_is_named_with_its_file_its_line_and_the_reason() {
    for (file, from, to, expected) in BROKEN {
        let mut files = SAMPLE.clone();
        let text = files.0.get_mut(*file).unwrap();
        assert!(text.contains(from), "{file} has no {from:?}");
        *text = text.replacen(from, to, 1);
        let found = Set::parse(&files).map(|_| ()).unwrap_err();
        assert!(told(&found).contains(expected), "expected {expected}\n     got {}", told(&found));
    }
}

#[test]
fn all_findings_are_told_at_once() {
    let found = try_set("{{ a }}\n{{ b|c }}\n{{ event.x }}").unwrap_err();
    assert_eq!(
        found.iter().filter_map(|finding| finding.line).collect::<Vec<_>>(),
        [6, 7, 7, 8],
        "{}",
        told(&found)
    );
}

#[test]
fn files_that_are_no_templates_have_a_name_that_says_so() {
    for (path, reason) in [
        ("tickets/a.md", "is no template"),
        ("tickets/a/b.md.j2", "is no template"),
        ("comments/ä.md.j2", "is no template"),
        ("tests/a.yml", "is no test"),
    ] {
        let found = Set::parse(&Files([(path.to_owned(), String::new())].into())).map(|_| ()).unwrap_err();
        assert!(told(&found).starts_with(&format!("{path}: {reason}")), "{}", told(&found));
    }
    let others = ["README.md", ".gitignore", "docs/a.md", "tests/data/x.json"];
    let files = Files(others.iter().map(|path| ((*path).to_owned(), "{{ any }}".to_owned())).collect());
    assert!(Set::parse(&files).is_ok());
}

#[test]
fn a_test_that_is_disappointed_says_in_what() {
    let mut files = SAMPLE.clone();
    let test = files.0.get_mut("tests/rack-power.yaml").unwrap();
    *test =
        test.replace("priority: \"critical\"", "priority: \"blocker\"").replace("PDU стойки", "PDU стойки!");
    let set = Set::parse(&files).unwrap();
    let failures = set.test();
    let told: Vec<_> = failures.iter().map(|failure| failure.finding.to_string()).collect();
    assert_eq!(
        told,
        [
            "tests/rack-power.yaml:17: priority is not as expected",
            "tests/rack-power.yaml:22: description is not as expected"
        ]
    );
    assert_eq!((failures[0].expected.as_str(), failures[0].got.as_str()), ("blocker", "critical"));
    let renewed = set.renewed_tests();
    assert_eq!(
        renewed.0.get("tests/rack-power.yaml"),
        SAMPLE.0.get("tests/rack-power.yaml"),
        "written anew as it was"
    );
}

#[test]
fn a_test_without_expectations_fails_and_so_does_one_whose_template_fails() {
    let mut files = SAMPLE.clone();
    let test = files.0.get_mut("tests/other.yaml").unwrap();
    *test = test.split_once("expect:").unwrap().0.to_owned();
    let failures = Set::parse(&files).unwrap().test();
    assert_eq!(failures[0].finding.to_string(), "tests/other.yaml:2: expects nothing");
    assert!(failures[0].got.contains("summary: \"juggler: ntp\""));

    let mut files = SAMPLE.clone();
    let template = files.0.get_mut("tickets/other.md.j2").unwrap();
    *template = template.replace("{{ from_whom() }}", "{{ rack.name }}");
    let failures = Set::parse(&files).unwrap().test();
    let told: Vec<_> = failures.iter().map(|failure| failure.finding.to_string()).collect();
    assert_eq!(
        told,
        ["tickets/other.md.j2:22: undefined value: `rack.name` is undefined (in tests/other.yaml)"]
    );
}

#[test]
fn texts_of_the_front_matter_are_rendered_as_plain_lines_and_empty_ones_left_out() {
    let ticket = "---\ntitle: T\nqueue: \"{{ 'A' if event.severity > 3 else 'B' }}\"\n\
        summary: \"{{ event.name }}\\n*{{ members|length }}*\"\ntype: \"{{ '' }}\"\nassignee: \"{{ operator }}\"\n\
        tags: [heat, \"{{ event.tags.component }}\", \"{{ event.tags.absent|default('') }}\"]\n\
        fields: {a: \"{{ event.host }}\", b: 7, c: [\"{{ 1 + 1 }}\", true], d: \"\", e: {f: \"{{ event.host }}\"}}\n---\nx";
    let set = Set::parse(&Files([("tickets/t.md.j2".to_owned(), ticket.to_owned())].into())).unwrap();
    let mut subject = subject(vec![Member { name: "*a*\n|b|\u{202e}".into(), ..event("h_1") }]);
    subject.operator = Some("ivanova".into());
    let draft = set.ticket("t", &subject).unwrap();
    assert_eq!((draft.queue.as_str(), draft.summary.as_str()), ("A", "*a* |b| *1*"));
    assert_eq!((draft.kind, draft.assignee.as_deref()), (None, Some("ivanova")));
    assert_eq!(draft.tags, ["heat", "power"]);
    let fields = json!({"a": "h_1", "b": 7, "c": ["2", true], "e": {"f": "h_1"}});
    assert_eq!(serde_json::to_value(draft.fields).unwrap(), fields);
}

#[test]
fn a_long_summary_is_cut_and_an_empty_one_refused() {
    let ticket = "---\ntitle: T\nqueue: Q\nsummary: >-\n  {{ event.name }}\ntags: [\"`{{ now }}`\"]\n---\nx";
    let set = Set::parse(&Files([("tickets/t.md.j2".to_owned(), ticket.to_owned())].into())).unwrap();
    let long = subject(vec![Member { name: "ж".repeat(300), ..event("h") }]);
    let summary = set.ticket("t", &long).unwrap().summary;
    assert_eq!((summary.chars().count(), summary.ends_with('…')), (LONGEST_SUMMARY, true));
    let empty = subject(vec![Member { name: "\u{7}".into(), ..event("h") }]);
    let told = set.ticket("t", &empty).unwrap_err().to_string();
    assert_eq!(told, "tickets/t.md.j2:5: the summary comes out empty");
}

#[test]
fn filters_give_what_the_manual_says() {
    let member = Member {
        text: "a\nb".into(),
        url: Some("https://zabbix.example.net/a_(b)".into()),
        device: Some(Device { serial: "S1".into(), tags: vec!["prod".into()], ..Device::default() }),
        standing: Some(Standing {
            rack: Rack { name: "07".into(), ..Rack::default() },
            row: "12".into(),
            locations: vec!["SAS".into()],
            units: "u40".into(),
        }),
        comments: vec![Comment {
            id: 1,
            author: "petrov".into(),
            at: NOW,
            edited_at: None,
            text: "x".into(),
        }],
        ..event("srv-1")
    };
    let mut subject = subject(vec![member, event("srv-2")]);
    subject.ticket =
        Some(TicketView { key: "NOC-1".into(), url: "https://tracker.example.net/NOC-1".into() });
    for (body, expected) in [
        ("{{ event.severity|severity }}, {{ event.severity|severity('ru') }}", "High, Высокая"),
        ("{{ event.since|age }}", "26 min"),
        ("{{ event.since|date }}", "2026-11-23 23:44 MSK"),
        ("{{ event.since|date('UTC', '%H:%M') }} {{ event.since|date(format='%d.%m') }}", "20:44 23.11"),
        ("{{ 2|plural('one', 'many') }} {{ 22|plural('хост', 'хоста', 'хостов') }}", "many хоста"),
        (
            "{{ event|rack_path }}; {{ event.rack|rack_path }}",
            "SAS / row 12 / rack 07 / u40; SAS / row 12 / rack 07",
        ),
        ("{{ members|last|rack_path }}", "place unknown"),
        ("{{ event.host|code }}", "`srv-1`"),
        ("{{ event.text }}", "a b"),
        ("{{ event.text|fence }}", "```text\na\nb\n```"),
        ("{{ ticket.url|link(ticket.key) }}", "[NOC-1](https://tracker.example.net/NOC-1)"),
        ("{{ event.url|link }}", "[open](https://zabbix.example.net/a_%28b%29)"),
        ("{{ 'abcdef'|truncate(4) }} {{ 'abc'|truncate(4) }} {{ 'abcdef'|truncate(3, '') }}", "abc… abc abc"),
        ("{{ event.device.hw|default('-') }}{{ event.tags.absent|default('none') }}", "\\-none"),
        ("{{ event.tags.component }}{% if event.tags.absent %}x{% endif %}", "power"),
        ("{% for t in event.tag_list %}{{ t.tag }}={{ t.value }}{% endfor %}", "component=power"),
        ("{{ members|map(attribute='host')|join(', ') }}", "srv-1, srv-2"),
        ("{{ members|selectattr('rack')|map('rack_path')|first }}", "SAS / row 12 / rack 07 / u40"),
        ("{{ event.device.tags|join(', ') }}{{ event.comments|length }}", "prod1"),
        ("{{ 'a-b'|upper|replace('-', '+')|lower }}", "a+b"),
        ("{{ '*' }}{{ '*'|escape }}{{ '_a_'|escape|upper }}", "\\*\\*\\\\\\_A\\\\\\_"),
        ("{{ 'x' if event.severity < 2 }}|{{ 1.5|round|int }}", "|2"),
        ("{{ rack }}", ""),
    ] {
        if body == "{{ rack }}" {
            assert!(
                failing(body, &subject).contains("there is none here"),
                "the two stand in different places"
            );
        } else {
            assert_eq!(rendered(body, &subject), expected, "{body}");
        }
    }
}

#[test]
fn a_table_has_a_row_an_event_and_says_how_many_it_leaves_out() {
    let member = Member { name: "a | b".into(), ..event("x|y") };
    let subject = subject(vec![member.clone(), member.clone(), member]);
    assert_eq!(
        rendered("a\n{{ members|table(['host', ['name', '*What*'], 'since'], limit=1) }}b", &subject),
        "a\n\n| Host | \\*What\\* | Since |\n| --- | --- | --- |\n| `x`&#124;`y` | a &#124; b | 2026-11-23 23:44 MSK |\n\n\
         … and another 2\nb"
    );
    assert_eq!(rendered("x{{ []|table(['host']) }}", &subject), "x");
    assert!(
        failing("{{ members|table(['hots']) }}", &subject)
            .contains("there is no column \"hots\"; there are host,")
    );
    assert!(failing("{{ members|table([]) }}", &subject).contains("a table needs columns"));
}

#[test]
fn macros_and_includes_know_the_subject_and_write_markup_that_stays_as_it_is() {
    let ticket = "---\ntitle: T\nqueue: Q\nsummary: S\nlanguage: ru\n---\n{% from 'm/a.j2' import bold %}\n\
        {{ bold(event.name) }}\n{% include 'm/b.j2' %}";
    let bold = "{% macro bold(text) %}**{{ text }}** {{ event.host }} {{ event.since|age }}{% endmacro %}";
    let all = "{% set all %}{% for m in members %}_{{ m.host }}_{% endfor %}{% endset %}{{ all }} {{ all ~ event.name }}";
    let files = [("tickets/t.md.j2", ticket), ("m/a.j2", bold), ("m/b.j2", all)];
    let files = Files(files.map(|(path, text)| (path.to_owned(), text.to_owned())).into());
    let set = Set::parse(&files).unwrap_or_else(|found| panic!("{}", told(&found)));
    let subject = subject(vec![Member { name: "*x*".into(), ..event("h*") }]);
    assert_eq!(
        set.ticket("t", &subject).unwrap().description,
        "**\\*x\\*** h\\* 26 мин\n_h\\*_ _h\\*_\\*x\\*"
    );
}

#[test]
fn what_is_undefined_stops_a_ticket_and_is_named() {
    let subject = subject(vec![event("h")]);
    for (body, expected) in [
        (
            "a\n{% set m = members|first %}\n{{ m.nmae }}",
            "tickets/t.md.j2:8: undefined value: `m.nmae` is undefined",
        ),
        (
            "{% for m in members %}{% if m.nmae %}{% endif %}{% endfor %}",
            "tickets/t.md.j2:6: undefined value",
        ),
        ("{{ event.device.serial }}", "tickets/t.md.j2:6: undefined value"),
        ("{{ event.device }}", "tickets/t.md.j2:6: invalid operation: there is none here"),
        ("{{ members }}", "tickets/t.md.j2:6: invalid operation: this is a sequence and no text"),
        ("{{ event.tags }}", "tickets/t.md.j2:6: invalid operation: this is a plain object and no text"),
        (
            "{{ event.name|link }}",
            "tickets/t.md.j2:6: invalid operation: only event.url and ticket.url can be links",
        ),
        ("{{ event.since|date(format='%Q') }}", "tickets/t.md.j2:6: invalid operation: \"%Q\" is no format"),
        ("{{ event.since|date('Mars/Olympus') }}", "tickets/t.md.j2:6: invalid operation: unknown time zone"),
        (
            "{{ event.name|date }}",
            "tickets/t.md.j2:6: invalid operation: \"Unavailable by ICMP ping\" is no time",
        ),
        ("{{ 9|severity }}", "tickets/t.md.j2:6: invalid operation: unknown severity"),
        ("{{ 1|plural('a') }}", "tickets/t.md.j2:6: invalid operation: plural takes"),
        ("{% set now = 5 %}{{ event.since|age }}", "tickets/t.md.j2:6: invalid operation: the variable now"),
        ("{{ '' }}", "tickets/t.md.j2: comes out empty"),
    ] {
        let told = failing(body, &subject);
        assert!(told.starts_with(expected), "{body}\nexpected {expected}\n     got {told}");
    }
    assert_eq!(set("x").ticket("u", &subject), Err(RenderError::Unknown("u".into())));
}

#[test]
fn loops_without_end_and_output_without_measure_are_stopped() {
    let subject = subject(vec![event("h")]);
    let doubling =
        "{% macro m(x, n) %}{% if n %}{{ m(x ~ x, n - 1) }}{% endif %}{% endmacro %}{{ m('xxxxxxxx', 90) }}";
    for body in [
        "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        doubling,
        "{% for a in range(100000) %}aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa{% endfor %}",
        "{% set x %}{% for a in range(100000) %}{{ event.name * 100 }}{% endfor %}{% endset %}",
        "{{ ('x' * 90000000)|length }}",
        "{% include 'tickets/t.md.j2' %}",
    ] {
        let told = failing(body, &subject);
        let stopped = ["does too much", "characters long", "recursion", "limit"];
        assert!(stopped.iter().any(|reason| told.contains(reason)), "{body}: {told}");
        assert!(told.starts_with("tickets/t.md.j2"), "{told}");
    }
}

#[test]
fn a_thousand_events_are_rendered_and_a_table_of_all_of_them_is_too_long() {
    let members: Vec<_> = (0..1000).map(|n| event(&format!("srv-{n:05}"))).collect();
    let subject = subject(members);
    let loops = "{% for level, group in members|groupby('severity') %}{{ level|severity }}: {{ group|length }}{% endfor %}\n\
        {% for m in members|sort(attribute='host') %}{% if m.severity > 3 and m.name is startingwith('Un') and m.tags.component == 'power' %}\
        {% set where = m|rack_path %}{% if loop.index <= 200 %}\n\n* {{ m.host|code }} {{ where }} {{ m.since|age }}, {{ m.name }}{% endif %}{% endif %}{% endfor %}\n\
        {{ members|map(attribute='host')|unique|join(', ') }}\n{{ members|table(['host', 'place', 'severity', 'name', 'age']) }}";
    let text = rendered(loops, &subject);
    assert_eq!(text.matches("\n* ").count(), 200);
    assert!(text.ends_with("… and another 900"));
    let told = failing("{{ members|table(['host', 'place', 'name', 'since'], limit=1000) }}", &subject);
    assert!(told.contains("characters long") && told.contains("limit=50"), "{told}");
}

#[test]
fn the_best_template_is_the_one_that_asks_for_most_and_those_without_conditions_come_last() {
    let files = Files(
        [
            ("a", ""),
            ("b", "match: {severity: high}\n"),
            ("c", "match: {severity: high, source: zabbix}\n"),
            ("d", "match: {severity: disaster}\n"),
            ("e", "match: {name: '*ICMP*'}\n"),
            ("f", ""),
        ]
        .map(|(name, matches)| {
            let text = format!("---\ntitle: T\nqueue: Q\nsummary: S\n{matches}---\nx");
            (format!("tickets/{name}.md.j2"), text)
        })
        .into(),
    );
    let set = Set::parse(&files).unwrap();
    let calm = Member { name: "x".into(), ..event("h") };
    assert_eq!(set.ranked(&subject(vec![event("h"), calm.clone(), calm])), ["c", "b", "e", "a", "f"]);
    assert_eq!(set.ranked(&subject(vec![])), ["a", "f"]);
}

#[test]
fn the_api_sees_a_template_as_its_front_matter_says() {
    let set = Set::parse(&SAMPLE).unwrap();
    let told =
        serde_json::to_value(set.tickets().find(|template| template.name == "other").unwrap()).unwrap();
    assert_eq!(
        (&told["title"], &told["type"], &told["comment_on_more"]),
        (&json!("Другое"), &json!("task"), &json!("more"))
    );
    assert_eq!(told.get("match"), None);
    let comments: Vec<_> = set.comments().map(|comment| comment.name.as_str()).collect();
    assert_eq!(comments, ["cleared", "more", "on-site"]);
}

#[test]
fn line_ends_of_other_systems_and_a_byte_order_mark_change_nothing() {
    for end in ["\r\n", "\r"] {
        let written = |text: &str| format!("\u{feff}{}", text.replace('\n', end));
        let files = Files(SAMPLE.0.iter().map(|(path, text)| (path.clone(), written(text))).collect());
        let set = Set::parse(&files).unwrap_or_else(|found| panic!("{}", told(&found)));
        assert_eq!(set.test(), []);
    }
}

/// Markup that somebody else must not be able to write.
const FORBIDDEN: [&str; 2] = ["{{", "{%"];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_alert_writes_markup_through_any_template_of_the_sample(
        words in prop::collection::vec(prop_oneof![
            "[-`~#*_+=|\\\\<>\\[\\](){}@!%&$^:;./\"' \n0-9a-zа-я]{0,8}",
            prop::sample::select(vec![
                "\n# EVIL", "\n> EVIL", "\n* EVIL", "\n1. EVIL", "\n```\nEVIL", "\n~~~\nEVIL", "\n#|\n|| EVIL || |#", "{{ now }}",
                "{% cut \"EVIL\" %}", "{% endcut %}", "@evil", "[EVIL](http://e)", "<http://e>", "|\n|---|\n| EVIL", "\n---\n",
            ]).prop_map(str::to_owned),
        ], 5..6),
    ) {
        let set = Set::parse(&SAMPLE).unwrap();
        let member = Member {
            host: words[0].clone(),
            name: words[1].clone(),
            text: words[2].clone(),
            opdata: words[3].clone(),
            comments: vec![Comment { id: 1, author: words[4].clone(), at: NOW, edited_at: None, text: words[2].clone() }],
            device: Some(Device { hw: words[3].clone(), serial: words[1].clone(), asset_no: words[0].clone(), ..Device::default() }),
            standing: Some(Standing {
                rack: Rack { name: words[4].clone(), comment: words[2].clone(), asset_no: words[1].clone(), ..Rack::default() },
                row: words[3].clone(),
                locations: vec![words[0].clone()],
                units: "u1".into(),
            }),
            ..event("")
        };
        let calm = Member { severity: Severity::High, device: Some(Device::default()), standing: Some(Standing::default()), ..event("h") };
        let plain = subject(vec![calm.clone(), calm]);
        let mut subject = subject(vec![member.clone(), member]);
        subject.operator = Some(words[1].clone());
        for template in set.tickets() {
            let Ok(draft) = set.ticket(&template.name, &subject) else {
                // A summary of nothing but noise is refused.
                continue;
            };
            prop_assert!(draft.summary.chars().all(|c| !c.is_control()) && draft.summary.chars().count() <= 255);
            let (markup, own) = (draft.description, set.ticket(&template.name, &plain).unwrap().description);
            for forbidden in FORBIDDEN {
                let ours = markup.matches("{% cut \"Показать\" %}").count() + markup.matches("{% endcut %}").count();
                prop_assert_eq!(markup.matches(forbidden).count(), if forbidden == "{%" { ours } else { 0 }, "{}", markup);
            }
            prop_assert_eq!(skeleton(&markup).0, skeleton(&own).0, "{}\n=== instead of\n{}", markup, own);
        }
    }
}

/// What of a markup is no text: kinds of elements in their order, with what hangs on a text being there or not left out.
fn skeleton(markup: &str) -> (Vec<String>, usize) {
    use pulldown_cmark::{Event, Options, Parser, Tag};
    let mut kinds = std::collections::BTreeSet::new();
    let mut count = 0;
    for event in Parser::new_ext(markup, Options::all() - Options::ENABLE_SMART_PUNCTUATION) {
        count += 1;
        match event {
            Event::Start(Tag::Heading { level, .. }) => _ = kinds.insert(format!("heading {level}")),
            Event::Start(Tag::Link { dest_url, .. }) => _ = kinds.insert(format!("link {dest_url}")),
            Event::Start(Tag::Paragraph | Tag::List(_) | Tag::Item | Tag::Strong | Tag::CodeBlock(_))
            | Event::Text(_)
            | Event::Code(_)
            | Event::SoftBreak
            | Event::End(_) => {}
            Event::Start(tag) => _ = kinds.insert(format!("{tag:?}")),
            event => _ = kinds.insert(format!("{event:?}")),
        }
    }
    (kinds.into_iter().collect(), count)
}
