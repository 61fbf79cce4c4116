//! What a refresh costs, beside what the plainest thing would cost: `serde_json` parsing the same answer, and gzip of the
//! same snapshot.
//!
//! `cargo bench -p heat-jobs`. Compare the lines of one run with each other, never with another machine's.

#![expect(clippy::expect_used, reason = "a bench may panic")]

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::LazyLock;

use divan::{AllocProfiler, Bencher, black_box};
use flate2::Compression;
use flate2::write::GzEncoder;
use heat::acknowledgement::Acknowledgements;
use heat::comment::{Comment, Thread, Threads};
use heat::coverage::Coverage;
use heat::event::{Event, Tag};
use heat::floor::Floor;
use heat::incident::{Availability, Open, WatchedRacks, mark};
use heat::inventory::{Device, Inventory, Mount, Rack};
use heat::packed::Packed;
use heat::past::Pasts;
use heat::placement::Places;
use heat::snapshot::{NotNews, Parts, Reported, Snapshot, Source, Status, build};
use heat::ticket::Covers;
use heat::time::Timestamp;
use heat_jobs::upstream::digest;
use heat_jobs::upstream::zabbix::{event_of, parse_problems};
use serde_json::{Value, json};

const DEVICES: u64 = 50_000;
const UNITS: u64 = 40;
const SIZES: [usize; 3] = [20_000, 50_000, 100_000];
const NOW: Timestamp = Timestamp::from_unix(1_795_468_075);

/// Beside the times stand how much is allocated, how often, and the most that is held at once.
#[global_allocator]
static ALLOCATED: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

/// An answer of `problem.get`, with the fields Heat asks for and the tags of Zabbix' stock templates.
fn answer(problems: usize) -> Vec<u8> {
    let problem = |n: usize| {
        json!({
            "eventid": (81_000 + n).to_string(),
            "objectid": (30_000 + n).to_string(),
            "clock": (1_795_400_000 + n).to_string(),
            "ns": "40773996",
            "name": format!("srv-{:05}.sas.example.net is unreachable (now 0)", n % 50_000),
            "acknowledged": "0",
            "severity": (n % 6).to_string(),
            "suppressed": if n.is_multiple_of(20) { "1" } else { "0" },
            "tags": [
                {"tag": "scope", "value": "availability"},
                {"tag": "component", "value": "network"},
                {"tag": "site", "value": "dc3"},
            ],
        })
    };
    let result: Vec<_> = (0..problems).map(problem).collect();
    serde_json::to_vec(&json!({"jsonrpc": "2.0", "result": result, "id": 1})).expect("plain values")
}

fn inventory() -> Inventory {
    let mut inventory = Inventory {
        racks: (1..=DEVICES / UNITS)
            .map(|id| Rack { id, name: format!("R{id}"), height: 42, ..Rack::default() })
            .collect(),
        devices: (0..DEVICES)
            .map(|n| Device {
                id: 10_000 + n,
                name: format!("srv-{n:05}"),
                fqdn: format!("srv-{n:05}.sas.example.net"),
                mounts: vec![Mount {
                    rack_id: n / UNITS + 1,
                    unit: u32::try_from(n % UNITS + 1).ok(),
                    height: 1,
                    atoms: 7,
                }],
                ..Device::default()
            })
            .collect(),
        ..Inventory::default()
    };
    inventory.normalise();
    inventory
}

/// The events that the answer's problems become; half the hosts go by name, half by FQDN.
fn events(answer: &[u8]) -> Vec<Event> {
    let problems = parse_problems(answer).expect("our own answer");
    let mut events: Vec<Event> = problems
        .iter()
        .enumerate()
        .map(|(n, problem)| {
            let domain = if n % 2 == 0 { "" } else { ".sas.example.net" };
            let host = format!("srv-{:05}{domain}", n % 50_000);
            event_of("zabbix", problem, &host)
        })
        .collect();
    heat_jobs::merge::sort(&mut events);
    events
}

static NO_TICKETS: LazyLock<Covers> = LazyLock::new(Covers::new);
static NO_ACKNOWLEDGEMENTS: LazyLock<Acknowledgements> = LazyLock::new(Acknowledgements::new);
static NO_PASTS: LazyLock<Pasts> = LazyLock::new(Pasts::new);
static NO_PLACES: LazyLock<Floor> = LazyLock::new(Floor::default);

/// All devices are watched, and no incident was open before.
static INCIDENTS: LazyLock<(Availability, WatchedRacks, Open)> = LazyLock::new(|| {
    let watched = WatchedRacks::new(&Coverage::default(), &Places::new(&inventory()));
    (Availability::default(), watched, Open::new())
});

fn threads(events: &[Event]) -> Threads {
    let comment =
        Comment { id: 1, author: "a.petrova".into(), at: NOW, edited_at: None, text: "On my way.".into() };
    let thread = Thread { count: 1, last: vec![comment] };
    events.iter().take(5_000).map(|event| (event.key.clone(), thread.clone())).collect()
}

fn snapshot<'a>(
    events: &'a [Event],
    places: &'a Places,
    threads: &'a Threads,
    silent: &'a BTreeSet<String>,
) -> Snapshot<'a> {
    let source = Source {
        name: "zabbix".into(),
        kind: "zabbix".into(),
        status: Status::Ok,
        fetched_at: NotNews(Some(NOW)),
        link: "http://zabbix.example.net/tr_events.php?triggerid={triggerid}&eventid={eventid}".into(),
        ..Source::default()
    };
    build(Parts {
        now: NOW,
        sources: vec![Reported { source, events, silent }],
        pseudo_sources: vec![],
        places,
        floor: &NO_PLACES,
        inventory_version: "inventory",
        coverage_version: "coverage",
        templates_version: "templates",
        threads,
        ticket_tags: &[],
        availability: &INCIDENTS.0,
        watched: &INCIDENTS.1,
        open: &INCIDENTS.2,
        covers: &NO_TICKETS,
        acknowledgements: &NO_ACKNOWLEDGEMENTS,
        notes: &[],
        pasts: &NO_PASTS,
        cleared: &[],
    })
}

