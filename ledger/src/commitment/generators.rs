//! The generators: points whose discrete logarithms to each other nobody knows.
//!
//! Point = ristretto255 map of RFC 9496 §4.3.4 (two Elligator halves) over the first 64 bytes of BLAKE3's extendable output
//! in derive_key mode, context `tamga 2025 commitment generator v1`, over the label: `G` ‖ position as two big-endian bytes,
//! or `H`.

use std::sync::LazyLock;

use curve25519_dalek::ristretto::{RistrettoBasepointTable, RistrettoPoint};

use super::counts::POSITIONS_MAX;

const CONTEXT: &str = "tamga 2025 commitment generator v1";

static G: LazyLock<Vec<RistrettoPoint>> = LazyLock::new(|| {
    (0..POSITIONS_MAX as u16)
        .map(|position| {
            let [high, low] = position.to_be_bytes();
            hash_to_group(&[b'G', high, low])
        })
        .collect()
});

/// Fixed-base multiples of H: every commitment costs one multiplication by H, and most cells cost nothing else.
static H: LazyLock<RistrettoBasepointTable> = LazyLock::new(|| RistrettoBasepointTable::create(&hash_to_group(b"H")));

fn hash_to_group(label: &[u8]) -> RistrettoPoint {
    let mut uniform = [0; 64];
    blake3::Hasher::new_derive_key(CONTEXT).update(label).finalize_xof().fill(&mut uniform);
    RistrettoPoint::from_uniform_bytes(&uniform)
}

/// G of a position, encoded; none from 64 on. For those who write their own checker.
#[must_use]
pub fn generator(position: usize) -> Option<[u8; 32]> {
    G.get(position).map(|point| point.compress().to_bytes())
}

/// H, encoded.
#[must_use]
pub fn blinding_generator() -> [u8; 32] {
    H.basepoint().compress().to_bytes()
}

pub(super) fn g() -> &'static [RistrettoPoint] {
    &G
}

pub(super) fn h() -> &'static RistrettoBasepointTable {
    &H
}
