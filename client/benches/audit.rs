//! What an audit costs beside the signatures in it: `cargo bench --package tamga-client --bench audit [-- ENTRIES [VOTERS memory]]`.
//! With `memory` nothing is timed: a long ledger needs one audit only. VOTERS are on the roll beside the few of the small election.
//!
//! # Method
//! A ledger of ENTRIES reports (default 100,000), each signed by two members of a station, is made once, written as a copy with
//! `tamga download`'s code, and read from the disk by everything below, in this order and three times over, so that what else runs on the
//! machine falls on all of them alike. The median of three is printed, with the load of the machine before and after.
//!
//! - *raw*: the same signatures, keys decompressed beforehand, strictly verified on all cores; nothing else.
//! - *raw, keys too*: the same, each key decompressed again.
//! - *audit*: `tamga_client::verify::audit` of the copy: reading, parsing, signatures, every verdict, two trees, all tiles.
//! - *memory*: the highest resident size of the program `tamga audit` over the copy, from `/proc` while it runs. What grows with the
//!   ledger is said by running this with two sizes: the state has 9 to 10¼ bytes for each entry and 20 for each voter.
//! - *proofs*: inclusion in both trees at 8,388,608 leaves, 23 hashes each, leaf hashing included; one core.
//! - *start*: `tamga --version`, from spawning to its end, median of 50. *size*: of the program as built for this run, and stripped where
//!   `strip` is there.

#![allow(clippy::unwrap_used, missing_docs, reason = "a measurement")]

#[path = "../tests/common/mod.rs"]
mod common;
#[path = "../tests/common/mirror.rs"]
mod mirror;

use common::{ORGANISATIONS, World};
use mirror::StoreSource;
use rayon::prelude::*;
use std::hint::black_box;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tamga_client::author::phase;
use tamga_client::source::{DirectorySource, download};
use tamga_client::verify::{Opened, audit};
use tamga_ledger::entry::{Entry, Payload};
use tamga_ledger::ids::{PublicKey, Signature};
use tamga_ledger::kinds::Phase;
use tamga_ledger::sign::{self, Domain, VerificationKey};
use tamga_ledger::submission::KeySource;
use tamga_ledger::tree::{
    Blake3Tree, Hash, InclusionProof, LeafHashes, LeafIndex, Roots, Sha256Tree, TreeHash, TreeHead, TreeSize,
    TwinInclusionProof,
};
use tamga_platform::disk::OsDisk;

const ROUNDS: usize = 3;

fn main() {
    let mut numbers = std::env::args().skip(1).filter_map(|argument| argument.parse::<usize>().ok());
    let entries = numbers.next().unwrap_or(100_000);
    println!("load before: {}", load());
    let mut world = World::with_voters(numbers.next().unwrap_or(0));
    world.seal_roll();
    world.open_all();
    for number in 0..entries {
        let report = world.report((number % 3 + 1) as u32, &phase(Phase::Balance));
        world.time_ms -= 99;
        world.submit(report);
    }
    let folder = tempfile::tempdir().unwrap();
    let source = StoreSource::of(&world, world.checkpoint(&ORGANISATIONS));
    download(&source, &world.trust, &OsDisk, folder.path(), |_, _| {}).unwrap();
    let tamga = Path::new(env!("CARGO_BIN_EXE_tamga"));
    if std::env::args().any(|argument| argument == "memory") {
        drop(source);
        println!(
            "memory:         {} KiB at most, {} entries",
            memory(tamga, folder.path(), &world),
            world.entries.len()
        );
        return;
    }
    let signatures = signatures(&world);
    println!(
        "{} entries, {} signatures, {} cores",
        world.entries.len(),
        signatures.len(),
        rayon::current_num_threads()
    );
    let (mut raw, mut keys, mut whole) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        raw.push(timed(|| {
            assert!(signatures.par_iter().all(|one| one.point.verify(Domain::Record, &one.record, &one.signature)))
        }));
        keys.push(timed(|| {
            assert!(signatures.par_iter().all(|one| sign::verify(
                &one.key,
                Domain::Record,
                &one.record,
                &one.signature
            )))
        }));
        whole.push(timed(|| {
            let source = DirectorySource::new(Arc::new(OsDisk), folder.path());
            let opened = Opened::open(&source, world.scribe.election()).unwrap();
            assert!(audit(&opened, |_, _| {}).unwrap().report.ok);
        }));
    }
    let rate = |times: &mut Vec<Duration>| signatures.len() as f64 / median(times).as_secs_f64();
    let (raw, keys, whole) = (rate(&mut raw), rate(&mut keys), rate(&mut whole));
    println!("raw:            {raw:>9.0} signatures/s");
    println!("raw, keys too:  {keys:>9.0} signatures/s");
    println!(
        "audit:          {whole:>9.0} signatures/s = {:.1} % of raw, {:.1} % of raw with keys",
        100.0 * whole / raw,
        100.0 * whole / keys
    );
    println!("memory:         {} KiB at most, {} entries", memory(tamga, folder.path(), &world), world.entries.len());
    println!("proof:          {:.2} us, both trees, 8,388,608 leaves", proof());
    println!("start:          {:.1} ms", start(tamga).as_secs_f64() * 1e3);
    size(tamga, folder.path());
    println!("load after: {}", load());
}

