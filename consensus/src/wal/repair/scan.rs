//! Reads the whole log in spite of damage.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use tamga_platform::disk::{Disk, Open};

use super::super::error::WalError;
use super::super::frame::{self, FRAME_HEADER_BYTES, Found};
use super::super::record::{Ballot, Entry, Record};
use super::super::segment::{self, Label, SEGMENT_BYTES_MAX, SEGMENT_HEADER_BYTES};
use super::salvage::{Bit, Salvaged, salvage};
use super::{LogDamage, LogPlace, LogRemedy, NewIdentity};
use crate::types::LogPosition;

/// A gap in the indexes wider than this is not believed.
const GAP_MAX: u64 = 1 << 24;

/// Where a sound entry is.
#[derive(Debug, Clone)]
pub(super) enum Slot {
    /// On disk: segment, offset and length of its record.
    Placed { position: LogPosition, segment: u64, offset: usize, length: usize },
    /// Here, since its record on disk had to be put right.
    Held(Entry),
    /// Nowhere.
    Lost,
}

impl Slot {
    pub(super) const fn position(&self) -> Option<LogPosition> {
        match self {
            Self::Placed { position, .. } => Some(*position),
            Self::Held(entry) => Some(entry.position),
            Self::Lost => None,
        }
    }
}

/// Bytes that put a damaged place right.
#[derive(Debug)]
pub(super) struct Fix {
    pub(super) segment: u64,
    pub(super) offset: usize,
    pub(super) bytes: Vec<u8>,
}

/// The log as far as it can be read.
#[derive(Debug, Default)]
pub(super) struct Reading {
    pub(super) damages: Vec<LogDamage>,
    pub(super) fixes: Vec<Fix>,
    /// Damages that no fix puts right.
    unfixed: usize,
    pub(super) ballot: Option<Ballot>,
    /// A newer ballot may be lost.
    ballot_doubtful: bool,
    pub(super) committed: Option<LogPosition>,
    pub(super) purged: Option<LogPosition>,
    pub(super) slots: BTreeMap<u64, Slot>,
    lost: BTreeSet<u64>,
    /// Entries up to this one may have been truncated and replaced.
    doubtful: Option<u64>,
    /// Further entries may be lost at the end.
    end_doubtful: bool,
    /// Paths and seeds of the segments.
    pub(super) segments: BTreeMap<u64, (PathBuf, u32)>,
    /// Number of the next frame.
    pub(super) frame: u64,
}

/// Sequences of the segments in a folder, ascending. Removes nothing.
pub(super) fn sequences(disk: &dyn Disk, folder: &Path) -> Result<Vec<u64>, WalError> {
    let names = match disk.list(folder) {
        Ok(names) => names,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(segment::io("listing", folder)(error)),
    };
    let sequence = |name: &String| {
        let hex = name.strip_suffix(".wal").filter(|hex| hex.len() == 16)?;
        u64::from_str_radix(hex, 16).ok()
    };
    let mut found: Vec<u64> = names.iter().filter_map(sequence).collect();
    found.sort_unstable();
    Ok(found)
}

pub(super) fn read_log(disk: &dyn Disk, place: &LogPlace) -> Result<Reading, WalError> {
    let (folder, mut reading) = (place.wal(), Reading::default());
    let found = sequences(disk, &folder)?;
    let (Some(oldest), Some(newest)) = (found.first().copied(), found.last().copied()) else { return Ok(reading) };
    let mut expected = oldest;
    for sequence in found {
        if sequence != expected {
            let path = segment::path_of(&folder, expected);
            reading.unknown(path, 0, "the segment is missing between its neighbours");
        }
        expected = sequence.saturating_add(1);
        reading.segment(disk, place, sequence, sequence == oldest, sequence == newest)?;
    }
    reading.check_start(segment::path_of(&folder, oldest), oldest);
    Ok(reading)
}

impl Reading {
    fn damage(&mut self, path: &Path, offset: usize, what: String) {
        self.damages.push(LogDamage { path: path.to_owned(), offset: offset as u64, what });
    }

    /// A stretch that may have held anything.
    fn unknown(&mut self, path: PathBuf, offset: usize, what: &str) {
        self.damage(&path, offset, format!("{what}; what it held cannot be told"));
        self.unfixed += 1;
        self.ballot_doubtful = true;
        self.doubtful = self.slots.last_key_value().map(|(index, _)| *index).or(self.doubtful);
        self.end_doubtful = true;
    }

