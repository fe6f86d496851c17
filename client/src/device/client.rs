//! The device client: one submission at a time, any node, the same bytes until somebody answers.

use super::answer::{Answered, Outcome, Outgoing, Reading, read, shortened};
use super::channel::{NodeChannel, NodeEndpoint};
use super::dial::Dial;
use super::error::{Attempt, DeviceError};
use super::promises::PromiseBook;
use crate::proto::get_receipt_request::What;
use crate::proto::submit_reply::Answer;
use crate::proto::{GetCheckpointRequest, GetPolicyHistoryRequest, GetReceiptRequest, SubmitRequest};
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Duration;
use tamga_ledger::history::History;
use tamga_ledger::ids::RecordId;
use tamga_ledger::nodes::Nodes;
use tamga_ledger::note::VerifiedCheckpoint;
use tamga_ledger::receipt::{Receipt, VerifiedReceipt};
use tamga_ledger::submission::{SUBMISSION_BYTES_MAX, Submission};
use tamga_ledger::tree::LeafIndex;
use tamga_ledger::trust::Trust;
use tamga_platform::entropy::{Entropy, random_bytes};
use tokio::time::{Instant, sleep, timeout};

/// How patient a device is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceOptions {
    /// After this the caller gets [`DeviceError::Deadline`].
    pub deadline: Duration,
    /// How long one node may take for one answer, on top of `wait`.
    pub attempt: Duration,
    /// How long a node may wait for the verdict before it answers with a pending promise.
    pub wait: Duration,
    /// The first pause after all nodes have failed; doubled each round, with jitter.
    pub backoff_min: Duration,
    /// The longest pause.
    pub backoff_max: Duration,
    /// Most submissions in flight on one stream.
    pub window: usize,
}

impl Default for DeviceOptions {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(30),
            attempt: Duration::from_secs(4),
            wait: Duration::from_secs(2),
            backoff_min: Duration::from_millis(50),
            backoff_max: Duration::from_secs(2),
            window: 256,
        }
    }
}

/// A receipt that verified, and its bytes for whoever wants to keep it.
#[derive(Debug, Clone)]
pub struct VerifiedBytes {
    /// What it shows.
    pub receipt: VerifiedReceipt,
    /// Canonical bytes.
    pub bytes: Vec<u8>,
    /// The organisations' decisions that lead to the policy which the checkpoint satisfies: to be kept with the receipt. Empty
    /// while the genesis record's policy is in force.
    pub history: History,
}

