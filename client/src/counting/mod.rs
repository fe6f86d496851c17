//! The scanner's side of secrecy: counts are committed, cell by cell, and only sums are ever opened (DESIGN §7).
//!
//! | file | who | what |
//! |---|---|---|
//! | `batch` | a scanner | [`BatchBuilder`]: batches, and what its unit may open afterwards |
//! | `cells` | members at the hand count | cells of a protocol |
//! | `file` | a scanner's operator | the counts of each window, as a file with every fault by line |
//! | `part` | the unit's keeper | [`Part`]: openings of a unit's cells, as a secret file for the commission |
//! | `aggregate` | the commission | [`Aggregator`]: the nationwide sum of cells not shown by themselves |
//!
//! The unit seed, from which every blinding derives, lies sealed with the paper. Nothing here writes it anywhere; a part has the
//! blindings' sums in it and no seed.

mod aggregate;
mod batch;
mod cells;
mod file;
mod part;

pub use aggregate::Aggregator;
pub use batch::{BatchBuilder, UnitSeed};
pub use cells::{commit_cells, protocol_number};
pub use file::{BATCHES_MAX, COUNTS_BYTES_MAX, CountsFault, read_counts};
pub use part::{PART_BYTES_MAX, Part, PartError};

use std::collections::BTreeMap;
use tamga_ledger::commitment::{Blinding, Counts, CountsError};
use tamga_ledger::kinds::Basis;

/// Counts by constituency; constituencies that are absent have no papers.
pub type CountsByConstituency = BTreeMap<u32, Vec<u64>>;

/// What opens a commitment, or a sum of them. Whoever has it can read the cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    /// Batches, or hand protocols.
    pub basis: Basis,
    /// Whose papers.
    pub constituency: u32,
    /// Counts by position.
    pub counts: Counts,
    /// The sum of the blindings.
    pub blinding: Blinding,
}

impl Opening {
    /// Papers in it.
    #[must_use]
    pub fn papers(&self) -> u64 {
        self.counts.total()
    }
}

/// Why counts cannot be committed or added.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CountingError {
    /// A constituency that the election does not have.
    #[error("constituency {0} does not exist in this election")]
    UnknownConstituency(u32),
    /// Another number of positions than the ballot has.
    #[error("constituency {constituency}: {found} counts, but its ballot has {due} positions")]
    Positions {
        /// Which.
        constituency: u32,
        /// Counts given.
        found: usize,
        /// Candidates, against all, invalid.
        due: usize,
    },
    /// Numbers too large.
    #[error("constituency {constituency}: {error}")]
    Counts {
        /// Which.
        constituency: u32,
        /// What is wrong.
        error: CountsError,
    },
    /// More papers than a cell can state.
    #[error("constituency {0}: more papers than a cell can state")]
    Papers(u32),
    /// The last batch was made.
    #[error("the unit's last batch has been made already")]
    AfterLast,
    /// Openings of different things.
    #[error("an opening of constituency {found} ({found_basis:?}) cannot be added to one of {due} ({due_basis:?})")]
    Mixed {
        /// Constituency of the opening.
        found: u32,
        /// Its basis.
        found_basis: Basis,
        /// Constituency of the sum.
        due: u32,
        /// Basis of the sum.
        due_basis: Basis,
    },
}
