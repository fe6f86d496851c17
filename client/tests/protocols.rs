//! `tamga protocols check` on tables that ship with the program and on worse ones.

#![allow(clippy::unwrap_used, reason = "a test")]

use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Output};
use tamga_client::election::{FormFile, shipped_form};
use tamga_client::protocols::{Finding, Mapping, check};

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/data/");

fn tamga(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tamga")).args(arguments).output().unwrap()
}

fn run(mapping: &str, table: &str, more: &[&str]) -> (i32, Value) {
    let arguments = ["--json", "protocols", "check", "--form", "ru-20fz-12", "--mapping", mapping, table];
    let output = tamga(&[&arguments, more].concat());
    let text = String::from_utf8(output.stdout).unwrap();
    (output.status.code().unwrap(), serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text:?}")))
}

fn form() -> FormFile {
    let shipped = shipped_form("ru-20fz-12").unwrap();
    FormFile::parse(shipped.name, shipped.text).unwrap()
}

#[test]
fn every_fault_of_the_utf8_sample_is_found_in_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("findings.csv");
    let (mapping, table) = (format!("{DATA}mappings/sample-utf8.toml"), format!("{DATA}samples/protocols-utf8.csv"));
    let (code, answer) = run(&mapping, &table, &["--out", out.to_str().unwrap()]);
    assert_eq!((code, &answer["outcome"]), (1, &json!("findings")));
    assert_eq!((&answer["rows"], &answer["accepted"], &answer["malformed"]), (&json!(19), &json!(11), &json!(8)));
    assert_eq!((&answer["broken_hard"], &answer["skipped"]), (&json!(4), &json!(1)));
    assert_eq!(answer["broken"], json!({ "R1": 1, "R2": 1, "R3": 1, "R4": 1, "S1": 1 }));
    let places: Vec<(u64, &str, u64, u64)> = answer["relations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (&one["places"][0], one["code"].as_str().unwrap()))
        .map(|(place, code)| {
            let number = |key: &str| place[key].as_u64().unwrap();
            (number("line"), code, number("left"), number("right"))
        })
        .collect();
    // Line 12 of the form is subtracted, so it stands on the other side.
    let expected =
        [(8, "R1", 700, 756), (9, "R2", 1253, 1250), (10, "R3", 763, 758), (11, "R4", 739, 738), (10, "S1", 763, 758)];
    assert_eq!(places, expected);
    let faults: Vec<(u64, &str)> = answer["malformed_rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|fault| (fault["line"].as_u64().unwrap(), fault["kind"].as_str().unwrap()))
        .collect();
    let expected = [
        (12, "width"),
        (13, "negative"),
        (14, "not-a-number"),
        (14, "not-a-number"),
        (15, "too-large"),
        (16, "empty"),
        (17, "duplicate-precinct"),
        (18, "no-precinct"),
        // The row before takes two lines.
        (23, "undecodable"),
    ];
    assert_eq!(faults, expected);
    let written = std::fs::read_to_string(out).unwrap();
    assert_eq!(written.lines().count(), 1 + 5 + 9, "{written}");
    assert!(!folder.path().join("findings.csv.new").exists());
}

#[test]
fn windows_1251_and_absent_lines() {
    let mapping = format!("{DATA}mappings/sample-windows1251.toml");
    let (code, answer) = run(&mapping, &format!("{DATA}samples/protocols-windows1251.csv"), &[]);
    assert_eq!((code, &answer["rows"], &answer["accepted"]), (1, &json!(7), &json!(5)));
    assert_eq!(answer["broken"], json!({ "R1": 0, "R2": 0, "R3": 1, "R4": 2, "S1": 0 }));
    assert_eq!(answer["relations"][0]["not_tested"], "line 3 is absent");
    assert_eq!(answer["malformed_by_kind"], json!({ "empty": 1, "undecodable": 1 }));
    assert_eq!(answer["malformed_rows"][0]["column"], "15 (Против всех)");
}

#[test]
fn a_clean_table_ends_with_0_and_unusable_files_with_2() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).unwrap();
    write("mapping.toml", MAPPING.as_bytes());
    write("clean.csv", clean(3).as_bytes());
    let (code, answer) = run(&path("mapping.toml"), &path("clean.csv"), &[]);
    assert_eq!((code, &answer["outcome"], &answer["accepted"]), (0, &json!("clean"), &json!(3)), "{answer}");
    let unusable = |mapping: &str, table: &str, words: &str| {
        let (code, answer) = run(&path(mapping), &path(table), &[]);
        assert_eq!((code, &answer["outcome"]), (2, &json!("unchecked")), "{answer}");
        assert!(answer["error"].as_str().unwrap().contains(words), "{answer}");
    };
    unusable("mapping.toml", "absent.csv", "cannot read");
    write("empty.csv", b"");
    unusable("mapping.toml", "empty.csv", "ends inside its header");
    write("utf16.csv", &[0xff, 0xfe, b'a', 0]);
    unusable("mapping.toml", "utf16.csv", "UTF-16");
    write("xlsx.csv", b"PK\x03\x04rest");
    unusable("mapping.toml", "xlsx.csv", "save the sheet as CSV");
    write("cyrillic.csv", &encoding_rs::WINDOWS_1251.encode("uik;Строка\n1;2\n").0);
    unusable("mapping.toml", "cyrillic.csv", "windows-1251");
    write("narrow.csv", b"uik;1\n1;2\n");
    unusable("mapping.toml", "narrow.csv", "mapping.toml:11:5: there is no column 3");
}