/// Submits records to any of several nodes. Cheap to clone.
#[derive(Debug, Clone)]
pub struct DeviceClient {
    pub(super) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(super) struct Inner {
    /// What the caller gave.
    pub(super) trust: Arc<Trust>,
    /// What nodes have proven beyond it.
    learned: RwLock<(Arc<Trust>, Arc<History>)>,
    pub(super) nodes: Vec<NodeChannel>,
    pub(super) options: DeviceOptions,
    pub(super) entropy: Arc<dyn Entropy>,
    /// Where the last answer came from.
    preferred: AtomicUsize,
    /// Where promises are kept, if they are.
    book: OnceLock<Arc<PromiseBook>>,
}

impl DeviceClient {
    /// A client of these nodes, of which `trust` knows (the genesis record's, and those of decisions walked since), the first preferred. Connects on first use; call it inside a tokio
    /// runtime.
    ///
    /// # Errors
    /// [`DeviceError::NoNodes`], [`DeviceError::UnknownNode`], [`DeviceError::Address`], [`DeviceError::Tls`].
    pub fn new(
        trust: Arc<Trust>,
        endpoints: &[NodeEndpoint],
        options: DeviceOptions,
        dial: Arc<dyn Dial>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, DeviceError> {
        let nodes = trust.registry().clone();
        Self::of_nodes(trust, &nodes, endpoints, options, dial, entropy)
    }

    /// As [`new`](Self::new), with the nodes as they are known by now: those that were added since have proven themselves
    /// by receipts ([`Nodes::learn`]), those that were removed are not spoken to.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn of_nodes(
        trust: Arc<Trust>,
        nodes: &Nodes,
        endpoints: &[NodeEndpoint],
        options: DeviceOptions,
        dial: Arc<dyn Dial>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, DeviceError> {
        if endpoints.is_empty() {
            return Err(DeviceError::NoNodes);
        }
        let channel = |endpoint| NodeChannel::new(endpoint, nodes, &dial, options.attempt);
        let nodes = endpoints.iter().map(channel).collect::<Result<Vec<_>, _>>()?;
        let preferred = AtomicUsize::new(0);
        let learned = RwLock::new((Arc::clone(&trust), Arc::default()));
        let book = OnceLock::new();
        Ok(Self { inner: Arc::new(Inner { learned, trust, nodes, options, entropy, preferred, book }) })
    }

    /// From now on every promise is kept in this book, before the caller hears of it. The first book stays.
    #[must_use]
    pub fn keeping(self, book: Arc<PromiseBook>) -> Self {
        let _first = self.inner.book.set(book);
        self
    }

    /// What answers are verified against.
    #[must_use]
    pub fn trust(&self) -> &Arc<Trust> {
        &self.inner.trust
    }

    /// Submits a record and returns the first answer that can be relied on. On failure the same bytes go to the next node;
    /// the ledger takes a record once however often it comes.
    ///
    /// # Errors
    /// [`DeviceError::Deadline`], [`DeviceError::TooLong`].
    pub async fn submit(&self, submission: &Submission) -> Result<Answered, DeviceError> {
        self.inner.submit(&outgoing(submission)?, Instant::now() + self.inner.options.deadline).await
    }

    /// As [`submit`](Self::submit), and asks on until the verdict is known: for permissions, where the voter waits.
    ///
    /// # Errors
    /// [`DeviceError::Deadline`], also when the record is promised but not judged in time.
    pub async fn submit_for_verdict(&self, submission: &Submission) -> Result<Answered, DeviceError> {
        let (outgoing, deadline) = (outgoing(submission)?, Instant::now() + self.inner.options.deadline);
        let mut pause = self.inner.options.backoff_min;
        loop {
            let answered = self.inner.submit(&outgoing, deadline).await?;
            let pending = matches!(&answered.outcome, Outcome::Promised { promise, .. } if promise.judged.is_none());
            if !pending {
                return Ok(answered);
            }
            if Instant::now() + pause >= deadline {
                let what = "a promise, but no verdict in time".to_owned();
                return Err(self.inner.too_late(BTreeMap::from([(answered.node, what)])));
            }
            sleep(pause).await;
            pause = (pause * 2).min(self.inner.options.backoff_max);
        }
    }

    /// The record's receipt: entry, proofs and a published checkpoint, all verified; the record in it is the one asked for.
    ///
    /// # Errors
    /// [`DeviceError::UnknownRecord`] when every node says so until `wait` is over; [`DeviceError::Deadline`].
    pub async fn receipt(&self, record: &RecordId, wait: Duration) -> Result<VerifiedBytes, DeviceError> {
        self.inner.receipt(record, None, Instant::now() + wait).await
    }

    /// As [`receipt`](Self::receipt), and the entry stands at the leaf that was promised.
    ///
    /// # Errors
    /// As [`receipt`](Self::receipt).
    pub async fn receipt_at(
        &self,
        record: &RecordId,
        leaf: LeafIndex,
        wait: Duration,
    ) -> Result<VerifiedBytes, DeviceError> {
        self.inner.receipt(record, Some(leaf), Instant::now() + wait).await
    }

    /// The latest published checkpoint of the first node that answers.
    ///
    /// # Errors
    /// [`DeviceError::Deadline`] when no node gives one that verifies.
    pub async fn checkpoint(&self) -> Result<VerifiedCheckpoint, DeviceError> {
        let mut attempts = BTreeMap::new();
        for node in &self.inner.nodes {
            let mut reading = node.reading.clone();
            let what = match timeout(self.inner.options.attempt, reading.get_checkpoint(GetCheckpointRequest {})).await
            {
                Err(_) => "no answer in time".to_owned(),
                Ok(Err(status)) => status_text(&status),
                Ok(Ok(reply)) => {
                    let note = reply.get_ref().note.as_bytes();
                    let mut verified = self.inner.learned().0.verify_checkpoint(note);
                    if verified.is_err() && self.inner.learn(node).await {
                        verified = self.inner.learned().0.verify_checkpoint(note);
                    }
                    match verified {
                        Ok(checkpoint) => return Ok(checkpoint),
                        Err(error) => error.to_string(),
                    }
                }
            };
            attempts.insert(node.node, what);
        }
        Err(self.inner.too_late(attempts))
    }
}

pub(super) fn outgoing(submission: &Submission) -> Result<Outgoing, DeviceError> {
    let bytes = Bytes::from(submission.to_bytes());
    if bytes.len() > SUBMISSION_BYTES_MAX {
        return Err(DeviceError::TooLong { bytes: bytes.len(), max: SUBMISSION_BYTES_MAX });
    }
    Ok(Outgoing { bytes, id: submission.signed.id() })
}

impl Inner {
    /// Keeps a promise, if promises are kept.
    pub(super) fn keep(&self, outcome: &Outcome) {
        if let Some(book) = self.book.get() {
            book.keep(outcome);
        }
    }

