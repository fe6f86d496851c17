//! The append-only files of one node's ledger (DESIGN §8).
//!
//! One writer, many readers: [`Store`] is shared as an `Arc`; [`Store::append`] and [`Store::sync`] take an internal writer
//! lock, reads take only a memory lock that is never held during disk I/O. What readers see is what `append` has returned
//! for: written, not necessarily durable. Durable is what [`Store::sync`] has returned for.
//!
//! | file | what |
//! |---|---|
//! | `writer` | append, sync, roll, erase: the write path in order |
//! | `recovery`, `growth` | opening: torn or damaged, cut or refuse, compute again |
//! | `reader`, `place` | everything that reads; where in the log a size stands |
//! | `fsck` | verifying everything, writing nothing |
//! | [`repair`] | damaged files made again from what can be proven |
//! | `frame`, `scan`, `index`, `segments`, `mark` | entry segments |
//! | `confidential`, `tiles`, `archive` | the other files |
//! | `layout`, `edges`, `types`, `error` | headers and names; what readers see; arguments and answers; failures |
//!
//! # Promises
//!
//! 1. After any crash the ledger is a whole number of appends: at least all that were synced, at most all that were begun.
//! 2. Durable bytes are never cut. A bad frame is a torn tail only if nothing vouches for it: no later frame, no sync mark
//!    and no archived checkpoint says that it was durable. Anything else is [`StoreError::Damaged`], with file, offset, leaf.
//! 3. What is read back is what was written, or an error: entries are compared with their leaf hash; tiles, bodies and
//!    checkpoints with a checksum that also binds their place.
//! 4. After a failed write or sync nothing is written any more ([`StoreError::Poisoned`]).
//!
//! Write order: confidential bodies, frame, tiles; sync order: bodies, entries, (mark), tiles, checkpoints. Rolling a
//! segment syncs everything before it, tiles included: recovery reads the last segment only.
//!
//! Out of scope: what entries mean, whether a note is a valid checkpoint, several processes on one folder.
//!
//! # Files
//!
//! All integers little-endian, but the length prefix of an entry, which is big-endian as in a tlog-tiles bundle. Checksums are
//! CRC-32C (u32); "sum" below covers everything before it in the header or record, and what is said. Unused bytes are 0.
//!
//! ```text
//! entries/NNNNNNNN.seg      segment: header, then frames without gaps; numbers from 00000000 without gaps
//! entries/NNNNNNNN.idx      index of a closed segment; derived
//! entries/synced            sync marks
//! confidential/C/NNNNNNNN.seg   bodies of class C (1 to 15) of the entries in segment N
//! confidential/C.erased     bodies of class C below a segment have been erased: segment u32, sum
//! tiles/TREE/L              full tiles of level L of TREE (sha256, blake3), tile i at i × 8192; derived
//! tiles/TREE/L.sum          one sum a tile, at i × 4: over TREE, L (1 byte), i (u64), tile; derived
//! checkpoints/archive.log   header, then records without gaps
//! repair                    journal of an unfinished repair; a ledger that has one is not opened
//! ```
//!
//! Segment header, 128 bytes: the state of the ledger before the first frame.
//!
//! | at | size | |
//! |---|---|---|
//! | 0 | 8 | `TAMGA/EN` |
//! | 8 | 4 | version, 1 |
//! | 12 | 4 | segment number |
//! | 16 | 8 | first leaf |
//! | 24 | 32 + 32 | SHA-256 root, BLAKE3 root of the entries before |
//! | 88 | 4 + 3 × 8 | 1 and the position (term, leader, index) before; 0 and zeros in a new ledger |
//! | 116 | 8 | unused |
//! | 124 | 4 | sum |
//!
//! Frame: one append.
//!
//! | at | size | |
//! |---|---|---|
//! | 0 | 4 | `TFR1` |
//! | 4 | 4 | payload bytes, p |
//! | 8 | 8 | first leaf |
//! | 16 | 3 × 8 | position: term, leader, index |
//! | 40 | 4 | entries, n; may be 0 |
//! | 44 | 4 | section bytes, s; 0 when no entry has a body |
//! | 48 | 4 | bytes of this segment that were durable when the frame was written |
//! | 52 | 4 | segment number |
//! | 56 | 4 | offset of this frame in the segment |
//! | 60 | 4 | sum |
//! | 64 | p | n times: length u16 **big-endian**, entry |
//! | 64 + p | s | n × class (1 byte, 0 = no body); number of classes u32; for each (class u32, offset of its first body u32); for each entry with a body its length u32 |
//! | 64 + p + s | 4 | sum over the whole frame |
//!
//! Index of a closed segment: `TAMGA/IX`, version u32, segment u32, first leaf u64, end of the last frame u32, position as in
//! the header (28 bytes), bytes of entries alone u64, leaves u32, classes u32; a word u32 a leaf (class << 28 | offset of the
//! length prefix); for each class: class u32, end of its last body u32, marks u32, and every 16th body as (leaf − first leaf
//! u32, offset u32); sum. Four bytes a leaf, in memory too.
//!
//! Sync marks: two slots of 16 bytes at 0 and 4096, written in turn: `TSM1`, segment u32, offset u32, sum. The furthest whole
//! one counts.
//!
//! Body file: header of 32 bytes (`TAMGA/CF`, version u32, class u32, segment u32, first leaf u64, sum), then bodies without
//! gaps: `TBD1`, length u32, leaf u64, class u32, sum over these 20 bytes and the body, body.
//!
//! Archive: header of 16 bytes (`TAMGA/CP`, version u32, sum), then records: `TCP1`, note bytes u32, tree size u64, time in
//! ms u64, offset of this record u64, durable bytes of the archive when it was written u64, sum over these 40 bytes and the
//! note, note (UTF-8). Of one size the last record counts.
//!
//! Limits: entry 65,535 bytes; body 256 KiB; frame 64 MiB; segment 128 MiB and one frame; note 64 KiB. Open files: one a
//! segment and four a tree level.

mod archive;
mod confidential;
mod edges;
mod error;
mod frame;
mod fsck;
mod growth;
mod index;
mod layout;
mod mark;
mod place;
mod reader;
mod recovery;
pub mod repair;
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
