//! From a note somebody handed us to a checkpoint that may be believed.
//!
//! *Verified* is a value only [`UnverifiedCheckpoint::verify`] makes; whatever relies on a checkpoint takes one.

use std::collections::BTreeMap;

use super::checkpoint::{Checkpoint, CheckpointError};
use super::key::{KeyName, VerifierKey};
use super::signed::{NoteError, NoteSignature, SignedNote};
use super::signer::SignatureError;
use crate::policy::{Evaluation, Name, Policy};

/// Why a note is not a checkpoint the policy accepts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointVerifyError {
    /// Not a signed note.
    #[error("not a signed note: {0}")]
    Note(#[from] NoteError),
    /// Not one of our checkpoints.
    #[error("not a checkpoint of this ledger: {0}")]
    Text(#[from] CheckpointError),
    /// Another log's.
    #[error("the checkpoint is of log {found}, not of {expected}")]
    OtherOrigin {
        /// The log asked about.
        expected: KeyName,
        /// The log named in the checkpoint.
        found: KeyName,
    },
    /// A key the policy knows is named, but the signature is bad. signed-note: reject the whole note.
    #[error("the signature of {name}, a key of the policy, is bad: {error}")]
    BadSignature {
        /// Name of the key.
        name: KeyName,
        /// What is wrong.
        error: SignatureError,
    },
    /// The policy lists logs, none of which signed.
    #[error("no log key of the policy named {origin} signed the checkpoint")]
    NoLogSignature {
        /// The log asked about.
        origin: KeyName,
    },
    /// Too few organisations.
    #[error("the trust policy is not satisfied; cosigned by: {}", shown(.organisations))]
    NoQuorum {
        /// Organisations that did cosign.
        organisations: Vec<Name>,
    },
}

fn shown(organisations: &[Name]) -> String {
    match organisations {
        [] => "nobody".to_owned(),
        some => some.iter().map(Name::as_str).collect::<Vec<_>>().join(", "),
    }
}

/// One cosignature that verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cosignature {
    /// The cosigner's name in the policy.
    pub cosigner: Name,
    /// The organisation it counts for; none if the quorum does not count it.
    pub organisation: Option<Name>,
    /// Its key.
    pub key: VerifierKey,
    /// When it cosigned, by its own clock, in seconds since 1970. Not judged here.
    pub time_s: u64,
}

/// How far the cosignatures of a note go under a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The cosignatures that verified, one a key, in the policy's order of witnesses.
    pub cosignatures: Vec<Cosignature>,
    /// The log keys that signed.
    pub logs: Vec<VerifierKey>,
    /// Whether the quorum is reached, and by which organisations.
    pub evaluation: Evaluation,
}

/// A note whose text is a checkpoint. Nothing in it is to be believed yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnverifiedCheckpoint {
    note: SignedNote,
    checkpoint: Checkpoint,
}

