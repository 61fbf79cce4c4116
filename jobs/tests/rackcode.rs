//! `heat-updater rackcode`, run as people run it.

#![expect(clippy::unwrap_used, reason = "a test may panic, and so may what it is made of")]

use std::process::{Command, Output};

use serde_json::{Value, json};

const INVENTORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../lib/examples/inventory.json");

fn heat_updater(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_heat-updater"))
        .arg("rackcode")
        .args(arguments)
        .env_clear()
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn a_file_answers_without_any_configuration() {
    let output = heat_updater(&["[production] and {$any_rack}", "--inventory", INVENTORY]);
    assert_eq!(text(&output.stdout), "rack    3  A01  Europe / SAS / SAS-A\n1 rack, 0 devices\n");
    assert!(output.status.success() && output.stderr.is_empty(), "{}", text(&output.stderr));
}

#[test]
fn the_same_comes_as_json() {
    let output = heat_updater(&["{$id_513} or {$nameless}", "--inventory", INVENTORY, "--format", "json"]);
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    let device = json!({ "id": 513, "name": "srv-00001", "place": "Europe / SAS / SAS-A / A01" });
    assert_eq!(answer, json!({ "racks": [], "devices": [device] }));
}

#[test]
fn names_that_do_not_exist_are_told_beside_the_answer() {
    let output = heat_updater(&["not {dc7} and [idel]", "--inventory", INVENTORY]);
    assert_eq!(text(&output.stdout), "0 racks, 0 devices\n");
    assert_eq!(text(&output.stderr), "no predicate is called [idel]\nnothing has the tag {dc7}\n");
}

#[test]
fn an_error_points_into_the_expression() {
    let output = heat_updater(&["{prod} AND {net}", "--inventory", INVENTORY]);
    let told = text(&output.stderr);
    assert!(!output.status.success() && output.stdout.is_empty());
    assert!(told.contains("unexpected \"AND\": expected and, or, or the end"), "{told}");
    assert!(told.contains("\n    {prod} AND {net}\n           ^\n"), "{told}");
}

#[test]
fn without_an_inventory_it_says_how_to_name_one() {
    let output = heat_updater(&["{prod}"]);
    let told = text(&output.stderr);
    assert!(!output.status.success() && told.contains("HEAT_INVENTORY_URL"), "{told}");
    let output = heat_updater(&["{prod}", "--inventory", "/nowhere/inventory.json"]);
    let told = text(&output.stderr);
    assert!(!output.status.success() && told.contains("/nowhere/inventory.json"), "{told}");
}
