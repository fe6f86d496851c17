//! A whole small day, every kind of record, over real nodes; then everything is verified by the program `tamga`, which
//! believes the genesis digest and nothing else.

#![allow(clippy::unwrap_used, reason = "test code")]

use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use tamga_client::author::{archive_seal, results_seal, voting_seal};
use tamga_client::source::HttpSource;
use tamga_client::verify::{Opened, audit};
use tamga_ledger::ids::ElectionId;
use tamga_ledger::kinds::{Kind, Seal};
use tamga_ledger::promise::Judged;
use tamga_ledger::receipt::Receipt;
use tamga_ledger::submission::Submission;
use tamga_ledger::tally::tally;
use tamga_ledger::tree::TreeHead;
use tamga_tests::copy::Copy;
use tamga_tests::program::{Ran, run, tamga, tamga_node};
use tamga_tests::station::{Closing, Sums};
use tamga_tests::world::STATIONS;
use tamga_tests::{Plan, Rehearsal, Voter, http};

/// Voters who come: at home, and to the other constituency's and the remote station.
fn visits() -> Vec<(u32, Voter)> {
    let voter = |home, number| Voter { home, number };
    let local = (1..=4).flat_map(|home| (0..8).map(move |number| (home, voter(home, number))));
    let away = (8..12).flat_map(|number| [(3, voter(1, number)), (1, voter(4, number)), (5, voter(2, number))]);
    local.chain(away).collect()
}

struct Story {
    rehearsal: Rehearsal,
    /// Everything that was submitted and judged.
    records: Vec<(Submission, Judged)>,
}

impl Story {
    async fn submit(&mut self, record: Submission) {
        let judged = self.rehearsal.clean(&record).await;
        self.records.push((record, judged));
    }

    async fn head(&self) -> TreeHead {
        let applied = self.rehearsal.applied(1).await;
        self.rehearsal.published(1, applied).await.checkpoint().head()
    }

    async fn seal(&mut self, seal: Seal) {
        let world = Arc::clone(&self.rehearsal.world);
        self.submit(world.scribe.seal(&world.commission, &seal).unwrap()).await;
    }

    async fn vote(&mut self) {
        for (station, voter) in visits() {
            let admitted = self.rehearsal.admit(station, voter).await;
            self.records.push(admitted);
        }
    }

    /// Closes all stations, hands everything in, and seals what is to be sealed.
    async fn count(&mut self) -> Vec<Vec<u64>> {
        let world = Arc::clone(&self.rehearsal.world);
        let mut sums = Sums::default();
        let closings: Vec<Closing> = STATIONS.iter().map(|(station, _)| world.close(*station, &mut sums)).collect();
        let mut own = vec![vec![0_u64; 5]; 2];
        for (closing, (_, constituency)) in closings.iter().zip(STATIONS) {
            self.submit(closing.batch.clone()).await;
            self.submit(closing.report.clone()).await;
            let sums = own.get_mut((constituency as usize).wrapping_sub(1)).into_iter().flatten();
            sums.zip(closing.own.iter().flatten()).for_each(|(sum, count)| *sum += count);
        }
        let leaves = visits().into_iter().map(|(_, voter)| world.tag(voter).roll_leaf()).collect();
        let seal = voting_seal(&self.head().await, tamga_client::author::admitted_root(leaves));
        self.seal(seal).await;
        for closing in closings {
            for record in [Some(closing.machine), closing.opening, Some(closing.hand)].into_iter().flatten() {
                self.submit(record).await;
            }
        }
        for record in world.remote_openings(&sums) {
            self.submit(record).await;
        }
        own
    }

    async fn results(&mut self) {
        let head = self.head().await;
        let (address, genesis) = (self.url(1), *self.rehearsal.world.trust.election_id());
        let digest = tokio::task::spawn_blocking(move || {
            let source = HttpSource::new(&address).unwrap();
            let audited = audit(&Opened::open(&source, &genesis).unwrap(), |_, _| ()).unwrap();
            assert!(audited.report.ok, "{:?}", audited.report.findings);
            tally(&audited.state).digest()
        });
        self.seal(results_seal(&head, digest.await.unwrap())).await;
        let seal = archive_seal(&self.head().await);
        self.seal(seal).await;
    }

    fn url(&self, node: u32) -> String {
        format!("http://{}", self.rehearsal.public(node))
    }

