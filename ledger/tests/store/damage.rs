//! Rot: bytes that were durable and are others now. Found, located, never cut, never served.

use std::path::PathBuf;
use std::sync::Arc;

use tamga_ledger::store::{Confidential, LogPosition, Options, Store, StoreError, fsck};
use tamga_ledger::tree::{Sha256Tree, TileWidth};
use tamga_platform::disk::{Disk, MemDisk};

use super::support::{SMALL_SEGMENTS, append, disk_with, entry, files, folder, leaf, open, size};

const VERIFY_ALL: Options = Options { verify_all: true, ..SMALL_SEGMENTS };

/// 1,200 entries in 20 synced frames over several segments, with two archived checkpoints.
fn ledger() -> Vec<(PathBuf, Vec<u8>)> {
    let disk = MemDisk::default();
    let (store, _) = open(&disk, SMALL_SEGMENTS).unwrap();
    for index in 0..20 {
        append(&store, LogPosition { term: 1, leader: 1, index }, index * 60, 60).unwrap();
        store.archive_checkpoint(store.size(), index * 1000, &format!("note {index}")).unwrap();
        store.sync().unwrap();
    }
    files(&disk, folder())
}

fn find(all: &[(PathBuf, Vec<u8>)], end: &str) -> usize {
    all.iter().position(|(path, _)| path.ends_with(end)).unwrap_or_else(|| panic!("no file {end}"))
}

/// Where an entry's bytes stand: segment and offset.
fn place_of(all: &[(PathBuf, Vec<u8>)], at: u64) -> (usize, usize) {
    let wanted = entry(at);
    all.iter()
        .enumerate()
        .filter(|(_, (path, _))| {
            path.starts_with("/ledger/entries") && path.extension().is_some_and(|ext| ext == "seg")
        })
        .find_map(|(file, (_, bytes))| Some((file, bytes.windows(wanted.len()).position(|window| window == wanted)?)))
        .unwrap()
}

fn check(all: &[(PathBuf, Vec<u8>)]) -> tamga_ledger::store::Report {
    let disk: Arc<dyn Disk> = Arc::new(disk_with(all));
    fsck(&disk, folder()).unwrap()
}

fn damaged(result: Result<impl Sized, StoreError>) -> tamga_ledger::store::Fault {
    match result {
        Err(StoreError::Damaged(fault)) => fault,
        Err(other) => panic!("another error: {other}"),
        Ok(_) => panic!("the damage was not found"),
    }
}

#[test]
fn a_sound_ledger_has_no_faults() {
    let report = check(&ledger());
    assert!(report.is_clean(), "{:#?}", report.faults);
    assert_eq!(report.head.size, size(1200));
    assert_eq!(report.position.unwrap().index, 19);
}

#[test]
fn a_flipped_bit_in_an_entry_is_found_and_located() {
    let sound = ledger();
    for at in [1, 59, 60, 255, 700, 1100] {
        let mut all = sound.clone();
        let (file, offset) = place_of(&all, at);
        all[file].1[offset + 9] ^= 4;
        let fault = damaged(open(&disk_with(&all), VERIFY_ALL));
        assert_eq!(fault.path, all[file].0);
        assert_eq!(fault.leaf, Some(leaf(at / 60 * 60)), "the first leaf of the frame");
        let report = check(&all);
        assert_eq!(report.faults[0].path, all[file].0);
        // The last leaf's hash is in no full tile, so only its frame is known.
        let named = if at == 1100 { 1080 } else { at };
        assert_eq!(report.faults[0].leaf, Some(leaf(named)), "fsck names the very leaf: {:#?}", report.faults);
    }
}

#[test]
fn several_faults_are_all_reported() {
    let mut all = ledger();
    for at in [5, 300, 900] {
        let (file, offset) = place_of(&all, at);
        all[file].1[offset] ^= 1;
    }
    let report = check(&all);
    let leaves: Vec<_> = report.faults.iter().filter_map(|fault| Some(fault.leaf?.get())).collect();
    assert_eq!(leaves, [5, 300, 900], "{:#?}", report.faults);
    assert_eq!(report.head.size, size(0), "roots are known up to the first fault only");
}

