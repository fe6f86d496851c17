//! The roll from a file, and voter tags.

#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use tamga_client::registry::{
    CommissionKey, FAULTS_LISTED_MAX, FileRegistry, RegistryAdapter as _, RegistryKey, RollFileError, TagKeys,
};
use tamga_ledger::ids::ElectionId;

fn keys(election: u8, registry: u8, commission: u8) -> TagKeys {
    let (registry, commission) = (RegistryKey::new([registry; 32]), CommissionKey::new([commission; 32]));
    TagKeys::new(ElectionId([election; 32]), registry, commission)
}

fn faults(text: &[u8]) -> (Vec<String>, u64) {
    match FileRegistry::read(text, keys(1, 1, 1)) {
        Err(RollFileError::Faults { faults, total }) => (faults.iter().map(ToString::to_string).collect(), total),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_tag_depends_on_both_keys_and_on_the_election() {
    let number = "10000000000001".parse().unwrap();
    let tag = keys(1, 1, 1).tag(&number);
    assert_eq!(tag, keys(1, 1, 1).tag(&number));
    for other in [keys(2, 1, 1), keys(1, 2, 1), keys(1, 1, 2)] {
        assert_ne!(tag, other.tag(&number));
    }
}

#[test]
fn every_faulty_line_is_reported_and_nothing_is_imported() {
    let text = b"pin,station\n10000000000001,1\nx,1\n10000000000002\n10000000000003,0\n10000000000003,+1\n\
        10000000000004,1,2\n\xff,1\n10000000000001,2\r\n\n";
    let (lines, total) = faults(text);
    assert_eq!(total, 8);
    let expected = [
        "line 3: the personal number is not 14 decimal digits",
        "line 4: expected two fields: personal number, station",
        "line 5: the station is not a number above zero",
        "line 6: the station is not a number above zero",
        "line 7: more than two fields",
        "line 8: not UTF-8",
        "line 9: the same voter as in line 2",
        "line 10: expected two fields: personal number, station",
    ];
    assert_eq!(lines, expected);
    assert!(!lines.iter().any(|line| line.contains("10000000000001")), "a fault never repeats a personal number");
}

#[test]
fn header_long_lines_and_floods_of_faults_are_bounded() {
    assert_eq!(faults(b"").0, ["line 1: the file is empty; the header pin,station is missing"]);
    assert_eq!(faults(b"10000000000001,1\n").0, ["line 1: the first line must be the header pin,station"]);
    let mut long = b"pin,station\n".to_vec();
    long.extend(std::iter::repeat_n(b'1', 1 << 20));
    long.extend_from_slice(b"\n10000000000001,1\n");
    assert_eq!(faults(&long).0, ["line 2: the line is longer than 256 bytes"]);
    let many = format!("pin,station\n{}", "bad\n".repeat(1_000));
    let (lines, total) = faults(many.as_bytes());
    assert_eq!((lines.len(), total), (FAULTS_LISTED_MAX, 1_000));
}

#[test]
fn voters_are_found_by_number_and_rolls_are_sorted() {
    let registry = FileRegistry::read(common::ROLL.as_bytes(), keys(1, 1, 1)).unwrap();
    assert_eq!(registry.voters(), 10);
    let voter = registry.find(&"40000000000002".parse().unwrap()).unwrap().unwrap();
    assert_eq!(voter.home_station, 4);
    assert!(registry.find(&"99999999999999".parse().unwrap()).unwrap().is_none());
    let rolls = registry.rolls().unwrap();
    assert_eq!(rolls.values().map(Vec::len).collect::<Vec<_>>(), [4, 3, 3]);
    assert!(rolls.values().all(|roll| roll.is_sorted_by(|a, b| a < b)));
    assert!(rolls[&4].contains(&voter.tag.roll_leaf()));
}
