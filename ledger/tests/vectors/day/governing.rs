//! Decisions of the organisations about nodes, keys and the trust policy.

use super::{Day, Due, clean, refused};
use crate::kit::*;
use ed25519_dalek::SigningKey;
use tamga_ledger::ids::Maybe;
use tamga_ledger::kinds::*;
use tamga_ledger::note::{KeyName, KeyRole, VerifierKey};
use tamga_ledger::record::Scope;
use tamga_ledger::sign::{self, Domain};

/// The commission's record key after its change.
pub fn new_record_key() -> SigningKey {
    key(1_101)
}

fn keys_of(day: &Day, organisations: &[u32]) -> Vec<SigningKey> {
    let key = |one: &u32| if *one == 1 { super::founding::commission(day) } else { record_key(*one) };
    organisations.iter().map(key).collect()
}

fn decide(day: &mut Day, what: &str, organisations: &[u32], change: &Governance, due: &Due) -> u64 {
    let keys = keys_of(day, organisations);
    day.record(what, Scope::Election, &keys.iter().collect::<Vec<_>>(), change, due)
}

/// The policy with another node's cosigner key for organisation 3: what epoch 1 puts in force.
pub fn next_policy() -> String {
    policy(3, |organisation| match organisation {
        3 => vec![("node4.example/cosigner".to_owned(), node_keys(4).cosigner_key)],
        _ => Vec::new(),
    })
}

fn policy(k: usize, more: impl Fn(u32) -> Vec<(String, tamga_ledger::ids::PublicKey)>) -> String {
    let (mut text, mut names) = (String::new(), String::new());
    for organisation in 1..=3 {
        // Node 3 has left.
        let node = (format!("node{organisation}.example/cosigner"), public(&cosigner_key(organisation)));
        let standby = (format!("org{organisation}.example/standby"), public(&standby_key(organisation)));
        let own = (organisation != 3).then_some(node).into_iter().chain([standby]);
        let mut members = String::new();
        for (name, key) in own.chain(more(organisation)) {
            let vkey = VerifierKey::new(KeyName::new(&name).unwrap(), KeyRole::Cosigner, &key.0).unwrap();
            text += &format!("witness {name} {vkey}\n");
            members += &format!(" {name}");
        }
        text += &format!("group org{organisation} any{members}\n");
        names += &format!(" org{organisation}");
    }
    text + &format!("group organisations {k}{names}\nquorum organisations\n")
}

pub fn run(day: &mut Day) {
    let all = [1, 2, 3];
    refusals(day);
    nodes(day, &all);
    rotations(day, &all);
    epochs(day, &all);
}

fn refusals(day: &mut Day) {
    let row = |author: Option<u32>, code: &str, count| RefusalCount {
        author: Maybe(author.map(|number| id(&key(number)))),
        code: code.to_owned(),
        count,
    };
    let rows = vec![row(None, "not-canonical", 2), row(None, "too-long", 1), row(Some(50), "bad-signature", 7)];
    let summary = RefusalSummary { node: 1, from_ms: NOON_MS - 1, until_ms: NOON_MS, rows };
    let mut say = |what: &str, key: SigningKey, summary: &RefusalSummary, due: &Due| {
        day.record(what, Scope::Election, &[&key], summary, due);
    };
    say("what node 1 refused", promise_key(1), &summary, &clean());
    say("what node 1 refused, by node 2", promise_key(2), &summary, &refused(100));
    let nobody = RefusalSummary { node: 44, ..summary.clone() };
    say("what no node refused", promise_key(1), &nobody, &refused(205));
    let mut unsorted = summary.clone();
    unsorted.rows.swap(0, 1);
    say("refusals not in order", promise_key(1), &unsorted, &refused(107));
    let backwards = RefusalSummary { until_ms: NOON_MS - 1, ..summary };
    say("refusals of no time", promise_key(1), &backwards, &refused(107));
}

fn nodes(day: &mut Day, all: &[u32]) {
    let add = |organisation, keys| node_add(organisation, NodeRole::Learner, keys);
    decide(day, "too few organisations", &[1, 2], &add(1, node_keys(4)), &refused(200));
    decide(day, "a node of nobody", all, &add(9, node_keys(4)), &refused(201));
    decide(day, "a node with an id that is used", all, &add(1, node_keys(1)), &refused(203));
    let mut taken = node_keys(4);
    taken.batch_key = public(&registry_key());
    decide(day, "a node with somebody else's key", all, &add(1, taken), &refused(204));
    let mut twice = [0xff; 32];
    (twice[0], twice[31]) = (0xf0, 0x7f);
    let mut not_canonical = node_keys(4);
    not_canonical.promise_key = tamga_ledger::ids::PublicKey(twice);
    decide(day, "a node with a key that is not canonical", all, &add(3, not_canonical), &refused(122));
    decide(day, "a node joins", all, &add(3, node_keys(4)), &clean());
    let role = |node, role: NodeRole| Governance::NodeSetRole { node, role: role as u8 };
    decide(day, "the role it has", all, &role(4, NodeRole::Learner), &refused(206));
    decide(day, "the role of no node", all, &role(44, NodeRole::Voter), &refused(205));
    decide(day, "a node votes", all, &role(4, NodeRole::Voter), &clean());
    let remove = |node| Governance::NodeRemove { node, reason: RemovalReason::Replaced as u8 };
    decide(day, "a node leaves", all, &remove(3), &clean());
    for node in [2, 1] {
        decide(day, &format!("node {node} becomes a learner"), all, &role(node, NodeRole::Learner), &clean());
    }
    decide(day, "the last voter leaves", all, &remove(4), &refused(207));
}

