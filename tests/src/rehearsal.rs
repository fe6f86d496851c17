//! The cluster under test: one `tamga-node` process an organisation, data in a temporary folder, ports from the system.
//!
//! However a test ends, no process stays: each is killed by its own id when its handle is dropped.

use crate::http;
use crate::program;
use crate::wait::{self, until};
use crate::world::{Plan, STATIONS, Voter, World};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tamga_client::device::{DeviceClient, DeviceOptions, NodeEndpoint, Outcome, TcpDial, Transport, VerifiedBytes};
use tamga_ledger::history::History;
use tamga_ledger::note::VerifiedCheckpoint;
use tamga_ledger::promise::{Judged, NodeRefusal};
use tamga_ledger::submission::Submission;
use tamga_ledger::trust::Trust;
use tamga_ledger::verdict::Verdict;
use tamga_platform::entropy::OsEntropy;
use tamga_simulations::cluster::{Cluster, ClusterError, Founded, Ground, Loopback, NodeProcess};
use tempfile::TempDir;

/// Log lines of each node that a failing test shows.
const LOG_LINES: usize = 30;

/// A running rehearsal.
#[derive(Debug)]
pub struct Rehearsal {
    /// Everything outside the cluster.
    pub world: Arc<World>,
    /// The nodes.
    pub cluster: Cluster,
    /// Keys and genesis record, as the ceremony left them.
    pub founded: Founded,
    ground: Arc<dyn Ground>,
    folder: TempDir,
}

impl Rehearsal {
    /// Nodes that are ready; the ledger holds the genesis record and nothing else.
    ///
    /// # Panics
    /// If the cluster does not start.
    pub async fn start(plan: Plan) -> Self {
        Self::start_of(plan, Arc::new(Loopback), &program::tamga_node()).await
    }

    /// As [`start`](Self::start), on other ground than loopback.
    ///
    /// # Panics
    /// If the cluster does not start.
    pub async fn start_on(plan: Plan, ground: Arc<dyn Ground>) -> Self {
        Self::start_of(plan, ground, &program::tamga_node()).await
    }

    async fn start_of(plan: Plan, ground: Arc<dyn Ground>, binary: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (world, founded) = World::found(plan, folder.path());
        let cluster = Cluster::start_on(Arc::clone(&ground), &founded, folder.path(), binary).await;
        let cluster = cluster.unwrap_or_else(|error| panic!("{error}"));
        Self { world: Arc::new(world), cluster, founded, ground, folder }
    }

    /// As [`start`](Self::start), and further: defined, keys registered, rolls sealed, all stations open.
    ///
    /// # Panics
    /// If a record is not accepted.
    pub async fn open(plan: Plan) -> Self {
        Self::opened(Self::start(plan).await).await
    }

    /// As [`open`](Self::open), on other ground than loopback.
    ///
    /// # Panics
    /// If a record is not accepted.
    pub async fn open_on(plan: Plan, ground: Arc<dyn Ground>) -> Self {
        Self::opened(Self::start_on(plan, ground).await).await
    }

    /// As [`open`](Self::open), with this build of the node's program.
    ///
    /// # Panics
    /// If a record is not accepted.
    pub async fn open_with(plan: Plan, binary: &Path) -> Self {
        Self::opened(Self::start_of(plan, Arc::new(Loopback), binary).await).await
    }

    async fn opened(rehearsal: Self) -> Self {
        let rehearsal = Self::sealed(rehearsal).await;
        for (station, _) in STATIONS {
            rehearsal.open_station(station).await;
        }
        rehearsal
    }

    /// As [`open`](Self::open), but no station is open yet.
    ///
    /// # Panics
    /// If a record is not accepted.
    pub async fn ready(plan: Plan) -> Self {
        Self::sealed(Self::start(plan).await).await
    }

    /// The zero report of a station, by its own members; node 1 has published it.
    ///
    /// # Panics
    /// If it is not accepted.
    pub async fn open_station(&self, station: u32) {
        self.seen(&self.world.opening(station)).await;
    }

    /// As [`accepted`](Self::accepted), and node 1 has published it: who drafts the next record of this author from what
    /// is published there takes a number of its own.
    async fn seen(&self, record: &Submission) {
        let judged = self.accepted(record).await;
        self.published(1, judged.leaf.get() + 1).await;
    }

