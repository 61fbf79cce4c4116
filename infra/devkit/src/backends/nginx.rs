//! nginx in front of local replicas, with the configuration that production uses (`infra/nginx`).

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, bail};

use super::{Home, on_a_port};
use crate::process::{Process, Program, START_PATIENCE, Signal, can_enter};

/// What production uses, and the one file that only the local stack has.
const MAIN: &str = include_str!("../../../nginx/main.conf.template");
const HEAT: &str = include_str!("../../../nginx/heat.conf.template");
const DEMO: &str = include_str!("../../../nginx/demo.conf.template");
const HEADERS: &str = include_str!("../../../nginx/heat/headers.conf");
const PROXY: &str = include_str!("../../../nginx/heat/proxy.conf");
const REFUSED: &str = include_str!("../../../nginx/heat/refused.conf");
const IDENTITY_OFF: &str = include_str!("../../../nginx/heat/identity-off.conf");

/// The user of Debian's package.
const USER: &str = "www-data";

/// What stands behind nginx.
#[derive(Debug, Clone)]
pub struct Site {
    /// The API replicas.
    pub replicas: Vec<SocketAddr>,
    /// The folder with the built page. If nginx' user cannot reach it, a copy is served.
    pub page: PathBuf,
    /// Who answers under `/demo/`, if anybody.
    pub demo: Option<SocketAddr>,
}

/// A running nginx.
#[derive(Debug)]
pub struct Nginx {
    port: u16,
    // Before the home, so that the server has ended when its directory is removed.
    process: Process,
    home: Home,
}

impl Nginx {
    /// Starts a throw-away server on a free port.
    ///
    /// # Errors
    /// If it does not start; the message ends with its log.
    pub async fn start(site: &Site) -> anyhow::Result<Self> {
        Self::start_with(site, &[]).await
    }

    /// As [`Nginx::start`], with these files under `heat/`, by name and content, beside or instead of the usual ones.
    ///
    /// # Errors
    /// As [`Nginx::start`].
    pub async fn start_with(site: &Site, files: &[(&str, &str)]) -> anyhow::Result<Self> {
        Self::launch(Home::temporary("nginx", USER)?, None, site, files).await
    }

    /// Starts a server for the local stack with its configuration and logs in `dir`, on `port`.
    /// The access log of the run before is kept beside the new one.
    ///
    /// # Errors
    /// As [`Nginx::start`].
    pub async fn start_in(dir: &Path, port: u16, site: &Site) -> anyhow::Result<Self> {
        Self::launch(Home::kept(dir, USER)?, Some(port), site, &[]).await
    }

    /// `http://127.0.0.1:<port>`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Its first process, to freeze it, or to watch it.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// The access log: one JSON object a line.
    #[must_use]
    pub fn access_log(&self) -> PathBuf {
        access_log(&self.home)
    }

    async fn launch(
        home: Home,
        port: Option<u16>,
        site: &Site,
        files: &[(&str, &str)],
    ) -> anyhow::Result<Self> {
        let log = access_log(&home);
        if log.exists() {
            fs::rename(&log, log.with_extension("before.log"))?;
        }
        let (port, process) = on_a_port(port, async |port| spawn(&home, port, site, files).await).await?;
        Ok(Self { port, process, home })
    }
}

fn access_log(home: &Home) -> PathBuf {
    home.data().join("access.log")
}

async fn spawn(home: &Home, port: u16, site: &Site, files: &[(&str, &str)]) -> anyhow::Result<Process> {
    let config = configure(home, port, site)?;
    for (name, text) in files {
        fs::write(home.path.join("heat").join(name), text)?;
    }
    let mut process = Program::new("nginx", "/usr/sbin/nginx")
        .arg("-c")
        .arg(&config)
        .arg("-p")
        .arg(&home.path)
        // Until it has read its configuration it would write to the package's log.
        .args(["-e", "stderr"])
        .unprivileged(home.user)
        .last_signal(Signal::TERM)
        .log(home.log("nginx"))
        .spawn()?;
    // nginx writes this after it has bound its port, and removes it at its end.
    let pid_file = home.data().join("nginx.pid");
    let pid = process.pid().to_string();
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    process
        .ready(&address.to_string(), START_PATIENCE, async || {
            fs::read_to_string(&pid_file).is_ok_and(|text| text.trim() == pid)
        })
        .await
        .context("cannot start nginx (Debian's package nginx)")?;
    Ok(process)
}

