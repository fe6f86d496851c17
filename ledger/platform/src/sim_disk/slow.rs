//! Where a slow disk is waited for.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::SimDisk;
use crate::blocking::{Blocking, BoxFuture};

type Sleep = Arc<dyn Fn(Duration) -> BoxFuture<()> + Send + Sync>;

/// Runs blocking work at once and then waits as long as the disk says that it took. There is at least one point where the
/// caller can be stopped between the work and its answer, even if it took no time: `sleep` is called always.
#[derive(Clone)]
pub struct SlowInline {
    disk: SimDisk,
    sleep: Sleep,
}

impl SlowInline {
    /// `sleep` waits in the simulation's time.
    #[must_use]
    pub fn new(disk: SimDisk, sleep: impl Fn(Duration) -> BoxFuture<()> + Send + Sync + 'static) -> Self {
        Self { disk, sleep: Arc::new(sleep) }
    }
}

impl fmt::Debug for SlowInline {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("SlowInline").finish_non_exhaustive()
    }
}

impl Blocking for SlowInline {
    fn execute(&self, work: Box<dyn FnOnce() + Send + 'static>) -> BoxFuture<()> {
        let Self { disk, sleep } = self.clone();
        Box::pin(async move {
            // What was done outside of blocking work is not this work's.
            let _ = disk.take_delay();
            work();
            sleep(disk.take_delay()).await;
        })
    }
}
