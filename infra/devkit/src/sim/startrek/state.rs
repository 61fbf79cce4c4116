//! What a tracker holds: queues, issues with their comments and links, who there is, and the workflow. No HTTP.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Who acts through the API.
pub(super) const ROBOT: &str = "heat-robot";

/// Who acts by hand where nobody is named.
pub(super) const PERSON: &str = "ivanov";

/// Everybody there is: login and name. The first one's id is [`FIRST_USER`].
pub(super) const PEOPLE: [(&str, &str); 9] = [
    (ROBOT, "Heat robot"),
    (PERSON, "Ivan Ivanov"),
    ("petrov", "Пётр Петров"),
    ("sidorova", "Anna Sidorova"),
    ("noc-duty", "NOC on duty"),
    ("netops-duty", "Network on duty"),
    ("dc-duty", "Data centre on duty"),
    ("sysadmin-duty", "Systems on duty"),
    // Whom the local stack takes everybody for.
    ("operator", "Local operator"),
];
pub(super) const FIRST_USER: u64 = 1_130_000_000_000_001;

/// The longest summary, comment and description, in characters; the most comments; the version at which robots are stopped.
const LONGEST_SUMMARY: usize = 255;
const LONGEST_TEXT: usize = 512_000;
const MOST_COMMENTS: usize = 1_000;
const LAST_VERSION: u64 = 10_100;

/// An entry of a dictionary.
#[derive(Debug, Clone, Copy)]
pub(super) struct Term {
    pub(super) id: u32,
    pub(super) key: &'static str,
    pub(super) name: &'static str,
}

const fn term(id: u32, key: &'static str, name: &'static str) -> Term {
    Term { id, key, name }
}

pub(super) const PRIORITIES: [Term; 5] = [
    term(1, "trivial", "Trivial"),
    term(2, "minor", "Minor"),
    term(3, "normal", "Normal"),
    term(4, "critical", "Critical"),
    term(5, "blocker", "Blocker"),
];
pub(super) const TYPES: [Term; 3] =
    [term(1, "bug", "Bug"), term(2, "task", "Task"), term(23, "incident", "Incident")];
pub(super) const STATUSES: [Term; 3] =
    [term(1, "open", "Open"), term(2, "inProgress", "In progress"), term(3, "closed", "Closed")];
pub(super) const RESOLUTIONS: [Term; 3] =
    [term(1, "fixed", "Fixed"), term(2, "wontFix", "Won't fix"), term(3, "duplicate", "Duplicate")];

/// A step of the workflow. What ends in `closed` asks for a resolution.
#[derive(Debug, Clone, Copy)]
pub(super) struct Transition {
    pub(super) id: &'static str,
    pub(super) name: &'static str,
    from: &'static [&'static str],
    pub(super) to: &'static str,
}

impl Transition {
    pub(super) fn resolves(self) -> bool {
        self.to == "closed"
    }
}

const TRANSITIONS: [Transition; 4] = [
    Transition { id: "start_progress", name: "Start progress", from: &["open"], to: "inProgress" },
    Transition { id: "stop_progress", name: "Stop progress", from: &["inProgress"], to: "open" },
    Transition { id: "close", name: "Close", from: &["open", "inProgress"], to: "closed" },
    Transition { id: "reopen", name: "Reopen", from: &["closed"], to: "open" },
];

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Date,
    Number,
    /// Kept by the tracker itself, or in its own place in an issue.
    Own(&'static str),
}

/// A field of the dictionary.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field {
    pub(super) id: &'static str,
    pub(super) name: &'static str,
    pub(super) kind: Kind,
}

const fn field(id: &'static str, name: &'static str, kind: Kind) -> Field {
    Field { id, name, kind }
}

