//! One simulation: the nodes under turmoil, faults at their times, clients, and a look at everything after every step.
//!
//! ```text
//! polls open (calm) ─► faults and load ─► heal ─► converge ─► serve
//!        every step: actions due ─► clients ─► turmoil, 1 ms ─► look ─► invariants
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use tamga_ledger::ids::RecordId;
use tamga_ledger::trust::Trust;
use tamga_node::testing::TestElection;
use tamga_platform::disk::Disk as _;
use tamga_platform::sim_disk::{Faults as DiskFaults, Injected, Loss};
use turmoil::{Builder, Sim};

use crate::chance::Chance;
use crate::clients::{Clients, STATIONS};
use crate::cluster::{Ended, Nodes, nodes};
use crate::decisions::Change;
use crate::invariants::{self, Invariant, Look};
use crate::machine::Machine;
use crate::model::Model;
use crate::network::host_name;
use crate::observe::Seen;
use crate::plan::{Fault, Plan, Remains};
use crate::seams::{EPOCH_MS, SimTime};
use crate::trace::Trace;

/// One step.
const STEP: Duration = Duration::from_millis(1);
/// How long the polls may take to open without faults, ms.
const OPENING_MS_MAX: u64 = 60_000;
/// Nodes start within this time of each other, ms.
const START_SPREAD_MS: u64 = 300;
/// How long a process that ends by itself has for it, and how long its supervisor waits to start it again, ms.
const ENDING_MS: u64 = 300;
const RESTART_MS: u64 = 1_000;
/// While a random loss lasts, of a thousand messages so many mend it.
const MEND_PERMILLE: u64 = 50;

/// Why a simulation failed.
#[derive(Debug, Clone)]
pub struct Failure {
    /// The invariant, or `liveness`, `process`, `panic`.
    pub what: String,
    /// What did not hold.
    pub why: String,
    /// When, ms.
    pub at_ms: u64,
}

/// What came of a simulation.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Why it failed, if it did.
    pub failure: Option<Failure>,
    /// The trace's hash.
    pub trace: String,
    /// Simulated time, ms.
    pub simulated_ms: u64,
    /// Leaves, acknowledged records and reads.
    pub figures: Figures,
}

/// How much happened.
#[derive(Debug, Clone, Copy, Default)]
pub struct Figures {
    /// Leaves in the ledger.
    pub leaves: u64,
    /// Records acknowledged with a verdict.
    pub acknowledged: u64,
    /// Reads answered.
    pub reads: u64,
    /// Starts of processes.
    pub starts: u64,
    /// Terms that had a leader or tried.
    pub terms: u64,
}

/// What is done at a time.
#[derive(Debug, Clone)]
enum Action {
    Fault(Fault),
    Start(u32),
    Unblock { from: u32, to: u32 },
    FastNetwork,
    RightClock(u32),
    FastDisk(u32),
    GoodDisk(u32),
    RoomyDisk(u32),
}

/// See the module.
pub(crate) struct World<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) sim: Sim<'a>,
    machine: &'a dyn Machine,
    pub(crate) time: SimTime,
    pub(crate) nodes: Nodes,
    pub(crate) clients: Clients,
    pub(crate) model: Model,
    pub(crate) seen: Seen,
    pub(crate) trace: Trace,
    trust: Arc<Trust>,
    /// What was asked for last.
    pub(crate) last: Vec<(u32, RecordId)>,
    invariants: Vec<Box<dyn Invariant>>,
    due: BTreeMap<(u64, u64), Action>,
    next_action: u64,
    /// Until when a node stays down; absent when it runs.
    down: BTreeMap<u32, u64>,
    /// How many faults block a direction.
    blocked: BTreeMap<(u32, u32), u32>,
    /// Processes that are ending by themselves: until when.
    ending: BTreeMap<u32, u64>,
    /// What each disk had done wrong when the node's process started.
    excuses: BTreeMap<u32, Injected>,
    /// What remains on disks that are about to be cut off, and for how long their nodes are down then.
    cuts: BTreeMap<u32, (Remains, u64)>,
    /// Nodes whose disk is damaged, and may be so beyond what they can mend.
    pub(crate) damaged: BTreeSet<u32>,
    /// Nodes whose disk was wiped after they had taken part.
    wiped: BTreeSet<u32>,
    /// Damaged nodes that refused to start, and those that are no more.
    pub(crate) lost: BTreeSet<u32>,
    /// Nodes that come later, and whose place each takes.
    pub(crate) newcomers: BTreeMap<u32, u32>,
    /// Those of them that have not come yet.
    unborn: BTreeSet<u32>,
    /// Nodes that were removed and taken away.
    pub(crate) removed: BTreeSet<u32>,
    /// Changes of the members, finished ones too.
    pub(crate) changes: Vec<Change>,
    chance: Chance,
}

