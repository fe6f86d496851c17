//! One voter, one vote, everywhere, at once: many voters, each before two devices of two stations through two nodes.

#![allow(clippy::unwrap_used, reason = "test code")]

use futures::StreamExt as _;
use std::sync::Arc;
use tamga_client::device::DeviceClient;
use tamga_ledger::ids::RecordId;
use tamga_ledger::promise::Judged;
use tamga_ledger::verdict::{Refusal, Verdict};
use tamga_tests::copy::Copy;
use tamga_tests::rehearsal::judged;
use tamga_tests::{Plan, Rehearsal, Voter, World, http};

/// Races under way together.
const AT_ONCE: usize = 16;

/// What the two devices were told.
struct Race {
    told: [(RecordId, Judged); 2],
}

/// The voter stands at home and at a station of the other constituency (or the remote one) at the same moment.
async fn race(world: Arc<World>, voter: Voter, clients: [DeviceClient; 2]) -> Race {
    let away = match (voter.home, voter.number % 2) {
        (_, 0) => 5,
        (1, _) => 3,
        (2, _) => 4,
        (3, _) => 1,
        _ => 2,
    };
    let [here, there] = [voter.home, away].map(|station| world.identification(station, voter));
    let ids = [here.signed.id(), there.signed.id()];
    let (here, there) = tokio::join!(judged(&clients[0], &here), judged(&clients[1], &there));
    Race { told: [(ids[0], here), (ids[1], there)] }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_voter_at_two_stations_through_two_nodes_at_once_is_admitted_exactly_once() {
    let rehearsal = Rehearsal::open(Plan { voters: 40, ..Plan::of(3) }).await;
    let voters: Vec<Voter> = (1..=4).flat_map(|station| rehearsal.world.voters_of(station)).collect();
    let clients: Vec<DeviceClient> = rehearsal.ids().map(|id| rehearsal.client_alone(id)).collect();
    let races = voters.iter().enumerate().map(|(number, voter)| {
        let pair = [clients[number % 3].clone(), clients[(number + 1 + number / 3 % 2) % 3].clone()];
        race(Arc::clone(&rehearsal.world), *voter, pair)
    });
    let races: Vec<Race> = futures::stream::iter(races).buffer_unordered(AT_ONCE).collect().await;
    assert_eq!(races.len(), voters.len());
    let mut home_won = 0;
    for Race { told: [here, there] } in &races {
        let (winner, loser) = match (&here.1.verdict, &there.1.verdict) {
            (Verdict::Accepted(_), Verdict::Refused(Refusal::AlreadyAdmitted)) => (here, there),
            (Verdict::Refused(Refusal::AlreadyAdmitted), Verdict::Accepted(_)) => (there, here),
            other => panic!("exactly one was to be admitted: {other:?}"),
        };
        // The first in the ledger is the one that counts.
        assert!(winner.1.leaf < loser.1.leaf);
        home_won += usize::from(winner.0 == here.0);
    }
    assert!(home_won > 0 && home_won < races.len(), "the two nodes should take turns: {home_won} of {}", races.len());

    rehearsal.agreed(rehearsal.ids()).await;
    let copy = Copy::fetch(rehearsal.public(3), &rehearsal.world.trust).await;
    for (id, told) in races.iter().flat_map(|race| &race.told) {
        assert_eq!(copy.leaf(id), Some(told.leaf.get()));
    }
    // Every node's own figures say the same: as many admitted as there are voters.
    for node in rehearsal.ids() {
        let turnout = http::found(rehearsal.public(node), "/api/v1/turnout").await.json();
        let after = turnout["nation_cumulative"].as_array().unwrap().last().unwrap()["total"].as_u64();
        assert_eq!(after, Some(voters.len() as u64), "{turnout}");
    }
}
