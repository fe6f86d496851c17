//! A source whose genesis and checkpoint have been verified against the pinned digest.

use super::error::VerifyError;
use crate::source::{Files, Source};
use tamga_ledger::ids::ElectionId;
use tamga_ledger::note::{UnverifiedCheckpoint, VerifiedCheckpoint};
use tamga_ledger::tree::TreeSize;
use tamga_ledger::trust::Trust;

/// A source, what is trusted of it, and its verified checkpoint.
pub struct Opened<'a> {
    /// The files.
    pub files: Files<'a>,
    /// From the pinned digest.
    pub trust: Trust,
    /// Entry 0.
    pub genesis: Vec<u8>,
    /// The latest published checkpoint.
    pub checkpoint: VerifiedCheckpoint,
}

impl<'a> Opened<'a> {
    /// Reads genesis and checkpoint and verifies both.
    ///
    /// # Errors
    /// [`VerifyError`].
    pub fn open(source: &'a dyn Source, pinned: &ElectionId) -> Result<Self, VerifyError> {
        let files = Files::new(source);
        let note = files.checkpoint()?;
        // The size is not believed yet: it only says where entry 0 may stand if it has no file of its own.
        let claimed = UnverifiedCheckpoint::from_bytes(&note)?.claimed().size;
        let genesis = files.genesis(Some(claimed))?;
        let trust = Trust::from_entry(&genesis, pinned)?;
        let checkpoint = trust.verify_checkpoint(&note)?;
        Ok(Self { files, trust, genesis, checkpoint })
    }

    /// Entries that the checkpoint covers.
    #[must_use]
    pub const fn size(&self) -> TreeSize {
        self.checkpoint.checkpoint().size
    }
}
