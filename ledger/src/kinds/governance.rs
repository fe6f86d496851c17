//! Decisions of the organisations about themselves and their cluster: which nodes there are, what each of them is, which keys
//! they have, and who has to cosign.
//!
//! Raft membership has no legal meaning (DESIGN §9): these records have, and nodes reconcile towards them.

use super::{Body, Kind, NodeKeys};
use crate::ids::{Digest, PublicKey, Signature};
use minicbor::{Decode, Encode};

/// A decision. Scope: the election; signed by the record keys of organisations that satisfy the trust policy's quorum.
///
/// The first number of the body says which decision it is; 17 (rules activation) is kept for a later version.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
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
    /// A node gets other keys, from this record's own leaf on. Also signed by its own organisation. What was signed with the
    /// old ones before stays valid. The batch key cannot change: a node that lost it is replaced by another.
    #[n(4)]
    #[cbor(array)]
    NodeRotateKeys {
        /// All its keys, changed or not; the id says which node.
        #[n(0)]
        keys: NodeKeys,
        /// Number of a [`RotationReason`].
        #[n(1)]
        reason: u8,
    },
    /// An organisation gets another record key, another standby cosigner key, or both, from this record's own leaf on. Its own
    /// signature is not needed: it may have lost its key.
    #[n(5)]
    #[cbor(array)]
    OrganisationKeys {
        /// Its name, as in the genesis record.
        #[n(0)]
        organisation: String,
        /// Signs records in its name, changed or not.
        #[n(1)]
        record_key: PublicKey,
        /// Cosigns if a node's own key is lost, changed or not. It counts once a policy epoch lists it.
        #[n(2)]
        standby_cosigner_key: PublicKey,
        /// By the record key, over [`super::KeyGrant::possession_message`] for an organisation and the whole election.
        #[n(3)]
        possession: Signature,
        /// Number of a [`RotationReason`].
        #[n(4)]
        reason: u8,
    },
    /// Another trust policy. Checkpoints that cover this record need it; the first one needs the policy before it as well.
    #[n(16)]
    #[cbor(array)]
    PolicyEpoch {
        /// 1 for the first change, and so on.
        #[n(0)]
        number: u32,
        /// C2SP tlog-policy text without `log` lines.
        #[n(1)]
        policy: String,
    },
    /// The cluster begins anew, from its last published size: its nodes have lost, or contradict, what came behind. Stands at
    /// the leaf of that very index, so that a recovery never rolls back what is published and never skips anything. Nodes
    /// that are not named leave for good: their disks are lost, or they may go on by themselves with what was given up.
    #[n(18)]
    #[cbor(array)]
    ClusterEpoch {
        /// One more than before.
        #[n(0)]
        number: u32,
        /// The published size, and the index of the leaf at which this record stands.
        #[n(1)]
        size: u64,
        /// Root of the RFC 6962 tree (SHA-256) of that size.
        #[n(2)]
        sha256: Digest,
        /// Root of the tree with BLAKE3.
        #[n(3)]
        blake3: Digest,
        /// Nodes that go on as voters, ascending.
        #[n(4)]
        voters: Vec<u32>,
        /// Nodes that go on as learners, ascending.
        #[n(5)]
        learners: Vec<u32>,
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

/// Why keys are replaced or revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum RotationReason {
    /// In good order: a node's old TLS key is let in until the next rotation, so that it may restart when it likes.
    Routine = 1,
    /// The secret half is lost, or a cosigner's memory is.
    Lost = 2,
    /// The secret half may be in other hands.
    Compromised = 3,
}

impl RotationReason {
    /// The reason with this number.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::Routine,
            2 => Self::Lost,
            3 => Self::Compromised,
            _ => return None,
        })
    }
}
