//! The secret that hides the counts.

use std::fmt;

use curve25519_dalek::scalar::Scalar;
use zeroize::{Zeroize, Zeroizing};

const CONTEXT: &str = "tamga 2025 commitment blinding v1";

/// Bytes that are not a blinding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BlindingError {
    /// Not below the group order.
    #[error("the 32 bytes are not a canonical scalar of ristretto255")]
    NotCanonical,
}

/// What a blinding derived from a unit's seed is for. No two commitments may share one, or their difference would show
/// the difference of the counts; a new use takes a new number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BlindingPurpose {
    /// A cell of a ballot batch; `number` is the scanner's batch number.
    BallotBatch,
    /// A committed cell of a protocol; `number` is the protocol's own sequence number.
    Protocol,
}

impl BlindingPurpose {
    const fn byte(self) -> u8 {
        match self {
            Self::BallotBatch => 1,
            Self::Protocol => 2,
        }
    }
}

/// A scalar modulo the group order. Never printed; wiped when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Blinding(Scalar);

impl Blinding {
    /// Derives the blinding of one cell from the seed that lies sealed with the unit's paper: BLAKE3 derive_key with context
    /// `tamga 2025 commitment blinding v1` over seed ‖ purpose (1 byte) ‖ number (8 bytes, big-endian) ‖ constituency (2 bytes,
    /// big-endian), 64 bytes of output as a little-endian number modulo the group order.
    #[must_use]
    pub fn derive(unit_seed: &[u8; 32], number: u64, constituency: u16, purpose: BlindingPurpose) -> Self {
        let mut wide = Zeroizing::new([0; 64]);
        let mut hasher = blake3::Hasher::new_derive_key(CONTEXT);
        hasher.update(unit_seed).update(&[purpose.byte()]);
        hasher.update(&number.to_be_bytes()).update(&constituency.to_be_bytes());
        hasher.finalize_xof().fill(wide.as_mut());
        Self(Scalar::from_bytes_mod_order_wide(&wide))
    }

    /// Reduces 64 uniformly random bytes: a fresh blinding from whoever owns randomness.
    #[must_use]
    pub fn from_uniform_bytes(uniform: &[u8; 64]) -> Self {
        Self(Scalar::from_bytes_mod_order_wide(uniform))
    }

    /// Reads 32 canonical bytes.
    ///
    /// # Errors
    /// [`BlindingError::NotCanonical`] for a number not below the group order.
    pub fn from_canonical_bytes(bytes: [u8; 32]) -> Result<Self, BlindingError> {
        let scalar: Option<Scalar> = Scalar::from_canonical_bytes(bytes).into();
        scalar.map(Self).ok_or(BlindingError::NotCanonical)
    }

    /// Gives the secret away: 32 canonical bytes, for an opening.
    #[must_use]
    pub fn reveal(&self) -> [u8; 32] {
        self.0.to_bytes()
    }

    /// The blinding of the sum of two commitments.
    #[must_use]
    pub fn add(&self, other: &Self) -> Self {
        Self(self.0 + other.0)
    }

    pub(super) fn zero() -> Self {
        Self(Scalar::ZERO)
    }

    pub(super) const fn scalar(&self) -> &Scalar {
        &self.0
    }
}

impl Drop for Blinding {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for Blinding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Blinding(secret)")
    }
}
