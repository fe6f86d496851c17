//! Who must cosign, and which keys are in force: decided by the organisations, in force from a leaf on, walked from the genesis
//! digest by whoever has nothing else.

#![allow(clippy::unwrap_used, reason = "test code")]

mod kit;

use ed25519_dalek::SigningKey;
use kit::*;
use proptest::prelude::*;
use std::sync::Arc;
use tamga_ledger::audit::{Auditor, Check};
use tamga_ledger::entry::Entry;
use tamga_ledger::history::{History, HistoryError};
use tamga_ledger::ids::{KeyId, PublicKey};
use tamga_ledger::kinds::*;
use tamga_ledger::note::{Checkpoint, CosignerKey, KeyName, KeyRole, LogKey, UnverifiedCheckpoint, VerifierKey};
use tamga_ledger::policy::{IntersectionError, Name, Policy, Witness, tolerated_liars};
use tamga_ledger::promise::Promise;
use tamga_ledger::receipt::Receipt;
use tamga_ledger::record::Scope;
use tamga_ledger::saved::{Mark, load};
use tamga_ledger::sign::{self, Domain};
use tamga_ledger::store::{LogPosition, NewEntry, Options, Store};
use tamga_ledger::submission::Submission;
use tamga_ledger::tree::{LeafIndex, TreeSize, TwinInclusionProof};
use tamga_ledger::trust::Trust;
use tamga_ledger::verdict::{Refusal, Verdict};
use tamga_platform::disk::MemDisk;

fn refused(refusal: Refusal) -> Verdict {
    Verdict::Refused(refusal)
}

fn clean() -> Verdict {
    Verdict::Accepted(vec![])
}

/// A cosigner by its name and its key.
type Cosigner = (String, SigningKey);

fn cosigner(organisation: u32) -> Cosigner {
    (format!("node{organisation}.example/cosigner"), cosigner_key(organisation))
}

fn standby(organisation: u32) -> Cosigner {
    (format!("org{organisation}.example/standby"), standby_key(organisation))
}

/// A policy over organisations with these cosigners.
fn policy_of(k: usize, groups: &[(u32, Vec<Cosigner>)]) -> String {
    let (mut text, mut names) = (String::new(), String::new());
    for (organisation, cosigners) in groups {
        let mut members = String::new();
        for (name, key) in cosigners {
            let vkey = VerifierKey::new(KeyName::new(name).unwrap(), KeyRole::Cosigner, &public(key).0).unwrap();
            text += &format!("witness {name} {vkey}\n");
            members += &format!(" {name}");
        }
        text += &format!("group org{organisation} any{members}\n");
        names += &format!(" org{organisation}");
    }
    text + &format!("group organisations {k}{names}\nquorum organisations\n")
}

/// The genesis record's cosigners of these organisations.
fn usual(k: usize, organisations: &[u32]) -> String {
    let groups = organisations.iter().map(|one| (*one, vec![cosigner(*one), standby(*one)]));
    policy_of(k, &groups.collect::<Vec<_>>())
}

fn epoch(number: u32, policy: &str) -> Governance {
    Governance::PolicyEpoch { number, policy: policy.to_owned() }
}

/// Why a policy is not taken, in words.
fn objection(world: &mut World, organisations: &[u32], change: &Governance) -> String {
    let keys: Vec<SigningKey> = organisations.iter().copied().map(record_key).collect();
    let record = world.draft(Scope::Election, &keys.iter().collect::<Vec<_>>(), change);
    world.state.epoch_objection(change, &record).unwrap().to_string()
}

