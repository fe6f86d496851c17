//! The audit finds every lie in a small ledger and says at which leaf it begins.

#![allow(clippy::unwrap_used, reason = "test code")]

mod kit;

use kit::*;
use tamga_ledger::audit::{Auditor, Check, Report};
use tamga_ledger::kinds::*;
use tamga_ledger::note::{Checkpoint, CosignerKey, KeyName, LogKey, UnverifiedCheckpoint};
use tamga_ledger::receipt::Receipt;
use tamga_ledger::tree::{Frontier, Hash, HashReader, LeafHashes, TwinInclusionProof, prove_inclusion};
use tamga_ledger::trust::{Trust, TrustError};

struct Copy {
    trust: Trust,
    entries: Vec<Vec<u8>>,
    confidential: Vec<Vec<u8>>,
    hashes: Vec<LeafHashes>,
    note: String,
}

/// A short day, sealed, cosigned by all three organisations.
fn copy() -> Copy {
    let mut world = World::open();
    for number in 0..3 {
        assert!(world.identify(1, 1, voter(1, number)).is_accepted());
    }
    world.identify(3, 1, voter(1, 0));
    world.identify(2, 1, voter(1, 5));
    world.batch(1, 1, [[1, 1, 1, 0, 0], [0; 5]], true);
    for station in 1..=4 {
        if station != 1 {
            world.batch(station, 1, [[0; 5]; 2], true);
        }
        let n = if station == 1 { 3 } else { 0 };
        let counters = Counters { identified_local: n, slips: n, printed_own: n, scanned: n, ..Counters::default() };
        assert!(world.phase(station, Phase::Close, counters).is_accepted());
    }
    assert!(world.seal(Stage::Voting).is_accepted());
    let trust = Trust::from_submission(sign_genesis(&election()), None).unwrap();
    let note = publish(&trust, &world, 3);
    Copy {
        trust,
        entries: world.leaves.iter().map(|leaf| leaf.entry.clone()).collect(),
        confidential: world.leaves.iter().map(|leaf| leaf.confidential.clone()).collect(),
        hashes: world.leaves.iter().map(|leaf| LeafHashes::of(&leaf.entry)).collect(),
        note,
    }
}

fn publish(trust: &Trust, world: &World, cosigners: u32) -> String {
    let head = world.state.head();
    let checkpoint = Checkpoint { origin: trust.origin().clone(), size: head.size, roots: head.roots };
    let mut note = UnverifiedCheckpoint::unsigned(checkpoint).unwrap();
    for number in 1..=cosigners {
        let name = KeyName::new(&format!("node{number}.example/cosigner")).unwrap();
        let line = CosignerKey::new(name, cosigner_key(number)).unwrap().cosign(note.note(), 1_764_489_700).unwrap();
        note.add(line).unwrap();
    }
    let line = LogKey::new(trust.origin().clone(), log_key(1)).unwrap().sign(note.note());
    note.add(line).unwrap();
    note.note().to_string()
}

fn audit(copy: &Copy) -> Report {
    let mut auditor = Auditor::new(copy.trust.clone());
    auditor.checkpoint(copy.note.as_bytes());
    let empty = [];
    let hashes = copy.hashes.chunks(7).chain(std::iter::repeat(&empty[..]));
    let chunks = copy.entries.chunks(7).zip(copy.confidential.chunks(7)).zip(hashes);
    for ((entries, confidential), hashes) in chunks {
        auditor.add_with_hashes(entries, confidential, hashes);
    }
    auditor.finish().0
}

fn first_leaf(report: &Report) -> Option<u64> {
    report.findings.iter().find_map(|finding| finding.leaf)
}

#[test]
fn an_honest_copy_passes() {
    let copy = copy();
    let report = audit(&copy);
    assert!(report.ok, "{:#?}", report.findings);
    assert_eq!(
        (report.entries, report.checkpoints_confirmed, report.entries_unconfirmed),
        (copy.entries.len() as u64, 1, 0)
    );
    assert_eq!(report.verdicts_not_rederived, 0);
}

#[test]
fn every_flipped_byte_is_found_at_its_leaf() {
    let copy = copy();
    let mut honest = Auditor::new(copy.trust.clone());
    honest.checkpoint(copy.note.as_bytes());
    for (leaf, entry) in copy.entries.iter().enumerate() {
        let (body, hash) = (&copy.confidential[leaf..=leaf], &copy.hashes[leaf..=leaf]);
        for at in 0..entry.len() {
            let mut flipped = entry.clone();
            flipped[at] ^= 1 << (at % 8);
            let mut auditor = honest.clone();
            auditor.add_with_hashes(&[flipped], body, hash);
            let first = auditor.findings().first().map(|finding| finding.leaf);
            assert_eq!(first, Some(Some(leaf as u64)), "leaf {leaf} byte {at}");
        }
        honest.add_with_hashes(std::slice::from_ref(entry), body, hash);
    }
    assert!(honest.finish().0.ok);
}

#[test]
fn every_flipped_byte_of_a_confidential_body_is_found_at_its_leaf() {
    let mut copy = copy();
    let leaf = copy.confidential.iter().position(|body| !body.is_empty()).unwrap();
    for at in 0..copy.confidential[leaf].len() {
        copy.confidential[leaf][at] ^= 1;
        assert_eq!(first_leaf(&audit(&copy)), Some(leaf as u64), "byte {at}");
        copy.confidential[leaf][at] ^= 1;
    }
}

