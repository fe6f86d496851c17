//! Outside witnesses: strangers who cosign what a quorum has published, under a policy of their own.
//!
//! ```text
//! published ─► due? (interval, a seal, an official hour, all units closed) ─► consistency proof ─► POST add-checkpoint
//!                                                                                   │ 200, verified
//!                         archived note, again ◄── joined with the note ◄───────────┘ 409: once more from the size it knows
//! ```
//!
//! | file | what |
//! |---|---|
//! | `protocol` | requests and answers (C2SP tlog-witness), pure |
//! | `http` | one bounded POST |
//!
//! Architecture invariants:
//! - publication never waits for a witness: it begins when a checkpoint is published, and nothing depends on its outcome;
//! - a witness's signature is kept only if it verifies under the key that the operator configured, over the very text published;
//! - nothing is remembered on disk: a witness that knows another size says so (409).

mod http;
mod protocol;

use std::path::PathBuf;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use serde::Serialize;
use tamga_consensus::Dialer;
use tamga_ledger::kinds::Kind;
use tamga_ledger::note::{SignedNote, VerifierKey};
use tamga_ledger::policy::Policy;
use tamga_ledger::state::UnitStatus;
use tamga_ledger::store::Store;
use tamga_ledger::tree::{Sha256Tree, TreeSize};
use tamga_platform::blocking::BlockingExt as _;
use tamga_platform::disk::Disk;
use tokio::time::{Instant, sleep_until};

use self::http::{Caller, Place};
use self::protocol::Answer;
use crate::config;
use crate::core::{Core, Published};
use crate::listeners::Stop;
use crate::view::View;

/// Longest policy file, bytes.
const POLICY_BYTES_MAX: u64 = 64 * 1024;
/// Longest file of certificate authorities, bytes.
const AUTHORITIES_BYTES_MAX: u64 = 4 << 20;
/// Most witnesses: their lines must leave the note room for the organisations'.
const WITNESSES_MAX: usize = 16;
/// After a failure, first; doubled each time, up to the interval.
const RETRY: Duration = Duration::from_secs(15);
/// How often a 409 is followed in one go: a second one means that somebody else asks for this log at the same time.
const FOLLOWED_MAX: usize = 3;

/// Why witnesses cannot be asked as configured.
#[derive(Debug, thiserror::Error)]
#[error("witnesses: {path}: {what}")]
pub struct WitnessesError {
    /// Which file.
    path: PathBuf,
    /// What is wrong.
    what: String,
}

/// One witness, for the operator.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct WitnessStanding {
    /// Name in the policy.
    pub name: String,
    /// The size it cosigned last for this node; 0 for none.
    pub cosigned_size: u64,
    /// When, ms UTC.
    pub cosigned_ms: u64,
    /// What went wrong last, if that was after the last success.
    pub hindrance: Option<String>,
    /// It says that there is another history.
    pub contradiction: bool,
}

/// All witnesses, for the operator.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct WitnessesStanding {
    /// The log's keys in the notation of C2SP, for the operators of witnesses.
    pub log_keys: Vec<String>,
    /// The largest size that the witnesses' own policy is satisfied for; 0 for none.
    pub satisfied_size: u64,
    /// Each.
    pub witnesses: Vec<WitnessStanding>,
}

struct Witness {
    name: String,
    key: VerifierKey,
    place: Place,
}

/// The witnesses of a configuration, read and checked. Clones share their standing.
#[derive(Clone)]
pub struct Witnesses {
    inner: Arc<Inner>,
}

struct Inner {
    policy: Policy,
    list: Vec<Witness>,
    caller: Caller,
    interval: Duration,
    standing: RwLock<WitnessesStanding>,
}

impl std::fmt::Debug for Witnesses {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Witnesses").field("standing", &self.standing()).finish_non_exhaustive()
    }
}

/// What makes a checkpoint due before the interval is over.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Milestones {
    seals: u64,
    hours: usize,
    all_closed: bool,
}

impl Milestones {
    fn of(view: &View) -> Self {
        let closed = |status: UnitStatus| status == UnitStatus::Closed;
        Self {
            seals: view.counts.by_kind.get(&Kind::Seal).map_or(0, |[accepted, flagged, _]| accepted + flagged),
            hours: view.turnout.hours.iter().filter(|hour| hour.at_ms <= view.time_ms).count(),
            all_closed: !view.units.is_empty() && view.units.iter().all(|unit| closed(unit.status)),
        }
    }
}

