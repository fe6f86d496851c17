//! Seals of stages.

use super::{Body, Kind};
use crate::ids::{Digest, Maybe};
use minicbor::{Decode, Encode};

/// Stages that a seal ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum Stage {
    /// The roll is frozen.
    Roll = 1,
    /// Voting is over everywhere; class V becomes public.
    Voting = 2,
    /// Results are final.
    Results = 3,
    /// Nothing follows.
    Archive = 4,
}

impl Stage {
    /// The stage with this number.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::Roll,
            2 => Self::Voting,
            3 => Self::Results,
            4 => Self::Archive,
            _ => return None,
        })
    }

    /// Kinds that this seal closes for good.
    #[must_use]
    pub const fn closes(self) -> &'static [Kind] {
        match self {
            Self::Roll => &[Kind::DefinitionPart, Kind::RollChunk, Kind::RollAmendment],
            Self::Voting => &[Kind::StationPhase, Kind::Identification, Kind::IdentificationVoid, Kind::BallotBatch],
            Self::Results => &[Kind::TotalOpening, Kind::Protocol, Kind::SummaryTable],
            Self::Archive => &[],
        }
    }
}

/// Ends a stage. Scope: the election; signed by the commission.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Seal {
    /// Number of a [`Stage`].
    #[n(0)]
    pub stage: u8,
    /// A tree size that was cut before this seal.
    #[n(1)]
    pub size: u64,
    /// SHA-256 root at that size.
    #[n(2)]
    pub sha256_root: Digest,
    /// BLAKE3 root at that size.
    #[n(3)]
    pub blake3_root: Digest,
    /// Voting: root over the sorted roll leaves of admitted voters ([`crate::state::State::admitted_root`]). Else nothing.
    #[n(4)]
    pub admitted_root: Maybe<Digest>,
    /// Results: digest of the tally. Else nothing.
    #[n(5)]
    pub tally: Maybe<Digest>,
}
body!(Seal, Seal);
