//! Replicas over real loopback TCP, each on a runtime of its own, so that killing one kills everything it had running.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tamga_consensus::{
    Accepted, Application, ClusterId, Committed, CompactError, Config, Consensus, EntryKind, Fatal, InstallError,
    LogPosition, Member, NodeId, ProposeError, ReadError, Role, Seams, Status, TcpDialer,
};
use tamga_platform::blocking::ThreadPool;
use tamga_platform::clock::SystemClock;
use tamga_platform::disk::OsDisk;
use tamga_platform::entropy::OsEntropy;
use tokio::net::TcpSocket;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tonic::transport::server::TcpIncoming;

/// Longer than anything here takes on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// What a replica's application keeps across restarts.
#[derive(Debug, Clone)]
pub(crate) struct Kept(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    state: Mutex<State>,
    /// Whose state an installation copies: the first who has enough.
    sources: Mutex<Vec<Kept>>,
    /// What an installation meets.
    meets: watch::Sender<Meets>,
    /// How often an installation began.
    installations: watch::Sender<usize>,
}

#[derive(Debug, Clone, Default)]
struct State {
    applied: Option<LogPosition>,
    payloads: Vec<Bytes>,
    /// Position and number of payloads of the latest state that may be offered as a snapshot.
    offered: Option<(LogPosition, usize)>,
}

/// What an installation meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meets {
    /// Nothing in its way.
    Nothing,
    /// It takes until this changes.
    Delay,
    /// Nobody can be reached.
    Interruption,
    /// It arrives, and the process hangs before it can say so.
    Silence,
}

impl Default for Kept {
    fn default() -> Self {
        let (state, sources) = (Mutex::default(), Mutex::default());
        let (meets, installations) = (watch::Sender::new(Meets::Nothing), watch::Sender::new(0));
        Self(Arc::new(Inner { state, sources, meets, installations }))
    }
}

impl Kept {
    pub(crate) fn payloads(&self) -> Vec<Bytes> {
        self.0.state.lock().unwrap().payloads.clone()
    }

    pub(crate) fn applied(&self) -> Option<LogPosition> {
        self.0.state.lock().unwrap().applied
    }

    pub(crate) fn forget(&self) {
        *self.0.state.lock().unwrap() = State::default();
    }

    /// From now on the present state is offered as a snapshot.
    pub(crate) fn publish(&self) -> Option<LogPosition> {
        let mut state = self.0.state.lock().unwrap();
        state.offered = state.applied.map(|applied| (applied, state.payloads.len()));
        state.applied
    }

    pub(crate) fn copies_from(&self, sources: Vec<Self>) {
        *self.0.sources.lock().unwrap() = sources;
    }

    pub(crate) fn meets(&self, meets: Meets) {
        self.0.meets.send_replace(meets);
    }

    pub(crate) fn watch_installations(&self) -> watch::Receiver<usize> {
        self.0.installations.subscribe()
    }

    pub(crate) fn application(&self) -> impl Application + use<> {
        Recorder(self.clone())
    }
}

struct Recorder(Kept);

#[async_trait]
impl Application for Recorder {
    fn applied(&self) -> Option<LogPosition> {
        self.0.applied()
    }

    async fn apply(&mut self, entries: Vec<Committed>) -> Result<Vec<Bytes>, Fatal> {
        let mut kept = self.0.0.state.lock().unwrap();
        let mut responses = Vec::new();
        for entry in entries {
            let expected = kept.applied.map_or(0, |last| last.index + 1);
            assert_eq!(entry.position.index, expected, "entries come once, in order, without gaps");
            kept.applied = Some(entry.position);
            if entry.kind == EntryKind::Normal {
                if entry.payload == b"poison"[..] {
                    return Err(Fatal::new("the application was poisoned"));
                }
                responses.push(Bytes::from(format!("#{}", kept.payloads.len())));
                kept.payloads.push(entry.payload);
            }
        }
        Ok(responses)
    }

    fn snapshot(&self) -> Option<(LogPosition, Bytes)> {
        let (position, count) = self.0.0.state.lock().unwrap().offered?;
        Some((position, count.to_string().into()))
    }

