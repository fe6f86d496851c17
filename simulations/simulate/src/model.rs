//! What clients know: which records they made, for whom, and what they were told about each.

use std::collections::BTreeMap;

use tamga_ledger::ids::RecordId;
use tamga_ledger::promise::Judged;

/// A voter: station of the roll and number on it.
pub type Voter = (u32, u32);

/// What is known of one record.
#[derive(Debug, Clone, Default)]
pub struct RecordKnown {
    /// Whom it identifies, if it is an identification.
    pub voter: Option<Voter>,
    /// The verdict promised.
    pub judged: Option<Judged>,
    /// Nodes that promised it without a verdict.
    pub pending: Vec<u32>,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Model {
    records: BTreeMap<RecordId, RecordKnown>,
    acknowledged: Vec<(RecordId, Judged, u32)>,
    contradiction: Option<String>,
    stale_read: Option<String>,
    /// Reads that were answered.
    pub reads: u64,
    /// How many records the largest read at each node asked for.
    read: BTreeMap<u32, usize>,
}

impl Model {
    /// A record was made.
    pub fn made(&mut self, id: RecordId, voter: Option<Voter>) {
        self.records.entry(id).or_default().voter = voter;
    }

    /// Node `node` promised a verdict.
    pub fn judged(&mut self, id: RecordId, judged: &Judged, node: u32) {
        let known = self.records.entry(id).or_default();
        match &known.judged {
            None => {
                known.judged = Some(judged.clone());
                self.acknowledged.push((id, judged.clone(), node));
            }
            Some(first) if first != judged => {
                self.contradiction = Some(format!("n{node} promised {judged:?} for {id}; before it was {first:?}"));
            }
            Some(_) => {}
        }
    }

    /// Whether somebody was told a verdict on it.
    #[must_use]
    pub fn is_judged(&self, id: &RecordId) -> bool {
        self.records.get(id).is_some_and(|known| known.judged.is_some())
    }

    /// Node `node` promised that the record will be in the ledger.
    pub fn pending(&mut self, id: RecordId, node: u32) {
        self.records.entry(id).or_default().pending.push(node);
    }

    /// A node answered with something that is no answer.
    pub fn bad_answer(&mut self, what: String) {
        self.contradiction = Some(what);
    }

    /// A read at `node` did not see `missing`, which was acknowledged before.
    pub fn stale(&mut self, node: u32, size: u64, missing: RecordId) {
        self.stale_read = Some(format!("a read at n{node} behind a barrier, at size {size}, does not see {missing}"));
    }

    /// Node `node` answered a read for so many records.
    pub fn was_read(&mut self, node: u32, records: usize) {
        self.reads += 1;
        let most = self.read.entry(node).or_default();
        *most = (*most).max(records);
    }

    /// Whether a read for so many records was answered at `node`.
    #[must_use]
    pub fn has_read_all(&self, node: u32, records: usize) -> bool {
        self.read.get(&node).is_some_and(|most| *most >= records)
    }

    /// The voter of an identification.
    #[must_use]
    pub fn voter(&self, id: &RecordId) -> Option<Voter> {
        self.records.get(id)?.voter
    }

    /// Verdicts promised, in order, with who promised first.
    #[must_use]
    pub fn acknowledged(&self) -> &[(RecordId, Judged, u32)] {
        &self.acknowledged
    }

    /// Records that were promised without a verdict, and by whom.
    pub fn promised(&self) -> impl Iterator<Item = (&RecordId, &RecordKnown)> {
        self.records.iter().filter(|(_, known)| !known.pending.is_empty())
    }

    /// Two answers that cannot both be true.
    #[must_use]
    pub fn contradiction(&self) -> Option<&str> {
        self.contradiction.as_deref()
    }

    /// A read that was not linearizable.
    #[must_use]
    pub fn stale_read(&self) -> Option<&str> {
        self.stale_read.as_deref()
    }
}
