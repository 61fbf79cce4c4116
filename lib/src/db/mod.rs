//! Postgres: what people wrote, and the history of events. One file of queries for each thing kept.

pub mod acknowledgements;
pub mod audit;
pub mod changes;
pub mod comments;
pub mod fence;
pub mod history;
mod locks;
pub mod notes;
pub mod openings;
pub mod outbox;
pub mod roles;
mod schema;
pub mod tickets;
pub mod tokens;
pub mod views;
pub mod write_back;

use std::time::Duration;

use diesel::QueryableByName;
use diesel::migration::MigrationSource;
use diesel::pg::Pg;
use diesel::result::Error as QueryError;
use diesel::sql_types::{Bool, Text};
use diesel_async::pooled_connection::deadpool::{Object, Pool, PoolError};
use diesel_async::pooled_connection::{AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod};
use diesel_async::{
    AsyncConnection, AsyncMigrationHarness, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection,
};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use url::Url;

use crate::config::{ConfigError, Secret};
use crate::severity::Severity;
use locks::Lock;

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../migrations");

/// How long a request waits for a connection before it says that Postgres is away.
const CONNECTION_WITHIN: Duration = Duration::from_secs(2);

/// What went wrong with Postgres.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// Not reached, or no connection came free in time.
    #[error("Postgres cannot be reached: {0}")]
    Unreachable(String),
    /// A query failed.
    #[error("Postgres: {0}")]
    Query(#[from] QueryError),
    /// The schema could not be brought up to date.
    #[error("the migrations of the database failed: {0}")]
    Migration(String),
    /// The roles of the programs could not be made as asked.
    #[error("{0}")]
    Roles(String),
    /// Another updater has taken over; nothing was written.
    #[error("another updater has taken over; this one may not write any more")]
    Deposed,
}

impl DbError {
    /// Whether it is the database that is away or read-only, rather than the request that is wrong: worth another try
    /// later.
    pub fn is_outage(&self) -> bool {
        use diesel::result::DatabaseErrorKind as Kind;
        match self {
            Self::Query(QueryError::DatabaseError(kind, _)) => matches!(
                kind,
                Kind::ClosedConnection
                    | Kind::ReadOnlyTransaction
                    | Kind::UnableToSendCommand
                    | Kind::Unknown
            ),
            Self::Unreachable(_) | Self::Query(QueryError::BrokenTransactionManager) => true,
            Self::Query(_) | Self::Migration(_) | Self::Roles(_) | Self::Deposed => false,
        }
    }

    /// Whether the write was refused because there is such a row already.
    pub fn is_duplicate(&self) -> bool {
        use diesel::result::DatabaseErrorKind::UniqueViolation;
        matches!(self, Self::Query(QueryError::DatabaseError(UniqueViolation, _)))
    }
}

impl From<PoolError> for DbError {
    fn from(error: PoolError) -> Self {
        Self::Unreachable(error.to_string())
    }
}

/// A handle on Postgres. Cheap to clone.
#[derive(Clone)]
pub struct Db {
    pool: Pool<AsyncPgConnection>,
}

/// A connection out of the pool.
pub type Connection = Object<AsyncPgConnection>;

impl Db {
    /// Prepares a pool of `size` connections; the first is made when it is needed.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`] if the URL is none of Postgres'.
    pub fn new(url: &Secret, size: usize) -> Result<Self, ConfigError> {
        let url = with_limits(url)?;
        let mut config = ManagerConfig::default();
        // A connection that was idle through a restart of Postgres looks whole; a query finds out before its user does.
        config.recycling_method = RecyclingMethod::Verified;
        config.custom_setup = Box::new(|url| {
            let url = url.to_owned();
            Box::pin(async move {
                let mut connection = AsyncPgConnection::establish(&url).await?;
                connection
                    .batch_execute(
                        "set statement_timeout = '10s'; set idle_in_transaction_session_timeout = '30s'",
                    )
                    .await
                    .map_err(diesel::ConnectionError::CouldntSetupConfiguration)?;
                Ok(connection)
            })
        });
        let manager = AsyncDieselConnectionManager::new_with_config(url.reveal(), config);
        let pool = Pool::builder(manager)
            .max_size(size)
            .runtime(deadpool_redis::Runtime::Tokio1)
            .wait_timeout(Some(CONNECTION_WITHIN))
            .create_timeout(Some(CONNECTION_WITHIN))
            .recycle_timeout(Some(CONNECTION_WITHIN))
            .build()
            .map_err(|error| ConfigError::invalid("HEAT_DATABASE_URL", "[secret]", error.to_string()))?;
        Ok(Self { pool })
    }

    /// A connection.
    pub async fn connection(&self) -> Result<Connection, DbError> {
        Ok(self.pool.get().await?)
    }

