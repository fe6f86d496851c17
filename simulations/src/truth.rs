//! What the ledger must come to, computed from the simulated voters alone, and the comparison with what it says.

use crate::measure::Measures;
use crate::population::{Expected, add};
use crate::schedule::INTERVALS;
use crate::world::World;
use tamga_ledger::kinds::Basis;
use tamga_ledger::record::UnitId;
use tamga_ledger::state::State;
use tamga_ledger::tally::{BasisResult, ConstituencyResult, Coverage, Tally, seats, tally};

/// The truth about the ballots.
#[derive(Debug)]
pub struct Truth {
    expected: Expected,
    cell_papers_min: u64,
}

impl Truth {
    /// Adds up the voters of a world.
    #[must_use]
    pub fn of(world: &World) -> Self {
        let cell_papers_min = world.cell_papers_min;
        Self { expected: world.population.expected(cell_papers_min), cell_papers_min }
    }

    /// Own counts of a station, if they are shown.
    fn shown(&self, station: u32) -> Option<&Vec<u64>> {
        let own = self.expected.own.get((station as usize).checked_sub(1)?)?;
        (own.iter().sum::<u64>() >= self.cell_papers_min).then_some(own)
    }

    /// The nationwide total of papers that are not shown by themselves, of constituency number `constituency`.
    fn elsewhere(&self, constituency: u32) -> Vec<u64> {
        let at = constituency as usize - 1;
        let mut sum = self.expected.remote.get(at).cloned().unwrap_or_default();
        let own = self.expected.own.iter().skip(at).step_by(crate::scale::CONSTITUENCIES as usize);
        for own in own.filter(|own| own.iter().sum::<u64>() < self.cell_papers_min) {
            add(&mut sum, own);
        }
        sum
    }

    /// Whether that total may be opened.
    fn opens(&self, elsewhere: &[u64]) -> bool {
        let papers: u64 = elsewhere.iter().sum();
        papers == 0 || papers >= self.cell_papers_min
    }

    /// Counts of one constituency as the ledger shows them: all, less what has to stay closed.
    fn counts(&self, basis: Basis, constituency: u32) -> Vec<u64> {
        let rows = if basis == Basis::Machine { &self.expected.machine } else { &self.expected.hand };
        let mut counts = rows.get(constituency as usize - 1).cloned().unwrap_or_default();
        let elsewhere = self.elsewhere(constituency);
        if !self.opens(&elsewhere) {
            counts.iter_mut().zip(&elsewhere).for_each(|(count, closed)| *count -= closed);
        }
        counts
    }

    /// The tally as far as its digest needs it.
    #[must_use]
    pub fn tally(&self) -> Tally {
        let row = |constituency| ConstituencyResult {
            constituency,
            machine: BasisResult { counts: self.counts(Basis::Machine, constituency), ..BasisResult::default() },
            hand: BasisResult { counts: self.counts(Basis::Hand, constituency), ..BasisResult::default() },
            ..ConstituencyResult::default()
        };
        Tally { constituencies: (1..=self.expected.machine.len() as u32).map(row).collect(), ..Tally::default() }
    }

    /// Everything in which a ledger's state differs from the simulated day.
    #[must_use]
    pub fn differences(&self, world: &World, measures: &Measures, state: &State) -> Vec<String> {
        let mut found = Vec::new();
        self.compare_tally(world, state, &mut found);
        self.compare_openings(world, state, &mut found);
        compare_identifications(world, measures, state, &mut found);
        found
    }

    fn compare_tally(&self, world: &World, state: &State, found: &mut Vec<String>) {
        let ledger = tally(state);
        let stations = world.desks.len() as u32;
        for (what, coverage) in [("machine", ledger.machine_protocols), ("hand", ledger.hand_protocols)] {
            if coverage != (Coverage { n: stations, of: stations }) {
                found.push(format!("{what} protocols: {} of {} instead of {stations}", coverage.n, coverage.of));
            }
        }
        for (row, constituency) in ledger.constituencies.iter().zip(world.definition.constituencies()) {
            let number = constituency.number;
            for (basis, result) in [(Basis::Machine, &row.machine), (Basis::Hand, &row.hand)] {
                let due = self.counts(basis, number);
                if result.counts != due {
                    found.push(format!(
                        "constituency {number}, {basis:?}: the ledger counts {:?}, voters cast {due:?}",
                        result.counts
                    ));
                }
                let opens = self.opens(&self.elsewhere(number));
                if result.is_complete() != opens {
                    let Coverage { n, of } = result.coverage;
                    found.push(format!(
                        "constituency {number}, {basis:?}: {n} of {of}, remote {}",
                        result.remote_opened
                    ));
                }
            }
            let due = seats(
                &constituency.candidates,
                &self.counts(Basis::Hand, number),
                constituency.seats,
                crate::definition::same_sex_max(),
            );
            if row.hand.is_complete() && row.seats != due {
                found.push(format!("constituency {number}: seats {:?} instead of {due:?}", row.seats));
            }
        }
    }

    fn compare_openings(&self, world: &World, state: &State, found: &mut Vec<String>) {
        for desk in &world.desks {
            let (station, unit) = (desk.unit.station, state.unit(desk.unit));
            let opened = unit.and_then(|unit| unit.own_opening.as_ref());
            let due = self.shown(station).filter(|_| desk.home.is_some());
            if opened != due {
                found.push(format!("station {station}: opened {opened:?}, voters cast {due:?}"));
            }
        }
        for constituency in world.definition.constituencies() {
            let elsewhere = self.elsewhere(constituency.number);
            let due = Some(elsewhere).filter(|elsewhere| self.opens(elsewhere));
            for basis in Basis::ALL {
                let opened = state.remote_opening(basis, constituency.number);
                if opened != due.as_ref() {
                    let number = constituency.number;
                    found.push(format!("constituency {number} elsewhere, {basis:?}: {opened:?} instead of {due:?}"));
                }
            }
        }
    }
}

fn compare_identifications(world: &World, measures: &Measures, state: &State, found: &mut Vec<String>) {
    let mut differ = |what: &str, ledger: u64, due: u64| {
        if ledger != due {
            found.push(format!("{what}: {ledger} in the ledger, {due} in the simulation"));
        }
    };
    let (counts, size) = (state.counts(), world.population.size());
    differ("voters on the roll", counts.roll, size.roll);
    differ("papers in batches", counts.papers, size.voting);
    differ(
        "second attempts refused",
        counts.second_attempts,
        measures.second_attempts.get() + measures.conflicts.get(),
    );
    differ("wrong stations refused", counts.wrong_station, measures.wrong_stations.get());
    for desk in &world.desks {
        let unit: UnitId = desk.unit;
        let admitted = state.unit(unit).map_or(0, tamga_ledger::state::UnitState::identified);
        differ(&format!("voters admitted at {unit}"), admitted, desk.admitted());
    }
    for (hour, ledger) in ledger_hours(state).into_iter().enumerate() {
        differ(&format!("voters in interval {hour}"), ledger, measures.hours[hour].get());
    }
}

/// Admissions by interval as the ledger has them.
#[must_use]
pub fn ledger_hours(state: &State) -> [u64; INTERVALS] {
    let mut hours = [0; INTERVALS];
    for row in state.turnout() {
        for (sum, count) in hours.iter_mut().zip(row) {
            *sum += u64::from(count.local) + u64::from(count.remote);
        }
    }
    hours
}
