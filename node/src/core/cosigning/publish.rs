//! A note that satisfies the policy becomes the published checkpoint.
//!
//! Crash before the archive is synced: the checkpoint is published by others or taken over from them after the restart.
//! Crash after it: the restart serves it.

use std::sync::Arc;

use tamga_ledger::note::{SignedNote, UnverifiedCheckpoint, VerifiedCheckpoint};
use tamga_platform::blocking::BlockingExt as _;
use tamga_platform::planted;

use super::Inner;
use crate::core::shared::Shared;
use crate::core::{Cosigner, Published};
use crate::view::View;

impl Shared {
    /// Publishes the note of that size if the policy is satisfied, or archives it again with late cosignatures.
    pub(super) async fn publish_if_satisfied(self: &Arc<Self>, inner: &mut Inner, size: u64) {
        let Some(cut) = inner.cuts.get(size) else { return };
        if inner.stopped.is_some() || (size < inner.published && !cut.published) {
            return;
        }
        let standing = cut.note.standing(self.trust.policy(), self.trust.origin());
        // A node whose log key readers do not know shows the note once another node has signed it as the log.
        let logged =
            |logs: &[_]| !logs.is_empty() || self.cosigning.log.is_some() || self.trust.policy().logs().is_empty();
        if !standing.is_ok_and(|standing| standing.evaluation.satisfied && logged(&standing.logs)) {
            return;
        }
        let Some(verified) = self.sealed(cut.note.clone()).await else { return };
        let Some(cut) = inner.cuts.get(size) else { return };
        let latest = self.published.borrow().clone();
        let (view, since_ms) = match (&cut.view, latest) {
            (_, Some(latest)) if latest.checkpoint.size.get() == size => {
                (Arc::clone(&latest.view), Some(latest.published_ms))
            }
            (Some(view), _) => (Arc::clone(view), None),
            // Late cosignatures of an older one: archived, not shown.
            (None, _) => return self.archive(verified, None).await,
        };
        let first = since_ms.is_none();
        let published_ms = since_ms.unwrap_or_else(|| self.seams.clock.now_ms());
        let published = Self::published_from(&verified, view, published_ms);
        self.archive(verified, Some(published)).await;
        inner.published = inner.published.max(size);
        inner.cuts.published(size);
        if first {
            metrics::counter!("tamga_checkpoints_published_total").increment(1);
            metrics::gauge!("tamga_published_size").set(size as f64);
            tracing::debug!(size, "published");
        }
    }

    /// Shows a checkpoint that others published and that this node's ledger was brought to.
    pub(crate) async fn adopt(self: &Arc<Self>, verified: VerifiedCheckpoint, view: Arc<View>) {
        let size = verified.checkpoint().size.get();
        let mut inner = self.cosigning.inner.lock().await;
        if size <= inner.published {
            return;
        }
        let published = Self::published_from(&verified, view, self.seams.clock.now_ms());
        self.archive(verified, Some(published)).await;
        inner.published = size;
        inner.cuts.published(size);
    }

    /// The note with this node's log signature, verified as any reader would.
    async fn sealed(&self, mut note: UnverifiedCheckpoint) -> Option<VerifiedCheckpoint> {
        let signature = match &self.cosigning.log {
            Some(log) => {
                let (key, text) = (Arc::clone(log), note.note().clone());
                // A device that does not sign: others publish, and this node takes over what they published.
                Some(self.signing(log.signer(), move |_| key.try_sign(&text)).await.ok()?)
            }
            None => None,
        };
        let added = signature.map_or(Ok(false), |signature| note.add(signature)).map_err(|error| error.to_string());
        let verified = added
            .and_then(|_| note.verify(self.trust.policy(), self.trust.origin()).map_err(|error| error.to_string()));
        match verified {
            Ok(verified) => Some(verified),
            Err(error) => {
                tracing::error!(error, "a note with a quorum does not verify; it is not published");
                None
            }
        }
    }

    /// What readers see of a verified checkpoint.
    pub(crate) fn published_from(verified: &VerifiedCheckpoint, view: Arc<View>, published_ms: u64) -> Published {
        let cosigners = verified.cosignatures().iter().map(|cosignature| Cosigner {
            name: cosignature.cosigner.to_string(),
            organisation: cosignature.organisation.as_ref().map(ToString::to_string),
            time_s: cosignature.time_s,
        });
        Published {
            note: verified.note().to_string(),
            checkpoint: verified.checkpoint().clone(),
            organisations: verified.organisations().iter().map(ToString::to_string).collect(),
            cosigners: cosigners.collect(),
            published_ms,
            sequenced_ms: view.time_ms,
            view,
        }
    }

    /// Makes entries, tiles and the checkpoint durable, in this order, and then shows it.
    pub(super) async fn archive(self: &Arc<Self>, verified: VerifiedCheckpoint, published: Option<Published>) {
        let (shared, now_ms) = (Arc::clone(self), self.seams.clock.now_ms());
        let started = tokio::time::Instant::now();
        let archived = self.seams.blocking.run(move || {
            let size = verified.checkpoint().size;
            // Of one size the first time stays: late cosignatures do not make it younger.
            let known = shared.store.checkpoint_at(size)?;
            let note = with_outside_lines(verified.note(), known.as_ref().map(|known| known.note.as_str()));
            let time_ms = known.map_or(now_ms, |known| known.time_ms);
            shared.store.archive_checkpoint(size, time_ms, &note)?;
            if planted::is("published-before-synced") {
                return Ok(note);
            }
            shared.store.sync().map(|()| note)
        });
        let note = match archived.await {
            Ok(note) => note,
            Err(error) => return self.fail(&error.to_string()),
        };
        metrics::histogram!("tamga_publish_sync_seconds").record(started.elapsed().as_secs_f64());
        if let Some(published) = published {
            let published = Published { note, ..published };
            self.published.send_replace(Some(Arc::new(published)));
        }
    }
}

/// The note with what is archived beside it: lines of outside witnesses are not in the notes that nodes assemble.
fn with_outside_lines(note: &SignedNote, archived: Option<&str>) -> String {
    let mut whole = note.clone();
    // What is archived was verified when it was; another text is another checkpoint, which the caller finds.
    let archived = archived.and_then(|archived| SignedNote::from_bytes(archived.as_bytes()).ok());
    if let Some(archived) = archived.filter(|archived| archived.text() == note.text())
        && whole.merge(&archived).is_err()
    {
        return note.to_string();
    }
    whole.to_string()
}
