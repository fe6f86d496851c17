//! Receipts: a leaf, its proofs in both trees, the latest published checkpoint.

use std::sync::Arc;
use std::time::Duration;

use tamga_ledger::receipt::Receipt;
use tamga_ledger::store::StoreError;
use tamga_ledger::tree::{Blake3Tree, LeafIndex, Sha256Tree, TreeSize, TwinInclusionProof};
use tamga_platform::blocking::BlockingExt as _;
use tokio::time::{Instant, timeout_at};

use super::shared::Shared;
use super::{Published, ReceiptError};

impl Shared {
    /// A receipt against the latest published checkpoint; waits until one covers the leaf.
    pub(crate) async fn receipt(self: &Arc<Self>, leaf: LeafIndex, wait: Duration) -> Result<Receipt, ReceiptError> {
        let deadline = Instant::now() + wait.min(self.tuning.wait_max);
        let mut watched = self.published.subscribe();
        let covers = |published: &Option<Arc<Published>>| {
            published.as_ref().is_some_and(|published| leaf.within(published.checkpoint.size).is_ok())
        };
        let covering = async { watched.wait_for(covers).await.ok().and_then(|published| published.clone()) };
        let published = tokio::select! {
            waited = timeout_at(deadline, covering) => waited.ok().flatten(),
            () = self.stopped() => return Err(ReceiptError::Stopping),
        };
        let Some(published) = published else {
            let latest = self.published.borrow().as_ref().map_or(TreeSize::ZERO, |latest| latest.checkpoint.size);
            return Err(ReceiptError::NotYet { leaf, published: latest });
        };
        let shared = Arc::clone(self);
        let proven = self.seams.blocking.run(move || shared.prove(leaf, &published));
        proven.await.map_err(ReceiptError::Store)
    }

    /// The receipt of a leaf that the checkpoint covers. Blocks.
    fn prove(&self, leaf: LeafIndex, published: &Published) -> Result<Receipt, StoreError> {
        let size = published.checkpoint.size;
        let proof = TwinInclusionProof {
            sha256: self.store.inclusion_proof::<Sha256Tree>(leaf, size)?,
            blake3: self.store.inclusion_proof::<Blake3Tree>(leaf, size)?,
        };
        Ok(Receipt { leaf, entry: self.store.entry(leaf)?, proof, checkpoint: published.note.clone() })
    }
}