#[test]
fn every_fault_of_a_mapping_is_told_by_line_and_column() {
    let text = "absent = [\"2\", \"77\"]\n\
                [file]\nencoding = \"koi8-r\"\nseparator = \";\"\ntypo = 1\n\
                [identify]\nregion = 1\n\
                [lines]\n1 = 0\n13 = 4\n";
    let problems = Mapping::parse("m", text, &form().form).unwrap_err();
    let told: Vec<String> = problems.list.iter().map(ToString::to_string).collect();
    for expected in [
        "m:1:16: form ru-20fz-12 version 1 has no line 77",
        "m:3:12: file.encoding is \"koi8-r\"; it can be \"utf-8\", \"windows-1251\"",
        "m:5:1: file.typo is unknown here",
        "m:6:1: precinct is missing",
        "m:9:5: columns are numbered 1 to 4096",
        "m:10:1: form ru-20fz-12 version 1 has no line 13",
    ] {
        assert!(told.iter().any(|problem| problem.starts_with(expected)), "{expected}\n{told:#?}");
    }
    // Lines 3 to 12 have no column.
    assert_eq!(told.iter().filter(|problem| problem.contains("has no column")).count(), 10);
}

#[test]
fn every_fault_of_a_form_is_told_by_line_and_column() {
    let text = "code = \"f\"\nversion = 1\nsource = \"law\"\n\
                [[line]]\ncode = \"1\"\ntitle = { ky = \"a\", ru = \"a\", en = \"a\" }\n\
                [[line]]\ncode = \"1\"\ntitle = { ky = \"a\", ru = \"a\" }\n\
                [[relation]]\nexpression = \"L1 = 2 + L9\"\nhard = true\n\
                [[relation]]\nexpression = \"L1 = L9\"\n";
    let problems = FormFile::parse("f", text).unwrap_err();
    let told: Vec<String> = problems.list.iter().map(ToString::to_string).collect();
    for expected in [
        "f:8:8: line 1 is there twice",
        "f:9:9: line[2].title.en is missing",
        "f:11:20: 2 alone is no line",
        "f:13:1: hard is missing",
        "f:14:14: the form has no line 9",
    ] {
        assert!(told.iter().any(|problem| problem.starts_with(expected)), "{expected}\n{told:#?}");
    }
}

const MAPPING: &str = "[file]\nencoding = \"utf-8\"\nseparator = \";\"\n[identify]\nprecinct = 1\nunique = [\"precinct\"]\n\
                       [votes]\ncandidates = { from = 14 }\n[lines]\n1 = 2\n2 = 3\n3 = 4\n4 = 5\n5 = 6\n6 = 7\n7 = 8\n8 = 9\n\
                       9 = 10\n10 = 11\n11 = 12\n12 = 13\n";

/// A table of good protocols of two candidates.
fn clean(rows: u32) -> String {
    let mut table = String::from("uik;1;2;3;4;5;6;7;8;9;10;11;12;a;b\n");
    for row in 1..=rows {
        let _ = writeln!(
            table,
            "{row};1000;900;0;{0};10;{1};10;{0};5;{2};0;0;{2};0",
            500 + row % 100,
            390 - row % 100,
            505 + row % 100
        );
    }
    table
}

/// Checks bytes in memory.
fn findings(table: &[u8]) -> (tamga_client::protocols::Report, Vec<Finding>) {
    let form = form();
    let mapping = Mapping::parse("m", MAPPING, &form.form).unwrap();
    let mut found = Vec::new();
    let keep = |finding| {
        found.push(finding);
        Ok(())
    };
    let report = check(table, &form, &mapping, keep, |_, _| {}).unwrap();
    (report, found)
}

