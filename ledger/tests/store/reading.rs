//! What readers get: entries, bundles, tiles, proofs, bodies, checkpoints, from a store that grows meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ct_merkle::mem_backed_tree::MemoryBackedTree;
use tamga_ledger::store::{CONFIDENTIAL_BYTES_MAX, Confidential, LogPosition, NewEntry, Options, Store, StoreError};
use tamga_ledger::tree::{Blake3Tree, Sha256Tree, TileWidth, TreeHash};
use tamga_platform::disk::{MemDisk, OsDisk};

use super::support::{
    SMALL_SEGMENTS, append, assert_clean, batches, check_everything, copy, entry, leaf, open, roots, size,
};

fn at(index: u64) -> LogPosition {
    LogPosition { term: 1, leader: 2, index }
}

/// A store with that many entries, 50 an append.
fn filled(disk: &MemDisk, options: Options, entries: u64) -> Store {
    let (store, _) = open(disk, options).unwrap();
    for first in (0..entries).step_by(50) {
        append(&store, at(first), first, 50.min(entries - first)).unwrap();
    }
    store
}

#[test]
fn a_new_ledger_is_empty() {
    let (store, recovery) = open(&MemDisk::default(), Options::default()).unwrap();
    assert_eq!((recovery.position, recovery.size(), recovery.cut_bytes), (None, size(0), 0));
    assert_eq!(store.head().roots, roots(0));
    assert!(matches!(store.entry(leaf(0)), Err(StoreError::NoSuchLeaf { .. })));
    assert!(matches!(store.tile::<Sha256Tree>(0, 0, TileWidth::Full), Err(StoreError::NoSuchTile { .. })));
    assert_eq!(store.checkpoint_latest().unwrap(), None);
}

#[test]
fn an_append_without_entries_advances_only_the_position() {
    let disk = MemDisk::default();
    let store = filled(&disk, SMALL_SEGMENTS, 10);
    let head = store.head();
    assert_eq!(store.append(at(77), &[]).unwrap(), head);
    assert_eq!(store.position(), Some(at(77)));
    store.sync().unwrap();
    let (store, recovery) = open(&copy(&disk), SMALL_SEGMENTS).unwrap();
    assert_eq!((recovery.position, recovery.head), (Some(at(77)), head));
    check_everything(&store, &[]);
}

#[test]
fn everything_is_the_same_after_reopening() {
    for entries in [1, 255, 256, 257, 1000, 2100] {
        let disk = MemDisk::default();
        let store = filled(&disk, SMALL_SEGMENTS, entries);
        check_everything(&store, &[]);
        store.sync().unwrap();
        let reopened = copy(&disk);
        let (again, recovery) = open(&reopened, SMALL_SEGMENTS).unwrap();
        assert_eq!((recovery.cut_bytes, recovery.tiles_rebuilt, recovery.indexes_rebuilt), (0, 0, 0));
        assert_eq!(again.head(), store.head());
        assert_eq!(again.disk_bytes(), store.disk_bytes());
        assert_eq!(again.entry_bytes(), (0..entries).map(|leaf| entry(leaf).len() as u64).sum());
        check_everything(&again, &[]);
        assert_clean(&reopened);
    }
}

#[test]
fn sha256_roots_are_those_of_an_independent_implementation() {
    let disk = MemDisk::default();
    let store = filled(&disk, SMALL_SEGMENTS, 700);
    let mut oracle = MemoryBackedTree::<sha2::Sha256, Vec<u8>>::new();
    for at in 0..700 {
        oracle.push(entry(at));
        if [1, 2, 7, 255, 256, 257, 512, 699, 700].contains(&(at + 1)) {
            let ours = store.roots_at(size(at + 1)).unwrap().sha256;
            assert_eq!(ours.as_bytes()[..], oracle.root().as_bytes()[..], "size {}", at + 1);
        }
    }
}