impl UnverifiedCheckpoint {
    /// Reads a note and its text.
    ///
    /// # Errors
    /// [`CheckpointVerifyError::Note`], [`CheckpointVerifyError::Text`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CheckpointVerifyError> {
        Self::from_note(SignedNote::from_bytes(bytes)?)
    }

    /// Reads a note's text.
    ///
    /// # Errors
    /// [`CheckpointVerifyError::Text`].
    pub fn from_note(note: SignedNote) -> Result<Self, CheckpointVerifyError> {
        let checkpoint = note.text().parse()?;
        Ok(Self { note, checkpoint })
    }

    /// The note that is to be cosigned for a checkpoint.
    ///
    /// # Errors
    /// [`CheckpointVerifyError::Note`], which a checkpoint with a checked origin never gives.
    pub fn unsigned(checkpoint: Checkpoint) -> Result<Self, CheckpointVerifyError> {
        Ok(Self { note: SignedNote::unsigned(checkpoint.to_string())?, checkpoint })
    }

    /// What the note says, unverified.
    #[must_use]
    pub const fn claimed(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The note.
    #[must_use]
    pub const fn note(&self) -> &SignedNote {
        &self.note
    }

    /// Adds a signature; as [`SignedNote::add`].
    ///
    /// # Errors
    /// As [`SignedNote::add`].
    pub fn add(&mut self, signature: NoteSignature) -> Result<bool, NoteError> {
        self.note.add(signature)
    }

    /// Takes over the signatures of another note with the same text; as [`SignedNote::merge`].
    ///
    /// # Errors
    /// As [`SignedNote::merge`].
    pub fn merge(&mut self, other: &SignedNote) -> Result<(), NoteError> {
        self.note.merge(other)
    }

    /// Drops signatures that name a key of the policy and do not verify; those by unknown keys stay.
    pub fn drop_bad_signatures(&mut self, policy: &Policy) {
        let text = self.note.text().to_owned();
        self.note
            .retain(|line| policy.keys().filter(|key| line.claims(key)).all(|key| key.verify(&text, line).is_ok()));
    }

    /// Who has signed so far, whether or not that is enough: for whoever assembles a quorum.
    ///
    /// # Errors
    /// [`CheckpointVerifyError::OtherOrigin`], [`CheckpointVerifyError::BadSignature`].
    pub fn standing(&self, policy: &Policy, origin: &KeyName) -> Result<Standing, CheckpointVerifyError> {
        if self.checkpoint.origin != *origin {
            let (expected, found) = (origin.clone(), self.checkpoint.origin.clone());
            return Err(CheckpointVerifyError::OtherOrigin { expected, found });
        }
        let mut logs = Vec::new();
        for key in policy.logs().iter().map(|log| &log.key).filter(|key| key.name() == origin) {
            if self.checked(key)?.is_some() {
                logs.push(key.clone());
            }
        }
        let mut times_s = BTreeMap::new();
        for (place, witness) in policy.witnesses().iter().enumerate() {
            if let Some(Some(time_s)) = self.checked(&witness.key)? {
                times_s.insert(place, time_s);
            }
        }
        let cosignatures: Vec<Cosignature> = times_s
            .into_iter()
            .filter_map(|(place, time_s)| {
                let witness = policy.witnesses().get(place)?;
                let organisation = policy.organisation_of(&witness.name).cloned();
                Some(Cosignature { cosigner: witness.name.clone(), organisation, key: witness.key.clone(), time_s })
            })
            .collect();
        let evaluation = policy.evaluate(cosignatures.iter().map(|cosignature| &cosignature.key));
        Ok(Standing { cosignatures, logs, evaluation })
    }

    /// What the key's signature lines say: none if there is none, the (latest) time of a cosignature. Every line that names
    /// the key must verify.
    fn checked(&self, key: &VerifierKey) -> Result<Option<Option<u64>>, CheckpointVerifyError> {
        let mut said = None;
        for line in self.note.signatures().iter().filter(|line| line.claims(key)) {
            let time_s = key
                .verify(self.note.text(), line)
                .map_err(|error| CheckpointVerifyError::BadSignature { name: key.name().clone(), error })?;
            said = said.max(Some(time_s));
        }
        Ok(said)
    }

    /// Checks everything: the origin, that a listed log signed (unless the policy lists none), every signature by a key of
    /// the policy, and the quorum. Fails closed.
    ///
    /// # Errors
    /// [`CheckpointVerifyError`] saying what is missing.
    pub fn verify(self, policy: &Policy, origin: &KeyName) -> Result<VerifiedCheckpoint, CheckpointVerifyError> {
        let Standing { cosignatures, logs, evaluation } = self.standing(policy, origin)?;
        if logs.is_empty() && !policy.logs().is_empty() {
            return Err(CheckpointVerifyError::NoLogSignature { origin: origin.clone() });
        }
        if !evaluation.satisfied {
            return Err(CheckpointVerifyError::NoQuorum { organisations: evaluation.organisations });
        }
        let Self { note, checkpoint } = self;
        Ok(VerifiedCheckpoint { note, checkpoint, cosignatures, organisations: evaluation.organisations })
    }
}

/// A checkpoint that satisfied a trust policy. Only [`UnverifiedCheckpoint::verify`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedCheckpoint {
    note: SignedNote,
    checkpoint: Checkpoint,
    cosignatures: Vec<Cosignature>,
    organisations: Vec<Name>,
}

impl VerifiedCheckpoint {
    /// Origin, size and roots, to be believed as far as the policy is.
    #[must_use]
    pub const fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The note with all its signatures.
    #[must_use]
    pub const fn note(&self) -> &SignedNote {
        &self.note
    }

    /// The same note as one that has to be verified again: for whoever compares it with another.
    #[must_use]
    pub fn into_unverified(self) -> UnverifiedCheckpoint {
        UnverifiedCheckpoint { note: self.note, checkpoint: self.checkpoint }
    }

    /// The cosignatures that verified: who, for which organisation, when.
    #[must_use]
    pub fn cosignatures(&self) -> &[Cosignature] {
        &self.cosignatures
    }

    /// The organisations that cosigned.
    #[must_use]
    pub fn organisations(&self) -> &[Name] {
        &self.organisations
    }
}
