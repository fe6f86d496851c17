//! The organisations replace a node while stations go on: the new one learns, answers, votes, cosigns; the old one is cut off
//! for good. Nothing that was acknowledged is lost on the way.

#![allow(clippy::unwrap_used, reason = "test code")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::json;
use std::sync::Arc;
use tamga_client::author::{node_add, node_remove, node_set_role, standby_cosigner_name};
use tamga_client::device::{DeviceClient, DeviceOptions, Question, TcpDial, VerifiedBytes};
use tamga_ledger::ids::Nonce;
use tamga_ledger::inquiry::{Answer, Inquiry, Standing};
use tamga_ledger::kinds::{AttestedVoter, Governance, NodeRole, RemovalReason};
use tamga_ledger::nodes::Nodes;
use tamga_ledger::promise::Judged;
use tamga_ledger::sign;
use tamga_ledger::submission::Submission;
use tamga_ledger::tree::LeafIndex;
use tamga_ledger::verdict::{Refusal, Verdict};
use tamga_node::config::Peer;
use tamga_node::provision::{GeneratedNode, generate_node};
use tamga_platform::clock::{Clock as _, SystemClock};
use tamga_platform::entropy::OsEntropy;
use tamga_tests::load::Load;
use tamga_tests::wait::{GENEROUS, until};
use tamga_tests::world::unit;
use tamga_tests::{Plan, Rehearsal, Voter, http, program};

const SOME: usize = 60;
/// The node that comes, and the one that goes.
const NEW: u32 = 4;
const OLD: u32 = 3;
/// How `tamga-node run` ends when the node must not come back under its id.
const NEW_ID: i32 = 3;

/// A decision of all organisations: each signs where its key is, somebody merges.
fn decision(rehearsal: &Rehearsal, change: &Governance) -> Submission {
    let organisations = &rehearsal.founded.organisations;
    let keys: Vec<_> = organisations.iter().map(|organisation| sign::public_key(&organisation.record)).collect();
    let draft = rehearsal.world.scribe.governance(&keys, change).unwrap();
    let shares: Vec<_> = organisations.iter().map(|organisation| draft.share(&organisation.record).unwrap()).collect();
    draft.merge(&shares).unwrap()
}

async fn decide(rehearsal: &Rehearsal, change: &Governance) -> (Submission, Judged) {
    let record = decision(rehearsal, change);
    let judged = rehearsal.accepted(&record).await;
    (record, judged)
}

/// A node in place of its organisation's old one: it cosigns with the organisation's standby key, which the trust policy
/// has named from the beginning.
fn replacement(rehearsal: &Rehearsal) -> GeneratedNode {
    let organisation = &rehearsal.founded.organisations[OLD as usize - 1];
    let mut node = generate_node(&OsEntropy, NEW, "unused").unwrap();
    node.identity.secrets.cosigner = organisation.standby.clone();
    node.public = node.identity.public(NEW, &standby_cosigner_name(&organisation.name));
    node
}

/// What node `told_by` says that node `id` is in Raft; none if it is in force no more.
async fn member(rehearsal: &Rehearsal, told_by: u32, id: u32) -> Result<Option<String>, String> {
    let status = rehearsal.status(told_by).await?;
    let nodes = status["nodes"].as_array().ok_or("no nodes")?.clone();
    let node = nodes.into_iter().find(|node| node["id"].as_u64() == Some(u64::from(id)));
    Ok(node.and_then(|node| node["member"].as_str().map(str::to_owned)))
}

async fn becomes(rehearsal: &Rehearsal, id: u32, what: Option<&str>) {
    for told_by in [1, 2] {
        until("the members as decided", async || match member(rehearsal, told_by, id).await? {
            found if found.as_deref() == what => Ok(()),
            found => Err(format!("node {told_by} says that node {id} is {found:?}, not {what:?}")),
        })
        .await;
    }
}

/// A client of one node that the genesis record does not know; `joined` proves that the organisations added it.
fn client_of_new(rehearsal: &Rehearsal, joined: &VerifiedBytes) -> DeviceClient {
    let trust = Arc::clone(&rehearsal.world.trust);
    let mut nodes = Nodes::of_genesis(trust.election());
    let endpoint = [rehearsal.endpoint_of(NEW)];
    let client = |nodes: &Nodes| {
        let options = DeviceOptions::default();
        DeviceClient::of_nodes(Arc::clone(&trust), nodes, &endpoint, options, Arc::new(TcpDial), Arc::new(OsEntropy))
    };
    assert!(client(&nodes).is_err(), "nobody is trusted on first use");
    assert!(nodes.learn(&joined.receipt, &trust));
    client(&nodes).unwrap()
}

