//! The outbox by hazard: power loss, torn frames, segments, handing over again.

use super::*;
use tamga_ledger::ids::{ElectionId, Nonce};
use tamga_ledger::kinds::{Seal, Stage};
use tamga_ledger::record::{Record, Scope};
use tamga_platform::blocking::Inline;
use tamga_platform::disk::{MemDisk, Open};
use tamga_platform::entropy::SeededEntropy;
use tamga_platform::sim_disk::{Plan, SimDisk};

const FOLDER: &str = "/d/outbox";

fn submission(number: u64) -> (RecordId, Bytes) {
    let key = ed25519_dalek::SigningKey::from_bytes(&[3; 32]);
    let digest = tamga_ledger::ids::Digest([0; 32]);
    let seal = Seal {
        stage: Stage::Roll as u8,
        size: number,
        sha256_root: digest,
        blake3_root: digest,
        admitted_root: tamga_ledger::ids::Maybe(None),
        tally: tamga_ledger::ids::Maybe(None),
    };
    let record = Record::draft(ElectionId([1; 32]), Scope::Election, &[&key], number, Nonce([9; 16]), &seal);
    let submission = Submission::public(record.sign(&[&key]).unwrap());
    (submission.signed.id(), submission.to_bytes().into())
}

fn open(disk: &MemDisk, applied: impl Fn(&RecordId) -> bool) -> (Outbox, Writer) {
    let entropy = Arc::new(SeededEntropy::new(disk.changes()));
    Outbox::open(Arc::new(disk.clone()), Arc::new(Inline), entropy, Path::new(FOLDER), 1 << 20, applied).unwrap()
}

fn write(outbox: &Outbox, mut writer: Writer) -> Writer {
    while let Some(due) = outbox.next_write() {
        writer = outbox.write_due(writer, due).unwrap();
    }
    writer
}

fn ids(outbox: &Outbox) -> Vec<RecordId> {
    outbox.lock().live.values().map(|record| record.id).collect()
}

#[test]
fn what_was_durable_survives_a_power_loss_and_what_is_applied_is_forgotten() {
    let disk = MemDisk::default();
    let (outbox, writer) = open(&disk, |_| false);
    let records: Vec<_> = (1..=5).map(submission).collect();
    for (id, bytes) in &records[..4] {
        outbox.put(*id, bytes.clone(), 7);
    }
    let writer = write(&outbox, writer);
    assert_eq!(*outbox.durable.borrow(), 4);
    outbox.put(records[4].0, records[4].1.clone(), 7);
    disk.power_loss();
    drop((outbox, writer));

    let (outbox, _) = open(&disk, |id| *id == records[1].0);
    assert_eq!(ids(&outbox), [records[0].0, records[2].0, records[3].0]);
    disk.power_loss();
    let (outbox, _) = open(&disk, |_| false);
    assert_eq!(ids(&outbox), [records[0].0, records[2].0, records[3].0]);
}

#[test]
fn a_torn_frame_ends_the_segment_and_keeps_what_came_before() {
    let disk = MemDisk::default();
    let (outbox, writer) = open(&disk, |_| false);
    let records: Vec<_> = (1..=2).map(submission).collect();
    for (id, bytes) in &records {
        outbox.put(*id, bytes.clone(), 7);
    }
    write(&outbox, writer);
    let path = segment::path(Path::new(FOLDER), 0);
    // Nothing behind the middle of the second one has reached the disk.
    let mut torn = disk.read(&path, SEGMENT_BYTES).unwrap();
    let second = 24 + FRAME_BYTES + records[0].1.len();
    torn[second + 60..].fill(0);
    disk.replace(&path, &torn).unwrap();
    let (outbox, _) = open(&disk, |_| false);
    assert_eq!(ids(&outbox), [records[0].0]);
}

#[test]
fn a_promised_record_that_rots_keeps_the_outbox_from_opening_until_it_is_repaired() {
    let disk = MemDisk::default();
    let (outbox, mut writer) = open(&disk, |_| false);
    let records: Vec<_> = (1..=4).map(submission).collect();
    for (id, bytes) in &records {
        outbox.put(*id, bytes.clone(), 7);
        writer = write(&outbox, writer);
    }
    let (folder, quarantine) = (Path::new(FOLDER), Path::new("/d/quarantine"));
    let path = segment::path(folder, 0);
    let second = 24 + FRAME_BYTES + records[0].1.len();
    disk.open(&path, Open::ReadWrite).unwrap().write_all_at(b"rot", second as u64 + 60).unwrap();
    drop((outbox, writer));
    let entropy = Arc::new(SeededEntropy::new(5));
    let opened = || {
        let (disk, entropy) = (Arc::new(disk.clone()), Arc::clone(&entropy));
        Outbox::open(disk, Arc::new(Inline), entropy as _, folder, 1 << 20, |_| false)
    };
    let refused = opened().unwrap_err().to_string();
    assert!(refused.contains(&format!("{}: bytes {second} to", path.display())), "{refused}");
    assert!(opened().is_err(), "and nothing was changed by trying");

    assert_eq!(examine(&disk, folder).unwrap().len(), 1);
    let mended = mend(&disk, folder, quarantine, entropy.as_ref()).unwrap();
    assert_eq!((mended[0].kept, mended[0].lost), (3, 1));
    assert!(disk.read(&quarantine.join("outbox-0000000000000000.outbox"), SEGMENT_BYTES).is_ok());
    assert_eq!(examine(&disk, folder).unwrap(), []);
    let (outbox, _) = opened().unwrap();
    assert_eq!(ids(&outbox), [records[0].0, records[2].0, records[3].0]);
}

