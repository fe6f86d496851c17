//! What a verifier starts from: the pinned genesis digest, and the genesis record that fits it. Never trust on first use.

use crate::entry::{Entry, EntryError, Payload};
use crate::ids::ElectionId;
use crate::judge::{self, GenesisError, NodeRegistration};
use crate::kinds::Election;
use crate::nodes::{NodeEntry, Nodes};
use crate::note::{CheckpointVerifyError, KeyName, UnverifiedCheckpoint, VerifiedCheckpoint};
use crate::policy::{Log, Policy};
use crate::submission::{Authentic, Confidential, Content, NoKeys, Rejection, Submission, authenticate_submission};

/// An election whose genesis record matched the pinned digest and is signed by all its organisations.
#[derive(Debug, Clone)]
pub struct Trust {
    id: ElectionId,
    election: Election,
    origin: KeyName,
    policy: Policy,
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
        // Log keys of removed nodes too: what they signed before is still there to be verified.
        let known = registry.iter().map(|(_, node)| registration(node));
        let logs = known.filter_map(|node| Some(Log { key: node.log_vkey(&origin)?, url: None }));
        let text: String = logs.map(|log| format!("{log}\n")).collect();
        let policy = (text + &election.trust_policy)
            .parse()
            .map_err(|error: crate::policy::PolicyError| GenesisError::Policy(error.to_string()))?;
        let nodes = registry.members().map(|(_, node)| registration(node)).collect();
        Ok(Self { id, election, origin, policy, registry, nodes })
    }

    /// The same election with another registry: nodes that Governance records added are then known, with their log keys.
    /// The registry comes from the ledger ([`crate::state::State::nodes`]) or from receipts ([`Nodes::learn`]). Who must
    /// cosign stays what it was.
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

    /// Who must cosign, with the nodes' log keys.
    #[must_use]
    pub const fn policy(&self) -> &Policy {
        &self.policy
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

    /// Verifies a checkpoint as served.
    ///
    /// # Errors
    /// [`CheckpointVerifyError`] saying what is missing.
    pub fn verify_checkpoint(&self, note: &[u8]) -> Result<VerifiedCheckpoint, CheckpointVerifyError> {
        UnverifiedCheckpoint::from_bytes(note)?.verify(&self.policy, &self.origin)
    }
}

/// The checkpoint origin: the genesis record's prefix, a slash, the first 16 hexadecimal digits of the election id.
///
/// # Errors
/// If the prefix is no key name.
pub fn origin(election: &Election, id: &ElectionId) -> Result<KeyName, crate::note::VerifierKeyError> {
    KeyName::new(&format!("{}/{}", election.origin_prefix, &id.to_string()[..16]))
}
