//! One call of Zabbix' JSON-RPC API: credentials by version, retries, and errors in words.

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use heat::config::Secret;
use heat::time::Timestamp;
use reqwest::Method;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use url::Url;

use super::wire::{self, AnswerError};
use crate::upstream::http::{self, Answer, FetchError, Http};

/// How long to leave a Zabbix alone that has refused what will not change by asking again.
const REFUSED: Duration = Duration::from_mins(1);

/// An API token has exactly so many characters; anything else Zabbix takes for a session's id.
const TOKEN_LENGTH: usize = 64;

/// How the refusal of a method by the user's role begins.
const NOT_PERMITTED: &str = "No permissions to call";

/// A version as far as it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version {
    pub(super) major: u32,
    pub(super) minor: u32,
}

impl Version {
    /// From here on hosts name their groups by another word.
    pub(crate) const HOST_GROUPS: Self = Self { major: 6, minor: 2 };
    /// From here on the token is taken from the `Authorization` header, and problems name their cause.
    pub(super) const BEARER: Self = Self { major: 6, minor: 4 };
    /// From here on hosts name their proxies in another way.
    pub(super) const PROXY_GROUPS: Self = Self { major: 7, minor: 0 };

    /// `7.0.22`, `7.2.0rc1`. What cannot be read is taken for a new one.
    fn parse(text: &str) -> Self {
        let mut numbers = text.split('.').map(str::parse);
        match (numbers.next(), numbers.next()) {
            (Some(Ok(major)), Some(Ok(minor))) => Self { major, minor },
            _ => Self { major: u32::MAX, minor: 0 },
        }
    }
}

/// A call that brought nothing.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// No answer.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// An answer that is none.
    #[error(transparent)]
    Answer(#[from] AnswerError),
}

impl CallError {
    /// Whether a smaller request may succeed.
    #[must_use]
    pub fn is_too_much(&self) -> bool {
        matches!(self, Self::Fetch(error) if error.is_too_much())
    }

    /// Whether Zabbix does not know the token or session, or no longer.
    #[must_use]
    pub fn is_rejected_token(&self) -> bool {
        matches!(self, Self::Answer(AnswerError::Refused { code: -32602 | -32500, data, .. })
            if data.starts_with("Not authori") || data.starts_with("Session terminated") || data.starts_with("API token"))
    }

    /// How long to leave Zabbix alone: what it asked for, or a minute where asking again at once cannot help.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Fetch(FetchError::Status { status, retry_after, .. }) => {
                retry_after.or((400..500).contains(&status.as_u16()).then_some(REFUSED))
            }
            Self::Fetch(FetchError::Redirect(_)) => Some(REFUSED),
            _ if self.is_rejected_token() => Some(REFUSED),
            Self::Answer(AnswerError::Refused { code: -32_602..=-32_600 | -32_700, .. }) => Some(REFUSED),
            Self::Answer(AnswerError::Refused { data, .. }) if data.starts_with(NOT_PERMITTED) => {
                Some(REFUSED)
            }
            _ => None,
        }
    }
}

/// The API of one Zabbix.
#[derive(Debug)]
pub struct Api {
    http: Http,
    endpoint: Url,
    token: Secret,
    version: Option<Version>,
    /// Servers are upgraded while Heat runs: after an error the version is asked for again.
    doubted: bool,
}

impl Api {
    /// For the Zabbix whose frontend or `api_jsonrpc.php` is at `url`, with a time limit for each request and a size
    /// limit in bytes for each answer.
    pub fn new(url: &Url, token: Secret, timeout: Duration, max_body: usize) -> Result<Self, FetchError> {
        let mut endpoint = frontend(url);
        let path = format!("{}/api_jsonrpc.php", endpoint.path().trim_end_matches('/'));
        endpoint.set_path(&path);
        Ok(Self { http: Http::new(url, timeout, max_body)?, endpoint, token, version: None, doubted: false })
    }

    /// Calls `method` and reads its result.
    pub async fn get<T: DeserializeOwned>(&mut self, method: &str, params: &Value) -> Result<T, CallError> {
        self.get_dated(method, params).await.map(|(result, _)| result)
    }

    /// The same, with the time of the server's clock where it told it.
    pub(super) async fn get_dated<T: DeserializeOwned>(
        &mut self,
        method: &str,
        params: &Value,
    ) -> Result<(T, Option<Timestamp>), CallError> {
        let answer = self.call(method, params).await?;
        let result = wire::result(&answer.body).inspect_err(|_| self.doubted = true)?;
        Ok((result, answer.date))
    }

    /// Calls `method` once, whatever comes of it: for what must not happen twice.
    pub(super) async fn tell<T: DeserializeOwned>(
        &mut self,
        method: &str,
        params: &Value,
    ) -> Result<T, CallError> {
        let (request, bearer) = self.request(method, params).await?;
        let sent = self.post(&request.to_string(), bearer).await;
        let answer = sent.inspect_err(|_| self.doubted = true)?;
        Ok(wire::result(&answer.body).inspect_err(|_| self.doubted = true)?)
    }

