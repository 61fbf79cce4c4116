//! The local stack: private stores, simulated upstreams, one updater, API replicas and nginx, all on loopback and
//! under one folder. Nothing of it outlives this process.

use std::{
    collections::BTreeMap,
    fs,
    net::{Ipv4Addr, SocketAddr},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    process::ExitStatus,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use tokio::try_join;

use crate::{
    backends::{MariaDb, Nginx, Postgres, Redis, Site},
    clock::Clock,
    eventually,
    git::Repository,
    process::{Process, Program, can_enter, free_port, is_free, is_root, reserve_again},
    proxy::Proxy,
    racktables,
    sim::{JugglerOptions, Simulation, SimulationOptions, StartrekOptions, ZabbixOptions},
    world::World,
};

/// How long after the opening a rack loses power by itself.
const POWER_LOSS_AFTER: Duration = Duration::from_mins(1);

/// How often the updater looks for new templates: who has just committed one does not want to wait.
const OFTEN: &str = "*/10 * * * * *";

/// How long bringing the schema up to date may take.
const MIGRATED_WITHIN: Duration = Duration::from_mins(1);

/// How long the updater and the replicas may take until every replica shows a snapshot.
const FIRST_SNAPSHOT: Duration = Duration::from_mins(2);

/// What can be chosen about a local stack.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// The port of 127.0.0.1 where the page and the API are served; every other port is chosen among free ones
    #[arg(long, default_value_t = 8080)]
    pub port: u16,
    /// The folder of everything the stack writes: data, configuration, logs
    #[arg(long, value_name = "FOLDER", default_value = ".heat")]
    pub dir: PathBuf,
    /// The built page
    #[arg(long, value_name = "FOLDER", default_value = "static/dist")]
    pub page: PathBuf,
    /// The folder with sample templates, which are committed to a repository of the stack's own at its first start
    #[arg(long, value_name = "FOLDER", default_value = "infra/devkit/templates")]
    pub templates: PathBuf,
    /// The folder with heat-api and heat-updater [default: where heat-dev lies]
    #[arg(long, value_name = "FOLDER")]
    pub bin: Option<PathBuf>,
    /// The folder with the heat-updater that brings the schema up to date [default: as --bin]
    #[arg(long, value_name = "FOLDER")]
    pub schema: Option<PathBuf>,
    /// How many API replicas stand behind nginx
    #[arg(long, value_name = "COUNT", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=16))]
    pub replicas: u16,
    /// Nothing happens by itself in the simulated systems: for tests
    #[arg(long)]
    pub still: bool,
    /// Sources are asked every second: for tests that wait for what they say
    #[arg(long, hide = true)]
    pub eager: bool,
    /// What Heat's own programs take for the machine's clock
    #[arg(skip)]
    pub clock: Option<Clock>,
    /// Heat's own programs reach Postgres over [`Stack::wire`]
    #[arg(skip)]
    pub wired: bool,
}

impl Options {
    /// A stack for a test or a bench: all it writes is in `folder`, its page is empty, its port a free one, and nothing
    /// happens in it by itself. The programs are those beside the calling one, as cargo builds them.
    ///
    /// # Errors
    /// If the page cannot be written, or no port is free.
    pub fn in_folder(folder: &Path, replicas: u16) -> anyhow::Result<Self> {
        let page = folder.join("page");
        fs::create_dir(&page)?;
        fs::write(page.join("index.html"), "<!doctype html><title>Heat</title>")?;
        let programs = std::env::current_exe()?.ancestors().nth(2).map(ToOwned::to_owned);
        Ok(Self {
            port: free_port()?,
            dir: folder.join("heat"),
            page,
            templates: concat!(env!("CARGO_MANIFEST_DIR"), "/templates").into(),
            bin: programs,
            schema: None,
            replicas,
            still: true,
            eager: false,
            clock: None,
            wired: false,
        })
    }
}

/// Where the events and the inventory come from: a system of the user's own, or its simulator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Upstreams {
    zabbix: Source,
    juggler: Source,
    inventory: Source,
    tracker: Source,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Simulated,
    /// The variables of the environment reach the updater as they are.
    Given,
    /// A stranger's Zabbix stands alone: simulated hosts beside real ones would only confuse, and so would tickets in a
    /// tracker where nobody looks.
    Absent,
    /// Only for the inventory: read from that Zabbix too.
    FromZabbix,
}

