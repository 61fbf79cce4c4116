//! The updater's configuration: flags and environment for every scalar, the TOML file for what is a table by nature.

#![expect(clippy::doc_markdown, reason = "the comments on arguments are the text of --help")]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use heat::config::{ConfigError, File, Secret, StoreArgs, secret};
use heat::db::roles::{Role, Roles};
use heat::incident::Availability;
use heat::inventory::RackId;
use heat::severity::{Severity, UnknownSeverity};
use heat::telemetry::TelemetryArgs;
use heat::ticket::TicketTag;
use serde::Deserialize;
use url::Url;

use crate::cadence::Schedule;
use crate::delivery::Target;
use crate::filter::FilterArgs;
use crate::refresh::Client;
use crate::tokens::TokenCommand;
use crate::upstream::git::{Access, Remote, Repository};
use crate::upstream::inventory::{InventoryOptions, InventorySource};
use crate::upstream::tracker::Tracker;
use crate::upstream::zabbix_inventory::Rules;
use crate::upstream::{juggler, startrek, webhook, zabbix};

/// Heat's updater: reads the monitoring systems and the inventory, and publishes what they say.
///
/// Several may run; one works at a time, and another takes over within 15 seconds if it dies.
#[derive(Clone, Debug, clap::Parser)]
#[command(name = "heat-updater", version, max_term_width = 100)]
#[command(
    after_help = "Every option can be given by the environment variable named beside it. Sources without a URL are off.\n\
    Tables (several sources of a kind, severity maps, inventory rules) live in the TOML file named by HEAT_CONFIG."
)]
pub struct Arguments {
    /// What to do; `run` if nothing is said
    #[command(subcommand)]
    pub command: Option<Command>,
    /// The stores.
    #[command(flatten)]
    pub stores: StoreArgs,
    /// Logs and metrics.
    #[command(flatten)]
    pub telemetry: TelemetryArgs,
    /// The upstream systems.
    #[command(flatten)]
    pub upstreams: UpstreamArgs,
    /// The templates.
    #[command(flatten)]
    pub templates: TemplateArgs,
    /// The schedule.
    #[command(flatten)]
    pub schedule: ScheduleArgs,
    /// Where tickets go.
    #[command(flatten)]
    pub tracker: TrackerArgs,
}

/// What the updater can do.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum Command {
    /// Poll the sources and publish snapshots, until stopped
    Run,
    /// Bring the database's schema up to date and end; safe when several do it at once
    Migrate(MigrateArgs),
    /// Check every dependency, say what is wrong and how to mend it, and how well hosts match the inventory
    Doctor,
    /// Make, list and revoke the tokens of programs and of screens on walls
    #[command(subcommand)]
    Token(TokenCommand),
    /// Work with the inventory
    #[command(subcommand)]
    Inventory(InventoryCommand),
    /// Print the racks and devices for which a RackCode expression holds
    #[command(name = "rackcode")]
    RackCode(RackCodeArgs),
    /// Print which events of a snapshot a filter means; asks no server
    Filter(FilterArgs),
}

/// What is done beside the schema.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct MigrateArgs {
    /// Also make the roles that heat-api and heat-updater come in as, with no more rights than each needs, and give them
    /// those rights on every table. HEAT_DATABASE_URL names the owner of the tables here, whom neither program is
    #[arg(long)]
    roles: bool,
    /// The role of heat-api; roles belong to the whole server, so a second Heat on it needs names of its own
    #[arg(long, env = "HEAT_API_ROLE", default_value = "heat_api")]
    api_role: String,
    /// The role of heat-updater
    #[arg(long, env = "HEAT_UPDATER_ROLE", default_value = "heat_updater")]
    updater_role: String,
    /// File with the password that heat-api's role is to have; as it was if not given
    #[arg(long, env = "HEAT_API_ROLE_PASSWORD_FILE", value_name = "FILE")]
    api_password_file: Option<PathBuf>,
    /// File with the password that heat-updater's role is to have; as it was if not given
    #[arg(long, env = "HEAT_UPDATER_ROLE_PASSWORD_FILE", value_name = "FILE")]
    updater_password_file: Option<PathBuf>,
}

