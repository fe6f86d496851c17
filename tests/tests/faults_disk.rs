//! Disks fill up while a crowd votes. A node whose disk is full refuses what is new, stays up and readable, never leads, and
//! goes on by itself when there is space again. Nothing acknowledged is lost, not even when all disks are full at once.

#![allow(clippy::unwrap_used, reason = "test code")]

use std::sync::Arc;
use std::time::Duration;
use tamga_client::device::{DeviceClient, DeviceOptions, NodeEndpoint, TcpDial, Transport};
use tamga_node::config::CoreTuning;
use tamga_platform::entropy::OsEntropy;
use tamga_tests::aftermath::nothing_is_lost;
use tamga_tests::faults::crowd::Crowd;
use tamga_tests::faults::ground::FaultyGround;
use tamga_tests::faults::needs::{mounts, skipped};
use tamga_tests::wait::until;
use tamga_tests::{Plan, Rehearsal, Voter};

/// Verdicts between one fault and the next.
const SOME: usize = 60;
/// Each node's file system.
const DISK_MIB: u32 = 64;
/// Below this a node's disk is low; below a quarter of it, full.
const RESERVE_BYTES: u64 = 8 << 20;
/// What a disk that fills up has left when its node notices. What was under way still fits: frames, notes, and one more log
/// segment (1 MiB), which may be laid out in the very moment of filling up.
const LEFT_BYTES: u64 = (2 << 20) - (64 << 10);
/// What is left for checkpoints that were cut before, when all disks are as full as they get.
const ARCHIVE_BYTES: u64 = 512 << 10;

async fn open(story: &str) -> Option<(Rehearsal, Arc<FaultyGround>)> {
    if let Err(why) = mounts() {
        skipped(story, &why);
        return None;
    }
    let tuning = CoreTuning {
        heartbeat_ms: Some(200),
        election_ms_min: Some(900),
        election_ms_max: Some(1_800),
        raft_segment_bytes: Some(1 << 20),
        disk_reserve_bytes: Some(RESERVE_BYTES),
        ledger_reserve_bytes: Some(RESERVE_BYTES),
        ..CoreTuning::default()
    };
    let ground = Arc::new(FaultyGround::plain().tuned(tuning).on_small_disks(DISK_MIB));
    let rehearsal = Rehearsal::open_on(Plan { voters: 300, ..Plan::of(3) }, ground.clone()).await;
    Some((rehearsal, ground))
}

/// Waits until a node says that its disk is full, or that it is not.
async fn says_full(rehearsal: &Rehearsal, node: u32, full: bool) {
    until("the node to notice its disk", async || {
        let status = rehearsal.status(node).await?;
        if status["disk_full"].as_bool() == Some(full) { Ok(()) } else { Err(status.to_string()) }
    })
    .await;
}

/// A device that soon gives up on one node.
fn impatient(rehearsal: &Rehearsal, node: u32) -> DeviceClient {
    let address = rehearsal.public(node).to_string();
    let endpoint = NodeEndpoint { node, address, transport: Transport::Tls };
    let options = DeviceOptions { deadline: Duration::from_secs(4), ..DeviceOptions::default() };
    let trust = Arc::clone(&rehearsal.world.trust);
    DeviceClient::new(trust, &[endpoint], options, Arc::new(TcpDial), Arc::new(OsEntropy)).unwrap()
}

/// A full node is up, and serves what it has published.
async fn stays_readable(rehearsal: &mut Rehearsal, node: u32) {
    rehearsal.node_mut(node).check_alive().unwrap();
    assert!(rehearsal.checkpoint(node).await.is_ok(), "node {node} is not readable");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_follower_then_the_leader_with_a_full_disk_stays_readable_and_recovers() {
    let Some((mut rehearsal, ground)) = open("full disks of single nodes").await else { return };
    let crowd = Crowd::gather(&rehearsal, 1);
    crowd.more(SOME).await;
    for follows in [true, false] {
        let leader = rehearsal.leader(rehearsal.ids()).await;
        let victim = if follows { leader % 3 + 1 } else { leader };
        ground.with_disk(victim, |disk| disk.fill_up_to(LEFT_BYTES)).unwrap();
        says_full(&rehearsal, victim, true).await;
        crowd.more_elsewhere(&[victim], SOME).await;
        // To the last byte: a node that is full already does not mind.
        ground.with_disk(victim, |disk| disk.fill_up_to(0)).unwrap();
        crowd.more_elsewhere(&[victim], SOME).await;
        let others: Vec<u32> = rehearsal.ids().filter(|id| *id != victim).collect();
        assert_ne!(rehearsal.leader(others).await, victim);
        stays_readable(&mut rehearsal, victim).await;
        ground.with_disk(victim, |disk| disk.empty()).unwrap();
        says_full(&rehearsal, victim, false).await;
        crowd.more(SOME).await;
    }
    let chronicle = crowd.disperse().await;
    chronicle.is_linearizable();
    nothing_is_lost(&rehearsal, &chronicle.acknowledged).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_all_disks_full_nothing_is_taken_everything_is_readable_and_space_ends_it() {
    let Some((mut rehearsal, ground)) = open("full disks everywhere").await else { return };
    let crowd = Crowd::gather(&rehearsal, 2);
    crowd.more(SOME).await;
    for node in rehearsal.ids() {
        ground.with_disk(node, |disk| disk.fill_up_to(LEFT_BYTES)).unwrap();
    }
    for node in rehearsal.ids() {
        says_full(&rehearsal, node, true).await;
    }
    // Not to the last byte: what was cut before may still be published, and needs its place in the archive. A write that fails
    // is fatal, whatever it was for.
    for node in rehearsal.ids() {
        ground.with_disk(node, |disk| disk.fill_up_to(ARCHIVE_BYTES)).unwrap();
        stays_readable(&mut rehearsal, node).await;
    }
    // Nobody is told anything any more that is new: a device is answered that there is no room, or not at all.
    let device = impatient(&rehearsal, 1);
    let late = rehearsal.world.identification(5, Voter { home: 1, number: 299 });
    assert!(device.submit_for_verdict(&late).await.is_err(), "a full cluster took a record");
    for node in rehearsal.ids() {
        ground.with_disk(node, |disk| disk.empty()).unwrap();
    }
    for node in rehearsal.ids() {
        says_full(&rehearsal, node, false).await;
        rehearsal.node_mut(node).check_alive().unwrap();
    }
    crowd.more(SOME).await;
    let chronicle = crowd.disperse().await;
    chronicle.is_linearizable();
    nothing_is_lost(&rehearsal, &chronicle.acknowledged).await;
}
