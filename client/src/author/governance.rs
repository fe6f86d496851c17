//! Decisions of the organisations about their cluster. Each organisation signs where its key is: a [`Draft`] goes round.

use super::Scribe;
use super::draft::Draft;
use super::error::AuthorError;
use tamga_ledger::ids::PublicKey;
use tamga_ledger::kinds::{Governance, NodeKeys, NodeRole, RemovalReason};
use tamga_ledger::record::Scope;

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

impl Scribe {
    /// A decision to be signed by these organisations' record keys; the first is its author, and the record carries that
    /// key's next number.
    ///
    /// # Errors
    /// As [`Scribe::draft`].
    pub fn governance(&self, organisations: &[PublicKey], change: &Governance) -> Result<Draft, AuthorError> {
        self.draft(Scope::Election, organisations, change)
    }
}
