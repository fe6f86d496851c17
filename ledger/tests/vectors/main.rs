//! Conformance vectors: what any other implementation has to give to the last bit (FORMAT.md §15).
//!
//! They are committed in `json/`. This test makes them again and compares; after a change of the format on purpose they are
//! written anew by
//!
//! ```text
//! TAMGA_VECTORS=write cargo test --package tamga-ledger --test vectors
//! ```
//!
//! | file | what |
//! |---|---|
//! | `bytes` | `codec.json`: canonical CBOR and every way not to be it |
//! | `hashes` | `hashes.json`: each derive-key context |
//! | `ed25519` | `ed25519.json`: the acceptance rule at its edges |
//! | `hidden` | `commitments.json`: generators, blinding factors, commitments, openings |
//! | `trees` | `trees.json`: leaves, nodes, roots, proofs, and proofs that must fail |
//! | `day/` | `ledger.json`: a whole small ledger, a record of every kind; `second.json`: one of five organisations, the other verdicts |
//! | `notes` | `checkpoints.json`: keys, policies, notes, cosignatures, receipts, histories, bundles |
//! | `messages` | `messages.json`: what nodes and authors send each other |
//! | `evidence` | `evidence.json`: what convicts somebody, and what proves nothing |
//! | `offline` | `courts.json`: courts' bundles; `copies.json`: who was admitted, the archive's index |
//! | `checker` | the same through the independent checker in Python, and copies of the ledger tampered with |
//! | `golang` | trees and notes against Go's, both directions; `.tlog-proof` |
//!
//! A new kind of record is shown in `day/`, and a new code or flag; until they are, `every_kind_is_shown` and
//! `every_code_and_every_flag_is_shown` fail.

#![allow(clippy::unwrap_used, unreachable_pub, reason = "test code")]

mod bytes;
mod checker;
mod day;
mod ed25519;
mod evidence;
mod golang;
mod hashes;
mod hidden;
#[path = "../kit/mod.rs"]
mod kit;
mod messages;
mod notes;
mod offline;
mod trees;

use day::Day;
use serde_json::Value;
use std::path::Path;
use tamga_ledger::kinds::Kind;
use tamga_ledger::verdict::{FlagCode, Refusal, Verdict};

fn file(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/json").join(name)
}

/// One line a case, so that a difference is read in a review.
fn text_of(value: &Value) -> String {
    let Value::Object(sections) = value else { panic!("a vector file is an object of sections") };
    let mut sections: Vec<_> = sections.iter().collect();
    sections.sort_by_key(|(name, _)| *name);
    let section = |(name, value): (&String, &Value)| match value {
        Value::Array(cases) if cases.iter().any(Value::is_object) => {
            let cases: Vec<String> = cases.iter().map(|case| format!("    {}", line_of(case))).collect();
            format!("  {}: [\n{}\n  ]", Value::from(name.as_str()), cases.join(",\n"))
        }
        value => format!("  {}: {}", Value::from(name.as_str()), line_of(value)),
    };
    format!("{{\n{}\n}}\n", sections.into_iter().map(section).collect::<Vec<_>>().join(",\n"))
}

/// Keys in order whatever features the JSON library was built with.
fn line_of(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by_key(|(name, _)| *name);
            let field =
                |(name, value): (&String, &Value)| format!("{}: {}", Value::from(name.as_str()), line_of(value));
            format!("{{{}}}", fields.into_iter().map(field).collect::<Vec<_>>().join(", "))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(line_of).collect::<Vec<_>>().join(", ")),
        plain => plain.to_string(),
    }
}

fn compare(name: &str, value: &Value) {
    let (path, due) = (file(name), text_of(value));
    if std::env::var("TAMGA_VECTORS").is_ok_and(|what| what == "write") {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, due).unwrap();
        return;
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = committed.lines().zip(due.lines()).position(|(committed, due)| committed != due);
    let line = differs.unwrap_or_else(|| committed.lines().count().min(due.lines().count()));
    assert!(
        committed == due,
        "{} differs from what the code gives, first in line {}. If the format was changed on purpose (FORMAT.md first):\n\
         TAMGA_VECTORS=write cargo test --package tamga-ledger --test vectors",
        path.display(),
        line + 1
    );
}

