//! Several cores in one process, over loopback TCP. Each connection says with its first byte which node it comes from,
//! where a real one has a certificate.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use axum::{Extension, Router};
use bytes::Bytes;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::service::TowerToHyperService;
use tamga_consensus::{Dialer, PeerIdentity, Stream};
use tamga_ledger::ids::RecordId;
use tamga_ledger::promise::Promise;
use tamga_ledger::submission::Submission;
use tamga_node::core::{Answer, Core, CoreError, CoreSeams, CoreSetup, Member, NodeId, Tuning};
use tamga_node::peer;
use tamga_node::testing::{TestElection, secrets};
use tamga_platform::blocking::ThreadPool;
use tamga_platform::clock::{Clock, SystemClock};
use tamga_platform::entropy::OsEntropy;
use tamga_platform::tight_disk::TightDisk;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// Says who it is with the first byte.
#[derive(Debug)]
struct SaysWho {
    node: u32,
    cut_off: Arc<AtomicBool>,
}

#[async_trait::async_trait]
impl Dialer for SaysWho {
    async fn dial(&self, _: NodeId, address: &str) -> io::Result<Box<dyn Stream>> {
        if self.cut_off.load(Ordering::SeqCst) {
            return Err(io::ErrorKind::HostUnreachable.into());
        }
        let mut stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        stream.write_all(&[self.node as u8]).await?;
        Ok(Box::new(stream))
    }
}

/// One running node.
pub(crate) struct Running {
    pub(crate) core: Arc<Core>,
    serving: JoinHandle<()>,
}

/// The cluster.
pub(crate) struct Cluster {
    pub(crate) election: Arc<TestElection>,
    pub(crate) tuning: Tuning,
    /// For nodes that join a cluster that was recovered.
    pub(crate) cluster_epoch: Option<u32>,
    /// By how much each node's clock is wrong, ms.
    pub(crate) clocks: BTreeMap<u32, Arc<AtomicI64>>,
    folder: PathBuf,
    listeners: BTreeMap<u32, std::net::TcpListener>,
    pub(crate) disks: BTreeMap<u32, TightDisk>,
    pub(crate) running: BTreeMap<u32, Running>,
    /// What a node serves to the others; [`peer::router`] where nothing else is said.
    pub(crate) routers: BTreeMap<u32, RouterOf>,
}

/// Makes what a node serves to the others.
pub(crate) type RouterOf = Arc<dyn Fn(&Arc<Core>) -> Router + Send + Sync>;

pub(crate) fn now_ms() -> u64 {
    SystemClock.now_ms()
}

impl Cluster {
    /// Nodes 1 to n, none of them running.
    pub(crate) fn new(folder: &Path, election: TestElection) -> Self {
        let election_nodes = election.nodes();
        let listen = |node| (node, std::net::TcpListener::bind("127.0.0.1:0").unwrap());
        let listeners = (1..=election.nodes()).map(listen).collect();
        let tuning = Tuning {
            heartbeat_ms: 100,
            election_ms_min: 500,
            election_ms_max: 1_000,
            raft_segment_bytes: 16 << 20,
            disk_reserve_bytes: 0,
            ..Tuning::default()
        };
        let disks = (1..=election.nodes()).map(|node| (node, TightDisk::default())).collect();
        Self {
            election: Arc::new(election),
            tuning,
            cluster_epoch: None,
            clocks: (1..=election_nodes).map(|node| (node, Arc::default())).collect(),
            folder: folder.to_owned(),
            listeners,
            disks,
            running: BTreeMap::new(),
            routers: BTreeMap::new(),
        }
    }

    /// A place for a node that joins later.
    pub(crate) fn make_room(&mut self, node: u32) {
        self.listeners.insert(node, std::net::TcpListener::bind("127.0.0.1:0").unwrap());
        self.disks.insert(node, TightDisk::default());
    }

    /// A node's disk is lost while it is down.
    pub(crate) fn wipe(&self, node: u32) {
        std::fs::remove_dir_all(self.node_folder(node)).unwrap();
    }

    /// A cluster with all nodes running and caught up.
    pub(crate) async fn start(folder: &Path, election: TestElection) -> Self {
        let mut cluster = Self::new(folder, election);
        for node in 1..=cluster.election.nodes() {
            cluster.start_node(node).await;
        }
        cluster.wait_ready().await;
        cluster
    }

    pub(crate) fn node_folder(&self, node: u32) -> PathBuf {
        self.folder.join(format!("node-{node}"))
    }

    fn setup(&self, node: u32) -> CoreSetup {
        let member = |(id, listener): (&u32, &std::net::TcpListener)| Member {
            id: NodeId(u64::from(*id)),
            address: listener.local_addr().unwrap().to_string(),
        };
        CoreSetup {
            node,
            genesis: self.election.genesis().clone(),
            data_dir: self.node_folder(node),
            keys: secrets(node).into(),
            members: self.listeners.iter().map(member).collect(),
            tuning: self.tuning.clone(),
            cluster_epoch: self.cluster_epoch,
        }
    }

