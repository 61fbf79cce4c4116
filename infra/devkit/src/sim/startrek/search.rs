//! Which issues a search finds: by keys, by queue, or by a filter. The query language is refused.

use std::cmp::Ordering;

use chrono::DateTime;
use serde_json::{Map, Value};

use super::state::{
    Issue, PRIORITIES, RESOLUTIONS, ROBOT, Refusal, STATUSES, State, TYPES, Term, field_named, named, person,
};

/// The issues that the members of a search's body ask for, in their order.
pub(super) fn find<'a>(state: &'a State, members: &Map<String, Value>) -> Result<Vec<&'a Issue>, Refusal> {
    // null is as good as absent.
    let member = |name: &str| members.get(name).filter(|value| !value.is_null());
    let known = ["filter", "filterId", "query", "keys", "queue", "order"];
    if let Some(unknown) = members.keys().find(|name| !known.contains(&name.as_str())) {
        return Err(Refusal::new(400, format!("There is no parameter {unknown}.")));
    }
    let given =
        ["queue", "keys", "filter", "query", "filterId"].iter().filter(|name| member(name).is_some()).count();
    if given > 2 {
        return Err(Refusal::new(400, "You can only use keys, a queue, or a search query"));
    }
    if let Some(queue) = member("queue") {
        let queue = named(queue).filter(|queue| state.queues.contains_key(queue));
        let queue = queue.ok_or_else(|| Refusal::new(404, "There is no such queue."))?;
        return Ok(state.issues.iter().filter(|issue| issue.queue == queue).collect());
    }
    if let Some(keys) = member("keys") {
        return by_keys(state, keys);
    }
    if let Some(filter) = member("filter") {
        let filter = filter.as_object().ok_or_else(|| Refusal::new(400, "The filter must be an object."))?;
        return by_filter(state, filter, member("order"));
    }
    Err(Refusal::new(
        400,
        if given == 0 {
            "Say what to search for."
        } else {
            "This tracker takes no query and no saved filter."
        },
    ))
}

fn by_keys<'a>(state: &'a State, keys: &Value) -> Result<Vec<&'a Issue>, Refusal> {
    let keys: Vec<&str> = match keys {
        Value::String(key) => vec![key.as_str()],
        Value::Array(keys) => keys.iter().filter_map(Value::as_str).collect(),
        _ => return Err(Refusal::new(400, "The keys must be texts.")),
    };
    let mut found: Vec<&Issue> = Vec::new();
    for issue in keys.iter().filter_map(|key| state.issue(key).ok()) {
        if found.iter().all(|known| known.id != issue.id) {
            found.push(issue);
        }
    }
    Ok(found)
}

fn by_filter<'a>(
    state: &'a State,
    filter: &Map<String, Value>,
    order: Option<&Value>,
) -> Result<Vec<&'a Issue>, Refusal> {
    let mut found: Vec<&Issue> = Vec::new();
    for issue in &state.issues {
        let mut fits = true;
        for (field, wanted) in filter {
            fits &= matches(state, issue, field, wanted)?;
        }
        if fits {
            found.push(issue);
        }
    }
    let orders = match order {
        None => Vec::new(),
        Some(Value::Array(orders)) => orders.iter().filter_map(Value::as_str).collect(),
        Some(order) => order.as_str().into_iter().collect(),
    };
    // The last order first: sorting is stable.
    for order in orders.iter().rev() {
        let (field, is_descending) = match order.strip_prefix('-') {
            Some(field) => (field, true),
            None => (order.strip_prefix('+').unwrap_or(order), false),
        };
        let compare =
            ordering(field).ok_or_else(|| Refusal::new(400, format!("There is no order by {field}.")))?;
        found.sort_by(|a, b| if is_descending { compare(b, a) } else { compare(a, b) });
    }
    Ok(found)
}

type Compare = fn(&Issue, &Issue) -> Ordering;

