//! The checkpoint archive: every published checkpoint for ever, in one log file with a small index in memory.
//!
//! Notes wait in memory until `sync` has made the entries durable. So a checkpoint on disk proves that the entries it covers
//! were durable, and recovery may call their absence damage instead of a torn tail.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tamga_platform::disk::{Disk, DiskFile, Open};

use crate::tree::TreeSize;

use super::error::StoreError;
use super::layout::{ARCHIVE_HEADER_BYTES, Fields, Folders, archive_header};
use super::types::{ArchivedCheckpoint, NOTE_BYTES_MAX};

const MAGIC: &[u8; 4] = b"TCP1";
const RECORD_HEADER_BYTES: u64 = 44;

/// One record's place; the note's bytes follow the header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) size: u64,
    pub(super) time_ms: u64,
    pub(super) offset: u64,
    /// Bytes of the archive that were durable when the record was written; see `FrameHeader::synced`.
    pub(super) synced: u64,
    pub(super) length: u32,
}

impl Record {
    fn start(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&self.length.to_le_bytes());
        for field in [self.size, self.time_ms, self.offset, self.synced] {
            bytes.extend_from_slice(&field.to_le_bytes());
        }
        bytes
    }

    pub(super) fn to_bytes(self, note: &str) -> Vec<u8> {
        let mut bytes = self.start();
        let sum = crc32c::crc32c_append(crc32c::crc32c(&bytes), note.as_bytes());
        bytes.extend_from_slice(&sum.to_le_bytes());
        bytes.extend_from_slice(note.as_bytes());
        bytes
    }

    /// Reads a record that starts at that offset; `None` when no whole one does.
    pub(super) fn parse(bytes: &[u8], offset: u64) -> Option<(Self, &str)> {
        let mut fields = Fields(bytes);
        if fields.array()? != *MAGIC {
            return None;
        }
        let length = fields.u32().filter(|length| *length as usize <= NOTE_BYTES_MAX)?;
        let (size, time_ms, at, synced) = (fields.u64()?, fields.u64()?, fields.u64()?, fields.u64()?);
        let (record, sum) = (Self { size, time_ms, offset: at, synced, length }, fields.u32()?);
        let note = fields.bytes(length as usize)?;
        let good = at == offset && crc32c::crc32c_append(crc32c::crc32c(&record.start()), note) == sum;
        if good { Some((record, std::str::from_utf8(note).ok()?)) } else { None }
    }

    pub(super) const fn end(&self) -> u64 {
        self.offset + RECORD_HEADER_BYTES + self.length as u64
    }
}

/// What a scan of the archive found.
#[derive(Debug)]
pub(super) struct ArchiveScan {
    pub(super) records: Vec<Record>,
    /// End of the last whole record.
    pub(super) end: u64,
    /// Bytes after it that were never durable.
    pub(super) torn: u64,
}

/// Scans the archive; damage to durable records is an error.
pub(super) fn scan_archive(file: &dyn DiskFile, path: &Path) -> Result<ArchiveScan, StoreError> {
    let length = file.len().map_err(StoreError::io("read", path))?;
    let mut header = [0; ARCHIVE_HEADER_BYTES as usize];
    if length < ARCHIVE_HEADER_BYTES {
        // Crash while the archive was being created.
        return Ok(ArchiveScan { records: Vec::new(), end: 0, torn: length });
    }
    file.read_exact_at(&mut header, 0).map_err(StoreError::io("read", path))?;
    if header[..] != archive_header()[..] {
        if length == ARCHIVE_HEADER_BYTES {
            // The same crash, power lost: the length arrived, the bytes did not. There is nothing behind them to lose.
            return Ok(ArchiveScan { records: Vec::new(), end: 0, torn: length });
        }
        return Err(StoreError::damaged(path, 0, None, "the header of the checkpoint archive is not what was written"));
    }
    let mut scan = ArchiveScan { records: Vec::new(), end: ARCHIVE_HEADER_BYTES, torn: 0 };
    while scan.end < length {
        match read_record(file, path, scan.end)? {
            Some((record, _)) => {
                scan.end = record.end();
                scan.records.push(record);
            }
            None if durable_beyond(file, path, scan.end, length)? => {
                return Err(StoreError::damaged(path, scan.end, None, "an archived checkpoint is damaged"));
            }
            None => {
                scan.torn = length - scan.end;
                break;
            }
        }
    }
    Ok(scan)
}

