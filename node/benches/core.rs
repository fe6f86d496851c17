//! How fast three cores in one process are: `cargo bench --package tamga-node --bench core`.
//!
//! Method: identifications with two signatures each over loopback TCP; first open loop at 200 a second, latency from the
//! call; then closed loop, as many as go.

#![allow(clippy::unwrap_used, unreachable_pub, dead_code, reason = "a measurement that shares the tests' cluster")]

#[path = "../tests/core/cluster.rs"]
mod cluster;

use std::sync::Arc;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use tamga_node::core::Answer;
use tamga_node::testing::TestElection;
use tokio::task::JoinSet;

use cluster::{Cluster, now_ms};

const STATIONS: u32 = 40;
const VOTERS: u32 = 1_000;

fn show(what: &str, histogram: &Histogram<u64>, seconds: f64) {
    let at = |quantile| histogram.value_at_quantile(quantile) as f64 / 1_000.0;
    println!(
        "{what}: {} verdicts, {:.0} a second, p50 {:.2} ms, p99 {:.2} ms, max {:.2} ms",
        histogram.len(),
        histogram.len() as f64 / seconds,
        at(0.5),
        at(0.99),
        histogram.max() as f64 / 1_000.0
    );
}

#[tokio::main]
async fn main() {
    let level = tracing_subscriber::fmt().with_env_filter(tracing_subscriber::EnvFilter::from_default_env());
    level.init();
    let folder = tempfile::tempdir().unwrap();
    let mut cluster = Cluster::start(folder.path(), TestElection::new(3, STATIONS, VOTERS, now_ms())).await;
    cluster.open_polls(STATIONS).await;
    let nodes: Vec<u32> = cluster.running.keys().copied().collect();
    let core_of = |station: u32| Arc::clone(cluster.core(nodes[station as usize % nodes.len()]));

    // Open loop, 200 a second, through all nodes.
    let (mut verdicts, started) = (JoinSet::new(), Instant::now());
    for number in 0..2_000_u32 {
        let station = number % STATIONS + 1;
        let submission = cluster.election.identification(station, station, number / STATIONS, now_ms());
        let core = core_of(station);
        tokio::time::sleep_until((started + Duration::from_millis(5) * number).into()).await;
        verdicts.spawn(async move {
            let begun = Instant::now();
            let answer = core.submit(submission, None).await;
            assert!(matches!(answer, Answer::Promise(_)), "{answer:?}");
            begun.elapsed()
        });
    }
    let mut latencies = Histogram::<u64>::new(3).unwrap();
    while let Some(latency) = verdicts.join_next().await {
        latencies.record(latency.unwrap().as_micros() as u64).unwrap();
    }
    show("200/s offered", &latencies, started.elapsed().as_secs_f64());

    // Closed loop, as many as go: 8 in flight a station.
    let mut prepared = Vec::new();
    for voter in 100..600 {
        for station in 1..=STATIONS {
            prepared.push((station, cluster.election.identification(station, station, voter, now_ms())));
        }
    }
    let total = prepared.len();
    let queues: Vec<Vec<(u32, bytes::Bytes)>> =
        (0..256).map(|lane| prepared.iter().skip(lane).step_by(256).cloned().collect()).collect();
    let started = Instant::now();
    for queue in queues {
        let cores: Vec<_> = nodes.iter().map(|node| Arc::clone(cluster.core(*node))).collect();
        verdicts.spawn(async move {
            let mut longest = Duration::ZERO;
            for (station, submission) in queue {
                let begun = Instant::now();
                let answer = cores[station as usize % cores.len()].submit(submission, None).await;
                assert!(matches!(answer, Answer::Promise(_)), "{answer:?}");
                longest = longest.max(begun.elapsed());
            }
            longest
        });
    }
    while let Some(longest) = verdicts.join_next().await {
        longest.unwrap();
    }
    let seconds = started.elapsed().as_secs_f64();
    println!("saturated, 256 clients: {total} verdicts, {:.0} a second", total as f64 / seconds);

    // From the verdict to the receipt.
    let mut receipts = Histogram::<u64>::new(3).unwrap();
    for voter in 700..720 {
        let submission = cluster.election.identification(1, 1, voter, now_ms());
        let begun = Instant::now();
        let leaf = cluster.submit(1, submission).await.judged.unwrap().leaf;
        cluster.core(1).receipt(leaf, Duration::from_secs(10)).await.unwrap();
        receipts.record(begun.elapsed().as_micros() as u64).unwrap();
    }
    show("receipts, one at a time", &receipts, 1.0);

    let started = Instant::now();
    cluster.stop_node(1).await;
    let stopped = started.elapsed();
    cluster.start_node(1).await;
    let entries = cluster.core(1).store().size();
    println!("restart with {entries} entries: stop {stopped:.2?}, start {:.2?}", started.elapsed() - stopped);
    cluster.stop().await;
}
