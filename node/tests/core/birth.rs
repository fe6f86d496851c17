//! Stories of births: a cluster begins in any order, and a node whose disk was wiped never takes part under its old id.

use std::sync::Arc;

use tamga_ledger::ids::Digest;
use tamga_ledger::kinds::{Governance, NodeKeys, NodeRole, RemovalReason};
use tamga_ledger::record::Scope;
use tamga_ledger::sign::public_key;
use tamga_node::core::{Birth, Core, CoreError};
use tamga_node::testing::{TestElection, record_key, secrets};

use crate::cluster::{Cluster, eventually, now_ms};

const STATIONS: u32 = 1;
const VOTERS: u32 = 100;
/// A number that no node has.
const OTHER: Birth = Birth::new([9; 16]);

fn election(nodes: u32) -> TestElection {
    TestElection::new(nodes, STATIONS, VOTERS, now_ms())
}

/// It has not voted, acknowledged or heard of anything.
fn is_untouched(core: &Core) -> bool {
    let consensus = core.consensus().unwrap();
    consensus.is_apart() && consensus.log_ballot().is_none() && consensus.log_range().is_empty()
}

async fn stops_because_it_lived_before(core: &Core) {
    eventually("the node refuses to live again", || core.status().fatal.is_some()).await;
    assert!(core.lived_before());
    assert!(is_untouched(core));
    let why = core.status().fatal.unwrap();
    assert!(why.contains("has lived before") && why.contains("OPERATIONS"), "{why}");
}

