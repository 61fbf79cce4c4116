//! RackTables 0.20 to 0.22, read directly from its MySQL or MariaDB database: RackTables itself has no HTTP API.
//!
//! Every reading opens one connection, sees one consistent snapshot, changes nothing, and ends within a deadline. The
//! data is small (10,000 objects are a few megabytes) and RackTables marks no changes that could be followed, so all
//! of it is read each time; [`Inventory::version`](heat::inventory::Inventory::version) tells whether it is new. A
//! replica serves as well as the master.
//!
//! # Rights
//! Give Heat a user of its own that may read these tables and nothing else (`UserAccount` holds password hashes);
//! [`GRANTS`] is the same text:
//! ```sql
//! GRANT SELECT ON `racktables_db`.`Object` TO 'heat'@'%';
//! -- and so EntityLink, AttributeValue, Dictionary, RackSpace, TagTree, TagStorage, Config,
//! -- Script, Attribute, Port and VLANSwitch
//! ```
//! The last four are for [RackCode](heat::rackcode) alone; what may not be read of them is missing there.
//!
//! # The URL
//! `mysql://user:password@host:3306/racktables_db`, with `%`-escapes where the user or the password hold `/`, `@`,
//! `:`, `%` and the like. Options:
//! - `ssl-mode=required` encrypts and believes any certificate, which is what MySQL means by it; `verify_identity`
//!   also checks the certificate and its name; `disabled` is the default. `require_ssl=true` is `verify_identity`.
//! - `ssl-ca=/path/ca.pem`: the authorities to believe instead of the public ones.
//! - `timeout=60`: seconds that a whole reading may take.
//!
//! # What is read how
//! - A device without a name keeps its empty name, so that no host matches it; RackTables shows such an object as
//!   `[type] #id`, and whoever shows it has both.
//! - Tags include those above them in the tree, as RackTables has it.
//! - Of the RackCode script only the predicates are kept. A broken one defines none, as RackTables has it.
//! - Racks are numbered from the top where RackTables' setting `REVERSED_RACKS_LISTSRC`, an expression, holds for them,
//!   and where Heat's own list says so.

mod assemble;
#[cfg(test)]
mod contract;
mod markup;
mod rows;

use std::borrow::Cow;
use std::collections::HashSet;
use std::path::PathBuf;
use std::time::Duration;

use diesel_async::{AsyncMysqlConnection, SimpleAsyncConnection};
use heat::inventory::{Inventory, Rack, RackId};
use heat::rackcode::{Expression, Predicates, TagIndex};
use mysql_async::{Conn, Opts, OptsBuilder, SslOpts};
use tokio::time::timeout;
use url::Url;

use self::assemble::assemble;
use self::rows::Tables;
use super::inventory::{InventoryUrlError, Reading};

/// The statements that give a user called `heat` what Heat needs, for the usual name of the database.
pub const GRANTS: &str = "\
GRANT SELECT ON `racktables_db`.`Object` TO 'heat'@'%';
GRANT SELECT ON `racktables_db`.`EntityLink` TO 'heat'@'%';
GRANT SELECT ON `racktables_db`.`AttributeValue` TO 'heat'@'%';
GRANT SELECT ON `racktables_db`.`Dictionary` TO 'heat'@'%';
GRANT SELECT ON `racktables_db`.`RackSpace` TO 'heat'@'%';
GRANT SELECT ON `racktables_db`.`TagTree` TO 'heat'@'%';
GRANT SELECT ON `racktables_db`.`TagStorage` TO 'heat'@'%';
GRANT SELECT ON `racktables_db`.`Config` TO 'heat'@'%';
GRANT SELECT ON `racktables_db`.`Script` TO 'heat'@'%';
GRANT SELECT ON `racktables_db`.`Attribute` TO 'heat'@'%';
GRANT SELECT ON `racktables_db`.`Port` TO 'heat'@'%';
GRANT SELECT ON `racktables_db`.`VLANSwitch` TO 'heat'@'%';
";

/// Without these nothing can be read.
const TABLES: [&str; 8] =
    ["Object", "EntityLink", "AttributeValue", "Dictionary", "RackSpace", "TagTree", "TagStorage", "Config"];

/// Without these RackCode lacks predicates or automatic tags, and nothing else is missing.
const RACKCODE_TABLES: [&str; 4] = ["Script", "Attribute", "Port", "VLANSwitch"];

/// The first version whose racks are objects.
const OLDEST: [u32; 2] = [0, 20];
/// The last version whose schema is known.
const NEWEST: [u32; 2] = [0, 22];

