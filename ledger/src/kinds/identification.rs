//! A voter was identified: the public part, the confidential part, the attestation.

use super::{Body, Kind};
use crate::codec;
use crate::ids::{Digest, KeyId, Nonce, RecordId, Signature, Tag};
use crate::record::UnitId;
use minicbor::{Decode, Encode};

/// A voter was identified. Scope: the unit; signed by its device. Public part.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Identification {
    /// 0 local (own station), 1 remote (another constituency's voter).
    #[n(0)]
    pub mode: u8,
    /// 1 online: permission is asked; 0 offline: a fact is reported.
    #[n(1)]
    pub online: u8,
    /// The device's own counter of identifications, without gaps.
    #[n(2)]
    pub device_counter: u64,
}
body!(Identification, Identification);

/// A voter was admitted and got no ballot. Scope: the unit; signed by at least two of its members. The voter stays admitted:
/// whoever could undo an admission could vote twice.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct IdentificationVoid {
    /// Record of the identification.
    #[n(0)]
    pub target: RecordId,
    /// Number of a [`VoidedBallot`].
    #[n(1)]
    pub ballot: u8,
}
body!(IdentificationVoid, IdentificationVoid);

/// What became of the ballot of a void identification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum VoidedBallot {
    /// None was printed.
    NotPrinted = 1,
    /// It was printed and not given out; it is among the spoiled ones.
    Spoiled = 2,
}

impl VoidedBallot {
    /// The fate with this number.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::NotPrinted),
            2 => Some(Self::Spoiled),
            _ => None,
        }
    }
}

/// Confidential part of an identification, class V.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct IdentificationSecret {
    /// Makes the digest unguessable.
    #[n(0)]
    pub salt: Digest,
    /// The voter.
    #[n(1)]
    pub tag: Tag,
    /// The station on whose roll the voter is.
    #[n(2)]
    pub home_station: u32,
    /// 1 fingerprint, 2 face, 3 Tunduk application, 4 document shown.
    #[n(3)]
    pub method: u8,
    /// The registry's word that this voter stood at this unit. Empty offline.
    #[n(4)]
    pub attestation: Vec<Attestation>,
}

/// The registry's word on one voter at one unit through one device, for one use.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Attestation {
    /// Which registry key.
    #[n(0)]
    pub registry: KeyId,
    /// When, ms UTC.
    #[n(1)]
    pub at_ms: u64,
    /// Single use.
    #[n(2)]
    pub nonce: Nonce,
    /// Over [`Attestation::message`].
    #[n(3)]
    pub signature: Signature,
}

/// What an attestation speaks about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttestedVoter {
    /// Where the voter stands.
    pub unit: UnitId,
    /// The device that asked.
    pub device: KeyId,
    /// The voter.
    pub tag: Tag,
    /// Whose roll the voter is on.
    pub home_station: u32,
    /// How the voter was recognised.
    pub method: u8,
}

impl Attestation {
    /// The bytes the registry signs.
    #[must_use]
    pub fn message(election: &crate::ids::ElectionId, voter: &AttestedVoter, at_ms: u64, nonce: &Nonce) -> Vec<u8> {
        codec::encode(&(
            election,
            voter.unit,
            voter.device,
            voter.tag,
            voter.home_station,
            voter.method,
            (at_ms, nonce),
        ))
    }
}
