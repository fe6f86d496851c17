//! What is known of both trees at one size: everything readers need besides the full tiles.

use crate::tree::{
    Blake3Tree, Frontier, HashReader, Sha256Tree, TileBuilder, TileHashReader, TileKind, TilePath, TileReadError,
    TreeHash, TreeHead, TreeSize,
};

use super::error::StoreError;
use super::tiles::TileFiles;
use super::types::LogPosition;

/// One published state of the ledger, immutable once published.
#[derive(Debug, Clone)]
pub struct Edges {
    pub(super) head: TreeHead,
    pub(super) position: Option<LogPosition>,
    pub(super) sha256: TileBuilder<Sha256Tree>,
    pub(super) blake3: TileBuilder<Blake3Tree>,
}

/// The bytes of a tile: from the right edge while it is partial, from disk once it is full. The full tile is also given
/// where a narrower one of an earlier size was asked for.
pub(super) fn tile_bytes<H: TreeHash>(
    builder: &TileBuilder<H>,
    files: &TileFiles,
    path: &TilePath,
) -> Result<Vec<u8>, StoreError> {
    match (builder.partial(path), path.kind()) {
        (Some(bytes), _) => Ok(bytes),
        (None, TileKind::Hashes(level)) => files.read(level, path.index()),
        (None, TileKind::Entries) => Err(files.damaged(0, path.index(), "a bundle is not a tile".to_owned())),
    }
}

/// Reads subtree hashes of the tree of that size.
pub(super) fn reader<'a, H: TreeHash>(
    builder: &'a TileBuilder<H>,
    files: &'a TileFiles,
    size: TreeSize,
) -> TileHashReader<H, impl FnMut(&TilePath) -> Result<Vec<u8>, StoreError> + use<'a, H>> {
    TileHashReader::new(size, move |path: &TilePath| tile_bytes(builder, files, path))
}

/// The store's own error out of a tile reader's.
pub(super) fn flatten(files: &TileFiles, error: TileReadError<StoreError>) -> StoreError {
    match error {
        TileReadError::Read(error) => error,
        other => files.damaged(0, 0, other.to_string()),
    }
}

/// The frontier at the size of a builder.
pub(super) fn frontier_of<H: TreeHash>(builder: &TileBuilder<H>, files: &TileFiles) -> Result<Frontier<H>, StoreError> {
    let size = builder.size();
    let mut hashes = reader(builder, files, size);
    let (mut edge, mut at) = (Vec::new(), 0);
    for level in (0..u64::BITS as u8).rev().filter(|level| size.get() >> level & 1 == 1) {
        edge.push(hashes.subtree(level, at >> level).map_err(|error| flatten(files, error))?);
        at += 1 << level;
    }
    Frontier::from_parts(size, edge).map_err(|error| files.damaged(0, 0, error.to_string()))
}