const DEFAULT_PATIENCE: Duration = Duration::from_mins(1);

/// A RackTables database.
pub struct RackTables {
    opts: Opts,
    /// `host:port`
    server: String,
    database: String,
    user: String,
    patience: Duration,
    reversed_racks: HashSet<RackId>,
}

/// A reading that failed.
#[derive(Debug, thiserror::Error)]
pub enum RackTablesError {
    /// No connection.
    #[error(
        "cannot connect to RackTables' MySQL at {server} as {user}: {reason}; \
         check the address, the user and the password in the inventory's URL"
    )]
    Connect {
        /// `host:port`
        server: String,
        /// The user's name.
        user: String,
        /// The server's or the system's words.
        reason: String,
    },
    /// Tables that are not there or may not be read.
    #[error(
        "RackTables' tables cannot be read: {reasons}; if this is RackTables' database, mend it with: {grants}"
    )]
    Tables {
        /// Each table with the server's words, joined by semicolons.
        reasons: String,
        /// The statements to be run by the database's owner.
        grants: String,
    },
    /// A database of something else.
    #[error(
        "{database} on {server} says no RackTables version in Config.DB_VERSION ({found}); is it RackTables'?"
    )]
    NotRackTables {
        /// The database.
        database: String,
        /// `host:port`
        server: String,
        /// What it says.
        found: String,
    },
    /// Before 0.20 racks were kept differently.
    #[error(
        "RackTables {version} is too old: Heat reads 0.20 to 0.22; upgrade RackTables, or give Heat a file"
    )]
    TooOld {
        /// What the database says.
        version: String,
    },
    /// The server refused a query, or the connection ended.
    #[error("{doing} in RackTables' database failed: {reason}")]
    Query {
        /// Which part of it.
        doing: &'static str,
        /// The server's or the system's words.
        reason: String,
    },
    /// The deadline.
    #[error(
        "reading RackTables' database took more than {seconds} s and was still {doing}; \
         see what slows it down, or add timeout={} to the inventory's URL",
        .seconds * 5
    )]
    Timeout {
        /// The deadline.
        seconds: u64,
        /// What had been begun.
        doing: &'static str,
    },
}

impl std::fmt::Debug for RackTables {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The options hold the password.
        f.debug_struct("RackTables")
            .field("server", &self.server)
            .field("database", &self.database)
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

impl RackTables {
    /// Understands a `mysql:` URL; connects to nothing yet.
    pub(super) fn from_url(url: &Url, reversed_racks: Vec<RackId>) -> Result<Self, InventoryUrlError> {
        let bad = |what: &str| {
            let example = "mysql://reader:password@racktables.example.net:3306/racktables_db";
            InventoryUrlError(format!("the inventory's URL {what}; an example: {example}"))
        };
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(|| bad("names no host"))?;
        let decoded = |text: &str, what: &str| {
            percent_decoded(text).ok_or_else(|| bad(&format!("has a {what} that is no UTF-8 when unescaped")))
        };
        let database = decoded(url.path().trim_matches('/'), "database")?;
        if database.is_empty() {
            return Err(bad("names no database"));
        }
        let user = decoded(url.username(), "user")?;
        if user.is_empty() {
            return Err(bad("names no user"));
        }
        let password = url.password().map(|password| decoded(password, "password")).transpose()?;
        let (tls, patience) = options(url)?;
        let port = url.port().unwrap_or(3306);
        // An IPv6 address stands in brackets in a URL and without them everywhere else.
        let address = host.trim_matches(['[', ']']);
        let opts = OptsBuilder::default()
            .ip_or_hostname(address)
            .tcp_port(port)
            .user(Some(&user))
            .pass(password)
            .db_name(Some(&database))
            .ssl_opts(tls)
            // As the URL says, and not by the socket that a server on this machine may have.
            .prefer_socket(false)
            .stmt_cache_size(0);
        Ok(Self {
            opts: opts.into(),
            server: format!("{host}:{port}"),
            database,
            user,
            patience,
            reversed_racks: reversed_racks.into_iter().collect(),
        })
    }

    /// Reads everything.
    pub async fn read(&mut self) -> Result<Reading, RackTablesError> {
        let mut doing = "connecting";
        let patience = self.patience;
        timeout(patience, self.read_patiently(&mut doing))
            .await
            .unwrap_or(Err(RackTablesError::Timeout { seconds: patience.as_secs(), doing }))
    }

