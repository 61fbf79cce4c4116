//! Tickets: what is asked of the tracker, what has become of it, and which openings it covers.
//!
//! A ticket covers openings, each opening at most one open ticket. Like an acknowledgement it is inherited by the next
//! opening of the same key ([`crate::opening`]), so that a flapping problem does not lose it.

use std::collections::{BTreeMap, HashMap};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};

use crate::event::Tag;
use crate::handled::Ticketed;
use crate::opening::Belongs;
use crate::severity::Severity;
use crate::time::Timestamp;

/// The longest summary, in characters.
pub const LONGEST_SUMMARY: usize = 255;

/// The longest description, in characters. The tracker takes more, no reader does.
pub const LONGEST_DESCRIPTION: usize = 50_000;

/// A ticket as it will be: what the tracker is asked to create.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Draft {
    /// The key of the queue it goes to.
    pub queue: String,
    /// One line, at most [`LONGEST_SUMMARY`] characters.
    pub summary: String,
    /// The tracker's markup.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// `incident`, `bug`, …: a key of the tracker's dictionary; the queue's default if absent.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// `critical`, `normal`, …: a key of the tracker's dictionary.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<String>,
    /// Labels.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Components of the queue, by name or id.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub components: Vec<String>,
    /// Logins of those who are told of changes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub followers: Vec<String>,
    /// The login of whoever shall do it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assignee: Option<String>,
    /// Other fields, global by key or local to the queue by full id.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, serde_json::Value>,
}

/// Why a draft is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DraftRefused {
    /// No queue.
    #[error("queue is empty; name the queue of the tracker the ticket goes to")]
    NoQueue,
    /// No summary.
    #[error("summary is empty; say in one line what is wrong")]
    NoSummary,
    /// The summary has several lines.
    #[error("summary has several lines; say it in one line, and the rest in description")]
    Lines,
    /// The summary is too long.
    #[error("summary has {0} characters; at most {LONGEST_SUMMARY} are taken")]
    Summary(usize),
    /// The description is too long.
    #[error("description has {0} characters; at most {LONGEST_DESCRIPTION} are taken")]
    Description(usize),
    /// Postgres' JSON type holds no NUL.
    #[error("{0} contains a NUL character; remove it")]
    Nul(&'static str),
}

impl Draft {
    /// Checks what Heat itself can check; the tracker has the last word.
    pub fn check(&self) -> Result<(), DraftRefused> {
        if self.queue.trim().is_empty() {
            return Err(DraftRefused::NoQueue);
        }
        if self.summary.trim().is_empty() {
            return Err(DraftRefused::NoSummary);
        }
        if self.summary.contains(['\n', '\r']) {
            return Err(DraftRefused::Lines);
        }
        let length = self.summary.chars().count();
        if length > LONGEST_SUMMARY {
            return Err(DraftRefused::Summary(length));
        }
        match self.description.chars().count() {
            length if length > LONGEST_DESCRIPTION => return Err(DraftRefused::Description(length)),
            _ => {}
        }
        for (name, text) in
            [("queue", &self.queue), ("summary", &self.summary), ("description", &self.description)]
        {
            if text.contains('\0') {
                return Err(DraftRefused::Nul(name));
            }
        }
        Ok(())
    }
}

/// What has become of a ticket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// To be sent, or being sent.
    #[default]
    Pending,
    /// The tracker has it, without a resolution.
    Created,
    /// The tracker refused it, or could not be reached for a day.
    Failed,
    /// It has a resolution in the tracker.
    Closed,
}

impl State {
    /// As JSON and Postgres write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Created => "created",
            Self::Failed => "failed",
            Self::Closed => "closed",
        }
    }

    /// Whether events under it are taken care of.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Pending | Self::Created)
    }
}

impl std::str::FromStr for State {
    type Err = UnknownState;
    fn from_str(text: &str) -> Result<Self, UnknownState> {
        [Self::Pending, Self::Created, Self::Failed, Self::Closed]
            .into_iter()
            .find(|state| state.name() == text)
            .ok_or(UnknownState)
    }
}

