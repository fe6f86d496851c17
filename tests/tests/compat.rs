//! Folders of old versions open for ever (`tests/compat/README.md`).

#![allow(clippy::unwrap_used, reason = "test code")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use std::{env, fs};

use bytes::Bytes;
use ed25519_dalek::SigningKey;
use serde_json::{Value, json};
use tamga_ledger::ids::RecordId;
use tamga_ledger::kinds::Phase;
use tamga_ledger::note::{CosignerKey, KeyName};
use tamga_ledger::promise::Promise;
use tamga_ledger::store::{Confidential, fsck};
use tamga_ledger::submission::Submission;
use tamga_ledger::tree::{LeafIndex, TreeSize};
use tamga_node::core::NodeSecrets;
use tamga_node::testing::{Alone, AloneSetup, TestElection, alone_seams, alone_tuning, other_cosigners, secrets};
use tamga_platform::blocking::Inline;
use tamga_platform::clock::ManualClock;
use tamga_platform::disk::{Disk, OsDisk};
use tamga_platform::entropy::SeededEntropy;
use tamga_platform::sim_disk::{Loss, SimDisk};

const VERDICT: Duration = Duration::from_secs(10);
const START_MS: u64 = 1_760_000_000_000;
/// Enough for a full tile and a full bundle.
const VOTERS: u32 = 270;
const NODES: u32 = 3;
/// Where the node of the simulated disk lives.
const SIMULATED: &str = "/node";

fn folders() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("compat")
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(work)
}

#[test]
fn every_folder_of_an_old_version_opens_and_the_node_goes_on() {
    let mut versions = 0;
    for folder in fs::read_dir(folders()).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()) {
        let expected: Value = serde_json::from_slice(&fs::read(folder.join("expected.json")).unwrap()).unwrap();
        let unpacked = tempfile::tempdir().unwrap();
        unpack(&folder, unpacked.path());
        block_on(open_and_go_on(unpacked.path(), &expected));
        versions += 1;
    }
    assert!(versions > 0);
}

