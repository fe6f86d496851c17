//! A receipt: everything needed to show, offline and years later, that an entry is in the ledger.

use crate::codec::{self, CodecError};
use crate::entry::{Entry, EntryError};
use crate::ids::RecordId;
use crate::note::{CheckpointVerifyError, VerifiedCheckpoint};
use crate::tree::{
    ConsistencyProof, Hash, InclusionProof, LeafIndex, PROOF_HASHES_MAX, TwinConsistencyProof, TwinInclusionProof,
    TwinProofError,
};
use crate::trust::Trust;
use minicbor::{Decode, Encode};

/// Longest encoded receipt: an entry, two proofs, a note.
pub const RECEIPT_BYTES_MAX: usize = 1 << 18;

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
struct ReceiptBytes {
    #[n(0)]
    version: u64,
    #[n(1)]
    leaf: u64,
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    entry: Vec<u8>,
    #[n(3)]
    sha256: Vec<Path>,
    #[n(4)]
    blake3: Vec<Path>,
    #[n(5)]
    checkpoint: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(transparent)]
struct Path(#[n(0)] crate::ids::Digest);

/// A leaf, its entry, its place in both trees, and a published checkpoint. Not verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Where.
    pub leaf: LeafIndex,
    /// The entry's bytes.
    pub entry: Vec<u8>,
    /// Inclusion in both trees of the checkpoint.
    pub proof: TwinInclusionProof,
    /// The published checkpoint, as a signed note.
    pub checkpoint: String,
}

/// A receipt that verified. Only [`Receipt::verify`] makes one.
#[derive(Debug, Clone)]
pub struct VerifiedReceipt {
    leaf: LeafIndex,
    entry: Entry,
    checkpoint: VerifiedCheckpoint,
}

impl VerifiedReceipt {
    /// Where the entry is.
    #[must_use]
    pub const fn leaf(&self) -> LeafIndex {
        self.leaf
    }

    /// The entry.
    #[must_use]
    pub const fn entry(&self) -> &Entry {
        &self.entry
    }

    /// Id of the record in it.
    #[must_use]
    pub fn record_id(&self) -> RecordId {
        self.entry.record_id()
    }

    /// The checkpoint that covers it, with who cosigned.
    #[must_use]
    pub const fn checkpoint(&self) -> &VerifiedCheckpoint {
        &self.checkpoint
    }
}

impl Receipt {
    /// Canonical bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let path = |hashes: &[Hash]| hashes.iter().map(|hash| Path(crate::ids::Digest(hash.to_bytes()))).collect();
        codec::encode(&ReceiptBytes {
            version: 1,
            leaf: self.leaf.get(),
            entry: self.entry.clone(),
            sha256: path(self.proof.sha256.path()),
            blake3: path(self.proof.blake3.path()),
            checkpoint: self.checkpoint.clone(),
        })
    }

    /// Reads canonical bytes; verifies nothing.
    ///
    /// # Errors
    /// [`ReceiptError::Codec`], [`ReceiptError::Content`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ReceiptError> {
        let raw: ReceiptBytes = codec::decode(bytes, RECEIPT_BYTES_MAX)?;
        let leaf = LeafIndex::new(raw.leaf).map_err(|_| ReceiptError::Content)?;
        if raw.version != 1 || raw.sha256.len() > PROOF_HASHES_MAX || raw.blake3.len() > PROOF_HASHES_MAX {
            return Err(ReceiptError::Content);
        }
        let path = |hashes: Vec<Path>| hashes.into_iter().map(|path| Hash::new(path.0.0)).collect::<Vec<_>>();
        let proof = TwinInclusionProof {
            sha256: InclusionProof::new(path(raw.sha256)).map_err(|_| ReceiptError::Content)?,
            blake3: InclusionProof::new(path(raw.blake3)).map_err(|_| ReceiptError::Content)?,
        };
        Ok(Self { leaf, entry: raw.entry, proof, checkpoint: raw.checkpoint })
    }

    /// As C2SP tlog-proof (`.tlog-proof`): index, SHA-256 path, checkpoint. For verifiers that know tlogs and nothing of us; whoever
    /// gets it needs the entry's bytes beside it, and has one of the two trees.
    #[must_use]
    pub fn to_tlog_proof(&self) -> String {
        let hashes: String = self.proof.sha256.path().iter().map(|hash| hash.to_base64() + "\n").collect();
        format!("c2sp.org/tlog-proof@v1\nindex {}\n{hashes}\n{}", self.leaf, self.checkpoint)
    }

    /// Verifies signatures, quorum and both proofs against the pinned election.
    ///
    /// # Errors
    /// [`ReceiptError`] saying what does not hold.
    pub fn verify(&self, trust: &Trust) -> Result<VerifiedReceipt, ReceiptError> {
        let checkpoint = trust.verify_checkpoint(self.checkpoint.as_bytes())?;
        self.proof.verify(&self.entry, self.leaf, &checkpoint.checkpoint().head())?;
        Ok(VerifiedReceipt { leaf: self.leaf, entry: Entry::from_bytes(&self.entry)?, checkpoint })
    }
}

/// Checks that one verified checkpoint extends another.
///
/// # Errors
/// [`ReceiptError::Proof`].
pub fn verify_extends(
    old: &VerifiedCheckpoint,
    new: &VerifiedCheckpoint,
    sha256: ConsistencyProof<crate::tree::Sha256Tree>,
    blake3: ConsistencyProof<crate::tree::Blake3Tree>,
) -> Result<(), ReceiptError> {
    let proof = TwinConsistencyProof { sha256, blake3 };
    Ok(proof.verify(&old.checkpoint().head(), &new.checkpoint().head())?)
}

/// Why a receipt does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReceiptError {
    /// Not canonical.
    #[error("the receipt is not canonical: {0}")]
    Codec(#[from] CodecError),
    /// Numbers out of range.
    #[error("the receipt has an unknown version, an impossible leaf index or a proof that is too long")]
    Content,
    /// The checkpoint is not published under the trust policy.
    #[error("checkpoint: {0}")]
    Checkpoint(#[from] CheckpointVerifyError),
    /// The entry is not where the receipt says.
    #[error("proof: {0}")]
    Proof(#[from] TwinProofError),
    /// The entry cannot be read.
    #[error("entry: {0}")]
    Entry(#[from] EntryError),
}
