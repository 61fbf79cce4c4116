//! `GET /api/v1/devices?q=`: racks and devices by what people call them. `GET /api/v1/devices/{id}`: one device, where it
//! stands, who watches it, and what burns on it.

use std::collections::BTreeSet;

use heat::inventory::{Device, RackId};
use heat::note::{Kind, Place};
use heat::placement::Places;
use heat::search::Found;
use heat::snapshot::Note;
use hyper::StatusCode;
use serde::Serialize;

use crate::app::App;
use crate::event_list::Shown;
use crate::parameters::Parameters;
use crate::problem::Problem;
use crate::racks::{self, Around};
use crate::reply::{self, Reply};
use crate::service::Asked;

/// Answers unless asked otherwise.
const ANSWERS: usize = 20;

/// Answers at most.
const MOST_ANSWERS: usize = 100;

/// The longest text looked for, in characters.
const LONGEST_TEXT: usize = 200;

#[derive(Serialize)]
struct Answer<'a> {
    inventory_version: &'a str,
    count: usize,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    found: Vec<&'a Found>,
}

/// Looks it up in the inventory that Redis holds, or in the last one seen.
pub(crate) async fn find(app: &App, asked: &Asked) -> Result<Reply, Problem> {
    let (text, limit) = asked_for(asked.request.uri().query().unwrap_or_default())?;
    let (version, index) = app.documents.index().await?;
    let look = move || {
        let (count, found) = index.find(&text, limit);
        reply::json(StatusCode::OK, &Answer { inventory_version: &version, count, found })
    };
    tokio::task::spawn_blocking(look).await.map_err(anyhow::Error::from)?
}

/// A rack in which a device stands, with what is around it.
#[derive(Serialize)]
struct Standing<'a> {
    id: RackId,
    name: &'a str,
    #[serde(flatten)]
    around: Around<'a>,
}

#[derive(Serialize)]
struct Whole<'a> {
    inventory_version: &'a str,
    device: &'a Device,
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<String>,
    /// The first is the one whose cell its events are drawn in.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    racks: Vec<Standing<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    container: Option<&'a Device>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    contents: Vec<&'a Device>,
    /// The sources that watch it, by name; absent while nobody has told.
    #[serde(skip_serializing_if = "Option::is_none")]
    watched_by: Option<Vec<String>>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    no_data: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    events: Vec<Shown<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<&'a Note<'static>>,
}

/// Answers from the last picture and the last inventory this replica saw.
pub(crate) async fn show(app: &App, id: u64) -> Result<Reply, Problem> {
    let picture = app.pictures.of(&*app.feed.required()?).await?;
    let (inventory, floor) = (app.documents.places().await?, app.documents.floor().await?);
    let coverage = app.documents.watched().await?;
    let template = app.settings.racktables_url.clone();
    let make = move || {
        let by_id = |id: u64| {
            let at = inventory.devices.binary_search_by_key(&id, |device| device.id).ok()?;
            inventory.devices.get(at)
        };
        let device = by_id(id).ok_or_else(|| {
            Problem::NotFound(
                "the inventory has no such device; GET /api/v1/devices?q= finds some".to_owned(),
            )
        })?;
        // In order of their ids: events stand in the first.
        let racks: BTreeSet<_> = Places::new(&inventory)
            .rack_of(id)
            .into_iter()
            .chain(device.mounts.iter().map(|mount| mount.rack_id))
            .collect();
        let racks: Vec<_> = racks
            .into_iter()
            .filter_map(|id| racks::of(&inventory, id))
            .map(|rack| Standing { id: rack.id, name: &rack.name, around: Around::rack(&inventory, rack) })
            .collect();
        let events = picture.0.events.iter().filter(|event| event.device_id == Some(id));
        let here = racks
            .iter()
            .flat_map(|rack| rack.around.places().chain([Place { kind: Kind::Rack, id: rack.id }]))
            .chain([Place { kind: Kind::Device, id }]);
        let watched_by = coverage.map(|coverage| {
            let sources = coverage.sources.iter();
            let watching = sources.filter(|source| source.all || source.devices.binary_search(&id).is_ok());
            watching.map(|source| source.name.clone()).collect()
        });
        reply::json(
            StatusCode::OK,
            &Whole {
                inventory_version: &inventory.version,
                device,
                link: racks::link(template.as_ref(), id),
                container: device.container_id.and_then(by_id),
                contents: inventory.devices.iter().filter(|other| other.container_id == Some(id)).collect(),
                watched_by,
                no_data: picture.0.no_data.contains(&id),
                events: events.map(|event| Shown::on(&picture, event, &floor)).collect(),
                notes: racks::notes_on(&picture, here),
                racks,
            },
        )
    };
    tokio::task::spawn_blocking(make).await.map_err(anyhow::Error::from)?
}

/// What to look for, and how many answers there may be.
fn asked_for(query: &str) -> Result<(String, usize), Problem> {
    let parameters = Parameters::once(query, &["q", "limit"])?;
    let limit = parameters.limit(ANSWERS, MOST_ANSWERS)?;
    let text = parameters.get("q").unwrap_or_default().trim().to_owned();
    if !(1..=LONGEST_TEXT).contains(&text.chars().count()) {
        let expected =
            format!("q has 1 to {LONGEST_TEXT} characters: a name, an asset number or a serial number");
        return Err(Problem::Invalid(expected));
    }
    Ok((text, limit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn something_must_be_looked_for() {
        assert_eq!(asked_for("q=+srv-1+&limit=7").unwrap(), ("srv-1".to_owned(), 7));
        assert_eq!(asked_for("q=%D0%B6").unwrap(), ("ж".to_owned(), ANSWERS));
        let long = format!("q={}", "x".repeat(201));
        for bad in ["", "q=", "q=%20", "q=a&limit=0", "q=a&limit=101", "q=a&kind=rack", &long] {
            assert!(matches!(asked_for(bad), Err(Problem::Invalid(_))), "{bad}");
        }
    }
}
