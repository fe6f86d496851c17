//! Processes die and stand still, leaders above all, while a crowd votes. A leader that was paused wakes up believing that it
//! leads: what it then says must not contradict what happened meanwhile.

#![allow(clippy::unwrap_used, reason = "test code")]

use std::sync::Arc;
use tamga_node::config::CoreTuning;
use tamga_tests::aftermath::nothing_is_lost;
use tamga_tests::faults::crowd::Crowd;
use tamga_tests::faults::ground::FaultyGround;
use tamga_tests::faults::signals::{pause, resume};
use tamga_tests::{Plan, Rehearsal};

/// Verdicts between one fault and the next.
const SOME: usize = 60;

async fn open(nodes: u32) -> Rehearsal {
    let tuning = CoreTuning {
        heartbeat_ms: Some(200),
        election_ms_min: Some(900),
        election_ms_max: Some(1_800),
        ..CoreTuning::default()
    };
    let ground = FaultyGround::plain().tuned(tuning);
    Rehearsal::open_on(Plan { voters: 300, ..Plan::of(nodes) }, Arc::new(ground)).await
}

async fn over(rehearsal: &Rehearsal, crowd: Crowd) {
    crowd.more(SOME).await;
    let chronicle = crowd.disperse().await;
    chronicle.is_linearizable();
    nothing_is_lost(rehearsal, &chronicle.acknowledged).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_leader_wakes_up_to_a_world_that_went_on_without_it() {
    let rehearsal = open(3).await;
    let crowd = Crowd::gather(&rehearsal, 1);
    crowd.more(SOME).await;
    for _ in 0..2 {
        let leader = rehearsal.leader(rehearsal.ids()).await;
        pause(&rehearsal, leader);
        let others: Vec<u32> = rehearsal.ids().filter(|id| *id != leader).collect();
        assert_ne!(rehearsal.leader(others).await, leader);
        crowd.more_elsewhere(&[leader], SOME).await;
        resume(&rehearsal, leader);
        crowd.more(SOME).await;
        let leader = rehearsal.leader(rehearsal.ids()).await;
        // A follower that stands still is not missed.
        let follower = leader % 3 + 1;
        pause(&rehearsal, follower);
        crowd.more_elsewhere(&[follower], SOME).await;
        resume(&rehearsal, follower);
        rehearsal.leader(rehearsal.ids()).await;
    }
    over(&rehearsal, crowd).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leaders_of_five_nodes_die_one_after_the_other_and_two_at_once() {
    let mut rehearsal = open(5).await;
    let crowd = Crowd::gather(&rehearsal, 2);
    crowd.more(SOME).await;
    for _ in 0..3 {
        let leader = rehearsal.leader(rehearsal.ids()).await;
        rehearsal.node_mut(leader).kill().await;
        crowd.more_elsewhere(&[leader], SOME).await;
        rehearsal.restart(leader).await;
    }
    let leader = rehearsal.leader(rehearsal.ids()).await;
    let gone = [leader, leader % 5 + 1];
    for id in gone {
        rehearsal.node_mut(id).kill().await;
    }
    crowd.more_elsewhere(&gone, SOME).await;
    for id in gone {
        rehearsal.restart(id).await;
    }
    over(&rehearsal, crowd).await;
}
