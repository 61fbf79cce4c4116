//! Rack incidents: racks whose devices fell together, so that forty problems of one power strip read as one.
//!
//! A rack has an incident from the moment when at least [`FEWEST`] of its watched devices, and at least [`OPENS_AT`] percent
//! of them, carry an event of [`Availability`] that opened within [`WITHIN`] of one another. It lasts until fewer than
//! [`CLOSES_BELOW`] percent of them do: between the two bounds nothing opens and nothing closes, so that a rack which comes
//! back device by device does not flap. What is open is carried from one snapshot to the next ([`Open`]).
//!
//! Members are all such events of the rack that opened no more than [`WITHIN`] before the incident began, or later. Older
//! ones are another story. Members stay in the snapshot's `events`, with the incident's key; nothing is hidden.
//!
//! - **Suppressed** events neither count nor belong: who works on a rack has said that its devices will be away, and a rack
//!   in maintenance is no incident. It is counted against all watched devices, those in maintenance too.
//! - **Dependent** events count and belong: a server behind a dead switch is away all the same. But where every event
//!   depends on something else, the cause stands elsewhere, and this rack has no incident of its own.
//! - A device in several racks counts in the one where it stands ([`Places`]), a virtual machine or a blade where its
//!   container stands. Events without a rack belong to no incident.
//! - Watched is what the sources say they watch ([`Coverage`]). Where none of them has told, all devices are: too many
//!   rather than too few, since an incident that is none costs trust. Events of devices that nobody watches may belong, but
//!   their devices do not count.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use serde::Deserialize;

use crate::coverage::Coverage;
use crate::event::Tag;
use crate::inventory::{DeviceId, RackId};
use crate::pattern::like;
use crate::placement::Places;
use crate::snapshot::{ActiveEvent, Incident};
use crate::time::Timestamp;

/// So many devices must fall at least.
pub const FEWEST: usize = 4;

/// The percentage of a rack's watched devices from which on it has an incident.
pub const OPENS_AT: usize = 60;

/// The percentage of a rack's watched devices below which its incident is over.
pub const CLOSES_BELOW: usize = 20;

/// Events that opened so far apart at most fell together.
pub const WITHIN: Duration = Duration::from_mins(15);

/// Which events say that a device is away: those with the tag `scope=availability`, as the triggers of Zabbix' stock
/// templates have it, and those for which one of these patterns holds. In TOML the table `[incidents]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Availability {
    /// What the problem is called; patterns of [`like`].
    names: Vec<String>,
    /// A tag, whatever its value, or `tag=value`; both sides are patterns of [`like`].
    tags: Vec<TagPattern>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
struct TagPattern {
    tag: String,
    value: Option<String>,
}

impl From<String> for TagPattern {
    fn from(text: String) -> Self {
        match text.split_once('=') {
            Some((tag, value)) => Self { tag: tag.to_owned(), value: Some(value.to_owned()) },
            None => Self { tag: text, value: None },
        }
    }
}

impl TagPattern {
    fn fits(&self, tag: &Tag) -> bool {
        like(&tag.tag, &self.tag) && self.value.as_ref().is_none_or(|value| like(&tag.value, value))
    }
}

impl Availability {
    fn fits(&self, event: &ActiveEvent<'_>) -> bool {
        let stock = |tag: &Tag| tag.tag == "scope" && tag.value == "availability";
        event.tags.iter().any(|tag| stock(tag) || self.tags.iter().any(|pattern| pattern.fits(tag)))
            || self.names.iter().any(|pattern| like(&event.name, pattern))
    }
}

/// The watched devices, and how many of them stand in each rack. Made once per coverage.
#[derive(Debug, Default)]
pub struct WatchedRacks {
    /// Absent: every device.
    devices: Option<HashSet<DeviceId>>,
    sizes: HashMap<RackId, usize>,
}

impl WatchedRacks {
    /// Counts what any source watches; every device if none has told, or one watches all.
    pub fn new(coverage: &Coverage, places: &Places) -> Self {
        let all = coverage.sources.is_empty() || coverage.sources.iter().any(|source| source.all);
        let named = || coverage.sources.iter().flat_map(|source| source.devices.iter().copied()).collect();
        let mut watched = Self { devices: (!all).then(named), sizes: HashMap::new() };
        for (device, rack) in places.standing() {
            if watched.has(device) {
                *watched.sizes.entry(rack).or_default() += 1;
            }
        }
        watched
    }

    fn has(&self, device: DeviceId) -> bool {
        self.devices.as_ref().is_none_or(|devices| devices.contains(&device))
    }
}

/// The racks that have an incident, and when it began.
pub type Open = BTreeMap<RackId, Timestamp>;