impl Upstreams {
    /// Decided by which variables are set.
    fn from_env(is_set: impl Fn(&str) -> bool) -> Self {
        let given = |name: &str| if is_set(name) { Source::Given } else { Source::Simulated };
        let zabbix = given("HEAT_ZABBIX_URL");
        let juggler = given("HEAT_JUGGLER_URL");
        let inventory =
            if is_set("HEAT_RACKTABLES_URL") { Source::Given } else { given("HEAT_INVENTORY_URL") };
        let (juggler, inventory) = match (zabbix, juggler, inventory) {
            (Source::Given, Source::Simulated, Source::Simulated) => (Source::Absent, Source::FromZabbix),
            _ => (juggler, inventory),
        };
        let is_all_real = ![zabbix, juggler, inventory].contains(&Source::Simulated);
        let tracker = match given("HEAT_TRACKER") {
            Source::Simulated if is_all_real => Source::Absent,
            tracker => tracker,
        };
        Self { zabbix, juggler, inventory, tracker }
    }

    fn are_all_real(self) -> bool {
        ![self.zabbix, self.juggler, self.inventory, self.tracker].contains(&Source::Simulated)
    }

    /// What the updater is told beside what the environment says; `url` is where the stack will be reached.
    fn settings(
        self,
        url: &str,
        simulation: Option<&Simulation>,
        inventory: Option<String>,
    ) -> Vec<(&'static str, String)> {
        let mut settings = Vec::new();
        if let Some(simulation) = simulation {
            if self.zabbix == Source::Simulated {
                settings.push(("HEAT_ZABBIX_URL", simulation.zabbix_url()));
                settings.push(("HEAT_ZABBIX_TOKEN", simulation.zabbix_token().to_owned()));
            }
            if self.juggler == Source::Simulated {
                settings.push(("HEAT_JUGGLER_URL", simulation.juggler_url()));
                settings.push(("HEAT_JUGGLER_TOKEN", simulation.juggler_token().to_owned()));
            }
            if self.tracker == Source::Simulated {
                let startrek = simulation.startrek();
                settings.push(("HEAT_TRACKER", "startrek".to_owned()));
                settings.push(("HEAT_STARTREK_URL", startrek.url()));
                settings.push(("HEAT_STARTREK_TOKEN", startrek.token().to_owned()));
                settings.push(("HEAT_STARTREK_ORG", startrek.org().to_owned()));
                settings.push(("HEAT_STARTREK_WEB_URL", issues_url(url)));
            }
        }
        if self.inventory == Source::FromZabbix {
            settings.push(("HEAT_INVENTORY_URL", "zabbix:".to_owned()));
        }
        settings.extend(inventory.map(|url| ("HEAT_INVENTORY_URL", url)));
        settings
    }
}

/// A running stack.
///
/// The fields are in the order in which they are to end: who is served before who serves.
#[derive(Debug)]
pub struct Stack {
    /// In front of everything.
    pub nginx: Nginx,
    /// The API replicas.
    pub replicas: Vec<Service>,
    /// The one updater.
    pub updater: Service,
    /// The simulated upstreams and their page, unless all were given.
    pub simulation: Option<Simulation>,
    /// RackTables' database, unless another inventory was given.
    pub mariadb: Option<MariaDb>,
    /// Heat's cache.
    pub redis: Redis,
    /// Heat's database.
    pub postgres: Postgres,
    /// The way to it from Heat's own programs, where it is not the short one.
    pub wire: Option<Proxy>,
    dir: PathBuf,
    _lock: fs::File,
}

/// One of Heat's own programs, which can be started again as it was.
#[derive(Debug)]
pub struct Service {
    program: Program,
    /// The process itself, to kill it, to freeze it, or to watch it.
    pub process: Process,
    addr: SocketAddr,
}

impl Service {
    fn start(program: Program, addr: SocketAddr) -> anyhow::Result<Self> {
        let process = program.spawn()?;
        Ok(Self { program, process, addr })
    }

    /// Where it listens: a replica for the API, the updater for its health and metrics.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Starts it anew after it ended.
    ///
    /// # Errors
    /// As [`Program::spawn`].
    pub fn start_again(&mut self) -> anyhow::Result<()> {
        self.process = self.program.spawn()?;
        Ok(())
    }
}

