//! Tiles out of a growing tree: which tiles are final, and what stands at the right edge.

use std::fmt;
use std::marker::PhantomData;

use super::frontier::join_right_to_left;
use super::hash::{Hash, TreeHash};
use super::position::{LeafIndex, PositionError, TreeSize};
use super::tile::{
    TILE_HEIGHT, TILE_WIDTH, TileError, TileKind, TilePath, TileWidth, complete_root, tile_hashes, tile_root,
};
use super::tile_reader::TileReadError;

/// A tile that has just been filled and will never change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompleteTile {
    /// Which one; always full.
    pub path: TilePath,
    /// Its 8,192 bytes.
    pub bytes: Vec<u8>,
}

/// The partial tiles of the current size, one a level: at most 255 hashes each, so 8 KiB a level and 7 levels.
///
/// Invariant: `levels[l].len() == (size >> 8·l) mod 256`.
pub struct TileBuilder<H> {
    size: TreeSize,
    levels: Vec<Vec<Hash>>,
    hashed_with: PhantomData<fn() -> H>,
}

impl<H: TreeHash> TileBuilder<H> {
    /// The empty tree.
    #[must_use]
    pub const fn new() -> Self {
        Self { size: TreeSize::ZERO, levels: Vec::new(), hashed_with: PhantomData }
    }

    /// Restores the right edge of a tree from its partial tiles ([`tiles_of_size`] says which). They are believed; compare
    /// [`TileBuilder::root`].
    ///
    /// # Errors
    /// The reader's, or [`TileError::WrongLength`] for what it gave.
    pub fn restore<E>(
        size: TreeSize,
        mut read: impl FnMut(&TilePath) -> Result<Vec<u8>, E>,
    ) -> Result<Self, TileReadError<E>> {
        let mut levels = Vec::new();
        for level in 0.. {
            let at_level = hashes_at(level, size);
            if at_level == 0 {
                break;
            }
            let edge = TilePath::in_tree(TileKind::Hashes(level), at_level / TILE_WIDTH, size);
            levels.push(match edge {
                Some(path) => tile_hashes(&path, &read(&path).map_err(TileReadError::Read)?)?,
                None => Vec::new(),
            });
        }
        Ok(Self { size, levels, hashed_with: PhantomData })
    }

    /// The number of leaves so far.
    #[must_use]
    pub const fn size(&self) -> TreeSize {
        self.size
    }

    /// Appends a leaf hash; returns the tiles it completed, lowest level first (almost always none).
    ///
    /// # Errors
    /// [`PositionError::IndexTooLarge`] when the log is full; nothing is changed then.
    pub fn push(&mut self, leaf: Hash) -> Result<Vec<CompleteTile>, PositionError> {
        let index = self.size.next_index()?;
        self.size = index.size_after();
        let mut complete = Vec::new();
        let mut node = leaf;
        for level in 0.. {
            if self.levels.len() == usize::from(level) {
                self.levels.push(Vec::new());
            }
            let Some(edge) = self.levels.get_mut(usize::from(level)) else { break };
            edge.push(node);
            if edge.len() < TileWidth::Full.count() {
                break;
            }
            node = complete_root::<H>(edge);
            complete.extend(Self::close(level, index, edge));
            edge.clear();
        }
        Ok(complete)
    }

    fn close(level: u8, last: LeafIndex, edge: &[Hash]) -> Option<CompleteTile> {
        let index = hashes_at(level + 1, last.size_after()) - 1;
        let path = TilePath::new(TileKind::Hashes(level), index, TileWidth::Full).ok()?;
        Some(CompleteTile { path, bytes: to_bytes(edge) })
    }

    /// The root now, from the partial tiles.
    #[must_use]
    pub fn root(&self) -> Hash {
        let occupied = self.levels.iter().rev().filter(|edge| !edge.is_empty());
        // A tile's hashes at one level stand for complete subtrees, smaller and further right with every level down. A
        // tile of width w is itself a row of complete subtrees, one per 1-bit of w.
        let edge: Vec<Hash> = occupied.flat_map(|hashes| complete_parts::<H>(hashes)).collect();
        join_right_to_left::<H>(&edge)
    }

    /// The bytes of a tile at the right edge, for the current size or any earlier size at which that tile was narrower.
    /// None for full tiles, which the builder has handed out.
    #[must_use]
    pub fn partial(&self, path: &TilePath) -> Option<Vec<u8>> {
        let (TileKind::Hashes(level), TileWidth::Partial(width)) = (path.kind(), path.width()) else { return None };
        if path.index() != hashes_at(level, self.size) / TILE_WIDTH {
            return None;
        }
        Some(to_bytes(self.levels.get(usize::from(level))?.get(..usize::from(width.get()))?))
    }
}

/// The roots of the complete subtrees a row of hashes falls into, largest first.
fn complete_parts<H: TreeHash>(hashes: &[Hash]) -> Vec<Hash> {
    let mut parts = Vec::new();
    let mut rest = hashes;
    while let Some(level) = rest.len().checked_ilog2() {
        let (complete, right) = rest.split_at(1 << level);
        parts.push(tile_root::<H>(complete));
        rest = right;
    }
    parts
}

fn to_bytes(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| hash.to_bytes()).collect()
}

/// Hashes at a tile level of a tree: complete subtrees of 256^level leaves.
fn hashes_at(level: u8, size: TreeSize) -> u64 {
    size.get().checked_shr(u32::from(level) * u32::from(TILE_HEIGHT)).unwrap_or(0)
}

/// The hash tiles that become full when the tree grows from `old` to `new`, lowest level first. The entry bundles that
/// become full are those of the level-0 tiles.
pub fn full_tiles_between(old: TreeSize, new: TreeSize) -> impl Iterator<Item = TilePath> {
    (0..8_u8).flat_map(move |level| {
        (hashes_at(level + 1, old)..hashes_at(level + 1, new))
            .filter_map(move |index| TilePath::new(TileKind::Hashes(level), index, TileWidth::Full).ok())
    })
}

/// The partial tiles of a tree of that size, entry bundle first: what an export has to write beside the full ones, and
/// what [`TileBuilder::restore`] reads.
#[must_use]
pub fn tiles_of_size(size: TreeSize) -> Vec<TilePath> {
    let bundle = TilePath::in_tree(TileKind::Entries, size.get() / TILE_WIDTH, size);
    let hashes = (0..8)
        .filter_map(|level| TilePath::in_tree(TileKind::Hashes(level), hashes_at(level, size) / TILE_WIDTH, size));
    bundle.into_iter().chain(hashes).collect()
}

impl<H: TreeHash> Default for TileBuilder<H> {
    fn default() -> Self {
        Self::new()
    }
}

impl<H> Clone for TileBuilder<H> {
    fn clone(&self) -> Self {
        Self { size: self.size, levels: self.levels.clone(), hashed_with: PhantomData }
    }
}

impl<H: TreeHash> fmt::Debug for TileBuilder<H> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths: Vec<usize> = self.levels.iter().map(Vec::len).collect();
        write!(out, "TileBuilder<{}> at size {}, edge widths {widths:?}", H::NAME, self.size)
    }
}

impl<E> From<TileError> for TileReadError<E> {
    fn from(error: TileError) -> Self {
        Self::Malformed(error)
    }
}
