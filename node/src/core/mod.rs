//! The core of a node: everything between its listeners.
//!
//! ```text
//! submit ─► admission ─► outbox ─► dispatch ─► (Forward ─► the leader's) pending ─► sequencer ─► consensus
//!              ▲           durable before the promise leaves                                        │ committed
//!              │ verdict                                                                             ▼
//!           waiters ◄──────────────────────────────── apply ◄── prepare (signatures, ahead and in parallel)
//!                                                       │ state, store
//!                                                       ▼
//!           receipts ◄── published ◄── cosigning ◄─── cut
//! ```
//!
//! | module | what |
//! |---|---|
//! | `setup`, `answer` | what a core is started with; what it tells its callers |
//! | `start`, `open`, `saved`, `replay`, `rejudge` | the way up and down; the ledger's files into the judging state |
//! | `birth` | a node whose disk was wiped never takes part under its old id |
//! | `catchup` | entries from peers, where the others' logs no longer reach back |
//! | `refusals` | refusals at admission, counted and summarised |
//! | `compaction` | the log is purged below a published cut |
//! | `admission`, `waiters`, `inquiry` | submissions and questions, and their answers |
//! | `roster`, `addresses`, `announce`, `reconcile` | who the nodes are, where they are, and Raft's members after that |
//! | `trusted` | who must cosign, epoch after epoch |
//! | `outbox`, `dispatch`, `peers` | durable records on their way to the leader |
//! | `censorship` | a leader that holds records back is alarmed on and shunned |
//! | `pending`, `sequencer` | the leader's queue and its batches |
//! | `prepare`, `authentics`, `keys` | signatures, verified once, in parallel |
//! | `apply` | committed batches become leaves |
//! | `signing` | what signs may be a device: then it signs where blocking is allowed |
//! | `cosigning` | cuts become published checkpoints |
//! | `space` | room on the disks: what could not be stored is not taken |
//! | `receipts`, `status`, `evidence` | proofs, figures, files for a court |
//!
//! Architecture invariants:
//! - only apply changes the judging state and appends to the store; a verdict is signed only from this node's own apply;
//! - a promise leaves only after the record is durable here or applied;
//! - this node's cosigner key never signs a smaller size, nor one size twice with other roots;
//! - any storage error, and divergence from a quorum, stops the node for good.

mod addresses;
mod admission;
mod announce;
mod answer;
mod apply;
mod authentics;
mod birth;
mod catchup;
mod censorship;
mod compaction;
mod cosigning;
mod dispatch;
mod epoch;
mod evidence;
mod inquiry;
mod keys;
mod lock;
mod open;
mod outbox;
mod peers;
mod pending;
mod prepare;
mod receipts;
mod reconcile;
mod refusals;
mod rejudge;
mod replay;
mod roster;
mod saved;
mod sequencer;
mod setup;
mod shared;
mod signing;
mod space;
mod start;
mod status;
mod trusted;
mod waiters;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures::Stream;
use tamga_consensus::{RaftServer, Service};
use tamga_ledger::ids::{KeyId, PublicKey, RecordId, RollLeaf};
use tamga_ledger::note::{NoteSignature, SignedNote};
use tamga_ledger::receipt::Receipt;
use tamga_ledger::store::{Store, StoreError};
use tamga_ledger::tree::{LeafIndex, TreeSize};
use tamga_ledger::trust::Trust;
use tamga_platform::blocking::Blocking;
use tamga_platform::disk::LockGuard;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use self::lock::Access as _;
use self::shared::Shared;
use crate::proto::{
    AnnounceReply, AnnounceRequest, BirthReply, CompareBatchesReply, CompareBatchesRequest, EntriesPart,
    TakeEntriesRequest,
};
pub use answer::{
    Answer, BarrierError, CoreError, Cosigner, InquiryFailed, NodeLine, NodeStatus, Published, ReceiptError,
};
pub use birth::Birth;
pub use catchup::ServeError;
pub(crate) use cosigning::cosigned_sizes;
pub(crate) use epoch::{EPOCH_FILE, NewEpoch, NotAnEpoch, begins_behind, cluster_id};
pub(crate) use outbox::{
    Damage as OutboxDamage, Mended as OutboxMended, add as add_to_outbox, count as outbox_records,
    examine as outbox_damages, mend as mend_outbox,
};
pub(crate) use peers::ANNOUNCE_BYTES_MAX;
pub(crate) use roster::Governed;
pub use roster::Roster;
pub(crate) use saved::nodes as saved_nodes;
pub use setup::{CoreSeams, CoreSetup, Index, NodeSecrets, NodeSigner, NodeSigners, OtherKeys, Tuning};
pub use tamga_consensus::{Member, NodeId};

/// A running core. See the module.
pub struct Core {
    shared: Arc<Shared>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
    /// Given back at the end of [`Core::shutdown`].
    lock: Mutex<Option<LockGuard>>,
}

impl std::fmt::Debug for Core {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Core").field("node", &self.shared.node).finish_non_exhaustive()
    }
}