impl Stack {
    /// Starts everything and returns when every replica shows a snapshot. `report` is told of each step done.
    ///
    /// # Errors
    /// If a port or the folder is taken, or a part does not start; the message ends with that part's log.
    pub async fn up(options: &Options, report: &(dyn Fn(&str) + Sync)) -> anyhow::Result<Self> {
        Self::up_on(None, options, report).await
    }

    /// The same with Heat's programs on a Redis of somebody else's, by its URL; the stack's own stands idle then.
    ///
    /// # Errors
    /// As [`Stack::up`].
    pub async fn up_on(
        redis_url: Option<&str>,
        options: &Options,
        report: &(dyn Fn(&str) + Sync),
    ) -> anyhow::Result<Self> {
        if !is_free(options.port) {
            bail!("port {} of 127.0.0.1 is taken; choose another with --port", options.port);
        }
        let (dir, lock) = claim(&options.dir, report)?;
        let bin = match &options.bin {
            Some(bin) => bin.clone(),
            None => std::env::current_exe()?.parent().context("heat-dev lies in no folder")?.to_owned(),
        };
        for name in ["heat-api", "heat-updater"] {
            if !bin.join(name).exists() {
                bail!(
                    "{name} is not in {}: build it (cargo build), or name its folder with --bin",
                    bin.display()
                );
            }
        }
        let mut ports = Ports::load(&dir);
        let url = format!("http://127.0.0.1:{}", options.port);
        let Ground { redis, postgres, mariadb, simulation, upstreams } =
            Ground::lay(&dir, &mut ports, &url, options.still, report).await?;

        let (mut database_url, mut wire) = (postgres.url("heat"), None);
        if options.wired {
            let proxy = Proxy::start(format!("127.0.0.1:{}", postgres.port()?)).await?;
            let mut wired = url::Url::parse(&database_url)?;
            wired.set_port(Some(proxy.addr().port())).ok().context("a URL without a host")?;
            (database_url, wire) = (wired.into(), Some(proxy));
        }
        let logs = dir.join("logs");
        fs::create_dir_all(&logs)?;
        let heat = |name: &str, program: &str, role: &str| {
            let log = logs.join(format!("{name}.log"));
            // A log tells of this run; the one before is kept beside it.
            let _ = fs::rename(&log, logs.join(format!("{name}.before.log")));
            let database = Postgres::url_as(&database_url, role)?;
            let mut program = Program::new(name, bin.join(program)).log(log);
            for (name, value) in options.clock.iter().flat_map(Clock::environment) {
                program = program.env(name, value);
            }
            let redis = redis_url.unwrap_or_else(|| redis.url());
            anyhow::Ok(program.env("HEAT_REDIS_URL", redis).env("HEAT_DATABASE_URL", database))
        };
        migrate(options.schema.as_ref().unwrap_or(&bin), &postgres, &logs).await?;

        let addr = ports.address("heat-updater")?;
        let mut updater = heat("heat-updater", "heat-updater", "heat_updater")?
            .env("HEAT_METRICS_LISTEN", addr.to_string());
        for (name, value) in upstreams {
            updater = updater.env(name, value);
        }
        if options.eager {
            updater = updater.env("HEAT_EVENTS_CRON", "* * * * * *");
        }
        if !is_set("HEAT_TEMPLATES_URL") {
            let repository = sample_templates(&dir.join("templates.git"), &options.templates, report)?;
            updater = updater.env("HEAT_TEMPLATES_URL", repository.url()).env("HEAT_TEMPLATES_CRON", OFTEN);
        }
        let updater = Service::start(updater, addr)?;
        let replicas = (1..=options.replicas)
            .map(|number| {
                let name = format!("heat-api-{number}");
                let addr = ports.address(&name)?;
                let metrics = ports.address(&format!("{name}-metrics"))?;
                let program = heat(&name, "heat-api", "heat_api")?
                    .env("HEAT_LISTEN", addr.to_string())
                    .env("HEAT_METRICS_LISTEN", metrics.to_string())
                    .env("HEAT_AUTH", "off")
                    .env("HEAT_PUBLIC_URL", &url);
                Service::start(program, addr)
            })
            .collect::<anyhow::Result<Vec<_>>>()?;
        ports.save()?;
        let site = Site {
            replicas: replicas.iter().map(Service::addr).collect(),
            page: options.page.clone(),
            demo: simulation.as_ref().map(Simulation::control_addr),
        };
        let nginx = Nginx::start_in(&dir.join("nginx"), options.port, &site).await?;
        let mut stack =
            Self { nginx, replicas, updater, simulation, mariadb, redis, postgres, wire, dir, _lock: lock };
        stack.show_a_snapshot().await?;
        report(&format!("heat-updater and {} replicas of heat-api behind nginx", stack.replicas.len()));
        Ok(stack)
    }

