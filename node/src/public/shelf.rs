//! Tiles in memory, as readers want them: the bytes, and every hash above them.
//!
//! On a result night everybody asks for the same few thousand tiles, and a proof asks for hashes *inside* tiles, each of which
//! would have to be hashed together from up to 128 others. What is kept here was checked by the store when it was read, and a
//! full tile never changes; a partial one is kept only if it is that of the published size. What is not here is read where
//! reading may block. Losing all of it costs time.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use lru::LruCache;
use tamga_ledger::store::{Store, StoreError, StoredTree};
use tamga_ledger::tree::{Hash, HashReader, TILE_HEIGHT, TILE_WIDTH, TileKind, TilePath, TileWidth, TreeSize};

/// Hash tiles kept: 16 KiB each, 64 MiB; both trees over half a million entries.
const TILES_KEPT: NonZeroUsize = NonZeroUsize::new(4_096).unwrap();
/// Entry bundles kept.
const BUNDLES_KEPT: NonZeroUsize = NonZeroUsize::new(256).unwrap();
/// Largest bundle kept, so that all of them take 64 MiB at most.
const BUNDLE_BYTES_MAX: usize = 256 * 1024;

/// A hash tile and the hashes of all complete subtrees inside it.
#[derive(Debug)]
pub(super) struct Tile {
    /// As on the wire.
    pub(super) bytes: Bytes,
    /// From pairs of the tile's hashes up to the one hash over a full tile.
    rows: Vec<Box<[Hash]>>,
}

impl Tile {
    fn new<H: StoredTree>(bytes: Vec<u8>) -> Self {
        let mut row: Vec<Hash> = bytes.as_chunks::<32>().0.iter().copied().map(Hash::new).collect();
        let mut rows = Vec::new();
        while row.len() > 1 {
            row = row.as_chunks::<2>().0.iter().map(|[left, right]| H::node(left, right)).collect();
            rows.push(row.clone().into_boxed_slice());
        }
        Self { bytes: bytes.into(), rows }
    }

    /// The hash over `2^height` of the tile's hashes, the `place`-th such; none where the tile does not reach.
    fn hash(&self, height: u8, place: usize) -> Option<Hash> {
        match usize::from(height).checked_sub(1) {
            None => self.bytes.as_chunks::<32>().0.get(place).copied().map(Hash::new),
            Some(row) => self.rows.get(row)?.get(place).copied(),
        }
    }
}

/// What is kept of both trees.
#[derive(Debug)]
pub(super) struct Shelf {
    tiles: Mutex<LruCache<(&'static str, TilePath), Arc<Tile>>>,
    bundles: Mutex<LruCache<u64, Bytes>>,
}

impl Default for Shelf {
    fn default() -> Self {
        Self { tiles: Mutex::new(LruCache::new(TILES_KEPT)), bundles: Mutex::new(LruCache::new(BUNDLES_KEPT)) }
    }
}

impl Shelf {
    /// A hash tile, if it is here.
    pub(super) fn kept<H: StoredTree>(&self, path: &TilePath) -> Option<Arc<Tile>> {
        self.tiles.lock().unwrap_or_else(PoisonError::into_inner).get(&(H::NAME, *path)).map(Arc::clone)
    }

    /// A hash tile, from the store if it is not here. `published` says which partial tiles many will ask for. May block.
    pub(super) fn tile<H: StoredTree>(
        &self,
        store: &Store,
        path: &TilePath,
        published: TreeSize,
    ) -> Result<Arc<Tile>, StoreError> {
        if let Some(tile) = self.kept::<H>(path) {
            return Ok(tile);
        }
        let TileKind::Hashes(level) = path.kind() else { return Err(absent(path, published)) };
        let tile = Arc::new(Tile::new::<H>(store.tile::<H>(level, path.index(), path.width())?));
        if path.width() == TileWidth::Full || TilePath::in_tree(path.kind(), path.index(), published) == Some(*path) {
            let mut tiles = self.tiles.lock().unwrap_or_else(PoisonError::into_inner);
            tiles.put((H::NAME, *path), Arc::clone(&tile));
        }
        Ok(tile)
    }

    /// A full entry bundle, if it is here.
    pub(super) fn kept_bundle(&self, path: &TilePath) -> Option<Bytes> {
        if path.width() != TileWidth::Full {
            return None;
        }
        self.bundles.lock().unwrap_or_else(PoisonError::into_inner).get(&path.index()).cloned()
    }

    /// An entry bundle, from the store if it is not here. May block.
    pub(super) fn bundle(&self, store: &Store, path: &TilePath) -> Result<Bytes, StoreError> {
        let bundle = Bytes::from(store.entry_bundle(path.index(), path.width())?);
        if path.width() == TileWidth::Full && bundle.len() <= BUNDLE_BYTES_MAX {
            self.bundles.lock().unwrap_or_else(PoisonError::into_inner).put(path.index(), bundle.clone());
        }
        Ok(bundle)
    }

    /// The hashes of the tree of `size` entries; `store` none where nothing may block.
    pub(super) fn hashes<'a, H: StoredTree>(
        &'a self,
        store: Option<&'a Store>,
        size: TreeSize,
        published: TreeSize,
    ) -> Hashes<'a, H> {
        Hashes { shelf: self, store, size, published, last: None, tree: std::marker::PhantomData }
    }
}

/// Why a hash cannot be given.
#[derive(Debug)]
pub(super) enum NoHash {
    /// It is not in memory, and nothing may block here.
    NotKept,
    /// The store.
    Store(StoreError),
}

