//! Where the entries come from: ranges of leaves, asked for from several peers ahead of their turn.
//!
//! Parts are taken in the order of leaves. Each range in flight holds at most two parts, so that the memory of a transfer
//! is bounded whatever its length. A peer that fails rests a while; one that lied is put aside for the whole transfer.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};

use crate::core::shared::Shared;
use crate::proto::{EntriesPart, TakeEntriesRequest};

/// Leaves of one range.
const RANGE_LEAVES: u64 = 8_192;
/// Ranges asked for at once, and those of them from one peer.
const RANGES_MAX: usize = 6;
const RANGES_OF_ONE_PEER_MAX: usize = 3;
/// How long a peer that failed, or is not that far, is left alone.
const REST: Duration = Duration::from_secs(1);

/// A part as it came, and from whom.
#[derive(Debug)]
pub(super) struct Arrived {
    pub(super) peer: u32,
    pub(super) part: EntriesPart,
    /// Where its range ends.
    pub(super) upto: u64,
}

/// No peer is left to ask.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no node that could be asked is left; put aside: {0:?}")]
pub(crate) struct NobodyLeft(Vec<u32>);

/// A range in flight. Dropping it ends its task and with it the stream.
#[derive(Debug)]
struct Range {
    upto: u64,
    peer: u32,
    parts: mpsc::Receiver<Result<EntriesPart, String>>,
    task: JoinHandle<()>,
}

impl Drop for Range {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct Sources {
    shared: Arc<Shared>,
    target: u64,
    /// First leaf nobody was asked for yet.
    next: u64,
    ranges: VecDeque<Range>,
    resting: BTreeMap<u32, Instant>,
    aside: BTreeSet<u32>,
    /// Spreads ranges over peers.
    turn: usize,
}

impl Sources {
    /// Nothing is asked for before the first [`Sources::next`].
    pub(super) fn new(shared: &Arc<Shared>, from: u64, target: u64) -> Self {
        Self {
            shared: Arc::clone(shared),
            target,
            next: from,
            ranges: VecDeque::new(),
            resting: BTreeMap::new(),
            aside: BTreeSet::new(),
            turn: 0,
        }
    }

    /// The next part, which is to begin at leaf `at`. Waits as long as there is somebody to wait for.
    pub(super) async fn next(&mut self, at: u64) -> Result<Arrived, NobodyLeft> {
        loop {
            self.ask_ahead(at).await?;
            let patience = self.shared.tuning.peer_timeout * 4;
            let Some(range) = self.ranges.front_mut() else { continue };
            match timeout(patience, range.parts.recv()).await {
                Ok(Some(Ok(part))) => return Ok(Arrived { peer: range.peer, part, upto: range.upto }),
                Ok(Some(Err(why))) => self.failed(at, &why),
                // The stream ended before the range did.
                Ok(None) => self.failed(at, "it ended a transfer early"),
                Err(_) => self.failed(at, "it went silent during a transfer"),
            }
        }
    }

    /// The part was good, and the ledger now ends at `at`.
    pub(super) fn taken(&mut self, at: u64) {
        if self.ranges.front().is_some_and(|range| range.upto <= at) {
            self.ranges.pop_front();
        }
    }

    /// The part was not good: its sender is asked for nothing any more, and its ranges are asked for elsewhere.
    pub(super) fn lied(&mut self, peer: u32) {
        self.aside.insert(peer);
        if let Some(first) = self.ranges.iter().position(|range| range.peer == peer) {
            self.give_back(first);
        }
    }

    fn failed(&mut self, at: u64, why: &str) {
        let Some(range) = self.ranges.front() else { return };
        tracing::info!(peer = range.peer, at, why, "a node does not go on sending entries; another one is asked");
        self.resting.insert(range.peer, Instant::now() + REST);
        self.give_back(0);
    }

    /// Asks anew for everything from the range at `place` on. What others have sent of it by now is sent again: the price
    /// of a peer that failed.
    fn give_back(&mut self, place: usize) {
        self.ranges.truncate(place);
        self.next = self.ranges.back().map_or(0, |range| range.upto);
    }

    /// Keeps as many ranges in flight as there may be.
    async fn ask_ahead(&mut self, at: u64) -> Result<(), NobodyLeft> {
        self.next = self.next.max(at);
        while self.ranges.len() < RANGES_MAX && self.next < self.target {
            match self.choose() {
                Some(peer) => self.ask(peer),
                None if !self.ranges.is_empty() => break,
                None => self.wait_for_somebody().await?,
            }
        }
        Ok(())
    }

    fn candidates(&self) -> Vec<u32> {
        self.shared.peers.ids().into_iter().filter(|peer| !self.aside.contains(peer)).collect()
    }

    /// The peer with the fewest ranges in flight that is not resting; in turn.
    fn choose(&mut self) -> Option<u32> {
        let now = Instant::now();
        self.resting.retain(|_, until| *until > now);
        let mut awake = self.candidates();
        awake.retain(|peer| !self.resting.contains_key(peer));
        if awake.is_empty() {
            return None;
        }
        self.turn += 1;
        let turn = self.turn % awake.len();
        awake.rotate_left(turn);
        let busy = |peer: &u32| self.ranges.iter().filter(|range| range.peer == *peer).count();
        awake.into_iter().min_by_key(busy).filter(|peer| busy(peer) < RANGES_OF_ONE_PEER_MAX)
    }

    async fn wait_for_somebody(&self) -> Result<(), NobodyLeft> {
        if self.candidates().is_empty() {
            return Err(NobodyLeft(self.aside.iter().copied().collect()));
        }
        let soonest = self.resting.values().min().copied();
        sleep_until(soonest.unwrap_or_else(|| Instant::now() + REST)).await;
        Ok(())
    }

    fn ask(&mut self, peer: u32) {
        let (from, upto) = (self.next, self.target.min(self.next + RANGE_LEAVES));
        let request = TakeEntriesRequest { from, upto, target: self.target };
        let (send, parts) = mpsc::channel(1);
        let shared = Arc::clone(&self.shared);
        let task = tokio::spawn(async move {
            let mut stream = match shared.peers.entries(peer, request).await {
                Ok(stream) => stream,
                Err(why) => {
                    // Whoever gave the range up does not listen any more.
                    let _ = send.send(Err(why)).await;
                    return;
                }
            };
            loop {
                let part = stream.message().await.map_err(|status| status.message().to_owned()).transpose();
                let Some(part) = part else { return };
                let last = part.is_err();
                if send.send(part).await.is_err() || last {
                    return;
                }
            }
        });
        self.ranges.push_back(Range { upto, peer, parts, task });
        self.next = upto;
    }
}
