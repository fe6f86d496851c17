//! The core of a node: everything between its listeners.

mod answer;
mod setup;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tamga_consensus::{RaftServer, Service};
use tamga_ledger::ids::RecordId;
use tamga_ledger::receipt::Receipt;
use tamga_ledger::store::Store;
use tamga_ledger::tree::{LeafIndex, TreeSize};
use tamga_ledger::trust::Trust;
use tokio::sync::watch;

pub use answer::{Answer, BarrierError, CoreError, Cosigner, NodeStatus, Published, ReceiptError};
pub use setup::{CoreSeams, CoreSetup, NodeSecrets, Tuning};
pub use tamga_consensus::{Member, NodeId};

/// A running core. See the module.
#[derive(Debug)]
pub struct Core {
    trust: Arc<Trust>,
    store: Arc<Store>,
    published: watch::Receiver<Option<Arc<Published>>>,
    fatal: watch::Receiver<Option<String>>,
    status: NodeStatus,
    consensus: tamga_consensus::Consensus,
}

#[expect(clippy::unused_async, reason = "skeleton")]
impl Core {
    /// Starts a core: locks the folder, replays the ledger, joins consensus. Peers reach this node only once its
    /// services are mounted.
    ///
    /// # Errors
    /// [`CoreError`]; nothing runs then.
    pub async fn start(setup: CoreSetup, seams: CoreSeams) -> Result<Arc<Self>, CoreError> {
        let _ = (setup, seams);
        Err(CoreError::Setup("under construction".to_owned()))
    }

    /// Takes a submission (canonical bytes), and answers with a promise or a refusal. Waits for the verdict as long as
    /// `wait` says (or the default).
    pub async fn submit(&self, submission: Bytes, wait: Option<Duration>) -> Answer {
        let _ = (submission, wait);
        Answer::Unavailable { text: "under construction".to_owned(), retry_after_ms: 0 }
    }

    /// The election this node serves.
    #[must_use]
    pub const fn trust(&self) -> &Arc<Trust> {
        &self.trust
    }

    /// The ledger. What is public of it ends at the latest published checkpoint.
    #[must_use]
    pub const fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// The latest published checkpoint, as it changes (late cosignatures included).
    #[must_use]
    pub fn published(&self) -> watch::Receiver<Option<Arc<Published>>> {
        self.published.clone()
    }

    /// The leaf of a record that this node has applied, perhaps not yet published.
    #[must_use]
    pub fn lookup(&self, id: &RecordId) -> Option<LeafIndex> {
        let _ = id;
        None
    }

    /// A receipt against the latest published checkpoint; waits until one covers the leaf.
    ///
    /// # Errors
    /// [`ReceiptError`].
    pub async fn receipt(&self, leaf: LeafIndex, wait: Duration) -> Result<Receipt, ReceiptError> {
        let _ = wait;
        Err(ReceiptError::NotYet { leaf, published: TreeSize::ZERO })
    }

    /// Whether the published checkpoint covers the Voting seal, so that class V bodies are public.
    #[must_use]
    pub fn confidential_is_public(&self) -> bool {
        self.published.borrow().as_ref().is_some_and(|published| published.view.voting_sealed)
    }

    /// This node's view of itself.
    #[must_use]
    pub fn status(&self) -> NodeStatus {
        self.status.clone()
    }

    /// Consensus' service, to be mounted on the listener for peers (which puts `tamga_consensus::PeerIdentity` into the
    /// extensions of each request).
    #[must_use]
    pub fn raft_service(&self) -> RaftServer<Service> {
        self.consensus.raft_service()
    }

    /// Peer service: records from node `from`. False unless this node leads and has room.
    pub async fn forward(&self, from: u32, submissions: Vec<Bytes>) -> bool {
        let _ = (from, submissions);
        false
    }

    /// Peer service: a note with cosignatures of node `from`. Returns this node's note for the same text with all
    /// signatures it knows; empty if it has not cut there.
    pub async fn offer_cosignature(&self, from: u32, note: &str) -> String {
        let _ = (from, note);
        String::new()
    }

    /// Peer service: all signatures this node knows over its checkpoint at `size`; empty for none. Size 0 asks for the
    /// latest published one.
    pub async fn cosignatures(&self, size: TreeSize) -> String {
        let _ = size;
        String::new()
    }

    /// Waits until this node has applied everything that was committed before the call: for reads that must be
    /// linearizable. Returns the tree size then.
    ///
    /// # Errors
    /// [`BarrierError`]; retrying is safe.
    pub async fn read_barrier(&self) -> Result<TreeSize, BarrierError> {
        Err(BarrierError("under construction".to_owned()))
    }

    /// Becomes `Some` when this node must stop: storage failed, or it diverged. The process should exit non-zero.
    #[must_use]
    pub fn watch_fatal(&self) -> watch::Receiver<Option<String>> {
        self.fatal.clone()
    }

    /// Stops: takes nothing more, ends its tasks, makes everything durable, frees the folder. Idempotent.
    pub async fn shutdown(&self) {}
}
