//! Repair: nothing that this node has promised is lost or guessed.

use std::path::Path;

use super::super::frame::{frame_bytes, used_bytes};
use super::super::repair::{LogPlace, LogRemedy, LogRepair, LogRepairError, examine_log, repair_log};
use super::*;

const ROOT: &str = "/node";
const QUARANTINE: &str = "/quarantine";

fn place() -> LogPlace {
    LogPlace { folder: ROOT.into(), cluster: ClusterId([7; 32]), node: NodeId(1) }
}

fn repair(disk: &MemDisk, applied: Option<LogPosition>) -> Result<LogRemedy, LogRepairError> {
    let entropy = SeededEntropy::new(5);
    let repair = LogRepair { applied, quarantine: Path::new(QUARANTINE), entropy: &entropy, now_ms: 7 };
    repair_log(disk, &place(), &repair)
}

/// Frames of a segment: offset and length.
fn frames(bytes: &[u8]) -> Vec<(usize, usize)> {
    let (mut found, mut at) = (Vec::new(), 512);
    while at < used_bytes(bytes) {
        let body = u32::from_le_bytes(bytes[at + 4..at + 8].try_into().unwrap()) as usize;
        found.push((at, frame_bytes(body)));
        at += frame_bytes(body);
    }
    found
}

/// A ballot, entries 0 to 19 one a frame, a commit mark, another ballot, entries 20 to 25.
async fn healthy(segment_bytes: u64) -> MemDisk {
    let disk = MemDisk::default();
    let wal = open_with(&disk, settings(segment_bytes)).await.unwrap();
    wal.save_ballot(ballot(1)).await.unwrap();
    append(&wal, 1, 0..20).await;
    wal.save_committed(Some(at(1, 15))).unwrap();
    wal.save_ballot(ballot(2)).await.unwrap();
    append(&wal, 2, 20..26).await;
    wal.close().await.unwrap();
    disk
}

fn flip(disk: &MemDisk, path: &Path, byte: usize, bits: u8) {
    let mut bytes = read(disk, path);
    bytes[byte] ^= bits;
    overwrite(disk, path, &bytes);
}

fn copy(disk: &MemDisk) -> MemDisk {
    let twin = MemDisk::default();
    for name in disk.list(Path::new(FOLDER)).unwrap() {
        let path = Path::new(FOLDER).join(name);
        overwrite(&twin, &path, &read(disk, &path));
    }
    twin.sync_dir(Path::new(FOLDER)).unwrap();
    twin
}

fn files(disk: &MemDisk) -> Vec<(String, Vec<u8>)> {
    let names = disk.list(Path::new(FOLDER)).unwrap();
    names.into_iter().map(|name| (name.clone(), read(disk, &Path::new(FOLDER).join(name)))).collect()
}

#[tokio::test]
async fn a_sound_log_is_left_alone() {
    let disk = healthy(8_192).await;
    let before = files(&disk);
    assert_eq!(repair(&disk, Some(at(2, 25))).unwrap(), LogRemedy::Nothing);
    assert!(files(&disk) == before);
    let report = examine_log(&disk, &place()).unwrap();
    assert_eq!((report.damages().len(), report.last_index()), (0, Some(25)));
    assert_eq!(report.holds_behind(None), Ok(()));
    assert_eq!(report.holds_behind(Some(at(1, 19))), Ok(()));
    assert!(report.holds_behind(Some(at(2, 19))).unwrap_err().contains("another entry"));
}

