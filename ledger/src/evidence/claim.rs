//! What a file claims, and its bytes: `[ "tamga/evidence/v1", election, genesis, [* receipt], kind, content ]`.

use super::{Evidence, EvidenceError};
use crate::codec;
use crate::ids::{Digest, ElectionId, PublicKey, Signature};
use crate::receipt::RECEIPT_BYTES_MAX;
use crate::record::SIGNED_RECORD_BYTES_MAX;
use crate::tree::{Hash, PROOF_HASHES_MAX};
use minicbor::{Decode, Encode};

/// Longest file.
pub const EVIDENCE_BYTES_MAX: usize = 16 << 20;
/// Most receipts in one.
pub const RECEIPTS_MAX: usize = 64;
/// Most bytes of entries that are written into a file; of a larger ledger it refers to a copy.
pub const INLINE_BYTES_MAX: usize = 8 << 20;
/// Most keys in a claim about an item: a record has at most 32 signers.
const KEYS_MAX: usize = crate::record::SIGNERS_MAX;
/// Longest message in a claim about a key's use.
const MESSAGE_BYTES_MAX: usize = 64 << 10;

const VERSION: &str = "tamga/evidence/v1";

/// What is claimed. Bytes are carried as they were signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// 1: two signed checkpoints that cannot both be true. Of one size: other roots. Of two sizes: with a [`Link`].
    Notes {
        /// The smaller one, or either; a signed note.
        first: String,
        /// The larger one.
        second: String,
        /// For two sizes: a proof that the larger tree begins otherwise than the smaller note says.
        link: Option<Link>,
    },
    /// 2: two signed batches for one place.
    Batches {
        /// Canonical bytes of one.
        first: Vec<u8>,
        /// And of the other.
        second: Vec<u8>,
    },
    /// 3: a signed batch with something that no honest proposer signs.
    Item {
        /// Canonical bytes of the signed batch.
        batch: Vec<u8>,
        /// Which item, from 0.
        item: u64,
        /// Public keys of those who should have signed it. They need no registration: a key id is the hash of its key.
        keys: Vec<PublicKey>,
    },
    /// 4: a promise, and a checkpoint behind its deadline that does not cover the record.
    Promise {
        /// The signed promise.
        promise: Vec<u8>,
        /// The published checkpoint.
        checkpoint: String,
        /// All entries that it covers.
        entries: Entries,
    },
    /// 5: a promise that names a leaf and a verdict, and what stands there.
    PromisedLeaf {
        /// The signed promise.
        promise: Vec<u8>,
        /// A receipt of that leaf.
        receipt: Vec<u8>,
    },
    /// 6: two records with which one author used one number.
    Sequence {
        /// The author's key.
        author: PublicKey,
        /// A signed record.
        first: Vec<u8>,
        /// Another one.
        second: Vec<u8>,
    },
    /// 7: a signature for a purpose that the key does not have.
    Misuse {
        /// The key.
        key: PublicKey,
        /// What was signed, with the line that says for what.
        message: Vec<u8>,
        /// The signature.
        signature: Signature,
    },
}

/// Which hash tree a proof is in. One is enough: no honest signer has two trees in either.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhichTree {
    /// RFC 6962's.
    Sha256,
    /// The keyed BLAKE3 one.
    Blake3,
}

/// That the larger tree begins with another root than the smaller checkpoint has: a *valid* consistency proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// In which tree.
    pub tree: WhichTree,
    /// The root that the larger tree has at the smaller size.
    pub root: Hash,
    /// Proof from `root` to the larger checkpoint's root (RFC 9162 §2.1.4.1).
    pub path: Vec<Hash>,
}

/// Where all the entries are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entries {
    /// In the file: at most [`INLINE_BYTES_MAX`].
    Here(Vec<Vec<u8>>),
    /// In a copy of the ledger that the verifier brings; its bytes are proven by the checkpoint.
    Copy,
}

/// A byte string in a list.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(transparent)]
struct Raw(
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    Vec<u8>,
);

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
struct FileBytes {
    #[n(0)]
    version: String,
    #[n(1)]
    election: ElectionId,
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    genesis: Vec<u8>,
    #[n(3)]
    receipts: Vec<Raw>,
    #[n(4)]
    kind: u16,
    #[n(5)]
    #[cbor(with = "minicbor::bytes")]
    content: Vec<u8>,
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
struct LinkBytes {
    #[n(0)]
    tree: u8,
    #[n(1)]
    root: Digest,
    #[n(2)]
    path: Vec<Digest>,
}

impl Evidence {
    /// Canonical bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let raw = |bytes: &Vec<u8>| Raw(bytes.clone());
        let content = match &self.claim {
            Claim::Notes { first, second, link } => {
                let link: Vec<LinkBytes> = link.iter().map(LinkBytes::of).collect();
                codec::encode(&(first, second, link))
            }
            Claim::Batches { first, second } => codec::encode(&(raw(first), raw(second))),
            Claim::Item { batch, item, keys } => codec::encode(&(raw(batch), item, keys)),
            Claim::Promise { promise, checkpoint, entries } => {
                let (here, entries) = match entries {
                    Entries::Here(entries) => (1_u8, entries.iter().map(raw).collect()),
                    Entries::Copy => (0, Vec::new()),
                };
                codec::encode(&(raw(promise), checkpoint, here, entries))
            }
            Claim::PromisedLeaf { promise, receipt } => codec::encode(&(raw(promise), raw(receipt))),
            Claim::Sequence { author, first, second } => codec::encode(&(author, raw(first), raw(second))),
            Claim::Misuse { key, message, signature } => codec::encode(&(key, raw(message), signature)),
        };
        codec::encode(&FileBytes {
            version: VERSION.to_owned(),
            election: self.election,
            genesis: self.genesis.clone(),
            receipts: self.receipts.iter().map(raw).collect(),
            kind: self.claim.number(),
            content,
        })
    }

