//! Nodes die by SIGKILL while stations submit: whatever was acknowledged is there afterwards, and the dead rejoin.

#![allow(clippy::unwrap_used, reason = "test code")]

use tamga_ledger::verdict::{Refusal, Verdict};
use tamga_tests::aftermath::nothing_is_lost;
use tamga_tests::copy::Copy;
use tamga_tests::load::Load;
use tamga_tests::wait::until;
use tamga_tests::{Plan, Rehearsal};

/// Records acknowledged before, between and after the deaths.
const SOME: usize = 120;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leader_and_follower_are_killed_under_load_and_nothing_acknowledged_is_lost() {
    let mut rehearsal = Rehearsal::open(Plan::of(3)).await;
    let load = Load::begin(&rehearsal);
    load.more(SOME).await;

    let leader = rehearsal.leader(rehearsal.ids()).await;
    rehearsal.node_mut(leader).kill().await;
    // The others elect a new leader and go on.
    load.more(SOME).await;
    let others: Vec<u32> = rehearsal.ids().filter(|id| *id != leader).collect();
    assert_ne!(rehearsal.leader(others).await, leader);
    rehearsal.restart(leader).await;
    load.more(SOME).await;

    let leader = rehearsal.leader(rehearsal.ids()).await;
    let follower = rehearsal.ids().find(|id| *id != leader).unwrap();
    rehearsal.node_mut(follower).kill().await;
    load.more(SOME).await;
    rehearsal.restart(follower).await;
    load.more(SOME).await;

    let acknowledged = load.end().await;
    let judged = acknowledged.iter().filter_map(|one| one.promise.judged.as_ref());
    let admitted = judged.clone().filter(|judged| judged.verdict.is_accepted()).count();
    assert!(acknowledged.len() >= 5 * SOME && admitted > 0, "{} {admitted}", acknowledged.len());
    // Nobody was admitted twice: as many as there are voters, at most.
    assert!(admitted <= 4 * rehearsal.world.plan.voters as usize);
    let known = |verdict: &Verdict| verdict.is_accepted() || *verdict == Verdict::Refused(Refusal::AlreadyAdmitted);
    assert!(judged.clone().all(|judged| known(&judged.verdict)));
    nothing_is_lost(&rehearsal, &acknowledged).await;
}

/// The power fails everywhere at once. What was acknowledged survives, and what is published next extends what was
/// published before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_power_cut_of_all_nodes_loses_nothing_and_the_tree_goes_on() {
    let mut rehearsal = Rehearsal::open(Plan::of(3)).await;
    let (mut acknowledged, mut before) = (Vec::new(), Vec::new());
    for _ in 0..2 {
        let load = Load::begin(&rehearsal);
        load.more(SOME).await;
        let published = Copy::fetch(rehearsal.public(2), &rehearsal.world.trust).await;
        load.more(10).await;
        rehearsal.power_cut().await;
        acknowledged.extend(load.cut().await);
        before.push(published);
        rehearsal.power_back().await;
    }
    let load = Load::begin(&rehearsal);
    load.more(SOME).await;
    acknowledged.extend(load.end().await);
    nothing_is_lost(&rehearsal, &acknowledged).await;
    let after = Copy::fetch(rehearsal.public(3), &rehearsal.world.trust).await;
    for earlier in before {
        assert!(earlier.size() < after.size());
        assert_eq!(earlier.entries, after.entries[..earlier.entries.len()]);
        extends(&rehearsal, &earlier, &after).await;
    }
}

/// A consistency proof of a node, verified by `ct-merkle` (SHA-256) and by the client's own verifier (both trees).
async fn extends(rehearsal: &Rehearsal, old: &Copy, new: &Copy) {
    use tamga_ledger::tree::{Blake3Tree, ConsistencyProof, Hash, Sha256Tree};
    let path = format!("/api/v1/proofs/consistency?from={}&to={}", old.size(), new.size());
    for node in rehearsal.ids() {
        let proof = until("a proof", async || {
            let answer =
                tamga_tests::http::get(rehearsal.public(node), &path).await.map_err(|error| error.to_string())?;
            if answer.status == 200 { Ok(answer.json()) } else { Err(answer.text().to_owned()) }
        });
        let proof = proof.await;
        let hashes = |tree: &str| -> Vec<Hash> {
            proof[tree]["path"]
                .as_array()
                .unwrap()
                .iter()
                .map(|hash| serde_json::from_value(hash.clone()).unwrap())
                .collect()
        };
        let (sha256, blake3) = (hashes("sha256"), hashes("blake3"));
        tamga_ledger::receipt::verify_extends(
            &old.checkpoint,
            &new.checkpoint,
            ConsistencyProof::<Sha256Tree>::new(sha256.clone()).unwrap(),
            ConsistencyProof::<Blake3Tree>::new(blake3).unwrap(),
        )
        .unwrap();
        let root = |copy: &Copy| {
            let root = *copy.checkpoint.checkpoint().roots.sha256.as_bytes();
            ct_merkle::RootHash::<sha2::Sha256>::new(root.into(), copy.size())
        };
        let flat: Vec<u8> = sha256.iter().flat_map(|hash| hash.to_bytes()).collect();
        let proof = ct_merkle::ConsistencyProof::<sha2::Sha256>::try_from_bytes(flat).unwrap();
        root(new).verify_consistency(&root(old), &proof).unwrap();
    }
}
