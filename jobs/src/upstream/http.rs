//! The one place that builds HTTP clients and reads answers: with a time limit, a size limit, no silent redirects, and
//! errors that tell an operator what to do.
//!
//! Every error of this file prints as the end of a sentence that begins with the system's name: "Zabbix **did not
//! answer within 30 s**".

use std::io;
use std::time::Duration;

use heat::config::Secret;
use heat::event::at_most;
use heat::time::Timestamp;
use reqwest::header::{DATE, HeaderMap, LOCATION, RETRY_AFTER};
use reqwest::{Method, RequestBuilder, StatusCode, redirect};
use serde::Deserialize;
use url::{Host, Url};

/// How much foreign text an error quotes, in characters.
const QUOTED: usize = 200;

/// How long a connection may take to come about; a host that is there answers much sooner.
const CONNECT: Duration = Duration::from_secs(5);

/// A longer `Retry-After` than this is not believed.
const LONGEST_WAIT: Duration = Duration::from_mins(10);

/// Why there is no answer. Completes a sentence that begins with the system's name.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The client cannot be made: the URL is none of HTTP, or this machine has no usable certificates.
    #[error("cannot be asked: {0}")]
    Client(String),
    /// Nothing, or not all of it, came in time.
    #[error("did not answer within {} s: it is overloaded, or a firewall drops the packets", .0.as_secs_f32())]
    Timeout(Duration),
    /// No connection: refused, unknown name, no route.
    #[error("cannot be reached ({0}): check its URL and the network")]
    Connect(String),
    /// The certificate is not trusted, or the server speaks no TLS.
    #[error(
        "cannot be trusted: TLS failed ({0}); check that the URL is right, and add an own certificate authority to \
         the system's certificates or to SSL_CERT_FILE"
    )]
    Tls(String),
    /// The connection broke in the middle.
    #[error("broke off in the middle of an answer ({0})")]
    Interrupted(String),
    /// More than the limit, in bytes after decompression.
    #[error("sent an answer of more than {} MiB, which is refused", .0.div_ceil(1 << 20))]
    TooLarge(usize),
    /// A redirect. They are not followed: a token must not travel to another host, and a POST would become a GET.
    #[error(
        "redirects to {0}: if that is its address, put it into the URL; if it is a login page, let Heat past it"
    )]
    Redirect(String),
    /// Any other status than 200.
    #[error("answered HTTP {status}{}", said(.text))]
    Status {
        /// The status.
        status: StatusCode,
        /// How long it asks to be left alone.
        retry_after: Option<Duration>,
        /// The beginning of the body, as [`quoted`] gives it.
        text: String,
    },
}

impl FetchError {
    /// Whether the same request may well succeed a moment later: transport trouble and the statuses of an overloaded or
    /// restarting server, unless it says itself when to come back.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Connect(_) | Self::Interrupted(_) => true,
            Self::Status { status, retry_after: None, .. } => matches!(status.as_u16(), 502..=504),
            _ => false,
        }
    }

    /// Whether a smaller request may succeed where this one failed: it took too long, was too large, or the server
    /// fell over it.
    #[must_use]
    pub fn is_too_much(&self) -> bool {
        match self {
            Self::Timeout(_) | Self::TooLarge(_) => true,
            Self::Status { status, .. } => *status == StatusCode::INTERNAL_SERVER_ERROR,
            _ => false,
        }
    }

    /// How long the server asks to be left alone, at most 10 minutes.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        if let Self::Status { retry_after, .. } = self { *retry_after } else { None }
    }
}

fn said(text: &str) -> String {
    if text.is_empty() { " with an empty body".to_owned() } else { format!(": {text:?}") }
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    /// The status; 200 from [`Http::fetch`].
    pub status: StatusCode,
    /// The whole body, decompressed.
    pub body: Vec<u8>,
    /// The server's clock, from the `Date` header.
    pub date: Option<Timestamp>,
    /// How long it asks to be left alone, at most 10 minutes.
    pub retry_after: Option<Duration>,
}

/// An HTTP client for one system.
#[derive(Clone, Debug)]
pub struct Http {
    client: reqwest::Client,
    timeout: Duration,
    max_body: usize,
}