impl MigrateArgs {
    /// The roles to make, if they are to be made.
    pub fn roles(&self) -> Result<Option<Roles>, ConfigError> {
        if !self.roles {
            return Ok(None);
        }
        let role = |name: &str, variable, file: Option<&PathBuf>| {
            Ok(Role { name: name.to_owned(), password: secret(variable, None, file)? })
        };
        Ok(Some(Roles {
            api: role(&self.api_role, "HEAT_API_ROLE_PASSWORD", self.api_password_file.as_ref())?,
            updater: role(
                &self.updater_role,
                "HEAT_UPDATER_ROLE_PASSWORD",
                self.updater_password_file.as_ref(),
            )?,
        }))
    }
}

/// What can be done with the inventory.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum InventoryCommand {
    /// Read HEAT_INVENTORY_URL and write it to standard output as JSON, the format of file:// inventories
    Export,
}

/// What an expression is asked of.
#[derive(Clone, Debug, clap::Args)]
pub struct RackCodeArgs {
    /// The expression, for instance '{dc1} and not {$unmounted}'; an empty one holds for everything
    pub expression: String,
    /// A JSON or CSV file in place of HEAT_INVENTORY_URL
    #[arg(long, value_name = "FILE")]
    pub inventory: Option<PathBuf>,
    /// How the answer is written
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// How an answer is written.
#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
pub enum Format {
    /// In columns, for people
    #[default]
    Table,
    /// For programs
    Json,
}

/// Where the upstream systems are.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Upstream systems")]
pub struct UpstreamArgs {
    /// Zabbix' frontend or its api_jsonrpc.php
    #[arg(long, env = "HEAT_ZABBIX_URL")]
    zabbix_url: Option<String>,
    /// An API token of a Zabbix user who may read every host
    #[arg(long, env = "HEAT_ZABBIX_TOKEN", hide_env_values = true)]
    zabbix_token: Option<Secret>,
    /// File that holds HEAT_ZABBIX_TOKEN
    #[arg(long, env = "HEAT_ZABBIX_TOKEN_FILE")]
    zabbix_token_file: Option<PathBuf>,
    /// Zabbix' frontend as people reach it, for links; HEAT_ZABBIX_URL if not set
    #[arg(long, env = "HEAT_ZABBIX_WEB_URL")]
    zabbix_web_url: Option<String>,
    /// Tell Zabbix what is acknowledged in Heat; the token's user must be allowed to acknowledge problems
    #[arg(long, env = "HEAT_ZABBIX_ACKNOWLEDGE", default_value_t, action = clap::ArgAction::Set, num_args = 0..=1, default_missing_value = "true")]
    zabbix_acknowledge: bool,
    /// Juggler's API
    #[arg(long, env = "HEAT_JUGGLER_URL")]
    juggler_url: Option<String>,
    /// Juggler's OAuth token
    #[arg(long, env = "HEAT_JUGGLER_TOKEN", hide_env_values = true)]
    juggler_token: Option<Secret>,
    /// File that holds HEAT_JUGGLER_TOKEN
    #[arg(long, env = "HEAT_JUGGLER_TOKEN_FILE")]
    juggler_token_file: Option<PathBuf>,
    /// The inventory: mysql://user:password@host/racktables_db, file:///path.json, file:///path.csv or zabbix:
    #[arg(long, env = "HEAT_INVENTORY_URL", hide_env_values = true)]
    inventory_url: Option<Secret>,
    /// Another name of HEAT_INVENTORY_URL
    #[arg(long, env = "HEAT_RACKTABLES_URL", hide_env_values = true, conflicts_with = "inventory_url")]
    racktables_url: Option<Secret>,
    /// File that holds HEAT_INVENTORY_URL
    #[arg(long, env = "HEAT_INVENTORY_URL_FILE")]
    inventory_url_file: Option<PathBuf>,
    /// The TOML file with tables; see infra/heat.example.toml
    #[arg(long, env = "HEAT_CONFIG")]
    config: Option<PathBuf>,
    /// Events below this severity are listed, not painted, and their operational data is not asked for
    #[arg(long, env = "HEAT_MAP_SEVERITY", default_value = "warning")]
    map_severity: String,
}

/// Where the templates of tickets and comments are kept.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Templates of tickets and comments")]
#[expect(clippy::struct_field_names, reason = "they are the names of the flags")]
pub struct TemplateArgs {
    /// Their git repository: https://host/path.git, ssh://git@host/path.git, git@host:path.git or file:///path.git
    #[arg(long, env = "HEAT_TEMPLATES_URL")]
    templates_url: Option<String>,
    /// The branch whose newest commit is used, if it passes its own tests
    #[arg(long, env = "HEAT_TEMPLATES_BRANCH", default_value = "master")]
    templates_branch: String,
    /// For https: a token that may read the repository; sent with the URL's user, or with oauth2 if it has none
    #[arg(long, env = "HEAT_TEMPLATES_TOKEN", hide_env_values = true)]
    templates_token: Option<Secret>,
    /// File that holds HEAT_TEMPLATES_TOKEN
    #[arg(long, env = "HEAT_TEMPLATES_TOKEN_FILE")]
    templates_token_file: Option<PathBuf>,
    /// For ssh: file with a private key without a passphrase, readable by nobody else
    #[arg(long, env = "HEAT_TEMPLATES_SSH_KEY_FILE")]
    templates_ssh_key_file: Option<PathBuf>,
    /// For ssh: file with the pinned keys of the host, as ssh-keyscan prints them; others are refused
    #[arg(long, env = "HEAT_TEMPLATES_KNOWN_HOSTS")]
    templates_known_hosts: Option<PathBuf>,
}

/// When things happen. Cron expressions have six fields, seconds first, in UTC.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Schedule (cron with seconds, UTC)")]
pub struct ScheduleArgs {
    /// Poll the sources
    #[arg(long, env = "HEAT_EVENTS_CRON", default_value = "*/5 * * * * *")]
    events_cron: String,
    /// Read the inventory
    #[arg(long, env = "HEAT_INVENTORY_CRON", default_value = "30 */5 * * * *")]
    inventory_cron: String,
    /// Look for a new commit of the templates
    #[arg(long, env = "HEAT_TEMPLATES_CRON", default_value = "0 */10 * * * *")]
    templates_cron: String,
    /// Forget old history
    #[arg(long, env = "HEAT_HOUSEKEEPING_CRON", default_value = "0 17 3 * * *")]
    housekeeping_cron: String,
    /// How many days the history of events and the feed of changes are kept; what people wrote stays
    #[arg(long, env = "HEAT_HISTORY_DAYS", default_value_t = 400, value_parser = clap::value_parser!(u32).range(1..))]
    history_days: u32,
}

/// Where tickets go.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Tickets")]
pub struct TrackerArgs {
    /// Where tickets go. `startrek`: Yandex Tracker, by its API. `webhook`: whatever takes a POST. `link`: people open them
    /// by a link that is filled in, and tell Heat the key. Not set: nowhere
    #[arg(long, env = "HEAT_TRACKER", value_enum)]
    tracker: Option<TrackerKind>,
    /// The tracker's API without its version, such as that of api.tracker.yandex.net; of a webhook, what is posted to
    #[arg(long, env = "HEAT_STARTREK_URL", hide_env_values = true)]
    startrek_url: Option<String>,
    /// The robot's OAuth token; or `Bearer` and an IAM token
    #[arg(long, env = "HEAT_STARTREK_TOKEN", hide_env_values = true)]
    startrek_token: Option<Secret>,
    /// File that holds HEAT_STARTREK_TOKEN
    #[arg(long, env = "HEAT_STARTREK_TOKEN_FILE")]
    startrek_token_file: Option<PathBuf>,
    /// The organisation, of Yandex 360
    #[arg(long, env = "HEAT_STARTREK_ORG", conflicts_with = "startrek_cloud_org")]
    startrek_org: Option<String>,
    /// The organisation, of Yandex Cloud
    #[arg(long, env = "HEAT_STARTREK_CLOUD_ORG")]
    startrek_cloud_org: Option<String>,
    /// Version of the tracker's API
    #[arg(long, env = "HEAT_STARTREK_VERSION", value_enum, default_value = "v2")]
    startrek_version: startrek::ApiVersion,
    /// What a ticket's key is appended to for its page
    #[arg(long, env = "HEAT_STARTREK_WEB_URL")]
    startrek_web_url: Option<String>,
    /// Of `link`: the page that opens a ticket, with {queue}, {summary} and {description} in it
    #[arg(long, env = "HEAT_TRACKER_LINK")]
    tracker_link: Option<String>,
    /// How long the robot waits for more before it comments on a ticket, and for an all-clear to last, in seconds
    #[arg(long, env = "HEAT_TICKETS_QUIET", default_value_t = 600)]
    tickets_quiet: u64,
    /// Look whether something is to be sent that nobody told of
    #[arg(long, env = "HEAT_TICKETS_CRON", default_value = "*/20 * * * * *")]
    tickets_cron: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum TrackerKind {
    Startrek,
    Webhook,
    Link,
}

/// Where tickets go, and when.
#[derive(Debug)]
pub struct TicketsConfig {
    tracker: TrackerConfig,
    /// When the outbox is swept.
    pub schedule: Schedule,
    /// How long the robot is quiet.
    pub quiet: Duration,
}

#[derive(Debug)]
enum TrackerConfig {
    Startrek(startrek::Options),
    Webhook(webhook::Options),
    Link { web_url: Option<Url>, new_url: String },
}

impl TicketsConfig {
    /// Where tickets go; nothing is sent yet.
    pub fn target(&self) -> anyhow::Result<Target> {
        Ok(match &self.tracker {
            TrackerConfig::Startrek(options) => {
                Target::Tracker(Box::new(Tracker::Startrek(startrek::Client::new(options.clone())?)))
            }
            TrackerConfig::Webhook(options) => {
                Target::Tracker(Box::new(Tracker::Webhook(webhook::Client::new(options.clone())?)))
            }
            TrackerConfig::Link { web_url, new_url } => {
                Target::Link { web_url: web_url.clone(), new_url: new_url.clone() }
            }
        })
    }
}

impl TrackerArgs {
    fn config(&self) -> anyhow::Result<Option<TicketsConfig>> {
        let Some(kind) = self.tracker else { return Ok(None) };
        let url = |name: &'static str, url: Option<&String>| {
            let url = url.ok_or_else(|| {
                ConfigError::invalid(
                    name,
                    "",
                    format!("HEAT_TRACKER={kind:?} needs it; a URL is expected").to_lowercase(),
                )
            })?;
            parsed_url(name, url)
        };
        let web_url = self.startrek_web_url.as_deref().map(|url| parsed_url("HEAT_STARTREK_WEB_URL", url));
        let web_url = web_url.transpose()?;
        let name = "HEAT_STARTREK_TOKEN";
        let token = secret(name, self.startrek_token.as_ref(), self.startrek_token_file.as_ref())?;
        let tracker = match kind {
            TrackerKind::Startrek => TrackerConfig::Startrek(startrek::Options {
                url: url("HEAT_STARTREK_URL", self.startrek_url.as_ref())?,
                version: self.startrek_version,
                token: token.ok_or(ConfigError::Missing { name })?,
                org: self.startrek_org.clone(),
                cloud_org: self.startrek_cloud_org.clone(),
                web_url,
            }),
            TrackerKind::Webhook => TrackerConfig::Webhook(webhook::Options {
                url: url("HEAT_STARTREK_URL", self.startrek_url.as_ref())?,
                token,
            }),
            TrackerKind::Link => {
                let new_url = self.tracker_link.clone().unwrap_or_default();
                url("HEAT_TRACKER_LINK", self.tracker_link.as_ref())?;
                TrackerConfig::Link { web_url, new_url }
            }
        };
        let config = TicketsConfig {
            tracker,
            schedule: Schedule::parse("HEAT_TICKETS_CRON", &self.tickets_cron)?,
            quiet: Duration::from_secs(self.tickets_quiet),
        };
        config.target()?;
        Ok(Some(config))
    }
}

/// Everything checked and ready to use.
pub struct Config {
    /// Redis.
    pub redis_url: Secret,
    /// The prefix of its keys.
    pub redis_prefix: String,
    /// Postgres.
    pub database_url: Secret,
    /// The sources.
    pub sources: Vec<SourceConfig>,
    /// The inventory.
    pub inventory: InventoryConfig,
    /// The templates' repository; without one there are no templates.
    pub templates: Option<Repository>,
    /// When the sources are polled.
    pub events: Schedule,
    /// When the inventory is read.
    pub inventory_schedule: Schedule,
    /// When the templates are looked at.
    pub templates_schedule: Schedule,
    /// When old history is forgotten.
    pub housekeeping: Schedule,
    /// How long history is kept.
    pub keep_history: Duration,
    /// What is painted.
    pub map_severity: Severity,
    /// Which problems make rack incidents.
    pub availability: Availability,
    /// Where tickets go, if anywhere.
    pub tickets: Option<TicketsConfig>,
    /// Tags that tell of tickets which sources opened themselves.
    pub ticket_tags: Vec<TicketTag>,
}

/// One source.
#[derive(Clone, Debug)]
pub struct SourceConfig {
    /// Its name.
    pub name: String,
    /// How it is reached.
    pub upstream: UpstreamConfig,
}

/// How a source is reached.
#[derive(Clone, Debug)]
pub enum UpstreamConfig {
    /// Zabbix.
    Zabbix(Box<zabbix::Options>),
    /// Juggler.
    Juggler(Box<juggler::Options>),
}

impl SourceConfig {
    /// As the snapshot calls it.
    pub fn kind(&self) -> &'static str {
        match self.upstream {
            UpstreamConfig::Zabbix(_) => "zabbix",
            UpstreamConfig::Juggler(_) => "juggler",
        }
    }

