//! A ledger store as a source, so that copies and the program can be tried on what a node would serve.

#![allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used, reason = "shared by several test programs")]

use super::World;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use tamga_client::source::{Fetched, Resource, Source, SourceError, Tree};
use tamga_ledger::history::History;
use tamga_ledger::ids::RecordId;
use tamga_ledger::receipt::Receipt;
use tamga_ledger::store::{Confidential, LogPosition, NewEntry, Options, Store};
use tamga_ledger::tree::{
    Blake3Tree, LeafIndex, Sha256Tree, TILE_WIDTH, TileKind, TilePath, TreeSize, TwinInclusionProof, encode_bundle,
};
use tamga_platform::disk::MemDisk;

pub struct StoreSource {
    store: Store,
    note: String,
    pub confidential_public: bool,
    /// Published checkpoints by size; none: this source shows no archive.
    pub archive: Option<BTreeMap<TreeSize, String>>,
    /// The organisations' decisions; none: nothing was decided.
    pub history: Option<History>,
}

impl StoreSource {
    pub fn of(world: &World, note: String) -> Self {
        let disk = Arc::new(MemDisk::default());
        let (store, _) = Store::open(disk, Path::new("/ledger"), Options::default()).unwrap();
        let entries: Vec<NewEntry<'_>> = world
            .entries
            .iter()
            .map(|(entry, confidential)| NewEntry { entry, confidential, class: u8::from(!confidential.is_empty()) })
            .collect();
        // A benchmark's ledger is longer than one append may be, and its chunks of the roll have 54 KB each.
        let mut head = None;
        for (index, entries) in (1..).zip(entries.chunks(1 << 10)) {
            head = Some(store.append(LogPosition { term: 1, leader: 1, index }, entries).unwrap());
        }
        assert_eq!(head, Some(world.state.head()));
        Self { store, note, confidential_public: true, archive: None, history: None }
    }

    /// The receipt of a leaf under the checkpoint that this source serves.
    pub fn receipt(&self, leaf: u64) -> Receipt {
        let (leaf, size) = (LeafIndex::new(leaf).unwrap(), self.store.size());
        let proof = TwinInclusionProof {
            sha256: self.store.inclusion_proof(leaf, size).unwrap(),
            blake3: self.store.inclusion_proof(leaf, size).unwrap(),
        };
        Receipt { leaf, entry: self.store.entry(leaf).unwrap(), proof, checkpoint: self.note.clone() }
    }

    fn tile(&self, tree: Tree, path: &TilePath) -> Option<Vec<u8>> {
        let TileKind::Hashes(level) = path.kind() else { return None };
        match tree {
            Tree::Sha256 => self.store.tile::<Sha256Tree>(level, path.index(), path.width()).ok(),
            Tree::Blake3 => self.store.tile::<Blake3Tree>(level, path.index(), path.width()).ok(),
        }
    }

    fn bodies(&self, path: &TilePath) -> Option<Vec<u8>> {
        let first = path.index() * TILE_WIDTH;
        let bodies: Option<Vec<Vec<u8>>> = (first..first + path.width().count() as u64)
            .map(|leaf| match self.store.confidential(LeafIndex::new(leaf).ok()?).ok()? {
                Confidential::Kept { body, .. } => Some(body),
                _ => Some(Vec::new()),
            })
            .collect();
        encode_bundle(&bodies?).ok()
    }
}

impl Source for StoreSource {
    fn fetch(&self, resource: &Resource) -> Result<Fetched, SourceError> {
        let found = match resource {
            Resource::Checkpoint => Some(self.note.clone().into_bytes()),
            Resource::Genesis => self.store.entry(LeafIndex::new(0).unwrap()).ok(),
            Resource::History => self.history.as_ref().map(History::to_bytes),
            Resource::ArchiveIndex => self
                .archive
                .as_ref()
                .map(|archive| archive.keys().map(|size| format!("{size}\n")).collect::<String>().into_bytes()),
            Resource::Archived(size) => {
                self.archive.as_ref().and_then(|archive| archive.get(size).cloned()).map(String::into_bytes)
            }
            Resource::Tile(tree, path) => self.tile(*tree, path),
            Resource::Entries(path) => self.store.entry_bundle(path.index(), path.width()).ok(),
            Resource::Confidential(_) if !self.confidential_public => {
                return Ok(Fetched::Withheld("before the Voting seal".to_owned()));
            }
            Resource::Confidential(path) => self.bodies(path),
        };
        Ok(found.map_or(Fetched::Absent, Fetched::Found))
    }

    fn find(&self, _: &RecordId) -> Result<Option<LeafIndex>, SourceError> {
        Ok(None)
    }

    fn name(&self) -> &str {
        "store"
    }
}
