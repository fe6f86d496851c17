//! Stories of nodes that come late: the others' logs are purged, and the entries come from peers, proven or not at all.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use tamga_consensus::PeerIdentity;
use tamga_ledger::store::Confidential;
use tamga_ledger::tree::{LeafIndex, TreeSize};
use tamga_node::core::{Birth, Core};
use tamga_node::proto::peer_server::{Peer, PeerServer};
use tamga_node::proto::{
    AnnounceReply, AnnounceRequest, BirthReply, BirthRequest, CompareBatchesReply, CompareBatchesRequest, EntriesPart,
    ForwardReply, ForwardRequest, GetCosignaturesReply, GetCosignaturesRequest, OfferCosignatureReply,
    OfferCosignatureRequest, TakeEntriesRequest,
};
use tamga_node::testing::TestElection;
use tonic::service::Routes;
use tonic::{Request, Response, Status};

use crate::cluster::{Cluster, RouterOf, eventually, now_ms};

const STATIONS: u32 = 2;
const VOTERS: u32 = 200;
const WAIT: Duration = Duration::from_secs(30);

/// Three of four nodes run and compact their logs as often as they can; the fourth has never been there.
async fn three_of_four(folder: &tempfile::TempDir) -> Cluster {
    let mut cluster = Cluster::new(folder.path(), TestElection::new(4, STATIONS, VOTERS, now_ms()));
    cluster.tuning.compact_entries = 1;
    cluster.tuning.log_entries_kept = 0;
    for node in 1..=3 {
        cluster.start_node(node).await;
    }
    cluster.wait_ready().await;
    cluster
}

/// Identifies voters `from..to` of both stations, and waits until every node that runs has a published checkpoint over all
/// that: whoever publishes later may skip one, and keeps none of its own then.
async fn vote(cluster: &Cluster, voters: std::ops::Range<u32>) {
    let leader = cluster.leader().unwrap();
    let mut last = LeafIndex::ZERO;
    for voter in voters {
        for station in 1..=STATIONS {
            let record = cluster.election.identification(station, station, voter, now_ms());
            let judged = cluster.submit(leader, record).await.judged.expect("a verdict");
            assert!(judged.verdict.is_accepted(), "{}", judged.verdict);
            last = last.max(judged.leaf);
        }
    }
    for running in cluster.running.values() {
        running.core.receipt(last, WAIT).await.unwrap();
    }
}

/// Waits until no node that runs has the beginning of the log any more.
async fn purged(cluster: &Cluster) {
    for running in cluster.running.values() {
        let core = &running.core;
        eventually("the log is purged", || core.status().log_purged > 5).await;
    }
}

/// The whole ledger of `node` is that of `other`, up to what both have: entries, bodies, published checkpoints.
fn same_ledger(cluster: &Cluster, node: u32, other: u32) {
    let (one, two) = (cluster.core(node).store(), cluster.core(other).store());
    let size = one.size().min(two.size());
    assert_eq!(one.roots_at(size).unwrap(), two.roots_at(size).unwrap());
    for leaf in (0..size.get()).map(|leaf| LeafIndex::new(leaf).unwrap()) {
        assert_eq!(one.entry(leaf).unwrap(), two.entry(leaf).unwrap());
        assert_eq!(one.confidential(leaf).unwrap(), two.confidential(leaf).unwrap());
    }
}

