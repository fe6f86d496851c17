//! Inclusion and consistency proofs, verified as RFC 9162 §2.1.3.2 and §2.1.4.2 write it, step by step.

use std::fmt;
use std::marker::PhantomData;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::hash::{Hash, TreeHash};
use super::position::{LeafIndex, TreeSize};

/// More hashes than any proof in a tree of 2⁵³ − 1 leaves has (53 for inclusion, 54 for consistency); longer is refused
/// unread.
pub const PROOF_HASHES_MAX: usize = 64;

/// What is wrong with a proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// More than [`PROOF_HASHES_MAX`] hashes.
    #[error("the proof has {0} hashes; no tree needs more than 64")]
    TooLong(usize),
    /// The leaf is not in a tree of that size.
    #[error("leaf index {index} is outside the tree of size {size}")]
    IndexOutsideTree {
        /// Leaf asked for.
        index: LeafIndex,
        /// Tree named.
        size: TreeSize,
    },
    /// The "old" tree is larger than the "new" one.
    #[error("a tree of size {old} cannot be a prefix of a tree of size {new}")]
    Shrinks {
        /// Size of the earlier tree.
        old: TreeSize,
        /// Size of the later tree.
        new: TreeSize,
    },
    /// Too many or too few hashes for the stated sizes.
    #[error("the proof has {actual} hashes; these sizes need {expected}")]
    WrongLength {
        /// Hashes the sizes call for.
        expected: usize,
        /// Hashes in the proof.
        actual: usize,
    },
    /// The recomputed root is another one: wrong entry, index, size, proof or root.
    #[error("the {tree} proof leads to root {computed}, not to the stated root {stated}")]
    RootMismatch {
        /// Which tree: [`TreeHash::NAME`].
        tree: &'static str,
        /// Root the proof leads to.
        computed: Hash,
        /// Root that was to be proven.
        stated: Hash,
    },
    /// The proof does not start from the old root.
    #[error("the {tree} proof starts from root {computed}, not from the stated earlier root {stated}")]
    OldRootMismatch {
        /// Which tree: [`TreeHash::NAME`].
        tree: &'static str,
        /// Old root the proof leads to.
        computed: Hash,
        /// Old root that was stated.
        stated: Hash,
    },
}

macro_rules! hash_path {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        pub struct $name<H> {
            path: Vec<Hash>,
            hashed_with: PhantomData<fn() -> H>,
        }

        impl<H> $name<H> {
            /// Takes hashes in the order of the RFC.
            ///
            /// # Errors
            /// [`ProofError::TooLong`] above [`PROOF_HASHES_MAX`].
            pub fn new(path: Vec<Hash>) -> Result<Self, ProofError> {
                if path.len() > PROOF_HASHES_MAX {
                    return Err(ProofError::TooLong(path.len()));
                }
                Ok(Self { path, hashed_with: PhantomData })
            }

            /// The hashes, in the order of the RFC.
            #[must_use]
            pub fn path(&self) -> &[Hash] {
                &self.path
            }
        }

        impl<H> Clone for $name<H> {
            fn clone(&self) -> Self {
                Self { path: self.path.clone(), hashed_with: PhantomData }
            }
        }

        impl<H> PartialEq for $name<H> {
            fn eq(&self, other: &Self) -> bool {
                self.path == other.path
            }
        }

        impl<H> Eq for $name<H> {}

        impl<H: TreeHash> fmt::Debug for $name<H> {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(out, concat!(stringify!($name), "<{}>{:?}"), H::NAME, self.path)
            }
        }

        impl<H> Serialize for $name<H> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                self.path.serialize(serializer)
            }
        }

        impl<'de, H> Deserialize<'de> for $name<H> {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::new(bounded::deserialize(deserializer)?).map_err(serde::de::Error::custom)
            }
        }
    };
}

hash_path! {
    /// The audit path of one leaf, from the leaf upwards (RFC 9162 §2.1.3.1).
    InclusionProof
}

hash_path! {
    /// The hashes that show that a tree is a prefix of a later one (RFC 9162 §2.1.4.1). Empty when the sizes are equal or
    /// the earlier tree is empty.
    ConsistencyProof
}

impl<H: TreeHash> InclusionProof<H> {
    /// The root this proof leads to from a leaf hash (RFC 9162 §2.1.3.2, steps 1 to 4 and the length check of step 5).
    ///
    /// # Errors
    /// [`ProofError::IndexOutsideTree`], [`ProofError::WrongLength`].
    pub fn root_from_inclusion_proof(&self, leaf: Hash, index: LeafIndex, size: TreeSize) -> Result<Hash, ProofError> {
        let outside = ProofError::IndexOutsideTree { index, size };
        let last = size.last_index().ok_or(outside)?; // step 1
        index.within(size).map_err(|_| outside)?;
        let wrong_length = ProofError::WrongLength { expected: inclusion_length(index, last), actual: self.path.len() };

        let (mut fn_, mut sn) = (index.get(), last.get()); // step 2
        let mut r = leaf; // step 3
        for p in &self.path {
            if sn == 0 {
                return Err(wrong_length); // step 4.a
            }
            if fn_ & 1 == 1 || fn_ == sn {
                r = H::node(p, &r); // step 4.b
                while fn_ & 1 == 0 && fn_ != 0 {
                    (fn_, sn) = (fn_ >> 1, sn >> 1);
                }
            } else {
                r = H::node(&r, p);
            }
            (fn_, sn) = (fn_ >> 1, sn >> 1); // step 4.c
        }
        if sn == 0 { Ok(r) } else { Err(wrong_length) } // step 5
    }

