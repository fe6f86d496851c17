//! Registered keys as authentication sees them, without holding up apply.

use std::sync::{Arc, RwLock};

use tamga_ledger::ids::{KeyId, PublicKey};
use tamga_ledger::state::State;
use tamga_ledger::submission::KeySource;

use super::lock::Access as _;

/// Looks each key up by itself: a signature takes thirty times longer than the lock, and must not block a writer.
///
/// Keys only ever come, and an id is the hash of its key, so that looks at different moments agree.
#[derive(Debug, Clone)]
pub(crate) struct Keys(pub(crate) Arc<RwLock<State>>);

impl KeySource for Keys {
    fn find(&self, id: &KeyId) -> Option<PublicKey> {
        self.0.look().find(id)
    }
}
