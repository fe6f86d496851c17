//! Cosigning memory never steps back: a node remembers at least every signature of its key that anybody has seen.

use std::collections::BTreeMap;

use tamga_node::testing::successor;

use super::{Invariant, Look};

/// See the module.
#[derive(Debug, Default)]
pub(super) struct CosigningMemory {
    /// Highest size signed by node, as it said itself or as its signature showed.
    signed: BTreeMap<u32, u64>,
}

impl Invariant for CosigningMemory {
    fn name(&self) -> &'static str {
        "cosigning-memory"
    }

    fn check(&mut self, look: Look<'_>) -> Result<(), String> {
        for node in look.seen.nodes.values().filter(|node| node.running) {
            if let Some(published) = node.published.as_ref().filter(|_| node.published_changed) {
                for cosigner in &published.cosigners {
                    let first = look.trust.nodes().iter().map(|node| (node.keys.id, node.keys.cosigner_name.clone()));
                    let later =
                        look.newcomers.iter().map(|(node, place)| (*node, successor(*node, *place).cosigner_name));
                    if let Some((by, _)) = first.chain(later).find(|(_, name)| *name == cosigner.name) {
                        let known = self.signed.entry(by).or_default();
                        *known = (*known).max(published.checkpoint.size.get());
                    }
                }
            }
        }
        // A wiped node has forgotten it, and signs nothing any more.
        for node in look.seen.nodes.values().filter(|node| node.running && !look.wiped.contains(&node.id)) {
            let known = self.signed.entry(node.id).or_default();
            if node.cosigned < *known {
                return Err(format!("n{} has signed size {known} and remembers {}", node.id, node.cosigned));
            }
            *known = node.cosigned;
        }
        Ok(())
    }
}
