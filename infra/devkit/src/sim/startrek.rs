//! Yandex Tracker's API, versions 2 and 3, without a tracker: queues, issues, comments, links, a workflow, and the pages
//! on which people look at them.
//!
//! Its shapes follow the documentation and the official client, which is run against it
//! (`infra/devkit/tests/startrek_client.rs`). There are the queues `NETOPS`, `DCOPS` and `SRE`; an issue is `open`,
//! `inProgress` or `closed` with a resolution (`fixed`, `wontFix`, `duplicate`). Not played: attachments, sprints, the query
//! language, scrolling.
//!
//! [`Rule::on`] takes an operation: `create`, `find_by_unique`, `issue`, `update`, `move`, `search`, `count`, `comment` (that
//! writes one), `comments` (that reads them), `edit_comment`, `delete_comment`, `transitions`, `transition`, `link`, `links`,
//! `unlink`, `fields`, `local_fields`, `queues`, `dictionary`, `users`, `myself`; or a path.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
//! use heat_devkit::sim::{Fault, Rule, Startrek, StartrekOptions};
//!
//! let startrek = Startrek::start(StartrekOptions::default()).await?;
//! startrek.inject(Rule::new(Fault::CommitThenDrop).on("create").percent(30));
//! // … point a client at startrek.url() with startrek.token() and startrek.org() …
//! let key = startrek.open("NETOPS", "Rack A-07 lost power")?;
//! startrek.close(&key, "fixed")?;
//! assert_eq!(startrek.issue(&key).and_then(|issue| issue.resolution).as_deref(), Some("fixed"));
//! # Ok(()) }
//! ```

use std::collections::{HashMap, VecDeque};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::{AUTHORIZATION, HOST, HeaderValue};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::fault::{Asked, Fault, Faults, Record, Rule, lock};
use super::http::{self, Answer, Instead, Request, Server, Site};
use api::{Call, Reply};
use state::{PERSON, Refusal, State};

mod api;
mod page;
mod search;
mod state;
#[cfg(test)]
mod tests;

/// How many searches and counts, and how many other requests a second are answered.
const SEARCHES_A_SECOND: usize = 5;
const OTHERS_A_SECOND: usize = 10;

/// How a simulated Startrek starts.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where it listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The token it wants, as `OAuth` or `Bearer`.
    pub token: String,
    /// The organisation it wants, as `X-Org-ID` or `X-Cloud-Org-ID`; `None` asks for none.
    pub org: Option<String>,
    /// Whether it answers more than 5 searches or 10 other requests a second with 429.
    pub limits: bool,
    /// By which the chances of [`Rule::percent`] fall.
    pub seed: u64,
    /// Where the issues are kept from run to run; nowhere if `None`.
    pub file: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            token: "y0_simulated-startrek".to_owned(),
            org: Some("7405217".to_owned()),
            limits: false,
            seed: 1,
            file: None,
        }
    }
}

/// An issue, as a person sees it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Issue {
    /// `NETOPS-42`.
    pub key: String,
    /// The keys it had in other queues.
    pub aliases: Vec<String>,
    /// What it was created with.
    pub unique: Option<String>,
    /// In one line.
    pub summary: String,
    /// In many.
    pub description: String,
    /// The type's key.
    #[serde(rename = "type")]
    pub kind: String,
    /// The priority's key.
    pub priority: String,
    /// `open`, `inProgress` or `closed`.
    pub status: String,
    /// Once it is closed.
    pub resolution: Option<String>,
    /// A login.
    pub assignee: Option<String>,
    /// Logins.
    pub followers: Vec<String>,
    /// Free words.
    pub tags: Vec<String>,
    /// Names or numbers.
    pub components: Vec<String>,
    /// The other fields by id.
    pub fields: Map<String, Value>,
    /// Oldest first.
    pub comments: Vec<Comment>,
    /// How it stands to which other issues: `("relates", "NETOPS-1")`.
    pub links: Vec<(String, String)>,
}

