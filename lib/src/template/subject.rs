//! What a template speaks of: the events a ticket is for, where their devices stand, and who asks.

use serde::{Deserialize, Serialize};

use super::language::Language;
use crate::comment::Comment;
use crate::event::Tag;
use crate::inventory::{Device, Inventory, Location, Rack};
use crate::placement::Unplaced;
use crate::reference::Reference;
use crate::severity::Severity;
use crate::snapshot::{ActiveEvent, Incident};
use crate::time::Timestamp;

/// How deep trees are followed. A normalised inventory has no cycles; the bound keeps one that has from hanging.
const DEEPEST: usize = 64;

/// What a template speaks of. Pure data: the same subject always gives the same ticket.
#[derive(Clone, Debug, PartialEq)]
pub struct Subject {
    /// The events, in the order in which they were chosen.
    pub members: Vec<Member>,
    /// The moment ages are counted to.
    pub now: Timestamp,
    /// The zone in which moments are written.
    pub zone: chrono_tz::Tz,
    /// The login of whoever asks; none when Heat itself does.
    pub operator: Option<String>,
    /// The ticket a comment is for.
    pub ticket: Option<TicketView>,
    /// The incident the events belong to, if they all belong to one.
    pub incident: Option<IncidentView>,
    /// The language of what Heat writes itself, unless the template names its own.
    pub language: Language,
}

impl Subject {
    /// These events, in English and UTC, asked for by nobody.
    pub fn new(members: Vec<Member>, now: Timestamp) -> Self {
        Self {
            members,
            now,
            zone: chrono_tz::UTC,
            operator: None,
            ticket: None,
            incident: None,
            language: Language::default(),
        }
    }

    /// The worst event; of equally bad ones the oldest, then the first.
    pub fn worst(&self) -> Option<&Member> {
        // `min_by_key` returns the first of equals.
        self.members.iter().min_by_key(|member| (std::cmp::Reverse(member.severity), member.since))
    }
}

/// A ticket that exists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TicketView {
    /// The tracker's key.
    pub key: String,
    /// Its page, `http://…` or `https://…`; anything else is not linked to.
    pub url: String,
}

/// A rack incident, as a snapshot tells it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IncidentView {
    /// Its key.
    pub key: String,
    /// What happened, "37 of 40 devices unreachable".
    pub reason: String,
    /// When the first of its events opened.
    pub since: Timestamp,
    /// How many events belong to it; a ticket may be for fewer of them.
    pub members: u32,
}

impl From<&Incident<'_>> for IncidentView {
    fn from(incident: &Incident<'_>) -> Self {
        Self {
            key: incident.key.to_string(),
            reason: incident.reason.to_string(),
            since: incident.since,
            members: incident.members,
        }
    }
}

/// One event, with all that a template may say about it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Member {
    /// The host as the source names it; empty while the source has not told it.
    pub host: String,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, in one line.
    pub name: String,
    /// More words, perhaps in several lines.
    pub text: String,
    /// The measured value.
    pub opdata: String,
    /// The source's labels.
    pub tags: Vec<Tag>,
    /// When it began.
    pub since: Timestamp,
    /// The source's configured name.
    pub source: String,
    /// Its page at the source, `http://…` or `https://…`.
    pub url: Option<String>,
    /// The last comments on it, oldest first.
    pub comments: Vec<Comment>,
    /// The device it is, where the inventory knows it.
    pub device: Option<Device>,
    /// Where that one stands.
    pub standing: Option<Standing>,
    /// Why it stands in no rack.
    pub unplaced: Option<Unplaced>,
}

/// Where a device stands, by the names people know.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Standing {
    /// The rack.
    pub rack: Rack,
    /// The row's name, empty for a rack without one.
    pub row: String,
    /// The names of the locations around it, the widest first.
    pub locations: Vec<String>,
    /// `u40`, or `u10-12` for several, as they are numbered on the rack; empty beside the units (zero-U).
    pub units: String,
}

impl Member {
    /// An event of a snapshot. `link` is its source's URL template ([`crate::snapshot::Source::link`]); the inventory
    /// must be normalised.
    pub fn new(event: &ActiveEvent<'_>, link: &str, inventory: &Inventory) -> Self {
        let device = event.device_id.and_then(|id| by_id(&inventory.devices, id, |device| device.id));
        let rack = event.rack_id.and_then(|id| by_id(&inventory.racks, id, |rack| rack.id));
        Self {
            host: event.host.to_string(),
            severity: event.severity,
            name: event.name.to_string(),
            text: event.text.to_string(),
            opdata: event.opdata.to_string(),
            tags: event.tags.to_vec(),
            since: event.since,
            source: event.source.to_string(),
            url: page(link, &event.reference),
            comments: event.comments.to_vec(),
            device: device.cloned(),
            standing: rack.map(|rack| Standing::of(rack, device, inventory)),
            unplaced: event.unplaced,
        }
    }
}

impl Standing {
    fn of(rack: &Rack, device: Option<&Device>, inventory: &Inventory) -> Self {
        let row = rack.row_id.and_then(|id| by_id(&inventory.rows, id, |row| row.id));
        let mut locations = Vec::new();
        let mut around = row.and_then(|row| row.location_id);
        while let Some(Location { name, parent_id, .. }) =
            around.and_then(|id| by_id(&inventory.locations, id, |location| location.id))
            && locations.len() < DEEPEST
        {
            locations.push(name.clone());
            around = *parent_id;
        }
        locations.reverse();
        Self {
            units: device.map(|device| units(device, rack, inventory)).unwrap_or_default(),
            row: row.map(|row| row.name.clone()).unwrap_or_default(),
            rack: rack.clone(),
            locations,
        }
    }
}

