//! One look at everybody.

use super::compare::{Compared, compare};
use super::follow::Follower;
use super::{AlarmKind, Event, Monitor, MonitorError, happened};
use crate::source::{Files, Source, SourceError};
use serde::Serialize;
use tamga_ledger::evidence::{Claim, signers_of};
use tamga_ledger::note::{UnverifiedCheckpoint, VerifiedCheckpoint};

/// Most checkpoints kept for comparison; older sizes are compared by proofs.
const KNOWN_MAX: usize = 4_096;
/// Most contradictions told by one process: a liar can sign without end.
const ACCUSED_MAX: usize = 64;

/// What a round saw.
#[derive(Debug, Clone, Serialize)]
pub struct Round {
    /// What there is to say.
    pub events: Vec<Event>,
    /// Each source, in the order given.
    pub sources: Vec<SourceView>,
    /// Size of the largest checkpoint verified so far.
    pub size: u64,
    /// Entries judged.
    pub followed: u64,
    /// Organisations that cosigned the largest checkpoint.
    pub organisations: Vec<String>,
    /// How many there are.
    pub organisations_of: usize,
    /// Time that its latest cosignature states, seconds since 1970.
    pub cosigned_s: Option<u64>,
    /// When, ms UTC.
    pub at_ms: u64,
}

/// One source.
#[derive(Debug, Clone, Serialize)]
pub struct SourceView {
    /// Its name.
    pub name: String,
    /// Size of the checkpoint that it shows, if that verifies.
    pub size: Option<u64>,
    /// What is wrong with it.
    pub problem: Option<String>,
}

impl Round {
    /// Whether somebody has shown something false.
    #[must_use]
    pub fn has_lie(&self) -> bool {
        self.events.iter().filter_map(Event::alarm).any(|alarm| alarm.kind.is_lie())
    }
}

impl Monitor {
    /// Asks all sources, in the order given (which the caller shuffles), and compares. `now_ms` is the caller's clock.
    ///
    /// # Errors
    /// [`MonitorError::Disk`]: what was seen cannot be kept, so the monitor must stop.
    pub fn round(&mut self, sources: &[Box<dyn Source>], now_ms: u64) -> Result<Round, MonitorError> {
        let mut events = Vec::new();
        let mut views = Vec::with_capacity(sources.len());
        for (source, note) in sources.iter().zip(checkpoints(sources)) {
            let looked = self.look(&**source, note, sources, now_ms, &mut events);
            let (size, problem) = match looked {
                Ok(checkpoint) => (Some(checkpoint.checkpoint().size.get()), None),
                Err(problem) => (None, Some(problem)),
            };
            views.push(SourceView { name: source.name().to_owned(), size, problem });
        }
        // Durable before anything is built on it: a killed monitor compares with this again.
        self.saved.write(&*self.disk, &self.folder, &self.trust)?;
        self.look_behind(&views, now_ms, &mut events);
        if let Some(newest) = self.saved.newest().cloned() {
            self.look_at_newest(&newest, now_ms, &mut events);
            if let Some(source) = self.source_of_newest(sources, &views) {
                self.follow(&newest, source, now_ms, &mut events);
                self.look_for_promises(&newest, source, now_ms, &mut events);
                self.saved.write(&*self.disk, &self.folder, &self.trust)?;
            }
        }
        Ok(self.told(events, views, now_ms))
    }

    fn told(&self, events: Vec<Event>, sources: Vec<SourceView>, at_ms: u64) -> Round {
        let newest = self.saved.newest();
        Round {
            events,
            sources,
            size: self.size(),
            followed: self.followed(),
            organisations: newest
                .map(|newest| newest.organisations().iter().map(ToString::to_string).collect())
                .unwrap_or_default(),
            organisations_of: self.trust.policy().organisations().len(),
            cosigned_s: newest.and_then(latest_s),
            at_ms,
        }
    }

