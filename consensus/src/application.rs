//! What the caller brings: the replicated state machine and, optionally, an early look at payloads.

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;

use crate::error::{Fatal, InstallError};
use crate::types::{Committed, LogPosition};

/// The replicated state machine. Every replica applies the same entries in the same order.
#[async_trait]
pub trait Application: Send + 'static {
    /// Position up to which entries are applied *durably or recoverably*: after a restart exactly the entries behind it
    /// are applied again. It must never fall behind what [`Consensus::compact`](crate::Consensus::compact) was allowed
    /// to purge.
    fn applied(&self) -> Option<LogPosition>;

    /// Applies committed entries, without gaps and in order; returns one response for each entry of kind
    /// [`Normal`](crate::EntryKind::Normal), in order.
    ///
    /// # Errors
    /// Any error is fatal: consensus on this node shuts down (fail-stop). A payload the application dislikes is not an
    /// error but a response, the same on every replica.
    async fn apply(&mut self, entries: Vec<Committed>) -> Result<Vec<Bytes>, Fatal>;

    /// A position at or before [`applied`](Self::applied), and opaque metadata (at most
    /// [`SNAPSHOT_BYTES_MAX`](crate::SNAPSHOT_BYTES_MAX)) by which another replica can find its way to that position
    /// without the log: for example a published size with its roots. Asked when the log is to be compacted. The
    /// position never goes back. `None`: there is nothing yet, so that nothing is purged.
    fn snapshot(&self) -> Option<(LogPosition, Bytes)> {
        None
    }

    /// Brings the state to `position` with the help of `snapshot`, as another replica's
    /// [`snapshot`](Self::snapshot) gave it. Returns at once if [`applied`](Self::applied) is already there; otherwise
    /// `applied` is exactly `position` afterwards.
    ///
    /// It may take long: meanwhile this replica answers heartbeats, votes, and appends to its log; only applying waits.
    /// The future may be dropped at any await (at shutdown): that, an error and a crash leave the state as it was, or
    /// let the next call go on where this one ended. A later call may bring a later position.
    ///
    /// # Errors
    /// [`InstallError`] says whether it is worth another try. The default refuses for good: a node that was cut off
    /// beyond the log must be rebuilt.
    async fn install(&mut self, position: LogPosition, snapshot: Bytes) -> Result<(), InstallError> {
        let _ = snapshot;
        Err(InstallError::Fatal(Fatal::new(format!(
            "the log of the other replicas no longer reaches back to this node, and the application cannot catch up \
             by a snapshot (offered at {position}); rebuild this node under a new id"
        ))))
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
