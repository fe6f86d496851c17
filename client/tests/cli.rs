//! The program `tamga` on copies of a ledger, good and tampered with.

#![allow(clippy::unwrap_used, reason = "a test")]

mod common;
#[path = "common/mirror.rs"]
mod mirror;

use common::{ORGANISATIONS, World, phase_filler};
use mirror::StoreSource;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;
use tamga_client::source::download;
use tamga_ledger::evidence::{Claim, Entries, Evidence};
use tamga_ledger::ids::RecordId;
use tamga_ledger::promise::Promise;
use tamga_ledger::tree::decode_bundle;
use tamga_platform::disk::OsDisk;
use tempfile::TempDir;

struct Ledger {
    world: World,
    folder: TempDir,
}

/// A finished election of more than 256 entries, downloaded into a folder. Tests that change bytes copy it.
fn ledger() -> &'static Ledger {
    static LEDGER: OnceLock<Ledger> = OnceLock::new();
    LEDGER.get_or_init(|| {
        let mut world = World::prepared();
        world.seal_roll();
        world.open_all();
        phase_filler(&mut world, 600);
        world.vote();
        let builders = world.count_and_close();
        world.seal_voting();
        world.publish_counts(&builders);
        world.seal_results();
        let source = StoreSource::of(&world, world.checkpoint(&ORGANISATIONS));
        let folder = tempfile::tempdir().unwrap();
        let done = download(&source, &world.trust, &OsDisk, folder.path(), |_, _| {}).unwrap();
        assert!(done.confidential);
        Ledger { world, folder }
    })
}

fn copy() -> TempDir {
    let target = tempfile::tempdir().unwrap();
    copy_folder(ledger().folder.path(), target.path());
    target
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn tamga(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tamga")).args(arguments).output().unwrap()
}

/// Runs a command with the right digest; exit code and JSON.
fn run(command: &str, source: &Path, more: &[&str]) -> (i32, Value) {
    let genesis = ledger().world.scribe.election().to_string();
    let source = source.display().to_string();
    let arguments = [&["--json", command, &source, "--genesis", &genesis], more].concat();
    let output = tamga(&arguments);
    let text = String::from_utf8(output.stdout).unwrap();
    (output.status.code().unwrap(), serde_json::from_str(&text).unwrap_or_else(|_| panic!("{command}: {text:?}")))
}

fn bundle(folder: &Path, index: u64) -> PathBuf {
    folder.join(format!("tile/entries/{index:03}"))
}

/// Where entry `place` of a bundle starts.
fn offset_of(bytes: &[u8], place: usize) -> usize {
    decode_bundle(bytes).unwrap()[..place].iter().map(|entry| entry.len() + 2).sum::<usize>() + 2
}

#[test]
fn a_good_copy_verifies() {
    let folder = ledger().folder.path();
    let (code, checkpoint) = run("checkpoint", folder, &[]);
    assert_eq!((code, checkpoint["outcome"].as_str()), (0, Some("verified")));
    assert_eq!(checkpoint["checkpoint"]["organisations"].as_array().unwrap().len(), 3);
    let (code, audit) = run("audit", folder, &[]);
    assert_eq!((code, audit["audit"]["ok"].as_bool()), (0, Some(true)), "{audit:#}");
    assert_eq!(audit["audit"]["entries"], ledger().world.entries.len());
    assert_eq!(audit["audit"]["verdicts_not_rederived"], 0);
    let (code, results) = run("results", folder, &[]);
    assert_eq!(code, 0);
    let hand = &results["results"]["tally"]["constituencies"][0]["hand"];
    assert_eq!(hand["counts"], serde_json::json!([3, 2, 0, 1, 0]));
    assert_eq!(results["results"]["sealed"], true);
}

#[test]
fn an_audit_leaves_a_memory_and_a_page() {
    let (folder, files) = (ledger().folder.path(), tempfile::tempdir().unwrap());
    let [memory, html] = ["memory", "report.html"].map(|name| files.path().join(name).display().to_string());
    let entries = ledger().world.entries.len();
    for before in [0, entries] {
        let (code, audit) = run("audit", folder, &["--memory", &memory, "--html", &html]);
        assert_eq!((code, &audit["audit"]["entries_before"]), (0, &before.into()), "{audit:#}");
        assert!(audit.get("memory_unused").is_none());
    }
    let page = std::fs::read_to_string(&html).unwrap();
    assert!(
        page.contains("Реестрди текшерүү") && page.contains("Проверка реестра") && page.contains("Audit of the ledger")
    );
    // What is found is told in the language that was asked for.
    let copy = copy();
    let path = bundle(copy.path(), 0);
    let mut bytes = std::fs::read(&path).unwrap();
    let at = offset_of(&bytes, 100) + 40;
    bytes[at] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let genesis = ledger().world.scribe.election().to_string();
    let source = copy.path().display().to_string();
    for (lang, words) in [("ky", "№ 100 жазуу"), ("ru", "Запись № 100"), ("en", "Entry 100")] {
        let output = tamga(&["audit", &source, "--genesis", &genesis, "--lang", lang, "--html", &html]);
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.code() == Some(1) && text.contains(words), "{text}");
        assert!(std::fs::read_to_string(&html).unwrap().contains(words));
    }
    let (_, audit) = run("audit", copy.path(), &[]);
    assert!(audit["audit"]["findings"][0]["sentence"]["ky"].as_str().unwrap().contains("100"), "{audit:#}");
}

