//! A node whose disk has rotted: it refuses to start and says where and what to do; the command repairs it from the running
//! nodes, with proof; it rejoins, agrees and cosigns.

#![allow(clippy::unwrap_used, reason = "test code")]

use std::path::{Path, PathBuf};
use tamga_tests::program::{self, Ran};
use tamga_tests::wait::{GENEROUS, until};
use tamga_tests::{Plan, Rehearsal, Voter};

const VICTIM: u32 = 3;

/// One kind of damage, in one file of the node's data.
struct Damage {
    what: &'static str,
    file: &'static str,
    harm: fn(&mut Vec<u8>),
    /// What the command names.
    says: &'static str,
    /// Whether the node refuses to start with it. (What is not read at start is found when it is read, and by fsck.)
    refused: bool,
}

fn flip_middle(bytes: &mut [u8]) {
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
}

const DAMAGES: [Damage; 7] = [
    Damage {
        what: "a bit in the middle of the entries",
        file: "ledger/entries/00000000.seg",
        harm: |bytes| flip_middle(bytes),
        says: "00000000.seg",
        refused: true,
    },
    Damage {
        what: "a misdirected write over several frames",
        file: "ledger/entries/00000000.seg",
        harm: |bytes| {
            let middle = bytes.len() / 2;
            bytes.copy_within(200..4_296, middle);
        },
        says: "00000000.seg",
        refused: true,
    },
    Damage {
        what: "a bit of a confidential body",
        file: "ledger/confidential/1/00000000.seg",
        harm: |bytes| flip_middle(bytes),
        says: "confidential",
        refused: true,
    },
    Damage {
        what: "a file of confidential bodies that is gone",
        file: "ledger/confidential/1/00000000.seg",
        harm: Vec::clear,
        says: "confidential",
        refused: true,
    },
    Damage {
        what: "a bit of a tile",
        file: "ledger/tiles/sha256/0",
        harm: |bytes| bytes[77] ^= 4,
        says: "tiles/sha256/0",
        refused: false,
    },
    Damage {
        what: "a bit of an archived checkpoint",
        file: "ledger/checkpoints/archive.log",
        harm: |bytes| bytes[200] ^= 1,
        says: "archive.log",
        refused: true,
    },
    Damage {
        what: "a bit of an entry of the Raft log",
        file: "raft/wal/0000000000000001.wal",
        harm: |bytes| {
            let used = bytes.iter().rposition(|byte| *byte != 0).unwrap();
            bytes[used / 2] ^= 0x10;
        },
        says: "0000000000000001.wal",
        refused: true,
    },
];

/// The node's configuration, as the cluster wrote it.
fn config(rehearsal: &Rehearsal, id: u32) -> PathBuf {
    rehearsal.data(id).parent().unwrap().join("node.toml")
}

async fn repair(rehearsal: &Rehearsal, id: u32, more: &[&str]) -> Ran {
    let config = config(rehearsal, id);
    let arguments = [&["repair", "--config", config.to_str().unwrap()], more].concat();
    program::run(program::tamga_node(), &arguments).await
}

/// Starts a damaged node, which has to end by itself; returns what it logged.
async fn refuses_to_start(rehearsal: &mut Rehearsal, id: u32) -> String {
    let before = rehearsal.log(id).len();
    rehearsal.node_mut(id).restart().unwrap();
    let status = rehearsal.node_mut(id).ended_within(GENEROUS).await;
    let log = rehearsal.log(id)[before..].to_owned();
    assert_eq!(status.expect("a damaged node goes on").code(), Some(1), "{log}");
    log
}

fn harm(path: &Path, how: fn(&mut Vec<u8>)) {
    let mut bytes = std::fs::read(path).unwrap();
    how(&mut bytes);
    std::fs::write(path, bytes).unwrap();
}

