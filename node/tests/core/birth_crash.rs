//! Every crash of a node's first start: whatever the disk keeps, the next start ends with the node born, by the number that it
//! has told others, if it has told any; and once it took part, it asks nobody.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::stream::BoxStream;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::service::TowerToHyperService;
use tamga_consensus::{Dialer, Stream};
use tamga_node::core::{Core, CoreSeams, CoreSetup, Index, Member, NodeId, Tuning};
use tamga_node::proto::peer_server::{Peer, PeerServer};
use tamga_node::proto::{
    AnnounceReply, AnnounceRequest, BirthReply, BirthRequest, CompareBatchesReply, CompareBatchesRequest, EntriesPart,
    ForwardReply, ForwardRequest, GetCosignaturesReply, GetCosignaturesRequest, OfferCosignatureReply,
    OfferCosignatureRequest, TakeEntriesRequest,
};
use tamga_node::testing::{TestElection, secrets};
use tamga_platform::blocking::Inline;
use tamga_platform::clock::ManualClock;
use tamga_platform::entropy::SeededEntropy;
use tamga_platform::sim_disk::{Crash, Plan, SimDisk};
use tonic::service::Routes;
use tonic::{Request, Response, Status};

const START_MS: u64 = 1_760_000_000_000;
const NODE: u32 = 1;

/// What each of the others was told first, and how far the disk's journal was then.
type Told = BTreeMap<u64, (usize, Vec<u8>)>;

/// The other nodes: they witness and do nothing else.
#[derive(Debug, Clone)]
struct Others {
    disk: SimDisk,
    told: Arc<Mutex<Told>>,
}

#[async_trait::async_trait]
impl Dialer for Others {
    async fn dial(&self, node: NodeId, _: &str) -> io::Result<Box<dyn Stream>> {
        let (near, far) = tokio::io::duplex(1 << 16);
        let peer = PeerServer::new(Other { node: node.0, others: self.clone() });
        let service = TowerToHyperService::new(Routes::new(peer).into_axum_router());
        tokio::spawn(async move {
            let server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new()).http2_only();
            let _ = server.serve_connection(TokioIo::new(far), service).await;
        });
        Ok(Box::new(near))
    }
}

/// One of them.
struct Other {
    node: u64,
    others: Others,
}

#[tonic::async_trait]
impl Peer for Other {
    async fn birth(&self, request: Request<BirthRequest>) -> Result<Response<BirthReply>, Status> {
        let (at, told) = (self.others.disk.recorded(), request.into_inner().birth.to_vec());
        let known = self.others.told.lock().unwrap().entry(self.node).or_insert((at, told)).1.clone();
        Ok(Response::new(BirthReply { known: known.into(), ..BirthReply::default() }))
    }

    async fn announce(&self, _: Request<AnnounceRequest>) -> Result<Response<AnnounceReply>, Status> {
        Err(Status::unavailable(""))
    }

    async fn forward(&self, _: Request<ForwardRequest>) -> Result<Response<ForwardReply>, Status> {
        Err(Status::unavailable(""))
    }

    async fn offer_cosignature(
        &self,
        _: Request<OfferCosignatureRequest>,
    ) -> Result<Response<OfferCosignatureReply>, Status> {
        Err(Status::unavailable(""))
    }

    async fn get_cosignatures(
        &self,
        _: Request<GetCosignaturesRequest>,
    ) -> Result<Response<GetCosignaturesReply>, Status> {
        Err(Status::unavailable(""))
    }

    async fn compare_batches(
        &self,
        _: Request<CompareBatchesRequest>,
    ) -> Result<Response<CompareBatchesReply>, Status> {
        Err(Status::unavailable(""))
    }

    async fn get_highest_cosigned(
        &self,
        _: Request<tamga_node::proto::GetHighestCosignedRequest>,
    ) -> Result<Response<tamga_node::proto::GetHighestCosignedReply>, Status> {
        Err(Status::unavailable(""))
    }

