//! The clients: they prepare the election, then identify voters (racing for the same few), submit again what was lost,
//! and read. Each waits for one answer at a time and goes to another node when none comes.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use tamga_ledger::ids::{PublicKey, RecordId};
use tamga_ledger::kinds::{Governance, Phase};
use tamga_ledger::promise::Promise;
use tamga_ledger::submission::Submission;
use tamga_ledger::trust::Trust;
use tamga_node::core::Answer;
use tamga_node::testing::{TestElection, successor};

use crate::chance::Chance;
use crate::cluster::{Ask, Nodes, Told};
use crate::model::Model;
use crate::plan::{Load, Plan};
use crate::seams::EPOCH_MS;
use crate::trace::Trace;

/// Stations of the election, with one device each.
pub const STATIONS: u32 = 2;
/// After how long without an answer a client goes to another node, ms.
const PATIENCE_MS: u64 = 3_000;
/// Records that one read asks for.
const READ_MAX: usize = 40;
/// Of a thousand promises without a verdict, so many are relied upon.
const BELIEVE_PERMILLE: u64 = 400;

/// Something a client wants done.
#[derive(Debug, Clone)]
struct Wish {
    record: RecordId,
    bytes: Bytes,
    what: What,
}

/// What a record is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Preparation,
    Opening,
    Identification,
    Decision,
}

#[derive(Debug)]
enum Doing {
    /// Nothing until then.
    Idle { until_ms: u64 },
    /// A record is on its way.
    Submitting { wish: Wish, number: u64, node: u32, since_ms: u64 },
    /// A record goes to another node then.
    Retrying { wish: Wish, at_ms: u64 },
    /// A read is on its way.
    Reading { number: u64, since_ms: u64 },
}

/// See the module.
#[derive(Debug)]
pub struct Clients {
    election: Arc<TestElection>,
    trust: Arc<Trust>,
    chance: Chance,
    load: Load,
    doing: Vec<Doing>,
    due: Vec<Bytes>,
    phases_due: Vec<u32>,
    /// Decisions of the organisations that nobody has taken to a node yet.
    decisions: VecDeque<Wish>,
    /// Nodes that come later, and whose place each takes.
    newcomers: BTreeMap<u32, u32>,
    left: u32,
    next_number: u64,
    made: BTreeMap<RecordId, Bytes>,
    /// Whether every station is open.
    pub open: bool,
    /// Whether clients begin nothing new.
    pub quiet: bool,
}

impl Clients {
    /// The clients of a plan.
    #[must_use]
    pub fn new(plan: &Plan, election: Arc<TestElection>, trust: Arc<Trust>) -> Self {
        let (seed, load) = (plan.seed, plan.load.clone());
        let mut due = election.preparation();
        due.reverse();
        Self {
            due,
            phases_due: (1..=STATIONS).rev().collect(),
            decisions: VecDeque::new(),
            newcomers: plan.newcomers().collect(),
            chance: Chance::new(seed, "clients"),
            doing: (0..load.clients.max(1)).map(|_| Doing::Idle { until_ms: 0 }).collect(),
            left: load.identifications,
            load,
            election,
            trust,
            next_number: 1,
            made: BTreeMap::new(),
            open: false,
            quiet: false,
        }
    }

    /// Whether nobody waits for anything.
    #[must_use]
    pub fn are_idle(&self) -> bool {
        self.decisions.is_empty() && self.doing.iter().all(|doing| matches!(doing, Doing::Idle { .. }))
    }

    /// A decision of the organisations, for the next client that has nothing else to do.
    ///
    /// # Panics
    /// Never: what was made here can be read.
    pub fn decide(&mut self, change: &Governance, model: &mut Model) -> RecordId {
        let bytes = self.election.decision(change);
        #[expect(clippy::expect_used, reason = "made the line before")]
        let wish = self.wish(bytes, What::Decision).expect("it can be read");
        model.made(wish.record, None);
        self.decisions.push_back(wish.clone());
        wish.record
    }

    /// Lets every client do what it is time for.
    pub fn step(&mut self, now_ms: u64, nodes: &Nodes, model: &mut Model, trace: &mut Trace) {
        self.hear(now_ms, nodes, model, trace);
        for client in 0..self.doing.len() {
            match &self.doing[client] {
                Doing::Idle { until_ms } if *until_ms <= now_ms => self.begin(client, now_ms, nodes, model, trace),
                Doing::Retrying { wish, at_ms } if *at_ms <= now_ms => {
                    let wish = wish.clone();
                    self.submit(client, wish, now_ms, nodes, trace);
                }
                Doing::Submitting { wish, number, node, since_ms } if since_ms + PATIENCE_MS <= now_ms => {
                    trace.note(format_args!("client {client} hears nothing of #{number} from n{node}"));
                    let wish = wish.clone();
                    self.submit(client, wish, now_ms, nodes, trace);
                }
                Doing::Reading { since_ms, .. } if since_ms + 2 * PATIENCE_MS <= now_ms => self.idle(client, now_ms),
                _ => {}
            }
        }
    }

