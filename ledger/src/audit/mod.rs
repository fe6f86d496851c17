//! Audit: re-derives everything in a copy of a ledger and says what does not hold, with the leaf where it does not.
//!
//! The auditor starts from [`Trust`] (the pinned genesis digest), takes checkpoints and entries as anybody may have handed
//! them over, and believes none of them: bytes, signatures, every verdict, both trees and every checkpoint are computed
//! again. Memory is the judging state plus one chunk; entries stream through.
//!
//! | file | what |
//! |---|---|
//! | `finding` | what an auditor reports: numbered checks, classes, plain words |
//! | `mod` | the walk over entries |

mod finding;

pub use finding::{Check, Class, Finding, NOT_PROVEN};

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
use serde::Serialize;
use std::collections::BTreeMap;
use std::convert::Infallible;

/// Most findings kept; more are counted.
pub const FINDINGS_MAX: usize = 1_000;

/// An audit under way.
#[derive(Debug, Clone)]
pub struct Auditor {
    trust: Trust,
    state: State,
    checkpoints: BTreeMap<u64, TreeHead>,
    confirmed: u64,
    findings: Vec<Finding>,
    findings_total: u64,
    withheld: u64,
    stubs: u64,
    keep_at: Option<u64>,
    kept: Option<Box<State>>,
}

/// What an audit found.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Nothing was found, and everything given was covered by a checkpoint that satisfies the trust policy.
    pub ok: bool,
    /// Entries read.
    pub entries: u64,
    /// Size and roots computed.
    pub head: TreeHead,
    /// Checkpoints that were given, verified and matched.
    pub checkpoints_confirmed: u64,
    /// Entries after the last confirmed checkpoint: read, but published by nobody yet.
    pub entries_unconfirmed: u64,
    /// Identifications whose verdict was taken over because their confidential body is not public (yet, or any more).
    pub verdicts_not_rederived: u64,
    /// Refused records of which only a stub is public.
    pub stubs: u64,
    /// What does not hold, in leaf order, at most [`FINDINGS_MAX`].
    pub findings: Vec<Finding>,
    /// How many there are in all.
    pub findings_total: u64,
    /// What this audit cannot prove, in plain words.
    pub not_proven: &'static [&'static str],
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
            confirmed: 0,
            findings: Vec::new(),
            findings_total: 0,
            withheld: 0,
            stubs: 0,
            keep_at: None,
            kept: None,
        }
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
        &self.findings
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

    fn verified(&mut self, verified: Result<VerifiedCheckpoint, CheckpointVerifyError>) -> Option<VerifiedCheckpoint> {
        match verified {
            Ok(verified) => {
                let head = verified.checkpoint().head();
                if let Some(other) = self.checkpoints.insert(head.size.get(), head)
                    && other != head
                {
                    let text = format!("two published checkpoints of size {} have different roots", head.size.get());
                    self.find(Check::SplitView, None, text);
                }
                self.confirm();
                Some(verified)
            }
            Err(error) => {
                self.find(Check::CheckpointInvalid, None, format!("a checkpoint does not verify: {error}"));
                None
            }
        }
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
            self.find(Check::LeafDiffers, Some(leaf), format!("entry {leaf} does not hash to the leaf its tiles have"));
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
            self.find(Check::TimeReversed, Some(leaf), text);
        }
        let Payload::Full(signed) = &entry.payload else {
            self.stubs += 1;
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
                self.find(Check::RecordUnauthentic, Some(leaf), text);
                self.state.replay_unread(Some(&entry), bytes);
            }
        }
    }

    fn rejudge(&mut self, leaf: u64, entry: &Entry, bytes: &[u8], authentic: Authentic) {
        if self.state.leaf_of(authentic.id()).is_some() {
            self.find(
                Check::Duplicate,
                Some(leaf),
                format!("entry {leaf} repeats a record that is in the ledger already"),
            );
            return self.state.replay_unread(Some(entry), bytes);
        }
        let withheld = matches!(
            authentic.content(),
            crate::submission::Content::Identification(_, crate::submission::Secret::Withheld)
        );
        self.withheld += u64::from(withheld);
        let scope = authentic.record().scope;
        let Some(NewLeaf { entry: due, verdict, .. }) = self.state.replay(entry, bytes, authentic) else { return };
        if due != bytes {
            let place = if let Scope::Unit(unit) = scope { format!(" (unit {unit})") } else { String::new() };
            let text = format!(
                "entry {leaf}{place} states \"{}\", but the rules give \"{verdict}\", or its bytes are not the ones the rules give",
                entry.verdict
            );
            self.find(Check::VerdictDiffers, Some(leaf), text);
        }
    }

    /// Compares roots where a checkpoint ends exactly here.
    fn confirm(&mut self) {
        let Some(published) = self.checkpoints.get(&self.state.size().get()).copied() else { return };
        let head = self.state.head();
        if published == head {
            self.confirmed = self.confirmed.max(head.size.get());
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
        self.findings_total += 1;
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(Finding { check, class: check.class(), leaf, text });
        }
    }

    /// The policies that checkpoints were verified by are those that the entries put in force.
    fn compare_policies(&mut self) {
        let covered = self.confirmed;
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
        let missing: Vec<u64> = self.checkpoints.range(entries + 1..).map(|(size, _)| *size).collect();
        for size in missing {
            let text = format!("a published checkpoint covers {size} entries, but the copy ends after {entries}");
            self.find(Check::EntriesMissing, Some(entries), text);
        }
        if self.checkpoints.is_empty() {
            let text = "no published checkpoint was given or none verified: nothing says that this copy is complete";
            self.find(Check::NoCheckpoint, None, text.to_owned());
        }
        if self.state.election_id() != *self.trust.election_id() {
            let text =
                format!("the copy does not begin with the genesis record of election {}", self.trust.election_id());
            self.find(Check::OtherElection, Some(0), text);
        }
        self.compare_policies();
        // A stable sort keeps the order of discovery within a leaf; findings without one come last.
        self.findings.sort_by_key(|finding| finding.leaf.unwrap_or(u64::MAX));
        let report = Report {
            ok: self.findings_total == 0,
            entries,
            head: self.state.head(),
            checkpoints_confirmed: self.checkpoints.range(..=self.confirmed).count() as u64,
            entries_unconfirmed: entries.saturating_sub(self.confirmed),
            verdicts_not_rederived: self.withheld,
            stubs: self.stubs,
            findings: self.findings,
            findings_total: self.findings_total,
            not_proven: NOT_PROVEN,
        };
        (report, self.state)
    }
}