/// The fields of every queue.
pub(super) const FIELDS: [Field; 19] = [
    field("queue", "Queue", Kind::Own("queue")),
    field("key", "Key", Kind::Own("string")),
    field("summary", "Summary", Kind::Own("string")),
    field("description", "Description", Kind::Own("string")),
    field("type", "Type", Kind::Own("issuetype")),
    field("priority", "Priority", Kind::Own("priority")),
    field("status", "Status", Kind::Own("status")),
    field("resolution", "Resolution", Kind::Own("resolution")),
    field("assignee", "Assignee", Kind::Own("user")),
    field("followers", "Followers", Kind::Own("array")),
    field("tags", "Tags", Kind::Own("array")),
    field("components", "Components", Kind::Own("array")),
    field("parent", "Parent issue", Kind::Own("issue")),
    field("createdAt", "Created", Kind::Own("datetime")),
    field("updatedAt", "Updated", Kind::Own("datetime")),
    field("deadline", "Deadline", Kind::Date),
    field("start", "Start", Kind::Date),
    field("end", "End", Kind::Date),
    field("storyPoints", "Story points", Kind::Number),
];

/// The field that each queue has of its own.
pub(super) const LOCAL: Field = field("65f0c0ffee65f0c0ffee65f1--rackName", "Стойка", Kind::Text);

/// Kinds of links: the id, and how each side stands to the other, inward and outward; a relationship is one of the two.
const LINKS: [(&str, &str, &str); 5] = [
    ("relates", "relates", "relates"),
    ("depends", "depends on", "is dependent by"),
    ("subtask", "is subtask for", "is parent task for"),
    ("duplicates", "duplicates", "is duplicated by"),
    ("epic", "is epic of", "has epic"),
];

/// Why something is not done, as the tracker's error object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) errors: Map<String, Value>,
    pub(super) messages: Vec<String>,
}

impl Refusal {
    pub(super) fn new(status: u16, message: impl Into<String>) -> Self {
        Self { status, errors: Map::new(), messages: vec![message.into()] }
    }

    /// 422 over fields.
    fn fields(errors: Map<String, Value>) -> Self {
        Self { status: 422, errors, messages: Vec::new() }
    }

    fn field(name: &str, words: &str) -> Self {
        Self::fields(Map::from_iter([(name.to_owned(), words.into())]))
    }

    pub(super) fn no_issue(key: &str) -> Self {
        Self::new(404, format!("Issue {key} does not exist or is closed to you."))
    }

    /// All its words, for a person.
    pub(super) fn words(&self) -> String {
        let fields =
            self.errors.iter().map(|(name, words)| format!("{name}: {}", words.as_str().unwrap_or_default()));
        fields.chain(self.messages.iter().cloned()).collect::<Vec<_>>().join("; ")
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Queue {
    pub(super) id: u64,
    pub(super) name: String,
    /// The number of its next issue; never goes back.
    next: u64,
}

/// Times are in Unix milliseconds, people are logins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Issue {
    pub(super) id: String,
    pub(super) key: String,
    pub(super) aliases: Vec<String>,
    pub(super) queue: String,
    pub(super) version: u64,
    pub(super) unique: Option<String>,
    pub(super) summary: String,
    pub(super) description: String,
    /// Keys of the dictionaries.
    pub(super) kind: String,
    pub(super) priority: String,
    pub(super) status: String,
    pub(super) resolution: Option<String>,
    pub(super) assignee: Option<String>,
    pub(super) followers: Vec<String>,
    pub(super) tags: Vec<String>,
    pub(super) components: Vec<String>,
    /// The parent's id.
    pub(super) parent: Option<String>,
    /// Values of the other fields by their ids.
    pub(super) values: Map<String, Value>,
    pub(super) created_by: String,
    pub(super) created_at: i64,
    pub(super) updated_by: String,
    pub(super) updated_at: i64,
    pub(super) status_at: i64,
    pub(super) resolved_at: Option<i64>,
    pub(super) comments: Vec<Comment>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Comment {
    pub(super) id: u64,
    pub(super) text: String,
    pub(super) author: String,
    pub(super) summonees: Vec<String>,
    pub(super) version: u64,
    pub(super) created_at: i64,
    pub(super) updated_at: i64,
}

/// A link, told from its first issue.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Link {
    pub(super) id: u64,
    kind: String,
    /// Ids of issues: the one that "depends on", "is subtask for" … the other.
    from: String,
    to: String,
    pub(super) author: String,
    pub(super) created_at: i64,
}

/// A link as one of its issues sees it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen<'a> {
    pub(super) link: &'a Link,
    pub(super) other: &'a Issue,
    pub(super) kind: &'static str,
    pub(super) inward: &'static str,
    pub(super) outward: &'static str,
    pub(super) is_inward: bool,
}

