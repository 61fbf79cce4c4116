//! Issue trackers: what Heat asks of one, whichever it is, and every way it can be refused.
//!
//! A client sends each request once. When to repeat it and how many a second it may be is for the caller to decide: it
//! knows what hangs on it, and keeps across restarts what it has tried.

use std::collections::BTreeMap;
use std::time::Duration;

use heat::ticket::Draft;
use reqwest::StatusCode;

use super::{startrek, webhook};

/// A ticket as its tracker has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Issue {
    /// Its key, `NETOPS-42`. A moved issue answers to its old key with its new one here.
    pub key: String,
    /// Its page for people; empty if the tracker told none that a browser may open.
    pub url: String,
    /// Its status as the tracker shows it, in the language of the account.
    pub status: String,
    /// Its status as programs know it, `inProgress`.
    pub status_key: String,
    /// It has a resolution: nobody works on it any more.
    pub resolved: bool,
    /// The keys it had in other queues.
    pub aliases: Vec<String>,
}

/// Why a tracker did not do what it was asked. Prints as a whole sentence with what an operator can do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrackerError {
    /// 401 or 403.
    #[error(
        "the tracker does not let Heat in ({0}): check the token, the organisation, and that its account may write in the \
         queue"
    )]
    Unauthorized(String),
    /// A ticket with the same `unique` exists; nothing was created.
    #[error("the tracker has this ticket already: nothing is to be done, Heat looks it up")]
    Exists,
    /// Any other status from 400 to 499: the same request will never succeed.
    #[error(
        "the tracker refused it (HTTP {status}: {text}): correct what it names in the ticket or its template, and send it \
         again"
    )]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The tracker's own words, on one line.
        text: String,
    },
    /// 423: nobody may change the issue, or its number of changes is used up.
    #[error("the tracker has locked the issue ({0}): unlock it there, or open another ticket")]
    Locked(String),
    /// The tracker knows no such issue or queue.
    #[error("the tracker knows no such thing ({0}): check the key, and that Heat's account may see it")]
    NotFound(String),
    /// 429.
    #[error("the tracker wants fewer requests (HTTP 429): Heat waits")]
    Limited {
        /// For so long, where it said, at most 10 minutes.
        retry_after: Option<Duration>,
    },
    /// No answer, or none that can be understood: timeout, broken connection, 5xx, a web page. The request may have been
    /// carried out or not.
    #[error("the tracker {0}; the request may have arrived all the same, and Heat asks again")]
    Outage(String),
    /// Nothing was sent: this kind of tracker cannot be asked for it. See [`Tracker::reads_back`].
    #[error("a webhook cannot {0}: see to it in the tracker itself")]
    Unsupported(&'static str),
}

impl TrackerError {
    /// What a status other than success means; `text` is what the tracker said, on one line.
    pub(super) fn of(status: StatusCode, retry_after: Option<Duration>, text: String) -> Self {
        let told = || {
            if text.is_empty() {
                format!("HTTP {}", status.as_u16())
            } else {
                format!("HTTP {}: {text}", status.as_u16())
            }
        };
        match status.as_u16() {
            401 | 403 => Self::Unauthorized(told()),
            404 | 410 => Self::NotFound(told()),
            423 => Self::Locked(told()),
            429 => Self::Limited { retry_after },
            408 | 500.. => Self::Outage(format!("answered {}", told())),
            status => Self::Refused {
                status,
                text: if text.is_empty() { "it does not say why".to_owned() } else { text },
            },
        }
    }
}

/// The configured tracker.
#[derive(Debug)]
pub enum Tracker {
    /// Yandex Tracker.
    Startrek(startrek::Client),
    /// Anything that takes a POST.
    Webhook(webhook::Client),
}