/// A bit flipped at every byte of the log: repaired or refused, and what is repaired holds every promise.
#[tokio::test]
async fn whatever_bit_flips_no_promise_is_lost_or_guessed() {
    let sound = healthy(8_192).await;
    let whole = read(&sound, &segment(1));
    let all_entries = [entries(1, 0..20), entries(2, 20..26)].concat();
    let (mut in_place, mut purged, mut refused) = (0, 0, 0);
    for byte in (0..92).chain(512..used_bytes(&whole)) {
        let disk = copy(&sound);
        flip(&disk, &segment(1), byte, 1 << (byte % 8));
        let damaged = files(&disk);
        let before = examine_log(&disk, &place());
        if let Ok(report) = &before {
            assert!(!report.damages().is_empty(), "byte {byte}");
        }
        match repair(&disk, Some(at(2, 25))) {
            Ok(LogRemedy::InPlace(_)) => {
                in_place += 1;
                if byte >= 512 {
                    assert!(read(&disk, &segment(1)) == whole, "byte {byte}: byte for byte");
                }
                let wal = open(&disk).await.unwrap();
                assert_eq!(all(&wal).await, all_entries, "byte {byte}");
                assert_eq!(wal.look(|view| view.ballot), Some(ballot(2)), "byte {byte}");
            }
            Ok(LogRemedy::BeginBehind { purge, kept }) => {
                purged += 1;
                let wal = open(&disk).await.unwrap_or_else(|error| panic!("byte {byte}: {error}"));
                let first = purge.index as usize + 1;
                assert_eq!(all(&wal).await, all_entries[first..], "byte {byte}");
                assert_eq!(kept as usize, all_entries.len() - first);
                assert_eq!(wal.look(|view| (view.ballot, view.purged)), (Some(ballot(2)), Some(purge)), "byte {byte}");
                append(&wal, 3, 26..40).await;
                wal.close().await.unwrap();
                let wal = open(&disk).await.unwrap();
                assert_eq!(wal.look(|view| view.last()), Some(at(3, 39)), "byte {byte}: the log goes on");
            }
            Ok(LogRemedy::Nothing) => panic!("byte {byte}: nothing was found"),
            Err(LogRepairError::NewIdentity(_)) => {
                refused += 1;
                assert!(files(&disk) == damaged, "byte {byte}: nothing may be changed");
            }
            // The node id, the cluster or the version: that of another's log.
            Err(LogRepairError::Log(WalError::Foreign { .. })) => panic!("byte {byte}: its checksum is wrong too"),
            Err(error) => panic!("byte {byte}: {error}"),
        }
    }
    println!("{in_place} in place, {purged} purged, {refused} refused");
    assert!(in_place > 300 && purged > 500, "{in_place} in place, {purged} purged, {refused} refused");
}

#[tokio::test]
async fn a_damaged_entry_that_is_applied_leaves_the_log_with_those_before_it() {
    let disk = healthy(8_192).await;
    let bytes = read(&disk, &segment(1));
    let start = bytes.windows(9).position(|window| window == b"entry 7 o").unwrap();
    flip(&disk, &segment(1), start, 0x21);
    assert!(open(&disk).await.is_err());
    let remedy = repair(&disk, Some(at(2, 24))).unwrap();
    assert_eq!(remedy, LogRemedy::BeginBehind { purge: at(1, 8), kept: 17 }, "no more than needed");
    let wal = open(&disk).await.unwrap();
    assert_eq!(all(&wal).await, [entries(1, 9..20), entries(2, 20..26)].concat());
    assert_eq!(disk.list(Path::new("/quarantine/raft/wal")).unwrap(), ["0000000000000001.wal"]);
    assert_eq!(repair(&disk, Some(at(2, 24))).unwrap(), LogRemedy::Nothing, "once is enough");
}

#[tokio::test]
async fn a_damaged_entry_that_is_not_applied_demands_a_new_identity() {
    let disk = healthy(8_192).await;
    let bytes = read(&disk, &segment(1));
    let start = bytes.windows(10).position(|window| window == b"entry 22 o").unwrap();
    flip(&disk, &segment(1), start, 0x21);
    for applied in [None, Some(at(1, 5)), Some(at(2, 21))] {
        let refused = repair(&disk, applied).unwrap_err();
        assert!(matches!(refused, LogRepairError::NewIdentity(_)), "{refused}");
    }
    assert!(examine_log(&disk, &place()).unwrap().holds_behind(Some(at(2, 21))).is_err());
    assert!(examine_log(&disk, &place()).unwrap().holds_behind(Some(at(2, 22))).is_ok());
    repair(&disk, Some(at(2, 22))).unwrap();
}

