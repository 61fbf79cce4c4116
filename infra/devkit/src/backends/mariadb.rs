//! A private MariaDB, for a RackTables database.

use std::{
    fs::File,
    io::Write as _,
    net::Ipv4Addr,
    path::Path,
    process::{Command, Stdio},
    thread,
};

use anyhow::{Context, bail};
use tokio::{net::TcpStream, task::spawn_blocking};
use url::Url;

use super::{Home, TEST_MARIADB_URL, on_a_port, shared_url, unique};
use crate::process::{Process, Program, START_PATIENCE};

/// A running MariaDB whose `root` needs no password from this machine.
#[derive(Debug)]
pub struct MariaDb {
    /// Of the server, without a database.
    url: Url,
    /// None for a server that belongs to somebody else.
    own: Option<Own>,
}

#[derive(Debug)]
struct Own {
    port: u16,
    // Before the home, so that the server has ended when its directory is removed.
    process: Process,
    home: Home,
}

impl MariaDb {
    /// Starts a throw-away server, which takes some seconds: its system tables are made first.
    ///
    /// # Errors
    /// If it does not start; the message ends with its log.
    pub async fn start() -> anyhow::Result<Self> {
        Self::launch(Home::temporary("mariadb", "mysql")?, None).await
    }

    /// Starts a server for the local stack with its data in `dir`, on `port` or on a free one.
    ///
    /// # Errors
    /// As [`MariaDb::start`].
    pub async fn start_in(dir: &Path, port: Option<u16>) -> anyhow::Result<Self> {
        Self::launch(Home::kept(dir, "mysql")?, port).await
    }

    /// The tests' common server if there is one, else a throw-away one.
    ///
    /// # Errors
    /// As [`MariaDb::start`], or if the variable holds no URL.
    pub async fn shared() -> anyhow::Result<Self> {
        match shared_url(TEST_MARIADB_URL) {
            Some(url) => {
                let url = url.parse().with_context(|| format!("{TEST_MARIADB_URL} is no URL: {url}"))?;
                Ok(Self { url, own: None })
            }
            None => Self::start().await,
        }
    }

    /// `mysql://root@127.0.0.1:<port>/<database>`, whether or not that database exists.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        self.url_as("root", "", database)
    }

    /// The same for another user.
    #[must_use]
    pub fn url_as(&self, user: &str, password: &str, database: &str) -> String {
        let mut url = self.url.clone();
        url.set_path(database);
        // Refused only for URLs without a host, which this is not.
        let _ = url.set_username(user);
        let _ = url.set_password(Some(password).filter(|password| !password.is_empty()));
        url.into()
    }

    /// Creates an empty database as RackTables' installer does (`utf8`, three bytes) and returns its name. It
    /// goes with the server; on a shared one it stays.
    ///
    /// # Errors
    /// If the server refuses.
    pub async fn fresh_database(&self) -> anyhow::Result<String> {
        let name = unique("heat_test_");
        self.create_database(&name).await?;
        Ok(name)
    }

    /// Creates a database as [`MariaDb::fresh_database`] does, unless there is one of this name.
    ///
    /// # Errors
    /// If the server refuses.
    pub async fn create_database(&self, name: &str) -> anyhow::Result<()> {
        let sql =
            format!("create database if not exists `{name}` character set utf8 collate utf8_general_ci");
        self.execute_sql("", &sql).await.map(drop)
    }

    /// Runs statements as `root` in `database` (empty for none) through the `mariadb` client, and returns what
    /// it prints: rows as tab-separated lines without headings.
    ///
    /// # Errors
    /// With the client's own words if a statement fails; those before it have taken effect.
    pub async fn execute_sql(&self, database: &str, sql: &str) -> anyhow::Result<String> {
        let client = client(&self.url, database);
        let sql = sql.to_owned();
        spawn_blocking(move || feed(client, sql.as_bytes())).await?
    }

    /// The same from a file.
    ///
    /// # Errors
    /// As [`MariaDb::execute_sql`], and if the file cannot be opened.
    pub async fn execute_file(&self, database: &str, file: &Path) -> anyhow::Result<String> {
        let client = client(&self.url, database);
        let file = File::open(file).with_context(|| format!("cannot open {}", file.display()))?;
        spawn_blocking(move || finish(client, Stdio::from(file), &[])).await?
    }

    /// Its port on 127.0.0.1.
    ///
    /// # Errors
    /// If it is shared.
    pub fn port(&self) -> anyhow::Result<u16> {
        Ok(self.own.as_ref().context(SHARED)?.port)
    }

    /// Its process, to freeze it, or to watch it.
    ///
    /// # Errors
    /// If it is shared.
    pub fn process(&mut self) -> anyhow::Result<&mut Process> {
        Ok(&mut self.own.as_mut().context(SHARED)?.process)
    }

    /// `kill -9`.
    ///
    /// # Errors
    /// If it is shared.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.process()?.kill9()
    }

    /// Starts it again with the same port and data after [`MariaDb::kill`].
    ///
    /// # Errors
    /// If it is shared, or does not start.
    pub async fn start_again(&mut self) -> anyhow::Result<()> {
        let own = self.own.as_mut().context(SHARED)?;
        own.process = spawn(&own.home, own.port).await?;
        Ok(())
    }

    async fn launch(home: Home, port: Option<u16>) -> anyhow::Result<Self> {
        if !home.data().join("mysql").exists() {
            make_system_tables(&home).await?;
        }
        let (port, process) = on_a_port(port, async |port| spawn(&home, port).await).await?;
        let url = url_of(port).parse()?;
        Ok(Self { url, own: Some(Own { port, process, home }) })
    }
}