#[test]
fn a_store_on_the_real_file_system_reopens() {
    let temporary = tempfile::tempdir().unwrap();
    let path = temporary.path().join("deep/ledger");
    let (store, _) = Store::open(Arc::new(OsDisk), &path, SMALL_SEGMENTS).unwrap();
    for batch in batches(100) {
        append(&store, batch.position, batch.first, batch.count).unwrap();
    }
    store.archive_checkpoint(store.size(), 5, "note").unwrap();
    store.sync().unwrap();
    store.erase_confidential(2).unwrap();
    let head = store.head();
    drop(store);
    let (store, recovery) = Store::open(Arc::new(OsDisk), &path, SMALL_SEGMENTS).unwrap();
    assert_eq!((recovery.head, recovery.cut_bytes), (head, 0));
    check_everything(&store, &[2]);
    assert_eq!(store.checkpoint_latest().unwrap().unwrap().note, "note");
}

#[test]
fn what_cannot_be_stored_is_refused_before_anything_is_written() {
    let disk = MemDisk::default();
    let store = filled(&disk, SMALL_SEGMENTS, 3);
    let too_long = vec![0; 65_536];
    let refused = store.append(at(9), &[NewEntry::public(&too_long)]);
    assert!(matches!(refused, Err(StoreError::EntryTooLong { place: 0, length: 65_536 })));
    let body = vec![0; CONFIDENTIAL_BYTES_MAX + 1];
    for (confidential, class) in [(&body[..], 1), (b"x", 0), (b"x", 16)] {
        let refused = store.append(at(9), &[NewEntry { entry: b"e", confidential, class }]);
        assert!(matches!(refused, Err(StoreError::BadConfidential { .. })), "{class}");
    }
    let many = vec![NewEntry::public(&too_long[..65_535]); 1100];
    assert!(matches!(store.append(at(9), &many), Err(StoreError::BatchTooLarge { .. })));
    assert!(matches!(store.archive_checkpoint(size(4), 0, "n"), Err(StoreError::CheckpointAhead { .. })));
    assert!(matches!(
        open(&disk, Options { segment_bytes: 1, verify_all: false }),
        Err(StoreError::BadSegmentBytes(1))
    ));
    append(&store, at(10), 3, 5).unwrap();
    check_everything(&store, &[]);
}

#[test]
fn the_longest_entries_and_the_emptiest_are_kept() {
    let disk = MemDisk::default();
    let (store, _) = open(&disk, SMALL_SEGMENTS).unwrap();
    let entries: Vec<Vec<u8>> =
        (0..40).map(|n: usize| vec![n as u8; if n.is_multiple_of(2) { 65_535 } else { n % 3 }]).collect();
    let new: Vec<_> = entries.iter().map(|entry| NewEntry::public(entry)).collect();
    store.append(at(1), &new).unwrap();
    for (n, entry) in entries.iter().enumerate() {
        assert_eq!(store.entry(leaf(n as u64)).unwrap(), *entry);
    }
    let limited = store.entries(leaf(0)..leaf(40), 70_000).unwrap();
    assert_eq!(limited.len(), 2, "the third would exceed the limit");
    assert_eq!(store.entries(leaf(0)..leaf(40), 1).unwrap().len(), 1, "at least one");
    assert_eq!(store.entries(leaf(3)..leaf(3), 100).unwrap().len(), 0);
}

#[test]
fn an_erased_class_is_told_apart_from_no_body_and_later_bodies_stay() {
    let disk = MemDisk::default();
    let store = filled(&disk, SMALL_SEGMENTS, 500);
    store.erase_confidential(2).unwrap();
    check_everything(&store, &[2]);
    append(&store, at(900), 500, 60).unwrap();
    store.sync().unwrap();
    let disk = copy(&disk);
    let (reopened, _) = open(&disk, Options { verify_all: true, ..SMALL_SEGMENTS }).unwrap();
    for store in [&store, &reopened] {
        assert_eq!(store.confidential(leaf(3)).unwrap(), Confidential::Erased { class: 2 });
        assert_eq!(store.confidential(leaf(4)).unwrap(), Confidential::None);
        assert!(matches!(store.confidential(leaf(6)).unwrap(), Confidential::Kept { class: 1, .. }));
        assert!(matches!(store.confidential(leaf(501)).unwrap(), Confidential::Kept { class: 2, .. }));
        assert_eq!(store.head().roots, roots(560));
    }
    assert_clean(&disk);
}

