//! Cosignatures from and to peers. What a peer sends is verified before it is kept; nothing it sends is believed.

use std::sync::Arc;

use futures::future::BoxFuture;
use tamga_ledger::note::{Checkpoint, UnverifiedCheckpoint};
use tamga_ledger::policy::Policy;
use tamga_ledger::tree::TreeSize;
use tamga_platform::blocking::BlockingExt as _;

use super::Inner;
use super::cuts::Permission;
use crate::core::lock::Access as _;
use crate::core::shared::Shared;

/// Longest note taken from a peer: 64 signature lines fit many times.
const OFFER_BYTES_MAX: usize = 32 * 1024;

impl Shared {
    /// Peer service: a note of node `from`. Our own note for the same text, empty if there is none.
    pub(crate) async fn offered(self: &Arc<Self>, from: u32, note: &str) -> String {
        if note.len() > OFFER_BYTES_MAX || self.is_stopping() {
            return String::new();
        }
        match UnverifiedCheckpoint::from_bytes(note.as_bytes()) {
            Ok(note) => {
                let size = note.claimed().size;
                self.merge(Some(from), &note).await;
                self.signatures(size).await
            }
            Err(error) => {
                tracing::warn!(from, %error, "a peer offered something that is no checkpoint");
                String::new()
            }
        }
    }

    /// Peer service: our note at `size` (0: the latest published one); empty if there is none.
    pub(crate) async fn signatures(&self, size: TreeSize) -> String {
        let published = self.published.borrow().clone();
        if let Some(published) = published.filter(|published| size.is_empty() || published.checkpoint.size == size) {
            return published.note.clone();
        }
        let inner = self.cosigning.inner.lock().await;
        match inner.cuts.get(size.get()) {
            Some(cut) if !cut.note.note().signatures().is_empty() => cut.note.note().to_string(),
            _ => String::new(),
        }
    }

    /// Joins a peer's note with ours.
    pub(super) async fn merge(self: &Arc<Self>, from: Option<u32>, theirs: &UnverifiedCheckpoint) {
        let claimed = theirs.claimed();
        let size = claimed.size.get();
        if claimed.origin != *self.trust.origin() {
            tracing::warn!(?from, origin = %claimed.origin, "a peer offered a checkpoint of another log");
            return;
        }
        let mut inner = self.cosigning.inner.lock().await;
        let Some(ours) = inner.cuts.get(size).map(|cut| cut.note.claimed().clone()) else {
            if size > inner.cuts.newest().unwrap_or(0).max(inner.published) {
                inner.cuts.add_early(theirs.clone());
            }
            drop(inner);
            return self.compare_with_ledger(from, theirs).await;
        };
        if ours != *claimed {
            return self.differs(&mut inner, from, &ours, theirs).await;
        }
        let Some(cleaned) = self.cleaned(theirs) else { return };
        let Some(cut) = inner.cuts.get_mut(size) else { return };
        let before = cut.note.note().signatures().len();
        // Limits are far above what the policy's keys can fill; a note at the limit keeps what it has.
        if let Err(error) = cut.note.merge(cleaned.note()) {
            tracing::warn!(size, %error, "signatures of a peer could not be joined");
        }
        let grown = cut.note.note().signatures().len() > before;
        // A peer of the policy has cut here: what apply did not show as a cut (after a restart) is one.
        let shown = cut.permission == Permission::WhenShown && !cut.signed && !cut.published;
        let newly_signed = shown
            && inner.cuts.newest() == Some(size)
            && !self.catching_up.load(std::sync::atomic::Ordering::Relaxed)
            && self.sign(&mut inner, size).await;
        if grown || newly_signed {
            self.publish_if_satisfied(&mut inner, size).await;
        }
        drop(inner);
        if newly_signed {
            self.offer(size).await;
        }
    }

    /// The note with signatures that verify under keys of the policy, and no others; none if nothing is left.
    fn cleaned(&self, theirs: &UnverifiedCheckpoint) -> Option<UnverifiedCheckpoint> {
        let trust = self.trust_now();
        let mut cleaned = UnverifiedCheckpoint::unsigned(theirs.claimed().clone()).ok()?;
        let text = theirs.note().text();
        for line in theirs.note().signatures() {
            // Of every policy that may be asked about this text.
            let keys = trust.policies_due(TreeSize::ZERO, theirs.claimed().size).flat_map(Policy::keys);
            let mut keys = keys.chain(trust.policy().keys()).filter(|key| line.claims(key));
            if keys.any(|key| key.verify(text, line).is_ok()) {
                cleaned.add(line.clone()).ok()?;
            }
        }
        (!cleaned.note().signatures().is_empty()).then_some(cleaned)
    }

