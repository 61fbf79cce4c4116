//! The way of a request: its id, its route, who may, the handler, and what is counted.

use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use heat::db::audit::Actor;
use heat::serve::Peer;
use hyper::body::Incoming;
use hyper::header::{
    CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{HeaderMap, Request};

use crate::access::{Caller, Via};
use crate::app::App;
use crate::problem::Problem;
use crate::reply::Reply;
use crate::route::Route;
use crate::{
    acknowledgements, audit, changes, comments, devices, door, event_list, events, handover, history,
    inventory_problems, live, machine, me, notes, picture, plain, racks, screen, status, templates, tickets,
    views,
};

/// What a browser may do with an answer, whether or not a proxy in front says it too.
const SECURITY: [(HeaderName, &str); 4] = [
    (
        CONTENT_SECURITY_POLICY,
        "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (REFERRER_POLICY, "same-origin"),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
];

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The longest request id taken over, in bytes.
const LONGEST_ID: usize = 128;

/// What is left of a request once its route is known and its caller admitted.
pub(crate) struct Asked {
    /// Who asks; nobody in particular where everybody may.
    pub(crate) caller: Option<Caller>,
    /// Names the request in the log and in the audit.
    pub(crate) request_id: String,
    /// The other end of the connection.
    pub(crate) peer: IpAddr,
    /// The request itself.
    pub(crate) request: Request<Incoming>,
}

impl Asked {
    /// The headers.
    pub(crate) fn headers(&self) -> &HeaderMap {
        self.request.headers()
    }

    /// Who does something, for the audit.
    pub(crate) fn actor(&self) -> Result<Actor, Problem> {
        let caller = self.caller()?;
        let (name, via) = (caller.name.clone(), caller.via.name());
        Ok(Actor { name, via, request_id: self.request_id.clone() })
    }

    /// Who asks, on a route that admits only those it knows.
    pub(crate) fn caller(&self) -> Result<&Caller, Problem> {
        self.caller.as_ref().ok_or(Problem::Unauthorized)
    }
}

/// Answers one request, whatever it is.
pub(crate) async fn answer(app: Arc<App>, request: Request<Incoming>) -> Reply {
    let started = Instant::now();
    let request_id = request_id(request.headers());
    let uri = request.uri().clone();
    let (name, answered) = match Route::parse(request.method(), uri.path()) {
        Ok(route) => (route.rules().name, dispatch(&app, route, request, &request_id).await),
        Err(problem) => ("none", Err(problem)),
    };
    let mut reply = answered.unwrap_or_else(|problem| problem.into_reply(name, &request_id));
    let headers = reply.headers_mut();
    for (name, value) in SECURITY {
        // What an answer says for itself stays.
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    if let Ok(id) = HeaderValue::try_from(request_id) {
        headers.insert(REQUEST_ID, id);
    }
    app.metrics.answered(name, reply.status().as_u16(), started.elapsed());
    reply
}

async fn dispatch(
    app: &Arc<App>,
    route: Route<'_>,
    request: Request<Incoming>,
    request_id: &str,
) -> Result<Reply, Problem> {
    let rules = route.rules();
    let peer =
        request.extensions().get::<Peer>().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0.ip());
    let caller = match rules.role {
        Some(role) => Some(door::admit(app, role, peer, request.headers()).await?),
        None => None,
    };
    let via = caller.as_ref().map(|caller| caller.via);
    // No page of another site can make a browser send a bearer token.
    if rules.own_origin && via != Some(Via::Token) {
        app.access.check_origin(request.headers())?;
    }
    // Where everybody is the same local operator, that name says nothing.
    if let Some(caller) = caller.as_ref().filter(|_| rules.paced && via != Some(Via::Off)) {
        app.pace.write(&caller.name)?;
    }
    let asked = Asked { caller, request_id: request_id.to_owned(), peer, request };
    // What is asked most often is spared the room that the others need.
    if route == Route::Snapshot {
        picture::snapshot(app, asked.headers()).await
    } else {
        Box::pin(handle(app, route, asked)).await
    }
}

async fn handle(app: &Arc<App>, route: Route<'_>, asked: Asked) -> Result<Reply, Problem> {
    match route {
        Route::Snapshot => picture::snapshot(app, asked.headers()).await,
        Route::Inventory => picture::document(&app.documents.inventory, asked.headers()).await,
        Route::Coverage => picture::document(&app.documents.coverage, asked.headers()).await,
        Route::Live => live::accept(app, asked),
        Route::ListEvents => event_list::show(app, &asked).await,
        Route::Acknowledge => acknowledgements::acknowledge(app, asked).await,
        Route::Withdraw => acknowledgements::withdraw(app, asked).await,
        Route::Event { key } => events::show(app, &asked, &key).await,
        Route::ListComments { key } => comments::list(app, &asked, &key).await,
        Route::CreateComment { key } => comments::create(app, asked, &key).await,
        Route::CreateComments => comments::create_many(app, asked).await,
        Route::EditComment { id } => comments::edit(app, asked, id).await,
        Route::DeleteComment { id } => comments::delete(app, &asked, id).await,
        Route::EventHistory { key } => history::of_event(app, &asked, &key).await,
        Route::RackHistory { id } => history::of_rack(app, &asked, id).await,
        Route::ListChanges => changes::list(app, asked.request.uri().query().unwrap_or_default()).await,
        Route::ListNotes => notes::list(app, asked.request.uri().query().unwrap_or_default()).await,
        Route::CreateNote => notes::create(app, asked).await,
        Route::EditNote { id } => notes::edit(app, asked, id).await,
        Route::DeleteNote { id } => notes::delete(app, &asked, id).await,
        Route::ListTemplates => templates::list(app, asked.request.uri().query().unwrap_or_default()).await,
        Route::RenderTemplate { name } => templates::render(app, asked, &name).await,
        Route::ListTickets => tickets::list(app, asked.request.uri().query().unwrap_or_default()).await,
        Route::CreateTicket => Box::pin(tickets::create(app, asked)).await,
        Route::Ticket { id } => tickets::show(app, id).await,
        Route::EditTicket { id } => tickets::edit(app, asked, id).await,
        Route::AddToTicket { id } => tickets::add(app, asked, id).await,
        Route::TakeFromTicket { id } => tickets::take(app, asked, id).await,
        Route::RetryTicket { id } => tickets::retry(app, &asked, id).await,
        Route::TellTicketState { id } => tickets::tell_state(app, asked, id).await,
        Route::FindDevices => devices::find(app, &asked).await,
        Route::Device { id } => devices::show(app, id.unsigned_abs()).await,
        Route::Rack { id } => racks::show(app, id.unsigned_abs()).await,
        Route::InventoryProblems => {
            inventory_problems::list(app, asked.request.uri().query().unwrap_or_default()).await
        }
        Route::ListViews => views::list(app, &asked).await,
        Route::CreateView => views::create(app, asked).await,
        Route::View { id } => views::show(app, &asked, id).await,
        Route::ChangeView { id } => views::change(app, asked, id).await,
        Route::DeleteView { id } => views::delete(app, &asked, id).await,
        Route::ViewMembers { id } => views::members(app, &asked, id).await,
        Route::Me => me::show(app, asked.caller()?),
        Route::Audit => audit::list(app, asked.request.uri().query().unwrap_or_default()).await,
        Route::Screen { token } => screen::enter(app, &asked, token).await,
        Route::Healthz => Ok(machine::healthz()),
        Route::Readyz => machine::readyz(app).await,
        Route::OpenApi => Ok(machine::openapi()),
        Route::Status => status::show(app).await,
        Route::Plain => plain::show(app, asked.request.uri().query()).await,
        Route::Handover => handover::show(app, &asked).await,
    }
}

/// The id the proxy in front gave, so that its log and ours can be read together, or one of our own.
fn request_id(headers: &HeaderMap) -> String {
    let given = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok());
    let is_sane = |id: &&str| {
        (1..=LONGEST_ID).contains(&id.len())
            && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
    };
    given.filter(is_sane).map_or_else(own_id, str::to_owned)
}

/// Unlike any other of this replica, and as good as certainly of the others.
fn own_id() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    // The standard library seeds its hashers at random; that spares a dependency.
    format!("{:016x}{count:08x}", RandomState::new().hash_one(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sane_request_id_is_taken_over_and_any_other_replaced() {
        let of = |id: &'static str| {
            request_id(&HeaderMap::from_iter([(REQUEST_ID, HeaderValue::from_static(id))]))
        };
        assert_eq!(of("01J9ZK3W7Q"), "01J9ZK3W7Q");
        for bad in ["", "a b", "x\"y", "<script>"] {
            assert_ne!(of(bad), bad);
            assert_eq!(of(bad).len(), 24);
        }
        assert_ne!(own_id(), own_id());
    }
}
