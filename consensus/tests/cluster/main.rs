//! Clusters in one process over real loopback TCP and real disks. Nothing here depends on how fast things happen: tests
//! wait for conditions, with generous bounds.

#![allow(
    clippy::unwrap_used,
    reason = "a test stops at the first surprise; clippy.toml covers only functions marked as tests"
)]

mod compaction;
mod full;
mod harness;
mod members;

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use harness::{Cluster, Kept, Node, PATIENCE, config, seams};
use tamga_consensus::{
    Config, Consensus, LogPosition, Member, NodeId, Observer, PAYLOAD_BYTES_MAX, ProposeError, ReadError, Role, Seams,
};
use tamga_platform::disk::MemDisk;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_when_the_leader_is_killed_and_it_catches_up_later() {
    let mut cluster = Cluster::start(3).await;
    let mut acknowledged = Vec::new();
    for i in 0..50 {
        cluster.propose(&format!("before {i}")).await;
        acknowledged.push(Bytes::from(format!("before {i}")));
    }
    let killed = cluster.leader().await;
    cluster.0[killed].kill().await;
    let mut last = None;
    for i in 0..50 {
        last = Some(cluster.propose(&format!("after {i}")).await.position);
        acknowledged.push(Bytes::from(format!("after {i}")));
    }
    cluster.0[killed].start().await;
    assert_eq!(cluster.converge(last.unwrap()).await, acknowledged);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_that_is_killed_whole_comes_back_with_everything() {
    let mut cluster = Cluster::start(3).await;
    let mut acknowledged = Vec::new();
    for i in 0..20 {
        cluster.propose(&i.to_string()).await;
        acknowledged.push(Bytes::from(i.to_string()));
    }
    for node in &mut cluster.0 {
        node.kill().await;
    }
    // One application lost its state: it gets every entry again.
    cluster.0[1].kept.forget();
    for node in &mut cluster.0 {
        node.start().await;
    }
    let members = cluster.members();
    cluster.0[0].consensus().initialize(members).await.unwrap();
    let last = cluster.propose("again").await;
    acknowledged.push(Bytes::from_static(b"again"));
    assert_eq!(cluster.converge(last.position).await, acknowledged);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_was_down_for_many_large_entries_catches_up_in_bounded_messages() {
    let mut cluster = Cluster::start(3).await;
    let down = (cluster.leader().await + 1) % 3;
    cluster.0[down].stop().await;
    let large = "x".repeat(PAYLOAD_BYTES_MAX);
    let mut last = None;
    for _ in 0..24 {
        last = Some(cluster.propose(&large).await.position);
    }
    cluster.0[down].start().await;
    assert_eq!(cluster.converge(last.unwrap()).await.len(), 24);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_barrier_on_any_replica_covers_what_was_acknowledged_before() {
    let mut cluster = Cluster::start(3).await;
    for i in 0..10 {
        let accepted = cluster.propose(&i.to_string()).await;
        for node in &cluster.0 {
            let read = node.read().await;
            assert!(read >= accepted.position);
            assert_eq!(node.kept.payloads().len(), i + 1, "read at {}", node.member);
        }
    }
    // Without a quorum there is no linearizable read.
    let leader = cluster.leader().await;
    for place in (0..3).filter(|place| *place != leader) {
        cluster.0[place].kill().await;
    }
    let error = cluster.0[leader].consensus().read_barrier().await.unwrap_err();
    assert!(matches!(error, ReadError::Unavailable(_) | ReadError::NotLeader { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_follower_names_the_leader_and_large_payloads_are_refused() {
    let cluster = Cluster::start(3).await;
    let leader = cluster.leader().await;
    let follower = &cluster.0[(leader + 1) % 3];
    let error = follower.consensus().propose(Bytes::from_static(b"x")).await.unwrap_err();
    assert_eq!(error, ProposeError::NotLeader { leader: Some(cluster.0[leader].member.clone()) });
    let large = Bytes::from(vec![0; PAYLOAD_BYTES_MAX + 1]);
    let error = cluster.0[leader].consensus().propose(large).await.unwrap_err();
    assert_eq!(error, ProposeError::TooLarge { bytes: PAYLOAD_BYTES_MAX + 1, max: PAYLOAD_BYTES_MAX });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leadership_is_handed_over_on_request() {
    let cluster = Cluster::start(3).await;
    cluster.propose("one").await;
    let leader = cluster.leader().await;
    let successor = &cluster.0[(leader + 1) % 3];
    cluster.0[leader].consensus().transfer_leadership(successor.member.id).await.unwrap();
    successor.wait("leadership", |status| status.role == Role::Leader).await;
    let last = cluster.propose("two").await;
    assert_eq!(cluster.converge(last.position).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_application_that_fails_stops_its_replica() {
    let mut node = Node::new(1).await;
    node.start().await;
    node.consensus().initialize(vec![node.member.clone()]).await.unwrap();
    node.wait("leadership", |status| status.role == Role::Leader).await;
    let accepted = node.consensus().propose(Bytes::from_static(b"good")).await.unwrap();
    assert_eq!(accepted.response, "#0");
    let error = node.consensus().propose(Bytes::from_static(b"poison")).await.unwrap_err();
    assert!(matches!(error, ProposeError::Fatal(_) | ProposeError::Unknown(_)), "{error}");
    let mut fatal = node.consensus().watch_fatal();
    let fatal = tokio::time::timeout(PATIENCE, fatal.wait_for(Option::is_some)).await.unwrap().unwrap().clone();
    assert!(fatal.unwrap().what().contains("poisoned"));
    assert!(matches!(node.consensus().propose(Bytes::new()).await, Err(ProposeError::Fatal(_))));
    node.wait("the end", |status| status.role == Role::Stopped).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_fails_stops_its_replica_and_nothing_is_acknowledged_afterwards() {
    let (disk, kept) = (MemDisk::default(), Kept::default());
    let consensus = alone(&disk, &kept).await;
    consensus.propose(Bytes::from_static(b"durable")).await.unwrap();
    disk.break_down();
    let error = consensus.propose(Bytes::from_static(b"lost")).await.unwrap_err();
    assert!(matches!(error, ProposeError::Fatal(_) | ProposeError::Unknown(_)), "{error}");
    let mut fatal = consensus.watch_fatal();
    let fatal = tokio::time::timeout(PATIENCE, fatal.wait_for(Option::is_some)).await.unwrap().unwrap().clone();
    assert!(fatal.unwrap().what().contains("simulated disk failure"));
    let mut status = consensus.watch_status();
    tokio::time::timeout(PATIENCE, status.wait_for(|status| status.role == Role::Stopped)).await.unwrap().unwrap();
    assert!(matches!(consensus.propose(Bytes::new()).await, Err(ProposeError::Fatal(_))));
    assert!(matches!(consensus.read_barrier().await, Err(ReadError::Fatal(_))));
    assert_eq!(kept.payloads(), ["durable"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn power_loss_keeps_what_was_acknowledged() {
    let (disk, kept) = (MemDisk::default(), Kept::default());
    let consensus = alone(&disk, &kept).await;
    for i in 0..50 {
        consensus.propose(Bytes::from(i.to_string())).await.unwrap();
    }
    disk.power_loss();
    // The old process is dead from here on; the application lost its state with the power.
    consensus.shutdown().await;
    disk.power_loss();
    kept.forget();
    let consensus = alone(&disk, &kept).await;
    consensus.read_barrier().await.unwrap();
    assert_eq!(kept.payloads(), (0..50).map(|i| Bytes::from(i.to_string())).collect::<Vec<_>>());
}

/// A cluster of one on a disk in memory, leading.
async fn alone(disk: &MemDisk, kept: &Kept) -> Consensus {
    let seams = Seams { disk: Arc::new(disk.clone()), ..seams() };
    let config = config(NodeId(1), "/node".as_ref());
    let config = Config { segment_bytes: 16_384, ..config };
    let consensus = Consensus::start(config, seams, kept.application()).await.unwrap();
    let members = vec![Member { id: NodeId(1), address: "nowhere".to_owned() }];
    consensus.initialize(members).await.unwrap();
    let mut status = consensus.watch_status();
    let leads = status.wait_for(|status| status.role == Role::Leader && status.applied.is_some());
    tokio::time::timeout(PATIENCE, leads).await.unwrap().unwrap();
    consensus
}

#[derive(Default)]
struct Seen(Mutex<Vec<(LogPosition, Bytes)>>);

impl Observer for Seen {
    fn appended(&self, position: LogPosition, payload: &Bytes) {
        self.0.lock().unwrap().push((position, payload.clone()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_observer_sees_payloads_on_leader_and_followers() {
    let (mut nodes, mut observers) = (Vec::new(), Vec::new());
    for id in 1..=3 {
        let mut node = Node::new(id).await;
        let seen = Arc::new(Seen::default());
        let folder = tempfile::tempdir().unwrap();
        let observed = Config { observer: Some(seen.clone()), ..config(node.member.id, folder.path()) };
        node.start_with(observed).await;
        nodes.push(node);
        observers.push((seen, folder));
    }
    let cluster = Cluster(nodes);
    let members = cluster.members();
    cluster.0[0].consensus().initialize(members).await.unwrap();
    let accepted = cluster.propose("look").await;
    cluster.converge(accepted.position).await;
    for (seen, _) in &observers {
        assert_eq!(*seen.0.lock().unwrap(), [(accepted.position, Bytes::from_static(b"look"))]);
    }
}
