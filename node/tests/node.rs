//! Whole nodes in one process over loopback: started from their files, asked over HTTP and gRPC, stopped.

#![allow(clippy::unwrap_used, reason = "a test that fails here has found something")]

mod support;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use bytes::Bytes;
use http::{Response, StatusCode, header};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use support::Cluster;
use tamga_consensus::TcpDialer;
use tamga_ledger::ids::{ElectionId, RecordId};
use tamga_ledger::promise::NodeRefusal;
use tamga_ledger::receipt::Receipt;
use tamga_ledger::trust::Trust;
use tamga_node::config::Config;
use tamga_node::listeners::TcpNetwork;
use tamga_node::proto::reading_client::ReadingClient;
use tamga_node::proto::submission_client::SubmissionClient;
use tamga_node::proto::{
    GetReceiptRequest, StreamEntriesRequest, SubmitRequest, WatchCheckpointsRequest, get_receipt_request, submit_reply,
};
use tamga_node::provision::generate_node;
use tamga_node::run::{ADDRESSES_FILE, Addresses, RunError, Seams, run};
use tamga_platform::blocking::ThreadPool;
use tamga_platform::clock::SystemClock;
use tamga_platform::disk::OsDisk;
use tamga_platform::entropy::OsEntropy;
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use tokio_stream::StreamExt as _;

const PATIENCE: Duration = Duration::from_secs(30);

fn seams() -> Seams {
    Seams {
        disk: Arc::new(OsDisk),
        clock: Arc::new(SystemClock),
        entropy: Arc::new(OsEntropy),
        blocking: Arc::new(ThreadPool),
        dialer: Arc::new(TcpDialer),
        network: Arc::new(TcpNetwork),
        passphrases: tamga_node::keys::Passphrases::nowhere(),
        metrics: None,
        readers: None,
    }
}

async fn start(cluster: &Cluster, node: u32) -> Running {
    Running::start(cluster.config(node)).await
}

async fn start_all(cluster: &Cluster) -> Vec<Running> {
    futures::future::join_all((1..=cluster.n).map(|node| start(cluster, node))).await
}

struct Running {
    addresses: Addresses,
    shutdown: oneshot::Sender<()>,
    task: JoinHandle<Result<(), RunError>>,
}

impl Running {
    async fn start(config: Config) -> Self {
        let file = config.data_dir.join(ADDRESSES_FILE);
        let (shutdown, signal) = oneshot::channel();
        let mut task = tokio::spawn(run(config, seams(), async move {
            let _ = signal.await;
        }));
        let addresses = loop {
            if task.is_finished() {
                panic!("{:?}", (&mut task).await);
            }
            if let Ok(text) = std::fs::read(&file)
                && let Ok(addresses) = serde_json::from_slice(&text)
            {
                break addresses;
            }
            sleep(Duration::from_millis(10)).await;
        };
        Self { addresses, shutdown, task }
    }

    async fn stop(self) {
        self.shutdown.send(()).unwrap();
        timeout(PATIENCE, self.task).await.unwrap().unwrap().unwrap();
    }

    async fn get(&self, path: &str) -> Answer {
        get(self.addresses.public, path).await
    }

    /// Waits until a checkpoint of at least this size is published here.
    async fn published(&self, size: u64) -> Value {
        let start = Instant::now();
        loop {
            let answer = self.get("/api/v1/checkpoint").await;
            if answer.status == StatusCode::OK && answer.json()["size"].as_u64() >= Some(size) {
                return answer.json();
            }
            assert!(start.elapsed() < PATIENCE, "nothing of size {size} was published: {}", answer.text());
            sleep(Duration::from_millis(50)).await;
        }
    }

    fn url(&self) -> String {
        format!("http://{}", self.addresses.public)
    }
}

struct Answer {
    status: StatusCode,
    headers: http::HeaderMap,
    body: Bytes,
}

impl Answer {
    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The last part of the problem's type.
    fn problem(&self) -> String {
        assert_eq!(self.headers[header::CONTENT_TYPE], "application/problem+json");
        let json = self.json();
        assert_eq!(json["status"], self.status.as_u16());
        json["type"].as_str().unwrap().strip_prefix("urn:tamga:problem:").unwrap().to_owned()
    }
}