#[test]
fn a_policy_is_refused_unless_it_holds_together() {
    let mut world = World::of(5);
    let all = [1, 2, 3, 4, 5];
    let mut decide = |change: &Governance| world.govern(&all, change);
    assert_eq!(decide(&epoch(2, &usual(4, &all))), refused(Refusal::PolicyEpochOrder));
    assert_eq!(decide(&epoch(1, "quorum\n")), refused(Refusal::PolicyInvalid));
    assert_eq!(decide(&epoch(1, "quorum none\n")), refused(Refusal::PolicySplits));
    let log = VerifierKey::new(KeyName::new("log").unwrap(), KeyRole::Log, &public(&log_key(1)).0).unwrap();
    assert_eq!(decide(&epoch(1, &format!("log {log}\n{}", usual(4, &all)))), refused(Refusal::PolicyInvalid));
    let stranger = policy_of(4, &[1, 2, 3, 4, 6].map(|one| (one, vec![cosigner(one)])));
    assert_eq!(decide(&epoch(1, &stranger)), refused(Refusal::PolicyInvalid));
    // Organisation 5 under a key of organisation 4, under a key of nobody, under its own key by another name.
    let keys: [Cosigner; 3] =
        [standby(4), ("node5.example/cosigner".to_owned(), key(77)), ("another".to_owned(), cosigner_key(5))];
    for foreign in keys {
        let groups = [1, 2, 3, 4].map(|one| (one, vec![cosigner(one)]));
        let groups: Vec<_> = groups.into_iter().chain([(5, vec![foreign])]).collect();
        assert_eq!(decide(&epoch(1, &policy_of(4, &groups))), refused(Refusal::PolicyInvalid));
    }
    assert_eq!(decide(&epoch(1, &usual(3, &all))), refused(Refusal::PolicySplits));
    assert_eq!(
        decide(&epoch(1, &usual(2, &[1, 2]))),
        refused(Refusal::PolicySplits),
        "it meets the old one in one only"
    );
    assert!(world.state.nodes().epochs().is_empty());

    // In words, with the counter-example: whoever made it sees which two groups could part.
    let split = objection(&mut world, &all, &epoch(1, &usual(3, &all)));
    assert!(
        split.contains("{org1, org2, org3} and {org1, org4, org5} both satisfy") && split.contains("{org1}"),
        "{split}"
    );
    let parted = objection(&mut world, &all, &epoch(1, &usual(2, &[1, 2])));
    assert!(
        parted.contains("{org1, org2} satisfies the new policy, {") && parted.contains("the one before it"),
        "{parted}"
    );
    assert_eq!(world.govern(&all, &epoch(1, &usual(4, &all))), clean());
}

#[test]
fn an_epoch_is_signed_by_quorums_of_both_policies_and_counts_from_its_leaf_on() {
    let mut world = World::of(5);
    let without = usual(3, &[1, 2, 3, 4]);
    assert_eq!(world.govern(&[1, 2, 3], &epoch(1, &without)), refused(Refusal::GovernanceQuorum));
    assert_eq!(world.govern(&[1, 2, 3, 5], &epoch(1, &usual(5, &[1, 2, 3, 4, 5]))), refused(Refusal::GovernanceQuorum));
    let at = world.state.size().get();
    assert_eq!(world.govern(&[1, 2, 3, 4], &epoch(1, &without)), clean());
    assert_eq!(world.state.nodes().epochs()[0].leaf, at);
    // Three are enough from here on, and the organisation that was left out does not count.
    let remove = Governance::NodeRemove { node: 5, reason: RemovalReason::Lost as u8 };
    assert_eq!(world.govern(&[1, 2, 5], &remove), refused(Refusal::GovernanceQuorum));
    assert_eq!(world.govern(&[1, 2, 3], &remove), clean());
    // It comes back: through quorums of both again.
    assert_eq!(world.govern(&[1, 2, 3], &epoch(2, &usual(4, &[1, 2, 3, 4, 5]))), refused(Refusal::PolicyInvalid));
    let by_standby: Vec<_> = (1..=4).map(|one| (one, vec![cosigner(one)])).chain([(5, vec![standby(5)])]).collect();
    assert_eq!(world.govern(&[1, 2, 3, 4], &epoch(2, &policy_of(4, &by_standby))), clean());
}

fn rotated(node: u32, change: impl FnOnce(&mut NodeKeys)) -> Governance {
    let mut keys = election().organisations[node as usize - 1].nodes[0].clone();
    change(&mut keys);
    Governance::NodeRotateKeys { keys, reason: RotationReason::Routine as u8 }
}

