use heat::config::Secret;
use heat::db::audit::{Actor, Asked};
use heat::db::comments::NewComment;
use heat::db::roles::{Role, Roles};
use heat::db::tokens::NewToken;
use heat::db::{Db, DbError};
use heat::time::Timestamp;
use heat::token::{Digest, token};
use heat_devkit::backends::Postgres;

use diesel_async::SimpleAsyncConnection;

fn as_role(url: &str, role: &str) -> Db {
    Db::new(&Secret::new(Postgres::url_as(url, role).unwrap()), 2).unwrap()
}

/// A database of its own, its owner, and whom the programs come in as.
struct House {
    _postgres: Postgres,
    owner: Db,
    api: Db,
    updater: Db,
}

impl House {
    async fn build() -> Self {
        let postgres = Postgres::shared().await.unwrap();
        let url = postgres.fresh_database().await.unwrap();
        let owner = Db::new(&Secret::new(&url), 2).unwrap();
        owner.migrate().await.unwrap();
        owner.grant_roles(&Roles::default()).await.unwrap();
        let (api, updater) = (as_role(&url, "heat_api"), as_role(&url, "heat_updater"));
        Self { _postgres: postgres, owner, api, updater }
    }
}

async fn may(db: &Db, sql: &str) -> bool {
    match db.connection().await.unwrap().batch_execute(sql).await {
        Ok(()) => true,
        Err(error) if error.to_string().contains("permission denied") => false,
        Err(error) => panic!("{sql}: {error}"),
    }
}

