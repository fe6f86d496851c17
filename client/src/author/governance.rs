//! Decisions of the organisations about their cluster. Each organisation signs where its key is: a [`Draft`] goes round.

use super::Scribe;
use super::draft::Draft;
use super::error::AuthorError;
use super::genesis::{policy_over, standby_cosigner_name};
use tamga_ledger::ids::{ElectionId, KeyId, PublicKey};
use tamga_ledger::kinds::{
    Governance, HolderClass, KeyGrant, KeyRevocation, NodeKeys, NodeRole, RemovalReason, RotationReason,
};
use tamga_ledger::record::Scope;
use tamga_ledger::sign::{self, Domain, Signer};
use tamga_ledger::trust::Trust;

/// A node joins `organisation`, which has to be among the signers.
#[must_use]
pub fn node_add(organisation: &str, role: NodeRole, keys: NodeKeys) -> Governance {
    Governance::NodeAdd { organisation: organisation.to_owned(), role: role as u8, keys }
}

/// A node is promoted or demoted.
#[must_use]
pub const fn node_set_role(node: u32, role: NodeRole) -> Governance {
    Governance::NodeSetRole { node, role: role as u8 }
}

/// A node leaves for good.
#[must_use]
pub const fn node_remove(node: u32, reason: RemovalReason) -> Governance {
    Governance::NodeRemove { node, reason: reason as u8 }
}

/// A node gets other keys; its organisation has to be among the signers. Keys that stay are repeated.
#[must_use]
pub const fn node_rotate_keys(keys: NodeKeys, reason: RotationReason) -> Governance {
    Governance::NodeRotateKeys { keys, reason: reason as u8 }
}

/// An organisation gets these keys, with the record key's proof that it is there: this runs where the new record key is.
///
/// # Errors
/// [`AuthorError`] if the device that holds the key does not sign.
pub fn organisation_keys(
    election: &ElectionId,
    organisation: &str,
    record: &dyn Signer,
    standby_cosigner_key: PublicKey,
    reason: RotationReason,
) -> Result<Governance, AuthorError> {
    let record_key = record.public_key();
    let message = KeyGrant::possession_message(election, &record_key, HolderClass::Organisation as u8, Scope::Election);
    Ok(Governance::OrganisationKeys {
        organisation: organisation.to_owned(),
        record_key,
        standby_cosigner_key,
        possession: sign::sign_with(record, Domain::Possession, &message)?,
        reason: reason as u8,
    })
}

/// The text of a trust policy over the organisations that are registered, `without` some: each by any of its nodes' cosigners
/// or its standby key; `quorum` of them, or the smallest number that cannot be split.
///
/// # Errors
/// [`AuthorError::Policy`] when it makes no policy.
pub fn policy_text(trust: &Trust, quorum: Option<usize>, without: &[String]) -> Result<String, AuthorError> {
    let registry = trust.registry();
    let mut groups = Vec::new();
    // In the order of the genesis record.
    for organisation in trust.election().organisations.iter().filter(|one| !without.contains(&one.name)) {
        let Some(own) = registry.organisation(&organisation.name) else { continue };
        let nodes = registry.members().filter(|(_, node)| node.organisation == organisation.name);
        let mut cosigners: Vec<(String, PublicKey)> =
            nodes.map(|(_, node)| (node.keys.cosigner_name.clone(), node.keys.cosigner_key)).collect();
        // A standby key that has become a node's is listed once, under the node's name.
        if cosigners.iter().all(|(_, key)| *key != own.standby_cosigner_key) {
            cosigners.push((standby_cosigner_name(&organisation.name), own.standby_cosigner_key));
        }
        groups.push((organisation.name.clone(), cosigners));
    }
    let policy = policy_over(&groups, quorum)?;
    Ok(policy.to_string())
}

impl Scribe {
    /// A decision to be signed by these organisations' record keys; the first is its author, and the record carries that
    /// key's next number.
    ///
    /// # Errors
    /// As [`Scribe::draft`].
    pub fn governance(&self, organisations: &[PublicKey], change: &Governance) -> Result<Draft, AuthorError> {
        self.draft(Scope::Election, organisations, change)
    }

    /// Takes keys back, by the commission alone or by these organisations.
    ///
    /// # Errors
    /// As [`Scribe::draft`].
    pub fn revoke_keys(
        &self,
        organisations: &[PublicKey],
        keys: &[KeyId],
        reason: RotationReason,
    ) -> Result<Draft, AuthorError> {
        let mut keys = keys.to_vec();
        keys.sort_unstable();
        keys.dedup();
        self.draft(Scope::Election, organisations, &KeyRevocation { keys, reason: reason as u8 })
    }
}
