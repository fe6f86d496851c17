//! What the log holds, in memory: where each entry is, the newest ones themselves, and the marks.
//!
//! Two sides move at different times. The *live* side changes when a step is queued: `first..next`, `runs`,
//! `memberships`, `cache`, the marks. The *placed* side, `locations`, changes when a step is durable. Each step has a
//! number; `placed_step` is the last durable one.
//!
//! Invariants:
//! - `cache` holds the entries `cache_first..next`, `first <= cache_first`.
//! - An entry leaves the cache only when its own step is placed. So an index below `cache_first` has its location, and
//!   no queued step changes it unless the live side has already moved below it.

use std::collections::{BTreeSet, VecDeque};
use std::ops::Range;

use super::record::{Ballot, Entry, entry_record_bytes};
use crate::types::{EntryKind, LogPosition, NodeId};

/// Where an entry's record stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Location {
    /// Sequence of the segment.
    pub(crate) segment: u64,
    /// Offset of the record in it. Segments are below 4 GiB.
    pub(crate) offset: u32,
    /// Length of the record.
    pub(crate) length: u32,
}

/// A durable step, as far as `locations` care.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Placed {
    Entry { index: u64, location: Location },
    Truncate(Option<u64>),
    Purge(u64),
}

/// Consecutive entries of one leadership.
#[derive(Debug, Clone, Copy)]
struct Run {
    first: u64,
    term: u64,
    leader: NodeId,
}

#[derive(Debug)]
pub(crate) struct View {
    pub(crate) ballot: Option<Ballot>,
    pub(crate) committed: Option<LogPosition>,
    pub(crate) purged: Option<LogPosition>,
    first: u64,
    next: u64,
    runs: VecDeque<Run>,
    memberships: BTreeSet<u64>,
    cache: VecDeque<(u64, Entry)>,
    cache_first: u64,
    cache_bytes: usize,
    cache_bytes_max: usize,
    locations: VecDeque<Location>,
    locations_first: u64,
    step: u64,
    placed_step: u64,
}

impl View {
    pub(crate) fn new(cache_bytes_max: usize) -> Self {
        Self {
            ballot: None,
            committed: None,
            purged: None,
            first: 0,
            next: 0,
            runs: VecDeque::new(),
            memberships: BTreeSet::new(),
            cache: VecDeque::new(),
            cache_first: 0,
            cache_bytes: 0,
            cache_bytes_max,
            locations: VecDeque::new(),
            locations_first: 0,
            step: 0,
            placed_step: 0,
        }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.first == self.next
    }

    /// Whether the log holds nothing and never held anything: no entry, no ballot, no mark.
    pub(crate) const fn is_untouched(&self) -> bool {
        self.is_empty() && self.ballot.is_none() && self.committed.is_none() && self.purged.is_none()
    }

    /// Indexes of the live entries.
    pub(crate) const fn range(&self) -> Range<u64> {
        self.first..self.next
    }

    /// Position of the last entry, or of the last purged one when there is none.
    pub(crate) fn last(&self) -> Option<LogPosition> {
        if self.is_empty() { self.purged } else { self.position(self.next - 1) }
    }

    /// Position of the live entry at `index`.
    pub(crate) fn position(&self, index: u64) -> Option<LogPosition> {
        if !self.range().contains(&index) {
            return None;
        }
        let after = self.runs.partition_point(|run| run.first <= index);
        let run = self.runs.get(after.checked_sub(1)?)?;
        Some(LogPosition { term: run.term, leader: run.leader, index })
    }

    /// Last position of each leadership within `range`. (openraft's trait still documents the first ones; its default
    /// implementation, its use and its test suite want the last.)
    pub(crate) fn key_positions(&self, range: Range<u64>) -> Vec<LogPosition> {
        let (start, end) = (range.start.max(self.first), range.end.min(self.next));
        let ends = self.runs.iter().skip(1).map(|run| run.first).chain([self.next]).map(|next| next.min(end));
        let mut lasts: Vec<u64> = ends.filter(|next| *next > start).map(|next| next - 1).collect();
        lasts.dedup();
        lasts.into_iter().filter_map(|index| self.position(index)).collect()
    }

    /// Indexes of the live membership entries up to `index`.
    pub(crate) fn memberships_up_to(&self, index: u64) -> Vec<u64> {
        self.memberships.range(..=index).copied().collect()
    }

