//! The snapshot: one document that holds everything a screen shows, the same for everybody.
//!
//! [`build`] joins what the sources reported with where it stands and what people said. It keeps one promise above all:
//! every active event of every source is in the snapshot exactly once, in a rack or visibly in none.
//!
//! The same content gives the same bytes: events are sorted by key and opening, and absent values are left out. What
//! changes without being news (times, counts per hour, what leaves `cleared`) is wrapped in [`NotNews`] and does not take
//! part in [`Snapshot::news`].

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::hash::{BuildHasher, Hash, Hasher};
use std::time::Duration;

use foldhash::quality::FixedState;
use serde::{Deserialize, Serialize};

use crate::acknowledgement::{self, Acknowledgements};
use crate::ascii::Ascii;
use crate::comment::{Comment, Threads};
use crate::event::{Event, TEXT_IN_SNAPSHOT, Tag, at_most, is_false};
use crate::floor::Floor;
use crate::halves::{WORTH_A_THREAD, in_halves};
use crate::handled::{Facts, Handled, handled};
use crate::incident::{self, Availability, Open, WatchedRacks};
use crate::inventory::{DeviceId, RackId};
use crate::note::PlaceNote;
use crate::opening::of_opening;
use crate::past::{LastComment, LastTicket, Pasts, last_time, openings_within_the_hour};
use crate::placement::{Place, Places, Unplaced};
use crate::reference::Reference;
use crate::severity::Severity;
use crate::ticket::{self, Cover, Covers, TicketTag};
use crate::time::Timestamp;

/// How long a cleared event stays in `cleared`, in seconds.
pub const CLEARED_FOR_S: u64 = 300;

/// How many cleared events are kept at most; the latest win.
pub const CLEARED_AT_MOST: usize = 500;

/// How long after its start an event is new, in seconds.
pub const NEW_FOR_S: u64 = 120;

/// An opening that follows the end of the one before within so many seconds goes on with it, and is not new.
pub const SAME_STORY_S: u64 = 600;

/// Room for what stands around the events, in bytes; it grows if that is more.
const ROOM_AROUND: usize = 64 << 10;

/// Near the size of an event with two tags, in bytes of JSON; saves growing a large buffer over and over.
const EVENT: usize = 420;

/// The name of the pseudo-source that stands for Postgres, and so for what people wrote.
pub const COMMENTS: &str = "comments";

/// Whose an acknowledgement is that was given in Heat; no source has this name.
pub const HEAT: &str = "heat";

/// The name of the pseudo-source that stands for the inventory.
pub const INVENTORY: &str = "inventory";

/// A value that may change without the snapshot being sent again: it has no part in hashing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NotNews<T>(pub T);

impl<T> Hash for NotNews<T> {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

impl<T: Default + PartialEq> NotNews<T> {
    fn is_default(&self) -> bool {
        self.0 == T::default()
    }
}

/// The document. Borrowed from its parts when built, owned when read back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Snapshot<'a> {
    /// Grows with each snapshot; `max(last + 1, Unix milliseconds)`. To be compared, never subtracted.
    pub revision: NotNews<u64>,
    /// When it was built, by the updater's clock.
    pub generated_at: NotNews<Timestamp>,
    /// Of the inventory it was placed on.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub inventory_version: Cow<'a, str>,
    /// Of the coverage that goes with it.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub coverage_version: Cow<'a, str>,
    /// The active commit of the templates.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub templates_version: Cow<'a, str>,
    /// Every source and the pseudo-sources, by name.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub sources: Vec<Source<'a>>,
    /// Devices whose monitoring is silent.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub no_data: Vec<DeviceId>,
    /// Racks whose devices fell together.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub incidents: Vec<Incident<'a>>,
    /// What was active within the last [`CLEARED_FOR_S`], latest first. An event that enters it leaves `events`, and
    /// that is the news.
    #[serde(default, skip_serializing_if = "NotNews::is_default")]
    pub cleared: NotNews<Vec<Cleared<'a>>>,
    /// Notes on places.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub notes: Vec<Note<'a>>,
    /// Every active event, by key and id. Last, so that they can be written in halves.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub events: Vec<ActiveEvent<'a>>,
}

/// How a source is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Its last sweep was complete.
    Ok,
    /// Its last sweep did not get to its end: it may have added and worsened, not removed.
    Partial,
    /// Its last sweep failed; what is shown is the last good answer.
    Failed,
    /// It has never been read.
    #[default]
    Unknown,
}

impl Status {
    /// As JSON and metrics write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Partial => "partial",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
        }
    }
}

impl std::str::FromStr for Status {
    type Err = UnknownStatus;
    fn from_str(text: &str) -> Result<Self, UnknownStatus> {
        [Self::Ok, Self::Partial, Self::Failed, Self::Unknown]
            .into_iter()
            .find(|status| status.name() == text)
            .ok_or(UnknownStatus)
    }
}

/// A word that is no [`Status`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown status: it is ok, partial, failed or unknown")]
pub struct UnknownStatus;

