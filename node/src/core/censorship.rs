//! A leader that starves this node's outbox while the log grows is alarmed on, and then shunned.
//!
//! ```text
//! record taken by the leader ─► not in the ledger for `starve_after` although others' are ─► alarm ─► shun for `shun_for`
//!                                                     (one record accuses two leaders at most)
//! ```
//!
//! Shunning drops the leader's messages, so that this node counts as one that hears no leader. Alone that changes nothing but
//! this node's own reads; when a majority is starved the leader loses its quorum, and another one is elected. Below a majority
//! censorship stays evident: the promise has a deadline.
//!
//! A record that no leader takes (by a fault of software, say) must not turn leader after leader out: it accuses two at most.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use tamga_consensus::{Consensus, NodeId, Role};
use tamga_ledger::ids::RecordId;
use tokio::time::{Instant, sleep};

use super::shared::Shared;

/// How often the outbox is looked at.
const TICK: Duration = Duration::from_millis(250);
/// Leaders that one record may accuse.
const LEADERS_MAX: usize = 2;
/// How much longer a record may wait that nothing has overtaken: the leader's queue may be long.
const IN_ORDER_FACTOR: u32 = 3;
/// Records remembered as accusers.
const ACCUSERS_MAX: usize = 1_024;

/// What starvation there is, for the status.
#[derive(Debug, Default)]
pub(crate) struct Starvation {
    /// How long the oldest record has been held back while the log grew, ms; 0 for not at all.
    pub(crate) starved_ms: AtomicU64,
    /// Whom this node shuns; 0 for nobody.
    pub(crate) shunned: AtomicU32,
}

/// The oldest record that a leader has taken and not sequenced.
struct Waiting {
    leader: u64,
    term: u64,
    record: RecordId,
    since: Instant,
    /// Size of the ledger then.
    size: u64,
}

impl Shared {
    /// Watches over this node's outbox until it stops.
    pub(crate) async fn watch_for_censorship(self: Arc<Self>, consensus: Consensus) {
        let mut waiting: Option<Waiting> = None;
        let mut accused: BTreeMap<RecordId, Vec<u64>> = BTreeMap::new();
        let mut shunned_until: Option<Instant> = None;
        loop {
            tokio::select! {
                () = sleep(TICK) => {}
                () = self.stopped() => return,
            }
            if shunned_until.is_some_and(|until| Instant::now() >= until) {
                shunned_until = None;
                self.starvation.shunned.store(0, Ordering::Relaxed);
            }
            let status = consensus.status();
            let leader = status.leader.as_ref().map(|leader| leader.id.0);
            let (Some(leader), Some((record, overtaken))) = (leader, self.outbox.oldest_handed()) else {
                waiting = None;
                self.starvation.starved_ms.store(0, Ordering::Relaxed);
                continue;
            };
            let size = self.store.size().get();
            let same = |one: &Waiting| (one.leader, one.term, one.record) == (leader, status.term, record);
            let one = match waiting.take().filter(same) {
                Some(one) => one,
                None => Waiting { leader, term: status.term, record, since: Instant::now(), size },
            };
            let starved = if size > one.size { one.since.elapsed() } else { Duration::ZERO };
            let starved_ms = u64::try_from(starved.as_millis()).unwrap_or(u64::MAX);
            self.starvation.starved_ms.store(starved_ms, Ordering::Relaxed);
            metrics::gauge!("tamga_starved_seconds").set(starved.as_secs_f64());
            // A long queue keeps its order; whoever is overtaken is held back.
            let patience = self.tuning.starve_after * if overtaken { 1 } else { IN_ORDER_FACTOR };
            let due = starved >= patience && status.role != Role::Leader;
            if due && shunned_until.is_none() {
                self.alarm(&one, starved_ms);
                if accused.len() >= ACCUSERS_MAX {
                    accused.pop_first();
                }
                let leaders = accused.entry(record).or_default();
                if leaders.contains(&leader) || leaders.len() < LEADERS_MAX {
                    if !leaders.contains(&leader) {
                        leaders.push(leader);
                    }
                    consensus.shun(NodeId(leader), self.tuning.shun_for);
                    shunned_until = Some(Instant::now() + self.tuning.shun_for);
                    self.starvation.shunned.store(u32::try_from(leader).unwrap_or(0), Ordering::Relaxed);
                }
                // Judged anew from here on.
                continue;
            }
            waiting = Some(one);
        }
    }

    fn alarm(&self, one: &Waiting, starved_ms: u64) {
        let organisation = u32::try_from(one.leader)
            .ok()
            .and_then(|id| self.with_nodes(|nodes| nodes.get(id).map(|node| node.organisation.clone())));
        tracing::error!(
            leader = one.leader,
            organisation = organisation.as_deref().unwrap_or("unknown"),
            term = one.term,
            record = %one.record,
            starved_ms,
            "the leader took a record and does not sequence it although the ledger grows: it is censoring, or broken; it is shunned"
        );
        metrics::counter!("tamga_starved_total").increment(1);
    }
}