/// Writes the configuration and returns its main file.
fn configure(home: &Home, port: u16, site: &Site) -> anyhow::Result<PathBuf> {
    let page = reachable(home, &site.page)?;
    let local = home.path.join("heat/local");
    fs::create_dir_all(&local)?;
    fs::write(home.path.join("heat/headers.conf"), HEADERS)?;
    fs::write(home.path.join("heat/proxy.conf"), PROXY)?;
    fs::write(home.path.join("heat/refused.conf"), REFUSED)?;
    fs::write(home.path.join("heat/identity.conf"), IDENTITY_OFF)?;
    let demo = local.join("demo.conf");
    match site.demo {
        Some(address) => fs::write(demo, filled(DEMO, &[("DEMO", &address.to_string())])?)?,
        None if demo.exists() => fs::remove_file(demo)?,
        None => {}
    }
    let replicas: Vec<String> = site
        .replicas
        .iter()
        .map(|address| format!("server {address} max_fails=2 fail_timeout=2s;"))
        .collect();
    let heat = filled(
        HEAT,
        &[
            ("LISTEN", &format!("127.0.0.1:{port}")),
            ("REPLICAS", &replicas.join("\n    ")),
            ("STATIC", &path(&page)?),
            ("LOG", &path(&access_log(home))?),
        ],
    )?;
    fs::write(home.path.join("heat.conf"), heat)?;
    let main = home.path.join("nginx.conf");
    fs::write(&main, filled(MAIN, &[("DATA", &path(&home.data())?)])?)?;
    Ok(main)
}

/// As envsubst does it, but strict: what is named must occur, and nothing may stay open.
fn filled(template: &str, values: &[(&str, &str)]) -> anyhow::Result<String> {
    let mut text = template.to_owned();
    for (name, value) in values {
        let mark = format!("${{HEAT_NGINX_{name}}}");
        if !text.contains(&mark) {
            bail!("the nginx template lacks {mark}");
        }
        text = text.replace(&mark, value);
    }
    match text.split_once("${") {
        Some((_, rest)) => {
            bail!("the nginx template leaves ${{{} open", rest.split('}').next().unwrap_or(rest))
        }
        None => Ok(text),
    }
}

/// A path as nginx' configuration can hold it without any quoting of ours.
fn path(path: &Path) -> anyhow::Result<String> {
    match path.to_str() {
        Some(text) if text.chars().all(|c| c.is_alphanumeric() || "/._-+@".contains(c)) => {
            Ok(text.to_owned())
        }
        _ => bail!("choose a path without spaces and special characters for nginx: {}", path.display()),
    }
}

/// The folder itself if nginx' user can reach it, else a copy.
fn reachable(home: &Home, page: &Path) -> anyhow::Result<PathBuf> {
    let page = fs::canonicalize(page)
        .with_context(|| format!("the page is not built: {} (npm run build in static/)", page.display()))?;
    if can_enter(&page, home.user) {
        return Ok(page);
    }
    let copy = home.path.join("page");
    if copy.exists() {
        fs::remove_dir_all(&copy)?;
    }
    let done =
        Command::new("cp").args(["-r", "--"]).arg(&page).arg(&copy).output().context("cannot run cp")?;
    if !done.status.success() {
        bail!("cannot copy the page: {}", String::from_utf8_lossy(&done.stderr).trim());
    }
    Ok(copy)
}