#[test]
fn a_flipped_bit_below_a_sync_mark_is_never_cut() {
    let sound = ledger();
    let segments: Vec<_> = sound.iter().filter(|(path, _)| path.extension().is_some_and(|ext| ext == "seg")).collect();
    let last = find(
        &sound,
        &format!(
            "entries/{:08}.seg",
            segments.iter().filter(|(path, _)| path.starts_with("/ledger/entries")).count() - 1
        ),
    );
    for offset in (0..sound[last].1.len()).step_by(41) {
        let mut all = sound.clone();
        all[last].1[offset] ^= 0x10;
        // The last frame has nothing after it, but a checkpoint on disk says that it was durable.
        let disk = disk_with(&all);
        let fault = damaged(open(&disk, SMALL_SEGMENTS));
        assert_eq!(fault.path, all[last].0, "offset {offset}");
        let now = files(&disk, folder());
        assert_eq!(now[find(&now, all[last].0.to_str().unwrap())].1.len(), all[last].1.len(), "nothing is cut");
        assert!(!check(&all).is_clean(), "offset {offset}");
    }
}

/// As after a sync whose mark has reached the disk, before any further append and without a checkpoint.
#[test]
fn rot_in_synced_frames_that_no_later_frame_vouches_for_is_never_cut() {
    let disk = MemDisk::default();
    let (store, _) = open(&disk, SMALL_SEGMENTS).unwrap();
    for index in 0..5 {
        append(&store, LogPosition { term: 1, leader: 1, index }, index * 10, 10).unwrap();
    }
    store.sync().unwrap();
    let sound = files(&disk, folder());
    let segment = find(&sound, "entries/00000000.seg");
    for offset in (128..sound[segment].1.len()).step_by(53) {
        let mut all = sound.clone();
        all[segment].1[offset] ^= 1;
        assert_eq!(damaged(open(&disk_with(&all), SMALL_SEGMENTS)).path, all[segment].0);
        assert!(!check(&all).is_clean());
        all[segment].1 = sound[segment].1[..offset].to_vec();
        assert_eq!(damaged(open(&disk_with(&all), SMALL_SEGMENTS)).path, all[segment].0);
        assert!(!check(&all).is_clean());
    }
}

#[test]
fn a_ledger_cut_below_a_checkpoint_is_damaged() {
    let mut all = ledger();
    // Without the mark: only the checkpoint tells.
    all.retain(|(path, _)| !path.ends_with("entries/synced"));
    let last = all
        .iter()
        .rposition(|(path, _)| path.starts_with("/ledger/entries") && path.extension().is_some_and(|ext| ext == "seg"))
        .unwrap();
    let length = all[last].1.len();
    all[last].1.truncate(length - 1);
    assert!(damaged(open(&disk_with(&all), SMALL_SEGMENTS)).what.contains("checkpoint of size 1200"));
}

#[test]
fn a_missing_segment_is_named() {
    let all = ledger();
    let last = all
        .iter()
        .filter_map(|(path, _)| path.to_str()?.strip_prefix("/ledger/"))
        .rfind(|path| path.ends_with(".seg") && path.starts_with("entries"));
    for lost in ["entries/00000002.seg", last.unwrap()] {
        let mut all = all.clone();
        all.retain(|(path, _)| !path.ends_with(lost));
        assert!(damaged(open(&disk_with(&all), SMALL_SEGMENTS)).path.ends_with(lost));
        assert!(check(&all).faults[0].path.ends_with(lost));
    }
}

#[test]
fn swapped_segments_are_found() {
    let mut all = ledger();
    let (one, two) = (find(&all, "entries/00000001.seg"), find(&all, "entries/00000002.seg"));
    let first = std::mem::take(&mut all[one].1);
    all[one].1 = std::mem::replace(&mut all[two].1, first);
    assert!(damaged(open(&disk_with(&all), SMALL_SEGMENTS)).path.ends_with("entries/00000001.seg"));
    assert!(!check(&all).is_clean());
}