#[tokio::test]
async fn a_ballot_that_nothing_restates_demands_a_new_identity() {
    let disk = healthy(8_192).await;
    let bytes = read(&disk, &segment(1));
    // The second ballot stands in a frame of its own, or with the commit mark.
    let frames = frames(&bytes);
    let (start, length) = frames[frames.len() - 7];
    let mut damaged = bytes.clone();
    damaged[start + 24..start + length - 1].iter_mut().for_each(|byte| *byte ^= 0x55);
    overwrite(&disk, &segment(1), &damaged);
    let refused = repair(&disk, Some(at(2, 25))).unwrap_err();
    assert!(refused.to_string().contains("vote twice"), "{refused}");
    assert!(refused.to_string().contains("new node id"), "{refused}");

    // A later segment restates the ballot.
    let disk = healthy(2_048).await;
    let mut first = read(&disk, &segment(1));
    let (start, length) = self::frames(&first)[0];
    first[start..start + length].iter_mut().for_each(|byte| *byte ^= 0x55);
    overwrite(&disk, &segment(1), &first);
    assert!(matches!(repair(&disk, Some(at(2, 25))).unwrap(), LogRemedy::BeginBehind { .. }));
    assert_eq!(open(&disk).await.unwrap().look(|view| view.ballot), Some(ballot(2)));
}

/// A frame of which nothing is left may have truncated what stood before it.
#[tokio::test]
async fn entries_before_an_unreadable_frame_are_not_trusted() {
    let disk = MemDisk::default();
    let wal = open_with(&disk, settings(8_192)).await.unwrap();
    append(&wal, 1, 0..10).await;
    wal.truncate(Some(6)).unwrap();
    queue(&wal, entries(2, 7..9)).await.unwrap().await.unwrap().unwrap();
    append(&wal, 2, 9..12).await;
    wal.save_ballot(ballot(2)).await.unwrap();
    wal.close().await.unwrap();
    let mut bytes = read(&disk, &segment(1));
    let bad = frames(&bytes)[10];
    bytes[bad.0..bad.0 + bad.1 - 8].iter_mut().for_each(|byte| *byte ^= 0x33);
    overwrite(&disk, &segment(1), &bytes);
    // Entries 7 and 8 of term 1 are still readable, and were replaced in the frame that is lost.
    let refused = repair(&disk, Some(at(1, 7))).unwrap_err();
    assert!(matches!(refused, LogRepairError::NewIdentity(_)), "{refused}");
    let remedy = repair(&disk, Some(at(2, 10))).unwrap();
    assert_eq!(remedy, LogRemedy::BeginBehind { purge: at(2, 9), kept: 2 });
    assert_eq!(all(&open(&disk).await.unwrap()).await, entries(2, 10..12));
}

#[tokio::test]
async fn a_damaged_end_demands_a_new_identity() {
    let disk = healthy(8_192).await;
    let mut bytes = read(&disk, &segment(1));
    let (start, length) = *frames(&bytes).last().unwrap();
    bytes[start..start + length].iter_mut().for_each(|byte| *byte ^= 0x11);
    overwrite(&disk, &segment(1), &bytes);
    let refused = repair(&disk, Some(at(2, 25))).unwrap_err();
    assert!(matches!(refused, LogRepairError::NewIdentity(_)), "{refused}");
}

#[tokio::test]
async fn a_missing_segment_is_made_good_only_when_what_it_held_is_applied() {
    let disk = MemDisk::default();
    let wal = open_with(&disk, settings(4_096)).await.unwrap();
    wal.save_ballot(ballot(1)).await.unwrap();
    append(&wal, 1, 0..100).await;
    wal.close().await.unwrap();
    disk.remove(&segment(2)).unwrap();
    let refused = repair(&disk, Some(at(1, 20))).unwrap_err();
    assert!(matches!(refused, LogRepairError::NewIdentity(_)), "{refused}");
    let LogRemedy::BeginBehind { purge, .. } = repair(&disk, Some(at(1, 95))).unwrap() else { panic!() };
    let wal = open_with(&disk, settings(4_096)).await.unwrap();
    assert_eq!(all(&wal).await, entries(1, purge.index + 1..100));
    assert!(purge.index < 95, "what was written after it stays");
}

