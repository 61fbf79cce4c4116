//! `GET /api/v1/racks/{id}`: one rack, what stands in it, and what burns there.

use heat::inventory::{Device, Inventory, Rack, RackId};
use heat::note::{Kind, Place};
use heat::placement::Places;
use heat::snapshot::{Incident, Note};
use hyper::StatusCode;
use serde::Serialize;

use crate::app::App;
use crate::event_list::Shown;
use crate::kept::Picture;
use crate::problem::Problem;
use crate::reply::{self, Reply};

/// A place by id and name.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Named<'a> {
    id: u64,
    #[serde(skip_serializing_if = "str::is_empty")]
    name: &'a str,
}

/// What is around a rack.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Around<'a> {
    /// From the top down.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    locations: Vec<Named<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    row: Option<Named<'a>>,
}

#[derive(Serialize)]
struct Answer<'a> {
    inventory_version: &'a str,
    rack: &'a Rack,
    #[serde(flatten)]
    around: Around<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<String>,
    /// Those that stand in it, also those that only reach into it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    devices: Vec<&'a Device>,
    #[serde(skip_serializing_if = "Option::is_none")]
    incident: Option<&'a Incident<'static>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    events: Vec<Shown<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<&'a Note<'static>>,
}

impl<'a> Around<'a> {
    /// What is around this rack.
    pub(crate) fn rack(inventory: &'a Inventory, rack: &Rack) -> Self {
        let found = |id| inventory.rows.binary_search_by_key(&id, |row| row.id).ok();
        let Some(row) = rack.row_id.and_then(found).map(|at| &inventory.rows[at]) else {
            return Self::default();
        };
        let mut locations = Vec::new();
        let mut above = row.location_id;
        while let Some(location) = above.and_then(|id| {
            let at = inventory.locations.binary_search_by_key(&id, |location| location.id).ok()?;
            inventory.locations.get(at)
        }) {
            // A normalised inventory has no cycles; one of another version's making need not be.
            if locations.len() == inventory.locations.len() {
                break;
            }
            locations.push(Named { id: location.id, name: &location.name });
            above = location.parent_id;
        }
        locations.reverse();
        Self { locations, row: Some(Named { id: row.id, name: &row.name }) }
    }

    /// The places whose notes hold for what stands here.
    pub(crate) fn places(&self) -> impl Iterator<Item = Place> {
        let locations = self.locations.iter().map(|named| Place { kind: Kind::Location, id: named.id });
        locations.chain(self.row.iter().map(|named| Place { kind: Kind::Row, id: named.id }))
    }
}

/// A rack of the inventory.
pub(crate) fn of(inventory: &Inventory, id: RackId) -> Option<&Rack> {
    let at = inventory.racks.binary_search_by_key(&id, |rack| rack.id).ok()?;
    inventory.racks.get(at)
}

/// The notes on any of these places.
pub(crate) fn notes_on(picture: &Picture, places: impl Iterator<Item = Place>) -> Vec<&Note<'static>> {
    let places: Vec<_> = places.map(|place| place.to_string()).collect();
    picture.0.notes.iter().filter(|note| places.iter().any(|place| *place == note.place)).collect()
}

/// A link of `/me`, filled.
pub(crate) fn link(template: Option<&String>, id: u64) -> Option<String> {
    template.map(|template| template.replace("{id}", &id.to_string()))
}

/// Answers from the last picture and the last inventory this replica saw.
pub(crate) async fn show(app: &App, id: u64) -> Result<Reply, Problem> {
    let picture = app.pictures.of(&*app.feed.required()?).await?;
    let (inventory, floor) = (app.documents.places().await?, app.documents.floor().await?);
    let template = app.settings.racktables_rack_url.clone();
    let make = move || {
        let rack = of(&inventory, id).ok_or_else(|| {
            Problem::NotFound("the inventory has no such rack; GET /api/v1/devices?q= finds racks".to_owned())
        })?;
        let places = Places::new(&inventory);
        let stands = |device: &&Device| {
            places.rack_of(device.id) == Some(id) || device.mounts.iter().any(|m| m.rack_id == id)
        };
        let events = picture.0.events.iter().filter(|event| event.rack_id == Some(id));
        let around = Around::rack(&inventory, rack);
        let here = around.places().chain([Place { kind: Kind::Rack, id }]);
        reply::json(
            StatusCode::OK,
            &Answer {
                inventory_version: &inventory.version,
                rack,
                link: link(template.as_ref(), id),
                devices: inventory.devices.iter().filter(stands).collect(),
                incident: picture.0.incidents.iter().find(|incident| incident.rack_id == id),
                events: events.map(|event| Shown::on(&picture, event, &floor)).collect(),
                notes: notes_on(&picture, here),
                around,
            },
        )
    };
    tokio::task::spawn_blocking(make).await.map_err(anyhow::Error::from)?
}
