//! Acknowledged records are in the ledger exactly once, where the promise said, with the verdict it said.

use std::collections::BTreeMap;

use tamga_ledger::ids::RecordId;

use super::{Invariant, Look};

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Acknowledged {
    leaves: BTreeMap<RecordId, u64>,
    compared: usize,
}

impl Invariant for Acknowledged {
    fn name(&self) -> &'static str {
        "acknowledged"
    }

    fn check(&mut self, look: Look<'_>) -> Result<(), String> {
        let from = look.seen.leaves_new_from;
        for (leaf, index) in look.seen.leaves[from..].iter().zip(from as u64..) {
            if let Some(first) = self.leaves.insert(leaf.record, index) {
                return Err(format!("record {} is in the ledger twice: at {first} and at {index}", leaf.record));
            }
        }
        if let Some(contradiction) = look.model.contradiction() {
            return Err(contradiction.to_owned());
        }
        for (record, judged, node) in &look.model.acknowledged()[self.compared..] {
            let leaf = usize::try_from(judged.leaf.get()).ok().and_then(|leaf| look.seen.leaves.get(leaf));
            let right = leaf.is_some_and(|leaf| leaf.record == *record && leaf.verdict == judged.verdict);
            if !right {
                return Err(format!(
                    "n{node} promised record {record} at leaf {} as \"{}\"; there is {leaf:?}",
                    judged.leaf, judged.verdict
                ));
            }
        }
        self.compared = look.model.acknowledged().len();
        Ok(())
    }
}
