//! What an accepted Governance record changes. Applying it again, or an older one, changes nothing.

use super::{ClusterEpoch, NodeEntry, Nodes, PolicyEpoch, RetiredKeys};
use crate::entry::{Entry, Payload};
use crate::ids::ElectionId;
use crate::kinds::{Body as _, Governance, Kind, NodeRole};
use crate::receipt::VerifiedReceipt;
use crate::tree::LeafIndex;
use crate::trust::Trust;

impl Nodes {
    /// Learns from a published Governance record: for verifiers that do not follow the whole ledger. Receipts may come in
    /// any order as long as a node's addition comes first. Whether anything was new.
    ///
    /// The receipt has been verified under the pinned election's policy; an entry's verdict is what a quorum cosigned. A policy
    /// epoch is not learned so: it needs the checkpoint that satisfies both policies ([`Trust::follow`]).
    pub fn learn(&mut self, receipt: &VerifiedReceipt, trust: &Trust) -> bool {
        match decision(receipt.entry(), trust.election_id()) {
            Some(Governance::PolicyEpoch { .. }) | None => false,
            Some(change) => self.apply(&change, receipt.leaf().get()),
        }
    }

    /// Learns from an entry of a ledger whose roots are known, policy epochs included: for whoever reads all entries in order.
    /// Whether it was an accepted decision that changed anything.
    pub fn learn_entry(&mut self, entry: &Entry, leaf: LeafIndex, election: &ElectionId) -> bool {
        decision(entry, election).is_some_and(|change| self.apply(&change, leaf.get()))
    }

    /// Applies an accepted change. Whether anything changed.
    pub(crate) fn apply(&mut self, change: &Governance, leaf: u64) -> bool {
        match change {
            Governance::NodeAdd { organisation, role, keys } => {
                let Some(role) = NodeRole::from_number(*role).filter(|_| !self.nodes.contains_key(&keys.id)) else {
                    return false;
                };
                self.nodes.insert(keys.id, NodeEntry::new(organisation.clone(), keys.clone(), role, leaf));
                true
            }
            Governance::NodeSetRole { node, role } => {
                let (Some(node), Some(role)) = (self.nodes.get_mut(node), NodeRole::from_number(*role)) else {
                    return false;
                };
                let newer = leaf > node.role_leaf;
                if newer {
                    (node.role, node.role_leaf) = (role, leaf);
                }
                newer
            }
            Governance::NodeRemove { node, .. } => {
                let Some(node) = self.nodes.get_mut(node).filter(|node| node.removed.is_none()) else { return false };
                node.removed = Some(leaf);
                true
            }
            Governance::NodeRotateKeys { keys, reason } => {
                let Some(node) = self.nodes.get_mut(&keys.id) else { return false };
                let newer = leaf > node.retired.last().map_or(node.since_leaf, |last| last.leaf);
                if newer {
                    let old = std::mem::replace(&mut node.keys, keys.clone());
                    node.retired.push(RetiredKeys { keys: old, leaf, reason: *reason });
                }
                newer
            }
            Governance::OrganisationKeys { organisation, record_key, standby_cosigner_key, .. } => {
                let Some(own) = self.organisations.get_mut(organisation) else { return false };
                let newer = leaf > own.retired.last().map_or(0, |(.., leaf)| *leaf);
                if newer {
                    own.retired.push((own.record_key, own.standby_cosigner_key, leaf));
                    (own.record_key, own.standby_cosigner_key) = (*record_key, *standby_cosigner_key);
                }
                newer
            }
            Governance::PolicyEpoch { number, policy } => {
                let next = *number as usize == self.epochs.len() + 1;
                if next {
                    self.epochs.push(PolicyEpoch { leaf, policy: policy.clone() });
                }
                next
            }
            Governance::ClusterEpoch { number, voters, learners, .. } => {
                let next = self.cluster_epoch().checked_add(1) == Some(*number);
                if next {
                    self.cluster_epochs.push(ClusterEpoch { leaf, number: *number });
                    self.go_on_with(voters, learners, leaf);
                }
                next
            }
        }
    }
}

impl Nodes {
    /// Those named go on, everybody else has left.
    fn go_on_with(&mut self, voters: &[u32], learners: &[u32], leaf: u64) {
        for (id, node) in self.nodes.iter_mut().filter(|(_, node)| node.removed.is_none()) {
            let role = match (voters.contains(id), learners.contains(id)) {
                (true, _) => NodeRole::Voter,
                (false, true) => NodeRole::Learner,
                (false, false) => {
                    node.removed = Some(leaf);
                    continue;
                }
            };
            if role != node.role {
                (node.role, node.role_leaf) = (role, leaf);
            }
        }
    }
}

/// The decision in an accepted entry of this election.
pub(crate) fn decision(entry: &Entry, election: &ElectionId) -> Option<Governance> {
    let Entry { verdict, payload: Payload::Full(signed), .. } = entry else { return None };
    let record = signed.parse().ok()?;
    let fits = verdict.is_accepted()
        && record.kind == Kind::Governance as u16
        && record.kind_version == Kind::Governance.version()
        && record.election == *election;
    if fits { Governance::from_bytes(&record.body).ok() } else { None }
}
