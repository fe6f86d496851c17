//! Who is a node: decided by the organisations, judged by everybody, never twice.

#![allow(clippy::unwrap_used, reason = "test code")]

mod kit;

use kit::*;
use proptest::prelude::*;
use std::sync::Arc;
use tamga_ledger::batch::{Batch, BatchError, SignedBatch};
use tamga_ledger::entry::Entry;
use tamga_ledger::ids::{Digest, PublicKey};
use tamga_ledger::kinds::*;
use tamga_ledger::note::{Checkpoint, CosignerKey, KeyName, LogKey, UnverifiedCheckpoint};
use tamga_ledger::promise::{Promise, PromiseError};
use tamga_ledger::receipt::Receipt;
use tamga_ledger::record::Scope;
use tamga_ledger::store::{LogPosition, NewEntry, Options, Store};
use tamga_ledger::submission::Submission;
use tamga_ledger::tree::{LeafIndex, TwinInclusionProof};
use tamga_ledger::trust::Trust;
use tamga_ledger::verdict::{Refusal, Verdict};
use tamga_platform::disk::MemDisk;

fn refused(refusal: Refusal) -> Verdict {
    Verdict::Refused(refusal)
}

fn clean() -> Verdict {
    Verdict::Accepted(vec![])
}

const ALL: [u32; 3] = [1, 2, 3];

#[test]
fn a_node_joins_is_promoted_is_removed_and_stays_known() {
    let mut world = World::new();
    assert_eq!(world.state.nodes().voters().map(|(id, _)| id).collect::<Vec<_>>(), [1, 2, 3]);
    let before = Arc::clone(world.state.nodes());

    assert_eq!(world.govern(&ALL, &node_add(2, NodeRole::Learner, node_keys(4))), clean());
    let added = world.state.nodes().member(4).unwrap().clone();
    assert_eq!((added.organisation.as_str(), added.role, added.since_leaf), ("org2", NodeRole::Learner, 1));
    assert_eq!(world.state.nodes().by_spki(&Digest([104; 32])), Some(4));
    assert!(before.get(4).is_none(), "whoever holds the earlier registry keeps it");

    let promote = Governance::NodeSetRole { node: 4, role: NodeRole::Voter as u8 };
    assert_eq!(world.govern(&ALL, &promote), clean());
    assert_eq!(world.govern(&ALL, &promote), refused(Refusal::NodeRoleUnchanged));
    assert_eq!(world.state.nodes().voters().count(), 4);

    let remove = Governance::NodeRemove { node: 4, reason: RemovalReason::Replaced as u8 };
    let at = world.state.head().size.get();
    assert_eq!(world.govern(&ALL, &remove), clean());
    assert_eq!(world.govern(&ALL, &remove), refused(Refusal::NodeUnknown));
    assert_eq!(world.govern(&ALL, &promote), refused(Refusal::NodeUnknown));
    assert_eq!(world.state.nodes().member(4), None);
    assert_eq!(world.state.nodes().by_spki(&Digest([104; 32])), None);
    assert_eq!(world.state.nodes().get(4).unwrap().removed, Some(at));
}

#[test]
fn a_registry_changes_hands_only_when_it_changes() {
    let mut world = World::new();
    let before = Arc::clone(world.state.nodes());
    world.define();
    assert_eq!(world.govern(&[1, 2], &node_add(1, NodeRole::Voter, node_keys(4))), refused(Refusal::GovernanceQuorum));
    assert!(Arc::ptr_eq(&before, world.state.nodes()));
    assert_eq!(world.govern(&ALL, &node_add(1, NodeRole::Voter, node_keys(4))), clean());
    assert!(!Arc::ptr_eq(&before, world.state.nodes()));
}

