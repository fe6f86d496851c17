//! Admission: from submitted bytes to a signed answer.
//!
//! ```text
//! size, canonical ─► in the ledger? ─► authentic? ─► may it be recorded at all? ─► outbox ─┬─► durable ────┐
//!      │                  │ promise        │                    │ (embargo, small cell)    └─► verdict or  ├─► promise
//!      └──────────────────┴────────────────┴──► signed refusal ◄┘                              time is up ─┘
//! ```
//!
//! What is refused here is not logged, only counted. What the rules refuse later is a leaf like any other.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use tamga_ledger::entry::Entry;
use tamga_ledger::ids::{KeyId, RecordId};
use tamga_ledger::promise::{Judged, NodeRefusal, Promise};
use tamga_ledger::store::StoreError;
use tamga_ledger::submission::{
    Authentic, Content, Rejection, SUBMISSION_BYTES_MAX, Submission, authenticate, submission_digest,
};
use tamga_ledger::tree::LeafIndex;
use tamga_ledger::verdict::{Refusal, Verdict};
use tamga_platform::blocking::BlockingExt as _;
use tamga_platform::planted;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

use super::Answer;
use super::authentics;
use super::lock::Access as _;
use super::outbox::Put;
use super::setup::NodeSigner;
use super::shared::Shared;

/// What admission thinks of bytes.
enum Admitted {
    Authentic,
    Refused { author: Option<KeyId>, code: &'static str, text: String },
}

impl Shared {
    /// Takes a submission and answers. See the module.
    pub(crate) async fn submit(self: &Arc<Self>, bytes: Bytes, wait: Option<Duration>) -> Answer {
        let started = Instant::now();
        let deadline = started + wait.unwrap_or(self.tuning.wait_default).min(self.tuning.wait_max);
        let answer = self.answer(bytes, deadline).await;
        let outcome = match &answer {
            Answer::Promise(_) => "promise",
            Answer::Refusal { .. } => "refusal",
            Answer::Unavailable { .. } => "unavailable",
        };
        metrics::counter!("tamga_submissions_total", "answer" => outcome).increment(1);
        metrics::histogram!("tamga_submit_seconds", "answer" => outcome).record(started.elapsed().as_secs_f64());
        answer
    }

    async fn answer(self: &Arc<Self>, bytes: Bytes, deadline: Instant) -> Answer {
        if let Some(unavailable) = self.unavailable() {
            return unavailable;
        }
        if bytes.len() > SUBMISSION_BYTES_MAX {
            let text = format!(
                "the submission has {} bytes; at most {SUBMISSION_BYTES_MAX} are taken: split it into parts",
                bytes.len()
            );
            return self.refuse(&bytes, None, "too-long", text).await;
        }
        let Ok(_admission) = self.admissions.try_acquire() else {
            return busy("too many submissions are waiting at this node; ask again, or another node");
        };
        let id = match Submission::from_bytes(&bytes) {
            Ok(submission) => submission.signed.id(),
            Err(error) => {
                let rejection = Rejection::Submission(error);
                return self.refuse(&bytes, None, rejection.slug(), advice(&rejection)).await;
            }
        };
        // Registered before looking: whatever is applied from here on is told.
        let told = self.waiters.register(id);
        let answer = match self.judged(&id).await {
            Ok(Some(judged)) => self.promise(id, Some(judged), 0).await,
            Ok(None) => self.admit(bytes, id, told, deadline).await,
            Err(error) => self.store_failed(&error),
        };
        self.waiters.prune(&id);
        answer
    }

    /// A planted bug: what the verdict will be if nothing comes in between.
    fn foreseen_verdict(&self, bytes: &[u8]) -> Option<Judged> {
        let authentic = authenticate(bytes, self.trust.election_id(), &self.keys_known()).ok()?;
        let (verdict, leaf) = {
            let state = self.state.look();
            (state.review(self.seams.clock.now_ms(), &authentic)?, state.head().size.next_index().ok()?)
        };
        Some(Judged { leaf, time_ms: self.seams.clock.now_ms(), verdict })
    }

    fn unavailable(&self) -> Option<Answer> {
        if self.is_stopping() || self.leaving.load(Ordering::Relaxed) {
            return Some(elsewhere("stopping", "this node is stopping; submit to another node"));
        }
        if self.removed.load(Ordering::Relaxed) {
            return Some(elsewhere("removed", "this node was removed by the organisations; submit to another node"));
        }
        if self.catching_up.load(Ordering::Relaxed) || self.store.size().is_empty() {
            let text = "this node is still catching up with the others; submit to another node, or ask again";
            return Some(unavailable("catching-up", text));
        }
        None
    }

    /// Why a new record is not taken for want of room, here or at the leader.
    fn no_room(&self) -> Option<Answer> {
        if self.disk_low() {
            return Some(unavailable("disk-full", "the disk of this node is nearly full; submit to another node"));
        }
        let leader = self.consensus.get().and_then(|consensus| consensus.status().leader);
        let leader = leader.and_then(|leader| u32::try_from(leader.id.0).ok()).filter(|leader| *leader != self.node);
        let full = leader.and_then(|leader| self.heard.fresh(leader)).is_some_and(|standing| standing.disk_low);
        full.then(|| unavailable("disk-full", "the disk of the leading node is nearly full; ask again in a while"))
    }