/// A comment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Comment {
    /// A login.
    pub author: String,
    /// The words.
    pub text: String,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    token: String,
    org: Option<String>,
    file: Option<PathBuf>,
    limits: AtomicBool,
    /// When the latest searches, and the latest other requests were answered.
    answered: Mutex<[VecDeque<Instant>; 2]>,
    /// Until when a `unique` is hidden from `_findByUnique`.
    hidden: Mutex<HashMap<String, Instant>>,
    faults: Faults,
    record: Record,
}

/// A running simulated Startrek; it stops when it is dropped.
#[derive(Debug)]
pub struct Startrek {
    shared: Arc<Shared>,
    server: Server,
}

impl Startrek {
    /// Starts one with the issues of its file, if any.
    ///
    /// # Errors
    /// When the address cannot be listened on, or the file is damaged.
    pub async fn start(options: Options) -> anyhow::Result<Self> {
        let kept = options.file.as_ref().filter(|file| file.exists());
        let state = match kept {
            None => State::new(),
            Some(file) => std::fs::read(file)
                .map_err(anyhow::Error::from)
                .and_then(|text| Ok(serde_json::from_slice(&text)?))
                .with_context(|| {
                    format!("cannot read the issues in {}; remove it to begin anew", file.display())
                })?,
        };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            token: options.token,
            org: options.org,
            file: options.file,
            limits: AtomicBool::new(options.limits),
            answered: Mutex::default(),
            hidden: Mutex::default(),
            faults: Faults::seeded(options.seed),
            record: Record::default(),
        });
        let server = Server::start(options.listen, Arc::new(Door(Arc::clone(&shared)))).await?;
        Ok(Self { shared, server })
    }

    /// The base that Heat is given, without a version: `http://127.0.0.1:18083`. Its pages for people are there too.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.server.addr())
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.server.addr()
    }

    /// The token it wants.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.shared.token
    }

    /// The organisation it wants; empty if none.
    #[must_use]
    pub fn org(&self) -> &str {
        self.shared.org.as_deref().unwrap_or_default()
    }

    // --- what there is, and what people do

    /// Adds a queue.
    pub fn add_queue(&self, key: &str, name: &str) {
        self.shared.change(|state| state.add_queue(key, name));
    }

    /// Every issue, the oldest first.
    #[must_use]
    pub fn issues(&self) -> Vec<Issue> {
        let state = lock(&self.shared.state);
        state.issues.iter().map(|issue| shown(&state, issue)).collect()
    }

    /// The issue of a key, also of one it had.
    #[must_use]
    pub fn issue(&self, key: &str) -> Option<Issue> {
        let state = lock(&self.shared.state);
        state.issue(key).ok().map(|issue| shown(&state, issue))
    }

    /// A person opens an issue; returns its key.
    ///
    /// # Errors
    /// The tracker's words: there is no such queue, or the summary is empty.
    pub fn open(&self, queue: &str, summary: &str) -> anyhow::Result<String> {
        self.shared
            .by_hand(|state| state.create(&object(json!({"queue": queue, "summary": summary})), PERSON))
    }

    /// A person writes a comment.
    ///
    /// # Errors
    /// The tracker's words: there is no such issue, or the text is empty.
    pub fn comment(&self, key: &str, text: &str) -> anyhow::Result<()> {
        self.shared
            .by_hand(|state| state.comment(key, &object(json!({"text": text})), PERSON, true).map(drop))
    }

    /// A person takes an issue through a transition: `start_progress`, `stop_progress`, `close` with a resolution, `reopen`.
    ///
    /// # Errors
    /// The tracker's words: there is no such issue, it does not offer the transition, or the resolution is wrong.
    pub fn transition(&self, key: &str, id: &str, resolution: Option<&str>) -> anyhow::Result<()> {
        self.shared
            .by_hand(|state| state.execute(key, id, &object(json!({"resolution": resolution})), PERSON))
    }

    /// A person closes an issue.
    ///
    /// # Errors
    /// As [`Startrek::transition`].
    pub fn close(&self, key: &str, resolution: &str) -> anyhow::Result<()> {
        self.transition(key, "close", Some(resolution))
    }

    /// A person opens a closed issue again.
    ///
    /// # Errors
    /// As [`Startrek::transition`].
    pub fn reopen(&self, key: &str) -> anyhow::Result<()> {
        self.transition(key, "reopen", None)
    }

    /// A person moves an issue to another queue; returns its new key.
    ///
    /// # Errors
    /// The tracker's words: there is no such issue or queue, or it is there already.
    pub fn move_to(&self, key: &str, queue: &str) -> anyhow::Result<String> {
        self.shared.by_hand(|state| {
            state.move_to(key, queue, PERSON)?;
            state.issue(key).map(|issue| issue.key.clone())
        })
    }

    /// Forgets all issues. Their numbers are not given again.
    pub fn clear(&self) {
        self.shared.change(State::clear);
    }

    /// The page for people at `path`, `/` or `/NETOPS-42`, wherever it is mounted; a POST presses one of its buttons.
    pub(crate) fn page(&self, path: &str, request: &Request) -> Answer {
        page::answer(&self.shared, path, request)
    }

    // --- faults, and what was asked

    /// Switches the limits of requests a second on or off.
    pub fn set_limits(&self, limits: bool) {
        self.shared.limits.store(limits, Ordering::Relaxed);
    }

    /// Switches a fault on.
    pub fn inject(&self, rule: impl Into<Rule>) {
        self.shared.faults.add(rule.into());
    }

    /// Switches all faults off.
    pub fn clear_faults(&self) {
        self.shared.faults.clear();
    }

    /// The faults in force.
    #[must_use]
    pub fn faults(&self) -> Vec<Rule> {
        self.shared.faults.rules()
    }

    /// The latest requests, at most 4,096, oldest first: their operation, and their body or else their query.
    #[must_use]
    pub fn asked(&self) -> Vec<Asked> {
        self.shared.record.asked()
    }

    /// The latest requests of one operation.
    #[must_use]
    pub fn asked_for(&self, operation: &str) -> Vec<Asked> {
        let mut asked = self.asked();
        asked.retain(|asked| asked.method == operation);
        asked
    }

    /// How many requests there have been since the start.
    #[must_use]
    pub fn asked_count(&self) -> u64 {
        self.shared.record.count()
    }

    /// The most requests that were being answered at one time.
    #[must_use]
    pub fn peak_concurrency(&self) -> u64 {
        self.shared.record.peak()
    }

    /// Forgets the requests so far.
    pub fn forget_asked(&self) {
        self.shared.record.forget();
    }
}

