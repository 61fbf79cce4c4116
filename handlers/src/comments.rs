//! Comments: on a key, on many openings, one's own changed and deleted.
//!
//! A write is: commit in Postgres, then tell the publisher through Redis. If the telling fails, the write stands and the
//! next beat shows it.

use std::collections::{HashMap, HashSet};

use heat::comment::accepted_text;
use heat::db::audit::Actor;
use heat::db::comments::{Change, NewComment, StoredComment};
use heat::placement::Unplaced;
use heat::snapshot::ActiveEvent;
use heat::template::escaped;
use heat::time::Timestamp;
use hyper::StatusCode;
use hyper::header::{HeaderValue, LOCATION};
use serde::{Deserialize, Serialize};

use crate::access::Caller;
use crate::app::App;
use crate::parameters::{self, Parameters};
use crate::problem::Problem;
use crate::reply::{self, Reply};
use crate::service::Asked;

/// Comments on a page unless asked otherwise.
const PAGE: usize = 50;

/// Comments on a page at most.
const LONGEST_PAGE: usize = 100;

/// Openings that one request may comment on.
const MOST_IDS: usize = 1000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CommentText {
    text: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CommentOnOne {
    text: String,
    #[serde(default)]
    on_ticket: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CommentOnMany {
    ids: Vec<String>,
    text: String,
    #[serde(default)]
    on_ticket: bool,
}

/// A comment as the API shows it.
#[derive(Serialize)]
pub(crate) struct Shown {
    id: i64,
    event_key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    event_id: Option<String>,
    author: String,
    at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    edited_at: Option<Timestamp>,
    text: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    own: bool,
}

impl Shown {
    /// To this caller.
    pub(crate) fn to(caller: &Caller, comment: StoredComment) -> Self {
        Self {
            own: comment.author == caller.name,
            id: comment.id,
            event_key: comment.event_key,
            event_id: comment.event_id,
            author: comment.author,
            at: comment.created_at.into(),
            edited_at: comment.edited_at.map(Into::into),
            text: comment.text,
        }
    }

    /// A comment out of the snapshot, for the time that Postgres is away.
    pub(crate) fn from_snapshot(caller: &Caller, key: &str, comment: &heat::comment::Comment) -> Self {
        Self {
            own: comment.author == caller.name,
            id: comment.id,
            event_key: key.to_owned(),
            event_id: None,
            author: comment.author.clone(),
            at: comment.at,
            edited_at: comment.edited_at,
            text: comment.text.clone(),
        }
    }
}

#[derive(Serialize)]
struct Page {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    comments: Vec<Shown>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

#[derive(Serialize)]
struct CommentedMany {
    comments: Vec<Shown>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unknown: Vec<String>,
}

/// `GET /api/v1/events/{key}/comments`
pub(crate) async fn list(app: &App, asked: &Asked, key: &str) -> Result<Reply, Problem> {
    let caller = asked.caller()?;
    let (before, limit) = page_of(asked.request.uri().query().unwrap_or_default())?;
    let mut comments = app.db.comments(key, before, limit + 1).await?;
    let next = parameters::cut(&mut comments, limit, |last| last.id)?;
    let comments = comments.into_iter().map(|comment| Shown::to(caller, comment)).collect();
    reply::json(StatusCode::OK, &Page { comments, next })
}

/// The id before which a page begins, and its length.
fn page_of(query: &str) -> Result<(Option<i64>, usize), Problem> {
    let parameters = Parameters::once(query, &["cursor", "limit"])?;
    Ok((parameters.id_cursor()?, parameters.limit(PAGE, LONGEST_PAGE)?))
}

/// `POST /api/v1/events/{key}/comments`
pub(crate) async fn create(app: &App, asked: Asked, key: &str) -> Result<Reply, Problem> {
    let (actor, caller) = (asked.actor()?, asked.caller()?.clone());
    let (parts, body) = asked.request.into_parts();
    let CommentOnOne { text, on_ticket } = reply::body(&parts.headers, body).await?;
    let text = accepted_text(&text)?.into_owned();
    let event_id = opening_of(app, key).await?;
    let new = NewComment { event_key: key.to_owned(), event_id, author: actor.name.clone(), text };
    let created = write(app, &actor, vec![new], on_ticket).await?;
    app.tell_changed(&actor).await;
    let comment =
        created.into_iter().next().ok_or_else(|| anyhow::anyhow!("Postgres returned no comment"))?;
    let location =
        HeaderValue::try_from(format!("/api/v1/comments/{}", comment.id)).map_err(anyhow::Error::from)?;
    let mut reply = reply::json(StatusCode::CREATED, &Shown::to(&caller, comment))?;
    reply.headers_mut().insert(LOCATION, location);
    Ok(reply)
}

/// The opening a comment on this key is written at: the latest that is active, or none if history knows the key.
async fn opening_of(app: &App, key: &str) -> Result<Option<String>, Problem> {
    if let Some(frame) = app.feed.latest() {
        let picture = app.pictures.of(&frame).await?;
        let openings = picture.openings(key);
        if let Some(event) = openings.iter().filter(|event| has_host(event)).max_by_key(|event| event.since) {
            return Ok(Some(event.id.to_string()));
        }
        if !openings.is_empty() {
            let detail = "the source has not told yet which host this event is of, and its key is not final; \
                          comment on it in a moment";
            return Err(Problem::NotFound(detail.to_owned()));
        }
        if picture.0.cleared.0.iter().any(|cleared| cleared.key == key) {
            return Ok(None);
        }
    }
    if app.db.knows_key(key).await? {
        return Ok(None);
    }
    Err(Problem::NotFound("no event has or had this key; take it from an event of the snapshot".to_owned()))
}

/// Nothing may hang on an event whose host is yet to come: its key changes with it.
pub(crate) fn has_host(event: &ActiveEvent<'_>) -> bool {
    event.unplaced != Some(Unplaced::HostPending)
}

/// `POST /api/v1/comments`: one comment for the key of each opening; openings of one key share it.
pub(crate) async fn create_many(app: &App, asked: Asked) -> Result<Reply, Problem> {
    let (actor, caller) = (asked.actor()?, asked.caller()?.clone());
    let (parts, body) = asked.request.into_parts();
    let CommentOnMany { ids, text, on_ticket } = reply::body(&parts.headers, body).await?;
    if ids.is_empty() || ids.len() > MOST_IDS {
        return Err(Problem::Invalid(format!(
            "ids has {} elements; it must have 1 to {MOST_IDS}",
            ids.len()
        )));
    }
    let text = accepted_text(&text)?.into_owned();
    let picture = app.pictures.of(&*app.feed.required()?).await?;
    let active: HashMap<&str, &str> = picture
        .0
        .events
        .iter()
        .filter(|event| has_host(event))
        .map(|event| (&*event.id, &*event.key))
        .collect();
    let (mut new, mut unknown, mut keys, mut seen) = (Vec::new(), Vec::new(), HashSet::new(), HashSet::new());
    for id in &ids {
        if !seen.insert(id) {
            continue;
        }
        match active.get(id.as_str()) {
            None => unknown.push(id.clone()),
            Some(key) if keys.insert(*key) => new.push(NewComment {
                event_key: (*key).to_owned(),
                event_id: Some(id.clone()),
                author: actor.name.clone(),
                text: text.clone(),
            }),
            Some(_) => {}
        }
    }
    if new.is_empty() {
        return Err(Problem::NotFound(
            "none of these openings is active any more; look at the picture again".to_owned(),
        ));
    }
    let created = write(app, &actor, new, on_ticket).await?;
    app.tell_changed(&actor).await;
    let comments = created.into_iter().map(|comment| Shown::to(&caller, comment)).collect();
    reply::json(StatusCode::CREATED, &CommentedMany { comments, unknown })
}

/// `PATCH /api/v1/comments/{id}`
pub(crate) async fn edit(app: &App, asked: Asked, id: i64) -> Result<Reply, Problem> {
    let (actor, caller) = (asked.actor()?, asked.caller()?.clone());
    let (parts, body) = asked.request.into_parts();
    let CommentText { text } = reply::body(&parts.headers, body).await?;
    let changed = done(app.db.edit_comment(&actor, id, &accepted_text(&text)?).await?)?;
    app.tell_changed(&actor).await;
    reply::json(StatusCode::OK, &Shown::to(&caller, changed))
}

/// `DELETE /api/v1/comments/{id}`
pub(crate) async fn delete(app: &App, asked: &Asked, id: i64) -> Result<Reply, Problem> {
    let actor = asked.actor()?;
    done(app.db.delete_comment(&actor, id).await?)?;
    app.tell_changed(&actor).await;
    Ok(reply::empty(StatusCode::NO_CONTENT))
}

/// All of one text.
async fn write(
    app: &App,
    actor: &Actor,
    new: Vec<NewComment>,
    on_ticket: bool,
) -> Result<Vec<StoredComment>, Problem> {
    let Some(first) = new.first().filter(|_| on_ticket) else {
        return Ok(app.db.create_comments(actor, new).await?);
    };
    let words = format!("**{}**:\n\n{}", escaped(&actor.name), first.text);
    app.db.create_comments_on_tickets(actor, new, &words).await?.ok_or_else(|| Problem::Conflict {
        detail: "no open ticket covers it; nothing was written: write it without \"on_ticket\", or ask for a ticket first"
            .to_owned(),
        more: serde_json::Value::Null,
    })
}

fn done(change: Change) -> Result<StoredComment, Problem> {
    match change {
        Change::Done(comment) => Ok(comment),
        Change::Gone => Err(Problem::NotFound("there is no such comment, or it was deleted".to_owned())),
        Change::NotOwn => Err(Problem::Forbidden("only its author may change a comment".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_taken_back_only_if_heat_gave_it() {
        assert_eq!(page_of("").unwrap(), (None, PAGE));
        assert_eq!(page_of("cursor=NDI&limit=7").unwrap(), (Some(42), 7));
        for bad in
            ["cursor=", "cursor=42", "cursor=LTE", "cursor=%ff", "limit=0", "limit=101", "limit=x", "page=2"]
        {
            assert!(matches!(page_of(bad), Err(Problem::Invalid(_))), "{bad}");
        }
    }
}
