//! Who is let in: by a token, by what the proxy in front says, or by the cookie of a screen.

use std::net::IpAddr;
use std::sync::Arc;

use heat::token::{Digest, MARK};
use hyper::HeaderMap;
use hyper::header::{AUTHORIZATION, COOKIE};

use crate::access::{Caller, Role, Via};
use crate::app::App;
use crate::problem::Problem;
use crate::tokens::Pass;

/// Holds a screen's token in its browser.
pub(crate) const SCREEN_COOKIE: &str = "heat_screen";

/// Who asks, if they may do what `needed` says.
pub(crate) async fn admit(
    app: &App,
    needed: Role,
    peer: IpAddr,
    headers: &HeaderMap,
) -> Result<Caller, Problem> {
    let caller = caller(app, peer, headers).await?;
    if caller.role >= needed {
        return Ok(caller);
    }
    let how = match caller.via {
        Via::Token | Via::Screen => "ask for a token that has it",
        Via::Off => "HEAT_AUTH=off gives nobody that; make a token that has it (heat-updater token create)",
        Via::Proxy | Via::Anonymous => "ask for a group that has it (table [groups] of HEAT_CONFIG)",
    };
    let (has, needed) = (caller.role.name(), needed.name());
    Err(Problem::Forbidden(format!("this needs the role {needed}, yours is {has}; {how}")))
}

async fn caller(app: &App, peer: IpAddr, headers: &HeaderMap) -> Result<Caller, Problem> {
    if let Some(presented) = bearer(headers) {
        let pass = find(app, presented, app.access.client(peer, headers)).await?;
        // A screen's token stays in its browser.
        let (digest, pass) =
            pass.filter(|(_, pass)| pass.screen_path.is_none()).ok_or(Problem::WrongToken)?;
        return Ok(holder(Via::Token, digest, &pass));
    }
    let said = app.access.caller(peer, headers);
    if let Some(caller) = said.as_ref().filter(|caller| caller.via != Via::Anonymous) {
        return Ok(caller.clone());
    }
    if let Some(presented) = cookie(headers) {
        match find(app, presented, app.access.client(peer, headers)).await {
            Ok(Some((digest, pass))) if pass.screen_path.is_some() => {
                return Ok(holder(Via::Screen, digest, &pass));
            }
            // Where everybody may read, a screen may too, whatever its cookie is worth.
            Err(problem) if said.is_none() => return Err(problem),
            Ok(_) | Err(_) => {}
        }
    }
    said.ok_or(Problem::Unauthorized)
}

/// The token that is presented, if it is worth something.
///
/// # Errors
/// As [`crate::tokens::Tokens::find`], and [`Problem::TooMany`] for those who try out tokens.
pub(crate) async fn find(
    app: &App,
    presented: &str,
    client: IpAddr,
) -> Result<Option<(Digest, Arc<Pass>)>, Problem> {
    let found = match Digest::of(presented) {
        Some(digest) => Box::pin(app.tokens.find(digest)).await?.map(|pass| (digest, pass)),
        None => None,
    };
    if found.is_none() {
        app.pace.wrong_token(client)?;
    }
    Ok(found)
}

fn holder(via: Via, digest: Digest, pass: &Pass) -> Caller {
    // No login has a colon in front of which `token` or `screen` stands: see `Access::caller`.
    Caller { name: format!("{}:{}", via.name(), pass.name), role: pass.role, via, token: Some(digest) }
}

/// One of Heat's tokens. What else comes as a bearer token, some proxies add for themselves.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.trim().split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && token.starts_with(MARK)).then_some(token)
}

fn cookie(headers: &HeaderMap) -> Option<&str> {
    let lines = headers.get_all(COOKIE).into_iter().filter_map(|line| line.to_str().ok());
    let mut cookies = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    cookies.find_map(|(name, value)| (name == SCREEN_COOKIE).then_some(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::HeaderValue;

    #[test]
    fn only_a_bearer_token_of_heats_own_is_taken_for_one() {
        let of = |value| {
            let headers = HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static(value))]);
            bearer(&headers).map(str::to_owned)
        };
        assert_eq!(of("Bearer heat_0").as_deref(), Some("heat_0"));
        assert_eq!(of("bearer  heat_0 ").as_deref(), Some("heat_0"));
        for other in ["Bearer eyJhbGciOi", "Basic heat_0", "heat_0", "Bearer", ""] {
            assert_eq!(of(other), None, "{other}");
        }
    }

    #[test]
    fn a_screens_cookie_is_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, HeaderValue::from_static("a=b; not_heat_screen=x"));
        assert_eq!(cookie(&headers), None);
        headers.append(COOKIE, HeaderValue::from_static("_oauth2_proxy=1|2;heat_screen=heat_0; z="));
        assert_eq!(cookie(&headers), Some("heat_0"));
    }
}
