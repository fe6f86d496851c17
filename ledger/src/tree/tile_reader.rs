//! Proofs out of tiles: how a client that sees only static files makes any proof it wants.
//!
//! Nothing is verified here. A proof made from wrong tiles does not verify against a cosigned root.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::marker::PhantomData;

use super::hash::{Hash, TreeHash};
use super::position::{LeafIndex, TreeSize};
use super::proof::ProofError;
use super::prove::{HashReader, ProveError, prove_consistency, prove_inclusion, root_at};
use super::tile::{TILE_HEIGHT, TILE_WIDTH, TileError, TileKind, TilePath, complete_root, tile_hashes};

/// Tiles kept between reads; any one proof touches fewer than twenty.
const TILES_KEPT_MAX: usize = 64;

/// Why a hash could not be taken from tiles.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TileReadError<E> {
    /// The source failed.
    #[error("a tile could not be read: {0}")]
    Read(E),
    /// The source gave something that is not the tile.
    #[error(transparent)]
    Malformed(TileError),
    /// The subtree is not complete in a tree of that size.
    #[error("subtree {index} of level {level} is not complete in a tree of size {size}")]
    Incomplete {
        /// Tree level of the subtree.
        level: u8,
        /// Its index in the level.
        index: u64,
        /// The tree the reader was made for.
        size: TreeSize,
    },
}

/// Gives subtree hashes of the tree of one size from a source of tiles, asking for the partial tiles of that size.
pub struct TileHashReader<H, F> {
    size: TreeSize,
    read: F,
    kept: BTreeMap<TilePath, Vec<Hash>>,
    hashed_with: PhantomData<fn() -> H>,
}

impl<H: TreeHash, F, E> TileHashReader<H, F>
where
    F: FnMut(&TilePath) -> Result<Vec<u8>, E>,
{
    /// A reader for the tree of that size; `read` gives a tile's bytes.
    pub const fn new(size: TreeSize, read: F) -> Self {
        Self { size, read, kept: BTreeMap::new(), hashed_with: PhantomData }
    }

    fn tile(&mut self, path: &TilePath) -> Result<&[Hash], TileReadError<E>> {
        if !self.kept.contains_key(path) {
            let bytes = (self.read)(path).map_err(TileReadError::Read)?;
            let hashes = tile_hashes(path, &bytes)?;
            if self.kept.len() >= TILES_KEPT_MAX {
                self.kept.clear();
            }
            self.kept.insert(*path, hashes);
        }
        Ok(self.kept.get(path).map_or(&[], Vec::as_slice))
    }
}

impl<H: TreeHash, F, E> HashReader for TileHashReader<H, F>
where
    F: FnMut(&TilePath) -> Result<Vec<u8>, E>,
{
    type Error = TileReadError<E>;

    fn subtree(&mut self, level: u8, index: u64) -> Result<Hash, Self::Error> {
        let incomplete = || TileReadError::Incomplete { level, index, size: self.size };
        let place = Place::of(level, index, self.size).ok_or_else(incomplete)?;
        let part = self.tile(&place.tile)?.get(place.first..place.first + place.count);
        match part {
            Some(hashes) => Ok(complete_root::<H>(hashes)),
            None => Err(TileReadError::Incomplete { level, index, size: self.size }),
        }
    }
}

/// Where the hashes below a complete subtree stand: `count` hashes of one tile.
struct Place {
    tile: TilePath,
    first: usize,
    count: usize,
}

impl Place {
    /// None when the subtree is not complete in a tree of that size.
    fn of(level: u8, index: u64, size: TreeSize) -> Option<Self> {
        let complete = size.get().checked_shr(u32::from(level)).unwrap_or(0);
        if index >= complete {
            return None;
        }
        let below = level % TILE_HEIGHT;
        let first = index << below; // fits: index < size >> level
        let tile = TilePath::in_tree(TileKind::Hashes(level / TILE_HEIGHT), first / TILE_WIDTH, size)?;
        Some(Self { tile, first: (first % TILE_WIDTH) as usize, count: 1 << below })
    }
}

/// The tiles an inclusion proof will read: for whoever fetches them beforehand, in parallel.
///
/// # Errors
/// [`ProofError::IndexOutsideTree`].
pub fn tiles_for_inclusion(index: LeafIndex, size: TreeSize) -> Result<BTreeSet<TilePath>, ProofError> {
    planned(size, |plan| prove_inclusion::<super::Sha256Tree, _>(plan, index, size).map(drop))
}

/// The tiles a consistency proof will read, from the tree of size `new`.
///
/// # Errors
/// [`ProofError::Shrinks`].
pub fn tiles_for_consistency(old: TreeSize, new: TreeSize) -> Result<BTreeSet<TilePath>, ProofError> {
    planned(new, |plan| prove_consistency::<super::Sha256Tree, _>(plan, old, new).map(drop))
}

/// The tiles from which the root is recomputed.
#[must_use]
pub fn tiles_for_root(size: TreeSize) -> BTreeSet<TilePath> {
    planned(size, |plan| root_at::<super::Sha256Tree, _>(plan, size).map(drop).map_err(ProveError::Read))
        .unwrap_or_default()
}

/// Runs a proof over made-up hashes and notes which tiles it asks for.
struct Plan {
    size: TreeSize,
    tiles: BTreeSet<TilePath>,
}

impl HashReader for Plan {
    type Error = Infallible;

    fn subtree(&mut self, level: u8, index: u64) -> Result<Hash, Infallible> {
        self.tiles.extend(Place::of(level, index, self.size).map(|place| place.tile));
        Ok(Hash::new([0; 32]))
    }
}

fn planned(
    size: TreeSize,
    prove: impl FnOnce(&mut Plan) -> Result<(), ProveError<Infallible>>,
) -> Result<BTreeSet<TilePath>, ProofError> {
    let mut plan = Plan { size, tiles: BTreeSet::new() };
    match prove(&mut plan) {
        Ok(()) => Ok(plan.tiles),
        Err(ProveError::Impossible(error)) => Err(error),
        Err(ProveError::Read(never)) => match never {},
    }
}
