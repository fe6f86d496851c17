//! Everything that can go wrong with the files, for the operator to act on.

use std::io;
use std::path::{Path, PathBuf};

use crate::tree::{LeafIndex, PositionError, ProofError, TreeSize};

use super::types::Fault;

/// Why the store could not do something.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The operating system refused.
    #[error("cannot {action} {path}: {source}; check the disk and its free space, then start the node again")]
    Io {
        /// What was tried: "read", "write", "sync", "open"…
        action: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Bytes that were durable are not what was written. Nothing was changed.
    #[error(
        "damaged: {0}; the node must not serve from this ledger: `tamga-node repair --config FILE` repairs it from its peers"
    )]
    Damaged(Fault),
    /// An earlier write or sync failed; what is on disk is unknown until the next open.
    #[error("the ledger takes no more writes since an earlier one failed ({first}); restart the node")]
    Poisoned {
        /// The first failure.
        first: String,
    },
    /// An entry too long for a bundle.
    #[error("entry {place} of the batch has {length} bytes; at most 65535 fit")]
    EntryTooLong {
        /// Which entry of the batch, from 0.
        place: usize,
        /// Its bytes.
        length: usize,
    },
    /// A confidential body too long, or in a class that cannot be.
    #[error(
        "the confidential body of entry {place} of the batch cannot be kept: class {class} (1 to 15), {length} bytes (at most 262144)"
    )]
    BadConfidential {
        /// Which entry of the batch, from 0.
        place: usize,
        /// The class given.
        class: u8,
        /// Its bytes.
        length: usize,
    },
    /// More than one append may hold.
    #[error("a batch of {entries} entries and {bytes} bytes is too large for one append; split it")]
    BatchTooLarge {
        /// Entries in it.
        entries: usize,
        /// Their bytes, confidential bodies included.
        bytes: usize,
    },
    /// Asked for something the ledger has not reached.
    #[error("leaf {leaf} is not in this ledger of size {size}")]
    NoSuchLeaf {
        /// Asked for.
        leaf: u64,
        /// What there is.
        size: TreeSize,
    },
    /// Asked for a tree larger than the ledger.
    #[error("size {asked} is beyond this ledger of size {size}")]
    NoSuchSize {
        /// Asked for.
        asked: TreeSize,
        /// What there is.
        size: TreeSize,
    },
    /// No such tile or bundle, or not that wide.
    #[error("tile {index} of level {level} is not {width} wide in this ledger of size {size}")]
    NoSuchTile {
        /// Tile level; 0 for entry bundles.
        level: u8,
        /// Tile index.
        index: u64,
        /// Width asked for.
        width: usize,
        /// What there is.
        size: TreeSize,
    },
    /// A checkpoint of a size this ledger has not reached: applied entries come first.
    #[error("a checkpoint of size {asked} cannot be archived in a ledger of size {size}; apply the entries first")]
    CheckpointAhead {
        /// The checkpoint's size.
        asked: TreeSize,
        /// What there is.
        size: TreeSize,
    },
    /// A note larger than the archive takes.
    #[error("a checkpoint note of {0} bytes is too long to be archived; at most 65536")]
    NoteTooLong(usize),
    /// The options make no sense.
    #[error("segments of {0} bytes cannot be: choose 4096 to 134217728")]
    BadSegmentBytes(u32),
    /// The ledger is full (2⁵³ − 1 entries).
    #[error(transparent)]
    Full(#[from] PositionError),
    /// The proof asked for does not exist.
    #[error(transparent)]
    NoProof(#[from] ProofError),
}

impl StoreError {
    /// For `map_err` on a disk operation.
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, path: path.to_owned(), source }
    }

    /// Damage at a place.
    pub(super) fn damaged(path: &Path, offset: u64, leaf: Option<u64>, what: impl Into<String>) -> Self {
        let leaf = leaf.and_then(|leaf| LeafIndex::new(leaf).ok());
        Self::Damaged(Fault { path: path.to_owned(), offset, leaf, what: what.into() })
    }
}
