//! What git complained about, in words for an operator.
//!
//! Every error prints as the end of a sentence that begins with the repository: "the templates' repository **did not
//! answer within 60 s**". Git tells its troubles in English sentences and in no other way, so they are recognised by
//! those; what is not recognised is quoted.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use super::remote::{BRANCH, KNOWN_HOSTS, Remote, SSH_KEY_FILE, TOKEN, URL, Way};
use super::tree::Refusal;
use crate::upstream::http::{masked, quoted};

/// How many branches are spelled out where the one that is wanted is not there.
const BRANCHES: usize = 20;

/// Why there is no commit.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// A program is missing on this machine.
    #[error("cannot be read: {program} is not installed here (Debian's package {package})")]
    NotInstalled {
        /// The program.
        program: &'static str,
        /// Where it comes from.
        package: &'static str,
    },
    /// The private directory could not be made.
    #[error("cannot be read: no private directory could be made ({0}); is there room in TMPDIR?")]
    Room(io::Error),
    /// The system did not run git, or lost it.
    #[error("cannot be read: git could not be run ({0})")]
    Start(io::Error),
    /// It took too long.
    #[error("did not answer within {} s: it is overloaded, or a firewall drops the packets", .0.as_secs_f32())]
    Timeout(Duration),
    /// No connection.
    #[error("cannot be reached ({0}): check {URL} and the network")]
    Unreachable(String),
    /// The certificate is not trusted.
    #[error(
        "cannot be trusted: TLS failed ({0}); add an own certificate authority to the system's certificates or to \
         SSL_CERT_FILE"
    )]
    Tls(String),
    /// The host's key is not among the pinned ones.
    #[error(
        "is on a host whose key is not pinned: add what `ssh-keyscan {at}` prints to {KNOWN_HOSTS} ({}), after its \
         fingerprint (`ssh-keygen -lf`) was compared with the one that the host's administrator tells",
        file.display()
    )]
    HostNotPinned {
        /// The host and the port, as `ssh-keyscan` takes them.
        at: String,
        /// Where keys are pinned.
        file: PathBuf,
    },
    /// The host's key is another one than the pinned one.
    #[error(
        "is on a host that shows another key ({fingerprint}) than the pinned one: somebody may be in between. If the \
         host's administrator says that its key was changed, replace its line in {KNOWN_HOSTS} ({}) by what \
         `ssh-keyscan {at}` prints",
        file.display()
    )]
    HostKeyChanged {
        /// The host and the port, as `ssh-keyscan` takes them.
        at: String,
        /// Of the key that it shows.
        fingerprint: String,
        /// Where keys are pinned.
        file: PathBuf,
    },
    /// Nobody, or not the one who may.
    #[error("lets Heat not in ({said}): {advice}")]
    Denied {
        /// In git's words.
        said: String,
        /// What to do.
        advice: String,
    },
    /// Not there, or hidden from us.
    #[error("is not there ({0}): check {URL}, and that who logs in may read it")]
    NotFound(String),
    /// It has no such branch.
    #[error("has no branch {branch}; {}", those(.there))]
    NoBranch {
        /// The one that is wanted.
        branch: String,
        /// Those that are there.
        there: Vec<String>,
    },
    /// A commit with something in it that is not read.
    #[error("has a newest commit, {}, that is refused: {refusal}", short(.commit))]
    Refused {
        /// Its id.
        commit: String,
        /// What is in it.
        refusal: Refusal,
    },
    /// Anything else.
    #[error("could not be read; git said: {0}")]
    Failed(String),
    /// Git printed what it never prints.
    #[error("could not be read: git answered {asked} with something unknown")]
    Strange {
        /// The command.
        asked: &'static str,
    },
}

fn those(there: &[String]) -> String {
    if there.is_empty() {
        return "it has no branches yet".to_owned();
    }
    let more = there.len().saturating_sub(BRANCHES);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let named: Vec<_> = there.iter().take(BRANCHES).map(String::as_str).collect();
    format!("it has {}{more}; set {BRANCH}", named.join(", "))
}

/// A commit's id as people write it.
#[must_use]
pub fn short(commit: &str) -> &str {
    commit.get(..12).unwrap_or(commit)
}

