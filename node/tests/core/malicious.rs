//! Nodes that lie: an honest core behind a shell that has the node's keys and changes what others hear from it. For each lie:
//! what the honest nodes see, that nothing false is published, and the file that convicts.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use futures::StreamExt as _;
use tamga_consensus::PeerIdentity;
use tamga_ledger::batch::{Batch, SignedBatch};
use tamga_ledger::evidence::{Evidence, EvidenceKind, KeyUse, VerifiedEvidence};
use tamga_ledger::note::{CosignerKey, KeyName, SignedNote};
use tamga_ledger::tree::Hash;
use tamga_node::core::Answer;
use tamga_node::peer;
use tamga_node::testing::{TestElection, secrets};

use crate::cluster::{Cluster, eventually, id_of, now_ms};

const STATIONS: u32 = 2;
const VOTERS: u32 = 60;
/// Publishing takes three of four, sequencing as well: one liar can stop neither.
const NODES: u32 = 4;

/// Changes the messages of one gRPC method while it is switched on. Other methods and other times pass as they are.
type Change = Arc<dyn Fn(&mut Vec<u8>) + Send + Sync>;

/// What a node hears through a liar: messages to `path` from any node are changed by `change` while `on`.
fn hears(
    cluster: &mut Cluster,
    node: u32,
    path: &'static str,
    on: &Arc<AtomicBool>,
    from: Option<u32>,
    change: &Change,
) {
    let (on, change) = (Arc::clone(on), Arc::clone(change));
    let router = move |core: &Arc<tamga_node::core::Core>| {
        let (on, change) = (Arc::clone(&on), Arc::clone(&change));
        let shell = move |request: Request, next: Next| {
            let (on, change) = (Arc::clone(&on), Arc::clone(&change));
            let sender = request.extensions().get::<PeerIdentity>().map(|PeerIdentity(node)| node.0 as u32);
            let matters = request.uri().path().ends_with(path) && (from.is_none() || sender == from);
            async move { next.run(if matters { changed(request, on, change) } else { request }).await }
        };
        peer::router(core).layer(from_fn(shell))
    };
    cluster.routers.insert(node, Arc::new(router));
}

/// Cuts the body into gRPC messages and changes each.
fn changed(request: Request, on: Arc<AtomicBool>, change: Change) -> Request {
    let (parts, body) = request.into_parts();
    let stream = futures::stream::unfold((body.into_data_stream(), Vec::new()), move |(mut body, mut have)| {
        let (on, change) = (Arc::clone(&on), Arc::clone(&change));
        async move {
            loop {
                if let Some(length) = have.get(1..5) {
                    let length = u32::from_be_bytes(length.try_into().unwrap()) as usize;
                    if have.len() >= 5 + length {
                        let rest = have.split_off(5 + length);
                        let mut message = have.split_off(5);
                        if on.load(Ordering::SeqCst) {
                            change(&mut message);
                        }
                        let mut frame = vec![0];
                        frame.extend((message.len() as u32).to_be_bytes());
                        frame.extend(message);
                        return Some((Ok::<_, axum::Error>(Bytes::from(frame)), (body, rest)));
                    }
                }
                match body.next().await? {
                    Ok(bytes) => have.extend_from_slice(&bytes),
                    Err(error) => return Some((Err(error), (body, have))),
                }
            }
        }
    });
    Request::from_parts(parts, Body::from_stream(stream))
}

/// Changes each signed batch in a message, and signs it again with its proposer's key. The length stays.
fn each_batch(election: &TestElection, message: &mut [u8], change: impl Fn(&mut Batch)) {
    let key_of = |node: u32| Some(tamga_ledger::sign::public_key(&secrets(node).batch));
    for at in 0..message.len() {
        let Some(length) = signed_length(&message[at..]) else { continue };
        let Ok(signed) = SignedBatch::verify(&message[at..at + length], &election.id(), key_of) else { continue };
        let mut batch = signed.into_batch();
        change(&mut batch);
        let key = secrets(batch.proposer).batch;
        let other = batch.sign(&key);
        assert_eq!(other.bytes().len(), length, "a change must keep the length");
        message[at..at + length].copy_from_slice(other.bytes());
    }
}

/// Length of `[bstr, bstr64]` at the beginning, if that is what stands there.
fn signed_length(bytes: &[u8]) -> Option<usize> {
    let (head, length): (usize, usize) = match bytes.get(..2)? {
        [0x82, 0x58] => (3, usize::from(*bytes.get(2)?)),
        [0x82, 0x59] => (4, usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?))),
        [0x82, 0x5a] => (6, u32::from_be_bytes(bytes.get(2..6)?.try_into().ok()?) as usize),
        _ => return None,
    };
    let end = head.checked_add(length)?;
    (bytes.get(end..end + 2)? == [0x58, 0x40] && bytes.len() >= end + 66).then_some(end + 66)
}

