//! A clock that a test sets, for programs that think it is the machine's.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};

/// Of Debian's package `faketime`.
const LIBRARY: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1";

/// The wall clock of the programs that are started with its [`Clock::environment`]. Their monotonic clock is the machine's, as
/// where somebody sets the clock, or a time server does.
#[derive(Debug, Clone)]
pub struct Clock {
    file: PathBuf,
}

impl Clock {
    /// A clock that goes right; what it is set to stands in `folder`.
    ///
    /// # Errors
    /// If the library is missing, or the file cannot be written.
    pub fn start_in(folder: &Path) -> anyhow::Result<Self> {
        ensure!(Path::new(LIBRARY).exists(), "{LIBRARY} is missing (Debian's package faketime)");
        let clock = Self { file: folder.join("clock") };
        clock.set(0)?;
        Ok(clock)
    }

    /// From now on it is so many seconds ahead of the machine's, or behind it where negative.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn set(&self, seconds_ahead: i64) -> anyhow::Result<()> {
        // The programs read it whenever they ask for the time, and must not find it half written.
        let written = self.file.with_extension("next");
        fs::write(&written, format!("{seconds_ahead:+}\n"))?;
        fs::rename(&written, &self.file).with_context(|| format!("cannot write {}", self.file.display()))
    }

    /// What a program is started with to go by it.
    #[must_use]
    pub fn environment(&self) -> Vec<(&'static str, OsString)> {
        vec![
            ("LD_PRELOAD", LIBRARY.into()),
            ("FAKETIME_TIMESTAMP_FILE", self.file.clone().into()),
            ("FAKETIME_NO_CACHE", "1".into()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".into()),
            // Times of files stay as they are written.
            ("NO_FAKE_STAT", "1".into()),
        ]
    }
}
