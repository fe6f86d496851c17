//! Every crash of a journal: at each operation, at each byte of each write, with each or many outcomes of what waited.

use std::collections::BTreeSet;
use std::collections::hash_map::DefaultHasher;
use std::fmt;
use std::hash::{Hash, Hasher as _};

use super::SimDisk;
use super::journal::{Journal, Replay};
use super::loss::Loss;

/// How thoroughly.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Cuts within one write: at every byte if it has no more, else so many, evenly spread, beginning and end included.
    pub cuts_max: usize,
    /// With no more than so many sectors, lengths and names unsynced, all combinations of them are made.
    pub combined_max: u32,
    /// Otherwise so many random outcomes, half of them in order.
    pub outcomes: u64,
}

impl Default for Plan {
    fn default() -> Self {
        Self { cuts_max: 4_096, combined_max: 5, outcomes: 8 }
    }
}

/// Where and how the machine or the process died.
#[derive(Debug, Clone, Copy)]
pub struct Crash<'a> {
    /// Operations that were done.
    pub operations: usize,
    /// Bytes of the next one, a write, that were made too.
    pub bytes: Option<usize>,
    /// What became of the rest.
    pub loss: Loss,
    next: Option<&'a super::Operation>,
}

impl fmt::Display for Crash<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "after {} operations", self.operations)?;
        match (self.next, self.bytes) {
            (Some(next), Some(bytes)) => write!(out, " and {bytes} bytes of \"{next}\"")?,
            (Some(next), None) => write!(out, " before \"{next}\"")?,
            (None, _) => {}
        }
        write!(out, ", loss {:?}", self.loss)
    }
}

impl Journal {
    /// Hands every crash of the plan to `check`, except those that leave the same disk as an earlier one since the last of
    /// `promises`: places in the journal ([`SimDisk::recorded`]) at which something was promised. Returns how many.
    pub fn each_crash(&self, plan: &Plan, promises: &[usize], mut check: impl FnMut(&Crash<'_>, SimDisk)) -> usize {
        let (mut replay, mut checked, mut seen) = (self.replay(), 0, BTreeSet::new());
        loop {
            if promises.contains(&replay.done()) {
                seen.clear();
            }
            for (bytes, loss) in outcomes(&replay, plan) {
                let disk = match bytes {
                    None => replay.crash(loss),
                    Some(bytes) => replay.crash_within(bytes, loss),
                };
                if seen.insert(fingerprint(&disk)) {
                    checked += 1;
                    check(&Crash { operations: replay.done(), bytes, loss, next: replay.next() }, disk);
                }
            }
            if !replay.step() {
                return checked;
            }
        }
    }
}

fn outcomes(replay: &Replay<'_>, plan: &Plan) -> Vec<(Option<usize>, Loss)> {
    let mut all = vec![(None, Loss::Nothing), (None, Loss::Everything)];
    let seed = replay.done() as u64 * 1_000;
    if replay.unsynced() <= plan.combined_max {
        all.extend((1..1_u64 << replay.unsynced()).map(|mask| (None, Loss::Chosen(mask))));
    } else {
        all.extend((0..plan.outcomes.div_ceil(2)).map(|add| (None, Loss::Arbitrary(seed + add))));
        all.extend((0..plan.outcomes / 2).map(|add| (None, Loss::Prefix(seed + add))));
    }
    let count = replay.next().map_or(0, |next| next.bytes());
    let cuts = count.saturating_sub(1).min(plan.cuts_max);
    for cut in 1..=cuts {
        let bytes = cut * count / (cuts + 1);
        all.push((Some(bytes), Loss::Nothing));
        // The machine dies while the process writes: what came before may be lost, or this.
        if cut % (cuts / 4).max(1) == 0 {
            all.push((Some(bytes), Loss::Arbitrary(seed + 500 + cut as u64)));
        }
    }
    all
}

/// Of everything a reader can see, now and after a power cut.
fn fingerprint(disk: &SimDisk) -> u64 {
    let state = disk.state();
    let mut hasher = DefaultHasher::new();
    for folder in state.volume.folders.values() {
        (&folder.path, folder.waiting.len()).hash(&mut hasher);
        for (name, ino) in &folder.live {
            name.hash(&mut hasher);
            if let Some(file) = state.volume.files.get(ino) {
                (&file.live, file.waiting.len()).hash(&mut hasher);
                if !file.waiting.is_empty() {
                    file.durable.hash(&mut hasher);
                }
            }
        }
    }
    hasher.finish()
}
