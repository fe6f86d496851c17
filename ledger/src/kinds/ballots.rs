//! Ballot batches of committed cells, and the opening of their sums.

use super::{Body, Kind};
use crate::commitment::Commitment;
use crate::ids::Digest;
use minicbor::{Decode, Encode};

/// Papers a scanner took since its last batch: one committed cell for every constituency. Scope: the unit.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct BallotBatch {
    /// Number of the batch, from 1, without gaps.
    #[n(0)]
    pub number: u32,
    /// One cell a constituency, in the order of the definition, empty ones included.
    #[n(1)]
    pub cells: Vec<Cell>,
    /// 1 for the last batch of the unit.
    #[n(2)]
    pub last: u8,
}
body!(BallotBatch, BallotBatch);

/// Papers of one constituency, and a commitment to how they were filled in.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Cell {
    /// Constituency number.
    #[n(0)]
    pub constituency: u32,
    /// How many papers; public.
    #[n(1)]
    pub papers: u32,
    /// Pedersen vector commitment to the counts by position.
    #[n(2)]
    pub commitment: Commitment,
}

/// A commitment is its 32 canonical bytes; others are refused while decoding, so every [`Commitment`] is a group element.
impl<C> Encode<C> for Commitment {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut minicbor::Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.bytes(&self.to_bytes())?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Commitment {
    fn decode(d: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        let bytes = d.bytes()?.try_into().map_err(|_| minicbor::decode::Error::message("a commitment has 32 bytes"))?;
        Self::from_bytes(bytes).map_err(|error| minicbor::decode::Error::message(error.to_string()))
    }
}

/// Which count a figure comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum Basis {
    /// The scanner's count (АСУ): preliminary.
    Machine = 0,
    /// The hand count: the legal result.
    Hand = 1,
}

impl Basis {
    /// Both, in the order of their numbers.
    pub const ALL: [Self; 2] = [Self::Machine, Self::Hand];

    /// The basis with this number.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Machine),
            1 => Some(Self::Hand),
            _ => None,
        }
    }
}

/// Opens a sum of cells. Scope: a unit (its own constituency's papers) or a constituency (all papers cast for it in other
/// places, nationwide).
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct TotalOpening {
    /// Number of a [`Basis`]: the cells of ballot batches, or those of hand protocols.
    #[n(0)]
    pub basis: u8,
    /// Whose papers.
    #[n(1)]
    pub constituency: u32,
    /// Counts by position: candidates, against all, invalid.
    #[n(2)]
    pub counts: Vec<u64>,
    /// The sum of the cells' blinding factors.
    #[n(3)]
    pub blinding: Digest,
}
body!(TotalOpening, TotalOpening);
