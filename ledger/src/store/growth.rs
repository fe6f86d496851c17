//! Growing both trees again over entries that are stored: from the last segment's start, or from nothing.

use crate::tree::{
    Blake3Tree, CompleteTile, Hash, LeafHashes, Sha256Tree, TileBuilder, TileKind, TilePath, TreeHash, TreeSize,
    TwinFrontier, tile_root,
};

use super::edges::{flatten, frontier_of};
use super::error::StoreError;
use super::layout::{Folders, SegmentHeader};
use super::segments::Segments;
use super::tiles::{TileFiles, full_tiles};

/// Both trees growing again over entries that are already stored.
pub(super) struct Growth<'a> {
    pub(super) frontier: TwinFrontier,
    pub(super) sha256: TileBuilder<Sha256Tree>,
    pub(super) blake3: TileBuilder<Blake3Tree>,
    sha256_files: &'a TileFiles,
    blake3_files: &'a TileFiles,
    /// Tiles of a tree of this size were durable before the last segment was created.
    durable: TreeSize,
    pub(super) rebuilt: u64,
}

impl<'a> Growth<'a> {
    /// The trees at the start of the last segment: from tiles, or from all entries when tiles are missing or everything is
    /// to be verified.
    pub(super) fn start(
        folders: &Folders,
        segments: &Segments,
        verify_all: bool,
        header: &SegmentHeader,
        sha256_files: &'a TileFiles,
        blake3_files: &'a TileFiles,
    ) -> Result<Self, StoreError> {
        let durable = TreeSize::new(header.first_leaf)?;
        let (frontier, sha256, blake3) = Default::default();
        let mut growth = Self { frontier, sha256, blake3, sha256_files, blake3_files, durable, rebuilt: 0 };
        let complete = |files: &TileFiles| (0..7).all(|level| files.count(level) >= full_tiles(level, durable));
        if verify_all || !complete(sha256_files) || !complete(blake3_files) {
            segments.read(0, header.first_leaf, |place| {
                growth.take([place.entry()])?;
                Ok(true)
            })?;
        } else {
            growth.sha256 = restore(segments, sha256_files, durable)?;
            growth.blake3 = restore(segments, blake3_files, durable)?;
            let (sha256, blake3) =
                (frontier_of(&growth.sha256, sha256_files)?, frontier_of(&growth.blake3, blake3_files)?);
            growth.frontier = TwinFrontier::from_parts(sha256, blake3)
                .map_err(|error| sha256_files.damaged(0, 0, error.to_string()))?;
        }
        if growth.frontier.roots() != header.roots {
            let what = "entries or tiles before this segment do not hash to the roots in its header";
            let path = folders.segment(header.number);
            return Err(StoreError::damaged(&path, 24, Some(header.first_leaf), what));
        }
        Ok(growth)
    }

    pub(super) fn take<'e>(&mut self, entries: impl IntoIterator<Item = &'e [u8]>) -> Result<(), StoreError> {
        for entry in entries {
            let leaf = LeafHashes::of(entry);
            self.frontier.push(leaf)?;
            let (sha256, blake3) = (self.sha256.push(leaf.sha256)?, self.blake3.push(leaf.blake3)?);
            self.settle(self.sha256_files, &sha256)?;
            self.settle(self.blake3_files, &blake3)?;
        }
        Ok(())
    }

    /// Compares computed tiles with those on disk: writes what is missing or was unfinished, refuses what was durable and
    /// is another now.
    fn settle(&mut self, files: &TileFiles, tiles: &[CompleteTile]) -> Result<(), StoreError> {
        for tile in tiles {
            let (TileKind::Hashes(level), index) = (tile.path.kind(), tile.path.index()) else { continue };
            match files.read_raw(level, index)? {
                Some((bytes, true)) if bytes == tile.bytes => continue,
                Some(_) if index < full_tiles(level, self.durable) => {
                    let what = format!("tile {index} of level {level} is not what the entries hash to");
                    return Err(files.damaged(level, index, what));
                }
                _ => files.write(level, index, &tile.bytes)?,
            }
            self.rebuilt += 1;
        }
        Ok(())
    }
}

/// The right edge of a tree at the start of the last segment: leaf hashes from entries, higher ones from the full tiles
/// below.
fn restore<H: TreeHash>(segments: &Segments, files: &TileFiles, size: TreeSize) -> Result<TileBuilder<H>, StoreError> {
    let edge_tile = |path: &TilePath| -> Result<Vec<u8>, StoreError> {
        let TileKind::Hashes(level) = path.kind() else { return Ok(Vec::new()) };
        let first = path.index() * 256;
        let count = path.width().count() as u64;
        let mut bytes = Vec::new();
        let Some(below) = level.checked_sub(1) else {
            segments.read(first, first + count, |place| {
                bytes.extend_from_slice(H::leaf(place.entry()).as_bytes());
                Ok(true)
            })?;
            return Ok(bytes);
        };
        for index in first..first + count {
            let full = files.read(below, index)?;
            let hashes: Vec<_> = full.as_chunks::<32>().0.iter().copied().map(Hash::new).collect();
            bytes.extend_from_slice(tile_root::<H>(&hashes).as_bytes());
        }
        Ok(bytes)
    };
    TileBuilder::restore(size, edge_tile).map_err(|error| flatten(files, error))
}
