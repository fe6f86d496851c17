//! Has this voter been admitted? A question to one node, and its signed answer.
//!
//! ```text
//! inquiry = [ 1, election, node, key id, at ms, nonce, home station, tag, [? [[station, unit], method, attestation]] ]
//! answer  = [ 1, election, node, digest of the inquiry as sent, at ms, size, listed 0/1, [? leaf] ]
//! ```
//!
//! Until the Voting seal nobody may learn from the public side whether a voter has come, so the question is signed, bound to
//! one node and to a minute, and there are two who may ask:
//! - the registry, about any voter of its rolls: it made the tags, and answers for voters who ask about themselves;
//! - the device of a unit, about a voter whom the registry has attested to that very device: the voter stands before it,
//!   and submitting the identification would tell the same, but would be on record.
//!
//! Whoever stole a device learns nothing of voters who do not stand there; whoever recorded an inquiry learns nothing by
//! sending it to another node, or later.
//!
//! The answer holds for everything that was decided before it was asked for (linearizable): the node asks a quorum first.
//! It is a node's word, as a promise is, signed with the same key; the receipt of the leaf it names is the proof.

use crate::codec::{self, CodecError};
use crate::ids::{Digest, ElectionId, KeyId, Nonce, PublicKey, RollLeaf, Signature, Tag};
use crate::kinds::{Attestation, AttestedVoter, HolderClass};
use crate::record::{Scope, UnitId};
use crate::sign::{self, Domain, Signer, SignerError};
use crate::state::{KeyEntry, State};
use crate::tree::{LeafIndex, TreeSize};
use ed25519_dalek::SigningKey;
use minicbor::{Decode, Encode};

/// Longest encoded inquiry or answer.
pub const INQUIRY_BYTES_MAX: usize = 4_096;
/// How far the time of an inquiry may be from the clock of the node that is asked, ms.
pub const INQUIRY_VALIDITY_MS: u64 = 60_000;

/// Why a device may ask: the registry's word that the voter stands before it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Standing {
    /// Where.
    #[n(0)]
    pub unit: UnitId,
    /// How the voter was recognised.
    #[n(1)]
    pub method: u8,
    /// The registry's word. It is not used up by asking.
    #[n(2)]
    pub attestation: Attestation,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Inquiry {
    /// 1.
    #[n(0)]
    pub version: u64,
    /// The election.
    #[n(1)]
    pub election: ElectionId,
    /// The node that is asked; no other answers.
    #[n(2)]
    pub node: u32,
    /// Who asks.
    #[n(3)]
    pub key: KeyId,
    /// When, by the clock of whoever asks, ms UTC.
    #[n(4)]
    pub at_ms: u64,
    /// So that no two inquiries are alike, and neither are their answers.
    #[n(5)]
    pub nonce: Nonce,
    /// Whose roll the voter is on.
    #[n(6)]
    pub home_station: u32,
    /// The voter.
    #[n(7)]
    pub tag: Tag,
    /// Why a device may ask; empty for the registry.
    #[n(8)]
    pub standing: Vec<Standing>,
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

/// Why an inquiry is not answered. The text is for whoever asked; it says nothing about the voter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InquiryError {
    /// Not canonical.
    #[error("the inquiry is not canonical: {0}")]
    Codec(#[from] CodecError),
    /// An unknown version, or more than one standing.
    #[error("the inquiry has an unknown version, or content that cannot be")]
    Content,
    /// Another election, or another node.
    #[error("the inquiry is for another election or another node")]
    NotForHere,
    /// Too old, or from the future.
    #[error(
        "the inquiry's time is {off_ms} ms away from this node's clock; {INQUIRY_VALIDITY_MS} are allowed: check the clock and ask anew"
    )]
    Stale {
        /// How far.
        off_ms: u64,
    },
    /// A key that may not ask.
    #[error("the key is not registered, not valid now, or is neither a registry's nor a device's")]
    Key,
    /// Not signed by that key.
    #[error("the signature on the inquiry does not verify")]
    Signature,
    /// A device that asks about a voter whom the registry has not attested to it.
    #[error("the registry's attestation of this voter for this device is missing, expired, or does not verify")]
    Attestation,
}

