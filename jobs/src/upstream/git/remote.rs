//! Where a repository is and how one gets in, understood before anything is asked.

use std::fmt;
use std::fs::File;
use std::path::PathBuf;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use heat::config::{ConfigError, Secret};
use percent_encoding::percent_decode_str;
use url::{Host, Url};

/// The setting that names the repository.
pub(super) const URL: &str = "HEAT_TEMPLATES_URL";
/// The setting that names the branch.
pub(super) const BRANCH: &str = "HEAT_TEMPLATES_BRANCH";
/// The setting with the token for `https://`.
pub(super) const TOKEN: &str = "HEAT_TEMPLATES_TOKEN";
/// The setting that names the private key for ssh.
pub(super) const SSH_KEY_FILE: &str = "HEAT_TEMPLATES_SSH_KEY_FILE";
/// The setting that names the file with ssh's pinned host keys.
pub(super) const KNOWN_HOSTS: &str = "HEAT_TEMPLATES_KNOWN_HOSTS";

const EXAMPLES: &str = "https://git.example.net/noc/templates.git, ssh://git@git.example.net/noc/templates.git, \
                        git@git.example.net:noc/templates.git or file:///srv/git/templates.git";

/// Who a token belongs to where the URL names nobody: GitHub, GitLab and Gitea look at the token alone.
const ANYBODY: &str = "oauth2";

/// What may be needed to get in. Which of it is, the URL says.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// For `https://`: a token that may read the repository.
    pub token: Option<Secret>,
    /// For ssh: the file with a private key without a passphrase.
    pub ssh_key: Option<PathBuf>,
    /// For ssh: the file with the host's public key, as `ssh-keyscan` prints it.
    pub known_hosts: Option<PathBuf>,
}

/// A repository's address, without any secret in it, and the way in.
#[derive(Clone, Debug)]
pub struct Remote {
    address: String,
    pub(super) way: Way,
}

/// How a repository is reached. Git is told to allow this protocol and no other.
#[derive(Clone, Debug)]
pub(super) enum Way {
    /// `https://`; `http://` on this machine alone.
    Http { scheme: &'static str, loopback: bool, login: Option<Login> },
    /// `ssh://` or `user@host:path`.
    Ssh { host: String, port: Option<u16>, key: PathBuf, known_hosts: PathBuf },
    /// `file://`.
    File,
}

/// A token in the form in which it is sent.
#[derive(Clone, Debug)]
pub(super) struct Login {
    pub(super) token: Secret,
    /// `user:token` in base64, as HTTP's Basic scheme has it.
    pub(super) basic: Secret,
}

impl Remote {
    /// As git takes it, without secrets.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Understands what the settings say; opens nothing but to see that ssh's files are there.
    ///
    /// # Errors
    /// Names the setting and what would be right. A URL with a password in it is not repeated.
    pub fn new(url: &str, access: Access) -> Result<Self, ConfigError> {
        if !url.contains("://") {
            return Self::scp_like(url, access);
        }
        let invalid = |expected: String| ConfigError::invalid(URL, shown(url), expected);
        let mut parsed = Url::parse(url)
            .map_err(|error| invalid(format!("it is no URL ({error}); examples: {EXAMPLES}")))?;
        if parsed.password().is_some() {
            return Err(invalid(format!(
                "no password in the URL; a token belongs into {TOKEN} or {TOKEN}_FILE"
            )));
        }
        if parsed.query().is_some() || parsed.fragment().is_some() {
            return Err(invalid("no ? and no # in it; the branch is a setting of its own".to_owned()));
        }
        let way = match parsed.scheme() {
            "https" | "http" => {
                access.without_ssh()?;
                http(&mut parsed, access.token).map_err(invalid)?
            }
            "ssh" => {
                access.without_token()?;
                let host = parsed.host_str().filter(|host| is_plain(host));
                let host = host.map(|host| host.trim_matches(['[', ']']).to_owned());
                let host = host.ok_or_else(|| invalid("a host, which it lacks".to_owned()))?;
                ssh(host, parsed.port(), access)?
            }
            "file" => {
                access.without_token()?;
                access.without_ssh()?;
                let path = parsed.to_file_path();
                path.map_err(|()| {
                    invalid(format!("an absolute path on this machine; examples: {EXAMPLES}"))
                })?;
                Way::File
            }
            _ => return Err(invalid(format!("https://, ssh:// or file://; examples: {EXAMPLES}"))),
        };
        Ok(Self { address: parsed.into(), way })
    }

