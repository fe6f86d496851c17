//! Nodes say in the ledger what they refused: each about itself, with the promise key in force.

#![allow(clippy::unwrap_used, reason = "test code")]

mod kit;

use kit::*;
use tamga_ledger::ids::Maybe;
use tamga_ledger::kinds::*;
use tamga_ledger::record::{RECORD_BYTES_MAX, Scope};
use tamga_ledger::verdict::{Refusal, Verdict};

fn row(author: Option<u32>, code: &str, count: u64) -> RefusalCount {
    RefusalCount { author: Maybe(author.map(|number| id(&key(number)))), code: code.to_owned(), count }
}

fn summary(node: u32, rows: Vec<RefusalCount>) -> RefusalSummary {
    RefusalSummary { node, from_ms: 1_000, until_ms: 2_000, rows }
}

fn one(node: u32) -> RefusalSummary {
    summary(node, vec![row(None, "too-long", 3)])
}

fn refused(refusal: Refusal) -> Verdict {
    Verdict::Refused(refusal)
}

fn clean() -> Verdict {
    Verdict::Accepted(vec![])
}

#[test]
fn a_node_speaks_about_itself_only_and_from_the_beginning() {
    // Before the election is defined too: refusals begin with the first submission.
    let mut world = World::new();
    assert_eq!(world.record(Scope::Election, &[&promise_key(1)], &one(1)), clean());
    assert_eq!(world.record(Scope::Election, &[&promise_key(1)], &one(2)), refused(Refusal::KeyNotAuthorised));
    assert_eq!(world.record(Scope::Election, &[&promise_key(2)], &one(9)), refused(Refusal::NodeUnknown));
    let both = [&promise_key(1), &promise_key(2)];
    assert_eq!(world.record(Scope::Election, &both, &one(1)), refused(Refusal::KeyNotAuthorised));
    assert_eq!(world.record(Scope::Election, &[&record_key(1)], &one(1)), refused(Refusal::KeyNotAuthorised));
    assert_eq!(world.record(Scope::Station(1), &[&promise_key(1)], &one(1)), refused(Refusal::ScopeInvalid));
    // A node signs nothing else.
    let remove = Governance::NodeRemove { node: 2, reason: RemovalReason::Lost as u8 };
    assert_eq!(world.record(Scope::Election, &[&promise_key(1)], &remove), refused(Refusal::KeyNotAuthorised));
}

#[test]
fn the_key_in_force_counts() {
    let mut world = World::new();
    let mut keys = world.state.nodes().get(1).unwrap().keys.clone();
    keys.promise_key = public(&key(900));
    let rotate = Governance::NodeRotateKeys { keys, reason: RotationReason::Routine as u8 };
    assert_eq!(world.govern(&[1, 2, 3], &rotate), clean());
    assert_eq!(world.record(Scope::Election, &[&promise_key(1)], &one(1)), refused(Refusal::KeyRevoked));
    assert_eq!(world.record(Scope::Election, &[&key(900)], &one(1)), clean());
    let remove = Governance::NodeRemove { node: 1, reason: RemovalReason::Withdrawn as u8 };
    assert_eq!(world.govern(&[1, 2, 3], &remove), clean());
    assert_eq!(world.record(Scope::Election, &[&key(900)], &one(1)), refused(Refusal::KeyRevoked));
}

#[test]
fn rows_are_in_order_and_fit() {
    let mut world = World::new();
    let mut authors: Vec<u32> = vec![501, 502];
    authors.sort_by_key(|number| id(&key(*number)));
    let sorted = vec![
        row(None, "not-canonical", 1),
        row(None, "too-long", 1),
        row(Some(authors[0]), "bad-signature", 2),
        row(Some(authors[1]), "bad-signature", 2),
    ];
    assert_eq!(world.record(Scope::Election, &[&promise_key(1)], &summary(1, sorted.clone())), clean());
    let swap = |a: usize, b: usize| {
        let mut rows = sorted.clone();
        rows.swap(a, b);
        rows
    };
    let bad = [
        summary(1, vec![]),
        summary(1, swap(0, 1)),
        summary(1, swap(2, 3)),
        summary(1, vec![row(None, "too-long", 1), row(None, "too-long", 1)]),
        summary(1, vec![row(None, "too-long", 0)]),
        summary(1, vec![row(None, "Too long", 1)]),
        summary(1, vec![row(None, "", 1)]),
        summary(1, vec![row(None, &"x".repeat(33), 1)]),
        RefusalSummary { until_ms: 1_000, ..one(1) },
        summary(1, (0..801).map(|number| row(None, &format!("code-{number:04}"), 1)).collect()),
    ];
    for body in bad {
        let verdict = world.record(Scope::Election, &[&promise_key(1)], &body);
        assert_eq!(verdict, refused(Refusal::ContentInvalid), "{body:?}");
    }
    // The longest there is fits a record.
    let mut numbers: Vec<u32> = (0..REFUSAL_ROWS_MAX as u32).collect();
    numbers.sort_by_key(|number| id(&key(10_000 + number)));
    let most = (1 << 53) - 1;
    let longest = numbers.iter().map(|number| row(Some(10_000 + number), &"x".repeat(REFUSAL_CODE_BYTES_MAX), most));
    let longest = summary(1, longest.collect());
    assert!(world.draft(Scope::Election, &[&promise_key(1)], &longest).to_bytes().len() <= RECORD_BYTES_MAX);
    assert_eq!(world.record(Scope::Election, &[&promise_key(1)], &longest), clean());
}

#[test]
fn nobody_grants_or_takes_back_a_nodes_key_as_a_records_key() {
    let mut world = World::new();
    world.define();
    let grant = world.grant(&key(901), HolderClass::Node, Scope::Election, &[Kind::RefusalSummary]);
    let registration = KeyRegistration { grants: vec![grant] };
    let verdict = world.record(Scope::Election, &[&record_key(1)], &registration);
    assert_eq!(verdict, refused(Refusal::ContentInvalid));
    let revocation = KeyRevocation { keys: vec![id(&promise_key(1))], reason: RotationReason::Compromised as u8 };
    let verdict = world.record(Scope::Election, &[&record_key(1)], &revocation);
    assert_eq!(verdict, refused(Refusal::ContentInvalid));
}
