//! Making roots and proofs from stored subtree hashes.
//!
//! A *complete subtree* (level, index) covers the 2^level leaves from `index << level` on; level 0 is a leaf hash. Complete
//! subtrees never change, so whoever stores them can answer for every past size. The hashes read are believed here: a
//! wrong one gives a proof that does not verify.

use super::frontier::join_right_to_left;
use super::hash::{Hash, TreeHash};
use super::position::{LeafIndex, TreeSize};
use super::proof::{ConsistencyProof, InclusionProof, ProofError};

/// Gives the hashes of complete subtrees of one tree. A closure `FnMut(level, index) -> Result<Hash, E>` is one.
pub trait HashReader {
    /// Why a hash could not be read.
    type Error;

    /// The hash of the complete subtree over the leaves `[index << level, (index + 1) << level)`.
    ///
    /// # Errors
    /// Whatever the source fails with.
    fn subtree(&mut self, level: u8, index: u64) -> Result<Hash, Self::Error>;
}

impl<F, E> HashReader for F
where
    F: FnMut(u8, u64) -> Result<Hash, E>,
{
    type Error = E;

    fn subtree(&mut self, level: u8, index: u64) -> Result<Hash, E> {
        self(level, index)
    }
}

/// Why a proof could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProveError<E> {
    /// No such proof exists.
    #[error(transparent)]
    Impossible(#[from] ProofError),
    /// A stored hash could not be read.
    #[error("a stored hash could not be read: {0}")]
    Read(E),
}

/// The root of the tree over the first `size` entries.
///
/// # Errors
/// The reader's.
pub fn root_at<H: TreeHash, R: HashReader>(reader: &mut R, size: TreeSize) -> Result<Hash, R::Error> {
    range_hash::<H, R>(reader, 0, size.get())
}

/// `PATH(index, D[size])` of RFC 9162 §2.1.3.1.
///
/// # Errors
/// [`ProofError::IndexOutsideTree`], or the reader's error.
pub fn prove_inclusion<H: TreeHash, R: HashReader>(
    reader: &mut R,
    index: LeafIndex,
    size: TreeSize,
) -> Result<InclusionProof<H>, ProveError<R::Error>> {
    index.within(size).map_err(|_| ProofError::IndexOutsideTree { index, size })?;
    let mut path = Vec::new();
    let (mut low, mut high) = (0, size.get());
    while high - low > 1 {
        let middle = low + split(high - low);
        if index.get() < middle {
            path.push(range_hash::<H, R>(reader, middle, high).map_err(ProveError::Read)?);
            high = middle;
        } else {
            path.push(range_hash::<H, R>(reader, low, middle).map_err(ProveError::Read)?);
            low = middle;
        }
    }
    path.reverse();
    Ok(InclusionProof::new(path)?)
}

/// `PROOF(old, D[new])` of RFC 9162 §2.1.4.1; empty for equal sizes and for an empty old tree.
///
/// # Errors
/// [`ProofError::Shrinks`] when `old > new`, or the reader's error.
pub fn prove_consistency<H: TreeHash, R: HashReader>(
    reader: &mut R,
    old: TreeSize,
    new: TreeSize,
) -> Result<ConsistencyProof<H>, ProveError<R::Error>> {
    if old > new {
        return Err(ProofError::Shrinks { old, new }.into());
    }
    let mut path = Vec::new();
    let (mut low, mut high) = (0, new.get());
    // SUBPROOF(m, D[low:high], low == 0), descending towards the subtree that ends at `old`.
    while !old.is_empty() && old.get() < high {
        let middle = low + split(high - low);
        if old.get() <= middle {
            path.push(range_hash::<H, R>(reader, middle, high).map_err(ProveError::Read)?);
            high = middle;
        } else {
            path.push(range_hash::<H, R>(reader, low, middle).map_err(ProveError::Read)?);
            low = middle;
        }
    }
    if low > 0 {
        path.push(range_hash::<H, R>(reader, low, high).map_err(ProveError::Read)?);
    }
    path.reverse();
    Ok(ConsistencyProof::new(path)?)
}

/// The largest power of two smaller than `count`, for `count > 1`.
pub(super) const fn split(count: u64) -> u64 {
    1 << (count - 1).ilog2()
}

/// `MTH(D[low:high])`, `low` being a multiple of the power of two that covers the range, as in every split of the RFC.
pub(super) fn range_hash<H: TreeHash, R: HashReader>(reader: &mut R, low: u64, high: u64) -> Result<Hash, R::Error> {
    let mut edge = Vec::new();
    let mut at = low;
    while at < high {
        let level = (high - at).ilog2();
        edge.push(reader.subtree(level as u8, at >> level)?);
        at += 1 << level;
    }
    Ok(join_right_to_left::<H>(&edge))
}