impl Core {
    /// Starts a core: locks the folder, replays the ledger, joins consensus. Peers reach this node only once its
    /// services are mounted. It takes submissions once it has caught up ([`NodeStatus::is_ready`]).
    ///
    /// # Errors
    /// [`CoreError`]; nothing runs then.
    pub async fn start(setup: CoreSetup, seams: CoreSeams) -> Result<Arc<Self>, CoreError> {
        Ok(Arc::new(start::start(setup, seams).await?))
    }

    /// Takes a submission (canonical bytes), and answers with a promise or a refusal. Waits for the verdict as long as
    /// `wait` says (or the default). The same record again gives the same answer and adds nothing.
    pub async fn submit(&self, submission: Bytes, wait: Option<Duration>) -> Answer {
        self.shared.submit(submission, wait).await
    }

    /// The election this node serves.
    #[must_use]
    pub fn trust(&self) -> &Arc<Trust> {
        &self.shared.trust
    }

    /// The ledger. What is public of it ends at the latest published checkpoint.
    #[must_use]
    pub fn store(&self) -> &Arc<Store> {
        &self.shared.store
    }

    /// Adds cosignatures of outside witnesses, which the caller has verified, to the archived checkpoint of that size. They
    /// count for no quorum. The whole note afterwards; none if there is no such checkpoint.
    pub(crate) async fn add_outside_cosignatures(
        &self,
        size: TreeSize,
        lines: Vec<NoteSignature>,
    ) -> Option<SignedNote> {
        self.shared.add_outside(size, lines).await
    }

    /// By this node's clock, ms UTC.
    pub(crate) fn now_ms(&self) -> u64 {
        self.shared.seams.clock.now_ms()
    }

    /// Where reads of the ledger may block.
    pub(crate) fn blocking(&self) -> &Arc<dyn Blocking> {
        &self.shared.seams.blocking
    }

    /// The latest published checkpoint, as it changes (late cosignatures included).
    #[must_use]
    pub fn published(&self) -> watch::Receiver<Option<Arc<Published>>> {
        self.shared.published.subscribe()
    }

    /// The leaf of a record that this node has applied, perhaps not yet published.
    #[must_use]
    pub fn lookup(&self, id: &RecordId) -> Option<LeafIndex> {
        self.shared.lookup(id)
    }

    /// A receipt against the latest published checkpoint; waits until one covers the leaf.
    ///
    /// # Errors
    /// [`ReceiptError`].
    pub async fn receipt(&self, leaf: LeafIndex, wait: Duration) -> Result<Receipt, ReceiptError> {
        self.shared.receipt(leaf, wait).await
    }

    /// Whether the published checkpoint covers the Voting seal, so that class V bodies are public.
    #[must_use]
    pub fn confidential_is_public(&self) -> bool {
        self.shared.published.borrow().as_ref().is_some_and(|published| published.view.voting_sealed)
    }

    /// Roll leaves of admitted voters, ascending, each with the leaf index of the admission. Final once the Voting seal is there.
    #[must_use]
    pub(crate) fn admitted(&self) -> Vec<(RollLeaf, u64)> {
        self.shared.state.look().admitted()
    }

    /// This node's view of itself.
    #[must_use]
    pub fn status(&self) -> NodeStatus {
        self.shared.status()
    }

    /// Puts the figures of the status into the metrics; to be called before they are read.
    pub fn record_gauges(&self) {
        self.shared.record_gauges();
    }

    /// Refusals at admission since the start, by author (where proven) and code.
    #[must_use]
    pub fn refusals(&self) -> BTreeMap<(Option<KeyId>, String), u64> {
        self.shared.refusals.all()
    }

    /// Consensus' service, to be mounted on the listener for peers (which puts `tamga_consensus::PeerIdentity` into the
    /// extensions of each request).
    ///
    /// # Panics
    /// Never: a core that started has consensus.
    #[must_use]
    #[expect(clippy::expect_used, reason = "set before `start` returns")]
    pub fn raft_service(&self) -> RaftServer<Service> {
        self.shared.consensus.get().expect("consensus has started").raft_service()
    }

    /// Peer service: records from node `from`. False unless this node leads and has room.
    pub async fn forward(&self, from: u32, submissions: Vec<Bytes>) -> bool {
        self.shared.take_forwarded(from, submissions)
    }

    /// Peer service: a note with cosignatures of node `from`. Returns this node's note for the same text with all
    /// signatures it knows; empty if it has not cut there.
    pub async fn offer_cosignature(&self, from: u32, note: &str) -> String {
        self.shared.offered(from, note).await
    }

    /// Peer service: all signatures this node knows over its checkpoint at `size`; empty for none. Size 0 asks for the
    /// latest published one.
    pub async fn cosignatures(&self, size: TreeSize) -> String {
        self.shared.signatures(size).await
    }

