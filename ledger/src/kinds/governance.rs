//! Decisions of the organisations about their cluster: which nodes there are, and what each of them is.
//!
//! Raft membership has no legal meaning (DESIGN §9): these records have, and nodes reconcile towards them.

use super::{Body, Kind, NodeKeys};
use minicbor::{Decode, Encode};

/// A decision. Scope: the election; signed by the record keys of organisations that satisfy the trust policy's quorum.
///
/// The first number of the body says which decision it is; numbers from 16 on are kept for policy epochs, rules
/// activations and cluster epochs of later versions.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[expect(clippy::large_enum_variant, reason = "a handful in an election; never many in memory")]
pub enum Governance {
    /// A node joins. Also signed by its own organisation: nobody puts a node in another's name.
    #[n(1)]
    #[cbor(array)]
    NodeAdd {
        /// Name of its organisation, as in the genesis record.
        #[n(0)]
        organisation: String,
        /// Number of a [`NodeRole`].
        #[n(1)]
        role: u8,
        /// Its keys. The id has never been used; no key has another role or holder.
        #[n(2)]
        keys: NodeKeys,
    },
    /// A node is promoted or demoted.
    #[n(2)]
    #[cbor(array)]
    NodeSetRole {
        /// Which.
        #[n(0)]
        node: u32,
        /// Number of a [`NodeRole`]; another one than it has.
        #[n(1)]
        role: u8,
    },
    /// A node leaves for good; its id and keys are never used again.
    #[n(3)]
    #[cbor(array)]
    NodeRemove {
        /// Which.
        #[n(0)]
        node: u32,
        /// Number of a [`RemovalReason`].
        #[n(1)]
        reason: u8,
    },
}

impl Body for Governance {
    const KIND: Kind = Kind::Governance;
}

/// What a node is in the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
#[cbor(index_only)]
#[repr(u8)]
pub enum NodeRole {
    /// Has every record, judges and cosigns; does not vote in consensus.
    #[n(1)]
    Learner = 1,
    /// Votes in consensus too.
    #[n(2)]
    Voter = 2,
}

impl NodeRole {
    /// The role with this number.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::Learner),
            2 => Some(Self::Voter),
            _ => None,
        }
    }
}

/// Why a node leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum RemovalReason {
    /// Another node takes its place in good order.
    Replaced = 1,
    /// Its machine or its disk is lost.
    Lost = 2,
    /// A key of it may be in other hands.
    KeyCompromised = 3,
    /// Its organisation withdraws it.
    Withdrawn = 4,
    /// It has signed what cannot both be true, or breaks promises.
    Misbehaved = 5,
}

impl RemovalReason {
    /// The reason with this number.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::Replaced,
            2 => Self::Lost,
            3 => Self::KeyCompromised,
            4 => Self::Withdrawn,
            5 => Self::Misbehaved,
            _ => return None,
        })
    }
}