#[test]
fn the_quorum_is_the_trust_policys_and_counts_organisations() {
    for (organisations, k) in [(3_u32, 3), (4, 3), (5, 4), (7, 5)] {
        let mut world = World::of(organisations);
        for signing in 1..=organisations {
            let signers: Vec<u32> = (1..=signing).collect();
            let verdict = world.govern(&signers, &node_add(1, NodeRole::Learner, node_keys(20 + signing)));
            let due = if signing < k { refused(Refusal::GovernanceQuorum) } else { clean() };
            assert_eq!(verdict, due, "{signing} of {organisations}");
        }
    }
}

#[test]
fn nobody_else_signs() {
    let mut world = World::new();
    world.define();
    world.register_keys();
    let body = node_add(1, NodeRole::Learner, node_keys(4));
    let keys = [record_key(1), record_key(2), record_key(3), registry_key()];
    let verdict = world.record(Scope::Election, &keys.iter().collect::<Vec<_>>(), &body);
    assert_eq!(verdict, refused(Refusal::KeyNotAuthorised));
    let members = [member_key(1, 1), member_key(1, 2)];
    let verdict = world.record(Scope::Election, &[&members[0], &members[1]], &body);
    assert_eq!(verdict, refused(Refusal::KeyNotAuthorised));
    // An organisation that is not the commission has got no other right by this.
    let part = world.record(Scope::Election, &[&record_key(2)], &parts()[0]);
    assert_eq!(part, refused(Refusal::KeyNotAuthorised));
    let verdict = world.record(Scope::Station(1), &[&keys[0], &keys[1], &keys[2]], &body);
    assert_eq!(verdict, refused(Refusal::ScopeInvalid));
}

#[test]
fn nobody_puts_a_node_in_anothers_name() {
    let mut world = World::of(5);
    let body = node_add(5, NodeRole::Learner, node_keys(9));
    assert_eq!(world.govern(&[1, 2, 3, 4], &body), refused(Refusal::OrganisationConsent));
    assert_eq!(world.govern(&[1, 2, 3, 5], &body), clean());
    let stranger = node_add(6, NodeRole::Learner, node_keys(10));
    assert_eq!(world.govern(&[1, 2, 3, 4, 5], &stranger), refused(Refusal::OrganisationUnknown));
    // Its node can be removed without it: it may be the one that misbehaves.
    let remove = Governance::NodeRemove { node: 9, reason: RemovalReason::Misbehaved as u8 };
    assert_eq!(world.govern(&[1, 2, 3, 4], &remove), clean());
}

#[test]
fn ids_and_keys_are_used_once_for_ever() {
    let mut world = World::new();
    world.define();
    world.register_keys();
    let mut add = |keys: NodeKeys| world.govern(&ALL, &node_add(2, NodeRole::Learner, keys));
    assert_eq!(add(NodeKeys { id: 0, ..node_keys(4) }), refused(Refusal::ContentInvalid));
    assert_eq!(add(NodeKeys { id: 2, ..node_keys(4) }), refused(Refusal::NodeIdUsed));
    let used: [PublicKey; 7] = [
        public(&record_key(1)),
        public(&device_key(1)),
        public(&cosigner_key(1)),
        public(&log_key(1)),
        public(&promise_key(1)),
        public(&batch_key(1)),
        public(&standby_key(1)),
    ];
    for key in used {
        assert_eq!(add(NodeKeys { log_key: key, ..node_keys(4) }), refused(Refusal::NodeKeyUsed));
        assert_eq!(add(NodeKeys { cosigner_key: key, ..node_keys(4) }), refused(Refusal::NodeKeyUsed));
    }
    let twice = NodeKeys { promise_key: node_keys(4).batch_key, ..node_keys(4) };
    assert_eq!(add(twice), refused(Refusal::NodeKeyUsed));
    let spki = NodeKeys { tls_spki_sha256: Digest([1; 32]), ..node_keys(4) };
    assert_eq!(add(spki), refused(Refusal::NodeKeyUsed));
    let weak = NodeKeys { log_key: PublicKey([0; 32]), ..node_keys(4) };
    assert_eq!(add(weak), refused(Refusal::KeyUnacceptable));
    let nameless = NodeKeys { cosigner_name: "no name+".to_owned(), ..node_keys(4) };
    assert_eq!(add(nameless), refused(Refusal::ContentInvalid));

    // Removed is not forgotten.
    assert_eq!(add(node_keys(4)), clean());
    let remove = Governance::NodeRemove { node: 4, reason: RemovalReason::Lost as u8 };
    assert_eq!(world.govern(&ALL, &remove), clean());
    let mut add = |keys: NodeKeys| world.govern(&ALL, &node_add(2, NodeRole::Learner, keys));
    assert_eq!(add(node_keys(4)), refused(Refusal::NodeIdUsed));
    assert_eq!(add(NodeKeys { id: 5, ..node_keys(4) }), refused(Refusal::NodeKeyUsed));
    assert_eq!(
        add(NodeKeys { tls_spki_sha256: node_keys(4).tls_spki_sha256, ..node_keys(5) }),
        refused(Refusal::NodeKeyUsed)
    );
}

