//! Judging: `state × sequenced time × authentic record → verdict and new state`. Deterministic to the bit.
//!
//! The path of a record: [`State::integrate`] answers duplicates, asks `decide` for the verdict, builds the
//! entry, appends it to both trees and lets the effect change the state. `decide` changes nothing, so a node may ask it
//! beforehand ([`State::review`]).
//!
//! | file | rules of |
//! |---|---|
//! | `authority` | every record: keys, sequence numbers, stages |
//! | `genesis`, `registration` | Election, DefinitionPart, Key, KeyRevocation, RollChunk, RollAmendment |
//! | `phases` | StationPhase |
//! | `voting` | Identification, IdentificationVoid |
//! | `counting` | BallotBatch, TotalOpening |
//! | `protocol` | Protocol and its control relations |
//! | `copies` | Countersign, SummaryTable |
//! | `custody` | Custody |
//! | `legal` | LegalAct, Case |
//! | `governance`, `epochs` | Governance; trust policies among them |
//! | `seals`, `refusals` | Seal, RefusalSummary |
//!
//! Rules version 1. A later version gets its own module; this one stays for ever (DESIGN §4).

mod authority;
mod copies;
mod counting;
mod custody;
mod effect;
mod epochs;
mod genesis;
mod governance;
mod legal;
mod phases;
mod protocol;
mod refusals;
mod registration;
mod seals;
mod voting;

pub use counting::{CELLS_CHANGED_MIN, REMOTE_OPENINGS_MAX, RemoteCells, RemoteChanges};
pub use epochs::{EpochObjection, check_epoch};
pub use genesis::{GenesisError, NodeRegistration, check_genesis};
pub use protocol::{Disclosure, broken_relations};

use crate::entry::{Entry, Payload, Stub};
use crate::ids::RecordId;
use crate::kinds::Kind;
use crate::state::{CUTS_KEPT, State};
use crate::submission::{Authentic, Content, Secret};
use crate::tree::{LeafIndex, TreeHead};
use crate::verdict::{Flag, Refusal, Verdict};
use effect::Effect;

/// The rules version that this module implements.
pub const RULES_VERSION: u32 = 1;

/// What a kind's rules say: flags and what changes, or a refusal.
pub(crate) type Decision = Result<(Vec<Flag>, Effect), Refusal>;

/// A cut: the point between two leaves at which all nodes make the same checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    /// Size and roots there.
    pub head: TreeHead,
    /// Sequenced time of the last leaf before it, ms.
    pub time_ms: u64,
}

/// What became of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Integrated {
    /// It is a new leaf.
    Leaf(Box<NewLeaf>),
    /// The ledger has it already; nothing was added.
    Duplicate {
        /// Its leaf.
        leaf: LeafIndex,
    },
    /// The log is full (2³² − 1 leaves); nothing was added.
    Full,
}

/// A leaf just made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewLeaf {
    /// Where.
    pub index: LeafIndex,
    /// Id of the record.
    pub id: RecordId,
    /// Its kind.
    pub kind: Kind,
    /// What the rules said.
    pub verdict: Verdict,
    /// The leaf's bytes.
    pub entry: Vec<u8>,
    /// The confidential body to keep beside it; empty for none.
    pub confidential: Vec<u8>,
}

impl State {
    /// Advances sequenced time to `max(time, previous)` and cuts if a multiple of the checkpoint interval lies between
    /// the last leaf and now. Called before the first record of a batch.
    pub fn advance_time(&mut self, time_ms: u64) -> Option<Cut> {
        if self.crosses_interval(time_ms) { self.cut() } else { None }
    }

    fn crosses_interval(&self, time_ms: u64) -> bool {
        let interval_ms = self.election.as_ref().map_or(u64::MAX, |election| election.checkpoint_interval_ms.max(1));
        time_ms.max(self.time_ms) / interval_ms > self.time_ms / interval_ms
    }

    /// Remembers the head in front of a leaf whose time crosses the interval: what a seal may name.
    ///
    /// A function of leaf times alone. A replay from entries knows nothing of idle cuts, nor of batches that gave no leaf,
    /// and has to judge seals alike.
    fn remember_head(&mut self, time_ms: u64) {
        if !self.crosses_interval(time_ms) {
            return;
        }
        self.cuts.push_back(self.head());
        if self.cuts.len() > CUTS_KEPT {
            self.cuts.pop_front();
        }
    }

