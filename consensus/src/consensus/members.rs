//! Members: the first list of a cluster, and its changes one at a time.
//!
//! Every change is made by the leader and is idempotent, so that a loop may ask for what should be until it is: what is
//! so already is answered with the position of the members in force. A change of the voters passes through a time in
//! which both the old and the new ones must agree; a leader lost in there leaves it half done, and the next change
//! completes it first.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use openraft::async_runtime::watch::WatchReceiver;
use openraft::errors::{ChangeMembershipError, ClientWriteError, InitializeError, RaftError};
use openraft::raft::ClientWriteResponse;
use openraft::{BasicNode, ChangeMembers, RaftMetrics};

use super::Consensus;
use crate::error::MembershipError;
use crate::raft::{TypeConfig, position_from_raft};
use crate::types::{ADDRESS_BYTES_MAX, LogPosition, MEMBERS_MAX, Member, MemberStatus, NodeId, Role, Status};

/// How many entries a member may lack to become a voter: one that lacks the whole log would be counted in every quorum
/// and hold up every commit until it has it.
const VOTER_LAG_MAX: u64 = 1_000;

type Written = Result<ClientWriteResponse<TypeConfig>, RaftError<TypeConfig, ClientWriteError<TypeConfig>>>;

impl Consensus {
    /// Gives a fresh cluster its first members, all of them voters. Every node may call it with the same list, at every
    /// start: a node that already lives with exactly these members answers `Ok`, and so does one that has voted but not
    /// yet heard of any members.
    ///
    /// # Errors
    /// [`MembershipError::Conflict`] when the cluster lives with other members, as it does once they were changed: the
    /// cluster goes on undisturbed. [`MembershipError::Refused`] for a list that cannot be.
    pub async fn initialize(&self, members: Vec<Member>) -> Result<(), MembershipError> {
        let given = self.checked(members)?;
        if self.is_apart() {
            return Err(MembershipError::Refused(format!("{} takes no part yet", self.0.config.node)));
        }
        if self.present(&given)? {
            return Ok(());
        }
        match self.0.raft.initialize(given.clone()).await {
            Ok(()) => Ok(()),
            // Entries or a vote of another node came first; it was given the same list.
            Err(RaftError::APIError(InitializeError::NotAllowed(_))) => self.present(&given).map(drop),
            Err(RaftError::APIError(error)) => Err(MembershipError::Refused(error.to_string())),
            Err(RaftError::Fatal(fatal)) => Err(self.fatal(&fatal).into()),
        }
    }

    fn checked(&self, members: Vec<Member>) -> Result<BTreeMap<u64, BasicNode>, MembershipError> {
        let count = members.len();
        if count == 0 || count > MEMBERS_MAX {
            return Err(MembershipError::Refused(format!("{count} members; there must be 1 to {MEMBERS_MAX}")));
        }
        let mut given = BTreeMap::new();
        for member in members {
            check_address(&member)?;
            if given.insert(member.id.0, BasicNode { addr: member.address }).is_some() {
                return Err(MembershipError::Refused(format!("{} is listed twice", member.id)));
            }
        }
        if !given.contains_key(&self.0.config.node.0) {
            return Err(MembershipError::Refused(format!("{} itself is not listed", self.0.config.node)));
        }
        Ok(given)
    }

    /// Whether these members are in force; an error when others are.
    fn present(&self, given: &BTreeMap<u64, BasicNode>) -> Result<bool, MembershipError> {
        let metrics = self.metrics();
        let membership = metrics.membership_config.membership();
        let present: BTreeMap<u64, BasicNode> = membership.nodes().map(|(id, node)| (*id, node.clone())).collect();
        if present.is_empty() {
            return Ok(false);
        }
        if present == *given && membership.voter_ids().eq(given.keys().copied()) {
            return Ok(true);
        }
        Err(MembershipError::Conflict { present: listed(&present), given: listed(given) })
    }

    /// Adds a member that receives the log without a vote; returns when the change is committed, not when the learner
    /// has caught up (see [`MemberStatus::matched`](crate::MemberStatus::matched)). A member already: nothing is
    /// changed, a voter stays one.
    ///
    /// # Errors
    /// [`MembershipError`]; a known id with another address is refused.
    pub async fn add_learner(&self, member: Member) -> Result<LogPosition, MembershipError> {
        check_address(&member)?;
        let status = self.settled().await?;
        if let Some(known) = find(&status, member.id) {
            if known.member.address != member.address {
                return Err(MembershipError::Refused(format!("{} is already a member", known.member)));
            }
            return self.in_force().await;
        }
        if status.members.len() >= MEMBERS_MAX {
            return Err(MembershipError::Refused(format!("there are {MEMBERS_MAX} members already")));
        }
        self.change(ChangeMembers::AddNodes([(member.id.0, BasicNode { addr: member.address })].into()), true).await
    }

