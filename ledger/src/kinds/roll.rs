//! Stations' rolls.

use super::{Body, Kind};
use crate::ids::{Digest, Maybe, RollLeaf};
use minicbor::{Decode, Encode};

/// Part of one station's roll, before the Roll seal. Scope: the station.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct RollChunk {
    /// Version of the list.
    #[n(0)]
    pub list_version: u32,
    /// Position of this chunk, from 0.
    #[n(1)]
    pub number: u32,
    /// How many chunks the station's roll has.
    #[n(2)]
    pub chunks: u32,
    /// Voters on the station's whole roll.
    #[n(3)]
    pub total: u32,
    /// Roll leaves, ascending across all chunks, 16 bytes each, concatenated.
    #[n(4)]
    #[cbor(with = "minicbor::bytes")]
    pub leaves: Vec<u8>,
}
body!(RollChunk, RollChunk);

/// Most roll leaves in a chunk: 3,400 × 16 = 54,400 bytes, which fit a record.
pub const ROLL_CHUNK_LEAVES_MAX: usize = 3_400;

impl RollChunk {
    /// The leaves, or `None` if the bytes are not whole leaves.
    #[must_use]
    pub fn roll_leaves(&self) -> Option<Vec<RollLeaf>> {
        whole(&self.leaves)
    }
}

fn whole(bytes: &[u8]) -> Option<Vec<RollLeaf>> {
    let chunks = bytes.chunks_exact(RollLeaf::LEN);
    if !chunks.remainder().is_empty() {
        return None;
    }
    chunks.map(|bytes| RollLeaf::try_from(bytes).ok()).collect()
}

/// Why a roll is amended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum AmendmentBasis {
    /// Voters moved from one station to another.
    Moved = 1,
    /// Voters were left out, or have come of age.
    LeftOut = 2,
    /// Voters have died, or have lost the right to vote.
    Struck = 3,
    /// A court decided.
    Court = 4,
    /// The register was wrong in another way.
    Corrected = 5,
}

impl AmendmentBasis {
    /// All of them, by number.
    pub const ALL: [Self; 5] = [Self::Moved, Self::LeftOut, Self::Struck, Self::Court, Self::Corrected];

    /// The basis with this number.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|basis| *basis as u8 == number)
    }
}

/// Voters are struck off a station's whole roll and added to it, before the Roll seal. Scope: the station.
///
/// Who moves is struck off the one roll first and added to the other then: at no time is anybody on two.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct RollAmendment {
    /// Version of the list that is amended.
    #[n(0)]
    pub list_version: u32,
    /// Number of an [`AmendmentBasis`].
    #[n(1)]
    pub basis: u8,
    /// BLAKE3 of the document that orders it.
    #[n(2)]
    pub document: Maybe<Digest>,
    /// Roll leaves that go, ascending, 16 bytes each, concatenated.
    #[n(3)]
    #[cbor(with = "minicbor::bytes")]
    pub removed: Vec<u8>,
    /// Roll leaves that come, likewise.
    #[n(4)]
    #[cbor(with = "minicbor::bytes")]
    pub added: Vec<u8>,
    /// Voters on the station's roll afterwards.
    #[n(5)]
    pub total: u32,
}
body!(RollAmendment, RollAmendment);

/// Most roll leaves in an amendment, those that go and those that come together: each that comes is looked for on every
/// station's roll, a millisecond at a nation's size.
pub const ROLL_AMENDMENT_LEAVES_MAX: usize = 256;

impl RollAmendment {
    /// Leaves that go and leaves that come, or `None` if the bytes are not whole leaves.
    #[must_use]
    pub fn roll_leaves(&self) -> Option<(Vec<RollLeaf>, Vec<RollLeaf>)> {
        Some((whole(&self.removed)?, whole(&self.added)?))
    }
}