    /// A note for a size that this node has passed without a cut in hand: the roots must be the same.
    async fn compare_with_ledger(self: &Arc<Self>, from: Option<u32>, theirs: &UnverifiedCheckpoint) {
        let size = theirs.claimed().size;
        if size > self.store.size() || size.is_empty() {
            return;
        }
        let shared = Arc::clone(self);
        let roots = self.seams.blocking.run(move || shared.store.roots_at(size)).await;
        match roots {
            Ok(roots) if roots == theirs.claimed().roots => {}
            Ok(roots) => {
                let ours = Checkpoint { roots, ..theirs.claimed().clone() };
                let mut inner = self.cosigning.inner.lock().await;
                self.differs(&mut inner, from, &ours, theirs).await;
            }
            Err(error) => self.fail(&error.to_string()),
        }
    }

    /// A note with other roots than ours. If a quorum stands behind it this node is the one that differs, and halts.
    async fn differs(
        self: &Arc<Self>,
        inner: &mut Inner,
        from: Option<u32>,
        ours: &Checkpoint,
        theirs: &UnverifiedCheckpoint,
    ) {
        let Some(cleaned) = self.cleaned(theirs) else { return };
        let (trust, size) = (self.trust_now(), ours.size);
        let standing = cleaned.standing(trust.policy_at(size), trust.origin());
        let quorum = standing.is_ok_and(|standing| standing.evaluation.satisfied);
        tracing::error!(?from, %size, quorum, "a peer has signed other roots than this node has");
        metrics::counter!("tamga_roots_differ_total").increment(1);
        let own = inner.cuts.get(size.get()).map(|cut| cut.note.note().clone());
        let kept = self.suspect(&cleaned, own).await;
        for peer in from.map_or_else(|| self.peers.ids(), |peer| vec![peer]) {
            tokio::spawn(Arc::clone(self).compare_with(peer));
        }
        if quorum {
            let what = format!(
                "diverged: a quorum has cosigned other roots at size {size} than this node computed (evidence: {}); \
                 nothing more is signed. Compare the entries with another node's and rebuild this one",
                kept.map_or_else(|| "not written".to_owned(), |path| path.display().to_string())
            );
            inner.stopped = Some(what.clone());
            self.cosigning.standing.change().diverged = true;
            self.fail(&what);
        }
    }

    /// Shows all peers our note of that size and takes over what they answer.
    pub(super) async fn offer(self: &Arc<Self>, size: u64) {
        let note = {
            let inner = self.cosigning.inner.lock().await;
            inner.cuts.get(size).map(|cut| cut.note.note().to_string())
        };
        let Some(note) = note else { return };
        for peer in self.peers.ids() {
            let (shared, note) = (Arc::clone(self), note.clone());
            tokio::spawn(async move {
                match shared.peers.offer(peer, note).await {
                    Ok(theirs) => shared.take_over(peer, theirs).await,
                    Err(error) => tracing::debug!(peer, error, "a cosignature was not delivered; it is offered again"),
                }
            });
        }
    }

    /// Offers the newest cut again that is signed and not published.
    pub(super) async fn offer_again(self: &Arc<Self>) {
        let (due, newest) = {
            let inner = self.cosigning.inner.lock().await;
            let behind = inner.cuts.newest().is_some_and(|newest| newest > inner.published);
            (inner.cuts.newest_unpublished().map(|(size, _)| size), behind)
        };
        let trust = self.trust_now();
        if self.lacks_crossing().await {
            self.cross().await;
        }
        if let Some(size) = due {
            self.offer(size).await;
        } else if newest
            && (!self.cosigning.cosigns_under(trust.policy())
                || self.cosigning.logs_under(trust.policy()).next().is_none())
        {
            // Offers of the others bring their cosignatures; the log's signature they add when they publish.
            self.take_over_published().await;
        }
    }

    /// Asks all peers for their latest published checkpoint.
    pub(super) async fn take_over_published(self: &Arc<Self>) {
        for peer in self.peers.ids() {
            let shared = Arc::clone(self);
            tokio::spawn(async move {
                match shared.peers.cosignatures(peer, TreeSize::ZERO).await {
                    Ok(note) => shared.take_over(peer, note).await,
                    Err(error) => tracing::debug!(peer, error, "no published checkpoint was learned"),
                }
            });
        }
    }

    /// Boxed, since merging may offer and offering takes over.
    fn take_over(self: Arc<Self>, peer: u32, note: String) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            if note.is_empty() || note.len() > OFFER_BYTES_MAX {
                return;
            }
            match UnverifiedCheckpoint::from_bytes(note.as_bytes()) {
                Ok(theirs) => self.merge(Some(peer), &theirs).await,
                Err(error) => tracing::warn!(peer, %error, "a peer answered something that is no checkpoint"),
            }
        })
    }
}
