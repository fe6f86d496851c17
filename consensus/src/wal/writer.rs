//! The one task that writes: gathers what is queued into a frame, writes it, syncs it, then answers, in order.
//!
//! Any error ends it (fail-stop): whatever was queued and whatever comes later is answered with the failure. A sync that
//! failed is never tried again, because the kernel may have dropped the pages and report success for lost data.

use std::sync::Arc;
use std::time::Duration;

use tamga_platform::blocking::BlockingExt;
use tamga_platform::entropy::random_bytes;
use tamga_platform::planted;
use tokio::sync::{mpsc, oneshot};

use super::error::WalError;
use super::frame::{self, FRAME_HEADER_BYTES, frame_bytes};
use super::log::{Done, Op, Outside, Queued, STEP_BYTES_MAX, Settings, Shared};
use super::record::{Ballot, Record};
use super::segment::{self, Label, SEGMENT_HEADER_BYTES, Segment, Spare, io};
use super::stock::Order;
use super::view::{Location, Placed};
use crate::error::Fatal;
use crate::types::LogPosition;

/// After how long without steps the commit mark is written by itself.
const IDLE: Duration = Duration::from_millis(200);
/// Room for the first record of a segment.
const HEAD_BYTES_MAX: usize = 128;

/// Marks as they are durable; restated at the head of each segment.
#[derive(Debug, Default)]
struct Marks {
    ballot: Option<Ballot>,
    committed: Option<LogPosition>,
    purged: Option<LogPosition>,
}

pub(super) struct Writer {
    shared: Arc<Shared>,
    outside: Outside,
    settings: Settings,
    steps: mpsc::UnboundedReceiver<Queued>,
    active: u64,
    offset: u64,
    frame: u64,
    marks: Marks,
    /// A commit mark that waits for company.
    committed: Option<Option<LogPosition>>,
    stock: mpsc::UnboundedSender<Order>,
}

/// What a batch of steps comes to.
#[derive(Default)]
struct Batch {
    records: Vec<Record>,
    done: Vec<Done>,
    last_step: u64,
    permits: u32,
    purged: bool,
    close: bool,
}

impl Writer {
    pub(super) fn new(
        shared: Arc<Shared>,
        outside: Outside,
        settings: Settings,
        steps: mpsc::UnboundedReceiver<Queued>,
        stock: mpsc::UnboundedSender<Order>,
        (active, offset, frame): (u64, u64, u64),
    ) -> Self {
        let view = shared.view();
        let marks = Marks { ballot: view.ballot, committed: view.committed, purged: view.purged };
        drop(view);
        Self { shared, outside, settings, steps, active, offset, frame, marks, committed: None, stock }
    }

    pub(super) async fn run(mut self) {
        while let Some(queued) = self.gather().await {
            let mut batch = self.batch(queued);
            let (close, permits) = (batch.close, batch.permits);
            if let Err(error) = self.write(&mut batch).await {
                let fatal = self.shared.fail(error);
                return self.refuse(batch.done, &fatal);
            }
            self.shared.room.add_permits(permits as usize);
            if close {
                // Whoever opens the folder next must not meet segments that are being taken away.
                self.finish_stock().await;
            }
            // Crash before this line, after the sync: the steps are durable, nobody was told; they are kept.
            batch.done.into_iter().for_each(|done| done(Ok(())));
            if close {
                break;
            }
        }
        self.refuse(Vec::new(), &Fatal::new("the log is closed"));
    }

    async fn finish_stock(&self) {
        let (reply, finished) = oneshot::channel();
        // A stock that has ended has nothing under way.
        let _ = self.stock.send(Order::Finish(reply));
        let _ = finished.await;
    }

    /// Answers everything that is or comes into the queue with `fatal`.
    fn refuse(mut self, done: Vec<Done>, fatal: &Fatal) {
        self.shared.room.close();
        self.steps.close();
        let mut batch = Batch { done, ..Batch::default() };
        while let Ok(queued) = self.steps.try_recv() {
            batch.take(queued);
        }
        batch.done.into_iter().for_each(|done| done(Err(fatal.clone())));
    }

