//! One station's roll, sorted and cut into chunks; amendments of several.

use super::Scribe;
use super::draft::Draft;
use super::error::AuthorError;
use ed25519_dalek::SigningKey;
use std::collections::BTreeMap;
use tamga_ledger::ids::{Digest, Maybe, PublicKey, RollLeaf};
use tamga_ledger::kinds::{AmendmentBasis, ROLL_AMENDMENT_LEAVES_MAX, ROLL_CHUNK_LEAVES_MAX, RollAmendment, RollChunk};
use tamga_ledger::record::Scope;
use tamga_ledger::sign::public_key;
use tamga_ledger::submission::Submission;

/// What is to change on the rolls.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RollChange {
    /// Version of the list that is amended.
    pub list_version: u32,
    /// Voters on the station's roll before.
    pub before: usize,
    /// Leaves that go.
    pub removed: Vec<RollLeaf>,
    /// Leaves that come.
    pub added: Vec<RollLeaf>,
}

impl Scribe {
    /// Amendments of several stations' rolls, in the order in which they must be submitted: who goes goes everywhere before anybody comes
    /// anywhere, so that a voter who moves is never on two rolls.
    ///
    /// # Errors
    /// [`AuthorError::RollTooLong`], and as [`Scribe::draft`].
    pub fn amendment_drafts(
        &self,
        registry: PublicKey,
        changes: &BTreeMap<u32, RollChange>,
        basis: AmendmentBasis,
        document: Option<Digest>,
    ) -> Result<Vec<Draft>, AuthorError> {
        let mut drafts = Vec::new();
        let mut totals: BTreeMap<u32, usize> = changes.iter().map(|(station, one)| (*station, one.before)).collect();
        for coming in [false, true] {
            for (station, change) in changes {
                let mut leaves = if coming { change.added.clone() } else { change.removed.clone() };
                leaves.sort_unstable();
                for part in leaves.chunks(ROLL_AMENDMENT_LEAVES_MAX) {
                    let total = totals.entry(*station).or_default();
                    *total = if coming { *total + part.len() } else { total.saturating_sub(part.len()) };
                    let voters = *total;
                    let total = u32::try_from(voters);
                    let total = total.map_err(|_| AuthorError::RollTooLong { station: *station, voters })?;
                    let bytes: Vec<u8> = part.iter().flat_map(|leaf| leaf.0).collect();
                    let (removed, added) = if coming { (Vec::new(), bytes) } else { (bytes, Vec::new()) };
                    let (list_version, document) = (change.list_version, Maybe(document));
                    let body = RollAmendment { list_version, basis: basis as u8, document, removed, added, total };
                    drafts.push(self.draft(Scope::Station(*station), &[registry], &body)?);
                }
            }
        }
        Ok(drafts)
    }

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
