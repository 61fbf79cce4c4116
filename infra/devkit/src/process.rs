//! Programs as children that cannot outlive their parent.
//!
//! A test that is killed, or times out, must leave no PostgreSQL behind. `Drop` does not run then, so the kernel
//! is asked to: every child is started through `setpriv --pdeathsig`, which sets the signal it gets when its
//! parent ends, drops root where a server refuses it, and then becomes (`exec`) the program, so that the pid we
//! know is the program's own.
//!
//! To the kernel "parent" is the *thread* that forked. A test runtime's worker threads end before the process
//! does, sometimes with the very test that started a server another one still uses. Hence all children are
//! forked by one thread that ends only with the process: the nursery.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom},
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{LazyLock, Mutex, PoisonError, mpsc},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
pub use rustix::process::Signal;
use rustix::process::{Pid, kill_process};

use crate::eventually;

/// How long a server may take from its start to its first answer. Generous: on a busy machine with two cores a
/// database may take ten seconds, and a program that fails says so by exiting, which is noticed at once.
pub const START_PATIENCE: Duration = Duration::from_mins(1);

/// How long a program may take to stop when asked, before it is killed.
pub const STOP_PATIENCE: Duration = Duration::from_secs(10);

/// A program to be started: what to run, as whom, and where its output goes.
#[derive(Debug, Clone)]
pub struct Program {
    name: String,
    path: PathBuf,
    args: Vec<OsString>,
    env: Vec<(OsString, Option<OsString>)>,
    user: Option<String>,
    log: Option<PathBuf>,
    dir: Option<PathBuf>,
    stop_signal: Signal,
    last_signal: Signal,
}

impl Program {
    /// A program by its path, or by its name if it is on `PATH`. `name` is what messages call it.
    pub fn new(name: impl Into<String>, path: impl Into<PathBuf>) -> Self {
        Self {
            name: name.into(),
            path: path.into(),
            args: Vec::new(),
            env: Vec::new(),
            user: None,
            log: None,
            dir: None,
            stop_signal: Signal::TERM,
            last_signal: Signal::KILL,
        }
    }

    /// Adds one argument.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args(mut self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// Sets one variable of its environment; the others are inherited.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.env.push((name.as_ref().to_owned(), Some(value.as_ref().to_owned())));
        self
    }

    /// Removes one inherited variable from its environment.
    #[must_use]
    pub fn env_remove(mut self, name: impl AsRef<OsStr>) -> Self {
        self.env.push((name.as_ref().to_owned(), None));
        self
    }

    /// Runs it as this user if we are root; PostgreSQL refuses root, the others need it as little.
    /// Without root it runs as whoever calls.
    #[must_use]
    pub fn unprivileged(mut self, user: &str) -> Self {
        self.user = Some(user.to_owned());
        self
    }

    /// Where its output goes, appended. Without it the output is discarded.
    #[must_use]
    pub fn log(mut self, file: impl Into<PathBuf>) -> Self {
        self.log = Some(file.into());
        self
    }

    /// Its working directory.
    #[must_use]
    pub fn current_dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.dir = Some(dir.into());
        self
    }

    /// The signal that asks it to stop; [`Signal::TERM`] unless told. PostgreSQL would wait for its clients then,
    /// and wants `INT`.
    #[must_use]
    pub fn stop_signal(mut self, signal: Signal) -> Self {
        self.stop_signal = signal;
        self
    }

    /// The signal that ends it when its parent dies or drops it; [`Signal::KILL`] unless told. PostgreSQL wants
    /// `QUIT` (it ends its own children and removes its shared memory), nginx `TERM`.
    #[must_use]
    pub fn last_signal(mut self, signal: Signal) -> Self {
        self.last_signal = signal;
        self
    }

    /// Starts it. It is not necessarily ready yet: see [`Process::ready_http`] and [`Process::ready_tcp`].
    ///
    /// # Errors
    /// If `setpriv` is missing or the log cannot be opened. A program that does not exist is noticed when one
    /// waits for it: it exits with status 127.
    pub fn spawn(&self) -> anyhow::Result<Process> {
        let mut command = Command::new("setpriv");
        command.arg("--pdeathsig").arg(signal_name(self.last_signal)?);
        if let (Some(user), true) = (&self.user, is_root()) {
            command.arg(format!("--reuid={user}")).arg(format!("--regid={user}")).arg("--clear-groups");
            command.env("HOME", "/nonexistent");
        }
        command.arg("--").arg(&self.path).args(&self.args);
        // The end of its log is shown when it fails, and has room for what went wrong, not for where.
        command.env("RUST_LIB_BACKTRACE", "0");
        for (name, value) in &self.env {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        if let Some(dir) = &self.dir {
            command.current_dir(dir);
        }
        command.stdin(Stdio::null());
        // A terminal's Ctrl-C is for us, who stop our children in order, and not for all of them at once.
        command.process_group(0);
        match &self.log {
            Some(path) => {
                let file = OpenOptions::new()
                    .create(true)
                    .append(true)
                    .open(path)
                    .with_context(|| format!("cannot open the log {}", path.display()))?;
                command.stdout(file.try_clone()?).stderr(file);
            }
            None => {
                command.stdout(Stdio::null()).stderr(Stdio::null());
            }
        }
        let child = in_the_nursery(command).with_context(|| {
            format!("cannot start {} through setpriv (Debian's package util-linux)", self.name)
        })?;
        Ok(Process {
            name: self.name.clone(),
            log: self.log.clone(),
            child,
            stop_signal: self.stop_signal,
            last_signal: self.last_signal,
        })
    }
}