async fn get(address: SocketAddr, path: &str) -> Answer {
    request(address, http::Request::get(path)).await
}

async fn request(address: SocketAddr, builder: http::request::Builder) -> Answer {
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let request = builder.header(header::HOST, "node").body(Body::empty()).unwrap();
    let (parts, body): (http::response::Parts, _) = Response::into_parts(sender.send_request(request).await.unwrap());
    let body = to_bytes(Body::new(body), 1 << 24).await.unwrap();
    Answer { status: parts.status, headers: parts.headers, body }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_node_publishes_and_answers_every_route() {
    let cluster = Cluster::new(1);
    let node = start(&cluster, 1).await;
    let checkpoint = node.published(1).await;
    let size = checkpoint["size"].as_u64().unwrap();

    let note = node.get("/checkpoint").await;
    let verified = cluster.trust.verify_checkpoint(&note.body).unwrap();
    assert_eq!(verified.checkpoint().size.get(), size);
    assert_eq!(checkpoint["sha256"], verified.checkpoint().roots.sha256.to_string());
    assert_eq!(checkpoint["organisations"], serde_json::json!(["org-1"]));
    assert_eq!(checkpoint["organisations_total"], 1);

    let genesis = node.get("/api/v1/genesis").await;
    Trust::from_entry(&genesis.body, cluster.trust.election_id()).unwrap();
    let entry = node.get("/api/v1/entries/0").await;
    assert!(entry.headers[header::CACHE_CONTROL].to_str().unwrap().contains("immutable"));
    let entry = entry.json();
    assert_eq!((&entry["verdict"], &entry["kind"]["name"]), (&"accepted".into(), &"election".into()));
    assert_eq!(entry["body"]["organisations"][0]["name"], "org-1");
    let id = entry["record_id"].as_str().unwrap();
    let record = node.get(&format!("/api/v1/records/{id}")).await.json();
    assert_eq!((&record["leaf"], &record["published"]), (&0.into(), &true.into()));

    check_tiles(&node, size, &genesis.body).await;
    check_proofs(&node, &cluster, size).await;
    check_problems(&node, size).await;
    check_admin(&node).await;
    for route in ["turnout", "results"] {
        let answer = node.get(&format!("/api/v1/{route}")).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.json()["checkpoint"]["origin"], checkpoint["origin"]);
        assert_eq!(answer.headers[header::ACCESS_CONTROL_ALLOW_ORIGIN], "*");
    }
    check_grpc(&node, &cluster).await;
    node.stop().await;
    assert!(!cluster.path(1).join("data").join(ADDRESSES_FILE).exists());
}

async fn check_tiles(node: &Running, size: u64, entry: &[u8]) {
    assert_eq!(size, 1, "this election has nothing but its genesis record");
    let bundle = node.get("/tile/entries/000.p/1").await;
    assert_eq!(bundle.body[2..], *entry);
    assert_eq!(bundle.body[..2], u16::try_from(entry.len()).unwrap().to_be_bytes());
    for tile in ["/tile/0/000.p/1", "/blake3/tile/0/000.p/1"] {
        assert_eq!(node.get(tile).await.body.len(), 32);
    }
    for (path, status, problem) in [
        ("/tile/0/000", 404, "no-such-tile"),
        ("/tile/0/000.p/2", 404, "no-such-tile"),
        ("/tile/1/000.p/1", 404, "no-such-tile"),
        ("/tile/0/0", 400, "bad-tile-path"),
        ("/tile/64/000.p/1", 400, "bad-tile-path"),
        ("/tile/entries/001.p/1", 404, "no-such-tile"),
        ("/blake3/tile/entries/000.p/1", 400, "bad-tile-path"),
        ("/tile/confidential/000.p/1", 403, "confidential"),
        ("/tile/confidential/000.p/2", 404, "no-such-tile"),
    ] {
        let answer = node.get(path).await;
        assert_eq!((answer.status.as_u16(), answer.problem().as_str()), (status, problem), "{path}");
    }
}

