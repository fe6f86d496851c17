//! Everything that reads. Each call works on the size published when it started and never waits for a write.

use std::io;
use std::ops::Range;
use std::sync::PoisonError;

use tamga_platform::disk::Open;

use crate::tree::{
    Blake3Tree, ConsistencyProof, Hash, InclusionProof, LeafIndex, ProveError, Roots, Sha256Tree, TILE_WIDTH,
    TileBuilder, TileKind, TilePath, TileReadError, TileWidth, TreeHash, TreeHead, TreeSize, prove_consistency,
    prove_inclusion, root_at,
};

use super::Store;
use super::confidential::read_body;
use super::edges::{Edges, flatten, reader, tile_bytes};
use super::error::StoreError;
use super::segments::Place;
use super::tiles::TileFiles;
use super::types::{ArchivedCheckpoint, Confidential, LogPosition, Usage};

/// Bytes of length prefix before each entry.
const PREFIX_BYTES: usize = 2;
/// Entries one call of [`Store::entries`] gives at most.
const ENTRIES_MAX: u64 = 65_536;

/// A tree whose tiles the store keeps: [`Sha256Tree`] and [`Blake3Tree`].
pub trait StoredTree: TreeHash + Sized + private::Sealed {}

impl StoredTree for Sha256Tree {}
impl StoredTree for Blake3Tree {}

mod private {
    use super::{Blake3Tree, Edges, Sha256Tree, Store, TileBuilder, TileFiles, TreeHash};

    pub trait Sealed: TreeHash + Sized {
        #[expect(private_interfaces, reason = "callable inside the store only")]
        fn side<'a>(store: &'a Store, edges: &'a Edges) -> (&'a TileBuilder<Self>, &'a TileFiles);
    }

    impl Sealed for Sha256Tree {
        #[expect(private_interfaces, reason = "callable inside the store only")]
        fn side<'a>(store: &'a Store, edges: &'a Edges) -> (&'a TileBuilder<Self>, &'a TileFiles) {
            (&edges.sha256, &store.sha256)
        }
    }

    impl Sealed for Blake3Tree {
        #[expect(private_interfaces, reason = "callable inside the store only")]
        fn side<'a>(store: &'a Store, edges: &'a Edges) -> (&'a TileBuilder<Self>, &'a TileFiles) {
            (&edges.blake3, &store.blake3)
        }
    }
}

impl Store {
    /// Position of the last append; none in a new ledger.
    #[must_use]
    pub fn position(&self) -> Option<LogPosition> {
        self.edges().position
    }

    /// Size and roots after the last append.
    #[must_use]
    pub fn head(&self) -> TreeHead {
        self.edges().head
    }

    /// Number of entries.
    #[must_use]
    pub fn size(&self) -> TreeSize {
        self.edges().head.size
    }

    /// One entry's bytes, checked against its leaf hash.
    ///
    /// # Errors
    /// [`StoreError::NoSuchLeaf`], [`StoreError::Damaged`], [`StoreError::Io`].
    pub fn entry(&self, leaf: LeafIndex) -> Result<Vec<u8>, StoreError> {
        let mut found = Vec::new();
        self.read_checked(leaf.get(), leaf.get() + 1, |place| {
            found = place.entry().to_vec();
            true
        })?;
        Ok(found)
    }

    /// Entries of the range, in order, each checked against its leaf hash. Stops before the total would exceed `max_bytes`,
    /// but gives at least one if the range is not empty, and 65,536 at most.
    ///
    /// # Errors
    /// [`StoreError::NoSuchLeaf`] when the range goes beyond the ledger, [`StoreError::Damaged`], [`StoreError::Io`].
    pub fn entries(&self, range: Range<LeafIndex>, max_bytes: usize) -> Result<Vec<Vec<u8>>, StoreError> {
        let (mut found, mut total) = (Vec::new(), 0_usize);
        if range.is_empty() {
            return Ok(found);
        }
        let end = range.end.get().min(range.start.get().saturating_add(ENTRIES_MAX));
        self.read_checked(range.start.get(), end, |place| {
            total = total.saturating_add(place.entry().len());
            let fits = total <= max_bytes || found.is_empty();
            if fits {
                found.push(place.entry().to_vec());
            }
            fits
        })?;
        Ok(found)
    }

