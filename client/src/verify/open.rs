//! A source whose genesis and checkpoint have been verified against the pinned digest.

use super::Scratch;
use super::error::VerifyError;
use crate::source::{Files, Source};
use tamga_ledger::history::History;
use tamga_ledger::ids::ElectionId;
use tamga_ledger::note::{UnverifiedCheckpoint, VerifiedCheckpoint};
use tamga_ledger::tree::TreeSize;
use tamga_ledger::trust::Trust;

/// A source, what is trusted of it, and its verified checkpoint.
pub struct Opened<'a> {
    /// The files.
    pub files: Files<'a>,
    /// From the pinned digest, through every decision of the organisations that the source shows.
    pub trust: Trust,
    /// Those decisions with their proofs.
    pub history: History,
    /// Entry 0.
    pub genesis: Vec<u8>,
    /// The latest published checkpoint.
    pub checkpoint: VerifiedCheckpoint,
    /// Where an audit may put what would take too much memory; none: in memory.
    pub scratch: Option<Scratch>,
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
        // After the checkpoint: it leads at least that far.
        let history = files.history()?.map(|bytes| History::from_bytes(&bytes)).transpose()?.unwrap_or_default();
        let trust = Trust::from_entry(&genesis, pinned)?.follow(&history)?;
        let checkpoint = trust.verify_checkpoint(&note)?;
        Ok(Self { files, trust, history, genesis, checkpoint, scratch: None })
    }

    /// The same with room on a disk for an audit.
    #[must_use]
    pub fn with_scratch(self, scratch: Scratch) -> Self {
        Self { scratch: Some(scratch), ..self }
    }

    /// The same source as of an earlier published checkpoint of exactly that size, which has to be a prefix of the latest.
    ///
    /// # Errors
    /// [`VerifyError`].
    pub fn as_of(self, size: TreeSize) -> Result<Self, VerifyError> {
        let earlier = self.trust.verify_checkpoint(&self.files.archived(size)?)?;
        super::check_extends(&self, &earlier)?;
        Ok(Self { checkpoint: earlier, ..self })
    }

    /// Entries that the checkpoint covers.
    #[must_use]
    pub const fn size(&self) -> TreeSize {
        self.checkpoint.checkpoint().size
    }
}
