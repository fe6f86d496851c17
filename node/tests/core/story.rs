//! Stories of records: each test reads as what happens.

use std::sync::Arc;
use std::time::Duration;

use tamga_ledger::entry::{Entry, Payload};
use tamga_ledger::evidence::{Evidence, VerifiedEvidence};
use tamga_ledger::kinds::{Body as _, Kind, RefusalSummary};
use tamga_ledger::note::{CosignerKey, KeyName, SignedNote};
use tamga_ledger::tree::{Hash, LeafIndex, TreeSize};
use tamga_ledger::trust::Trust;
use tamga_ledger::verdict::{Refusal, Verdict};
use tamga_node::core::{Answer, CoreError};
use tamga_node::testing::{TestElection, secrets};
use tamga_node::view::{SledViews, ViewStore as _};
use tamga_platform::disk::OsDisk;

use crate::cluster::{Cluster, eventually, eventually_or, id_of, now_ms};

const STATIONS: u32 = 2;
const VOTERS: u32 = 40;
const WAIT: Duration = Duration::from_secs(30);

async fn cluster(folder: &tempfile::TempDir) -> Cluster {
    Cluster::start(folder.path(), TestElection::new(3, STATIONS, VOTERS, now_ms())).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_gets_its_verdict_and_a_receipt_that_verifies_everywhere() {
    let folder = tempfile::tempdir().unwrap();
    let mut cluster = cluster(&folder).await;
    cluster.open_polls(STATIONS).await;
    let (leader, follower) = (cluster.leader().unwrap(), cluster.follower());

    let submission = cluster.election.identification(1, 1, 5, now_ms());
    let judged = cluster.submit(follower, submission.clone()).await.judged.expect("a verdict in time");
    assert_eq!(judged.verdict, Verdict::Accepted(vec![]));

    for node in 1..=3 {
        let receipt = cluster.core(node).receipt(judged.leaf, WAIT).await.unwrap();
        let verified = receipt.verify(cluster.core(node).trust()).unwrap();
        assert_eq!(verified.record_id(), id_of(&submission));
        assert_eq!(verified.checkpoint().organisations().len(), 3);
    }

    // The same voter again, elsewhere, through another node: refused, and recorded.
    let again = cluster.election.identification(2, 1, 5, now_ms());
    let second = cluster.submit(leader, again).await.judged.expect("a verdict");
    assert_eq!(second.verdict, Verdict::Refused(Refusal::AlreadyAdmitted));

    // The same record again, through every node: the same leaf; through one node: the same bytes.
    for node in 1..=3 {
        let first = cluster.core(node).submit(submission.clone(), None).await;
        assert_eq!(first, cluster.core(node).submit(submission.clone(), None).await);
        assert_eq!(cluster.submit(node, submission.clone()).await.judged.unwrap(), judged);
    }
    let view = cluster.core(1).published().borrow().clone().unwrap();
    eventually("the second attempt is published", || {
        let published = cluster.core(1).published().borrow().clone().unwrap();
        published.view.counts.second_attempts == 1
    })
    .await;
    assert_eq!(view.view.turnout.roll, u64::from(STATIONS * VOTERS));
    assert!(view.checkpoint.size > TreeSize::ZERO);
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_not_be_recorded_is_answered_with_a_signed_reason() {
    let folder = tempfile::tempdir().unwrap();
    let mut cluster = cluster(&folder).await;
    let node = cluster.follower();
    let good = cluster.election.preparation();

    let mut broken = good[0].to_vec();
    *broken.last_mut().unwrap() ^= 1;
    broken[60] ^= 1;
    let mut bad_signature = good[0].to_vec();
    let at = bad_signature.len() - 10;
    bad_signature[at] ^= 1;
    let unknown_key = cluster.election.identification(1, 1, 1, now_ms());
    let cases = [
        (broken, None),
        (bad_signature, Some("bad-signature")),
        (unknown_key.to_vec(), Some("unknown-key")),
        (vec![0; 200_000], Some("too-long")),
        (b"hello".to_vec(), Some("not-canonical")),
    ];
    let before = cluster.core(node).store().size();
    for (bytes, expected) in cases {
        match cluster.core(node).submit(bytes.into(), None).await {
            Answer::Refusal { code, text, .. } => {
                assert!(expected.is_none_or(|expected| expected == code), "{code} for {expected:?}");
                assert!(text.len() > 20, "{text}");
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(cluster.core(node).store().size(), before);
    assert_eq!(cluster.core(node).refusals().values().sum::<u64>(), 5);
    cluster.stop().await;
}

/// Refusals leave no record of the author's; how many there were, by author and reason, is in the ledger, signed by the node.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_node_refused_is_counted_in_the_ledger() {
    let folder = tempfile::tempdir().unwrap();
    let mut cluster = Cluster::new(folder.path(), TestElection::new(3, STATIONS, VOTERS, now_ms()));
    cluster.tuning.refusals_every = Duration::from_millis(500);
    for node in 1..=3 {
        cluster.start_node(node).await;
    }
    cluster.wait_ready().await;
    cluster.open_polls(STATIONS).await;
    let node = cluster.follower();
    let mut forged = cluster.election.identification(1, 1, 1, now_ms()).to_vec();
    let at = forged.windows(2).rposition(|pair| pair == [0x58, 0x40]).unwrap() + 5;
    forged[at] ^= 1;
    for bytes in [vec![0; 200_000], b"hello".to_vec(), b"hello".to_vec(), forged] {
        let answer = cluster.core(node).submit(bytes.into(), None).await;
        assert!(matches!(answer, Answer::Refusal { .. }), "{answer:?}");
    }
    let summaries = |of: u32| {
        let store = cluster.core(of).store();
        let entries = store.entries(LeafIndex::ZERO..LeafIndex::new(store.size().get()).unwrap(), 1 << 24).unwrap();
        let body = |bytes: &Vec<u8>| {
            let entry = Entry::from_bytes(bytes).unwrap();
            let Payload::Full(signed) = entry.payload else { return None };
            let record = signed.parse().unwrap();
            let own = record.kind == Kind::RefusalSummary as u16 && entry.verdict.is_accepted();
            own.then(|| RefusalSummary::from_bytes(&record.body).unwrap())
        };
        entries.iter().filter_map(body).collect::<Vec<_>>()
    };
    for of in 1..=3 {
        eventually("all refusals in the ledger", || {
            let counted: u64 = summaries(of).iter().filter(|one| one.node == node).map(RefusalSummary::total).sum();
            assert!(counted <= 4, "{counted}");
            counted == 4
        })
        .await;
        assert!(summaries(of).iter().all(|one| one.node == node), "the others refused nothing");
    }
    let rows: Vec<_> = summaries(1).into_iter().flat_map(|one| one.rows).collect();
    let count = |code: &str| rows.iter().filter(|row| row.code == code).map(|row| row.count).sum::<u64>();
    assert_eq!((count("too-long"), count("not-canonical")), (1, 2), "{rows:?}");
    // Nothing more is said while nothing is refused.
    let said = summaries(node).len();
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(summaries(node).len(), said);
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_restart_of_all_the_ledger_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let mut cluster = cluster(&folder).await;
    cluster.open_polls(STATIONS).await;
    let submission = cluster.election.identification(1, 1, 7, now_ms());
    let judged = cluster.submit(1, submission.clone()).await.judged.unwrap();
    let receipt = cluster.core(1).receipt(judged.leaf, WAIT).await.unwrap();
    let (size, cosigned) = (cluster.core(1).store().size(), cluster.core(1).status().cosigned_size);
    assert!(cosigned > 0);

    // Two processes never share a folder.
    assert!(matches!(cluster.try_start(1).await.unwrap_err(), CoreError::Locked(_)));

    cluster.stop().await;
    for node in 1..=3 {
        cluster.start_node(node).await;
    }
    cluster.wait_ready().await;
    assert_eq!(cluster.core(1).store().size(), size);
    assert!(cluster.core(1).status().cosigned_size >= cosigned);
    let published = cluster.core(1).published().borrow().clone().expect("the archived checkpoint is served at once");
    assert!(published.checkpoint.size >= judged.leaf.size_after());
    assert_eq!(published.view.head, published.checkpoint.head());
    receipt.verify(cluster.core(1).trust()).unwrap();

    assert_eq!(cluster.submit(2, submission).await.judged.unwrap(), judged);
    let next = cluster.election.identification(2, 2, 7, now_ms());
    let judged = cluster.submit(3, next).await.judged.unwrap();
    for node in 1..=3 {
        let receipt = cluster.core(node).receipt(judged.leaf, WAIT).await.unwrap();
        receipt.verify(cluster.core(node).trust()).unwrap();
    }
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_promised_record_survives_in_the_outbox_until_there_is_a_leader() {
    let folder = tempfile::tempdir().unwrap();
    let mut cluster = cluster(&folder).await;
    cluster.open_polls(STATIONS).await;
    // A majority goes: nothing can be sequenced, but the record can be promised.
    let kept = cluster.follower();
    for node in (1..=3).filter(|node| *node != kept) {
        cluster.stop_node(node).await;
    }
    let submission = cluster.election.identification(1, 1, 9, now_ms());
    let answer = cluster.core(kept).submit(submission.clone(), Some(Duration::from_millis(200))).await;
    let Answer::Promise(bytes) = answer else { panic!("{answer:?}") };
    assert_eq!(cluster.promise(kept, &bytes).judged, None);
    assert_eq!(cluster.core(kept).status().outbox_records, 1);

    // Its node goes too, and everybody comes back: the record is sequenced without anybody asking again.
    cluster.stop_node(kept).await;
    for node in 1..=3 {
        cluster.start_node(node).await;
    }
    cluster.wait_ready().await;
    let id = id_of(&submission);
    for node in 1..=3 {
        // Once, on a loaded machine, it did not come within a minute, and nobody could say where it was.
        let here = |cluster: &Cluster| cluster.core(node).lookup(&id).is_some();
        eventually_or("the record is in the ledger", || here(&cluster), || standing(&cluster)).await;
    }
    eventually("the outbox is empty", || cluster.core(kept).status().outbox_records == 0).await;
    cluster.stop().await;
}

/// Every node in a few words.
fn standing(cluster: &Cluster) -> String {
    (1..=3).map(|node| format!("n{node}: {:?}\n", cluster.core(node).status())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_published_without_the_quorum_and_publishing_goes_on_when_it_returns() {
    let folder = tempfile::tempdir().unwrap();
    let mut cluster = cluster(&folder).await;
    cluster.open_polls(STATIONS).await;
    // 3 of 3 must cosign, 2 of 3 sequence.
    let gone = cluster.follower();
    cluster.stop_node(gone).await;
    let node = *cluster.running.keys().next().unwrap();
    let submission = cluster.election.identification(1, 1, 3, now_ms());
    let judged = cluster.submit(node, submission).await.judged.expect("two nodes sequence");
    tokio::time::sleep(Duration::from_secs(2)).await;
    let covered = |cluster: &Cluster, node: u32| {
        let published = cluster.core(node).published().borrow().clone();
        published.is_some_and(|published| judged.leaf.within(published.checkpoint.size).is_ok())
    };
    assert!(!covered(&cluster, node));

    cluster.start_node(gone).await;
    for node in 1..=3 {
        eventually("the checkpoint is published", || covered(&cluster, node)).await;
    }
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_differs_from_a_quorum_halts_and_keeps_the_evidence() {
    let folder = tempfile::tempdir().unwrap();
    let mut cluster = cluster(&folder).await;
    let core = cluster.core(1);
    eventually("something is published", || core.published().borrow().is_some()).await;
    let published = core.published().borrow().clone().unwrap();

    let mut other = published.checkpoint.clone();
    other.roots.blake3 = Hash::new([9; 32]);
    let mut note = SignedNote::unsigned(other.to_string()).unwrap();
    let sign = |note: &mut SignedNote, node: u32| {
        let name = KeyName::new(&core.trust().node(node).unwrap().keys.cosigner_name).unwrap();
        let line = CosignerKey::new(name, secrets(node).cosigner).unwrap().cosign(note, 1).unwrap();
        note.add(line).unwrap();
    };
    // One liar is a warning; a quorum means that this node is the one that differs.
    sign(&mut note, 2);
    core.offer_cosignature(2, &note.to_string()).await;
    assert_eq!(core.status().fatal, None);
    sign(&mut note, 1);
    sign(&mut note, 3);
    core.offer_cosignature(2, &note.to_string()).await;
    let status = core.status();
    assert!(status.diverged && !status.is_ready());
    assert!(status.fatal.unwrap().contains("diverged"));
    // Both files convince a stranger: the first names the liar, the second everybody who signed both.
    let kept = evidence(&cluster.node_folder(1).join("evidence"), core.trust());
    assert_eq!(kept.len(), 2, "{kept:#?}");
    let convicted = |verified: &VerifiedEvidence| verified.convicted().iter().filter_map(|key| key.node).collect();
    let convicted: Vec<Vec<u32>> = kept.iter().map(convicted).collect();
    assert_eq!(convicted, [vec![2], vec![1, 2, 3]]);
    let refused = core.submit(cluster.election.preparation().remove(0), None).await;
    assert!(matches!(refused, Answer::Unavailable { .. }), "{refused:?}");
    cluster.stop().await;
}

/// The files of a folder in order, verified as strangers do it.
fn evidence(folder: &std::path::Path, trust: &Trust) -> Vec<VerifiedEvidence> {
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    paths.sort();
    let verify = |path: &std::path::PathBuf| {
        let file = Evidence::from_bytes(&std::fs::read(path).unwrap()).unwrap();
        file.verify(&file.trust(trust.election_id()).unwrap()).unwrap()
    };
    paths.iter().map(verify).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_index_on_disk_is_the_published_view_or_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut cluster = cluster(&folder).await;
    cluster.open_polls(STATIONS).await;
    let leaf = cluster.submit(1, cluster.election.identification(1, 1, 1, now_ms())).await.judged.unwrap().leaf;
    cluster.core(1).receipt(leaf, WAIT).await.unwrap();
    let view = cluster.core(1).published().borrow().clone().unwrap().view.clone();

    let index = folder.path().join("index");
    let open = || SledViews::open(Arc::new(OsDisk), &index).unwrap();
    let views = open();
    views.put(&view).unwrap();
    drop(views);
    let views = open();
    assert_eq!(views.load(&view.head).unwrap().as_ref(), Some(&view));
    // Of another head nothing is believed, and nothing stays.
    let mut head = view.head;
    head.roots.sha256 = Hash::new([1; 32]);
    assert_eq!(views.load(&head).unwrap(), None);
    assert_eq!(views.load(&view.head).unwrap(), None);
    cluster.stop().await;
}
