//! What the caller brings: the replicated state machine and, optionally, an early look at payloads.

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;

use crate::error::Fatal;
use crate::types::{Committed, LogPosition};

/// The replicated state machine. Every replica applies the same entries in the same order.
#[async_trait]
pub trait Application: Send + 'static {
    /// Position up to which entries are applied *durably or recoverably*: after a restart, and in a log that was never
    /// purged, exactly the entries behind it are applied again. Asked at start-up and when a snapshot is built.
    fn applied(&self) -> Option<LogPosition>;

    /// Applies committed entries, without gaps and in order; returns one response for each entry of kind
    /// [`Normal`](crate::EntryKind::Normal), in order.
    ///
    /// # Errors
    /// Any error is fatal: consensus on this node shuts down (fail-stop). A payload the application dislikes is not an
    /// error but a response, the same on every replica.
    async fn apply(&mut self, entries: Vec<Committed>) -> Result<Vec<Bytes>, Fatal>;

    /// Opaque metadata that goes into a Raft snapshot at [`applied`](Self::applied), for example the published size and
    /// roots; at most 1 MiB. The log is not purged automatically, so that nothing needs it yet.
    fn snapshot(&self) -> Bytes {
        Bytes::new()
    }

    /// Brings the state to `position` with the help of `snapshot`, as another replica's
    /// [`snapshot`](Self::snapshot) gave it; [`applied`](Self::applied) is then at least `position`.
    ///
    /// # Errors
    /// Any error is fatal. The default refuses: a node that was cut off beyond the log must be rebuilt.
    async fn install(&mut self, position: LogPosition, snapshot: Bytes) -> Result<(), Fatal> {
        let _ = snapshot;
        Err(Fatal::new(format!(
            "the log of the other replicas no longer reaches back to this node, and the application cannot catch up \
             by a snapshot (offered at {position}); rebuild this node under a new id"
        )))
    }
}

/// Sees payloads as soon as they are appended to this node's log, so that expensive checks start before the commit.
pub trait Observer: Send + Sync + 'static {
    /// A payload was appended, on a leader or a follower, before it is durable or committed. It may still be dropped
    /// in favour of another one at the same index. Entries found in the log at start-up are not reported. Must not
    /// block.
    fn appended(&self, position: LogPosition, payload: &Bytes);
}

impl fmt::Debug for dyn Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Observer")
    }
}
