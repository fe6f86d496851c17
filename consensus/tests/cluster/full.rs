//! Disks that fill up: refused cleanly, still readable, over by itself when there is room again.

use std::sync::Arc;

use bytes::Bytes;
use tamga_consensus::{Config, ProposeError, Role, Seams};
use tamga_platform::tight_disk::TightDisk;

use crate::harness::{Cluster, Node, PATIENCE, config, seams};

const RESERVE: u64 = 1 << 20;

/// How `node` runs on `disk`.
fn on(disk: &TightDisk, node: &Node) -> (Config, Seams) {
    let config = config(node.member.id, node.folder());
    let config = Config { disk_reserve_bytes: RESERVE, propose_timeout_ms: 3_000, ..config };
    (config, Seams { disk: Arc::new(disk.clone()), ..seams() })
}

/// Three replicas with a disk each.
async fn cluster() -> (Cluster, Vec<TightDisk>) {
    let (mut nodes, mut disks) = (Vec::new(), Vec::new());
    for id in 1..=3 {
        let mut node = Node::new(id).await;
        let disk = TightDisk::default();
        let (config, seams) = on(&disk, &node);
        node.start_on(config, seams).await;
        nodes.push(node);
        disks.push(disk);
    }
    let cluster = Cluster(nodes);
    let members = cluster.members();
    for node in &cluster.0 {
        node.consensus().initialize(members.clone()).await.unwrap();
    }
    cluster.leader().await;
    (cluster, disks)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_whose_disk_fills_up_hands_on_and_follows_without_entries_until_there_is_room() {
    let (cluster, disks) = cluster().await;
    let full = cluster.leader().await;
    cluster.propose("before").await;
    disks[full].has(RESERVE / 8);
    cluster.0[full].wait("another leader", |status| status.disk_full && status.role == Role::Follower).await;
    // The others go on without it; it hears the new leader, votes and reads, and gets no entries.
    let held = cluster.0[full].kept.payloads().len();
    for i in 0..20 {
        cluster.propose(&format!("without it {i}")).await;
    }
    let leader = cluster.leader().await;
    assert_ne!(leader, full);
    assert_eq!(cluster.0[full].consensus().status().leader, Some(cluster.0[leader].member.clone()));
    assert_eq!(cluster.0[full].kept.payloads().len(), held, "it was sent no entries");
    disks[full].has(u64::MAX);
    cluster.0[full].wait("room", |status| !status.disk_full && !status.disk_low).await;
    let last = cluster.propose("after").await;
    assert_eq!(cluster.converge(last.position).await.len(), 22);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_without_room_anywhere_refuses_cleanly_stays_readable_and_recovers() {
    let (cluster, disks) = cluster().await;
    let accepted = cluster.propose("before").await;
    // Low everywhere, but not full: nobody is better placed to lead, so that the leader stays.
    disks.iter().for_each(|disk| disk.has(RESERVE / 2));
    for node in &cluster.0 {
        node.wait("a low disk", |status| status.disk_low && !status.disk_full).await;
    }
    let leader = cluster.leader().await;
    let refused = cluster.0[leader].consensus().propose(Bytes::from_static(b"refused")).await;
    assert!(matches!(refused, Err(ProposeError::Unavailable(_))), "{refused:?}");
    for node in &cluster.0 {
        assert!(node.read().await >= accepted.position);
        assert_eq!(node.kept.payloads(), ["before"]);
    }
    // The caller's own store counts like the log's disk.
    disks.iter().for_each(|disk| disk.has(u64::MAX));
    cluster.0[leader].wait("room", |status| !status.disk_low).await;
    cluster.0[leader].consensus().hold_entries(true);
    cluster.0[leader].wait("being held", |status| status.disk_full).await;
    cluster.0[leader].wait("another leader", |status| status.role == Role::Follower).await;
    cluster.0[leader].consensus().hold_entries(false);
    let last = cluster.propose("after").await;
    assert_eq!(cluster.converge(last.position).await, ["before", "after"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn votes_are_still_given_on_a_full_disk() {
    let (mut cluster, disks) = cluster().await;
    let before = cluster.propose("before").await;
    cluster.converge(before.position).await;
    let leader = cluster.leader().await;
    let (voter, next) = ((leader + 1) % 3, (leader + 2) % 3);
    disks[voter].has(0);
    cluster.0[voter].wait("a full disk", |status| status.disk_full).await;
    let term = cluster.0[voter].consensus().status().term;
    cluster.0[leader].kill().await;
    // Only the one with the full disk can have elected it, and it did not stand itself.
    cluster.0[next].wait("leadership", |status| status.role == Role::Leader).await;
    assert!(cluster.0[voter].consensus().status().term > term);
    disks[voter].has(u64::MAX);
    let last = tokio::time::timeout(PATIENCE, cluster.propose("after")).await.unwrap();
    assert_eq!(cluster.converge(last.position).await, ["before", "after"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_replica_that_alone_has_the_latest_entry_leads_so_that_all_can_read() {
    let (mut cluster, disks) = cluster().await;
    let leader = cluster.leader().await;
    let (full, away) = ((leader + 1) % 3, (leader + 2) % 3);
    cluster.0[away].kill().await;
    let accepted = cluster.propose("seen by two").await;
    cluster.converge(accepted.position).await;
    disks[full].has(0);
    cluster.0[full].wait("a full disk", |status| status.disk_full).await;
    cluster.0[leader].kill().await;
    let (config, seams) = on(&disks[away], &cluster.0[away]);
    cluster.0[away].start_on(config, seams).await;
    // The one that returns lacks the entry, and cannot be elected.
    cluster.0[full].wait("leadership", |status| status.role == Role::Leader).await;
    for node in [&cluster.0[full], &cluster.0[away]] {
        assert!(node.read().await >= accepted.position);
        assert_eq!(node.kept.payloads(), ["seen by two"]);
    }
    disks[full].has(u64::MAX);
    cluster.0[full].wait("room", |status| !status.disk_low).await;
    let last = cluster.propose("after").await;
    assert_eq!(cluster.converge(last.position).await, ["seen by two", "after"]);
}
