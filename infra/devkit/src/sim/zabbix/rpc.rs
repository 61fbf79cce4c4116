//! The JSON-RPC envelope: requests, credentials, errors, and reading parameters as strictly as the version does.

use std::borrow::Cow;
use std::collections::HashSet;

use serde_json::{Map, Value};

use super::super::json::Json;
use super::Version;
use super::methods;
use super::state::{Access, State};

/// An error of the API, as `error` of the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RpcError {
    pub(super) code: i64,
    pub(super) message: &'static str,
    pub(super) data: Cow<'static, str>,
}

impl RpcError {
    fn new(code: i64, message: &'static str, data: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message, data: data.into() }
    }

    fn parse() -> Self {
        // The one message without a full stop.
        let data = "Invalid JSON. An error occurred on the server while parsing the JSON text.";
        Self::new(-32_700, "Parse error", data)
    }

    fn request(data: impl Into<Cow<'static, str>>) -> Self {
        Self::new(-32_600, "Invalid request.", data)
    }

    fn method(data: impl Into<Cow<'static, str>>) -> Self {
        Self::new(-32_601, "Method not found.", data)
    }

    pub(super) fn params(data: impl Into<Cow<'static, str>>) -> Self {
        Self::new(-32_602, "Invalid params.", data)
    }

    pub(super) fn application(data: impl Into<Cow<'static, str>>) -> Self {
        Self::new(-32_500, "Application error.", data)
    }

    pub(super) fn not_authorized() -> Self {
        Self::params("Not authorized.")
    }

    pub(super) fn session_terminated() -> Self {
        Self::params("Session terminated, re-login, please.")
    }

    pub(super) fn token_expired() -> Self {
        Self::application("API token expired.")
    }

    pub(super) fn forbidden(method: &str) -> Self {
        Self::application(format!("No permissions to call \"{method}\"."))
    }

    pub(super) fn no_object() -> Self {
        Self::application("No permissions to referred object or it does not exist!")
    }

    /// What a frontend without its database says.
    pub(super) fn database_down(version: Version) -> Self {
        match version {
            Version::V6_0 => Self::new(1, "Error connecting to database.", ""),
            Version::V7_0 => Self::new(-32_603, "Internal error.", "Error connecting to database."),
        }
    }

    fn write(&self, id: &Value, json: &mut Json) {
        json.object(|answer| {
            answer.string("jsonrpc", "2.0");
            answer.member("error").object(|error| {
                error.member("code").raw(&self.code.to_string());
                error.string("message", self.message);
                error.string("data", &self.data);
            });
            answer.member("id").raw(&id.to_string());
        });
    }
}

/// A method's answer: the JSON of `result`, and how many rows it has.
pub(super) struct Outcome {
    pub(super) json: Vec<u8>,
    pub(super) rows: usize,
}

impl Outcome {
    pub(super) fn new(json: Json, rows: usize) -> Self {
        Self { json: json.into_bytes(), rows }
    }

    pub(super) fn raw(json: &str) -> Self {
        Self { json: json.as_bytes().to_vec(), rows: 1 }
    }
}

/// What the request's faults make of calls, once they are authenticated.
#[derive(Debug, Default, Clone)]
pub(super) struct Twist {
    pub(super) error: Option<TwistError>,
    pub(super) empty: bool,
    pub(super) wrong_types: bool,
}

/// An error that a fault puts in place of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TwistError {
    SessionDeath,
    TokenRefused,
    TokenExpired,
    Forbidden,
    DatabaseDown,
}

impl TwistError {
    fn error(self, method: &str, version: Version) -> RpcError {
        match self {
            Self::SessionDeath => RpcError::session_terminated(),
            Self::TokenRefused => RpcError::not_authorized(),
            Self::TokenExpired => RpcError::token_expired(),
            Self::Forbidden => RpcError::forbidden(method),
            Self::DatabaseDown => RpcError::database_down(version),
        }
    }
}

/// A request's body as JSON; only for the record and for choosing faults.
pub(super) fn calls_of(body: Option<&Value>) -> Vec<(String, Value)> {
    let one = |call: &Value| {
        let method = call.get("method").and_then(Value::as_str).unwrap_or_default();
        (method.to_owned(), call.get("params").cloned().unwrap_or_default())
    };
    match body {
        Some(Value::Array(batch)) => batch.iter().map(one).collect(),
        Some(call) => vec![one(call)],
        None => vec![(String::new(), Value::Null)],
    }
}