fn evidence(cluster: &Cluster, node: u32) -> Vec<VerifiedEvidence> {
    let Ok(files) = std::fs::read_dir(cluster.node_folder(node).join("evidence")) else { return Vec::new() };
    let mut paths: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|name| name == "evidence"));
    paths.sort();
    let election = cluster.election.id();
    let verify = |path: &std::path::PathBuf| {
        let file = Evidence::from_bytes(&std::fs::read(path).unwrap()).unwrap();
        file.verify(&file.trust(&election).unwrap()).unwrap()
    };
    paths.iter().map(verify).collect()
}

fn convicts(files: &[VerifiedEvidence], kind: EvidenceKind, node: u32, key_use: KeyUse) -> bool {
    let key = |file: &VerifiedEvidence| {
        file.kind() == kind && file.convicted().iter().any(|key| key.node == Some(node) && key.key_use == key_use)
    };
    files.iter().any(key)
}

/// All nodes' published checkpoints are of one ledger: each verifies, and equal sizes have equal roots.
fn nothing_false_is_published(cluster: &Cluster, honest: &[u32]) {
    let published = |node: &u32| cluster.core(*node).published().borrow().clone();
    for one in honest.iter().filter_map(published) {
        for node in honest {
            let core = cluster.core(*node);
            core.trust().verify_checkpoint(one.note.as_bytes()).unwrap();
            if core.store().size() >= one.checkpoint.size {
                assert_eq!(core.store().roots_at(one.checkpoint.size).unwrap(), one.checkpoint.roots);
            }
        }
    }
}

/// A cluster in which `victim` does not lead, with the polls open.
async fn with_victim(
    folder: &tempfile::TempDir,
    on: &Arc<AtomicBool>,
    change: impl FnOnce(&Arc<TestElection>) -> Change,
) -> Cluster {
    let mut cluster = Cluster::new(folder.path(), TestElection::new(NODES, STATIONS, VOTERS, now_ms()));
    let change = change(&Arc::clone(&cluster.election));
    hears(&mut cluster, NODES, "/AppendStream", on, None, &change);
    for node in 1..=NODES {
        cluster.start_node(node).await;
    }
    cluster.wait_ready().await;
    if cluster.leader() == Some(NODES) {
        cluster.core(NODES).hand_over(Duration::from_secs(10)).await;
        eventually("another leads", || cluster.leader().is_some_and(|leader| leader != NODES)).await;
    }
    cluster.open_polls(STATIONS).await;
    cluster
}

/// The leader sends one follower other batches than the rest. The follower's ledger is another one: it finds itself alone,
/// halts, and both sides hold the pair of batches that convicts the leader. The others go on publishing.
#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_sends_different_batches_is_convicted_by_its_signatures() {
    let folder = tempfile::tempdir().unwrap();
    let on = Arc::new(AtomicBool::new(false));
    let mut cluster = with_victim(&folder, &on, |election| {
        let election = Arc::clone(election);
        Arc::new(move |message: &mut Vec<u8>| each_batch(&election, message, |batch| batch.time_ms += 1))
    })
    .await;
    on.store(true, Ordering::SeqCst);
    let leader = cluster.leader().unwrap();
    let judged = cluster.submit(leader, cluster.election.identification(1, 1, 5, now_ms())).await.judged.unwrap();
    for node in 1..NODES {
        let core = cluster.core(node);
        core.receipt(judged.leaf, Duration::from_secs(30)).await.unwrap();
    }
    eventually("the victim halts", || cluster.core(NODES).status().fatal.is_some()).await;
    assert!(cluster.core(NODES).status().diverged);
    eventually("the victim convicts the leader", || {
        convicts(&evidence(&cluster, NODES), EvidenceKind::TwoBatches, leader, KeyUse::Batch)
    })
    .await;
    // Some honest node may have compared as well; whoever did says the same, and nobody accuses an honest proposer.
    for node in 1..=NODES {
        for file in evidence(&cluster, node).iter().filter(|file| file.kind() == EvidenceKind::TwoBatches) {
            assert!(file.convicted().iter().all(|key| key.node == Some(leader)), "{file:?}");
        }
    }
    nothing_false_is_published(&cluster, &[1, 2, 3]);
    cluster.stop().await;
}