/// The same question in the body of a POST, as CBOR and as JSON; who may not ask is told why, and nothing else.
async fn over_http(rehearsal: &Rehearsal, question: &Question, admitted: Option<LeafIndex>) {
    let (world, address) = (&rehearsal.world, rehearsal.public(1));
    let key = world.keys.registry();
    let inquiry = Inquiry {
        version: 1,
        election: *world.trust.election_id(),
        node: 1,
        key: sign::public_key(&key).id(),
        at_ms: SystemClock.now_ms(),
        nonce: Nonce([7; 16]),
        home_station: question.home_station,
        tag: question.tag,
        standing: Vec::new(),
    };
    let sent = inquiry.sign(&key);
    let promise_key = world.trust.registry().promise_keys(1).next().unwrap();
    let verified = |bytes: &[u8]| Answer::verify(bytes, &inquiry, &sent, &promise_key).unwrap();
    let ask = async |media: &str, body: &[u8]| http::post(address, "/api/v1/inquiries", media, body).await.unwrap();
    let plain = ask("application/cbor", &sent).await;
    assert_eq!((plain.status, plain.header("cache-control")), (200, Some("no-store")), "{}", plain.text());
    assert_eq!((verified(&plain.body).listed, verified(&plain.body).admitted), (true, admitted));
    let packed = json!({ "inquiry": BASE64.encode(&sent) }).to_string();
    let packed = ask("application/json", packed.as_bytes()).await.json();
    assert!(verified(&BASE64.decode(packed["answer"].as_str().unwrap()).unwrap()).listed);
    let mut forged = sent.clone();
    *forged.last_mut().unwrap() ^= 1;
    let stranger = Inquiry { key: sign::public_key(&world.commission).id(), ..inquiry.clone() }.sign(&world.commission);
    let long = vec![0; 9_000];
    for (media, body, status) in [
        ("application/cbor", &forged[..], 403),
        ("application/cbor", &stranger[..], 403),
        ("application/cbor", &b"no"[..], 400),
        ("application/json", &b"{}"[..], 400),
        ("application/cbor", &long[..], 400),
        ("text/plain", &sent[..], 415),
    ] {
        let refused = ask(media, body).await;
        assert_eq!(refused.status, status, "{}", refused.text());
        assert!(!refused.text().contains(&inquiry.tag.to_string()));
    }
    // No address takes a question.
    assert_eq!(http::get(address, "/api/v1/inquiries").await.unwrap().status, 405);
}

