//! Ed25519 as this ledger accepts it, and the domain strings that keep one kind of signature from passing as another.
//!
//! Acceptance rule (pinned, FORMAT.md §4): RFC 8032 with S < L; A and R decode canonically and neither has small order;
//! the equation without cofactor, S·B = R + k·A. This is `verify_strict` of ed25519-dalek; batch verification is never
//! an acceptance rule.

use crate::ids::{PublicKey, Signature};
use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};

/// What a signature is for: the bytes signed are this line followed by the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Domain {
    /// A record (DESIGN §4).
    Record,
    /// Possession of a key that is being registered.
    Possession,
    /// The registry's attestation of one voter at one unit.
    Attestation,
    /// A node's promise about one record.
    Promise,
    /// A node's refusal of one submission at admission.
    Refusal,
    /// A batch, by its proposer.
    Batch,
    /// A question about one voter, to one node.
    Inquiry,
    /// A node's answer to it.
    Answer,
    /// A key card: possession of keys before there is an election.
    Card,
}

impl Domain {
    /// The line that comes before the message.
    #[must_use]
    pub const fn line(self) -> &'static [u8] {
        match self {
            Self::Record => b"tamga/record/v1\n",
            Self::Possession => b"tamga/possession/v1\n",
            Self::Attestation => b"tamga/attestation/v1\n",
            Self::Promise => b"tamga/promise/v1\n",
            Self::Refusal => b"tamga/refusal/v1\n",
            Self::Batch => b"tamga/batch/v1\n",
            Self::Inquiry => b"tamga/inquiry/v1\n",
            Self::Answer => b"tamga/answer/v1\n",
            Self::Card => b"tamga/card/v1\n",
        }
    }

    fn message(self, bytes: &[u8]) -> Vec<u8> {
        [self.line(), bytes].concat()
    }
}

/// Whatever holds a secret key and signs with it: this process's memory, or a device that never gives the key away.
pub trait Signer: Send + Sync + std::fmt::Debug {
    /// The public half.
    fn public_key(&self) -> PublicKey;

    /// An Ed25519 signature over exactly these bytes. May block for as long as the device takes.
    ///
    /// # Errors
    /// [`SignerError`], if the device does not sign.
    fn sign_bytes(&self, message: &[u8]) -> Result<Signature, SignerError>;

    /// Whether signing only computes. Whoever must not block signs elsewhere if not.
    fn is_instant(&self) -> bool {
        false
    }
}

/// A device that holds a key did not sign.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the device that holds the key does not sign: {0}")]
pub struct SignerError(pub String);

impl Signer for SigningKey {
    fn public_key(&self) -> PublicKey {
        public_key(self)
    }

    fn sign_bytes(&self, message: &[u8]) -> Result<Signature, SignerError> {
        Ok(Signature(self.sign(message).to_bytes()))
    }

    fn is_instant(&self) -> bool {
        true
    }
}

impl<S: Signer + ?Sized> Signer for std::sync::Arc<S> {
    fn public_key(&self) -> PublicKey {
        (**self).public_key()
    }

    fn sign_bytes(&self, message: &[u8]) -> Result<Signature, SignerError> {
        (**self).sign_bytes(message)
    }

    fn is_instant(&self) -> bool {
        (**self).is_instant()
    }
}

/// As [`sign`], with whatever holds the key.
///
/// # Errors
/// [`SignerError`].
pub fn sign_with(signer: &dyn Signer, domain: Domain, bytes: &[u8]) -> Result<Signature, SignerError> {
    signer.sign_bytes(&domain.message(bytes))
}

/// Signs `bytes` for one purpose.
#[must_use]
pub fn sign(key: &SigningKey, domain: Domain, bytes: &[u8]) -> Signature {
    Signature(key.sign(&domain.message(bytes)).to_bytes())
}

/// Verifies strictly. `false` for a key that is no acceptable point.
#[must_use]
pub fn verify(key: &PublicKey, domain: Domain, bytes: &[u8], signature: &Signature) -> bool {
    VerificationKey::new(key).verify(domain, bytes, signature)
}

/// A public key whose point is at hand: finding it again costs a fifth of each verification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerificationKey(Option<VerifyingKey>);

impl VerificationKey {
    /// Finds the key's point. A key that is not [acceptable](is_acceptable) verifies nothing.
    #[must_use]
    pub fn new(key: &PublicKey) -> Self {
        Self(acceptable_point(key))
    }

    /// Verifies strictly, exactly as [`verify`] does.
    #[must_use]
    pub fn verify(&self, domain: Domain, bytes: &[u8], signature: &Signature) -> bool {
        let Some(key) = self.0 else { return false };
        let signature = ed25519_dalek::Signature::from_bytes(&signature.0);
        key.verify_strict(&domain.message(bytes), &signature).is_ok()
    }
}

/// The public half.
#[must_use]
pub fn public_key(key: &SigningKey) -> PublicKey {
    PublicKey(key.verifying_key().to_bytes())
}

/// Whether a key may be registered at all: canonical, on the curve, not of small order.
#[must_use]
pub fn is_acceptable(key: &PublicKey) -> bool {
    acceptable_point(key).is_some()
}

/// The library reads encodings of field elements above the prime too, and gives back the bytes it was given: only the point
/// encoded anew tells.
fn acceptable_point(key: &PublicKey) -> Option<VerifyingKey> {
    let point = VerifyingKey::from_bytes(&key.0).ok()?;
    let canonical = point.to_edwards().compress().to_bytes() == key.0;
    (canonical && !point.is_weak()).then_some(point)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_has_one_encoding() {
        let key = public_key(&SigningKey::from_bytes(&[7; 32]));
        assert!(is_acceptable(&key));
        // y = 3 is a point of large order; y = p + 3 encodes it a second time.
        let (mut once, mut twice) = ([0; 32], [0xff; 32]);
        once[0] = 3;
        (twice[0], twice[31]) = (0xf0, 0x7f);
        assert_eq!(
            VerifyingKey::from_bytes(&once).unwrap().to_edwards(),
            VerifyingKey::from_bytes(&twice).unwrap().to_edwards()
        );
        assert!(is_acceptable(&PublicKey(once)) && !is_acceptable(&PublicKey(twice)));
        assert!(!is_acceptable(&PublicKey([0; 32])), "small order");
    }
}