/// Runs a plan on a thread of its own, so that nothing of an earlier simulation is left on it.
///
/// # Panics
/// If no thread can be had.
pub fn run<M: Machine + Send>(plan: &Plan, machine: M, trace: Option<&Path>) -> std::io::Result<Outcome> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("simulation".to_owned()).stack_size(16 << 20);
        let running = thread.spawn_scoped(scope, move || run_here(plan, &machine, trace))?;
        match running.join() {
            Ok(outcome) => outcome,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

fn run_here(plan: &Plan, machine: &dyn Machine, trace: Option<&Path>) -> std::io::Result<Outcome> {
    machine.seed(Chance::new(plan.seed, "libraries").any());
    machine.set_now(Duration::from_millis(EPOCH_MS));
    let time = SimTime::default();
    let trace = Trace::new(time.clone(), trace)?;
    let mut world = World::new(plan, machine, time, trace);
    let failure = match catch_unwind(AssertUnwindSafe(|| world.play())) {
        Ok(played) => played.err(),
        Err(panic) => Some(world.failed("panic", &message(panic.as_ref()))),
    };
    if let Some(failure) = &failure {
        world.trace.note(format_args!("FAILED {}: {}", failure.what, failure.why));
    }
    let figures = Figures {
        leaves: world.seen.leaves.len() as u64,
        acknowledged: world.model.acknowledged().len() as u64,
        reads: world.model.reads,
        starts: world.nodes.values().map(|node| node.process().incarnation).sum(),
        terms: world.seen.nodes.values().filter_map(|node| Some(node.ballot?.0)).max().unwrap_or(0),
    };
    let outcome = Outcome { failure, trace: world.trace.finish(), simulated_ms: world.time.ms(), figures };
    // What is left of the simulation is not taken apart: the process ends, or the thread's objects are leaked once.
    std::mem::forget(world);
    Ok(outcome)
}

fn message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic without a message".to_owned())
}

impl<'a> World<'a> {
    fn new(plan: &'a Plan, machine: &'a dyn Machine, time: SimTime, trace: Trace) -> Self {
        let election = Arc::new(TestElection::new(plan.nodes, STATIONS, plan.load.voters, EPOCH_MS));
        #[expect(clippy::expect_used, reason = "the test election is valid by construction")]
        let trust = Arc::new(Trust::from_submission(election.genesis().clone(), None).expect("a valid election"));
        let nodes = nodes(plan, &time, &election);
        let clients = Clients::new(plan, election, Arc::clone(&trust));
        let mut builder = Builder::new();
        builder
            .rng_seed(plan.seed)
            .epoch(UNIX_EPOCH + Duration::from_millis(EPOCH_MS))
            .tick_duration(STEP)
            .simulation_duration(Duration::from_secs(100_000))
            .min_message_latency(Duration::from_millis(plan.network.latency_ms_min))
            .max_message_latency(Duration::from_millis(plan.network.latency_ms_max))
            .tcp_capacity(4_096)
            .repair_rate(MEND_PERMILLE as f64 / 1_000.0)
            .enable_random_order();
        Self {
            sim: builder.build(),
            plan,
            machine,
            time,
            nodes,
            clients,
            model: Model::default(),
            seen: Seen::default(),
            trace,
            trust,
            last: Vec::new(),
            invariants: invariants::all(),
            due: BTreeMap::new(),
            next_action: 0,
            down: BTreeMap::new(),
            blocked: BTreeMap::new(),
            ending: BTreeMap::new(),
            excuses: BTreeMap::new(),
            cuts: BTreeMap::new(),
            damaged: BTreeSet::new(),
            wiped: BTreeSet::new(),
            lost: BTreeSet::new(),
            newcomers: plan.newcomers().collect(),
            unborn: plan.newcomers().map(|(node, _)| node).collect(),
            removed: BTreeSet::new(),
            changes: Vec::new(),
            chance: Chance::new(plan.seed, "world"),
        }
    }

