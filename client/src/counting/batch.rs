//! A scanner's batches.

use super::cells::commit_cell;
use super::{CountingError, CountsByConstituency, Opening};
use std::fmt;
use tamga_ledger::commitment::{Blinding, BlindingPurpose, Counts};
use tamga_ledger::definition::Definition;
use tamga_ledger::kinds::{BallotBatch, Basis};
use zeroize::{Zeroize as _, ZeroizeOnDrop};

/// 32 random bytes of one unit; wiped from memory when dropped, never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct UnitSeed([u8; 32]);

impl UnitSeed {
    /// Takes the bytes.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    pub(super) const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl Drop for UnitSeed {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl ZeroizeOnDrop for UnitSeed {}

impl fmt::Debug for UnitSeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UnitSeed(secret)")
    }
}

/// Commits batch after batch of one unit and keeps the sums that may be opened at the end.
///
/// Invariant: `sums[i]` opens the sum of the commitments of constituency `i + 1` in all batches made so far.
#[derive(Debug, Clone)]
pub struct BatchBuilder {
    seed: UnitSeed,
    sums: Vec<Sum>,
    number: u32,
    complete: bool,
}

#[derive(Debug, Clone)]
struct Sum {
    constituency: u32,
    counts: Counts,
    blinding: Option<Blinding>,
}

impl BatchBuilder {
    /// A unit that has counted nothing.
    ///
    /// # Errors
    /// [`CountingError::Counts`] for a ballot with too many positions, which the definition does not allow.
    pub fn new(seed: UnitSeed, definition: &Definition) -> Result<Self, CountingError> {
        let sum = |constituency: &tamga_ledger::kinds::Constituency| {
            let number = constituency.number;
            let counts = Counts::zero(constituency.positions());
            let counts = counts.map_err(|error| CountingError::Counts { constituency: number, error })?;
            Ok(Sum { constituency: number, counts, blinding: None })
        };
        let sums = definition.constituencies().iter().map(sum).collect::<Result<_, _>>()?;
        Ok(Self { seed, sums, number: 0, complete: false })
    }

    /// Commits the papers taken since the last batch. Nothing changes when it fails.
    ///
    /// # Errors
    /// [`CountingError`].
    pub fn batch(&mut self, counts: &CountsByConstituency, last: bool) -> Result<BallotBatch, CountingError> {
        if self.complete {
            return Err(CountingError::AfterLast);
        }
        if let Some(unknown) = counts.keys().find(|number| !self.sums.iter().any(|sum| sum.constituency == **number)) {
            return Err(CountingError::UnknownConstituency(*unknown));
        }
        let number = self.number + 1;
        let (mut cells, mut sums) = (Vec::with_capacity(self.sums.len()), Vec::with_capacity(self.sums.len()));
        for sum in &self.sums {
            let positions = sum.counts.as_slice().len();
            let purpose = (BlindingPurpose::BallotBatch, u64::from(number));
            let given = counts.get(&sum.constituency);
            let (cell, counts, blinding) = commit_cell(&self.seed, purpose, sum.constituency, positions, given)?;
            sums.push(sum.add(&counts, &blinding)?);
            cells.push(cell);
        }
        (self.sums, self.number, self.complete) = (sums, number, last);
        Ok(BallotBatch { number, cells, last: u8::from(last) })
    }

    /// Number of the last batch; 0 for none.
    #[must_use]
    pub const fn batches(&self) -> u32 {
        self.number
    }

    /// Whether the last batch was made.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.complete
    }

    /// What opens the sums of all constituencies' cells, in the definition's order; nothing before the first batch.
    #[must_use]
    pub fn openings(&self) -> Vec<Opening> {
        self.sums.iter().filter_map(|sum| self.opening(sum.constituency)).collect()
    }

    /// Papers of all constituencies so far.
    #[must_use]
    pub fn papers(&self) -> u64 {
        self.sums.iter().map(|sum| sum.counts.total()).sum()
    }

    /// What opens the sum of one constituency's cells; none before the first batch. Only the own constituency's may be
    /// published by the unit; the others go to the commission's [`super::Aggregator`].
    #[must_use]
    pub fn opening(&self, constituency: u32) -> Option<Opening> {
        let sum = self.sums.iter().find(|sum| sum.constituency == constituency)?;
        let blinding = sum.blinding.clone()?;
        Some(Opening { basis: Basis::Machine, constituency, counts: sum.counts.clone(), blinding })
    }
}

impl Sum {
    fn add(&self, counts: &Counts, blinding: &Blinding) -> Result<Self, CountingError> {
        let constituency = self.constituency;
        let counts = self.counts.add(counts).map_err(|error| CountingError::Counts { constituency, error })?;
        let blinding = self.blinding.as_ref().map_or_else(|| blinding.clone(), |sum| sum.add(blinding));
        Ok(Self { constituency, counts, blinding: Some(blinding) })
    }
}
