//! Apply: committed batches become leaves. One batch at a time, in order, the same on every node.
//!
//! ```text
//! entry ─► batch verified? ─► advance time (cut?) ─► each item: authentic? judge, new leaf ─► store: one frame
//!             │ no: void                                                                       │
//!             └───────────────► store: empty frame          heads equal? ─► verdicts told, cuts to cosigning
//! ```
//!
//! Crash at any point before the store's append: the entry is applied again, to the state as replayed from the store.
//! Crash after it: the leaves are there (or the unsynced tail is cut as whole frames and applied again). Verdicts told
//! in between were about committed entries, which apply gives again.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt as _;
use tamga_consensus::{Application, Committed, EntryKind, Fatal, InstallError, LogPosition};
use tamga_ledger::batch::{Batch, BatchError, Item};
use tamga_ledger::ids::{ElectionId, RecordId};
use tamga_ledger::judge::{Cut, Integrated, NewLeaf};
use tamga_ledger::kinds::Kind;
use tamga_ledger::nodes::Nodes;
use tamga_ledger::promise::Judged;
use tamga_ledger::state::State;
use tamga_ledger::store::{LogPosition as StorePosition, NewEntry};
use tamga_ledger::submission::{Authentic, Content, Rejection, Submission, authenticate};
use tamga_platform::blocking::BlockingExt as _;
use tamga_platform::planted;

use super::cosigning::CutMade;
use super::lock::Access as _;
use super::prepare::{Checked, PreparedBatch};
use super::shared::Shared;

/// Entries whose signatures are checked ahead of the one being applied.
const AHEAD: usize = 4;

/// The replicated state machine as consensus drives it.
pub(crate) struct Machine {
    shared: Arc<Shared>,
    applied: Option<LogPosition>,
}

impl Machine {
    /// A machine whose state and store stand at the store's position.
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        let applied = shared.store.position().map(from_store);
        Self { shared, applied }
    }
}

const fn from_store(position: StorePosition) -> LogPosition {
    let StorePosition { term, leader, index } = position;
    LogPosition { term, leader: tamga_consensus::NodeId(leader), index }
}

const fn to_store(position: LogPosition) -> StorePosition {
    let LogPosition { term, leader, index } = position;
    StorePosition { term, leader: leader.0, index }
}

#[async_trait]
impl Application for Machine {
    fn applied(&self) -> Option<LogPosition> {
        self.applied
    }

    async fn apply(&mut self, entries: Vec<Committed>) -> Result<Vec<Bytes>, Fatal> {
        if self.shared.is_catch_up_unfinished() {
            // The ledger is ahead of the position behind which these entries come.
            let fatal = Fatal::new("a catch-up with the other nodes was interrupted; the next start finishes it");
            self.shared.fail(fatal.what());
            return Err(fatal);
        }
        let last = entries.last().map(|entry| entry.position);
        let normal = entries.into_iter().filter(|entry| entry.kind == EntryKind::Normal);
        let prepared = normal.map(|entry| {
            let preparing = Arc::clone(&self.shared).prepared(entry.position, entry.payload);
            async move { (entry.position, preparing.await) }
        });
        let mut prepared = futures::stream::iter(prepared).buffered(AHEAD);
        let mut responses = Vec::new();
        while let Some((position, mut batch)) = prepared.next().await {
            let shared = Arc::clone(&self.shared);
            if batch.batch.as_ref().is_err_and(BatchError::wants_node) {
                // Prepared ahead of the leaf that registered its proposer. Everything before it is applied now.
                batch = Arc::clone(&shared).prepare(batch.payload).await;
            }
            let applied = self.shared.seams.blocking.run(move || shared.apply_batch(position, batch));
            applied.await.inspect_err(|fatal| self.shared.fail(fatal.what()))?;
            responses.push(Bytes::new());
        }
        self.applied = last.or(self.applied);
        Ok(responses)
    }

    fn snapshot(&self) -> Option<(LogPosition, Bytes)> {
        let latest = self.shared.compaction.latest()?;
        Some((from_store(latest.position), latest.note))
    }

    async fn install(&mut self, position: LogPosition, snapshot: Bytes) -> Result<(), InstallError> {
        if self.applied.is_some_and(|applied| applied.index >= position.index) {
            return Ok(());
        }
        // Crash, or the future dropped, in here: see `catchup`; the next start finishes what was begun.
        match self.shared.catch_up_to(to_store(position), &snapshot).await {
            Ok(()) => {
                self.applied = Some(position);
                self.shared.settle_roster();
                Ok(())
            }
            Err(error) if error.is_interruption() => Err(InstallError::Interrupted(error.to_string())),
            Err(error) => {
                let fatal = Fatal::new(error.to_string());
                self.shared.fail(fatal.what());
                Err(fatal.into())
            }
        }
    }
}

/// What applying a batch gave.
#[derive(Debug, Default)]
struct Outcome {
    leaves: Vec<(NewLeaf, u64)>,
    cuts: Vec<CutMade>,
    /// Records that can never be in the ledger.
    dropped: Vec<RecordId>,
    duplicates: Vec<RecordId>,
}