#[test]
fn rot_under_a_running_store_is_not_served() {
    let disk = disk_with(&ledger());
    let (store, _) = open(&disk, SMALL_SEGMENTS).unwrap();
    let all = files(&disk, folder());
    let (file, offset) = place_of(&all, 100);
    flip(&disk, &all[file].0, offset as u64 + 3);
    let fault = damaged(store.entry(leaf(100)));
    assert_eq!((fault.path, fault.leaf), (all[file].0.clone(), Some(leaf(100))));
    damaged(store.entry_bundle(0, TileWidth::Full));
    assert_eq!(store.entry(leaf(99)).unwrap(), entry(99));

    flip(&disk, std::path::Path::new("/ledger/tiles/sha256/0"), 8192 + 17);
    let fault = damaged(store.tile::<Sha256Tree>(0, 1, TileWidth::Full));
    assert_eq!((fault.offset, fault.leaf), (8192, Some(leaf(256))));
    damaged(store.inclusion_proof::<Sha256Tree>(leaf(300), size(1200)));

    let body_file = PathBuf::from("/ledger/confidential/1/00000000.seg");
    flip(&disk, &body_file, 32 + 24 + 2);
    assert_eq!(damaged(store.confidential(leaf(0))).path, body_file);
    assert!(matches!(store.confidential(leaf(6)), Ok(Confidential::Kept { class: 1, .. })));

    flip(&disk, std::path::Path::new("/ledger/checkpoints/archive.log"), 16 + 44 + 1);
    damaged(store.checkpoint_at(size(60)));
    assert!(store.checkpoint_at(size(120)).unwrap().is_some());
}

fn flip(disk: &MemDisk, path: &std::path::Path, offset: u64) {
    let file = disk.open(path, tamga_platform::disk::Open::ReadWrite).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, offset).unwrap();
    file.write_all_at(&[byte[0] ^ 0x40], offset).unwrap();
}

#[test]
fn damaged_tiles_bodies_indexes_and_checkpoints_are_reported() {
    let sound = ledger();
    let cases = [
        ("tiles/sha256/0", 8192 * 2 + 5, Some(512)),
        ("tiles/blake3/0", 9, Some(0)),
        ("tiles/blake3/0.sum", 4, Some(256)),
        ("confidential/1/00000000.seg", 60, Some(0)),
        ("confidential/2/00000001.seg", 70, None),
        ("entries/00000001.idx", 90, None),
        ("checkpoints/archive.log", 100, None),
    ];
    for (end, offset, at) in cases {
        let mut all = sound.clone();
        let file = find(&all, end);
        all[file].1[offset] ^= 1;
        let report = check(&all);
        assert!(report.faults_total >= 1, "{end}");
        let fault = &report.faults[0];
        let named = end.trim_end_matches(".sum");
        assert!(fault.path.ends_with(named), "{end}: {fault}");
        if let Some(at) = at {
            assert_eq!(fault.leaf, Some(leaf(at)), "{end}: {fault}");
        }
        assert_eq!(report.head.size, size(1200), "the entries are sound");
    }
}

#[test]
fn opening_with_verify_all_finds_damaged_tiles_and_bodies_of_closed_segments() {
    for (end, offset) in [("tiles/sha256/0", 5), ("tiles/blake3/0", 8000), ("confidential/1/00000000.seg", 60)] {
        let mut all = ledger();
        let file = find(&all, end);
        all[file].1[offset] ^= 1;
        assert!(damaged(open(&disk_with(&all), VERIFY_ALL)).path.ends_with(end));
    }
}

/// Any bytes in any file: an answer or an error, never a panic, never endless.
#[test]
fn no_content_of_any_file_makes_the_store_panic() {
    let sound = ledger();
    let mut dice = super::support::Dice::new(42);
    for _ in 0..400 {
        let mut all = sound.clone();
        let file = dice.roll(all.len() as u64) as usize;
        let bytes = &mut all[file].1;
        for _ in 0..=dice.roll(8) {
            let at = dice.roll(bytes.len() as u64) as usize;
            match dice.roll(3) {
                0 => bytes[at] = dice.roll(256) as u8,
                1 => bytes.truncate(at.max(1)),
                _ => {
                    let end = (at + 8).min(bytes.len());
                    bytes[at..end].fill(0xff);
                }
            }
        }
        let _report = check(&all);
        for options in [SMALL_SEGMENTS, VERIFY_ALL] {
            let Ok((store, _)) = open(&disk_with(&all), options) else { continue };
            exercise(&store);
        }
    }
}

fn exercise(store: &Store) {
    let total = store.size().get();
    for at in (0..total).step_by(13) {
        let read = store.entry(leaf(at)).map(|bytes| assert_eq!(bytes, entry(at), "never a wrong entry"));
        let _body = store.confidential(leaf(at));
        drop(read);
    }
    let _proof = store.inclusion_proof::<Sha256Tree>(leaf(0), store.size());
    let _checkpoints = store.checkpoints(size(0)..size(10_000), 1000);
}
