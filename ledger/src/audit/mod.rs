//! Audit: re-derives everything in a copy of a ledger and says what does not hold, with the leaf where it does not.
//!
//! The auditor starts from [`Trust`] (the pinned genesis digest), takes checkpoints and entries as anybody may have handed
//! them over, and believes none of them: bytes, signatures, every verdict, both trees and every checkpoint are computed
//! again. Memory is the judging state plus one chunk; entries stream through.
//!
//! | file | what |
//! |---|---|
//! | `finding` | what an auditor reports: numbered checks, classes, plain words |
//! | `report` | what it says in the end, and what a later run has to remember |
//! | `mod` | the walk over entries |

mod finding;
mod report;

pub use finding::{Check, Class, Finding, NotProven};
pub use report::{CheckCount, Progress, Report};

use crate::entry::{Entry, Payload};
use crate::ids::ElectionId;
use crate::judge::NewLeaf;
use crate::note::{CheckpointVerifyError, VerifiedCheckpoint};
use crate::record::Scope;
use crate::state::State;
use crate::submission::{Authentic, Confidential, KeyRing, Rejection, Submission, authenticate_submission};
use crate::tally::{Tally, tally};
use crate::tree::{LeafHashes, TreeHead, TreeSize};
use crate::trust::Trust;
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::convert::Infallible;
use tamga_platform::disk::DiskFile;

/// Most findings kept; more are counted.
pub const FINDINGS_MAX: usize = 1_000;

/// An audit under way.
#[derive(Debug, Clone)]
pub struct Auditor {
    trust: Trust,
    state: State,
    /// What was published, by size; those of an earlier run are not here.
    checkpoints: BTreeMap<u64, TreeHead>,
    progress: Progress,
    /// What the archive gave, by the size it is about: told once the entries have come there, so that a run that goes on from
    /// an earlier one looks at a checkpoint exactly once.
    pending: BTreeMap<u64, Vec<Finding>>,
    keep_at: Option<u64>,
    kept: Option<Box<State>>,
}

/// Some entries in leaf order, with what stands beside them.
#[derive(Debug, Clone, Default)]
pub struct Chunk {
    /// Entries.
    pub entries: Vec<Vec<u8>>,
    /// Their confidential bodies; empty where there is none or it is withheld. May be shorter.
    pub confidential: Vec<Vec<u8>>,
    /// The leaf hashes that the copy's own tiles have for them, where those are sound. May be shorter.
    pub hashes: Vec<LeafHashes>,
}

/// A chunk with what checking its entries in parallel gave.
struct CheckedChunk {
    chunk: Chunk,
    checked: Vec<Checked>,
}

impl CheckedChunk {
    fn len(&self) -> u64 {
        self.checked.len() as u64
    }
}

impl Chunk {
    /// Everything about the entries that needs no state but the registered keys; `start` is the first one's leaf.
    fn check(self, election: &ElectionId, keys: &KeyRing, start: u64) -> CheckedChunk {
        let check = |(offset, bytes): (usize, &Vec<u8>)| {
            let entry = Entry::from_bytes(bytes);
            let authentic = match &entry {
                Ok(Entry { payload: Payload::Full(signed), .. }) => {
                    let confidential = self.confidential.get(offset).cloned().unwrap_or_default();
                    let submission = Submission { signed: signed.clone(), confidential };
                    // The genesis record is of no election yet.
                    let election = if start + offset as u64 == 0 { &ElectionId::ZERO } else { election };
                    Some(authenticate_submission(submission, election, keys, Confidential::MayBeWithheld))
                }
                _ => None,
            };
            let differs = self.hashes.get(offset).is_some_and(|hashes| *hashes != LeafHashes::of(bytes));
            Checked { entry, authentic, differs }
        };
        let checked = self.entries.par_iter().enumerate().map(check).collect();
        CheckedChunk { chunk: self, checked }
    }
}

