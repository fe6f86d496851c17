//! The outbox's way to the leader: into the own queue when this node leads, else by Forward, again when the leader changes
//! or a record stays unapplied too long. Nothing is lost: a record leaves the outbox by being applied.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tamga_consensus::{Consensus, Role, Status};
use tamga_ledger::batch::{BATCH_ITEM_BYTES_MAX, Item};
use tamga_ledger::ids::RecordId;
use tamga_ledger::submission::Submission;
use tamga_platform::planted;
use tokio::time::{Instant, sleep};

use super::authentics::digest;
use super::lock::Access as _;
use super::outbox::Outbox;
use super::prepare::Checked;
use super::shared::Shared;

/// Records one call forwards.
const FORWARD_RECORDS_MAX: usize = 512;
/// How often stale records are looked for.
const TICK: Duration = Duration::from_millis(250);
/// After a leader did not take records.
const BACKOFF: Duration = Duration::from_millis(100);
/// How often a forwarded record with an unknown key is tried again, and how long in between: this leader may be a moment
/// behind the node that admitted it.
const KEY_RETRIES: u32 = 5;
const KEY_RETRY: Duration = Duration::from_millis(50);

/// Where records go now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    Own { term: u64 },
    Other { leader: u32, term: u64 },
}

fn target(status: &Status, own: u32) -> Option<Target> {
    if status.role == Role::Leader {
        return Some(Target::Own { term: status.term });
    }
    let leader = u32::try_from(status.leader.as_ref()?.id.0).ok()?;
    (leader != own).then_some(Target::Other { leader, term: status.term })
}

impl Shared {
    /// Hands records over until this node stops.
    pub(crate) async fn dispatch(self: Arc<Self>, consensus: Consensus) {
        let mut statuses = consensus.watch_status();
        let mut last = None;
        loop {
            tokio::select! {
                () = self.outbox.ready.notified() => {}
                changed = statuses.changed() => if changed.is_err() { return },
                () = sleep(TICK) => {}
                () = self.stopped() => return,
            }
            let now = target(&statuses.borrow_and_update(), self.node);
            if now != last {
                self.outbox.ready_all();
                last = now;
            }
            let stale = self.outbox.ready_stale(Outbox::stale_limit(Instant::now(), self.tuning.reforward_after));
            metrics::counter!("tamga_reforwarded_total").increment(stale as u64);
            let handing = async {
                while let Some(target) = now
                    && self.hand_over(target).await
                    && !self.is_stopping()
                {}
            };
            tokio::select! {
                () = handing => {}
                () = self.stopped() => return,
            }
        }
    }

    /// Hands over the next records; whether there may be more to hand over at once.
    async fn hand_over(&self, to: Target) -> bool {
        let mut records = self.outbox.peek(FORWARD_RECORDS_MAX, BATCH_ITEM_BYTES_MAX);
        // Applied between admission's look at the ledger and the outbox.
        let applied: Vec<RecordId> =
            records.extract_if(.., |(_, id, _)| self.is_applied(id)).map(|(_, id, _)| id).collect();
        self.outbox.remove(applied.iter());
        if records.is_empty() {
            return !applied.is_empty();
        }
        let Target::Other { leader, .. } = to else {
            let taken = records.into_iter().take_while(|(_, id, bytes)| self.pending.push(*id, bytes.clone()));
            let numbers: Vec<u64> = taken.map(|(number, _, _)| number).collect();
            let more = !numbers.is_empty();
            self.outbox.mark_handed(numbers.into_iter(), Instant::now());
            return more;
        };
        let submissions: Vec<Bytes> = records.iter().map(|(_, _, bytes)| bytes.clone()).collect();
        metrics::counter!("tamga_forwarded_total").increment(submissions.len() as u64);
        match self.peers.forward(leader, submissions).await {
            Ok(true) => {
                self.outbox.mark_handed(records.iter().map(|(number, _, _)| *number), Instant::now());
                if planted::is("outbox-forgets-early") {
                    self.outbox.remove(records.iter().map(|(_, id, _)| id));
                }
                true
            }
            refused => {
                tracing::debug!(leader, ?refused, "the leader took no records; they stay in the outbox");
                sleep(BACKOFF).await;
                // The tick, or another leader, brings us back.
                false
            }
        }
    }

    /// Peer service: records from node `from`. Taken means queued for checking: whoever promised them keeps them.
    pub(crate) fn take_forwarded(self: &Arc<Self>, from: u32, submissions: Vec<Bytes>) -> bool {
        let leads = self.consensus.get().is_some_and(|consensus| consensus.status().role == Role::Leader);
        let bytes = submissions.iter().map(Bytes::len).sum();
        if !leads || self.is_stopping() || submissions.len() > FORWARD_RECORDS_MAX || !self.pending.has_room(bytes) {
            return false;
        }
        let shared = Arc::clone(self);
        tokio::spawn(async move { shared.check_forwarded(from, submissions).await });
        true
    }

    async fn check_forwarded(self: Arc<Self>, from: u32, submissions: Vec<Bytes>) {
        let mut due: Vec<Item> = submissions.iter().map(|bytes| Item(bytes.to_vec())).collect();
        for _ in 0..KEY_RETRIES {
            let checked = self.check_items(std::mem::take(&mut due)).await;
            due = checked.into_iter().filter_map(|checked| self.queue_forwarded(from, checked)).collect();
            if due.is_empty() {
                return;
            }
            sleep(KEY_RETRY).await;
        }
    }

    /// Queues an authentic record; gives it back if a key is missing that may be registered in a moment.
    fn queue_forwarded(&self, from: u32, (item, result): Checked) -> Option<Item> {
        match result {
            Ok(authentic) => {
                let id = *authentic.id();
                if !self.is_applied(&id) {
                    let bytes = Bytes::from(item.0);
                    self.authentics.keep(digest(&bytes), bytes.len(), authentic);
                    self.pending.push(id, bytes);
                }
                None
            }
            Err(rejection) if rejection.wants_key() => Some(item),
            Err(rejection) => {
                // An honest node forwards only what it has admitted.
                tracing::warn!(from, code = rejection.slug(), "a node forwarded an unauthentic record; it is dropped");
                metrics::counter!("tamga_forwarded_unauthentic_total").increment(1);
                None
            }
        }
    }

    /// Whether a record is in the ledger.
    pub(crate) fn is_applied(&self, id: &RecordId) -> bool {
        self.state.look().leaf_of(id).is_some()
    }

    /// The id of a submission's record.
    pub(crate) fn id_of(bytes: &[u8]) -> Option<RecordId> {
        Submission::from_bytes(bytes).ok().map(|submission| submission.signed.id())
    }
}
