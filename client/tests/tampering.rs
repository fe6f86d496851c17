//! Every class of tampering with a copy of a ledger is found and named: over a small ledger each file, entry, body, tile hash and byte
//! of the checkpoint; over a larger one by seed (`TAMGA_TAMPERING_SEED`).
//!
//! What an alteration has to give is said by the alteration: the leaf at which it begins, or that nothing may be believed at all.

#![allow(clippy::unwrap_used, reason = "a test")]

mod common;
#[path = "common/copy.rs"]
mod copy;
#[path = "common/mirror.rs"]
mod mirror;

use common::{ORGANISATIONS, World, phase_filler};
use copy::{Copy, governed, large, small};
use std::collections::BTreeSet;
use tamga_client::verify::Opened;

/// The audit names `leaf` first.
fn named(what: &str, copy: &Copy, leaf: u64) {
    let report = copy.audit().unwrap_or_else(|| panic!("{what}: nothing could be audited"));
    let first = report.findings.iter().find_map(|finding| finding.leaf);
    assert!(!report.ok && first == Some(leaf), "{what}: leaf {leaf} was due: {:#?}", report.findings);
}

/// A finding about tiles and about no entry's own leaf, beginning at `leaf`.
fn tile_named(what: &str, copy: &Copy, leaf: u64) {
    let report = copy.audit().unwrap_or_else(|| panic!("{what}: nothing could be audited"));
    let found = report.findings.iter().any(|finding| finding.check.number() == 301 && finding.leaf == Some(leaf));
    assert!(!report.ok && found, "{what}: tiles from leaf {leaf} were due: {:#?}", report.findings);
}

#[test]
fn honest_copies_pass() {
    for copy in [small(), large()] {
        let report = copy.audit().unwrap();
        assert!(report.ok && report.entries == copy.size, "{:#?}", report.findings);
    }
}

#[test]
fn no_byte_of_checkpoint_or_genesis_can_be_changed() {
    let copy = small();
    for file in ["checkpoint", "genesis"] {
        for at in 0..copy.files[file].len() {
            let flipped = copy.flipped(file, at, at as u8);
            // The time in front of the genesis record is no part of what is pinned: entry 0 says which it is.
            let named = || flipped.audit().is_some_and(|report| report.findings.iter().any(|one| one.leaf == Some(0)));
            let refused = Opened::open(&flipped, &copy.election).is_err();
            assert!(refused || (file == "genesis" && named()), "{file}, byte {at}");
        }
    }
}

#[test]
fn each_entry_of_a_small_ledger_is_named_whatever_is_done_to_it() {
    let copy = small();
    assert!(copy.size < 60, "{} entries: small enough to try each", copy.size);
    for leaf in 0..copy.size {
        let at = leaf as usize;
        let (file, offset, length) = copy.offset("entries", leaf);
        for (bit, inside) in [0, length / 2, length - 1].into_iter().enumerate() {
            named("a bit", &copy.flipped(&file, offset + inside, bit as u8), leaf);
        }
        named("dropped", &copy.rearranged(|items| drop(items.remove(at))), leaf);
        named("inserted", &copy.rearranged(|items| items.insert(at, items[(at + 5) % items.len()].clone())), leaf);
        if leaf + 1 < copy.size {
            named("twice", &copy.rearranged(|items| items.insert(at, items[at].clone())), leaf + 1);
            named("exchanged with the next", &copy.rearranged(|items| items.swap(at, at + 1)), leaf);
            named("replaced", &copy.rearranged(|items| items[at] = items[at + 1].clone()), leaf);
        }
        if leaf > 0 {
            named("the tail cut", &copy.rearranged(|items| items.truncate(at)), leaf);
        }
    }
}

