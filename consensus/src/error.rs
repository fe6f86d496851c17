//! Errors, sorted by who has to act: the caller (route, retry, give up) or the operator ([`Fatal`]).

use std::sync::Arc;

use crate::types::{LogPosition, Member, NodeId};

/// Consensus on this node has stopped and will not start again in this process. Says what happened and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("consensus stopped: {0}")]
pub struct Fatal(Arc<str>);

impl Fatal {
    /// A fatal error with its story.
    #[must_use]
    pub fn new(what: impl AsRef<str>) -> Self {
        Self(what.as_ref().into())
    }

    /// What happened, without the prefix.
    #[must_use]
    pub fn what(&self) -> &str {
        &self.0
    }
}

/// Why [`Consensus::start`](crate::Consensus::start) refused.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration contradicts itself.
    #[error("configuration of consensus: {0}")]
    Config(String),
    /// The write-ahead log cannot be opened; the message names file, offset and remedy.
    #[error(transparent)]
    Log(#[from] crate::wal::WalError),
    /// The log and the application contradict each other, or the application failed while entries were re-applied.
    #[error(transparent)]
    Fatal(#[from] Fatal),
}

/// What became of a proposal that was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProposeError {
    /// Not appended: another node leads. Propose there.
    #[error("not the leader; leader: {}", named(.leader))]
    NotLeader {
        /// The leader, when this node knows it.
        leader: Option<Member>,
    },
    /// Not appended: this node cannot take proposals now. Retry, here or elsewhere.
    #[error("cannot take proposals now: {0}")]
    Unavailable(String),
    /// Appended perhaps, and it may yet be committed or dropped. Retry only what the application recognises as the same.
    #[error("outcome unknown: {0}")]
    Unknown(String),
    /// Not appended: the payload is larger than [`PAYLOAD_BYTES_MAX`](crate::PAYLOAD_BYTES_MAX).
    #[error("payload of {bytes} bytes exceeds the {max} allowed")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// Consensus stopped; what was in flight may have been committed by the others.
    #[error(transparent)]
    Fatal(#[from] Fatal),
}

/// Why a linearizable read is not possible now. Nothing was changed; retrying is safe.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// No leader is known, or the one asked no longer leads.
    #[error("not the leader; leader: {}", named(.leader))]
    NotLeader {
        /// The leader, when this node knows it.
        leader: Option<Member>,
    },
    /// No quorum or no answer in time.
    #[error("cannot read linearizably now: {0}")]
    Unavailable(String),
    /// Consensus stopped.
    #[error(transparent)]
    Fatal(#[from] Fatal),
}

/// Why the application could not be brought to another replica's snapshot.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InstallError {
    /// Not now: nobody could be reached, or what they sent was wrong. The state is as it was, or further on the way;
    /// asked again when the leader offers a snapshot again.
    #[error("interrupted: {0}")]
    Interrupted(String),
    /// Never on this node; consensus stops.
    #[error(transparent)]
    Fatal(#[from] Fatal),
}

/// Why the log was not compacted. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CompactError {
    /// The application has no snapshot to offer yet, so nothing could stand for what would be purged.
    #[error("the application has nothing to snapshot yet")]
    NothingToSnapshot,
    /// Not now: the application is busy installing or applying. Retry later.
    #[error("cannot compact now: {0}")]
    Busy(String),
    /// Consensus stopped.
    #[error(transparent)]
    Fatal(#[from] Fatal),
}

/// Why leadership did not pass to another replica. Nothing was lost; the caller may retry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HandOverError {
    /// No other voter answers, has room on its disk and has the whole log.
    #[error("nobody can take over leadership: {0}")]
    NoSuccessor(String),
    /// Nobody took over in time; this node may still lead.
    #[error("leadership did not pass on within {0:?}")]
    TimedOut(std::time::Duration),
    /// Consensus stopped.
    #[error(transparent)]
    Fatal(#[from] Fatal),
}

/// Why a change of the members, or the first list of them, was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MembershipError {
    /// Another node leads. Ask there.
    #[error("not the leader; leader: {}", named(.leader))]
    NotLeader {
        /// The leader, when this node knows it.
        leader: Option<Member>,
    },
    /// The list is refused: empty, too long, without this node, a voter nobody knows, an address that is too long…
    #[error("membership refused: {0}")]
    Refused(String),
    /// Another change is under way. Retry later.
    #[error("another change of the members is under way: {0}")]
    InProgress(String),
    /// This learner would hold up every commit: it has not caught up. Retry later.
    #[error("{node} lacks {lag} entries; a voter may lack {max}")]
    Lagging {
        /// The learner.
        node: NodeId,
        /// How many entries it lacks.
        lag: u64,
        /// How many it may lack.
        max: u64,
    },
    /// A leader does not take away its own vote: it hands leadership on first. Ask the next leader.
    #[error("leadership is being handed on{}; ask the next leader", .successor.as_ref().map_or(String::new(), |to| format!(" to {to}")))]
    HandingOver {
        /// Who is to lead, if somebody was found; retry here otherwise.
        successor: Option<Member>,
    },
    /// The cluster was initialized with other members.
    #[error("already initialized with other members ({present}); these were given: {given}")]
    Conflict {
        /// Members in force.
        present: String,
        /// Members asked for.
        given: String,
    },
    /// Not appended, or unknown whether; look at the status before retrying.
    #[error("outcome unknown: {0}")]
    Unknown(String),
    /// Consensus stopped.
    #[error(transparent)]
    Fatal(#[from] Fatal),
}

/// A message from a peer could not be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Malformed {
    #[error("{0} is missing")]
    Missing(&'static str),
    #[error("{0} is not of a known kind ({1})")]
    Kind(&'static str, u32),
    #[error("{what}: {bytes} bytes, at most {max} allowed")]
    TooLarge { what: &'static str, bytes: usize, max: usize },
    #[error("{0} ends too early or carries trailing bytes")]
    Length(&'static str),
    #[error("{0} is not UTF-8")]
    Utf8(&'static str),
    #[error("entry {found} follows entry {previous}")]
    Gap { previous: LogPosition, found: LogPosition },
    #[error("voter {0} has no address")]
    NoAddress(NodeId),
}

fn named(leader: &Option<Member>) -> String {
    leader.as_ref().map_or_else(|| "unknown".to_owned(), ToString::to_string)
}
