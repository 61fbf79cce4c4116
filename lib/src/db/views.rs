//! Views.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error as QueryError};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use serde_json::{Value, json};

use super::audit::{self, Actor, Deed};
use super::schema::views;
use super::{Db, DbError};
use crate::view::{MOST_VIEWS, ViewId, ViewWish};

/// A view as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = views)]
pub struct StoredView {
    /// Its id.
    pub id: ViewId,
    /// What people call it.
    pub name: String,
    /// RackCode; empty for everything.
    pub expression: String,
    /// The filter grammar; empty for every event.
    pub filter: String,
    /// Whose it is.
    pub owner: String,
    /// Everybody sees it.
    pub shared: bool,
    /// Grows with each change.
    pub version: i64,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// Who may change a view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Their own.
    Own,
    /// Everybody's.
    All,
}

/// What became of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ViewChange {
    /// It is done; the view as it is, or as it last was.
    Done(StoredView),
    /// There is no such view, or the caller does not see it.
    Gone,
    /// It is somebody else's.
    NotOwn,
    /// It has changed since the caller saw it; this is its version now.
    Moved(i64),
    /// The owner has another view of that name.
    NameTaken,
    /// The owner has [`MOST_VIEWS`].
    TooMany,
}

impl Db {
    /// The views that `viewer` sees: their own and the shared ones, oldest first, younger than `after` if given.
    pub async fn views(
        &self,
        viewer: &str,
        after: Option<ViewId>,
        limit: usize,
    ) -> Result<Vec<StoredView>, DbError> {
        let mut connection = self.connection().await?;
        Ok(views::table
            .filter(views::owner.eq(viewer).or(views::shared))
            .filter(views::id.gt(after.unwrap_or(0)))
            .order(views::id)
            .limit(i64::try_from(limit).unwrap_or(i64::MAX))
            .select(StoredView::as_select())
            .load(&mut connection)
            .await?)
    }

    /// One view, if `viewer` sees it.
    pub async fn view(&self, viewer: &str, id: ViewId) -> Result<Option<StoredView>, DbError> {
        let mut connection = self.connection().await?;
        Ok(views::table
            .find(id)
            .filter(views::owner.eq(viewer).or(views::shared))
            .select(StoredView::as_select())
            .first(&mut connection)
            .await
            .optional()?)
    }

    /// Everybody's views, each with its version: enough to see which have changed.
    pub async fn view_versions(&self) -> Result<Vec<(ViewId, i64)>, DbError> {
        let mut connection = self.connection().await?;
        Ok(views::table.order(views::id).select((views::id, views::version)).load(&mut connection).await?)
    }

    /// These views, whoever's they are; those that are gone are left out.
    pub async fn views_by_id(&self, ids: &[ViewId]) -> Result<Vec<StoredView>, DbError> {
        let mut connection = self.connection().await?;
        Ok(views::table
            .filter(views::id.eq_any(ids))
            .order(views::id)
            .select(StoredView::as_select())
            .load(&mut connection)
            .await?)
    }

    /// Makes a view of the actor's own.
    pub async fn create_view(&self, actor: &Actor, wish: &ViewWish) -> Result<ViewChange, DbError> {
        let mut connection = self.connection().await?;
        let created: Result<ViewChange, DbError> = connection
            .transaction(async |connection| {
                let own: i64 =
                    views::table.filter(views::owner.eq(&actor.name)).count().get_result(connection).await?;
                if usize::try_from(own).is_ok_and(|own| own >= MOST_VIEWS) {
                    return Ok(ViewChange::TooMany);
                }
                let view: StoredView = diesel::insert_into(views::table)
                    .values((
                        views::name.eq(&wish.name),
                        views::expression.eq(&wish.expression),
                        views::filter.eq(&wish.filter),
                        views::shared.eq(wish.shared),
                        views::owner.eq(&actor.name),
                    ))
                    .returning(StoredView::as_returning())
                    .get_result(connection)
                    .await?;
                audit::enter(connection, actor, vec![deed("view.create", None, Some(&view))]).await?;
                Ok(ViewChange::Done(view))
            })
            .await;
        named(created)
    }

