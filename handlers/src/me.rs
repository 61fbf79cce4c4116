//! `GET /api/v1/me`: who the caller is, and how this site is set up.

use heat::severity::Severity;
use heat::shift::end_of_shift;
use heat::template::Tz;
use heat::time::Timestamp;
use hyper::StatusCode;
use serde::Serialize;

use crate::access::{Caller, Role};
use crate::app::App;
use crate::problem::Problem;
use crate::reply::{self, Reply};

/// How this site wants its picture drawn.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Settings {
    /// From this severity on an event is painted.
    pub(crate) map_severity: Severity,
    /// IANA name.
    pub(crate) timezone: String,
    /// The URL of a device's page, with `{id}` in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) racktables_url: Option<String>,
    /// The URL of a rack's page, with `{id}` in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) racktables_rack_url: Option<String>,
    /// Depth of the locations that become tabs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) location_level: Option<u32>,
}

impl Settings {
    /// The time zone; UTC where this build's own list of zones does not have it.
    pub(crate) fn zone(&self) -> Tz {
        self.timezone.parse().unwrap_or(Tz::UTC)
    }
}

#[derive(Serialize)]
struct Me<'a> {
    name: &'a str,
    role: Role,
    auth: &'static str,
    version: &'static str,
    settings: &'a Settings,
    #[serde(skip_serializing_if = "Option::is_none")]
    shift_ends_at: Option<Timestamp>,
}

/// Its `Date` header tells browsers the time, so that ages are right on a screen whose clock is not.
pub(crate) fn show(app: &App, caller: &Caller) -> Result<Reply, Problem> {
    let me = Me {
        name: &caller.name,
        role: caller.role,
        auth: caller.via.name(),
        version: env!("CARGO_PKG_VERSION"),
        settings: &app.settings,
        shift_ends_at: end_of_shift(&app.shifts, app.settings.zone(), Timestamp::now()),
    };
    reply::json(StatusCode::OK, &me)
}
