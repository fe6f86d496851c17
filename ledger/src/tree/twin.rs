//! Proofs in both trees at once: what a receipt carries and our verifier demands.

use serde::{Deserialize, Serialize};

use super::frontier::{Roots, TreeHead};
use super::hash::{Blake3Tree, LeafHashes, Sha256Tree};
use super::position::{LeafIndex, TreeSize};
use super::proof::{ConsistencyProof, InclusionProof, ProofError};

/// A proof that fails, and in which tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TwinProofError {
    /// The SHA-256 tree.
    #[error("SHA-256 tree: {0}")]
    Sha256(ProofError),
    /// The BLAKE3 tree.
    #[error("BLAKE3 tree: {0}")]
    Blake3(ProofError),
}

/// One entry's inclusion in both trees.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TwinInclusionProof {
    /// The audit path in the SHA-256 tree.
    pub sha256: InclusionProof<Sha256Tree>,
    /// The audit path in the BLAKE3 tree.
    pub blake3: InclusionProof<Blake3Tree>,
}

impl TwinInclusionProof {
    /// Checks that these entry bytes stand at that index of both trees.
    ///
    /// # Errors
    /// [`TwinProofError`] naming the tree whose proof fails.
    pub fn verify(&self, entry: &[u8], index: LeafIndex, head: &TreeHead) -> Result<(), TwinProofError> {
        self.verify_leaf(LeafHashes::of(entry), index, head)
    }

    /// The same, from leaf hashes.
    ///
    /// # Errors
    /// [`TwinProofError`] naming the tree whose proof fails.
    pub fn verify_leaf(&self, leaf: LeafHashes, index: LeafIndex, head: &TreeHead) -> Result<(), TwinProofError> {
        let TreeHead { size, roots } = head;
        self.sha256.verify(leaf.sha256, index, *size, &roots.sha256).map_err(TwinProofError::Sha256)?;
        self.blake3.verify(leaf.blake3, index, *size, &roots.blake3).map_err(TwinProofError::Blake3)
    }
}

/// One tree head's being a prefix of another, in both trees.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TwinConsistencyProof {
    /// The proof in the SHA-256 tree.
    pub sha256: ConsistencyProof<Sha256Tree>,
    /// The proof in the BLAKE3 tree.
    pub blake3: ConsistencyProof<Blake3Tree>,
}

impl TwinConsistencyProof {
    /// Checks that `old` is a prefix of `new` in both trees.
    ///
    /// # Errors
    /// [`TwinProofError`] naming the tree whose proof fails.
    pub fn verify(&self, old: &TreeHead, new: &TreeHead) -> Result<(), TwinProofError> {
        let sizes: (TreeSize, TreeSize) = (old.size, new.size);
        let (before, after): (Roots, Roots) = (old.roots, new.roots);
        self.sha256.verify(sizes.0, &before.sha256, sizes.1, &after.sha256).map_err(TwinProofError::Sha256)?;
        self.blake3.verify(sizes.0, &before.blake3, sizes.1, &after.blake3).map_err(TwinProofError::Blake3)
    }
}
