//! Every crash of a node that comes late and catches up, twice: its journal cut everywhere, each disk that this leaves
//! started again beside the same others. A transfer is finished or the node is as it was; either way it ends with the
//! ledger of the others and with everything it had told.
//!
//! ```text
//! node 1: alone with the vote, its log purged below each published checkpoint      node 2: a learner, on the disk that is cut
//!      └────────────── snapshot, log ─────────────────────────────────────────────────►┘ │
//!      ▲───────────────────────────────────────── entries, a few at a time ◄─────────────┘
//! ```

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::{Extension, Router};
use bytes::Bytes;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::service::TowerToHyperService;
use tamga_consensus::{Dialer, Member, NodeId, PeerIdentity, Stream};
use tamga_ledger::ids::RecordId;
use tamga_ledger::kinds::Phase;
use tamga_ledger::note::UnverifiedCheckpoint;
use tamga_ledger::promise::Promise;
use tamga_ledger::tree::{LeafIndex, TreeSize};
use tamga_node::core::{Answer, Core, CoreError, CoreSeams, CoreSetup, Tuning};
use tamga_node::testing::{Alone, AloneSetup, TestElection, alone_seams, alone_tuning, other_cosigners, secrets};
use tamga_platform::blocking::Inline;
use tamga_platform::clock::ManualClock;
use tamga_platform::disk::Disk as _;
use tamga_platform::entropy::SeededEntropy;
use tamga_platform::sim_disk::{Crash, Plan, SimDisk};
use tokio::io::DuplexStream;
use tokio::task::JoinSet;

use crate::catchup::shaped;

const START_MS: u64 = 1_760_000_000_000;
/// More than the interval of checkpoints.
const STEP_MS: u64 = 700;
const NODES: u32 = 3;
const VOTERS: u32 = 12;
const SOURCE: u32 = 1;
const LATE: u32 = 2;
const VERDICT: Duration = Duration::from_secs(10);

fn block_on<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(work)
}

fn folder_of(node: u32) -> PathBuf {
    Path::new("/data").join(format!("node-{node}"))
}

fn member(node: u32) -> Member {
    Member { id: NodeId(u64::from(node)), address: format!("127.0.0.1:{node}") }
}

/// Who is there: what they serve, and to whom.
#[derive(Debug, Default)]
struct Hub(Mutex<BTreeMap<u32, (Router, JoinSet<()>)>>);

impl Hub {
    fn comes(&self, node: u32, router: Router) {
        self.0.lock().unwrap().insert(node, (router, JoinSet::new()));
    }

    /// Its connections end with it.
    fn goes(&self, node: u32) {
        self.0.lock().unwrap().remove(&node);
    }

    fn connect(&self, from: u32, to: u32) -> Option<DuplexStream> {
        let mut all = self.0.lock().unwrap();
        let (router, served) = all.get_mut(&to)?;
        let (near, far) = tokio::io::duplex(1 << 20);
        let service = router.clone().layer(Extension(PeerIdentity(NodeId(u64::from(from)))));
        served.spawn(async move {
            let server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new()).http2_only();
            let _ = server.serve_connection(TokioIo::new(far), TowerToHyperService::new(service)).await;
        });
        Some(near)
    }
}

/// Connections in memory.
#[derive(Debug)]
struct Wire {
    hub: Arc<Hub>,
    from: u32,
}

#[async_trait::async_trait]
impl Dialer for Wire {
    async fn dial(&self, to: NodeId, _: &str) -> io::Result<Box<dyn Stream>> {
        match self.hub.connect(self.from, to.0 as u32) {
            Some(near) => Ok(Box::new(near)),
            // Not refused: at the speed of a paused clock it would be asked without end.
            None => std::future::pending().await,
        }
    }
}

/// The two nodes, as far as they outlive their processes.
struct Stage {
    election: TestElection,
    source: SimDisk,
    clock: Arc<ManualClock>,
    hub: Arc<Hub>,
}