    async fn install(&mut self, position: LogPosition, snapshot: Bytes) -> Result<(), InstallError> {
        let mut meets = self.0.0.meets.subscribe();
        self.0.0.installations.send_modify(|count| *count += 1);
        let met = *meets.wait_for(|meets| *meets != Meets::Delay).await.unwrap();
        let count: usize = std::str::from_utf8(&snapshot).unwrap().parse().unwrap();
        let sources = self.0.0.sources.lock().unwrap().clone();
        let source = sources.into_iter().map(|source| source.payloads()).find(|payloads| payloads.len() >= count);
        let Some(source) = source.filter(|_| met != Meets::Interruption) else {
            return Err(InstallError::Interrupted("nobody who has it can be reached".to_owned()));
        };
        let payloads = source[..count].to_vec();
        *self.0.0.state.lock().unwrap() = State { applied: Some(position), offered: Some((position, count)), payloads };
        if met == Meets::Silence {
            std::future::pending::<()>().await;
        }
        Ok(())
    }
}

/// One replica: its folder, address and application outlive its process, here a runtime.
pub(crate) struct Node {
    pub(crate) member: Member,
    pub(crate) kept: Kept,
    folder: tempfile::TempDir,
    /// Bound and not listening while the replica does not run: callers are refused, and no outgoing connection of whoever
    /// else runs on this machine can be given the port.
    reserved: Option<TcpSocket>,
    running: Option<(Runtime, Consensus)>,
}

pub(crate) fn config(id: NodeId, folder: &Path) -> Config {
    Config {
        heartbeat_ms: 100,
        election_ms_min: 500,
        election_ms_max: 1_000,
        rpc_timeout_ms: 2_000,
        segment_bytes: 1 << 20,
        disk_reserve_bytes: 0,
        log_entries_kept: 4,
        require_peer_identity: false,
        ..Config::new(id, ClusterId([3; 32]), folder)
    }
}

pub(crate) fn seams() -> Seams {
    Seams {
        disk: Arc::new(OsDisk),
        clock: Arc::new(SystemClock),
        entropy: Arc::new(OsEntropy),
        blocking: Arc::new(ThreadPool),
        dialer: Arc::new(TcpDialer),
    }
}

impl Node {
    /// A replica that has an address and does not run yet.
    pub(crate) async fn new(id: u64) -> Self {
        let socket = reserve("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = socket.local_addr().unwrap().to_string();
        let (member, reserved) = (Member { id: NodeId(id), address }, Some(socket));
        Self { member, kept: Kept::default(), folder: tempfile::tempdir().unwrap(), reserved, running: None }
    }

    pub(crate) async fn start(&mut self) {
        let config = config(self.member.id, self.folder.path());
        self.start_with(config).await;
    }

    pub(crate) async fn start_with(&mut self, config: Config) {
        self.start_on(config, seams()).await;
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Starts it with `seams`.
    pub(crate) async fn start_on(&mut self, config: Config, seams: Seams) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let application = self.kept.application();
        let reserved = self.reserved.take().expect("the replica does not run");
        let started = runtime.spawn(async move {
            // Registered with the runtime that serves it.
            let listener = reserved.listen(1_024).unwrap();
            let consensus = Consensus::start(config, seams, application).await.unwrap();
            let server = tonic::transport::Server::builder().add_service(consensus.raft_service());
            tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener).with_nodelay(Some(true))));
            consensus
        });
        self.running = Some((runtime, started.await.unwrap()));
    }

    pub(crate) fn consensus(&self) -> &Consensus {
        &self.running.as_ref().expect("the replica runs").1
    }

    pub(crate) fn runs(&self) -> bool {
        self.running.is_some()
    }

    /// Ends everything the replica has running, in the middle of whatever it does.
    pub(crate) async fn kill(&mut self) {
        let (runtime, consensus) = self.running.take().expect("the replica runs");
        drop(consensus);
        // Blocking writes under way are waited for, as a kernel finishes a system call of a killed process.
        tokio::task::spawn_blocking(move || runtime.shutdown_timeout(PATIENCE)).await.unwrap();
        self.reserved = Some(reserve_again(self.member.address.parse().unwrap()).await);
    }

    pub(crate) async fn stop(&mut self) {
        self.consensus().shutdown().await;
        self.kill().await;
    }

    /// Offers the present state as a snapshot, and purges the log below it.
    pub(crate) async fn compact(&self) -> LogPosition {
        let position = self.kept.publish().expect("something was applied");
        let compacted = async {
            loop {
                match self.consensus().compact(position.index).await {
                    Ok(compacted) => return compacted,
                    Err(CompactError::Busy(_)) => tokio::time::sleep(Duration::from_millis(20)).await,
                    Err(error) => panic!("{}: {error}", self.member),
                }
            }
        };
        let compacted = tokio::time::timeout(PATIENCE, compacted).await.expect("a compacted log");
        assert!(compacted.snapshot >= position);
        self.wait("a purged log", |status| status.purged >= compacted.purging).await;
        compacted.snapshot
    }

    /// Waits until the status satisfies `enough`.
    pub(crate) async fn wait(&self, what: &str, enough: impl Fn(&Status) -> bool) -> Status {
        let mut status = self.consensus().watch_status();
        let found = tokio::time::timeout(PATIENCE, status.wait_for(|status| enough(status))).await;
        let now = || self.consensus().status();
        found.unwrap_or_else(|_| panic!("{}: waited for {what}: {:?}", self.member, now())).unwrap().clone()
    }

    /// Reads linearizably, as often as it takes: while leadership changes nobody can.
    pub(crate) async fn read(&self) -> LogPosition {
        let read = async {
            loop {
                match self.consensus().read_barrier().await {
                    Ok(position) => return position,
                    Err(ReadError::Fatal(fatal)) => panic!("{}: {fatal}", self.member),
                    Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
                }
            }
        };
        tokio::time::timeout(PATIENCE, read).await.expect("a linearizable read")
    }
}

