//! What went wrong, and how much it says: a lie was shown, or nothing could be checked.

use super::bundle::BundleFileError;
use crate::source::{DownloadError, SourceError};
use tamga_ledger::court::{CourtError, CourtFileError};
use tamga_ledger::evidence::EvidenceError;
use tamga_ledger::history::HistoryError;
use tamga_ledger::ids::RecordId;
use tamga_ledger::note::CheckpointVerifyError;
use tamga_ledger::receipt::ReceiptError;
use tamga_ledger::tree::{LeafIndex, TileReadError, TreeSize};
use tamga_ledger::trust::TrustError;

/// What an error says about the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// Something shown is false.
    Refuted,
    /// Nothing was learnt.
    Unchecked,
}

/// Why something does not verify, or could not be checked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The source.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Entry 0 is not the pinned genesis record.
    #[error("genesis: {0}")]
    Trust(#[from] TrustError),
    /// The checkpoint does not satisfy the trust policy.
    #[error("checkpoint: {0}")]
    Checkpoint(#[from] CheckpointVerifyError),
    /// The way from the genesis record to today's trust policy does not hold.
    #[error("the organisations' decisions: {0}")]
    History(#[from] HistoryError),
    /// Two published checkpoints that contradict each other, as far as the source's tiles show.
    #[error("the checkpoint of size {to} does not extend the one of size {from}: {what}")]
    NotExtended {
        /// Size of the earlier one.
        from: TreeSize,
        /// Size of the later one.
        to: TreeSize,
        /// What fails.
        what: String,
    },
    /// A tile is not one.
    #[error("tiles: {0}")]
    Tile(String),
    /// The proof or the receipt does not hold.
    #[error(transparent)]
    Receipt(#[from] ReceiptError),
    /// A file is neither a bundle nor a receipt.
    #[error(transparent)]
    BundleFile(#[from] BundleFileError),
    /// Bytes that are no court's bundle.
    #[error(transparent)]
    CourtFile(#[from] CourtFileError),
    /// A court's bundle that does not hold.
    #[error("the court's bundle: {0}")]
    Court(#[from] CourtError),
    /// An evidence file that proves nothing, or cannot be verified here.
    #[error("evidence: {0}")]
    Evidence(#[from] EvidenceError),
    /// Entries were read that are not those of the checkpoint.
    #[error(
        "the source's entries do not hash to the checkpoint of size {0}: they are not what the organisations cosigned; \
         `tamga audit` names the place"
    )]
    OtherEntries(TreeSize),
    /// The file that an audit had for itself cannot be read again: what was judged since may be false.
    #[error("the audit is given up: {0}; a disk that fails is no place to audit on")]
    Scratch(String),
    /// The copy could not be made.
    #[error(transparent)]
    Download(#[from] DownloadError),
    /// The leaf is not covered.
    #[error("leaf {leaf} is not covered by the published checkpoint of size {size}")]
    NotCovered {
        /// The leaf asked for.
        leaf: LeafIndex,
        /// Size of the checkpoint.
        size: TreeSize,
    },
    /// No entry has this record.
    #[error("record {record} is not among the {size} entries that the published checkpoint covers")]
    NoSuchRecord {
        /// The record asked for.
        record: RecordId,
        /// Size of the checkpoint.
        size: TreeSize,
    },
    /// The entry at the leaf holds another record.
    #[error("leaf {leaf} holds record {found}, not {asked}: the source named a false leaf")]
    OtherRecord {
        /// The leaf.
        leaf: LeafIndex,
        /// Its record.
        found: RecordId,
        /// The record asked for.
        asked: RecordId,
    },
}

impl VerifyError {
    /// What this says about the ledger.
    #[must_use]
    pub const fn weight(&self) -> Weight {
        match self {
            Self::Source(error) | Self::Download(DownloadError::Source(error)) if !error.is_malformed() => {
                Weight::Unchecked
            }
            Self::Scratch(_) | Self::Download(DownloadError::Disk { .. }) | Self::NotCovered { .. } => {
                Weight::Unchecked
            }
            Self::Evidence(error) if error.is_unchecked() => Weight::Unchecked,
            _ => Weight::Refuted,
        }
    }
}

impl From<TileReadError<SourceError>> for VerifyError {
    fn from(error: TileReadError<SourceError>) -> Self {
        match error {
            TileReadError::Read(error) => Self::Source(error),
            other => Self::Tile(other.to_string()),
        }
    }
}