    /// `http://127.0.0.1:<port>`.
    #[must_use]
    pub fn url(&self) -> String {
        self.nginx.url()
    }

    /// The folder of everything it writes.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Waits until every replica shows a snapshot.
    async fn show_a_snapshot(&mut self) -> anyhow::Result<()> {
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(2)).build()?;
        let start = Instant::now();
        for number in 0..self.replicas.len() {
            let what = format!("{} to show a first snapshot", self.replicas[number].process.name());
            let url = format!("http://{}/readyz", self.replicas[number].addr);
            let patience = FIRST_SNAPSHOT.saturating_sub(start.elapsed());
            let ready = eventually(&what, patience, async || {
                // Without the updater no replica ever has anything to show.
                let alive = self
                    .updater
                    .process
                    .still_runs()
                    .and_then(|()| self.replicas[number].process.still_runs());
                if let Err(ended) = alive {
                    return Some(Err(ended));
                }
                http.get(&url).send().await.is_ok_and(|answer| answer.status().is_success()).then_some(Ok(()))
            })
            .await;
            match ready {
                Ok(outcome) => outcome?,
                Err(late) => bail!("{late}; heat-updater last said:\n{}", self.updater.process.log_tail(12)),
            }
        }
        Ok(())
    }

    /// Every process of the stack.
    fn processes(&mut self) -> Vec<&mut Process> {
        let mut all = vec![self.nginx.process()];
        all.extend(self.replicas.iter_mut().map(|replica| &mut replica.process));
        all.push(&mut self.updater.process);
        // They are the stack's own, so they have a process.
        all.extend(self.mariadb.as_mut().and_then(|mariadb| mariadb.process().ok()));
        all.extend(self.redis.process().ok());
        all.extend(self.postgres.process().ok());
        all
    }

    /// Those that have ended, with how, and the end of their log.
    pub fn casualties(&mut self) -> Vec<(String, ExitStatus, String)> {
        self.processes()
            .into_iter()
            .filter_map(|process| Some((process.name().to_owned(), process.exited()?, process.log_tail(15))))
            .collect()
    }

    /// Stops everything, who is served before who serves, each as gently as it can be stopped. Whatever remains
    /// is killed.
    ///
    /// # Errors
    /// Names each part that had to be killed.
    pub async fn down(mut self) -> anyhow::Result<()> {
        let mut trouble = Vec::new();
        for process in self.processes() {
            if process.exited().is_none()
                && let Err(error) = process.stop().await
            {
                trouble.push(format!("{error:#}"));
            }
        }
        if trouble.is_empty() { Ok(()) } else { bail!(trouble.join("\n")) }
    }
}

