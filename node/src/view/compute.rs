//! From the judging state to a [`View`]. Runs at every cut, in apply: what has not changed since the last view is shared
//! with it, so that many unpublished views cost little.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tamga_ledger::kinds::{Basis, Finding, Kind, Stage};
use tamga_ledger::record::UnitId;
use tamga_ledger::state::{HourCount, ProtocolInForce, State, UnitState, in_force};
use tamga_ledger::summary::{paper_code, paper_qr};
use tamga_ledger::tally::{Tally, tally};

use super::decisions::decisions;
use super::equipment::Pieces;
use super::{ConstituencyTurnout, CountersignedView, Decisions, ProtocolView, Turnout, UnitView, View};

/// Computes views one after the other.
#[derive(Debug, Default)]
pub(crate) struct Views(Mutex<Last>);

#[derive(Debug, Default)]
struct Last {
    units: BTreeMap<UnitId, Arc<UnitView>>,
    pieces: Pieces,
    /// Results and decisions, with the number of entries of each kind they depend on, and the acts in force: acts take effect by
    /// time, too.
    results: Option<([u64; 8], Vec<u64>, Results)>,
}

type Results = (Arc<Tally>, Arc<Decisions>);

impl Views {
    /// The view at the state's size.
    pub(crate) fn compute(&self, state: &State) -> Arc<View> {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (results, decisions) = last.results(state);
        let equipment = last.pieces.follow(state);
        Arc::new(View {
            head: state.head(),
            time_ms: state.time_ms(),
            turnout: turnout(state),
            results,
            decisions,
            equipment,
            units: last.units(state),
            counts: state.counts().clone(),
            keys: state.key_count() as u64,
            voting_sealed: state.seal(Stage::Voting).is_some(),
        })
    }
}

impl Last {
    fn results(&mut self, state: &State) -> Results {
        let inputs = [
            Kind::DefinitionPart,
            Kind::StationPhase,
            Kind::BallotBatch,
            Kind::TotalOpening,
            Kind::Protocol,
            Kind::SummaryTable,
            Kind::LegalAct,
            Kind::Case,
        ];
        let entries = inputs.map(|kind| state.counts().by_kind.get(&kind).map_or(0, |counts| counts.iter().sum()));
        let acts: Vec<u64> = in_force(state.acts(), state.time_ms()).iter().map(|act| act.leaf).collect();
        match &self.results {
            Some((before, standing, results)) if *before == entries && *standing == acts => results.clone(),
            _ => {
                let computed = (Arc::new(tally(state)), Arc::new(decisions(state, &state.legal())));
                self.results = Some((entries, acts, computed.clone()));
                computed
            }
        }
    }

    fn units(&mut self, state: &State) -> Vec<Arc<UnitView>> {
        let unknown = UnitState::default();
        let mut units = Vec::with_capacity(self.units.len());
        for id in state.definition().units() {
            let last = self.units.get(&id);
            let unit = unit_view(state, id, state.unit(id).unwrap_or(&unknown), &self.pieces, last.map(|last| &**last));
            let shared = match last {
                Some(before) if **before == unit => Arc::clone(before),
                _ => Arc::new(unit),
            };
            self.units.insert(id, Arc::clone(&shared));
            units.push(shared);
        }
        units
    }
}

fn roll_of(state: &State, station: u32) -> u64 {
    state.roll(station).map_or(0, |roll| u64::from(roll.total()))
}

fn unit_view(state: &State, id: UnitId, unit: &UnitState, pieces: &Pieces, last: Option<&UnitView>) -> UnitView {
    UnitView {
        unit: id,
        constituency: state.definition().station(id.station).map_or(0, |station| station.constituency),
        status: unit.status,
        offline: unit.offline,
        roll: roll_of(state, id.station),
        identified_local: unit.identified_local,
        identified_remote: unit.identified_remote,
        refused: unit.refused,
        conflicts: unit.conflicts,
        batches: unit.last_batch,
        batches_complete: unit.batches_complete,
        papers: unit.papers(),
        without_ballot: u32::try_from(unit.voided.len()).unwrap_or(u32::MAX),
        box_out: unit.box_seals.is_some(),
        reported: unit.reported,
        discrepancies: unit.reported_discrepancies(),
        closing: unit.closing,
        machine: unit
            .protocol(Basis::Machine)
            .map(|protocol| protocol_view(state, id, protocol, last.and_then(|last| last.machine.as_ref()))),
        hand: unit
            .protocol(Basis::Hand)
            .map(|protocol| protocol_view(state, id, protocol, last.and_then(|last| last.hand.as_ref()))),
        own_opened: unit.own_opening.is_some(),
        countersigned: countersigned(unit),
        equipment: pieces.of(state, id, unit),
    }
}

fn countersigned(unit: &UnitState) -> CountersignedView {
    let mut view = CountersignedView::default();
    for one in &unit.countersigned {
        *match one.finding {
            Finding::Assent => &mut view.assents,
            Finding::Copy if !one.compared => &mut view.copies_uncompared,
            Finding::Copy if one.differing == 0 => &mut view.copies_same,
            Finding::Copy => &mut view.copies_differing,
            Finding::CopyRefused => &mut view.copies_refused,
            Finding::NotPosted => &mut view.not_posted,
        } += 1;
    }
    view
}

/// What it says never changes: a protocol that was there before is shown as before.
fn protocol_view(
    state: &State,
    unit: UnitId,
    protocol: &ProtocolInForce,
    before: Option<&ProtocolView>,
) -> ProtocolView {
    if let Some(before) = before.filter(|before| before.leaf == protocol.leaf) {
        return before.clone();
    }
    let many = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    ProtocolView {
        basis: protocol.basis,
        code: paper_code(&protocol.id),
        qr: paper_qr(&state.election_id(), unit, &protocol.id),
        explanation: protocol.explanation,
        signers: many(protocol.signers.len()),
        dissenting: many(protocol.dissenting.len()),
        absent: protocol.absent,
        members: protocol.members,
        leaf: protocol.leaf,
        id: protocol.id.to_string(),
        blocked: protocol.blocked,
        lines: protocol.lines.clone(),
        counts: protocol.counts.clone(),
    }
}

fn turnout(state: &State) -> Turnout {
    let hours = state.election().map_or(&[][..], |election| &election.official_hours);
    let mut rolls: BTreeMap<u32, u64> = BTreeMap::new();
    for station in state.definition().stations().values() {
        *rolls.entry(station.constituency).or_default() += roll_of(state, station.number);
    }
    let rows = state.turnout().iter().zip(0..);
    let constituencies: Vec<ConstituencyTurnout> = rows
        .map(|(counts, constituency)| ConstituencyTurnout {
            constituency,
            roll: rolls.get(&constituency).copied().unwrap_or(0),
            hours: counts.clone(),
        })
        .collect();
    let mut nation = vec![HourCount::default(); hours.len() + 1];
    for row in &constituencies {
        for (sum, count) in nation.iter_mut().zip(&row.hours) {
            sum.local += count.local;
            sum.remote += count.remote;
        }
    }
    Turnout { roll: state.counts().roll, hours: hours.iter().map(Into::into).collect(), nation, constituencies }
}