/// Answers a request body. The second number is the rows of the largest result in it.
pub(super) fn answer(
    state: &mut State,
    body: Option<&Value>,
    bearer: Bearer<'_>,
    twist: &Twist,
) -> (Vec<u8>, usize) {
    let mut json = Json::with_capacity(1 << 12);
    let mut rows = 0;
    match body {
        None => RpcError::parse().write(&Value::Null, &mut json),
        Some(Value::Array(batch)) if !batch.is_empty() => {
            // Serially, as PHP does; notifications leave no element behind.
            let answers: Vec<Vec<u8>> = batch
                .iter()
                .filter_map(|call| {
                    let mut one = Json::default();
                    rows = rows.max(answer_one(state, call, bearer, twist, &mut one));
                    Some(one.into_bytes()).filter(|answer| !answer.is_empty())
                })
                .collect();
            if !answers.is_empty() {
                json.array(&answers, |json, answer| json.bytes(answer));
            }
        }
        Some(Value::Object(_)) => {
            if let Some(call) = body {
                rows = answer_one(state, call, bearer, twist, &mut json);
            }
        }
        Some(_) => RpcError::request("The received JSON is not a valid JSON-RPC request.")
            .write(&Value::Null, &mut json),
    }
    (json.into_bytes(), rows)
}

fn answer_one(state: &mut State, call: &Value, bearer: Bearer<'_>, twist: &Twist, json: &mut Json) -> usize {
    let id = call.get("id");
    let outcome = run(state, call, bearer, twist);
    // A notification is carried out and not answered, unless it is no request at all.
    let Some(id) = id else {
        if let Err(error) = outcome
            && error.code == -32_600
        {
            error.write(&Value::Null, json);
        }
        return 0;
    };
    match outcome {
        Ok(outcome) => {
            json.raw("{\"jsonrpc\":\"2.0\",\"result\":");
            json.bytes(&outcome.json);
            json.raw(&format!(",\"id\":{id}}}"));
            outcome.rows
        }
        Err(error) => {
            error.write(id, json);
            0
        }
    }
}

/// The `Authorization` header.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bearer<'a>(pub(super) Option<&'a str>);

impl<'a> Bearer<'a> {
    /// The credential; a header that is no `Bearer ` (the case matters) holds one that nobody knows.
    fn credential(self) -> Option<&'a str> {
        self.0.map(|header| header.strip_prefix("Bearer ").unwrap_or(""))
    }
}

fn run(state: &mut State, call: &Value, bearer: Bearer<'_>, twist: &Twist) -> Result<Outcome, RpcError> {
    let Value::Object(members) = call else {
        return Err(RpcError::request("The received JSON is not a valid JSON-RPC request."));
    };
    let auth = envelope(members)?;
    let method = members.get("method").and_then(Value::as_str).unwrap_or_default();
    let empty = Map::new();
    let params = match members.get("params") {
        Some(Value::Object(params)) => params,
        _ => &empty,
    };

    let Some(method) = methods::Method::named(method) else {
        let (api, _) = method.split_once('.').unwrap_or((method, ""));
        let text = if methods::knows_api(api) {
            format!("Incorrect method \"{method}\".")
        } else {
            format!("Incorrect API \"{api}\".")
        };
        return Err(RpcError::method(text));
    };
    // 6.0 does not read the header at all.
    let header = match state.version {
        Version::V6_0 => None,
        Version::V7_0 => bearer.credential(),
    };
    if method.is_public() {
        let name = method.name();
        if header.is_some() {
            let text = format!("The \"{name}\" method must be called without authorization header.");
            return Err(RpcError::params(text));
        }
        if auth.is_some() {
            let text = format!("The \"{name}\" method must be called without the \"auth\" parameter.");
            return Err(RpcError::params(text));
        }
        if twist.error == Some(TwistError::DatabaseDown) {
            return Err(RpcError::database_down(state.version));
        }
        return methods::run_public(state, method, params);
    }
    let credential = header.or(auth).unwrap_or_default();
    let caller = authenticate(state, credential)?;
    if let Some(error) = twist.error {
        return Err(error.error(method.name(), state.version));
    }
    if caller.access.denied.iter().any(|denied| denied.eq_ignore_ascii_case(method.name())) {
        return Err(RpcError::forbidden(method.name()));
    }
    if twist.empty {
        let counting = params.get("countOutput").is_some_and(truthy);
        return Ok(Outcome { json: if counting { b"\"0\"".to_vec() } else { b"[]".to_vec() }, rows: 0 });
    }
    if twist.wrong_types {
        return Ok(Outcome::raw(
            r#"[{"eventid":{"nested":true},"objectid":null,"triggerid":[1],"hostid":"not a number","clock":"yesterday",
                 "severity":"9","name":17,"tags":"none","hosts":{"a":1},"suppressed":[],"acknowledged":null}, 42, null]"#,
        ));
    }
    methods::run(state, method, params, &caller)
}

