//! `GET /api/v1/events/{key}`: everything about one key, its text whole.

use std::borrow::Cow;
use std::collections::BTreeMap;

use heat::comment::IN_SNAPSHOT;
use heat::event::TEXT_IN_SNAPSHOT;
use heat::snapshot::ActiveEvent;
use hyper::StatusCode;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
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
    filled(&source.link, &event.reference)
}

/// A URL template with its `{names}` filled in; none if a value is missing.
fn filled(template: &str, values: &BTreeMap<String, String>) -> Option<String> {
    let mut parts = template.split('{');
    let mut url = parts.next().filter(|_| !template.is_empty())?.to_owned();
    for part in parts {
        let (name, rest) = part.split_once('}')?;
        url.extend(utf8_percent_encode(values.get(name)?, NON_ALPHANUMERIC));
        url.push_str(rest);
    }
    Some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_filled_in_whole_or_not_at_all() {
        let values =
            BTreeMap::from([("host".to_owned(), "a b/я".to_owned()), ("id".to_owned(), "7".to_owned())]);
        assert_eq!(
            filled("http://z/?e={id}&h={host}#x", &values).unwrap(),
            "http://z/?e=7&h=a%20b%2F%D1%8F#x"
        );
        assert_eq!(filled("http://z/", &values).unwrap(), "http://z/");
        for broken in ["", "http://z/{nothing}", "http://z/{id"] {
            assert_eq!(filled(broken, &values), None, "{broken}");
        }
    }
}
