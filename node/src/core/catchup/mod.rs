//! Catch-up: a node that is new, or was away so long that the others' logs no longer reach back to it, takes the entries
//! themselves from its peers.
//!
//! ```text
//! snapshot (position, published checkpoint) ─► verified: the target ─► mark durable
//!        ┌───────────────────────────────────────────────────────────────┘
//!        ▼
//!  sources ─► part ─► proven a prefix of the target? ─► signatures ─► judged ─► bytes equal? ─► store: one frame
//!   any peers           │ no: its sender put aside                                                    │
//!                       └─ nothing changed                          last one: frame with the position ┘─► mark removed
//! ```
//!
//! | file | what |
//! |---|---|
//! | `marker` | the mark of a transfer that has begun |
//! | `sources` | which peer is asked for what, ahead of its turn |
//! | `part` | proving what came: nothing unproven goes further |
//! | `integrate` | judging and storing what is proven |
//! | `serve` | the other side |
//!
//! The target is a checkpoint that a quorum of organisations cosigned, so the leader that names it, and whoever sends
//! entries, need not be believed. What is believed of the leader is the place in the log that belongs to it, as everything
//! about order is; were it wrong, this node's roots would differ from the others', and it would halt.
//!
//! A transfer goes on where the ledger ends, whatever interrupted it: every part in the ledger is proven. Until it ends the
//! ledger is ahead of the position that its frames name, so nothing of the log may be applied (the mark says so, also
//! after a crash), and this node neither cosigns nor calls itself ready.

mod integrate;
mod marker;
mod part;
mod serve;
mod sources;
#[cfg(test)]
mod tests;

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tamga_ledger::entry::Payload;
use tamga_ledger::note::VerifiedCheckpoint;
use tamga_ledger::store::{LogPosition, StoreError};
use tamga_ledger::submission::{Confidential, Rejection};
use tamga_ledger::tree::TreeHead;
use tamga_platform::blocking::BlockingExt as _;
use tokio::sync::{Notify, Semaphore};
use tokio::time::Instant;

use self::integrate::Checked;
use self::marker::Marked;
pub(crate) use self::part::PART_MESSAGE_BYTES;
use self::part::{Contradiction, Poison, prove};
pub use self::serve::ServeError;
use self::sources::{Arrived, NobodyLeft, Sources};
use super::CoreError;
use super::lock::Access as _;
use super::rejudge::{Differs, Rejudge};
use super::shared::Shared;
use crate::proto::{EntriesPart, TakeEntriesRequest};

/// How often a long transfer says how far it is.
const PROGRESS: Duration = Duration::from_secs(5);

/// What the two sides of catch-up keep.
#[derive(Debug)]
pub(crate) struct CatchUp {
    /// Transfers that this node may serve.
    serving: Arc<Semaphore>,
    /// Held while a part is written: once the core stops, whoever takes it finds nobody writing.
    writing: Mutex<()>,
    /// A transfer has begun and not ended. Set before the mark is written, cleared after it was removed.
    unfinished: std::sync::atomic::AtomicBool,
    /// A transfer has ended: this node must find out anew how far the others are.
    pub(crate) ended: Notify,
}

impl Default for CatchUp {
    fn default() -> Self {
        Self {
            serving: Arc::new(Semaphore::new(serve::SERVED_MAX)),
            writing: Mutex::default(),
            unfinished: false.into(),
            ended: Notify::new(),
        }
    }
}

