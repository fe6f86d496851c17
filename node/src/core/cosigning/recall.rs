//! What this node's cosigner keys have signed, as the others remember it.
//!
//! ```text
//! start ─► ask every other node: the highest note under my key? ─► verified under that very key
//!             │ enough organisations have answered                     │ above my memory: adopted, durably, before anything is signed
//!             ▼                                                        │ same size, other text: the key is silent from here on
//!          may sign                                                    ▼ reached by my ledger with other roots: silent too
//! ```
//!
//! A cosigning memory that came out of a backup, or was lost, is behind what its key has signed. Whatever was published with
//! this key was signed by a quorum; once the organisations that have answered form one with this node's own, an honest one of
//! them was in it. What was signed and never published may be known to nobody: signing below it once more contradicts nothing.
//! Nothing is published without a quorum anyway, so waiting for one costs nothing.

use std::collections::BTreeSet;
use std::sync::Arc;

use tamga_ledger::ids::PublicKey;
use tamga_ledger::note::{KeyName, KeyRole, UnverifiedCheckpoint, VerifierKey};
use tamga_platform::blocking::BlockingExt as _;
use tokio::time::{MissedTickBehavior, interval};

use super::Inner;
use super::memory::Shown;
use crate::core::lock::Access as _;
use crate::core::shared::Shared;

/// Longest note taken.
const NOTE_BYTES_MAX: usize = 32 * 1024;