#[test]
fn a_nodes_key_is_registered_for_nothing_else() {
    let mut world = World::new();
    world.define();
    assert_eq!(world.govern(&ALL, &node_add(2, NodeRole::Learner, node_keys(4))), clean());
    let batch = key(100_000 + 4 * 10 + 4);
    assert_eq!(public(&batch), node_keys(4).batch_key);
    let grant = world.grant(&batch, HolderClass::Device, Scope::Unit(unit(1)), &[Kind::Identification]);
    let verdict = world.record(Scope::Election, &[&record_key(1)], &KeyRegistration { grants: vec![grant] });
    assert_eq!(verdict, refused(Refusal::KeyAlreadyRegistered));
}

#[test]
fn a_lost_nodes_successor_cosigns_with_the_standby_key() {
    let mut world = World::new();
    let standby = |name: &str, organisation: u32, id: u32| NodeKeys {
        cosigner_name: name.to_owned(),
        cosigner_key: public(&standby_key(organisation)),
        ..node_keys(id)
    };
    let add = |keys| node_add(2, NodeRole::Voter, keys);
    assert_eq!(
        world.govern(&ALL, &add(standby("other.example/name", 2, 4))),
        refused(Refusal::ContentInvalid),
        "the policy counts it under one name"
    );
    let others = standby("org1.example/standby", 1, 4);
    assert_eq!(world.govern(&ALL, &add(others)), refused(Refusal::NodeKeyUsed), "another organisation's");
    let own = standby("org2.example/standby", 2, 4);
    let as_log = NodeKeys { log_key: own.cosigner_key, ..own.clone() };
    assert_eq!(world.govern(&ALL, &add(as_log)), refused(Refusal::NodeKeyUsed));
    assert_eq!(world.govern(&ALL, &add(own)), clean());
    assert_eq!(
        world.govern(&ALL, &add(standby("org2.example/standby", 2, 5))),
        refused(Refusal::NodeKeyUsed),
        "two nodes with one cosigning memory each would be two histories"
    );
}

#[test]
fn somebody_still_votes() {
    let mut world = World::new();
    let remove = |node| Governance::NodeRemove { node, reason: RemovalReason::Withdrawn as u8 };
    let demote = |node| Governance::NodeSetRole { node, role: NodeRole::Learner as u8 };
    assert_eq!(world.govern(&ALL, &remove(1)), clean());
    assert_eq!(world.govern(&ALL, &demote(2)), clean());
    assert_eq!(world.govern(&ALL, &demote(3)), refused(Refusal::LastVoter));
    assert_eq!(world.govern(&ALL, &remove(3)), refused(Refusal::LastVoter));
    assert_eq!(world.govern(&ALL, &remove(2)), clean(), "a learner may always go");
}