#[test]
fn a_courts_bundle_is_made_and_verified_offline() {
    let (folder, files) = (ledger().folder.path(), tempfile::tempdir().unwrap());
    let [out, html] = ["court", "court.html"].map(|name| files.path().join(name).display().to_string());
    let record = ledger().world.ids[30].to_string();
    for subject in [["--station", "1"], ["--constituency", "1"], ["--record", &record]] {
        let (code, made) = run("bundle", folder, &[&subject[..], &["--out", &out]].concat());
        assert_eq!((code, &made["bodies"]), (0, &0.into()), "{made:#}");
        let asked = made["asked"].as_u64().unwrap();
        for command in ["verify", "audit"] {
            let (code, held) = run(command, Path::new(&out), &["--html", &html, "--lang", "ky"]);
            let about = held["entries"].as_array().unwrap().iter().filter(|one| one["about"] == true).count();
            assert_eq!((code, about as u64), (0, asked), "{held:#}");
        }
        assert!(std::fs::read_to_string(&html).unwrap().contains("Что не доказано"));
    }
    let genesis = ledger().world.scribe.election().to_string();
    for (lang, first, words) in [
        ("ky", "ТАСТЫКТАЛДЫ", "Сот үчүн"),
        ("ru", "ПОДТВЕРЖДЕНО", "Пакет для суда"),
        ("en", "VERIFIED", "Bundle for a court"),
    ] {
        let output = tamga(&["verify", &out, "--genesis", &genesis, "--lang", lang]);
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && text.starts_with(first) && text.contains(words), "{text}");
    }
    // With an order; wrong uses; one byte; nothing about it.
    let (code, made) = run("bundle", folder, &["--station", "1", "--order", "7/2026", "--out", &out]);
    assert!(code == 0 && made["bodies"].as_u64() > Some(0), "{made:#}");
    let folder = folder.display().to_string();
    for wrong in
        [&["--station", "1", "--record", &record][..], &[], &["--station", "1", "--bodies", "x"], &["--station", "0"]]
    {
        let all = [&["bundle", &folder, "--genesis", &genesis, "--out", &out], wrong].concat();
        assert_eq!(tamga(&all).status.code(), Some(2), "{wrong:?}");
    }
    assert_eq!(run("bundle", Path::new(&folder), &["--station", "99", "--out", &out]).0, 2);
    let mut bytes = std::fs::read(&out).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&out, bytes).unwrap();
    assert_eq!(run("verify", Path::new(&out), &[]).0, 1);
}

#[test]
fn results_of_an_earlier_size_are_those_of_its_entries() {
    let folder = ledger().folder.path();
    let whole = ledger().world.entries.len().to_string();
    let (code, before) = run("results", folder, &["--size", "2"]);
    assert_eq!((code, &before["size"], &before["results"]["roll"]), (0, &2.into(), &0.into()), "{before:#}");
    assert_eq!(before["results"]["tally"]["hand_protocols"]["n"], 0);
    let (code, last) = run("results", folder, &["--before", &whole]);
    assert_eq!((code, &last["results"]), (0, &run("results", folder, &[]).1["results"]));
    let (code, none) = run("results", folder, &["--size", "999999"]);
    assert_eq!((code, none["outcome"].as_str()), (2, Some("unchecked")), "{none:#}");
    let (code, one) = run("results", folder, &["--constituency", "1"]);
    assert_eq!((code, one["results"]["tally"]["constituencies"].as_array().unwrap().len()), (0, 1));
}

