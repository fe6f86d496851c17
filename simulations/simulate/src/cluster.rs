//! The simulated nodes: each a turmoil host that runs a product core on its own disk and clock, and does what it is asked.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tamga_ledger::ids::RecordId;
use tamga_ledger::submission::Submission;
use tamga_node::core::{Answer, Core, CoreSeams, CoreSetup, Index, Member, NodeId, NodeSecrets, Tuning};
use tamga_node::peer;
use tamga_node::testing::{TestElection, secrets, successor_secrets};
use tamga_platform::entropy::SeededEntropy;
use tamga_platform::sim_disk::SimDisk;
use tokio::sync::Notify;

use crate::chance::Chance;
use crate::network::{Mischief, PORT, SimDialer, host_name, serve};
use crate::plan::Plan;
use crate::seams::{SimBlocking, SimClock, SimTime};

/// What a client asks of a node.
#[derive(Debug, Clone)]
pub enum Ask {
    /// Take this submission.
    Submit(Bytes),
    /// After a barrier: which of these records are in the ledger?
    Read(Vec<RecordId>),
}

/// What a node answered.
#[derive(Debug, Clone)]
pub enum Told {
    /// To a submission.
    Submitted(Answer),
    /// To a read for so many records: the tree's size at the barrier and those that were not there; or why there was no
    /// barrier.
    Read(usize, Result<(u64, Vec<RecordId>), String>),
}

/// What the world sees of a node's process.
#[derive(Default)]
pub struct Process {
    /// Counts starts; 0 before the first one.
    pub incarnation: u64,
    /// The running core.
    pub core: Option<Arc<Core>>,
    /// Why it did not start, or had to stop.
    pub ended: Option<Ended>,
}

/// How a process ended by itself.
#[derive(Debug, Clone)]
pub enum Ended {
    /// It did not start.
    NotStarted(String),
    /// It stopped for good.
    Fatal(String),
}

/// What node and world share.
#[derive(Clone)]
pub struct Node(Arc<Inner>);

struct Inner {
    id: u32,
    disk: SimDisk,
    clock: SimClock,
    blocking: SimBlocking,
    mischief: Mischief,
    dials: Arc<AtomicU64>,
    process: Mutex<Process>,
    asked: Mutex<VecDeque<(u64, Ask)>>,
    ask: Notify,
    told: Mutex<Vec<(u64, Told)>>,
    genesis: Submission,
    keys: NodeSecrets,
    members: Vec<Member>,
    seed: u64,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// All nodes, by id.
pub type Nodes = BTreeMap<u32, Node>;

/// The nodes of a simulation, none of them running.
#[must_use]
pub fn nodes(plan: &Plan, time: &SimTime, election: &TestElection) -> Nodes {
    let seed = plan.seed;
    let member = |id: u32| Member { id: NodeId(u64::from(id)), address: format!("{}:{PORT}", host_name(id)) };
    let first = (1..=election.nodes()).map(|id| (id, secrets(id)));
    let later = plan.newcomers().map(|(id, place)| (id, successor_secrets(id, place)));
    let node = |(id, keys): (u32, NodeSecrets)| {
        // Those that come later know themselves and those that were there.
        let others = (1..=election.nodes()).filter(|other| *other != id);
        let members = others.chain([id]).map(member).collect();
        let stream = |purpose: &str| Chance::new(seed, &format!("{purpose} {id}"));
        let inner = Inner {
            id,
            disk: SimDisk::new(stream("disk").any()),
            clock: SimClock::new(time.clone()),
            blocking: SimBlocking::new(stream("blocking")),
            mischief: Mischief::new(stream("mischief")),
            dials: Arc::default(),
            process: Mutex::default(),
            asked: Mutex::default(),
            ask: Notify::new(),
            told: Mutex::default(),
            genesis: election.genesis().clone(),
            keys,
            members,
            seed,
        };
        (id, Node(Arc::new(inner)))
    };
    first.chain(later).map(node).collect()
}

/// Times short enough that a simulation of half a minute sees many elections; sizes small enough that segments change.
///
/// In most simulations the log is purged early, so that whoever was away for long catches up from its peers' ledgers.
fn tuning(seed: u64) -> Tuning {
    let mut chance = Chance::new(seed, "tuning");
    let usual = Tuning::default();
    let short = chance.permille(600);
    let or = |short_value, usual_value| if short { short_value } else { usual_value };
    Tuning {
        save_entries: or(chance.between(5, 30), usual.save_entries),
        compact_entries: or(chance.between(5, 30), usual.compact_entries),
        compact_bytes: or(16 << 10, usual.compact_bytes),
        log_entries_kept: or(chance.between(0, 20), usual.log_entries_kept),
        heartbeat_ms: 100,
        election_ms_min: 500,
        election_ms_max: 1_000,
        peer_timeout: Duration::from_secs(1),
        reforward_after: Duration::from_secs(1),
        raft_segment_bytes: 32 << 10,
        disk_reserve_bytes: 128 << 10,
        index: Index::Memory,
        ..usual
    }
}

impl Node {
    /// Its number.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.0.id
    }