#[test]
fn numbers_that_mean_nothing_are_refused() {
    let mut world = World::new();
    let cases = [
        Governance::NodeSetRole { node: 1, role: 3 },
        Governance::NodeRemove { node: 1, reason: 0 },
        Governance::NodeAdd { organisation: "org1".to_owned(), role: 0, keys: node_keys(4) },
    ];
    for change in cases {
        assert_eq!(world.govern(&ALL, &change), refused(Refusal::ContentInvalid), "{change:?}");
    }
    let unknown = Governance::NodeSetRole { node: 77, role: 1 };
    assert_eq!(world.govern(&ALL, &unknown), refused(Refusal::NodeUnknown));
    // An action of a later version is no record of this one.
    let mut bytes = Governance::NodeSetRole { node: 1, role: 1 }.to_bytes();
    assert_eq!(bytes, [0x82, 2, 0x82, 1, 1]);
    bytes[1] = 16;
    assert!(Governance::from_bytes(&bytes).is_err());
}

#[test]
fn a_decision_is_made_once() {
    let mut world = World::new();
    let change = Governance::NodeSetRole { node: 3, role: NodeRole::Learner as u8 };
    let keys: Vec<_> = ALL.iter().map(|number| record_key(*number)).collect();
    let keys: Vec<_> = keys.iter().collect();
    let first = world.draft(Scope::Election, &keys, &change);
    let again = tamga_ledger::record::Record { nonce: tamga_ledger::ids::Nonce([3; 16]), ..first.clone() };
    assert_eq!(world.submit(&Submission::public(first.sign(&keys).unwrap())), clean());
    assert!(matches!(world.try_submit(&Submission::public(first.sign(&keys).unwrap())), Outcome::Duplicate));
    assert_eq!(world.submit(&Submission::public(again.sign(&keys).unwrap())), refused(Refusal::SequenceUsed));
}

#[test]
fn there_is_an_end_of_nodes() {
    let mut world = World::new();
    let mut id = 3_u32;
    loop {
        id += 1;
        let keys = NodeKeys { tls_spki_sha256: Digest(*blake3::hash(&id.to_be_bytes()).as_bytes()), ..node_keys(id) };
        match world.govern(&ALL, &node_add(1, NodeRole::Learner, keys)) {
            Verdict::Accepted(_) => {}
            verdict => {
                assert_eq!(
                    (verdict, id as usize),
                    (refused(Refusal::TooManyNodes), tamga_ledger::nodes::NODES_MAX + 1)
                );
                break;
            }
        }
    }
    // A verifier takes them all.
    let trust = Trust::from_submission(sign_genesis(&election()), None).unwrap();
    assert_eq!(trust.with_nodes(world.state.nodes()).unwrap().nodes().len(), tamga_ledger::nodes::NODES_MAX);
}

fn batch_of(world: &World, proposer: u32, key: &ed25519_dalek::SigningKey) -> Vec<u8> {
    let election = world.state.election_id();
    let batch =
        Batch { version: 1, election, epoch: 0, term: 1, number: 1, time_ms: NOON_MS, proposer, cut: 0, items: vec![] };
    batch.sign(key).bytes().to_vec()
}

#[test]
fn batches_of_an_added_node_count_and_those_of_a_removed_one_do_not() {
    let mut world = World::new();
    let bytes = batch_of(&world, 4, &key(100_000 + 4 * 10 + 4));
    let verify = |world: &World, bytes: &[u8]| {
        let nodes = world.state.nodes();
        let signed = SignedBatch::verify(bytes, &world.state.election_id(), |id| nodes.batch_key(id))?;
        signed.check_member(nodes)
    };
    let unknown = verify(&world, &bytes).unwrap_err();
    assert_eq!(unknown, BatchError::UnknownProposer(4));
    assert!(unknown.wants_node());
    world.govern(&ALL, &node_add(1, NodeRole::Learner, node_keys(4)));
    assert_eq!(verify(&world, &bytes), Ok(()));
    let forged = batch_of(&world, 4, &batch_key(1));
    assert_eq!(verify(&world, &forged), Err(BatchError::Signature(4)));
    let leaf = world.state.head().size.get();
    world.govern(&ALL, &Governance::NodeRemove { node: 4, reason: 1 });
    assert_eq!(verify(&world, &bytes), Err(BatchError::RemovedProposer { node: 4, leaf }));
    assert_eq!(verify(&world, &batch_of(&world, 1, &batch_key(1))), Ok(()));
}