async fn check_proofs(node: &Running, cluster: &Cluster, size: u64) {
    let proof = node.get("/api/v1/proofs/inclusion?leaf=0").await.json();
    assert_eq!(proof["size"], size);
    assert_eq!(proof["sha256"]["path"], serde_json::json!([]));
    let proof = node.get(&format!("/api/v1/proofs/consistency?from=1&to={size}")).await;
    assert_eq!(proof.json()["blake3"]["from_root"], proof.json()["blake3"]["to_root"]);
    let receipt = node.get("/api/v1/receipts/0").await;
    assert_eq!(receipt.headers[header::CONTENT_TYPE], "application/cbor");
    Receipt::from_bytes(&receipt.body).unwrap().verify(&cluster.trust).unwrap();
    let receipt = node.get("/api/v1/receipts/0?format=json").await.json();
    assert_eq!(receipt["leaf"], 0);
}

async fn check_problems(node: &Running, size: u64) {
    let beyond = format!("/api/v1/proofs/inclusion?leaf=0&size={}", size + 1);
    let unknown = format!("/api/v1/records/{}", RecordId([9; 32]));
    for (path, status, problem) in [
        ("/nowhere", 404, "no-such-route"),
        ("/api/v1/entries/99", 404, "not-published"),
        ("/api/v1/entries/-1", 400, "bad-parameter"),
        ("/api/v1/entries/18446744073709551615", 404, "not-published"),
        ("/api/v1/records/xyz", 400, "bad-parameter"),
        (unknown.as_str(), 404, "no-such-record"),
        ("/api/v1/proofs/inclusion", 400, "bad-parameter"),
        ("/api/v1/proofs/inclusion?leaf=0&leaf=0", 400, "bad-parameter"),
        ("/api/v1/proofs/inclusion?leaf=0&sise=1", 400, "bad-parameter"),
        ("/api/v1/proofs/inclusion?leaf=5", 404, "not-published"),
        (beyond.as_str(), 404, "size-not-published"),
        ("/api/v1/proofs/consistency?from=0", 400, "bad-parameter"),
        ("/api/v1/receipts/7", 404, "not-published"),
        ("/api/v1/receipts/0?format=xml", 400, "bad-parameter"),
        ("/api/v1/units/1", 404, "no-such-station"),
    ] {
        let answer = node.get(path).await;
        assert_eq!((answer.status.as_u16(), answer.problem().as_str()), (status, problem), "{path}");
    }
    let answer = request(node.addresses.public, http::Request::delete("/checkpoint")).await;
    assert_eq!((answer.status.as_u16(), answer.problem().as_str()), (405, "wrong-method"));
}

async fn check_admin(node: &Running) {
    let admin = node.addresses.admin;
    assert_eq!(get(admin, "/healthz").await.text(), "alive\n");
    assert_eq!(get(admin, "/readyz").await.text(), "ready\n");
    let status = get(admin, "/status").await.json();
    assert_eq!((&status["node"], &status["role"]), (&1.into(), &"leader".into()));
    assert_eq!(get(admin, "/metrics").await.status, StatusCode::OK);
}