#[test]
fn a_record_is_kept_once_and_a_full_outbox_says_so() {
    let disk = MemDisk::default();
    let (outbox, _) = open(&disk, |_| false);
    let (id, bytes) = submission(1);
    let first = outbox.put(id, bytes.clone(), 7);
    assert_eq!(outbox.put(id, bytes, 9), first);
    let mut number = 2;
    while let Put::Kept { .. } = {
        let (id, bytes) = submission(number);
        outbox.put(id, bytes, 9)
    } {
        number += 1;
    }
    assert!(outbox.usage().bytes <= 1 << 20);
    assert!(outbox.usage().records > 1_000);
}

#[test]
fn a_record_that_stays_unapplied_is_handed_over_again() {
    let disk = MemDisk::default();
    let (outbox, _) = open(&disk, |_| false);
    let records: Vec<_> = (1..=3).map(submission).collect();
    for (id, bytes) in &records {
        outbox.put(*id, bytes.clone(), 7);
    }
    let handed = outbox.peek(2, usize::MAX);
    assert_eq!(handed.len(), 2);
    let now = Instant::now();
    outbox.mark_handed(handed.iter().map(|(number, _, _)| *number), now);
    assert_eq!(outbox.peek(9, usize::MAX).len(), 1);
    outbox.remove(std::iter::once(&records[0].0));
    assert_eq!(outbox.ready_stale(now + Duration::from_secs(1)), 1);
    assert_eq!(outbox.peek(9, usize::MAX).len(), 2);
    outbox.ready_all();
    assert_eq!(outbox.peek(9, usize::MAX).len(), 2);
}

#[test]
fn a_segment_whose_records_are_applied_is_deleted() {
    let disk = MemDisk::default();
    let (outbox, mut writer) = open(&disk, |_| false);
    let mut number = 0;
    for _ in 0..20 {
        // More than a segment in all, applied as they come.
        let records: Vec<_> = (0..1_500)
            .map(|_| {
                number += 1;
                submission(number)
            })
            .collect();
        for (id, bytes) in &records {
            assert_ne!(outbox.put(*id, bytes.clone(), 7), Put::Full);
        }
        writer = write(&outbox, writer);
        outbox.remove(records.iter().map(|(id, _)| id));
    }
    assert!(writer.number > 0, "it rolled");
    assert!(disk.list(Path::new(FOLDER)).unwrap().len() <= 2);
}

/// What was put and what was answered, by operations of the journal.
struct Told {
    id: RecordId,
    put: usize,
    durable: usize,
    applied: usize,
}

/// Two lives: records come alone and in groups, some are applied, a segment is given up at the restart.
fn life(disk: &SimDisk) -> Vec<Told> {
    let mut told: Vec<Told> = Vec::new();
    for life in 0..2 {
        let (outbox, mut writer) = open(disk, |id| told.iter().any(|one| one.id == *id && one.applied < usize::MAX));
        for group in [1, 3, 2] {
            let first = told.len();
            for _ in 0..group {
                let (id, bytes) = submission(told.len() as u64 + 1);
                outbox.put(id, bytes, 7);
                told.push(Told { id, put: disk.recorded(), durable: usize::MAX, applied: usize::MAX });
            }
            writer = write(&outbox, writer);
            told[first..].iter_mut().for_each(|one| one.durable = disk.recorded());
        }
        if life == 0 {
            outbox.remove(told.iter().take(2).map(|one| &one.id));
            told.iter_mut().take(2).for_each(|one| one.applied = disk.recorded());
        }
    }
    told
}

#[test]
fn every_crash_keeps_what_was_durable_and_not_applied() {
    let disk = SimDisk::new(1);
    disk.create_dir_all(Path::new(FOLDER)).unwrap();
    disk.record();
    let told = life(&disk);
    let promises: Vec<usize> = told.iter().map(|one| one.durable).collect();
    let plan = Plan { cuts_max: 48, combined_max: 3, outcomes: 4 };
    let crashes = disk.journal().each_crash(&plan, &promises, |crash, disk| {
        let applied = |id: &RecordId| told.iter().any(|one| one.id == *id && one.applied <= crash.operations);
        let (outbox, writer) = open(&disk, applied);
        let found = ids(&outbox);
        for one in told.iter().filter(|one| one.durable <= crash.operations && !applied(&one.id)) {
            assert!(found.contains(&one.id), "{crash}: a promised record is lost");
        }
        for id in &found {
            assert!(told.iter().any(|one| one.id == *id && one.put <= crash.operations), "{crash}: never put");
        }
        // What was taken over is durable again, whatever the crash had left in the page cache.
        drop((outbox, writer));
        disk.power_loss();
        assert_eq!(ids(&open(&disk, applied).0), found, "{crash}, and power lost after it");
    });
    assert!(crashes > 300, "{crashes}");
}
