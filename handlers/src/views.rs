//! Views: listed, made, changed and deleted, and for whom they hold. A view is its owner's; a shared one is seen by all.

use heat::db::views::{Reach, StoredView, ViewChange};
use heat::time::Timestamp;
use heat::view::{MOST_VIEWS, ViewMembers, ViewWish};
use hyper::header::{CACHE_CONTROL, ETAG, HeaderValue, IF_MATCH, LOCATION};
use hyper::{HeaderMap, StatusCode};
use serde::Serialize;
use serde_json::json;

use crate::access::{Caller, Role};
use crate::app::App;
use crate::parameters::{self, Parameters};
use crate::picture;
use crate::problem::Problem;
use crate::reply::{self, Reply};
use crate::service::Asked;

/// Views on a page unless asked otherwise.
const PAGE: usize = 100;

/// Views on a page at most.
const LONGEST_PAGE: usize = 1000;

/// A view as the API shows it.
#[derive(Serialize)]
struct Shown {
    id: i64,
    name: String,
    expression: String,
    filter: String,
    owner: String,
    shared: bool,
    version: i64,
    updated_at: Timestamp,
    /// The caller may change it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    editable: bool,
}

impl Shown {
    fn to(caller: &Caller, view: StoredView) -> Self {
        let editable =
            caller.role == Role::Admin || caller.role == Role::Operator && caller.name == view.owner;
        Self {
            id: view.id,
            name: view.name,
            expression: view.expression,
            filter: view.filter,
            owner: view.owner,
            shared: view.shared,
            version: view.version,
            updated_at: view.updated_at.into(),
            editable,
        }
    }
}