fn object(value: Value) -> Map<String, Value> {
    if let Value::Object(members) = value { members } else { Map::new() }
}

fn shown(state: &State, issue: &state::Issue) -> Issue {
    let issue = issue.clone();
    let links = state.links(&issue.id).unwrap_or_default();
    let links = links.iter().map(|seen| (seen.relationship().to_owned(), seen.other.key.clone())).collect();
    let comments =
        issue.comments.into_iter().map(|comment| Comment { author: comment.author, text: comment.text });
    Issue {
        key: issue.key,
        aliases: issue.aliases,
        unique: issue.unique,
        summary: issue.summary,
        description: issue.description,
        kind: issue.kind,
        priority: issue.priority,
        status: issue.status,
        resolution: issue.resolution,
        assignee: issue.assignee,
        followers: issue.followers,
        tags: issue.tags,
        components: issue.components,
        fields: issue.values,
        comments: comments.collect(),
        links,
    }
}

impl Shared {
    /// Changes the state, and keeps it.
    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = lock(&self.state);
        let outcome = change(&mut state);
        if let Some(file) = &self.file {
            // Beside it first, so that a run that ends in the middle leaves the file as it was.
            let beside = file.with_extension("new");
            let kept = serde_json::to_vec(&*state)
                .map_err(std::io::Error::from)
                .and_then(|text| std::fs::write(&beside, text))
                .and_then(|()| std::fs::rename(&beside, file));
            if let Err(error) = kept {
                tracing::warn!(file = %file.display(), %error, "the simulated Startrek's issues cannot be kept");
            }
        }
        outcome
    }

    fn by_hand<T>(&self, act: impl FnOnce(&mut State) -> Result<T, Refusal>) -> anyhow::Result<T> {
        self.change(act).map_err(|refusal| anyhow!(refusal.words()))
    }

    /// Whether a request comes from somebody whom the tracker knows.
    fn admit(&self, request: &Request) -> Result<(), Refusal> {
        let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
        let credential = header(AUTHORIZATION.as_str()).unwrap_or_default();
        let token = credential.strip_prefix("OAuth ").or_else(|| credential.strip_prefix("Bearer "));
        if token != Some(self.token.as_str()) {
            return Err(Refusal::new(401, "The token is missing, wrong or out of date."));
        }
        let Some(wanted) = &self.org else { return Ok(()) };
        // The official client says this where it has none.
        let org = header("x-org-id").filter(|org| *org != "not provided");
        match (org, header("x-cloud-org-id")) {
            (Some(org), None) | (None, Some(org)) if org == wanted => Ok(()),
            (Some(_), Some(_)) => Err(Refusal::new(403, "Name one organisation, not two.")),
            _ => Err(Refusal::new(403, "The organisation is not yours.")),
        }
    }

    /// Counts a request against its limit.
    fn count(&self, is_search: bool) -> Result<(), Refusal> {
        if !self.limits.load(Ordering::Relaxed) {
            return Ok(());
        }
        let mut answered = lock(&self.answered);
        let limit = if is_search { SEARCHES_A_SECOND } else { OTHERS_A_SECOND };
        let latest = &mut answered[usize::from(is_search)];
        latest.retain(|at| at.elapsed() < Duration::from_secs(1));
        if latest.len() >= limit {
            return Err(Refusal::new(429, "Too many requests."));
        }
        latest.push_back(Instant::now());
        Ok(())
    }

    fn carry_out(
        &self,
        request: &Request,
        call: Option<Call<'_>>,
        base: &str,
        faults: &[Fault],
    ) -> Result<Reply, Refusal> {
        self.admit(request)?;
        let call = call.ok_or_else(|| Refusal::new(404, "There is nothing at this address."))?;
        self.count(call.is_search())?;
        if faults.contains(&Fault::Moved)
            && let Some(key) = call.issue()
        {
            self.change(|state| {
                // Of an issue that is not there, the request itself will tell.
                if let Some(queue) = state.another_queue(key) {
                    let _ = state.move_to(key, &queue, PERSON);
                }
            });
        }
        let carry_out = |state: &mut State| api::carry_out(state, call, request, base);
        let reply = if call.reads() { carry_out(&mut lock(&self.state)) } else { self.change(carry_out) };
        match (call, &reply) {
            (Call::Create, Err(refusal)) if refusal.status == 409 => {
                let lag = faults.iter().find_map(|fault| match fault {
                    Fault::UniqueLag(milliseconds) => Some(Duration::from_millis(*milliseconds)),
                    _ => None,
                });
                let unique = api::members(request)?.get("unique").and_then(state::named);
                if let (Some(lag), Some(unique)) = (lag, unique) {
                    // An index catches up once: asking again does not make it late again.
                    lock(&self.hidden).entry(unique).or_insert_with(|| Instant::now() + lag);
                }
            }
            (Call::FindByUnique, Ok(_)) => {
                let unique = http::query_value(request.uri(), "unique").unwrap_or_default();
                if lock(&self.hidden).get(&unique).is_some_and(|until| Instant::now() < *until) {
                    return Err(Refusal::no_issue(&unique));
                }
            }
            _ => {}
        }
        reply
    }
}

