//! Where a leaf stands and how large a tree is. The two are different types, because off-by-one errors between "the
//! entry 41" and "the first 41 entries" are how proofs get attached to the wrong tree.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The largest tree size, 2⁵³ − 1: what every format we write, JSON in browsers included, carries without loss.
pub const POSITION_MAX: u64 = (1 << 53) - 1;

/// A position that does not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PositionError {
    /// A tree size above [`POSITION_MAX`].
    #[error("tree size {0} is above the limit of 2^53 - 1")]
    SizeTooLarge(u64),
    /// A leaf index whose tree would be above [`POSITION_MAX`].
    #[error("leaf index {0} is above the limit of 2^53 - 2")]
    IndexTooLarge(u64),
    /// The leaf is not in a tree of that size yet.
    #[error("leaf index {index} is outside a tree of size {size}; the last index is one less than the size")]
    OutsideTree {
        /// The index asked for.
        index: LeafIndex,
        /// The tree it was looked for in.
        size: TreeSize,
    },
}

/// The zero-based position of an entry in the log. At most 2⁵³ − 2, so that [`LeafIndex::size_after`] always exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct LeafIndex(u64);

/// The number of entries in a tree: the first `size` entries of the log. At most 2⁵³ − 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct TreeSize(u64);

impl LeafIndex {
    /// The first entry.
    pub const ZERO: Self = Self(0);

    /// Checks the limit.
    ///
    /// # Errors
    /// [`PositionError::IndexTooLarge`] above 2⁵³ − 2.
    pub const fn new(index: u64) -> Result<Self, PositionError> {
        if index < POSITION_MAX { Ok(Self(index)) } else { Err(PositionError::IndexTooLarge(index)) }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The same index, known to be inside a tree of that size.
    ///
    /// # Errors
    /// [`PositionError::OutsideTree`] when the tree ends before it.
    pub const fn within(self, size: TreeSize) -> Result<Self, PositionError> {
        if self.0 < size.0 { Ok(self) } else { Err(PositionError::OutsideTree { index: self, size }) }
    }

    /// The size of the smallest tree that holds this leaf.
    #[must_use]
    pub const fn size_after(self) -> TreeSize {
        TreeSize(self.0 + 1)
    }
}

impl TreeSize {
    /// The empty tree.
    pub const ZERO: Self = Self(0);

    /// Checks the limit.
    ///
    /// # Errors
    /// [`PositionError::SizeTooLarge`] above [`POSITION_MAX`].
    pub const fn new(size: u64) -> Result<Self, PositionError> {
        if size <= POSITION_MAX { Ok(Self(size)) } else { Err(PositionError::SizeTooLarge(size)) }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Whether the tree has no leaves.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The index the next entry will get.
    ///
    /// # Errors
    /// [`PositionError::IndexTooLarge`] when the log is full.
    pub const fn next_index(self) -> Result<LeafIndex, PositionError> {
        LeafIndex::new(self.0)
    }

    /// The last entry of the tree; none in the empty tree.
    #[must_use]
    pub const fn last_index(self) -> Option<LeafIndex> {
        match self.0.checked_sub(1) {
            Some(index) => Some(LeafIndex(index)),
            None => None,
        }
    }
}

impl TryFrom<u64> for LeafIndex {
    type Error = PositionError;
    fn try_from(index: u64) -> Result<Self, PositionError> {
        Self::new(index)
    }
}

impl TryFrom<u64> for TreeSize {
    type Error = PositionError;
    fn try_from(size: u64) -> Result<Self, PositionError> {
        Self::new(size)
    }
}

impl From<LeafIndex> for u64 {
    fn from(index: LeafIndex) -> Self {
        index.0
    }
}

impl From<TreeSize> for u64 {
    fn from(size: TreeSize) -> Self {
        size.0
    }
}

impl fmt::Display for LeafIndex {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, out)
    }
}

impl fmt::Display for TreeSize {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, out)
    }
}
