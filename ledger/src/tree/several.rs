//! One proof for several leaves of one tree: what their inclusion proofs share stands once.
//!
//! The proof has the hash of each largest subtree of RFC 9162's tree that holds none of the leaves, from left to right. Whoever has the
//! leaves computes the root from both:
//! ```text
//! root(range) = next hash of the proof, if no leaf is in the range
//!             = the leaf's hash,        if the range is one leaf
//!             = node(root(left), root(right)), split at the largest power of two below the range's length, otherwise
//! ```
//! Each hash is used exactly once; one too few or too many, and the proof is none. For one leaf these are the hashes of its inclusion
//! proof in another order.

use super::hash::{Hash, TreeHash};
use super::position::{LeafIndex, TreeSize};
use super::proof::ProofError;
use super::prove::{HashReader, range_hash, split};
use std::marker::PhantomData;

/// A proof for several leaves. Not verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeveralProof<H> {
    hashes: Vec<Hash>,
    hashed_with: PhantomData<fn() -> H>,
}

/// Why several leaves are not where they are said to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SeveralError {
    /// No leaves, or not ascending.
    #[error("the leaves are not one or more in ascending order")]
    NotAscending,
    /// A leaf beyond the tree, or another root.
    #[error(transparent)]
    Proof(#[from] ProofError),
    /// Too many or too few hashes.
    #[error("the {0} proof for several leaves has too many or too few hashes")]
    Length(&'static str),
}

impl<H: TreeHash> SeveralProof<H> {
    /// Takes hashes from left to right. Whoever reads them from outside bounds their number by the bytes read.
    #[must_use]
    pub const fn new(hashes: Vec<Hash>) -> Self {
        Self { hashes, hashed_with: PhantomData }
    }

    /// The hashes from left to right.
    #[must_use]
    pub fn hashes(&self) -> &[Hash] {
        &self.hashes
    }

    /// Makes the proof for `leaves`, ascending, in the tree of that size. `reader` is believed: a wrong hash gives a proof that does
    /// not verify.
    ///
    /// # Errors
    /// The reader's.
    pub fn prove<R: HashReader>(reader: &mut R, leaves: &[LeafIndex], size: TreeSize) -> Result<Self, R::Error> {
        let mut hashes = Vec::new();
        gather::<H, R>(reader, leaves, 0, size.get(), &mut hashes)?;
        Ok(Self::new(hashes))
    }

    /// Verifies that these leaves, ascending, with these hashes are in the tree of that size and root.
    ///
    /// # Errors
    /// [`SeveralError`]. Work is bounded by leaves × 53, whatever the bytes.
    pub fn verify(&self, leaves: &[(LeafIndex, Hash)], size: TreeSize, root: &Hash) -> Result<(), SeveralError> {
        let Some((last, _)) = leaves.last() else { return Err(SeveralError::NotAscending) };
        if !leaves.is_sorted_by(|(a, _), (b, _)| a < b) {
            return Err(SeveralError::NotAscending);
        }
        if last.get() >= size.get() {
            return Err(ProofError::IndexOutsideTree { index: *last, size }.into());
        }
        let mut rest = self.hashes.iter();
        let computed = compute::<H>(leaves, &mut rest, 0, size.get()).ok_or(SeveralError::Length(H::NAME))?;
        if rest.next().is_some() {
            return Err(SeveralError::Length(H::NAME));
        }
        if computed != *root {
            return Err(ProofError::RootMismatch { tree: H::NAME, computed, stated: *root }.into());
        }
        Ok(())
    }
}

/// Depth is at most 53: each step halves the range.
fn gather<H: TreeHash, R: HashReader>(
    reader: &mut R,
    leaves: &[LeafIndex],
    low: u64,
    high: u64,
    hashes: &mut Vec<Hash>,
) -> Result<(), R::Error> {
    if leaves.is_empty() {
        hashes.push(range_hash::<H, R>(reader, low, high)?);
        return Ok(());
    }
    if high - low <= 1 {
        return Ok(());
    }
    let middle = low + split(high - low);
    let (left, right) = leaves.split_at(leaves.partition_point(|leaf| leaf.get() < middle));
    gather::<H, R>(reader, left, low, middle, hashes)?;
    gather::<H, R>(reader, right, middle, high, hashes)
}

fn compute<H: TreeHash>(
    leaves: &[(LeafIndex, Hash)],
    rest: &mut std::slice::Iter<'_, Hash>,
    low: u64,
    high: u64,
) -> Option<Hash> {
    let Some((_, first)) = leaves.first() else { return rest.next().copied() };
    if high - low <= 1 {
        return Some(*first);
    }
    let middle = low + split(high - low);
    let (left, right) = leaves.split_at(leaves.partition_point(|(leaf, _)| leaf.get() < middle));
    let left = compute::<H>(left, rest, low, middle)?;
    let right = compute::<H>(right, rest, middle, high)?;
    Some(H::node(&left, &right))
}
