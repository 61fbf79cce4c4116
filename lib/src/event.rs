//! Events: what a source says is wrong with one host, in the one form all sources are brought to.

use std::borrow::Cow;

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

use crate::reference::Reference;
use crate::severity::Severity;
use crate::time::Timestamp;

/// The longest `text` a snapshot carries, in characters; the whole stands in the source's cache.
pub const TEXT_IN_SNAPSHOT: usize = 500;

/// A label a source put on an event. Juggler's have no value.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Tag {
    /// The tag's name.
    pub tag: CompactString,
    /// Its value, often empty.
    #[serde(default, skip_serializing_if = "CompactString::is_empty")]
    pub value: CompactString,
}

/// One active problem of one host, as its source reports it: the elements of a source's cached `body`.
///
/// A problem of several hosts becomes one event for each of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "flags of the source that do not exclude each other")]
pub struct Event {
    /// This opening: [`opening_id`].
    pub id: String,
    /// The memory across openings: [`event_key`].
    pub key: String,
    /// The host as the source names it; empty while the source has not yet told it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub host: String,
    /// How bad it is now.
    pub severity: Severity,
    /// What is wrong, in one line.
    pub name: String,
    /// More words; may be long and have several lines.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// Operational data, as Zabbix calls the measured value that came with the problem.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub opdata: String,
    /// The source's labels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Tag>,
    /// Values for the source's `link` template.
    #[serde(default, rename = "ref", skip_serializing_if = "Reference::is_empty")]
    pub reference: Reference,
    /// When it began, by the source's clock.
    pub since: Timestamp,
    /// Under the source's maintenance or downtime.
    #[serde(default, skip_serializing_if = "is_false")]
    pub suppressed: bool,
    /// It depends on another problem that is active too.
    #[serde(default, skip_serializing_if = "is_false")]
    pub dependent: bool,
    /// Acknowledged in the source itself.
    #[serde(default, skip_serializing_if = "is_false")]
    pub acknowledged: bool,
    /// Seen in an unfinished sweep, or kept from before it: the source did not say all it knows.
    #[serde(default, skip_serializing_if = "is_false")]
    pub partial: bool,
    /// The source has not told the host yet; the event is shown, but nothing may hang on it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub host_pending: bool,
}

/// For serde: leaves out a flag that is not set.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
pub(crate) fn is_false(flag: &bool) -> bool {
    !flag
}

/// The id of one opening, `<source>:<event>:<host>`.
///
/// `event` is what the source calls this occurrence (Zabbix: the event id; Juggler: `<service>[/<instance>]@<start>`).
/// `%` and `:` inside a part are written `%25` and `%3A`; the host is in lower case.
///
/// ```
/// assert_eq!(heat::event::opening_id("zabbix", "81204", "SRV-1"), "zabbix:81204:srv-1");
/// assert_eq!(heat::event::opening_id("j", "http:80@17", "a"), "j:http%3A80@17:a");
/// ```
pub fn opening_id(source: &str, event: &str, host: &str) -> String {
    let host = if host.bytes().any(|byte| byte.is_ascii_uppercase() || !byte.is_ascii()) {
        Cow::Owned(host.to_lowercase())
    } else {
        Cow::Borrowed(host)
    };
    [&*escaped(source), ":", &*escaped(event), ":", &*escaped(&host)].concat()
}

/// The key under which comments are kept across openings, `<source>:<what>:<host>`.
///
/// `what` is the trigger's id or `<service>[/<instance>]`. Escaped as [`opening_id`].
pub fn event_key(source: &str, what: &str, host: &str) -> String {
    opening_id(source, what, host)
}

/// The source's part of an opening's id or an event's key, unescaped; `None` if it is neither.
pub fn source_of(id_or_key: &str) -> Option<Cow<'_, str>> {
    let mut parts = id_or_key.splitn(3, ':');
    let source = parts.next()?;
    parts.nth(1)?;
    Some(if source.contains('%') {
        source.replace("%3A", ":").replace("%25", "%").into()
    } else {
        source.into()
    })
}

fn escaped(part: &str) -> Cow<'_, str> {
    if part.contains(['%', ':']) { part.replace('%', "%25").replace(':', "%3A").into() } else { part.into() }
}

/// At most `limit` characters of `text`, cut between characters and never in the middle of one.
pub fn at_most(text: &str, limit: usize) -> &str {
    text.char_indices().nth(limit).map_or(text, |(end, _)| &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn different_parts_never_give_the_same_id(
            a in prop::array::uniform3("[a-z%:/@]{0,6}"),
            b in prop::array::uniform3("[a-z%:/@]{0,6}"),
        ) {
            let same = opening_id(&a[0], &a[1], &a[2]) == opening_id(&b[0], &b[1], &b[2]);
            prop_assert_eq!(same, a == b);
        }

        #[test]
        fn the_source_can_be_read_back(source in "[a-zA-Z%:]{1,8}", rest in prop::array::uniform2(".{0,6}")) {
            let id = opening_id(&source, &rest[0], &rest[1]);
            prop_assert_eq!(source_of(&id).unwrap(), source);
        }

        #[test]
        fn a_cut_text_is_a_prefix_of_so_many_characters(text in ".{0,40}", limit in 0_usize..50) {
            let cut = at_most(&text, limit);
            prop_assert!(text.starts_with(cut));
            prop_assert_eq!(cut.chars().count(), text.chars().count().min(limit));
        }
    }

    #[test]
    fn neither_a_word_nor_two_parts_are_an_id() {
        assert_eq!(source_of("zabbix"), None);
        assert_eq!(source_of("zabbix:1"), None);
    }
}