#[test]
fn anomalies_name_every_flag_and_refusal() {
    let (code, found) = run("anomalies", ledger().folder.path(), &["--listed", "1000"]);
    assert_eq!(code, 0, "{found:#}");
    let mut due: Vec<u64> = Vec::new();
    for (leaf, (bytes, _)) in (0..).zip(&ledger().world.entries) {
        let verdict = tamga_ledger::entry::Entry::from_bytes(bytes).unwrap().verdict;
        due.extend(std::iter::repeat_n(leaf, if verdict.is_accepted() { verdict.flags().len() } else { 1 }));
    }
    let own = ["keys-revoked", "suspended", "late-protocol"];
    let groups = found["anomalies"]["groups"].as_array().unwrap();
    let all = groups.iter().flat_map(|group| group["findings"].as_array().unwrap());
    let by_code = all.filter(|one| !own.contains(&one["code"].as_str().unwrap()));
    let mut shown: Vec<u64> = by_code.map(|one| one["leaf"].as_u64().unwrap()).collect();
    shown.sort_unstable();
    assert_eq!(shown, due, "{found:#}");
    assert_eq!(found["anomalies"]["never_closed"], serde_json::json!([]));
}

#[test]
fn exports_name_their_checkpoint_and_say_what_results_say() {
    let out = tempfile::tempdir().unwrap();
    let folder = out.path().join("csv");
    let (code, written) = run("export", ledger().folder.path(), &["--out", folder.to_str().unwrap()]);
    assert_eq!((code, written["files"].as_array().unwrap().len()), (0, 7), "{written:#}");
    let mut reader = csv::Reader::from_path(folder.join("candidates.csv")).unwrap();
    let head = reader.headers().unwrap().clone();
    let column = |name: &str| head.iter().position(|one| one == name).unwrap();
    let size = ledger().world.entries.len().to_string();
    let mut votes = Vec::new();
    for row in reader.records().map(Result::unwrap) {
        assert_eq!((&row[column("checkpoint_size")], &row[column("rehearsal")]), (size.as_str(), "1"));
        if &row[column("constituency")] == "1" {
            votes.push(row[column("hand")].parse::<u64>().unwrap());
        }
    }
    // The rest of the counts is against all and invalid.
    let counts: Vec<u64> = [3, 2, 0, 1, 0].into_iter().take(votes.len()).collect();
    assert_eq!(votes, counts);
}

#[test]
fn people_get_tables() {
    let genesis = ledger().world.scribe.election().to_string();
    let folder = ledger().folder.path().display().to_string();
    for (command, words) in [
        ("results", "Constituency 1"),
        ("audit", "not proven"),
        ("checkpoint", "3 of 3"),
        ("anomalies", "Nobody is accused"),
    ] {
        let output = tamga(&[command, &folder, "--genesis", &genesis]);
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && text.starts_with("VERIFIED") && text.contains(words), "{text}");
    }
}

#[test]
fn a_receipt_is_made_found_and_verified_offline() {
    let ledger = ledger();
    let files = tempfile::tempdir().unwrap();
    let out = files.path().join("receipt");
    let record = ledger.world.ids[300].to_string();
    let tlog = files.path().join("leaf.tlog-proof");
    let [to, tlog_to] = [&out, &tlog].map(|path| path.display().to_string());
    let arguments = ["--record", &record, "--out", &to, "--tlog-proof", &tlog_to];
    let (code, proof) = run("prove", ledger.folder.path(), &arguments);
    assert_eq!((code, proof["leaf"].as_u64()), (0, Some(300)), "{proof}");
    let text = std::fs::read_to_string(&tlog).unwrap();
    assert!(text.starts_with("c2sp.org/tlog-proof@v1\nindex 300\n"), "{text}");
    assert!(std::fs::read(files.path().join("leaf.tlog-proof.entry")).is_ok_and(|entry| !entry.is_empty()));
    let (code, verified) = run("verify", &out, &[]);
    assert_eq!((code, verified["record"].as_str()), (0, Some(record.as_str())));
    // One byte of the file changed, wherever it is: never verified.
    let good = std::fs::read(&out).unwrap();
    for at in (0..good.len()).step_by(good.len() / 40) {
        let mut bad = good.clone();
        bad[at] ^= 1;
        std::fs::write(&out, bad).unwrap();
        assert_eq!(run("verify", &out, &[]).0, 1, "byte {at}");
    }
    let (code, _) = run("prove", ledger.folder.path(), &["--leaf", "100000", "--out", &out.display().to_string()]);
    assert_eq!(code, 2);
}

