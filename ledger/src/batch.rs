//! A batch: what the leader proposes to consensus. It is signed, so two batches for one place convict their proposer.
//!
//! The place of a batch is (cluster epoch, term, number). Batches are not hashed into the ledger: leaves come from the
//! records in committed batches, and a replay needs only the entries.

use crate::codec::{self, CodecError};
use crate::ids::{ElectionId, PublicKey, Signature};
use crate::nodes::Nodes;
use crate::sign::{self, Domain, Signer, SignerError};
use ed25519_dalek::SigningKey;
use minicbor::{Decode, Encode};

/// Most bytes of submissions in a batch.
pub const BATCH_ITEM_BYTES_MAX: usize = 1 << 20;
/// Longest encoded batch.
pub const BATCH_BYTES_MAX: usize = BATCH_ITEM_BYTES_MAX + crate::submission::SUBMISSION_BYTES_MAX + 4_096;
/// Most submissions in a batch.
pub const BATCH_ITEMS_MAX: usize = 4_096;

/// What a batch asks for.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Batch {
    /// 1.
    #[n(0)]
    pub version: u64,
    /// The election.
    #[n(1)]
    pub election: ElectionId,
    /// Cluster epoch (DESIGN §9).
    #[n(2)]
    pub epoch: u32,
    /// Raft term in which the proposer led.
    #[n(3)]
    pub term: u64,
    /// The proposer's number for it within the term, from 1.
    #[n(4)]
    pub number: u64,
    /// The proposer's clock, ms UTC.
    #[n(5)]
    pub time_ms: u64,
    /// Node id of the proposer.
    #[n(6)]
    pub proposer: u32,
    /// 1 to cut a checkpoint after the items: asked for when nothing more comes.
    #[n(7)]
    pub cut: u8,
    /// Submissions, in order.
    #[n(8)]
    pub items: Vec<Item>,
}

/// Canonical bytes of one [`crate::submission::Submission`], unread.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(transparent)]
pub struct Item(
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    pub Vec<u8>,
);

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
struct SignedBytes {
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    batch: Vec<u8>,
    #[n(1)]
    signature: Signature,
}

/// A batch whose proposer's signature verified. Only [`SignedBatch::verify`] and [`Batch::sign`] make one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedBatch {
    batch: Batch,
    bytes: Vec<u8>,
}

impl Batch {
    /// Signs with the proposer's batch key. Ed25519 signs a BLAKE3 digest of the batch (context `tamga 2025 batch v1`), so
    /// that a megabyte is not hashed twice with SHA-512.
    #[must_use]
    pub fn sign(self, key: &SigningKey) -> SignedBatch {
        let batch = codec::encode(&self);
        let signature = sign::sign(key, Domain::Batch, &digest(&batch));
        SignedBatch { batch: self, bytes: codec::encode(&SignedBytes { batch, signature }) }
    }

    /// As [`sign`](Self::sign), with whatever holds the key.
    ///
    /// # Errors
    /// [`SignerError`]; never with a key in memory.
    pub fn sign_with(self, signer: &dyn Signer) -> Result<SignedBatch, SignerError> {
        let batch = codec::encode(&self);
        let signature = sign::sign_with(signer, Domain::Batch, &digest(&batch))?;
        Ok(SignedBatch { batch: self, bytes: codec::encode(&SignedBytes { batch, signature }) })
    }
}

impl SignedBatch {
    /// Reads and verifies with the batch key of the proposer it names ([`Nodes::batch_key`]).
    ///
    /// Depends on the bytes and on which nodes are known, never on when it is computed: it may run early, and is repeated
    /// only where the proposer was not known yet ([`BatchError::wants_node`]). Whether the proposer is a member at the
    /// batch's place is [`check_member`](Self::check_member).
    ///
    /// # Errors
    /// [`BatchError`].
    pub fn verify(
        bytes: &[u8],
        election: &ElectionId,
        key_of: impl Fn(u32) -> Option<PublicKey>,
    ) -> Result<Self, BatchError> {
        let signed: SignedBytes = codec::decode(bytes, BATCH_BYTES_MAX)?;
        let batch: Batch = codec::decode(&signed.batch, BATCH_BYTES_MAX)?;
        if batch.version != 1 || batch.cut > 1 || batch.items.len() > BATCH_ITEMS_MAX {
            return Err(BatchError::Content);
        }
        if batch.election != *election {
            return Err(BatchError::OtherElection(batch.election));
        }
        let key = key_of(batch.proposer).ok_or(BatchError::UnknownProposer(batch.proposer))?;
        if !sign::verify(&key, Domain::Batch, &digest(&signed.batch), &signed.signature) {
            return Err(BatchError::Signature(batch.proposer));
        }
        Ok(Self { batch, bytes: bytes.to_vec() })
    }

    /// Checks that the proposer is a member, by the registry as it is where the batch begins.
    ///
    /// # Errors
    /// [`BatchError::UnknownProposer`], [`BatchError::RemovedProposer`]: the batch is void and yields no leaf.
    pub fn check_member(&self, nodes: &Nodes) -> Result<(), BatchError> {
        let proposer = self.batch.proposer;
        match nodes.get(proposer).ok_or(BatchError::UnknownProposer(proposer))?.removed {
            None => Ok(()),
            Some(leaf) => Err(BatchError::RemovedProposer { node: proposer, leaf }),
        }
    }

    /// The batch.
    #[must_use]
    pub const fn batch(&self) -> &Batch {
        &self.batch
    }

    /// Consumes into the batch.
    #[must_use]
    pub fn into_batch(self) -> Batch {
        self.batch
    }

    /// Canonical bytes with the signature.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

fn digest(batch: &[u8]) -> [u8; 32] {
    *blake3::Hasher::new_derive_key("tamga 2025 batch v1").update(batch).finalize().as_bytes()
}

/// Why bytes are no batch.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BatchError {
    /// Not canonical.
    #[error("the batch is not canonical: {0}")]
    Codec(#[from] CodecError),
    /// Out of range.
    #[error("the batch has an unknown version or too many items")]
    Content,
    /// Another election.
    #[error("the batch belongs to election {0}")]
    OtherElection(ElectionId),
    /// A proposer that nothing registered.
    #[error("node {0} is not one of the election's")]
    UnknownProposer(u32),
    /// A proposer that was removed before.
    #[error("node {node} was removed by leaf {leaf}; what it proposes after that is void")]
    RemovedProposer {
        /// The proposer.
        node: u32,
        /// What removed it.
        leaf: u64,
    },
    /// Not signed by its proposer.
    #[error("the signature of node {0} on the batch does not verify")]
    Signature(u32),
}

impl BatchError {
    /// Whether it may be different once a node is registered: verify again where the batch is applied.
    #[must_use]
    pub const fn wants_node(&self) -> bool {
        matches!(self, Self::UnknownProposer(_))
    }
}