#[test]
fn a_node_gets_other_keys_and_the_old_ones_stay_used() {
    let mut world = World::new();
    let all = [1, 2, 3];
    let promise = Promise {
        election: world.state.election_id(),
        record: tamga_ledger::ids::RecordId([5; 32]),
        node: 1,
        deadline_ms: NOON_MS,
        judged: None,
    };
    let (old, new) = (promise.sign(&promise_key(1)), promise.sign(&key(501)));
    let change = rotated(1, |keys| {
        keys.promise_key = public(&key(501));
        keys.tls_spki_sha256.0 = [201; 32];
    });
    let nodes = Arc::clone(world.state.nodes());
    assert!(Promise::verify(&new, |id| nodes.promise_keys(id)).is_err());
    assert_eq!(world.govern(&[1, 2], &change), refused(Refusal::GovernanceQuorum));
    assert_eq!(world.govern(&all, &change), clean());
    assert_eq!(world.govern(&all, &change), refused(Refusal::KeysUnchanged));
    let nodes = Arc::clone(world.state.nodes());
    for bytes in [&old, &new] {
        assert_eq!(Promise::verify(bytes, |id| nodes.promise_keys(id)), Ok(promise.clone()));
    }
    // Let in by either TLS key, since it was replaced in good order; by the new one alone after a compromise.
    assert_eq!(
        (nodes.by_spki(&tamga_ledger::ids::Digest([1; 32])), nodes.by_spki(&tamga_ledger::ids::Digest([201; 32]))),
        (Some(1), Some(1))
    );
    let Governance::NodeRotateKeys { keys, .. } = &change else { unreachable!() };
    let again = NodeKeys { tls_spki_sha256: tamga_ledger::ids::Digest([202; 32]), ..keys.clone() };
    let again = Governance::NodeRotateKeys { keys: again, reason: RotationReason::Compromised as u8 };
    assert_eq!(world.govern(&all, &again), clean());
    assert_eq!(world.state.nodes().by_spki(&tamga_ledger::ids::Digest([201; 32])), None);
    assert_eq!(world.state.nodes().by_spki(&tamga_ledger::ids::Digest([202; 32])), Some(1));

    // No key is ever used twice, for anybody or anything.
    let used: [PublicKey; 8] = [
        public(&promise_key(1)),
        public(&key(501)),
        public(&cosigner_key(2)),
        public(&log_key(1)),
        public(&batch_key(3)),
        public(&record_key(2)),
        public(&standby_key(2)),
        public(&promise_key(3)),
    ];
    for key in used {
        let change = rotated(2, |keys| keys.log_key = key);
        assert_eq!(world.govern(&all, &change), refused(Refusal::NodeKeyUsed), "{key}");
    }
    assert_eq!(
        world.govern(&all, &rotated(2, |keys| keys.batch_key = public(&key(502)))),
        refused(Refusal::KeysUnchanged)
    );
    assert_eq!(world.govern(&all, &rotated(2, |keys| keys.id = 9)), refused(Refusal::NodeUnknown));
    assert_eq!(
        world.govern(
            &all,
            &node_add(1, NodeRole::Learner, NodeKeys { log_key: public(&promise_key(1)), ..node_keys(4) })
        ),
        refused(Refusal::NodeKeyUsed)
    );
    // The standby key becomes the cosigner, under the name that the policy has for it, once.
    let by_standby = |name: &str| {
        let name = name.to_owned();
        rotated(2, |keys| (keys.cosigner_name, keys.cosigner_key) = (name, public(&standby_key(2))))
    };
    assert_eq!(world.govern(&all, &by_standby("node2.example/cosigner")), refused(Refusal::ContentInvalid));
    assert_eq!(world.govern(&all, &by_standby("org2.example/standby")), clean());
    let second = NodeKeys {
        cosigner_key: public(&standby_key(2)),
        cosigner_name: "org2.example/standby".to_owned(),
        ..node_keys(4)
    };
    assert_eq!(world.govern(&all, &node_add(2, NodeRole::Learner, second)), refused(Refusal::NodeKeyUsed));
}

