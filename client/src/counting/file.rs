//! The file in which an operator of a scanner keeps what each window of the day counted.
//!
//! ```text
//! # batch, constituency, counts by ballot position: candidates, against all, invalid
//! 1, 1, 3, 0, 1, 0, 0
//! 1, 2, 0, 1, 0, 0, 0
//! 2, 1, 5, 1, 0, 0, 1
//! ```
//! Lines of a batch stand together and batches ascend; a constituency without a line has no papers in it.

use super::CountsByConstituency;
use std::collections::BTreeMap;
use std::fmt;
use tamga_ledger::commitment::COUNT_MAX;
use tamga_ledger::definition::Definition;

/// Longest file: a line of every cell of 512 constituencies in 400 batches, 40 bytes each.
pub const COUNTS_BYTES_MAX: usize = 8 << 20;
/// Most batches of one unit: one every twenty seconds of a day of voting.
pub const BATCHES_MAX: u32 = 4096;
/// Faults told at once.
const FAULTS_MAX: usize = 20;

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CountsFault {
    /// Which line, from 1.
    pub line: usize,
    /// What is wrong, and what would be right.
    pub what: String,
}

impl fmt::Display for CountsFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

/// Reads counts by batch.
///
/// # Errors
/// The first 20 faults in order of lines; nothing of a file with a fault is used.
pub fn read_counts(
    bytes: &[u8],
    definition: &Definition,
) -> Result<BTreeMap<u32, CountsByConstituency>, Vec<CountsFault>> {
    let fault = |line, what: String| CountsFault { line, what };
    if bytes.len() > COUNTS_BYTES_MAX {
        return Err(vec![fault(1, format!("{} bytes; a file of counts has at most {COUNTS_BYTES_MAX}", bytes.len()))]);
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let line = bytes[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count() + 1;
        vec![fault(line, "not UTF-8".to_owned())]
    })?;
    let mut batches: BTreeMap<u32, CountsByConstituency> = BTreeMap::new();
    let mut faults = Vec::new();
    for (line, text) in (1..).zip(text.trim_start_matches('\u{feff}').lines()) {
        if text.trim().is_empty() || text.trim_start().starts_with('#') {
            continue;
        }
        if let Err(what) = read_line(text, definition, &mut batches) {
            faults.push(fault(line, what));
            if faults.len() == FAULTS_MAX {
                break;
            }
        }
    }
    if faults.is_empty() { Ok(batches) } else { Err(faults) }
}

fn read_line(
    text: &str,
    definition: &Definition,
    batches: &mut BTreeMap<u32, CountsByConstituency>,
) -> Result<(), String> {
    let mut figures = Vec::new();
    for field in text.split([',', ';']).map(str::trim) {
        figures.push(field.parse::<u64>().map_err(|_| format!("{field:?} is not a figure"))?);
    }
    let [batch, number, counts @ ..] = figures.as_slice() else {
        return Err("expected batch, constituency, counts by position".to_owned());
    };
    let batch = u32::try_from(*batch).ok().filter(|batch| (1..=BATCHES_MAX).contains(batch));
    let batch = batch.ok_or_else(|| format!("batches have numbers from 1 to {BATCHES_MAX}"))?;
    if let Some(last) = batches.keys().next_back().filter(|last| **last > batch) {
        return Err(format!("batch {batch} stands behind batch {last}"));
    }
    let known = u32::try_from(*number).ok().and_then(|number| definition.constituency(number));
    let known = known.ok_or_else(|| format!("the election has no constituency {number}"))?;
    let due = known.positions();
    if counts.len() != due {
        return Err(format!("{} counts, but the ballot of constituency {number} has {due} positions", counts.len()));
    }
    if let Some(count) = counts.iter().find(|count| **count > COUNT_MAX) {
        return Err(format!("{count} is more than a cell can hold"));
    }
    if batches.entry(batch).or_default().insert(known.number, counts.to_vec()).is_some() {
        return Err(format!("constituency {number} stands in batch {batch} twice"));
    }
    Ok(())
}