/// What checking an entry by itself gave.
struct Checked {
    entry: Result<Entry, crate::entry::EntryError>,
    authentic: Option<Result<Authentic, Rejection>>,
    /// The entry does not hash to what the copy's tiles have at its place.
    differs: bool,
}

impl Auditor {
    /// An audit of the election that `trust` was pinned to.
    #[must_use]
    pub fn new(trust: Trust) -> Self {
        Self {
            trust,
            state: State::empty(),
            checkpoints: BTreeMap::new(),
            progress: Progress::default(),
            pending: BTreeMap::new(),
            keep_at: None,
            kept: None,
        }
    }

    /// Goes on where an earlier run of one's own stopped: with its state, and what it had found by then. Neither is checked
    /// again, and neither may come from anybody else. Checkpoints of smaller sizes must not be added any more.
    #[must_use]
    pub fn resumed(trust: Trust, state: State, mut progress: Progress) -> Self {
        progress.resumed_from = state.size().get();
        Self { state, progress, ..Self::new(trust) }
    }

    /// Keeps the ids of records in a file: [`State::keep_ids_aside`].
    pub fn keep_ids_aside(&mut self, file: Box<dyn DiskFile>) {
        self.state.keep_ids_aside(file);
    }

    /// What a later run has to remember beside [`state`](Self::state).
    #[must_use]
    pub const fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Keeps the state at this size beside the audit: what the ledger said before something happened.
    pub fn keep_state_at(&mut self, size: TreeSize) {
        self.keep_at = Some(size.get());
        self.keep();
    }

    /// The state at the size that was asked for, once the audit has come there.
    pub fn take_kept(&mut self) -> Option<State> {
        self.kept.take().map(|state| *state)
    }

    fn keep(&mut self) {
        if self.keep_at == Some(self.state.size().get()) {
            self.kept = Some(Box::new(self.state.clone()));
        }
    }

    /// The state so far: what the ledger says by the rules, as far as entries were added.
    #[must_use]
    pub const fn state(&self) -> &State {
        &self.state
    }