/// What a node answers about a voter, to the registry and to the device before which the voter stands.
async fn admitted(rehearsal: &Rehearsal, client: &DeviceClient, voter: Voter) -> Option<LeafIndex> {
    let (world, now_ms) = (&rehearsal.world, SystemClock.now_ms());
    let of_registry = Question { home_station: voter.home, tag: world.tag(voter), standing: None };
    let answer = client.inquire(&of_registry, &world.keys.registry(), now_ms).await.unwrap().answer;
    assert!(answer.listed);
    let device = world.keys.device(1);
    let attested = AttestedVoter {
        unit: unit(1),
        device: sign::public_key(&device).id(),
        tag: of_registry.tag,
        home_station: voter.home,
        method: 1,
    };
    let standing = Standing { unit: unit(1), method: 1, attestation: world.registry.attest(&attested, now_ms) };
    let of_device = Question { standing: Some(standing), ..of_registry.clone() };
    let again = client.inquire(&of_device, &device, now_ms).await.unwrap().answer;
    assert_eq!(again.admitted, answer.admitted);
    assert!(again.size >= answer.size);
    // Nobody else learns anything: not a device without the voter, nor with another device's voter, nor the commission.
    let strangers =
        [(&of_registry, device), (&of_device, world.keys.device(2)), (&of_registry, world.commission.clone())];
    for (question, key) in strangers {
        let refused = client.inquire(question, &key, now_ms).await.unwrap_err().to_string();
        assert!(refused.contains("PermissionDenied"), "{refused}");
    }
    over_http(rehearsal, &of_registry, answer.admitted).await;
    let late = client.inquire(&of_registry, &world.keys.registry(), now_ms - 120_000).await.unwrap_err().to_string();
    assert!(late.contains("check the clock"), "{late}");
    answer.admitted
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_organisation_replaces_its_node_and_nothing_stops() {
    let mut rehearsal = Rehearsal::open(Plan::of(3)).await;
    rehearsal.keep_addresses();

    // The new node starts before anybody has decided on it, and knows the address of one node only. It is not let in.
    let node = replacement(&rehearsal);
    let known = rehearsal.node(1).config().unwrap().listen.peer.to_string();
    let folder = rehearsal.folder().to_owned();
    let peers = vec![Peer { id: 1, address: known }];
    rehearsal.cluster.join(&node, &folder, &program::tamga_node(), peers).unwrap();
    until("the new node to be refused", async || {
        let log = rehearsal.log(1);
        if log.contains("refused a connection to the listener for nodes") { Ok(()) } else { Err(log) }
    })
    .await;

    // Added as a learner, it catches up and serves. Nobody's configuration was changed.
    let organisation = format!("org-{OLD}");
    let (record, judged) = decide(&rehearsal, &node_add(&organisation, NodeRole::Learner, node.public.clone())).await;
    becomes(&rehearsal, NEW, Some("learner")).await;
    rehearsal.serves(NEW).await;
    let joined = rehearsal.receipt(&record, &judged).await;

    // A learner answers linearizably: what a voter's admission was answered with a moment ago, it knows.
    let learner = client_of_new(&rehearsal, &joined);
    let voter = Voter { home: 1, number: 7 };
    assert_eq!(admitted(&rehearsal, &learner, voter).await, None);
    let (_, judged) = rehearsal.admit(1, voter).await;
    assert_eq!(admitted(&rehearsal, &learner, voter).await, Some(judged.leaf));

    // It votes, and takes the place of the old one; stations go on.
    let load = Load::begin(&rehearsal);
    load.more(SOME).await;
    decide(&rehearsal, &node_set_role(NEW, NodeRole::Voter)).await;
    becomes(&rehearsal, NEW, Some("voter")).await;
    load.more(SOME).await;
    // The old one is stopped in order first: what it has promised is sequenced. Then it is removed.
    assert!(rehearsal.node_mut(OLD).end_in_order().await.is_some_and(|status| status.success()));
    let (_, removed) = decide(&rehearsal, &node_remove(OLD, RemovalReason::Replaced)).await;
    becomes(&rehearsal, OLD, None).await;
    load.more(SOME).await;

    // It is not let in any more, and its id is used up.
    let before = rehearsal.log(1).matches("refused a connection").count();
    rehearsal.node_mut(OLD).restart().unwrap();
    until("the removed node to be refused", async || {
        let found = rehearsal.log(1).matches("refused a connection").count();
        if found > before { Ok(()) } else { Err(found) }
    })
    .await;
    rehearsal.node_mut(OLD).kill().await;
    let again = generate_node(&OsEntropy, OLD, "org-3/again").unwrap();
    let reuse = decision(&rehearsal, &node_add(&organisation, NodeRole::Voter, again.public));
    assert_eq!(rehearsal.judged(&reuse).await.verdict, Verdict::Refused(Refusal::NodeIdUsed));

    // The quorum needs the new node now: of nodes 1, 2 and 4, two go on without the third.
    rehearsal.node_mut(2).kill().await;
    load.more(SOME).await;
    rehearsal.restart(2).await;

    let acknowledged = load.end().await;
    let last = acknowledged.iter().filter_map(|one| one.promise.judged.as_ref()).map(|judged| judged.leaf).max();
    assert!(last > Some(removed.leaf));
    // The new node's organisation cosigns by it: all three are there, as the policy demands.
    let agreed = rehearsal.agreed([1, 2, NEW]).await;
    assert_eq!(agreed.organisations().len(), 3);
    for one in &acknowledged {
        let receipt = rehearsal.client_alone(1).receipt(&one.promise.record, GENEROUS).await;
        assert!(receipt.is_ok(), "{one:?}: {receipt:?}");
    }
}

/// A node's disk is lost. Under its old id it ends by itself and says why, whoever it is; the others go on; a node with a new id
/// takes its place.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_whose_disk_is_lost_never_comes_back_under_its_id_and_is_replaced() {
    let mut rehearsal = Rehearsal::open(Plan::of(3)).await;
    let load = Load::begin(&rehearsal);
    load.more(SOME).await;
    let data = rehearsal.data(OLD);
    rehearsal.node_mut(OLD).kill().await;
    for _again in 0..2 {
        std::fs::remove_dir_all(&data).unwrap();
        std::fs::create_dir(&data).unwrap();
        rehearsal.node_mut(OLD).restart().unwrap();
        let ended = rehearsal.node_mut(OLD).ended_within(GENEROUS).await;
        assert_eq!(ended.and_then(|status| status.code()), Some(NEW_ID), "{}", rehearsal.log(OLD));
        load.more(SOME / 2).await;
    }
    let log = rehearsal.log(OLD);
    assert!(log.contains("node 3 has lived before") && log.contains("docs/OPERATIONS.md"), "{log}");

    let node = replacement(&rehearsal);
    let (folder, organisation) = (rehearsal.folder().to_owned(), format!("org-{OLD}"));
    let peers = vec![Peer { id: 1, address: rehearsal.node(1).config().unwrap().listen.peer.to_string() }];
    decide(&rehearsal, &node_add(&organisation, NodeRole::Voter, node.public.clone())).await;
    rehearsal.cluster.join(&node, &folder, &program::tamga_node(), peers).unwrap();
    becomes(&rehearsal, NEW, Some("voter")).await;
    rehearsal.serves(NEW).await;
    decide(&rehearsal, &node_remove(OLD, RemovalReason::Replaced)).await;
    becomes(&rehearsal, OLD, None).await;

    // Of nodes 1, 2 and 4, two go on without the third; all three cosign.
    rehearsal.node_mut(2).kill().await;
    load.more(SOME).await;
    rehearsal.restart(2).await;
    let acknowledged = load.end().await;
    assert_eq!(rehearsal.agreed([1, 2, NEW]).await.organisations().len(), 3);
    for one in &acknowledged {
        let receipt = rehearsal.client_alone(1).receipt(&one.promise.record, GENEROUS).await;
        assert!(receipt.is_ok(), "{one:?}: {receipt:?}");
    }
}