    async fn sealed(rehearsal: Self) -> Self {
        let world = Arc::clone(&rehearsal.world);
        let before = [world.definition_records(), world.key_records(), world.roll_records()].concat();
        for record in &before {
            rehearsal.accepted(record).await;
        }
        let sealed = rehearsal.published(1, rehearsal.applied(1).await).await;
        rehearsal.seen(&world.roll_seal(&sealed.checkpoint().head())).await;
        rehearsal
    }

    /// What the nodes stand on.
    #[must_use]
    pub fn ground(&self) -> Arc<dyn Ground> {
        Arc::clone(&self.ground)
    }

    /// A folder of this test's own.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A node's process.
    ///
    /// # Panics
    /// If there is no such node.
    #[must_use]
    pub fn node(&self, id: u32) -> &NodeProcess {
        &self.cluster.nodes[id as usize - 1]
    }

    /// A node's process, to be killed or started again.
    ///
    /// # Panics
    /// If there is no such node.
    pub fn node_mut(&mut self, id: u32) -> &mut NodeProcess {
        &mut self.cluster.nodes[id as usize - 1]
    }

    /// All node ids.
    pub fn ids(&self) -> std::ops::RangeInclusive<u32> {
        1..=self.world.plan.nodes
    }

    /// Where a node keeps its data.
    #[must_use]
    pub fn data(&self, id: u32) -> PathBuf {
        self.node(id).data.clone()
    }