#[test]
fn nobody_changes_a_nodes_keys_without_its_organisation() {
    let mut world = World::of(5);
    let change = rotated(1, |keys| keys.log_key = public(&key(501)));
    assert_eq!(world.govern(&[2, 3, 4, 5], &change), refused(Refusal::OrganisationConsent));
    assert_eq!(world.govern(&[1, 2, 3, 4], &change), clean());
}

fn organisation_keys(world: &World, organisation: u32, record: &SigningKey, standby: PublicKey) -> Governance {
    let key = public(record);
    let message = KeyGrant::possession_message(&world.state.election_id(), &key, 1, Scope::Election);
    Governance::OrganisationKeys {
        organisation: format!("org{organisation}"),
        record_key: key,
        standby_cosigner_key: standby,
        possession: sign::sign(record, Domain::Possession, &message),
        reason: RotationReason::Lost as u8,
    }
}

#[test]
fn an_organisation_that_lost_its_record_key_gets_another_from_the_others() {
    let mut world = World::of(5);
    let new = key(601);
    let change = organisation_keys(&world, 1, &new, public(&standby_key(1)));
    assert_eq!(world.govern(&[2, 3, 4], &change), refused(Refusal::GovernanceQuorum));
    let mut unproven = change.clone();
    if let Governance::OrganisationKeys { possession, .. } = &mut unproven {
        possession.0[0] ^= 1;
    }
    assert_eq!(world.govern(&[2, 3, 4, 5], &unproven), refused(Refusal::PossessionInvalid));
    let taken = organisation_keys(&world, 1, &cosigner_key(2), public(&standby_key(1)));
    assert_eq!(world.govern(&[2, 3, 4, 5], &taken), refused(Refusal::NodeKeyUsed));
    assert_eq!(world.govern(&[2, 3, 4, 5], &change), clean());
    // The commission's office goes with the new key; the old one signs nothing any more.
    let part = &parts()[0];
    assert_eq!(world.record(Scope::Election, &[&record_key(1)], part), refused(Refusal::KeyRevoked));
    assert_eq!(world.record(Scope::Election, &[&new], part), clean());
    let change = rotated(2, |keys| keys.log_key = public(&key(501)));
    assert_eq!(world.govern(&[1, 2, 3, 4], &change), refused(Refusal::KeyRevoked));
    let keys = [&new, &record_key(2), &record_key(3), &record_key(4)];
    assert_eq!(world.record(Scope::Election, &keys, &change), clean());
    // Another standby key counts once a policy lists it, and the old one may not be listed any more.
    let change = organisation_keys(&world, 1, &new, public(&key(602)));
    assert_eq!(world.record(Scope::Election, &keys, &change), clean());
    let listed = |standby: Cosigner| {
        let groups = (2..=5).map(|one| (one, vec![cosigner(one)])).chain([(1, vec![cosigner(1), standby])]);
        epoch(1, &policy_of(4, &groups.collect::<Vec<_>>()))
    };
    assert_eq!(world.record(Scope::Election, &keys, &listed(standby(1))), refused(Refusal::PolicyInvalid));
    assert_eq!(world.record(Scope::Election, &keys, &listed(("org1.example/standby-2".to_owned(), key(602)))), clean());
}

fn revoke(keys: &[&SigningKey]) -> KeyRevocation {
    let mut keys: Vec<KeyId> = keys.iter().map(|key| public(key).id()).collect();
    keys.sort_unstable();
    KeyRevocation { keys, reason: RotationReason::Compromised as u8 }
}