    /// `user@host:path`, as ssh's copying programs write it.
    fn scp_like(url: &str, access: Access) -> Result<Self, ConfigError> {
        let parts = url.split_once(':').filter(|(login, path)| {
            let (user, host) = login.split_once('@').unwrap_or(("git", login));
            // `name::address` would be a program of that name to git.
            let clean = !path.is_empty() && !path.starts_with(['-', ':']) && !path.contains(char::is_control);
            is_plain(user) && is_plain(host) && clean
        });
        let Some((login, _)) = parts else {
            return Err(ConfigError::invalid(URL, shown(url), format!("it is no URL; examples: {EXAMPLES}")));
        };
        access.without_token()?;
        let host = login.rsplit('@').next().unwrap_or(login).to_owned();
        Ok(Self { address: url.to_owned(), way: ssh(host, None, access)? })
    }
}

/// A name of a user or a host that neither ssh nor a shell could take for anything else.
fn is_plain(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-._[]:".contains(c);
    !name.is_empty() && !name.starts_with('-') && name.chars().all(allowed)
}

/// The URL as far as it may be repeated: what stands before an `@` may be a password, and a token is often put there.
fn shown(url: &str) -> &str {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let login = rest.rsplit_once('@').map(|(login, _)| login);
    let secret = login.is_some_and(|login| login.contains(':') || scheme.starts_with("http"));
    if secret { "[secret]" } else { url }
}

impl Access {
    fn without_token(&self) -> Result<(), ConfigError> {
        match &self.token {
            None => Ok(()),
            Some(_) => Err(unused(TOKEN, "[secret]", "https://")),
        }
    }

