//! The fault plan: what the disk does wrong from now on, and the account of what it did.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::change::{Fate, Ino};
use super::content::SECTOR_BYTES;
use super::volume::Volume;
use crate::entropy::SplitMix;

/// What the disk does wrong. Chances are in millionths of the operations they speak of; zero is never.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Faults {
    /// Writes reported done of which some sectors, or all, never reach the platter. Reads show them while they are in the
    /// page cache: until power is lost or [`SimDisk::evict`](super::SimDisk::evict).
    pub lost_writes: u32,
    /// Writes reported done that land at another offset or in another file.
    pub misdirected_writes: u32,
    /// Writes that report an error; a part of the bytes may be there.
    pub failed_writes: u32,
    /// Syncs that report an error: some of what waited reached the platter, the rest never will, and a later sync reports
    /// success without it (as Linux does).
    pub failed_syncs: u32,
    /// Reads that hit a sector which cannot be read until it is written again.
    pub failed_reads: u32,
    /// Syncs of a file after which one bit of its durable bytes flips.
    pub rot: u32,
    /// Faults strike only below these folders; empty: everywhere.
    pub only_below: Vec<PathBuf>,
    /// How slow it is.
    pub delays: Delays,
}

/// How long operations take, beyond nothing. Each takes between none and twice its figure.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Delays {
    /// Each read, write, or change of a name.
    pub operation_us: u64,
    /// Each sync of a file or folder.
    pub sync_us: u64,
    /// Each mebibyte written.
    pub mebibyte_us: u64,
    /// Chance (millionths) that an operation stalls, and for how long.
    pub stalls: u32,
    /// Length of a stall.
    pub stall_us: u64,
}

/// What was injected so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Injected {
    /// Writes of which something never arrived.
    pub lost_writes: u64,
    /// Writes that landed elsewhere.
    pub misdirected_writes: u64,
    /// Writes refused with an error.
    pub failed_writes: u64,
    /// Syncs refused with an error.
    pub failed_syncs: u64,
    /// Reads refused with an error.
    pub failed_reads: u64,
    /// Bits flipped.
    pub rot: u64,
    /// Writes and creations refused for want of room.
    pub full: u64,
    /// Stalls.
    pub stalls: u64,
    /// Files whose durable bytes are silently not what was written, or cannot be read: this disk is damaged.
    pub damaged: BTreeSet<PathBuf>,
}

/// Kinds of operation, by what they cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cost {
    Operation,
    Write(usize),
    Sync,
}

/// The plan at work.
#[derive(Debug)]
pub(super) struct Injector {
    pub(super) plan: Faults,
    pub(super) injected: Injected,
    pub(super) dice: SplitMix,
    pub(super) delay: Duration,
}

impl Injector {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            plan: Faults::default(),
            injected: Injected::default(),
            dice: SplitMix::new(seed),
            delay: Duration::ZERO,
        }
    }

    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.dice.next() % limit.max(1)
    }

    /// Whether a fault of this chance strikes at `path` now. No chance, no throw: a plan without a fault leaves the
    /// sequence of the others alone.
    pub(super) fn strikes(&mut self, chance: impl Fn(&Faults) -> u32, path: &Path) -> bool {
        let chance = chance(&self.plan);
        let below = &self.plan.only_below;
        let spared = !below.is_empty() && !below.iter().any(|folder| path.starts_with(folder));
        chance > 0 && !spared && self.below(1_000_000) < u64::from(chance)
    }

    /// Adds what an operation takes.
    pub(super) fn spend(&mut self, cost: Cost) {
        let Delays { operation_us, sync_us, mebibyte_us, stalls, stall_us } = self.plan.delays;
        let mean = match cost {
            Cost::Operation => operation_us,
            Cost::Write(bytes) => operation_us + mebibyte_us * bytes as u64 / (1 << 20),
            Cost::Sync => sync_us,
        };
        if mean > 0 {
            let time = self.below(2 * mean + 1);
            self.delay += Duration::from_micros(time);
        }
        if stalls > 0 && self.below(1_000_000) < u64::from(stalls) {
            self.injected.stalls += 1;
            self.delay += Duration::from_micros(stall_us);
        }
    }

    /// Where the bytes of a write end up.
    pub(super) fn fate(&mut self, volume: &Volume, path: &Path, file: Ino, offset: u64, count: u64) -> Fate {
        if self.strikes(|plan| plan.lost_writes, path) {
            self.injected.lost_writes += 1;
            self.injected.damaged.insert(path.to_owned());
            return self.lost(offset, count);
        }
        if self.strikes(|plan| plan.misdirected_writes, path)
            && let Some((other, at)) = self.stray(volume, file, offset)
        {
            self.injected.misdirected_writes += 1;
            self.injected.damaged.insert(path.to_owned());
            self.injected.damaged.extend(volume.files.get(&other).map(|file| file.path.clone()));
            return Fate::Misdirected { file: other, offset: at };
        }
        Fate::Good
    }

    /// All of it, or a run of its sectors.
    fn lost(&mut self, offset: u64, count: u64) -> Fate {
        let (from, to) = (offset / SECTOR_BYTES, (offset + count).div_ceil(SECTOR_BYTES));
        if self.below(2) == 0 {
            return Fate::Lost { from, to };
        }
        let start = from + self.below(to - from);
        Fate::Lost { from: start, to: start + 1 + self.below(to - start) }
    }

    /// Another sector of the same file, or one of another file.
    fn stray(&mut self, volume: &Volume, file: Ino, offset: u64) -> Option<(Ino, u64)> {
        let candidates: Vec<(Ino, u64)> = volume
            .files
            .iter()
            .map(|(ino, file)| (*ino, file.durable.len().div_ceil(SECTOR_BYTES)))
            .filter(|(ino, sectors)| *sectors > u64::from(*ino == file))
            .collect();
        let (ino, sectors) = *candidates.get(usize::try_from(self.below(candidates.len() as u64)).ok()?)?;
        let at = self.below(sectors) * SECTOR_BYTES + offset % SECTOR_BYTES;
        // A write that strays onto its own place strays no further than the next sector.
        let at = if (ino, at) == (file, offset) { at + SECTOR_BYTES } else { at };
        Some((ino, at))
    }
}
