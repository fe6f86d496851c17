//! The monitor: looks at all nodes and mirrors again and again, and believes none of them.
//!
//! ```text
//! round: checkpoints of all sources ─► verified? ─► smaller than before? other roots? ─► extends the last one? (tiles, proof)
//!                                        │ no                │                               │ yes: durable, then entries judged
//!                                        └──► alarm ◄────────┴── evidence file ◄─────────────┘ promises looked for
//! ```
//!
//! | file | what |
//! |---|---|
//! | `alarm` | what is said, and how bad it is |
//! | `saved` | what must survive: the last checkpoint of each source, durable before it is relied on |
//! | `compare` | checkpoints against each other; a contradiction becomes a file |
//! | `follow` | every entry judged again, incrementally |
//! | `promises` | promises in a folder: kept, pending, broken |
//! | `round` | one look at everybody |
//! | `condition` | what stands: nobody publishes, somebody lags, somebody does not cosign, clocks |
//!
//! Architecture invariants: no clock, no randomness, no sockets in here (time comes with each round, sources are given); what
//! was verified once is never forgotten, so that nobody can show this monitor a second history after a restart.

mod alarm;
mod compare;
mod condition;
mod follow;
mod promises;
mod round;
mod saved;

pub use alarm::{Alarm, AlarmKind, Event};
pub use round::{Round, SourceView};
pub use saved::MonitorError;

pub(crate) use promises::{Fate, fate};

use follow::Follower;
use saved::Saved;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tamga_ledger::evidence::{Claim, Evidence, genesis_of_entry};
use tamga_ledger::history::History;
use tamga_ledger::ids::ElectionId;
use tamga_ledger::note::UnverifiedCheckpoint;
use tamga_ledger::policy::Policy;
use tamga_ledger::trust::Trust;
use tamga_platform::disk::{Disk, Open};

use crate::source::{Files, Source};

/// When to alarm. Times in milliseconds.
#[derive(Debug, Clone)]
pub struct MonitorOptions {
    /// Nothing larger was published for this long.
    pub stall_ms: u64,
    /// A source shows an older checkpoint than another one for this long.
    pub behind_ms: u64,
    /// An organisation of the policy has not cosigned for this long.
    pub missing_ms: u64,
    /// Clocks may differ by this much.
    pub skew_ms: u64,
    /// Judge every entry again.
    pub follow: bool,
    /// The folder with promises (the signed bytes, one a file), if there is one.
    pub promises: Option<PathBuf>,
    /// A policy of the watcher's own, which every checkpoint has to satisfy beside the election's.
    pub policy: Option<Policy>,
}

impl Default for MonitorOptions {
    fn default() -> Self {
        Self {
            stall_ms: 600_000,
            behind_ms: 60_000,
            missing_ms: 120_000,
            skew_ms: 60_000,
            follow: true,
            promises: None,
            policy: None,
        }
    }
}

/// A monitor of one election.
pub struct Monitor {
    /// From the pinned digest through every decision that a source has proven.
    trust: Trust,
    /// Those decisions, as they stand in the folder.
    history: History,
    /// Signed genesis record, for evidence.
    genesis: Vec<u8>,
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    options: MonitorOptions,
    saved: Saved,
    follower: Option<Follower>,
    /// Alarms that stand, so that each is told once: by source or organisation.
    standing: BTreeMap<(AlarmKind, String), u64>,
    /// Since when a source lags, an organisation is missing.
    since_ms: BTreeMap<(AlarmKind, String), u64>,
    /// Contradictions told, by the two notes' texts.
    accused: BTreeSet<[u8; 32]>,
    /// Files written by this process.
    files: u32,
    /// Checkpoints that were compared with the newest, by size.
    known: BTreeMap<u64, UnverifiedCheckpoint>,
    /// When the newest checkpoint was first seen by this process.
    newest_seen_ms: u64,
}

impl Monitor {
    /// Opens the monitor's folder; of a new one the genesis record is read from a source and must be the pinned one.
    ///
    /// # Errors
    /// [`MonitorError`]. A folder that cannot be read is never replaced by a new beginning.
    pub fn open(
        disk: Arc<dyn Disk>,
        folder: &Path,
        pinned: &ElectionId,
        sources: &[Box<dyn Source>],
        options: MonitorOptions,
        now_ms: u64,
    ) -> Result<Self, MonitorError> {
        let (entry, trust) = saved::genesis(&*disk, folder, pinned, sources)?;
        let genesis = genesis_of_entry(&entry).unwrap_or_default();
        let (history, trust) = saved::history(&*disk, folder, &trust)?;
        let saved = Saved::read(&*disk, folder, &trust)?;
        let follower = options.follow.then(|| Follower::new(trust.clone()));
        Ok(Self {
            trust,
            history,
            genesis,
            disk,
            folder: folder.to_owned(),
            options,
            saved,
            follower,
            standing: BTreeMap::new(),
            since_ms: BTreeMap::new(),
            accused: BTreeSet::new(),
            files: 0,
            known: BTreeMap::new(),
            newest_seen_ms: now_ms,
        })
    }