    /// What a node has logged.
    ///
    /// # Panics
    /// If its log cannot be read.
    #[must_use]
    pub fn log(&self, id: u32) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.node(id).log).unwrap()).into_owned()
    }

    /// Starts a node again and waits until it serves.
    ///
    /// # Panics
    /// If it does not.
    pub async fn restart(&mut self, id: u32) {
        self.node_mut(id).restart().unwrap();
        self.serves(id).await;
    }

    /// Waits until a node that was started serves.
    ///
    /// # Panics
    /// If it does not.
    pub async fn serves(&mut self, id: u32) {
        let node = self.node_mut(id);
        until("a node to serve", async || {
            match node.check_alive() {
                // Somebody else was given its port while it was away; they give it back.
                Err(ClusterError::Ended { tail, .. }) if tail.contains("in use") => node.restart().unwrap(),
                Err(error) => panic!("{error}"),
                Ok(()) => {}
            }
            node.ready().await
        })
        .await;
    }

    /// From their next start on, the nodes listen for the public where they do now: their clients find them again.
    ///
    /// # Panics
    /// If a configuration cannot be written.
    pub fn keep_addresses(&self) {
        for node in &self.cluster.nodes {
            node.configure(|config| config.listen.public = node.public_address()).unwrap();
        }
    }

    /// Kills every node at once: a power cut.
    pub async fn power_cut(&mut self) {
        futures::future::join_all(self.cluster.nodes.iter_mut().map(NodeProcess::kill)).await;
    }

    /// Starts every node again and waits until all serve.
    ///
    /// # Panics
    /// If one does not.
    pub async fn power_back(&mut self) {
        self.cluster.nodes.iter_mut().for_each(|node| node.restart().unwrap());
        for id in self.ids() {
            self.serves(id).await;
        }
    }

    /// Where a node's public listener is.
    #[must_use]
    pub fn public(&self, id: u32) -> SocketAddr {
        self.node(id).public_address()
    }

    /// A client of all nodes, beginning with this one.
    ///
    /// # Panics
    /// Never.
    #[must_use]
    pub fn client(&self, first: u32) -> DeviceClient {
        let mut endpoints: Vec<NodeEndpoint> = self.ids().map(|id| self.endpoint(id)).collect();
        endpoints.rotate_left(first as usize - 1);
        self.client_of(&endpoints)
    }

    /// A client of one node only.
    ///
    /// # Panics
    /// Never.
    #[must_use]
    pub fn client_alone(&self, id: u32) -> DeviceClient {
        self.client_of(&[self.endpoint(id)])
    }

    fn endpoint(&self, id: u32) -> NodeEndpoint {
        NodeEndpoint { node: id, address: self.public(id).to_string(), transport: Transport::Tls }
    }

    /// Where a node is for its clients.
    #[must_use]
    pub fn endpoint_of(&self, id: u32) -> NodeEndpoint {
        self.endpoint(id)
    }

    fn client_of(&self, endpoints: &[NodeEndpoint]) -> DeviceClient {
        let options = DeviceOptions { deadline: wait::GENEROUS, ..DeviceOptions::default() };
        let trust = Arc::clone(&self.world.trust);
        DeviceClient::new(trust, endpoints, options, Arc::new(TcpDial), Arc::new(OsEntropy)).unwrap()
    }

    /// Submits a record to the first node that takes it and waits for the verdict.
    ///
    /// # Panics
    /// If it is refused at admission.
    pub async fn judged(&self, record: &Submission) -> Judged {
        judged(&self.client(1), record).await
    }

    /// As [`judged`](Self::judged), for a record that has to be accepted.
    ///
    /// # Panics
    /// If it is refused.
    pub async fn accepted(&self, record: &Submission) -> Judged {
        let judged = self.judged(record).await;
        assert!(judged.verdict.is_accepted(), "leaf {}: {}", judged.leaf, judged.verdict);
        judged
    }

    /// As [`accepted`](Self::accepted), and no rule is broken either.
    ///
    /// # Panics
    /// If it is refused or flagged.
    pub async fn clean(&self, record: &Submission) -> Judged {
        let judged = self.judged(record).await;
        assert_eq!(judged.verdict, Verdict::Accepted(Vec::new()), "leaf {}", judged.leaf);
        judged
    }

    /// A record's receipt from any node.
    ///
    /// # Panics
    /// If there is none in time.
    pub async fn receipt(&self, record: &Submission, judged: &Judged) -> VerifiedBytes {
        self.client(1).receipt_at(&record.signed.id(), judged.leaf, wait::GENEROUS).await.unwrap()
    }

    /// Identifies a voter, who has to be admitted.
    ///
    /// # Panics
    /// If the voter is refused.
    pub async fn admit(&self, station: u32, voter: Voter) -> (Submission, Judged) {
        let record = self.world.identification(station, voter);
        let judged = self.accepted(&record).await;
        self.world.desk(station).cast(voter);
        (record, judged)
    }

    /// What a node says about itself on its admin listener.
    ///
    /// # Errors
    /// If it does not answer.
    pub async fn status(&self, id: u32) -> Result<serde_json::Value, String> {
        let answer = http::get(self.node(id).admin_address(), "/status").await.map_err(|error| error.to_string())?;
        if answer.status == 200 { Ok(answer.json()) } else { Err(format!("{answer:?}")) }
    }

    /// Entries that a node has applied.
    ///
    /// # Panics
    /// If it does not answer.
    pub async fn applied(&self, id: u32) -> u64 {
        self.status(id).await.unwrap()["applied_size"].as_u64().unwrap()
    }

    /// The node that leads, by its own word and that of all nodes in `among`.
    ///
    /// # Panics
    /// If they do not agree in time.
    pub async fn leader(&self, among: impl IntoIterator<Item = u32>) -> u32 {
        let among: Vec<u32> = among.into_iter().collect();
        until("one leader", async || {
            let mut leaders = Vec::new();
            for id in &among {
                leaders.push(self.status(*id).await?["leader"].as_u64().ok_or("no leader is known")?);
            }
            leaders.dedup();
            match leaders.as_slice() {
                [leader] if among.contains(&(*leader as u32)) => Ok(*leader as u32),
                _ => Err(format!("leaders {leaders:?}")),
            }
        })
        .await
    }

    /// What a node has published last, verified.
    ///
    /// # Errors
    /// If it has published nothing, or does not answer.
    ///
    /// # Panics
    /// If what it serves does not verify.
    pub async fn checkpoint(&self, id: u32) -> Result<VerifiedCheckpoint, String> {
        let answer = http::get(self.public(id), "/checkpoint").await.map_err(|error| error.to_string())?;
        if answer.status != 200 {
            return Err(format!("{answer:?}"));
        }
        if let Ok(verified) = self.world.trust.verify_checkpoint(&answer.body) {
            return Ok(verified);
        }
        // Decided since the genesis record: the node shows the way there, or what it serves does not verify.
        let trust = self.walked(id).await?;
        Ok(trust.verify_checkpoint(&answer.body).unwrap())
    }

    /// What may be trusted after the decisions that a node proves, from the genesis record.
    ///
    /// # Errors
    /// If it does not answer.
    ///
    /// # Panics
    /// If what it serves does not verify.
    pub async fn walked(&self, id: u32) -> Result<Trust, String> {
        let answer = http::get(self.public(id), "/history").await.map_err(|error| error.to_string())?;
        if answer.status != 200 {
            return Err(format!("{answer:?}"));
        }
        Ok(self.world.trust.follow(&History::from_bytes(&answer.body).unwrap()).unwrap())
    }

    /// Waits until a node has published at least this size.
    ///
    /// # Panics
    /// If it does not in time.
    pub async fn published(&self, id: u32, size: u64) -> VerifiedCheckpoint {
        until("a published checkpoint", async || {
            let checkpoint = self.checkpoint(id).await?;
            let found = checkpoint.checkpoint().size.get();
            if found >= size { Ok(checkpoint) } else { Err(format!("node {id}: {found} of {size}")) }
        })
        .await
    }

    /// Waits until these nodes have applied and published the same, and nothing more is to come; returns the checkpoint.
    ///
    /// # Panics
    /// If they do not agree in time.
    pub async fn agreed(&self, among: impl IntoIterator<Item = u32>) -> VerifiedCheckpoint {
        let among: Vec<u32> = among.into_iter().collect();
        until("all nodes to publish the same", async || {
            let mut found = Vec::new();
            for id in &among {
                let (checkpoint, status) = (self.checkpoint(*id).await?, self.status(*id).await?);
                let (size, applied) = (checkpoint.checkpoint().size.get(), status["applied_size"].as_u64());
                if applied != Some(size) {
                    return Err(format!("node {id} has applied {applied:?} and published {size}"));
                }
                found.push(checkpoint);
            }
            let same = found.windows(2).all(|pair| pair[0].checkpoint() == pair[1].checkpoint());
            if same { Ok(found.remove(0)) } else { Err("checkpoints differ".to_owned()) }
        })
        .await
    }
}