impl Tracker {
    /// Its kind as `HEAT_TRACKER` names it.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Startrek(_) => "startrek",
            Self::Webhook(_) => "webhook",
        }
    }

    /// Whether it can be asked for what it has. Where not, [`Tracker::myself`], [`Tracker::issues`], [`Tracker::issue`],
    /// [`Tracker::fields`] and [`Tracker::link`] are [`TrackerError::Unsupported`]; [`Tracker::find_by_unique`] and
    /// [`Tracker::has_comment`] find nothing, and repeating a creation or a comment is harmless.
    #[must_use]
    pub fn reads_back(&self) -> bool {
        matches!(self, Self::Startrek(_))
    }

    /// See [`startrek::Client::myself`].
    pub async fn myself(&self) -> Result<String, TrackerError> {
        match self {
            Self::Startrek(client) => client.myself().await,
            Self::Webhook(_) => Err(TrackerError::Unsupported("say who Heat is")),
        }
    }

    /// Creates a ticket unless one with the same `unique` exists: see [`startrek::Client::create`] and
    /// [`webhook::Client::create`].
    pub async fn create(&self, issue: &Draft, unique: &str) -> Result<Issue, TrackerError> {
        match self {
            Self::Startrek(client) => client.create(issue, unique).await,
            Self::Webhook(client) => client.create(issue, unique).await,
        }
    }

    /// See [`startrek::Client::find_by_unique`].
    pub async fn find_by_unique(&self, unique: &str) -> Result<Option<Issue>, TrackerError> {
        match self {
            Self::Startrek(client) => client.find_by_unique(unique).await,
            Self::Webhook(_) => Ok(None),
        }
    }

    /// Writes a comment: see [`startrek::Client::comment`] and [`webhook::Client::comment`].
    pub async fn comment(&self, key: &str, text: &str) -> Result<(), TrackerError> {
        match self {
            Self::Startrek(client) => client.comment(key, text).await,
            Self::Webhook(client) => client.comment(key, text).await,
        }
    }

    /// See [`startrek::Client::has_comment`].
    pub async fn has_comment(&self, key: &str, marker: &str) -> Result<bool, TrackerError> {
        match self {
            Self::Startrek(client) => client.has_comment(key, marker).await,
            Self::Webhook(_) => Ok(false),
        }
    }

    /// See [`startrek::Client::issues`].
    pub async fn issues(&self, keys: &[&str]) -> Result<Vec<Issue>, TrackerError> {
        match self {
            Self::Startrek(client) => client.issues(keys).await,
            Self::Webhook(_) => Err(TrackerError::Unsupported("be asked for tickets")),
        }
    }

    /// See [`startrek::Client::issue`].
    pub async fn issue(&self, key: &str) -> Result<Option<Issue>, TrackerError> {
        match self {
            Self::Startrek(client) => client.issue(key).await,
            Self::Webhook(_) => Err(TrackerError::Unsupported("be asked for a ticket")),
        }
    }

    /// See [`startrek::Client::link`].
    pub async fn link(&self, key: &str, relationship: &str, other: &str) -> Result<(), TrackerError> {
        match self {
            Self::Startrek(client) => client.link(key, relationship, other).await,
            Self::Webhook(_) => Err(TrackerError::Unsupported("link tickets")),
        }
    }

    /// See [`startrek::Client::fields`].
    pub async fn fields(&self, queue: &str) -> Result<BTreeMap<String, String>, TrackerError> {
        match self {
            Self::Startrek(client) => client.fields(queue).await,
            Self::Webhook(_) => Err(TrackerError::Unsupported("tell its fields")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(status: u16) -> TrackerError {
        TrackerError::of(StatusCode::from_u16(status).unwrap(), None, "its words".to_owned())
    }

    #[test]
    fn every_status_is_told_from_the_others_where_heat_acts_differently() {
        for status in [401, 403] {
            assert!(matches!(of(status), TrackerError::Unauthorized(_)), "{status}");
        }
        assert!(matches!(of(404), TrackerError::NotFound(_)));
        assert!(matches!(of(423), TrackerError::Locked(_)));
        assert!(matches!(of(429), TrackerError::Limited { retry_after: None }));
        for status in [400, 409, 412, 415, 422, 428] {
            assert_eq!(of(status), TrackerError::Refused { status, text: "its words".to_owned() });
        }
        for status in [408, 500, 502, 503, 504, 599] {
            assert!(matches!(of(status), TrackerError::Outage(_)), "{status}");
        }
    }

    #[test]
    fn every_error_says_what_to_do_in_one_sentence() {
        let errors = [of(401), TrackerError::Exists, of(422), of(423), of(404), of(429), of(502)];
        for error in errors.into_iter().chain([TrackerError::Unsupported("link tickets")]) {
            let sentence = error.to_string();
            assert!(sentence.contains([':', ';']) && !sentence.contains("  "), "{sentence}");
        }
    }
}
