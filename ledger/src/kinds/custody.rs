//! Custody of voting and identification equipment: one piece, one event, two people who saw it (decree 3.6).

use super::{Body, Kind};
use crate::ids::{KeyId, Maybe};
use minicbor::{Decode, Encode};

/// Most pieces in the inventory: some 2,700 stations and 100 constituency stores with 20 pieces each, with room to spare.
pub const PIECES_MAX: usize = 65_536;
/// Longest serial number, and longest name of a storage place, in bytes.
pub const CUSTODY_NAME_BYTES_MAX: usize = 64;
/// How many points the readiness checklist has ([`CHECKS`]).
pub const CHECKS_ALL: u32 = (1 << CHECKS.len()) - 1;

/// Points of the readiness checklist, in the order of their bits.
pub const CHECKS: [&str; 8] =
    ["power", "battery", "clock", "software", "connection", "paper", "reader", "counters-zero"];

/// One event in the life of a piece of equipment. Scope: where the piece is from then on. Signed by at least two:
/// custodians, members, the commission.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Custody {
    /// Number of an [`Item`].
    #[n(0)]
    pub item: u8,
    /// Its serial number.
    #[n(1)]
    pub serial: String,
    /// Number of a [`CustodyEvent`].
    #[n(2)]
    pub event: u8,
    /// Who gives, at a handing over.
    #[n(3)]
    pub from: Maybe<KeyId>,
    /// Who receives, at a handing over.
    #[n(4)]
    pub to: Maybe<KeyId>,
    /// Seals put on (event seal), or found on the piece.
    #[n(5)]
    pub seals: Vec<String>,
    /// Points of the checklist that hold, one bit each ([`CHECKS`]); event check only.
    #[n(6)]
    pub checks: u32,
    /// Which store, in words; may be empty.
    #[n(7)]
    pub place: String,
    /// The device's or scanner's key that the piece holds; event enter only.
    #[n(8)]
    pub key: Maybe<KeyId>,
}
body!(Custody, Custody);

/// What kind of equipment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum Item {
    /// An identification device.
    Device = 1,
    /// A printer of ballots and slips.
    Printer = 2,
    /// A reading box (АСУ).
    Scanner = 3,
    /// A modem or other line.
    Modem = 4,
    /// A stationary box.
    Box = 5,
    /// A mobile box.
    MobileBox = 6,
    /// A carrier of keys: a token, a card.
    KeyCarrier = 7,
    /// Anything else.
    Other = 8,
}

impl Item {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Device,
        Self::Printer,
        Self::Scanner,
        Self::Modem,
        Self::Box,
        Self::MobileBox,
        Self::KeyCarrier,
        Self::Other,
    ];

    /// The item with this number.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|item| *item as u8 == number)
    }
}

/// What happened to a piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum CustodyEvent {
    /// It entered the inventory; its author answers for it.
    Enter = 1,
    /// Seals were put on.
    Seal = 2,
    /// Seals were found intact and taken off.
    Unseal = 3,
    /// It was put into a store.
    Store = 4,
    /// It is on its way.
    Move = 5,
    /// Somebody else answers for it now.
    HandOver = 6,
    /// The readiness checklist was gone through.
    Check = 7,
    /// It is in use in a unit.
    Deploy = 8,
    /// It came back from a unit.
    TakeBack = 9,
    /// It is lost. Where the commission signs as well, its key is revoked.
    Lose = 10,
    /// A lost piece was found. Its key stays revoked.
    Find = 11,
    /// It is used no more.
    Retire = 12,
}

impl CustodyEvent {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Enter,
        Self::Seal,
        Self::Unseal,
        Self::Store,
        Self::Move,
        Self::HandOver,
        Self::Check,
        Self::Deploy,
        Self::TakeBack,
        Self::Lose,
        Self::Find,
        Self::Retire,
    ];

    /// The event with this number.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|event| *event as u8 == number)
    }
}
