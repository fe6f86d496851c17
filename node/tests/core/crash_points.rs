//! Every crash of a whole node: a lone core over the simulated disk, its journal cut everywhere, each disk that this leaves
//! started again; whatever the node had told anybody before the cut still holds.
//!
//! Byte for byte the same is done to each part beside its code: the log (`consensus`), the ledger's store (`ledger`), the
//! outbox and the cosigning memory (this crate's unit tests).

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tamga_ledger::kinds::Phase;
use tamga_ledger::note::UnverifiedCheckpoint;
use tamga_ledger::promise::Promise;
use tamga_node::testing::{Alone, AloneSetup, TestElection, alone_seams, other_cosigners};
use tamga_platform::blocking::Inline;
use tamga_platform::clock::ManualClock;
use tamga_platform::entropy::SeededEntropy;
use tamga_platform::sim_disk::{Crash, Plan, SimDisk};

const START_MS: u64 = 1_760_000_000_000;
/// More than the interval of checkpoints.
const STEP_MS: u64 = 700;
const NODES: u32 = 3;
const VOTERS: u32 = 12;
/// A voter who comes after the crash.
const LATE_VOTER: u32 = VOTERS - 1;
const VERDICT: Duration = Duration::from_secs(10);

fn block_on<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(work)
}

fn setup(election: &TestElection, disk: &SimDisk, clock: &Arc<ManualClock>) -> AloneSetup {
    let entropy = Arc::new(SeededEntropy::new(disk.changes() + 77));
    let seams = alone_seams(Arc::new(disk.clone()), Arc::clone(clock) as _, entropy, Arc::new(Inline));
    AloneSetup::of(election, Path::new("/data/node"), seams)
}

/// What the node told, each with the length of the journal when it did.
#[derive(Default)]
struct Told {
    promises: Vec<(usize, Bytes, Promise)>,
    /// Notes with this node's cosignature.
    cosigned: Vec<(usize, UnverifiedCheckpoint)>,
    published: Vec<(usize, String)>,
    /// From here on voters can be identified.
    polls_open: usize,
}

struct Story {
    disk: SimDisk,
    clock: Arc<ManualClock>,
    election: TestElection,
    told: Told,
}

impl Story {
    async fn submit(&mut self, alone: &Alone, submission: Bytes, wait: Duration) {
        self.clock.advance(STEP_MS / 4);
        let promise = alone.submit(submission.clone(), wait).await.unwrap();
        self.told.promises.push((self.disk.recorded(), submission, promise));
    }

    async fn identify(&mut self, alone: &Alone, voters: std::ops::Range<u32>, wait: Duration) {
        for voter in voters {
            let submission = self.election.identification(1, 1, voter, START_MS);
            self.submit(alone, submission, wait).await;
        }
    }

    async fn publish(&mut self, alone: &Alone) {
        let note = alone.cosigned().await.unwrap();
        let note = UnverifiedCheckpoint::from_bytes(note.to_string().as_bytes()).unwrap();
        self.told.cosigned.push((self.disk.recorded(), note));
        let published = alone.publish(&other_cosigners(&self.election), START_MS / 1_000).await.unwrap();
        self.told.published.push((self.disk.recorded(), published.note.clone()));
    }
}

/// Two lives of a node, the first one ended properly, the second one not.
async fn story() -> Story {
    let (disk, clock) = (SimDisk::new(1), Arc::new(ManualClock::at(START_MS)));
    let election = TestElection::new(NODES, 1, VOTERS, START_MS);
    setup(&election, &disk, &clock).begin().await.unwrap();
    disk.record();
    let mut story = Story { disk, clock, election, told: Told::default() };
    let start = |story: &Story| setup(&story.election, &story.disk, &story.clock);

    let alone = start(&story).start().await.unwrap();
    let mut records = story.election.preparation();
    records.push(story.election.phase(1, Phase::Open));
    for record in records {
        story.submit(&alone, record, VERDICT).await;
    }
    story.told.polls_open = story.disk.recorded();
    story.publish(&alone).await;
    story.identify(&alone, 0..3, VERDICT).await;
    story.publish(&alone).await;
    // Promised before it is judged.
    story.identify(&alone, 3..4, Duration::ZERO).await;
    alone.core.shutdown().await;
    drop(alone);

    let alone = start(&story).start().await.unwrap();
    story.identify(&alone, 4..6, VERDICT).await;
    story.publish(&alone).await;
    story.identify(&alone, 6..8, Duration::ZERO).await;
    story
}