    async fn tamga(&self, arguments: &[&str]) -> Ran {
        let genesis = self.rehearsal.world.trust.election_id().to_string();
        let arguments: Vec<&str> = arguments.iter().copied().chain(["--genesis", &genesis, "--json"]).collect();
        run(tamga(), &arguments).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_whole_day_is_judged_published_and_verified_without_trusting_a_node() {
    let rehearsal = Rehearsal::open(Plan::of(3)).await;
    let mut story = Story { rehearsal, records: Vec::new() };
    story.vote().await;
    let own = story.count().await;
    story.results().await;

    // Every receipt verifies against the pinned digest, at the leaf that was promised.
    let last = story.records.len() - 1;
    for (record, judged) in story.records.iter().step_by(7).chain(&story.records[last..]) {
        let receipt = story.rehearsal.receipt(record, judged).await.receipt;
        assert_eq!((receipt.leaf(), &receipt.entry().verdict), (judged.leaf, &judged.verdict));
        assert_eq!(receipt.checkpoint().organisations().len(), 3);
    }
    // Asking again adds nothing: the same answer.
    let (record, judged) = &story.records[0];
    for node in story.rehearsal.ids() {
        let again = tamga_tests::rehearsal::judged(&story.rehearsal.client_alone(node), record).await;
        assert_eq!(again, *judged);
    }
    // All three publish the same, and every kind of record of an election is in it.
    let agreed = story.rehearsal.agreed(1..=3).await;
    let copy = Copy::fetch(story.rehearsal.public(2), &story.rehearsal.world.trust).await;
    assert_eq!(copy.checkpoint.checkpoint(), agreed.checkpoint());
    let kinds: BTreeSet<u16> = copy
        .entries
        .iter()
        .map(|entry| match tamga_ledger::entry::Entry::from_bytes(entry).unwrap().payload {
            tamga_ledger::entry::Payload::Full(signed) => signed.parse().unwrap().kind,
            tamga_ledger::entry::Payload::Stub(_) => panic!("nothing was refused"),
        })
        .collect();
    // Changes of the cluster, of keys and of the roll, legal acts, complaints, refusals, voids, observers' copies, summary tables and custody are
    // stories of their own.
    let elsewhere = [
        Kind::Governance,
        Kind::KeyRevocation,
        Kind::RollAmendment,
        Kind::LegalAct,
        Kind::Case,
        Kind::RefusalSummary,
        Kind::IdentificationVoid,
        Kind::Countersign,
        Kind::SummaryTable,
        Kind::Custody,
    ];
    let all = Kind::ALL.into_iter().filter(|kind| !elsewhere.contains(kind)).map(|kind| kind as u16);
    assert_eq!(kinds, all.collect(), "{kinds:?}");

    the_program_checks_a_node(&story).await;
    the_program_shows_results(&story, &own).await;
    the_program_proves_offline(&story).await;
    the_program_finds_one_changed_byte(&story).await;
    a_node_that_is_asked_to_end_ends_in_order(&mut story).await;
}

async fn the_program_checks_a_node(story: &Story) {
    let size = story.rehearsal.applied(1).await;
    for node in story.rehearsal.ids() {
        let url = story.url(node);
        let shown = story.tamga(&["checkpoint", &url]).await.ended_with(0).json();
        assert_eq!((&shown["outcome"], &shown["checkpoint"]["size"]), (&json!("verified"), &json!(size)), "{shown}");
        let audited = story.tamga(&["audit", &url]).await.ended_with(0).json();
        assert_eq!(audited["audit"]["ok"], json!(true), "{audited}");
        assert_eq!(audited["audit"]["verdicts_not_rederived"], json!(0), "bodies are public after the seal: {audited}");
    }
    // Another digest was pinned: whatever this node shows is refuted.
    let other = ElectionId([7; 32]).to_string();
    let refuted = run(tamga(), &["checkpoint", &story.url(1), "--genesis", &other, "--json"]).await.ended_with(1);
    assert_eq!(refuted.json()["outcome"], json!("refuted"));
    // Nobody there, or no such leaf: nothing was checked.
    let nobody = story.tamga(&["checkpoint", "http://127.0.0.1:1"]).await.ended_with(2);
    assert_eq!(nobody.json()["outcome"], json!("unchecked"));
    let out = story.rehearsal.folder().join("none");
    let beyond = story.tamga(&["prove", &story.url(1), "--leaf", "999999", "--out", out.to_str().unwrap()]).await;
    assert_eq!(beyond.ended_with(2).json()["outcome"], json!("unchecked"));
    assert_eq!(run(tamga(), &["checkpoint"]).await.code, 2, "wrong use");
}

async fn the_program_shows_results(story: &Story, own: &[Vec<u64>]) {
    let shown = story.tamga(&["results", &story.url(3)]).await.ended_with(0).json();
    let results = &shown["results"];
    assert_eq!(results["sealed"], json!(true), "{shown}");
    for (place, row) in results["tally"]["constituencies"].as_array().unwrap().iter().enumerate() {
        let sum = |basis: &str| -> Vec<u64> {
            row[basis]["counts"].as_array().unwrap().iter().map(|count| count.as_u64().unwrap()).collect()
        };
        assert_eq!(sum("hand"), sum("machine"), "{row}");
        // Away: four of constituency 1 at station 3, four at the remote station; four of constituency 2 at station 1.
        let away = if place == 0 { 8 } else { 4 };
        assert_eq!(sum("hand").iter().sum::<u64>(), own[place].iter().sum::<u64>() + away, "{row}");
    }
}

async fn the_program_proves_offline(story: &Story) {
    let (record, judged) = &story.records[5];
    let file = story.rehearsal.folder().join("proof");
    let (path, id) = (file.to_str().unwrap(), record.signed.id().to_string());
    let proved = story.tamga(&["prove", &story.url(2), "--record", &id, "--out", path]).await.ended_with(0).json();
    assert_eq!(proved["leaf"], json!(judged.leaf.get()), "{proved}");
    let verified = story.tamga(&["verify", path]).await.ended_with(0).json();
    assert_eq!((&verified["outcome"], &verified["record"]), (&json!("verified"), &json!(id)), "{verified}");
    // A bare receipt as a node gives it, with entry 0 from a file.
    let bare = http::found(story.rehearsal.public(1), &format!("/api/v1/receipts/{}?format=cbor", judged.leaf)).await;
    Receipt::from_bytes(&bare.body).unwrap().verify(&story.rehearsal.world.trust).unwrap();
    let entry = http::found(story.rehearsal.public(1), "/api/v1/genesis").await.body;
    let (receipt, genesis) = (story.rehearsal.folder().join("receipt"), story.rehearsal.folder().join("entry0"));
    std::fs::write(&receipt, &bare.body).unwrap();
    std::fs::write(&genesis, entry).unwrap();
    let arguments = ["verify", receipt.to_str().unwrap(), "--genesis-file", genesis.to_str().unwrap()];
    story.tamga(&arguments).await.ended_with(0);
    story.tamga(&arguments[..2]).await.ended_with(2);
    // Every byte counts.
    let good = std::fs::read(&file).unwrap();
    for at in [good.len() / 3, good.len() / 2, good.len() - 20] {
        let mut forged = good.clone();
        forged[at] ^= 1;
        std::fs::write(&file, forged).unwrap();
        let refuted = story.tamga(&["verify", path]).await;
        assert_eq!(refuted.code, 1, "byte {at}: {refuted:?}");
    }
}

async fn the_program_finds_one_changed_byte(story: &Story) {
    let folder = story.rehearsal.folder().join("copy");
    let path = folder.to_str().unwrap();
    story.tamga(&["download", &story.url(1), path]).await.ended_with(0);
    story.tamga(&["audit", path]).await.ended_with(0);
    let bundle = find_bundle(&folder);
    let good = std::fs::read(&bundle).unwrap();
    // Walk to the middle entry: two bytes of length before each.
    let (mut at, mut leaf) = (0, 0);
    while at < good.len() / 2 {
        at += 2 + usize::from(u16::from_be_bytes([good[at], good[at + 1]]));
        leaf += 1;
    }
    let mut forged = good.clone();
    forged[at + 40] ^= 1;
    std::fs::write(&bundle, &forged).unwrap();
    let refuted = story.tamga(&["audit", path]).await.ended_with(1).json();
    let first = refuted["audit"]["findings"].as_array().unwrap().iter().find_map(|finding| finding["leaf"].as_u64());
    assert_eq!((&refuted["outcome"], first), (&json!("refuted"), Some(leaf)), "{}", refuted["audit"]["findings"][0]);
    let genesis = story.rehearsal.world.trust.election_id().to_string();
    let text = run(tamga(), &["audit", path, "--genesis", &genesis]).await.ended_with(1);
    assert!(text.out.contains(&format!("first bad entry: {leaf}\n")), "{text:?}");
    story.tamga(&["results", path]).await.ended_with(1);
    std::fs::write(&bundle, good).unwrap();
    assert_ne!(story.tamga(&["audit", path]).await.ended_with(0).json()["checkpoint"], Value::Null);
}

async fn a_node_that_is_asked_to_end_ends_in_order(story: &mut Story) {
    for node in story.rehearsal.ids() {
        let process = story.rehearsal.node_mut(node);
        process.ask_to_end();
        let status = process.ended_within(tamga_tests::wait::GENEROUS).await;
        assert!(status.is_some_and(|status| status.success()), "node {node}: {status:?}");
        let ledger = story.rehearsal.data(node).join("ledger");
        run(tamga_node(), &["fsck", ledger.to_str().unwrap()]).await.ended_with(0);
    }
}

/// The first entry bundle of a copy.
fn find_bundle(folder: &Path) -> std::path::PathBuf {
    let entries = folder.join("tile").join("entries");
    let mut stack = vec![entries];
    while let Some(place) = stack.pop() {
        if place.is_file() {
            return place;
        }
        stack.extend(std::fs::read_dir(place).unwrap().map(|entry| entry.unwrap().path()));
    }
    panic!("no entry bundle in {}", folder.display())
}
