//! Every crash of a small life of the store: at each operation, each byte of each write, each outcome of what was unsynced.

use std::sync::Arc;

use tamga_ledger::store::{Options, Store};
use tamga_platform::sim_disk::{Crash, Plan, SimDisk};

use super::support::{Batch, append_batch, assert_clean, batches, check_everything, folder, leaf, open, roots, size};

/// Several rolls.
const SEGMENTS: Options = Options { segment_bytes: 4_096, verify_all: false };
const BATCHES: u64 = 24;
const SYNC_EVERY: u64 = 3;
const ERASE_AFTER: u64 = 10;

/// A step: begun when the journal had `begun` operations; durable from `durable` on.
#[derive(Debug, Clone, Copy)]
struct Told {
    begun: usize,
    durable: usize,
    batches: u64,
    checkpoint: Option<u64>,
    erased: bool,
}

fn story(erase: bool) -> (SimDisk, Vec<Batch>, Vec<Told>) {
    let (disk, all) = (SimDisk::new(1), batches(BATCHES));
    disk.record();
    let (store, _) = Store::open(Arc::new(disk.clone()), folder(), SEGMENTS).unwrap();
    let mut told = vec![Told { begun: 0, durable: 0, batches: 0, checkpoint: None, erased: false }];
    for batch in &all {
        let index = batch.position.index;
        let last = *told.last().unwrap();
        told.push(Told { begun: disk.recorded(), durable: usize::MAX, batches: index, ..last });
        append_batch(&store, batch).unwrap();
        if index % SYNC_EVERY == 0 {
            let now = store.size();
            store.archive_checkpoint(now, index * 1000, &format!("note {now}")).unwrap();
            store.sync().unwrap();
            let last = told.last_mut().unwrap();
            (last.durable, last.checkpoint) = (disk.recorded(), Some(now.get()));
        }
        if erase && index == ERASE_AFTER {
            let (begun, last) = (disk.recorded(), *told.last().unwrap());
            store.erase_confidential(2).unwrap();
            told.push(Told { begun, durable: disk.recorded(), erased: true, ..last });
        }
    }
    (disk, all, told)
}

fn recover(crash: &Crash<'_>, disk: &SimDisk, all: &[Batch], told: &[Told], thoroughly: bool) {
    let durable = &told[told.iter().rposition(|step| step.durable <= crash.operations).unwrap()];
    let begun = &told[told.iter().rposition(|step| step.begun <= crash.operations).unwrap()];
    let (store, recovery) = open(disk, SEGMENTS).unwrap_or_else(|error| panic!("{crash}: {error}"));
    let at = recovery.position.map_or(0, |position| position.index);
    assert!((durable.batches..=begun.batches).contains(&at), "{crash}: batch {at}, not {durable:?} to {begun:?}");
    let expected: u64 = all.iter().take(at as usize).map(|batch| batch.count).sum();
    assert_eq!((recovery.size(), recovery.head.roots), (size(expected), roots(expected)), "{crash}");
    for checkpoint in told.iter().filter(|step| step.durable <= crash.operations).filter_map(|step| step.checkpoint) {
        let found = store.checkpoint_at(size(checkpoint)).unwrap().unwrap_or_else(|| panic!("{crash}: {checkpoint}"));
        assert_eq!(found.note, format!("note {checkpoint}"), "{crash}");
    }
    if thoroughly {
        assert_clean(disk);
        let erasing = told.iter().any(|step| step.erased && step.begun <= crash.operations);
        if !erasing {
            check_everything(&store, &[]);
        }
    }
    // It goes on where it stopped, and what it then has is durable.
    for batch in all.iter().skip(at as usize) {
        append_batch(&store, batch).unwrap_or_else(|error| panic!("{crash}: {error}"));
    }
    store.sync().unwrap();
    let total: u64 = all.iter().map(|batch| batch.count).sum();
    drop(store);
    disk.power_loss();
    let options = Options { verify_all: thoroughly, ..SEGMENTS };
    let (store, recovery) = open(disk, options).unwrap_or_else(|error| panic!("{crash}, and gone on: {error}"));
    assert_eq!((recovery.size(), recovery.head.roots), (size(total), roots(total)), "{crash}, and gone on");
    assert!(store.entries(leaf(0)..leaf(1), 1).is_ok());
}

fn enumerate(erase: bool, plan: &Plan) -> usize {
    let (disk, all, told) = story(erase);
    let journal = disk.journal();
    let promises: Vec<usize> = told.iter().map(|step| step.durable).collect();
    let mut number = 0;
    journal.each_crash(plan, &promises, |crash, disk| {
        number += 1;
        recover(crash, &disk, &all, &told, number % 32 == 0);
    })
}

#[test]
fn every_crash_of_a_small_life_keeps_what_was_synced() {
    let crashes = enumerate(false, &Plan { cuts_max: 48, outcomes: 6, ..Plan::default() });
    assert!(crashes > 2_000, "{crashes}");
}

#[test]
fn every_crash_around_an_erasure_keeps_what_was_synced() {
    let crashes = enumerate(true, &Plan { cuts_max: 4, outcomes: 6, ..Plan::default() });
    assert!(crashes > 500, "{crashes}");
}