impl Witnesses {
    /// Reads and checks the witnesses' own policy: C2SP tlog-policy with a URL for each witness.
    ///
    /// # Errors
    /// [`WitnessesError`], naming the file.
    pub fn open(disk: &dyn Disk, config: &config::Witnesses, dialer: Arc<dyn Dialer>) -> Result<Self, WitnessesError> {
        let fault = |path: &PathBuf, what: String| WitnessesError { path: path.clone(), what };
        let in_policy = |what: String| fault(&config.policy, what);
        let text = disk.read(&config.policy, POLICY_BYTES_MAX).map_err(|error| in_policy(error.to_string()))?;
        let text = String::from_utf8(text).map_err(|_| in_policy("it is not text".to_owned()))?;
        let policy: Policy =
            text.parse().map_err(|error: tamga_ledger::policy::PolicyError| in_policy(error.to_string()))?;
        if policy.witnesses().is_empty() || policy.witnesses().len() > WITNESSES_MAX {
            return Err(in_policy(format!("1 to {WITNESSES_MAX} witnesses are needed")));
        }
        let list = policy.witnesses().iter().map(|one| {
            let url = one.url.as_ref().ok_or_else(|| in_policy(format!("witness {} has no URL", one.name)))?;
            let place = Place::new(url).map_err(in_policy)?;
            Ok(Witness { name: one.name.to_string(), key: one.key.clone(), place })
        });
        let list = list.collect::<Result<Vec<_>, WitnessesError>>()?;
        let authorities = match &config.ca_file {
            Some(path) => disk.read(path, AUTHORITIES_BYTES_MAX).map_err(|error| fault(path, error.to_string()))?,
            None => Vec::new(),
        };
        let timeout = Duration::from_millis(config.timeout_ms);
        let caller = Caller::new(dialer, &authorities, timeout).map_err(in_policy)?;
        let witnesses = list.iter().map(|one| WitnessStanding { name: one.name.clone(), ..WitnessStanding::default() });
        let standing = WitnessesStanding { witnesses: witnesses.collect(), ..WitnessesStanding::default() };
        let interval = Duration::from_secs(config.interval_s);
        Ok(Self { inner: Arc::new(Inner { policy, list, caller, interval, standing: RwLock::new(standing) }) })
    }

    /// For the operator.
    #[must_use]
    pub fn standing(&self) -> WitnessesStanding {
        self.inner.standing.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    /// Asks until the signal, each witness at its own pace.
    pub async fn ask(self, core: Arc<Core>, stop: Stop) {
        let origin = core.trust().origin().clone();
        let keys = core.trust().policy().logs().iter().map(|log| log.key.to_string()).collect();
        self.inner.change(|standing| standing.log_keys = keys);
        tracing::info!(witnesses = self.inner.list.len(), %origin, "outside witnesses are asked");
        let each = (0..self.inner.list.len()).map(|place| self.ask_one(&core, place));
        tokio::select! {
            _ = futures::future::join_all(each) => {}
            () = stop.stopped() => {}
        }
    }

    async fn ask_one(&self, core: &Arc<Core>, place: usize) {
        let mut published = core.published();
        let (mut known, mut asked, mut pause) = (TreeSize::ZERO, None::<(Milestones, u64)>, RETRY);
        let mut due = Instant::now();
        loop {
            let latest = published.borrow_and_update().clone();
            if let Some(latest) = latest {
                let (milestones, size) = (Milestones::of(&latest.view), latest.checkpoint.size);
                let news = asked.as_ref().is_none_or(|(_, asked)| *asked != size.get());
                let milestone = asked.as_ref().is_none_or(|(before, _)| *before != milestones);
                if news && (milestone || Instant::now() >= due) {
                    let cosigned = self.inner.cosigned_by(core, place, &latest, &mut known).await;
                    let wait = if cosigned { self.inner.interval } else { pause.min(self.inner.interval) };
                    pause = if cosigned { RETRY } else { pause * 2 };
                    due = Instant::now() + wait;
                    // After a failure the same checkpoint may be asked for again.
                    asked = Some((milestones, if cosigned { size.get() } else { 0 }));
                }
            }
            tokio::select! {
                changed = published.changed() => if changed.is_err() { return },
                () = sleep_until(due), if Instant::now() < due => {}
            }
        }
    }
}

impl Inner {
    fn change(&self, change: impl FnOnce(&mut WitnessesStanding)) {
        change(&mut self.standing.write().unwrap_or_else(std::sync::PoisonError::into_inner));
    }

