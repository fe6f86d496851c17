//! The roster by hazard: decisions nobody signed, ids and keys that are taken, a ledger that is behind or decides otherwise.

use tamga_ledger::judge::Integrated;
use tamga_ledger::kinds::{NodeKeys, RemovalReason};
use tamga_ledger::record::Scope;
use tamga_ledger::sign;
use tamga_ledger::submission::authenticate_submission;

use super::*;
use crate::testing::{TestElection, record_key, secrets};

const NOW_MS: u64 = 1_760_000_000_000;
/// Three of four organisations are the quorum.
const NODES: u32 = 4;

fn election() -> (TestElection, Trust) {
    let election = TestElection::new(NODES, 1, 1, NOW_MS);
    let trust = Trust::from_submission(election.genesis().clone(), None).unwrap();
    (election, trust)
}

/// Keys of a node that comes later; `pin` stands for its certificate.
fn keys(id: u32, pin: u8) -> NodeKeys {
    let secrets = secrets(100 + id);
    NodeKeys {
        id,
        cosigner_name: format!("node{id}.example/later"),
        cosigner_key: sign::public_key(&secrets.cosigner),
        log_key: sign::public_key(&secrets.log),
        promise_key: sign::public_key(&secrets.promise),
        batch_key: sign::public_key(&secrets.batch),
        tls_spki_sha256: Digest([pin; 32]),
    }
}

fn add(id: u32, pin: u8) -> Governance {
    Governance::NodeAdd { organisation: "org2".to_owned(), role: NodeRole::Voter as u8, keys: keys(id, pin) }
}

fn remove(node: u32) -> Governance {
    Governance::NodeRemove { node, reason: RemovalReason::Lost as u8 }
}

fn signed(election: &TestElection, organisations: &[u32], change: &Governance) -> Vec<u8> {
    let keys: Vec<_> = organisations.iter().copied().map(record_key).collect();
    election.record(Scope::Election, &keys.iter().collect::<Vec<_>>(), change).to_vec()
}

/// The judging state after the genesis record and these decisions, all accepted.
fn ledger(election: &TestElection, changes: &[Governance]) -> State {
    let mut state = State::empty();
    let records = changes.iter().map(|change| signed(election, &[2, 1, 3], change));
    for record in std::iter::once(election.genesis().to_bytes()).chain(records) {
        let submission = Submission::from_bytes(&record).unwrap();
        let genesis = state.head().size.is_empty();
        let id = if genesis { ElectionId::ZERO } else { state.election_id() };
        let keys = state.clone();
        let authentic = authenticate_submission(submission, &id, &keys, Confidential::Required).unwrap();
        state.advance_time(NOW_MS);
        let Integrated::Leaf(leaf) = state.integrate(NOW_MS, authentic) else { panic!("no leaf") };
        assert!(leaf.verdict.is_accepted(), "{}", leaf.verdict);
    }
    state
}

fn ids(roster: &Roster) -> Vec<u32> {
    roster.in_force().map(|(id, _)| id).collect()
}

#[test]
fn before_the_first_leaf_the_nodes_are_those_of_the_genesis_record_and_afterwards_the_ledgers() {
    let (election, trust) = election();
    assert_eq!(Roster::of(&State::empty(), &trust), Roster::of_genesis(&trust));
    let roster = Roster::of(&ledger(&election, &[]), &trust);
    assert_eq!((ids(&roster), &roster), (vec![1, 2, 3, 4], &Roster::of_genesis(&trust)));
    let roster = Roster::of(&ledger(&election, &[add(5, 50), remove(3)]), &trust);
    assert_eq!(ids(&roster), [1, 2, 4, 5]);
    assert_eq!(roster.get(5).unwrap().organisation, "org2");
    assert!(roster.is_removed(3) && roster.get(3).is_none() && !roster.is_removed(5) && !roster.is_removed(99));
    let pins: BTreeMap<Digest, NodeId> = roster.pins().collect();
    assert_eq!(pins.get(&Digest([50; 32])), Some(&NodeId(5)));
    assert_eq!(pins.get(&Digest([3; 32])), None, "whoever was removed is not let in");
}