    /// Reads canonical bytes; verifies nothing.
    ///
    /// # Errors
    /// [`EvidenceError::Codec`], [`EvidenceError::Content`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, EvidenceError> {
        let file: FileBytes = codec::decode(bytes, EVIDENCE_BYTES_MAX).map_err(EvidenceError::Codec)?;
        if file.version != VERSION {
            return Err(EvidenceError::Content("its version is not known here; this software reads tamga/evidence/v1"));
        }
        if file.genesis.len() > SIGNED_RECORD_BYTES_MAX
            || file.receipts.len() > RECEIPTS_MAX
            || file.receipts.iter().any(|receipt| receipt.0.len() > RECEIPT_BYTES_MAX)
        {
            return Err(EvidenceError::Content("its genesis record or its receipts are more than allowed"));
        }
        let claim = Claim::read(file.kind, &file.content)?;
        let receipts = file.receipts.into_iter().map(|receipt| receipt.0).collect();
        Ok(Self { election: file.election, genesis: file.genesis, receipts, claim })
    }
}

impl Claim {
    /// The number of the kind.
    #[must_use]
    pub const fn number(&self) -> u16 {
        match self {
            Self::Notes { .. } => 1,
            Self::Batches { .. } => 2,
            Self::Item { .. } => 3,
            Self::Promise { .. } => 4,
            Self::PromisedLeaf { .. } => 5,
            Self::Sequence { .. } => 6,
            Self::Misuse { .. } => 7,
        }
    }

    /// A name for files and programs.
    #[must_use]
    pub const fn slug(&self) -> &'static str {
        match self {
            Self::Notes { .. } => "contradiction",
            Self::Batches { .. } => "two-batches",
            Self::Item { .. } => "unauthentic-item",
            Self::Promise { .. } => "broken-promise",
            Self::PromisedLeaf { .. } => "false-promise",
            Self::Sequence { .. } => "number-twice",
            Self::Misuse { .. } => "key-misuse",
        }
    }

    fn read(kind: u16, content: &[u8]) -> Result<Self, EvidenceError> {
        fn decode<T: Encode<()> + for<'b> Decode<'b, ()>>(content: &[u8]) -> Result<T, EvidenceError> {
            codec::decode(content, EVIDENCE_BYTES_MAX).map_err(EvidenceError::Codec)
        }
        Ok(match kind {
            1 => {
                let (first, second, links): (String, String, Vec<LinkBytes>) = decode(content)?;
                let link = match links.as_slice() {
                    [] => None,
                    [link] => Some(link.read()?),
                    _ => return Err(EvidenceError::Content("more than one proof")),
                };
                Self::Notes { first, second, link }
            }
            2 => {
                let (first, second): (Raw, Raw) = decode(content)?;
                Self::Batches { first: first.0, second: second.0 }
            }
            3 => {
                let (batch, item, keys): (Raw, u64, Vec<PublicKey>) = decode(content)?;
                if keys.len() > KEYS_MAX {
                    return Err(EvidenceError::Content("more keys than a record has signers"));
                }
                Self::Item { batch: batch.0, item, keys }
            }
            4 => {
                let (promise, checkpoint, here, entries): (Raw, String, u8, Vec<Raw>) = decode(content)?;
                let entries: Vec<Vec<u8>> = entries.into_iter().map(|entry| entry.0).collect();
                let entries = match here {
                    1 if entries.iter().map(Vec::len).sum::<usize>() <= INLINE_BYTES_MAX => Entries::Here(entries),
                    0 if entries.is_empty() => Entries::Copy,
                    _ => return Err(EvidenceError::Content("its entries are more than allowed")),
                };
                Self::Promise { promise: promise.0, checkpoint, entries }
            }
            5 => {
                let (promise, receipt): (Raw, Raw) = decode(content)?;
                Self::PromisedLeaf { promise: promise.0, receipt: receipt.0 }
            }
            6 => {
                let (author, first, second): (PublicKey, Raw, Raw) = decode(content)?;
                Self::Sequence { author, first: first.0, second: second.0 }
            }
            7 => {
                let (key, message, signature): (PublicKey, Raw, Signature) = decode(content)?;
                if message.0.len() > MESSAGE_BYTES_MAX {
                    return Err(EvidenceError::Content("its message is longer than any that is signed"));
                }
                Self::Misuse { key, message: message.0, signature }
            }
            _ => return Err(EvidenceError::Content("its kind is not known here; a later version may know it")),
        })
    }
}

impl LinkBytes {
    fn of(link: &Link) -> Self {
        let tree = match link.tree {
            WhichTree::Sha256 => 0,
            WhichTree::Blake3 => 1,
        };
        let digest = |hash: &Hash| Digest(hash.to_bytes());
        Self { tree, root: digest(&link.root), path: link.path.iter().map(digest).collect() }
    }

    fn read(&self) -> Result<Link, EvidenceError> {
        let tree = match self.tree {
            0 => WhichTree::Sha256,
            1 => WhichTree::Blake3,
            _ => return Err(EvidenceError::Content("its proof is in no known tree")),
        };
        if self.path.len() > PROOF_HASHES_MAX {
            return Err(EvidenceError::Content("its proof is longer than any tree needs"));
        }
        let path = self.path.iter().map(|digest| Hash::new(digest.0)).collect();
        Ok(Link { tree, root: Hash::new(self.root.0), path })
    }
}
