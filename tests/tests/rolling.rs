//! All nodes are stopped in order and started again, one after the other, while stations go on: every request of every
//! station is answered, and nothing that was answered is lost.
//!
//! A station here is a well-behaved client: it knows all nodes and sends the same bytes again until somebody answers,
//! within the deadline that devices have by default. Odd stations use a stream, even ones single calls.
//!
//! To rehearse an upgrade between two real builds, name the older one: `TAMGA_NODE_BEFORE=/path/to/tamga-node`.

#![allow(clippy::unwrap_used, reason = "test code")]

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tamga_client::device::{
    Answered, DeviceClient, DeviceError, DeviceOptions, NodeEndpoint, Outcome, SubmitStream, TcpDial,
};
use tamga_ledger::promise::Promise;
use tamga_ledger::submission::Submission;
use tamga_ledger::verdict::{Refusal, Verdict};
use tamga_platform::entropy::OsEntropy;
use tamga_tests::copy::Copy;
use tamga_tests::load::Acknowledged;
use tamga_tests::wait::{GENEROUS, until};
use tamga_tests::world::{STATIONS, Voter, World};
use tamga_tests::{Plan, Rehearsal, program};
use tokio::task::JoinSet;

/// Answers that are waited for with every node up, and with one down.
const SOME: usize = 60;

/// How a station sends.
enum Line {
    Calls(DeviceClient),
    Stream(SubmitStream),
}

impl Line {
    async fn submit(&self, record: &Submission) -> Result<Answered, DeviceError> {
        match self {
            Self::Calls(client) => client.submit(record).await,
            Self::Stream(stream) => stream.submit(record).await,
        }
    }
}

/// Stations that insist on an answer to everything.
struct Stations {
    answered: Arc<AtomicUsize>,
    failed: Arc<Mutex<Vec<String>>>,
    promises: Arc<Mutex<Vec<Acknowledged>>>,
    stop: Arc<AtomicBool>,
    tasks: JoinSet<()>,
}

