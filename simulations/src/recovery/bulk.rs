//! Makes a ledger of millions of entries, quickly and truly.
//!
//! An election is founded and its polls opened on real nodes. Then the nodes stop, and three replicas of consensus alone, in
//! this process, on the nodes' own logs and addresses, take turns as such replicas do: they elect a leader, and the leader's
//! batches, signed with its node's key and full of identifications that are attested and signed one by one, are replicated
//! and committed. What is skipped is only the way of each record through admission, outbox and forwarding. When the nodes
//! start again they find a committed log, verify and judge every record of it, and build their ledgers.

use super::report::Bulk;
use super::stage::{Stage, bytes_below};
use super::{RecoveryError, io_error};
use crate::scale::{ROLL_2025, Size};
use async_trait::async_trait;
use bytes::Bytes;
use ed25519_dalek::SigningKey;
use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tamga_consensus::{
    Application, ClusterId, Committed, Config as ConsensusConfig, Consensus, EntryKind, Fatal, LogPosition, NodeId,
    Role, Seams, TcpDialer,
};
use tamga_ledger::batch::{BATCH_ITEM_BYTES_MAX, BATCH_ITEMS_MAX, Batch, Item};
use tamga_node::config::Config;
use tamga_platform::blocking::ThreadPool;
use tamga_platform::clock::{Clock as _, SystemClock};
use tamga_platform::disk::OsDisk;
use tamga_platform::entropy::OsEntropy;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::Server;

/// Room beside the entries that are asked for: voters on the roll who do not come.
const SPARE: f64 = 1.01;
/// Stations whose voters are written together, in parallel.
const STATIONS_TOGETHER: u32 = 64;
/// Batches that wait to be proposed.
const BATCHES_WAITING: usize = 64;
/// Entries that the nodes' logs keep from then on.
const LOG_ENTRIES: u64 = 8;
/// An election and its first commit.
const WITHIN: Duration = Duration::from_secs(60);
/// For nodes that judge everything: a slow machine's minute per million, many times over.
pub(super) const JUDGED_WITHIN: Duration = Duration::from_secs(3_600);

/// A cluster whose nodes run and have judged all entries, and how that went.
pub(super) struct Made {
    pub(super) stage: Stage,
    pub(super) made: Bulk,
}

/// Makes a ledger of at least so many entries; its nodes run.
pub(super) async fn make(folder: &Path, entries: u64) -> Result<Made, RecoveryError> {
    let scale = (entries as f64 * SPARE / ROLL_2025 as f64).clamp(0.001, 1.0);
    let mut stage = Stage::open(folder, Size::at(scale)?).await?;
    let mut listens = BTreeMap::new();
    for node in &mut stage.cluster.nodes {
        let file = folder.join(format!("node-{}", node.id)).join("node.toml");
        let config = Config::load(&OsDisk, &file).map_err(|error| RecoveryError::Wrong(error.to_string()))?;
        listens.insert(node.id, config.listen.peer);
        node.ask_to_end();
        node.end().await;
    }
    let began = Instant::now();
    let written = replicate(&stage, &listens, entries).await?;
    let log_s = began.elapsed().as_secs_f64();

    let began = Instant::now();
    let ids: Vec<u32> = stage.cluster.nodes.iter().map(|node| node.id).collect();
    for node in &mut stage.cluster.nodes {
        shorten_log(&folder.join(format!("node-{}", node.id)).join("node.toml"))?;
        node.restart()?;
    }
    ready(&mut stage, &ids).await?;
    let all = |status: &super::stage::Status| status.applied_size >= written && status.published_size >= written;
    stage.all(&ids, "a published checkpoint over everything", JUDGED_WITHIN, all).await?;
    let judged_s = began.elapsed().as_secs_f64();
    stage.all(&ids, "logs that are compacted", WITHIN, |status| status.log_purged > 0).await?;
    let ledger_bytes = bytes_below(&folder.join("node-1/data/ledger"))?;
    Ok(Made { stage, made: Bulk { entries: written, log_s, judged_s, ledger_bytes } })
}

/// From now on the node compacts its Raft log as soon as that is worth it: batches made in bulk are so few that by default
/// all of them would be kept, and a new node would get the log and not the ledger.
fn shorten_log(file: &Path) -> Result<(), RecoveryError> {
    let wrong = |error: &dyn std::fmt::Display| RecoveryError::Wrong(error.to_string());
    let mut config = Config::load(&OsDisk, file).map_err(|error| wrong(&error))?;
    config.tuning.log_entries_kept = Some(LOG_ENTRIES);
    config.tuning.compact_entries = Some(LOG_ENTRIES);
    tamga_node::provision::write_config(&OsDisk, file, &config).map_err(|error| wrong(&error))
}

