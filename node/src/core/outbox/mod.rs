//! The durable outbox: records this node has promised and not yet applied.
//!
//! ```text
//! put ──► live (memory) ──► writer: frames + one fdatasync for all that wait ──► durable ──► the promise may leave
//!            │   └─► ready ──► handed to the leader ──► (too long unapplied: ready again)
//!            └─ applied: removed; a segment whose records are all applied is deleted
//! ```
//!
//! Invariants:
//! - a promise leaves only after the record is durable here or applied;
//! - a record leaves only when it is in the ledger (or can never be);
//! - removing needs no sync: what a restart finds again is filtered by the ledger;
//! - a promised record is never passed over: damage keeps the outbox from opening, a tear in the last write does not.

mod repair;
mod segment;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tamga_ledger::ids::RecordId;
use tamga_ledger::submission::{SUBMISSION_BYTES_MAX, Submission};
use tamga_platform::blocking::{Blocking, BlockingExt as _};
use tamga_platform::disk::Disk;
use tamga_platform::entropy::{Entropy, random_bytes};
use tamga_platform::planted;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

pub(crate) use self::repair::{Mended, add, count, examine, mend};
pub(crate) use self::segment::Damage;
use self::segment::{FRAME_BYTES, SEGMENT_BYTES, Segment, Stored};

/// Most segment files: bounds what a record that is never applied can hold on disk.
const SEGMENTS_MAX: usize = 64;
/// Most bytes one write takes.
const WRITE_BYTES_MAX: usize = 1 << 20;

/// See the module.
#[derive(Debug)]
pub(crate) struct Outbox {
    disk: Arc<dyn Disk>,
    blocking: Arc<dyn Blocking>,
    entropy: Arc<dyn Entropy>,
    folder: PathBuf,
    bytes_max: u64,
    inner: Mutex<Inner>,
    /// Every record numbered below this is durable or applied.
    durable: watch::Sender<u64>,
    write: Notify,
    /// There is something to hand over.
    pub(crate) ready: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    live: BTreeMap<u64, Record>,
    numbers: HashMap<RecordId, u64>,
    bytes: u64,
    next: u64,
    unwritten: VecDeque<u64>,
    ready: VecDeque<u64>,
    handed: VecDeque<(Instant, u64)>,
    /// The highest number applied under the present leader.
    applied_last: Option<u64>,
    /// Live records by segment.
    segments: BTreeMap<u64, usize>,
}

#[derive(Debug)]
struct Record {
    id: RecordId,
    stored: Stored,
    segment: Option<u64>,
    /// The present leader has taken it.
    handed: bool,
}

/// Why an outbox does not open.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("{0}")]
    Damaged(Damage),
}

/// What became of [`Outbox::put`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Put {
    /// Taken, or there already, under this number and since this time.
    Kept { number: u64, accepted_ms: u64 },
    /// No room.
    Full,
}

/// Figures for the status.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Usage {
    pub(crate) records: u64,
    pub(crate) bytes: u64,
    pub(crate) oldest_ms: Option<u64>,
}

impl Outbox {
    /// Opens the outbox and takes over what an earlier process left, except for what `is_applied` knows.
    ///
    /// What was promised and cannot be read is not passed over: then it does not open ([`repair`]).
    pub(crate) fn open(
        disk: Arc<dyn Disk>,
        blocking: Arc<dyn Blocking>,
        entropy: Arc<dyn Entropy>,
        folder: &Path,
        bytes_max: u64,
        is_applied: impl Fn(&RecordId) -> bool,
    ) -> Result<(Self, Writer), OpenError> {
        disk.create_dir_all(folder)?;
        let old = segment::numbers(disk.as_ref(), folder)?;
        let mut inner = Inner::default();
        for number in &old {
            let contents = segment::read(disk.as_ref(), &segment::path(folder, *number))?;
            if let Some(damage) = contents.damages.into_iter().next() {
                return Err(OpenError::Damaged(damage));
            }
            for stored in contents.records {
                let Ok(submission) = Submission::from_bytes(&stored.bytes) else { continue };
                let id = submission.signed.id();
                if !is_applied(&id) {
                    // A copy, so that the whole segment does not stay in memory.
                    inner.insert(id, Stored { bytes: Bytes::copy_from_slice(&stored.bytes), ..stored });
                }
            }
        }
        let next_segment = old.last().map_or(0, |last| last + 1);
        let outbox = Self {
            disk,
            blocking,
            entropy,
            folder: folder.to_owned(),
            bytes_max,
            inner: Mutex::new(inner),
            durable: watch::Sender::new(0),
            write: Notify::new(),
            ready: Notify::new(),
        };
        let mut writer = Writer { segment: None, number: next_segment };
        while let Some(due) = outbox.next_write() {
            writer = outbox.write_due(writer, due)?;
        }
        // Crash here: old and new segments hold the same records, which is no harm.
        for number in old {
            outbox.disk.remove(&segment::path(folder, number))?;
        }
        outbox.disk.sync_dir(folder)?;
        Ok((outbox, writer))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a record is here already.
    pub(crate) fn holds(&self, id: &RecordId) -> bool {
        self.lock().numbers.contains_key(id)
    }

    /// Takes a record; not durable yet ([`Outbox::wait_durable`]).
    pub(crate) fn put(&self, id: RecordId, bytes: Bytes, now_ms: u64) -> Put {
        let mut inner = self.lock();
        if let Some(number) = inner.numbers.get(&id).copied() {
            let accepted_ms = inner.live.get(&number).map_or(now_ms, |record| record.stored.accepted_ms);
            return Put::Kept { number, accepted_ms };
        }
        let full = inner.bytes + bytes.len() as u64 > self.bytes_max || inner.segments.len() >= SEGMENTS_MAX;
        if full || bytes.is_empty() || bytes.len() > SUBMISSION_BYTES_MAX {
            return Put::Full;
        }
        let number = inner.insert(id, Stored { accepted_ms: now_ms, bytes });
        drop(inner);
        self.write.notify_one();
        self.ready.notify_one();
        Put::Kept { number, accepted_ms: now_ms }
    }

    /// Waits until the record of that number is durable (or applied); false if that will never be.
    pub(crate) async fn wait_durable(&self, number: u64) -> bool {
        self.durable.subscribe().wait_for(|durable| *durable > number).await.is_ok()
    }

    /// Removes records that are in the ledger, or can never be.
    pub(crate) fn remove<'a>(&self, ids: impl Iterator<Item = &'a RecordId>) {
        let mut inner = self.lock();
        for id in ids {
            inner.remove(id);
        }
    }