impl Stations {
    fn begin(rehearsal: &Rehearsal) -> Self {
        let mut stations = Self {
            answered: Arc::default(),
            failed: Arc::default(),
            promises: Arc::default(),
            stop: Arc::default(),
            tasks: JoinSet::new(),
        };
        let endpoints: Vec<NodeEndpoint> = rehearsal.ids().map(|id| rehearsal.endpoint_of(id)).collect();
        for (station, _) in STATIONS {
            let mut endpoints = endpoints.clone();
            endpoints.rotate_left(station as usize % rehearsal.world.plan.nodes as usize);
            let (trust, dial) = (Arc::clone(&rehearsal.world.trust), Arc::new(TcpDial));
            let client =
                DeviceClient::new(trust, &endpoints, DeviceOptions::default(), dial, Arc::new(OsEntropy)).unwrap();
            let line = if station % 2 == 1 { Line::Stream(client.stream(0)) } else { Line::Calls(client) };
            let world = Arc::clone(&rehearsal.world);
            let (answered, failed) = (Arc::clone(&stations.answered), Arc::clone(&stations.failed));
            let (promises, stop) = (Arc::clone(&stations.promises), Arc::clone(&stations.stop));
            stations.tasks.spawn(async move {
                for voter in voters(&world, station).into_iter().cycle() {
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                    match line.submit(&world.identification(station, voter)).await {
                        Ok(Answered { outcome: Outcome::Promised { promise, .. }, node, .. }) => {
                            promises.lock().unwrap().push(Acknowledged { promise, node });
                        }
                        Ok(Answered { outcome: Outcome::Refused { refusal, .. }, node, .. }) => {
                            failed.lock().unwrap().push(format!("node {node} refused: {}", refusal.code));
                        }
                        Err(error) => failed.lock().unwrap().push(error.to_string()),
                    }
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        stations
    }

    async fn more(&self, count: usize) {
        let due = self.answered.load(Ordering::Relaxed) + count;
        until("answers", async || {
            let found = self.answered.load(Ordering::Relaxed);
            if found >= due { Ok(()) } else { Err(format!("{found} of {due}: {:?}", self.failed.lock().unwrap())) }
        })
        .await;
    }

    async fn end(mut self) -> Vec<Acknowledged> {
        self.stop.store(true, Ordering::Relaxed);
        while let Some(ended) = self.tasks.join_next().await {
            ended.unwrap();
        }
        let failed = std::mem::take(&mut *self.failed.lock().unwrap());
        assert!(failed.is_empty(), "requests of well-behaved clients failed: {failed:#?}");
        std::mem::take(&mut *self.promises.lock().unwrap())
    }
}

fn voters(world: &World, station: u32) -> Vec<Voter> {
    match world.list_total(station) {
        0 => world.voters_of(1).collect(),
        _ => world.voters_of(station).collect(),
    }
}

/// Stops a node in order, lets the others work, starts it again and waits until it takes records.
async fn restarted(rehearsal: &mut Rehearsal, stations: &Stations, id: u32) {
    stations.more(SOME).await;
    let led = rehearsal.leader(rehearsal.ids()).await == id;
    let status = rehearsal.node_mut(id).end_in_order().await.expect("the node did not end");
    assert!(status.success(), "node {id} ended with {status}: {}", rehearsal.log(id));
    if led {
        // The others did not have to find out by its silence.
        assert!(rehearsal.log(id).contains("leadership was handed over"), "{}", rehearsal.log(id));
    }
    stations.more(SOME).await;
    rehearsal.restart(id).await;
}

/// Everything promised is in everybody's ledger, once, with the verdict that was promised; no voter came in twice.
async fn nothing_is_lost(rehearsal: &Rehearsal, acknowledged: &[Acknowledged]) {
    for one in acknowledged.iter().filter(|one| one.promise.judged.is_none()) {
        let receipt = rehearsal.client(1).receipt(&one.promise.record, GENEROUS).await;
        assert!(receipt.is_ok(), "{one:?}: {receipt:?}");
    }
    rehearsal.agreed(rehearsal.ids()).await;
    for node in rehearsal.ids() {
        Copy::fetch(rehearsal.public(node), &rehearsal.world.trust).await.holds(acknowledged);
    }
    let promises: Vec<&Promise> = acknowledged.iter().map(|one| &one.promise).collect();
    let records: BTreeSet<_> = promises.iter().map(|promise| promise.record).collect();
    assert_eq!(records.len(), promises.len(), "two answers to one record");
    let known = |verdict: &Verdict| verdict.is_accepted() || *verdict == Verdict::Refused(Refusal::AlreadyAdmitted);
    let judged = || promises.iter().filter_map(|promise| promise.judged.as_ref());
    assert!(judged().all(|judged| known(&judged.verdict)));
    let admitted = judged().filter(|judged| judged.verdict.is_accepted()).count();
    assert!(admitted > 0 && admitted <= 4 * rehearsal.world.plan.voters as usize, "{admitted}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rolling_restart_fails_no_request() {
    let mut rehearsal = Rehearsal::open(Plan::of(3)).await;
    rehearsal.keep_addresses();
    let stations = Stations::begin(&rehearsal);
    // Whoever leads is restarted twice, as leader both times, and everybody at least once.
    for _ in 0..2 {
        let leader = rehearsal.leader(rehearsal.ids()).await;
        restarted(&mut rehearsal, &stations, leader).await;
    }
    for id in rehearsal.ids() {
        restarted(&mut rehearsal, &stations, id).await;
    }
    let acknowledged = stations.end().await;
    nothing_is_lost(&rehearsal, &acknowledged).await;
}

/// What each node says that the nodes run.
async fn software(rehearsal: &Rehearsal, told_by: u32) -> Vec<Option<String>> {
    let status = rehearsal.status(told_by).await.unwrap();
    let own = status["software"].as_str().map(str::to_owned);
    let others = status["nodes"].as_array().unwrap().iter().map(|node| match node["id"].as_u64() {
        Some(id) if id == u64::from(told_by) => own.clone(),
        _ => node["software"].as_str().map(str::to_owned),
    });
    others.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rolling_upgrade_fails_no_request_and_every_node_sees_who_runs_what() {
    let before: Option<PathBuf> = std::env::var_os("TAMGA_NODE_BEFORE").map(PathBuf::from);
    let after = program::tamga_node();
    let mut rehearsal = Rehearsal::open_with(Plan::of(3), before.as_deref().unwrap_or(&after)).await;
    rehearsal.keep_addresses();
    let stations = Stations::begin(&rehearsal);
    for id in rehearsal.ids() {
        let node = rehearsal.node_mut(id);
        node.upgrade(&after);
        node.configure(|config| config.tuning.announced_software = Some("99.0.0".to_owned())).unwrap();
        restarted(&mut rehearsal, &stations, id).await;
        // Half way: both versions serve, and whoever is new sees who is not.
        let expected: Vec<bool> = rehearsal.ids().map(|other| other <= id).collect();
        until("versions as they are", async || {
            let found = software(&rehearsal, id).await;
            let new: Vec<bool> = found.iter().map(|version| version.as_deref() == Some("99.0.0")).collect();
            if new == expected { Ok(()) } else { Err(format!("{found:?}")) }
        })
        .await;
    }
    let acknowledged = stations.end().await;
    nothing_is_lost(&rehearsal, &acknowledged).await;
}