/// Brings the files back, each checked against the manifest.
fn unpack(folder: &Path, to: &Path) {
    for line in fs::read_to_string(folder.join("MANIFEST")).unwrap().lines() {
        let [length, digest, path] = line.splitn(3, ' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let mut bytes = fs::read(folder.join("files").join(path)).unwrap();
        bytes.resize(length.parse().unwrap(), 0);
        assert_eq!(blake3::hash(&bytes).to_hex().as_str(), digest, "{path} in {} was changed", folder.display());
        let path = to.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

fn behind(leaf: LeafIndex) -> LeafIndex {
    LeafIndex::new(leaf.get() + 1).unwrap()
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("{name}"))
}

fn number(value: &Value, name: &str) -> u64 {
    value[name].as_u64().unwrap_or_else(|| panic!("{name}"))
}

fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value[name].as_array().unwrap_or_else(|| panic!("{name}"))
}

fn bytes(value: &Value, name: &str) -> Vec<u8> {
    hex::decode(text(value, name)).unwrap()
}

fn key(value: &Value, name: &str) -> SigningKey {
    SigningKey::from_bytes(&bytes(value, name).try_into().unwrap())
}

fn record_id(value: &Value) -> RecordId {
    RecordId(hex::decode(value.as_str().unwrap()).unwrap().try_into().unwrap())
}

fn setup_of(expected: &Value, folder: &Path, clock: &Arc<ManualClock>, entropy: u64) -> AloneSetup {
    let keys = &expected["secrets"];
    let entropy = Arc::new(SeededEntropy::new(entropy));
    AloneSetup {
        genesis: Submission::from_bytes(&bytes(expected, "genesis")).unwrap(),
        nodes: u32::try_from(number(expected, "nodes")).unwrap(),
        secrets: NodeSecrets {
            cosigner: key(keys, "cosigner"),
            log: key(keys, "log"),
            promise: key(keys, "promise"),
            batch: key(keys, "batch"),
        }
        .into(),
        folder: folder.to_owned(),
        seams: alone_seams(Arc::new(OsDisk), Arc::clone(clock) as _, entropy, Arc::new(Inline)),
        tuning: alone_tuning(),
    }
}

async fn open_and_go_on(folder: &Path, expected: &Value) {
    let clock = Arc::new(ManualClock::at(number(expected, "clock_ms") + 60_000));
    let alone = setup_of(expected, folder, &clock, 1).start().await.unwrap();
    holds(&alone, expected);
    for id in list(expected, "pending").iter().map(record_id) {
        let found = alone.eventually(|alone| alone.core.lookup(&id).is_some()).await;
        assert!(found, "the record promised last is lost");
    }

    let others = list(expected, "others").iter();
    let cosigner = |one: &Value| CosignerKey::new(KeyName::new(text(one, "name")).unwrap(), key(one, "key")).unwrap();
    let others: Vec<CosignerKey> = others.map(cosigner).collect();
    let mut leaves = Vec::new();
    for submission in list(expected, "next") {
        let submission = Bytes::from(hex::decode(submission.as_str().unwrap()).unwrap());
        let judged = alone.submit(submission, VERDICT).await.unwrap().judged.unwrap();
        assert!(judged.verdict.is_accepted(), "{}", judged.verdict);
        leaves.push(judged.leaf);
        // The next one cuts behind this one.
        clock.advance(2_000);
    }
    alone.publish(&others, clock_s(&clock)).await.expect("publishing goes on");
    let receipt = alone.core.receipt(leaves[0], VERDICT).await.unwrap();
    receipt.verify(alone.core.trust()).unwrap();
    let size = alone.core.store().size();
    alone.core.shutdown().await;
    drop(alone);

    let disk: Arc<dyn Disk> = Arc::new(OsDisk);
    let report = fsck(&disk, &folder.join("ledger")).unwrap();
    assert!(report.is_clean(), "{:#?}", report.faults);
    let alone = setup_of(expected, folder, &clock, 2).start().await.unwrap();
    holds(&alone, expected);
    assert!(alone.core.store().size() >= size);
    alone.core.shutdown().await;
}

/// Everything that was true when the old version stopped.
fn holds(alone: &Alone, expected: &Value) {
    let (store, status) = (alone.core.store(), alone.core.status());
    let size = TreeSize::new(number(expected, "size")).unwrap();
    let roots = store.roots_at(size).unwrap();
    assert_eq!(hex::encode(roots.sha256.to_bytes()), text(expected, "sha256_root"));
    assert_eq!(hex::encode(roots.blake3.to_bytes()), text(expected, "blake3_root"));
    assert!(status.term > number(expected, "term"), "the vote of term {} is forgotten", number(expected, "term"));
    assert!(status.cosigned_size >= number(expected, "cosigned_size"), "what was cosigned is forgotten");
    assert!(status.published_size >= number(expected, "published_size"));
    for note in list(expected, "published") {
        let kept = store.checkpoint_at(TreeSize::new(number(note, "size")).unwrap()).unwrap().unwrap();
        assert_eq!(kept.note, text(note, "note"));
    }
    for record in list(expected, "records") {
        let leaf = LeafIndex::new(number(record, "leaf")).unwrap();
        assert_eq!(alone.core.lookup(&record_id(&record["id"])), Some(leaf));
        let entry = store.entries(leaf..behind(leaf), usize::MAX).unwrap().remove(0);
        assert_eq!(blake3::hash(&entry).to_hex().as_str(), text(record, "entry"));
        let body = match store.confidential(leaf).unwrap() {
            Confidential::Kept { body, .. } => blake3::hash(&body).to_hex().to_string(),
            other => format!("{other:?}"),
        };
        assert_eq!(body, text(record, "body"));
    }
}

/// A node's life up to a promise that is durable in the outbox and nowhere else; then the power goes.
#[test]
#[ignore = "writes the folder of this version; see tests/compat/README.md"]
fn write_the_folder_of_this_version() {
    let folder = folders().join(env!("CARGO_PKG_VERSION"));
    assert!(!folder.exists(), "{} is there; nobody edits it", folder.display());
    let (disk, mut expected) = block_on(live());
    let journal = disk.journal();
    let in_outbox = |path: &Path| path.starts_with(Path::new(SIMULATED).join("outbox"));
    let promised = journal.operations().iter().rposition(|one| one.is_sync() && in_outbox(one.path())).unwrap();
    let mut replay = journal.replay();
    while replay.done() <= promised {
        replay.step();
    }
    let left = replay.crash(Loss::Everything);
    expected["version"] = env!("CARGO_PKG_VERSION").into();
    pack(&left, &folder);
    let expected = serde_json::to_string_pretty(&expected).unwrap();
    fs::write(folder.join("expected.json"), expected + "\n").unwrap();
}

fn pack(disk: &SimDisk, folder: &Path) {
    let mut manifest = String::new();
    for path in disk.files_below(Path::new(SIMULATED)) {
        let bytes = disk.read(&path, u64::MAX).unwrap();
        let path = path.strip_prefix(SIMULATED).unwrap();
        manifest += &format!("{} {} {}\n", bytes.len(), blake3::hash(&bytes).to_hex(), path.display());
        let used = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        let stored = folder.join("files").join(path);
        fs::create_dir_all(stored.parent().unwrap()).unwrap();
        fs::write(stored, &bytes[..used]).unwrap();
    }
    fs::write(folder.join("MANIFEST"), manifest).unwrap();
}

async fn live() -> (SimDisk, Value) {
    let (disk, clock) = (SimDisk::new(1), Arc::new(ManualClock::at(START_MS)));
    let election = TestElection::new(NODES, 1, VOTERS + 3, START_MS);
    let setup = |seed| {
        let entropy = Arc::new(SeededEntropy::new(seed));
        let seams = alone_seams(Arc::new(disk.clone()), Arc::clone(&clock) as _, entropy, Arc::new(Inline));
        AloneSetup::of(&election, Path::new(SIMULATED), seams)
    };
    setup(1).begin().await.unwrap();
    let others = other_cosigners(&election);
    let mut alone = setup(2).start().await.unwrap();
    let mut due = election.preparation();
    due.push(election.phase(1, Phase::Open));
    due.extend((0..VOTERS).map(|voter| election.identification(1, 1, voter, START_MS)));
    let (mut promises, mut published) = (Vec::<Promise>::new(), Vec::new());
    for (submission, count) in due.into_iter().zip(1_u64..) {
        clock.advance(40);
        promises.push(alone.submit(submission, VERDICT).await.unwrap());
        if count % 90 == 0 {
            clock.advance(2_000);
            let one = alone.publish(&others, clock_s(&clock)).await.unwrap();
            published.push(json!({ "size": one.checkpoint.size.get(), "note": one.note }));
        }
        if count == 100 {
            // Another term, another start.
            alone.core.shutdown().await;
            alone = setup(3).start().await.unwrap();
        }
    }
    let (size, status) = (alone.core.store().size(), alone.core.status());
    let roots = alone.core.store().roots_at(size).unwrap();
    let sampled = promises.iter().step_by(23).chain(promises.last());
    let records: Vec<Value> = sampled.map(|promise| told(&alone, promise)).collect();
    let next: Vec<String> =
        (VOTERS + 1..VOTERS + 3).map(|voter| hex::encode(election.identification(1, 1, voter, START_MS))).collect();
    let others = (2..=NODES).map(|node| {
        let name = alone.core.trust().node(node).unwrap().keys.cosigner_name.clone();
        json!({ "name": name, "key": hex::encode(secrets(node).cosigner.to_bytes()) })
    });
    let own = secrets(1);
    let mut expected = json!({
        "genesis": hex::encode(election.genesis().to_bytes()),
        "nodes": NODES,
        "secrets": {
            "cosigner": hex::encode(own.cosigner.to_bytes()),
            "log": hex::encode(own.log.to_bytes()),
            "promise": hex::encode(own.promise.to_bytes()),
            "batch": hex::encode(own.batch.to_bytes()),
        },
        "others": others.collect::<Vec<_>>(),
        "clock_ms": clock_ms(&clock),
        "size": size.get(),
        "sha256_root": hex::encode(roots.sha256.to_bytes()),
        "blake3_root": hex::encode(roots.blake3.to_bytes()),
        "term": status.term,
        "cosigned_size": status.cosigned_size,
        "published_size": status.published_size,
        "published": published,
        "records": records,
        "next": next,
    });
    disk.record();
    let last = election.identification(1, 1, VOTERS, START_MS);
    let promise = alone.submit(last, VERDICT).await.unwrap();
    expected["pending"] = json!([hex::encode(promise.record.0)]);
    (disk, expected)
}

fn clock_ms(clock: &ManualClock) -> u64 {
    tamga_platform::clock::Clock::now_ms(clock)
}

fn clock_s(clock: &ManualClock) -> u64 {
    clock_ms(clock) / 1_000
}

fn told(alone: &Alone, promise: &Promise) -> Value {
    let leaf = promise.judged.as_ref().unwrap().leaf;
    let store = alone.core.store();
    let entry = store.entries(leaf..behind(leaf), usize::MAX).unwrap().remove(0);
    let body = match store.confidential(leaf).unwrap() {
        Confidential::Kept { body, .. } => blake3::hash(&body).to_hex().to_string(),
        other => format!("{other:?}"),
    };
    json!({
        "id": hex::encode(promise.record.0),
        "leaf": leaf.get(),
        "entry": blake3::hash(&entry).to_hex().as_str(),
        "body": body,
    })
}