const SHARED: &str = "this MariaDB is shared with other tests; use MariaDb::start for one of your own";

async fn make_system_tables(home: &Home) -> anyhow::Result<()> {
    let mut install = Program::new("mariadb-install-db", "mariadb-install-db")
        .args([
            "--no-defaults",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
            "--skip-name-resolve",
        ])
        .arg(format!("--datadir={}", home.data().display()))
        .env("TMPDIR", home.tmp())
        .unprivileged(home.user)
        .log(home.log("install"))
        .spawn()?;
    let status = install.ended(START_PATIENCE).await?;
    if !status.success() {
        bail!(
            "mariadb-install-db failed ({status}; Debian's package mariadb-server):\n{}",
            install.log_tail(12)
        );
    }
    Ok(())
}

async fn spawn(home: &Home, port: u16) -> anyhow::Result<Process> {
    let mut mariadbd = Program::new("mariadbd", "/usr/sbin/mariadbd")
        .arg("--no-defaults")
        .arg(format!("--datadir={}", home.data().display()))
        // Relative to the data directory: a Unix socket's path may have 107 bytes, and a directory of the user's
        // choice easily has more. Nobody uses it.
        .arg("--socket=db.sock")
        .arg(format!("--pid-file={}", home.data().join("mariadbd.pid").display()))
        .args(["--bind-address=127.0.0.1", "--skip-name-resolve", "--skip-log-bin"])
        .args(["--innodb-buffer-pool-size=64M", "--innodb-log-file-size=32M", "--max-connections=200"])
        .arg(format!("--port={port}"))
        .env("TMPDIR", home.tmp())
        .unprivileged(home.user)
        .log(home.log("mariadb"));
    if home.is_temporary() {
        // 2: a commit reaches the kernel, so that a kill -9 loses nothing; 0 would lose the last second.
        mariadbd = mariadbd.arg("--innodb-flush-log-at-trx-commit=2");
    }
    let mut process = mariadbd.spawn()?;
    let data = home.data();
    process
        .ready(&format!("127.0.0.1:{port}"), START_PATIENCE, async || answers_from(port, &data).await)
        .await
        .context("cannot start a private MariaDB (Debian's package mariadb-server)")?;
    Ok(process)
}

/// Whether the server on this port keeps its data where ours does: another may have been quicker to take it.
async fn answers_from(port: u16, data: &Path) -> bool {
    if TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.is_err() {
        return false;
    }
    let Ok(url) = url_of(port).parse() else { return false };
    let client = client(&url, "");
    let Ok(Ok(answer)) = spawn_blocking(move || feed(client, b"select @@datadir")).await else {
        return false;
    };
    Path::new(answer.trim()) == data
}

fn url_of(port: u16) -> String {
    format!("mysql://root@127.0.0.1:{port}")
}

fn client(server: &Url, database: &str) -> Command {
    let mut client = Command::new("mariadb");
    client
        .args(["--no-defaults", "--batch", "--skip-column-names", "--default-character-set=utf8mb4"])
        .args(["--protocol=tcp", "--host", server.host_str().unwrap_or("127.0.0.1")])
        .args(["--port", &server.port().unwrap_or(3306).to_string()])
        .args(["--user", server.username()]);
    if let Some(password) = server.password() {
        client.env("MYSQL_PWD", password);
    }
    if !database.is_empty() {
        client.arg("--database").arg(database);
    }
    client
}

fn feed(client: Command, sql: &[u8]) -> anyhow::Result<String> {
    finish(client, Stdio::piped(), sql)
}

fn finish(mut client: Command, input: Stdio, sql: &[u8]) -> anyhow::Result<String> {
    let mut child = client
        .stdin(input)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("cannot run mariadb (Debian's package mariadb-client)")?;
    let stdin = child.stdin.take();
    let output = thread::scope(|scope| {
        // Beside the reading: both pipes may fill. A client that refuses early closes its end, and its own message
        // says more than a failure to write would.
        scope.spawn(move || stdin.map(|mut stdin| stdin.write_all(sql)));
        child.wait_with_output()
    })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    bail!("mariadb: {}", String::from_utf8_lossy(&output.stderr).trim())
}
