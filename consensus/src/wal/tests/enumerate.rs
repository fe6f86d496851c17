//! Every crash of a small life of the log: at each operation, each byte of each write, each outcome of what was unsynced.

use tamga_platform::sim_disk::{Crash, Plan, SimDisk};

use super::*;

/// Several rolls and a purge of whole segments.
const SEGMENT_BYTES: u64 = 2_048;

/// What the log holds after a step.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Held {
    entries: Vec<Entry>,
    ballot: Option<Ballot>,
    purged: Option<LogPosition>,
}

/// A step of the story: asked for when the journal had `asked` operations, answered at `answered`.
#[derive(Debug)]
struct Told {
    asked: usize,
    answered: usize,
    held: Held,
}

struct Story {
    disk: SimDisk,
    wal: Wal,
    told: Vec<Told>,
}

impl Story {
    fn held(&self) -> Held {
        self.told.last().unwrap().held.clone()
    }

    fn tell(&mut self, asked: usize, held: Held) {
        self.told.push(Told { asked, answered: self.disk.recorded(), held });
    }

    async fn append(&mut self, term: u64, indexes: std::ops::Range<u64>) {
        let (asked, mut held) = (self.disk.recorded(), self.held());
        held.entries.extend(entries(term, indexes.clone()));
        queue(&self.wal, entries(term, indexes)).await.unwrap().await.unwrap().unwrap();
        self.tell(asked, held);
    }

    async fn ballot(&mut self, term: u64) {
        let (asked, mut held) = (self.disk.recorded(), self.held());
        held.ballot = Some(ballot(term));
        self.wal.save_ballot(ballot(term)).await.unwrap();
        self.tell(asked, held);
    }

    /// Not answered by itself; it is in the frame of the next step.
    fn truncate(&mut self, after: u64) {
        let (asked, mut held) = (self.disk.recorded(), self.held());
        held.entries.retain(|entry| entry.position.index <= after);
        self.wal.truncate(Some(after)).unwrap();
        self.told.push(Told { asked, answered: usize::MAX, held });
    }

    async fn purge(&mut self, upto: LogPosition) {
        let (asked, mut held) = (self.disk.recorded(), self.held());
        held.entries.retain(|entry| entry.position.index > upto.index);
        held.purged = Some(upto);
        self.wal.purge(upto).await.unwrap();
        self.tell(asked, held);
    }
}

async fn open_strict(disk: &SimDisk) -> Result<Wal, WalError> {
    let outside = Outside {
        disk: Arc::new(disk.clone()),
        clock: Arc::new(ManualClock::at(1_000)),
        entropy: Arc::new(SeededEntropy::new(disk.changes() + 9)),
        blocking: Arc::new(Inline),
    };
    Wal::open(outside, settings(SEGMENT_BYTES)).await
}

async fn story() -> (SimDisk, Vec<Told>) {
    let disk = SimDisk::new(1);
    disk.record();
    let wal = open_strict(&disk).await.unwrap();
    let nothing = Held { entries: vec![], ballot: None, purged: None };
    let mut story = Story { disk, wal, told: vec![Told { asked: 0, answered: 0, held: nothing }] };
    story.ballot(1).await;
    for index in 0..8 {
        story.append(1, index..index + 1).await;
        story.wal.save_committed(Some(at(1, index))).unwrap();
    }
    // More than a segment in one frame.
    story.append(1, 8..40).await;
    story.ballot(2).await;
    story.truncate(30);
    story.append(2, 31..34).await;
    for index in 34..60 {
        story.append(2, index..index + 1).await;
    }
    story.purge(at(2, 33)).await;
    story.append(2, 60..62).await;
    story.purge(at(2, 80)).await;
    story.ballot(3).await;
    story.append(3, 81..83).await;
    story.wal.close().await.unwrap();
    (story.disk, story.told)
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(work)
}

/// Opens what the crash left: it holds what had been answered, or a later step that had been asked for; and goes on.
fn recover(crash: &Crash<'_>, disk: &SimDisk, told: &[Told]) {
    let answered = told.iter().rposition(|step| step.answered <= crash.operations).unwrap();
    let asked = told.iter().rposition(|step| step.asked <= crash.operations).unwrap();
    let found = block_on(async {
        let wal = open_strict(disk).await.unwrap_or_else(|error| panic!("{crash}: {error}"));
        let (ballot, purged) = wal.look(|view| (view.ballot, view.purged));
        Held { entries: all(&wal).await, ballot, purged }
    });
    let possible = told[answered..=asked.max(answered)].iter().any(|step| step.held == found);
    assert!(possible, "{crash}: {found:?} is no state between steps {answered} and {asked}");
    // What recovery showed is durable now, and the log goes on behind it.
    disk.power_loss();
    block_on(async {
        let wal = open_strict(disk).await.unwrap_or_else(|error| panic!("{crash}, and power lost after it: {error}"));
        assert_eq!(all(&wal).await, found.entries, "{crash}, and power lost after it");
        let next = wal.look(|view| view.last()).map_or(0, |last| last.index + 1);
        append(&wal, 9, next..next + 1).await;
    });
    disk.power_loss();
    block_on(async {
        let wal = open_strict(disk).await.unwrap_or_else(|error| panic!("{crash}, and written on: {error}"));
        assert_eq!(all(&wal).await.len(), found.entries.len() + 1, "{crash}, and written on");
    });
}

#[test]
fn every_crash_of_a_small_life_keeps_what_was_acknowledged() {
    let (disk, told) = block_on(story());
    let journal = disk.journal();
    assert!(journal.operations().iter().filter(|operation| operation.is_sync()).count() > 60);
    let promises: Vec<usize> = told.iter().map(|step| step.answered).collect();
    let plan = Plan { cuts_max: 64, ..Plan::default() };
    let crashes = journal.each_crash(&plan, &promises, |crash, disk| recover(crash, &disk, &told));
    assert!(crashes > 2_000, "{crashes}");
}