impl Stage {
    fn new(election: TestElection, source: SimDisk, now_ms: u64) -> Self {
        Self { election, source, clock: Arc::new(ManualClock::at(now_ms)), hub: Arc::default() }
    }

    fn wire(&self, from: u32) -> Arc<Wire> {
        Arc::new(Wire { hub: Arc::clone(&self.hub), from })
    }

    fn tuning() -> Tuning {
        Tuning { compact_entries: 1, log_entries_kept: 0, save_entries: 4, ..alone_tuning() }
    }

    fn source_setup(&self) -> AloneSetup {
        let entropy = Arc::new(SeededEntropy::new(self.source.changes() + 77));
        let mut seams =
            alone_seams(Arc::new(self.source.clone()), Arc::clone(&self.clock) as _, entropy, Arc::new(Inline));
        seams.dialer = self.wire(SOURCE);
        let mut setup = AloneSetup::of(&self.election, &folder_of(SOURCE), seams);
        setup.tuning = Self::tuning();
        setup
    }

    async fn start_source(&self) -> Alone {
        let alone = self.source_setup().start().await.unwrap();
        self.hub.comes(SOURCE, shaped(&alone.core, Arc::new(Ok)));
        alone
    }

    async fn start_late(&self, disk: &SimDisk) -> Result<Arc<Core>, CoreError> {
        let setup = CoreSetup {
            node: LATE,
            genesis: self.election.genesis().clone(),
            data_dir: folder_of(LATE),
            keys: secrets(LATE).into(),
            members: (1..=NODES).map(member).collect(),
            tuning: Self::tuning(),
            cluster_epoch: None,
        };
        let seams = CoreSeams {
            disk: Arc::new(disk.clone()),
            clock: Arc::clone(&self.clock) as _,
            entropy: Arc::new(SeededEntropy::new(disk.changes() + 99)),
            blocking: Arc::new(Inline),
            dialer: self.wire(LATE),
        };
        let core = Core::start(setup, seams).await?;
        self.hub.comes(LATE, shaped(&core, Arc::new(Ok)));
        Ok(core)
    }

    async fn stop_late(&self, core: &Core) {
        self.hub.goes(LATE);
        core.shutdown().await;
    }

    async fn judged(&self, alone: &Alone, record: Bytes) {
        self.clock.advance(STEP_MS / 4);
        let promise = alone.submit(record, VERDICT).await.unwrap();
        assert!(promise.judged.expect("a verdict").verdict.is_accepted());
    }

    async fn identify(&self, alone: &Alone, voters: std::ops::Range<u32>) {
        for voter in voters {
            self.judged(alone, self.election.identification(1, 1, voter, START_MS)).await;
        }
    }

    /// Publishes what there is, and waits until nothing below it is in the log.
    async fn publish(&self, alone: &Alone) -> u64 {
        let published = alone.publish(&other_cosigners(&self.election), START_MS / 1_000).await.unwrap();
        let purged = |alone: &Alone| {
            let status = alone.core.status();
            status.snapshot_index > 0 && status.log_purged >= status.snapshot_index
        };
        assert!(alone.eventually(purged).await, "{:?}", alone.core.status());
        published.checkpoint.size.get()
    }
}

