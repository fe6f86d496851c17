//! The numbers that are committed to.

/// The most positions of a constituency's ballot, "against all" included.
pub const POSITIONS_MAX: usize = 64;
/// The largest count: more ballots than people.
pub const COUNT_MAX: u64 = 1 << 32;

/// Numbers that cannot be committed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CountsError {
    /// More than [`POSITIONS_MAX`].
    #[error("{0} positions; at most 64 can be committed to")]
    TooManyPositions(usize),
    /// More than [`COUNT_MAX`].
    #[error("the count {count} of position {position} is above the limit of 2^32")]
    TooLarge {
        /// Which position, from 0.
        position: usize,
        /// Its count.
        count: u64,
    },
    /// Vectors of different constituencies.
    #[error("counts of {left} and of {right} positions cannot be added")]
    DifferentPositions {
        /// Positions of one.
        left: usize,
        /// Positions of the other.
        right: usize,
    },
}

/// Counts by position. A commitment does not fix how many positions there are (a trailing zero adds nothing): compare
/// with the constituency.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Counts(Vec<u64>);

impl Counts {
    /// Checks the limits.
    ///
    /// # Errors
    /// [`CountsError::TooManyPositions`], [`CountsError::TooLarge`].
    pub fn new(counts: Vec<u64>) -> Result<Self, CountsError> {
        if counts.len() > POSITIONS_MAX {
            return Err(CountsError::TooManyPositions(counts.len()));
        }
        match counts.iter().enumerate().find(|(_, count)| **count > COUNT_MAX) {
            Some((position, count)) => Err(CountsError::TooLarge { position, count: *count }),
            None => Ok(Self(counts)),
        }
    }

    /// Nothing at any position.
    ///
    /// # Errors
    /// [`CountsError::TooManyPositions`].
    pub fn zero(positions: usize) -> Result<Self, CountsError> {
        if positions > POSITIONS_MAX {
            return Err(CountsError::TooManyPositions(positions));
        }
        Ok(Self(vec![0; positions]))
    }

    /// The counts by position.
    #[must_use]
    pub fn as_slice(&self) -> &[u64] {
        &self.0
    }

    /// Whether every count is 0.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.0.iter().all(|count| *count == 0)
    }

    /// The sum over all positions: at most 64 · 2³², so it fits.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// Position by position.
    ///
    /// # Errors
    /// [`CountsError::DifferentPositions`], [`CountsError::TooLarge`].
    pub fn add(&self, other: &Self) -> Result<Self, CountsError> {
        let (left, right) = (self.0.len(), other.0.len());
        if left != right {
            return Err(CountsError::DifferentPositions { left, right });
        }
        Self::new(self.0.iter().zip(&other.0).map(|(one, two)| one + two).collect())
    }
}
