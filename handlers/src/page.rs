//! What the pages share: their frame, their style, ages in words.

use std::fmt::Write;
use std::sync::LazyLock;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use heat::time::Timestamp;
use hyper::StatusCode;
use hyper::header::{CONTENT_SECURITY_POLICY, HeaderValue, REFERRER_POLICY};
use sha2::{Digest, Sha256};

use crate::reply::{self, Reply};

/// The style of both pages, inside them: one request shows a page, whatever else is broken.
pub(crate) const STYLE: &str = include_str!("../templates/page.css");

/// Nothing is loaded and nothing runs; the one style is named by its hash.
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let hash = STANDARD.encode(Sha256::digest(STYLE));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    );
    HeaderValue::try_from(policy).unwrap_or_else(|_| HeaderValue::from_static("default-src 'none'"))
});

/// A page.
pub(crate) fn html(body: String) -> Reply {
    let mut reply = reply::text(StatusCode::OK, "text/html; charset=utf-8", body);
    let headers = reply.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, POLICY.clone());
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    reply
}

/// How long ago, as people say it: `7 s`, `3 min`, `5 h 20 min`, `4 d 2 h`.
pub(crate) fn age(age: Duration) -> String {
    let seconds = age.as_secs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = match (days, hours, minutes) {
        (0, 0, 0) => write!(text, "{seconds} s"),
        (0, 0, _) => write!(text, "{minutes} min"),
        (0, _, _) => write!(text, "{hours} h {} min", minutes % 60),
        _ => write!(text, "{days} d {} h", hours % 24),
    };
    text
}

/// The moment, as a page writes it.
pub(crate) fn at(moment: Timestamp) -> String {
    moment.to_string().replace('T', " ").replace('Z', " UTC")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_has_at_most_two_parts() {
        let of = |seconds| age(Duration::from_secs(seconds));
        assert_eq!([of(0), of(59), of(60), of(3599)], ["0 s", "59 s", "1 min", "59 min"]);
        assert_eq!(
            [of(3600), of(19_200), of(86_400), of(360_000)],
            ["1 h 0 min", "5 h 20 min", "1 d 0 h", "4 d 4 h"]
        );
    }
}