impl Inquiry {
    /// Signs with the key it names. The bytes are what is sent.
    #[must_use]
    pub fn sign(&self, key: &SigningKey) -> Vec<u8> {
        let message = codec::encode(self);
        let signature = sign::sign(key, Domain::Inquiry, &message);
        codec::encode(&SignedBytes { message, signature })
    }

    /// As [`sign`](Self::sign), with whatever holds the key.
    ///
    /// # Errors
    /// [`SignerError`]; never with a key in memory.
    pub fn sign_with(&self, signer: &dyn Signer) -> Result<Vec<u8>, SignerError> {
        let message = codec::encode(self);
        let signature = sign::sign_with(signer, Domain::Inquiry, &message)?;
        Ok(codec::encode(&SignedBytes { message, signature }))
    }

    /// Reads an inquiry and checks that whoever sent it may ask: by the keys registered in `state`, at this node's clock.
    ///
    /// # Errors
    /// [`InquiryError`].
    pub fn admit(bytes: &[u8], state: &State, node: u32, now_ms: u64) -> Result<Self, InquiryError> {
        let signed: SignedBytes = codec::decode(bytes, INQUIRY_BYTES_MAX)?;
        let inquiry: Self = codec::decode(&signed.message, INQUIRY_BYTES_MAX)?;
        if inquiry.version != 1 || inquiry.standing.len() > 1 {
            return Err(InquiryError::Content);
        }
        if inquiry.election != state.election_id() || inquiry.node != node {
            return Err(InquiryError::NotForHere);
        }
        let off_ms = now_ms.abs_diff(inquiry.at_ms);
        if off_ms > INQUIRY_VALIDITY_MS {
            return Err(InquiryError::Stale { off_ms });
        }
        let key = state.key(&inquiry.key).filter(|key| is_valid(key, now_ms)).ok_or(InquiryError::Key)?;
        if !sign::verify(&key.key, Domain::Inquiry, &signed.message, &signed.signature) {
            return Err(InquiryError::Signature);
        }
        match (key.class, inquiry.standing.as_slice()) {
            (HolderClass::Registry, []) => Ok(inquiry),
            (HolderClass::Device, [standing]) if key.scope == Scope::Unit(standing.unit) => {
                let attested = inquiry.attested(standing, state, now_ms);
                if attested { Ok(inquiry) } else { Err(InquiryError::Attestation) }
            }
            (HolderClass::Device, _) => Err(InquiryError::Attestation),
            _ => Err(InquiryError::Key),
        }
    }

    fn attested(&self, standing: &Standing, state: &State, now_ms: u64) -> bool {
        let Attestation { registry, at_ms, nonce, signature } = &standing.attestation;
        let validity_ms = state.election().map_or(0, |election| election.attestation_validity_ms);
        // As the judge does, so that whoever may not identify may not ask either.
        let registry = state.key(registry).filter(|key| key.class == HolderClass::Registry && is_valid(key, now_ms));
        let voter = AttestedVoter {
            unit: standing.unit,
            device: self.key,
            tag: self.tag,
            home_station: self.home_station,
            method: standing.method,
        };
        let message = Attestation::message(&self.election, &voter, *at_ms, nonce);
        now_ms.abs_diff(*at_ms) <= validity_ms
            && registry.is_some_and(|key| sign::verify(&key.key, Domain::Attestation, &message, signature))
    }

    /// The answer by the judging state, which the caller has brought up to date.
    #[must_use]
    pub fn answer(&self, sent: &[u8], state: &State, now_ms: u64) -> Answer {
        let leaf: RollLeaf = self.tag.roll_leaf();
        let roll = state.roll(self.home_station);
        let admitted = roll.and_then(|roll| roll.admission(&leaf)).and_then(|leaf| LeafIndex::new(leaf).ok());
        Answer {
            election: self.election,
            node: self.node,
            inquiry: digest(sent),
            at_ms: now_ms,
            size: state.head().size,
            listed: roll.is_some_and(|roll| roll.find(&leaf).is_some()),
            admitted,
        }
    }
}

