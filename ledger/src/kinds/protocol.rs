//! A unit's protocol.

use super::{Body, Cell, Kind};
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
    /// Number of a [`crate::kinds::Basis`].
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
    /// Code of an explanation; 0 for none.
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
