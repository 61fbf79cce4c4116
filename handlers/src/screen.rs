//! `GET /screen/{token}`: a screen on a wall changes its token for a cookie, so that it stands in no address bar.

use heat::time::Timestamp;
use hyper::StatusCode;
use hyper::header::{CACHE_CONTROL, HeaderValue, LOCATION, REFERRER_POLICY, SET_COOKIE};

use crate::app::App;
use crate::door::{self, SCREEN_COOKIE};
use crate::problem::Problem;
use crate::reply::{self, Reply};
use crate::service::Asked;

/// Browsers keep no cookie for longer (RFC 6265bis, 5.5), in seconds.
const LONGEST_AGE: i64 = 400 * 86_400;

/// Sends the screen to its path.
pub(crate) async fn enter(app: &App, asked: &Asked, token: &str) -> Result<Reply, Problem> {
    let client = app.access.client(asked.peer, asked.headers());
    let found = door::find(app, token, client).await?;
    let path = found.as_ref().and_then(|(_, pass)| Some((pass.expires_at, pass.screen_path.as_deref()?)));
    let (expires_at, path) = path.ok_or_else(|| {
        Problem::NotFound(
            "no screen has this token, or it was revoked or is over; `heat-updater token create --screen` makes another"
                .to_owned(),
        )
    })?;
    let age = expires_at.unix().saturating_sub(Timestamp::now().unix()).clamp(1, LONGEST_AGE);
    let secure = if app.access.is_https() { "; Secure" } else { "" };
    let cookie = format!("{SCREEN_COOKIE}={token}; Path=/; Max-Age={age}; HttpOnly; SameSite=Strict{secure}");
    let mut reply = reply::empty(StatusCode::SEE_OTHER);
    let headers = reply.headers_mut();
    headers.insert(LOCATION, HeaderValue::try_from(path).map_err(anyhow::Error::from)?);
    headers.insert(SET_COOKIE, HeaderValue::try_from(cookie).map_err(anyhow::Error::from)?);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    Ok(reply)
}
