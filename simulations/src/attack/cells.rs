//! Opening cells: small sets that follow by subtraction, and commitments whose blinding is weak, or lies about somewhere.

use super::seen::{Seen, SeenCell, Statement};
use std::collections::{BTreeMap, BTreeSet};
use tamga_ledger::commitment::{Blinding, BlindingPurpose, Counts, commit};
use tamga_ledger::kinds::Basis;
use tamga_ledger::record::UnitId;

/// Papers that should be hidden, and are not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// How.
    pub how: &'static str,
    /// By machine or by hand.
    pub basis: Basis,
    /// Whose ballots.
    pub constituency: u32,
    /// Of which units.
    pub units: BTreeSet<UnitId>,
    /// By position; empty if only something about them is known.
    pub counts: Vec<u64>,
    /// How many papers.
    pub papers: u64,
}

/// Everything below the minimum that can be opened.
#[must_use]
pub fn opened(seen: &Seen) -> Vec<Opened> {
    let mut found = differences(seen);
    found.extend(seen.telling_lines.iter().map(|(unit, papers)| Opened {
        how: "a line that discloses",
        basis: Basis::Hand,
        constituency: seen.home(*unit),
        units: BTreeSet::from([*unit]),
        counts: Vec::new(),
        papers: *papers,
    }));
    found.extend(without_blinding(seen));
    found.extend(leaked_seeds(seen));
    found
}

/// One statement, one less another that it contains, and one less all single units that it contains.
fn differences(seen: &Seen) -> Vec<Opened> {
    let mut found = Vec::new();
    for whole in &seen.statements {
        let same = |other: &&Statement| (other.basis, other.constituency) == (whole.basis, whole.constituency);
        let inside = |other: &&Statement| other.units.is_subset(&whole.units) && other.units != whole.units;
        let parts: Vec<&Statement> = seen.statements.iter().filter(same).filter(inside).collect();
        found.extend(small(seen, whole, &[], "published"));
        found.extend(parts.iter().filter_map(|part| small(seen, whole, &[part], "one total less another")));
        let single: BTreeMap<_, _> =
            parts.iter().filter(|part| part.units.len() == 1).map(|part| (part.units.clone(), *part)).collect();
        let single: Vec<&Statement> = single.into_values().collect();
        if single.len() > 1 {
            found.extend(small(seen, whole, &single, "a sum less its units"));
        }
    }
    found
}

/// What is left of a statement after others are taken out, if that is less than may be shown.
fn small(seen: &Seen, whole: &Statement, parts: &[&Statement], how: &'static str) -> Option<Opened> {
    let (mut units, mut counts) = (whole.units.clone(), whole.counts.clone());
    for part in parts {
        units.retain(|unit| !part.units.contains(unit));
        for (left, taken) in counts.iter_mut().zip(&part.counts) {
            // Statements of other papers give nonsense, and no attacker believes it.
            *left = left.checked_sub(*taken)?;
        }
    }
    let papers: u64 = counts.iter().sum();
    let hidden = papers > 0 && papers < seen.minimum && !units.is_empty();
    hidden.then_some(Opened { how, basis: whole.basis, constituency: whole.constituency, units, counts, papers })
}

/// Cells of one or two papers that are committed without any blinding: a table of all such commitments.
fn without_blinding(seen: &Seen) -> Vec<Opened> {
    let Ok(zero) = Blinding::from_canonical_bytes([0; 32]) else { return Vec::new() };
    let positions = seen.definition.constituencies().iter().map(|one| one.positions()).max().unwrap_or(0);
    let mut table: BTreeMap<[u8; 32], Vec<u64>> = BTreeMap::new();
    for first in 0..positions {
        for second in first..=positions {
            let mut counts = vec![0; positions];
            counts[first] += 1;
            if let Some(count) = counts.get_mut(second) {
                *count += 1;
            }
            if let Ok(known) = Counts::new(counts.clone()) {
                table.insert(commit(&known, &zero).to_bytes(), counts);
            }
        }
    }
    let cells = seen.cells.iter().flat_map(|(unit, cells)| cells.iter().map(move |cell| (unit, cell)));
    let open = |(unit, cell): (&UnitId, &SeenCell)| {
        let counts = table.get(&cell.commitment.to_bytes())?;
        Some(of_cell("no blinding", *unit, cell, counts.clone()))
    };
    cells.filter(|(_, cell)| cell.papers > 0).filter_map(open).collect()
}

fn of_cell(how: &'static str, unit: UnitId, cell: &SeenCell, counts: Vec<u64>) -> Opened {
    let units = BTreeSet::from([unit]);
    Opened { how, basis: cell.basis, constituency: cell.constituency, units, counts, papers: cell.papers }
}

/// Seeds of units: every string of 32 bytes that stands anywhere in a unit's records, and some that are no secret at all.
fn leaked_seeds(seen: &Seen) -> Vec<Opened> {
    let mut found = Vec::new();
    for (unit, cells) in &seen.cells {
        let mut candidates = seen.strings.get(unit).cloned().unwrap_or_default();
        candidates.insert([0; 32]);
        candidates.insert([unit.station as u8; 32]);
        candidates.insert(seen.election.0);
        candidates.insert(*blake3::hash(&unit.station.to_be_bytes()).as_bytes());
        let seed = candidates.into_iter().find(|seed| fits(seen, *unit, cells, seed));
        if let Some(seed) = seed {
            let hidden = cells.iter().filter(|cell| cell.papers > 0 && cell.papers < seen.minimum);
            found.extend(hidden.map(|cell| {
                let counts = single_paper(seen, cell, &seed).unwrap_or_default();
                of_cell("a seed that slipped out", *unit, cell, counts)
            }));
        }
    }
    found
}

/// Whether a seed gives the blinding that the unit's own opening states, or, without one, opens a cell of one paper.
fn fits(seen: &Seen, unit: UnitId, cells: &[SeenCell], seed: &[u8; 32]) -> bool {
    let own = seen.statements.iter().find(|one| {
        one.basis == Basis::Machine && one.blinding.is_some() && one.units.len() == 1 && one.units.contains(&unit)
    });
    if let Some(own) = own {
        let batches = cells.iter().filter(|cell| cell.basis == Basis::Machine && cell.constituency == own.constituency);
        let sum = batches.map(|cell| blinding(cell, seed)).reduce(|sum, one| sum.add(&one));
        return sum.map(|sum| sum.reveal()) == own.blinding;
    }
    cells.iter().filter(|cell| cell.papers == 1).take(2).any(|cell| single_paper(seen, cell, seed).is_some())
}

fn blinding(cell: &SeenCell, seed: &[u8; 32]) -> Blinding {
    let purpose = if cell.basis == Basis::Machine { BlindingPurpose::BallotBatch } else { BlindingPurpose::Protocol };
    Blinding::derive(seed, cell.number, u16::try_from(cell.constituency).unwrap_or(0), purpose)
}

/// The counts of a cell of one paper under a seed, if the seed is the right one.
fn single_paper(seen: &Seen, cell: &SeenCell, seed: &[u8; 32]) -> Option<Vec<u64>> {
    let positions = seen.definition.constituency(cell.constituency)?.positions();
    let blinding = blinding(cell, seed);
    let one = |place: usize| (0..positions).map(|other| u64::from(other == place)).collect::<Vec<u64>>();
    let opens = |counts: &Vec<u64>| {
        Counts::new(counts.clone())
            .is_ok_and(|counts| commit(&counts, &blinding).to_bytes() == cell.commitment.to_bytes())
    };
    (cell.papers == 1).then(|| (0..positions).map(one).find(opens)).flatten()
}
