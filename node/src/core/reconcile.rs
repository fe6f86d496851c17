//! Raft's members follow the organisations' decisions. Whoever leads takes the next step, one at a time, until there is none.
//!
//! ```text
//! decided, no member ──► learner ──► caught up ──► voter (if so decided)
//! decided otherwise, or removed: voter ──► learner ──► gone (if removed); the leader itself first hands over
//! ```
//!
//! Membership has no legal meaning: whoever is in it only carries bytes. The steps are a function of the leader's own
//! ledger and of Raft's membership, so a new leader goes on where the old one stopped. Only one change is under way at a
//! time, and a voter is added only once it has the log, so every two quorums on the way intersect. What is decided is done
//! at once and in the order of the decisions: whoever replaces a node has the new one added, waits until it votes, and
//! then removes the old one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tamga_consensus::{
    Consensus, HandOverError, LogPosition, Member, MemberStatus, MembershipError, NodeId, Role, Status,
};
use tamga_ledger::kinds::NodeRole;
use tokio::time::{Instant, sleep, timeout};

use super::lock::Access as _;
use super::shared::Shared;

/// How often the leader compares.
const TICK: Duration = Duration::from_millis(250);
/// How long a leader without room waits before it looks for a successor again.
const RESIGN_AGAIN: Duration = Duration::from_secs(10);
/// Between attempts to find a successor, and how many are made: if nobody else is there, waiting helps nobody.
const SUCCESSOR_RETRY: Duration = Duration::from_millis(200);
const SUCCESSOR_ATTEMPTS: u32 = 3;

/// One change of the membership.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    /// A node is to receive the log.
    Learn(Member),
    /// A learner is to vote, once it has the log.
    Promote(NodeId),
    /// A voter is to learn only.
    Demote(NodeId),
    /// A node is to leave.
    Leave(NodeId),
}

/// The steps from `members` towards what is `decided` of the nodes in force, the most urgent first; none if there is nothing to do, or nothing can be done
/// now.
fn next_steps(
    decided: &BTreeMap<u32, NodeRole>,
    members: &[MemberStatus],
    own: NodeId,
    address_of: impl Fn(u32) -> Option<String>,
) -> Vec<Step> {
    let id_of = |id: u32| NodeId(u64::from(id));
    let role = |member: &MemberStatus| {
        let id = u32::try_from(member.member.id.0).ok();
        id.and_then(|id| decided.get(&id)).copied()
    };
    let is_member = |id: u32| members.iter().any(|member| member.member.id == id_of(id));
    let missing = decided.keys().copied().filter(|id| !is_member(*id));
    let learn = missing.filter_map(|id| Some(Step::Learn(Member { id: id_of(id), address: address_of(id)? })));
    let with = |voter: bool| members.iter().filter(move |member| member.voter == voter);
    // Others first: while this node still leads it can see to them.
    let (others, this): (Vec<&MemberStatus>, Vec<_>) = with(true).partition(|member| member.member.id != own);
    let surplus = others.into_iter().chain(this).filter(|member| role(member) != Some(NodeRole::Voter));
    let demote = surplus.map(|member| Step::Demote(member.member.id));
    let gone = with(false).filter(|member| role(member).is_none()).map(|member| Step::Leave(member.member.id));
    let due = with(false).filter(|member| role(member) == Some(NodeRole::Voter));
    let promote = due.map(|member| Step::Promote(member.member.id));
    learn.chain(demote).chain(gone).chain(promote).collect()
}

impl Shared {
    /// Reconciles whenever this node leads, until it stops.
    pub(crate) async fn reconcile(self: Arc<Self>, consensus: Consensus) {
        let mut statuses = consensus.watch_status();
        while let Some(term) = self.leads_next(&mut statuses).await {
            tokio::select! {
                () = self.reconcile_in(&consensus, term) => {}
                () = self.stopped() => return,
            }
        }
    }

