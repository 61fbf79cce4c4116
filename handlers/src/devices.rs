//! `GET /api/v1/devices?q=`: racks and devices by what people call them.

use heat::search::Found;
use hyper::StatusCode;
use serde::Serialize;
use url::form_urlencoded;

use crate::app::App;
use crate::problem::Problem;
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

/// What to look for, and how many answers there may be.
fn asked_for(query: &str) -> Result<(String, usize), Problem> {
    let (mut text, mut limit) = (String::new(), ANSWERS);
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        match &*name {
            "q" => text = value.into_owned(),
            "limit" => {
                let read = value.parse().ok().filter(|limit| (1..=MOST_ANSWERS).contains(limit));
                let expected = || format!("limit = {value}: it is a number from 1 to {MOST_ANSWERS}");
                limit = read.ok_or_else(|| Problem::Invalid(expected()))?;
            }
            _ => return Err(Problem::Invalid(format!("unknown parameter {name}, expected q or limit"))),
        }
    }
    let text = text.trim().to_owned();
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