    /// Makes a view what is wished, if it is still at `version`.
    pub async fn change_view(
        &self,
        actor: &Actor,
        reach: Reach,
        id: ViewId,
        version: i64,
        wish: &ViewWish,
    ) -> Result<ViewChange, DbError> {
        let mut connection = self.connection().await?;
        let changed: Result<ViewChange, DbError> = connection
            .transaction(async |connection| {
                let before = match held(connection, actor, reach, id, version).await? {
                    Ok(before) => before,
                    Err(refused) => return Ok(refused),
                };
                let after: StoredView = diesel::update(views::table.find(id))
                    .set((
                        views::name.eq(&wish.name),
                        views::expression.eq(&wish.expression),
                        views::filter.eq(&wish.filter),
                        views::shared.eq(wish.shared),
                        views::version.eq(views::version + 1),
                        views::updated_at.eq(diesel::dsl::now),
                    ))
                    .returning(StoredView::as_returning())
                    .get_result(connection)
                    .await?;
                let entry = deed("view.edit", Some(&before), Some(&after));
                audit::enter(connection, actor, vec![entry]).await?;
                Ok(ViewChange::Done(after))
            })
            .await;
        named(changed)
    }

    /// Deletes a view, if it is still at `version`. What it was stays in the audit log.
    pub async fn delete_view(
        &self,
        actor: &Actor,
        reach: Reach,
        id: ViewId,
        version: i64,
    ) -> Result<ViewChange, DbError> {
        let mut connection = self.connection().await?;
        connection
            .transaction(async |connection| {
                let before = match held(connection, actor, reach, id, version).await? {
                    Ok(before) => before,
                    Err(refused) => return Ok(refused),
                };
                diesel::delete(views::table.find(id)).execute(connection).await?;
                audit::enter(connection, actor, vec![deed("view.delete", Some(&before), None)]).await?;
                Ok(ViewChange::Done(before))
            })
            .await
    }
}

/// The view, locked for a change, or why the actor may not make it.
async fn held(
    connection: &mut AsyncPgConnection,
    actor: &Actor,
    reach: Reach,
    id: ViewId,
    version: i64,
) -> QueryResult<Result<StoredView, ViewChange>> {
    let view: Option<StoredView> = views::table
        .find(id)
        .for_update()
        .select(StoredView::as_select())
        .first(connection)
        .await
        .optional()?;
    let Some(view) = view else { return Ok(Err(ViewChange::Gone)) };
    let is_own = view.owner == actor.name;
    Ok(match reach {
        Reach::Own if !is_own && !view.shared => Err(ViewChange::Gone),
        Reach::Own if !is_own => Err(ViewChange::NotOwn),
        _ if view.version != version => Err(ViewChange::Moved(view.version)),
        _ => Ok(view),
    })
}

/// Only one constraint can be in the way of an accepted wish.
fn named(change: Result<ViewChange, DbError>) -> Result<ViewChange, DbError> {
    match change {
        Err(DbError::Query(QueryError::DatabaseError(DatabaseErrorKind::UniqueViolation, _))) => {
            Ok(ViewChange::NameTaken)
        }
        change => change,
    }
}

fn deed(action: &'static str, before: Option<&StoredView>, after: Option<&StoredView>) -> Deed<'static> {
    let shown = |view: &StoredView| -> Value {
        json!({
            "name": view.name, "expression": view.expression, "filter": view.filter, "shared": view.shared,
            "owner": view.owner,
        })
    };
    let id = after.or(before).map_or(0, |view| view.id);
    Deed { action, target: format!("view:{id}"), before: before.map(shown), after: after.map(shown) }
}
