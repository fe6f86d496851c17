//! Stories of restarts: the saved state spares the work and changes nothing else; whatever is odd about it is ignored.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tamga_ledger::verdict::{Refusal, Verdict};
use tamga_node::testing::TestElection;

use crate::cluster::{Cluster, eventually, now_ms};

const STATIONS: u32 = 2;
const VOTERS: u32 = 100;
const WAIT: Duration = Duration::from_secs(30);

async fn voted(folder: &Path, save_entries: u64) -> Cluster {
    let mut cluster = Cluster::new(folder, TestElection::new(3, STATIONS, VOTERS, now_ms()));
    cluster.tuning.save_entries = save_entries;
    for node in 1..=3 {
        cluster.start_node(node).await;
    }
    cluster.wait_ready().await;
    cluster.open_polls(STATIONS).await;
    vote(&cluster, 0..10).await;
    cluster
}

/// Identifies voters of station 1; the last one is published everywhere afterwards.
async fn vote(cluster: &Cluster, voters: std::ops::Range<u32>) {
    for voter in voters {
        let record = cluster.election.identification(1, 1, voter, now_ms());
        let judged = cluster.submit(cluster.leader().unwrap(), record).await.judged.expect("a verdict");
        assert!(judged.verdict.is_accepted());
        for node in cluster.running.keys().filter(|_| voter % 10 == 9) {
            cluster.core(*node).receipt(judged.leaf, WAIT).await.unwrap();
        }
    }
}

/// The node judges as if it had never been away: a voter of before is known, a new one is not.
async fn judges_as_before(cluster: &Cluster, node: u32, new_voter: u32) {
    let again = cluster.submit(node, cluster.election.identification(2, 1, 3, now_ms())).await;
    assert_eq!(again.judged.expect("a verdict").verdict, Verdict::Refused(Refusal::AlreadyAdmitted));
    let first = cluster.submit(node, cluster.election.identification(1, 1, new_voter, now_ms())).await;
    let judged = first.judged.expect("a verdict");
    assert_eq!(judged.verdict, Verdict::Accepted(vec![]));
    let receipt = cluster.core(node).receipt(judged.leaf, WAIT).await.unwrap();
    receipt.verify(cluster.core(node).trust()).unwrap();
    assert_eq!(cluster.core(node).status().fatal, None);
}

fn state_of(cluster: &Cluster, node: u32) -> PathBuf {
    cluster.node_folder(node).join("state")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_was_stopped_judges_nothing_again_and_knows_everything() {
    let folder = tempfile::tempdir().unwrap();
    let mut cluster = voted(folder.path(), u64::MAX).await;
    let before = cluster.core(1).published().borrow().clone().unwrap();
    cluster.stop_node(1).await;
    cluster.start_node(1).await;
    cluster.wait_ready().await;
    assert_eq!(cluster.core(1).status().replayed_entries, 0);
    let after = cluster.core(1).published().borrow().clone().unwrap();
    assert!(after.checkpoint.size >= before.checkpoint.size);
    judges_as_before(&cluster, 1, 50).await;

    // The same from the entries alone.
    let size = cluster.core(1).status().applied_size;
    cluster.stop_node(1).await;
    std::fs::remove_dir_all(state_of(&cluster, 1)).unwrap();
    cluster.start_node(1).await;
    cluster.wait_ready().await;
    assert!(cluster.core(1).status().replayed_entries >= size);
    judges_as_before(&cluster, 1, 51).await;
    let view = |node: u32| cluster.core(node).published().borrow().clone().unwrap();
    eventually("all show the same", || view(1).checkpoint == view(2).checkpoint && view(1).view == view(2).view).await;
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_crash_only_what_came_since_the_last_save_is_judged_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut cluster = voted(folder.path(), 10).await;
    let (state, kept) = (state_of(&cluster, 1), folder.path().join("kept"));
    eventually("the state is saved while the node runs", || state.join("head").exists()).await;
    // What a crash would leave: the head first, since the journal only grows.
    std::fs::create_dir(&kept).unwrap();
    for name in ["head", "journal"] {
        std::fs::copy(state.join(name), kept.join(name)).unwrap();
    }
    vote(&cluster, 10..30).await;
    cluster.stop_node(1).await;
    for name in ["head", "journal"] {
        std::fs::copy(kept.join(name), state.join(name)).unwrap();
    }
    cluster.start_node(1).await;
    cluster.wait_ready().await;
    let status = cluster.core(1).status();
    assert!(status.replayed_entries >= 20 && status.replayed_entries < status.applied_size, "{status:?}");
    judges_as_before(&cluster, 1, 60).await;
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_saved_state_that_is_damaged_or_of_another_ledger_is_not_used() {
    let folder = tempfile::tempdir().unwrap();
    let mut cluster = voted(folder.path(), u64::MAX).await;
    let mut voter = 50;
    for (name, at) in [("head", 0.0), ("head", 0.5), ("head", 1.0), ("journal", 0.5)] {
        cluster.stop_node(1).await;
        let path = state_of(&cluster, 1).join(name);
        let mut bytes = std::fs::read(&path).unwrap();
        let place = ((bytes.len() - 1) as f64 * at) as usize;
        bytes[place] ^= 0x40;
        std::fs::write(&path, &bytes).unwrap();
        restarted_from_entries(&mut cluster, &mut voter).await;
    }
    // Cut short, and gone.
    for name in ["journal", "head"] {
        cluster.stop_node(1).await;
        let path = state_of(&cluster, 1).join(name);
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
        restarted_from_entries(&mut cluster, &mut voter).await;
        cluster.stop_node(1).await;
        std::fs::remove_file(path).unwrap();
        restarted_from_entries(&mut cluster, &mut voter).await;
    }
    // Ahead of the ledger: of a node that went on.
    cluster.stop_node(1).await;
    vote(&cluster, 10..19).await;
    let other = cluster.follower();
    cluster.stop_node(other).await;
    for name in ["head", "journal"] {
        std::fs::copy(state_of(&cluster, other).join(name), state_of(&cluster, 1).join(name)).unwrap();
    }
    cluster.start_node(other).await;
    restarted_from_entries(&mut cluster, &mut voter).await;
    cluster.stop().await;
}

async fn restarted_from_entries(cluster: &mut Cluster, voter: &mut u32) {
    cluster.start_node(1).await;
    cluster.wait_ready().await;
    // The ten voters of the beginning are not even all that was there.
    assert!(cluster.core(1).status().replayed_entries > 15);
    judges_as_before(cluster, 1, *voter).await;
    *voter += 1;
}