    fn without_ssh(&self) -> Result<(), ConfigError> {
        match (&self.ssh_key, &self.known_hosts) {
            (None, None) => Ok(()),
            (Some(path), _) => Err(unused(SSH_KEY_FILE, path.display(), "ssh")),
            (None, Some(path)) => Err(unused(KNOWN_HOSTS, path.display(), "ssh")),
        }
    }
}

fn unused(name: &str, value: impl fmt::Display, kind: &str) -> ConfigError {
    ConfigError::invalid(name, value, format!("nothing: it is for {kind}, and {URL} is of another kind"))
}

/// Takes the user out of the URL: left there, git would ask for a password.
fn http(url: &mut Url, token: Option<Secret>) -> Result<Way, String> {
    let loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    let scheme = if url.scheme() == "https" { "https" } else { "http" };
    if scheme == "http" && !loopback {
        return Err(
            "https://: what comes in the clear can be changed on the way, and a token be read".to_owned()
        );
    }
    let user = percent_decode_str(url.username()).decode_utf8_lossy().into_owned();
    let login = match token {
        None if user.is_empty() => None,
        None => return Err(format!("no user without a token; a token belongs into {TOKEN} or {TOKEN}_FILE")),
        Some(token) => {
            let user = if user.is_empty() { ANYBODY } else { &user };
            let basic = Secret::new(BASE64_STANDARD.encode(format!("{user}:{}", token.reveal())));
            Some(Login { token, basic })
        }
    };
    // Refused only for URLs without a host, and these are none.
    let _ = url.set_username("");
    Ok(Way::Http { scheme, loopback, login })
}

fn ssh(host: String, port: Option<u16>, access: Access) -> Result<Way, ConfigError> {
    let key = there(SSH_KEY_FILE, access.ssh_key, "the file with the private key of a user who may read it")?;
    let at = port.map(|port| format!("-p {port} ")).unwrap_or_default();
    let pin = format!("a file with the host's public key; `ssh-keyscan {at}{host}` prints it");
    let known_hosts = there(KNOWN_HOSTS, access.known_hosts, &pin)?;
    Ok(Way::Ssh { host, port, key, known_hosts })
}

/// A file that ssh needs, as an absolute path.
fn there(name: &str, path: Option<PathBuf>, expected: &str) -> Result<PathBuf, ConfigError> {
    let Some(path) = path else {
        return Err(ConfigError::invalid(name, "", format!("{URL} goes over ssh, which needs {expected}")));
    };
    // Links stay what they are: where secrets are mounted, they point elsewhere after each change.
    let opened = std::path::absolute(&path).and_then(|absolute| File::open(&absolute).map(|_| absolute));
    opened.map_err(|error| {
        ConfigError::invalid(name, path.display(), format!("{error}; it is to be {expected}"))
    })
}

/// The branch, if git would take its name.
///
/// # Errors
/// Says what a branch may not be called.
pub(super) fn branch(name: &str) -> Result<String, ConfigError> {
    let bad = |c: char| c.is_control() || " ~^:?*[\\".contains(c);
    let bad_part = |part: &str| {
        part.is_empty()
            || part.starts_with('.')
            || part.strip_suffix(".lock").is_some()
            || part.contains("..")
    };
    if name.contains(bad) || name.contains("@{") || name.ends_with('.') || name.split('/').any(bad_part) {
        let expected = "the name of a branch, such as master or release/1";
        return Err(ConfigError::invalid(BRANCH, name, expected));
    }
    Ok(name.to_owned())
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use proptest::prelude::*;

    use super::*;

    fn with_token() -> Access {
        Access { token: Some(Secret::new("hunter2")), ..Access::default() }
    }

    fn refused(url: &str, access: Access) -> String {
        Remote::new(url, access).unwrap_err().to_string()
    }

    #[test]
    fn the_user_of_an_https_url_goes_into_the_login_and_out_of_the_address() {
        for (url, login) in [
            ("https://deploy@git.example.net/noc/t.git", "deploy:hunter2"),
            ("https://git.example.net/noc/t.git", "oauth2:hunter2"),
            ("https://a%40b@git.example.net/noc/t.git", "a@b:hunter2"),
        ] {
            let remote = Remote::new(url, with_token()).unwrap();
            assert_eq!(remote.address(), "https://git.example.net/noc/t.git");
            assert!(!format!("{remote:?}").contains("hunter2"));
            let Way::Http { login: Some(sent), .. } = remote.way else { panic!("not HTTP") };
            assert_eq!(BASE64_STANDARD.decode(sent.basic.reveal()).unwrap(), login.as_bytes());
        }
    }

    #[test]
    fn a_password_or_token_in_a_url_is_refused_and_not_repeated() {
        for url in [
            "https://u:geheim@h/t",
            "https://geheim@h/t",
            "ssh://u:geheim@h/t",
            "https//u:geheim@h",
            "ht tp://u:geheim@h",
        ] {
            let error = refused(url, Access::default());
            assert!(!error.contains("geheim"), "{error}");
            assert!(error.contains("HEAT_TEMPLATES_URL"), "{error}");
        }
    }

    #[test]
    fn other_protocols_and_commands_in_disguise_are_refused() {
        for url in [
            "git://git.example.net/t.git",
            "ext::sh -c date",
            "ext://x/y",
            "ftp://git.example.net/t",
            "http://git.example.net/t.git",
            "-oProxyCommand=date:t",
            "ssh://-oProxyCommand=date/t",
            "git@-oProxyCommand=date:t",
            "git@git.example.net:--upload-pack=date",
            "/srv/git/templates.git",
            "file://server/t.git",
            "https://git.example.net/t.git?ref=x",
            "",
        ] {
            let error = refused(url, Access::default());
            assert!(error.starts_with("HEAT_TEMPLATES_URL = "), "{url}: {error}");
        }
        assert!(Remote::new("http://127.0.0.1:3000/t.git", Access::default()).is_ok());
        assert!(Remote::new("file:///srv/git/templates.git", Access::default()).is_ok());
    }

    #[test]
    fn ssh_needs_a_key_and_a_pinned_host_and_says_how_to_pin() {
        let files = tempfile::TempDir::new().unwrap();
        let (key, hosts) = (files.path().join("key"), files.path().join("known_hosts"));
        let access = Access { token: None, ssh_key: Some(key.clone()), known_hosts: Some(hosts.clone()) };
        let url = "ssh://git@git.example.net:2222/noc/t.git";
        let without_key = refused(url, Access { ssh_key: None, ..access.clone() });
        assert!(without_key.contains("HEAT_TEMPLATES_SSH_KEY_FILE"), "{without_key}");
        let missing = refused(url, access.clone());
        assert!(missing.contains(key.to_str().unwrap()) && missing.contains("No such file"), "{missing}");
        std::fs::write(&key, "").unwrap();
        let unpinned = refused(url, Access { known_hosts: None, ..access.clone() });
        assert!(unpinned.contains("ssh-keyscan -p 2222 git.example.net"), "{unpinned}");
        std::fs::write(&hosts, "").unwrap();
        for url in [url, "git@git.example.net:noc/t.git", "git.example.net:noc/t.git"] {
            let remote = Remote::new(url, access.clone()).unwrap();
            assert_eq!(remote.address(), url);
            assert!(matches!(remote.way, Way::Ssh { host, .. } if host == "git.example.net"));
        }
    }

    #[test]
    fn what_would_never_be_used_is_refused_by_its_name() {
        let key = Access { ssh_key: Some("/key".into()), ..Access::default() };
        for (url, access, name) in [
            ("file:///srv/t.git", with_token(), "HEAT_TEMPLATES_TOKEN"),
            ("git@git.example.net:t.git", with_token(), "HEAT_TEMPLATES_TOKEN"),
            ("https://git.example.net/t.git", key, "HEAT_TEMPLATES_SSH_KEY_FILE"),
        ] {
            let error = refused(url, access);
            assert!(error.starts_with(name) && !error.contains("hunter2"), "{error}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        #[test]
        fn a_branch_is_taken_exactly_if_git_would_take_it(
            name in "([a-z/.@{~^:?*\\[ \\\\-]|\\.lock|\\.\\.|@\\{|ё|\u{7f}){0,6}",
        ) {
            let git = Command::new("git").args(["check-ref-format", &format!("refs/heads/{name}")]).status();
            prop_assert_eq!(branch(&name).is_ok(), git.unwrap().success(), "{:?}", name);
        }
    }
}