    /// Waits for steps and takes all that are there, up to a frame's worth. Empty: nothing came for a while. `None`:
    /// all handles are gone and nothing is left to write.
    async fn gather(&mut self) -> Option<Vec<Queued>> {
        let first = if self.committed.is_none() {
            self.steps.recv().await
        } else {
            match tokio::time::timeout(IDLE, self.steps.recv()).await {
                Ok(first) => first,
                Err(_) => return Some(Vec::new()),
            }
        };
        let Some(first) = first else {
            return self.committed.is_some().then(Vec::new);
        };
        let mut kib = first.permits;
        let mut queued = vec![first];
        while kib < STEP_BYTES_MAX as u32 / 1024 {
            let Ok(next) = self.steps.try_recv() else { break };
            kib += next.permits;
            queued.push(next);
        }
        Some(queued)
    }

    /// Turns steps into records. The commit mark joins a frame that is written anyway; alone, it waits once.
    fn batch(&mut self, queued: Vec<Queued>) -> Batch {
        let idle = queued.is_empty();
        let mut batch = Batch::default();
        for queued in queued {
            if let Some(committed) = batch.take(queued) {
                self.committed = Some(committed);
            }
        }
        if (idle || batch.close || !batch.records.is_empty())
            && let Some(committed) = self.committed.take()
            && committed != self.marks.committed
        {
            batch.records.push(Record::Committed(committed));
        }
        batch
    }

    async fn write(&mut self, batch: &mut Batch) -> Result<(), WalError> {
        // A read may have found damage: then nothing more is acknowledged either.
        if let Some(fatal) = self.shared.failure() {
            let source = std::io::Error::other(fatal);
            return Err(WalError::Io { doing: "writing to", path: self.settings.folder.clone(), source });
        }
        if !batch.records.is_empty() {
            let body: usize = batch.records.iter().map(Record::bytes_max).sum();
            if self.offset + frame_bytes(body) as u64 > self.segment()?.capacity {
                self.roll(body).await?;
            }
            self.write_frame(std::mem::take(&mut batch.records), batch.last_step).await?;
        }
        if batch.purged {
            self.retire_purged();
        }
        Ok(())
    }

    fn segment(&self) -> Result<Segment, WalError> {
        let segment = self.shared.segments().get(&self.active).cloned();
        segment.ok_or_else(|| WalError::Damaged {
            path: segment::path_of(&self.settings.folder, self.active),
            offset: 0,
            what: "the segment being written is not open".to_owned(),
        })
    }

    async fn write_frame(&mut self, records: Vec<Record>, last_step: u64) -> Result<(), WalError> {
        let segment = self.segment()?;
        let seed = segment.label.seed();
        let mut bytes = vec![0; FRAME_HEADER_BYTES];
        if self.offset == SEGMENT_HEADER_BYTES as u64 {
            let Marks { ballot, committed, purged } = self.marks;
            Record::Head { ballot, committed, purged }.encode(seed, &mut bytes);
        }
        let mut places = Vec::with_capacity(records.len());
        for record in &records {
            let start = bytes.len();
            record.encode(seed, &mut bytes);
            let narrow = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
            let offset = u32::try_from(self.offset).unwrap_or(u32::MAX) + narrow(start);
            places.push(Location { segment: self.active, offset, length: narrow(bytes.len() - start) });
        }
        frame::seal(seed, self.offset, self.frame, &mut bytes);
        let (end, offset) = (self.offset + bytes.len() as u64, self.offset);

        let (file, path) = (Arc::clone(&segment.file), segment.path.clone());
        let write = move || file.write_all_at(&bytes, offset).map_err(io("writing to", &path));
        self.outside.blocking.run(write).await?;
        // Crash here: any part of the frame may be on disk; it is cut at the next start.
        let (file, path) = (Arc::clone(&segment.file), segment.path.clone());
        if !planted::is("wal-sync-skipped") {
            self.outside.blocking.run(move || file.sync_data().map_err(io("syncing", &path))).await?;
        }
        // Crash here: the frame is durable and will be found.
        self.offset = end;
        self.frame += 1;
        self.place(records, places, last_step);
        Ok(())
    }

