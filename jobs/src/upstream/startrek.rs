//! Yandex Tracker, inside Yandex "Startrek": API versions 2 and 3, which answer alike.
//!
//! Issues are created with a `unique` of Heat's: the tracker makes one issue for it, however often it is asked. Comments have
//! no such thing, so before a comment is repeated, the issue's comments are searched for a marker in its text.
//!
//! Texts of errors are in the language of the account, and never branched on.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::time::Duration;

use heat::config::Secret;
use heat::event::at_most;
use heat::ticket::Draft;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::{Map, Value, json};
use url::Url;

use super::http::{self, Answer, FetchError, Http};
use super::tracker::{Issue, TrackerError};

/// The limit of one call.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The largest answer, in bytes after decompression: a hundred issues with long descriptions stay far below.
const LARGEST_ANSWER: usize = 32 << 20;

/// How many issues one search asks for.
const KEYS_OF_A_SEARCH: usize = 100;

/// How many comments one page is asked to have, and after how many pages the search for a marker gives up: an issue can
/// have 1,000 comments.
const COMMENTS_OF_A_PAGE: usize = 100;
const PAGES_OF_COMMENTS: usize = 50;

/// How many characters of the tracker's own words an error quotes.
const QUOTED: usize = 1_000;

/// Which paths are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ApiVersion {
    /// `/v2/…`: what the official client uses unless told otherwise.
    #[default]
    V2,
    /// `/v3/…`: what the documentation shows today.
    V3,
}

impl ApiVersion {
    fn segment(self) -> &'static str {
        match self {
            Self::V2 => "v2",
            Self::V3 => "v3",
        }
    }
}

/// Where the tracker is and who Heat is there.
#[derive(Clone, Debug)]
pub struct Options {
    /// The API, without the version: `https://api.tracker.yandex.net`.
    pub url: Url,
    /// The version of its paths.
    pub version: ApiVersion,
    /// An OAuth token, or `Bearer …` with an IAM token.
    pub token: Secret,
    /// `X-Org-ID`, of a Yandex 360 organisation. Not both this and the next.
    pub org: Option<String>,
    /// `X-Cloud-Org-ID`, of a Yandex Cloud organisation.
    pub cloud_org: Option<String>,
    /// What an issue's key is appended to for its page; known for the public tracker, else `url`.
    pub web_url: Option<Url>,
}

/// Talks to one tracker as one account. Holds no state; calls may be made side by side.
#[derive(Clone, Debug)]
pub struct Client {
    http: Http,
    api: Url,
    web: Url,
    headers: HeaderMap,
    secret: Secret,
}

impl Client {
    /// Prepares a client; nothing is sent yet. An error names what cannot be used.
    pub fn new(options: Options) -> Result<Self, FetchError> {
        Self::with_timeout(options, TIMEOUT)
    }

    /// The same with another limit of one call.
    pub fn with_timeout(options: Options, timeout: Duration) -> Result<Self, FetchError> {
        let http = Http::new(&options.url, timeout, LARGEST_ANSWER)?;
        let token = options.token.reveal().trim();
        let (scheme, secret) = match token.split_once(' ') {
            Some((scheme, secret)) if scheme.eq_ignore_ascii_case("bearer") => {
                ("Bearer", secret.trim_start())
            }
            Some((scheme, secret)) if scheme.eq_ignore_ascii_case("oauth") => ("OAuth", secret.trim_start()),
            _ => ("OAuth", token),
        };
        let mut credential = header("token", &format!("{scheme} {secret}"))?;
        credential.set_sensitive(true);
        let mut headers = HeaderMap::from_iter([
            (AUTHORIZATION, credential),
            (ACCEPT, HeaderValue::from_static("application/json")),
        ]);
        match (&options.org, &options.cloud_org) {
            (Some(_), Some(_)) => {
                return Err(FetchError::Client(
                    "an organisation is either one of Yandex 360 or one of Yandex Cloud; keep one of the two"
                        .to_owned(),
                ));
            }
            (Some(org), None) => {
                headers.insert(HeaderName::from_static("x-org-id"), header("organisation", org)?);
            }
            (None, Some(org)) => {
                headers.insert(HeaderName::from_static("x-cloud-org-id"), header("organisation", org)?);
            }
            (None, None) => {}
        }
        let web = options.web_url.unwrap_or_else(|| pages_of(&options.url));
        let secret = Secret::new(secret);
        Ok(Self { http, api: beneath(&options.url, &[options.version.segment()]), web, headers, secret })
    }