async fn recover(crash: &Crash<'_>, disk: &SimDisk, story: &Story) {
    let clock = Arc::new(ManualClock::at(START_MS + 60_000));
    let started = setup(&story.election, disk, &clock).start().await;
    let alone = started.unwrap_or_else(|error| panic!("{crash}: the node does not start: {error}"));
    let Told { promises, cosigned, published, polls_open } = &story.told;

    for (_, submission, promise) in promises.iter().filter(|(at, ..)| *at <= crash.operations) {
        let found = |alone: &Alone| alone.core.lookup(&promise.record).is_some();
        assert!(alone.eventually(found).await, "{crash}: a promised record is lost: {promise:?}");
        if let Some(judged) = &promise.judged {
            let again = alone.submit(submission.clone(), VERDICT).await.unwrap();
            assert_eq!(again.judged.as_ref(), Some(judged), "{crash}: another verdict than was promised");
        }
    }
    for (_, note) in cosigned.iter().filter(|(at, _)| *at <= crash.operations) {
        let (claimed, remembered) = (note.claimed(), alone.core.status().cosigned_size);
        assert!(remembered >= claimed.size.get(), "{crash}: cosigned {} and forgot it: {remembered}", claimed.size);
        let roots = alone.core.store().roots_at(claimed.size).unwrap();
        assert_eq!(roots, claimed.roots, "{crash}: the ledger is not the one that was cosigned");
    }
    for (_, note) in published.iter().filter(|(at, _)| *at <= crash.operations) {
        let size = UnverifiedCheckpoint::from_bytes(note.as_bytes()).unwrap().claimed().size;
        let kept = alone.core.store().checkpoint_at(size).unwrap().map(|kept| kept.note);
        assert_eq!(kept.as_ref(), Some(note), "{crash}: a published checkpoint is lost");
        assert!(alone.core.status().published_size >= size.get(), "{crash}: {size} was published");
    }
    if *polls_open <= crash.operations {
        let late = story.election.identification(1, 1, LATE_VOTER, START_MS);
        let promise = alone.submit(late, VERDICT).await.unwrap();
        let verdict = promise.judged.map(|judged| judged.verdict);
        assert!(verdict.is_some_and(|verdict| verdict.is_accepted()), "{crash}: the node does not go on");
    }
}

/// Every `PARTS`-th crash from the `part`-th on: the parts run beside each other.
fn every_crash(plan: &Plan, part: usize) -> usize {
    let story = block_on(story());
    let journal = story.disk.journal();
    let told = &story.told;
    let promises = told.promises.iter().map(|(at, ..)| *at);
    let notes = told.cosigned.iter().map(|(at, _)| *at).chain(told.published.iter().map(|(at, _)| *at));
    let places: Vec<usize> = promises.chain(notes).collect();
    let mut number = 0;
    journal.each_crash(plan, &places, |crash, disk| {
        if number % PARTS == part {
            block_on(recover(crash, &disk, &story));
        }
        number += 1;
    })
}

const PARTS: usize = 4;
const SOME: Plan = Plan { cuts_max: 2, combined_max: 2, outcomes: 2 };

#[test]
fn a_node_that_dies_anywhere_keeps_what_it_has_told() {
    let crashes = every_crash(&SOME, 0);
    assert!(crashes > 500, "{crashes}");
}

#[test]
fn a_node_that_dies_anywhere_keeps_what_it_has_told_part_2() {
    every_crash(&SOME, 1);
}

#[test]
fn a_node_that_dies_anywhere_keeps_what_it_has_told_part_3() {
    every_crash(&SOME, 2);
}

#[test]
fn a_node_that_dies_anywhere_keeps_what_it_has_told_part_4() {
    every_crash(&SOME, 3);
}

#[test]
#[ignore = "many minutes: more cuts within each write, more outcomes of what was not synced"]
fn a_node_that_dies_anywhere_keeps_what_it_has_told_thoroughly() {
    let plan = Plan { cuts_max: 16, combined_max: 4, outcomes: 16 };
    let crashes = (0..PARTS).map(|part| every_crash(&plan, part)).fold(0, |_, all_parts| all_parts);
    assert!(crashes > 5_000, "{crashes}");
}
