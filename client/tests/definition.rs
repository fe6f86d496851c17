//! Elections as files: what ships with the program is sound, and every fault of a definition is told at once.

#![allow(clippy::unwrap_used, reason = "a test")]

use serde_json::{Value, json};
use std::path::Path;
use std::process::{Command, Output};
use tamga_client::election::{ElectionFile, Files, shipped_elections};
use tamga_ledger::definition::Definition;
use tamga_ledger::kinds::{Candidate, Station};

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/data/elections/");

fn tamga(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tamga")).args(arguments).output().unwrap()
}

fn json_of(arguments: &[&str]) -> (i32, Value) {
    let output = tamga(&[&["--json", "election"], arguments].concat());
    let text = String::from_utf8(output.stdout).unwrap();
    (output.status.code().unwrap(), serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text:?}")))
}

#[test]
fn the_election_of_2025_has_its_structure() {
    let election = ElectionFile::shipped("kg-2025-11-30").unwrap();
    let definition = &election.definition;
    assert!(election.rehearsal && election.origin_prefix.starts_with("rehearsal."));
    assert_eq!(definition.constituencies.len(), 30);
    assert!(definition.constituencies.iter().all(|one| one.seats == 3 && (15..=16).contains(&one.candidates.len())));
    let candidates: Vec<&Candidate> = definition.constituencies.iter().flat_map(|one| &one.candidates).collect();
    assert_eq!((candidates.len(), candidates.iter().filter(|one| one.sex == 1).count()), (460, 189));
    let of_kind = |kind: u8| definition.stations.iter().filter(|one| one.station_kind == kind).count();
    assert_eq!((of_kind(0), of_kind(1), of_kind(2)), (2_492, 27, 100));
    // San Francisco closes last, at 10:00 on 1 December in Bishkek, when the embargo ends.
    let last: &Station = definition.stations.iter().max_by_key(|one| one.closes_ms).unwrap();
    assert_eq!((last.closes_ms, election.embargo_ms), (1_764_561_600_000, 1_764_561_600_000));
    assert!(last.title.contains("Сан-Франциско"));
    assert_eq!(election.decree.sha256.to_string(), "c3f328c7bcc03bf009fb9c3503e1b397e9611791d63d13811242acba6773b502");
    assert_eq!(election.official_hours.len(), 7);
    assert_eq!(election.official_hours[0].at_ms, 1_764_475_200_000);
    // What the ledger reads back from its records is the same.
    let (parts, whole) = definition.clone().into_parts().unwrap();
    let mut again = Definition::default();
    parts.iter().for_each(|part| again.add(part).unwrap());
    assert_eq!(again, whole);
    assert_eq!(whole.form("ru-20fz-12", 1).unwrap().relations.len(), 5);
}

#[test]
fn all_that_ships_is_sound_and_is_a_rehearsal() {
    assert_eq!(shipped_elections().len(), 4);
    for shipped in shipped_elections() {
        let election = ElectionFile::shipped(shipped.code).unwrap_or_else(|problems| panic!("{problems}"));
        assert!(election.rehearsal, "{}", shipped.code);
        let (code, answer) = json_of(&["check", shipped.code]);
        assert_eq!((code, &answer["outcome"], &answer["rehearsal"]), (0, &json!("clean"), &json!(true)));
        // The files in the folder are those in the program.
        let (code, same) = json_of(&["check", &format!("{DATA}{}/election.toml", shipped.code)]);
        assert_eq!((code, same), (0, answer));
        let text = String::from_utf8(tamga(&["election", "show", shipped.code]).stdout).unwrap();
        assert!(text.starts_with("REHEARSAL") && text.contains("Form kg-2025-rehearsal"), "{text}");
    }
}

#[test]
fn a_small_election_has_its_units_and_who_is_not_on_the_ballot() {
    let election = ElectionFile::shipped("example-small").unwrap();
    let station = election.definition.stations.iter().find(|one| one.number == 3).unwrap();
    assert_eq!((&station.units[..], election.mobile_units), (&[1, 2][..], 1));
    assert_eq!(election.not_on_ballot[0].status, "withdrawn");
    assert_eq!(election.definition.constituencies[0].candidates.len(), 3);
}

/// One file; whatever it includes is not there.
struct Single(String);

impl Files for Single {
    fn read(&self, name: &str) -> Result<Vec<u8>, String> {
        if name == "e" { Ok(self.0.clone().into_bytes()) } else { Err(format!("{name} is not here")) }
    }
}

fn small() -> String {
    std::fs::read_to_string(Path::new(DATA).join("example-small/election.toml")).unwrap()
}

/// Line and column of a text's first occurrence in a definition.
fn place(text: &str, part: &str) -> String {
    let at = text.find(part).unwrap_or_else(|| panic!("{part}"));
    let before = &text[..at];
    let column = before.rsplit('\n').next().unwrap().chars().count() + 1;
    format!("e:{}:{column}", before.lines().count().max(1) + usize::from(before.ends_with('\n')))
}

