//! The genesis record: leaf 0, whose bytes are the election's identity.

use super::effect::Effect;
use super::{Decision, RULES_VERSION};
use crate::codec::INTEGER_MAX;
use crate::ids::{ElectionId, PublicKey};
use crate::kinds::{Election, HolderClass, Kind, NodeKeys, Organisation};
use crate::note::{KeyName, KeyRole, VerifierKey};
use crate::policy::Policy;
use crate::record::{Record, Scope};
use crate::sign;
use crate::state::{KeyEntry, SequenceWindow, State};
use crate::submission::Authentic;
use crate::verdict::Refusal;
use std::collections::BTreeSet;

/// What is wrong with a genesis body.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GenesisError {
    /// Rules this software does not have.
    #[error("rules version {0} is not known here; this software judges by version {RULES_VERSION}")]
    RulesVersion(u32),
    /// A rehearsal that could be mistaken for an election, or the other way round.
    #[error("origin prefix {0:?}: a rehearsal's starts with \"rehearsal.\" and a real election's does not")]
    Origin(String),
    /// No organisation, or too many, or without a node.
    #[error("there are 1 to 16 organisations, each with at least one node")]
    Organisations,
    /// A name that is not one.
    #[error("{0:?} is not a name of letters, digits and hyphens, or is there twice")]
    Name(String),
    /// A key in two roles.
    #[error("public key {0} has two roles, or is not acceptable (canonical, on the curve, not of small order)")]
    Key(PublicKey),
    /// A node id used twice, or zero.
    #[error("node id {0} is zero or there twice")]
    NodeId(u32),
    /// The trust policy does not parse, does not intersect, or names other keys than the organisations'.
    #[error("trust policy: {0}")]
    Policy(String),
    /// Hours not ascending, an interval of zero, and the like.
    #[error("{0}")]
    Parameter(&'static str),
    /// The records's signers are not the organisations.
    #[error("the genesis record is signed by every organisation's record key and by no other")]
    Signers,
}

impl State {
    pub(super) fn decide_genesis(&self, genesis: &Election, authentic: &Authentic) -> Decision {
        let record = authentic.record();
        if self.election.is_some() || !self.size().is_empty() {
            return Err(Refusal::GenesisInvalid);
        }
        check_genesis(genesis, record).map_err(|_| Refusal::GenesisInvalid)?;
        let id = ElectionId::of_genesis(&authentic.signed().record);
        debug_assert_ne!(id, ElectionId::ZERO);
        let commission = genesis.organisations.first().map(|organisation| organisation.record_key);
        let keys = genesis.organisations.iter().map(|organisation| {
            let key = organisation.record_key;
            (key.id(), organisation_key(key, commission == Some(key)))
        });
        Ok((Vec::new(), Effect::Genesis(Box::new(genesis.clone()), keys.collect())))
    }
}

fn organisation_key(key: PublicKey, commission: bool) -> KeyEntry {
    // What the commission signs, and what any organisation does.
    let kinds = super::registration::kinds_of(HolderClass::Organisation).iter().map(|kind| *kind as u16);
    let any =
        [Kind::KeyRevocation, Kind::Countersign, Kind::LegalAct, Kind::Case, Kind::Governance].map(|kind| kind as u16);
    let own = |kind: &u16| commission || any.contains(kind);
    KeyEntry {
        key,
        class: HolderClass::Organisation,
        scope: Scope::Election,
        kinds: kinds.filter(own).collect(),
        valid_from_ms: 0,
        valid_until_ms: INTEGER_MAX,
        leaf: 0,
        revoked: None,
        sequences: SequenceWindow::default(),
        device_counter: 0,
    }
}

/// Checks everything about a genesis body that does not need its signatures.
///
/// # Errors
/// [`GenesisError`] naming the first rule that is broken.
pub fn check_genesis(genesis: &Election, record: &Record) -> Result<(), GenesisError> {
    if genesis.rules_version != RULES_VERSION {
        return Err(GenesisError::RulesVersion(genesis.rules_version));
    }
    let rehearsal = genesis.origin_prefix.starts_with("rehearsal.");
    if genesis.real > 1 || rehearsal == (genesis.real == 1) || KeyName::new(&genesis.origin_prefix).is_err() {
        return Err(GenesisError::Origin(genesis.origin_prefix.clone()));
    }
    check_parameters(genesis)?;
    check_organisations(&genesis.organisations)?;
    let signers: BTreeSet<_> = genesis.organisations.iter().map(|organisation| organisation.record_key.id()).collect();
    if !record.signers.iter().eq(signers.iter())
        || record.election != ElectionId::ZERO
        || record.scope != Scope::Election
    {
        return Err(GenesisError::Signers);
    }
    check_policy(genesis)
}