#[test]
fn each_hash_of_each_tile_of_a_small_ledger_is_guarded() {
    let copy = small();
    let tiles: Vec<String> = copy.files.keys().filter(|name| is_tile(name)).cloned().collect();
    assert_eq!(tiles.len(), 2, "{tiles:?}");
    for tile in tiles {
        for at in (0..copy.files[&tile].len()).step_by(32) {
            // One partial tile: the right edge as a whole is not the published one.
            tile_named(&tile, &copy.flipped(&tile, at + 7, 3), copy.size - 1);
        }
        let mut other = copy.clone();
        other.files.insert(tile.clone(), vec![7; copy.files[&tile].len()]);
        tile_named("replaced", &other, copy.size - 1);
    }
}

#[test]
fn each_byte_of_each_archived_checkpoint_and_of_their_index_is_guarded() {
    let copy = small();
    let archived: Vec<String> = copy.files.keys().filter(|name| name.starts_with("checkpoints/")).cloned().collect();
    assert_eq!(archived.len(), 4, "three checkpoints and the index: {archived:?}");
    for name in archived {
        for at in 0..copy.files[&name].len() {
            let report = copy.flipped(&name, at, at as u8).audit().unwrap();
            match name.strip_prefix("checkpoints/").unwrap().parse::<u64>() {
                // Text, cosignatures of all three organisations, the log's signature: each byte counts.
                Ok(size) => {
                    let named = report.findings.iter().any(|one| one.number == 201 && one.leaf == Some(size - 1));
                    assert!(!report.ok && named, "{name}, byte {at}: {:#?}", report.findings);
                }
                Err(_) => {
                    let named = report.findings.iter().any(|one| one.number == 208);
                    assert!(!report.ok && named, "{name}, byte {at}: {:#?}", report.findings);
                }
            }
        }
        let mut gone = copy.clone();
        gone.files.remove(&name);
        let report = gone.audit().unwrap();
        // Without an index there is no archive, and the report says so instead.
        assert!(!report.ok || (name.ends_with("index") && report.checkpoints_archived == 0), "{name}");
    }
}

#[test]
fn one_cosignature_replaced_by_another_of_the_same_key_is_named() {
    let copy = large();
    let sizes: Vec<String> = copy
        .files
        .keys()
        .filter(|name| name.starts_with("checkpoints/") && !name.ends_with("index"))
        .cloned()
        .collect();
    let line = |name: &str| {
        let note = String::from_utf8(copy.files[name].clone()).unwrap();
        note.lines().find(|line| line.starts_with("— university-2 ")).unwrap().to_owned()
    };
    // Each with the genuine cosignature that the same organisation made for the next one.
    for pair in sizes.windows(2) {
        let mut other = copy.clone();
        let note = String::from_utf8(copy.files[&pair[0]].clone()).unwrap();
        other.files.insert(pair[0].clone(), note.replace(&line(&pair[0]), &line(&pair[1])).into_bytes());
        let size: u64 = pair[0].strip_prefix("checkpoints/").unwrap().parse().unwrap();
        named("a cosignature of another checkpoint", &other, size - 1);
    }
    // In the latest one: nothing of the copy is believed.
    let mut other = copy.clone();
    let note = String::from_utf8(copy.files["checkpoint"].clone()).unwrap();
    other
        .files
        .insert("checkpoint".to_owned(), note.replace(&line(sizes.last().unwrap()), &line(&sizes[0])).into_bytes());
    let latest = note.contains(&line(sizes.last().unwrap()));
    assert!(!latest || other.audit().is_none());
}