/// Why a transfer did not end. What it brought so far is proven and stays.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CatchUpError {
    #[error("this node was stopped while it caught up; it goes on at its next start")]
    Stopping,
    #[error("a snapshot was offered that no published checkpoint proves: {0}")]
    Target(String),
    #[error(
        "a snapshot was offered for a ledger of {target} entries, but this one has {size}: this node's ledger is another"
    )]
    Shorter { target: u64, size: u64 },
    #[error("no node gives entries that the published checkpoint proves: {0}; compare the nodes' ledgers")]
    NobodyLeft(#[from] NobodyLeft),
    #[error("{0}; the published ledger is not what the rules give: memory or software is at fault, or a quorum lies")]
    Differs(#[from] Differs),
    #[error("the ledger's files have roots {:?} and judging has {:?}: memory or software is at fault", .0.0, .0.1)]
    Roots(Box<(TreeHead, TreeHead)>),
    #[error("two published checkpoints contradict each other at size {0}; the evidence is kept")]
    Contradiction(u64),
    #[error("{0}")]
    Store(#[from] StoreError),
    #[error("the mark of a catch-up cannot be written: {0}; check the disk and restart")]
    Mark(std::io::Error),
}

impl CatchUpError {
    /// Whether the same may work later on this node, with nothing changed by now.
    pub(crate) const fn is_interruption(&self) -> bool {
        matches!(self, Self::Stopping | Self::Target(_))
    }
}

/// What a part is refused for.
enum Refused {
    Poison(Poison),
    Error(CatchUpError),
}

impl Shared {
    /// Whether the ledger is ahead of its position, so that nothing may be applied.
    pub(crate) fn is_catch_up_unfinished(&self) -> bool {
        self.catchup.unfinished.load(Ordering::SeqCst)
    }

    /// Brings ledger and state to a published checkpoint, and the position to the one that belongs to it.
    pub(crate) async fn catch_up_to(self: &Arc<Self>, position: LogPosition, note: &[u8]) -> Result<(), CatchUpError> {
        let target = self.verify_ahead(note).await.map_err(|error| CatchUpError::Target(error.to_string()))?;
        let (size, wanted) = (self.store.size(), target.checkpoint().size);
        if wanted < size {
            return Err(CatchUpError::Shorter { target: wanted.get(), size: size.get() });
        }
        tracing::info!(%position, from = %size, to = %wanted, "the others' logs no longer reach back to this node: \
            it takes the entries from its peers");
        self.catchup.unfinished.store(true, Ordering::SeqCst);
        self.catching_up.store(true, Ordering::SeqCst);
        self.mark(Marked { position, note: target.note().to_string() }).await?;
        // Crash from here on: the next start finds the mark and finishes the transfer before consensus starts.
        self.transfer(position, target).await
    }

    /// Finishes a transfer that a crash or a stop interrupted. Before consensus starts.
    pub(crate) async fn finish_catch_up(self: &Arc<Self>) -> Result<(), CoreError> {
        let (shared, failed) = (Arc::clone(self), |error: CatchUpError| CoreError::CatchUp(error.to_string()));
        let read = self.seams.blocking.run(move || marker::read(shared.seams.disk.as_ref(), &shared.data_dir)).await?;
        let Some(Marked { position, note }) = read else { return Ok(()) };
        let verified = self.verify_ahead(note.as_bytes()).await;
        let target = verified.map_err(|error| failed(CatchUpError::Target(error.to_string())))?;
        self.catchup.unfinished.store(true, Ordering::SeqCst);
        if self.store.position().is_some_and(|here| here.index >= position.index) {
            // Crash between the last frame and the removal of the mark.
            return self.arrived(target).await.map_err(failed);
        }
        tracing::info!(size = %self.store.size(), target = %target.checkpoint().size, "finishing an interrupted catch-up");
        self.transfer(position, target).await.map_err(failed)
    }

    /// Nobody writes parts after this has returned, if the core was told to stop before.
    pub(crate) async fn catch_up_has_stopped(self: &Arc<Self>) {
        let shared = Arc::clone(self);
        self.seams.blocking.run(move || drop(shared.catchup.writing.lock())).await;
    }

    async fn mark(self: &Arc<Self>, marked: Marked) -> Result<(), CatchUpError> {
        let shared = Arc::clone(self);
        let written =
            self.seams.blocking.run(move || marker::write(shared.seams.disk.as_ref(), &shared.data_dir, &marked));
        written.await.map_err(CatchUpError::Mark)
    }

    async fn transfer(self: &Arc<Self>, position: LogPosition, target: VerifiedCheckpoint) -> Result<(), CatchUpError> {
        let wanted = target.checkpoint().head();
        // Parts before the last one keep the position that the ledger has: it stays true of what was applied.
        let before = self.store.position().unwrap_or_default();
        let mut sources = Sources::new(self, self.store.size().get(), wanted.size.get());
        let mut progress = Progress::new(self.store.size().get(), wanted.size.get());
        loop {
            let at = self.store.size().get();
            progress.at(at);
            if at >= wanted.size.get() {
                break;
            }
            let arrived = tokio::select! {
                arrived = sources.next(at) => arrived?,
                () = self.stopped() => return Err(CatchUpError::Stopping),
            };
            let peer = arrived.peer;
            match self.check_part(arrived, &target).await {
                Ok(checked) => {
                    let last = checked.frontier.size() == wanted.size;
                    let end = checked.frontier.size().get();
                    self.take_in(checked, if last { position } else { before }).await?;
                    sources.taken(end);
                }
                Err(Refused::Poison(poison)) => {
                    self.put_aside(peer, at, &poison);
                    sources.lied(peer);
                }
                Err(Refused::Error(error)) => return Err(error),
            }
        }
        if self.store.position().is_none_or(|here| here.index < position.index) {
            // Nothing was missing but empty batches.
            self.move_to(position).await?;
        }
        progress.end();
        self.arrived(target).await
    }

    /// Proves a part and verifies the signatures in it. Changes nothing.
    async fn check_part(
        self: &Arc<Self>,
        arrived: Arrived,
        checkpoint: &VerifiedCheckpoint,
    ) -> Result<Checked, Refused> {
        let target = checkpoint.checkpoint().head();
        let (peer, from) = (arrived.peer, arrived.part.first_leaf);
        let frontier = self.state.look().frontier().clone();
        let trust = self.trust_now();
        let Arrived { part, upto, .. } = arrived;
        let proven = self.seams.blocking.run(move || prove(part, frontier, upto, &target, &trust)).await;
        let proven = proven.map_err(Refused::Poison)?;
        if let Some(contradiction) = proven.contradiction {
            let size = contradiction.size;
            self.keep_contradiction(contradiction, checkpoint, peer, from).await;
            return Err(Refused::Error(CatchUpError::Contradiction(size)));
        }
        let round = self.rejudge().verify(proven.round, &self.keys_known()).await;
        for (read, result) in &round {
            // The body is all that the tree does not prove; its digest stands in the record, which the tree does.
            let body = matches!(result, Some(Err(Rejection::ConfidentialDigest)));
            let stub = matches!(read.entry.payload, Payload::Stub(_)) && !read.body.is_empty();
            if body || stub {
                return Err(Refused::Poison(Poison::Body(read.leaf)));
            }
        }
        Ok(Checked { round, checkpoints: proven.checkpoints, frontier: proven.frontier })
    }

    /// Two published checkpoints contradict each other: keeps them, with the proof from the smaller size to the larger one
    /// that whoever sent the entries has as well.
    async fn keep_contradiction(
        self: &Arc<Self>,
        contradiction: Contradiction,
        target: &VerifiedCheckpoint,
        peer: u32,
        from: u64,
    ) {
        let request = TakeEntriesRequest { from, upto: contradiction.size, target: target.checkpoint().size.get() };
        let proof = match self.peers.entries(peer, request).await {
            Ok(mut parts) => parts.message().await.ok().flatten().unwrap_or_default(),
            Err(_) => EntriesPart::default(),
        };
        let (shared, second, raw) = (Arc::clone(self), target.note().to_string(), contradiction.note.clone());
        let keep = move || match contradiction.claim(second, &proof) {
            Some(claim) => shared.keep_evidence(claim, raw.as_bytes()),
            None => shared.evidence.keep_raw("contradiction", shared.seams.clock.now_ms(), raw.as_bytes()),
        };
        let _kept = self.seams.blocking.run(keep).await;
    }

    fn rejudge(&self) -> Rejudge<'_> {
        Rejudge { election: *self.trust.election_id(), blocking: &self.seams.blocking, bodies: Confidential::Required }
    }

    /// A peer has sent what is not the published ledger.
    fn put_aside(&self, peer: u32, at: u64, poison: &Poison) {
        // Added nodes too, and those removed meanwhile.
        let roster = self.roster.now();
        let node = roster.get(peer).or_else(|| roster.ledger().get(peer));
        let organisation = node.map_or("unknown", |node| node.organisation.as_str());
        tracing::error!(
            peer, organisation, at, %poison,
            "a node sent entries that are not those of the published ledger; nothing of it was taken, and it is asked no more"
        );
        metrics::counter!("tamga_catch_up_poisoned_total").increment(1);
    }
}

/// How far a transfer is, told now and then.
struct Progress {
    begun: u64,
    at: u64,
    of: u64,
    started: Instant,
    told: Instant,
}

impl Progress {
    fn new(begun: u64, of: u64) -> Self {
        let now = Instant::now();
        Self { begun, at: begun, of, started: now, told: now }
    }

    fn rate(&self) -> u64 {
        ((self.at - self.begun) as f64 / self.started.elapsed().as_secs_f64().max(1e-6)) as u64
    }

    fn at(&mut self, at: u64) {
        self.at = at;
        if self.told.elapsed() >= PROGRESS {
            self.told = Instant::now();
            tracing::info!(at, of = self.of, a_second = self.rate(), "catching up");
        }
    }

    fn end(&self) {
        let (entries, seconds) = (self.of - self.begun, self.started.elapsed().as_secs_f64());
        tracing::info!(entries, seconds, a_second = self.rate(), "took the entries from peers");
    }
}
