//! The nationwide sum of a constituency's cells that are not shown by themselves.

use super::{CountingError, Opening};
use tamga_ledger::commitment::{Blinding, Counts};
use tamga_ledger::kinds::Basis;

/// Adds openings of one constituency on one basis. It keeps only the sum: no single cell can be read from it.
#[derive(Debug, Clone)]
pub struct Aggregator {
    basis: Basis,
    constituency: u32,
    sum: Option<(Counts, Blinding)>,
    cells: usize,
}

impl Aggregator {
    /// Nothing yet.
    #[must_use]
    pub const fn new(basis: Basis, constituency: u32) -> Self {
        Self { basis, constituency, sum: None, cells: 0 }
    }

    /// Adds what one unit hands in. Nothing changes when it fails.
    ///
    /// # Errors
    /// [`CountingError::Mixed`], [`CountingError::Counts`].
    pub fn add(&mut self, opening: &Opening) -> Result<(), CountingError> {
        if (opening.basis, opening.constituency) != (self.basis, self.constituency) {
            return Err(CountingError::Mixed {
                found: opening.constituency,
                found_basis: opening.basis,
                due: self.constituency,
                due_basis: self.basis,
            });
        }
        let constituency = self.constituency;
        self.sum = Some(match &self.sum {
            None => (opening.counts.clone(), opening.blinding.clone()),
            Some((counts, blinding)) => {
                let counts = counts.add(&opening.counts);
                let counts = counts.map_err(|error| CountingError::Counts { constituency, error })?;
                (counts, blinding.add(&opening.blinding))
            }
        });
        self.cells += 1;
        Ok(())
    }

    /// How many cells are in.
    #[must_use]
    pub const fn cells(&self) -> usize {
        self.cells
    }

    /// Papers so far.
    #[must_use]
    pub fn papers(&self) -> u64 {
        self.sum.as_ref().map_or(0, |(counts, _)| counts.total())
    }

    /// What opens the sum; none if nothing was added.
    #[must_use]
    pub fn opening(&self) -> Option<Opening> {
        let (counts, blinding) = self.sum.clone()?;
        Some(Opening { basis: self.basis, constituency: self.constituency, counts, blinding })
    }
}