impl Http {
    /// A client for the system at `url`, with a limit on the time of a whole exchange and on the size of a body in bytes
    /// after decompression. Proxies are taken from the environment, but never for loopback addresses.
    pub fn new(url: &Url, timeout: Duration, max_body: usize) -> Result<Self, FetchError> {
        if !matches!(url.scheme(), "http" | "https") {
            let scheme = url.scheme();
            return Err(FetchError::Client(format!(
                "its URL must begin with http:// or https://, not {scheme}:"
            )));
        }
        let builder = reqwest::Client::builder()
            .user_agent(concat!("heat/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .connect_timeout(timeout.min(CONNECT))
            .timeout(timeout)
            .gzip(true);
        let builder = if is_loopback(url) { builder.no_proxy() } else { builder };
        let client = builder.build().map_err(|error| FetchError::Client(innermost(&error)))?;
        Ok(Self { client, timeout, max_body })
    }

    /// Begins a request.
    pub fn request(&self, method: Method, url: Url) -> RequestBuilder {
        self.client.request(method, url)
    }

    /// Sends the request and reads the whole answer; anything but a complete body with status 200 is an error.
    pub async fn fetch(&self, request: RequestBuilder) -> Result<Answer, FetchError> {
        let answer = self.exchange(request).await?;
        if answer.status == StatusCode::OK {
            return Ok(answer);
        }
        let Answer { status, retry_after, body, .. } = answer;
        Err(FetchError::Status { status, retry_after, text: quoted(&body) })
    }

    /// Sends the request and reads the whole answer whatever its status, for systems whose refusals are worth reading;
    /// a redirect is an error all the same.
    pub async fn exchange(&self, request: RequestBuilder) -> Result<Answer, FetchError> {
        let mut response = request.send().await.map_err(|error| self.failure(error))?;
        let (status, headers) = (response.status(), response.headers());
        if status.is_redirection() {
            let to = headers.get(LOCATION).map(|to| quoted(to.as_bytes())).unwrap_or_default();
            return Err(FetchError::Redirect(to));
        }
        let date = headers.get(DATE).and_then(|date| date.to_str().ok()).and_then(http_date);
        let retry_after = retry_after(headers, date);
        if response.content_length().is_some_and(|length| length > self.max_body as u64) {
            return Err(FetchError::TooLarge(self.max_body));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.failure(error))? {
            if body.len() + chunk.len() > self.max_body {
                return Err(FetchError::TooLarge(self.max_body));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { status, body, date, retry_after })
    }

    fn failure(&self, error: reqwest::Error) -> FetchError {
        let (connecting, late) = (error.is_connect(), error.is_timeout());
        // The URL may hold a password.
        let reason = innermost(&error.without_url());
        if connecting {
            if late {
                return FetchError::Connect("no answer to the attempt to connect".to_owned());
            }
            // Neither reqwest nor rustls has a type for it that both share.
            if ["certificate", "handshake", "tls", "corrupt message"]
                .iter()
                .any(|word| reason.to_lowercase().contains(word))
            {
                return FetchError::Tls(reason);
            }
            return FetchError::Connect(reason);
        }
        if late { FetchError::Timeout(self.timeout) } else { FetchError::Interrupted(reason) }
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// The last of an error's sources, where the reason stands: "Connection refused (os error 111)".
fn innermost(error: &reqwest::Error) -> String {
    let mut at: &dyn std::error::Error = error;
    while let Some(source) = at.source() {
        at = source;
    }
    match at.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(inner) => inner.to_string(),
        None => at.to_string(),
    }
}

fn http_date(text: &str) -> Option<Timestamp> {
    chrono::DateTime::parse_from_rfc2822(text).ok().map(|at| Timestamp::from_unix(at.timestamp()))
}

/// Seconds, or a date that is compared with the server's own clock.
fn retry_after(headers: &HeaderMap, date: Option<Timestamp>) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match text.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => http_date(text)?.since(date.unwrap_or_else(Timestamp::now)),
    };
    Some(wait.min(LONGEST_WAIT))
}

/// `text` with every copy of a secret made unreadable, copies cut to eight characters or more included: systems quote
/// requests in their errors.
#[must_use]
pub fn masked(text: &str, secret: &Secret) -> String {
    let secret = secret.reveal();
    let shortest = secret.char_indices().nth(8).map_or(secret.len(), |(at, _)| at);
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(&secret[..shortest]).filter(|_| shortest > 0) {
        out.push_str(&rest[..at]);
        out.push_str("***");
        let found = &rest[at..];
        let same = found.chars().zip(secret.chars()).take_while(|(a, b)| a == b);
        rest = &found[same.map(|(c, _)| c.len_utf8()).sum::<usize>()..];
    }
    out + rest
}

/// The beginning of foreign text for an error: one line, printable, at most 200 characters.
#[must_use]
pub fn quoted(text: &[u8]) -> String {
    // Four bytes a character at the most; more than is needed is not looked at.
    let start = String::from_utf8_lossy(&text[..text.len().min(8 * QUOTED)]);
    let words =
        start.split(|c: char| c.is_whitespace() || c.is_control() || c == char::REPLACEMENT_CHARACTER);
    let line = words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    let cut = at_most(&line, QUOTED);
    if cut.len() < line.len() { format!("{cut}…") } else { line }
}

/// Why a body is not the JSON it should be. Completes a sentence that begins with the system's name.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// Status 200 and nothing.
    #[error("sent an empty answer: a proxy in between, or a request without an id")]
    Empty,
    /// HTML or XML.
    #[error(
        "sent a web page instead of JSON ({0:?}): the URL is wrong, or a proxy or login page stands in between"
    )]
    Page(String),
    /// It ends in the middle.
    #[error("sent an answer that ends in the middle, after {0} bytes: a proxy or a limit of its own cut it")]
    Cut(usize),
    /// Not JSON at all.
    #[error("sent something that is not JSON ({reason}): {text:?}")]
    NotJson {
        /// Where and why.
        reason: String,
        /// How it begins.
        text: String,
    },
    /// JSON, but not of the shape that was agreed on.
    #[error("sent JSON of another shape than expected ({0}): its version may be one that Heat does not know")]
    Shape(String),
}

