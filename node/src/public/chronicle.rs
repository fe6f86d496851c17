//! What has been published, by place and by kind: a list of leaves for pages and for the API, kept in memory.
//!
//! It follows the published checkpoint through the store, in the background, and says up to which size it has come. It is a pure
//! function of the entries below that size and can always be made again: nothing of it is written down.
//!
//! Identifications without a flag are counted elsewhere ([`crate::view`]) and not listed: a list by place and time of who came when
//! would be a feed of voters.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use serde::Serialize;
use tamga_ledger::definition::Definition;
use tamga_ledger::entry::{Entry, Payload};
use tamga_ledger::kinds::{Body as _, Custody, DefinitionPart, Kind, Protocol, Seal, StationPhase};
use tamga_ledger::record::{Record, Scope};
use tamga_ledger::store::{Store, StoreError};
use tamga_ledger::tree::{LeafIndex, TreeSize};
use tokio::sync::watch;

/// Entries read at once, and their bytes.
const STEP_ENTRIES: u64 = 1_024;
const STEP_BYTES: usize = 4 << 20;
/// Most lines kept in all lists together (about 40 bytes each); later ones are counted only. A national election has some
/// 150,000.
const LINES_MAX: usize = 2_000_000;

/// One entry in a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct Line {
    /// Its leaf.
    pub(super) leaf: u64,
    /// Sequenced time, ms UTC.
    pub(super) time_ms: u64,
    /// Its kind's number.
    pub(super) kind: u16,
    /// 0 accepted, 1 accepted with flags, 2 refused.
    pub(super) verdict: u8,
    /// Number of the phase, basis, stage or event of custody, where the kind has one; else 0. Bases count from 1 here.
    pub(super) detail: u8,
    /// Station; 0 for none.
    pub(super) station: u32,
    /// Unit; 0 for none.
    pub(super) unit: u32,
}

/// The lists at one size.
#[derive(Debug, Default)]
pub(super) struct Lists {
    size: u64,
    definition: Arc<Definition>,
    by_station: BTreeMap<u32, Vec<Line>>,
    by_kind: BTreeMap<u16, Vec<Line>>,
    irregular: Vec<Line>,
    by_serial: BTreeMap<String, Vec<Line>>,
    kept: usize,
    dropped: u64,
}

impl Lists {
    /// Entries looked at.
    pub(super) const fn size(&self) -> u64 {
        self.size
    }

    /// Lines that found no room.
    pub(super) const fn dropped(&self) -> u64 {
        self.dropped
    }

    /// The election's definition, as far as it is published.
    pub(super) const fn definition(&self) -> &Arc<Definition> {
        &self.definition
    }

    /// Records of a station, ascending.
    pub(super) fn station(&self, station: u32) -> &[Line] {
        self.by_station.get(&station).map_or(&[], Vec::as_slice)
    }

    /// Records of a kind, ascending; identifications and roll chunks are not listed.
    pub(super) fn kind(&self, kind: u16) -> &[Line] {
        self.by_kind.get(&kind).map_or(&[], Vec::as_slice)
    }

    /// Everything with a flag, and everything refused, ascending.
    pub(super) fn irregular(&self) -> &[Line] {
        &self.irregular
    }

    /// Accepted events of a piece of equipment, and phases of units that name it, ascending.
    pub(super) fn serial(&self, serial: &str) -> &[Line] {
        self.by_serial.get(serial).map_or(&[], Vec::as_slice)
    }

    fn add(&mut self, leaf: u64, bytes: &[u8]) {
        // What this software cannot read is in the tiles for others to read.
        let Ok(entry) = Entry::from_bytes(bytes) else { return };
        let verdict = entry.verdict.number();
        let mut serials = Vec::new();
        let (kind, scope, detail) = match &entry.payload {
            Payload::Full(signed) => match signed.parse() {
                Ok(record) => {
                    self.learn(&record, verdict);
                    serials = serials_of(&record);
                    (record.kind, record.scope, detail(&record))
                }
                Err(_) => return,
            },
            Payload::Stub(stub) => (stub.kind, Scope::Election, 0),
        };
        let (station, unit) = match scope {
            Scope::Unit(unit) => (unit.station, unit.unit),
            Scope::Station(station) => (station, 0),
            Scope::Election | Scope::Constituency(_) => (0, 0),
        };
        let line = Line { leaf, time_ms: entry.time_ms, kind, verdict, detail, station, unit };
        if verdict > 0 {
            self.keep(line, |lists| &mut lists.irregular);
        }
        if kind == Kind::Identification as u16 || kind == Kind::RollChunk as u16 {
            return;
        }
        self.keep(line, |lists| lists.by_kind.entry(kind).or_default());
        for serial in serials {
            // What was refused has not happened to it.
            if verdict < 2 {
                self.keep(line, |lists| lists.by_serial.entry(serial).or_default());
            }
        }
        if station != 0 {
            self.keep(line, |lists| lists.by_station.entry(station).or_default());
        }
    }

