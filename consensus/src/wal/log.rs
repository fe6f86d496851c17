//! [`Wal`]: the handle. Steps are queued in order and become durable in order (writer); reads see them at once.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tamga_platform::blocking::{Blocking, BlockingExt};
use tamga_platform::clock::Clock;
use tamga_platform::disk::Disk;
use tamga_platform::entropy::Entropy;
use tamga_platform::planted;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};

use super::error::WalError;
use super::record::{Ballot, Entry, Record, entry_record_bytes};
use super::recovery;
use super::segment::Segment;
#[cfg(test)]
use super::stock::Order;
use super::stock::{Space, Stock};
use super::view::{Location, View};
use super::writer::Writer;
use crate::error::Fatal;
use crate::types::{ClusterId, LogPosition, NodeId};

/// Where and how large.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) folder: PathBuf,
    pub(crate) cluster: ClusterId,
    pub(crate) node: NodeId,
    pub(crate) segment_bytes: u64,
    pub(crate) cache_bytes: usize,
    pub(crate) disk_reserve_bytes: u64,
    /// Do not begin a log where there is none.
    pub(crate) must_exist: bool,
}

/// What the log takes from outside.
#[derive(Debug, Clone)]
pub(crate) struct Outside {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) blocking: Arc<dyn Blocking>,
}

/// Called once, when its step is durable or the log has failed.
pub(crate) type Done = Box<dyn FnOnce(Result<(), Fatal>) + Send>;

/// A step on its way to the writer.
pub(super) enum Op {
    Append { entries: Vec<Entry>, done: Option<Done> },
    Ballot { ballot: Ballot, done: Done },
    Committed(Option<LogPosition>),
    Truncate(Option<u64>),
    Purge { upto: LogPosition, done: Done },
    Close { done: Done },
}

pub(super) struct Queued {
    pub(super) step: u64,
    pub(super) op: Op,
    /// Permits of [`Shared::room`] it holds.
    pub(super) permits: u32,
}

/// What handle and writer share.
pub(super) struct Shared {
    view: Mutex<View>,
    segments: Mutex<BTreeMap<u64, Segment>>,
    /// Bounds what waits for the writer, in KiB: a slow disk slows the producers instead of filling the memory.
    pub(super) room: Semaphore,
    pub(super) failed: watch::Sender<Option<Fatal>>,
    pub(super) space: watch::Sender<Space>,
}

/// What may wait for the writer, in KiB.
const ROOM_KIB: u32 = 64 * 1024;
/// Entries of one queued step stay below this, so that a frame does too.
pub(super) const STEP_BYTES_MAX: usize = 4 * 1024 * 1024;

impl Shared {
    pub(super) fn view(&self) -> MutexGuard<'_, View> {
        self.view.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn segments(&self) -> MutexGuard<'_, BTreeMap<u64, Segment>> {
        self.segments.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn failure(&self) -> Option<Fatal> {
        self.failed.borrow().clone()
    }

    /// Records the first failure; there is no way back from it.
    pub(super) fn fail(&self, error: impl fmt::Display) -> Fatal {
        let fatal = Fatal::new(error.to_string());
        self.failed.send_if_modified(|failed| {
            let first = failed.is_none();
            if first {
                tracing::error!(%fatal, "the log has failed; nothing more is written or acknowledged");
                *failed = Some(fatal.clone());
            }
            first
        });
        self.failure().unwrap_or(fatal)
    }
}

/// The write-ahead log. Cheap to clone; all clones are the same log.
#[derive(Clone)]
pub(crate) struct Wal {
    shared: Arc<Shared>,
    queue: mpsc::UnboundedSender<Queued>,
    blocking: Arc<dyn Blocking>,
    /// Not held open by handles: the stock ends with the writer.
    #[cfg(test)]
    stock: mpsc::WeakUnboundedSender<Order>,
}

impl fmt::Debug for Wal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wal").field("range", &self.shared.view().range()).finish_non_exhaustive()
    }
}

