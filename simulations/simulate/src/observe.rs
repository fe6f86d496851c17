//! What the world sees of the nodes after each step: roles, logs, ledgers, checkpoints. Only what changed is read again.

use std::collections::BTreeMap;
use std::sync::Arc;

use tamga_consensus::{Consensus, EntrySeen, LogPosition, NodeId};
use tamga_ledger::entry::Entry;
use tamga_ledger::ids::RecordId;
use tamga_ledger::tree::{LeafIndex, Roots, TreeSize};
use tamga_ledger::verdict::Verdict;
use tamga_node::core::{Core, Published};

use crate::cluster::{Node, Nodes};
use crate::trace::Trace;

/// Bytes of entries read at once.
const READ_BYTES: usize = 4 << 20;

/// One node, as last seen.
#[derive(Debug, Default)]
pub struct NodeSeen {
    /// Which.
    pub id: u32,
    /// Its process; 0: none yet.
    pub incarnation: u64,
    /// Whether a core runs.
    pub running: bool,
    /// Whether the process is another one than at the last look.
    pub restarted: bool,
    version: u64,
    /// Term, for whom, whether granted by a quorum.
    pub ballot: Option<(u64, NodeId, bool)>,
    /// Index of the first entry in `log`.
    pub first: u64,
    /// Its log.
    pub log: Vec<EntrySeen>,
    /// Entries from this index on were not there at the last look.
    pub changed_from: Option<u64>,
    /// Committed, as it knows.
    pub committed: Option<LogPosition>,
    /// Whether `committed` moved since the last look.
    pub commit_moved: bool,
    /// Size of its ledger.
    pub size: u64,
    /// Roots of its ledger.
    pub roots: Option<Roots>,
    /// Size and roots at the look before, if they were others.
    pub size_before: Option<(u64, Roots)>,
    /// Its entries that the look before did not have: from this leaf on.
    pub new_leaves: Vec<(u64, LeafSeen)>,
    /// Latest published checkpoint.
    pub published: Option<Arc<Published>>,
    /// Whether it is another one, or has other signatures, than at the last look.
    pub published_changed: bool,
    /// The way from the genesis record to those who signed it, as the node shows it.
    pub history: Arc<Vec<u8>>,
    /// Highest size cosigned.
    pub cosigned: u64,
    /// Whether it has caught up.
    pub ready: bool,
}

/// A leaf of the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeafSeen {
    /// BLAKE3 of the entry.
    pub digest: [u8; 32],
    /// Whose record.
    pub record: RecordId,
    /// The verdict.
    pub verdict: Verdict,
}

/// All nodes as last seen, and the ledger as the fastest of them has it.
#[derive(Debug, Default)]
pub struct Seen {
    /// The nodes.
    pub nodes: BTreeMap<u32, NodeSeen>,
    /// Every leaf that any node has ever had.
    pub leaves: Vec<LeafSeen>,
    /// Leaves that came with the last look: from here on.
    pub leaves_new_from: usize,
}

impl Seen {
    /// Looks at all nodes. Returns whether anything changed.
    pub fn look(&mut self, nodes: &Nodes, trace: &mut Trace) -> bool {
        self.leaves_new_from = self.leaves.len();
        let mut changed = false;
        for (id, node) in nodes {
            let seen = self.nodes.entry(*id).or_insert_with(|| NodeSeen { id: *id, ..NodeSeen::default() });
            changed |= seen.look(node, trace);
            for (leaf, found) in &seen.new_leaves {
                if *leaf == self.leaves.len() as u64 {
                    trace.note(format_args!("leaf {leaf} {} {}", found.record, found.verdict));
                    self.leaves.push(found.clone());
                }
            }
        }
        changed
    }
}

impl NodeSeen {
    fn look(&mut self, node: &Node, trace: &mut Trace) -> bool {
        self.changed_from = None;
        self.size_before = None;
        self.new_leaves.clear();
        (self.restarted, self.commit_moved, self.published_changed) = (false, false, false);
        let (incarnation, core) = {
            let process = node.process();
            (process.incarnation, process.core.clone())
        };
        let Some(core) = core else {
            let changed = self.running;
            self.running = false;
            return changed;
        };
        let Some(consensus) = core.consensus() else { return false };
        let mut changed = false;
        if !self.running || self.incarnation != incarnation {
            (self.restarted, self.running, self.incarnation) = (true, true, incarnation);
            (self.version, self.ready) = (0, false);
            self.published = None;
            changed = true;
        }
        changed |= self.look_at_log(consensus, trace);
        changed |= self.look_at_ledger(&core, trace);
        changed |= self.look_at_checkpoints(&core, trace);
        changed
    }