/// Identifies voters of station 1 through `node`.
async fn vote(cluster: &Cluster, node: u32, voters: std::ops::Range<u32>) {
    for voter in voters {
        let judged = cluster.submit(node, cluster.election.identification(1, 1, voter, now_ms())).await.judged;
        assert!(judged.is_some_and(|judged| judged.verdict.is_accepted()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_begins_whatever_the_order_and_waits_for_whoever_is_needed() {
    for order in [[1, 2, 3], [1, 3, 2], [2, 1, 3], [2, 3, 1], [3, 1, 2], [3, 2, 1]] {
        let folder = tempfile::tempdir().unwrap();
        let mut cluster = Cluster::new(folder.path(), election(3));
        let [first, second, third] = order;
        cluster.start_node(first).await;
        cluster.start_node(second).await;
        for node in [first, second] {
            let waits = || cluster.core(node).status().unborn.is_some_and(|waits| waits.contains("yes from 1 of 2"));
            eventually("it says what it waits for", waits).await;
            assert!(is_untouched(cluster.core(node)) && !cluster.core(node).status().is_ready());
        }
        cluster.start_node(third).await;
        cluster.wait_ready().await;
        assert!(cluster.running.values().all(|running| running.core.status().unborn.is_none()));
        cluster.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_was_born_starts_alone_and_asks_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let mut cluster = Cluster::start(folder.path(), election(3)).await;
    cluster.stop().await;
    cluster.start_node(2).await;
    let status = cluster.core(2).status();
    assert_eq!(status.unborn, None);
    assert!(!cluster.core(2).consensus().unwrap().is_apart());
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wiped_follower_and_a_wiped_leader_never_take_part_again_and_the_others_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut cluster = Cluster::start(folder.path(), election(5)).await;
    cluster.open_polls(STATIONS).await;
    vote(&cluster, cluster.leader().unwrap(), 0..3).await;
    for (wiped, voters) in [(cluster.follower(), 3..6), (cluster.leader().unwrap(), 6..9)] {
        cluster.stop_node(wiped).await;
        cluster.wipe(wiped);
        cluster.start_node(wiped).await;
        stops_because_it_lived_before(cluster.core(wiped)).await;
        // Again, by the same new number.
        cluster.stop_node(wiped).await;
        cluster.start_node(wiped).await;
        stops_because_it_lived_before(cluster.core(wiped)).await;
        cluster.stop_node(wiped).await;
        eventually("somebody leads", || cluster.leader().is_some_and(|leader| leader != wiped)).await;
        vote(&cluster, cluster.leader().unwrap(), voters).await;
    }
    cluster.stop().await;
}

/// Two of three have what was acknowledged. One of them is wiped, the other one is away, and the third has missed it all: the
/// wiped one and the third must not agree on another history.
#[tokio::test(flavor = "multi_thread")]
async fn a_wiped_node_is_not_born_by_the_word_of_one_that_was_away() {
    let folder = tempfile::tempdir().unwrap();
    let mut cluster = Cluster::start(folder.path(), election(3)).await;
    cluster.open_polls(STATIONS).await;
    let away = cluster.follower();
    cluster.stop_node(away).await;
    eventually("somebody leads", || cluster.leader().is_some()).await;
    let leader = cluster.leader().unwrap();
    vote(&cluster, leader, 0..3).await;
    let wiped = (1..=3).find(|node| ![away, leader].contains(node)).unwrap();
    cluster.stop().await;
    cluster.wipe(wiped);
    cluster.start_node(away).await;
    cluster.start_node(wiped).await;
    stops_because_it_lived_before(cluster.core(wiped)).await;
    cluster.stop_node(wiped).await;
    cluster.start_node(leader).await;
    cluster.wait_ready().await;
    vote(&cluster, leader, 3..5).await;
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_born_node_without_its_log_does_not_start_and_one_of_an_older_version_does() {
    let folder = tempfile::tempdir().unwrap();
    let mut cluster = Cluster::start(folder.path(), election(3)).await;
    cluster.open_polls(STATIONS).await;
    cluster.stop_node(2).await;
    let (raft, kept) = (cluster.node_folder(2).join("raft"), folder.path().join("kept"));
    std::fs::rename(&raft, &kept).unwrap();
    for _again in 0..2 {
        let refused = cluster.try_start(2).await.unwrap_err();
        assert!(matches!(refused, CoreError::LivedBefore { node: 2, .. }), "{refused}");
    }
    std::fs::remove_dir_all(&raft).unwrap();
    std::fs::rename(&kept, &raft).unwrap();

    // As a version before births left it.
    std::fs::remove_file(cluster.node_folder(2).join("birth")).unwrap();
    cluster.start_node(2).await;
    assert!(!cluster.core(2).consensus().unwrap().log_was_new());
    cluster.wait_ready().await;
    vote(&cluster, 2, 0..2).await;
    assert!(!cluster.core(2).lived_before());
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_process_with_a_nodes_id_and_keys_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut cluster = Cluster::start(folder.path(), election(3)).await;
    cluster.open_polls(STATIONS).await;
    let second = cluster.try_start_in(3, folder.path().join("second")).await.unwrap();
    stops_because_it_lived_before(&second).await;
    second.shutdown().await;
    vote(&cluster, 3, 0..2).await;
    assert_eq!(cluster.core(3).status().fatal, None);
    cluster.stop().await;
}

/// The keys of a node that joins, of the organisation of node 1.
fn keys(node: u32) -> NodeKeys {
    let own = secrets(node);
    NodeKeys {
        id: node,
        cosigner_name: format!("node{node}.example/cosigner"),
        cosigner_key: public_key(&own.cosigner),
        log_key: public_key(&own.log),
        promise_key: public_key(&own.promise),
        batch_key: public_key(&own.batch),
        tls_spki_sha256: Digest([node as u8; 32]),
    }
}

async fn decide(cluster: &Cluster, decision: &Governance) {
    let organisations: Vec<_> = (1..=3).map(record_key).collect();
    let record = cluster.election.record(Scope::Election, &organisations.iter().collect::<Vec<_>>(), decision);
    let judged = cluster.submit(1, record).await.judged.expect("a verdict");
    assert!(judged.verdict.is_accepted(), "{}", judged.verdict);
}

/// What node `told_by` says that node `id` is among Raft's members.
fn member(cluster: &Cluster, told_by: u32, id: u32) -> Option<&'static str> {
    cluster.core(told_by).status().nodes.iter().find(|node| node.id == id).map(|node| node.member)
}

/// The organisations put node `new` in the place of node `old`.
async fn replace(cluster: &mut Cluster, old: u32, new: u32) {
    cluster.make_room(new);
    let add = Governance::NodeAdd { organisation: "org1".to_owned(), role: NodeRole::Voter as u8, keys: keys(new) };
    decide(cluster, &add).await;
    cluster.start_node(new).await;
    let voter = |cluster: &Cluster| member(cluster, 1, new) == Some("voter");
    eventually("the new node votes", || voter(cluster) && cluster.core(new).status().is_ready()).await;
    if cluster.running.contains_key(&old) {
        cluster.stop_node(old).await;
    }
    eventually("somebody leads", || cluster.leader().is_some()).await;
    decide(cluster, &Governance::NodeRemove { node: old, reason: RemovalReason::Replaced as u8 }).await;
    eventually("the old node is gone", || member(cluster, 1, old).is_none()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn births_outlive_those_who_witnessed_them() {
    let folder = tempfile::tempdir().unwrap();
    let mut cluster = Cluster::start(folder.path(), election(3)).await;
    cluster.open_polls(STATIONS).await;
    // The first one is replaced because its disk was lost.
    cluster.stop_node(2).await;
    cluster.wipe(2);
    eventually("somebody leads", || cluster.leader().is_some()).await;
    replace(&mut cluster, 2, 4).await;
    replace(&mut cluster, 3, 5).await;
    vote(&cluster, 1, 0..3).await;

    let first = cluster.core(1).witness(1, OTHER).await.unwrap().known;
    for node in [4, 5] {
        let core = Arc::clone(cluster.core(node));
        for lived in [1, 2, 3, 4, 5] {
            let known = core.witness(lived, OTHER).await.unwrap().known;
            assert_ne!(known, OTHER.to_bytes().as_slice(), "node {node} has not heard of the birth of node {lived}");
        }
        assert_eq!(core.witness(1, OTHER).await.unwrap().known, first);
    }
    // One of the new ones meets those who know it, although none of them was there when the cluster began but one.
    cluster.stop_node(5).await;
    cluster.wipe(5);
    cluster.start_node(5).await;
    stops_because_it_lived_before(cluster.core(5)).await;
    cluster.stop().await;
}