    /// Brings the schema up to date. Several may do so at once: one works, the others wait and find it done.
    ///
    /// Must run on a multi-threaded runtime, outside `select!` and `join!`: the migrations block their thread.
    ///
    /// # Errors
    /// [`DbError::Migration`] if one fails, or if some are due and this connection's role may not make tables.
    pub async fn migrate(&self) -> Result<Vec<String>, DbError> {
        let mut connection = self.connection().await?;
        let due = due(&mut connection).await?;
        if due == 0 {
            return Ok(Vec::new());
        }
        may_migrate(&mut connection, due).await?;
        // A session lock, not one of a transaction: some migrations cannot run in one.
        let lock = Lock::Migrations.number();
        connection
            .batch_execute(&format!("set statement_timeout = 0; select pg_advisory_lock({lock})"))
            .await?;
        let mut harness = AsyncMigrationHarness::new(connection);
        let applied = harness
            .run_pending_migrations(MIGRATIONS)
            .map(|versions| versions.iter().map(ToString::to_string).collect())
            .map_err(|error| DbError::Migration(error.to_string()));
        // Dropping the connection releases the lock whatever happened.
        drop(Object::take(harness.into_inner()));
        applied
    }

    /// How many migrations the schema lacks. Needs no right but to read.
    pub async fn pending_migrations(&self) -> Result<usize, DbError> {
        let mut connection = self.connection().await?;
        due(&mut connection).await
    }

    /// Takes every migration back; for tests of the migrations.
    pub async fn revert(&self) -> Result<(), DbError> {
        let mut harness = AsyncMigrationHarness::new(self.connection().await?);
        harness.revert_all_migrations(MIGRATIONS).map_err(|error| DbError::Migration(error.to_string()))?;
        Ok(())
    }

    /// Whether Postgres answers.
    pub async fn ping(&self) -> Result<(), DbError> {
        Ok(self.connection().await?.batch_execute("select 1").await?)
    }
}

#[derive(QueryableByName)]
struct Applied {
    #[diesel(sql_type = Text)]
    version: String,
}

#[derive(QueryableByName)]
struct Standing {
    #[diesel(sql_type = Text)]
    role: String,
    #[diesel(sql_type = Bool)]
    holds: bool,
}

/// How many migrations are not applied. The harness would make its table to find out.
async fn due(connection: &mut AsyncPgConnection) -> Result<usize, DbError> {
    let known: Standing = diesel::sql_query(
        "select current_user::text as role, to_regclass('__diesel_schema_migrations') is not null as holds",
    )
    .get_result(connection)
    .await?;
    let applied: Vec<Applied> = if known.holds {
        diesel::sql_query("select version::text as version from __diesel_schema_migrations")
            .load(connection)
            .await?
    } else {
        Vec::new()
    };
    let ours = MigrationSource::<Pg>::migrations(&MIGRATIONS)
        .map_err(|error| DbError::Migration(error.to_string()))?;
    let is_applied = |version: &str| applied.iter().any(|applied| applied.version == version);
    Ok(ours.iter().filter(|migration| !is_applied(&migration.name().version().to_string())).count())
}

/// Says what to do, where the database would only name a right.
async fn may_migrate(connection: &mut AsyncPgConnection, due: usize) -> Result<(), DbError> {
    let standing: Standing = diesel::sql_query(
        "select current_user::text as role, coalesce(has_schema_privilege(current_schema(), 'create'), false) as holds",
    )
    .get_result(connection)
    .await?;
    if standing.holds {
        return Ok(());
    }
    Err(DbError::Migration(format!(
        "{due} are due, and the role {} may not apply them; run `heat-updater migrate --roles` as the owner of the tables",
        standing.role
    )))
}

/// A severity as the tables keep it.
fn severity_of(level: i16) -> Severity {
    u64::try_from(level).ok().and_then(|level| Severity::try_from(level).ok()).unwrap_or_default()
}

/// Adds time limits to the URL where it sets none, so that a dead database is noticed in seconds.
fn with_limits(url: &Secret) -> Result<Secret, ConfigError> {
    let expected = "a URL such as postgres://user:password@host:5432/heat";
    let mut parsed = Url::parse(url.reveal())
        .ok()
        .filter(|url| matches!(url.scheme(), "postgres" | "postgresql"))
        .ok_or_else(|| ConfigError::invalid("HEAT_DATABASE_URL", "[secret]", expected))?;
    for (name, value) in [("application_name", "heat"), ("connect_timeout", "2"), ("tcp_user_timeout", "10")]
    {
        if !parsed.query_pairs().any(|(known, _)| known == name) {
            parsed.query_pairs_mut().append_pair(name, value);
        }
    }
    Ok(Secret::new(parsed.as_str()))
}