    fn idle(&mut self, client: usize, now_ms: u64) {
        let pause_ms = self.chance.between(0, self.load.pause_ms_max);
        self.doing[client] = Doing::Idle { until_ms: now_ms + pause_ms };
    }

    fn begin(&mut self, client: usize, now_ms: u64, nodes: &Nodes, model: &mut Model, trace: &mut Trace) {
        if !self.open {
            // One client prepares, in order; the others wait.
            if client == 0 {
                self.prepare(now_ms, nodes, model, trace);
            }
            return;
        }
        if let Some(wish) = self.decisions.pop_front() {
            return self.submit(client, wish, now_ms, nodes, trace);
        }
        if self.quiet {
            return;
        }
        match self.chance.between(0, 99) {
            0..=64 if self.left > 0 => {
                self.left -= 1;
                let (home, voter) = (
                    self.chance.between(1, u64::from(STATIONS)),
                    self.chance.between(0, u64::from(self.load.voters) - 1),
                );
                let station = self.chance.between(1, u64::from(STATIONS)) as u32;
                let wish = self.identification(station, (home as u32, voter as u32), now_ms, model);
                self.submit(client, wish, now_ms, nodes, trace);
            }
            65..=79 if !model.acknowledged().is_empty() => {
                let (record, ..) = self.chance.pick(model.acknowledged()).clone();
                let Some(bytes) = self.made.get(&record).cloned() else { return self.idle(client, now_ms) };
                self.submit(client, Wish { record, bytes, what: What::Identification }, now_ms, nodes, trace);
            }
            80..=99 if !model.acknowledged().is_empty() => self.read(client, now_ms, nodes, model, trace),
            _ => self.idle(client, now_ms),
        }
    }

    fn wish(&mut self, bytes: Bytes, what: What) -> Option<Wish> {
        let record = Submission::from_bytes(&bytes).ok()?.signed.id();
        self.made.insert(record, bytes.clone());
        Some(Wish { record, bytes, what })
    }

    fn prepare(&mut self, now_ms: u64, nodes: &Nodes, model: &mut Model, trace: &mut Trace) {
        let (bytes, what) = match (self.due.pop(), self.phases_due.last()) {
            (Some(bytes), _) => (bytes, What::Preparation),
            (None, Some(station)) => (self.election.phase(*station, Phase::Open), What::Opening),
            (None, None) => {
                self.open = true;
                trace.note("the polls are open");
                return;
            }
        };
        if let Some(wish) = self.wish(bytes, what) {
            model.made(wish.record, None);
            self.submit(0, wish, now_ms, nodes, trace);
        }
    }

    /// An identification of a voter at a station, by a fresh record.
    ///
    /// # Panics
    /// Never: what was made here can be read.
    fn identification(&mut self, station: u32, voter: (u32, u32), now_ms: u64, model: &mut Model) -> Wish {
        let bytes = self.election.identification(station, voter.0, voter.1, EPOCH_MS + now_ms);
        #[expect(clippy::expect_used, reason = "made the line before")]
        let wish = self.wish(bytes, What::Identification).expect("it can be read");
        model.made(wish.record, Some(voter));
        wish
    }

    /// A fresh record for the liveness check, not on behalf of any client: what to submit and its id.
    pub fn last_wish(&mut self, number: u32, now_ms: u64, model: &mut Model) -> (RecordId, Bytes) {
        let wish = self.identification(1, (1, number % self.load.voters.max(1)), now_ms, model);
        (wish.record, wish.bytes)
    }

    fn any_node(&mut self, nodes: &Nodes) -> u32 {
        let ids: Vec<u32> = nodes.keys().copied().collect();
        *self.chance.pick(&ids)
    }

    fn submit(&mut self, client: usize, wish: Wish, now_ms: u64, nodes: &Nodes, trace: &mut Trace) {
        let node = self.any_node(nodes);
        let number = self.ask(node, Ask::Submit(wish.bytes.clone()), nodes);
        trace.note(format_args!("client {client} submits {} to n{node} as #{number}", wish.record));
        self.doing[client] = Doing::Submitting { wish, number, node, since_ms: now_ms };
    }

    fn read(&mut self, client: usize, now_ms: u64, nodes: &Nodes, model: &Model, trace: &mut Trace) {
        let node = self.any_node(nodes);
        let newest = model.acknowledged().iter().rev().take(READ_MAX).map(|(record, ..)| *record).collect();
        let number = self.ask(node, Ask::Read(newest), nodes);
        trace.note(format_args!("client {client} reads at n{node} as #{number}"));
        self.doing[client] = Doing::Reading { number, since_ms: now_ms };
    }

