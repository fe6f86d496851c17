//! Pieces of equipment: where each is, who answers for it, under which seals.

use crate::ids::{Digest, KeyId};
use crate::kinds::{CustodyEvent, Item};
use crate::record::Scope;
use minicbor::{Decode, Encode};

/// A piece of the inventory.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Piece {
    /// Its serial number.
    #[n(0)]
    pub serial: String,
    /// Number of an [`Item`].
    #[n(1)]
    pub(crate) item: u8,
    /// Where it is.
    #[n(2)]
    pub scope: Scope,
    /// Which store, in words.
    #[n(3)]
    pub place: String,
    /// Who answers for it.
    #[n(4)]
    pub holder: KeyId,
    /// Number of the [`Stand`].
    #[n(5)]
    pub(crate) stand: u8,
    /// Digest of the seals on it.
    #[n(6)]
    pub seals: Option<Digest>,
    /// The key in it.
    #[n(7)]
    pub key: Option<KeyId>,
    /// Points of the checklist that held when it was last checked since it was last deployed.
    #[n(8)]
    pub checks: Option<u32>,
    /// Leaf that entered it.
    #[n(9)]
    pub entered: u64,
    /// Leaf of its last event.
    #[n(10)]
    pub leaf: u64,
}

/// Where a piece stands in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum Stand {
    /// With whoever answers for it.
    Held = 1,
    /// In a store.
    Stored = 2,
    /// On its way.
    Moving = 3,
    /// In use in a unit.
    Deployed = 4,
    /// Lost.
    Lost = 5,
    /// Used no more.
    Retired = 6,
}

impl Stand {
    /// Whether `event` can follow. Facts that cannot are recorded and flagged.
    #[must_use]
    pub const fn allows(self, event: CustodyEvent) -> bool {
        match (self, event) {
            (_, CustodyEvent::Enter) | (Self::Retired, _) => false,
            (Self::Lost, event) => matches!(event, CustodyEvent::Find),
            (_, CustodyEvent::Find) => false,
            (Self::Deployed, event) => {
                !matches!(event, CustodyEvent::Store | CustodyEvent::Move | CustodyEvent::Deploy | CustodyEvent::Retire)
            }
            (_, event) => !matches!(event, CustodyEvent::TakeBack),
        }
    }

    /// The stand after `event`.
    #[must_use]
    pub const fn after(self, event: CustodyEvent) -> Self {
        match event {
            CustodyEvent::Enter | CustodyEvent::TakeBack | CustodyEvent::Find => Self::Held,
            CustodyEvent::Store => Self::Stored,
            CustodyEvent::Move => Self::Moving,
            CustodyEvent::Deploy => Self::Deployed,
            CustodyEvent::Lose => Self::Lost,
            CustodyEvent::Retire => Self::Retired,
            // In use or lying in a store, it stays there; what was on its way has arrived with whoever took it.
            CustodyEvent::HandOver if matches!(self, Self::Moving) => Self::Held,
            CustodyEvent::Seal | CustodyEvent::Unseal | CustodyEvent::HandOver | CustodyEvent::Check => self,
        }
    }
}

impl Piece {
    /// What it is.
    #[must_use]
    pub fn item(&self) -> Item {
        Item::from_number(self.item).unwrap_or(Item::Other)
    }

    /// Where it stands in its life.
    #[must_use]
    pub const fn stand(&self) -> Stand {
        match self.stand {
            2 => Stand::Stored,
            3 => Stand::Moving,
            4 => Stand::Deployed,
            5 => Stand::Lost,
            6 => Stand::Retired,
            _ => Stand::Held,
        }
    }
}
