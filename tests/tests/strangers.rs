//! Wrong certificates, unknown keys, bad signatures, bytes that are no records: each is answered with its own code and what
//! to do about it; nothing is logged, nothing is lost, nobody falls over.

#![allow(clippy::unwrap_used, reason = "test code")]

use bytes::{Buf as _, BufMut as _, Bytes};
use ed25519_dalek::SigningKey;
use hyper_util::rt::TokioIo;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tamga_client::author::{IdentificationFacts, Scribe};
use tamga_client::proto::SubmitRequest;
use tamga_client::proto::submission_client::SubmissionClient;
use tamga_client::proto::submit_reply::Answer;
use tamga_consensus::{Dialer as _, NodeId, TcpDialer};
use tamga_ledger::codec;
use tamga_ledger::ids::{Digest, Maybe, Nonce, RecordId};
use tamga_ledger::kinds::{Identification, IdentificationSecret, TotalOpening};
use tamga_ledger::promise::NodeRefusal;
use tamga_ledger::record::{RECORD_BYTES_MAX, Record, Scope};
use tamga_ledger::submission::{SUBMISSION_BYTES_MAX, Submission, confidential_digest};
use tamga_ledger::verdict::{Refusal, Verdict};
use tamga_node::config::Config;
use tamga_node::proto::ForwardRequest;
use tamga_node::proto::peer_client::PeerClient;
use tamga_node::provision;
use tamga_node::tls::{LivePins, Pins, Shown, TlsDialer, TlsIdentity};
use tamga_platform::disk::OsDisk;
use tamga_platform::entropy::{OsEntropy, random_bytes};
use tamga_tests::program::{run, tamga_node};
use tamga_tests::world::unit;
use tamga_tests::{Plan, Rehearsal, Voter, World, http};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tonic::transport::{Channel, Endpoint};

const SOON: Duration = Duration::from_secs(15);

/// How many entries every node has, once they agree.
async fn size(rehearsal: &Rehearsal) -> u64 {
    rehearsal.agreed(rehearsal.ids()).await.checkpoint().size.get()
}

/// The cluster still works, and nothing was added but what this adds.
async fn unharmed(rehearsal: &Rehearsal, before: u64, number: u32) {
    assert_eq!(size(rehearsal).await, before, "something was logged");
    for node in rehearsal.ids() {
        let ready = http::get(rehearsal.node(node).admin_address(), "/readyz").await.unwrap();
        assert_eq!(ready.status, 200, "node {node}: {ready:?}");
    }
    rehearsal.admit(1, Voter { home: 1, number }).await;
    assert_eq!(size(rehearsal).await, before + 1);
}

// ---- submissions ----

/// Sends raw bytes to one node.
async fn send(channel: &Channel, bytes: Vec<u8>) -> Result<Answer, tonic::Status> {
    let request = SubmitRequest { correlation: 1, submission: bytes.into(), wait_ms: 5_000 };
    let reply = SubmissionClient::new(channel.clone()).submit(request).await?;
    Ok(reply.into_inner().answer.unwrap())
}