    /// Makes every record ready to be handed over: the leader is another one.
    pub(crate) fn ready_all(&self) {
        let mut inner = self.lock();
        inner.handed.clear();
        inner.live.values_mut().for_each(|record| record.handed = false);
        inner.applied_last = None;
        inner.ready = inner.live.keys().copied().collect();
    }

    /// Makes records ready again that were handed over before `before` and are not applied.
    pub(crate) fn ready_stale(&self, before: Instant) -> usize {
        let mut inner = self.lock();
        let mut count = 0;
        while let Some((at, number)) = inner.handed.front().copied()
            && at < before
        {
            inner.handed.pop_front();
            if inner.live.contains_key(&number) {
                inner.ready.push_back(number);
                count += 1;
            }
        }
        count
    }

    /// The next records to hand over, in order of arrival; at least one if any is ready.
    pub(crate) fn peek(&self, records_max: usize, bytes_max: usize) -> Vec<(u64, RecordId, Bytes)> {
        let mut inner = self.lock();
        let Inner { live, ready, .. } = &mut *inner;
        ready.retain(|number| live.contains_key(number));
        let (mut taken, mut bytes) = (Vec::new(), 0);
        for number in ready.iter() {
            let Some(record) = live.get(number) else { continue };
            bytes += record.stored.bytes.len();
            if taken.len() >= records_max || (bytes > bytes_max && !taken.is_empty()) {
                break;
            }
            taken.push((*number, record.id, record.stored.bytes.clone()));
        }
        taken
    }

    /// Marks the first `count` ready records as handed over.
    pub(crate) fn mark_handed(&self, numbers: impl Iterator<Item = u64>, now: Instant) {
        let mut inner = self.lock();
        for number in numbers {
            if inner.ready.front() == Some(&number) {
                inner.ready.pop_front();
            } else {
                inner.ready.retain(|ready| *ready != number);
            }
            if let Some(record) = inner.live.get_mut(&number) {
                record.handed = true;
            }
            inner.handed.push_back((now, number));
        }
    }

    /// The oldest record that the present leader has taken and that is not applied.
    /// And whether a later one of this node's was applied meanwhile: a leader that is merely slow keeps the order.
    pub(crate) fn oldest_handed(&self) -> Option<(RecordId, bool)> {
        let inner = self.lock();
        let (number, record) = inner.live.iter().find(|(_, record)| record.handed)?;
        Some((record.id, inner.applied_last > Some(*number)))
    }

    /// Figures for the status.
    pub(crate) fn usage(&self) -> Usage {
        let inner = self.lock();
        let oldest_ms = inner.live.values().next().map(|record| record.stored.accepted_ms);
        Usage { records: inner.live.len() as u64, bytes: inner.bytes, oldest_ms }
    }

