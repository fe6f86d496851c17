//! Mirrors: made, grown, interrupted at every operation of the disk, offered lies.

#![allow(clippy::unwrap_used, reason = "a test")]

mod common;
#[path = "common/mirror.rs"]
mod store;

use common::{ORGANISATIONS, World, phase_filler};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use store::StoreSource;
use tamga_client::mirror::{Mirror, MirrorError, Update};
use tamga_client::source::{DirectorySource, Fetched, Resource, Source, SourceError};
use tamga_client::verify::{Opened, Weight, audit};
use tamga_ledger::ids::{ElectionId, RecordId};
use tamga_ledger::tree::{LeafIndex, TreeSize};
use tamga_platform::disk::{Disk, DiskFile, Open, OsDisk};
use tempfile::TempDir;

/// The same election at three moments: within a bundle, further within the same one, sealed and some bundles later.
struct Days {
    election: ElectionId,
    moments: Vec<StoreSource>,
}

fn days() -> Days {
    let mut world = World::prepared();
    world.seal_roll();
    world.open_all();
    phase_filler(&mut world, 60);
    world.vote();
    let mut archive = BTreeMap::new();
    let mut moments = Vec::new();
    let mut shown = |world: &World, public: bool| {
        archive.insert(TreeSize::new(world.entries.len() as u64).unwrap(), world.checkpoint(&ORGANISATIONS));
        let mut source = StoreSource::of(world, world.checkpoint(&ORGANISATIONS));
        source.confidential_public = public;
        source.archive = Some(archive.clone());
        moments.push(source);
    };
    shown(&world, false);
    phase_filler(&mut world, 20);
    shown(&world, false);
    phase_filler(&mut world, 300);
    let builders = world.count_and_close();
    world.seal_voting();
    world.publish_counts(&builders);
    world.seal_results();
    shown(&world, true);
    Days { election: *world.scribe.election(), moments }
}

struct Place {
    root: TempDir,
    election: ElectionId,
}

impl Place {
    fn new(election: ElectionId) -> Self {
        Self { root: tempfile::tempdir().unwrap(), election }
    }

    fn folder(&self) -> PathBuf {
        self.root.path().join("mirror")
    }

    fn mirror(&self, disk: Arc<dyn Disk>) -> Mirror {
        Mirror::new(disk, &self.folder(), &self.root.path().join("work"), self.election)
    }

    fn update(&self, source: &dyn Source) -> Result<Update, MirrorError> {
        self.mirror(Arc::new(OsDisk)).update(source, |_, _, _| {})
    }

    fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let folder = self.folder();
        let name = |path: &PathBuf| path.strip_prefix(&folder).unwrap().to_str().unwrap().to_owned();
        walk(&folder).iter().map(|path| (name(path), std::fs::read(path).unwrap())).collect()
    }

    /// Judged by the audit alone, without a memory.
    fn audited(&self) -> u64 {
        let source = DirectorySource::new(Arc::new(OsDisk), &self.folder());
        let opened = Opened::open(&source, &self.election).unwrap();
        let report = audit(&opened, |_, _| {}).unwrap().report;
        assert!(report.ok, "{:?}", report.findings);
        assert!(report.checkpoints_archived > 0);
        opened.size().get()
    }
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    entries
        .map(|entry| entry.unwrap().path())
        .flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] })
        .collect()
}

#[test]
fn a_mirror_is_made_grows_and_is_audited_by_anybody() {
    let days = days();
    let place = Place::new(days.election);
    let mut before = None;
    for source in &days.moments {
        let update = place.update(source).unwrap();
        assert_eq!((update.before.map(TreeSize::get), update.changed), (before, true));
        let size = update.checkpoint.checkpoint().size.get();
        assert_eq!(place.audited(), size);
        assert!(update.memory_unused.is_none() || update.confidential, "{:?}", update.memory_unused);
        before = Some(size);
    }
    let files = place.files();
    for address in [
        "index.html",
        "ky/index.html",
        "ru/index.html",
        "en/constituencies/1.html",
        "data/candidates.csv",
        "api/v1/genesis",
    ] {
        assert!(files.contains_key(address), "{address}");
    }
    let page = String::from_utf8(files["en/index.html"].clone()).unwrap();
    assert!(page.contains(&days.election.to_string()) && page.contains(&format!("<code>{}</code>", before.unwrap())));
    assert!(!files.keys().any(|name| name.starts_with("tile/entries/000.p/")), "what has become full is there once");
    assert!(files.keys().any(|name| name.starts_with("tile/confidential/")));
    assert!(!place.update(days.moments.last().unwrap()).unwrap().changed, "nothing new, nothing written");
    assert_eq!(place.files(), files);
    // Whoever lags is no reason to go back.
    let behind = place.update(&days.moments[0]).unwrap_err();
    assert!(matches!(behind, MirrorError::Behind { .. }) && behind.weight() == Weight::Unchecked);
    assert_eq!(place.files(), files);
    // A mirror is a source like any other, of another mirror too.
    let second = Place::new(days.election);
    second.update(&DirectorySource::new(Arc::new(OsDisk), &place.folder())).unwrap();
    assert_eq!(second.audited(), before.unwrap());
}

/// How a file is falsified.
type Change = fn(&Resource, &mut Vec<u8>);

/// A source in which one file is another.
struct Lying<'a, F> {
    honest: &'a StoreSource,
    change: F,
}

impl<F: Fn(&Resource, &mut Vec<u8>) + Send + Sync> Source for Lying<'_, F> {
    fn fetch(&self, resource: &Resource) -> Result<Fetched, SourceError> {
        let mut fetched = self.honest.fetch(resource)?;
        if let Fetched::Found(bytes) = &mut fetched {
            (self.change)(resource, bytes);
        }
        Ok(fetched)
    }

    fn find(&self, record: &RecordId) -> Result<Option<LeafIndex>, SourceError> {
        self.honest.find(record)
    }

    fn name(&self) -> &str {
        "liar"
    }
}

