//! The nodes as the day's authors see them: any node takes any record, the same bytes until a verdict is known.

use std::sync::Arc;
use std::time::Duration;
use tamga_client::device::{
    DeviceClient, DeviceError, DeviceOptions, NodeEndpoint, Outcome, SubmitStream, TcpDial, VerifiedBytes,
};
use tamga_ledger::ids::RecordId;
use tamga_ledger::note::VerifiedCheckpoint;
use tamga_ledger::promise::Judged;
use tamga_ledger::submission::Submission;
use tamga_ledger::tree::LeafIndex;
use tamga_ledger::trust::Trust;
use tamga_ledger::verdict::Verdict;
use tamga_platform::entropy::Entropy;
use tokio::time::{Instant, sleep};

/// Submissions in flight on one stream.
const WINDOW: usize = 256;
/// How long a verdict may take.
const VERDICT_WITHIN: Duration = Duration::from_secs(60);
/// How long a receipt may take.
const RECEIPT_WITHIN: Duration = Duration::from_secs(60);

/// Why a record has no verdict, or not the one it needs.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NodesError {
    /// No usable answer.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// Refused at admission.
    #[error("{what} was refused by node {node} before it was recorded: {code}: {text}")]
    NotTaken {
        /// The record.
        what: &'static str,
        /// Who refused.
        node: u32,
        /// The refusal's name.
        code: String,
        /// What the node says.
        text: String,
    },
    /// Promised, but not judged.
    #[error("{what} was promised, but there was no verdict within {} s", VERDICT_WITHIN.as_secs())]
    NoVerdict {
        /// The record.
        what: &'static str,
    },
    /// Recorded, but no checkpoint covers it.
    #[error("no published checkpoint covers leaf {leaf} after {} s: {what}", RECEIPT_WITHIN.as_secs())]
    Unpublished {
        /// Which leaf.
        leaf: u64,
        /// What there is.
        what: String,
    },
    /// Recorded, but refused.
    #[error("{what} at leaf {leaf} was to be accepted, but: {verdict}")]
    Refused {
        /// The record.
        what: &'static str,
        /// Where it is.
        leaf: u64,
        /// What the rules said.
        verdict: Verdict,
    },
}

/// One node's way in.
#[derive(Debug)]
struct Way {
    node: u32,
    /// Begins with this node, goes on with the others.
    client: DeviceClient,
    stream: SubmitStream,
    /// Asks this node and no other.
    alone: DeviceClient,
}

/// All nodes.
#[derive(Debug)]
pub struct Nodes {
    ways: Vec<Way>,
}

impl Nodes {
    /// Clients of these nodes. Call it inside a tokio runtime.
    ///
    /// # Errors
    /// [`DeviceError`] for endpoints that cannot be.
    pub fn new(
        trust: &Arc<Trust>,
        endpoints: &[NodeEndpoint],
        entropy: &Arc<dyn Entropy>,
    ) -> Result<Self, DeviceError> {
        let options = DeviceOptions { deadline: VERDICT_WITHIN, window: WINDOW, ..DeviceOptions::default() };
        let client = |endpoints: &[NodeEndpoint]| {
            DeviceClient::new(Arc::clone(trust), endpoints, options, Arc::new(TcpDial), Arc::clone(entropy))
        };
        let ways = (0..endpoints.len()).map(|first| {
            let mut order = endpoints.to_vec();
            order.rotate_left(first);
            let all = client(&order)?;
            let alone = client(&order[..1])?;
            Ok(Way { node: order[0].node, stream: all.stream(0), client: all, alone })
        });
        Ok(Self { ways: ways.collect::<Result<_, DeviceError>>()? })
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.ways.len()
    }

    fn way(&self, via: usize) -> Result<&Way, DeviceError> {
        self.ways.get(via % self.ways.len().max(1)).ok_or(DeviceError::NoNodes)
    }

    /// Submits a record through node number `via` (any number), and asks on until its verdict is known.
    ///
    /// # Errors
    /// [`NodesError`], but not for a refusing verdict.
    pub async fn judged(&self, what: &'static str, via: usize, submission: &Submission) -> Result<Judged, NodesError> {
        let began = Instant::now();
        let mut pause = Duration::from_millis(20);
        loop {
            let answered = self.way(via)?.stream.submit(submission).await?;
            match answered.outcome {
                Outcome::Promised { promise, .. } => {
                    if let Some(judged) = promise.judged {
                        return Ok(judged);
                    }
                }
                Outcome::Refused { refusal, .. } => {
                    let (node, code, text) = (answered.node, refusal.code, refusal.text);
                    return Err(NodesError::NotTaken { what, node, code, text });
                }
            }
            if began.elapsed() > VERDICT_WITHIN {
                return Err(NodesError::NoVerdict { what });
            }
            sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(1));
        }
    }

    /// As [`judged`](Self::judged), for a record that has to be accepted.
    ///
    /// # Errors
    /// [`NodesError`].
    pub async fn accepted(
        &self,
        what: &'static str,
        via: usize,
        submission: &Submission,
    ) -> Result<Judged, NodesError> {
        let judged = self.judged(what, via, submission).await?;
        if judged.verdict.is_accepted() {
            return Ok(judged);
        }
        Err(NodesError::Refused { what, leaf: judged.leaf.get(), verdict: judged.verdict })
    }

    /// A record's receipt, verified.
    ///
    /// # Errors
    /// [`NodesError::Device`].
    pub async fn receipt(&self, via: usize, id: &RecordId, leaf: LeafIndex) -> Result<VerifiedBytes, NodesError> {
        Ok(self.way(via)?.client.receipt_at(id, leaf, RECEIPT_WITHIN).await?)
    }

    /// A published checkpoint, verified, that covers a leaf; waited for.
    ///
    /// # Errors
    /// [`NodesError::Unpublished`].
    pub async fn checkpoint_over(&self, leaf: u64) -> Result<VerifiedCheckpoint, NodesError> {
        let began = Instant::now();
        loop {
            let what = match self.way(0)?.client.checkpoint().await {
                Ok(checkpoint) if checkpoint.checkpoint().size.get() > leaf => return Ok(checkpoint),
                Ok(checkpoint) => format!("the latest has {} entries", checkpoint.checkpoint().size),
                Err(error) => error.to_string(),
            };
            if began.elapsed() > RECEIPT_WITHIN {
                return Err(NodesError::Unpublished { leaf, what });
            }
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// The latest checkpoint of each node, verified; with what went wrong where there is none.
    pub async fn checkpoints(&self) -> Vec<(u32, Result<VerifiedCheckpoint, DeviceError>)> {
        let ask = |way: &Way| {
            let (node, client) = (way.node, way.alone.clone());
            async move { (node, client.checkpoint().await) }
        };
        futures::future::join_all(self.ways.iter().map(ask)).await
    }
}
