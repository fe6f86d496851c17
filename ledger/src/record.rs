//! The signed record: a header every kind shares, and a body only its kind can read.
//!
//! FORMAT.md §3. A record is an array of 13; its signatures stand beside it, so the record id does not depend on them:
//! [`SignedRecord`] is `[bytes of the record, [signature, …]]`, one signature for each required key, in the same order.

use crate::codec::{self, CodecError};
use crate::ids::{Digest, ElectionId, KeyId, Maybe, Nonce, RecordId, Signature};
use crate::sign::{self, Domain, VerificationKey};
use ed25519_dalek::SigningKey;
use minicbor::{Decode, Encode};

/// The version of the header that this code writes and reads.
pub const RECORD_FORMAT: u64 = 1;
/// Longest record: with 32 signatures and the entry's own fields it still fits the 65,535 bytes of a bundle's prefix
/// (57,344 + 32 × 66 + 9 + 900 for time, verdict and flags).
pub const RECORD_BYTES_MAX: usize = 56 * 1024;
/// Most keys that may be required to sign one record.
pub const SIGNERS_MAX: usize = 32;
/// Longest signed record.
pub const SIGNED_RECORD_BYTES_MAX: usize = RECORD_BYTES_MAX + SIGNERS_MAX * 66 + 16;

/// What a record is about, as far as permissions are concerned: a level and up to two numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// The whole election.
    Election,
    /// One constituency.
    Constituency(u32),
    /// One station with all its units.
    Station(u32),
    /// One unit (the hall, a mobile box) of one station.
    Unit(UnitId),
}

/// A unit of a polling station: the hall is unit 1, mobile boxes follow.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode, serde::Serialize, serde::Deserialize,
)]
#[cbor(array)]
pub struct UnitId {
    /// Station number.
    #[n(0)]
    pub station: u32,
    /// Unit number within the station.
    #[n(1)]
    pub unit: u32,
}

impl std::fmt::Display for UnitId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.station, self.unit)
    }
}

impl Scope {
    /// Whether a key of this scope may speak about `other`.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Election, _) => true,
            (Self::Station(a), Self::Station(b)) => a == b,
            (Self::Station(a), Self::Unit(b)) => *a == b.station,
            (a, b) => a == b,
        }
    }

    /// The station this scope lies in.
    #[must_use]
    pub fn station(&self) -> Option<u32> {
        match self {
            Self::Station(station) | Self::Unit(UnitId { station, .. }) => Some(*station),
            Self::Election | Self::Constituency(_) => None,
        }
    }

    const fn parts(self) -> (u8, u32, u32) {
        match self {
            Self::Election => (0, 0, 0),
            Self::Constituency(constituency) => (1, constituency, 0),
            Self::Station(station) => (2, station, 0),
            Self::Unit(UnitId { station, unit }) => (3, station, unit),
        }
    }
}

impl<C> Encode<C> for Scope {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut minicbor::Encoder<W>,
        c: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        self.parts().encode(e, c)
    }
}

impl<'b, C> Decode<'b, C> for Scope {
    fn decode(d: &mut minicbor::Decoder<'b>, c: &mut C) -> Result<Self, minicbor::decode::Error> {
        match <(u8, u32, u32)>::decode(d, c)? {
            (0, 0, 0) => Ok(Self::Election),
            (1, constituency, 0) => Ok(Self::Constituency(constituency)),
            (2, station, 0) => Ok(Self::Station(station)),
            (3, station, unit) => Ok(Self::Unit(UnitId { station, unit })),
            _ => Err(minicbor::decode::Error::message("not a scope: a level 0 to 3 and the numbers it uses")),
        }
    }
}

/// The header and the opaque body.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Record {
    /// [`RECORD_FORMAT`].
    #[n(0)]
    pub format: u64,
    /// The election this record belongs to; zeros in the genesis record only.
    #[n(1)]
    pub election: ElectionId,
    /// Number of the kind: [`crate::kinds::Kind`].
    #[n(2)]
    pub kind: u16,
    /// Version of the kind's body.
    #[n(3)]
    pub kind_version: u16,
    /// What the record speaks about.
    #[n(4)]
    pub scope: Scope,
    /// Keys that must sign, ascending, each once. All of them, and no other.
    #[n(5)]
    pub signers: Vec<KeyId>,
    /// Which of the signers is the author, as an index into `signers`.
    #[n(6)]
    pub author: u32,
    /// The author's own number for this record, used once.
    #[n(7)]
    pub sequence: u64,
    /// Sequenced time in ms after which the record is refused; 0 for none.
    #[n(8)]
    pub not_after_ms: u64,
    /// The record that this one corrects, or nothing.
    #[n(9)]
    pub supersedes: Maybe<RecordId>,
    /// Makes the id unguessable.
    #[n(10)]
    pub nonce: Nonce,
    /// Canonical bytes of the kind's public body.
    #[n(11)]
    #[cbor(with = "minicbor::bytes")]
    pub body: Vec<u8>,
    /// BLAKE3 of the confidential body (context `tamga 2025 confidential body v1`), or nothing.
    #[n(12)]
    pub confidential: Maybe<Digest>,
}

impl Record {
    /// The key that numbers this record.
    #[must_use]
    pub fn author_key(&self) -> Option<KeyId> {
        self.signers.get(usize::try_from(self.author).ok()?).copied()
    }