    fn segment(
        &mut self,
        disk: &dyn Disk,
        place: &LogPlace,
        sequence: u64,
        oldest: bool,
        newest: bool,
    ) -> Result<(), WalError> {
        let path = segment::path_of(&place.wal(), sequence);
        let file = disk.open(&path, Open::Read).map_err(segment::io("opening", &path))?;
        let length = file.len().map_err(segment::io("measuring", &path))?.min(SEGMENT_BYTES_MAX);
        let mut bytes = vec![0; usize::try_from(length).unwrap_or_default()];
        file.read_exact_at(&mut bytes, 0).map_err(segment::io("reading", &path))?;
        let label = match Label::decode(&path, &bytes, (place.cluster, place.node, sequence)) {
            Ok(label) => label,
            Err(error @ (WalError::Foreign { .. } | WalError::Gone { .. } | WalError::Io { .. })) => return Err(error),
            Err(WalError::Damaged { what, .. }) => match self.label(place, sequence, &bytes, newest) {
                Some(label) => {
                    self.damage(&path, 0, format!("{what}; nothing is lost by it"));
                    self.fixes.push(Fix { segment: sequence, offset: 0, bytes: label.encode() });
                    label
                }
                None => {
                    self.unknown(path, 0, &what);
                    return Ok(());
                }
            },
        };
        if oldest {
            self.frame = label.first_frame;
        } else if label.first_frame != self.frame {
            self.missing_frames(&path, 0, label.first_frame);
        }
        self.segments.insert(sequence, (path.clone(), label.seed()));
        self.frames(&path, label, &bytes, newest);
        Ok(())
    }