    /// What was found so far, in the order of discovery.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.progress.findings
    }

    /// What the audit starts from.
    #[must_use]
    pub const fn trust(&self) -> &Trust {
        &self.trust
    }

    /// Results by the rules, as far as entries were added.
    #[must_use]
    pub fn tally(&self) -> Tally {
        tally(&self.state)
    }

    /// Adds a checkpoint as handed over. Has to be called before the entries it covers are added; a later one is
    /// compared only if it ends exactly at the entries added so far.
    ///
    /// A checkpoint that does not verify becomes a finding and is not used.
    pub fn checkpoint(&mut self, note: &[u8]) -> Option<VerifiedCheckpoint> {
        self.verified(self.trust.verify_checkpoint(note))
    }

    /// As [`checkpoint`](Self::checkpoint), for one out of a whole archive: `before` is the size of the one before it. The
    /// first one that covers a policy epoch has to satisfy the policies on both sides of it.
    pub fn archived(&mut self, before: TreeSize, note: &[u8]) -> Option<VerifiedCheckpoint> {
        self.verified(self.trust.verify_due(before, note))
    }

    /// The next checkpoints of an archive, ascending by size, verified on all cores. The first one that covers a policy epoch
    /// has to satisfy the policies on both sides of it, as [`archived`](Self::archived) says; checkpoints that were added before
    /// count as published too. Those that do not verify are findings that name the size.
    pub fn archive(&mut self, notes: &[(TreeSize, Vec<u8>)]) {
        let known = |size: TreeSize| self.checkpoints.range(..size.get()).next_back().map(|(known, _)| *known);
        let mut last = self.progress.confirmed;
        let mut pairs = Vec::with_capacity(notes.len());
        for (size, note) in notes {
            let before = known(*size).unwrap_or_default().max(last.min(size.get().saturating_sub(1)));
            pairs.push((TreeSize::new(before).unwrap_or(TreeSize::ZERO), (*size, note)));
            last = size.get();
        }
        let trust = &self.trust;
        let verify = |(before, (_, note)): &(TreeSize, (TreeSize, &Vec<u8>))| trust.verify_due(*before, note);
        let verified: Vec<_> = pairs.par_iter().map(verify).collect();
        for ((size, _), verified) in notes.iter().zip(verified) {
            let fault = match verified {
                Ok(verified) if verified.checkpoint().size != *size => {
                    let found = verified.checkpoint().size;
                    Some(format!("the archive has a checkpoint of size {found} where it says size {size}"))
                }
                Ok(verified) => {
                    self.published(verified.checkpoint().head());
                    None
                }
                Err(error) => Some(format!("the archived checkpoint of size {size} does not verify: {error}")),
            };
            let leaf = size.get().checked_sub(1);
            let pending = self.pending.entry(size.get()).or_default();
            pending.extend(fault.map(|text| Finding::new(Check::CheckpointInvalid, leaf, text)));
        }
    }

    /// Says that a published checkpoint of this size is not where it has to be.
    pub fn missing(&mut self, size: TreeSize, text: String) {
        let finding = Finding::new(Check::CheckpointMissing, size.get().checked_sub(1), text);
        self.pending.entry(size.get()).or_default().push(finding);
    }

    /// Tells what the archive gave up to a size.
    fn settle(&mut self, size: u64) {
        while let Some(first) = self.pending.first_entry().filter(|first| *first.key() <= size) {
            self.progress.archived += 1;
            first.remove().into_iter().for_each(|finding| self.progress.add(finding));
        }
    }

    fn verified(&mut self, verified: Result<VerifiedCheckpoint, CheckpointVerifyError>) -> Option<VerifiedCheckpoint> {
        match verified {
            Ok(verified) => {
                self.published(verified.checkpoint().head());
                Some(verified)
            }
            Err(error) => {
                self.find(Check::CheckpointInvalid, None, format!("a checkpoint does not verify: {error}"));
                None
            }
        }
    }

    fn published(&mut self, head: TreeHead) {
        match self.checkpoints.insert(head.size.get(), head) {
            Some(other) if other != head => {
                let size = head.size.get();
                let text = format!("two published checkpoints of size {size} have different roots");
                self.find(Check::SplitView, size.checked_sub(1), text);
            }
            Some(_) => {}
            None => self.confirm(),
        }
    }

    /// Says what was found where this crate does not look: in tiles, or in an archive.
    pub fn report(&mut self, finding: Finding) {
        self.progress.add(finding);
    }

    /// Adds the next entries in leaf order, each with its confidential body (empty where there is none or it is
    /// withheld). Signatures are verified on all cores.
    pub fn add(&mut self, entries: &[Vec<u8>], confidential: &[Vec<u8>]) {
        self.add_with_hashes(entries, confidential, &[]);
    }

    /// As [`add`](Self::add), with the leaf hashes that the copy's own tiles have for these entries (none: not compared).
    ///
    /// They locate a change that the rules cannot see, for example a time moved by a millisecond: tiles that hash to the
    /// published root while the entry does not hash to its tile say that the entry is the false one.
    pub fn add_with_hashes(&mut self, entries: &[Vec<u8>], confidential: &[Vec<u8>], hashes: &[LeafHashes]) {
        let chunk = Chunk { entries: entries.to_vec(), confidential: confidential.to_vec(), hashes: hashes.to_vec() };
        let mut chunks = Some(chunk).into_iter();
        let Ok(()) = self.add_chunks(|| Ok::<_, Infallible>(chunks.next()), |_| ());
    }

    /// Adds chunk after chunk until `next` has no more. While one is judged, which goes entry by entry, the next one is
    /// read and its signatures are verified on the other cores. `heard` is told the number of entries after each.
    ///
    /// # Errors
    /// What `next` gave; everything before it is added.
    pub fn add_chunks<E: Send>(
        &mut self,
        mut next: impl FnMut() -> Result<Option<Chunk>, E> + Send,
        mut heard: impl FnMut(u64) + Send,
    ) -> Result<(), E> {
        let (mut ring, mut start) = (KeyRing::default(), self.state.size().get());
        ring.extend(self.state.keys());
        let mut ahead = next()?.map(|chunk| chunk.check(self.trust.election_id(), &ring, start));
        while let Some(current) = ahead {
            start += current.len();
            if ring.len() < self.state.key_count() {
                ring.extend(self.state.keys());
            }
            let election = *self.trust.election_id();
            let (read, ()) = rayon::join(
                || next().map(|chunk| chunk.map(|chunk| chunk.check(&election, &ring, start))),
                || {
                    self.add_checked_chunk(current);
                    heard(self.state.size().get());
                },
            );
            ahead = read?;
        }
        Ok(())
    }

    fn add_checked_chunk(&mut self, chunk: CheckedChunk) {
        let CheckedChunk { chunk: Chunk { entries, confidential, .. }, checked } = chunk;
        for (offset, (bytes, checked)) in entries.iter().zip(checked).enumerate() {
            let body = confidential.get(offset).map_or(&[][..], Vec::as_slice);
            self.add_checked(bytes, checked, body);
            self.keep();
            self.confirm();
        }
    }

    fn add_checked(&mut self, bytes: &[u8], checked: Checked, body: &[u8]) {
        let leaf = self.state.size().get();
        if checked.differs {
            let place = checked.entry.as_ref().ok().and_then(place);
            let text = format!("entry {leaf} does not hash to the leaf its tiles have");
            self.find_at(Check::LeafDiffers, leaf, place, text);
        }
        let entry = match checked.entry {
            Ok(entry) => entry,
            Err(error) => {
                self.find(Check::EntryMalformed, Some(leaf), format!("entry {leaf} cannot be read: {error}"));
                return self.state.replay_unread(None, bytes);
            }
        };
        if entry.time_ms < self.state.time_ms() {
            let text = format!("entry {leaf} has sequenced time {} ms, before the entry in front of it", entry.time_ms);
            self.find_at(Check::TimeReversed, leaf, place(&entry), text);
        }
        let Payload::Full(signed) = &entry.payload else {
            self.progress.stubs += 1;
            return self.state.replay_unread(Some(&entry), bytes);
        };
        let authentic = match checked.authentic {
            Some(Ok(authentic)) if !authentic.wants_key() => Ok(authentic),
            Some(Err(rejection)) if !rejection.wants_key() => Err(rejection),
            // A key registered since the chunk was checked; ask again with the state as it is at this leaf.
            _ => {
                let submission = Submission { signed: signed.clone(), confidential: body.to_vec() };
                authenticate_submission(submission, &self.state.election_id(), &self.state, Confidential::MayBeWithheld)
            }
        };
        match authentic {
            Ok(authentic) => self.rejudge(leaf, &entry, bytes, authentic),
            Err(rejection) => {
                let text = format!("the record in entry {leaf} is not authentic: {rejection}");
                self.find_at(Check::RecordUnauthentic, leaf, place(&entry), text);
                self.state.replay_unread(Some(&entry), bytes);
            }
        }
    }

    fn rejudge(&mut self, leaf: u64, entry: &Entry, bytes: &[u8], authentic: Authentic) {
        if self.state.leaf_of(authentic.id()).is_some() {
            let text = format!("entry {leaf} repeats a record that is in the ledger already");
            self.find_at(Check::Duplicate, leaf, place(entry), text);
            return self.state.replay_unread(Some(entry), bytes);
        }
        let withheld = matches!(
            authentic.content(),
            crate::submission::Content::Identification(_, crate::submission::Secret::Withheld)
        );
        self.progress.withheld += u64::from(withheld);
        let scope = authentic.record().scope;
        let Some(NewLeaf { entry: due, verdict, .. }) = self.state.replay(entry, bytes, authentic) else { return };
        if due != bytes {
            let text = format!(
                "entry {leaf} states \"{}\", but the rules give \"{verdict}\", or its bytes are not the ones the rules give",
                entry.verdict
            );
            self.find_at(Check::VerdictDiffers, leaf, Some(scope), text);
        }
    }

    /// Compares roots where a checkpoint ends exactly here.
    fn confirm(&mut self) {
        self.settle(self.state.size().get());
        let Some(published) = self.checkpoints.get(&self.state.size().get()).copied() else { return };
        let head = self.state.head();
        if published == head {
            // The last one of an earlier run is not counted twice.
            let already = self.progress.confirmed;
            self.progress.confirmed = already.max(head.size.get());
            self.progress.checkpoints += u64::from(head.size.get() > already);
        } else {
            let which = match (published.roots.sha256 == head.roots.sha256, published.roots.blake3 == head.roots.blake3)
            {
                (false, false) => "both roots differ",
                (false, true) => "the SHA-256 root differs",
                _ => "the BLAKE3 root differs",
            };
            let size = head.size.get();
            let text =
                format!("the first {size} entries are not those of the published checkpoint of that size: {which}");
            self.find(Check::RootDiffers, size.checked_sub(1), text);
        }
    }

    fn find(&mut self, check: Check, leaf: Option<u64>, text: String) {
        self.progress.add(Finding::new(check, leaf, text));
    }

    fn find_at(&mut self, check: Check, leaf: u64, place: Option<Scope>, text: String) {
        let finding = Finding::new(check, Some(leaf), text);
        self.progress.add(match place {
            Some(place) => finding.at(place),
            None => finding,
        });
    }

    /// The policies that checkpoints were verified by are those that the entries put in force.
    fn compare_policies(&mut self) {
        let covered = self.progress.confirmed;
        let of = |nodes: &crate::nodes::Nodes| {
            nodes.epochs().iter().filter(|epoch| epoch.leaf < covered).cloned().collect::<Vec<_>>()
        };
        let (known, ledger) = (of(self.trust.registry()), of(self.state.nodes()));
        if known != ledger {
            let differing = known.iter().zip(&ledger).take_while(|(known, ledger)| known == ledger).count();
            let leaf = [&ledger, &known].iter().find_map(|epochs| epochs.get(differing)).map(|epoch| epoch.leaf);
            let text =
                "the trust policies by which the checkpoints were verified are not those that the ledger puts in force";
            self.find(Check::PolicyDiffers, leaf, text.to_owned());
        }
    }

    /// Ends the audit: what was published has to be there.
    #[must_use]
    pub fn finish(mut self) -> (Report, State) {
        let entries = self.state.size().get();
        self.settle(u64::MAX);
        let missing: Vec<u64> = self.checkpoints.range(entries + 1..).map(|(size, _)| *size).collect();
        for size in missing {
            let text = format!("a published checkpoint covers {size} entries, but the copy ends after {entries}");
            self.find(Check::EntriesMissing, Some(entries), text);
        }
        if self.checkpoints.is_empty() && self.progress.checkpoints == 0 {
            let text = "no published checkpoint was given or none verified: nothing says that this copy is complete";
            self.find(Check::NoCheckpoint, None, text.to_owned());
        }
        if self.state.election_id() != *self.trust.election_id() {
            let text =
                format!("the copy does not begin with the genesis record of election {}", self.trust.election_id());
            self.find(Check::OtherElection, Some(0), text);
        }
        self.compare_policies();
        (Report::of(self.progress, &self.state), self.state)
    }
}

/// Where an entry says that it belongs; nothing about a stub.
fn place(entry: &Entry) -> Option<Scope> {
    match &entry.payload {
        Payload::Full(signed) => signed.parse().ok().map(|record| record.scope),
        Payload::Stub(_) => None,
    }
}
