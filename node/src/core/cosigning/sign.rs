//! Whether this node signs a cut, and signing it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tamga_ledger::note::{Checkpoint, CosignerKey, KeyName, UnverifiedCheckpoint};
use tamga_ledger::policy::Policy;
use tamga_ledger::sign::{Signer, SignerError};
use tamga_ledger::tree::TreeSize;
use tamga_platform::blocking::BlockingExt as _;

use super::cuts::{CutState, Permission};
use super::memory::{Memory, Signed};
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
    pub(super) async fn sign(self: &Arc<Self>, inner: &mut Inner, size: u64) -> bool {
        let Some(checkpoint) = inner.cuts.get(size).filter(|cut| !cut.signed).map(|cut| cut.note.claimed().clone())
        else {
            return false;
        };
        if inner.stopped.is_some() || self.removed.load(Ordering::Relaxed) || !self.cosigning.is_confirmed() {
            return false;
        }
        // At a change of the policy a key of the old one and a key of the new one may both be this node's.
        let trust = self.trust_now();
        let published = TreeSize::new(inner.published).unwrap_or(TreeSize::ZERO);
        let due: Vec<&Policy> = trust.policies_due(published, checkpoint.size).collect();
        let mut signed = false;
        for place in 0..self.cosigning.keys.len() {
            signed |= self.sign_with(inner, place, &checkpoint, &due).await;
        }
        let Some(cut) = inner.cuts.get_mut(size).filter(|_| signed) else { return false };
        cut.signed = true;
        self.cosigning.standing.change().cosigned_size = inner.highest();
        metrics::counter!("tamga_cosignatures_total").increment(1);
        true
    }

    /// Signs with one key, under the names that the policies have for it; false if they have none, or it must not sign.
    async fn sign_with(
        self: &Arc<Self>,
        inner: &mut Inner,
        place: usize,
        checkpoint: &Checkpoint,
        due: &[&Policy],
    ) -> bool {
        let Some((signer, public)) = self.cosigning.keys.get(place) else { return false };
        let listed = due.iter().flat_map(|policy| policy.witnesses()).filter(|one| *one.key.key_bytes() == public.0);
        let names: BTreeSet<&KeyName> = listed.map(|one| one.key.name()).collect();
        if names.is_empty() || !self.agrees_with_signed(inner, place, checkpoint).await {
            return false;
        }
        let size = checkpoint.size.get();
        let Some(memory) = inner.memories.get_mut(place) else { return false };
        if let Err(forbidden) = memory.check(checkpoint) {
            // A larger size was signed already, perhaps before a restart: a later cut will do.
            tracing::info!(size, %forbidden, "not cosigned");
            return false;
        }
        if let Some(write) = memory.remember(checkpoint)
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
        for name in names {
            let key = match CosignerKey::new(name.clone(), Arc::clone(signer)) {
                Ok(key) => key,
                Err(error) => {
                    tracing::error!(size, %error, "the cosigner key cannot be used");
                    return false;
                }
            };
            let note = cut.note.note().clone();
            let cosign =
                move |_: &dyn Signer| key.cosign(&note, time_s).map_err(|error| SignerError(error.to_string()));
            let signed = self.signing(signer, cosign).await.map(|signature| cut.note.add(signature));
            if !matches!(signed, Ok(Ok(_))) {
                tracing::error!(size, ?signed, "the cosignature could not be added to the note");
                return false;
            }
        }
        true
    }

    /// What this key has signed before has to be a part of this node's ledger.
    async fn agrees_with_signed(self: &Arc<Self>, inner: &mut Inner, place: usize, checkpoint: &Checkpoint) -> bool {
        let unchecked = inner.memories.get(place).and_then(Memory::unchecked);
        let Some(signed) = unchecked.filter(|signed| signed.size <= checkpoint.size.get()) else { return true };
        let Ok(size) = TreeSize::new(signed.size) else { return true };
        let store = Arc::clone(&self.store);
        let roots = match self.seams.blocking.run(move || store.roots_at(size)).await {
            Ok(roots) => roots,
            Err(error) => {
                self.fail(&error.to_string());
                return false;
            }
        };
        let ours = Checkpoint { size, roots, ..checkpoint.clone() };
        if Signed::of(&ours) == signed {
            if let Some(memory) = inner.memories.get_mut(place) {
                memory.agrees();
            }
            return true;
        }
        let what = format!(
            "this key has signed other roots at size {size} than this node computed; it signs nothing any more: compare the \
             entries with another node's; the organisation's standby key is needed in its place"
        );
        self.silence(inner, place, what, format!("ours:\n{ours}\nsigned: {signed:?}")).await;
        false
    }
}
