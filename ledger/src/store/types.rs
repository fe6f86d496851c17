//! What goes into the store and what it tells.

use std::fmt;
use std::path::PathBuf;

use crate::tree::{LeafIndex, TreeHead, TreeSize};

/// The largest confidential body.
pub const CONFIDENTIAL_BYTES_MAX: usize = 256 * 1024;
/// The largest archived checkpoint note, cosignatures included.
pub const NOTE_BYTES_MAX: usize = 64 * 1024;
/// The highest confidentiality class.
pub const CLASS_MAX: u8 = 15;
/// Segments are rolled at this size unless the options say otherwise: 64 MiB.
pub const SEGMENT_BYTES: u32 = 64 << 20;
/// The largest size a segment may be told to roll at: offsets in an index word have 28 bits, and a segment may exceed
/// its limit by one frame.
pub const SEGMENT_BYTES_MAX: u32 = 128 << 20;

/// Where in the replicated log entries come from. The ledger gives it no meaning: it stores it and hands it back, so that
/// consensus knows from where to re-apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct LogPosition {
    /// Term of the log entry.
    pub term: u64,
    /// Leader of that term.
    pub leader: u64,
    /// Index in the replicated log (not a leaf index).
    pub index: u64,
}

impl fmt::Display for LogPosition {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}-{}-{}", self.term, self.leader, self.index)
    }
}

/// One entry to append.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewEntry<'a> {
    /// The bytes both trees hash; at most 65,535.
    pub entry: &'a [u8],
    /// The confidential body kept beside it; empty means none; at most [`CONFIDENTIAL_BYTES_MAX`].
    pub confidential: &'a [u8],
    /// Confidentiality class of the body: which file it goes to (1 = V, 2 = C; up to [`CLASS_MAX`]). Ignored without a
    /// body.
    pub class: u8,
}

impl<'a> NewEntry<'a> {
    /// An entry without a confidential body.
    #[must_use]
    pub const fn public(entry: &'a [u8]) -> Self {
        Self { entry, confidential: &[], class: 0 }
    }
}

/// How to open a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// A segment that has reached this many bytes is closed before the next append. At most [`SEGMENT_BYTES_MAX`].
    pub segment_bytes: u32,
    /// Read and check everything at open, not only the last segment: every frame checksum, every tile recomputed.
    pub verify_all: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { segment_bytes: SEGMENT_BYTES, verify_all: false }
    }
}

/// What opening found and did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovery {
    /// The last position whose entries are here; re-apply from the one after it. None in a new ledger.
    pub position: Option<LogPosition>,
    /// Size and roots after recovery.
    pub head: TreeHead,
    /// Bytes of an unfinished append cut from the last entries segment.
    pub cut_bytes: u64,
    /// Bytes of an unfinished append cut from the checkpoint archive.
    pub cut_checkpoint_bytes: u64,
    /// Full tiles written because they were missing or unfinished, both trees together.
    pub tiles_rebuilt: u64,
    /// Segment indexes rebuilt because they were missing or damaged.
    pub indexes_rebuilt: u64,
}

impl Recovery {
    /// The recovered tree size.
    #[must_use]
    pub const fn size(&self) -> TreeSize {
        self.head.size
    }
}

/// What is known of the confidential body of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Confidential {
    /// The entry was appended without one.
    None,
    /// Here it is.
    Kept {
        /// Its confidentiality class.
        class: u8,
        /// Its bytes.
        body: Vec<u8>,
    },
    /// There was one, and its class has been erased.
    Erased {
        /// Its confidentiality class.
        class: u8,
    },
}

/// One published checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchivedCheckpoint {
    /// The tree size it speaks of.
    pub size: TreeSize,
    /// When, in milliseconds of Unix time, as given to `archive_checkpoint`.
    pub time_ms: u64,
    /// The signed note with all cosignatures known when it was last archived.
    pub note: String,
}

/// Bytes on disk by purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Entry segments with their framing.
    pub entries: u64,
    /// Tiles of both trees with their checksums.
    pub tiles: u64,
    /// Index files of closed segments.
    pub index: u64,
    /// Confidential bodies with their framing.
    pub confidential: u64,
    /// The checkpoint archive.
    pub checkpoints: u64,
}

/// One fault in the files of a ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// In which file.
    pub path: PathBuf,
    /// Where in the file, in bytes from its start.
    pub offset: u64,
    /// The first leaf concerned, where that is known.
    pub leaf: Option<LeafIndex>,
    /// What is wrong, in words.
    pub what: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} at byte {}", self.path.display(), self.offset)?;
        if let Some(leaf) = self.leaf {
            write!(out, " (leaf {leaf})")?;
        }
        write!(out, ": {}", self.what)
    }
}

/// What `fsck` found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Size and roots recomputed from the entries, up to the first fault in them.
    pub head: TreeHead,
    /// Position of the last whole frame.
    pub position: Option<LogPosition>,
    /// Bytes of an unfinished append at the end of the entries: not a fault, cut at the next open.
    pub torn_bytes: u64,
    /// Faults, in the order found: entries, confidential bodies, tiles, indexes, checkpoints. At most
    /// [`FAULTS_MAX`] are listed.
    pub faults: Vec<Fault>,
    /// All faults, listed or not.
    pub faults_total: u64,
}

/// Faults a report lists.
pub const FAULTS_MAX: usize = 1000;

impl Report {
    /// Whether nothing is wrong.
    #[must_use]
    pub const fn is_clean(&self) -> bool {
        self.faults_total == 0
    }
}
