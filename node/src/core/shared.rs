//! What the tasks of a core share.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64};
use std::sync::{Arc, OnceLock, RwLock};

use bytes::Bytes;
use tamga_consensus::{Consensus, Role, Status};
use tamga_ledger::nodes::Nodes;
use tamga_ledger::state::State;
use tamga_ledger::store::Store;
use tamga_ledger::trust::Trust;
use tokio::sync::{Notify, Semaphore, mpsc, watch};

use super::addresses::Addresses;
use super::announce::Heard;
use super::authentics::Authentics;
use super::birth::Births;
use super::catchup::CatchUp;
use super::censorship::Starvation;
use super::compaction::Compaction;
use super::cosigning::{Cosigning, CutMade};
use super::epoch::Epoch;
use super::evidence::{Batches, Evidence, Suspects};
use super::keys::Keys;
use super::lock::Access as _;
use super::outbox::Outbox;
use super::peers::Peers;
use super::pending::Pending;
use super::prepare::Prepared;
use super::refusals::RefusalCounts;
use super::roster::RosterNow;
use super::saved::Saver;
use super::space::Space;
use super::trusted::Trusted;
use super::waiters::Waiters;
use super::{CoreSeams, NodeSigners, Published, Tuning};
use crate::view::Views;

/// One running core, as its tasks see it.
pub(crate) struct Shared {
    pub(crate) node: u32,
    pub(crate) secrets: NodeSigners,
    pub(crate) tuning: Tuning,
    pub(crate) seams: CoreSeams,
    pub(crate) data_dir: PathBuf,
    /// What the genesis record says: who the election is. Who must cosign now is [`Shared::trust_now`].
    pub(crate) trust: Arc<Trust>,
    pub(crate) trusted: Trusted,
    /// The nodes of the genesis record: those there are before leaf 0.
    pub(crate) genesis_nodes: Nodes,
    /// The genesis record as a submission.
    pub(crate) genesis: Bytes,
    pub(crate) store: Arc<Store>,
    /// Changed by apply alone.
    pub(crate) state: Arc<RwLock<State>>,
    pub(crate) authentics: Authentics,
    pub(crate) prepared: Prepared,
    pub(crate) waiters: Waiters,
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) pending: Pending,
    /// The cluster epoch that this node takes part in.
    pub(crate) epoch: Epoch,
    /// Who the nodes are, for whoever has connections.
    pub(crate) roster: RosterNow,
    pub(crate) addresses: Arc<Addresses>,
    pub(crate) births: Births,
    pub(crate) heard: Heard,
    pub(crate) starvation: Starvation,
    /// There is something to say to the other nodes.
    pub(crate) announce_now: Notify,
    pub(crate) peers: Peers,
    pub(crate) space: Space,
    pub(crate) cosigning: Cosigning,
    pub(crate) catchup: CatchUp,
    pub(crate) compaction: Compaction,
    /// One save at a time.
    pub(crate) saver: tokio::sync::Mutex<Saver>,
    pub(crate) evidence: Evidence,
    /// Notes with other roots than this node's.
    pub(crate) suspects: Suspects,
    /// Batches applied last, to be compared with other nodes'.
    pub(crate) batches: Batches,
    pub(crate) views: Views,
    pub(crate) refusals: RefusalCounts,
    /// Submissions that may be under admission at once.
    pub(crate) admissions: Arc<Semaphore>,
    /// Cuts on their way to cosigning.
    pub(crate) cuts: mpsc::UnboundedSender<CutMade>,
    pub(crate) published: watch::Sender<Option<Arc<Published>>>,
    pub(crate) fatal: watch::Sender<Option<String>>,
    pub(crate) stop: watch::Sender<bool>,
    /// Set once, right after consensus has started (which applies what the store lacks).
    pub(crate) consensus: OnceLock<Consensus>,
    /// Until this node has applied what was committed when it started.
    pub(crate) catching_up: AtomicBool,
    /// The registered keys, for authentication.
    pub(crate) keys: Keys,
    /// A planned stop is under way: nothing new is taken, leadership is handed over.
    pub(crate) leaving: AtomicBool,
    /// The organisations have removed this node.
    pub(crate) removed: AtomicBool,
    /// This clock less the last live batch's time.
    pub(crate) skew_ms: AtomicI64,
    /// The latest batch's time, with or without leaves.
    pub(crate) last_batch_ms: AtomicU64,
    /// Entries judged again at the start.
    pub(crate) replayed_entries: u64,
    /// Size of the latest cut.
    pub(crate) last_cut: AtomicU64,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("node", &self.node).finish_non_exhaustive()
    }
}

impl Shared {
    /// The registered keys.
    pub(crate) fn keys_known(&self) -> Keys {
        self.keys.clone()
    }

    /// The nodes by the ledger's own word: what batches and decisions are judged by.
    pub(crate) fn with_nodes<T>(&self, look: impl FnOnce(&Nodes) -> T) -> T {
        let state = self.state.look();
        if state.head().size.is_empty() { look(&self.genesis_nodes) } else { look(state.nodes()) }
    }

    /// This node must stop; the first reason stays.
    pub(crate) fn fail(&self, what: &str) {
        let first = self.fatal.send_if_modified(|fatal| {
            let first = fatal.is_none();
            fatal.get_or_insert_with(|| what.to_owned());
            first
        });
        if first {
            tracing::error!(what, "this node must stop");
        }
    }

    /// Whether this node has failed or was told to stop.
    pub(crate) fn is_stopping(&self) -> bool {
        *self.stop.borrow() || self.fatal.borrow().is_some()
    }

    /// Waits until this node leads; the term in which it does, none once it was told to stop.
    pub(crate) async fn leads_next(&self, statuses: &mut watch::Receiver<Status>) -> Option<u64> {
        tokio::select! {
            led = statuses.wait_for(|status| status.role == Role::Leader) => led.ok().map(|status| status.term),
            () = self.stopped() => None,
        }
    }

    /// Resolves when this node was told to stop.
    pub(crate) async fn stopped(&self) {
        // The sender lives in self.
        let _ = self.stop.subscribe().wait_for(|stop| *stop).await;
    }
}
