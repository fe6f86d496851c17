//! The stock of segments in preparation, and how much room the disk has.
//!
//! ```text
//! purged segment ─► retired (≤ 2) ─► zeroed ─► spare ─► the next segment
//!        else removed   none: a new file ─┘       └► reserve, kept for a full disk
//! ```
//! One task does all of it, beside the writer. A spare is a file of zeros, durable in its length and content, so that
//! neither rolling over nor the sync of a frame has to allocate anything. A retired segment becomes one by being
//! overwritten with zeros: its blocks stay where they are. (Its old frames could not pass for new ones anyway: each
//! segment has a salt of its own. The zeros are what a torn write is recognised by.)
//!
//! # A disk that fills up
//! Free space is measured once a second. Below `disk_reserve_bytes` the disk is *low*: the replica proposes nothing more.
//! Below a quarter of that, or when the reserve is gone and there is no room for another, it is *full*: a leader's entries
//! are refused too. What had been let in before, and ballots, still go through: into the rest of the segment, the
//! spare, what space there is, and then the reserve. Should all of that be used up, then writing fails, and that is
//! the end (fail-stop). Both states end by themselves when there is room again, with an eighth more than it took to enter
//! them.

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tamga_platform::blocking::BlockingExt;
use tamga_platform::entropy::random_bytes;
use tokio::sync::{mpsc, oneshot};

use super::error::WalError;
use super::log::{Outside, Settings, Shared};
use super::segment::{self, Segment, Spare, io};

/// How often the free space is measured.
const MEASURE: Duration = Duration::from_secs(1);
/// Purged segments that are kept to be used again.
const RETIRED_MAX: usize = 2;

/// How much room the disk has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Space {
    /// Nothing more should be proposed.
    pub(crate) low: bool,
    /// Nothing more should be let in.
    pub(crate) full: bool,
}

/// What the writer asks for.
pub(super) enum Order {
    /// A spare of at least so many bytes, at once.
    Take { need: u64, reply: oneshot::Sender<Result<Spare, WalError>> },
    /// These segments, from the oldest on, are purged.
    Retire(Vec<Segment>),
    /// Answered when all earlier orders are done.
    Finish(oneshot::Sender<()>),
    /// Answered when all earlier orders are done and, if there is room, spare and reserve are in stock.
    #[cfg(test)]
    Settle(oneshot::Sender<()>),
}

pub(super) struct Stock {
    shared: Arc<Shared>,
    outside: Outside,
    settings: Settings,
    orders: mpsc::UnboundedReceiver<Order>,
    spare: Option<Spare>,
    reserve: Option<Spare>,
    retired: VecDeque<Segment>,
    /// Free bytes, when last measured.
    free: u64,
    /// There was no room for a spare, or for a reserve, when one was last missing.
    lacks: Lacks,
}

#[derive(Debug, Clone, Copy, Default)]
struct Lacks {
    spare: bool,
    reserve: bool,
}

/// What a file is to become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Use {
    Spare,
    Reserve,
}

impl Stock {
    pub(super) fn new(
        shared: Arc<Shared>,
        outside: Outside,
        settings: Settings,
        orders: mpsc::UnboundedReceiver<Order>,
    ) -> Self {
        let (spare, reserve, retired) = (None, None, VecDeque::new());
        let lacks = Lacks::default();
        Self { shared, outside, settings, orders, spare, reserve, retired, free: u64::MAX, lacks }
    }

    /// Runs until the writer has ended or the disk has failed.
    pub(super) async fn run(mut self) {
        if let Err(error) = self.work().await {
            self.shared.fail(error);
        }
        // Whoever waits for an order learns that its sender is gone, and finds the failure.
    }

    async fn work(&mut self) -> Result<(), WalError> {
        self.adopt_reserve().await?;
        loop {
            self.measure().await?;
            let filled = self.fill().await?;
            let order = if filled {
                match self.orders.try_recv() {
                    Ok(order) => Some(order),
                    Err(mpsc::error::TryRecvError::Empty) => None,
                    Err(mpsc::error::TryRecvError::Disconnected) => return Ok(()),
                }
            } else {
                match tokio::time::timeout(MEASURE, self.orders.recv()).await {
                    Ok(Some(order)) => Some(order),
                    Ok(None) => return Ok(()),
                    Err(_) => None,
                }
            };
            if let Some(order) = order {
                self.serve(order).await?;
            }
        }
    }

    async fn serve(&mut self, order: Order) -> Result<(), WalError> {
        match order {
            Order::Take { need, reply } => {
                let taken = self.take(need).await;
                // A writer that ended meanwhile leaves the spare to the next start.
                let _ = reply.send(taken);
            }
            Order::Retire(segments) => self.retire(segments).await?,
            Order::Finish(reply) => {
                // Nobody waits any more: nothing to tell.
                let _ = reply.send(());
            }
            #[cfg(test)]
            Order::Settle(reply) => {
                while self.fill().await? {}
                let _ = reply.send(());
            }
        }
        Ok(())
    }

    /// Prepares one thing that is missing, if there is room; says whether it did.
    async fn fill(&mut self) -> Result<bool, WalError> {
        let (missing, keep) = match (&self.reserve, &self.spare) {
            (None, _) => (Use::Reserve, self.full_bytes()),
            (_, None) => (Use::Spare, self.settings.disk_reserve_bytes),
            _ => return Ok(false),
        };
        let made = self.make(missing, self.settings.segment_bytes, keep).await?;
        let filled = made.is_some();
        match missing {
            Use::Spare => (self.spare, self.lacks.spare) = (made, !filled),
            Use::Reserve => (self.reserve, self.lacks.reserve) = (made, !filled),
        }
        self.publish();
        Ok(filled)
    }

