//! A cluster of three real nodes with an election that has opened its polls.

use super::{RecoveryError, io_error};
use crate::cluster::{Cluster, Founded, found, node_binary};
use crate::console::Console;
use crate::day::Day;
use crate::keys::Keyring;
use crate::nodes::Nodes;
use crate::population::{Population, Visit, Voter};
use crate::scale::Size;
use crate::schedule::Schedule;
use crate::world::{Founding, World, WorldError};
use serde::Deserialize;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tamga_platform::clock::{Clock, SystemClock};
use tamga_platform::entropy::{Entropy, OsEntropy};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

/// Organisations, one node each.
pub(super) const NODES: u32 = 3;
const SEED: u64 = 2025;
/// Between two looks at a condition.
pub(super) const LOOK: Duration = Duration::from_millis(5);
const ANSWER_WITHIN: Duration = Duration::from_secs(2);
const ANSWER_BYTES_MAX: u64 = 1 << 20;
/// The hours of the day play no part here; they only have to be some.
const RATE: f64 = 1_000.0;
const INTERVAL_MS: u64 = 1_000;
/// A cluster whose polls are open.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) folder: PathBuf,
    pub(super) founded: Founded,
    pub(super) cluster: Cluster,
    pub(super) day: Day,
}

impl Stage {
    /// Founds an election of this size, starts its nodes, opens its polls.
    pub(super) async fn open(folder: &Path, size: Size) -> Result<Self, RecoveryError> {
        let binary = tokio::task::block_in_place(node_binary)?;
        let (entropy, clock): (Arc<dyn Entropy>, Arc<dyn Clock>) = (Arc::new(OsEntropy), Arc::new(SystemClock));
        let population = Population::new(SEED, size);
        let schedule = Schedule::new(&size, clock.now_ms(), RATE, INTERVAL_MS);
        let founded = found(&population, &schedule, NODES, folder, &entropy)?;
        let cluster = Cluster::start(&founded, folder, &binary).await?;
        let world = World::new(Founding {
            population,
            schedule,
            definition: founded.definition.clone(),
            trust: founded.trust.clone(),
            commission: founded.commission().cloned().ok_or(WorldError::Order("no commission"))?,
            keys: Keyring::new(&*entropy),
            clock,
            entropy: Arc::clone(&entropy),
        })?;
        let nodes = Nodes::new(&Arc::new(founded.trust.clone()), &cluster.endpoints(), &entropy)?;
        let day = Day::new(world, nodes, None);
        day.prepare(&founded.parts, &Console::default()).await?;
        Ok(Self { folder: folder.to_owned(), founded, cluster, day })
    }

    /// What a node says about itself.
    pub(super) async fn status(&self, node: u32) -> Result<Status, String> {
        let process = self.cluster.nodes.get(node as usize - 1).ok_or("no such node")?;
        let asked = timeout(ANSWER_WITHIN, get(process.admin_address(), "/status")).await;
        let answer = asked.map_err(|_| "no answer in time".to_owned())?.map_err(|error| error.to_string())?;
        let body = answer.split_once("\r\n\r\n").map(|(_, body)| body).ok_or("no answer")?;
        serde_json::from_str(body).map_err(|error| format!("{error}: {body}"))
    }

    /// Waits until the status of each of these nodes satisfies a condition.
    pub(super) async fn all(
        &self,
        nodes: &[u32],
        what: &'static str,
        within: Duration,
        good: impl Fn(&Status) -> bool,
    ) -> Result<(), RecoveryError> {
        let began = Instant::now();
        for node in nodes {
            loop {
                let last = match self.status(*node).await {
                    Ok(status) if good(&status) => break,
                    Ok(status) => format!("{status:?}"),
                    Err(error) => error,
                };
                if began.elapsed() > within {
                    return Err(RecoveryError::Late { what, seconds: within.as_secs(), last });
                }
                sleep(LOOK).await;
            }
        }
        Ok(())
    }

    /// A voter at home.
    pub(super) fn visit(&self, voter: u64) -> Visit {
        let voter = Voter(voter);
        Visit { voter, station: self.day.world.population.home_station(voter), remote: false }
    }
}

/// What is needed of a node's view of itself.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Status {
    pub(super) role: String,
    pub(super) leader: Option<u32>,
    pub(super) applied_size: u64,
    pub(super) published_size: u64,
    pub(super) catching_up: bool,
    pub(super) log_purged: u64,
}

async fn get(address: SocketAddr, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// The middle of some times, in ms.
pub(super) fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or(0.0)
}

/// A folder's bytes on disk, subfolders included.
pub(super) fn bytes_below(folder: &Path) -> Result<u64, RecoveryError> {
    let mut sum = 0;
    for entry in std::fs::read_dir(folder).map_err(io_error(format!("read {}", folder.display())))? {
        let entry = entry.map_err(io_error(format!("read {}", folder.display())))?;
        let metadata = entry.metadata().map_err(io_error(format!("look at {}", entry.path().display())))?;
        sum += if metadata.is_dir() { bytes_below(&entry.path())? } else { metadata.len() };
    }
    Ok(sum)
}
