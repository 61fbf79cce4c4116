//! The servers behind `HEAT_REDIS_URL`, as one place that answers: connections for commands, and where a key lives now, for
//! who follows it there.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use deadpool_redis::redis::aio::ConnectionLike;
use deadpool_redis::redis::cluster::ClusterClient;
use deadpool_redis::redis::cluster_async::ClusterConnection;
use deadpool_redis::redis::cluster_routing::{Route, RoutingInfo, SingleNodeRoutingInfo, SlotAddr};
use deadpool_redis::redis::sentinel::{SentinelClient, SentinelNodeConnectionInfo, SentinelServerType};
use deadpool_redis::redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ConnectionInfo, ErrorKind, Pipeline, RedisError,
    RedisFuture, ServerErrorKind, TlsMode, Value, cmd,
};
use deadpool_redis::{Manager, Pool, Runtime, sentinel};
use futures_util::FutureExt as _;
use futures_util::future::select_ok;
use tokio::sync::{Mutex as AsyncMutex, OnceCell};
use tokio::time::{sleep, timeout};

use super::address::Address;
use super::{ANSWER_WITHIN, CONNECT_WITHIN, CacheError};

/// Connections of a process, at most; each carries one command at a time.
const CONNECTIONS: usize = 16;

/// How often it is asked whether a key lives elsewhere by now. A server that dies is noticed at once; this is for one that
/// was demoted, or whose slot was taken away, while it stands, and for one that hangs.
const ASK_EVERY: Duration = Duration::from_secs(3);

/// How often a command to a cluster is tried, with up to half a second between two tries.
const TRIES: u32 = 8;
const LONGEST_PAUSE_MS: u64 = 500;

/// The servers behind a URL.
pub(super) struct Servers(Form);

enum Form {
    One {
        pool: Pool,
        client: Client,
    },
    Sentinel {
        pool: sentinel::Pool,
        /// Asks the Sentinels, for who follows a key.
        client: AsyncMutex<SentinelClient>,
        name: String,
        /// Where the master was last seen.
        master: Mutex<Option<String>>,
    },
    Cluster {
        client: Box<ClusterClient>,
        /// One for all: it carries many commands at a time, finds the nodes, and mends itself.
        connection: OnceCell<ClusterConnection>,
        /// Those of the URL, and last the one where a key was last found.
        nodes: Vec<ConnectionInfo>,
        last: Mutex<Option<ConnectionAddr>>,
    },
}

/// The server where a key lives.
pub(super) struct Home {
    pub(super) client: Client,
    /// `host:port`.
    pub(super) at: String,
}

impl Home {
    fn of(client: Client) -> Self {
        let at = client.get_connection_info().addr().to_string();
        Self { client, at }
    }
}

impl Servers {
    /// Prepares; the first connection is made when it is needed.
    pub(super) fn new(address: Address) -> Result<Self, CacheError> {
        let unusable = |error: RedisError| CacheError::Url(format!("{:?}", error.kind()));
        let form = match address {
            Address::One(info) => {
                let client = Client::open(info.clone()).map_err(unusable)?;
                let pool = Pool::builder(Manager::new_with_config(info, patience()).map_err(unusable)?)
                    .max_size(CONNECTIONS)
                    .runtime(Runtime::Tokio1)
                    .wait_timeout(Some(CONNECT_WITHIN))
                    .create_timeout(Some(CONNECT_WITHIN))
                    .recycle_timeout(Some(CONNECT_WITHIN))
                    .build()
                    .map_err(|e| CacheError::Url(e.to_string()))?;
                Form::One { pool, client }
            }
            Address::Sentinel { sentinels, master, settings, tls } => {
                let mut at_master =
                    SentinelNodeConnectionInfo::default().set_redis_connection_info(settings.clone());
                if tls {
                    at_master = at_master.set_tls_mode(TlsMode::Secure);
                }
                let client = SentinelClient::build(
                    sentinels.clone(),
                    master.clone(),
                    Some(at_master),
                    SentinelServerType::Master,
                )
                .map_err(unusable)?;
                Form::Sentinel {
                    pool: by_sentinel(sentinels, &master, settings, tls)?,
                    client: AsyncMutex::new(client),
                    name: master,
                    master: Mutex::default(),
                }
            }
            Address::Cluster(nodes) => {
                let client = ClusterClient::builder(nodes.clone())
                    .connection_timeout(CONNECT_WITHIN)
                    .response_timeout(ANSWER_WITHIN)
                    .retries(TRIES)
                    .max_retry_wait(LONGEST_PAUSE_MS)
                    .min_retry_wait(10)
                    .build()
                    .map_err(unusable)?;
                let client = Box::new(client);
                Form::Cluster { client, connection: OnceCell::new(), nodes, last: Mutex::default() }
            }
        };
        Ok(Self(form))
    }

    /// Whether keys are spread over nodes by their slot.
    pub(super) fn is_cluster(&self) -> bool {
        matches!(self.0, Form::Cluster { .. })
    }