impl GitError {
    /// Understands what git printed when it failed.
    pub(super) fn understood(complaint: &str, remote: &Remote) -> Self {
        let said = said(complaint, remote);
        // The address may hold any of the words below.
        let complaint = &complaint.replace(remote.address().trim_end_matches('/'), "");
        let has = |words: &[&str]| words.iter().any(|words| complaint.contains(words));
        if let Way::Ssh { host, port, known_hosts, .. } = &remote.way
            && has(&["Host key verification failed"])
        {
            let at = port.map_or_else(|| host.clone(), |port| format!("-p {port} {host}"));
            let file = known_hosts.clone();
            let shown = complaint.lines().find(|line| line.starts_with("SHA256:"));
            return match shown.filter(|_| has(&["IDENTIFICATION HAS CHANGED"])) {
                Some(line) => Self::HostKeyChanged {
                    at,
                    fingerprint: line.trim_end_matches(['.', '\r']).to_owned(),
                    file,
                },
                None => Self::HostNotPinned { at, file },
            };
        }
        if has(&["ssh: not found", "cannot run ssh"]) {
            return Self::NotInstalled { program: "ssh", package: "openssh-client" };
        }
        if has(&[
            "Permission denied (",
            "could not read Username",
            "could not read Password",
            "Authentication failed",
            "returned error: 401",
            "returned error: 403",
        ]) {
            return Self::Denied { said, advice: advice(complaint, remote) };
        }
        if has(&[
            "does not appear to be a git repository",
            "epository not found",
            "' not found",
            "returned error: 404",
        ]) {
            return Self::NotFound(said);
        }
        if has(&[
            "Could not resolve",
            "Failed to connect",
            "Connection refused",
            "Connection closed",
            "Connection reset",
            "No route to host",
            "Network is unreachable",
            "Empty reply",
            "imed out",
            "too slow",
            "recv error",
            "SSL_read",
            "early EOF",
        ]) {
            return Self::Unreachable(said);
        }
        if has(&["certificate", "handshake", "SSL_connect"]) {
            return Self::Tls(said);
        }
        Self::Failed(said)
    }
}

/// What helps one who is not let in.
fn advice(complaint: &str, remote: &Remote) -> String {
    match &remote.way {
        Way::Ssh { key, .. } => {
            let key = key.display();
            if complaint.contains("bad permissions") {
                format!("ssh uses no key that others may read; chmod 600 {key}")
            } else if complaint.contains("Load key") || complaint.contains("no such identity") {
                format!("{SSH_KEY_FILE} ({key}) holds no private key that ssh can use without a passphrase")
            } else {
                format!("let the public key of {SSH_KEY_FILE} ({key}) read it; as a deploy key, for example")
            }
        }
        Way::Http { login: Some(_), .. } => format!("{TOKEN} is wrong, has expired, or may not read it"),
        Way::Http { login: None, .. } => format!("set {TOKEN} to a token that may read it"),
        Way::File => "let the user who runs heat-updater read its files".to_owned(),
    }
}

/// What git said without its decoration and without secrets, on one line.
fn said(complaint: &str, remote: &Remote) -> String {
    const DECORATION: [&str; 5] = [
        "@@@",
        "fatal: Could not read from remote repository",
        "Please make sure you have the correct access rights",
        "and the repository exists",
        "hint:",
    ];
    let lines: Vec<_> = complaint
        .lines()
        .filter(|line| !DECORATION.iter().any(|words| line.starts_with(words)))
        .map(|line| line.strip_prefix("fatal: ").unwrap_or(line))
        .collect();
    let text = lines.join(" ");
    let text = match &remote.way {
        Way::Http { login: Some(login), .. } => masked(&masked(&text, &login.token), &login.basic),
        _ => text,
    };
    let text = quoted(text.as_bytes());
    if text.is_empty() { "nothing".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upstream::git::Access;

    fn understood(url: &str, complaint: &str) -> GitError {
        let remote = Remote::new(url, Access::default()).unwrap();
        GitError::understood(complaint, &remote)
    }

    #[test]
    fn what_git_says_over_https_is_understood() {
        // Named so that an address alone misleads.
        let url = "https://git.example.net/certificate/handshake.git";
        let unable = |why: &str| format!("fatal: unable to access '{url}/': {why}");
        let kind = |complaint: String| {
            let error = understood(url, &complaint);
            format!("{error:?}").split(['(', ' ', '{']).next().unwrap_or_default().to_owned()
        };
        for (complaint, expected) in [
            (unable("Could not resolve host: git.example.net"), "Unreachable"),
            (
                unable("Operation too slow. Less than 1 bytes/sec transferred the last 20 seconds"),
                "Unreachable",
            ),
            (unable("GnuTLS recv error (-54): Error in the pull function."), "Unreachable"),
            (unable("server certificate verification failed. CAfile: none CRLfile: none"), "Tls"),
            (unable("SSL certificate problem: self-signed certificate"), "Tls"),
            (unable("gnutls_handshake() failed: Handshake failed"), "Tls"),
            (unable("The requested URL returned error: 403"), "Denied"),
            (format!("fatal: Authentication failed for '{url}/'"), "Denied"),
            (format!("fatal: could not read Username for '{url}': terminal prompts disabled"), "Denied"),
            (format!("remote: Not Found\nfatal: repository '{url}/' not found"), "NotFound"),
            (unable("The requested URL returned error: 502"), "Failed"),
            ("fatal: fsck error in packed object".to_owned(), "Failed"),
        ] {
            assert_eq!(kind(complaint.clone()), expected, "{complaint}");
        }
    }

    #[test]
    fn what_git_says_is_quoted_on_one_line_without_its_decoration() {
        let complaint = "hint: x\nfatal: '/t.git' is\todd\nfatal: Could not read from remote repository.\n\n\
                         Please make sure you have the correct access rights\nand the repository exists.\n";
        let error = understood("file:///t.git", complaint);
        assert_eq!(error.to_string(), "could not be read; git said: '/t.git' is odd");
        assert!(understood("file:///t.git", "").to_string().ends_with("git said: nothing"));
    }
}
