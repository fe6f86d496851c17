//! A cluster that begins anew on some of its replicas, because the others are lost or not to be gone on with.
//!
//! Consensus cannot do this by itself: a majority that is gone cannot agree to anything. Whoever may decide decides outside,
//! and each replica that goes on gets, in an empty folder, a log that begins behind one position with one set of members. All
//! of them get the same; the application of each has been brought to what that position stands for. The cluster has another
//! [`ClusterId`](crate::ClusterId) from then on, so that replicas of before and after never hear one another.

use std::collections::BTreeSet;

use bytes::Bytes;
use tamga_platform::disk::Disk;
use tamga_platform::entropy::Entropy;

use crate::codec::Membership;
use crate::error::Malformed;
use crate::raft::{known_members, snapshot_file};
use crate::types::{LogPosition, MEMBERS_MAX, Member, NodeId, SNAPSHOT_BYTES_MAX};
use crate::wal::repair::LogPlace;
use crate::wal::{WalError, begin_log_behind};

/// What the replicas that go on begin with; the same for each of them.
#[derive(Debug, Clone)]
pub struct NewBeginning {
    /// Behind it the log begins: above every position that any replica has ever seen, in a term above every earlier one.
    pub position: LogPosition,
    /// Who goes on, with addresses; learners too.
    pub members: Vec<Member>,
    /// Which of them vote.
    pub voters: BTreeSet<NodeId>,
    /// The application's metadata for the position: what a replica that comes later is brought to it with.
    pub snapshot: Bytes,
}

/// Why a log was not begun.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BeginError {
    /// The disk.
    #[error(transparent)]
    Log(#[from] WalError),
    /// A voter without an address, no voter at all, too many of anything.
    #[error("these cannot be the members of a cluster: {0}")]
    Members(String),
}

/// Writes log and snapshot into a folder that has none, durably.
///
/// # Errors
/// [`BeginError`].
pub fn begin_anew(
    disk: &dyn Disk,
    place: &LogPlace,
    beginning: &NewBeginning,
    entropy: &dyn Entropy,
    now_ms: u64,
) -> Result<(), BeginError> {
    let refuse = |what: String| Err(BeginError::Members(what));
    if beginning.voters.is_empty() || beginning.members.len() > MEMBERS_MAX {
        return refuse(format!("{} voters of {} members", beginning.voters.len(), beginning.members.len()));
    }
    if beginning.snapshot.len() > SNAPSHOT_BYTES_MAX {
        return refuse(format!("metadata of {} bytes", beginning.snapshot.len()));
    }
    let membership = Membership {
        voters: vec![beginning.voters.iter().map(|id| id.0).collect()],
        addresses: beginning.members.iter().map(|member| (member.id.0, member.address.clone())).collect(),
    };
    let file = snapshot_file(beginning.position, membership, beginning.snapshot.clone());
    let file = file.map_err(|error: Malformed| BeginError::Members(error.to_string()))?;
    begin_log_behind(disk, place, beginning.position, entropy, now_ms)?;
    let path = place.folder.join("snapshot");
    let io = |source| BeginError::Log(WalError::Io { doing: "writing", path: path.clone(), source });
    disk.replace(&path, &file).map_err(io)
}

/// The members that the files beside a replica's log name, with their addresses; none where there are no readable files.
#[must_use]
pub fn members_beside(disk: &dyn Disk, place: &LogPlace) -> Vec<Member> {
    known_members(disk, &place.folder)
}
