//! The device client against nodes that are played, over real sockets.

#![allow(clippy::unwrap_used, reason = "a test")]

mod common;
#[path = "common/mirror.rs"]
mod mirror;
#[path = "common/node.rs"]
mod node;

use common::{ORGANISATIONS, World, genesis_plan, key, phase_filler};
use mirror::StoreSource;
use node::{Manner, PlayedNode};
use sha2::{Digest as _, Sha256};
use std::sync::Arc;
use std::time::Duration;
use tamga_client::author::{GenesisDraft, phase};
use tamga_client::device::{DeviceClient, DeviceError, DeviceOptions, NodeEndpoint, Outcome, TcpDial, Transport};
use tamga_client::verify::{Opened, prove};
use tamga_ledger::ids::{Digest, ElectionId};
use tamga_ledger::kinds::{DefinitionPart, Phase};
use tamga_ledger::submission::Submission;
use tamga_ledger::tree::LeafIndex;
use tamga_ledger::trust::Trust;
use tamga_platform::entropy::SeededEntropy;
use tokio::time::timeout;

const OPTIONS: DeviceOptions = DeviceOptions {
    deadline: Duration::from_secs(4),
    attempt: Duration::from_millis(300),
    wait: Duration::from_millis(100),
    backoff_min: Duration::from_millis(5),
    backoff_max: Duration::from_millis(50),
    window: 64,
};

fn client(trust: &Trust, nodes: &[&PlayedNode], transport: Transport) -> DeviceClient {
    let endpoint = |(node, number): (&&PlayedNode, u32)| NodeEndpoint {
        node: number,
        address: node.address.to_string(),
        transport,
    };
    let endpoints: Vec<NodeEndpoint> = nodes.iter().zip(1..).map(endpoint).collect();
    let entropy = Arc::new(SeededEntropy::new(3));
    DeviceClient::new(Arc::new(trust.clone()), &endpoints, OPTIONS, Arc::new(TcpDial), entropy).unwrap()
}

fn records(world: &World, count: u32) -> Vec<Submission> {
    (0..count).map(|number| world.report(number % 4 + 1, &phase(Phase::Balance))).collect()
}

async fn nodes(world: &World, manners: [Manner; 3]) -> [PlayedNode; 3] {
    let election = *world.scribe.election();
    let [a, b, c] = manners;
    [
        PlayedNode::start(1, election, a).await,
        PlayedNode::start(2, election, b).await,
        PlayedNode::start(3, election, c).await,
    ]
}

#[tokio::test]
async fn a_promise_with_its_verdict_comes_from_the_first_node() {
    let world = World::prepared();
    let [a, b, c] = nodes(&world, [Manner::Honest, Manner::Honest, Manner::Honest]).await;
    let client = client(&world.trust, &[&a, &b, &c], Transport::Plaintext);
    let record = records(&world, 1).remove(0);
    let answered = client.submit(&record).await.unwrap();
    assert!(answered.outcome.is_accepted());
    assert_eq!((answered.node, answered.sent), (1, 1));
    assert_eq!(answered.outcome.judged().unwrap().leaf, LeafIndex::new(7).unwrap());
}

#[tokio::test]
async fn whatever_cannot_be_relied_on_goes_to_the_next_node_as_the_same_record() {
    let world = World::prepared();
    for bad in [
        Manner::SignsWithAnotherKey,
        Manner::SpeaksForAnotherNode,
        Manner::AnswersForAnotherRecord,
        Manner::RefusesOtherBytes,
        Manner::Busy,
        Manner::Hangs,
        Manner::Fails,
        Manner::Refuses("unknown-key"),
    ] {
        let [a, b, c] = nodes(&world, [bad.clone(), bad.clone(), Manner::Honest]).await;
        let client = client(&world.trust, &[&a, &b, &c], Transport::Plaintext);
        let record = records(&world, 1).remove(0);
        let answered = client.submit(&record).await.unwrap();
        assert_eq!((answered.node, answered.sent, answered.outcome.is_accepted()), (3, 3, true), "{bad:?}");
        let id = record.signed.id();
        assert_eq!((a.seen(&id), b.seen(&id), c.seen(&id)), (1, 1, 1));
        // The node that answered is asked first from now on.
        assert_eq!(client.submit(&record).await.unwrap().node, 3);
    }
}

