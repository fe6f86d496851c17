//! Appending, syncing, rolling and erasing: everything that writes after recovery.

use std::sync::Arc;

use rayon::prelude::*;
use tamga_platform::disk::{Disk, DiskFile, Open};

use crate::tree::{CompleteTile, LeafHashes, TileKind, TreeHead, TreeSize, TwinFrontier};

use super::confidential::{BodyWriter, remove_bodies, write_erased};
use super::edges::Edges;
use super::error::StoreError;
use super::frame::{FRAME_BYTES_MAX, FRAME_HEADER_BYTES, Frame, FrameHeader, build_frame};
use super::index::SegmentIndex;
use super::layout::{BODIES_HEADER_BYTES, Folders, SEGMENT_HEADER_BYTES, SegmentHeader};
use super::mark::{Mark, MarkWriter};
use super::segments::Segment;
use super::tiles::TileFiles;
use super::types::{CLASS_MAX, CONFIDENTIAL_BYTES_MAX, LogPosition, NewEntry, SEGMENT_BYTES_MAX};
use super::{ENTRY_BYTES_MAX, Store};

/// From so many entries on, leaves are hashed on all cores.
const PARALLEL_FROM: usize = 64;
/// A segment smaller than this makes no sense.
const SEGMENT_BYTES_MIN: u32 = 4096;

/// The state of the one writer.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) segment_bytes: u32,
    pub(super) segment: u32,
    pub(super) file: Arc<dyn DiskFile>,
    /// End of the last frame: where the next one goes.
    pub(super) end: u32,
    /// Bytes of the segment known durable; always the end of a frame.
    pub(super) synced: u32,
    pub(super) bodies: BodyWriter,
    pub(super) mark: MarkWriter,
    pub(super) frontier: TwinFrontier,
}

/// Refuses segment sizes that would not work.
pub(super) const fn check_segment_bytes(bytes: u32) -> Result<(), StoreError> {
    if bytes < SEGMENT_BYTES_MIN || bytes > SEGMENT_BYTES_MAX {
        return Err(StoreError::BadSegmentBytes(bytes));
    }
    Ok(())
}

