//! Ballot batches and the opening of sums. The arithmetic is [`crate::counting`]'s.

use super::Scribe;
use super::error::AuthorError;
use crate::counting::Opening;
use ed25519_dalek::SigningKey;
use tamga_ledger::kinds::{BallotBatch, TotalOpening};
use tamga_ledger::record::{Scope, UnitId};
use tamga_ledger::submission::Submission;

impl Scribe {
    /// A batch, by the unit's scanner.
    ///
    /// # Errors
    /// As [`Scribe::draft`].
    pub fn ballot_batch(
        &self,
        scanner: &SigningKey,
        unit: UnitId,
        batch: &BallotBatch,
    ) -> Result<Submission, AuthorError> {
        self.write(Scope::Unit(unit), &[scanner], batch)
    }

    /// Opens the machine's count of a unit's own constituency; members sign.
    ///
    /// # Errors
    /// As [`Scribe::draft`].
    pub fn own_opening(
        &self,
        members: &[&SigningKey],
        unit: UnitId,
        opening: &Opening,
    ) -> Result<Submission, AuthorError> {
        self.write(Scope::Unit(unit), members, &body(opening))
    }

    /// Opens the nationwide sum of a constituency's papers that are not shown by themselves; the commission signs.
    ///
    /// # Errors
    /// As [`Scribe::draft`].
    pub fn remote_opening(&self, commission: &SigningKey, opening: &Opening) -> Result<Submission, AuthorError> {
        self.write(Scope::Constituency(opening.constituency), &[commission], &body(opening))
    }
}

fn body(opening: &Opening) -> TotalOpening {
    TotalOpening {
        basis: opening.basis as u8,
        constituency: opening.constituency,
        counts: opening.counts.as_slice().to_vec(),
        blinding: tamga_ledger::ids::Digest(opening.blinding.reveal()),
    }
}