impl Shared {
    /// Applies one entry; blocks.
    fn apply_batch(&self, position: LogPosition, prepared: PreparedBatch) -> Result<(), Fatal> {
        let PreparedBatch { batch, items, payload } = prepared;
        self.compaction.applied(payload.len());
        let batch = batch.and_then(|batch| self.with_nodes(|nodes| batch.check_member(nodes)).map(|()| batch));
        let batch = match batch {
            Ok(batch) => check_place(batch.into_batch(), position, self.with_nodes(Nodes::cluster_epoch)),
            Err(error) => Err(error.to_string()),
        };
        let outcome = match batch {
            Ok(batch) => {
                if let Some(other) = self.batches.keep(&batch, &payload) {
                    // One log with two batches for one place: the proposer used a number twice.
                    self.accuse_of_two(&other, &payload);
                }
                self.judge_batch(&batch, items, position, &payload)?
            }
            Err(why) => {
                self.void_batch(position, &why, &payload);
                Outcome::default()
            }
        };
        self.store_leaves(position, &outcome.leaves)?;
        // Leaf 0 brings the nodes of the genesis record into the state; decisions change them.
        if outcome.leaves.iter().any(|(leaf, _)| matches!(leaf.kind, Kind::Governance | Kind::Election)) {
            self.settle_roster();
        }
        self.tell(outcome);
        Ok(())
    }

    fn judge_batch(
        &self,
        batch: &Batch,
        items: Vec<Checked>,
        position: LogPosition,
        payload: &[u8],
    ) -> Result<Outcome, Fatal> {
        let mut outcome = Outcome::default();
        let timing = self.timing(batch.time_ms, position.index);
        let mistimed;
        let batch = if planted::is("time-of-own-clock") {
            mistimed = Batch { time_ms: self.seams.clock.now_ms(), ..batch.clone() };
            &mistimed
        } else {
            batch
        };
        let cut = self.state.change().advance_time(batch.time_ms);
        if let (Some(cut), Some(before)) = (&cut, self.store.position()) {
            self.compaction.cut(cut.head.size, before);
        }
        outcome.cuts.extend(cut.map(|cut| self.cut_made(cut, timing)));
        {
            let mut state = self.state.change();
            for (number, (item, checked)) in items.into_iter().enumerate() {
                let place = (payload, number);
                self.judge_item(&mut state, batch, &item, checked, place, &mut outcome)?;
            }
        }
        if batch.cut == 1 {
            // A statement of its own: the lock is let go before `cut_again` reads.
            let new = self.state.change().cut();
            let cut = new.or_else(|| self.cut_again());
            if let Some(cut) = &cut {
                self.compaction.cut(cut.head.size, to_store(position));
            }
            outcome.cuts.extend(cut.map(|cut| self.cut_made(cut, timing)));
        }
        self.last_batch_ms.fetch_max(batch.time_ms, Ordering::Relaxed);
        metrics::counter!("tamga_batches_applied_total").increment(1);
        Ok(outcome)
    }

    fn judge_item(
        &self,
        state: &mut State,
        batch: &Batch,
        item: &Item,
        checked: Result<Box<Authentic>, Rejection>,
        (payload, number): (&[u8], usize),
        outcome: &mut Outcome,
    ) -> Result<(), Fatal> {
        let authentic = match self.settle_check(state, item, checked) {
            Ok(authentic) => authentic,
            Err(rejection) => {
                // The proposer has signed a batch with something that no honest node lets in.
                tracing::warn!(proposer = batch.proposer, code = rejection.slug(), "an unauthentic item in a batch");
                self.accuse_proposer(state, payload, number, &item.0);
                if let Ok(submission) = Submission::from_bytes(&item.0) {
                    outcome.dropped.push(submission.signed.id());
                }
                return Ok(());
            }
        };
        let id = *authentic.id();
        match state.integrate(batch.time_ms, *authentic) {
            Integrated::Leaf(leaf) => outcome.leaves.push((*leaf, state.time_ms())),
            Integrated::Duplicate { .. } => outcome.duplicates.push(id),
            Integrated::Full => return Err(Fatal::new("the ledger is full")),
        }
        Ok(())
    }

    /// The final word on an item's authenticity: with the keys registered at this very place of the log.
    fn settle_check(
        &self,
        state: &State,
        item: &Item,
        checked: Result<Box<Authentic>, Rejection>,
    ) -> Result<Box<Authentic>, Rejection> {
        let wants_key = match &checked {
            Ok(authentic) => authentic.wants_key(),
            Err(rejection) => rejection.wants_key(),
        };
        let authentic =
            if wants_key { Box::new(authenticate(&item.0, self.trust.election_id(), &state)?) } else { checked? };
        // The configured genesis record is leaf 0, and no other record ever belongs to no election.
        let genesis = matches!(authentic.content(), Content::Election(_));
        let own = ElectionId::of_genesis(&authentic.signed().record) == *self.trust.election_id();
        if genesis != state.head().size.is_empty() || (genesis && !own) {
            return Err(Rejection::WrongElection(authentic.record().election));
        }
        Ok(authentic)
    }

