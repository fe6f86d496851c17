//! Load: every station identifies one voter after the other through any node, until told to stop, and keeps each promise.
//!
//! When all voters of a station have come, they come again: then they are refused, which is an answer like any other.

use crate::rehearsal::Rehearsal;
use crate::wait::until;
use crate::world::{STATIONS, Voter, World};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tamga_client::device::{DeviceClient, Outcome};
use tamga_ledger::promise::Promise;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// After this without an answer from any node a station goes on with the next voter: the record was never acknowledged.
const PATIENCE: Duration = Duration::from_secs(30);

/// A record whose author holds a promise.
#[derive(Debug, Clone)]
pub struct Acknowledged {
    /// The promise, its signature verified.
    pub promise: Promise,
    /// Who answered.
    pub node: u32,
}

type Kept = Arc<Mutex<Vec<Acknowledged>>>;

/// Stations under way.
#[derive(Debug)]
pub struct Load {
    kept: Kept,
    stop: Arc<AtomicBool>,
    stations: JoinSet<()>,
}

impl Load {
    /// Begins at all stations, which spread over the nodes.
    #[must_use]
    pub fn begin(rehearsal: &Rehearsal) -> Self {
        let (kept, stop) = (Kept::default(), Arc::new(AtomicBool::new(false)));
        let mut stations = JoinSet::new();
        for (station, _) in STATIONS {
            let client = rehearsal.client(station % rehearsal.world.plan.nodes + 1);
            let (world, kept, stop) = (Arc::clone(&rehearsal.world), Arc::clone(&kept), Arc::clone(&stop));
            stations.spawn(async move { identify_all(&world, station, &client, &kept, &stop).await });
        }
        Self { kept, stop, stations }
    }

    /// How many records are acknowledged.
    #[must_use]
    pub fn acknowledged(&self) -> usize {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Waits until so many more are acknowledged than now.
    ///
    /// # Panics
    /// If that takes too long.
    pub async fn more(&self, count: usize) {
        let due = self.acknowledged() + count;
        until("acknowledged records", async || {
            let found = self.acknowledged();
            if found >= due { Ok(()) } else { Err(format!("{found} of {due}")) }
        })
        .await;
    }

    /// Lets every station finish the voter before it, and returns what was acknowledged.
    pub async fn end(mut self) -> Vec<Acknowledged> {
        self.stop.store(true, Ordering::Relaxed);
        while let Some(ended) = self.stations.join_next().await {
            ended.unwrap();
        }
        std::mem::take(&mut *self.kept.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Ends without waiting for answers that nobody is there to give, and returns what was acknowledged.
    pub async fn cut(mut self) -> Vec<Acknowledged> {
        self.stations.shutdown().await;
        std::mem::take(&mut *self.kept.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Local voters; at the station without a constituency, those of station 1 from the last one on.
fn visitors(world: &World, station: u32) -> Vec<Voter> {
    match world.list_total(station) {
        0 => world.voters_of(1).collect::<Vec<_>>().into_iter().rev().collect(),
        _ => world.voters_of(station).collect(),
    }
}

async fn identify_all(world: &World, station: u32, client: &DeviceClient, kept: &Kept, stop: &AtomicBool) {
    for voter in visitors(world, station).into_iter().cycle() {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let record = world.identification(station, voter);
        let Ok(answer) = timeout(PATIENCE, client.submit(&record)).await else { continue };
        let Ok(answered) = answer else { continue };
        match answered.outcome {
            Outcome::Promised { promise, .. } => {
                let one = Acknowledged { promise, node: answered.node };
                kept.lock().unwrap_or_else(PoisonError::into_inner).push(one);
            }
            Outcome::Refused { refusal, .. } => panic!("refused at admission: {}: {}", refusal.code, refusal.text),
        }
    }
}
