//! The two ends of a handler: reading a JSON body, and making answers.

use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use hyper::{HeaderMap, Response, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::problem::Problem;

/// An answer. Every body is whole in memory, most of them shared.
pub(crate) type Reply = Response<Full<Bytes>>;

/// The longest body taken, in bytes.
pub(crate) const LONGEST_BODY: usize = 64 << 10;

/// A client that takes longer to send so little is slow on purpose.
const BODY_WITHIN: Duration = Duration::from_secs(10);

/// An answer with a body that is valid for this request alone.
pub(crate) fn text(status: StatusCode, kind: &'static str, body: impl Into<Bytes>) -> Reply {
    let mut reply = Response::new(Full::new(body.into()));
    *reply.status_mut() = status;
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    reply.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    reply
}

/// A JSON document.
pub(crate) fn json(status: StatusCode, document: &impl Serialize) -> Result<Reply, Problem> {
    let body = serde_json::to_vec(document).context("cannot write the answer as JSON")?;
    Ok(text(status, "application/json", body))
}

/// Nothing but the status.
pub(crate) fn empty(status: StatusCode) -> Reply {
    let mut reply = Reply::default();
    *reply.status_mut() = status;
    reply
}

/// The request's body as `T`. A field that `T` does not know is an error.
pub(crate) async fn body<T: DeserializeOwned>(headers: &HeaderMap, body: Incoming) -> Result<T, Problem> {
    let is_json = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).is_some_and(|kind| {
        kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
    });
    if !is_json {
        return Err(Problem::UnsupportedMediaType);
    }
    let declared = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if declared.is_some_and(|length| length > LONGEST_BODY as u64) {
        return Err(Problem::TooLarge);
    }
    let collected = tokio::time::timeout(BODY_WITHIN, Limited::new(body, LONGEST_BODY).collect()).await;
    let bytes = match collected {
        Err(_) => return Err(Problem::TooSlow),
        Ok(Err(error)) if error.is::<LengthLimitError>() => return Err(Problem::TooLarge),
        Ok(Err(error)) => return Err(Problem::Invalid(format!("the body broke off: {error}"))),
        Ok(Ok(collected)) => collected.to_bytes(),
    };
    let text = std::str::from_utf8(&bytes)
        .map_err(|error| Problem::Invalid(format!("the body is not UTF-8: {error}; JSON always is")))?;
    serde_json::from_str(text)
        .map_err(|error| Problem::Invalid(format!("the body is not what it must be: {error}")))
}
