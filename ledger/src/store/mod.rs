//! The append-only files of one node's ledger (DESIGN §8).
//!
//! One writer, many readers: [`Store`] is shared as an `Arc`; [`Store::append`] and [`Store::sync`] take an internal writer
//! lock, reads take only a memory lock that is never held during disk I/O. What readers see is what `append` has returned
//! for: written, not necessarily durable. Durable is what [`Store::sync`] has returned for.

mod error;
mod types;

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use tamga_platform::disk::Disk;

use crate::tree::{
    Blake3Tree, ConsistencyProof, InclusionProof, LeafIndex, Roots, Sha256Tree, TileWidth, TreeHash, TreeHead, TreeSize,
};

pub use error::StoreError;
pub use types::{
    ArchivedCheckpoint, CLASS_MAX, CONFIDENTIAL_BYTES_MAX, Confidential, FAULTS_MAX, Fault, LogPosition,
    NOTE_BYTES_MAX, NewEntry, Options, Recovery, Report, SEGMENT_BYTES, SEGMENT_BYTES_MAX, Usage,
};

/// A tree whose tiles the store keeps. Implemented for [`Sha256Tree`] and [`Blake3Tree`] only.
pub trait StoredTree: TreeHash + private::Sealed {}

mod private {
    pub trait Sealed {}
    impl Sealed for super::Sha256Tree {}
    impl Sealed for super::Blake3Tree {}
}

impl StoredTree for Sha256Tree {}
impl StoredTree for Blake3Tree {}

/// The open ledger of one node. See the module.
#[derive(Debug)]
pub struct Store {}

#[expect(
    unused_variables,
    clippy::todo,
    missing_docs,
    clippy::missing_errors_doc,
    reason = "the shape first; bodies follow"
)]
impl Store {
    pub fn open(disk: Arc<dyn Disk>, folder: &Path, options: Options) -> Result<(Self, Recovery), StoreError> {
        todo!()
    }
    /// Appends entries that come from one position of the replicated log; zero entries only advance the position.
    pub fn append(&self, position: LogPosition, entries: &[NewEntry<'_>]) -> Result<TreeHead, StoreError> {
        todo!()
    }
    /// Makes everything appended and archived so far durable.
    pub fn sync(&self) -> Result<(), StoreError> {
        todo!()
    }
    /// Forgets all confidential bodies of a class, for ever.
    pub fn erase_confidential(&self, class: u8) -> Result<(), StoreError> {
        todo!()
    }
    pub fn position(&self) -> Option<LogPosition> {
        todo!()
    }
    pub fn head(&self) -> TreeHead {
        todo!()
    }
    pub fn size(&self) -> TreeSize {
        todo!()
    }
    pub fn entry(&self, leaf: LeafIndex) -> Result<Vec<u8>, StoreError> {
        todo!()
    }
    /// Entries of the range in order; stops before `max_bytes` would be exceeded, but gives at least one.
    pub fn entries(&self, range: Range<LeafIndex>, max_bytes: usize) -> Result<Vec<Vec<u8>>, StoreError> {
        todo!()
    }
    pub fn confidential(&self, leaf: LeafIndex) -> Result<Confidential, StoreError> {
        todo!()
    }
    pub fn entry_bundle(&self, index: u64, width: TileWidth) -> Result<Vec<u8>, StoreError> {
        todo!()
    }
    pub fn tile<H: StoredTree>(&self, level: u8, index: u64, width: TileWidth) -> Result<Vec<u8>, StoreError> {
        todo!()
    }
    pub fn roots_at(&self, size: TreeSize) -> Result<Roots, StoreError> {
        todo!()
    }
    pub fn inclusion_proof<H: StoredTree>(
        &self,
        leaf: LeafIndex,
        size: TreeSize,
    ) -> Result<InclusionProof<H>, StoreError> {
        todo!()
    }
    pub fn consistency_proof<H: StoredTree>(
        &self,
        old: TreeSize,
        new: TreeSize,
    ) -> Result<ConsistencyProof<H>, StoreError> {
        todo!()
    }
    pub fn archive_checkpoint(&self, size: TreeSize, time_ms: u64, note: &str) -> Result<(), StoreError> {
        todo!()
    }
    pub fn checkpoint_latest(&self) -> Result<Option<ArchivedCheckpoint>, StoreError> {
        todo!()
    }
    pub fn checkpoint_at(&self, size: TreeSize) -> Result<Option<ArchivedCheckpoint>, StoreError> {
        todo!()
    }
    pub fn checkpoint_before_time(&self, time_ms: u64) -> Result<Option<ArchivedCheckpoint>, StoreError> {
        todo!()
    }
    pub fn checkpoint_covering(&self, leaf: LeafIndex) -> Result<Option<ArchivedCheckpoint>, StoreError> {
        todo!()
    }
    pub fn checkpoints(&self, sizes: Range<TreeSize>, max: usize) -> Result<Vec<ArchivedCheckpoint>, StoreError> {
        todo!()
    }
    pub fn disk_bytes(&self) -> Usage {
        todo!()
    }
    pub fn entry_bytes(&self) -> u64 {
        todo!()
    }
}

/// Verifies all files of a ledger without writing anything.
///
/// # Errors
/// Only when the folder cannot be read at all; faults found are in the report.
#[expect(unused_variables, clippy::todo, reason = "the shape first; bodies follow")]
pub fn fsck(disk: &Arc<dyn Disk>, folder: &Path) -> Result<Report, StoreError> {
    todo!()
}