    /// Who tells it what is acknowledged in Heat, if it is to be told.
    pub fn acknowledger(&self) -> anyhow::Result<Option<zabbix::Acknowledger>> {
        Ok(match &self.upstream {
            UpstreamConfig::Zabbix(options) if options.acknowledge => {
                Some(zabbix::Acknowledger::new(options)?)
            }
            _ => None,
        })
    }

    /// A client; nothing is sent yet.
    pub fn client(&self) -> anyhow::Result<Client> {
        Ok(match &self.upstream {
            UpstreamConfig::Zabbix(options) => {
                Client::Zabbix(Box::new(zabbix::Client::new((**options).clone())?))
            }
            UpstreamConfig::Juggler(options) => {
                Client::Juggler(Box::new(juggler::Client::new((**options).clone())?))
            }
        })
    }
}

/// The inventory.
#[derive(Clone, Debug)]
pub struct InventoryConfig {
    url: Secret,
    options: InventoryOptions,
}

impl InventoryConfig {
    /// A reader; it connects to nothing yet.
    pub fn source(&self) -> anyhow::Result<InventorySource> {
        InventorySource::from_url(self.url.reveal(), self.options.clone())
            .map_err(|error| ConfigError::invalid("HEAT_INVENTORY_URL", "[secret]", error.to_string()).into())
    }
}

