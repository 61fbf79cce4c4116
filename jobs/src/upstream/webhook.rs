//! A tracker behind a webhook: any system that takes a POST and answers with a ticket's key.
//!
//! Two requests are made, both `POST` to the configured URL, with `Content-Type: application/json`, `Authorization: Bearer …`
//! where a token is configured, and an `Idempotency-Key`: a request that repeats one is to have no further effect and is to be
//! answered as the first was.
//!
//! | | creation | comment |
//! |---|---|---|
//! | `Idempotency-Key` | `heat-<uuid>` of the intended ticket | `heat-<hash>` of key and text |
//! | body | `{"queue", "summary", "description", "type", "priority", "tags", "components", "followers", "assignee", "fields"}`; unset members are left out ([`Draft`]) | `{"key", "comment"}` |
//! | answer | 200 or 201, `{"key", "url", "state"}` | any 2xx |
//!
//! `key` is a text or a number, `url` the ticket's page, `state` the tracker's own word: `closed`, `resolved` and `done` mean
//! that nobody works on it any more. `url` and `state` may be missing. A 409 whose body is a ticket is that ticket; any other is
//! [`TrackerError::Exists`].
//!
//! Nothing can be read back ([`super::tracker::Tracker::reads_back`]): a tracker tells Heat itself when a state changes.

use std::fmt::{Display, Write as _};
use std::time::Duration;

use heat::config::Secret;
use heat::event::at_most;
use heat::ticket::Draft;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use url::Url;

use super::http::{self, Answer, BodyError, FetchError, Http};
use super::tracker::{Issue, TrackerError};

/// The limit of one call.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The largest answer, in bytes after decompression: a key, an address and a word.
const LARGEST_ANSWER: usize = 1 << 20;

/// How many characters of a key or a state are kept.
const LONGEST_WORD: usize = 200;

/// Which states mean that nobody works on a ticket any more.
const RESOLVED: [&str; 3] = ["closed", "resolved", "done"];

/// Where the webhook is.
#[derive(Clone, Debug)]
pub struct Options {
    /// What is posted to. Its path and query are treated as secret: with many systems they are the credential.
    pub url: Url,
    /// Sent as `Authorization: Bearer …`.
    pub token: Option<Secret>,
}

/// Talks to one webhook. Holds no state; calls may be made side by side.
#[derive(Clone, Debug)]
pub struct Client {
    http: Http,
    url: Url,
    headers: HeaderMap,
    /// What no error may show.
    secrets: Vec<Secret>,
}

impl Client {
    /// Prepares a client; nothing is sent yet. An error names what cannot be used.
    pub fn new(options: Options) -> Result<Self, FetchError> {
        Self::with_timeout(options, TIMEOUT)
    }

    /// The same with another limit of one call.
    pub fn with_timeout(options: Options, timeout: Duration) -> Result<Self, FetchError> {
        let Options { url, token } = options;
        let http = Http::new(&url, timeout, LARGEST_ANSWER)?;
        let mut headers = HeaderMap::from_iter([
            (ACCEPT, HeaderValue::from_static("application/json")),
            (CONTENT_TYPE, HeaderValue::from_static("application/json")),
        ]);
        let address = &url[url::Position::BeforePath..];
        let mut secrets = Vec::new();
        if address.len() > 1 {
            secrets.push(Secret::new(address));
        }
        if let Some(token) = token {
            let credential = HeaderValue::from_str(&format!("Bearer {}", token.reveal()));
            let mut credential = credential.map_err(|_| {
                FetchError::Client(
                    "its token holds a line end or another character that none has: set it anew".to_owned(),
                )
            })?;
            credential.set_sensitive(true);
            headers.insert(AUTHORIZATION, credential);
            secrets.push(token);
        }
        Ok(Self { http, url, headers, secrets })
    }

    /// Creates a ticket; repeated with the same `unique` it tells the same ticket again.
    pub async fn create(&self, issue: &Draft, unique: &str) -> Result<Issue, TrackerError> {
        let answer = self.send(issue, unique).await?;
        if answer.status == StatusCode::CONFLICT {
            return ticket(&answer.body).map_err(|_| TrackerError::Exists);
        }
        let answer = self.accepted(answer)?;
        ticket(&answer.body).map_err(|error| self.outage(&error))
    }

