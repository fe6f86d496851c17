//! Who waits for the verdict on which record.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tamga_ledger::ids::RecordId;
use tamga_ledger::promise::Judged;
use tokio::sync::oneshot;

/// Waiting submissions by record id.
#[derive(Debug, Default)]
pub(crate) struct Waiters(Mutex<HashMap<RecordId, Vec<oneshot::Sender<Judged>>>>);

impl Waiters {
    fn lock(&self) -> MutexGuard<'_, HashMap<RecordId, Vec<oneshot::Sender<Judged>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Registers for the verdict on `id`. Look into the ledger *afterwards*: what is applied from now on is told.
    pub(crate) fn register(&self, id: RecordId) -> oneshot::Receiver<Judged> {
        let (send, receive) = oneshot::channel();
        self.lock().entry(id).or_default().push(send);
        receive
    }

    /// Tells everybody who waits for this record.
    pub(crate) fn tell(&self, id: &RecordId, judged: &Judged) {
        let Some(waiting) = self.lock().remove(id) else { return };
        for waiter in waiting {
            // One that gave up in the meantime gets its answer by asking again.
            let _ = waiter.send(judged.clone());
        }
    }

    /// Forgets those who gave up waiting for this record.
    pub(crate) fn prune(&self, id: &RecordId) {
        let mut all = self.lock();
        if let Some(waiting) = all.get_mut(id) {
            waiting.retain(|waiter| !waiter.is_closed());
            if waiting.is_empty() {
                all.remove(id);
            }
        }
    }
}
