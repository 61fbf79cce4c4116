//! A git repository, read at the newest commit of one branch.
//!
//! Git itself does the reading, shut off from everything that is configured for others ([`command`]): no work tree, no
//! hooks, no submodules, no filters. The files come out of the commit's objects, so that nothing that a path or a link
//! says is ever looked up in a file system.
//!
//! | URL | how one gets in |
//! |---|---|
//! | `https://git.example.net/noc/templates.git` | a token; the URL's user, if it has one, goes with it |
//! | `ssh://git@git.example.net/noc/templates.git`, `git@git.example.net:noc/templates.git` | a private key; the host's key is pinned |
//! | `file:///srv/git/templates.git` | the file system's rights |
//!
//! `http://` is taken on this machine alone, for a proxy that speaks TLS with the world.

mod command;
mod error;
mod remote;
mod tree;

use std::collections::BTreeMap;
use std::time::Duration;

use heat::config::ConfigError;
use heat::template::{LARGEST_IN_ALL, MOST_FILES};
use heat::time::Timestamp;
use tokio::time::timeout;

use self::command::Room;
use super::http::quoted;

pub use self::error::{GitError, short};
pub use self::remote::{Access, Remote};
pub use self::tree::{Reason, Refusal};

/// How long a reading may take, from the first question to the last file.
const PATIENCE: Duration = Duration::from_mins(1);

/// The longest answers that are read, in bytes: of a question with one line for an answer; of the list of branches; of
/// the list of files, whose paths may have 4 kB each; of the files, each with a line before it.
const LINE: u64 = 64 << 10;
const BRANCHES: u64 = 4 << 20;
const LISTING: u64 = (MOST_FILES as u64) * (5 << 10);
const CONTENTS: u64 = LARGEST_IN_ALL + (MOST_FILES as u64) * 128;

/// The repository of our own, in the room, and the name that the commit has in it.
const IN: &str = "--git-dir=repository";
const READ: &str = "refs/heads/read";

/// One branch of a repository.
#[derive(Clone, Debug)]
pub struct Repository {
    remote: Remote,
    branch: String,
    patience: Duration,
}

/// The newest commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Head {
    /// It is one of those that were known; it was not read.
    Known(String),
    /// It is another one.
    New(Commit),
}

/// A commit with its files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// Its id, 40 or 64 hexadecimal digits.
    pub id: String,
    /// When it was committed, by the clock of who did.
    pub committed_at: Timestamp,
    /// The first line of its message, at most 200 characters.
    pub subject: String,
    /// Who wrote it.
    pub author: Option<String>,
    /// Text by path, at most 500 files of 64 KiB and 2 MiB in all.
    pub files: BTreeMap<String, String>,
}

impl Repository {
    /// Nothing is asked yet.
    ///
    /// # Errors
    /// If the branch has no name that a branch can have.
    pub fn new(remote: Remote, branch: &str) -> Result<Self, ConfigError> {
        Ok(Self { remote, branch: remote::branch(branch)?, patience: PATIENCE })
    }

    /// With another limit on the time of a whole reading.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Its address, without secrets.
    pub fn address(&self) -> &str {
        self.remote.address()
    }

    /// The newest commit. Nothing but its id is asked for if that is among the `known` ones.
    pub async fn pull(&self, known: &[&str]) -> Result<Head, GitError> {
        match timeout(self.patience, self.read(known)).await {
            Ok(head) => head,
            Err(_) => Err(GitError::Timeout(self.patience)),
        }
    }

