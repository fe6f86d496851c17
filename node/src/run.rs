//! The whole node from a configuration: start-up in order, serving, and an orderly end.
//!
//! ```text
//!   keys, genesis ─► checked against each other ─► sockets bound ─► admin answers ─► core (replays its ledger)
//!     ─► peers' listener ─► public listener ─► addresses.json ─► … ─► signal or fatal
//!     ─► public listener drained ─► core stopped, everything durable ─► peers' listener, admin ─► end
//! ```

use std::collections::BTreeMap;
use std::future::Future;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use metrics_exporter_prometheus::PrometheusHandle;
use serde::{Deserialize, Serialize};
use tamga_consensus::{Dialer, Member, NodeId};
use tamga_ledger::submission::Submission;
use tamga_ledger::trust::{Trust, TrustError};
use tamga_platform::blocking::Blocking;
use tamga_platform::clock::Clock;
use tamga_platform::disk::Disk;
use tamga_platform::entropy::Entropy;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::admin::{Admin, AdminListener};
use crate::config::Config;
use crate::core::{Core, CoreError, CoreSeams, CoreSetup, Tuning};
use crate::keys::{KeyError, NodeIdentity};
use crate::listeners::{
    Gate, Handler, HttpServer, Listener, Network, PeerListener, PublicListener, Stop, Stopper, accept_connections,
};
use crate::peer;
use crate::provision::{ProvisionError, read_genesis};
use crate::public::{self, Site};
use crate::tls::{Pins, TlsDialer, TlsError, peer_server};

/// Name of the file in the data folder that tells where the node listens.
pub const ADDRESSES_FILE: &str = "addresses.json";
/// How long connecting to a peer may take, handshake included.
const DIAL_TIMEOUT: Duration = Duration::from_secs(5);
/// How long connections of peers may linger once the core has stopped.
const PEER_DRAIN: Duration = Duration::from_millis(500);
/// Requests of one peer connection at once.
const PEER_STREAMS_MAX: u32 = 1_024;
/// Connections of the admin listener.
const ADMIN_CONNECTIONS_MAX: u32 = 64;

/// What a node takes from outside, so that a simulation can replace it.
#[derive(Clone)]
pub struct Seams {
    /// Files.
    pub disk: Arc<dyn Disk>,
    /// Wall clock.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Work that blocks or computes for long.
    pub blocking: Arc<dyn Blocking>,
    /// Plain connections to peers; TLS is put on top here.
    pub dialer: Arc<dyn Dialer>,
    /// Listening sockets.
    pub network: Arc<dyn Network>,
    /// Renders the process's metrics, if it has a recorder.
    pub metrics: Option<PrometheusHandle>,
    /// Limits and times of the core.
    pub tuning: Tuning,
}

impl std::fmt::Debug for Seams {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Seams").field("disk", &self.disk).field("network", &self.network).finish_non_exhaustive()
    }
}

/// Where a node listens, as `addresses.json` in its data folder says while it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Addresses {
    /// This node.
    pub node: u32,
    /// For other nodes.
    pub peer: SocketAddr,
    /// For everybody.
    pub public: SocketAddr,
    /// For the operator.
    pub admin: SocketAddr,
}

