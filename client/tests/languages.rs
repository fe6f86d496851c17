//! Commands that need no ledger, and the monitor, in the language that was asked for. Those that read a ledger: `cli.rs`.

#![allow(clippy::unwrap_used, reason = "test code")]

mod common;
#[path = "common/mirror.rs"]
mod mirror;

use common::{ORGANISATIONS, World};
use mirror::StoreSource;
use std::path::Path;
use std::process::{Command, Output};
use tamga_client::source::download;
use tamga_platform::disk::OsDisk;

fn tamga(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tamga")).args(arguments).output().unwrap()
}

/// What it says, and its exit code.
fn said(arguments: &[&str]) -> (String, Option<i32>) {
    let output = tamga(arguments);
    (String::from_utf8([output.stdout, output.stderr].concat()).unwrap(), output.status.code())
}

fn data(path: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data").join(path).display().to_string()
}

/// English words of these commands; what stands in the files that they read is nobody's to translate.
fn no_english(text: &str, words: &[&str]) {
    for word in words {
        assert!(!text.contains(word), "{word}: {text}");
    }
}

#[test]
fn a_definition_is_told_in_the_language() {
    let words = [
        "REHEARSAL",
        "constituencies",
        "seats",
        "candidates",
        "stations",
        "units",
        "forms",
        "Embargo",
        "Act ",
        "hard ",
        "soft ",
    ];
    for (lang, first, seats) in [("ky", "МАШЫГУУ", "мандат"), ("ru", "РЕПЕТИЦИЯ", "мандатов")]
    {
        for step in ["check", "show"] {
            let (text, code) = said(&["election", step, "example-small", "--lang", lang]);
            assert!(text.starts_with(first) && text.contains(seats) && code == Some(0), "{text}");
            no_english(&text, &words);
        }
    }
    let (text, _) = said(&["election", "check", "example-small"]);
    assert!(text.starts_with("REHEARSAL") && text.contains("2 constituencies"), "{text}");

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("election.toml");
    std::fs::write(&file, "rehearsal = 3\n").unwrap();
    for (lang, faults) in [("ky", "Ката: "), ("ru", "Ошибок: "), ("en", " faults")] {
        let (text, code) = said(&["election", "check", file.to_str().unwrap(), "--lang", lang]);
        assert!(text.contains(faults) && code == Some(1), "{text}");
    }
}

#[test]
fn a_table_of_protocols_is_told_in_the_language() {
    let (mapping, table) = (data("mappings/sample-utf8.toml"), data("samples/protocols-utf8.csv"));
    let check = ["protocols", "check", "--form", "ru-20fz-12", "--mapping", &mapping, &table];
    let words = [
        "rows",
        "malformed",
        "Malformed",
        "accepted",
        "relation",
        "hard ",
        "soft ",
        "holds in",
        "broken",
        "line ",
        "against",
    ];
    let (english, code) = said(&check);
    assert!(words.iter().filter(|word| english.contains(**word)).count() > 7, "{english}");
    for (lang, sample) in [("ky", "катуу катыш бузулган"), ("ru", "нарушено жёсткое соотношение")]
    {
        let (text, same) = said(&[&check[..], &["--lang", lang]].concat());
        assert_eq!(same, code);
        assert!(text.contains(sample), "{text}");
        no_english(&text, &words);
        no_english(&text, &["cells", "whole number", "below zero", "missing", "same polling", "is not", "larger"]);
        assert_eq!(text.lines().count(), english.lines().count());
    }
}

#[test]
fn the_monitor_speaks_the_language() {
    let mut world = World::prepared();
    world.seal_roll();
    world.open_all();
    let source = StoreSource::of(&world, world.checkpoint(&ORGANISATIONS));
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    download(&source, &world.trust, &OsDisk, Path::new(&path("copy")), |_, _| {}).unwrap();
    let genesis = world.scribe.election().to_string();
    for (lang, published, silent) in [
        ("ky", "жазуу жарыяланды", "жооп бербейт"),
        ("ru", "опубликовано записей", "не отвечает"),
        ("en", "published", "unreachable"),
    ] {
        let state = path(&format!("state-{lang}"));
        let look = ["watch", "--once", "--plain", "--genesis", &genesis, "--state", &state, "--lang", lang];
        let (text, code) = said(&[&look[..], &[&path("copy")]].concat());
        assert!(text.contains(published) && code == Some(0), "{text}");
        let (text, code) = said(&[&look[..], &[&path("copy"), &path("nothing")]].concat());
        assert!(text.contains(silent) && code == Some(2), "{text}");
        if lang != "en" {
            no_english(&text, &["published", "alarm", "over  "]);
        }
    }
}

