//! What views cost: two hundred of them over a hundred thousand devices, beside asking each device for each view in
//! plain Rust.
//!
//! `cargo bench -p heat`. Compare the lines of one run with each other, never with another machine's.

#![expect(clippy::expect_used, reason = "a bench may panic")]

use std::collections::HashSet;

use divan::{Bencher, black_box};
use heat::inventory::{Device, Inventory, Mount, Rack};
use heat::rackcode::{Expression, Predicates, TagIndex};

const DEVICES: u64 = 100_000;
const RACKS: u64 = 2_500;
const VIEWS: u64 = 200;
const HALLS: u64 = 40;
const TEAMS: u64 = 25;
const ROLES: u64 = 60;
const SCRIPT: &str = "define [live] not {retired} and not {$unmounted}\n\
                      define [ours] [live] and ({team 1} or {team 2} or {team 3})";

fn main() {
    divan::main();
}

/// The tags of a device, with those above them: where it is, whose it is, what it does.
fn tags(n: u64) -> Vec<String> {
    let hall = n % HALLS;
    let mut tags = vec![
        "site".to_owned(),
        format!("dc {}", hall % 5),
        format!("hall {hall}"),
        format!("team {}", n / 7 % TEAMS),
        format!("role {}", n / 3 % ROLES),
    ];
    if n.is_multiple_of(50) {
        tags.push("retired".to_owned());
    }
    tags
}

fn inventory() -> Inventory {
    let mut inventory = Inventory {
        racks: (1..=RACKS)
            .map(|id| Rack { id, name: format!("R{id}"), height: 42, tags: tags(id), ..Rack::default() })
            .collect(),
        devices: (0..DEVICES)
            .map(|n| Device {
                id: 10_000 + n,
                name: format!("srv-{n:06}"),
                tags: tags(n),
                automatic_tags: vec![format!("$typeid_{}", n % 12), format!("$attr_2_{}", n % 300)],
                mounts: vec![Mount { rack_id: n % RACKS + 1, height: 1, ..Mount::default() }],
                ..Device::default()
            })
            .collect(),
        rackcode: SCRIPT.to_owned(),
        ..Inventory::default()
    };
    inventory.normalise();
    inventory
}

fn index(inventory: &Inventory) -> TagIndex {
    TagIndex::new(inventory, &Predicates::of(inventory).expect("our own script"))
}

fn texts() -> Vec<String> {
    let text = |n| {
        let (dc, hall, team, role) = (n % 5, n % HALLS, n % TEAMS, n % ROLES);
        format!(
            "({{dc {dc}}} or {{hall {hall}}}) and {{$any_object}} and ({{team {team}}} or not {{role {role}}}) and \
             [live] and not ({{$typeid_{}}} or {{$cn_srv-{n:06}}})",
            n % 12
        )
    };
    (0..VIEWS).map(text).collect()
}

fn views() -> Vec<Expression> {
    texts().iter().map(|text| Expression::parse(text).expect("our own text")).collect()
}

/// The same question in plain Rust, to each device with the names of its tags.
#[divan::bench(sample_count = 10)]
fn plain_ask_100000_devices_for_200_views(bencher: Bencher) {
    let inventory = inventory();
    let devices: Vec<(&Device, HashSet<&str>)> = inventory
        .devices
        .iter()
        .map(|device| {
            let tags = device.tags.iter().chain(&device.automatic_tags).map(String::as_str);
            (device, tags.collect())
        })
        .collect();
    let names: Vec<_> = (0..VIEWS)
        .map(|n| {
            (
                [format!("dc {}", n % 5), format!("hall {}", n % HALLS), format!("team {}", n % TEAMS)],
                [format!("role {}", n % ROLES), format!("$typeid_{}", n % 12), format!("srv-{n:06}")],
            )
        })
        .collect();
    bencher.bench(|| {
        let members = |([dc, hall, team], [role, kind, name]): &([String; 3], [String; 3])| -> Vec<u64> {
            devices
                .iter()
                .filter(|(device, tags)| {
                    let has = |tag: &str| tags.contains(tag);
                    let mounted = !device.mounts.is_empty() || device.container_id.is_some();
                    let live = mounted && !has("retired");
                    (has(dc) || has(hall))
                        && (has(team) || !has(role))
                        && live
                        && !(has(kind) || device.name == *name)
                })
                .map(|(device, _)| device.id)
                .collect()
        };
        black_box(&names).iter().map(members).collect::<Vec<_>>()
    });
}

#[divan::bench]
fn members_of_200_views(bencher: Bencher) {
    let (index, views) = (index(&inventory()), views());
    bencher.bench(|| black_box(&views).iter().map(|view| index.members(view)).collect::<Vec<_>>());
}

#[divan::bench]
fn parse_200_views(bencher: Bencher) {
    let texts = texts();
    bencher.bench(|| black_box(&texts).iter().map(|text| Expression::parse(text)).collect::<Vec<_>>());
}

#[divan::bench]
fn index_100000_devices(bencher: Bencher) {
    let inventory = inventory();
    bencher.bench(|| index(black_box(&inventory)));
}

/// All that a new inventory costs.
#[divan::bench]
fn index_parse_and_members(bencher: Bencher) {
    let (inventory, texts) = (inventory(), texts());
    bencher.bench(|| {
        let index = index(black_box(&inventory));
        texts.iter().map(|text| Expression::parse(text).map(|view| index.members(&view))).collect::<Vec<_>>()
    });
}
