//! Committing, adding and opening.

use std::fmt;

use curve25519_dalek::ristretto::{CompressedRistretto, RistrettoPoint};
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::{Identity, VartimeMultiscalarMul};

use super::blinding::{Blinding, BlindingError};
use super::counts::{Counts, CountsError};
use super::generators::{g, h};

/// Bytes that are not a commitment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CommitmentError {
    /// RFC 9496 §4.3.1 refuses them.
    #[error("the 32 bytes are not the canonical encoding of a ristretto255 element")]
    NotCanonical,
}

/// Why an opening is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpeningError {
    /// The blinding's bytes.
    #[error(transparent)]
    Blinding(#[from] BlindingError),
    /// Other counts, or another blinding, were committed to. Carries the commitment's encoding.
    #[error("the counts and the blinding do not open the commitment {}", hex::encode(.0))]
    DoesNotOpen([u8; 32]),
}

/// A committed cell: an element of ristretto255 in its one encoding.
///
/// Invariant: the bytes decode. Holds the point too, once it is known, so that adding does not decode again (200 bytes; store
/// the encoding). Two are equal if their bytes are: every element has one encoding.
#[derive(Clone, Copy)]
pub struct Commitment {
    encoded: [u8; 32],
    point: Option<RistrettoPoint>,
}

impl PartialEq for Commitment {
    fn eq(&self, other: &Self) -> bool {
        self.encoded == other.encoded
    }
}

impl Eq for Commitment {}

impl Commitment {
    /// Decodes (RFC 9496 §4.3.1); every element has exactly one encoding that is taken.
    ///
    /// # Errors
    /// [`CommitmentError::NotCanonical`].
    pub fn from_bytes(encoded: [u8; 32]) -> Result<Self, CommitmentError> {
        let point = CompressedRistretto(encoded).decompress().ok_or(CommitmentError::NotCanonical)?;
        Ok(Self { encoded, point: Some(point) })
    }

    /// The encoding.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 32] {
        self.encoded
    }

    fn of(point: RistrettoPoint) -> Self {
        Self { encoded: point.compress().to_bytes(), point: Some(point) }
    }

    /// Bytes that [`to_bytes`](Self::to_bytes) gave and a checksum vouches for. They are decoded when they are needed: a
    /// square root each, which for all cells of a nation is most of a second that a start would wait for.
    pub(crate) const fn recalled(encoded: [u8; 32]) -> Self {
        Self { encoded, point: None }
    }

    fn point(&self) -> RistrettoPoint {
        let decode = || CompressedRistretto(self.encoded).decompress();
        // By the invariant they decode. Other bytes would add nothing, and this node's roots would differ from everybody's.
        self.point.or_else(decode).unwrap_or_else(RistrettoPoint::identity)
    }
}

impl fmt::Display for Commitment {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&hex::encode(self.encoded))
    }
}

impl fmt::Debug for Commitment {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Commitment({self})")
    }
}

/// C = Σ vᵢ·Gᵢ + r·H.
///
/// A position with count 0 costs nothing, so a cell of zeros costs one fixed-base multiplication: a unit commits to one
/// cell for every constituency of the country and almost all are empty. The price: the time taken tells how many positions
/// are not zero to whoever times the scanner itself, and that person has the paper before them.
#[must_use]
pub fn commit(counts: &Counts, blinding: &Blinding) -> Commitment {
    let nonzero = counts.as_slice().iter().zip(g()).filter(|(count, _)| **count != 0);
    Commitment::of(nonzero.fold(h() * blinding.scalar(), |sum, (count, g)| sum + Scalar::from(*count) * g))
}

/// The sum of commitments: it opens with the sums of the counts and of the blindings. Of none: the identity, which opens
/// with zeros.
#[must_use]
pub fn sum(commitments: &[Commitment]) -> Commitment {
    Commitment::of(commitments.iter().fold(RistrettoPoint::identity(), |sum, one| sum + one.point()))
}

/// The opening of the sum of commitments, from their openings. None for no openings: the number of positions is unknown.
///
/// # Errors
/// [`CountsError`] when the counts cannot be added.
pub fn sum_openings(openings: &[(Counts, Blinding)]) -> Result<Option<(Counts, Blinding)>, CountsError> {
    let Some(((first, _), rest)) = openings.split_first() else { return Ok(None) };
    let counts = rest.iter().try_fold(first.clone(), |sum, (counts, _)| sum.add(counts))?;
    let blinding = openings.iter().fold(Blinding::zero(), |sum, (_, blinding)| sum.add(blinding));
    Ok(Some((counts, blinding)))
}

/// Checks a published opening. Its numbers are public, so this takes no care to hide them from a clock.
///
/// # Errors
/// [`OpeningError`].
pub fn verify_opening(commitment: &Commitment, counts: &Counts, blinding: [u8; 32]) -> Result<(), OpeningError> {
    let blinding = Blinding::from_canonical_bytes(blinding)?;
    let scalars = counts.as_slice().iter().map(|count| Scalar::from(*count));
    let opened = RistrettoPoint::vartime_multiscalar_mul(scalars, g().iter().take(counts.as_slice().len()));
    if opened + h() * blinding.scalar() == commitment.point() {
        Ok(())
    } else {
        Err(OpeningError::DoesNotOpen(commitment.encoded))
    }
}
