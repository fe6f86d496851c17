//! How long a node takes to start on a long ledger: `TAMGA_BENCH_ENTRIES=2000000 cargo bench --package tamga-node --bench start`.
//!
//! Method: a ledger of identifications (two signatures each, confidential bodies, a published checkpoint every 1,000
//! entries) is built straight into a node's folder. The node is then started three times: with everything to replay, with
//! the state that it saved at its end, and with a tail behind the saved state as a crash leaves it. Time is from the call to
//! the running core; nobody else is there, so that it does not include catching up.

#![allow(clippy::unwrap_used, unreachable_pub, dead_code, reason = "a measurement that shares the tests' cluster")]

#[path = "../tests/core/cluster.rs"]
mod cluster;

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use rayon::prelude::*;
use tamga_ledger::ids::ElectionId;
use tamga_ledger::judge::{Integrated, NewLeaf};
use tamga_ledger::kinds::Phase;
use tamga_ledger::note::{Checkpoint, CosignerKey, KeyName, LogKey, SignedNote};
use tamga_ledger::state::State;
use tamga_ledger::store::{LogPosition, NewEntry, Options, Store};
use tamga_ledger::submission::{Authentic, authenticate};
use tamga_ledger::trust::Trust;
use tamga_node::testing::{TestElection, secrets};
use tamga_platform::disk::OsDisk;

use cluster::{Cluster, now_ms};

const VOTERS: u32 = 3_400;
const FRAME: usize = 500;
/// Entries behind the saved state in the third start; a node saves every so many.
const TAIL: u64 = 10_000;

#[tokio::main]
async fn main() {
    let level = tracing_subscriber::fmt().with_env_filter(tracing_subscriber::EnvFilter::from_default_env());
    level.init();
    let entries = std::env::var("TAMGA_BENCH_ENTRIES").ok().and_then(|text| text.parse().ok()).unwrap_or(50_000_u64);
    let stations = u32::try_from((entries + TAIL) / u64::from(VOTERS) + 1).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut cluster = Cluster::new(folder.path(), TestElection::new(3, stations, VOTERS, now_ms()));
    cluster.tuning.save_entries = u64::MAX;
    // An empty log with its members.
    cluster.start_node(1).await;
    cluster.stop_node(1).await;

    let ledger = cluster.node_folder(1).join("ledger");
    let mut builder = Builder::open(&ledger, Arc::clone(&cluster.election), stations);
    let begun = Instant::now();
    builder.prepare();
    builder.identify(entries);
    println!("built {} entries in {:.1} s", builder.state.head().size, begun.elapsed().as_secs_f64());
    drop(builder.store.take());

    start(&mut cluster, "everything replayed").await;
    start(&mut cluster, "from the saved state").await;

    builder.reopen(&ledger);
    builder.identify(TAIL);
    drop(builder.store.take());
    start(&mut cluster, &format!("from the saved state and {TAIL} entries behind it")).await;
}

async fn start(cluster: &mut Cluster, what: &str) {
    let begun = Instant::now();
    cluster.start_node(1).await;
    let took = begun.elapsed();
    let replayed = cluster.core(1).status().replayed_entries;
    let begun = Instant::now();
    cluster.stop_node(1).await;
    println!(
        "{what}: started in {:.2} s, {replayed} entries replayed; stopped in {:.2} s",
        took.as_secs_f64(),
        begun.elapsed().as_secs_f64()
    );
}

/// Builds a ledger as a node would have it, without consensus.
struct Builder {
    election: Arc<TestElection>,
    trust: Trust,
    stations: u32,
    state: State,
    store: Option<Store>,
    index: u64,
    voter: u64,
}

fn open(ledger: &Path) -> Option<Store> {
    Some(Store::open(Arc::new(OsDisk), ledger, Options::default()).unwrap().0)
}

impl Builder {
    fn open(ledger: &Path, election: Arc<TestElection>, stations: u32) -> Self {
        let trust = Trust::from_submission(election.genesis().clone(), None).unwrap();
        Self { election, trust, stations, state: State::empty(), store: open(ledger), index: 0, voter: 0 }
    }

    fn reopen(&mut self, ledger: &Path) {
        self.store = open(ledger);
    }

    fn prepare(&mut self) {
        let genesis = authenticate(&self.election.genesis().to_bytes(), &ElectionId::ZERO, &self.state).unwrap();
        self.append(vec![genesis]);
        let mut records = self.election.preparation();
        records.extend((1..=self.stations).map(|station| self.election.phase(station, Phase::Open)));
        for record in records {
            let record = authenticate(&record, &self.election.id(), &self.state).unwrap();
            self.append(vec![record]);
        }
    }

    fn identify(&mut self, entries: u64) {
        let end = self.voter + entries;
        while self.voter < end {
            let voters = self.voter..end.min(self.voter + FRAME as u64);
            self.voter = voters.end;
            let (election, state, stations, now) = (&self.election, &self.state, u64::from(self.stations), now_ms());
            let records: Vec<Authentic> = voters
                .into_par_iter()
                .map(|voter| {
                    let (station, voter) = ((voter % stations) as u32 + 1, (voter / stations) as u32);
                    let record = election.identification(station, station, voter, now);
                    authenticate(&record, &election.id(), state).unwrap()
                })
                .collect();
            self.append(records);
            if self.voter.is_multiple_of(1_000) {
                self.publish();
            }
        }
        self.publish();
        self.store.as_ref().unwrap().sync().unwrap();
    }

    fn append(&mut self, records: Vec<Authentic>) {
        let leaves: Vec<NewLeaf> = records
            .into_iter()
            .map(|record| match self.state.integrate(now_ms(), record) {
                Integrated::Leaf(leaf) => *leaf,
                other => panic!("{other:?}"),
            })
            .collect();
        let class = |leaf: &NewLeaf| leaf.kind.confidential_class().map_or(0, |class| class as u8);
        let entries: Vec<NewEntry<'_>> = leaves
            .iter()
            .map(|leaf| NewEntry { entry: &leaf.entry, confidential: &leaf.confidential, class: class(leaf) })
            .collect();
        self.index += 1;
        let position = LogPosition { term: 1, leader: 1, index: self.index };
        self.store.as_ref().unwrap().append(position, &entries).unwrap();
    }

    fn publish(&self) {
        let head = self.state.head();
        let checkpoint = Checkpoint { origin: self.trust.origin().clone(), size: head.size, roots: head.roots };
        let mut note = SignedNote::unsigned(checkpoint.to_string()).unwrap();
        for node in 1..=3 {
            let name = KeyName::new(&self.trust.node(node).unwrap().keys.cosigner_name).unwrap();
            let line = CosignerKey::new(name, secrets(node).cosigner).unwrap().cosign(&note, now_ms() / 1_000).unwrap();
            note.add(line).unwrap();
        }
        let line = LogKey::new(self.trust.origin().clone(), secrets(1).log).unwrap().sign(&note);
        note.add(line).unwrap();
        self.store.as_ref().unwrap().archive_checkpoint(head.size, now_ms(), &note.to_string()).unwrap();
    }
}