/// A `[[source]]` of the TOML file.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
#[expect(clippy::large_enum_variant, reason = "there are a handful, at the start")]
enum SourceTable {
    /// `kind = "zabbix"`
    Zabbix {
        name: String,
        url: Url,
        token_file: Option<PathBuf>,
        token: Option<Secret>,
        web_url: Option<Url>,
        page_size: Option<u32>,
        #[serde(default)]
        acknowledge: bool,
        #[serde(default)]
        severities: Vec<Severity>,
        #[serde(default)]
        group_ids: Vec<String>,
        #[serde(default)]
        tags: Vec<zabbix::TagFilter>,
    },
    /// `kind = "juggler"`
    Juggler {
        name: String,
        url: Url,
        token_file: Option<PathBuf>,
        token: Option<Secret>,
        link: Option<String>,
        #[serde(default)]
        watches: juggler::Watches,
        #[serde(default)]
        profile: juggler::Profile,
    },
}

/// The `[inventory]` table of the TOML file.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct InventoryTable {
    reversed_racks: Vec<RackId>,
    zabbix: Rules,
}

/// Names that stand for something else in the snapshot.
const RESERVED: [&str; 3] = [heat::snapshot::HEAT, heat::snapshot::COMMENTS, heat::snapshot::INVENTORY];

