//! Sequencing: this node, while it leads, packs records into signed batches, one in flight at a time.
//!
//! Crash or loss of leadership at any point: a batch is committed or it is not; records that are not applied are still in
//! the outbox of whoever promised them and come again; a record in two batches is a duplicate for apply.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use tamga_consensus::{Consensus, ProposeError, Role};
use tamga_ledger::batch::{BATCH_ITEM_BYTES_MAX, BATCH_ITEMS_MAX, Batch, Item};
use tamga_ledger::sign::Signer;
use tamga_platform::blocking::BlockingExt as _;
use tokio::time::{Instant, sleep, sleep_until};

use super::lock::Access as _;
use super::pending::PendingRecord;
use super::shared::Shared;

/// After a failed proposal or read.
const BACKOFF: Duration = Duration::from_millis(50);
/// How long a cut may stay unpublished while nothing else happens before it is asked for again.
const CUT_AGAIN: Duration = Duration::from_secs(15);
/// Batches above this are signed on a blocking thread.
const SIGN_INLINE_BYTES: usize = 64 << 10;

/// One term of leadership.
struct Term {
    term: u64,
    /// Number of the next batch in this term.
    number: u64,
    /// When the last batch was proposed.
    proposed: Instant,
}

impl Shared {
    /// Sequences whenever this node leads, until it stops.
    pub(crate) async fn sequence(self: Arc<Self>, consensus: Consensus) {
        let mut statuses = consensus.watch_status();
        while let Some(term) = self.leads_next(&mut statuses).await {
            tokio::select! {
                () = self.lead(&consensus, term) => {}
                // A proposal in flight is committed or not; its records are in somebody's outbox.
                () = self.stopped() => return,
            }
            self.pending.clear();
            if self.is_stopping() {
                return;
            }
        }
    }

    fn leads(&self, consensus: &Consensus, term: u64) -> bool {
        let status = consensus.status();
        status.role == Role::Leader && status.term == term && !self.is_stopping()
    }

    async fn lead(self: &Arc<Self>, consensus: &Consensus, term: u64) {
        // Everything committed in earlier terms is applied here before anything new is proposed: only then do the floor of
        // time, the check for duplicates and the genesis record's absence mean something.
        while let Err(error) = consensus.read_barrier().await {
            if !self.leads(consensus, term) {
                return;
            }
            tracing::debug!(%error, term, "waiting for the start of the term");
            sleep(BACKOFF).await;
        }
        tracing::info!(term, "this node leads");
        let mut term = Term { term, number: 1, proposed: Instant::now() };
        while self.leads(consensus, term.term) {
            self.next_batch(consensus, &mut term).await;
        }
        tracing::info!(term = term.term, batches = term.number - 1, "this node leads no more");
    }

    /// Proposes one batch, or waits until there is a reason to.
    async fn next_batch(self: &Arc<Self>, consensus: &Consensus, term: &mut Term) {
        if self.store.size().is_empty() {
            let genesis = Self::id_of(&self.genesis).map(|id| (id, self.genesis.clone()));
            return self.propose(consensus, term, genesis.into_iter().collect(), false).await;
        }
        if let Some((id, decision)) = self.with_nodes(|nodes| self.epoch.due(nodes)) {
            if self.state.look().leaf_of(&id).is_some() {
                return self.fail("the ledger has refused the decision by which this cluster was recovered");
            }
            return self.propose(consensus, term, vec![(id, decision)], false).await;
        }
        let mut records = self.pending.take(BATCH_ITEMS_MAX, BATCH_ITEM_BYTES_MAX);
        if records.is_empty() {
            return self.idle(consensus, term).await;
        }
        let applied: Vec<PendingRecord> = {
            let state = self.state.look();
            records.extract_if(.., |(id, _)| state.leaf_of(id).is_some()).collect()
        };
        self.pending.done(&applied);
        if !records.is_empty() {
            self.propose(consensus, term, records, false).await;
        }
    }