    async fn admit(
        self: &Arc<Self>,
        bytes: Bytes,
        id: RecordId,
        told: oneshot::Receiver<Judged>,
        deadline: Instant,
    ) -> Answer {
        // What is promised already is answered as before.
        let held = self.outbox.holds(&id);
        if let Some(no_room) = self.no_room().filter(|_| !held) {
            return no_room;
        }
        if let Admitted::Refused { author, code, text } = self.check_admission(&bytes).await {
            return self.refuse(&bytes, author, code, text).await;
        }
        if !held && !self.space.take(bytes.len()) {
            return unavailable("disk-full", "the disk of this node is nearly full; submit to another node");
        }
        let foreseen = if planted::is("promise-before-commit") { self.foreseen_verdict(&bytes) } else { None };
        let (number, accepted_ms) = match self.outbox.put(id, bytes, self.seams.clock.now_ms()) {
            Put::Kept { number, accepted_ms } => (number, accepted_ms),
            Put::Full => return busy("this node's outbox is full; submit to another node, or ask again"),
        };
        if foreseen.is_some() {
            return self.promise(id, foreseen, accepted_ms).await;
        }
        // Crash up to here: nobody was promised anything. The outbox's sync runs while the record is sequenced.
        let durable = async {
            let durable = self.outbox.wait_durable(number).await;
            durable && self.fatal.borrow().is_none()
        };
        let verdict = timeout_at(deadline, told);
        let mut fatal = self.fatal.subscribe();
        let (durable, verdict) = tokio::select! {
            both = async { tokio::join!(durable, verdict) } => both,
            _ = fatal.wait_for(Option::is_some) => {
                return failed();
            }
        };
        if !durable {
            return failed();
        }
        let judged = match verdict {
            Ok(Ok(judged)) => Some(judged),
            // Time is up, or apply came between the look and the outbox.
            Ok(Err(_)) | Err(_) => match self.judged(&id).await {
                Ok(judged) => judged,
                Err(error) => return self.store_failed(&error),
            },
        };
        if judged.is_some() {
            // Applied between the look at the ledger and the outbox: apply could not remove it.
            self.outbox.remove(std::iter::once(&id));
        }
        self.promise(id, judged, accepted_ms).await
    }

    /// Signatures, and what must not be recorded. An unknown key is looked for again with everything that is committed:
    /// another node may have answered for its registration a moment ago.
    async fn check_admission(self: &Arc<Self>, bytes: &Bytes) -> Admitted {
        let first = self.check_now(bytes).await;
        if !matches!(first, Admitted::Refused { code: "unknown-key", .. }) {
            return first;
        }
        match self.consensus.get() {
            Some(consensus) if consensus.read_barrier().await.is_ok() => self.check_now(bytes).await,
            _ => first,
        }
    }

    async fn check_now(self: &Arc<Self>, bytes: &Bytes) -> Admitted {
        let (shared, bytes) = (Arc::clone(self), bytes.clone());
        self.seams.blocking.run(move || shared.check_blocking(&bytes)).await
    }

    fn check_blocking(&self, bytes: &[u8]) -> Admitted {
        let digest = authentics::digest(bytes);
        if self.authentics.knows(&digest) {
            return Admitted::Authentic;
        }
        match authenticate(bytes, self.trust.election_id(), &self.keys_known()) {
            Ok(authentic) => match self.may_be_recorded(&authentic) {
                Ok(()) => {
                    self.authentics.keep(digest, bytes.len(), Box::new(authentic));
                    Admitted::Authentic
                }
                Err((refusal, why)) => Admitted::Refused {
                    author: authentic.record().author_key(),
                    code: refusal.slug(),
                    text: format!("{} {why}", refusal.text()),
                },
            },
            Err(rejection) => {
                // The author is whom the record names; with a bad signature that is not proven.
                Admitted::Refused { author: None, code: rejection.slug(), text: advice(&rejection) }
            }
        }
    }

    /// Content that must not become public is refused before it is in anybody's log. Everything else that the rules refuse
    /// is recorded with its reason.
    ///
    /// So are records of revoked keys, whose holder is no longer who the key says, and trust policies that would not hold:
    /// whoever made one is told why, and nothing of it stays.
    fn may_be_recorded(&self, authentic: &Authentic) -> Result<(), (Refusal, String)> {
        let state = self.state.look();
        match state.review(self.seams.clock.now_ms(), authentic) {
            Some(Verdict::Refused(refusal @ (Refusal::Embargo | Refusal::SmallCell))) => {
                Err((refusal, "The record was not taken, so that it does not become public.".to_owned()))
            }
            Some(Verdict::Refused(refusal @ Refusal::KeyRevoked)) => {
                Err((refusal, "The record was not taken; sign it anew with a key that is in force.".to_owned()))
            }
            Some(Verdict::Refused(refusal @ (Refusal::PolicyInvalid | Refusal::PolicySplits))) => {
                let objection = match authentic.content() {
                    Content::Governance(change) => state.epoch_objection(change, authentic.record()),
                    _ => None,
                };
                let why = objection.map_or_else(String::new, |objection| objection.to_string());
                Err((refusal, format!("The record was not taken: {why}.")))
            }
            _ => Ok(()),
        }
    }

