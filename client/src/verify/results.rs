//! Turnout and results out of an audited state.

use serde::Serialize;
use tamga_ledger::kinds::Stage;
use tamga_ledger::state::State;
use tamga_ledger::tally::{Tally, tally};

/// Turnout at one announced time, cumulative.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HourTurnout {
    /// How the time is called; `final` after the last.
    pub label: String,
    /// Admitted with their own constituency's ballot so far.
    pub local: u64,
    /// Admitted with another constituency's ballot so far.
    pub remote: u64,
    /// Of the voters on the roll, in tenths of a per cent; none where the inputs do not support a figure.
    pub permille: Option<u64>,
}

/// Everything `tamga results` shows.
#[derive(Debug, Clone, Serialize)]
pub struct ResultsView {
    /// Voters on the roll.
    pub roll: u64,
    /// Identifications refused because the voter was admitted before.
    pub second_attempts: u64,
    /// Identifications refused at a wrong station.
    pub wrong_station: u64,
    /// Offline identifications that collide.
    pub conflicts: u64,
    /// Papers in ballot batches.
    pub papers: u64,
    /// By announced time.
    pub turnout: Vec<HourTurnout>,
    /// Whether the Results seal is in: before it everything is preliminary.
    pub sealed: bool,
    /// Results.
    pub tally: Tally,
}

/// Computes what is shown.
#[must_use]
pub fn results(state: &State) -> ResultsView {
    let counts = state.counts();
    ResultsView {
        roll: counts.roll,
        second_attempts: counts.second_attempts,
        wrong_station: counts.wrong_station,
        conflicts: counts.conflicts,
        papers: counts.papers,
        turnout: turnout(state),
        sealed: state.seal(Stage::Results).is_some(),
        tally: tally(state),
    }
}

fn turnout(state: &State) -> Vec<HourTurnout> {
    let roll = state.counts().roll;
    let hours = state.election().map_or(&[][..], |election| &election.official_hours);
    let labels = hours.iter().map(|hour| hour.label.clone()).chain(["final".to_owned()]);
    let (mut local, mut remote) = (0, 0);
    let at = |(column, label): (usize, String)| {
        for row in state.turnout() {
            let count = row.get(column).copied().unwrap_or_default();
            local += u64::from(count.local);
            remote += u64::from(count.remote);
        }
        let voted = local + remote;
        let permille = (roll > 0 && voted <= roll).then(|| voted * 1000 / roll);
        HourTurnout { label, local, remote, permille }
    };
    labels.enumerate().map(at).collect()
}