    /// What it trusts by now.
    #[must_use]
    pub const fn trust(&self) -> &Trust {
        &self.trust
    }

    /// Size of the largest checkpoint it has verified.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.saved.newest().map_or(0, |newest| newest.checkpoint().size.get())
    }

    /// Entries it has judged.
    #[must_use]
    pub fn followed(&self) -> u64 {
        self.follower.as_ref().map_or(0, Follower::size)
    }

    /// Alarms that stand.
    #[must_use]
    pub fn standing(&self) -> Vec<(AlarmKind, String)> {
        self.standing.keys().cloned().collect()
    }

    /// Takes over the organisations' decisions that a source proves beyond those known. Whether there was anything new.
    fn learn(&mut self, source: &dyn Source, now_ms: u64, events: &mut Vec<Event>) -> bool {
        let Ok(Some(bytes)) = Files::new(source).history() else { return false };
        let walked = History::from_bytes(&bytes).and_then(|history| Ok((self.trust.follow(&history)?, history)));
        let (trust, history) = match walked {
            Ok(walked) => walked,
            Err(error) => {
                let text = format!("the history of {} does not verify: {error}", source.name());
                self.set(AlarmKind::FalseFiles, source.name(), Some(text), now_ms, events);
                return false;
            }
        };
        if trust.registry().leaves().last() <= self.trust.registry().leaves().last() {
            return false;
        }
        // Crash before this: it is learned again. What is saved later verifies under it, hence the order.
        if let Err(error) = saved::write_history(&*self.disk, &self.folder, &history) {
            let text = format!("the organisations' decisions cannot be kept: {error}");
            self.set(AlarmKind::Unreachable, &self.folder.display().to_string(), Some(text), now_ms, events);
            return false;
        }
        (self.trust, self.history) = (trust, history);
        true
    }

    /// Writes a claim as an evidence file if it convinces a stranger. The path, or why there is none.
    fn write(&mut self, claim: Claim, receipts: Vec<Vec<u8>>, now_ms: u64) -> Result<PathBuf, String> {
        let slug = claim.slug();
        let mut file = Evidence::new(*self.trust.election_id(), self.genesis.clone(), claim);
        // Whoever reads it starts from the genesis record, and needs the decisions since.
        file.receipts = self.history.receipts();
        file.receipts.extend(receipts);
        let large = matches!(file.claim, Claim::Promise { entries: tamga_ledger::evidence::Entries::Copy, .. });
        if !large {
            let verified = file.trust(self.trust.election_id()).and_then(|trust| file.verify(&trust));
            verified.map_err(|error| error.to_string())?;
        }
        let folder = self.folder.join("evidence");
        let path = folder.join(format!("{now_ms}-{:03}-{slug}.evidence", self.files));
        let bytes = file.to_bytes();
        self.files += 1;
        let write = || {
            self.disk.create_dir_all(&folder)?;
            let file = self.disk.open(&path, Open::CreateNew)?;
            file.write_all_at(&bytes, 0)?;
            file.sync_data()?;
            self.disk.sync_dir(&folder)
        };
        write().map_err(|error: std::io::Error| format!("{}: {error}", path.display()))?;
        Ok(path)
    }

    /// An alarm that is told when it begins to stand, and an event when it stands no more.
    fn set(&mut self, kind: AlarmKind, about: &str, text: Option<String>, now_ms: u64, events: &mut Vec<Event>) {
        let key = (kind, about.to_owned());
        match text {
            Some(text) => {
                if self.standing.insert(key, now_ms).is_none() {
                    events.push(Event::Alarm(Alarm {
                        kind,
                        about: about.to_owned(),
                        text,
                        evidence: None,
                        at_ms: now_ms,
                    }));
                }
            }
            None => {
                if self.standing.remove(&key).is_some() {
                    events.push(Event::Over { kind, about: about.to_owned(), at_ms: now_ms });
                }
            }
        }
    }

    /// Since when something holds: none if it does not.
    fn since(&mut self, kind: AlarmKind, about: &str, holds: bool, now_ms: u64) -> Option<u64> {
        let key = (kind, about.to_owned());
        if holds {
            return Some(*self.since_ms.entry(key).or_insert(now_ms));
        }
        self.since_ms.remove(&key);
        None
    }
}

/// An alarm about something that happened, told each time it happens.
fn happened(kind: AlarmKind, about: &str, text: String, evidence: Option<PathBuf>, at_ms: u64) -> Event {
    Event::Alarm(Alarm { kind, about: about.to_owned(), text, evidence, at_ms })
}
