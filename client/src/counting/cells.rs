//! Committing single cells.

use super::batch::UnitSeed;
use super::{CountingError, CountsByConstituency, Opening};
use tamga_ledger::commitment::{Blinding, BlindingPurpose, Counts, commit};
use tamga_ledger::definition::Definition;
use tamga_ledger::kinds::{Basis, Cell};

/// Cells of a hand protocol: one a constituency, except `shown` (the own one where its counts stand in the protocol).
/// `number` is the protocol's own: a correction takes another one, so that no two commitments share a blinding.
///
/// # Errors
/// [`CountingError`].
pub fn commit_cells(
    seed: &UnitSeed,
    number: u64,
    definition: &Definition,
    counts: &CountsByConstituency,
    shown: Option<u32>,
) -> Result<(Vec<Cell>, Vec<Opening>), CountingError> {
    if let Some(unknown) = counts.keys().find(|number| definition.constituency(**number).is_none()) {
        return Err(CountingError::UnknownConstituency(*unknown));
    }
    let (mut cells, mut openings) = (Vec::new(), Vec::new());
    for constituency in definition.constituencies().iter().filter(|one| Some(one.number) != shown) {
        let (purpose, number) = ((BlindingPurpose::Protocol, number), constituency.number);
        let given = counts.get(&number);
        let (cell, counts, blinding) = commit_cell(seed, purpose, number, constituency.positions(), given)?;
        openings.push(Opening { basis: Basis::Hand, constituency: number, counts, blinding });
        cells.push(cell);
    }
    Ok((cells, openings))
}

pub(super) fn commit_cell(
    seed: &UnitSeed,
    (purpose, number): (BlindingPurpose, u64),
    constituency: u32,
    positions: usize,
    given: Option<&Vec<u64>>,
) -> Result<(Cell, Counts, Blinding), CountingError> {
    let values = given.cloned().unwrap_or_else(|| vec![0; positions]);
    if values.len() != positions {
        return Err(CountingError::Positions { constituency, found: values.len(), due: positions });
    }
    let counts = Counts::new(values).map_err(|error| CountingError::Counts { constituency, error })?;
    let papers = u32::try_from(counts.total()).map_err(|_| CountingError::Papers(constituency))?;
    let short = u16::try_from(constituency).map_err(|_| CountingError::UnknownConstituency(constituency))?;
    let blinding = Blinding::derive(seed.bytes(), number, short, purpose);
    let commitment = commit(&counts, &blinding);
    Ok((Cell { constituency, papers, commitment }, counts, blinding))
}
