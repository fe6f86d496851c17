//! A unit's protocol.

use super::{Basis, Body, Cell, Kind};
use crate::ids::{Digest, KeyId, Maybe, Nonce};
use minicbor::{Decode, Encode};

/// A unit's protocol. Scope: the unit; signed by the member quorum.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Protocol {
    /// Code of the form.
    #[n(0)]
    pub form: String,
    /// Version of the form.
    #[n(1)]
    pub form_version: u32,
    /// Number of a [`ProtocolBasis`].
    #[n(2)]
    pub basis: u8,
    /// All lines of the form, in its order.
    #[n(3)]
    pub lines: Vec<LineValue>,
    /// Counts of the own constituency by position; empty where there is none or its cell is too small to show.
    #[n(4)]
    pub counts: Vec<u64>,
    /// Hand protocols: one cell a constituency other than those in `counts`, as counted. Machine protocols: empty.
    #[n(5)]
    pub cells: Vec<Cell>,
    /// Seal numbers on the packed papers.
    #[n(6)]
    pub seals: Vec<String>,
    /// Members present.
    #[n(7)]
    pub present: Vec<KeyId>,
    /// Members who hold another opinion.
    #[n(8)]
    pub dissenting: Vec<KeyId>,
    /// Why it is not the first, or not as it should be: 0 nothing said, 1 arithmetic, 2 a figure in a wrong line, 3 counted again,
    /// 4 decided by a commission or a court, 5 the paper could not be read, 6 an opening was lost, 7 another reason.
    #[n(9)]
    pub explanation: u32,
    /// BLAKE3 of the scanned paper, or nothing.
    #[n(10)]
    pub scan: Maybe<Digest>,
    /// Machine protocols: the salt of the digest that the closing record carried.
    #[n(11)]
    pub closing_salt: Maybe<Nonce>,
}
body!(Protocol, Protocol);

impl Protocol {
    /// What the closing record carries of this protocol while the embargo lasts: BLAKE3 (context `tamga 2025 closing
    /// digest v1`) of the body, whose own salt makes it unguessable.
    #[must_use]
    pub fn closing_digest(&self) -> Digest {
        Digest(
            *blake3::Hasher::new_derive_key("tamga 2025 closing digest v1")
                .update(&self.to_bytes())
                .finalize()
                .as_bytes(),
        )
    }
}

/// Largest code of an explanation.
pub const EXPLANATION_MAX: u32 = 7;

/// What a protocol rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum ProtocolBasis {
    /// The reading box: preliminary.
    Machine = 0,
    /// The hand count: the legal result.
    Hand = 1,
    /// The papers, counted again.
    Recount = 2,
    /// A paper protocol, typed in by whoever could not be there; its scan is named.
    Transcribed = 3,
}

impl ProtocolBasis {
    /// The basis with this number.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            0 => Self::Machine,
            1 => Self::Hand,
            2 => Self::Recount,
            3 => Self::Transcribed,
            _ => return None,
        })
    }

    /// Which of the two counts of a unit it states: everything but the machine's is the legal one.
    #[must_use]
    pub const fn side(self) -> Basis {
        match self {
            Self::Machine => Basis::Machine,
            Self::Hand | Self::Recount | Self::Transcribed => Basis::Hand,
        }
    }
}

/// A line with its figure.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, serde::Serialize, serde::Deserialize)]
#[cbor(array)]
pub struct LineValue {
    /// Code of the line.
    #[n(0)]
    pub code: String,
    /// Its figure.
    #[n(1)]
    pub value: u64,
}