    pub(crate) async fn try_start(&self, node: u32) -> Result<Arc<Core>, CoreError> {
        self.try_start_in(node, self.node_folder(node)).await
    }

    /// A process with this node's id and keys and a folder of its own, at which nobody arrives.
    pub(crate) async fn try_start_in(&self, node: u32, data_dir: PathBuf) -> Result<Arc<Core>, CoreError> {
        let seams = CoreSeams {
            disk: Arc::new(self.disks[&node].clone()),
            clock: Arc::new(WrongClock(self.clocks.get(&node).cloned().unwrap_or_default())),
            entropy: Arc::new(OsEntropy),
            blocking: Arc::new(ThreadPool),
            dialer: Arc::new(SaysWho { node, cut_off: Arc::default() }),
        };
        Core::start(CoreSetup { data_dir, ..self.setup(node) }, seams).await
    }

    pub(crate) async fn start_node(&mut self, node: u32) {
        let core = self.try_start(node).await.unwrap();
        let listener = self.listeners[&node].try_clone().unwrap();
        listener.set_nonblocking(true).unwrap();
        let serving = tokio::spawn(serve(TcpListener::from_std(listener).unwrap(), self.router(node, &core)));
        self.running.insert(node, Running { core, serving });
    }

    fn router(&self, node: u32, core: &Arc<Core>) -> Router {
        self.routers.get(&node).map_or_else(|| peer::router(core), |router| router(core))
    }

    pub(crate) async fn stop_node(&mut self, node: u32) {
        let Running { core, serving } = self.running.remove(&node).unwrap();
        serving.abort();
        let _ = serving.await;
        core.shutdown().await;
    }

    pub(crate) async fn stop(&mut self) {
        while let Some((node, _)) = self.running.last_key_value() {
            self.stop_node(*node).await;
        }
    }

    pub(crate) fn core(&self, node: u32) -> &Arc<Core> {
        &self.running[&node].core
    }

    pub(crate) async fn wait_ready(&self) {
        for running in self.running.values() {
            let ready = || running.core.status().is_ready() && running.core.status().applied_size > 0;
            eventually("a node becomes ready", ready).await;
        }
    }

    pub(crate) fn leader(&self) -> Option<u32> {
        self.running.iter().find(|(_, running)| running.core.status().role == "leader").map(|(node, _)| *node)
    }

    /// A node that does not lead.
    pub(crate) fn follower(&self) -> u32 {
        let leader = self.leader();
        *self.running.keys().find(|node| Some(**node) != leader).unwrap()
    }

    /// Submits through `node` and returns the promise, verified.
    pub(crate) async fn submit(&self, node: u32, submission: Bytes) -> Promise {
        match self.core(node).submit(submission, None).await {
            Answer::Promise(bytes) => self.promise(node, &bytes),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn promise(&self, node: u32, bytes: &[u8]) -> Promise {
        let trust = self.core(node).trust();
        Promise::verify(bytes, |id| trust.node(id).map(|node| node.keys.promise_key)).unwrap()
    }

    /// Defines the election, registers keys, loads rolls and opens all stations.
    pub(crate) async fn open_polls(&self, stations: u32) {
        let leader = self.leader().unwrap();
        for record in self.election.preparation() {
            let judged = self.submit(leader, record).await.judged.expect("a verdict");
            assert!(judged.verdict.is_accepted(), "{}", judged.verdict);
        }
        for station in 1..=stations {
            let phase = self.election.phase(station, tamga_ledger::kinds::Phase::Open);
            let judged = self.submit(leader, phase).await.judged.expect("a verdict");
            assert!(judged.verdict.is_accepted(), "{}", judged.verdict);
        }
    }
}

pub(crate) fn id_of(submission: &Bytes) -> RecordId {
    Submission::from_bytes(submission).unwrap().signed.id()
}

async fn serve(listener: TcpListener, router: Router) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((mut stream, _)) = listener.accept().await else { return };
        let router = router.clone();
        connections.spawn(async move {
            let _ = stream.set_nodelay(true);
            let Ok(node) = stream.read_u8().await else { return };
            let service = router.layer(Extension(PeerIdentity(NodeId(u64::from(node)))));
            let server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new()).http2_only();
            let _ = server.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service)).await;
        });
    }
}

/// Waits until `holds`, 60 seconds at most.
pub(crate) async fn eventually(what: &str, holds: impl Fn() -> bool) {
    eventually_or(what, holds, String::new).await;
}

/// As [`eventually`]; says how things stand if it never comes.
pub(crate) async fn eventually_or(what: &str, holds: impl Fn() -> bool, standing: impl Fn() -> String) {
    for _ in 0..1_200 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("never: {what}\n{}", standing());
}

/// The system's clock, put wrong by so many milliseconds.
#[derive(Debug)]
struct WrongClock(Arc<AtomicI64>);

impl Clock for WrongClock {
    fn now_ms(&self) -> u64 {
        SystemClock.now_ms().saturating_add_signed(self.0.load(Ordering::SeqCst))
    }
}