#[test]
fn another_election_is_refuted_and_an_absent_one_unchecked() {
    let folder = ledger().folder.path().display().to_string();
    let other = "00".repeat(32);
    assert_eq!(tamga(&["audit", &folder, "--genesis", &other]).status.code(), Some(1));
    assert_eq!(tamga(&["audit", "/nonexistent", "--genesis", &other]).status.code(), Some(2));
    assert_eq!(tamga(&["checkpoint", "http://127.0.0.1:1", "--genesis", &other]).status.code(), Some(2));
    assert_eq!(tamga(&["checkpoint", &folder]).status.code(), Some(2), "the digest has to be given");
    assert_eq!(tamga(&["checkpoint", &folder, "--genesis", "abc"]).status.code(), Some(2));
}

#[test]
fn the_first_bad_entry_is_named_whichever_byte_is_changed() {
    for (index, place, inside) in [(0, 0, 5), (0, 255, 40), (1, 100, 3), (1, 100, -1), (1, 7, -2), (2, 3, 20)] {
        let copy = copy();
        let mut path = bundle(copy.path(), index);
        if !path.is_file() {
            let folder = path.with_extension("p");
            path = std::fs::read_dir(folder).unwrap().next().unwrap().unwrap().path();
        }
        let mut bytes = std::fs::read(&path).unwrap();
        let at = (offset_of(&bytes, place) as i64 + inside) as usize;
        bytes[at] ^= 0x01;
        std::fs::write(&path, bytes).unwrap();
        let (code, audit) = run("audit", copy.path(), &[]);
        let leaf = index * 256 + place as u64;
        assert_eq!(code, 1, "bundle {index} entry {place} byte {inside}");
        assert_eq!(audit["audit"]["findings"][0]["leaf"], leaf, "bundle {index} entry {place} byte {inside}");
        let (code, results) = run("results", copy.path(), &[]);
        assert_eq!((code, results.get("results")), (1, None), "no results out of a ledger that does not hold");
    }
}

#[test]
fn changed_tiles_are_findings_and_blame_no_entry() {
    for tile in ["tile/0/000", "blake3/tile/0/001"] {
        let copy = copy();
        let path = copy.path().join(tile);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[1000] ^= 0x80;
        std::fs::write(&path, bytes).unwrap();
        let (code, audit) = run("audit", copy.path(), &[]);
        let findings = audit["audit"]["findings"].as_array().unwrap();
        assert_eq!((code, findings.len(), findings[0]["check"].as_str()), (1, 1, Some("tile-differs")), "{audit:#}");
    }
}

