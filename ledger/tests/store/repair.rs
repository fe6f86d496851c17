//! Damage made good from peers: the repaired files are, byte for byte, those of a twin that was never damaged.

use std::cell::Cell;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tamga_ledger::ids::Digest;
use tamga_ledger::store::repair::{
    BodyClaim, Job, PeerEntry, Peers, Proofs, ProvenHead, RepairError, Repaired, Step, TreeName, repair,
};
use tamga_ledger::store::{Confidential, LogPosition, Options, Store, StoreError, fsck};
use tamga_ledger::tree::{Blake3Tree, LeafIndex, Sha256Tree, TileKind, TilePath, TreeHead, TreeSize};
use tamga_platform::disk::{Disk, MemDisk, Open};

use super::support::{
    FailingDisk, SMALL_SEGMENTS, append, assert_clean, body, check_everything, disk_with, entry, files, folder, leaf,
    open, roots, size,
};

type Files = Vec<(PathBuf, Vec<u8>)>;

const QUARANTINE: &str = "/quarantine/1";
const VERIFY_ALL: Options = Options { verify_all: true, ..SMALL_SEGMENTS };
/// Leaves of the ledger, and those that a checkpoint covers.
const LEAVES: u64 = 1500;
const PUBLISHED: u64 = 1380;

/// A note of these tests: padded, so that records of the archive differ in length.
fn note(at: u64) -> String {
    format!("note of size {at} {}", "x".repeat((at % 97) as usize))
}

/// Frames of 1 to 60 entries over several segments; checkpoints up to leaf 1,380, then synced frames that none covers.
fn ledger() -> Files {
    let disk = MemDisk::default();
    let (store, _) = open(&disk, SMALL_SEGMENTS).unwrap();
    let (mut first, mut index) = (0, 0);
    while first < LEAVES {
        let count = (1 + index * 17 % 60).min(if first < PUBLISHED { PUBLISHED - first } else { LEAVES - first });
        append(&store, LogPosition { term: 1 + index / 20, leader: 3, index: 5 + index }, first, count).unwrap();
        first += count;
        index += 1;
        if first <= PUBLISHED && (index % 3 == 0 || first == PUBLISHED) {
            store.archive_checkpoint(store.size(), 0, &note(first)).unwrap();
        }
        if index % 2 == 0 || first == PUBLISHED {
            store.sync().unwrap();
        }
    }
    store.sync().unwrap();
    files(&disk, folder())
}

/// What a real ledger's trust policy and records say, for the entries and notes of these tests.
struct Model;

impl Proofs for Model {
    fn checkpoint(&self, text: &str) -> Result<ProvenHead, String> {
        let number = text.strip_prefix("note of size ").and_then(|rest| rest.split(' ').next()?.parse::<u64>().ok());
        let at = number.filter(|at| *at < 3000 && note(*at) == text).ok_or("no cosignature verifies")?;
        Ok(ProvenHead { head: TreeHead { size: size(at), roots: roots(at) }, time_ms: 0 })
    }

    fn body_claim(&self, bytes: &[u8]) -> Option<BodyClaim> {
        let at = u64::from_be_bytes(*bytes.first_chunk()?);
        let (class, body) = body(at);
        (class != 0).then(|| BodyClaim { class, digest: digest(&body) })
    }

    fn is_body(&self, claim: &BodyClaim, body: &[u8]) -> bool {
        digest(body) == claim.digest
    }
}

fn digest(body: &[u8]) -> Digest {
    Digest(*blake3::hash(body).as_bytes())
}

/// How a peer answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    Honest,
    Silent,
    /// Every entry has one byte changed.
    FalseEntries,
    FalseTiles,
    FalseBodies,
    FalseCheckpoints,
    /// Whole other entries, and tiles that fit them.
    AnotherLedger,
}

/// Peers that serve a sound ledger, each in its manner.
struct Others {
    store: Store,
    manners: Vec<Manner>,
    questions: Cell<u64>,
}