fn rotations(day: &mut Day, all: &[u32]) {
    let own = election().organisations[0].nodes[0].clone();
    let rotate = |keys: NodeKeys| Governance::NodeRotateKeys { keys, reason: RotationReason::Routine as u8 };
    decide(day, "a node's keys as they are", all, &rotate(own.clone()), &refused(209));
    let mut keys = own;
    (keys.promise_key, keys.log_key) = (public(&key(1_201)), public(&key(1_202)));
    decide(day, "a node gets other keys", all, &rotate(keys), &clean());
    let rows = vec![RefusalCount { author: Maybe(None), code: "embargo".into(), count: 1 }];
    let summary = RefusalSummary { node: 1, from_ms: 1, until_ms: 2, rows };
    day.record("refusals by the old promise key", Scope::Election, &[&promise_key(1)], &summary, &refused(123));
    day.record("refusals by the new promise key", Scope::Election, &[&key(1_201)], &summary, &clean());
    let new = new_record_key();
    let class = HolderClass::Organisation as u8;
    let message = KeyGrant::possession_message(&day.world.state.election_id(), &public(&new), class, Scope::Election);
    let change = Governance::OrganisationKeys {
        organisation: "org1".to_owned(),
        record_key: public(&new),
        standby_cosigner_key: public(&standby_key(1)),
        possession: sign::sign(&new, Domain::Possession, &message),
        reason: RotationReason::Compromised as u8,
    };
    decide(day, "an organisation gets another record key", all, &change, &clean());
    let part = parts()[3].clone();
    day.record("by the organisation's old key", Scope::Election, &[&record_key(1)], &part, &refused(123));
}

fn epochs(day: &mut Day, all: &[u32]) {
    let epoch = |number, policy: String| Governance::PolicyEpoch { number, policy };
    decide(day, "the second epoch first", all, &epoch(2, next_policy()), &refused(210));
    decide(day, "a text that is no policy", all, &epoch(1, "quorum\n".into()), &refused(211));
    decide(day, "a policy that two histories satisfy", all, &epoch(1, policy(2, |_| vec![])), &refused(212));
    day.world.time_ms += 1_500;
    decide(day, "another trust policy", all, &epoch(1, next_policy()), &clean());
    day.world.time_ms += 1_500;
    let remove = |node| Governance::NodeRemove { node, reason: RemovalReason::Lost as u8 };
    decide(day, "a decision under the new policy", all, &remove(2), &clean());
    anew(day, all);
}

/// The cluster begins anew: nothing in the ledger changes but who the nodes are.
fn anew(day: &mut Day, all: &[u32]) {
    let beginning = |day: &Day, ahead: u32, voters: &[u32], learners: &[u32]| {
        let head = day.world.state.head();
        Governance::ClusterEpoch {
            number: day.world.state.nodes().cluster_epoch() + ahead,
            size: head.size.get(),
            sha256: tamga_ledger::ids::Digest(*head.roots.sha256.as_bytes()),
            blake3: tamga_ledger::ids::Digest(*head.roots.blake3.as_bytes()),
            voters: voters.to_vec(),
            learners: learners.to_vec(),
        }
    };
    let early = beginning(day, 1, &[4], &[]);
    let skipped = beginning(day, 2, &[4], &[]);
    decide(day, "the cluster epoch after the next", all, &skipped, &refused(213));
    decide(day, "a cluster epoch for the leaf before", all, &early, &refused(214));
    let twice = beginning(day, 1, &[4], &[4]);
    decide(day, "a cluster epoch that names a node twice", all, &twice, &refused(107));
    let nobody = beginning(day, 1, &[], &[4]);
    decide(day, "a cluster epoch without voters", all, &nobody, &refused(207));
    let gone = beginning(day, 1, &[2, 4], &[]);
    decide(day, "a cluster epoch with a node that was removed", all, &gone, &refused(205));
    let good = beginning(day, 1, &[4], &[]);
    decide(day, "the cluster begins anew", all, &good, &clean());
}