/// Why a node did not start, or had to stop.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The genesis file.
    #[error(transparent)]
    Genesis(#[from] ProvisionError),
    /// The genesis record.
    #[error("genesis file {path}: {source}")]
    Trust {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        source: TrustError,
    },
    /// The keys.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// TLS.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The configuration contradicts the genesis record.
    #[error("configuration: {field}: {what}")]
    Config {
        /// The field.
        field: &'static str,
        /// What is wrong and what would be right.
        what: String,
    },
    /// A socket.
    #[error("cannot listen on {address} ({field}): {source}")]
    Listen {
        /// The field.
        field: &'static str,
        /// Which address.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The data folder.
    #[error("cannot {action} {path}: {source}")]
    Disk {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The core did not start.
    #[error(transparent)]
    Core(#[from] CoreError),
    /// The node must not go on: its storage failed, or it differs from a quorum.
    #[error("the node had to stop: {0}")]
    Fatal(String),
}

/// Runs a node until `shutdown` resolves.
///
/// # Errors
/// [`RunError`]: it did not start, or had to stop. The process should then exit with a non-zero code.
pub async fn run(config: Config, seams: Seams, shutdown: impl Future<Output = ()> + Send) -> Result<(), RunError> {
    let prepared = Prepared::new(&config, &seams).await?;
    let (admin_stopper, admin_stop) = Stopper::new();
    let admin = Admin::new(seams.metrics.clone());
    let sockets = Sockets::bind(&config, seams.network.as_ref()).await?;
    let addresses = sockets.addresses(&config)?;
    let admin_task = serve_admin(&config, &admin, sockets.admin, admin_stop);
    tokio::pin!(shutdown);
    let setup = prepared.setup(&config, &seams, addresses.peer)?;
    let core_seams = prepared.core_seams(&seams)?;
    // Replaying may take long: a signal ends it too. Nothing is half-done then: replay only reads.
    let core = tokio::select! {
        biased;
        () = &mut shutdown => return Ok(()),
        core = Core::start(setup, core_seams) => core?,
    };
    admin.started(&core);
    let (peer_stopper, peer_stop) = Stopper::new();
    let (public_stopper, public_stop) = Stopper::new();
    let peer_task = serve_peers(&config, &prepared, &core, sockets.peer, peer_stop)?;
    let public_task = serve_public(&config, &seams, &prepared, &core, sockets.public, public_stop)?;
    let file = AddressesFile::write(seams.disk.as_ref(), &config.data_dir, &addresses)?;
    tracing::info!(
        node = config.node, election = %prepared.trust.election_id(), peer = %addresses.peer,
        public = %addresses.public, admin = %addresses.admin, size = %core.store().size(), "node started"
    );
    let ended = tokio::select! {
        biased;
        reason = fatal(core.watch_fatal()) => Err(RunError::Fatal(reason)),
        () = &mut shutdown => Ok(()),
    };
    match &ended {
        Err(error) => tracing::error!(%error, "stopping"),
        Ok(()) => tracing::info!("shutting down"),
    }
    file.remove(seams.disk.as_ref());
    public_stopper.stop();
    finished("public", public_task).await;
    // Crash before this point: like a power cut; everything acknowledged is durable already.
    core.shutdown().await;
    peer_stopper.stop();
    finished("peer", peer_task).await;
    admin_stopper.stop();
    finished("admin", admin_task).await;
    tracing::info!("stopped");
    ended
}

async fn finished(listener: &'static str, task: JoinHandle<()>) {
    if let Err(error) = task.await {
        tracing::error!(listener, %error, "a listener's task ended abnormally; please report this");
    }
}

/// Resolves when the core says that the node must not go on.
async fn fatal(mut receiver: watch::Receiver<Option<String>>) -> String {
    match receiver.wait_for(Option::is_some).await {
        Ok(reason) => reason.clone().unwrap_or_default(),
        Err(_) => "the core ended unexpectedly".to_owned(),
    }
}

/// What is read and checked before anything listens.
struct Prepared {
    genesis: Submission,
    trust: Trust,
    identity: NodeIdentity,
    pins: Pins,
}

impl Prepared {
    async fn new(config: &Config, seams: &Seams) -> Result<Self, RunError> {
        let disk = seams.disk.as_ref();
        disk.create_dir_all(&config.data_dir).map_err(disk_error("create", &config.data_dir))?;
        AddressesFile(config.data_dir.join(ADDRESSES_FILE)).remove(disk);
        let genesis = read_genesis(disk, &config.genesis)?;
        let trust = Trust::from_submission(genesis.clone(), None)
            .map_err(|source| RunError::Trust { path: config.genesis.clone(), source })?;
        let identity = NodeIdentity::load(disk, &config.keys_dir)?;
        let registered = trust.node(config.node).ok_or_else(|| RunError::Config {
            field: "node",
            what: format!("the genesis record has no node {}; it has {}", config.node, node_list(&trust)),
        })?;
        identity.check(registered, &config.keys_dir)?;
        let pins = Pins::of(&trust);
        Ok(Self { genesis, trust, identity, pins })
    }

    fn setup(&self, config: &Config, seams: &Seams, own: SocketAddr) -> Result<CoreSetup, RunError> {
        Ok(CoreSetup {
            node: config.node,
            genesis: self.genesis.clone(),
            data_dir: config.data_dir.clone(),
            keys: self.identity.secrets.clone(),
            members: self.members(config, own)?,
            tuning: seams.tuning.clone(),
        })
    }

    /// Every node of the genesis record with its address; this one under its own listener unless configured otherwise.
    fn members(&self, config: &Config, own: SocketAddr) -> Result<Vec<Member>, RunError> {
        let refuse = |what: String| RunError::Config { field: "peers", what };
        let mut known: BTreeMap<u32, String> = BTreeMap::from([(config.node, own.to_string())]);
        for peer in &config.peers {
            if self.trust.node(peer.id).is_none() {
                let what = format!("the genesis record has no node {}; it has {}", peer.id, node_list(&self.trust));
                return Err(refuse(what));
            }
            known.insert(peer.id, peer.address.clone());
        }
        let member = |node: &tamga_ledger::judge::NodeRegistration| {
            let address = known.get(&node.keys.id).cloned();
            let address = address.ok_or_else(|| refuse(format!("the address of node {} is missing", node.keys.id)))?;
            Ok(Member { id: NodeId(u64::from(node.keys.id)), address })
        };
        self.trust.nodes().iter().map(member).collect()
    }

    fn core_seams(&self, seams: &Seams) -> Result<CoreSeams, RunError> {
        let dialer = TlsDialer::new(&self.identity.tls, &self.pins, Arc::clone(&seams.dialer), DIAL_TIMEOUT)?;
        Ok(CoreSeams {
            disk: Arc::clone(&seams.disk),
            clock: Arc::clone(&seams.clock),
            entropy: Arc::clone(&seams.entropy),
            blocking: Arc::clone(&seams.blocking),
            dialer: Arc::new(dialer),
        })
    }
}

fn node_list(trust: &Trust) -> String {
    let ids: Vec<String> = trust.nodes().iter().map(|node| node.keys.id.to_string()).collect();
    format!("nodes {}", ids.join(", "))
}

/// The three listening sockets.
struct Sockets {
    peer: Box<dyn Listener>,
    public: Box<dyn Listener>,
    admin: Box<dyn Listener>,
}

impl Sockets {
    async fn bind(config: &Config, network: &dyn Network) -> Result<Self, RunError> {
        let bind = |field: &'static str, address: SocketAddr| async move {
            network.listen(address).await.map_err(|source| RunError::Listen { field, address, source })
        };
        Ok(Self {
            peer: bind("listen.peer", config.listen.peer).await?,
            public: bind("listen.public", config.listen.public).await?,
            admin: bind("listen.admin", config.listen.admin).await?,
        })
    }

    fn addresses(&self, config: &Config) -> Result<Addresses, RunError> {
        let address = |field: &'static str, socket: &dyn Listener, address: SocketAddr| {
            socket.local_address().map_err(|source| RunError::Listen { field, address, source })
        };
        Ok(Addresses {
            node: config.node,
            peer: address("listen.peer", self.peer.as_ref(), config.listen.peer)?,
            public: address("listen.public", self.public.as_ref(), config.listen.public)?,
            admin: address("listen.admin", self.admin.as_ref(), config.listen.admin)?,
        })
    }
}

fn header_timeout(config: &Config) -> Duration {
    Duration::from_millis(config.limits.header_timeout_ms)
}

fn spawn(
    listener: Box<dyn Listener>,
    handler: Arc<dyn Handler>,
    gate: Gate,
    stop: Stop,
    drain: Duration,
) -> JoinHandle<()> {
    tokio::spawn(accept_connections(listener, handler, gate, stop, drain))
}

fn serve_admin(config: &Config, admin: &Admin, listener: Box<dyn Listener>, stop: Stop) -> JoinHandle<()> {
    let server = HttpServer::new(admin.router(), header_timeout(config), 1);
    let gate = Gate::new(ADMIN_CONNECTIONS_MAX, ADMIN_CONNECTIONS_MAX);
    spawn(listener, Arc::new(AdminListener { server }), gate, stop, PEER_DRAIN)
}

fn serve_peers(
    config: &Config,
    prepared: &Prepared,
    core: &Arc<Core>,
    listener: Box<dyn Listener>,
    stop: Stop,
) -> Result<JoinHandle<()>, RunError> {
    let handler = PeerListener {
        server: HttpServer::new(peer::router(core), header_timeout(config), PEER_STREAMS_MAX),
        tls: peer_server(&prepared.identity.tls, &prepared.pins)?,
        pins: prepared.pins.clone(),
        handshake_timeout: header_timeout(config),
        write_stall_max: Duration::from_millis(config.limits.write_stall_ms_max),
    };
    let gate = Gate::new(config.limits.peer_connections_max, config.limits.peer_connections_max);
    Ok(spawn(listener, Arc::new(handler), gate, stop, PEER_DRAIN))
}

fn serve_public(
    config: &Config,
    seams: &Seams,
    prepared: &Prepared,
    core: &Arc<Core>,
    listener: Box<dyn Listener>,
    stop: Stop,
) -> Result<JoinHandle<()>, RunError> {
    let limits = &config.limits;
    let (blocking, clock) = (Arc::clone(&seams.blocking), Arc::clone(&seams.clock));
    let site = Site::new(Arc::clone(core), blocking, clock, limits.clone(), stop.clone());
    let handler = PublicListener {
        server: HttpServer::new(public::router(&site), header_timeout(config), limits.concurrent_streams_max),
        tls: prepared.identity.tls.public_server()?,
        plaintext: config.public.plaintext,
        handshake_timeout: header_timeout(config),
        write_stall_max: Duration::from_millis(limits.write_stall_ms_max),
    };
    let gate = Gate::new(limits.public_connections_max, limits.public_connections_per_address_max);
    Ok(spawn(listener, Arc::new(handler), gate, stop, Duration::from_millis(limits.drain_ms)))
}

/// `addresses.json`: there while the node serves.
struct AddressesFile(PathBuf);

impl AddressesFile {
    fn write(disk: &dyn Disk, folder: &Path, addresses: &Addresses) -> Result<Self, RunError> {
        let path = folder.join(ADDRESSES_FILE);
        // Plain numbers and addresses always become JSON.
        let text = serde_json::to_string_pretty(addresses).unwrap_or_default() + "\n";
        disk.replace(&path, text.as_bytes()).map_err(disk_error("write", &path))?;
        Ok(Self(path))
    }

    /// Also called at start-up, for the file of a process that was killed. An error does no harm: the file is a hint.
    fn remove(&self, disk: &dyn Disk) {
        if let Err(error) = disk.remove(&self.0)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(%error, path = %self.0.display(), "cannot remove the file");
        }
    }
}

fn disk_error(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> RunError {
    let path = path.to_owned();
    move |source| RunError::Disk { action, path, source }
}
