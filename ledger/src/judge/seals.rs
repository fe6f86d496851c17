//! Seals: the end of a stage, over a head that was cut before.

use super::Decision;
use super::effect::Effect;
use crate::ids::Digest;
use crate::kinds::{Seal, Stage};
use crate::record::Record;
use crate::state::{State, StationRoll, UnitStatus};
use crate::verdict::{Flag, FlagCode, Refusal};

impl State {
    pub(super) fn decide_seal(&self, seal: &Seal, record: &Record, time_ms: u64) -> Decision {
        self.check_commission(record)?;
        let stage = Stage::from_number(seal.stage).ok_or(Refusal::ContentInvalid)?;
        if self.seals.contains_key(&stage) {
            return Err(Refusal::StageClosed);
        }
        self.check_seal_head(seal)?;
        let admitted_due = stage == Stage::Voting;
        let tally_due = stage == Stage::Results;
        if seal.admitted_root.0.is_some() != admitted_due || seal.tally.0.is_some() != tally_due {
            return Err(Refusal::ContentInvalid);
        }
        match stage {
            Stage::Roll => self.check_rolls()?,
            Stage::Voting => self.check_voting_over(seal)?,
            Stage::Results => self.check_results(seal, time_ms)?,
            Stage::Archive if !self.seals.contains_key(&Stage::Results) => return Err(Refusal::SealPremature),
            Stage::Archive => {}
        }
        let open = if stage == Stage::Results { self.open_cases() } else { 0 };
        let flags = (open > 0).then(|| Flag::with(FlagCode::CasesOpen, open));
        Ok((flags.into_iter().collect(), Effect::Seal(stage)))
    }

    fn check_seal_head(&self, seal: &Seal) -> Result<(), Refusal> {
        let named = |head: &&crate::tree::TreeHead| {
            head.size.get() == seal.size
                && head.roots.sha256.as_bytes() == &seal.sha256_root.0
                && head.roots.blake3.as_bytes() == &seal.blake3_root.0
        };
        self.cuts.iter().rev().find(named).map(drop).ok_or(Refusal::SealHeadUnknown)
    }

    /// From here on nobody comes onto a roll, so whoever is on one of them only stays so.
    fn check_rolls(&self) -> Result<(), Refusal> {
        if !self.rolls.values().all(StationRoll::is_complete) {
            return Err(Refusal::SealPremature);
        }
        if self.on_two_rolls(1).is_empty() { Ok(()) } else { Err(Refusal::SealRollsOverlap) }
    }

    fn check_voting_over(&self, seal: &Seal) -> Result<(), Refusal> {
        let over = |unit: &crate::state::UnitState| unit.status == UnitStatus::Closed && unit.batches_complete;
        if !self.seals.contains_key(&Stage::Roll) || !self.units.values().all(over) {
            return Err(Refusal::SealPremature);
        }
        // An auditor to whom bodies are withheld cannot compute the root; a node has them all.
        let matches = self.admitted_unseen > 0 || seal.admitted_root.0 == Some(self.admitted_root());
        if matches { Ok(()) } else { Err(Refusal::SealRootMismatch) }
    }

    fn check_results(&self, seal: &Seal, time_ms: u64) -> Result<(), Refusal> {
        if !self.seals.contains_key(&Stage::Voting) {
            return Err(Refusal::SealPremature);
        }
        let digest: Digest = crate::tally::tally_at(self, time_ms).digest();
        if seal.tally.0 == Some(digest) { Ok(()) } else { Err(Refusal::SealTallyMismatch) }
    }
}
