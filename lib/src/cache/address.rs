//! What `HEAT_REDIS_URL` may say: one server, the master that Sentinels name, or a cluster.
//!
//! `redis://[[user]:password@]host[:port][/database]`,
//! `redis+sentinel://[[user]:password@]sentinel[:port],…/master[/database][?sentinel_username=…&sentinel_password=…]`,
//! `redis+cluster://[[user]:password@]node[:port],…`; with `rediss` for `redis` every connection is TLS.

use std::fmt;

use deadpool_redis::redis::{ConnectionInfo, IntoConnectionInfo, RedisConnectionInfo};
use url::form_urlencoded;

use crate::config::Secret;

const SENTINEL_PORT: u16 = 26_379;

/// Why a URL cannot be used. It never quotes the URL, which may hold a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refused(String);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn refused<T>(why: impl Into<String>) -> Result<T, Refused> {
    Err(Refused(why.into()))
}

/// Where Redis is.
#[derive(Debug)]
pub(super) enum Address {
    /// One server.
    One(ConnectionInfo),
    /// The server that is the master of this name, by the word of these Sentinels.
    Sentinel {
        sentinels: Vec<ConnectionInfo>,
        master: String,
        /// Who we are at the master, and its database.
        settings: RedisConnectionInfo,
        tls: bool,
    },
    /// A cluster with these nodes, and those that they know.
    Cluster(Vec<ConnectionInfo>),
}

impl Address {
    pub(super) fn parse(url: &Secret) -> Result<Self, Refused> {
        let text = url.reveal();
        let (scheme, rest) = text.split_once("://").unwrap_or_default();
        let tls = scheme.starts_with("rediss");
        match scheme {
            "redis+sentinel" | "rediss+sentinel" => sentinel(&Parts::of(rest, tls)?),
            "redis+cluster" | "rediss+cluster" => cluster(&Parts::of(rest, tls)?),
            _ => Ok(Self::One(info(text)?)),
        }
    }
}

/// What stands between a scheme and the end.
struct Parts<'a> {
    tls: bool,
    /// With the `@`, still encoded; empty if there is none.
    user: &'a str,
    hosts: Vec<&'a str>,
    /// Without the first slash.
    path: &'a str,
    query: &'a str,
}

impl<'a> Parts<'a> {
    fn of(rest: &'a str, tls: bool) -> Result<Self, Refused> {
        if rest.contains('#') {
            return refused("a # must be written %23");
        }
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let after_user = authority.rfind('@').map_or(0, |at| at + 1);
        let (user, hosts) = authority.split_at(after_user);
        if user.matches('@').count() > 1 {
            return refused("an @ in a name or password must be written %40");
        }
        let hosts: Vec<_> = hosts.split(',').collect();
        if hosts.iter().any(|host| host.is_empty()) {
            return refused("a host is missing");
        }
        Ok(Self { tls, user, hosts, path: path.trim_end_matches('/'), query })
    }

    /// The URL of one server, to be read as any other.
    fn server(&self, user: &str, host: &str, database: &str) -> Result<ConnectionInfo, Refused> {
        let scheme = if self.tls { "rediss" } else { "redis" };
        info(&format!("{scheme}://{user}{host}/{database}"))
    }
}

/// As the client reads it. Its messages may quote the URL; the kind alone does not.
fn info(url: &str) -> Result<ConnectionInfo, Refused> {
    url.into_connection_info().map_err(|error| Refused(format!("{:?}", error.kind())))
}

fn sentinel(parts: &Parts<'_>) -> Result<Address, Refused> {
    let (master, database) = parts.path.split_once('/').unwrap_or((parts.path, ""));
    if master.is_empty() {
        return refused("the master's name is missing after the Sentinels");
    }
    let Ok(master) = percent_encoding::percent_decode_str(master).decode_utf8() else {
        return refused("the master's name is not UTF-8");
    };
    let (mut name, mut password) = (None, None);
    for (key, value) in form_urlencoded::parse(parts.query.as_bytes()) {
        match &*key {
            "sentinel_username" => name = Some(value),
            "sentinel_password" => password = Some(value),
            _ => return refused("after ? only sentinel_username and sentinel_password are known"),
        }
    }
    if name.is_some() && password.is_none() {
        return refused("sentinel_username wants sentinel_password");
    }
    let mut sentinels = Vec::new();
    for host in &parts.hosts {
        // A colon within brackets is part of an address of IPv6.
        let has_port = host.rsplit(']').next().is_some_and(|after| after.contains(':'));
        let port = if has_port { String::new() } else { format!(":{SENTINEL_PORT}") };
        let server = parts.server("", &format!("{host}{port}"), "")?;
        let mut settings = server.redis_settings().clone();
        if let Some(name) = &name {
            settings = settings.set_username(name);
        }
        if let Some(password) = &password {
            settings = settings.set_password(password);
        }
        sentinels.push(server.set_redis_settings(settings));
    }
    let settings = parts.server(parts.user, "master", database)?.redis_settings().clone();
    Ok(Address::Sentinel { sentinels, master: master.into_owned(), settings, tls: parts.tls })
}