/// Refuses what could not be laid out, before anything is written.
pub(super) fn check_batch(entries: &[NewEntry<'_>]) -> Result<(), StoreError> {
    let mut bytes = FRAME_HEADER_BYTES;
    for (place, new) in entries.iter().enumerate() {
        if new.entry.len() > ENTRY_BYTES_MAX {
            return Err(StoreError::EntryTooLong { place, length: new.entry.len() });
        }
        let length = new.confidential.len();
        if length > 0 && (length > CONFIDENTIAL_BYTES_MAX || !(1..=CLASS_MAX).contains(&new.class)) {
            return Err(StoreError::BadConfidential { place, class: new.class, length });
        }
        // Prefix, class, body length and body header are below 32 bytes an entry.
        bytes = bytes.saturating_add(32 + new.entry.len() + length);
    }
    if bytes > FRAME_BYTES_MAX - 1024 {
        return Err(StoreError::BatchTooLarge { entries: entries.len(), bytes });
    }
    Ok(())
}

fn hash_leaves(entries: &[NewEntry<'_>]) -> Vec<LeafHashes> {
    if entries.len() < PARALLEL_FROM {
        return entries.iter().map(|new| LeafHashes::of(new.entry)).collect();
    }
    entries.par_iter().with_min_len(PARALLEL_FROM / 2).map(|new| LeafHashes::of(new.entry)).collect()
}

fn write_tiles(files: &TileFiles, tiles: &[CompleteTile]) -> Result<(), StoreError> {
    for tile in tiles {
        if let TileKind::Hashes(level) = tile.path.kind() {
            files.write(level, tile.path.index(), &tile.bytes)?;
        }
    }
    Ok(())
}

impl Writer {
    /// One append, in order: bodies, frame, tiles, then readers see it.
    pub(super) fn append(
        &mut self,
        store: &Store,
        position: LogPosition,
        entries: &[NewEntry<'_>],
    ) -> Result<TreeHead, StoreError> {
        if self.end >= self.segment_bytes || self.bodies.largest() >= self.segment_bytes {
            self.roll(store)?;
        }
        let first_leaf = self.frontier.size().get();
        let header = FrameHeader {
            payload_bytes: 0,
            first_leaf,
            position,
            count: entries.len() as u32,
            section_bytes: 0,
            synced: self.synced,
            segment: self.segment,
            offset: self.end,
        };
        let bytes = build_frame(header, entries, &self.bodies.ends, BODIES_HEADER_BYTES);
        let path = store.folders.segment(self.segment);
        let laid_out = Frame::parse(&bytes).and_then(|frame| Some((frame, frame.entries()?, frame.bodies()?)));
        let (frame, places, bodies) = laid_out.ok_or_else(|| {
            StoreError::damaged(&path, u64::from(self.end), Some(first_leaf), "a frame just built does not parse")
        })?;
        // Crash before or in this write: bodies no frame refers to; cut at the next open, re-applied.
        self.bodies.append(first_leaf, entries)?;
        // Crash in this write: a torn frame; cut together with its bodies, re-applied.
        self.file.write_all_at(&bytes, u64::from(self.end)).map_err(StoreError::io("write", &path))?;
        // Process dies from here on: the frame is in the kernel's hands and the next open finds it. Power lost from here
        // until `sync` returns: any part of frame, bodies and tiles may be there; whole frames stay, the rest is cut.
        let leaves = hash_leaves(entries);
        let edges = self.grow(store, position, leaves)?;
        self.end += bytes.len() as u32;
        store.segments.extend(&frame, &places, &bodies);
        let head = edges.head;
        store.publish(edges);
        Ok(head)
    }

    /// Grows both trees and writes the tiles that became full. Crash in here: the tiles are computed again at open.
    fn grow(&mut self, store: &Store, position: LogPosition, leaves: Vec<LeafHashes>) -> Result<Edges, StoreError> {
        let mut edges = Edges::clone(&store.edges());
        for leaf in leaves {
            self.frontier.push(leaf)?;
            write_tiles(&store.sha256, &edges.sha256.push(leaf.sha256)?)?;
            write_tiles(&store.blake3, &edges.blake3.push(leaf.blake3)?)?;
        }
        edges.head = self.frontier.head();
        edges.position = Some(position);
        Ok(edges)
    }

    /// Makes everything written so far durable: bodies and entries, then tiles, then checkpoints.
    ///
    /// The order matters: a frame refers to bodies, a checkpoint on disk claims that its entries are durable.
    pub(super) fn sync(&mut self, store: &Store) -> Result<(), StoreError> {
        self.bodies.sync()?;
        // Crash here: bodies without frames; cut.
        if self.synced < self.end {
            self.file.sync_data().map_err(StoreError::io("sync", &store.folders.segment(self.segment)))?;
            self.synced = self.end;
            // Crash here or while the mark is on its way: an older mark vouches for less.
            self.mark.write(&store.folders.mark(), Mark { segment: self.segment, offset: self.end })?;
        }
        // Crash here: the entries stand; missing tiles are computed again.
        store.sha256.sync(false)?;
        store.blake3.sync(false)?;
        // Crash here: the entries stand; the checkpoints published meanwhile come again from peers.
        store.archive.sync()
    }

    /// Closes the segment and starts the next. Everything in closed segments, and every tile below the new segment's
    /// first leaf, is durable: recovery has to look at the last segment only.
    fn roll(&mut self, store: &Store) -> Result<(), StoreError> {
        self.sync(store)?;
        let index_path = store.folders.index(self.segment);
        let index = store.segments.close_last();
        store.disk.replace(&index_path, &index).map_err(StoreError::io("write", &index_path))?;
        // Crash here: the segment is still the last one; its index file is not looked at and written anew at the next roll.
        let edges = store.edges();
        let header = SegmentHeader {
            number: self.segment + 1,
            first_leaf: edges.head.size.get(),
            roots: edges.head.roots,
            position: edges.position,
        };
        let segment = create_segment(&store.disk, &store.folders, &header)?;
        self.segment = header.number;
        self.file = Arc::clone(&segment.file);
        (self.end, self.synced) = (SEGMENT_HEADER_BYTES, SEGMENT_HEADER_BYTES);
        let (disk, folders) = (Arc::clone(&store.disk), store.folders.clone());
        self.bodies = BodyWriter::new(disk, folders, header.number, header.first_leaf, Default::default());
        store.segments.push(segment);
        Ok(())
    }

    /// Forgets all bodies of a class so far.
    pub(super) fn erase(&mut self, store: &Store, class: u8) -> Result<(), StoreError> {
        self.sync(store)?;
        if self.bodies.ends.contains_key(&class) {
            self.roll(store)?;
        }
        write_erased(&store.disk, &store.folders, class, self.segment)?;
        store.mark_erased(class, self.segment);
        // Crash here: the mark stands; the next open removes the files.
        remove_bodies(&store.disk, &store.folders, class, |number| number < self.segment)
    }
}

/// Creates an entry segment, durably.
pub(super) fn create_segment(
    disk: &Arc<dyn Disk>,
    folders: &Folders,
    header: &SegmentHeader,
) -> Result<Segment, StoreError> {
    let path = folders.segment(header.number);
    let file = disk.open(&path, Open::CreateNew).map_err(StoreError::io("create", &path))?;
    file.write_all_at(&header.to_bytes(), 0).map_err(StoreError::io("write", &path))?;
    file.sync_data().map_err(StoreError::io("sync", &path))?;
    // Crash before the folder is synced: the file is absent, or there with or without its header and without frames; the
    // next open removes it when the header is not whole.
    disk.sync_dir(&folders.entries()).map_err(StoreError::io("sync", &folders.entries()))?;
    let index = SegmentIndex::new(header.number, header.first_leaf, SEGMENT_HEADER_BYTES, header.position);
    Ok(Segment { file: Arc::from(file), path: path.into(), index, index_bytes: 0 })
}

/// The size after appending so many; refused beyond the limit.
pub(super) fn size_after(size: TreeSize, entries: &[NewEntry<'_>]) -> Result<TreeSize, StoreError> {
    Ok(TreeSize::new(size.get().saturating_add(entries.len() as u64))?)
}