    /// Nothing to sequence: cut once the interval has passed, so that what came last is published too.
    async fn idle(self: &Arc<Self>, consensus: &Consensus, term: &mut Term) {
        let interval = Duration::from_millis(self.trust.election().checkpoint_interval_ms);
        let uncut = self.last_cut.load(Ordering::Relaxed) < self.store.size().get();
        let published = self.published.borrow().as_ref().map_or(0, |published| published.checkpoint.size.get());
        let unpublished = published < self.store.size().get();
        let cut_at = match (uncut, unpublished) {
            (true, _) => term.proposed + interval,
            (false, true) => term.proposed + CUT_AGAIN.max(interval * 10),
            (false, false) => Instant::now() + Duration::from_secs(3_600),
        };
        let mut statuses = consensus.watch_status();
        let current = term.term;
        let deposed = async move {
            let _ = statuses.wait_for(|status| status.role != Role::Leader || status.term != current).await;
        };
        let due = tokio::select! {
            () = self.pending.pushed.notified() => false,
            () = sleep_until(cut_at) => uncut || unpublished,
            () = deposed => false,
            () = self.stopped() => false,
        };
        if due {
            self.propose(consensus, term, Vec::new(), true).await;
        }
    }

    async fn propose(self: &Arc<Self>, consensus: &Consensus, term: &mut Term, records: Vec<PendingRecord>, cut: bool) {
        let bytes = records.iter().map(|(_, bytes)| bytes.len()).sum::<usize>();
        let batch = self.batch(term, &records, cut);
        let sign = |key: &dyn Signer| batch.sign_with(key).map(|signed| signed.bytes().to_vec());
        let signed = if bytes <= SIGN_INLINE_BYTES {
            self.signing(&self.secrets.batch, sign).await
        } else {
            let signer = Arc::clone(&self.secrets.batch);
            self.seams.blocking.run(move || sign(&*signer)).await
        };
        let Ok(payload) = signed else {
            // A leader that cannot sign: its records are forwarded again once another leads.
            self.pending.put_back(records);
            return sleep(BACKOFF).await;
        };
        let started = Instant::now();
        term.proposed = started;
        // A number is used once, whatever becomes of the proposal: two batches under one number would be evidence.
        term.number += 1;
        metrics::histogram!("tamga_batch_items").record(records.len() as f64);
        match consensus.propose(Bytes::from(payload)).await {
            Ok(_) => {
                metrics::histogram!("tamga_batch_seconds").record(started.elapsed().as_secs_f64());
                // Applied here: each record is a leaf, was one before, or can never be one.
                self.pending.done(&records);
            }
            Err(error) => self.not_proposed(error, records).await,
        }
    }

    fn batch(&self, term: &Term, records: &[PendingRecord], cut: bool) -> Batch {
        // Never behind what was sequenced: a cut asked for at a time stays in front of everything sequenced later.
        let floor_ms = self.last_batch_ms.load(Ordering::Relaxed).max(self.state.look().time_ms());
        Batch {
            version: 1,
            election: *self.trust.election_id(),
            epoch: self.epoch.number(),
            term: term.term,
            number: term.number,
            time_ms: self.seams.clock.now_ms().max(floor_ms),
            proposer: self.node,
            cut: u8::from(cut),
            items: records.iter().map(|(_, bytes)| Item(bytes.to_vec())).collect(),
        }
    }

    async fn not_proposed(&self, error: ProposeError, records: Vec<PendingRecord>) {
        match &error {
            ProposeError::Fatal(fatal) => self.fail(fatal.what()),
            ProposeError::NotLeader { .. } => {}
            // Unknown: it may be committed yet. What is applied by then is dropped before the next batch, and what is
            // not is recognised by apply.
            ProposeError::Unknown(_) | ProposeError::Unavailable(_) | ProposeError::TooLarge { .. } => {
                tracing::warn!(%error, records = records.len(), "a batch was not proposed; its records stay queued");
            }
        }
        metrics::counter!("tamga_batches_not_proposed_total").increment(1);
        self.pending.put_back(records);
        sleep(BACKOFF).await;
    }
}
