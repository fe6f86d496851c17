//! A note that satisfies the policy becomes the published checkpoint; the first one that covers a policy epoch has to satisfy
//! the policies on both sides of it.
//!
//! Crash before the archive is synced: the checkpoint is published by others or taken over from them after the restart.
//! Crash after it: the restart serves it.

use std::sync::Arc;

use tamga_ledger::note::{LogKey, SignedNote, UnverifiedCheckpoint, VerifiedCheckpoint};
use tamga_ledger::policy::Policy;
use tamga_ledger::tree::TreeSize;
use tamga_platform::blocking::BlockingExt as _;
use tamga_platform::planted;

use super::Inner;
use crate::core::setup::NodeSigner;
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
        let trust = self.trust_now();
        let (published, at) = (inner.published.min(size), cut.note.claimed().size);
        let mut due = trust.policies_due(TreeSize::new(published).unwrap_or(TreeSize::ZERO), at);
        // A node whose log key readers do not know shows the note once another node has signed it as the log.
        let own_log = self.cosigning.logs_under(trust.policy_at(at)).next().is_some();
        let logged = |logs: &[_]| !logs.is_empty() || own_log || trust.policy().logs().is_empty();
        let satisfies = |policy: &Policy| {
            let standing = cut.note.standing(policy, trust.origin());
            standing.is_ok_and(|standing| standing.evaluation.satisfied && logged(&standing.logs))
        };
        if !due.all(satisfies) {
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

    /// Whether the newest cut is held up by a policy epoch that others have got over: it satisfies the policy in force, and no
    /// checkpoint known here joins that one to the policy before.
    pub(super) async fn lacks_crossing(&self) -> bool {
        let inner = self.cosigning.inner.lock().await;
        let trust = self.trust_now();
        let Some(cut) = inner.cuts.newest().and_then(|size| inner.cuts.get(size)).filter(|cut| !cut.published) else {
            return false;
        };
        let (at, before) = (cut.note.claimed().size, TreeSize::new(inner.published).unwrap_or(TreeSize::ZERO));
        let standing = cut.note.standing(trust.policy_at(at), trust.origin());
        trust.policies_due(before, at).count() > 1 && standing.is_ok_and(|standing| standing.evaluation.satisfied)
    }

    /// Takes over from peers the checkpoints that satisfy the policies on both sides of an epoch.
    pub(super) async fn cross(self: &Arc<Self>) {
        for peer in self.peers.ids() {
            let Some(history) = self.learn_history(peer).await else { continue };
            let mut inner = self.cosigning.inner.lock().await;
            for step in history.steps {
                let before = TreeSize::new(inner.published).unwrap_or(TreeSize::ZERO);
                let Ok(verified) = self.trust_now().verify_due(before, step.checkpoint.as_bytes()) else { continue };
                let size = verified.checkpoint().size;
                if size <= before || size > self.store.size() {
                    continue;
                }
                let store = Arc::clone(&self.store);
                match self.seams.blocking.run(move || store.roots_at(size)).await {
                    Ok(roots) if roots == verified.checkpoint().roots => {}
                    Ok(_) => continue,
                    Err(error) => return self.fail(&error.to_string()),
                }
                tracing::info!(peer, %size, "took over the checkpoint at which the trust policy changed");
                self.archive(verified, None).await;
                inner.published = size.get();
            }
            if let Some(newest) = inner.cuts.newest() {
                self.publish_if_satisfied(&mut inner, newest).await;
            }
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
        let trust = self.trust_now();
        let size = note.claimed().size;
        let policy = trust.policy_at(size);
        // A node that joined behind this size is no log of it: no reader could find its key below.
        let is_log =
            |key: &&NodeSigner| trust.registry().log_key_since(&key.public_key()).is_some_and(|leaf| leaf < size.get());
        let keys: Vec<NodeSigner> = self.cosigning.logs_under(policy).filter(is_log).map(Arc::clone).collect();
        if keys.is_empty() {
            tracing::debug!(%size, "this node publishes nothing that ends before its own registration");
            return None;
        }
        for signer in keys {
            let key = LogKey::new(trust.origin().clone(), Arc::clone(&signer)).ok()?;
            let text = note.note().clone();
            // A device that does not sign: others publish, and this node takes over what they published.
            let line = self.signing(&signer, move |_| key.try_sign(&text)).await.ok()?;
            if let Err(error) = note.add(line) {
                tracing::error!(%error, "this node's log signature could not be added to a note");
                return None;
            }
        }
        let verified = note.verify(policy, trust.origin()).map_err(|error| error.to_string());
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
