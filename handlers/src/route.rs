//! The route table: every path, its methods, and what each needs.

use std::borrow::Cow;

use heat::inventory::MAX_ID;
use hyper::Method;
use percent_encoding::percent_decode_str;

use crate::access::Role;
use crate::problem::Problem;

/// The longest event key, in characters.
const LONGEST_KEY: usize = 1000;

/// What a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Route<'a> {
    Snapshot,
    Live,
    Inventory,
    Coverage,
    ListEvents,
    Acknowledge,
    Withdraw,
    Event { key: Cow<'a, str> },
    ListComments { key: Cow<'a, str> },
    CreateComment { key: Cow<'a, str> },
    CreateComments,
    EditComment { id: i64 },
    DeleteComment { id: i64 },
    EventHistory { key: Cow<'a, str> },
    RackHistory { id: i64 },
    ListChanges,
    ListNotes,
    CreateNote,
    EditNote { id: i64 },
    DeleteNote { id: i64 },
    ListTemplates,
    RenderTemplate { name: Cow<'a, str> },
    ListTickets,
    CreateTicket,
    Ticket { id: i64 },
    EditTicket { id: i64 },
    AddToTicket { id: i64 },
    TakeFromTicket { id: i64 },
    RetryTicket { id: i64 },
    TellTicketState { id: i64 },
    FindDevices,
    Device { id: i64 },
    Rack { id: i64 },
    InventoryProblems,
    ListViews,
    CreateView,
    View { id: i64 },
    ChangeView { id: i64 },
    DeleteView { id: i64 },
    ViewMembers { id: i64 },
    Me,
    Audit,
    Screen { token: &'a str },
    Healthz,
    Readyz,
    OpenApi,
    Status,
    Plain,
    Handover,
}

/// What a route needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rules {
    /// The route's name in metrics and logs; its `operationId` in the OpenAPI document.
    pub(crate) name: &'static str,
    /// Who may; `None` for everybody, not even asking who they are.
    pub(crate) role: Option<Role>,
    /// The browser must have been sent by Heat's own page.
    pub(crate) own_origin: bool,
    /// How much of it one caller may do is limited.
    pub(crate) paced: bool,
}

const GET: &str = "GET, HEAD";

impl<'a> Route<'a> {
    /// The route of a request. The path decides first, so that a wrong method is told which are right.
    pub(crate) fn parse(method: &Method, path: &'a str) -> Result<Self, Problem> {
        let is_head = method == Method::HEAD;
        let method = if is_head { &Method::GET } else { method };
        let read =
            |route| if method == Method::GET { Ok(route) } else { Err(Problem::MethodNotAllowed(GET)) };
        let segments: Vec<&str> = path.split('/').skip(1).collect();
        match segments.as_slice() {
            ["api", "v1", "snapshot"] => read(Self::Snapshot),
            // There is no handshake without a body to come.
            ["api", "v1", "live"] if is_head => Err(Problem::MethodNotAllowed("GET")),
            ["api", "v1", "live"] => read(Self::Live),
            ["api", "v1", "inventory"] => read(Self::Inventory),
            ["api", "v1", "coverage"] => read(Self::Coverage),
            ["api", "v1", "me"] => read(Self::Me),
            ["api", "v1", "audit"] => read(Self::Audit),
            ["screen", token] => read(Self::Screen { token }),
            ["api", "v1", "devices"] => read(Self::FindDevices),
            ["api", "v1", "devices", id] => read(Self::Device { id: id_of("device", id)? }),
            ["api", "v1", "racks", id] => read(Self::Rack { id: id_of("rack", id)? }),
            ["api", "v1", "inventory", "problems"] => read(Self::InventoryProblems),
            ["api", "v1", "views"] => match *method {
                Method::GET => Ok(Self::ListViews),
                Method::POST => Ok(Self::CreateView),
                _ => Err(Problem::MethodNotAllowed("GET, HEAD, POST")),
            },
            ["api", "v1", "views", id] => match (method, id_of("view", id)?) {
                (&Method::GET, id) => Ok(Self::View { id }),
                (&Method::PUT, id) => Ok(Self::ChangeView { id }),
                (&Method::DELETE, id) => Ok(Self::DeleteView { id }),
                _ => Err(Problem::MethodNotAllowed("DELETE, GET, HEAD, PUT")),
            },
            ["api", "v1", "views", id, "members"] => read(Self::ViewMembers { id: id_of("view", id)? }),
            ["api", "v1", "events"] => read(Self::ListEvents),
            // No key: every key has two colons.
            ["api", "v1", "events", "acknowledge"] => match *method {
                Method::POST => Ok(Self::Acknowledge),
                Method::DELETE => Ok(Self::Withdraw),
                _ => Err(Problem::MethodNotAllowed("DELETE, POST")),
            },
            ["api", "v1", "events", key] => read(Self::Event { key: event_key(key)? }),
            ["api", "v1", "events", key, "comments"] => match (method, event_key(key)?) {
                (&Method::GET, key) => Ok(Self::ListComments { key }),
                (&Method::POST, key) => Ok(Self::CreateComment { key }),
                _ => Err(Problem::MethodNotAllowed("GET, HEAD, POST")),
            },
            ["api", "v1", "events", key, "history"] => read(Self::EventHistory { key: event_key(key)? }),
            ["api", "v1", "racks", id, "history"] => read(Self::RackHistory { id: id_of("rack", id)? }),
            ["api", "v1", "changes"] => read(Self::ListChanges),
            ["api", "v1", "comments"] => match *method {
                Method::POST => Ok(Self::CreateComments),
                _ => Err(Problem::MethodNotAllowed("POST")),
            },
            ["api", "v1", "comments", id] => match (method, id_of("comment", id)?) {
                (&Method::PATCH, id) => Ok(Self::EditComment { id }),
                (&Method::DELETE, id) => Ok(Self::DeleteComment { id }),
                _ => Err(Problem::MethodNotAllowed("DELETE, PATCH")),
            },
            ["api", "v1", "notes"] => match *method {
                Method::GET => Ok(Self::ListNotes),
                Method::POST => Ok(Self::CreateNote),
                _ => Err(Problem::MethodNotAllowed("GET, HEAD, POST")),
            },
            ["api", "v1", "notes", id] => match (method, id_of("note", id)?) {
                (&Method::PATCH, id) => Ok(Self::EditNote { id }),
                (&Method::DELETE, id) => Ok(Self::DeleteNote { id }),
                _ => Err(Problem::MethodNotAllowed("DELETE, PATCH")),
            },
            ["api", "v1", "templates"] => read(Self::ListTemplates),
            ["api", "v1", "templates", name, "render"] => match *method {
                Method::POST => Ok(Self::RenderTemplate { name: template_name(name)? }),
                _ => Err(Problem::MethodNotAllowed("POST")),
            },
            ["api", "v1", "tickets"] => match *method {
                Method::GET => Ok(Self::ListTickets),
                Method::POST => Ok(Self::CreateTicket),
                _ => Err(Problem::MethodNotAllowed("GET, HEAD, POST")),
            },
            ["api", "v1", "tickets", id] => match (method, id_of("ticket", id)?) {
                (&Method::GET, id) => Ok(Self::Ticket { id }),
                (&Method::PATCH, id) => Ok(Self::EditTicket { id }),
                _ => Err(Problem::MethodNotAllowed("GET, HEAD, PATCH")),
            },
            ["api", "v1", "tickets", id, "events"] => match (method, id_of("ticket", id)?) {
                (&Method::POST, id) => Ok(Self::AddToTicket { id }),
                (&Method::DELETE, id) => Ok(Self::TakeFromTicket { id }),
                _ => Err(Problem::MethodNotAllowed("DELETE, POST")),
            },
            ["api", "v1", "tickets", id, "retry"] => match (method, id_of("ticket", id)?) {
                (&Method::POST, id) => Ok(Self::RetryTicket { id }),
                _ => Err(Problem::MethodNotAllowed("POST")),
            },
            ["api", "v1", "tickets", id, "state"] => match (method, id_of("ticket", id)?) {
                (&Method::POST, id) => Ok(Self::TellTicketState { id }),
                _ => Err(Problem::MethodNotAllowed("POST")),
            },
            ["healthz"] => read(Self::Healthz),
            ["readyz"] => read(Self::Readyz),
            ["openapi.json"] => read(Self::OpenApi),
            ["status"] => read(Self::Status),
            ["plain"] => read(Self::Plain),
            ["handover"] => read(Self::Handover),
            _ => Err(Problem::NotFound("no such path; /openapi.json describes all there are".to_owned())),
        }
    }

    /// What it needs: the one place that says who may do what.
    pub(crate) const fn rules(&self) -> Rules {
        match self {
            Self::Snapshot => reads("getSnapshot"),
            Self::Live => Rules { own_origin: true, ..reads("live") },
            Self::Inventory => reads("getInventory"),
            Self::Coverage => reads("getCoverage"),
            Self::ListEvents => reads("listEvents"),
            Self::Acknowledge => writes("acknowledge"),
            Self::Withdraw => writes("withdrawAcknowledgement"),
            Self::Event { .. } => reads("getEvent"),
            Self::ListComments { .. } => reads("listComments"),
            Self::CreateComment { .. } => writes("createComment"),
            Self::CreateComments => writes("createComments"),
            Self::EditComment { .. } => writes("editComment"),
            Self::DeleteComment { .. } => writes("deleteComment"),
            Self::EventHistory { .. } => reads("getEventHistory"),
            Self::RackHistory { .. } => reads("getRackHistory"),
            Self::ListChanges => reads("listChanges"),
            Self::ListNotes => reads("listNotes"),
            Self::CreateNote => writes("createNote"),
            Self::EditNote { .. } => writes("editNote"),
            Self::DeleteNote { .. } => writes("deleteNote"),
            Self::ListTemplates => reads("listTemplates"),
            // It writes nothing, but it is work.
            Self::RenderTemplate { .. } => writes("renderTemplate"),
            Self::ListTickets => reads("listTickets"),
            Self::CreateTicket => writes("createTicket"),
            Self::Ticket { .. } => reads("getTicket"),
            Self::EditTicket { .. } => writes("editTicket"),
            Self::AddToTicket { .. } => writes("addToTicket"),
            Self::TakeFromTicket { .. } => writes("takeFromTicket"),
            Self::RetryTicket { .. } => writes("retryTicket"),
            Self::TellTicketState { .. } => writes("tellTicketState"),
            Self::FindDevices => reads("findDevices"),
            Self::Device { .. } => reads("getDevice"),
            Self::Rack { .. } => reads("getRack"),
            Self::InventoryProblems => reads("listInventoryProblems"),
            Self::ListViews => reads("listViews"),
            Self::CreateView => writes("createView"),
            Self::View { .. } => reads("getView"),
            Self::ChangeView { .. } => writes("changeView"),
            Self::DeleteView { .. } => writes("deleteView"),
            Self::ViewMembers { .. } => reads("getViewMembers"),
            Self::Me => reads("getMe"),
            Self::Audit => Rules { role: Some(Role::Admin), ..reads("listAudit") },
            Self::Screen { .. } => open("enterScreen"),
            Self::Healthz => open("healthz"),
            Self::Readyz => open("readyz"),
            Self::OpenApi => open("openapi"),
            Self::Status => reads("status"),
            Self::Plain => reads("plain"),
            Self::Handover => reads("handover"),
        }
    }
}

const fn open(name: &'static str) -> Rules {
    Rules { name, role: None, own_origin: false, paced: false }
}

const fn reads(name: &'static str) -> Rules {
    Rules { name, role: Some(Role::Viewer), own_origin: false, paced: false }
}

const fn writes(name: &'static str) -> Rules {
    Rules { name, role: Some(Role::Operator), own_origin: true, paced: true }
}

/// One path segment as an event key.
fn event_key(segment: &str) -> Result<Cow<'_, str>, Problem> {
    let key = percent_decode_str(segment)
        .decode_utf8()
        .map_err(|_| Problem::Invalid("the event key is not percent-encoded UTF-8".to_owned()))?;
    // Postgres holds no NUL; a key with one is a mistake, not a defect of the database.
    if key.is_empty() || key.contains('\0') || key.chars().count() > LONGEST_KEY {
        let expected = format!("an event key has 1 to {LONGEST_KEY} characters and no NUL");
        return Err(Problem::Invalid(expected));
    }
    Ok(key)
}

fn id_of(what: &str, segment: &str) -> Result<i64, Problem> {
    let id = segment.parse().ok().filter(|id| (1..=MAX_ID.cast_signed()).contains(id));
    id.ok_or_else(|| Problem::Invalid(format!("a {what}'s id is a whole number from 1 to {MAX_ID}")))
}

/// One path segment as a template's name.
fn template_name(segment: &str) -> Result<Cow<'_, str>, Problem> {
    percent_decode_str(segment)
        .decode_utf8()
        .map_err(|_| Problem::Invalid("the template's name is not percent-encoded UTF-8".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn name(method: &str, path: &str) -> Result<&'static str, Problem> {
        Route::parse(&method.parse().unwrap(), path).map(|route| route.rules().name)
    }

    #[test]
    fn every_operation_of_the_openapi_document_is_a_route_of_that_name_and_no_other_method_is() {
        let document: Value = serde_json::from_str(crate::machine::OPENAPI).unwrap();
        for (template, item) in document["paths"].as_object().unwrap() {
            let path = template
                .replace("{key}", "zabbix:1:a")
                .replace("{id}", "42")
                .replace("{name}", "power")
                .replace("{token}", "heat_0");
            for method in ["get", "post", "put", "patch", "delete"] {
                let operation = item.get(method).map(|operation| operation["operationId"].as_str().unwrap());
                match (name(&method.to_uppercase(), &path), operation) {
                    (Ok(name), Some(id)) => assert_eq!(name, id, "{method} {path}"),
                    (Err(Problem::MethodNotAllowed(allow)), None) => {
                        for allowed in allow.split(", ").filter(|allowed| *allowed != "HEAD") {
                            assert!(item.get(allowed.to_lowercase()).is_some(), "{allowed} {path}");
                        }
                    }
                    (route, operation) => panic!("{method} {path}: {route:?}, documented as {operation:?}"),
                }
            }
        }
    }

    #[test]
    fn every_route_stands_in_the_openapi_document() {
        let key = || Cow::Borrowed("k");
        let all = [
            Route::Snapshot,
            Route::Live,
            Route::Inventory,
            Route::Coverage,
            Route::ListEvents,
            Route::Acknowledge,
            Route::Withdraw,
            Route::Event { key: key() },
            Route::ListComments { key: key() },
            Route::CreateComment { key: key() },
            Route::CreateComments,
            Route::EditComment { id: 1 },
            Route::DeleteComment { id: 1 },
            Route::EventHistory { key: key() },
            Route::RackHistory { id: 1 },
            Route::ListChanges,
            Route::ListNotes,
            Route::CreateNote,
            Route::EditNote { id: 1 },
            Route::DeleteNote { id: 1 },
            Route::ListTemplates,
            Route::RenderTemplate { name: key() },
            Route::ListTickets,
            Route::CreateTicket,
            Route::Ticket { id: 1 },
            Route::EditTicket { id: 1 },
            Route::AddToTicket { id: 1 },
            Route::TakeFromTicket { id: 1 },
            Route::RetryTicket { id: 1 },
            Route::TellTicketState { id: 1 },
            Route::FindDevices,
            Route::Device { id: 1 },
            Route::Rack { id: 1 },
            Route::InventoryProblems,
            Route::ListViews,
            Route::CreateView,
            Route::View { id: 1 },
            Route::ChangeView { id: 1 },
            Route::DeleteView { id: 1 },
            Route::ViewMembers { id: 1 },
            Route::Me,
            Route::Audit,
            Route::Screen { token: "heat_0" },
            Route::Healthz,
            Route::Readyz,
            Route::OpenApi,
            Route::Status,
            Route::Plain,
            Route::Handover,
        ];
        for route in all {
            let operation = format!("\"operationId\": \"{}\"", route.rules().name);
            assert!(crate::machine::OPENAPI.contains(&operation), "{operation}");
        }
    }

    #[test]
    fn every_write_needs_an_operator_and_heats_own_page() {
        for method in ["POST", "PUT", "PATCH", "DELETE"] {
            for path in [
                "/api/v1/events/acknowledge",
                "/api/v1/notes",
                "/api/v1/notes/1",
                "/api/v1/events/k/comments",
                "/api/v1/comments",
                "/api/v1/comments/1",
                "/api/v1/templates/power/render",
                "/api/v1/tickets",
                "/api/v1/tickets/1",
                "/api/v1/tickets/1/events",
                "/api/v1/tickets/1/retry",
                "/api/v1/tickets/1/state",
                "/api/v1/views",
                "/api/v1/views/1",
            ] {
                let Ok(route) = Route::parse(&method.parse().unwrap(), path) else { continue };
                let rules = route.rules();
                assert_eq!((rules.role, rules.own_origin), (Some(Role::Operator), true), "{method} {path}");
            }
        }
    }

    #[test]
    fn a_key_is_one_percent_encoded_segment() {
        let key = |path| match Route::parse(&Method::GET, path).unwrap() {
            Route::Event { key } => key.into_owned(),
            other => panic!("{other:?}"),
        };
        assert_eq!(key("/api/v1/events/j%3Ahttp%253A80%2Fp%3Fa%3Dб:%D1%8F"), "j:http%3A80/p?a=б:я");
        assert_eq!(key("/api/v1/events/comments"), "comments");
        for wrong in ["/api/v1/events/%ff", "/api/v1/events/", "/api/v1/events/a%00b"] {
            assert!(matches!(Route::parse(&Method::GET, wrong), Err(Problem::Invalid(_))), "{wrong}");
        }
        let long = format!("/api/v1/events/{}", "k".repeat(1001));
        assert!(matches!(Route::parse(&Method::GET, &long), Err(Problem::Invalid(_))));
    }

    #[test]
    fn a_path_that_is_nearly_right_is_not_found() {
        for path in
            ["/", "", "/api/v1/snapshot/", "//api/v1/snapshot", "/api/v1/events/a/b", "/api/v2/snapshot", "*"]
        {
            assert!(matches!(Route::parse(&Method::GET, path), Err(Problem::NotFound(_))), "{path}");
        }
        assert!(matches!(name("PATCH", "/api/v1/comments/-1"), Err(Problem::Invalid(_))));
        assert_eq!(name("GET", "/api/v1/racks/9007199254740991/history").unwrap(), "getRackHistory");
        let too_large = name("GET", "/api/v1/racks/9007199254740992/history");
        assert!(matches!(too_large, Err(Problem::Invalid(_))), "{too_large:?}");
        assert_eq!(name("HEAD", "/api/v1/snapshot").unwrap(), "getSnapshot");
        assert!(matches!(name("HEAD", "/api/v1/live"), Err(Problem::MethodNotAllowed("GET"))));
    }
}
