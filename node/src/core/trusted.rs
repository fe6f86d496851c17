//! Who must cosign, as far as this node knows: from its own ledger, and ahead of it from what peers prove.
//!
//! ```text
//! own ledger (State::nodes) ──────────────┬─► trust now ─► cosigning, publishing, verifying
//! histories of peers, walked from genesis ┘   (a node that is behind meets checkpoints under policies it has not judged yet)
//! ```

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use tamga_ledger::history::{HISTORY_BYTES_MAX, History};
use tamga_ledger::nodes::Nodes;
use tamga_ledger::note::{CheckpointVerifyError, UnverifiedCheckpoint, VerifiedCheckpoint};
use tamga_ledger::receipt::Receipt;
use tamga_ledger::store::{ArchivedCheckpoint, StoreError};
use tamga_ledger::tree::{Blake3Tree, LeafIndex, Sha256Tree, TreeSize, TwinInclusionProof};
use tamga_ledger::trust::Trust;
use tamga_platform::blocking::BlockingExt as _;

use super::lock::Access as _;
use super::shared::Shared;

/// Archived checkpoints looked at for one decision. The first one holds unless this node learned the archive from others.
const CANDIDATES_MAX: usize = 256;

/// See the module.
#[derive(Debug)]
pub(crate) struct Trusted {
    now: RwLock<Arc<Trust>>,
    /// How many decisions the last history covers, and its bytes.
    history: Mutex<(usize, Arc<Vec<u8>>)>,
}

impl Trusted {
    /// From the genesis record, or from the registry that the ledger has.
    pub(crate) fn new(genesis: &Trust, ledger: &Nodes) -> Self {
        let trusted = Self {
            now: RwLock::new(Arc::new(genesis.clone())),
            history: Mutex::new((0, Arc::new(History::default().to_bytes()))),
        };
        trusted.settle(genesis, ledger);
        trusted
    }

    pub(crate) fn now(&self) -> Arc<Trust> {
        Arc::clone(&self.now.look())
    }

    /// The ledger's word; what peers have proven ahead of it stays.
    fn settle(&self, genesis: &Trust, ledger: &Nodes) {
        let now = self.now();
        if *now.registry() == *ledger || now.registry().last_leaf() > ledger.last_leaf() {
            return;
        }
        match genesis.with_nodes(ledger) {
            Ok(trust) => *self.now.change() = Arc::new(trust),
            // The rules refuse what would make no policy.
            Err(error) => tracing::error!(%error, "the ledger's registry makes no trust policy"),
        }
    }
}

impl Shared {
    /// Who must cosign now.
    pub(crate) fn trust_now(&self) -> Arc<Trust> {
        self.trusted.now()
    }

    /// The registry in the ledger has changed, or may have.
    pub(crate) fn settle_trust(&self, ledger: &Nodes) {
        self.trusted.settle(&self.trust, ledger);
    }

    /// The way from the genesis record to today's policy as far as it is published, encoded. Blocks.
    pub(crate) fn history(&self) -> Result<Arc<Vec<u8>>, StoreError> {
        let published = self.published.borrow().as_ref().map_or(0, |published| published.checkpoint.size.get());
        let leaves: Vec<u64> = self.with_nodes(Nodes::leaves).into_iter().filter(|leaf| *leaf < published).collect();
        let known = self.trusted.history.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if known.0 == leaves.len() {
            return Ok(known.1);
        }
        let mut steps = Vec::with_capacity(leaves.len());
        for leaf in &leaves {
            let Ok(leaf) = LeafIndex::new(*leaf) else { continue };
            let Some(archived) = self.covering(leaf)? else { continue };
            let proof = TwinInclusionProof {
                sha256: self.store.inclusion_proof::<Sha256Tree>(leaf, archived.size)?,
                blake3: self.store.inclusion_proof::<Blake3Tree>(leaf, archived.size)?,
            };
            steps.push(Receipt { leaf, entry: self.store.entry(leaf)?, proof, checkpoint: archived.note.clone() });
        }
        let complete = steps.len() == leaves.len();
        let bytes = Arc::new(History { steps }.to_bytes());
        if !complete {
            // A checkpoint is shown a moment before it can be found in the archive: asked again, it is there.
            return Ok(bytes);
        }
        *self.trusted.history.lock().unwrap_or_else(PoisonError::into_inner) = (leaves.len(), Arc::clone(&bytes));
        Ok(bytes)
    }

    /// The first archived checkpoint that covers a decision and holds by the policies before it and after it.
    fn covering(&self, leaf: LeafIndex) -> Result<Option<ArchivedCheckpoint>, StoreError> {
        let (trust, published) = (self.trust_now(), self.store.size());
        let Ok(before) = TreeSize::new(leaf.get()) else { return Ok(None) };
        let Ok(end) = TreeSize::new(published.get() + 1) else { return Ok(None) };
        let archived = self.store.checkpoints(leaf.size_after()..end, CANDIDATES_MAX)?;
        Ok(archived.into_iter().find(|archived| trust.verify_due(before, archived.note.as_bytes()).is_ok()))
    }

    /// Walks a peer's history. What it proves beyond this node's own knowledge is trusted from here on. Returns it if it does.
    pub(crate) async fn learn_history(self: &Arc<Self>, peer: u32) -> Option<History> {
        let bytes = match self.peers.history(peer).await {
            Ok(bytes) if bytes.len() <= HISTORY_BYTES_MAX => bytes,
            Ok(_) => return None,
            Err(error) => {
                tracing::debug!(peer, error, "no history was learned");
                return None;
            }
        };
        let shared = Arc::clone(self);
        let walked = self.seams.blocking.run(move || {
            let history = History::from_bytes(&bytes)?;
            shared.trust.follow(&history).map(|trust| (history, trust))
        });
        match walked.await {
            Ok((history, trust)) => {
                // Nodes count too: a checkpoint may be published by one that joined later, with a log key of its own.
                let (known, proven) = (self.trust_now().registry().last_leaf(), trust.registry().last_leaf());
                if proven > known {
                    tracing::info!(peer, leaf = proven, "learned of decisions ahead of this node's own ledger");
                    *self.trusted.now.change() = Arc::new(trust);
                }
                Some(history)
            }
            Err(error) => {
                tracing::warn!(peer, %error, "a peer's history does not verify");
                None
            }
        }
    }

    /// Verifies a checkpoint of somebody who may be ahead of this node; if it does not satisfy the policy known here, peers are
    /// asked how the policy has changed.
    pub(crate) async fn verify_ahead(
        self: &Arc<Self>,
        note: &[u8],
    ) -> Result<VerifiedCheckpoint, CheckpointVerifyError> {
        let mut verified = self.trust_now().verify_checkpoint(note);
        if UnverifiedCheckpoint::from_bytes(note).is_err() {
            return verified;
        }
        for peer in self.peers.ids() {
            if verified.is_ok() {
                break;
            }
            if self.learn_history(peer).await.is_some() {
                verified = self.trust_now().verify_checkpoint(note);
            }
        }
        verified
    }
}