    /// A spare of at least `need` bytes by whatever means are left.
    async fn take(&mut self, need: u64) -> Result<Spare, WalError> {
        if let Some(spare) = self.spare.take() {
            if spare.capacity() >= need {
                return Ok(spare);
            }
            self.discard(spare).await?;
        }
        let capacity = self.settings.segment_bytes.max(need);
        if let Some(made) = self.make(Use::Spare, capacity, self.full_bytes()).await? {
            return Ok(made);
        }
        if let Some(reserve) = self.reserve.take_if(|reserve| reserve.capacity() >= need) {
            tracing::warn!("the log goes on in its reserve: the disk is full");
            self.lacks.reserve = true;
            self.publish();
            return Ok(reserve);
        }
        // Measured too pessimistically, perhaps. Otherwise this is where a full disk stops the log.
        let (disk, folder, unique) = self.place();
        let prepare = move || segment::prepare(&*disk, &folder, capacity, unique);
        self.outside.blocking.run(prepare).await
    }

    /// Makes a file of zeros, unless that would leave fewer than `keep` bytes free.
    async fn make(&mut self, purpose: Use, capacity: u64, keep: u64) -> Result<Option<Spare>, WalError> {
        let retired = self.retired.pop_front().filter(|retired| retired.capacity == capacity);
        let room = self.free >= capacity.saturating_add(keep);
        let (disk, folder, unique) = self.place();
        let prepare = move || {
            let spare = match retired {
                Some(retired) => segment::zero(Spare::from(retired)),
                None if room => segment::prepare(&*disk, &folder, capacity, unique),
                None => return Ok(None),
            };
            match spare {
                Ok(spare) if purpose == Use::Reserve => segment::reserve(&*disk, &folder, spare, unique).map(Some),
                Err(WalError::Io { source, .. }) if source.kind() == ErrorKind::StorageFull => Ok(None),
                spare => spare.map(Some),
            }
        };
        let made = self.outside.blocking.run(prepare).await?;
        self.measure().await?;
        Ok(made)
    }

    /// Takes segments out of the log, from the oldest on. Each removal is durable before the next: what remains has no
    /// gap, whenever the process ends.
    async fn retire(&mut self, segments: Vec<Segment>) -> Result<(), WalError> {
        for segment in segments {
            let (disk, folder, unique) = self.place();
            let fits = segment.capacity == self.settings.segment_bytes;
            let keep = fits && self.retired.len() < RETIRED_MAX && !self.shared.space.borrow().low;
            let retire = move || {
                if keep {
                    // Crash here: it is back, or a leftover that the next start removes.
                    segment::retire(&*disk, &folder, segment, unique).map(Some)
                } else {
                    disk.remove(&segment.path).map_err(io("removing", &segment.path))?;
                    disk.sync_dir(&folder).map_err(io("syncing", &folder))?;
                    Ok(None)
                }
            };
            self.retired.extend(self.outside.blocking.run(retire).await?);
        }
        self.measure().await
    }

    /// Takes over the reserve of the last run, zeroing it again if the last run ended while using it.
    async fn adopt_reserve(&mut self) -> Result<(), WalError> {
        let (disk, folder, _) = self.place();
        let capacity = self.settings.segment_bytes;
        self.reserve = self.outside.blocking.run(move || segment::find_reserve(&*disk, &folder, capacity)).await?;
        Ok(())
    }

    async fn discard(&self, spare: Spare) -> Result<(), WalError> {
        let disk = Arc::clone(&self.outside.disk);
        self.outside.blocking.run(move || spare.discard(&*disk)).await
    }

    async fn measure(&mut self) -> Result<(), WalError> {
        let (disk, folder, _) = self.place();
        let free = move || disk.free_bytes(&folder).map_err(io("measuring the free space of", &folder));
        self.free = self.outside.blocking.run(free).await?;
        if self.free < self.settings.disk_reserve_bytes {
            // Room that is only set aside for speed.
            for retired in std::mem::take(&mut self.retired) {
                self.discard(Spare::from(retired)).await?;
            }
        }
        self.publish();
        Ok(())
    }

    fn publish(&self) {
        let before = *self.shared.space.borrow();
        // Leaving a state takes an eighth more than entering it.
        let short = |limit: u64, already: bool| {
            let limit = if already { limit.saturating_add(limit / 8) } else { limit };
            self.free < limit
        };
        let full = self.lacks.reserve || short(self.full_bytes(), before.full);
        let low = full || self.lacks.spare || short(self.settings.disk_reserve_bytes, before.low);
        let now = Space { low, full };
        if self.shared.space.send_replace(now) == now {
            return;
        }
        match now {
            Space { full: true, .. } => tracing::error!(free = self.free, "the disk that holds the log is full"),
            Space { low: true, .. } => {
                tracing::warn!(free = self.free, "the disk that holds the log is nearly full: proposals are refused");
            }
            Space { .. } => tracing::info!(free = self.free, "the disk that holds the log has room again"),
        }
    }

    /// Free space below which the disk is full.
    const fn full_bytes(&self) -> u64 {
        self.settings.disk_reserve_bytes / 4
    }

    fn place(&self) -> (Arc<dyn tamga_platform::disk::Disk>, PathBuf, [u8; 8]) {
        (Arc::clone(&self.outside.disk), self.settings.folder.clone(), random_bytes(&*self.outside.entropy))
    }
}
