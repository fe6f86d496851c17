//! The registry of nodes: who has ever been one, with which keys, in which role, until when.
//!
//! It begins with the genesis record and changes by accepted Governance records only, so at one tree size every node and
//! every auditor has the same one. Entries are never dropped: what a removed node signed stays verifiable, and its id and
//! keys stay used.
//!
//! Whoever does not follow the ledger starts from [`Nodes::of_genesis`] and learns from receipts ([`Nodes::learn`]).

use crate::entry::{Entry, Payload};
use crate::ids::{Digest, PublicKey};
use crate::kinds::{Body as _, Election, Governance, Kind, NodeKeys, NodeRole};
use crate::receipt::VerifiedReceipt;
use crate::trust::Trust;
use minicbor::{Decode, Encode};
use std::collections::BTreeMap;

/// Most nodes an election ever has, removed ones included: a verifier's policy has a line for each.
pub const NODES_MAX: usize = crate::policy::LOGS_MAX;

/// One node.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct NodeEntry {
    /// Name of its organisation.
    #[n(0)]
    pub organisation: String,
    /// Its keys.
    #[n(1)]
    pub keys: NodeKeys,
    /// What it is, or was when it was removed.
    #[n(2)]
    pub role: NodeRole,
    /// The leaf that added it; 0 is the genesis record.
    #[n(3)]
    pub since_leaf: u64,
    /// The leaf that gave it its role.
    #[n(4)]
    pub role_leaf: u64,
    /// The leaf that removed it.
    #[n(5)]
    pub removed: Option<u64>,
}

/// All nodes by id.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(transparent)]
pub struct Nodes(#[n(0)] BTreeMap<u32, NodeEntry>);

impl Nodes {
    /// The nodes of the genesis record: all are voters.
    #[must_use]
    pub fn of_genesis(election: &Election) -> Self {
        let nodes = election.organisations.iter().flat_map(|organisation| {
            organisation.nodes.iter().map(|keys| {
                let entry = NodeEntry {
                    organisation: organisation.name.clone(),
                    keys: keys.clone(),
                    role: NodeRole::Voter,
                    since_leaf: 0,
                    role_leaf: 0,
                    removed: None,
                };
                (keys.id, entry)
            })
        });
        Self(nodes.collect())
    }

    /// Any node that ever was.
    #[must_use]
    pub fn get(&self, id: u32) -> Option<&NodeEntry> {
        self.0.get(&id)
    }

    /// Every node that ever was, ascending by id.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &NodeEntry)> {
        self.0.iter().map(|(id, node)| (*id, node))
    }

    /// How many nodes there ever were.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there never was a node: before the genesis record.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The nodes that have not been removed, ascending by id.
    pub fn members(&self) -> impl Iterator<Item = (u32, &NodeEntry)> {
        self.iter().filter(|(_, node)| node.removed.is_none())
    }

    /// A node that has not been removed.
    #[must_use]
    pub fn member(&self, id: u32) -> Option<&NodeEntry> {
        self.get(id).filter(|node| node.removed.is_none())
    }

    /// The members that vote in consensus, ascending by id.
    pub fn voters(&self) -> impl Iterator<Item = (u32, &NodeEntry)> {
        self.members().filter(|(_, node)| node.role == NodeRole::Voter)
    }

    /// The key a node's batches are signed with. Of removed nodes too: whether the proposer was a member where a batch
    /// stands is asked apart ([`crate::batch::SignedBatch::check_member`]).
    #[must_use]
    pub fn batch_key(&self, id: u32) -> Option<PublicKey> {
        self.get(id).map(|node| node.keys.batch_key)
    }

    /// The key a node's promises and refusals are signed with. Of removed nodes too: a promise outlives its node.
    #[must_use]
    pub fn promise_key(&self, id: u32) -> Option<PublicKey> {
        self.get(id).map(|node| node.keys.promise_key)
    }

    /// The member whose TLS certificate has this SubjectPublicKeyInfo digest.
    #[must_use]
    pub fn by_spki(&self, digest: &Digest) -> Option<u32> {
        self.members().find(|(_, node)| node.keys.tls_spki_sha256 == *digest).map(|(id, _)| id)
    }

    /// Whether a public key is or was some node's, in any role.
    #[must_use]
    pub fn holds_key(&self, key: &PublicKey) -> bool {
        self.0.values().any(|node| signing_keys(&node.keys).contains(key))
    }

    /// Whether a TLS key is or was some node's.
    #[must_use]
    pub fn holds_spki(&self, digest: &Digest) -> bool {
        self.0.values().any(|node| node.keys.tls_spki_sha256 == *digest)
    }

    /// Learns from a published Governance record: for verifiers that do not follow the whole ledger. Receipts may come in
    /// any order as long as a node's addition comes first. Whether anything was new.
    ///
    /// The receipt has been verified under the pinned election's policy; an entry's verdict is what a quorum cosigned.
    pub fn learn(&mut self, receipt: &VerifiedReceipt, trust: &Trust) -> bool {
        let Entry { verdict, payload: Payload::Full(signed), .. } = receipt.entry() else { return false };
        let Ok(record) = signed.parse() else { return false };
        if !verdict.is_accepted()
            || record.kind != Kind::Governance as u16
            || record.kind_version != Kind::Governance.version()
            || record.election != *trust.election_id()
        {
            return false;
        }
        Governance::from_bytes(&record.body).is_ok_and(|change| self.apply(&change, receipt.leaf().get()))
    }

    /// Applies an accepted change. Applying it again, or an older one, changes nothing. Whether anything changed.
    pub(crate) fn apply(&mut self, change: &Governance, leaf: u64) -> bool {
        match change {
            Governance::NodeAdd { organisation, role, keys } => {
                let Some(role) = NodeRole::from_number(*role) else { return false };
                if self.0.contains_key(&keys.id) {
                    return false;
                }
                let entry = NodeEntry {
                    organisation: organisation.clone(),
                    keys: keys.clone(),
                    role,
                    since_leaf: leaf,
                    role_leaf: leaf,
                    removed: None,
                };
                self.0.insert(keys.id, entry);
                true
            }
            Governance::NodeSetRole { node, role } => {
                let (Some(node), Some(role)) = (self.0.get_mut(node), NodeRole::from_number(*role)) else {
                    return false;
                };
                let newer = leaf > node.role_leaf;
                if newer {
                    (node.role, node.role_leaf) = (role, leaf);
                }
                newer
            }
            Governance::NodeRemove { node, .. } => {
                let Some(node) = self.0.get_mut(node).filter(|node| node.removed.is_none()) else { return false };
                node.removed = Some(leaf);
                true
            }
        }
    }
}

/// The keys a node signs with.
pub(crate) const fn signing_keys(keys: &NodeKeys) -> [PublicKey; 4] {
    [keys.cosigner_key, keys.log_key, keys.promise_key, keys.batch_key]
}
