//! What was before: how the opening before of the same key ended, and how often the key has opened within the hour.
//!
//! History tells it, but history is read now and then, while what has just cleared is known at once; both are joined here.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::comment::Thread;
use crate::snapshot::{Cleared, LastTime};
use crate::ticket::Cover;
use crate::time::Timestamp;

/// Openings are counted so far back.
pub const COUNTED_WITHIN: Duration = Duration::from_hours(1);

/// What somebody said before an opening was over.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LastComment {
    /// Who.
    pub author: String,
    /// When.
    pub at: Timestamp,
    /// The words, at most [`crate::comment::TEXT_IN_SNAPSHOT`] characters of them.
    pub text: String,
}

/// The ticket that an opening had.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LastTicket {
    /// The tracker's key.
    pub key: String,
    /// Its page.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub url: String,
}

/// An opening that is over, as history has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// Its id.
    pub id: String,
    /// When it began.
    pub opened_at: Timestamp,
    /// When it was over.
    pub cleared_at: Timestamp,
    /// The last comment on the key until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<LastComment>,
    /// Its ticket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<LastTicket>,
}

/// What history has of one key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Past {
    /// The last opening that is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Ended>,
    /// When those began that began and ended within the hour before history was read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recent: Vec<Timestamp>,
}

/// By event key. Keys without a past are absent.
pub type Pasts = HashMap<String, Past>;

/// How the opening before the one with this id, which began at `since`, ended: as history has it, or as it was seen to
/// clear if history does not have it yet. `cleared`, `thread` and `covers` are of the same key.
pub fn last_time<'a>(
    id: &str,
    since: Timestamp,
    past: Option<&'a Past>,
    cleared: &[&'a Cleared<'_>],
    thread: Option<&'a Thread>,
    covers: &'a [Cover],
) -> Option<LastTime<'a>> {
    let is_before = |other: &str, opened_at: Timestamp| other != id && opened_at <= since;
    let ended =
        past.and_then(|past| past.last.as_ref()).filter(|ended| is_before(&ended.id, ended.opened_at));
    let seen = cleared.iter().filter(|seen| is_before(&seen.id, seen.since)).max_by_key(|seen| seen.since);
    match (ended, seen) {
        (Some(ended), Some(seen)) if seen.id != ended.id && ended.opened_at < seen.since => {
            Some(as_seen(seen, thread, covers))
        }
        (Some(ended), _) => Some(LastTime {
            cleared_at: ended.cleared_at,
            comment: ended.comment.as_ref().map(Cow::Borrowed),
            ticket: ended.ticket.as_ref().map(Cow::Borrowed),
        }),
        (None, Some(seen)) => Some(as_seen(seen, thread, covers)),
        (None, None) => None,
    }
}

fn as_seen<'a>(seen: &Cleared<'_>, thread: Option<&Thread>, covers: &[Cover]) -> LastTime<'a> {
    let said = thread.and_then(|thread| thread.last.iter().rfind(|comment| comment.at <= seen.cleared_at));
    let cover = covers.iter().rfind(|cover| cover.event_id == seen.id && !cover.key.is_empty());
    LastTime {
        cleared_at: seen.cleared_at,
        comment: said.map(|comment| {
            let (author, text) = (comment.author.clone(), comment.text.clone());
            Cow::Owned(LastComment { author, at: comment.at, text })
        }),
        ticket: cover.map(|cover| Cow::Owned(LastTicket { key: cover.key.clone(), url: cover.url.clone() })),
    }
}

