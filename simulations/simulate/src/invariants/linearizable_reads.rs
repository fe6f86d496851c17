//! A read behind a barrier sees everything that was acknowledged before it was asked.

use super::{Invariant, Look};

/// See the module.
#[derive(Debug, Default)]
pub(super) struct LinearizableReads;

impl Invariant for LinearizableReads {
    fn name(&self) -> &'static str {
        "linearizable-reads"
    }

    fn check(&mut self, look: Look<'_>) -> Result<(), String> {
        look.model.stale_read().map_or(Ok(()), |stale| Err(stale.to_owned()))
    }
}