/// Waits until `holds`; what the late node says of itself if it never does.
async fn eventually(what: &str, core: &Core, holds: impl Fn(&Core) -> bool) -> Result<(), String> {
    for _ in 0..24_000 {
        if core.status().fatal.is_some() {
            break;
        }
        if holds(core) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Err(format!("never: {what}: {:?}", core.status()))
}

/// What the late node told, each with the length of its journal when it did.
#[derive(Default)]
struct Told {
    promises: Vec<(usize, Promise)>,
    published: Vec<(usize, TreeSize)>,
    cosigned: Vec<(usize, UnverifiedCheckpoint)>,
}

struct Story {
    source: SimDisk,
    late: SimDisk,
    told: Told,
}

impl Story {
    async fn submit(&mut self, stage: &Stage, late: &Core, voter: u32, wait: Duration) -> RecordId {
        stage.clock.advance(STEP_MS / 4);
        let record = stage.election.identification(1, 1, voter, START_MS);
        let Answer::Promise(bytes) = late.submit(record, Some(wait)).await else { panic!("no promise") };
        let key = |id| late.trust().node(id).map(|node| node.keys.promise_key);
        let promise = Promise::verify(&bytes, key).unwrap();
        self.told.promises.push((self.late.recorded(), promise.clone()));
        promise.record
    }

    fn shown(&mut self, late: &Core) {
        let size = TreeSize::new(late.status().published_size).unwrap();
        self.told.published.push((self.late.recorded(), size));
    }

    async fn cosigned(&mut self, late: &Core) {
        let size = TreeSize::new(late.status().cosigned_size).unwrap();
        let note = late.cosignatures(size).await;
        let note = UnverifiedCheckpoint::from_bytes(note.as_bytes()).unwrap();
        self.told.cosigned.push((self.late.recorded(), note));
    }
}

async fn reached(late: &Core, size: u64) {
    let there = |late: &Core| late.status().published_size >= size && late.status().is_ready();
    eventually("the late node has what was published", late, there).await.unwrap();
}

/// A first life in which it takes everything from the others, a while in which it is away, a second life.
async fn story() -> Story {
    let (election, source, late) = (TestElection::new(NODES, 1, VOTERS, START_MS), SimDisk::new(1), SimDisk::new(2));
    let stage = Stage::new(election, source.clone(), START_MS);
    stage.source_setup().begin().await.unwrap();
    let alone = stage.start_source().await;
    let mut records = stage.election.preparation();
    records.push(stage.election.phase(1, Phase::Open));
    for record in records {
        stage.judged(&alone, record).await;
    }
    stage.publish(&alone).await;
    stage.identify(&alone, 0..3).await;
    alone.core.consensus().unwrap().add_learner(member(LATE)).await.unwrap();
    stage.identify(&alone, 3..4).await;
    let size = stage.publish(&alone).await;

    let mut born = stage.source_setup();
    (born.folder, born.seams.disk) = (folder_of(LATE), Arc::new(late.clone()));
    born.begin_as(LATE, &(1..=NODES).collect::<Vec<_>>()).await.unwrap();
    late.record();
    let mut story = Story { source, late, told: Told::default() };
    let core = stage.start_late(&story.late).await.unwrap();
    reached(&core, size).await;
    story.shown(&core);
    story.submit(&stage, &core, 4, VERDICT).await;
    let judged = stage.publish(&alone).await;
    reached(&core, judged).await;
    story.shown(&core);
    story.cosigned(&core).await;
    stage.stop_late(&core).await;
    drop(core);

    stage.identify(&alone, 5..8).await;
    let size = stage.publish(&alone).await;
    stage.identify(&alone, 8..9).await;
    let core = stage.start_late(&story.late).await.unwrap();
    reached(&core, size).await;
    story.shown(&core);
    // Promised before it is judged.
    let promised = story.submit(&stage, &core, 9, Duration::ZERO).await;
    eventually("it is judged", &core, |late| late.lookup(&promised).is_some()).await.unwrap();
    let size = stage.publish(&alone).await;
    reached(&core, size).await;
    story.shown(&core);
    story.cosigned(&core).await;
    alone.core.shutdown().await;
    story
}

async fn recover(crash: &Crash<'_>, disk: &SimDisk, story: &Story) {
    let election = TestElection::new(NODES, 1, VOTERS, START_MS);
    let stage = Stage::new(election, story.source.fork(9), START_MS + 60_000);
    let alone = stage.start_source().await;
    let late = stage.start_late(disk).await;
    let late = late.unwrap_or_else(|error| panic!("{crash}: the node does not start: {error}"));
    let Told { promises, published, cosigned } = &story.told;

    let has_all = |late: &Core| {
        let size = late.store().size();
        late.status().is_ready() && size > TreeSize::ZERO && size == alone.core.store().size()
    };
    eventually("it has the ledger of the others", &late, has_all).await.unwrap_or_else(|why| panic!("{crash}: {why}"));
    // What it had promised and nobody else had yet makes both ledgers grow in here.
    for (_, promise) in promises.iter().filter(|(at, _)| *at <= crash.operations) {
        let kept = eventually("a promise is kept", &late, |late| late.lookup(&promise.record).is_some()).await;
        kept.unwrap_or_else(|why| panic!("{crash}: {promise:?}: {why}"));
    }
    let (ours, theirs) = (late.store(), alone.core.store());
    let size = ours.size().min(theirs.size());
    assert_eq!(ours.roots_at(size).unwrap(), theirs.roots_at(size).unwrap(), "{crash}: another ledger");
    for leaf in (0..size.get()).map(|leaf| LeafIndex::new(leaf).unwrap()) {
        assert_eq!(ours.entry(leaf).unwrap(), theirs.entry(leaf).unwrap(), "{crash}: entry {leaf}");
        assert_eq!(ours.confidential(leaf).unwrap(), theirs.confidential(leaf).unwrap(), "{crash}: body {leaf}");
    }
    for (_, size) in published.iter().filter(|(at, _)| *at <= crash.operations) {
        assert!(
            ours.checkpoint_at(*size).unwrap().is_some(),
            "{crash}: the checkpoint of {size} was shown and is lost"
        );
        assert!(late.status().published_size >= size.get(), "{crash}: {size} was shown");
    }
    for (_, note) in cosigned.iter().filter(|(at, _)| *at <= crash.operations) {
        let claimed = note.claimed();
        assert!(late.status().cosigned_size >= claimed.size.get(), "{crash}: cosigned {} and forgot it", claimed.size);
        assert_eq!(ours.roots_at(claimed.size).unwrap(), claimed.roots, "{crash}: it cosigned another ledger");
    }
    assert!(disk.read(&folder_of(LATE).join("catchup"), 1 << 20).is_err(), "{crash}: the mark of a transfer stands");
    stage.stop_late(&late).await;
}

const PARTS: usize = 2;
const SOME: Plan = Plan { cuts_max: 2, combined_max: 2, outcomes: 2 };

/// Every `PARTS`-th crash from the `part`-th on. Those within outbox and cosigning memory are tried beside their code.
fn every_crash(plan: &Plan, part: usize) -> usize {
    let story = block_on(story());
    let journal = story.late.journal();
    let told = &story.told;
    let places = told.promises.iter().map(|(at, _)| *at).chain(told.published.iter().map(|(at, _)| *at));
    let places: Vec<usize> = places.chain(told.cosigned.iter().map(|(at, _)| *at)).collect();
    let elsewhere = |at: usize| {
        let path = journal.operations().get(at).map(|operation| operation.path());
        path.is_some_and(|path| path.starts_with(folder_of(LATE).join("outbox")))
    };
    let (mut number, mut tried) = (0, 0);
    journal.each_crash(plan, &places, |crash, disk| {
        if crash.operations > 0 && elsewhere(crash.operations) && elsewhere(crash.operations - 1) {
            return;
        }
        if number % PARTS == part {
            block_on(recover(crash, &disk, &story));
            tried += 1;
        }
        number += 1;
    });
    tried
}

#[test]
fn a_node_that_dies_anywhere_while_it_catches_up_ends_with_the_ledger_of_the_others() {
    let crashes = every_crash(&SOME, 0);
    assert!(crashes > 300, "{crashes}");
}

#[test]
fn a_node_that_dies_anywhere_while_it_catches_up_ends_with_the_ledger_of_the_others_part_2() {
    every_crash(&SOME, 1);
}

#[test]
#[ignore = "many minutes: more cuts within each write, more outcomes of what was not synced"]
fn a_node_that_dies_anywhere_while_it_catches_up_ends_with_the_ledger_of_the_others_thoroughly() {
    let plan = Plan { cuts_max: 16, combined_max: 4, outcomes: 16 };
    let crashes: usize = (0..PARTS).map(|part| every_crash(&plan, part)).sum();
    assert!(crashes > 2_000, "{crashes}");
}
