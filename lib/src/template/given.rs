//! Events as people write them in tests, or copy them from a snapshot.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::subject::Member;
use super::{Finding, yaml};
use crate::event::opening_id;
use crate::inventory::Inventory;
use crate::placement::{Places, Unplaced};
use crate::snapshot::ActiveEvent;

/// All that an event of a snapshot may have.
const KEYS: [&str; 23] = [
    "id",
    "key",
    "source",
    "host",
    "device_id",
    "rack_id",
    "unplaced",
    "severity",
    "name",
    "text",
    "opdata",
    "tags",
    "ref",
    "since",
    "suppressed",
    "dependent",
    "partial",
    "handled",
    "acknowledged",
    "ticket",
    "comments",
    "comment_count",
    "openings_1h",
];

/// Those that this crate does not read from tests.
const BESIDES: [&str; 2] = ["incident", "last_time"];

/// Makes members of events by placing them on an inventory.
#[derive(Debug)]
pub struct Placing<'a> {
    inventory: &'a Inventory,
    places: Places,
    links: &'a BTreeMap<String, String>,
}

impl<'a> Placing<'a> {
    /// Places on a normalised inventory, with URL templates by source.
    pub fn new(inventory: &'a Inventory, links: &'a BTreeMap<String, String>) -> Self {
        Self { inventory, places: Places::new(inventory), links }
    }

    /// A member from an event in the form of a snapshot's. Only `source`, `host`, `severity`, `name` and `since` are
    /// needed; `tags` may be a map. Where it stands is found by its host's name, as the updater does, whatever it says.
    ///
    /// # Errors
    /// What is wrong with the event, in words for its author.
    pub fn member(&self, event: &Value) -> Result<Member, String> {
        let mut event = event
            .as_object()
            .cloned()
            .ok_or("an event is a map with source, host, severity, name and since")?;
        if let Some(unknown) = event.keys().find(|key| !KEYS.iter().chain(&BESIDES).any(|known| known == key))
        {
            return Err(format!("an event has no {unknown:?}; it has {}", KEYS.join(", ")));
        }
        let text = |event: &Map<String, Value>, key: &str| {
            event.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let id = opening_id(&text(&event, "source"), &text(&event, "name"), &text(&event, "host"));
        for key in ["id", "key"] {
            event.entry(key).or_insert_with(|| id.clone().into());
        }
        if let Some(Value::Object(tags)) = event.get("tags") {
            let list = tags.iter().map(|(tag, value)| serde_json::json!({"tag": tag, "value": value}));
            let list = Value::Array(list.collect());
            event.insert("tags".to_owned(), list);
        }
        let mut event: ActiveEvent<'static> = serde_json::from_value(event.into())
            .map_err(|error| format!("the event cannot be read: {error}"))?;
        let place = self.places.find(&event.host);
        event.device_id = place.device();
        event.rack_id = place.rack();
        event.unplaced = if event.host.is_empty() { Some(Unplaced::HostPending) } else { place.unplaced() };
        let link = self.links.get(&*event.source).map_or("", String::as_str);
        Ok(Member::new(&event, link, self.inventory))
    }
}

/// Events from a file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Events {
    /// Each in the form of a snapshot's.
    pub events: Vec<Value>,
    /// URL templates by source.
    pub links: BTreeMap<String, String>,
}

/// Reads events from JSON or YAML: a list of them, or a whole snapshot.
///
/// # Errors
/// What is wrong with the document; the finding's file has no name.
pub fn events(text: &str) -> Result<Events, Finding> {
    match read(text)? {
        Value::Array(events) => Ok(Events { events, ..Events::default() }),
        Value::Object(mut snapshot) => {
            let Some(Value::Array(events)) = snapshot.remove("events") else {
                return Err(Finding {
                    file: String::new(),
                    line: Some(1),
                    message: "has no list of events".into(),
                });
            };
            let sources = snapshot.get("sources").and_then(Value::as_array).into_iter().flatten();
            let text = |source: &Value, key: &str| source.get(key).and_then(Value::as_str).map(str::to_owned);
            let links = sources.filter_map(|source| Some((text(source, "name")?, text(source, "link")?)));
            Ok(Events { events, links: links.collect() })
        }
        _ => Err(Finding {
            file: String::new(),
            line: Some(1),
            message: "is neither a list of events nor a snapshot".into(),
        }),
    }
}

/// Reads an inventory from JSON or YAML.
///
/// # Errors
/// What is wrong with the document; the finding's file has no name.
pub fn inventory(text: &str) -> Result<Inventory, Finding> {
    read(text)
}

fn read<T: DeserializeOwned>(text: &str) -> Result<T, Finding> {
    // What an API gives may be larger than what a person may write.
    serde_json::from_str(text).or_else(|_| yaml::read("", 1, text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::Snapshot;

    fn example<T: DeserializeOwned>(text: &str) -> T {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn every_event_of_a_snapshot_can_be_copied_into_a_test() {
        let text = include_str!("../../examples/snapshot.json");
        let (Events { events, links }, snapshot) = (events(text).unwrap(), example::<Snapshot<'_>>(text));
        let inventory: Inventory = example(include_str!("../../examples/inventory.json"));
        let placing = Placing::new(&inventory, &links);
        assert_eq!(links.len(), snapshot.sources.len() - 2, "those of the real sources");
        for (event, known) in events.iter().zip(&snapshot.events) {
            let member = placing.member(event).unwrap();
            let expected = Member::new(known, links.get(&*known.source).unwrap(), &inventory);
            // Of this one the example's inventory does not have the two devices.
            if known.unplaced != Some(Unplaced::Ambiguous) {
                assert_eq!(member, expected, "it stands where the updater put it");
            }
        }
    }

    #[test]
    fn an_inventory_may_be_large_json_or_small_yaml_and_tells_its_line_when_it_is_wrong() {
        let device =
            |id| serde_json::json!({"id": id, "name": format!("srv-{id}"), "mounts": [{"rack_id": 1}]});
        let large = serde_json::json!({"devices": (0..100_000).map(device).collect::<Vec<_>>()});
        assert_eq!(inventory(&large.to_string()).unwrap().devices.len(), 100_000);
        assert_eq!(inventory("devices:\n  - {id: 1}\n").unwrap().devices.len(), 1);
        let wrong = inventory("devices:\n  - {id: 1}\n  - {di: 2}\n").unwrap_err();
        assert_eq!((wrong.line, wrong.message.starts_with("unknown field `di`")), (Some(3), true), "{wrong}");
    }

    #[test]
    fn five_keys_are_enough_and_an_unknown_one_is_refused_by_name() {
        let (inventory, links) = (Inventory::default(), BTreeMap::new());
        let placing = Placing::new(&inventory, &links);
        let mut event = serde_json::json!({
            "source": "z", "host": "h", "severity": "high", "name": "down", "since": "2026-11-23T21:00:00Z",
            "tags": {"component": "power"},
        });
        let member = placing.member(&event).unwrap();
        assert_eq!((member.tags[0].value.as_str(), member.unplaced), ("power", Some(Unplaced::UnknownHost)));
        event["hots"] = "x".into();
        assert!(placing.member(&event).unwrap_err().contains("\"hots\""));
    }
}
