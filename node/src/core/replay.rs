//! Replay: from the store's entries to the judging state, with all signatures.
//!
//! Signatures are verified again: what the disk says is not believed more than what the network says. The price: two
//! signatures an identification dominate the time, which the log line at the end states. Every entry must come out of
//! judging as the bytes that are stored. Where a saved state was loaded (`saved`) only what follows it is replayed.

use std::sync::{Arc, RwLock};
use std::time::Duration;

use tamga_ledger::ids::ElectionId;
use tamga_ledger::state::State;
use tamga_ledger::store::{Confidential as Body, Store};
use tamga_ledger::submission::Confidential;
use tamga_ledger::tree::{LeafIndex, TreeSize};
use tamga_platform::blocking::{Blocking, BlockingExt as _};
use tokio::time::Instant;

use super::CoreError;
use super::keys::Keys;
use super::lock::Access as _;
use super::rejudge::{Read, Rejudge, Verified};
use crate::view::{View, Views};

/// Entries of one round, and their bytes.
const ROUND_ENTRIES: u64 = 2_048;
const ROUND_BYTES: usize = 8 << 20;
/// How often a long replay says how far it is.
const PROGRESS: Duration = Duration::from_secs(5);

/// What a replay gives beside the state.
#[derive(Debug, Default)]
pub(crate) struct Replayed {
    /// The view at the size that was asked for.
    pub(crate) view: Option<Arc<View>>,
    /// Size of the last cut.
    pub(crate) last_cut: u64,
    /// Entries judged.
    pub(crate) entries: u64,
}

/// Replays what a store holds behind a state.
#[derive(Debug)]
pub(crate) struct Replay<'a> {
    pub(crate) store: &'a Arc<Store>,
    pub(crate) election: ElectionId,
    pub(crate) blocking: &'a Arc<dyn Blocking>,
    pub(crate) views: &'a Views,
    /// At which size a view is wanted.
    pub(crate) view_at: Option<TreeSize>,
}

impl Replay<'_> {
    /// Brings `state` from its own size to the store's.
    pub(crate) async fn run(&self, state: &Arc<RwLock<State>>) -> Result<Replayed, CoreError> {
        let begun = state.look().head().size;
        let mut replayed = Replayed { view: None, last_cut: state.look().last_cut_size(), entries: 0 };
        if self.view_at == Some(begun) && !begun.is_empty() {
            replayed.view = Some(self.views.compute(&state.look()));
        }
        let keys = Keys::new(Arc::clone(state));
        let mut progress = Progress::new(begun.get(), self.store.size().get());
        while progress.next < progress.end {
            let started = Instant::now();
            let round = self.read_round(progress.next, progress.end).await?;
            progress.reading += started.elapsed();
            let (after, count) = (progress.next, round.len() as u64);
            let verified = self.rejudge().verify(round, &keys).await;
            // Published sizes were cuts, also those asked for in idle times, which leaf times do not tell.
            let cuts = self.published_sizes(after, after + count)?;
            self.judge(&mut state.change(), verified, &cuts, &mut replayed)?;
            progress.advance(count);
        }
        progress.finish();
        replayed.entries = progress.end - progress.begun;
        Ok(replayed)
    }

    const fn rejudge(&self) -> Rejudge<'_> {
        Rejudge { election: self.election, blocking: self.blocking, bodies: Confidential::MayBeWithheld }
    }

    async fn read_round(&self, from: u64, end: u64) -> Result<Vec<Read>, CoreError> {
        let store = Arc::clone(self.store);
        let to = end.min(from + ROUND_ENTRIES);
        self.blocking.run(move || read_round(&store, from, to)).await
    }

    fn published_sizes(&self, after: u64, upto: u64) -> Result<Vec<u64>, CoreError> {
        let size = |size| TreeSize::new(size).unwrap_or_default();
        let archived = self.store.checkpoints(size(after + 1)..size(upto + 1), usize::MAX)?;
        Ok(archived.iter().map(|checkpoint| checkpoint.size.get()).collect())
    }

    fn judge(
        &self,
        state: &mut State,
        verified: Vec<Verified>,
        cuts: &[u64],
        replayed: &mut Replayed,
    ) -> Result<(), CoreError> {
        for verified in verified {
            if let Some(cut) = state.advance_time(verified.0.entry.time_ms) {
                replayed.last_cut = cut.head.size.get();
            }
            let judged = self.rejudge().judge(state, verified);
            judged.map_err(|differs| CoreError::Replay { leaf: differs.leaf, what: differs.what })?;
            let size = state.head().size;
            if cuts.binary_search(&size.get()).is_ok() {
                state.cut();
                replayed.last_cut = size.get();
            }
            if self.view_at == Some(size) {
                replayed.view = Some(self.views.compute(state));
            }
        }
        Ok(())
    }
}

fn read_round(store: &Store, from: u64, to: u64) -> Result<Vec<Read>, CoreError> {
    let index = |index| LeafIndex::new(index).unwrap_or_default();
    let entries = store.entries(index(from)..index(to), ROUND_BYTES)?;
    let mut round = Vec::with_capacity(entries.len());
    for (bytes, leaf) in entries.into_iter().zip(from..) {
        let leaf = index(leaf);
        // An erased body is missing; what the entry states is taken over then.
        let body = match store.confidential(leaf)? {
            Body::Kept { body, .. } => body,
            Body::None | Body::Erased { .. } => Vec::new(),
        };
        let read = Read::new(leaf, bytes, body);
        round.push(read.map_err(|error| CoreError::Replay { leaf, what: format!("it cannot be read: {error}") })?);
    }
    Ok(round)
}

/// How far a replay is, told now and then.
struct Progress {
    begun: u64,
    next: u64,
    end: u64,
    started: Instant,
    told: Instant,
    reading: Duration,
}

impl Progress {
    fn new(begun: u64, end: u64) -> Self {
        let now = Instant::now();
        Self { begun, next: begun, end, started: now, told: now, reading: Duration::ZERO }
    }

    fn advance(&mut self, count: u64) {
        self.next += count;
        if self.told.elapsed() >= PROGRESS && self.next < self.end {
            self.told = Instant::now();
            tracing::info!(at = self.next, of = self.end, a_second = self.rate(), "replaying the ledger");
        }
    }

    fn rate(&self) -> u64 {
        ((self.next - self.begun) as f64 / self.started.elapsed().as_secs_f64().max(1e-6)) as u64
    }

    fn finish(&self) {
        if self.end > self.begun {
            let (entries, seconds) = (self.end - self.begun, self.started.elapsed().as_secs_f64());
            tracing::info!(entries, seconds, a_second = self.rate(), reading = ?self.reading, "replayed the ledger");
        }
    }
}
