//! Log matching: two logs with an entry of one index and term are the same up to it (Raft, §5.3).
//!
//! By induction: wherever an entry stands, its payload and the entry before it are the same.

use std::collections::BTreeMap;

use tamga_consensus::{EntrySeen, LogPosition};

use super::{Invariant, Look};

/// See the module.
#[derive(Debug, Default)]
pub(super) struct LogMatching {
    entries: BTreeMap<LogPosition, (EntrySeen, Option<LogPosition>)>,
}

impl Invariant for LogMatching {
    fn name(&self) -> &'static str {
        "log-matching"
    }

    fn check(&mut self, look: Look<'_>) -> Result<(), String> {
        for node in look.seen.nodes.values() {
            let Some(from) = node.changed_from else { continue };
            let start = (from - node.first) as usize;
            for (entry, at) in node.log[start..].iter().zip(start..) {
                let before = at.checked_sub(1).map(|at| node.log[at].position);
                let known = self.entries.entry(entry.position).or_insert((*entry, before));
                if known.0 != *entry {
                    return Err(format!("entry {} of n{} differs from another node's", entry.position, node.id));
                }
                match (known.1, before) {
                    (Some(theirs), Some(ours)) if theirs != ours => {
                        return Err(format!(
                            "entry {} follows {ours} on n{} and {theirs} elsewhere",
                            entry.position, node.id
                        ));
                    }
                    (None, Some(_)) => known.1 = before,
                    _ => {}
                }
            }
        }
        Ok(())
    }
}
