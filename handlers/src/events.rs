//! `GET /api/v1/events/{key}`: everything about one key, its text whole.

use std::borrow::Cow;

use heat::comment::IN_SNAPSHOT;
use heat::event::TEXT_IN_SNAPSHOT;
use heat::snapshot::ActiveEvent;
use hyper::StatusCode;
use serde::Serialize;

use crate::app::App;
use crate::comments::Shown;
use crate::kept::Picture;
use crate::problem::Problem;
use crate::reply::{self, Reply};
use crate::service::Asked;

#[derive(Serialize)]
struct Answer<'a> {
    key: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    events: Vec<WholeEvent>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    comments: Vec<Shown>,
}

#[derive(Serialize)]
struct WholeEvent {
    #[serde(flatten)]
    event: ActiveEvent<'static>,
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<String>,
}

/// An event can be looked at while either store is away: its text is then as long as the snapshot has it, its comments
/// those of the snapshot.
pub(crate) async fn show(app: &App, asked: &Asked, key: &str) -> Result<Reply, Problem> {
    let caller = asked.caller()?;
    let picture = app.pictures.of(&*app.feed.required()?).await?;
    let openings = picture.openings(key);
    let comments = match (app.db.comments(key, None, IN_SNAPSHOT).await, openings.first()) {
        (Ok(comments), _) => {
            comments.into_iter().map(|comment| Shown::to(caller, comment)).collect::<Vec<_>>()
        }
        (Err(error), Some(event)) => {
            tracing::warn!(%error, request_id = asked.request_id, "showing the comments the snapshot has");
            event.comments.iter().rev().map(|c| Shown::from_snapshot(caller, key, c)).collect()
        }
        (Err(error), None) => return Err(error.into()),
    };
    if openings.is_empty() && comments.is_empty() {
        return Err(Problem::NotFound("no active event and no comment has this key".to_owned()));
    }
    let mut events = Vec::with_capacity(openings.len());
    for event in openings {
        events.push(WholeEvent { link: link(&picture, event), event: whole(app, event).await });
    }
    reply::json(StatusCode::OK, &Answer { key, events, comments })
}

/// The event with the text its source gave, without what stands beside it.
async fn whole(app: &App, event: &ActiveEvent<'static>) -> ActiveEvent<'static> {
    let mut event = ActiveEvent { comments: Cow::Borrowed(&[]), ..event.clone() };
    // Reading all of a source for one text is worth it only where the snapshot may have cut it.
    if event.text.chars().count() >= TEXT_IN_SNAPSHOT {
        match app.cache.source(&event.source).await {
            Ok(source) => {
                let events = source.map(|source| source.events).unwrap_or_default();
                if let Some(found) = events.into_iter().find(|found| found.id == event.id) {
                    event.text = found.text.into();
                }
            }
            Err(error) => tracing::warn!(%error, id = %event.id, "showing the text the snapshot has"),
        }
    }
    event
}

/// The page of the event in its source.
pub(crate) fn link(picture: &Picture, event: &ActiveEvent<'_>) -> Option<String> {
    let source = picture.0.sources.iter().find(|source| source.name == event.source)?;
    event.reference.fill(&source.link)
}
