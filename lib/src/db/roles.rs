//! The roles of Postgres that the programs come in as: each may do what its program does and no more. Tables belong to
//! whoever migrates, and neither program is that.

use diesel::prelude::*;
use diesel::sql_types::{Bool, Text};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};

use super::locks::Lock;
use super::{Db, DbError};
use crate::config::Secret;

/// What the programs may do with a table. What is not named here, both may read and write: a migration that adds a table
/// that needs less names it.
struct Rights {
    table: &'static str,
    api: &'static str,
    updater: &'static str,
}

const RIGHTS: [Rights; 14] = [
    // Nobody changes or deletes what was entered.
    Rights { table: "audit_log", api: "select, insert", updater: "select, insert" },
    Rights {
        table: "api_tokens",
        api: "select, update (last_used_at)",
        updater: "select, insert, update (revoked_at)",
    },
    Rights { table: "comments", api: "select, insert, update", updater: "select" },
    Rights { table: "place_notes", api: "select, insert, update", updater: "select" },
    Rights { table: "acknowledgements", api: "select, insert, update", updater: "select, insert, update" },
    Rights { table: "openings", api: "select", updater: "select, insert, update, delete" },
    Rights { table: "changes", api: "select, insert", updater: "select, insert, delete" },
    Rights { table: "tickets", api: "select, insert, update", updater: "select, update" },
    Rights { table: "ticket_events", api: "select, insert, update", updater: "select, insert, update" },
    Rights { table: "ticket_posts", api: "select, insert", updater: "select, insert, update, delete" },
    Rights { table: "tracker_pace", api: "", updater: "select, update" },
    Rights { table: "views", api: "select, insert, update, delete", updater: "select" },
    Rights { table: "updater_fence", api: "", updater: "select, update" },
    Rights { table: "__diesel_schema_migrations", api: "select", updater: "select" },
];

const EVERYTHING: &str = "select, insert, update, delete";

/// The longest name Postgres keeps whole, in bytes.
const LONGEST_NAME: usize = 63;

/// A role to be made, if there is none of that name.
#[derive(Clone, Debug)]
pub struct Role {
    /// Of the whole server, not of one database.
    pub name: String,
    /// Set if given. Without one a role can log in only where the server asks for none.
    pub password: Option<Secret>,
}

/// The roles of the two programs.
#[derive(Clone, Debug)]
pub struct Roles {
    /// Of `heat-api`.
    pub api: Role,
    /// Of `heat-updater`.
    pub updater: Role,
}

impl Default for Roles {
    fn default() -> Self {
        let role = |name: &str| Role { name: name.to_owned(), password: None };
        Self { api: role("heat_api"), updater: role("heat_updater") }
    }
}

#[derive(QueryableByName)]
struct Named {
    #[diesel(sql_type = Text)]
    name: String,
}

#[derive(QueryableByName)]
struct Standing {
    #[diesel(sql_type = Text)]
    owner: String,
    #[diesel(sql_type = Bool)]
    is_too_strong: bool,
}

