//! Replicas over real loopback TCP, each on a runtime of its own, so that killing one kills everything it had running.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tamga_consensus::{
    Accepted, Application, ClusterId, Committed, Config, Consensus, EntryKind, Fatal, LogPosition, Member, NodeId,
    ProposeError, Role, Seams, Status, TcpDialer,
};
use tamga_platform::blocking::ThreadPool;
use tamga_platform::clock::SystemClock;
use tamga_platform::disk::OsDisk;
use tamga_platform::entropy::OsEntropy;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tonic::transport::server::TcpIncoming;

/// Longer than anything here takes on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// What a replica's application keeps across restarts.
#[derive(Debug, Clone, Default)]
pub(crate) struct Kept(Arc<Mutex<(Option<LogPosition>, Vec<Bytes>)>>);

impl Kept {
    pub(crate) fn payloads(&self) -> Vec<Bytes> {
        self.0.lock().unwrap().1.clone()
    }

    pub(crate) fn forget(&self) {
        *self.0.lock().unwrap() = (None, Vec::new());
    }
}

impl Kept {
    pub(crate) fn application(&self) -> impl Application + use<> {
        Recorder(self.clone())
    }
}

struct Recorder(Kept);

#[async_trait]
impl Application for Recorder {
    fn applied(&self) -> Option<LogPosition> {
        self.0.0.lock().unwrap().0
    }

    async fn apply(&mut self, entries: Vec<Committed>) -> Result<Vec<Bytes>, Fatal> {
        let mut kept = self.0.0.lock().unwrap();
        let mut responses = Vec::new();
        for entry in entries {
            let expected = kept.0.map_or(0, |last| last.index + 1);
            assert_eq!(entry.position.index, expected, "entries come once, in order, without gaps");
            kept.0 = Some(entry.position);
            if entry.kind == EntryKind::Normal {
                if entry.payload == b"poison"[..] {
                    return Err(Fatal::new("the application was poisoned"));
                }
                responses.push(Bytes::from(format!("#{}", kept.1.len())));
                kept.1.push(entry.payload);
            }
        }
        Ok(responses)
    }
}

/// One replica: its folder, address and application outlive its process, here a runtime.
pub(crate) struct Node {
    pub(crate) member: Member,
    pub(crate) kept: Kept,
    folder: tempfile::TempDir,
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
        // The port is free again at once; the listener that serves takes it with the same address.
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let member = Member { id: NodeId(id), address };
        Self { member, kept: Kept::default(), folder: tempfile::tempdir().unwrap(), running: None }
    }

    pub(crate) async fn start(&mut self) {
        let config = config(self.member.id, self.folder.path());
        self.start_with(config).await;
    }

    pub(crate) async fn start_with(&mut self, config: Config) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let seams = seams();
        let (address, application) = (self.member.address.clone(), self.kept.application());
        let started = runtime.spawn(async move {
            let listener = TcpListener::bind(address).await.unwrap();
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
    }

    pub(crate) async fn stop(&mut self) {
        self.consensus().shutdown().await;
        self.kill().await;
    }

    /// Waits until the status satisfies `enough`.
    pub(crate) async fn wait(&self, what: &str, enough: impl Fn(&Status) -> bool) -> Status {
        let mut status = self.consensus().watch_status();
        let found = tokio::time::timeout(PATIENCE, status.wait_for(|status| enough(status))).await;
        found.unwrap_or_else(|_| panic!("{}: waited for {what}", self.member)).unwrap().clone()
    }
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
