//! The cluster: organisations and their keys, the genesis record, and one `tamga-node` process each on loopback.
//!
//! | file | what |
//! |---|---|
//! | `founding` | keys, certificates, definition parts, the genesis record signed by all |
//! | `binary` | where the node's program is, built if need be |
//! | `ground` | what the nodes stand on: loopback, or what a test brings |
//! | `process` | one child process: started, watched, ended by its own id |
//! | `probe` | whether a node is ready |

mod binary;
mod founding;
mod ground;
mod probe;
mod process;

pub use binary::{BinaryError, node_binary, program};
pub use founding::{Founded, FoundingError, found};
pub use ground::{Ground, Loopback};
pub use process::NodeProcess;

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tamga_client::device::{NodeEndpoint, Transport};
use tamga_node::config::{ConfigError, Peer};
use tamga_node::provision::{self, GeneratedNode, ProvisionError};
use tamga_platform::disk::{Disk, OsDisk};
use tokio::time::{Instant, sleep};

/// How long the nodes may take to find a leader.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// How often ports are chosen anew when somebody else took one in between.
const PORT_ATTEMPTS: u32 = 5;

/// Why the cluster does not run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClusterError {
    /// Files of a node.
    #[error(transparent)]
    Provision(#[from] ProvisionError),
    /// A node's configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The node's program.
    #[error(transparent)]
    Binary(#[from] BinaryError),
    /// The system.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A node ended by itself.
    #[error("node {node} ended by itself ({status}); the end of its log {log}:\n{tail}")]
    Ended {
        /// Which.
        node: u32,
        /// How.
        status: String,
        /// Where its log is.
        log: PathBuf,
        /// Its last lines.
        tail: String,
    },
    /// Nodes that do not become ready.
    #[error("node {node} is not ready after {waited_s} s: {what}; its log is {log}")]
    NotReady {
        /// Which.
        node: u32,
        /// How long it was waited for.
        waited_s: u64,
        /// What it says.
        what: String,
        /// Where its log is.
        log: PathBuf,
    },
}

pub(crate) fn io_error(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> ClusterError {
    let what = what.into();
    |source| ClusterError::Io { what, source }
}

/// Running nodes. Dropping it ends them.
#[derive(Debug)]
pub struct Cluster {
    /// The nodes, ascending by id.
    pub nodes: Vec<NodeProcess>,
}

impl Cluster {
    /// Writes each node's files and starts all of them; returns once every node is ready.
    ///
    /// # Errors
    /// [`ClusterError`]; no process is left then.
    pub async fn start(founded: &Founded, folder: &Path, binary: &Path) -> Result<Self, ClusterError> {
        Self::start_on(Arc::new(Loopback), founded, folder, binary).await
    }

    /// As [`start`](Self::start), on other ground than loopback.
    ///
    /// # Errors
    /// [`ClusterError`]; no process is left then.
    pub async fn start_on(
        ground: Arc<dyn Ground>,
        founded: &Founded,
        folder: &Path,
        binary: &Path,
    ) -> Result<Self, ClusterError> {
        let genesis = folder.join("genesis.cbor");
        provision::write_genesis(&OsDisk, &genesis, &founded.genesis)?;
        for node in &founded.nodes {
            node.write(&OsDisk, &node_folder(folder, node.public.id).join("keys"))?;
        }
        let mut attempt = 1;
        loop {
            match Self::launch(&ground, founded, folder, &genesis, binary).await {
                // Somebody took a port between our looking and the node's binding. Nothing has been recorded yet.
                Err(ClusterError::Ended { tail, .. }) if attempt < PORT_ATTEMPTS && port_taken(&tail) => attempt += 1,
                other => return other,
            }
        }
    }

    async fn launch(
        ground: &Arc<dyn Ground>,
        founded: &Founded,
        folder: &Path,
        genesis: &Path,
        binary: &Path,
    ) -> Result<Self, ClusterError> {
        let ids: Vec<u32> = founded.nodes.iter().map(|node| node.public.id).collect();
        let ports = free_ports(ids.len()).map_err(io_error("look for free ports"))?;
        let peers: Vec<Peer> =
            ids.iter().zip(&ports).map(|(id, address)| Peer { id: *id, address: address.to_string() }).collect();
        let mut cluster = Self { nodes: Vec::with_capacity(ids.len()) };
        for (id, address) in ids.into_iter().zip(ports) {
            let folder = node_folder(folder, id);
            let data = folder.join("data");
            let _ = std::fs::remove_dir_all(&data);
            OsDisk.create_dir_all(&data).map_err(io_error(format!("create {}", data.display())))?;
            let mut config = provision::loopback_config(id, genesis, address, peers.clone());
            // The whole country comes through a handful of connections here.
            config.limits.stream_submissions_max = 1_024;
            // And everybody who reads has the same address.
            config.limits.cost_per_second = 0;
            ground.prepare(id, &data, &mut config).map_err(io_error(format!("prepare the ground of node {id}")))?;
            let file = folder.join("node.toml");
            provision::write_config(&OsDisk, &file, &config)?;
            cluster.nodes.push(NodeProcess::start(id, Arc::clone(ground), binary, &file, &folder)?);
        }
        cluster.wait_ready().await?;
        Ok(cluster)
    }

    /// Writes the files of a node that joins later and starts it. It knows where `peers` are; the others know nothing of it
    /// but what the organisations decide, and where it says that it is. Its place among the nodes is the last.
    ///
    /// # Errors
    /// [`ClusterError`].
    pub fn join(
        &mut self,
        node: &GeneratedNode,
        folder: &Path,
        binary: &Path,
        peers: Vec<Peer>,
    ) -> Result<(), ClusterError> {
        let (id, genesis) = (node.public.id, folder.join("genesis.cbor"));
        let folder = node_folder(folder, id);
        node.write(&OsDisk, &folder.join("keys"))?;
        let own = free_ports(1).map_err(io_error("look for a free port"))?;
        let own = own.into_iter().next().unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 0)));
        let data = folder.join("data");
        OsDisk.create_dir_all(&data).map_err(io_error(format!("create {}", data.display())))?;
        let file = folder.join("node.toml");
        provision::write_config(&OsDisk, &file, &provision::loopback_config(id, &genesis, own, peers))?;
        self.nodes.push(NodeProcess::start(id, Arc::new(Loopback), binary, &file, &folder)?);
        Ok(())
    }

    async fn wait_ready(&mut self) -> Result<(), ClusterError> {
        let began = Instant::now();
        let mut ready = 0;
        while ready < self.nodes.len() {
            for node in &mut self.nodes {
                node.check_alive()?;
            }
            let Some(node) = self.nodes.get_mut(ready) else { break };
            match node.ready().await {
                Ok(()) => ready += 1,
                Err(what) if began.elapsed() > READY_WITHIN => {
                    let (waited_s, log) = (READY_WITHIN.as_secs(), node.log.clone());
                    return Err(ClusterError::NotReady { node: node.id, waited_s, what, log });
                }
                Err(_) => sleep(Duration::from_millis(50)).await,
            }
        }
        Ok(())
    }

    /// Where clients reach the nodes.
    #[must_use]
    pub fn endpoints(&self) -> Vec<NodeEndpoint> {
        let endpoint = |node: &NodeProcess| NodeEndpoint {
            node: node.id,
            address: node.public_address().to_string(),
            transport: Transport::Tls,
        };
        self.nodes.iter().map(endpoint).collect()
    }

    /// Says which node has ended by itself, if one has.
    ///
    /// # Errors
    /// [`ClusterError::Ended`].
    pub fn check_alive(&mut self) -> Result<(), ClusterError> {
        self.nodes.iter_mut().try_for_each(NodeProcess::check_alive)
    }

    /// The largest resident memory that any node has had, MiB.
    #[must_use]
    pub fn rss_mib_max(&self) -> u64 {
        self.nodes.iter().filter_map(NodeProcess::rss_mib_max).max().unwrap_or(0)
    }

    /// Asks all nodes to end and waits for them; whoever does not is killed.
    pub async fn stop(mut self) {
        for node in &self.nodes {
            node.ask_to_end();
        }
        for node in &mut self.nodes {
            node.end().await;
        }
    }
}

fn node_folder(folder: &Path, id: u32) -> PathBuf {
    folder.join(format!("node-{id}"))
}

fn port_taken(log_tail: &str) -> bool {
    log_tail.to_lowercase().contains("address already in use") || log_tail.contains("AddrInUse")
}

/// Ports that were free a moment ago; all are bound before any is released, so they differ.
fn free_ports(count: usize) -> std::io::Result<Vec<SocketAddr>> {
    let listeners = (0..count).map(|_| TcpListener::bind(("127.0.0.1", 0))).collect::<std::io::Result<Vec<_>>>()?;
    listeners.iter().map(TcpListener::local_addr).collect()
}
