//! What nodes refused at admission. A statement of one node about itself: recorded if it is well-formed and the node's own.

use super::Decision;
use super::effect::Effect;
use crate::kinds::RefusalSummary;
use crate::record::Record;
use crate::state::State;
use crate::verdict::Refusal;

impl State {
    pub(super) fn decide_refusals(&self, summary: &RefusalSummary, record: &Record) -> Decision {
        self.check_node(record, summary.node)?;
        if summary.is_well_formed() { Ok((Vec::new(), Effect::Nothing)) } else { Err(Refusal::ContentInvalid) }
    }
}