impl Others {
    fn of(sound: &Files, manners: &[Manner]) -> Self {
        let (store, _) = open(&disk_with(sound), SMALL_SEGMENTS).unwrap();
        Self { store, manners: manners.to_vec(), questions: Cell::new(0) }
    }

    fn manner(&self, peer: usize) -> Result<Manner, String> {
        self.questions.set(self.questions.get() + 1);
        match self.manners[peer] {
            Manner::Silent => Err("no answer in 2 s".to_owned()),
            other => Ok(other),
        }
    }
}

impl Peers for Others {
    fn names(&self) -> Vec<String> {
        (1..=self.manners.len()).map(|number| format!("node {number}")).collect()
    }

    fn tile(&self, peer: usize, tree: TreeName, path: &TilePath) -> Result<Vec<u8>, String> {
        let manner = self.manner(peer)?;
        let TileKind::Hashes(level) = path.kind() else { panic!("{path}") };
        let tile = match tree {
            TreeName::Sha256 => self.store.tile::<Sha256Tree>(level, path.index(), path.width()),
            TreeName::Blake3 => self.store.tile::<Blake3Tree>(level, path.index(), path.width()),
        };
        let mut bytes = tile.map_err(|error| error.to_string())?;
        match manner {
            Manner::FalseTiles => bytes[7] ^= 1,
            Manner::AnotherLedger => bytes.iter_mut().for_each(|byte| *byte = !*byte),
            _ => {}
        }
        Ok(bytes)
    }

    fn entries(&self, peer: usize, first: LeafIndex, count: u64) -> Result<Vec<PeerEntry>, String> {
        let manner = self.manner(peer)?;
        let upto = leaf((first.get() + count.min(100)).min(LEAVES));
        let entries = self.store.entries(first..upto, 3_000).map_err(|error| error.to_string())?;
        let sent = (first.get()..).zip(entries).map(|(at, mut entry)| {
            let mut body = match self.store.confidential(leaf(at)) {
                Ok(Confidential::Kept { body, .. }) => body,
                _ => Vec::new(),
            };
            match manner {
                Manner::FalseEntries | Manner::AnotherLedger => entry[10] ^= 1,
                Manner::FalseBodies => body.iter_mut().for_each(|byte| *byte ^= 1),
                _ => {}
            }
            PeerEntry { entry, body }
        });
        Ok(sent.collect())
    }

    fn checkpoints(&self, peer: usize, sizes: Range<TreeSize>) -> Result<Vec<String>, String> {
        let manner = self.manner(peer)?;
        let found = self.store.checkpoints(sizes, 2).map_err(|error| error.to_string())?;
        Ok(found.into_iter().map(|found| falsified(found.note, manner)).collect())
    }

    fn newest(&self, peer: usize) -> Result<String, String> {
        let manner = self.manner(peer)?;
        let newest = self.store.checkpoint_latest().map_err(|error| error.to_string())?;
        Ok(newest.map(|newest| falsified(newest.note, manner)).unwrap_or_default())
    }
}

fn falsified(note: String, manner: Manner) -> String {
    if matches!(manner, Manner::FalseCheckpoints | Manner::AnotherLedger) {
        note.replace("note of", "vote of")
    } else {
        note
    }
}

fn repair_with(disk: &Arc<dyn Disk>, others: &Others, log: Result<(), String>) -> Result<Repaired, RepairError> {
    let job = Job {
        disk,
        folder: folder(),
        quarantine: Path::new(QUARANTINE),
        peers: others,
        proofs: &Model,
        can_apply_again: &|_| log.clone(),
        progress: &|_: Step| {},
    };
    repair(&job)
}

fn as_disk(disk: &MemDisk) -> Arc<dyn Disk> {
    Arc::new(disk.clone())
}

/// Repairs with one honest peer.
fn repaired(sound: &Files, damaged: &Files) -> (MemDisk, Repaired) {
    let disk = disk_with(damaged);
    let others = Others::of(sound, &[Manner::Honest]);
    let done = repair_with(&as_disk(&disk), &others, Err("the log is not asked".to_owned()));
    (disk, done.unwrap_or_else(|error| panic!("{error}")))
}