    fn look_at_log(&mut self, consensus: &Consensus, trace: &mut Trace) -> bool {
        let version = consensus.log_version();
        if version == self.version && !self.restarted {
            return false;
        }
        self.version = version;
        let ballot = consensus.log_ballot();
        if ballot != self.ballot {
            self.ballot = ballot;
            if let Some((term, leader, granted)) = ballot {
                trace.node(self.id, format_args!("ballot t{term} {leader}{}", if granted { " leads" } else { "" }));
            }
        }
        self.look_at_entries(consensus, trace);
        let committed = consensus.log_committed();
        self.commit_moved = committed != self.committed || self.restarted;
        if self.commit_moved {
            self.committed = committed;
            if let Some(committed) = committed {
                trace.node(self.id, format_args!("committed {committed}"));
            }
        }
        true
    }

    /// From the end backwards to the first entry that is the same: logs change at their end.
    fn look_at_entries(&mut self, consensus: &Consensus, trace: &mut Trace) {
        let range = consensus.log_range();
        if self.restarted || range.start < self.first {
            self.log.clear();
            self.first = range.start;
        }
        if range.start > self.first {
            let gone = (range.start - self.first).min(self.log.len() as u64) as usize;
            self.log.drain(..gone);
            self.first = range.start;
        }
        self.log.truncate(range.end.saturating_sub(self.first) as usize);
        while let Some(last) = self.log.last()
            && consensus.log_position(last.position.index) != Some(last.position)
        {
            self.log.pop();
        }
        let from = self.first + self.log.len() as u64;
        for index in from..range.end {
            // What is not in memory any more was seen before, except after a restart, when all of it is read.
            let Some(entry) = consensus.log_entry(index) else { break };
            trace.node(self.id, format_args!("entry {} {:?} {:08x}", entry.position, entry.kind, entry.digest));
            self.log.push(entry);
        }
        if from < self.first + self.log.len() as u64 {
            self.changed_from = Some(from);
        }
    }

    fn look_at_ledger(&mut self, core: &Core, trace: &mut Trace) -> bool {
        let size = core.store().size().get();
        if size == self.size && !self.restarted {
            return false;
        }
        let head = core.store().head();
        let before = if self.restarted { size.min(self.size) } else { self.size };
        if let Some(roots) = self.roots {
            self.size_before = Some((self.size, roots));
        }
        let index = |index| LeafIndex::new(index).unwrap_or_default();
        // A store that cannot be read says so itself, to its node.
        let entries = core.store().entries(index(before)..index(size), READ_BYTES).unwrap_or_default();
        for (bytes, leaf) in entries.iter().zip(before..) {
            let Ok(entry) = Entry::from_bytes(bytes) else { continue };
            let digest = *blake3::hash(bytes).as_bytes();
            self.new_leaves.push((leaf, LeafSeen { digest, record: entry.record_id(), verdict: entry.verdict }));
        }
        (self.size, self.roots) = (size, Some(head.roots));
        trace.node(self.id, format_args!("ledger {size} {}", hex::encode(&head.roots.blake3.to_bytes()[..6])));
        true
    }

    fn look_at_checkpoints(&mut self, core: &Core, trace: &mut Trace) -> bool {
        let mut changed = false;
        let published = core.published();
        let now = published.borrow().clone();
        let same = match (&now, &self.published) {
            (Some(now), Some(before)) => Arc::ptr_eq(now, before),
            (None, None) => true,
            _ => false,
        };
        if !same {
            if let Some(now) = &now {
                trace.node(self.id, format_args!("published {} by {}", now.checkpoint.size, now.organisations.len()));
            }
            (self.published, self.published_changed, changed) = (now, true, true);
            // A store that cannot be read says so itself, to its node.
            self.history = core.history().unwrap_or_else(|_| Arc::clone(&self.history));
        }
        let cosigned = core.cosigned_size();
        if cosigned != self.cosigned || self.restarted {
            self.cosigned = cosigned;
            trace.node(self.id, format_args!("cosigned {cosigned}"));
            changed = true;
        }
        changed
    }

    /// Whether its own ballot says that it leads, and in which term.
    #[must_use]
    pub fn leads(&self) -> Option<u64> {
        match self.ballot {
            Some((term, leader, true)) if self.running && leader.0 == u64::from(self.id) => Some(term),
            _ => None,
        }
    }

    /// Whether it has appended entries of its own leadership since it started.
    #[must_use]
    pub fn appends(&self) -> bool {
        let from = self.changed_from.filter(|_| !self.restarted && self.incarnation > 0);
        let term = self.leads();
        from.zip(term).is_some_and(|(from, term)| {
            let new = &self.log[(from - self.first) as usize..];
            new.iter().any(|entry| (entry.position.term, entry.position.leader.0) == (term, u64::from(self.id)))
        })
    }

    /// The position of its entry at `index`; `None` if it has none or it was purged.
    #[must_use]
    pub fn position(&self, index: u64) -> Option<LogPosition> {
        let at = usize::try_from(index.checked_sub(self.first)?).ok()?;
        self.log.get(at).map(|entry| entry.position)
    }
}

/// A tree size from a number that came from one.
#[must_use]
pub fn tree_size(size: u64) -> TreeSize {
    TreeSize::new(size).unwrap_or_default()
}
