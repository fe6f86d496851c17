//! The operating system refuses: a write, a sync, a rename, an open fails in a running node, or in one that starts. The node
//! stops with a code and says why; nothing is tried twice; after the next start nothing acknowledged is missing.

#![allow(clippy::unwrap_used, reason = "test code")]

use std::sync::Arc;
use tamga_node::config::CoreTuning;
use tamga_tests::aftermath::nothing_is_lost;
use tamga_tests::faults::crowd::Crowd;
use tamga_tests::faults::ground::FaultyGround;
use tamga_tests::faults::needs::{skipped, strace};
use tamga_tests::faults::syscalls::{Failure, Tracer, injected};
use tamga_tests::wait::GENEROUS;
use tamga_tests::{Plan, Rehearsal};

/// Verdicts between one fault and the next.
const SOME: usize = 40;
/// What a node ends with when its storage fails.
const FAILED: i32 = 1;

/// A failure at the n-th call of one thread, from then on or once.
const fn at(call: &'static str, error: &'static str, from: u32, lasting: bool) -> Failure<'static> {
    Failure { call, error, from, lasting }
}

/// The failure meets a node that runs: it stops by itself, and says which call of which file it was.
async fn strikes(rehearsal: &mut Rehearsal, crowd: &Crowd, victim: u32, failure: Failure<'_>) {
    let trace = rehearsal.folder().join(format!("{}-{}-{victim}.strace", failure.call, failure.error));
    let said_before = rehearsal.log(victim).len();
    let tracer = Tracer::attach(rehearsal.node(victim).pid().unwrap(), failure, &trace).await.unwrap();
    let status = rehearsal.node_mut(victim).ended_within(GENEROUS).await;
    tracer.detach().await;
    let status = status.unwrap_or_else(|| panic!("{failure:?}: the node goes on; injected: {}", injected(&trace)));
    let said = rehearsal.log(victim).split_off(said_before);
    assert_eq!(status.code(), Some(FAILED), "{failure:?}: {status}: {said}");
    assert!(injected(&trace), "{failure:?}: it ended for another reason: {said}");
    // For the operator: that it had to stop, and what the system said.
    let words = if failure.error == "EIO" { "os error 5" } else { "os error 28" };
    assert!(said.contains("had to stop") && said.contains(words), "{failure:?}: {said}");
    crowd.more_elsewhere(&[victim], SOME).await;
    rehearsal.restart(victim).await;
    crowd.more(SOME).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_write_or_sync_stops_the_node_and_nothing_acknowledged_is_missing() {
    if let Err(why) = strace() {
        return skipped("system calls that fail under load", &why);
    }
    let ground = FaultyGround::plain();
    let mut rehearsal = Rehearsal::open_on(Plan { voters: 300, ..Plan::of(3) }, Arc::new(ground)).await;
    let crowd = Crowd::gather(&rehearsal, 1);
    crowd.more(SOME).await;
    let failures = [
        at("fdatasync", "EIO", 3, false),
        at("pwrite64", "EIO", 2, false),
        at("pwrite64", "ENOSPC", 5, true),
        at("fdatasync", "ENOSPC", 1, true),
    ];
    for (turn, failure) in failures.into_iter().enumerate() {
        let leader = rehearsal.leader(rehearsal.ids()).await;
        // The leader and a follower take turns.
        let victim = if turn % 2 == 0 { leader } else { leader % 3 + 1 };
        strikes(&mut rehearsal, &crowd, victim, failure).await;
    }
    let chronicle = crowd.disperse().await;
    chronicle.is_linearizable();
    nothing_is_lost(&rehearsal, &chronicle.acknowledged).await;
}

/// Every call of a kind that a start makes fails once, in a start of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_whose_start_fails_says_so_and_the_next_start_finds_everything() {
    if let Err(why) = strace() {
        return skipped("system calls that fail during a start", &why);
    }
    let ground = Arc::new(FaultyGround::plain().tuned(CoreTuning::default()));
    let mut rehearsal = Rehearsal::open_on(Plan::of(3), ground.clone()).await;
    let crowd = Crowd::gather(&rehearsal, 2);
    crowd.more(SOME).await;
    let victim = rehearsal.leader(rehearsal.ids()).await % 3 + 1;
    let mut met = 0;
    for (call, error) in
        [("rename", "EIO"), ("fdatasync", "EIO"), ("fsync", "EIO"), ("pwrite64", "ENOSPC"), ("openat", "EIO")]
    {
        for from in [1, 2, 7, 19] {
            let failure = at(call, error, from, false);
            let trace = rehearsal.folder().join(format!("{call}-{from}.strace"));
            ground.trace(victim, &failure.command(&trace));
            rehearsal.node_mut(victim).kill().await;
            let said_before = rehearsal.log(victim).len();
            rehearsal.node_mut(victim).restart().unwrap();
            let ended = ends_or_serves(&mut rehearsal, victim).await;
            let said = rehearsal.log(victim).split_off(said_before);
            assert!(!said.contains("panicked"), "{failure:?}: {said}");
            assert!(ended.is_none_or(|code| code != 0 && !said.is_empty()), "{failure:?}: {ended:?}: {said}");
            // What it survives is a file that it can do without; a sync never is.
            assert!(ended.is_some() || !injected(&trace) || call != "fdatasync", "{failure:?} was survived: {said}");
            met += usize::from(injected(&trace));
        }
    }
    assert!(met >= 10, "only {met} failures were met");
    ground.trace(victim, &[]);
    rehearsal.node_mut(victim).kill().await;
    rehearsal.restart(victim).await;
    let chronicle = crowd.disperse().await;
    chronicle.is_linearizable();
    nothing_is_lost(&rehearsal, &chronicle.acknowledged).await;
}

/// The exit code of a node that ended by itself; none once it serves.
async fn ends_or_serves(rehearsal: &mut Rehearsal, node: u32) -> Option<i32> {
    let process = rehearsal.node_mut(node);
    tamga_tests::wait::until("an end or a service", async || {
        if let Some(status) = process.ended_within(std::time::Duration::from_millis(1)).await {
            return Ok(Some(status.code().unwrap_or(-1)));
        }
        process.ready().await.map(|()| None)
    })
    .await
}