/// How often a key has opened within the hour before `now`; 0 for a single time, which is no news to anybody. `active` and
/// `cleared` tell when its openings began that burn, and that have just cleared. Openings that begin in one second are
/// one.
pub fn openings_within_the_hour(
    now: Timestamp,
    past: Option<&Past>,
    active: impl Iterator<Item = Timestamp>,
    cleared: &[&Cleared<'_>],
) -> u32 {
    let recent = past.into_iter().flat_map(|past| past.recent.iter().copied());
    let cleared = cleared.iter().map(|cleared| cleared.since);
    let began = recent.chain(cleared).chain(active);
    let counted: BTreeSet<_> = began.filter(|began| now.since(*began) < COUNTED_WITHIN).collect();
    match counted.len() {
        0 | 1 => 0,
        count => u32::try_from(count).unwrap_or(u32::MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::comment::Comment;
    use proptest::prelude::*;

    const NOW: Timestamp = Timestamp::from_unix(1_795_468_075);

    fn ago(seconds: u64) -> Timestamp {
        NOW - Duration::from_secs(seconds)
    }

    fn ended(id: &str, opened: u64, cleared: u64) -> Ended {
        Ended { id: id.into(), opened_at: ago(opened), cleared_at: ago(cleared), ..Ended::default() }
    }

    fn seen(id: &'static str, opened: u64, cleared: u64) -> Cleared<'static> {
        Cleared { id: id.into(), since: ago(opened), cleared_at: ago(cleared), ..Cleared::default() }
    }

    fn cleared_at(past: &Past, cleared: &[&Cleared<'_>]) -> Option<Timestamp> {
        last_time("now", ago(10), Some(past), cleared, None, &[]).map(|last| last.cleared_at)
    }

    #[test]
    fn the_last_time_is_the_latest_opening_before_this_one_and_never_itself() {
        let past = |last| Past { last, ..Past::default() };
        assert_eq!(cleared_at(&past(None), &[]), None);
        assert_eq!(cleared_at(&past(Some(ended("a", 900, 800))), &[]), Some(ago(800)));
        assert_eq!(
            cleared_at(&past(Some(ended("now", 10, 5))), &[]),
            None,
            "history has it as over by mistake"
        );
        assert_eq!(cleared_at(&past(Some(ended("later", 5, 3))), &[]), None);
    }

    #[test]
    fn what_was_seen_to_clear_is_told_before_history_has_it_and_as_history_has_it_afterwards() {
        let past = Past { last: Some(ended("a", 900, 800)), ..Past::default() };
        let just = seen("b", 60, 12);
        assert_eq!(cleared_at(&Past::default(), &[&just]), Some(ago(12)));
        assert_eq!(cleared_at(&past, &[&just]), Some(ago(12)));
        assert_eq!(cleared_at(&past, &[&seen("a", 900, 799)]), Some(ago(800)));
    }

    #[test]
    fn what_has_just_cleared_brings_its_last_comment_and_its_ticket_with_it() {
        let say =
            |at, text: &str| Comment { id: 1, author: "ann".into(), at, edited_at: None, text: text.into() };
        let thread =
            Thread { count: 3, last: vec![say(ago(50), "a"), say(ago(20), "b"), say(ago(5), "too late")] };
        let cover = |id: &str, key: &str| Cover {
            event_id: id.into(),
            key: key.into(),
            url: "https://t/".into(),
            ..Cover::default()
        };
        let covers = [cover("b", "NOC-1"), cover("now", "NOC-2")];
        let just = seen("b", 60, 12);
        let last = last_time("now", ago(10), None, &[&just], Some(&thread), &covers).unwrap();
        assert_eq!(last.comment.unwrap().text, "b");
        assert_eq!(last.ticket.unwrap().key, "NOC-1");
    }

    #[test]
    fn openings_are_counted_once_however_they_are_known_and_one_is_no_number() {
        let past = Past { recent: vec![ago(60), ago(3599), ago(3600), ago(4000)], ..Past::default() };
        let just = seen("b", 60, 12);
        let count = |past: &Past, cleared: &[&Cleared<'_>]| {
            openings_within_the_hour(NOW, Some(past), [ago(10)].into_iter(), cleared)
        };
        assert_eq!(count(&past, &[&just]), 3);
        assert_eq!(count(&Past::default(), &[&just]), 2);
        assert_eq!(count(&Past::default(), &[]), 0);
    }

    proptest! {
        #[test]
        fn a_last_time_began_no_later_than_the_opening_it_is_told_of(
            history in prop::option::of((0_u64..2000, 0_u64..500)),
            seen_before in prop::collection::vec((0_u64..2000, 0_u64..300), 0..3),
            since in 0_u64..1000,
        ) {
            let last = history.map(|(opened, cleared)| ended("a", opened, cleared));
            let cleared: Vec<_> = seen_before.iter().map(|(opened, cleared)| seen("x", *opened, *cleared)).collect();
            let cleared: Vec<_> = cleared.iter().collect();
            let past = Past { last, recent: vec![] };
            let told = last_time("now", ago(since), Some(&past), &cleared, None, &[]);
            let earlier = past.last.iter().map(|ended| ended.opened_at).chain(cleared.iter().map(|seen| seen.since));
            prop_assert_eq!(told.is_some(), earlier.filter(|at| *at <= ago(since)).count() > 0);
        }
    }
}
