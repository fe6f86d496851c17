//! Turnout and results out of an audited state.

use serde::Serialize;
use std::fmt;
use tamga_ledger::ids::RecordId;
use tamga_ledger::kinds::{Issuer, Stage};
use tamga_ledger::record::Scope;
use tamga_ledger::state::{RecordedAct, State};
use tamga_ledger::tally::{
    Contest, Coverage, Difference, Flip, Margin, Shares, Tally, UnitResult, differences, flips, shares, tally,
    unit_results,
};

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
    /// What follows from them, by constituency.
    pub constituencies: Vec<ConstituencyView>,
    /// Own results of each unit.
    pub units: Vec<UnitResult>,
    /// Units where machine and hand differ, the largest difference first.
    pub differences: Vec<Difference>,
    /// Units whose two counts could be compared, of those with an own constituency.
    pub compared: Coverage,
    /// Legal acts in the order of recording.
    pub acts: Vec<ActView>,
}

/// What follows from one constituency's result.
#[derive(Debug, Clone, Serialize)]
pub struct ConstituencyView {
    /// Its number.
    pub constituency: u32,
    /// Shares of the valid votes that count, candidates and then against all; of so many units.
    pub shares: Shares,
    /// Which units' counts the shares are of.
    pub coverage: Coverage,
    /// By how much each candidate has a seat, or misses one; none while seats cannot be given.
    pub margins: Option<Vec<Margin>>,
    /// Places that would move a seat.
    pub flips: Vec<Flip>,
}

/// A legal act, for people and programs.
#[derive(Debug, Clone, Serialize)]
pub struct ActView {
    /// Its leaf.
    pub leaf: u64,
    /// Its record's id.
    pub id: String,
    /// Sequenced time of its leaf, ms UTC.
    pub recorded_ms: u64,
    /// Number as the issuer gave it.
    pub number: String,
    /// Date as the issuer gave it.
    pub date: String,
    /// Who issued it.
    pub issuer: Option<Issuer>,
    /// Which one, where there are several; else 0.
    pub issuer_number: u32,
    /// What it does.
    pub effect: &'static str,
    /// What it is about.
    pub about: About,
    /// From when on, ms UTC; 0 from its leaf on.
    pub effective_ms: u64,
    /// No appeal is possible any more.
    pub final_act: bool,
    /// In force at the size shown.
    pub in_force: bool,
    /// Digest of its document.
    pub document: String,
}

/// What an act is about. As text, in JSON too: `act ID`, `the election`, `constituency N`, `station N`, `unit N/M`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// Another act.
    Act(RecordId),
    /// Some part of the election.
    Place(Scope),
}

impl fmt::Display for About {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Act(act) => write!(out, "act {act}"),
            Self::Place(Scope::Election) => out.write_str("the election"),
            Self::Place(Scope::Constituency(number)) => write!(out, "constituency {number}"),
            Self::Place(Scope::Station(number)) => write!(out, "station {number}"),
            Self::Place(Scope::Unit(unit)) => write!(out, "unit {unit}"),
        }
    }
}

impl Serialize for About {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

fn act_view(act: &RecordedAct, in_force: &[u64]) -> ActView {
    let about = match (act.act.effect.about(), act.scope) {
        (Some(other), _) => About::Act(*other),
        (None, scope) => About::Place(scope),
    };
    ActView {
        leaf: act.leaf,
        id: act.id.to_string(),
        recorded_ms: act.recorded_ms,
        number: act.act.number.clone(),
        date: act.act.date.clone(),
        issuer: Issuer::from_number(act.act.issuer),
        issuer_number: act.act.issuer_number,
        effect: act.act.effect.slug(),
        about,
        effective_ms: act.act.effective_ms,
        final_act: act.act.final_act == 1,
        in_force: in_force.contains(&act.leaf),
        document: act.act.document.to_string(),
    }
}

fn constituencies(state: &State, tally: &Tally) -> Vec<ConstituencyView> {
    let legal = state.legal();
    let same_sex_max = state.definition().seat_rule().map_or(0, |rule| rule.same_sex_max);
    let view = |result: &tamga_ledger::tally::ConstituencyResult| {
        let known = state.definition().constituency(result.constituency)?;
        let ranked = result.ranked();
        let contest = Contest { candidates: &known.candidates, counts: &ranked, seats: known.seats, same_sex_max };
        Some(ConstituencyView {
            constituency: result.constituency,
            shares: shares(&result.valid()),
            coverage: result.hand.coverage,
            margins: result.seats.positions().and_then(|_| contest.margins()),
            flips: flips(state, result, &legal),
        })
    };
    tally.constituencies.iter().filter_map(view).collect()
}

/// Computes what is shown.
#[must_use]
pub fn results(state: &State) -> ResultsView {
    let (counts, tally) = (state.counts(), tally(state));
    let (differences, compared) = differences(state);
    ResultsView {
        roll: counts.roll,
        second_attempts: counts.second_attempts,
        wrong_station: counts.wrong_station,
        conflicts: counts.conflicts,
        papers: counts.papers,
        turnout: turnout(state),
        sealed: state.seal(Stage::Results).is_some(),
        constituencies: constituencies(state, &tally),
        units: unit_results(state, &state.legal()),
        differences,
        compared,
        acts: state.acts().iter().map(|act| act_view(act, &tally.acts_in_force)).collect(),
        tally,
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