    async fn get_history(
        &self,
        _: Request<tamga_node::proto::GetHistoryRequest>,
    ) -> Result<Response<tamga_node::proto::GetHistoryReply>, Status> {
        Err(Status::unavailable(""))
    }

    type TakeEntriesStream = BoxStream<'static, Result<EntriesPart, Status>>;

    async fn take_entries(&self, _: Request<TakeEntriesRequest>) -> Result<Response<Self::TakeEntriesStream>, Status> {
        Err(Status::unavailable(""))
    }
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(work)
}

async fn start(election: &TestElection, disk: &SimDisk, others: &Others) -> Arc<Core> {
    let seams = CoreSeams {
        disk: Arc::new(disk.clone()),
        clock: Arc::new(ManualClock::at(START_MS)),
        entropy: Arc::new(SeededEntropy::new(disk.changes() + 77)),
        blocking: Arc::new(Inline),
        dialer: Arc::new(others.clone()),
    };
    let member = |id: u32| Member { id: NodeId(u64::from(id)), address: format!("127.0.0.1:{id}") };
    let setup = CoreSetup {
        node: NODE,
        genesis: election.genesis().clone(),
        data_dir: PathBuf::from("/node"),
        keys: secrets(NODE).into(),
        members: (1..=election.nodes()).map(member).collect(),
        tuning: Tuning {
            raft_segment_bytes: 16 << 10,
            disk_reserve_bytes: 0,
            ledger_reserve_bytes: 0,
            index: Index::Memory,
            ..Tuning::default()
        },
        cluster_epoch: None,
    };
    Core::start(setup, seams).await.unwrap_or_else(|error| panic!("the node does not start: {error}"))
}

async fn wait(core: &Core, what: &str, holds: impl Fn(&Core) -> bool) {
    for _ in 0..10_000 {
        assert_eq!(core.status().fatal, None, "{what}");
        if holds(core) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("never: {what}");
}

fn is_born(core: &Core) -> bool {
    !core.consensus().unwrap().is_apart()
}

fn log_is_begun(core: &Core) -> bool {
    !core.consensus().unwrap().log_range().is_empty()
}

#[test]
fn a_first_start_that_dies_anywhere_is_finished_by_the_next_one() {
    let election = TestElection::new(3, 1, 1, START_MS);
    let disk = SimDisk::new(1);
    disk.record();
    let others = Others { disk: disk.clone(), told: Arc::default() };
    let born_at = block_on(async {
        let core = start(&election, &disk, &others).await;
        wait(&core, "the node is born", is_born).await;
        let born_at = disk.recorded();
        wait(&core, "its log is begun", log_is_begun).await;
        born_at
    });
    let told = others.told.lock().unwrap().clone();
    assert_eq!(told.len(), 2);

    let promises: Vec<usize> = told.values().map(|(at, _)| *at).chain([born_at]).collect();
    let plan = Plan { cuts_max: 8, combined_max: 5, outcomes: 8 };
    let (mut unborn, mut born) = (0, 0);
    let crashes = disk.journal().each_crash(&plan, &promises, |crash: &Crash<'_>, disk| {
        let heard = told.iter().filter(|(_, (at, _))| *at <= crash.operations).map(|(id, told)| (*id, told.clone()));
        let others = Others { disk: disk.clone(), told: Arc::new(Mutex::new(heard.collect())) };
        block_on(async {
            let core = start(&election, &disk, &others).await;
            if crash.operations >= born_at {
                assert!(is_born(&core), "{crash}: it took part, and asks again");
                born += 1;
            } else {
                unborn += usize::from(!is_born(&core));
            }
            wait(&core, &format!("{crash}: born"), is_born).await;
            wait(&core, &format!("{crash}: its log is begun"), log_is_begun).await;
        });
    });
    assert!(crashes > 100 && unborn > 50 && born > 0, "{crashes} {unborn} {born}");
}
