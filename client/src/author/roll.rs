//! One station's roll, sorted and cut into chunks.

use super::Scribe;
use super::draft::Draft;
use super::error::AuthorError;
use ed25519_dalek::SigningKey;
use tamga_ledger::ids::{PublicKey, RollLeaf};
use tamga_ledger::kinds::{ROLL_CHUNK_LEAVES_MAX, RollChunk};
use tamga_ledger::record::Scope;
use tamga_ledger::sign::public_key;
use tamga_ledger::submission::Submission;

impl Scribe {
    /// The records of a station's whole roll, in the order in which they must be submitted. A station without voters has
    /// one empty chunk.
    ///
    /// # Errors
    /// [`AuthorError::RollDuplicate`], [`AuthorError::RollTooLong`], and as [`Scribe::draft`].
    pub fn roll(
        &self,
        registry: &SigningKey,
        station: u32,
        list_version: u32,
        leaves: Vec<RollLeaf>,
    ) -> Result<Vec<Submission>, AuthorError> {
        let drafts = self.roll_drafts(public_key(registry), station, list_version, leaves)?;
        drafts.into_iter().map(|draft| draft.sign(&[registry])).collect()
    }

    /// As [`Scribe::roll`], for a registry whose key is elsewhere.
    ///
    /// # Errors
    /// As [`Scribe::roll`].
    pub fn roll_drafts(
        &self,
        registry: PublicKey,
        station: u32,
        list_version: u32,
        mut leaves: Vec<RollLeaf>,
    ) -> Result<Vec<Draft>, AuthorError> {
        leaves.sort_unstable();
        if let Some(pair) = leaves.windows(2).find(|pair| pair[0] == pair[1]) {
            let times = leaves.iter().filter(|leaf| **leaf == pair[0]).count();
            return Err(AuthorError::RollDuplicate { station, times });
        }
        let total = u32::try_from(leaves.len());
        let total = total.map_err(|_| AuthorError::RollTooLong { station, voters: leaves.len() })?;
        // Fits: there are fewer chunks than leaves.
        let chunks = leaves.len().div_ceil(ROLL_CHUNK_LEAVES_MAX).max(1) as u32;
        let parts = (0..chunks).map(|number| {
            let first = number as usize * ROLL_CHUNK_LEAVES_MAX;
            let part = leaves.iter().skip(first).take(ROLL_CHUNK_LEAVES_MAX);
            let leaves = part.flat_map(|leaf| leaf.0).collect();
            RollChunk { list_version, number, chunks, total, leaves }
        });
        parts.map(|chunk| self.draft(Scope::Station(station), &[registry], &chunk)).collect()
    }
}