fn reserve(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

/// The port of a replica that has just ended; the last of its connections may still be closing.
async fn reserve_again(address: SocketAddr) -> TcpSocket {
    let reserved = async {
        loop {
            match reserve(address) {
                Ok(socket) => return socket,
                Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
    };
    tokio::time::timeout(PATIENCE, reserved).await.expect("the port of this replica")
}

impl Drop for Node {
    fn drop(&mut self) {
        // A runtime must not be waited for inside another one.
        if let Some((runtime, _)) = self.running.take() {
            runtime.shutdown_background();
        }
    }
}

pub(crate) struct Cluster(pub(crate) Vec<Node>);

impl Cluster {
    /// `count` replicas that run and have a leader; each was told the members, as nodes are at every start.
    pub(crate) async fn start(count: u64) -> Self {
        let mut nodes = Vec::new();
        for id in 1..=count {
            nodes.push(Node::new(id).await);
        }
        let mut cluster = Self(nodes);
        for node in &mut cluster.0 {
            node.start().await;
        }
        let members = cluster.members();
        for node in &cluster.0 {
            node.consensus().initialize(members.clone()).await.unwrap();
        }
        cluster.leader().await;
        cluster
    }

    pub(crate) fn members(&self) -> Vec<Member> {
        self.0.iter().map(|node| node.member.clone()).collect()
    }

    /// Place of the replica that leads, once all running ones agree on it.
    pub(crate) async fn leader(&self) -> usize {
        let agreed = async {
            loop {
                let statuses = self.0.iter().map(|node| node.runs().then(|| node.consensus().status()));
                let statuses: Vec<Option<Status>> = statuses.collect();
                let leads = |status: &Option<Status>| status.as_ref().is_some_and(|status| status.role == Role::Leader);
                if let Some(place) = statuses.iter().position(leads)
                    && statuses.iter().flatten().all(|status| status.leader.as_ref() == Some(&self.0[place].member))
                {
                    return place;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, agreed).await.expect("a leader that all agree on")
    }

    /// Proposes at whoever leads, until it is accepted.
    pub(crate) async fn propose(&self, payload: &str) -> Accepted {
        let accepted = async {
            loop {
                let place = self.leader().await;
                match self.0[place].consensus().propose(Bytes::from(payload.to_owned())).await {
                    Ok(accepted) => return accepted,
                    Err(ProposeError::NotLeader { .. } | ProposeError::Unavailable(_)) => {}
                    Err(error) => panic!("{error}"),
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, accepted).await.expect("an accepted proposal")
    }

    /// Waits until all running replicas applied `position`, and checks that they applied the same.
    pub(crate) async fn converge(&self, position: LogPosition) -> Vec<Bytes> {
        let mut views = Vec::new();
        for node in self.0.iter().filter(|node| node.runs()) {
            node.wait("applied entries", |status| status.applied >= Some(position)).await;
            views.push(node.kept.payloads());
        }
        assert!(views.windows(2).all(|pair| pair[0] == pair[1]), "replicas applied different entries");
        views.pop().expect("a running replica")
    }
}