    async fn read(&self, known: &[&str]) -> Result<Head, GitError> {
        let room = Room::open(&self.remote)?;
        let id = self.newest(&room).await?;
        if known.contains(&id.as_str()) {
            return Ok(Head::Known(id));
        }
        self.fetch(&room, &id).await?;
        // By the name and not by the id: the branch may have moved on in between.
        let commit = described(&room).await?;
        let listing = room.git(&[IN, "ls-tree", "-r", "-z", "-l", "--full-tree", READ], &[], LISTING);
        let Some(listing) = listing.await? else {
            let refusal = Refusal { path: "the last of them".to_owned(), reason: Reason::TooMany };
            return Err(GitError::Refused { commit: commit.id, refusal });
        };
        let entries = tree::entries(&listing).map_err(|fault| fault.of(&commit.id))?;
        let wanted: String = entries.iter().flat_map(|entry| [entry.object.as_str(), "\n"]).collect();
        let batch = room.git(&[IN, "cat-file", "--batch"], wanted.as_bytes(), CONTENTS);
        let batch = batch.await?.ok_or(GitError::Strange { asked: "cat-file" })?;
        let files = tree::contents(&batch, entries).map_err(|fault| fault.of(&commit.id))?;
        Ok(Head::New(Commit { files, ..commit }))
    }

    /// The id of the branch's newest commit.
    async fn newest(&self, room: &Room<'_>) -> Result<String, GitError> {
        let name = format!("refs/heads/{}", self.branch);
        let strange = || GitError::Strange { asked: "ls-remote" };
        let found = room.git(&["ls-remote", "--heads", "--", self.address(), &name], &[], BRANCHES).await?;
        // A name that ends alike is printed too.
        let found = branches(&found.ok_or_else(strange)?);
        if let Some((id, _)) = found.into_iter().find(|(_, branch)| *branch == self.branch) {
            return if is_id(&id) { Ok(id) } else { Err(strange()) };
        }
        let all = room.git(&["ls-remote", "--heads", "--", self.address()], &[], BRANCHES).await?;
        let there = branches(&all.ok_or_else(strange)?).into_iter().map(|(_, branch)| branch).collect();
        Err(GitError::NoBranch { branch: self.branch.clone(), there })
    }

    /// Brings the commit alone into a repository of our own.
    async fn fetch(&self, room: &Room<'_>, id: &str) -> Result<(), GitError> {
        let form = if id.len() == 64 { "--object-format=sha256" } else { "--object-format=sha1" };
        room.git(&["init", "--quiet", "--bare", "--template=", form, "repository"], &[], LINE).await?;
        let wanted = format!("refs/heads/{}:{READ}", self.branch);
        let how = [IN, "fetch", "--quiet", "--depth=1", "--no-tags", "--no-recurse-submodules", "--"];
        room.git(&[&how[..], &[self.address(), &wanted]].concat(), &[], LINE).await?;
        Ok(())
    }
}

/// What is said of the commit that was fetched, without its files.
async fn described(room: &Room<'_>) -> Result<Commit, GitError> {
    let strange = || GitError::Strange { asked: "log" };
    let form = "--format=%H%x00%ct%x00%an%x00%s";
    let told = room.git(&[IN, "log", "-1", "--no-mailmap", form, READ, "--"], &[], LINE).await?;
    let told = told.ok_or_else(strange)?;
    let told = String::from_utf8_lossy(&told);
    let mut facts = told.trim_end_matches('\n').splitn(4, '\0');
    let (Some(id), Some(at), Some(author), Some(subject)) =
        (facts.next(), facts.next(), facts.next(), facts.next())
    else {
        return Err(strange());
    };
    Ok(Commit {
        id: id.to_owned(),
        committed_at: Timestamp::from_unix(at.parse().map_err(|_| strange())?),
        // People look at them in a terminal too.
        subject: quoted(subject.as_bytes()),
        author: Some(quoted(author.as_bytes())).filter(|author| !author.is_empty()),
        files: BTreeMap::new(),
    })
}

/// What `git ls-remote --heads` prints: ids and branches, a line each.
fn branches(printed: &[u8]) -> Vec<(String, String)> {
    let branch = |line: &str| {
        let (id, name) = line.split_once('\t')?;
        Some((id.to_owned(), name.strip_prefix("refs/heads/")?.to_owned()))
    };
    String::from_utf8_lossy(printed).lines().filter_map(branch).collect()
}

fn is_id(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}
