//! A crowd before the cluster: every voter tries to vote at two stations at once, through nodes that may be dead, deaf or
//! alone; asks again; the registry asks meanwhile who has been admitted; and everything that was asked and answered is recorded, with its beginning and its end.

use super::directory::Directory;
use super::linear::{Act, RecordNumber, Span, Told, is_linearizable};
use crate::load::Acknowledged;
use crate::rehearsal::Rehearsal;
use crate::wait::{GENEROUS, until};
use crate::world::{Voter, World};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tamga_client::device::{DeviceClient, DeviceOptions, NodeEndpoint, Outcome, Question, Transport};
use tamga_ledger::promise::Judged;
use tamga_ledger::submission::Submission;
use tamga_ledger::tree::LeafIndex;
use tamga_ledger::verdict::{Refusal, Verdict};
use tamga_platform::clock::{Clock as _, SystemClock};
use tamga_platform::entropy::{OsEntropy, SeededEntropy, random_bytes};
use tokio::task::JoinSet;

/// Voters under way together.
const AT_ONCE: usize = 8;
/// Records that are written for one voter; after that they are only submitted again.
const RECORDS_MAX: usize = 4;
/// Codes of refusals that only say that the node has not caught up.
const LAGGING: [&str; 2] = ["unknown-key", "not-ready"];
/// A device that gets no answer gives up: nothing is known about the record then.
const PATIENCE: DeviceOptions = DeviceOptions {
    deadline: Duration::from_secs(5),
    attempt: Duration::from_secs(2),
    wait: Duration::from_millis(1_500),
    backoff_min: Duration::from_millis(50),
    backoff_max: Duration::from_millis(400),
    window: 16,
};

/// One act, as it is recorded for people.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// For the checker.
    pub span: Span,
    /// Through which node.
    pub node: u32,
    /// When it began, since the crowd gathered.
    pub at: Duration,
    /// How long it took.
    pub took: Duration,
    /// The leaf, if the answer named one.
    pub leaf: Option<u64>,
}

/// One voter's records and what came of them.
#[derive(Debug, Default)]
struct File {
    records: Vec<Submission>,
    recorded: Vec<Recorded>,
    judged: BTreeMap<RecordNumber, Judged>,
}

#[derive(Debug)]
struct Shared {
    world: Arc<World>,
    clients: Vec<DeviceClient>,
    voters: Vec<Voter>,
    began: Instant,
    instants: AtomicU64,
    next: AtomicUsize,
    stop: AtomicBool,
    dice: SeededEntropy,
    files: Mutex<BTreeMap<Voter, File>>,
    acknowledged: Mutex<Vec<Acknowledged>>,
}

/// A crowd under way.
#[derive(Debug)]
pub struct Crowd {
    shared: Arc<Shared>,
    workers: JoinSet<()>,
}

impl Crowd {
    /// Gathers before all nodes.
    ///
    /// # Panics
    /// Never.
    #[must_use]
    pub fn gather(rehearsal: &Rehearsal, seed: u64) -> Self {
        let world = Arc::clone(&rehearsal.world);
        let dial = Arc::new(Directory::of(rehearsal));
        let client = |node: u32| {
            let endpoint = NodeEndpoint { node, address: Directory::name(node), transport: Transport::Tls };
            let trust = Arc::clone(&world.trust);
            DeviceClient::new(trust, &[endpoint], PATIENCE, dial.clone(), Arc::new(OsEntropy)).unwrap()
        };
        // Neighbours in this order belong to different stations.
        let voters =
            (0..world.plan.voters).flat_map(|number| (1..=4).map(move |home| Voter { home, number })).collect();
        let shared = Arc::new(Shared {
            clients: rehearsal.ids().map(client).collect(),
            world,
            voters,
            began: Instant::now(),
            instants: AtomicU64::new(0),
            next: AtomicUsize::new(0),
            stop: AtomicBool::new(false),
            dice: SeededEntropy::new(seed),
            files: Mutex::default(),
            acknowledged: Mutex::default(),
        });
        let mut workers = JoinSet::new();
        for _ in 0..AT_ONCE {
            workers.spawn(Arc::clone(&shared).work());
        }
        Self { shared, workers }
    }

    /// How many verdicts were given so far.
    #[must_use]
    pub fn verdicts(&self) -> usize {
        self.shared.acknowledged().iter().filter(|one| one.promise.judged.is_some()).count()
    }

    /// Waits until so many more verdicts were given than now.
    ///
    /// # Panics
    /// If that takes too long.
    pub async fn more(&self, count: usize) {
        let due = self.verdicts() + count;
        until("verdicts", async || {
            let found = self.verdicts();
            if found >= due { Ok(()) } else { Err(format!("{found} of {due}")) }
        })
        .await;
    }

