//! Tokens of programs and screens: made and revoked by hand, looked up by their digest.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncConnection, RunQueryDsl};
use serde_json::{Value, json};

use super::audit::{self, Actor, Deed};
use super::schema::api_tokens;
use super::{Db, DbError};
use crate::role::Role;
use crate::time::Timestamp;
use crate::token::Digest;

/// A token as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = api_tokens, check_for_backend(diesel::pg::Pg))]
pub struct StoredToken {
    /// Its id.
    pub id: i64,
    /// Unlike that of every other token that is not revoked.
    pub name: String,
    role: String,
    /// Of a screen: where it is sent.
    pub screen_path: Option<String>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// By whom.
    pub created_by: String,
    /// From then on it is worth nothing.
    pub expires_at: DateTime<Utc>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<DateTime<Utc>>,
    /// When it was revoked.
    pub revoked_at: Option<DateTime<Utc>>,
}

impl StoredToken {
    /// What it allows; the least if the table says something this version does not know.
    pub fn role(&self) -> Role {
        self.role.parse().unwrap_or(Role::Viewer)
    }
}

/// A token to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewToken {
    /// As [`crate::token::accepted_name`] takes it.
    pub name: String,
    /// What it allows.
    pub role: Role,
    /// Of a screen: as [`crate::token::accepted_path`] takes it.
    pub screen_path: Option<String>,
    /// From then on it is worth nothing.
    pub expires_at: Timestamp,
}

impl Db {
    /// Keeps a new token.
    ///
    /// # Errors
    /// [`DbError::is_duplicate`] if there is one of this name that is not revoked.
    pub async fn create_token(
        &self,
        actor: &Actor,
        new: &NewToken,
        digest: &Digest,
    ) -> Result<StoredToken, DbError> {
        let mut connection = self.connection().await?;
        connection
            .transaction(async |connection| {
                let token: StoredToken = diesel::insert_into(api_tokens::table)
                    .values((
                        api_tokens::name.eq(&new.name),
                        api_tokens::digest.eq(digest.bytes()),
                        api_tokens::role.eq(new.role.name()),
                        api_tokens::screen_path.eq(new.screen_path.as_deref()),
                        api_tokens::created_by.eq(&actor.name),
                        api_tokens::expires_at.eq(DateTime::<Utc>::from(new.expires_at)),
                    ))
                    .returning(StoredToken::as_returning())
                    .get_result(connection)
                    .await?;
                let entry = deed("token.create", &token, None, Some(shown(&token)));
                audit::enter(connection, actor, vec![entry]).await?;
                Ok(token)
            })
            .await
    }

    /// All there are and were, by name.
    pub async fn tokens(&self) -> Result<Vec<StoredToken>, DbError> {
        let mut connection = self.connection().await?;
        Ok(api_tokens::table
            .order((api_tokens::name, api_tokens::id))
            .select(StoredToken::as_select())
            .load(&mut connection)
            .await?)
    }

    /// Revokes the token of this name; none if there is none that is not revoked.
    pub async fn revoke_token(&self, actor: &Actor, name: &str) -> Result<Option<StoredToken>, DbError> {
        let mut connection = self.connection().await?;
        connection
            .transaction(async |connection| {
                let revoked: Option<StoredToken> = diesel::update(
                    api_tokens::table
                        .filter(api_tokens::name.eq(name))
                        .filter(api_tokens::revoked_at.is_null()),
                )
                .set(api_tokens::revoked_at.eq(diesel::dsl::now))
                .returning(StoredToken::as_returning())
                .get_result(connection)
                .await
                .optional()?;
                if let Some(token) = &revoked {
                    let entry = deed("token.revoke", token, Some(shown(token)), None);
                    audit::enter(connection, actor, vec![entry]).await?;
                }
                Ok(revoked)
            })
            .await
    }

    /// The token with this digest, unless it is revoked or over.
    pub async fn token(&self, digest: &Digest) -> Result<Option<StoredToken>, DbError> {
        let mut connection = self.connection().await?;
        Ok(api_tokens::table
            .filter(api_tokens::digest.eq(digest.bytes()))
            .filter(api_tokens::revoked_at.is_null())
            .filter(api_tokens::expires_at.gt(diesel::dsl::now))
            .select(StoredToken::as_select())
            .first(&mut connection)
            .await
            .optional()?)
    }

    /// Notes that a token is used now, to the minute.
    pub async fn token_used(&self, id: i64) -> Result<(), DbError> {
        let mut connection = self.connection().await?;
        diesel::sql_query(
            "update api_tokens set last_used_at = now()
             where id = $1 and (last_used_at is null or last_used_at < now() - interval '1 minute')",
        )
        .bind::<diesel::sql_types::BigInt, _>(id)
        .execute(&mut connection)
        .await?;
        Ok(())
    }
}

fn shown(token: &StoredToken) -> Value {
    json!({
        "name": token.name, "role": token.role, "screen_path": token.screen_path,
        "expires_at": Timestamp::from(token.expires_at),
    })
}

fn deed(
    action: &'static str,
    token: &StoredToken,
    before: Option<Value>,
    after: Option<Value>,
) -> Deed<'static> {
    Deed { action, target: format!("token:{}", token.id), before, after }
}