// What our refresh is measured against.

#[divan::bench(args = SIZES)]
fn plain_parse_as_any_json(bencher: Bencher, problems: usize) {
    let answer = answer(problems);
    bencher.bench(|| serde_json::from_slice::<Value>(black_box(&answer)));
}

#[divan::bench(args = SIZES)]
fn plain_gzip_of_the_snapshot(bencher: Bencher, problems: usize) {
    let (events, places) = (events(&answer(problems)), Places::new(&inventory()));
    let (threads, silent) = (threads(&events), BTreeSet::new());
    let json = snapshot(&events, &places, &threads, &silent).to_json().expect("memory");
    let level = if json.len() > 8 << 20 { Compression::fast() } else { Compression::new(6) };
    bencher.bench(|| {
        let mut gzip = GzEncoder::new(Vec::new(), level);
        gzip.write_all(black_box(&json)).expect("memory");
        gzip.finish()
    });
}

// The parts of a refresh.

#[divan::bench(args = SIZES)]
fn parse(bencher: Bencher, problems: usize) {
    let answer = answer(problems);
    bencher.bench(|| parse_problems(black_box(&answer)).map(|problems| problems.len()));
}

#[divan::bench(args = SIZES)]
fn place(bencher: Bencher, problems: usize) {
    let (events, places) = (events(&answer(problems)), Places::new(&inventory()));
    bencher.bench(|| events.iter().filter(|event| places.find(&event.host).rack().is_some()).count());
}

#[divan::bench(args = SIZES)]
fn build_with_5000_comments(bencher: Bencher, problems: usize) {
    let (events, places) = (events(&answer(problems)), Places::new(&inventory()));
    let (threads, silent) = (threads(&events), BTreeSet::new());
    bencher.bench(|| snapshot(black_box(&events), &places, &threads, &silent).events.len());
}

/// Part of building: every problem belongs to an incident.
#[divan::bench(args = SIZES)]
fn find_incidents(bencher: Bencher, problems: usize) {
    let (events, places) = (events(&answer(problems)), Places::new(&inventory()));
    let (threads, silent) = (threads(&events), BTreeSet::new());
    let shown = snapshot(&events, &places, &threads, &silent).events;
    let (availability, watched, open) = &*INCIDENTS;
    bencher
        .with_inputs(|| shown.clone())
        .bench_refs(|events| mark(events, availability, watched, open).len());
}

/// Part of building: no problem belongs to one, which three patterns must find out.
#[divan::bench(args = SIZES)]
fn find_no_incidents(bencher: Bencher, problems: usize) {
    let (events, places) = (events(&answer(problems)), Places::new(&inventory()));
    let (threads, silent) = (threads(&events), BTreeSet::new());
    let mut shown = snapshot(&events, &places, &threads, &silent).events;
    for event in &mut shown {
        event.tags = vec![Tag { tag: "scope".into(), value: "performance".into() }].into();
    }
    let patterns = json!({"names": ["* is down", "*no answer to ping*"], "tags": ["impact=outage"]});
    let availability: Availability = serde_json::from_value(patterns).expect("our own table");
    let (_, watched, open) = &*INCIDENTS;
    bencher
        .with_inputs(|| shown.clone())
        .bench_refs(|events| mark(events, &availability, watched, open).len());
}

#[divan::bench(args = SIZES)]
fn find_no_news(bencher: Bencher, problems: usize) {
    let (events, places) = (events(&answer(problems)), Places::new(&inventory()));
    let (threads, silent) = (threads(&events), BTreeSet::new());
    let snapshot = snapshot(&events, &places, &threads, &silent);
    bencher.bench(|| black_box(&snapshot).news());
}

#[divan::bench(args = SIZES)]
fn serialise(bencher: Bencher, problems: usize) {
    let (events, places) = (events(&answer(problems)), Places::new(&inventory()));
    let (threads, silent) = (threads(&events), BTreeSet::new());
    let snapshot = snapshot(&events, &places, &threads, &silent);
    bencher.bench(|| black_box(&snapshot).to_json());
}

#[divan::bench(args = SIZES)]
fn compress(bencher: Bencher, problems: usize) {
    let (events, places) = (events(&answer(problems)), Places::new(&inventory()));
    let (threads, silent) = (threads(&events), BTreeSet::new());
    let json = snapshot(&events, &places, &threads, &silent).to_json().expect("memory");
    bencher.bench(|| Packed::new(black_box(&json)));
}

/// From the source's answer to the bytes in Redis.
#[divan::bench(args = SIZES)]
fn whole_refresh_with_news(bencher: Bencher, problems: usize) {
    let (answer, places) = (answer(problems), Places::new(&inventory()));
    let (threads, silent) = (threads(&events(&answer)), BTreeSet::new());
    bencher.bench(|| {
        let events = events(black_box(&answer));
        let snapshot = snapshot(&events, &places, &threads, &silent);
        let json = snapshot.to_json().expect("memory");
        (snapshot.news(), Packed::new(&json))
    });
}

/// A source answers as it did before: the answer is known again, and that is all.
#[divan::bench(args = SIZES)]
fn whole_refresh_without_news(bencher: Bencher, problems: usize) {
    let answer = answer(problems);
    bencher.bench(|| digest(black_box(&answer)));
}

#[divan::bench]
fn index_50000_devices(bencher: Bencher) {
    let inventory = inventory();
    bencher.bench(|| Places::new(black_box(&inventory)));
}