    /// A connection for commands.
    pub(super) async fn connection(&self) -> Result<Connection, CacheError> {
        // On the heap, as finding a server takes many kilobytes, which would lie in every future that reads something.
        Ok(match &self.0 {
            Form::One { pool, .. } => Connection::One(pool.get().await?),
            Form::Sentinel { pool, .. } => Connection::Master(Master::new(Box::pin(pool.get()).await?)),
            Form::Cluster { client, connection, .. } => {
                let connect = || Box::pin(client.get_async_connection());
                Connection::Cluster(connection.get_or_try_init(connect).await?.clone())
            }
        })
    }

    /// The server where `key` lives now.
    pub(super) async fn home(&self, key: &str) -> Result<Home, RedisError> {
        match &self.0 {
            Form::One { client, .. } => Ok(Home::of(client.clone())),
            Form::Sentinel { pool, client, master, .. } => {
                let mut client = client.lock().await;
                let home = Home::of(Box::pin(client.async_get_client()).await?);
                let before = locked(master).replace(home.at.clone());
                if before.is_some_and(|before| before != home.at) {
                    // Each would be found dead, or in the wrong place, one by one.
                    pool.retain(|_, _| false);
                }
                Ok(home)
            }
            Form::Cluster { nodes, last, .. } => {
                let known = locked(last).clone();
                let known = known.map(|addr| nodes[0].clone().set_addr(addr));
                let asked =
                    known.into_iter().chain(nodes.iter().cloned()).map(|node| owner(node, key).boxed());
                // The first that answers: one that hangs must not hide what the others know.
                let (home, _) = Box::pin(select_ok(asked)).await?;
                *locked(last) = Some(home.addr().clone());
                Ok(Home::of(Client::open(home)?))
            }
        }
    }

    /// Waits until `key` lives elsewhere, and returns where. Whoever cannot be asked says nothing.
    pub(super) async fn moved(&self, key: &str, home: &Home) -> String {
        if matches!(self.0, Form::One { .. }) {
            return std::future::pending().await;
        }
        loop {
            sleep(ASK_EVERY).await;
            match timeout(ANSWER_WITHIN, self.home(key)).await {
                Ok(Ok(now)) if now.at != home.at => return now.at,
                _ => {}
            }
        }
    }

    /// What these servers are, and who serves `key`, for an operator.
    pub(super) async fn whereabouts(&self, key: &str) -> Result<String, RedisError> {
        let at = self.home(key).await?.at;
        Ok(match &self.0 {
            Form::One { .. } => format!("one server, {at}"),
            Form::Sentinel { name, .. } => format!("by Sentinel: the master of {name} is {at}"),
            Form::Cluster { .. } => format!("a cluster: Heat's keys live at {at}"),
        })
    }
}

impl fmt::Debug for Servers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Form::One { .. } => "one server",
            Form::Sentinel { .. } => "by Sentinel",
            Form::Cluster { .. } => "a cluster",
        })
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn patience() -> AsyncConnectionConfig {
    AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT_WITHIN))
        .set_response_timeout(Some(ANSWER_WITHIN))
}

fn by_sentinel(
    sentinels: Vec<ConnectionInfo>,
    master: &str,
    settings: deadpool_redis::redis::RedisConnectionInfo,
    tls: bool,
) -> Result<sentinel::Pool, CacheError> {
    let at_master = sentinel::SentinelNodeConnectionInfo {
        tls_mode: tls.then_some(sentinel::TlsMode::Secure),
        redis_connection_info: Some(settings.into()),
    };
    let manager = sentinel::Manager::new(
        sentinels,
        master.to_owned(),
        Some(at_master),
        sentinel::SentinelServerType::Master,
    )
    .map_err(|error| CacheError::Url(format!("{:?}", error.kind())))?;
    sentinel::Pool::builder(manager)
        .max_size(CONNECTIONS)
        .runtime(Runtime::Tokio1)
        .wait_timeout(Some(CONNECT_WITHIN))
        // Sentinels that are gone are asked as well, and who connects waits for who asks already.
        .create_timeout(Some(ANSWER_WITHIN))
        .recycle_timeout(Some(CONNECT_WITHIN))
        .post_create(sentinel::Hook::sync_fn(|connection, _| {
            connection.set_response_timeout(ANSWER_WITHIN);
            Ok(())
        }))
        .build()
        .map_err(|e| CacheError::Url(e.to_string()))
}

/// Asks a node of a cluster for a key. It answers if it owns the key's slot, and names the owner otherwise.
async fn owner(node: ConnectionInfo, key: &str) -> Result<ConnectionInfo, RedisError> {
    let client = Client::open(node.clone())?;
    let mut connection = client.get_multiplexed_async_connection_with_config(&patience()).await?;
    match cmd("EXISTS").arg(key).query_async::<u8>(&mut connection).await {
        Ok(_) => Ok(node),
        Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::Ask) => Ok(node),
        Err(error) => {
            let addr = error.redirect_node().and_then(|(to, _)| elsewhere(node.addr(), to));
            addr.map(|addr| node.set_addr(addr)).ok_or(error)
        }
    }
}

