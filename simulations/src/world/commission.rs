//! The commission's nationwide sums: papers cast for a constituency in other places, and own counts too small to show.

use super::{World, WorldError};
use std::sync::{Mutex, PoisonError};
use tamga_client::author::admitted_root;
use tamga_client::counting::{Aggregator, CountingError, Opening};
use tamga_ledger::ids::Digest;
use tamga_ledger::kinds::Basis;
use tamga_ledger::submission::Submission;

/// One sum a basis and constituency. Keeps sums only, whatever the number of units.
#[derive(Debug)]
pub struct Sums([Vec<Mutex<Aggregator>>; 2]);

impl Sums {
    /// Nothing handed in.
    #[must_use]
    pub fn new(constituencies: u32) -> Self {
        let row = |basis| (1..=constituencies).map(|number| Mutex::new(Aggregator::new(basis, number))).collect();
        Self(Basis::ALL.map(row))
    }

    fn at(&self, basis: Basis, constituency: u32) -> Option<&Mutex<Aggregator>> {
        self.0[basis as usize].get((constituency as usize).checked_sub(1)?)
    }

    /// Adds what one unit hands in.
    ///
    /// # Errors
    /// [`CountingError`].
    pub fn add(&self, opening: &Opening) -> Result<(), CountingError> {
        let unknown = CountingError::UnknownConstituency(opening.constituency);
        let sum = self.at(opening.basis, opening.constituency).ok_or(unknown)?;
        sum.lock().unwrap_or_else(PoisonError::into_inner).add(opening)
    }

    /// What opens one sum.
    #[must_use]
    pub fn opening(&self, basis: Basis, constituency: u32) -> Option<Opening> {
        self.at(basis, constituency)?.lock().unwrap_or_else(PoisonError::into_inner).opening()
    }
}

impl World {
    /// Opens a nationwide sum; none if it has papers, but fewer than may be shown.
    ///
    /// # Errors
    /// [`WorldError`].
    pub fn remote_opening(
        &self,
        sums: &Sums,
        basis: Basis,
        constituency: u32,
    ) -> Result<Option<Submission>, WorldError> {
        let opening = sums.opening(basis, constituency).ok_or(WorldError::Order("a sum to which nobody added"))?;
        if (1..self.cell_papers_min).contains(&opening.papers()) {
            return Ok(None);
        }
        Ok(Some(self.scribe.remote_opening(&self.commission, &opening)?))
    }

    /// Root over everybody who was admitted.
    #[must_use]
    pub fn admitted_root(&self) -> Digest {
        admitted_root(self.population.admitted().map(|voter| self.tag(voter).roll_leaf()).collect())
    }
}
