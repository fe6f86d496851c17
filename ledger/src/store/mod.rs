//! The append-only files of one node's ledger (DESIGN §8).
//!
//! One writer, many readers: [`Store`] is shared as an `Arc`; [`Store::append`] and [`Store::sync`] take an internal writer
//! lock, reads take only a memory lock that is never held during disk I/O. What readers see is what `append` has returned
//! for: written, not necessarily durable. Durable is what [`Store::sync`] has returned for.

mod archive;
mod confidential;
mod edges;
mod error;
mod frame;
mod fsck;
mod index;
mod layout;
mod reader;
mod recovery;
mod scan;
mod segments;
mod tiles;
mod types;
mod writer;

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};

use tamga_platform::disk::Disk;

use crate::tree::{ENTRY_BYTES_MAX, TreeHead, TreeSize};

use self::archive::Archive;
use self::confidential::Erased;
use self::edges::Edges;
use self::layout::Folders;
use self::segments::Segments;
use self::tiles::TileFiles;
use self::writer::{Writer, check_batch, size_after};

pub use error::StoreError;
pub use fsck::fsck;
pub use reader::StoredTree;
pub use types::{
    ArchivedCheckpoint, CLASS_MAX, CONFIDENTIAL_BYTES_MAX, Confidential, FAULTS_MAX, Fault, LogPosition,
    NOTE_BYTES_MAX, NewEntry, Options, Recovery, Report, SEGMENT_BYTES, SEGMENT_BYTES_MAX, Usage,
};

/// The open ledger of one node. See the module.
#[derive(Debug)]
pub struct Store {
    disk: Arc<dyn Disk>,
    folders: Folders,
    segments: Segments,
    sha256: TileFiles,
    blake3: TileFiles,
    archive: Archive,
    /// What readers see. Replaced as a whole after each append, so a reader works on one consistent size.
    edges: RwLock<Arc<Edges>>,
    erased: RwLock<Erased>,
    writer: Mutex<Writer>,
    /// The first failure of a write; set once, never cleared.
    failed: OnceLock<String>,
}

impl Store {
    /// Opens a ledger, or creates it in a folder that has none, and recovers from whatever crash came before.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when durable bytes are not what was written (nothing has been cut then),
    /// [`StoreError::BadSegmentBytes`], [`StoreError::Io`].
    pub fn open(disk: Arc<dyn Disk>, folder: &Path, options: Options) -> Result<(Self, Recovery), StoreError> {
        recovery::open(disk, folder, options)
    }

    /// Appends the entries that come from one position of the replicated log, as one frame: after a crash all of them are
    /// there or none. No entries at all is fine: only the position advances. Returns the new size and roots.
    ///
    /// Durable only after [`Store::sync`]. Once in `segment_bytes` an append closes the segment and syncs itself.
    ///
    /// # Errors
    /// Before anything is written: [`StoreError::EntryTooLong`], [`StoreError::BadConfidential`],
    /// [`StoreError::BatchTooLarge`] (64 MiB with bodies), [`StoreError::Full`]. [`StoreError::Io`] poisons the store: every
    /// later write gets [`StoreError::Poisoned`].
    pub fn append(&self, position: LogPosition, entries: &[NewEntry<'_>]) -> Result<TreeHead, StoreError> {
        check_batch(entries)?;
        let mut writer = self.writer()?;
        size_after(self.size(), entries)?;
        let done = writer.append(self, position, entries);
        self.poison_on_error(done)
    }

    /// Makes everything appended and archived so far durable: confidential bodies and entries, then tiles, then
    /// checkpoints.
    ///
    /// # Errors
    /// [`StoreError::Io`] poisons the store; [`StoreError::Poisoned`].
    pub fn sync(&self) -> Result<(), StoreError> {
        let mut writer = self.writer()?;
        let done = writer.sync(self);
        self.poison_on_error(done)
    }

    /// Forgets all confidential bodies of a class appended so far, for ever and durably; both trees stay as they are. The
    /// files are removed; whether the medium forgets is the operator's matter (encrypted disks).
    ///
    /// # Errors
    /// [`StoreError::BadConfidential`] for a class that cannot be; [`StoreError::Io`] poisons the store;
    /// [`StoreError::Poisoned`].
    pub fn erase_confidential(&self, class: u8) -> Result<(), StoreError> {
        if !(1..=CLASS_MAX).contains(&class) {
            return Err(StoreError::BadConfidential { place: 0, class, length: 0 });
        }
        let mut writer = self.writer()?;
        let done = writer.erase(self, class);
        self.poison_on_error(done)
    }

    /// Keeps a published checkpoint for ever: the signed note with its cosignatures. Of one size the last note given counts
    /// (merge cosignatures before). Readers see it at once; durable after the next [`Store::sync`].
    ///
    /// `time_ms`: the checkpoint's time in milliseconds of Unix time, for [`Store::checkpoint_before_time`].
    ///
    /// # Errors
    /// [`StoreError::NoteTooLong`], [`StoreError::CheckpointAhead`] while this ledger is smaller, [`StoreError::Poisoned`].
    pub fn archive_checkpoint(&self, size: TreeSize, time_ms: u64, note: &str) -> Result<(), StoreError> {
        if note.len() > NOTE_BYTES_MAX {
            return Err(StoreError::NoteTooLong(note.len()));
        }
        if size > self.size() {
            return Err(StoreError::CheckpointAhead { asked: size, size: self.size() });
        }
        self.refuse_if_failed()?;
        self.archive.put(size, time_ms, note);
        Ok(())
    }

    fn writer(&self) -> Result<MutexGuard<'_, Writer>, StoreError> {
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        self.refuse_if_failed()?;
        Ok(writer)
    }

    fn refuse_if_failed(&self) -> Result<(), StoreError> {
        match self.failed.get() {
            Some(first) => Err(StoreError::Poisoned { first: first.clone() }),
            None => Ok(()),
        }
    }

    /// Fail-stop: after a failed write nobody knows what is on disk, and a retry may seem to work.
    fn poison_on_error<T>(&self, done: Result<T, StoreError>) -> Result<T, StoreError> {
        done.inspect_err(|error| {
            let _first_stays = self.failed.set(error.to_string());
        })
    }

    fn edges(&self) -> Arc<Edges> {
        Arc::clone(&self.edges.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn publish(&self, edges: Edges) {
        *self.edges.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(edges);
    }

    fn erased_below(&self, class: u8) -> u32 {
        self.erased.read().unwrap_or_else(PoisonError::into_inner).get(&class).copied().unwrap_or(0)
    }

    fn mark_erased(&self, class: u8, below: u32) {
        self.erased.write().unwrap_or_else(PoisonError::into_inner).insert(class, below);
    }
}