/// After a repair the files are the twin's. (The sync marks may differ: they are hints that lag.)
fn assert_twins(sound: &Files, disk: &MemDisk, what: &str) {
    let now = files(disk, folder());
    let names = |files: &Files| files.iter().map(|(path, _)| path.clone()).collect::<Vec<_>>();
    assert_eq!(names(sound), names(&now), "{what}");
    for ((path, expected), (_, found)) in sound.iter().zip(&now) {
        if path.ends_with("entries/synced") {
            continue;
        }
        let differs = expected.iter().zip(found).position(|(left, right)| left != right);
        assert!(expected == found, "{what}: {} differs from byte {differs:?} on", path.display());
    }
    assert_clean(disk);
}

fn find(all: &Files, end: &str) -> usize {
    all.iter().position(|(path, _)| path.ends_with(end)).unwrap_or_else(|| panic!("no file {end}"))
}

fn segments(all: &Files) -> Vec<usize> {
    let is_segment =
        |path: &Path| path.starts_with("/ledger/entries") && path.extension().is_some_and(|it| it == "seg");
    all.iter().enumerate().filter(|(_, (path, _))| is_segment(path)).map(|(at, _)| at).collect()
}

/// Frames of a segment: offset, bytes, first leaf.
fn frames(segment: &[u8]) -> Vec<(usize, usize, u64)> {
    let word = |at: usize| u32::from_le_bytes(segment[at..at + 4].try_into().unwrap()) as usize;
    let (mut found, mut at) = (Vec::new(), 128);
    while at < segment.len() {
        let total = 64 + word(at + 4) + word(at + 44) + 4;
        found.push((at, total, u64::from_le_bytes(segment[at + 8..at + 16].try_into().unwrap())));
        at += total;
    }
    found
}

/// Each file of every kind, with a flipped bit at many places: what is repaired is what was there.
#[test]
fn a_flipped_bit_anywhere_below_the_checkpoint_is_repaired_byte_for_byte() {
    let sound = ledger();
    let all = segments(&sound);
    let mut cases = vec![
        ("tiles/sha256/0".to_owned(), 8192 * 2 + 5),
        ("tiles/blake3/0".to_owned(), 9),
        ("tiles/blake3/0.sum".to_owned(), 4),
        ("confidential/1/00000000.seg".to_owned(), 3),
        ("confidential/1/00000000.seg".to_owned(), 60),
        ("confidential/2/00000001.seg".to_owned(), 33),
        ("confidential/2/00000001.seg".to_owned(), 70),
        ("entries/00000001.idx".to_owned(), 90),
        ("checkpoints/archive.log".to_owned(), 3),
        ("checkpoints/archive.log".to_owned(), 20),
        ("checkpoints/archive.log".to_owned(), 100),
    ];
    for (number, file) in all.iter().enumerate().take(all.len() - 1) {
        let bytes = &sound[*file].1;
        // What lies behind the newest checkpoint has a test of its own.
        let end = frames(bytes).iter().find(|(.., first)| *first >= PUBLISHED).map_or(bytes.len(), |(at, ..)| *at);
        let places = (0..128).step_by(29).chain((128..end).step_by(977));
        cases.extend(places.map(|at| (format!("entries/{number:08}.seg"), at)));
    }
    for (end, at) in cases {
        let mut damaged = sound.clone();
        let file = find(&damaged, &end);
        damaged[file].1[at] ^= 1 << (at % 8);
        let (disk, done) = repaired(&sound, &damaged);
        assert_twins(&sound, &disk, &format!("{end} at {at}: {:?}", done.files));
        assert_eq!(done.cut_to, None);
    }
}

#[test]
fn whole_files_that_are_gone_come_back() {
    let sound = ledger();
    let lost = [
        "entries/00000001.idx",
        "confidential/1/00000000.seg",
        "confidential/2/00000001.seg",
        "tiles/sha256/0",
        "tiles/blake3/0.sum",
    ];
    for end in lost {
        let mut damaged = sound.clone();
        damaged.retain(|(path, _)| !path.ends_with(end));
        let (disk, _) = repaired(&sound, &damaged);
        assert_twins(&sound, &disk, end);
    }
}