fn ordering(field: &str) -> Option<Compare> {
    fn number(issue: &Issue) -> (&str, u64) {
        let number = issue.key.rsplit('-').next().and_then(|number| number.parse().ok());
        (&issue.queue, number.unwrap_or(0))
    }
    Some(match field {
        "key" => |a, b| number(a).cmp(&number(b)),
        "created" | "createdAt" => |a, b| a.created_at.cmp(&b.created_at),
        "updated" | "updatedAt" => |a, b| a.updated_at.cmp(&b.updated_at),
        "summary" => |a, b| a.summary.cmp(&b.summary),
        "priority" => |a, b| place(&PRIORITIES, &a.priority).cmp(&place(&PRIORITIES, &b.priority)),
        "status" => |a, b| place(&STATUSES, &a.status).cmp(&place(&STATUSES, &b.status)),
        _ => return None,
    })
}

/// Where an entry stands in its dictionary.
fn place(dictionary: &[Term], key: &str) -> Option<usize> {
    dictionary.iter().position(|term| term.key == key)
}

/// Whether an issue has one of the wanted values, or a time between two.
fn matches(state: &State, issue: &Issue, field: &str, wanted: &Value) -> Result<bool, Refusal> {
    let time = match field {
        "created" | "createdAt" => Some(issue.created_at),
        "updated" | "updatedAt" => Some(issue.updated_at),
        "statusStartTime" => Some(issue.status_at),
        _ => None,
    };
    if let Some(time) = time {
        return is_between(time, wanted);
    }
    let have = values(state, issue, field)?;
    let is_wanted = |value: &Value| match named(value).as_deref() {
        Some("empty()") => have.is_empty(),
        Some("notEmpty()") => !have.is_empty(),
        Some("me()") => have.iter().any(|have| have == ROBOT),
        Some(value) => have.iter().any(|have| have == value),
        None => false,
    };
    Ok(match wanted {
        Value::Array(values) => values.iter().any(is_wanted),
        value => is_wanted(value),
    })
}

/// Everything by which an issue's field may be named.
fn values(state: &State, issue: &Issue, field: &str) -> Result<Vec<String>, Refusal> {
    let term = |dictionary: &[Term], key: &str| {
        let term = dictionary.iter().find(|term| term.key == key);
        term.map(|term| vec![term.id.to_string(), term.key.to_owned(), term.name.to_owned()])
            .unwrap_or_default()
    };
    let people = |logins: &mut dyn Iterator<Item = &String>| -> Vec<String> {
        let known = logins.filter_map(|login| person(login));
        known.flat_map(|(login, id, _)| [login.to_owned(), id.to_string()]).collect()
    };
    Ok(match field {
        "queue" => vec![issue.queue.clone()],
        "key" => std::iter::once(&issue.key).chain(&issue.aliases).cloned().collect(),
        "summary" => vec![issue.summary.clone()],
        "type" => term(&TYPES, &issue.kind),
        "priority" => term(&PRIORITIES, &issue.priority),
        "status" => term(&STATUSES, &issue.status),
        "resolution" => issue.resolution.as_deref().map(|key| term(&RESOLUTIONS, key)).unwrap_or_default(),
        "tags" => issue.tags.clone(),
        "components" => issue.components.clone(),
        "assignee" => people(&mut issue.assignee.iter()),
        "followers" => people(&mut issue.followers.iter()),
        "author" | "createdBy" => people(&mut std::iter::once(&issue.created_by)),
        "parent" => {
            let parent = issue.parent.as_deref().and_then(|parent| state.issue(parent).ok());
            parent.map(|parent| vec![parent.key.clone(), parent.id.clone()]).unwrap_or_default()
        }
        other => match issue.values.get(other) {
            Some(value) => named(value).into_iter().collect(),
            None if field_named(other).is_some() => Vec::new(),
            None => return Err(Refusal::new(400, format!("There is no field {other}."))),
        },
    })
}

fn is_between(milliseconds: i64, wanted: &Value) -> Result<bool, Refusal> {
    let bound = |name: &str| match wanted.get(name).and_then(Value::as_str) {
        None => Ok(None),
        Some(text) => match DateTime::parse_from_rfc3339(text) {
            Ok(at) => Ok(Some(at.timestamp_millis())),
            Err(_) => Err(Refusal::new(400, format!("{text} is no time."))),
        },
    };
    let (from, to) = (bound("from")?, bound("to")?);
    Ok(from.is_none_or(|from| milliseconds >= from) && to.is_none_or(|to| milliseconds <= to))
}