/// A source and its health.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Source<'a> {
    /// Its configured name.
    pub name: Cow<'a, str>,
    /// `zabbix`, `juggler`, `inventory` or `comments`.
    pub kind: Cow<'a, str>,
    /// How its last sweep went.
    pub status: Status,
    /// When it last answered completely.
    #[serde(default, skip_serializing_if = "NotNews::is_default")]
    pub fetched_at: NotNews<Option<Timestamp>>,
    /// Its age from which it counts as late, in seconds: three intervals.
    #[serde(default, skip_serializing_if = "NotNews::is_default")]
    pub late_after_s: NotNews<u64>,
    /// Its age from which it counts as stale, in seconds: five intervals, at least two minutes.
    #[serde(default, skip_serializing_if = "NotNews::is_default")]
    pub stale_after_s: NotNews<u64>,
    /// What went wrong last, for an operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Cow<'a, str>>,
    /// URL template of an event's page, filled from the event's `ref`.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub link: Cow<'a, str>,
    /// Distinct problems as the source counts them.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub problems: u64,
}

/// An event that is active now. What few events have is boxed: 50,000 of these are sorted and written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ActiveEvent<'a> {
    /// [`Event::id`].
    pub id: Cow<'a, str>,
    /// [`Event::key`].
    pub key: Cow<'a, str>,
    /// The source's configured name.
    pub source: Cow<'a, str>,
    /// The host as the source names it.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub host: Cow<'a, str>,
    /// The device it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_id: Option<DeviceId>,
    /// The rack where that one stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rack_id: Option<RackId>,
    /// Why it stands in no rack.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unplaced: Option<Unplaced>,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong.
    pub name: Cow<'a, str>,
    /// More words, at most [`TEXT_IN_SNAPSHOT`] characters.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub text: Cow<'a, str>,
    /// The measured value.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub opdata: Cow<'a, str>,
    /// The source's labels.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub tags: Cow<'a, [Tag]>,
    /// Values for the source's `link`.
    #[serde(default, rename = "ref", skip_serializing_if = "Reference::is_empty")]
    pub reference: Cow<'a, Reference>,
    /// When it began.
    pub since: Timestamp,
    /// Under maintenance or a downtime.
    #[serde(default, skip_serializing_if = "is_false")]
    pub suppressed: bool,
    /// Depends on another active problem.
    #[serde(default, skip_serializing_if = "is_false")]
    pub dependent: bool,
    /// Seen in an unfinished sweep.
    #[serde(default, skip_serializing_if = "is_false")]
    pub partial: bool,
    /// Why it is handled, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handled: Option<Handled>,
    /// Who acknowledged it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged: Option<Box<Acknowledgement<'a>>>,
    /// The ticket that covers it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<Box<Ticket<'a>>>,
    /// The last comments on its key, oldest first.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub comments: Cow<'a, [Comment]>,
    /// How many there are in all.
    #[serde(default, skip_serializing_if = "is_zero_u32")]
    pub comment_count: u32,
    /// How often its key opened within the last hour, if more than once.
    #[serde(default, skip_serializing_if = "NotNews::is_default")]
    pub openings_1h: NotNews<u32>,
    /// The incident it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<Cow<'a, str>>,
    /// The opening before this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_time: Option<Box<LastTime<'a>>>,
}

impl ActiveEvent<'_> {
    /// Whether it opened within [`NEW_FOR_S`], unless it only came back.
    pub fn is_new(&self, now: Timestamp) -> bool {
        let came_back = self
            .last_time
            .as_ref()
            .is_some_and(|before| self.since.since(before.cleared_at).as_secs() < SAME_STORY_S);
        !came_back && now < self.since + Duration::from_secs(NEW_FOR_S)
    }
}

/// An acknowledgement as the snapshot shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Acknowledgement<'a> {
    /// Who.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub by: Cow<'a, str>,
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// In what words.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub text: Cow<'a, str>,
    /// Until when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Or until the event worsens.
    #[serde(default, skip_serializing_if = "is_false")]
    pub until_worsens: bool,
    /// `heat`, or the source whose flag it is.
    pub origin: Cow<'a, str>,
}

/// A ticket as the snapshot shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Ticket<'a> {
    /// Heat's id; absent for one that the source opened, of which Heat knows no more than the source's tags tell.
    #[serde(default, skip_serializing_if = "is_zero_i64")]
    pub id: i64,
    /// The tracker's key, once it has one.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub key: Cow<'a, str>,
    /// Its page.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub url: Cow<'a, str>,
    /// Heat's state of it: pending, created, failed, closed.
    pub state: Cow<'a, str>,
    /// The tracker's own status.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub status: Cow<'a, str>,
    /// Why the tracker does not have it yet, or refused it.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub error: Cow<'a, str>,
}

/// What was known of the opening before.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LastTime<'a> {
    /// When it cleared.
    pub cleared_at: Timestamp,
    /// The last comment on the key until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<Cow<'a, LastComment>>,
    /// Its ticket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<Cow<'a, LastTicket>>,
}

/// A rack whose devices fell together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Incident<'a> {
    /// Its key, `rack:<id>@<Unix seconds of since>`; members carry it in `incident`.
    pub key: Cow<'a, str>,
    /// The rack.
    pub rack_id: RackId,
    /// How many events belong to it.
    pub members: u32,
    /// What happened, "37 of 40 devices unreachable".
    pub reason: Cow<'a, str>,
    /// When it began: the first of those by which it became one opened then.
    pub since: Timestamp,
    /// The worst severity among its members.
    pub worst: Severity,
}

/// A note on a place.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Note<'a> {
    /// Its id.
    pub id: i64,
    /// `rack:7`, `row:3`, `location:1` or `device:513`.
    pub place: Cow<'a, str>,
    /// Who wrote it.
    pub author: Cow<'a, str>,
    /// When.
    pub at: Timestamp,
    /// The words.
    pub text: Cow<'a, str>,
    /// Until when it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// It handles what opens beneath it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub quiet: bool,
}