/// The leader alters a record on its way to one follower. The signature fails there: no leaf, and a file against the leader.
#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_alters_a_record_is_convicted_by_its_batch() {
    let folder = tempfile::tempdir().unwrap();
    let on = Arc::new(AtomicBool::new(false));
    let mut cluster = with_victim(&folder, &on, |election| {
        let election = Arc::clone(election);
        Arc::new(move |message: &mut Vec<u8>| {
            each_batch(&election, message, |batch| {
                for item in &mut batch.items {
                    let mut submission = tamga_ledger::submission::Submission::from_bytes(&item.0).unwrap();
                    submission.signed.signatures[0].0[9] ^= 1;
                    item.0 = submission.to_bytes();
                }
            });
        })
    })
    .await;
    on.store(true, Ordering::SeqCst);
    let leader = cluster.leader().unwrap();
    let judged = cluster.submit(leader, cluster.election.identification(1, 1, 6, now_ms())).await.judged.unwrap();
    cluster.core(1).receipt(judged.leaf, Duration::from_secs(30)).await.unwrap();
    eventually("the victim convicts the leader", || {
        convicts(&evidence(&cluster, NODES), EvidenceKind::UnauthenticItem, leader, KeyUse::Batch)
    })
    .await;
    nothing_false_is_published(&cluster, &[1, 2, 3]);
    cluster.stop().await;
}

/// A cosigner signs roots that are not the ledger's. It is named as soon as the truth is published, and publishing goes on.
#[tokio::test(flavor = "multi_thread")]
async fn a_cosigner_of_wrong_roots_is_named_and_publishing_goes_on_without_it() {
    let folder = tempfile::tempdir().unwrap();
    let election = TestElection::new(NODES, STATIONS, VOTERS, now_ms());
    let mut cluster = Cluster::start(folder.path(), election).await;
    cluster.open_polls(STATIONS).await;
    let core = Arc::clone(cluster.core(1));
    eventually("something is published", || core.published().borrow().is_some()).await;
    let published = core.published().borrow().clone().unwrap();
    // A node that published it later would find something better to hold against the liar, in a second file.
    let size = published.checkpoint.size;
    for node in [3, 4] {
        let other = cluster.core(node);
        let has = || other.published().borrow().as_ref().is_some_and(|published| published.checkpoint.size >= size);
        eventually("it is published there too", has).await;
    }
    let mut lie = published.checkpoint.clone();
    lie.roots.sha256 = Hash::new([3; 32]);
    let mut note = SignedNote::unsigned(lie.to_string()).unwrap();
    let name = KeyName::new(&core.trust().node(2).unwrap().keys.cosigner_name).unwrap();
    let line = CosignerKey::new(name, secrets(2).cosigner).unwrap().cosign(&note, now_ms() / 1_000).unwrap();
    note.add(line).unwrap();
    for node in [1, 3, 4] {
        cluster.core(node).offer_cosignature(2, &note.to_string()).await;
        // Offered again and again it fills no disk.
        cluster.core(node).offer_cosignature(2, &note.to_string()).await;
        let files = evidence(&cluster, node);
        assert_eq!(files.len(), 1, "node {node}");
        // If node 2 signed the truth too it is convicted; otherwise it stands against the published ledger.
        let named = format!("{:?}", files[0].consequence());
        assert!(named.contains("org2"), "{named}");
        assert_eq!(cluster.core(node).status().fatal, None);
    }
    let judged = cluster.submit(1, cluster.election.identification(1, 1, 7, now_ms())).await.judged.unwrap();
    core.receipt(judged.leaf, Duration::from_secs(30)).await.unwrap();
    nothing_false_is_published(&cluster, &[1, 2, 3, 4]);
    cluster.stop().await;
}