#[test]
fn what_a_key_signed_before_its_revocation_stays_and_nothing_comes_after() {
    let mut world = World::open();
    let (device, commission) = (device_key(1), record_key(1));
    let before = world.identify(1, 1, voter(1, 0));
    assert_eq!(before, clean());
    let by = |world: &mut World, keys: &[&SigningKey], body: &KeyRevocation| world.record(Scope::Election, keys, body);
    // By the commission, or by a quorum; not by anybody else, and not for organisations or strangers.
    assert_eq!(by(&mut world, &[&record_key(2)], &revoke(&[&device])), refused(Refusal::GovernanceQuorum));
    assert_eq!(by(&mut world, &[&device], &revoke(&[&device])), refused(Refusal::KeyNotAuthorised));
    assert_eq!(by(&mut world, &[&commission], &revoke(&[&record_key(2)])), refused(Refusal::ContentInvalid));
    assert_eq!(by(&mut world, &[&commission], &revoke(&[&key(999)])), refused(Refusal::KeyUnknown));
    assert_eq!(by(&mut world, &[&commission], &revoke(&[])), refused(Refusal::ContentInvalid));
    let at = world.state.size().get();
    assert_eq!(by(&mut world, &[&commission], &revoke(&[&device])), clean());
    assert_eq!(by(&mut world, &[&commission], &revoke(&[&device])), refused(Refusal::KeyUnknown));
    assert_eq!(world.state.key(&public(&device).id()).unwrap().revoked, Some(at));
    assert_eq!(world.identify(1, 1, voter(1, 1)), refused(Refusal::KeyRevoked));
    assert_eq!(world.identify(2, 2, voter(2, 1)), clean());
    // The registry's key, by all: its attestations are worth nothing any more.
    let all = [record_key(1), record_key(2), record_key(3)];
    assert_eq!(by(&mut world, &all.iter().collect::<Vec<_>>(), &revoke(&[&registry_key()])), clean());
    assert_eq!(world.identify(2, 2, voter(2, 2)), refused(Refusal::AttestationInvalid));
    // Everybody who replays judges alike, with the roll and the revocations as they were at each leaf.
    let entries: Vec<Vec<u8>> = world.leaves.iter().map(|leaf| leaf.entry.clone()).collect();
    let bodies: Vec<Vec<u8>> = world.leaves.iter().map(|leaf| leaf.confidential.clone()).collect();
    let mut auditor = Auditor::new(Trust::from_submission(sign_genesis(&election()), None).unwrap());
    auditor.add(&entries, &bodies);
    assert!(auditor.findings().is_empty(), "{:?}", auditor.findings());
    // And so does a state that was saved in between.
    let step = world.state.save(&Mark::new(), None);
    let loaded = load(&step.head.unwrap(), &mut step.append.as_slice(), &world.state.election_id()).unwrap().state;
    assert!(loaded.keys().all(|(id, _)| loaded.key(id) == world.state.key(id)));
    assert_eq!(loaded.nodes(), world.state.nodes());
}

/// Publishes what a world holds: notes and receipts by whoever is named.
struct Publisher {
    store: Store,
    trust: Trust,
}

impl Publisher {
    fn of(world: &World) -> Self {
        let (store, _) = Store::open(Arc::new(MemDisk::default()), "/ledger".as_ref(), Options::default()).unwrap();
        let entries: Vec<NewEntry<'_>> = world.leaves.iter().map(|leaf| NewEntry::public(&leaf.entry)).collect();
        store.append(LogPosition::default(), &entries).unwrap();
        let genesis = Entry::from_bytes(&world.leaves[0].entry).unwrap();
        let tamga_ledger::entry::Payload::Full(signed) = genesis.payload else { unreachable!() };
        Self { store, trust: Trust::from_submission(Submission::public(signed), None).unwrap() }
    }

    /// The note of the first `size` entries, cosigned and signed by a log.
    fn note(&self, size: u64, cosigners: &[Cosigner]) -> String {
        let size = TreeSize::new(size).unwrap();
        let roots = self.store.roots_at(size).unwrap();
        let origin = self.trust.origin().clone();
        let mut note = UnverifiedCheckpoint::unsigned(Checkpoint { origin: origin.clone(), size, roots }).unwrap();
        for (name, key) in cosigners {
            let key = CosignerKey::new(KeyName::new(name).unwrap(), key.clone()).unwrap();
            note.add(key.cosign(note.note(), 1_764_489_600).unwrap()).unwrap();
        }
        note.add(LogKey::new(origin, log_key(1)).unwrap().sign(note.note())).unwrap();
        note.note().to_string()
    }