/// An event that is over.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Cleared<'a> {
    /// As it was in `events`.
    pub id: Cow<'a, str>,
    /// As it was in `events`.
    pub key: Cow<'a, str>,
    /// As it was in `events`.
    pub source: Cow<'a, str>,
    /// As it was in `events`.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub host: Cow<'a, str>,
    /// As it was in `events`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_id: Option<DeviceId>,
    /// As it was in `events`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rack_id: Option<RackId>,
    /// As it was last.
    pub severity: Severity,
    /// As it was in `events`.
    pub name: Cow<'a, str>,
    /// When it began.
    pub since: Timestamp,
    /// When Heat first saw it gone.
    pub cleared_at: Timestamp,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero_u32(number: &u32) -> bool {
    *number == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero_i64(number: &i64) -> bool {
    *number == 0
}

/// One source's part in a snapshot.
#[derive(Clone, Debug)]
pub struct Reported<'a> {
    /// Its health.
    pub source: Source<'a>,
    /// Its active events, each opening once.
    pub events: &'a [Event],
    /// Hosts behind a dead proxy.
    pub silent: &'a BTreeSet<String>,
}

/// All that a snapshot is made from.
#[derive(Debug)]
pub struct Parts<'a> {
    /// The moment it is made for: acknowledgements end by it.
    pub now: Timestamp,
    /// The sources.
    pub sources: Vec<Reported<'a>>,
    /// Postgres and the inventory, as sources.
    pub pseudo_sources: Vec<Source<'a>>,
    /// The inventory's names.
    pub places: &'a Places,
    /// What stands where in it.
    pub floor: &'a Floor,
    /// Version of that inventory.
    pub inventory_version: &'a str,
    /// Version of the coverage.
    pub coverage_version: &'a str,
    /// The active commit of the templates; empty while there is none.
    pub templates_version: &'a str,
    /// Comments by event key.
    pub threads: &'a Threads,
    /// Tickets by event key.
    pub covers: &'a Covers,
    /// Tags that tell of tickets which sources opened. Whether such a ticket is still open nobody tells, so it handles
    /// nothing.
    pub ticket_tags: &'a [TicketTag],
    /// Which events make rack incidents.
    pub availability: &'a Availability,
    /// What is watched in each rack, by the same coverage.
    pub watched: &'a WatchedRacks,
    /// The rack incidents of the snapshot before.
    pub open: &'a Open,
    /// Acknowledgements by event key.
    pub acknowledgements: &'a Acknowledgements,
    /// Notes on places, oldest first.
    pub notes: &'a [PlaceNote],
    /// History by event key.
    pub pasts: &'a Pasts,
    /// What has just cleared, which history may not have yet.
    pub cleared: &'a [Cleared<'static>],
}

/// Joins the parts. `revision`, `generated_at` and `cleared` are the publisher's to set.
pub fn build<'a>(parts: Parts<'a>) -> Snapshot<'a> {
    let mut snapshot = Snapshot {
        inventory_version: parts.inventory_version.into(),
        coverage_version: parts.coverage_version.into(),
        templates_version: parts.templates_version.into(),
        ..Snapshot::default()
    };
    let joined = Joined::of(&parts);
    snapshot.events.reserve_exact(parts.sources.iter().map(|s| s.events.len()).sum());
    let mut no_data = BTreeSet::new();
    for Reported { source, events, silent } in &parts.sources {
        no_data.extend(silent.iter().filter_map(|host| parts.places.find(host).device()));
        let actives =
            |part: &'a [Event]| part.iter().map(|event| active(event, &source.name, &parts, &joined));
        let (front, back) = in_halves(events, |part| actives(part).collect::<Vec<_>>());
        snapshot.events.extend(front.into_iter().chain(back.into_iter().flatten()));
    }
    // Sources keep their events sorted, so this is a merge of runs rather than a sort.
    snapshot.events.sort_by(|a, b| (&a.key, &a.id).cmp(&(&b.key, &b.id)));
    count_openings(&mut snapshot.events, &parts, &joined);
    snapshot.incidents = incident::mark(&mut snapshot.events, parts.availability, parts.watched, parts.open);
    snapshot.no_data = no_data.into_iter().collect();
    snapshot.sources = parts.sources.into_iter().map(|s| s.source).chain(parts.pseudo_sources).collect();
    snapshot.sources.sort_by(|a, b| a.name.cmp(&b.name));
    snapshot.notes = parts.notes.iter().filter(|note| note.stands(parts.now)).map(Note::from).collect();
    snapshot
}

/// What the join of one event asks of all the others.
struct Joined<'a> {
    /// The active openings of the keys that have tickets or acknowledgements: the few that inheriting asks about.
    active: HashSet<&'a str>,
    /// The quiet notes that stand, by place.
    quiet: HashMap<&'a str, Vec<&'a PlaceNote>>,
    /// What has just cleared, by key.
    cleared: HashMap<&'a str, Vec<&'a Cleared<'static>>>,
}