#[test]
fn only_a_decision_that_a_quorum_of_organisations_has_signed_is_believed() {
    let (election, trust) = election();
    assert_eq!(Governed::verify(&signed(&election, &[2, 1, 3], &add(5, 50)), &trust), Some(Governed(add(5, 50))));
    assert_eq!(Governed::verify(&signed(&election, &[2, 1], &add(5, 50)), &trust), None, "two of four");
    // Three keys, one of them no organisation's.
    assert_eq!(Governed::verify(&signed(&election, &[2, 1, 9], &add(5, 50)), &trust), None);
    let other = TestElection::new(NODES, 1, 2, NOW_MS + 1);
    assert_ne!(other.id(), election.id());
    assert_eq!(Governed::verify(&signed(&other, &[2, 1, 3], &add(5, 50)), &trust), None, "of another election");
    assert_eq!(Governed::verify(&election.preparation()[0], &trust), None, "no decision");
    assert_eq!(Governed::verify(&election.genesis().to_bytes(), &trust), None, "no decision either");
    let good = signed(&election, &[2, 1, 3], &add(5, 50));
    for bit in 0..good.len() * 8 {
        let mut bad = good.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(Governed::verify(&bad, &trust), None, "bit {bit}");
    }
    assert!((0..good.len()).all(|cut| Governed::verify(&good[..cut], &trust).is_none()));
}

#[test]
fn what_peers_show_may_let_somebody_in_and_takes_nobodys_place() {
    let (_, trust) = election();
    let mut roster = Roster::of_genesis(&trust);
    roster.foresee(&Governed(add(5, 50)));
    assert_eq!((ids(&roster), roster.ledger().len()), (vec![1, 2, 3, 4, 5], 4));
    let before = roster.clone();
    // An id or a certificate that is taken, by the ledger's nodes or by those that were shown.
    for taken in [add(3, 60), add(6, 3), add(5, 61), add(6, 50)] {
        roster.foresee(&Governed(taken.clone()));
        assert_eq!(roster, before, "{taken:?}");
    }
    // The ledger's own nodes are removed by the ledger only.
    roster.foresee(&Governed(remove(3)));
    assert_eq!(roster, before);
    roster.foresee(&Governed(Governance::NodeSetRole { node: 5, role: NodeRole::Learner as u8 }));
    assert_eq!(roster, before);
    let mut impossible = add(7, 70);
    if let Governance::NodeAdd { role, .. } = &mut impossible {
        *role = 9;
    }
    roster.foresee(&Governed(impossible));
    assert_eq!(roster, before);

    roster.foresee(&Governed(remove(5)));
    assert!(roster.is_removed(5) && roster.get(5).is_none() && !roster.pins().any(|(_, id)| id == NodeId(5)));
    // In whatever order they come again.
    roster.foresee(&Governed(add(5, 50)));
    assert!(roster.is_removed(5));
}

#[test]
fn no_peer_can_fill_the_roster() {
    let (_, trust) = election();
    let mut roster = Roster::of_genesis(&trust);
    for id in 5..5 + 2 * SHOWN_MAX as u32 {
        roster.foresee(&Governed(add(id, id as u8)));
    }
    assert_eq!(ids(&roster).len(), NODES as usize + SHOWN_MAX);
}

#[test]
fn the_ledgers_word_replaces_what_was_shown() {
    let (election, trust) = election();
    let mut roster = Roster::of_genesis(&trust);
    for shown in [add(5, 50), add(6, 60), add(7, 70)] {
        roster.foresee(&Governed(shown));
    }
    // Node 5 came as shown; node 8 came with the certificate that was shown for node 6, which the judge can never take now.
    let state = ledger(&election, &[add(5, 50), add(8, 60)]);
    roster.settle(Arc::clone(state.nodes()));
    assert_eq!(ids(&roster), [1, 2, 3, 4, 5, 8, 7]);
    assert!(roster.get(5).unwrap().since_leaf > 0, "the ledger's entry, not the shown one");
    let pins: BTreeMap<Digest, NodeId> = roster.pins().collect();
    assert_eq!(pins.get(&Digest([60; 32])), Some(&NodeId(8)));
    let removed = ledger(&election, &[add(5, 50), add(8, 60), remove(5)]);
    roster.settle(Arc::clone(removed.nodes()));
    roster.foresee(&Governed(add(5, 50)));
    assert!(roster.is_removed(5) && roster.get(5).is_none(), "shown again, it stays removed");
}

#[test]
fn whoever_follows_hears_of_changes_only() {
    let (election, trust) = election();
    let now = RosterNow::new(Roster::of_genesis(&trust));
    let mut follower = now.subscribe();
    now.settle(Arc::new(Nodes::of_genesis(trust.election())));
    now.foresee(&[Governed(remove(3)), Governed(add(3, 60))]);
    assert!(!follower.has_changed().unwrap());
    now.foresee(&[Governed(add(5, 50))]);
    assert!(follower.has_changed().unwrap());
    assert_eq!(ids(&follower.borrow_and_update()), [1, 2, 3, 4, 5]);
    now.settle(Arc::clone(ledger(&election, &[add(5, 50)]).nodes()));
    assert!(follower.has_changed().unwrap(), "it is the ledger's word now");
    assert_eq!(now.now().ledger().len(), 5);
}
