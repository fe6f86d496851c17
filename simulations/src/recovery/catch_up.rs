//! From an empty folder to the others' size.
//!
//! A node whose disk is gone never comes back under its old id: it has forgotten what it voted and signed. So the organisations
//! decide on a *new* node, as they would then, and what is timed is its way from the start of its process, with an empty
//! folder, until it has everything and serves.

use super::RecoveryError;
use super::bulk::ready;
use super::report::CatchUp;
use super::stage::Stage;
use crate::cluster::node_binary;
use crate::world::WorldError;
use tamga_client::author::{node_add, node_set_role};
use tamga_client::device::Outcome;
use tamga_ledger::kinds::NodeRole;
use tamga_ledger::sign;
use tamga_node::config::Peer;
use tamga_node::provision::generate_node;
use tamga_platform::entropy::OsEntropy;
use tokio::time::Instant;

/// The node that comes.
const NEW: u32 = 4;

/// Adds a node and times it.
pub(super) async fn measure(mut stage: Stage) -> Result<CatchUp, RecoveryError> {
    let organisation = stage.founded.organisations.first().ok_or(WorldError::Order("no organisations"))?;
    let name = organisation.name.clone();
    let node =
        generate_node(&OsEntropy, NEW, &format!("{name}/node-{NEW}")).map_err(crate::cluster::ClusterError::from)?;
    decide(&stage, &node_add(&name, NodeRole::Learner, node.public.clone())).await?;

    let entries = stage.status(1).await.map_err(RecoveryError::Wrong)?.applied_size;
    let peers: Result<Vec<Peer>, RecoveryError> = stage
        .cluster
        .nodes
        .iter()
        .map(|node| Ok(Peer { id: node.id, address: node.config()?.listen.peer.to_string() }))
        .collect();
    let (folder, binary) = (stage.folder.clone(), tokio::task::block_in_place(node_binary)?);
    let began = Instant::now();
    stage.cluster.join(&node, &folder, &binary, peers?)?;
    ready(&mut stage, &[NEW]).await?;
    let has_all = |status: &super::stage::Status| status.applied_size >= entries && !status.catching_up;
    stage.all(&[NEW], "everything in the new node", super::bulk::JUDGED_WITHIN, has_all).await?;
    let seconds = began.elapsed().as_secs_f64();
    let rss_mib_max = stage.cluster.nodes.last().and_then(crate::cluster::NodeProcess::rss_mib_max).unwrap_or(0);
    // That it is one of them now, and not only a copy: it may vote.
    decide(&stage, &node_set_role(NEW, NodeRole::Voter)).await?;
    stage.cluster.stop().await;
    Ok(CatchUp { entries, seconds, entries_per_s: entries as f64 / seconds, rss_mib_max })
}

/// A decision of all organisations.
async fn decide(stage: &Stage, change: &tamga_ledger::kinds::Governance) -> Result<(), RecoveryError> {
    let organisations = &stage.founded.organisations;
    let keys: Vec<_> = organisations.iter().map(|organisation| sign::public_key(&organisation.record)).collect();
    let draft = stage.day.world.scribe.governance(&keys, change).map_err(WorldError::from)?;
    let shares = organisations.iter().map(|organisation| draft.share(&organisation.record));
    let shares = shares.collect::<Result<Vec<_>, _>>().map_err(WorldError::from)?;
    let record = draft.merge(&shares).map_err(WorldError::from)?;
    // The nodes have been started again since the day began, and their public ports are others.
    let clients = super::failover::clients(stage, &[1, 2, 3])?;
    let client = clients.first().ok_or_else(|| RecoveryError::Wrong("no node is left".to_owned()))?;
    let answered = client.submit_for_verdict(&record).await?;
    match answered.outcome {
        Outcome::Promised { promise, .. } if promise.judged.as_ref().is_some_and(|told| told.verdict.is_accepted()) => {
            Ok(())
        }
        other => Err(RecoveryError::Wrong(format!("a decision about nodes was not accepted: {other:?}"))),
    }
}
