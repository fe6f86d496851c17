//! Committing single cells.

use super::batch::UnitSeed;
use super::{CountingError, CountsByConstituency, Opening};
use tamga_ledger::commitment::{Blinding, BlindingPurpose, Counts, commit};
use tamga_ledger::definition::Definition;

use tamga_ledger::kinds::{Basis, Cell, ProtocolBasis};
use tamga_ledger::record::UnitId;

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

/// The number of a hand protocol for [`commit_cells`], out of what it counts: other counts take another one, so that no two
/// cells ever share a blinding unless they are the same; and whoever has the unit's seed and the counts on the paper finds it
/// again for the opening of the nation's sums, though nothing was kept when the protocol was drafted.
#[must_use]
pub fn protocol_number(unit: UnitId, basis: ProtocolBasis, counts: &CountsByConstituency) -> u64 {
    let mut hasher = blake3::Hasher::new_derive_key("tamga 2025 hand protocol number v1");
    hasher.update(&unit.station.to_be_bytes()).update(&unit.unit.to_be_bytes()).update(&[basis as u8]);
    for (constituency, counts) in counts {
        hasher.update(&constituency.to_be_bytes()).update(&(counts.len() as u64).to_be_bytes());
        for count in counts {
            hasher.update(&count.to_be_bytes());
        }
    }
    let mut number = [0; 8];
    hasher.finalize_xof().fill(&mut number);
    u64::from_be_bytes(number)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_protocol_has_one_number_and_any_other_has_another() {
        let unit = |station, unit| UnitId { station, unit };
        let counts =
            |counts: &[(u32, &[u64])]| counts.iter().map(|(number, counts)| (*number, counts.to_vec())).collect();
        let all = [
            (unit(1, 1), ProtocolBasis::Hand, counts(&[(1, &[2, 3])])),
            (unit(1, 2), ProtocolBasis::Hand, counts(&[(1, &[2, 3])])),
            (unit(2, 1), ProtocolBasis::Hand, counts(&[(1, &[2, 3])])),
            (unit(1, 1), ProtocolBasis::Recount, counts(&[(1, &[2, 3])])),
            (unit(1, 1), ProtocolBasis::Hand, counts(&[(1, &[3, 2])])),
            (unit(1, 1), ProtocolBasis::Hand, counts(&[(2, &[2, 3])])),
            (unit(1, 1), ProtocolBasis::Hand, counts(&[(1, &[2]), (3, &[])])),
            (unit(1, 1), ProtocolBasis::Hand, counts(&[])),
        ];
        let numbers = || all.iter().map(|(unit, basis, counts)| protocol_number(*unit, *basis, counts));
        let different: std::collections::BTreeSet<u64> = numbers().collect();
        assert_eq!(different.len(), all.len());
        assert!(numbers().eq(numbers()));
    }
}