/// Subtrees' hashes of the tree of one size.
pub(super) struct Hashes<'a, H> {
    shelf: &'a Shelf,
    store: Option<&'a Store>,
    size: TreeSize,
    published: TreeSize,
    /// The next hash is often in the same tile.
    last: Option<(TilePath, Arc<Tile>)>,
    tree: std::marker::PhantomData<fn() -> H>,
}

impl<H: StoredTree> Hashes<'_, H> {
    fn tile(&mut self, path: &TilePath) -> Result<&Tile, NoHash> {
        let tile = match self.last.take() {
            Some((last, tile)) if last == *path => tile,
            _ => match self.store {
                Some(store) => self.shelf.tile::<H>(store, path, self.published).map_err(NoHash::Store)?,
                None => self.shelf.kept::<H>(path).ok_or(NoHash::NotKept)?,
            },
        };
        Ok(&self.last.insert((*path, tile)).1)
    }
}

impl<H: StoredTree> HashReader for Hashes<'_, H> {
    type Error = NoHash;

    fn subtree(&mut self, level: u8, index: u64) -> Result<Hash, NoHash> {
        let outside = NoHash::Store(StoreError::NoSuchSize { asked: self.size, size: self.published });
        let complete = self.size.get().checked_shr(level.into()).unwrap_or(0);
        if index >= complete {
            return Err(outside);
        }
        let height = level % TILE_HEIGHT;
        let first = index << height; // fits: index < size >> level
        // The published tree's tile begins with what a smaller tree's has, and it is the one that is kept: a reader's checkpoint
        // is some seconds old on a night when records come in.
        let path = TilePath::in_tree(TileKind::Hashes(level / TILE_HEIGHT), first / TILE_WIDTH, self.published);
        let Some(path) = path else { return Err(outside) };
        let place = (first % TILE_WIDTH) as usize >> height;
        self.tile(&path)?.hash(height, place).ok_or(outside)
    }
}

fn absent(path: &TilePath, size: TreeSize) -> StoreError {
    StoreError::NoSuchTile { level: 0, index: path.index(), width: path.width().count(), size }
}

#[cfg(test)]
mod tests {
    use tamga_ledger::tree::{Blake3Tree, LeafIndex, Sha256Tree, TileHashReader, TreeHash, prove_inclusion, root_at};

    use super::*;

    /// The hashes above a tile are those that the ledger's own reader hashes together, at every size around a tile's edges.
    #[test]
    fn hashes_inside_tiles_are_those_of_the_tree() {
        fn compare<H: StoredTree>(count: u64) {
            let leaves: Vec<Hash> = (0..count).map(|n| H::leaf(&n.to_be_bytes())).collect();
            let size = TreeSize::new(count).unwrap();
            let bytes = |path: &TilePath| -> Result<Vec<u8>, ()> {
                let TileKind::Hashes(level) = path.kind() else { return Err(()) };
                let width = 256_usize.pow(level.into());
                let row = leaves.chunks(width).filter(|chunk| chunk.len() == width).map(whole::<H>);
                let row = row.skip(path.index() as usize * 256).take(path.width().count());
                Ok(row.flat_map(|hash| *hash.as_bytes()).collect())
            };
            let shelf = Shelf::default();
            for level in 0..2 {
                for index in 0.. {
                    let Some(path) = TilePath::in_tree(TileKind::Hashes(level), index, size) else { break };
                    let tile = Tile::new::<H>(bytes(&path).unwrap());
                    shelf.tiles.lock().unwrap().put((H::NAME, path), Arc::new(tile));
                }
            }
            let mut expected = TileHashReader::<H, _>::new(size, bytes);
            let mut hashes = shelf.hashes::<H>(None, size, size);
            for leaf in (0..count).step_by(7).chain([count - 1]) {
                let leaf = LeafIndex::new(leaf).unwrap();
                let proof = prove_inclusion::<H, _>(&mut hashes, leaf, size).map_err(|_| "not kept").unwrap();
                assert_eq!(proof.path(), prove_inclusion::<H, _>(&mut expected, leaf, size).unwrap().path());
            }
            let root = root_at::<H, _>(&mut hashes, size).map_err(|_| "not kept").unwrap();
            assert_eq!(root, root_at::<H, _>(&mut expected, size).unwrap());
            // A smaller tree out of the same tiles, up to its edge and not beyond.
            for smaller in (1..count).step_by(13) {
                let (smaller, last) = (TreeSize::new(smaller).unwrap(), LeafIndex::new(smaller - 1).unwrap());
                let mut hashes = shelf.hashes::<H>(None, smaller, size);
                let mut expected = TileHashReader::<H, _>::new(smaller, bytes);
                let proof = prove_inclusion::<H, _>(&mut hashes, last, smaller).map_err(|_| "not kept").unwrap();
                assert_eq!(proof.path(), prove_inclusion::<H, _>(&mut expected, last, smaller).unwrap().path());
                let root = root_at::<H, _>(&mut hashes, smaller).map_err(|_| "not kept").unwrap();
                assert_eq!(root, root_at::<H, _>(&mut expected, smaller).unwrap());
                assert!(hashes.subtree(0, smaller.get()).is_err());
            }
        }
        for count in [1, 2, 255, 256, 257, 511, 512, 700, 1_029] {
            compare::<Sha256Tree>(count);
            compare::<Blake3Tree>(count);
        }
    }

    fn whole<H: TreeHash>(leaves: &[Hash]) -> Hash {
        match leaves {
            [one] => *one,
            _ => {
                let (left, right) = leaves.split_at(leaves.len() / 2);
                H::node(&whole::<H>(left), &whole::<H>(right))
            }
        }
    }
}
