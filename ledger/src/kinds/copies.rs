//! What others say of a protocol: who assents, what stood on the copy that an observer got, or that none was given.

use super::{Body, Kind, LineValue};
use crate::ids::{Digest, Maybe, RecordId};
use minicbor::{Decode, Encode};

/// Most countersignatures of one unit: each observer for each version, with room to spare.
pub const COUNTERSIGNS_MAX: usize = 256;

/// An observer, an organisation or a member about a unit's protocol. Scope: the unit; signed by one of them.
///
/// Whether a copy agrees is computed from its figures, never stated.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Countersign {
    /// The protocol, or nothing where it is not in the ledger.
    #[n(0)]
    pub target: Maybe<RecordId>,
    /// Number of a [`Finding`].
    #[n(1)]
    pub finding: u8,
    /// Lines as they stand on the copy; those that were legible.
    #[n(2)]
    pub lines: Vec<LineValue>,
    /// Own counts by position as they stand on the copy, or nothing.
    #[n(3)]
    pub counts: Vec<u64>,
    /// BLAKE3 of a photograph, or nothing.
    #[n(4)]
    pub photo: Maybe<Digest>,
}
body!(Countersign, Countersign);

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum Finding {
    /// The paper says what the record says.
    Assent = 1,
    /// These figures stand on the copy.
    Copy = 2,
    /// A copy was refused.
    CopyRefused = 3,
    /// The protocol was not posted.
    NotPosted = 4,
}

impl Finding {
    /// The finding with this number.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::Assent,
            2 => Self::Copy,
            3 => Self::CopyRefused,
            4 => Self::NotPosted,
            _ => return None,
        })
    }
}
