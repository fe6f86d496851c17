//! Members: the first list, learners, voters, removal.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tamga_consensus::{Consensus, HandOverError, Member, MembershipError, NodeId, ReadError, Role};
use tamga_platform::entropy::{Entropy, SeededEntropy};

use crate::harness::{Cluster, Node, PATIENCE};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn initializing_again_is_harmless_and_other_members_are_a_conflict() {
    let mut cluster = Cluster::start(3).await;
    let last = cluster.propose("one").await;
    cluster.converge(last.position).await;
    let members = cluster.members();
    for node in &cluster.0 {
        node.consensus().initialize(members.clone()).await.unwrap();
    }
    let error = cluster.0[0].consensus().initialize(members[..2].to_vec()).await.unwrap_err();
    assert!(matches!(error, MembershipError::Conflict { .. }), "{error}");
    let stranger = Node::new(9).await;
    cluster.0.push(stranger);
    cluster.0[3].start().await;
    for refused in [vec![], members.clone(), vec![Member { id: NodeId(9), address: String::new() }]] {
        let error = cluster.0[3].consensus().initialize(refused).await.unwrap_err();
        assert!(matches!(error, MembershipError::Refused(_)), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_learner_reads_linearizably_becomes_a_voter_and_replaces_another() {
    let mut cluster = Cluster::start(3).await;
    cluster.propose("one").await;
    let mut learner = Node::new(4).await;
    learner.start().await;
    let leader = cluster.leader().await;
    let added = cluster.0[leader].consensus().add_learner(learner.member.clone()).await.unwrap();
    learner.wait("the log", |status| status.applied >= Some(added) && status.leader.is_some()).await;
    assert_eq!(learner.consensus().status().role, Role::Learner);
    learner.read().await;
    assert_eq!(learner.kept.payloads(), ["one"]);

    let consensus = cluster.0[leader].consensus();
    let elsewhere = Member { address: "127.0.0.1:1".to_owned(), ..learner.member.clone() };
    assert!(matches!(consensus.add_learner(elsewhere).await, Err(MembershipError::Refused(_))));
    let unknown = consensus.change_membership(vec![NodeId(1), NodeId(8)], true).await;
    assert!(matches!(unknown, Err(MembershipError::Refused(_))));
    let again = consensus.add_learner(learner.member.clone()).await.unwrap();
    assert_eq!(again, added, "a member already");

    let leaves = (leader + 1) % 3;
    let gone = cluster.0[leaves].member.id;
    let voters = cluster.members().into_iter().map(|member| member.id).filter(|id| *id != gone).chain([NodeId(4)]);
    consensus.change_membership(voters.collect(), true).await.unwrap();
    consensus.remove(gone).await.unwrap();
    cluster.0[leaves].stop().await;
    cluster.0.push(learner);

    let last = cluster.propose("two").await;
    assert_eq!(cluster.converge(last.position).await, ["one", "two"]);
    let members = cluster.0[3].wait("the change", |status| status.members.len() == 3).await.members;
    assert!(members.iter().all(|known| known.voter && known.member.id != gone));
    // The new voter counts: with it, the cluster survives the loss of another one.
    let follower = (0..3).find(|place| *place != leader && *place != leaves).unwrap();
    cluster.0[follower].kill().await;
    let last = cluster.propose("three").await;
    assert_eq!(cluster.converge(last.position).await.len(), 3);
    // A member keeps its membership across a restart.
    cluster.0[3].stop().await;
    cluster.0[3].start().await;
    let last = cluster.propose("four").await;
    assert_eq!(cluster.converge(last.position).await.len(), 4);
}

/// Whoever leads in the highest term.
fn leading(replicas: &[Consensus]) -> Option<Consensus> {
    let leaders = replicas.iter().map(|replica| (replica.status(), replica));
    let leaders = leaders.filter(|(status, _)| status.role == Role::Leader);
    leaders.max_by_key(|(status, _)| status.term).map(|(_, replica)| replica.clone())
}

/// Proposes without pause until told to stop; returns what was acknowledged, in order.
async fn load(replicas: Vec<Consensus>, stop: Arc<AtomicBool>) -> Vec<Bytes> {
    let mut acknowledged = Vec::new();
    let mut count = 0;
    while !stop.load(Ordering::SeqCst) {
        count += 1;
        let payload = Bytes::from(format!("load {count}"));
        let accepted = match leading(&replicas) {
            Some(leader) => leader.propose(payload.clone()).await.is_ok(),
            None => false,
        };
        if accepted {
            acknowledged.push(payload);
        } else {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    acknowledged
}

/// What a reconciler does: one step towards `target` after another, by whoever leads, whatever became of the last one.
/// Steps are broken off at moments drawn from `entropy`.
async fn reconcile(replicas: &[Consensus], members: &[Member], target: &BTreeSet<NodeId>, entropy: &SeededEntropy) {
    let reconciled = async {
        loop {
            let Some(leader) = leading(replicas) else {
                tokio::time::sleep(Duration::from_millis(5)).await;
                continue;
            };
            let status = leader.status();
            let known = |id: &NodeId| status.members.iter().find(|known| known.member.id == *id);
            let add = members.iter().find(|member| target.contains(&member.id) && known(&member.id).is_none());
            let promote = target.iter().find(|id| known(id).is_some_and(|known| !known.voter));
            let remove = status.members.iter().map(|known| known.member.id).find(|id| !target.contains(id));
            let step = async {
                match (add, promote, remove) {
                    (Some(member), _, _) => leader.add_learner(member.clone()).await.map(drop),
                    (_, Some(id), _) => leader.promote(*id).await.map(drop),
                    (_, _, Some(id)) => leader.remove(id).await.map(drop),
                    (None, None, None) => leader.settle_membership().await.map(drop),
                }
            };
            let mut byte = [0];
            entropy.fill(&mut byte);
            let patience = if byte[0] % 3 == 0 { u64::from(byte[0] / 8) } else { 5_000 };
            match tokio::time::timeout(Duration::from_millis(patience), step).await {
                Ok(Ok(())) if (add, promote, remove) == (None, None, None) && !leader.status().joint => return,
                Ok(Err(MembershipError::Refused(what))) => panic!("{what}"),
                Ok(_) | Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
    };
    tokio::time::timeout(PATIENCE, reconciled).await.expect("the members that were asked for");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_are_added_promoted_removed_and_replaced_under_load_until_none_of_the_first_is_left() {
    let mut cluster = Cluster::start(3).await;
    for id in 4..=6 {
        let mut node = Node::new(id).await;
        node.start().await;
        cluster.0.push(node);
    }
    for node in &cluster.0 {
        node.kept.copies_from(cluster.0.iter().map(|other| other.kept.clone()).collect());
    }
    let members = cluster.members();
    let replicas: Vec<Consensus> = cluster.0.iter().map(|node| node.consensus().clone()).collect();
    let stop = Arc::new(AtomicBool::new(false));
    let load = tokio::spawn(load(replicas.clone(), Arc::clone(&stop)));
    let entropy = SeededEntropy::new(11);
    // Removed members stay up: they must not disturb the others. The first node is only removed in the end.
    for target in [vec![1, 2, 3, 4], vec![1, 3, 4], vec![1, 4, 5], vec![1, 4, 5, 6], vec![4, 5, 6]] {
        let target: BTreeSet<NodeId> = target.into_iter().map(NodeId).collect();
        reconcile(&replicas, &members, &target, &entropy).await;
        // New members find a log that begins behind them.
        for node in cluster.0.iter().filter(|node| target.contains(&node.member.id)) {
            node.compact().await;
        }
    }
    stop.store(true, Ordering::SeqCst);
    let acknowledged = load.await.unwrap();
    cluster.0.drain(..3);
    let last = cluster.propose("last").await;
    let applied = cluster.converge(last.position).await;
    let status = cluster.0[0].wait("the members", |status| status.members.len() == 3 && !status.joint).await;
    assert!(status.members.iter().all(|known| known.voter && known.member.id > NodeId(3)));
    assert!(!acknowledged.is_empty());
    let mut rest = applied.iter();
    for payload in &acknowledged {
        assert!(rest.any(|applied| applied == payload), "{payload:?} was acknowledged and is not there, in its order");
    }
    let distinct: BTreeSet<&Bytes> = applied.iter().collect();
    assert_eq!(distinct.len(), applied.len(), "nothing was applied twice");
}

/// Asks whoever leads, as often as it takes.
async fn led<T>(replicas: &[Consensus], ask: impl AsyncFn(Consensus) -> Result<T, MembershipError>) -> T {
    let answered = async {
        loop {
            if let Some(leader) = leading(replicas) {
                match ask(leader).await {
                    Ok(answer) => return answer,
                    Err(MembershipError::Refused(what)) => panic!("{what}"),
                    Err(_) => {}
                }
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, answered).await.expect("an answer of a leader")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_that_are_so_already_change_nothing_and_impossible_ones_are_refused() {
    let cluster = Cluster::start(3).await;
    let replicas: Vec<Consensus> = cluster.0.iter().map(|node| node.consensus().clone()).collect();
    let follower = &cluster.0[(cluster.leader().await + 1) % 3];
    let id = follower.member.id;
    let position = led(&replicas, async |leader| leader.settle_membership().await).await;
    assert_eq!(led(&replicas, async |leader| leader.add_learner(follower.member.clone()).await).await, position);
    assert_eq!(led(&replicas, async |leader| leader.promote(id).await).await, position);
    assert_eq!(led(&replicas, async |leader| leader.remove(NodeId(77)).await).await, position);
    let all: Vec<NodeId> = cluster.members().into_iter().map(|member| member.id).collect();
    assert_eq!(led(&replicas, async |leader| leader.change_membership(all.clone(), false).await).await, position);
    let refused = led(&replicas, async |leader| match leader.promote(NodeId(77)).await {
        Err(MembershipError::Refused(what)) => Ok(what),
        other => other.map(|position| position.to_string()),
    });
    assert!(refused.await.contains("n77 is no member"));

    // A voter that becomes a learner, and one again.
    led(&replicas, async |leader| leader.demote(id).await).await;
    follower.wait("losing its vote", |status| status.role == Role::Learner).await;
    follower.read().await;
    led(&replicas, async |leader| leader.promote(id).await).await;
    follower.wait("its vote", |status| status.members.iter().all(|known| known.voter)).await;

    // The leader does not take its own vote: it hands on, and the next one can.
    let gone = led(&replicas, async |leader| {
        let own = leader.status().id;
        match leader.remove(own).await {
            Err(MembershipError::HandingOver { successor: Some(_) }) => Ok(own),
            Ok(position) => panic!("{own} removed itself at {position}"),
            Err(error) => Err(error),
        }
    });
    let gone = gone.await;
    let former = cluster.0.iter().find(|node| node.member.id == gone).unwrap();
    former.wait("another leader", |status| status.role != Role::Leader).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lone_voter_keeps_its_vote() {
    let cluster = Cluster::start(1).await;
    let consensus = cluster.0[0].consensus();
    for refused in [consensus.remove(NodeId(1)).await, consensus.demote(NodeId(1)).await] {
        assert!(matches!(refused, Err(MembershipError::Refused(_))), "{refused:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leadership_passes_to_the_named_or_the_best_placed_voter_and_only_to_one_that_answers() {
    let mut cluster = Cluster::start(3).await;
    cluster.propose("one").await;
    let first = cluster.leader().await;
    let named = cluster.0[(first + 1) % 3].member.clone();
    assert_eq!(cluster.0[first].consensus().hand_over(Some(named.id)).await, Ok(Some(named.clone())));
    let second = cluster.leader().await;
    assert_eq!(cluster.0[second].member, named);
    assert_eq!(cluster.0[first].consensus().hand_over(None).await, Ok(None), "it does not lead");
    // The third is down: the first is the only one left.
    let third = (0..3).find(|place| *place != first && *place != second).unwrap();
    cluster.0[third].kill().await;
    let next = cluster.0[second].consensus().hand_over(None).await;
    assert_eq!(next, Ok(Some(cluster.0[first].member.clone())));
    cluster.leader().await;
    cluster.0[second].kill().await;
    let nobody = cluster.0[first].consensus().hand_over(None).await;
    assert!(matches!(nobody, Err(HandOverError::NoSuccessor(_)) | Ok(None)), "{nobody:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_learner_answers_linearizably_or_not_at_all() {
    let mut cluster = Cluster::start(3).await;
    let mut learner = Node::new(4).await;
    learner.start().await;
    let leader = cluster.leader().await;
    let added = cluster.0[leader].consensus().add_learner(learner.member.clone()).await.unwrap();
    learner.wait("the members", |status| status.applied >= Some(added)).await;
    for i in 0..20 {
        let accepted = cluster.propose(&i.to_string()).await;
        let read = learner.read().await;
        assert!(read >= accepted.position);
        assert_eq!(learner.kept.payloads().len(), i + 1, "what was acknowledged before the read is seen by it");
    }
    for node in &mut cluster.0 {
        node.kill().await;
    }
    let error = learner.consensus().read_barrier().await.unwrap_err();
    assert!(matches!(error, ReadError::Unavailable(_) | ReadError::NotLeader { .. }), "{error}");
}