/// Checks the members of a request and returns its `auth`.
fn envelope(members: &Map<String, Value>) -> Result<Option<&str>, RpcError> {
    const KNOWN: [&str; 5] = ["jsonrpc", "method", "params", "auth", "id"];
    let invalid =
        |path: &str, what: &str| RpcError::request(format!("Invalid parameter \"{path}\": {what}."));
    if let Some(unknown) = members.keys().find(|key| !KNOWN.contains(&key.as_str())) {
        return Err(invalid("/", &format!("unexpected parameter \"{unknown}\"")));
    }
    for required in ["jsonrpc", "method", "params"] {
        if !members.contains_key(required) {
            return Err(invalid("/", &format!("the parameter \"{required}\" is missing")));
        }
    }
    if members.get("jsonrpc").and_then(Value::as_str) != Some("2.0") {
        return Err(invalid("/jsonrpc", "value must be \"2.0\""));
    }
    if !members.get("method").is_some_and(Value::is_string) {
        return Err(invalid("/method", "a character string is expected"));
    }
    if !members.get("params").is_some_and(|params| params.is_object() || params.is_array()) {
        return Err(invalid("/params", "an array is expected"));
    }
    match members.get("auth") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(auth)) if auth.is_empty() => Err(invalid("/auth", "cannot be empty")),
        Some(Value::String(auth)) => Ok(Some(auth)),
        Some(_) => Err(invalid("/auth", "a character string is expected")),
    }
}

/// Who calls.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    pub(super) user: u64,
    pub(super) access: Access,
    /// The session, if it is one and not an API token.
    pub(super) session: Option<String>,
}

fn authenticate(state: &State, credential: &str) -> Result<Caller, RpcError> {
    if credential.is_empty() {
        return Err(RpcError::not_authorized());
    }
    // The length alone tells a token from a session id.
    if credential.len() == 64 {
        let access = state.tokens.get(credential).ok_or_else(RpcError::not_authorized)?;
        if access.disabled {
            return Err(RpcError::not_authorized());
        }
        if access.expired {
            return Err(RpcError::token_expired());
        }
        return Ok(Caller { user: 3, access: access.clone(), session: None });
    }
    let user = state.sessions.get(credential).ok_or_else(RpcError::session_terminated)?;
    Ok(Caller { user: *user, access: Access::default(), session: Some(credential.to_owned()) })
}

/// What PHP takes for true.
fn truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(value) => *value,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty() && text != "0",
        Value::Array(items) => !items.is_empty(),
        Value::Object(members) => !members.is_empty(),
    }
}

/// The parameters of a call.
#[derive(Debug, Clone, Copy)]
pub(super) struct Params<'a> {
    pub(super) map: &'a Map<String, Value>,
    /// 7.0 checks the parameters of some methods; 6.0, and 7.0's other methods, take what they know.
    pub(super) strict: bool,
}

impl<'a> Params<'a> {
    fn invalid(path: &str, what: &str) -> RpcError {
        RpcError::params(format!("Invalid parameter \"/{path}\": {what}."))
    }

    /// Refuses parameters beside these.
    pub(super) fn only(&self, known: &[&str]) -> Result<(), RpcError> {
        match self.map.keys().find(|key| self.strict && !known.contains(&key.as_str())) {
            Some(unknown) => Err(Self::invalid("", &format!("unexpected parameter \"{unknown}\""))),
            None => Ok(()),
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&'a Value> {
        self.map.get(name).filter(|value| !value.is_null())
    }

    /// A list of ids, or one; strings or numbers.
    pub(super) fn ids(&self, name: &str) -> Result<Option<HashSet<u64>>, RpcError> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let values = match value {
            Value::Array(values) => values.as_slice(),
            Value::Object(_) => return Err(Self::invalid(name, "an array is expected")),
            scalar => std::slice::from_ref(scalar),
        };
        let mut ids = HashSet::with_capacity(values.len());
        for (at, value) in values.iter().enumerate() {
            match unsigned(value) {
                Some(id) => {
                    ids.insert(id);
                }
                None if self.strict => {
                    return Err(Self::invalid(&format!("{name}/{}", at + 1), "a number is expected"));
                }
                // 6.0 looks for what it was given and finds nothing.
                None => {}
            }
        }
        Ok(Some(ids))
    }