#[derive(Serialize)]
struct Page {
    views: Vec<Shown>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// `GET /api/v1/views`: the caller's own and the shared ones, oldest first.
pub(crate) async fn list(app: &App, asked: &Asked) -> Result<Reply, Problem> {
    let caller = asked.caller()?;
    let query = asked.request.uri().query().unwrap_or_default();
    let parameters = Parameters::once(query, &["cursor", "limit"])?;
    let limit = parameters.limit(PAGE, LONGEST_PAGE)?;
    let mut views = app.db.views(&caller.name, parameters.id_cursor()?, limit + 1).await?;
    let next = parameters::cut(&mut views, limit, |last| last.id)?;
    let views = views.into_iter().map(|view| Shown::to(caller, view)).collect();
    reply::json(StatusCode::OK, &Page { views, next })
}

/// `POST /api/v1/views`
pub(crate) async fn create(app: &App, asked: Asked) -> Result<Reply, Problem> {
    let (actor, caller) = (asked.actor()?, asked.caller()?.clone());
    let (parts, body) = asked.request.into_parts();
    let wish = reply::body::<ViewWish>(&parts.headers, body).await?.accepted()?;
    let view = done(app.db.create_view(&actor, &wish).await?)?;
    app.tell_changed(&actor).await;
    let location =
        HeaderValue::try_from(format!("/api/v1/views/{}", view.id)).map_err(anyhow::Error::from)?;
    let mut reply = tagged(StatusCode::CREATED, &caller, view)?;
    reply.headers_mut().insert(LOCATION, location);
    Ok(reply)
}

/// `GET /api/v1/views/{id}`
pub(crate) async fn show(app: &App, asked: &Asked, id: i64) -> Result<Reply, Problem> {
    let caller = asked.caller()?;
    tagged(StatusCode::OK, caller, seen(app, caller, id).await?)
}

/// `PUT /api/v1/views/{id}`
pub(crate) async fn change(app: &App, asked: Asked, id: i64) -> Result<Reply, Problem> {
    let (actor, caller) = (asked.actor()?, asked.caller()?.clone());
    let (parts, body) = asked.request.into_parts();
    let version = version_seen(&parts.headers)?;
    let wish = reply::body::<ViewWish>(&parts.headers, body).await?.accepted()?;
    let view = done(app.db.change_view(&actor, reach(&caller), id, version, &wish).await?)?;
    app.tell_changed(&actor).await;
    tagged(StatusCode::OK, &caller, view)
}

/// `DELETE /api/v1/views/{id}`
pub(crate) async fn delete(app: &App, asked: &Asked, id: i64) -> Result<Reply, Problem> {
    let (actor, caller) = (asked.actor()?, asked.caller()?);
    let version = version_seen(asked.headers())?;
    done(app.db.delete_view(&actor, reach(caller), id, version).await?)?;
    app.tell_changed(&actor).await;
    Ok(reply::empty(StatusCode::NO_CONTENT))
}

/// `GET /api/v1/views/{id}/members`
pub(crate) async fn members(app: &App, asked: &Asked, id: i64) -> Result<Reply, Problem> {
    let view = seen(app, asked.caller()?, id).await?;
    let members = app.cache.view(id).await?;
    let current = members.filter(|members| ViewMembers::is_of(&members.version, view.version));
    let members = current.ok_or_else(|| {
        Problem::not_now("this view is being worked out; try again in a moment (is the updater running?)")
    })?;
    picture::cached(&members, asked.headers()).await
}

async fn seen(app: &App, caller: &Caller, id: i64) -> Result<StoredView, Problem> {
    app.db.view(&caller.name, id).await?.ok_or_else(gone)
}

fn gone() -> Problem {
    Problem::NotFound("there is no such view, or it is somebody's who does not share it".to_owned())
}

fn reach(caller: &Caller) -> Reach {
    if caller.role == Role::Admin { Reach::All } else { Reach::Own }
}

fn done(change: ViewChange) -> Result<StoredView, Problem> {
    let conflict = |detail: String| Problem::Conflict { detail, more: json!({}) };
    match change {
        ViewChange::Done(view) => Ok(view),
        ViewChange::Gone => Err(gone()),
        ViewChange::NotOwn => {
            Err(Problem::Forbidden("only its owner may change a view; make one of your own".to_owned()))
        }
        ViewChange::Moved(version) => Err(Problem::PreconditionFailed(format!("\"{version}\""))),
        ViewChange::NameTaken => {
            Err(conflict("its owner has another view of that name; choose another name".to_owned()))
        }
        ViewChange::TooMany => {
            Err(conflict(format!("you have {MOST_VIEWS} views, which is the most; delete one first")))
        }
    }
}

fn tagged(status: StatusCode, caller: &Caller, view: StoredView) -> Result<Reply, Problem> {
    let tag = HeaderValue::try_from(format!("\"{}\"", view.version)).map_err(anyhow::Error::from)?;
    let mut reply = reply::json(status, &Shown::to(caller, view))?;
    reply.headers_mut().insert(ETAG, tag);
    reply.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Ok(reply)
}

/// The version that the caller wants to change (RFC 9110, 13.1.1: strong comparison; of a list none would be it).
fn version_seen(headers: &HeaderMap) -> Result<i64, Problem> {
    let tag = headers.get(IF_MATCH).ok_or(Problem::PreconditionRequired)?;
    let version =
        tag.to_str().ok().and_then(|tag| tag.trim().strip_prefix('"')?.strip_suffix('"')?.parse().ok());
    version.ok_or_else(|| {
        Problem::Invalid("If-Match is no tag of a view; send the ETag it came with, such as \"3\"".to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_says_which_version_it_is_of() {
        let of = |tag| version_seen(&HeaderMap::from_iter([(IF_MATCH, HeaderValue::from_static(tag))]));
        assert_eq!(of("\"3\"").unwrap(), 3);
        for wrong in ["3", "W/\"3\"", "*", "\"x\"", "\"3\", \"4\"", ""] {
            assert!(matches!(of(wrong), Err(Problem::Invalid(_))), "{wrong}");
        }
        assert!(matches!(version_seen(&HeaderMap::new()), Err(Problem::PreconditionRequired)));
    }
}
