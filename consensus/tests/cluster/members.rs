//! Members: the first list, learners, voters, removal.

use tamga_consensus::{Member, MembershipError, NodeId, Role};

use crate::harness::{Cluster, Node};

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
    learner.consensus().read_barrier().await.unwrap();
    assert_eq!(learner.kept.payloads(), ["one"]);

    let consensus = cluster.0[leader].consensus();
    let elsewhere = Member { address: "127.0.0.1:1".to_owned(), ..learner.member.clone() };
    assert!(matches!(consensus.add_learner(elsewhere).await, Err(MembershipError::Refused(_))));
    let unknown = consensus.change_membership(vec![NodeId(1), NodeId(8)], true).await;
    assert!(matches!(unknown, Err(MembershipError::Refused(_))));

    let leaves = (leader + 1) % 3;
    let gone = cluster.0[leaves].member.id;
    let voters = cluster.members().into_iter().map(|member| member.id).filter(|id| *id != gone).chain([NodeId(4)]);
    consensus.change_membership(voters.collect(), true).await.unwrap();
    consensus.remove_learners(vec![gone]).await.unwrap();
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