/// Bytes that must be refused at admission, by code.
fn bad_submissions(world: &World) -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let voter = Voter { home: 1, number: 20 };
    let good = world.identification(1, voter);
    let bytes = good.to_bytes();
    let change = |change: &dyn Fn(&mut Submission)| {
        let mut other = good.clone();
        change(&mut other);
        other.to_bytes()
    };
    let facts = world.facts(1, voter);
    let device = world.keys.device(1);
    let header = |edit: &dyn Fn(&mut Record)| resigned(world, &facts, &device, edit).to_bytes();
    let stranger = SigningKey::from_bytes(&random_bytes(&OsEntropy));
    let other = Scribe::new(tamga_ledger::ids::ElectionId([9; 32]), Arc::new(OsEntropy));
    let opening = TotalOpening { basis: 0, constituency: 1, counts: vec![1; 5], blinding: Digest([0; 32]) };
    let opening = world.scribe.write(Scope::Constituency(1), &[&world.commission], &opening).unwrap();
    let mut truncated = bytes.clone();
    truncated.pop();
    vec![
        ("a stranger's key", "unknown-key", world.scribe.identification(&stranger, &facts).unwrap().to_bytes()),
        ("a flipped bit in a signature", "bad-signature", change(&|other| other.signed.signatures[0].0[5] ^= 1)),
        ("a flipped bit in the signed bytes", "bad-signature", header_bit(&good)),
        ("another election", "wrong-election", other.identification(&device, &facts).unwrap().to_bytes()),
        ("an unknown kind", "unknown-kind", header(&|record| record.kind = 999)),
        ("an unknown version of a kind", "unknown-kind", header(&|record| record.kind_version = 77)),
        ("no author", "header-invalid", header(&|record| record.author = 9)),
        (
            "one signature too many",
            "header-invalid",
            change(&|other| {
                let again = other.signed.signatures[0];
                other.signed.signatures.push(again);
            }),
        ),
        ("a body of another kind", "body-invalid", header(&|record| record.body = vec![0x80])),
        ("no confidential body", "confidential-digest", change(&|other| other.confidential.clear())),
        ("another confidential body", "confidential-digest", change(&|other| other.confidential[40] ^= 1)),
        ("the voter's tag in the clear", "secret-in-clear", {
            let tag = RecordId(facts.tag.0);
            header(&|record| record.supersedes = Maybe(Some(tag)))
        }),
        ("counts before the embargo ends", "embargo", opening.to_bytes()),
        ("a byte too many", "not-canonical", [bytes.as_slice(), &[0]].concat()),
        ("a byte too few", "not-canonical", truncated),
        ("a length in a longer form than needed", "not-canonical", longer_form(&bytes)),
        ("nothing", "not-canonical", Vec::new()),
        ("noise", "not-canonical", random_bytes::<500>(&OsEntropy).into()),
        ("nesting without end", "not-canonical", vec![0x81; 5_000]),
        ("a length of two to the sixty-four", "not-canonical", [vec![0x9b], vec![0xff; 8]].concat()),
        ("more bytes than any record has", "too-long", vec![0; SUBMISSION_BYTES_MAX + 1]),
        ("a record longer than records are", "too-long", oversized(&good)),
    ]
}

/// The same identification with another header, signed as it stands.
fn resigned(world: &World, facts: &IdentificationFacts, device: &SigningKey, edit: impl Fn(&mut Record)) -> Submission {
    let secret = codec::encode(&IdentificationSecret {
        salt: Digest(random_bytes(&OsEntropy)),
        tag: facts.tag,
        home_station: facts.home_station,
        method: facts.method,
        attestation: facts.attestation.clone().into_iter().collect(),
    });
    let body = Identification { mode: 0, online: 1, device_counter: facts.device_counter };
    let nonce = Nonce(random_bytes(&OsEntropy));
    let mut record = Record::draft(*world.trust.election_id(), Scope::Unit(facts.unit), &[device], 50, nonce, &body);
    record.confidential = Maybe(Some(confidential_digest(&secret)));
    edit(&mut record);
    Submission { signed: record.sign(&[device]).unwrap(), confidential: secret }
}

/// A bit of the nonce, which any value may have: only the signature tells.
fn header_bit(good: &Submission) -> Vec<u8> {
    let mut record = good.signed.parse().unwrap();
    record.nonce.0[3] ^= 1;
    let mut other = good.clone();
    other.signed.record = record.to_bytes();
    other.to_bytes()
}

/// The first byte string's length with one byte more than it needs.
fn longer_form(bytes: &[u8]) -> Vec<u8> {
    // array(2), array(2), byte string with a length of one or two bytes.
    assert_eq!(bytes[..2], [0x82, 0x82]);
    let mut longer = bytes[..2].to_vec();
    match bytes[2] {
        0x58 => longer.extend([0x59, 0, bytes[3]]),
        0x59 => longer.extend([0x5a, 0, 0, bytes[3], bytes[4]]),
        other => panic!("{other:x}"),
    }
    longer.extend_from_slice(&bytes[if bytes[2] == 0x58 { 4 } else { 5 }..]);
    longer
}