    /// A source that shows the newest checkpoint, the one that showed it first before others.
    fn source_of_newest<'a>(&self, sources: &'a [Box<dyn Source>], views: &[SourceView]) -> Option<&'a dyn Source> {
        let size = Some(self.size());
        let mut fitting: Vec<&Box<dyn Source>> =
            sources.iter().zip(views).filter(|(_, view)| view.size == size).map(|(source, _)| source).collect();
        fitting.sort_by_key(|source| source.name() != self.saved.newest_from);
        fitting.first().map(|source| &***source)
    }

    /// One source's checkpoint against everything known.
    fn look(
        &mut self,
        source: &dyn Source,
        note: Result<Vec<u8>, SourceError>,
        sources: &[Box<dyn Source>],
        now_ms: u64,
        events: &mut Vec<Event>,
    ) -> Result<VerifiedCheckpoint, String> {
        let name = source.name();
        let unreachable = note.as_ref().err().filter(|error| !error.is_malformed()).map(ToString::to_string);
        self.set(AlarmKind::Unreachable, name, unreachable.clone(), now_ms, events);
        let note = match note {
            Ok(note) => note,
            Err(error) => {
                if unreachable.is_none() {
                    self.set(AlarmKind::Invalid, name, Some(error.to_string()), now_ms, events);
                }
                return Err(error.to_string());
            }
        };
        let mut verified = self.trust.verify_checkpoint(&note);
        if verified.is_err() && self.learn(source, now_ms, events) {
            verified = self.trust.verify_checkpoint(&note);
        }
        let verified = match verified {
            Ok(verified) => verified,
            Err(error) => {
                self.accuse_unpublished(&note, source, sources, now_ms, events);
                let text = format!("{name} shows a checkpoint that does not verify: {error}");
                self.set(AlarmKind::Invalid, name, Some(text.clone()), now_ms, events);
                return Err(text);
            }
        };
        self.set(AlarmKind::Invalid, name, None, now_ms, events);
        self.look_for_regress(&verified, name, now_ms, events);
        let newest = self.saved.newest().cloned();
        let known = newest.as_ref().is_some_and(|newest| newest.checkpoint() == verified.checkpoint());
        if let Some(newest) = newest.as_ref().filter(|_| !known) {
            self.compare_with(newest, &signed(&verified), source, sources, now_ms, events)?;
        }
        self.remember(&verified);
        let is_larger = newest.as_ref().is_none_or(|newest| verified.checkpoint().size > newest.checkpoint().size);
        let says_more =
            known && newest.is_some_and(|newest| newest.cosignatures().len() < verified.cosignatures().len());
        if is_larger {
            let organisations = verified.organisations().iter().map(ToString::to_string).collect();
            let size = verified.checkpoint().size.get();
            events.push(Event::Checkpoint { size, organisations, source: name.to_owned(), at_ms: now_ms });
            self.newest_seen_ms = now_ms;
        }
        if is_larger || says_more {
            self.saved.set_newest(verified.clone(), name);
        }
        self.saved.last.insert(name.to_owned(), verified.clone());
        Ok(verified)
    }

    fn look_for_regress(&self, verified: &VerifiedCheckpoint, name: &str, now_ms: u64, events: &mut Vec<Event>) {
        let size = verified.checkpoint().size;
        if let Some(before) = self.saved.last.get(name).map(|last| last.checkpoint().size)
            && size < before
        {
            let text = format!(
                "{name} shows a checkpoint of {size} entries, but has shown {before} before: it replays an old one, or has \
                 lost what it had"
            );
            events.push(happened(AlarmKind::Regress, name, text, None, now_ms));
        }
    }

    /// Against the newest checkpoint known, or another of its size; an error keeps this one from being taken over.
    fn compare_with(
        &mut self,
        newest: &VerifiedCheckpoint,
        theirs: &UnverifiedCheckpoint,
        source: &dyn Source,
        sources: &[Box<dyn Source>],
        now_ms: u64,
        events: &mut Vec<Event>,
    ) -> Result<(), String> {
        let size = theirs.claimed().size;
        let ours = self.known.get(&size.get()).cloned().unwrap_or_else(|| signed(newest));
        // A proof between two sizes comes from the tiles of the larger tree.
        let has_tiles = if size < ours.claimed().size {
            let by_name = sources.iter().find(|one| one.name() == self.saved.newest_from);
            let any_other = || sources.iter().find(|one| one.name() != source.name());
            by_name.or_else(any_other).map_or(source, |from| &**from)
        } else {
            source
        };
        match compare(&ours, theirs, has_tiles) {
            Ok(Compared::Extends) => {
                self.set(AlarmKind::FalseFiles, has_tiles.name(), None, now_ms, events);
                Ok(())
            }
            Ok(Compared::Contradicts(claim)) => Err(self.contradiction(claim, source.name(), now_ms, events)),
            Ok(Compared::FalseFiles(what)) => {
                let name = has_tiles.name();
                let text = format!("the tiles of {name} do not lead to its own checkpoint: {what}");
                self.set(AlarmKind::FalseFiles, name, Some(text.clone()), now_ms, events);
                Err(text)
            }
            Err(error) => Err(format!("its checkpoint cannot be compared yet: {error}")),
        }
    }

    /// Signed by somebody of the election, though not by a quorum: still a contradiction, if it is one.
    fn accuse_unpublished(
        &mut self,
        note: &[u8],
        source: &dyn Source,
        sources: &[Box<dyn Source>],
        now_ms: u64,
        events: &mut Vec<Event>,
    ) {
        let Ok(theirs) = UnverifiedCheckpoint::from_bytes(note) else { return };
        let ours =
            theirs.claimed().origin == *self.trust.origin() && !signers_of(&self.trust, theirs.note()).is_empty();
        if let Some(newest) = self.saved.newest().cloned().filter(|_| ours) {
            // Whatever it is, it is not taken over.
            let _ = self.compare_with(&newest, &theirs, source, sources, now_ms, events);
        }
    }

    /// Writes the evidence of a contradiction and tells of it, once for a pair of texts.
    fn contradiction(&mut self, claim: Claim, name: &str, now_ms: u64, events: &mut Vec<Event>) -> String {
        let text = format!("{name} shows a checkpoint that contradicts one that was published");
        let Claim::Notes { first, second, .. } = &claim else { return text };
        let texts = [first, second].map(|note| note.split("\n\n").next().unwrap_or_default().to_owned());
        if self.accused.len() < ACCUSED_MAX && self.accused.insert(*blake3::hash(texts.concat().as_bytes()).as_bytes())
        {
            let (told, evidence) = self.written(&text, claim, now_ms);
            events.push(happened(AlarmKind::SplitView, name, told, evidence, now_ms));
        }
        text
    }

    fn remember(&mut self, verified: &VerifiedCheckpoint) {
        self.known.insert(verified.checkpoint().size.get(), signed(verified));
        while self.known.len() > KNOWN_MAX {
            self.known.pop_first();
        }
    }

    /// Judges the entries that the newest checkpoint covers.
    fn follow(&mut self, newest: &VerifiedCheckpoint, source: &dyn Source, now_ms: u64, events: &mut Vec<Event>) {
        let Some(mut follower) = self.follower.take() else { return };
        let name = source.name();
        let followed = match follower.follow(newest, source) {
            Ok(followed) => followed,
            Err(error) => {
                self.follower = Some(follower);
                return self.set(AlarmKind::Unreachable, name, Some(error.to_string()), now_ms, events);
            }
        };
        if follower.has_left_the_ledger() {
            // Its tiles lead to the checkpoint and its entries do not: begin anew, with another source if there is one.
            self.follower = Some(Follower::new(self.trust.clone()));
            let text = format!("the entries of {name} are not those of the checkpoint it shows");
            return self.set(AlarmKind::FalseFiles, name, Some(text), now_ms, events);
        }
        self.follower = Some(follower);
        self.set(AlarmKind::FalseFiles, name, None, now_ms, events);
        for finding in followed.findings {
            let about = finding.leaf.map_or_else(|| "the ledger".to_owned(), |leaf| format!("entry {leaf}"));
            events.push(happened(AlarmKind::Finding, &about, finding.text, None, now_ms));
        }
        for claim in followed.twice {
            let (text, evidence) = self.written("an author has used one number for two records", claim, now_ms);
            events.push(happened(AlarmKind::NumberTwice, "the ledger", text, evidence, now_ms));
        }
        self.look_at_times(newest, followed.last_ms, now_ms, events);
    }
}

fn signed(verified: &VerifiedCheckpoint) -> UnverifiedCheckpoint {
    verified.clone().into_unverified()
}

/// The checkpoints of all sources, asked at once: one that hangs does not hold up the others' answers.
fn checkpoints(sources: &[Box<dyn Source>]) -> Vec<Result<Vec<u8>, SourceError>> {
    std::thread::scope(|scope| {
        let asked: Vec<_> = sources.iter().map(|source| scope.spawn(|| Files::new(&**source).checkpoint())).collect();
        let lost =
            |name: &str| SourceError::Unreadable { place: name.to_owned(), what: "the reader failed".to_owned() };
        let answers = asked.into_iter().zip(sources);
        answers.map(|(asked, source)| asked.join().unwrap_or_else(|_| Err(lost(source.name())))).collect()
    })
}

fn latest_s(checkpoint: &VerifiedCheckpoint) -> Option<u64> {
    checkpoint.cosignatures().iter().map(|one| one.time_s).max()
}
