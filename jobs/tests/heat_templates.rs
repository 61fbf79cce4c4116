//! The author's tool as authors run it: arguments, exit status, what it writes.

#![expect(clippy::unwrap_used, reason = "a test may panic, and so may what it is made of")]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

fn shared(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// A copy of the sample repository, to be broken.
fn sample() -> TempDir {
    fn copy(from: &Path, to: &Path) {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
            let to = to.join(entry.file_name());
            if entry.path().is_dir() {
                copy(&entry.path(), &to);
            } else {
                fs::copy(entry.path(), to).unwrap();
            }
        }
    }
    let dir = tempfile::tempdir().unwrap();
    copy(&shared("infra/devkit/templates"), dir.path());
    dir
}

fn edit(dir: &TempDir, file: &str, from: &str, to: &str) {
    let path = dir.path().join(file);
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{file} has no {from:?}");
    fs::write(path, text.replace(from, to)).unwrap();
}

/// Runs the tool: its exit status, and what it wrote on standard output and standard error.
fn run(arguments: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_heat-templates")).args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn check(dir: &TempDir, more: &[&str]) -> (i32, String, String) {
    run(&[&["check", dir.path().to_str().unwrap()], more].concat())
}

fn render(dir: &TempDir, name: &str, more: &[&str]) -> (i32, String, String) {
    let (events, inventory) = (shared("lib/examples/snapshot.json"), shared("lib/examples/inventory.json"));
    let given = ["--events", events.to_str().unwrap(), "--inventory", inventory.to_str().unwrap()];
    let rest = ["--now", "2026-11-23T21:10:00Z", "--zone", "Europe/Moscow"];
    run(&[&["render", dir.path().to_str().unwrap(), name], &given[..], &rest, more].concat())
}

#[test]
fn the_sample_is_fine_and_the_exit_status_says_so() {
    let dir = sample();
    fs::create_dir(dir.path().join(".git")).unwrap();
    fs::write(dir.path().join(".git/index"), [0xff, 0xfe]).unwrap();
    let (status, out, err) = check(&dir, &[]);
    assert_eq!((status, err.as_str()), (0, ""), "{out}");
    assert_eq!(out, "4 templates of tickets, 3 of comments, 9 tests: fine\n");
}

#[test]
fn a_broken_template_is_named_by_file_and_line_for_people_and_for_programs() {
    let dir = sample();
    edit(&dir, "tickets/other.md.j2", "|severity }}", "|severty }}");
    let (status, out, _) = check(&dir, &[]);
    assert_eq!(
        (status, out.as_str()),
        (1, "tickets/other.md.j2:13: there is no filter \"severty\"\n1 finding\n")
    );
    let (status, out, _) = check(&dir, &["--format", "json"]);
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((status, &report["findings"][0]["line"]), (1, &Value::from(13)));
    assert_eq!(report["findings"][0]["file"], "tickets/other.md.j2");
}

#[test]
fn a_test_that_fails_shows_what_differs_and_can_be_written_anew() {
    let dir = sample();
    edit(
        &dir,
        "tickets/rack-power.md.j2",
        "1. Проверить оба ввода и PDU стойки.",
        "1. Проверить PDU: {{ event.name }}.",
    );
    let (status, out, _) = check(&dir, &[]);
    assert_eq!(status, 1);
    assert!(out.starts_with("tests/rack-power.yaml:22: description is not as expected\n"), "{out}");
    assert!(out.contains("\n    -1. Проверить оба ввода и PDU стойки.\n    +1. Проверить PDU: sas1-07-pdu1 is unreachable.\n"), "{out}");
    assert!(!out.contains("RK-000107"), "only what is near: {out}");

    let before = fs::read_to_string(dir.path().join("tests/other.yaml")).unwrap();
    let (status, out, _) = check(&dir, &["--update"]);
    assert_eq!(status, 0, "{out}");
    assert!(out.starts_with("tests/rack-power.yaml: written anew"), "{out}");
    assert_eq!(check(&dir, &[]).0, 0);
    assert_eq!(
        fs::read_to_string(dir.path().join("tests/other.yaml")).unwrap(),
        before,
        "others are left alone"
    );
}

#[test]
fn a_joiner_that_nobody_can_see_is_shown_in_a_difference() {
    let dir = sample();
    edit(&dir, "tests/hostile.yaml", "\u{2060}@\u{2060}petrov see", "@petrov see");
    let (status, out, _) = check(&dir, &[]);
    assert_eq!(status, 1);
    assert!(out.contains("    +**Высокая**: \\u{2060}@\\u{2060}petrov"), "{out}");
}