/// Damage that leaves no header: frames are made again for the same leaves, at other places perhaps.
#[test]
fn what_cannot_be_byte_for_byte_is_the_same_ledger() {
    let sound = ledger();
    let all = segments(&sound);
    let (first, second) = (all[0], all[1]);
    let several = frames(&sound[first].1);
    type Harm = Box<dyn Fn(&mut Files)>;
    let (from, upto) = (several[2].0, several[6].0 + 30);
    let swapped = move |all: &mut Files| {
        let one = std::mem::take(&mut all[first].1);
        all[first].1 = std::mem::replace(&mut all[second].1, one);
    };
    let harms: Vec<(&str, Harm)> = vec![
        ("a stretch of zeros over several frames", Box::new(move |all| all[first].1[from..upto].fill(0))),
        ("a segment that is gone", Box::new(move |all| drop(all.remove(second)))),
        ("two segments that are gone", Box::new(move |all| drop(all.drain(second..=second + 1)))),
        ("two segments exchanged", Box::new(swapped)),
        ("a segment cut short", Box::new(move |all| all[second].1.truncate(700))),
        ("a segment of zeros", Box::new(move |all| all[second].1.fill(0))),
        (
            "a frame written where another belongs",
            Box::new(move |all| {
                let (at, total, _) = frames(&all[first].1)[2];
                let (other, _, _) = frames(&all[first].1)[5];
                all[first].1.copy_within(other..other + total.min(200), at);
            }),
        ),
    ];
    for (what, harm) in harms {
        let mut damaged = sound.clone();
        harm(&mut damaged);
        assert!(matches!(open(&disk_with(&damaged), VERIFY_ALL), Err(StoreError::Damaged(_))), "{what}");
        let (disk, done) = repaired(&sound, &damaged);
        assert!(done.leaves_fetched > 0 && done.cut_to.is_none(), "{what}: {done:#?}");
        assert_clean(&disk);
        let (store, recovery) = open(&disk, VERIFY_ALL).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!((store.size(), recovery.cut_bytes), (size(LEAVES), 0), "{what}");
        check_everything(&store, &[]);
        let twin = Store::open(Arc::new(disk_with(&sound)), folder(), SMALL_SEGMENTS).unwrap().0;
        assert_eq!(store.position(), twin.position(), "{what}: re-applying starts from the same position");
        append(&store, LogPosition { term: 99, leader: 1, index: 999 }, LEAVES, 40).unwrap();
        store.sync().unwrap();
        assert_clean(&disk);
    }
}

/// The damaged originals are kept, and nothing else is.
#[test]
fn damaged_originals_are_kept_aside() {
    let sound = ledger();
    let mut damaged = sound.clone();
    let file = segments(&damaged)[1];
    damaged[file].1[1000] ^= 8;
    let (disk, _) = repaired(&sound, &damaged);
    let kept = files(&disk, Path::new(QUARANTINE));
    assert_eq!(kept, [(Path::new(QUARANTINE).join("ledger/entries/00000001.seg"), damaged[file].1.clone())]);
}

