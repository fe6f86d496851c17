//! Published checkpoints carry a quorum, as any reader would verify it, and never step back on a node. (That they do not
//! contradict each other is with the roots.)

use std::collections::BTreeMap;

use tamga_ledger::history::History;
use tamga_ledger::trust::Trust;

use super::{Invariant, Look};

/// As a reader who has the genesis record only, and asks the same node for the way to newer keys if it needs one.
fn verify(genesis: &Trust, note: &[u8], history: &[u8]) -> Result<(), String> {
    if genesis.verify_checkpoint(note).is_ok() {
        return Ok(());
    }
    let history = History::from_bytes(history).map_err(|error| error.to_string())?;
    let trust = genesis.follow(&history).map_err(|error| error.to_string())?;
    trust.verify_checkpoint(note).map(|_| ()).map_err(|error| error.to_string())
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Checkpoints {
    latest: BTreeMap<u32, u64>,
}

impl Invariant for Checkpoints {
    fn name(&self) -> &'static str {
        "checkpoints"
    }

    fn check(&mut self, look: Look<'_>) -> Result<(), String> {
        for node in look.seen.nodes.values().filter(|node| node.running && node.published_changed) {
            let Some(published) = &node.published else { continue };
            if let Err(error) = verify(look.trust, published.note.as_bytes(), &node.history) {
                return Err(format!("what n{} published does not verify: {error}", node.id));
            }
            let size = published.checkpoint.size.get();
            let before = self.latest.insert(node.id, size).unwrap_or(0);
            if size < before && !look.damaged.contains(&node.id) {
                return Err(format!("n{} published size {before} and then {size}", node.id));
            }
            if size > look.seen.leaves.len() as u64 {
                return Err(format!("n{} published size {size}; nobody has so many entries", node.id));
            }
        }
        Ok(())
    }
}
