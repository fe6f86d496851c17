//! Many submissions in flight on one stream. When the stream fails, what is unanswered goes to the next node, the same
//! bytes again.

use super::answer::{Answered, Outgoing, Reading, read};
use super::client::{DeviceClient, Inner, outgoing, status_text};
use super::error::DeviceError;
use crate::proto::{SubmitReply, SubmitRequest};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tamga_ledger::ids::PublicKey;
use tamga_ledger::submission::Submission;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::Streaming;

/// Answers "try again" in a row after which another node is tried.
const BUSY_MAX: u32 = 5;
/// How often deadlines and repetitions are looked at.
const TICK: Duration = Duration::from_millis(50);

/// A handle to one stream; clones share it. It ends when the last handle is dropped.
#[derive(Debug, Clone)]
pub struct SubmitStream {
    queue: mpsc::UnboundedSender<Job>,
    window: Arc<Semaphore>,
    deadline: Duration,
}

type Reply = Result<Answered, DeviceError>;

#[derive(Debug)]
struct Job {
    outgoing: Outgoing,
    deadline: Instant,
    reply: oneshot::Sender<Reply>,
    sent: u32,
    /// When to send it again after "try again".
    again_at: Option<Instant>,
}

impl DeviceClient {
    /// Opens a stream, beginning with the `first`-th of the configured nodes (devices spread over nodes that way).
    #[must_use]
    pub fn stream(&self, first: usize) -> SubmitStream {
        let (queue, jobs) = mpsc::unbounded_channel();
        let options = self.inner.options;
        let driver = Driver {
            inner: Arc::clone(&self.inner),
            jobs,
            pending: BTreeMap::new(),
            next: 0,
            place: first % self.inner.nodes.len().max(1),
            failures: BTreeMap::new(),
        };
        tokio::spawn(driver.run());
        SubmitStream { queue, window: Arc::new(Semaphore::new(options.window.max(1))), deadline: options.deadline }
    }
}

impl SubmitStream {
    /// Submits a record; waits for a place in the window first. Answers come in any order: call it from many tasks.
    ///
    /// # Errors
    /// As [`DeviceClient::submit`]; [`DeviceError::Closed`].
    pub async fn submit(&self, submission: &Submission) -> Result<Answered, DeviceError> {
        let outgoing = outgoing(submission)?;
        let deadline = Instant::now() + self.deadline;
        let _place = self.window.acquire().await.map_err(|_| DeviceError::Closed)?;
        let (reply, answer) = oneshot::channel();
        let job = Job { outgoing, deadline, reply, sent: 0, again_at: None };
        self.queue.send(job).map_err(|_| DeviceError::Closed)?;
        answer.await.map_err(|_| DeviceError::Closed)?
    }
}

/// Owns the stream and everything unanswered.
///
/// Invariant: `pending` holds at most the window's number of jobs, since each holds a permit of its caller.
struct Driver {
    inner: Arc<Inner>,
    jobs: mpsc::UnboundedReceiver<Job>,
    pending: BTreeMap<u64, Job>,
    next: u64,
    place: usize,
    failures: BTreeMap<u32, String>,
}

/// Why a stream is left.
enum Left {
    /// No handle is left, nothing is pending.
    Done,
    /// The node failed.
    Failed(String),
}

impl Driver {
    async fn run(mut self) {
        let mut failed = 0_u32;
        loop {
            if self.pending.is_empty() {
                match self.jobs.recv().await {
                    Some(job) => self.take(job),
                    None => return,
                }
            }
            let began = Instant::now();
            match self.serve().await {
                Left::Done => return,
                Left::Failed(what) => {
                    self.fail_over(what);
                    failed = if began.elapsed() > Duration::from_secs(5) { 1 } else { failed + 1 };
                    if (failed as usize).is_multiple_of(self.inner.nodes.len().max(1)) {
                        let options = &self.inner.options;
                        let pause = (options.backoff_min * 2_u32.pow(failed.min(10))).min(options.backoff_max);
                        sleep(self.inner.jittered(pause)).await;
                    }
                    self.expire();
                }
            }
        }
    }

    fn take(&mut self, job: Job) {
        self.next += 1;
        self.pending.insert(self.next, job);
    }

    fn fail_over(&mut self, what: String) {
        if let Some(node) = self.inner.nodes.get(self.place) {
            self.failures.insert(node.node, what);
        }
        self.place = (self.place + 1) % self.inner.nodes.len().max(1);
    }