    pub(super) fn first_node(&self) -> usize {
        self.preferred.load(Ordering::Relaxed)
    }

    pub(super) fn prefer(&self, place: usize) {
        self.preferred.store(place % self.nodes.len().max(1), Ordering::Relaxed);
    }

    pub(super) fn request(&self, outgoing: &Outgoing, correlation: u64) -> SubmitRequest {
        let wait_ms = u32::try_from(self.options.wait.as_millis()).unwrap_or(u32::MAX);
        SubmitRequest { correlation, submission: outgoing.bytes.clone(), wait_ms }
    }

    /// Reads an answer; one whose signature does not verify once more, if the node proves that it got another key.
    pub(super) async fn read(&self, answer: Option<Answer>, outgoing: &Outgoing, node: &NodeChannel) -> Reading {
        let reading = read(answer.clone(), outgoing, node.node, node.promise_key, &self.learned().0);
        match reading {
            Reading::Unsigned { .. } if self.learn(node).await => {
                read(answer, outgoing, node.node, node.promise_key, &self.learned().0)
            }
            reading => reading,
        }
    }

    pub(super) async fn submit(&self, outgoing: &Outgoing, deadline: Instant) -> Result<Answered, DeviceError> {
        let mut round = Round::new(self.first_node(), self.nodes.len(), deadline);
        // A node that does not know a signing key may lag; it is believed when all say so.
        let mut lagging: BTreeMap<u32, Outcome> = BTreeMap::new();
        let mut sent = 0;
        while let Some(place) = round.next(self).await {
            let Some(node) = self.nodes.get(place) else { continue };
            let (mut client, limit) = (node.submission.clone(), self.options.wait + self.options.attempt);
            let answer = timeout(round.at_most(limit), client.submit(self.request(outgoing, 0))).await;
            sent += 1;
            let reading = match answer {
                Err(_) => Reading::Retry { what: "no answer in time".to_owned(), after: Duration::ZERO },
                Ok(Err(status)) => Reading::Retry { what: status_text(&status), after: Duration::ZERO },
                Ok(Ok(reply)) => self.read(reply.into_inner().answer, outgoing, node).await,
            };
            match reading {
                Reading::Final(outcome) => {
                    self.keep(&outcome);
                    self.prefer(place);
                    return Ok(Answered { outcome, node: node.node, sent });
                }
                Reading::Lagging(outcome) => {
                    lagging.insert(node.node, outcome);
                    let nodes: BTreeSet<u32> = self.nodes.iter().map(|node| node.node).collect();
                    if lagging.keys().copied().collect::<BTreeSet<_>>() == nodes {
                        break;
                    }
                }
                Reading::Unsigned { what } => round.failed(node.node, what, Duration::ZERO),
                Reading::Retry { what, after } => round.failed(node.node, what, after),
                Reading::Elsewhere { what } => round.failed(node.node, what, Duration::ZERO),
            }
        }
        match lagging.pop_first() {
            Some((node, outcome)) => Ok(Answered { outcome, node, sent }),
            None => Err(self.too_late(round.attempts)),
        }
    }

    async fn receipt(
        &self,
        record: &RecordId,
        leaf: Option<LeafIndex>,
        deadline: Instant,
    ) -> Result<VerifiedBytes, DeviceError> {
        let mut round = Round::new(self.first_node(), self.nodes.len(), deadline);
        let mut unknown = BTreeSet::new();
        while let Some(place) = round.next(self).await {
            let Some(node) = self.nodes.get(place) else { continue };
            let wait = round.at_most(Duration::from_secs(5));
            let wait_ms = u32::try_from(wait.as_millis()).unwrap_or(u32::MAX);
            let what = Some(What::RecordId(Bytes::copy_from_slice(record.as_ref())));
            let mut client = node.reading.clone();
            let request = client.get_receipt(GetReceiptRequest { what, wait_ms });
            unknown.remove(&node.node);
            let what = match timeout(wait + self.options.attempt, request).await {
                Err(_) => "no answer in time".to_owned(),
                Ok(Err(status)) => {
                    if status.code() == tonic::Code::NotFound {
                        unknown.insert(node.node);
                    }
                    status_text(&status)
                }
                Ok(Ok(reply)) => {
                    let mut checked = self.check_receipt(&reply.get_ref().receipt, record, leaf);
                    if checked.is_err() && self.learn(node).await {
                        checked = self.check_receipt(&reply.get_ref().receipt, record, leaf);
                    }
                    match checked {
                        Ok((receipt, history)) => {
                            self.prefer(place);
                            return Ok(VerifiedBytes { receipt, bytes: reply.into_inner().receipt.to_vec(), history });
                        }
                        Err(what) => what,
                    }
                }
            };
            round.failed(node.node, what, Duration::ZERO);
        }
        if unknown.len() == self.nodes.len() {
            return Err(DeviceError::UnknownRecord(*record));
        }
        Err(self.too_late(round.attempts))
    }