impl Seen<'_> {
    /// How the issue stands to the other.
    pub(super) fn relationship(&self) -> &'static str {
        if self.is_inward { self.inward } else { self.outward }
    }
}

/// A tracker's contents; what it is stored as between runs.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct State {
    pub(super) queues: BTreeMap<String, Queue>,
    /// In the order of their creation.
    pub(super) issues: Vec<Issue>,
    links: Vec<Link>,
    last_id: u64,
}

pub(super) fn now() -> i64 {
    chrono::Utc::now().timestamp_millis()
}

/// The key, id, login or name by which a request names something: a text, a number, or an object with one of them.
pub(super) fn named(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Object(members) => ["key", "id", "login", "uid", "name", "display"]
            .iter()
            .find_map(|name| named(members.get(*name)?)),
        _ => None,
    }
}

/// The entry of a dictionary by key, id or name.
pub(super) fn term_named(dictionary: &'static [Term], name: &str) -> Option<&'static Term> {
    dictionary.iter().find(|term| term.key == name || term.name == name || term.id.to_string() == name)
}

/// The field of that id.
pub(super) fn field_named(id: &str) -> Option<&'static Field> {
    FIELDS.iter().chain([&LOCAL]).find(|field| field.id == id)
}

/// The login, the id and the name of somebody, by login or id.
pub(super) fn person(name: &str) -> Option<(&'static str, u64, &'static str)> {
    PEOPLE
        .iter()
        .zip(FIRST_USER..)
        .map(|(&(login, display), id)| (login, id, display))
        .find(|(login, id, _)| *login == name || id.to_string() == name)
}

impl State {
    /// Without issues, with three queues.
    pub(super) fn new() -> Self {
        let mut state = Self::default();
        for (key, name) in
            [("NETOPS", "Network operations"), ("DCOPS", "Data centre operations"), ("SRE", "Systems")]
        {
            state.add_queue(key, name);
        }
        state
    }

    pub(super) fn add_queue(&mut self, key: &str, name: &str) {
        let id = self.queues.len() as u64 + 17;
        self.queues.entry(key.to_owned()).or_insert_with(|| Queue { id, name: name.to_owned(), next: 1 });
    }

    /// Forgets issues and links; numbers go on, so that no key ever means another issue.
    pub(super) fn clear(&mut self) {
        self.issues.clear();
        self.links.clear();
    }

    fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    fn next_key(&mut self, queue: &str) -> Option<String> {
        let counter = self.queues.get_mut(queue)?;
        let key = format!("{queue}-{}", counter.next);
        counter.next += 1;
        Some(key)
    }

    fn at(&self, key: &str) -> Result<usize, Refusal> {
        let is_it = |issue: &Issue| {
            issue.key == key || issue.id == key || issue.aliases.iter().any(|alias| alias == key)
        };
        self.issues.iter().position(is_it).ok_or_else(|| Refusal::no_issue(key))
    }

    /// An issue by its key, a key it had, or its id.
    pub(super) fn issue(&self, key: &str) -> Result<&Issue, Refusal> {
        self.at(key).map(|at| &self.issues[at])
    }

    pub(super) fn by_unique(&self, unique: &str) -> Option<&Issue> {
        self.issues.iter().find(|issue| issue.unique.as_deref() == Some(unique))
    }

