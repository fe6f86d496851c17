//! Ballot batches and the opening of sums.
//!
//! Secrecy (DESIGN §7): a cell is never opened alone unless it is a unit's own constituency with at least
//! `cell_papers_min` papers. Everything else of a constituency — papers cast for it elsewhere, and own cells too small to
//! show — is one nationwide sum, opened once, when every unit's cell is in.

use super::Decision;
use super::authority::unit_of;
use super::effect::Effect;
use crate::commitment::{self, Commitment, Counts};
use crate::kinds::{BallotBatch, Basis, HolderClass, TotalOpening};
use crate::record::{Record, Scope, UnitId};
use crate::state::{State, UnitState, UnitStatus};
use crate::verdict::{Flag, FlagCode, Refusal};

impl State {
    pub(super) fn decide_batch(&self, body: &BallotBatch, record: &Record) -> Decision {
        self.check_single(record, HolderClass::Scanner)?;
        let unit_id = unit_of(record)?;
        let numbers = body.cells.iter().map(|cell| cell.constituency);
        if !numbers.eq(self.definition.constituencies().iter().map(|constituency| constituency.number)) || body.last > 1
        {
            return Err(Refusal::CellsInvalid);
        }
        let unit = self.units.get(&unit_id).ok_or(Refusal::UnitNotOpen)?;
        if unit.batches_complete {
            return Err(Refusal::BatchAfterLast);
        }
        let mut flags = Vec::new();
        if body.number != unit.last_batch.saturating_add(1) {
            flags.push(Flag::with(FlagCode::BatchNumberGap, u64::from(unit.last_batch)));
        }
        if unit.status == UnitStatus::Closed {
            flags.push(Flag::new(FlagCode::UnitNotOpen));
        }
        let papers: u64 = body.cells.iter().map(|cell| u64::from(cell.papers)).sum();
        if unit.papers() + papers > unit.identified() {
            flags.push(Flag::with(FlagCode::PapersAboveIdentified, unit.identified()));
        }
        let cells = body.cells.iter().map(|cell| (cell.papers, cell.commitment)).collect();
        Ok((flags, Effect::Batch { unit: unit_id, number: body.number, last: body.last == 1, cells }))
    }

    pub(super) fn decide_opening(&self, body: &TotalOpening, record: &Record, time_ms: u64) -> Decision {
        let election = self.election.as_ref().ok_or(Refusal::NotReady)?;
        if time_ms < election.embargo_ms {
            return Err(Refusal::Embargo);
        }
        let basis = Basis::from_number(body.basis).ok_or(Refusal::ContentInvalid)?;
        let constituency = self.definition.constituency(body.constituency).ok_or(Refusal::ScopeInvalid)?;
        if body.counts.len() != constituency.positions() {
            return Err(Refusal::ContentInvalid);
        }
        match record.scope {
            Scope::Unit(unit) => self.decide_own_opening(body, record, basis, unit),
            Scope::Constituency(number) if number == body.constituency => {
                self.decide_remote_opening(body, record, basis)
            }
            _ => Err(Refusal::ScopeInvalid),
        }
    }

    /// A unit opens the machine's count of its own constituency. (By hand it stands in the protocol, in the clear.)
    fn decide_own_opening(&self, body: &TotalOpening, record: &Record, basis: Basis, unit_id: UnitId) -> Decision {
        self.check_member_quorum(record)?;
        let home = self.definition.station(unit_id.station).map_or(0, |station| station.constituency);
        if basis != Basis::Machine || home != body.constituency {
            return Err(Refusal::ScopeInvalid);
        }
        let unit = self.units.get(&unit_id).ok_or(Refusal::UnitNotOpen)?;
        if !unit.batches_complete {
            return Err(Refusal::CoverageIncomplete);
        }
        if unit.own_opening.is_some() {
            return Err(Refusal::OpeningExists);
        }
        let cell = unit.cells.get(home as usize - 1).ok_or(Refusal::CoverageIncomplete)?;
        if !self.may_show(u64::from(cell.papers)) {
            return Err(Refusal::SmallCell);
        }
        check_opens(body, &[cell.commitment], u64::from(cell.papers))?;
        Ok((Vec::new(), Effect::OpenOwn { unit: unit_id, counts: body.counts.clone() }))
    }

    fn decide_remote_opening(&self, body: &TotalOpening, record: &Record, basis: Basis) -> Decision {
        self.check_commission(record)?;
        if self.remote_openings.contains_key(&(basis, body.constituency)) {
            return Err(Refusal::OpeningExists);
        }
        let covered = self.remote_cells(basis, body.constituency).ok_or(Refusal::CoverageIncomplete)?;
        if covered.papers != 0 && !self.may_show(covered.papers) {
            return Err(Refusal::SmallCell);
        }
        check_opens(body, &covered.commitments, covered.papers)?;
        Ok((Vec::new(), Effect::OpenRemote { basis, constituency: body.constituency, counts: body.counts.clone() }))
    }

    /// Whether the distribution of that many papers may be shown.
    #[must_use]
    pub fn may_show(&self, papers: u64) -> bool {
        papers >= self.election.as_ref().map_or(u64::MAX, |election| u64::from(election.cell_papers_min))
    }

    /// All cells of a constituency that are not shown by themselves; `None` until every unit's is in.
    #[must_use]
    pub fn remote_cells(&self, basis: Basis, constituency: u32) -> Option<RemoteCells> {
        let mut covered = RemoteCells::default();
        for id in self.definition.units() {
            let unit = self.units.get(&id)?;
            let own = self.definition.station(id.station).is_some_and(|station| station.constituency == constituency);
            match basis {
                Basis::Machine => self.add_machine_cell(&mut covered, unit, constituency, own)?,
                Basis::Hand => add_hand_cell(&mut covered, unit, constituency)?,
            }
        }
        Some(covered)
    }

    fn add_machine_cell(
        &self,
        covered: &mut RemoteCells,
        unit: &UnitState,
        constituency: u32,
        own: bool,
    ) -> Option<()> {
        if !unit.batches_complete {
            return None;
        }
        let cell = unit.cells.get((constituency as usize).checked_sub(1)?)?;
        if !(own && self.may_show(u64::from(cell.papers))) {
            covered.papers += u64::from(cell.papers);
            covered.commitments.push(cell.commitment);
        }
        Some(())
    }
}

fn add_hand_cell(covered: &mut RemoteCells, unit: &UnitState, constituency: u32) -> Option<()> {
    let protocol = unit.protocol(Basis::Hand).filter(|protocol| !protocol.blocked)?;
    if let Some((papers, commitment)) = protocol.cells.get(&constituency) {
        covered.papers += u64::from(*papers);
        covered.commitments.push(*commitment);
    }
    Some(())
}

/// Cells that are opened only together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RemoteCells {
    /// Papers in them.
    pub papers: u64,
    /// Their commitments.
    pub commitments: Vec<Commitment>,
}

fn check_opens(body: &TotalOpening, commitments: &[Commitment], papers: u64) -> Result<(), Refusal> {
    let counts = Counts::new(body.counts.clone()).map_err(|_| Refusal::ContentInvalid)?;
    if body.counts.iter().sum::<u64>() != papers {
        return Err(Refusal::OpeningInvalid);
    }
    commitment::verify_opening(&commitment::sum(commitments), &counts, body.blinding.0)
        .map_err(|_| Refusal::OpeningInvalid)
}