/// A word that is no [`State`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown state of a ticket: it is pending, created, failed or closed")]
pub struct UnknownState;

/// One opening under one ticket, as the publisher joins it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cover {
    /// The opening.
    pub event_id: String,
    /// When history saw it clear.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cleared_at: Option<Timestamp>,
    /// This ticket, and no other, covers it.
    pub active: bool,
    /// The ticket's id.
    pub ticket: i64,
    /// The tracker's key, once it has one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub key: String,
    /// Its page.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub url: String,
    /// What has become of it.
    pub state: State,
    /// The tracker's own word for that.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub status: String,
    /// Why it is not created yet, or failed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub error: String,
    /// The worst it was opened for.
    pub severity: Severity,
}

impl Cover {
    /// What the rule for [`crate::handled::handled`] asks.
    pub fn ticketed(&self) -> Ticketed {
        Ticketed { open: self.active && self.state.is_open(), severity: self.severity }
    }
}

/// A tag by which a source tells of a ticket that it opened itself, as Zabbix' stock webhooks do
/// (`__zbx_jira_issuekey`, with the page in `__zbx_jira_issuelink`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TicketTag {
    /// The tag whose value is the ticket's key.
    pub tag: String,
    /// The tag whose value is its page.
    #[serde(default)]
    pub link_tag: Option<String>,
    /// Or its page's URL, with `{key}` in it.
    #[serde(default)]
    pub url: Option<String>,
}

impl TicketTag {
    /// The key and the page, empty where none is known, of the ticket that these tags tell of.
    pub fn read<'a>(&self, tags: &'a [Tag]) -> Option<(&'a str, String)> {
        let value = |name: &str| {
            let tag = tags.iter().find(|tag| tag.tag == name)?;
            Some(tag.value.as_str()).filter(|value| !value.is_empty())
        };
        let key = value(&self.tag)?;
        let told = self.link_tag.as_deref().and_then(value);
        // A tag is alert text: anything but the web stays what it is, text.
        let told = told.filter(|url| url.starts_with("https://") || url.starts_with("http://"));
        let filled = || {
            let encoded = utf8_percent_encode(key, NON_ALPHANUMERIC).to_string();
            self.url.as_deref().map(|url| url.replace("{key}", &encoded))
        };
        Some((key, told.map(str::to_owned).or_else(filled).unwrap_or_default()))
    }
}

/// Covers by event key, each key's latest ticket last.
pub type Covers = HashMap<String, Vec<Cover>>;

impl Belongs for Cover {
    /// The covering ticket goes before any other, and a later one before an earlier.
    type Rank = (bool, i64);

    fn event_id(&self) -> &str {
        &self.event_id
    }

    fn cleared_at(&self) -> Option<Timestamp> {
        self.cleared_at
    }

    fn rank(&self) -> (bool, i64) {
        (self.active, self.ticket)
    }

    /// One that covers nothing any more is still worth knowing.
    fn is_inherited(&self, _: Timestamp) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::opening::of_opening;
    use std::time::Duration;

    const NOW: Timestamp = Timestamp::from_unix(1_795_468_075);

    fn cover(event_id: &str, ticket: i64, active: bool) -> Cover {
        Cover { event_id: event_id.into(), ticket, active, ..Cover::default() }
    }

    fn cleared(event_id: &str, ticket: i64, minutes_ago: u64) -> Cover {
        Cover {
            cleared_at: Some(NOW - Duration::from_secs(minutes_ago * 60)),
            ..cover(event_id, ticket, true)
        }
    }

    fn of(covers: &[Cover], id: &str, active: &[&str]) -> Option<i64> {
        of_opening(covers, id, NOW, |id| active.contains(&id)).map(|cover| cover.ticket)
    }

