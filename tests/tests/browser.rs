//! The site in a real browser: Debian's Chromium, driven by Playwright (`tests/browser/run.mjs`), accessibility judged by axe-core.
//!
//! Needs `chromium`, `node`, and `npm ci` in `tests/browser` (`.ci/run` sees to all three). Screenshots stay in
//! `target/browser/`.

#![allow(clippy::unwrap_used, reason = "test code")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};
use tamga_ledger::court::CourtBundle;
use tamga_tests::faults::needs;
use tamga_tests::program::{run, tamga};
use tamga_tests::wait::until;
use tamga_tests::{Plan, Rehearsal, Voter, day, http};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("browser")
}

fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_read_and_verify_in_a_browser() {
    let driver = folder().join("node_modules/playwright-core/package.json");
    let (Some(chromium), Some(node), true) = (program("chromium"), program("node"), driver.is_file()) else {
        return needs::skipped("browser", "it needs chromium, node, and `npm ci` in tests/browser");
    };
    let rehearsal = Rehearsal::open(Plan::of(3)).await;
    day::enter_equipment(&rehearsal).await;
    let day = day::pass(&rehearsal, false).await;
    // Another checkpoint after the one that covers the day, so that courts' bundles have a proof between two.
    rehearsal.agreed(rehearsal.ids()).await;
    day::enter_printer(&rehearsal).await;
    let checkpoint = rehearsal.agreed(rehearsal.ids()).await;
    let size = checkpoint.checkpoint().size.get();
    for id in rehearsal.ids() {
        until("the lists to have come up to the checkpoint", async || {
            let lists = http::found(rehearsal.public(id), "/api/v1/irregularities").await.json();
            if lists["covered_size"] == json!(size) { Ok(()) } else { Err(lists["covered_size"].to_string()) }
        })
        .await;
    }
    let leaf = day.hand_protocols[0];
    let receipt = http::found(rehearsal.public(1), &format!("/api/v1/receipts/{leaf}?format=cbor")).await.body;
    let genesis = http::found(rehearsal.public(1), "/api/v1/genesis").await.body;
    let genesis_file = rehearsal.folder().join("genesis.entry");
    std::fs::write(&genesis_file, &genesis).unwrap();
    let nodes: Vec<String> = rehearsal.ids().map(|id| format!("http://{}", rehearsal.public(id))).collect();
    let note = http::found(rehearsal.public(1), "/checkpoint").await;
    let archive = http::found(rehearsal.public(1), "/api/v1/checkpoints").await.json();
    let sizes: Vec<u64> =
        archive["checkpoints"].as_array().unwrap().iter().filter_map(|one| one["size"].as_u64()).collect();
    let before = sizes.iter().filter(|before| **before < size).max().unwrap();
    let older = http::found(rehearsal.public(1), &format!("/checkpoints/{before}")).await;
    let mut tags: Vec<_> = day.voters.iter().map(|(_, voter)| rehearsal.world.tag(*voter)).collect();
    tags.sort_by_key(|tag| tag.roll_leaf());
    let middle = &tags[tags.len() / 2];
    let (first, last) = (&tags[0], &tags[tags.len() - 1]);
    let absent: Vec<String> =
        (40..46).map(|number| rehearsal.world.tag(Voter { home: 1, number }).to_string()).collect();
    let plan = json!({
        "admitted": [first.to_string(), middle.to_string(), last.to_string()],
        "last_admitted": last.to_string(),
        "absent": absent,
        "chromium": chromium,
        "nodes": nodes,
        "election": rehearsal.world.trust.election_id().to_string(),
        "hand_protocol": leaf,
        "second_attempt": day.second_attempt,
        "serials": day::SERIALS,
        "receipt": BASE64.encode(&receipt),
        "forged": forgeries(&receipt),
        "court": court_files(&rehearsal, &receipt).await,
        "genesis_file": genesis_file,
        "checkpoint": note.text(),
        "older": older.text(),
        "waiting": rehearsal.folder().join("waiting"),
    });
    let (waiting, plan_file) = (rehearsal.folder().join("waiting"), rehearsal.folder().join("plan.json"));
    std::fs::write(&plan_file, plan.to_string()).unwrap();
    if let Some(held) = std::env::var_os("TAMGA_BROWSER_HOLD") {
        // For whoever writes the pages: the cluster stays until this file is gone.
        std::fs::write(&held, plan.to_string()).unwrap();
        while Path::new(&held).exists() {
            tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        }
        return;
    }
    let out = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/browser");
    let mut ran = std::pin::pin!(
        tokio::process::Command::new(node)
            .arg(folder().join("run.mjs"))
            .args([&plan_file, &out])
            .kill_on_drop(true)
            .output()
    );
    // At its end the browser leaves a page open and waits for a protocol.
    let entry = tamga_ledger::receipt::Receipt::from_bytes(&receipt).unwrap().entry;
    let correct = async {
        while !waiting.exists() {
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        rehearsal.judged(&rehearsal.world.corrected(1, &entry)).await
    };
    let ran = tokio::select! {
        ran = &mut ran => ran,
        judged = correct => {
            assert!(judged.verdict.is_accepted(), "{}", judged.verdict);
            ran.await
        }
    };
    let ran = ran.unwrap();
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success(), "{said}{}", String::from_utf8_lossy(&ran.stderr));
    println!("{said}");
}

