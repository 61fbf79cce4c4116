//! `heat-templates`, the tool of those who write templates of tickets: checks a folder of them as the updater checks a
//! commit, and renders them on events from a file. It needs no server.

mod folder;
mod report;

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::ValueEnum;
use heat::inventory::Inventory;
use heat::template::given::{self, Placing};
use heat::template::{Files, Finding, Language, RenderError, Set, Subject, TicketView, Tz};
use heat::ticket::Draft;
use heat::time::Timestamp;

use report::Report;

/// Checks and renders the templates from which Heat makes tickets and comments
///
/// A repository of templates holds tickets/NAME.md.j2, comments/NAME.md.j2, tests/NAME.yaml, and whatever they include.
#[derive(Clone, Debug, clap::Parser)]
#[command(name = "heat-templates", version, max_term_width = 100)]
#[command(
    after_help = "Exit status: 0 everything is fine, 1 something is wrong with the templates, 2 it could not run.\n\n\
    To begin:  heat-templates check .\n\
    A new test needs no expectation; heat-templates check --update . writes down what the template gives. Read it.\n\
    Real events:  curl -s --compressed https://heat.example.net/api/v1/snapshot >events.json"
)]
pub struct Arguments {
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// What the tool can do.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum Command {
    /// Check names, front matter and syntax, run the tests, and say what is wrong, with file and line
    ///
    /// This is what the updater does before it uses a commit.
    Check(CheckArgs),
    /// Make a ticket or a comment of events from a file
    Render(RenderArgs),
}

/// Arguments of `check`.
#[derive(Clone, Debug, clap::Args)]
pub struct CheckArgs {
    /// The folder with the templates
    dir: PathBuf,
    /// Write what the templates give now into the tests that fail
    #[arg(long)]
    update: bool,
    /// How to report
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Arguments of `render`.
#[derive(Clone, Debug, clap::Args)]
pub struct RenderArgs {
    /// The folder with the templates
    dir: PathBuf,
    /// The template: tickets/NAME or comments/NAME
    name: String,
    /// Events as JSON or YAML: a snapshot of Heat, or a list of events as in one
    #[arg(long)]
    events: PathBuf,
    /// Of a snapshot, only events of these hosts; may be given several times
    #[arg(long = "host", value_name = "HOST")]
    hosts: Vec<String>,
    /// The inventory as JSON or YAML, in the form of GET /api/v1/inventory
    #[arg(long)]
    inventory: Option<PathBuf>,
    /// The moment that ages are counted to, 2026-11-23T21:10:00Z; the present if not given
    #[arg(long)]
    now: Option<Timestamp>,
    /// The time zone, an IANA name
    #[arg(long, default_value = "UTC")]
    zone: Tz,
    /// The operator's language, en or ru
    #[arg(long, default_value_t)]
    language: Language,
    /// The operator's login
    #[arg(long)]
    operator: Option<String>,
    /// The key of the ticket that a comment is for
    #[arg(long, default_value = "TICKET-1")]
    ticket: String,
    /// What to write
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// How something is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    #[default]
    Text,
    /// For programs
    Json,
}

/// How it went, as an exit status tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// 0
    Fine,
    /// 1: something is wrong with the templates.
    Findings,
}

/// The exit status when the tool itself failed, and for arguments that cannot be.
pub const COULD_NOT_RUN: u8 = 2;

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Fine => Self::SUCCESS,
            Outcome::Findings => Self::FAILURE,
        }
    }
}

/// Does what the arguments say.
///
/// # Errors
/// When it could not be done; that something is wrong with the templates is an [`Outcome`].
pub fn run(arguments: &Arguments, out: &mut impl Write) -> anyhow::Result<Outcome> {
    match &arguments.command {
        Command::Check(arguments) => check(arguments, out),
        Command::Render(arguments) => render(arguments, out),
    }
}

fn check(arguments: &CheckArgs, out: &mut impl Write) -> anyhow::Result<Outcome> {
    let mut report = Report::default();
    match folder::read(&arguments.dir)?.map(|files| Set::parse(&files)) {
        Ok(Ok(set)) => {
            if arguments.update {
                report.renewed = update(&arguments.dir, &set.renewed_tests())?;
                // Tests whose template cannot be rendered still fail, and the others were written from what is.
                report.failures = set.test();
                report.failures.retain(|failure| !report.renewed.contains(&failure.finding.file));
            } else {
                report.failures = set.test();
            }
            report.count(&set);
        }
        Ok(Err(findings)) | Err(findings) => report.findings = findings,
    }
    report.write(arguments.format, out)?;
    Ok(if report.is_fine() { Outcome::Fine } else { Outcome::Findings })
}