    /// Waits until so many more verdicts were given by nodes other than these: the rest of the cluster goes on.
    ///
    /// # Panics
    /// If that takes too long.
    pub async fn more_elsewhere(&self, than: &[u32], count: usize) {
        let elsewhere = || {
            let verdict = |one: &&Acknowledged| one.promise.judged.is_some() && !than.contains(&one.node);
            self.shared.acknowledged().iter().filter(verdict).count()
        };
        let due = elsewhere() + count;
        until("verdicts from the others", async || {
            let found = elsewhere();
            if found >= due { Ok(()) } else { Err(format!("{found} of {due}")) }
        })
        .await;
    }

    /// Lets everybody finish; then every record is submitted once more, through another node: all must be told now.
    ///
    /// # Panics
    /// If a worker panicked, or somebody is not told.
    pub async fn disperse(mut self) -> Chronicle {
        self.shared.stop.store(true, Ordering::Relaxed);
        while let Some(ended) = self.workers.join_next().await {
            ended.unwrap();
        }
        let shared = Arc::clone(&self.shared);
        let due: Vec<(Voter, RecordNumber)> = {
            let files = shared.files();
            let of = |(voter, file): (&Voter, &File)| {
                let voter = *voter;
                (0..file.records.len()).map(move |record| (voter, record as RecordNumber)).collect::<Vec<_>>()
            };
            files.iter().flat_map(of).collect()
        };
        let due = Arc::new(Mutex::new(due));
        let mut workers = JoinSet::new();
        for _ in 0..AT_ONCE {
            let (shared, due) = (Arc::clone(&shared), Arc::clone(&due));
            workers.spawn(async move {
                loop {
                    let Some((voter, record)) = due.lock().unwrap_or_else(PoisonError::into_inner).pop() else {
                        return;
                    };
                    shared.told_at_last(voter, record).await;
                }
            });
        }
        while let Some(ended) = workers.join_next().await {
            ended.unwrap();
        }
        let files = std::mem::take(&mut *shared.files());
        let acknowledged = std::mem::take(&mut *shared.acknowledged());
        Chronicle { voters: files.into_iter().map(|(voter, file)| (voter, file.recorded)).collect(), acknowledged }
    }
}