/// The HTTP side.
struct Door(Arc<Shared>);

impl Site for Door {
    async fn answer(&self, request: Request) -> Option<Answer> {
        let path = request.uri().path().to_owned();
        let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
        let [version @ ("v2" | "v3"), rest @ ..] = segments.as_slice() else {
            return Some(page::answer(&self.0, &path, &request));
        };
        let call = Call::read(request.method(), rest);
        let name = call.map_or(path.as_str(), |call| call.name());
        let faults = self.0.faults.striking(&[&path, name]);
        let _in_flight = self.0.record.begin(vec![(name.to_owned(), parameters(&request))]);
        // The address by which the client came, or no `self` would lead back to us.
        let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
        let base = format!("http://{host}/{version}");
        let answer = match faults.iter().find_map(instead) {
            Some(instead) => instead.into_answer(),
            None => match self.0.carry_out(&request, call, &base, &faults) {
                Ok(reply) => Some(spoilt(reply, &faults)),
                Err(refusal) => Some(refusal_answer(&refusal)),
            },
        };
        // Late only now: a client that has lost its patience does not know that it was done.
        for fault in &faults {
            if let Fault::Slow(milliseconds) = fault {
                tokio::time::sleep(Duration::from_millis(*milliseconds)).await;
            }
        }
        if faults.contains(&Fault::CommitThenDrop) { None } else { answer }
    }
}

