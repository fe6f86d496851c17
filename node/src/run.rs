//! The whole node from a configuration: start-up in order, serving, and an orderly end.
//!
//! ```text
//!   keys, genesis ─► checked against each other ─► sockets bound ─► admin answers ─► core (replays its ledger)
//!     ─► peers' listener ─► public listener ─► addresses.json ─► … ─► signal or fatal
//!     ─► leadership handed over ─► public listener drained ─► promises settled ─► core stopped, everything durable
//!     ─► peers' listener, admin ─► end
//! ```

mod prepare;
mod serve;
mod sockets;

use std::future::Future;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use metrics_exporter_prometheus::PrometheusHandle;
use serde::{Deserialize, Serialize};
use tamga_consensus::Dialer;
use tamga_ledger::trust::TrustError;
use tamga_platform::blocking::Blocking;
use tamga_platform::clock::Clock;
use tamga_platform::disk::Disk;
use tamga_platform::entropy::Entropy;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use self::prepare::Prepared;
use self::serve::{serve_admin, serve_peers, serve_public};
use self::sockets::{AddressesFile, Sockets};
use crate::admin::Admin;
use crate::config::Config;
use crate::core::{Core, CoreError, Roster};
use crate::keys::{KeyError, Passphrases};
use crate::listeners::{Network, Stopper};
use crate::provision::ProvisionError;
use crate::tls::{LivePins, Pins, TlsError};
use crate::witnesses::WitnessesError;

/// Name of the file in the data folder that tells where the node listens.
pub const ADDRESSES_FILE: &str = "addresses.json";
/// How long connecting to a peer may take, handshake included.
const DIAL_TIMEOUT: Duration = Duration::from_secs(5);
/// How long handing leadership over may take at a planned stop.
const HAND_OVER: Duration = Duration::from_secs(10);

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
    /// What opens the node's keys.
    pub passphrases: Passphrases,
    /// Renders the process's metrics, if it has a recorder.
    pub metrics: Option<PrometheusHandle>,
    /// Where the public listener's connections are served; nothing for the runtime that runs the node.
    pub readers: Option<Handle>,
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
    /// The witnesses' policy.
    #[error(transparent)]
    Witnesses(#[from] WitnessesError),
    /// The core did not start.
    #[error(transparent)]
    Core(#[from] CoreError),
    /// The node must never take part under its id again.
    #[error("the node had to stop: {0}")]
    LivedBefore(String),
    /// The node must not go on: its storage failed, or it differs from a quorum.
    #[error("the node had to stop: {0}")]
    Fatal(String),
}

/// Runs a node until `shutdown` resolves.
///
/// # Errors
/// [`RunError`]: it did not start, or had to stop. The process should then exit with a non-zero code.
pub async fn run(config: Config, seams: Seams, shutdown: impl Future<Output = ()> + Send) -> Result<(), RunError> {
    let prepared = Prepared::new(&config, &seams)?;
    let (admin_stopper, admin_stop) = Stopper::new();
    let admin = Admin::new(seams.metrics.clone());
    let sockets = Sockets::bind(&config, seams.network.as_ref()).await?;
    let addresses = sockets.addresses(&config)?;
    let admin_task = serve_admin(&config, &admin, sockets.admin, admin_stop);
    tokio::pin!(shutdown);
    let setup = prepared.setup(&config, addresses.peer);
    let core_seams = prepared.core_seams(&seams)?;
    // Replaying may take long: a signal ends it too. Nothing is half-done then: replay only reads.
    let core = tokio::select! {
        biased;
        () = &mut shutdown => return Ok(()),
        core = Core::start(setup, core_seams) => core?,
    };
    admin.started(&core);
    // Whom to let in is the ledger's word from here on, as it changes.
    let follower = tokio::spawn(follow_nodes(core.nodes(), prepared.pins.clone()));
    admin.certified(&prepared.certificates);
    let (certificate_stopper, certificate_stop) = Stopper::new();
    let certificate_task = tokio::spawn(prepared.certificates.clone().keep(core.nodes(), certificate_stop));
    let (peer_stopper, peer_stop) = Stopper::new();
    let (public_stopper, public_stop) = Stopper::new();
    let peer_task = serve_peers(&config, &prepared, &core, sockets.peer, peer_stop)?;
    let public_task = serve_public(&config, &seams, &prepared, &core, sockets.public, public_stop)?;
    let (witness_stopper, witness_stop) = Stopper::new();
    let witness_task = prepared.witnesses.clone().map(|witnesses| {
        admin.witnessed(&witnesses);
        tokio::spawn(witnesses.ask(Arc::clone(&core), witness_stop))
    });
    let file = AddressesFile::write(seams.disk.as_ref(), &config.data_dir, &addresses)?;
    tracing::info!(
        node = config.node, election = %prepared.trust.election_id(), peer = %addresses.peer,
        public = %addresses.public, admin = %addresses.admin, size = %core.store().size(), "node started"
    );
    let ended = tokio::select! {
        biased;
        reason = fatal(core.watch_fatal()) => Err(match core.lived_before() {
            true => RunError::LivedBefore(reason),
            false => RunError::Fatal(reason),
        }),
        () = &mut shutdown => Ok(()),
    };
    match &ended {
        Err(error) => tracing::error!(%error, "stopping"),
        Ok(()) => {
            tracing::info!("shutting down");
            // While everything still runs: whoever is in flight waits for the new leader, not for this node's death.
            core.leave(HAND_OVER).await;
        }
    }
    file.remove(seams.disk.as_ref());
    witness_stopper.stop();
    if let Some(task) = witness_task {
        finished("witness", task).await;
    }
    public_stopper.stop();
    finished("public", public_task).await;
    if ended.is_ok() && !core.settle_promises(Duration::from_millis(config.limits.drain_ms)).await {
        tracing::warn!("records that this node promised are not sequenced yet; it takes them up again when it starts");
    }
    // Crash before this point: like a power cut; everything acknowledged is durable already.
    core.shutdown().await;
    peer_stopper.stop();
    finished("peer", peer_task).await;
    follower.abort();
    certificate_stopper.stop();
    finished("certificate", certificate_task).await;
    admin_stopper.stop();
    finished("admin", admin_task).await;
    tracing::info!("stopped");
    ended
}

/// TLS lets in whom the roster has in force.
async fn follow_nodes(mut nodes: watch::Receiver<Arc<Roster>>, pins: LivePins) {
    loop {
        let now = nodes.borrow_and_update().pins().collect::<Pins>();
        pins.set(now);
        if nodes.changed().await.is_err() {
            return;
        }
    }
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

fn disk_error(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> RunError {
    let path = path.to_owned();
    move |source| RunError::Disk { action, path, source }
}
