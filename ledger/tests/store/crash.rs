//! Crashes: power lost, process killed, writes refused, at every point where the store touches the disk.

use std::path::PathBuf;
use std::sync::Arc;

use tamga_ledger::store::{LogPosition, Options, Store, StoreError};
use tamga_platform::disk::MemDisk;

use super::support::{
    Batch, FailingDisk, SMALL_SEGMENTS, append, append_batch, assert_clean, batches, check_everything, copy, disk_with,
    files, folder, open, power_loss_keeping_some, roots, size,
};

const BATCHES: u64 = 60;
/// The disk is synced and a checkpoint archived after every so many batches.
const SYNC_EVERY: u64 = 7;
/// Class 2 is erased after this batch in the stories that erase.
const ERASE_AFTER: u64 = 40;

/// What the story had reached when it ended.
#[derive(Debug, Default)]
struct Reached {
    /// Batches appended.
    appended: u64,
    /// Batches known durable.
    durable: u64,
    /// Sizes of checkpoints known durable.
    checkpoints: Vec<u64>,
}

/// Appends, syncs, archives, rolls segments, until done or the disk fails.
fn story(store: &Store, all: &[Batch], erase: bool, reached: &mut Reached) -> Result<(), StoreError> {
    let mut archived = Vec::new();
    for batch in all {
        append_batch(store, batch)?;
        reached.appended = batch.position.index;
        if batch.position.index % SYNC_EVERY == 0 {
            let now = store.size();
            store.archive_checkpoint(now, batch.position.index * 1000, &format!("note {now}"))?;
            archived.push(now.get());
            store.sync()?;
            reached.durable = batch.position.index;
            reached.checkpoints = archived.clone();
        }
        if erase && batch.position.index == ERASE_AFTER {
            store.erase_confidential(2)?;
        }
    }
    Ok(())
}

fn index_of(position: Option<LogPosition>) -> u64 {
    position.map_or(0, |position| position.index)
}

/// Opens what a crash left, checks that nothing promised is lost and nothing unfinished shows, and goes on to the end.
fn recover_and_finish(disk: &MemDisk, all: &[Batch], reached: &Reached, what: &str) {
    let (store, recovery) = open(disk, SMALL_SEGMENTS).unwrap_or_else(|error| panic!("{what}: {error}"));
    let at = index_of(recovery.position);
    assert!(at >= reached.durable, "{what}: position {at} is before the durable {}", reached.durable);
    // The append that failed may have reached the disk whole.
    assert!(at <= reached.appended + 1, "{what}: position {at} was never written");
    let expected = all.iter().take(at as usize).map(|batch| batch.count).sum::<u64>();
    assert_eq!(recovery.size(), size(expected), "{what}");
    assert_eq!(recovery.head.roots, roots(expected), "{what}");
    for checkpoint in &reached.checkpoints {
        let found = store.checkpoint_at(size(*checkpoint)).unwrap().expect(what);
        assert_eq!(found.note, format!("note {checkpoint}"), "{what}");
    }
    assert_clean(disk);
    for batch in all.iter().skip(at as usize) {
        append_batch(&store, batch).unwrap();
    }
    store.sync().unwrap();
    let total: u64 = all.iter().map(|batch| batch.count).sum();
    assert_eq!(store.head().roots, roots(total), "{what}");
    let again = copy(disk);
    let (reopened, recovery) = open(&again, Options { verify_all: true, ..SMALL_SEGMENTS }).unwrap();
    assert_eq!((recovery.head, recovery.cut_bytes), (store.head(), 0), "{what}");
    assert_eq!((recovery.tiles_rebuilt, recovery.indexes_rebuilt), (0, 0), "{what}");
    drop(reopened);
}

#[test]
fn a_failure_at_any_change_of_the_disk_loses_nothing_durable() {
    let all = batches(BATCHES);
    let mut changes = 0;
    loop {
        let disk = FailingDisk::after(MemDisk::default(), changes);
        let mut reached = Reached::default();
        let opened = Store::open(Arc::new(disk.clone()), folder(), SMALL_SEGMENTS);
        let ended = opened.and_then(|(store, _)| {
            let ended = story(&store, &all, false, &mut reached);
            if ended.is_err() {
                // Fail-stop: nothing more is written.
                let before = disk.left();
                assert!(matches!(append_batch(&store, &all[0]), Err(StoreError::Poisoned { .. })));
                assert!(matches!(store.sync(), Err(StoreError::Poisoned { .. })));
                assert_eq!(disk.left(), before);
            }
            ended
        });
        recover_and_finish(&copy(&disk.inner), &all, &reached, &format!("process killed after {changes} changes"));
        let mixed = power_loss_keeping_some(&disk.inner, changes as u64);
        recover_and_finish(&mixed, &all, &reached, &format!("power lost after {changes} changes, some blocks kept"));
        // `power_loss_keeping_some` has left only what was durable.
        recover_and_finish(&copy(&disk.inner), &all, &reached, &format!("power lost after {changes} changes"));
        if ended.is_ok() {
            break;
        }
        // Every change at the start and the rolls, then in steps that visit all residues.
        changes += if changes < 40 { 1 } else { 3 };
    }
    assert!(changes > 100, "the story has only {changes} changes");
}

#[test]
fn unsynced_blocks_may_reach_the_disk_in_any_combination() {
    let all = batches(25);
    for seed in 0..200 {
        let disk = MemDisk::default();
        let (store, _) = open(&disk, SMALL_SEGMENTS).unwrap();
        let mut reached = Reached::default();
        // Several whole frames after the last sync: a later one may survive an earlier one.
        story(&store, &all, false, &mut reached).unwrap();
        assert!(reached.durable < reached.appended);
        drop(store);
        recover_and_finish(&power_loss_keeping_some(&disk, seed), &all, &reached, &format!("seed {seed}"));
    }
}