/// A receipt of the last leaf, published by all organisations and by one log key.
fn receipt_of_last(world: &World, trust: &Trust, log: &ed25519_dalek::SigningKey) -> Receipt {
    let (store, _) = Store::open(Arc::new(MemDisk::default()), "/ledger".as_ref(), Options::default()).unwrap();
    let entries: Vec<NewEntry<'_>> = world.leaves.iter().map(|leaf| NewEntry::public(&leaf.entry)).collect();
    let head = store.append(LogPosition::default(), &entries).unwrap();
    assert_eq!(head, world.state.head());
    let leaf = LeafIndex::new(head.size.get() - 1).unwrap();
    let mut note = UnverifiedCheckpoint::unsigned(Checkpoint {
        origin: trust.origin().clone(),
        size: head.size,
        roots: head.roots,
    })
    .unwrap();
    for number in ALL {
        let name = KeyName::new(&format!("node{number}.example/cosigner")).unwrap();
        let line = CosignerKey::new(name, cosigner_key(number)).unwrap().cosign(note.note(), 1_764_489_600).unwrap();
        note.add(line).unwrap();
    }
    let line = LogKey::new(trust.origin().clone(), log.clone()).unwrap().sign(note.note());
    note.add(line).unwrap();
    let proof = TwinInclusionProof {
        sha256: store.inclusion_proof(leaf, head.size).unwrap(),
        blake3: store.inclusion_proof(leaf, head.size).unwrap(),
    };
    Receipt { leaf, entry: store.entry(leaf).unwrap(), proof, checkpoint: note.note().to_string() }
}

#[test]
fn a_verifier_learns_of_a_node_from_a_receipt() {
    let mut world = World::new();
    let trust = Trust::from_submission(sign_genesis(&election()), None).unwrap();
    let promise = Promise {
        election: world.state.election_id(),
        record: tamga_ledger::ids::RecordId([5; 32]),
        node: 4,
        deadline_ms: NOON_MS,
        judged: None,
    };
    let bytes = promise.sign(&key(100_000 + 4 * 10 + 3));
    let mut nodes = trust.registry().clone();
    assert_eq!(Promise::verify(&bytes, |id| nodes.promise_keys(id)), Err(PromiseError::UnknownNode(4)));

    // Refused decisions teach nothing.
    world.govern(&[1, 2], &node_add(1, NodeRole::Learner, node_keys(4)));
    let receipt = receipt_of_last(&world, &trust, &log_key(1)).verify(&trust).unwrap();
    assert!(!nodes.learn(&receipt, &trust));
    world.govern(&ALL, &node_add(1, NodeRole::Learner, node_keys(4)));
    let receipt = receipt_of_last(&world, &trust, &log_key(1)).verify(&trust).unwrap();
    assert!(nodes.learn(&receipt, &trust));
    assert!(!nodes.learn(&receipt, &trust), "nothing new");
    assert_eq!(&nodes, world.state.nodes().as_ref());
    assert_eq!(Promise::verify(&bytes, |id| nodes.promise_keys(id)), Ok(promise.clone()));

    // What the added node publishes verifies with the registry, and only with it.
    let later = trust.with_nodes(&nodes).unwrap();
    assert_eq!(later.node(4).unwrap().organisation, "org1");
    let own_log = key(100_000 + 4 * 10 + 2);
    assert!(receipt_of_last(&world, &trust, &own_log).verify(&trust).is_err());
    assert!(receipt_of_last(&world, &trust, &own_log).verify(&later).is_ok());

    // A promise outlives its node; the node is no member any more.
    world.govern(&ALL, &Governance::NodeRemove { node: 4, reason: RemovalReason::Lost as u8 });
    let receipt = receipt_of_last(&world, &trust, &log_key(1)).verify(&trust).unwrap();
    assert!(nodes.learn(&receipt, &trust));
    assert_eq!(Promise::verify(&bytes, |id| nodes.promise_keys(id)), Ok(promise));
    assert!(later.with_nodes(&nodes).unwrap().node(4).is_none());
    assert!(receipt_of_last(&world, &trust, &own_log).verify(&later.with_nodes(&nodes).unwrap()).is_ok());
}