#[test]
fn what_the_updater_would_not_read_is_not_read_here() {
    let dir = sample();
    symlink("/etc/passwd", dir.path().join("tickets/link.md.j2")).unwrap();
    symlink("/etc", dir.path().join("etc")).unwrap();
    fs::write(dir.path().join("large.txt"), vec![b'x'; 64 * 1024 + 1]).unwrap();
    fs::write(dir.path().join("latin.txt"), [b'a', 0xe4]).unwrap();
    let (status, out, _) = check(&dir, &[]);
    assert_eq!(status, 1);
    let expected = [
        "etc: a symbolic link; put the file itself there",
        "large.txt: more than 65536 bytes, which are the most for one file",
        "latin.txt: it is not UTF-8 text",
        "tickets/link.md.j2: a symbolic link; put the file itself there",
        "4 findings",
    ];
    assert_eq!(out.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn a_folder_that_is_none_or_far_too_large_and_wrong_arguments_have_a_status_of_their_own() {
    let (status, out, err) = run(&["check", "/nowhere/at/all"]);
    assert_eq!(
        (status, out.as_str(), err.as_str()),
        (2, "", "heat-templates: /nowhere/at/all is no folder\n")
    );
    assert_eq!(run(&["check"]).0, 2);
    let dir = tempfile::tempdir().unwrap();
    for number in 0..=500 {
        fs::write(dir.path().join(format!("{number}.txt")), "").unwrap();
    }
    let (status, _, err) = check(&dir, &[]);
    assert_eq!(status, 2);
    assert!(err.contains("more than 500 files"), "{err}");
    let dir = tempfile::tempdir().unwrap();
    for number in 0..=32 {
        fs::write(dir.path().join(format!("{number}.txt")), vec![b'x'; 64 * 1024]).unwrap();
    }
    let (status, _, err) = check(&dir, &[]);
    assert_eq!(status, 2);
    assert!(err.contains("more than 2097152 bytes"), "{err}");
}

#[test]
fn a_ticket_is_made_of_a_snapshot_and_an_inventory() {
    let dir = sample();
    let (status, out, err) =
        render(&dir, "tickets/host-unreachable", &["--host", "srv-00001", "--operator", "ivanova"]);
    assert_eq!((status, err.as_str()), (0, ""), "{out}");
    assert!(out.starts_with("followers: [\"noc-duty\"]\npriority: critical\nqueue: NETOPS\n"), "{out}");
    assert!(out.contains("* Место: Europe / SAS / ряд SAS-A / стойка A01 / u32-33\n"), "{out}");
    assert!(out.contains("(http://zabbix.example.net/tr_events.php?triggerid="), "{out}");

    let (status, out, _) = render(&dir, "tickets/host-unreachable", &["--format", "json"]);
    let draft: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((status, &draft["summary"]), (0, &Value::from("srv-00001: недоступен и ещё 9")));

    let (status, out, _) = render(&dir, "comments/more", &["--language", "ru", "--host", "srv-00001"]);
    assert_eq!(status, 0);
    assert!(out.starts_with("Добавлено: "), "{out}");
}

#[test]
fn what_cannot_be_rendered_is_told_from_what_is_wrong_with_the_template() {
    let dir = sample();
    let (status, _, err) = render(&dir, "tickets/none", &[]);
    assert_eq!((status, err.as_str()), (2, "heat-templates: there is no template \"none\"\n"));
    assert!(render(&dir, "none", &[]).2.contains("tickets/NAME or comments/NAME"));
    assert!(render(&dir, "tickets/other", &["--host", "x"]).2.contains("holds no event of these hosts"));
    let events = dir.path().join("events.yaml");
    fs::write(&events, "- {source: z, host: h, severity: high, name: x, since: yesterday}").unwrap();
    let (status, _, err) =
        run(&["render", dir.path().to_str().unwrap(), "tickets/other", "--events", events.to_str().unwrap()]);
    assert_eq!(status, 2);
    assert!(err.contains("an RFC 3339 time"), "{err}");

    edit(&dir, "tickets/other.md.j2", "{{ from_whom() }}", "{{ rack.name }}");
    let (status, out, _) = render(&dir, "tickets/other", &["--host", "Old-GW"]);
    assert_eq!(
        (status, out.as_str()),
        (1, "tickets/other.md.j2:22: undefined value: `rack.name` is undefined\n")
    );
}

#[test]
fn help_teaches_how_to_begin_and_what_the_status_means() {
    let (status, out, _) = run(&["--help"]);
    assert_eq!(status, 0);
    for words in ["tests/NAME.yaml", "Exit status: 0", "check --update", "/api/v1/snapshot"] {
        assert!(out.contains(words), "{out}");
    }
    assert_eq!(run(&["--version"]).1, format!("heat-templates {}\n", env!("CARGO_PKG_VERSION")));
}