impl Drop for Rehearsal {
    fn drop(&mut self) {
        let panicked =
            |node: &NodeProcess| std::fs::read_to_string(&node.log).is_ok_and(|log| log.contains("panicked at"));
        let panicked: Vec<u32> = self.cluster.nodes.iter().filter(|node| panicked(node)).map(|node| node.id).collect();
        if std::thread::panicking() || !panicked.is_empty() {
            for node in &self.cluster.nodes {
                let text = std::fs::read(&node.log).unwrap_or_default();
                let text = String::from_utf8_lossy(&text);
                let lines: Vec<&str> = text.lines().collect();
                let tail = &lines[lines.len().saturating_sub(LOG_LINES)..];
                eprintln!("--- node {}, the end of its log\n{}", node.id, tail.join("\n"));
            }
        }
        // No story may end with a panic inside a node, even if nobody noticed.
        assert!(std::thread::panicking() || panicked.is_empty(), "nodes {panicked:?} panicked: see their logs above");
    }
}

/// Submits through this client and waits for the verdict.
///
/// # Panics
/// If it is refused at admission, or not judged in time.
pub async fn judged(client: &DeviceClient, record: &Submission) -> Judged {
    let answered = client.submit_for_verdict(record).await.unwrap_or_else(|error| panic!("{error}"));
    match answered.outcome {
        Outcome::Promised { promise, .. } => promise.judged.unwrap(),
        Outcome::Refused { refusal, .. } => panic!("refused at admission: {}: {}", refusal.code, refusal.text),
    }
}

/// Submits through this client what has to be refused at admission.
///
/// # Panics
/// If it is taken.
pub async fn refused(client: &DeviceClient, record: &Submission) -> NodeRefusal {
    match client.submit(record).await.unwrap_or_else(|error| panic!("{error}")).outcome {
        Outcome::Refused { refusal, .. } => refusal,
        Outcome::Promised { promise, .. } => panic!("it was taken: {promise:?}"),
    }
}

/// How long nothing must happen before a test believes that nothing will.
pub const STILL: Duration = Duration::from_secs(3);