#[test]
fn a_changed_confidential_body_is_found() {
    let copy = copy();
    let mut names: Vec<PathBuf> = walk(&copy.path().join("tile/confidential"));
    names.sort();
    let (path, mut bytes) = names
        .into_iter()
        .map(|path| (path.clone(), std::fs::read(path).unwrap()))
        .find(|(_, bytes)| bytes.iter().any(|byte| *byte != 0))
        .unwrap();
    let at = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    bytes[at] ^= 0x01;
    std::fs::write(path, bytes).unwrap();
    let (code, audit) = run("audit", copy.path(), &[]);
    assert_eq!((code, audit["audit"]["findings"][0]["check"].as_str()), (1, Some("record-unauthentic")));
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

#[test]
fn a_checkpoint_without_quorum_is_refuted() {
    let copy = copy();
    std::fs::write(copy.path().join("checkpoint"), ledger().world.checkpoint(&["cec", "university"])).unwrap();
    for command in ["checkpoint", "audit", "results"] {
        let (code, answer) = run(command, copy.path(), &[]);
        assert_eq!(code, 1);
        assert!(answer["error"].as_str().unwrap().contains("trust policy is not satisfied"), "{answer}");
    }
}

#[test]
fn missing_files_are_unchecked_not_refuted() {
    let copy = copy();
    std::fs::remove_file(bundle(copy.path(), 1)).unwrap();
    let (code, answer) = run("audit", copy.path(), &[]);
    assert_eq!((code, answer["outcome"].as_str()), (2, Some("unchecked")), "{answer}");
}

#[test]
fn before_the_voting_seal_verdicts_are_taken_as_stated_and_said_to_be() {
    let ledger = ledger();
    let copy = copy();
    std::fs::remove_dir_all(copy.path().join("tile/confidential")).unwrap();
    let (code, audit) = run("audit", copy.path(), &[]);
    assert_eq!((code, audit["confidential"].as_bool()), (0, Some(false)), "{audit:#}");
    assert_eq!(audit["audit"]["verdicts_not_rederived"], 9);
    let source = {
        let mut source = StoreSource::of(&ledger.world, ledger.world.checkpoint(&ORGANISATIONS));
        source.confidential_public = false;
        source
    };
    let folder = tempfile::tempdir().unwrap();
    assert!(!download(&source, &ledger.world.trust, &OsDisk, folder.path(), |_, _| {}).unwrap().confidential);
}

#[test]
fn a_copy_is_copied_again_and_keeps_full_tiles() {
    let target = tempfile::tempdir().unwrap();
    let folder = target.path().display().to_string();
    let (code, first) = run("download", ledger().folder.path(), &[&folder]);
    assert_eq!((code, first["files_kept"].as_u64()), (0, Some(0)), "{first}");
    let (code, second) = run("download", ledger().folder.path(), &[&folder]);
    assert_eq!(code, 0);
    assert!(second["files_kept"].as_u64().unwrap() >= 4);
    assert_eq!(run("audit", target.path(), &[]).0, 0);
}

#[test]
fn evidence_convinces_offline_in_three_languages_and_what_proves_nothing_is_refused() {
    let ledger = ledger();
    let (world, election) = (&ledger.world, *ledger.world.scribe.election());
    let folder = tempfile::tempdir().unwrap();
    let genesis = world.genesis.signed.to_bytes();
    let write = |name: &str, claim: Claim| {
        let path = folder.path().join(name);
        std::fs::write(&path, Evidence::new(election, genesis.clone(), claim).to_bytes()).unwrap();
        path.display().to_string()
    };
    let promise = |record, deadline_ms| {
        let promise = Promise { election, record, node: 1, deadline_ms, judged: None };
        promise.sign(&common::key("cec/promise"))
    };
    // The checkpoint's cosignatures are dated with the world's time.
    let claim = |record, deadline_ms| Claim::Promise {
        promise: promise(record, deadline_ms),
        checkpoint: world.checkpoint(&ORGANISATIONS),
        entries: Entries::Copy,
    };
    let digest = election.to_string();
    let verify = |file: &str, more: &[&str]| {
        let output = tamga(&[&["evidence", "verify", file, "--genesis", &digest], more].concat());
        (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
    };
    let copy = ledger.folder.path().display().to_string();
    let broken = write("broken", claim(RecordId([5; 32]), 1_000));
    for (language, words) in [("en", "What follows"), ("ru", "Что из этого следует"), ("ky", "Мындан эмне келип чыгат")]
    {
        let (code, text) = verify(&broken, &["--ledger", &copy, "--lang", language]);
        assert!(code == 0 && text.contains(words) && text.contains("cec"), "{code} {text}");
    }
    let (code, json) = verify(&broken, &["--ledger", &copy, "--json"]);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        (code, json["outcome"].as_str(), json["evidence"]["kind"].as_str()),
        (0, Some("verified"), Some("broken-promise"))
    );
    assert_eq!(json["evidence"]["consequence"]["keys"][0]["organisation"], "cec");
    // Without the ledger nothing is known; kept or not due it proves nothing; of another election neither.
    assert_eq!(verify(&broken, &[]).0, 2);
    let kept = write("kept", claim(world.ids[9], 1_000));
    assert_eq!(verify(&kept, &["--ledger", &copy]).0, 1);
    let early = write("early", claim(RecordId([5; 32]), world.time_ms * 2));
    assert_eq!(verify(&early, &["--ledger", &copy]).0, 1);
    let other = tamga(&["evidence", "verify", &broken, "--genesis", &"ab".repeat(32), "--ledger", &copy]);
    assert_eq!(other.status.code(), Some(1));
    std::fs::write(folder.path().join("noise"), b"noise").unwrap();
    assert_eq!(verify(&folder.path().join("noise").display().to_string(), &[]).0, 1);
}

#[test]
fn a_unit_is_shown_with_its_balance_protocols_and_codes() {
    let folder = ledger().folder.path();
    let (code, unit) = run("unit", folder, &["--station", "1"]);
    let report = &unit["report"];
    assert_eq!((code, &unit["outcome"], &report["status"]), (0, &"verified".into(), &"closed".into()), "{unit:#}");
    assert_eq!(report["discrepancies"].as_array().map(Vec::len), Some(0), "{report:#}");
    let protocols = report["protocols"].as_array().unwrap();
    assert_eq!(protocols.len(), 2, "by machine and by hand");
    assert!(protocols.iter().all(|one| one["in_force"] == true && one["code"].as_str().unwrap().len() == 11));
    let (code, missing) = run("unit", folder, &["--station", "99"]);
    assert_eq!((code, &missing["error"]), (2, &"there is no unit 99/1".into()));
    let (code, tables) = run("tables", folder, &[]);
    assert_eq!((code, tables["tables"].as_array().map(Vec::len)), (0, Some(0)));
}

/// Of each class used: required fields, and the others that NIST's JSON schema (version 2) allows and we write.
const NIST: &[(&str, &[&str], &[&str])] = &[
    (
        "ElectionReport",
        &[
            "Format",
            "GeneratedDate",
            "Issuer",
            "IssuerAbbreviation",
            "SequenceEnd",
            "SequenceStart",
            "Status",
            "VendorApplicationId",
        ],
        &["IsTest", "Notes", "ExternalIdentifier", "GpUnit", "Election"],
    ),
    (
        "Election",
        &["ElectionScopeId", "EndDate", "Name", "StartDate", "Type"],
        &["ExternalIdentifier", "Candidate", "Contest"],
    ),
    ("ExternalIdentifier", &["Type", "Value"], &["OtherType"]),
    ("InternationalizedText", &["Text"], &[]),
    ("LanguageString", &["Content", "Language"], &[]),
    (
        "ReportingUnit",
        &["Type", "@id"],
        &[
            "OtherType",
            "Name",
            "Number",
            "IsDistricted",
            "SubUnitsReported",
            "TotalSubUnits",
            "VotersRegistered",
            "VotersParticipated",
            "SummaryCounts",
            "ComposingGpUnitIds",
        ],
    ),
    ("Candidate", &["BallotName", "@id"], &["PostElectionStatus"]),
    (
        "CandidateContest",
        &["VotesAllowed", "ElectoralDistrictId", "Name", "@id"],
        &[
            "BallotTitle",
            "NumberElected",
            "VoteVariation",
            "SubUnitsReported",
            "TotalSubUnits",
            "CountStatus",
            "SummaryCounts",
            "BallotSelection",
        ],
    ),
    ("CandidateSelection", &["CandidateIds", "@id"], &["SequenceOrder", "VoteCounts"]),
    ("BallotMeasureSelection", &["Selection", "@id"], &["SequenceOrder", "VoteCounts"]),
    ("VoteCounts", &["Count", "Type"], &["GpUnitId", "OtherType", "Device", "IsSuppressedForPrivacy"]),
    ("SummaryCounts", &["Type"], &["BallotsCast", "BallotsRejected", "GpUnitId", "Device"]),
    ("CountStatus", &["Status", "Type"], &[]),
    ("Device", &[], &["Type"]),
];

/// The values that the schema allows, where it lists them.
const NIST_VALUES: &[(&str, &str, &[&str])] = &[
    ("ElectionReport", "Format", &["precinct-level", "summary-contest"]),
    (
        "ElectionReport",
        "Status",
        &["certified", "correction", "pre-election", "recount", "unofficial-complete", "unofficial-partial"],
    ),
    (
        "Election",
        "Type",
        &["general", "other", "partisan-primary-closed", "partisan-primary-open", "primary", "runoff", "special"],
    ),
    ("ExternalIdentifier", "Type", &["fips", "local-level", "national-level", "ocd-id", "other", "state-level"]),
    // Of 29; these are the ones that are written.
    ("ReportingUnit", "Type", &["country", "other", "polling-place", "precinct"]),
    ("Candidate", "PostElectionStatus", &["advanced-to-runoff", "projected-winner", "winner", "withdrawn"]),
    // Of 12.
    ("CandidateContest", "VoteVariation", &["plurality"]),
    // Of 11, like the next two.
    ("VoteCounts", "Type", &["election-day", "other", "total"]),
    ("SummaryCounts", "Type", &["total"]),
    ("CountStatus", "Type", &["total"]),
    ("CountStatus", "Status", &["completed", "in-process", "not-processed", "unknown"]),
    ("Device", "Type", &["opscan-precinct"]),
];

/// The type that the schema gives a field; lists and objects are looked at by themselves.
fn fits(class: &str, name: &str, value: &Value) -> bool {
    let text = |text: &str| value.as_str().is_some_and(|own| own.len() == text.len() && same_shape(own, text));
    match name {
        "SequenceStart" | "SequenceEnd" | "SequenceOrder" | "VotesAllowed" | "NumberElected" | "SubUnitsReported"
        | "TotalSubUnits" | "VotersRegistered" | "VotersParticipated" | "BallotsCast" | "BallotsRejected" | "Count" => {
            value.is_u64()
        }
        "IsTest" | "IsDistricted" | "IsSuppressedForPrivacy" => value.is_boolean(),
        "StartDate" | "EndDate" => text("0000-00-00"),
        "GeneratedDate" => text("0000-00-00T00:00:00Z"),
        "ElectoralDistrictId" | "ElectionScopeId" | "GpUnitId" | "Number" | "OtherType" | "Value" => value.is_string(),
        _ => match NIST_VALUES.iter().find(|(own, field, _)| (*own, *field) == (class, name)) {
            Some((_, _, allowed)) => value.as_str().is_some_and(|value| allowed.contains(&value)),
            None => true,
        },
    }
}

/// Digits where it has zeros, and the same else.
fn same_shape(text: &str, pattern: &str) -> bool {
    text.chars().zip(pattern.chars()).all(|(own, due)| if due == '0' { own.is_ascii_digit() } else { own == due })
}

/// Every object is of a class, has its fields and no others; gives back ids and references.
fn objects(value: &Value, ids: &mut Vec<String>, references: &mut Vec<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| objects(item, ids, references)),
        Value::Object(fields) => {
            let class = fields["@type"].as_str().unwrap().strip_prefix("ElectionResults.").unwrap();
            let (_, required, more) = NIST.iter().find(|(known, ..)| *known == class).unwrap();
            assert!(required.iter().all(|name| fields.contains_key(*name)), "{class}: {fields:?}");
            for (name, field) in fields {
                let known = name == "@type" || required.contains(&name.as_str()) || more.contains(&name.as_str());
                assert!(known, "{class} has no {name}");
                assert!(fits(class, name, field), "{class}.{name} cannot be {field}");
                let strings = field.as_array().map_or_else(|| vec![field], |all| all.iter().collect());
                let strings = strings.into_iter().filter_map(Value::as_str).map(str::to_owned);
                match name.as_str() {
                    "@id" => ids.extend(strings),
                    "GpUnitId" | "ElectionScopeId" | "ElectoralDistrictId" | "CandidateIds" | "ComposingGpUnitIds" => {
                        references.extend(strings);
                    }
                    _ if field.is_object() || field.as_array().is_some_and(|all| all.iter().any(Value::is_object)) => {
                        objects(field, ids, references);
                    }
                    _ => {}
                }
            }
        }
        other => panic!("{other}"),
    }
}

