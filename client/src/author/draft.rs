//! A record whose signers may sit in different rooms: each signs a share, somebody merges.

use super::error::AuthorError;
use ed25519_dalek::SigningKey;
use serde::{Deserialize, Serialize};
use tamga_ledger::codec;
use tamga_ledger::ids::{Digest, Maybe, PublicKey, RecordId, Signature};
use tamga_ledger::record::{RECORD_BYTES_MAX, Record, SIGNERS_MAX, SignedRecord};
use tamga_ledger::sign::{self, Domain, Signer};
use tamga_ledger::submission::{Submission, confidential_digest};

/// One signer's signature over a draft.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// Whose.
    pub key: PublicKey,
    /// Over the draft's bytes.
    pub signature: Signature,
}

/// A complete record without signatures.
///
/// Invariant: its bytes fit a record, and its signers are ascending, each once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    record: Record,
    bytes: Vec<u8>,
    confidential: Vec<u8>,
}

impl Draft {
    pub(super) fn new(record: Record) -> Result<Self, AuthorError> {
        Self::check(&record)?;
        let bytes = record.to_bytes();
        if bytes.len() > RECORD_BYTES_MAX {
            return Err(AuthorError::TooLong { bytes: bytes.len() });
        }
        Ok(Self { record, bytes, confidential: Vec::new() })
    }

    /// A draft that somebody else wrote: whoever signs has to read it first.
    ///
    /// # Errors
    /// [`AuthorError::Malformed`] for anything that is not exactly a record without confidential body.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, AuthorError> {
        let malformed = |error: &dyn std::fmt::Display| AuthorError::Malformed(error.to_string());
        let record: Record = codec::decode(bytes, RECORD_BYTES_MAX).map_err(|error| malformed(&error))?;
        // With as many signatures as signers everything else about a record is checked as a node would.
        let signatures = vec![Signature([0; 64]); record.signers.len()];
        let record = SignedRecord { record: bytes.to_vec(), signatures }.parse().map_err(|error| malformed(&error))?;
        if record.confidential.0.is_some() {
            return Err(AuthorError::Malformed("it has a confidential body, which is not in a draft".to_owned()));
        }
        Self::new(record)
    }

    pub(super) fn check(record: &Record) -> Result<(), AuthorError> {
        let signers = &record.signers;
        if signers.is_empty() || signers.len() > SIGNERS_MAX {
            return Err(AuthorError::SignerCount(signers.len()));
        }
        match signers.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(AuthorError::SignerTwice(pair[0])),
            None => Ok(()),
        }
    }

    /// The same draft with a confidential body beside it.
    pub(super) fn with_confidential(self, body: Vec<u8>) -> Result<Self, AuthorError> {
        let digest: Digest = confidential_digest(&body);
        let draft = Self::new(Record { confidential: Maybe(Some(digest)), ..self.record })?;
        Ok(Self { confidential: body, ..draft })
    }

    /// The same draft as a correction of an earlier record.
    ///
    /// # Errors
    /// [`AuthorError::TooLong`].
    pub fn superseding(self, earlier: RecordId) -> Result<Self, AuthorError> {
        let draft = Self::new(Record { supersedes: Maybe(Some(earlier)), ..self.record })?;
        Ok(Self { confidential: self.confidential, ..draft })
    }

    /// The same draft, refused by the ledger after this sequenced time.
    ///
    /// # Errors
    /// [`AuthorError::TooLong`].
    pub fn not_after(self, time_ms: u64) -> Result<Self, AuthorError> {
        let draft = Self::new(Record { not_after_ms: time_ms, ..self.record })?;
        Ok(Self { confidential: self.confidential, ..draft })
    }

    /// The record.
    #[must_use]
    pub const fn record(&self) -> &Record {
        &self.record
    }

    /// Its bytes without signatures: what each signer has to see and sign.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The id the record will have.
    #[must_use]
    pub fn id(&self) -> RecordId {
        RecordId::of(&self.bytes)
    }

    /// One signer's share.
    ///
    /// # Errors
    /// [`AuthorError::NotASigner`].
    pub fn share(&self, key: &SigningKey) -> Result<Share, AuthorError> {
        let public = sign::public_key(key);
        if self.record.signers.binary_search(&public.id()).is_err() {
            return Err(AuthorError::NotASigner(public.id()));
        }
        Ok(Share { key: public, signature: sign::sign(key, Domain::Record, &self.bytes) })
    }

    /// As [`share`](Self::share), with whatever holds the key.
    ///
    /// # Errors
    /// [`AuthorError::NotASigner`], [`AuthorError::Signer`].
    pub fn share_with(&self, signer: &dyn Signer) -> Result<Share, AuthorError> {
        let public = signer.public_key();
        if self.record.signers.binary_search(&public.id()).is_err() {
            return Err(AuthorError::NotASigner(public.id()));
        }
        Ok(Share { key: public, signature: sign::sign_with(signer, Domain::Record, &self.bytes)? })
    }

    /// Puts the shares of all signers together; each is verified.
    ///
    /// # Errors
    /// [`AuthorError::ShareMissing`], [`AuthorError::ShareInvalid`], [`AuthorError::NotASigner`].
    pub fn merge(self, shares: &[Share]) -> Result<Submission, AuthorError> {
        if let Some(other) = shares.iter().find(|share| !self.record.signers.contains(&share.key.id())) {
            return Err(AuthorError::NotASigner(other.key.id()));
        }
        let mut signatures = Vec::with_capacity(self.record.signers.len());
        for id in &self.record.signers {
            let share = shares.iter().find(|share| share.key.id() == *id).ok_or(AuthorError::ShareMissing(*id))?;
            if !sign::verify(&share.key, Domain::Record, &self.bytes, &share.signature) {
                return Err(AuthorError::ShareInvalid(*id));
            }
            signatures.push(share.signature);
        }
        Ok(self.signed(signatures))
    }

    /// Signs with all keys at once.
    ///
    /// # Errors
    /// [`AuthorError::ShareMissing`], [`AuthorError::NotASigner`].
    pub fn sign(self, keys: &[&SigningKey]) -> Result<Submission, AuthorError> {
        // Shares made here need no verification, which would cost more than the signature.
        let shares: Vec<Share> = keys.iter().map(|key| self.share(key)).collect::<Result<_, _>>()?;
        let mut signatures = Vec::with_capacity(shares.len());
        for id in &self.record.signers {
            let share = shares.iter().find(|share| share.key.id() == *id).ok_or(AuthorError::ShareMissing(*id))?;
            signatures.push(share.signature);
        }
        Ok(self.signed(signatures))
    }

    fn signed(self, signatures: Vec<Signature>) -> Submission {
        Submission { signed: SignedRecord { record: self.bytes, signatures }, confidential: self.confidential }
    }
}