    /// Gives a learner that has caught up a vote. A voter already: nothing is changed.
    ///
    /// # Errors
    /// [`MembershipError::Lagging`] until it has caught up; refused for somebody who is no member.
    pub async fn promote(&self, node: NodeId) -> Result<LogPosition, MembershipError> {
        let status = self.settled().await?;
        if known(&status, node)?.voter {
            return self.in_force().await;
        }
        check_caught_up(&status, node)?;
        self.change(ChangeMembers::AddVoterIds([node.0].into()), true).await
    }

    /// Takes a voter's vote away; it goes on receiving the log. A learner already: nothing is changed.
    ///
    /// # Errors
    /// [`MembershipError::HandingOver`] when it is this leader itself; refused for the last voter, and for somebody who
    /// is no member.
    pub async fn demote(&self, node: NodeId) -> Result<LogPosition, MembershipError> {
        let status = self.settled().await?;
        if !known(&status, node)?.voter {
            return self.in_force().await;
        }
        self.check_can_leave(&status, node).await?;
        self.change(ChangeMembers::RemoveVoters([node.0].into()), true).await
    }

    /// Removes a member, voter or learner; it is sent nothing more, and may not even learn that it was removed. No
    /// member any more: nothing is changed.
    ///
    /// # Errors
    /// [`MembershipError::HandingOver`] when it is this leader itself; refused for the last voter.
    pub async fn remove(&self, node: NodeId) -> Result<LogPosition, MembershipError> {
        let status = self.settled().await?;
        let Some(leaving) = find(&status, node) else { return self.in_force().await };
        if !leaving.voter {
            return self.change(ChangeMembers::RemoveNodes([node.0].into()), true).await;
        }
        self.check_can_leave(&status, node).await?;
        self.change(ChangeMembers::RemoveVoters([node.0].into()), false).await
    }

    /// Makes `voters` the only voters, in one step (by way of a time in which both the old and the new ones must
    /// agree): so is one voter replaced by another. Each must be a member already, and new ones must have caught up.
    /// Voters that are not listed become learners, or leave if `keep_others_as_learners` is false. So already: nothing
    /// is changed.
    ///
    /// # Errors
    /// [`MembershipError`]; [`MembershipError::HandingOver`] when this leader is not among them.
    pub async fn change_membership(
        &self,
        voters: Vec<NodeId>,
        keep_others_as_learners: bool,
    ) -> Result<LogPosition, MembershipError> {
        let voters: BTreeSet<NodeId> = voters.into_iter().collect();
        if voters.is_empty() {
            return Err(MembershipError::Refused("no voters are listed".to_owned()));
        }
        let status = self.settled().await?;
        let present: BTreeSet<NodeId> =
            status.members.iter().filter(|known| known.voter).map(|known| known.member.id).collect();
        if present == voters {
            return self.in_force().await;
        }
        for node in &voters {
            known(&status, *node)?;
            check_caught_up(&status, *node)?;
        }
        if !voters.contains(&status.id) {
            return Err(self.handing_over(&status).await);
        }
        let voters = voters.into_iter().map(|node| node.0).collect();
        self.change(ChangeMembers::ReplaceAllVoters(voters), keep_others_as_learners).await
    }

    /// Completes a change of the voters that a former leader left half done ([`Status::joint`]).
    ///
    /// # Errors
    /// [`MembershipError`]; retry.
    pub async fn settle_membership(&self) -> Result<LogPosition, MembershipError> {
        self.settled().await?;
        self.in_force().await
    }

    /// The status of this leader, with no change half done.
    async fn settled(&self) -> Result<Status, MembershipError> {
        let status = self.leading()?;
        if !status.joint {
            return Ok(status);
        }
        // An empty change makes the newer of the two sets the only one. Voters of the older one stay as learners.
        self.change(ChangeMembers::AddVoterIds(BTreeSet::new()), true).await?;
        self.leading()
    }

    fn leading(&self) -> Result<Status, MembershipError> {
        let status = self.status();
        match status.role {
            Role::Leader => Ok(status),
            _ => Err(MembershipError::NotLeader { leader: status.leader }),
        }
    }

