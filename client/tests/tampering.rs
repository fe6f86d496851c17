//! Every class of tampering with a copy of a ledger is found and named: over a small ledger each file, entry, body, tile hash and byte
//! of the checkpoint; over a larger one by seed (`TAMGA_TAMPERING_SEED`).
//!
//! What an alteration has to give is said by the alteration: the leaf at which it begins, or that nothing may be believed at all.

#![allow(clippy::unwrap_used, reason = "a test")]

mod common;
#[path = "common/mirror.rs"]
mod mirror;

use common::{ORGANISATIONS, World, phase_filler};
use mirror::StoreSource;
use std::collections::BTreeMap;
use std::path::PathBuf;
use tamga_client::source::{Fetched, Resource, Source, SourceError, bundle_count, download};
use tamga_client::verify::{Opened, audit};
use tamga_ledger::audit::Report;
use tamga_ledger::ids::{ElectionId, RecordId};
use tamga_ledger::tree::{LeafIndex, TilePath, TreeSize, decode_bundle, encode_bundle};
use tamga_platform::disk::OsDisk;

/// A copy of a ledger in memory, as `tamga download` writes it.
#[derive(Clone)]
struct Copy {
    files: BTreeMap<String, Vec<u8>>,
    election: ElectionId,
    size: u64,
}

impl Source for Copy {
    fn fetch(&self, resource: &Resource) -> Result<Fetched, SourceError> {
        Ok(self.files.get(&resource.to_string()).cloned().map_or(Fetched::Absent, Fetched::Found))
    }

    fn find(&self, _: &RecordId) -> Result<Option<LeafIndex>, SourceError> {
        Ok(None)
    }

    fn name(&self) -> &str {
        "copy"
    }
}

impl Copy {
    fn of(world: &World) -> Self {
        let source = StoreSource::of(world, world.checkpoint(&ORGANISATIONS));
        let folder = tempfile::tempdir().unwrap();
        download(&source, &world.trust, &OsDisk, folder.path(), |_, _| {}).unwrap();
        let name = |path: &PathBuf| path.strip_prefix(folder.path()).unwrap().to_str().unwrap().to_owned();
        let files = walk(folder.path()).iter().map(|path| (name(path), std::fs::read(path).unwrap())).collect();
        Self { files, election: *world.scribe.election(), size: world.entries.len() as u64 }
    }

    /// What an audit says; none if nothing of the copy may be believed.
    fn audit(&self) -> Option<Report> {
        let opened = Opened::open(self, &self.election).ok()?;
        audit(&opened, |_, _| {}).ok().map(|audited| audited.report)
    }

    fn bundle_path(&self, kind: &str, index: u64) -> String {
        let size = TreeSize::new(self.size).unwrap();
        let path = TilePath::in_tree(tamga_ledger::tree::TileKind::Entries, index, size).unwrap().to_string();
        path.replace("/entries/", &format!("/{kind}/"))
    }

    fn items(&self, kind: &str) -> Vec<Vec<u8>> {
        let bundles = bundle_count(TreeSize::new(self.size).unwrap());
        let bundle =
            |index| decode_bundle(&self.files[&self.bundle_path(kind, index)]).unwrap().into_iter().map(<[u8]>::to_vec);
        (0..bundles).flat_map(|index| bundle(index).collect::<Vec<_>>()).collect()
    }

    /// Writes items in the same bundles; what is too many is left out, what is too few leaves the last one short.
    fn set_items(&mut self, kind: &str, items: &[Vec<u8>]) {
        for index in 0..bundle_count(TreeSize::new(self.size).unwrap()) {
            let first = 256 * index as usize;
            let due = (self.size as usize - first).min(256);
            let rest = items.get(first..).unwrap_or_default();
            let path = self.bundle_path(kind, index);
            self.files.insert(path, encode_bundle(&rest[..rest.len().min(due)]).unwrap());
        }
    }

    /// Entries and their bodies together.
    fn rearranged(&self, change: impl Fn(&mut Vec<Vec<u8>>)) -> Self {
        let mut copy = self.clone();
        for kind in ["entries", "confidential"] {
            let mut items = self.items(kind);
            change(&mut items);
            copy.set_items(kind, &items);
        }
        copy
    }

    fn flipped(&self, file: &str, at: usize, bit: u8) -> Self {
        let mut copy = self.clone();
        copy.files.get_mut(file).unwrap()[at] ^= 1 << (bit % 8);
        copy
    }

    /// Where item `place` begins in its bundle file, its length prefix left out.
    fn offset(&self, kind: &str, leaf: u64) -> (String, usize, usize) {
        let (path, items) = (self.bundle_path(kind, leaf / 256), self.items(kind));
        let first = (leaf / 256 * 256) as usize;
        let before: usize = items[first..leaf as usize].iter().map(|item| item.len() + 2).sum();
        (path, before + 2, items[leaf as usize].len())
    }
}

fn walk(folder: &std::path::Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

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

/// A short day: definition, keys, roll, opening.
fn small() -> Copy {
    let mut world = World::prepared();
    world.seal_roll();
    world.open_all();
    Copy::of(&world)
}

/// A whole election of more than two bundles.
fn large() -> Copy {
    let mut world = World::prepared();
    world.seal_roll();
    world.open_all();
    phase_filler(&mut world, 600);
    world.vote();
    let builders = world.count_and_close();
    world.seal_voting();
    world.publish_counts(&builders);
    world.seal_results();
    Copy::of(&world)
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
    for (file, step) in [("checkpoint", 1), ("genesis", 31)] {
        for at in (0..copy.files[file].len()).step_by(step) {
            let flipped = copy.flipped(file, at, at as u8);
            assert!(Opened::open(&flipped, &copy.election).is_err(), "{file}, byte {at}");
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

        let tile = &tiles[seed.below(tiles.len() as u64) as usize];
        let inside = seed.below(copy.files[tile].len() as u64) as usize;
        let report = copy.flipped(tile, inside, seed.below(8) as u8).audit().unwrap();
        let blamed = report.findings.iter().all(|finding| finding.check.number() == 301);
        assert!(!report.ok && blamed, "{}: {tile}, byte {inside}: {:#?}", what("a bit of a tile"), report.findings);
    }
}
