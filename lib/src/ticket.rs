//! Tickets: what is asked of the tracker.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The longest summary, in characters.
pub const LONGEST_SUMMARY: usize = 255;

/// The longest description, in characters. The tracker takes more, no reader does.
pub const LONGEST_DESCRIPTION: usize = 50_000;

/// A ticket as it will be: what the tracker is asked to create.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Draft {
    /// The key of the queue it goes to.
    pub queue: String,
    /// One line, at most [`LONGEST_SUMMARY`] characters.
    pub summary: String,
    /// The tracker's markup.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// `incident`, `bug`, …: a key of the tracker's dictionary; the queue's default if absent.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// `critical`, `normal`, …: a key of the tracker's dictionary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<String>,
    /// Labels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Components of the queue, by name or id.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub components: Vec<String>,
    /// Logins of those who are told of changes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub followers: Vec<String>,
    /// The login of whoever shall do it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assignee: Option<String>,
    /// Other fields, global by key or local to the queue by full id.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, serde_json::Value>,
}