/// Entries exchanged together with every checksum, tile and root that this node keeps: only the published roots tell.
#[test]
fn entries_forged_with_all_their_checksums_are_found_and_replaced() {
    let sound = ledger();
    // A ledger in which leaf 700 says something else, made by the store itself.
    let forged = {
        let disk = MemDisk::default();
        let (store, _) = open(&disk, SMALL_SEGMENTS).unwrap();
        let twin = Others::of(&sound, &[Manner::Honest]).store;
        let mut other = entry(700);
        other[12] ^= 1;
        let reader = files(&disk_with(&sound), folder());
        for at in segments(&reader) {
            for (offset, _, first) in frames(&reader[at].1) {
                let word = |from: usize| {
                    u64::from_le_bytes(reader[at].1[offset + from..offset + from + 8].try_into().unwrap())
                };
                let position = LogPosition { term: word(16), leader: word(24), index: word(32) };
                let count = u32::from_le_bytes(reader[at].1[offset + 40..offset + 44].try_into().unwrap());
                let parts: Vec<_> = (first..first + u64::from(count))
                    .map(|at| (if at == 700 { other.clone() } else { entry(at) }, body(at)))
                    .collect();
                let parts: Vec<_> = parts
                    .iter()
                    .map(|(entry, (class, body))| tamga_ledger::store::NewEntry {
                        entry,
                        confidential: body,
                        class: *class,
                    })
                    .collect();
                store.append(position, &parts).unwrap();
            }
        }
        for archived in twin.checkpoints(size(0)..size(LEAVES), usize::MAX).unwrap() {
            store.archive_checkpoint(archived.size, archived.time_ms, &archived.note).unwrap();
        }
        store.sync().unwrap();
        files(&disk, folder())
    };
    let disk = disk_with(&forged);
    assert!(fsck(&as_disk(&disk), folder()).unwrap().is_clean(), "every checksum holds");
    let (disk, done) = repaired(&sound, &forged);
    assert!(done.leaves_fetched > 0);
    assert_clean(&disk);
    check_everything(&open(&disk, VERIFY_ALL).unwrap().0, &[]);
}

/// Behind the newest checkpoint nothing is proven: the ledger is cut, if the log can apply the rest again.
#[test]
fn damage_behind_the_checkpoint_cuts_or_refuses() {
    let sound = ledger();
    let last = *segments(&sound).last().unwrap();
    let beyond: Vec<_> = frames(&sound[last].1).into_iter().filter(|(.., first)| *first >= PUBLISHED).collect();
    assert!(beyond.len() > 2, "the last segment holds frames that no checkpoint covers");
    for (offset, total, first) in beyond {
        for place in [5, 30, total / 2, total - 2] {
            let mut damaged = sound.clone();
            damaged[last].1[offset + place] ^= 0x10;
            let disk = disk_with(&damaged);
            let others = Others::of(&sound, &[Manner::Honest]);
            if place < 64 {
                // A flipped bit in a header is put right, but its entries stay unproven only if they are bad too.
                let done = repair_with(&as_disk(&disk), &others, Err("purged".to_owned()));
                assert!(matches!(done, Err(RepairError::BeyondProof { leaf, .. }) if leaf == first), "{done:?}");
            }
            let refused = repair_with(&as_disk(&disk), &others, Err("the log begins behind it".to_owned()));
            let Err(RepairError::BeyondProof { leaf: at, proven, why }) = refused else { panic!("{refused:?}") };
            assert_eq!((at, proven, why.as_str()), (first, PUBLISHED, "the log begins behind it"));
            assert!(files(&disk, folder()) == files(&disk_with(&damaged), folder()), "nothing was changed");
            let done = repair_with(&as_disk(&disk), &others, Ok(())).unwrap();
            assert_eq!(done.cut_to, Some(first));
            let (store, _) = open(&disk, VERIFY_ALL).unwrap();
            assert_eq!(store.size(), size(first));
            check_everything(&store, &[]);
        }
    }
}

