//! The HTTP interface: which request means what, and the shapes of the answers.

use std::fmt::Write as _;

use chrono::DateTime;
use hyper::header::{HeaderMap, HeaderName, IF_MATCH};
use hyper::{Method, StatusCode};
use serde_json::{Map, Value, json};

use super::super::http::{self, Request};
use super::search;
use super::state::{
    Comment, FIELDS, Field, Issue, Kind, LOCAL, PEOPLE, PRIORITIES, Queue, RESOLUTIONS, ROBOT, Refusal,
    STATUSES, Seen, State, TYPES, Term, Transition, person, term_named,
};

/// A page of comments, where nobody says how long.
const COMMENTS_OF_A_PAGE: usize = 50;

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Call<'a> {
    Myself,
    Create,
    Search,
    Count,
    FindByUnique,
    Issue(&'a str),
    Update(&'a str),
    Move(&'a str),
    Comments(&'a str),
    Comment(&'a str),
    ReadComment(&'a str, &'a str),
    EditComment(&'a str, &'a str),
    DeleteComment(&'a str, &'a str),
    Transitions(&'a str),
    ReadTransition(&'a str, &'a str),
    Transition(&'a str, &'a str),
    Links(&'a str),
    Link(&'a str),
    Unlink(&'a str, &'a str),
    Fields,
    Field(&'a str),
    Queues,
    Queue(&'a str),
    LocalFields(&'a str),
    Dictionary(Dictionary),
    Term(Dictionary, &'a str),
    User(&'a str),
}

/// The dictionaries of an organisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dictionary {
    Priorities,
    Types,
    Statuses,
    Resolutions,
}

impl Dictionary {
    const ALL: [Self; 4] = [Self::Priorities, Self::Types, Self::Statuses, Self::Resolutions];

    fn path(self) -> &'static str {
        match self {
            Self::Priorities => "priorities",
            Self::Types => "issuetypes",
            Self::Statuses => "statuses",
            Self::Resolutions => "resolutions",
        }
    }

    fn terms(self) -> &'static [Term] {
        match self {
            Self::Priorities => &PRIORITIES,
            Self::Types => &TYPES,
            Self::Statuses => &STATUSES,
            Self::Resolutions => &RESOLUTIONS,
        }
    }
}

impl<'a> Call<'a> {
    /// Reads a path without its version: `["issues", "NETOPS-1"]`.
    pub(super) fn read(method: &Method, path: &[&'a str]) -> Option<Self> {
        let (get, post) = (method == Method::GET, method == Method::POST);
        let (change, delete) = (method == Method::PATCH, method == Method::DELETE);
        Some(match *path {
            ["myself"] if get => Self::Myself,
            ["issues"] if post => Self::Create,
            ["issues", "_search"] if post => Self::Search,
            ["issues", "_count"] if post => Self::Count,
            ["issues", "_findByUnique"] if post => Self::FindByUnique,
            ["issues", key] if get => Self::Issue(key),
            ["issues", key] if change => Self::Update(key),
            ["issues", key, "_move"] if post => Self::Move(key),
            ["issues", key, "comments"] if get => Self::Comments(key),
            ["issues", key, "comments"] if post => Self::Comment(key),
            ["issues", key, "comments", id] if get => Self::ReadComment(key, id),
            ["issues", key, "comments", id] if change => Self::EditComment(key, id),
            ["issues", key, "comments", id] if delete => Self::DeleteComment(key, id),
            ["issues", key, "transitions"] if get => Self::Transitions(key),
            ["issues", key, "transitions", id] if get => Self::ReadTransition(key, id),
            ["issues", key, "transitions", id, "_execute"] if post => Self::Transition(key, id),
            ["issues", key, "links"] if get => Self::Links(key),
            ["issues", key, "links"] if post => Self::Link(key),
            ["issues", key, "links", id] if delete => Self::Unlink(key, id),
            ["fields"] if get => Self::Fields,
            ["fields", id] if get => Self::Field(id),
            ["queues"] if get => Self::Queues,
            ["queues", key] if get => Self::Queue(key),
            ["queues", key, "localFields"] if get => Self::LocalFields(key),
            ["users", id] if get => Self::User(id),
            [name, ref rest @ ..] if get => {
                let dictionary = Dictionary::ALL.into_iter().find(|dictionary| dictionary.path() == name)?;
                match *rest {
                    [] => Self::Dictionary(dictionary),
                    [id] => Self::Term(dictionary, id),
                    _ => return None,
                }
            }
            _ => return None,
        })
    }

    /// What faults and the record of requests call it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Myself => "myself",
            Self::Create => "create",
            Self::Search => "search",
            Self::Count => "count",
            Self::FindByUnique => "find_by_unique",
            Self::Issue(_) => "issue",
            Self::Update(_) => "update",
            Self::Move(_) => "move",
            Self::Comments(_) | Self::ReadComment(..) => "comments",
            Self::Comment(_) => "comment",
            Self::EditComment(..) => "edit_comment",
            Self::DeleteComment(..) => "delete_comment",
            Self::Transitions(_) | Self::ReadTransition(..) => "transitions",
            Self::Transition(..) => "transition",
            Self::Links(_) => "links",
            Self::Link(_) => "link",
            Self::Unlink(..) => "unlink",
            Self::Fields | Self::Field(_) => "fields",
            Self::Queues | Self::Queue(_) => "queues",
            Self::LocalFields(_) => "local_fields",
            Self::Dictionary(_) | Self::Term(..) => "dictionary",
            Self::User(_) => "users",
        }
    }

    /// Searching and counting have a limit of their own.
    pub(super) fn is_search(self) -> bool {
        matches!(self, Self::Search | Self::Count)
    }

    /// Whether it leaves everything as it is.
    pub(super) fn reads(self) -> bool {
        !matches!(
            self,
            Self::Create
                | Self::Update(_)
                | Self::Move(_)
                | Self::Comment(_)
                | Self::EditComment(..)
                | Self::DeleteComment(..)
                | Self::Transition(..)
                | Self::Link(_)
                | Self::Unlink(..)
        )
    }

    /// The issue it names.
    pub(super) fn issue(self) -> Option<&'a str> {
        match self {
            Self::Issue(key)
            | Self::Update(key)
            | Self::Move(key)
            | Self::Comments(key)
            | Self::Comment(key)
            | Self::ReadComment(key, _)
            | Self::EditComment(key, _)
            | Self::DeleteComment(key, _)
            | Self::Transitions(key)
            | Self::ReadTransition(key, _)
            | Self::Transition(key, _)
            | Self::Links(key)
            | Self::Link(key)
            | Self::Unlink(key, _) => Some(key),
            _ => None,
        }
    }
}

/// A successful answer.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    /// None with 204.
    pub(super) body: Option<Value>,
    pub(super) headers: Vec<(HeaderName, String)>,
}

impl Reply {
    fn of(status: StatusCode, body: Value) -> Self {
        Self { status, body: Some(body), headers: Vec::new() }
    }

    fn ok(body: Value) -> Self {
        Self::of(StatusCode::OK, body)
    }

    fn created(body: Value) -> Self {
        Self::of(StatusCode::CREATED, body)
    }

    fn nothing() -> Self {
        Self { status: StatusCode::NO_CONTENT, body: None, headers: Vec::new() }
    }
}

/// The members of a request's body; none if it is empty.
pub(super) fn members(request: &Request) -> Result<Map<String, Value>, Refusal> {
    if request.body().is_empty() {
        return Ok(Map::new());
    }
    let content_type =
        request.headers().get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !content_type.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json") {
        return Err(Refusal::new(415, "The content type must be application/json."));
    }
    match serde_json::from_slice(request.body()) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(_) => Err(Refusal::new(400, "The body must be a JSON object.")),
        Err(error) => Err(Refusal::new(400, format!("The body is not JSON: {error}."))),
    }
}

/// Refuses a change of an issue that has changed meanwhile.
fn is_current(state: &State, key: &str, request: &Request) -> Result<(), Refusal> {
    let version = state.issue(key)?.version.to_string();
    let wanted = http::query_value(request.uri(), "version");
    if wanted.is_some_and(|wanted| wanted != version) {
        return Err(Refusal::new(409, "The issue has been changed meanwhile."));
    }
    match header(request.headers(), &IF_MATCH) {
        Some(wanted) if wanted.trim_matches('"') != version => {
            Err(Refusal::new(412, "The issue has been changed meanwhile."))
        }
        _ => Ok(()),
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// Carries out a request that may be made. `base` begins every `self`: `http://127.0.0.1:18083/v2`.
pub(super) fn carry_out(
    state: &mut State,
    call: Call<'_>,
    request: &Request,
    base: &str,
) -> Result<Reply, Refusal> {
    let members = members(request)?;
    let query = |name: &str| http::query_value(request.uri(), name);
    match call {
        Call::Create => {
            let key = state.create(&members, ROBOT)?;
            Shapes { state, base }.issue_named(&key).map(Reply::created)
        }
        Call::Update(key) => {
            is_current(state, key, request)?;
            state.update(key, &members, ROBOT)?;
            Shapes { state, base }.issue_named(key).map(Reply::ok)
        }
        Call::Move(key) => {
            state.move_to(key, &query("queue").unwrap_or_default(), ROBOT)?;
            Shapes { state, base }.issue_named(key).map(Reply::ok)
        }
        Call::Comment(key) => {
            let follows = query("isAddToFollowers").as_deref() != Some("false");
            let id = state.comment(key, &members, ROBOT, follows)?;
            Shapes { state, base }.comment_named(key, &id.to_string()).map(Reply::created)
        }
        Call::EditComment(key, id) => {
            state.edit_comment(key, id, &members, ROBOT)?;
            Shapes { state, base }.comment_named(key, id).map(Reply::ok)
        }
        Call::DeleteComment(key, id) => state.delete_comment(key, id, ROBOT).map(|()| Reply::nothing()),
        Call::Transition(key, id) => {
            is_current(state, key, request)?;
            state.execute(key, id, &members, ROBOT)?;
            Shapes { state, base }.transitions(key).map(Reply::ok)
        }
        Call::Link(key) => {
            let id = state.link(key, &members, ROBOT)?;
            let shapes = Shapes { state, base };
            let links = shapes.state.links(key)?;
            let link = links.iter().find(|seen| seen.link.id == id).map(|seen| shapes.link(key, seen));
            Ok(Reply::created(link.unwrap_or_default()))
        }
        Call::Unlink(key, id) => state.unlink(key, id).map(|()| Reply::nothing()),
        _ => Shapes { state, base }.read(call, &members, request),
    }
}

/// What is shown of a state.
struct Shapes<'a> {
    state: &'a State,
    base: &'a str,
}

impl Shapes<'_> {
    /// Answers a request that changes nothing.
    fn read(
        &self,
        call: Call<'_>,
        members: &Map<String, Value>,
        request: &Request,
    ) -> Result<Reply, Refusal> {
        let query = |name: &str| http::query_value(request.uri(), name);
        let missing = || Refusal::new(404, "There is nothing at this address.");
        match call {
            Call::Myself => self.user(ROBOT).map(Reply::ok).ok_or_else(missing),
            Call::User(id) => self.user(id).map(Reply::ok).ok_or_else(missing),
            Call::Search => self.search(members, request),
            Call::Count => Ok(Reply::ok(search::find(self.state, members)?.len().into())),
            Call::FindByUnique => {
                let unique = query("unique").unwrap_or_default();
                let issue = self.state.by_unique(&unique);
                issue.map(|issue| Reply::ok(self.issue(issue))).ok_or_else(|| Refusal::no_issue(&unique))
            }
            Call::Issue(key) => {
                let mut issue = self.issue_named(key)?;
                if query("expand").is_some_and(|parts| parts.split(',').any(|part| part == "transitions")) {
                    issue["transitions"] = self.transitions(key)?;
                }
                if let (Some(fields), Value::Object(members)) = (query("fields"), &mut issue) {
                    let wanted: Vec<&str> =
                        fields.split(',').chain(["self", "id", "key", "version"]).collect();
                    members.retain(|name, _| wanted.contains(&name.as_str()));
                }
                Ok(Reply::ok(issue))
            }
            Call::Comments(key) => self.comments(key, request),
            Call::ReadComment(key, id) => self.comment_named(key, id).map(Reply::ok),
            Call::Transitions(key) => self.transitions(key).map(Reply::ok),
            Call::ReadTransition(key, id) => {
                let transition = self.state.transition(key, id)?;
                Ok(Reply::ok(self.transition(key, transition)))
            }
            Call::Links(key) => {
                let links = self.state.links(key)?;
                Ok(Reply::ok(links.iter().map(|seen| self.link(key, seen)).collect()))
            }
            Call::Fields => Ok(Reply::ok(FIELDS.iter().map(|field| self.field(field, None)).collect())),
            Call::Field(id) => {
                let field = FIELDS.iter().find(|field| field.id == id).ok_or_else(missing)?;
                Ok(Reply::ok(self.field(field, None)))
            }
            Call::Queues => {
                Ok(Reply::ok(self.state.queues.iter().map(|(key, queue)| self.queue(key, queue)).collect()))
            }
            Call::Queue(key) => {
                let queue = self.state.queues.get(key).ok_or_else(missing)?;
                Ok(Reply::ok(self.queue(key, queue)))
            }
            Call::LocalFields(key) => {
                self.state.queues.get(key).ok_or_else(missing)?;
                Ok(Reply::ok(json!([self.field(&LOCAL, Some(key))])))
            }
            Call::Dictionary(dictionary) => {
                Ok(Reply::ok(dictionary.terms().iter().map(|term| self.entry(dictionary, term)).collect()))
            }
            Call::Term(dictionary, id) => {
                let term = term_named(dictionary.terms(), id).ok_or_else(missing)?;
                Ok(Reply::ok(self.entry(dictionary, term)))
            }
            _ => Err(missing()),
        }
    }

    fn search(&self, members: &Map<String, Value>, request: &Request) -> Result<Reply, Refusal> {
        let number = |name: &str, default: usize| match http::query_value(request.uri(), name) {
            None => Ok(default),
            Some(text) => match text.parse() {
                Ok(number) if number > 0 => Ok(number),
                _ => Err(Refusal::new(400, format!("{name} must be a number from 1."))),
            },
        };
        if http::query_value(request.uri(), "scrollType").is_some() {
            return Err(Refusal::new(400, "Scroll is not supported"));
        }
        let (length, page) = (number("perPage", 50)?, number("page", 1)?);
        let found = search::find(self.state, members)?;
        let pages = found.len().div_ceil(length).max(1);
        let address = format!("{}/issues/_search?perPage={length}", self.base);
        let mut links = format!("<{address}&page=1>; rel=\"first\"");
        if page < pages {
            let _ = write!(links, ", <{address}&page={}>; rel=\"next\"", page + 1);
        }
        let _ = write!(links, ", <{address}{{&page}}>; rel=\"seek\", <{address}&page={pages}>; rel=\"last\"");
        let shown = found.iter().skip((page - 1).saturating_mul(length)).take(length);
        let mut reply = Reply::ok(shown.map(|issue| self.issue(issue)).collect());
        reply.headers = vec![
            (HeaderName::from_static("x-total-count"), found.len().to_string()),
            (HeaderName::from_static("x-total-pages"), pages.to_string()),
            (HeaderName::from_static("link"), links),
        ];
        Ok(reply)
    }

    /// A page of comments: those after the one of `id`.
    fn comments(&self, key: &str, request: &Request) -> Result<Reply, Refusal> {
        let query = |name: &str| http::query_value(request.uri(), name);
        let issue = self.state.issue(key)?;
        let length = query("perPage").and_then(|text| text.parse().ok()).unwrap_or(COMMENTS_OF_A_PAGE);
        let after: u64 = query("id").and_then(|text| text.parse().ok()).unwrap_or(0);
        let mut rest = issue.comments.iter().filter(|comment| comment.id > after);
        let page: Vec<&Comment> = rest.by_ref().take(length).collect();
        let mut reply = Reply::ok(page.iter().map(|comment| self.comment(issue, comment)).collect());
        if let (Some(last), Some(_)) = (page.last(), rest.next()) {
            let address =
                format!("{}/issues/{}/comments?perPage={length}&id={}", self.base, issue.key, last.id);
            reply.headers = vec![(HeaderName::from_static("link"), format!("<{address}>; rel=\"next\""))];
        }
        Ok(reply)
    }

    fn issue_named(&self, key: &str) -> Result<Value, Refusal> {
        self.state.issue(key).map(|issue| self.issue(issue))
    }

    fn issue(&self, issue: &Issue) -> Value {
        let Issue { key, id, version, summary, aliases, tags, created_by, updated_by, .. } = issue;
        let queue = self.state.queues.get(&issue.queue);
        let queue = queue.map(|queue| {
            let (id, display) = (queue.id.to_string(), &queue.name);
            json!({"self": format!("{}/queues/{}", self.base, issue.queue), "id": id, "key": issue.queue, "display": display})
        });
        let people = |logins: &[String]| logins.iter().map(|login| self.person(login)).collect::<Value>();
        let mut shown = json!({
            "self": format!("{}/issues/{key}", self.base), "id": id, "key": key, "version": version, "summary": summary,
            "queue": queue, "type": self.term(Dictionary::Types, &issue.kind),
            "priority": self.term(Dictionary::Priorities, &issue.priority),
            "status": self.term(Dictionary::Statuses, &issue.status), "statusStartTime": time(issue.status_at),
            "createdBy": self.person(created_by), "createdAt": time(issue.created_at),
            "updatedBy": self.person(updated_by), "updatedAt": time(issue.updated_at),
            "followers": people(&issue.followers), "tags": tags, "aliases": aliases, "votes": 0, "favorite": false,
        });
        // What is unset is absent.
        let parent = issue.parent.as_deref().and_then(|parent| self.state.issue(parent).ok());
        let optional = [
            ("description", (!issue.description.is_empty()).then(|| issue.description.clone().into())),
            ("unique", issue.unique.clone().map(Value::from)),
            ("resolution", issue.resolution.as_deref().map(|key| self.term(Dictionary::Resolutions, key))),
            ("resolvedAt", issue.resolved_at.map(|at| time(at).into())),
            ("assignee", issue.assignee.as_deref().map(|login| self.person(login))),
            ("components", (!issue.components.is_empty()).then(|| issue.components.clone().into())),
            ("parent", parent.map(|parent| self.reference(parent))),
        ];
        if let Value::Object(members) = &mut shown {
            let set = optional.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
            members.extend(set.chain(issue.values.clone()));
        }
        shown
    }

    fn reference(&self, issue: &Issue) -> Value {
        let Issue { key, id, summary, .. } = issue;
        json!({"self": format!("{}/issues/{key}", self.base), "id": id, "key": key, "display": summary})
    }

    /// An entry of a dictionary as other objects refer to it.
    fn term(&self, dictionary: Dictionary, key: &str) -> Value {
        let Some(Term { id, key, name }) = term_named(dictionary.terms(), key) else { return Value::Null };
        let path = format!("{}/{}/{id}", self.base, dictionary.path());
        json!({"self": path, "id": id.to_string(), "key": key, "display": name})
    }

    /// The entry itself.
    fn entry(&self, dictionary: Dictionary, &Term { id, key, name }: &Term) -> Value {
        let path = format!("{}/{}/{id}", self.base, dictionary.path());
        json!({"self": path, "id": id, "key": key, "version": 1, "name": name, "order": id})
    }

    /// Somebody as other objects refer to them.
    fn person(&self, login: &str) -> Value {
        let Some((_, id, display)) = person(login) else { return Value::Null };
        json!({"self": format!("{}/users/{id}", self.base), "id": id.to_string(), "display": display})
    }

    fn user(&self, name: &str) -> Option<Value> {
        let (login, id, display) = person(name)?;
        let (first, last) = display.split_once(' ').unwrap_or((display, ""));
        Some(json!({
            "self": format!("{}/users/{id}", self.base), "uid": id, "login": login, "trackerUid": id, "passportUid": id,
            "firstName": first, "lastName": last, "display": display, "email": format!("{login}@example.net"),
            "external": false, "hasLicense": true, "dismissed": false,
        }))
    }

    fn comment_named(&self, key: &str, id: &str) -> Result<Value, Refusal> {
        let issue = self.state.issue(key)?;
        let comment = issue.comments.iter().find(|comment| comment.id.to_string() == id);
        let comment = comment.ok_or_else(|| Refusal::new(404, format!("There is no comment {id}.")))?;
        Ok(self.comment(issue, comment))
    }

    fn comment(&self, issue: &Issue, comment: &Comment) -> Value {
        let Comment { id, text, author, version, .. } = comment;
        let mut shown = json!({
            "self": format!("{}/issues/{}/comments/{id}", self.base, issue.key), "id": id,
            "longId": format!("65f0c0ffee65f0c1{id:08x}"), "text": text, "createdBy": self.person(author),
            "createdAt": time(comment.created_at), "updatedBy": self.person(author),
            "updatedAt": time(comment.updated_at), "version": version, "type": "standard", "transport": "internal",
        });
        if !comment.summonees.is_empty() {
            shown["summonees"] = comment.summonees.iter().map(|login| self.person(login)).collect();
        }
        shown
    }

    fn transitions(&self, key: &str) -> Result<Value, Refusal> {
        let issue = self.state.issue(key)?;
        Ok(State::transitions(issue).map(|transition| self.transition(&issue.key, transition)).collect())
    }

    fn transition(&self, key: &str, transition: Transition) -> Value {
        let Transition { id, name, to, .. } = transition;
        let mut shown = json!({
            "self": format!("{}/issues/{key}/transitions/{id}", self.base), "id": id, "display": name,
            "to": self.term(Dictionary::Statuses, to),
        });
        if transition.resolves() {
            shown["screen"] =
                json!({"self": format!("{}/screens/1", self.base), "id": "1", "display": "Resolution"});
        }
        shown
    }

    fn link(&self, key: &str, seen: &Seen<'_>) -> Value {
        let Seen { link, other, kind, inward, outward, is_inward } = *seen;
        let kind = json!({
            "self": format!("{}/linktypes/{kind}", self.base), "id": kind, "inward": inward, "outward": outward,
        });
        json!({
            "self": format!("{}/issues/{key}/links/{}", self.base, link.id), "id": link.id, "type": kind,
            "direction": if is_inward { "inward" } else { "outward" }, "object": self.reference(other),
            "createdBy": self.person(&link.author), "createdAt": time(link.created_at),
            "updatedBy": self.person(&link.author), "updatedAt": time(link.created_at),
            "assignee": other.assignee.as_deref().map(|login| self.person(login)),
            "status": self.term(Dictionary::Statuses, &other.status),
        })
    }

    fn queue(&self, key: &str, Queue { id, name, .. }: &Queue) -> Value {
        json!({
            "self": format!("{}/queues/{key}", self.base), "id": id, "key": key, "version": 1, "name": name,
            "lead": self.person(PEOPLE[0].0), "assignAuto": false, "allowExternals": false,
            "defaultType": self.term(Dictionary::Types, "task"),
            "defaultPriority": self.term(Dictionary::Priorities, "normal"),
        })
    }

    /// A field of all queues, or of one.
    fn field(&self, field: &Field, queue: Option<&str>) -> Value {
        let Field { id, name, kind } = *field;
        let path =
            queue.map_or_else(|| format!("fields/{id}"), |queue| format!("queues/{queue}/localFields/{id}"));
        let schema = match kind {
            Kind::Own("array") => json!({"type": "array", "items": "string", "required": false}),
            Kind::Own(kind) => json!({"type": kind, "required": matches!(id, "summary" | "queue")}),
            Kind::Text => json!({"type": "string", "required": false}),
            Kind::Date => json!({"type": "date", "required": false}),
            Kind::Number => json!({"type": "float", "required": false}),
        };
        let is_kept = matches!(id, "key" | "status" | "resolution" | "createdAt" | "updatedAt");
        json!({
            "self": format!("{}/{path}", self.base), "id": id, "key": id.rsplit("--").next(), "version": 1, "name": name,
            "schema": schema, "readonly": is_kept, "options": false, "suggest": false,
        })
    }
}

/// `2026-02-03T04:05:06.789+0000`.
fn time(milliseconds: i64) -> String {
    let at = DateTime::from_timestamp_millis(milliseconds).unwrap_or_default();
    at.format("%Y-%m-%dT%H:%M:%S%.3f+0000").to_string()
}
