//! `heat-updater token`: makes, lists and revokes the tokens of programs and of screens on walls.

use std::io::Write;
use std::time::Duration;

use anyhow::{Context, bail};
use chrono::{DateTime, Utc};
use heat::db::Db;
use heat::db::audit::Actor;
use heat::db::tokens::{NewToken, StoredToken};
use heat::role::Role;
use heat::time::Timestamp;
use heat::token::{Digest, accepted_name, accepted_path, token};
use url::Url;

/// What can be done with tokens.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum TokenCommand {
    /// Make a token and print it, this once: only its digest is kept
    Create(CreateArgs),
    /// Print which tokens there are, and when each was last used
    List,
    /// Revoke a token; within a minute it is worth nothing anywhere
    Revoke {
        /// The token's name
        name: String,
    },
}

/// The token to be.
#[derive(Clone, Debug, clap::Args)]
pub struct CreateArgs {
    /// What stands in the audit log and beside comments; a-z, 0-9, `.`, `_` and `-`
    pub name: String,
    /// What it allows: viewer reads; operator also comments, acknowledges and opens tickets; admin also administers
    #[arg(long, default_value = "viewer", conflicts_with = "screen")]
    pub role: Role,
    /// For a screen on a wall, which may only read: the path it is sent to, such as '/?kiosk=1'
    #[arg(long, value_name = "PATH")]
    pub screen: Option<String>,
    /// After so many days it is worth nothing
    #[arg(long, default_value_t = 365, value_parser = clap::value_parser!(u64).range(1..=3650))]
    pub days: u64,
    /// The URL people open Heat at, for the link that is printed for a screen
    #[arg(long, env = "HEAT_PUBLIC_URL")]
    pub public_url: Option<Url>,
}

/// Does it; the token alone goes to `out`, so that it can be piped into where it is kept.
///
/// # Errors
/// If the name or the path cannot be one, if the name is taken or not known, or without Postgres.
pub async fn run(
    db: &Db,
    command: &TokenCommand,
    out: &mut (impl Write + Send),
    hints: &mut (impl Write + Send),
) -> anyhow::Result<()> {
    match command {
        TokenCommand::Create(args) => create(db, args, out, hints).await,
        TokenCommand::List => list(&db.tokens().await?, Timestamp::now(), out),
        TokenCommand::Revoke { name } => revoke(db, name, hints).await,
    }
}

async fn create(
    db: &Db,
    args: &CreateArgs,
    out: &mut impl Write,
    hints: &mut impl Write,
) -> anyhow::Result<()> {
    let name = accepted_name(&args.name)?.to_owned();
    let screen_path = args.screen.as_deref().map(accepted_path).transpose()?.map(str::to_owned);
    let life = Duration::from_secs(args.days * 24 * 60 * 60);
    let new = NewToken { name, role: args.role, screen_path, expires_at: Timestamp::now() + life };
    let token = token(random()?);
    let digest =
        Digest::of(token.reveal()).context("a new token does not look like one, which is a defect")?;
    let made = match db.create_token(&actor()?, &new, &digest).await {
        Err(error) if error.is_duplicate() => {
            bail!("there is a token named {}; revoke it first, or choose another name", new.name)
        }
        made => made?,
    };
    let until = Timestamp::from(made.expires_at);
    if made.screen_path.is_some() {
        let path = format!("/screen/{}", token.reveal());
        let link = args.public_url.as_ref().map(|base| base.join(&path)).transpose()?;
        writeln!(out, "{}", link.map_or(path, String::from))?;
        writeln!(hints, "Open this on the screen, once; it may read until {until}.")?;
    } else {
        writeln!(out, "{}", token.reveal())?;
        let role = made.role().name();
        writeln!(hints, "Sent as `Authorization: Bearer …` it allows what {role} may, until {until}.")?;
    }
    writeln!(hints, "It is not shown again. `heat-updater token revoke {}` takes it back.", made.name)?;
    Ok(())
}

fn list(tokens: &[StoredToken], now: Timestamp, out: &mut impl Write) -> anyhow::Result<()> {
    let heads = ["NAME", "ROLE", "MADE", "BY", "LAST USED", "STATE", "SCREEN"].map(str::to_owned);
    let rows: Vec<[String; 7]> = std::iter::once(heads).chain(tokens.iter().map(|t| row(t, now))).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; 7] = std::array::from_fn(width);
    for row in &rows {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
        writeln!(out, "{}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
    }
    Ok(())
}

fn row(token: &StoredToken, now: Timestamp) -> [String; 7] {
    let at = |moment: DateTime<Utc>| Timestamp::from(moment).to_string();
    let state = match token.revoked_at {
        Some(when) => format!("revoked {}", at(when)),
        None if Timestamp::from(token.expires_at) <= now => format!("over since {}", at(token.expires_at)),
        None => format!("until {}", at(token.expires_at)),
    };
    [
        token.name.clone(),
        token.role().name().to_owned(),
        at(token.created_at),
        token.created_by.clone(),
        token.last_used_at.map_or_else(|| "never".to_owned(), at),
        state,
        token.screen_path.clone().unwrap_or_default(),
    ]
}

async fn revoke(db: &Db, name: &str, hints: &mut impl Write) -> anyhow::Result<()> {
    if db.revoke_token(&actor()?, name).await?.is_none() {
        bail!("no token is named {name}, or it was revoked before; `heat-updater token list` names them all");
    }
    writeln!(hints, "Revoked. Within a minute {name} is worth nothing anywhere.")?;
    Ok(())
}

fn random() -> anyhow::Result<[u8; 32]> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).context("the system gives no random numbers")?;
    Ok(bytes)
}

/// Whoever runs the command, as the system knows them.
fn actor() -> anyhow::Result<Actor> {
    let named = |name| std::env::var(name).ok().filter(|name: &String| !name.is_empty());
    let name =
        ["SUDO_USER", "LOGNAME", "USER"].into_iter().find_map(named).unwrap_or_else(|| "nobody".to_owned());
    let request = u64::from_be_bytes(random()?[..8].try_into()?);
    Ok(Actor { name, via: "shell", request_id: format!("{request:016x}") })
}