impl Shared {
    fn files(&self) -> MutexGuard<'_, BTreeMap<Voter, File>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn acknowledged(&self) -> MutexGuard<'_, Vec<Acknowledged>> {
        self.acknowledged.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn work(self: Arc<Self>) {
        while !self.stop.load(Ordering::Relaxed) {
            let place = self.next.fetch_add(1, Ordering::Relaxed);
            let voter = self.voters[place % self.voters.len()];
            self.attend(voter).await;
        }
    }

    /// Two stations at once through two nodes, then both records again through any.
    async fn attend(&self, voter: Voter) {
        let [here, there] = stations_of(voter, self.throw(2));
        let (first, second) = (self.record(voter, here), self.record(voter, there));
        tokio::join!(self.identify(voter, first), self.identify(voter, second), self.read(voter));
        tokio::join!(self.identify(voter, second), self.identify(voter, first), self.read(voter));
        self.read(voter).await;
    }

    /// The registry asks a node whether the voter has been admitted, linearizably.
    async fn read(&self, voter: Voter) {
        let place = self.throw(self.clients.len());
        let question = Question { home_station: voter.home, tag: self.world.tag(voter), standing: None };
        let (began, at) = (self.instant(), self.began.elapsed());
        let registry = self.world.keys.registry();
        let asked = self.clients[place].inquire(&question, &registry, SystemClock.now_ms());
        let answer = asked.await.ok().map(|verified| verified.answer);
        let ended = answer.is_some().then(|| self.instant());
        let span = Span { began, ended, act: Act::Read(answer.as_ref().map(|answer| answer.admitted.is_some())) };
        let took = self.began.elapsed().saturating_sub(at);
        let leaf = answer.and_then(|answer| answer.admitted).map(LeafIndex::get);
        self.files().entry(voter).or_default().recorded.push(Recorded { span, node: place as u32 + 1, at, took, leaf });
    }

    /// A new record of the voter at a station, or one of those there are.
    fn record(&self, voter: Voter, station: u32) -> RecordNumber {
        let mut files = self.files();
        let file = files.entry(voter).or_default();
        if file.records.len() < RECORDS_MAX {
            file.records.push(self.world.identification(station, voter));
            return (file.records.len() - 1) as RecordNumber;
        }
        self.throw(file.records.len()) as RecordNumber
    }

    async fn identify(&self, voter: Voter, record: RecordNumber) -> bool {
        let place = self.throw(self.clients.len());
        self.identify_through(voter, record, place).await
    }

    /// Submits and records; whether there was a verdict.
    async fn identify_through(&self, voter: Voter, record: RecordNumber, place: usize) -> bool {
        let submission = self.files()[&voter].records[usize::from(record)].clone();
        let (began, at) = (self.instant(), self.began.elapsed());
        let answer = self.clients[place].submit(&submission).await;
        let judged = match answer.map(|answered| (answered.outcome, answered.node)) {
            Ok((Outcome::Promised { promise, .. }, node)) => {
                let judged = promise.judged.clone();
                self.acknowledged().push(Acknowledged { promise, node });
                judged
            }
            // A node that has just started does not know every key yet.
            Ok((Outcome::Refused { refusal, .. }, _)) if LAGGING.contains(&refusal.code.as_str()) => None,
            Ok((Outcome::Refused { refusal, .. }, node)) => {
                panic!("{voter:?} was refused at admission by node {node}: {}: {}", refusal.code, refusal.text)
            }
            // Nobody answered in time: nothing is known.
            Err(_) => None,
        };
        // Taken after the answer: the act did not end later than this.
        let ended = judged.is_some().then(|| self.instant());
        let told = judged.as_ref().map(told);
        let span = Span { began, ended, act: Act::Identify(record, told) };
        let took = self.began.elapsed().saturating_sub(at);
        let leaf = judged.as_ref().map(|judged| judged.leaf.get());
        let mut files = self.files();
        let file = files.entry(voter).or_default();
        file.recorded.push(Recorded { span, node: place as u32 + 1, at, took, leaf });
        if let Some(judged) = judged {
            let before = file.judged.entry(record).or_insert_with(|| judged.clone());
            assert_eq!(*before, judged, "{voter:?}: two answers about record {record}");
            return true;
        }
        false
    }

    async fn told_at_last(&self, voter: Voter, record: RecordNumber) {
        let place = (voter.number as usize + usize::from(record)) % self.clients.len();
        let began = Instant::now();
        while !self.identify_through(voter, record, place).await {
            assert!(began.elapsed() < GENEROUS, "nobody says what became of record {record} of {voter:?}");
        }
    }

    fn instant(&self) -> u64 {
        self.instants.fetch_add(1, Ordering::SeqCst)
    }

    fn throw(&self, sides: usize) -> usize {
        u16::from_le_bytes(random_bytes::<2>(&self.dice)) as usize % sides
    }
}

/// The voter's own station, or one of the other constituency, or the one without; any two of them.
fn stations_of(voter: Voter, throw: usize) -> [u32; 2] {
    let away = if voter.home <= 2 { 3 } else { 1 } + voter.number % 2;
    [[voter.home, away], [away, 5], [voter.home, 5]][(voter.number as usize + throw) % 3]
}

fn told(judged: &Judged) -> Told {
    match &judged.verdict {
        Verdict::Accepted(_) => Told::Admitted,
        Verdict::Refused(Refusal::AlreadyAdmitted) => Told::Already,
        other @ Verdict::Refused(_) => panic!("leaf {}: {other}", judged.leaf),
    }
}

/// Everything that was asked and answered.
#[derive(Debug)]
pub struct Chronicle {
    /// By voter, in the order in which the acts ended.
    pub voters: BTreeMap<Voter, Vec<Recorded>>,
    /// Every promise.
    pub acknowledged: Vec<Acknowledged>,
}

impl Chronicle {
    /// Each voter's history is linearizable, and there is something to it.
    ///
    /// # Panics
    /// With the history of a voter for whom it is not.
    pub fn is_linearizable(&self) {
        for (voter, recorded) in &self.voters {
            let spans: Vec<Span> = recorded.iter().map(|one| one.span).collect();
            let listed = || recorded.iter().map(|one| format!("\n  {one:?}")).collect::<String>();
            assert!(is_linearizable(&spans), "{voter:?} was not treated as one voter:{}", listed());
        }
        let acts = self.voters.values().map(Vec::len).sum::<usize>();
        let admitted = |recorded: &&Vec<Recorded>| {
            recorded.iter().any(|one| matches!(one.span.act, Act::Identify(_, Some(Told::Admitted))))
        };
        let admitted = self.voters.values().filter(admitted).count();
        // Everybody's records were judged in the end, so somebody's was first.
        assert_eq!(admitted, self.voters.len());
        let reads = |one: &&Recorded| matches!(one.span.act, Act::Read(Some(_)));
        let reads = self.voters.values().flatten().filter(reads).count();
        assert!(reads > 0, "nobody's question was answered");
        let unknown = self.voters.values().flatten().filter(|one| !one.span.act.is_known()).count();
        println!("linearizable: {} voters, {acts} acts ({reads} reads), {unknown} with unknown end", self.voters.len());
    }
}