/// What stands in no sentence of the other two languages.
const ENGLISH: [&str; 8] = ["cannot", "could", "there is", "does not", "is not", "missing", "lists", "give "];

#[test]
fn what_cannot_be_used_is_said_in_the_language_and_to_programs_always_in_english() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(path("key"), "no key").unwrap();
    let (digest, nowhere, out) = ("0".repeat(64), path("nowhere"), path("out"));
    let keys = ["--registry-key", &path("key"), "--commission-key", &nowhere];
    let import = [&["roll", "import", &nowhere, "--genesis", &digest, "--out", &out], &keys[..]].concat();
    let commands: [(&[&str], &str, &str, &str); 6] = [
        (&["audit", &nowhere, "--genesis", &digest], "мүмкүн болбоду", "не удалось", "could not check"),
        (&["verify", &nowhere, "--genesis", &digest], "окулбайт", "не читается", "could not check"),
        (&["election", "check", &nowhere], "программа менен", "с программой", "those that come"),
        (
            &["protocols", "check", &nowhere, "--form", "no-form", "--mapping", &nowhere],
            "программа менен",
            "с программой",
            "those that come",
        ),
        (&import, "64 белги", "64 шестнадцатеричных", "64 hexadecimal"),
        (&["day", "seed", "--out", &path("key")], "буга чейин", "уже есть", "is there already"),
    ];
    for (command, ky, ru, en) in commands {
        for (lang, words) in [("ky", ky), ("ru", ru), ("en", en)] {
            let (text, code) = said(&[command, &["--lang", lang]].concat());
            assert!(text.contains(words) && code == Some(2), "{lang} {command:?}: {text} {code:?}");
            if lang != "en" {
                no_english(&text, &ENGLISH);
            }
            let (json, code) = said(&[command, &["--json", "--lang", lang]].concat());
            let fault: serde_json::Value = serde_json::from_str(&json).unwrap();
            assert_eq!((&fault["outcome"], code), (&"unchecked".into(), Some(2)), "{json}");
            let (_, english) = (text, said(&[command, &["--json"]].concat()).0);
            assert_eq!(json, english, "{command:?}");
        }
    }
}

#[test]
fn the_language_may_stand_in_the_environment() {
    let run = |arguments: &[&str]| {
        let mut tamga = Command::new(env!("CARGO_BIN_EXE_tamga"));
        let output = tamga.env("TAMGA_LANG", "ky").args(arguments).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(run(&["election", "show", "example-small"]).starts_with("МАШЫГУУ"));
    assert!(run(&["--lang", "ru", "election", "show", "example-small"]).starts_with("РЕПЕТИЦИЯ"));
}

#[test]
fn each_fault_of_a_table_is_told_in_the_language() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    for (name, digit) in [("registry", "1"), ("commission", "2")] {
        std::fs::write(path(name), digit.repeat(64)).unwrap();
    }
    // No voter's number stands in what is said about them.
    let number = "1".repeat(14);
    let roll =
        format!("pin,station\n{number},1\n{number},2\n{number}\n12,1\n{number},0\n{number},1,1\n{}\n", "x".repeat(300));
    std::fs::write(path("voters.csv"), roll).unwrap();
    let (digest, table, out) = ("0".repeat(64), path("voters.csv"), path("out"));
    let (registry, commission) = (path("registry"), path("commission"));
    let import = ["roll", "import", &table, "--genesis", &digest, "--out", &out];
    let import = [&import[..], &["--registry-key", &registry, "--commission-key", &commission]].concat();
    let english = ["line ", "same voter", "fields", "digits", "above", "longer", "faults", "nothing", "station"];
    for (lang, words) in [
        (
            "ky",
            ["3-сап: 2-саптагы шайлоочунун өзү", "4-сап: эки талаа", "5-сап: жеке номер", "6-сап: участок", "Ката: 6"],
        ),
        (
            "ru",
            ["строка 3: тот же избиратель", "строка 4: нужны", "строка 5: персон", "строка 6: участок", "Ошибок: 6"],
        ),
    ] {
        let (text, code) = said(&[&import[..], &["--lang", lang]].concat());
        assert!(words.iter().all(|word| text.contains(word)) && code == Some(1), "{code:?} {text}");
        assert!(!text.contains(&number), "{text}");
        no_english(&text, &english);
    }
    let (text, _) = said(&import);
    assert!(["line 3: the same voter as in line 2", "6 faults"].iter().all(|word| text.contains(word)), "{text}");
    assert!(!Path::new(&out).exists(), "nothing is half-imported");
}
