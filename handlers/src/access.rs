//! Who the caller is, and whether a browser sent them on purpose.

use std::collections::BTreeMap;
use std::net::IpAddr;

use heat::token::Digest;
use hyper::HeaderMap;
use hyper::header::ORIGIN;
use ipnet::IpNet;
use url::{Host, Url};

use crate::problem::Problem;

pub(crate) use heat::role::Role;

/// The group of everybody who is logged in.
const EVERYBODY: &str = "*";

/// In no name that is believed: it would pass for a token's. (HTTP's own login cannot have one either.)
const NO_LOGIN: char = ':';

/// The longest name believed, in bytes.
const LONGEST_NAME: usize = 200;

/// How callers are known.
#[derive(Clone, Debug)]
pub(crate) enum Identity {
    /// There is one local operator.
    Off,
    /// The proxy in front says it.
    Proxy {
        /// What the members of a group may do. Without a group one may read.
        groups: BTreeMap<String, Role>,
        /// Those who are not logged in may read.
        anonymous: bool,
    },
}

/// How a caller came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Via {
    /// There is one local operator.
    Off,
    /// The proxy in front said who it is.
    Proxy,
    /// Everybody may read here.
    Anonymous,
    /// By a bearer token.
    Token,
    /// By the cookie of a screen.
    Screen,
}

impl Via {
    /// As `/me` and the audit log write it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Proxy => "proxy",
            Self::Anonymous => "anonymous",
            Self::Token => "token",
            Self::Screen => "screen",
        }
    }
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Caller {
    /// The login; `token:` or `screen:` and the name of a token.
    pub(crate) name: String,
    /// What they may do.
    pub(crate) role: Role,
    /// How they came in.
    pub(crate) via: Via,
    /// By which token, if by one.
    pub(crate) token: Option<Digest>,
}

impl Caller {
    fn without_token(name: &str, role: Role, via: Via) -> Self {
        Self { name: name.to_owned(), role, via, token: None }
    }
}

/// The rules of the house.
#[derive(Clone, Debug)]
pub(crate) struct Access {
    /// How callers are known.
    pub(crate) identity: Identity,
    /// Whose word on a caller is believed.
    pub(crate) trusted: Vec<IpNet>,
    /// The origin of Heat's own page, `https://heat.example.net`.
    pub(crate) origin: Option<String>,
}

impl Access {
    /// Whether people open Heat by https.
    pub(crate) fn is_https(&self) -> bool {
        self.origin.as_deref().is_some_and(|origin| origin.starts_with("https://"))
    }

    /// The address a request comes from: that of the proxy's client where a proxy says it.
    pub(crate) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        // The last is the one that the proxy added itself.
        let said = headers.get("x-forwarded-for").filter(|_| self.is_trusted(peer));
        let said = said.and_then(|value| value.to_str().ok()?.rsplit(',').next()?.trim().parse().ok());
        said.unwrap_or(peer)
    }

    fn is_trusted(&self, peer: IpAddr) -> bool {
        // A dual-stack socket sees IPv4 peers under mapped addresses.
        let peer = peer.to_canonical();
        self.trusted.iter().any(|network| network.contains(&peer))
    }

    /// Who asks, without regard to tokens.
    pub(crate) fn caller(&self, peer: IpAddr, headers: &HeaderMap) -> Option<Caller> {
        let Identity::Proxy { groups, anonymous } = &self.identity else {
            return Some(Caller::without_token("operator", Role::Operator, Via::Off));
        };
        let said = |header| {
            let value = headers.get(header).filter(|_| self.is_trusted(peer))?;
            std::str::from_utf8(value.as_bytes()).ok().map(str::trim)
        };
        let name = said("x-forwarded-user")
            .filter(|name| (1..=LONGEST_NAME).contains(&name.len()) && !name.contains(NO_LOGIN));
        let Some(name) = name else {
            return anonymous.then(|| Caller::without_token("anonymous", Role::Viewer, Via::Anonymous));
        };
        let memberships = said("x-forwarded-groups").unwrap_or_default().split(',').map(str::trim);
        // The asterisk is configuration's word for everybody; that somebody calls a group so must give them nothing.
        let roles = memberships.filter(|group| *group != EVERYBODY).chain([EVERYBODY]);
        let role = roles.filter_map(|group| groups.get(group)).max().copied().unwrap_or(Role::Viewer);
        Some(Caller::without_token(name, role, Via::Proxy))
    }

    /// Refuses what another site's page made a browser send: a browser names the page's origin with every write and
    /// every WebSocket handshake.
    ///
    /// Programs name none. Behind a proxy they are refused too, since the login that comes with their request may be one
    /// that a browser sent along; with `HEAT_AUTH=off` there is no login to abuse, and curl just works.
    pub(crate) fn check_origin(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let local = matches!(self.identity, Identity::Off);
        let Some(value) = headers.get(ORIGIN) else {
            return if local { Ok(()) } else { Err(self.foreign("a request without an Origin header")) };
        };
        let value = value.to_str().unwrap_or("an unreadable one");
        let ours = self.origin.as_deref() == Some(value);
        if ours || (local && is_loopback(value)) {
            Ok(())
        } else {
            Err(self.foreign(&format!("the origin {value}")))
        }
    }

    fn foreign(&self, what: &str) -> Problem {
        let allowed = self.origin.as_deref().unwrap_or("a loopback address");
        Problem::Forbidden(format!(
            "{what} is not allowed; the origin of Heat's page is {allowed} (HEAT_PUBLIC_URL)"
        ))
    }
}

