//! Registration of keys.

use super::{Body, Kind};
use crate::codec;
use crate::ids::{KeyId, PublicKey, Signature};
use crate::record::Scope;
use minicbor::{Decode, Encode};

/// Registers keys.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct KeyRegistration {
    /// 1 to 64 keys.
    #[n(0)]
    pub grants: Vec<KeyGrant>,
}
body!(KeyRegistration, Key);

/// Most keys in one registration.
pub const GRANTS_MAX: usize = 64;

/// Takes keys back: from this record's own leaf on they sign nothing any more. What they signed before stays valid.
///
/// Signed by the commission, which registered them, or by organisations that satisfy the trust policy's quorum.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct KeyRevocation {
    /// 1 to 64 registered keys, ascending. Organisations' record keys are replaced by a Governance record instead.
    #[n(0)]
    pub keys: Vec<KeyId>,
    /// Number of a [`super::RotationReason`].
    #[n(1)]
    pub reason: u8,
}
body!(KeyRevocation, KeyRevocation);

/// Who holds a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum HolderClass {
    /// An organisation's record key (genesis only).
    Organisation = 1,
    /// The population register.
    Registry = 2,
    /// An identification device.
    Device = 3,
    /// A reading box (АСУ).
    Scanner = 4,
    /// A member of a precinct commission.
    Member = 5,
    /// A node's promise key (genesis and Governance only).
    Node = 6,
    /// An observer, of a candidate or an organisation.
    Observer = 7,
    /// Whoever answers for equipment.
    Custodian = 8,
}

impl HolderClass {
    /// The class with this number.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::Organisation,
            2 => Self::Registry,
            3 => Self::Device,
            4 => Self::Scanner,
            5 => Self::Member,
            6 => Self::Node,
            7 => Self::Observer,
            8 => Self::Custodian,
            _ => return None,
        })
    }
}

/// One key and what it may do.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct KeyGrant {
    /// The key.
    #[n(0)]
    pub key: PublicKey,
    /// Number of a [`HolderClass`].
    #[n(1)]
    pub class: u8,
    /// Where it may sign.
    #[n(2)]
    pub scope: Scope,
    /// Numbers of kinds it may sign, ascending.
    #[n(3)]
    pub kinds: Vec<u16>,
    /// First valid sequenced time, ms.
    #[n(4)]
    pub valid_from_ms: u64,
    /// Last valid sequenced time, ms.
    #[n(5)]
    pub valid_until_ms: u64,
    /// The holder's signature over [`KeyGrant::possession_message`].
    #[n(6)]
    pub possession: Signature,
}

impl KeyGrant {
    /// What the holder signs to show that they have the key: election, key, class and scope.
    #[must_use]
    pub fn possession_message(election: &crate::ids::ElectionId, key: &PublicKey, class: u8, scope: Scope) -> Vec<u8> {
        codec::encode(&(election, key, class, scope))
    }
}