/// What a node says about one voter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The election.
    pub election: ElectionId,
    /// The node that answers.
    pub node: u32,
    /// BLAKE3 of the inquiry as it was sent.
    pub inquiry: Digest,
    /// The node's clock, ms UTC.
    pub at_ms: u64,
    /// Size of the ledger at which it answers. Everything decided before it was asked lies below.
    pub size: TreeSize,
    /// Whether the voter stands on the roll of the home station that the inquiry names.
    pub listed: bool,
    /// The leaf of the voter's admission; none if the voter has not been admitted.
    pub admitted: Option<LeafIndex>,
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
struct AnswerBytes {
    #[n(0)]
    version: u64,
    #[n(1)]
    election: ElectionId,
    #[n(2)]
    node: u32,
    #[n(3)]
    inquiry: Digest,
    #[n(4)]
    at_ms: u64,
    #[n(5)]
    size: u64,
    #[n(6)]
    listed: u8,
    #[n(7)]
    admitted: Vec<u64>,
}

/// Why bytes are no answer to rely on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AnswerError {
    /// Not canonical.
    #[error("the answer is not canonical: {0}")]
    Codec(#[from] CodecError),
    /// Numbers out of range.
    #[error("the answer has an unknown version, or content that cannot be")]
    Content,
    /// Another question, election or node.
    #[error("the answer is to another inquiry, or of another node")]
    OtherInquiry,
    /// Not signed by that node.
    #[error("the node's signature on the answer does not verify")]
    Signature,
}

impl Answer {
    /// Signs with the node's promise key.
    #[must_use]
    pub fn sign(&self, key: &SigningKey) -> Vec<u8> {
        let message = self.message();
        let signature = sign::sign(key, Domain::Answer, &message);
        codec::encode(&SignedBytes { message, signature })
    }

    /// As [`sign`](Self::sign), with whatever holds the key.
    ///
    /// # Errors
    /// [`SignerError`]; never with a key in memory.
    pub fn sign_with(&self, signer: &dyn Signer) -> Result<Vec<u8>, SignerError> {
        let message = self.message();
        let signature = sign::sign_with(signer, Domain::Answer, &message)?;
        Ok(codec::encode(&SignedBytes { message, signature }))
    }

    fn message(&self) -> Vec<u8> {
        codec::encode(&AnswerBytes {
            version: 1,
            election: self.election,
            node: self.node,
            inquiry: self.inquiry,
            at_ms: self.at_ms,
            size: self.size.get(),
            listed: u8::from(self.listed),
            admitted: self.admitted.iter().map(|leaf| leaf.get()).collect(),
        })
    }

    /// Reads the answer to `asked`, which went out as `sent`, and verifies it with the promise key of the node asked.
    ///
    /// # Errors
    /// [`AnswerError`].
    pub fn verify(bytes: &[u8], asked: &Inquiry, sent: &[u8], promise_key: &PublicKey) -> Result<Self, AnswerError> {
        let signed: SignedBytes = codec::decode(bytes, INQUIRY_BYTES_MAX)?;
        let raw: AnswerBytes = codec::decode(&signed.message, INQUIRY_BYTES_MAX)?;
        if !sign::verify(promise_key, Domain::Answer, &signed.message, &signed.signature) {
            return Err(AnswerError::Signature);
        }
        if raw.election != asked.election || raw.node != asked.node || raw.inquiry != digest(sent) {
            return Err(AnswerError::OtherInquiry);
        }
        let admitted = match raw.admitted.as_slice() {
            [] => None,
            [leaf] if *leaf < raw.size && raw.listed == 1 => {
                Some(LeafIndex::new(*leaf).map_err(|_| AnswerError::Content)?)
            }
            _ => return Err(AnswerError::Content),
        };
        if raw.version != 1 || raw.listed > 1 {
            return Err(AnswerError::Content);
        }
        let size = TreeSize::new(raw.size).map_err(|_| AnswerError::Content)?;
        let AnswerBytes { election, node, inquiry, at_ms, listed, .. } = raw;
        Ok(Self { election, node, inquiry, at_ms, size, listed: listed == 1, admitted })
    }
}

fn is_valid(key: &KeyEntry, now_ms: u64) -> bool {
    key.revoked.is_none() && (key.valid_from_ms..=key.valid_until_ms).contains(&now_ms)
}

fn digest(sent: &[u8]) -> Digest {
    Digest(*blake3::Hasher::new_derive_key("tamga 2025 inquiry v1").update(sent).finalize().as_bytes())
}