/// Waits until these nodes serve.
pub(super) async fn ready(stage: &mut Stage, ids: &[u32]) -> Result<(), RecoveryError> {
    let began = Instant::now();
    for node in stage.cluster.nodes.iter_mut().filter(|node| ids.contains(&node.id)) {
        while let Err(last) = node.ready().await {
            node.check_alive()?;
            if began.elapsed() > JUDGED_WITHIN {
                return Err(RecoveryError::Late { what: "a node's service", seconds: JUDGED_WITHIN.as_secs(), last });
            }
            sleep(super::stage::LOOK).await;
        }
    }
    Ok(())
}

/// Commits batches of identifications; returns how many entries the ledger then has at least.
async fn replicate(stage: &Stage, listens: &BTreeMap<u32, SocketAddr>, entries: u64) -> Result<u64, RecoveryError> {
    let mut replicas = Vec::new();
    for (node, address) in listens {
        replicas.push(replica(stage, *node, *address).await?);
    }
    let (leader, term) = leader_of(&replicas).await?;
    let identity = stage.founded.nodes.iter().find(|node| u64::from(node.public.id) == leader.status().id.0);
    let identity = identity.ok_or_else(|| RecoveryError::Wrong("the leader has no keys".to_owned()))?;
    let (batches, mut written) = mpsc::channel(BATCHES_WAITING);
    let place = Place {
        proposer: identity.public.id,
        term,
        epoch: stage.founded.trust.election().cluster_epoch,
        key: identity.identity.secrets.batch.clone(),
    };
    let day = stage.day.clone();
    let writing = tokio::task::spawn_blocking(move || write(&day, &place, entries, &batches));
    while let Some(batch) = written.recv().await {
        // One after the other: the number of a batch follows its place in the log.
        let accepted = leader.propose(batch).await;
        accepted.map_err(|error| RecoveryError::Consensus(error.to_string()))?;
    }
    let written = writing.await.map_err(|error| RecoveryError::Wrong(error.to_string()))??;
    followers_have(&replicas, &leader).await?;
    for replica in &replicas {
        replica.shutdown().await;
    }
    Ok(written)
}

/// Takes part in consensus in a node's stead, with its log.
async fn replica(stage: &Stage, node: u32, address: SocketAddr) -> Result<Consensus, RecoveryError> {
    let folder = stage.folder.join(format!("node-{node}")).join("data/raft");
    let cluster = ClusterId(stage.founded.trust.election_id().0);
    let config = ConsensusConfig {
        require_peer_identity: false,
        ..ConsensusConfig::new(NodeId(u64::from(node)), cluster, folder)
    };
    let seams = Seams {
        disk: Arc::new(OsDisk),
        clock: Arc::new(SystemClock),
        entropy: Arc::new(OsEntropy),
        blocking: Arc::new(ThreadPool),
        dialer: Arc::new(TcpDialer),
    };
    let started = Consensus::start(config, seams, Nothing::default()).await;
    let consensus = started.map_err(|error| RecoveryError::Consensus(error.to_string()))?;
    let listener = TcpListener::bind(address).await.map_err(io_error(format!("listen on {address}")))?;
    let server = Server::builder().initial_stream_window_size(4 << 20).initial_connection_window_size(16 << 20);
    let serving = server.tcp_nodelay(true).add_service(consensus.raft_service());
    let incoming = TcpListenerStream::new(listener);
    let stopped = consensus.clone();
    tokio::spawn(async move {
        let ended = async { drop(stopped.watch_status().wait_for(|status| status.role == Role::Stopped).await) };
        // It ends with the replica; what it could say then is of no use.
        let _ = serving.serve_with_incoming_shutdown(incoming, ended).await;
    });
    Ok(consensus)
}

async fn leader_of(replicas: &[Consensus]) -> Result<(Consensus, u64), RecoveryError> {
    let late = |last: String| RecoveryError::Late { what: "a leader", seconds: WITHIN.as_secs(), last };
    let found = timeout(WITHIN, async {
        loop {
            for replica in replicas {
                let status = replica.status();
                // A leader takes proposals once a quorum has answered it.
                if status.role == Role::Leader && replica.read_barrier().await.is_ok() {
                    return (replica.clone(), status.term);
                }
            }
            sleep(super::stage::LOOK).await;
        }
    });
    found.await.map_err(|_| late("none leads".to_owned()))
}