#[test]
fn a_lie_is_refused_and_the_mirror_stays() {
    let days = days();
    for known in [0, 1] {
        let place = Place::new(days.election);
        place.update(&days.moments[known]).unwrap();
        let files = place.files();
        let last = days.moments.last().unwrap();
        let lies: [(&str, Change); 7] = [
            ("a published entry", |resource, bytes| {
                if matches!(resource, Resource::Entries(path) if path.index() == 0) {
                    bytes[40] ^= 1;
                }
            }),
            ("a new entry", |resource, bytes| {
                if matches!(resource, Resource::Entries(path) if path.index() == 1) {
                    bytes[40] ^= 1;
                }
            }),
            ("a tile", |resource, bytes| {
                if matches!(resource, Resource::Tile(_, path) if path.index() == 0) {
                    bytes[3] ^= 1;
                }
            }),
            ("the checkpoint", |resource, bytes| {
                if *resource == Resource::Checkpoint {
                    let at = bytes.len() / 2;
                    bytes[at] ^= 1;
                }
            }),
            ("an archived checkpoint", |resource, bytes| {
                if matches!(resource, Resource::Archived(_)) {
                    let at = bytes.windows(7).position(|window| window == b"blake3 ").unwrap() + 9;
                    bytes[at] ^= 1;
                }
            }),
            ("a body", |resource, bytes| {
                if matches!(resource, Resource::Confidential(_))
                    && let Some(at) = bytes.iter().position(|byte| *byte != 0)
                {
                    bytes[at + 20] ^= 1;
                }
            }),
            ("the genesis record", |resource, bytes| {
                if *resource == Resource::Genesis {
                    bytes[50] ^= 1;
                }
            }),
        ];
        for (name, change) in lies {
            let refused = place.update(&Lying { honest: last, change }).expect_err(name);
            assert_eq!(refused.weight(), Weight::Refuted, "{name}: {refused}");
            assert_eq!(place.files(), files, "{name}");
        }
        place.update(last).unwrap();
        place.audited();
    }
}

/// A disk on which everything fails from one change on, as if the process had died there.
#[derive(Debug)]
struct Dying(Arc<AtomicI64>);

impl Dying {
    fn step(&self) -> io::Result<()> {
        if self.0.fetch_sub(1, Ordering::Relaxed) > 0 { Ok(()) } else { Err(io::Error::other("the process has died")) }
    }
}

#[derive(Debug)]
struct DyingFile(Box<dyn DiskFile>, Dying);

impl DiskFile for DyingFile {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.read_at(buf, offset)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        if let Err(died) = self.1.step() {
            // Half of it may have reached the disk.
            self.0.write_all_at(&bytes[..bytes.len() / 2], offset)?;
            return Err(died);
        }
        self.0.write_all_at(bytes, offset)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.1.step()?;
        self.0.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }
}

impl Disk for Dying {
    fn open(&self, path: &Path, how: Open) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(DyingFile(OsDisk.open(path, how)?, Self(Arc::clone(&self.0)))))
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        OsDisk.list(folder)
    }

    fn create_dir_all(&self, folder: &Path) -> io::Result<()> {
        self.step()?;
        OsDisk.create_dir_all(folder)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step()?;
        OsDisk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.step()?;
        OsDisk.remove(path)
    }

    fn sync_dir(&self, folder: &Path) -> io::Result<()> {
        OsDisk.sync_dir(folder)
    }

    fn free_bytes(&self, folder: &Path) -> io::Result<u64> {
        OsDisk.free_bytes(folder)
    }
}

#[test]
fn a_mirror_that_dies_anywhere_shows_the_old_or_the_new_one_whole() {
    let days = days();
    let [first, _, last] = &days.moments[..] else { panic!("three moments") };
    let reference = Place::new(days.election);
    reference.update(first).unwrap();
    let old = reference.files();
    reference.update(last).unwrap();
    let new = reference.files();
    // Pages, tables and indexes are replaced; what a checkpoint needs is never touched.
    let needed = |name: &str| name.starts_with("tile/") || name.starts_with("blake3/") || name == "genesis";
    let (mut unchanged, mut changed) = (0, 0);
    for step in (0..).step_by(7) {
        let place = Place::new(days.election);
        place.update(first).unwrap();
        let left = Arc::new(AtomicI64::new(step));
        let died = place.mirror(Arc::new(Dying(Arc::clone(&left)))).update(last, |_, _, _| {});
        let files = place.files();
        let whole = if files["checkpoint"] == old["checkpoint"] { &old } else { &new };
        for (name, bytes) in whole.iter().filter(|(name, _)| needed(name)) {
            assert_eq!(files.get(name), Some(bytes), "{name} after {step} changes");
        }
        *(if files["checkpoint"] == old["checkpoint"] { &mut unchanged } else { &mut changed }) += 1;
        if step % 35 == 0 || died.is_ok() {
            // Half-written files beside the right ones are nobody's; the next run overwrites or ignores them.
            place.update(last).unwrap();
            let files: BTreeMap<_, _> = place.files().into_iter().filter(|(name, _)| !name.ends_with(".new")).collect();
            let narrow = |name: &str| name.contains(".p/");
            for (name, bytes) in &new {
                assert_eq!(files.get(name), Some(bytes), "{name} after {step} changes and another run");
            }
            assert!(files.keys().all(|name| new.contains_key(name) || narrow(name)), "nothing else is there");
            place.audited();
        }
        if died.is_ok() {
            break;
        }
    }
    assert!(unchanged > 8 && changed > 0, "{unchanged} and {changed}");
}