    fn step(&self, leaf: u64, note: &str) -> Receipt {
        let (leaf, size) =
            (LeafIndex::new(leaf).unwrap(), UnverifiedCheckpoint::from_bytes(note.as_bytes()).unwrap().claimed().size);
        let proof = TwinInclusionProof {
            sha256: self.store.inclusion_proof(leaf, size).unwrap(),
            blake3: self.store.inclusion_proof(leaf, size).unwrap(),
        };
        Receipt { leaf, entry: self.store.entry(leaf).unwrap(), proof, checkpoint: note.to_owned() }
    }
}

/// Leaf 1 gives node 1 another cosigner key, leaf 2 the policy that lists it instead of the old one; then something more.
fn changed() -> (World, Cosigner) {
    let mut world = World::new();
    let new: Cosigner = ("node1.example/cosigner-2".to_owned(), key(701));
    let change = rotated(1, |keys| (keys.cosigner_name, keys.cosigner_key) = (new.0.clone(), public(&new.1)));
    assert_eq!(world.govern(&[1, 2, 3], &change), clean());
    let groups = [(1, vec![new.clone()]), (2, vec![cosigner(2)]), (3, vec![cosigner(3)])];
    assert_eq!(world.govern(&[1, 2, 3], &epoch(1, &policy_of(3, &groups))), clean());
    world.define();
    (world, new)
}

#[test]
fn a_verifier_walks_from_the_genesis_digest_to_todays_policy() {
    let (world, new) = changed();
    let publisher = Publisher::of(&world);
    let (old_ones, new_ones) = ([cosigner(1), cosigner(2), cosigner(3)], [new.clone(), cosigner(2), cosigner(3)]);
    let both = [cosigner(1), new, cosigner(2), cosigner(3)];
    let (before, joining) = (publisher.note(2, &old_ones), publisher.note(4, &both));
    let last = world.state.size().get();
    let (after, stale) = (publisher.note(last, &new_ones), publisher.note(last, &old_ones));
    let genesis = &publisher.trust;
    let history = History { steps: vec![publisher.step(1, &before), publisher.step(2, &joining)] };
    assert_eq!(History::from_bytes(&history.to_bytes()).unwrap(), history);

    let trust = genesis.follow(&history).unwrap();
    assert_eq!(trust.registry().epochs(), world.state.nodes().epochs());
    assert_eq!(trust.registry(), world.state.nodes().as_ref());
    // What was published before the change verifies as ever, what comes after by the new policy only.
    for note in [&before, &joining, &after] {
        assert!(trust.verify_checkpoint(note.as_bytes()).is_ok());
    }
    assert!(trust.verify_checkpoint(stale.as_bytes()).is_err());
    assert!(genesis.verify_checkpoint(before.as_bytes()).is_ok());
    assert!(genesis.verify_checkpoint(after.as_bytes()).is_err(), "who does not know of the change is not fooled");
    assert!(publisher.step(last - 1, &after).verify(&trust).is_ok());
    assert!(publisher.step(1, &before).verify(&trust).is_ok());
    let size = |size| TreeSize::new(size).unwrap();
    assert_eq!([2, 3, 4].map(|at| trust.epoch_at(size(at))), [0, 1, 1]);
    // The first one that covers the change satisfies both; once it is there, the next need not.
    assert!(trust.verify_due(size(2), joining.as_bytes()).is_ok());
    assert!(trust.verify_due(size(2), after.as_bytes()).is_err());
    assert!(trust.verify_due(size(4), after.as_bytes()).is_ok());

    // An auditor of the archive finds one that skipped the joint checkpoint, and a walk that is not the ledger's.
    let entries: Vec<Vec<u8>> = world.leaves.iter().map(|leaf| leaf.entry.clone()).collect();
    let audit = |trust: &Trust, notes: &[(u64, &String)]| {
        let mut auditor = Auditor::new(trust.clone());
        for (before, note) in notes {
            auditor.archived(size(*before), note.as_bytes());
        }
        auditor.add(&entries, &[]);
        auditor.finish().0.findings.into_iter().map(|finding| finding.check).collect::<Vec<_>>()
    };
    assert_eq!(audit(&trust, &[(0, &before), (2, &joining), (4, &after)]), []);
    assert_eq!(audit(&trust, &[(0, &before), (2, &after)]), [Check::CheckpointInvalid]);
    assert_eq!(audit(genesis, &[(0, &before), (2, &stale)]), [Check::PolicyDiffers]);
    // The same walk page by page, as an archive is read; a joint checkpoint that is known from the history counts as published.
    let archive = |known: &[&String], pages: &[&[(u64, &String)]]| {
        let mut auditor = Auditor::new(trust.clone());
        known.iter().for_each(|note| drop(auditor.checkpoint(note.as_bytes())));
        for page in pages {
            let page: Vec<_> = page.iter().map(|(at, note)| (size(*at), note.as_bytes().to_vec())).collect();
            auditor.archive(&page);
        }
        auditor.add(&entries, &[]);
        let report = auditor.finish().0;
        (report.checkpoints_archived, report.findings.into_iter().map(|one| (one.check, one.leaf)).collect::<Vec<_>>())
    };
    let [first, joint, last] = [&before, &joining, &after]
        .map(|note| (UnverifiedCheckpoint::from_bytes(note.as_bytes()).unwrap().claimed().size.get(), note));
    assert_eq!(archive(&[], &[&[first, joint, last]]), (3, vec![]));
    assert_eq!(archive(&[], &[&[first], &[joint], &[last]]), (3, vec![]));
    let skipped = vec![(Check::CheckpointInvalid, Some(last.0 - 1))];
    assert_eq!(archive(&[], &[&[first, last]]), (2, skipped.clone()));
    assert_eq!(archive(&[], &[&[first], &[last]]), (2, skipped));
    assert_eq!(archive(&[&joining], &[&[last]]), (1, vec![]), "an archive that begins late");
}

