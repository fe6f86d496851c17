//! An id has one life: a node whose disk was wiped neither votes nor holds an entry again. What it has forgotten it may have
//! voted and acknowledged.

use super::{Invariant, Look};

/// See the module.
#[derive(Debug)]
pub(super) struct Births;

impl Invariant for Births {
    fn name(&self) -> &'static str {
        "births"
    }

    fn check(&mut self, look: Look<'_>) -> Result<(), String> {
        let wiped = look.seen.nodes.values().filter(|node| node.running && look.wiped.contains(&node.id));
        match wiped.into_iter().find(|node| node.ballot.is_some() || !node.log.is_empty()) {
            Some(node) => Err(format!("n{} was wiped and takes part again: ballot {:?}", node.id, node.ballot)),
            None => Ok(()),
        }
    }
}
