//! The sync mark: how much of the last entry segment is durable, remembered beside it.
//!
//! Written after each sync and not synced itself. It can only lag behind, never lead: when it reaches the disk, what it
//! speaks of has long been there. With it, rot in frames that no later frame vouches for is damage and not a torn tail.

use std::io;
use std::path::Path;
use std::sync::Arc;

use tamga_platform::disk::{Disk, DiskFile, Open};

use super::error::StoreError;
use super::layout::{Fields, Folders, seal, unseal};

/// Two slots, written in turn and a sector apart, so that a torn write leaves the other.
const SLOTS: u64 = 2;
const SLOT_STRIDE: u64 = 4096;
const SLOT_BYTES: usize = 16;
const MAGIC: &[u8; 4] = b"TSM1";

/// So many bytes of that segment are durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Mark {
    pub(super) segment: u32,
    pub(super) offset: u32,
}

impl Mark {
    fn to_bytes(self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&self.segment.to_le_bytes());
        bytes.extend_from_slice(&self.offset.to_le_bytes());
        seal(bytes)
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let mut fields = Fields(unseal(bytes)?);
        if fields.array()? != *MAGIC {
            return None;
        }
        Some(Self { segment: fields.u32()?, offset: fields.u32()? })
    }

    /// Bytes of a segment this mark vouches for.
    pub(super) const fn durable_of(self, segment: u32) -> u32 {
        if self.segment == segment { self.offset } else { 0 }
    }
}

/// The furthest mark that is whole; none vouches for nothing.
pub(super) fn read_mark(disk: &Arc<dyn Disk>, folders: &Folders) -> Result<Mark, StoreError> {
    let path = folders.mark();
    let file = match disk.open(&path, Open::Read) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Mark::default()),
        Err(error) => return Err(StoreError::io("open", &path)(error)),
    };
    let mut furthest = Mark::default();
    for slot in 0..SLOTS {
        let mut bytes = [0; SLOT_BYTES];
        let read = file.read_at(&mut bytes, slot * SLOT_STRIDE).map_err(StoreError::io("read", &path))?;
        let mark = bytes.get(..read).and_then(Mark::parse).unwrap_or_default();
        furthest = furthest.max(mark);
    }
    Ok(furthest)
}

/// A file whose both slots hold this mark, for a repair that has made everything up to it durable.
pub(super) fn mark_file(mark: Mark) -> Vec<u8> {
    let mut bytes = mark.to_bytes();
    bytes.resize(SLOT_STRIDE as usize, 0);
    bytes.extend_from_slice(&mark.to_bytes());
    bytes
}

/// Writes marks.
#[derive(Debug)]
pub(super) struct MarkWriter {
    file: Box<dyn DiskFile>,
    slot: u64,
}

impl MarkWriter {
    /// Opens or creates the file and writes a first mark, durably.
    pub(super) fn open(disk: &Arc<dyn Disk>, folders: &Folders, mark: Mark) -> Result<Self, StoreError> {
        let path = folders.mark();
        let file = disk.open(&path, Open::ReadWrite).map_err(StoreError::io("open", &path))?;
        let mut writer = Self { file, slot: 0 };
        for _ in 0..SLOTS {
            writer.write(&path, mark)?;
        }
        writer.file.sync_data().map_err(StoreError::io("sync", &path))?;
        disk.sync_dir(&folders.entries()).map_err(StoreError::io("sync", &folders.entries()))?;
        Ok(writer)
    }

    /// Notes what a sync that has returned made durable.
    pub(super) fn write(&mut self, path: &Path, mark: Mark) -> Result<(), StoreError> {
        self.slot = (self.slot + 1) % SLOTS;
        self.file.write_all_at(&mark.to_bytes(), self.slot * SLOT_STRIDE).map_err(StoreError::io("write", path))
    }
}