#[test]
fn results_are_exported_as_nist_sp_1500_100() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().display().to_string();
    let (code, written) = run("export", ledger().folder.path(), &["--out", &out]);
    assert_eq!(code, 0, "{written:#}");
    let bytes = std::fs::read(folder.path().join("nist-sp-1500-100.json")).unwrap();
    let report: Value = serde_json::from_slice(&bytes).unwrap();
    let (mut ids, mut references) = (Vec::new(), Vec::new());
    objects(&report, &mut ids, &mut references);
    let unique: std::collections::BTreeSet<&String> = ids.iter().collect();
    assert_eq!(unique.len(), ids.len(), "ids are there once");
    assert!(references.iter().all(|one| unique.contains(one)), "every reference leads somewhere");
    assert_eq!((&report["Status"], &report["IsTest"]), (&"certified".into(), &true.into()));
    // The figures are those of the results.
    let (_, results) = run("results", ledger().folder.path(), &[]);
    let hand = &results["results"]["tally"]["constituencies"][0]["hand"]["counts"];
    let contest = &report["Election"][0]["Contest"][0];
    for (place, selection) in contest["BallotSelection"].as_array().unwrap().iter().enumerate() {
        let counts = selection["VoteCounts"].as_array().unwrap();
        let total = counts.iter().find(|count| count["Type"] == "total" && count.get("Device").is_none()).unwrap();
        assert_eq!(total["Count"], hand[place], "{place}");
        let of_units: u64 = counts
            .iter()
            .filter(|count| count["Type"] != "total" && count.get("Device").is_none())
            .map(|count| count["Count"].as_u64().unwrap())
            .sum();
        assert_eq!(total["Count"], of_units, "units and papers cast elsewhere add up");
    }
    assert_eq!(
        contest["SummaryCounts"][0]["BallotsCast"],
        hand.as_array().unwrap().iter().map(|one| one.as_u64().unwrap()).sum::<u64>()
    );
}