/// The units a device takes in a rack, or those of what it is mounted in.
fn units(device: &Device, rack: &Rack, inventory: &Inventory) -> String {
    let mut at = device;
    for _ in 0..DEEPEST {
        let mounts: Vec<_> = at.mounts.iter().filter(|mount| mount.rack_id == rack.id).collect();
        if !mounts.is_empty() {
            let ranges = mounts.iter().filter_map(|mount| Some((mount.unit?, mount.height)));
            return ranges.map(|(unit, height)| numbered(unit, height, rack)).collect::<Vec<_>>().join(", ");
        }
        match at.container_id.and_then(|id| by_id(&inventory.devices, id, |device| device.id)) {
            Some(container) => at = container,
            None => break,
        }
    }
    String::new()
}

fn numbered(unit: u32, height: u32, rack: &Rack) -> String {
    let top = unit.saturating_add(height.max(1) - 1);
    let shown = |unit: u32| if rack.reversed { (rack.height + 1).saturating_sub(unit) } else { unit };
    let (low, high) = (shown(unit).min(shown(top)), shown(unit).max(shown(top)));
    if low == high { format!("u{low}") } else { format!("u{low}-{high}") }
}

fn by_id<T>(sorted: &[T], id: u64, id_of: impl Fn(&T) -> u64) -> Option<&T> {
    sorted.binary_search_by_key(&id, id_of).ok().and_then(|index| sorted.get(index))
}

/// An event's page at its source; none if the link leads anywhere but to the web.
fn page(link: &str, reference: &Reference) -> Option<String> {
    reference.fill(link).filter(|url| is_web(url))
}

/// Whether a URL is one that a browser opens as a page.
pub(super) fn is_web(url: &str) -> bool {
    url.starts_with("https://") || url.starts_with("http://")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::Snapshot;

    fn inventory() -> Inventory {
        let mut inventory: Inventory =
            serde_json::from_str(include_str!("../../examples/inventory.json")).unwrap();
        inventory.normalise();
        inventory
    }

    fn members() -> Vec<Member> {
        let snapshot: Snapshot<'_> =
            serde_json::from_str(include_str!("../../examples/snapshot.json")).unwrap();
        let inventory = inventory();
        let member = |event: &ActiveEvent<'_>| {
            let source = snapshot.sources.iter().find(|source| source.name == event.source).unwrap();
            Member::new(event, &source.link, &inventory)
        };
        snapshot.events.iter().map(member).collect()
    }

    fn member(host: &str) -> Member {
        members().into_iter().find(|member| member.host == host).unwrap()
    }

    #[test]
    fn an_event_stands_where_its_device_stands_by_name() {
        let switch = member("sas-sw1");
        let standing = switch.standing.unwrap();
        assert_eq!(
            (standing.locations, standing.row.as_str()),
            (vec!["Europe".into(), "SAS".into()], "SAS-A")
        );
        assert_eq!((standing.rack.name.as_str(), standing.units.as_str()), ("A02", "u42"));
        assert_eq!(switch.device.unwrap().hw, "Juniper QFX5120");
    }

    #[test]
    fn units_are_numbered_as_on_the_rack_and_a_blade_has_those_of_its_chassis() {
        assert_eq!(member("srv-00001").standing.unwrap().units, "u32-33", "rack A01 counts from the top");
        assert_eq!(member("blade-0001").standing.unwrap().units, "u1-10");
        assert_eq!(member("vm-0001").standing.unwrap().units, "u31");
    }

    #[test]
    fn what_stands_nowhere_says_why() {
        for (host, why) in [
            ("Old-GW", Unplaced::UnknownHost),
            ("db", Unplaced::Ambiguous),
            ("spare-01", Unplaced::NoRack),
            ("", Unplaced::HostPending),
        ] {
            let member = member(host);
            assert_eq!((member.standing, member.unplaced), (None, Some(why)));
        }
    }

    #[test]
    fn a_link_is_filled_or_left_out_and_opens_nothing_but_pages() {
        assert_eq!(
            member("srv-00001").url.as_deref(),
            Some("http://zabbix.example.net/tr_events.php?triggerid=30117&eventid=81204")
        );
        let values = Reference::from([("a", "b/c d")]);
        assert_eq!(page("https://e.net/{a}", &values).as_deref(), Some("https://e.net/b%2Fc%20d"));
        assert_eq!(page("https://e.net/{b}", &values), None);
        assert_eq!(page("javascript:{a}", &values), None);
        assert_eq!(page("", &values), None);
    }

    #[test]
    fn the_worst_event_is_the_oldest_of_the_most_severe() {
        let of =
            |severity, since| Member { severity, since: Timestamp::from_unix(since), ..Member::default() };
        let members = vec![of(Severity::High, 1), of(Severity::Disaster, 3), of(Severity::Disaster, 2)];
        let subject = Subject::new(members, Timestamp::from_unix(9));
        assert_eq!(subject.worst(), subject.members.get(2));
        assert_eq!(Subject::new(vec![], Timestamp::from_unix(9)).worst(), None);
    }
}