impl Wal {
    /// Reads the log back and starts its writer on the current runtime.
    pub(crate) async fn open(outside: Outside, settings: Settings) -> Result<Self, WalError> {
        let (disk, entropy, scan) = (Arc::clone(&outside.disk), Arc::clone(&outside.entropy), settings.clone());
        let now_ms = outside.clock.now_ms();
        let found = outside.blocking.run(move || recovery::open(&*disk, &*entropy, &scan, now_ms)).await?;
        let (queue, steps) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            view: Mutex::new(found.view),
            segments: Mutex::new(found.segments),
            room: Semaphore::new(ROOM_KIB as usize),
            failed: watch::Sender::new(None),
            space: watch::Sender::new(Space::default()),
        });
        let blocking = Arc::clone(&outside.blocking);
        let (order, orders) = mpsc::unbounded_channel();
        #[cfg(test)]
        let stock = order.downgrade();
        tokio::spawn(Stock::new(Arc::clone(&shared), outside.clone(), settings.clone(), orders).run());
        let place = (found.active, found.offset, found.frame);
        tokio::spawn(Writer::new(Arc::clone(&shared), outside, settings, steps, order, place).run());
        Ok(Self {
            shared,
            queue,
            blocking,
            #[cfg(test)]
            stock,
        })
    }

    /// Waits until spare and reserve are in stock, as far as there is room, and purged segments are gone.
    #[cfg(test)]
    pub(crate) async fn settle(&self) {
        let (reply, done) = oneshot::channel();
        if let Some(stock) = self.stock.upgrade() {
            let _ = stock.send(Order::Settle(reply));
            let _ = done.await;
        }
    }

    /// Becomes `Some` when the log has failed.
    pub(crate) fn watch_failed(&self) -> watch::Receiver<Option<Fatal>> {
        self.shared.failed.subscribe()
    }

    /// How much room the disk has.
    pub(crate) fn watch_space(&self) -> watch::Receiver<Space> {
        self.shared.space.subscribe()
    }

    /// Runs a look at the log.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&View) -> T) -> T {
        look(&self.shared.view())
    }

    /// Appends entries; they are readable at once, and `done` is called when they are durable. Waits only for room.
    pub(crate) async fn append(&self, entries: Vec<Entry>, done: Done) -> Result<(), Fatal> {
        let mut steps = split(entries);
        let last = steps.pop().unwrap_or_default();
        for entries in steps {
            self.append_step(entries, None).await?;
        }
        self.append_step(last, Some(done)).await
    }

    async fn append_step(&self, entries: Vec<Entry>, done: Option<Done>) -> Result<(), Fatal> {
        let bytes: usize = entries.iter().map(entry_record_bytes).sum();
        let permits = u32::try_from(bytes / 1024 + 1).unwrap_or(ROOM_KIB).min(ROOM_KIB);
        let Ok(room) = self.shared.room.acquire_many(permits).await else {
            return Err(self.gone());
        };
        // The writer gives the room back when the step is written.
        room.forget();
        let mut view = self.shared.view();
        let step = view.next_step();
        for entry in &entries {
            if !view.continues(entry.position.index) {
                let what = format!("entry {} was appended to a log that ends at {:?}", entry.position, view.last());
                drop(view);
                return Err(self.shared.fail(what));
            }
            view.append(step, entry.clone());
        }
        self.send(Queued { step, op: Op::Append { entries, done }, permits })
    }

    /// Makes a ballot durable.
    pub(crate) async fn save_ballot(&self, ballot: Ballot) -> Result<(), Fatal> {
        if planted::is("vote-not-durable") {
            self.shared.view().ballot = Some(ballot);
            return Ok(());
        }
        let (done, wait) = waiter();
        self.step(Op::Ballot { ballot, done }, |view| view.ballot = Some(ballot))?;
        self.wait(wait).await
    }

    /// Notes how far the log is committed. Written along with the next step or after a short idle time: losing it
    /// costs a restarted node only a delay.
    pub(crate) fn save_committed(&self, committed: Option<LogPosition>) -> Result<(), Fatal> {
        self.step(Op::Committed(committed), |view| view.committed = committed)
    }

    /// Drops the entries behind `after`. Not waited for: should it be lost, then so are all later steps, and what it
    /// dropped was never committed.
    pub(crate) fn truncate(&self, after: Option<u64>) -> Result<(), Fatal> {
        if planted::is("truncation-lost") {
            self.shared.view().truncate(after);
            return Ok(());
        }
        self.step(Op::Truncate(after), |view| view.truncate(after))
    }

    /// Drops the entries up to `upto`. Segments that hold nothing else go a little later.
    pub(crate) async fn purge(&self, upto: LogPosition) -> Result<(), Fatal> {
        let (done, wait) = waiter();
        self.step(Op::Purge { upto, done }, |view| view.purge(upto))?;
        self.wait(wait).await
    }

    /// Writes what is queued and stops the writer. Later steps fail.
    pub(crate) async fn close(&self) -> Result<(), Fatal> {
        let (done, wait) = waiter();
        self.step(Op::Close { done }, |_| ())?;
        self.wait(wait).await
    }

    fn step(&self, op: Op, live: impl FnOnce(&mut View)) -> Result<(), Fatal> {
        let mut view = self.shared.view();
        let step = view.next_step();
        live(&mut view);
        // Sent under the lock: the order of the queue is the order of the live side.
        self.send(Queued { step, op, permits: 0 })
    }

    fn send(&self, queued: Queued) -> Result<(), Fatal> {
        match self.shared.failure() {
            Some(fatal) => Err(fatal),
            None => self.queue.send(queued).map_err(|_| self.gone()),
        }
    }

    async fn wait(&self, wait: oneshot::Receiver<Result<(), Fatal>>) -> Result<(), Fatal> {
        wait.await.unwrap_or_else(|_| Err(self.gone()))
    }

    fn gone(&self) -> Fatal {
        self.shared.failure().unwrap_or_else(|| Fatal::new("the log is closed"))
    }

    /// Live entries within `range`, from its start, until `bytes_max` is exceeded: at least one if there is any.
    pub(crate) async fn read(&self, range: Range<u64>, bytes_max: usize) -> Result<Vec<Entry>, Fatal> {
        if let Some(fatal) = self.shared.failure() {
            return Err(fatal);
        }
        let found = self.locate(range, bytes_max);
        if found.iter().all(|found| matches!(found, Found::Cached(_))) {
            return Ok(found.into_iter().filter_map(Found::cached).collect());
        }
        let shared = Arc::clone(&self.shared);
        let read = move || {
            let loaded = found.into_iter().filter_map(|found| found.load_live(&shared).transpose());
            loaded.collect::<Result<Vec<_>, WalError>>()
        };
        self.blocking.run(read).await.map_err(|error| self.shared.fail(error))
    }

    fn locate(&self, range: Range<u64>, bytes_max: usize) -> Vec<Found> {
        let view = self.shared.view();
        let live = view.range();
        let mut bytes = 0;
        let mut found = Vec::new();
        for index in range.start.max(live.start)..range.end.min(live.end) {
            let next = match (view.cached(index), view.location(index)) {
                (Some(entry), _) => Found::Cached(entry.clone()),
                (None, Some(location)) => Found::Placed(index, location),
                (None, None) => break,
            };
            bytes += next.bytes();
            if bytes > bytes_max && !found.is_empty() {
                break;
            }
            found.push(next);
        }
        found
    }
}

