//! Leader completeness: what was committed in a term stands in the log of every leader of a later term (Raft, §5.4).
//!
//! In which term something was committed is not seen; it was at most that of whoever knows of it. (A term is here term and
//! node, see `election_safety`.)

use std::collections::{BTreeMap, BTreeSet};

use tamga_consensus::LogPosition;

use super::{Invariant, Look};

/// See the module.
#[derive(Debug, Default)]
pub(super) struct LeaderCompleteness {
    /// Committed positions by index, each with a leadership under which it was known to be.
    committed: BTreeMap<u64, (LogPosition, (u64, u64))>,
    /// Leaders looked at.
    led: BTreeSet<(u64, u32)>,
}

impl Invariant for LeaderCompleteness {
    fn name(&self) -> &'static str {
        "leader-completeness"
    }

    fn check(&mut self, look: Look<'_>) -> Result<(), String> {
        // Leaders first, against what was committed before this step.
        for node in look.seen.nodes.values() {
            let Some(term) = node.leads() else { continue };
            if !self.led.insert((term, node.id)) {
                continue;
            }
            for (index, (position, known_in)) in &self.committed {
                let purged = *index < node.first;
                if *known_in < (term, u64::from(node.id)) && !purged && node.position(*index) != Some(*position) {
                    return Err(format!(
                        "n{} leads term {term} without {position}, which was committed by {known_in:?}: it has {:?}",
                        node.id,
                        node.position(*index)
                    ));
                }
            }
        }
        for node in look.seen.nodes.values().filter(|node| node.commit_moved) {
            let (Some(committed), Some((term, leader, _))) = (node.committed, node.ballot) else { continue };
            let known = self.committed.last_key_value().map_or(0, |(last, _)| last + 1);
            for index in known..=committed.index {
                if let Some(position) = node.position(index) {
                    self.committed.insert(index, (position, (term, leader.0)));
                }
            }
        }
        Ok(())
    }
}