fn ann() -> Actor {
    Actor { name: "ann".into(), via: "off", request_id: "r-1".into() }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_entered_in_the_audit_neither_program_changes_or_deletes() {
    let house = House::build().await;
    let comment =
        NewComment { event_key: "z:1:a".into(), event_id: None, author: "ann".into(), text: "on it".into() };
    house.api.create_comments(&ann(), vec![comment]).await.unwrap();
    for program in [&house.api, &house.updater] {
        for sql in [
            "update audit_log set actor = 'bob'",
            "delete from audit_log",
            "truncate audit_log",
            "alter table audit_log disable trigger all",
            "drop table audit_log",
        ] {
            let refused =
                program.connection().await.unwrap().batch_execute(sql).await.unwrap_err().to_string();
            assert!(
                refused.contains("permission denied") || refused.contains("must be owner"),
                "{sql}: {refused}"
            );
        }
        assert_eq!(program.audit(&Asked::default(), 10).await.unwrap()[0].actor, "ann");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_program_may_do_its_own_work_and_no_other() {
    let house = House::build().await;
    for (sql, api, updater) in [
        ("update updater_fence set fence = 1", false, true),
        ("select fence from updater_fence", false, true),
        ("update tracker_pace set next_call_at = now()", false, true),
        ("delete from openings", false, true),
        ("update comments set text = 'x'", true, false),
        ("delete from comments", false, false),
        ("delete from tickets", false, false),
        ("update api_tokens set last_used_at = now()", true, false),
        ("update api_tokens set revoked_at = now()", false, true),
        ("update api_tokens set role = 'admin'", false, false),
        ("insert into api_tokens (name) select 'x' where false", false, true),
        ("create table mine (id int)", false, false),
        ("alter table comments add column x int", false, false),
        ("select version from __diesel_schema_migrations", true, true),
        ("delete from __diesel_schema_migrations", false, false),
    ] {
        if sql.starts_with("alter") {
            for program in [&house.api, &house.updater] {
                program.connection().await.unwrap().batch_execute(sql).await.unwrap_err();
            }
            continue;
        }
        assert_eq!((may(&house.api, sql).await, may(&house.updater, sql).await), (api, updater), "{sql}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_comes_later_needs_no_word() {
    let house = House::build().await;
    let sql = "create table later (id bigint generated always as identity, n serial)";
    assert!(may(&house.owner, sql).await);
    for program in [&house.api, &house.updater] {
        assert!(
            may(program, "insert into later default values; update later set n = 1; delete from later").await
        );
        assert!(!may(program, "truncate later").await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn several_make_the_roles_at_once_and_again_and_nothing_else_comes_of_it() {
    let postgres = Postgres::start().await.unwrap();
    // Roles belong to the server, so those who migrate two databases meet there.
    let mut makers = Vec::new();
    let mut urls = Vec::new();
    for _ in 0..2 {
        let url = postgres.fresh_database().await.unwrap();
        for _ in 0..3 {
            let db = Db::new(&Secret::new(&url), 1).unwrap();
            makers.push(tokio::spawn(async move {
                db.migrate().await?;
                db.grant_roles(&Roles::default()).await
            }));
        }
        urls.push(url);
    }
    for maker in makers {
        maker.await.unwrap().unwrap();
    }
    for url in urls {
        let owner = Db::new(&Secret::new(&url), 1).unwrap();
        owner.grant_roles(&Roles::default()).await.unwrap();
        assert!(!may(&as_role(&url, "heat_api"), "delete from audit_log").await);
        assert!(may(&as_role(&url, "heat_updater"), "delete from openings").await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_may_too_much_or_cannot_be_one_is_refused() {
    let house = House::build().await;
    let refused = async |api: &str, updater: &str| {
        let role = |name: &str| Role { name: name.into(), password: None };
        let asked = Roles { api: role(api), updater: role(updater) };
        house.owner.grant_roles(&asked).await.unwrap_err().to_string()
    };
    // The owner itself.
    assert!(refused("heat", "heat_updater").await.contains("owns the tables"));
    assert!(refused("heat_api", "heat_api").await.contains("a role each"));
    for wrong in ["", "x y", "x\"; drop table comments; --", "1x", "Ж", &"x".repeat(64)] {
        assert!(refused(wrong, "heat_updater").await.contains("cannot be the name of a role"), "{wrong}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_whose_schema_is_old_says_who_brings_it_up_to_date() {
    let house = House::build().await;
    assert_eq!(house.updater.pending_migrations().await.unwrap(), 0);
    assert_eq!(
        house.updater.migrate().await.unwrap(),
        Vec::<String>::new(),
        "what is up to date needs no right"
    );
    let forget = "delete from __diesel_schema_migrations where version in
                  (select max(version) from __diesel_schema_migrations)";
    assert!(may(&house.owner, forget).await);
    let error = house.updater.migrate().await.unwrap_err();
    assert!(matches!(error, DbError::Migration(_)));
    assert!(error.to_string().contains("heat-updater migrate --roles"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_found_by_its_digest_until_it_is_revoked_or_over() {
    let house = House::build().await;
    let digest = |number| Digest::of(token([number; 32]).reveal()).unwrap();
    let new = |name: &str, days: i64| NewToken {
        name: name.into(),
        role: heat::role::Role::Operator,
        screen_path: None,
        expires_at: Timestamp::from_unix(Timestamp::now().unix() + days * 86_400),
    };
    let made = house.updater.create_token(&ann(), &new("robot", 1), &digest(1)).await.unwrap();
    assert_eq!(house.api.token(&digest(1)).await.unwrap(), Some(made.clone()));
    assert_eq!(house.api.token(&digest(2)).await.unwrap(), None);
    let twice = house.updater.create_token(&ann(), &new("robot", 1), &digest(2)).await.unwrap_err();
    assert!(twice.is_duplicate());

    house.api.token_used(made.id).await.unwrap();
    let used = house.api.token(&digest(1)).await.unwrap().unwrap().last_used_at.unwrap();
    house.api.token_used(made.id).await.unwrap();
    let again = house.api.token(&digest(1)).await.unwrap().unwrap().last_used_at.unwrap();
    assert_eq!(used, again, "to the minute");

    assert!(house.updater.revoke_token(&ann(), "robot").await.unwrap().is_some());
    assert_eq!(house.api.token(&digest(1)).await.unwrap(), None);
    assert_eq!(house.updater.revoke_token(&ann(), "robot").await.unwrap(), None);
    house.updater.create_token(&ann(), &new("robot", 1), &digest(3)).await.unwrap();
    let over =
        "update api_tokens set created_at = now() - interval '2 days', expires_at = now() - interval '1 day'";
    assert!(may(&house.owner, over).await);
    assert_eq!(house.api.token(&digest(3)).await.unwrap(), None);

    let log = house.api.audit(&Asked::default(), 10).await.unwrap();
    let deeds: Vec<_> = log.iter().map(|entry| entry.action.as_str()).collect();
    assert_eq!(deeds, ["token.create", "token.revoke", "token.create"]);
    let told: Vec<_> = log[0].after.as_ref().unwrap().as_object().unwrap().keys().cloned().collect();
    assert_eq!(told, ["expires_at", "name", "role", "screen_path"], "not even the digest");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_set_so_that_the_server_knows_only_what_it_checks_it_by() {
    let postgres = Postgres::start().await.unwrap();
    let url = postgres.fresh_database().await.unwrap();
    let owner = Db::new(&Secret::new(&url), 1).unwrap();
    owner.migrate().await.unwrap();
    let mut with_password = Roles::default();
    with_password.api.password = Some(Secret::new("planted-password"));
    owner.grant_roles(&with_password).await.unwrap();
    let check = |pattern| {
        format!(
            "do $$ begin if not exists (select from pg_authid where rolname = 'heat_api' and rolpassword like '{pattern}')
             then raise exception 'permission denied: no such password'; end if; end $$"
        )
    };
    assert!(may(&owner, &check("SCRAM-SHA-256$4096:%")).await);
    owner.grant_roles(&Roles::default()).await.unwrap();
    assert!(may(&owner, &check("SCRAM-SHA-256$4096:%")).await, "without a new one the old one stays");
}