    /// Creates an issue and returns its key.
    pub(super) fn create(&mut self, members: &Map<String, Value>, by: &str) -> Result<String, Refusal> {
        let unique = members.get("unique").and_then(named);
        if let Some(unique) = &unique
            && self.by_unique(unique).is_some()
        {
            return Err(Refusal::new(409, "An issue with this unique value exists."));
        }
        let at = now();
        let mut issue = Issue {
            id: String::new(),
            key: String::new(),
            aliases: Vec::new(),
            queue: String::new(),
            version: 1,
            unique,
            summary: String::new(),
            description: String::new(),
            kind: "task".to_owned(),
            priority: "normal".to_owned(),
            status: "open".to_owned(),
            resolution: None,
            assignee: None,
            followers: Vec::new(),
            tags: Vec::new(),
            components: Vec::new(),
            parent: None,
            values: Map::new(),
            created_by: by.to_owned(),
            created_at: at,
            updated_by: by.to_owned(),
            updated_at: at,
            status_at: at,
            resolved_at: None,
            comments: Vec::new(),
        };
        let mut errors = Map::new();
        match members.get("queue").and_then(named) {
            None => _ = errors.insert("queue".to_owned(), "A value is required.".into()),
            Some(name) => match self.queue_named(&name) {
                None => _ = errors.insert("queue".to_owned(), "There is no such queue.".into()),
                Some((key, _)) => key.clone_into(&mut issue.queue),
            },
        }
        if members.get("summary").is_none_or(Value::is_null) {
            errors.insert("summary".to_owned(), "A value is required.".into());
        }
        let rest = members.iter().filter(|(name, value)| {
            !matches!(name.as_str(), "queue" | "unique" | "markupType") && !value.is_null()
        });
        self.apply(&mut issue, rest, &mut errors);
        if !errors.is_empty() {
            return Err(Refusal::fields(errors));
        }
        let key = self.next_key(&issue.queue).unwrap_or_default();
        issue.id = format!("65f0c0ffee65f0c0{:08x}", self.next_id());
        key.clone_into(&mut issue.key);
        self.issues.push(issue);
        Ok(key)
    }

    fn queue_named(&self, name: &str) -> Option<(&str, &Queue)> {
        let mut queues = self.queues.iter().map(|(key, queue)| (key.as_str(), queue));
        queues.find(|(key, queue)| *key == name || queue.id.to_string() == name)
    }

    /// Changes an issue if all of its changes are in order.
    pub(super) fn update(
        &mut self,
        key: &str,
        members: &Map<String, Value>,
        by: &str,
    ) -> Result<(), Refusal> {
        self.change(key, by, |state, issue| {
            let mut errors = Map::new();
            state.apply(issue, members.iter().filter(|(name, _)| *name != "markupType"), &mut errors);
            if errors.is_empty() { Ok(()) } else { Err(Refusal::fields(errors)) }
        })
    }

    /// A change that is made whole or not at all, and counted.
    fn change(
        &mut self,
        key: &str,
        by: &str,
        change: impl FnOnce(&mut Self, &mut Issue) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        let at = self.at(key)?;
        let mut issue = self.issues[at].clone();
        if by == ROBOT && issue.version >= LAST_VERSION {
            return Err(Refusal::new(423, "The issue has reached the limit of changes by robots."));
        }
        change(self, &mut issue)?;
        issue.version += 1;
        by.clone_into(&mut issue.updated_by);
        issue.updated_at = now();
        self.issues[at] = issue;
        Ok(())
    }