    #[test]
    fn the_ticket_that_covers_an_opening_goes_before_later_ones_that_do_not() {
        let covers = [cover("a", 1, false), cover("a", 2, true), cover("a", 3, false)];
        assert_eq!(of(&covers, "a", &["a"]), Some(2));
        assert_eq!(of(&[cover("a", 1, false), cover("a", 3, false)], "a", &["a"]), Some(3));
    }

    #[test]
    fn an_opening_inherits_the_ticket_of_one_that_cleared_within_ten_minutes() {
        assert_eq!(of(&[cleared("a", 1, 10)], "b", &["b"]), Some(1));
        assert_eq!(of(&[cleared("a", 1, 11)], "b", &["b"]), None);
        assert_eq!(of(&[cover("a", 1, true)], "b", &["b"]), Some(1), "history has not seen it clear yet");
    }

    #[test]
    fn nothing_is_inherited_from_an_opening_that_burns_beside_it() {
        assert_eq!(of(&[cover("a", 1, true)], "b", &["a", "b"]), None);
        assert_eq!(
            of(&[cleared("a", 1, 1), cover("b", 2, false)], "b", &["b"]),
            Some(2),
            "its own goes first"
        );
    }

    #[test]
    fn a_closed_and_a_failed_ticket_handle_nothing() {
        for (state, open) in
            [(State::Pending, true), (State::Created, true), (State::Failed, false), (State::Closed, false)]
        {
            let cover = Cover { state, ..cover("a", 1, true) };
            assert_eq!(cover.ticketed().open, open, "{state:?}");
            assert!(!Cover { active: false, ..cover }.ticketed().open);
        }
    }

    #[test]
    fn a_ticket_that_the_source_opened_is_read_from_its_tags_and_a_strange_link_is_none() {
        let tag = |tag: &str, value: &str| Tag { tag: tag.into(), value: value.into() };
        let jira = TicketTag { tag: "key".into(), link_tag: Some("link".into()), url: None };
        let tags = [tag("key", "OPS-7"), tag("link", "https://jira/OPS-7")];
        assert_eq!(jira.read(&tags), Some(("OPS-7", "https://jira/OPS-7".to_owned())));
        let evil = [tag("key", "OPS-7"), tag("link", "javascript:alert(1)")];
        assert_eq!(jira.read(&evil), Some(("OPS-7", String::new())));
        let own = TicketTag { url: Some("https://t/{key}".into()), ..jira.clone() };
        assert_eq!(own.read(&[tag("key", "a b")]), Some(("a b", "https://t/a%20b".to_owned())));
        assert_eq!(jira.read(&[tag("key", "")]), None);
    }

    #[test]
    fn a_draft_is_stored_without_what_is_unset_and_read_back_the_same() {
        let draft = Draft {
            queue: "NETOPS".to_owned(),
            summary: "Rack A-07 lost power".to_owned(),
            kind: Some("incident".to_owned()),
            ..Draft::default()
        };
        let stored = serde_json::to_value(&draft).unwrap();
        let expected =
            serde_json::json!({"queue": "NETOPS", "summary": "Rack A-07 lost power", "type": "incident"});
        assert_eq!(stored, expected);
        assert_eq!(serde_json::from_value::<Draft>(stored).unwrap(), draft);
    }

    #[test]
    fn a_draft_without_queue_or_with_two_lines_of_summary_is_refused() {
        let good = Draft { queue: "NOC".into(), summary: "down".into(), ..Draft::default() };
        assert_eq!(good.check(), Ok(()));
        let with = |summary: &str| Draft { summary: summary.into(), ..good.clone() }.check();
        assert_eq!(with(" "), Err(DraftRefused::NoSummary));
        assert_eq!(with("a\nb"), Err(DraftRefused::Lines));
        assert_eq!(with(&"я".repeat(256)), Err(DraftRefused::Summary(256)));
        assert_eq!(with(&"я".repeat(255)), Ok(()));
        assert_eq!(Draft { queue: String::new(), ..good }.check(), Err(DraftRefused::NoQueue));
    }
}