    /// Cuts here, unless nothing was added since the last cut.
    pub fn cut(&mut self) -> Option<Cut> {
        let size = self.size().get();
        if size == self.last_cut_size {
            return None;
        }
        self.last_cut_size = size;
        Some(Cut { head: self.head(), time_ms: self.time_ms })
    }

    /// What the rules would say now, without changing anything. `None` for a duplicate.
    #[must_use]
    pub fn review(&self, time_ms: u64, authentic: &Authentic) -> Option<Verdict> {
        if self.leaf_of(authentic.id()).is_some() {
            return None;
        }
        let time_ms = time_ms.max(self.time_ms);
        Some(self.decide(time_ms, authentic).map_or_else(Verdict::Refused, |(flags, _)| Verdict::Accepted(flags)))
    }

    /// Judges a record and makes it a leaf.
    pub fn integrate(&mut self, time_ms: u64, authentic: Authentic) -> Integrated {
        if let Some(leaf) = self.leaf_of(authentic.id()) {
            // Leaf indexes in `ids` are below the size and so always valid.
            return LeafIndex::new(leaf).map_or(Integrated::Full, |leaf| Integrated::Duplicate { leaf });
        }
        if self.ids.len() >= u32::MAX as usize - 1 {
            return Integrated::Full;
        }
        self.settle(time_ms, authentic, None, None).map_or(Integrated::Full, |leaf| Integrated::Leaf(Box::new(leaf)))
    }

    /// Judges the record of an existing entry again and puts the entry's own bytes into the trees. The caller compares the
    /// leaf returned, which is what the rules give, with the entry. `None` if the log is full.
    ///
    /// Where an identification's confidential body is withheld, the verdict that the entry states is taken over.
    pub fn replay(&mut self, entry: &Entry, bytes: &[u8], authentic: Authentic) -> Option<NewLeaf> {
        let withheld = matches!(authentic.content(), Content::Identification(_, Secret::Withheld));
        let stated = withheld.then(|| entry.verdict.clone());
        self.advance_time(entry.time_ms);
        self.settle(entry.time_ms, authentic, stated, Some(bytes))
    }

    /// Appends an entry whose record is not at hand (a stub) or cannot be read: the trees still need its bytes.
    pub fn replay_unread(&mut self, entry: Option<&Entry>, bytes: &[u8]) {
        if let Some(entry) = entry {
            self.advance_time(entry.time_ms);
            self.remember_head(entry.time_ms);
            self.time_ms = self.time_ms.max(entry.time_ms);
        }
        if self.frontier.push_entry(bytes).is_err() {
            return;
        }
        if let Some(Entry { payload: Payload::Stub(stub), .. }) = entry {
            if let Some(author) = stub.signers.get(stub.author as usize)
                && let Some(key) = self.keys.get_mut(author)
            {
                key.sequences.mark(stub.sequence);
            }
            if let Some(kind) = Kind::from_number(stub.kind) {
                self.counts.by_kind.entry(kind).or_default()[2] += 1;
            }
            self.ids.push(Some(stub.id.short()));
        } else {
            self.ids.push(None);
        }
    }

    fn settle(
        &mut self,
        time_ms: u64,
        authentic: Authentic,
        stated: Option<Verdict>,
        given: Option<&[u8]>,
    ) -> Option<NewLeaf> {
        let index = self.size().next_index().ok()?;
        let time_ms = time_ms.max(self.time_ms);
        self.remember_head(time_ms);
        let (verdict, effect) = match stated {
            Some(verdict) if verdict.is_accepted() => {
                let effect = self.stated_effect(&authentic, verdict.flags());
                (verdict, effect)
            }
            Some(verdict) => (verdict, Effect::Nothing),
            None => match self.decide(time_ms, &authentic) {
                Ok((mut flags, effect)) => {
                    flags.sort_unstable();
                    (Verdict::Accepted(flags), effect)
                }
                Err(refusal) => (Verdict::Refused(refusal), Effect::Nothing),
            },
        };
        let kind = authentic.content().kind();
        let id = *authentic.id();
        let hidden = matches!(verdict, Verdict::Refused(Refusal::Embargo | Refusal::SmallCell));
        let payload =
            if hidden { Payload::Stub(stub_of(&authentic)) } else { Payload::Full(authentic.signed().clone()) };
        let entry = Entry { time_ms, verdict: verdict.clone(), payload }.to_bytes();
        let confidential = authentic.confidential().to_vec();

        self.note(&authentic, &verdict);
        self.time_ms = time_ms;
        self.ids.push(Some(id.short()));
        effect.apply(self, index.get(), time_ms, authentic);
        // The index exists, so the frontier is not full.
        let _ = self.frontier.push_entry(given.unwrap_or(&entry));
        Some(NewLeaf { index, id, kind, verdict, entry, confidential })
    }

