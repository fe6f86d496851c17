//! The registry: who has ever been a node, with which keys, in which role, until when; the organisations' keys; and who has
//! had to cosign, epoch after epoch.
//!
//! It begins with the genesis record and changes by accepted Governance records only, so at one tree size every node and
//! every auditor has the same one. Entries are never dropped: what a removed node or a replaced key signed stays verifiable,
//! and ids and keys stay used.
//!
//! Whoever does not follow the ledger starts from [`Nodes::of_genesis`] and learns from receipts ([`Nodes::learn`]), or walks
//! a [`crate::history::History`].
//!
//! | file | what |
//! |---|---|
//! | `nodes` | what there is, and looking it up |
//! | `change` | what a Governance record changes |

mod change;

pub(crate) use change::decision;

use crate::ids::{Digest, PublicKey};
use crate::kinds::{Election, NodeKeys, NodeRole, RotationReason};
use minicbor::{Decode, Encode};
use std::collections::BTreeMap;

/// Most nodes an election ever has, removed ones included: a verifier's policy has a line for each.
pub const NODES_MAX: usize = crate::policy::LOGS_MAX;
/// Most times that the keys of one node, or of one organisation, are replaced.
pub const ROTATIONS_MAX: usize = 64;

/// One node.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct NodeEntry {
    /// Name of its organisation.
    #[n(0)]
    pub organisation: String,
    /// Its keys now.
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
    /// Keys it had before, oldest first.
    #[n(6)]
    pub retired: Vec<RetiredKeys>,
}

/// Keys that a node has no more.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct RetiredKeys {
    /// All of them; some may be the same as in the next set.
    #[n(0)]
    pub keys: NodeKeys,
    /// The leaf that replaced them.
    #[n(1)]
    pub leaf: u64,
    /// Number of a [`RotationReason`].
    #[n(2)]
    pub reason: u8,
}

impl NodeEntry {
    /// A node as it is added by `leaf`.
    #[must_use]
    pub const fn new(organisation: String, keys: NodeKeys, role: NodeRole, leaf: u64) -> Self {
        Self { organisation, keys, role, since_leaf: leaf, role_leaf: leaf, removed: None, retired: Vec::new() }
    }

    /// All sets of keys it ever had, the one in force first.
    pub fn all_keys(&self) -> impl Iterator<Item = &NodeKeys> {
        std::iter::once(&self.keys).chain(self.retired.iter().rev().map(|retired| &retired.keys))
    }

    /// The TLS keys it is let in with: the registered one, and the one before it if that was replaced in good order.
    pub fn pins(&self) -> impl Iterator<Item = Digest> {
        let last = self.retired.last().filter(|last| last.reason == RotationReason::Routine as u8);
        let before = last.map(|last| last.keys.tls_spki_sha256).filter(|pin| *pin != self.keys.tls_spki_sha256);
        std::iter::once(self.keys.tls_spki_sha256).chain(before)
    }
}

/// One organisation's own keys.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct OrganisationEntry {
    /// Signs records in its name.
    #[n(0)]
    pub record_key: PublicKey,
    /// Cosigns if a node's own key is lost.
    #[n(1)]
    pub standby_cosigner_key: PublicKey,
    /// Keys it had before, oldest first: record key, standby key, the leaf that replaced them.
    #[n(2)]
    pub retired: Vec<(PublicKey, PublicKey, u64)>,
}

/// A change of the trust policy.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct PolicyEpoch {
    /// The leaf that decided it: in force for every tree size above.
    #[n(0)]
    pub leaf: u64,
    /// C2SP tlog-policy text without `log` lines.
    #[n(1)]
    pub policy: String,
}

/// A new beginning of the cluster from a published size.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct ClusterEpoch {
    /// The leaf that decided it; also the size that it began from.
    #[n(0)]
    pub leaf: u64,
    /// Its number: batches carry it.
    #[n(1)]
    pub number: u32,
}

/// All nodes by id, all organisations by name, all policy epochs and cluster epochs after the genesis record's.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Nodes {
    #[n(0)]
    nodes: BTreeMap<u32, NodeEntry>,
    #[n(1)]
    organisations: BTreeMap<String, OrganisationEntry>,
    #[n(2)]
    epochs: Vec<PolicyEpoch>,
    #[n(3)]
    cluster_epochs: Vec<ClusterEpoch>,
    /// The genesis record's cluster epoch.
    #[n(4)]
    cluster_epoch_first: u32,
}

impl Nodes {
    /// The nodes of the genesis record: all are voters.
    #[must_use]
    pub fn of_genesis(election: &Election) -> Self {
        let nodes = election.organisations.iter().flat_map(|organisation| {
            organisation
                .nodes
                .iter()
                .map(|keys| (keys.id, NodeEntry::new(organisation.name.clone(), keys.clone(), NodeRole::Voter, 0)))
        });
        let organisations = election.organisations.iter().map(|organisation| {
            let entry = OrganisationEntry {
                record_key: organisation.record_key,
                standby_cosigner_key: organisation.standby_cosigner_key,
                retired: Vec::new(),
            };
            (organisation.name.clone(), entry)
        });
        Self {
            nodes: nodes.collect(),
            organisations: organisations.collect(),
            epochs: Vec::new(),
            cluster_epochs: Vec::new(),
            cluster_epoch_first: election.cluster_epoch,
        }
    }

    /// Any node that ever was.
    #[must_use]
    pub fn get(&self, id: u32) -> Option<&NodeEntry> {
        self.nodes.get(&id)
    }

