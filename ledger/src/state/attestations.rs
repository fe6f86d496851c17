//! Attestations used within their validity, so that each is used once.

use std::collections::{BTreeSet, VecDeque};

/// Attestations used within their validity, so that each is used once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct UsedAttestations {
    recent: VecDeque<(u64, [u8; 16])>,
    set: BTreeSet<[u8; 16]>,
}

impl UsedAttestations {
    pub(crate) fn contains(&self, nonce: &[u8; 16]) -> bool {
        self.set.contains(nonce)
    }

    /// Remembers `nonce` until `until_ms` of sequenced time, and forgets what has expired by `now_ms`.
    pub(crate) fn insert(&mut self, nonce: [u8; 16], now_ms: u64, until_ms: u64) {
        while let Some((expires_ms, old)) = self.recent.front()
            && *expires_ms < now_ms
        {
            self.set.remove(old);
            self.recent.pop_front();
        }
        if self.set.insert(nonce) {
            self.recent.push_back((until_ms, nonce));
        }
    }

    /// Those remembered, in the order in which they came, with the time each is remembered until.
    pub(crate) const fn recent(&self) -> &VecDeque<(u64, [u8; 16])> {
        &self.recent
    }
}

impl FromIterator<(u64, [u8; 16])> for UsedAttestations {
    fn from_iter<T: IntoIterator<Item = (u64, [u8; 16])>>(recent: T) -> Self {
        let recent: VecDeque<(u64, [u8; 16])> = recent.into_iter().collect();
        Self { set: recent.iter().map(|(_, nonce)| *nonce).collect(), recent }
    }
}
