//! What a repair tells: plain words for people, the same as JSON for programs.

use std::fmt;
use std::path::PathBuf;

use serde::Serialize;
use tamga_consensus::{LogRemedy, LogReport};
use tamga_ledger::store::repair::{Refusal, Repaired};
use tamga_ledger::store::{Fault, Report as Fsck};
use tamga_ledger::tree::TreeHead;

use super::Failed;
use crate::core::{OutboxDamage, OutboxMended};

/// How it ended. The command's exit code follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Nothing is damaged.
    Sound,
    /// Looked only: something is damaged and can be repaired, as far as can be told beforehand.
    Damaged,
    /// Everything that was damaged is repaired; the node can be started.
    Repaired,
    /// Not everything could be repaired.
    Failed,
    /// This node must not come back under its id.
    NewIdNeeded,
}

/// Everything that was found and done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Whose files.
    pub node: u32,
    /// Looked only.
    pub dry_run: bool,
    /// How it ended.
    pub outcome: Outcome,
    /// Why it failed, if it did.
    pub error: Option<String>,
    /// Who could be asked.
    pub peers: Vec<String>,
    /// The ledger.
    pub ledger: LedgerView,
    /// The Raft log.
    pub log: LogView,
    /// Records that this node has promised and that are not in its ledger yet.
    pub outbox: OutboxView,
    /// Where damaged originals are.
    pub quarantine: Option<PathBuf>,
}

/// One fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FaultView {
    /// Which file.
    pub path: PathBuf,
    /// Where in it, in bytes.
    pub offset: u64,
    /// The first leaf concerned, if known.
    pub leaf: Option<u64>,
    /// What is wrong.
    pub what: String,
}

/// One file that was made again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileView {
    /// Which file.
    pub path: PathBuf,
    /// What was done.
    pub done: String,
}

/// The ledger's part.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct LedgerView {
    /// Faults found at the start, as many as are listed.
    pub faults: Vec<FaultView>,
    /// All of them.
    pub faults_total: u64,
    /// Size of the published checkpoint that everything is proven against.
    pub proven_by_size: Option<u64>,
    /// Its SHA-256 root, base64.
    pub proven_by_sha256: Option<String>,
    /// Files made again.
    pub files: Vec<FileView>,
    /// Entries taken from peers, each proven.
    pub leaves_fetched: u64,
    /// Confidential bodies taken from peers, each proven.
    pub bodies_fetched: u64,
    /// Tiles computed again.
    pub tiles: u64,
    /// The ledger was cut to this size; the log applies the rest again.
    pub cut_to: Option<u64>,
    /// Answers of peers that were not used, and why.
    pub refusals: Vec<String>,
    /// Entries after the repair.
    pub size: Option<u64>,
}

/// The Raft log's part.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct LogView {
    /// What is damaged.
    pub faults: Vec<FaultView>,
    /// What is, or was, done about it.
    pub remedy: Option<String>,
}

/// The outbox' part.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct OutboxView {
    /// Places that held promised records and cannot be read.
    pub faults: Vec<FaultView>,
    /// Files made again from the records that can.
    pub files: Vec<FileView>,
}

impl OutboxView {
    pub(super) fn found(&mut self, damages: &[OutboxDamage]) {
        let view = |damage: &OutboxDamage| FaultView {
            path: damage.path.clone(),
            offset: damage.place.start as u64,
            leaf: None,
            what: format!("{} bytes that held promised records are not what was written", damage.place.len()),
        };
        self.faults = damages.iter().map(view).collect();
    }

    pub(super) fn mended(&mut self, mended: &[OutboxMended]) {
        let view = |one: &OutboxMended| FileView {
            path: PathBuf::from(&one.name),
            done: format!(
                "{} records are kept; what {} places held is LOST here: whoever has this node's promise and no receipt has to                  submit the record again, as devices do by themselves",
                one.kept, one.lost
            ),
        };
        self.files = mended.iter().map(view).collect();
    }
}

impl Report {
    pub(super) fn new(node: u32, dry_run: bool, peers: Vec<String>) -> Self {
        let (ledger, log, outbox) = Default::default();
        Self { node, dry_run, outcome: Outcome::Failed, error: None, peers, ledger, log, outbox, quarantine: None }
    }

    fn was_damaged(&self) -> bool {
        let ledger = self.ledger.faults_total > 0 || !self.ledger.files.is_empty();
        ledger || !self.log.faults.is_empty() || !self.outbox.faults.is_empty()
    }

    pub(super) fn looked(&mut self) {
        self.outcome = if self.was_damaged() { Outcome::Damaged } else { Outcome::Sound };
    }

    pub(super) fn mended(&mut self) {
        self.outcome = if self.was_damaged() { Outcome::Repaired } else { Outcome::Sound };
    }

