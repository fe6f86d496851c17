//! Roots agree: ledgers of one size have the same roots, on all nodes and at all times.

use std::collections::BTreeMap;

use tamga_ledger::tree::Roots;

use super::{Invariant, Look};

/// See the module.
#[derive(Debug, Default)]
pub(super) struct RootsAgree {
    roots: BTreeMap<u64, (u32, Roots)>,
}

impl RootsAgree {
    fn compare(&mut self, node: u32, size: u64, roots: Roots) -> Result<(), String> {
        let (first, known) = *self.roots.entry(size).or_insert((node, roots));
        if known == roots {
            return Ok(());
        }
        Err(format!("at size {size} n{node} has other roots than n{first} had"))
    }
}

impl Invariant for RootsAgree {
    fn name(&self) -> &'static str {
        "roots-agree"
    }

    fn check(&mut self, look: Look<'_>) -> Result<(), String> {
        for node in look.seen.nodes.values().filter(|node| node.running) {
            if let Some(roots) = node.roots.filter(|_| node.size_before.is_some() || node.restarted) {
                self.compare(node.id, node.size, roots)?;
            }
            if let Some(published) = node.published.as_ref().filter(|_| node.published_changed) {
                self.compare(node.id, published.checkpoint.size.get(), published.checkpoint.roots)?;
            }
        }
        Ok(())
    }
}