    /// Calls `method`; the body may still hold an error. The caller doubts the version then.
    pub(super) async fn call(&mut self, method: &str, params: &Value) -> Result<Answer, CallError> {
        let (request, bearer) = self.request(method, params).await?;
        self.send(&request, bearer).await.inspect_err(|_| self.doubted = true)
    }

    /// A request, and whether the token goes with it in the header.
    async fn request(&mut self, method: &str, params: &Value) -> Result<(Value, bool), CallError> {
        let version = self.version().await?;
        let mut request = json!({"jsonrpc": "2.0", "method": method, "params": params, "id": 1});
        let bearer = version >= Version::BEARER;
        if !bearer {
            request["auth"] = self.token.reveal().into();
        }
        Ok((request, bearer))
    }

    /// The version, asked for once, and again after an error.
    pub(crate) async fn version(&mut self) -> Result<Version, CallError> {
        if let Some(version) = self.version.filter(|_| !self.doubted) {
            return Ok(version);
        }
        // Refused with credentials.
        let request = json!({"jsonrpc": "2.0", "method": "apiinfo.version", "params": {}, "id": 1});
        let answer = self.send(&request, false).await?;
        let version = Version::parse(&wire::result::<String>(&answer.body)?);
        (self.version, self.doubted) = (Some(version), false);
        Ok(version)
    }

    /// Makes the next call ask for the version again.
    pub(super) fn doubt_version(&mut self) {
        self.doubted = true;
    }

    async fn send(&self, request: &Value, bearer: bool) -> Result<Answer, CallError> {
        let body = request.to_string();
        let attempt = || self.post(&body, bearer);
        let pauses = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(200))
            .with_max_times(2)
            .with_jitter();
        Ok(attempt.retry(pauses).when(FetchError::is_passing).await?)
    }

    async fn post(&self, body: &str, bearer: bool) -> Result<Answer, FetchError> {
        let mut request = self
            .http
            .request(Method::POST, self.endpoint.clone())
            // Any other type is answered with 412.
            .header(CONTENT_TYPE, "application/json-rpc")
            .body(body.to_owned());
        if bearer {
            request = request.header(AUTHORIZATION, self.bearer());
        }
        self.http.fetch(request).await
    }

    fn bearer(&self) -> HeaderValue {
        let text = format!("Bearer {}", self.token.reveal());
        // A token that does not fit into a header is none; Zabbix says so.
        let mut value = HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static("Bearer -"));
        value.set_sensitive(true);
        value
    }

    /// One sentence for an operator: what happened and what to do. Never holds the token.
    #[must_use]
    pub fn explain(&self, method: &str, error: &CallError) -> String {
        http::masked(&self.sentence(method, error), &self.token)
    }

    fn sentence(&self, method: &str, error: &CallError) -> String {
        match error {
            CallError::Fetch(FetchError::Status { status, text, .. }) => {
                let advice = match status.as_u16() {
                    401 | 403 => {
                        "a web server in front of it wants a login of its own or keeps Heat out: let Heat past it"
                    }
                    404 => {
                        "there is no Zabbix at this URL: it must be the frontend, the page people open, or its api_jsonrpc.php"
                    }
                    412 => {
                        "the request's method or Content-Type was changed on the way: look at the proxy in between"
                    }
                    429 => "it is asked too often: Heat waits as long as it says",
                    500 if text.is_empty() => {
                        "PHP's memory_limit or max_execution_time is too small for its answer: raise them; \
                         Heat asks for smaller pages meanwhile"
                    }
                    500 => "its frontend failed: see the web server's error log",
                    502..=504 => {
                        "the web server is there, Zabbix' PHP behind it is not, or it is too slow: see the web server's error log"
                    }
                    _ => "this is not how Zabbix answers: check the URL and what stands in between",
                };
                format!("Zabbix {error}; {advice}")
            }
            CallError::Fetch(_) | CallError::Answer(AnswerError::Body(_)) => format!("Zabbix {error}"),
            CallError::Answer(AnswerError::Refused { code, message, data }) => {
                self.refusal(method, *code, message, data, error.is_rejected_token())
            }
        }
    }

    fn refusal(&self, method: &str, code: i64, message: &str, data: &str, rejected: bool) -> String {
        if data.starts_with("API token expired") {
            return format!(
                "Zabbix rejected the API token ({data}): give it a later expiry in Users → API tokens, or make a new one"
            );
        }
        if rejected {
            let length = self.token.reveal().chars().count();
            let hint = if length == TOKEN_LENGTH {
                String::new()
            } else {
                format!(" (an API token has {TOKEN_LENGTH} characters, this one {length})")
            };
            let apache = if self.version.is_some_and(|version| version >= Version::BEARER) {
                ", and that Apache passes the Authorization header on (CGIPassAuth on)"
            } else {
                ""
            };
            return format!(
                "Zabbix rejected the API token ({data}): check that it is the right one, enabled and not deleted{hint}, \
                 and so is its user{apache}"
            );
        }
        if data.starts_with(NOT_PERMITTED) {
            return format!(
                "Zabbix does not let the token's user call {method} ({data}): allow it in the user's role, together with \
                 apiinfo.version, problem.get, trigger.get, host.get and proxy.get"
            );
        }
        let said = format!("{message} {data}");
        let said = said.trim();
        match code {
            1 | -32_603 => format!(
                "Zabbix itself does not work ({said}): look at its database and at its frontend's conf/zabbix.conf.php"
            ),
            -32_500 => format!("Zabbix failed in {method} ({said}): see the log of its web server"),
            _ => format!(
                "Zabbix refused {method} ({said}): if this says that the token was not accepted, check it; else Heat does \
                 not know this version of Zabbix"
            ),
        }
    }
}

