//! Members: the first list of a cluster, and its changes one at a time.

use std::collections::{BTreeMap, BTreeSet};

use openraft::async_runtime::watch::WatchReceiver;
use openraft::errors::{ChangeMembershipError, ClientWriteError, InitializeError, RaftError};
use openraft::raft::ClientWriteResponse;
use openraft::{BasicNode, ChangeMembers, RaftMetrics};

use super::Consensus;
use crate::error::MembershipError;
use crate::raft::{TypeConfig, position_from_raft};
use crate::types::{ADDRESS_BYTES_MAX, LogPosition, MEMBERS_MAX, Member, NodeId, Role};

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
    /// has caught up (see [`MemberStatus::matched`](crate::MemberStatus::matched)).
    ///
    /// # Errors
    /// [`MembershipError`]; a known id with another address is refused.
    pub async fn add_learner(&self, member: Member) -> Result<LogPosition, MembershipError> {
        check_address(&member)?;
        let metrics = self.metrics();
        let membership = metrics.membership_config.membership();
        if membership.nodes().count() >= MEMBERS_MAX {
            return Err(MembershipError::Refused(format!("there are {MEMBERS_MAX} members already")));
        }
        if let Some(known) = membership.get_node(&member.id.0).filter(|known| known.addr != member.address) {
            return Err(MembershipError::Refused(format!("{} is already a member, at {}", member.id, known.addr)));
        }
        let written = self.0.raft.add_learner(member.id.0, BasicNode { addr: member.address }, false).await;
        self.changed(written)
    }

    /// Makes `voters` the only voters. Each must be a member already, and new ones must have caught up: add them as
    /// learners first. Voters that are not listed become learners, or leave if `keep_others_as_learners` is false.
    ///
    /// # Errors
    /// [`MembershipError`].
    pub async fn change_membership(
        &self,
        voters: Vec<NodeId>,
        keep_others_as_learners: bool,
    ) -> Result<LogPosition, MembershipError> {
        let voters: BTreeSet<u64> = voters.into_iter().map(|id| id.0).collect();
        if voters.is_empty() {
            return Err(MembershipError::Refused("no voters are listed".to_owned()));
        }
        self.check_caught_up(&voters)?;
        let written = self.0.raft.change_membership(voters, keep_others_as_learners).await;
        self.changed(written)
    }

    /// Removes learners.
    ///
    /// # Errors
    /// [`MembershipError`]; a voter is refused.
    pub async fn remove_learners(&self, learners: Vec<NodeId>) -> Result<LogPosition, MembershipError> {
        let learners: BTreeSet<u64> = learners.into_iter().map(|id| id.0).collect();
        let written = self.0.raft.change_membership(ChangeMembers::RemoveNodes(learners), true).await;
        self.changed(written)
    }

    fn check_caught_up(&self, voters: &BTreeSet<u64>) -> Result<(), MembershipError> {
        let status = self.status();
        if status.role != Role::Leader {
            return Err(MembershipError::NotLeader { leader: status.leader });
        }
        let next = |index: Option<u64>| index.map_or(0, |index| index.saturating_add(1));
        for id in voters {
            let known = status.members.iter().find(|known| known.member.id.0 == *id);
            let Some(known) = known else {
                return Err(MembershipError::Refused(format!("{} is no member; add it as a learner", NodeId(*id))));
            };
            let lag = next(status.last_log_index).saturating_sub(next(known.matched));
            if !known.voter && lag > VOTER_LAG_MAX {
                let what = format!("{} lacks {lag} entries; at most {VOTER_LAG_MAX} are allowed", NodeId(*id));
                return Err(MembershipError::Refused(what));
            }
        }
        Ok(())
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
