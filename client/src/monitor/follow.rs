//! Every entry judged again, as it comes. After a start from leaf 0: what a monitor has judged it keeps in memory only.

use crate::source::{Files, Source, SourceError};
use std::collections::HashMap;
use tamga_ledger::audit::{Auditor, Check, Finding};
use tamga_ledger::entry::{Entry, Payload};
use tamga_ledger::evidence::Claim;
use tamga_ledger::ids::KeyId;
use tamga_ledger::note::VerifiedCheckpoint;
use tamga_ledger::record::SignedRecord;
use tamga_ledger::tree::TILE_WIDTH;
use tamga_ledger::trust::Trust;
use tamga_ledger::verdict::{Refusal, Verdict};

/// Most numbers used twice that are reported.
const TWICE_MAX: usize = 64;

pub(super) struct Follower {
    auditor: Auditor,
    told: usize,
    /// Which leaf holds an author's number.
    numbers: HashMap<(KeyId, u64), u32>,
    twice: usize,
}

/// What following gave.
#[derive(Default)]
pub(super) struct Followed {
    pub(super) findings: Vec<Finding>,
    pub(super) twice: Vec<Claim>,
    /// Sequenced time of the last entry, ms.
    pub(super) last_ms: Option<u64>,
}

impl Follower {
    pub(super) fn new(trust: Trust) -> Self {
        Self { auditor: Auditor::new(trust), told: 0, numbers: HashMap::new(), twice: 0 }
    }

    pub(super) fn size(&self) -> u64 {
        self.auditor.state().size().get()
    }

    /// Judges the entries up to a checkpoint.
    ///
    /// # Errors
    /// What the source cannot give; what was read before stays judged.
    pub(super) fn follow(
        &mut self,
        checkpoint: &VerifiedCheckpoint,
        source: &dyn Source,
    ) -> Result<Followed, SourceError> {
        let (files, size) = (Files::new(source), checkpoint.checkpoint().size);
        let mut followed = Followed::default();
        self.auditor.checkpoint(checkpoint.note().to_string().as_bytes());
        while self.size() < size.get() {
            let at = self.size();
            let bundle = files.entries(at / TILE_WIDTH, size)?;
            let entries: Vec<Vec<u8>> = bundle.entries.into_iter().skip((at % TILE_WIDTH) as usize).collect();
            if entries.is_empty() {
                return Err(SourceError::Missing(format!("entry {at} of {}", source.name())));
            }
            self.auditor.add(&entries, &vec![Vec::new(); entries.len()]);
            for (entry, leaf) in entries.iter().zip(at..) {
                self.look(entry, leaf, files, size, &mut followed)?;
            }
        }
        let all = self.auditor.findings();
        followed.findings = all.get(self.told..).unwrap_or_default().to_vec();
        self.told = all.len();
        Ok(followed)
    }

    /// Whether the entries are another ledger than the checkpoint's: then this follower is of no use any more.
    pub(super) fn has_left_the_ledger(&self) -> bool {
        self.auditor.findings().iter().any(|finding| finding.check == Check::RootDiffers)
    }

    /// Notes the author's number, and finds the pair when it is used twice.
    fn look(
        &mut self,
        entry: &[u8],
        leaf: u64,
        files: Files<'_>,
        size: tamga_ledger::tree::TreeSize,
        followed: &mut Followed,
    ) -> Result<(), SourceError> {
        let Ok(Entry { time_ms, verdict, payload: Payload::Full(signed), .. }) = Entry::from_bytes(entry) else {
            return Ok(());
        };
        followed.last_ms = followed.last_ms.max(Some(time_ms));
        let Ok(record) = signed.parse() else { return Ok(()) };
        let Some(author) = record.author_key() else { return Ok(()) };
        let number = (author, record.sequence);
        if verdict != Verdict::Refused(Refusal::SequenceUsed) {
            self.numbers.entry(number).or_insert(u32::try_from(leaf).unwrap_or(u32::MAX));
            return Ok(());
        }
        let Some(first) = self.numbers.get(&number).copied().filter(|_| self.twice < TWICE_MAX) else { return Ok(()) };
        let first = record_at(files, u64::from(first), size)?;
        let key = self.auditor.state().key(&author).map(|entry| entry.key);
        if let (Some(first), Some(author)) = (first, key) {
            self.twice += 1;
            followed.twice.push(Claim::Sequence { author, first: first.to_bytes(), second: signed.to_bytes() });
        }
        Ok(())
    }
}

fn record_at(
    files: Files<'_>,
    leaf: u64,
    size: tamga_ledger::tree::TreeSize,
) -> Result<Option<SignedRecord>, SourceError> {
    let bundle = files.entries(leaf / TILE_WIDTH, size)?;
    let entry = bundle.entries.get((leaf % TILE_WIDTH) as usize).and_then(|entry| Entry::from_bytes(entry).ok());
    Ok(entry.and_then(|entry| match entry.payload {
        Payload::Full(signed) => Some(signed),
        Payload::Stub(_) => None,
    }))
}