/// The frontend's own address: without a script (`api_jsonrpc.php`, `zabbix.php`), a query or a slash at the end.
pub(super) fn frontend(url: &Url) -> Url {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    let path = url.path().trim_end_matches('/');
    let path = match path.rsplit_once('/') {
        Some((before, script)) if script.to_ascii_lowercase().ends_with(".php") => before,
        _ => path,
    };
    let path = path.trim_end_matches('/').to_owned();
    url.set_path(&path);
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frontend_and_endpoint_are_both_taken_with_and_without_slash() {
        for (given, endpoint) in [
            ("http://z/zabbix", "http://z/zabbix/api_jsonrpc.php"),
            ("http://z/zabbix/", "http://z/zabbix/api_jsonrpc.php"),
            ("http://z/zabbix/api_jsonrpc.php", "http://z/zabbix/api_jsonrpc.php"),
            ("http://z/zabbix/api_jsonrpc.php/", "http://z/zabbix/api_jsonrpc.php"),
            ("http://z/zabbix.php?action=problem.view#x", "http://z/api_jsonrpc.php"),
            ("https://z", "https://z/api_jsonrpc.php"),
            ("https://z/", "https://z/api_jsonrpc.php"),
        ] {
            let api = Api::new(&given.parse().unwrap(), Secret::new("t"), Duration::from_secs(1), 1).unwrap();
            assert_eq!(api.endpoint.as_str(), endpoint, "{given}");
        }
    }

    #[test]
    fn versions_are_compared_by_their_first_two_numbers() {
        assert!(Version::parse("6.0.14") < Version::BEARER);
        assert!(Version::parse("6.4.0") >= Version::BEARER);
        assert!(Version::parse("6.4.0") < Version::PROXY_GROUPS);
        assert!(Version::parse("7.2.0rc1") >= Version::PROXY_GROUPS);
        assert!(Version::parse("next") >= Version::PROXY_GROUPS);
    }

    /// The texts are those of the captures.
    #[test]
    fn each_refusal_says_what_to_do_and_none_shows_the_token() {
        let token = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
        let url: Url = "http://z/".parse().unwrap();
        let api = Api::new(&url, Secret::new(token), Duration::from_secs(1), 1).unwrap();
        let explain = |code, message: &str, data: &str| {
            let error = AnswerError::Refused { code, message: message.into(), data: data.into() };
            let error = CallError::from(error);
            (api.explain("problem.get", &error), error.retry_after().is_some())
        };
        for (code, message, data, advice, wait) in [
            (-32602, "Invalid params.", "Not authorized.", "rejected the API token", true),
            (
                -32602,
                "Invalid params.",
                "Session terminated, re-login, please.",
                "rejected the API token",
                true,
            ),
            (-32500, "Application error.", "API token expired.", "later expiry", true),
            (
                -32500,
                "Application error.",
                "No permissions to call \"problem.get\".",
                "the user's role",
                true,
            ),
            (
                -32500,
                "Application error.",
                "SQL statement execution has failed.",
                "log of its web server",
                false,
            ),
            (-32602, "Invalid params.", "Нет авторизации.", "check it", true),
            (
                -32600,
                "Invalid request.",
                "Invalid parameter \"/\": unexpected parameter \"auth\".",
                "version",
                true,
            ),
            (1, "Error connecting to database.", "", "its database", false),
            (-32603, "Internal error.", "Configuration file error.", "its database", false),
            (-32500, "Application error.", &format!("near {token}"), "***", false),
        ] {
            let (sentence, waits) = explain(code, message, data);
            assert!(sentence.contains(advice), "{sentence}");
            assert!(!sentence.contains(token));
            assert_eq!(waits, wait, "{sentence}");
        }
        let short = Api::new(&url, Secret::new("short"), Duration::from_secs(1), 1).unwrap();
        let error =
            AnswerError::Refused { code: -32602, message: String::new(), data: "Not authorized.".into() };
        assert!(short.explain("problem.get", &error.into()).contains("this one 5"));
    }
}