#[test]
fn a_crash_while_a_class_is_erased_leaves_it_whole_or_erased() {
    let all = batches(BATCHES);
    let mut changes = 0;
    loop {
        let disk = FailingDisk::after(MemDisk::default(), changes);
        let mut reached = Reached::default();
        let opened = Store::open(Arc::new(disk.clone()), folder(), SMALL_SEGMENTS);
        let ended = opened.and_then(|(store, _)| story(&store, &all, true, &mut reached));
        let what = format!("erasing, failure after {changes} changes");
        if reached.appended == ERASE_AFTER {
            recover_and_finish(&copy(&disk.inner), &all, &reached, &what);
            disk.inner.power_loss();
            recover_and_finish(&copy(&disk.inner), &all, &reached, &what);
        }
        if ended.is_ok() {
            break;
        }
        changes += 1;
    }
}

/// The ledger of a few batches, synced, with the last entries segment's path and bytes.
fn small_ledger(count: u64) -> (Vec<(PathBuf, Vec<u8>)>, Vec<Batch>) {
    let disk = MemDisk::default();
    let (store, _) = open(&disk, SMALL_SEGMENTS).unwrap();
    let all = batches(count);
    // Never synced: everything after the header may be torn.
    all.iter().for_each(|batch| append_batch(&store, batch).unwrap());
    (files(&disk, folder()), all)
}

#[test]
fn a_segment_cut_at_any_byte_comes_back_to_a_whole_frame() {
    let (all_files, all) = small_ledger(9);
    let entries = all_files.iter().position(|(path, _)| path.ends_with("entries/00000000.seg")).unwrap();
    let total = all_files[entries].1.len();
    let mut last_seen = 0;
    for length in 128..=total {
        let mut cut = all_files.clone();
        cut[entries].1.truncate(length);
        let disk = disk_with(&cut);
        let (store, recovery) = open(&disk, SMALL_SEGMENTS).unwrap();
        let at = index_of(recovery.position);
        assert!(at >= last_seen, "more bytes, fewer frames");
        last_seen = at;
        let expected = all.iter().take(at as usize).map(|batch| batch.count).sum::<u64>();
        assert_eq!(recovery.head.roots, roots(expected), "cut to {length}");
        assert_eq!(recovery.head.size, size(expected));
        if length % 16 == 0 {
            check_everything(&store, &[]);
            assert_clean(&disk);
        }
        for batch in all.iter().skip(at as usize) {
            append_batch(&store, batch).unwrap();
        }
        assert_eq!(store.head().roots, roots(all.iter().map(|batch| batch.count).sum()));
    }
    assert_eq!(last_seen, 9, "the whole file holds all frames");
}

#[test]
fn a_frame_whose_bodies_did_not_reach_the_disk_is_cut() {
    let (all_files, all) = small_ledger(9);
    let bodies = all_files.iter().position(|(path, _)| path.ends_with("confidential/1/00000000.seg")).unwrap();
    for length in 32..all_files[bodies].1.len() {
        let mut cut = all_files.clone();
        cut[bodies].1.truncate(length);
        let disk = disk_with(&cut);
        let (store, recovery) = open(&disk, SMALL_SEGMENTS).unwrap();
        assert!(recovery.cut_bytes > 0, "cut to {length}");
        let at = index_of(recovery.position);
        let expected = all.iter().take(at as usize).map(|batch| batch.count).sum::<u64>();
        assert_eq!(recovery.head.roots, roots(expected));
        for batch in all.iter().skip(at as usize) {
            append_batch(&store, batch).unwrap();
        }
        if length % 8 == 0 {
            check_everything(&store, &[]);
        }
    }
}

#[test]
fn missing_tiles_are_computed_again() {
    let disk = MemDisk::default();
    let (store, _) = open(&disk, SMALL_SEGMENTS).unwrap();
    for index in 0..20 {
        append(&store, LogPosition { term: 1, leader: 1, index }, index * 60, 60).unwrap();
    }
    store.sync().unwrap();
    let kept: Vec<_> =
        files(&disk, folder()).into_iter().filter(|(path, _)| !path.starts_with("/ledger/tiles")).collect();
    let disk = disk_with(&kept);
    let (store, recovery) = open(&disk, SMALL_SEGMENTS).unwrap();
    assert_eq!(recovery.tiles_rebuilt, 8, "four full tiles in each tree");
    check_everything(&store, &[]);
    assert_clean(&disk);
}

#[test]
fn a_missing_or_damaged_index_file_is_rebuilt() {
    let disk = MemDisk::default();
    let (store, _) = open(&disk, SMALL_SEGMENTS).unwrap();
    for index in 0..20 {
        append(&store, LogPosition { term: 1, leader: 1, index }, index * 60, 60).unwrap();
    }
    store.sync().unwrap();
    let mut kept = files(&disk, folder());
    kept.retain(|(path, _)| !path.ends_with("entries/00000000.idx"));
    let second = kept.iter_mut().find(|(path, _)| path.ends_with("entries/00000001.idx")).unwrap();
    second.1[60] ^= 1;
    let disk = disk_with(&kept);
    let (store, recovery) = open(&disk, SMALL_SEGMENTS).unwrap();
    assert_eq!(recovery.indexes_rebuilt, 2);
    check_everything(&store, &[]);
    assert_clean(&disk);
}