impl Arguments {
    /// Checks everything that can be checked without connecting.
    pub fn config(&self) -> anyhow::Result<Config> {
        let file = File::read(self.upstreams.config.as_deref())?;
        let sources = self.sources(&file)?;
        let schedule = &self.schedule;
        Ok(Config {
            redis_url: self.stores.redis_url()?,
            redis_prefix: self.stores.redis_prefix.clone(),
            database_url: self.stores.database_url()?,
            inventory: self.inventory(&file, &sources)?,
            sources,
            templates: self.templates.repository()?,
            events: Schedule::parse("HEAT_EVENTS_CRON", &schedule.events_cron)?,
            inventory_schedule: Schedule::parse("HEAT_INVENTORY_CRON", &schedule.inventory_cron)?,
            templates_schedule: Schedule::parse("HEAT_TEMPLATES_CRON", &schedule.templates_cron)?,
            housekeeping: Schedule::parse("HEAT_HOUSEKEEPING_CRON", &schedule.housekeeping_cron)?,
            keep_history: Duration::from_secs(u64::from(schedule.history_days) * 24 * 3600),
            map_severity: self.upstreams.map_severity.parse().map_err(|error: UnknownSeverity| {
                ConfigError::invalid("HEAT_MAP_SEVERITY", &self.upstreams.map_severity, error.to_string())
            })?,
            availability: file
                .incidents
                .clone()
                .try_into()
                .with_context(|| format!("[incidents] in {}", file.path().display()))?,
            tickets: self.tracker.config()?,
            ticket_tags: ticket_tags(&file)?,
        })
    }