/// What is open by these incidents, which may have been read back from a snapshot.
pub fn open(incidents: &[Incident<'_>]) -> Open {
    incidents.iter().map(|incident| (incident.rack_id, incident.since)).collect()
}

/// An event by which a device of a rack is away.
struct Fallen {
    rack: RackId,
    since: Timestamp,
    /// Absent if nobody watches it.
    device: Option<DeviceId>,
    dependent: bool,
    /// In the list of events.
    at: usize,
}

/// Finds the incidents, given those that were open, and marks their members. They are sorted by key; the order of
/// `events` does not matter.
pub fn mark(
    events: &mut [ActiveEvent<'_>],
    availability: &Availability,
    watched: &WatchedRacks,
    before: &Open,
) -> Vec<Incident<'static>> {
    let mut fallen: Vec<Fallen> = events
        .iter()
        .enumerate()
        .filter_map(|(at, event)| {
            let (rack, device) = (event.rack_id?, event.device_id?);
            (!event.suppressed && availability.fits(event)).then(|| Fallen {
                rack,
                since: event.since,
                device: watched.has(device).then_some(device),
                dependent: event.dependent,
                at,
            })
        })
        .collect();
    fallen.sort_unstable_by_key(|fallen| (fallen.rack, fallen.since));
    let mut incidents = Vec::new();
    for of_rack in fallen.chunk_by(|a, b| a.rack == b.rack) {
        let Some(rack) = of_rack.first().map(|fallen| fallen.rack) else { continue };
        let Some(&size) = watched.sizes.get(&rack) else { continue };
        let lasting = before.get(&rack).copied().filter(|&since| {
            let away = devices(members(of_rack, since));
            away * 100 >= size * CLOSES_BELOW && away > 0
        });
        let Some(since) = lasting.or_else(|| beginning(of_rack, size)) else { continue };
        incidents.push(incident(events, rack, since, size, members(of_rack, since)));
    }
    incidents.sort_unstable_by(|a, b| a.key.cmp(&b.key));
    incidents
}

/// Those of a rack's events, sorted by time, that belong to the incident that began at `since`.
fn members(of_rack: &[Fallen], since: Timestamp) -> &[Fallen] {
    let older = of_rack.partition_point(|fallen| fallen.since < since - WITHIN);
    of_rack.get(older..).unwrap_or_default()
}

fn devices(fallen: &[Fallen]) -> usize {
    fallen.iter().filter_map(|fallen| fallen.device).collect::<HashSet<_>>().len()
}

/// The earliest moment from which on enough devices fell within [`WITHIN`], if there is one.
fn beginning(of_rack: &[Fallen], size: usize) -> Option<Timestamp> {
    let enough = |devices: usize| devices >= FEWEST && devices * 100 >= size * OPENS_AT;
    if !enough(of_rack.len()) {
        return None;
    }
    // How many events of each device lie between `first` and the one looked at, and how many of them have their cause here.
    let mut away: HashMap<DeviceId, usize> = HashMap::new();
    let mut causes = 0;
    let mut end = of_rack.iter().peekable();
    for first in of_rack {
        while let Some(next) = end.next_if(|next| next.since <= first.since + WITHIN) {
            causes += usize::from(!next.dependent);
            if let Some(device) = next.device {
                *away.entry(device).or_default() += 1;
            }
        }
        if causes > 0 && enough(away.len()) {
            return Some(first.since);
        }
        causes -= usize::from(!first.dependent);
        if let Some(device) = first.device
            && let Some(count) = away.get_mut(&device)
        {
            *count -= 1;
            if *count == 0 {
                away.remove(&device);
            }
        }
    }
    None
}

fn incident(
    events: &mut [ActiveEvent<'_>],
    rack_id: RackId,
    since: Timestamp,
    size: usize,
    members: &[Fallen],
) -> Incident<'static> {
    let mut incident = Incident {
        // Stable while it lasts, and another one for the next time.
        key: format!("rack:{rack_id}@{}", since.unix()).into(),
        rack_id,
        reason: format!("{} of {size} devices unreachable", devices(members)).into(),
        since,
        ..Incident::default()
    };
    for member in members {
        let Some(event) = events.get_mut(member.at) else { continue };
        event.incident = Some(incident.key.clone());
        incident.worst = incident.worst.max(event.severity);
        incident.members += 1;
    }
    incident
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coverage::Watched;
    use crate::inventory::{Device, Inventory, Mount, Rack};
    use crate::severity::Severity;
    use proptest::prelude::*;

    const START: Timestamp = Timestamp::from_unix(1_795_468_075);

    /// Device 101 is the first one of rack 1, and so on.
    fn places(racks: &[u64]) -> Places {
        let device = |rack: u64, n: u64| Device {
            id: rack * 100 + n,
            name: format!("d{rack}-{n}"),
            mounts: vec![Mount { rack_id: rack, height: 1, ..Mount::default() }],
            ..Device::default()
        };
        let of_rack = |(rack, size): (u64, &u64)| (1..=*size).map(move |n| device(rack, n));
        let mut inventory = Inventory {
            racks: (1..=9).map(|id| Rack { id, height: 42, ..Rack::default() }).collect(),
            devices: (1..).zip(racks).flat_map(of_rack).collect(),
            ..Inventory::default()
        };
        inventory.normalise();
        Places::new(&inventory)
    }

    fn all(racks: &[u64]) -> WatchedRacks {
        WatchedRacks::new(&Coverage::default(), &places(racks))
    }

    fn down(device: u64, minute: u64) -> ActiveEvent<'static> {
        ActiveEvent {
            id: format!("z:{minute}:{device}").into(),
            device_id: Some(device),
            rack_id: Some(device / 100),
            severity: Severity::High,
            name: "Unavailable by ICMP ping".into(),
            tags: vec![Tag { tag: "scope".into(), value: "availability".into() }].into(),
            since: START + Duration::from_secs(minute * 60),
            ..ActiveEvent::default()
        }
    }

    fn down_at_once(devices: std::ops::RangeInclusive<u64>) -> Vec<ActiveEvent<'static>> {
        devices.map(|device| down(device, 0)).collect()
    }

    fn incidents(
        events: &mut [ActiveEvent<'_>],
        watched: &WatchedRacks,
        before: &Open,
    ) -> Vec<Incident<'static>> {
        mark(events, &Availability::default(), watched, before)
    }

    fn reason(events: &mut [ActiveEvent<'_>], racks: &[u64], before: &Open) -> Option<String> {
        incidents(events, &all(racks), before).first().map(|incident| incident.reason.to_string())
    }

    fn began(rack: RackId) -> Open {
        Open::from([(rack, START)])
    }

    #[test]
    fn a_rack_most_of_whose_devices_fall_within_a_quarter_of_an_hour_has_an_incident() {
        let mut events = down_at_once(101..=106);
        events[5].since = START + WITHIN;
        events[5].severity = Severity::Disaster;
        let found = incidents(&mut events, &all(&[10]), &Open::new());
        let expected = Incident {
            key: "rack:1@1795468075".into(),
            rack_id: 1,
            members: 6,
            reason: "6 of 10 devices unreachable".into(),
            since: START,
            worst: Severity::Disaster,
        };
        assert_eq!(found, [expected]);
        assert!(events.iter().all(|event| event.incident.as_deref() == Some("rack:1@1795468075")));
        events[5].since = START + WITHIN + Duration::from_secs(1);
        assert_eq!(reason(&mut events, &[10], &Open::new()), None, "a second too late");
    }

    #[test]
    fn three_devices_are_no_incident_though_they_are_all_there_are() {
        assert_eq!(reason(&mut down_at_once(101..=103), &[3], &Open::new()), None);
        assert!(reason(&mut down_at_once(101..=104), &[4], &Open::new()).is_some());
    }

    #[test]
    fn many_events_of_one_device_are_one_device() {
        let mut events: Vec<_> = (0..8).map(|minute| down(101, minute)).collect();
        events.extend(down_at_once(102..=103));
        assert_eq!(reason(&mut events, &[5], &Open::new()), None);
        events.push(down(104, 0));
        let found = incidents(&mut events, &all(&[5]), &Open::new());
        assert_eq!((found[0].reason.as_ref(), found[0].members), ("4 of 5 devices unreachable", 11));
    }

    #[test]
    fn what_joins_later_belongs_and_what_is_much_older_does_not() {
        let mut events = down_at_once(101..=105);
        events.push(down(106, 90));
        events.push(ActiveEvent { since: START - Duration::from_hours(1), ..down(107, 0) });
        let found = incidents(&mut events, &all(&[10]), &began(1));
        assert_eq!((found[0].reason.as_ref(), found[0].members), ("6 of 10 devices unreachable", 6));
        assert!(events[5].incident.is_some() && events[6].incident.is_none());
    }

    #[test]
    fn an_incident_lasts_down_to_a_fifth_under_its_key() {
        let at = |fallen: u64, before: &Open| {
            incidents(&mut down_at_once(101..=100 + fallen), &all(&[10]), before).pop().map(|i| i.key)
        };
        assert_eq!(at(5, &Open::new()), None, "it does not open between the bounds");
        assert_eq!(at(5, &began(1)).as_deref(), Some("rack:1@1795468075"));
        assert_eq!(at(2, &began(1)).as_deref(), Some("rack:1@1795468075"));
        assert_eq!(at(1, &began(1)), None);
        // The first one is back, and the key stays.
        let mut rest: Vec<_> = (102..=107).map(|device| down(device, 5)).collect();
        assert_eq!(incidents(&mut rest, &all(&[10]), &began(1))[0].key, "rack:1@1795468075");
        assert_eq!(open(&incidents(&mut rest, &all(&[10]), &began(1))), began(1));
    }

    #[test]
    fn a_rack_in_maintenance_has_none_and_one_that_goes_into_maintenance_has_one_no_more() {
        let mut events = down_at_once(101..=110);
        for event in &mut events[..9] {
            event.suppressed = true;
        }
        assert_eq!(reason(&mut events, &[10], &Open::new()), None);
        assert_eq!(reason(&mut events, &[10], &began(1)), None);
        assert!(events.iter().all(|event| event.incident.is_none()));
    }

    #[test]
    fn devices_behind_the_racks_own_switch_count_and_those_behind_another_make_no_incident_here() {
        let mut events = down_at_once(101..=110);
        for event in &mut events {
            event.dependent = true;
        }
        assert_eq!(reason(&mut events, &[10], &Open::new()), None);
        events[9].dependent = false;
        assert_eq!(reason(&mut events, &[10], &Open::new()).unwrap(), "10 of 10 devices unreachable");
    }

    #[test]
    fn watched_is_what_the_sources_tell_and_everything_while_none_has() {
        let places = places(&[10]);
        let hosts = Watched::Hosts((1..=5).map(|n| format!("d1-{n}")).collect());
        let reason = |watched: &[(&str, &Watched)]| {
            let coverage = Coverage::new(watched.iter().copied(), &places);
            let found =
                incidents(&mut down_at_once(102..=108), &WatchedRacks::new(&coverage, &places), &Open::new());
            found.first().map(|incident| (incident.reason.to_string(), incident.members))
        };
        assert_eq!(reason(&[("z", &hosts)]).unwrap(), ("4 of 5 devices unreachable".to_owned(), 7));
        assert_eq!(reason(&[]).unwrap().0, "7 of 10 devices unreachable");
        assert_eq!(reason(&[("z", &hosts), ("j", &Watched::All)]).unwrap().0, "7 of 10 devices unreachable");
        let none = Watched::Hosts(["elsewhere".to_owned()].into());
        assert_eq!(reason(&[("z", &none)]), None);
    }

    #[test]
    fn availability_is_the_stock_tag_and_what_the_configuration_adds() {
        let table = r#"{"names": ["*is DOWN"], "tags": ["unreachable", "impact=out*"]}"#;
        let ours: Availability = serde_json::from_str(table).unwrap();
        let tagged = |tag: &str, value: &str| ActiveEvent {
            tags: vec![Tag { tag: tag.into(), value: value.into() }].into(),
            ..ActiveEvent::default()
        };
        for (event, stock, added) in [
            (tagged("scope", "availability"), true, true),
            (tagged("scope", "performance"), false, false),
            (tagged("unreachable", ""), false, true),
            (tagged("impact", "outage"), false, true),
            (tagged("impact", "none"), false, false),
            (ActiveEvent { name: "Host is down".into(), ..ActiveEvent::default() }, false, true),
            (ActiveEvent { name: "Host is down again".into(), ..ActiveEvent::default() }, false, false),
        ] {
            assert_eq!(Availability::default().fits(&event), stock, "{event:?}");
            assert_eq!(ours.fits(&event), added, "{event:?}");
        }
        assert!(serde_json::from_str::<Availability>(r#"{"name": []}"#).is_err());
    }

    /// Racks of 3, 6 and 12 devices, and what goes wrong in them.
    const RACKS: [u64; 3] = [3, 6, 12];

    fn some_events() -> impl Strategy<Value = Vec<ActiveEvent<'static>>> {
        let one = (1_u64..=3, 1_u64..=12, 0_u64..40, 0_u8..10);
        prop::collection::vec(one, 0..50).prop_map(|all| {
            let event = |(n, (rack, device, minute, what)): (usize, (u64, u64, u64, u8))| {
                let device = rack * 100 + (device - 1) % RACKS[usize::try_from(rack).unwrap() - 1] + 1;
                let mut event = ActiveEvent { id: n.to_string().into(), ..down(device, minute) };
                match what {
                    0 => event.suppressed = true,
                    1 | 2 => event.dependent = true,
                    3 => event.tags = Vec::new().into(),
                    4 => (event.rack_id, event.device_id) = (None, None),
                    _ => {}
                }
                event
            };
            all.into_iter().enumerate().map(event).collect()
        })
    }

    fn some_open() -> impl Strategy<Value = Open> {
        let moment = (0_u64..40).prop_map(|minute| START + Duration::from_secs(minute * 60));
        prop::collection::btree_map(1_u64..=4, moment, 0..4)
    }

    /// The most devices of a rack that fell within a quarter of an hour, found the plain way.
    fn most_at_once(events: &[ActiveEvent<'_>], rack: RackId) -> usize {
        let counts = |event: &&ActiveEvent<'_>| {
            event.rack_id == Some(rack) && !event.suppressed && !event.tags.is_empty()
        };
        let within = |from: Timestamp| {
            let of_window =
                events.iter().filter(counts).filter(|e| e.since >= from && e.since <= from + WITHIN);
            of_window.map(|event| event.device_id).collect::<HashSet<_>>().len()
        };
        events.iter().filter(counts).map(|event| within(event.since)).max().unwrap_or(0)
    }

    fn size(rack: RackId) -> usize {
        usize::try_from(RACKS[usize::try_from(rack).unwrap() - 1]).unwrap()
    }

    proptest! {
        #[test]
        fn each_event_is_in_at_most_one_incident_and_none_is_lost_or_changed_otherwise(
            mut events in some_events(), before in some_open(),
        ) {
            let untouched = events.clone();
            let found = incidents(&mut events, &all(&RACKS), &before);
            for incident in &found {
                let members = || events.iter().filter(|e| e.incident.as_deref() == Some(&*incident.key));
                prop_assert_eq!(members().count(), usize::try_from(incident.members).unwrap());
                prop_assert_eq!(members().map(|event| event.severity).max(), Some(incident.worst));
                for event in members() {
                    prop_assert_eq!(event.rack_id, Some(incident.rack_id));
                    prop_assert!(!event.suppressed && !event.tags.is_empty());
                }
            }
            let members: u32 = found.iter().map(|incident| incident.members).sum();
            let marked = events.iter().filter(|event| event.incident.is_some()).count();
            prop_assert_eq!(marked, usize::try_from(members).unwrap(), "no event has the key of nothing");
            for event in &mut events {
                event.incident = None;
            }
            prop_assert_eq!(events, untouched);
        }

        #[test]
        fn the_order_of_arrival_does_not_matter(
            (events, shuffled) in some_events().prop_flat_map(|e| (Just(e.clone()), Just(e).prop_shuffle())),
            before in some_open(),
        ) {
            let (mut one, mut other) = (events, shuffled);
            let found = incidents(&mut one, &all(&RACKS), &before);
            prop_assert_eq!(incidents(&mut other, &all(&RACKS), &before), found);
            one.sort_by(|a, b| a.id.cmp(&b.id));
            other.sort_by(|a, b| a.id.cmp(&b.id));
            prop_assert_eq!(one, other);
        }

        #[test]
        fn none_opens_below_the_thresholds_and_one_does_at_them(mut events in some_events()) {
            let found = incidents(&mut events, &all(&RACKS), &Open::new());
            for rack in 1..=3 {
                let most = most_at_once(&events, rack);
                let enough = most >= FEWEST && most * 100 >= size(rack) * OPENS_AT;
                let opened = found.iter().any(|incident| incident.rack_id == rack);
                prop_assert!(enough || !opened);
                let here = |event: &ActiveEvent<'_>| event.rack_id == Some(rack) && event.dependent;
                prop_assert!(!enough || opened || events.iter().any(here), "a dependent event may prevent it");
            }
        }

        #[test]
        fn what_is_found_is_found_again_while_nothing_changes(mut events in some_events(), before in some_open()) {
            let found = incidents(&mut events, &all(&RACKS), &before);
            prop_assert_eq!(incidents(&mut events, &all(&RACKS), &open(&found)), found);
        }

        #[test]
        fn between_the_bounds_nothing_opens_and_nothing_closes(steps in prop::collection::vec(0_u64..=12, 1..30)) {
            let (mut before, mut lasts) = (Open::new(), false);
            for fallen in steps {
                let mut events = down_at_once(301..=300 + fallen);
                before = open(&incidents(&mut events, &all(&RACKS), &before));
                lasts = match fallen * 100 / 12 {
                    share if share >= 60 => true,
                    share if share < 20 => false,
                    _ => lasts,
                };
                prop_assert_eq!(before.contains_key(&3), lasts, "{} of 12", fallen);
            }
        }
    }
}