#[test]
fn checkpoints_are_found_by_size_time_and_leaf_and_the_last_note_counts() {
    let disk = MemDisk::default();
    let store = filled(&disk, SMALL_SEGMENTS, 300);
    for (at_size, time_ms) in [(100, 1000), (150, 2000), (300, 3000)] {
        store.archive_checkpoint(size(at_size), time_ms, &format!("note {at_size}")).unwrap();
    }
    store.sync().unwrap();
    store.archive_checkpoint(size(150), 2000, "note 150, more cosignatures").unwrap();
    let check = |store: &Store| {
        let note = |found: Option<tamga_ledger::store::ArchivedCheckpoint>| found.map(|found| found.note);
        assert_eq!(note(store.checkpoint_latest().unwrap()).unwrap(), "note 300");
        assert_eq!(note(store.checkpoint_at(size(150)).unwrap()).unwrap(), "note 150, more cosignatures");
        assert_eq!(note(store.checkpoint_at(size(151)).unwrap()), None);
        assert_eq!(note(store.checkpoint_before_time(999).unwrap()), None);
        assert_eq!(note(store.checkpoint_before_time(2999).unwrap()).unwrap(), "note 150, more cosignatures");
        assert_eq!(note(store.checkpoint_covering(leaf(99)).unwrap()).unwrap(), "note 100");
        assert_eq!(note(store.checkpoint_covering(leaf(100)).unwrap()).unwrap(), "note 150, more cosignatures");
        assert_eq!(note(store.checkpoint_covering(leaf(300)).unwrap()), None);
        assert_eq!(store.checkpoints(size(100)..size(300), 9).unwrap().len(), 2);
        assert_eq!(store.checkpoints(size(0)..size(1000), 2).unwrap().len(), 2);
    };
    check(&store);
    store.sync().unwrap();
    check(&store);
    check(&open(&copy(&disk), SMALL_SEGMENTS).unwrap().0);
}

#[test]
fn readers_see_whole_states_while_the_writer_appends() {
    let disk = MemDisk::default();
    let (store, _) = open(&disk, SMALL_SEGMENTS).unwrap();
    let (store, done) = (Arc::new(store), Arc::new(AtomicBool::new(false)));
    std::thread::scope(|scope| {
        for reader in 0..3_u64 {
            let (store, done) = (Arc::clone(&store), Arc::clone(&done));
            scope.spawn(move || {
                let mut dice = super::support::Dice::new(reader + 1);
                while !done.load(Ordering::SeqCst) {
                    let head = store.head();
                    let total = head.size.get();
                    if total == 0 {
                        continue;
                    }
                    let one = dice.roll(total);
                    assert_eq!(store.entry(leaf(one)).unwrap(), entry(one));
                    let proof = store.inclusion_proof::<Blake3Tree>(leaf(one), head.size).unwrap();
                    proof.verify(Blake3Tree::leaf(&entry(one)), leaf(one), head.size, &head.roots.blake3).unwrap();
                    let old = dice.roll(total) + 1;
                    let proof = store.consistency_proof::<Sha256Tree>(size(old), head.size).unwrap();
                    let old_root = store.roots_at(size(old)).unwrap().sha256;
                    proof.verify(size(old), &old_root, head.size, &head.roots.sha256).unwrap();
                    store.confidential(leaf(one)).unwrap();
                }
            });
        }
        for first in (0..3000).step_by(20) {
            append(&store, at(first), first, 20).unwrap();
            if first % 200 == 0 {
                store.sync().unwrap();
            }
        }
        done.store(true, Ordering::SeqCst);
    });
    check_everything(&store, &[]);
}

#[test]
fn the_disk_budget_of_the_design_holds() {
    let disk = MemDisk::default();
    let (store, _) = open(&disk, Options { segment_bytes: 256 * 1024, verify_all: false }).unwrap();
    let entries: Vec<Vec<u8>> = (0..20_000_u32).map(|n| n.to_be_bytes().repeat(57)).collect();
    for (index, chunk) in entries.chunks(20).enumerate() {
        let new: Vec<_> = chunk.iter().map(|entry| NewEntry::public(entry)).collect();
        store.append(at(index as u64), &new).unwrap();
    }
    let usage = store.disk_bytes();
    let used = usage.entries + usage.tiles + usage.index;
    let allowed = store.entry_bytes() * 5 / 4 + 70 * 20_000;
    assert!(used <= allowed, "{used} bytes used, {allowed} allowed: {usage:?}");
}