    /// The inventory alone, for what needs neither Redis nor Postgres.
    pub fn inventory_source(&self) -> anyhow::Result<InventorySource> {
        let file = File::read(self.upstreams.config.as_deref())?;
        self.inventory(&file, &self.sources(&file)?)?.source()
    }

    fn sources(&self, file: &File) -> anyhow::Result<Vec<SourceConfig>> {
        let mut sources: BTreeMap<String, SourceConfig> = BTreeMap::new();
        let mut add = |source: SourceConfig| {
            let name = source.name.clone();
            let plain =
                !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
            if !plain || RESERVED.contains(&name.as_str()) {
                let expected = format!("letters, digits, - _ . and none of {}", RESERVED.join(", "));
                return Err(ConfigError::invalid("source.name", name, expected));
            }
            match sources.insert(name.clone(), source) {
                None => Ok(()),
                Some(_) => {
                    Err(ConfigError::invalid("source.name", name, "each source needs a name of its own"))
                }
            }
        };
        let args = &self.upstreams;
        if let Some(url) = &args.zabbix_url {
            let name = "HEAT_ZABBIX_TOKEN";
            let token = secret(name, args.zabbix_token.as_ref(), args.zabbix_token_file.as_ref())?
                .ok_or(ConfigError::Missing { name })?;
            let mut options = zabbix::Options::new("zabbix", parsed_url("HEAT_ZABBIX_URL", url)?, token);
            let web_url = args.zabbix_web_url.as_deref();
            options.acknowledge = args.zabbix_acknowledge;
            options.web_url = web_url.map(|url| parsed_url("HEAT_ZABBIX_WEB_URL", url)).transpose()?;
            add(SourceConfig { name: "zabbix".into(), upstream: UpstreamConfig::Zabbix(Box::new(options)) })?;
        }
        if let Some(url) = &args.juggler_url {
            let name = "HEAT_JUGGLER_TOKEN";
            let token = secret(name, args.juggler_token.as_ref(), args.juggler_token_file.as_ref())?;
            let url = parsed_url("HEAT_JUGGLER_URL", url)?;
            let options = juggler::Options::new("juggler", url, token.unwrap_or_else(|| Secret::new("")));
            add(SourceConfig {
                name: "juggler".into(),
                upstream: UpstreamConfig::Juggler(Box::new(options)),
            })?;
        }
        for table in &file.source {
            let table: SourceTable = table
                .clone()
                .try_into()
                .with_context(|| format!("[[source]] in {}", file.path().display()))?;
            add(table.config()?)?;
        }
        Ok(sources.into_values().collect())
    }