    /// How many of the live entries up to `upto`, the newest of them, are no more than `entries_max` and together no
    /// longer than `bytes_max`.
    pub(crate) fn entries_within(&self, upto: u64, entries_max: u64, bytes_max: u64) -> u64 {
        let mut bytes = 0u64;
        let newest_first = (self.first..self.next.min(upto.saturating_add(1))).rev();
        let fits = |index: &u64| {
            bytes = bytes.saturating_add(self.bytes_of(*index));
            bytes <= bytes_max
        };
        let within = newest_first.take(usize::try_from(entries_max).unwrap_or(usize::MAX)).take_while(fits);
        within.count() as u64
    }

    /// Length of the record of a live entry.
    fn bytes_of(&self, index: u64) -> u64 {
        let placed = || self.location(index).map_or(0, |location| location.length.into());
        self.cached(index).map_or_else(placed, |entry| entry_record_bytes(entry) as u64)
    }

    /// Number of the last step that was queued.
    #[cfg(feature = "testing")]
    pub(crate) const fn version(&self) -> u64 {
        self.step
    }

    /// Number of the next step.
    pub(crate) const fn next_step(&mut self) -> u64 {
        self.step += 1;
        self.step
    }

    /// Whether an entry at `index` continues the log. An empty log that nothing was purged from may start anywhere.
    pub(crate) fn continues(&self, index: u64) -> bool {
        match (self.is_empty(), self.purged) {
            (false, _) => index == self.next,
            (true, Some(purged)) => index == purged.index.saturating_add(1),
            (true, None) => true,
        }
    }

    /// Live side: appends an entry that [`continues`](Self::continues) the log.
    pub(crate) fn append(&mut self, step: u64, entry: Entry) {
        let LogPosition { term, leader, index } = entry.position;
        if self.is_empty() {
            (self.first, self.next, self.cache_first) = (index, index, index);
        }
        self.next = index.saturating_add(1);
        if self.runs.back().is_none_or(|run| (run.term, run.leader) != (term, leader)) {
            self.runs.push_back(Run { first: index, term, leader });
        }
        if entry.kind == EntryKind::Membership {
            self.memberships.insert(index);
        }
        self.cache_bytes += entry.payload.len();
        self.cache.push_back((step, entry));
    }

    /// Live side: drops the entries behind `after`; all of them for `None`.
    pub(crate) fn truncate(&mut self, after: Option<u64>) {
        let next = after.map_or(self.first, |after| after.saturating_add(1)).max(self.first);
        if next >= self.next {
            return;
        }
        while self.cache.len() as u64 > next.saturating_sub(self.cache_first) {
            let dropped = self.cache.pop_back();
            self.cache_bytes -= dropped.map_or(0, |(_, entry)| entry.payload.len());
        }
        self.next = next;
        self.cache_first = self.cache_first.min(next);
        self.memberships.split_off(&next);
        while self.runs.back().is_some_and(|run| run.first >= next) {
            self.runs.pop_back();
        }
    }

    /// Live side: drops the entries up to `upto`.
    pub(crate) fn purge(&mut self, upto: LogPosition) {
        if self.purged.is_some_and(|purged| purged.index >= upto.index) {
            return;
        }
        self.purged = Some(upto);
        let first = upto.index.saturating_add(1);
        while self.cache_first < first && !self.cache.is_empty() {
            self.evict();
        }
        self.first = self.first.max(first);
        self.next = self.next.max(self.first);
        self.cache_first = self.cache_first.max(self.first);
        self.memberships = self.memberships.split_off(&first);
        while self.runs.get(1).is_some_and(|run| run.first <= self.first) {
            self.runs.pop_front();
        }
        if self.is_empty() {
            self.runs.clear();
        }
    }

    /// Placed side: a step became durable.
    pub(crate) fn place(&mut self, placed: Placed) {
        match placed {
            Placed::Entry { index, location } => {
                if self.locations.is_empty() {
                    self.locations_first = index;
                }
                self.locations.push_back(location);
            }
            Placed::Truncate(None) => self.locations.clear(),
            Placed::Truncate(Some(after)) => {
                let keep = after.saturating_add(1).saturating_sub(self.locations_first);
                self.locations.truncate(usize::try_from(keep).unwrap_or(usize::MAX));
            }
            Placed::Purge(upto) => {
                while self.locations_first <= upto && self.locations.pop_front().is_some() {
                    self.locations_first += 1;
                }
            }
        }
    }

    /// Placed side: everything up to `step` is durable; the cache may shrink.
    pub(crate) fn placed(&mut self, step: u64) {
        self.placed_step = self.placed_step.max(step);
        while self.cache_bytes > self.cache_bytes_max
            && self.cache.front().is_some_and(|(step, _)| *step <= self.placed_step)
        {
            self.evict();
        }
    }

