//! From a cut to a published checkpoint.
//!
//! ```text
//! cut ─► note ─► may this node sign? ─► memory durable ─► cosignature ─► offered to all peers ◄─► theirs, verified
//!                                                                              │ policy satisfied
//!        published ◄── watch ◄── store synced, checkpoint archived ◄── log signature
//! ```
//!
//! | file | what |
//! |---|---|
//! | `memory` | what this key has signed, durable before a signature leaves |
//! | `cuts` | the cuts in hand, and notes that came before their cut |
//! | `sign` | whether to sign, and signing |
//! | `exchange` | offers to and from peers; divergence |
//! | `outside` | cosignatures of outside witnesses, joined with published notes |
//! | `publish` | a satisfied policy becomes a published checkpoint |
//!
//! All nodes cut at the same sizes, so all sign one text. A cut that nobody publishes is passed over by a later one.

mod cuts;
mod exchange;
mod memory;
mod outside;
mod publish;
mod sign;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tamga_ledger::note::{Checkpoint, CosignerKey, LogKey};
use tamga_ledger::tree::TreeHead;
use tokio::sync::{Mutex, mpsc};
use tokio::time::{MissedTickBehavior, interval};

use self::cuts::Cuts;
pub(crate) use self::memory::Memory;
use super::setup::NodeSigner;
use super::shared::Shared;
use crate::view::View;

/// A cut that apply made.
#[derive(Debug, Clone)]
pub(crate) struct CutMade {
    pub(crate) head: TreeHead,
    /// Figures there; none far behind the end of the log, where cuts are not signed.
    pub(crate) view: Option<Arc<View>>,
    /// This clock less the batch's time.
    pub(crate) skew_ms: i64,
    /// Whether the batch was news when it was applied.
    pub(crate) live: bool,
}

/// This node's part in cosigning.
#[derive(Debug)]
pub(crate) struct Cosigning {
    /// None if the trust policy does not name this node's key: its cosignature would count for nobody.
    cosigner: Option<Arc<CosignerKey<NodeSigner>>>,
    /// None if the trust policy does not name this node's key: readers would not know it.
    log: Option<Arc<LogKey<NodeSigner>>>,
    /// One thing at a time: signing and publishing write files in order.
    inner: Mutex<Inner>,
    standing: std::sync::RwLock<Standing>,
}

#[derive(Debug)]
struct Inner {
    cuts: Cuts,
    memory: Memory,
    /// Size of the latest published checkpoint.
    published: u64,
    /// Why this node signs nothing any more.
    stopped: Option<String>,
}

/// For the status.
#[derive(Debug, Clone, Default)]
pub(crate) struct Standing {
    pub(crate) cosigned_size: u64,
    pub(crate) withheld: Option<String>,
    pub(crate) diverged: bool,
}

impl Cosigning {
    pub(crate) fn new(
        cosigner: Option<CosignerKey<NodeSigner>>,
        log: Option<LogKey<NodeSigner>>,
        memory: Memory,
        published: u64,
    ) -> Self {
        let (cosigner, log) = (cosigner.map(Arc::new), log.map(Arc::new));
        let standing = Standing { cosigned_size: memory.size(), ..Standing::default() };
        let inner = Inner { cuts: Cuts::default(), memory, published, stopped: None };
        Self { cosigner, log, inner: Mutex::new(inner), standing: std::sync::RwLock::new(standing) }
    }

    /// For the status.
    pub(crate) fn standing(&self) -> Standing {
        use super::lock::Access as _;
        self.standing.look().clone()
    }
}

impl Shared {
    /// Cosigns, exchanges and publishes until this node stops.
    pub(crate) async fn cosign(self: Arc<Self>, mut cuts: mpsc::UnboundedReceiver<CutMade>) {
        let mut retry = interval(self.tuning.cosign_retry);
        retry.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                cut = cuts.recv() => {
                    let Some(mut newest) = cut else { return };
                    // Behind: register all, sign the newest only.
                    while let Ok(next) = cuts.try_recv() {
                        self.register(std::mem::replace(&mut newest, next)).await;
                    }
                    self.register(newest).await;
                    self.sign_newest().await;
                }
                _ = retry.tick() => self.offer_again().await,
                () = self.stopped() => return,
            }
        }
    }

    /// This node has caught up: from now on its cuts are news.
    pub(crate) async fn caught_up(self: &Arc<Self>) {
        self.catching_up.store(false, Ordering::SeqCst);
        if self.is_catch_up_unfinished() {
            // One has begun this very moment.
            return self.catching_up.store(true, Ordering::SeqCst);
        }
        self.register_tail().await;
        self.sign_newest().await;
        self.take_over_published().await;
    }

    fn checkpoint(&self, head: TreeHead) -> Checkpoint {
        Checkpoint { origin: self.trust.origin().clone(), size: head.size, roots: head.roots }
    }
}