/// A node that the genesis record does not know is repaired like any other: who the nodes are it finds in the decisions that the
/// one node it can reach has, each signed by the organisations, and in its own saved state.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_was_added_is_repaired_from_the_others() {
    const ADDED: u32 = 5;
    let mut rehearsal = Rehearsal::open(Plan::of(4)).await;
    let node = generate_node(&OsEntropy, ADDED, "org-4/node-5").unwrap();
    let (folder, known) = (rehearsal.folder().to_owned(), rehearsal.node(1).config().unwrap().listen.peer.to_string());
    let repair = async |json: bool| {
        let config = folder.join("node-5/node.toml");
        let arguments = ["repair", "--config", config.to_str().unwrap(), "--json"];
        program::run(program::tamga_node(), &arguments[..if json { 4 } else { 3 }]).await
    };
    rehearsal.cluster.join(&node, &folder, &program::tamga_node(), vec![Peer { id: 1, address: known }]).unwrap();
    // Nobody has decided on it yet: nobody says who it is.
    rehearsal.node_mut(ADDED).kill().await;
    let stranger = repair(false).await.ended_with(1);
    assert!(stranger.err.contains("names node 5"), "{stranger:?}");
    decide(&rehearsal, &node_add("org-4", NodeRole::Learner, node.public.clone())).await;
    rehearsal.restart(ADDED).await;
    becomes(&rehearsal, ADDED, Some("learner")).await;
    for number in 0..20 {
        rehearsal.admit(1, Voter { home: 1, number }).await;
    }
    // First without a saved state, then with one.
    for stopped_in_order in [false, true] {
        rehearsal.agreed([1, 2, 3, 4, ADDED]).await;
        if stopped_in_order {
            assert!(rehearsal.node_mut(ADDED).end_in_order().await.is_some_and(|status| status.success()));
        } else {
            rehearsal.node_mut(ADDED).kill().await;
        }
        let state = rehearsal.data(ADDED).join("state/head");
        assert_eq!(state.exists(), stopped_in_order, "{}", state.display());
        let entries = rehearsal.data(ADDED).join("ledger/entries/00000000.seg");
        let mut bytes = std::fs::read(&entries).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(&entries, bytes).unwrap();
        let done = repair(true).await.ended_with(0).json();
        assert_eq!(done["outcome"], "repaired", "{done:#}");
        let peers = done["peers"].to_string();
        for id in 1..=4 {
            assert!(peers.contains(&format!("node {id} (")), "{peers}");
        }
        rehearsal.restart(ADDED).await;
    }
    let agreed = rehearsal.agreed([1, 2, 3, 4, ADDED]).await;
    assert!(agreed.checkpoint().size.get() > 20);
}