impl<'a> Joined<'a> {
    fn of(parts: &Parts<'a>) -> Self {
        let is_asked = |key| parts.covers.contains_key(key) || parts.acknowledgements.contains_key(key);
        let active = if parts.covers.is_empty() && parts.acknowledgements.is_empty() {
            HashSet::new()
        } else {
            let events = parts.sources.iter().flat_map(|source| source.events);
            events.filter(|event| is_asked(&event.key)).map(|event| event.id.as_str()).collect()
        };
        let mut quiet: HashMap<_, Vec<_>> = HashMap::new();
        for note in parts.notes.iter().filter(|note| note.quiet_since.is_some() && note.stands(parts.now)) {
            quiet.entry(note.place.as_str()).or_default().push(note);
        }
        let mut cleared: HashMap<_, Vec<_>> = HashMap::new();
        for one in parts.cleared {
            cleared.entry(&*one.key).or_default().push(one);
        }
        Self { active, quiet, cleared }
    }

    fn cleared(&self, key: &str) -> &[&'a Cleared<'static>] {
        self.cleared.get(key).map_or(&[], Vec::as_slice)
    }

    fn is_quiet(&self, event: &ActiveEvent<'_>, floor: &Floor) -> bool {
        let quiets = |place: String| {
            self.quiet.get(&*place).is_some_and(|notes| notes.iter().any(|note| note.quiets(event.since)))
        };
        !self.quiet.is_empty() && floor.spot(event).names_for_notes().any(quiets)
    }
}

/// Of events sorted by key.
fn count_openings(events: &mut [ActiveEvent<'_>], parts: &Parts<'_>, joined: &Joined<'_>) {
    for openings in events.chunk_by_mut(|one, other| one.key == other.key) {
        let Some(key) = openings.first().map(|event| &*event.key) else { continue };
        let (past, cleared) = (parts.pasts.get(key), joined.cleared(key));
        if past.is_none() && cleared.is_empty() && openings.len() == 1 {
            continue;
        }
        let active = openings.iter().map(|event| event.since);
        let count = NotNews(openings_within_the_hour(parts.now, past, active, cleared));
        for event in openings {
            event.openings_1h = count.clone();
        }
    }
}

fn active<'a>(
    event: &'a Event,
    source: &Cow<'a, str>,
    parts: &Parts<'a>,
    joined: &Joined<'a>,
) -> ActiveEvent<'a> {
    let place = if event.host_pending { Place::UnknownHost } else { parts.places.find(&event.host) };
    let unplaced = if event.host_pending { Some(Unplaced::HostPending) } else { place.unplaced() };
    let thread = parts.threads.get(&event.key);
    let is_active = |id: &str| joined.active.contains(id);
    let covers = parts.covers.get(&event.key).map_or(&[][..], Vec::as_slice);
    let cover = of_opening(covers, &event.id, event.since, is_active);
    let ours = parts.acknowledgements.get(&event.key);
    let ours = ours.and_then(|all| of_opening(all, &event.id, event.since, is_active));
    let acknowledged = match ours {
        Some(ours) => ours.stands(parts.now).then(|| Acknowledgement::from(ours)),
        None => event
            .acknowledged
            .then(|| Acknowledgement { origin: source.clone(), ..Acknowledgement::default() }),
    };
    let mut active = ActiveEvent {
        id: event.id.as_str().into(),
        key: event.key.as_str().into(),
        source: source.clone(),
        host: event.host.as_str().into(),
        device_id: place.device(),
        rack_id: place.rack(),
        unplaced,
        severity: event.severity,
        name: event.name.as_str().into(),
        text: at_most(&event.text, TEXT_IN_SNAPSHOT).into(),
        opdata: event.opdata.as_str().into(),
        tags: event.tags.as_slice().into(),
        reference: Cow::Borrowed(&event.reference),
        since: event.since,
        suppressed: event.suppressed,
        dependent: event.dependent,
        partial: event.partial,
        acknowledged: acknowledged.map(Box::new),
        ticket: cover.map(Ticket::from).or_else(|| Ticket::of_source(event, parts.ticket_tags)).map(Box::new),
        comments: thread.map_or_else(Cow::default, |t| t.last.as_slice().into()),
        comment_count: thread.map_or(0, |t| t.count),
        last_time: last_time(
            &event.id,
            event.since,
            parts.pasts.get(&event.key),
            joined.cleared(&event.key),
            thread,
            covers,
        )
        .map(Box::new),
        ..ActiveEvent::default()
    };
    let facts = Facts {
        severity: event.severity,
        suppressed: event.suppressed,
        dependent: event.dependent,
        acknowledged_at_source: event.acknowledged,
        acknowledged: ours.map(acknowledgement::Acknowledgement::acknowledged),
        ticketed: cover.map(Cover::ticketed),
        quiet_note: joined.is_quiet(&active, parts.floor),
    };
    active.handled = handled(&facts, parts.now);
    active
}

impl<'a> From<&'a acknowledgement::Acknowledgement> for Acknowledgement<'a> {
    fn from(ours: &'a acknowledgement::Acknowledgement) -> Self {
        Self {
            by: ours.by.as_str().into(),
            at: Some(ours.at),
            text: ours.text.as_str().into(),
            until: ours.until,
            until_worsens: ours.until_worsens,
            origin: HEAT.into(),
        }
    }
}

impl<'a> From<&'a PlaceNote> for Note<'a> {
    fn from(note: &'a PlaceNote) -> Self {
        Self {
            id: note.id,
            place: note.place.as_str().into(),
            author: note.author.as_str().into(),
            at: note.at,
            text: note.text.as_str().into(),
            until: note.until,
            quiet: note.quiet_since.is_some(),
        }
    }
}