#[test]
fn a_peer_that_lies_is_named_and_another_is_asked() {
    let sound = ledger();
    let mut damaged = sound.clone();
    let file = segments(&damaged)[1];
    let (offset, total, _) = frames(&damaged[file].1)[3];
    damaged[file].1[offset + total / 2] ^= 1;
    let (bodies, tiles, archive) = (
        find(&damaged, "confidential/2/00000001.seg"),
        find(&damaged, "tiles/sha256/0"),
        find(&damaged, "checkpoints/archive.log"),
    );
    damaged[bodies].1[70] ^= 1;
    // Nothing on this disk proves the leaves any more.
    for tile in damaged[tiles].1.chunks_mut(8192) {
        tile[77] ^= 2;
    }
    damaged[archive].1[300..900].fill(0x5a);
    let lies = [
        (Manner::FalseEntries, "does not hash to its leaf hash"),
        (Manner::FalseTiles, "published root"),
        (Manner::FalseBodies, "digest in the entry"),
        (Manner::FalseCheckpoints, "no cosignature verifies"),
        (Manner::AnotherLedger, "no cosignature verifies"),
    ];
    for (manner, reason) in lies {
        let others = Others::of(&sound, &[Manner::Silent, manner, Manner::Honest]);
        let disk = disk_with(&damaged);
        let done = repair_with(&as_disk(&disk), &others, Err(String::new()))
            .unwrap_or_else(|error| panic!("{manner:?}: {error}"));
        let forged: Vec<_> = done.refusals.iter().filter(|refusal| refusal.forged).collect();
        assert_eq!(forged.len(), 1, "a liar is asked once: {:#?}", done.refusals);
        assert!(forged[0].peer == "node 2" && forged[0].what.contains(reason), "{manner:?}: {}", forged[0]);
        assert!(done.refusals.iter().any(|refusal| !refusal.forged && refusal.peer == "node 1"));
        assert_clean(&disk);
        check_everything(&open(&disk, VERIFY_ALL).unwrap().0, &[]);

        let alone = Others::of(&sound, &[manner]);
        let disk = disk_with(&damaged);
        let refused = repair_with(&as_disk(&disk), &alone, Err(String::new()));
        match refused {
            // Its false checkpoints leave a hole in the archive, which every node that was away has.
            Ok(_) => assert_eq!(manner, Manner::FalseCheckpoints),
            Err(error) => {
                assert!(error.to_string().contains("node 1 answered falsely"), "{manner:?}: {error}");
                let entries = |disk: &MemDisk| files(disk, Path::new("/ledger/entries"));
                assert!(entries(&disk) == entries(&disk_with(&damaged)), "no unproven byte was written");
            }
        }
    }
}

#[test]
fn without_peers_and_without_published_checkpoints_nothing_is_made_up() {
    let sound = ledger();
    let mut damaged = sound.clone();
    let file = segments(&damaged)[0];
    damaged[file].1[1500] ^= 1;
    let nobody = Others::of(&sound, &[]);
    let refused = repair_with(&as_disk(&disk_with(&damaged)), &nobody, Ok(()));
    assert!(matches!(refused, Err(RepairError::NoPeer { .. })), "{refused:?}");
    damaged.retain(|(path, _)| !path.ends_with("checkpoints/archive.log"));
    let refused = repair_with(&as_disk(&disk_with(&damaged)), &nobody, Ok(()));
    assert!(matches!(refused, Err(RepairError::NothingPublished)), "{refused:?}");

    // What is derived needs nobody.
    let mut damaged = sound.clone();
    for (end, at) in [("tiles/sha256/0", 4000), ("tiles/blake3/0", 8192 + 3), ("entries/00000000.idx", 80)] {
        let file = find(&damaged, end);
        damaged[file].1[at] ^= 1;
    }
    let disk = disk_with(&damaged);
    repair_with(&as_disk(&disk), &nobody, Ok(())).unwrap();
    assert_twins(&sound, &disk, "derived files");
}

#[test]
fn a_sound_ledger_is_left_as_it_is() {
    let sound = ledger();
    let (disk, done) = repaired(&sound, &sound);
    assert!(done.files.is_empty() && done.tiles == 0 && done.leaves_fetched == 0, "{done:#?}");
    assert!(files(&disk, folder()) == files(&disk_with(&sound), folder()));
}

#[test]
fn an_erased_class_needs_no_bodies() {
    let disk = disk_with(&ledger());
    let (store, _) = open(&disk, SMALL_SEGMENTS).unwrap();
    store.erase_confidential(2).unwrap();
    drop(store);
    let mut damaged = files(&disk, folder());
    let file = segments(&damaged)[1];
    let (offset, total, _) = frames(&damaged[file].1)[3];
    damaged[file].1[offset + total / 2] ^= 1;
    let (disk, _) = repaired(&ledger(), &damaged);
    assert_clean(&disk);
    check_everything(&open(&disk, VERIFY_ALL).unwrap().0, &[2]);
}

