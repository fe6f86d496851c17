//! Decisions of the organisations: nodes join, change their role, leave.
//!
//! Who signs: organisations, by their record keys of the genesis record, such that exactly they satisfy the trust policy's
//! quorum. Since any two satisfying sets intersect (checked at genesis), no two groups of organisations can run the
//! cluster in two directions.

use super::Decision;
use super::effect::Effect;
use crate::ids::PublicKey;
use crate::kinds::{Election, Governance, NodeKeys, NodeRole, Organisation, RemovalReason};
use crate::nodes::{NODES_MAX, signing_keys};
use crate::note::KeyName;
use crate::policy::Policy;
use crate::record::Record;
use crate::sign;
use crate::state::State;
use crate::verdict::Refusal;

impl State {
    pub(super) fn decide_governance(&self, body: &Governance, record: &Record) -> Decision {
        let election = self.election.as_ref().ok_or(Refusal::NotReady)?;
        let policy: Policy = election.trust_policy.parse().map_err(|_| Refusal::GovernanceQuorum)?;
        let signed = |organisation: &&Organisation| record.signers.binary_search(&organisation.record_key.id()).is_ok();
        let names = election.organisations.iter().filter(signed).map(|organisation| organisation.name.as_str());
        if !policy.satisfied_by_organisations(names) {
            return Err(Refusal::GovernanceQuorum);
        }
        match body {
            Governance::NodeAdd { organisation, role, keys } => {
                NodeRole::from_number(*role).ok_or(Refusal::ContentInvalid)?;
                let mut organisations = election.organisations.iter();
                let own = organisations.find(|one| one.name == *organisation).ok_or(Refusal::OrganisationUnknown)?;
                if !signed(&own) {
                    return Err(Refusal::OrganisationConsent);
                }
                self.check_new_node(election, own, &policy, keys)?;
            }
            Governance::NodeSetRole { node, role } => self.check_role_change(*node, *role)?,
            Governance::NodeRemove { node, reason } => self.check_removal(*node, *reason)?,
        }
        Ok((Vec::new(), Effect::Nodes(Box::new(body.clone()))))
    }

    fn check_new_node(
        &self,
        election: &Election,
        own: &Organisation,
        policy: &Policy,
        keys: &NodeKeys,
    ) -> Result<(), Refusal> {
        let name = KeyName::new(&keys.cosigner_name).map_err(|_| Refusal::ContentInvalid)?;
        if keys.id == 0 {
            return Err(Refusal::ContentInvalid);
        }
        if self.nodes.get(keys.id).is_some() {
            return Err(Refusal::NodeIdUsed);
        }
        if self.nodes.len() >= NODES_MAX {
            return Err(Refusal::TooManyNodes);
        }
        let signing = signing_keys(keys);
        if !signing.iter().all(sign::is_acceptable) {
            return Err(Refusal::KeyUnacceptable);
        }
        let twice = signing.iter().enumerate().any(|(place, key)| signing[..place].contains(key));
        let standby = |key: &PublicKey| election.organisations.iter().any(|one| one.standby_cosigner_key == *key);
        // The standby key is there to cosign when a node's own key is lost: it may become a node's cosigner, once.
        let takes_standby = keys.cosigner_key == own.standby_cosigner_key;
        let taken = |key: &PublicKey| {
            self.keys.contains_key(&key.id())
                || self.nodes.holds_key(key)
                || (standby(key) && !(takes_standby && *key == keys.cosigner_key))
        };
        if twice || signing.iter().any(taken) || self.nodes.holds_spki(&keys.tls_spki_sha256) {
            return Err(Refusal::NodeKeyUsed);
        }
        // A cosignature counts under the name that the policy has for the key.
        let listed = policy.witnesses().iter().find(|witness| *witness.key.key_bytes() == keys.cosigner_key.0);
        if listed.is_some_and(|witness| *witness.key.name() != name) {
            return Err(Refusal::ContentInvalid);
        }
        Ok(())
    }

    fn check_role_change(&self, id: u32, role: u8) -> Result<(), Refusal> {
        let role = NodeRole::from_number(role).ok_or(Refusal::ContentInvalid)?;
        let node = self.nodes.member(id).ok_or(Refusal::NodeUnknown)?;
        if node.role == role {
            return Err(Refusal::NodeRoleUnchanged);
        }
        self.check_voters_without(id, role)
    }

    fn check_removal(&self, id: u32, reason: u8) -> Result<(), Refusal> {
        RemovalReason::from_number(reason).ok_or(Refusal::ContentInvalid)?;
        self.nodes.member(id).ok_or(Refusal::NodeUnknown)?;
        self.check_voters_without(id, NodeRole::Learner)
    }

    /// A node that no longer votes leaves somebody who does.
    fn check_voters_without(&self, id: u32, role: NodeRole) -> Result<(), Refusal> {
        if role == NodeRole::Voter || self.nodes.voters().any(|(other, _)| other != id) {
            Ok(())
        } else {
            Err(Refusal::LastVoter)
        }
    }
}