    pub(crate) fn failed(&self, what: &str, why: &str) -> Failure {
        Failure { what: what.to_owned(), why: why.to_owned(), at_ms: self.time.ms() }
    }

    fn play(&mut self) -> Result<(), Failure> {
        for (id, node) in self.nodes.clone() {
            // Hosts are registered when they first start; every one must exist before anybody dials it.
            self.sim.host(host_name(id), move || node.clone().run());
            self.sim.crash(host_name(id));
            self.down.insert(id, u64::MAX);
            if self.unborn.contains(&id) {
                continue;
            }
            let at_ms = self.chance.between(0, START_SPREAD_MS);
            self.at(at_ms, Action::Start(id));
        }
        if self.plan.load.calm_start {
            while !self.clients.open {
                if self.time.ms() > OPENING_MS_MAX {
                    return Err(self.failed("liveness", &format!("the polls did not open: {}", self.statuses())));
                }
                self.step()?;
            }
        }
        self.begin_faults();
        let end_ms = self.time.ms() + self.plan.faults_ms;
        while self.time.ms() < end_ms {
            self.step()?;
        }
        self.heal();
        self.settle()
    }

    fn at(&mut self, at_ms: u64, action: Action) {
        self.next_action += 1;
        self.due.insert((at_ms, self.next_action), action);
    }

    fn begin_faults(&mut self) {
        let (now_ms, network) = (self.time.ms(), self.plan.network.clone());
        self.trace.note("faults begin");
        self.sim.set_fail_rate(network.loss_per_million as f64 / 1_000_000.0);
        for node in self.nodes.values() {
            node.mischief().set(network.twice_permille, network.late_permille, network.late_ms_max);
        }
        for timed in &self.plan.faults {
            self.at(now_ms + timed.at_ms, Action::Fault(timed.fault.clone()));
        }
    }

    /// One step: what is due, clients, a millisecond of everybody's life, a look.
    pub(crate) fn step(&mut self) -> Result<(), Failure> {
        let now_ms = self.time.ms();
        while let Some(entry) = self.due.first_entry()
            && entry.key().0 <= now_ms
        {
            let action = entry.remove();
            self.act(action);
        }
        self.go_on_with_changes();
        self.clients.step(now_ms, &self.nodes, &mut self.model, &mut self.trace);
        self.machine.set_now(Duration::from_millis(EPOCH_MS + now_ms));
        if let Err(error) = self.sim.step() {
            return Err(self.failed("panic", &error.to_string()));
        }
        self.time.set(now_ms + 1);
        self.seen.look(&self.nodes, &mut self.trace);
        self.watch_processes()?;
        self.check()
    }

    fn check(&mut self) -> Result<(), Failure> {
        let Self { seen, nodes, model, trust, damaged, wiped, newcomers, .. } = self;
        let look = Look { seen, nodes, model, trust, damaged, wiped, newcomers };
        for invariant in &mut self.invariants {
            if let Err(why) = invariant.check(look) {
                return Err(Failure { what: invariant.name().to_owned(), why, at_ms: self.time.ms() });
            }
        }
        Ok(())
    }

