//! Signing and checking: Ed25519 over the text (type 0x01), and `cosignature/v1` (type 0x04, C2SP tlog-cosignature).

use std::fmt;

use ed25519_dalek::{Signature, SigningKey};

use super::key::{KeyName, KeyRole, VerifierKey, VerifierKeyError};
use super::signed::{NoteSignature, SignedNote};
use crate::sign::{Signer, SignerError};

/// The largest time a cosignature may state (C2SP tlog-cosignature).
const TIME_MAX_S: u64 = i64::MAX as u64;

/// Why a signature does not verify under a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// Name or key hash are not the key's.
    #[error("the signature line names another key")]
    OtherKey,
    /// 64 bytes for a log signature, 72 for a cosignature.
    #[error("the signature has {actual} bytes, not {expected}")]
    WrongLength {
        /// For this kind of key.
        expected: usize,
        /// In the line.
        actual: usize,
    },
    /// Later than the specification allows.
    #[error("the cosignature states time {0} s, above 2^63 - 1")]
    TimeTooLarge(u64),
    /// The equation does not hold, or an encoding is not canonical.
    #[error("the signature does not verify under the key")]
    DoesNotVerify,
}

/// Why a cosignature was not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CosignError {
    /// Later than the specification allows.
    #[error("time {0} s is above 2^63 - 1, the latest a cosignature may state")]
    TimeTooLarge(u64),
    /// The key is in a device, which did not sign.
    #[error(transparent)]
    Signer(#[from] SignerError),
}

/// What a cosigner signs: `cosignature/v1\ntime <s>\n` and the note text.
#[must_use]
pub fn cosigned_message(text: &str, time_s: u64) -> String {
    format!("cosignature/v1\ntime {time_s}\n{text}")
}

impl VerifierKey {
    /// Checks a signature line over a text, strictly (`verify_strict`: canonical encodings, no small order, cofactorless).
    /// For a cosigner's key the time stated is returned, in seconds since 1970.
    ///
    /// # Errors
    /// [`SignatureError`].
    pub fn verify(&self, text: &str, line: &NoteSignature) -> Result<Option<u64>, SignatureError> {
        if !line.claims(self) {
            return Err(SignatureError::OtherKey);
        }
        match self.role() {
            KeyRole::Log => self.verify_bytes(text, line.signature(), 64).map(|()| None),
            KeyRole::Cosigner => self.verify_cosignature(text, line.signature()).map(Some),
        }
    }

    fn verify_cosignature(&self, text: &str, payload: &[u8]) -> Result<u64, SignatureError> {
        let wrong_length = SignatureError::WrongLength { expected: 72, actual: payload.len() };
        let (time, signature) = payload.split_first_chunk::<8>().ok_or(wrong_length)?;
        let time_s = u64::from_be_bytes(*time);
        if time_s > TIME_MAX_S {
            return Err(SignatureError::TimeTooLarge(time_s));
        }
        self.verify_bytes(&cosigned_message(text, time_s), signature, 72)?;
        Ok(time_s)
    }

    fn verify_bytes(&self, message: &str, signature: &[u8], expected: usize) -> Result<(), SignatureError> {
        let wrong_length = SignatureError::WrongLength { expected, actual: signature.len() + expected - 64 };
        let signature = Signature::from_bytes(signature.try_into().map_err(|_| wrong_length)?);
        let verdict = self.key().verify_strict(message.as_bytes(), &signature);
        verdict.map_err(|_| SignatureError::DoesNotVerify)
    }
}

/// A node's key for signing published checkpoints as the log. `S` holds the secret.
pub struct LogKey<S = SigningKey> {
    secret: S,
    public: VerifierKey,
}

impl<S: Signer> LogKey<S> {
    /// Binds a secret key to the log's origin as its name.
    ///
    /// # Errors
    /// [`VerifierKeyError::BadPoint`], which an honestly made key never gives.
    pub fn new(origin: KeyName, secret: S) -> Result<Self, VerifierKeyError> {
        let public = VerifierKey::new(origin, KeyRole::Log, &secret.public_key().0)?;
        Ok(Self { secret, public })
    }

    /// The public half.
    #[must_use]
    pub const fn verifier_key(&self) -> &VerifierKey {
        &self.public
    }

    /// Whatever holds the secret.
    #[must_use]
    pub const fn signer(&self) -> &S {
        &self.secret
    }

    /// Signs the note's text.
    ///
    /// # Errors
    /// [`SignerError`]; never with a key in memory.
    pub fn try_sign(&self, note: &SignedNote) -> Result<NoteSignature, SignerError> {
        let signature = self.secret.sign_bytes(note.text().as_bytes())?;
        Ok(NoteSignature::new(&self.public, signature.0.to_vec()))
    }
}

impl LogKey {
    /// Signs the note's text.
    #[must_use]
    pub fn sign(&self, note: &SignedNote) -> NoteSignature {
        use ed25519_dalek::Signer as _;
        NoteSignature::new(&self.public, self.secret.sign(note.text().as_bytes()).to_bytes().to_vec())
    }
}

/// A cosigner's key: states at what time it found the tree head consistent with all it had seen. `S` holds the secret.
pub struct CosignerKey<S = SigningKey> {
    secret: S,
    public: VerifierKey,
}

impl<S: Signer> CosignerKey<S> {
    /// Binds a secret key to the cosigner's name.
    ///
    /// # Errors
    /// [`VerifierKeyError::BadPoint`], which an honestly made key never gives.
    pub fn new(name: KeyName, secret: S) -> Result<Self, VerifierKeyError> {
        let public = VerifierKey::new(name, KeyRole::Cosigner, &secret.public_key().0)?;
        Ok(Self { secret, public })
    }

    /// The public half.
    #[must_use]
    pub const fn verifier_key(&self) -> &VerifierKey {
        &self.public
    }

    /// Whatever holds the secret.
    #[must_use]
    pub const fn signer(&self) -> &S {
        &self.secret
    }

    /// Cosigns the note's text at a time in seconds since 1970.
    ///
    /// # Errors
    /// [`CosignError`]; with a key in memory only for times above 2⁶³ − 1.
    pub fn cosign(&self, note: &SignedNote, time_s: u64) -> Result<NoteSignature, CosignError> {
        if time_s > TIME_MAX_S {
            return Err(CosignError::TimeTooLarge(time_s));
        }
        let signature = self.secret.sign_bytes(cosigned_message(note.text(), time_s).as_bytes())?;
        let payload = [time_s.to_be_bytes().as_slice(), &signature.0].concat();
        Ok(NoteSignature::new(&self.public, payload))
    }
}

impl<S> fmt::Debug for LogKey<S> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "LogKey({})", self.public)
    }
}

impl<S> fmt::Debug for CosignerKey<S> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "CosignerKey({})", self.public)
    }
}
