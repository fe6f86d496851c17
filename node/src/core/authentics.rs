//! Records whose signatures this node has verified already, so that apply need not verify them again.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tamga_ledger::submission::Authentic;

/// Bytes of records kept.
const BYTES_MAX: usize = 64 << 20;

/// BLAKE3 of a submission's bytes: other signatures or another confidential body are another submission.
pub(crate) type SubmissionDigest = [u8; 32];

/// The digest of a submission's bytes.
pub(crate) fn digest(submission: &[u8]) -> SubmissionDigest {
    *blake3::hash(submission).as_bytes()
}

/// A bounded cache; the oldest go first.
#[derive(Debug, Default)]
pub(crate) struct Authentics(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    known: HashMap<SubmissionDigest, Box<Authentic>>,
    order: VecDeque<(SubmissionDigest, usize)>,
    bytes: usize,
}

impl Authentics {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this submission is known to be authentic.
    pub(crate) fn knows(&self, digest: &SubmissionDigest) -> bool {
        self.lock().known.contains_key(digest)
    }

    /// Keeps an authentic record of so many bytes, unless a key may still change what it is.
    pub(crate) fn keep(&self, digest: SubmissionDigest, bytes: usize, authentic: Box<Authentic>) {
        if authentic.wants_key() {
            return;
        }
        let mut inner = self.lock();
        if inner.known.insert(digest, authentic).is_none() {
            inner.order.push_back((digest, bytes));
            inner.bytes += bytes;
        }
        while inner.bytes > BYTES_MAX
            && let Some((oldest, bytes)) = inner.order.pop_front()
        {
            inner.known.remove(&oldest);
            inner.bytes -= bytes;
        }
    }

    /// Takes a record out.
    pub(crate) fn take(&self, digest: &SubmissionDigest) -> Option<Box<Authentic>> {
        let mut inner = self.lock();
        let taken = inner.known.remove(digest);
        // The order catches up from its old end, where nearly all that is taken stands.
        while let Some((oldest, bytes)) = inner.order.front().copied()
            && !inner.known.contains_key(&oldest)
        {
            inner.order.pop_front();
            inner.bytes -= bytes;
        }
        taken
    }
}