impl<'a> Ticket<'a> {
    /// The ticket that the event's source opened itself.
    fn of_source(event: &'a Event, tags: &[TicketTag]) -> Option<Self> {
        let (key, url) = tags.iter().find_map(|tag| tag.read(&event.tags))?;
        Some(Self {
            key: key.into(),
            url: url.into(),
            state: ticket::State::Created.name().into(),
            ..Self::default()
        })
    }
}

impl<'a> From<&'a Cover> for Ticket<'a> {
    fn from(cover: &'a Cover) -> Self {
        Self {
            id: cover.ticket,
            key: cover.key.as_str().into(),
            url: cover.url.as_str().into(),
            state: cover.state.name().into(),
            status: cover.status.as_str().into(),
            error: cover.error.as_str().into(),
        }
    }
}

impl Snapshot<'_> {
    /// A digest of everything that is news: equal for snapshots that need not be sent one after the other.
    pub fn news(&self) -> u64 {
        FixedState::default().hash_one(self)
    }

    /// Serialises the document, in ASCII.
    ///
    /// # Errors
    /// Only if memory cannot be written, which does not happen.
    pub fn to_json(&self) -> serde_json::Result<Vec<u8>> {
        if self.events.len() < WORTH_A_THREAD {
            return in_ascii(self, ROOM_AROUND + self.events.len() * EVENT);
        }
        let (front, back) = in_halves(&self.events, serialised);
        let (front, back) = (front?, back.transpose()?.unwrap_or_default());
        let mut json = in_ascii(&self.without_events(), ROOM_AROUND + front.len() + back.len())?;
        // One object: `{…}` becomes `{…,"events":[a,b` and `,c,d]}`.
        json.pop();
        json.extend_from_slice(br#","events":"#);
        json.extend_from_slice(front.strip_suffix(b"]").unwrap_or_default());
        json.push(b',');
        json.extend_from_slice(back.strip_prefix(b"[").unwrap_or_default());
        json.push(b'}');
        Ok(json)
    }

    fn without_events(&self) -> Snapshot<'_> {
        Snapshot {
            revision: self.revision.clone(),
            generated_at: self.generated_at.clone(),
            inventory_version: Cow::Borrowed(&self.inventory_version),
            coverage_version: Cow::Borrowed(&self.coverage_version),
            templates_version: Cow::Borrowed(&self.templates_version),
            sources: self.sources.clone(),
            no_data: self.no_data.clone(),
            incidents: self.incidents.clone(),
            cleared: self.cleared.clone(),
            notes: self.notes.clone(),
            events: Vec::new(),
        }
    }
}

/// A list of events as JSON, `[…]`.
fn serialised(events: &[ActiveEvent<'_>]) -> serde_json::Result<Vec<u8>> {
    in_ascii(events, events.len() * EVENT + 2)
}

/// As JSON in ASCII, in a buffer that has so much room in the beginning.
fn in_ascii<T: Serialize + ?Sized>(value: &T, room: usize) -> serde_json::Result<Vec<u8>> {
    let mut json = Vec::with_capacity(room);
    value.serialize(&mut serde_json::Serializer::with_formatter(&mut json, Ascii))?;
    Ok(json)
}

/// The events of `before` whose openings are not in `after`; both sorted by key and id, as sources keep them.
pub fn gone<'a>(before: &'a [Event], after: &[Event]) -> Vec<&'a Event> {
    let mut after = after.iter().peekable();
    before
        .iter()
        .filter(|event| {
            let at =
                |e: &Event| (e.key.as_str(), e.id.as_str()).cmp(&(event.key.as_str(), event.id.as_str()));
            while after.next_if(|next| at(next).is_lt()).is_some() {}
            after.peek().is_none_or(|next| at(next).is_ne())
        })
        .collect()
}

impl Cleared<'static> {
    /// Of an event that was active until `now`. None for one whose host was never known: it cannot be told from one
    /// that has just got its host, and under another id is active still.
    pub fn of(event: &Event, source: &str, place: Place, now: Timestamp) -> Option<Self> {
        (!event.host_pending).then(|| Self {
            id: event.id.clone().into(),
            key: event.key.clone().into(),
            source: source.to_owned().into(),
            host: event.host.clone().into(),
            device_id: place.device(),
            rack_id: place.rack(),
            severity: event.severity,
            name: event.name.clone().into(),
            since: event.since,
            cleared_at: now,
        })
    }
}

