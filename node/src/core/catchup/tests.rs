//! Parts of a real ledger, as an honest node sends them and as others might.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use tamga_ledger::ids::ElectionId;
use tamga_ledger::judge::Integrated;
use tamga_ledger::note::{Checkpoint, CosignerKey, KeyName, LogKey, SignedNote};
use tamga_ledger::state::State;
use tamga_ledger::store::{LogPosition, NewEntry, Options, Store};
use tamga_ledger::submission::authenticate;
use tamga_ledger::tree::{TreeHead, TreeSize, TwinFrontier};
use tamga_ledger::trust::Trust;
use tamga_platform::disk::MemDisk;

use super::part::{Poison, Proven, prove};
use super::serve::read_part;
use crate::proto::EntriesPart;
use crate::testing::{TestElection, secrets};

const NOW_MS: u64 = 1_760_000_000_000;

struct Source {
    trust: Trust,
    store: Store,
    target: TreeHead,
    /// Before each leaf.
    frontiers: Vec<TwinFrontier>,
}

fn note(trust: &Trust, head: TreeHead) -> String {
    let checkpoint = Checkpoint { origin: trust.origin().clone(), size: head.size, roots: head.roots };
    let mut note = SignedNote::unsigned(checkpoint.to_string()).unwrap();
    for node in 1..=3 {
        let name = KeyName::new(&trust.node(node).unwrap().keys.cosigner_name).unwrap();
        note.add(CosignerKey::new(name, secrets(node).cosigner).unwrap().cosign(&note, 1).unwrap()).unwrap();
    }
    note.add(LogKey::new(trust.origin().clone(), secrets(1).log).unwrap().sign(&note)).unwrap();
    note.to_string()
}

/// A ledger of 24 records, published at 9, 10 and at its end.
fn source() -> Source {
    let election = TestElection::new(3, 2, 20, NOW_MS);
    let trust = Trust::from_submission(election.genesis().clone(), None).unwrap();
    let (store, _) = Store::open(Arc::new(MemDisk::default()), Path::new("/l"), Options::default()).unwrap();
    let (mut state, mut frontiers) = (State::empty(), Vec::new());
    let mut records = vec![Bytes::from(election.genesis().to_bytes())];
    records.extend(election.preparation());
    records.extend((1..=2).map(|station| election.phase(station, tamga_ledger::kinds::Phase::Open)));
    let rest = 24 - records.len() as u32;
    records.extend((0..rest).map(|voter| election.identification(1, 1, voter, NOW_MS)));
    for (record, index) in records.iter().zip(1..) {
        let id = if index == 1 { ElectionId::ZERO } else { election.id() };
        let authentic = authenticate(record, &id, &state).unwrap();
        frontiers.push(state.frontier().clone());
        let Integrated::Leaf(leaf) = state.integrate(NOW_MS + index, authentic) else { panic!("no leaf") };
        let class = leaf.kind.confidential_class().map_or(0, |class| class as u8);
        let entry = NewEntry { entry: &leaf.entry, confidential: &leaf.confidential, class };
        store.append(LogPosition { term: 1, leader: 1, index }, &[entry]).unwrap();
        if [9, 10, 24].contains(&index) {
            let head = state.head();
            store.archive_checkpoint(head.size, NOW_MS, &note(&trust, head)).unwrap();
        }
    }
    Source { trust, target: state.head(), store, frontiers }
}

impl Source {
    fn part(&self, from: u64, upto: u64) -> EntriesPart {
        read_part(&self.store, from, upto, self.target.size).unwrap().0
    }

    fn prove(&self, part: EntriesPart, from: u64, upto: u64) -> Result<Proven, Poison> {
        prove(part, self.frontiers[from as usize].clone(), upto, &self.target, &self.trust)
    }
}

#[test]
fn every_range_of_the_published_ledger_is_proven() {
    let source = source();
    for from in 0..24 {
        for upto in from + 1..=24 {
            let proven = source.prove(source.part(from, upto), from, upto).unwrap();
            assert_eq!(proven.frontier.size().get(), upto);
            assert_eq!(proven.contradiction, None);
            assert_eq!(proven.round.len() as u64, upto - from);
            let published = [9, 10, 24].iter().filter(|size| from < **size && **size <= upto).count();
            assert_eq!(proven.checkpoints.len(), published);
            // From leaf 10 on they are identifications.
            assert_eq!(proven.round.iter().any(|read| !read.body.is_empty()), upto > 10);
        }
    }
}

#[test]
fn no_byte_of_an_entry_can_be_another() {
    let source = source();
    let (from, upto) = (20, 22);
    let honest = source.part(from, upto);
    for at in 0..honest.entries.len() {
        let mut bytes = honest.entries.to_vec();
        bytes[at] ^= 1;
        let part = EntriesPart { entries: bytes.into(), ..honest.clone() };
        source.prove(part, from, upto).unwrap_err();
    }
}