    fn keep(&mut self, line: Line, list: impl FnOnce(&mut Self) -> &mut Vec<Line>) {
        if self.kept >= LINES_MAX {
            self.dropped += 1;
            return;
        }
        list(self).push(line);
        self.kept += 1;
    }

    fn learn(&mut self, record: &Record, verdict: u8) {
        if record.kind != Kind::DefinitionPart as u16 || verdict == 2 {
            return;
        }
        if let Ok(part) = DefinitionPart::from_bytes(&record.body) {
            // Accepted, so it fits; what did not would be left out here as there.
            let _ = Arc::make_mut(&mut self.definition).add(&part);
        }
    }
}

/// Serial numbers that a record names.
fn serials_of(record: &Record) -> Vec<String> {
    let mut serials = match Kind::from_number(record.kind) {
        Some(Kind::Custody) => Custody::from_bytes(&record.body).map_or_else(|_| Vec::new(), |body| vec![body.serial]),
        Some(Kind::StationPhase) => {
            StationPhase::from_bytes(&record.body).map_or_else(|_| Vec::new(), |body| body.equipment)
        }
        _ => Vec::new(),
    };
    serials.sort();
    serials.dedup();
    serials
}

fn detail(record: &Record) -> u8 {
    let body = &record.body;
    match Kind::from_number(record.kind) {
        Some(Kind::StationPhase) => StationPhase::from_bytes(body).map_or(0, |phase| phase.phase),
        Some(Kind::Protocol) => Protocol::from_bytes(body).map_or(0, |protocol| protocol.basis.saturating_add(1)),
        Some(Kind::Seal) => Seal::from_bytes(body).map_or(0, |seal| seal.stage),
        Some(Kind::Custody) => Custody::from_bytes(body).map_or(0, |custody| custody.event),
        _ => 0,
    }
}

/// The lists, as they grow.
#[derive(Debug, Default)]
pub(super) struct Chronicle {
    lists: RwLock<Lists>,
    /// [`Lists::size`], for whoever waits for it to grow.
    covered: watch::Sender<u64>,
}

impl Chronicle {
    /// The lists now.
    pub(super) fn now(&self) -> RwLockReadGuard<'_, Lists> {
        self.lists.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes whenever the lists have grown.
    pub(super) fn covered(&self) -> watch::Receiver<u64> {
        self.covered.subscribe()
    }

    /// Reads a step further towards `published`. Whether there is more. Blocks.
    pub(super) fn advance(&self, store: &Store, published: TreeSize) -> Result<bool, StoreError> {
        let from = self.now().size;
        let to = published.get().min(from.saturating_add(STEP_ENTRIES));
        if from >= to {
            return Ok(false);
        }
        let at = |leaf| LeafIndex::new(leaf).map_err(|_| StoreError::NoSuchLeaf { leaf, size: store.size() });
        let entries = store.entries(at(from)?..at(to)?, STEP_BYTES)?;
        if entries.is_empty() {
            return Err(StoreError::NoSuchLeaf { leaf: from, size: store.size() });
        }
        let mut lists = self.lists.write().unwrap_or_else(PoisonError::into_inner);
        for (leaf, bytes) in (from..).zip(&entries) {
            lists.add(leaf, bytes);
        }
        lists.size = from + entries.len() as u64;
        let covered = lists.size;
        drop(lists);
        self.covered.send_replace(covered);
        Ok(covered < published.get())
    }
}

/// A page of an ascending list: lines from leaf `from` on, at most `limit`, and the leaf at which the next page begins.
pub(super) fn page(lines: &[Line], from: u64, limit: usize) -> (&[Line], Option<u64>) {
    let start = lines.partition_point(|line| line.leaf < from);
    let rest = lines.get(start..).unwrap_or_default();
    let (here, after) = rest.split_at(limit.min(rest.len()));
    (here, after.first().map(|line| line.leaf))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(leaf: u64) -> Line {
        Line { leaf, time_ms: 0, kind: 12, verdict: 0, detail: 0, station: 1, unit: 1 }
    }

    #[test]
    fn pages_follow_each_other_without_gap_or_repetition() {
        let lines: Vec<Line> = [3, 5, 8, 13, 21].map(line).to_vec();
        let (mut from, mut seen) = (0, Vec::new());
        loop {
            let (here, next) = page(&lines, from, 2);
            seen.extend(here.iter().map(|line| line.leaf));
            match next {
                Some(next) => from = next,
                None => break,
            }
        }
        assert_eq!(seen, [3, 5, 8, 13, 21]);
        assert_eq!(page(&lines, 22, 2), (&[][..], None));
        assert_eq!(page(&[], 0, 2), (&[][..], None));
    }

    #[test]
    fn what_is_no_entry_is_passed_over() {
        let mut lists = Lists::default();
        lists.add(0, b"");
        lists.add(1, &[0xff; 40]);
        assert_eq!((lists.irregular().len(), lists.kept), (0, 0));
    }
}
