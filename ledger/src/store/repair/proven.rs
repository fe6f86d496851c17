//! Leaf hashes that hash up to a published root.
//!
//! The tiles at the right edge are proven together: they give the root. Every other tile is full, and the hash of its 256
//! hashes stands in the tile above it. A tile on this node's own disk that passes needs not be fetched.

use std::collections::BTreeMap;

use crate::tree::{
    Hash, TileBuilder, TileHashReader, TileKind, TilePath, TileReadError, TileWidth, TreeHash, TreeSize, root_at,
    tile_hashes, tile_root,
};

use super::super::error::StoreError;
use super::super::tiles::TileFiles;
use super::peers::Asked;
use super::{RepairError, TreeName};

/// Proven tiles kept: a walk in leaf order needs one a level.
const KEPT_MAX: usize = 32;

/// The tiles of one tree at a published size.
pub(super) struct Proven<H> {
    tree: TreeName,
    size: TreeSize,
    own: TileFiles,
    edge: TileBuilder<H>,
    kept: BTreeMap<TilePath, Vec<Hash>>,
}

impl<H: TreeHash> Proven<H> {
    /// Proves the right edge.
    pub(super) fn new(
        tree: TreeName,
        (size, root): (TreeSize, Hash),
        own: TileFiles,
        asked: &mut Asked<'_>,
    ) -> Result<Self, RepairError> {
        let mut paths = Vec::new();
        // Run once over nothing, to learn which tiles are at the edge.
        let _unproven = TileBuilder::<H>::restore::<std::convert::Infallible>(size, |path| {
            paths.push(*path);
            Ok(vec![0; path.width().count() * 32])
        });
        let restore = |tiles: &[Vec<u8>]| {
            let mut tiles = paths.iter().zip(tiles);
            let given = |path: &TilePath| match tiles.next() {
                Some((due, bytes)) if due == path => Ok(bytes.clone()),
                _ => Err(()),
            };
            TileBuilder::<H>::restore(size, given).ok().filter(|edge| edge.root() == root)
        };
        let edge = if paths.is_empty() { restore(&[]) } else { None };
        let edge = match edge {
            Some(edge) => edge,
            None => asked.tiles_together(tree, &paths, restore)?,
        };
        Ok(Self { tree, size, own, edge, kept: BTreeMap::new() })
    }

    /// The hash of a leaf; `None` beyond the published size.
    pub(super) fn leaf(&mut self, leaf: u64, asked: &mut Asked<'_>) -> Result<Option<Hash>, RepairError> {
        let Some(path) = TilePath::in_tree(TileKind::Hashes(0), leaf / 256, self.size) else { return Ok(None) };
        Ok(self.tile(path, asked)?.get((leaf % 256) as usize).copied())
    }

    /// The root over the first `size` entries, which are part of what was published.
    pub(super) fn root_at(&mut self, size: TreeSize, asked: &mut Asked<'_>) -> Result<Hash, RepairError> {
        let whole = self.size;
        let mut reader = TileHashReader::<H, _>::new(whole, |path: &TilePath| {
            let hashes = self.tile(*path, asked)?;
            Ok::<_, RepairError>(hashes.iter().flat_map(|hash| *hash.as_bytes()).collect())
        });
        root_at::<H, _>(&mut reader, size).map_err(|error| match error {
            TileReadError::Read(error) => error,
            other => StoreError::damaged(std::path::Path::new("tiles"), 0, None, other.to_string()).into(),
        })
    }

    fn tile(&mut self, path: TilePath, asked: &mut Asked<'_>) -> Result<&[Hash], RepairError> {
        if !self.kept.contains_key(&path) {
            let found = self.prove(path, asked)?;
            if self.kept.len() >= KEPT_MAX {
                self.kept.clear();
            }
            self.kept.insert(path, found);
        }
        Ok(self.kept.get(&path).map_or(&[], Vec::as_slice))
    }

    fn prove(&mut self, path: TilePath, asked: &mut Asked<'_>) -> Result<Vec<Hash>, RepairError> {
        let size = self.size;
        let unprovable = || {
            let what = format!("{path} cannot be proven at size {size}");
            RepairError::from(StoreError::damaged(std::path::Path::new("tiles"), 0, None, what))
        };
        let TileKind::Hashes(level) = path.kind() else { return Err(unprovable()) };
        if path.width() != TileWidth::Full {
            let bytes = self.edge.partial(&path).ok_or_else(unprovable)?;
            return tile_hashes(&path, &bytes).map_err(|_| unprovable());
        }
        let above = TilePath::in_tree(TileKind::Hashes(level + 1), path.index() / 256, self.size);
        let above = above.ok_or_else(unprovable)?;
        // At most seven levels.
        let expected = self.tile(above, asked)?.get((path.index() % 256) as usize).copied();
        let expected = expected.ok_or_else(unprovable)?;
        let proves = |hashes: Vec<Hash>| (tile_root::<H>(&hashes) == expected).then_some(hashes);
        let own = self.own.read_raw(level, path.index())?;
        match own.and_then(|(bytes, _)| proves(tile_hashes(&path, &bytes).ok()?)) {
            Some(hashes) => Ok(hashes),
            None => asked.tile(self.tree, &path, proves),
        }
    }
}