impl Shared {
    /// Asks all other nodes, each until it has answered once.
    pub(crate) async fn confirm_memory(self: Arc<Self>) {
        if self.cosigning.keys.is_empty() {
            return;
        }
        let mut heard = BTreeSet::new();
        let mut tick = interval(self.tuning.cosign_retry);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = tick.tick() => {}
                () = self.stopped() => return,
            }
            let asked = self.peers.ids().into_iter().filter(|peer| !heard.contains(peer)).collect::<Vec<_>>();
            let answers = asked.iter().map(|peer| self.recall_from(*peer));
            for (peer, answered) in asked.iter().zip(futures::future::join_all(answers).await) {
                if answered {
                    heard.insert(*peer);
                }
            }
            if !self.cosigning.is_confirmed() && self.are_enough(&heard) {
                self.cosigning.standing.change().confirmed = true;
                tracing::info!(heard = heard.len(), "the cosigning memory agrees with what others remember");
                self.sign_newest().await;
                self.register_tail_again().await;
            }
            if self.cosigning.is_confirmed() && self.peers.ids().iter().all(|peer| heard.contains(peer)) {
                return;
            }
        }
    }

    /// Whether the organisations of these nodes, with this node's own, satisfy the trust policy.
    fn are_enough(&self, heard: &BTreeSet<u32>) -> bool {
        let trust = self.trust_now();
        let names = heard.iter().chain([&self.node]).filter_map(|node| trust.registry().get(*node));
        trust.policy().satisfied_by_organisations(names.map(|node| node.organisation.as_str()))
    }

    /// Asks one node about every key of this one; whether it has answered about all.
    async fn recall_from(self: &Arc<Self>, peer: u32) -> bool {
        for place in 0..self.cosigning.keys.len() {
            let Some(key) = self.cosigning.keys.get(place).map(|(_, key)| *key) else { continue };
            match self.peers.highest_cosigned(peer, &key).await {
                Ok(note) if note.is_empty() => {}
                Ok(note) if note.len() > NOTE_BYTES_MAX => return false,
                Ok(note) => self.shown(peer, place, &key, &note).await,
                Err(error) => {
                    tracing::debug!(peer, error, "not heard what a peer remembers of this node's cosignatures");
                    return false;
                }
            }
        }
        true
    }

    /// A peer shows what a key of this node has signed.
    async fn shown(self: &Arc<Self>, peer: u32, place: usize, key: &PublicKey, note: &str) {
        let Ok(note) = UnverifiedCheckpoint::from_bytes(note.as_bytes()) else { return };
        if note.claimed().origin != *self.trust.origin() || !has_signed(&note, key) {
            tracing::warn!(peer, "a peer shows a note that this node's key has not signed");
            return;
        }
        let mut inner = self.cosigning.inner.lock().await;
        let checkpoint = note.claimed().clone();
        let Some(memory) = inner.memories.get_mut(place) else { return };
        match memory.shown(&checkpoint) {
            Shown::Known => {}
            Shown::Higher(write) => {
                let size = checkpoint.size;
                tracing::warn!(peer, %size, "this node's key has signed more than its memory says (a backup?): adopted");
                metrics::counter!("tamga_cosigning_memory_adopted_total").increment(1);
                // Crash before it is durable: nothing was signed, and the next start asks again.
                if let Err(error) = self.seams.blocking.run(move || write.perform()).await {
                    let what = format!("the cosigning memory cannot be written: {error}; check the disk and restart");
                    inner.stopped = Some(what.clone());
                    self.fail(&what);
                }
                self.cosigning.standing.change().cosigned_size = inner.highest();
            }
            Shown::Contradicts => {
                let ours = inner.memories.get(place).map_or(0, super::Memory::size);
                let what = format!(
                    "this key has signed two different checkpoints of size {ours}; it signs nothing any more: the \
                     organisation's standby key is needed in its place"
                );
                self.silence(&mut inner, place, what, note.note().to_string()).await;
            }
        }
    }

    /// A key never signs again in this process, and says why.
    pub(super) async fn silence(self: &Arc<Self>, inner: &mut Inner, place: usize, what: String, evidence: String) {
        tracing::error!(what, "a cosigner key of this node is silent");
        metrics::counter!("tamga_cosigner_silenced_total").increment(1);
        let (shared, time_ms) = (Arc::clone(self), self.seams.clock.now_ms());
        self.seams.blocking.run(move || shared.evidence.keep_raw("own-cosigner", time_ms, evidence.as_bytes())).await;
        if let Some(memory) = inner.memories.get_mut(place) {
            memory.silence(what.clone());
        }
        self.cosigning.standing.change().silent = Some(what);
    }

    /// Peer service: the highest note known here that a key has signed; empty for none.
    pub(crate) async fn highest_cosigned(self: &Arc<Self>, key: &PublicKey) -> String {
        let in_hand = {
            let inner = self.cosigning.inner.lock().await;
            inner
                .cuts
                .newest_of(|note| has_signed(note, key))
                .map(|note| (note.claimed().size, note.note().to_string()))
        };
        let shared = Arc::clone(self);
        let archived = self.seams.blocking.run(move || shared.store.checkpoint_latest()).await;
        let archived = match archived {
            Ok(archived) => archived,
            Err(error) => {
                self.fail(&error.to_string());
                None
            }
        };
        let archived = archived.filter(|archived| {
            UnverifiedCheckpoint::from_bytes(archived.note.as_bytes()).is_ok_and(|note| has_signed(&note, key))
        });
        match (in_hand, archived) {
            (Some((size, _)), Some(archived)) if archived.size > size => archived.note,
            (Some((_, note)), _) => note,
            (None, Some(archived)) => archived.note,
            (None, None) => String::new(),
        }
    }

    /// The tail of the ledger may be signed now, if a peer shows that it is a cut.
    async fn register_tail_again(self: &Arc<Self>) {
        if !self.catching_up.load(std::sync::atomic::Ordering::SeqCst) {
            self.take_over_published().await;
        }
    }
}

/// Whether a cosigner key has signed a note, under whichever name.
fn has_signed(note: &UnverifiedCheckpoint, key: &PublicKey) -> bool {
    note.note().signatures().iter().any(|line| {
        let name = KeyName::new(line.name().as_str()).ok();
        let verifier = name.and_then(|name| VerifierKey::new(name, KeyRole::Cosigner, &key.0).ok());
        verifier.is_some_and(|verifier| line.claims(&verifier) && verifier.verify(note.note().text(), line).is_ok())
    })
}
