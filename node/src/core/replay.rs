//! Replay: from the store's entries to the judging state, with all signatures.
//!
//! Signatures are verified again: what the disk says is not believed more than what the network says. The price: two
//! signatures an identification dominate the time, which the log line at the end states. Every entry must come out of
//! judging as the bytes that are stored.

use std::sync::{Arc, RwLock};
use std::time::Duration;

use tamga_ledger::entry::{Entry, Payload};
use tamga_ledger::ids::ElectionId;
use tamga_ledger::state::State;
use tamga_ledger::store::{Confidential as Body, Store};
use tamga_ledger::submission::{Authentic, Confidential, Rejection, Submission, authenticate_submission};
use tamga_ledger::tree::{LeafIndex, TreeSize};
use tamga_platform::blocking::{Blocking, BlockingExt as _};

use super::CoreError;
use super::keys::Keys;
use super::lock::Access as _;
use crate::view::{View, Views};

/// Entries of one round, and their bytes.
const ROUND_ENTRIES: u64 = 2_048;
const ROUND_BYTES: usize = 8 << 20;
/// Threads that verify.
const TASKS: usize = 4;

/// What a replay gives beside the state.
#[derive(Debug, Default)]
pub(crate) struct Replayed {
    /// The view at the size that was asked for.
    pub(crate) view: Option<Arc<View>>,
    /// Size of the last cut.
    pub(crate) last_cut: u64,
}

/// One entry on its way.
struct Read {
    leaf: LeafIndex,
    bytes: Vec<u8>,
    entry: Entry,
    submission: Option<Submission>,
}

type Verified = (Read, Option<Result<Box<Authentic>, Rejection>>);

/// Replays a whole store.
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
    /// Fills `state`, which is empty.
    pub(crate) async fn run(&self, state: &Arc<RwLock<State>>) -> Result<Replayed, CoreError> {
        let started = tokio::time::Instant::now();
        let end = self.store.size().get();
        let (mut next, mut replayed) = (0, Replayed::default());
        let keys = Keys::new(Arc::clone(state));
        let (mut reading, mut verifying) = (Duration::ZERO, Duration::ZERO);
        while next < end {
            let begun = tokio::time::Instant::now();
            let round = self.read_round(next, end).await?;
            reading += begun.elapsed();
            let count = round.len() as u64;
            let verified = self.verify(round, &keys).await;
            verifying += begun.elapsed();
            // Published sizes were cuts, also those asked for in idle times, which leaf times do not tell.
            let cuts = self.published_sizes(next, next + count)?;
            self.judge(&mut state.change(), verified, &cuts, &mut replayed)?;
            next += count;
        }
        if end > 0 {
            let seconds = started.elapsed().as_secs_f64();
            let a_second = (end as f64 / seconds) as u64;
            let verifying = verifying.saturating_sub(reading);
            tracing::info!(entries = end, seconds, a_second, ?reading, ?verifying, "replayed the ledger");
        }
        Ok(replayed)
    }

    async fn read_round(&self, from: u64, end: u64) -> Result<Vec<Read>, CoreError> {
        let store = Arc::clone(self.store);
        let to = end.min(from + ROUND_ENTRIES);
        self.blocking.run(move || read_round(&store, from, to)).await
    }

    async fn verify(&self, round: Vec<Read>, keys: &Keys) -> Vec<Verified> {
        let size = round.len().div_ceil(TASKS).max(1);
        let mut rest = round.into_iter();
        let mut running = Vec::with_capacity(TASKS);
        for _ in 0..TASKS {
            let part: Vec<Read> = rest.by_ref().take(size).collect();
            let (keys, election) = (keys.clone(), self.election);
            running.push(self.blocking.run(move || -> Vec<Verified> {
                part.into_iter()
                    .map(|mut read| {
                        let expected = if read.leaf == LeafIndex::ZERO { ElectionId::ZERO } else { election };
                        let submission = read.submission.take();
                        let result = submission.map(|submission| {
                            authenticate_submission(submission, &expected, &keys, Confidential::MayBeWithheld)
                                .map(Box::new)
                        });
                        (read, result)
                    })
                    .collect()
            }));
        }
        futures::future::join_all(running).await.into_iter().flatten().collect()
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
        for (read, result) in verified {
            if let Some(cut) = state.advance_time(read.entry.time_ms) {
                replayed.last_cut = cut.head.size.get();
            }
            self.judge_one(state, &read, result)?;
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

    fn judge_one(
        &self,
        state: &mut State,
        read: &Read,
        result: Option<Result<Box<Authentic>, Rejection>>,
    ) -> Result<(), CoreError> {
        let differs = |what: String| CoreError::Replay { leaf: read.leaf, what };
        let authentic = match result {
            None => {
                state.replay_unread(Some(&read.entry), &read.bytes);
                return Ok(());
            }
            Some(Ok(authentic)) if !authentic.wants_key() => Ok(authentic),
            Some(Err(rejection)) if !rejection.wants_key() => Err(rejection),
            // A key registered within this round.
            Some(_) => {
                let again = submission_of(self.store, read.leaf, &read.entry)?;
                let again = again.ok_or_else(|| differs("its record is not there".to_owned()))?;
                authenticate_submission(again, &self.election, &&*state, Confidential::MayBeWithheld).map(Box::new)
            }
        };
        let authentic = authentic.map_err(|rejection| differs(rejection.to_string()))?;
        let leaf = state.replay(&read.entry, &read.bytes, *authentic);
        let leaf = leaf.ok_or_else(|| differs("the ledger is full".to_owned()))?;
        if leaf.entry != read.bytes {
            return Err(differs(format!("it states \"{}\", judging gives \"{}\"", read.entry.verdict, leaf.verdict)));
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
        let entry = Entry::from_bytes(&bytes)
            .map_err(|error| CoreError::Replay { leaf, what: format!("it cannot be read: {error}") })?;
        let submission = submission_of(store, leaf, &entry)?;
        round.push(Read { leaf, bytes, entry, submission });
    }
    Ok(round)
}

/// The submission an entry came from; none for a stub. An erased confidential body is missing from it.
fn submission_of(store: &Store, leaf: LeafIndex, entry: &Entry) -> Result<Option<Submission>, CoreError> {
    let Payload::Full(signed) = &entry.payload else { return Ok(None) };
    let confidential = match store.confidential(leaf)? {
        Body::Kept { body, .. } => body,
        Body::None | Body::Erased { .. } => Vec::new(),
    };
    Ok(Some(Submission { signed: signed.clone(), confidential }))
}