#[test]
fn each_byte_of_a_history_is_guarded() {
    let (world, new) = changed();
    let publisher = Publisher::of(&world);
    let (old_ones, both) = ([cosigner(1), cosigner(2), cosigner(3)], [cosigner(1), new, cosigner(2), cosigner(3)]);
    let (before, joining) = (publisher.note(2, &old_ones), publisher.note(4, &both));
    let history = History { steps: vec![publisher.step(1, &before), publisher.step(2, &joining)] };
    let (good, leads_to) = (history.to_bytes(), publisher.trust.follow(&history).unwrap());
    let mut weightless = 0;
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 1 << (at % 8);
        let Ok(trust) = History::from_bytes(&bad).map(|history| publisher.trust.follow(&history)) else { continue };
        // A log's line is not asked for here. Whatever passes leads to the same policies and keys.
        if let Ok(trust) = trust {
            assert_eq!(trust.registry(), leads_to.registry(), "byte {at}");
            weightless += 1;
        }
    }
    let lines: usize = [&before, &joining].iter().filter_map(|note| note.lines().last()).map(str::len).sum();
    assert!(weightless <= lines, "{weightless} bytes of {} can be changed, the logs' lines have {lines}", good.len());
    for length in 0..good.len() {
        assert!(History::from_bytes(&good[..length]).is_err(), "cut at {length}");
    }
    for steps in [vec![history.steps[1].clone(), history.steps[0].clone()], vec![history.steps[0].clone(); 2]] {
        assert!(publisher.trust.follow(&History { steps }).is_err());
    }
}