    fn inventory(&self, file: &File, sources: &[SourceConfig]) -> anyhow::Result<InventoryConfig> {
        let args = &self.upstreams;
        let name = "HEAT_INVENTORY_URL";
        let given = args.inventory_url.as_ref().or(args.racktables_url.as_ref());
        let zabbix = sources.iter().find_map(|source| match &source.upstream {
            UpstreamConfig::Zabbix(options) => Some((**options).clone()),
            UpstreamConfig::Juggler(_) => None,
        });
        // A site with Zabbix alone needs to say nothing more.
        let url = match secret(name, given, args.inventory_url_file.as_ref())? {
            Some(url) => url,
            None if zabbix.is_some() => Secret::new("zabbix:"),
            None => return Err(ConfigError::Missing { name }.into()),
        };
        let table: InventoryTable = file
            .inventory
            .clone()
            .try_into()
            .with_context(|| format!("[inventory] in {}", file.path().display()))?;
        let options = InventoryOptions { reversed_racks: table.reversed_racks, rules: table.zabbix, zabbix };
        let config = InventoryConfig { url, options };
        config.source()?;
        Ok(config)
    }
}

impl TemplateArgs {
    fn repository(&self) -> Result<Option<Repository>, ConfigError> {
        let Some(url) = &self.templates_url else { return Ok(None) };
        let token = self.templates_token.as_ref();
        let access = Access {
            token: secret("HEAT_TEMPLATES_TOKEN", token, self.templates_token_file.as_ref())?,
            ssh_key: self.templates_ssh_key_file.clone(),
            known_hosts: self.templates_known_hosts.clone(),
        };
        Repository::new(Remote::new(url, access)?, &self.templates_branch).map(Some)
    }
}

impl SourceTable {
    fn config(self) -> Result<SourceConfig, ConfigError> {
        Ok(match self {
            Self::Zabbix {
                name,
                url,
                token_file,
                token,
                web_url,
                page_size,
                acknowledge,
                severities,
                group_ids,
                tags,
            } => {
                let token = secret("source.token", token.as_ref(), token_file.as_ref())?
                    .ok_or(ConfigError::Missing { name: "source.token" })?;
                let defaults = zabbix::Options::new(&name, url, token);
                let options = zabbix::Options {
                    web_url,
                    page_size: page_size.unwrap_or(defaults.page_size),
                    acknowledge,
                    severities,
                    group_ids,
                    tags,
                    ..defaults
                };
                SourceConfig { name, upstream: UpstreamConfig::Zabbix(Box::new(options)) }
            }
            Self::Juggler { name, url, token_file, token, link, watches, profile } => {
                let token = secret("source.token", token.as_ref(), token_file.as_ref())?;
                let defaults = juggler::Options::new(&name, url, token.unwrap_or_else(|| Secret::new("")));
                let options = juggler::Options { link, watches, profile, ..defaults };
                SourceConfig { name, upstream: UpstreamConfig::Juggler(Box::new(options)) }
            }
        })
    }
}

fn ticket_tags(file: &File) -> anyhow::Result<Vec<TicketTag>> {
    let mut tags = Vec::new();
    for table in &file.ticket_tag {
        let tag: TicketTag = table
            .clone()
            .try_into()
            .with_context(|| format!("[[ticket_tag]] in {}", file.path().display()))?;
        if let Some(url) = &tag.url {
            parsed_url("ticket_tag.url", url)?;
        }
        tags.push(tag);
    }
    Ok(tags)
}