    /// The login of the account. Fails as every call would: with it a token and an organisation are tried.
    pub async fn myself(&self) -> Result<String, TrackerError> {
        #[derive(Deserialize)]
        struct Myself {
            login: String,
        }
        let myself: Myself = self.ask(self.get(self.at(&["myself"]))).await?;
        Ok(myself.login)
    }

    /// Creates an issue. [`TrackerError::Exists`] if there is one with this `unique`, which is to be made once for each
    /// ticket that somebody wants and kept before the first try.
    pub async fn create(&self, issue: &Draft, unique: &str) -> Result<Issue, TrackerError> {
        let request = self.post(self.at(&["issues", ""]), &creation(issue, unique));
        match self.ask(request).await {
            Err(TrackerError::Refused { status: 409, .. }) => Err(TrackerError::Exists),
            created => created.map(|issue: WireIssue| self.issue_of(issue)),
        }
    }

    /// The issue that was created with this `unique`. After [`TrackerError::Exists`] it may take a moment to be found.
    pub async fn find_by_unique(&self, unique: &str) -> Result<Option<Issue>, TrackerError> {
        let mut url = self.at(&["issues", "_findByUnique"]);
        url.query_pairs_mut().append_pair("unique", unique);
        self.one(self.http.request(Method::POST, url)).await
    }

    /// Writes a comment, in Markdown, without making Heat's account a follower of the issue.
    pub async fn comment(&self, key: &str, text: &str) -> Result<(), TrackerError> {
        #[derive(Deserialize)]
        #[expect(dead_code, reason = "that there is an id is the proof that there is a comment")]
        struct Written {
            id: Value,
        }
        let mut url = self.of_issue(key, &["comments", ""])?;
        url.query_pairs_mut().append_pair("isAddToFollowers", "false");
        let request = self.post(url, &json!({"text": text, "markupType": "md"}));
        self.ask::<Written>(request).await.map(drop)
    }

    /// Whether a comment of the issue contains `marker`: at least two requests, one more for each hundred comments.
    pub async fn has_comment(&self, key: &str, marker: &str) -> Result<bool, TrackerError> {
        #[derive(Deserialize)]
        struct Comment {
            id: Value,
            text: Option<String>,
        }
        let comments = self.of_issue(key, &["comments", ""])?;
        let mut seen = BTreeSet::new();
        let mut last = None;
        for _ in 0..PAGES_OF_COMMENTS {
            let mut url = comments.clone();
            url.query_pairs_mut()
                .append_pair("perPage", &COMMENTS_OF_A_PAGE.to_string())
                .extend_pairs(last.as_ref().map(|id| ("id", id)));
            let page: Vec<Comment> = self.ask(self.get(url)).await?;
            if page.iter().any(|comment| comment.text.as_ref().is_some_and(|text| text.contains(marker))) {
                return Ok(true);
            }
            // A short page may be one of a tracker that makes them shorter; one without news is the end.
            let before = seen.len();
            seen.extend(page.iter().map(|comment| plain(&comment.id)));
            if seen.len() == before {
                return Ok(false);
            }
            last = page.last().map(|comment| plain(&comment.id));
        }
        Err(TrackerError::Outage(format!("does not come to the end of the comments of {key}")))
    }

    /// The issues of these keys, in one search for each hundred; those that it does not know or show are absent. A moved
    /// issue may come under its new key, with the asked one among its aliases.
    pub async fn issues(&self, keys: &[&str]) -> Result<Vec<Issue>, TrackerError> {
        let keys: Vec<&str> = keys.iter().copied().filter(|key| is_word(key)).collect();
        let mut issues = Vec::with_capacity(keys.len());
        for keys in keys.chunks(KEYS_OF_A_SEARCH) {
            let mut url = self.at(&["issues", "_search"]);
            url.query_pairs_mut().append_pair("perPage", &KEYS_OF_A_SEARCH.to_string());
            let found: Vec<WireIssue> = self.ask(self.post(url, &json!({ "keys": keys }))).await?;
            issues.extend(found.into_iter().map(|issue| self.issue_of(issue)));
        }
        Ok(issues)
    }

    /// One issue; `None` if the tracker knows none of that key.
    pub async fn issue(&self, key: &str) -> Result<Option<Issue>, TrackerError> {
        if !is_word(key) {
            return Ok(None);
        }
        self.one(self.get(self.of_issue(key, &[])?)).await
    }

