//! What a check has found, for people and for programs.

use std::io::Write;

use heat::template::{Failure, Finding, Set};
use serde::Serialize;
use similar::TextDiff;

use super::Format;

/// The outcome of a check; as JSON it is what `--format json` writes.
#[derive(Debug, Default, Serialize)]
pub(super) struct Report {
    /// How many templates of tickets there are.
    tickets: usize,
    /// How many templates of comments.
    comments: usize,
    /// How many tests.
    tests: usize,
    /// What is wrong with the files. Tests are only run when nothing is.
    pub(super) findings: Vec<Finding>,
    /// Tests that failed.
    pub(super) failures: Vec<Failure>,
    /// Tests that were written anew.
    pub(super) renewed: Vec<String>,
}

impl Report {
    pub(super) fn count(&mut self, set: &Set) {
        self.tickets = set.tickets().count();
        self.comments = set.comments().count();
        self.tests = set.tests();
    }

    pub(super) fn is_fine(&self) -> bool {
        self.findings.is_empty() && self.failures.is_empty()
    }

    pub(super) fn write(&self, format: Format, out: &mut impl Write) -> anyhow::Result<()> {
        match format {
            Format::Text => self.write_text(out)?,
            Format::Json => {
                serde_json::to_writer_pretty(&mut *out, self)?;
                writeln!(out)?;
            }
        }
        Ok(())
    }

    fn write_text(&self, out: &mut impl Write) -> std::io::Result<()> {
        for finding in &self.findings {
            writeln!(out, "{finding}")?;
        }
        for failure in &self.failures {
            writeln!(out, "{}", failure.finding)?;
            write!(out, "{}", difference(failure))?;
        }
        for path in &self.renewed {
            writeln!(out, "{path}: written anew; read what it expects now")?;
        }
        let Self { tickets, comments, tests, .. } = self;
        match self.findings.len() + self.failures.len() {
            0 => writeln!(out, "{tickets} templates of tickets, {comments} of comments, {tests} tests: fine"),
            1 => writeln!(out, "1 finding"),
            count => writeln!(out, "{count} findings"),
        }
    }
}

/// Expected and got, line by line: `-` what is missing, `+` what is there instead. Nothing if nothing was rendered.
fn difference(failure: &Failure) -> String {
    let visible = |text: &str| {
        // The joiner that takes hostile text apart would make two lines look the same.
        let text = text.replace('\u{2060}', "\\u{2060}");
        if text.is_empty() { text } else { text + "\n" }
    };
    let (expected, got) = (visible(&failure.expected), visible(&failure.got));
    let diff = TextDiff::from_lines(&expected, &got);
    let mut shown = String::new();
    for hunk in diff.unified_diff().context_radius(2).iter_hunks() {
        for change in hunk.iter_changes() {
            shown.extend(["    ", &change.tag().to_string(), change.value()]);
        }
    }
    shown
}