    /// The verdict on a record that is in the ledger, from its entry.
    async fn judged(self: &Arc<Self>, id: &RecordId) -> Result<Option<Judged>, StoreError> {
        let Some(leaf) = self.lookup(id) else { return Ok(None) };
        if leaf >= self.store.size().next_index().unwrap_or(LeafIndex::ZERO) {
            // Judged this instant and not yet stored: whoever waits is told.
            return Ok(None);
        }
        let shared = Arc::clone(self);
        let bytes = self.seams.blocking.run(move || shared.store.entry(leaf)).await?;
        // Entries were made by this node's own apply; one that cannot be read is damage, found by its hash before.
        let entry = Entry::from_bytes(&bytes).ok();
        Ok(entry.map(|entry| Judged { leaf, time_ms: entry.time_ms, verdict: entry.verdict }))
    }

    /// The leaf of a record that is applied.
    pub(crate) fn lookup(&self, id: &RecordId) -> Option<LeafIndex> {
        LeafIndex::new(self.state.look().leaf_of(id)?).ok()
    }

    /// Signs a promise. The deadline follows from the record alone, so that asking again gives the same bytes.
    async fn promise(&self, record: RecordId, judged: Option<Judged>, accepted_ms: u64) -> Answer {
        let since_ms = judged.as_ref().map_or(accepted_ms, |judged| judged.time_ms);
        let patience_ms = u64::try_from(self.tuning.promise_deadline.as_millis()).unwrap_or(u64::MAX);
        let promise = Promise {
            election: *self.trust.election_id(),
            record,
            node: self.node,
            deadline_ms: since_ms.saturating_add(patience_ms),
            judged,
        };
        match self.signing(&self.promise_key(), move |key| promise.sign_with(key)).await {
            Ok(signed) => Answer::Promise(signed),
            Err(_) => unsigned(),
        }
    }

    async fn refuse(&self, bytes: &[u8], author: Option<KeyId>, code: &str, text: String) -> Answer {
        self.refusals.count(author, code);
        metrics::counter!("tamga_refusals_total", "code" => code.to_owned()).increment(1);
        let refusal = NodeRefusal {
            version: 1,
            election: *self.trust.election_id(),
            submission: submission_digest(bytes),
            node: self.node,
            time_ms: self.seams.clock.now_ms(),
            code: code.to_owned(),
            text: text.clone(),
        };
        match self.signing(&self.promise_key(), move |key| refusal.sign_with(key)).await {
            Ok(signed) => Answer::Refusal { signed, code: code.to_owned(), text },
            Err(_) => unsigned(),
        }
    }

    /// The promise key that the ledger registers for this node, as far as it is here.
    pub(crate) fn promise_key(&self) -> NodeSigner {
        let registered = self.roster.now().ledger().get(self.node).map(|own| own.keys.promise_key);
        Arc::clone(self.secrets.promise_for(registered))
    }

    fn store_failed(&self, error: &StoreError) -> Answer {
        self.fail(&error.to_string());
        unavailable("failed", "this node cannot read its ledger; submit to another node")
    }
}

fn unavailable(code: &'static str, text: &str) -> Answer {
    Answer::Unavailable { code, text: text.to_owned(), retry_after_ms: 1_000 }
}

fn elsewhere(code: &'static str, text: &str) -> Answer {
    Answer::Unavailable { code, text: text.to_owned(), retry_after_ms: 0 }
}

fn busy(text: &str) -> Answer {
    unavailable("busy", text)
}

fn failed() -> Answer {
    unavailable("failed", "this node has failed; nothing is known about the record: submit it to another node")
}

fn unsigned() -> Answer {
    unavailable("failed", "the device that holds this node's key does not sign; submit to another node")
}

/// What is wrong, and what the author can do.
fn advice(rejection: &Rejection) -> String {
    let remedy = match rejection.slug() {
        "unknown-key" => "register the key first, and wait until its registration is in the ledger",
        "bad-signature" => "sign the record's canonical bytes with the key named, under the record domain",
        "wrong-election" => "check which election this device is set up for",
        "not-canonical" | "body-invalid" | "confidential-body-invalid" => {
            "encode it deterministically (RFC 8949 §4.2.1), with the fields of FORMAT.md and no others"
        }
        "too-long" => "split it into parts",
        "header-invalid" => "correct the record's header and sign it again",
        "confidential-digest" => "send the confidential body together with the record, exactly as it was hashed",
        "unknown-kind" => "check the software version of this device against the election's",
        "secret-in-clear" => "put voter tags and salts into the confidential body only, and make a new record",
        _ => "correct the record and sign it again",
    };
    format!("{rejection}; {remedy}")
}