    fn evict(&mut self) {
        if let Some((_, entry)) = self.cache.pop_front() {
            self.cache_first += 1;
            self.cache_bytes -= entry.payload.len();
        }
    }

    /// The entry at `index`, if it is in memory.
    pub(crate) fn cached(&self, index: u64) -> Option<&Entry> {
        let at = usize::try_from(index.checked_sub(self.cache_first)?).ok()?;
        self.cache.get(at).map(|(_, entry)| entry)
    }

    /// Where the entry at `index` is on disk; `None` when it is in memory or nowhere.
    pub(crate) fn location(&self, index: u64) -> Option<Location> {
        if index >= self.cache_first || !self.range().contains(&index) {
            return None;
        }
        let at = usize::try_from(index.checked_sub(self.locations_first)?).ok()?;
        self.locations.get(at).copied()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn entry(term: u64, index: u64) -> Entry {
        let position = LogPosition { term, leader: NodeId(1), index };
        Entry { position, kind: EntryKind::Normal, payload: Bytes::from_static(b"0123456789") }
    }

    fn place(view: &mut View, step: u64, index: u64) {
        let location = Location { segment: 1, offset: u32::try_from(step).unwrap(), length: 1 };
        view.place(Placed::Entry { index, location });
        view.placed(step);
    }

    #[test]
    fn an_entry_leaves_memory_only_when_its_own_step_is_durable() {
        let mut view = View::new(0);
        view.append(1, entry(1, 0));
        view.append(2, entry(1, 1));
        place(&mut view, 1, 0);
        assert!(view.cached(0).is_none());
        assert_eq!(view.location(0).map(|location| location.offset), Some(1));
        assert!(view.cached(1).is_some());
        // Entry 1 is replaced while its first version is being written.
        view.truncate(Some(0));
        view.append(4, entry(2, 1));
        place(&mut view, 2, 1);
        assert_eq!(view.cached(1), Some(&entry(2, 1)));
        view.place(Placed::Truncate(Some(0)));
        place(&mut view, 4, 1);
        assert_eq!(view.location(1).map(|location| location.offset), Some(4));
        assert_eq!(view.last(), Some(entry(2, 1).position));
    }

    #[test]
    fn the_newest_entries_are_counted_by_number_and_by_bytes_in_memory_and_on_disk() {
        let mut view = View::new(0);
        for index in 10..20 {
            view.append(index, entry(1, index));
        }
        let one = entry_record_bytes(&entry(1, 0)) as u64;
        // The older half is on disk only; there a record is one byte long.
        for index in 10..15 {
            place(&mut view, index, index);
        }
        assert_eq!(view.entries_within(19, 3, u64::MAX), 3);
        assert_eq!(view.entries_within(19, u64::MAX, 3 * one), 3);
        assert_eq!(view.entries_within(19, u64::MAX, 3 * one - 1), 2);
        assert_eq!(view.entries_within(19, u64::MAX, one - 1), 0);
        assert_eq!(view.entries_within(19, u64::MAX, 5 * one + 2), 7);
        assert_eq!(view.entries_within(14, u64::MAX, 4), 4);
        assert_eq!(view.entries_within(14, u64::MAX, u64::MAX), 5);
        assert_eq!(view.entries_within(u64::MAX, u64::MAX, u64::MAX), 10);
        assert_eq!(view.entries_within(9, u64::MAX, u64::MAX), 0);
    }

    #[test]
    fn positions_follow_leaderships_through_truncation_and_purge() {
        let mut view = View::new(usize::MAX);
        for (term, index) in [(1, 0), (1, 1), (2, 2), (2, 3), (3, 4)] {
            view.append(1, entry(term, index));
        }
        let keys = |view: &View| view.key_positions(0..9).iter().map(|at| (at.term, at.index)).collect::<Vec<_>>();
        assert_eq!(keys(&view), [(1, 1), (2, 3), (3, 4)]);
        assert_eq!(view.key_positions(1..4).len(), 2);
        view.truncate(Some(3));
        assert_eq!(keys(&view), [(1, 1), (2, 3)]);
        view.purge(entry(1, 1).position);
        assert_eq!(keys(&view), [(2, 3)]);
        view.purge(entry(2, 9).position);
        assert_eq!((keys(&view), view.last()), (vec![], Some(entry(2, 9).position)));
        assert!(view.continues(10) && !view.continues(4));
    }
}
