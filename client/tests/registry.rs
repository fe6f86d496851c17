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

mod import {
    use super::*;
    use std::collections::BTreeSet;
    use std::io::Write as _;
    use std::process::{Command, Output, Stdio};
    use tamga_client::registry::{ImportedRoll, ImportedRollError};

    const TABLE: &[u8] = b"pin,station\n10000000000003,2\n10000000000001,1\n10000000000002,1\n";

    #[test]
    fn an_imported_roll_is_read_back_and_finds_voters() {
        let roll = ImportedRoll::import(TABLE, &keys(1, 1, 2), None, |_, _| {}).unwrap();
        assert_eq!(roll.stations().values().map(Vec::len).collect::<Vec<_>>(), [2, 1]);
        assert!(roll.stations()[&1].is_sorted());
        let mut bytes = Vec::new();
        let digest = roll.write(&mut bytes).unwrap();
        let (again, same) = ImportedRoll::read(&mut &bytes[..]).unwrap();
        assert_eq!((&again, same), (&roll, digest));
        let other = again.clone().into_registry(keys(2, 1, 2)).unwrap_err();
        assert!(matches!(other, ImportedRollError::OtherElection { .. }));
        let registry = again.into_registry(keys(1, 1, 2)).unwrap();
        let home = |number: &str| registry.find(&number.parse().unwrap()).unwrap().map(|entry| entry.home_station);
        assert_eq!((home("10000000000003"), home("10000000000009")), (Some(2), None));
        // The same as the registry that keeps the table in memory.
        let table = FileRegistry::read(TABLE, keys(1, 1, 2)).unwrap();
        assert_eq!(registry.rolls().unwrap(), table.rolls().unwrap());
        // No byte can be changed, left out or added.
        for at in 0..bytes.len() {
            let mut bad = bytes.clone();
            bad[at] ^= 1;
            assert!(ImportedRoll::read(&mut &bad[..]).is_err(), "byte {at}");
            assert!(ImportedRoll::read(&mut &bytes[..at]).is_err(), "{at} bytes");
        }
        assert!(ImportedRoll::read(&mut &[&bytes[..], b"x"].concat()[..]).is_err());
    }

    #[test]
    fn a_station_that_the_definition_does_not_have_is_a_fault() {
        let known = BTreeSet::from([1]);
        let error = ImportedRoll::import(TABLE, &keys(1, 1, 2), Some(&known), |_, _| {}).unwrap_err();
        assert!(error.to_string().contains("line 2: station 2 has no roll"), "{error}");
    }

    fn tamga(arguments: &[&str], input: &str) -> Output {
        let mut child = Command::new(env!("CARGO_BIN_EXE_tamga"))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A command that does not read its input may be gone already.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait_with_output().unwrap()
    }

    #[test]
    fn the_tool_imports_whole_files_or_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).unwrap();
        write("registry", "11".repeat(32).as_bytes());
        write("commission", format!("{}\n", "22".repeat(32)).as_bytes());
        write("voters.csv", TABLE);
        write("faulty.csv", &[TABLE, b"10000000000001,2\n"].concat());
        let (genesis, registry, commission, out) =
            ("33".repeat(32), path("registry"), path("commission"), path("roll"));
        let keys = ["--genesis", &genesis, "--registry-key", &registry, "--commission-key", &commission];
        let import = |table: &str| {
            let more = ["--definition", "example-small", "--out", &out];
            tamga(&[&["--json", "roll", "import", &path(table)], &keys[..], &more].concat(), "")
        };
        let faulty = import("faulty.csv");
        let text = String::from_utf8(faulty.stdout).unwrap();
        assert_eq!(faulty.status.code(), Some(1), "{text}");
        assert!(
            text.contains("\"line\": 5") && text.contains("the same voter as in line 3") && !text.contains("100000000")
        );
        assert!(!folder.path().join("roll").exists() && !folder.path().join("roll.new").exists());
        let good = import("voters.csv");
        let text = String::from_utf8(good.stdout).unwrap();
        assert_eq!(good.status.code(), Some(0), "{text}");
        assert!(text.contains("\"voters\": 3") && text.contains("\"1\": 2"));
        let find = |number: &str| {
            let output = tamga(&[&["roll", "find", &out], &keys[..]].concat(), number);
            (output.status.code(), String::from_utf8(output.stdout).unwrap())
        };
        assert_eq!(find("10000000000002\n"), (Some(0), "on the roll of station 1\n".to_owned()));
        assert_eq!(find("10000000000008\n"), (Some(1), "on no roll\n".to_owned()));
        assert_eq!(find("nonsense\n").0, Some(2));
        let same = ["--genesis", &genesis, "--registry-key", &registry, "--commission-key", &registry];
        assert_eq!(tamga(&[&["roll", "find", &out], &same[..]].concat(), "").status.code(), Some(2));
        assert_eq!(tamga(&["roll", "show", &path("voters.csv")], "").status.code(), Some(2));
    }
}
