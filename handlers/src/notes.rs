//! Notes on places: listed, written, changed and deleted. A place belongs to everybody on duty, and so does a note.

use heat::comment::accepted_text;
use heat::db::notes::{Edits, End, StoredNote, Words};
use heat::note::Place;
use heat::time::Timestamp;
use hyper::StatusCode;
use hyper::header::{HeaderValue, LOCATION};
use serde::{Deserialize, Deserializer, Serialize};

use crate::app::App;
use crate::parameters::{self, Parameters};
use crate::problem::Problem;
use crate::reply::{self, Reply};
use crate::service::Asked;
use crate::until::Until;

/// Notes on a page unless asked otherwise.
const PAGE: usize = 100;

/// Notes on a page at most.
const LONGEST_PAGE: usize = 1000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewNote {
    place: String,
    text: String,
    until: Option<Until>,
    #[serde(default)]
    quiet: bool,
}

/// What is absent stays; an `until` of null takes the end away.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NoteEdits {
    text: Option<String>,
    #[serde(default)]
    until: Ending,
    quiet: Option<bool>,
}

#[derive(Default)]
enum Ending {
    #[default]
    Kept,
    Never,
    Until(Until),
}

impl<'de> Deserialize<'de> for Ending {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(deserializer)?.map_or(Self::Never, Self::Until))
    }
}

/// A note as the API shows it.
#[derive(Serialize)]
struct Shown {
    id: i64,
    place: String,
    author: String,
    at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    edited_at: Option<Timestamp>,
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<Timestamp>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    quiet: bool,
}

impl From<StoredNote> for Shown {
    fn from(note: StoredNote) -> Self {
        Self {
            id: note.id,
            place: note.place(),
            author: note.author,
            at: note.created_at.into(),
            edited_at: note.edited_at.map(Into::into),
            text: note.text,
            until: note.until.map(Into::into),
            quiet: note.quiet_since.is_some(),
        }
    }
}

#[derive(Serialize)]
struct Page {
    notes: Vec<Shown>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// `GET /api/v1/notes`: those that stand, oldest first.
pub(crate) async fn list(app: &App, query: &str) -> Result<Reply, Problem> {
    let parameters = Parameters::once(query, &["place", "cursor", "limit"])?;
    let place = parameters.get("place").map(str::parse).transpose()?;
    let limit = parameters.limit(PAGE, LONGEST_PAGE)?;
    let mut notes = app.db.notes(place, parameters.id_cursor()?, limit + 1).await?;
    let next = parameters::cut(&mut notes, limit, |last| last.id)?;
    reply::json(StatusCode::OK, &Page { notes: notes.into_iter().map(Into::into).collect(), next })
}

/// `POST /api/v1/notes`
pub(crate) async fn create(app: &App, asked: Asked) -> Result<Reply, Problem> {
    let actor = asked.actor()?;
    let (parts, body) = asked.request.into_parts();
    let NewNote { place, text, until, quiet } = reply::body(&parts.headers, body).await?;
    let place: Place = place.parse()?;
    let until = until.map(|until| until.moment(app, Timestamp::now())).transpose()?;
    let words = Words { text: accepted_text(&text)?.into_owned(), until, quiet };
    if !place.is_in(&*app.documents.places().await?) {
        return Err(Problem::NotFound(format!(
            "the inventory has no {place}; take the id from /api/v1/inventory"
        )));
    }
    let note = app.db.create_note(&actor, place, &words).await?;
    app.tell_changed(&actor).await;
    let location =
        HeaderValue::try_from(format!("/api/v1/notes/{}", note.id)).map_err(anyhow::Error::from)?;
    let mut reply = reply::json(StatusCode::CREATED, &Shown::from(note))?;
    reply.headers_mut().insert(LOCATION, location);
    Ok(reply)
}

/// `PATCH /api/v1/notes/{id}`
pub(crate) async fn edit(app: &App, asked: Asked, id: i64) -> Result<Reply, Problem> {
    let actor = asked.actor()?;
    let (parts, body) = asked.request.into_parts();
    let NoteEdits { text, until, quiet } = reply::body(&parts.headers, body).await?;
    let end = match until {
        Ending::Kept => End::Kept,
        Ending::Never => End::Never,
        Ending::Until(until) => End::At(until.moment(app, Timestamp::now())?),
    };
    let text = text.as_deref().map(accepted_text).transpose()?;
    let edits = Edits { text: text.map(Into::into), end, quiet };
    let note = app.db.edit_note(&actor, id, &edits).await?.ok_or_else(none)?;
    app.tell_changed(&actor).await;
    reply::json(StatusCode::OK, &Shown::from(note))
}

/// `DELETE /api/v1/notes/{id}`
pub(crate) async fn delete(app: &App, asked: &Asked, id: i64) -> Result<Reply, Problem> {
    let actor = asked.actor()?;
    app.db.delete_note(&actor, id).await?.ok_or_else(none)?;
    app.tell_changed(&actor).await;
    Ok(reply::empty(StatusCode::NO_CONTENT))
}

fn none() -> Problem {
    Problem::NotFound("there is no such note, or it was deleted".to_owned())
}
