//! Wires between nodes are cut in every way, and packets are lost, late, doubled and out of order, while a crowd votes. Whoever
//! has a majority goes on; nobody is admitted twice, also not by a leader that does not know yet that it is none; when the
//! wires are whole again, all nodes agree and nothing acknowledged is missing.

#![allow(clippy::unwrap_used, reason = "test code")]

use std::sync::Arc;
use tamga_node::config::CoreTuning;
use tamga_tests::aftermath::nothing_is_lost;
use tamga_tests::faults::crowd::Crowd;
use tamga_tests::faults::ground::FaultyGround;
use tamga_tests::faults::links::{FOUL, Links};
use tamga_tests::faults::needs::{namespaces, skipped};
use tamga_tests::wait::until;
use tamga_tests::{Plan, Rehearsal};

/// Verdicts between one fault and the next.
const SOME: usize = 60;
/// Flaps of the leader's wires.
const FLAPS: usize = 4;

/// Elections sooner than a nation needs: the stories have many.
fn tuning() -> CoreTuning {
    CoreTuning {
        heartbeat_ms: Some(200),
        election_ms_min: Some(900),
        election_ms_max: Some(1_800),
        ..CoreTuning::default()
    }
}

/// Nodes in namespaces, our switch between them, and what befalls their packets.
async fn switched(story: &str, nodes: u32) -> Option<(Rehearsal, Links)> {
    if let Err(why) = namespaces() {
        skipped(story, &why);
        return None;
    }
    let links = Links::clear(nodes);
    let ground = FaultyGround::switched(nodes, &links, 1).unwrap().tuned(tuning());
    let rehearsal = Rehearsal::open_on(Plan { voters: 300, ..Plan::of(nodes) }, Arc::new(ground)).await;
    Some((rehearsal, links))
}

/// The wires are whole: all nodes serve, agree, and the crowd's chronicle holds.
async fn healed(rehearsal: &Rehearsal, links: &Links, crowd: Crowd) {
    links.heal();
    rehearsal.leader(rehearsal.ids()).await;
    crowd.more(SOME).await;
    let chronicle = crowd.disperse().await;
    chronicle.is_linearizable();
    nothing_is_lost(rehearsal, &chronicle.acknowledged).await;
    println!("packets passed, cut, lost, doubled, held back: {:?}", links.befallen().seen());
}

fn others(rehearsal: &Rehearsal, node: u32) -> Vec<u32> {
    rehearsal.ids().filter(|id| *id != node).collect()
}

/// The leader is alone; then it hears nobody; then nobody hears it. Each time the others elect and go on.
async fn the_leader_is_cut_off(rehearsal: &Rehearsal, links: &Links, crowd: Crowd) {
    crowd.more(SOME).await;
    for cut in [Links::isolate, Links::deafen, Links::mute] {
        let leader = rehearsal.leader(rehearsal.ids()).await;
        cut(links, leader);
        crowd.more_elsewhere(&[leader], SOME).await;
        let others = others(rehearsal, leader);
        assert_ne!(rehearsal.leader(others).await, leader);
        links.heal();
        // It comes back as a follower and catches up.
        rehearsal.leader(rehearsal.ids()).await;
        crowd.more(SOME).await;
    }
    assert!(links.befallen().seen()[1] > 0, "nothing was cut");
    healed(rehearsal, links, crowd).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_cut_off_both_ways_and_each_way_loses_nothing_and_admits_nobody_twice() {
    let Some((rehearsal, links)) = switched("partitions between namespaces", 3).await else { return };
    let crowd = Crowd::gather(&rehearsal, 1);
    the_leader_is_cut_off(&rehearsal, &links, crowd).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_through_loopback_proxies_where_no_namespace_may_be_made() {
    let links = Links::clear(3);
    let ground = FaultyGround::proxied(3, &links).await.unwrap().tuned(tuning());
    let rehearsal = Rehearsal::open_on(Plan { voters: 300, ..Plan::of(3) }, Arc::new(ground)).await;
    let crowd = Crowd::gather(&rehearsal, 2);
    the_leader_is_cut_off(&rehearsal, &links, crowd).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_nodes_parted_along_a_ring_and_with_flapping_wires_in_foul_weather() {
    let Some((rehearsal, links)) = switched("foul weather between namespaces", 5).await else { return };
    let crowd = Crowd::gather(&rehearsal, 3);
    links.weather(FOUL);
    crowd.more(SOME).await;

    // Partial: each node reaches its two neighbours only. Someone still reaches a majority, itself included.
    for node in 1..=5 {
        links.part(&[node], &[(node + 1) % 5 + 1]);
    }
    crowd.more(SOME).await;
    links.heal();
    links.weather(FOUL);
    crowd.more(SOME).await;

    // A minority of two, the leader in it.
    let leader = rehearsal.leader(rehearsal.ids()).await;
    let companion = leader % 5 + 1;
    let majority: Vec<u32> = rehearsal.ids().filter(|id| ![leader, companion].contains(id)).collect();
    links.part(&[leader, companion], &majority);
    crowd.more_elsewhere(&[leader, companion], SOME).await;
    assert!(majority.contains(&rehearsal.leader(majority.clone()).await));
    links.heal();
    links.weather(FOUL);

    // The leader's wires flap, whoever leads.
    for _ in 0..FLAPS {
        let leader = until("a leader", async || {
            let status = rehearsal.status(1).await?;
            status["leader"].as_u64().map(|id| id as u32).ok_or("no leader is known".to_owned())
        })
        .await;
        links.isolate(leader);
        crowd.more_elsewhere(&[leader], SOME / 4).await;
        links.heal();
        links.weather(FOUL);
    }
    let [passed, cut, lost, doubled, held_back] = links.befallen().seen();
    assert!([passed, cut, lost, doubled, held_back].iter().all(|count| *count > 0), "the weather was not foul");
    healed(&rehearsal, &links, crowd).await;
}
