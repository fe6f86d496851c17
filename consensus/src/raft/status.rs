//! openraft's metrics as a [`Status`].

use openraft::async_runtime::watch::WatchReceiver;
use openraft::{Instant, RaftMetrics, ServerState};
use tokio::sync::watch;

use super::{Raft, TypeConfig, position_from_raft};
use crate::types::{LogPosition, Member, MemberStatus, NodeId, Role, Status};
use crate::wal::Space;

/// What this replica knows beside openraft.
#[derive(Debug, Clone)]
pub(crate) struct Local {
    pub(crate) space: watch::Receiver<Space>,
    /// The caller cannot store what would be accepted.
    pub(crate) held: watch::Receiver<bool>,
    pub(crate) installing: watch::Receiver<Option<LogPosition>>,
}

impl Local {
    /// How much room there is, for the log and for the caller.
    pub(crate) fn room(&self) -> Space {
        let (space, held) = (*self.space.borrow(), *self.held.borrow());
        Space { low: space.low || held, full: space.full || held }
    }

    async fn changed(&mut self) -> bool {
        let changed = tokio::select! {
            biased;
            changed = self.space.changed() => changed,
            changed = self.held.changed() => changed,
            changed = self.installing.changed() => changed,
        };
        changed.is_ok()
    }
}

/// The leader that `metrics` name, if its address is known.
pub(crate) fn leader_of(metrics: &RaftMetrics<TypeConfig>) -> Option<Member> {
    let id = metrics.current_leader?;
    let node = metrics.membership_config.get_node(&id)?;
    Some(Member { id: NodeId(id), address: node.addr.clone() })
}

/// The status that `metrics` describe.
pub(crate) fn status_of(metrics: &RaftMetrics<TypeConfig>, local: &Local) -> Status {
    let room = local.room();
    let role = match metrics.state {
        _ if metrics.running_state.is_err() => Role::Stopped,
        ServerState::Learner => Role::Learner,
        ServerState::Follower => Role::Follower,
        ServerState::Candidate => Role::Candidate,
        ServerState::Leader => Role::Leader,
        ServerState::Shutdown => Role::Stopped,
    };
    let membership = metrics.membership_config.membership();
    let matched = |id: &u64| metrics.replication.as_ref()?.get(id)?.as_ref().map(|matched| matched.index);
    let members = membership.nodes().map(|(id, node)| MemberStatus {
        member: Member { id: NodeId(*id), address: node.addr.clone() },
        voter: membership.voter_ids().any(|voter| voter == *id),
        matched: matched(id),
    });
    Status {
        id: NodeId(metrics.id),
        role,
        term: metrics.current_term,
        leader: leader_of(metrics),
        last_log_index: metrics.last_log_index,
        committed: metrics.local_committed.map(position_from_raft),
        applied: metrics.last_applied.map(position_from_raft),
        members: members.collect(),
        quorum_ack_age_ms: metrics
            .last_quorum_acked
            .map(|acked| u64::try_from(acked.elapsed().as_millis()).unwrap_or(u64::MAX)),
        joint: membership.get_joint_config().len() > 1,
        snapshot: metrics.snapshot.map(position_from_raft),
        purged: metrics.purged.map(|purged| purged.index),
        installing: *local.installing.borrow(),
        disk_low: room.low,
        disk_full: room.full,
    }
}

/// Publishes the status as it changes, until openraft stops. Metrics are cloned at once: a reference held across an
/// await would block openraft.
pub(crate) async fn follow(raft: Raft, mut local: Local, status: watch::Sender<Status>) {
    let mut metrics = raft.metrics();
    drop(raft);
    loop {
        let now = status_of(&metrics.borrow_watched().clone(), &local);
        status.send_if_modified(|status| {
            let changed = *status != now;
            *status = now;
            changed
        });
        let gone = tokio::select! {
            biased;
            changed = metrics.changed() => changed.is_err(),
            changed = local.changed() => !changed,
        };
        if gone {
            break;
        }
    }
    status.send_modify(|status| status.role = Role::Stopped);
}
