//! The templates job: looks at the newest commit of the templates' repository, and makes it the active one if the whole
//! set parses, lints and passes its own tests. Otherwise the last good one stays, and why is told.

use std::fmt::Write as _;

use anyhow::{Context, bail};
use heat::cache::{Cache, CacheError, Fence, TemplatesRecord};
use heat::template::{Files, Finding, Set};
use heat::time::Timestamp;
use tokio::task::spawn_blocking;

use crate::board::Post;
use crate::metrics::{FindingLabels, TemplateMetrics};
use crate::schedule::{Done, Work};
use crate::upstream::git::{Commit, GitError, Head, Repository, short};

/// How many findings are spelled out: who mends these looks again.
const SHOWN: usize = 20;

/// The job's state for as long as a lease lasts.
pub struct PullTemplates {
    /// Where the templates are kept.
    pub repository: Repository,
    /// Redis.
    pub cache: Cache,
    /// The working updater's fence.
    pub fence: Fence,
    /// Where the active commit is posted.
    pub board: Post,
    /// What it did.
    pub metrics: TemplateMetrics,
    /// The commit that was checked last. None at the start: another version of Heat may have judged otherwise.
    pub checked: Option<String>,
}

impl PullTemplates {
    /// What the last look left behind, be it another updater's.
    async fn record(&self) -> anyhow::Result<TemplatesRecord> {
        match self.cache.templates_record().await {
            Ok(record) => Ok(record.unwrap_or_default()),
            Err(error @ CacheError::Form { .. }) => {
                tracing::warn!(%error, "going on without the last templates");
                Ok(TemplatesRecord::default())
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn activate(&mut self, commit: Commit, files: &Files, set: &Set) -> anyhow::Result<()> {
        let record = TemplatesRecord {
            version: commit.id.clone(),
            subject: commit.subject,
            committed_at: Some(commit.committed_at),
            pulled_at: Some(Timestamp::now()),
            ..TemplatesRecord::default()
        };
        self.cache.write_templates(self.fence, &record, Some(files)).await?;
        let (tickets, comments, tests) = (set.tickets().count(), set.comments().count(), set.tests());
        tracing::info!(
            commit = short(&commit.id),
            subject = record.subject,
            tickets,
            comments,
            tests,
            "new templates"
        );
        self.metrics.accepted();
        self.checked = Some(commit.id);
        self.board.send_if_modified(|board| {
            let news = board.templates_version != record.version;
            board.templates_version = record.version;
            news
        });
        Ok(())
    }

    async fn reject(&mut self, commit: String, findings: &[Finding]) -> anyhow::Result<()> {
        let record = TemplatesRecord {
            pulled_at: Some(Timestamp::now()),
            error: Some(told(findings)),
            rejected: Some(commit.clone()),
            pull_error: None,
            ..self.record().await?
        };
        self.cache.write_templates(self.fence, &record, None).await?;
        for finding in findings.iter().take(SHOWN) {
            tracing::warn!(commit = short(&commit), %finding, "the newest templates are not taken");
        }
        self.metrics.rejected(findings.iter().take(SHOWN).map(|finding| FindingLabels {
            file: finding.file.clone(),
            line: finding.line.map(|line| line.to_string()).unwrap_or_default(),
            message: finding.message.clone(),
        }));
        self.checked = Some(commit);
        Ok(())
    }

    /// Nothing was learnt of any commit; what is known of them stays.
    async fn note(&self, pull_error: Option<String>) -> anyhow::Result<()> {
        let before = self.record().await?;
        let pulled_at = if pull_error.is_none() { Some(Timestamp::now()) } else { before.pulled_at };
        let record = TemplatesRecord { pulled_at, pull_error, ..before };
        Ok(self.cache.write_templates(self.fence, &record, None).await?)
    }
}

impl Work for PullTemplates {
    async fn run(&mut self) -> anyhow::Result<Done> {
        let known: Vec<&str> = self.checked.as_deref().into_iter().collect();
        let pulled = self.repository.pull(&known).await;
        match pulled {
            Ok(Head::Known(_)) => self.note(None).await?,
            Ok(Head::New(mut commit)) => {
                let files = Files(std::mem::take(&mut commit.files));
                let (files, checked) = checked(files).await?;
                match checked {
                    Ok(set) => self.activate(commit, &files, &set).await?,
                    Err(findings) => self.reject(commit.id, &findings).await?,
                }
            }
            Err(GitError::Refused { commit, refusal }) => {
                let message = refusal.reason.to_string();
                self.reject(commit, &[Finding { file: refusal.path, line: None, message }]).await?;
            }
            Err(error) => {
                self.metrics.failed();
                let reason = format!("the templates' repository {} {error}", self.repository.address());
                self.note(Some(reason.clone())).await.context(reason.clone())?;
                bail!(reason);
            }
        }
        self.metrics.pulled();
        Ok(Done::Ran)
    }
}

/// Checks a set beside the runtime: its tests render everything.
async fn checked(files: Files) -> anyhow::Result<(Files, Result<Set, Vec<Finding>>)> {
    let check = spawn_blocking(move || {
        let checked = check(&files);
        (files, checked)
    });
    check.await.context("a defect in Heat: the check of the templates did not come to its end")
}

/// Everything that keeps a set from becoming the active one.
///
/// # Errors
/// All that was found, each with its place.
pub fn check(files: &Files) -> Result<Set, Vec<Finding>> {
    let set = Set::parse(files)?;
    let mut findings: Vec<_> = set.test().into_iter().map(|failure| failure.finding).collect();
    if set.tickets().next().is_none() {
        let message = "holds no template (NAME.md.j2); is it the right repository and branch?".to_owned();
        findings.push(Finding { file: "tickets".to_owned(), line: None, message });
    }
    if findings.is_empty() { Ok(set) } else { Err(findings) }
}

/// The findings, a line each, as far as they are spelled out.
#[must_use]
pub fn told(findings: &[Finding]) -> String {
    let lines: Vec<_> = findings
        .iter()
        .take(SHOWN)
        .map(|finding| finding.to_string().replace(char::is_control, " "))
        .collect();
    let mut text = lines.join("\n");
    if let more @ 1.. = findings.len().saturating_sub(SHOWN) {
        // Writing to a string does not fail.
        let _ = write!(text, "\nand {more} more");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_without_a_template_is_taken_for_the_wrong_one() {
        let files = Files([("README.md".to_owned(), "Something else.".to_owned())].into());
        let findings = check(&files).unwrap_err();
        assert!(told(&findings).starts_with("tickets: holds no template"), "{findings:?}");
    }

    #[test]
    fn the_first_findings_are_told_a_line_each_and_the_others_counted() {
        let finding =
            |line| Finding { file: "a".into(), line: Some(line), message: "two\n\u{1b}lines".into() };
        let findings: Vec<_> = (1..=23).map(finding).collect();
        let told = told(&findings);
        assert_eq!(told.lines().count(), 21);
        assert!(told.starts_with("a:1: two  lines\n") && told.ends_with("\na:20: two  lines\nand 3 more"));
        assert!(!super::told(&findings[..20]).contains("more"));
    }
}
