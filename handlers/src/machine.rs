//! For load balancers and programs: `/healthz`, `/readyz`, `/openapi.json`.

use std::time::Duration;

use heat::cache::Notifications;
use hyper::StatusCode;
use serde::Serialize;
use tokio::time::timeout;

use crate::app::App;
use crate::problem::Problem;
use crate::reply::{self, Reply};

/// The description of every route but the metrics'.
pub(crate) const OPENAPI: &str = include_str!("../../lib/openapi.json");

/// A store that takes longer to say that it lives counts as away.
const STORE_WITHIN: Duration = Duration::from_secs(1);

/// How the stores do at the moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stores {
    /// Redis answers.
    pub(crate) redis: bool,
    /// Postgres answers.
    pub(crate) postgres: bool,
}

impl Stores {
    /// Asks both at once.
    pub(crate) async fn ask(app: &App) -> Self {
        let (redis, postgres) =
            tokio::join!(timeout(STORE_WITHIN, app.cache.ping()), timeout(STORE_WITHIN, app.db.ping()));
        Self { redis: matches!(redis, Ok(Ok(()))), postgres: matches!(postgres, Ok(Ok(()))) }
    }
}

#[derive(Serialize)]
struct Readiness {
    status: &'static str,
    revision: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    degraded: Vec<&'static str>,
}

/// The process lives, whatever else does.
pub(crate) fn healthz() -> Reply {
    reply::text(StatusCode::OK, "text/plain; charset=utf-8", "ok\n")
}

/// Ready as long as any snapshot can be shown: a dead store must never empty the load balancer.
pub(crate) async fn readyz(app: &App) -> Result<Reply, Problem> {
    let frame = app.feed.required()?;
    let stores = Stores::ask(app).await;
    let degraded: Vec<_> = [
        (!stores.redis, "Redis does not answer: the last picture is shown, and does not change"),
        (!stores.postgres, "the comments database does not answer: nothing can be written"),
        (
            app.feed.notifications() == Notifications::Polled,
            "Redis sends no keyspace notifications: changes are polled each second; \
             set notify-keyspace-events to Kh$ in its configuration",
        ),
    ]
    .into_iter()
    .filter_map(|(holds, what)| holds.then_some(what))
    .collect();
    let status = if degraded.is_empty() { "ok" } else { "degraded" };
    reply::json(StatusCode::OK, &Readiness { status, revision: frame.revision, degraded })
}

/// The OpenAPI document.
pub(crate) fn openapi() -> Reply {
    reply::text(StatusCode::OK, "application/json", OPENAPI)
}