    /// A record of version 1 of the body's kind, without confidential body, to be signed by `keys`; the first is the author.
    #[must_use]
    pub fn draft<B: crate::kinds::Body>(
        election: ElectionId,
        scope: Scope,
        keys: &[&SigningKey],
        sequence: u64,
        nonce: Nonce,
        body: &B,
    ) -> Self {
        let signers: Vec<KeyId> = keys.iter().map(|key| sign::public_key(key).id()).collect();
        Self::draft_for(election, scope, &signers, sequence, nonce, body)
    }

    /// As [`draft`](Self::draft), for keys that are elsewhere.
    #[must_use]
    pub fn draft_for<B: crate::kinds::Body>(
        election: ElectionId,
        scope: Scope,
        keys: &[KeyId],
        sequence: u64,
        nonce: Nonce,
        body: &B,
    ) -> Self {
        let author = keys.first();
        let mut signers = keys.to_vec();
        signers.sort_unstable();
        let author = signers.iter().position(|id| Some(id) == author).unwrap_or(0) as u32;
        Self {
            format: RECORD_FORMAT,
            election,
            kind: B::KIND as u16,
            kind_version: B::KIND.version(),
            scope,
            signers,
            author,
            sequence,
            not_after_ms: 0,
            supersedes: Maybe(None),
            nonce,
            body: body.to_bytes(),
            confidential: Maybe(None),
        }
    }

    /// Canonical bytes: what is signed (after the domain line) and hashed into the id.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        codec::encode(self)
    }

    /// Signs with all `keys`, which must be exactly the signers. The order given does not matter.
    ///
    /// # Errors
    /// [`SignError`] when the keys are not the signers of this record.
    pub fn sign(&self, keys: &[&SigningKey]) -> Result<SignedRecord, SignError> {
        let bytes = self.to_bytes();
        let mut signed: Vec<(KeyId, Signature)> =
            keys.iter().map(|key| (sign::public_key(key).id(), sign::sign(key, Domain::Record, &bytes))).collect();
        signed.sort_by_key(|(id, _)| *id);
        if !signed.iter().map(|(id, _)| id).eq(&self.signers) {
            return Err(SignError);
        }
        Ok(SignedRecord { record: bytes, signatures: signed.into_iter().map(|(_, signature)| signature).collect() })
    }
}

/// The keys given are not exactly the record's signers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the keys given are not exactly the signers the record names")]
pub struct SignError;

/// A record's bytes with its signatures, as sent and as stored. Nothing is verified.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct SignedRecord {
    /// Canonical bytes of the [`Record`].
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    pub record: Vec<u8>,
    /// One signature a signer, in the signers' order.
    #[n(1)]
    pub signatures: Vec<Signature>,
}

impl SignedRecord {
    /// The record's id.
    #[must_use]
    pub fn id(&self) -> RecordId {
        RecordId::of(&self.record)
    }

    /// Canonical bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        codec::encode(self)
    }

    /// Reads the record; checks shape and header rules, not signatures.
    ///
    /// # Errors
    /// [`RecordError`] naming the rule.
    pub fn parse(&self) -> Result<Record, RecordError> {
        let record: Record = codec::decode(&self.record, RECORD_BYTES_MAX)?;
        if record.format != RECORD_FORMAT {
            return Err(RecordError::Format(record.format));
        }
        if record.signers.is_empty() || record.signers.len() > SIGNERS_MAX {
            return Err(RecordError::SignerCount(record.signers.len()));
        }
        if !record.signers.is_sorted_by(|a, b| a < b) {
            return Err(RecordError::SignerOrder);
        }
        if record.author_key().is_none() {
            return Err(RecordError::Author);
        }
        if self.signatures.len() != record.signers.len() {
            return Err(RecordError::SignatureCount {
                signers: record.signers.len(),
                signatures: self.signatures.len(),
            });
        }
        Ok(record)
    }

    /// Verifies every signature strictly with the keys that `find` knows.
    ///
    /// # Errors
    /// [`RecordError::UnknownKey`] or [`RecordError::Signature`].
    pub fn verify(&self, record: &Record, find: impl Fn(&KeyId) -> Option<VerificationKey>) -> Result<(), RecordError> {
        for (id, signature) in record.signers.iter().zip(&self.signatures) {
            let key = find(id).ok_or(RecordError::UnknownKey(*id))?;
            if !key.verify(Domain::Record, &self.record, signature) {
                return Err(RecordError::Signature(*id));
            }
        }
        Ok(())
    }
}

/// Why bytes are not an authentic record. Such bytes yield no leaf.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// Not canonical, or not of the header's shape.
    #[error("the record is not canonical: {0}")]
    Codec(#[from] CodecError),
    /// A header version this code does not know.
    #[error("record format {0} is not known here; this software reads format {RECORD_FORMAT}")]
    Format(u64),
    /// No signer, or too many.
    #[error("{0} signers; a record has 1 to {SIGNERS_MAX}")]
    SignerCount(usize),
    /// Signers not ascending or twice the same.
    #[error("the signers are not in ascending order, each once")]
    SignerOrder,
    /// The author's index points at no signer.
    #[error("the author is not one of the signers")]
    Author,
    /// Not one signature for each signer.
    #[error("{signers} signers but {signatures} signatures; all must sign, and no other")]
    SignatureCount {
        /// Keys the header demands.
        signers: usize,
        /// Signatures given.
        signatures: usize,
    },
    /// A key nobody registered.
    #[error("key {0} is not registered in this election")]
    UnknownKey(KeyId),
    /// A signature that does not verify.
    #[error("the signature of key {0} does not verify")]
    Signature(KeyId),
}
