//! Git's command line, shut off from whatever the machine and its users have configured.
//!
//! Each reading gets a room: a private directory that goes with it. Git finds in it the only configuration that counts,
//! ssh the only key and the only pinned hosts. The environment is made anew, so nothing that is set for this process
//! (askpass programs, agents, traces that print headers) reaches git.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process_group};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};

use super::error::GitError;
use super::remote::{Remote, Way};

/// What counts instead of the configuration of the machine and of a user. `safe`: a repository in the file system may
/// belong to whom it likes, and nothing that it configures is run when it is only read.
const CONFIG: &str = "\
[core]
\thooksPath = /dev/null
[credential]
\thelper =
[http]
\tfollowRedirects = false
\tlowSpeedLimit = 1
\tlowSpeedTime = 20
[protocol]
\tversion = 2
[fetch]
\tfsckObjects = true
\trecurseSubmodules = false
[gc]
\tauto = 0
[maintenance]
\tauto = false
[safe]
\tdirectory = *
";

/// `key` and `known_hosts` are links in the room: ssh reads more into a path than the path.
const SSH_CONFIG: &str = "\
Host *
BatchMode yes
StrictHostKeyChecking yes
UserKnownHostsFile known_hosts
GlobalKnownHostsFile /dev/null
UpdateHostKeys no
IdentityFile key
IdentitiesOnly yes
IdentityAgent none
PreferredAuthentications publickey
ConnectTimeout 10
ServerAliveInterval 10
ServerAliveCountMax 3
";

/// The way out of this network.
const PROXIES: [&str; 7] =
    ["http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"];

/// Own certificate authorities by the names the rest of Heat knows them by, and by git's. Git's own come last and win.
const AUTHORITIES: [(&str, &str); 4] = [
    ("SSL_CERT_FILE", "GIT_SSL_CAINFO"),
    ("SSL_CERT_DIR", "GIT_SSL_CAPATH"),
    ("GIT_SSL_CAINFO", "GIT_SSL_CAINFO"),
    ("GIT_SSL_CAPATH", "GIT_SSL_CAPATH"),
];

/// How much of what git complains is kept, in bytes.
const COMPLAINT: u64 = 64 << 10;

/// A private directory where git works for one reading.
#[derive(Debug)]
pub(super) struct Room<'a> {
    remote: &'a Remote,
    dir: TempDir,
    env: Vec<(&'static str, OsString)>,
}

impl<'a> Room<'a> {
    pub(super) fn open(remote: &'a Remote) -> Result<Self, GitError> {
        Self::furnish(remote).map_err(GitError::Room)
    }

    fn furnish(remote: &'a Remote) -> io::Result<Self> {
        // Only for its owner, by its mode.
        let dir = tempfile::Builder::new().prefix("heat-git-").tempdir()?;
        // In its home, where every version of git looks.
        fs::write(dir.path().join(".gitconfig"), CONFIG)?;
        let mut env: Vec<(&str, OsString)> = vec![
            ("HOME", dir.path().into()),
            ("LC_ALL", "C".into()),
            ("GIT_CONFIG_NOSYSTEM", "1".into()),
            ("GIT_ATTR_NOSYSTEM", "1".into()),
            ("GIT_TERMINAL_PROMPT", "0".into()),
        ];
        env.extend(env::var_os("PATH").map(|path| ("PATH", path)));
        match &remote.way {
            Way::Http { scheme, loopback, login } => {
                env.push(("GIT_ALLOW_PROTOCOL", (*scheme).into()));
                env.extend(AUTHORITIES.iter().filter_map(|(from, to)| Some((*to, env::var_os(from)?))));
                if !loopback {
                    env.extend(PROXIES.iter().filter_map(|name| Some((*name, env::var_os(name)?))));
                }
                if let Some(login) = login {
                    // Not an argument, which everybody on the machine can read, and for this address alone.
                    env.push(("GIT_CONFIG_COUNT", "1".into()));
                    env.push(("GIT_CONFIG_KEY_0", format!("http.{}.extraHeader", remote.address()).into()));
                    let header = format!("Authorization: Basic {}", login.basic.reveal());
                    env.push(("GIT_CONFIG_VALUE_0", header.into()));
                }
            }
            Way::Ssh { key, known_hosts, .. } => {
                symlink(key, dir.path().join("key"))?;
                symlink(known_hosts, dir.path().join("known_hosts"))?;
                fs::write(dir.path().join("ssh_config"), SSH_CONFIG)?;
                env.push(("GIT_ALLOW_PROTOCOL", "ssh".into()));
                env.push(("GIT_SSH_COMMAND", "ssh -F ssh_config".into()));
                env.push(("GIT_SSH_VARIANT", "ssh".into()));
            }
            Way::File => env.push(("GIT_ALLOW_PROTOCOL", "file".into())),
        }
        Ok(Self { remote, dir, env })
    }

    /// Runs git with `input` and returns what it prints, at most `limit` bytes; None if that is more. Dropped before its
    /// end, git and what it has started are killed.
    pub(super) async fn git(
        &self,
        args: &[&str],
        input: &[u8],
        limit: u64,
    ) -> Result<Option<Vec<u8>>, GitError> {
        let mut child = self.spawn(args)?;
        let group = Group::of(&child);
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        // All at once: each of the three pipes may fill.
        let feed = async {
            if let Some(mut stdin) = stdin {
                // Git that fails closes its end early, and its own words say more than a broken pipe.
                let _ = stdin.write_all(input).await;
            }
        };
        let ((), printed, complaint) = tokio::join!(feed, whole(stdout, limit), beginning(stderr));
        let (printed, complaint) = (printed.map_err(GitError::Start)?, complaint.map_err(GitError::Start)?);
        let Some(printed) = printed else { return Ok(None) };
        let status = child.wait().await.map_err(GitError::Start)?;
        group.has_ended();
        if status.success() {
            return Ok(Some(printed));
        }
        Err(GitError::understood(&String::from_utf8_lossy(&complaint), self.remote))
    }

    fn spawn(&self, args: &[&str]) -> Result<Child, GitError> {
        Command::new("git")
            .args(args)
            .env_clear()
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .current_dir(self.dir.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| match error.kind() {
                io::ErrorKind::NotFound => GitError::NotInstalled { program: "git", package: "git" },
                _ => GitError::Start(error),
            })
    }
}

/// Everything, unless it is more than `limit` bytes. The pipe is closed then, which ends whoever writes to it.
async fn whole(pipe: Option<impl AsyncRead + Unpin>, limit: u64) -> io::Result<Option<Vec<u8>>> {
    let mut read = Vec::new();
    if let Some(pipe) = pipe {
        pipe.take(limit + 1).read_to_end(&mut read).await?;
    }
    Ok(Some(read).filter(|read| read.len() as u64 <= limit))
}

/// What comes first; the rest is read and forgotten, so that nobody waits.
async fn beginning(pipe: Option<impl AsyncRead + Unpin>) -> io::Result<Vec<u8>> {
    let mut read = Vec::new();
    if let Some(mut pipe) = pipe {
        (&mut pipe).take(COMPLAINT).read_to_end(&mut read).await?;
        tokio::io::copy(&mut pipe, &mut tokio::io::sink()).await?;
    }
    Ok(read)
}

/// Git and what it has started: ssh and the helpers for HTTP outlive a git that is killed alone.
struct Group(Option<Pid>);

impl Group {
    fn of(leader: &Child) -> Self {
        Self(leader.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw))
    }

    /// Its number may be given to others from now on.
    fn has_ended(mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // It fails only where nobody is left.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}