fn read_record(file: &dyn DiskFile, path: &Path, offset: u64) -> Result<Option<(Record, String)>, StoreError> {
    let mut bytes = vec![0; RECORD_HEADER_BYTES as usize];
    let short = file.read_at(&mut bytes, offset).map_err(StoreError::io("read", path))? < bytes.len();
    let length =
        Fields(&bytes).array::<8>().map_or(0, |start| u32::from_le_bytes([start[4], start[5], start[6], start[7]]));
    if short || length as usize > NOTE_BYTES_MAX {
        return Ok(None);
    }
    bytes.resize(bytes.len() + length as usize, 0);
    match file.read_exact_at(&mut bytes, offset) {
        Ok(()) => Ok(Record::parse(&bytes, offset).map(|(record, note)| (record, note.to_owned()))),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(StoreError::io("read", path)(error)),
    }
}

/// Whether a whole record after `bad` says that the bytes at `bad` had been durable.
fn durable_beyond(file: &dyn DiskFile, path: &Path, bad: u64, length: u64) -> Result<bool, StoreError> {
    const STEP: u64 = 1 << 20;
    let mut at = bad + 1;
    while at < length {
        let mut bytes = vec![0; STEP.min(length - at) as usize + 3];
        let read = file.read_at(&mut bytes, at).map_err(StoreError::io("read", path))?;
        bytes.truncate(read);
        for (skipped, _) in bytes.windows(4).enumerate().filter(|(_, window)| window == MAGIC) {
            if read_record(file, path, at + skipped as u64)?.is_some_and(|(record, _)| record.synced > bad) {
                return Ok(true);
            }
        }
        at += STEP;
    }
    Ok(false)
}

#[derive(Debug, Clone)]
enum Place {
    /// Waiting for the next sync.
    Pending(Arc<str>),
    Disk(Record),
}

#[derive(Debug, Default)]
struct Index {
    by_size: BTreeMap<u64, (u64, Place)>,
    by_time: BTreeSet<(u64, u64)>,
    /// Sizes whose note waits for the next sync.
    pending: BTreeSet<u64>,
    end: u64,
    synced: u64,
}

impl Index {
    fn put(&mut self, size: u64, time_ms: u64, place: Place) {
        if matches!(place, Place::Pending(_)) {
            self.pending.insert(size);
        }
        if let Some((earlier, _)) = self.by_size.insert(size, (time_ms, place)) {
            self.by_time.remove(&(earlier, size));
        }
        self.by_time.insert((time_ms, size));
    }
}

/// More than the notes of one sync take.
const AGAIN_BYTES: u64 = 1 << 20;

/// The open archive. Records on disk stay for ever; of one size, the last one counts.
#[derive(Debug)]
pub(super) struct Archive {
    path: PathBuf,
    file: Box<dyn DiskFile>,
    index: Mutex<Index>,
}

impl Archive {
    /// Opens or creates the archive and cuts a torn tail. Returns it with the bytes cut.
    pub(super) fn open(disk: &Arc<dyn Disk>, folders: &Folders) -> Result<(Self, u64), StoreError> {
        let (folder, path) = (folders.checkpoints(), folders.archive());
        disk.create_dir_all(&folder).map_err(StoreError::io("create", &folder))?;
        let file = disk.open(&path, Open::ReadWrite).map_err(StoreError::io("open", &path))?;
        let scan = scan_archive(file.as_ref(), &path)?;
        let mut end = scan.end;
        file.set_len(end).map_err(StoreError::io("cut", &path))?;
        if end == 0 {
            file.write_all_at(&archive_header(), 0).map_err(StoreError::io("write", &path))?;
            end = ARCHIVE_HEADER_BYTES;
        }
        // What an earlier process wrote and failed to sync: at most what one sync writes.
        file.write_again(end.saturating_sub(AGAIN_BYTES), end).map_err(StoreError::io("write again", &path))?;
        file.sync_data().map_err(StoreError::io("sync", &path))?;
        disk.sync_dir(&folder).map_err(StoreError::io("sync", &folder))?;
        let mut index = Index { end, synced: end, ..Index::default() };
        for record in scan.records {
            index.put(record.size, record.time_ms, Place::Disk(record));
        }
        Ok((Self { path, file, index: Mutex::new(index) }, scan.torn))
    }

