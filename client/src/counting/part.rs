//! What one unit hands to the commission for the nation's sums: the openings of its committed cells, as a secret file.
//!
//! Whoever has it can read the unit's cells, also those that are too small to be shown. It is kept like the paper, and destroyed when the
//! sums are open. The unit's seed is not in it: of other commitments of the unit it opens nothing.

use super::{BatchBuilder, CountingError, CountsByConstituency, Opening, UnitSeed};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use tamga_ledger::commitment::{Blinding, Counts};
use tamga_ledger::definition::Definition;
use tamga_ledger::ids::{Digest, ElectionId};
use tamga_ledger::kinds::{BallotBatch, Basis};
use tamga_ledger::record::UnitId;
use zeroize::Zeroizing;

/// Longest part: 512 constituencies of 64 positions of 11 digits, and as many blindings, indented.
pub const PART_BYTES_MAX: usize = 2 << 20;
const FORMAT: &str = "tamga part v1";

/// Openings of a unit's cells.
///
/// Invariant: all openings have the part's basis; a hand count's part is complete.
#[derive(Clone, PartialEq, Eq)]
pub struct Part {
    /// Of which election.
    pub election: ElectionId,
    /// Of which unit.
    pub unit: UnitId,
    /// Of batches, or of a hand protocol.
    pub basis: Basis,
    /// Batches in it; 0 for a hand protocol.
    pub batches: u32,
    /// Nothing will be added: the last batch is in it, or it is a protocol's.
    pub complete: bool,
    /// One a constituency; for a hand protocol without the one that it shows.
    pub openings: Vec<Opening>,
}

/// Why bytes are no part, or a part does not go on as asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PartError {
    /// Not the file that it should be.
    #[error("this is not the part of a unit: {0}")]
    Malformed(String),
    /// The counts of a batch made before are others now.
    #[error(
        "the counts of batches 1 to {batches} are not those that were committed (constituency {constituency} differs): two \
         commitments under one blinding would show the difference; restore the counts, or correct them in the hand count"
    )]
    Changed {
        /// Batches made before.
        batches: u32,
        /// The first whose sums differ.
        constituency: u32,
    },
    /// A batch out of turn.
    #[error("batch {asked} is not to be made now: the part has {batches}; make them one after the other, from 1")]
    OutOfTurn {
        /// The batch that was asked for.
        asked: u32,
        /// Batches made before.
        batches: u32,
    },
    /// Counts that cannot be committed.
    #[error(transparent)]
    Counting(#[from] CountingError),
}

impl Part {
    /// Makes batch `number` out of the counts of all batches up to it. `earlier` is the part as the batch before left it, or as an
    /// earlier attempt at the same batch did: nothing that was committed before may have changed since.
    ///
    /// # Errors
    /// [`PartError`].
    pub fn with_batch(
        (election, unit): (ElectionId, UnitId),
        earlier: Option<&Self>,
        seed: UnitSeed,
        definition: &Definition,
        counts: &BTreeMap<u32, CountsByConstituency>,
        (number, last): (u32, bool),
    ) -> Result<(Self, BallotBatch), PartError> {
        let batches = earlier.map_or(0, |part| part.batches);
        if number == 0 || (number != batches && number != batches.saturating_add(1)) {
            return Err(PartError::OutOfTurn { asked: number, batches });
        }
        if let Some(part) = earlier {
            if (part.election, part.unit, part.basis) != (election, unit, Basis::Machine) {
                let of = format!("it is of unit {} in election {}, {:?}", part.unit, part.election, part.basis);
                return Err(PartError::Malformed(of));
            }
            if part.complete && number > batches {
                return Err(CountingError::AfterLast.into());
            }
        }
        let mut builder = BatchBuilder::new(seed, definition)?;
        let none = CountsByConstituency::new();
        let mut made = None;
        for one in 1..=number {
            made = Some(builder.batch(counts.get(&one).unwrap_or(&none), last && one == number)?);
            if let Some(part) = earlier.filter(|part| part.batches == one) {
                let now = builder.openings();
                let differs = now.iter().zip(&part.openings).find(|(now, then)| now != then).map(|(now, _)| now);
                if let Some(constituency) = differs.map(|opening| opening.constituency) {
                    return Err(PartError::Changed { batches, constituency });
                }
                if now.len() != part.openings.len() {
                    return Err(PartError::Malformed("it has not as many cells as the election".to_owned()));
                }
            }
        }
        let batch = made.ok_or(PartError::OutOfTurn { asked: number, batches })?;
        let complete = builder.is_complete();
        let openings = builder.openings();
        Ok((Self { election, unit, basis: Basis::Machine, batches: number, complete, openings }, batch))
    }

    /// The part of a hand protocol, out of what [`super::commit_cells`] gave.
    #[must_use]
    pub const fn of_protocol(election: ElectionId, unit: UnitId, openings: Vec<Opening>) -> Self {
        Self { election, unit, basis: Basis::Hand, batches: 0, complete: true, openings }
    }

    /// What opens the unit's cell of a constituency.
    #[must_use]
    pub fn opening(&self, constituency: u32) -> Option<&Opening> {
        self.openings.iter().find(|opening| opening.constituency == constituency)
    }