#[test]
fn dropped_duplicated_swapped_and_cut_entries_are_found() {
    let good = copy();
    let n = good.entries.len();
    let with = |change: &dyn Fn(&mut Copy)| {
        let mut changed = copy();
        change(&mut changed);
        audit(&changed)
    };
    for leaf in 1..n {
        let report = with(&|copy| {
            copy.hashes.clear();
            copy.entries.remove(leaf);
            copy.confidential.remove(leaf);
        });
        assert!(!report.ok, "dropped {leaf}");
        let report = with(&|copy| {
            copy.hashes.clear();
            copy.entries.insert(leaf, good.entries[leaf].clone());
            copy.confidential.insert(leaf, good.confidential[leaf].clone());
        });
        assert!(report.findings.iter().any(|finding| finding.check == Check::Duplicate), "duplicated {leaf}");
        assert_eq!(first_leaf(&report), Some(leaf as u64 + 1));
        if leaf + 1 < n {
            let report = with(&|copy| {
                copy.hashes.clear();
                copy.entries.swap(leaf, leaf + 1);
                copy.confidential.swap(leaf, leaf + 1);
            });
            assert!(!report.ok, "swapped {leaf}");
        }
    }
    let report = with(&|copy| {
        copy.entries.truncate(n - 1);
    });
    assert!(report.findings.iter().any(|finding| finding.check == Check::EntriesMissing));
}

#[test]
fn a_checkpoint_without_the_quorum_or_with_another_root_is_refused() {
    let mut copy = copy();
    let world = World::open();
    copy.note = publish(&copy.trust, &world, 2);
    let report = audit(&copy);
    assert_eq!(
        report.findings.iter().map(|finding| finding.check).collect::<Vec<_>>(),
        [Check::CheckpointInvalid, Check::NoCheckpoint]
    );
    let mut other = World::open();
    other.identify(1, 1, voter(1, 9));
    copy.note = publish(&copy.trust, &other, 3);
    let report = audit(&copy);
    let size = other.state.head().size.get();
    assert!(
        report.findings.iter().any(|finding| finding.check == Check::RootDiffers && finding.leaf == Some(size - 1))
    );
}

#[test]
fn withheld_bodies_are_said_and_not_silently_believed() {
    let mut copy = copy();
    copy.confidential.iter_mut().for_each(Vec::clear);
    let report = audit(&copy);
    assert_eq!(report.verdicts_not_rederived, 5);
    // Without tags the sorted root of admitted voters cannot be derived either: the seal's verdict differs and is reported.
    assert!(report.findings.iter().all(|finding| finding.check == Check::VerdictDiffers));
}

#[test]
fn trust_begins_with_the_pinned_digest() {
    let copy = copy();
    let pinned = *copy.trust.election_id();
    assert!(Trust::from_entry(&copy.entries[0], &pinned).is_ok());
    let mut other = pinned;
    other.0[0] ^= 1;
    assert!(matches!(Trust::from_entry(&copy.entries[0], &other), Err(TrustError::OtherElection { .. })));
    assert!(Trust::from_entry(&copy.entries[1], &pinned).is_err());
}

#[test]
fn a_receipt_holds_for_its_entry_only() {
    let copy = copy();
    let leaves: Vec<LeafHashes> = copy.entries.iter().map(|entry| LeafHashes::of(entry)).collect();
    fn reader<H: tamga_ledger::tree::TreeHash>(hashes: Vec<Hash>) -> impl HashReader<Error = std::convert::Infallible> {
        move |level: u8, index: u64| {
            let mut tree = Frontier::<H>::new();
            let width = 1_usize << level;
            tree.extend(hashes[index as usize * width..(index as usize + 1) * width].iter().copied()).unwrap();
            Ok(tree.root())
        }
    }
    let size = copy.trust.verify_checkpoint(copy.note.as_bytes()).unwrap().checkpoint().size;
    let leaf = tamga_ledger::tree::LeafIndex::new(9).unwrap();
    let proof = TwinInclusionProof {
        sha256: prove_inclusion(
            &mut reader::<tamga_ledger::tree::Sha256Tree>(leaves.iter().map(|leaf| leaf.sha256).collect()),
            leaf,
            size,
        )
        .unwrap(),
        blake3: prove_inclusion(
            &mut reader::<tamga_ledger::tree::Blake3Tree>(leaves.iter().map(|leaf| leaf.blake3).collect()),
            leaf,
            size,
        )
        .unwrap(),
    };
    let receipt = Receipt { leaf, entry: copy.entries[9].clone(), proof, checkpoint: copy.note.clone() };
    let bytes = receipt.to_bytes();
    let verified = Receipt::from_bytes(&bytes).unwrap().verify(&copy.trust).unwrap();
    assert_eq!((verified.leaf(), verified.checkpoint().organisations().len()), (leaf, 3));
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 4;
        // The only bytes that may change are those of signatures nobody needs and of names nobody looks up; there are none.
        assert!(Receipt::from_bytes(&damaged).and_then(|receipt| receipt.verify(&copy.trust)).is_err(), "byte {at}");
    }
}