    /// A list of small numbers, each below `bound` in strict mode.
    pub(super) fn numbers(&self, name: &str, bound: u64) -> Result<Option<HashSet<u64>>, RpcError> {
        let numbers = self.ids(name)?;
        if self.strict && numbers.iter().flatten().any(|number| *number >= bound) {
            let choice: Vec<String> = (0..bound).map(|number| number.to_string()).collect();
            return Err(Self::invalid(
                &format!("{name}/1"),
                &format!("value must be one of {}", choice.join(", ")),
            ));
        }
        Ok(numbers)
    }

    pub(super) fn number(&self, name: &str) -> Result<Option<u64>, RpcError> {
        match self.get(name) {
            None => Ok(None),
            Some(value) => match unsigned(value) {
                None if self.strict => Err(Self::invalid(name, "an integer is expected")),
                number => Ok(number),
            },
        }
    }

    /// A flag whose value matters.
    pub(super) fn flag(&self, name: &str) -> Result<Option<bool>, RpcError> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Bool(value)) => Ok(Some(*value)),
            Some(_) if self.strict => Err(Self::invalid(name, "a boolean is expected")),
            // 6.0 compares with true loosely.
            Some(value) => Ok(Some(truthy(value))),
        }
    }

    /// A flag that is on for anything but null, `false` included: how 6.0 and 7.0 read `trigger.get`'s.
    pub(super) fn present(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    pub(super) fn limit(&self) -> Result<Option<usize>, RpcError> {
        match self.number("limit")? {
            Some(0 | 2_147_483_648..) if self.strict => {
                Err(Self::invalid("limit", "value must be one of 1-2147483647"))
            }
            Some(0) | None => Ok(None),
            Some(limit) => Ok(usize::try_from(limit).ok()),
        }
    }

    /// The fields to show, the id field first: `output`, or the value of a `select…`.
    pub(super) fn output(
        &self,
        name: &str,
        known: &[&'static str],
        id: &'static str,
    ) -> Result<Vec<&'static str>, RpcError> {
        match self.get(name) {
            extend if extend.is_none_or(|value| value == "extend") => Ok(known.to_vec()),
            Some(Value::Array(fields)) => {
                let mut shown = vec![id];
                for (at, field) in fields.iter().enumerate() {
                    match known.iter().find(|known| field.as_str() == Some(known)) {
                        Some(field) if *field != id => shown.push(field),
                        None if self.strict => {
                            let choice: Vec<String> =
                                known.iter().map(|known| format!("\"{known}\"")).collect();
                            let what = format!("value must be one of {}", choice.join(", "));
                            return Err(Self::invalid(&format!("{name}/{}", at + 1), &what));
                        }
                        _ => {}
                    }
                }
                shown.retain(|field| !field.is_empty());
                Ok(shown)
            }
            _ if self.strict => {
                let what = if self.map.get(name).is_some_and(Value::is_string) {
                    "value must be \"extend\""
                } else {
                    "an array or a character string is expected"
                };
                Err(Self::invalid(name, what))
            }
            // "shorten", and whatever else 6.0 is told.
            _ => Ok(vec![id]),
        }
    }

    /// The fields of a `select…`, `None` if it was not asked for.
    pub(super) fn select(
        &self,
        name: &str,
        known: &[&'static str],
        id: &'static str,
    ) -> Result<Option<Vec<&'static str>>, RpcError> {
        self.get(name).map(|_| self.output(name, known, id)).transpose()
    }

    /// Sort fields with their direction (`true`: descending).
    pub(super) fn sort(&self, allowed: &[&'static str]) -> Result<Vec<(&'static str, bool)>, RpcError> {
        let strings = |name: &str| -> Vec<&str> {
            match self.get(name) {
                Some(Value::Array(values)) => values.iter().filter_map(Value::as_str).collect(),
                Some(Value::String(value)) => vec![value],
                _ => Vec::new(),
            }
        };
        let orders = strings("sortorder");
        let mut sort = Vec::new();
        for (at, field) in strings("sortfield").into_iter().enumerate() {
            let Some(field) = allowed.iter().find(|allowed| **allowed == field) else {
                if !self.strict {
                    return Err(RpcError::application(format!("Sorting by field \"{field}\" not allowed.")));
                }
                let choice: Vec<String> = allowed.iter().map(|allowed| format!("\"{allowed}\"")).collect();
                let what = match choice.as_slice() {
                    [only] => format!("value must be {only}"),
                    several => format!("value must be one of {}", several.join(", ")),
                };
                return Err(Self::invalid(&format!("sortfield/{}", at + 1), &what));
            };
            let order =
                orders.get(at).or(orders.first().filter(|_| orders.len() == 1)).copied().unwrap_or("ASC");
            sort.push((*field, order == "DESC"));
        }
        Ok(sort)
    }

    /// Whether a row passes `filter` (exact) and `search` (substring); `field` gives its values.
    pub(super) fn matches<'r>(&self, field: impl Fn(&str) -> Option<Cow<'r, str>>) -> bool {
        self.passes_filter(&field) && self.passes_search(&field)
    }

    fn passes_filter<'r>(&self, field: &impl Fn(&str) -> Option<Cow<'r, str>>) -> bool {
        let Some(Value::Object(filter)) = self.get("filter") else { return true };
        filter.iter().all(|(name, wanted)| {
            let (Some(value), false) = (field(name), wanted.is_null()) else { return true };
            let wanted = match wanted {
                Value::Array(values) => values.as_slice(),
                scalar => std::slice::from_ref(scalar),
            };
            wanted.iter().any(|wanted| scalar_text(wanted) == value)
        })
    }

    fn passes_search<'r>(&self, field: &impl Fn(&str) -> Option<Cow<'r, str>>) -> bool {
        let Some(Value::Object(search)) = self.get("search") else { return true };
        let starts = self.get("startSearch").is_some_and(truthy);
        let any = self.get("searchByAny").is_some_and(truthy);
        let exclude = self.get("excludeSearch").is_some_and(truthy);
        let mut results = search.iter().filter_map(|(name, wanted)| {
            let value = field(name)?.to_lowercase();
            let wanted = match wanted {
                Value::Array(values) => values.as_slice(),
                scalar => std::slice::from_ref(scalar),
            };
            Some(wanted.iter().any(|wanted| {
                let wanted = scalar_text(wanted).to_lowercase();
                if starts { value.starts_with(&wanted) } else { value.contains(&wanted) }
            }))
        });
        let found = if any { results.any(|found| found) } else { results.all(|found| found) };
        found != exclude
    }

    /// Whether tags pass the parameter `tags` under `evaltype`.
    pub(super) fn tags_match(&self, tags: &[(String, String)]) -> bool {
        let Some(Value::Array(conditions)) = self.get("tags") else { return true };
        if conditions.is_empty() {
            return true;
        }
        let holds = |condition: &Value| {
            let wanted = condition.get("tag").map(scalar_text).unwrap_or_default();
            let value = condition.get("value").map(scalar_text).unwrap_or_default();
            let mut values = tags.iter().filter(|(tag, _)| *tag == wanted).map(|(_, value)| value);
            let like = |have: &String| have.to_lowercase().contains(&value.to_lowercase());
            match condition.get("operator").and_then(unsigned).unwrap_or(0) {
                1 => values.any(|have| *have == value),
                2 => !values.any(like),
                3 => !values.any(|have| *have == value),
                4 => values.next().is_some(),
                5 => values.next().is_none(),
                _ => values.any(like),
            }
        };
        if self.get("evaltype").and_then(unsigned) == Some(2) {
            return conditions.iter().any(holds);
        }
        // And/or: conditions on one tag are alternatives, different tags must all hold.
        let tag_of = |condition: &Value| condition.get("tag").map(scalar_text).unwrap_or_default();
        conditions
            .iter()
            .all(|condition| conditions.iter().filter(|other| tag_of(other) == tag_of(condition)).any(holds))
    }
}

pub(super) fn unsigned(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

fn scalar_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Bool(value) => u8::from(*value).to_string(),
        other => other.to_string(),
    }
}