    /// Peer service: a signed batch of this node's that differs from the caller's for the same place; empty for none.
    #[must_use]
    pub fn compare_batches(&self, request: &CompareBatchesRequest) -> CompareBatchesReply {
        self.shared.compare_batches(request)
    }

    /// Who must cosign now: the genesis record's policy and every epoch since, with the nodes that there are.
    #[must_use]
    pub fn trust_now(&self) -> Arc<Trust> {
        self.shared.trust_now()
    }

    /// The way from the genesis record to today's policy as far as it is published: canonical bytes of a
    /// [`tamga_ledger::history::History`]. Blocks.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn history(&self) -> Result<Arc<Vec<u8>>, StoreError> {
        self.shared.history()
    }

    /// Peer service: the highest note known here that this cosigner key has signed; empty for none.
    pub async fn highest_cosigned(&self, key: &PublicKey) -> String {
        self.shared.highest_cosigned(key).await
    }

    /// Peer service: entries with confidential bodies for a node that is far behind, proven against a checkpoint it holds.
    ///
    /// # Errors
    /// [`ServeError`], also in the middle.
    pub fn entries(
        &self,
        request: TakeEntriesRequest,
    ) -> Result<impl Stream<Item = Result<EntriesPart, ServeError>> + use<>, ServeError> {
        self.shared.serve_entries(request)
    }

    /// Waits until this node has applied everything that was committed before the call: for reads that must be
    /// linearizable. Returns the tree size then.
    ///
    /// # Errors
    /// [`BarrierError`]; retrying is safe.
    pub async fn read_barrier(&self) -> Result<TreeSize, BarrierError> {
        let Some(consensus) = self.shared.consensus.get() else {
            return Err(BarrierError("this node is starting".to_owned()));
        };
        consensus.read_barrier().await.map_err(|error| BarrierError(error.to_string()))?;
        Ok(self.shared.store.size())
    }

    /// Has a voter been admitted? Signed bytes for whoever may ask ([`tamga_ledger::inquiry`]), linearizable, on any node.
    ///
    /// # Errors
    /// [`InquiryFailed`]; retrying is safe.
    pub async fn inquire(&self, inquiry: Bytes) -> Result<Vec<u8>, InquiryFailed> {
        self.shared.inquire(inquiry).await
    }

    /// Who the nodes are, as it changes: for whoever lets them in or cuts them off.
    #[must_use]
    pub fn nodes(&self) -> watch::Receiver<Arc<Roster>> {
        self.shared.roster.subscribe()
    }

    /// Whether a node is heard: in force as far as connections are concerned, or on its way out.
    #[must_use]
    pub fn knows_node(&self, node: NodeId) -> bool {
        u32::try_from(node.0).is_ok_and(|id| self.shared.roster.now().hears(id))
    }

    /// Peer service: node `from` says how it is, and hears the same of this one.
    pub async fn announce(&self, from: u32, request: AnnounceRequest) -> AnnounceReply {
        self.shared.announced(from, request).await
    }

    /// Peer service: node `from` asks this one to witness its birth. None if that is not possible now.
    pub async fn witness(&self, from: u32, birth: Birth) -> Option<BirthReply> {
        self.shared.witness(from, birth).await
    }

    /// Whether this node must stop because its id has lived before: its disk was lost, or another process has its id.
    #[must_use]
    pub fn lived_before(&self) -> bool {
        self.shared.births.lived_before()
    }

    /// Hands leadership to another node, if this one leads, and waits until that one has it. Whether this node leads no
    /// more.
    pub async fn hand_over(&self, limit: Duration) -> bool {
        self.shared.hand_over_leadership(limit).await
    }

    /// The beginning of a planned stop: new submissions are sent elsewhere, leadership is handed over; what is in flight
    /// is still answered.
    pub async fn leave(&self, limit: Duration) {
        self.shared.leave(limit).await;
    }

    /// The end of a planned stop: waits until what this node has promised is in the ledger. False if `limit` was too
    /// short; the outbox keeps the rest for the next start.
    pub async fn settle_promises(&self, limit: Duration) -> bool {
        self.shared.settle_promises(limit).await
    }

    /// Consensus of this core, for simulations to look at.
    #[cfg(any(test, feature = "testing"))]
    #[must_use]
    pub fn consensus(&self) -> Option<&tamga_consensus::Consensus> {
        self.shared.consensus.get()
    }

    /// The highest size that this node's key has signed, as its cosigning memory says.
    #[cfg(any(test, feature = "testing"))]
    #[must_use]
    pub fn cosigned_size(&self) -> u64 {
        self.shared.cosigning.standing().cosigned_size
    }

    /// Becomes `Some` when this node must stop: storage failed, or it diverged. The process should exit non-zero.
    #[must_use]
    pub fn watch_fatal(&self) -> watch::Receiver<Option<String>> {
        self.shared.fatal.subscribe()
    }

    /// Stops: takes nothing more, ends its tasks, makes everything durable, frees the folder. Idempotent.
    pub async fn shutdown(&self) {
        start::stop(self).await;
    }
}