    /// One stream to one node, until it fails.
    async fn serve(&mut self) -> Left {
        let Some(node) = self.inner.nodes.get(self.place).cloned() else { return Left::Done };
        let (send, receive) = mpsc::unbounded_channel();
        for correlation in self.pending.keys().copied().collect::<Vec<_>>() {
            self.send(correlation, &send);
        }
        let mut client = node.submission;
        let limit = self.inner.options.attempt;
        let opened = timeout(limit, client.submit_stream(UnboundedReceiverStream::new(receive))).await;
        let mut answers = match opened {
            Err(_) => return Left::Failed("no answer in time".to_owned()),
            Ok(Err(status)) => return Left::Failed(status_text(&status)),
            Ok(Ok(response)) => response.into_inner(),
        };
        self.exchange((node.node, node.promise_key), &send, &mut answers).await
    }

    async fn exchange(
        &mut self,
        node: (u32, PublicKey),
        send: &mpsc::UnboundedSender<SubmitRequest>,
        answers: &mut Streaming<SubmitReply>,
    ) -> Left {
        let silence_max = self.inner.options.wait + self.inner.options.attempt;
        let (mut heard, mut busy) = (Instant::now(), 0);
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                job = self.jobs.recv() => match job {
                    Some(job) => {
                        if self.pending.is_empty() {
                            heard = Instant::now();
                        }
                        self.take(job);
                        self.send(self.next, send);
                    }
                    None if self.pending.is_empty() => return Left::Done,
                    // The handles are gone but callers still wait: finish, without spinning on the closed queue.
                    None => { tick.tick().await; self.expire(); }
                },
                answer = answers.message() => match answer {
                    Ok(Some(reply)) => {
                        heard = Instant::now();
                        busy = self.answered(reply, node, busy);
                        if busy > BUSY_MAX {
                            return Left::Failed("the node answers with \"try again\" or with what cannot be relied on".to_owned());
                        }
                    }
                    Ok(None) => return Left::Failed("the node closed the stream".to_owned()),
                    Err(status) => return Left::Failed(status_text(&status)),
                },
                _ = tick.tick() => {
                    self.expire();
                    self.repeat(send);
                    if !self.pending.is_empty() && heard.elapsed() > silence_max {
                        return Left::Failed("no answer in time".to_owned());
                    }
                }
            }
        }
    }

    fn send(&mut self, correlation: u64, send: &mpsc::UnboundedSender<SubmitRequest>) {
        if let Some(job) = self.pending.get_mut(&correlation) {
            job.sent += 1;
            job.again_at = None;
            // A closed channel means that the stream has failed, which the answers' side reports.
            let _ = send.send(self.inner.request(&job.outgoing, correlation));
        }
    }

    /// Settles one answer; returns how many unusable ones there have been in a row.
    fn answered(&mut self, reply: SubmitReply, (node, promise_key): (u32, PublicKey), busy: u32) -> u32 {
        let correlation = reply.correlation;
        // An answer to something that expired, or was answered before.
        let Some(job) = self.pending.get_mut(&correlation) else { return busy };
        match read(reply.answer, &job.outgoing, node, promise_key, &self.inner.learned().0) {
            Reading::Final(outcome) => {
                self.inner.keep(&outcome);
                if let Some(job) = self.pending.remove(&correlation) {
                    // The caller may have gone; the record is in all the same.
                    let _ = job.reply.send(Ok(Answered { outcome, node, sent: job.sent }));
                }
                0
            }
            Reading::Lagging(_) | Reading::Unsigned { .. } => {
                // Rare: keys have just been registered, or a node's own replaced. The unary path asks all nodes, and learns.
                if let Some(job) = self.pending.remove(&correlation) {
                    let inner = Arc::clone(&self.inner);
                    tokio::spawn(async move {
                        let _ = job.reply.send(inner.submit(&job.outgoing, job.deadline).await);
                    });
                }
                0
            }
            Reading::Retry { what, after } => {
                job.again_at = Some(Instant::now() + after.max(TICK));
                self.failures.insert(node, what);
                busy + 1
            }
            Reading::Elsewhere { what } => {
                self.failures.insert(node, what);
                // Everything unanswered goes to the next node at once.
                BUSY_MAX + 1
            }
        }
    }

    fn repeat(&mut self, send: &mpsc::UnboundedSender<SubmitRequest>) {
        let now = Instant::now();
        let due = |job: &Job| job.again_at.is_some_and(|at| at <= now);
        let due: Vec<u64> = self.pending.iter().filter(|(_, job)| due(job)).map(|(number, _)| *number).collect();
        due.into_iter().for_each(|correlation| self.send(correlation, send));
    }

    fn expire(&mut self) {
        let now = Instant::now();
        let late: Vec<u64> =
            self.pending.iter().filter(|(_, job)| job.deadline <= now).map(|(number, _)| *number).collect();
        for correlation in late {
            if let Some(job) = self.pending.remove(&correlation) {
                let _ = job.reply.send(Err(self.inner.too_late(self.failures.clone())));
            }
        }
    }
}