    async fn read_patiently(&self, doing: &mut &'static str) -> Result<Reading, RackTablesError> {
        let mut connection = self.connect().await?;
        *doing = "looking which tables there are";
        let refused = self.probe(&mut connection).await?;
        let mut remarks = Vec::new();
        *doing = "beginning to read";
        // MySQL before 5.6 knows no read-only session. It is a second lock; the rights are the first.
        if connection.batch_execute("SET SESSION TRANSACTION READ ONLY").await.is_err() {
            remarks.push(
                "this MySQL knows no read-only session; only the user's rights protect RackTables".into(),
            );
        }
        let may_read = |table: &str| refused.iter().all(|(refused, _)| *refused != table);
        let read = match self.read_snapshot(&mut connection, doing, may_read).await {
            Ok(read) => read,
            Err(Failure::Query(error)) => {
                return Err(RackTablesError::Query { doing, reason: error.to_string() });
            }
            Err(Failure::Version(error)) => return Err(error),
        };
        // Nothing was written: an end that fails has lost nothing.
        let _ = connection.batch_execute("COMMIT").await;
        drop(connection);

        let Snapshot { version, reversed, script, tables } = read;
        if series(&version).is_some_and(|series| series > NEWEST) {
            remarks.push(format!("RackTables {version} is newer than 0.22, the last whose schema is known"));
        }
        remarks.extend(self.missing_for_rackcode(&refused));
        let (mut inventory, damage) = assemble(tables);
        inventory.rackcode = script.unwrap_or_default();
        // As RackTables itself has it; what is wrong with the script is told in any case.
        let predicates = Predicates::of(&inventory).unwrap_or_default();
        let reversed = reversed_racks(reversed.as_deref(), &inventory.racks, &predicates, &mut remarks);
        for rack in &mut inventory.racks {
            rack.reversed = reversed.contains(&rack.id) || self.reversed_racks.contains(&rack.id);
        }
        let mut reading = Reading::new(inventory, damage, format!("RackTables {version}"));
        reading.remarks.append(&mut remarks);
        Ok(reading)
    }

    async fn connect(&self) -> Result<AsyncMysqlConnection, RackTablesError> {
        let failed = |reason: String| RackTablesError::Connect {
            server: self.server.clone(),
            user: self.user.clone(),
            reason,
        };
        let connection =
            Conn::new(self.opts.clone()).await.map_err(|error| failed(connect_reason(&error)))?;
        // Also sets utf8mb4, which old 3-byte databases are converted to.
        AsyncMysqlConnection::try_from(connection).await.map_err(|error| failed(error.to_string()))
    }

    /// Tries every table, so that one message names all that is missing; returns which of those that Heat can do
    /// without may not be read, and why.
    async fn probe(
        &self,
        connection: &mut AsyncMysqlConnection,
    ) -> Result<Vec<(&'static str, String)>, RackTablesError> {
        let missing = refused(connection, &TABLES).await;
        if missing.is_empty() {
            return Ok(refused(connection, &RACKCODE_TABLES).await);
        }
        Err(RackTablesError::Tables { reasons: reasons(&missing), grants: self.grants(&missing) })
    }

