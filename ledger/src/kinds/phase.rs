//! Phases of a unit with its counters.

use super::{Body, Kind};
use crate::ids::{Digest, KeyId, Maybe};
use minicbor::{Decode, Encode};

/// Phases that a unit reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum Phase {
    /// Voting may start: the zero report.
    Open = 1,
    /// Voting pauses.
    Suspend = 2,
    /// Voting goes on.
    Resume = 3,
    /// The connection is lost; identifications will be reported later.
    OfflineStart = 4,
    /// The connection is back.
    OfflineEnd = 5,
    /// A running balance.
    Balance = 6,
    /// Voting has ended: the final report.
    Close = 7,
    /// The mobile box leaves the station, under these seals.
    BoxOut = 8,
    /// The mobile box is back, under these seals.
    BoxIn = 9,
    /// A device, scanner or box is replaced: `equipment` names what goes, then what comes.
    Replace = 10,
}

impl Phase {
    /// The phase with this number.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::Open,
            2 => Self::Suspend,
            3 => Self::Resume,
            4 => Self::OfflineStart,
            5 => Self::OfflineEnd,
            6 => Self::Balance,
            7 => Self::Close,
            8 => Self::BoxOut,
            9 => Self::BoxIn,
            10 => Self::Replace,
            _ => return None,
        })
    }
}

/// A phase record. Scope: the unit; signed by the member quorum.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct StationPhase {
    /// Number of a [`Phase`].
    #[n(0)]
    pub phase: u8,
    /// Voters on the list that the station holds.
    #[n(1)]
    pub list_total: u32,
    /// Counters of equipment and paper.
    #[n(2)]
    pub counters: Counters,
    /// Seal numbers put on or found intact.
    #[n(3)]
    pub seals: Vec<String>,
    /// Serial numbers of devices in use.
    #[n(4)]
    pub equipment: Vec<String>,
    /// Members present with their roles (1 chair, 2 secretary, 3 member), by key.
    #[n(5)]
    pub roles: Vec<MemberRole>,
    /// Size of the last checkpoint the station has seen; 0 for none.
    #[n(6)]
    pub checkpoint_size_seen: u64,
    /// At the close: salted digest of the machine protocol's body ([`crate::kinds::Protocol::closing_digest`]).
    #[n(7)]
    pub protocol_digest: Maybe<Digest>,
}
body!(StationPhase, StationPhase);

/// Counters that must be zero at the opening and add up at the close.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Encode, Decode, serde::Serialize, serde::Deserialize)]
#[cbor(array)]
pub struct Counters {
    /// Voters identified with the own constituency's ballot.
    #[n(0)]
    pub identified_local: u32,
    /// Voters identified with another constituency's ballot.
    #[n(1)]
    pub identified_remote: u32,
    /// Slips kept.
    #[n(2)]
    pub slips: u32,
    /// Signatures in the paper list.
    #[n(3)]
    pub signatures: u32,
    /// Ballots printed, own constituency.
    #[n(4)]
    pub printed_own: u32,
    /// Ballots printed, other constituencies.
    #[n(5)]
    pub printed_other: u32,
    /// Printed ballots spoiled and replaced.
    #[n(6)]
    pub spoiled: u32,
    /// Papers the scanner took.
    #[n(7)]
    pub scanned: u32,
}

/// What members are called, by the number of their role from 1.
pub const MEMBER_ROLES: [&str; 3] = ["chair", "secretary", "member"];

/// A member on duty.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct MemberRole {
    /// The member's key.
    #[n(0)]
    pub key: KeyId,
    /// 1 chair, 2 secretary, 3 member.
    #[n(1)]
    pub role: u8,
}