async fn check_grpc(node: &Running, cluster: &Cluster) {
    let mut reading = ReadingClient::connect(node.url()).await.unwrap();
    let what = Some(get_receipt_request::What::Leaf(0));
    let receipt = reading.get_receipt(GetReceiptRequest { what, wait_ms: 0 }).await.unwrap().into_inner().receipt;
    Receipt::from_bytes(&receipt).unwrap().verify(&cluster.trust).unwrap();
    let what = Some(get_receipt_request::What::RecordId(vec![1; 31].into()));
    let status = reading.get_receipt(GetReceiptRequest { what, wait_ms: 0 }).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::InvalidArgument);
    let mut entries =
        reading.stream_entries(StreamEntriesRequest { first_leaf: 0, count: 0 }).await.unwrap().into_inner();
    let bundle = entries.next().await.unwrap().unwrap();
    assert_eq!((bundle.first_leaf, bundle.entries.len(), bundle.confidential.len()), (0, 1, 1));
    assert!(entries.next().await.is_none());
    let mut notes = reading.watch_checkpoints(WatchCheckpointsRequest {}).await.unwrap().into_inner();
    let note = notes.next().await.unwrap().unwrap().note;
    cluster.trust.verify_checkpoint(note.as_bytes()).unwrap();

    let mut submission = SubmissionClient::connect(node.url()).await.unwrap();
    let requests = (0..3_u64).map(|correlation| SubmitRequest {
        correlation,
        submission: Bytes::from(vec![0xff; 10]),
        wait_ms: 0,
    });
    let replies = submission.submit_stream(tokio_stream::iter(requests)).await.unwrap().into_inner();
    let replies: Vec<_> = replies.collect().await;
    let mut seen: Vec<u64> = replies.iter().map(|reply| reply.as_ref().unwrap().correlation).collect();
    seen.sort_unstable();
    assert_eq!(seen, [0, 1, 2]);
    let reply = replies[0].as_ref().unwrap();
    let Some(submit_reply::Answer::Refusal(refusal)) = &reply.answer else { panic!("{reply:?}") };
    let key_of = |id| cluster.trust.node(id).map(|node| node.keys.promise_key);
    let refusal = NodeRefusal::verify(refusal, key_of).unwrap();
    assert_eq!((refusal.code.as_str(), refusal.election), ("not-canonical", *cluster.trust.election_id()));
    let too_long = SubmitRequest { correlation: 1, submission: vec![0; 200_000].into(), wait_ms: 0 };
    let status = submission.submit(too_long).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::OutOfRange);
}

#[tokio::test(flavor = "multi_thread")]
async fn three_nodes_cosign_stop_and_come_back() {
    let cluster = Cluster::new(3);
    let nodes = start_all(&cluster).await;
    let mut roots = Vec::new();
    for node in &nodes {
        let checkpoint = node.published(1).await;
        assert_eq!(checkpoint["organisations"].as_array().unwrap().len(), 3);
        roots.push((checkpoint["sha256"].clone(), checkpoint["blake3"].clone()));
    }
    assert!(roots.iter().all(|root| *root == roots[0]));
    for node in nodes {
        node.stop().await;
    }
    let nodes = start_all(&cluster).await;
    for node in &nodes {
        assert_eq!(node.published(1).await["sha256"], roots[0].0);
    }
    for node in nodes {
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_belong_together_does_not_start() {
    let cluster = Cluster::new(3);
    let refused = |config: Config| async move {
        let never = std::future::pending::<()>();
        timeout(PATIENCE, run(config, seams(), never)).await.unwrap().unwrap_err().to_string()
    };
    let config = Config { node: 9, ..cluster.config(1) };
    assert!(refused(config).await.contains("are those of node 1, not of node 9"));
    let config = Config { keys_dir: cluster.path(2).join("keys"), ..cluster.config(1) };
    let error = refused(config).await;
    assert!(error.contains("key in") && error.contains("for node 1"), "{error}");
    let config = Config { peers: Vec::new(), ..cluster.config(1) };
    assert!(refused(config).await.contains("the address of node 2 is missing"));
    let keys = generate_node(&OsEntropy, 9, "org-1/node-9").unwrap();
    keys.write(&OsDisk, &cluster.path(9).join("keys")).unwrap();
    let config = Config { node: 9, keys_dir: cluster.path(9).join("keys"), peers: Vec::new(), ..cluster.config(1) };
    assert!(refused(config).await.contains("needs the address of at least one that is there"));
    let config = Config { genesis: cluster.path(1).join("node.toml"), ..cluster.config(1) };
    assert!(refused(config).await.contains("is not a genesis file"));
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut config = cluster.config(1);
    config.listen.public = taken.local_addr().unwrap();
    assert!(refused(config).await.contains("(listen.public)"));
    assert_ne!(*cluster.trust.election_id(), ElectionId::ZERO);
}