    /// Its clock.
    #[must_use]
    pub fn clock(&self) -> &SimClock {
        &self.0.clock
    }

    /// Its disk.
    #[must_use]
    pub fn disk(&self) -> &SimDisk {
        &self.0.disk
    }

    /// Its blocking work.
    #[must_use]
    pub fn blocking(&self) -> &SimBlocking {
        &self.0.blocking
    }

    /// Connections it tried to open.
    #[must_use]
    pub fn dials(&self) -> u64 {
        self.0.dials.load(Ordering::Relaxed)
    }

    /// What happens to messages to it.
    #[must_use]
    pub fn mischief(&self) -> &Mischief {
        &self.0.mischief
    }

    /// Its process, as the world sees it.
    pub fn process(&self) -> MutexGuard<'_, Process> {
        lock(&self.0.process)
    }

    /// The running core, if there is one.
    #[must_use]
    pub fn core(&self) -> Option<Arc<Core>> {
        self.process().core.clone()
    }

    /// Asks it something; the answer comes under `number`, or never.
    pub fn ask(&self, number: u64, ask: Ask) {
        lock(&self.0.asked).push_back((number, ask));
        self.0.ask.notify_one();
    }

    /// What it answered since the last look.
    #[must_use]
    pub fn take_told(&self) -> Vec<(u64, Told)> {
        std::mem::take(&mut *lock(&self.0.told))
    }

    /// The process is gone: nothing that was asked is answered.
    pub fn forget(&self) {
        lock(&self.0.asked).clear();
        lock(&self.0.told).clear();
        let mut process = self.process();
        (process.core, process.ended) = (None, None);
    }

    /// The software of the host: starts a core and serves until the world crashes the host.
    ///
    /// # Errors
    /// As turmoil's sockets.
    pub async fn run(self) -> turmoil::Result {
        let incarnation = {
            let mut process = self.process();
            process.incarnation += 1;
            process.incarnation
        };
        let inner = &self.0;
        let entropy = SeededEntropy::new(inner.seed ^ (u64::from(inner.id) << 48) ^ (incarnation << 32));
        let seams = CoreSeams {
            disk: Arc::new(inner.disk.clone()),
            clock: Arc::new(inner.clock.clone()),
            entropy: Arc::new(entropy),
            blocking: Arc::new(inner.blocking.clone()),
            dialer: Arc::new(SimDialer { node: inner.id, dials: Arc::clone(&inner.dials) }),
        };
        let core = match Core::start(self.setup(), seams).await {
            Ok(core) => core,
            Err(error) => {
                self.process().ended = Some(Ended::NotStarted(error.to_string()));
                return std::future::pending().await;
            }
        };
        self.process().core = Some(Arc::clone(&core));
        tokio::spawn(serve(peer::router(&core), inner.mischief.clone(), core.nodes()));
        self.obey(&core).await;
        // As the product's main: an orderly end, if that is still possible, and the process is gone.
        core.shutdown().await;
        std::future::pending().await
    }

    fn setup(&self) -> CoreSetup {
        CoreSetup {
            node: self.0.id,
            genesis: self.0.genesis.clone(),
            data_dir: PathBuf::from("/data"),
            keys: self.0.keys.clone().into(),
            members: self.0.members.clone(),
            tuning: tuning(self.0.seed),
            cluster_epoch: None,
        }
    }

    /// Does what clients ask, until the core must stop.
    async fn obey(&self, core: &Arc<Core>) {
        let mut fatal = core.watch_fatal();
        loop {
            while let Some((number, ask)) = { lock(&self.0.asked).pop_front() } {
                tokio::spawn(self.clone().answer(Arc::clone(core), number, ask));
            }
            tokio::select! {
                biased;
                reason = fatal.wait_for(Option::is_some) => {
                    let reason = reason.ok().and_then(|reason| reason.clone()).unwrap_or_default();
                    self.process().ended = Some(Ended::Fatal(reason));
                    return;
                }
                () = self.0.ask.notified() => {}
            }
        }
    }

    async fn answer(self, core: Arc<Core>, number: u64, ask: Ask) {
        let told = match ask {
            Ask::Submit(submission) => Told::Submitted(core.submit(submission, None).await),
            Ask::Read(ids) => Told::Read(
                ids.len(),
                match core.read_barrier().await {
                    Ok(size) => {
                        let missing = ids.into_iter().filter(|id| core.lookup(id).is_none()).collect();
                        Ok((size.get(), missing))
                    }
                    Err(error) => Err(error.to_string()),
                },
            ),
        };
        lock(&self.0.told).push((number, told));
    }
}
