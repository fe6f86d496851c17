//! Whether a copy's tiles hash up to the published root. Sound tiles tell which entry is false; unsound ones are reported
//! and tell nothing.

use crate::source::{Files, SourceError, Tree};
use std::collections::BTreeMap;
use std::marker::PhantomData;
use tamga_ledger::tree::{
    Hash, TILE_WIDTH, TileHashReader, TileKind, TilePath, TileWidth, TreeHash, TreeSize, root_at, tile_root,
};

/// Parent tiles kept; a walk in leaf order needs one a level.
const KEPT_MAX: usize = 32;

/// One tree's tiles, walked in leaf order.
pub(super) struct TileSide<'a, H> {
    files: Files<'a>,
    tree: Tree,
    size: TreeSize,
    /// Whether the right edge gives the published root.
    edge_sound: bool,
    kept: BTreeMap<TilePath, Option<Vec<Hash>>>,
    /// Faults not yet fetched by the caller.
    faults: Vec<(u64, String)>,
    hashed_with: PhantomData<fn() -> H>,
}

impl<'a, H: TreeHash> TileSide<'a, H> {
    pub(super) fn new(files: Files<'a>, tree: Tree, size: TreeSize, root: &Hash) -> Result<Self, SourceError> {
        let mut side = Self {
            files,
            tree,
            size,
            edge_sound: false,
            kept: BTreeMap::new(),
            faults: Vec::new(),
            hashed_with: PhantomData,
        };
        let mut missing = None;
        let mut reader = TileHashReader::<H, _>::new(size, |path: &TilePath| {
            files.tile(tree, path).inspect_err(|error| missing = Some(error.clone()))
        });
        match root_at::<H, _>(&mut reader, size) {
            Ok(found) if found == *root => side.edge_sound = true,
            Ok(_) => side
                .fault(size.get().saturating_sub(1), "the tiles at the right edge do not hash to the published root"),
            Err(error) => match missing {
                Some(error) if !error.is_malformed() => return Err(error),
                _ => side.fault(size.get().saturating_sub(1), &error.to_string()),
            },
        }
        Ok(side)
    }

    /// Faults found since the last call: first leaf concerned, and what.
    pub(super) fn take_faults(&mut self) -> Vec<(u64, String)> {
        std::mem::take(&mut self.faults)
    }

    /// The leaf hashes of a bundle; `None` if they do not hash up to the published root.
    pub(super) fn leaves(&mut self, index: u64) -> Result<Option<Vec<Hash>>, SourceError> {
        let Some(path) = TilePath::in_tree(TileKind::Hashes(0), index, self.size) else { return Ok(None) };
        self.sound(path)
    }

    fn sound(&mut self, path: TilePath) -> Result<Option<Vec<Hash>>, SourceError> {
        if let Some(known) = self.kept.get(&path) {
            return Ok(known.clone());
        }
        let found = self.check(path)?;
        if self.kept.len() >= KEPT_MAX {
            self.kept.clear();
        }
        self.kept.insert(path, found.clone());
        Ok(found)
    }

    /// A full tile's root stands in the tile above; a partial one is part of the right edge.
    fn check(&mut self, path: TilePath) -> Result<Option<Vec<Hash>>, SourceError> {
        let TileKind::Hashes(level) = path.kind() else { return Ok(None) };
        let hashes = match self.files.hashes(self.tree, &path) {
            Ok(hashes) => hashes,
            Err(error) if error.is_malformed() => {
                self.fault(first_leaf(level, path.index()), &error.to_string());
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        if path.width() != TileWidth::Full {
            return Ok(self.edge_sound.then_some(hashes));
        }
        let above = TilePath::in_tree(TileKind::Hashes(level + 1), path.index() / TILE_WIDTH, self.size);
        let Some(above) = above else { return Ok(self.edge_sound.then_some(hashes)) };
        let Some(parents) = self.sound(above)? else { return Ok(None) };
        let due = parents.get((path.index() % TILE_WIDTH) as usize);
        if due == Some(&tile_root::<H>(&hashes)) {
            return Ok(Some(hashes));
        }
        self.fault(first_leaf(level, path.index()), &format!("{path} does not hash to its place in the tile above"));
        Ok(None)
    }

    fn fault(&mut self, leaf: u64, what: &str) {
        self.faults.push((leaf, format!("{} tree: {what}", H::NAME)));
    }
}

/// The first leaf below a tile.
fn first_leaf(level: u8, index: u64) -> u64 {
    index.saturating_mul(TILE_WIDTH.saturating_pow(u32::from(level) + 1))
}