    /// Asks one witness for one checkpoint and keeps what it says.
    async fn cosigned_by(&self, core: &Arc<Core>, place: usize, latest: &Published, known: &mut TreeSize) -> bool {
        let Some(witness) = self.list.get(place) else { return false };
        let size = latest.checkpoint.size;
        let answer = self.exchange(core, witness, latest, known).await;
        let (outcome, contradiction, hindrance) = match answer {
            Ok(Answer::Cosigned(lines)) => {
                *known = size;
                let note = core.add_outside_cosignatures(size, lines).await;
                self.keep_success(core, place, size, note.as_ref());
                ("cosigned", false, None)
            }
            Ok(Answer::Knows(other)) if other > size => {
                // Another node of this log was there with a newer checkpoint: nothing is wrong, the next one will do.
                (
                    "ahead",
                    false,
                    Some(format!("it knows size {other} already, a newer one than this node has published")),
                )
            }
            Ok(Answer::Knows(other)) => {
                ("refused", false, Some(format!("it keeps answering that it knows size {other}")))
            }
            Ok(Answer::Refused(refusal)) => ("refused", refusal.is_contradiction(), Some(refusal.to_string())),
            Err(what) => ("unreachable", false, Some(what)),
        };
        metrics::counter!("tamga_witness_answers_total", "witness" => witness.name.clone(), "answer" => outcome)
            .increment(1);
        if contradiction {
            tracing::error!(witness = witness.name, %size, hindrance, "A WITNESS HAS SEEN ANOTHER HISTORY OF THIS LOG");
        } else if let Some(hindrance) = &hindrance {
            tracing::warn!(witness = witness.name, %size, hindrance, "an outside witness did not cosign");
        }
        let cosigned = hindrance.is_none();
        self.change(|standing| {
            if let Some(one) = standing.witnesses.get_mut(place) {
                one.hindrance = hindrance;
                one.contradiction |= contradiction;
            }
        });
        cosigned
    }

    fn keep_success(&self, core: &Core, place: usize, size: TreeSize, note: Option<&SignedNote>) {
        let verified = |one: &&Witness| {
            let lines = note.iter().flat_map(|note| note.signatures().iter().map(move |line| (note, line)));
            lines.into_iter().any(|(note, line)| line.claims(&one.key) && one.key.verify(note.text(), line).is_ok())
        };
        let satisfied = self.policy.evaluate(self.list.iter().filter(verified).map(|one| &one.key)).satisfied;
        let now_ms = core.now_ms();
        self.change(|standing| {
            if let Some(one) = standing.witnesses.get_mut(place) {
                (one.cosigned_size, one.cosigned_ms) = (size.get(), now_ms);
            }
            if satisfied {
                standing.satisfied_size = standing.satisfied_size.max(size.get());
            }
        });
        metrics::gauge!("tamga_witnessed_size").set(self.standing_satisfied() as f64);
    }

    fn standing_satisfied(&self) -> u64 {
        self.standing.read().unwrap_or_else(std::sync::PoisonError::into_inner).satisfied_size
    }

    /// Request and answer, following a 409 to the size that the witness knows.
    async fn exchange(
        &self,
        core: &Arc<Core>,
        witness: &Witness,
        latest: &Published,
        known: &mut TreeSize,
    ) -> Result<Answer, String> {
        let size = latest.checkpoint.size;
        let note = SignedNote::from_bytes(latest.note.as_bytes()).map_err(|error| error.to_string())?;
        let mut answer = Answer::Knows(*known);
        for _ in 0..FOLLOWED_MAX {
            let Answer::Knows(old) = answer else { return Ok(answer) };
            if old > size {
                return Ok(answer);
            }
            *known = old;
            let store = Arc::clone(core.store());
            let proof = core.blocking().run(move || consistency(&store, old, size)).await?;
            let body = protocol::request(old, &proof, &latest.note).ok_or("no such proof can be sent")?;
            let (status, content_type, body) = self.caller.post(&witness.place, body).await?;
            let keys = std::slice::from_ref(&witness.key);
            answer = protocol::read(status, &content_type, &body, &note, (old, size), keys);
        }
        Ok(answer)
    }
}

fn consistency(store: &Store, old: TreeSize, new: TreeSize) -> Result<Vec<[u8; 32]>, String> {
    if old.is_empty() || old == new {
        return Ok(Vec::new());
    }
    let proof = store.consistency_proof::<Sha256Tree>(old, new).map_err(|error| error.to_string())?;
    Ok(proof.path().iter().map(|hash| *hash.as_bytes()).collect())
}