async fn followers_have(replicas: &[Consensus], leader: &Consensus) -> Result<(), RecoveryError> {
    let due = leader.status().last_log_index;
    for replica in replicas {
        let mut status = replica.watch_status();
        let there = status.wait_for(|status| status.applied.map(|at| at.index) >= due);
        let there = timeout(WITHIN, there).await;
        let late = RecoveryError::Late { what: "replication", seconds: WITHIN.as_secs(), last: String::new() };
        there.map_err(|_| late)?.map_err(|error| RecoveryError::Consensus(error.to_string()))?;
    }
    Ok(())
}

/// An application that keeps nothing: the nodes judge what is in the log.
#[derive(Debug, Default)]
struct Nothing {
    applied: Option<LogPosition>,
}

#[async_trait]
impl Application for Nothing {
    fn applied(&self) -> Option<LogPosition> {
        self.applied
    }

    async fn apply(&mut self, entries: Vec<Committed>) -> Result<Vec<Bytes>, Fatal> {
        self.applied = entries.last().map(|entry| entry.position).or(self.applied);
        Ok(entries.iter().filter(|entry| entry.kind == EntryKind::Normal).map(|_| Bytes::new()).collect())
    }
}

/// Where the batches belong, and who signs them.
struct Place {
    proposer: u32,
    term: u64,
    epoch: u32,
    key: SigningKey,
}

/// Writes batches of whole stations' voters, in order of stations; blocks, on all cores.
fn write(
    day: &crate::day::Day,
    place: &Place,
    entries: u64,
    batches: &mpsc::Sender<Bytes>,
) -> Result<u64, RecoveryError> {
    let (mut written, mut number, mut batch) = (0, 0, Filling::default());
    let size = *day.world.population.size();
    let mut send = |batch: Filling| {
        number += 1;
        // Nobody takes batches any more: the other side says why.
        let _ = batches.blocking_send(batch.sign(place, number, day));
    };
    for first in (1..=size.ordinary).step_by(STATIONS_TOGETHER as usize) {
        let stations = first..(first + STATIONS_TOGETHER).min(size.ordinary + 1);
        let items: Vec<Vec<Item>> =
            stations.into_par_iter().map(|station| voters_of(day, station)).collect::<Result<_, _>>()?;
        for item in items.into_iter().flatten() {
            if written == entries {
                break;
            }
            if !batch.has_room(&item) {
                send(std::mem::take(&mut batch));
            }
            batch.add(item);
            written += 1;
        }
    }
    send(batch);
    if written < entries {
        return Err(RecoveryError::Wrong(format!("the roll has voters for {written} entries only")));
    }
    Ok(written)
}

/// Identifications of all voters of a station, at home.
fn voters_of(day: &crate::day::Day, station: u32) -> Result<Vec<Item>, RecoveryError> {
    let world = &day.world;
    let Some(desk) = world.desk(station) else { return Ok(Vec::new()) };
    let mut device = desk.device.blocking_lock();
    let roll = world.population.roll(station);
    roll.map(|voter| {
        let visit = crate::population::Visit { voter: crate::population::Voter(voter), station, remote: false };
        Ok(Item(world.identification(desk, &mut device, &visit)?.to_bytes()))
    })
    .collect()
}

#[derive(Default)]
struct Filling {
    items: Vec<Item>,
    bytes: usize,
}

impl Filling {
    fn has_room(&self, item: &Item) -> bool {
        self.items.len() < BATCH_ITEMS_MAX && self.bytes + item.0.len() <= BATCH_ITEM_BYTES_MAX
    }

    fn add(&mut self, item: Item) {
        self.bytes += item.0.len();
        self.items.push(item);
    }

    fn sign(self, place: &Place, number: u64, day: &crate::day::Day) -> Bytes {
        let batch = Batch {
            version: 1,
            election: *day.world.trust.election_id(),
            epoch: place.epoch,
            term: place.term,
            number,
            time_ms: SystemClock.now_ms(),
            proposer: place.proposer,
            cut: 0,
            items: self.items,
        };
        Bytes::copy_from_slice(batch.sign(&place.key).bytes())
    }
}
