//! What the organisations decide about their cluster during a simulation, and what operators do for it.
//!
//! ```text
//! replace: new node starts ─► added ─► promoted ─► votes ─► old node removed ─► its machine is taken away
//! demote:  a vote is taken away ─► … ─► given back
//! ```
//!
//! Each decision is a Governance record, submitted like any other to whichever node answers; the nodes do the rest.

use std::collections::BTreeSet;

use tamga_consensus::MemberStatus;
use tamga_ledger::ids::RecordId;
use tamga_ledger::kinds::{Governance, NodeRole, RemovalReason};
use tamga_node::testing::{organisation_name, successor};

use crate::world::World;

/// A change under way.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Change {
    node: u32,
    /// Who takes its place, if somebody does.
    by: Option<u32>,
    /// When a vote that was taken away is given back.
    until_ms: u64,
    stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Adding(RecordId),
    Promoting(RecordId),
    /// Decided; until it votes the old node is needed.
    Voting,
    Removing(RecordId),
    Demoting(RecordId),
    Waiting,
    Done,
}

impl Change {
    /// Whether nothing of it is left to do.
    pub(crate) const fn is_done(&self) -> bool {
        matches!(self.stage, Stage::Done)
    }
}

impl World<'_> {
    /// Begins to replace a node.
    pub(crate) fn replace(&mut self, node: u32, by: u32) {
        let (organisation, role) = (organisation_name(node), NodeRole::Learner as u8);
        let added = self.decide(
            &format!("n{by} is added, for n{node}"),
            &Governance::NodeAdd { organisation, role, keys: successor(by, node) },
        );
        self.bear(by);
        self.changes.push(Change { node, by: Some(by), until_ms: 0, stage: Stage::Adding(added) });
    }

    /// Begins to take a node's vote away.
    pub(crate) fn demote(&mut self, node: u32, until_ms: u64) {
        let change = Governance::NodeSetRole { node, role: NodeRole::Learner as u8 };
        let demoted = self.decide(&format!("n{node} learns"), &change);
        self.changes.push(Change { node, by: None, until_ms, stage: Stage::Demoting(demoted) });
    }

    fn decide(&mut self, words: &str, change: &Governance) -> RecordId {
        self.trace.note(format_args!("decided: {words}"));
        self.clients.decide(change, &mut self.model)
    }

    /// Takes every change one step further, if it is time.
    pub(crate) fn go_on_with_changes(&mut self) {
        for at in 0..self.changes.len() {
            let Change { node, by, until_ms, stage } = self.changes[at];
            let joined = by.unwrap_or(node);
            self.changes[at].stage = match stage {
                Stage::Adding(record) if self.model.is_judged(&record) => Stage::Promoting(self.promote(joined)),
                Stage::Demoting(record) if self.model.is_judged(&record) => Stage::Waiting,
                Stage::Waiting if self.clients.quiet || self.time.ms() >= until_ms => {
                    Stage::Promoting(self.promote(joined))
                }
                Stage::Promoting(record) if self.model.is_judged(&record) => match by {
                    Some(_) => Stage::Voting,
                    None => Stage::Done,
                },
                Stage::Voting if self.votes(joined) => {
                    let reason = RemovalReason::Replaced as u8;
                    let change = Governance::NodeRemove { node, reason };
                    Stage::Removing(self.decide(&format!("n{node} is removed"), &change))
                }
                // Raft may still need its vote: until then its operator lets it run, as docs/OPERATIONS.md says.
                Stage::Removing(record) if self.model.is_judged(&record) && self.is_out(node) => {
                    self.take_away(node);
                    Stage::Done
                }
                waiting => waiting,
            };
        }
    }

    fn promote(&mut self, node: u32) -> RecordId {
        let change = Governance::NodeSetRole { node, role: NodeRole::Voter as u8 };
        self.decide(&format!("n{node} votes"), &change)
    }

    /// Whether whoever leads counts this node's vote.
    fn votes(&self, node: u32) -> bool {
        self.voters_by_leaders().iter().any(|voters| voters.contains(&u64::from(node)))
    }

    /// Whether somebody leads and does not count this node's vote any more.
    fn is_out(&self, node: u32) -> bool {
        self.voters_by_leaders().iter().any(|voters| !voters.contains(&u64::from(node)))
    }

    /// Who votes, as everybody says who leads.
    fn voters_by_leaders(&self) -> Vec<BTreeSet<u64>> {
        let leading = self.seen.nodes.values().filter(|seen| seen.leads().is_some());
        let cores = leading.filter_map(|seen| self.nodes.get(&seen.id)?.core());
        let members = cores.filter_map(|core| Some(core.consensus()?.status().members));
        let voters = |members: Vec<MemberStatus>| {
            members.into_iter().filter(|known| known.voter).map(|known| known.member.id.0).collect()
        };
        members.map(voters).collect()
    }

    /// Whether Raft's members are, on each of these nodes, whom its ledger says they are.
    pub(crate) fn members_are_decided(&self, node: u32) -> bool {
        let Some(core) = self.nodes[&node].core() else { return false };
        let Some(mut members) = core.consensus().map(|consensus| consensus.status().members) else { return false };
        members.sort_by_key(|known| known.member.id);
        let roster = core.nodes().borrow().clone();
        let decided = roster.ledger().members().map(|(id, entry)| (u64::from(id), entry.role == NodeRole::Voter));
        decided.eq(members.iter().map(|known| (known.member.id.0, known.voter)))
    }
}
