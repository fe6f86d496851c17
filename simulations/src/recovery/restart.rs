//! From the start of a node's process to its service (`/readyz` says 200), with a ledger of the full size and the other nodes
//! running: after an orderly end, and after a SIGKILL.

use super::RecoveryError;
use super::bulk::{Made, ready};
use super::report::Restart;
use super::stage::{Stage, median};
use std::time::Instant;

/// The node that is restarted.
const NODE: u32 = 2;

/// Restarts one node so often each way.
pub(super) async fn measure(made: Made, restarts: u32) -> Result<(Stage, Restart), RecoveryError> {
    let Made { mut stage, made } = made;
    let (mut orderly, mut killed) = (Vec::new(), Vec::new());
    for _ in 0..restarts {
        orderly.push(once(&mut stage, false).await?);
        killed.push(once(&mut stage, true).await?);
    }
    let max_ms = orderly.iter().chain(&killed).copied().fold(0.0, f64::max);
    let restart = Restart {
        entries: made.entries,
        restarts,
        after_end_p50_ms: median(&mut orderly),
        after_kill_p50_ms: median(&mut killed),
        max_ms,
    };
    Ok((stage, restart))
}

async fn once(stage: &mut Stage, kill: bool) -> Result<f64, RecoveryError> {
    let node = stage.cluster.nodes.iter_mut().find(|node| node.id == NODE);
    let node = node.ok_or_else(|| RecoveryError::Wrong(format!("there is no node {NODE}")))?;
    if kill {
        node.kill().await;
    } else {
        node.ask_to_end();
        node.end().await;
    }
    let began = Instant::now();
    node.restart()?;
    ready(stage, &[NODE]).await?;
    Ok(began.elapsed().as_secs_f64() * 1_000.0)
}