    /// Every node that ever was, ascending by id.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &NodeEntry)> {
        self.nodes.iter().map(|(id, node)| (*id, node))
    }

    /// How many nodes there ever were.
    #[must_use]
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there never was a node: before the genesis record.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
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

    /// An organisation's own keys, by its name in the genesis record.
    #[must_use]
    pub fn organisation(&self, name: &str) -> Option<&OrganisationEntry> {
        self.organisations.get(name)
    }

    /// All organisations, ascending by name.
    pub fn organisations(&self) -> impl Iterator<Item = (&str, &OrganisationEntry)> {
        self.organisations.iter().map(|(name, organisation)| (name.as_str(), organisation))
    }

    /// The changes of the trust policy, in order: the first is epoch 1.
    #[must_use]
    pub fn epochs(&self) -> &[PolicyEpoch] {
        &self.epochs
    }

    /// The new beginnings of the cluster, in order; none in a cluster that was never recovered.
    #[must_use]
    pub fn cluster_epochs(&self) -> &[ClusterEpoch] {
        &self.cluster_epochs
    }

    /// The cluster epoch in force: batches are signed for it.
    #[must_use]
    pub fn cluster_epoch(&self) -> u32 {
        self.cluster_epochs.last().map_or(self.cluster_epoch_first, |epoch| epoch.number)
    }

    /// The text of the trust policy that the next checkpoint needs.
    #[must_use]
    pub fn policy_text<'a>(&'a self, election: &'a Election) -> &'a str {
        self.epochs.last().map_or(&election.trust_policy, |epoch| &epoch.policy)
    }

    /// The key a node's batches are signed with; it never changes. Of removed nodes too: whether the proposer was a member
    /// where a batch stands is asked apart ([`crate::batch::SignedBatch::check_member`]).
    #[must_use]
    pub fn batch_key(&self, id: u32) -> Option<PublicKey> {
        self.get(id).map(|node| node.keys.batch_key)
    }

    /// The keys a node's promises and refusals are or were signed with, the one in force first. Of removed nodes too: a
    /// promise outlives its node and its key.
    pub fn promise_keys(&self, id: u32) -> impl Iterator<Item = PublicKey> {
        self.get(id).into_iter().flat_map(NodeEntry::all_keys).map(|keys| keys.promise_key)
    }

    /// Every key that ever signed checkpoints as the log, each once.
    pub fn log_keys(&self) -> impl Iterator<Item = PublicKey> {
        let mut seen = std::collections::BTreeSet::new();
        let all = self.nodes.values().flat_map(NodeEntry::all_keys).map(|keys| keys.log_key);
        all.filter(move |key| seen.insert(*key))
    }

    /// The leaf that registered a log key: who reads a ledger that ends before it does not know the key. 0 for the genesis
    /// record's; none if it never was one.
    #[must_use]
    pub fn log_key_since(&self, key: &PublicKey) -> Option<u64> {
        let since = |node: &NodeEntry| {
            let mut since = node.since_leaf;
            for retired in &node.retired {
                if retired.keys.log_key == *key {
                    return Some(since);
                }
                since = retired.leaf;
            }
            (node.keys.log_key == *key).then_some(since)
        };
        self.nodes.values().filter_map(since).min()
    }

    /// The member whose TLS certificate has this SubjectPublicKeyInfo digest.
    #[must_use]
    pub fn by_spki(&self, digest: &Digest) -> Option<u32> {
        self.members().find(|(_, node)| node.pins().any(|pin| pin == *digest)).map(|(id, _)| id)
    }

    /// Whether a public key is or was some node's, in any role.
    #[must_use]
    pub fn is_of_node(&self, key: &PublicKey) -> bool {
        self.nodes.values().flat_map(NodeEntry::all_keys).any(|keys| signing_keys(keys).contains(key))
    }

    /// Whether a public key is or was some node's or some organisation's own, in any role.
    #[must_use]
    pub fn holds_key(&self, key: &PublicKey) -> bool {
        let own = |organisation: &OrganisationEntry| {
            organisation.record_key == *key
                || organisation.standby_cosigner_key == *key
                || organisation.retired.iter().any(|(record, standby, _)| record == key || standby == key)
        };
        self.is_of_node(key) || self.organisations.values().any(own)
    }

    /// Whether a TLS key is or was some node's.
    #[must_use]
    pub fn holds_spki(&self, digest: &Digest) -> bool {
        self.nodes.values().flat_map(NodeEntry::all_keys).any(|keys| keys.tls_spki_sha256 == *digest)
    }

    /// The leaf of the last record that made this registry; 0 for the genesis record's. Of two registries of one ledger the one
    /// with the larger is ahead.
    #[must_use]
    pub fn last_leaf(&self) -> u64 {
        self.leaves().last().copied().unwrap_or(0)
    }

    /// The leaves whose records made this registry, ascending; not the genesis record's.
    #[must_use]
    pub fn leaves(&self) -> Vec<u64> {
        let nodes = self.nodes.values().flat_map(|node| {
            let retired = node.retired.iter().map(|retired| Some(retired.leaf));
            [Some(node.since_leaf), Some(node.role_leaf), node.removed].into_iter().chain(retired)
        });
        let organisations = self.organisations.values().flat_map(|one| one.retired.iter().map(|(.., leaf)| *leaf));
        let epochs = self.epochs.iter().map(|epoch| epoch.leaf);
        let epochs = epochs.chain(self.cluster_epochs.iter().map(|epoch| epoch.leaf));
        let mut leaves: Vec<u64> =
            nodes.flatten().chain(organisations).chain(epochs).filter(|leaf| *leaf > 0).collect();
        leaves.sort_unstable();
        leaves.dedup();
        leaves
    }
}

/// The keys a node signs with.
pub(crate) const fn signing_keys(keys: &NodeKeys) -> [PublicKey; 4] {
    [keys.cosigner_key, keys.log_key, keys.promise_key, keys.batch_key]
}
