//! A node that was away for too long is killed again and again while it takes the entries from the others. It goes on where it
//! was each time, and ends with the ledger of the others.

#![allow(clippy::unwrap_used, reason = "test code")]

use std::io;
use std::path::Path;
use std::sync::Arc;
use tamga_node::config::Config;
use tamga_simulations::cluster::{ClusterError, Ground};
use tamga_tests::aftermath::nothing_is_lost;
use tamga_tests::load::Load;
use tamga_tests::wait::until;
use tamga_tests::{Plan, Rehearsal};

const VICTIM: u32 = 4;
/// Entries that it lacks: three parts of at most 2,048.
const LACKING: usize = 4_400;
/// Stations of the load that run beside each other, times five.
const LOADS: usize = 4;
/// How often it is to die in the middle: before the first part, behind the first, behind the second.
const DEATHS_MIN: usize = 3;

/// The log goes as soon as it may, so that whoever was away at all has to catch up.
#[derive(Debug)]
struct PurgesEarly;

impl Ground for PurgesEarly {
    fn prepare(&self, _: u32, _: &Path, config: &mut Config) -> io::Result<()> {
        config.tuning.compact_entries = Some(1);
        config.tuning.log_entries_kept = Some(0);
        // Nothing but the ledger itself says how far a start is.
        config.tuning.save_entries = Some(1_000_000);
        Ok(())
    }
}

/// Bytes of entries in a node's ledger.
fn entry_bytes(data: &Path) -> u64 {
    let Ok(files) = std::fs::read_dir(data.join("ledger/entries")) else { return 0 };
    files.filter_map(|file| Some(file.ok()?.metadata().ok()?.len())).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_killed_again_and_again_while_it_catches_up_ends_with_the_others() {
    let mut rehearsal = Rehearsal::open_on(Plan::of(4), Arc::new(PurgesEarly)).await;
    rehearsal.agreed(rehearsal.ids()).await;
    rehearsal.node_mut(VICTIM).kill().await;
    let had = entry_bytes(&rehearsal.data(VICTIM));

    let loads: Vec<Load> = (0..LOADS).map(|_| Load::begin(&rehearsal)).collect();
    for _ in 0..10 {
        futures::future::join_all(loads.iter().map(|load| load.more(LACKING / LOADS / 10))).await;
    }
    let mut acknowledged = Vec::new();
    for load in loads {
        acknowledged.extend(load.end().await);
    }
    rehearsal.agreed([1, 2, 3]).await;
    for id in [1, 2, 3] {
        until("the log to be purged", async || {
            let status = rehearsal.status(id).await?;
            let (purged, snapshot) = (status["log_purged"].as_u64(), status["snapshot_index"].as_u64());
            if purged > Some(20) && purged == snapshot { Ok(()) } else { Err(status) }
        })
        .await;
    }

    let (mark, data) = (rehearsal.data(VICTIM).join("catchup"), rehearsal.data(VICTIM));
    let (mut deaths, mut reached) = (Vec::new(), had);
    loop {
        rehearsal.node_mut(VICTIM).restart().unwrap();
        // At first as soon as it has begun; then further than ever before, or at the end. What it took before a crash is not
        // taken again.
        let ended = until("more entries to come", async || {
            match rehearsal.node_mut(VICTIM).check_alive() {
                // Somebody else was given its port while it was away; they give it back.
                Err(ClusterError::Ended { tail, .. }) if tail.contains("in use") => {
                    rehearsal.node_mut(VICTIM).restart().unwrap();
                }
                Err(error) => panic!("{error}"),
                Ok(()) => {}
            }
            let now = entry_bytes(&data);
            match mark.exists() {
                true if now > reached || deaths.is_empty() => Ok(false),
                false if now > reached && rehearsal.node_mut(VICTIM).ready().await.is_ok() => Ok(true),
                marked => Err(format!("{now} of more than {reached} bytes, mark: {marked}")),
            }
        })
        .await;
        if ended {
            break;
        }
        rehearsal.node_mut(VICTIM).kill().await;
        let now = entry_bytes(&data);
        assert!(now >= reached, "{now} bytes of entries, and {reached} before");
        if mark.exists() {
            deaths.push(now);
        }
        reached = now;
    }
    println!("died with these bytes of entries: {deaths:?}; in the end {}", entry_bytes(&data));
    assert!(deaths.len() >= DEATHS_MIN, "it died in the middle at {deaths:?} only");
    assert!(!mark.exists());

    rehearsal.serves(VICTIM).await;
    nothing_is_lost(&rehearsal, &acknowledged).await;
}