impl Db {
    /// Makes the roles and gives each its rights on every table, those to come included; may be done again, and by several
    /// at once. The connection's own role must own the tables, and be allowed to make roles where one is missing.
    ///
    /// # Errors
    /// [`DbError::Roles`] if a name cannot be one, or if the role of that name may do more than a program should.
    pub async fn grant_roles(&self, roles: &Roles) -> Result<(), DbError> {
        let api = identifier(&roles.api.name)?;
        let updater = identifier(&roles.updater.name)?;
        if api == updater {
            let detail = "heat-api and heat-updater need a role each, and two names for them";
            return Err(DbError::Roles(detail.to_owned()));
        }
        let mut connection = self.connection().await?;
        connection
            .transaction(async |connection| {
                // Two who grant on one table at once would fail, not wait.
                let lock = Lock::Migrations.number();
                connection.batch_execute(&format!("select pg_advisory_xact_lock({lock})")).await?;
                for role in [&roles.api, &roles.updater] {
                    make(connection, role).await?;
                }
                let schema: Named =
                    diesel::sql_query("select quote_ident(current_schema()) as name").get_result(connection).await?;
                let tables: Vec<Named> = diesel::sql_query(
                    "select relname::text as name from pg_class
                     where relnamespace = current_schema()::regnamespace and relkind in ('r', 'p') order by 1",
                )
                .load(connection)
                .await?;
                let mut statements = general(&schema.name, &api, &updater);
                for Named { name } in &tables {
                    let rights = RIGHTS.iter().find(|rights| rights.table == name);
                    let table = format!("{}.{}", schema.name, quoted(name));
                    for (role, granted) in [
                        (&api, rights.map_or(EVERYTHING, |rights| rights.api)),
                        (&updater, rights.map_or(EVERYTHING, |rights| rights.updater)),
                    ] {
                        statements.push(format!("revoke all on {table} from {role}"));
                        if !granted.is_empty() {
                            statements.push(format!("grant {granted} on {table} to {role}"));
                        }
                    }
                }
                connection.batch_execute(&statements.join(";\n")).await?;
                Ok(())
            })
            .await
    }
}

/// What does not hang on a table that is there.
fn general(schema: &str, api: &str, updater: &str) -> Vec<String> {
    let both = format!("{api}, {updater}");
    vec![
        format!("grant usage on schema {schema} to {both}"),
        // Before version 15 everybody might make tables here, in whose name a program could be led astray.
        "do $$ declare ours name := (select nspname from pg_namespace
                where nspname = current_schema() and pg_has_role(nspowner, 'member')); begin
             if ours is not null then execute format('revoke create on schema %I from public', ours); end if;
         end $$"
            .to_owned(),
        format!("alter default privileges in schema {schema} grant {EVERYTHING} on tables to {both}"),
        format!("alter default privileges in schema {schema} grant usage on sequences to {both}"),
    ]
}

async fn make(connection: &mut AsyncPgConnection, role: &Role) -> Result<(), DbError> {
    let quoted = identifier(&role.name)?;
    // Roles belong to the server, which knows no lock over all its databases: another may make it in this very moment.
    connection
        .batch_execute(&format!(
            "do $$ begin
                 if not exists (select from pg_roles where rolname = '{}') then
                     create role {quoted} login nosuperuser nocreatedb nocreaterole noreplication;
                 end if;
             exception when duplicate_object or unique_violation then null; end $$",
            role.name
        ))
        .await?;
    let standing: Standing = diesel::sql_query(
        "select current_user::text as owner,
             rolsuper or rolcreaterole or rolbypassrls or pg_has_role(oid, current_user, 'member') as is_too_strong
         from pg_roles where rolname = $1",
    )
    .bind::<Text, _>(&role.name)
    .get_result(connection)
    .await?;
    if standing.is_too_strong {
        return Err(DbError::Roles(format!(
            "the role {} may do what {} may, who owns the tables, or make roles; name another, or take that from it",
            role.name, standing.owner
        )));
    }
    if let Some(password) = &role.password {
        // What the server would make of it, so that the password itself is in none of its logs.
        let verifier = postgres_protocol::password::scram_sha_256(password.reveal().as_bytes());
        connection.batch_execute(&format!("alter role {quoted} password '{verifier}'")).await?;
    }
    Ok(())
}

/// A role's name as SQL takes it.
fn identifier(name: &str) -> Result<String, DbError> {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
    let fits = name.len() <= LONGEST_NAME
        && name.bytes().next().is_some_and(is_plain)
        && name.bytes().all(|byte| is_plain(byte) || byte.is_ascii_digit() || byte == b'-');
    if fits {
        Ok(quoted(name))
    } else {
        let expected = "a name of a-z, 0-9, `_` and `-`, with a letter or `_` first";
        Err(DbError::Roles(format!("{name:?} cannot be the name of a role; {expected}")))
    }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
