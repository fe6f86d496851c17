//! Who the nodes are, for a repair: those of the genesis record, and those that the organisations added later.
//!
//! ```text
//! genesis record ─► + this node's saved state (checksummed, private) ─► + decisions that peers show, each with the
//!                                                                          organisations' signatures ─► pins, addresses
//! ```
//! The ledger that would tell is what is damaged. So whoever is known already is asked for the signed decisions, and, since
//! one node may be all that the configuration names, for the addresses of the others. A saved state that is damaged too costs
//! nothing as long as a node of the genesis record, or one that has an address and is known by now, answers.

use std::collections::BTreeMap;
use std::path::Path;

use tamga_ledger::ids::ElectionId;
use tamga_ledger::nodes::NodeEntry;
use tamga_ledger::trust::Trust;
use tamga_platform::disk::Disk;

use crate::config::Config;
use crate::core::{Governed, Roster, saved_nodes};
use crate::keys::LoadedIdentity;
use crate::proto::AnnounceReply;
use crate::run::RunError;

/// Most addresses of nodes that peers may add to those of the configuration.
const ADDRESSES_MAX: usize = 128;

/// See the module.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) roster: Roster,
    /// Where the other nodes are.
    pub(super) addresses: BTreeMap<u32, String>,
    own: u32,
}

impl Known {
    /// What this node's own files say. Blocks.
    pub(super) fn here(config: &Config, trust: &Trust, disk: &dyn Disk) -> Self {
        let mut roster = Roster::of_genesis(trust);
        let (folder, election): (&Path, &ElectionId) = (&config.data_dir.join("state"), trust.election_id());
        if let Some(nodes) = saved_nodes(disk, folder, election) {
            roster.settle(nodes);
        }
        let others = config.peers.iter().filter(|peer| peer.id != config.node);
        let addresses = others.map(|peer| (peer.id, peer.address.clone())).collect();
        Self { roster, addresses, own: config.node }
    }

    /// Whether somebody may know more: this node itself, or an address of another one, is missing.
    pub(super) fn is_incomplete(&self) -> bool {
        let missing = |id: u32| id != self.own && !self.addresses.contains_key(&id);
        self.roster.get(self.own).is_none()
            || self.addresses.keys().any(|id| self.roster.get(*id).is_none())
            || self.roster.in_force().any(|(id, _)| missing(id))
    }

    /// Takes over what a peer has told: decisions as far as the organisations have signed them, addresses of nodes in force.
    /// Whether anything was new.
    pub(super) fn hear(&mut self, reply: &AnnounceReply, trust: &Trust) -> bool {
        let before = (self.roster.clone(), self.addresses.len());
        let decisions: Vec<Governed> =
            reply.decisions.iter().filter_map(|decision| Governed::verify(decision, trust)).collect();
        decisions.iter().for_each(|decision| self.roster.foresee(decision));
        for told in reply.addresses.iter().take(ADDRESSES_MAX) {
            if told.node != self.own && self.roster.get(told.node).is_some() {
                self.addresses.entry(told.node).or_insert_with(|| told.address.clone());
            }
        }
        before != (self.roster.clone(), self.addresses.len())
    }

    /// This node as the organisations registered it, with its own keys in hand.
    pub(super) fn check_own(&self, config: &Config, identity: &LoadedIdentity) -> Result<(), RunError> {
        let refuse = |what: String| Err(RunError::Config { field: "node", what });
        let node = self.own;
        if self.roster.is_removed(node) {
            return refuse(format!("the organisations have removed node {node}: there is nothing to repair it for"));
        }
        let Some(NodeEntry { keys, .. }) = self.roster.get(node) else {
            return refuse(format!(
                "neither the genesis record nor this node's saved state names node {node}, and no node under [[peers]] could \
                 be asked who it is: add the addresses of nodes that run"
            ));
        };
        Ok(identity.check(keys, &config.keys_dir)?)
    }
}
