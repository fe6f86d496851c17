//! A ledger as static files (C2SP tlog-tiles with a second tree beside it), wherever they are.
//!
//! ```text
//! checkpoint                      the latest published checkpoint, a signed note
//! genesis                         entry 0 (a node: /api/v1/genesis)
//! history                         decisions of the organisations with proofs; absent while nothing was decided
//! checkpoints/index               sizes of every published checkpoint, ascending, one a line (a node: /api/v1/checkpoints)
//! checkpoints/<SIZE>              the published checkpoint of that size
//! tile/<L>/<N>[.p/<W>]            SHA-256 tiles
//! blake3/tile/<L>/<N>[.p/<W>]     BLAKE3 tiles
//! tile/entries/<N>[.p/<W>]        entry bundles
//! tile/confidential/<N>[.p/<W>]   confidential bodies, an empty one where there is none; public after the Voting seal
//! ```
//!
//! | file | what |
//! |---|---|
//! | `http` | [`HttpSource`]: a node or a mirror |
//! | `directory` | [`DirectorySource`]: a copy |
//! | `files` | [`Files`]: the typed reads on top of either |
//! | `archive` | [`Archive`]: every published checkpoint, page by page |
//! | `download` | [`download`]: makes a copy |
//!
//! Nothing read here is believed. Every read has a limit.

mod archive;
mod directory;
mod download;
mod files;
mod http;

pub(crate) use archive::sizes as archive_sizes;
pub use archive::{Archive, ArchivePage, Listed};
pub use directory::DirectorySource;
pub(crate) use download::{Base, download_beside, tile_paths};
pub use download::{DownloadError, Downloaded, download};
pub use files::{Bundle, Files, bundle_count, leaf_hashes};
pub use http::HttpSource;

use std::fmt;
use tamga_ledger::history::HISTORY_BYTES_MAX;
use tamga_ledger::ids::RecordId;
use tamga_ledger::note::NOTE_BYTES_MAX;
use tamga_ledger::tree::{
    BundleError, ENTRIES_PER_BUNDLE, ENTRY_BYTES_MAX, LeafIndex, TILE_BYTES, TileError, TileKind, TilePath, TreeSize,
};

/// Longest index of an archive: a checkpoint a second for a fortnight, ten digits and a line end each.
const ARCHIVE_INDEX_BYTES_MAX: usize = 16 << 20;

/// Which hash tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tree {
    /// RFC 6962's.
    Sha256,
    /// The keyed BLAKE3 one.
    Blake3,
}

/// One file of a ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource {
    /// The latest published checkpoint.
    Checkpoint,
    /// Entry 0.
    Genesis,
    /// The organisations' decisions with their proofs.
    History,
    /// The sizes of all published checkpoints, in a static copy.
    ArchiveIndex,
    /// An earlier published checkpoint, of exactly that size.
    Archived(TreeSize),
    /// A hash tile.
    Tile(Tree, TilePath),
    /// An entry bundle.
    Entries(TilePath),
    /// The confidential bodies of an entry bundle.
    Confidential(TilePath),
}

impl Resource {
    /// Most bytes it can have.
    #[must_use]
    pub const fn bytes_max(&self) -> usize {
        match self {
            Self::Checkpoint | Self::Archived(_) => NOTE_BYTES_MAX,
            Self::ArchiveIndex => ARCHIVE_INDEX_BYTES_MAX,
            Self::History => HISTORY_BYTES_MAX,
            Self::Genesis => ENTRY_BYTES_MAX,
            Self::Tile(..) => TILE_BYTES,
            Self::Entries(_) | Self::Confidential(_) => ENTRIES_PER_BUNDLE * (ENTRY_BYTES_MAX + 2),
        }
    }

    /// The same file, full, where it is a partial tile or bundle.
    #[must_use]
    pub fn to_full(self) -> Self {
        match self {
            Self::Checkpoint | Self::Genesis | Self::History | Self::ArchiveIndex | Self::Archived(_) => self,
            Self::Tile(tree, path) => Self::Tile(tree, path.to_full()),
            Self::Entries(path) => Self::Entries(path.to_full()),
            Self::Confidential(path) => Self::Confidential(path.to_full()),
        }
    }
}

