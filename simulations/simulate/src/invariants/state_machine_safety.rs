//! State-machine safety: no two nodes have different entries committed at one index, nor different leaves at one place of
//! the ledger (Raft, §5.4.3).

use std::collections::BTreeMap;

use tamga_consensus::LogPosition;

use super::{Invariant, Look};

/// See the module.
#[derive(Debug, Default)]
pub(super) struct StateMachineSafety {
    committed: BTreeMap<u64, LogPosition>,
    /// Compared so far: node and process, up to which index.
    compared: BTreeMap<u32, u64>,
}

impl Invariant for StateMachineSafety {
    fn name(&self) -> &'static str {
        "state-machine-safety"
    }

    fn check(&mut self, look: Look<'_>) -> Result<(), String> {
        for node in look.seen.nodes.values() {
            for (leaf, found) in &node.new_leaves {
                let first = usize::try_from(*leaf).ok().and_then(|leaf| look.seen.leaves.get(leaf));
                if first.is_some_and(|first| first != found) {
                    return Err(format!("leaf {leaf} of n{} is another one than elsewhere", node.id));
                }
            }
            if node.restarted {
                self.compared.insert(node.id, 0);
            }
            let Some(committed) = node.committed.filter(|_| node.commit_moved) else { continue };
            let from = self.compared.get(&node.id).copied().unwrap_or(0).max(node.first);
            for index in from..=committed.index {
                let Some(position) = node.position(index) else { continue };
                let first = *self.committed.entry(index).or_insert(position);
                if first != position {
                    return Err(format!("at index {index} n{} has {position} committed, another {first}", node.id));
                }
            }
            self.compared.insert(node.id, committed.index + 1);
        }
        Ok(())
    }
}
