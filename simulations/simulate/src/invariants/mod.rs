//! What must hold after every step, one file each.

mod acknowledged;
mod append_only;
mod births;
mod checkpoints;
mod cosigning_memory;
mod election_safety;
mod leader_completeness;
mod linearizable_reads;
mod log_matching;
mod one_admission;
mod roots_agree;
mod state_machine_safety;

use std::sync::Arc;

use tamga_ledger::trust::Trust;

use crate::cluster::Nodes;
use crate::model::Model;
use crate::observe::Seen;

/// What an invariant looks at.
#[derive(Clone, Copy)]
pub struct Look<'a> {
    /// The nodes, as seen after the step.
    pub seen: &'a Seen,
    /// The nodes themselves, for what is read rarely.
    pub nodes: &'a Nodes,
    /// What clients were told.
    pub model: &'a Model,
    /// Nodes whose disk was damaged: of what they have on it, nothing is expected.
    pub damaged: &'a std::collections::BTreeSet<u32>,
    /// Nodes whose disk was wiped after they had taken part.
    pub wiped: &'a std::collections::BTreeSet<u32>,
    /// Nodes that come later, and whose place each takes.
    pub newcomers: &'a std::collections::BTreeMap<u32, u32>,
    /// The election.
    pub trust: &'a Arc<Trust>,
}

/// Something that must always hold.
pub trait Invariant {
    /// Its name, as in the name of its file.
    fn name(&self) -> &'static str;

    /// Looks after a step.
    ///
    /// # Errors
    /// What does not hold.
    fn check(&mut self, look: Look<'_>) -> Result<(), String>;
}

/// All of them.
#[must_use]
pub fn all() -> Vec<Box<dyn Invariant>> {
    vec![
        Box::<election_safety::ElectionSafety>::default(),
        Box::<log_matching::LogMatching>::default(),
        Box::<leader_completeness::LeaderCompleteness>::default(),
        Box::<state_machine_safety::StateMachineSafety>::default(),
        Box::<append_only::AppendOnly>::default(),
        Box::<roots_agree::RootsAgree>::default(),
        Box::<acknowledged::Acknowledged>::default(),
        Box::<one_admission::OneAdmission>::default(),
        Box::<checkpoints::Checkpoints>::default(),
        Box::new(births::Births),
        Box::<cosigning_memory::CosigningMemory>::default(),
        Box::<linearizable_reads::LinearizableReads>::default(),
    ]
}
