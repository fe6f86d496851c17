//! Publication fails closed: without the quorum of organisations nothing is published; with it, it goes on.

#![allow(clippy::unwrap_used, reason = "test code")]

use tamga_tests::load::Load;
use tamga_tests::{Plan, Rehearsal, Voter};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_three_of_five_organisations_nothing_is_published_and_with_four_it_goes_on() {
    let mut rehearsal = Rehearsal::open(Plan::of(5)).await;
    let before = rehearsal.agreed(rehearsal.ids()).await;
    assert!(before.organisations().len() >= 4);
    let leader = rehearsal.leader(rehearsal.ids()).await;
    let gone: Vec<u32> = rehearsal.ids().filter(|id| *id != leader).take(2).collect();
    for id in &gone {
        rehearsal.node_mut(*id).kill().await;
    }
    let left: Vec<u32> = rehearsal.ids().filter(|id| !gone.contains(id)).collect();
    let published = rehearsal.checkpoint(left[0]).await.unwrap();

    // Three of five are a majority of Raft: records are judged. Many more checkpoints than one are cut meanwhile.
    let load = Load::begin(&rehearsal);
    load.more(60).await;
    let acknowledged = load.end().await;
    assert!(acknowledged.iter().any(|one| one.promise.judged.is_some()));
    let judged = rehearsal.judged(&rehearsal.world.identification(2, Voter { home: 1, number: 49 })).await;
    let cut = tamga_tests::wait::until("cuts that nobody publishes", async || {
        let status = rehearsal.status(left[0]).await?;
        let cut = status["cut_size"].as_u64().unwrap_or(0);
        if cut >= judged.leaf.get() { Ok(cut) } else { Err(status.to_string()) }
    })
    .await;
    for id in &left {
        let found = rehearsal.checkpoint(*id).await.unwrap();
        assert_eq!(found.checkpoint(), published.checkpoint(), "node {id} published on its own");
        assert!(found.checkpoint().size.get() < cut);
    }

    // The fourth organisation comes back: everything is published, also what was cut without it.
    rehearsal.restart(gone[0]).await;
    let back: Vec<u32> = rehearsal.ids().filter(|id| *id != gone[1]).collect();
    let after = rehearsal.agreed(back.iter().copied()).await;
    assert!(after.checkpoint().size.get() > judged.leaf.get());
    let names: Vec<String> = after.organisations().iter().map(ToString::to_string).collect();
    assert_eq!(names.len(), 4, "{names:?}");
    assert!(!names.contains(&format!("org-{}", gone[1])), "{names:?}");
    for one in &acknowledged {
        let id = one.promise.record;
        rehearsal.client_alone(back[0]).receipt(&id, tamga_tests::wait::GENEROUS).await.unwrap();
    }
}