struct Signed {
    key: PublicKey,
    point: VerificationKey,
    record: Vec<u8>,
    signature: Signature,
}

/// Every signature of every record, with its key.
fn signatures(world: &World) -> Vec<Signed> {
    let mut all = Vec::new();
    for (bytes, _) in &world.entries {
        let Payload::Full(signed) = Entry::from_bytes(bytes).unwrap().payload else { continue };
        let record = signed.parse().unwrap();
        for (id, signature) in record.signers.iter().zip(&signed.signatures) {
            let Some(key) = world.state.key(id).map(|entry| entry.key) else { continue };
            let point = world.state.find(id).unwrap();
            all.push(Signed { key, point, record: signed.record.clone(), signature: *signature });
        }
    }
    all
}

fn timed(work: impl FnOnce()) -> Duration {
    let started = Instant::now();
    work();
    started.elapsed()
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn load() -> String {
    std::fs::read_to_string("/proc/loadavg").map_or_else(|_| "unknown".to_owned(), |load| load.trim().to_owned())
}

/// The highest resident size of `tamga audit`, in KiB.
fn memory(tamga: &Path, folder: &Path, world: &World) -> u64 {
    let mut child = Command::new(tamga)
        .args(["--json", "audit", &folder.display().to_string(), "--genesis", &world.scribe.election().to_string()])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut highest = 0;
    loop {
        // What the kernel has counted; gone once the process has ended.
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let now = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0);
        highest = highest.max(now);
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success());
            return highest;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Microseconds a verification.
fn proof() -> f64 {
    let (leaf, entry) = (LeafIndex::new(5_555_555).unwrap(), vec![7; 350]);
    let (sha256, sha256_root) = path::<Sha256Tree>(leaf, Sha256Tree::leaf(&entry));
    let (blake3, blake3_root) = path::<Blake3Tree>(leaf, Blake3Tree::leaf(&entry));
    let proof = TwinInclusionProof { sha256, blake3 };
    let roots = Roots { sha256: sha256_root, blake3: blake3_root };
    let head = TreeHead { size: TreeSize::new(1 << 23).unwrap(), roots };
    assert!(proof.verify(&entry, leaf, &head).is_ok());
    assert!(proof.verify_leaf(LeafHashes::of(&entry), leaf, &head).is_ok());
    const TIMES: u32 = 20_000;
    let mut rounds: Vec<Duration> = (0..ROUNDS)
        .map(|_| timed(|| (0..TIMES).for_each(|_| black_box(&proof).verify(black_box(&entry), leaf, &head).unwrap())))
        .collect();
    median(&mut rounds).as_secs_f64() * 1e6 / f64::from(TIMES)
}

/// A path of made-up neighbours in a full tree of 2²³ leaves, and the root that it leads to.
fn path<H: TreeHash>(leaf: LeafIndex, hash: Hash) -> (InclusionProof<H>, Hash) {
    let (mut at, mut node, mut hashes) = (leaf.get(), hash, Vec::new());
    for level in 0..23_u8 {
        let neighbour = Hash::new([level; 32]);
        node = if at & 1 == 0 { H::node(&node, &neighbour) } else { H::node(&neighbour, &node) };
        hashes.push(neighbour);
        at >>= 1;
    }
    (InclusionProof::new(hashes).unwrap(), node)
}

fn start(tamga: &Path) -> Duration {
    let once =
        || timed(|| assert!(Command::new(tamga).arg("--version").stdout(Stdio::null()).status().unwrap().success()));
    median(&mut (0..50).map(|_| once()).collect::<Vec<_>>())
}

fn size(tamga: &Path, folder: &Path) {
    let stripped = folder.join("tamga-stripped");
    let strip = Command::new("strip").arg("-o").arg(&stripped).arg(tamga).status();
    let bytes = |path: &Path| std::fs::metadata(path).map_or(0, |file| file.len());
    let stripped = match strip {
        Ok(status) if status.success() => format!("{} bytes stripped", bytes(&stripped)),
        _ => "not stripped: there is no strip here".to_owned(),
    };
    println!("size:           {} bytes, {stripped}", bytes(tamga));
}