fn parsed_url(name: &str, url: &str) -> Result<Url, ConfigError> {
    match Url::parse(url) {
        Ok(parsed) if matches!(parsed.scheme(), "http" | "https") && parsed.has_host() => Ok(parsed),
        Ok(_) => Err(ConfigError::invalid(name, url, "a URL that begins with https:// or http://")),
        Err(error) => {
            Err(ConfigError::invalid(name, url, format!("a URL that begins with https:// ({error})")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    const STORES: [&str; 5] =
        ["heat-updater", "--redis-url", "redis://127.0.0.1", "--database-url", "postgres://127.0.0.1/heat"];

    fn config(more: &[&str]) -> anyhow::Result<Config> {
        Arguments::try_parse_from(STORES.iter().chain(more))?.config()
    }

    #[test]
    fn the_arguments_are_well_formed() {
        <Arguments as clap::CommandFactory>::command().debug_assert();
    }

    #[test]
    fn a_filter_may_begin_with_a_minus() {
        for line in [["-ticket", "--snapshot", "s"], ["--snapshot", "s", "-ticket"]] {
            let line = ["heat-updater", "filter"].iter().chain(&line);
            let arguments = Arguments::try_parse_from(line).unwrap();
            assert!(format!("{:?}", arguments.command).contains("\"-ticket\""), "{:?}", arguments.command);
        }
    }

    #[test]
    fn the_example_file_is_taken_as_it_stands() {
        let files = tempfile::TempDir::new().unwrap();
        let (token, toml) = (files.path().join("token"), files.path().join("heat.toml"));
        std::fs::write(&token, "secret\n").unwrap();
        let example = include_str!("../../infra/heat.example.toml");
        let secrets = ["/run/secrets/zabbix-vla", "/run/secrets/juggler"];
        let example = secrets.iter().fold(example.to_owned(), |text, path| {
            assert!(text.contains(path));
            text.replace(path, token.to_str().unwrap())
        });
        std::fs::write(&toml, example).unwrap();
        let config = config(&["--config", toml.to_str().unwrap()]).unwrap();
        let names: Vec<_> = config.sources.iter().map(|s| (s.name.as_str(), s.kind())).collect();
        assert_eq!(names, [("juggler-net", "juggler"), ("zabbix-vla", "zabbix")]);
    }

    #[test]
    fn a_zabbix_is_told_of_acknowledgements_only_if_somebody_says_so() {
        let told = |more: &[&str]| {
            let zabbix = ["--zabbix-url", "http://127.0.0.1:1", "--zabbix-token", "t"];
            config(&[&zabbix, more].concat()).unwrap().sources[0].acknowledger().unwrap().is_some()
        };
        assert!(!told(&[]) && !told(&["--zabbix-acknowledge", "false"]));
        assert!(told(&["--zabbix-acknowledge"]) && told(&["--zabbix-acknowledge", "true"]));
    }

    #[test]
    fn a_zabbix_alone_is_its_own_inventory() {
        let zabbix = ["--zabbix-url", "http://127.0.0.1:1", "--zabbix-token", "t"];
        assert!(matches!(config(&zabbix).unwrap().inventory.source().unwrap(), InventorySource::Zabbix(_)));
        let error = config(&[]).err().unwrap().to_string();
        assert!(error.contains("HEAT_INVENTORY_URL"), "{error}");
    }

    #[test]
    fn templates_are_off_without_a_url_and_their_settings_are_checked_by_name() {
        let zabbix = ["--zabbix-url", "http://127.0.0.1:1", "--zabbix-token", "t"];
        let with = |more: &[&str]| config(&[&zabbix, more].concat()).map(|config| config.templates);
        assert!(with(&["--templates-branch", "main"]).unwrap().is_none());
        let url = ["--templates-url", "https://git.example.net/noc/templates.git"];
        let repository = with(&[&url[..], &["--templates-token", "hunter2"]].concat()).unwrap().unwrap();
        assert_eq!(repository.address(), url[1]);
        for (more, named) in [
            (["--templates-branch", "a..b"], "HEAT_TEMPLATES_BRANCH = \"a..b\""),
            (["--templates-token-file", "/nowhere"], "HEAT_TEMPLATES_TOKEN_FILE = /nowhere"),
            (["--templates-known-hosts", "/nowhere"], "HEAT_TEMPLATES_KNOWN_HOSTS = \"/nowhere\""),
        ] {
            let error = with(&[&url[..], &more].concat()).err().unwrap().to_string();
            assert!(error.contains(named), "{error}");
        }
    }

    #[test]
    fn two_sources_of_one_name_and_reserved_names_are_refused() {
        let files = tempfile::TempDir::new().unwrap();
        let toml = files.path().join("heat.toml");
        for (name, expected) in [("zabbix", "name of its own"), ("comments", "none of"), ("a b", "letters")] {
            let text = format!("[[source]]\nkind = 'juggler'\nname = '{name}'\nurl = 'http://j'\n");
            std::fs::write(&toml, text).unwrap();
            let toml = toml.to_str().unwrap();
            let zabbix = ["--zabbix-url", "http://127.0.0.1:1", "--zabbix-token", "t", "--config", toml];
            let error = config(&zabbix).err().unwrap().to_string();
            assert!(error.contains(name) && error.contains(expected), "{error}");
        }
    }
}
