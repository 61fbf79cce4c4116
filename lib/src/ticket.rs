//! Tickets: what an issue tracker is to be told.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A ticket before the tracker has it: everything its creation needs. Unset fields are left to the queue's defaults.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Draft {
    /// The key of the queue it goes to, `NETOPS`.
    pub queue: String,
    /// What is wrong, in one line.
    pub summary: String,
    /// The whole story in the tracker's markup; alert text in it is made harmless already.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// The type's key, `incident`; written `type`.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The priority's key, `critical`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<String>,
    /// Free words to find it by.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Components of the queue, by name or by number.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub components: Vec<String>,
    /// Logins of those who are told of changes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub followers: Vec<String>,
    /// The login of whoever is to work on it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assignee: Option<String>,
    /// Any other field: a global one by its key, one of the queue's own by its full id, `<24 hex>--<key>`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, Value>,
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