/// Every file that a copy has, whatever its name: a kind of file that is new is walked too, and has to be added to the list.
#[test]
fn no_byte_of_any_file_of_a_copy_can_be_changed_unseen() {
    let copy = governed();
    let kinds: BTreeSet<&str> = copy.files.keys().map(|name| kind_of(name)).collect();
    let due = [
        "blake3/tile",
        "checkpoint",
        "checkpoints",
        "checkpoints/index",
        "genesis",
        "history",
        "tile",
        "tile/confidential",
        "tile/entries",
    ];
    assert_eq!(kinds.into_iter().collect::<Vec<_>>(), due);
    assert!(copy.audit().unwrap().ok);
    // Of a decision's checkpoint the history needs no log signature (FORMAT.md §8): that line carries no weight in it.
    let history = String::from_utf8_lossy(&copy.files["history"]).into_owned();
    let line = history.rsplit('\n').find(|line| line.starts_with("\u{2014} rehearsal.")).unwrap();
    let weightless = |name: &str, at: usize| {
        let end = copy.files["history"].len() - 1;
        name == "history" && (end - line.len()..end).contains(&at)
    };
    let unseen = |name: &str, at: usize| {
        copy.flipped(name, at, at as u8).audit().is_some_and(|report| report.ok) && !weightless(name, at)
    };
    let places: Vec<(&String, usize)> = copy
        .files
        .iter()
        .flat_map(|(name, bytes)| {
            // Each entry is walked by itself above; here each seventh byte of them.
            let step = if kind_of(name) == "tile/entries" { 7 } else { 1 };
            (0..bytes.len()).step_by(step).map(move |at| (name, at))
        })
        .collect();
    let half = places.len() / 2;
    let walk = |places: &[(&String, usize)]| -> Vec<String> {
        places.iter().filter(|(name, at)| unseen(name, *at)).map(|(name, at)| format!("{name}, byte {at}")).collect()
    };
    let (first, second) = std::thread::scope(|scope| {
        let other = scope.spawn(|| walk(&places[half..]));
        (walk(&places[..half]), other.join().unwrap())
    });
    assert!(first.is_empty() && second.is_empty(), "changed, and nothing found: {first:?} {second:?}");
    // A file that is not there: what cannot do without it says so.
    for name in copy.files.keys() {
        let mut without = copy.clone();
        without.files.remove(name);
        // Without an index there is no archive, and without bodies what they would show: both are said in the report. The genesis
        // record is entry 0 as well, and a history that changes neither policy nor log keys is not needed for anything.
        let optional = ["checkpoints/index", "genesis", "history", "tile/confidential"].contains(&kind_of(name));
        assert!(
            optional || without.audit().is_none_or(|report| !report.ok),
            "{name} was taken away, and nothing found"
        );
    }
}

/// Behind the end of each file something more: a byte, two, one more item of a bundle. Where the file is read all the same, the audit
/// names it.
#[test]
fn nothing_can_stand_behind_the_end_of_a_file_of_a_copy() {
    let copy = governed();
    for (name, bytes) in &copy.files {
        // The last: an empty item, an item of one byte, a length without its item; a line for the text files.
        for more in [&[0][..], b"\n", &[0, 0], &[0, 1, 7], &[0, 9], b"7\n"] {
            let mut other = copy.clone();
            other.files.insert(name.clone(), [bytes, more].concat());
            let report = other.audit();
            assert!(report.as_ref().is_none_or(|report| !report.ok), "{name} with {more:?} behind it");
            if let Some(report) = report.filter(|_| ["tile/entries", "tile/confidential"].contains(&kind_of(name))) {
                let named = report.findings.iter().any(|one| one.number == 303 && one.leaf == Some(copy.size));
                assert!(named, "{name} with {more:?} behind it: {:#?}", report.findings);
            }
        }
    }
}

/// A source whose ledger has grown may have the full file only: it serves for the partial one (C2SP tlog-tiles), what is behind it is
/// nobody's affair.
#[test]
fn a_full_file_serves_for_a_partial_one() {
    let copy = governed();
    let mut other = copy.clone();
    let mut replaced = 0;
    for (name, bytes) in &copy.files {
        let Some((full, width)) = name.split_once(".p/") else { continue };
        let more = match kind_of(name) {
            "tile" | "blake3/tile" => vec![7; (256 - width.parse::<usize>().unwrap()) * 32],
            _ => [0, 1, 7].repeat(256 - width.parse::<usize>().unwrap()),
        };
        other.files.remove(name);
        other.files.insert(full.to_owned(), [bytes, &more[..]].concat());
        replaced += 1;
    }
    assert_eq!(replaced, 4, "both trees, entries and bodies");
    let report = other.audit().unwrap();
    assert!(report.ok, "{:#?}", report.findings);
}