    /// Links an issue to another (`relates`, `is subtask for`, …). A link that is there already is success.
    pub async fn link(&self, key: &str, relationship: &str, other: &str) -> Result<(), TrackerError> {
        let url = self.of_issue(key, &["links", ""])?;
        let request = self.post(url, &json!({"relationship": relationship, "issue": other}));
        let answer = self.send(request).await?;
        // A wrong relationship or issue is refused with the name of its field, a second link with none.
        if answer.status == StatusCode::UNPROCESSABLE_ENTITY
            && serde_json::from_slice(&answer.body).is_ok_and(|words: Words| words.errors.is_empty())
        {
            return Ok(());
        }
        self.read::<IgnoredAny>(answer).map(drop)
    }

    /// The fields an issue of this queue can have, by what [`Draft::fields`] calls them, with their names for people: global
    /// ones by key, the queue's own by full id. Two requests.
    pub async fn fields(&self, queue: &str) -> Result<BTreeMap<String, String>, TrackerError> {
        #[derive(Deserialize)]
        struct Field {
            id: String,
            key: Option<String>,
            name: Option<Value>,
        }
        if !is_word(queue) {
            return Err(TrackerError::NotFound(format!(
                "{:?} is no queue's key",
                http::quoted(queue.as_bytes())
            )));
        }
        let global: Vec<Field> = self.ask(self.get(self.at(&["fields", ""]))).await?;
        let local: Vec<Field> = self.ask(self.get(self.at(&["queues", queue, "localFields"]))).await?;
        let named = |key: String, name: Option<Value>| {
            let name = name.as_ref().and_then(Value::as_str).unwrap_or(&key).to_owned();
            (key, name)
        };
        let global = global.into_iter().map(|field| named(field.key.unwrap_or(field.id), field.name));
        let local = local.into_iter().map(|field| named(field.id, field.name));
        Ok(global.chain(local).collect())
    }

    fn at(&self, path: &[&str]) -> Url {
        beneath(&self.api, path)
    }

    /// An address beneath an issue's.
    fn of_issue(&self, key: &str, path: &[&str]) -> Result<Url, TrackerError> {
        if !is_word(key) {
            return Err(TrackerError::NotFound(format!(
                "{:?} is no issue's key",
                http::quoted(key.as_bytes())
            )));
        }
        Ok(beneath(&self.at(&["issues", key]), path))
    }

    fn get(&self, url: Url) -> RequestBuilder {
        self.http.request(Method::GET, url)
    }

    fn post(&self, url: Url, body: &Value) -> RequestBuilder {
        self.http.request(Method::POST, url).header(CONTENT_TYPE, "application/json").body(body.to_string())
    }

    async fn send(&self, request: RequestBuilder) -> Result<Answer, TrackerError> {
        let answer = self.http.exchange(request.headers(self.headers.clone())).await;
        answer.map_err(|error| self.outage(&error))
    }

    async fn ask<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, TrackerError> {
        let answer = self.send(request).await?;
        self.read(answer)
    }