    async fn reconcile_in(self: &Arc<Self>, consensus: &Consensus, term: u64) {
        let leads = || Some(consensus.status()).filter(|status| status.role == Role::Leader && status.term == term);
        // What was decided and changed in earlier terms is applied here first.
        while consensus.read_barrier().await.is_err() {
            sleep(TICK).await;
            if leads().is_none() {
                return;
            }
        }
        let mut resigned: Option<Instant> = None;
        while let Some(status) = leads() {
            // Whom the decision that recovered this cluster leaves in force, the ledger has to say first.
            if self.with_nodes(|nodes| self.epoch.is_ahead_of(nodes)) {
                sleep(TICK).await;
                continue;
            }
            if self.space.is_low() && resigned.is_none_or(|at| at.elapsed() > RESIGN_AGAIN) {
                resigned = Some(Instant::now());
                self.resign(consensus, &status).await;
            }
            if status.joint {
                self.settled(consensus.settle_membership().await, "completing a change that was half done");
            }
            for step in self.steps(&status) {
                // A learner that lags must not hold up what else is to be done.
                if self.settled(self.take(consensus, &step).await, &step) {
                    break;
                }
            }
            sleep(TICK).await;
        }
    }

    /// A leader that takes nothing keeps everybody from being sequenced: it hands over to a voter that has said lately that
    /// it has room. (Room for the log itself is consensus' own business.)
    async fn resign(&self, consensus: &Consensus, status: &Status) {
        let roomy = |member: &&MemberStatus| {
            let heard = u32::try_from(member.member.id.0).ok().and_then(|id| self.heard.fresh(id));
            member.voter && heard.is_some_and(|standing| !standing.disk_low && !standing.stopping)
        };
        let others = status.members.iter().filter(|member| member.member.id != status.id);
        let Some(successor) = others.filter(roomy).max_by_key(|member| member.matched) else { return };
        tracing::warn!(successor = %successor.member, "this node leads and its disk is nearly full: it hands over");
        if let Err(error) = consensus.hand_over(Some(successor.member.id)).await {
            tracing::warn!(%error, "leadership is not handed over");
        }
    }

    fn steps(&self, status: &Status) -> Vec<Step> {
        let state = self.state.look();
        if state.head().size.is_empty() {
            return Vec::new();
        }
        let decided = state.nodes().members().map(|(id, node)| (id, node.role)).collect();
        drop(state);
        next_steps(&decided, &status.members, status.id, |id| self.addresses.of(id))
    }

    async fn take(&self, consensus: &Consensus, step: &Step) -> Result<LogPosition, MembershipError> {
        match step {
            Step::Learn(member) => consensus.add_learner(member.clone()).await,
            Step::Promote(node) => consensus.promote(*node).await,
            Step::Demote(node) => consensus.demote(*node).await,
            Step::Leave(node) => consensus.remove(*node).await,
        }
    }

    /// Whether the step was taken, or another one is under way.
    fn settled(&self, taken: Result<LogPosition, MembershipError>, what: &(impl std::fmt::Debug + ?Sized)) -> bool {
        match taken {
            Ok(position) => {
                metrics::counter!("tamga_membership_changes_total").increment(1);
                tracing::info!(%position, ?what, "the members follow the organisations' decisions");
                true
            }
            Err(MembershipError::Fatal(fatal)) => {
                self.fail(fatal.what());
                true
            }
            // Tried again until it is so.
            Err(error) => {
                tracing::debug!(%error, ?what, "the members are not changed yet");
                !matches!(error, MembershipError::Lagging { .. } | MembershipError::Refused(_))
            }
        }
    }