fn cluster(parts: &Parts<'_>) -> Result<Address, Refused> {
    if !parts.path.is_empty() && parts.path != "0" {
        return refused("a cluster has the database 0 alone");
    }
    if !parts.query.is_empty() {
        return refused("nothing is known after ? of a cluster");
    }
    let nodes: Result<_, _> = parts.hosts.iter().map(|host| parts.server(parts.user, host, "")).collect();
    Ok(Address::Cluster(nodes?))
}

#[cfg(test)]
mod tests {
    use deadpool_redis::redis::ConnectionAddr;

    use super::*;

    fn parsed(url: &str) -> Result<Address, String> {
        Address::parse(&Secret::new(url)).map_err(|refused| refused.to_string())
    }

    fn at(info: &ConnectionInfo) -> String {
        let settings = info.redis_settings();
        format!("{} {:?} {:?}", info.addr(), settings.username(), settings.password())
    }

    #[test]
    fn one_server_is_read_as_every_client_of_redis_reads_it() {
        let Ok(Address::One(info)) = parsed("rediss://heat:a%40b@redis.example.net:7000/3") else {
            panic!("one server")
        };
        assert_eq!(at(&info), "redis.example.net:7000 Some(\"heat\") Some(\"a@b\")");
        assert_eq!(info.redis_settings().db(), 3);
    }

    #[test]
    fn sentinels_have_their_own_port_and_their_own_password() {
        let url = "redis+sentinel://heat:pass@s1,s2:7000,[fd00::1],[fd00::2]:7001/heat%2Fprod/2?sentinel_password=a%26b";
        let Ok(Address::Sentinel { sentinels, master, settings, tls }) = parsed(url) else {
            panic!("Sentinels")
        };
        let sentinels: Vec<_> = sentinels.iter().map(at).collect();
        let password = "None Some(\"a&b\")";
        assert_eq!(
            sentinels,
            ["s1:26379", "s2:7000", "fd00::1:26379", "fd00::2:7001"].map(|at| format!("{at} {password}"))
        );
        assert_eq!((&*master, settings.db(), tls), ("heat/prod", 2, false));
        assert_eq!((settings.username(), settings.password()), (Some("heat"), Some("pass")));
    }

    #[test]
    fn nodes_of_a_cluster_share_the_password_and_tls() {
        let Ok(Address::Cluster(nodes)) = parsed("rediss+cluster://:pass@n1:7000,n2/") else {
            panic!("a cluster")
        };
        let tls =
            |node: &ConnectionInfo| matches!(node.addr(), ConnectionAddr::TcpTls { insecure: false, .. });
        let nodes: Vec<_> = nodes.iter().map(|node| (at(node), tls(node))).collect();
        let at = |host: &str| (format!("{host} None Some(\"pass\")"), true);
        assert_eq!(nodes, [at("n1:7000"), at("n2:6379")]);
    }

    #[test]
    fn what_cannot_be_is_refused_without_quoting_the_password() {
        for (url, why) in [
            ("redis+sentinel://:geheim@s1,s2", "master's name"),
            ("redis+sentinel://:geheim@s1,,s2/heat", "host is missing"),
            ("redis+sentinel://:geheim@s1/heat/x", "InvalidClientConfig"),
            ("redis+sentinel://:geheim@s1:port/heat", "InvalidClientConfig"),
            ("redis+sentinel://s1/heat?password=geheim", "sentinel_password"),
            ("redis+sentinel://s1/heat?sentinel_username=geheim", "sentinel_password"),
            ("redis+sentinel://:ge@heim@s1/heat", "%40"),
            ("redis+sentinel://:ge#heim@s1/heat", "%23"),
            ("redis+cluster://:geheim@n1/1", "database 0"),
            ("redis+cluster://:geheim@n1?x=1", "nothing is known"),
            ("redis+cluster://", "host is missing"),
            ("http://:geheim@n1", "InvalidClientConfig"),
            ("geheim", "InvalidClientConfig"),
        ] {
            let error = parsed(url).unwrap_err();
            assert!(error.contains(why), "{url}: {error}");
            assert!(!error.contains("geheim") && !error.contains("heim"), "{error}");
        }
    }
}
