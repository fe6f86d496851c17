//! The tree is append-only: what a node's ledger was at a size, it is at that size for ever. A restart may take back only
//! what no published checkpoint of this node covers.

use std::collections::BTreeMap;

use super::{Invariant, Look};
use crate::observe::tree_size;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct AppendOnly {
    published: BTreeMap<u32, u64>,
}

impl Invariant for AppendOnly {
    fn name(&self) -> &'static str {
        "append-only"
    }

    fn check(&mut self, look: Look<'_>) -> Result<(), String> {
        for node in look.seen.nodes.values().filter(|node| !look.damaged.contains(&node.id)) {
            if let Some((size, roots)) = node.size_before {
                if node.size < size && !node.restarted {
                    return Err(format!("the ledger of n{} shrank from {size} to {}", node.id, node.size));
                }
                let core = look.nodes.get(&node.id).and_then(|node| node.core());
                if let Some(core) = core.filter(|_| size > 0 && size <= node.size) {
                    match core.store().roots_at(tree_size(size)) {
                        Ok(now) if now != roots => {
                            return Err(format!("n{} had other roots at size {size} before", node.id));
                        }
                        // A store that cannot be read says so to its node.
                        Ok(_) | Err(_) => {}
                    }
                }
            }
            let floor = self.published.get(&node.id).copied().unwrap_or(0);
            if node.running && node.size < floor {
                return Err(format!("n{} published size {floor} and has {} entries now", node.id, node.size));
            }
            if let Some(published) = node.published.as_ref().filter(|_| node.published_changed) {
                self.published.insert(node.id, floor.max(published.checkpoint.size.get()));
            }
        }
        Ok(())
    }
}
