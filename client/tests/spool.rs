//! The device's spool, by hazard.

#![allow(clippy::unwrap_used, reason = "a test")]

mod common;
#[path = "common/mirror.rs"]
mod mirror;

use common::{ORGANISATIONS, World, phase_filler};
use mirror::StoreSource;
use std::path::Path;
use std::sync::Arc;
use tamga_client::author::phase;
use tamga_client::device::{Spool, SpoolError};
use tamga_client::verify::{Opened, prove};
use tamga_ledger::ids::ElectionId;
use tamga_ledger::kinds::Phase;
use tamga_ledger::submission::Submission;
use tamga_ledger::tree::LeafIndex;
use tamga_platform::disk::{Disk, MemDisk, Open};

const PATH: &str = "/spool/records";

fn open(disk: &MemDisk, election: &ElectionId) -> Spool {
    Spool::open(Arc::new(disk.clone()), Path::new(PATH), *election).unwrap().0
}

fn records(world: &World, count: u32) -> Vec<Submission> {
    (0..count).map(|number| world.report(number % 4 + 1, &phase(Phase::Balance))).collect()
}

fn bytes(disk: &MemDisk) -> Vec<u8> {
    disk.read(Path::new(PATH), 1 << 30).unwrap()
}

fn overwrite(disk: &MemDisk, bytes: &[u8]) {
    disk.replace(Path::new(PATH), bytes).unwrap();
}

#[test]
fn what_was_reported_as_kept_survives_a_power_cut() {
    let (world, disk) = (World::prepared(), MemDisk::default());
    let records = records(&world, 5);
    let mut spool = open(&disk, world.scribe.election());
    let ids: Vec<_> = records.iter().map(|record| spool.keep(record).unwrap()).collect();
    assert_eq!(spool.keep(&records[2]).unwrap(), ids[2], "the same record is kept once");
    disk.power_loss();
    let spool = open(&disk, world.scribe.election());
    assert_eq!(spool.waiting(), ids);
    for (id, record) in ids.iter().zip(&records) {
        assert_eq!(spool.submission(id).unwrap().as_ref(), Some(record));
    }
}

#[test]
fn a_verified_receipt_forgets_and_nothing_else_comes_back() {
    let (mut world, disk) = (World::prepared(), MemDisk::default());
    world.seal_roll();
    world.open_all();
    let kept = records(&world, 3);
    let mut spool = open(&disk, world.scribe.election());
    for record in &kept {
        spool.keep(record).unwrap();
        world.accept(record.clone());
    }
    phase_filler(&mut world, 3);
    let source = StoreSource::of(&world, world.checkpoint(&ORGANISATIONS));
    let opened = Opened::open(&source, world.scribe.election()).unwrap();
    let leaf = world.ids.iter().position(|id| *id == kept[1].signed.id()).unwrap() as u64;
    let (_, receipt) = prove(&opened, LeafIndex::new(leaf).unwrap()).unwrap();
    assert!(spool.settle(&receipt).unwrap());
    assert!(!spool.settle(&receipt).unwrap());
    assert!(spool.withdraw(&kept[0].signed.id()).unwrap());
    disk.power_loss();
    let spool = open(&disk, world.scribe.election());
    assert_eq!(spool.waiting(), [kept[2].signed.id()]);
}

#[test]
fn a_torn_last_append_is_cut_wherever_it_was_torn() {
    let (world, disk) = (World::prepared(), MemDisk::default());
    let records = records(&world, 2);
    let mut spool = open(&disk, world.scribe.election());
    spool.keep(&records[0]).unwrap();
    let whole = bytes(&disk).len();
    spool.keep(&records[1]).unwrap();
    let all = bytes(&disk);
    for length in whole..all.len() {
        overwrite(&disk, &all[..length]);
        let (spool, opened) = Spool::open(Arc::new(disk.clone()), Path::new(PATH), *world.scribe.election()).unwrap();
        assert_eq!((spool.len(), opened.cut_bytes), (1, (length - whole) as u64));
        assert_eq!(bytes(&disk).len(), whole);
    }
    for length in 0..40 {
        overwrite(&disk, &all[..length]);
        assert!(open(&disk, world.scribe.election()).is_empty());
    }
}

#[test]
fn damage_before_the_end_is_reported_and_nothing_is_cut() {
    let (world, disk) = (World::prepared(), MemDisk::default());
    let mut spool = open(&disk, world.scribe.election());
    for record in records(&world, 3) {
        spool.keep(&record).unwrap();
    }
    let all = bytes(&disk);
    for at in (40..all.len() * 2 / 3).step_by(7) {
        let mut bad = all.clone();
        bad[at] ^= 0x10;
        overwrite(&disk, &bad);
        let opened = Spool::open(Arc::new(disk.clone()), Path::new(PATH), *world.scribe.election());
        assert!(matches!(opened, Err(SpoolError::Damaged { .. })), "byte {at}");
        assert_eq!(bytes(&disk).len(), all.len());
    }
}

#[test]
fn another_elections_spool_and_foreign_files_are_refused() {
    let (world, disk) = (World::prepared(), MemDisk::default());
    drop(open(&disk, world.scribe.election()));
    let other = Spool::open(Arc::new(disk.clone()), Path::new(PATH), ElectionId([1; 32]));
    assert!(matches!(other, Err(SpoolError::OtherElection { .. })));
    overwrite(&disk, &[b'x'; 100]);
    let foreign = Spool::open(Arc::new(disk), Path::new(PATH), *world.scribe.election());
    assert!(matches!(foreign, Err(SpoolError::Damaged { offset: 0, .. })));
}

#[test]
fn a_long_day_does_not_fill_the_disk() {
    let (world, disk) = (World::prepared(), MemDisk::default());
    let mut spool = open(&disk, world.scribe.election());
    let last = records(&world, 1).remove(0);
    spool.keep(&last).unwrap();
    for record in records(&world, 6_000) {
        let id = spool.keep(&record).unwrap();
        spool.withdraw(&id).unwrap();
    }
    assert!(bytes(&disk).len() < 2 << 20, "{}", bytes(&disk).len());
    assert_eq!(spool.submission(&last.signed.id()).unwrap(), Some(last.clone()));
    drop(spool);
    assert_eq!(open(&disk, world.scribe.election()).waiting(), [last.signed.id()]);
}

#[test]
fn after_a_failed_write_nothing_more_is_taken() {
    let (world, disk) = (World::prepared(), MemDisk::default());
    let mut spool = open(&disk, world.scribe.election());
    let records = records(&world, 2);
    disk.break_down();
    assert!(matches!(spool.keep(&records[0]), Err(SpoolError::Io { .. })));
    assert!(matches!(spool.keep(&records[1]), Err(SpoolError::Failed)));
    assert!(disk.open(Path::new(PATH), Open::Read).is_ok());
}