/// Each line of what a court reads is in the language that it asked for.
#[test]
fn nothing_but_names_is_english_where_another_language_is_asked_for() {
    let genesis = ledger().world.scribe.election().to_string();
    let folder = ledger().folder.path().display().to_string();
    let out = tempfile::tempdir().unwrap();
    let file = |name: &str| out.path().join(name).display().to_string();
    let record = ledger().world.ids[60].to_string();
    assert!(
        tamga(&["prove", &folder, "--genesis", &genesis, "--leaf", "60", "--out", &file("proof")]).status.success()
    );
    // A damaged copy, so that there are findings.
    let damaged = file("damaged");
    assert!(tamga(&["download", &folder, &damaged, "--genesis", &genesis]).status.success());
    let bundle =
        walk(Path::new(&damaged)).into_iter().find(|path| path.to_string_lossy().contains("entries/000")).unwrap();
    let mut bytes = std::fs::read(&bundle).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&bundle, bytes).unwrap();
    for (lang, first) in [("ky", ["ТАСТЫКТАЛДЫ", "ЖОККО ЧЫГАРЫЛДЫ"]), ("ru", ["ПОДТВЕРЖДЕНО", "ОПРОВЕРГНУТО"])]
    {
        let court = file(&format!("court.{lang}"));
        let copy = file(&format!("copy.{lang}"));
        let (copied, proof) = (if lang == "ky" { "КӨЧҮРҮЛДҮ" } else { "СКОПИРОВАНО" }, file("again"));
        let asked: [(&[&str], &str); 14] = [
            (&["custody", &folder], first[0]),
            (&["custody", &folder, "--serial", "KEG-1"], first[0]),
            (&["checkpoint", &folder], first[0]),
            (&["prove", &folder, "--leaf", "60", "--out", &proof], first[0]),
            (&["download", &folder, &copy], copied),
            (&["results", &folder, "--constituency", "1"], first[0]),
            (&["results", &damaged], first[1]),
            (&["unit", &folder, "--station", "1"], first[0]),
            (&["tables", &folder], first[0]),
            (&["anomalies", &folder], first[0]),
            (&["audit", &folder], first[0]),
            (&["audit", &damaged], first[1]),
            (&["bundle", &folder, "--record", &record, "--out", &court], first[0]),
            (&["verify", &file("proof")], first[0]),
        ];
        for (arguments, first) in asked {
            let output = tamga(&[arguments, &["--genesis", &genesis, "--lang", lang]].concat());
            let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
            assert!(text.starts_with(first), "{text}");
            for word in [
                "entries",
                "checkpoint",
                "cosigned",
                "record ",
                "accepted",
                "under",
                "entry ",
                "findings",
                "Station",
                "first",
                "units",
                "hand ",
                "votes",
                "leaf",
                "signed",
                "seats",
                "Unit",
                "table ",
                "final",
            ] {
                // What a programmer looks for stands below each finding, further in.
                let said: String = text.lines().filter(|line| !line.starts_with("    ")).collect();
                assert!(!said.contains(word), "{word}: {text}");
            }
        }
    }
}
