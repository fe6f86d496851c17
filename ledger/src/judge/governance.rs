//! Decisions of the organisations: nodes join, change their role or keys, leave; organisations change their keys; the cluster
//! begins anew.
//!
//! Who signs: organisations, by their record keys in force, such that exactly they satisfy the quorum of the trust policy in
//! force. Since any two satisfying sets intersect (checked at genesis and with every policy), no two groups of organisations
//! can run the cluster in two directions.

use super::Decision;
use super::effect::Effect;
use crate::ids::{PublicKey, Signature};
use crate::kinds::{Governance, HolderClass, KeyGrant, NodeKeys, NodeRole, RemovalReason, RotationReason};
use crate::nodes::{NODES_MAX, ROTATIONS_MAX, signing_keys};
use crate::note::KeyName;
use crate::policy::{LOGS_MAX, Policy};
use crate::record::{Record, Scope};
use crate::sign::{self, Domain};
use crate::state::State;
use crate::verdict::Refusal;

impl State {
    /// An organisation's record key now.
    #[must_use]
    pub(crate) fn record_key(&self, organisation: &str) -> Option<PublicKey> {
        self.nodes.organisation(organisation).map(|own| own.record_key)
    }

    fn has_signed(&self, organisation: &str, record: &Record) -> bool {
        self.record_key(organisation).is_some_and(|key| record.signers.binary_search(&key.id()).is_ok())
    }

    /// Whether exactly the organisations that signed satisfy a policy's quorum.
    pub(super) fn signed_by_quorum_of(&self, policy: &Policy, record: &Record) -> bool {
        let signed = self.nodes.organisations().map(|(name, _)| name).filter(|name| self.has_signed(name, record));
        policy.satisfied_by_organisations(signed)
    }

    /// The record is signed by organisations that satisfy the trust policy in force, and by nobody else.
    pub(super) fn check_quorum(&self, record: &Record) -> Result<(), Refusal> {
        let election = self.election.as_ref().ok_or(Refusal::NotReady)?;
        let policy: Policy = self.nodes.policy_text(election).parse().map_err(|_| Refusal::GovernanceQuorum)?;
        if self.signed_by_quorum_of(&policy, record) { Ok(()) } else { Err(Refusal::GovernanceQuorum) }
    }

    pub(super) fn decide_governance(&self, body: &Governance, record: &Record) -> Decision {
        self.check_quorum(record)?;
        match body {
            Governance::NodeAdd { organisation, role, keys } => {
                NodeRole::from_number(*role).ok_or(Refusal::ContentInvalid)?;
                self.nodes.organisation(organisation).ok_or(Refusal::OrganisationUnknown)?;
                if !self.has_signed(organisation, record) {
                    return Err(Refusal::OrganisationConsent);
                }
                self.check_new_node(organisation, keys)?;
            }
            Governance::NodeSetRole { node, role } => self.check_role_change(*node, *role)?,
            Governance::NodeRemove { node, reason } => self.check_removal(*node, *reason)?,
            Governance::NodeRotateKeys { keys, reason } => {
                let node = self.nodes.member(keys.id).ok_or(Refusal::NodeUnknown)?;
                if !self.has_signed(&node.organisation, record) {
                    return Err(Refusal::OrganisationConsent);
                }
                self.check_rotation(&node.organisation, &node.keys, keys, *reason)?;
            }
            Governance::OrganisationKeys { organisation, record_key, standby_cosigner_key, possession, reason } => {
                RotationReason::from_number(*reason).ok_or(Refusal::ContentInvalid)?;
                self.check_organisation_keys(organisation, record_key, standby_cosigner_key, possession)?;
            }
            Governance::PolicyEpoch { .. } => return self.decide_epoch(body, record),
            Governance::ClusterEpoch { number, size, sha256, blake3, voters, learners } => {
                let head = self.head();
                if self.nodes.cluster_epoch().checked_add(1) != Some(*number) {
                    return Err(Refusal::ClusterEpochOrder);
                }
                let roots = (&sha256.0, &blake3.0) == (head.roots.sha256.as_bytes(), head.roots.blake3.as_bytes());
                if *size != head.size.get() || !roots {
                    return Err(Refusal::ClusterEpochPlace);
                }
                self.check_who_goes_on(voters, learners)?;
            }
        }
        Ok((Vec::new(), Effect::Nodes(Box::new(body.clone()))))
    }

    fn check_new_node(&self, organisation: &str, keys: &NodeKeys) -> Result<(), Refusal> {
        if keys.id == 0 {
            return Err(Refusal::ContentInvalid);
        }
        if self.nodes.get(keys.id).is_some() {
            return Err(Refusal::NodeIdUsed);
        }
        if self.nodes.len() >= NODES_MAX || self.nodes.log_keys().count() >= LOGS_MAX {
            return Err(Refusal::TooManyNodes);
        }
        self.check_node_keys(organisation, keys, &[])?;
        if self.nodes.holds_spki(&keys.tls_spki_sha256) { Err(Refusal::NodeKeyUsed) } else { Ok(()) }
    }