/// Reads a JSON body; strings are borrowed from it where `T` borrows.
pub fn json<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, BodyError> {
    serde_json::from_slice(body).map_err(|error| {
        let text = body.trim_ascii();
        if text.is_empty() {
            BodyError::Empty
        } else if text.starts_with(b"<") {
            BodyError::Page(title(text))
        } else if error.is_eof() {
            BodyError::Cut(body.len())
        } else if error.is_data() {
            BodyError::Shape(quoted(error.to_string().as_bytes()))
        } else {
            BodyError::NotJson { reason: quoted(error.to_string().as_bytes()), text: quoted(text) }
        }
    })
}

/// A page's title, else how it begins.
#[must_use]
pub fn title(page: &[u8]) -> String {
    let start = String::from_utf8_lossy(&page[..page.len().min(4096)]);
    let lower = start.to_ascii_lowercase();
    let title = lower.find("<title>").map(|at| at + "<title>".len()).and_then(|from| {
        let to = lower[from..].find("</title>")? + from;
        start.get(from..to)
    });
    quoted(title.unwrap_or(&start).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use proptest::prelude::*;
    use std::io::Write as _;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    /// Fetches from a server that answers anything with these bytes.
    async fn fetch(response: &[u8], max_body: usize) -> Result<Answer, FetchError> {
        answered(response, max_body, async |http, request| http.fetch(request).await).await
    }

    /// What comes of asking such a server in one of the two ways.
    async fn answered(
        response: &[u8],
        max_body: usize,
        ask: impl AsyncFnOnce(&Http, RequestBuilder) -> Result<Answer, FetchError>,
    ) -> Result<Answer, FetchError> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = Url::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
        let response = response.to_vec();
        let server = tokio::spawn(async move {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut request = [0; 4096];
            assert_ne!(socket.read(&mut request).await.unwrap(), 0);
            // A client that has seen enough hangs up.
            let _ = socket.write_all(&response).await;
        });
        let http = Http::new(&url, Duration::from_secs(10), max_body).unwrap();
        let answer = ask(&http, http.request(Method::GET, url)).await;
        server.await.unwrap();
        answer
    }

    fn with_body(head: &str, body: &[u8]) -> Vec<u8> {
        let head = format!("HTTP/1.1 {head}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
        [head.as_bytes(), body].concat()
    }

    #[tokio::test]
    async fn a_redirect_is_told_and_not_followed() {
        let response = with_body("302 Found\r\nLocation: https://sso.example.net/login", b"");
        let error = fetch(&response, 100).await.unwrap_err();
        assert!(error.to_string().contains("redirects to https://sso.example.net/login"), "{error}");
        assert!(!error.is_passing());
    }

    #[tokio::test]
    async fn a_body_is_refused_at_its_limit_whether_announced_streamed_or_compressed() {
        let zeros = vec![b'0'; 1 << 20];
        let announced = with_body("200 OK", &zeros);
        let streamed = [b"HTTP/1.0 200 OK\r\n\r\n".as_slice(), &zeros].concat();
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&zeros).unwrap();
        let compressed = encoder.finish().unwrap();
        assert!(compressed.len() < 10_000);
        let compressed = with_body("200 OK\r\nContent-Encoding: gzip", &compressed);
        for response in [announced, streamed, compressed] {
            let error = fetch(&response, zeros.len() - 1).await.unwrap_err();
            assert!(matches!(error, FetchError::TooLarge(_)), "{error}");
            assert!(error.is_too_much());
            assert_eq!(fetch(&response, zeros.len()).await.unwrap().body, zeros);
        }
    }

    #[tokio::test]
    async fn the_servers_clock_comes_with_the_answer() {
        let response = with_body("200 OK\r\nDate: Wed, 21 Oct 2015 07:28:00 GMT", b"[]");
        let date = fetch(&response, 100).await.unwrap().date.unwrap();
        assert_eq!(date.to_string(), "2015-10-21T07:28:00Z");
    }

    #[tokio::test]
    async fn a_refusal_is_told_in_short_by_one_way_and_whole_by_the_other() {
        let body = "x".repeat(2 * QUOTED);
        let response = with_body("409 Conflict\r\nRetry-After: 7", body.as_bytes());
        let error = fetch(&response, 1_000).await.unwrap_err();
        assert!(matches!(&error, FetchError::Status { text, .. } if text.len() < body.len()), "{error}");
        let answer =
            answered(&response, 1_000, async |http, request| http.exchange(request).await).await.unwrap();
        assert_eq!((answer.status.as_u16(), answer.body.len()), (409, body.len()));
        assert_eq!(answer.retry_after, Some(Duration::from_secs(7)));
    }

    #[tokio::test]
    async fn a_server_without_tls_is_told_as_such() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = Url::parse(&format!("https://{}/", listener.local_addr().unwrap())).unwrap();
        let server = tokio::spawn(async move {
            let (mut socket, _) = listener.accept().await.unwrap();
            socket.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
            let mut hello = Vec::new();
            let _ = socket.read_to_end(&mut hello).await;
        });
        let http = Http::new(&url, Duration::from_secs(10), 100).unwrap();
        let error = http.fetch(http.request(Method::GET, url)).await.unwrap_err();
        assert!(matches!(error, FetchError::Tls(_)), "{error}");
        server.await.unwrap();
    }

    #[test]
    fn only_http_is_spoken() {
        let url = Url::parse("file:///etc/passwd").unwrap();
        let error = Http::new(&url, Duration::from_secs(1), 1).unwrap_err();
        assert!(error.to_string().contains("not file:"), "{error}");
    }

    #[test]
    fn a_secret_is_masked_whole_and_cut() {
        let masked = |text: &str, secret: &str| masked(text, &Secret::new(secret));
        assert_eq!(masked("auth 0123456789abcdef, 0123456789…", "0123456789abcdef"), "auth ***, ***…");
        assert_eq!(
            masked("0123456 is too short to tell", "0123456789abcdef"),
            "0123456 is too short to tell"
        );
        assert_eq!(masked("nothing to hide", ""), "nothing to hide");
        assert_eq!(masked("мой ключ!", "ключ"), "мой ***!");
    }

    proptest! {
        #[test]
        fn no_masked_text_holds_the_secret(before in "[a-f ]{0,9}", secret in "[a-f]{1,12}", after in "[a-f ]{0,9}") {
            let text = format!("{before}{secret}{after}");
            prop_assert!(!masked(&text, &Secret::new(secret.as_str())).contains(&secret));
        }

        #[test]
        fn a_quotation_is_one_short_line(bytes in proptest::collection::vec(any::<u8>(), 0..3000)) {
            let text = quoted(&bytes);
            prop_assert!(text.chars().count() <= QUOTED + 1);
            prop_assert!(!text.contains(|c: char| c.is_control()));
        }
    }

    #[test]
    fn a_body_that_is_not_the_expected_json_is_named_for_what_it_is() {
        let error = |body: &str| json::<Vec<u64>>(body.as_bytes()).unwrap_err();
        assert!(matches!(error(" \n"), BodyError::Empty));
        assert!(
            matches!(error("\n<!DOCTYPE html><TITLE>Вход</TITLE>"), BodyError::Page(title) if title == "Вход")
        );
        assert!(matches!(error("[1, 2"), BodyError::Cut(5)));
        assert!(matches!(error("Fatal error"), BodyError::NotJson { text, .. } if text == "Fatal error"));
        assert!(matches!(error("{}"), BodyError::Shape(_)));
    }

    #[test]
    fn retry_after_is_seconds_or_a_date_of_the_servers_own_clock() {
        let wait = |text: &str| {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, text.parse().unwrap())]);
            retry_after(&headers, http_date("Wed, 21 Oct 2015 07:28:00 GMT"))
        };
        assert_eq!(wait("7"), Some(Duration::from_secs(7)));
        assert_eq!(wait("Wed, 21 Oct 2015 07:28:30 GMT"), Some(Duration::from_secs(30)));
        assert_eq!(wait("99999999"), Some(LONGEST_WAIT));
        assert_eq!(wait("soon"), None);
    }
}
