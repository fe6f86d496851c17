//! Counts from a file, and the part that remembers what was committed.

#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use common::{World, seed, unit};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::LazyLock;
use tamga_client::counting::{BATCHES_MAX, CountingError, CountsByConstituency, Part, PartError, read_counts};
use tamga_ledger::commitment::{self, verify_opening};
use tamga_ledger::definition::Definition;
use tamga_ledger::ids::ElectionId;
use tamga_ledger::kinds::BallotBatch;

static KNOWN: LazyLock<Definition> = LazyLock::new(|| World::prepared().state.definition().as_ref().clone());
const ELECTION: ElectionId = ElectionId([5; 32]);

fn counts(text: &str) -> BTreeMap<u32, CountsByConstituency> {
    read_counts(text.as_bytes(), &KNOWN).unwrap()
}

fn next(earlier: Option<&Part>, text: &str, number: u32, last: bool) -> Result<(Part, BallotBatch), PartError> {
    Part::with_batch((ELECTION, unit(1)), earlier, seed(1), &KNOWN, &counts(text), (number, last))
}

#[test]
fn each_fault_of_a_file_of_counts_has_its_line() {
    let cases: [(&[u8], &str); 10] = [
        (b"1,1,0,0,0,0,0\n0,1,0,0,0,0,0\n", "line 2: batches have numbers from 1 to 4096"),
        (b"4097,1,0,0,0,0,0\n", "line 1: batches have numbers from 1 to 4096"),
        (b"\n# a\n2,1,0,0,0,0,0\n1,1,0,0,0,0,0\n", "line 4: batch 1 stands behind batch 2"),
        (b"1,2,0,0,0,0,0\r\n1,2,0,0,0,0,0\r\n", "line 2: constituency 2 stands in batch 1 twice"),
        (b"1,1,0,0,0,0\n", "line 1: 4 counts, but the ballot of constituency 1 has 5 positions"),
        (b"1,3,0,0,0,0,0\n", "line 1: the election has no constituency 3"),
        (b"1,1,0,0,0,0,4294967297\n", "line 1: 4294967297 is more than a cell can hold"),
        (b"1,1,0,0,0,0,-1\n", "line 1: \"-1\" is not a figure"),
        (b"1\n", "line 1: expected batch, constituency, counts by position"),
        (b"1,1,0,0,0,0,0\n\n\xff", "line 3: not UTF-8"),
    ];
    for (text, due) in cases {
        let faults = read_counts(text, &KNOWN).unwrap_err();
        assert_eq!(faults.iter().map(ToString::to_string).collect::<Vec<_>>(), [due]);
    }
    assert_eq!(read_counts("x\n".repeat(1000).as_bytes(), &KNOWN).unwrap_err().len(), 20, "as many as somebody reads");
    let long = vec![b'\n'; tamga_client::counting::COUNTS_BYTES_MAX + 1];
    assert!(read_counts(&long, &KNOWN).unwrap_err()[0].what.contains("has at most"));
    let last = counts(&format!("\u{feff}{BATCHES_MAX}; 2; 1; 0; 0; 0; 4294967296\r\n"));
    assert_eq!(last[&BATCHES_MAX][&2], [1, 0, 0, 0, 1 << 32]);
}

#[test]
fn batches_go_on_from_the_part_and_it_opens_their_sum() {
    let text = "1,1,2,0,0,0,0\n2,1,0,1,0,0,1\n2,2,1,0,0,0,0\n";
    assert_eq!(next(None, text, 2, false).unwrap_err(), PartError::OutOfTurn { asked: 2, batches: 0 });
    assert_eq!(next(None, text, 0, false).unwrap_err(), PartError::OutOfTurn { asked: 0, batches: 0 });
    let (first, one) = next(None, text, 1, false).unwrap();
    assert_eq!(next(Some(&first), text, 1, false).unwrap(), (first.clone(), one.clone()), "an attempt made again");
    assert_eq!(next(Some(&first), text, 3, false).unwrap_err(), PartError::OutOfTurn { asked: 3, batches: 1 });
    let (second, two) = next(Some(&first), text, 2, true).unwrap();
    assert!(!first.complete && second.complete);
    let late = next(Some(&second), text, 3, false).unwrap_err();
    assert_eq!(late, PartError::Counting(CountingError::AfterLast));
    for (place, opening) in second.openings.iter().enumerate() {
        let sum = commitment::sum(&[one.cells[place].commitment, two.cells[place].commitment]);
        verify_opening(&sum, &opening.counts, opening.blinding.reveal()).unwrap();
    }
    assert_eq!(second.opening(1).unwrap().counts.as_slice(), [2, 1, 0, 0, 1]);
}

#[test]
fn what_was_committed_is_not_committed_again_with_other_counts() {
    let (first, _) = next(None, "1,2,1,0,0,0,0\n", 1, false).unwrap();
    let changed = PartError::Changed { batches: 1, constituency: 2 };
    for number in [1, 2] {
        assert_eq!(next(Some(&first), "1,2,0,1,0,0,0\n", number, false).unwrap_err(), changed);
    }
    let other = Part::with_batch((ELECTION, unit(2)), Some(&first), seed(1), &KNOWN, &BTreeMap::new(), (2, false));
    assert!(matches!(other, Err(PartError::Malformed(what)) if what.contains("it is of unit 1/1")));
    let seeded =
        Part::with_batch((ELECTION, unit(1)), Some(&first), seed(2), &KNOWN, &counts("1,2,1,0,0,0,0\n"), (2, false));
    assert_eq!(seeded.unwrap_err(), PartError::Changed { batches: 1, constituency: 1 }, "another seed");
}

proptest! {
    #[test]
    fn no_bytes_of_a_file_panic(bytes in prop::collection::vec(any::<u8>(), 0..400), text in "[0-9,;# \\n]{0,400}") {
        for bytes in [bytes.as_slice(), text.as_bytes()] {
            let lines = bytes.split(|byte| *byte == b'\n').count();
            if let Err(faults) = read_counts(bytes, &KNOWN) {
                prop_assert!(faults.iter().all(|fault| (1..=lines).contains(&fault.line)), "{faults:?}");
            }
            let _ = Part::from_json(bytes);
        }
    }
}
