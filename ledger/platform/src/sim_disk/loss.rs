//! What a crash does to everything that was not synced.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::change::{Fate, FileChange, Ino};
use super::content::{Content, SECTOR_BYTES};
use super::volume::{File, Folder};
use crate::entropy::SplitMix;

/// What becomes of writes, lengths and names that were not synced when the machine or the process died.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// Only the process died: the page cache keeps everything, and it is still not durable.
    Nothing,
    /// Power is lost and with it all that was not synced.
    Everything,
    /// Power is lost; each unsynced sector has any of the contents it had since its last sync, each length and each name
    /// change is kept or lost, from this seed. A name change is kept only with the earlier ones of the same names.
    Arbitrary(u64),
    /// Power is lost; changes were on their way in the order in which they were made, up to a point that comes from this
    /// seed; of the one at that point any sectors may have arrived.
    Prefix(u64),
    /// Power is lost; of the unsynced sectors, lengths and names, counted in a fixed order, those are kept (in their
    /// newest version) whose bit is set. Sixty-four of them at most; the rest is lost.
    Chosen(u64),
}

/// Decides, in a fixed order, for one crash.
pub(super) struct Judge {
    loss: Loss,
    dice: SplitMix,
    /// Of `Prefix`: the stamp of the change that was under way.
    under_way: u64,
    /// Of `Chosen`: decisions so far.
    decided: u32,
}

impl Judge {
    /// `stamps` are those of all changes that wait, ascending.
    pub(super) fn new(loss: Loss, stamps: &[u64]) -> Self {
        let mut judge = Self::of(loss, 0);
        if !stamps.is_empty() {
            judge.under_way = stamps[(judge.dice.next() % stamps.len() as u64) as usize];
        }
        judge
    }

    pub(super) const fn of(loss: Loss, under_way: u64) -> Self {
        let seed = match loss {
            Loss::Arbitrary(seed) | Loss::Prefix(seed) => seed,
            Loss::Nothing | Loss::Everything | Loss::Chosen(_) => 0,
        };
        Self { loss, dice: SplitMix::new(seed), under_way, decided: 0 }
    }

    /// How many decisions were taken.
    pub(super) const fn decided(&self) -> u32 {
        self.decided
    }

    /// Of changes with these stamps, ascending: how many have reached the platter.
    fn arrived(&mut self, stamps: &[u64]) -> usize {
        self.decided += 1;
        match self.loss {
            Loss::Nothing => stamps.len(),
            Loss::Everything => 0,
            Loss::Arbitrary(_) => (self.dice.next() % (stamps.len() as u64 + 1)) as usize,
            Loss::Prefix(_) => {
                let before = stamps.iter().filter(|stamp| **stamp < self.under_way).count();
                let torn = stamps.contains(&self.under_way) && self.dice.next().is_multiple_of(2);
                before + usize::from(torn)
            }
            Loss::Chosen(mask) => {
                let kept = self.decided <= u64::BITS && mask >> (self.decided - 1) & 1 == 1;
                if kept { stamps.len() } else { 0 }
            }
        }
    }

    /// The file's content on the platter.
    pub(super) fn file(&mut self, file: &File) -> Content {
        let mut content = file.durable.clone();
        if file.waiting.is_empty() {
            return content;
        }
        let mut touching: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
        for (at, waiting) in file.waiting.iter().enumerate() {
            for sector in waiting.what.sectors().filter(|sector| waiting.what.touches(*sector)) {
                touching.entry(sector).or_default().push(at);
            }
        }
        for (number, changes) in touching {
            let stamps: Vec<u64> = changes.iter().map(|at| file.waiting[*at].stamp).collect();
            let mut sector = file.durable.sector(number);
            for at in &changes[..self.arrived(&stamps)] {
                file.waiting[*at].what.apply(number, &mut sector);
            }
            content.write(&sector, number * SECTOR_BYTES);
        }
        content.set_len(self.length(file));
        content
    }

    fn length(&mut self, file: &File) -> u64 {
        let mut lengths = vec![file.durable.len()];
        let mut stamps = Vec::new();
        for waiting in &file.waiting {
            let last = lengths.last().copied().unwrap_or_default();
            let length = waiting.what.length(last);
            if length != last {
                lengths.push(length);
                stamps.push(waiting.stamp);
            }
        }
        if stamps.is_empty() { lengths[0] } else { lengths[self.arrived(&stamps)] }
    }

    /// Misdirected writes of the file that landed.
    pub(super) fn strays(&mut self, file: &File) -> Vec<(Ino, u64, Arc<[u8]>)> {
        let mut landed = Vec::new();
        for waiting in &file.waiting {
            if let FileChange::Write { bytes, fate: Fate::Misdirected { file, offset }, .. } = &waiting.what
                && self.arrived(&[waiting.stamp]) == 1
            {
                landed.push((*file, *offset, Arc::clone(bytes)));
            }
        }
        landed
    }

    /// The folder's names on the platter.
    pub(super) fn names(&mut self, folder: &Folder) -> BTreeMap<String, Ino> {
        let mut names = folder.durable.clone();
        let mut lost: Vec<&str> = Vec::new();
        for waiting in &folder.waiting {
            let touched = waiting.what.names();
            let kept = self.arrived(&[waiting.stamp]) == 1;
            if kept && !touched.iter().any(|name| lost.contains(name)) {
                waiting.what.apply(&mut names);
            } else {
                lost.extend(touched);
            }
        }
        names
    }
}
