//! A private OpenSSH server.

use std::{
    fs::{self, Permissions},
    net::Ipv4Addr,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, bail};

use super::{Home, on_a_port};
use crate::process::{Process, Program, START_PATIENCE, is_root};

/// Where sshd insists on an empty directory if it runs as root; Debian makes it when the service starts.
const EMPTY: &str = "/run/sshd";

/// A running sshd that lets in whoever runs the test, with the one key it made, and runs what that one asks for.
#[derive(Debug)]
pub struct Sshd {
    port: u16,
    user: String,
    // Before the home, so that the server has ended when its directory is removed.
    process: Process,
    home: Home,
}

impl Sshd {
    /// Starts a throw-away server with host and user keys of its own.
    ///
    /// # Errors
    /// If it does not start; the message ends with its log.
    pub async fn start() -> anyhow::Result<Self> {
        // It can only let in the user it runs as, or it must be root.
        let home = Home::temporary("sshd", "root")?;
        let user = printed(Command::new("id").arg("-un"))?;
        for key in ["host", "user"] {
            let mut keygen = Command::new("ssh-keygen");
            printed(
                keygen.args(["-q", "-t", "ed25519", "-N", "", "-C", key, "-f"]).arg(home.data().join(key)),
            )?;
        }
        if is_root() {
            fs::create_dir_all(EMPTY).with_context(|| format!("cannot create {EMPTY}"))?;
            fs::set_permissions(EMPTY, Permissions::from_mode(0o755))?;
        }
        let (port, process) = on_a_port(None, async |port| spawn(&home, port).await).await?;
        let sshd = Self { port, user, process, home };
        let host = fs::read_to_string(sshd.home.data().join("host.pub"))?;
        fs::write(sshd.known_hosts(), format!("[127.0.0.1]:{port} {host}"))?;
        Ok(sshd)
    }

    /// `ssh://user@127.0.0.1:<port><path>`.
    #[must_use]
    pub fn url(&self, path: &Path) -> String {
        format!("ssh://{}@127.0.0.1:{}{}", self.user, self.port, path.display())
    }

    /// The private key that it lets in.
    #[must_use]
    pub fn key(&self) -> PathBuf {
        self.home.data().join("user")
    }

    /// A file that pins its host key.
    #[must_use]
    pub fn known_hosts(&self) -> PathBuf {
        self.home.data().join("known_hosts")
    }

    /// The command that logs in to it, for `GIT_SSH_COMMAND`.
    #[must_use]
    pub fn command(&self) -> String {
        let (key, hosts) = (self.key(), self.known_hosts());
        format!(
            "ssh -F /dev/null -o IdentitiesOnly=yes -o UserKnownHostsFile={} -i {}",
            hosts.display(),
            key.display()
        )
    }

    /// `kill -9`.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.process.kill9()
    }

    /// Starts it again on the same port after [`Sshd::kill`], with its keys of the first start.
    ///
    /// # Errors
    /// If it does not start.
    pub async fn start_again(&mut self) -> anyhow::Result<()> {
        self.process = spawn(&self.home, self.port).await?;
        Ok(())
    }
}

async fn spawn(home: &Home, port: u16) -> anyhow::Result<Process> {
    let data = home.data();
    let at = |name: &str| data.join(name).display().to_string();
    // Modes are not checked: a temporary directory is below one that everybody may write to.
    let config = format!(
        "ListenAddress 127.0.0.1\nPort {port}\nHostKey {}\nAuthorizedKeysFile {}\nPidFile {}\nStrictModes no\n\
         UsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nAcceptEnv GIT_PROTOCOL\n",
        at("host"),
        at("user.pub"),
        at("sshd.pid"),
    );
    fs::write(data.join("sshd_config"), config)?;
    // By its whole path, as it starts itself anew for each connection.
    let mut process = Program::new("sshd", "/usr/sbin/sshd")
        .args(["-D", "-e", "-f"])
        .arg(data.join("sshd_config"))
        .log(home.log("sshd"))
        .spawn()?;
    // It writes this after it has bound its port.
    let (pid_file, pid) = (data.join("sshd.pid"), process.pid().to_string());
    process
        .ready(&format!("{}:{port}", Ipv4Addr::LOCALHOST), START_PATIENCE, async || {
            fs::read_to_string(&pid_file).is_ok_and(|text| text.trim() == pid)
        })
        .await
        .context("cannot start a private sshd (Debian's package openssh-server)")?;
    Ok(process)
}

fn printed(command: &mut Command) -> anyhow::Result<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| format!("cannot run {program}"))?;
    if !output.status.success() {
        bail!("{program}: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}
