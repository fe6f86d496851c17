//! Who is listened to, and which messages are refused.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use tamga_platform::blocking::Inline;
use tamga_platform::clock::SystemClock;
use tamga_platform::disk::MemDisk;
use tamga_platform::entropy::SeededEntropy;
use tonic::{Code, Request};

use super::proto::raft_server::Raft as _;
use super::{Service, TcpDialer, proto, wire};
use crate::{
    Application, ClusterId, Committed, Config, Consensus, Fatal, LogPosition, Member, NodeId, PeerIdentity, Seams,
    StartError, WalError,
};

struct Idle;

#[async_trait]
impl Application for Idle {
    fn applied(&self) -> Option<LogPosition> {
        None
    }

    async fn apply(&mut self, _: Vec<Committed>) -> Result<Vec<Bytes>, Fatal> {
        Ok(Vec::new())
    }
}

const CLUSTER: ClusterId = ClusterId([4; 32]);
const ME: NodeId = NodeId(1);
const PEER: NodeId = NodeId(2);

async fn service(require_peer_identity: bool) -> (Consensus, Service) {
    let config = Config { require_peer_identity, ..config() };
    service_on(&Arc::default(), config).await
}

fn config() -> Config {
    Config { segment_bytes: 65_536, disk_reserve_bytes: 0, ..Config::new(ME, CLUSTER, "/node") }
}

fn seams() -> Seams {
    Seams {
        disk: Arc::new(MemDisk::default()),
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SeededEntropy::new(1)),
        blocking: Arc::new(Inline),
        dialer: Arc::new(TcpDialer),
    }
}

async fn service_on(disk: &Arc<MemDisk>, config: Config) -> (Consensus, Service) {
    let seams = Seams { disk: Arc::clone(disk) as _, ..seams() };
    let consensus = Consensus::start(config, seams, Idle).await.unwrap();
    let service = consensus.service();
    (consensus, service)
}

/// A vote request as `sender` would send it, over a connection that proves `identity`.
fn vote(envelope: Option<proto::Envelope>, candidate: u64, identity: Option<NodeId>) -> Request<proto::VoteRequest> {
    let ballot = Some(proto::Ballot { term: 1, node: candidate, committed: false });
    let mut request = Request::new(proto::VoteRequest { envelope, ballot, pre_vote: true, ..Default::default() });
    identity.map(|identity| request.extensions_mut().insert(PeerIdentity(identity)));
    request
}

#[tokio::test]
async fn only_the_proven_peer_of_the_same_cluster_is_heard() {
    let (_consensus, service) = service(true).await;
    let good = || Some(wire::envelope(CLUSTER, PEER, ME));
    let refused = [
        ("no identity", vote(good(), 2, None)),
        ("another identity", vote(good(), 2, Some(NodeId(3)))),
        ("another cluster", vote(Some(wire::envelope(ClusterId([5; 32]), PEER, ME)), 2, Some(PEER))),
        ("another target", vote(Some(wire::envelope(CLUSTER, PEER, NodeId(7))), 2, Some(PEER))),
        ("another's ballot", vote(good(), 3, Some(PEER))),
    ];
    for (what, request) in refused {
        assert_eq!(service.vote(request).await.unwrap_err().code(), Code::PermissionDenied, "{what}");
    }
    let nameless = service.vote(vote(None, 2, Some(PEER))).await.unwrap_err();
    assert_eq!(nameless.code(), Code::InvalidArgument);
    service.vote(vote(good(), 2, Some(PEER))).await.unwrap();
}

#[tokio::test]
async fn every_call_checks_the_sender() {
    let (_consensus, service) = service(true).await;
    let append = service.append(Request::new(Default::default())).await.unwrap_err();
    let snapshot = service.snapshot(Request::new(Default::default())).await.unwrap_err();
    let transfer = service.transfer_leader(Request::new(Default::default())).await.unwrap_err();
    let read = service.read_index(Request::new(Default::default())).await.unwrap_err();
    for status in [append, snapshot, transfer, read] {
        assert_eq!(status.code(), Code::PermissionDenied);
    }
}