    /// The verdict on `authentic` at `time_ms`, and what it would change.
    fn decide(&self, time_ms: u64, authentic: &Authentic) -> Decision {
        let Content::Election(genesis) = authentic.content() else {
            self.check_authority(time_ms, authentic)?;
            return self.decide_kind(time_ms, authentic);
        };
        self.decide_genesis(genesis, authentic)
    }

    fn decide_kind(&self, time_ms: u64, authentic: &Authentic) -> Decision {
        match authentic.content() {
            Content::Election(_) => Err(Refusal::GenesisInvalid),
            Content::DefinitionPart(part) => self.decide_definition_part(part, authentic.record()),
            Content::Key(registration) => self.decide_key(registration, authentic.record()),
            Content::KeyRevocation(revocation) => self.decide_revocation(revocation, authentic.record()),
            Content::RollAmendment(amendment) => self.decide_roll_amendment(amendment, authentic.record()),
            Content::RollChunk(chunk) => self.decide_roll_chunk(chunk, authentic.record()),
            Content::StationPhase(phase) => self.decide_phase(phase, authentic.record(), time_ms),
            Content::Identification(public, secret) => {
                self.decide_identification(public, secret, authentic.record(), time_ms)
            }
            Content::IdentificationVoid(void) => self.decide_void(void, authentic.record()),
            Content::BallotBatch(batch) => self.decide_batch(batch, authentic.record()),
            Content::TotalOpening(opening) => self.decide_opening(opening, authentic.record(), time_ms),
            Content::Protocol(protocol) => self.decide_protocol(protocol, authentic, time_ms),
            Content::Countersign(copy) => self.decide_countersign(copy, authentic.record(), time_ms),
            Content::SummaryTable(table) => self.decide_table(table, authentic.record(), time_ms),
            Content::Custody(body) => self.decide_custody(body, authentic.record()),
            Content::LegalAct(act) => self.decide_act(act, authentic.record(), *authentic.id(), time_ms),
            Content::Case(case) => self.decide_case(case, authentic.record(), *authentic.id(), time_ms),
            Content::Governance(change) => self.decide_governance(change, authentic.record()),
            Content::Seal(seal) => self.decide_seal(seal, authentic.record(), time_ms),
            Content::RefusalSummary(summary) => self.decide_refusals(summary, authentic.record()),
        }
    }

    /// Bookkeeping that every leaf does, whatever its verdict.
    fn note(&mut self, authentic: &Authentic, verdict: &Verdict) {
        let record = authentic.record();
        let counted = self.counts.by_kind.entry(authentic.content().kind()).or_default();
        counted[usize::from(verdict.number())] += 1;
        // A number refused because it was used before belongs to the record that used it.
        let uses_sequence = !matches!(verdict, Verdict::Refused(Refusal::SequenceUsed | Refusal::SequenceTooOld));
        if uses_sequence
            && let Some(author) = record.author_key()
            && let Some(key) = self.keys.get_mut(&author)
        {
            key.sequences.mark(record.sequence);
        }
        // A refused attempt has used a number of the device's counter as well; without it the next record would show a gap.
        if let Content::Identification(public, _) = authentic.content()
            && let Some(device) = record.author_key().and_then(|id| self.keys.get_mut(&id))
        {
            device.device_counter = device.device_counter.max(public.device_counter);
        }
        if let (Content::Identification(..), Verdict::Refused(refusal)) = (authentic.content(), verdict) {
            match refusal {
                Refusal::AlreadyAdmitted => self.counts.second_attempts += 1,
                Refusal::WrongStation => self.counts.wrong_station += 1,
                _ => {}
            }
            if let crate::record::Scope::Unit(unit) = record.scope
                && let Some(unit) = self.units.get_mut(&unit)
            {
                unit.refused += 1;
            }
        }
    }
}

fn stub_of(authentic: &Authentic) -> Stub {
    let record = authentic.record();
    Stub {
        id: *authentic.id(),
        kind: record.kind,
        signers: record.signers.clone(),
        author: record.author,
        sequence: record.sequence,
    }
}
