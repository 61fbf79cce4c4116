//! The updater's fence in Postgres: the first statement of every batch of the updater.

use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::DbError;
use super::schema::updater_fence::dsl::{fence, updater_fence};
use crate::cache::Fence;

/// Passes if no updater has ever written with a greater fence, and holds the row until the transaction ends, so that a
/// new updater's first batch waits for an old one's last.
///
/// # Errors
/// [`DbError::Deposed`] if one has.
pub async fn pass(connection: &mut AsyncPgConnection, ours: Fence) -> Result<(), DbError> {
    let passed = diesel::update(updater_fence.filter(fence.le(ours.number())))
        .set(fence.eq(ours.number()))
        .execute(connection)
        .await?;
    if passed == 1 { Ok(()) } else { Err(DbError::Deposed) }
}