    /// A process ends by itself only for a reason.
    fn watch_processes(&mut self) -> Result<(), Failure> {
        let now_ms = self.time.ms();
        for (id, node) in self.nodes.clone() {
            if node.disk().is_cut() {
                let (remains, down_ms) = self.cuts.remove(&id).unwrap_or((Remains::Nothing, RESTART_MS));
                self.crash(id, down_ms, Some(remains));
                continue;
            }
            let Some(ended) = node.process().ended.clone() else { continue };
            match self.ending.get(&id) {
                None => {
                    self.trace.node(id, format_args!("ends: {ended:?}"));
                    self.excuse(id, &ended)?;
                    self.ending.insert(id, now_ms + ENDING_MS);
                }
                Some(until_ms) if *until_ms <= now_ms => {
                    self.crash(id, RESTART_MS, None);
                    let refused = matches!(ended, Ended::NotStarted(_)) && self.damaged.contains(&id);
                    if refused || self.wiped.contains(&id) {
                        self.trace.node(id, "is lost, until somebody mends it");
                        self.lost.insert(id);
                    }
                }
                Some(_) => {}
            }
        }
        Ok(())
    }

    /// A disk that did something wrong since the process started is an excuse, and so is one that is damaged.
    fn excuse(&self, node: u32, ended: &Ended) -> Result<(), Failure> {
        let why = match ended {
            Ended::NotStarted(why) => format!("n{node} did not start: {why}"),
            Ended::Fatal(why) => format!("n{node} stopped for good: {why}"),
        };
        let injected = self.nodes[&node].disk().injected();
        let excused = self.excuses.get(&node).is_some_and(|before| *before != injected);
        if excused || self.damaged.contains(&node) {
            return Ok(());
        }
        Err(self.failed("process", &why))
    }

    fn act(&mut self, action: Action) {
        let now_ms = self.time.ms();
        match action {
            Action::Fault(fault) => {
                self.trace.note(format_args!("fault {fault:?}"));
                self.fault(fault, now_ms);
            }
            Action::Start(node) => self.start(node),
            Action::Unblock { from, to } => self.unblock(from, to),
            Action::FastNetwork => {
                self.sim.set_max_message_latency(Duration::from_millis(self.plan.network.latency_ms_max));
            }
            Action::RightClock(node) => self.nodes[&node].clock().set_error(0),
            Action::FastDisk(node) => self.nodes[&node].blocking().slow_down(0),
            Action::GoodDisk(node) => self.nodes[&node].disk().set_faults(DiskFaults::default()),
            Action::RoomyDisk(node) => self.nodes[&node].disk().set_capacity(None),
        }
    }