#[tokio::test]
async fn a_node_that_is_not_there_costs_no_record() {
    let world = World::prepared();
    let [a, b, _] = nodes(&world, [Manner::Honest, Manner::Honest, Manner::Honest]).await;
    let client = client(&world.trust, &[&a, &b], Transport::Plaintext);
    drop(a);
    tokio::time::sleep(Duration::from_millis(20)).await;
    let answered = client.submit(&records(&world, 1)[0]).await.unwrap();
    assert_eq!(answered.node, 2);
}

#[tokio::test]
async fn a_refusal_is_final_and_one_for_want_of_a_key_when_all_say_so() {
    let world = World::prepared();
    let [a, b, c] = nodes(&world, [Manner::Refuses("embargo"), Manner::Honest, Manner::Honest]).await;
    let client = client(&world.trust, &[&a, &b, &c], Transport::Plaintext);
    let answered = client.submit(&records(&world, 1)[0]).await.unwrap();
    assert!(matches!(answered.outcome, Outcome::Refused { refusal, .. } if refusal.code == "embargo"));
    for node in [&a, &b, &c] {
        node.behave(Manner::Refuses("unknown-key"));
    }
    let answered = client.submit(&records(&world, 1)[0]).await.unwrap();
    assert!(matches!(answered.outcome, Outcome::Refused { refusal, .. } if refusal.code == "unknown-key"));
    assert_eq!(answered.sent, 3);
}

#[tokio::test]
async fn a_verdict_is_waited_for() {
    let world = World::prepared();
    let [a, ..] = nodes(&world, [Manner::Pending, Manner::Honest, Manner::Honest]).await;
    let client = client(&world.trust, &[&a], Transport::Plaintext);
    let record = records(&world, 1).remove(0);
    assert!(client.submit(&record).await.unwrap().outcome.verdict().is_none());
    assert!(client.submit_for_verdict(&record).await.unwrap().outcome.is_accepted());
}

#[tokio::test]
async fn the_deadline_names_what_each_node_did() {
    let world = World::prepared();
    let [a, b, c] = nodes(&world, [Manner::Fails, Manner::Busy, Manner::Hangs]).await;
    let client = client(&world.trust, &[&a, &b, &c], Transport::Plaintext);
    let error = timeout(Duration::from_secs(8), client.submit(&records(&world, 1)[0])).await.unwrap().unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, DeviceError::Deadline { ref attempts, .. } if attempts.len() == 3), "{text}");
    for words in ["broken", "busy", "no answer in time", "submit it again"] {
        assert!(text.contains(words), "{text}");
    }
}

#[tokio::test]
async fn many_in_flight_survive_streams_that_break() {
    let world = World::prepared();
    let [a, b, c] = nodes(&world, [Manner::Drops(70), Manner::OftenBusy, Manner::Drops(150)]).await;
    let client = client(&world.trust, &[&a, &b, &c], Transport::Plaintext);
    let stream = client.stream(0);
    let tasks: Vec<_> = records(&world, 600)
        .into_iter()
        .map(|record| {
            let stream = stream.clone();
            tokio::spawn(async move {
                let answered = stream.submit(&record).await.unwrap();
                let Outcome::Promised { promise, .. } = answered.outcome else { panic!() };
                assert_eq!(promise.record, record.signed.id());
                answered.node
            })
        })
        .collect();
    let mut by_node = [0; 4];
    for task in tasks {
        by_node[timeout(Duration::from_secs(20), task).await.unwrap().unwrap() as usize] += 1;
    }
    assert_eq!(by_node.iter().sum::<i32>(), 600);
    assert!(by_node[1] >= 70 && by_node[2] > 0, "{by_node:?}");
}

#[tokio::test]
async fn a_stream_to_nobody_ends_at_the_deadline() {
    let world = World::prepared();
    let [a, b, _] = nodes(&world, [Manner::Hangs, Manner::Busy, Manner::Honest]).await;
    let client = client(&world.trust, &[&a, &b], Transport::Plaintext);
    let stream = client.stream(1);
    let answer = timeout(Duration::from_secs(10), stream.submit(&records(&world, 1)[0])).await.unwrap();
    assert!(matches!(answer, Err(DeviceError::Deadline { .. })), "{answer:?}");
}