    fn index(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a note; durable after the next [`Archive::sync`].
    pub(super) fn put(&self, size: TreeSize, time_ms: u64, note: &str) {
        self.index().put(size.get(), time_ms, Place::Pending(note.into()));
    }

    /// Writes and syncs what is pending. The caller has synced the entries before.
    pub(super) fn sync(&self) -> Result<(), StoreError> {
        let (mut records, mut bytes, start) = (Vec::new(), Vec::new(), self.index().end);
        {
            let index = self.index();
            for size in &index.pending {
                let Some((time_ms, Place::Pending(note))) = index.by_size.get(size) else { continue };
                let (offset, length) = (start + bytes.len() as u64, note.len() as u32);
                let record = Record { size: *size, time_ms: *time_ms, offset, synced: index.synced, length };
                bytes.extend_from_slice(&record.to_bytes(note));
                records.push((record, Arc::clone(note)));
            }
        }
        if records.is_empty() {
            return Ok(());
        }
        // Crash before the sync returns: the records may be torn or gone; consensus or peers give them again.
        self.file.write_all_at(&bytes, start).map_err(StoreError::io("write", &self.path))?;
        self.file.sync_data().map_err(StoreError::io("sync", &self.path))?;
        let mut index = self.index();
        index.end = start + bytes.len() as u64;
        index.synced = index.end;
        for (record, written) in records {
            // A note put again meanwhile stays pending.
            if let Some((_, place)) = index.by_size.get_mut(&record.size)
                && matches!(place, Place::Pending(note) if Arc::ptr_eq(note, &written))
            {
                *place = Place::Disk(record);
                index.pending.remove(&record.size);
            }
        }
        Ok(())
    }

    fn read(&self, found: Option<(u64, (u64, Place))>) -> Result<Option<ArchivedCheckpoint>, StoreError> {
        let Some((size, (time_ms, place))) = found else { return Ok(None) };
        let note = match place {
            Place::Pending(note) => note.to_string(),
            Place::Disk(record) => match read_record(self.file.as_ref(), &self.path, record.offset)? {
                Some((read, note)) if read == record => note,
                _ => return Err(self.damaged(&record)),
            },
        };
        Ok(Some(ArchivedCheckpoint { size: TreeSize::new(size)?, time_ms, note }))
    }

    fn damaged(&self, record: &Record) -> StoreError {
        let what = format!("the archived checkpoint of size {} is not what was written", record.size);
        StoreError::damaged(&self.path, record.offset, None, what)
    }

    /// The one of the largest size.
    pub(super) fn latest(&self) -> Result<Option<ArchivedCheckpoint>, StoreError> {
        let found = self.index().by_size.last_key_value().map(|(size, slot)| (*size, slot.clone()));
        self.read(found)
    }

    /// The one of that size.
    pub(super) fn at(&self, size: TreeSize) -> Result<Option<ArchivedCheckpoint>, StoreError> {
        let found = self.index().by_size.get(&size.get()).map(|slot| (size.get(), slot.clone()));
        self.read(found)
    }

    /// The last one with a time not after `time_ms`.
    pub(super) fn before(&self, time_ms: u64) -> Result<Option<ArchivedCheckpoint>, StoreError> {
        let found = {
            let index = self.index();
            let last = index.by_time.range(..=(time_ms, u64::MAX)).next_back();
            last.and_then(|(_, size)| Some((*size, index.by_size.get(size)?.clone())))
        };
        self.read(found)
    }

    /// The one of the smallest size not below `size`.
    pub(super) fn from(&self, size: TreeSize) -> Result<Option<ArchivedCheckpoint>, StoreError> {
        let found = self.index().by_size.range(size.get()..).next().map(|(size, slot)| (*size, slot.clone()));
        self.read(found)
    }

    /// Up to `max` of them in a range of sizes.
    pub(super) fn range(&self, sizes: Range<TreeSize>, max: usize) -> Result<Vec<ArchivedCheckpoint>, StoreError> {
        if sizes.is_empty() {
            return Ok(Vec::new());
        }
        let found: Vec<_> = {
            let index = self.index();
            let range = index.by_size.range(sizes.start.get()..sizes.end.get());
            range.take(max).map(|(size, slot)| (*size, slot.clone())).collect()
        };
        found.into_iter().filter_map(|slot| self.read(Some(slot)).transpose()).collect()
    }

    pub(super) fn disk_bytes(&self) -> u64 {
        self.index().end
    }
}