/// Replaces something and says what has to be told: where, and in which words.
#[track_caller]
fn told(from: &str, to: &str, at: &str, words: &str) {
    let text = small().replacen(from, to, 1);
    assert_ne!(text, small(), "{from}");
    let problems = ElectionFile::read(&Single(text.clone()), "e").unwrap_err();
    let place = place(&text, at);
    let found = problems.list.iter().any(|one| {
        let one = one.to_string();
        one.starts_with(&format!("{place}:")) && one.contains(words)
    });
    assert!(found, "{place}: {words}\n{problems}");
}

#[test]
fn a_rehearsal_cannot_be_taken_for_the_real_election() {
    told("rehearsal = true", "rehearsal = false", "\"rehearsal.small.example\"", "origin of a rehearsal");
    told("rehearsal = true", "rehearsal = false", "title =", "a real election is not called");
    told("\"rehearsal.small", "\"small", "\"small.example\"", "origin of a rehearsal");
    told("Учения: малый", "Малый", "title =", "begins with \"Учения:\"");
    told("rehearsal = true\n", "", "# The", "rehearsal is missing");
}

#[test]
fn faults_are_told_where_they_stand() {
    told("seats = 2", "seats = 9", "9", "9 seats for 3 candidates");
    told("seats = 2", "seats = \"2\"", "\"2\"", "whole number");
    told("position = 2", "position = 3", "3, name", "where 2 is due");
    told("sex = \"man\"", "sex = \"m\"", "\"m\"", "it can be \"man\", \"woman\"");
    told("number = 2\nseats", "number = 3\nseats", "[[constituency]]\nnumber = 3", "constituency 2 is missing");
    told("numbers = \"1-2\"", "numbers = \"1-3\"", "[[stations]]\nnumber = 3", "station 3 is there twice");
    told(
        "constituency = 1\n",
        "constituency = 7\n",
        "[[stations]]\nnumber = 3",
        "constituency 7 of station 3 does not exist",
    );
    told("constituencies = \"1-2\"", "constituencies = \"2-1\"", "\"2-1\"", "backwards");
    told(
        "kind = \"abroad\"",
        "kind = \"abroad\"\nconstituency = 1",
        "1\ntitle = \"Бер",
        "no constituency of their own",
    );
    told(
        "embargo = 2026-05-18T00:00:00+06:00",
        "embargo = 2026-05-17T23:00:00+06:00",
        "[[stations]]\nnumber = 4",
        "after the embargo",
    );
    told("day = 2026-05-17", "day = \"2026-05-17\"", "\"2026-05-17\"", "a date like");
    told("\"12:00\", \"20:00\"", "\"20:00\", \"12:00\"", "\"12:00\"", "does not come after");
    told("member_quorum = 2", "member_quorum = 0", "0\nsame", "it can be 1 to 32");
    told("same_sex_max = 1", "same_sex_max = 3", "3\nballot", "no constituency has more than 2 seats");
    told("retention_months", "retention_month", "retention_month", "unknown here");
    told("\"kg-2025-rehearsal\"", "\"form.toml\"", "\"form.toml\"", "form.toml is not here");
    told("title = \"УИК № {number}\"", "title = \"УИК\"", "\"УИК\"", "need {number}");
    told("opens = \"08:00\"", "opens = \"8 o'clock\"", "\"8 o'clock\"", "time of day");
    told("status = \"withdrawn\"", "status = \"withdrawn\", position = 4", "4 }", "only who is registered");
    told("title = { ky = \"№ 1", "tilte = { ky = \"№ 1", "tilte", "unknown here");
    told("mobile_units = 1", "mobile_units = 1.5", "1.5", "whole number");
    told("[decree]", "[decree", "\nnumber = \"ex", "");
}

#[test]
fn all_faults_are_told_at_once() {
    let text = small()
        .replacen("seats = 2", "seats = 9", 1)
        .replacen("sex = \"woman\"", "sex = \"female\"", 1)
        .replacen("member_quorum = 2", "member_quorum = 99", 1)
        .replacen("kind = \"abroad\"", "kind = \"foreign\"", 1);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("election.toml");
    std::fs::write(&file, text).unwrap();
    let (code, answer) = json_of(&["check", file.to_str().unwrap()]);
    assert_eq!((code, &answer["outcome"], &answer["total"]), (1, &json!("faults"), &json!(4)), "{answer:#}");
    let lines: Vec<u64> = answer["list"].as_array().unwrap().iter().map(|one| one["line"].as_u64().unwrap()).collect();
    assert!(lines.is_sorted() && lines.len() == 4, "{answer:#}");
    let (code, answer) = json_of(&["check", "absent.toml"]);
    assert_eq!((code, &answer["outcome"]), (2, &json!("unchecked")));
}

#[test]
fn arbitrary_changes_never_panic() {
    use proptest::prelude::*;
    let text = small();
    let letters: Vec<char> = text.chars().collect();
    proptest!(ProptestConfig::with_cases(64), |(at in 0..letters.len(), cut in 0..40_usize, put in "[\\PC\\n\"=\\[\\]{}]{0,6}")| {
        let end = (at + cut).min(letters.len());
        let changed: String = letters[..at].iter().copied().chain(put.chars()).chain(letters[end..].iter().copied()).collect();
        let _ = ElectionFile::read(&Single(changed), "e");
    });
}
