//! For whom views hold, as the updater keeps it.

use heat::cache::CachedDocument;
use heat::db::audit::Actor;
use heat::db::views::{Reach, ViewChange};
use heat::view::{ViewMembers, ViewWish};
use heat_devkit::eventually;

use crate::PATIENCE;
use crate::stage::Stage;

fn actor() -> Actor {
    Actor { name: "ann".into(), via: "off", request_id: "1".into() }
}

fn wish(expression: &str) -> ViewWish {
    ViewWish { name: "View".into(), expression: expression.into(), ..ViewWish::default() }
}

impl Stage {
    async fn members_where(&self, id: i64, is_right: impl Fn(&ViewMembers) -> bool) -> ViewMembers {
        eventually("the view's members", PATIENCE, async || {
            let CachedDocument { body, .. } = self.cache.view(id).await.unwrap()?;
            let members: ViewMembers = serde_json::from_slice(&body.json().unwrap()).unwrap();
            is_right(&members).then_some(members)
        })
        .await
        .unwrap()
    }

    async fn view(&self, expression: &str) -> i64 {
        match self.db.create_view(&actor(), &wish(expression)).await.unwrap() {
            ViewChange::Done(view) => view.id,
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_is_worked_out_when_it_or_the_inventory_changes_and_forgotten_when_it_is_deleted() {
    let stage = Stage::set().await;
    let old = stage.view("{$any_object} and not {$unmounted}").await;
    let _updater = stage.updater();
    let members = stage.members_where(old, |_| true).await;
    assert_eq!((&*members.devices, &*members.racks), (&[11, 12][..], &[][..]));

    let changed = stage
        .db
        .change_view(&actor(), Reach::Own, old, 1, &wish("{$any_rack} or {$cn_srv-3}"))
        .await
        .unwrap();
    assert!(matches!(changed, ViewChange::Done(_)));
    stage.cache.tell_changed().await.unwrap();
    let members = stage.members_where(old, |members| ViewMembers::is_of(&members.version, 2)).await;
    assert_eq!((&*members.devices, &*members.racks), (&[13][..], &[1][..]));

    stage.write_inventory(
        r#"{"racks": [{"id": 1, "name": "R1", "height": 42}, {"id": 2, "height": 42}], "devices": []}"#,
    );
    let members = stage.members_where(old, |members| members.racks.len() == 2).await;
    assert_eq!(members.unknown, ["{$cn_srv-3}"], "there is no such device any more");

    stage.db.delete_view(&actor(), Reach::Own, old, 2).await.unwrap();
    stage.cache.tell_changed().await.unwrap();
    eventually("nothing is kept of it", PATIENCE, async || {
        stage.cache.view_ids().await.unwrap().is_empty().then_some(())
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_updater_before_left_of_a_view_that_is_gone_is_taken_away() {
    let stage = Stage::set().await;
    let (gone, kept) = (stage.view("true").await, {
        let other = ViewWish { name: "Other".into(), ..wish("false") };
        let ViewChange::Done(view) = stage.db.create_view(&actor(), &other).await.unwrap() else { panic!() };
        view.id
    });
    let first = stage.updater();
    stage.members_where(gone, |_| true).await;
    stage.members_where(kept, |_| true).await;
    drop(first);
    stage.db.delete_view(&actor(), Reach::Own, gone, 1).await.unwrap();
    let _second = stage.updater();
    eventually("only the other one is kept", PATIENCE, async || {
        (stage.cache.view_ids().await.unwrap() == [kept]).then_some(())
    })
    .await
    .unwrap();
}
