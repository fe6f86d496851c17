//! What a node answers at once: a signed promise that a record will be in the ledger (or is, with which verdict), or a
//! signed refusal that says why it will not.

use crate::codec::{self, CodecError};
use crate::ids::{Digest, ElectionId, PublicKey, RecordId, Signature};
use crate::sign::{self, Domain, Signer, SignerError};
use crate::tree::LeafIndex;
use crate::verdict::{Flag, Verdict};
use ed25519_dalek::SigningKey;
use minicbor::{Decode, Encode};

/// Longest encoded promise or refusal.
pub const PROMISE_BYTES_MAX: usize = 4_096;

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
struct PromiseBytes {
    #[n(0)]
    version: u64,
    #[n(1)]
    election: ElectionId,
    #[n(2)]
    record: RecordId,
    #[n(3)]
    node: u32,
    #[n(4)]
    deadline_ms: u64,
    #[n(5)]
    judged: Vec<JudgedBytes>,
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
struct JudgedBytes {
    #[n(0)]
    leaf: u64,
    #[n(1)]
    time_ms: u64,
    #[n(2)]
    verdict: u8,
    #[n(3)]
    code: u16,
    #[n(4)]
    flags: Vec<Flag>,
}

/// What a node promises about a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Promise {
    /// The election.
    pub election: ElectionId,
    /// The record.
    pub record: RecordId,
    /// The node that promises.
    pub node: u32,
    /// The record is covered by a published checkpoint by then, ms UTC.
    pub deadline_ms: u64,
    /// Where it is and what the rules said, if this node has applied it already.
    pub judged: Option<Judged>,
}

/// A leaf and its verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// Where.
    pub leaf: LeafIndex,
    /// Sequenced time, ms UTC.
    pub time_ms: u64,
    /// What the rules said.
    pub verdict: Verdict,
}

/// Why the node did not take a submission. Not recorded in the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct NodeRefusal {
    /// 1.
    #[n(0)]
    pub version: u64,
    /// The election.
    #[n(1)]
    pub election: ElectionId,
    /// BLAKE3 of the bytes as submitted.
    #[n(2)]
    pub submission: Digest,
    /// The node.
    #[n(3)]
    pub node: u32,
    /// Its clock, ms UTC.
    #[n(4)]
    pub time_ms: u64,
    /// A name for programs.
    #[n(5)]
    pub code: String,
    /// What the author can do, for people.
    #[n(6)]
    pub text: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
struct SignedBytes {
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    message: Vec<u8>,
    #[n(1)]
    signature: Signature,
}

impl Promise {
    /// Signs with the node's promise key.
    #[must_use]
    pub fn sign(&self, key: &SigningKey) -> Vec<u8> {
        seal(self.message(), Domain::Promise, key)
    }

    /// As [`sign`](Self::sign), with whatever holds the key.
    ///
    /// # Errors
    /// [`SignerError`]; never with a key in memory.
    pub fn sign_with(&self, signer: &dyn Signer) -> Result<Vec<u8>, SignerError> {
        seal_with(self.message(), Domain::Promise, signer)
    }

    fn message(&self) -> Vec<u8> {
        let judged = self.judged.iter().map(|judged| JudgedBytes {
            leaf: judged.leaf.get(),
            time_ms: judged.time_ms,
            verdict: judged.verdict.number(),
            code: judged.verdict.code(),
            flags: judged.verdict.flags().to_vec(),
        });
        codec::encode(&PromiseBytes {
            version: 1,
            election: self.election,
            record: self.record,
            node: self.node,
            deadline_ms: self.deadline_ms,
            judged: judged.collect(),
        })
    }

    /// Reads and verifies with the promise keys of the node it names ([`crate::nodes::Nodes::promise_keys`]).
    ///
    /// # Errors
    /// [`PromiseError`].
    pub fn verify<K: IntoIterator<Item = PublicKey>>(
        bytes: &[u8],
        keys_of: impl FnOnce(u32) -> K,
    ) -> Result<Self, PromiseError> {
        let signed: SignedBytes = codec::decode(bytes, PROMISE_BYTES_MAX)?;
        let raw: PromiseBytes = codec::decode(&signed.message, PROMISE_BYTES_MAX)?;
        unseal(&signed, Domain::Promise, raw.node, keys_of)?;
        let judged = match raw.judged.as_slice() {
            [] => None,
            [judged] => Some(Judged {
                leaf: LeafIndex::new(judged.leaf).map_err(|_| PromiseError::Content)?,
                time_ms: judged.time_ms,
                verdict: Verdict::from_parts(judged.verdict, judged.code, judged.flags.clone())
                    .ok_or(PromiseError::Content)?,
            }),
            _ => return Err(PromiseError::Content),
        };
        let PromiseBytes { election, record, node, deadline_ms, .. } = raw;
        Ok(Self { election, record, node, deadline_ms, judged })
    }
}

impl NodeRefusal {
    /// Signs with the node's promise key.
    #[must_use]
    pub fn sign(&self, key: &SigningKey) -> Vec<u8> {
        seal(codec::encode(self), Domain::Refusal, key)
    }

    /// As [`sign`](Self::sign), with whatever holds the key.
    ///
    /// # Errors
    /// [`SignerError`]; never with a key in memory.
    pub fn sign_with(&self, signer: &dyn Signer) -> Result<Vec<u8>, SignerError> {
        seal_with(codec::encode(self), Domain::Refusal, signer)
    }

    /// Reads and verifies with the promise keys of the node it names ([`crate::nodes::Nodes::promise_keys`]).
    ///
    /// # Errors
    /// [`PromiseError`].
    pub fn verify<K: IntoIterator<Item = PublicKey>>(
        bytes: &[u8],
        keys_of: impl FnOnce(u32) -> K,
    ) -> Result<Self, PromiseError> {
        let signed: SignedBytes = codec::decode(bytes, PROMISE_BYTES_MAX)?;
        let refusal: Self = codec::decode(&signed.message, PROMISE_BYTES_MAX)?;
        unseal(&signed, Domain::Refusal, refusal.node, keys_of)?;
        Ok(refusal)
    }
}

fn seal(message: Vec<u8>, domain: Domain, key: &SigningKey) -> Vec<u8> {
    let signature = sign::sign(key, domain, &message);
    codec::encode(&SignedBytes { message, signature })
}

fn seal_with(message: Vec<u8>, domain: Domain, signer: &dyn Signer) -> Result<Vec<u8>, SignerError> {
    let signature = sign::sign_with(signer, domain, &message)?;
    Ok(codec::encode(&SignedBytes { message, signature }))
}

fn unseal<K: IntoIterator<Item = PublicKey>>(
    signed: &SignedBytes,
    domain: Domain,
    node: u32,
    keys_of: impl FnOnce(u32) -> K,
) -> Result<(), PromiseError> {
    let mut keys = keys_of(node).into_iter().peekable();
    if keys.peek().is_none() {
        return Err(PromiseError::UnknownNode(node));
    }
    if keys.any(|key| sign::verify(&key, domain, &signed.message, &signed.signature)) {
        Ok(())
    } else {
        Err(PromiseError::Signature(node))
    }
}

/// Why bytes are no promise or refusal to rely on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PromiseError {
    /// Not canonical.
    #[error("not canonical: {0}")]
    Codec(#[from] CodecError),
    /// Numbers out of range.
    #[error("a verdict or leaf in it does not exist")]
    Content,
    /// A node the election does not name.
    #[error("node {0} is not one of the election's")]
    UnknownNode(u32),
    /// Not signed by that node.
    #[error("the signature of node {0} does not verify")]
    Signature(u32),
}
