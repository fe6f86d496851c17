//! The day itself: what everybody in the country sends, phase after phase, through the client library.
//!
//! | file | phases |
//! |---|---|
//! | `setup` | definition, keys, roll, Roll seal |
//! | `voting` | zero reports, identifications along the curve, batches at the official hours |
//! | `identify` | one voter before one device, or before two at once |
//! | `counting` | final reports, protocols, openings, the last two seals |
//! | `crew` | many tasks at once, but not too many |

mod counting;
mod crew;
mod identify;
mod setup;
mod voting;

use crate::console::Console;
use crate::measure::Measures;
use crate::nodes::{Nodes, NodesError};
use crate::world::{Desk, World, WorldError};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;
use tamga_ledger::kinds::DefinitionPart;
use tamga_ledger::submission::Submission;
use tamga_ledger::tree::{LeafIndex, TreeHead};
use tokio::time::sleep;
use tokio_util::task::TaskTracker;

/// Why a day could not go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DayError {
    /// The cluster did not answer, or not as it must.
    #[error(transparent)]
    Nodes(#[from] NodesError),
    /// The simulation itself.
    #[error(transparent)]
    World(#[from] WorldError),
    /// A task of this program.
    #[error("a task of the simulation failed: {0}")]
    Task(#[from] tokio::task::JoinError),
}

/// One day and everybody in it. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Day {
    /// The people, stations and keys.
    pub world: Arc<World>,
    /// The cluster.
    pub nodes: Arc<Nodes>,
    /// What is counted.
    pub measures: Arc<Measures>,
    /// Identifications a second that are offered, whatever the cluster does; none for as many as it takes.
    pub rate: Option<f64>,
    next_via: Arc<AtomicUsize>,
    /// The highest leaf of what stations and commission have sent, identifications aside.
    last_leaf: Arc<AtomicU64>,
    /// Receipts being fetched.
    aside: TaskTracker,
}

impl Day {
    /// A day that has not begun.
    #[must_use]
    pub fn new(world: World, nodes: Nodes, rate: Option<f64>) -> Self {
        Self {
            world: Arc::new(world),
            nodes: Arc::new(nodes),
            measures: Arc::default(),
            rate,
            next_via: Arc::default(),
            last_leaf: Arc::default(),
            aside: TaskTracker::new(),
        }
    }

    /// Runs all phases; returns the leaf of the last record.
    ///
    /// # Errors
    /// [`DayError`] for whatever keeps the day from going on. What merely must not happen becomes a problem in
    /// [`Measures`].
    pub async fn run(&self, parts: &[DefinitionPart], console: &Console) -> Result<LeafIndex, DayError> {
        self.prepare(parts, console).await?;
        self.vote(console).await?;
        self.wait_for_embargo(console).await;
        let sums = self.count(console).await?;
        self.open_remote_totals(&sums, console).await?;
        self.seal_voting(console).await?;
        self.seal_results(console).await
    }

    /// The phases before the first voter.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub async fn prepare(&self, parts: &[DefinitionPart], console: &Console) -> Result<(), DayError> {
        self.define(parts, console).await?;
        self.register_keys(console).await?;
        self.load_roll(console).await?;
        self.seal_roll(console).await?;
        self.open_stations(console).await
    }

    /// Submits a record that has to be accepted, through one node after the other; returns where it is.
    async fn send(&self, what: &'static str, submission: &Submission) -> Result<LeafIndex, DayError> {
        let via = self.next_via.fetch_add(1, Ordering::Relaxed);
        let leaf = self.nodes.accepted(what, via, submission).await?.leaf;
        self.last_leaf.fetch_max(leaf.get(), Ordering::Relaxed);
        Ok(leaf)
    }

    /// The head of a published checkpoint that covers everything sent so far: what a seal speaks about.
    async fn head(&self) -> Result<TreeHead, DayError> {
        let last = self.last_leaf.load(Ordering::Relaxed);
        Ok(self.nodes.checkpoint_over(last).await?.checkpoint().head())
    }

    /// A station by its place in the list.
    fn desk_at(&self, place: usize) -> Result<&Desk, WorldError> {
        self.world.desks.get(place).ok_or(WorldError::Order("a station that does not exist"))
    }

    async fn sleep_until(&self, at_ms: u64) {
        loop {
            let now_ms = self.world.now_ms();
            if now_ms >= at_ms {
                return;
            }
            // In short steps: the wall clock may be put right meanwhile.
            sleep(Duration::from_millis((at_ms - now_ms).min(1_000))).await;
        }
    }
}
