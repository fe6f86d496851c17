//! Snapshots of metadata: purging, catching up beyond what was purged, and every way in which that can be interrupted.

use std::time::Duration;

use tamga_consensus::{CompactError, Config, LogPosition, NodeId, Role};

use crate::harness::{Cluster, Meets, Node, PATIENCE, config};

/// A cluster of three whose member at the returned place is down and lacks what the others have purged.
async fn one_left_behind() -> (Cluster, usize) {
    let mut cluster = Cluster::start(3).await;
    cluster.propose("seen by all").await;
    let behind = (cluster.leader().await + 1) % 3;
    let last = cluster.propose("seen by all, too").await;
    cluster.converge(last.position).await;
    cluster.0[behind].stop().await;
    for i in 0..40 {
        cluster.propose(&i.to_string()).await;
    }
    compact_all(&cluster).await;
    let leader = cluster.leader().await;
    let source = cluster.0[leader].kept.clone();
    cluster.0[behind].kept.copies_from(vec![source]);
    (cluster, behind)
}

async fn compact_all(cluster: &Cluster) -> Option<LogPosition> {
    let mut compacted = None;
    for node in cluster.0.iter().filter(|node| node.runs()) {
        compacted = compacted.max(Some(node.compact().await));
    }
    compacted
}

/// Waits until `node` has begun `count` installations.
async fn installations(node: &Node, count: usize) {
    let mut begun = node.kept.watch_installations();
    tokio::time::timeout(PATIENCE, begun.wait_for(|begun| *begun >= count)).await.expect("an installation").unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_cut_off_beyond_the_purge_point_catches_up_by_installing() {
    let (mut cluster, behind) = one_left_behind().await;
    cluster.0[behind].start().await;
    let last = cluster.propose("afterwards").await;
    assert_eq!(cluster.converge(last.position).await.len(), 43);
    assert_eq!(*cluster.0[behind].kept.watch_installations().borrow(), 1);
    // What it got that way it keeps, and so do its members.
    cluster.0[behind].stop().await;
    cluster.0[behind].start().await;
    let last = cluster.propose("after a restart").await;
    assert_eq!(cluster.converge(last.position).await.len(), 44);
    assert_eq!(*cluster.0[behind].kept.watch_installations().borrow(), 1);
    cluster.0[behind].wait("the members", |status| status.members.len() == 3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_installation_keeps_neither_leadership_nor_votes_from_going_on() {
    let (mut cluster, behind) = one_left_behind().await;
    let leader = cluster.leader().await;
    let other = (0..3).find(|place| *place != leader && *place != behind).unwrap();
    cluster.0[behind].kept.meets(Meets::Delay);
    cluster.0[behind].start().await;
    installations(&cluster.0[behind], 1).await;
    let term = cluster.0[leader].consensus().status().term;
    // Several election timeouts long: had it fallen silent, its vote would be missing below; had the leader lost
    // anything by it, the term would have changed.
    for i in 0..30 {
        cluster.propose(&format!("meanwhile {i}")).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let status = cluster.0[behind].consensus().status();
    assert!(status.installing.is_some());
    assert_eq!((status.leader, status.term), (Some(cluster.0[leader].member.clone()), term));
    // With the leader gone, the third can only be elected by the one that installs.
    cluster.0[leader].kill().await;
    cluster.0[other].wait("leadership", |status| status.role == Role::Leader).await;
    assert!(cluster.0[behind].consensus().status().installing.is_some());
    cluster.0[behind].kept.meets(Meets::Nothing);
    let last = cluster.propose("afterwards").await;
    assert_eq!(cluster.converge(last.position).await.len(), 73);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_installation_that_is_interrupted_leaves_everything_as_it_was_and_is_tried_again() {
    let (mut cluster, behind) = one_left_behind().await;
    let before = cluster.0[behind].kept.applied();
    cluster.0[behind].kept.meets(Meets::Interruption);
    cluster.0[behind].start().await;
    installations(&cluster.0[behind], 3).await;
    assert_eq!(cluster.0[behind].kept.applied(), before);
    // A crash in the middle of one.
    cluster.0[behind].kept.meets(Meets::Delay);
    cluster.0[behind].wait("an installation", |status| status.installing.is_some()).await;
    cluster.0[behind].kill().await;
    assert_eq!(cluster.0[behind].kept.applied(), before);
    cluster.0[behind].start().await;
    cluster.0[behind].wait("an installation", |status| status.installing.is_some()).await;
    // A stop in the middle of one does not wait for its end.
    cluster.0[behind].stop().await;
    assert_eq!(cluster.0[behind].kept.applied(), before);
    cluster.0[behind].kept.meets(Meets::Nothing);
    cluster.0[behind].start().await;
    let last = cluster.propose("afterwards").await;
    assert_eq!(cluster.converge(last.position).await.len(), 43);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_after_the_application_arrived_and_before_the_log_knows_is_sorted_out_at_the_next_start() {
    let (mut cluster, behind) = one_left_behind().await;
    let before = cluster.0[behind].kept.applied();
    cluster.0[behind].kept.meets(Meets::Silence);
    cluster.0[behind].start().await;
    let arrived = async {
        while cluster.0[behind].kept.applied() == before {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, arrived).await.unwrap();
    cluster.0[behind].kill().await;
    cluster.0[behind].kept.meets(Meets::Nothing);
    cluster.0[behind].start().await;
    cluster.0[behind].wait("the members", |status| status.members.len() == 3).await;
    let last = cluster.propose("afterwards").await;
    assert_eq!(cluster.converge(last.position).await.len(), 43);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_that_compacted_and_restarted_still_takes_in_a_new_member() {
    let mut cluster = Cluster::start(3).await;
    for i in 0..30 {
        cluster.propose(&i.to_string()).await;
    }
    compact_all(&cluster).await;
    for node in &mut cluster.0 {
        node.stop().await;
    }
    for node in &mut cluster.0 {
        node.start().await;
    }
    let leader = cluster.leader().await;
    let status = cluster.0[leader].consensus().status();
    assert!(status.purged.is_some() && status.snapshot.is_some(), "{status:?}");
    let mut learner = Node::new(4).await;
    learner.kept.copies_from(vec![cluster.0[leader].kept.clone()]);
    learner.start().await;
    cluster.0[leader].consensus().add_learner(learner.member.clone()).await.unwrap();
    installations(&learner, 1).await;
    cluster.0.push(learner);
    let last = cluster.propose("last").await;
    assert_eq!(cluster.converge(last.position).await.len(), 31);
    // The members came with the snapshot and the entries behind it.
    cluster.0[3].wait("the members", |status| status.members.len() == 4).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_follower_that_is_only_a_little_behind_gets_entries_and_no_snapshot() {
    let mut cluster = Cluster::start(3).await;
    let behind = (cluster.leader().await + 1) % 3;
    for i in 0..20 {
        let last = cluster.propose(&i.to_string()).await;
        cluster.converge(last.position).await;
    }
    cluster.0[behind].stop().await;
    cluster.propose("missed").await;
    compact_all(&cluster).await;
    cluster.0[behind].start().await;
    let last = cluster.propose("afterwards").await;
    assert_eq!(cluster.converge(last.position).await.len(), 22);
    assert_eq!(*cluster.0[behind].kept.watch_installations().borrow(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_purged_without_a_snapshot_or_beyond_what_the_caller_allows() {
    let cluster = Cluster::start(1).await;
    for i in 0..20 {
        cluster.propose(&i.to_string()).await;
    }
    let consensus = cluster.0[0].consensus();
    assert_eq!(consensus.compact(u64::MAX).await, Err(CompactError::NothingToSnapshot));
    let published = cluster.0[0].kept.publish().unwrap();
    let first = consensus.compact(10).await.unwrap();
    assert_eq!((first.snapshot, first.purging), (published, Some(6)));
    cluster.0[0].wait("a purged log", |status| status.purged == Some(6)).await;
    let again = consensus.compact(10).await.unwrap();
    assert_eq!((again.snapshot, again.purging), (published, None), "the same again changes nothing");
    let beyond = consensus.compact(u64::MAX).await.unwrap();
    assert_eq!(beyond.purging, Some(published.index - 4));
    assert_eq!(consensus.status().id, NodeId(1));
    cluster.propose("and on").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_long_entries_no_more_bytes_are_kept_than_may_be() {
    const PAYLOAD: usize = 4_000;
    let mut node = Node::new(1).await;
    let bounded = config(NodeId(1), node.folder());
    node.start_with(Config { log_entries_kept: 1_000, log_bytes_kept: 3 * PAYLOAD as u64, ..bounded.clone() }).await;
    node.consensus().initialize(vec![node.member.clone()]).await.unwrap();
    let mut cluster = Cluster(vec![node]);
    for _ in 0..20 {
        cluster.propose(&"x".repeat(PAYLOAD)).await;
    }
    let published = cluster.0[0].kept.publish().unwrap();
    let compacted = cluster.0[0].consensus().compact(u64::MAX).await.unwrap();
    // With its header the third is too long.
    assert_eq!(compacted.purging, Some(published.index - 2));
    cluster.0[0].wait("a purged log", |status| status.purged == compacted.purging).await;

    // Short entries are still bounded by their number, and what is on disk only is counted like the rest.
    cluster.0[0].stop().await;
    let entries = Config { log_entries_kept: 1, cache_bytes: 0, log_bytes_kept: 3 * PAYLOAD as u64, ..bounded };
    cluster.0[0].start_with(entries).await;
    cluster.propose("short").await;
    let published = cluster.0[0].kept.publish().unwrap();
    let compacted = cluster.0[0].consensus().compact(u64::MAX).await.unwrap();
    assert_eq!(compacted.purging, Some(published.index - 1));
}