#[test]
fn a_part_of_another_place_length_or_proof_is_refused() {
    let source = source();
    let honest = source.part(4, 8);
    let refused = |part: EntriesPart| source.prove(part, 4, 8).unwrap_err();

    assert_eq!(refused(source.part(5, 8)), Poison::WrongPlace { expected: 4, found: 5 });
    assert_eq!(refused(source.part(4, 9)), Poison::WrongLength);
    assert_eq!(
        refused(EntriesPart { entries: Bytes::new(), bodies: Bytes::new(), ..honest.clone() }),
        Poison::WrongLength
    );
    assert_eq!(refused(EntriesPart { bodies: Bytes::new(), ..honest.clone() }), Poison::WrongLength);
    let cut = honest.entries.slice(..honest.entries.len() - 1);
    assert_eq!(refused(EntriesPart { entries: cut, ..honest.clone() }), Poison::Malformed("entries"));
    let elsewhere = source.part(4, 7);
    let (sha256_proof, blake3_proof) = (elsewhere.sha256_proof, elsewhere.blake3_proof);
    let other = EntriesPart { sha256_proof, blake3_proof, ..honest.clone() };
    assert!(matches!(refused(other), Poison::Unproven { .. } | Poison::ProofForm(_)));
    for proofs in [(true, false), (false, true), (true, true)] {
        let mut part = honest.clone();
        if proofs.0 {
            part.sha256_proof.clear();
        }
        if proofs.1 {
            part.blake3_proof.clear();
        }
        assert!(matches!(refused(part), Poison::Unproven { .. }));
    }
    let long = EntriesPart { sha256_proof: vec![Bytes::from_static(&[0; 32]); 65], ..honest.clone() };
    assert!(matches!(refused(long), Poison::ProofForm(_)));
    let odd = EntriesPart { blake3_proof: vec![Bytes::from_static(&[0; 31])], ..honest };
    assert_eq!(refused(odd), Poison::Malformed("a hash of a proof"));
}

#[test]
fn entries_that_nobody_published_do_not_reach_the_target() {
    let source = source();
    // A whole ledger of its own, with proofs of its own: a source that rewrote history.
    let other = source_of_another_history();
    assert_eq!(other.target.size, source.target.size);
    let first = (0..24).find(|at| other.frontiers[*at as usize] != source.frontiers[*at as usize]).unwrap();
    let part = other.part(first, 23);
    assert!(source.prove(part, first, 23).is_err());
    assert_eq!(source.prove(other.part(first, 24), first, 24).unwrap_err(), Poison::OtherRoots);
}

/// The same records at other times.
fn source_of_another_history() -> Source {
    let mut other = source();
    let (store, _) = Store::open(Arc::new(MemDisk::default()), Path::new("/l"), Options::default()).unwrap();
    let (mut frontier, mut frontiers) = (TwinFrontier::new(), Vec::new());
    for leaf in (0..24).map(|leaf| tamga_ledger::tree::LeafIndex::new(leaf).unwrap()) {
        let mut entry = tamga_ledger::entry::Entry::from_bytes(&other.store.entry(leaf).unwrap()).unwrap();
        entry.time_ms += u64::from(leaf.get() > 10);
        frontiers.push(frontier.clone());
        let bytes = entry.to_bytes();
        frontier.push_entry(&bytes).unwrap();
        store.append(LogPosition { term: 1, leader: 1, index: leaf.get() + 1 }, &[NewEntry::public(&bytes)]).unwrap();
    }
    (other.store, other.target, other.frontiers) = (store, frontier.head(), frontiers);
    other
}

#[test]
fn checkpoints_on_the_way_are_verified_and_compared() {
    let source = source();
    let honest = source.part(4, 12);
    assert_eq!(honest.checkpoints.len(), 2);
    let with = |checkpoints: Vec<String>| source.prove(EntriesPart { checkpoints, ..honest.clone() }, 4, 12);

    // Forged, unsigned, twice, of another place.
    let unsigned = honest.checkpoints[0].split("\n\n").next().unwrap().to_owned() + "\n\n";
    let later = source.store.checkpoint_latest().unwrap().unwrap().note;
    let cases = [vec!["nonsense".to_owned()], vec![unsigned], vec![honest.checkpoints[0].clone(); 2], vec![later]];
    for checkpoints in cases {
        assert!(matches!(with(checkpoints).unwrap_err(), Poison::Checkpoint(_)));
    }
    // Signed by a quorum, and still another ledger: nobody's lie about this transfer, but evidence.
    let mut head = TreeHead { size: TreeSize::new(9).unwrap(), roots: source.target.roots };
    head.roots.blake3 = tamga_ledger::tree::Hash::new([7; 32]);
    let contradiction = with(vec![note(&source.trust, head)]).unwrap().contradiction.unwrap();
    assert_eq!(contradiction.size, 9);
}