/// A running program. Dropping it ends it, with its last signal first if that is not `KILL`.
#[derive(Debug)]
pub struct Process {
    name: String,
    log: Option<PathBuf>,
    child: Child,
    stop_signal: Signal,
    last_signal: Signal,
}

impl Process {
    /// What messages call it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it has.
    pub fn exited(&mut self) -> Option<ExitStatus> {
        // `try_wait` fails only for a child that is not ours to wait for, which cannot be: we forked it.
        self.child.try_wait().ok().flatten()
    }

    /// Fails with the end of its log if it has ended.
    ///
    /// # Errors
    /// If it has ended, however well.
    pub fn still_runs(&mut self) -> anyhow::Result<()> {
        match self.exited() {
            None => Ok(()),
            Some(status) => bail!("{} ended ({status}){}", self.name, self.last_words()),
        }
    }

    /// Waits until a `GET` of `url` answers 2xx.
    ///
    /// # Errors
    /// If it ends before, or does not answer within `patience`; both tell the end of its log.
    pub async fn ready_http(&mut self, url: &str, patience: Duration) -> anyhow::Result<()> {
        let http = reqwest::Client::builder().timeout(Duration::from_secs(2)).no_proxy().build()?;
        self.ready(url, patience, async || {
            http.get(url).send().await.is_ok_and(|answer| answer.status().is_success())
        })
        .await
    }

    /// Waits until somebody accepts connections at `address`.
    ///
    /// # Errors
    /// As [`Process::ready_http`].
    pub async fn ready_tcp(&mut self, address: SocketAddr, patience: Duration) -> anyhow::Result<()> {
        self.ready(&address.to_string(), patience, async || {
            tokio::net::TcpStream::connect(address).await.is_ok()
        })
        .await
    }

    /// Waits until `is_ready` says so.
    ///
    /// # Errors
    /// As [`Process::ready_http`].
    pub async fn ready(
        &mut self,
        whereabouts: &str,
        patience: Duration,
        mut is_ready: impl AsyncFnMut() -> bool,
    ) -> anyhow::Result<()> {
        let what = format!("{} to be ready at {whereabouts}", self.name);
        let waited = eventually(&what, patience, async || match self.still_runs() {
            Err(ended) => Some(Err(ended)),
            Ok(()) => is_ready().await.then_some(Ok(())),
        })
        .await;
        match waited {
            Ok(outcome) => outcome,
            Err(late) => bail!("{late}{}", self.last_words()),
        }
    }

    /// Sends a signal; nothing happens if the program has ended.
    ///
    /// # Errors
    /// If the kernel refuses, which it does not for one's own children.
    pub fn signal(&mut self, signal: Signal) -> anyhow::Result<()> {
        if self.exited().is_some() {
            // Reaped: the pid may belong to somebody else by now.
            return Ok(());
        }
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).context("impossible pid")?;
        kill_process(pid, signal).with_context(|| format!("cannot signal {}", self.name))
    }

    /// Asks it to stop, and kills it if it has not after [`STOP_PATIENCE`]. Returns how it ended.
    ///
    /// # Errors
    /// If it had to be killed.
    pub async fn stop(&mut self) -> anyhow::Result<ExitStatus> {
        self.signal(self.stop_signal)?;
        self.ended(STOP_PATIENCE).await
    }

    /// Waits until it has ended by itself, and kills it if it has not after `patience`.
    ///
    /// # Errors
    /// If it had to be killed.
    pub async fn ended(&mut self, patience: Duration) -> anyhow::Result<ExitStatus> {
        let what = format!("{} to stop", self.name);
        match eventually(&what, patience, async || self.exited()).await {
            Ok(status) => Ok(status),
            Err(late) => {
                self.kill9()?;
                bail!("{late}; killed it{}", self.last_words())
            }
        }
    }

    /// `kill -9`, and waits for the kernel to have done it.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub fn kill9(&mut self) -> anyhow::Result<()> {
        self.child.kill().with_context(|| format!("cannot kill {}", self.name))?;
        self.child.wait().with_context(|| format!("cannot wait for {}", self.name))?;
        Ok(())
    }

    /// Stops it in its tracks (`STOP`), as a swapping or suspended machine would, until [`Process::thaw`].
    ///
    /// # Errors
    /// If the kernel refuses.
    pub fn freeze(&mut self) -> anyhow::Result<()> {
        self.signal(Signal::STOP)
    }

    /// Lets it go on after [`Process::freeze`].
    ///
    /// # Errors
    /// If the kernel refuses.
    pub fn thaw(&mut self) -> anyhow::Result<()> {
        self.signal(Signal::CONT)
    }

    /// The last `lines` lines of its output; empty without a log.
    #[must_use]
    pub fn log_tail(&self, lines: usize) -> String {
        self.log.as_deref().map_or_else(String::new, |path| tail(path, lines))
    }

    /// The end of its log as the tail of an error message.
    fn last_words(&self) -> String {
        let tail = self.log_tail(12);
        if tail.is_empty() { "; it said nothing".to_owned() } else { format!("; it last said:\n{tail}") }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // There is nobody to tell of a failure here, and the parent's death signal would still end it.
        if self.last_signal != Signal::KILL && self.signal(self.last_signal).is_ok() {
            let start = Instant::now();
            while self.exited().is_none() && start.elapsed() < Duration::from_secs(3) {
                thread::sleep(Duration::from_millis(5));
            }
        }
        let _ = self.kill9();
    }
}