    /// Waits until the members in force are committed, and returns their position.
    async fn in_force(&self) -> Result<LogPosition, MembershipError> {
        let position = self.metrics().membership_config.log_id().map(position_from_raft);
        let position = position.ok_or_else(|| MembershipError::Refused("there are no members yet".to_owned()))?;
        let patience = Duration::from_millis(self.0.config.propose_timeout_ms);
        let wait = self.0.raft.wait(Some(patience));
        match wait.applied_index_at_least(Some(position.index), "members in force").await {
            Ok(_) => Ok(position),
            Err(error) => match self.failure() {
                Some(fatal) => Err(fatal.into()),
                None => Err(MembershipError::Unknown(error.to_string())),
            },
        }
    }

    async fn change(
        &self,
        change: ChangeMembers<u64, BasicNode>,
        keep_others_as_learners: bool,
    ) -> Result<LogPosition, MembershipError> {
        if self.0.local.room().low {
            return Err(MembershipError::InProgress("the disk that holds the log is nearly full".to_owned()));
        }
        let patience = Duration::from_millis(self.0.config.propose_timeout_ms);
        let written = self.0.raft.change_membership(change, keep_others_as_learners);
        match tokio::time::timeout(patience, written).await {
            Ok(written) => self.changed(written),
            Err(_) => Err(MembershipError::Unknown(format!("not committed within {patience:?}"))),
        }
    }

    /// Whether `node`, a voter, may lose its vote.
    async fn check_can_leave(&self, status: &Status, node: NodeId) -> Result<(), MembershipError> {
        if status.members.iter().filter(|known| known.voter).count() == 1 {
            return Err(MembershipError::Refused(format!("{node} is the last voter")));
        }
        if node == status.id {
            return Err(self.handing_over(status).await);
        }
        Ok(())
    }

    /// Hands leadership on, so that the next leader can take this one's vote.
    async fn handing_over(&self, status: &Status) -> MembershipError {
        let successor = self.successor(status, None).await;
        if let Some(successor) = &successor
            && let Err(fatal) = self.transfer_leadership(successor.id).await
        {
            return fatal.into();
        }
        MembershipError::HandingOver { successor }
    }

    fn changed(&self, written: Written) -> Result<LogPosition, MembershipError> {
        match written {
            Ok(written) => Ok(position_from_raft(written.log_id)),
            Err(RaftError::APIError(ClientWriteError::ForwardToLeader(forward))) => {
                Err(MembershipError::NotLeader { leader: self.leader(&forward) })
            }
            Err(RaftError::APIError(ClientWriteError::ChangeMembershipError(error))) => match error {
                ChangeMembershipError::InProgress(_) | ChangeMembershipError::UncommittedLeaderLog(_) => {
                    Err(MembershipError::InProgress(error.to_string()))
                }
                error => Err(MembershipError::Refused(error.to_string())),
            },
            Err(RaftError::APIError(error)) => Err(MembershipError::Unknown(error.to_string())),
            Err(RaftError::Fatal(fatal)) => Err(self.fatal(&fatal).into()),
        }
    }

    fn metrics(&self) -> RaftMetrics<TypeConfig> {
        self.0.raft.metrics().borrow_watched().clone()
    }
}

fn find(status: &Status, node: NodeId) -> Option<&MemberStatus> {
    status.members.iter().find(|known| known.member.id == node)
}

fn known(status: &Status, node: NodeId) -> Result<&MemberStatus, MembershipError> {
    find(status, node).ok_or_else(|| MembershipError::Refused(format!("{node} is no member; add it as a learner")))
}

/// Whether `node`, if it is a learner, may become a voter.
fn check_caught_up(status: &Status, node: NodeId) -> Result<(), MembershipError> {
    let next = |index: Option<u64>| index.map_or(0, |index| index.saturating_add(1));
    let known = known(status, node)?;
    let lag = next(status.last_log_index).saturating_sub(next(known.matched));
    if !known.voter && lag > VOTER_LAG_MAX {
        return Err(MembershipError::Lagging { node, lag, max: VOTER_LAG_MAX });
    }
    Ok(())
}

fn check_address(member: &Member) -> Result<(), MembershipError> {
    let bytes = member.address.len();
    if bytes == 0 || bytes > ADDRESS_BYTES_MAX {
        let what = format!("address of {}: {bytes} bytes; there must be 1 to {ADDRESS_BYTES_MAX}", member.id);
        return Err(MembershipError::Refused(what));
    }
    Ok(())
}

fn listed(members: &BTreeMap<u64, BasicNode>) -> String {
    let each: Vec<String> = members.iter().map(|(id, node)| format!("{} at {}", NodeId(*id), node.addr)).collect();
    each.join(", ")
}