fn update(dir: &Path, tests: &Files) -> anyhow::Result<Vec<String>> {
    for (path, text) in &tests.0 {
        fs::write(dir.join(path), text).with_context(|| format!("{path} cannot be written"))?;
    }
    Ok(tests.0.keys().cloned().collect())
}

fn render(arguments: &RenderArgs, out: &mut impl Write) -> anyhow::Result<Outcome> {
    let set = match folder::read(&arguments.dir)?.and_then(|files| Set::parse(&files)) {
        Ok(set) => set,
        Err(findings) => return refuse(&findings, out),
    };
    let subject = subject(arguments)?;
    let rendered = match arguments.name.split_once('/') {
        Some(("tickets", name)) => set.ticket(name, &subject).map(|draft| match arguments.format {
            Format::Text => ticket_text(&draft),
            Format::Json => serde_json::to_string_pretty(&draft),
        }),
        Some(("comments", name)) => set.comment(name, &subject).map(|text| match arguments.format {
            Format::Text => Ok(text),
            Format::Json => serde_json::to_string_pretty(&serde_json::json!({"text": text})),
        }),
        _ => bail!("{:?}: name the template tickets/NAME or comments/NAME", arguments.name),
    };
    match rendered {
        Ok(text) => {
            writeln!(out, "{}", text?)?;
            Ok(Outcome::Fine)
        }
        Err(RenderError::Failed(finding)) => refuse(&[finding], out),
        Err(error @ RenderError::Unknown(_)) => bail!(error),
    }
}

fn refuse(findings: &[Finding], out: &mut impl Write) -> anyhow::Result<Outcome> {
    for finding in findings {
        writeln!(out, "{finding}")?;
    }
    Ok(Outcome::Findings)
}

/// The fields, then the description, as a mail has its head and its body.
fn ticket_text(draft: &Draft) -> serde_json::Result<String> {
    let mut lines = Vec::new();
    let value = serde_json::to_value(draft)?;
    for (key, value) in value.as_object().into_iter().flatten().filter(|(key, _)| *key != "description") {
        match value.as_str() {
            Some(text) => lines.push(format!("{key}: {text}")),
            None => lines.push(format!("{key}: {value}")),
        }
    }
    lines.extend([String::new(), draft.description.clone()]);
    Ok(lines.join("\n"))
}

fn subject(arguments: &RenderArgs) -> anyhow::Result<Subject> {
    let mut inventory = match &arguments.inventory {
        Some(path) => given::inventory(&text(path)?).map_err(|finding| named(path, finding))?,
        None => Inventory::default(),
    };
    inventory.normalise();
    let document =
        given::events(&text(&arguments.events)?).map_err(|finding| named(&arguments.events, finding))?;
    let links: BTreeMap<String, String> = document.links;
    let placing = Placing::new(&inventory, &links);
    let mut members = Vec::new();
    for event in &document.events {
        let member = placing.member(event).map_err(anyhow::Error::msg);
        let member = member.with_context(|| arguments.events.display().to_string())?;
        if arguments.hosts.is_empty() || arguments.hosts.contains(&member.host) {
            members.push(member);
        }
    }
    if members.is_empty() {
        bail!(
            "{}: holds no event{}",
            arguments.events.display(),
            if arguments.hosts.is_empty() { "" } else { " of these hosts" }
        );
    }
    let mut subject = Subject::new(members, arguments.now.unwrap_or_else(Timestamp::now));
    subject.zone = arguments.zone;
    subject.language = arguments.language;
    subject.operator.clone_from(&arguments.operator);
    if arguments.name.starts_with("comments/") {
        let key = arguments.ticket.clone();
        subject.ticket = Some(TicketView { url: format!("https://tracker.example.net/{key}"), key });
    }
    Ok(subject)
}

fn text(path: &Path) -> anyhow::Result<String> {
    fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))
}

/// A finding in a file that has a name only outside.
fn named(path: &Path, finding: Finding) -> anyhow::Error {
    anyhow::anyhow!("{}", Finding { file: path.display().to_string(), ..finding })
}
