//! Registered keys as authentication sees them, without holding up apply.

use std::sync::{Arc, RwLock};

use tamga_ledger::ids::KeyId;
use tamga_ledger::sign::VerificationKey;
use tamga_ledger::state::State;
use tamga_ledger::submission::{KeyRing, KeySource};

use super::lock::Access as _;

/// Looks each key up by itself: a signature takes thirty times longer than the lock, and must not block a writer.
///
/// Keys only ever come, and an id is the hash of its key, so that looks at different moments agree, and a key once found
/// is kept with its point.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    state: Arc<RwLock<State>>,
    found: Arc<RwLock<KeyRing>>,
}

impl Keys {
    pub(crate) fn new(state: Arc<RwLock<State>>) -> Self {
        Self { state, found: Arc::default() }
    }
}

impl KeySource for Keys {
    fn find(&self, id: &KeyId) -> Option<VerificationKey> {
        if let Some(key) = self.found.look().find(id) {
            return Some(key);
        }
        let key = self.state.look().find(id)?;
        self.found.change().insert(*id, key);
        Some(key)
    }
}
