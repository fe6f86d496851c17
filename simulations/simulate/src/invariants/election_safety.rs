//! Election safety: a leadership has one leader, once (Raft, §5.2).
//!
//! openraft numbers leaderships by term *and* node: within one term a ballot for a higher node supersedes. So what Raft says
//! of terms holds of these pairs: nobody but its owner leads under one, and no process takes one up that another process
//! of the same node has led under before (it would have forgotten its vote).

use std::collections::BTreeMap;

use super::{Invariant, Look};

/// See the module.
#[derive(Debug, Default)]
pub(super) struct ElectionSafety {
    /// Which process led under a leadership.
    led: BTreeMap<(u64, u32), u64>,
    /// The highest ballot of each running process.
    ballots: BTreeMap<u32, (u64, u64)>,
}

impl Invariant for ElectionSafety {
    fn name(&self) -> &'static str {
        "election-safety"
    }

    fn check(&mut self, look: Look<'_>) -> Result<(), String> {
        for node in look.seen.nodes.values().filter(|node| node.running) {
            if let Some(term) = node.leads() {
                let first = *self.led.entry((term, node.id)).or_insert(node.incarnation);
                // A process may find at its start that the one before it led: it does not lead by that.
                if first != node.incarnation && node.appends() {
                    return Err(format!("n{} led term {term} before and takes it up again after a restart", node.id));
                }
            }
            let Some((term, leader, _)) = node.ballot else { continue };
            let before = self.ballots.entry(node.id).or_default();
            if node.restarted {
                // A ballot that was not durable yet was told to nobody.
                *before = (0, 0);
            }
            if (term, leader.0) < *before {
                return Err(format!("n{} went back from ballot {before:?} to {:?}", node.id, (term, leader.0)));
            }
            *before = (term, leader.0);
        }
        Ok(())
    }
}