    /// Checks that the leaf stands at that index of the tree with that size and root (RFC 9162 §2.1.3.2).
    ///
    /// # Errors
    /// [`ProofError`] saying what does not fit.
    pub fn verify(&self, leaf: Hash, index: LeafIndex, size: TreeSize, root: &Hash) -> Result<(), ProofError> {
        let computed = self.root_from_inclusion_proof(leaf, index, size)?;
        expect_root::<H>(computed, root)
    }
}

impl<H: TreeHash> ConsistencyProof<H> {
    /// Checks that the tree (`old`, `old_root`) is a prefix of the tree (`new`, `new_root`) (RFC 9162 §2.1.4.2).
    ///
    /// The RFC defines it for 0 < old < new. Beyond that: equal sizes need equal roots and an empty proof; the empty tree,
    /// whose root is a constant, is a prefix of every tree, with an empty proof.
    ///
    /// # Errors
    /// [`ProofError`] saying what does not fit.
    pub fn verify(&self, old: TreeSize, old_root: &Hash, new: TreeSize, new_root: &Hash) -> Result<(), ProofError> {
        if old > new {
            return Err(ProofError::Shrinks { old, new });
        }
        if old == new || old.is_empty() {
            return self.verify_without_hashes(old, old_root, new, new_root);
        }
        let wrong_length = ProofError::WrongLength { expected: consistency_length(old, new), actual: self.path.len() };

        // Steps 1 and 2: an old tree that is one complete subtree is left out of the path, as the verifier has its root.
        let mut path = self.path.iter();
        let first = if old.get().is_power_of_two() { Some(old_root) } else { path.next() };
        let Some(first) = first else { return Err(wrong_length) };

        let (mut fn_, mut sn) = (old.get() - 1, new.get() - 1); // step 3
        while fn_ & 1 == 1 {
            (fn_, sn) = (fn_ >> 1, sn >> 1); // step 4
        }
        let (mut fr, mut sr) = (*first, *first); // step 5
        for c in path {
            if sn == 0 {
                return Err(wrong_length); // step 6.a
            }
            if fn_ & 1 == 1 || fn_ == sn {
                (fr, sr) = (H::node(c, &fr), H::node(c, &sr)); // step 6.b
                while fn_ & 1 == 0 && fn_ != 0 {
                    (fn_, sn) = (fn_ >> 1, sn >> 1);
                }
            } else {
                sr = H::node(&sr, c);
            }
            (fn_, sn) = (fn_ >> 1, sn >> 1); // step 6.c
        }
        if sn != 0 {
            return Err(wrong_length); // step 7
        }
        expect_old_root::<H>(fr, old_root)?;
        expect_root::<H>(sr, new_root)
    }

    fn verify_without_hashes(
        &self,
        old: TreeSize,
        old_root: &Hash,
        new: TreeSize,
        new_root: &Hash,
    ) -> Result<(), ProofError> {
        if !self.path.is_empty() {
            return Err(ProofError::WrongLength { expected: 0, actual: self.path.len() });
        }
        if old.is_empty() {
            expect_old_root::<H>(H::empty(), old_root)?;
        }
        if old == new { expect_root::<H>(*old_root, new_root) } else { Ok(()) }
    }
}

fn expect_root<H: TreeHash>(computed: Hash, stated: &Hash) -> Result<(), ProofError> {
    if computed == *stated {
        return Ok(());
    }
    Err(ProofError::RootMismatch { tree: H::NAME, computed, stated: *stated })
}

fn expect_old_root<H: TreeHash>(computed: Hash, stated: &Hash) -> Result<(), ProofError> {
    if computed == *stated {
        return Ok(());
    }
    Err(ProofError::OldRootMismatch { tree: H::NAME, computed, stated: *stated })
}

/// Hashes in an inclusion proof: below the level where the paths of the leaf and of the last leaf part, every level
/// has a sibling; above it only where a complete subtree stands to the left.
fn inclusion_length(index: LeafIndex, last: LeafIndex) -> usize {
    let parting = bits(index.get() ^ last.get());
    let above = index.get().checked_shr(parting).unwrap_or(0).count_ones();
    (parting + above) as usize
}

/// Hashes in a consistency proof, 0 < old < new: the largest subtree that ends at `old` is the start; it is written out
/// unless it is the whole old tree.
fn consistency_length(old: TreeSize, new: TreeSize) -> usize {
    let level = old.get().trailing_zeros();
    let last_old = LeafIndex::new((old.get() - 1) >> level).unwrap_or(LeafIndex::ZERO);
    let last_new = LeafIndex::new((new.get() - 1) >> level).unwrap_or(LeafIndex::ZERO);
    inclusion_length(last_old, last_new) + usize::from(!old.get().is_power_of_two())
}

const fn bits(number: u64) -> u32 {
    u64::BITS - number.leading_zeros()
}

/// Reads a sequence of hashes and stops at the limit, so that a long list costs no memory.
mod bounded {
    use super::{Hash, PROOF_HASHES_MAX, fmt};
    use serde::de::{Deserializer, Error, SeqAccess, Visitor};

    struct Hashes;

    impl<'de> Visitor<'de> for Hashes {
        type Value = Vec<Hash>;

        fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(out, "at most {PROOF_HASHES_MAX} hashes")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut hashes: A) -> Result<Vec<Hash>, A::Error> {
            let mut path = Vec::new();
            while let Some(hash) = hashes.next_element()? {
                if path.len() == PROOF_HASHES_MAX {
                    return Err(A::Error::invalid_length(PROOF_HASHES_MAX + 1, &self));
                }
                path.push(hash);
            }
            Ok(path)
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Hash>, D::Error> {
        deserializer.deserialize_seq(Hashes)
    }
}