    pub(super) fn fail(&mut self, failed: &Failed) {
        self.outcome = if failed.needs_new_id() { Outcome::NewIdNeeded } else { Outcome::Failed };
        self.error = Some(failed.to_string());
    }
}

fn fault_view(fault: &Fault) -> FaultView {
    let leaf = fault.leaf.map(|leaf| leaf.get());
    FaultView { path: fault.path.clone(), offset: fault.offset, leaf, what: fault.what.clone() }
}

impl LedgerView {
    pub(super) fn found(&mut self, report: &Fsck) {
        self.faults = report.faults.iter().map(fault_view).collect();
        self.faults_total = report.faults_total;
    }

    pub(super) fn proof(&mut self, head: Option<TreeHead>, refusals: &[Refusal]) {
        self.proven_by_size = head.map(|head| head.size.get());
        self.proven_by_sha256 = head.map(|head| head.roots.sha256.to_base64());
        self.refusals = refusals.iter().map(ToString::to_string).collect();
    }

    pub(super) fn repaired(&mut self, done: &Repaired) {
        self.proof(done.proven_by, &done.refusals);
        let file = |(path, done): &(PathBuf, String)| FileView { path: path.clone(), done: done.clone() };
        self.files = done.files.iter().map(file).collect();
        (self.leaves_fetched, self.bodies_fetched) = (done.leaves_fetched, done.bodies_fetched);
        (self.tiles, self.cut_to) = (done.tiles, done.cut_to);
        self.size = Some(done.report.head.size.get());
    }
}

impl LogView {
    pub(super) fn found(&mut self, log: &LogReport) {
        let view = |damage: &tamga_consensus::LogDamage| FaultView {
            path: damage.path.clone(),
            offset: damage.offset,
            leaf: None,
            what: damage.what.clone(),
        };
        self.faults = log.damages().iter().map(view).collect();
    }

    pub(super) fn remedy(&mut self, remedy: &LogRemedy) {
        self.remedy = match remedy {
            LogRemedy::Nothing => None,
            LogRemedy::InPlace(places) => Some(format!("{places} places put right, byte for byte")),
            LogRemedy::BeginBehind { purge, kept } => Some(format!(
                "entries up to {purge} leave the log, since the ledger has applied them; {kept} behind it stay"
            )),
        };
    }
}

impl fmt::Display for FaultView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.path.display(), self.offset)?;
        if let Some(leaf) = self.leaf {
            write!(f, " (leaf {leaf})")?;
        }
        write!(f, ": {}", self.what)
    }
}

/// Lines for people.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { ledger, log, outbox, .. } = self;
        ledger.faults.iter().try_for_each(|fault| writeln!(f, "DAMAGED {fault}"))?;
        if ledger.faults_total > ledger.faults.len() as u64 {
            writeln!(f, "… {} faults in the ledger altogether", ledger.faults_total)?;
        }
        log.faults.iter().chain(&outbox.faults).try_for_each(|fault| writeln!(f, "DAMAGED {fault}"))?;
        ledger.refusals.iter().try_for_each(|refusal| writeln!(f, "NOT USED {refusal}"))?;
        if let Some(size) = ledger.proven_by_size {
            writeln!(f, "proven by the published checkpoint of size {size}")?;
        }
        let mut files = ledger.files.iter().chain(&outbox.files);
        files.try_for_each(|file| writeln!(f, "REPAIRED {}: {}", file.path.display(), file.done))?;
        if ledger.tiles > 0 {
            writeln!(f, "REPAIRED {} tiles, computed again", ledger.tiles)?;
        }
        if ledger.leaves_fetched + ledger.bodies_fetched > 0 {
            let (leaves, bodies) = (ledger.leaves_fetched, ledger.bodies_fetched);
            writeln!(f, "from peers: {leaves} entries, {bodies} confidential bodies, each proven")?;
        }
        if let Some(size) = ledger.cut_to {
            writeln!(f, "cut to {size} entries; the log applies the rest again at the next start")?;
        }
        if let Some(remedy) = &log.remedy {
            let word = if self.dry_run { "would be repaired" } else { "repaired" };
            writeln!(f, "log {word}: {remedy}")?;
        }
        if let Some(quarantine) = &self.quarantine {
            writeln!(f, "the damaged originals are in {}", quarantine.display())?;
        }
        match (self.outcome, &self.error) {
            (Outcome::Sound, _) => writeln!(f, "nothing is damaged"),
            (Outcome::Damaged, _) => writeln!(f, "damaged; run the same command without --dry-run to repair it"),
            (Outcome::Repaired, _) => writeln!(f, "repaired and checked; start the node"),
            (Outcome::Failed | Outcome::NewIdNeeded, Some(error)) => writeln!(f, "NOT REPAIRED: {error}"),
            (Outcome::Failed | Outcome::NewIdNeeded, None) => writeln!(f, "NOT REPAIRED"),
        }
    }
}