#[tokio::test]
async fn a_receipt_is_believed_only_for_the_record_asked_for() {
    let mut world = World::prepared();
    world.seal_roll();
    world.open_all();
    phase_filler(&mut world, 20);
    let [a, b, _] = nodes(&world, [Manner::Honest, Manner::Honest, Manner::Honest]).await;
    let client = client(&world.trust, &[&a, &b], Transport::Plaintext);
    let source = StoreSource::of(&world, world.checkpoint(&ORGANISATIONS));
    let opened = Opened::open(&source, world.scribe.election()).unwrap();
    let (right, _) = prove(&opened, LeafIndex::new(10).unwrap()).unwrap();
    let (other, _) = prove(&opened, LeafIndex::new(11).unwrap()).unwrap();
    let id = world.ids[10];
    a.give_receipt(id, other.to_bytes());
    b.give_receipt(id, right.to_bytes());
    let wait = Duration::from_secs(2);
    let receipt = client.receipt_at(&id, LeafIndex::new(10).unwrap(), wait).await.unwrap();
    assert_eq!((receipt.receipt.record_id(), receipt.receipt.leaf().get()), (id, 10));
    let error = client.receipt_at(&id, LeafIndex::new(9).unwrap(), Duration::from_millis(200)).await.unwrap_err();
    assert!(error.to_string().contains("not where it was promised"), "{error}");
    let error = client.receipt(&world.ids[12], Duration::from_millis(200)).await.unwrap_err();
    assert!(matches!(error, DeviceError::UnknownRecord(_)), "{error}");
}

/// A certificate and an election whose node 1 has its key.
fn pinned() -> (rustls::ServerConfig, Trust, ElectionId) {
    let certified = rcgen::generate_simple_self_signed(vec!["tamga-node".to_owned()]).unwrap();
    let spki = Sha256::digest(certified.signing_key.public_key_der_of()).into();
    let mut plan = genesis_plan();
    plan.organisations[0].nodes[0].tls_spki_sha256 = Digest(spki);
    let part = DefinitionPart { part_kind: 4, number: 0, content: Vec::new() };
    let draft = GenesisDraft::new(plan, &[part], &SeededEntropy::new(8)).unwrap();
    let shares: Vec<_> =
        ORGANISATIONS.iter().map(|name| draft.share(&key(&format!("{name}/record"))).unwrap()).collect();
    let election = draft.election_id();
    let trust = Trust::from_submission(draft.merge(&shares).unwrap(), Some(&election)).unwrap();
    let private = rustls::pki_types::PrivateKeyDer::try_from(certified.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut tls = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certified.cert.der().clone()], private)
        .unwrap();
    tls.alpn_protocols = vec![b"h2".to_vec()];
    (tls, trust, election)
}

trait PublicKeyDerOf {
    fn public_key_der_of(&self) -> Vec<u8>;
}

impl PublicKeyDerOf for rcgen::KeyPair {
    fn public_key_der_of(&self) -> Vec<u8> {
        rcgen::PublicKeyData::subject_public_key_info(self)
    }
}

#[tokio::test]
async fn tls_talks_to_the_pinned_key_and_to_no_other() {
    let world = World::prepared();
    let (tls, trust, election) = pinned();
    let node = PlayedNode::start_tls(1, election, tls).await;
    let record = records(&world, 1).remove(0);
    let right = client(&trust, &[&node], Transport::Tls);
    assert!(right.submit(&record).await.unwrap().outcome.is_accepted());
    // In this election node 1 has another key.
    let wrong = client(&world.trust, &[&node], Transport::Tls);
    let error = timeout(Duration::from_secs(8), wrong.submit(&record)).await.unwrap().unwrap_err();
    assert!(matches!(error, DeviceError::Deadline { .. }));
    assert_eq!(node.seen(&record.signed.id()), 1, "nothing was sent to a server that is not the node");
}

#[test]
fn endpoints_are_checked_when_they_are_configured() {
    let world = World::prepared();
    let trust = Arc::new(world.trust);
    let make = |endpoints: &[NodeEndpoint]| {
        DeviceClient::new(Arc::clone(&trust), endpoints, OPTIONS, Arc::new(TcpDial), Arc::new(SeededEntropy::new(1)))
            .map(drop)
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let _inside = runtime.enter();
    let endpoint =
        |node, address: &str| NodeEndpoint { node, address: address.to_owned(), transport: Transport::Plaintext };
    assert_eq!(make(&[]), Err(DeviceError::NoNodes));
    assert_eq!(make(&[endpoint(9, "127.0.0.1:1")]), Err(DeviceError::UnknownNode(9)));
    assert!(matches!(make(&[endpoint(1, "nowhere")]), Err(DeviceError::Address { .. })));
    assert_eq!(make(&[endpoint(1, "127.0.0.1:1")]), Ok(()));
}