    /// Asks a node, if its process runs at all; the number under which the answer comes.
    pub fn ask(&mut self, node: u32, ask: Ask, nodes: &Nodes) -> u64 {
        let number = self.next_number;
        self.next_number += 1;
        if let Some(node) = nodes.get(&node).filter(|node| node.core().is_some()) {
            node.ask(number, ask);
        }
        number
    }

    fn hear(&mut self, now_ms: u64, nodes: &Nodes, model: &mut Model, trace: &mut Trace) {
        for (id, node) in nodes {
            for (number, told) in node.take_told() {
                match told {
                    Told::Submitted(answer) => self.answered(*id, number, &answer, now_ms, model, trace),
                    Told::Read(records, read) => self.was_read((*id, number, records), read, now_ms, model, trace),
                }
            }
        }
    }

    fn answered(&mut self, node: u32, number: u64, answer: &Answer, now_ms: u64, model: &mut Model, trace: &mut Trace) {
        // Every answer counts, also one that its client has given up on.
        let client =
            self.doing.iter().position(|doing| matches!(doing, Doing::Submitting { number: n, .. } if *n == number));
        let mut again_ms = None;
        match answer {
            Answer::Promise(bytes) => {
                let promise = Promise::verify(bytes, |id| self.promise_key(id));
                match promise {
                    Ok(Promise { record, judged: Some(judged), .. }) => {
                        trace.node(node, format_args!("answers #{number}: {} {}", judged.leaf, judged.verdict));
                        model.judged(record, &judged, node);
                        if let Some(client) = client {
                            self.done(client, judged.verdict.is_accepted(), now_ms, trace);
                        }
                    }
                    Ok(Promise { record, .. }) => {
                        trace.node(node, format_args!("answers #{number}: pending"));
                        model.pending(record, node);
                        if client.is_some_and(|client| self.believes(client)) {
                            trace.note(format_args!("#{number} is left to the promise"));
                            self.idle(client.unwrap_or_default(), now_ms);
                        } else {
                            again_ms = Some(200);
                        }
                    }
                    Err(error) => {
                        trace.node(node, format_args!("answers #{number} with a bad promise: {error}"));
                        model.bad_answer(format!("n{node} answered with a promise that does not verify: {error}"));
                    }
                }
            }
            Answer::Refusal { code, .. } => {
                trace.node(node, format_args!("refuses #{number}: {code}"));
                again_ms = Some(300);
            }
            Answer::Unavailable { text, .. } => {
                trace.node(node, format_args!("is unavailable for #{number}: {text}"));
                again_ms = Some(100);
            }
        }
        if let (Some(client), Some(again_ms)) = (client, again_ms)
            && let Doing::Submitting { wish, .. } = &self.doing[client]
        {
            self.doing[client] = Doing::Retrying { wish: wish.clone(), at_ms: now_ms + again_ms };
        }
    }

    /// Some clients go home with a promise and never ask again: it has to be kept without them.
    fn believes(&mut self, client: usize) -> bool {
        let identifies =
            matches!(&self.doing[client], Doing::Submitting { wish, .. } if wish.what == What::Identification);
        identifies && self.chance.permille(BELIEVE_PERMILLE)
    }

    fn promise_key(&self, node: u32) -> Option<PublicKey> {
        let known = self.trust.node(node).map(|known| known.keys.promise_key);
        known.or_else(|| self.newcomers.get(&node).map(|place| successor(node, *place).promise_key))
    }

    fn done(&mut self, client: usize, accepted: bool, now_ms: u64, trace: &mut Trace) {
        let what = match &self.doing[client] {
            Doing::Submitting { wish, .. } => wish.what,
            _ => What::Identification,
        };
        match what {
            What::Opening if accepted => {
                self.phases_due.pop();
            }
            // By a clock that was wrong, for example; a new record tries again.
            What::Opening | What::Preparation if !accepted => trace.note("part of the preparation was refused"),
            _ => {}
        }
        self.doing[client] = Doing::Idle { until_ms: now_ms };
        if self.open {
            self.idle(client, now_ms);
        }
    }

    fn was_read(
        &mut self,
        (node, number, records): (u32, u64, usize),
        read: Result<(u64, Vec<RecordId>), String>,
        now_ms: u64,
        model: &mut Model,
        trace: &mut Trace,
    ) {
        match read {
            Ok((size, missing)) => {
                trace.node(node, format_args!("reads #{number} at size {size}"));
                model.was_read(node, records);
                if let Some(missing) = missing.first() {
                    model.stale(node, size, *missing);
                }
            }
            Err(why) => trace.node(node, format_args!("cannot read #{number}: {why}")),
        }
        let client =
            self.doing.iter().position(|doing| matches!(doing, Doing::Reading { number: n, .. } if *n == number));
        if let Some(client) = client {
            self.idle(client, now_ms);
        }
    }
}
