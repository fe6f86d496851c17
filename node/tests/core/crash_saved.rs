//! Every crash around the files of the saved judging state: a start loads it right or not at all. And what was saved is used:
//! a start judges no more again than what came since.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tamga_ledger::kinds::Phase;
use tamga_ledger::saved::{self, HEAD_BYTES_MAX, Mark};
use tamga_node::core::Tuning;
use tamga_node::testing::{Alone, AloneSetup, TestElection, alone_seams, alone_tuning, other_cosigners};
use tamga_platform::blocking::Inline;
use tamga_platform::clock::ManualClock;
use tamga_platform::disk::Disk as _;
use tamga_platform::entropy::SeededEntropy;
use tamga_platform::sim_disk::{Crash, Plan, SimDisk};

const START_MS: u64 = 1_760_000_000_000;
/// More than the interval of checkpoints.
const STEP_MS: u64 = 700;
const NODES: u32 = 3;
const VOTERS: u32 = 16;
const SAVE_ENTRIES: u64 = 3;
const VERDICT: Duration = Duration::from_secs(10);

fn block_on<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(work)
}

fn state_folder() -> PathBuf {
    Path::new("/data/node/state").to_owned()
}

fn setup(election: &TestElection, disk: &SimDisk, clock: &Arc<ManualClock>) -> AloneSetup {
    let entropy = Arc::new(SeededEntropy::new(31));
    let seams = alone_seams(Arc::new(disk.clone()), Arc::clone(clock) as _, entropy, Arc::new(Inline));
    let tuning = Tuning { save_entries: SAVE_ENTRIES, ..alone_tuning() };
    AloneSetup { tuning, ..AloneSetup::of(election, Path::new("/data/node"), seams) }
}

/// Up to where the state is saved, as its head says.
fn saved_size(election: &TestElection, disk: &SimDisk) -> u64 {
    let head = disk.read(&state_folder().join("head"), HEAD_BYTES_MAX).unwrap_or_default();
    saved::peek(&head, &election.id()).map_or(0, |peek| peek.head.size.get())
}

/// Everything that is saved, in one canonical form.
fn dump(election: &TestElection, disk: &SimDisk) -> Vec<u8> {
    let head = disk.read(&state_folder().join("head"), HEAD_BYTES_MAX).unwrap();
    let journal = disk.read(&state_folder().join("journal"), 1 << 24).unwrap();
    let state = saved::load(&head, &mut journal.as_slice(), &election.id()).unwrap().state;
    let (mut mark, mut bytes) = (Mark::new(), Vec::new());
    loop {
        let step = state.save(&mark, None);
        bytes.extend(step.append);
        mark = step.mark;
        if let Some(head) = step.head {
            return [bytes, head].concat();
        }
    }
}

struct Story {
    disk: SimDisk,
    clock: Arc<ManualClock>,
    election: TestElection,
    /// Length of the journal, and the size that was saved by then.
    saved: Vec<(usize, u64)>,
}

impl Story {
    async fn identify(&mut self, alone: &Alone, voters: std::ops::Range<u32>) {
        for voter in voters {
            self.clock.advance(STEP_MS / 4);
            let record = self.election.identification(1, 1, voter, START_MS);
            assert!(alone.submit(record, VERDICT).await.unwrap().judged.is_some());
        }
        self.publish(alone).await;
    }

    /// Publishes, and waits until that is saved.
    async fn publish(&mut self, alone: &Alone) {
        self.clock.advance(STEP_MS);
        let cut = |alone: &Alone| alone.core.status().cut_size == alone.core.store().size().get();
        assert!(alone.eventually(cut).await, "after a while without records all of them are cut");
        alone.publish(&other_cosigners(&self.election), START_MS / 1_000).await.unwrap();
        let size = alone.core.store().size().get();
        let due = size.saturating_sub(SAVE_ENTRIES);
        assert!(alone.eventually(|_| saved_size(&self.election, &self.disk) > due).await, "{size}");
        self.saved.push((self.disk.recorded(), saved_size(&self.election, &self.disk)));
    }
}