    fn apply<'a>(
        &self,
        issue: &mut Issue,
        members: impl Iterator<Item = (&'a String, &'a Value)>,
        errors: &mut Map<String, Value>,
    ) {
        for (name, value) in members {
            if let Err(words) = self.set(issue, name, value) {
                errors.insert(name.clone(), words.into());
            }
        }
    }

    fn set(&self, issue: &mut Issue, name: &str, value: &Value) -> Result<(), &'static str> {
        let chosen = |dictionary: &'static [Term]| {
            let term = named(value).and_then(|name| term_named(dictionary, &name));
            term.map(|term| term.key.to_owned()).ok_or("This value is not allowed.")
        };
        match name {
            "summary" => match value.as_str() {
                Some(text) if !text.trim().is_empty() && text.chars().count() <= LONGEST_SUMMARY => {
                    text.clone_into(&mut issue.summary);
                }
                _ => return Err("A text of 1 to 255 characters is expected."),
            },
            "description" => issue.description = text_of(value)?,
            "type" => issue.kind = chosen(&TYPES)?,
            "priority" => issue.priority = chosen(&PRIORITIES)?,
            "assignee" => issue.assignee = if value.is_null() { None } else { Some(login_of(value)?) },
            "followers" => issue.followers = listed(&issue.followers, value, login_of)?,
            "tags" => issue.tags = listed(&issue.tags, value, word_of)?,
            "components" => {
                issue.components = listed(&issue.components, value, |value| named(value).ok_or(NO_TEXT))?;
            }
            "parent" => {
                issue.parent = match named(value) {
                    None => None,
                    Some(key) => Some(self.issue(&key).map_err(|_| "There is no such issue.")?.id.clone()),
                };
            }
            "status" => return Err("The status is changed by a transition."),
            "queue" => return Err("An issue changes its queue by being moved."),
            _ => match field_named(name).map(|field| field.kind) {
                None => return Err("There is no such field."),
                Some(Kind::Own(_)) => return Err("This field cannot be changed."),
                Some(kind) => {
                    if value.is_null() {
                        issue.values.remove(name);
                    } else if fits(kind, value) {
                        issue.values.insert(name.to_owned(), value.clone());
                    } else {
                        return Err("The value has another type than the field.");
                    }
                }
            },
        }
        Ok(())
    }

    /// Writes a comment and returns its id. Who writes becomes a follower if `follows`.
    pub(super) fn comment(
        &mut self,
        key: &str,
        members: &Map<String, Value>,
        by: &str,
        follows: bool,
    ) -> Result<u64, Refusal> {
        let id = self.next_id();
        self.change(key, by, |_, issue| {
            let (text, summonees) = comment_of(members)?;
            if issue.comments.len() >= MOST_COMMENTS {
                return Err(Refusal::new(422, "The issue has as many comments as it can have."));
            }
            if follows && !issue.followers.iter().any(|follower| follower == by) {
                issue.followers.push(by.to_owned());
            }
            let at = now();
            let author = by.to_owned();
            issue.comments.push(Comment {
                id,
                text,
                author,
                summonees,
                version: 1,
                created_at: at,
                updated_at: at,
            });
            Ok(())
        })?;
        Ok(id)
    }

    /// Rewrites a comment.
    pub(super) fn edit_comment(
        &mut self,
        key: &str,
        id: &str,
        members: &Map<String, Value>,
        by: &str,
    ) -> Result<(), Refusal> {
        self.change(key, by, |_, issue| {
            let (text, _) = comment_of(members)?;
            let comment = issue.comments.iter_mut().find(|comment| comment.id.to_string() == id);
            let comment = comment.ok_or_else(|| no_comment(id))?;
            comment.text = text;
            comment.version += 1;
            comment.updated_at = now();
            Ok(())
        })
    }

    pub(super) fn delete_comment(&mut self, key: &str, id: &str, by: &str) -> Result<(), Refusal> {
        self.change(key, by, |_, issue| {
            let before = issue.comments.len();
            issue.comments.retain(|comment| comment.id.to_string() != id);
            if issue.comments.len() < before { Ok(()) } else { Err(no_comment(id)) }
        })
    }

    /// The transitions that an issue offers now.
    pub(super) fn transitions(issue: &Issue) -> impl Iterator<Item = Transition> {
        TRANSITIONS.into_iter().filter(|transition| transition.from.contains(&issue.status.as_str()))
    }

    /// One of them by its id.
    pub(super) fn transition(&self, key: &str, id: &str) -> Result<Transition, Refusal> {
        let issue = self.issue(key)?;
        let found = Self::transitions(issue).find(|transition| transition.id == id);
        found.ok_or_else(|| {
            Refusal::new(404, format!("{key} offers no transition {id} in status {}.", issue.status))
        })
    }

    /// Takes an issue through a transition, with a comment and other fields where `members` has them.
    pub(super) fn execute(
        &mut self,
        key: &str,
        id: &str,
        members: &Map<String, Value>,
        by: &str,
    ) -> Result<(), Refusal> {
        let transition = self.transition(key, id)?;
        let given = members.get("resolution").filter(|value| !value.is_null());
        let resolution = match (transition.resolves(), given) {
            (true, None) => return Err(Refusal::field("resolution", "A value is required.")),
            (false, Some(_)) => {
                return Err(Refusal::field("resolution", "Only an issue that is closed has one."));
            }
            (_, given) => given.map(|value| {
                let known = named(value).and_then(|name| term_named(&RESOLUTIONS, &name));
                known.ok_or_else(|| Refusal::field("resolution", "This value is not allowed."))
            }),
        }
        .transpose()?;
        let comment = members.get("comment").filter(|value| !value.is_null());
        let comment_id = self.next_id();
        self.change(key, by, |state, issue| {
            let mut errors = Map::new();
            let rest = members.iter().filter(|(name, _)| !matches!(name.as_str(), "resolution" | "comment"));
            state.apply(issue, rest, &mut errors);
            if !errors.is_empty() {
                return Err(Refusal::fields(errors));
            }
            let at = now();
            if let Some(text) = comment {
                let (text, summonees) = comment_of(&Map::from_iter([("text".to_owned(), text.clone())]))?;
                let author = by.to_owned();
                let (id, version) = (comment_id, 1);
                issue.comments.push(Comment {
                    id,
                    text,
                    author,
                    summonees,
                    version,
                    created_at: at,
                    updated_at: at,
                });
            }
            transition.to.clone_into(&mut issue.status);
            issue.status_at = at;
            issue.resolution = resolution.map(|term| term.key.to_owned());
            issue.resolved_at = resolution.map(|_| at);
            Ok(())
        })
    }

    /// Moves an issue to another queue, where it has another key; its old one stays as an alias.
    pub(super) fn move_to(&mut self, key: &str, queue: &str, by: &str) -> Result<(), Refusal> {
        if self.issue(key)?.queue == queue {
            return Err(Refusal::field("queue", "The issue is in this queue."));
        }
        self.change(key, by, |state, issue| {
            let new =
                state.next_key(queue).ok_or_else(|| Refusal::field("queue", "There is no such queue."))?;
            let old = std::mem::replace(&mut issue.key, new);
            issue.aliases.push(old);
            queue.clone_into(&mut issue.queue);
            Ok(())
        })
    }

    /// A queue that an issue is not in.
    pub(super) fn another_queue(&self, key: &str) -> Option<String> {
        let issue = self.issue(key).ok()?;
        self.queues.keys().find(|queue| **queue != issue.queue).cloned()
    }

    /// Links two issues and returns the link's id.
    pub(super) fn link(&mut self, key: &str, members: &Map<String, Value>, by: &str) -> Result<u64, Refusal> {
        let this = self.issue(key)?;
        let relationship = members.get("relationship").and_then(Value::as_str).unwrap_or_default();
        let Some((kind, is_first)) = LINKS.iter().find_map(|&(kind, first, second)| {
            if relationship == first {
                Some((kind, true))
            } else {
                (relationship == second).then_some((kind, false))
            }
        }) else {
            return Err(Refusal::field("relationship", "This value is not allowed."));
        };
        let other = members.get("issue").and_then(named);
        let other = other.and_then(|other| self.issue(&other).ok()).filter(|other| other.id != this.id);
        let Some(other) = other else {
            return Err(Refusal::field("issue", "There is no such issue, or it is this one."));
        };
        let (from, to) = if is_first { (&this.id, &other.id) } else { (&other.id, &this.id) };
        let is_same = |link: &Link| {
            link.kind == kind
                && (link.from == *from && link.to == *to || link.from == *to && link.to == *from)
        };
        if self.links.iter().any(is_same) {
            return Err(Refusal::new(
                422,
                format!("Issues {} and {} are already linked.", this.key, other.key),
            ));
        }
        let (kind, from, to) = (kind.to_owned(), from.clone(), to.clone());
        let id = self.next_id();
        self.links.push(Link { id, kind, from, to, author: by.to_owned(), created_at: now() });
        Ok(id)
    }

    /// An issue's links.
    pub(super) fn links<'a>(&'a self, key: &str) -> Result<Vec<Seen<'a>>, Refusal> {
        let this = self.issue(key)?;
        let seen = |link: &'a Link| {
            let Link { kind, from, to, .. } = link;
            let is_inward = *from == this.id;
            if !is_inward && *to != this.id {
                return None;
            }
            let other = self.issue(if is_inward { to } else { from }).ok()?;
            let &(kind, inward, outward) = LINKS.iter().find(|(known, ..)| known == kind)?;
            Some(Seen { link, other, kind, inward, outward, is_inward })
        };
        Ok(self.links.iter().filter_map(seen).collect())
    }

    pub(super) fn unlink(&mut self, key: &str, id: &str) -> Result<(), Refusal> {
        let known = self.links(key)?.iter().any(|seen| seen.link.id.to_string() == id);
        if !known {
            return Err(Refusal::new(404, format!("{key} has no link {id}.")));
        }
        self.links.retain(|link| link.id.to_string() != id);
        Ok(())
    }
}

