//! Wall clock and blocking work of a simulated node.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tamga_platform::blocking::{Blocking, BoxFuture};
use tamga_platform::clock::Clock;

use crate::chance::Chance;

/// When every simulation begins: 2025-10-05, 06:00 UTC.
pub const EPOCH_MS: u64 = 1_759_644_000_000;

/// Time since the simulation began, in milliseconds; one for all nodes.
#[derive(Debug, Clone, Default)]
pub struct SimTime(Arc<AtomicU64>);

impl SimTime {
    /// Milliseconds since the simulation began.
    #[must_use]
    pub fn ms(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Moves time.
    pub fn set(&self, ms: u64) {
        self.0.store(ms, Ordering::Relaxed);
    }
}

/// One node's wall clock: the simulation's time and this node's error.
#[derive(Debug, Clone, Default)]
pub struct SimClock {
    time: SimTime,
    off_by_ms: Arc<AtomicI64>,
}

impl SimClock {
    /// A clock that is right.
    #[must_use]
    pub fn new(time: SimTime) -> Self {
        Self { time, off_by_ms: Arc::default() }
    }

    /// From now on the clock is wrong by so much.
    pub fn set_error(&self, off_by_ms: i64) {
        self.off_by_ms.store(off_by_ms, Ordering::Relaxed);
    }
}

impl Clock for SimClock {
    fn now_ms(&self) -> u64 {
        (EPOCH_MS + self.time.ms()).saturating_add_signed(self.off_by_ms.load(Ordering::Relaxed))
    }
}

/// Blocking work of one node: it takes simulated time, before and after, so that a crash may land on either side.
#[derive(Debug, Clone)]
pub struct SimBlocking {
    chance: Arc<Mutex<Chance>>,
    slow_ms: Arc<AtomicU64>,
}

impl SimBlocking {
    /// Work of a node, at its usual speed.
    #[must_use]
    pub fn new(chance: Chance) -> Self {
        Self { chance: Arc::new(Mutex::new(chance)), slow_ms: Arc::default() }
    }

    /// From now on each piece of work takes up to so much longer; 0: the usual speed.
    pub fn slow_down(&self, upto_ms: u64) {
        self.slow_ms.store(upto_ms, Ordering::Relaxed);
    }

    /// How long before the work and how long after it. Most work is done at once; some takes a few milliseconds.
    fn draw(&self) -> (u64, u64) {
        let slow_ms = self.slow_ms.load(Ordering::Relaxed);
        let mut chance = self.chance.lock().unwrap_or_else(PoisonError::into_inner);
        let mut one = |permille| {
            let usual = if chance.permille(permille) { chance.skewed(1, 4) } else { 0 };
            if slow_ms > 0 && chance.permille(300) { usual + chance.between(0, slow_ms) } else { usual }
        };
        (one(300), one(150))
    }
}

impl Blocking for SimBlocking {
    fn execute(&self, work: Box<dyn FnOnce() + Send + 'static>) -> BoxFuture<()> {
        let (before_ms, after_ms) = self.draw();
        // A task of its own: whoever waits may go away, the work is done all the same. A crash takes the task with it.
        let task = tokio::spawn(async move {
            pause(before_ms).await;
            work();
            pause(after_ms).await;
        });
        Box::pin(async move {
            if let Err(error) = task.await
                && error.is_panic()
            {
                std::panic::resume_unwind(error.into_panic());
            }
        })
    }
}

async fn pause(ms: u64) {
    if ms == 0 {
        tokio::task::yield_now().await;
    } else {
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }
}