#[test]
fn a_replay_gives_the_same_registry() {
    let mut world = World::new();
    world.govern(&ALL, &node_add(2, NodeRole::Learner, node_keys(4)));
    world.govern(&[1], &Governance::NodeRemove { node: 4, reason: RemovalReason::Lost as u8 });
    world.govern(&ALL, &Governance::NodeSetRole { node: 4, role: NodeRole::Voter as u8 });
    world.govern(&ALL, &Governance::NodeRemove { node: 1, reason: RemovalReason::Lost as u8 });
    let trust = Trust::from_submission(sign_genesis(&election()), None).unwrap();
    let mut auditor = tamga_ledger::audit::Auditor::new(trust);
    let entries: Vec<Vec<u8>> = world.leaves.iter().map(|leaf| leaf.entry.clone()).collect();
    auditor.add(&entries, &[]);
    assert!(auditor.findings().is_empty(), "{:?}", auditor.findings());
    assert_eq!(auditor.state().nodes(), world.state.nodes());
    assert_eq!(auditor.state().head(), world.state.head());
    // An auditor finds an acceptance that the organisations did not sign for.
    let mut forged = Entry::from_bytes(&entries[2]).unwrap();
    assert_eq!(forged.verdict, refused(Refusal::GovernanceQuorum));
    forged.verdict = clean();
    let mut auditor = tamga_ledger::audit::Auditor::new(auditor.trust().clone());
    auditor.add(&[entries[0].clone(), entries[1].clone(), forged.to_bytes()], &[]);
    assert_eq!(auditor.findings().len(), 1, "{:?}", auditor.findings());
}

proptest! {
    #[test]
    fn bodies_of_any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(change) = Governance::from_bytes(&bytes) {
            prop_assert_eq!(change.to_bytes(), bytes);
        }
    }

    /// Any series of decisions, by anybody: ids and keys have one holder, and somebody votes.
    #[test]
    fn the_registry_keeps_its_promises(
        steps in proptest::collection::vec((0_u8..4, 1_u32..9, 1_u32..4, 1_u8..4), 1..40),
    ) {
        let mut world = World::new();
        let mut seen = std::collections::BTreeMap::new();
        for (what, node, organisation, role) in steps {
            let change = match what {
                0 => node_add(organisation, NodeRole::Voter, node_keys(node)),
                1 => node_add(organisation, NodeRole::Learner, NodeKeys { id: node + 1, ..node_keys(node) }),
                2 => Governance::NodeSetRole { node, role },
                _ => Governance::NodeRemove { node, reason: role },
            };
            world.govern(&ALL, &change);
            let nodes = world.state.nodes();
            prop_assert!(nodes.voters().count() > 0);
            for (id, entry) in nodes.iter() {
                prop_assert_eq!(id, entry.keys.id);
                for key in [entry.keys.cosigner_key, entry.keys.log_key, entry.keys.promise_key, entry.keys.batch_key] {
                    prop_assert_eq!(*seen.entry(key).or_insert(id), id);
                }
            }
        }
    }
}

fn begin_anew(world: &World, voters: &[u32], learners: &[u32]) -> Governance {
    let head = world.state.head();
    Governance::ClusterEpoch {
        number: world.state.nodes().cluster_epoch() + 1,
        size: head.size.get(),
        sha256: Digest(*head.roots.sha256.as_bytes()),
        blake3: Digest(*head.roots.blake3.as_bytes()),
        voters: voters.to_vec(),
        learners: learners.to_vec(),
    }
}

