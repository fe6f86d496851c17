//! Disks fill up: what could not be stored is not taken, reading goes on, and everything begins again by itself.

use tamga_ledger::tree::LeafIndex;
use tamga_node::core::Answer;
use tamga_node::testing::TestElection;

use super::cluster::{Cluster, eventually, id_of, now_ms};

const MIB: u64 = 1 << 20;

/// What a node says that takes nothing.
async fn refused(cluster: &Cluster, node: u32, voter: u32) -> &'static str {
    let record = cluster.election.identification(1, 1, voter, now_ms());
    match cluster.core(node).submit(record, None).await {
        Answer::Unavailable { code, .. } => code,
        other => panic!("{other:?}"),
    }
}

async fn admitted(cluster: &Cluster, node: u32, voter: u32) -> LeafIndex {
    let record = cluster.election.identification(1, 1, voter, now_ms());
    let judged = cluster.submit(node, record).await.judged.expect("a verdict");
    assert!(judged.verdict.is_accepted(), "{}", judged.verdict);
    judged.leaf
}

fn status(cluster: &Cluster, node: u32) -> tamga_node::core::NodeStatus {
    cluster.core(node).status()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_refused_in_time_and_forgotten_when_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let mut cluster = Cluster::start(folder.path(), TestElection::new(3, 1, 20, now_ms())).await;
    cluster.open_polls(1).await;
    let before = admitted(&cluster, 1, 0).await;

    // A follower without room: it takes nothing, the others go on, it still reads.
    let follower = cluster.follower();
    let others: Vec<u32> = (1..=3).filter(|node| *node != follower).collect();
    cluster.disks[&follower].has(100 * MIB);
    eventually("the follower sees it", || status(&cluster, follower).disk_full).await;
    assert!(!status(&cluster, follower).is_ready() && status(&cluster, follower).fatal.is_none());
    assert_eq!(refused(&cluster, follower, 1).await, "disk-full");
    let meanwhile = admitted(&cluster, others[0], 2).await;
    assert!(cluster.core(follower).store().entry(before).is_ok());
    assert!(status(&cluster, follower).applied_size <= meanwhile.get(), "it has taken entries without room for them");

    // Room again: it catches up and takes records, without a restart.
    cluster.disks[&follower].has(u64::MAX);
    eventually("the follower takes part again", || {
        status(&cluster, follower).is_ready() && status(&cluster, follower).applied_size > meanwhile.get()
    })
    .await;
    admitted(&cluster, follower, 1).await;

    // A leader without room hands over, and records are sequenced by another.
    let leader = cluster.leader().unwrap();
    cluster.disks[&leader].has(200 * MIB);
    eventually("another leads", || cluster.leader().is_some_and(|now| now != leader)).await;
    let other = cluster.leader().unwrap();
    admitted(&cluster, other, 3).await;
    assert_eq!(refused(&cluster, leader, 4).await, "disk-full");

    // Nobody has room: nothing is promised that could not be kept.
    for node in 1..=3 {
        cluster.disks[&node].has(200 * MIB);
    }
    for node in 1..=3 {
        eventually("every node sees it", || status(&cluster, node).disk_low).await;
        assert_eq!(refused(&cluster, node, 4).await, "disk-full");
    }
    for node in 1..=3 {
        assert_eq!(status(&cluster, node).outbox_records, 0);
        cluster.disks[&node].has(u64::MAX);
    }
    cluster.wait_ready().await;
    let record = cluster.election.identification(1, 1, 4, now_ms());
    let promise = cluster.submit(2, record.clone()).await;
    eventually("everybody has it", || (1..=3).all(|node| cluster.core(node).lookup(&id_of(&record)).is_some())).await;
    assert!(promise.judged.is_none_or(|judged| judged.verdict.is_accepted()));
    cluster.stop().await;
}