    fn void_batch(&self, position: LogPosition, why: &str, payload: &[u8]) {
        tracing::error!(%position, why, "a void batch was committed; it yields no leaves");
        metrics::counter!("tamga_batches_void_total").increment(1);
        self.evidence.keep_raw("void-batch", self.seams.clock.now_ms(), payload);
    }

    fn store_leaves(&self, position: LogPosition, leaves: &[(NewLeaf, u64)]) -> Result<(), Fatal> {
        let entries: Vec<NewEntry<'_>> = leaves
            .iter()
            .map(|(leaf, _)| NewEntry {
                entry: &leaf.entry,
                confidential: &leaf.confidential,
                class: leaf.kind.confidential_class().map_or(0, |class| class as u8),
            })
            .collect();
        let stored = self.store.append(to_store(position), &entries).map_err(|error| Fatal::new(error.to_string()))?;
        let judged = self.state.look().head();
        if stored != judged {
            return Err(Fatal::new(format!(
                "at {position} the ledger's files have roots {:?} and judging has {:?}: memory or software is at fault; \
                 nothing more is signed",
                stored, judged
            )));
        }
        Ok(())
    }

    /// Everybody who waits learns what became of the batch.
    fn tell(&self, outcome: Outcome) {
        for (leaf, time_ms) in &outcome.leaves {
            metrics::counter!("tamga_leaves_total", "verdict" => verdict_word(leaf)).increment(1);
            let judged = Judged { leaf: leaf.index, time_ms: *time_ms, verdict: leaf.verdict.clone() };
            self.waiters.tell(&leaf.id, &judged);
        }
        let applied = outcome.leaves.iter().map(|(leaf, _)| &leaf.id);
        self.outbox.remove(applied.chain(&outcome.dropped).chain(&outcome.duplicates));
        for cut in outcome.cuts {
            self.last_cut.store(cut.head.size.get(), Ordering::Relaxed);
            // Cosigning has ended only when the node stops.
            let _ = self.cuts.send(cut);
        }
    }

    /// The cut at the end of the ledger once more, if nobody knows it to be published: whoever cosigns may have been restarted
    /// between the cut and its signatures, and then signs nothing that no peer shows. The judged state does not change.
    fn cut_again(&self) -> Option<Cut> {
        let state = self.state.look();
        let head = state.head();
        let published = self.published.borrow().as_ref().map_or(0, |published| published.checkpoint.size.get());
        let again = head.size.get() == state.last_cut_size() && head.size.get() > published;
        again.then(|| Cut { head, time_ms: state.time_ms() })
    }

    fn cut_made(&self, cut: Cut, timing: Timing) -> CutMade {
        // Nobody changes the state meanwhile: apply alone does, and this is apply.
        let view = timing.near_tip.then(|| self.views.compute(&self.state.look()));
        CutMade { head: cut.head, view, skew_ms: timing.skew_ms, live: timing.live }
    }

    /// How this node's clock compares with the batch's, and whether the batch is news.
    fn timing(&self, batch_ms: u64, index: u64) -> Timing {
        let now_ms = self.seams.clock.now_ms();
        let skew_ms = i64::try_from(i128::from(now_ms) - i128::from(batch_ms)).unwrap_or(i64::MAX);
        let tip = self.consensus.get().and_then(|consensus| consensus.status().last_log_index);
        let near_tip = tip.is_some_and(|tip| tip <= index + NEAR_TIP_ENTRIES);
        let live = near_tip && !self.catching_up.load(Ordering::Relaxed);
        if live || skew_ms < 0 {
            self.skew_ms.store(skew_ms, Ordering::Relaxed);
            metrics::gauge!("tamga_clock_skew_ms").set(skew_ms as f64);
        }
        Timing { near_tip, live, skew_ms }
    }
}

/// A batch so close to the end of the log is news, and its cuts are worth a view.
const NEAR_TIP_ENTRIES: u64 = 64;

#[derive(Debug, Clone, Copy)]
struct Timing {
    near_tip: bool,
    live: bool,
    skew_ms: i64,
}

/// A batch counts only at the place that its proposer signed it for: in the cluster epoch in force, or as the one record that
/// puts the next one in force, as far as its epoch goes.
fn check_place(batch: Batch, position: LogPosition, epoch: u32) -> Result<Batch, String> {
    let Batch { proposer, term, .. } = batch;
    let begins_next = batch.items.len() == 1 && epoch.checked_add(1) == Some(batch.epoch);
    if batch.epoch != epoch && !begins_next {
        return Err(format!("it was signed for cluster epoch {}, not {epoch}", batch.epoch));
    }
    if term != position.term || u64::from(proposer) != position.leader.0 {
        return Err(format!("it was signed by node {proposer} for term {term}"));
    }
    Ok(batch)
}

fn verdict_word(leaf: &NewLeaf) -> &'static str {
    match leaf.verdict.number() {
        0 => "accepted",
        1 => "flagged",
        _ => "refused",
    }
}