    /// Keys that change are new ones; the batch key stays, since batches are verified before their place is known.
    fn check_rotation(&self, organisation: &str, old: &NodeKeys, new: &NodeKeys, reason: u8) -> Result<(), Refusal> {
        RotationReason::from_number(reason).ok_or(Refusal::ContentInvalid)?;
        if new == old || new.batch_key != old.batch_key {
            return Err(Refusal::KeysUnchanged);
        }
        if new.log_key != old.log_key && self.nodes.log_keys().count() >= LOGS_MAX
            || self.nodes.get(new.id).is_some_and(|node| node.retired.len() >= ROTATIONS_MAX)
        {
            return Err(Refusal::TooManyNodes);
        }
        let kept = [
            (old.cosigner_key, new.cosigner_key),
            (old.log_key, new.log_key),
            (old.promise_key, new.promise_key),
            (old.batch_key, new.batch_key),
        ];
        let kept: Vec<PublicKey> = kept.into_iter().filter(|(old, new)| old == new).map(|(old, _)| old).collect();
        self.check_node_keys(organisation, new, &kept)?;
        let other_pin = new.tls_spki_sha256 != old.tls_spki_sha256;
        if other_pin && self.nodes.holds_spki(&new.tls_spki_sha256) { Err(Refusal::NodeKeyUsed) } else { Ok(()) }
    }

    /// Signing keys of a node: acceptable, different, and nobody's but for those it keeps.
    fn check_node_keys(&self, organisation: &str, keys: &NodeKeys, kept: &[PublicKey]) -> Result<(), Refusal> {
        let name = KeyName::new(&keys.cosigner_name).map_err(|_| Refusal::ContentInvalid)?;
        let signing = signing_keys(keys);
        if !signing.iter().all(sign::is_acceptable) {
            return Err(Refusal::KeyUnacceptable);
        }
        let twice = signing.iter().enumerate().any(|(place, key)| signing[..place].contains(key));
        // The standby key is there to cosign when a node's own key is lost: it may become a node's cosigner, once.
        let own = self.nodes.organisation(organisation).map(|own| own.standby_cosigner_key);
        let takes_standby = own == Some(keys.cosigner_key) && !self.nodes.is_of_node(&keys.cosigner_key);
        let taken = |key: &PublicKey| {
            let free = kept.contains(key) || (takes_standby && *key == keys.cosigner_key);
            !free && (self.keys.contains_key(&key.id()) || self.nodes.holds_key(key))
        };
        if twice || signing.iter().any(taken) {
            return Err(Refusal::NodeKeyUsed);
        }
        // A cosignature counts under the name that the policy has for the key.
        let election = self.election.as_ref().ok_or(Refusal::NotReady)?;
        let policy: Policy = self.nodes.policy_text(election).parse().map_err(|_| Refusal::NotReady)?;
        let listed = policy.witnesses().iter().find(|witness| *witness.key.key_bytes() == keys.cosigner_key.0);
        if listed.is_some_and(|witness| *witness.key.name() != name) {
            return Err(Refusal::ContentInvalid);
        }
        Ok(())
    }

    fn check_organisation_keys(
        &self,
        organisation: &str,
        record_key: &PublicKey,
        standby: &PublicKey,
        possession: &Signature,
    ) -> Result<(), Refusal> {
        let own = self.nodes.organisation(organisation).ok_or(Refusal::OrganisationUnknown)?;
        let (other_record, other_standby) = (own.record_key != *record_key, own.standby_cosigner_key != *standby);
        if !other_record && !other_standby {
            return Err(Refusal::KeysUnchanged);
        }
        if own.retired.len() >= ROTATIONS_MAX {
            return Err(Refusal::TooManyNodes);
        }
        if !sign::is_acceptable(record_key) || !sign::is_acceptable(standby) {
            return Err(Refusal::KeyUnacceptable);
        }
        let taken = |key: &PublicKey| self.keys.contains_key(&key.id()) || self.nodes.holds_key(key);
        if record_key == standby || (other_record && taken(record_key)) || (other_standby && taken(standby)) {
            return Err(Refusal::NodeKeyUsed);
        }
        let class = HolderClass::Organisation as u8;
        let message = KeyGrant::possession_message(&self.election_id(), record_key, class, Scope::Election);
        if sign::verify(record_key, Domain::Possession, &message, possession) {
            Ok(())
        } else {
            Err(Refusal::PossessionInvalid)
        }
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

    /// Nobody comes back, nobody is named twice, somebody votes.
    fn check_who_goes_on(&self, voters: &[u32], learners: &[u32]) -> Result<(), Refusal> {
        let ascending = |ids: &[u32]| ids.windows(2).all(|pair| matches!(pair, [one, two] if one < two));
        if !ascending(voters) || !ascending(learners) || learners.iter().any(|id| voters.contains(id)) {
            return Err(Refusal::ContentInvalid);
        }
        if voters.is_empty() {
            return Err(Refusal::LastVoter);
        }
        let known = |id: &u32| self.nodes.member(*id).is_some();
        if voters.iter().chain(learners).all(known) { Ok(()) } else { Err(Refusal::NodeUnknown) }
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