/// Courts' bundles as `tamga bundle` writes them, and files that must not pass for one; a file each, in the rehearsal's folder.
async fn court_files(rehearsal: &Rehearsal, receipt: &[u8]) -> Value {
    let (url, id) = (format!("http://{}", rehearsal.public(1)), rehearsal.world.trust.election_id().to_string());
    let entry = tamga_ledger::receipt::Receipt::from_bytes(receipt).unwrap().entry;
    let record = tamga_ledger::entry::Entry::from_bytes(&entry).unwrap().record_id().to_string();
    let mut files = Map::new();
    let mut made = Vec::new();
    let order: &[&str] = &["--order", "decision 7 of 2025-12-05"];
    for (name, what, with) in [
        ("station", ["--station", "1"], order),
        ("constituency", ["--constituency", "1"], &[][..]),
        ("record", ["--record", &record], &[]),
    ] {
        let file = rehearsal.folder().join(format!("{name}.court"));
        let out = ["--genesis", &id, "--out", file.to_str().unwrap()];
        run(tamga(), &[&["bundle", &url][..], &what, with, &out].concat()).await.ended_with(0);
        made.push(std::fs::read(&file).unwrap());
        files.insert(name.to_owned(), json!(file));
    }
    let good = CourtBundle::from_bytes(&made[0]).unwrap();
    assert!(good.checkpoints.len() > 1, "a proof between checkpoints is to be checked too");
    let asked = good.items.iter().position(|item| item.asked).unwrap();
    let changed = |change: &dyn Fn(&mut CourtBundle)| {
        let mut other = good.clone();
        change(&mut other);
        other.to_bytes()
    };
    let turned = |part: &[u8]| {
        let mut bytes = made[0].clone();
        let at = bytes.windows(part.len()).position(|window| window == part).unwrap();
        bytes[at + part.len() / 2] ^= 1;
        bytes
    };
    let vectors = include_str!("../../ledger/tests/vectors/json/courts.json");
    let vectors: Value = serde_json::from_str(vectors).unwrap();
    let other = vectors["courts"].as_array().unwrap().iter().find(|one| one["accepted"] == json!(true)).unwrap();
    let mut noise = made[0].clone();
    noise.truncate(noise.len() / 2);
    // Of the constituency's entries those of other stations, which nothing here needs.
    let mut crowded = CourtBundle::from_bytes(&made[1]).unwrap();
    let about: Vec<_> = good.items.iter().filter(|item| item.asked).map(|item| item.leaf).collect();
    crowded.subject = good.subject.clone();
    crowded.items.iter_mut().for_each(|item| item.asked = about.contains(&item.leaf));
    let wrong: [(&str, Vec<u8>); 12] = [
        ("other people's entries", crowded.to_bytes()),
        ("one bit of an entry", turned(&good.items[asked].entry)),
        ("one bit of the genesis record", turned(&good.items[0].entry)),
        ("a shared hash", turned(good.sha256.hashes()[0].as_bytes())),
        ("a shared BLAKE3 hash", turned(good.blake3.hashes()[0].as_bytes())),
        ("the way between checkpoints", turned(good.checkpoints[1].proof.sha256.path()[0].as_bytes())),
        ("a checkpoint's root", changed(&|bundle| bundle.checkpoints[1].note = other_root(&good.checkpoints[1].note))),
        ("a mark", changed(&|bundle| bundle.items[asked].asked = false)),
        ("an entry left out", changed(&|bundle| drop(bundle.items.remove(asked)))),
        ("the order left out", changed(&|bundle| bundle.order.clear())),
        ("half a file", noise),
        ("another ledger's", hex::decode(other["court"].as_str().unwrap()).unwrap()),
    ];
    let neither = rehearsal.folder().join("neither");
    std::fs::write(&neither, b"\x89PNG\r\n\x1a\n and so on").unwrap();
    let mut refused = Map::new();
    for (number, (name, bytes)) in wrong.into_iter().enumerate() {
        let file = rehearsal.folder().join(format!("wrong-{number}.court"));
        std::fs::write(&file, bytes).unwrap();
        refused.insert(name.to_owned(), json!(file));
    }
    json!({ "good": files, "wrong": refused, "neither": neither })
}

/// The same note with another root, well written.
fn other_root(note: &str) -> String {
    let root = note.lines().nth(2).unwrap();
    let first = if root.starts_with('A') { "B" } else { "A" };
    note.replacen(root, &format!("{first}{}", &root[1..]), 1)
}

/// One byte changed in each part that is checked.
fn forgeries(receipt: &[u8]) -> Map<String, Value> {
    let parsed = tamga_ledger::receipt::Receipt::from_bytes(receipt).unwrap();
    let at = |part: &[u8]| receipt.windows(part.len()).position(|window| window == part).unwrap();
    let path = parsed.proof.sha256.path().first().unwrap();
    let blake3 = parsed.proof.blake3.path().first().unwrap();
    let places = [
        ("entry", at(&parsed.entry) + parsed.entry.len() - 3),
        ("SHA-256 path", at(path.as_bytes()) + 7),
        ("BLAKE3 path", at(blake3.as_bytes()) + 7),
        ("checkpoint", at(b"\nblake3 ") + 12),
        ("signature", receipt.len() - 60),
    ];
    let mut forged = Map::new();
    for (name, place) in places {
        let mut bytes = receipt.to_vec();
        bytes[place] ^= 1;
        forged.insert(name.to_owned(), BASE64.encode(bytes).into());
    }
    forged
}
