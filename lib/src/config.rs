//! Configuration that both binaries share: secrets, and where the stores are.
//!
//! Every scalar is a flag and an environment variable; `--help` is the reference. What is a table by nature lives in the
//! TOML file named by `HEAT_CONFIG`.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::Deserialize;

use crate::shift::Shift;

/// A value that is never printed: a password, a token, a URL that holds one.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Wraps a value.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value itself, for the one place that needs it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl FromStr for Secret {
    type Err = std::convert::Infallible;
    fn from_str(value: &str) -> Result<Self, Self::Err> {
        Ok(Self(value.to_owned()))
    }
}

/// A setting that cannot be used. The start stops with it.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Neither the value nor the file is given.
    #[error("{name} is not set; set it, or {name}_FILE to a file that holds it")]
    Missing {
        /// The environment variable.
        name: &'static str,
    },
    /// Both are given.
    #[error("{name} and {name}_FILE are both set; keep one")]
    Both {
        /// The environment variable.
        name: &'static str,
    },
    /// The file cannot be read.
    #[error("{name}_FILE = {path}: {error}")]
    File {
        /// The environment variable.
        name: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The TOML file cannot be read, or says something it may not.
    #[error("HEAT_CONFIG = {path}: {error}")]
    Toml {
        /// The file.
        path: PathBuf,
        /// Why, with line and column.
        error: String,
    },
    /// The value is not what it must be.
    #[error("{name} = {value:?}: {expected}")]
    Invalid {
        /// The environment variable or the key in the TOML file.
        name: String,
        /// What it is set to.
        value: String,
        /// What would be right.
        expected: String,
    },
}

impl ConfigError {
    /// A value that is not what it must be.
    pub fn invalid(name: &str, value: impl fmt::Display, expected: impl Into<String>) -> Self {
        Self::Invalid { name: name.to_owned(), value: value.to_string(), expected: expected.into() }
    }
}

/// A secret given directly or by a file, as container platforms mount them. The file's last line end is not part of it.
pub fn secret(
    name: &'static str,
    value: Option<&Secret>,
    file: Option<&PathBuf>,
) -> Result<Option<Secret>, ConfigError> {
    match (value, file) {
        (Some(_), Some(_)) => Err(ConfigError::Both { name }),
        (None, None) => Ok(None),
        (Some(value), None) => Ok(Some(value.clone())),
        (None, Some(path)) => match std::fs::read_to_string(path) {
            Ok(text) => Ok(Some(Secret::new(text.trim_end_matches(['\r', '\n'])))),
            Err(error) => Err(ConfigError::File { name, path: path.clone(), error }),
        },
    }
}

/// The TOML file named by `HEAT_CONFIG`: the tables it may hold. One file serves both binaries; each reads its own
/// tables strictly, and a table that neither knows is an error.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct File {
    /// `[[source]]`: monitoring systems beside those of the environment. Read by the updater.
    pub source: Vec<toml::Table>,
    /// `[inventory]`: rules for reading the inventory. Read by the updater.
    pub inventory: toml::Table,
    /// `[[ticket_tag]]`: tags by which sources tell of tickets they opened themselves. Read by the updater.
    pub ticket_tag: Vec<toml::Table>,
    /// `[incidents]`: which problems make rack incidents. Read by the updater.
    pub incidents: toml::Table,
    /// `[groups]`: which groups of the identity provider have which role. Read by the API.
    pub groups: toml::Table,
    /// `[[shift]]`: when the people on duty change.
    pub shift: Vec<Shift>,
    #[serde(skip)]
    path: PathBuf,
}

impl File {
    /// Reads the file; everything is empty where there is none.
    pub fn read(path: Option<&Path>) -> Result<Self, ConfigError> {
        let Some(path) = path else { return Ok(Self::default()) };
        let unusable = |error: String| ConfigError::Toml { path: path.to_owned(), error };
        let text = std::fs::read_to_string(path).map_err(|error| unusable(error.to_string()))?;
        let file: Self = toml::from_str(&text).map_err(|error| unusable(error.to_string()))?;
        Ok(Self { path: path.to_owned(), ..file })
    }

    /// Where it is, for messages.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Where the stores are.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Stores")]
#[expect(clippy::doc_markdown, reason = "these comments are the text of --help")]
pub struct StoreArgs {
    /// Redis, redis://:password@host:6379/0; password, port and database may be left out. The master that Sentinels name,
    /// redis+sentinel://:password@sentinel1:26379,sentinel2:26379/mymaster/0. A cluster,
    /// redis+cluster://:password@node1:6379,node2:6379. With rediss everything is TLS
    #[arg(long, env = "HEAT_REDIS_URL", hide_env_values = true)]
    redis_url: Option<Secret>,
    /// File that holds HEAT_REDIS_URL
    #[arg(long, env = "HEAT_REDIS_URL_FILE")]
    redis_url_file: Option<PathBuf>,
    /// Prefix of every key in Redis; becomes the hash tag {heat}
    #[arg(long, env = "HEAT_REDIS_PREFIX", default_value = "heat")]
    pub redis_prefix: String,
    /// Postgres, postgres://user:password@host:5432/database
    #[arg(long, env = "HEAT_DATABASE_URL", hide_env_values = true)]
    database_url: Option<Secret>,
    /// File that holds HEAT_DATABASE_URL
    #[arg(long, env = "HEAT_DATABASE_URL_FILE")]
    database_url_file: Option<PathBuf>,
}

impl StoreArgs {
    /// Redis' URL.
    pub fn redis_url(&self) -> Result<Secret, ConfigError> {
        let name = "HEAT_REDIS_URL";
        secret(name, self.redis_url.as_ref(), self.redis_url_file.as_ref())?
            .ok_or(ConfigError::Missing { name })
    }

    /// Postgres' URL.
    pub fn database_url(&self) -> Result<Secret, ConfigError> {
        let name = "HEAT_DATABASE_URL";
        secret(name, self.database_url.as_ref(), self.database_url_file.as_ref())?
            .ok_or(ConfigError::Missing { name })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_does_not_print_itself() {
        assert_eq!(format!("{:?}", Secret::new("hunter2")), "[secret]");
    }

    #[test]
    fn a_secret_given_twice_or_in_a_missing_file_is_refused_by_name() {
        let (value, path) = (Secret::new("x"), PathBuf::from("/nowhere/at/all"));
        let both = secret("HEAT_X", Some(&value), Some(&path)).unwrap_err();
        assert!(both.to_string().contains("HEAT_X_FILE"), "{both}");
        let missing = secret("HEAT_X", None, Some(&path)).unwrap_err();
        assert!(missing.to_string().contains("/nowhere/at/all"), "{missing}");
    }
}
