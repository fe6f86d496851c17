//! Copies of ledgers in memory, to be tampered with.

#![allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used, reason = "shared by several test programs")]

use super::common::key;
use super::mirror::StoreSource;
use super::{ORGANISATIONS, World, phase_filler};
use std::collections::BTreeMap;
use std::path::PathBuf;
use tamga_client::source::{Fetched, Resource, Source, SourceError, bundle_count, download};
use tamga_client::verify::{Opened, audit};
use tamga_ledger::audit::Report;
use tamga_ledger::history::History;
use tamga_ledger::ids::{ElectionId, Nonce, RecordId};
use tamga_ledger::kinds::{Governance, NodeRole};
use tamga_ledger::record::{Record, Scope};
use tamga_ledger::submission::Submission;
use tamga_ledger::tree::{LeafIndex, TilePath, TreeSize, decode_bundle, encode_bundle};
use tamga_platform::disk::OsDisk;

/// A copy of a ledger in memory, as `tamga download` writes it.
#[derive(Clone)]
pub struct Copy {
    pub files: BTreeMap<String, Vec<u8>>,
    pub election: ElectionId,
    pub size: u64,
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
    /// With an archive of these checkpoints, and of the latest.
    pub fn of(world: &World, published: &Published) -> Self {
        Self::with(world, published, None)
    }

    /// With the organisations' decisions too.
    pub fn with(world: &World, published: &Published, history: Option<History>) -> Self {
        let mut source = StoreSource::of(world, world.checkpoint(&ORGANISATIONS));
        let mut archive = published.clone();
        publish(world, &mut archive);
        source.archive = Some(archive);
        source.history = history;
        let folder = tempfile::tempdir().unwrap();
        download(&source, &world.trust, &OsDisk, folder.path(), |_, _| {}).unwrap();
        let name = |path: &PathBuf| path.strip_prefix(folder.path()).unwrap().to_str().unwrap().to_owned();
        let files = walk(folder.path()).iter().map(|path| (name(path), std::fs::read(path).unwrap())).collect();
        Self { files, election: *world.scribe.election(), size: world.entries.len() as u64 }
    }

    /// What an audit says; none if nothing of the copy may be believed.
    pub fn audit(&self) -> Option<Report> {
        let opened = Opened::open(self, &self.election).ok()?;
        audit(&opened, |_, _| {}).ok().map(|audited| audited.report)
    }

    pub fn bundle_path(&self, kind: &str, index: u64) -> String {
        let size = TreeSize::new(self.size).unwrap();
        let path = TilePath::in_tree(tamga_ledger::tree::TileKind::Entries, index, size).unwrap().to_string();
        path.replace("/entries/", &format!("/{kind}/"))
    }

    pub fn items(&self, kind: &str) -> Vec<Vec<u8>> {
        let bundles = bundle_count(TreeSize::new(self.size).unwrap());
        let bundle =
            |index| decode_bundle(&self.files[&self.bundle_path(kind, index)]).unwrap().into_iter().map(<[u8]>::to_vec);
        (0..bundles).flat_map(|index| bundle(index).collect::<Vec<_>>()).collect()
    }

    /// Writes items in the same bundles; what is too many is left out, what is too few leaves the last one short.
    pub fn set_items(&mut self, kind: &str, items: &[Vec<u8>]) {
        for index in 0..bundle_count(TreeSize::new(self.size).unwrap()) {
            let first = 256 * index as usize;
            let due = (self.size as usize - first).min(256);
            let rest = items.get(first..).unwrap_or_default();
            let path = self.bundle_path(kind, index);
            self.files.insert(path, encode_bundle(&rest[..rest.len().min(due)]).unwrap());
        }
    }

    /// Entries and their bodies together.
    pub fn rearranged(&self, change: impl Fn(&mut Vec<Vec<u8>>)) -> Self {
        let mut copy = self.clone();
        for kind in ["entries", "confidential"] {
            let mut items = self.items(kind);
            change(&mut items);
            copy.set_items(kind, &items);
        }
        copy
    }

    pub fn flipped(&self, file: &str, at: usize, bit: u8) -> Self {
        let mut copy = self.clone();
        copy.files.get_mut(file).unwrap()[at] ^= 1 << (bit % 8);
        copy
    }

    /// Where item `place` begins in its bundle file, its length prefix left out.
    pub fn offset(&self, kind: &str, leaf: u64) -> (String, usize, usize) {
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

/// Published checkpoints by size.
pub type Published = BTreeMap<TreeSize, String>;

/// Publishes what the world holds now.
pub fn publish(world: &World, published: &mut Published) {
    published.insert(world.state.head().size, world.checkpoint(&ORGANISATIONS));
}

/// A short day: definition, keys, roll, opening.
pub fn small() -> Copy {
    let (mut world, mut published) = (World::prepared(), Published::new());
    publish(&world, &mut published);
    world.seal_roll();
    publish(&world, &mut published);
    world.open_all();
    Copy::of(&world, &published)
}

/// A short day on which the organisations decide something: a copy with every file that a copy can have.
pub fn governed() -> Copy {
    let (mut world, mut published) = (World::prepared(), Published::new());
    let keys: Vec<_> = ["university", "observers", "cec"].iter().map(|name| key(&format!("{name}/record"))).collect();
    let keys: Vec<_> = keys.iter().collect();
    let change = Governance::NodeSetRole { node: 3, role: NodeRole::Learner as u8 };
    let record = Record::draft(*world.scribe.election(), Scope::Election, &keys, 1, Nonce([5; 16]), &change);
    world.accept(Submission::public(record.sign(&keys).unwrap()));
    let leaf = world.entries.len() as u64 - 1;
    let receipt = StoreSource::of(&world, world.checkpoint(&ORGANISATIONS)).receipt(leaf);
    publish(&world, &mut published);
    world.seal_roll();
    world.open_all();
    world.identify(1, "10000000000001");
    Copy::with(&world, &published, Some(History { steps: vec![receipt] }))
}

/// A whole election of more than two bundles.
pub fn large() -> Copy {
    let (mut world, mut published) = (World::prepared(), Published::new());
    world.seal_roll();
    publish(&world, &mut published);
    world.open_all();
    for _ in 0..6 {
        phase_filler(&mut world, 100);
        publish(&world, &mut published);
    }
    world.vote();
    let builders = world.count_and_close();
    publish(&world, &mut published);
    world.seal_voting();
    world.publish_counts(&builders);
    world.seal_results();
    Copy::of(&world, &published)
}