#[test]
fn what_is_committed_is_what_the_code_gives() {
    compare("codec.json", &bytes::vectors());
    compare("hashes.json", &hashes::vectors());
    compare("ed25519.json", &ed25519::vectors());
    compare("commitments.json", &hidden::vectors());
    compare("trees.json", &trees::vectors());
    let day = Day::whole();
    compare("ledger.json", &day.vectors());
    compare("second.json", &Day::second().vectors());
    compare("checkpoints.json", &notes::vectors(&day));
    compare("messages.json", &messages::vectors(&day));
    compare("evidence.json", &evidence::vectors(&day));
    compare("courts.json", &offline::courts(&day));
    compare("copies.json", &offline::copies(&day));
}

#[test]
fn every_kind_is_shown() {
    let day = Day::whole();
    for kind in Kind::ALL {
        let accepted = day.world.leaves.iter().any(|leaf| leaf.kind == kind && leaf.verdict.is_accepted());
        assert!(
            accepted,
            "no accepted record of kind {kind:?} in tests/vectors/day: add one, and write the vectors anew"
        );
    }
}

/// Codes and flags that no vector can show, each with the reason. There is none: whoever adds one argues it here.
const NOT_SHOWN: [(u16, &str); 0] = [];

#[test]
fn every_code_and_every_flag_is_shown() {
    let days = [Day::whole(), Day::second()];
    let verdicts: Vec<&Verdict> = days.iter().flat_map(|day| &day.world.leaves).map(|leaf| &leaf.verdict).collect();
    let excused = |number: u16| NOT_SHOWN.iter().any(|(code, _)| *code == number);
    let refused = |number: u16| verdicts.iter().any(|verdict| verdict.code() == number);
    let flagged = |number: u16| verdicts.iter().any(|verdict| verdict.flags().iter().any(|flag| flag.code == number));
    for code in Refusal::ALL.iter().map(|code| code.number()) {
        assert!(refused(code) != excused(code), "code {code}: show it in tests/vectors/day, or argue in NOT_SHOWN");
    }
    for flag in FlagCode::ALL.iter().map(|code| code.number()) {
        assert!(flagged(flag) != excused(flag), "flag {flag}: show it in tests/vectors/day, or argue in NOT_SHOWN");
    }
    assert!(verdicts.iter().any(|verdict| **verdict == Verdict::Accepted(vec![])));
}

fn format() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../FORMAT.md")).unwrap()
}

/// The limits in FORMAT.md §3 are those of the code.
#[test]
fn the_limits_are_those_of_the_format() {
    use tamga_ledger::{batch, commitment, court, definition, entry, evidence, history, inquiry, kinds, note, promise};
    let format = format();
    let table: Vec<(&str, usize)> = format
        .split("| limit | bytes | the sum |")
        .nth(1)
        .unwrap()
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .map(|line| {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            (cells[1], cells[2].replace(',', "").parse().unwrap())
        })
        .collect();
    let due = [
        ("entry", entry::ENTRY_BYTES_MAX),
        ("record", tamga_ledger::record::RECORD_BYTES_MAX),
        ("signed record", tamga_ledger::record::SIGNED_RECORD_BYTES_MAX),
        ("confidential body", kinds::CONFIDENTIAL_BYTES_MAX),
        ("submission", tamga_ledger::submission::SUBMISSION_BYTES_MAX),
        ("signers", tamga_ledger::record::SIGNERS_MAX),
        ("roll leaves a chunk", kinds::ROLL_CHUNK_LEAVES_MAX),
        ("roll leaves an amendment", kinds::ROLL_AMENDMENT_LEAVES_MAX),
        ("keys a Key record", kinds::GRANTS_MAX),
        ("constituencies", definition::CONSTITUENCIES_MAX),
        ("positions of a ballot", commitment::POSITIONS_MAX),
        ("sources of a table", kinds::SUMMARY_SOURCES_MAX),
        ("rows of a refusal summary", kinds::REFUSAL_ROWS_MAX),
        ("batch", batch::BATCH_BYTES_MAX),
        ("items a batch", batch::BATCH_ITEMS_MAX),
        ("note", note::NOTE_BYTES_MAX),
        ("receipt", tamga_ledger::receipt::RECEIPT_BYTES_MAX),
        ("promise, refusal, inquiry, answer", promise::PROMISE_BYTES_MAX),
        ("history", history::HISTORY_BYTES_MAX),
        ("decisions of a history", history::HISTORY_STEPS_MAX),
        ("evidence", evidence::EVIDENCE_BYTES_MAX),
        ("entries in evidence", evidence::INLINE_BYTES_MAX),
        ("court's bundle", court::COURT_BYTES_MAX),
        ("checkpoints of a court's bundle", court::LINKS_MAX),
        // Held to the client's in client/src/source.
        ("archive's index", 16 << 20),
    ];
    assert_eq!(table, due);
    assert_eq!(promise::PROMISE_BYTES_MAX, inquiry::INQUIRY_BYTES_MAX);
}