    /// The file, wiped from memory when dropped.
    #[must_use]
    pub fn to_json(&self) -> Zeroizing<String> {
        let cell = |opening: &Opening| CellFile {
            constituency: opening.constituency,
            counts: opening.counts.as_slice().to_vec(),
            blinding: Digest(opening.blinding.reveal()).to_string(),
        };
        let file = PartFile {
            format: FORMAT.to_owned(),
            election: self.election.to_string(),
            station: self.unit.station,
            unit: self.unit.unit,
            basis: self.basis as u8,
            batches: self.batches,
            complete: self.complete,
            cells: self.openings.iter().map(cell).collect(),
        };
        // Numbers and hexadecimal digits: it cannot fail.
        Zeroizing::new(serde_json::to_string_pretty(&file).unwrap_or_default() + "\n")
    }

    /// Reads the file.
    ///
    /// # Errors
    /// [`PartError::Malformed`] with the place.
    pub fn from_json(bytes: &[u8]) -> Result<Self, PartError> {
        let malformed = |what: &dyn fmt::Display| PartError::Malformed(what.to_string());
        if bytes.len() > PART_BYTES_MAX {
            return Err(malformed(&format!("{} bytes; a part has at most {PART_BYTES_MAX}", bytes.len())));
        }
        let file: PartFile = serde_json::from_slice(bytes).map_err(|error| malformed(&error))?;
        if file.format != FORMAT {
            return Err(malformed(&format!("its format is {:?}, not {FORMAT:?}", file.format)));
        }
        let election = file.election.parse().map_err(|_| malformed(&"the election is not 64 hexadecimal digits"))?;
        let basis = Basis::from_number(file.basis).ok_or_else(|| malformed(&"the basis is neither 0 nor 1"))?;
        let mut openings: Vec<Opening> = Vec::new();
        for CellFile { constituency, counts, blinding } in file.cells {
            let at = |what: &dyn fmt::Display| malformed(&format!("constituency {constituency}: {what}"));
            if openings.iter().any(|one| one.constituency >= constituency) {
                return Err(at(&"constituencies do not ascend"));
            }
            let counts = Counts::new(counts).map_err(|error| at(&error))?;
            let blinding: Digest = blinding.parse().map_err(|_| at(&"the blinding is not 64 hexadecimal digits"))?;
            let blinding = Blinding::from_canonical_bytes(blinding.0).map_err(|error| at(&error))?;
            openings.push(Opening { basis, constituency, counts, blinding });
        }
        let unit = UnitId { station: file.station, unit: file.unit };
        Ok(Self { election, unit, basis, batches: file.batches, complete: file.complete, openings })
    }
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Part(unit {}, {:?}, {} batches, secret)", self.unit, self.basis, self.batches)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PartFile {
    format: String,
    election: String,
    station: u32,
    unit: u32,
    basis: u8,
    batches: u32,
    complete: bool,
    cells: Vec<CellFile>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CellFile {
    constituency: u32,
    counts: Vec<u64>,
    blinding: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use tamga_ledger::commitment::BlindingPurpose;

    fn part() -> Part {
        let opening = |constituency: u32, counts: &[u64]| Opening {
            basis: Basis::Machine,
            constituency,
            counts: Counts::new(counts.to_vec()).unwrap_or_default(),
            blinding: Blinding::derive(&[7; 32], 1, constituency as u16, BlindingPurpose::BallotBatch),
        };
        Part {
            election: ElectionId([3; 32]),
            unit: UnitId { station: 4, unit: 2 },
            basis: Basis::Machine,
            batches: 1,
            complete: false,
            openings: vec![opening(1, &[2, 0, 1]), opening(2, &[0, 0])],
        }
    }

    #[test]
    fn a_part_comes_back_from_its_file_and_shows_nothing_in_a_log() {
        let (part, text) = (part(), part().to_json());
        assert_eq!(Part::from_json(text.as_bytes()), Ok(part.clone()));
        assert_eq!(format!("{part:?}"), "Part(unit 4/2, Machine, 1 batches, secret)");
    }

    #[test]
    fn what_is_no_part_is_refused_with_the_place() {
        let text = part().to_json();
        let blinding = hex::encode(part().openings[0].blinding.reveal());
        let faults = [
            (text.replace("tamga part v1", "tamga part v2"), "its format is"),
            (text.replace("\"basis\": 0", "\"basis\": 2"), "the basis is neither"),
            (text.replace("\"constituency\": 2", "\"constituency\": 1"), "do not ascend"),
            (text.replace(&blinding, &"f".repeat(64)), "constituency 1:"),
            (text.replace(&blinding, "7"), "64 hexadecimal digits"),
            (text.replace("\"station\"", "\"place\""), "unknown field"),
            (String::new(), "EOF"),
            ("x".repeat(PART_BYTES_MAX + 1), "at most"),
        ];
        for (text, what) in faults {
            let error = Part::from_json(text.as_bytes()).map(|_| ()).map_err(|error| error.to_string());
            assert!(error.as_ref().is_err_and(|error| error.contains(what)), "{what}: {error:?}");
        }
        for end in 0..text.len() - 2 {
            assert!(Part::from_json(&text.as_bytes()[..end]).is_err(), "cut at {end}");
        }
    }
}
