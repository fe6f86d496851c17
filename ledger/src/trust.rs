//! What a verifier starts from: the pinned genesis digest, and the genesis record that fits it. Never trust on first use.

use crate::entry::{Entry, EntryError, Payload};
use crate::ids::ElectionId;
use crate::judge::{self, GenesisError, NodeRegistration};
use crate::kinds::Election;
use crate::nodes::{NodeEntry, Nodes};
use crate::note::{CheckpointVerifyError, KeyName, KeyRole, UnverifiedCheckpoint, VerifiedCheckpoint, VerifierKey};
use crate::policy::{Log, Policy};
use crate::submission::{Authentic, Confidential, Content, NoKeys, Rejection, Submission, authenticate_submission};
use crate::tree::TreeSize;

/// An election whose genesis record matched the pinned digest and is signed by all its organisations.
#[derive(Debug, Clone)]
pub struct Trust {
    id: ElectionId,
    election: Election,
    origin: KeyName,
    /// The leaf from which on (0: the genesis record's), and the policy. Never empty; leaves ascend.
    policies: Vec<(u64, Policy)>,
    registry: Nodes,
    nodes: Vec<NodeRegistration>,
}

/// Why a genesis record is not the pinned one, or not a valid one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TrustError {
    /// Another election.
    #[error("the genesis record's digest is {found}, but {pinned} was pinned: this is another election")]
    OtherElection {
        /// What the caller asked for.
        pinned: ElectionId,
        /// What the record gives.
        found: ElectionId,
    },
    /// Entry 0 is no entry.
    #[error("entry 0: {0}")]
    Entry(#[from] EntryError),
    /// Not authentic.
    #[error("genesis record: {0}")]
    Rejected(#[from] Rejection),
    /// Authentic, but breaks a rule.
    #[error("genesis record: {0}")]
    Invalid(#[from] GenesisError),
    /// Not an Election record.
    #[error("entry 0 is not an accepted genesis record")]
    NotGenesis,
}

impl Trust {
    /// From entry 0 as a node serves it.
    ///
    /// # Errors
    /// [`TrustError`]; nothing that fails may be believed.
    pub fn from_entry(entry: &[u8], pinned: &ElectionId) -> Result<Self, TrustError> {
        let Entry { payload: Payload::Full(signed), verdict, .. } = Entry::from_bytes(entry)? else {
            return Err(TrustError::NotGenesis);
        };
        if !verdict.is_accepted() {
            return Err(TrustError::NotGenesis);
        }
        Self::from_submission(Submission::public(signed), Some(pinned))
    }

    /// From the signed genesis record, checked against `pinned` if given. Without it the caller vouches for the record:
    /// a node does for the file its operator configured.
    ///
    /// # Errors
    /// [`TrustError`].
    pub fn from_submission(genesis: Submission, pinned: Option<&ElectionId>) -> Result<Self, TrustError> {
        let found = ElectionId::of_genesis(&genesis.signed.record);
        if let Some(pinned) = pinned
            && *pinned != found
        {
            return Err(TrustError::OtherElection { pinned: *pinned, found });
        }
        let authentic = authenticate_submission(genesis, &ElectionId::ZERO, &NoKeys, Confidential::Required)?;
        Self::from_authentic(&authentic)
    }

    fn from_authentic(authentic: &Authentic) -> Result<Self, TrustError> {
        let Content::Election(election) = authentic.content() else { return Err(TrustError::NotGenesis) };
        judge::check_genesis(election, authentic.record())?;
        let id = ElectionId::of_genesis(&authentic.signed().record);
        let origin = origin(election, &id).map_err(|error| GenesisError::Policy(error.to_string()))?;
        Self::with_registry(id, (**election).clone(), origin, Nodes::of_genesis(election))
    }

    fn with_registry(id: ElectionId, election: Election, origin: KeyName, registry: Nodes) -> Result<Self, TrustError> {
        let registration =
            |node: &NodeEntry| NodeRegistration { organisation: node.organisation.clone(), keys: node.keys.clone() };
        // Log keys of removed nodes and replaced ones too: what they signed before is still there to be verified.
        let keys = registry.log_keys().filter_map(|key| VerifierKey::new(origin.clone(), KeyRole::Log, &key.0).ok());
        let logs: String = keys.map(|key| format!("{}\n", Log { key, url: None })).collect();
        let texts = std::iter::once((0, &election.trust_policy));
        let texts = texts.chain(registry.epochs().iter().map(|epoch| (epoch.leaf, &epoch.policy)));
        let policies = texts
            .map(|(leaf, text)| Ok((leaf, (logs.clone() + text).parse()?)))
            .collect::<Result<Vec<_>, crate::policy::PolicyError>>()
            .map_err(|error| GenesisError::Policy(error.to_string()))?;
        let nodes = registry.members().map(|(_, node)| registration(node)).collect();
        Ok(Self { id, election, origin, policies, registry, nodes })
    }

    /// The same election with another registry: nodes that Governance records added are then known, with their log keys, and
    /// the policy epochs are in force from their leaves on. The registry comes from the ledger
    /// ([`crate::state::State::nodes`]), from receipts ([`Nodes::learn`]) or from a history ([`Trust::follow`]).
    ///
    /// # Errors
    /// [`TrustError::Invalid`] when the log keys make no policy, which a registry that the rules made cannot cause.
    pub fn with_nodes(&self, registry: &Nodes) -> Result<Self, TrustError> {
        Self::with_registry(self.id, self.election.clone(), self.origin.clone(), registry.clone())
    }

    /// All nodes that are known, removed ones included.
    #[must_use]
    pub const fn registry(&self) -> &Nodes {
        &self.registry
    }

    /// The election's id: what was pinned.
    #[must_use]
    pub const fn election_id(&self) -> &ElectionId {
        &self.id
    }

    /// The genesis body.
    #[must_use]
    pub const fn election(&self) -> &Election {
        &self.election
    }

    /// The checkpoints' origin.
    #[must_use]
    pub const fn origin(&self) -> &KeyName {
        &self.origin
    }

    /// Who must cosign the next checkpoint, with the nodes' log keys.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        self.policy_of(self.policies.len())
    }

    /// Who must cosign a checkpoint of that size: the last epoch whose record it covers.
    #[must_use]
    pub fn policy_at(&self, size: TreeSize) -> &Policy {
        self.policy_of(self.epoch_at(size))
    }

    /// The number of the policy epoch that is in force at a size; 0 is the genesis record's.
    #[must_use]
    pub fn epoch_at(&self, size: TreeSize) -> usize {
        self.registry.epochs().partition_point(|epoch| epoch.leaf < size.get())
    }

    fn policy_of(&self, epoch: usize) -> &Policy {
        // The constructor puts the genesis record's policy in front.
        let last = self.policies.len() - 1;
        &self.policies[epoch.min(last)].1
    }

    /// Every key that any of the policies names, each once, logs first.
    #[must_use]
    pub fn verifier_keys(&self) -> Vec<&VerifierKey> {
        let mut keys: Vec<&VerifierKey> = Vec::new();
        for key in self.policies.iter().flat_map(|(_, policy)| policy.keys()) {
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
        keys
    }

    /// The policies, from the genesis record's to the latest.
    pub fn policies(&self) -> impl Iterator<Item = &Policy> {
        self.policies.iter().map(|(_, policy)| policy)
    }

    /// The policies that a checkpoint of `size` has to satisfy if the one published before it has size `before`: the one in
    /// force there, and every one in force in between.
    pub fn policies_due(&self, before: TreeSize, size: TreeSize) -> impl Iterator<Item = &Policy> {
        let last = self.epoch_at(size);
        let first = self.epoch_at(before).min(last);
        (first..=last).map(|epoch| self.policy_of(epoch))
    }

    /// Verifies a checkpoint as the one that was published next after one of size `before`: the first that covers a policy
    /// epoch satisfies the policies on both sides of it.
    ///
    /// # Errors
    /// [`CheckpointVerifyError`] saying what is missing.
    pub fn verify_due(&self, before: TreeSize, note: &[u8]) -> Result<VerifiedCheckpoint, CheckpointVerifyError> {
        let unverified = UnverifiedCheckpoint::from_bytes(note)?;
        for policy in self.policies_due(before, unverified.claimed().size) {
            unverified.clone().verify(policy, &self.origin)?;
        }
        self.verify_checkpoint(note)
    }

    /// The nodes that are members, ascending by id: those of the genesis record unless a registry said otherwise.
    #[must_use]
    pub fn nodes(&self) -> &[NodeRegistration] {
        &self.nodes
    }

    /// One member.
    #[must_use]
    pub fn node(&self, id: u32) -> Option<&NodeRegistration> {
        self.nodes.iter().find(|node| node.keys.id == id)
    }

    /// Verifies a checkpoint as served, under the policy in force at its size.
    ///
    /// # Errors
    /// [`CheckpointVerifyError`] saying what is missing.
    pub fn verify_checkpoint(&self, note: &[u8]) -> Result<VerifiedCheckpoint, CheckpointVerifyError> {
        let unverified = UnverifiedCheckpoint::from_bytes(note)?;
        let policy = self.policy_at(unverified.claimed().size);
        unverified.verify(policy, &self.origin)
    }
}

/// The checkpoint origin: the genesis record's prefix, a slash, the first 16 hexadecimal digits of the election id.
///
/// # Errors
/// If the prefix is no key name.
pub fn origin(election: &Election, id: &ElectionId) -> Result<KeyName, crate::note::VerifierKeyError> {
    KeyName::new(&format!("{}/{}", election.origin_prefix, &id.to_string()[..16]))
}