/// What Heat's own programs stand on.
struct Ground {
    redis: Redis,
    postgres: Postgres,
    mariadb: Option<MariaDb>,
    simulation: Option<Simulation>,
    /// What the updater is told about its upstreams beside what the environment says.
    upstreams: Vec<(&'static str, String)>,
}

impl Ground {
    /// `url` is where the stack will be reached.
    async fn lay(
        dir: &Path,
        ports: &mut Ports,
        url: &str,
        still: bool,
        report: &(dyn Fn(&str) + Sync),
    ) -> anyhow::Result<Self> {
        let upstreams = Upstreams::from_env(is_set);
        let [redis_port, postgres_port, mariadb_port] =
            ["redis", "postgres", "mariadb"].map(|name| ports.stable(name));
        let [redis_dir, postgres_dir, mariadb_dir] =
            ["redis", "postgres", "mariadb"].map(|name| dir.join(name));
        let (redis, postgres, mariadb) = try_join!(
            async {
                let redis = Redis::start_in(&redis_dir, redis_port).await?;
                report(&format!("Redis at {}", redis.url()));
                Ok(redis)
            },
            async {
                let postgres = Postgres::start_in(&postgres_dir, postgres_port).await?;
                postgres.database("heat").await?;
                report(&format!("PostgreSQL at {}", postgres.url("heat")));
                Ok(postgres)
            },
            async {
                if upstreams.inventory != Source::Simulated {
                    return Ok(None);
                }
                let mariadb = MariaDb::start_in(&mariadb_dir, mariadb_port).await?;
                report(&format!("MariaDB at {}", mariadb.url("")));
                anyhow::Ok(Some(mariadb))
            },
        )?;
        ports.keep("redis", redis.port()?);
        ports.keep("postgres", postgres.port()?);
        if let Some(mariadb) = &mariadb {
            ports.keep("mariadb", mariadb.port()?);
        }

        let simulation = if upstreams.are_all_real() {
            None
        } else {
            Some(simulate(dir, ports, url, still, report).await?)
        };
        let inventory = match (&simulation, &mariadb) {
            (Some(simulation), Some(mariadb)) => {
                let url = load_racktables(mariadb, simulation.world(), &mariadb_dir).await?;
                let (racks, devices) = (simulation.world().racks.len(), simulation.world().devices.len());
                report(&format!("RackTables' database with {racks} racks and {devices} devices"));
                Some(url)
            }
            _ => None,
        };
        let upstreams = upstreams.settings(url, simulation.as_ref(), inventory);
        Ok(Self { redis, postgres, mariadb, simulation, upstreams })
    }
}

/// Brings the schema up to date and makes the roles the programs come in as.
async fn migrate(bin: &Path, postgres: &Postgres, logs: &Path) -> anyhow::Result<()> {
    let mut migrate = Program::new("heat-updater migrate", bin.join("heat-updater"))
        .args(["migrate", "--roles"])
        .env("HEAT_DATABASE_URL", postgres.url("heat"))
        .log(logs.join("migrate.log"))
        .spawn()?;
    let status = migrate.ended(MIGRATED_WITHIN).await?;
    if !status.success() {
        bail!("heat-updater migrate --roles failed ({status}):\n{}", migrate.log_tail(12));
    }
    Ok(())
}

/// Whether the user has given this variable.
fn is_set(name: &str) -> bool {
    std::env::var_os(name).is_some_and(|value| !value.is_empty())
}

/// A repository to clone, change and push to, begun with the samples. One that is there already is left as it is.
fn sample_templates(
    path: &Path,
    samples: &Path,
    report: &(dyn Fn(&str) + Sync),
) -> anyhow::Result<Repository> {
    if !path.exists() {
        // Under another name until it is whole, for a start that is cut short.
        let begun = path.with_extension("begun");
        if begun.exists() {
            fs::remove_dir_all(&begun)?;
        }
        Repository::init(&begun, &[])?.commit_folder("master", "Begin with the samples", samples)?;
        fs::rename(&begun, path)?;
    }
    let repository = Repository::open(path)?;
    report(&format!("templates in {}", repository.url()));
    Ok(repository)
}

async fn simulate(
    dir: &Path,
    ports: &mut Ports,
    url: &str,
    still: bool,
    report: &(dyn Fn(&str) + Sync),
) -> anyhow::Result<Simulation> {
    let simulation = Simulation::start(SimulationOptions {
        zabbix: ZabbixOptions { listen: ports.address("zabbix")?, ..ZabbixOptions::default() },
        juggler: JugglerOptions { listen: ports.address("juggler")?, ..JugglerOptions::default() },
        // PostgreSQL keeps the tickets from run to run, so the tracker must know them too.
        startrek: StartrekOptions {
            listen: ports.address("startrek")?,
            file: Some(dir.join("startrek.json")),
            ..StartrekOptions::default()
        },
        control: ports.address("demo")?,
        power_loss_after: (!still).then_some(POWER_LOSS_AFTER),
        ..SimulationOptions::default()
    })
    .await?;
    report(&format!(
        "simulated Zabbix at {}, Juggler at {}, Startrek at {}; its issues at {}",
        simulation.zabbix_url(),
        simulation.juggler_url(),
        simulation.startrek_url(),
        issues_url(url)
    ));
    Ok(simulation)
}

/// Where people look at the simulated Startrek's issues: behind nginx, so that their links lead wherever the map is.
fn issues_url(url: &str) -> String {
    format!("{url}/demo/startrek/")
}

/// Fills RackTables' database with a world, unless an earlier start did, and returns the URL of one who may read it.
async fn load_racktables(mariadb: &MariaDb, world: &World, dir: &Path) -> anyhow::Result<String> {
    const DATABASE: &str = "racktables_db";
    const READER: (&str, &str) = ("reader", "reader");
    let script = racktables::sql(world, &racktables::Options::default());
    let loaded = dir.join("loaded.sql");
    if fs::read(&loaded).ok().as_deref() != Some(script.as_bytes()) {
        mariadb.create_database(DATABASE).await?;
        mariadb.execute_sql(DATABASE, &script).await?;
        mariadb.execute_sql("", &racktables::reader_sql(DATABASE, READER.0, READER.1)).await?;
        // Last, so that a start that was cut short loads it anew.
        fs::write(&loaded, script)?;
    }
    Ok(mariadb.url_as(READER.0, READER.1, DATABASE))
}

/// The folder, made if need be, reachable for the servers' users, and ours alone until we end.
fn claim(dir: &Path, report: &(dyn Fn(&str) + Sync)) -> anyhow::Result<(PathBuf, fs::File)> {
    fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
    let mut dir = fs::canonicalize(dir)?;
    // PostgreSQL refuses root, and a clone in root's home is closed to every other user.
    if is_root() && !can_enter(&dir, "postgres") {
        let name: String =
            dir.to_string_lossy().chars().map(|c| if c.is_alphanumeric() { c } else { '-' }).collect();
        let elsewhere = Path::new("/var/lib/heat-dev").join(name.trim_matches('-'));
        report(&format!("{} is closed to PostgreSQL's user: using {}", dir.display(), elsewhere.display()));
        fs::create_dir_all(&elsewhere).with_context(|| format!("cannot create {}", elsewhere.display()))?;
        dir = elsewhere;
    }
    let owner = fs::metadata(&dir)?.uid();
    if owner != rustix::process::geteuid().as_raw() {
        bail!("{} belongs to another user (uid {owner}); choose another folder with --dir", dir.display());
    }
    let lock = fs::File::create(dir.join("lock"))?;
    match lock.try_lock() {
        Ok(()) => Ok((dir, lock)),
        Err(fs::TryLockError::WouldBlock) => {
            bail!("another heat-dev runs in {}; stop it, or choose another folder with --dir", dir.display())
        }
        Err(fs::TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("cannot lock {}", dir.display()))
        }
    }
}