    /// The label of a segment whose header is damaged: what is known, and the salt if frames show that it is right.
    fn label(&self, place: &LogPlace, sequence: u64, bytes: &[u8], newest: bool) -> Option<Label> {
        const SALT_AT: usize = 72;
        let word = |at: usize| bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()).copied();
        let (salt, created) = (u64::from_le_bytes(word(SALT_AT)?), u64::from_le_bytes(word(SALT_AT + 8)?));
        let used = frame::used_bytes(bytes);
        let label = |salt: u64, first_frame| Label {
            cluster: place.cluster,
            node: place.node,
            sequence,
            first_frame,
            salt: salt.to_le_bytes(),
            created_ms: created,
        };
        let mut salts = std::iter::once(salt).chain((0..64).map(|bit| salt ^ 1 << bit));
        let label = salts.find_map(|salt| {
            let found = frame::find(label(salt, 0).seed(), bytes, SEGMENT_HEADER_BYTES, used, newest);
            let Found::Frame { number, .. } = found else { return None };
            Some(label(salt, number))
        })?;
        // The time is for people; take the one that the header's checksum knows, if one flipped bit tells.
        let sum = bytes.get(88..92)?;
        let times = std::iter::once(created).chain((0..64).map(|bit| created ^ 1 << bit));
        let mut labels = times.map(|created_ms| Label { created_ms, ..label });
        Some(labels.find(|label| label.encode().get(88..92) == Some(sum)).unwrap_or(label))
    }

    /// Frames up to number `next` are not where they should be.
    fn missing_frames(&mut self, path: &Path, offset: usize, next: u64) {
        let what = format!("frame {next} stands where {} should", self.frame);
        self.unknown(path.to_owned(), offset, &what);
        self.frame = self.frame.max(next);
    }

    fn frames(&mut self, path: &Path, label: Label, bytes: &[u8], newest: bool) {
        let (seed, used) = (label.seed(), frame::used_bytes(bytes));
        let mut offset = SEGMENT_HEADER_BYTES;
        loop {
            match frame::find(seed, bytes, offset, used, newest) {
                Found::End | Found::Torn => return,
                Found::Frame { number, body, end } => {
                    if number != self.frame {
                        self.missing_frames(path, offset, number);
                    }
                    match frame::records(seed, body) {
                        Ok(records) => {
                            for (record, at, length) in records {
                                let at = offset + FRAME_HEADER_BYTES + at;
                                self.record(record, Some((label.sequence, at, length)));
                            }
                        }
                        Err(error) => self.unknown(path.to_owned(), offset, &error.to_string()),
                    }
                    self.frame = self.frame.max(number).saturating_add(1);
                    offset = end;
                }
                Found::Damaged(what) => {
                    let next = frame::next_good(seed, bytes, offset + 1, used);
                    let end = next.unwrap_or(used);
                    let region = bytes.get(offset..end).unwrap_or_default();
                    self.bad_frame(path, (label, offset), region, next.is_some(), what);
                    if next.is_none() {
                        return;
                    }
                    offset = end;
                }
            }
        }
    }

    /// Takes in what is left of a bad frame.
    fn bad_frame(&mut self, path: &Path, (label, offset): (Label, usize), region: &[u8], closed: bool, what: &str) {
        let seed = label.seed();
        let header = frame::header_at(seed, region, offset).filter(|(number, _)| *number == self.frame);
        let salvaged = salvage(seed, region, header.map(|(_, body)| body), closed);
        let Some(Salvaged { bits, body }) = salvaged else {
            self.unknown(path.to_owned(), offset, what);
            self.frame = self.frame.saturating_add(1);
            return;
        };
        let mut lost = Vec::new();
        for bit in bits {
            match bit {
                Bit::Sound { record, at, length, put_right } => {
                    let place = (label.sequence, offset + FRAME_HEADER_BYTES + at, length);
                    self.record(record, Some(place).filter(|_| !put_right));
                }
                Bit::Entry { stated } => {
                    let index = self.next_index().unwrap_or(stated);
                    lost.push(index);
                    self.slots.insert(index, Slot::Lost);
                    self.lost.insert(index);
                    self.end_doubtful = false;
                }
                Bit::Small => self.end_doubtful = true,
            }
        }
        let what = match (&body, lost.first(), lost.last()) {
            (Some(_), ..) => format!("{what}; every record in it can still be read"),
            (None, Some(first), Some(last)) => format!("{what}; entries {first} to {last} are concerned"),
            (None, ..) => format!("{what}; a mark without weight is lost"),
        };
        self.damage(path, offset, what);
        match body {
            Some(body) => {
                let mut bytes = vec![0; FRAME_HEADER_BYTES];
                bytes.extend_from_slice(&body);
                frame::seal(seed, offset as u64, self.frame, &mut bytes);
                self.fixes.push(Fix { segment: label.sequence, offset, bytes });
            }
            None => self.unfixed += 1,
        }
        self.frame = self.frame.saturating_add(1);
    }

    fn next_index(&self) -> Option<u64> {
        let last = self.slots.last_key_value().map(|(index, _)| *index);
        last.or(self.purged.map(|purged| purged.index)).map(|last| last.saturating_add(1))
    }

    fn record(&mut self, record: Record, place: Option<(u64, usize, usize)>) {
        match record {
            Record::Entry(entry) => self.entry(entry, place),
            Record::Ballot(ballot) => (self.ballot, self.ballot_doubtful) = (Some(ballot), false),
            Record::Committed(committed) => self.committed = committed,
            Record::Truncate(after) => self.truncate(after),
            Record::Purge(upto) => self.purge(upto),
            Record::Head { ballot, committed, purged } => {
                (self.ballot, self.ballot_doubtful, self.committed) = (ballot, false, committed);
                if let Some(purged) = purged {
                    self.purge(purged);
                }
            }
        }
    }

    fn entry(&mut self, entry: Entry, place: Option<(u64, usize, usize)>) {
        let position = entry.position;
        if let Some(next) = self.next_index() {
            // Only where a truncation or entries are lost does an index not follow.
            self.forget_from(position.index);
            let gap = next..position.index;
            if position.index.saturating_sub(next) > GAP_MAX {
                self.doubtful = Some(position.index);
            } else {
                gap.for_each(|index| {
                    self.slots.insert(index, Slot::Lost);
                    self.lost.insert(index);
                });
            }
        }
        let slot = match place {
            Some((segment, offset, length)) => Slot::Placed { position, segment, offset, length },
            None => Slot::Held(entry),
        };
        self.slots.insert(position.index, slot);
        self.end_doubtful = false;
    }

    fn forget_from(&mut self, index: u64) {
        self.slots.split_off(&index);
        self.lost.split_off(&index);
        self.doubtful = self.doubtful.and_then(|doubtful| Some(doubtful.min(index.checked_sub(1)?)));
    }

    fn truncate(&mut self, after: Option<u64>) {
        self.forget_from(after.map_or(0, |after| after.saturating_add(1)));
        // Whatever stood behind is gone, known or not.
        let known = after.is_none_or(|after| self.next_index().is_some_and(|next| next == after.saturating_add(1)));
        self.end_doubtful &= !known;
    }

    fn purge(&mut self, upto: LogPosition) {
        if self.purged.is_some_and(|purged| purged.index >= upto.index) {
            return;
        }
        self.purged = Some(upto);
        let first = upto.index.saturating_add(1);
        self.slots = self.slots.split_off(&first);
        self.lost = self.lost.split_off(&first);
        self.doubtful = self.doubtful.filter(|doubtful| *doubtful >= first);
    }

    /// Nothing may be missing at the start: the oldest segment is the first one ever, or what came before was purged.
    fn check_start(&mut self, path: PathBuf, oldest: u64) {
        let first = self.slots.first_key_value().map(|(index, _)| *index);
        let hole = match (self.purged, first) {
            (None, _) => oldest != 1,
            (Some(purged), Some(first)) => first > purged.index.saturating_add(1),
            (Some(_), None) => false,
        };
        if hole {
            let what = format!("older segments are missing: entries begin at {first:?}, purged is {:?}", self.purged);
            self.damage(&path, 0, what);
            self.unfixed += 1;
            self.doubtful = self.doubtful.max(first.and_then(|first| first.checked_sub(1)));
        }
    }

    /// The last entry that is lost or doubtful.
    fn bad_upto(&self) -> Option<u64> {
        self.lost.last().copied().max(self.doubtful)
    }

    pub(super) fn holds_behind(&self, position: Option<LogPosition>) -> Result<(), String> {
        let index = position.map(|position| position.index);
        if self.end_doubtful {
            return Err("the end of the log is damaged too".to_owned());
        }
        if let Some(bad) = self.bad_upto().filter(|bad| index.is_none_or(|index| *bad > index)) {
            return Err(format!("entry {bad} of the log is damaged too"));
        }
        let purged = self.purged.filter(|purged| index.is_none_or(|index| purged.index > index));
        if let Some(purged) = purged {
            return Err(format!("the log has been purged up to {}", purged.index));
        }
        let known = index.and_then(|index| self.slots.get(&index)).and_then(Slot::position);
        match (known, position) {
            (Some(known), Some(position)) if known != position => {
                Err(format!("the log has another entry ({known}) there"))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn remedy(&self, applied: Option<LogPosition>) -> Result<LogRemedy, NewIdentity> {
        let refuse = |why: String| Err(NewIdentity { why });
        if self.damages.is_empty() {
            return Ok(LogRemedy::Nothing);
        }
        if self.ballot_doubtful {
            return refuse("its newest ballot may have been in the damaged part, and it could vote twice".to_owned());
        }
        if self.end_doubtful {
            return refuse("its end is damaged, so it is unknown what this node has acknowledged".to_owned());
        }
        if self.unfixed == 0 {
            return Ok(LogRemedy::InPlace(self.fixes.len()));
        }
        let Some(applied) = applied else {
            return refuse("nothing of it has been applied yet".to_owned());
        };
        let here =
            self.slots.get(&applied.index).and_then(Slot::position).filter(|_| self.doubtful < Some(applied.index));
        if here.is_some_and(|here| here != applied) {
            return refuse(format!("it has another entry at {} than the one that was applied", applied.index));
        }
        let bad = self.bad_upto();
        if let Some(bad) = bad.filter(|bad| *bad > applied.index) {
            let upto = applied.index;
            return refuse(format!(
                "entry {bad} is damaged and not applied (applied is {upto}), yet may be acknowledged"
            ));
        }
        // As little as possible leaves the log: up to the first sound entry that is not before the damage.
        let least = bad.or(self.purged.map(|purged| purged.index)).unwrap_or(0);
        let sound = self
            .slots
            .range(least..=applied.index)
            .find_map(|(index, slot)| slot.position().filter(|_| Some(*index) > self.doubtful));
        let purged = self.purged.filter(|purged| purged.index >= least);
        let purge = purged.or(sound).unwrap_or(applied);
        let kept = self.slots.range(purge.index.saturating_add(1)..).count() as u64;
        Ok(LogRemedy::BeginBehind { purge, kept })
    }
}
