//! Arguments and environment: what a replica can be told, checked before it starts.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use heat::config::{ConfigError, File, Secret, StoreArgs};
use heat::severity::Severity;
use heat::shift::Shift;
use heat::telemetry::TelemetryArgs;
use ipnet::IpNet;
use url::Url;

use crate::access::{Access, Identity, Role};
use crate::me::Settings;

/// Heat's API: the picture over HTTP and WebSocket, comments, and pages that work without JavaScript.
///
/// A replica keeps nothing that matters: start as many as you like behind one address, kill any of them. It reads Redis
/// and Postgres, and never talks to a monitoring system.
#[derive(Clone, Debug, clap::Parser)]
#[command(name = "heat-api", version, max_term_width = 110, after_help = EXAMPLES)]
pub struct Args {
    /// Address to serve HTTP on
    #[arg(long, env = "HEAT_LISTEN", default_value = "127.0.0.1:8081")]
    listen: SocketAddr,
    /// Most WebSocket connections at once; further ones are told to try another replica
    #[arg(long, env = "HEAT_SOCKETS", default_value_t = 10_000)]
    sockets: u32,
    /// How long a WebSocket of somebody who is logged in lasts, in seconds, or a little less; they connect again then,
    /// with the rights they have by then
    #[arg(long, env = "HEAT_SOCKET_MAX_AGE", default_value_t = 900, value_parser = clap::value_parser!(u64).range(1..))]
    socket_max_age: u64,
    #[command(flatten)]
    stores: StoreArgs,
    #[command(flatten)]
    identity: IdentityArgs,
    #[command(flatten)]
    site: SiteArgs,
    /// Logging and metrics.
    #[command(flatten)]
    pub telemetry: TelemetryArgs,
}

const EXAMPLES: &str = "\
Examples:
  A replica for yourself, on loopback, without login:
    heat-api --auth off --redis-url redis://127.0.0.1 --database-url postgres://heat@127.0.0.1/heat
  A replica behind nginx or oauth2-proxy, which tell who the caller is:
    HEAT_AUTH=proxy HEAT_PUBLIC_URL=https://heat.example.net HEAT_TRUSTED_PROXIES=10.0.0.0/24 heat-api --listen 0.0.0.0:8081
  Is it well?
    curl http://127.0.0.1:8081/readyz";