    /// What is to be written next: numbers with their records, as many as one write takes; none if nothing is due.
    fn next_write(&self) -> Option<Due> {
        let mut inner = self.lock();
        let mut due = Due { upto: inner.next, records: Vec::new(), more: false };
        let mut bytes = 0;
        if inner.unwritten.is_empty() {
            return None;
        }
        while let Some(number) = inner.unwritten.front().copied() {
            if let Some(record) = inner.live.get(&number) {
                bytes += record.stored.bytes.len();
                if bytes > WRITE_BYTES_MAX && !due.records.is_empty() {
                    due.upto = number;
                    due.more = true;
                    break;
                }
                due.records.push((number, record.stored.clone()));
            }
            inner.unwritten.pop_front();
        }
        Some(due)
    }

    /// Writes and syncs. Runs on a blocking thread.
    fn write_due(&self, mut writer: Writer, due: Due) -> io::Result<Writer> {
        let bytes = due.records.iter().map(|(_, stored)| stored.bytes.len() + FRAME_BYTES).sum();
        if !writer.segment.as_ref().is_some_and(|segment| segment.fits(bytes)) {
            debug_assert!(((WRITE_BYTES_MAX + SUBMISSION_BYTES_MAX) as u64) < SEGMENT_BYTES / 2);
            writer.number += u64::from(writer.segment.is_some());
            let salt = u64::from_be_bytes(random_bytes(self.entropy.as_ref()));
            writer.segment = Some(Segment::create(self.disk.as_ref(), &self.folder, writer.number, salt)?);
        }
        if let Some(segment) = &mut writer.segment
            && !due.records.is_empty()
        {
            let stored: Vec<Stored> = due.records.iter().map(|(_, stored)| stored.clone()).collect();
            segment.append(&stored)?;
            if !planted::is("outbox-sync-skipped") {
                segment.sync()?;
            }
        }
        // Crash here: the records are durable though nobody was told; they are sequenced after the restart.
        self.lock().written(&due.records, writer.number);
        self.durable.send_if_modified(|durable| {
            let moved = due.upto > *durable;
            *durable = due.upto.max(*durable);
            moved
        });
        self.remove_dead(writer.number)?;
        Ok(writer)
    }

    /// Deletes segments whose records are all applied.
    fn remove_dead(&self, current: u64) -> io::Result<()> {
        let dead: Vec<u64> = {
            let mut inner = self.lock();
            let dead = inner.segments.iter().filter(|(number, live)| **live == 0 && **number != current);
            let dead: Vec<u64> = dead.map(|(number, _)| *number).collect();
            for number in &dead {
                inner.segments.remove(number);
            }
            dead
        };
        dead.iter().try_for_each(|number| self.disk.remove(&segment::path(&self.folder, *number)))
    }

    /// Writes what is put until `stop`; an error is final.
    pub(crate) async fn write_all(
        self: Arc<Self>,
        mut writer: Writer,
        mut stop: watch::Receiver<bool>,
    ) -> io::Result<()> {
        loop {
            tokio::select! {
                () = self.write.notified() => {}
                _ = stop.wait_for(|stop| *stop) => return Ok(()),
            }
            loop {
                let outbox = Arc::clone(&self);
                let round = move || match outbox.next_write() {
                    Some(due) => {
                        let more = due.more;
                        (outbox.write_due(writer, due), more)
                    }
                    None => (Ok(writer), false),
                };
                let (written, more) = self.blocking.run(round).await;
                writer = written?;
                if !more {
                    break;
                }
            }
        }
    }

    /// How long records wait before they are handed over again, from `now`.
    pub(crate) fn stale_limit(now: Instant, after: Duration) -> Instant {
        now.checked_sub(after).unwrap_or(now)
    }
}

/// The segment in hand. Only one writer exists.
#[derive(Debug)]
pub(crate) struct Writer {
    segment: Option<Segment>,
    number: u64,
}

#[derive(Debug)]
struct Due {
    upto: u64,
    records: Vec<(u64, Stored)>,
    more: bool,
}

impl Inner {
    fn insert(&mut self, id: RecordId, stored: Stored) -> u64 {
        if let Some(number) = self.numbers.get(&id) {
            return *number;
        }
        let number = self.next;
        self.next += 1;
        self.bytes += stored.bytes.len() as u64;
        self.numbers.insert(id, number);
        self.live.insert(number, Record { id, stored, segment: None, handed: false });
        self.unwritten.push_back(number);
        self.ready.push_back(number);
        number
    }

    fn remove(&mut self, id: &RecordId) {
        let Some(number) = self.numbers.remove(id) else { return };
        let Some(record) = self.live.remove(&number) else { return };
        self.applied_last = self.applied_last.max(Some(number));
        self.bytes -= record.stored.bytes.len() as u64;
        if let Some(live) = record.segment.and_then(|segment| self.segments.get_mut(&segment)) {
            *live -= 1;
        }
    }

    fn written(&mut self, records: &[(u64, Stored)], segment: u64) {
        self.segments.entry(segment).or_default();
        for (number, _) in records {
            if let Some(record) = self.live.get_mut(number) {
                record.segment = Some(segment);
                *self.segments.entry(segment).or_default() += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests;