#[tokio::test]
async fn another_nodes_log_is_not_repaired() {
    let disk = healthy(8_192).await;
    let stranger = LogPlace { node: NodeId(2), ..place() };
    assert!(matches!(examine_log(&disk, &stranger), Err(WalError::Foreign { .. })));
}

/// Crash after any change of a repair: until it is done the log refuses to open or is the repaired one; run again it ends
/// the same.
#[tokio::test]
async fn a_repair_interrupted_anywhere_is_run_again() {
    let sound = {
        let disk = MemDisk::default();
        let wal = open_with(&disk, settings(4_096)).await.unwrap();
        wal.save_ballot(ballot(1)).await.unwrap();
        append(&wal, 1, 0..100).await;
        wal.close().await.unwrap();
        disk
    };
    let bytes = read(&sound, &segment(2));
    let (start, length) = frames(&bytes)[2];
    for changes in 0.. {
        let disk = copy(&sound);
        flip(&disk, &segment(2), start + length / 2, 0x21);
        let failing = failing::FailingDisk::after(disk.clone(), changes);
        let entropy = SeededEntropy::new(5);
        let parts =
            LogRepair { applied: Some(at(1, 90)), quarantine: Path::new(QUARANTINE), entropy: &entropy, now_ms: 7 };
        let done = repair_log(&failing, &place(), &parts).is_ok();
        disk.power_loss();
        if let Ok(wal) = open_with(&copy_all(&disk), settings(4_096)).await {
            let last = wal.look(|view| view.last());
            assert_eq!(last, Some(at(1, 99)), "after {changes} changes: opened, with a part of the log");
            assert_eq!(wal.look(|view| view.ballot), Some(ballot(1)));
        }
        repair(&disk, Some(at(1, 90))).unwrap_or_else(|error| panic!("after {changes} changes: {error}"));
        let wal = open_with(&disk, settings(4_096)).await.unwrap();
        assert_eq!(wal.look(|view| view.last()), Some(at(1, 99)), "after {changes} changes");
        assert_eq!(wal.look(|view| view.ballot), Some(ballot(1)));
        if done {
            assert!(changes > 10);
            break;
        }
    }
}

fn copy_all(disk: &MemDisk) -> MemDisk {
    copy(disk)
}

/// Rot of any kind: repaired or refused, never a panic, never another entry than was written.
#[tokio::test]
async fn no_damage_makes_the_repair_panic_or_lie() {
    let sound = healthy(2_048).await;
    let all_entries = [entries(1, 0..20), entries(2, 20..26)].concat();
    let mut state = 88_172_645_463_325_252_u64;
    let mut roll = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    let mut repaired = 0;
    for round in 0..400 {
        let disk = copy(&sound);
        let names = disk.list(Path::new(FOLDER)).unwrap();
        for _ in 0..=roll(2) {
            let path = Path::new(FOLDER).join(&names[roll(names.len())]);
            let mut bytes = read(&disk, &path);
            let from = roll(used_bytes(&bytes).max(1));
            let upto = (from + 1 + roll(600)).min(bytes.len());
            match roll(4) {
                0 => bytes[from] ^= 1 << roll(8),
                1 => bytes[from..upto].fill(0),
                2 => bytes[from..upto].iter_mut().for_each(|byte| *byte ^= 0x5a),
                _ => bytes.copy_within(from..upto, roll(512)),
            }
            overwrite(&disk, &path, &bytes);
        }
        let applied = at(2, 20 + roll(6) as u64);
        if repair(&disk, Some(applied)).is_err() {
            continue;
        }
        let Ok(wal) = open_with(&disk, settings(2_048)).await else { continue };
        repaired += 1;
        let found = all(&wal).await;
        for entry in &found {
            assert_eq!(*entry, all_entries[entry.position.index as usize], "round {round}");
        }
        let last = wal.look(|view| view.last()).map_or(0, |last| last.index);
        // The very last write may look unfinished; then it is cut, as after a power cut.
        assert!(
            last + 6 >= 25 && (wal.look(|view| view.ballot) == Some(ballot(2)) || last < 20),
            "round {round}: {last}"
        );
    }
    assert!(repaired > 100, "{repaired} of 400");
}