    fn check_receipt(
        &self,
        bytes: &[u8],
        record: &RecordId,
        leaf: Option<LeafIndex>,
    ) -> Result<(VerifiedReceipt, History), String> {
        let (trust, history) = self.learned();
        let receipt = Receipt::from_bytes(bytes).and_then(|receipt| receipt.verify(&trust));
        let receipt = receipt.map_err(|error| format!("a receipt that does not hold: {error}"))?;
        if receipt.record_id() != *record {
            return Err("a receipt of another record".to_owned());
        }
        if leaf.is_some_and(|leaf| leaf != receipt.leaf()) {
            return Err(format!("the entry stands at leaf {}, not where it was promised", receipt.leaf()));
        }
        Ok((receipt, History::clone(&history)))
    }

    /// Who must cosign, as far as this client has learned, and the way there.
    pub(super) fn learned(&self) -> (Arc<Trust>, Arc<History>) {
        self.learned.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asks a node how the trust policy has changed. Nothing is believed that the genesis record does not lead to. Whether
    /// anything was learned.
    pub(super) async fn learn(&self, node: &NodeChannel) -> bool {
        let mut reading = node.reading.clone();
        let asked = timeout(self.options.attempt, reading.get_policy_history(GetPolicyHistoryRequest {})).await;
        let Ok(Ok(reply)) = asked else { return false };
        let Ok(history) = History::from_bytes(&reply.get_ref().history) else { return false };
        let Ok(trust) = self.trust.follow(&history) else { return false };
        let longer = history.steps.len() > self.learned().1.steps.len();
        if longer {
            *self.learned.write().unwrap_or_else(PoisonError::into_inner) = (Arc::new(trust), Arc::new(history));
        }
        longer
    }

    pub(super) fn too_late(&self, attempts: BTreeMap<u32, String>) -> DeviceError {
        let attempts = attempts.into_iter().map(|(node, what)| Attempt { node, what }).collect();
        DeviceError::Deadline {
            waited_ms: u64::try_from(self.options.deadline.as_millis()).unwrap_or(u64::MAX),
            attempts,
        }
    }

    /// Half to all of a pause, so that devices cut off together do not come back together.
    pub(super) fn jittered(&self, pause: Duration) -> Duration {
        let [random] = random_bytes::<1>(&*self.entropy);
        pause / 2 + pause * u32::from(random) / 510
    }
}

pub(super) fn status_text(status: &tonic::Status) -> String {
    shortened(&format!("{:?}: {}", status.code(), status.message()))
}

/// Goes round the nodes until the deadline, and pauses after each full round.
struct Round {
    place: usize,
    nodes: usize,
    tried: usize,
    rounds: u32,
    pause_least: Duration,
    deadline: Instant,
    attempts: BTreeMap<u32, String>,
}

impl Round {
    const fn new(first: usize, nodes: usize, deadline: Instant) -> Self {
        let (tried, rounds, pause_least) = (0, 0, Duration::ZERO);
        Self { place: first, nodes, tried, rounds, pause_least, deadline, attempts: BTreeMap::new() }
    }

    async fn next(&mut self, inner: &Inner) -> Option<usize> {
        if self.tried == self.nodes {
            let options = &inner.options;
            let pause = options.backoff_min * 2_u32.pow(self.rounds.min(10));
            sleep(self.at_most(inner.jittered(pause.min(options.backoff_max)).max(self.pause_least))).await;
            (self.tried, self.rounds, self.pause_least) = (0, self.rounds + 1, Duration::ZERO);
        }
        if Instant::now() >= self.deadline {
            return None;
        }
        let place = self.place % self.nodes;
        self.place = place + 1;
        self.tried += 1;
        Some(place)
    }

    fn at_most(&self, limit: Duration) -> Duration {
        limit.min(self.deadline.saturating_duration_since(Instant::now()))
    }

    fn failed(&mut self, node: u32, what: String, after: Duration) {
        // The node that can be asked again soonest decides.
        self.pause_least = if self.pause_least.is_zero() { after } else { self.pause_least.min(after) };
        self.attempts.insert(node, what);
    }
}
