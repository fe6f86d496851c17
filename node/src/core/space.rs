//! Room on the disks: nothing is taken that could not be stored, and nothing is committed that could not be applied.
//!
//! ```text
//! free ─────────────────────────────────────────────────────────────────────► 0
//!      │ admission stops: "disk-full"   │ consensus takes no entries    │ never reached
//!      reserve + 2·backlog              reserve/2 + 2·backlog           (a failed write is fatal)
//! ```
//!
//! *backlog* is what stands in this node's log and is not in its ledger yet. The sum, byte by byte:
//! - a record of b bytes with its confidential body becomes at most 1.25·b bytes of entries, bodies and frames and 70 bytes
//!   of tiles and indexes; a record is never below 200 bytes, so 2·b covers both (FORMAT §12);
//! - messages that consensus has let in already when it stops: 16 of 4 MiB at most, twice that in the ledger, 128 MiB: the
//!   default reserve is 256 MiB, half of it for these;
//! - the outbox counts what it takes between two measurements against the other half.
//!
//! The log's own reserve (`disk_reserve_bytes`) is consensus' business; both look at the same file system as a rule, and
//! then the larger one speaks first. Reading goes on throughout, and everything begins again by itself when there is room.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use tamga_platform::blocking::BlockingExt as _;
use tokio::time::{MissedTickBehavior, interval};

use super::shared::Shared;

/// How often free space is measured.
const EVERY: Duration = Duration::from_millis(250);
/// A record's frame in the outbox, and its share of a segment's head.
const OUTBOX_OVERHEAD_BYTES: u64 = 64;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Space {
    /// No submission is taken.
    low: AtomicBool,
    /// No entry is taken.
    full: AtomicBool,
    /// Free bytes as last measured, the smaller of ledger and outbox.
    free: AtomicU64,
    /// What the outbox may still take before the next measurement.
    budget: AtomicI64,
}

impl Space {
    /// Takes `bytes` of what may be taken until the next measurement.
    pub(crate) fn take(&self, bytes: usize) -> bool {
        let bytes = i64::try_from(bytes as u64 + OUTBOX_OVERHEAD_BYTES).unwrap_or(i64::MAX);
        !self.is_low() && self.budget.fetch_sub(bytes, Ordering::Relaxed) >= bytes
    }

    pub(crate) fn is_low(&self) -> bool {
        self.low.load(Ordering::Relaxed)
    }

    pub(crate) fn is_full(&self) -> bool {
        self.full.load(Ordering::Relaxed)
    }

    pub(crate) fn free(&self) -> u64 {
        self.free.load(Ordering::Relaxed)
    }

    /// Takes over a measurement.
    fn measured(&self, ledger: u64, outbox: u64, backlog: u64, reserve: u64) {
        let due = backlog.saturating_mul(2);
        let above = |flag: &AtomicBool, free: u64, limit: u64| {
            // What was too little stays too little until there is a sixteenth more: nobody is told yes and no in turn.
            let limit = if flag.load(Ordering::Relaxed) { limit.saturating_add(limit / 16) } else { limit };
            flag.store(free < limit, Ordering::Relaxed);
        };
        let free = ledger.min(outbox);
        self.free.store(free, Ordering::Relaxed);
        above(&self.low, free, reserve.saturating_add(due));
        above(&self.full, ledger, (reserve / 2).saturating_add(due));
        let room = outbox.saturating_sub(reserve / 2);
        self.budget.store(i64::try_from(room).unwrap_or(i64::MAX), Ordering::Relaxed);
    }
}

impl Shared {
    /// Whether this node takes no submissions for want of room.
    pub(crate) fn disk_low(&self) -> bool {
        let consensus = || self.consensus.get().map(tamga_consensus::Consensus::status);
        self.space.is_low() || consensus().is_some_and(|status| status.disk_low || status.disk_full)
    }

    /// Measures until this node stops.
    pub(crate) async fn watch_space(self: Arc<Self>) {
        let mut tick = interval(EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = tick.tick() => {}
                () = self.stopped() => return,
            }
            self.measure_space().await;
        }
    }

    /// Measures once.
    pub(crate) async fn measure_space(self: &Arc<Self>) {
        let (disk, folder) = (Arc::clone(&self.seams.disk), self.data_dir.clone());
        let measured = self.seams.blocking.run(move || {
            let free = |name: &str| disk.free_bytes(&folder.join(Path::new(name)));
            Ok::<_, std::io::Error>((free("ledger")?, free("outbox")?))
        });
        let (ledger, outbox) = match measured.await {
            Ok(measured) => measured,
            Err(error) => return self.fail(&format!("the free space of the data folder cannot be measured: {error}")),
        };
        let (was_low, was_full) = (self.space.is_low(), self.space.is_full());
        self.space.measured(ledger, outbox, self.backlog_bytes(), self.tuning.ledger_reserve_bytes);
        let (low, full) = (self.space.is_low(), self.space.is_full());
        if let Some(consensus) = self.consensus.get() {
            consensus.hold_entries(full);
        }
        if (low, full) != (was_low, was_full) {
            let free_mib = self.space.free() >> 20;
            match (low, full) {
                (true, true) => tracing::error!(free_mib, "the disk is full: this node takes nothing, and still reads"),
                (true, false) => tracing::warn!(free_mib, "the disk is nearly full: no submissions are taken"),
                _ => tracing::info!(free_mib, "there is room on the disk again"),
            }
            self.announce_now.notify_one();
        }
    }

    /// Bytes of payloads in the log that are not in the ledger yet, as far as they were seen since the start.
    fn backlog_bytes(&self) -> u64 {
        let applied = self.store.position().map(|position| position.index);
        self.prepared.backlog_bytes(applied)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn admission_stops_before_consensus_and_both_begin_again() {
        let space = Space::default();
        let standing = |free, backlog| {
            space.measured(free, free, backlog, 256 * MIB);
            (space.is_low(), space.is_full())
        };
        assert_eq!(standing(300 * MIB, 0), (false, false));
        // What is in the log already has to fit twice.
        assert_eq!(standing(300 * MIB, 30 * MIB), (true, false));
        assert_eq!(standing(300 * MIB, 0), (false, false));
        assert_eq!(standing(255 * MIB, 0), (true, false));
        assert_eq!(standing(127 * MIB, 0), (true, true));
        assert_eq!(standing(130 * MIB, 0), (true, true), "a little more is not enough");
        assert_eq!(standing(140 * MIB, 0), (true, false));
        assert_eq!(standing(260 * MIB, 0), (true, false));
        assert_eq!(standing(273 * MIB, 0), (false, false));
        assert_eq!(standing(u64::MAX - 1, u64::MAX), (true, true), "nothing overflows");
    }

    #[test]
    fn between_two_measurements_no_more_is_taken_than_there_was() {
        let space = Space::default();
        assert!(!space.take(1), "nothing is taken before the first measurement");
        space.measured(100_000, 1_000, 0, 0);
        assert!(space.take(400) && space.take(400));
        assert!(!space.take(400));
        space.measured(100_000, 1_000, 0, 0);
        assert!(space.take(400));
    }
}
