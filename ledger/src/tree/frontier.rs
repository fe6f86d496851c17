//! The right edge of a growing tree: all that is needed to append and to know the root.

use std::fmt;
use std::marker::PhantomData;

use serde::{Deserialize, Serialize};

use super::hash::{Blake3Tree, Hash, LeafHashes, Sha256Tree, TreeHash};
use super::position::{LeafIndex, PositionError, TreeSize};

/// The roots of both trees over the same entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Roots {
    /// The root of the SHA-256 tree.
    pub sha256: Hash,
    /// The root of the BLAKE3 tree.
    pub blake3: Hash,
}

impl Roots {
    /// The roots of the log without entries.
    #[must_use]
    pub fn empty() -> Self {
        Self { sha256: Sha256Tree::empty(), blake3: Blake3Tree::empty() }
    }
}

/// A size and the roots of both trees at that size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TreeHead {
    /// Number of entries covered.
    pub size: TreeSize,
    /// What they hash to.
    pub roots: Roots,
}

/// Stored frontier bytes that cannot be one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrontierError {
    /// The number of subtree hashes does not fit the size: a tree of size n has one complete subtree per 1-bit of n.
    #[error("a frontier of size {size} has {expected} subtree hashes, but {actual} were given")]
    WrongHashCount {
        /// The tree size that was stated.
        size: TreeSize,
        /// 1-bits in the size.
        expected: u32,
        /// Hashes given.
        actual: usize,
    },
    /// Not an 8-byte size followed by whole hashes.
    #[error("{0} bytes are not a stored frontier: 8 bytes of size and 32 bytes a hash were expected")]
    WrongLength(usize),
    /// The stated size is impossible.
    #[error(transparent)]
    Position(#[from] PositionError),
}

/// The compact range `[0, size)` of one tree: the roots of its complete subtrees, largest and leftmost first.
///
/// Invariant: `edge.len() == size.count_ones()`; the i-th hash covers the i-th highest 1-bit of the size.
pub struct Frontier<H> {
    size: TreeSize,
    edge: Vec<Hash>,
    hashed_with: PhantomData<fn() -> H>,
}

impl<H: TreeHash> Frontier<H> {
    /// The frontier of the empty tree.
    #[must_use]
    pub const fn new() -> Self {
        Self { size: TreeSize::ZERO, edge: Vec::new(), hashed_with: PhantomData }
    }

    /// Restores a frontier from its size and subtree hashes. The hashes are believed; compare [`Frontier::root`].
    ///
    /// # Errors
    /// [`FrontierError::WrongHashCount`] unless there is one hash per 1-bit of the size.
    pub fn from_parts(size: TreeSize, edge: Vec<Hash>) -> Result<Self, FrontierError> {
        let expected = size.get().count_ones();
        if edge.len() != expected as usize {
            return Err(FrontierError::WrongHashCount { size, expected, actual: edge.len() });
        }
        Ok(Self { size, edge, hashed_with: PhantomData })
    }

    /// The number of leaves so far.
    #[must_use]
    pub const fn size(&self) -> TreeSize {
        self.size
    }

    /// The roots of the complete subtrees, largest first.
    #[must_use]
    pub fn edge(&self) -> &[Hash] {
        &self.edge
    }

    /// Appends one leaf hash and says which index it got.
    ///
    /// # Errors
    /// [`PositionError::IndexTooLarge`] when the log is full; nothing is changed then.
    pub fn push(&mut self, leaf: Hash) -> Result<LeafIndex, PositionError> {
        let index = self.size.next_index()?;
        let mut node = leaf;
        // Each trailing 1-bit of the old size is a complete subtree that the new leaf completes into a larger one.
        for _ in 0..index.get().trailing_ones() {
            if let Some(left) = self.edge.pop() {
                node = H::node(&left, &node);
            }
        }
        self.edge.push(node);
        self.size = index.size_after();
        Ok(index)
    }

    /// Appends many leaf hashes.
    ///
    /// # Errors
    /// [`PositionError::IndexTooLarge`] when the log is full; leaves before that one stay appended.
    pub fn extend(&mut self, leaves: impl IntoIterator<Item = Hash>) -> Result<(), PositionError> {
        leaves.into_iter().try_for_each(|leaf| self.push(leaf).map(drop))
    }

    /// The root of the tree (RFC 9162 §2.1.1): the complete subtrees joined from the right.
    #[must_use]
    pub fn root(&self) -> Hash {
        join_right_to_left::<H>(&self.edge)
    }

    /// Size as 8 big-endian bytes, then the subtree hashes; at most 8 + 53 × 32 bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.size.get().to_be_bytes().to_vec();
        self.edge.iter().for_each(|hash| bytes.extend_from_slice(hash.as_bytes()));
        bytes
    }

    /// Reads what [`Frontier::to_bytes`] writes.
    ///
    /// # Errors
    /// [`FrontierError`] for any other length or an impossible size.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, FrontierError> {
        let wrong = FrontierError::WrongLength(bytes.len());
        let (size, rest) = bytes.split_first_chunk::<8>().ok_or(wrong)?;
        let (hashes, []) = rest.as_chunks::<32>() else { return Err(wrong) };
        if hashes.len() > 64 {
            return Err(wrong);
        }
        let size = TreeSize::new(u64::from_be_bytes(*size))?;
        Self::from_parts(size, hashes.iter().copied().map(Hash::new).collect())
    }
}