/// The path in the static layout.
impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Checkpoint => f.write_str("checkpoint"),
            Self::Genesis => f.write_str("genesis"),
            Self::History => f.write_str("history"),
            Self::ArchiveIndex => f.write_str("checkpoints/index"),
            Self::Archived(size) => write!(f, "checkpoints/{size}"),
            Self::Tile(Tree::Sha256, path) | Self::Entries(path) => write!(f, "{path}"),
            Self::Tile(Tree::Blake3, path) => write!(f, "blake3/{path}"),
            Self::Confidential(path) => {
                debug_assert!(matches!(path.kind(), TileKind::Entries));
                let path = path.to_string();
                write!(f, "tile/confidential/{}", path.strip_prefix("tile/entries/").unwrap_or(&path))
            }
        }
    }
}

/// What a source has of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fetched {
    /// Its bytes, within the limit.
    Found(Vec<u8>),
    /// It is not there.
    Absent,
    /// It is there, but not public now; in the source's words.
    Withheld(String),
}

/// Where a ledger's files come from.
pub trait Source: Send + Sync {
    /// One file.
    ///
    /// # Errors
    /// [`SourceError`].
    fn fetch(&self, resource: &Resource) -> Result<Fetched, SourceError>;

    /// Where a record is, in the source's word; `None` if it cannot say. Not to be believed: a proof decides.
    ///
    /// # Errors
    /// [`SourceError`].
    fn find(&self, record: &RecordId) -> Result<Option<LeafIndex>, SourceError>;

    /// The size of the last checkpoint published by a time (as the source reads it), in the source's word; `None` if it cannot
    /// say.
    ///
    /// # Errors
    /// [`SourceError`].
    fn published_by(&self, time: &str) -> Result<Option<TreeSize>, SourceError> {
        let _ = time;
        Ok(None)
    }

    /// A page of the archive of published checkpoints, ascending, from the first of at least that size on; `None` if the source
    /// answers no such question (a static copy has an index instead).
    ///
    /// # Errors
    /// [`SourceError`].
    fn archive(&self, from: TreeSize) -> Result<Option<Listed>, SourceError> {
        let _ = from;
        Ok(None)
    }

    /// The source's name, for people.
    fn name(&self) -> &str;
}

/// Why something cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// Not reached, or the medium failed.
    #[error("{place}: {what}")]
    Unreadable {
        /// Which file or address.
        place: String,
        /// What happened.
        what: String,
    },
    /// It is not there.
    #[error("{0} is not there")]
    Missing(String),
    /// Larger than it can be.
    #[error("{place} has more than the {max} bytes it can have")]
    TooLarge {
        /// Which file or address.
        place: String,
        /// The limit.
        max: usize,
    },
    /// It is not public now.
    #[error("{place} is not public now: {what}")]
    Withheld {
        /// Which file or address.
        place: String,
        /// The source's words.
        what: String,
    },
    /// Not what it has to be.
    #[error("{place}: {what}")]
    Malformed {
        /// Which file or address.
        place: String,
        /// What is wrong.
        what: String,
    },
    /// Not a tile.
    #[error("{place}: {error}")]
    Tile {
        /// Which file or address.
        place: String,
        /// What is wrong.
        error: TileError,
    },
    /// Not a bundle.
    #[error("{place}: {error}")]
    Bundle {
        /// Which file or address.
        place: String,
        /// What is wrong.
        error: BundleError,
    },
    /// A bundle with fewer entries than it must have.
    #[error("{place} has {found} entries where {due} are due")]
    BundleShort {
        /// Which file or address.
        place: String,
        /// Entries in it.
        found: usize,
        /// Entries due.
        due: usize,
    },
    /// A bundle with more in it than its name says. All that is due is there.
    #[error("{place} has something behind the {due} entries that are due, for which nobody has signed")]
    BundleLong {
        /// Which file or address.
        place: String,
        /// Entries due.
        due: usize,
    },
    /// An address that cannot be used.
    #[error("{address:?} is not an http address: {what}")]
    Address {
        /// What was given.
        address: String,
        /// Why.
        what: String,
    },
}

impl SourceError {
    /// Whether the bytes are there and wrong, rather than out of reach.
    #[must_use]
    pub const fn is_malformed(&self) -> bool {
        matches!(
            self,
            Self::TooLarge { .. }
                | Self::Malformed { .. }
                | Self::Tile { .. }
                | Self::Bundle { .. }
                | Self::BundleShort { .. }
                | Self::BundleLong { .. }
        )
    }
}