    fn missing_for_rackcode(&self, refused: &[(&'static str, String)]) -> Option<String> {
        let (reasons, grants) = (reasons(refused), self.grants(refused));
        (!refused.is_empty())
            .then(|| format!("RackTables' RackCode cannot be read whole: {reasons}; mend it with: {grants}"))
    }

    fn grants(&self, refused: &[(&'static str, String)]) -> String {
        let grants: Vec<_> = refused.iter().map(|(table, _)| self.grant(table)).collect();
        grants.join(" ")
    }

    fn grant(&self, table: &str) -> String {
        format!("GRANT SELECT ON `{}`.`{table}` TO '{}'@'%';", self.database, self.user)
    }

    /// Everything that must be of one moment.
    async fn read_snapshot(
        &self,
        connection: &mut AsyncMysqlConnection,
        doing: &mut &'static str,
        may_read: impl Fn(&str) -> bool,
    ) -> Result<Snapshot, Failure> {
        connection.batch_execute("START TRANSACTION WITH CONSISTENT SNAPSHOT").await?;
        *doing = "reading the settings";
        let version = rows::setting(connection, "DB_VERSION").await?;
        let version = self.version(version.map(|version| version.trim().to_owned()))?;
        let reversed = rows::setting(connection, "REVERSED_RACKS_LISTSRC").await?;
        let script = if may_read("Script") { rows::script(connection, "RackCode").await? } else { None };
        let tables = Tables::read(connection, doing, may_read).await?;
        Ok(Snapshot { version, reversed, script, tables })
    }

    fn version(&self, found: Option<String>) -> Result<String, RackTablesError> {
        match found.as_deref().and_then(series) {
            Some(series) if series < OLDEST => {
                Err(RackTablesError::TooOld { version: found.unwrap_or_default() })
            }
            Some(_) => Ok(found.unwrap_or_default()),
            None => Err(RackTablesError::NotRackTables {
                database: self.database.clone(),
                server: self.server.clone(),
                found: found.map_or("nothing".to_owned(), |found| found.chars().take(40).collect()),
            }),
        }
    }
}

/// The racks that RackTables numbers from the top; none where its expression is wrong, as RackTables itself has it.
fn reversed_racks(
    expression: Option<&str>,
    racks: &[Rack],
    predicates: &Predicates,
    remarks: &mut Vec<String>,
) -> HashSet<RackId> {
    // Older versions know no such setting.
    match Expression::parse_setting(expression.unwrap_or("false")) {
        Ok(expression) => {
            let racks = Inventory { racks: racks.to_vec(), ..Inventory::default() };
            TagIndex::new(&racks, predicates).members(&expression).racks.into_iter().collect()
        }
        Err(error) => {
            remarks.push(format!(
                "RackTables' REVERSED_RACKS_LISTSRC is no expression, so that it numbers no rack from the top: {error}"
            ));
            HashSet::new()
        }
    }
}

/// What was read, all of one moment.
struct Snapshot {
    version: String,
    /// The expression for the racks that are numbered from the top.
    reversed: Option<String>,
    /// The RackCode script.
    script: Option<String>,
    tables: Tables,
}

/// Why a snapshot was not read.
enum Failure {
    Query(diesel::result::Error),
    Version(RackTablesError),
}

impl From<diesel::result::Error> for Failure {
    fn from(error: diesel::result::Error) -> Self {
        Self::Query(error)
    }
}

impl From<RackTablesError> for Failure {
    fn from(error: RackTablesError) -> Self {
        Self::Version(error)
    }
}

/// Those of the tables that may not be read, each with the server's words.
async fn refused(
    connection: &mut AsyncMysqlConnection,
    tables: &[&'static str],
) -> Vec<(&'static str, String)> {
    let mut refused = Vec::new();
    for &table in tables {
        if let Err(error) = connection.batch_execute(&format!("SELECT 1 FROM `{table}` LIMIT 0")).await {
            refused.push((table, error.to_string()));
        }
    }
    refused
}

fn reasons(refused: &[(&'static str, String)]) -> String {
    let reasons: Vec<_> = refused.iter().map(|(table, reason)| format!("{table} ({reason})")).collect();
    reasons.join("; ")
}

fn connect_reason(error: &mysql_async::Error) -> String {
    match error {
        mysql_async::Error::Server(error) => error.message.clone(),
        mysql_async::Error::Driver(mysql_async::DriverError::NoClientSslFlagFromServer) => {
            "the server offers no TLS; set it up there, or take ssl-mode out".to_owned()
        }
        other => {
            let reason = other.to_string().replace("Input/output error: ", "");
            if reason.contains("certificate") {
                format!(
                    "{reason}; the URL must name the host as its certificate does, and its authority as ssl-ca"
                )
            } else {
                reason
            }
        }
    }
}

/// `0.22` of `0.22.1`; none for what is no version.
fn series(version: &str) -> Option<[u32; 2]> {
    let mut parts = version.split('.').map(|part| part.parse().ok());
    Some([parts.next()??, parts.next()??])
}

fn percent_decoded(text: &str) -> Option<String> {
    percent_encoding::percent_decode_str(text).decode_utf8().ok().map(Cow::into_owned)
}

/// What stands behind the `?`.
fn options(url: &Url) -> Result<(Option<SslOpts>, Duration), InventoryUrlError> {
    let mut mode = Cow::Borrowed("disabled");
    let mut authorities = None;
    let mut patience = DEFAULT_PATIENCE;
    for (key, value) in url.query_pairs() {
        let bad =
            |right: &str| Err(InventoryUrlError(format!("the inventory's URL has {key}={value}; {right}")));
        match &*key {
            "ssl-mode" => mode = Cow::Owned(value.to_lowercase().replace('-', "_")),
            "require_ssl" if value == "true" => mode = Cow::Borrowed("verify_identity"),
            "require_ssl" if value == "false" => {}
            "require_ssl" => return bad("true or false would be right"),
            "ssl-ca" => authorities = Some(PathBuf::from(value.into_owned())),
            "timeout" => match value.parse() {
                Ok(seconds @ 1..=3600) => patience = Duration::from_secs(seconds),
                _ => return bad("1 to 3600 seconds would be right"),
            },
            _ => return bad("known are ssl-mode, require_ssl, ssl-ca and timeout"),
        }
    }
    let tls = match &*mode {
        "disabled" => None,
        "required" => Some(SslOpts::default().with_danger_accept_invalid_certs(true)),
        "verify_identity" => Some(SslOpts::default()),
        other => {
            return Err(InventoryUrlError(format!(
                "the inventory's URL has ssl-mode={other}; Heat knows disabled, required and verify_identity"
            )));
        }
    };
    let tls = match (tls, authorities) {
        (Some(tls), Some(file)) => {
            // The driver's own error would not say which file.
            if let Err(error) = std::fs::File::open(&file) {
                let file = file.display();
                return Err(InventoryUrlError(format!("the inventory's URL has ssl-ca={file}: {error}")));
            }
            Some(tls.with_root_certs(vec![file.into()]).with_disable_built_in_roots(true))
        }
        (None, Some(_)) => {
            let reason = "the inventory's URL has ssl-ca without TLS; add ssl-mode=verify_identity";
            return Err(InventoryUrlError(reason.to_owned()));
        }
        (tls, None) => tls,
    };
    Ok((tls, patience))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(url: &str) -> Result<RackTables, String> {
        RackTables::from_url(&Url::parse(url).unwrap(), Vec::new()).map_err(|error| error.to_string())
    }

    #[test]
    fn escapes_in_user_password_and_database_are_undone() {
        let source = parsed("mysql://he%40t:p%2Fa%3As%25s%D1%8F@[::1]:3307/rack%20tables").unwrap();
        assert_eq!(source.opts.user(), Some("he@t"));
        assert_eq!(source.opts.pass(), Some("p/a:s%sя"));
        assert_eq!(source.opts.db_name(), Some("rack tables"));
        assert_eq!(source.opts.ip_or_hostname(), "::1");
        assert_eq!(source.opts.tcp_port(), 3307);
        let shown = format!("{source:?}");
        assert!(!shown.contains("p/a") && shown.contains("[::1]:3307"), "{shown}");
    }

    #[test]
    fn tls_is_asked_for_by_the_url() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let tls = |query: &str| parsed(&format!("mysql://u:p@h/d?{query}")).unwrap().opts.ssl_opts().cloned();
        assert_eq!(tls("timeout=5"), None);
        assert!(tls("ssl-mode=REQUIRED").unwrap().accept_invalid_certs());
        assert!(!tls("require_ssl=true").unwrap().accept_invalid_certs());
        let verified = tls(&format!("ssl-mode=verify_identity&ssl-ca={}", file.path().display())).unwrap();
        assert!(verified.disable_built_in_roots() && verified.root_certs().len() == 1);
    }

    #[test]
    fn what_is_wrong_in_a_url_is_named_with_what_would_be_right() {
        for (url, complaint) in [
            ("mysql://u:p@h/", "names no database"),
            ("mysql://h/d", "names no user"),
            ("mysql://u:%FF@h/d", "password that is no UTF-8"),
            ("mysql://u:p@h/d?sslmode=require", "sslmode=require; known are ssl-mode"),
            ("mysql://u:p@h/d?ssl-mode=preferred", "knows disabled, required and verify_identity"),
            ("mysql://u:p@h/d?ssl-ca=/x", "add ssl-mode=verify_identity"),
            ("mysql://u:p@h/d?ssl-mode=required&ssl-ca=/x/y.pem", "ssl-ca=/x/y.pem: No such file"),
            ("mysql://u:p@h/d?timeout=0", "1 to 3600"),
        ] {
            let error = parsed(url).unwrap_err();
            assert!(error.contains(complaint), "{url}: {error}");
        }
    }

    #[test]
    fn the_grants_are_for_exactly_the_tables_that_are_read() {
        let granted: Vec<_> = GRANTS.lines().map(|line| line.split('`').nth(3).unwrap()).collect();
        let read: Vec<_> = TABLES.into_iter().chain(RACKCODE_TABLES).collect();
        assert_eq!(granted, read);
    }

    #[test]
    fn versions_are_compared_by_number() {
        assert_eq!(series("0.20.14"), Some([0, 20]));
        assert_eq!(series("0.22"), Some([0, 22]));
        assert!(series("1.0.0").unwrap() > NEWEST && series("0.9.1").unwrap() < OLDEST);
        assert_eq!([series(""), series("0"), series("x.y"), series("0.x")], [None; 4]);
    }
}