/// Joins complete subtrees, largest first, into one root; none is the empty tree.
pub(super) fn join_right_to_left<H: TreeHash>(edge: &[Hash]) -> Hash {
    let mut from_the_right = edge.iter().rev();
    let Some(last) = from_the_right.next() else { return H::empty() };
    from_the_right.fold(*last, |right, left| H::node(left, &right))
}

impl<H: TreeHash> Default for Frontier<H> {
    fn default() -> Self {
        Self::new()
    }
}

// Derived implementations would ask the same of H, which is never instantiated.
impl<H> Clone for Frontier<H> {
    fn clone(&self) -> Self {
        Self { size: self.size, edge: self.edge.clone(), hashed_with: PhantomData }
    }
}

impl<H> PartialEq for Frontier<H> {
    fn eq(&self, other: &Self) -> bool {
        self.size == other.size && self.edge == other.edge
    }
}

impl<H> Eq for Frontier<H> {}

impl<H: TreeHash> fmt::Debug for Frontier<H> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Frontier<{}>", H::NAME)?;
        out.debug_struct("").field("size", &self.size.get()).field("edge", &self.edge).finish()
    }
}

/// The frontiers of both trees, growing in step.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TwinFrontier {
    sha256: Frontier<Sha256Tree>,
    blake3: Frontier<Blake3Tree>,
}

impl TwinFrontier {
    /// The log without entries.
    #[must_use]
    pub const fn new() -> Self {
        Self { sha256: Frontier::new(), blake3: Frontier::new() }
    }

    /// Joins two frontiers of one size.
    ///
    /// # Errors
    /// [`FrontierError::WrongHashCount`] when the sizes differ.
    pub fn from_parts(sha256: Frontier<Sha256Tree>, blake3: Frontier<Blake3Tree>) -> Result<Self, FrontierError> {
        if sha256.size() != blake3.size() {
            return Err(FrontierError::WrongHashCount {
                size: sha256.size(),
                expected: sha256.size().get().count_ones(),
                actual: blake3.edge().len(),
            });
        }
        Ok(Self { sha256, blake3 })
    }

    /// The number of leaves so far.
    #[must_use]
    pub const fn size(&self) -> TreeSize {
        self.sha256.size()
    }

    /// The SHA-256 side.
    #[must_use]
    pub const fn sha256(&self) -> &Frontier<Sha256Tree> {
        &self.sha256
    }

    /// The BLAKE3 side.
    #[must_use]
    pub const fn blake3(&self) -> &Frontier<Blake3Tree> {
        &self.blake3
    }

    /// Appends one entry's leaf hashes to both trees.
    ///
    /// # Errors
    /// [`PositionError::IndexTooLarge`] when the log is full; nothing is changed then.
    pub fn push(&mut self, leaf: LeafHashes) -> Result<LeafIndex, PositionError> {
        self.sha256.push(leaf.sha256)?;
        self.blake3.push(leaf.blake3)
    }

    /// Hashes an entry's bytes and appends it to both trees.
    ///
    /// # Errors
    /// As [`TwinFrontier::push`].
    pub fn push_entry(&mut self, entry: &[u8]) -> Result<LeafIndex, PositionError> {
        self.push(LeafHashes::of(entry))
    }

    /// Appends many.
    ///
    /// # Errors
    /// As [`TwinFrontier::push`]; leaves before that one stay appended.
    pub fn extend(&mut self, leaves: impl IntoIterator<Item = LeafHashes>) -> Result<(), PositionError> {
        leaves.into_iter().try_for_each(|leaf| self.push(leaf).map(drop))
    }

    /// The roots of both trees now.
    #[must_use]
    pub fn roots(&self) -> Roots {
        Roots { sha256: self.sha256.root(), blake3: self.blake3.root() }
    }

    /// Size and roots now.
    #[must_use]
    pub fn head(&self) -> TreeHead {
        TreeHead { size: self.size(), roots: self.roots() }
    }

    /// Size as 8 big-endian bytes, then the SHA-256 edge, then the BLAKE3 edge.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.sha256.to_bytes();
        self.blake3.edge().iter().for_each(|hash| bytes.extend_from_slice(hash.as_bytes()));
        bytes
    }

    /// Reads what [`TwinFrontier::to_bytes`] writes.
    ///
    /// # Errors
    /// [`FrontierError`] for any other length or an impossible size.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, FrontierError> {
        let wrong = FrontierError::WrongLength(bytes.len());
        let (size, edges) = bytes.split_first_chunk::<8>().ok_or(wrong)?;
        if !edges.len().is_multiple_of(64) {
            return Err(wrong);
        }
        let (sha256, blake3) = edges.split_at(edges.len() / 2);
        Self::from_parts(
            Frontier::from_bytes(&[size.as_slice(), sha256].concat())?,
            Frontier::from_bytes(&[size.as_slice(), blake3].concat())?,
        )
    }
}
