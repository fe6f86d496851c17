//! Whether this node signs a cut, and signing it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tamga_ledger::note::UnverifiedCheckpoint;
use tamga_ledger::sign::{Signer, SignerError};
use tamga_platform::blocking::BlockingExt as _;

use super::cuts::{CutState, Permission};
use super::{CutMade, Inner};
use crate::core::lock::Access as _;
use crate::core::shared::Shared;
use crate::view::View;

impl Shared {
    /// Takes a cut in hand.
    pub(super) async fn register(self: &Arc<Self>, cut: CutMade) {
        let withheld = self.withheld(&cut);
        self.cosigning.standing.change().withheld.clone_from(&withheld);
        // Far behind the end of the log: a later cut will be signed.
        let Some(view) = cut.view.clone() else { return };
        let permission = if withheld.is_none() { Permission::Granted } else { Permission::Withheld };
        self.add_cut(&cut, view, permission).await;
    }

    async fn add_cut(self: &Arc<Self>, cut: &CutMade, view: Arc<View>, permission: Permission) {
        let size = cut.head.size.get();
        let note = match UnverifiedCheckpoint::unsigned(self.checkpoint(cut.head)) {
            Ok(note) => note,
            Err(error) => return self.fail(&format!("no note can be made for size {size}: {error}")),
        };
        let state = CutState { note, view: Some(view), permission, signed: false, published: false };
        let early = {
            let mut inner = self.cosigning.inner.lock().await;
            if size < inner.published || (size == inner.published && size > 0 && inner.cuts.get(size).is_some()) {
                return;
            }
            inner.cuts.add(size, state)
        };
        for note in early {
            self.merge(None, &note).await;
        }
    }

    /// Why this cut is not signed, if it is not: the clocks disagree too much.
    fn withheld(&self, cut: &CutMade) -> Option<String> {
        let skew_ms = cut.skew_ms.unsigned_abs();
        // A node that catches up sees old times; a time in the future is never normal.
        let matters = cut.live || cut.skew_ms < 0;
        if !matters || skew_ms < self.tuning.skew_warn_ms {
            return None;
        }
        let (skew, warn) = (cut.skew_ms, self.tuning.skew_warn_ms);
        if skew_ms < self.tuning.skew_withhold_ms {
            tracing::warn!(skew_ms = skew, "this clock and sequenced time differ by more than {warn} ms");
            return None;
        }
        tracing::error!(skew_ms = skew, "the cosignature is withheld: clocks differ too much");
        metrics::counter!("tamga_cosignatures_withheld_total").increment(1);
        Some(format!("clock skew of {skew} ms against sequenced time"))
    }

    /// After a restart the end of the ledger may have been cut by all and published by nobody here. It is taken in hand, and
    /// signed if a peer shows its own signature over it.
    pub(super) async fn register_tail(self: &Arc<Self>) {
        let shared = Arc::clone(self);
        let (head, view) = self
            .seams
            .blocking
            .run(move || {
                // Apply waits meanwhile, so that head and view are of one size.
                let state = shared.state.look();
                (state.head(), shared.views.compute(&state))
            })
            .await;
        if head.size.is_empty() {
            return;
        }
        let cut = CutMade { head, view: None, skew_ms: 0, live: false };
        self.add_cut(&cut, view, Permission::WhenShown).await;
    }

    /// Signs the newest cut, if it may be signed, and offers it.
    pub(super) async fn sign_newest(self: &Arc<Self>) {
        if self.catching_up.load(Ordering::Relaxed) {
            return;
        }
        let mut inner = self.cosigning.inner.lock().await;
        let Some(size) = inner.cuts.newest() else { return };
        if inner.cuts.get(size).is_some_and(|cut| cut.permission == Permission::Granted)
            && self.sign(&mut inner, size).await
        {
            self.publish_if_satisfied(&mut inner, size).await;
            drop(inner);
            self.offer(size).await;
        }
    }

    /// Adds this node's cosignature to the note of that size; false if it is not signed, or was before.
    pub(super) async fn sign(&self, inner: &mut Inner, size: u64) -> bool {
        let Some(checkpoint) = inner.cuts.get(size).filter(|cut| !cut.signed).map(|cut| cut.note.claimed().clone())
        else {
            return false;
        };
        let Some(cosigner) = self.cosigning.cosigner.clone().filter(|_| inner.stopped.is_none()) else {
            return false;
        };
        if self.removed.load(Ordering::Relaxed) {
            return false;
        }
        if let Err(forbidden) = inner.memory.check(&checkpoint) {
            // A larger size was signed already, perhaps before a restart: a later cut will do.
            tracing::info!(size, %forbidden, "not cosigned");
            return false;
        }
        if let Some(write) = inner.memory.remember(&checkpoint)
            && let Err(error) = self.seams.blocking.run(move || write.perform()).await
        {
            let what = format!("the cosigning memory cannot be written: {error}; check the disk and restart");
            inner.stopped = Some(what.clone());
            self.fail(&what);
            return false;
        }
        // Crash here: the memory says signed, no signature left. The same text may be signed again.
        let time_s = self.seams.clock.now_ms() / 1_000;
        let Some(cut) = inner.cuts.get_mut(size) else { return false };
        let (note, key) = (cut.note.note().clone(), Arc::clone(&cosigner));
        let cosign = move |_: &dyn Signer| key.cosign(&note, time_s).map_err(|error| SignerError(error.to_string()));
        let signed = self.signing(cosigner.signer(), cosign).await.map(|signature| cut.note.add(signature));
        if !matches!(signed, Ok(Ok(_))) {
            tracing::error!(size, ?signed, "the cosignature could not be added to the note");
            return false;
        }
        cut.signed = true;
        self.cosigning.standing.change().cosigned_size = inner.memory.size();
        metrics::counter!("tamga_cosignatures_total").increment(1);
        true
    }
}