    /// Writes a comment; the same text on the same ticket is written once, however often it is sent.
    pub async fn comment(&self, key: &str, text: &str) -> Result<(), TrackerError> {
        let digest = Sha256::new_with_prefix(key).chain_update([0]).chain_update(text).finalize();
        let unique = digest.iter().take(16).fold("heat-".to_owned(), |mut unique, byte| {
            let _ = write!(unique, "{byte:02x}");
            unique
        });
        let answer = self.send(&json!({"key": key, "comment": text}), &unique).await?;
        let answer = self.accepted(answer)?;
        if answer.body.trim_ascii_start().starts_with(b"<") {
            return Err(self.outage(&BodyError::Page(http::title(&answer.body))));
        }
        Ok(())
    }

    async fn send(&self, body: &impl Serialize, unique: &str) -> Result<Answer, TrackerError> {
        let body = serde_json::to_vec(body).map_err(|error| self.outage(&error))?;
        let request = self.http.request(Method::POST, self.url.clone()).headers(self.headers.clone());
        let request = request.header("idempotency-key", unique).body(body);
        self.http.exchange(request).await.map_err(|error| self.outage(&error))
    }

    fn accepted(&self, answer: Answer) -> Result<Answer, TrackerError> {
        if answer.status.is_success() {
            return Ok(answer);
        }
        let body = answer.body.trim_ascii();
        let text = if body.starts_with(b"<") { http::title(body) } else { http::quoted(body) };
        Err(TrackerError::of(answer.status, answer.retry_after, self.masked(&text)))
    }

    fn outage(&self, error: &dyn Display) -> TrackerError {
        TrackerError::Outage(self.masked(&error.to_string()))
    }

    fn masked(&self, text: &str) -> String {
        self.secrets.iter().fold(text.to_owned(), |text, secret| http::masked(&text, secret))
    }
}

/// The ticket that a body tells of.
fn ticket(body: &[u8]) -> Result<Issue, BodyError> {
    #[derive(Deserialize)]
    struct Ticket {
        key: Value,
        url: Option<String>,
        state: Option<String>,
    }
    let Ticket { key, url, state } = http::json(body)?;
    let key = match key {
        Value::String(key) if !key.trim().is_empty() => word(&key),
        Value::Number(key) => key.to_string(),
        _ => return Err(BodyError::Shape("the ticket has no key".to_owned())),
    };
    // The page links to it: nothing but an address that a browser may open.
    let url =
        url.and_then(|url| Url::parse(&url).ok()).filter(|url| matches!(url.scheme(), "http" | "https"));
    let status = state.as_deref().map(word).unwrap_or_default();
    let resolved = RESOLVED.iter().any(|resolved| status.eq_ignore_ascii_case(resolved));
    Ok(Issue {
        key,
        url: url.map(String::from).unwrap_or_default(),
        status_key: status.clone(),
        status,
        resolved,
        aliases: Vec::new(),
    })
}

fn word(text: &str) -> String {
    at_most(text.trim(), LONGEST_WORD).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_needs_a_key_and_nothing_else() {
        let told = |body: &str| ticket(body.as_bytes());
        let whole =
            told(r#"{"key":"OPS-7","url":"https://desk.example.net/OPS-7","state":"Closed","x":1}"#).unwrap();
        assert_eq!((whole.key.as_str(), whole.url.as_str()), ("OPS-7", "https://desk.example.net/OPS-7"));
        assert_eq!((whole.status.as_str(), whole.resolved), ("Closed", true));
        let bare = told(r#"{"key":4711}"#).unwrap();
        assert_eq!(bare, Issue { key: "4711".to_owned(), ..Issue::default() });
        for body in ["{}", r#"{"key":" "}"#, r#"{"key":null}"#, "[]", ""] {
            assert!(told(body).is_err(), "{body}");
        }
    }

    #[test]
    fn an_address_that_would_run_a_script_is_no_page() {
        for url in ["javascript:alert(1)", "data:text/html,x", "/OPS-7", ""] {
            let issue = ticket(json!({"key": "OPS-7", "url": url}).to_string().as_bytes()).unwrap();
            assert_eq!(issue.url, "", "{url}");
        }
    }
}