/// A TCP port on loopback that is free now, from below the kernel's range for outgoing connections, so that no
/// client takes it while its server is down in the middle of a test. It stays this process' own as long as that lives.
///
/// # Errors
/// If hundreds of ports in a row are taken.
pub fn free_port() -> anyhow::Result<u16> {
    (0..500)
        .map(|_| fastrand::u16(20_000..32_000))
        .find(|&port| reserve(port))
        .context("found no free port between 20000 and 32000 on 127.0.0.1")
}

/// Takes a free port for this process, in the eyes of all who choose their ports here, whether a server stands on it yet,
/// or is down for a while. What says so is the UDP port of the same number, as nobody here speaks UDP, and the kernel gives
/// it up with the process, however that ends.
fn reserve(port: u16) -> bool {
    let Ok(sign) = UdpSocket::bind((Ipv4Addr::LOCALHOST, port)) else { return false };
    let is_free = is_free(port);
    if is_free {
        RESERVED.lock().unwrap_or_else(PoisonError::into_inner).insert(port, sign);
    }
    is_free
}

/// Whether a port of an earlier time is free and this process' own, by then or from now on.
pub(crate) fn reserve_again(port: u16) -> bool {
    let is_ours = RESERVED.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&port);
    if is_ours { is_free(port) } else { reserve(port) }
}

static RESERVED: Mutex<BTreeMap<u16, UdpSocket>> = Mutex::new(BTreeMap::new());

/// Whether a server could bind this port on loopback now.
#[must_use]
pub fn is_free(port: u16) -> bool {
    std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// Whether this process runs as root.
#[must_use]
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// The last `lines` lines of a file, looking at no more than its last 64 KiB.
fn tail(path: &Path, lines: usize) -> String {
    let read = || -> io::Result<String> {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(64 * 1024)))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    // A log that cannot be read has nothing to tell.
    let text = read().unwrap_or_default();
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

/// The directory itself, open to read for everybody and, if we are root, owned by `user`.
pub(crate) fn own_dir(path: &Path, user: &str) -> anyhow::Result<()> {
    fs::create_dir_all(path).with_context(|| format!("cannot create {}", path.display()))?;
    if is_root() {
        let done =
            Command::new("chown").arg(format!("{user}:")).arg(path).output().context("cannot run chown")?;
        if !done.status.success() {
            bail!(
                "cannot give {} to {user}: {}",
                path.display(),
                String::from_utf8_lossy(&done.stderr).trim()
            );
        }
    }
    Ok(())
}

/// Whether `user` (if we are root, else we) can enter this directory.
pub(crate) fn can_enter(path: &Path, user: &str) -> bool {
    let mut command = if is_root() {
        let mut command = Command::new("setpriv");
        command
            .arg(format!("--reuid={user}"))
            .arg(format!("--regid={user}"))
            .args(["--clear-groups", "--"])
            .arg("test");
        command
    } else {
        Command::new("test")
    };
    command.arg("-x").arg(path).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// The name `setpriv --pdeathsig` knows a signal by.
fn signal_name(signal: Signal) -> anyhow::Result<&'static str> {
    Ok(match signal {
        Signal::KILL => "KILL",
        Signal::TERM => "TERM",
        Signal::QUIT => "QUIT",
        Signal::INT => "INT",
        other => bail!("{other:?} ends no program"),
    })
}

type Order = (Command, mpsc::Sender<io::Result<Child>>);

/// Forks from the one thread that lives as long as the process (see the module's text).
fn in_the_nursery(command: Command) -> anyhow::Result<Child> {
    static NURSERY: LazyLock<mpsc::Sender<Order>> = LazyLock::new(|| {
        let (orders, inbox) = mpsc::channel::<Order>();
        thread::spawn(move || {
            for (mut command, reply) in inbox {
                // Whoever asked may be gone; the child then dies with the reply, unheard but not unwatched.
                let _ = reply.send(command.spawn());
            }
        });
        orders
    });
    let (reply, answer) = mpsc::channel();
    NURSERY.send((command, reply)).ok().context("the nursery has ended")?;
    Ok(answer.recv().context("the nursery has ended")??)
}