    fn fault(&mut self, fault: Fault, now_ms: u64) {
        match fault {
            Fault::Crash { nodes, down_ms } => nodes.iter().for_each(|node| self.crash(*node, down_ms, None)),
            Fault::PowerLoss { nodes, down_ms, remains } => {
                nodes.iter().for_each(|node| self.crash(*node, down_ms, Some(remains)));
            }
            Fault::PowerCut { node, after_changes, down_ms, remains } => {
                self.cuts.insert(node, (remains, down_ms));
                self.nodes[&node].disk().cut_after(after_changes);
            }
            Fault::FailingDisk { node, writes_per_million, syncs_per_million, lasting_ms } => {
                let disk = self.nodes[&node].disk();
                let faults =
                    DiskFaults { failed_writes: writes_per_million, failed_syncs: syncs_per_million, ..disk.faults() };
                disk.set_faults(faults);
                self.at(now_ms + lasting_ms, Action::GoodDisk(node));
            }
            Fault::FullDisk { node, spare_bytes, lasting_ms } => {
                let disk = self.nodes[&node].disk();
                disk.set_capacity(Some(disk.used_bytes() + spare_bytes));
                self.at(now_ms + lasting_ms, Action::RoomyDisk(node));
            }
            Fault::Rot { node, folder, bits } => {
                self.damaged.insert(node);
                for _ in 0..bits {
                    let place = self.nodes[&node].disk().rot_somewhere(folder.as_ref());
                    self.trace.node(node, format_args!("rots at {place:?}"));
                }
            }
            Fault::LyingDisk { node, folder, lost_per_million, stray_per_million, lasting_ms } => {
                self.damaged.insert(node);
                let disk = self.nodes[&node].disk();
                disk.set_faults(DiskFaults {
                    lost_writes: lost_per_million,
                    misdirected_writes: stray_per_million,
                    only_below: vec![folder.into()],
                    ..DiskFaults::default()
                });
                self.at(now_ms + lasting_ms, Action::GoodDisk(node));
            }
            Fault::Destroy { node } => {
                self.damaged.insert(node);
                self.crash(node, 0, None);
                self.lost.insert(node);
            }
            Fault::Wipe { node } => self.wipe(node),
            Fault::Replace { node, by } => self.replace(node, by),
            Fault::Demote { node, lasting_ms } => self.demote(node, now_ms + lasting_ms),
            Fault::Partition { a, b, lasting_ms } => {
                for (a, b) in pairs(&a, &b) {
                    self.block(a, b, now_ms + lasting_ms);
                    self.block(b, a, now_ms + lasting_ms);
                }
            }
            Fault::OneWay { from, to, lasting_ms } => {
                for (from, to) in pairs(&from, &to) {
                    self.block(from, to, now_ms + lasting_ms);
                }
            }
            Fault::SlowNetwork { latency_ms_max, lasting_ms } => {
                self.sim.set_max_message_latency(Duration::from_millis(latency_ms_max));
                self.at(now_ms + lasting_ms, Action::FastNetwork);
            }
            Fault::Clock { node, off_by_ms, lasting_ms } => {
                self.nodes[&node].clock().set_error(off_by_ms);
                self.at(now_ms + lasting_ms, Action::RightClock(node));
            }
            Fault::SlowDisk { node, upto_ms, lasting_ms } => {
                self.nodes[&node].blocking().slow_down(upto_ms);
                self.at(now_ms + lasting_ms, Action::FastDisk(node));
            }
        }
    }

    /// A node's disk is lost, and somebody starts it with an empty one under its old number.
    fn wipe(&mut self, node: u32) {
        // Of a node that has not voted yet there is nothing to forget.
        let lived = self.seen.nodes.get(&node).is_some_and(|seen| seen.ballot.is_some());
        if !lived || !self.alive().contains(&node) {
            return;
        }
        self.damaged.insert(node);
        self.wiped.insert(node);
        self.crash(node, RESTART_MS, None);
        let disk = self.nodes[&node].disk();
        disk.set_faults(DiskFaults::default());
        for path in disk.files_below(Path::new("/")) {
            let gone = disk.remove(&path).and_then(|()| disk.sync_dir(path.parent().unwrap_or(Path::new("/"))));
            self.trace.node(node, format_args!("wiped {}: {gone:?}", path.display()));
        }
    }

    /// The process dies now (with the power: what remains?), and starts again after so long unless something else keeps
    /// it down.
    fn crash(&mut self, node: u32, down_ms: u64, power: Option<Remains>) {
        if self.unborn.contains(&node) || self.removed.contains(&node) {
            return;
        }
        let until_ms = self.time.ms() + down_ms.max(1);
        if !self.down.contains_key(&node) {
            // The core's handle first, while its runtime is there.
            self.nodes[&node].forget();
            self.sim.crash(host_name(node));
            self.ending.remove(&node);
            self.trace.node(node, "is down");
        }
        let seed = self.chance.any();
        self.nodes[&node].disk().crash(match power {
            None => Loss::Nothing,
            Some(Remains::Nothing) => Loss::Everything,
            Some(Remains::Anything) => Loss::Arbitrary(seed),
            Some(Remains::Beginning) => Loss::Prefix(seed),
        });
        let down = self.down.entry(node).or_default();
        *down = (*down).max(until_ms);
        self.at(until_ms, Action::Start(node));
    }

    fn start(&mut self, node: u32) {
        let due = self.down.get(&node).is_some_and(|until_ms| *until_ms <= self.time.ms() || *until_ms == u64::MAX);
        let exists = !(self.lost.contains(&node) || self.unborn.contains(&node) || self.removed.contains(&node));
        if due && exists {
            self.down.remove(&node);
            self.excuses.insert(node, self.nodes[&node].disk().injected());
            self.trace.node(node, "starts");
            self.sim.bounce(host_name(node));
        }
    }