const NO_TEXT: &str = "A text is expected.";

fn no_comment(id: &str) -> Refusal {
    Refusal::new(404, format!("There is no comment {id}."))
}

fn text_of(value: &Value) -> Result<String, &'static str> {
    match value {
        Value::Null => Ok(String::new()),
        Value::String(text) if text.chars().count() <= LONGEST_TEXT => Ok(text.clone()),
        Value::String(_) => Err("The text is too long."),
        _ => Err(NO_TEXT),
    }
}

fn word_of(value: &Value) -> Result<String, &'static str> {
    value.as_str().filter(|word| !word.is_empty()).map(str::to_owned).ok_or(NO_TEXT)
}

fn login_of(value: &Value) -> Result<String, &'static str> {
    let known = named(value).and_then(|name| person(&name));
    known.map(|(login, ..)| login.to_owned()).ok_or("There is no such user.")
}

/// The text and the summoned of a comment.
fn comment_of(members: &Map<String, Value>) -> Result<(String, Vec<String>), Refusal> {
    let text = members
        .get("text")
        .map_or(Err(NO_TEXT), text_of)
        .and_then(|text| if text.trim().is_empty() { Err(NO_TEXT) } else { Ok(text) });
    let text = text.map_err(|words| Refusal::field("text", words))?;
    let summonees = members.get("summonees").map_or(Ok(Vec::new()), |value| listed(&[], value, login_of));
    let summonees = summonees.map_err(|words| Refusal::field("summonees", words))?;
    let unknown = members.keys().find(|name| !matches!(name.as_str(), "text" | "summonees" | "markupType"));
    match unknown {
        Some(unknown) => Err(Refusal::field(unknown, "There is no such field.")),
        None => Ok((text, summonees)),
    }
}