/// The leader takes what the followers forward and drops it, while its own records go on. Each starved follower alarms and shuns
/// it; as they are a majority another one is elected, and the records are in the ledger.
#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_drops_submissions_is_shunned_and_deposed() {
    let folder = tempfile::tempdir().unwrap();
    let on = Arc::new(AtomicBool::new(false));
    let dropped = Arc::new(AtomicU64::new(0));
    let mut cluster = Cluster::new(folder.path(), TestElection::new(NODES, STATIONS, VOTERS, now_ms()));
    cluster.tuning.starve_after = Duration::from_secs(1);
    cluster.tuning.shun_for = Duration::from_secs(8);
    let count = Arc::clone(&dropped);
    // Whoever leads when the lie begins; a later leader is honest.
    let liar = Arc::new(AtomicU64::new(0));
    for node in 1..=NODES {
        let (liar, count) = (Arc::clone(&liar), Arc::clone(&count));
        let change: Change = Arc::new(move |message: &mut Vec<u8>| {
            if liar.load(Ordering::SeqCst) == u64::from(node) {
                count.fetch_add(1, Ordering::SeqCst);
                message.clear();
            }
        });
        hears(&mut cluster, node, "/Forward", &on, None, &change);
    }
    for node in 1..=NODES {
        cluster.start_node(node).await;
    }
    cluster.wait_ready().await;
    cluster.open_polls(STATIONS).await;
    let leader = cluster.leader().unwrap();
    liar.store(u64::from(leader), Ordering::SeqCst);
    on.store(true, Ordering::SeqCst);
    let followers: Vec<u32> = (1..=NODES).filter(|node| *node != leader).collect();
    let mut held = Vec::new();
    for (node, voter) in followers.iter().zip(10..) {
        let submission = cluster.election.identification(1, 1, voter, now_ms());
        let answer = cluster.core(*node).submit(submission.clone(), Some(Duration::from_millis(100))).await;
        let Answer::Promise(bytes) = answer else { panic!("{answer:?}") };
        assert_eq!(cluster.promise(*node, &bytes).judged, None, "the leader dropped it");
        held.push(id_of(&submission));
    }
    assert!(dropped.load(Ordering::SeqCst) > 0);
    // The log grows with what the leader lets in. Submissions fail while it is being deposed.
    let growing = Arc::clone(cluster.core(leader));
    let records: Vec<_> = (20..50).map(|voter| cluster.election.identification(1, 1, voter, now_ms())).collect();
    let growth = tokio::spawn(async move {
        for record in records {
            growing.submit(record, Some(Duration::from_millis(50))).await;
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    });
    eventually("a follower shuns the leader", || {
        followers.iter().any(|node| cluster.core(*node).status().shunned == Some(leader))
    })
    .await;
    eventually("another leads", || cluster.leader().is_some_and(|now| now != leader)).await;
    for id in &held {
        eventually("what was held back is in the ledger", || {
            followers.iter().all(|node| cluster.core(*node).lookup(id).is_some())
        })
        .await;
    }
    growth.await.unwrap();
    nothing_false_is_published(&cluster, &followers);
    cluster.stop().await;
}

/// A leader whose clock lies, in either direction: what it sequences is sequenced, nobody's cosignature says that it was then,
/// and nothing is published until somebody with the right time leads. Time never runs back.
#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_lies_about_the_time_publishes_nothing() {
    const WITHHOLD_MS: u64 = 1_500;
    for lie_ms in [-600_000, 4_000_i64] {
        let folder = tempfile::tempdir().unwrap();
        let mut cluster = Cluster::new(folder.path(), TestElection::new(NODES, STATIONS, VOTERS, now_ms()));
        cluster.tuning.skew_warn_ms = WITHHOLD_MS / 2;
        cluster.tuning.skew_withhold_ms = WITHHOLD_MS;
        for node in 1..=NODES {
            cluster.start_node(node).await;
        }
        cluster.wait_ready().await;
        cluster.open_polls(STATIONS).await;
        let leader = cluster.leader().unwrap();
        let honest: Vec<u32> = (1..=NODES).filter(|node| *node != leader).collect();
        eventually("what was before is published", || {
            let published = cluster.core(leader).published().borrow().clone();
            published.is_some_and(|published| published.checkpoint.size == cluster.core(leader).store().size())
        })
        .await;
        cluster.clocks[&leader].store(lie_ms, Ordering::SeqCst);
        // Backdated, time stands still: it takes a while until that is wrong enough.
        tokio::time::sleep(Duration::from_millis(WITHHOLD_MS + 500)).await;
        let submission = cluster.election.identification(1, 1, 9, now_ms());
        let judged = cluster.submit(leader, submission).await.judged.unwrap();
        eventually("the honest withhold", || {
            honest.iter().all(|node| {
                let status = cluster.core(*node).status();
                status.cosigner.contains("withholding: clock skew") && status.cosigned_size < judged.leaf.get() + 1
            })
        })
        .await;
        for node in 1..=NODES {
            let published = cluster.core(node).published().borrow().clone().unwrap();
            assert!(published.checkpoint.size.get() <= judged.leaf.get(), "a false time was published");
        }
        // Whoever has the right time leads on; what was sequenced stays, at the time that was said.
        cluster.core(leader).hand_over(Duration::from_secs(10)).await;
        eventually("another leads", || cluster.leader().is_some_and(|now| now != leader)).await;
        let reader = cluster.core(honest[0]);
        let later = loop {
            let next = cluster.leader().unwrap();
            let submission =
                cluster.election.identification(1, 1, 10 + cluster.core(next).store().size().get() as u32, now_ms());
            let judged = cluster.submit(next, submission).await.judged.unwrap();
            if reader.receipt(judged.leaf, Duration::from_secs(2)).await.is_ok() {
                break judged;
            }
        };
        assert!(later.time_ms >= judged.time_ms);
        nothing_false_is_published(&cluster, &honest);
        cluster.stop().await;
    }
}