#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Who may do what")]
struct IdentityArgs {
    /// How callers are known. No default. `off`: one local operator, and no listening beyond loopback. `proxy`:
    /// X-Forwarded-User and X-Forwarded-Groups, as oauth2-proxy and the shipped nginx configuration set them
    #[arg(long, env = "HEAT_AUTH", value_enum)]
    auth: Option<AuthMode>,
    /// Addresses or networks whose X-Forwarded-User is believed, separated by commas
    #[arg(long, env = "HEAT_TRUSTED_PROXIES", value_delimiter = ',', default_value = "127.0.0.0/8,::1/128")]
    trusted_proxies: Vec<String>,
    /// Let everybody read without login, as for a screen on a wall
    #[arg(long, env = "HEAT_ANONYMOUS", value_enum)]
    anonymous: Option<Anonymous>,
    /// The URL people open Heat at; writes and WebSocket connections are taken from its origin alone
    #[arg(long, env = "HEAT_PUBLIC_URL")]
    public_url: Option<String>,
    /// TOML file; of its tables this program reads [groups], group = "viewer", "operator" or "admin", where the group "*"
    /// is everybody who is logged in, and the tables `shift`
    #[arg(long, env = "HEAT_CONFIG")]
    config: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum AuthMode {
    Off,
    Proxy,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Anonymous {
    Viewer,
}

#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "How the picture is drawn")]
struct SiteArgs {
    /// The site's time zone, an IANA name such as Europe/Moscow
    #[arg(long, env = "HEAT_TIMEZONE", default_value = "UTC")]
    timezone: String,
    /// From this severity on an event is painted; below it is listed and counted. 0 to 5, or its name
    #[arg(long, env = "HEAT_MAP_SEVERITY", default_value = "warning")]
    map_severity: Severity,
    /// RackTables as browsers reach it; with {id} in it, the URL of a device's page
    #[arg(long, env = "HEAT_RACKTABLES_WEB_URL")]
    racktables_web_url: Option<String>,
    /// Depth of the locations that become tabs, 0 for the roots [default: the shallowest with more than one]
    #[arg(long, env = "HEAT_LOCATION_LEVEL")]
    location_level: Option<u32>,
}

/// A configuration that was found usable.
#[derive(Debug)]
pub struct Config {
    /// Where to serve.
    pub listen: SocketAddr,
    /// Where to serve metrics, if at all.
    pub metrics_listen: Option<SocketAddr>,
    pub(crate) redis_url: Secret,
    pub(crate) redis_prefix: String,
    pub(crate) database_url: Secret,
    pub(crate) sockets: usize,
    pub(crate) socket_max_age: Duration,
    pub(crate) access: Access,
    pub(crate) settings: Settings,
    pub(crate) shifts: Vec<Shift>,
}

impl TryFrom<Args> for Config {
    type Error = ConfigError;

    /// Checks every value; the error names the first that cannot be used, and what would be right.
    fn try_from(args: Args) -> Result<Self, ConfigError> {
        let file = File::read(args.identity.config.as_deref())?;
        let access = access(&args.identity, &file, args.listen)?;
        let racktables_url = args.site.racktables_web_url.map(racktables_url).transpose()?;
        Ok(Self {
            listen: args.listen,
            metrics_listen: args.telemetry.metrics_listen,
            redis_url: args.stores.redis_url()?,
            redis_prefix: args.stores.redis_prefix.clone(),
            database_url: args.stores.database_url()?,
            sockets: usize::try_from(args.sockets).unwrap_or(usize::MAX),
            socket_max_age: Duration::from_secs(args.socket_max_age),
            access,
            shifts: file.shift,
            settings: Settings {
                map_severity: args.site.map_severity,
                timezone: timezone(args.site.timezone)?,
                racktables_rack_url: racktables_url.as_deref().and_then(rack_url),
                racktables_url,
                location_level: args.site.location_level,
            },
        })
    }
}

fn access(args: &IdentityArgs, file: &File, listen: SocketAddr) -> Result<Access, ConfigError> {
    let origin = args.public_url.as_deref().map(origin).transpose()?;
    let identity = match args.auth {
        None => {
            let expected = "it has no default; set it to proxy, or to off for one local operator on loopback";
            return Err(ConfigError::invalid("HEAT_AUTH", "", expected));
        }
        Some(AuthMode::Off) if !listen.ip().is_loopback() => {
            let expected = "HEAT_AUTH=off lets everybody who reaches this address write; listen on 127.0.0.1 or [::1], \
                            or set HEAT_AUTH=proxy";
            return Err(ConfigError::invalid("HEAT_LISTEN", listen, expected));
        }
        Some(AuthMode::Off) => Identity::Off,
        Some(AuthMode::Proxy) if origin.is_none() => {
            let expected =
                "HEAT_AUTH=proxy needs the URL people open Heat at, such as https://heat.example.net";
            return Err(ConfigError::invalid("HEAT_PUBLIC_URL", "", expected));
        }
        Some(AuthMode::Proxy) => {
            Identity::Proxy { groups: groups(file)?, anonymous: args.anonymous == Some(Anonymous::Viewer) }
        }
    };
    let trusted = args.trusted_proxies.iter().map(|text| network(text)).collect::<Result<_, _>>()?;
    Ok(Access { identity, trusted, origin })
}

fn origin(text: &str) -> Result<String, ConfigError> {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    let url = url.ok_or_else(|| {
        ConfigError::invalid("HEAT_PUBLIC_URL", text, "an http or https URL such as https://heat.example.net")
    })?;
    Ok(url.origin().ascii_serialization())
}

fn network(text: &str) -> Result<IpNet, ConfigError> {
    let text = text.trim();
    let address = || text.parse::<IpAddr>().map(IpNet::from);
    text.parse().or_else(|_| address()).map_err(|_| {
        ConfigError::invalid(
            "HEAT_TRUSTED_PROXIES",
            text,
            "an address or a network such as 10.1.2.3 or 10.0.0.0/24",
        )
    })
}

/// The table of groups, which this program alone reads.
fn groups(file: &File) -> Result<BTreeMap<String, Role>, ConfigError> {
    file.groups.clone().try_into().map_err(|error: toml::de::Error| ConfigError::Toml {
        path: file.path().to_owned(),
        error: format!("[groups]: {}", error.message()),
    })
}

/// Where the system's own list of zones lies; a slim image has none, and then the form has to do.
const ZONES: &str = "/usr/share/zoneinfo";

fn timezone(name: String) -> Result<String, ConfigError> {
    let is_word = |word: &str| {
        word.starts_with(|c: char| c.is_ascii_alphabetic())
            && word.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'+'))
    };
    let has_form = name.split('/').count() <= 3 && name.split('/').all(is_word);
    let is_listed = || !Path::new(ZONES).is_dir() || Path::new(ZONES).join(&name).is_file();
    if has_form && is_listed() {
        return Ok(name);
    }
    Err(ConfigError::invalid("HEAT_TIMEZONE", name, "an IANA name such as UTC or Europe/Moscow"))
}

