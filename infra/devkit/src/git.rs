//! Git repositories made commit by commit, and one who serves them over HTTP.
//!
//! Commits are written as a stream to `git fast-import`, without a work tree: so a test can commit what no file system
//! would hold or no person would mean.

use std::{
    ffi::OsStr,
    fmt::Write as _,
    fs,
    io::Write as _,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::Arc,
};

use anyhow::{Context, bail};
use hyper::{StatusCode, header::AUTHORIZATION, http::HeaderMap};
use tokio::{io::AsyncWriteExt as _, process};

use crate::sim::http::{Answer, Request, Server, Site, answer};

/// One entry of a commit.
#[derive(Debug, Clone)]
pub struct Entry {
    path: String,
    mode: &'static str,
    /// What the file holds, where the link points, or which commit the submodule is at.
    content: Vec<u8>,
}

impl Entry {
    /// A file.
    pub fn file(path: impl Into<String>, content: impl Into<Vec<u8>>) -> Self {
        Self { path: path.into(), mode: "100644", content: content.into() }
    }

    /// A symbolic link.
    pub fn link(path: impl Into<String>, target: &str) -> Self {
        Self { path: path.into(), mode: "120000", content: target.into() }
    }

    /// A submodule at a commit that is nowhere.
    pub fn submodule(path: impl Into<String>) -> Self {
        Self { path: path.into(), mode: "160000", content: "1".repeat(40).into() }
    }
}

/// A bare repository.
#[derive(Debug, Clone)]
pub struct Repository {
    path: PathBuf,
}

impl Repository {
    /// Makes an empty one in `path`, which must not exist yet, with git's options for `init` if any.
    ///
    /// # Errors
    /// If git is missing or refuses.
    pub fn init(path: &Path, options: &[&str]) -> anyhow::Result<Self> {
        let init = ["init", "--quiet", "--bare", "--template=", "--initial-branch=master"];
        run(git().args(init).args(options).arg("--").arg(path), &[])?;
        Ok(Self { path: fs::canonicalize(path)? })
    }

    /// The one in `path`.
    ///
    /// # Errors
    /// If there is none.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        let repository = Self { path: path.to_owned() };
        run(repository.git().args(["rev-parse", "--git-dir"]), &[])?;
        Ok(repository)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// `file://…`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("file://{}", self.path.display())
    }

    /// Commits these entries and no others as the newest commit of `branch`, and returns its id.
    ///
    /// # Errors
    /// If git refuses.
    pub fn commit(&self, branch: &str, subject: &str, entries: &[Entry]) -> anyhow::Result<String> {
        let name = format!("refs/heads/{branch}");
        let at = chrono::Utc::now().timestamp();
        let mut stream = Vec::new();
        writeln!(stream, "commit {name}\ncommitter Heat <heat@example.net> {at} +0000")?;
        data(&mut stream, subject.as_bytes())?;
        if self.id(&name).is_ok() {
            writeln!(stream, "from {name}^0")?;
        }
        writeln!(stream, "deleteall")?;
        for Entry { path, mode, content } in entries {
            let path = quoted(path);
            if *mode == "160000" {
                writeln!(stream, "M {mode} {} {path}", String::from_utf8_lossy(content))?;
            } else {
                writeln!(stream, "M {mode} inline {path}")?;
                data(&mut stream, content)?;
            }
        }
        writeln!(stream, "done")?;
        run(self.git().args(["fast-import", "--quiet", "--done"]), &stream)?;
        self.id(&name)
    }

    /// Commits every file below `folder`, by its path in it.
    ///
    /// # Errors
    /// If one cannot be read, or git refuses.
    pub fn commit_folder(&self, branch: &str, subject: &str, folder: &Path) -> anyhow::Result<String> {
        let mut entries = Vec::new();
        let mut folders = vec![folder.to_owned()];
        while let Some(next) = folders.pop() {
            for entry in fs::read_dir(&next).with_context(|| format!("cannot read {}", next.display()))? {
                let path = entry?.path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let name = path.strip_prefix(folder)?.to_str().context("a name that is not UTF-8")?;
                    entries.push(Entry::file(name, fs::read(&path)?));
                }
            }
        }
        self.commit(branch, subject, &entries)
    }

    /// The paths of a branch's files, sorted.
    ///
    /// # Errors
    /// If there is no such branch, or a path is not UTF-8.
    pub fn files(&self, branch: &str) -> anyhow::Result<Vec<String>> {
        let name = format!("refs/heads/{branch}");
        let list = run(self.git().args(["ls-tree", "-r", "-z", "--name-only", &name]), &[])?.stdout;
        Ok(String::from_utf8(list)?.split_terminator('\0').map(str::to_owned).collect())
    }

    /// Sends a branch to another repository, over ssh by this command.
    ///
    /// # Errors
    /// If git or the other side refuses.
    pub fn push(&self, branch: &str, url: &str, ssh: &str) -> anyhow::Result<()> {
        let branch = format!("+refs/heads/{branch}:refs/heads/{branch}");
        run(self.git().env("GIT_SSH_COMMAND", ssh).args(["push", "--quiet", "--", url, &branch]), &[])?;
        Ok(())
    }

    fn id(&self, name: &str) -> anyhow::Result<String> {
        let output = run(self.git().args(["rev-parse", "--verify", "--quiet", name]), &[])?;
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }

    fn git(&self) -> Command {
        let mut git = git();
        git.env("GIT_DIR", &self.path);
        git
    }
}