/// A replica that may have forgotten what it voted answers nobody; one that is told that it has not, takes part at once, and
/// at its next start without being told.
#[tokio::test]
async fn a_replica_apart_answers_nobody_until_it_takes_part() {
    let disk = Arc::new(MemDisk::default());
    let apart = || Config { apart_while_new: true, require_peer_identity: false, ..config() };
    let good = || Some(wire::envelope(CLUSTER, PEER, ME));
    let members = || vec![Member { id: ME, address: "me".to_owned() }, Member { id: PEER, address: "peer".to_owned() }];

    let (consensus, service) = service_on(&disk, apart()).await;
    assert_eq!((consensus.log_was_new(), consensus.is_apart()), (true, true));
    let append = proto::AppendRequest {
        envelope: good(),
        ballot: Some(proto::Ballot { term: 1, node: 2, committed: true }),
        ..Default::default()
    };
    let append = service.append(Request::new(append)).await.unwrap_err();
    let read = service.read_index(Request::new(proto::ReadIndexRequest { envelope: good() })).await.unwrap_err();
    let health = service.health(Request::new(proto::HealthRequest { envelope: good() })).await.unwrap_err();
    let vote_refused = service.vote(vote(good(), 2, Some(PEER))).await.unwrap_err();
    for status in [append, read, health, vote_refused] {
        assert_eq!(status.code(), Code::Unavailable);
    }
    assert!(consensus.initialize(members()).await.is_err());
    consensus.shutdown().await;

    let (consensus, service) = service_on(&disk, apart()).await;
    assert_eq!((consensus.log_was_new(), consensus.is_apart()), (true, true));
    consensus.take_part();
    let mut ballot = vote(good(), 2, Some(PEER));
    ballot.get_mut().pre_vote = false;
    assert!(service.vote(ballot).await.unwrap().get_ref().granted);
    consensus.shutdown().await;

    let (consensus, service) = service_on(&disk, apart()).await;
    assert_eq!((consensus.log_was_new(), consensus.is_apart()), (false, false));
    service.vote(vote(good(), 2, Some(PEER))).await.unwrap();
    consensus.initialize(members()).await.unwrap();
}

#[tokio::test]
async fn a_log_that_must_be_there_is_not_begun_anew() {
    let disk = Arc::new(MemDisk::default());
    let start = |disk: &Arc<MemDisk>| {
        let seams = Seams { disk: Arc::clone(disk) as _, ..seams() };
        Consensus::start(Config { log_must_exist: true, ..config() }, seams, Idle)
    };
    for _again in 0..2 {
        assert!(matches!(start(&disk).await, Err(StartError::Log(WalError::Gone { .. }))));
    }
    service_on(&disk, config()).await.0.shutdown().await;
    assert!(start(&disk).await.unwrap().log_was_new());
}

#[tokio::test]
async fn malformed_appends_are_refused_before_openraft_sees_them() {
    let (_consensus, service) = service(false).await;
    let position = |index| Some(proto::Position { term: 1, leader: 2, index });
    let entry = |index, kind, payload| proto::Entry { position: position(index), kind, payload };
    let large = Bytes::from(vec![0; crate::PAYLOAD_BYTES_MAX + 1]);
    let lists = [
        vec![entry(1, 1, Bytes::new())],
        vec![entry(0, 1, Bytes::new()), entry(2, 1, Bytes::new())],
        vec![entry(0, 9, Bytes::new())],
        vec![entry(0, 2, Bytes::from_static(b"no membership"))],
        vec![entry(0, 1, large)],
        vec![proto::Entry { position: None, kind: 0, payload: Bytes::new() }],
    ];
    for entries in lists {
        let request = proto::AppendRequest {
            envelope: Some(wire::envelope(CLUSTER, PEER, ME)),
            ballot: Some(proto::Ballot { term: 1, node: 2, committed: true }),
            entries,
            ..Default::default()
        };
        assert_eq!(service.append(Request::new(request)).await.unwrap_err().code(), Code::InvalidArgument);
    }
}