fn is_loopback(origin: &str) -> bool {
    match Url::parse(origin).ok().as_ref().and_then(Url::host) {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROXY: &str = "10.0.0.7";

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    fn behind_a_proxy(anonymous: bool) -> Access {
        let groups = [("noc", Role::Operator), ("leads", Role::Admin)].map(|(g, r)| (g.to_owned(), r)).into();
        let trusted = vec!["10.0.0.0/24".parse().unwrap()];
        let identity = Identity::Proxy { groups, anonymous };
        Access { identity, trusted, origin: Some("https://heat.example.net".into()) }
    }

    fn role(access: &Access, peer: &str, pairs: &[(&'static str, &str)]) -> Option<Role> {
        access.caller(peer.parse().unwrap(), &headers(pairs)).map(|caller| caller.role)
    }

    #[test]
    fn the_best_of_a_callers_groups_counts_and_none_means_reading() {
        let access = behind_a_proxy(false);
        let of =
            |groups| role(&access, PROXY, &[("x-forwarded-user", "eve"), ("x-forwarded-groups", groups)]);
        assert_eq!(of("staff, noc"), Some(Role::Operator));
        assert_eq!(of("noc,leads"), Some(Role::Admin));
        assert_eq!(of("staff"), Some(Role::Viewer));
        assert_eq!(of("*"), Some(Role::Viewer));
        assert_eq!(role(&access, "::ffff:10.0.0.7", &[("x-forwarded-user", "eve")]), Some(Role::Viewer));
    }

    #[test]
    fn only_the_proxy_is_believed() {
        let login = [("x-forwarded-user", "eve"), ("x-forwarded-groups", "leads")];
        assert_eq!(role(&behind_a_proxy(false), "10.0.1.7", &login), None);
        assert_eq!(role(&behind_a_proxy(true), "10.0.1.7", &login), Some(Role::Viewer));
        assert_eq!(role(&behind_a_proxy(false), PROXY, &[("x-forwarded-user", " ")]), None);
    }

    #[test]
    fn nobody_logs_in_under_the_name_of_a_token() {
        assert_eq!(role(&behind_a_proxy(false), PROXY, &[("x-forwarded-user", "token:grafana")]), None);
    }

    #[test]
    fn a_client_has_the_address_that_the_proxy_saw() {
        let client = |peer: &str, said| {
            let headers = headers(&[("x-forwarded-for", said)]);
            behind_a_proxy(false).client(peer.parse().unwrap(), &headers).to_string()
        };
        assert_eq!(client(PROXY, "192.0.2.1"), "192.0.2.1");
        assert_eq!(
            client(PROXY, "203.0.113.9, 192.0.2.1"),
            "192.0.2.1",
            "what it was told before, anybody may say"
        );
        assert_eq!(client(PROXY, "unknown"), PROXY);
        assert_eq!(client("10.0.1.7", "192.0.2.1"), "10.0.1.7");
    }

    #[test]
    fn everybody_logged_in_can_be_given_a_role() {
        let mut access = behind_a_proxy(true);
        if let Identity::Proxy { groups, .. } = &mut access.identity {
            groups.insert("*".into(), Role::Operator);
        }
        assert_eq!(role(&access, PROXY, &[("x-forwarded-user", "eve")]), Some(Role::Operator));
        assert_eq!(role(&access, PROXY, &[]), Some(Role::Viewer), "not those who are not");
    }

    #[test]
    fn another_sites_page_is_refused_and_so_is_none_where_there_is_a_login() {
        let local = Access {
            identity: Identity::Off,
            trusted: vec![],
            origin: Some("https://heat.example.net".into()),
        };
        let check =
            |access: &Access, pairs: &[(&'static str, &str)]| access.check_origin(&headers(pairs)).is_ok();
        for access in [&local, &behind_a_proxy(false)] {
            assert!(check(access, &[("origin", "https://heat.example.net")]));
            for foreign in [
                "https://evil.example",
                "https://heat.example.net.evil.example",
                "null",
                "http://heat.example.net",
            ] {
                assert!(!check(access, &[("origin", foreign)]), "{foreign}");
            }
        }
        assert!(check(&local, &[]));
        assert!(!check(&behind_a_proxy(false), &[]));
        for loopback in ["http://127.0.0.1:8080", "http://localhost:5173", "http://[::1]:1"] {
            assert!(check(&local, &[("origin", loopback)]), "{loopback}");
            assert!(!check(&behind_a_proxy(false), &[("origin", loopback)]), "{loopback}");
        }
    }
}