    /// Hands leadership over if this node has it, and waits until somebody else has it. Whether this node leads no more.
    pub(crate) async fn hand_over_leadership(&self, limit: Duration) -> bool {
        let Some(consensus) = self.consensus.get() else { return true };
        let deadline = Instant::now() + limit;
        let mut nobody = 0;
        loop {
            match consensus.hand_over(None).await {
                Ok(None) => return true,
                Ok(Some(successor)) => {
                    tracing::info!(%successor, "leadership was handed over");
                    metrics::counter!("tamga_leader_transfers_total").increment(1);
                    return true;
                }
                Err(HandOverError::Fatal(fatal)) => {
                    self.fail(fatal.what());
                    return true;
                }
                Err(error) => {
                    nobody += u32::from(matches!(error, HandOverError::NoSuccessor(_)));
                    tracing::debug!(%error, "leadership is not handed over yet");
                }
            }
            if nobody >= SUCCESSOR_ATTEMPTS || Instant::now() + SUCCESSOR_RETRY >= deadline {
                tracing::warn!("leadership was not handed over; the others elect a leader by themselves");
                return consensus.status().role != Role::Leader;
            }
            sleep(SUCCESSOR_RETRY).await;
        }
    }

    /// Before a planned stop: takes nothing new, and hands leadership over.
    pub(crate) async fn leave(&self, limit: Duration) {
        self.leaving.store(true, Ordering::Relaxed);
        self.announce_now.notify_one();
        self.hand_over_leadership(limit).await;
    }

    /// Waits until everything that this node has promised is in the ledger, as long as `limit` allows.
    pub(crate) async fn settle_promises(&self, limit: Duration) -> bool {
        let empty = async {
            while self.outbox.usage().records > 0 && !self.is_stopping() {
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(limit, empty).await.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use NodeRole::{Learner, Voter};

    fn members(listed: &[(u64, bool)]) -> Vec<MemberStatus> {
        let member = |(id, voter): &(u64, bool)| MemberStatus {
            member: Member { id: NodeId(*id), address: format!("host:{id}") },
            voter: *voter,
            matched: None,
        };
        listed.iter().map(member).collect()
    }

    fn steps(decided: &[(u32, NodeRole)], listed: &[(u64, bool)]) -> Vec<Step> {
        let decided = decided.iter().copied().collect();
        next_steps(&decided, &members(listed), NodeId(1), |id| (id != 9).then(|| format!("host:{id}")))
    }

    const THREE: [(u64, bool); 3] = [(1, true), (2, true), (3, true)];

    #[test]
    fn nothing_is_to_be_done_where_members_are_as_decided() {
        let decided = [(1, Voter), (2, Voter), (3, Voter), (4, Learner)];
        assert_eq!(steps(&decided, &[&THREE[..], &[(4, false)]].concat()), []);
    }

    #[test]
    fn a_new_node_learns_before_it_votes() {
        let decided = [(1, Voter), (2, Voter), (3, Voter), (4, Voter), (9, Voter)];
        let learn = Step::Learn(Member { id: NodeId(4), address: "host:4".to_owned() });
        assert_eq!(steps(&decided, &THREE), [learn], "nobody knows where node 9 is yet");
        assert_eq!(steps(&decided, &[&THREE[..], &[(4, false)]].concat()), [Step::Promote(NodeId(4))]);
        assert_eq!(steps(&decided, &[&THREE[..], &[(4, true)]].concat()), []);
    }

    #[test]
    fn a_removed_node_first_loses_its_vote_and_the_leader_comes_last() {
        assert_eq!(steps(&[(2, Voter)], &THREE), [Step::Demote(NodeId(3)), Step::Demote(NodeId(1))]);
        let without_three = [(1, Voter), (2, Voter)];
        assert_eq!(steps(&without_three, &[(1, true), (2, true), (3, false)]), [Step::Leave(NodeId(3))]);
        assert_eq!(steps(&without_three, &[(1, true), (2, true)]), []);
    }

    #[test]
    fn a_demoted_voter_stays_as_a_learner() {
        let decided = [(1, Voter), (2, Learner), (3, Voter)];
        assert_eq!(steps(&decided, &THREE), [Step::Demote(NodeId(2))]);
        assert_eq!(steps(&decided, &[(1, true), (2, false), (3, true)]), []);
    }
}