    /// A new machine, with an empty disk.
    pub(crate) fn bear(&mut self, node: u32) {
        self.unborn.remove(&node);
        self.start(node);
    }

    /// A node that the organisations have removed: its operator takes the machine away.
    pub(crate) fn take_away(&mut self, node: u32) {
        self.crash(node, 0, None);
        self.removed.insert(node);
    }

    /// Nodes that can be expected to run in the end.
    pub(crate) fn alive(&self) -> Vec<u32> {
        let gone = [&self.lost, &self.unborn, &self.removed];
        self.ids().into_iter().filter(|node| !gone.iter().any(|gone| gone.contains(node))).collect()
    }

    fn block(&mut self, from: u32, to: u32, until_ms: u64) {
        if from == to {
            return;
        }
        let faults = self.blocked.entry((from, to)).or_default();
        *faults += 1;
        if *faults == 1 {
            self.sim.partition_oneway(host_name(from), host_name(to));
        }
        self.at(until_ms, Action::Unblock { from, to });
    }

    fn unblock(&mut self, from: u32, to: u32) {
        let Some(faults) = self.blocked.get_mut(&(from, to)) else { return };
        *faults -= 1;
        if *faults == 0 {
            self.blocked.remove(&(from, to));
            self.sim.repair_oneway(host_name(from), host_name(to));
        }
    }

    /// Ends every fault.
    fn heal(&mut self) {
        self.trace.note("everything is healed");
        self.clients.quiet = true;
        self.sim.set_fail_rate(0.0);
        let actions = std::mem::take(&mut self.due);
        for (from, to) in std::mem::take(&mut self.blocked).into_keys() {
            self.sim.repair_oneway(host_name(from), host_name(to));
        }
        // A link that a random loss has broken stays so until a message mends it.
        for (a, b) in pairs(&self.ids(), &self.ids()).into_iter().filter(|(a, b)| a < b) {
            self.sim.repair(host_name(a), host_name(b));
        }
        drop(actions);
        self.act(Action::FastNetwork);
        for (id, node) in self.nodes.clone() {
            node.mischief().set(0, 0, 0);
            self.act(Action::RightClock(id));
            self.act(Action::FastDisk(id));
            self.act(Action::GoodDisk(id));
            self.act(Action::RoomyDisk(id));
            if let Some(down) = self.down.get_mut(&id) {
                *down = self.time.ms();
                self.act(Action::Start(id));
            }
        }
    }

    pub(crate) fn ids(&self) -> Vec<u32> {
        self.nodes.keys().copied().collect()
    }

    /// Every node in a few words, for whoever reads why it failed.
    pub(crate) fn statuses(&self) -> String {
        let one = |(id, node): (&u32, &crate::cluster::Node)| match node.core() {
            Some(core) => {
                let status = core.status();
                let is = |word| status.nodes.iter().filter(move |line| line.member == word).map(|line| line.id);
                let (voters, learners) = (is("voter").collect::<Vec<_>>(), is("learner").collect::<Vec<_>>());
                format!(
                    "n{id} {} t{} leader {:?} voters {voters:?} learners {learners:?} size {} cut {} published {} outbox {}{}{}",
                    status.role,
                    status.term,
                    status.leader,
                    status.applied_size,
                    status.cut_size,
                    status.published_size,
                    status.outbox_records,
                    if status.catching_up { " catching up" } else { "" },
                    status.fatal.map_or_else(String::new, |fatal| format!(" fatal: {fatal}")),
                )
            }
            None => format!("n{id} not running"),
        };
        self.nodes.iter().map(one).collect::<Vec<_>>().join("; ")
    }
}

fn pairs(a: &[u32], b: &[u32]) -> Vec<(u32, u32)> {
    a.iter().flat_map(|a| b.iter().map(|b| (*a, *b))).collect()
}