    /// A tlog-tiles entry bundle: the entries `256 × index` on, `width` of them, each behind its length as a big-endian
    /// u16.
    ///
    /// # Errors
    /// [`StoreError::NoSuchTile`] when the ledger has no such bundle that wide; [`StoreError::Damaged`],
    /// [`StoreError::Io`].
    pub fn entry_bundle(&self, index: u64, width: TileWidth) -> Result<Vec<u8>, StoreError> {
        let size = self.size();
        let missing = StoreError::NoSuchTile { level: 0, index, width: width.count(), size };
        let Some(first) = index.checked_mul(TILE_WIDTH) else { return Err(missing) };
        let end = first.saturating_add(width.count() as u64);
        if end > size.get() {
            return Err(missing);
        }
        let mut bundle = Vec::new();
        self.read_checked(first, end, |place| {
            bundle.extend_from_slice(place.prefixed);
            true
        })?;
        Ok(bundle)
    }

    /// Reads entries and compares each with its SHA-256 leaf hash: what has rotted, or was read from or written to the
    /// wrong place, is not given out.
    fn read_checked(&self, from: u64, to: u64, mut take: impl FnMut(Place<'_>) -> bool) -> Result<(), StoreError> {
        let edges = self.edges();
        if to > edges.head.size.get() {
            return Err(StoreError::NoSuchLeaf { leaf: to - 1, size: edges.head.size });
        }
        let mut tile = (u64::MAX, Vec::new());
        self.segments.read(from, to, |place| {
            let index = place.leaf / TILE_WIDTH;
            if tile.0 != index {
                tile = (index, self.leaf_tile(&edges, index)?);
            }
            let expected = tile.1.as_chunks::<32>().0.get((place.leaf % TILE_WIDTH) as usize).copied().map(Hash::new);
            if expected != Some(Sha256Tree::leaf(place.entry())) {
                let what = format!(
                    "the entry at leaf {} does not hash to its leaf hash (a {PREFIX_BYTES}-byte length \
                                    prefix starts here)",
                    place.leaf
                );
                return Err(StoreError::damaged(place.path, u64::from(place.offset), Some(place.leaf), what));
            }
            Ok(take(place))
        })
    }

    /// The leaf hashes of a level-0 tile, full or partial.
    fn leaf_tile(&self, edges: &Edges, index: u64) -> Result<Vec<u8>, StoreError> {
        match TilePath::in_tree(TileKind::Hashes(0), index, edges.head.size) {
            Some(path) => tile_bytes(&edges.sha256, &self.sha256, &path),
            None => Ok(Vec::new()),
        }
    }

    /// The confidential body of an entry, if it had one and its class has not been erased; checked against its checksum.
    ///
    /// # Errors
    /// [`StoreError::NoSuchLeaf`], [`StoreError::Damaged`], [`StoreError::Io`].
    pub fn confidential(&self, leaf: LeafIndex) -> Result<Confidential, StoreError> {
        let size = self.size();
        leaf.within(size).map_err(|_| StoreError::NoSuchLeaf { leaf: leaf.get(), size })?;
        let Some((segment, class, mark)) = self.segments.body(leaf.get()) else { return Ok(Confidential::None) };
        if segment < self.erased_below(class) {
            return Ok(Confidential::Erased { class });
        }
        let path = self.folders.bodies(class, segment);
        match self.disk.open(&path, Open::Read) {
            Ok(file) => {
                let body = read_body(file.as_ref(), &path, mark, leaf.get(), class)?;
                Ok(Confidential::Kept { class, body })
            }
            // Erased between the two looks.
            Err(error) if error.kind() == io::ErrorKind::NotFound && segment < self.erased_below(class) => {
                Ok(Confidential::Erased { class })
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(StoreError::damaged(&path, 0, Some(leaf.get()), "a file of confidential bodies is missing"))
            }
            Err(error) => Err(StoreError::io("open", &path)(error)),
        }
    }

    /// The bytes of a hash tile of that width, 32 a hash. A width below 256 is also given after the tile has become full.
    ///
    /// # Errors
    /// [`StoreError::NoSuchTile`] when the ledger has no such tile that wide; [`StoreError::Damaged`], [`StoreError::Io`].
    pub fn tile<H: StoredTree>(&self, level: u8, index: u64, width: TileWidth) -> Result<Vec<u8>, StoreError> {
        let edges = self.edges();
        let size = edges.head.size;
        let widest = TilePath::in_tree(TileKind::Hashes(level), index, size);
        let missing = StoreError::NoSuchTile { level, index, width: width.count(), size };
        let Some(path) = widest.filter(|path| path.width().count() >= width.count()) else { return Err(missing) };
        let (builder, files) = H::side(self, &edges);
        let mut bytes = tile_bytes(builder, files, &path)?;
        bytes.truncate(width.count() * 32);
        Ok(bytes)
    }

    /// The roots of both trees over the first `size` entries.
    ///
    /// # Errors
    /// [`StoreError::NoSuchSize`], [`StoreError::Damaged`], [`StoreError::Io`].
    pub fn roots_at(&self, size: TreeSize) -> Result<Roots, StoreError> {
        let edges = self.edges();
        if size == edges.head.size {
            return Ok(edges.head.roots);
        }
        Ok(Roots {
            sha256: self.root_at::<Sha256Tree>(&edges, size)?,
            blake3: self.root_at::<Blake3Tree>(&edges, size)?,
        })
    }

    fn root_at<H: StoredTree>(&self, edges: &Edges, size: TreeSize) -> Result<Hash, StoreError> {
        within(size, edges)?;
        let (builder, files) = H::side(self, edges);
        root_at::<H, _>(&mut reader(builder, files, size), size).map_err(|error| flatten(files, error))
    }

    /// Proves that an entry stands in the tree over the first `size` entries.
    ///
    /// # Errors
    /// [`StoreError::NoSuchSize`], [`StoreError::NoProof`] when the leaf is outside that tree, [`StoreError::Damaged`],
    /// [`StoreError::Io`].
    pub fn inclusion_proof<H: StoredTree>(
        &self,
        leaf: LeafIndex,
        size: TreeSize,
    ) -> Result<InclusionProof<H>, StoreError> {
        let edges = self.edges();
        within(size, &edges)?;
        let (builder, files) = H::side(self, &edges);
        prove_inclusion(&mut reader(builder, files, size), leaf, size).map_err(|error| proof_error(files, error))
    }

    /// Proves that the tree over the first `old` entries is a prefix of the one over the first `new`.
    ///
    /// # Errors
    /// [`StoreError::NoSuchSize`], [`StoreError::NoProof`] when `old > new`, [`StoreError::Damaged`], [`StoreError::Io`].
    pub fn consistency_proof<H: StoredTree>(
        &self,
        old: TreeSize,
        new: TreeSize,
    ) -> Result<ConsistencyProof<H>, StoreError> {
        let edges = self.edges();
        within(new, &edges)?;
        let (builder, files) = H::side(self, &edges);
        prove_consistency(&mut reader(builder, files, new), old, new).map_err(|error| proof_error(files, error))
    }

    /// The archived checkpoint of the largest size.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], [`StoreError::Io`].
    pub fn checkpoint_latest(&self) -> Result<Option<ArchivedCheckpoint>, StoreError> {
        self.archive.latest()
    }

    /// The archived checkpoint of that size.
    ///
    /// # Errors
    /// As [`Store::checkpoint_latest`].
    pub fn checkpoint_at(&self, size: TreeSize) -> Result<Option<ArchivedCheckpoint>, StoreError> {
        self.archive.at(size)
    }

    /// The last archived checkpoint with a time not after `time_ms` (Unix time in milliseconds).
    ///
    /// # Errors
    /// As [`Store::checkpoint_latest`].
    pub fn checkpoint_before_time(&self, time_ms: u64) -> Result<Option<ArchivedCheckpoint>, StoreError> {
        self.archive.before(time_ms)
    }

    /// The archived checkpoint of the smallest size that covers a leaf.
    ///
    /// # Errors
    /// As [`Store::checkpoint_latest`].
    pub fn checkpoint_covering(&self, leaf: LeafIndex) -> Result<Option<ArchivedCheckpoint>, StoreError> {
        self.archive.from(leaf.size_after())
    }

    /// Archived checkpoints whose size is in the range, by size; `max` of them at most.
    ///
    /// # Errors
    /// As [`Store::checkpoint_latest`].
    pub fn checkpoints(&self, sizes: Range<TreeSize>, max: usize) -> Result<Vec<ArchivedCheckpoint>, StoreError> {
        self.archive.range(sizes, max)
    }

    /// Bytes on disk by purpose.
    #[must_use]
    pub fn disk_bytes(&self) -> Usage {
        let usage = self.segments.usage(&self.erased.read().unwrap_or_else(PoisonError::into_inner));
        let tiles = self.sha256.disk_bytes() + self.blake3.disk_bytes();
        Usage { tiles, checkpoints: self.archive.disk_bytes(), ..usage }
    }

    /// Bytes of the entries alone, without any framing.
    #[must_use]
    pub fn entry_bytes(&self) -> u64 {
        self.segments.entry_bytes()
    }
}

fn within(size: TreeSize, edges: &Edges) -> Result<(), StoreError> {
    if size > edges.head.size {
        return Err(StoreError::NoSuchSize { asked: size, size: edges.head.size });
    }
    Ok(())
}

fn proof_error(files: &TileFiles, error: ProveError<TileReadError<StoreError>>) -> StoreError {
    match error {
        ProveError::Impossible(error) => error.into(),
        ProveError::Read(error) => flatten(files, error),
    }
}
