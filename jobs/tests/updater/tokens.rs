//! `heat-updater token`, as who runs it sees it.

use heat::role::Role;
use heat::token::Digest;

use crate::stage::Stage;

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_printed_once_and_listed_without_itself_until_it_is_revoked() {
    let stage = Stage::set().await;
    let create = ["token", "create", "robot", "--role", "operator", "--days", "30"];
    let (token, hints) = stage.command(&create, true);
    let digest = Digest::of(token.trim_end()).expect("standard output is the token and nothing else");
    assert!(hints.contains("not shown again") && !hints.contains(token.trim_end()), "{hints}");
    let known = stage.db.token(&digest).await.unwrap().unwrap();
    assert_eq!(
        (known.name.as_str(), known.role(), known.screen_path.clone()),
        ("robot", Role::Operator, None)
    );
    // Whole seconds of one clock from the instant of another.
    assert_eq!((known.expires_at - known.created_at).num_seconds().cast_unsigned().div_ceil(86_400), 30);

    let (_, refused) = stage.command(&create, false);
    assert!(refused.contains("there is a token named robot"), "{refused}");
    let (list, _) = stage.command(&["token", "list"], true);
    let row = list.lines().find(|line| line.starts_with("robot ")).unwrap();
    assert!(row.contains(" operator ") && row.contains(" never ") && row.contains(" until "), "{list}");
    assert!(!list.contains("heat_"), "{list}");

    stage.command(&["token", "revoke", "robot"], true);
    assert_eq!(stage.db.token(&digest).await.unwrap(), None);
    assert!(stage.command(&["token", "list"], true).0.contains(" revoked "));
    let (_, gone) = stage.command(&["token", "revoke", "robot"], false);
    assert!(gone.contains("no token is named robot"), "{gone}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_screens_token_is_printed_as_the_link_to_open_there() {
    let stage = Stage::set().await;
    let create =
        ["token", "create", "wall-1", "--screen", "/?kiosk=1", "--public-url", "https://heat.example.net"];
    let (link, _) = stage.command(&create, true);
    let token = link.trim_end().strip_prefix("https://heat.example.net/screen/").unwrap();
    let known = stage.db.token(&Digest::of(token).unwrap()).await.unwrap().unwrap();
    assert_eq!((known.role(), known.screen_path.as_deref()), (Role::Viewer, Some("/?kiosk=1")));
    for wrong in [
        vec!["--screen", "//evil.example"],
        vec!["--screen", "https://evil.example"],
        vec!["--screen", "/", "--role", "admin"],
        vec!["--role", "root"],
        vec!["--days", "0"],
    ] {
        stage.command(&[&["token", "create", "wall-2"][..], &wrong].concat(), false);
    }
    stage.command(&["token", "create", "Wall 2"], false);
    assert_eq!(stage.db.tokens().await.unwrap().len(), 1);
}