/// A list after a change: a new one, `null`, or an object with `add`, `remove`, `set` and `replace`.
fn listed(
    before: &[String],
    value: &Value,
    item: impl Fn(&Value) -> Result<String, &'static str>,
) -> Result<Vec<String>, &'static str> {
    let items = |value: &Value| match value {
        Value::Array(values) => values.iter().map(&item).collect::<Result<Vec<_>, _>>(),
        one => item(one).map(|one| vec![one]),
    };
    let members = match value {
        Value::Null => return Ok(Vec::new()),
        Value::Object(members)
            if ["key", "id", "login", "name"].iter().all(|name| !members.contains_key(*name)) =>
        {
            members
        }
        value => return items(value),
    };
    let mut after = before.to_vec();
    for (verb, value) in members {
        match verb.as_str() {
            "set" => after = items(value)?,
            "add" => {
                let new = items(value)?;
                after.extend(new.into_iter().filter(|new| !before.contains(new)));
            }
            "remove" => {
                let gone = items(value)?;
                after.retain(|kept| !gone.contains(kept));
            }
            "replace" => {
                for pair in value.as_array().ok_or("A list is expected.")? {
                    let part = |name: &str| pair.get(name).map_or(Err(NO_TEXT), &item);
                    let (target, replacement) = (part("target")?, part("replacement")?);
                    for kept in after.iter_mut().filter(|kept| **kept == target) {
                        kept.clone_from(&replacement);
                    }
                }
            }
            _ => return Err("A list is changed by add, remove, set or replace."),
        }
    }
    Ok(after)
}

fn fits(kind: Kind, value: &Value) -> bool {
    match kind {
        Kind::Text => value.is_string(),
        Kind::Number => value.is_number(),
        Kind::Date => {
            value.as_str().is_some_and(|date| chrono::NaiveDate::parse_from_str(date, "%Y-%m-%d").is_ok())
        }
        Kind::Own(_) => false,
    }
}