#[test]
fn an_unclosed_quotation_mark_costs_bounded_memory_and_is_told() {
    let mut table = clean(2);
    table += "\"3;1000;\n";
    let tail = clean(20_000);
    table += tail.split_once('\n').unwrap().1;
    let (report, found) = findings(table.as_bytes());
    let Some(Finding::Fault(fault)) = found.first() else { panic!("{found:?}") };
    assert_eq!((fault.place.line, fault.kind.code()), (4, "too-long"));
    assert!(fault.what.to_string().contains("quotation mark"));
    assert_eq!((report.rows, report.accepted, report.malformed), (3, 2, 1));
}

#[test]
fn lines_are_counted_whatever_ends_them() {
    for end in ["\n", "\r\n", "\r"] {
        let table = clean(5).replace('\n', end) + end + end + "x;1" + end;
        let (report, found) = findings(table.as_bytes());
        let Some(Finding::Fault(fault)) = found.first() else { panic!("{found:?}") };
        assert_eq!((fault.place.line, fault.kind.code(), report.rows), (9, "width", 6), "{end:?}");
    }
    // No end of line at the end of the file.
    let (report, found) = findings(clean(5).trim_end().as_bytes());
    assert_eq!((report.rows, report.accepted, found.len()), (5, 5, 0));
}

#[test]
fn arbitrary_bytes_never_panic_and_every_row_is_counted_once() {
    use proptest::prelude::*;
    proptest!(|(noise in prop::collection::vec(any::<u8>(), 0..200), at in 40..500_usize)| {
        let mut table = clean(10).into_bytes();
        let at = at.min(table.len());
        table.splice(at..at, noise);
        let (report, found) = findings(&table);
        prop_assert_eq!(report.rows, report.accepted + report.malformed);
        prop_assert_eq!(found.is_empty(), report.is_clean());
    });
}

/// Against the `csv` crate and arithmetic written out: what breaks is what the generator broke.
#[test]
fn a_large_table_agrees_with_an_oracle() {
    let mut table = clean(3_000);
    let mut expected = [0_u64; 5];
    table = table.lines().enumerate().fold(String::new(), |text, (row, line)| {
        let mut cells: Vec<String> = line.split(';').map(str::to_owned).collect();
        if row > 0 && row % 7 == 0 {
            cells[(row / 7 * 5) % 14 + 1] = ((row * 7_919) % 1_200).to_string();
        }
        if row > 0 {
            let l: Vec<i64> = cells.iter().map(|cell| cell.parse().unwrap()).collect();
            let holds = [
                l[1] >= l[3] + l[4] + l[5],
                l[2] == l[3] + l[4] + l[5] + l[6] + l[11] - l[12],
                l[7] + l[8] == l[9] + l[10],
                l[10] == l[13] + l[14],
                l[7] + l[8] <= l[3] + l[4] + l[5],
            ];
            expected.iter_mut().zip(holds).for_each(|(count, holds)| *count += u64::from(!holds));
        }
        text + &cells.join(";") + "\n"
    });
    let (report, _) = findings(table.as_bytes());
    let broken: Vec<u64> = report.relations.iter().map(|one| one.broken).collect();
    assert_eq!((report.accepted, broken), (3_000, expected.to_vec()));
    assert!(expected.iter().all(|count| *count > 0));
}

#[test]
fn a_draft_becomes_a_mapping_when_its_gaps_are_filled() {
    let table = format!("{DATA}samples/protocols-windows1251.csv");
    let output = tamga(&["protocols", "draft", "--form", "ru-20fz-12", &table]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("encoding = \"windows-1251\"") && text.contains("12  Канд. Асанов"), "{text}");
    let mut number = 2;
    let filled = text.lines().fold(String::new(), |filled, line| {
        let gap = line.contains("= \"\"");
        number += u32::from(gap);
        let line =
            line.replace("from = \"\", to = \"\"", "from = 16, to = 17").replace("= \"\"", &format!("= {number}"));
        filled + &line + "\n"
    });
    Mapping::parse("draft", &filled, &form().form).unwrap();
    let codes = String::from_utf8(tamga(&["protocols", "form"]).stdout).unwrap();
    assert!(codes.lines().any(|code| code == "ru-20fz-12"));
    assert!(Path::new(DATA).join("forms/ru-20fz-12.toml").exists());
}
