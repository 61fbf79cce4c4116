//! What comes from outside may be anything. The corpus of the fuzzer (`infra/fuzz`) and mutations of it, on the toolchain
//! that Heat is built with; to look for more, `infra/fuzz/run`.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test may panic, and so may what it is made of"
)]

#[path = "../../infra/fuzz/checks.rs"]
mod checks;

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use proptest::sample::Index;

/// Every input that is kept for a target.
fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../infra/fuzz/corpus").join(target);
    let inputs: Vec<_> =
        fs::read_dir(folder).unwrap().map(|file| fs::read(file.unwrap().path()).unwrap()).collect();
    assert!(inputs.len() >= 5, "the corpus is there");
    inputs
}

/// One thing that happens to bytes on their way.
#[derive(Clone, Debug)]
enum Mutation {
    Cut(Index),
    Replace(Index, u8),
    Remove(Index, usize),
    Repeat(Index, usize, usize),
    Join(Index, Index),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let telling = prop::sample::select(b"{}[]()\"'\\,:%-|\n\0 019eE.\xff\xd0".to_vec());
    prop_oneof![
        any::<Index>().prop_map(Mutation::Cut),
        (any::<Index>(), prop_oneof![telling, any::<u8>()]).prop_map(|(at, by)| Mutation::Replace(at, by)),
        (any::<Index>(), 1_usize..20).prop_map(|(at, count)| Mutation::Remove(at, count)),
        (any::<Index>(), 1_usize..20, 1_usize..400)
            .prop_map(|(at, length, times)| { Mutation::Repeat(at, length, times) }),
        any::<(Index, Index)>().prop_map(|(other, at)| Mutation::Join(other, at)),
    ]
}

fn mutated(inputs: &[Vec<u8>], which: Index, mutations: &[Mutation]) -> Vec<u8> {
    let mut bytes = inputs[which.index(inputs.len())].clone();
    for mutation in mutations {
        if bytes.is_empty() {
            break;
        }
        let length = bytes.len();
        match mutation {
            Mutation::Cut(at) => bytes.truncate(at.index(length)),
            Mutation::Replace(at, by) => bytes[at.index(length)] = *by,
            Mutation::Remove(at, count) => {
                let at = at.index(length);
                bytes.drain(at..(at + count).min(length));
            }
            Mutation::Repeat(at, part, times) => {
                let at = at.index(length);
                let part = bytes[at..(at + part).min(length)].repeat(*times);
                bytes.splice(at..at, part);
            }
            Mutation::Join(other, at) => {
                let other = &inputs[other.index(inputs.len())];
                bytes.truncate(at.index(length));
                bytes.extend_from_slice(&other[at.index(other.len().max(1)).min(other.len())..]);
            }
        }
    }
    bytes
}

fn holds_for_the_corpus_and_mutations_of_it(target: &str, check: fn(&[u8])) {
    let inputs = corpus(target);
    for input in &inputs {
        check(input);
    }
    let config = ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() };
    let strategy = (any::<Index>(), prop::collection::vec(mutation(), 1..6));
    let mut runner = proptest::test_runner::TestRunner::new(config);
    let run = runner.run(&strategy, |(which, mutations)| {
        check(&mutated(&inputs, which, &mutations));
        Ok(())
    });
    run.unwrap();
}

#[test]
fn whatever_zabbix_sends_is_events_or_a_clear_error() {
    holds_for_the_corpus_and_mutations_of_it("zabbix", checks::zabbix);
}

#[test]
fn whatever_somebody_writes_into_a_view_is_rackcode_or_an_error_at_its_place() {
    holds_for_the_corpus_and_mutations_of_it("rackcode", checks::rackcode);
}

#[test]
fn whatever_a_commit_brings_as_a_template_is_one_or_is_refused_for_a_reason() {
    holds_for_the_corpus_and_mutations_of_it("front_matter", checks::front_matter);
}
