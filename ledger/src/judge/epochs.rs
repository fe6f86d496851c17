//! Policy epochs: what another trust policy must be before anybody may put it in force.
//!
//! The organisations of the genesis record stay; a policy may leave some out, take them in again, and list other keys of
//! theirs. Three intersections keep two histories apart: quorums of the new policy among themselves, quorums of the new one
//! with quorums of the old one, and the first checkpoint under the new one, which satisfies both
//! ([`crate::trust::Trust::verify_due`]).

use super::Decision;
use super::effect::Effect;
use crate::kinds::{Election, Governance};
use crate::nodes::Nodes;
use crate::policy::{IntersectionError, Policy, PolicyError};
use crate::record::Record;
use crate::state::State;
use crate::verdict::Refusal;

/// Why a trust policy is not accepted as the next one, for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EpochObjection {
    /// Another number is due.
    #[error("the next policy epoch is number {due}, not {number}")]
    Order {
        /// The next one.
        due: u32,
        /// The one stated.
        number: u32,
    },
    /// Not a policy.
    #[error(transparent)]
    Text(#[from] PolicyError),
    /// Log lines follow from the registry.
    #[error("log lines follow from the registry of nodes and do not stand in a policy epoch")]
    LogLines,
    /// An organisation that the genesis record does not name.
    #[error("the quorum counts {0}, which is not an organisation of this election")]
    Organisation(String),
    /// A cosigner that is no key of the organisation whose group it is in.
    #[error(
        "witness {witness} in group {organisation} is no cosigner key of a node of that organisation, nor its standby key"
    )]
    Witness {
        /// The group.
        organisation: String,
        /// Its name in the policy.
        witness: String,
    },
    /// Two histories could be signed.
    #[error(transparent)]
    Splits(#[from] IntersectionError),
    /// The organisations that signed are no quorum of the new policy.
    #[error("the organisations that signed do not satisfy the new policy's quorum")]
    Quorum,
}

impl EpochObjection {
    /// The verdict's code.
    #[must_use]
    pub const fn refusal(&self) -> Refusal {
        match self {
            Self::Order { .. } => Refusal::PolicyEpochOrder,
            Self::Splits(_) => Refusal::PolicySplits,
            Self::Quorum => Refusal::GovernanceQuorum,
            _ => Refusal::PolicyInvalid,
        }
    }
}

/// Checks a policy as the next epoch of a registry, without its signatures: for the judge, and for whoever is asked to sign.
///
/// # Errors
/// [`EpochObjection`], for quorums that share too few with the two sets that show it.
pub fn check_epoch(nodes: &Nodes, election: &Election, number: u32, text: &str) -> Result<Policy, EpochObjection> {
    let due = nodes.epochs().len() as u32 + 1;
    if number != due {
        return Err(EpochObjection::Order { due, number });
    }
    let policy: Policy = text.parse()?;
    if !policy.logs().is_empty() {
        return Err(EpochObjection::LogLines);
    }
    for organisation in policy.organisations() {
        let name = organisation.name.as_str();
        let known = nodes.organisation(name).ok_or_else(|| EpochObjection::Organisation(name.to_owned()))?;
        for witness in organisation.witnesses.iter().filter_map(|place| policy.witnesses().get(*place)) {
            let key = witness.key.key_bytes();
            let of_node = nodes.members().any(|(_, node)| {
                node.organisation == name
                    && node.keys.cosigner_key.0 == *key
                    && node.keys.cosigner_name == witness.key.name().as_str()
            });
            if !of_node && known.standby_cosigner_key.0 != *key {
                let (organisation, witness) = (name.to_owned(), witness.name.to_string());
                return Err(EpochObjection::Witness { organisation, witness });
            }
        }
    }
    policy.check_quorum()?;
    let old: Policy = nodes.policy_text(election).parse()?;
    policy.check_transition(&old)?;
    Ok(policy)
}

impl State {
    /// Why the rules would refuse a policy epoch, in words that name the counter-example; none for anything else, and for one
    /// that is in order.
    #[must_use]
    pub fn epoch_objection(&self, change: &Governance, record: &Record) -> Option<EpochObjection> {
        let Governance::PolicyEpoch { number, policy } = change else { return None };
        let election = self.election.as_ref()?;
        match check_epoch(&self.nodes, election, *number, policy) {
            Ok(policy) if self.signed_by_quorum_of(&policy, record) => None,
            Ok(_) => Some(EpochObjection::Quorum),
            Err(objection) => Some(objection),
        }
    }

    pub(super) fn decide_epoch(&self, change: &Governance, record: &Record) -> Decision {
        match self.epoch_objection(change, record) {
            None => Ok((Vec::new(), Effect::Nodes(Box::new(change.clone())))),
            Some(objection) => Err(objection.refusal()),
        }
    }
}