/// Git without what the user has configured.
fn git() -> Command {
    let mut git = Command::new("git");
    git.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1").env("LC_ALL", "C");
    git
}

fn data(stream: &mut Vec<u8>, bytes: &[u8]) -> std::io::Result<()> {
    writeln!(stream, "data {}", bytes.len())?;
    stream.extend_from_slice(bytes);
    writeln!(stream)
}

/// A path as the stream has it.
fn quoted(path: &str) -> String {
    let mut text = String::from("\"");
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => text.push(byte.into()),
            // Writing to a string does not fail.
            other => drop(write!(text, "\\{other:03o}")),
        }
    }
    text + "\""
}

fn run(command: &mut Command, input: &[u8]) -> anyhow::Result<Output> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("cannot run git (Debian's package git)")?;
    if let Some(mut stdin) = child.stdin.take() {
        // Git that refuses early closes its end; its own words follow.
        let _ = stdin.write_all(input);
    }
    let output = child.wait_with_output()?;
    if output.status.success() {
        return Ok(output);
    }
    let what: Vec<_> = command.get_args().map(OsStr::to_string_lossy).collect();
    bail!("git {}: {}", what.join(" "), String::from_utf8_lossy(&output.stderr).trim())
}

/// Serves the repositories below a folder over HTTP, by git's own program, to whoever shows a token.
#[derive(Debug)]
pub struct GitHttp {
    server: Server,
}

#[derive(Debug)]
struct Backend {
    root: PathBuf,
    authorization: String,
}

impl GitHttp {
    /// Listens on a free port; `authorization` is what the header of this name must hold.
    ///
    /// # Errors
    /// If no port can be bound.
    pub async fn start(root: &Path, authorization: &str) -> anyhow::Result<Self> {
        let backend = Backend { root: fs::canonicalize(root)?, authorization: authorization.to_owned() };
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Ok(Self { server: Server::start(any, Arc::new(backend)).await? })
    }

    /// `http://127.0.0.1:<port>/<name>`.
    #[must_use]
    pub fn url(&self, name: &str) -> String {
        format!("http://{}/{name}", self.server.addr())
    }
}

impl Site for Backend {
    async fn answer(&self, request: Request) -> Option<Answer> {
        if header(request.headers(), AUTHORIZATION.as_str()) != self.authorization {
            let mut refusal = answer(StatusCode::UNAUTHORIZED, "text/plain", "who are you?");
            refusal.headers_mut().insert("www-authenticate", "Basic realm=\"git\"".parse().ok()?);
            return Some(refusal);
        }
        match self.run(&request).await {
            Ok(answer) => Some(answer),
            Err(error) => Some(answer(StatusCode::INTERNAL_SERVER_ERROR, "text/plain", format!("{error:#}"))),
        }
    }
}

impl Backend {
    /// As CGI (RFC 3875).
    async fn run(&self, request: &Request) -> anyhow::Result<Answer> {
        let headers = request.headers();
        let mut backend = process::Command::new("git")
            .arg("http-backend")
            .env("GIT_PROJECT_ROOT", &self.root)
            .env("GIT_HTTP_EXPORT_ALL", "1")
            .env("REQUEST_METHOD", request.method().as_str())
            .env("PATH_INFO", request.uri().path())
            .env("QUERY_STRING", request.uri().query().unwrap_or_default())
            .env("CONTENT_TYPE", header(headers, "content-type"))
            .env("HTTP_CONTENT_ENCODING", header(headers, "content-encoding"))
            .env("GIT_PROTOCOL", header(headers, "git-protocol"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let mut stdin = backend.stdin.take().context("it has an input")?;
        let body = request.body().clone();
        tokio::spawn(async move { stdin.write_all(&body).await });
        let output = backend.wait_with_output().await?.stdout;
        let end = output.windows(4).position(|bytes| bytes == b"\r\n\r\n").context("no headers")?;
        let mut answer = answer(StatusCode::OK, "text/plain", output[end + 4..].to_vec());
        for line in std::str::from_utf8(&output[..end])?.lines() {
            let (name, value) = line.split_once(": ").context("a header without a value")?;
            if name == "Status" {
                *answer.status_mut() = value.split(' ').next().unwrap_or_default().parse()?;
            } else if name == "Content-Type" {
                answer.headers_mut().insert("content-type", value.parse()?);
            }
        }
        Ok(answer)
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}