    /// An issue that may not be there.
    async fn one(&self, request: RequestBuilder) -> Result<Option<Issue>, TrackerError> {
        match self.ask(request).await {
            Ok(issue) => Ok(Some(self.issue_of(issue))),
            Err(TrackerError::NotFound(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What a successful answer holds. That something is not there counts only if the tracker itself says so: a web page with
    /// status 404 comes from another server.
    fn read<T: DeserializeOwned>(&self, answer: Answer) -> Result<T, TrackerError> {
        let Answer { status, body, retry_after, .. } = answer;
        if status.is_success() {
            return http::json(&body).map_err(|error| self.outage(&error));
        }
        let text = self.masked(&said(&body));
        if status == StatusCode::NOT_FOUND && http::json::<Map<String, Value>>(&body).is_err() {
            return Err(TrackerError::Outage(format!(
                "is not at this address (HTTP 404: {text}): check its URL"
            )));
        }
        Err(TrackerError::of(status, retry_after, text))
    }

    fn outage(&self, error: &dyn Display) -> TrackerError {
        TrackerError::Outage(self.masked(&error.to_string()))
    }

    fn masked(&self, text: &str) -> String {
        http::masked(text, &self.secret)
    }

    fn issue_of(&self, WireIssue { key, status, resolution, aliases }: WireIssue) -> Issue {
        let url = beneath(&self.web, &[&key]).into();
        let status_key = status.key.or(status.id).unwrap_or_default();
        let status = status.display.unwrap_or_else(|| status_key.clone());
        Issue { key, url, status, status_key, resolved: resolution.is_some(), aliases }
    }
}

/// An issue as it comes; of its many fields those that Heat reads.
#[derive(Deserialize)]
struct WireIssue {
    key: String,
    status: WireStatus,
    /// Absent or null while nobody has resolved it.
    resolution: Option<IgnoredAny>,
    #[serde(default)]
    aliases: Vec<String>,
}

#[derive(Deserialize)]
struct WireStatus {
    id: Option<String>,
    key: Option<String>,
    display: Option<String>,
}

/// The body of an error.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Words {
    /// Words on single fields.
    #[serde(default)]
    errors: Map<String, Value>,
    /// Words on the whole.
    #[serde(default)]
    error_messages: Vec<Value>,
}

/// The body that creates an issue. What is empty, as a template may leave it, is left out: it would be refused.
fn creation(issue: &Draft, unique: &str) -> Value {
    let list = |words: &[String], item: fn(&str) -> Value| -> Value {
        words.iter().filter(|word| !word.is_empty()).map(|word| item(word)).collect()
    };
    let own = [
        ("queue", issue.queue.as_str().into()),
        ("summary", issue.summary.as_str().into()),
        ("description", issue.description.as_str().into()),
        // Without it an older markup would apply.
        ("markupType", "md".into()),
        ("unique", unique.into()),
        ("type", issue.kind.as_deref().into()),
        ("priority", issue.priority.as_deref().into()),
        ("assignee", issue.assignee.as_deref().into()),
        ("tags", list(&issue.tags, |tag| tag.into())),
        ("components", list(&issue.components, number_or_name)),
        ("followers", list(&issue.followers, |login| login.into())),
    ];
    let own = own.map(|(name, value)| (name.to_owned(), value));
    let free = issue.fields.clone().into_iter().filter(|(name, _)| !name.is_empty());
    // In this order, so that no free field can take the place of one of Heat's own.
    let mut body = Map::new();
    body.extend(free.chain(own).filter(|(_, value)| !is_empty(value)));
    body.into()
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}

/// A component's number is sent as one: as text it would be looked for among the names.
fn number_or_name(component: &str) -> Value {
    component.parse::<u64>().map_or_else(|_| component.into(), Value::from)
}

/// What an error's body says, on one line: the fields it names first. Of a web page its title.
fn said(body: &[u8]) -> String {
    let Ok(Words { errors, error_messages }) = serde_json::from_slice(body) else {
        let body = body.trim_ascii();
        return if body.starts_with(b"<") {
            format!("a web page, {:?}", http::title(body))
        } else {
            http::quoted(body)
        };
    };
    let fields = errors.iter().map(|(field, words)| format!("{field}: {}", plain(words)));
    let words: Vec<String> = fields.chain(error_messages.iter().map(plain)).collect();
    let line = words.iter().map(|words| http::quoted(words.as_bytes())).collect::<Vec<_>>().join("; ");
    let cut = at_most(&line, QUOTED);
    if cut.len() < line.len() { format!("{cut}…") } else { line }
}

/// A text without its quotation marks, anything else as JSON.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Whether a key or id is one: anything else, put into a path, would be another address.
fn is_word(key: &str) -> bool {
    !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

fn header(what: &str, value: &str) -> Result<HeaderValue, FetchError> {
    HeaderValue::from_str(value).map_err(|_| {
        FetchError::Client(format!(
            "its {what} holds a line end or another character that none has: set it anew"
        ))
    })
}

/// An address with more path segments; an empty last one ends it with a slash.
fn beneath(base: &Url, path: &[&str]) -> Url {
    let mut url = base.clone();
    // Only addresses like `mailto:` have no path, and those are refused at the start.
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend(path);
    }
    url
}

/// Where people look at the issues of an API.
fn pages_of(api: &Url) -> Url {
    let known = match api.host_str() {
        Some("api.tracker.yandex.net") => Url::parse("https://tracker.yandex.ru"),
        Some("st-api.yandex-team.ru") => Url::parse("https://st.yandex-team.ru"),
        _ => return api.clone(),
    };
    known.unwrap_or_else(|_| api.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::sync::LazyLock;

    fn client(url: &str, web_url: Option<&str>) -> Client {
        Client::new(Options {
            url: Url::parse(url).unwrap(),
            version: ApiVersion::V3,
            token: Secret::new("y0_secret"),
            org: None,
            cloud_org: None,
            web_url: web_url.map(|url| Url::parse(url).unwrap()),
        })
        .unwrap()
    }

    #[test]
    fn addresses_are_the_same_with_and_without_a_slash_at_the_end_of_the_url() {
        for url in ["https://st.example.net/api", "https://st.example.net/api/"] {
            let client = client(url, None);
            assert_eq!(client.at(&["issues", ""]).as_str(), "https://st.example.net/api/v3/issues/");
            let comments = client.of_issue("NETOPS-1", &["comments", ""]).unwrap();
            assert_eq!(comments.as_str(), "https://st.example.net/api/v3/issues/NETOPS-1/comments/");
        }
    }

    #[test]
    fn an_issues_page_is_where_people_look_at_it() {
        let page = |client: Client| {
            let status = WireStatus { id: None, key: Some("open".to_owned()), display: None };
            client
                .issue_of(WireIssue { key: "A-1".to_owned(), status, resolution: None, aliases: Vec::new() })
                .url
        };
        assert_eq!(page(client("https://api.tracker.yandex.net", None)), "https://tracker.yandex.ru/A-1");
        assert_eq!(page(client("http://127.0.0.1:1", None)), "http://127.0.0.1:1/A-1");
        let web = Some("http://127.0.0.1:8080/demo/startrek/");
        assert_eq!(page(client("http://127.0.0.1:1", web)), "http://127.0.0.1:8080/demo/startrek/A-1");
    }

    #[test]
    fn two_organisations_and_a_broken_token_are_refused_before_anything_is_sent() {
        let options = Options {
            url: Url::parse("https://api.tracker.yandex.net").unwrap(),
            version: ApiVersion::V2,
            token: Secret::new("y0_secret"),
            org: Some("1".to_owned()),
            cloud_org: Some("b1g".to_owned()),
            web_url: None,
        };
        let error = Client::new(options.clone()).unwrap_err().to_string();
        assert!(error.contains("keep one of the two"), "{error}");
        let error = Client::new(Options { token: Secret::new("y0\nsecret"), cloud_org: None, ..options });
        let error = error.unwrap_err().to_string();
        assert!(error.contains("token") && !error.contains("y0"), "{error}");
    }

    #[test]
    fn the_words_of_an_error_name_its_fields_and_those_of_a_page_are_its_title() {
        let body =
            r#"{"errors":{"priority":"Нет такого."},"errorMessages":["Queue is closed."],"statusCode":422}"#;
        assert_eq!(said(body.as_bytes()), "priority: Нет такого.; Queue is closed.");
        assert_eq!(said(b"<html><title>502</title><p>secret</p></html>"), "a web page, \"502\"");
        assert_eq!((said(b"").as_str(), said(b"no\nJSON").as_str()), ("", "no JSON"));
    }

    #[test]
    fn what_a_template_leaves_empty_is_not_sent() {
        let issue = Draft {
            queue: "NETOPS".to_owned(),
            summary: "summary".to_owned(),
            assignee: Some(String::new()),
            followers: vec![String::new(), "petrov".to_owned()],
            tags: vec![String::new()],
            fields: [("deadline".to_owned(), json!("")), ("start".to_owned(), Value::Null)].into(),
            ..Draft::default()
        };
        let sent = json!({
            "queue": "NETOPS", "summary": "summary", "markupType": "md", "unique": "heat-1", "followers": ["petrov"],
        });
        assert_eq!(creation(&issue, "heat-1"), sent);
    }

    proptest! {
        #[test]
        fn no_field_of_a_draft_takes_the_place_of_another(
            name in prop_oneof!["queue|summary|description|markupType|unique|type|tags|self", ".{0,12}"],
            value in ".{0,12}",
        ) {
            let issue = Draft {
                queue: "NETOPS".to_owned(),
                summary: "summary".to_owned(),
                description: "description".to_owned(),
                kind: Some("incident".to_owned()),
                tags: vec!["heat".to_owned()],
                fields: [(name.clone(), Value::from(value.clone()))].into(),
                ..Draft::default()
            };
            let sent: Value = serde_json::from_str(&creation(&issue, "heat-1").to_string()).unwrap();
            let own = [
                ("queue", json!("NETOPS")), ("summary", json!("summary")), ("description", json!("description")),
                ("markupType", json!("md")), ("unique", json!("heat-1")), ("type", json!("incident")),
                ("tags", json!(["heat"])),
            ];
            for (own, expected) in &own {
                prop_assert_eq!(&sent[*own], expected);
            }
            if own.iter().all(|(own, _)| *own != name) {
                let expected = (!name.is_empty() && !value.is_empty()).then(|| Value::from(value));
                prop_assert_eq!(sent.get(&name), expected.as_ref());
            }
        }

        #[test]
        fn no_key_leads_out_of_the_issues(key in prop_oneof![".{0,12}", "[./%A-Z0-9-]{0,8}"]) {
            // Made once: each client reads the system's certificates.
            static CLIENT: LazyLock<Client> = LazyLock::new(|| client("https://st.example.net", None));
            match CLIENT.of_issue(&key, &["comments", ""]) {
                Ok(url) => prop_assert_eq!(url.path(), format!("/v3/issues/{key}/comments/")),
                Err(error) => prop_assert!(matches!(error, TrackerError::NotFound(_))),
            }
        }
    }
}
