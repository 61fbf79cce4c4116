//! Reads a folder as the updater reads a commit: what that refuses is found here first.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use anyhow::{Context, bail};
use heat::template::{Files, Finding, LARGEST_FILE, LARGEST_IN_ALL, MOST_FILES};

/// The files of a folder and of those in it, but for git's own. Symbolic links are never followed.
///
/// # Errors
/// If the folder cannot be read; what may not be in it are findings.
pub(super) fn read(dir: &Path) -> anyhow::Result<Result<Files, Vec<Finding>>> {
    if !dir.is_dir() {
        bail!("{} is no folder", dir.display());
    }
    let mut reading = Reading::default();
    reading.folder(dir, "")?;
    reading.findings.sort();
    Ok(if reading.findings.is_empty() { Ok(reading.files) } else { Err(reading.findings) })
}

#[derive(Default)]
struct Reading {
    files: Files,
    bytes: u64,
    findings: Vec<Finding>,
}

impl Reading {
    fn folder(&mut self, dir: &Path, prefix: &str) -> anyhow::Result<()> {
        let unreadable = || format!("{} cannot be read", dir.display());
        for entry in fs::read_dir(dir).with_context(unreadable)? {
            let entry = entry.with_context(unreadable)?;
            let kind = entry.file_type().with_context(unreadable)?;
            let Ok(name) = entry.file_name().into_string() else {
                self.refuse(&format!("{prefix}{}", entry.file_name().display()), "its name is not UTF-8");
                continue;
            };
            let path = format!("{prefix}{name}");
            if kind.is_symlink() {
                self.refuse(&path, "a symbolic link; put the file itself there");
            } else if kind.is_dir() {
                if name != ".git" {
                    self.folder(&entry.path(), &format!("{path}/"))?;
                }
            } else if kind.is_file() {
                self.file(&entry.path(), path)?;
            } else {
                self.refuse(&path, "neither a file nor a folder");
            }
            if self.files.0.len() > MOST_FILES {
                bail!("{} holds more than {MOST_FILES} files, which are the most", dir.display());
            }
        }
        Ok(())
    }

    fn file(&mut self, at: &Path, path: String) -> anyhow::Result<()> {
        let unreadable = || format!("{} cannot be read", at.display());
        let mut bytes = Vec::new();
        // One more than allowed is enough to know, of a file that grows too.
        let limit = LARGEST_FILE + 1;
        File::open(at)
            .with_context(unreadable)?
            .take(limit)
            .read_to_end(&mut bytes)
            .with_context(unreadable)?;
        self.bytes += u64::try_from(bytes.len())?;
        if u64::try_from(bytes.len())? > LARGEST_FILE {
            self.refuse(&path, &format!("more than {LARGEST_FILE} bytes, which are the most for one file"));
        } else if self.bytes > LARGEST_IN_ALL {
            bail!("with {path} the files have more than {LARGEST_IN_ALL} bytes, which are the most for all");
        } else {
            match String::from_utf8(bytes) {
                Ok(text) => _ = self.files.0.insert(path, text),
                Err(_) => self.refuse(&path, "it is not UTF-8 text"),
            }
        }
        Ok(())
    }

    fn refuse(&mut self, path: &str, message: &str) {
        self.findings.push(Finding { file: path.to_owned(), line: None, message: message.to_owned() });
    }
}
