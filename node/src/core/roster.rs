//! Who the nodes are, as far as connections are concerned.
//!
//! ```text
//! genesis ─► Governance records in this node's ledger ─────────► in force ─┬─► TLS: whom to let in, whom to cut off
//!            Governance records that peers have shown, ahead of it ───────┘├─► peers: whom to call
//!                                                                          └─► reconciler: what Raft's members should be
//! ```
//!
//! Judging and batches ask the judging state itself, at the place in question. What stands here decides about connections
//! only, and there a node must be able to run ahead of its own ledger: one that was away, or is new, could otherwise not be
//! reached by a leader that joined meanwhile, and would never learn why.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tamga_consensus::NodeId;
use tamga_ledger::ids::{Digest, ElectionId, KeyId};
use tamga_ledger::kinds::{Governance, NodeRole};
use tamga_ledger::nodes::{NodeEntry, Nodes};
use tamga_ledger::sign::VerificationKey;
use tamga_ledger::state::State;
use tamga_ledger::submission::{Confidential, Content, KeySource, Submission, authenticate_submission};
use tamga_ledger::trust::Trust;
use tokio::sync::watch;

/// Most nodes that records shown by peers may add before the own ledger confirms them.
const SHOWN_MAX: usize = 64;

/// All nodes there ever were. See the module.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Roster {
    ledger: Arc<Nodes>,
    /// Known from records that peers have shown; none of them is in `ledger`.
    shown: BTreeMap<u32, NodeEntry>,
    /// Voters of Raft's membership, as this node knows it. One that the organisations have removed is heard until it is none
    /// any more: its vote may be needed for the very change that takes it away.
    voters: BTreeSet<u32>,
}

impl Roster {
    /// As the judging state has it; before leaf 0, the nodes of the genesis record.
    #[must_use]
    pub fn of(state: &State, trust: &Trust) -> Self {
        if state.head().size.is_empty() {
            return Self::of_genesis(trust);
        }
        Self { ledger: Arc::clone(state.nodes()), ..Self::default() }
    }

    /// The nodes of the genesis record.
    pub(crate) fn of_genesis(trust: &Trust) -> Self {
        Self { ledger: Arc::new(Nodes::of_genesis(trust.election())), ..Self::default() }
    }

    /// A node that has not been removed.
    #[must_use]
    pub fn get(&self, id: u32) -> Option<&NodeEntry> {
        self.ledger.member(id).or_else(|| self.shown.get(&id).filter(|node| node.removed.is_none()))
    }

    /// Whether a node was removed for good.
    #[must_use]
    pub fn is_removed(&self, id: u32) -> bool {
        let ever = self.ledger.get(id).or_else(|| self.shown.get(&id));
        ever.is_some_and(|node| node.removed.is_some())
    }

    /// What this node's ledger says, without what peers have shown.
    #[must_use]
    pub fn ledger(&self) -> &Nodes {
        &self.ledger
    }

    /// All that have not been removed.
    pub fn in_force(&self) -> impl Iterator<Item = (u32, &NodeEntry)> {
        let shown = self.shown.iter().map(|(id, node)| (*id, node)).filter(|(_, node)| node.removed.is_none());
        self.ledger.members().chain(shown)
    }

    /// Those that have been removed and still vote in Raft.
    pub fn on_their_way_out(&self) -> impl Iterator<Item = (u32, &NodeEntry)> {
        let removed = |id: &u32| self.ledger.get(*id).filter(|node| node.removed.is_some()).map(|node| (*id, node));
        self.voters.iter().filter_map(removed)
    }

    /// Whether a node is heard: it has not been removed, or Raft still needs its vote.
    #[must_use]
    pub fn hears(&self, id: u32) -> bool {
        self.get(id).is_some() || self.on_their_way_out().any(|(node, _)| node == id)
    }

    /// Whose certificate is whose, for all that are heard.
    pub fn pins(&self) -> impl Iterator<Item = (Digest, NodeId)> {
        self.in_force()
            .chain(self.on_their_way_out())
            .flat_map(|(id, node)| node.pins().map(move |pin| (pin, NodeId(u64::from(id)))))
    }

    /// Takes over the ledger's word; what was shown and is in the ledger now is forgotten.
    pub(crate) fn settle(&mut self, ledger: Arc<Nodes>) {
        self.shown.retain(|id, node| !(ledger.get(*id).is_some() || ledger.holds_spki(&node.keys.tls_spki_sha256)));
        self.ledger = ledger;
    }