/// A crash after any write, sync or rename of a repair: run again it ends the same, and until then the ledger does not
/// open as if nothing were wrong.
#[test]
fn a_repair_that_is_interrupted_anywhere_can_be_run_again() {
    let sound = ledger();
    let mut damaged = sound.clone();
    for number in [0, 1] {
        let file = segments(&damaged)[number];
        let (offset, total, _) = frames(&damaged[file].1)[3];
        damaged[file].1[offset + total / 2] ^= 1;
    }
    for (end, at) in [("confidential/1/00000000.seg", 60), ("tiles/sha256/0", 4000), ("entries/00000000.idx", 80)] {
        let file = find(&damaged, end);
        damaged[file].1[at] ^= 1;
    }
    let others = Others::of(&sound, &[Manner::Honest]);
    for lose_power in [false, true] {
        let mut changes = 0;
        loop {
            let disk = disk_with(&damaged);
            let failing = FailingDisk::after(disk.clone(), changes);
            let failing_disk: Arc<dyn Disk> = Arc::new(failing.clone());
            let done = repair_with(&failing_disk, &others, Err(String::new()));
            let finished = failing.left() >= 0;
            assert_eq!(done.is_ok(), finished, "after {changes} changes: {done:?}");
            if lose_power {
                disk.power_loss();
            }
            if !finished {
                let opened = open(&disk, VERIFY_ALL);
                assert!(
                    opened.is_err() || fsck(&as_disk(&disk), folder()).unwrap().is_clean(),
                    "after {changes} changes"
                );
                drop(opened);
            }
            repair_with(&as_disk(&disk), &others, Err(String::new()))
                .unwrap_or_else(|error| panic!("after {changes}: {error}"));
            assert_twins(&sound, &disk, &format!("after {changes} changes"));
            if finished {
                break;
            }
            changes += 1;
        }
        assert!(changes > 20, "{changes} changes only");
    }
}

/// Any bytes in any files: repaired or refused with a reason, never a panic, never a wrong ledger.
#[test]
fn no_damage_makes_a_repair_panic_or_believe() {
    let sound = ledger();
    let mut dice = super::support::Dice::new(7);
    let others = Others::of(&sound, &[Manner::Honest]);
    let mut mended = 0;
    for _ in 0..60 {
        let mut damaged = sound.clone();
        for _ in 0..=dice.roll(3) {
            let file = dice.roll(damaged.len() as u64) as usize;
            let bytes = &mut damaged[file].1;
            let at = dice.roll(bytes.len() as u64) as usize;
            let end = (at + 1 + dice.roll(700) as usize).min(bytes.len());
            match dice.roll(4) {
                0 => bytes[at] ^= 1 << dice.roll(8),
                1 => bytes.truncate(at.max(1)),
                2 => bytes[at..end].fill(0xff),
                _ => bytes[at..end].fill(0),
            }
        }
        let disk = disk_with(&damaged);
        match repair_with(&as_disk(&disk), &others, Ok(())) {
            Ok(_) => {
                mended += 1;
                let (store, _) = open(&disk, VERIFY_ALL).unwrap();
                check_everything(&store, &[]);
            }
            Err(RepairError::OwnDecision { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
    assert!(mended > 55, "{mended} of 60");
}

#[test]
fn a_ledger_with_an_unfinished_repair_does_not_open() {
    let disk = disk_with(&ledger());
    let file = disk.open(Path::new("/ledger/repair"), Open::CreateNew).unwrap();
    file.write_all_at(b"anything", 0).unwrap();
    let error = open(&disk, SMALL_SEGMENTS).unwrap_err();
    assert!(error.to_string().contains("a repair of this ledger was interrupted"), "{error}");
    assert!(error.to_string().contains("tamga-node repair"), "{error}");
}