fn oversized(good: &Submission) -> Vec<u8> {
    let mut other = good.clone();
    other.signed.record = vec![0; RECORD_BYTES_MAX + 1];
    other.to_bytes()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_record_is_refused_by_its_own_code_and_not_logged() {
    let rehearsal = Rehearsal::open(Plan { embargoed: true, ..Plan::of(3) }).await;
    let before = size(&rehearsal).await;
    let promise_key = |node: u32| rehearsal.world.trust.node(node).map(|node| node.keys.promise_key);
    let mut texts: BTreeMap<&str, String> = BTreeMap::new();
    for node in rehearsal.ids() {
        let address = rehearsal.public(node);
        let channel = Endpoint::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap();
        for (what, code, bytes) in bad_submissions(&rehearsal.world) {
            let answer = send(&channel, bytes.clone()).await.unwrap_or_else(|status| panic!("{what}: {status}"));
            let Answer::Refusal(signed) = answer else { panic!("{what}: {answer:?}") };
            let refusal = NodeRefusal::verify(&signed, promise_key).unwrap();
            assert_eq!((refusal.node, refusal.code.as_str()), (node, code), "{what}: {}", refusal.text);
            assert_eq!(refusal.submission, tamga_ledger::submission::submission_digest(&bytes), "{what}");
            // Says what is wrong and, after it, what to do.
            assert!(refusal.text.len() > 40 && refusal.text.len() < 600, "{what}: {}", refusal.text);
            texts.insert(code, refusal.text);
        }
        // Far beyond any submission: not even read.
        let status = send(&channel, vec![0; 1 << 20]).await.unwrap_err();
        assert!(matches!(status.code(), tonic::Code::OutOfRange | tonic::Code::ResourceExhausted), "{status}");
    }
    let distinct: std::collections::BTreeSet<&String> = texts.values().collect();
    assert_eq!(distinct.len(), texts.len(), "{texts:#?}");
    unharmed(&rehearsal, before, 21).await;
    // Nothing is lost either: the very voter whose records were mangled is admitted with a sound one.
    rehearsal.admit(1, Voter { home: 1, number: 20 }).await;
    // The operator sees how many were refused and why; nobody's tag is in the log.
    for node in rehearsal.ids() {
        let metrics = http::found(rehearsal.node(node).admin_address(), "/metrics").await;
        let metrics = metrics.text();
        assert!(metrics.contains(r#"tamga_refusals_total{code="bad-signature"}"#), "{metrics}");
        let tag = rehearsal.world.tag(Voter { home: 1, number: 20 }).to_string();
        assert!(!rehearsal.log(node).contains(&tag) && !metrics.contains(&tag));
    }
}

/// Well signed, but against the rules: a permission is refused, and the refusal has its leaf and its reason.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn identifications_without_a_sound_attestation_are_recorded_as_refused() {
    let rehearsal = Rehearsal::open(Plan::of(3)).await;
    let world = Arc::clone(&rehearsal.world);
    let voter = |number| Voter { home: 1, number };
    let device = world.keys.device(1);
    let with = |number, change: &dyn Fn(&mut IdentificationFacts)| {
        let mut facts = world.facts(1, voter(number));
        change(&mut facts);
        world.scribe.identification(&device, &facts).unwrap()
    };
    let missing = {
        let facts = IdentificationFacts { attestation: None, ..world.facts(1, voter(1)) };
        resigned(&world, &facts, &device, |_| ())
    };
    let of_another = world.facts(1, voter(3)).attestation;
    let impostor = tamga_client::registry::Registry::new(
        *world.trust.election_id(),
        SigningKey::from_bytes(&random_bytes(&OsEntropy)),
        Arc::new(OsEntropy),
    );
    let forged = {
        let facts = world.facts(1, voter(2));
        let attested = tamga_ledger::kinds::AttestedVoter {
            unit: unit(1),
            device: tamga_ledger::sign::public_key(&device).id(),
            tag: facts.tag,
            home_station: 1,
            method: facts.method,
        };
        impostor.attest(&attested, facts.attestation.unwrap().at_ms)
    };
    let (first, _) = rehearsal.admit(1, voter(5)).await;
    let stale = with(6, &|facts| facts.attestation.as_mut().unwrap().at_ms -= 1);
    let cases = [
        (missing, Refusal::AttestationMissing),
        (with(2, &|facts| facts.attestation = of_another.clone()), Refusal::AttestationInvalid),
        (with(2, &|facts| facts.attestation = Some(forged.clone())), Refusal::AttestationInvalid),
        (stale, Refusal::AttestationInvalid),
        (with(5, &|_| ()), Refusal::AlreadyAdmitted),
        (world.identification(2, voter(7)), Refusal::WrongStation),
        (with(8, &|facts| facts.home_station = 3), Refusal::AttestationInvalid),
        (world.identification(1, voter(4_000)), Refusal::NotOnRoll),
    ];
    for (record, due) in cases {
        let judged = rehearsal.judged(&record).await;
        assert_eq!(judged.verdict, Verdict::Refused(due), "leaf {}", judged.leaf);
        let receipt = rehearsal.receipt(&record, &judged).await;
        assert_eq!(receipt.receipt.entry().verdict, judged.verdict);
        rehearsal.published(2, judged.leaf.get() + 1).await;
        let told = http::found(rehearsal.public(2), &format!("/api/v1/entries/{}", judged.leaf)).await.json();
        assert_eq!(told["refusal"]["name"].as_str(), Some(due.slug()), "{told}");
    }
    // All of these voters can still vote, once.
    for number in [1, 2, 6, 7, 8] {
        rehearsal.admit(1, voter(number)).await;
    }
    // And the first one's record, sent again, is what it was: the same leaf.
    let again = rehearsal.judged(&first).await;
    assert!(again.verdict.is_accepted());
}

// ---- certificates ----

/// A connection to a node's port for nodes, with this certificate; `wanted` is who should be there.
async fn dial(own: &TlsIdentity, pins: &Pins, wanted: u32, address: SocketAddr) -> std::io::Result<Channel> {
    let dialer =
        TlsDialer::new(&Shown::new(own).unwrap(), &LivePins::new(pins.clone()), Arc::new(TcpDialer), SOON).unwrap();
    let mut stream = Some(dialer.dial(NodeId(u64::from(wanted)), &address.to_string()).await?);
    let connector = tower::service_fn(move |_: tonic::transport::Uri| {
        let stream = stream.take().map(TokioIo::new);
        async move { stream.ok_or_else(|| std::io::Error::other("one connection only")) }
    });
    let endpoint = Endpoint::from_static("http://peer").timeout(SOON);
    endpoint.connect_with_connector(connector).await.map_err(std::io::Error::other)
}

/// Where a node listens for nodes.
fn peer_address(rehearsal: &Rehearsal, node: u32) -> SocketAddr {
    let text = std::fs::read_to_string(rehearsal.data(node).join("addresses.json")).unwrap();
    let addresses: serde_json::Value = serde_json::from_str(&text).unwrap();
    addresses["peer"].as_str().unwrap().parse().unwrap()
}

fn identity(rehearsal: &Rehearsal, node: u32) -> &TlsIdentity {
    &rehearsal.founded.nodes[node as usize - 1].identity.tls
}

/// Bytes as they are: for messages whose types consensus keeps to itself.
#[derive(Clone, Copy, Default)]
struct Raw;

impl tonic::codec::Codec for Raw {
    type Encode = Vec<u8>;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl tonic::codec::Encoder for Raw {
    type Item = Vec<u8>;
    type Error = tonic::Status;

    fn encode(&mut self, item: Vec<u8>, to: &mut tonic::codec::EncodeBuf<'_>) -> Result<(), tonic::Status> {
        to.put_slice(&item);
        Ok(())
    }
}

impl tonic::codec::Decoder for Raw {
    type Item = Bytes;
    type Error = tonic::Status;

    fn decode(&mut self, from: &mut tonic::codec::DecodeBuf<'_>) -> Result<Option<Bytes>, tonic::Status> {
        Ok(Some(from.copy_to_bytes(from.remaining())))
    }
}

/// A term that no cluster reaches by itself.
const FORGED_TERM: u64 = 65_535;

/// consensus/proto/raft.proto: a vote request that, if it counted, would depose the leader.
fn vote_request(cluster: &[u8; 32], sender: u64, target: u64) -> Vec<u8> {
    let mut envelope = vec![0x0a, 32];
    envelope.extend_from_slice(cluster);
    envelope.push(0x11);
    envelope.extend_from_slice(&sender.to_le_bytes());
    envelope.push(0x19);
    envelope.extend_from_slice(&target.to_le_bytes());
    // FORGED_TERM as a varint, then the candidate.
    let ballot = [0x08, 0xff, 0xff, 0x03, 0x10, sender as u8];
    let mut message = vec![0x0a, envelope.len() as u8];
    message.extend(envelope);
    message.extend([0x12, ballot.len() as u8]);
    message.extend(ballot);
    message
}

async fn ask_for_vote(channel: Channel, message: Vec<u8>) -> Result<Bytes, tonic::Status> {
    let mut client = tonic::client::Grpc::new(channel);
    client.ready().await.map_err(|error| tonic::Status::unavailable(error.to_string()))?;
    let path = "/tamga.consensus.v1.Raft/Vote".parse().unwrap();
    Ok(client.unary(tonic::Request::new(message), path, Raw).await?.into_inner())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_nodes_with_their_own_certificates_are_nodes() {
    let rehearsal = Rehearsal::open(Plan::of(3)).await;
    let before = size(&rehearsal).await;
    let trust = &rehearsal.world.trust;
    let pins = Pins::of(trust);
    let cluster = trust.election_id().0;
    let address = peer_address(&rehearsal, 1);

    // A stranger's certificate: the connection is of no use.
    let stranger = TlsIdentity::generate("tamga node 2", &["localhost".to_owned()]).unwrap();
    let done = match dial(&stranger, &pins, 1, address).await {
        Err(error) => Err(error.to_string()),
        Ok(channel) => {
            let request = ForwardRequest { submissions: vec![Bytes::from_static(b"x")] };
            PeerClient::new(channel).forward(request).await.map_err(|status| status.to_string())
        }
    };
    assert!(done.is_err(), "{done:?}");
    // The node tells its operator; the others tell a node that is not the one they wanted.
    tamga_tests::wait::until("a line in the log", async || {
        let log = rehearsal.log(1);
        if log.lines().any(|line| line.contains("WARN") && line.contains("certificate")) { Ok(()) } else { Err(log) }
    })
    .await;
    let wrong = dial(identity(&rehearsal, 2), &pins, 3, address).await.unwrap_err().to_string();
    assert!(wrong.contains('1') && wrong.contains('3'), "{wrong}");

    // Node 2's certificate, and node 3's name in the message.
    let channel = dial(identity(&rehearsal, 2), &pins, 1, address).await.unwrap();
    let refused = ask_for_vote(channel.clone(), vote_request(&cluster, 3, 1)).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::PermissionDenied, "{refused}");
    let refused = ask_for_vote(channel.clone(), vote_request(&[0; 32], 2, 1)).await.unwrap_err();
    assert!(refused.message().contains("cluster"), "{refused}");
    // A proven node that forwards noise and forged records: none becomes a leaf.
    let mut noise: Vec<Bytes> = (0..20).map(|n| random_bytes::<64>(&OsEntropy)[..n * 3].to_vec().into()).collect();
    let bad = bad_submissions(&rehearsal.world).into_iter();
    // Here no embargo holds: that one would be a record like any other.
    noise.extend(bad.filter(|(_, code, _)| *code != "embargo").map(|(_, _, bytes)| Bytes::from(bytes)));
    let request = ForwardRequest { submissions: noise };
    for node in rehearsal.ids().filter(|node| *node != 2) {
        let channel = dial(identity(&rehearsal, 2), &pins, node, peer_address(&rehearsal, node)).await.unwrap();
        // Taken or not: they never get further than the leader's own check.
        let _ = PeerClient::new(channel).forward(request.clone()).await;
    }
    // Nobody took the forged term over. (Terms may grow by themselves on a busy machine, but not that far.)
    rehearsal.leader(rehearsal.ids()).await;
    for node in rehearsal.ids() {
        let term = rehearsal.status(node).await.unwrap()["term"].as_u64().unwrap();
        assert!(term < FORGED_TERM, "node {node} is in term {term}");
    }
    unharmed(&rehearsal, before, 30).await;
}

/// A node that is configured with keys that are not its own does not start, and says which key is wrong.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_with_keys_of_another_does_not_start() {
    let rehearsal = Rehearsal::start(Plan::of(3)).await;
    let folder = rehearsal.folder();
    let file = folder.join("node-2").join("node.toml");
    let config = Config::load(&OsDisk, &file).unwrap();
    let start = async |name: &str, change: &dyn Fn(&mut Config)| {
        let mut config = config.clone();
        config.data_dir = folder.join(name);
        config.listen.peer.set_port(0);
        change(&mut config);
        let file = folder.join(format!("{name}.toml"));
        provision::write_config(&OsDisk, &file, &config).unwrap();
        let ran = run(tamga_node(), &["run", "--config", file.to_str().unwrap()]).await;
        assert!(ran.code == 1 || ran.code == 2, "{name}: {ran:?}");
        ran.err
    };
    let keys = |node: u32| folder.join(format!("node-{node}")).join("keys");
    let said = start("another", &|config| config.keys_dir = keys(3)).await;
    assert!(said.contains("node 2") && said.contains("key"), "{said}");
    let made = folder.join("stranger");
    run(
        tamga_node(),
        &["keygen", "--node", "2", "--organisation", "org-2", "--plaintext", "--out", made.to_str().unwrap()],
    )
    .await
    .ended_with(0);
    let said = start("new", &|config| config.keys_dir = made.clone()).await;
    assert!(said.contains("node 2") && said.contains("key"), "{said}");
    let said = start("nobody", &|config| config.node = 9).await;
    assert!(said.contains("node 2") && said.contains("node 9"), "{said}");
    let said = start("elsewhere", &|config| config.genesis = folder.join("none.cbor")).await;
    assert!(said.contains("none.cbor"), "{said}");
    // The same folder as a node that runs.
    let said = start("shared", &|config| config.data_dir = rehearsal.data(2)).await;
    assert!(said.contains("in use"), "{said}");
    assert_eq!(rehearsal.ids().count(), 3);
    size(&rehearsal).await;
}

// ---- bytes that are no protocol ----

/// Sends bytes and waits until the node closes or answers, or lets the sender wait; never longer than this is patient.
async fn throw(address: SocketAddr, bytes: &[u8]) {
    let Ok(mut stream) = TcpStream::connect(address).await else { return };
    // The node may close before everything is sent.
    let _ = stream.write_all(bytes).await;
    let _ = stream.shutdown().await;
    let mut answer = Vec::new();
    let _ = timeout(SOON, stream.read_to_end(&mut answer)).await.expect("the node keeps a dead connection");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_on_every_port_does_no_harm() {
    let rehearsal = Rehearsal::open(Plan::of(3)).await;
    let before = size(&rehearsal).await;
    let noise: [u8; 4_096] = random_bytes(&OsEntropy);
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let messages: Vec<Vec<u8>> = vec![
        Vec::new(),
        vec![0],
        noise.to_vec(),
        vec![0; 100_000],
        [&[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3], &noise[..300]].concat(),
        [&[0x16, 3, 1, 0xff, 0xff], &noise[..]].concat(),
        [preface.as_slice(), &noise].concat(),
        [preface.as_slice(), &[0, 0, 0, 4, 0, 0, 0, 0, 0], &[0xff, 0xff, 0xff, 1, 4, 0, 0, 0, 1]].concat(),
        b"GET / HTTP/1.1\r\n".repeat(3_000),
        [b"GET /checkpoint HTTP/1.1\r\nX: ".as_slice(), &vec![b'a'; 300_000], b"\r\n\r\n"].concat(),
        b"GET /tile/0/../../../../etc/passwd HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".to_vec(),
        b"POST /tamga.v1.Submission/Submit HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n".to_vec(),
        b"GET /api/v1/entries/99999999999999999999999999 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".to_vec(),
        b"\xff\xfe\r\n\r\n".to_vec(),
    ];
    for node in rehearsal.ids() {
        let process = rehearsal.node(node);
        let ports = [peer_address(&rehearsal, node), process.public_address(), process.admin_address()];
        let throws = ports.iter().flat_map(|port| messages.iter().map(move |bytes| throw(*port, bytes)));
        futures::future::join_all(throws).await;
    }
    unharmed(&rehearsal, before, 10).await;
}