/// A file's kind: its path without what is a number in it.
fn kind_of(name: &str) -> &str {
    let kinds = ["tile/entries", "tile/confidential", "tile", "blake3/tile", "checkpoints/index", "checkpoints"];
    kinds.into_iter().find(|kind| name == *kind || name.starts_with(&format!("{kind}/"))).unwrap_or(name)
}

fn is_tile(name: &str) -> bool {
    (name.starts_with("tile/") || name.starts_with("blake3/"))
        && !name.contains("entries")
        && !name.contains("confidential")
}

/// splitmix64: enough to choose places, and the same everywhere.
struct Seed(u64);

impl Seed {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit
    }
}

#[test]
fn each_class_of_tampering_with_a_larger_ledger_is_named_by_seed() {
    let number = std::env::var("TAMGA_TAMPERING_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(2_026);
    let (copy, mut seed) = (large(), Seed(number));
    let bodies: Vec<u64> =
        copy.items("confidential").iter().zip(0..).filter(|(body, _)| !body.is_empty()).map(|(_, leaf)| leaf).collect();
    let tiles: Vec<String> = copy.files.keys().filter(|name| is_tile(name)).cloned().collect();
    let archived: Vec<String> = copy
        .files
        .keys()
        .filter(|name| name.starts_with("checkpoints/") && !name.ends_with("index"))
        .cloned()
        .collect();
    for round in 0..3 {
        let what = |class: &str| format!("seed {number}, round {round}: {class}");
        let leaf = 1 + seed.below(copy.size - 2);
        let at = leaf as usize;
        let (file, offset, length) = copy.offset("entries", leaf);
        let inside = seed.below(length as u64) as usize;
        named(&what("a bit of an entry"), &copy.flipped(&file, offset + inside, seed.below(8) as u8), leaf);
        named(&what("dropped"), &copy.rearranged(|items| drop(items.remove(at))), leaf);
        named(&what("twice"), &copy.rearranged(|items| items.insert(at, items[at].clone())), leaf + 1);
        named(&what("exchanged"), &copy.rearranged(|items| items.swap(at, at + 1)), leaf);
        named(&what("replaced"), &copy.rearranged(|items| items[at] = items[at + 1].clone()), leaf);
        named(&what("the tail cut"), &copy.rearranged(|items| items.truncate(at)), leaf);

        let leaf = bodies[seed.below(bodies.len() as u64) as usize];
        let (file, offset, length) = copy.offset("confidential", leaf);
        let inside = seed.below(length as u64) as usize;
        named(&what("a bit of a body"), &copy.flipped(&file, offset + inside, seed.below(8) as u8), leaf);

        let archived = &archived[seed.below(archived.len() as u64) as usize];
        let size: u64 = archived.strip_prefix("checkpoints/").unwrap().parse().unwrap();
        let inside = seed.below(copy.files[archived].len() as u64) as usize;
        named(&what("a bit of an archived checkpoint"), &copy.flipped(archived, inside, seed.below(8) as u8), size - 1);

        let tile = &tiles[seed.below(tiles.len() as u64) as usize];
        let inside = seed.below(copy.files[tile].len() as u64) as usize;
        let report = copy.flipped(tile, inside, seed.below(8) as u8).audit().unwrap();
        let blamed = report.findings.iter().all(|finding| finding.check.number() == 301);
        assert!(!report.ok && blamed, "{}: {tile}, byte {inside}: {:#?}", what("a bit of a tile"), report.findings);
    }
}