    /// Takes over what the organisations have signed, ahead of the ledger. A node that the ledger has is left alone: there
    /// the judge has the word, and a signed record may have been refused.
    pub(crate) fn foresee(&mut self, decision: &Governed) {
        match &decision.0 {
            Governance::NodeAdd { organisation, role, keys } => {
                let Some(role) = NodeRole::from_number(*role) else { return };
                let pin = keys.tls_spki_sha256;
                let known = self.ledger.get(keys.id).is_some()
                    || self.ledger.holds_spki(&pin)
                    || self.shown.contains_key(&keys.id)
                    || self.shown.values().any(|node| node.keys.tls_spki_sha256 == pin);
                if !known && self.shown.len() < SHOWN_MAX {
                    let (organisation, keys) = (organisation.clone(), keys.clone());
                    let node = NodeEntry::new(organisation, keys, role, 0);
                    self.shown.insert(node.keys.id, node);
                }
            }
            Governance::NodeRemove { node, .. } => {
                if let Some(node) = self.shown.get_mut(node) {
                    node.removed = Some(0);
                }
            }
            // Who votes or cosigns is none of TLS' business, and of a node that is known the ledger tells its keys.
            Governance::NodeSetRole { .. }
            | Governance::NodeRotateKeys { .. }
            | Governance::OrganisationKeys { .. }
            | Governance::PolicyEpoch { .. }
            | Governance::ClusterEpoch { .. } => {}
        }
    }
}

/// A decision that organisations satisfying the trust policy's quorum have signed, whether or not this node's ledger has
/// it. Only [`Governed::verify`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Governed(Governance);

impl Governed {
    /// Reads a record as a peer has shown it. Nothing of it is believed but what the organisations have signed.
    pub(crate) fn verify(bytes: &[u8], trust: &Trust) -> Option<Self> {
        let submission = Submission::from_bytes(bytes).ok()?;
        let keys = RecordKeys(trust);
        let election: &ElectionId = trust.election_id();
        let authentic = authenticate_submission(submission, election, &keys, Confidential::Required).ok()?;
        let Content::Governance(decision) = authentic.content() else { return None };
        let signers = &authentic.record().signers;
        let signed = trust.registry().organisations().filter(|(_, one)| signers.contains(&one.record_key.id()));
        let quorum = trust.policy().satisfied_by_organisations(signed.map(|(name, _)| name));
        quorum.then(|| Self(decision.clone()))
    }
}

/// The voters as these decisions, in the ledger's order, leave them.
pub(crate) fn voters_after(genesis: &Nodes, decisions: &[Governed]) -> BTreeSet<u32> {
    let mut voters: BTreeSet<u32> = genesis.voters().map(|(id, _)| id).collect();
    for Governed(decision) in decisions {
        if let Governance::ClusterEpoch { voters: going_on, .. } = decision {
            voters = going_on.iter().copied().collect();
            continue;
        }
        let (node, role) = match decision {
            Governance::NodeAdd { role, keys, .. } => (keys.id, NodeRole::from_number(*role)),
            Governance::NodeSetRole { node, role } => (*node, NodeRole::from_number(*role)),
            Governance::NodeRemove { node, .. } => (*node, None),
            // They change who signs, not who votes.
            Governance::NodeRotateKeys { .. }
            | Governance::OrganisationKeys { .. }
            | Governance::PolicyEpoch { .. }
            | Governance::ClusterEpoch { .. } => continue,
        };
        if role == Some(NodeRole::Voter) {
            voters.insert(node);
        } else {
            voters.remove(&node);
        }
    }
    voters
}

/// The organisations' record keys: whoever signs decisions.
struct RecordKeys<'a>(&'a Trust);

impl KeySource for RecordKeys<'_> {
    fn find(&self, id: &KeyId) -> Option<VerificationKey> {
        let organisations = self.0.registry().organisations();
        organisations.map(|(_, one)| one.record_key).find(|key| key.id() == *id).as_ref().map(VerificationKey::new)
    }
}

/// The roster as it changes, for everybody who has connections.
#[derive(Debug)]
pub(crate) struct RosterNow(watch::Sender<Arc<Roster>>);

impl RosterNow {
    pub(crate) fn new(roster: Roster) -> Self {
        Self(watch::Sender::new(Arc::new(roster)))
    }

    pub(crate) fn now(&self) -> Arc<Roster> {
        Arc::clone(&self.0.borrow())
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<Arc<Roster>> {
        self.0.subscribe()
    }

    /// The ledger has decided something, or has been replayed.
    pub(crate) fn settle(&self, ledger: Arc<Nodes>) {
        self.change(|roster| roster.settle(ledger));
    }

    /// Peers have shown decisions.
    pub(crate) fn foresee(&self, decisions: &[Governed]) {
        self.change(|roster| decisions.iter().for_each(|decision| roster.foresee(decision)));
    }

    /// Raft's voters are these.
    pub(crate) fn vote(&self, voters: BTreeSet<u32>) {
        self.change(|roster| roster.voters = voters);
    }

    fn change(&self, change: impl FnOnce(&mut Roster)) {
        self.0.send_if_modified(|roster| {
            let mut changed = Roster::clone(roster);
            change(&mut changed);
            let other = changed != **roster;
            if other {
                *roster = Arc::new(changed);
            }
            other
        });
    }
}

#[cfg(test)]
mod tests;
