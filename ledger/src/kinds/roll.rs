//! Stations' rolls.

use super::{Body, Kind};
use crate::ids::RollLeaf;
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
        let chunks = self.leaves.chunks_exact(RollLeaf::LEN);
        if !chunks.remainder().is_empty() {
            return None;
        }
        chunks.map(|bytes| RollLeaf::try_from(bytes).ok()).collect()
    }
}