    /// Tells the view where the records of a durable frame stand.
    fn place(&mut self, records: Vec<Record>, places: Vec<Location>, last_step: u64) {
        let mut highest = None;
        let mut view = self.shared.view();
        for (record, location) in records.into_iter().zip(places) {
            match record {
                Record::Entry(entry) => {
                    let index = entry.position.index;
                    highest = highest.max(Some(index));
                    view.place(Placed::Entry { index, location });
                }
                Record::Truncate(after) => view.place(Placed::Truncate(after)),
                Record::Purge(upto) => {
                    view.place(Placed::Purge(upto.index));
                    self.marks.purged = self.marks.purged.max(Some(upto));
                }
                Record::Ballot(ballot) => self.marks.ballot = Some(ballot),
                Record::Committed(committed) => self.marks.committed = committed,
                Record::Head { .. } => {}
            }
        }
        view.placed(last_step);
        drop(view);
        if let Some(segment) = self.shared.segments().get_mut(&self.active) {
            segment.highest = segment.highest.max(highest);
        }
    }

    /// Goes on in a new segment with room for a body of `body` bytes. The old one is synced: every frame is.
    async fn roll(&mut self, body: usize) -> Result<(), WalError> {
        let need = (SEGMENT_HEADER_BYTES + frame_bytes(body + HEAD_BYTES_MAX)) as u64;
        let spare = self.take_spare(need).await?;
        let (disk, folder) = (Arc::clone(&self.outside.disk), self.settings.folder.clone());
        let label = Label {
            cluster: self.settings.cluster,
            node: self.settings.node,
            sequence: self.active + 1,
            first_frame: self.frame,
            salt: random_bytes(&*self.outside.entropy),
            created_ms: self.outside.clock.now_ms(),
        };
        let activate = move || segment::activate(&*disk, &folder, spare, label);
        let segment = self.outside.blocking.run(activate).await?;
        self.shared.segments().insert(label.sequence, segment);
        self.active = label.sequence;
        self.offset = SEGMENT_HEADER_BYTES as u64;
        Ok(())
    }

    async fn take_spare(&self, need: u64) -> Result<Spare, WalError> {
        let (reply, taken) = oneshot::channel();
        // A stock that has ended has failed, and drops the reply.
        let _ = self.stock.send(Order::Take { need, reply });
        taken.await.unwrap_or_else(|_| {
            let source = std::io::Error::other(self.shared.fail("the stock of segments has ended"));
            Err(WalError::Io { doing: "preparing a segment in", path: self.settings.folder.clone(), source })
        })
    }

    /// Gives up segments from the oldest on, as long as nothing in them is alive. The order matters: a truncation may
    /// stand in a later segment than what it dropped.
    fn retire_purged(&self) {
        let Some(purged) = self.marks.purged else { return };
        let mut segments = self.shared.segments();
        let dead = |segment: &&Segment| {
            segment.label.sequence != self.active && segment.highest.is_none_or(|highest| highest <= purged.index)
        };
        let gone: Vec<Segment> = segments.values().take_while(dead).cloned().collect();
        segments.retain(|sequence, _| gone.iter().all(|segment| segment.label.sequence != *sequence));
        drop(segments);
        // A stock that has ended has failed; the files are found, and purged again, at the next start.
        let _ = self.stock.send(Order::Retire(gone));
    }
}

impl Batch {
    /// Takes a step in; gives back a commit mark, which is treated apart.
    fn take(&mut self, queued: Queued) -> Option<Option<LogPosition>> {
        self.last_step = queued.step;
        self.permits = self.permits.saturating_add(queued.permits);
        match queued.op {
            Op::Append { entries, done } => {
                self.records.extend(entries.into_iter().map(Record::Entry));
                self.done.extend(done);
            }
            Op::Ballot { ballot, done } => {
                self.records.push(Record::Ballot(ballot));
                self.done.push(done);
            }
            Op::Committed(committed) => return Some(committed),
            Op::Truncate(after) => self.records.push(Record::Truncate(after)),
            Op::Purge { upto, done } => {
                self.records.push(Record::Purge(upto));
                self.done.push(done);
                self.purged = true;
            }
            Op::Close { done } => {
                self.close = true;
                self.done.push(done);
            }
        }
        None
    }
}