#[test]
fn a_cluster_begins_anew_at_the_very_leaf_that_says_so_and_with_nobody_else() {
    let mut world = World::new();
    assert_eq!(world.govern(&ALL, &node_add(2, NodeRole::Learner, node_keys(4))), clean());
    let first = world.state.nodes().cluster_epoch();
    let at = world.state.head().size.get();
    assert_eq!(world.govern(&ALL, &begin_anew(&world, &[1, 4], &[2])), clean());
    let nodes = Arc::clone(world.state.nodes());
    assert_eq!((nodes.cluster_epoch(), nodes.cluster_epochs()[0].leaf), (first + 1, at));
    assert_eq!(nodes.voters().map(|(id, _)| id).collect::<Vec<_>>(), [1, 4]);
    assert_eq!(nodes.members().map(|(id, _)| id).collect::<Vec<_>>(), [1, 2, 4]);
    assert_eq!(nodes.get(3).unwrap().removed, Some(at));
    assert_eq!((nodes.last_leaf(), nodes.leaves().contains(&at)), (at, true));
    // Who has left comes back neither by a role nor by another beginning.
    let back = Governance::NodeSetRole { node: 3, role: NodeRole::Voter as u8 };
    assert_eq!(world.govern(&ALL, &back), refused(Refusal::NodeUnknown));
    assert_eq!(world.govern(&ALL, &begin_anew(&world, &[1, 3], &[])), refused(Refusal::NodeUnknown));
    assert_eq!(world.govern(&ALL, &begin_anew(&world, &[1], &[])), clean());
    assert_eq!(world.state.nodes().cluster_epoch(), first + 2);
}

#[test]
fn a_new_beginning_neither_rolls_back_nor_skips_nor_names_anybody_twice() {
    let mut world = World::new();
    world.define();
    let good = begin_anew(&world, &[1, 2], &[3]);
    assert_eq!(world.govern(&[1, 2], &good), refused(Refusal::GovernanceQuorum));
    // One leaf later it stands at another place.
    assert_eq!(world.govern(&ALL, &good), refused(Refusal::ClusterEpochPlace));
    let mut other_roots = begin_anew(&world, &[1, 2], &[3]);
    if let Governance::ClusterEpoch { blake3, .. } = &mut other_roots {
        blake3.0[0] ^= 1;
    }
    assert_eq!(world.govern(&ALL, &other_roots), refused(Refusal::ClusterEpochPlace));
    let mut later = begin_anew(&world, &[1, 2], &[3]);
    if let Governance::ClusterEpoch { number, .. } = &mut later {
        *number += 1;
    }
    assert_eq!(world.govern(&ALL, &later), refused(Refusal::ClusterEpochOrder));
    for (voters, learners, refusal) in [
        (&[2, 1][..], &[][..], Refusal::ContentInvalid),
        (&[1, 1], &[], Refusal::ContentInvalid),
        (&[1, 2], &[2], Refusal::ContentInvalid),
        (&[], &[1, 2], Refusal::LastVoter),
        (&[1, 9], &[], Refusal::NodeUnknown),
    ] {
        assert_eq!(world.govern(&ALL, &begin_anew(&world, voters, learners)), refused(refusal), "{voters:?}");
    }
}

#[test]
fn a_log_key_is_known_from_the_leaf_that_registered_it() {
    let mut world = World::new();
    let genesis = world.state.nodes().get(1).unwrap().keys.clone();
    let at = world.state.head().size.get();
    assert_eq!(world.govern(&ALL, &node_add(2, NodeRole::Learner, node_keys(4))), clean());
    let mut rotated = genesis.clone();
    rotated.log_key = node_keys(5).log_key;
    let reason = RotationReason::Routine as u8;
    assert_eq!(world.govern(&ALL, &Governance::NodeRotateKeys { keys: rotated.clone(), reason }), clean());
    let nodes = world.state.nodes();
    let since = |key: &PublicKey| nodes.log_key_since(key);
    assert_eq!(since(&genesis.log_key), Some(0));
    assert_eq!(since(&node_keys(4).log_key), Some(at));
    assert_eq!(since(&rotated.log_key), Some(at + 1));
    assert_eq!(since(&node_keys(6).log_key), None);
}