/// Two lives with several saves each; the first one ends properly, which saves once more.
async fn story() -> Story {
    let (disk, clock) = (SimDisk::new(1), Arc::new(ManualClock::at(START_MS)));
    let election = TestElection::new(NODES, 1, VOTERS, START_MS);
    setup(&election, &disk, &clock).begin().await.unwrap();
    disk.record();
    let mut story = Story { disk, clock, election, saved: Vec::new() };
    let start = |story: &Story| setup(&story.election, &story.disk, &story.clock);

    let alone = start(&story).start().await.unwrap();
    let mut records = story.election.preparation();
    records.push(story.election.phase(1, Phase::Open));
    for record in records {
        story.clock.advance(STEP_MS / 4);
        assert!(alone.submit(record, VERDICT).await.unwrap().judged.is_some());
    }
    story.publish(&alone).await;
    story.identify(&alone, 0..4).await;
    story.identify(&alone, 4..6).await;
    alone.core.shutdown().await;
    drop(alone);
    story.saved.push((story.disk.recorded(), saved_size(&story.election, &story.disk)));

    let alone = start(&story).start().await.unwrap();
    story.identify(&alone, 6..10).await;
    story.identify(&alone, 10..14).await;
    story
}

/// What a start made of what it found.
struct Restarted {
    /// The state after it.
    state: Vec<u8>,
    /// Entries judged again.
    replayed: u64,
    /// Size of what it knew as published from the beginning.
    published: u64,
}

/// Starts, and stops in order.
async fn restarted(story: &Story, disk: &SimDisk) -> Result<Restarted, String> {
    let clock = Arc::new(ManualClock::at(START_MS + 60_000));
    let alone = setup(&story.election, disk, &clock).start().await.map_err(|error| error.to_string())?;
    let status = alone.core.status();
    if status.outbox_records > 0 {
        return Err("something is under way, and both starts would take it up at times of their own".to_owned());
    }
    alone.core.shutdown().await;
    let state = dump(&story.election, disk);
    Ok(Restarted { state, replayed: status.replayed_entries, published: status.published_size })
}

/// Whether the saved state was used.
async fn recover(crash: &Crash<'_>, disk: &SimDisk, story: &Story) -> bool {
    let without = disk.fork(7);
    for name in ["head", "journal"] {
        // It may not be there yet.
        let _ = without.remove(&state_folder().join(name));
    }
    let told = story.saved.iter().rfind(|(at, _)| *at <= crash.operations).map_or(0, |(_, size)| *size);
    let saved = saved_size(&story.election, disk);
    assert!(saved >= told, "{crash}: {told} entries were saved, and the head names {saved}");
    let judged = restarted(story, &without).await.unwrap_or_else(|why| panic!("{crash}: {why}"));
    let loaded = restarted(story, disk).await.unwrap_or_else(|why| panic!("{crash}: {why}"));
    assert!(loaded.state == judged.state, "{crash}: the saved state is not what judging gives");
    let all = judged.replayed;
    assert!(saved <= all, "{crash}: {saved} entries are saved, and the ledger has {all}");
    // A state that is beyond the published view is of no use to a node whose index is in memory, as it is here.
    let useful = if saved <= loaded.published { saved } else { 0 };
    assert_eq!(loaded.replayed, all - useful, "{crash}: of {all} entries {saved} were saved");
    useful > 0
}

#[test]
fn a_state_that_was_being_saved_when_the_node_died_is_loaded_right_or_not_at_all() {
    let story = block_on(story());
    let journal = story.disk.journal();
    let places: Vec<usize> = story.saved.iter().map(|(at, _)| *at).collect();
    let touches = |at: Option<usize>| {
        let operation = at.and_then(|at| journal.operations().get(at));
        operation.is_some_and(|operation| operation.path().starts_with(state_folder()))
    };
    let plan = Plan { cuts_max: 6, combined_max: 4, outcomes: 6 };
    let (mut tried, mut used) = (0, 0);
    journal.each_crash(&plan, &places, |crash, disk| {
        if touches(Some(crash.operations)) || touches(crash.operations.checked_sub(1)) {
            tried += 1;
            used += u32::from(block_on(recover(crash, &disk, &story)));
        }
    });
    assert!(tried > 100 && used > tried / 2, "{used} of {tried}");
}