fn bodies(core: &Core) -> usize {
    let leaves = (0..core.store().size().get()).map(|leaf| LeafIndex::new(leaf).unwrap());
    leaves.filter(|leaf| matches!(core.store().confidential(*leaf).unwrap(), Confidential::Kept { .. })).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fresh_node_joins_although_all_logs_are_purged() {
    let folder = tempfile::tempdir().unwrap();
    let mut cluster = three_of_four(&folder).await;
    cluster.open_polls(STATIONS).await;
    // Each waits for a checkpoint, so that there is one below the last.
    vote(&cluster, 0..10).await;
    vote(&cluster, 10..20).await;
    purged(&cluster).await;
    let published = cluster.core(1).published().borrow().clone().unwrap().checkpoint.size;

    cluster.start_node(4).await;
    cluster.wait_ready().await;
    let fresh = cluster.core(4);
    assert!(fresh.store().size() >= published);
    assert!(bodies(fresh) >= 40);
    same_ledger(&cluster, 4, 1);
    let checkpoints = |node: u32| {
        let all = TreeSize::ZERO..published;
        cluster.core(node).store().checkpoints(all, 10_000).unwrap().iter().map(|one| one.size).collect::<Vec<_>>()
    };
    let common = cluster.core(1).store().checkpoints(TreeSize::ZERO..published, 10_000).unwrap();
    assert!(!common.is_empty());
    // From whichever peer a part came, each of its published checkpoints came along.
    assert!(!checkpoints(4).is_empty());

    // It takes part: with one of the others gone, three of four must still cosign.
    let gone = (1..=3).find(|node| Some(*node) != cluster.leader()).unwrap();
    cluster.stop_node(gone).await;
    eventually("somebody leads", || cluster.leader().is_some()).await;
    vote(&cluster, 20..25).await;
    let judged = cluster.submit(4, cluster.election.identification(1, 2, 3, now_ms())).await.judged.expect("a verdict");
    assert!(!judged.verdict.is_accepted(), "voter 3 of station 2 was identified before node 4 was there");
    let receipt = cluster.core(4).receipt(judged.leaf, WAIT).await.unwrap();
    receipt.verify(cluster.core(4).trust()).unwrap();
    same_ledger(&cluster, 4, cluster.leader().unwrap());
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_was_away_takes_only_what_it_lacks() {
    let folder = tempfile::tempdir().unwrap();
    let mut cluster = three_of_four(&folder).await;
    cluster.start_node(4).await;
    cluster.wait_ready().await;
    cluster.open_polls(STATIONS).await;
    vote(&cluster, 0..5).await;
    let away = (1..=4).find(|node| Some(*node) != cluster.leader()).unwrap();
    eventually("it has what was published", || cluster.core(away).store().size().get() > 10).await;
    let had = cluster.core(away).store().size();
    cluster.stop_node(away).await;
    vote(&cluster, 5..20).await;
    purged(&cluster).await;

    let first_asked = Arc::new(AtomicUsize::new(usize::MAX));
    for node in (1..=4).filter(|node| *node != away) {
        let asked = Arc::clone(&first_asked);
        let watch: Shape = Arc::new(move |part: EntriesPart| {
            asked.fetch_min(part.first_leaf as usize, Ordering::SeqCst);
            Ok(part)
        });
        restart_shaped(&mut cluster, node, watch).await;
    }
    cluster.wait_ready().await;
    cluster.start_node(away).await;
    cluster.wait_ready().await;
    let other = (1..=4).find(|node| *node != away).unwrap();
    same_ledger(&cluster, away, other);
    let asked = first_asked.load(Ordering::SeqCst) as u64;
    assert!(asked >= had.get(), "it had {had} entries and was sent entry {asked}");
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_sends_something_else_is_put_aside_and_the_others_suffice() {
    let folder = tempfile::tempdir().unwrap();
    let mut cluster = three_of_four(&folder).await;
    cluster.open_polls(STATIONS).await;
    vote(&cluster, 0..20).await;
    purged(&cluster).await;

    // Two of three peers lie, each part in another way.
    for node in 1..=2 {
        let turn = AtomicUsize::new(node as usize);
        let lie: Shape = Arc::new(move |part| Ok(LIES[turn.fetch_add(1, Ordering::SeqCst) % LIES.len()](part)));
        restart_shaped(&mut cluster, node, lie).await;
    }
    cluster.wait_ready().await;
    cluster.start_node(4).await;
    cluster.wait_ready().await;
    same_ledger(&cluster, 4, 3);
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_that_is_poisoned_by_everybody_leaves_the_node_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let mut cluster = three_of_four(&folder).await;
    cluster.open_polls(STATIONS).await;
    vote(&cluster, 0..10).await;
    purged(&cluster).await;
    for node in 1..=3 {
        let lie: Shape = Arc::new(move |part| Ok(LIES[node as usize % LIES.len()](part)));
        restart_shaped(&mut cluster, node, lie).await;
    }
    cluster.wait_ready().await;

    cluster.start_node(4).await;
    let core = Arc::clone(cluster.core(4));
    eventually("the node stops", || core.status().fatal.is_some()).await;
    let fatal = core.status().fatal.unwrap();
    assert!(fatal.contains("no node gives entries"), "{fatal}");
    assert_eq!(core.store().size(), TreeSize::ZERO);
    assert!(core.published().borrow().is_none() && !core.status().is_ready());
    cluster.stop_node(4).await;

    // The liars are found and replaced: the same folder goes on, and finishes what was begun before anything else.
    for node in 1..=3 {
        restart_shaped(&mut cluster, node, Arc::new(Ok)).await;
    }
    cluster.wait_ready().await;
    cluster.start_node(4).await;
    cluster.wait_ready().await;
    same_ledger(&cluster, 4, 1);
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_transfer_goes_on_where_the_ledger_ends() {
    let folder = tempfile::tempdir().unwrap();
    let mut cluster = three_of_four(&folder).await;
    cluster.open_polls(STATIONS).await;
    vote(&cluster, 0..30).await;
    purged(&cluster).await;
    let target = cluster.core(1).published().borrow().clone().unwrap().checkpoint.size;

    // All three stop sending at the same leaf.
    let half = target.get() / 2;
    let sent_again = Arc::new(AtomicUsize::new(0));
    for node in 1..=3 {
        let stop: Shape =
            Arc::new(
                move |part: EntriesPart| {
                    if part.first_leaf < half { Ok(part) } else { Err(Status::unavailable("the line is dead")) }
                },
            );
        restart_shaped(&mut cluster, node, stop).await;
    }
    cluster.wait_ready().await;
    cluster.start_node(4).await;
    let core = Arc::clone(cluster.core(4));
    eventually("half of it is there", || core.store().size().get() >= half).await;
    assert!(core.store().size() < target && !core.status().is_ready());
    assert!(core.published().borrow().is_none(), "nothing is shown before the target is reached");
    let had = core.store().size();
    drop(core);
    cluster.stop_node(4).await;
    assert!(cluster.node_folder(4).join("catchup").exists());

    for node in 1..=3 {
        let again = Arc::clone(&sent_again);
        let watch: Shape = Arc::new(move |part: EntriesPart| {
            again.fetch_add(usize::from(part.first_leaf < had.get()), Ordering::SeqCst);
            Ok(part)
        });
        restart_shaped(&mut cluster, node, watch).await;
    }
    cluster.wait_ready().await;
    cluster.start_node(4).await;
    cluster.wait_ready().await;
    assert_eq!(sent_again.load(Ordering::SeqCst), 0, "what was proven is kept");
    assert!(!cluster.node_folder(4).join("catchup").exists());
    same_ledger(&cluster, 4, 1);
    cluster.stop().await;
}

/// What becomes of a part on its way out of a node.
pub(crate) type Shape = Arc<dyn Fn(EntriesPart) -> Result<EntriesPart, Status> + Send + Sync>;

async fn restart_shaped(cluster: &mut Cluster, node: u32, shape: Shape) {
    cluster.stop_node(node).await;
    let router: RouterOf = Arc::new(move |core| shaped(core, Arc::clone(&shape)));
    cluster.routers.insert(node, router);
    cluster.start_node(node).await;
}

/// A node's services for peers, with small parts of entries.
pub(crate) fn shaped(core: &Arc<Core>, shape: Shape) -> Router {
    let peer = PeerServer::new(Shaped { core: Arc::clone(core), shape });
    Routes::new(core.raft_service()).add_service(peer).into_axum_router()
}

/// A node's service for peers, whose parts are small and pass through `shape`.
struct Shaped {
    core: Arc<Core>,
    shape: Shape,
}

/// Leaves of a part.
const PART: u64 = 7;

fn caller<T>(request: &Request<T>) -> u32 {
    request.extensions().get::<PeerIdentity>().unwrap().0.0 as u32
}

#[tonic::async_trait]
impl Peer for Shaped {
    async fn forward(&self, request: Request<ForwardRequest>) -> Result<Response<ForwardReply>, Status> {
        let from = caller(&request);
        let taken = self.core.forward(from, request.into_inner().submissions).await;
        Ok(Response::new(ForwardReply { taken }))
    }

    async fn offer_cosignature(
        &self,
        request: Request<OfferCosignatureRequest>,
    ) -> Result<Response<OfferCosignatureReply>, Status> {
        let from = caller(&request);
        let note = self.core.offer_cosignature(from, &request.into_inner().note).await;
        Ok(Response::new(OfferCosignatureReply { note }))
    }

    async fn get_cosignatures(
        &self,
        request: Request<GetCosignaturesRequest>,
    ) -> Result<Response<GetCosignaturesReply>, Status> {
        let size = TreeSize::new(request.into_inner().size).unwrap();
        Ok(Response::new(GetCosignaturesReply { note: self.core.cosignatures(size).await }))
    }

    async fn announce(&self, request: Request<AnnounceRequest>) -> Result<Response<AnnounceReply>, Status> {
        let from = caller(&request);
        Ok(Response::new(self.core.announce(from, request.into_inner()).await))
    }

    async fn compare_batches(
        &self,
        request: Request<CompareBatchesRequest>,
    ) -> Result<Response<CompareBatchesReply>, Status> {
        Ok(Response::new(self.core.compare_batches(request.get_ref())))
    }

    async fn birth(&self, request: Request<BirthRequest>) -> Result<Response<BirthReply>, Status> {
        let birth = Birth::from_slice(&request.get_ref().birth).unwrap();
        Ok(Response::new(self.core.witness(caller(&request), birth).await.unwrap()))
    }

    async fn get_highest_cosigned(
        &self,
        request: Request<tamga_node::proto::GetHighestCosignedRequest>,
    ) -> Result<Response<tamga_node::proto::GetHighestCosignedReply>, Status> {
        let key = tamga_ledger::ids::PublicKey(request.get_ref().key.as_ref().try_into().unwrap());
        let note = self.core.highest_cosigned(&key).await;
        Ok(Response::new(tamga_node::proto::GetHighestCosignedReply { note }))
    }

    async fn get_history(
        &self,
        _: Request<tamga_node::proto::GetHistoryRequest>,
    ) -> Result<Response<tamga_node::proto::GetHistoryReply>, Status> {
        let history = self.core.history().unwrap().to_vec().into();
        Ok(Response::new(tamga_node::proto::GetHistoryReply { history }))
    }

    type TakeEntriesStream = BoxStream<'static, Result<EntriesPart, Status>>;

    async fn take_entries(
        &self,
        request: Request<TakeEntriesRequest>,
    ) -> Result<Response<Self::TakeEntriesStream>, Status> {
        let TakeEntriesRequest { from, upto, target } = request.into_inner();
        let (core, shape) = (Arc::clone(&self.core), Arc::clone(&self.shape));
        let starts: Vec<u64> = (from..upto).step_by(PART as usize).collect();
        let parts = futures::stream::iter(starts).flat_map(move |from| {
            let request = TakeEntriesRequest { from, upto: upto.min(from + PART), target };
            match core.entries(request) {
                Ok(parts) => parts.map(|part| part.map_err(|error| Status::unavailable(error.to_string()))).boxed(),
                Err(error) => futures::stream::iter([Err(Status::unavailable(error.to_string()))]).boxed(),
            }
        });
        Ok(Response::new(parts.map(move |part| part.and_then(|part| shape(part))).boxed()))
    }
}

/// Ways to lie; each part is something else than what the published ledger has.
const LIES: [fn(EntriesPart) -> EntriesPart; 8] = [
    altered_entry,
    reordered_entries,
    missing_entry,
    invented_entry,
    altered_body,
    missing_bodies,
    forged_proof,
    moved,
];

fn unpack(bytes: &Bytes) -> Vec<Vec<u8>> {
    let (mut all, mut rest) = (Vec::new(), bytes.as_ref());
    while let Some((length, after)) = rest.split_first_chunk::<2>() {
        let (one, after) = after.split_at(usize::from(u16::from_be_bytes(*length)));
        all.push(one.to_vec());
        rest = after;
    }
    all
}

fn pack(all: &[Vec<u8>]) -> Bytes {
    let prefixed = all.iter().map(|one| [&(one.len() as u16).to_be_bytes(), one.as_slice()].concat());
    prefixed.collect::<Vec<_>>().concat().into()
}

fn with_entries(part: EntriesPart, change: impl FnOnce(&mut Vec<Vec<u8>>, &mut Vec<Vec<u8>>)) -> EntriesPart {
    let (mut entries, mut bodies) = (unpack(&part.entries), unpack(&part.bodies));
    change(&mut entries, &mut bodies);
    EntriesPart { entries: pack(&entries), bodies: pack(&bodies), ..part }
}

fn altered_entry(part: EntriesPart) -> EntriesPart {
    with_entries(part, |entries, _| *entries[0].last_mut().unwrap() ^= 1)
}

fn reordered_entries(part: EntriesPart) -> EntriesPart {
    with_entries(part, |entries, bodies| {
        entries.reverse();
        bodies.reverse();
        if entries.len() == 1 {
            entries[0].reverse();
        }
    })
}

fn missing_entry(part: EntriesPart) -> EntriesPart {
    with_entries(part, |entries, bodies| {
        entries.remove(0);
        bodies.remove(0);
    })
}

fn invented_entry(part: EntriesPart) -> EntriesPart {
    with_entries(part, |entries, bodies| {
        let (entry, body) = (entries[0].clone(), bodies[0].clone());
        entries.insert(0, entry);
        bodies.insert(0, body);
    })
}

/// Where no entry has a body, one is invented.
fn altered_body(part: EntriesPart) -> EntriesPart {
    with_entries(part, |_, bodies| {
        let at = bodies.iter().position(|body| !body.is_empty()).unwrap_or(0);
        bodies[at].push(7);
    })
}

/// Where no entry has a body, an entry is missing.
fn missing_bodies(part: EntriesPart) -> EntriesPart {
    with_entries(part, |entries, bodies| {
        if bodies.iter().all(Vec::is_empty) {
            entries.remove(0);
        }
        bodies.iter_mut().for_each(Vec::clear);
    })
}

/// At the target there is no proof: an entry is altered then.
fn forged_proof(part: EntriesPart) -> EntriesPart {
    if part.sha256_proof.is_empty() {
        return altered_entry(part);
    }
    let forged = part.sha256_proof.iter().map(|_| Bytes::from_static(&[9; 32])).collect();
    EntriesPart { sha256_proof: forged, ..part }
}

fn moved(part: EntriesPart) -> EntriesPart {
    EntriesPart { first_leaf: part.first_leaf + 1, ..part }
}
