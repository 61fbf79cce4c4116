//! `GET /api/v1/inventory/problems`: what is wrong with the inventory, as seen from what burns.

use std::collections::BTreeMap;

use heat::inventory::problem::{InventoryProblem, Kind, problems};
use hyper::StatusCode;
use serde::Serialize;
use tokio::time::timeout;

use crate::app::App;
use crate::kept::ASK_WITHIN;
use crate::parameters::{self, Parameters};
use crate::problem::Problem;
use crate::reply::{self, Reply};

/// Problems on a page unless asked otherwise.
const PAGE: usize = 100;

/// Problems on a page at most.
const LONGEST_PAGE: usize = 1000;

/// What is asked for.
#[derive(Debug)]
struct Query {
    kind: Option<Kind>,
    after: Option<InventoryProblem>,
    limit: usize,
}

impl Query {
    fn read(query: &str) -> Result<Self, Problem> {
        let parameters = Parameters::once(query, &["kind", "cursor", "limit"])?;
        Ok(Self {
            kind: parameters.get("kind").map(kind).transpose()?,
            after: parameters.cursor()?,
            limit: parameters.limit(PAGE, LONGEST_PAGE)?,
        })
    }
}

fn kind(text: &str) -> Result<Kind, Problem> {
    serde_json::from_value(text.into()).map_err(|_| {
        let kinds = "unknown_host, ambiguous_host, damaged, no_rack or unwatched";
        Problem::Invalid(format!("kind = {text}: it is {kinds}"))
    })
}

#[derive(Serialize)]
struct Page<'a> {
    inventory_version: &'a str,
    /// How many there are of each kind.
    counts: BTreeMap<Kind, usize>,
    problems: Vec<&'a InventoryProblem>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// Works it out anew for each request: it is asked for by people, now and then.
pub(crate) async fn list(app: &App, query: &str) -> Result<Reply, Problem> {
    let query = Query::read(query)?;
    let picture = app.pictures.of(&*app.feed.required()?).await?;
    let (inventory, coverage) = (app.documents.places().await?, app.documents.watched().await?);
    let damage = timeout(ASK_WITHIN, app.cache.damage()).await;
    let damage = damage.map_err(|_| Problem::not_now("Redis does not answer; try again"))??;
    let make = move || {
        let all = problems(&inventory, &damage, coverage.as_deref(), &picture.0);
        let mut counts = BTreeMap::new();
        for problem in &all {
            *counts.entry(problem.kind).or_default() += 1;
        }
        let is_asked = |problem: &&InventoryProblem| {
            query.kind.is_none_or(|kind| problem.kind == kind)
                && query.after.as_ref().is_none_or(|after| *problem > after)
        };
        let mut page: Vec<_> = all.iter().filter(is_asked).take(query.limit + 1).collect();
        let next = parameters::cut(&mut page, query.limit, |last| *last)?;
        let inventory_version = &inventory.version;
        reply::json(StatusCode::OK, &Page { inventory_version, counts, problems: page, next })
    };
    tokio::task::spawn_blocking(make).await.map_err(anyhow::Error::from)?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_is_understood_or_refused() {
        let read = Query::read("kind=no_rack&limit=7").unwrap();
        assert_eq!((read.kind, read.limit), (Some(Kind::NoRack), 7));
        for bad in ["kind=none", "cursor=x", "cursor=e30", "limit=0", "limit=1001", "page=2"] {
            assert!(matches!(Query::read(bad), Err(Problem::Invalid(_))), "{bad}");
        }
    }
}