/// Every context of derive-key mode that a program names stands in FORMAT.md.
#[test]
fn every_context_is_in_the_format() {
    fn sources(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
        for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            match path.extension() {
                _ if path.is_dir() => sources(&path, found),
                Some(extension) if extension == "rs" => found.push(path),
                _ => {}
            }
        }
    }
    let (format, mut files) = (format(), Vec::new());
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for folder in ["ledger/src", "ledger/keys/src", "node/src", "client/src", "consensus/src"] {
        sources(&root.join(folder), &mut files);
    }
    let mut seen = 0;
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        for context in text.split("\"tamga 2025 ").skip(1).filter_map(|rest| rest.split('"').next()) {
            let context = context.trim_end_matches("\\n");
            assert!(format.contains(&format!("`tamga 2025 {context}`")), "{}: {context}", file.display());
            seen += 1;
        }
    }
    assert!(seen > 15, "{seen} contexts: are they elsewhere now?");
}

/// The bytes in FORMAT.md §16 are those of the leaf that it names.
#[test]
fn the_worked_example_is_in_the_ledger() {
    let format = format();
    let section = format.split("\n## 16.").nth(1).unwrap().split("\n## ").next().unwrap();
    let leaf: usize = section.split("Leaf ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    let ledger: Value = serde_json::from_str(&std::fs::read_to_string(file("ledger.json")).unwrap()).unwrap();
    let case = &ledger["entries"][leaf];
    let text = |name: &str| case[name].as_str().unwrap().to_owned();
    for name in ["record_id", "sha256_leaf", "blake3_leaf"] {
        assert!(section.contains(&text(name)), "{name} of leaf {leaf}: {}", text(name));
    }
    // The record, field by field: what stands in front of the words of each line.
    let lines = section
        .lines()
        .skip_while(|line| !line.starts_with("record "))
        .take_while(|line| !line.starts_with("record id"));
    let bytes = |line: &str| -> String {
        let line = line.strip_prefix("record").unwrap_or(line).trim_start();
        let given = line.split("  ").next().unwrap_or_default();
        // A field whose words follow after one space: hexadecimal digits only count.
        given.split(' ').take_while(|word| word.chars().all(|c| c.is_ascii_hexdigit())).collect()
    };
    let record: String = lines.map(bytes).collect();
    // The signature in its two lines, whole.
    let signature: String = section
        .lines()
        .skip_while(|line| !line.starts_with("signed "))
        .skip(1)
        .take_while(|line| !line.starts_with("entry "))
        .map(bytes)
        .collect();
    assert!(text("submission").contains(&signature) && signature.len() == 128, "{signature}");
    assert!(text("entry").contains(&record) && record.len() == 2 * 105, "{record}\nin {}", text("entry"));
    let time: u64 =
        section.split("sequenced time ").nth(1).unwrap().split_whitespace().next().unwrap().parse().unwrap();
    assert_eq!(case["time_ms"], time);
}