/// Where an entry was found.
enum Found {
    Cached(Entry),
    Placed(u64, Location),
}

impl Found {
    fn bytes(&self) -> usize {
        match self {
            Self::Cached(entry) => entry_record_bytes(entry),
            Self::Placed(_, location) => location.length as usize,
        }
    }

    fn cached(self) -> Option<Entry> {
        match self {
            Self::Cached(entry) => Some(entry),
            Self::Placed(..) => None,
        }
    }

    /// The entry; `None` when it was purged since it was located, and its segment perhaps overwritten.
    fn load_live(self, shared: &Shared) -> Result<Option<Entry>, WalError> {
        let Self::Placed(index, _) = self else { return self.load(shared).map(Some) };
        match self.load(shared) {
            Err(_) if shared.view().range().start > index => Ok(None),
            loaded => loaded.map(Some),
        }
    }

    fn load(self, shared: &Shared) -> Result<Entry, WalError> {
        let (index, location) = match self {
            Self::Cached(entry) => return Ok(entry),
            Self::Placed(index, location) => (index, location),
        };
        let segment = shared.segments().get(&location.segment).cloned();
        let Some(Segment { label, path, file, .. }) = segment else {
            return Err(WalError::Damaged {
                path: format!("segment {}", location.segment).into(),
                offset: location.offset.into(),
                what: format!("entry {index} was in this segment, which is gone"),
            });
        };
        let mut bytes = vec![0; location.length as usize];
        file.read_exact_at(&mut bytes, location.offset.into()).map_err(super::segment::io("reading", &path))?;
        let damaged = |what| WalError::Damaged { path: path.clone(), offset: location.offset.into(), what };
        match Record::decode(label.seed(), &bytes) {
            Ok((Record::Entry(entry), _)) if entry.position.index == index => Ok(entry),
            Ok((other, _)) => Err(damaged(format!("{other:?} stands where entry {index} should"))),
            Err(error) => Err(damaged(format!("entry {index}: {error}"))),
        }
    }
}

/// Splits entries into steps of at most [`STEP_BYTES_MAX`], each of at least one entry; at least one step.
fn split(entries: Vec<Entry>) -> Vec<Vec<Entry>> {
    let mut steps: Vec<Vec<Entry>> = vec![Vec::new()];
    let mut bytes = 0;
    for entry in entries {
        bytes += entry_record_bytes(&entry);
        if bytes > STEP_BYTES_MAX && steps.last().is_some_and(|step| !step.is_empty()) {
            bytes = entry_record_bytes(&entry);
            steps.push(Vec::new());
        }
        if let Some(step) = steps.last_mut() {
            step.push(entry);
        }
    }
    steps
}

fn waiter() -> (Done, oneshot::Receiver<Result<(), Fatal>>) {
    let (send, wait) = oneshot::channel();
    // A receiver that went away (the caller was cancelled) needs no answer.
    let done = move |result| {
        let _ = send.send(result);
    };
    (Box::new(done), wait)
}