/// The ports of the run before, kept where they are still free: a `psql` left open finds its server again.
#[derive(Debug)]
struct Ports {
    file: PathBuf,
    known: BTreeMap<String, u16>,
}

impl Ports {
    fn load(dir: &Path) -> Self {
        let file = dir.join("ports.json");
        // Without the file, or with a damaged one, every port is chosen anew.
        let known =
            fs::read(&file).ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default();
        Self { file, known }
    }

    /// The port of last time if it is free.
    fn stable(&self, name: &str) -> Option<u16> {
        self.known.get(name).copied().filter(|&port| reserve_again(port))
    }

    /// An address on loopback: that of last time if it is free.
    fn address(&mut self, name: &str) -> anyhow::Result<SocketAddr> {
        let port = match self.stable(name) {
            Some(port) => port,
            None => free_port()?,
        };
        self.keep(name, port);
        Ok((Ipv4Addr::LOCALHOST, port).into())
    }

    fn keep(&mut self, name: &str, port: u16) {
        self.known.insert(name.to_owned(), port);
    }

    fn save(&self) -> anyhow::Result<()> {
        fs::write(&self.file, serde_json::to_vec_pretty(&self.known)?)
            .with_context(|| format!("cannot write {}", self.file.display()))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::world::Size;

    fn with(variables: &[&str]) -> Upstreams {
        Upstreams::from_env(|name| variables.contains(&name))
    }

    #[test]
    fn everything_is_simulated_until_a_system_is_given() {
        let all = Upstreams {
            zabbix: Source::Simulated,
            juggler: Source::Simulated,
            inventory: Source::Simulated,
            tracker: Source::Simulated,
        };
        assert_eq!(with(&[]), all);
        assert_eq!(with(&["HEAT_JUGGLER_URL"]), Upstreams { juggler: Source::Given, ..all });
        assert_eq!(with(&["HEAT_INVENTORY_URL"]), Upstreams { inventory: Source::Given, ..all });
        assert_eq!(with(&["HEAT_RACKTABLES_URL"]), Upstreams { inventory: Source::Given, ..all });
        assert_eq!(with(&["HEAT_TRACKER"]), Upstreams { tracker: Source::Given, ..all });
    }

    #[test]
    fn a_zabbix_alone_is_its_own_inventory_and_has_no_simulated_company() {
        let alone = Upstreams {
            zabbix: Source::Given,
            juggler: Source::Absent,
            inventory: Source::FromZabbix,
            tracker: Source::Absent,
        };
        assert_eq!(with(&["HEAT_ZABBIX_URL", "HEAT_ZABBIX_TOKEN"]), alone);
        assert!(alone.are_all_real());
        assert_eq!(with(&["HEAT_ZABBIX_URL", "HEAT_TRACKER"]), Upstreams { tracker: Source::Given, ..alone });
    }

    #[test]
    fn a_zabbix_with_an_inventory_keeps_both() {
        let both = with(&["HEAT_ZABBIX_URL", "HEAT_INVENTORY_URL"]);
        assert_eq!((both.zabbix, both.inventory), (Source::Given, Source::Given));
    }

    #[tokio::test]
    async fn the_updater_is_told_of_the_simulated_tracker_and_where_its_issues_are_seen() -> anyhow::Result<()>
    {
        let world = Some(Arc::new(World::generate(Size::SMALL, 1)));
        let simulation =
            Simulation::start(SimulationOptions { world, ..SimulationOptions::default() }).await?;
        let told = |variables: &[&str]| -> BTreeMap<&str, String> {
            with(variables).settings("http://127.0.0.1:8080", Some(&simulation), None).into_iter().collect()
        };
        let settings = told(&[]);
        assert_eq!(
            (&*settings["HEAT_TRACKER"], &settings["HEAT_STARTREK_URL"]),
            ("startrek", &simulation.startrek_url())
        );
        assert_eq!(settings["HEAT_STARTREK_WEB_URL"], "http://127.0.0.1:8080/demo/startrek/");
        assert!(told(&["HEAT_TRACKER"]).keys().all(|name| !name.contains("STARTREK")));
        Ok(())
    }

    #[test]
    fn the_templates_begin_with_the_samples_and_keep_what_was_committed_since() -> anyhow::Result<()> {
        let dir = tempfile::tempdir()?;
        let (path, samples) = (dir.path().join("templates.git"), dir.path().join("samples"));
        fs::create_dir_all(samples.join("tickets"))?;
        fs::write(samples.join("tickets/a.md.j2"), "a")?;
        let first = sample_templates(&path, &samples, &|_| ())?;
        assert_eq!(first.files("master")?, ["tickets/a.md.j2"]);
        first.commit("master", "An own one", &[crate::git::Entry::file("own", "o")])?;
        assert_eq!(sample_templates(&path, &samples, &|_| ())?.files("master")?, ["own"]);
        Ok(())
    }

    #[test]
    fn a_folder_serves_one_stack_at_a_time() -> anyhow::Result<()> {
        let dir = tempfile::Builder::new()
            .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o755))
            .tempdir()?;
        let first = claim(dir.path(), &|_| ())?;
        let error = claim(dir.path(), &|_| ()).unwrap_err().to_string();
        assert!(error.contains("another heat-dev runs in"), "{error}");
        drop(first);
        claim(dir.path(), &|_| ())?;
        Ok(())
    }

    #[test]
    fn ports_stay_the_same_as_long_as_they_are_free() -> anyhow::Result<()> {
        let dir = tempfile::tempdir()?;
        let mut ports = Ports::load(dir.path());
        let first = ports.address("redis")?;
        ports.save()?;
        assert_eq!(Ports::load(dir.path()).address("redis")?, first);
        let _taken = std::net::TcpListener::bind(first)?;
        assert_ne!(Ports::load(dir.path()).address("redis")?, first);
        Ok(())
    }
}