/// The address that `MOVED` names, reached as the node that named it. A node that does not know its own name names none.
fn elsewhere(named_by: &ConnectionAddr, to: &str) -> Option<ConnectionAddr> {
    let (host, port) = to.rsplit_once(':')?;
    let port = port.parse().ok()?;
    Some(match named_by {
        ConnectionAddr::Tcp(same, _) => {
            ConnectionAddr::Tcp(if host.is_empty() { same } else { host }.to_owned(), port)
        }
        ConnectionAddr::TcpTls { host: same, insecure, tls_params, .. } => ConnectionAddr::TcpTls {
            host: if host.is_empty() { same } else { host }.to_owned(),
            port,
            insecure: *insecure,
            tls_params: tls_params.clone(),
        },
        _ => return None,
    })
}

/// A connection for commands, whatever the servers are.
pub(super) enum Connection {
    One(deadpool_redis::Connection),
    Master(Master),
    Cluster(ClusterConnection),
}

impl Connection {
    /// Sends a command that names no key to the server where `key` lives.
    pub(super) async fn at_home_of(&mut self, key: &str, command: &Cmd) -> Result<Value, RedisError> {
        match self {
            Self::Cluster(connection) => {
                let route = Route::with_key(key, SlotAddr::Master);
                let node = SingleNodeRoutingInfo::SpecificNode(route);
                connection.route_command(command.clone(), RoutingInfo::SingleNode(node)).await
            }
            _ => self.req_packed_command(command).await,
        }
    }
}

impl ConnectionLike for Connection {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Self::One(connection) => connection.req_packed_command(command),
            Self::Cluster(connection) => connection.req_packed_command(command),
            Self::Master(master) => async move {
                let answer = master.connection()?.req_packed_command(command).await;
                master.judge(answer.as_ref().err());
                if let Ok(Value::ServerError(error)) = &answer {
                    master.judge(Some(&RedisError::from(error.clone())));
                }
                answer
            }
            .boxed(),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        commands: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Self::One(connection) => connection.req_packed_commands(commands, offset, count),
            Self::Cluster(connection) => connection.req_packed_commands(commands, offset, count),
            Self::Master(master) => async move {
                let answers = master.connection()?.req_packed_commands(commands, offset, count).await;
                master.judge(answers.as_ref().err());
                for answer in answers.iter().flatten() {
                    if let Value::ServerError(error) = answer {
                        master.judge(Some(&RedisError::from(error.clone())));
                    }
                }
                answers
            }
            .boxed(),
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            Self::One(connection) => connection.get_db(),
            Self::Master(master) => master.connection.as_ref().map_or(0, ConnectionLike::get_db),
            Self::Cluster(connection) => connection.get_db(),
        }
    }
}

/// A connection to what was the master when it was made. Once it shows that it is that no longer, it does not go back to
/// the pool, which would see nothing wrong with it.
pub(super) struct Master {
    /// None only while it is dropped.
    connection: Option<sentinel::Connection>,
    deposed: bool,
}

impl Master {
    fn new(connection: sentinel::Connection) -> Self {
        Self { connection: Some(connection), deposed: false }
    }

    fn connection(&mut self) -> Result<&mut sentinel::Connection, RedisError> {
        self.connection
            .as_mut()
            .ok_or_else(|| RedisError::from((ErrorKind::Client, "a connection was used after its end")))
    }

    fn judge(&mut self, error: Option<&RedisError>) {
        let Some(error) = error else { return };
        // Before version 7 a script's error has the code of all errors, with the reason in the text.
        self.deposed |= matches!(
            error.kind(),
            ErrorKind::Server(ServerErrorKind::ReadOnly | ServerErrorKind::MasterDown)
        ) || error.detail().is_some_and(|text| text.contains("READONLY"));
    }
}

impl Drop for Master {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take().filter(|_| self.deposed) {
            drop(sentinel::Connection::take(connection));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_s_owner_is_reached_as_the_node_that_named_it() {
        let plain = ConnectionAddr::Tcp("n1".into(), 7000);
        let tls = ConnectionAddr::TcpTls { host: "n1".into(), port: 7000, insecure: false, tls_params: None };
        for (named_by, to, at) in [
            (&plain, "10.0.0.2:7001", Some("10.0.0.2:7001")),
            (&tls, "n2.example.net:7001", Some("n2.example.net:7001")),
            (&plain, "fd00::2:7001", Some("fd00::2:7001")),
            (&plain, ":7001", Some("n1:7001")),
            (&plain, "nonsense", None),
        ] {
            let addr = elsewhere(named_by, to);
            assert_eq!(addr.as_ref().map(ToString::to_string).as_deref(), at);
            let same =
                |addr: &ConnectionAddr| std::mem::discriminant(addr) == std::mem::discriminant(named_by);
            assert!(addr.as_ref().is_none_or(same));
        }
    }
}