const DEVICE_PAGE: &str = "/index.php?page=object&object_id={id}";
const RACK_PAGE: &str = "/index.php?page=rack&rack_id={id}";

/// Where RackTables' own address is known, so is that of its page of a rack.
fn rack_url(device_url: &str) -> Option<String> {
    Some(format!("{}{RACK_PAGE}", device_url.strip_suffix(DEVICE_PAGE)?))
}

fn racktables_url(text: String) -> Result<String, ConfigError> {
    let is_web =
        Url::parse(&text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    if !is_web {
        let expected = "an http or https URL such as https://racktables.example.net";
        return Err(ConfigError::invalid("HEAT_RACKTABLES_WEB_URL", text, expected));
    }
    if text.contains("{id}") {
        return Ok(text);
    }
    let base = text.trim_end_matches('/').trim_end_matches("/index.php");
    Ok(format!("{base}{DEVICE_PAGE}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    fn config(args: &[&str]) -> Result<Config, String> {
        let stores =
            ["heat-api", "--redis-url", "redis://127.0.0.1", "--database-url", "postgres://h@127.0.0.1/h"];
        let args = Args::try_parse_from(stores.iter().chain(args)).map_err(|error| error.to_string())?;
        Config::try_from(args).map_err(|error| error.to_string())
    }

    #[test]
    fn the_arguments_are_consistent() {
        use clap::CommandFactory;
        Args::command().debug_assert();
    }

    #[test]
    fn how_callers_are_known_has_no_default() {
        assert!(config(&[]).unwrap_err().starts_with("HEAT_AUTH"));
    }

    #[test]
    fn without_login_nobody_beyond_loopback_is_served() {
        let refused = config(&["--auth", "off", "--listen", "0.0.0.0:8081"]).unwrap_err();
        assert!(
            refused.starts_with("HEAT_LISTEN") && refused.contains("loopback")
                || refused.contains("127.0.0.1")
        );
        assert!(config(&["--auth", "off", "--listen", "[::1]:8081"]).is_ok());
        let proxy =
            ["--auth", "proxy", "--public-url", "https://heat.example.net", "--listen", "0.0.0.0:8081"];
        assert!(config(&proxy).is_ok());
    }

    #[test]
    fn behind_a_proxy_the_public_url_and_the_networks_must_be_usable() {
        assert!(config(&["--auth", "proxy"]).unwrap_err().starts_with("HEAT_PUBLIC_URL"));
        let with = |networks| {
            config(&["--auth", "proxy", "--public-url", "https://h.example", "--trusted-proxies", networks])
        };
        assert!(with("10.0.0.0/24, 192.0.2.1,fd00::/8").is_ok());
        assert!(with("10.0.0.0/33").unwrap_err().starts_with("HEAT_TRUSTED_PROXIES = \"10.0.0.0/33\""));
    }

    #[test]
    fn of_the_tables_only_ones_own_are_read_and_a_wrong_role_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let of = |toml: &str| {
            std::fs::write(file.path(), toml).unwrap();
            File::read(Some(file.path())).and_then(|file| groups(&file)).map_err(|error| error.to_string())
        };
        let known =
            of("[[source]]\nname = \"z\"\n[groups]\nnoc = \"operator\"\n\"*\" = \"viewer\"\n").unwrap();
        assert_eq!(known, BTreeMap::from([("noc".into(), Role::Operator), ("*".into(), Role::Viewer)]));
        let wrong = of("[groups]\nnoc = \"king\"\n").unwrap_err();
        assert!(wrong.contains("king") && wrong.contains("operator"), "{wrong}");
    }

    #[test]
    fn a_time_zone_must_exist() {
        assert!(timezone("Europe/Moscow".into()).is_ok());
        for wrong in ["Moscow time", "../etc/passwd", "", "Europe//Moscow"] {
            assert!(timezone(wrong.into()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_device_page_of_racktables_is_found_from_its_address() {
        let page = "https://r.example/index.php?page=object&object_id={id}";
        assert_eq!(racktables_url("https://r.example/".into()).unwrap(), page);
        assert_eq!(racktables_url("https://r.example/index.php".into()).unwrap(), page);
        assert_eq!(racktables_url("https://r.example/d/{id}".into()).unwrap(), "https://r.example/d/{id}");
        assert!(racktables_url("r.example".into()).is_err());
        assert_eq!(rack_url(page).unwrap(), "https://r.example/index.php?page=rack&rack_id={id}");
        assert_eq!(rack_url("https://r.example/d/{id}"), None);
    }
}
