//! One voter, one admission: no voter has two identifications that were accepted.

use std::collections::BTreeMap;

use tamga_ledger::ids::RecordId;

use super::{Invariant, Look};
use crate::model::Voter;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct OneAdmission {
    admitted: BTreeMap<Voter, RecordId>,
}

impl Invariant for OneAdmission {
    fn name(&self) -> &'static str {
        "one-admission"
    }

    fn check(&mut self, look: Look<'_>) -> Result<(), String> {
        for leaf in &look.seen.leaves[look.seen.leaves_new_from..] {
            let Some(voter) = look.model.voter(&leaf.record) else { continue };
            if !leaf.verdict.is_accepted() {
                continue;
            }
            if let Some(first) = self.admitted.insert(voter, leaf.record)
                && first != leaf.record
            {
                return Err(format!("voter {voter:?} was admitted twice: by {first} and by {}", leaf.record));
            }
        }
        Ok(())
    }
}
