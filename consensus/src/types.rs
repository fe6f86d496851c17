//! The words of the public interface: identities, positions, members, status.

use std::fmt;

use bytes::Bytes;

/// The largest payload of one entry, in bytes: a batch of the caller is at most 1 MiB, plus room for its framing.
pub const PAYLOAD_BYTES_MAX: usize = 1024 * 1024 + 128 * 1024;

/// The largest message between two replicas, in bytes. Entries are gathered into a message up to a quarter of this.
pub const MESSAGE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// The longest metadata of a snapshot, in bytes.
pub const SNAPSHOT_BYTES_MAX: usize = 64 * 1024;

/// The longest address of a member, in bytes.
pub const ADDRESS_BYTES_MAX: usize = 256;

/// The largest number of members, learners included.
pub const MEMBERS_MAX: usize = 128;

/// Identifies a replica. Never reused: a node whose disk was lost comes back under a new id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u64);

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "n{}", self.0)
    }
}

/// Identifies a cluster; messages and files of another cluster are refused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClusterId(pub [u8; 32]);

impl fmt::Debug for ClusterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for ClusterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Where an entry stands in the replicated log, and under which leadership it was appended.
///
/// Ordered by leadership first, then by index. Among *committed* positions that is the order of the indexes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogPosition {
    /// Term of the leader that appended the entry.
    pub term: u64,
    /// That leader.
    pub leader: NodeId,
    /// Index in the log, from 0, without gaps. Not an index of anything else.
    pub index: u64,
}

impl fmt::Display for LogPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "t{}-{}.{}", self.term, self.leader, self.index)
    }
}

/// A replica as the others know it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Member {
    /// Its id.
    pub id: NodeId,
    /// Address of its listener for peers; what it means is the [`Dialer`](crate::Dialer)'s business.
    pub address: String,
}

impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.id, self.address)
    }
}

/// What an entry of the log is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EntryKind {
    /// A payload that somebody proposed.
    Normal,
    /// A new leader's first entry; carries nothing.
    Blank,
    /// A change of the members; of no concern to the application beyond its position.
    Membership,
}

/// A committed entry as the application gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// Its position.
    pub position: LogPosition,
    /// Its kind.
    pub kind: EntryKind,
    /// What was proposed; empty unless the kind is [`EntryKind::Normal`].
    pub payload: Bytes,
}

/// A proposal that was committed and applied on this node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// Where it stands.
    pub position: LogPosition,
    /// What the application answered.
    pub response: Bytes,
}

/// What a replica is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Receives the log, has no vote.
    Learner,
    /// Receives the log, has a vote.
    Follower,
    /// Asks for votes.
    Candidate,
    /// Sequences proposals.
    Leader,
    /// Stopped, by [`Consensus::shutdown`](crate::Consensus::shutdown) or by a fatal error.
    Stopped,
}

/// A member in a [`Status`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberStatus {
    /// Who.
    pub member: Member,
    /// Whether it votes.
    pub voter: bool,
    /// Up to which index the leader knows this member's log to match; `None` unless this node leads.
    pub matched: Option<u64>,
}

/// One replica's view of itself and the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// This node.
    pub id: NodeId,
    /// What it is doing.
    pub role: Role,
    /// The highest term it knows.
    pub term: u64,
    /// The leader it follows (itself, when it leads).
    pub leader: Option<Member>,
    /// Index of the last entry in its log.
    pub last_log_index: Option<u64>,
    /// Last entry it knows to be committed.
    pub committed: Option<LogPosition>,
    /// Last entry it applied.
    pub applied: Option<LogPosition>,
    /// Members in force, by ascending id; empty before [`Consensus::initialize`](crate::Consensus::initialize).
    pub members: Vec<MemberStatus>,
    /// Milliseconds since a quorum last answered this leader; `None` unless it leads and was answered.
    pub quorum_ack_age_ms: Option<u64>,
    /// A change of the voters is half done: both the old and the new ones must agree. Any change of the members on the
    /// leader completes it first, and so does [`Consensus::settle_membership`](crate::Consensus::settle_membership).
    pub joint: bool,
    /// Position of the snapshot that stands for the purged part of the log.
    pub snapshot: Option<LogPosition>,
    /// Index up to which the log is gone.
    pub purged: Option<u64>,
    /// The application is being brought to this position by another replica's snapshot.
    pub installing: Option<LogPosition>,
    /// The disk holding the log is nearly full: proposals are refused, what is in flight still goes through.
    pub disk_low: bool,
    /// The disk holding the log is full: entries of a leader are refused too, and this node stands for election only
    /// when nobody else does. Reads and votes go on.
    pub disk_full: bool,
}

/// What [`Consensus::compact`](crate::Consensus::compact) did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compacted {
    /// The snapshot that now stands for everything up to its position.
    pub snapshot: LogPosition,
    /// The log goes up to here, as soon as no replica is being sent any of it ([`Status::purged`] shows when); `None`
    /// when nothing more is to be purged.
    pub purging: Option<u64>,
}

/// The identity of the peer at the other end of a connection, as its certificate proves it.
///
/// The node's listener puts it into the extensions of each request; consensus compares it with the sender that the
/// message names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerIdentity(pub NodeId);
