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
use crate::state::{Legal, RemoteOpening, State, UnitStatus};
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
        if unit.papers() + papers > unit.with_ballot() {
            flags.push(Flag::with(FlagCode::PapersAboveIdentified, unit.with_ballot()));
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
                self.decide_remote_opening(body, record, basis, time_ms)
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
        let (papers, commitment) = self.own_cell_to_open(unit_id)?;
        check_opens(body, &[commitment], papers)?;
        Ok((Vec::new(), Effect::OpenOwn { unit: unit_id, counts: body.counts.clone() }))
    }

    /// Papers and commitments' sum of a unit's own constituency in its batches, if its members may open it now.
    ///
    /// # Errors
    /// The refusal that its opening would get, but for the signers and what the opening itself says.
    pub fn own_cell_to_open(&self, unit_id: UnitId) -> Result<(u64, Commitment), Refusal> {
        let home = self.definition.station(unit_id.station).map_or(0, |station| station.constituency);
        let unit = self.units.get(&unit_id).ok_or(Refusal::UnitNotOpen)?;
        if !unit.batches_complete {
            return Err(Refusal::CoverageIncomplete);
        }
        if unit.own_opening.is_some() {
            return Err(Refusal::OpeningExists);
        }
        let place = (home as usize).checked_sub(1).ok_or(Refusal::ScopeInvalid)?;
        let cell = unit.cells.get(place).ok_or(Refusal::CoverageIncomplete)?;
        if !self.may_show(u64::from(cell.papers)) {
            return Err(Refusal::SmallCell);
        }
        Ok((u64::from(cell.papers), cell.commitment))
    }

    fn decide_remote_opening(&self, body: &TotalOpening, record: &Record, basis: Basis, time_ms: u64) -> Decision {
        self.check_commission(record)?;
        let legal = self.legal_at(time_ms);
        let covered = self.remote_cells_to_open(basis, body.constituency, &legal)?;
        let earlier = self.remote_openings(basis, body.constituency);
        check_opens(body, &covered.commitments, covered.papers)?;
        let flags = earlier.last().map(|last| Flag::with(FlagCode::RemoteTotalReopened, last.leaf));
        let without = legal.annulled_units.into_keys().collect();
        let opening = RemoteOpening { leaf: 0, counts: body.counts.clone(), without };
        let effect = Effect::OpenRemote { basis, constituency: body.constituency, opening };
        Ok((flags.into_iter().collect(), effect))
    }

    /// The cells of a constituency's total, if the commission may open it under these acts.
    ///
    /// # Errors
    /// The refusal that its opening would get, but for the signer and what the opening itself says.
    pub fn remote_cells_to_open(&self, basis: Basis, constituency: u32, legal: &Legal) -> Result<RemoteCells, Refusal> {
        self.check_reopening(self.remote_openings(basis, constituency), basis, constituency, legal)?;
        let covered = self.covered_cells(basis, constituency, legal).ok_or(Refusal::CoverageIncomplete)?;
        if covered.papers != 0 && !self.may_show(covered.papers) {
            return Err(Refusal::SmallCell);
        }
        Ok(covered)
    }

    /// A total is opened again only after units were annulled or reinstated, and only if the difference from *each* earlier total
    /// covers enough papers of enough cells: a difference of two totals is an opening too (DESIGN §7).
    fn check_reopening(
        &self,
        earlier: &[RemoteOpening],
        basis: Basis,
        constituency: u32,
        legal: &Legal,
    ) -> Result<(), Refusal> {
        if earlier.len() >= REMOTE_OPENINGS_MAX {
            return Err(Refusal::OpeningExists);
        }
        for opening in earlier {
            let changed = self.remote_changes(opening, basis, constituency, legal);
            if changed.cells == 0 {
                return Err(Refusal::OpeningExists);
            }
            if changed.cells < CELLS_CHANGED_MIN || !self.may_show(changed.papers) {
                return Err(Refusal::SmallCell);
            }
        }
        Ok(())
    }

    /// What an opened total has too much, or lacks, of what it would cover now: cells with papers of units that were annulled or
    /// reinstated since.
    #[must_use]
    pub fn remote_changes(
        &self,
        opening: &RemoteOpening,
        basis: Basis,
        constituency: u32,
        legal: &Legal,
    ) -> RemoteChanges {
        let mut changes = RemoteChanges::default();
        let then = |id: &UnitId| opening.without.binary_search(id).is_ok();
        let touched = legal.annulled_units.keys().filter(|id| !then(id));
        for id in touched.chain(opening.without.iter().filter(|id| !legal.is_annulled(**id))) {
            if let Some(Some((papers, _))) = self.hidden_cell(basis, *id, constituency)
                && papers > 0
            {
                changes.cells += 1;
                changes.papers += papers;
            }
        }
        changes
    }

    /// Whether the distribution of that many papers may be shown.
    #[must_use]
    pub fn may_show(&self, papers: u64) -> bool {
        papers >= self.election.as_ref().map_or(u64::MAX, |election| u64::from(election.cell_papers_min))
    }

    /// All cells of a constituency that are not shown by themselves; `None` until every unit's is in. Annulled units have none.
    #[must_use]
    pub fn remote_cells(&self, basis: Basis, constituency: u32) -> Option<RemoteCells> {
        self.covered_cells(basis, constituency, &self.legal())
    }

    /// As [`remote_cells`](Self::remote_cells), under the acts of another moment.
    #[must_use]
    pub fn covered_cells(&self, basis: Basis, constituency: u32, legal: &Legal) -> Option<RemoteCells> {
        let mut covered = RemoteCells::default();
        for id in self.definition.units().filter(|id| !legal.is_annulled(*id)) {
            if let Some((papers, commitment)) = self.hidden_cell(basis, id, constituency)? {
                covered.papers += papers;
                covered.commitments.push(commitment);
            }
        }
        Some(covered)
    }

    /// A unit's cell that is not shown by itself. The outer absence: it is not in yet; the inner one: there is none, its papers are
    /// shown.
    #[must_use]
    pub fn hidden_cell(&self, basis: Basis, id: UnitId, constituency: u32) -> Option<Option<(u64, Commitment)>> {
        let unit = self.units.get(&id)?;
        if basis == Basis::Hand {
            let protocol = unit.protocol(Basis::Hand).filter(|protocol| !protocol.blocked)?;
            let cell = protocol.cells.get(&constituency);
            return Some(cell.map(|(papers, commitment)| (u64::from(*papers), *commitment)));
        }
        if !unit.batches_complete {
            return None;
        }
        let own = self.definition.station(id.station).is_some_and(|station| station.constituency == constituency);
        let cell = unit.cells.get((constituency as usize).checked_sub(1)?)?;
        let papers = u64::from(cell.papers);
        Some((!(own && self.may_show(papers))).then_some((papers, cell.commitment)))
    }
}

/// Fewest cells in which two openings of one total may differ.
pub const CELLS_CHANGED_MIN: u64 = 3;
/// Most openings of one total.
pub const REMOTE_OPENINGS_MAX: usize = 8;

/// In how much an opened total differs from what it would cover now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RemoteChanges {
    /// Cells with papers.
    pub cells: u64,
    /// Papers in them.
    pub papers: u64,
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