/// What a request says, for the record: its body, or else its query.
fn parameters(request: &Request) -> Value {
    serde_json::from_slice(request.body()).unwrap_or_else(|_| {
        let query = request.uri().query().unwrap_or_default();
        let pairs = url::form_urlencoded::parse(query.as_bytes());
        pairs
            .map(|(name, value)| (name.into_owned(), Value::from(value.into_owned())))
            .collect::<Map<_, _>>()
            .into()
    })
}

fn refusal_answer(Refusal { status, errors, messages }: &Refusal) -> Answer {
    let body = json!({"errors": errors, "errorsData": {}, "errorMessages": messages, "statusCode": status});
    let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    http::answer(status, "application/json;charset=utf-8", body.to_string())
}

/// The answer that a fault gives without looking at the issues.
fn instead(fault: &Fault) -> Option<Instead> {
    let refuse =
        |status: u16, words: &str| Some(Instead::Answer(refusal_answer(&Refusal::new(status, words))));
    match fault {
        Fault::Status(status @ 500..) => {
            let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            Some(Instead::Answer(http::proxy_page(status)))
        }
        Fault::Status(status) => refuse(*status, "This is not to be."),
        Fault::TooMany(seconds) => {
            let mut answer = refusal_answer(&Refusal::new(429, "Too many requests."));
            if *seconds > 0 {
                answer.headers_mut().insert("retry-after", HeaderValue::from(*seconds));
            }
            Some(Instead::Answer(answer))
        }
        Fault::TokenRefused | Fault::TokenExpired | Fault::SessionDeath => {
            refuse(401, "The token is missing, wrong or out of date.")
        }
        Fault::Forbidden => refuse(403, "You may not do this."),
        Fault::Html => {
            let page = "<!DOCTYPE html><html><title>Sign in</title><h1>Sign in</h1></html>";
            Some(Instead::Answer(http::answer(StatusCode::OK, "text/html; charset=utf-8", page)))
        }
        Fault::Reset => Some(Instead::Nothing),
        Fault::Huge(bytes) => Some(Instead::Answer(http::huge("application/json", "[", *bytes, "]"))),
        _ => None,
    }
}

/// The answer to what has been done, or what faults leave of it.
fn spoilt(reply: Reply, faults: &[Fault]) -> Answer {
    const JSON: &str = "application/json;charset=utf-8";
    let mut body = reply.body;
    for fault in faults {
        match (fault, &mut body) {
            (Fault::Empty, Some(body @ Value::Array(_))) => *body = json!([]),
            (Fault::Empty, Some(body)) => *body = json!({}),
            (Fault::WrongTypes, Some(body @ Value::Array(_))) => {
                *body = json!([5, {"key": 17, "status": "open"}]);
            }
            (Fault::WrongTypes, Some(body)) => *body = json!({"key": 17, "status": "open", "login": null}),
            _ => {}
        }
    }
    let Some(body) = body else {
        let mut answer = http::answer(reply.status, JSON, Bytes::new());
        answer.headers_mut().remove("content-type");
        return answer;
    };
    let body = Bytes::from(body.to_string());
    let mut answer = if faults.contains(&Fault::CutBody) {
        http::cut_off(JSON, &body)
    } else if faults.contains(&Fault::CutJson) {
        http::answer(reply.status, JSON, body.slice(..body.len() / 2))
    } else {
        http::answer(reply.status, JSON, body)
    };
    for (name, value) in reply.headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            answer.headers_mut().insert(name, value);
        }
    }
    answer
}
