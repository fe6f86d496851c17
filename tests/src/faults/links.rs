//! What befalls the bytes that one node sends to another. Stories change it while nodes run; the switch and the proxy obey.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// One direction between two nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// Whether anything passes.
    pub open: bool,
    /// Packets lost, in a thousand.
    pub loss: u32,
    /// Packets that come twice, in a thousand.
    pub duplicate: u32,
    /// Packets that are held back behind later ones, in a thousand.
    pub reorder: u32,
    /// How long every packet takes.
    pub delay: Duration,
    /// How much longer it may take; those held back take all of it and the delay once more.
    pub jitter: Duration,
}

/// Nothing befalls anything.
pub const CLEAR: Link =
    Link { open: true, loss: 0, duplicate: 0, reorder: 0, delay: Duration::ZERO, jitter: Duration::ZERO };

/// Between two continents on a bad day.
pub const FOUL: Link = Link {
    open: true,
    loss: 30,
    duplicate: 30,
    reorder: 60,
    delay: Duration::from_millis(8),
    jitter: Duration::from_millis(12),
};

/// What befell packets so far: a story that asks for loss has to see some.
#[derive(Debug, Default)]
pub struct Befallen {
    /// Passed, whatever else.
    pub passed: AtomicU64,
    /// Stopped where the link was cut.
    pub cut: AtomicU64,
    /// Lost by chance.
    pub lost: AtomicU64,
    /// Delivered twice.
    pub duplicated: AtomicU64,
    /// Held back.
    pub reordered: AtomicU64,
}

impl Befallen {
    /// One more.
    pub(super) fn count(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Passed, cut, lost, duplicated, held back.
    #[must_use]
    pub fn seen(&self) -> [u64; 5] {
        [&self.passed, &self.cut, &self.lost, &self.duplicated, &self.reordered]
            .map(|counter| counter.load(Ordering::Relaxed))
    }
}

/// All links of a cluster.
#[derive(Debug, Clone)]
pub struct Links(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    nodes: u32,
    table: Mutex<BTreeMap<(u32, u32), Link>>,
    changed: watch::Sender<()>,
    befallen: Befallen,
}

impl Links {
    /// Clear links between nodes 1 to `nodes`.
    #[must_use]
    pub fn clear(nodes: u32) -> Self {
        let inner =
            Inner { nodes, table: Mutex::default(), changed: watch::Sender::new(()), befallen: Befallen::default() };
        Self(Arc::new(inner))
    }

    fn table(&self) -> MutexGuard<'_, BTreeMap<(u32, u32), Link>> {
        self.0.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The link from one node to another.
    #[must_use]
    pub fn between(&self, from: u32, to: u32) -> Link {
        self.table().get(&(from, to)).copied().unwrap_or(CLEAR)
    }

    /// Changes the link from one node to another.
    pub fn change(&self, from: u32, to: u32, change: impl FnOnce(&mut Link)) {
        change(self.table().entry((from, to)).or_insert(CLEAR));
        self.0.changed.send_replace(());
    }

    /// Nothing passes from one to the other; back it does.
    pub fn cut(&self, from: u32, to: u32) {
        self.change(from, to, |link| link.open = false);
    }

    fn others(&self, node: u32) -> impl Iterator<Item = u32> + use<> {
        (1..=self.0.nodes).filter(move |other| *other != node)
    }

    /// A node hears nobody.
    pub fn deafen(&self, node: u32) {
        self.others(node).for_each(|other| self.cut(other, node));
    }

    /// Nobody hears a node.
    pub fn mute(&self, node: u32) {
        self.others(node).for_each(|other| self.cut(node, other));
    }

    /// A node is alone.
    pub fn isolate(&self, node: u32) {
        self.deafen(node);
        self.mute(node);
    }

    /// Nothing passes between two groups.
    pub fn part(&self, one: &[u32], other: &[u32]) {
        for (a, b) in one.iter().flat_map(|a| other.iter().map(move |b| (*a, *b))) {
            self.cut(a, b);
            self.cut(b, a);
        }
    }

    /// The same weather everywhere; what was cut stays cut.
    pub fn weather(&self, weather: Link) {
        for from in 1..=self.0.nodes {
            for to in self.others(from) {
                self.change(from, to, |link| *link = Link { open: link.open, ..weather });
            }
        }
    }

    /// Nothing befalls anything any more.
    pub fn heal(&self) {
        self.table().clear();
        self.0.changed.send_replace(());
    }

    /// What befell packets so far.
    #[must_use]
    pub fn befallen(&self) -> &Befallen {
        &self.0.befallen
    }

    /// Waits until bytes may pass from one to the other; returns the link.
    pub(super) async fn opened(&self, from: u32, to: u32) -> Link {
        let mut changed = self.0.changed.subscribe();
        loop {
            let link = self.between(from, to);
            if link.open || changed.changed().await.is_err() {
                return link;
            }
        }
    }
}