fn check_parameters(genesis: &Election) -> Result<(), GenesisError> {
    let hours = &genesis.official_hours;
    if hours.len() > 64 || !hours.is_sorted_by(|a, b| a.at_ms < b.at_ms) {
        return Err(GenesisError::Parameter("official hours are at most 64, ascending"));
    }
    if genesis.checkpoint_interval_ms == 0 || genesis.parts.is_empty() || genesis.parts.len() > 256 {
        return Err(GenesisError::Parameter(
            "a checkpoint interval above zero and 1 to 256 definition parts are needed",
        ));
    }
    if genesis.member_quorum == 0 || genesis.member_quorum as usize > crate::record::SIGNERS_MAX {
        return Err(GenesisError::Parameter("the member quorum is 1 to 32"));
    }
    if genesis.cell_papers_min < 2 {
        return Err(GenesisError::Parameter("the smallest cell that may be shown has at least 2 papers"));
    }
    Ok(())
}

fn check_organisations(organisations: &[Organisation]) -> Result<(), GenesisError> {
    if organisations.is_empty() || organisations.len() > 16 || organisations.iter().any(|one| one.nodes.is_empty()) {
        return Err(GenesisError::Organisations);
    }
    let (mut names, mut keys, mut ids) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for organisation in organisations {
        let simple = |c: char| c.is_ascii_alphanumeric() || c == '-';
        let name = &organisation.name;
        if name.is_empty() || name.len() > 64 || !name.chars().all(simple) || !names.insert(name) {
            return Err(GenesisError::Name(name.clone()));
        }
        let nodes = organisation.nodes.iter();
        let node_keys =
            nodes.clone().flat_map(|node| [node.cosigner_key, node.log_key, node.promise_key, node.batch_key]);
        for key in [organisation.record_key, organisation.standby_cosigner_key].into_iter().chain(node_keys) {
            if !sign::is_acceptable(&key) || !keys.insert(key) {
                return Err(GenesisError::Key(key));
            }
        }
        for node in nodes {
            if node.id == 0 || !ids.insert(node.id) {
                return Err(GenesisError::NodeId(node.id));
            }
        }
    }
    Ok(())
}

/// The policy's witnesses are exactly the organisations' cosigners, grouped by organisation, and its quorums intersect.
fn check_policy(genesis: &Election) -> Result<(), GenesisError> {
    let fault = |what: String| GenesisError::Policy(what);
    let policy: Policy =
        genesis.trust_policy.parse().map_err(|error: crate::policy::PolicyError| fault(error.to_string()))?;
    policy.check_quorum().map_err(|error| fault(error.to_string()))?;
    if !policy.logs().is_empty() {
        return Err(fault("log lines follow from the election id and do not stand in the genesis record".to_owned()));
    }
    for organisation in &genesis.organisations {
        let found = policy.organisations().iter().find(|one| one.name.as_str() == organisation.name);
        let found = found.ok_or_else(|| fault(format!("organisation {} is not in the quorum", organisation.name)))?;
        let listed: BTreeSet<[u8; 32]> = found
            .witnesses
            .iter()
            .filter_map(|place| policy.witnesses().get(*place))
            .map(|one| *one.key.key_bytes())
            .collect();
        let own = organisation.nodes.iter().map(|node| node.cosigner_key.0);
        let due: BTreeSet<[u8; 32]> = own.chain([organisation.standby_cosigner_key.0]).collect();
        if listed != due {
            return Err(fault(format!(
                "group {} is not exactly its nodes' cosigners and the standby key",
                organisation.name
            )));
        }
    }
    if policy.organisations().len() != genesis.organisations.len() {
        return Err(fault("the quorum counts an organisation that the genesis record does not name".to_owned()));
    }
    Ok(())
}

/// A node with the organisation it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeRegistration {
    /// Name of its organisation.
    pub organisation: String,
    /// Its keys.
    pub keys: NodeKeys,
}

impl NodeRegistration {
    /// Verifier key of its log signatures.
    #[must_use]
    pub fn log_vkey(&self, origin: &KeyName) -> Option<VerifierKey> {
        VerifierKey::new(origin.clone(), KeyRole::Log, &self.keys.log_key.0).ok()
    }
}
