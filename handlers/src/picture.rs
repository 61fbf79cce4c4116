//! The picture: stored gzip, sent as it is stored. Nothing here parses or copies a document.

use anyhow::Context;
use bytes::Bytes;
use heat::cache::CachedDocument;
use heat::packed::Packed;
use hyper::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, HeaderValue, IF_NONE_MATCH, VARY,
};
use hyper::{HeaderMap, StatusCode};
use tokio::time::timeout;

use crate::accept::weight;
use crate::app::App;
use crate::kept::{ASK_WITHIN, Document};
use crate::problem::Problem;
use crate::reply::{self, Reply};

/// `GET /api/v1/snapshot`
pub(crate) async fn snapshot(app: &App, headers: &HeaderMap) -> Result<Reply, Problem> {
    let frame = match timeout(ASK_WITHIN, app.feed.current()).await {
        Ok(Ok(Some(frame))) => frame,
        // Redis is away, or has come back empty.
        Ok(Err(_) | Ok(None)) | Err(_) => app.feed.required()?,
    };
    let version = frame.revision.to_string();
    if is_known(headers, &version) {
        return Ok(unchanged(headers, &version));
    }
    if accepts_gzip(headers) {
        Ok(whole(headers, &version, frame.packed.gzip().clone()))
    } else {
        Ok(whole(headers, &version, frame.json().await?))
    }
}

/// `GET /api/v1/inventory`, `GET /api/v1/coverage`
pub(crate) async fn document(document: &Document, headers: &HeaderMap) -> Result<Reply, Problem> {
    cached(&*document.read().await?, headers).await
}

/// A document as it is kept, under its version as the tag.
pub(crate) async fn cached(document: &CachedDocument, headers: &HeaderMap) -> Result<Reply, Problem> {
    let version = &document.version;
    if is_known(headers, version) {
        return Ok(unchanged(headers, version));
    }
    if accepts_gzip(headers) {
        Ok(whole(headers, version, document.body.gzip().clone()))
    } else {
        Ok(whole(headers, version, inflated(document.body.clone()).await?))
    }
}

async fn inflated(packed: Packed) -> anyhow::Result<Bytes> {
    let json = tokio::task::spawn_blocking(move || packed.json()).await?;
    Ok(json.context("a document in Redis is damaged")?.into())
}

fn whole(headers: &HeaderMap, version: &str, body: Bytes) -> Reply {
    let mut reply = reply::text(StatusCode::OK, "application/json", body);
    if accepts_gzip(headers) {
        reply.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    validated(reply, headers, version)
}

fn unchanged(headers: &HeaderMap, version: &str) -> Reply {
    validated(reply::empty(StatusCode::NOT_MODIFIED), headers, version)
}

/// Adds what lets a client ask again without being sent the same.
fn validated(mut reply: Reply, asked: &HeaderMap, version: &str) -> Reply {
    // A strong tag names bytes; the inflated form has other bytes of the same meaning.
    let tag = if accepts_gzip(asked) { format!("\"{version}\"") } else { format!("W/\"{version}\"") };
    let headers = reply.headers_mut();
    if let Ok(tag) = HeaderValue::try_from(tag) {
        headers.insert(ETAG, tag);
    }
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
    if reply.status() == StatusCode::NOT_MODIFIED {
        reply.headers_mut().remove(CONTENT_TYPE);
    }
    reply
}

/// Whether the client has this version (RFC 9110, 13.1.2: weak comparison).
fn is_known(headers: &HeaderMap, version: &str) -> bool {
    let lines = headers.get_all(IF_NONE_MATCH).into_iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(str::trim).any(|tag| {
        let opaque = tag.strip_prefix("W/").unwrap_or(tag);
        tag == "*" || opaque.strip_prefix('"').and_then(|tag| tag.strip_suffix('"')) == Some(version)
    })
}

/// Whether the client takes gzip (RFC 9110, 12.5.3). One that does not mention encodings, such as curl without
/// `--compressed`, would show its user the raw bytes, and so is taken to refuse.
fn accepts_gzip(headers: &HeaderMap) -> bool {
    let mut named = ["gzip", "x-gzip", "*"].into_iter();
    named.find_map(|coding| weight(headers, &ACCEPT_ENCODING, coding)).is_some_and(|weight| weight > 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_sent_to_who_takes_it() {
        let takes =
            |value| accepts_gzip(&HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static(value))]));
        for yes in ["gzip", "br, GZIP;q=0.2", "*", "deflate, *;q=0.1", "x-gzip", "gzip; q=1.000, *;q=0"] {
            assert!(takes(yes), "{yes}");
        }
        for no in ["", "identity", "gzip;q=0", "br", "*;q=0", "*, gzip;q=0.0"] {
            assert!(!takes(no), "{no}");
        }
        assert!(!accepts_gzip(&HeaderMap::new()));
    }

    #[test]
    fn a_version_is_known_by_its_tag_strong_or_weak() {
        let knows =
            |value| is_known(&HeaderMap::from_iter([(IF_NONE_MATCH, HeaderValue::from_static(value))]), "17");
        assert!(knows("\"17\"") && knows("W/\"17\"") && knows("\"16\", \"17\"") && knows("*"));
        assert!(!knows("17") && !knows("\"170\"") && !knows(""));
    }
}
