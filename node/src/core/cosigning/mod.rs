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
//! | `recall` | what others have seen of this node's keys, asked before anything is signed |
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
mod recall;
mod sign;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tamga_ledger::ids::PublicKey;
use tamga_ledger::note::Checkpoint;
use tamga_ledger::policy::Policy;
use tamga_ledger::sign::Signer as _;
use tamga_ledger::tree::TreeHead;
use tokio::sync::{Mutex, mpsc};
use tokio::time::{MissedTickBehavior, interval};

use self::cuts::Cuts;
pub(crate) use self::memory::{Memory, cosigned_sizes};
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
    /// This node's cosigner keys, with their public halves. Which of them sign, the policies in force say.
    keys: Vec<(NodeSigner, PublicKey)>,
    /// Its log keys.
    logs: Vec<NodeSigner>,
    /// One thing at a time: signing and publishing write files in order.
    inner: Mutex<Inner>,
    standing: std::sync::RwLock<Standing>,
}

#[derive(Debug)]
struct Inner {
    cuts: Cuts,
    /// One a key, in their order.
    memories: Vec<Memory>,
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
    /// Enough organisations have said what they remember of this node's keys; nothing is signed before.
    pub(crate) confirmed: bool,
    /// Why a key signs nothing any more.
    pub(crate) silent: Option<String>,
}

impl Inner {
    /// The highest size that one of the keys has signed.
    fn highest(&self) -> u64 {
        self.memories.iter().map(Memory::size).max().unwrap_or(0)
    }
}

impl Cosigning {
    /// `confirmed`: the memories need nobody's word.
    pub(crate) fn new(
        cosigners: Vec<(NodeSigner, Memory)>,
        logs: Vec<NodeSigner>,
        published: u64,
        confirmed: bool,
    ) -> Self {
        let (keys, memories): (Vec<_>, Vec<_>) =
            cosigners.into_iter().map(|(key, memory)| ((Arc::clone(&key), key.public_key()), memory)).unzip();
        let inner = Inner { cuts: Cuts::default(), memories, published, stopped: None };
        let standing = Standing { cosigned_size: inner.highest(), confirmed, ..Standing::default() };
        Self { keys, logs, inner: Mutex::new(inner), standing: std::sync::RwLock::new(standing) }
    }

    fn is_confirmed(&self) -> bool {
        use super::lock::Access as _;
        self.standing.look().confirmed
    }

    /// Whether a policy names one of this node's cosigner keys.
    pub(crate) fn cosigns_under(&self, policy: &Policy) -> bool {
        self.keys.iter().any(|(_, key)| policy.witnesses().iter().any(|one| *one.key.key_bytes() == key.0))
    }

    /// The log keys of this node that a policy names; the registered one may not be here.
    fn logs_under<'a>(&'a self, policy: &'a Policy) -> impl Iterator<Item = &'a NodeSigner> {
        self.logs.iter().filter(|key| policy.logs().iter().any(|log| *log.key.key_bytes() == key.public_key().0))
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