#[test]
fn a_history_that_lacks_anything_leads_nowhere() {
    let (world, new) = changed();
    let publisher = Publisher::of(&world);
    let (old_ones, new_ones) = ([cosigner(1), cosigner(2), cosigner(3)], [new.clone(), cosigner(2), cosigner(3)]);
    let both = [cosigner(1), new, cosigner(2), cosigner(3)];
    let joining = publisher.note(4, &both);
    let follow = |steps: Vec<Receipt>| publisher.trust.follow(&History { steps });
    let which = |result: Result<Trust, HistoryError>| match result {
        Err(HistoryError::Checkpoint { which, .. }) => which,
        other => panic!("{other:?}"),
    };
    let rotation = || publisher.step(1, &joining);
    assert_eq!(which(follow(vec![rotation(), publisher.step(2, &publisher.note(4, &new_ones))])), "before it");
    assert_eq!(
        which(follow(vec![rotation(), publisher.step(2, &publisher.note(4, &old_ones))])),
        "that it puts in force"
    );
    let not_next = |result| matches!(result, Err(HistoryError::NotNext { .. }));
    assert!(not_next(follow(vec![publisher.step(2, &joining), rotation()])));
    assert!(not_next(follow(vec![rotation(), rotation()])));
    assert!(not_next(follow(vec![publisher.step(0, &joining)])), "the genesis record is no step");
    assert!(not_next(follow(vec![publisher.step(3, &joining)])), "nor is what is no decision");
    // A record that was refused puts nothing in force.
    let mut refused_epoch = world;
    assert_eq!(refused_epoch.govern(&[1, 2, 3], &epoch(7, "quorum none\n")), refused(Refusal::PolicyEpochOrder));
    let publisher = Publisher::of(&refused_epoch);
    let last = refused_epoch.state.size().get();
    let step = publisher.step(last - 1, &publisher.note(last, &both));
    assert!(not_next(publisher.trust.follow(&History { steps: vec![step] })));
    // Any byte that is changed anywhere.
    let mut moved = publisher.step(2, &publisher.note(4, &both));
    moved.leaf = LeafIndex::new(3).unwrap();
    assert!(publisher.trust.follow(&History { steps: vec![moved] }).is_err());
}

fn policy(names: &[u32], k: usize) -> Policy {
    let witness = |one: u32| Witness {
        name: Name::new(&format!("w{one}")).unwrap(),
        key: VerifierKey::new(KeyName::new(&format!("w{one}")).unwrap(), KeyRole::Cosigner, &public(&key(one)).0)
            .unwrap(),
        url: None,
    };
    let groups: Vec<_> =
        names.iter().map(|one| (Name::new(&format!("o{one}")).unwrap(), vec![witness(*one)])).collect();
    Policy::of_organisations(&[], &groups, k).unwrap()
}

proptest! {
    /// Against all pairs of sets, counted one by one.
    #[test]
    fn transitions_are_judged_as_counting_says(old in 1_u32..127, new in 1_u32..127, k_old in 1_usize..8, k_new in 1_usize..8) {
        let names = |set: u32| (0..7).filter(|bit| set >> bit & 1 == 1).collect::<Vec<u32>>();
        let (old_names, new_names) = (names(old), names(new));
        let (k_old, k_new) = (k_old.min(old_names.len()), k_new.min(new_names.len()));
        let fewest = (0..128_u32).filter(|set| set & !old == 0 && set.count_ones() as usize >= k_old).flat_map(|a| {
            (0..128_u32).filter(move |set| set & !new == 0 && set.count_ones() as usize >= k_new).map(move |b| a & b)
        }).map(u32::count_ones).min().unwrap() as usize;
        let judged = policy(&new_names, k_new).check_transition(&policy(&old_names, k_old));
        prop_assert_eq!(judged.is_ok(), fewest > tolerated_liars(old_names.len()));
        if let Err(IntersectionError::SplitsFromOld { example, .. }) = judged {
            prop_assert_eq!(example.shared.len(), fewest);
            prop_assert!(example.shared.iter().all(|one| example.set_a.contains(one) && example.set_b.contains(one)));
        }
    }

    #[test]
    fn a_history_of_any_bytes_is_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(history) = History::from_bytes(&bytes) {
            prop_assert_eq!(history.to_bytes(), bytes);
        }
    }
}