/// Brings `cleared` into its order and its limits, without what is active again.
pub fn prune(cleared: &mut Vec<Cleared<'static>>, is_active: impl Fn(&str) -> bool, now: Timestamp) {
    cleared.retain(|c| now.since(c.cleared_at).as_secs() < CLEARED_FOR_S && !is_active(&c.id));
    cleared.sort_by(|a, b| b.cleared_at.cmp(&a.cleared_at).then_with(|| a.id.cmp(&b.id)));
    let mut seen = HashSet::new();
    cleared.retain(|c| seen.insert(c.id.clone()));
    cleared.truncate(CLEARED_AT_MOST);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{event_key, opening_id};
    use crate::inventory::{Device, Inventory, Location, Mount, Rack, Row};
    use crate::placement::MatchedBy;
    use crate::ticket::State;
    use proptest::prelude::*;
    use std::sync::LazyLock;

    const NOW: Timestamp = Timestamp::from_unix(1_795_468_075);

    static NO_TICKETS: LazyLock<Covers> = LazyLock::new(Covers::new);
    static NO_ACKNOWLEDGEMENTS: LazyLock<Acknowledgements> = LazyLock::new(Acknowledgements::new);
    static FLOOR: LazyLock<Floor> = LazyLock::new(|| Floor::new(&inventory()));
    static NO_PASTS: LazyLock<Pasts> = LazyLock::new(Pasts::new);
    static NO_INCIDENTS: LazyLock<(Availability, WatchedRacks, Open)> = LazyLock::new(Default::default);

    fn event(source: &str, number: u32, host: &str) -> Event {
        Event {
            id: opening_id(source, &number.to_string(), host),
            key: event_key(source, &(number % 7).to_string(), host),
            host: host.into(),
            name: format!("problem {number}"),
            since: NOW,
            host_pending: host.is_empty(),
            ..Event::default()
        }
    }

    fn sorted(mut events: Vec<Event>) -> Vec<Event> {
        events.sort_by(|a, b| (&a.key, &a.id).cmp(&(&b.key, &b.id)));
        events.dedup_by(|a, b| a.id == b.id);
        events
    }

    /// One rack in a row of an inner location.
    fn inventory() -> Inventory {
        let device = |id, name: &str, rack: Option<u64>| Device {
            id,
            name: name.into(),
            mounts: rack
                .map(|rack_id| Mount { rack_id, height: 1, ..Mount::default() })
                .into_iter()
                .collect(),
            ..Device::default()
        };
        let mut inventory = Inventory {
            locations: vec![
                Location { id: 8, ..Location::default() },
                Location { id: 9, parent_id: Some(8), ..Location::default() },
            ],
            rows: vec![Row { id: 5, location_id: Some(9), ..Row::default() }],
            racks: vec![Rack { id: 1, row_id: Some(5), height: 42, ..Rack::default() }],
            devices: vec![
                device(11, "h1", Some(1)),
                device(12, "h2", None),
                device(13, "h3.a", Some(1)),
                device(14, "h3.b", Some(1)),
            ],
            ..Inventory::default()
        };
        inventory.normalise();
        inventory
    }

    fn places() -> Places {
        Places::new(&inventory())
    }

    fn parts<'a>(
        sources: &'a [(String, Vec<Event>)],
        places: &'a Places,
        threads: &'a Threads,
        silent: &'a BTreeSet<String>,
    ) -> Parts<'a> {
        let reported = |(name, events): &'a (String, Vec<Event>)| Reported {
            source: Source { name: name.as_str().into(), kind: "zabbix".into(), ..Source::default() },
            events,
            silent,
        };
        Parts {
            now: NOW,
            sources: sources.iter().map(reported).collect(),
            pseudo_sources: vec![],
            places,
            inventory_version: "i",
            coverage_version: "c",
            templates_version: "t",
            threads,
            ticket_tags: &[],
            availability: &NO_INCIDENTS.0,
            watched: &NO_INCIDENTS.1,
            open: &NO_INCIDENTS.2,
            covers: &NO_TICKETS,
            acknowledgements: &NO_ACKNOWLEDGEMENTS,
            notes: &[],
            floor: &FLOOR,
            pasts: &NO_PASTS,
            cleared: &[],
        }
    }

    fn some_sources() -> impl Strategy<Value = Vec<(String, Vec<Event>)>> {
        let host = prop::sample::select(vec!["h1", "h2", "h3", "h9", "H1.", ""]);
        let events = prop::collection::vec((0_u32..40, host), 0..40);
        prop::collection::vec(events, 0..4).prop_map(|all| {
            let source = |(n, events): (usize, Vec<(u32, &str)>)| {
                let name = format!("s{n}");
                let events = events.into_iter().map(|(number, host)| event(&name, number, host)).collect();
                (name, sorted(events))
            };
            all.into_iter().enumerate().map(source).collect()
        })
    }

    proptest! {
        #[test]
        fn every_active_event_of_every_source_is_in_the_snapshot_exactly_once(sources in some_sources()) {
            let (places, threads, silent) = (places(), Threads::default(), BTreeSet::new());
            let snapshot = build(parts(&sources, &places, &threads, &silent));
            let mut expected: Vec<_> = sources.iter().flat_map(|(_, e)| e).map(|e| e.id.as_str()).collect();
            let mut shown: Vec<_> = snapshot.events.iter().map(|e| e.id.as_ref()).collect();
            expected.sort_unstable();
            shown.sort_unstable();
            prop_assert_eq!(shown, expected);
            for event in &snapshot.events {
                prop_assert_eq!(event.rack_id.is_none(), event.unplaced.is_some(), "in a rack or visibly in none");
            }
        }

        #[test]
        fn the_order_of_the_sources_does_not_change_a_byte(mut sources in some_sources()) {
            let (places, threads, silent) = (places(), Threads::default(), BTreeSet::new());
            let one = build(parts(&sources, &places, &threads, &silent)).to_json().unwrap();
            sources.reverse();
            let other = build(parts(&sources, &places, &threads, &silent));
            prop_assert_eq!(&other.to_json().unwrap(), &one);
            let read: Snapshot<'_> = serde_json::from_slice(&one).unwrap();
            prop_assert_eq!(read.news(), other.news());
            prop_assert_eq!(read, other);
        }

        #[test]
        fn what_is_gone_and_what_is_left_make_up_what_was(
            before in prop::collection::vec(0_u32..30, 0..30), after in prop::collection::vec(0_u32..30, 0..30),
        ) {
            let events = |numbers: &[u32]| sorted(numbers.iter().map(|&n| event("s", n, "h1")).collect());
            let (before, after) = (events(&before), events(&after));
            let gone: BTreeSet<_> = gone(&before, &after).into_iter().map(|e| &e.id).collect();
            let after: BTreeSet<_> = after.iter().map(|e| &e.id).collect();
            let before: BTreeSet<_> = before.iter().map(|e| &e.id).collect();
            prop_assert_eq!(gone, before.difference(&after).copied().collect());
        }
    }

    #[test]
    fn of_many_events_each_is_joined_and_written_as_a_few_are() {
        let many = |n| event("zabbix", n, if n % 2 == 0 { "h1" } else { "h9" });
        let sources =
            [("zabbix".to_owned(), sorted((0_u32..).map(many).take(2 * WORTH_A_THREAD + 1).collect()))];
        let (places, threads, silent) = (places(), Threads::default(), BTreeSet::new());
        let whole = build(parts(&sources, &places, &threads, &silent));
        assert_eq!(whole.to_json().unwrap(), serde_json::to_vec(&whole).unwrap());
        let mut pieces = Vec::new();
        let piece = |events: &[Event]| [("zabbix".to_owned(), events.to_vec())];
        for events in sources[0].1.chunks(WORTH_A_THREAD - 1).map(piece) {
            let few = build(parts(&events, &places, &threads, &silent)).to_json().unwrap();
            pieces.extend(serde_json::from_slice::<Snapshot<'static>>(&few).unwrap().events);
        }
        // Only what is counted over all of them differs.
        let mut joined = whole.events.clone();
        for event in pieces.iter_mut().chain(&mut joined) {
            event.openings_1h = NotNews::default();
        }
        assert!(joined == pieces, "each as it is in a small picture, in the same order");
    }

    #[test]
    fn times_and_what_leaves_cleared_are_no_news_but_a_status_is() {
        let mut snapshot = Snapshot {
            sources: vec![Source { name: "z".into(), ..Source::default() }],
            ..Snapshot::default()
        };
        let news = snapshot.news();
        snapshot.revision = NotNews(7);
        snapshot.generated_at = NotNews(NOW);
        snapshot.sources[0].fetched_at = NotNews(Some(NOW));
        snapshot.cleared.0.push(Cleared::default());
        assert_eq!(snapshot.news(), news);
        snapshot.sources[0].status = Status::Failed;
        assert_ne!(snapshot.news(), news);
    }

    #[test]
    fn a_source_behind_a_dead_proxy_marks_its_devices_as_without_data() {
        let (places, threads) = (places(), Threads::default());
        let silent = BTreeSet::from(["h1".to_owned(), "h9".to_owned()]);
        let sources = [("z".to_owned(), vec![])];
        assert_eq!(build(parts(&sources, &places, &threads, &silent)).no_data, vec![11]);
    }

    #[test]
    fn an_event_carries_the_comments_of_its_key() {
        let (places, silent) = (places(), BTreeSet::new());
        let sources = [("z".to_owned(), vec![event("z", 1, "h1")])];
        let comment =
            Comment { id: 1, author: "a".into(), at: NOW, edited_at: None, text: "on my way".into() };
        let thread = crate::comment::Thread { count: 4, last: vec![comment.clone()] };
        let threads = Threads::from([(sources[0].1[0].key.clone(), thread)]);
        let snapshot = build(parts(&sources, &places, &threads, &silent));
        assert_eq!(snapshot.events[0].comments.as_ref(), [comment]);
        assert_eq!(snapshot.events[0].comment_count, 4);
    }

    #[test]
    fn an_open_ticket_handles_what_is_no_worse_than_it_was_opened_for_and_a_closed_one_nothing() {
        let (places, threads, silent) = (places(), Threads::default(), BTreeSet::new());
        let high = Event { severity: Severity::High, ..event("z", 1, "h1") };
        let worse = Event { severity: Severity::Disaster, ..event("z", 2, "h2") };
        let sources = [("z".to_owned(), sorted(vec![high, worse]))];
        for (state, handled) in [(State::Created, true), (State::Closed, false)] {
            let cover = |event: &Event| Cover {
                event_id: event.id.clone(),
                active: true,
                ticket: 5,
                key: "NOC-7".into(),
                state,
                severity: Severity::High,
                ..Cover::default()
            };
            let covers = sources[0].1.iter().map(|event| (event.key.clone(), vec![cover(event)])).collect();
            let parts = Parts { covers: &covers, ..parts(&sources, &places, &threads, &silent) };
            let snapshot = build(parts);
            let of = |host| snapshot.events.iter().find(|event| event.host == host).unwrap();
            assert_eq!(of("h1").handled, handled.then_some(Handled::Ticketed), "{state:?}");
            assert_eq!(of("h2").handled, None, "worse than the ticket was opened for");
            assert_eq!(of("h2").ticket.as_ref().unwrap().key, "NOC-7");
            assert_eq!(of("h1").ticket.as_ref().unwrap().state, state.name());
        }
    }

    fn acknowledged(event: &Event) -> acknowledgement::Acknowledgement {
        acknowledgement::Acknowledgement {
            id: 1,
            event_id: event.id.clone(),
            by: "ann".into(),
            at: NOW,
            text: "mine".into(),
            severity: event.severity,
            ..acknowledgement::Acknowledgement::default()
        }
    }

    #[test]
    fn what_heat_knows_of_an_acknowledgement_decides_and_the_sources_flag_is_ignored() {
        let (places, threads, silent) = (places(), Threads::default(), BTreeSet::new());
        let flagged = Event { acknowledged: true, severity: Severity::High, ..event("z", 1, "h1") };
        let sources = [("z".to_owned(), vec![flagged.clone()])];
        let shown = |ours: Option<acknowledgement::Acknowledgement>| {
            let ours = ours.map(|ours| (flagged.key.clone(), vec![ours])).into_iter().collect();
            let parts = Parts { acknowledgements: &ours, ..parts(&sources, &places, &threads, &silent) };
            let event = build(parts).events.remove(0);
            (
                event.handled,
                event.acknowledged.map(|shown| (shown.origin.into_owned(), shown.by.into_owned())),
            )
        };
        let by = |origin: &str, name: &str| Some((origin.to_owned(), name.to_owned()));
        assert_eq!(shown(None), (Some(Handled::Acknowledged), by("z", "")));
        let ours = acknowledged(&flagged);
        assert_eq!(shown(Some(ours.clone())), (Some(Handled::Acknowledged), by("heat", "ann")));
        let ended = acknowledgement::Acknowledgement { until: Some(NOW), ..ours.clone() };
        assert_eq!(shown(Some(ended)), (None, None), "its time has come");
        let withdrawn = acknowledgement::Acknowledgement { ended_at: Some(NOW), ..ours.clone() };
        assert_eq!(shown(Some(withdrawn)), (None, None));
        let milder = acknowledgement::Acknowledgement { severity: Severity::Warning, ..ours };
        assert_eq!(shown(Some(milder)), (None, by("heat", "ann")), "it has worsened, and stays acknowledged");
    }

    #[test]
    fn a_quiet_note_handles_what_opens_beneath_its_place_until_it_ends() {
        let (places, threads, silent) = (places(), Threads::default(), BTreeSet::new());
        let before = Event { since: NOW - Duration::from_mins(1), ..event("z", 3, "h1") };
        let events = vec![event("z", 1, "h1"), event("z", 2, "h2"), before];
        let sources = [("z".to_owned(), sorted(events))];
        let handled = |note: PlaceNote| {
            let notes = [note];
            let parts = Parts { notes: &notes, ..parts(&sources, &places, &threads, &silent) };
            let snapshot = build(parts);
            let handled: Vec<_> = snapshot
                .events
                .iter()
                .filter(|event| event.handled == Some(Handled::Note))
                .map(|event| event.name.to_string())
                .collect();
            (handled, snapshot.notes.len())
        };
        let note = |place: &str| PlaceNote {
            id: 1,
            place: place.into(),
            at: NOW,
            quiet_since: Some(NOW),
            ..PlaceNote::default()
        };
        for place in ["rack:1", "row:5", "location:9", "location:8", "device:11"] {
            assert_eq!(handled(note(place)), (vec!["problem 1".to_owned()], 1), "{place}");
        }
        assert_eq!(handled(note("rack:2")), (vec![], 1), "another place");
        assert_eq!(handled(PlaceNote { until: Some(NOW), ..note("rack:1") }), (vec![], 0), "it has ended");
        assert_eq!(handled(PlaceNote { quiet_since: None, ..note("rack:1") }), (vec![], 1), "not quiet");
    }

    #[test]
    fn a_key_that_opens_again_tells_how_often_it_has_and_is_not_new() {
        let (places, threads, silent) = (places(), Threads::default(), BTreeSet::new());
        let sources = [("z".to_owned(), vec![event("z", 8, "h1")])];
        let before = |n, ago| {
            let before = Event { since: NOW - Duration::from_secs(ago + 30), ..event("z", n, "h1") };
            Cleared {
                cleared_at: NOW - Duration::from_secs(ago),
                ..Cleared::of(&before, "z", Place::Rack(11, 1, MatchedBy::Name), NOW).unwrap()
            }
        };
        let shown = |cleared: &[Cleared<'static>]| {
            let snapshot = build(Parts { cleared, ..parts(&sources, &places, &threads, &silent) });
            let event = &snapshot.events[0];
            (event.openings_1h.0, event.is_new(NOW), snapshot.news())
        };
        let (count, new, _) = shown(&[before(2, 5)]);
        assert_eq!((count, new), (0, true), "another key");
        let (count, new, once) = shown(&[before(1, 5)]);
        assert_eq!((count, new), (2, false));
        let (count, _, twice) = shown(&[before(1, 5), before(15, 100)]);
        assert_eq!(count, 3);
        assert_eq!(once, twice, "how often is no news");
    }

    #[test]
    fn cleared_keeps_the_latest_for_five_minutes_and_drops_what_is_active_again() {
        let of = |n, age| Cleared {
            cleared_at: NOW - Duration::from_secs(age),
            ..Cleared::of(&event("z", n, "h1"), "z", Place::Rack(11, 1, MatchedBy::Name), NOW).unwrap()
        };
        let mut cleared = vec![of(1, 10), of(2, 300), of(3, 5), of(1, 20), of(4, 1)];
        prune(&mut cleared, |id| id == "z:4:h1", NOW);
        assert_eq!(cleared, vec![of(3, 5), of(1, 10)]);
        assert_eq!(Cleared::of(&event("z", 1, ""), "z", Place::UnknownHost, NOW), None);
    }

    #[test]
    fn the_example_that_both_suites_read_is_a_snapshot_in_canonical_form() {
        let text = include_str!("../examples/snapshot.json");
        let snapshot: Snapshot<'_> = serde_json::from_str(text).unwrap();
        let value: serde_json::Value = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_value(&snapshot).unwrap(), value, "nothing is lost, nothing added");
        assert!(snapshot.events.is_sorted_by_key(|e| (e.key.clone(), e.id.clone())));
    }
}