/// A record for every few frames, so that there is something to damage in the middle.
async fn admit_some(rehearsal: &Rehearsal, from: u32, count: u32) -> u64 {
    let mut last = 0;
    for number in from..from + count {
        last = rehearsal.admit(1, Voter { home: 1, number }).await.1.leaf.get();
    }
    last
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_kind_of_rot_is_repaired_from_the_running_nodes() {
    let plan = Plan { voters: 400, ..Plan::of(4) };
    let mut rehearsal = Rehearsal::open(plan).await;
    // A full tile is on disk.
    let mut voter = 0;
    while rehearsal.applied(1).await < 300 {
        admit_some(&rehearsal, voter, 10).await;
        voter += 10;
    }
    for damage in &DAMAGES {
        let what = damage.what;
        rehearsal.agreed(rehearsal.ids()).await;
        rehearsal.node_mut(VICTIM).kill().await;
        harm(&rehearsal.data(VICTIM).join(damage.file), damage.harm);
        if damage.refused {
            let log = refuses_to_start(&mut rehearsal, VICTIM).await;
            assert!(log.contains(damage.says) && log.contains("tamga-node repair --config"), "{what}: {log}");
        }
        // The others go on meanwhile.
        admit_some(&rehearsal, voter, 2).await;
        voter += 2;
        let looked = repair(&rehearsal, VICTIM, &["--dry-run", "--json"]).await;
        if damage.refused || looked.code != 0 {
            let looked = looked.ended_with(1).json();
            assert_eq!(looked["outcome"], "damaged", "{what}: {looked:#}");
        }
        let done = repair(&rehearsal, VICTIM, &["--json"]).await.ended_with(0).json();
        println!("{what}: {done:#}");
        assert_eq!(done["outcome"], "repaired", "{what}: {done:#}");
        let named = done.to_string();
        assert!(named.contains(damage.says), "{what}: {done:#}");
        assert!(done["quarantine"].is_string(), "{what}: the damaged file is kept: {done:#}");
        assert!(repair(&rehearsal, VICTIM, &[]).await.ended_with(0).out.contains("nothing is damaged"), "{what}");
        rejoins(&mut rehearsal, &mut voter).await;
    }
}

/// The node serves again, agrees with the others, and cosigns what is published next.
async fn rejoins(rehearsal: &mut Rehearsal, voter: &mut u32) {
    rehearsal.restart(VICTIM).await;
    rehearsal.agreed(rehearsal.ids()).await;
    let leaf = admit_some(rehearsal, *voter, 1).await;
    *voter += 1;
    rehearsal.published(VICTIM, leaf + 1).await;
    until("the repaired node to cosign", async || {
        let status = rehearsal.status(VICTIM).await?;
        let signed = status["cosigned_size"].as_u64().unwrap_or_default();
        if signed > leaf { Ok(()) } else { Err(format!("it has signed {signed} of {}", leaf + 1)) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_could_vote_twice_is_told_to_take_a_new_id() {
    let mut rehearsal = Rehearsal::open(Plan::of(3)).await;
    rehearsal.agreed(rehearsal.ids()).await;
    rehearsal.node_mut(VICTIM).kill().await;
    let log = rehearsal.data(VICTIM).join("raft/wal/0000000000000001.wal");
    // Everything behind the header, as if another file had been written over it.
    harm(&log, |bytes| {
        let used = bytes.iter().rposition(|byte| *byte != 0).unwrap();
        bytes[512..=used].iter_mut().for_each(|byte| *byte = byte.wrapping_mul(31) ^ 0x6b);
    });
    let said = refuses_to_start(&mut rehearsal, VICTIM).await;
    assert!(said.contains("tamga-node repair --config"), "{said}");
    let before = std::fs::read(&log).unwrap();
    let refused = repair(&rehearsal, VICTIM, &["--json"]).await.ended_with(3).json();
    assert_eq!(refused["outcome"], "new-id-needed", "{refused:#}");
    assert!(refused["error"].as_str().unwrap().contains("new node id"), "{refused:#}");
    assert!(std::fs::read(&log).unwrap() == before, "nothing was changed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_node_is_not_repaired_and_without_peers_nothing_is_made_up() {
    let mut rehearsal = Rehearsal::open(Plan::of(3)).await;
    rehearsal.agreed(rehearsal.ids()).await;
    let refused = repair(&rehearsal, VICTIM, &[]).await.ended_with(1);
    assert!(refused.err.contains("stop the node first"), "{refused:?}");
    rehearsal.power_cut().await;
    let entries = rehearsal.data(VICTIM).join("ledger/entries/00000000.seg");
    harm(&entries, |bytes| flip_middle(bytes));
    let before = std::fs::read(&entries).unwrap();
    let failed = repair(&rehearsal, VICTIM, &["--json"]).await.ended_with(1).json();
    assert_eq!(failed["outcome"], "failed", "{failed:#}");
    assert!(failed["error"].as_str().unwrap().contains("node 1"), "{failed:#}");
    assert!(std::fs::read(&entries).unwrap() == before, "no unproven byte was written");
}
